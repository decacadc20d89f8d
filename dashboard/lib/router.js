// Where one is, kept in the address after "#", so that every view and its filters can be bookmarked and sent to others:
// "#/jobs/0198…?status=failed" is { view: "jobs", id: "0198…", query: { status: "failed" } }.
import { createStore, useStore } from "./store.js";

function read() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [view, ...rest] = path.split("/");
  return { view: view || "now", id: rest.map(decoded).join("/"), query: Object.fromEntries(new URLSearchParams(query)) };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// Each entry of the history has a name of its own: what one comes back to can be as it was left.
let count = 0;
const places = new Map();

function named() {
  const isKnown = history.state?.entry !== undefined;
  if (!isKnown) {
    history.replaceState({ entry: `${Date.now().toString(36)}.${++count}` }, "");
  }
  return isKnown;
}

// The browser would restore the place before there is anything to scroll in.
history.scrollRestoration = "manual";
named();
const route = createStore({ ...read(), entry: history.state.entry, place: 0 });

addEventListener("hashchange", () => {
  places.set(route.get().entry, scrollY);
  const isBack = named();
  const { entry } = history.state;
  route.set({ ...read(), entry, place: isBack ? places.get(entry) ?? 0 : 0 });
});

// { view, id, query, entry, place }: `place` is how far down one was, when one comes back to it.
export const useRoute = () => useStore(route);
export const currentEntry = () => route.get().entry;

// The address of a view. Empty parts of the query are left out.
export function to(view, id, query) {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const path = id ? `#/${view}/${encodeURIComponent(id)}` : `#/${view}`;
  return pairs.length > 0 ? `${path}?${new URLSearchParams(pairs)}` : path;
}

// `quietly` replaces the entry of the history, for filters that change with each key.
export function go(address, quietly = false) {
  if (quietly) {
    history.replaceState(history.state, "", address);
    route.set((now) => ({ ...now, ...read() }));
  } else {
    location.hash = address.slice(1);
  }
}
