// Has the gateway read its folders of templates anew, and tells what that changed.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { post } from "../lib/api.js";
import { tellProblem, toast } from "../lib/toast.js";
import { Icon } from "./basics.js";

function wordsOf({ loaded, added, changed, removed, broken }) {
  const news = [["new", added], ["changed", changed], ["gone", removed], ["broken", broken.map((one) => one.name ?? one.folder)]]
    .filter(([, names]) => names.length > 0).map(([word, names]) => `${word}: ${names.join(", ")}`);
  return news.length > 0 ? `${loaded} templates; ${news.join("; ")}` : `${loaded} templates, as before`;
}

function Broken({ list, onClose }) {
  const box = useRef(null);
  useEffect(() => box.current.focus(), []);
  return html`<div class="problem wide-problem" role="alert" tabindex="-1" ref=${box}><strong>${list.length === 1 ? "One template cannot be loaded" : `${list.length} templates cannot be loaded`}</strong>
    ${list.map((one) => html`<div key=${one.name ?? one.folder}><p><strong>${one.name ?? "A folder"}</strong> ${one.folder && html`<code>${one.folder}</code>`}
      ${one.serving === "previous" ? " The version from before goes on being served." : ""}</p>
      <ul class="faults">${one.faults.map((fault, index) => html`<li key=${index}>${fault.pointer && html`<code>${fault.pointer}</code> `}${fault.detail}</li>`)}</ul></div>`)}
    <button type="button" onClick=${onClose}>Close</button></div>`;
}

export function Reload({ onDone }) {
  const [state, setState] = useState({ isBusy: false, broken: [] });
  const reload = async () => {
    setState({ isBusy: true, broken: [] });
    try {
      const answer = await post("/v1/templates/reload");
      toast(wordsOf(answer), { kind: answer.broken.length > 0 ? "error" : "info" });
      setState({ isBusy: false, broken: answer.broken });
      onDone();
    } catch (problem) {
      tellProblem(problem);
      setState({ isBusy: false, broken: [] });
    }
  };
  return html`<button type="button" data-needs="templates:write" disabled=${state.isBusy} onClick=${reload}><${Icon} name="again" /> ${state.isBusy ? "Reading…" : "Read the folders anew"}</button>
    ${state.broken.length > 0 && html`<${Broken} list=${state.broken} onClose=${() => setState({ isBusy: false, broken: [] })} />`}`;
}
