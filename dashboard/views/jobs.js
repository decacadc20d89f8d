// All jobs: a table with filters that live in the address; and, with an id, one job.
import { html, memo, useEffect } from "../lib/html.js";
import { get } from "../lib/api.js";
import { usePages } from "../lib/pages.js";
import { useLoad } from "../lib/load.js";
import { watchEvents } from "../lib/live.js";
import { go, to } from "../lib/router.js";
import { duration, jobName } from "../lib/format.js";
import { Bar, Empty, Status, Time, statusWord } from "../parts/basics.js";
import { ChoiceField, SearchField } from "../parts/filters.js";
import { More } from "../parts/more.js";
import { Rows } from "../parts/rows.js";
import { hasThumbnail, thumbnail } from "../parts/outputs.js";
import { Job } from "./job.js";

const STATES = ["queued", "running", "canceling", "succeeded", "failed", "canceled", "expired"];
const FILTERS = ["status", "template", "backend", "tag", "q", "starred", "parent_id", "sort"];
const PAGE = 100;
const SOON_MS = 500;

// No <table>: the browser can leave out what is not on the screen only when it is in a box of its own.
const Row = memo(({ job }) => {
  const picture = job.outputs.find((output) => output.primary && hasThumbnail(output));
  return html`<div role="row" class="job-row" onClick=${(event) => event.target.closest("a") === null && go(to("jobs", job.id))}>
    <span role="cell" class="thumb">${picture ? html`<img src=${thumbnail(picture)} alt="" loading="lazy" />` : html`<span class="thumb-none"></span>`}</span>
    <span role="cell" class="name"><a href=${to("jobs", job.id)}>${jobName(job)}</a>
      <span class="muted small">${[job.template ?? "raw workflow", ...job.tags.map((tag) => `#${tag}`)].join(" · ")}</span></span>
    <span role="cell"><${Status} status=${job.status} />${job.progress && html`<${Bar} value=${job.progress.value} label=${`Progress of ${jobName(job)}`} />`}
      ${job.error && html`<span class="small error-code">${job.error.code}</span>`}</span>
    <span role="cell" class="wide muted">${job.backend ?? "–"}</span>
    <span role="cell" class="wide numeric">${duration(job.metrics?.execution_ms)}</span>
    <span role="cell" class="muted"><${Time} at=${job.created_at} /></span>
  </div>`;
});

const drawRow = (job) => html`<${Row} job=${job} key=${job.id} />`;
const frameRows = (rows) => html`<div role="rowgroup" class="job-chunk">${rows}</div>`;

// What an event tells, put over what is known. The list itself is asked for anew when a job came or went.
function useLiveRows(pages) {
  useEffect(() => {
    let timer = 0;
    const unwatch = watchEvents(({ type, job_id: id, data }) => {
      if (type === "job.progress" || type === "job.updated") {
        pages.change((items) => changed(items, id, data));
      } else if (type.startsWith("job.") && type !== "job.preview" && type !== "job.position") {
        pages.change((items) => (type === "job.deleted" ? items.filter((job) => job.id !== id) : changed(items, id, { progress: null, ...data })));
        clearTimeout(timer);
        timer = setTimeout(pages.reload, SOON_MS);
      } else if (type === "snapshot" || type === "poll") {
        clearTimeout(timer);
        timer = setTimeout(pages.reload, SOON_MS);
      }
    });
    return () => {
      unwatch();
      clearTimeout(timer);
    };
  }, [pages.change, pages.reload]);
}

function changed(items, id, members) {
  const index = items.findIndex((job) => job.id === id);
  if (index < 0) {
    return items;
  }
  const outputs = members.outputs?.length > 0 ? members.outputs : items[index].outputs;
  return items.with ? items.with(index, { ...items[index], ...members, outputs })
    : items.map((job, at) => (at === index ? { ...job, ...members, outputs } : job));
}

function Filters({ query }) {
  const templates = useLoad(() => get("/v1/templates"), [], () => false);
  const backends = useLoad(() => get("/v1/backends"), [], () => false);
  const named = (list) => (list.data?.data ?? []).map((one) => [one.name, one.title ?? one.name]);
  return html`<div class="filters">
    <${SearchField} view="jobs" query=${query} label="Search in titles" />
    <${ChoiceField} view="jobs" query=${query} name="status" label="State" choices=${[["", "All"],
      ["queued,running,canceling", "Open"], ...STATES.map((state) => [state, statusWord(state)])]} />
    <${ChoiceField} view="jobs" query=${query} name="template" label="Template" choices=${[["", "All"], ...named(templates)]} />
    ${(backends.data?.data.length ?? 0) > 1 && html`<${ChoiceField} view="jobs" query=${query} name="backend" label="ComfyUI" choices=${[["", "All"], ...named(backends)]} />`}
    <${ChoiceField} view="jobs" query=${query} name="starred" label="Starred" choices=${[["", "All"], ["true", "Starred"]]} />
    <${ChoiceField} view="jobs" query=${query} name="sort" label="Order" choices=${[["", "Newest first"], ["created_at", "Oldest first"]]} />
    ${["tag", "parent_id"].filter((name) => query[name]).map((name) => html`<a class="tag" key=${name} title="Show all"
      href=${to("jobs", "", { ...query, [name]: "" })}>${name === "tag" ? `#${query.tag}` : "made from one job"} ×</a>`)}
  </div>`;
}

function List({ query }) {
  const params = Object.fromEntries(FILTERS.filter((name) => query[name]).map((name) => [name, query[name]]));
  const pages = usePages("/v1/jobs", { limit: PAGE, ...params });
  const isFiltered = Object.keys(params).length > 0;

  useLiveRows(pages);
  return html`<${Filters} query=${query} />
    ${pages.items.length > 0 && html`<div role="table" class="jobs-table" aria-label="Jobs">
      <div role="row" class="job-row job-head-row"><span role="columnheader" class="thumb"><span class="hidden">Picture</span></span><span role="columnheader">Job</span><span role="columnheader">State</span>
        <span role="columnheader" class="wide">ComfyUI</span><span role="columnheader" class="wide">Ran</span><span role="columnheader">Accepted</span></div>
      <${Rows} items=${pages.items} draw=${drawRow} frame=${frameRows} /></div>`}
    ${pages.items.length === 0 && !pages.isLoading && !pages.problem && (isFiltered
      ? html`<${Empty} title="No job is like that"><a class="button" href=${to("jobs")}>Show all</a><//>`
      : html`<${Empty} title="There are no jobs yet"><a class="button primary" href=${to("new")}>Make the first</a><//>`)}
    <${More} pages=${pages} label="Loading jobs" />`;
}

export const Jobs = ({ id, query }) => (id ? html`<${Job} id=${id} key=${id} />` : html`<${List} query=${query} />`);
