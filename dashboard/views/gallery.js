// All results, newest first; and, with "<job id>.<index>", one of them in full.
import { html, memo, useCallback, useEffect } from "../lib/html.js";
import { get } from "../lib/api.js";
import { usePages } from "../lib/pages.js";
import { useLoad } from "../lib/load.js";
import { watchEvents } from "../lib/live.js";
import { go, to } from "../lib/router.js";
import { Empty, Icon } from "../parts/basics.js";
import { ChoiceField, SearchField } from "../parts/filters.js";
import { More } from "../parts/more.js";
import { Rows } from "../parts/rows.js";
import { hasThumbnail, thumbnail } from "../parts/outputs.js";
import { Viewer } from "../parts/viewer.js";

const PAGE = 60;
const SOON_MS = 600;
const FILTERS = ["q", "type", "template", "starred", "sort"];
const TYPES = [["", "All"], ["image", "Pictures"], ["video", "Videos"], ["audio", "Sound"], ["text", "Text"], ["file", "Other files"]];

const placeOf = (output) => `${output.job_id}.${output.index}`;

const Tile = memo(({ output, address }) => html`<li class="tile"><a href=${address} title=${output.job_title ?? output.name}>
  ${hasThumbnail(output) ? html`<img src=${thumbnail(output)} alt=${output.job_title ?? output.name} loading="lazy" />`
    : html`<span class="tile-none">${output.type}</span>`}
  ${output.type === "video" && html`<span class="tile-mark"><${Icon} name="play" /></span>`}
  ${output.starred && html`<span class="tile-star"><${Icon} name="star" /></span>`}
  <span class="tile-name">${output.job_title ?? output.template ?? output.name}</span></a></li>`);

export function Gallery({ id, query }) {
  const params = Object.fromEntries(FILTERS.filter((name) => query[name]).map((name) => [name, query[name]]));
  const pages = usePages("/v1/outputs", { limit: PAGE, ...params });
  const templates = useLoad(() => get("/v1/templates"), [], () => false);
  const index = pages.items.findIndex((output) => placeOf(output) === id);
  const drawTile = useCallback((output) => html`<${Tile} output=${output} address=${to("gallery", placeOf(output), query)} key=${output.id} />`, [JSON.stringify(query)]);
  const at = (step) => pages.items[index + step];

  useEffect(() => {
    let timer = 0;
    const unwatch = watchEvents(({ type }) => {
      if (["job.output", "job.deleted", "snapshot", "poll"].includes(type)) {
        clearTimeout(timer);
        timer = setTimeout(pages.reload, SOON_MS);
      }
    });
    return () => {
      unwatch();
      clearTimeout(timer);
    };
  }, [pages.reload]);

  useEffect(() => {
    if (index >= 0 && index > pages.items.length - 5) {
      pages.more();
    }
  }, [index, pages.items.length]);

  return html`<div class="filters">
      <${SearchField} view="gallery" query=${query} label="Search in titles" />
      <${ChoiceField} view="gallery" query=${query} name="type" label="Kind" choices=${TYPES} />
      <${ChoiceField} view="gallery" query=${query} name="template" label="Template" choices=${[["", "All"], ...(templates.data?.data ?? []).map((one) => [one.name, one.title])]} />
      <${ChoiceField} view="gallery" query=${query} name="starred" label="Starred" choices=${[["", "All"], ["true", "Starred"]]} />
      <${ChoiceField} view="gallery" query=${query} name="sort" label="Order" choices=${[["", "Newest first"], ["created_at", "Oldest first"]]} /></div>
    <ul class="tiles"><${Rows} items=${pages.items} draw=${drawTile} /></ul>
    ${pages.items.length === 0 && !pages.isLoading && !pages.problem && (Object.keys(params).length > 0
      ? html`<${Empty} title="Nothing is like that"><a class="button" href=${to("gallery")}>Show all</a><//>`
      : html`<${Empty} title="No results yet"><p>What jobs make comes here.</p><a class="button primary" href=${to("new")}>Make the first</a><//>`)}
    <${More} pages=${pages} label="Loading results" />
    ${id && html`<${Viewer} place=${id} onClose=${() => go(to("gallery", "", query))}
      earlier=${index > 0 ? to("gallery", placeOf(at(-1)), query) : null} later=${index >= 0 && at(1) ? to("gallery", placeOf(at(1)), query) : null} />`}`;
}
