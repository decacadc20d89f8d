/* page.js - GET /docs: which language the examples are in, copying, the search, and where the reader is. */
"use strict";

const root = document.documentElement;
const nav = document.getElementById("nav");
const search = document.getElementById("search");
const menu = document.querySelector(".menu");
const said = document.querySelector(".said");
const KEPT = "comfygate.docs.language";

/* A browser may forbid to keep anything; the page works then, too. */
function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function keep(language) {
  try {
    localStorage.setItem(KEPT, language);
  } catch {
    /* Chosen for this visit. */
  }
}

/* ---- languages -------------------------------------------------------------------------------- */

const languages = [...document.querySelectorAll(".languages button")];

function choose(language) {
  root.dataset.language = language;
  for (const button of languages) {
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  }
}

for (const button of languages) {
  button.addEventListener("click", () => {
    choose(button.dataset.language);
    keep(button.dataset.language);
  });
}
choose(languages.some((button) => button.dataset.language === kept()) ? kept() : "sh");

/* ---- copying ---------------------------------------------------------------------------------- */

/* Where the page is not served over https, browsers have no clipboard to write to: select the text instead. */
async function copy(button) {
  const text = button.closest(".sample").querySelector("code");
  try {
    await navigator.clipboard.writeText(text.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(text);
    button.textContent = "Selected";
  }
  said.textContent = button.textContent;
  setTimeout(() => {
    button.textContent = "Copy";
    said.textContent = "";
  }, 1500);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest(".copy");
  if (button) {
    copy(button);
  }
});

/* ---- the search ------------------------------------------------------------------------------- */

/* What a link leads to is found by its words, its path, its id, and the names and descriptions of what it takes. */
const entries = [...nav.querySelectorAll("li")].map((item) => {
  const link = item.querySelector("a");
  const target = document.getElementById(link.hash.slice(1));
  return { item, link, title: `${link.textContent} ${link.title} ${link.hash}`.toLowerCase(), text: target.textContent.toLowerCase() };
});

function find() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const has = (text) => words.every((word) => text.includes(word));
  /* Those that are called so; only when none is, those that speak of it. */
  const named = entries.filter((entry) => has(entry.title));
  const found = new Set(named.length > 0 ? named : entries.filter((entry) => has(entry.text)));
  for (const entry of entries) {
    entry.item.hidden = !found.has(entry);
  }
  for (const title of nav.querySelectorAll("h2")) {
    title.hidden = !title.nextElementSibling.querySelector("li:not([hidden])");
  }
  nav.querySelector(".none").hidden = found.size > 0;
  if (words.length > 0) {
    open(true);
  }
}

search.addEventListener("input", find);
search.addEventListener("keydown", (event) => {
  const first = nav.querySelector("li:not([hidden]) a");
  if (event.key === "Enter" && first) {
    first.click();
    document.getElementById("content").focus({ preventScroll: true });
  } else if (event.key === "Escape") {
    search.value = "";
    find();
    open(false);
  }
});
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest("input, textarea, select");
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    search.focus();
  }
});

/* ---- the menu of narrow screens ------------------------------------------------------------------ */

function open(isOpen) {
  root.classList.toggle("has-menu", isOpen);
  menu.setAttribute("aria-expanded", String(isOpen));
}

menu.addEventListener("click", () => open(!root.classList.contains("has-menu")));
nav.addEventListener("click", (event) => {
  if (event.target.closest("a")) {
    open(false);
  }
});

/* ---- where the reader is ------------------------------------------------------------------------- */

const links = new Map(entries.map((entry) => [entry.link.hash.slice(1), entry.link]));
const seen = new Set();
let current = null;

function mark() {
  const first = [...links.keys()].find((id) => seen.has(id));
  if (first === undefined || links.get(first) === current) {
    return;
  }
  current?.removeAttribute("aria-current");
  current = links.get(first);
  current.setAttribute("aria-current", "true");
  if (getComputedStyle(nav).position === "fixed" && nav.offsetParent !== null) {
    current.scrollIntoView({ block: "nearest" });
  }
}

const watcher = new IntersectionObserver((changes) => {
  for (const change of changes) {
    if (change.isIntersecting) {
      seen.add(change.target.id);
    } else {
      seen.delete(change.target.id);
    }
  }
  mark();
}, { rootMargin: "-20% 0px -70% 0px" });
for (const id of links.keys()) {
  watcher.observe(document.getElementById(id));
}
