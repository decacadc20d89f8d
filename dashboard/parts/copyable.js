// A text to take along, with a button that copies it.
import { html, useRef } from "../lib/html.js";
import { toast } from "../lib/toast.js";
import { Icon } from "./basics.js";

// Pages that are not served over TLS have no clipboard, except on this machine: there the text is selected and copied as of old.
async function copy(text, element) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    getSelection().selectAllChildren(element);
    if (!document.execCommand("copy")) {
      toast("Selected; copy it with Ctrl+C", { kind: "error" });
      return;
    }
  }
  toast("Copied");
}

export function Copyable({ title, text }) {
  const code = useRef(null);
  return html`<div class="copyable"><div class="copyable-head"><h3>${title}</h3>
      <button type="button" class="quiet" aria-label=${`Copy: ${title}`} onClick=${() => copy(text, code.current)}><${Icon} name="link" /> Copy</button></div>
    <pre tabindex="0" role="region" aria-label=${title}><code ref=${code}>${text}</code></pre></div>`;
}
