// The RoPE clock of notebook 2: a query and a key turn as they move along a text.

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { asking, newStatus } from "./frame.js";
import { checkbox, slider } from "./pictures/controls.js";

const SVG = "http://www.w3.org/2000/svg";
const LAST = 60; // place in the text

export const title = strings.clock.title;

/** Where q and k stand once one of them has moved. With their distance locked the other follows, up to
 * an end of the text. @param before, now [q, k] */
export function moved(before, now, locked) {
  const i = now[0] === before[0] ? 1 : 0, follows = 1 - i;
  if (!locked || now[i] === before[i]) return now;
  const apart = before[follows] - before[i];
  const place = Math.min(LAST, Math.max(0, now[i] + apart)), found = [];
  found[follows] = place;
  found[i] = place - apart;
  return found;
}

/** The angle from k's hand to q's, in degrees from 0 to 360. */
export function angle([[ax, ay], [bx, by]]) {
  const degrees = Math.atan2(bx * ay - by * ax, ax * bx + ay * by) * 180 / Math.PI;
  return (degrees + 360) % 360;
}

/** given { pairs }. Asks { places: [q, k], pair }, is answered { hands: [[x, y] of q, of k], score }. */
export function draw(box, source) {
  const texts = strings.clock, status = newStatus(), picture = element("div", "clock");
  const place = (name, value) => slider(name, { min: 0, max: LAST, step: 1, value }, move);
  const sliders = [place(texts.q, 5), place(texts.k, 4)];
  const pair = slider(texts.pair, { min: 0, max: source.given.pairs - 1, step: 1, value: 0 }, () => again());
  const lock = checkbox(texts.lock, true, () => {});
  let places = sliders.map(each => each.value);
  const again = asking(source, status, () => ({ places, pair: pair.value }), ({ hands, score }, asked) => {
    const values = { distance: asked.places[0] - asked.places[1], pair: asked.pair, angle: Math.round(angle(hands)) % 360, score: score.toFixed(2) };
    picture.replaceChildren(dial(hands), element("p", "found", say(texts.said, values)));
  });
  box.append(element("div", "sliders", ...sliders.map(each => each.place), pair.place, lock.place), status, picture);
  return again();

  function move() {
    places = moved(places, sliders.map(each => each.value), lock.checked);
    sliders.forEach((each, i) => {
      each.value = places[i];
    });
    again();
  }
}

/** A clock with the two hands of a pair; k's is dashed, and its name stands farther out. */
function dial(hands) {
  const svg = drawn("svg", { viewBox: "-110 -110 220 220", role: "img", "aria-label": strings.clock.hands });
  svg.append(drawn("circle", { r: 80 }));
  hands.forEach(([x, y], i) => {
    const far = [92, 105][i], name = drawn("text", { x: far * x, y: 5 - far * y });
    name.append("qk"[i]);
    svg.append(drawn("line", { x2: 80 * x, y2: -80 * y, class: "qk"[i] }), name);
  });
  return svg;
}

function drawn(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}
