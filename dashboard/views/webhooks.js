// What became of the messages of all webhooks, newest first.
import { html, useEffect } from "../lib/html.js";
import { usePages } from "../lib/pages.js";
import { watchEvents } from "../lib/live.js";
import { to } from "../lib/router.js";
import { Empty } from "../parts/basics.js";
import { DELIVERY_STATES, Delivery, useDeliveryNews } from "../parts/deliveries.js";
import { ChoiceField } from "../parts/filters.js";
import { More } from "../parts/more.js";

const PAGE = 50;
const SOON_MS = 700;
const QUIET = ["job.progress", "job.preview", "job.position"];

export function Webhooks({ query }) {
  const pages = usePages("/v1/deliveries", { limit: PAGE, ...(query.state && { state: query.state }) });
  useDeliveryNews(pages.items, pages.reload);
  useEffect(() => {
    let timer = 0;
    const unwatch = watchEvents(({ type }) => {
      if (["snapshot", "poll"].includes(type) || (type.startsWith("job.") && !QUIET.includes(type))) {
        clearTimeout(timer);
        timer = setTimeout(pages.reload, SOON_MS);
      }
    });
    return () => {
      unwatch();
      clearTimeout(timer);
    };
  }, [pages.reload]);

  return html`<p class="muted">Jobs that name a webhook post what happens to its address. What is not taken is sent again, with pauses, for a day.</p>
    <div class="filters"><${ChoiceField} view="webhooks" query=${query} name="state" label="State" choices=${DELIVERY_STATES} /></div>
    ${pages.items.length > 0 && html`<ul class="rows" aria-label="Deliveries">${pages.items.map((delivery) => html`<${Delivery} delivery=${delivery} onDone=${pages.reload} key=${delivery.id} />`)}</ul>`}
    ${pages.items.length === 0 && !pages.isLoading && !pages.problem && (query.state
      ? html`<${Empty} title="No message is like that"><a class="button" href=${to("webhooks")}>Show all</a><//>`
      : html`<${Empty} title="No messages yet"><p>A job that is submitted with <code>webhook</code> sends one when it ends.</p><//>`)}
    <${More} pages=${pages} label="Loading deliveries" />`;
}
