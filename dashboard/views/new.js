// Something new: which template, and then its form (new_form.js); or a workflow of one's own (new_raw.js).
import { html } from "../lib/html.js";
import { get } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { to } from "../lib/router.js";
import { CATEGORIES, availabilityOf, categoryWord, matches } from "../lib/templates.js";
import { Empty, Loaded } from "../parts/basics.js";
import { SearchField } from "../parts/filters.js";
import { NewForm } from "./new_form.js";
import { NewRaw } from "./new_raw.js";

const isOfTemplates = ({ type }) => ["snapshot", "poll", "backend.up", "backend.down"].includes(type);

const Card = ({ template }) => html`<li><a class="card template-card" href=${to("new", template.name)}><h3>${template.title}</h3>
  <p class="muted small">${template.description}</p></a></li>`;

const Lacking = ({ template }) => html`<li class="row"><div class="row-main"><a href=${to("templates", template.name)}>${template.title}</a>
  <span class="muted small">${availabilityOf(template).why}</span></div></li>`;

function Choice({ templates, search }) {
  const found = search ? templates.filter((template) => matches(template, search)) : templates;
  const ready = found.filter((template) => template.available !== false && template.category !== null);
  const lacking = found.filter((template) => !ready.includes(template));
  return html`${Object.keys(CATEGORIES).map((category) => {
      const members = ready.filter((template) => template.category === category);
      return members.length > 0 && html`<section key=${category} aria-label=${categoryWord(category)}><h2>${categoryWord(category)}</h2>
        <ul class="template-cards">${members.map((template) => html`<${Card} template=${template} key=${template.name} />`)}</ul></section>`;
    })}
    ${found.length === 0 && html`<${Empty} title=${search ? "No template is like that" : "There are no templates"}>
      ${search ? html`<a class="button" href=${to("new")}>Show all</a>` : html`<p>A workflow of your own can be run all the same.</p>`}<//>`}
    ${ready.length === 0 && lacking.length > 0 && !search && html`<${Empty} title="Nothing can be made here yet"><p>Each template needs a model or a node that no ComfyUI has. The list says which.</p><//>`}
    ${lacking.length > 0 && html`<details class="lacking" open=${search || ready.length === 0 ? true : undefined}><summary>${lacking.length} more ${lacking.length === 1 ? "lacks" : "lack"} a model or a node</summary>
      <ul class="rows">${lacking.map((template) => html`<${Lacking} template=${template} key=${template.name} />`)}</ul></details>`}`;
}

function Chooser({ query }) {
  const templates = useLoad(() => get("/v1/templates"), [], isOfTemplates);
  return html`<div class="filters"><${SearchField} view="new" query=${query} label="Search in templates" />
      <a class="button" href=${to("new", "", { own: "workflow" })}>Workflow of your own</a></div>
    <${Loaded} of=${templates} label="Loading templates">${({ data }) => html`<${Choice} templates=${data} search=${query.q ?? ""} />`}<//>`;
}

// The job whose settings are wanted may be gone; then the form is as the template has it.
async function load(name, from, signal) {
  const [template, job] = await Promise.all([
    get(`/v1/templates/${encodeURIComponent(name)}`, { expand: "options" }, { signal }),
    from ? get(`/v1/jobs/${encodeURIComponent(from)}`, {}, { signal }).catch((problem) => { if (problem.status !== 404) { throw problem; } return null; }) : null,
  ]);
  return { template, job };
}

function OfTemplate({ name, query }) {
  const loaded = useLoad((signal) => load(name, query.from, signal), [name, query.from], () => false);
  if (loaded.problem?.status === 404) {
    return html`<${Empty} title="There is no such template"><a class="button" href=${to("new")}>All templates</a><//>`;
  }
  return html`<p><a href=${to("new")}>← All templates</a></p><${Loaded} of=${loaded} label="Loading the form">${({ template, job }) => {
    const { word, kind, why } = availabilityOf(template);
    return html`<header class="template-head"><h2>${template.title}</h2>
        ${kind !== "succeeded" && html`<p><span class="status status-${kind}">${word}</span> <a href=${to("templates", template.name)}>${why}</a></p>`}
        <p class="muted">${template.description}</p></header>
      ${query.from && !job && html`<p class="warning">The job to take the settings from is no longer there.</p>`}
      ${template.input_schema === null ? html`<${Empty} title="This template is broken"><a class="button" href=${to("templates", template.name)}>What is wrong with it</a><//>`
        : html`<${NewForm} template=${template} query=${query} job=${job} />`}`;
  }}<//>`;
}

export function New({ id, query }) {
  // No address of a template is like this.
  if (!id && query.own) {
    return html`<${NewRaw} />`;
  }
  return id ? html`<${OfTemplate} key=${JSON.stringify([id, query])} name=${id} query=${query} />` : html`<${Chooser} query=${query} />`;
}
