// The camera of a surface: the usual views, where it was left, and a turn that follows the hand.
//
// Plotly's camera is private to it (pinned in pyproject.toml); where it looks different, a turn is as Plotly makes it.

import { make } from "./group.js";
import { chase } from "./mark.js";

const REST_MS = 700;
const MOMENT_MS = 1e-3;
const VIEWS = {
  Corner: { eye: { x: -1.2, y: -1.3, z: 0.7 }, center: { x: 0, y: 0, z: -0.16 } },
  "Along search": { eye: { x: 0, y: -1.85, z: 0.25 }, center: { x: 0, y: 0, z: -0.1 } },
  "Along thinking": { eye: { x: -1.85, y: 0, z: 0.25 }, center: { x: 0, y: 0, z: -0.1 } },
  "From above": { eye: { x: 0, y: -0.05, z: 1.8 }, center: { x: 0, y: 0, z: 0 } },
};

/** The buttons for the usual views. */
export function views(part) {
  const box = make("div", "bs-views", null, { role: "group", "aria-label": "Camera" });
  for (const name of Object.keys(VIEWS)) {
    const button = make("button", "", name, { type: "button" });
    button.addEventListener("click", () => look(part, VIEWS[name]));
    box.append(button);
  }
  return box;
}

/** Where the camera really is: Plotly's own note of it goes stale after a redraw. */
export function cameraOf(plot) {
  return structuredClone(plot._fullLayout?.scene?._scene?.getCamera?.() ?? plot.layout?.scene?.camera ?? null);
}

/** Say where the camera was left, once it has come to rest. */
export function tell(part) {
  if (!part.data.keeps) return;
  clearTimeout(part.telling);
  part.telling = setTimeout(() => {
    const camera = !part.gone && cameraOf(part.plot);
    if (!camera) return;
    const six = [camera.eye, camera.center].flatMap(({ x, y, z }) => [x, y, z]);
    if (String(part.told ?? "") !== String(six)) part.emit("camera", six);
    part.told = six;
  }, REST_MS);
}

function look(part, camera) {
  if (!part.drawn) return;
  window.Plotly.relayout(part.plot, { "scene.camera": { ...camera, up: { x: 0, y: 0, z: 1 } } });
  chase(part);
  tell(part);
}

/**
 * Plotly gives every move a speed and keeps it up until the next frame: where frames take long, a hand's breadth would
 * turn the scene around. So the speed is taken away as soon as Plotly has seen the move.
 */
export function steady(part) {
  const calm = () => {
    const view = part.plot._fullLayout?.scene?._scene?.camera?.view;
    if (view?.idle && view.lastT) view.idle(view.lastT() + MOMENT_MS);
  };
  for (const kind of ["mousemove", "touchmove"]) part.plot.addEventListener(kind, calm, { passive: true });
}

/** Plotly would keep the wheel to itself, although it zooms nothing here: over the surface, too, it scrolls the page. */
export function passing(part) {
  part.plot.addEventListener("wheel", (event) => event.stopPropagation(), { capture: true, passive: true });
}
