// The form of one template: filled, checked, tried, sent.
import { html, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { parseJson } from "../lib/api.js";
import { check, draftsOf, faultsOf, fieldsOf } from "../lib/form.js";
import { keepValues, keptValues, submit, tryOut } from "../lib/submit.js";
import { go, to } from "../lib/router.js";
import { toast } from "../lib/toast.js";
import { jobName } from "../lib/format.js";
import { SchemaForm } from "../parts/schema_form.js";
import { DryRun, NO_OPTIONS, Options, Refusal, SubmitBar, checkOptions, optionsOf } from "../parts/submission.js";
import { SentJobs } from "../parts/sent_jobs.js";

const FROM_ADDRESS = "input.";

// What the form begins with: the values of a job or of an example, and then those of the address.
function beginning(fields, template, query, job) {
  const example = template.examples[Number(query.example)]?.input ?? {};
  const isExample = query.example !== undefined;
  const files = new Set(fields.filter((field) => field.kind === "file").map((field) => field.name));
  const usable = Object.fromEntries(Object.entries(example).filter(([name]) => !files.has(name)));
  const given = Object.entries(query).filter(([name]) => name.startsWith(FROM_ADDRESS)).map(([name, value]) => [name.slice(FROM_ADDRESS.length), value]);
  return { ...(job?.input ?? (isExample ? usable : {})), ...Object.fromEntries(given) };
}

function told(jobs) {
  const [first] = jobs;
  toast(jobs.length > 1 ? `${jobs.length} jobs are accepted` : `Accepted: ${jobName(first)}`,
    { action: { label: "Show", run: () => go(jobs.length > 1 ? to("now") : to("jobs", first.id)) } });
}

// Once after each failure, when the faults are on the page.
function useFocusOnFault(times, form) {
  useEffect(() => {
    if (times > 0) {
      (form.current.querySelector('[aria-invalid="true"]') ?? form.current.querySelector('[role="alert"]'))?.focus();
    }
  }, [times]);
}

// What is wrong with what was typed already; what is empty is told only when it is sent.
function faultsSoFar(fields, drafts) {
  const { faults } = check(fields, drafts, parseJson);
  return Object.fromEntries(Object.entries(faults).filter(([path]) => drafts[path] !== ""));
}

const without = (faults, name) => Object.fromEntries(Object.entries(faults).filter(([path]) => path !== name && !path.startsWith(`${name}/`)));

function useSending(template, fields) {
  const [state, setState] = useState({ isBusy: false, faults: {}, problem: null, found: null, failures: 0 });
  const isBusy = useRef(false);
  const change = (members) => setState((now) => ({ ...now, ...members }));
  const fail = (members) => setState((now) => ({ ...now, isBusy: false, found: null, problem: null, ...members, failures: now.failures + 1 }));

  const run = async (drafts, options, act) => {
    const { input, faults } = check(fields, drafts, parseJson);
    const chosen = checkOptions(options);
    const all = { ...faults, ...chosen.faults };
    if (isBusy.current) {
      return;
    }
    if (Object.keys(all).length > 0) {
      fail({ faults: all });
      return;
    }
    isBusy.current = true;
    change({ isBusy: true, faults: {}, problem: null, found: null });
    try {
      await act({ template: template.name, input, ...chosen.body }, input);
    } catch (problem) {
      fail({ problem, faults: faultsOf(problem.errors) });
    }
    isBusy.current = false;
    change({ isBusy: false });
  };
  return { ...state, run, change, forget: (name) => setState((now) => ({ ...now, faults: without(now.faults, name) })) };
}

function Beginnings({ template, job, seed, onInput, onSeed }) {
  const [kept] = useState(() => keptValues(template.name));
  return html`${job && html`<p class="note">Filled with the settings of <a href=${to("jobs", job.id)}>${jobName(job)}</a>.
      ${seed && job.seed !== null && job.input[seed.name] === undefined && html` <button type="button" class="quiet" onClick=${() => onSeed(String(job.seed))}>Use its seed, too</button>`}</p>`}
    ${(kept || template.examples.length > 0) && html`<div class="actions beginnings" role="group" aria-label="Begin with">
      <span class="muted small">Begin with</span>
      ${kept && html`<button type="button" onClick=${() => onInput(kept)}>Your last settings</button>`}
      ${template.examples.map((example, index) => html`<button type="button" key=${index}
        onClick=${() => onInput(example.input, true)}>${example.title ?? `Example ${index + 1}`}</button>`)}</div>`}`;
}

function nameOf(fields, item) {
  const path = Object.keys(faultsOf([item]))[0] ?? "";
  return fields.find((field) => path === field.name || path.startsWith(`${field.name}/`))?.label ?? (item.pointer || item.parameter || "The submission");
}

export function NewForm({ template, query, job }) {
  const fields = useMemo(() => fieldsOf(template.input_schema), [template]);
  const seed = fields.find((field) => field.kind === "seed");
  const first = useMemo(() => beginning(fields, template, query, job), []);
  const [drafts, setDrafts] = useState(() => draftsOf(fields, first));
  const [options, setOptions] = useState(() => (job ? optionsOf(job) : NO_OPTIONS));
  const [count, setCount] = useState(1);
  const form = useRef(null);
  const sending = useSending(template, fields);
  const { faults, problem, found, isBusy } = sending;
  const unknown = Object.keys(first).filter((name) => !fields.some((field) => field.name === name));
  useFocusOnFault(sending.failures, form);

  const onDraft = (name, draft) => {
    setDrafts((now) => ({ ...now, [name]: draft }));
    sending.forget(name);
  };
  // An example's files are not there: they only show how one is named.
  const onInput = (input, isExample) => {
    setDrafts((now) => ({ ...draftsOf(fields, input), ...(isExample && Object.fromEntries(fields.filter((field) => field.kind === "file").map(({ name }) => [name, now[name]]))) }));
    sending.change({ faults: {}, problem: null, found: null });
  };
  const onSubmit = (event) => {
    event.preventDefault();
    sending.run(drafts, options, async (body, input) => {
      const jobs = await submit({ ...body, ...(job && { parent_id: job.id }) }, { count, seed });
      keepValues(template.name, input);
      told(jobs);
    });
  };
  const onDry = () => sending.run(drafts, options, async (body) => {
    const answer = await tryOut(body);
    sending.change({ found: answer, faults: faultsOf(answer.problems) });
  });
  const onKeyDown = (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey) && form.current.requestSubmit();

  return html`<form class="new" ref=${form} novalidate aria-label=${template.title} onSubmit=${onSubmit} onKeyDown=${onKeyDown}><div class="new-form">
    <${Beginnings} template=${template} job=${job} seed=${seed} onInput=${onInput} onSeed=${(value) => onDraft(seed.name, value)} />
    ${unknown.length > 0 && html`<p class="warning">The template has no ${unknown.join(", ")} (any more): left out.</p>`}
    ${problem && html`<${Refusal} problem=${problem} label=${(item) => nameOf(fields, item)} />`}
    <${SchemaForm} fields=${fields} drafts=${drafts} faults=${{ ...faultsSoFar(fields, drafts), ...faults }} onDraft=${onDraft} isVideo=${template.outputs.some((output) => output.type === "video")} />
    <${Options} options=${options} faults=${faults} onOption=${(name, value) => { setOptions((now) => ({ ...now, [name]: value })); sending.forget(name); }} />
    ${found && html`<${DryRun} found=${found} onClose=${() => sending.change({ found: null })} />`}
    </div><div class="new-side"><${SubmitBar} count=${count} onCount=${setCount} isBusy=${isBusy} onDry=${onDry} onReset=${() => { onInput({}); setOptions(NO_OPTIONS); setCount(1); }}
      fault=${Object.keys(faults).length > 0 ? "Something is not right yet." : null} /><${SentJobs} /></div></form>`;
}
