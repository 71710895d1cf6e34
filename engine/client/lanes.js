// Runs side by side in lanes. Rows are fetched and drawn as they come into view, bodies of steps as they are opened.

import { make } from "./group.js";
import { passages } from "./trace.js";

const CHUNK = 150;
const FETCHED = 450; // rows asked for at once
const KINDS = { thought: "thinking", search: "search", reading: "reading", answer: "answer", stopped: "end" };
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
  if (data.parting) root.append(parting(part));
  root.append(cards(data), strip(data), tables(data), lanes(part));
  do more(part);
  while (!part.waiting && part.shown < shown && part.shown < part.lines.length);
}

function parting(part) {
  const { data } = part;
  const note = make("section", "bs-summary bs-parting", null, { "aria-label": "Where they part", "aria-live": "polite" });
  note.append(make("p", "", data.parting));
  return note;
}

// -------------------------------------------------------------------------------------------------- heads

function cards({ lanes, questions }) {
  const box = make("div", "bs-cards");
  for (const lane of lanes) {
    const card = make("section", "bs-card", null, { "aria-label": `Run ${lane.letter}` });
    card.append(title(lane), make("p", "bs-quiet", lane.detail));
    card.append(make("p", "bs-card-answer", lane.answer || "No answer"));
    if (lane.verdict) {
      const line = make("p", `bs-verdict ${lane.right ? "bs-right" : "bs-wrong"}`);
      line.append(make("strong", "", `${lane.right ? "✓" : "✗"} ${lane.verdict}`));
      card.append(line);
    }
    card.append(make("p", "", lane.limit), make("p", "bs-quiet", lane.gold), facts(lane.facts));
    box.append(card);
  }
  const all = make("div");
  for (const question of questions) all.append(make("p", "bs-question", question));
  all.append(box);
  return all;
}

function title(lane) {
  const line = make("h3", "bs-card-title");
  line.append(letter(lane), make("span", "", lane.title));
  return line;
}

function letter(lane) {
  const badge = make("span", "bs-letter", lane.letter);
  badge.style.setProperty("--colour", lane.colour);
  return badge;
}

function facts(pairs) {
  const list = make("dl", "bs-facts");
  for (const [name, value] of pairs) {
    const pair = make("div");
    pair.append(make("dt", "", name), make("dd", "", value));
    list.append(pair);
  }
  return list;
}

// -------------------------------------------------------------------------------------------------- strip

/** Every lane as a bar on one axis, with a mark where it parts and one where it first saw evidence. */
function strip({ strip: told, lanes }) {
  const box = make("figure", "bs-strip");
  const alt = lanes.map((lane, i) => `${lane.letter}: ${amount(end(told.bars[i]))} ${told.unit}`).join(", ");
  box.setAttribute("aria-label", `Lanes on one axis. ${alt}`);
  const share = (x) => `${(100 * x) / (told.longest || 1)}%`;
  lanes.forEach((lane, i) => {
    const row = make("div", "bs-strip-row");
    const bar = make("div", "bs-strip-bar");
    for (const [start, length, kind] of told.bars[i]) {
      const piece = make("span", `bs-piece bs-${kind}`, null, { title: KINDS[kind] ?? kind });
      piece.style.left = share(start);
      piece.style.width = share(length);
      bar.append(piece);
    }
    if (told.parting[i] !== null) bar.append(flag("bs-flag-parting", share(told.parting[i]), "they part here", "↯"));
    if (told.gold[i] !== null) bar.append(flag("bs-flag-gold", share(told.gold[i]), "first gold", "★"));
    row.append(letter(lane), bar, make("span", "bs-number bs-quiet", amount(end(told.bars[i]))));
    box.append(row);
  });
  const legend = make("figcaption", "bs-legend bs-quiet");
  for (const kind of ["thought", "search", "reading", "answer"]) {
    const key = make("span", `bs-key bs-${kind}`);
    key.append(make("i"), make("span", "", KINDS[kind]));
    legend.append(key);
  }
  legend.append(make("span", "", "★ first gold"), make("span", "", "↯ they part"), make("span", "", `in ${told.unit}`));
  box.append(legend);
  return box;
}

function end(bar) {
  return bar.reduce((most, [start, length]) => Math.max(most, start + length), 0);
}

function amount(x) {
  return Number(x.toPrecision(3)).toLocaleString("en");
}

function flag(name, left, title, sign) {
  const node = make("span", `bs-flag ${name}`, sign, { title });
  node.style.left = left;
  return node;
}

// ------------------------------------------------------------------------------------------------- tables

function tables({ lanes, overlap, gains, looks }) {
  const box = make("div", "bs-told");
  if (overlap.length) box.append(matrix(lanes, overlap));
  const bought = make("section", "", null, { "aria-label": "What each extra unit bought" });
  bought.append(make("h4", "", "What each extra unit bought"));
  const list = make("ul");
  for (const gain of gains) list.append(make("li", "", gain));
  bought.append(list);
  if (gains.length) box.append(bought);
  if (looks.length) box.append(searches(lanes, looks));
  return box;
}

function heads(lanes, corner) {
  const head = make("thead");
  const row = make("tr");
  row.append(make("th", "bs-quiet", corner, { scope: "col" }));
  for (const lane of lanes) {
    const cell = make("th", "", null, { scope: "col" });
    cell.append(letter(lane));
    row.append(cell);
  }
  head.append(row);
  return head;
}

function matrix(lanes, overlap) {
  const section = make("section", "", null, { "aria-label": "Passages in common" });
  const table = make("table", "bs-matrix");
  const body = make("tbody");
  overlap.forEach((line, i) => {
    const row = make("tr");
    const name = make("th", "", null, { scope: "row" });
    name.append(letter(lanes[i]));
    row.append(name);
    line.forEach(([share, counts, tint], j) => {
      const cell = make("td", "", null, { title: `${lanes[i].letter} and ${lanes[j].letter}: ${counts} passages` });
      cell.style.setProperty("--tint", `${tint}%`);
      cell.append(make("strong", "", i === j ? "" : share), make("small", "", i === j ? `${counts.split(" ")[0]} seen` : counts));
      row.append(cell);
    });
    body.append(row);
  });
  table.append(heads(lanes, ""), body);
  section.append(make("h4", "", "Passages in common"), table);
  return section;
}

function searches(lanes, looks) {
  const section = make("section", "", null, { "aria-label": "What each search brought" });
  const table = make("table", "bs-looks");
  const body = make("tbody");
  looks.forEach((line, n) => {
    const row = make("tr");
    row.append(make("th", "", `Search ${n + 1}`, { scope: "row" }), ...line.map((said) => make("td", "", said || "–")));
    body.append(row);
  });
  table.append(heads(lanes, ""), body);
  section.append(make("h4", "", "What each search brought"), table);
  return section;
}

// --------------------------------------------------------------------------------------------------- rows

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
