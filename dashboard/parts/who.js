// Who is signed in, and the way out; and what is said when that is over.
import { html } from "../lib/html.js";
import { session, signOut } from "../lib/session.js";
import { useStore } from "../lib/store.js";
import { tellProblem } from "../lib/toast.js";

const ROLES = { viewer: "Viewer", user: "User", operator: "Operator", admin: "Admin" };

export function Who() {
  const { name, role } = useStore(session);
  return name && html`<span class="who" title=${role ? `${ROLES[role] ?? role}: ${name}` : name}>${name}</span>
    <button type="button" class="quiet sign-out" onClick=${() => signOut().catch(tellProblem)}>Sign out</button>`;
}

export const SignedOut = () => useStore(session, ({ isOver }) => isOver) && html`<div class="banner" role="alert">
  You are signed out: the session is over, or the key is not valid any more. <button type="button" onClick=${() => location.reload()}>Sign in</button></div>`;
