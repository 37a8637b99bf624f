// The stream slider of notebook 4: one token's vector on its way through the layers, and what the lens says
// of it at the layer that is chosen.

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { asking, newStatus, textField } from "./frame.js";
import { slider } from "./pictures/controls.js";
import { drafts, guessBars } from "./pictures/drafts.js";

export const title = strings.widgets.oneStream;

/** given { text, n_layer, state: 0 for the table, n + 1 for layer n }. Asks { text }, is answered
 * { stream: [[{ text, bytes, p } …] …] }: of the table and of each layer, the likeliest first. */
export function draw(box, source) {
  const { n_layer, state } = source.given, status = newStatus();
  const place = element("div", ""), lens = element("div", ""), note = element("p", "note", strings.widgets.oneStreamAbout);
  const named = i => (i === 0 ? strings.widgets.table : String(i - 1));
  let stream = null, strip = null;
  const read = slider(strings.widgets.layer, { min: 0, max: n_layer, step: 1, value: state, format: named }, () => paint());
  const paint = () => {
    if (!stream) return;
    const at = read.value;
    strip.mark(at);
    const where = at === 0 ? strings.widgets.ifTable : say(strings.widgets.ifLayer, { layer: at - 1 });
    lens.replaceChildren(element("p", "found", where), guessBars(stream[at], stream.at(-1)[0]));
  };
  const field = textField(source, status, () => again());
  const again = asking(source, status, () => ({ text: field.text }), answer => {
    ({ stream } = answer);
    strip = drafts(stream, at => {
      read.value = at;
      paint();
    });
    place.replaceChildren(strip.place);
    paint();
  });
  box.append(field.place, status, place, read.place, lens, note);
  return again();
}
