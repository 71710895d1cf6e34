// Where the dials stand, shared by everything on a page that shows the same pair of budgets.
// A part that moves them tells the others at once; no server is involved.

const groups = new Map();

export function group(name) {
  if (!groups.has(name)) groups.set(name, { at: null, listeners: new Map() });
  return groups.get(name);
}

/**
 * Join a group. What the page says counts for the first part that joins; from then on the browser knows best, and a
 * page that answers late cannot throw back a dial that is being dragged.
 */
export function follow(shared, element, at, listener) {
  if (!shared.listeners.size) shared.at = at;
  shared.listeners.set(element, listener);
}

/** Tell all other parts; `chosen` says that a person settled on it, and not merely passes by. */
export function move(shared, at, source, chosen = false) {
  const same = shared.at && shared.at.search === at.search && shared.at.think === at.think;
  shared.at = { search: at.search, think: at.think };
  if (same && !chosen) return;
  for (const [element, listener] of shared.listeners) if (element !== source) listener(chosen);
}

export function leave(shared, element) {
  shared.listeners.delete(element);
}

/** The stop nearest to a level: nearest([0, 2, 8], 3) -> 1 */
export function nearest(levels, level) {
  let best = 0;
  levels.forEach((l, i) => {
    if (Math.abs(l - level) < Math.abs(levels[best] - level)) best = i;
  });
  return best;
}

/** An element with a class and a text that is always text. */
export function make(tag, className = "", text = null, attributes = {}) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text !== null) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
