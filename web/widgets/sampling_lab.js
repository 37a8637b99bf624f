// The strip of notebook 6: probabilities laid end to end, and what one u draws from each. All strips of
// a document move with one u. It needs no kernel and no model: the stretches are given.

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { strip } from "./pictures/choice.js";
import { slider } from "./pictures/controls.js";
import { percent, shown } from "./pictures/words.js";

const STEPS = 100, MOVED = "llmlib:u";

export const title = strings.widgets.lab;

/** given { u, frames: [[{ name, stretches: [{ text, share }] }]], at: which frame each of 100 values of
 * u shows }. A text of null stands for thin stretches together. */
export function draw(box, { given }) {
  const picture = element("div", "");
  const format = each => each.toFixed(2), now = document.documentElement.dataset.llmlibU ?? given.u;
  const at = { min: 0, max: 1 - 1 / STEPS, step: 1 / STEPS, value: now, format };
  const u = slider(strings.widgets.u, at, value => document.dispatchEvent(new CustomEvent(MOVED, { detail: value })));
  const show = () => {
    const rows = given.frames[given.at[Math.round(STEPS * u.value)]];
    picture.replaceChildren(...rows.flatMap(({ name, stretches }) => row(name, stretches, u.value)));
  };
  const hear = ({ detail }) => {
    if (!box.isConnected) return document.removeEventListener(MOVED, hear);
    document.documentElement.dataset.llmlibU = u.value = detail;
    show();
  };
  document.addEventListener(MOVED, hear);
  box.append(u.place, picture);
  show();
}

/** A strip below its name and the token that u draws from it. */
function row(name, stretches, u) {
  const found = at(stretches, u);
  const drawn = stretches.map((each, i) => ({ ...each, chosen: i === found }));
  const { text, share } = stretches[found];
  const token = text === null ? say(strings.pictures.thin, { share: percent(share) }) : shown(text);
  const words = element("p", "drawn", name, " ", element("b", "", say(strings.widgets.draws, { token })));
  return [words, strip({ u, stretches: drawn, token })];
}

/** The stretch that u falls into: it includes its start and not its end. */
export function at(stretches, u) {
  const sum = stretches.reduce((all, { share }) => all + share, 0);
  let end = 0;
  const found = stretches.findIndex(({ share }) => (end += share) > u * sum);
  return found < 0 ? stretches.length - 1 : found;
}
