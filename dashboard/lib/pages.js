// A list that is asked for page by page: { items, hasMore, problem, isLoading, more, reload, change }.
import { useCallback, useEffect, useRef, useState } from "./html.js";
import { get } from "./api.js";
import { currentEntry } from "./router.js";

const KEPT_MAX = 6;
// The lists that one has left, by the entry of the history: who comes back finds all that was loaded.
const kept = new Map();
const nameOf = (entry, key) => `${entry} ${key}`;

function keep(name, state) {
  kept.delete(name);
  kept.set(name, state);
  if (kept.size > KEPT_MAX) {
    kept.delete(kept.keys().next().value);
  }
}

const NONE = { items: [], cursor: null, hasMore: true, problem: null, isLoading: true };

// Starts anew when `path` or one of `params` is another one.
export function usePages(path, params) {
  const key = JSON.stringify([path, params]);
  const [state, setState] = useState(() => kept.get(nameOf(currentEntry(), key)) ?? { key, ...NONE });
  const latest = useRef({});
  Object.assign(latest.current, { key, path, params, state, entry: currentEntry() });

  const load = useCallback(async (isFirst) => {
    const now = latest.current;
    if (now.busy === now.key) {
      now.isMoreWanted ||= !isFirst;
      return;
    }
    const { key: asked, path: from, params: filter } = now;
    now.busy = asked;
    try {
      const cursor = isFirst ? undefined : now.state.cursor;
      const page = await get(from, { ...filter, cursor });
      if (latest.current.key === asked) {
        setState((before) => joined(before, page, isFirst, asked));
      }
    } catch (problem) {
      if (latest.current.key === asked) {
        setState((before) => ({ ...before, key: asked, problem, isLoading: false }));
      }
    }
    now.busy = null;
    if (now.key !== asked) {
      load(true);
    } else if (now.isMoreWanted) {
      now.isMoreWanted = false;
      setTimeout(load, 0, false); // when what has come is part of the state
    }
  }, []);

  useEffect(() => {
    setState((before) => (before.key === key ? before : { key, ...NONE }));
    load(true);
  }, [key]);
  useEffect(() => () => keep(nameOf(latest.current.entry, latest.current.key), latest.current.state), []);

  const change = useCallback((update) => setState((before) => {
    const items = update(before.items);
    return items === before.items ? before : { ...before, items };
  }), []);
  const shown = state.key === key ? state : { key, ...NONE };
  return {
    ...shown,
    more: useCallback(() => latest.current.state.hasMore && !latest.current.state.problem && load(false), []),
    reload: useCallback(() => load(true), []),
    change,
  };
}

// The first page, asked for again, goes before what is there; what is known already takes its new form and stays in place.
function joined(before, page, isFirst, key) {
  const known = isFirst && before.key === key && before.items.length > 0;
  const fresh = new Map(page.data.map((item) => [item.id, item]));
  if (!known) {
    const old = isFirst ? [] : before.items.filter((item) => !fresh.has(item.id));
    return { key, items: [...old, ...page.data], cursor: page.next_cursor, hasMore: page.has_more, problem: null, isLoading: false };
  }
  const rest = before.items.filter((item) => !fresh.has(item.id));
  return { ...before, items: [...page.data, ...rest], problem: null, isLoading: false };
}
