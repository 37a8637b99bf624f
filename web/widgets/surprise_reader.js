// The reader of notebook 5: any text, each token shaded by its surprise (the idea of GLTR, Gehrmann et
// al. 2019).

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { asking, newStatus, textField } from "./frame.js";
import { colour, ink, inTheme, mix } from "./pictures/colours.js";
import { oneTabStop } from "./pictures/controls.js";
import { percent, shown } from "./pictures/words.js";

const MOST = 10; // nats: more are drawn alike

export const title = strings.widgets.surprise;

/** "46.3 nats for 19 tokens, 2.44 each" */
export function total(losses) {
  const sum = losses.reduce((a, b) => a + b, 0);
  return say(strings.widgets.nats, { sum: sum.toFixed(1), tokens: losses.length, each: (sum / losses.length).toFixed(2) });
}

/** given { text }. Asks { text }, is answered { tokens: [{ text, bytes, loss, expected }] }: a loss of null
 * is that of a first token, before which nothing stands. `expected`, [[text, p] …] of what was likely in
 * its place, may be a promise or a function that gives one. */
export function draw(box, source) {
  const status = newStatus(), text = element("p", "surprise"), words = element("p", "found");
  const told = element("div", "expected");
  told.setAttribute("role", "status");
  const field = textField(source, status, () => again());
  const again = asking(source, status, () => ({ text: field.text }), ({ tokens }) => {
    const losses = tokens.map(each => each.loss).filter(each => each !== null);
    words.textContent = `${total(losses)}. ${strings.widgets.pickToken}`;
    told.replaceChildren();
    text.replaceChildren(...tokens.map(token => {
      const said = token.loss === null
        ? say(strings.widgets.firstToken, { token: shown(token) })
        : say(strings.widgets.lossOf, { token: shown(token), loss: token.loss.toFixed(2) });
      const button = element("button", "", shown(token));
      button.type = "button";
      button.setAttribute("aria-label", said);
      button.onclick = async () => {
        const { expected = [] } = token, likely = await (typeof expected === "function" ? expected() : expected);
        const items = likely.map(([word, p]) => element("li", "", element("code", "", shown(word)), ` ${percent(p)}`));
        told.replaceChildren(element("p", "", said), element("ol", "", ...items));
      };
      return button;
    }));
    oneTabStop([...text.children], 0);
    inTheme(text, () => [...text.children].forEach((button, i) => {
      const shade = mix(colour("--ground"), colour("--blue"), Math.min(1, (tokens[i]?.loss ?? 0) / MOST));
      button.style.background = `rgb(${shade})`;
      button.style.color = ink(shade);
    }));
  });
  box.append(field.place, status, text, words, told);
  return again();
}
