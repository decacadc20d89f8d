// A workflow as it comes out of ComfyUI: dropped, chosen or pasted, tried, sent.
import { html, useRef, useState } from "../lib/html.js";
import { parseJson } from "../lib/api.js";
import { faultsOf } from "../lib/form.js";
import { submit, tryOut } from "../lib/submit.js";
import { go, to } from "../lib/router.js";
import { tellProblem, toast } from "../lib/toast.js";
import { jobName } from "../lib/format.js";
import { Frame, tied } from "../parts/fields/frame.js";
import { DryRun, NO_OPTIONS, Options, Refusal, SubmitBar, checkOptions } from "../parts/submission.js";
import { SentJobs } from "../parts/sent_jobs.js";

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

// { workflow, words, fault }: what the text is, before the gateway is asked. A submission's body is taken for its workflow.
function readWorkflow(text) {
  if (text.trim() === "") {
    return { words: null };
  }
  let document;
  try {
    document = parseJson(text);
  } catch (error) {
    return { fault: `This is not JSON: ${error.message}` };
  }
  const workflow = isObject(document) && isObject(document.workflow) ? document.workflow : isObject(document) && isObject(document.prompt) ? document.prompt : document;
  if (!isObject(workflow)) {
    return { fault: "This is JSON, but no workflow: a workflow is an object of nodes." };
  }
  if (Array.isArray(workflow.nodes)) {
    return { workflow, words: `The editor's save format, ${workflow.nodes.length} nodes` };
  }
  const nodes = Object.values(workflow).filter((node) => isObject(node) && typeof node.class_type === "string");
  return { workflow, words: `API format, ${nodes.length} ${nodes.length === 1 ? "node" : "nodes"}` };
}

function Source({ text, onText, onFile, what, fault }) {
  const [isOver, setOver] = useState(false);
  const take = (file) => file && file.text().then((content) => onFile(content, file.name), tellProblem);
  const onDrop = (event) => {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files[0]);
  };
  return html`<div class="drop ${isOver ? "drop-over" : ""}" onDragOver=${(event) => { event.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${onDrop}>
    <${Frame} name="file" label="File" hint="Drop or choose a .json, or paste its text below. In ComfyUI: Workflow, then Export (API).">
      <input type="file" ...${tied("file", null, true)} accept=".json,application/json" onChange=${(event) => { const [file] = event.target.files; event.target.value = ""; take(file); }} /><//>
    <${Frame} name="workflow" label="Workflow" fault=${fault} isRequired=${true} side=${what.words}>
      <textarea ...${tied("workflow", fault)} class="mono raw-text" spellcheck="false" rows="12" placeholder=${'{"1": {"class_type": "CheckpointLoaderSimple", "inputs": {…}}, …}'}
        value=${text} onInput=${(event) => onText(event.target.value)}></textarea><//></div>`;
}

const NOTHING = { isBusy: false, problem: null, found: null, faults: {} };

export function NewRaw() {
  const [text, setText] = useState("");
  const [options, setOptions] = useState(NO_OPTIONS);
  const [count, setCount] = useState(1);
  const [state, setState] = useState(NOTHING);
  const form = useRef(null);
  const what = readWorkflow(text);
  const isBusy = useRef(false);

  const put = (next) => { setText(next); setState(NOTHING); };
  const run = async (act) => {
    const chosen = checkOptions(options);
    const faults = { ...chosen.faults, ...(!what.workflow && !what.fault && { workflow: "must be given" }) };
    if (isBusy.current || what.fault || Object.keys(faults).length > 0) {
      setState((now) => ({ ...now, faults }));
      form.current.querySelector("#field-workflow").focus();
      return;
    }
    isBusy.current = true;
    setState({ ...NOTHING, isBusy: true });
    try {
      setState({ ...NOTHING, found: await act({ workflow: what.workflow, ...chosen.body }) ?? null });
    } catch (problem) {
      setState({ ...NOTHING, problem, faults: faultsOf(problem.errors) });
    }
    isBusy.current = false;
  };
  const onSubmit = (event) => {
    event.preventDefault();
    run(async (body) => {
      const jobs = await submit(body, { count });
      toast(`Accepted: ${jobName(jobs[0])}`, { action: { label: "Show", run: () => go(to("jobs", jobs[0].id)) } });
    });
  };

  return html`<p><a href=${to("new")}>← All templates</a></p><form class="new" ref=${form} novalidate aria-label="Raw workflow" onSubmit=${onSubmit}><div class="new-form">
    ${state.problem && html`<${Refusal} problem=${state.problem} label=${(item) => item.pointer || item.parameter || "The submission"} />`}
    <${Source} text=${text} what=${what} fault=${what.fault ?? state.faults.workflow} onText=${put}
      onFile=${(content, name) => { put(content); setOptions((now) => ({ ...now, title: now.title || name.replace(/\.json$/i, "") })); }} />
    <${Options} options=${options} faults=${state.faults} onOption=${(name, value) => setOptions((now) => ({ ...now, [name]: value }))} />
    ${state.found && html`<${DryRun} found=${state.found} onClose=${() => setState(NOTHING)} />`}
    </div><div class="new-side"><${SubmitBar} count=${count} onCount=${setCount} isBusy=${state.isBusy} onDry=${() => run(tryOut)} /><${SentJobs} /></div></form>`;
}
