// The newest preview of a job that runs. Fetched when there is a new one, at most one at a time.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { send } from "../lib/api.js";

const LEAST_MS = 500;

// Its bytes, or null; then the next one may come.
async function fetchPreview(id) {
  try {
    const answer = await send("GET", `/v1/jobs/${id}/preview`);
    return answer.status === 200 ? await answer.blob() : null;
  } catch {
    return null;
  }
}

export function Preview({ job }) {
  const [url, setUrl] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const state = useRef({ seq: null, last: 0 });
  const seq = job.preview_seq ?? job.progress?.preview_seq ?? null;

  useEffect(() => () => url && URL.revokeObjectURL(url), [url]);
  useEffect(() => {
    const now = state.current;
    const timer = setTimeout(async () => {
      if (isBusy || seq === null || seq === now.seq) {
        return;
      }
      setBusy(true);
      Object.assign(now, { seq, last: Date.now() });
      const picture = await fetchPreview(job.id);
      if (now.isGone) {
        return;
      }
      if (picture) {
        setUrl(URL.createObjectURL(picture));
      }
      setBusy(false);
    }, Math.max(0, now.last + LEAST_MS - Date.now()));
    return () => clearTimeout(timer);
  }, [job.id, seq, isBusy]);
  useEffect(() => () => { state.current.isGone = true; }, []);

  return url
    ? html`<img class="preview" src=${url} alt="Preview of what is being made" />`
    : html`<div class="preview preview-none" aria-hidden="true"></div>`;
}
