// The texts of notebook 6: what several rules write after one prompt, under a slider. It needs no kernel
// and no model: the texts are given.

import { element } from "../dom.js";
import { strings } from "./strings.js";
import { sliderOver } from "./pictures/controls.js";

export const title = strings.widgets.texts;

/** given { prompt, slider: its name, values, frames: for each value [{ name, pieces: [[text, far]] }] }:
 * `far` stretches are marked, they come from the tail. */
export function draw(box, { given }) {
  const { prompt, slider, values, frames } = given, texts = element("dl", "texts");
  texts.setAttribute("aria-live", "polite");
  const show = () => {
    const rows = frames[values.indexOf(at.value)];
    texts.replaceChildren(...rows.flatMap(({ name, pieces }) => [
      element("dt", "", name),
      element("dd", "", element("span", "prompt", prompt), ...pieces.map(([text, far]) => far ? element("mark", "", text) : text)),
    ]));
  };
  const at = sliderOver(values, slider, values[0], String, show);
  box.append(at.place, texts, element("p", "note", strings.widgets.farTokens));
  show();
}
