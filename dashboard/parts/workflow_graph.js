// The graph of a workflow, as boxes from left to right. A node stands one column after the last of those it takes from.
import { html, useState } from "../lib/html.js";

const WIDTH = 190;
const HEIGHT = 52;
const GAP_X = 60;
const GAP_Y = 18;
const NODES_MAX = 300;

const isLink = (value) => Array.isArray(value) && value.length === 2 && typeof value[1] === "number";

function columnsOf(nodes) {
  const column = new Map();
  const visit = (id, trail) => {
    if (!column.has(id) && !trail.has(id)) {
      trail.add(id);
      const from = Object.values(nodes[id].inputs ?? {}).filter(isLink).map(([other]) => String(other)).filter((other) => nodes[other]);
      column.set(id, from.reduce((most, other) => Math.max(most, visit(other, trail) + 1), 0));
    }
    return column.get(id) ?? 0;
  };
  Object.keys(nodes).forEach((id) => visit(id, new Set()));
  return column;
}

function placesOf(nodes) {
  const used = [];
  const places = new Map();
  [...columnsOf(nodes)].sort(([, a], [, b]) => a - b).forEach(([id, column]) => {
    const row = used[column] ?? 0;
    used[column] = row + 1;
    places.set(id, { x: column * (WIDTH + GAP_X), y: row * (HEIGHT + GAP_Y) });
  });
  return { places, width: used.length * (WIDTH + GAP_X) - GAP_X, height: Math.max(...used) * (HEIGHT + GAP_Y) - GAP_Y };
}

function linesOf(nodes, places) {
  return Object.entries(nodes).flatMap(([id, node]) => Object.values(node.inputs ?? {}).filter(isLink)
    .filter(([other]) => places.has(String(other))).map(([other], index) => {
      const from = places.get(String(other));
      const end = places.get(id);
      const [x1, y1, x2, y2] = [from.x + WIDTH, from.y + HEIGHT / 2, end.x, end.y + HEIGHT / 2];
      return html`<path class="graph-line" key=${`${id}/${index}`} d=${`M${x1} ${y1}C${x1 + GAP_X / 2} ${y1} ${x2 - GAP_X / 2} ${y2} ${x2} ${y2}`} />`;
    }));
}

const cut = (text, max) => (text.length > max ? `${text.slice(0, max - 1)}…` : text);

function Node({ id, node, place, state, isChosen, onChoose }) {
  const title = node._meta?.title ?? node.class_type;
  return html`<g class=${`graph-node ${state} ${isChosen ? "graph-chosen" : ""}`} transform=${`translate(${place.x} ${place.y})`} role="button" tabindex="0"
    aria-label=${`Node ${id}: ${title}`} aria-pressed=${isChosen} onClick=${onChoose}
    onKeyDown=${(event) => (event.key === "Enter" || event.key === " ") && (event.preventDefault(), onChoose())}>
    <rect width=${WIDTH} height=${HEIGHT} rx="8" /><text x="12" y="22" class="graph-title">${cut(title, 24)}</text>
    <text x="12" y="40" class="graph-class">${cut(`${id} · ${node.class_type}`, 28)}</text></g>`;
}

export function WorkflowGraph({ nodes, current, failed }) {
  const [chosen, setChosen] = useState(failed ?? null);
  if (Object.keys(nodes).length > NODES_MAX) {
    return html`<pre>${JSON.stringify(nodes, null, 2)}</pre>`;
  }
  const { places, width, height } = placesOf(nodes);
  const node = nodes[chosen];
  return html`<div class="graph"><svg viewBox=${`-4 -4 ${width + 8} ${height + 8}`} width=${width + 8} height=${height + 8} role="group" aria-label="Nodes of the workflow">
    ${linesOf(nodes, places)}
    ${Object.entries(nodes).map(([id, one]) => html`<${Node} key=${id} id=${id} node=${one} place=${places.get(id)} isChosen=${id === chosen}
      state=${id === failed ? "graph-failed" : id === current ? "graph-current" : ""} onChoose=${() => setChosen(id)} />`)}</svg></div>
    ${node && html`<h3>${node._meta?.title ?? node.class_type}</h3><dl class="facts">${Object.entries(node.inputs ?? {}).map(([name, value]) => html`
      <dt key=${`${name}?`}>${name}</dt><dd key=${name}>${isLink(value) ? `from node ${value[0]}` : typeof value === "string" ? value : JSON.stringify(value)}</dd>`)}</dl>`}`;
}
