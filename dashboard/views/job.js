// One job: what it made, how it went, why it failed, what it was made of.
import { html, useEffect, useState } from "../lib/html.js";
import { get, parseJson, readable, remove, send } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { useStore } from "../lib/store.js";
import { ENDED, openJobs } from "../lib/jobs.js";
import { go, to } from "../lib/router.js";
import { tellProblem, toast } from "../lib/toast.js";
import { dateTime, duration, jobName, timeOfDay } from "../lib/format.js";
import { Empty, Icon, Loaded, Status, Time } from "../parts/basics.js";
import { DownloadLink, OutputFacts, OutputView, hasThumbnail, thumbnail } from "../parts/outputs.js";
import { Preview } from "../parts/preview.js";
import { Progress } from "../parts/progress.js";
import { Confirm } from "../parts/confirm.js";
import { Delivery, useDeliveryNews } from "../parts/deliveries.js";
import { UseAsInput } from "../parts/use_as_input.js";
import { WorkflowGraph } from "../parts/workflow_graph.js";
import { RunAgain, cancelJob, runAgain, star } from "../parts/job_actions.js";
import { REMEDIES } from "../lib/remedies.js";

function Failure({ error, retry }) {
  return html`<section class="problem" aria-label="Why it failed"><strong>${error.code.replaceAll("_", " ")}</strong>
    <p class="error-message">${error.message}</p>
    ${error.node_id && html`<p class="small">In node ${error.node_id}${error.node_title ? ` “${error.node_title}”` : ""}${error.class_type ? ` (${error.class_type})` : ""}</p>`}
    ${REMEDIES[error.code] && html`<p class="small">${REMEDIES[error.code]}</p>`}
    ${error.retryable && html`<button type="button" data-needs="jobs:write" onClick=${retry}><${Icon} name="again" /> Try again</button>`}
  </section>`;
}

const plain = (value) => (typeof value === "string" ? value : JSON.stringify(value, (key, member) => (typeof member === "bigint" ? String(member) : member)));

function Settings({ job }) {
  const rows = Object.entries(job.input);
  return html`<section><h2>Settings</h2>
    ${rows.length === 0 && job.seed === null ? html`<p class="muted">${job.template ? "All as the template has it." : "A raw workflow: its settings are in the graph below."}</p>` : html`<dl class="facts">
      ${rows.map(([name, value]) => html`<dt key=${`${name}?`}>${name}</dt><dd key=${name}>${value === "" ? html`<span class="muted">empty</span>` : plain(value)}</dd>`)}
      ${job.seed !== null && job.input.seed === undefined && html`<dt>seed</dt><dd class="numeric">${String(job.seed)}
        <button type="button" data-needs="jobs:write" class="quiet" onClick=${() => runAgain(job, { seed: "same" })}>Same seed again</button></dd>`}
    </dl>`}</section>`;
}

const WORDS = { "job.queued": "accepted", "job.started": "began to run", "job.output": "results stored", "job.requeued": "went back to the queue",
  "job.canceling": "was asked to stop", "job.succeeded": "done", "job.failed": "failed", "job.canceled": "canceled", "job.expired": "expired" };

function Timeline({ job }) {
  const events = useLoad(() => get(`/v1/jobs/${job.id}/events`, { after: 0 }, { headers: { Accept: "application/json" } }), [job.id, job.status]);
  return html`<section><h2>What happened</h2><${Loaded} of=${events}>${({ data }) => html`<ol class="timeline">
    ${data.filter((event) => WORDS[event.type]).map((event) => html`<li key=${event.id} class="timeline-${event.type.slice(4)}">
      <time datetime=${event.timestamp} title=${dateTime(event.timestamp)}>${timeOfDay(event.timestamp)}</time>
      <span>${WORDS[event.type]}${event.type === "job.started" ? ` on ${event.data.backend}${event.data.attempt > 1 ? `, attempt ${event.data.attempt}` : ""}` : ""}${
        event.data.error ? `: ${event.data.error.message}` : ""}</span></li>`)}</ol>
    ${data.length === 0 && html`<p class="muted">Its events are not kept any more.</p>`}`}<//>
    <dl class="facts"><dt>Waited</dt><dd>${duration(job.metrics.queue_ms)}</dd><dt>Ran</dt><dd>${duration(job.metrics.execution_ms)}</dd>
      <dt>Attempts</dt><dd>${job.attempt} of ${job.max_attempts}</dd>${job.backend && html`<dt>ComfyUI</dt><dd>${job.backend}</dd>`}</dl></section>`;
}

// Said of jobs that have a webhook.
function Deliveries({ job }) {
  const deliveries = useLoad((signal) => get(`/v1/jobs/${job.id}/deliveries`, { limit: 200 }, { signal }), [job.id, job.status]);
  useDeliveryNews(deliveries.data?.data ?? [], deliveries.reload);
  return html`<section aria-labelledby="deliveries-title"><h2 id="deliveries-title">Webhook</h2>
    <p class="muted small">${job.webhook.events.join(", ")} to <code>${job.webhook.url}</code></p>
    <${Loaded} of=${deliveries} label="Loading deliveries">${({ data }) => (data.length === 0 ? html`<p class="muted">Nothing was to be told yet.</p>`
      : html`<ul class="rows" aria-label="Deliveries">${data.map((delivery) => html`<${Delivery} delivery=${delivery} isAlone onDone=${deliveries.reload} key=${delivery.id} />`)}</ul>`)}<//></section>`;
}

function Running({ job }) {
  return html`<section class="card running-job">${job.status !== "queued" && html`<${Preview} job=${job} />`}<div class="running-text">
    <${Progress} job=${job} />
  </div></section>`;
}

