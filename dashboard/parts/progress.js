// How far a job is that has not ended: the same words and the same bar wherever it is shown.
import { html } from "../lib/html.js";
import { jobName, remaining } from "../lib/format.js";
import { Bar } from "./basics.js";

const NEARLY = 0.95;

function nodeWords({ current_node_title: title, current_node_class: kind, nodes_done: done, nodes_total: total, step, steps }) {
  const node = title || kind || `${done} of ${total} nodes`;
  return steps ? `${node} · step ${step} of ${steps}` : node;
}

export function doing(job) {
  if (job.status === "canceling") {
    return "is being stopped";
  }
  if (job.status === "queued") {
    return job.queue_position ? `place ${job.queue_position} in the queue` : "waits";
  }
  if (job.phase === "collecting") {
    return "fetching the results";
  }
  return job.progress ? nodeWords(job.progress) : "begins";
}

// When it may be done. An estimate that has passed while much is left says nothing.
export function whenDone(job, word = "") {
  const at = job.estimated_completion_at;
  const isOver = at && new Date(at) - Date.now() < 1000;
  return !at || job.status === "canceling" || (isOver && (job.progress?.value ?? 0) < NEARLY) ? "" : remaining(at, word);
}

export const valueOf = (job) => (job.progress ? job.progress.value : job.status === "queued" ? 0 : null);

export function Progress({ job }) {
  const value = valueOf(job);
  const right = [value !== null && job.status !== "queued" && `${Math.round(value * 100)} %`, whenDone(job)].filter(Boolean).join(" · ");
  return html`<${Bar} value=${value} label=${`Progress of ${jobName(job)}`} />
    <p class="running-line"><span>${doing(job)}</span><span class="numeric">${right}</span></p>`;
}
