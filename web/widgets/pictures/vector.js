// A vector as a coloured bar: one stripe a number, blue below 0, orange above.

import { element } from "../../dom.js";
import { diverging, inTheme } from "./colours.js";

/** @param values numbers; @param most the number that gets the full colour
 * @param label what a screen reader says of it */
export function vectorBar(values, most, label) {
  const canvas = element("canvas", "vector");
  canvas.width = values.length;
  canvas.height = 1;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", label);
  inTheme(canvas, () => {
    const context = canvas.getContext("2d"), image = context.createImageData(values.length, 1);
    values.forEach((value, i) => image.data.set([...diverging(value / most), 255], 4 * i));
    context.putImageData(image, 0, 0);
  });
  canvas.addEventListener("pointermove", event => {
    const i = Math.min(values.length - 1, Math.floor(event.offsetX / canvas.clientWidth * values.length));
    if (i >= 0) canvas.title = `${i}: ${values[i].toFixed(2)}`;
  });
  return canvas;
}
