// One result in full: zoom, what it was made with, and what can be done with it.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { get } from "../lib/api.js";
import { useDialog } from "../lib/dialog.js";
import { useLoad } from "../lib/load.js";
import { go, to } from "../lib/router.js";
import { jobName } from "../lib/format.js";
import { Icon, Loaded, Time, Toasts } from "./basics.js";
import { DownloadLink, OutputFacts, OutputView } from "./outputs.js";
import { UseAsInput } from "./use_as_input.js";
import { RunAgain, star } from "./job_actions.js";

const ZOOM_MAX = 8;
const ZOOM_STEP = 1.4;
const within = (value, most) => Math.min(most, Math.max(-most, value));

// Wheel and keys change the size, dragging moves; a double click goes between whole and twice.
function Zoom({ children, zoom, setZoom }) {
  const [at, setAt] = useState({ x: 0, y: 0 });
  const drag = useRef(null);
  const onWheel = (event) => {
    event.preventDefault();
    setZoom((now) => Math.min(ZOOM_MAX, Math.max(1, now * (event.deltaY < 0 ? ZOOM_STEP : 1 / ZOOM_STEP))));
  };
  const frame = useRef(null);
  useEffect(() => {
    const element = frame.current;
    element.addEventListener("wheel", onWheel, { passive: false });
    return () => element.removeEventListener("wheel", onWheel);
  }, []);
  useEffect(() => {
    if (zoom === 1) {
      setAt({ x: 0, y: 0 });
    }
  }, [zoom]);
  const onMove = (event) => {
    if (drag.current) {
      const box = frame.current.getBoundingClientRect();
      setAt({ x: within(drag.current.x + event.clientX, (box.width * (zoom - 1)) / 2), y: within(drag.current.y + event.clientY, (box.height * (zoom - 1)) / 2) });
    }
  };
  return html`<div class="zoom ${zoom > 1 ? "zoom-in" : ""}" ref=${frame} onDblClick=${() => setZoom(zoom > 1 ? 1 : 2)}
    onPointerDown=${(event) => { if (zoom > 1) { event.preventDefault(); drag.current = { x: at.x - event.clientX, y: at.y - event.clientY }; } }}
    onPointerMove=${onMove} onPointerUp=${() => { drag.current = null; }} onPointerLeave=${() => { drag.current = null; }}>
    <div class="zoom-content" style=${{ transform: `translate(${at.x}px, ${at.y}px) scale(${zoom})` }}>${children}</div></div>`;
}

const Facts = ({ job }) => html`<dl class="facts">
  ${job.template && html`<dt>Template</dt><dd>${job.template}</dd>`}
  ${job.seed !== null && html`<dt>Seed</dt><dd class="numeric">${String(job.seed)}</dd>`}
  ${Object.entries(job.input).filter(([name, value]) => name !== "seed" && typeof value !== "object").map(([name, value]) => html`<dt key=${`${name}?`}>${name}</dt><dd key=${name}>${String(value)}</dd>`)}
  <dt>Made</dt><dd><${Time} at=${job.completed_at ?? job.created_at} /></dd></dl>`;

function Shown({ job, output, zoom, setZoom, reload }) {
  return html`<${Zoom} zoom=${zoom} setZoom=${setZoom}><${OutputView} output=${output} /><//>
    <aside class="viewer-side"><h2 id="viewer-title">${jobName(job)}</h2><p><${OutputFacts} output=${output} /></p>
      <div class="actions"><${DownloadLink} output=${output} />
        <${RunAgain} job=${job} /><${UseAsInput} output=${output} />
        <button type="button" aria-pressed=${job.starred} onClick=${() => star(job, !job.starred).then(reload)}><${Icon} name="star" /> ${job.starred ? "Starred" : "Star"}</button>
        <a class="button" href=${to("jobs", job.id)}>The job</a></div>
      <${Facts} job=${job} /></aside>`;
}

export function Viewer({ place, earlier, later, onClose }) {
  const [id, index] = place.split(".");
  const dialog = useDialog();
  const [zoom, setZoom] = useState(1);
  const job = useLoad(() => get(`/v1/jobs/${encodeURIComponent(id)}`), [id], (event) => event.job_id === id && event.type === "job.updated");
  // The way on may have gone with the last step; the keys are heard only inside.
  useEffect(() => {
    setZoom(1);
    if (!dialog.current.contains(document.activeElement)) {
      dialog.current.focus();
    }
  }, [place]);
  const onKeyDown = (event) => {
    if (["INPUT", "SELECT", "VIDEO", "AUDIO"].includes(event.target.tagName)) {
      return;
    }
    const act = { ArrowLeft: () => earlier && go(earlier), ArrowRight: () => later && go(later), "+": () => setZoom((now) => Math.min(ZOOM_MAX, now * ZOOM_STEP)),
      "-": () => setZoom((now) => Math.max(1, now / ZOOM_STEP)), 0: () => setZoom(1) }[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  };

  return html`<dialog class="viewer" ref=${dialog} tabindex="-1" aria-label="Result" onKeyDown=${onKeyDown} onCancel=${(event) => { event.preventDefault(); onClose(); }}>
    <button type="button" class="viewer-close icon-only" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button>
    <${Loaded} of=${job}>${(known) => {
      const output = known.outputs.find((one) => String(one.index) === index);
      return output ? html`<${Shown} job=${known} output=${output} zoom=${zoom} setZoom=${setZoom} reload=${job.reload} />` : html`<p>There is no such result any more.</p>`;
    }}<//>
    ${earlier && html`<a class="button icon-only viewer-step viewer-earlier" href=${earlier} aria-label="Previous result" title="Previous (←)"><${Icon} name="left" /></a>`}
    ${later && html`<a class="button icon-only viewer-step viewer-later" href=${later} aria-label="Next result" title="Next (→)"><${Icon} name="right" /></a>`}
    <${Toasts} />
  </dialog>`;
}
