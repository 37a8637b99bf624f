// Where tokens look: all heads as small squares, and one row of one head as arcs over the text.

import { element } from "../../dom.js";
import { say, strings } from "../strings.js";
import { colour, inTheme, mix } from "./colours.js";
import { oneTabStop } from "./controls.js";
import { chip, percent, shown } from "./words.js";

const CELL = 24; // pixels of a head's square before it is scaled
const GAP = 2;
const SVG = "http://www.w3.org/2000/svg";

/** Squares of all heads, layers from left to right, heads from top to bottom. In a square a row is a
 * token that looks, a column where; the stronger the colour, the more. The keyboard has the two
 * sliders beside it, so the picture itself is for pointers only.
 * @param weights (layer, head, i, j) -> how much token i takes from token j
 * @param off heads that are switched off: crossed out; @param pick called with (layer, head) */
export function headGrid({ n_layer, n_head, seq, weights, chosen, pick, off = [] }) {
  const canvas = element("canvas", "heads"), side = CELL + GAP;
  canvas.width = n_layer * side;
  canvas.height = n_head * side;
  canvas.setAttribute("aria-hidden", "true");
  const at = event => {
    const box = canvas.getBoundingClientRect();
    const layer = Math.floor((event.clientX - box.left) / box.width * n_layer);
    const head = Math.floor((event.clientY - box.top) / box.height * n_head);
    return [Math.min(n_layer - 1, Math.max(0, layer)), Math.min(n_head - 1, Math.max(0, head))];
  };
  canvas.onclick = event => pick(...at(event));
  canvas.onpointermove = event => {
    const [layer, head] = at(event);
    canvas.title = say(strings.pictures.head, { layer, head });
  };
  inTheme(canvas, () => {
    const context = canvas.getContext("2d"), size = CELL / seq;
    const ground = colour("--ground"), blue = colour("--blue"), shades = [];
    for (let i = 0; i <= 64; i++) shades.push(`rgb(${mix(ground, blue, Math.sqrt(i / 64))})`);
    context.clearRect(0, 0, canvas.width, canvas.height);
    for (let layer = 0; layer < n_layer; layer++) {
      for (let head = 0; head < n_head; head++) {
        const x = layer * side + GAP / 2, y = head * side + GAP / 2;
        context.fillStyle = shades[0];
        context.fillRect(x, y, CELL, CELL);
        for (let i = 0; i < seq; i++) {
          for (let j = 0; j <= i; j++) {
            const shade = Math.round(64 * weights(layer, head, i, j));
            if (!shade) continue;
            context.fillStyle = shades[shade];
            context.fillRect(x + j * size, y + i * size, Math.ceil(size), Math.ceil(size));
          }
        }
      }
    }
    context.strokeStyle = `rgb(${colour("--chosen-line")})`;
    for (const [layer, head] of off) {
      const x = layer * side + GAP / 2, y = head * side + GAP / 2;
      context.clearRect(x, y, CELL, CELL);
      context.lineWidth = 2;
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x + CELL, y + CELL);
      context.moveTo(x + CELL, y);
      context.lineTo(x, y + CELL);
      context.stroke();
    }
    const [layer, head] = chosen;
    context.lineWidth = 3;
    context.strokeRect(layer * side + 1, head * side + 1, side - 2, side - 2);
  });
  return canvas;
}

/** "Layer 17, head 5: ·on takes most from ·his (85 %)." */
export function found(tokens, row, layer, head, at) {
  const most = row.indexOf(Math.max(...row));
  return say(strings.pictures.looks, { layer, head, token: shown(tokens[at]), most: shown(tokens[most]), share: percent(row[most]) });
}

/** The text as buttons, with arcs from the chosen token to those it looks at, and shares in percent.
 * @param row how much token `at` takes from tokens 0 … at; @param pick called with another token */
export function lookingBack(tokens, row, at, pick) {
  const box = element("div", "looking"), arcs = document.createElementNS(SVG, "svg");
  arcs.setAttribute("aria-hidden", "true");
  const buttons = tokens.map((token, i) => {
    const share = i <= at ? percent(row[i]) : strings.pictures.hidden;
    const button = element("button", i === at ? "looks" : i > at ? "later" : "", chip(token, i), element("small", "", share));
    button.type = "button";
    button.setAttribute("aria-pressed", i === at);
    button.onclick = () => pick(i);
    button.style.setProperty("--share", i <= at ? row[i] : 0);
    return button;
  });
  oneTabStop(buttons, at);
  const line = element("div", "looking-row", ...buttons);
  box.append(arcs, line);
  const draw = () => {
    const frame = box.getBoundingClientRect();
    if (!frame.width) return;
    arcs.setAttribute("width", frame.width);
    arcs.setAttribute("height", frame.height);
    const top = i => {
      const each = buttons[i].getBoundingClientRect();
      return [each.left - frame.left + each.width / 2, each.top - frame.top];
    };
    const [x, y] = top(at);
    arcs.replaceChildren(...row.slice(0, at).flatMap((share, j) => {
      if (share < 0.01) return [];
      const [to, down] = top(j), high = Math.min(64, 18 + Math.abs(x - to) / 5);
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", `M${x} ${y} C${x} ${y - high} ${to} ${down - high} ${to} ${down}`);
      path.setAttribute("stroke-width", 1 + 9 * share);
      const over = Math.abs(down - y) > 1; // the arc crosses lines of text
      path.setAttribute("opacity", over ? 0.2 + 0.3 * share : 0.3 + 0.7 * share);
      return [path];
    }));
  };
  new ResizeObserver(draw).observe(box);
  return box;
}
