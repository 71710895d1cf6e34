// The steps of runs side by side in lanes. Rows are fetched and drawn as they come into view, bodies of steps as they are opened.

import { above, letter } from "./compared.js";
import { make } from "./group.js";
import { passages } from "./trace.js";

const CHUNK = 150;
const FETCHED = 450; // rows asked for at once
const mounted = new WeakMap();

/**
 * data: what figures/lanes.py hands out, and {folded, open}; emits "open" with the opened steps when one is opened or
 * closed, and "rows" with the first and the end of rows that are about to be seen and are not here.
 */
export function mount(element, data, emit) {
  const same = mounted.get(element);
  const part = same ?? { element, open: new Set(data.open), unfolded: new Set() };
  Object.assign(part, { data, emit });
  mounted.set(element, part);
  const drawn = JSON.stringify([data.lanes, data.count, data.parting, data.strip, data.folded]);
  if (part.drawn === drawn) {
    take(part);
    fill(part);
    if (part.waiting) more(part);
  } else draw(part);
  part.drawn = drawn;
  return () => part.watcher?.disconnect();
}

/** Keep the rows that have come, and the heads of their steps. */
function take(part) {
  Object.assign(part.rows, part.data.rows);
  part.data.heads.forEach((held, lane) => Object.assign(part.heads[lane], held));
}

function draw(part) {
  const { data } = part;
  const shown = part.shown ?? 0;
  Object.assign(part, { rows: {}, heads: data.lanes.map(() => ({})), waiting: false });
  take(part);
  const root = make("div", "bs bs-lanes");
  part.element.replaceChildren(root);
  root.append(...above(data), lanes(part));
  do more(part);
  while (!part.waiting && part.shown < shown && part.shown < part.lines.length);
}

/** The table of steps; a row is drawn when it is about to be seen. */
function lanes(part) {
  const { data } = part;
  part.lines = lines(part);
  part.shown = 0;
  part.grid = make("div", "bs-rows", null, { role: "table", "aria-label": "Steps side by side", "aria-rowcount": data.count });
  part.grid.style.setProperty("--lanes", data.lanes.length);
  const head = make("div", "bs-row bs-row-head", null, { role: "row" });
  head.append(make("span", "bs-row-at", "", { role: "columnheader" }));
  for (const lane of data.lanes) {
    const cell = make("span", "bs-lane-head", null, { role: "columnheader" });
    cell.append(letter(lane), make("span", "", lane.title), make("span", "bs-quiet", lane.detail.split(" · ").slice(0, 2).join(" · ")));
    head.append(cell);
  }
  part.grid.append(head);
  part.rest = make("button", "bs-more", "Show more steps", { type: "button" });
  part.rest.addEventListener("click", () => more(part));
  part.watcher?.disconnect();
  part.watcher = new IntersectionObserver((seen) => seen.some((s) => s.isIntersecting) && more(part), { rootMargin: "600px" });
  part.watcher.observe(part.rest);
  const box = make("div", "bs-scroll", null, { tabindex: 0, role: "region", "aria-label": "Lanes" });
  box.append(part.grid);
  const all = make("div");
  all.append(box, part.rest);
  return all;
}

/** What is drawn, line by line: a row's number, or a stretch of equal rows as one line. */
function lines({ data, unfolded }) {
  const found = [];
  const folds = data.folded ? data.folds.filter((_, i) => !unfolded.has(i)) : [];
  let next = 0;
  for (let row = 0; row < data.count; row += 1) {
    if (folds[next]?.[0] === row) {
      found.push({ fold: folds[next] });
      row = folds[next][1] - 1;
      next += 1;
    } else found.push({ row });
  }
  return found;
}

/** Draw the next lines, as far as their rows are here; ask for those that are not. */
function more(part) {
  const next = part.lines.slice(part.shown, part.shown + CHUNK);
  const gap = next.findIndex((line) => !line.fold && !part.rows[line.row]);
  const here = gap < 0 ? next : next.slice(0, gap);
  for (const line of here) part.grid.append(line.fold ? folded(part, line.fold) : row(part, line.row));
  part.shown += here.length;
  part.rest.hidden = part.shown >= part.lines.length;
  part.waiting = gap >= 0;
  part.rest.textContent = part.waiting ? "Fetching more steps …" : "Show more steps";
  if (part.waiting) part.emit("rows", [next[gap].row, next[gap].row + FETCHED]);
}

function folded(part, fold) {
  const [first, end] = fold;
  const line = make("div", "bs-row bs-fold", null, { role: "row" });
  const cell = make("span", "", null, { role: "cell" });
  const button = make("button", "", `${end - first} steps alike in all lanes · show`, { type: "button", "aria-expanded": "false" });
  button.addEventListener("click", () => unfold(part, line, first));
  cell.append(button);
  line.append(cell);
  return line;
}

/** The rows of a fold in its place; what stood below it is drawn again as it comes into view. */
function unfold(part, line, first) {
  part.unfolded.add(part.data.folds.findIndex((f) => f[0] === first));
  while (line.nextSibling) line.nextSibling.remove();
  const above = line.previousSibling;
  line.remove();
  part.lines = lines(part);
  part.shown = part.lines.findIndex((l) => l.row === first);
  more(part);
  (above?.nextSibling ?? part.rest).querySelector?.("summary")?.focus();
}

function row(part, n) {
  const { data } = part;
  const [at, equal, steps] = part.rows[n];
  const line = make("div", "bs-row", null, { role: "row", "aria-rowindex": n + 1 });
  if (equal) line.classList.add("bs-alike");
  if (n === data.parting_row) line.classList.add("bs-parts");
  line.append(make("span", "bs-row-at bs-number", at || String(n + 1), { role: "rowheader" }));
  steps.forEach((step, lane) => line.append(step === null ? make("span", "bs-none", "", { role: "cell" }) : cell(part, lane, step)));
  return line;
}

function cell(part, lane, step) {
  const [kind, title, text, told, gold, further] = part.heads[lane][step];
  const key = `${lane}:${step}`;
  const box = make("div", `bs-cell-step bs-${kind}`, null, { role: "cell", "data-step": key });
  const line = make(further ? "summary" : "div", "bs-step-head");
  line.append(make("span", "bs-step-title", title));
  if (gold) line.append(make("span", "bs-gold", "holds evidence"));
  line.append(make("span", "bs-fact", told), make("span", "bs-short", text));
  if (!further) {
    box.append(line);
    return box;
  }
  const details = make("details");
  details.append(line, make("div", "bs-body"));
  details.open = part.open.has(key);
  if (details.open) body(part, key, details);
  details.addEventListener("toggle", () => {
    if (details.open === part.open.has(key)) return;
    if (details.open) part.open.add(key);
    else part.open.delete(key);
    body(part, key, details);
    part.emit("open", [...part.open]);
  });
  box.append(details);
  return box;
}

/** Put a step's body in once it is here; until then say so. */
function body(part, key, details) {
  const box = details.querySelector(".bs-body");
  const told = part.data.bodies[key];
  if (!details.open || box.drawn) return;
  if (!told) {
    box.replaceChildren(make("p", "bs-quiet", "Fetching this step …"));
    return;
  }
  box.drawn = true;
  box.replaceChildren();
  if (told.text) box.append(make("p", "bs-words", told.text));
  if (told.passages.length) box.append(passages(told.passages, part.data.lanes[Number(key.split(":")[0])].marks));
}

/** Bodies that were asked for have come. */
function fill(part) {
  for (const details of part.element.querySelectorAll("details[open]")) {
    const key = details.parentElement.dataset.step;
    if (key) body(part, key, details);
  }
}
