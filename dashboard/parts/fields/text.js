// Fields for texts, choices, switches, and what has no field of its own.
import { html, useEffect, useRef } from "../../lib/html.js";
import { plain } from "../../lib/form.js";
import { Fault, Frame, Hint, idOf, tied } from "./frame.js";

const TALLEST = 420;

// As high as its text, up to a limit.
function useOwnHeight(text) {
  const area = useRef(null);
  useEffect(() => {
    const { style } = area.current;
    style.height = "auto";
    style.height = `${Math.min(TALLEST, area.current.scrollHeight + 2)}px`;
  }, [text]);
  return area;
}

export function AreaField({ field, draft, fault, onDraft }) {
  const { name, label, property, isRequired } = field;
  const area = useOwnHeight(draft);
  const left = property.maxLength - draft.length;
  return html`<${Frame} name=${name} label=${label} hint=${property.description} fault=${fault} isRequired=${isRequired}
    side=${left < property.maxLength / 5 ? `${left} characters left` : null}>
    <textarea ...${tied(name, fault, property.description)} ref=${area} rows=${field.role === "prompt" ? 4 : 2} class=${field.kind === "json" ? "mono" : ""}
      required=${isRequired} onInput=${(event) => onDraft(name, event.target.value)} value=${draft}></textarea><//>`;
}

// A text; where choices are known, one of them. What is chosen stays, also when no ComfyUI has it.
export function TextField({ field, draft, fault, onDraft }) {
  const { name, label, property, isRequired } = field;
  const known = property["x-options"]?.values ?? [];
  const attributes = { ...tied(name, fault, property.description), required: isRequired, value: draft };
  const onInput = (event) => onDraft(name, event.target.value);
  return html`<${Frame} name=${name} label=${label} hint=${property.description} fault=${fault} isRequired=${isRequired}>
    ${known.length === 0 ? html`<input type="text" ...${attributes} placeholder=${property.default ?? ""} onInput=${onInput} />`
      : html`<select ...${attributes} onChange=${onInput}>
        ${(draft === "" || property.default === undefined) && html`<option value="" selected=${draft === ""}>${isRequired ? "Choose…" : "As the template has it"}</option>`}
        ${draft !== "" && !known.includes(draft) && html`<option value=${draft} selected>${draft} (no ComfyUI has it)</option>`}
        ${known.map((value) => html`<option value=${value} key=${value} selected=${value === draft}>${value}</option>`)}</select>`}<//>`;
}

export function PickField({ field, draft, fault, onDraft }) {
  const { name, label, property, isRequired } = field;
  return html`<${Frame} name=${name} label=${label} hint=${property.description} fault=${fault} isRequired=${isRequired}>
    <select ...${tied(name, fault, property.description)} value=${draft} onChange=${(event) => onDraft(name, event.target.value)}>
      ${property.default === undefined && html`<option value="" selected=${draft === ""}>${isRequired ? "Choose…" : "As the template has it"}</option>`}
      ${property.enum.map(plain).map((value) => html`<option value=${value} key=${value} selected=${value === draft}>${value}</option>`)}
    </select><//>`;
}

export const SwitchField = ({ field: { name, label, property }, draft, fault, onDraft }) => html`<div class="field field-switch">
  <input type="checkbox" ...${tied(name, fault, property.description)} checked=${draft} onChange=${(event) => onDraft(name, event.target.checked)} />
  <div><label for=${idOf(name)}>${label}</label><${Fault} name=${name} fault=${fault} /><${Hint} name=${name} hint=${property.description} /></div></div>`;
