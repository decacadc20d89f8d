// The frame around the views: where one can go, whether the page is live, and the view of the address.
import { Boundary, html, render, useEffect, useRef, useState } from "./lib/html.js";
import { useStore } from "./lib/store.js";
import { liveState, startLive } from "./lib/live.js";
import { startJobs, openJobs } from "./lib/jobs.js";
import { startEventLog } from "./lib/event_log.js";
import { session, startSession } from "./lib/session.js";
import { to, useRoute } from "./lib/router.js";
import { scrollBack } from "./lib/scroll.js";
import { nextTheme, theme } from "./lib/theme.js";
import { Empty, Icon, Toasts } from "./parts/basics.js";
import { SignedOut, Who } from "./parts/who.js";
import { Now } from "./views/now.js";
import { New } from "./views/new.js";
import { Gallery } from "./views/gallery.js";
import { Jobs } from "./views/jobs.js";
import { Templates } from "./views/templates.js";
import { Backends } from "./views/backends.js";
import { Webhooks } from "./views/webhooks.js";
import { Keys } from "./views/keys.js";
import { Api } from "./views/api.js";
import { SignIn } from "./views/sign_in.js";

// name: [title, view]. A view gets the route's id and query.
const VIEWS = {
  now: ["Now", Now],
  new: ["New", New],
  gallery: ["Gallery", Gallery],
  jobs: ["Jobs", Jobs],
  templates: ["Templates", Templates],
  backends: ["ComfyUI", Backends],
  webhooks: ["Webhooks", Webhooks],
  keys: ["Keys", Keys],
  api: ["API", Api],
};

// Where there is no room for all, these are behind a button.
const OTHERS = ["templates", "backends", "webhooks", "keys", "api"];

const LIVE_WORDS = {
  connecting: "Connecting",
  live: "Live",
  polling: "Asking every few seconds: events do not come through",
  offline: "The gateway does not answer; trying again",
  paused: "Paused while hidden",
};

function NavLink({ name, title, current, badge }) {
  return html`<a href=${to(name)} class="nav-link" aria-current=${current === name ? "page" : undefined}>
    <${Icon} name=${name} /><span>${title}</span>${badge > 0 && html`<span class="count">${badge}</span>`}</a>`;
}

function Nav({ current }) {
  const open = useStore(openJobs, (state) => state.jobs.size);
  const [isMenu, setMenu] = useState(false);
  const more = useRef(null);
  const [first, others] = [false, true].map((isOther) => Object.keys(VIEWS).filter((name) => OTHERS.includes(name) === isOther));
  const close = (event) => setMenu((now) => now && event.type === "focusout" && event.currentTarget.contains(event.relatedTarget));
  const onKeyDown = (event) => {
    if (event.key === "Escape" && isMenu) {
      setMenu(false);
      more.current.focus();
    }
  };
  const link = (name) => html`<${NavLink} key=${name} name=${name} title=${VIEWS[name][0]} current=${current} badge=${name === "now" ? open : 0} />`;
  return html`<nav class="nav" aria-label="Views" onKeyDown=${onKeyDown} onFocusOut=${close}>${first.map(link)}
    <button type="button" class="nav-link nav-more ${others.includes(current) ? "nav-within" : ""}" ref=${more} aria-expanded=${isMenu} aria-controls="nav-menu"
      onClick=${() => setMenu(!isMenu)}><${Icon} name="more" /><span>More</span></button>
    <div class="nav-menu ${isMenu ? "nav-open" : ""}" id="nav-menu" onClick=${() => setMenu(false)}>${others.map(link)}</div></nav>`;
}

function Header({ current }) {
  const state = useStore(liveState);
  const choice = useStore(theme);
  return html`<header class="header">
    <a class="brand" href=${to("now")}><span class="brand-mark" aria-hidden="true"></span>comfygate</a>
    <${Nav} current=${current} />
    <div class="header-end">
      <${Who} />
      <span class="live live-${state}" role="status" title=${LIVE_WORDS[state]}><span class="dot"></span><span class="live-word">${LIVE_WORDS[state].split(";")[0].split(":")[0]}</span></span>
      <button type="button" class="quiet icon-only" aria-label=${`Colours: ${choice}`} title=${`Colours: ${choice}`} onClick=${nextTheme}><${Icon} name="theme" /></button>
    </div>
  </header>`;
}

const Fault = (problem) => html`<div class="problem" role="alert"><strong>This view has met a fault of its own</strong><p>${String(problem.message ?? problem)}</p>
  <p>The gateway goes on, and so do the other views. After an update of the gateway, loading the page anew is enough.</p>
  <button type="button" onClick=${() => location.reload()}>Load the page anew</button></div>`;

// A result in full stands over the gallery: the page below it stays as it is.
const pageOf = ({ view, id }) => (view === "gallery" ? view : `${view}/${id}`);

function App() {
  const route = useRoute();
  const heading = useRef(null);
  const isFirst = useRef(true);
  const [title, View] = Object.hasOwn(VIEWS, route.view) ? VIEWS[route.view] : ["Not found", null];
  const offline = useStore(liveState) === "offline";

  useEffect(() => {
    document.title = `${title} – comfygate`;
    if (!isFirst.current) {
      heading.current?.focus({ preventScroll: true });
      return scrollBack(route.place);
    }
    isFirst.current = false;
    return undefined;
  }, [pageOf(route)]);

  return html`<a class="skip" href="#main" onClick=${(event) => { event.preventDefault(); heading.current?.focus(); }}>To the content</a>
    <${Header} current=${route.view} />
    ${offline && html`<div class="banner" role="alert">The gateway does not answer. What you see may be old; this page comes back by itself.</div>`}
    <${SignedOut} />
    <main id="main"><h1 tabindex="-1" ref=${heading}>${title}</h1>
      ${View ? html`<${Boundary} key=${pageOf(route)} instead=${Fault}><${View} id=${route.id} query=${route.query} /><//>`
        : html`<${Empty} title="There is no such page"><a class="button" href=${to("now")}>What runs now</a><//>`}
    </main><${Toasts} />`;
}

const page = document.getElementById("app");
await startSession();
if (session.get().isIn) {
  startJobs();
  startEventLog();
  startLive();
  render(html`<${App} />`, page);
} else {
  document.title = "Sign in – comfygate";
  render(html`<${SignIn} />`, page);
}
