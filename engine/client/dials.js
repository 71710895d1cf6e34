// Two dials with a read-out per strategy. Every stop was worked out beforehand; dragging asks nobody.

import { follow, group, leave, make, move, nearest } from "./group.js";

const mounted = new WeakMap();

/**
 * data: {dials, at: {search, think}, group, focus, note, forecast, hidden}; `hidden` names what is not shown: "search",
 * "think", "readings". Emits "at" when a dial is let go, and, unless `echo` is false, when another part settles on a place.
 */
export function mount(element, data, emit) {
  const shared = group(data.group);
  const part = mounted.get(element) ?? build(element);
  mounted.set(element, part);
  Object.assign(part, { data, emit, shared });
  const hidden = data.hidden ?? [];
  for (const axis of ["search", "think"]) {
    dress(part, axis);
    part[axis].box.hidden = hidden.includes(axis);
  }
  part.readings = !hidden.includes("readings");
  follow(shared, element, data.at, (chosen) => {
    show(part);
    if (chosen) tell(part);
    if (chosen && data.echo !== false && !part.search.box.hidden) letGo(part);
  });
  show(part);
  return () => leave(shared, element);
}

function build(element) {
  const root = make("div", "bs bs-dials", null, { role: "group", "aria-label": "Budgets" });
  const part = { element, root };
  for (const axis of ["search", "think"]) part[axis] = dial(part, axis, root);
  part.forecast = make("p", "bs-forecast", "", { "aria-live": "polite" });
  part.table = make("table", "bs-readings");
  part.caption = make("caption", "", "");
  part.body = make("tbody");
  const heads = ["Strategy", "Quality", "Questions", "A mean run takes"];
  const row = make("tr");
  for (const head of heads) row.append(make("th", "", head, { scope: "col" }));
  part.table.append(part.caption, make("thead"), part.body);
  part.table.tHead.append(row);
  part.live = make("p", "bs-quiet", null, { "aria-live": "polite" });
  part.told = make("p", "bs-unseen", "", { role: "status" });
  root.append(part.forecast, part.table, part.live, part.told);
  element.replaceChildren(root);
  return part;
}

function dial(part, axis, root) {
  const box = make("div", `bs-dial bs-dial-${axis}`);
  const label = make("label");
  const called = axis === "search" ? "Search budget" : "Reasoning budget";
  const name = make("span", "bs-dial-name", called);
  const value = make("output", "bs-dial-value");
  const input = make("input", "", null, { type: "range", min: 0, step: 1, "data-axis": axis, "aria-label": called });
  const ticks = make("div", "bs-ticks", null, { "aria-hidden": "true" });
  label.append(name, value, input);
  box.append(label, ticks);
  root.append(box);
  input.addEventListener("input", () => {
    const at = { ...part.shared.at, [axis]: part.data.dials[axis].levels[Number(input.value)] };
    move(part.shared, at, part.element);
    show(part);
  });
  input.addEventListener("change", () => {
    tell(part);
    letGo(part);
  });
  return { box, input, value, ticks, levels: "" };
}

/** Once they stand still, tell a screen reader what the table reads there. */
function tell(part) {
  const read = part.data.dials.readings.map((reading) => {
    const stop = reading.stops[part.stop.think]?.[part.stop.search];
    return `${reading.look.label}: ${stop ? `${stop.quality} ${stop.interval ?? ""}` : "not measured"}`;
  });
  part.told.textContent = part.table.hidden ? "" : [part.caption.textContent, ...read].join(". ");
}

/** With the moment, so that letting go twice at one place is told twice. */
function letGo(part) {
  part.emit("at", { ...part.shared.at, when: Date.now() });
}

/** Put the levels under a dial; they change only with the sweep. */
function dress(part, axis) {
  const { levels } = part.data.dials[axis];
  const one = part[axis];
  if (one.levels === String(levels)) return;
  one.levels = String(levels);
  one.input.max = Math.max(0, levels.length - 1);
  one.input.disabled = levels.length < 2;
  one.ticks.replaceChildren(
    ...levels.map((level, i) => {
      const tick = make("span", "", String(level));
      tick.style.left = `${levels.length < 2 ? 0 : (100 * i) / (levels.length - 1)}%`;
      return tick;
    }),
  );
}

