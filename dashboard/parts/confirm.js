// Asks before something that reaches far. onDone(true | false); `stay` is the word for leaving all as it is.
import { html } from "../lib/html.js";
import { useDialog } from "../lib/dialog.js";

export function Confirm({ title, text, word, stay = "Keep", onDone }) {
  const dialog = useDialog();
  return html`<dialog ref=${dialog} aria-labelledby="confirm-title" aria-describedby="confirm-text" onCancel=${(event) => { event.preventDefault(); onDone(false); }}>
    <h2 id="confirm-title">${title}</h2><p id="confirm-text">${text}</p>
    <div class="actions"><button type="button" autofocus onClick=${() => onDone(false)}>${stay}</button>
      <button type="button" class="danger" onClick=${() => onDone(true)}>${word}</button></div></dialog>`;
}
