// The jobs that were sent from here, as they go on; so that one can change something and send again.
import { html, useRef } from "../lib/html.js";
import { useStore } from "../lib/store.js";
import { ENDED, openJobs } from "../lib/jobs.js";
import { sent } from "../lib/submit.js";
import { to } from "../lib/router.js";
import { jobName } from "../lib/format.js";
import { Bar, Status } from "./basics.js";
import { cancelJob } from "./job_actions.js";
import { doing, valueOf, whenDone } from "./progress.js";
import { Preview } from "./preview.js";
import { hasThumbnail, thumbnail } from "./outputs.js";

const lineOf = (job) => [doing(job), whenDone(job)].filter(Boolean).join(" · ");

function Result({ job }) {
  const output = job.outputs?.find((one) => one.primary && hasThumbnail(one)) ?? job.outputs?.find(hasThumbnail);
  return output ? html`<a href=${to("gallery", `${job.id}.${output.index}`)}><img class="preview" src=${thumbnail(output)} alt=${`Result of ${jobName(job)}`} /></a>`
    : html`<div class="preview" aria-hidden="true"></div>`;
}

function Sent({ first }) {
  const latest = useRef(first);
  const seen = useStore(openJobs, (state) => state.jobs.get(first.id) ?? state.recent.find((job) => job.id === first.id), [first.id]);
  latest.current = seen ? { ...latest.current, ...seen } : latest.current;
  const job = latest.current;
  const hasEnded = ENDED.includes(job.status);
  return html`<li class="card sent-job">${hasEnded ? html`<${Result} job=${job} />` : html`<${Preview} job=${job} />`}
    <div class="running-text"><h3><a href=${to("jobs", job.id)}>${jobName(job)}</a></h3>
      <p class="sent-line"><${Status} status=${job.status} /> <span class="muted small">${hasEnded ? job.error?.message ?? "" : lineOf(job)}</span></p>
      ${!hasEnded && html`<${Bar} value=${valueOf(job)} label=${`Progress of ${jobName(job)}`} />
        <button type="button" data-needs="jobs:write" class="quiet" disabled=${job.status === "canceling"} onClick=${() => cancelJob(job)}>Stop</button>`}</div></li>`;
}

export function SentJobs() {
  const jobs = useStore(sent);
  return html`<section class="sent" aria-labelledby="sent-title"><h2 id="sent-title">Sent from here</h2>
    ${jobs.length === 0 ? html`<p class="muted">What you submit is shown here while it runs. You can go on changing the form meanwhile.</p>`
      : html`<ul class="cards">${jobs.map((job) => html`<${Sent} first=${job} key=${job.id} />`)}</ul>`}</section>`;
}
