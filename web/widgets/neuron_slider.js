// The neuron slider of notebook 4: hold one neuron of the last layer, and see what is said next.

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { asking, newStatus, textField } from "./frame.js";
import { likelyTable } from "./pictures/choice.js";
import { slider } from "./pictures/controls.js";

export const title = strings.widgets.neuron;

/** given { text, value, layer, neuron }, the last two if they are known. Asks { text, value }, is
 * answered { rows: [{ text, before, after }], strength: where the neuron is by itself, if known }. */
export function draw(box, source) {
  const { value, layer, neuron } = source.given, status = newStatus();
  const picture = element("div", ""), about = element("p", "note");
  const held = slider(strings.widgets.heldAt, { min: -20, max: 20, step: 0.5, value, format: x => x.toFixed(1) }, () => again());
  const field = textField(source, status, () => again());
  const question = () => ({ text: field.text, value: held.value });
  const again = asking(source, status, question, ({ rows, strength }) => {
    about.textContent = strength === undefined
      ? strings.widgets.neuronBars
      : say(strings.widgets.neuronAbout, { layer, neuron, strength: strength.toFixed(2) });
    picture.replaceChildren(likelyTable(rows, true));
  });
  box.append(field.place, status, about, held.place, picture);
  return again();
}
