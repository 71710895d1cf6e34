// A snapshot: everything a page showed, drawn again without asking anybody. In the app and in a saved file alike.

import { make } from "./group.js";
import { mount as mountDials } from "./dials.js";
import { mount as mountLanes } from "./lanes.js";
import { mount as mountMap } from "./map.js";
import { mount as mountSurface, plotly } from "./surface.js";
import { mount as mountTrace } from "./trace.js";

const DRAWN = { words, numbers, table, chart, surface, trace, lanes };
const mounted = new WeakMap();
let groups = 0;

/** data: {id, title, notes, published, blocks, plotly}; a snapshot never changes, so it is drawn once. Emits nothing. */
export function mount(element, data) {
  const old = mounted.get(element);
  if (old?.id === data.id) return () => {};
  old?.leave.forEach((leave) => leave());
  const part = { id: data.id, plotly: data.plotly, leave: [] };
  mounted.set(element, part);
  const root = make("article", "bs bs-shared");
  element.replaceChildren(root);
  const head = make("header");
  head.append(make("h1", "", data.title), make("p", "bs-quiet", `Published ${data.published}. Read-only: nothing here can be changed or asked anew.`));
  if (data.notes) head.append(make("p", "bs-notes", data.notes));
  root.append(head);
  for (const block of data.blocks) DRAWN[block.kind]?.(part, block, root);
  return () => {};
}

function words(part, { style, text }, root) {
  if (style === "heading") root.append(make("h2", "", text));
  else root.append(make("p", style === "quiet" ? "bs-quiet" : "", text));
}

function numbers(part, { items }, root) {
  const list = make("dl", "bs-numbers");
  for (const [name, value] of items) {
    const one = make("div");
    one.append(make("dt", "bs-quiet", name), make("dd", "", value));
    list.append(one);
  }
  root.append(list);
}

function table(part, { title, columns, rows, folded }, root) {
  if (!rows.length) return;
  const box = make("div", "bs-scroll", null, { tabindex: 0, role: "region", "aria-label": title });
  if (!folded) {
    box.classList.add("bs-table");
    box.append(filled(columns, rows));
    return root.append(box);
  }
  const details = make("details", "bs-table");
  details.append(make("summary", "", title), box);
  details.addEventListener("toggle", () => box.firstChild || box.append(filled(columns, rows)), { once: true });
  root.append(details);
}

function filled(columns, rows) {
  const all = make("table");
  const line = (cells, tag, attributes) => {
    const row = make("tr");
    for (const cell of cells) row.append(make(tag, typeof cell === "number" ? "bs-number" : "", told(cell), attributes));
    return row;
  };
  const head = make("thead");
  head.append(line(columns, "th", { scope: "col" }));
  const body = make("tbody");
  body.append(...rows.map((row) => line(row, "td")));
  all.append(head, body);
  return all;
}

function told(value) {
  if (value === null) return "–";
  if (typeof value !== "number" || Number.isInteger(value)) return String(value);
  return Number(value.toPrecision(3)).toLocaleString("en");
}

function chart(part, block, root) {
  if (block.reason) return root.append(make("p", "bs-quiet", block.reason));
  const plot = make("div", "bs-chart", null, { role: "img", "aria-label": block.alt });
  root.append(plot);
  const { data, layout } = block.figure;
  plotly(part.plotly)
    .then((library) => library.newPlot(plot, data, inked(plot, layout), { displayModeBar: false, responsive: true }))
    .catch(() => plot.replaceWith(make("p", "bs-quiet", "The chart cannot be drawn here; its numbers are below.")));
  table(part, { title: "Numbers", columns: block.columns, rows: block.rows, folded: true }, root);
}

/** The page's own colours. */
function inked(plot, layout) {
  const style = getComputedStyle(plot.closest(".bs"));
  const line = style.getPropertyValue("--bs-line").trim();
  const clear = "rgba(0,0,0,0)";
  const axis = (one) => ({ ...one, gridcolor: line, zerolinecolor: line, linecolor: line });
  const font = { color: style.getPropertyValue("--bs-ink").trim(), family: style.fontFamily };
  return { ...layout, font, paper_bgcolor: clear, plot_bgcolor: clear, xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis) };
}

function lanes(part, block, root) {
  const box = make("section", "", null, { "aria-label": "Runs side by side" });
  root.append(box);
  part.leave.push(mountLanes(box, block, () => {}));
}

