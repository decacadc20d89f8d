// Fields for numbers: with a slider where both ends are known, and the seed.
import { html } from "../../lib/html.js";
import { randomSeed } from "../../lib/form.js";
import { Icon } from "../basics.js";
import { Frame, tied } from "./frame.js";

function stepOf({ type, multipleOf, minimum, maximum }) {
  if (multipleOf !== undefined || type === "integer") {
    return multipleOf ?? 1;
  }
  const range = maximum - minimum;
  return range >= 10 ? 0.5 : range >= 2 ? 0.1 : 0.05;
}

function limitsOf({ minimum, maximum, multipleOf }) {
  const ends = minimum !== undefined && maximum !== undefined ? `${minimum} to ${maximum}`
    : minimum !== undefined ? `from ${minimum}` : maximum !== undefined ? `up to ${maximum}` : "";
  return [ends, multipleOf !== undefined && multipleOf !== 1 && `in steps of ${multipleOf}`].filter(Boolean).join(", ");
}

// A text field, not type=number: that one drops digits of large numbers, and says nothing of what it could not read.
export function NumberField({ field, draft, fault, onDraft }) {
  const { name, label, property, isRequired, widget } = field;
  const hasSlider = widget === "slider" && property.minimum !== undefined && property.maximum !== undefined;
  const step = stepOf(property);
  const move = (event, times) => {
    const next = (Number(draft || property.minimum || 0)) + times * step;
    event.preventDefault();
    onDraft(name, String(Math.min(property.maximum ?? Infinity, Math.max(property.minimum ?? -Infinity, Number(next.toFixed(6))))));
  };
  const onKeyDown = (event) => (event.key === "ArrowUp" ? move(event, 1) : event.key === "ArrowDown" && move(event, -1));
  return html`<${Frame} name=${name} label=${label} hint=${property.description} fault=${fault} isRequired=${isRequired} side=${limitsOf(property)}>
    <div class="number">${hasSlider && html`<input type="range" aria-label=${`${label}, slider`} min=${property.minimum} max=${property.maximum} step=${step}
        value=${draft === "" ? property.minimum : draft} onInput=${(event) => onDraft(name, event.target.value)} />`}
      <input type="text" ...${tied(name, fault, property.description)} inputmode=${property.type === "integer" ? "numeric" : "decimal"} autocomplete="off" class="numeric"
        placeholder=${property.default === undefined ? "auto" : String(property.default)} value=${draft} required=${isRequired}
        onKeyDown=${onKeyDown} onInput=${(event) => onDraft(name, event.target.value)} /></div><//>`;
}

// Without a number, each job gets one of its own.
export function SeedField({ field, draft, fault, onDraft }) {
  const { name, label, property } = field;
  return html`<${Frame} name=${name} label=${label} hint=${property.description} fault=${fault} side=${draft === "" ? "another one each time" : "always this one"}>
    <div class="seed"><input type="text" ...${tied(name, fault, property.description)} inputmode="numeric" autocomplete="off" class="numeric" placeholder="Random"
        value=${draft} onInput=${(event) => onDraft(name, event.target.value)} />
      <button type="button" class="icon-only" aria-label="Roll a seed" title="Roll a seed" onClick=${() => onDraft(name, randomSeed(property))}><${Icon} name="dice" /></button>
      ${draft !== "" && html`<button type="button" class="icon-only quiet" aria-label="Random seed" title="Random again" onClick=${() => onDraft(name, "")}><${Icon} name="close" /></button>`}
    </div><//>`;
}
