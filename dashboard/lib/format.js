// Times, sizes and names as people read them; in the viewer's zone and language.

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

export const timeOfDay = (text) => TIME.format(new Date(text));
export const dateTime = (text) => DAY.format(new Date(text));

export function ago(text) {
  const seconds = (new Date(text) - Date.now()) / 1000;
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return RELATIVE.format(Math.round(seconds / size), unit);
}

export function duration(ms) {
  if (ms === null || ms === undefined) {
    return "–";
  }
  if (ms < 1000) {
    return `${Math.max(0, Math.round(ms))} ms`;
  }
  const seconds = ms / 1000;
  if (seconds < 60) {
    return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  }
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

// "about 20 s", for what is only estimated; `word` goes before it where that makes sense.
export function remaining(until, word = "") {
  const seconds = (new Date(until) - Date.now()) / 1000;
  if (seconds < 1) {
    return "any moment";
  }
  return `${word}about ${duration(seconds < 60 ? Math.ceil(seconds) * 1000 : Math.round(seconds / 10) * 10000)}`;
}

export function bytes(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

// What a job is called where it has no title: what was asked for, else the template's name.
export function jobName(job) {
  const prompt = job.input?.prompt ?? job.input?.text;
  return job.title ?? (typeof prompt === "string" && prompt !== "" ? prompt : null) ?? job.template ?? "Raw workflow";
}

export const shortId = (id) => id.slice(-8);
