// The end of a long list: asks for the next page when it comes near the screen.
import { html, useEffect, useRef } from "../lib/html.js";
import { Loading, ProblemBox } from "./basics.js";

const NEAR = "800px";

export function More({ pages, label }) {
  const end = useRef(null);
  useEffect(() => {
    const observer = new IntersectionObserver((entries) => entries.some((entry) => entry.isIntersecting) && pages.more(),
      { rootMargin: NEAR });
    observer.observe(end.current);
    return () => observer.disconnect();
  }, [pages.more, pages.items.length]);

  return html`<div ref=${end} class="more">
    ${pages.problem && html`<${ProblemBox} problem=${pages.problem} retry=${pages.reload} />`}
    ${pages.hasMore && !pages.problem && html`<${Loading} label=${label} />`}
  </div>`;
}
