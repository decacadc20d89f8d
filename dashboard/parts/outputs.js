// What a job made, shown as what it is.
import { html } from "../lib/html.js";
import { bytes, duration } from "../lib/format.js";
import { Icon } from "./basics.js";

// As large as there is room. Only this gateway's own addresses get into src and href.
export function OutputView({ output }) {
  const source = `/v1/outputs/${output.id}/content`;
  if (output.type === "image") {
    return html`<img class="output-image" src=${source} width=${output.width} height=${output.height} alt=${output.name} />`;
  }
  if (output.type === "video") {
    return html`<video class="output-image" src=${source} controls loop autoplay muted playsinline aria-label=${output.name}></video>`;
  }
  if (output.type === "audio") {
    return html`<audio src=${source} controls aria-label=${output.name}></audio>`;
  }
  return output.text !== null && output.text !== undefined ? html`<pre class="output-text">${output.text}</pre>`
    : html`<p class="muted">${output.name} cannot be shown here; it can be downloaded.</p>`;
}

export const OutputFacts = ({ output }) => html`<span class="muted small">${[
  output.width && `${output.width} × ${output.height}`, output.duration_ms && duration(output.duration_ms),
  bytes(output.size_bytes), output.content_type].filter(Boolean).join(" · ")}</span>`;

export const DownloadLink = ({ output }) => html`<a class="button" href=${`/v1/outputs/${output.id}/content?download=1`} download>
  <${Icon} name="download" /> Download</a>`;

export const hasThumbnail = (output) => output.type === "image" || output.type === "video";
export const thumbnail = (output, size = 256) => `/v1/outputs/${output.id}/thumbnail?size=${size}`;
