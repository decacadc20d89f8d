// What every field of a form has: its name, what it is for, and what is wrong with it.
import { html } from "../../lib/html.js";

export const idOf = (name) => `field-${name}`;

// Attributes that tie an input to its words.
export const tied = (name, fault, hint) => ({
  id: idOf(name),
  name,
  "aria-invalid": fault ? "true" : undefined,
  "aria-describedby": [fault && `${idOf(name)}-fault`, hint && `${idOf(name)}-hint`].filter(Boolean).join(" ") || undefined,
});

export const Fault = ({ name, fault }) => fault && html`<p class="fault" id=${`${idOf(name)}-fault`}>${fault}</p>`;

export const Hint = ({ name, hint }) => hint && html`<p class="hint" id=${`${idOf(name)}-hint`}>${hint}</p>`;

export const Frame = ({ name, label, hint, fault, isRequired, side, children }) => html`<div class="field">
  <div class="field-head"><label for=${idOf(name)}>${label}</label>${isRequired && html`<span class="must" aria-hidden="true" title="Must be given">required</span>`}
    ${side && html`<span class="muted small">${side}</span>`}</div>
  ${children}<${Fault} name=${name} fault=${fault} /><${Hint} name=${name} hint=${hint} /></div>`;
