// The templates: which can run, what the others lack; and, with a name, one of them in full (template.js).
import { html } from "../lib/html.js";
import { get } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { to } from "../lib/router.js";
import { availabilityOf, categoryWord, matches } from "../lib/templates.js";
import { Empty, Loaded } from "../parts/basics.js";
import { ChoiceField, SearchField } from "../parts/filters.js";
import { Reload } from "../parts/reload_templates.js";
import { Template } from "./template.js";

const isOfTemplates = ({ type }) => ["snapshot", "poll", "backend.up", "backend.down"].includes(type);

const STATES = [["", "All"], ["ready", "Ready"], ["lacking", "Lacks something"], ["broken", "Broken"]];

function isIn(template, state) {
  const { available, broken } = template;
  return state === "ready" ? available === true : state === "lacking" ? available === false && broken === null : state === "broken" ? broken !== null : true;
}

function Row({ template }) {
  const { word, kind, why } = availabilityOf(template);
  return html`<tr><td><a href=${to("templates", template.name)}><strong>${template.title}</strong></a><div class="muted small">${template.name}${template.source === "folder" ? " · of your own" : ""}</div></td>
    <td class="wide">${template.category ? categoryWord(template.category) : "–"}</td>
    <td><span class="status status-${kind}">${word}</span>${why && html`<div class="muted small why">${why}</div>`}</td>
    <td class="end">${template.available !== false && template.category && html`<a class="button" href=${to("new", template.name)} aria-label=${`Use ${template.title}`}>Use</a>`}</td></tr>`;
}

function List({ query }) {
  const templates = useLoad(() => get("/v1/templates"), [], isOfTemplates);
  const isFiltered = query.q || query.state;
  return html`<div class="filters"><${SearchField} view="templates" query=${query} label="Search in templates" />
      <${ChoiceField} view="templates" query=${query} name="state" label="State" choices=${STATES} /><${Reload} onDone=${templates.reload} /></div>
    <${Loaded} of=${templates} label="Loading templates">${({ data }) => {
      const found = data.filter((template) => isIn(template, query.state) && (!query.q || matches(template, query.q)));
      return found.length === 0 ? html`<${Empty} title=${isFiltered ? "No template is like that" : "There are no templates"}>
          ${isFiltered && html`<a class="button" href=${to("templates")}>Show all</a>`}<//>`
        : html`<div class="table"><table class="table-lines"><thead><tr><th scope="col">Template</th><th scope="col" class="wide">What it does</th><th scope="col">State</th><th scope="col"><span class="hidden">Use it</span></th></tr></thead>
          <tbody>${found.map((template) => html`<${Row} template=${template} key=${template.name} />`)}</tbody></table></div>`;
    }}<//>`;
}

export const Templates = ({ id, query }) => (id ? html`<${Template} name=${id} key=${id} />` : html`<${List} query=${query} />`);
