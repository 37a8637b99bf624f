// The tokenizer playground of notebook 1: any text, cut into tokens.

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { asking, newStatus, textField } from "./frame.js";
import { choice, sliderOver } from "./pictures/controls.js";
import { aboutParts, chip, thousands } from "./pictures/words.js";

export const title = strings.widgets.playground;

/** "13 tokens, 2.46 bytes a token" */
export function summary(tokens, text) {
  const bytes = new TextEncoder().encode(text).length / Math.max(1, tokens.length);
  return say(strings.widgets.tokens, { tokens: tokens.length, bytes: bytes.toFixed(2) });
}

/** given { text, names, counts }: tokenizers to choose from, if there are several, and how many merges. Asks { text, name,
 * count }, is answered { tokens: [{ id, text, bytes }] }. */
export function draw(box, source) {
  const { names, counts } = source.given, status = newStatus();
  const picture = element("div", "ids"), parts = element("div"), words = element("p", "found");
  const field = textField(source, status, () => again());
  const name = names && choice(strings.widgets.mergesOf, names, () => again());
  const count = sliderOver(counts, strings.widgets.merges, counts.at(-1), thousands, () => again());
  const question = () => ({ text: field.text, name: name?.value, count: count.value });
  const again = asking(source, status, question, ({ tokens }, { text }) => {
    picture.replaceChildren(...tokens.map((token, i) =>
      element("span", "with-id", chip(token, i), element("small", "", String(token.id)))));
    parts.replaceChildren(...aboutParts(tokens));
    words.textContent = summary(tokens, text);
  });
  box.append(field.place, element("div", "sliders two", ...(names ? [name.place] : []), count.place), status, words, picture, parts);
  return again();
}
