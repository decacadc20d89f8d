// Goes to where one was on a page that is still being filled: tried again until it is long enough, or until one scrolls.

const EVERY_MS = 50;
const TRIES = 40;
const OWN = ["wheel", "touchstart", "keydown", "pointerdown"];

// Gives a function that stops it.
export function scrollBack(place) {
  let timer = 0;
  let left = TRIES;
  const stop = () => {
    clearTimeout(timer);
    OWN.forEach((type) => removeEventListener(type, stop));
  };
  const step = () => {
    scrollTo(0, place);
    if (Math.abs(scrollY - place) < 2 || left-- === 0) {
      stop();
    } else {
      timer = setTimeout(step, EVERY_MS);
    }
  };
  OWN.forEach((type) => addEventListener(type, stop, { passive: true }));
  step();
  return stop;
}
