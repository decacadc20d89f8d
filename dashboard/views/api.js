// For those who write a program: the address, commands to copy, what else this gateway serves, and its events.
import { html, useState } from "../lib/html.js";
import { get, writeJson } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { useStore } from "../lib/store.js";
import { eventLog } from "../lib/event_log.js";
import { to } from "../lib/router.js";
import { timeOfDay } from "../lib/format.js";
import { Empty, Icon, Loaded } from "../parts/basics.js";
import { ChoiceField } from "../parts/filters.js";
import { Copyable } from "../parts/copyable.js";

const PAGES = [["/docs", "Reference", "Every operation, with examples for curl, Python and JavaScript"], ["/openapi.json", "OpenAPI document", "For generators of clients"],
  ["/metrics", "Metrics", "For Prometheus"], ["/readyz", "Readiness", "Whether it takes jobs, and what is wrong"], ["/livez", "Liveness", "Whether it answers"]];

const KINDS = [["", "All"], ["job.", "Jobs"], ["job.progress", "Progress"], ["backend.", "ComfyUI"], ["queue.", "Queue"], ["snapshot", "Snapshots"]];

// What a template's own example would be submitted as; of the first that can run and makes a picture from a text.
async function submission(signal) {
  const { data } = await get("/v1/templates", {}, { signal });
  const ready = data.find(({ available, category }) => available && category === "text-to-image");
  const template = ready && await get(`/v1/templates/${encodeURIComponent(ready.name)}`, {}, { signal });
  return template ? { template: template.name, input: template.examples[0]?.input ?? {} } : { template: "sdxl", input: { prompt: "a red fox in fresh snow" } };
}

const forShell = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function examplesOf(origin, body) {
  return [
    ["Submit, and wait for the end", `curl -s ${origin}/v1/jobs -H 'Prefer: wait=60' \\\n  --json ${forShell(writeJson(body))}`],
    ["Store a file to work on", `curl -s '${origin}/v1/assets?name=photo.png' \\\n  -H 'Content-Type: image/png' --data-binary @photo.png`],
    ["List the newest jobs", `curl -s '${origin}/v1/jobs?limit=10'`],
    ["Fetch a result", `curl -s ${origin}/v1/outputs/OUTPUT_ID/content -o result.png`],
    ["Watch what happens", `curl -sN ${origin}/v1/events -H 'Accept: text/event-stream'`],
  ];
}

function Links() {
  const document = useLoad((signal) => get("/openapi.json", {}, { signal }), [], () => false);
  const isThere = (path) => (document.data ? path in document.data.paths : path === "/openapi.json");
  return html`<ul class="rows">${PAGES.filter(([path]) => isThere(path)).map(([path, title, words]) => html`<li class="row" key=${path}>
    <div class="row-main"><a href=${path}>${title}</a><span class="muted small">${words}</span></div><code>${path}</code></li>`)}</ul>`;
}

const textOf = (data) => JSON.stringify(data, null, 2);

const Entry = ({ event }) => html`<li><details><summary><time datetime=${event.at} class="numeric muted">${timeOfDay(event.at)}</time>
    <span class="tag">${event.type}</span>${event.job_id && html`<code class="small">${event.job_id}</code>`}</summary>
  ${event.job_id && html`<p><a href=${to("jobs", event.job_id)}>The job</a></p>`}<pre>${textOf(event.data)}</pre></details></li>`;

function Events({ query }) {
  const events = useStore(eventLog);
  const [stopped, setStopped] = useState(null);
  const shown = (stopped ?? events).filter(({ type }) => type.startsWith(query.type ?? ""));
  return html`<section aria-labelledby="events-title"><h2 id="events-title">Events</h2>
    <p class="muted">The newest 200 that came since this page was opened, as <code>GET /v1/events</code> tells them.</p>
    <div class="filters"><${ChoiceField} view="api" query=${query} name="type" label="Kind" choices=${KINDS} />
      <button type="button" aria-pressed=${stopped !== null} onClick=${() => setStopped(stopped === null ? events : null)}><${Icon} name=${stopped === null ? "pause" : "play"} /> ${stopped === null ? "Pause" : "Go on"}</button>
      <button type="button" class="quiet" onClick=${() => { eventLog.set([]); setStopped(null); }}>Empty</button></div>
    ${shown.length === 0 ? html`<${Empty} title="Nothing yet"><p>Events come here as they happen.</p><//>`
      : html`<ol class="events">${shown.map((event) => html`<${Entry} event=${event} key=${event.key} />`)}</ol>`}</section>`;
}

export function Api({ query }) {
  const example = useLoad(submission, [], () => false);
  const { origin } = location;
  return html`<div class="api"><section><p>Everything on these pages is done with the REST API; whatever can be done here, a program can do, too.</p>
      <${Copyable} title="Address" text=${origin} />
      <${Loaded} of=${example} label="Making examples">${(body) => examplesOf(origin, body).map(([title, text]) => html`<${Copyable} key=${title} title=${title} text=${text} />`)}<//></section>
    <div><section aria-labelledby="links-title"><h2 id="links-title">Also here</h2><${Links} /></section><${Events} query=${query} /></div></div>`;
}
