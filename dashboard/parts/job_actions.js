// What one can do with a job, from wherever it is shown.
import { html } from "../lib/html.js";
import { patch, post } from "../lib/api.js";
import { go, to } from "../lib/router.js";
import { refreshJobs } from "../lib/jobs.js";
import { tellProblem, toast } from "../lib/toast.js";
import { jobName } from "../lib/format.js";
import { Icon } from "./basics.js";

async function attempt(action) {
  try {
    return await action();
  } catch (problem) {
    tellProblem(problem);
    return null;
  }
}

export const cancelJob = (job) => attempt(async () => {
  await post(`/v1/jobs/${job.id}/cancel`);
  refreshJobs();
});

export const setPriority = (job, priority) => attempt(async () => {
  await patch(`/v1/jobs/${job.id}`, { priority: Math.max(-100, Math.min(100, priority)) });
  refreshJobs();
});

export const resumeQueue = () => attempt(async () => {
  await post("/v1/queue/resume");
  refreshJobs();
});

// A new job like this one. What came as a whole workflow can only be repeated; a template is given another seed.
export const runAgain = (job, change = job.template ? { seed: "random" } : {}) => attempt(async () => {
  const next = await post(`/v1/jobs/${job.id}/retry`, change);
  toast(`Runs again: ${jobName(job)}`, { action: { label: "Show", run: () => go(to("jobs", next.id)) } });
  refreshJobs();
  return next;
});

export const star = (job, starred) => attempt(() => patch(`/v1/jobs/${job.id}`, { starred }));

export const RunAgain = ({ job }) => html`<button type="button" data-needs="jobs:write" onClick=${() => runAgain(job)}>
  <${Icon} name=${job.template ? "dice" : "again"} /> ${job.template ? "Vary" : "Run again"}</button>`;
