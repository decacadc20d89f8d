// The fields of a template, by groups; those for the few come last, folded.
import { html } from "../lib/html.js";
import { AreaField, PickField, SwitchField, TextField } from "./fields/text.js";
import { NumberField, SeedField } from "./fields/number.js";
import { SizeField } from "./fields/size.js";
import { LorasField } from "./fields/loras.js";
import { FileField } from "./fields/file.js";
import { Fold } from "./fold.js";

const VIEWS = { file: FileField, loras: LorasField, choice: PickField, number: NumberField, seed: SeedField, switch: SwitchField,
  textarea: AreaField, text: TextField, json: AreaField };
const isUnder = (name) => (path) => path === name || path.startsWith(`${name}/`);

function groupsOf(fields) {
  const groups = new Map();
  fields.forEach((field) => groups.set(field.group, [...(groups.get(field.group) ?? []), field]));
  return [...groups];
}

const titleOf = (group) => (group === "loras" ? "LoRAs" : group.charAt(0).toUpperCase() + group.slice(1).replaceAll("_", " "));

// Width and height stand together, where the first of them would.
function Fields({ fields, form }) {
  const width = fields.find((field) => field.role === "width" && field.kind === "number");
  const height = fields.find((field) => field.role === "height" && field.kind === "number");
  const first = width && height && (width.order <= height.order ? width : height);
  return fields.map((field) => {
    if (first && (field === width || field === height)) {
      return field === first && html`<${SizeField} key="size" width=${width} height=${height} ...${form} />`;
    }
    const View = VIEWS[field.kind];
    return html`<${View} key=${field.name} field=${field} draft=${form.drafts[field.name]} fault=${form.faults[field.name]} faults=${form.faults}
      takesPaste=${form.pasteTo === field.name} onDraft=${form.onDraft} />`;
  });
}

const Groups = ({ fields, form }) => groupsOf(fields).map(([group, members]) => html`<fieldset key=${group} class="group">
  ${group && html`<legend class=${members.length === 1 ? "hidden" : ""}>${titleOf(group)}</legend>`}<${Fields} fields=${members} form=${form} /></fieldset>`);

export function SchemaForm({ fields, drafts, faults, onDraft, isVideo }) {
  const pasteTo = fields.find((field) => field.kind === "file" && drafts[field.name] === "")?.name;
  const form = { drafts, faults, onDraft, isVideo, pasteTo };
  const advanced = fields.filter((field) => field.isAdvanced);
  const isFaulty = advanced.some((field) => Object.keys(faults).some(isUnder(field.name)));
  return html`<${Groups} fields=${fields.filter((field) => !field.isAdvanced)} form=${form} />
    ${advanced.length > 0 && html`<${Fold} title="Advanced" words=${advanced.map((field) => field.label).join(", ")} isFaulty=${isFaulty}>
      <${Groups} fields=${advanced} form=${form} /><//>`}`;
}
