// What every view needs to draw: Preact, its hooks, and templates in place of JSX, so that there is no build step.
import { Component, h, render, Fragment } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export * from "../vendor/hooks.js";
export { render, Fragment };
export const html = htm.bind(h);

// What stands in for a view that met a fault of its own, so that the rest of the page goes on: `instead(problem)`.
export class Boundary extends Component {
  static getDerivedStateFromError(problem) {
    return { problem };
  }

  componentDidCatch(problem) {
    console.error(problem);
  }

  render({ children, instead }, { problem }) {
    return problem ? instead(problem) : children;
  }
}

const areSame = (a, b) => Object.keys({ ...a, ...b }).every((name) => a[name] === b[name]);

// A view that is drawn again only when its properties are not the same as before; for long lists.
export function memo(View, isSame = areSame) {
  return class extends Component {
    shouldComponentUpdate(next) {
      return !isSame(next, this.props);
    }

    render(properties) {
      return h(View, properties);
    }
  };
}
