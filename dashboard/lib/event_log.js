// The newest events that came since the page was opened, newest first; for the view that shows them.
import { createStore } from "./store.js";
import { watchEvents } from "./live.js";

const KEPT = 200;
export const eventLog = createStore([]);
let count = 0;

export function startEventLog() {
  watchEvents((event) => eventLog.set((now) => [{ ...event, key: ++count, at: new Date().toISOString() }, ...now.slice(0, KEPT - 1)]));
}
