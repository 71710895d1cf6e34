// A run replayed at smaller budgets: the strip of answers if stopped earlier, and the steps of the one where the dials stand.

import { follow, group, leave, make, move } from "./group.js";
import { conclude, mount as mountTrace } from "./trace.js";

const mounted = new WeakMap();

/** data: what figures/replay.py hands out, and {group, at}. Emits nothing: it only follows the dials and moves them. */
export function mount(element, data) {
  const shared = group(data.group);
  const part = mounted.get(element) ?? build(element);
  mounted.set(element, part);
  Object.assign(part, { data, shared });
  follow(shared, element, data.at, () => show(part));
  strip(part);
  show(part);
  return () => leave(shared, element);
}

function build(element) {
  const root = make("div", "bs bs-replay");
  const part = { element, root };
  part.strip = make("section", "bs-map bs-stopped-here", null, { "aria-label": "The answer if stopped earlier" });
  part.said = make("p", "bs-replay-at", "", { "aria-live": "polite" });
  part.answer = make("div");
  part.steps = make("div");
  root.append(part.said, part.answer, part.strip, part.steps);
  element.replaceChildren(root);
  return part;
}

/** One button a cell: queries across, thinking tokens down. */
function strip(part) {
  const { searches, thinks, stops, note } = part.data;
  part.strip.hidden = stops.length < 2 && !note;
  const table = make("table");
  const known = stops.some((stop) => stop.summary.verdict);
  const said = known ? "" : " No gold answer is known: = is the same answer as the run's own, ≠ another.";
  table.append(make("caption", "bs-quiet", `The answer, had it been stopped earlier. Turn the dials or choose a cell to replay it.${said}`));
  const head = make("tr");
  head.append(make("th", "bs-corner", "thinking ↓\nqueries →", { scope: "col" }));
  for (const search of searches) head.append(make("th", "", String(search), { scope: "col" }));
  const body = make("tbody");
  for (const think of [...thinks].reverse()) {
    const row = make("tr");
    row.append(make("th", "", String(think), { scope: "row" }));
    for (const search of searches) {
      const cell = make("td");
      cell.append(button(part, search, think));
      row.append(cell);
    }
    body.append(row);
  }
  const top = make("thead");
  top.append(head);
  table.append(top, body);
  part.strip.replaceChildren(table, make("p", "bs-quiet", note));
}

function button(part, search, think) {
  const stop = find(part, search, think);
  const node = make("button", "bs-cell", null, { type: "button", "data-cell": `${search}:${think}` });
  if (!stop) {
    node.disabled = true;
    node.append(make("small", "", "not taken"));
    return node;
  }
  const { right, verdict, answer } = stop.summary;
  node.classList.add(right ? "bs-right" : right === false ? "bs-wrong" : "bs-unknown");
  node.append(make("strong", "", verdict ? (right ? "✓" : "✗") : stop.agrees ? "=" : "≠"));
  node.append(make("small", "bs-stop-answer", answer || "no answer"));
  const told = verdict || (stop.agrees ? "same answer as the run's own" : "another answer");
  node.setAttribute("aria-label", `${words(search, think)}: ${told}, ${answer || "no answer"}`);
  node.addEventListener("click", () => {
    move(part.shared, { search, think }, part.element, true);
    show(part);
  });
  return node;
}

function find(part, search, think) {
  return part.data.stops.find((stop) => stop.search === search && stop.think === think);
}

function words(search, think) {
  return `${search} ${search === 1 ? "query" : "queries"}, ${think} thinking tokens`;
}

/** Where the dials stand, the run is drawn as it would have gone; beyond its budget it is drawn as it went. */
function show(part) {
  const { own, reach } = part.data;
  const at = part.shared.at ?? { search: own[0], think: own[1] };
  const search = Math.min(at.search, reach);
  const beyond = search > own[0] || at.think > own[1];
  const stop = beyond ? null : find(part, search, at.think);
  const drawn = stop ?? find(part, ...own);
  const whole = drawn.search === own[0] && drawn.think === own[1];
  const told = words(drawn.search, drawn.think);
  if (whole) part.said.textContent = `This run: ${told}.`;
  else part.said.textContent = `Replayed at ${told}: ${drawn.facts.join(" · ")}.`;
  if (beyond) part.said.textContent = `The dials stand beyond this run: press Run to try them. Shown is the run at ${told}.`;
  else if (!stop) part.said.textContent = `No answer was taken at ${words(search, at.think)}. Shown is the run at ${told}.`;
  for (const cell of part.strip.querySelectorAll(".bs-cell")) {
    const here = cell.dataset.cell === `${drawn.search}:${drawn.think}`;
    cell.classList.toggle("bs-here", here);
    cell.setAttribute("aria-pressed", String(here));
  }
  conclude(part.answer, drawn.summary);
  mountTrace(part.steps, { steps: drawn.steps ?? [], running: false, marks: drawn.summary.marks });
}
