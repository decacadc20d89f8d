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
let wasOpened = false;

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
    failures = 0;
    wasOpened = true;
    liveState.set("live");
  };
  source.onerror = onLost;
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
async function onLost() {
  close();
  const lost = failures++;
  const isThere = await answers();
  if (document.hidden || source !== null) {
    return;
  }
  if (isThere) {
    checkSession();
  }
  if (isThere && lost >= 2 && !wasOpened) {
    poll(POLLS_BEFORE_RETRY);
    return;
  }
  wasOpened = wasOpened && !(isThere && lost >= 4);
  liveState.set(isThere ? "connecting" : "offline");
  timer = setTimeout(open, RETRY_MS[Math.min(lost, RETRY_MS.length - 1)] * (0.75 + Math.random() / 2));
}

async function poll(left) {
  const isThere = await answers();
  if (document.hidden) {
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
