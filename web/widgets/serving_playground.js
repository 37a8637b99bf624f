// The serving calculator of notebook 7: what a decoding step takes, and whether it fits.

import { element } from "../dom.js";
import { say, strings } from "../strings.js";
import { cache_bytes } from "./cache_bytes.js";
import { frame } from "./frame.js";
import { slider } from "./pictures/controls.js";
import { thousands } from "./pictures/words.js";
import recorded from "./recorded_widgets.js";

const POWERS = Array.from({ length: 18 }, (_, i) => 2 ** i);

/** Seconds of one decoding step for `batch` texts of `context` tokens. Infinity if weights and caches
 * do not fit into `memory`. */
export function step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak) {
  const caches = batch * context * kv_bytes;
  if (weight_bytes + caches > memory) return Infinity;
  return Math.max(batch * flops / peak, weight_bytes / bandwidth) + caches / bandwidth;
}

/** All that the calculator shows: { step, weights, caches, memory }, in seconds and bytes.
 * @param model { parameters, n_layer, n_kv_head, head_dim }
 * @param card { bytes, bytes_per_second, flops_per_second } */
export function serving(model, card, { bits, cards, batch, context }) {
  const weights = model.parameters * bits / 8;
  const kv = cache_bytes(model.n_layer, model.n_kv_head, model.head_dim, 1, 2);
  const memory = cards * card.bytes;
  const step = step_seconds(batch, context, weights, kv, 2 * model.parameters, memory,
    cards * card.bytes_per_second, cards * card.flops_per_second);
  return { step, weights, caches: batch * context * kv, memory };
}

/** What the step means, in words. */
export function told({ step, weights, caches, memory }, batch) {
  const texts = strings.serving, gb = bytes => thousandsWithTenth(bytes / 1e9);
  const held = say(texts.held, { weights: gb(weights), caches: gb(caches), memory: thousands(memory / 1e9) });
  if (step === Infinity) return `${held} ${texts.doesNotFit}`;
  const ms = step > 1e-3 ? thousandsWithTenth(1000 * step) : (1000 * step).toPrecision(2);
  return `${held} ${say(texts.takes, { ms, tokens: thousands(batch / step) })}`;
}

function thousandsWithTenth(n) {
  return n.toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

export async function mount(place) {
  const texts = strings.serving, box = await frame(place, texts.title);
  const { models, card } = recorded;
  const model = choice(texts.model, Object.keys(models));
  const bits = choice(texts.bits, [16, 8, 4]);
  const cards = slider(texts.cards, { min: 1, max: 16, step: 1, value: 1 }, draw);
  const power = (name, from, to, value) =>
    slider(name, { min: from, max: to, step: 1, value, format: i => thousands(POWERS[i]) }, draw);
  const batch = power(texts.batch, 0, 10, 0), context = power(texts.context, 7, 17, 10);
  const bar = element("div", "memory"), words = element("p", "found");
  words.setAttribute("role", "status");
  box.append(element("div", "sliders", model.place, bits.place, cards.place, batch.place, context.place), bar, words);
  model.input.onchange = bits.input.onchange = draw;
  draw();

  function draw() {
    const asked = {
      bits: Number(bits.input.value), cards: cards.value, batch: POWERS[batch.value], context: POWERS[context.value],
    };
    const found = serving(models[model.input.value], card, asked);
    bar.replaceChildren(...[["weights", found.weights], ["caches", found.caches]].map(([name, bytes]) => {
      const part = element("span", name);
      part.style.width = `${Math.min(100, 100 * bytes / found.memory)}%`;
      return part;
    }));
    words.textContent = told(found, asked.batch);
  }
}

function choice(name, options) {
  const input = element("select");
  input.append(...options.map(each => new Option(each)));
  return { place: element("label", "slider", element("span", "", name), input), input };
}
