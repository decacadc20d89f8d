// The REST API: one function a method. What fails is thrown as a Problem, which tells what to show.
//
// Numbers of more than 15 digits (seeds) are kept exact: they are read as BigInt, and written as the numbers they are.

const MARK = "\u0001n:";

export class Problem extends Error {
  constructor({ status = 0, code = "offline", title = "", detail = "", errors = [], request_id = "", retryAfter = 0 }) {
    super(detail || title);
    Object.assign(this, { status, code, title, detail, errors, requestId: request_id, retryAfter });
  }

  get isOffline() {
    return this.code === "offline";
  }

  // What is said of one member of the request: "/input/steps" -> a sentence, or undefined.
  at(pointer) {
    return this.errors.find((item) => item.pointer === pointer)?.detail;
  }
}

function outsideStrings(text, change) {
  return text.replace(/"(?:[^"\\]|\\.)*"|[^"]+/g, (piece) => (piece[0] === '"' ? piece : change(piece)));
}

export function parseJson(text) {
  if (!/\d{16}/.test(text)) {
    return JSON.parse(text);
  }
  const marked = outsideStrings(text, (piece) => piece.replace(/-?\d{16,}(?![\d.eE])/g, (digits) => `"\\u0001n:${digits}"`));
  return JSON.parse(marked, (key, value) =>
    typeof value === "string" && value.startsWith(MARK) ? exact(value.slice(MARK.length)) : value);
}

function exact(digits) {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : BigInt(digits);
}

export function writeJson(value) {
  const text = JSON.stringify(value, (key, member) => (typeof member === "bigint" ? MARK + member : member));
  return text.replace(/"\\u0001n:(-?\d+)"/g, "$1");
}

function withQuery(path, params) {
  const pairs = Object.entries(params ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
  return pairs.length > 0 ? `${path}?${new URLSearchParams(pairs)}` : path;
}

async function problemOf(response) {
  const text = await response.text().catch(() => "");
  let document = {};
  try {
    document = JSON.parse(text);
  } catch {
    document = { title: response.statusText, detail: `The gateway answered ${response.status}.` };
  }
  return new Problem({ ...document, status: response.status, code: document.code ?? "unknown",
    retryAfter: Number(response.headers.get("Retry-After")) || 0 });
}

// Called when the gateway does not know who asks, or not any more.
let refused = () => {};
export const whenRefused = (call) => {
  refused = call;
};

// The Response itself, for what is no JSON. Throws a Problem for a failure, but not for 304.
export async function send(method, path, { params, body, headers, signal } = {}) {
  let response;
  try {
    response = await fetch(withQuery(path, params), { method, body, headers, signal, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") {
      throw error;
    }
    throw new Problem({ detail: "The gateway does not answer." });
  }
  if (response.status === 401) {
    refused();
  }
  if (!response.ok && response.status !== 304) {
    throw await problemOf(response);
  }
  return response;
}

async function json(method, path, options) {
  const response = await send(method, path, options);
  return response.status === 204 ? null : parseJson(await response.text());
}

const withBody = (body, options = {}) => ({ ...options, body: writeJson(body ?? {}),
  headers: { "Content-Type": "application/json", ...options.headers } });

export const get = (path, params, options) => json("GET", path, { ...options, params });
export const post = (path, body, options) => json("POST", path, withBody(body, options));
export const patch = (path, body, options) => json("PATCH", path, withBody(body, options));
export const put = (path, body, options) => json("PUT", path, withBody(body, options));
export const remove = (path, options) => json("DELETE", path, options);

// Stores a picture or file to work on; answers the asset. A file that is known already is not stored again.
export const upload = (file, options) =>
  json("POST", "/v1/assets", { ...options, params: { name: file.name || undefined }, body: file,
    headers: { "Content-Type": file.type || "application/octet-stream" } });

// Names a submission, so that sending it again after a lost answer makes no second job.
export const idempotency = () => ({ "Idempotency-Key": crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` });
