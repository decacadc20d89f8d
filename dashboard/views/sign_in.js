// What stands in place of everything else while the gateway wants a key and has none.
import { html, useRef, useState } from "../lib/html.js";
import { signIn } from "../lib/session.js";

const WRONG = "This key is not known here, or it has expired or was revoked.";

export function SignIn() {
  const field = useRef(null);
  const [problem, setProblem] = useState("");
  const [isBusy, setBusy] = useState(false);
  const onSubmit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await signIn(field.current.value.trim());
    } catch (failed) {
      setProblem(failed.status === 401 ? WRONG : failed.message);
      setBusy(false);
      field.current.select();
    }
  };
  return html`<main class="sign-in"><form class="card" onSubmit=${onSubmit}>
      <h1><span class="brand-mark" aria-hidden="true"></span>comfygate</h1>
      <p class="muted">This gateway wants to know who asks.</p>
      <div class="field"><label for="key">Key</label>
        <input type="password" id="key" name="key" required autofocus autocomplete="current-password" spellcheck="false" ref=${field}
          aria-invalid=${problem ? "true" : undefined} aria-describedby=${problem ? "sign-in-problem" : undefined} /></div>
      ${problem && html`<p class="problem" role="alert" id="sign-in-problem">${problem}</p>`}
      <button type="submit" class="primary" disabled=${isBusy}>${isBusy ? "Looking…" : "Sign in"}</button>
      <p class="muted small">Whoever runs the gateway makes keys: <code>comfygate keys create NAME --role user</code>. This browser stays signed in for twelve hours.</p>
    </form></main>`;
}
