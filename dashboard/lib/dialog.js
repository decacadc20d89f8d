// A dialog that is open as long as it is on the page.
import { useEffect, useRef } from "./html.js";

// Give it to the <dialog> as `ref`. It is closed before it goes, which brings the focus back to where it was.
export function useDialog() {
  const dialog = useRef(null);
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    element.showModal();
    return () => {
      element.close();
      before?.focus({ preventScroll: true });
    };
  }, []);
  return dialog;
}
