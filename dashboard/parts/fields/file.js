// A file to work on: dropped, pasted or chosen, and stored by the gateway; or an earlier result.
import { html, useEffect, useRef, useState } from "../../lib/html.js";
import { get, upload } from "../../lib/api.js";
import { bytes } from "../../lib/format.js";
import { Bar, Icon } from "../basics.js";
import { OutputPicker } from "../output_picker.js";
import { thumbnail } from "../outputs.js";
import { Frame, tied } from "./frame.js";

const KINDS = ["image", "video", "audio"];

function Picture({ source }) {
  const [isBroken, setBroken] = useState(false);
  return isBroken ? html`<div class="file-thumb file-none">no picture</div>`
    : html`<img class="file-thumb" src=${source} alt="" onError=${() => setBroken(true)} />`;
}

// What is known of a file that is named by its reference; { words, source }.
function useFacts(reference) {
  const [kind, id] = reference.split(/:(.*)/s);
  const [facts, setFacts] = useState({});
  useEffect(() => {
    setFacts({});
    const controller = new AbortController();
    if (kind === "asset") {
      get(`/v1/assets/${encodeURIComponent(id)}`, {}, { signal: controller.signal }).then((asset) => setFacts({
        words: [asset.name ?? asset.type, asset.width && `${asset.width} × ${asset.height}`, bytes(asset.size_bytes)].filter(Boolean).join(" · "),
        source: asset.type === "image" ? `/v1/assets/${encodeURIComponent(id)}/content` : null,
      }), (problem) => problem.status === 404 && setFacts({ words: "This file is no longer there. Choose it again." }));
    }
    return () => controller.abort();
  }, [reference]);
  return kind === "output" ? { words: "An earlier result", source: thumbnail({ id: encodeURIComponent(id) }, 256) }
    : kind === "asset" ? facts : { words: kind === "data" ? "A file that was sent along" : reference };
}

function Chosen({ reference, label, onClear }) {
  const { words = "…", source } = useFacts(reference);
  return html`<div class="file-chosen">${source && html`<${Picture} source=${source} key=${source} />`}<span class="file-words">${words}</span>
    <button type="button" class="quiet" aria-label=${`Clear ${label}`} onClick=${onClear}><${Icon} name="close" /> Clear</button></div>`;
}

const IDLE = { name: null, fault: null, part: null };

// When all is sent, the gateway still has to store it.
const percentOf = (part) => (part < 1 ? `${Math.floor(part * 100)} %` : "being stored");

// Sends one file at a time; a later one takes the place of one that is still on its way.
function useUpload(onStored) {
  const [state, setState] = useState(IDLE);
  const controller = useRef(null);
  useEffect(() => () => controller.current?.abort(), []);
  const send = async (file) => {
    controller.current?.abort();
    const mine = new AbortController();
    controller.current = mine;
    setState({ name: file.name || "the picture", fault: null, part: 0 });
    try {
      const onProgress = (part) => !mine.signal.aborted && setState((now) => ({ ...now, part }));
      const asset = await upload(file, { signal: mine.signal, onProgress });
      setState(IDLE);
      onStored(`asset:${asset.id}`);
    } catch (problem) {
      if (problem.name !== "AbortError") {
        setState({ ...IDLE, fault: problem.message });
      }
    }
  };
  const stop = () => {
    controller.current?.abort();
    setState(IDLE);
  };
  return { ...state, send, stop };
}

// What is pasted anywhere on the page goes to the first field that has nothing, when it is a file.
function usePaste(isOn, send) {
  const latest = useRef(send);
  latest.current = send;
  useEffect(() => {
    const onPaste = (event) => {
      const [file] = event.clipboardData?.files ?? [];
      if (file) {
        event.preventDefault();
        latest.current(file);
      }
    };
    if (isOn) {
      document.addEventListener("paste", onPaste);
    }
    return () => document.removeEventListener("paste", onPaste);
  }, [isOn]);
}

export function FileField({ field, draft, fault, onDraft, takesPaste }) {
  const { name, label, property, isRequired, widget } = field;
  const [isOver, setOver] = useState(false);
  const [isPicking, setPicking] = useState(false);
  const storing = useUpload((reference) => onDraft(name, reference));
  const type = KINDS.includes(widget) ? widget : null;
  const onDrop = (event) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer.files.length > 0) {
      storing.send(event.dataTransfer.files[0]);
    }
  };
  usePaste(takesPaste, storing.send);
  return html`<${Frame} name=${name} label=${label} hint=${property.description} fault=${storing.fault ?? fault} isRequired=${isRequired}>
    <div class="drop ${isOver ? "drop-over" : ""}" onDragOver=${(event) => { event.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${onDrop}>
      ${draft !== "" && html`<${Chosen} reference=${draft} label=${label} onClear=${() => onDraft(name, "")} />`}
      ${storing.name && html`<div class="file-storing"><div class="file-words"><span class="small file-line"><span>Storing ${storing.name}</span><span class="numeric">${percentOf(storing.part)}</span></span>
        <${Bar} value=${storing.part < 1 ? storing.part : null} label=${`Storing ${storing.name}`} /></div>
        <button type="button" class="quiet" onClick=${storing.stop}><${Icon} name="close" /> Stop</button></div>`}
      <div class="drop-ways"><input type="file" class="small" ...${tied(name, storing.fault ?? fault, property.description)} accept=${type ? `${type}/*` : undefined}
          onChange=${(event) => { const [file] = event.target.files; event.target.value = ""; return file && storing.send(file); }} />
        <button type="button" aria-label=${`Earlier result for ${label}`} onClick=${() => setPicking(true)}><${Icon} name="gallery" /> Earlier result</button></div>
      ${draft === "" && !storing.name && html`<p class="hint">Drop a file here${takesPaste ? ", or paste one" : ""}.</p>`}</div>
    ${isPicking && html`<${OutputPicker} type=${type} onDone=${(output) => { setPicking(false); return output && onDraft(name, `output:${output.id}`); }} />`}<//>`;
}
