// Fields that are folded away until one asks for them, or until something in them is wrong.
import { html, useState } from "../lib/html.js";

// What a fault has opened stays open when the fault is gone: one is still typing there.
export function Fold({ title, words, isFaulty, children }) {
  const [isOpen, setOpen] = useState(false);
  return html`<details class="card advanced" open=${isOpen || isFaulty} onToggle=${(event) => setOpen(event.target.open)}>
    <summary>${title}${words && html` <span class="muted small">${words}</span>`}</summary>${children}</details>`;
}
