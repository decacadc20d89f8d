// "auto" (as the system has it), "light" or "dark"; kept in this browser.
import { createStore } from "./store.js";

const KEY = "comfygate.theme";
const CHOICES = ["auto", "light", "dark"];

function kept() {
  try {
    return CHOICES.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : "auto";
  } catch {
    return "auto";
  }
}

export const theme = createStore(kept());

export function nextTheme() {
  theme.set((now) => CHOICES[(CHOICES.indexOf(now) + 1) % CHOICES.length]);
}

function show(choice) {
  document.documentElement.dataset.theme = choice;
  try {
    localStorage.setItem(KEY, choice);
  } catch {
    // then it is not kept
  }
}

theme.watch(show);
show(theme.get());
