// What every view needs to draw: Preact, its hooks, and templates in place of JSX, so that there is no build step.
import { Component, h, render, Fragment } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export * from "../vendor/hooks.js";
export { render, Fragment };
export const html = htm.bind(h);

// A view that is drawn again only when one of its properties is another one; for rows of long lists.
export function memo(View) {
  return class extends Component {
    shouldComponentUpdate(next) {
      return Object.keys({ ...next, ...this.props }).some((name) => next[name] !== this.props[name]);
    }

    render(properties) {
      return h(View, properties);
    }
  };
}
