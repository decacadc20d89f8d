// Filters that live in the address of the view.
import { html, useEffect, useRef, useState } from "../lib/html.js";
import { go, to } from "../lib/router.js";
import { Icon } from "./basics.js";

const TYPING_MS = 250;

export function SearchField({ view, query, label, name = "q" }) {
  const [text, setText] = useState(query[name] ?? "");
  const timer = useRef(0);
  const told = useRef(text);
  const latest = useRef(query);
  latest.current = query;

  useEffect(() => {
    if ((query[name] ?? "") !== told.current) {
      told.current = query[name] ?? "";
      setText(told.current);
    }
  }, [query[name]]);
  const onInput = (event) => {
    const { value } = event.target;
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      told.current = value.trim();
      go(to(view, "", { ...latest.current, [name]: told.current }), true);
    }, TYPING_MS);
  };
  // Who leaves before that has gone elsewhere, and stays there.
  useEffect(() => () => clearTimeout(timer.current), []);
  return html`<div class="search"><${Icon} name="search" />
    <input type="search" aria-label=${label} placeholder=${label} maxlength="200" value=${text} onInput=${onInput} /></div>`;
}

// `choices` is a list of [value, word].
export const ChoiceField = ({ view, query, name, label, choices }) => html`<label class="filter"><span>${label}</span>
  <select value=${query[name] ?? ""} onChange=${(event) => go(to(view, "", { ...query, [name]: event.target.value }))}>
    ${choices.map(([value, word]) => html`<option value=${value} key=${value} selected=${(query[name] ?? "") === value}>${word}</option>`)}
  </select></label>`;
