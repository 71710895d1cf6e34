// How a surface looks: in the page's own colours, and with less on it where there is little room.

const NARROW_PX = 480;
const SMALL_SIGN = 0.6;
const SMALL_SCENE = 0.85;
const MOST_NUMBERS = 7;

/** Where there is little room, signs that do not hide each other, and numbers that are not cut off. */
export function sized(traces, stage) {
  if (stage.clientWidth >= NARROW_PX) return traces;
  return traces.map((trace) => {
    const { marker } = trace;
    return typeof marker?.size === "number" ? { ...trace, marker: { ...marker, size: SMALL_SIGN * marker.size } } : trace;
  });
}

function sparse(axis) {
  const { tickvals = [], ticktext = [] } = axis;
  const every = Math.ceil(tickvals.length / MOST_NUMBERS);
  if (every < 2) return axis;
  const kept = (_, i) => (tickvals.length - 1 - i) % every === 0;
  return { ...axis, tickvals: tickvals.filter(kept), ticktext: ticktext.filter(kept) };
}

function smaller({ x, y, z }) {
  return { x: SMALL_SCENE * x, y: SMALL_SCENE * y, z: SMALL_SCENE * z };
}

/** The page's own colours; the camera where the reader left it; short titles where there is little room. */
export function themed(layout, part, camera) {
  const { element, stage } = part;
  const narrow = stage.clientWidth < NARROW_PX;
  const [x, y, z] = layout.meta?.units ?? [];
  const short = { xaxis: x, yaxis: y, zaxis: z };
  const style = getComputedStyle(element.querySelector(".bs"));
  const ink = style.getPropertyValue("--bs-ink").trim() || "#222";
  const line = style.getPropertyValue("--bs-line").trim() || "#ccc";
  const font = { color: ink, family: style.fontFamily };
  const axis = (one, name) => ({
    ...(narrow ? sparse(one) : one),
    color: ink,
    gridcolor: line,
    zerolinecolor: line,
    linecolor: line,
    showbackground: false,
    showspikes: false,
    title: { text: (narrow && short[name]) || one.title.text, font: { ...font, size: 12 } },
    tickfont: { ...font, size: 11 },
  });
  const scene = narrow ? { ...layout.scene, aspectratio: smaller(layout.scene.aspectratio) } : layout.scene;
  const axes = Object.fromEntries(["xaxis", "yaxis", "zaxis"].map((name) => [name, axis(scene[name], name)]));
  return {
    ...layout,
    autosize: true,
    font,
    paper_bgcolor: "rgba(0,0,0,0)",
    hoverlabel: { font: { family: style.fontFamily } },
    scene: { ...scene, ...axes, bgcolor: "rgba(0,0,0,0)", camera: camera ?? scene.camera },
  };
}
