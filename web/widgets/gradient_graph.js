// The graph of notebook 5: two layers number by number, forward to the loss and the gradients back.
// It needs no kernel and no model: all its numbers are given.

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { button } from "./pictures/controls.js";
import { svg } from "./pictures/svg.js";

const WIDTH = 400, HEIGHT = 510, BOX = { width: 68, height: 56 };
const ALONG = 0.36; // where on an arrow its slope is written: clear of the crossing

export const title = strings.graph.title;

/** given { numbers: [{ name, x, y, value, gradient, weight, forward, back }], arrows: [{ start, end,
 * slope, step }], steps: [sentence] }: `forward` and `back` are the steps in which a number and its
 * gradient are known, `step` the one that goes back over an arrow. */
export function draw(box, { given }) {
  const texts = strings.graph, last = given.steps.length - 1;
  const picture = element("div", "graph"), words = element("p", "found");
  words.setAttribute("role", "status");
  let at = 0;
  const turn = to => () => {
    at = to(at);
    show();
  };
  const next = button(texts.next, turn(now => now + 1)), back = button(texts.back, turn(now => now - 1));
  const again = button(texts.again, turn(() => 0));
  const show = () => {
    words.textContent = say(texts.step, { at, last, words: given.steps[at] });
    picture.replaceChildren(drawn(given, at));
    next.disabled = at === last;
    back.disabled = again.disabled = at === 0;
  };
  box.append(element("div", "row", next, back, again), words, picture, element("p", "note", texts.key));
  show();
}

/** The graph in step `at`. */
function drawn({ numbers, arrows, steps }, at) {
  const places = Object.fromEntries(numbers.map(each => [each.name, each]));
  const known = numbers.filter(each => at >= each.forward).map(each => `${each.name} ${text(each.value)}`);
  const made = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${steps[at]} ${known.join(", ")}` });
  const lines = arrows.map(each => arrow(places[each.start], places[each.end], each, at));
  made.append(...lines.map(each => each[0]), ...numbers.map(each => number(each, at)), ...lines.flatMap(each => each.slice(1)));
  return made;
}

/** [the line, and, once the walk has gone back over it, its slope]. */
function arrow(start, end, { slope, step }, at) {
  const weight = start.weight, side = Math.sign(end.x - start.x);
  const from = weight ? [start.x + side * BOX.width / 2, start.y] : [start.x, start.y + BOX.height / 2];
  const to = weight ? [end.x - side * BOX.width / 2, end.y] : [end.x, end.y - BOX.height / 2];
  const hot = at === step, place = from.map((x, i) => x + (to[i] - x) * (weight ? 0.5 : ALONG));
  const line = svg("path", { d: `M${from} L${to}`, class: hot ? "hot" : "" });
  if (at < step) return [line];
  const label = svg("text", { x: place[0], y: place[1] + 4, class: "slope" }, `×${text(slope)}`);
  return [line, label];
}

/** A box: the name, the value and the gradient. */
function number({ name, x, y, value, gradient, weight, forward, back }, at) {
  const hot = at === back || (at === forward && at > 0), known = at >= forward;
  const { width, height } = BOX;
  return svg("g", { class: `number ${weight ? "weight" : ""} ${hot ? "hot" : ""}` },
    svg("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: 6 }),
    svg("text", { x, y: y - 12, class: "name" }, name),
    ...(known ? [svg("text", { x, y: y + 5 }, text(value))] : []),
    ...(at >= back ? [svg("text", { x, y: y + 22, class: "gradient" }, signed(gradient))] : []));
}

/** A number in at most three digits after the point: "0.412", "−2", "0". */
function text(value) {
  return String(value).replace("-", "−");
}

function signed(value) {
  return value > 0 ? `+${text(value)}` : text(value);
}
