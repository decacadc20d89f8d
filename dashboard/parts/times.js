// How long jobs waited and ran, a row for each template or ComfyUI: the middle one, and what 19 of 20 stay below.
import { html } from "../lib/html.js";
import { duration } from "../lib/format.js";

const WIDTH = 100;

// The thick part ends at the middle, the thin one at what 19 of 20 stay below.
function Times({ times, most }) {
  if (times.p50 === null) {
    return html`<span class="muted">–</span>`;
  }
  const across = (ms) => Math.max(1, (ms / most) * WIDTH);
  return html`<div class="times"><svg viewBox=${`0 0 ${WIDTH} 10`} preserveAspectRatio="none" aria-hidden="true">
      <rect class="times-rest" y="3.5" height="3" width=${across(times.p95)} /><rect class="times-half" y="1" height="8" width=${across(times.p50)} /></svg>
    <span class="small numeric"><span>${duration(times.p50)}</span> <span class="muted">/ ${duration(times.p95)}</span></span></div>`;
}

export function TimesTable({ of, rows }) {
  const most = (kind) => Math.max(1, ...rows.map((row) => row[kind].p95 ?? 0));
  const [queue, run] = [most("queue_ms"), most("run_ms")];
  return html`<div class="table"><table class="times-table"><thead><tr><th scope="col">${of}</th><th scope="col">Done</th><th scope="col" class="wide">Failed</th>
      <th scope="col">Waited<span class="wide"> (half / 95 % below)</span></th><th scope="col">Ran<span class="wide"> (half / 95 % below)</span></th></tr></thead>
    <tbody>${rows.map((row) => html`<tr key=${row.name} class=${row.isSum ? "sum" : ""}><th scope="row">${row.name}</th><td class="numeric">${row.ended.succeeded}</td>
      <td class="numeric wide ${row.ended.failed > 0 ? "has-failed" : ""}">${row.ended.failed}</td>
      <td><${Times} times=${row.queue_ms} most=${queue} /></td><td><${Times} times=${row.run_ms} most=${run} /></td></tr>`)}</tbody></table></div>`;
}
