// The surfaces seen from above: a table of cells per strategy, for clicks and for the keyboard.

import { follow, group, leave, make, move } from "./group.js";

const mounted = new WeakMap();
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** data: {dials, at, group}; emits "cell" with {key, search, think} when a cell is chosen. */
export function mount(element, data, emit) {
  const shared = group(data.group);
  const part = mounted.get(element) ?? { element, drawn: "" };
  mounted.set(element, part);
  Object.assign(part, { data, emit, shared });
  const drawn = JSON.stringify(data.dials);
  if (part.drawn !== drawn) draw(part);
  part.drawn = drawn;
  follow(shared, element, data.at, () => show(part));
  show(part);
  return () => leave(shared, element);
}

function draw(part) {
  const root = make("div", "bs bs-maps");
  root.style.setProperty("--levels", part.data.dials.search.levels.length);
  part.cells = part.data.dials.readings.map((reading) => one(part, reading, root));
  part.element.replaceChildren(root);
}

function one(part, reading, root) {
  const { search, think, quality } = part.data.dials;
  const figure = make("figure", "bs-map");
  const title = make("figcaption");
  const glyph = make("span", "bs-glyph", reading.look.glyph, { "aria-hidden": "true" });
  glyph.style.color = reading.look.colour;
  title.append(glyph, make("span", "", reading.look.label));
  const table = make("table", "", null, { role: "grid", "aria-label": `${reading.look.label}: ${quality}` });
  const rows = think.levels.map((_, i) => i).reverse();
  const cells = rows.map((t) => {
    const line = make("tr");
    line.append(make("th", "", String(think.levels[t]), { scope: "row" }));
    const made = search.levels.map((level, s) => {
      const cell = button(part, reading, reading.stops[t][s], level, think.levels[t]);
      const box = make("td", "", null, { role: "gridcell" });
      box.append(cell);
      line.append(box);
      return cell;
    });
    table.append(line);
    return made;
  });
  const foot = make("tr");
  foot.append(make("th", "bs-corner", "tokens ↑\nqueries →"));
  for (const level of search.levels) foot.append(make("th", "", String(level), { scope: "col" }));
  table.append(foot);
  table.addEventListener("keydown", (event) => walk(event, cells));
  figure.append(title, table);
  root.append(figure);
  const first = cells.flat().find((cell) => !cell.disabled);
  if (first) first.tabIndex = 0;
  return { reading, cells };
}

function button(part, reading, stop, search, think) {
  const cell = make("button", "bs-cell", null, { type: "button", tabindex: -1 });
  Object.assign(cell.dataset, { search, think });
  const where = `${search} queries, ${think} thinking tokens`;
  if (!stop) {
    cell.disabled = true;
    cell.textContent = "–";
    cell.title = `${where}: not measured, or out of this strategy's reach`;
    return cell;
  }
  cell.style.setProperty("--tint", `${stop.tint}%`);
  cell.style.setProperty("--colour", reading.look.colour);
  cell.append(make("strong", "", stop.quality), make("small", "", stop.interval), make("small", "", `n ${stop.n}`));
  cell.setAttribute("aria-label", `${where}: ${stop.quality}, interval ${stop.interval}, ${stop.n} questions`);
  cell.title = [where, stop.spent, stop.used].filter(Boolean).join("\n");
  cell.addEventListener("click", () => {
    move(part.shared, { search, think }, part.element, true);
    show(part);
    part.emit("cell", { key: reading.key, search, think });
  });
  return cell;
}

/** Arrow keys step over the cells; what was not measured is skipped. */
function walk(event, cells) {
  const step = STEPS[event.key];
  if (!step) return;
  event.preventDefault();
  let row = cells.findIndex((line) => line.includes(event.target));
  if (row < 0) return;
  let column = cells[row].indexOf(event.target);
  do {
    row += step[0];
    column += step[1];
  } while (cells[row]?.[column]?.disabled);
  const next = cells[row]?.[column];
  if (!next) return;
  event.target.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

function show(part) {
  const at = part.shared.at;
  for (const { cells } of part.cells)
    for (const cell of cells.flat()) {
      const here = at && Number(cell.dataset.search) === at.search && Number(cell.dataset.think) === at.think;
      cell.classList.toggle("bs-here", Boolean(here));
      if (here) cell.setAttribute("aria-current", "true");
      else cell.removeAttribute("aria-current");
    }
}
