// Small pieces that all views use.
import { html } from "../lib/html.js";
import { toasts, dismiss } from "../lib/toast.js";
import { createStore, useStore } from "../lib/store.js";
import { ago, dateTime } from "../lib/format.js";

const PATHS = {
  now: "M13 2 4 14h7l-1 8 9-12h-7z",
  new: "M12 5v14M5 12h14",
  gallery: "M4 5h16v14H4zM4 16l5-5 4 4 2-2 5 5",
  jobs: "M8 6h12M8 12h12M8 18h12M4 6h.01M4 12h.01M4 18h.01",
  templates: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  backends: "M4 5h16v6H4zM4 13h16v6H4zM8 8h.01M8 16h.01",
  webhooks: "M9 7a4 4 0 1 1 5 4l3 5M7 13a4 4 0 1 0 4 5h6M17 14a4 4 0 1 1-3 6",
  keys: "M14 4a5 5 0 1 1-4.6 7L4 16.5V20h3.5v-2.5H10V15l1.6-1.6M15.5 8h.01",
  api: "M8 6l-6 6 6 6M16 6l6 6-6 6",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  close: "M6 6l12 12M18 6 6 18",
  up: "M6 15l6-6 6 6",
  down: "M6 9l6 6 6-6",
  left: "M15 6l-6 6 6 6",
  right: "M9 6l6 6-6 6",
  search: "M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM20 20l-4-4",
  dice: "M5 5h14v14H5zM9 9h.01M15 15h.01M15 9h.01M9 15h.01M12 12h.01",
  download: "M12 4v11M7 11l5 5 5-5M5 20h14",
  again: "M4 12a8 8 0 0 1 14-5l2 2M20 4v5h-5M20 12a8 8 0 0 1-14 5l-2-2M4 20v-5h5",
  theme: "M12 3a9 9 0 1 0 9 9 7 7 0 0 1-9-9z",
  star: "M12 3l2.8 5.8 6.2.9-4.5 4.4 1.1 6.3L12 17.4l-5.6 3 1.1-6.3L3 9.7l6.2-.9z",
  trash: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
  link: "M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1",
  pause: "M8 5v14M16 5v14",
  play: "M7 5l12 7-12 7z",
};

export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;

const WORDS = { queued: "Waiting", running: "Running", canceling: "Stopping", succeeded: "Done", failed: "Failed",
  canceled: "Canceled", expired: "Expired" };

export const statusWord = (status) => WORDS[status] ?? status;
export const Status = ({ status }) => html`<span class="status status-${status}">${statusWord(status)}</span>`;

export function Bar({ value, label }) {
  const percent = Math.round((value ?? 0) * 100);
  return html`<div class="bar" role="progressbar" aria-label=${label ?? "Progress"} aria-valuemin="0" aria-valuemax="100"
    aria-valuenow=${value === null || value === undefined ? undefined : percent}>
    <div class="bar-fill ${value === null || value === undefined ? "bar-unknown" : ""}" style=${{ width: `${percent}%` }}></div>
  </div>`;
}

// One clock for all: lists have thousands of times. What reads as before is not drawn again.
const clock = createStore(Date.now());
setInterval(() => !document.hidden && clock.set(Date.now()), 15000);

export function Time({ at }) {
  const words = useStore(clock, () => at && ago(at), [at]);
  return at ? html`<time datetime=${at} title=${dateTime(at)}>${words}</time>` : html`<span class="muted">–</span>`;
}

export const Empty = ({ title, children }) => html`<div class="empty"><h2>${title}</h2>${children}</div>`;

export const Loading = ({ label = "Loading" }) => html`<div class="loading" role="status"><span class="spinner"></span>${label}…</div>`;

export function ProblemBox({ problem, retry }) {
  return html`<div class="problem" role="alert">
    <strong>${problem.isOffline ? "No answer" : problem.title || "That did not work"}</strong>
    <p>${problem.message}</p>
    ${problem.requestId && html`<p class="muted small">Request ${problem.requestId}</p>`}
    ${retry && html`<button type="button" onClick=${retry}>Try again</button>`}
  </div>`;
}

// For a view of something that is loaded (lib/load.js): waits, tells what went wrong, or draws it.
export function Loaded({ of, label, children }) {
  if (of.data === null) {
    return of.problem ? html`<${ProblemBox} problem=${of.problem} retry=${of.reload} />` : html`<${Loading} label=${label} />`;
  }
  return html`${of.problem && !of.problem.isOffline && html`<${ProblemBox} problem=${of.problem} retry=${of.reload} />`}${children(of.data)}`;
}

export const Toasts = () => html`<div class="toasts" role="status" aria-live="polite">
  ${useStore(toasts).map(({ id, text, kind, action }) => html`<div class="toast toast-${kind}" key=${id}>
    <span>${text}</span>
    ${action && html`<button type="button" class="quiet" onClick=${() => { action.run(); dismiss(id); }}>${action.label}</button>`}
    <button type="button" class="quiet icon-only" aria-label="Dismiss" onClick=${() => dismiss(id)}><${Icon} name="close" /></button>
  </div>`)}
</div>`;
