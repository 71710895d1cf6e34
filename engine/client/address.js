// The page's own address, as the browser has it now, with a button that copies it. The server learns of a choice only
// when it draws anew, and of some not at all; what stands in the browser is what a visitor sees.

import { make } from "./group.js";

const LOOK_MS = 200;

/** data: {kept, longest, tooLong}; `kept` names the choices that a link of this page keeps, in their order. */
export function mount(element, data) {
  const root = make("div", "bs bs-address");
  const shown = make("code", "", "");
  const copy = make("button", "bs-opener", "Copy link", { type: "button" });
  const told = make("span", "bs-quiet", "");
  told.setAttribute("role", "status");
  root.append(shown, copy, told);
  const look = () => {
    const link = address(data.kept);
    const fits = link.length <= data.longest;
    const text = fits ? link : data.tooLong;
    if (shown.textContent === text) return;
    shown.textContent = text;
    copy.hidden = !fits;
    told.textContent = "";
  };
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(shown.textContent);
      told.textContent = "Copied";
    } catch {
      window.getSelection().selectAllChildren(shown);
      told.textContent = "Marked: copy it with Ctrl+C";
    }
  });
  look();
  const looking = setInterval(look, LOOK_MS);
  element.replaceChildren(root);
  return () => clearInterval(looking);
}

/** address(["at"]) on /quality-surface?at=2%2C32&embed=true -> http://…/quality-surface?at=2%2C32 */
function address(kept) {
  const said = new URLSearchParams(location.search);
  const pairs = kept.flatMap((name) => said.getAll(name).map((value) => [name, value]));
  const query = pairs.map((pair) => pair.map(encodeURIComponent).join("=")).join("&");
  return location.origin + location.pathname + (query && "?" + query);
}
