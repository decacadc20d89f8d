// Times, sizes and names as people read them; in the viewer's zone and language.

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const RELATIVE = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

export const timeOfDay = (text) => TIME.format(new Date(text));
export const dateTime = (text) => DAY.format(new Date(text));

export function ago(text) {
  const seconds = Math.round((new Date(text) - Date.now()) / 1000);
  const [unit, size] = UNITS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return RELATIVE.format(Math.round(seconds / size), unit);
}

export function duration(ms) {
  if (ms === null || ms === undefined) {
    return "–";
  }
  if (ms < 999.5) {
    return `${Math.max(0, Math.round(ms))} ms`;
  }
  if (ms < 9950) {
    return `${(ms / 1000).toFixed(1)} s`;
  }
  return longer(Math.round(ms / 1000));
}

// Rounded once, before it is taken apart: there is no "60 s", and no "1 min 60 s".
function longer(seconds) {
  const parts = [[Math.floor(seconds / 86400), "d"], [Math.floor(seconds / 3600) % 24, "h"], [Math.floor(seconds / 60) % 60, "min"], [seconds % 60, "s"]];
  const first = parts.findIndex(([count]) => count > 0);
  return parts.slice(first, first + 2).filter(([count]) => count > 0).map(([count, unit]) => `${count} ${unit}`).join(" ");
}

// "about 20 s", for what is only estimated; `word` goes before it where that makes sense.
export function remaining(until, word = "") {
  const seconds = (new Date(until) - Date.now()) / 1000;
  if (seconds < 1) {
    return "any moment";
  }
  return `${word}about ${longer(seconds < 60 ? Math.ceil(seconds) : Math.round(seconds / 10) * 10)}`;
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