function trace(part, { title, runs }, root) {
  const box = make("section", "", null, { "aria-label": "Trace" });
  root.append(make("h2", "", title), box);
  openRun(runs, runs.runs[0], box);
}

// ----------------------------------------------------------------------------------------------- surface

function surface(part, block, root) {
  groups += 1;
  const data = { ...block, group: `shared-${groups}`, plotly: part.plotly };
  const beside = make("div", "bs-beside");
  const boxes = { surface: make("div"), dials: make("div"), map: make("div"), runs: make("section", "bs-runs", null, { "aria-label": "Runs of a cell" }) };
  beside.append(boxes.surface, boxes.dials);
  root.append(beside, boxes.map, boxes.runs);
  const open = (name, cell) => name === "cell" && block.runs && openCell(block, cell, boxes.runs);
  part.leave.push(
    mountSurface(boxes.surface, data, open),
    mountDials(boxes.dials, data, () => {}),
    mountMap(boxes.map, data, open),
  );
  if (block.runs && block.cell) questions(block, block.cell, boxes.runs);
  else if (block.runs) boxes.runs.append(make("p", "bs-quiet", "Choose a cell on the surface or the map to see its questions."));
}

function openCell(block, cell, box) {
  const head = questions(block, cell, box);
  head.scrollIntoView({ block: "nearest" });
  head.focus({ preventScroll: true });
}

/** The questions of a cell; one is opened by a click, and is already where it was when this was published. */
function questions({ runs, dials }, cell, box) {
  const held = runs.runs.filter((run) => String(run.key) === String(cell.key) && run.search === cell.search && run.think === cell.think);
  const label = dials.readings.find((reading) => String(reading.key) === String(cell.key))?.look.label ?? "";
  const head = make("h2", "", `${label} · ${many(cell.search, "quer", "y", "ies")} · ${many(cell.think, "thinking token", "", "s")}`, { tabindex: -1 });
  const list = make("ol", "bs-questions");
  const shown = make("div", "bs-run");
  let opened = null;
  const pick = (button, run) => {
    list.querySelectorAll("button").forEach((other) => other.setAttribute("aria-pressed", String(other === button)));
    openRun(runs, run, shown);
  };
  for (const run of held) {
    const item = make("li");
    const button = make("button", "", null, { type: "button", "aria-pressed": "false" });
    const mark = run.right ? "✓" : run.right === false ? "✗" : "·";
    const question = runs.questions[run.question];
    button.append(make("span", run.right ? "bs-right" : "bs-wrong", mark), make("span", "", question.text));
    button.append(make("span", "bs-quiet", [question.detail, run.answer || "no answer"].filter(Boolean).join(" · ")));
    button.addEventListener("click", () => {
      pick(button, run);
      if (shown.getBoundingClientRect().top > window.innerHeight) shown.scrollIntoView({ block: "start" });
    });
    if (run === runs.runs[runs.open]) opened = { button, run };
    item.append(button);
    list.append(item);
  }
  const beside = make("div", "bs-beside");
  shown.append(make("p", "bs-quiet", held.length ? "Choose a question to read its trace." : "The runs of this cell are not in this view."));
  beside.append(list, shown);
  box.replaceChildren(head, beside);
  if (runs.note) box.append(make("p", "bs-quiet", runs.note));
  if (opened) pick(opened.button, opened.run);
  return head;
}

/** many(1, "quer", "y", "ies") -> "1 query" */
function many(count, stem, one, more) {
  return `${count} ${stem}${count === 1 ? one : more}`;
}

/** A run from its numbers: its question, the answer, the steps. */
function openRun(runs, run, box) {
  const question = runs.questions[run.question];
  const place = make("div");
  box.replaceChildren(make("p", "bs-question", question.text), place);
  const { answer, verdict, right, ending } = run;
  const marks = answer.length > 2 && answer.length <= 80 ? [...new Set([...question.marks, answer])] : question.marks;
  const summary = { answer, verdict, right, ending, gold: question.gold, marks };
  mountTrace(place, { steps: run.steps.map((number) => step(runs, runs.steps[number])), running: false, summary });
}

function step(runs, held) {
  const passages = held.passages.map(([number, rank, score, gold, fresh]) => {
    const [title, text] = runs.passages[number];
    return { rank, title, text, score, gold, new: fresh };
  });
  return { ...held, passages, under_way: false };
}
