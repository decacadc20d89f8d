// A list of LoRAs: each with its strength; found by a part of its name.
import { html, useState } from "../../lib/html.js";
import { Icon } from "../basics.js";
import { Fault, Hint, idOf, tied } from "./frame.js";

const SHOWN = 8;
const USUAL = 2;
const shortName = (file) => file.replace(/\.(safetensors|ckpt|pt)$/, "");

function Row({ field, row, index, faults, onChange, onRemove }) {
  const path = `${field.name}/${index}`;
  const { minimum = -USUAL, maximum = USUAL } = field.property.items.properties.strength;
  const fault = faults[`${path}/strength`] ?? faults[`${path}/name`] ?? faults[path];
  const name = shortName(row.name);
  const setStrength = (event) => onChange({ ...row, strength: event.target.value });
  return html`<li class="lora"><span class="lora-name" title=${row.name}>${name}</span>
    <input type="range" aria-label=${`Strength of ${name}, slider`} min=${Math.max(minimum, -USUAL)} max=${Math.min(maximum, USUAL)} step="0.05" value=${row.strength} onInput=${setStrength} />
    <input type="text" ...${tied(`${path}/strength`, fault)} aria-label=${`Strength of ${name}`} inputmode="decimal" class="numeric" value=${row.strength} onInput=${setStrength} />
    <button type="button" class="quiet icon-only" aria-label=${`Remove ${name}`} title="Remove" onClick=${onRemove}><${Icon} name="close" /></button>
    <${Fault} name=${`${path}/strength`} fault=${fault} /></li>`;
}

export function LorasField({ field, draft, faults, onDraft }) {
  const { name, label, property } = field;
  const [search, setSearch] = useState("");
  const known = property.items.properties.name["x-options"]?.values ?? [];
  const wanted = search.trim().toLowerCase();
  const found = known.filter((file) => file.toLowerCase().includes(wanted) && !draft.some((row) => row.name === file));
  const isFull = property.maxItems !== undefined && draft.length >= property.maxItems;
  const add = (file) => {
    onDraft(name, [...draft, { name: file, strength: String(property.items.properties.strength.default ?? 1) }]);
    setSearch("");
  };
  const onKeyDown = (event) => {
    if (event.key === "Enter" && wanted !== "" && !isFull) {
      event.preventDefault();
      event.stopPropagation();
      if (found.length > 0 || known.length === 0) {
        add(found[0] ?? search.trim());
      }
    }
  };
  return html`<div class="field"><div class="field-head"><label for=${idOf(name)}>${label}</label>
      ${draft.length > 0 && html`<span class="muted small">${draft.length}${property.maxItems ? ` of ${property.maxItems}` : ""}</span>`}</div>
    ${draft.length > 0 && html`<ul class="loras">${draft.map((row, index) => html`<${Row} key=${row.name} field=${field} row=${row} index=${index} faults=${faults}
      onChange=${(next) => onDraft(name, draft.map((one, at) => (at === index ? next : one)))}
      onRemove=${() => onDraft(name, draft.filter((one, at) => at !== index))} />`)}</ul>`}
    <input type="search" ...${tied(name, faults[name], property.description)} disabled=${isFull} value=${search} maxlength="300" autocomplete="off"
      placeholder=${known.length > 0 ? `Search in ${known.length}` : "Name of the file"} onInput=${(event) => setSearch(event.target.value)} onKeyDown=${onKeyDown} />
    ${!isFull && found.length > 0 && html`<div class="found" role="group" aria-label=${`Add to ${label}`}>
      ${found.slice(0, SHOWN).map((file) => html`<button type="button" key=${file} title=${file} onClick=${() => add(file)}><${Icon} name="new" /> ${shortName(file)}</button>`)}
      ${found.length > SHOWN && html`<span class="muted small">and ${found.length - SHOWN} more</span>`}</div>`}
    ${wanted !== "" && found.length === 0 && known.length > 0 && html`<p class="hint">No ComfyUI has a file of that name.</p>`}
    <${Fault} name=${name} fault=${faults[name]} /><${Hint} name=${name} hint=${property.description} /></div>`;
}
