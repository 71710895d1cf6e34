// The surface as a file: what is seen, with its legend and the page's own ground.

import { make } from "./group.js";

const FORMATS = ["png", "svg"];
const SIZE = { width: 1400, height: 900 };

/** The buttons for it. */
export function saving(part) {
  const box = make("div", "bs-views", null, { role: "group", "aria-label": "Save the picture" });
  for (const format of FORMATS) {
    const button = make("button", "", `Save ${format.toUpperCase()}`, { type: "button" });
    button.addEventListener("click", () => save(part, format).catch((error) => (part.note.textContent = `No picture was saved: ${error.message}`)));
    box.append(button);
  }
  return box;
}

/** Draws the picture once more, larger and with a legend, and hands it to the browser as a download. */
async function save(part, format) {
  const { data, layout } = part.plot;
  const style = getComputedStyle(part.element.querySelector(".bs"));
  const camera = part.plot._fullLayout?.scene?._scene?.getCamera?.() ?? layout.scene.camera;
  const dressed = {
    ...layout,
    ...SIZE,
    autosize: false,
    showlegend: true,
    legend: { x: 0, y: 1 },
    paper_bgcolor: style.getPropertyValue("--bs-paper").trim() || "#ffffff",
    scene: { ...layout.scene, camera },
  };
  const address = await window.Plotly.toImage({ data, layout: dressed }, { format, ...SIZE, scale: format === "png" ? 2 : 1 });
  make("a", "", null, { href: address, download: `${part.data.name || "surface"}.${format}` }).click();
}
