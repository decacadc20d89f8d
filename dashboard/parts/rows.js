// The items of a long list. They are drawn a hundred at a time, and a hundred that are as before are not even looked at
// one by one: ten thousand cost as little as the few that have changed.
import { html, memo } from "../lib/html.js";

const CHUNK = 100;

const isSameChunk = (a, b) => {
  if (a.count !== b.count || a.from !== b.from || a.draw !== b.draw) {
    return false;
  }
  for (let at = a.from; at < a.from + a.count; at++) {
    if (a.items[at] !== b.items[at]) {
      return false;
    }
  }
  return true;
};

const Chunk = memo(({ items, from, count, draw, frame }) => frame(items.slice(from, from + count).map(draw)), isSameChunk);
const unframed = (rows) => rows;

// `draw(item)` gives what stands for it, with a key; `frame(rows)` what stands around a hundred. Both must be the same
// functions each time.
export function Rows({ items, draw, frame = unframed }) {
  const starts = Array.from({ length: Math.ceil(items.length / CHUNK) }, (_, index) => index * CHUNK);
  return starts.map((from) => html`<${Chunk} key=${from} items=${items} from=${from} count=${Math.min(CHUNK, items.length - from)} draw=${draw} frame=${frame} />`);
}
