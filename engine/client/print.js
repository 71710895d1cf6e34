// A button that prints the page: to paper, or to a PDF.

import { make } from "./group.js";

/** data: {label}; what is not for paper is left out by the style sheet. */
export function mount(element, data) {
  const root = make("div", "bs bs-print");
  const button = make("button", "bs-opener", data.label, { type: "button" });
  button.addEventListener("click", () => window.print());
  root.append(button);
  element.replaceChildren(root);
}
