// The first look of notebook 3: where one head looks, from whichever token is clicked.

import { element } from "../dom.js";
import { strings } from "./strings.js";
import { asking, newStatus, textField } from "./frame.js";
import { found, lookingBack } from "./pictures/attention.js";

export const title = strings.widgets.oneHead;

/** given { text, layer, head }. Asks { text }, is answered { tokens: [{ text, bytes }], weights: for each
 * token how much it takes from each up to itself }. */
export function draw(box, source) {
  const { layer, head } = source.given, status = newStatus();
  const words = element("p", "found"), row = element("div", "");
  let tokens = [], weights, at;
  const field = textField(source, status, () => again());
  const again = asking(source, status, () => ({ text: field.text }), answer => {
    if (answer.tokens.length !== tokens.length) at = answer.tokens.length - 1;
    ({ tokens, weights } = answer);
    show();
  });
  box.append(field.place, status, words, row);
  return again();

  function show() {
    words.textContent = found(tokens, weights[at], layer, head, at);
    row.replaceChildren(lookingBack(tokens, weights[at], at, another => {
      at = another;
      show();
      row.querySelector("[aria-pressed=true]").focus();
    }));
  }
}