function words(axis, level) {
  if (axis === "search") return level === 1 ? "1 query" : `${level} queries`;
  return `${level} thinking tokens`;
}

function show(part) {
  const { dials } = part.data;
  const stop = {};
  for (const axis of ["search", "think"]) {
    const { levels } = dials[axis];
    stop[axis] = nearest(levels, part.shared.at?.[axis] ?? levels[0]);
    const said = words(axis, levels[stop[axis]]);
    const { input, value } = part[axis];
    if (Number(input.value) !== stop[axis]) input.value = stop[axis];
    input.setAttribute("aria-valuetext", said);
    value.textContent = said;
  }
  const where = `${words("search", dials.search.levels[stop.search])}, ${words("think", dials.think.levels[stop.think])}`;
  part.stop = stop;
  forecast(part, stop);
  part.caption.textContent = `${dials.quality} measured at ${where}`;
  part.body.replaceChildren(
    ...dials.readings.flatMap((reading) => rows(reading, reading.stops[stop.think]?.[stop.search], part.data.focus, dials.top)),
  );
  part.table.hidden = !part.readings || dials.readings.length === 0;
  part.live.textContent = part.data.note ?? "";
}

/** What the next run may expect: the measured cell where the dials stand, and from which questions. */
function forecast(part, stop) {
  const { dials, forecast: told } = part.data;
  part.forecast.hidden = !told;
  if (!told) return;
  const { levels } = dials.search;
  const reached = levels.findLastIndex((level) => level <= Math.min(levels[stop.search], told.reach));
  const reading = dials.readings.find((one) => String(one.key) === String(told.key));
  const cell = reading?.stops[stop.think]?.[reached];
  part.forecast.replaceChildren();
  if (told.refusal || !cell) {
    part.forecast.append(make("span", "bs-quiet", told.refusal || "No forecast: nothing was measured at this pair of budgets."));
    return;
  }
  part.forecast.append(
    make("span", "bs-quiet", "Forecast "),
    make("strong", "", `${dials.quality} ${cell.quality}`),
    make("span", "", cell.interval && ` (${cell.interval})`),
    make("span", "bs-quiet", ` · ${cell.spent} · from ${cell.n} questions of ${told.source}`),
  );
}

/** A reading, and below it what was used and what the next step adds, where that is known. */
function rows(reading, stop, focus, top) {
  const first = row(reading, stop, focus, top);
  const more = [stop?.used, ...(stop?.gain ?? [])].filter(Boolean);
  if (!stop?.gain?.length) return [first];
  first.className += " bs-goes-on";
  const line = make("tr", "bs-more-of-it");
  const cell = make("td", "bs-quiet", null, { colspan: 4 });
  for (const text of more) cell.append(make("span", "", text));
  line.append(cell);
  return [first, line];
}

function row(reading, stop, focus, top) {
  const line = make("tr", focus && String(focus) === String(reading.key) ? "bs-focus" : "");
  const name = make("th", "", null, { scope: "row" });
  const glyph = make("span", "bs-glyph", reading.look.glyph, { "aria-hidden": "true" });
  glyph.style.color = reading.look.colour;
  name.append(glyph, make("span", "", reading.look.label));
  line.append(name);
  if (!stop) {
    line.append(make("td", "bs-quiet", "not measured here", { colspan: 3 }));
    return line;
  }
  line.append(quality(reading, stop, top), make("td", "bs-number", stop.n), make("td", "", stop.spent, { title: stop.used }));
  return line;
}

function quality(reading, stop, top) {
  const cell = make("td", "bs-quality");
  const bar = make("span", "bs-bar", null, { "aria-hidden": "true" });
  bar.style.setProperty("--length", `${Math.max(0, Math.min(100, (100 * stop.z) / top))}%`);
  bar.style.setProperty("--colour", reading.look.colour);
  cell.append(make("strong", "", stop.quality), make("span", "bs-quiet", stop.interval && ` ${stop.interval}`), bar);
  return cell;
}
