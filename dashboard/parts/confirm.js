// Asks before something that cannot be undone. onDone(true | false).
import { html, useEffect, useRef } from "../lib/html.js";

export function Confirm({ title, text, word, onDone }) {
  const dialog = useRef(null);
  useEffect(() => {
    dialog.current.showModal();
  }, []);
  return html`<dialog ref=${dialog} aria-labelledby="confirm-title" onCancel=${() => onDone(false)}>
    <h2 id="confirm-title">${title}</h2><p>${text}</p>
    <div class="actions"><button type="button" autofocus onClick=${() => onDone(false)}>Keep</button>
      <button type="button" class="danger" onClick=${() => onDone(true)}>${word}</button></div></dialog>`;
}
