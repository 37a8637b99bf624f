// A matrix of the model to scale, filled with the colours of its first rows and columns.

import { element } from "../../dom.js";
import { strings, say } from "../strings.js";
import { diverging, inTheme } from "./colours.js";

const SCALE = 1 / 9; // pixels a number: 576 are 64 wide

/** @param matrix { shape: [out, in], corner } as in recorded.py */
export function matrixPicture(name, { shape: [out, inputs], corner }) {
  const canvas = element("canvas", "matrix");
  const bytes = Uint8Array.from(atob(corner), each => each.charCodeAt(0));
  const side = Math.sqrt(bytes.length);
  canvas.width = canvas.height = side;
  canvas.style.width = `${inputs * SCALE}px`;
  canvas.style.height = `${out * SCALE}px`;
  inTheme(canvas, () => {
    const context = canvas.getContext("2d"), image = context.createImageData(side, side);
    bytes.forEach((byte, i) => image.data.set([...diverging((byte - 128) / 127), 255], 4 * i));
    context.putImageData(image, 0, 0);
  });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", say(strings.pictures.matrix, { name, out, inputs }));
  const [letter, index] = name.split("_");
  const words = element("figcaption", "", letter, element("sub", "", index), element("small", "", `${out} × ${inputs}`));
  return element("figure", "matrix-of", canvas, words);
}
