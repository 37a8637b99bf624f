// The attention explorer of notebook 3: all heads at once, and where one of them looks.

import { element } from "../dom.js";
import { strings } from "../strings.js";
import { frame, textField } from "./frame.js";
import { LiveRun } from "./live_run.js";
import { found, headGrid, lookingBack } from "./pictures/attention.js";
import { slider } from "./pictures/controls.js";
import { prompt, recordedView, shape } from "./recorded_run.js";

const LONGEST = 40; // tokens: more would not be told apart in a square
const INDUCTION = [17, 5]; // of the recorded text: from the second "loved" to what followed the first

export async function mount(place) {
  const box = await frame(place, strings.widgets.explorer), picture = element("div", ""), words = element("p", "found"), row = element("div", "");
  const first = recordedView(0);
  let tokens, weights, at;
  const layer = slider(strings.widgets.layer, { min: 0, max: shape.n_layer - 1, step: 1, value: INDUCTION[0] }, draw);
  const head = slider(strings.widgets.head, { min: 0, max: shape.n_head - 1, step: 1, value: INDUCTION[1] }, draw);
  const show = async view => {
    ({ tokens } = view);
    ({ weights } = await view.inside());
    at = tokens.length - 1;
    draw();
  };
  textField(box, {
    name: "attention_explorer",
    text: prompt,
    longest: LONGEST,
    read: async (engine, typed) => show(await new LiveRun(engine).view(typed, 0)),
  });
  box.append(picture, element("div", "sliders two", layer.place, head.place), words, row);
  await show(first);

  function draw() {
    const { n_layer, n_head } = shape, seq = tokens.length, chosen = [layer.value, head.value];
    const shares = tokens.slice(0, at + 1).map((_, j) => weights(...chosen, at, j));
    words.textContent = found(tokens, shares, ...chosen, at);
    picture.replaceChildren(headGrid({
      n_layer, n_head, seq, weights, chosen,
      pick(nextLayer, nextHead) {
        layer.value = nextLayer;
        head.value = nextHead;
        draw();
      },
    }));
    row.replaceChildren(lookingBack(tokens, shares, at, next => {
      at = next;
      draw();
      row.querySelector("[aria-pressed=true]").focus();
    }));
  }
}
