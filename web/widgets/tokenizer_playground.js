// The tokenizer playground of notebook 1: any text, cut as SmolLM2 cuts it.

import { element } from "../dom.js";
import { say, strings } from "../strings.js";
import { frame, textField } from "./frame.js";
import { chip } from "./pictures/words.js";
import recorded from "./recorded_widgets.js";

/** "13 tokens, 2.46 bytes a token" */
export function summary(tokens, text) {
  const bytes = new TextEncoder().encode(text).length / Math.max(1, tokens.length);
  return say(strings.widgets.tokens, { tokens: tokens.length, bytes: bytes.toFixed(2) });
}

export async function mount(place) {
  const box = await frame(place, strings.widgets.playground), picture = element("div", "ids"), words = element("p", "found");
  const draw = (tokens, text) => {
    picture.replaceChildren(...tokens.map((token, i) =>
      element("span", "with-id", chip(token, i), element("small", "", String(token.id)))));
    words.textContent = summary(tokens, text);
  };
  textField(box, {
    name: "tokenizer_playground",
    text: recorded.tokens.text,
    longest: 1000,
    read: (engine, tokens, text) => draw(tokens, text),
  });
  box.append(words, picture);
  draw(recorded.tokens.tokens, recorded.tokens.text);
}
