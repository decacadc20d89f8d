// Goes on with a result: a button for each kind of work that a template of this gateway does with a picture.
import { html, useEffect, useState } from "../lib/html.js";
import { get } from "../lib/api.js";
import { go, to } from "../lib/router.js";
import { tellProblem } from "../lib/toast.js";

const WORDS = { upscale: "Upscale", "image-edit": "Edit", "image-to-video": "Animate" };
let asked = null;

// Templates change seldom: asked for once a minute at most.
function pictureTemplates() {
  if (asked === null || Date.now() - asked.at > 60000) {
    asked = { at: Date.now(), list: get("/v1/templates").then((page) => page.data.filter((one) => one.available && WORDS[one.category])) };
    asked.list.catch(() => { asked = null; });
  }
  return asked.list;
}

// The form of the template, with the picture where its first file goes.
async function open(template, output) {
  try {
    const { input_schema: schema } = await get(`/v1/templates/${template}`);
    const files = Object.entries(schema.properties).filter(([, property]) => property["x-file"]);
    const [name] = files.sort(([, a], [, b]) => (a["x-ui"]?.order ?? 0) - (b["x-ui"]?.order ?? 0))[0] ?? [];
    go(to("new", template, name ? { [`input.${name}`]: `output:${output.id}` } : {}));
  } catch (problem) {
    tellProblem(problem);
  }
}

export function UseAsInput({ output }) {
  const [templates, setTemplates] = useState([]);
  useEffect(() => {
    pictureTemplates().then(setTemplates, () => {});
  }, []);

  return output.type === "image" && Object.entries(WORDS).map(([category, word]) => {
    const fitting = templates.filter((template) => template.category === category);
    return fitting.length === 1
      ? html`<button type="button" data-needs="jobs:write" key=${category} title=${fitting[0].title} onClick=${() => open(fitting[0].name, output)}>${word}</button>`
      : fitting.length > 1 && html`<select data-needs="jobs:write" class="button" key=${category} aria-label=${`${word} with`} value=""
          onChange=${(event) => open(event.target.value, output)}>
          <option value="" disabled selected>${word}…</option>
          ${fitting.map((template) => html`<option value=${template.name} key=${template.name}>${template.title}</option>`)}</select>`;
  });
}
