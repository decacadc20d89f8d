// Each ComfyUI: how it fares, what it holds, whether it gets work; and how long jobs wait and run.
import { html, useState } from "../lib/html.js";
import { get, post } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { to } from "../lib/router.js";
import { refreshJobs } from "../lib/jobs.js";
import { tellProblem, toast } from "../lib/toast.js";
import { bytes, shortId } from "../lib/format.js";
import { Bar, Empty, Icon, Loaded, Time } from "../parts/basics.js";
import { Confirm } from "../parts/confirm.js";
import { TimesTable } from "../parts/times.js";

const STALE = ["snapshot", "poll", "backend.up", "backend.down", "backend.updated", "queue.updated", "job.queued", "job.started", "job.succeeded", "job.failed", "job.canceled", "job.requeued"];
const HOURS = [[1, "Last hour"], [24, "Last day"], [168, "Last week"], [720, "Last 30 days"]];
const WORDS = { up: ["Ready", "succeeded"], down: ["Away", "failed"], draining: ["Drained", "expired"] };

function Device({ device }) {
  const used = device.vram_total - device.vram_free;
  return html`<div class="memory"><span class="memory-line"><strong>${device.name}</strong>
      <span class="muted numeric">${device.vram_total ? `${bytes(used)} of ${bytes(device.vram_total)} used` : device.type}</span></span>
    ${device.vram_total > 0 && html`<${Bar} value=${used / device.vram_total} label=${`Memory of ${device.name}`} />`}</div>`;
}

const timesWord = (count) => (count === 0 ? "never opened" : count === 1 ? "opened once" : `opened ${count} times`);

const Facts = ({ server }) => html`<dl class="facts">
  <dt>Address</dt><dd><code>${server.url}</code></dd>
  <dt>ComfyUI</dt><dd>${server.version ?? "has not told"}</dd>
  <dt>Since</dt><dd><${Time} at=${server.since} /></dd>
  <dt>WebSocket</dt><dd>${server.ws.connected ? "open" : "not open"}, ${timesWord(server.ws.connections_opened)}${
    server.ws.connections_opened > 1 ? html` <span class="muted">(it was lost)</span>` : ""}</dd>
  <dt>Last heard</dt><dd><${Time} at=${server.ws.last_message_at} /></dd>
  <dt>Holds</dt><dd>${server.submitted} of ${server.slots} slots, ${server.running} running</dd>
  <dt>Its own queue</dt><dd>${server.queue_remaining ?? "has not told"}${server.queue_remaining > server.submitted ? ` (${server.queue_remaining - server.submitted} by others)` : ""}</dd>
  ${server.jobs.length > 0 && html`<dt>Jobs</dt><dd>${server.jobs.map((id) => html`<a class="job-link" key=${id} href=${to("jobs", id)}><code>${shortId(id)}</code></a>`)}</dd>`}</dl>`;

function Server({ server, isBusy, onDrain, onResume }) {
  const [word, kind] = WORDS[server.status];
  return html`<li class="card"><div class="server-head"><h3>${server.name}</h3>${server.tags.map((tag) => html`<span class="tag" key=${tag}>${tag}</span>`)}<span class="status status-${kind}">${word}</span>
      ${server.draining && server.status !== "draining" && html`<span class="status status-expired">Drained</span>`}
      ${server.draining ? html`<button type="button" data-needs="backends:write" disabled=${isBusy} aria-label=${`Resume ${server.name}`} onClick=${onResume}><${Icon} name="play" /> Resume</button>`
        : html`<button type="button" data-needs="backends:write" disabled=${isBusy} aria-label=${`Drain ${server.name}`} onClick=${onDrain}><${Icon} name="pause" /> Drain</button>`}</div>
    ${server.reason && html`<p class="warning">${server.reason}</p>`}
    <${Facts} server=${server} />${server.devices.map((device, index) => html`<${Device} device=${device} key=${index} />`)}</li>`;
}

