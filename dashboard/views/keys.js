// The keys of the gateway: who has one, what it may do, and the making and revoking of them. A key itself is seen once, when it is made.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { get, post, remove } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { may, session } from "../lib/session.js";
import { useStore } from "../lib/store.js";
import { tellProblem, toast } from "../lib/toast.js";
import { dateTime } from "../lib/format.js";
import { Empty, Icon, Loaded, Time } from "../parts/basics.js";
import { Confirm } from "../parts/confirm.js";
import { Copyable } from "../parts/copyable.js";

const PAGE = 200;
const ROLES = [["viewer", "Viewer – sees what is its own"], ["user", "User – makes pictures by the templates"],
  ["operator", "Operator – sees and runs everything"], ["admin", "Admin – the same, and keeps the keys"], ["", "None – only what is chosen below"]];
const SCOPES = [["jobs:read", "read jobs and results"], ["jobs:write", "submit and change jobs"], ["jobs:raw", "run workflows of its own"],
  ["jobs:all", "see and change what belongs to others"], ["events:read", "listen to events"], ["assets:write", "bring files"],
  ["templates:read", "see the templates"], ["templates:write", "read the folders of templates anew"], ["models:read", "see the models"],
  ["backends:read", "see the ComfyUI servers"], ["backends:write", "drain servers, pause the queue"], ["metrics:read", "read the metrics"],
  ["keys:write", "make and revoke keys"]];
const LIVES = [["", "Never"], ["7", "In a week"], ["30", "In 30 days"], ["90", "In 90 days"], ["365", "In a year"]];
const STATUS = { active: ["Active", "succeeded"], expired: ["Expired", "expired"], revoked: ["Revoked", "canceled"] };
const DAY_MS = 86400000;

const expiry = (days) => (days ? new Date(Date.now() + Number(days) * DAY_MS).toISOString() : undefined);

async function loadAll() {
  const keys = [];
  let cursor;
  do {
    const page = await get("/v1/keys", { limit: PAGE, cursor });
    keys.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor);
  return keys;
}

function bodyOf(form) {
  const data = new FormData(form);
  return { name: data.get("name").trim(), role: data.get("role") || undefined, scopes: data.getAll("scope"), expires_at: expiry(data.get("life")) };
}

function Create({ onMade }) {
  const form = useRef(null);
  const [problem, setProblem] = useState(null);
  const [isBusy, setBusy] = useState(false);
  const onSubmit = async (event) => {
    event.preventDefault();
    setBusy(true);
    try {
      onMade(await post("/v1/keys", bodyOf(form.current)));
      form.current.reset();
      form.current.elements.role.value = "user";
      setProblem(null);
    } catch (failed) {
      setProblem(failed);
    }
    setBusy(false);
  };
  return html`<section aria-labelledby="new-key"><h2 id="new-key">New key</h2><form class="card new-key" ref=${form} onSubmit=${onSubmit}>
      <div class="field"><label for="key-name">Name</label><input id="key-name" name="name" required maxlength="64" pattern="[a-z0-9][a-z0-9._\\-]*" autocomplete="off" spellcheck="false"
        title="a-z 0-9 . _ - beginning with a letter or a digit" aria-describedby="key-name-hint" /><span class="muted small" id="key-name-hint">Owns what is made with the key. It cannot be given again.</span></div>
      <div class="field"><label for="key-role">Role</label><select id="key-role" name="role">${ROLES.map(([value, word]) => html`<option key=${value} value=${value} selected=${value === "user"}>${word}</option>`)}</select></div>
      <div class="field"><label for="key-life">Expires</label><select id="key-life" name="life">${LIVES.map(([value, word]) => html`<option key=${value} value=${value}>${word}</option>`)}</select></div>
      <details><summary>More than its role</summary><div class="scopes">${SCOPES.filter(([scope]) => may(scope)).map(([scope, word]) => html`<label class="scope" key=${scope}>
        <input type="checkbox" name="scope" value=${scope} /> <span>${word} <code>${scope}</code></span></label>`)}</div></details>
      ${problem && html`<p class="problem" role="alert">${problem.message}</p>`}
      <div class="actions"><button type="submit" class="primary" disabled=${isBusy}><${Icon} name="new" /> Make the key</button></div></form></section>`;
}

function Made({ made, onDone }) {
  const place = useRef(null);
  useEffect(() => {
    place.current.scrollIntoView({ block: "center" });
    place.current.focus({ preventScroll: true });
  }, [made]);
  return html`<section class="card made-key" tabindex="-1" ref=${place} aria-label="The new key">
    <${Copyable} title=${`The key of ${made.name}`} text=${made.key} />
    <p>Take it along now: it is shown this once, and is kept nowhere.</p>
    <div class="actions"><button type="button" onClick=${onDone}>I have it</button></div></section>`;
}

function Row({ entry, own, onRevoke }) {
  const [word, kind] = STATUS[entry.status];
  return html`<tr><td><strong>${entry.name}</strong>${entry.name === own && html` <span class="muted small">you</span>`}
      <div class="muted small">${entry.created_by ? `made by ${entry.created_by}` : "made on the gateway's machine"}</div></td>
    <td title=${entry.scopes.join(" ")}>${entry.role ?? html`<span class="small">${entry.scopes.join(", ")}</span>`}</td>
    <td><span class="status status-${kind}">${word}</span></td>
    <td class="wide">${entry.expires_at ? dateTime(entry.expires_at) : "Never"}</td><td class="wide">${entry.last_used_at ? html`<${Time} at=${entry.last_used_at} />` : "Never"}</td>
    <td class="end">${entry.status === "active" && html`<button type="button" class="danger" aria-label=${`Revoke ${entry.name}`} onClick=${() => onRevoke(entry)}>Revoke</button>`}</td></tr>`;
}

const List = ({ keys, own, onRevoke }) => html`<div class="table"><table class="table-lines"><thead><tr><th scope="col">Key</th><th scope="col">May</th><th scope="col">State</th>
    <th scope="col" class="wide">Expires</th><th scope="col" class="wide">Used</th><th scope="col"><span class="hidden">Revoke</span></th></tr></thead>
  <tbody>${keys.map((entry) => html`<${Row} key=${entry.id} entry=${entry} own=${own} onRevoke=${onRevoke} />`)}</tbody></table></div>`;

export function Keys() {
  const keys = useLoad(loadAll, [], ({ type }) => type === "snapshot");
  const own = useStore(session, ({ name }) => name);
  const [made, setMade] = useState(null);
  const [asked, setAsked] = useState(null);
  const revoke = async (entry) => {
    try {
      await remove(`/v1/keys/${entry.id}`);
      toast(`${entry.name} is revoked`);
      await keys.reload();
    } catch (problem) {
      tellProblem(problem);
    }
  };
  return html`${made && html`<${Made} made=${made} onDone=${() => setMade(null)} />`}
    <${Loaded} of=${keys} label="Loading the keys">${(all) => (all.length === 0 ? html`<${Empty} title="There are no keys yet" />`
      : html`<${List} keys=${all} own=${own} onRevoke=${setAsked} />`)}<//>
    <${Create} onMade=${(key) => { setMade(key); keys.reload(); }} />
    ${asked && html`<${Confirm} title=${`Revoke ${asked.name}?`} word="Revoke it" onDone=${(yes) => { const entry = asked; setAsked(null); return yes && revoke(entry); }}
      text=${asked.name === own ? "This is the key that you are signed in with. You are signed out by that." : "Whoever uses it is refused from then on. Its jobs stay. It cannot be taken back."} />`}`;
}
