// Width and height, with buttons for the usual ratios.
import { html } from "../../lib/html.js";
import { sizeOf } from "../../lib/form.js";
import { NumberField } from "./number.js";

const RATIOS = [[1, 1], [3, 4], [4, 3], [2, 3], [3, 2], [9, 16], [16, 9]];
const PICTURE_AREA = 1024 * 1024;
const VIDEO_AREA = 832 * 480;
const LONG = 18;

// A small box of that shape.
function Shape({ across, down }) {
  const scale = LONG / Math.max(across, down);
  return html`<svg class="shape" viewBox="0 0 20 20" aria-hidden="true"><rect width=${across * scale} height=${down * scale}
    x=${10 - (across * scale) / 2} y=${10 - (down * scale) / 2} rx="1.5" /></svg>`;
}

export function SizeField({ width, height, drafts, faults, onDraft, isVideo }) {
  const preset = width.property.default && height.property.default ? width.property.default * height.property.default : null;
  const area = preset ?? (isVideo ? VIDEO_AREA : PICTURE_AREA);
  const put = (across, down) => {
    onDraft(width.name, String(across));
    onDraft(height.name, String(down));
  };
  const isOptional = width.property.default === undefined && height.property.default === undefined;
  return html`<div class="size" role="group" aria-label="Size">
    <div class="ratios">${RATIOS.map(([across, down]) => {
      const [w, h] = sizeOf(across / down, area, width.property, height.property);
      const isThis = drafts[width.name] === String(w) && drafts[height.name] === String(h);
      return html`<button type="button" key=${`${across}:${down}`} aria-pressed=${isThis} title=${`${w} × ${h}`} onClick=${() => put(w, h)}>
        <${Shape} across=${across} down=${down} />${across}:${down}</button>`;
    })}
      <button type="button" class="quiet" disabled=${!drafts[width.name] || !drafts[height.name]} onClick=${() => put(drafts[height.name], drafts[width.name])}>Swap</button>
      ${isOptional && html`<button type="button" class="quiet" disabled=${!drafts[width.name] && !drafts[height.name]} onClick=${() => put("", "")}>As the template has it</button>`}</div>
    <div class="size-numbers"><${NumberField} field=${width} draft=${drafts[width.name]} fault=${faults[width.name]} onDraft=${onDraft} />
      <${NumberField} field=${height} draft=${drafts[height.name]} fault=${faults[height.name]} onDraft=${onDraft} /></div></div>`;
}
