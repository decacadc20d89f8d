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
    if (now.isGone) {
      return;
    }
    if (now.busy === now.key) {
      now.isMoreWanted ||= !isFirst;
      now.isFirstWanted ||= isFirst;
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
    } else if (now.isMoreWanted || now.isFirstWanted) {
      const isFirstNext = !now.isMoreWanted;
      now[isFirstNext ? "isFirstWanted" : "isMoreWanted"] = false;
      setTimeout(() => (isFirstNext || now.state.hasMore) && load(isFirstNext), 0); // when what has come is part of the state
    }
  }, []);

  useEffect(() => {
    setState((before) => (before.key === key ? before : { key, ...NONE }));
    load(true);
  }, [key]);
  useEffect(() => () => {
    const now = latest.current;
    now.isGone = true;
    keep(nameOf(now.entry, now.key), now.state);
  }, []);

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

const ids = (items) => new Set(items.map((item) => item.id));

// The first page, asked for again, stands for its part of the list: what was there and is not any more is gone. What comes
// after that part stays as it is.
function joined(before, page, isFirst, key) {
  const fresh = ids(page.data);
  const others = before.key === key ? before.items.filter((item) => !fresh.has(item.id)) : [];
  const end = { cursor: page.next_cursor, hasMore: page.has_more };
  if (!isFirst) {
    return { key, items: [...others, ...page.data], ...end, problem: null, isLoading: false };
  }
  const last = page.data.at(-1)?.id;
  const reach = before.items.findIndex((item) => item.id === last);
  const beyond = ids(before.items.slice(reach + 1));
  const rest = page.has_more ? others.filter((item) => reach < 0 || beyond.has(item.id)) : [];
  return { key, items: [...page.data, ...rest], ...(rest.length > 0 ? { cursor: before.cursor, hasMore: before.hasMore } : end), problem: null, isLoading: false };
}
