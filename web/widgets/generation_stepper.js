// The generation stepper of notebook 7: the loop, one token a click, the cache growing.

import { element } from "../dom.js";
import { say, strings } from "../strings.js";
import { cache_bytes } from "./cache_bytes.js";
import { frame, textField } from "./frame.js";
import { LiveRun, LONGEST } from "./live_run.js";
import { choose, likelyTable, strip, survivors } from "./pictures/choice.js";
import { button, filterSliders } from "./pictures/controls.js";
import { shown } from "./pictures/words.js";
import { prompt, recordedLength, recordedView, settings, shape } from "./recorded_run.js";

/** What the cache holds after a pass: { held, read } tokens, and its bytes in float32. The token just
 * drawn is not in it yet. */
export function cacheAfter(prompt_length, made) {
  const held = prompt_length + made;
  const { n_layer, n_kv_head, head_dim } = shape;
  return { held, read: made ? 1 : prompt_length, bytes: cache_bytes(n_layer, n_kv_head, head_dim, held) };
}

export async function mount(place) {
  const box = await frame(place, strings.widgets.stepper), picture = element("div", "");
  let live = null, view = recordedView(0), made = 0, busy = false;
  const sliders = filterSliders(settings, draw);
  const onward = button(strings.widgets.onward, async () => {
    if (busy) return;
    busy = true;
    try {
      if (live) view = await live.view([...view.tokens, await live.token(now().chosen)], 0);
      else view = recordedView(made + 1);
      made += 1;
    } catch (error) {
      field.said(error.message);
    }
    busy = false;
    draw();
  });
  let first = view;
  const again = button(strings.widgets.startAgain, () => {
    view = first;
    made = 0;
    draw();
  });
  const field = textField(box, {
    name: "generation_stepper",
    text: prompt,
    async read(engine, tokens) {
      live = new LiveRun(engine);
      first = view = await live.view(tokens, 0);
      made = 0;
      draw();
    },
  });
  box.append(sliders.place, element("div", "row", onward, again), picture);
  draw();

  function now() {
    const drawn = choose(view.logits, view.u, sliders.settings(), 6);
    return live ? drawn : { ...drawn, chosen: view.next.id };
  }

  function draw() {
    const drawn = now(), { held, read, bytes } = cacheAfter(view.tokens.length - made, made);
    const boxes = view.tokens.map((token, i) => element("span", i < held - read ? "cached" : "reading", shown(token)));
    boxes.push(element("span", "coming", shown(view.textOf(drawn.chosen))));
    const words = say(read === 1 ? strings.widgets.cacheOne : strings.widgets.cache, { held, read, megabytes: (bytes / 1e6).toFixed(2) });
    picture.replaceChildren(strip(drawn, view.u, view.textOf), likelyTable(drawn, view.textOf),
      element("p", "found", survivors(drawn)), element("p", "found", words), element("div", "cache", ...boxes));
    onward.disabled = live ? live.stops(view.tokens.at(-1).id) || view.tokens.length >= LONGEST : made >= recordedLength - 1;
  }
}
