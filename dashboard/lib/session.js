// Who looks at the page, and what he may do. What he may not do is not shown: elements say what they need by data-needs, and
// style/keys.css hides them by what <html> says is missing.
import { get, post, remove, whenRefused } from "./api.js";
import { createStore } from "./store.js";

const SCOPES = ["jobs:read", "jobs:write", "jobs:raw", "backends:read", "backends:write", "templates:read", "templates:write", "keys:write"];

// { isIn, isOver, mode, name, role, scopes }: isOver when he was in, and is no longer.
export const session = createStore({ isIn: false, isOver: false, mode: "", name: null, role: null, scopes: [] });

export const may = (scope) => session.get().scopes.includes(scope);

// Keys are managed where they are asked for.
const canKeepKeys = ({ mode, scopes }) => mode === "keys" && scopes.includes("keys:write");

function take(told) {
  const now = { isIn: true, isOver: false, mode: told.auth_mode, name: told.name, role: told.role, scopes: told.scopes };
  document.documentElement.dataset.without = [...SCOPES.filter((scope) => !now.scopes.includes(scope)), ...(canKeepKeys(now) ? [] : ["keys"])].join(" ");
  session.set(now);
}

// To be awaited before anything is drawn. A gateway that does not answer is told by the frame, as ever.
export async function startSession() {
  try {
    take(await get("/v1/session"));
  } catch (problem) {
    if (problem.status !== 401) {
      take({ auth_mode: "", name: null, role: null, scopes: SCOPES });
    }
  }
  whenRefused(() => session.get().isIn && session.set((now) => ({ ...now, isOver: true })));
}

// The page begins anew: what was loaded for one key is none of the next one's business.
export async function signIn(key) {
  await post("/v1/session", { key });
  location.reload();
}

export async function signOut() {
  await remove("/v1/session");
  location.reload();
}

// Events do not tell why they end: it is asked.
export const checkSession = () => get("/v1/session").catch(() => {});
