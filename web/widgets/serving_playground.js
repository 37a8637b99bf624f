// The serving calculator of notebook 7: what a decoding step takes, and whether it fits.

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { asking, newStatus } from "./frame.js";
import { choice, slider, sliderOver } from "./pictures/controls.js";
import { thousands } from "./pictures/words.js";

const POWERS = Array.from({ length: 18 }, (_, i) => 2 ** i);

export const title = strings.serving.title;

/** What a step means, in words: { step: seconds, or null where it does not fit, weights, caches, memory
 * in bytes }, for `batch` texts. */
export function told({ step, weights, caches, memory }, batch) {
  const texts = strings.serving, gb = bytes => withTenth(bytes / 1e9);
  const held = say(texts.held, { weights: gb(weights), caches: gb(caches), memory: thousands(memory / 1e9) });
  if (step === null) return `${held} ${texts.doesNotFit}`;
  const ms = step > 1e-3 ? withTenth(1000 * step) : (1000 * step).toPrecision(2);
  return `${held} ${say(texts.takes, { ms, tokens: thousands(batch / step) })}`;
}

function withTenth(n) {
  return n.toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

/** given { models: names }. Asks { model, bits, cards, batch, context }, is answered what `told` takes. */
export function draw(box, source) {
  const texts = strings.serving, status = newStatus();
  const model = choice(texts.model, source.given.models, () => again());
  const bits = choice(texts.bits, [16, 8, 4], () => again());
  const cards = slider(texts.cards, { min: 1, max: 16, step: 1, value: 1 }, () => again());
  const power = (name, powers, value) => sliderOver(powers, name, value, thousands, () => again());
  const batch = power(texts.batch, POWERS.slice(0, 11), 1), context = power(texts.context, POWERS.slice(7), 1024);
  const bar = element("div", "memory"), words = element("p", "found");
  words.setAttribute("role", "status");
  const question = () => ({
    model: model.value, bits: Number(bits.value), cards: cards.value, batch: batch.value, context: context.value,
  });
  const again = asking(source, status, question, (answer, asked) => {
    bar.replaceChildren(...["weights", "caches"].map(name => {
      const part = element("span", name);
      part.style.width = `${Math.min(100, 100 * answer[name] / answer.memory)}%`;
      return part;
    }));
    words.textContent = told(answer, asked.batch);
  });
  box.append(element("div", "sliders", model.place, bits.place, cards.place, batch.place, context.place), status, bar, words);
  return again();
}
