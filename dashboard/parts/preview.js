// The newest preview of a job that runs. Fetched when there is a new one, at most one at a time.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { send } from "../lib/api.js";

const LEAST_MS = 500;

export function Preview({ job }) {
  const [url, setUrl] = useState(null);
  const state = useRef({ seq: null, isBusy: false, last: 0 });
  const seq = job.preview_seq ?? job.progress?.preview_seq ?? null;

  useEffect(() => () => url && URL.revokeObjectURL(url), [url]);
  useEffect(() => {
    const now = state.current;
    const timer = setTimeout(async () => {
      if (seq === null || seq === now.seq || now.isBusy) {
        return;
      }
      now.isBusy = true;
      try {
        const answer = await send("GET", `/v1/jobs/${job.id}/preview`);
        if (answer.status === 200) {
          setUrl(URL.createObjectURL(await answer.blob()));
        }
      } catch {
        // the next one may come
      }
      Object.assign(now, { isBusy: false, seq, last: Date.now() });
    }, Math.max(0, now.last + LEAST_MS - Date.now()));
    return () => clearTimeout(timer);
  }, [job.id, seq]);

  return url
    ? html`<img class="preview" src=${url} alt="Preview of what is being made" />`
    : html`<div class="preview preview-none" aria-hidden="true"></div>`;
}
