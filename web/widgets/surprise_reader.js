// The reader of notebook 5: any text, each token shaded by its surprise (the idea of GLTR, Gehrmann et
// al. 2019). An end-of-text token goes in front, so that the first word is a first word.

import { element } from "../dom.js";
import { say, strings } from "../strings.js";
import { frame, textField } from "./frame.js";
import { colour, ink, inTheme, mix } from "./pictures/colours.js";
import { percent, shown } from "./pictures/words.js";
import recorded from "./recorded_widgets.js";

const END = 0; // <|endoftext|>
const LONGEST = 200, MOST = 10; // nats: more are drawn alike

/** "46.3 nats for 19 tokens, 2.44 each" */
export function total(losses) {
  const sum = losses.reduce((a, b) => a + b, 0);
  return say(strings.widgets.nats, { sum: sum.toFixed(1), tokens: losses.length, each: (sum / losses.length).toFixed(2) });
}

export async function mount(place) {
  const box = await frame(place, strings.widgets.surprise), text = element("p", "surprise"), words = element("p", "found");
  const told = element("div", "expected");
  told.setAttribute("role", "status");
  /** @param rows [{ text, loss }]; @param expected i -> [[text, p] …], what was likely in that place */
  const draw = (rows, expected) => {
    words.textContent = `${total(rows.map(each => each.loss))}. ${strings.widgets.pickToken}`;
    told.replaceChildren();
    text.replaceChildren(...rows.map((row, i) => {
      const button = element("button", "", shown(row.text));
      button.type = "button";
      button.setAttribute("aria-label", say(strings.widgets.lossOf, { token: shown(row.text), loss: row.loss.toFixed(2) }));
      button.onclick = async () => {
        const likely = await expected(i);
        const items = likely.map(([word, p]) => element("li", "", element("code", "", shown(word)), ` ${percent(p)}`));
        told.replaceChildren(element("p", "", say(strings.widgets.lossOf, { token: shown(row.text), loss: row.loss.toFixed(2) })), element("ol", "", ...items));
      };
      return button;
    }));
    inTheme(text, () => [...text.children].forEach((button, i) => {
      const share = Math.min(1, rows[i].loss / MOST);
      const shade = mix(colour("--ground"), colour("--blue"), share);
      button.style.background = `rgb(${shade})`;
      button.style.color = ink(shade);
    }));
  };
  textField(box, {
    name: "surprise_reader",
    text: recorded.surprise.text,
    longest: LONGEST,
    async read(engine, tokens) {
      const ids = [END, ...tokens.map(each => each.id)], losses = await engine.losses(ids);
      draw(tokens.map((token, i) => ({ text: token.text, loss: losses[i] })), async i => {
        const { stream } = await engine.look(ids.slice(0, i + 1), { stream: 5, logits: false });
        return stream.at(-1).map(({ text: word, p }) => [word, p]);
      });
    },
  });
  box.append(text, words, told);
  draw(recorded.surprise.tokens, i => recorded.surprise.tokens[i].expected);
}
