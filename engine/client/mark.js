// Where the dials stand, drawn over the canvas and projected with the scene's camera, so that a drag touches no WebGL.
//
// That camera is private to Plotly (pinned in pyproject.toml); without it the mark is hidden and all else works.

import { nearest } from "./group.js";

const SETTLED_MS = 700;

/** Keep the mark in place while the camera moves and for a moment after. */
export function chase(part) {
  const running = part.until > performance.now();
  part.until = performance.now() + SETTLED_MS;
  if (running) return;
  const frame = () => {
    place(part);
    if (!part.gone && performance.now() < part.until) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

/** Put a guide and a dot per sheet where the dials stand. */
export function place(part) {
  const { dials } = part.data;
  const at = part.shared.at;
  const scene = part.drawn && part.plot._fullLayout?.scene?._scene;
  const project = at && scene && projector(part, scene);
  if (!project) return part.overlay.replaceChildren();
  const s = nearest(dials.search.levels, at.search);
  const t = nearest(dials.think.levels, at.think);
  const found = dials.readings.map((reading) => ({ ...reading, stop: reading.stops[t]?.[s] })).filter(({ stop }) => stop);
  const feet = dials.used ? found.map(({ stop }) => [stop.x, stop.y]) : [[dials.search.positions[s], dials.think.positions[t]]];
  const nodes = feet.flatMap(([x, y]) => guide(project, x, y, dials));
  for (const { key, look, stop } of found) {
    const [cx, cy] = project(stop.x, stop.y, stop.z);
    nodes.push(svg("circle", { cx, cy, r: 7, class: "bs-dot", fill: look.colour, "data-key": key }));
  }
  part.overlay.replaceChildren(...nodes);
}

function guide(project, x, y, { bottom, top }) {
  const [low, foot, head] = [bottom, 0, top].map((z) => project(x, y, z));
  return [
    svg("line", { x1: low[0], y1: low[1], x2: head[0], y2: head[1], class: "bs-guide" }),
    svg("circle", { cx: foot[0], cy: foot[1], r: 3, class: "bs-foot" }),
  ];
}

/** From axis coordinates to pixels of the stage, or null where Plotly's insides look different. */
function projector(part, scene) {
  const camera = scene.glplot?.cameraParams;
  const scale = scene.dataScale;
  const canvas = scene.container?.getBoundingClientRect();
  if (!camera?.model || !camera.view || !camera.projection || !scale || !canvas?.width) return null;
  const stage = part.stage.getBoundingClientRect();
  const times = (m, v) => [0, 1, 2, 3].map((r) => m[r] * v[0] + m[4 + r] * v[1] + m[8 + r] * v[2] + m[12 + r] * v[3]);
  return (x, y, z) => {
    const point = [x * scale[0], y * scale[1], z * scale[2], 1];
    const clip = times(camera.projection, times(camera.view, times(camera.model, point)));
    return [
      canvas.left - stage.left + ((clip[0] / clip[3] + 1) / 2) * canvas.width,
      canvas.top - stage.top + ((1 - clip[1] / clip[3]) / 2) * canvas.height,
    ];
  };
}

function svg(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}
