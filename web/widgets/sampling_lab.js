// The sampling lab of notebook 6: any prompt, any settings, and texts.

import { element } from "../dom.js";
import { strings } from "../strings.js";
import { frame, textField } from "./frame.js";
import { engineNow, LiveRun } from "./live_run.js";
import { choose, likelyTable, strip, survivors } from "./pictures/choice.js";
import { button, filterSliders, slider } from "./pictures/controls.js";
import { prompt, recordedView } from "./recorded_run.js";

const TEXTS = 5, LENGTH = 20;
const FREE = { temperature: 1, top_k: null, top_p: null, min_p: null };

export async function mount(place) {
  const box = await frame(place, strings.widgets.lab);
  let view = recordedView(0), ids = null, writes = 0;
  const picture = element("div", ""), texts = element("ol", "texts");
  const sliders = filterSliders(FREE, draw);
  const u = slider(strings.widgets.u, { min: 0, max: 0.999, step: 0.001, value: 0.5, format: each => each.toFixed(3) }, draw);
  const write = button(strings.widgets.write, async () => {
    const engine = engineNow();
    write.disabled = true;
    texts.replaceChildren();
    try {
      for (let i = 0; i < TEXTS; i++) {
        const line = element("li"), told = element("b");
        line.append(field.text, told);
        texts.append(line);
        const asked = { ...sliders.settings(), max_new_tokens: LENGTH, seed: ++writes };
        await engine.generate(ids, asked, token => told.append(token.text));
      }
    } catch (error) {
      field.said(error.message);
    }
    write.disabled = false;
  });
  write.disabled = true;
  const field = textField(box, {
    name: "sampling_lab",
    text: prompt,
    async read(engine, tokens, text) {
      view = await new LiveRun(engine).view(tokens, 0);
      ids = tokens.map(each => each.id);
      field.text = text;
      write.disabled = false;
      draw();
    },
  });
  box.append(sliders.place, u.place, picture, element("div", "row", write), texts);
  draw();

  function draw() {
    const made = choose(view.logits, u.value, sliders.settings());
    picture.replaceChildren(strip(made, u.value, view.textOf), likelyTable(made, view.textOf), element("p", "found", survivors(made)));
  }
}
