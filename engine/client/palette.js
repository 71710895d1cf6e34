// Jump to anywhere and the list of keys: two dialogs, opened by Ctrl + K and by the question mark, or by their buttons.

import { make } from "./group.js";

const mounted = new WeakMap();

/** data: {places: [{label, hint}], keys: [[where, keys]]}; emits "go" with the number of the place that was chosen. */
export function mount(element, data, emit) {
  const part = mounted.get(element) ?? build(element);
  mounted.set(element, part);
  Object.assign(part, { data, emit });
  part.table.replaceChildren(...data.keys.map(([where, keys]) => entry(where, keys)));
  const heard = (event) => hear(part, event);
  document.addEventListener("keydown", heard);
  return () => document.removeEventListener("keydown", heard);
}

function build(element) {
  const root = make("div", "bs bs-palette");
  const part = { element, at: 0 };
  root.append(
    opener("Jump to …", "Ctrl K", () => jump(part)),
    opener("Keys", "?", () => part.help.showModal()),
  );
  part.places = dialog("Jump to anywhere");
  part.input = make("input", "", null, { type: "text", placeholder: "Jump to …", "aria-label": "Jump to", autocomplete: "off" });
  part.list = make("div", "bs-places", null, { role: "listbox", "aria-label": "Places" });
  part.places.append(part.input, part.list);
  part.input.addEventListener("input", () => filter(part));
  part.input.addEventListener("keydown", (event) => step(part, event));
  part.help = dialog("Keys");
  part.table = make("dl", "bs-keys");
  const shut = make("button", "bs-shut", "Close", { type: "button" });
  shut.addEventListener("click", () => part.help.close());
  part.help.append(make("h3", "", "Keys"), part.table, shut);
  root.append(part.places, part.help);
  element.replaceChildren(root);
  return part;
}

function opener(label, keys, open) {
  const button = make("button", "bs-opener", label, { type: "button" });
  button.append(make("kbd", "", keys));
  button.addEventListener("click", open);
  return button;
}

function dialog(label) {
  const node = make("dialog", "bs-dialog", null, { "aria-label": label });
  node.addEventListener("click", (event) => event.target === node && node.close());
  return node;
}

function entry(where, keys) {
  const row = make("div");
  row.append(make("dt", "", where), make("dd", "", keys));
  return row;
}

/** Keys that are typed into a field belong to the field. */
function hear(part, event) {
  if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey) {
    event.preventDefault();
    jump(part);
  } else if (event.key === "?" && !event.target.closest?.("input, textarea, select, [contenteditable], dialog")) {
    event.preventDefault();
    part.help.showModal();
  }
}

function jump(part) {
  part.help.close();
  if (part.places.open) return;
  part.input.value = "";
  filter(part);
  part.places.showModal();
  part.input.focus();
}

/** Places whose words all begin or contain what was typed. */
function filter(part) {
  const wanted = part.input.value.toLowerCase().split(/\s+/).filter(Boolean);
  part.found = part.data.places
    .map((place, number) => ({ ...place, number }))
    .filter(({ label, hint }) => wanted.every((word) => `${label} ${hint}`.toLowerCase().includes(word)));
  part.at = 0;
  part.list.replaceChildren(...part.found.map((place, i) => option(part, place, i)));
  if (!part.found.length) part.list.append(make("p", "bs-quiet", "Nothing is called that."));
  mark(part);
}

function option(part, place, i) {
  const node = make("div", "bs-place", null, { role: "option", id: `bs-place-${i}` });
  node.append(make("span", "", place.label), make("small", "bs-quiet", place.hint));
  node.addEventListener("click", () => go(part, i));
  return node;
}

function mark(part) {
  [...part.list.querySelectorAll(".bs-place")].forEach((node, i) => {
    node.setAttribute("aria-selected", String(i === part.at));
    if (i === part.at) node.scrollIntoView({ block: "nearest" });
  });
  part.input.setAttribute("aria-activedescendant", `bs-place-${part.at}`);
}

function step(part, event) {
  const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (event.key === "Enter") go(part, part.at);
  if (!move || !part.found.length) return;
  event.preventDefault();
  part.at = (part.at + move + part.found.length) % part.found.length;
  mark(part);
}

function go(part, i) {
  const place = part.found[i];
  part.places.close();
  if (place) part.emit("go", place.number);
}
