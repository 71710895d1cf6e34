// What was found about runs side by side, above their steps: where they part, their ends, one axis, passages in common.

import { make } from "./group.js";

const KINDS = { thought: "thinking", search: "search", reading: "reading", answer: "answer", stopped: "end" };

/** data: what figures/lanes.py hands out. */
export function above(data) {
  const parts = [cards(data), strip(data), tables(data)];
  return data.parting ? [parting(data), ...parts] : parts;
}

function parting(data) {
  const note = make("section", "bs-summary bs-parting", null, { "aria-label": "Where they part", "aria-live": "polite" });
  note.append(make("p", "", data.parting));
  return note;
}

// -------------------------------------------------------------------------------------------------- runs

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

export function letter(lane) {
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
