// Temperature in motion, of notebook 6: the bars of the next token, while a slider moves or plays.

import { element } from "../dom.js";
import { say, strings } from "../strings.js";
import { asking, newStatus, textField } from "./frame.js";
import { button, slider } from "./pictures/controls.js";
import { percent, shown, thousands } from "./pictures/words.js";

const STEP = 0.1, MOST = 3, PAUSE = 400; // ms

export const title = strings.temperature.title;

/** given { text, prompts }. Asks { text, temperature }, is answered { rows: [{ text, share }], rest: the
 * share of all others, entropy in nats }. */
export function draw(box, source) {
  const texts = strings.temperature, status = newStatus();
  const picture = element("ol", "likely"), words = element("p", "found");
  const field = textField(source, status, () => again());
  const at = { min: 0, max: MOST, step: STEP, value: 1, format: x => x.toFixed(1) };
  const temperature = slider(strings.widgets.temperature, at, () => again());
  const play = button(strings.landing.play, () => (playing ? stop() : start()));
  const question = () => ({ text: field.text, temperature: temperature.value });
  const again = asking(source, status, question, ({ rows, rest, entropy }) => {
    const shares = [...rows, { text: texts.others, share: rest, others: true }];
    picture.replaceChildren(...shares.map(each => line(each)));
    words.textContent = say(texts.said, { entropy: entropy.toFixed(2), many: thousands(Math.exp(entropy)) });
  });
  let playing = null;
  box.append(field.place, status, element("div", "row", play, temperature.place), picture, words);
  return again();

  function start() {
    if (temperature.value >= MOST) temperature.value = 0;
    play.textContent = strings.landing.pause;
    playing = setInterval(() => {
      if (!box.isConnected || temperature.value >= MOST) return stop();
      temperature.value = temperature.value + STEP;
      again();
    }, PAUSE);
  }

  function stop() {
    clearInterval(playing);
    playing = null;
    play.textContent = strings.landing.play;
  }
}

function line({ text, share, others }) {
  const bar = element("span", "bar");
  bar.style.setProperty("--share", share);
  return element("li", others ? "others" : "", element("span", "word", others ? text : shown(text)), bar, element("span", "number", percent(share)));
}
