// What belongs to a submission beside its input: title, tags and so on; what a dry run found; and the buttons.
import { html } from "../lib/html.js";
import { useStore } from "../lib/store.js";
import { backends } from "../lib/jobs.js";
import { Fault, Frame, tied } from "./fields/frame.js";
import { Fold } from "./fold.js";
import { WorkflowGraph } from "./workflow_graph.js";

const COUNTS = [1, 2, 3, 4, 5, 6, 7, 8];
export const NO_OPTIONS = { title: "", tags: "", priority: "0", backend: "" };

export const optionsOf = (job) => ({ ...NO_OPTIONS, title: job.title ?? "", tags: job.tags.join(", "), priority: String(job.priority) });

// { body, faults } of what was typed there.
export function checkOptions({ title, tags, priority, backend }) {
  const list = tags.split(",").map((tag) => tag.trim()).filter(Boolean);
  const isNumber = /^[-+]?\d+$/.test(priority.trim());
  const number = Number(priority);
  const faults = priority.trim() !== "" && (!isNumber || Math.abs(number) > 100) ? { priority: "must be a whole number from -100 to 100" } : {};
  return { faults, body: { ...(title.trim() && { title: title.trim() }), ...(list.length > 0 && { tags: list }),
    ...(isNumber && number !== 0 && { priority: number }), ...(backend && { backend }) } };
}

export function Options({ options, onOption, faults }) {
  const servers = useStore(backends) ?? [];
  const tagFault = Object.entries(faults).find(([path]) => path === "tags" || path.startsWith("tags/"))?.[1];
  const isFaulty = Boolean(tagFault || faults.title || faults.priority || faults.backend);
  const line = (name, label, hint, fault, more) => html`<${Frame} name=${name} label=${label} hint=${hint} fault=${fault}>
    <input type="text" ...${tied(name, fault, hint)} autocomplete="off" value=${options[name]} onInput=${(event) => onOption(name, event.target.value)} ...${more} /><//>`;
  return html`<${Fold} title="Title, tags, priority" isFaulty=${isFaulty}><fieldset class="group">
    ${line("title", "Title", "A name to find it by. Without one, it is called by its prompt.", faults.title, { maxlength: 200 })}
    ${line("tags", "Tags", "Separated by commas.", tagFault)}
    ${line("priority", "Priority", "From -100 to 100. Higher runs sooner.", faults.priority, { inputmode: "numeric", class: "numeric short" })}
    ${servers.length > 1 && html`<${Frame} name="backend" label="ComfyUI" fault=${faults.backend}><select ...${tied("backend", faults.backend)}
      onChange=${(event) => onOption("backend", event.target.value)}><option value="" selected=${options.backend === ""}>Whichever is free</option>
      ${servers.map((server) => html`<option value=${server.name} key=${server.name} selected=${options.backend === server.name}>${server.name}</option>`)}</select><//>`}
  </fieldset><//>`;
}

export function DryRun({ found, onClose }) {
  const nodes = found.workflow && Object.keys(found.workflow).length;
  return html`<section class="card dry" aria-labelledby="dry-title" role="status"><h2 id="dry-title">${found.problems.length === 0 ? "Nothing stands in its way"
      : found.problems.length === 1 ? "One thing stands in its way" : `${found.problems.length} things stand in its way`}</h2>
    ${found.problems.length > 0 && html`<ul class="faults">${found.problems.map((item, index) => html`<li key=${index}><code>${item.pointer || "/"}</code> ${item.detail}</li>`)}</ul>`}
    ${found.workflow && html`<details><summary>The graph that would be sent <span class="muted small">${nodes} ${nodes === 1 ? "node" : "nodes"}</span></summary>
      <${WorkflowGraph} nodes=${found.workflow} /></details>`}
    <button type="button" class="quiet" onClick=${onClose}>Close</button></section>`;
}

// What the gateway refused. What it says of a field is at that field, too; what is of none can only be read here.
export function Refusal({ problem, label }) {
  const others = (problem.errors ?? []).filter((item) => item.detail);
  return html`<div class="problem" role="alert"><strong>${problem.isOffline ? "No answer" : problem.title || "That did not work"}</strong>
    ${problem.accepted > 0 && html`<p>${problem.accepted} of them ${problem.accepted === 1 ? "was" : "were"} accepted before. Submit again to send the rest; none is made twice.</p>`}
    ${others.length > 1 ? html`<ul class="faults">${others.map((item, index) => html`<li key=${index}>${label(item)}: ${item.detail}</li>`)}</ul>` : html`<p>${problem.message}</p>`}
    ${problem.requestId && html`<p class="muted small">Request ${problem.requestId}</p>`}</div>`;
}

export const SubmitBar = ({ count, onCount, isBusy, onDry, onReset, fault }) => html`<div class="card submit-bar">
  <${Fault} name="form" fault=${fault} />
  <button type="submit" class="primary" disabled=${isBusy}>${isBusy ? "Sending…" : count > 1 ? `Submit ${count}` : "Submit"}</button>
  <div class="submit-more"><label>Jobs<select id="field-jobs" value=${count} onChange=${(event) => onCount(Number(event.target.value))}>
      ${COUNTS.map((n) => html`<option value=${n} key=${n} selected=${n === count}>${n}</option>`)}</select></label>
    <button type="button" disabled=${isBusy} onClick=${onDry}>Dry run</button>
    ${onReset && html`<button type="button" class="quiet" onClick=${onReset}>Reset</button>`}</div></div>`;
