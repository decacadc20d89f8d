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

// Sends one file at a time; a later one takes the place of one that is still on its way.
function useUpload(onStored) {
  const [state, setState] = useState({ name: null, fault: null });
  const controller = useRef(null);
  useEffect(() => () => controller.current?.abort(), []);
  const send = async (file) => {
    controller.current?.abort();
    const mine = new AbortController();
    controller.current = mine;
    setState({ name: file.name || "the picture", fault: null });
    try {
      const asset = await upload(file, { signal: mine.signal });
      setState({ name: null, fault: null });
      onStored(`asset:${asset.id}`);
    } catch (problem) {
      if (problem.name !== "AbortError") {
        setState({ name: null, fault: problem.message });
      }
    }
  };
  return { ...state, send };
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
      ${storing.name && html`<div class="file-storing"><span class="small">Storing ${storing.name}</span><${Bar} value=${null} label=${`Storing ${storing.name}`} /></div>`}
      <div class="drop-ways"><input type="file" class="small" ...${tied(name, storing.fault ?? fault, property.description)} accept=${type ? `${type}/*` : undefined}
          onChange=${(event) => { const [file] = event.target.files; event.target.value = ""; return file && storing.send(file); }} />
        <button type="button" aria-label=${`Earlier result for ${label}`} onClick=${() => setPicking(true)}><${Icon} name="gallery" /> Earlier result</button></div>
      ${draft === "" && !storing.name && html`<p class="hint">Drop a file here${takesPaste ? ", or paste one" : ""}.</p>`}</div>
    ${isPicking && html`<${OutputPicker} type=${type} onDone=${(output) => { setPicking(false); return output && onDraft(name, `output:${output.id}`); }} />`}<//>`;
}
