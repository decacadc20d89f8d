// What happens, as it happens: one EventSource for the whole page. Closed while the page is hidden; when events cannot
// come through (a proxy that cuts them), the page asks every few seconds instead, and tries events again now and then.
//
// Watchers get { type, job_id, data }, as the API tells events. "snapshot" comes first after each (re)connection;
// "poll" means: ask anew for what you show.
import { checkSession } from "./session.js";
import { createStore } from "./store.js";

const POLL_MS = 4000;
const POLLS_BEFORE_RETRY = 8;
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
const HIDDEN_MS = 10000;
// A stream that has not begun by then never will: something on the way holds it back.
const SILENT_MS = 8000;
// One that has lasted so long was a good one.
const STEADY_MS = 5000;
const CUTS_MAX = 3;
const TYPES = ["snapshot", "reset", "job.queued", "job.started", "job.output", "job.requeued", "job.canceling",
  "job.succeeded", "job.failed", "job.canceled", "job.expired", "job.deleted", "job.updated", "job.progress", "job.preview",
  "job.position", "backend.up", "backend.down", "backend.updated", "queue.updated"];

// "connecting" | "live" | "polling" | "offline" | "paused"
export const liveState = createStore("connecting");

const watchers = new Set();
let source = null;
let timer = 0;
let hiddenTimer = 0;
let failures = 0;
let cuts = 0; // in a row, by something that is not the gateway
let openedAt = Infinity;

export function watchEvents(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

function tell(event) {
  watchers.forEach((watcher) => watcher(event));
}

function close() {
  clearTimeout(timer);
  source?.close();
  source = null;
}

function open() {
  close();
  source = new EventSource("/v1/events");
  source.onopen = () => {
    clearTimeout(timer);
    openedAt = Date.now();
    liveState.set("live");
  };
  source.onerror = () => onLost(false);
  timer = setTimeout(onLost, SILENT_MS, true);
  TYPES.forEach((type) => source.addEventListener(type, (message) => tell(JSON.parse(message.data))));
}

async function answers() {
  try {
    return (await fetch("/livez", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

// Its own way of trying again is not used: it gives up for good after some answers.
async function onLost(isSilent) {
  close();
  if (Date.now() - openedAt > STEADY_MS) {
    failures = 0;
    cuts = 0;
  }
  openedAt = Infinity;
  const lost = failures++;
  const isThere = await answers();
  if (document.hidden || source !== null) {
    return;
  }
  if (isThere) {
    checkSession();
  }
  cuts = isThere ? cuts + 1 : 0;
  if (isThere && (isSilent || cuts >= CUTS_MAX)) {
    poll(POLLS_BEFORE_RETRY);
    return;
  }
  liveState.set(isThere ? "connecting" : "offline");
  timer = setTimeout(open, RETRY_MS[Math.min(lost, RETRY_MS.length - 1)] * (0.75 + Math.random() / 2));
}

async function poll(left) {
  const isThere = await answers();
  if (document.hidden || source !== null) {
    return;
  }
  liveState.set(isThere ? "polling" : "offline");
  if (isThere) {
    tell({ type: "poll", job_id: null, data: {} });
  }
  timer = left > 0 ? setTimeout(poll, POLL_MS, left - 1) : setTimeout(open, POLL_MS);
}

function onVisibility() {
  clearTimeout(hiddenTimer);
  if (document.hidden) {
    hiddenTimer = setTimeout(() => {
      close();
      liveState.set("paused");
    }, HIDDEN_MS);
  } else if (source === null) {
    failures = 0;
    liveState.set("connecting");
    open();
  }
}

export function startLive() {
  document.addEventListener("visibilitychange", onVisibility);
  addEventListener("pagehide", close);
  addEventListener("pageshow", (event) => event.persisted && onVisibility());
  open();
}