function Queue({ paused, isBusy, onPause, onResume }) {
  return paused ? html`<div class="warning queue-line"><span>The queue is paused since <${Time} at=${paused} />: what comes is accepted, and waits.</span>
      <button type="button" data-needs="backends:write" disabled=${isBusy} onClick=${onResume}><${Icon} name="play" /> Resume the queue</button></div>`
    : html`<div class="queue-line"><span class="muted">The queue is open: what waits is given to whichever ComfyUI has room.</span>
      <button type="button" data-needs="backends:write" disabled=${isBusy} onClick=${onPause}><${Icon} name="pause" /> Pause the queue</button></div>`;
}

// What is done after the question is answered; the answer of each is the list as it is then.
function questionOf(kind, name) {
  return kind === "pause" ? { path: "/v1/queue/pause", done: "The queue is paused", title: "Pause the queue?", word: "Pause it",
      text: "What runs goes on. What waits, and what comes, stays here until the queue is resumed, also when the gateway is started anew." }
    : { path: `/v1/backends/${encodeURIComponent(name)}/drain`, done: `${name} gets nothing new`, title: `Drain ${name}?`, word: "Drain it",
      text: "It finishes what it has and gets nothing new until it is resumed, also when the gateway is started anew." };
}

function Servers() {
  const servers = useLoad(() => get("/v1/backends"), [], ({ type }) => STALE.includes(type));
  const [asked, setAsked] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const act = async (path, done) => {
    setBusy(true);
    try {
      await post(path);
      toast(done);
      await servers.reload();
      refreshJobs();
    } catch (problem) {
      tellProblem(problem);
    }
    setBusy(false);
  };
  return html`<${Loaded} of=${servers} label="Asking each ComfyUI">${({ data, paused_since: paused }) => html`
      <${Queue} paused=${paused} isBusy=${isBusy} onPause=${() => setAsked(questionOf("pause"))} onResume=${() => act("/v1/queue/resume", "The queue is open again")} />
      ${data.length === 0 ? html`<${Empty} title="No ComfyUI is set"><p>The setting <code>backends</code> names them.</p><//>`
        : html`<ul class="servers">${data.map((server) => html`<${Server} server=${server} key=${server.name} isBusy=${isBusy}
          onDrain=${() => setAsked(questionOf("drain", server.name))} onResume=${() => act(`/v1/backends/${encodeURIComponent(server.name)}/resume`, `${server.name} gets jobs again`)} />`)}</ul>`}`}<//>
    ${asked && html`<${Confirm} title=${asked.title} text=${asked.text} word=${asked.word} stay="Not now" onDone=${(yes) => { setAsked(null); return yes && act(asked.path, asked.done); }} />`}`;
}

function Times({ query }) {
  const hours = HOURS.some(([value]) => String(value) === query.hours) ? Number(query.hours) : 24;
  const stats = useLoad(() => get("/v1/stats", { hours }), [hours], ({ type }) => ["snapshot", "poll", "job.succeeded", "job.failed"].includes(type));
  return html`<section aria-labelledby="times-title"><h2 id="times-title">How long jobs take</h2>
    <div class="actions" role="group" aria-label="Time looked at">${HOURS.map(([value, word]) => html`<a class="button ${value === hours ? "chosen" : ""}" key=${value} aria-current=${value === hours ? "true" : undefined}
      href=${to("backends", "", { hours: value === 24 ? "" : value })}>${word}</a>`)}</div>
    <${Loaded} of=${stats} label="Counting">${(known) => html`${!known.complete && html`<p class="muted small">More jobs ended than are counted: since <${Time} at=${known.since} />.</p>`}
      ${known.queue_ms.count === 0 ? html`<${Empty} title="No job ended in that time" />` : html`
        <${TimesTable} title="All" of="Template" rows=${[...known.templates.map((row) => ({ ...row, name: row.template ?? "Raw workflow" })), ...(known.templates.length > 1 ? [{ ...known, name: "All together", isSum: true }] : [])]} />
        <${TimesTable} of="ComfyUI" rows=${known.backends.map((row) => ({ ...row, name: row.backend ?? "None had it" }))} />`}`}<//></section>`;
}

export const Backends = ({ query }) => html`<${Servers} /><${Times} query=${query} />`;
