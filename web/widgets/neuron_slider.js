// The neuron slider of notebook 4: hold one neuron of the last layer, and see what is said next. The
// figures were computed when the site was built: the engine of the page has no hand on a neuron.

import { element } from "../dom.js";
import { say, strings } from "../strings.js";
import { frame } from "./frame.js";
import { slider } from "./pictures/controls.js";
import { percent, shown } from "./pictures/words.js";
import recorded from "./recorded_widgets.js";

export async function mount(place) {
  const { layer, neuron, text, strength, held } = recorded.neuron;
  const box = await frame(place, strings.widgets.neuron), picture = element("ol", "likely");
  const values = held.map(([value]) => value), natural = say(strings.widgets.neuronAbout, { layer, neuron, text, strength: strength.toFixed(2) });
  const value = slider(strings.widgets.heldAt, {
    min: 0, max: held.length - 1, step: 1, value: values.indexOf(10), format: i => values[i].toFixed(1),
  }, draw);
  box.append(element("p", "note", natural), value.place, picture);
  draw();

  function draw() {
    const rows = held[value.value][1];
    const widest = Math.max(...rows.flatMap(([, before, after]) => [before, after]));
    picture.replaceChildren(...rows.map(([word, before, after]) => {
      const bars = element("span", "bars");
      for (const [name, share] of [["model", before], ["left", after]]) {
        const bar = element("span", name);
        bar.style.setProperty("--share", share / widest);
        bars.append(bar);
      }
      const number = element("span", "number", `${percent(before)} → ${percent(after)}`);
      return element("li", "wide", element("span", "word", shown(word)), bars, number);
    }));
  }
}
