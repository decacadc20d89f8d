// Messages of webhooks on their way to who wants to hear: how each fares, and another try.
import { html, useEffect, useState } from "../lib/html.js";
import { post } from "../lib/api.js";
import { to } from "../lib/router.js";
import { tellProblem, toast } from "../lib/toast.js";
import { duration, timeOfDay } from "../lib/format.js";
import { Icon, Time } from "./basics.js";

const AGAIN_MS = 3000;
const STATES = { pending: ["On its way", "running"], delivered: ["Delivered", "succeeded"], failed: ["Given up", "failed"], gone: ["Not wanted any more", "expired"] };

export const DELIVERY_STATES = [["", "All"], ...Object.entries(STATES).map(([state, [word]]) => [state, word])];

// No event tells of deliveries: as long as one is on its way, it is asked.
export function useDeliveryNews(deliveries, reload) {
  const isOpen = deliveries.some(({ state }) => state === "pending");
  useEffect(() => {
    const timer = isOpen ? setInterval(() => !document.hidden && reload(), AGAIN_MS) : 0;
    return () => clearInterval(timer);
  }, [isOpen, reload]);
}

function Redeliver({ delivery, onDone }) {
  const [isBusy, setBusy] = useState(false);
  const send = async () => {
    setBusy(true);
    try {
      await post(`/v1/jobs/${delivery.job_id}/deliveries/${delivery.id}/redeliver`);
      toast("It is sent once more");
      onDone();
    } catch (problem) {
      tellProblem(problem);
    }
    setBusy(false);
  };
  return html`<button type="button" data-needs="jobs:write" disabled=${isBusy} aria-label=${`Deliver again: ${delivery.type} to ${delivery.url}`} onClick=${send}>
    <${Icon} name="again" /> Deliver again</button>`;
}

const timesWord = (count) => (count === 0 ? "not tried yet" : count === 1 ? "tried once" : `tried ${count} times`);

const Tries = ({ tries }) => html`<details><summary class="small">Each try</summary><ol class="tries small">${tries.map((one) => html`<li key=${one.at}>
  <time datetime=${one.at} class="numeric">${timeOfDay(one.at)}</time> ${one.error ?? `answered ${one.status}`} <span class="muted">after ${duration(one.duration_ms)}</span></li>`)}</ol></details>`;

export function Delivery({ delivery, isAlone, onDone }) {
  const { type, url, state, attempts, last_error: error, next_attempt_at: next, tries } = delivery;
  const [word, kind] = STATES[state];
  return html`<li class="row delivery"><div class="row-main"><span class="delivery-line"><span class="status status-${kind}">${word}</span> <strong>${type}</strong>
      ${!isAlone && html`<a href=${to("jobs", delivery.job_id)}>The job</a>`}<span class="muted small"><${Time} at=${delivery.completed_at ?? delivery.created_at} /></span></span>
    <code class="small">${url}</code>
    <span class="muted small">${timesWord(attempts)}${next && attempts > 0 ? html`, next <${Time} at=${next} />` : ""}</span>
    ${error && state !== "delivered" && html`<span class="small error-code">${error}</span>`}
    ${tries.length > 1 && html`<${Tries} tries=${tries} />`}</div>
    <${Redeliver} delivery=${delivery} onDone=${onDone} /></li>`;
}
