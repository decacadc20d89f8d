// A dialog to choose one of the earlier results. onDone(output | null). It stands inside forms: Enter must not send those.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { useDialog } from "../lib/dialog.js";
import { usePages } from "../lib/pages.js";
import { Empty, Icon } from "./basics.js";
import { More } from "./more.js";
import { hasThumbnail, thumbnail } from "./outputs.js";

const PAGE = 60;
const TYPING_MS = 250;

export function OutputPicker({ type, onDone }) {
  const dialog = useDialog();
  const timer = useRef(0);
  const [search, setSearch] = useState("");
  const pages = usePages("/v1/outputs", { limit: PAGE, ...(type && { type }), ...(search && { q: search }) });
  const onInput = ({ target }) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setSearch(target.value.trim()), TYPING_MS);
  };
  useEffect(() => () => clearTimeout(timer.current), []);

  return html`<dialog class="picker" ref=${dialog} aria-labelledby="picker-title" onCancel=${(event) => { event.preventDefault(); onDone(null); }}>
    <div class="picker-head"><h2 id="picker-title">Earlier results</h2>
      <div class="search"><${Icon} name="search" /><input type="search" aria-label="Search in titles" placeholder="Search in titles" maxlength="200" onInput=${onInput}
        onKeyDown=${(event) => event.key === "Enter" && event.preventDefault()} /></div>
      <button type="button" class="quiet icon-only" aria-label="Close" onClick=${() => onDone(null)}><${Icon} name="close" /></button></div>
    <ul class="tiles">${pages.items.map((output) => html`<li class="tile" key=${output.id}><button type="button" class="tile-button" aria-label=${`Use ${output.job_title ?? output.name}`}
      title=${output.job_title ?? output.name} onClick=${() => onDone(output)}>
      ${hasThumbnail(output) ? html`<img src=${thumbnail(output)} alt="" loading="lazy" />` : html`<span class="tile-none">${output.type}</span>`}</button></li>`)}</ul>
    ${pages.items.length === 0 && !pages.isLoading && !pages.problem && html`<${Empty} title=${search ? "Nothing is like that" : "No results yet"} />`}
    <${More} pages=${pages} label="Loading results" /></dialog>`;
}
