// Short notes at the edge of the page: what was done, or why it was not.
import { createStore } from "./store.js";

const SHOWN_MS = 6000;
export const toasts = createStore([]);
let count = 0;

// `action` { label, run } is optional.
export function toast(text, { kind = "info", action } = {}) {
  const id = ++count;
  toasts.set((now) => [...now.slice(-3), { id, text, kind, action }]);
  setTimeout(() => dismiss(id), kind === "error" ? 2 * SHOWN_MS : SHOWN_MS);
}

export function dismiss(id) {
  toasts.set((now) => now.filter((one) => one.id !== id));
}

// For what a person asked for and that failed.
export const tellProblem = (problem) => toast(problem.message || String(problem), { kind: "error" });
