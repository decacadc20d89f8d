// What every view needs to draw: Preact, its hooks, and templates in place of JSX, so that there is no build step.
import { h, render, Fragment, createContext } from "../vendor/preact.js";
import htm from "../vendor/htm.js";

export * from "../vendor/hooks.js";
export { render, Fragment, createContext };
export const html = htm.bind(h);
