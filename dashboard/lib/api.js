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

// The same with numbers that JavaScript cannot hold as texts, to be shown.
export const readable = (value) => JSON.parse(JSON.stringify(value, (key, member) => (typeof member === "bigint" ? String(member) : member)));

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

async function accepted(response) {
  if (response.status === 401) {
    refused();
  }
  if (!response.ok && response.status !== 304) {
    throw await problemOf(response);
  }
  return response;
}

const noAnswer = () => new Problem({ detail: "The gateway does not answer." });

// The Response itself, for what is no JSON. Throws a Problem for a failure, but not for 304.
export async function send(method, path, { params, body, headers, signal } = {}) {
  let response;
  try {
    response = await fetch(withQuery(path, params), { method, body, headers, signal, credentials: "same-origin" });
  } catch (error) {
    if (error.name === "AbortError") {
      throw error;
    }
    throw noAnswer();
  }
  return accepted(response);
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

// Sends a body and tells onProgress(0…1) how much of it is gone, which fetch() cannot.
function sendSlowly(path, body, type, { signal, onProgress }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    request.setRequestHeader("Content-Type", type);
    request.upload.onprogress = ({ loaded, total }) => total > 0 && onProgress(loaded / total);
    request.onload = () => resolve(new Response(request.responseText, { status: request.status, statusText: request.statusText,
      headers: { "Retry-After": request.getResponseHeader("Retry-After") ?? "" } }));
    request.onerror = () => reject(noAnswer());
    request.onabort = () => reject(new DOMException("It was given up.", "AbortError"));
    signal?.addEventListener("abort", () => request.abort());
    request.send(body);
  });
}

// Stores a picture or file to work on; answers the asset. A file that is known already is not stored again.
export async function upload(file, { signal, onProgress = () => {} } = {}) {
  const path = withQuery("/v1/assets", { name: file.name || undefined });
  const response = await sendSlowly(path, file, file.type || "application/octet-stream", { signal, onProgress });
  return parseJson(await (await accepted(response)).text());
}

// Names a submission, so that sending it again after a lost answer makes no second job.
export const idempotency = () => ({ "Idempotency-Key": crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}` });
