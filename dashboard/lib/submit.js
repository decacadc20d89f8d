// Sends work to the gateway: one job or several alike, each of them once, however often it is sent.
import { idempotency, parseJson, post, readable, writeJson } from "./api.js";
import { seedAfter } from "./form.js";
import { refreshJobs } from "./jobs.js";
import { createStore } from "./store.js";

const SENT_MAX = 8;
const TITLE_MAX = 200;

// What was sent from this page since it was opened, newest first.
export const sent = createStore([]);

let last = { text: null, key: null };

// The same body once more, after an answer that was lost, goes under the same key: it makes no second job.
function keyFor(text) {
  if (last.text !== text) {
    last = { text, key: idempotency()["Idempotency-Key"] };
  }
  return last.key;
}

// Without a title the prompt is one: lists and the gallery show it, and a search finds it.
function titled(body) {
  const prompt = typeof body.input?.prompt === "string" ? body.input.prompt.replace(/\s+/g, " ").trim() : "";
  return body.title || prompt === "" ? body : { ...body, title: [...prompt].slice(0, TITLE_MAX).join("") };
}

// The n-th of several: a seed that was given counts up, one that was not is another each time anyway.
function nth(body, n, seed) {
  const given = seed && body.input?.[seed.name];
  return n === 0 || given === undefined || given === null ? body : { ...body, input: { ...body.input, [seed.name]: seedAfter(given, n, seed.property) } };
}

// The jobs. `seed` is the template's field for it, if it has one. Throws a Problem, which may be after some were accepted: `accepted` of it.
export async function submit(body, { count = 1, seed } = {}) {
  const key = keyFor(writeJson([body, count]));
  const jobs = [];
  try {
    for (let n = 0; n < count; n++) {
      const job = await post("/v1/jobs", nth(titled(body), n, seed), { headers: { "Idempotency-Key": `${key}-${n}` } });
      jobs.push(job);
      sent.set((now) => [job, ...now.filter((one) => one.id !== job.id)].slice(0, SENT_MAX));
    }
    last = { text: null, key: null };
  } catch (problem) {
    throw Object.assign(problem, { accepted: jobs.length });
  } finally {
    refreshJobs();
  }
  return jobs;
}

// { workflow, problems, … } of what would be sent. Numbers that JavaScript cannot hold come as texts, to be shown.
export async function tryOut(body) {
  return readable(await post("/v1/jobs", { ...body, dry_run: true }));
}

// ---- the last values of each template, kept in this browser

const keyOf = (template) => `comfygate.form.${template}`;

export function keepValues(template, input) {
  try {
    localStorage.setItem(keyOf(template), writeJson(input));
  } catch {
    // then they are not kept
  }
}

export function keptValues(template) {
  try {
    const text = localStorage.getItem(keyOf(template));
    return text === null ? null : parseJson(text);
  } catch {
    return null;
  }
}
