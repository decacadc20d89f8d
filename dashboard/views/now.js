// What runs, what waits, and how each ComfyUI fares.
import { html } from "../lib/html.js";
import { useStore } from "../lib/store.js";
import { backends, openJobs, pausedSince } from "../lib/jobs.js";
import { to } from "../lib/router.js";
import { bytes, duration, jobName } from "../lib/format.js";
import { Bar, Empty, Icon, Loading, Status, Time } from "../parts/basics.js";
import { Progress, whenDone } from "../parts/progress.js";
import { Preview } from "../parts/preview.js";
import { cancelJob, resumeQueue, setPriority } from "../parts/job_actions.js";

const SHOWN_WAITING = 50;
const SERVER_WORDS = { down: "Away", draining: "Drained" };

const Running = ({ job }) => html`<li class="card running-job">
  <${Preview} job=${job} />
  <div class="running-text">
    <h3><a href=${to("jobs", job.id)}>${jobName(job)}</a></h3>
    <p class="muted small">${[job.template, job.backend].filter(Boolean).join(" · ")}${job.attempt > 1 ? ` · attempt ${job.attempt}` : ""}</p>
    <${Progress} job=${job} />
  </div>
  <button type="button" data-needs="jobs:write" class="quiet" disabled=${job.status === "canceling"} onClick=${() => cancelJob(job)}>
    <${Icon} name="close" /> Stop</button>
</li>`;

function Waiting({ job, place }) {
  const isHere = job.phase === "waiting";
  return html`<li class="row">
    <span class="place numeric" aria-label="Place in the queue">${job.queue_position ?? place}</span>
    <div class="row-main"><a href=${to("jobs", job.id)}>${jobName(job)}</a>
      <span class="muted small">${job.template ?? "raw workflow"} · accepted <${Time} at=${job.created_at} />${
        whenDone(job, "in ") && ` · done ${whenDone(job, "in ")}`}${
        isHere ? "" : " · next inside ComfyUI"}</span></div>
    ${job.priority !== 0 && html`<span class="tag" title="Priority">${job.priority > 0 ? "+" : ""}${job.priority}</span>`}
    ${isHere && html`<button type="button" data-needs="jobs:write" class="quiet icon-only" aria-label=${`Sooner: ${jobName(job)}`} title="Sooner"
        onClick=${() => setPriority(job, job.priority + 10)}><${Icon} name="up" /></button>
      <button type="button" data-needs="jobs:write" class="quiet icon-only" aria-label=${`Later: ${jobName(job)}`} title="Later"
        onClick=${() => setPriority(job, job.priority - 10)}><${Icon} name="down" /></button>`}
    <button type="button" data-needs="jobs:write" class="quiet icon-only" aria-label=${`Cancel: ${jobName(job)}`} title="Cancel"
      onClick=${() => cancelJob(job)}><${Icon} name="close" /></button>
  </li>`;
}

function Memory({ device }) {
  if (!device.vram_total) {
    return null;
  }
  const used = device.vram_total - device.vram_free;
  return html`<div class="memory"><${Bar} value=${used / device.vram_total} label=${`Memory of ${device.name}`} />
    <span class="muted small">${device.name}: ${bytes(used)} of ${bytes(device.vram_total)}</span></div>`;
}

const Server = ({ server }) => html`<li class="card server">
  <div class="server-head"><span class="dot dot-${server.status}"></span>
    <h3><a href=${to("backends")}>${server.name}</a></h3>
    <span class="muted small">${server.status === "up" ? `ComfyUI ${server.version ?? ""}` : SERVER_WORDS[server.status] ?? server.status}</span></div>
  ${server.reason && html`<p class="small">${server.reason}</p>`}
  <p class="muted small">${server.running} running · ${server.submitted} of ${server.slots} slots${
    server.queue_remaining > server.submitted ? ` · ${server.queue_remaining} in its own queue` : ""}</p>
  ${server.status !== "down" && server.devices.map((device) => html`<${Memory} device=${device} key=${device.name} />`)}
</li>`;

function Recent({ job }) {
  const picture = job.outputs?.find((output) => output.primary && (output.type === "image" || output.type === "video")) ?? job.outputs?.[0];
  const shows = picture && (picture.type === "image" || picture.type === "video");
  return html`<li class="recent"><a href=${to("jobs", job.id)} title=${jobName(job)}>
    ${shows ? html`<img src=${`/v1/outputs/${picture.id}/thumbnail?size=256`} alt="" loading="lazy" />` : html`<div class="recent-none">${job.error?.code.replaceAll("_", " ") ?? ""}</div>`}
    <span class="recent-line"><${Status} status=${job.status} /> <span class="muted small">${duration(job.metrics?.execution_ms ?? job.metrics?.total_ms)}</span></span>
    <span class="recent-name">${jobName(job)}</span></a></li>`;
}

export function Now() {
  const { jobs, isKnown, cut, recent } = useStore(openJobs);
  const servers = useStore(backends);
  const paused = useStore(pausedSince);
  const all = [...jobs.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const running = all.filter((job) => job.status !== "queued");
  const waiting = all.filter((job) => job.status === "queued")
    .sort((a, b) => (a.queue_position ?? 0) - (b.queue_position ?? 0) || (a.id < b.id ? -1 : 1));

  const isNobodyThere = servers?.length > 0 && servers.every((server) => server.status === "down");

  if (!isKnown) {
    return html`<${Loading} label="Asking what runs" />`;
  }
  return html`${paused && html`<div class="notice" role="status"><${Icon} name="pause" /> The queue is paused since <${Time} at=${paused} />: what runs goes on, what waits stays.
      <button type="button" data-needs="backends:write" onClick=${resumeQueue}>Resume</button></div>`}
    ${isNobodyThere && html`<div class="notice" role="status"><${Icon} name="backends" /> No ComfyUI answers. What is submitted is kept, and goes on when one is back. <a href=${to("backends")}>What is wrong</a></div>`}<div class="now">
    <section aria-labelledby="now-running">
      <h2 id="now-running">Running${running.length > 0 && html` <span class="count">${running.length}</span>`}</h2>
      ${running.length > 0 ? html`<ul class="cards">${running.map((job) => html`<${Running} job=${job} key=${job.id} />`)}</ul>`
        : html`<${Empty} title=${waiting.length > 0 ? "Nothing runs just now" : "Nothing runs"}>
            ${waiting.length === 0 && html`<p>Make a picture, and watch it come.</p>
              <a class="button primary" href=${to("new")}><${Icon} name="new" /> New picture</a>`}<//>`}
      <h2>Waiting${waiting.length > 0 && html` <span class="count">${waiting.length}${cut ? "+" : ""}</span>`}</h2>
      ${waiting.length > 0 ? html`<ul class="rows">${waiting.slice(0, SHOWN_WAITING).map((job, index) =>
          html`<${Waiting} job=${job} place=${index + 1} key=${job.id} />`)}</ul>
          ${(waiting.length > SHOWN_WAITING || cut) && html`<p><a href=${to("jobs", "", { status: "queued" })}>All that wait</a></p>`}`
        : html`<p class="muted">Nothing waits.</p>`}
    </section>
    <section aria-labelledby="now-servers">
      <h2 id="now-servers">ComfyUI</h2>
      ${servers === null ? html`<${Loading} />` : html`<ul class="cards">${servers.map((server) => html`<${Server} server=${server} key=${server.name} />`)}</ul>`}
      ${recent.length > 0 && html`<h2>Just ended</h2><ul class="recents">${recent.map((job) => html`<${Recent} job=${job} key=${job.id} />`)}</ul>`}
    </section>
  </div>`;
}
