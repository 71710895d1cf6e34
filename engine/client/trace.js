// The steps of a run as a list. Whatever a model, a passage or a question says is set as text, never as markup.

import { make } from "./group.js";

const mounted = new WeakMap();

/** data: {steps, running, summary, marks}; each step has kind, title, text, facts, passages, under_way. */
export function mount(element, data) {
  const old = mounted.get(element);
  const { root, list } = old ?? build(element);
  const follows = data.running && (!old || inView(root));
  conclude(root, data.summary);
  list.setAttribute("aria-busy", String(Boolean(data.running)));
  const marks = data.summary?.marks ?? data.marks ?? [];
  data.steps.forEach((step, i) => line(list, i, step, marks));
  while (list.children.length > data.steps.length) list.lastElementChild.remove();
  if (follows) (list.lastElementChild ?? root).scrollIntoView({ block: "nearest" });
  return () => {};
}

/** Whether the end of the steps is on the screen: then the page goes along with them, otherwise it is left alone. */
function inView(root) {
  const { bottom } = root.getBoundingClientRect();
  return bottom > 0 && bottom <= window.innerHeight + 8;
}

function build(element) {
  const root = make("div", "bs");
  const list = make("ol", "bs-trace", null, { "aria-label": "Steps of the run" });
  root.append(list);
  element.replaceChildren(root);
  mounted.set(element, { root, list });
  return { root, list };
}

/** The answer and its verdict above the steps. */
export function conclude(root, summary) {
  root.querySelector(".bs-summary")?.remove();
  if (!summary) return;
  const card = make("section", "bs-summary", null, { "aria-label": "Answer" });
  card.append(make("p", "bs-answer-text", summary.answer || "No answer"));
  if (summary.verdict) {
    const line = make("p", `bs-verdict ${summary.right ? "bs-right" : "bs-wrong"}`);
    line.append(make("strong", "", `${summary.right ? "✓" : "✗"} ${summary.verdict}`));
    if (!summary.right) line.append(make("span", "bs-quiet", ` · gold: ${summary.gold}`));
    card.append(line);
  }
  card.append(make("p", "bs-quiet", summary.ending));
  root.prepend(card);
}

/** Steps are only redrawn when they change, so that an open passage stays open while the run goes on. */
function line(list, i, step, marks) {
  const drawn = JSON.stringify([step, step.passages.length ? marks : []]);
  const old = list.children[i];
  if (old?.drawn === drawn) return;
  if (old && old.kind === step.kind && step.under_way && old.words) {
    old.words.textContent = step.text;
    old.drawn = drawn;
    return;
  }
  const item = make("li", `bs-step bs-${step.kind}${step.under_way ? " bs-under-way" : ""}`);
  Object.assign(item, { drawn, kind: step.kind });
  item.append(head(step));
  if (step.text || step.under_way) {
    item.words = make("p", "bs-words", step.text);
    item.append(item.words);
  }
  if (step.passages.length) item.append(passages(step.passages, marks));
  if (old) old.replaceWith(item);
  else list.append(item);
}

function head(step) {
  const row = make("div", "bs-step-head");
  row.append(make("span", "bs-step-title", step.title));
  for (const fact of step.facts) row.append(make("span", "bs-fact", fact));
  return row;
}

/** Passages as a list, each opened by a click; the words of the answer are marked in them. */
export function passages(list, marks = []) {
  const box = make("ol", "bs-passages");
  for (const passage of list) {
    const item = make("li");
    const details = make("details");
    const summary = make("summary");
    summary.append(make("span", "bs-rank", `${passage.rank}`), make("span", "bs-passage-title", passage.title));
    if (passage.gold) summary.append(make("span", "bs-gold", "holds evidence"));
    summary.append(make("span", passage.new ? "bs-new" : "bs-fact", passage.new ? "new" : "seen before"));
    summary.append(make("span", "bs-fact", `score ${passage.score}`), marked(make("span", "bs-peek"), passage.text, marks));
    details.append(summary, marked(make("p"), passage.text, marks));
    item.append(details);
    box.append(item);
  }
  return box;
}

/** Put a text into a node with every one of the phrases, as whole words, in a mark of its own. */
function marked(node, text, phrases) {
  const wanted = [...phrases].sort((a, b) => b.length - a.length).map((p) => p.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"));
  const whole = new RegExp(`(?<![\\p{L}\\p{N}])(${wanted.join("|")})(?![\\p{L}\\p{N}])`, "giu");
  const parts = wanted.length ? text.split(whole) : [text];
  parts.forEach((part, i) => part && node.append(i % 2 ? make("mark", "", part) : part));
  return node;
}
