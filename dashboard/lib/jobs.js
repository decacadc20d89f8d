// The jobs that are open, and those that ended while one looked on. Kept true by events; what events do not tell (input,
// estimates) is asked for now and then, which costs the gateway a 304 at most.
import { get } from "./api.js";
import { createStore } from "./store.js";
import { watchEvents } from "./live.js";

const RECENT_MAX = 12;
const OPEN_MAX = 200;
const REFRESH_MS = 10000;
const SOON_MS = 400;
export const ENDED = ["succeeded", "failed", "canceled", "expired"];

// { isKnown, jobs: Map of id to Job, cut: there are more, recent: [Job] newest first }
export const openJobs = createStore({ isKnown: false, jobs: new Map(), cut: false, recent: [] });
// null until it is known
export const backends = createStore(null);
// Since when no ComfyUI is given jobs; null while the queue moves.
export const pausedSince = createStore(null);

let refreshTimer = 0; // 0 = none is planned
let refreshDue = 0;
let isRecentFilled = false;

const isOlder = (a, b) => a !== undefined && b !== undefined && a < b;

function put(job) {
  openJobs.set((now) => {
    const known = now.jobs.get(job.id);
    if (known && isOlder(job.version, known.version)) {
      return now;
    }
    return { ...now, jobs: new Map(now.jobs).set(job.id, { ...known, ...job }) };
  });
}

function end(job) {
  openJobs.set((now) => {
    const jobs = new Map(now.jobs);
    const known = jobs.get(job.id) ?? now.recent.find((other) => other.id === job.id);
    const ended = { ...known, ...job, progress: null };
    jobs.delete(job.id);
    isRecentFilled &&= ended.input !== undefined;
    const recent = [ended, ...now.recent.filter((other) => other.id !== job.id)].slice(0, RECENT_MAX);
    return { ...now, jobs, recent };
  });
}

function forget(id) {
  openJobs.set((now) => {
    const jobs = new Map(now.jobs);
    jobs.delete(id);
    return { ...now, jobs, recent: now.recent.filter((job) => job.id !== id) };
  });
}

function change(id, members) {
  openJobs.set((now) => {
    const known = now.jobs.get(id);
    return known ? { ...now, jobs: new Map(now.jobs).set(id, { ...known, ...members }) } : now;
  });
}

function replaceAll(jobs, cut) {
  openJobs.set((now) => ({
    ...now, isKnown: true, cut,
    jobs: new Map(jobs.map((job) => {
      const known = now.jobs.get(job.id);
      return [job.id, known && isOlder(job.version, known.version) ? { ...job, ...known } : { ...known, ...job }];
    })),
  }));
}

function setServers(list) {
  backends.set(list.data);
  pausedSince.set(list.paused_since ?? null);
}

// What ended before one looked on, and the input of what was too short to be asked for.
async function fillRecent() {
  const { data } = await get("/v1/jobs", { status: ENDED.join(","), limit: RECENT_MAX });
  isRecentFilled = true;
  openJobs.set((now) => {
    const seen = new Set(now.recent.map((job) => job.id));
    const known = now.recent.map((job) => (job.input === undefined ? { ...data.find(({ id }) => id === job.id), ...job } : job));
    return { ...now, recent: [...known, ...data.filter((job) => !seen.has(job.id))].slice(0, RECENT_MAX) };
  });
}

// Asks for all that is open. Harmless at any time.
export async function refreshJobs() {
  clearTimeout(refreshTimer);
  refreshTimer = 0;
  try {
    const began = new Set(openJobs.get().recent.map((job) => job.id));
    const [list, servers] = await Promise.all([
      get("/v1/jobs", { status: "queued,running,canceling", sort: "created_at", limit: OPEN_MAX }),
      get("/v1/backends"),
    ]);
    const ended = new Set(openJobs.get().recent.filter((job) => !began.has(job.id)).map((job) => job.id));
    replaceAll(list.data.filter((job) => !ended.has(job.id)), list.has_more);
    setServers(servers);
    await (isRecentFilled || fillRecent());
  } catch {
    // liveState tells of it
  }
  planRefresh(REFRESH_MS);
}

// What is planned for sooner stays.
function planRefresh(ms) {
  const due = Date.now() + ms;
  if (refreshTimer !== 0 && refreshDue <= due) {
    return;
  }
  clearTimeout(refreshTimer);
  refreshDue = due;
  refreshTimer = setTimeout(() => {
    refreshTimer = 0;
    return document.hidden ? planRefresh(REFRESH_MS) : refreshJobs();
  }, ms);
}

function onEvent({ type, job_id: id, data }) {
  if (type === "snapshot") {
    replaceAll(data.jobs, data.jobs_cut);
    setServers(data.backends);
    planRefresh(SOON_MS);
  } else if (["job.progress", "job.position", "job.updated"].includes(type)) {
    change(id, data);
  } else if (type === "job.preview") {
    change(id, { preview_seq: data.preview_seq });
  } else if (type === "job.deleted") {
    forget(id);
  } else if (type.startsWith("job.") && data.id) {
    if (ENDED.includes(data.status)) {
      end(data);
      if (!isRecentFilled) {
        planRefresh(SOON_MS);
      }
    } else {
      put(type === "job.queued" || type === "job.requeued" ? { ...data, progress: null } : data);
      planRefresh(SOON_MS);
    }
  } else {
    planRefresh(SOON_MS);
  }
}

export function startJobs() {
  watchEvents(onEvent);
}
