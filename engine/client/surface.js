// The 3D surface: keeps its camera while data change, reports clicks, and carries a mark where the dials stand.
//
// Where the dials stand is marked by mark.js, camera.js turns the scene, dressing.js has its looks, saving.js
// makes a file of what is seen.

import { cameraOf, passing, steady, tell, views } from "./camera.js";
import { sized, themed } from "./dressing.js";
import { follow, group, leave, make, move } from "./group.js";
import { chase, place } from "./mark.js";
import { saving } from "./saving.js";

const mounted = new WeakMap();
const CLICK_PX = 5;
const PLOTLY = { displayModeBar: false, displaylogo: false, responsive: false, scrollZoom: false };
let loading = null;

/** Plotly once per page, from the address the page gives, or as the page already has it. */
export function plotly(address) {
  loading ??= new Promise((resolve, reject) => {
    if (window.Plotly) return resolve(window.Plotly);
    const script = make("script", "", null, { src: address });
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("the drawing library could not be loaded"));
    document.head.append(script);
  });
  return loading;
}

/**
 * data: {figure, dials, at, group, plotly, alt, reason, keeps, key, name}; `key` says what the signs mean, as pairs of sign and
 * words, `name` is what a saved file is called. Emits "cell" with {key, search, think} and, where the
 * page keeps it, "camera" with eye and centre as six numbers once it was turned.
 */
export function mount(element, data, emit) {
  const shared = group(data.group);
  const part = mounted.get(element) ?? build(element);
  mounted.set(element, part);
  Object.assign(part, { data, emit, shared, gone: false });
  part.plot.setAttribute("aria-label", data.alt);
  follow(shared, element, data.at, () => place(part));
  if (!data.figure.data.length) say(part, data.reason);
  else draw(part).catch((error) => say(part, `The 3D view is not available: ${error.message}. The map shows the same cells.`));
  return () => {
    part.gone = true;
    leave(shared, element);
    part.watcher.disconnect();
    if (window.Plotly && part.drawn) window.Plotly.purge(part.plot);
    mounted.delete(element);
  };
}

function build(element) {
  const root = make("div", "bs bs-surface");
  const stage = make("div", "bs-stage");
  const plot = make("div", "bs-plot", null, { role: "img" });
  const overlay = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  overlay.setAttribute("class", "bs-mark");
  overlay.setAttribute("aria-hidden", "true");
  const note = make("p", "bs-note", "", { role: "status" });
  const key = make("ul", "bs-signs", null, { "aria-label": "What the signs mean" });
  const part = { element, plot, overlay, note, stage, key, drawn: false, press: null, hovered: null, pointer: null };
  stage.append(plot, overlay);
  part.below = make("div", "bs-below");
  part.below.append(views(part), saving(part));
  root.append(stage, key, part.below, note);
  element.replaceChildren(root);
  part.watcher = new ResizeObserver(() => resized(part));
  part.watcher.observe(stage);
  watchPointer(part);
  steady(part);
  passing(part);
  return part;
}

