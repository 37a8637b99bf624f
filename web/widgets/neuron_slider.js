// The neuron slider of notebook 4: hold one neuron of the last layer, and see what is said next.

import { element } from "../dom.js";
import { largest_ids, softmax } from "../engine/sampler.js";
import { say, strings } from "../strings.js";
import { frame, textField } from "./frame.js";
import { twoBars } from "./pictures/choice.js";
import { slider } from "./pictures/controls.js";
import { percent, shown } from "./pictures/words.js";
import recorded from "./recorded_widgets.js";

const SHOWN = 6; // tokens

/** What is likely with the neuron held at `value`, and how likely it was without:
 * { strength: where the neuron stands by itself, rows: [[text, p left alone, p held] × 6] } */
export async function heldAt(engine, ids, [layer, neuron], value) {
  const free = softmax((await engine.look(ids)).logits);
  const { logits, natural } = await engine.look(ids, { hold: [[layer, neuron, value]] });
  const held = softmax(logits), best = largest_ids(logits, SHOWN);
  const texts = await Promise.all(best.map(id => engine.decode([id])));
  return { strength: natural[0], rows: best.map((id, i) => [texts[i], free[id], held[id]]) };
}

export async function mount(place) {
  const { layer, neuron, text, strength, held } = recorded.neuron, values = held.map(([value]) => value);
  const box = await frame(place, strings.widgets.neuron), picture = element("ol", "likely"), about = element("p", "note");
  let answer = value => ({ strength, rows: held[values.indexOf(value)][1] });
  let latest = 0;
  const position = slider(strings.widgets.heldAt, {
    min: 0, max: held.length - 1, step: 1, value: values.indexOf(10), format: i => values[i].toFixed(1),
  }, draw);
  const field = textField(box, {
    name: "neuron_slider",
    text,
    read(engine, tokens) {
      const ids = tokens.map(each => each.id);
      answer = value => heldAt(engine, ids, [layer, neuron], value);
      return draw();
    },
  });
  box.append(about, position.place, picture);
  await draw();

  async function draw() {
    const mine = ++latest;
    try {
      const found = await answer(values[position.value]);
      if (mine !== latest) return; // the slider has moved on
      about.textContent = say(strings.widgets.neuronAbout, { layer, neuron, strength: found.strength.toFixed(2) });
      picture.replaceChildren(...rowsOf(found.rows));
    } catch (error) {
      field.said(error.message);
    }
  }
}

function rowsOf(rows) {
  const widest = Math.max(...rows.flatMap(([, before, after]) => [before, after]));
  return rows.map(([word, before, after]) => {
    const bars = twoBars(before / widest, after / widest);
    const number = element("span", "number", `${percent(before)} → ${percent(after)}`);
    return element("li", "wide", element("span", "word", shown(word)), bars, number);
  });
}
