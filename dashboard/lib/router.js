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

const route = createStore(read());
addEventListener("hashchange", () => route.set(read()));

export const useRoute = () => useStore(route);

// The address of a view. Empty parts of the query are left out.
export function to(view, id, query) {
  const pairs = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const path = id ? `#/${view}/${encodeURIComponent(id)}` : `#/${view}`;
  return pairs.length > 0 ? `${path}?${new URLSearchParams(pairs)}` : path;
}

// `quietly` replaces the entry of the history, for filters that change with each key.
export function go(address, quietly = false) {
  if (quietly) {
    history.replaceState(null, "", address);
    route.set(read());
  } else {
    location.hash = address.slice(1);
  }
}
