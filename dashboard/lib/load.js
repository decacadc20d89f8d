// Something asked of the API for a view: { data, problem, isLoading, reload }.
import { useCallback, useEffect, useRef, useState } from "./html.js";
import { watchEvents } from "./live.js";

const SOON_MS = 300;

// `ask(signal)` is called when one of `inputs` changes, and when an event passes `isStale(event)`. What was shown stays
// while it is asked again. Only the answer to the last question counts, however late the others come.
export function useLoad(ask, inputs, isStale = (event) => event.type === "snapshot" || event.type === "poll") {
  const [state, setState] = useState({ data: null, problem: null, isLoading: true });
  const latest = useRef({ controller: null });
  Object.assign(latest.current, { ask, isStale });

  const reload = useCallback(async () => {
    latest.current.controller?.abort();
    const controller = new AbortController();
    latest.current.controller = controller;
    setState((now) => ({ ...now, isLoading: true }));
    try {
      const data = await latest.current.ask(controller.signal);
      if (!controller.signal.aborted) {
        setState({ data, problem: null, isLoading: false });
      }
    } catch (problem) {
      if (!controller.signal.aborted) {
        setState((now) => ({ data: now.data, problem, isLoading: false }));
      }
    }
  }, []);

  useEffect(() => {
    let timer = 0;
    setState({ data: null, problem: null, isLoading: true });
    reload();
    const unwatch = watchEvents((event) => {
      if (latest.current.isStale(event)) {
        clearTimeout(timer);
        timer = setTimeout(reload, SOON_MS);
      }
    });
    return () => {
      unwatch();
      clearTimeout(timer);
      latest.current.controller?.abort();
    };
  }, inputs);

  return { ...state, reload };
}