/** How finely to draw: twice the pixels with a graphics card, once where the processor draws, 0 without WebGL. */
function fineness() {
  try {
    const gl = document.createElement("canvas").getContext("webgl");
    const told = gl.getExtension("WEBGL_debug_renderer_info");
    const name = String(gl.getParameter(told ? told.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
    return /swiftshader|llvmpipe|software/i.test(name) ? 1 : 2;
  } catch {
    return 0;
  }
}

function say(part, text) {
  part.note.textContent = text;
  for (const box of [part.stage, part.key, part.below]) box.hidden = true;
}

function signs(part) {
  const lines = (part.data.key ?? []).map(([sign, words]) => {
    const line = make("li");
    line.append(make("span", "bs-sign", sign, { "aria-hidden": "true" }), make("span", "", words));
    return line;
  });
  part.key.replaceChildren(...lines);
}

async function draw(part) {
  part.fineness ??= fineness();
  if (!part.fineness) throw new Error("this browser has no WebGL");
  const library = await plotly(part.data.plotly);
  if (part.gone) return;
  for (const box of [part.stage, part.key, part.below]) box.hidden = false;
  part.note.textContent = "";
  signs(part);
  const { layout } = part.data.figure;
  const data = sized(part.data.figure.data, part.stage);
  const kept = part.drawn ? cameraOf(part.plot) : null;
  const dressed = themed(layout, part, kept);
  const drawing = JSON.stringify([data, { ...dressed, scene: { ...dressed.scene, camera: null } }]);
  if (part.drawing !== drawing) {
    part.drawing = drawing; // a page is drawn again for many reasons; WebGL only for a new picture
    part.size = sizeOf(part);
    await library.react(part.plot, data, dressed, { ...PLOTLY, plotGlPixelRatio: part.fineness });
  }
  if (part.gone) return;
  if (!part.drawn) listen(part);
  part.drawn = true;
  place(part);
}

function sizeOf(part) {
  return `${part.stage.clientWidth}x${part.stage.clientHeight}`;
}

function resized(part) {
  if (!part.drawn || part.size === sizeOf(part) || !part.stage.clientWidth) return;
  part.size = sizeOf(part);
  window.Plotly.Plots.resize(part.plot).then(() => place(part));
}

// --------------------------------------------------------------------------------------------- clicks

/**
 * Plotly tells of a click when the button goes down, and only if it is still down when the next frame is drawn. Here a
 * click is a press and release in one place over the point that Plotly last found there.
 */
function watchPointer(part) {
  const at = (event) => ({ x: event.clientX, y: event.clientY });
  const near = (a, b) => Boolean(a && b) && Math.hypot(a.x - b.x, a.y - b.y) <= CLICK_PX;
  part.plot.addEventListener("pointermove", (event) => {
    part.pointer = at(event);
    if (event.buttons) chase(part);
  }, true);
  part.plot.addEventListener("pointerdown", (event) => {
    part.press = { from: at(event), point: null };
    part.pointer = at(event);
    chase(part);
  }, true);
  part.plot.addEventListener("pointerup", (event) => {
    const press = part.press;
    if (!press) return;
    press.still = near(press.from, at(event));
    if (!press.still) tell(part);
    const hovered = near(part.hovered?.where, press.from) ? part.hovered.point : null;
    settle(part, press.point ?? hovered);
  }, true);
}

function listen(part) {
  const found = (event) => event.points?.find((point) => point.data?.meta);
  part.plot.on("plotly_hover", (event) => {
    const point = found(event);
    part.hovered = point ? { point, where: part.pointer } : null;
  });
  part.plot.on("plotly_unhover", () => (part.hovered = null));
  part.plot.on("plotly_click", (event) => {
    if (!part.press) return;
    part.press.point = found(event);
    if ("still" in part.press) settle(part, part.press.point);
  });
  for (const name of ["plotly_relayouting", "plotly_relayout", "plotly_afterplot"])
    part.plot.on(name, () => chase(part));
}

/** Choose the cell under a finished press; without a point the click that is still to come may bring one. */
function settle(part, point) {
  if (!point && part.press.still) return;
  const { still } = part.press;
  part.press = null;
  if (!still) return;
  const at = closest(part.data.dials, point);
  if (!at) return;
  move(part.shared, at, part.element, true);
  place(part);
  part.emit("cell", { key: point.data.meta, ...at });
}

/** The budgets of the measured cell of this sheet that stands nearest to a point. */
function closest({ search, think, readings }, point) {
  const reading = readings.find((one) => String(one.key) === String(point.data.meta));
  let best = null;
  let nearest = Infinity;
  reading?.stops.forEach((line, t) =>
    line.forEach((stop, s) => {
      const far = stop ? Math.hypot(stop.x - point.x, stop.y - point.y) : Infinity;
      if (far < nearest) [best, nearest] = [{ search: search.levels[s], think: think.levels[t] }, far];
    }),
  );
  return best;
}