function Outputs({ outputs }) {
  const [shown, setShown] = useState(0);
  const list = outputs.filter((output) => output.primary).concat(outputs.filter((output) => !output.primary));
  const output = list[Math.min(shown, list.length - 1)];
  return html`<section class="outputs"><${OutputView} output=${output} key=${output.id} />
    <p class="output-line"><${OutputFacts} output=${output} /></p>
    <div class="actions">${hasThumbnail(output) && html`<a class="button" href=${to("gallery", `${output.job_id}.${output.index}`)}>Full view</a>`}
      <${DownloadLink} output=${output} /><${UseAsInput} output=${output} /></div>
    ${list.length > 1 && html`<ul class="strip">${list.map((one, index) => html`<li key=${one.id}><button type="button" aria-pressed=${index === shown}
      aria-label=${`Result ${index + 1}: ${one.name}`} onClick=${() => setShown(index)}>${hasThumbnail(one) ? html`<img src=${thumbnail(one)} alt="" />` : one.type}</button></li>`)}</ul>`}
  </section>`;
}

function Actions({ job, onDelete }) {
  const isOpen = !ENDED.includes(job.status);
  return html`<div class="actions">
    ${isOpen && html`<button type="button" data-needs="jobs:write" class="danger" disabled=${job.status === "canceling"} onClick=${() => cancelJob(job)}><${Icon} name="close" /> Stop</button>`}
    <${RunAgain} job=${job} />
    ${job.template && html`<a class="button" href=${to("new", job.template, { from: job.id })}><${Icon} name="again" /> Change and run</a>`}
    <button type="button" data-needs="jobs:write" aria-pressed=${job.starred} title="Starred jobs are kept for ever" onClick=${() => star(job, !job.starred)}><${Icon} name="star" /> ${job.starred ? "Starred" : "Star"}</button>
    <a class="button" href=${`/v1/jobs/${job.id}/workflow`} download=${`${job.id}.json`}><${Icon} name="download" /> Workflow</a>
    <a class="button" href=${to("jobs", "", { parent_id: job.id })}>Made from it</a>
    ${!isOpen && html`<button type="button" data-needs="jobs:write" class="danger" onClick=${onDelete}><${Icon} name="trash" /> Delete</button>`}
  </div>`;
}

function Graph({ job }) {
  const [isOpen, setOpen] = useState(false);
  const graph = useLoad((signal) => (isOpen ? send("GET", `/v1/jobs/${job.id}/workflow`, { signal }).then(async (answer) => readable(parseJson(await answer.text()))) : Promise.resolve(null)), [isOpen, job.id], () => false);
  return html`<details class="card" onToggle=${(event) => setOpen(event.target.open)}><summary>The graph</summary>
    ${isOpen && html`<${Loaded} of=${graph}>${(nodes) => html`<${WorkflowGraph} nodes=${nodes} current=${job.progress?.current_node} failed=${job.error?.node_id} />`}<//>`}</details>`;
}

function Whole({ job }) {
  const [isAsking, setAsking] = useState(false);
  const erase = async () => {
    try {
      await remove(`/v1/jobs/${job.id}`);
      toast("The job and its files are deleted");
      go(to("jobs"));
    } catch (problem) {
      tellProblem(problem);
    }
  };
  return html`<p><a href=${to("jobs")}>← All jobs</a></p><article class="job">
    <header class="job-head"><h2>${jobName(job)}</h2><p class="job-line"><${Status} status=${job.status} />
      <span class="muted">${job.template ?? "raw workflow"} · accepted <${Time} at=${job.created_at} />${job.parent_id && html` · <a href=${to("jobs", job.parent_id)}>made from another</a>`}</span>
      ${job.tags.map((tag) => html`<a class="tag" key=${tag} href=${to("jobs", "", { tag })}>#${tag}</a>`)}</p>
      <${Actions} job=${job} onDelete=${() => setAsking(true)} /></header>
    <div class="job-columns"><div>
      ${!ENDED.includes(job.status) && html`<${Running} job=${job} />`}
      ${job.error && html`<${Failure} error=${job.error} retry=${() => runAgain(job, job.template ? { seed: "same" } : {})} />`}
      ${job.outputs.length > 0 && html`<${Outputs} outputs=${job.outputs} />`}
      ${job.warnings.map((warning) => html`<p class="warning" key=${warning.code}>${warning.message ?? warning.detail}</p>`)}
      </div><div><${Settings} job=${job} /><${Timeline} job=${job} /></div></div>
    ${job.webhook && html`<${Deliveries} job=${job} />`}
    <${Graph} job=${job} />
    <p class="muted small">Id <code>${job.id}</code></p>
    ${isAsking && html`<${Confirm} title="Delete this job?" text="Its results and files are deleted, too. This cannot be undone." word="Delete" onDone=${(yes) => { setAsking(false); return yes && erase(); }} />`}
  </article>`;
}

export function Job({ id }) {
  const job = useLoad(() => get(`/v1/jobs/${encodeURIComponent(id)}`), [id],
    (event) => event.type === "snapshot" || event.type === "poll" || (event.job_id === id && !["job.progress", "job.preview"].includes(event.type)));
  const live = useStore(openJobs, (state) => state.jobs.get(id), [id]);
  useEffect(() => {
    if (job.data) {
      document.title = `${jobName(job.data)} – comfygate`;
    }
  }, [job.data]);

  if (job.problem?.status === 404) {
    return html`<${Empty} title="There is no such job"><p>It may have been deleted.</p><a class="button" href=${to("jobs")}>All jobs</a><//>`;
  }
  return html`<${Loaded} of=${job} label="Loading the job">${(known) => html`<${Whole}
    job=${live && live.version >= known.version ? { ...known, ...live, outputs: known.outputs, webhook: known.webhook, metrics: known.metrics, input: known.input } : known} />`}<//>`;
}
