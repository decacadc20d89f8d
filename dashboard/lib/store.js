// A value that views can watch. Whoever sets it gives a new value; nothing is changed in place.
import { useEffect, useState } from "./html.js";

export function createStore(initial) {
  let value = initial;
  const watchers = new Set();
  return {
    get: () => value,
    set(next) {
      const changed = typeof next === "function" ? next(value) : next;
      if (changed !== value) {
        value = changed;
        watchers.forEach((watcher) => watcher(value));
      }
    },
    watch(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
  };
}

// The store's value, or what `select` takes of it; draws again when that changes. `inputs` is what `select` depends on.
export function useStore(store, select = (value) => value, inputs = []) {
  const [shown, show] = useState(() => select(store.get()));
  useEffect(() => {
    show(() => select(store.get()));
    return store.watch((value) => show(() => select(value)));
  }, [store, ...inputs]);
  return shown;
}
