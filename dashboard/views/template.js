// One template in full: where it can run, what it takes, what it needs.
import { html } from "../lib/html.js";
import { get } from "../lib/api.js";
import { useLoad } from "../lib/load.js";
import { to } from "../lib/router.js";
import { duration } from "../lib/format.js";
import { fieldsOf, plain } from "../lib/form.js";
import { availabilityOf, categoryWord } from "../lib/templates.js";
import { Empty, Icon, Loaded } from "../parts/basics.js";
import { Reload } from "../parts/reload_templates.js";

const Faults = ({ faults }) => html`<ul class="faults">${faults.map((fault, index) => html`<li key=${index}><span class="tag">${fault.code.replaceAll("_", " ")}</span> ${fault.detail}
  ${fault.pointer && html`<div><code class="muted small">${fault.pointer}</code></div>`}</li>`)}</ul>`;

const Broken = ({ broken }) => html`<section class="problem" aria-label="What is wrong with its files"><strong>Its files cannot be loaded</strong>
  <p>${broken.serving === "previous" ? "What was loaded before goes on being served." : "Nothing is served under this name."}</p><${Faults} faults=${broken.faults} /></section>`;

function Places({ template }) {
  if (template.backends.length === 0) {
    return null;
  }
  return html`<section><h2>Where it can run</h2><ul class="rows">${template.backends.map((place) => html`<li class="row place-row" key=${place.name}>
    <div class="row-main"><span><strong>${place.name}</strong> <span class="status status-${place.available ? "succeeded" : place.available === null ? "queued" : "expired"}">${
      place.available ? "Ready" : place.available === null ? "Not known yet" : "Lacks something"}</span></span>
      ${place.reasons.length > 0 && html`<${Faults} faults=${place.reasons} />`}</div></li>`)}</ul></section>`;
}

function kindWords({ kind, property }) {
  const { type, minimum, maximum, multipleOf, maxLength, enum: choices } = property;
  const ends = minimum !== undefined || maximum !== undefined ? `${minimum ?? "…"} to ${maximum ?? "…"}` : null;
  const words = { file: "a file", loras: "a list of LoRAs", choice: `one of ${choices?.map(plain).join(", ")}`, switch: "yes or no", seed: "a whole number", json: type ?? "anything" }[kind]
    ?? { integer: "a whole number", number: "a number", string: "a text" }[type];
  return [words, ends, multipleOf !== undefined && `in steps of ${multipleOf}`, maxLength !== undefined && `up to ${maxLength} characters`,
    property["x-options"] && `known: ${property["x-options"].source}`].filter(Boolean).join(", ");
}

const Parameters = ({ fields }) => html`<section><h2>Parameters</h2><div class="table"><table class="table-lines"><thead><tr><th scope="col">Name</th><th scope="col">What it is</th><th scope="col">Default</th></tr></thead>
  <tbody>${fields.map((field) => html`<tr key=${field.name}><td><code>${field.name}</code>${field.isRequired && html` <span class="must">required</span>`}</td>
    <td>${field.property.description ?? field.label}<div class="muted small">${kindWords(field)}</div></td>
    <td>${field.property.default === undefined ? html`<span class="muted">–</span>` : html`<span class="narrow muted small">default </span><code>${plain(field.property.default) || "“”"}</code>`}</td></tr>`)}</tbody></table></div></section>`;

// An address of a template's author becomes a link only if it is one of the web.
const Source = ({ url }) => (/^https?:\/\//i.test(url ?? "") ? html`<a href=${url} rel="noreferrer noopener" target="_blank">${url}</a>` : html`<span class="muted">–</span>`);

function Needs({ requires }) {
  if (requires.nodes.length === 0 && requires.models.length === 0) {
    return null;
  }
  return html`<section><h2>What it needs</h2>
    ${requires.nodes.length > 0 && html`<p>Nodes: ${requires.nodes.map((name, index) => html`${index > 0 && ", "}<code key=${name}>${name}</code>`)}</p>`}
    ${requires.models.length > 0 && html`<ul class="rows">${requires.models.map((model) => html`<li class="row" key=${`${model.folder}/${model.name}`}><div class="row-main">
      <code>models/${model.folder}/${model.name}</code><span class="small"><${Source} url=${model.url} /></span></div></li>`)}</ul>`}</section>`;
}

const Examples = ({ template }) => template.examples.length > 0 && html`<section><h2>Examples</h2><ul class="rows">${template.examples.map((example, index) => html`<li class="row" key=${index}>
  <div class="row-main"><strong>${example.title ?? `Example ${index + 1}`}</strong><dl class="facts small">${Object.entries(example.input).map(([name, value]) => html`
    <dt key=${`${name}?`}>${name}</dt><dd key=${name}>${plain(value)}</dd>`)}</dl></div>
  <a class="button" href=${to("new", template.name, { example: index })} aria-label=${`Use ${example.title ?? `example ${index + 1}`}`}>Use</a></li>`)}</ul></section>`;

function Rest({ template }) {
  const { outputs, limits } = template;
  return html`<section><h2>What it makes</h2><ul class="rows">${outputs.map((output) => html`<li class="row" key=${output.node_id}>${output.title ?? `Node ${output.node_id}`}
      <span class="tag">${output.type}</span>${output.primary && html`<span class="muted small">shown first</span>`}</li>`)}</ul>
    <dl class="facts"><dt>May run for</dt><dd>${limits.timeout_seconds ? duration(limits.timeout_seconds * 1000) : "as the settings say"}</dd>
      <dt>Attempts</dt><dd>${limits.max_attempts ?? "as the settings say"}</dd></dl></section>`;
}

function Whole({ template, onReload }) {
  const { word, kind } = availabilityOf(template);
  const isServed = template.input_schema !== null;
  return html`<article><header class="template-head"><h2>${template.title}</h2>
      <p class="job-line"><span class="status status-${kind}">${word}</span><span class="muted"><code>${template.name}</code> · ${template.category ? categoryWord(template.category) : "nothing is served"} · ${
        template.source === "shipped" ? "came with comfygate" : "of your own"}</span>${template.tags.map((tag) => html`<span class="tag" key=${tag}>${tag}</span>`)}</p>
      <p>${template.description}</p>
      <div class="actions">${isServed && html`<a class="button primary" href=${to("new", template.name)}><${Icon} name="new" /> Use it</a>`}
        <a class="button" href=${to("jobs", "", { template: template.name })}>Its jobs</a><a class="button" href=${to("gallery", "", { template: template.name })}>Its results</a><${Reload} onDone=${onReload} /></div></header>
    ${template.broken && html`<${Broken} broken=${template.broken} />`}
    <${Places} template=${template} />
    ${isServed && html`<${Parameters} fields=${fieldsOf(template.input_schema)} /><div class="template-columns"><div><${Needs} requires=${template.requires} /><${Rest} template=${template} /></div>
      <div><${Examples} template=${template} /></div></div>`}</article>`;
}

export function Template({ name }) {
  const template = useLoad(() => get(`/v1/templates/${encodeURIComponent(name)}`), [name], ({ type }) => ["snapshot", "poll", "backend.up", "backend.down"].includes(type));
  if (template.problem?.status === 404) {
    return html`<${Empty} title="There is no such template"><a class="button" href=${to("templates")}>All templates</a><//>`;
  }
  return html`<p><a href=${to("templates")}>← All templates</a></p>
    <${Loaded} of=${template} label="Loading the template">${(known) => html`<${Whole} template=${known} onReload=${template.reload} />`}<//>`;
}
