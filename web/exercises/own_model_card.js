/* "Your functions run the model": a card at the end of the last exercise that it needs. What runs is in
 * own_model.js, which is fetched at the click. */

import { element } from "../dom.js";
import { say, strings } from "../strings.js";

const texts = strings.ownModel;
export const LAYER = 5;
const FUNCTIONS = {
  "01_tokens": ["encode", "decode"],
  "02_embeddings": ["apply_rope"],
  "03_attention": ["scaled_dot_product_attention", "causal_mask"],
  "04_layers": ["rms_norm"],
  "05_output_head": ["softmax"],
  "06_sampling": ["generate", "sample", "draw", "apply_temperature", "top_p", "filter_logits"],
};
const PROMPT = "The cat sat on the mat, and the cat";
const PROMPTS = { "01_tokens": "The capital of France is", "06_sampling": "Once upon a time" };

/* Put the card of a notebook into its page. Returns a function that draws it again when an exercise has
 * changed; undefined if the notebook has none. */
export function ownModel(notebook, all) {
  const needed = all.filter(each => FUNCTIONS[notebook]?.includes(each.name));
  if (!needed.length) return undefined;
  const card = element("section", "own-model scripted"), field = element("textarea"), choice = element("select");
  const whose = element("p", "whose"), status = element("p", "said"), out = element("div", "out");
  const start = element("button", "", strings.runHere.run), stop = element("button", "", texts.stop);
  const progress = element("progress"), row = element("p", "actions", start, stop, progress);
  card.setAttribute("aria-label", texts.title);
  status.setAttribute("role", "status");
  progress.setAttribute("aria-label", texts.progress);
  start.type = stop.type = "button";
  stop.hidden = progress.hidden = true;
  Object.assign(field, { rows: 2, spellcheck: false, value: PROMPTS[notebook] ?? PROMPT });
  const about = say(texts.about[notebook], { layer: LAYER });
  card.append(
    element("h4", "", texts.title), element("p", "", about), whose, element("label", "", texts.text, field));
  if (notebook === "06_sampling") {
    choice.append(...Object.entries(texts.choices).map(([value, text]) => new Option(text, value)));
    card.append(element("label", "", texts.choose, " ", choice));
  }
  card.append(row, status, out);
  needed.at(-1).place.parentElement.append(card);
  let runs = false;
  const draw = () => {
    const solved = needed.filter(each => each.state === "solved").map(each => each.name);
    start.disabled = runs || !solved.length;
    whose.textContent = solved.length
      ? say(texts.yours, { names: solved.join(", ") })
      : say(texts.first, { names: needed.map(each => each.name).join(", ") });
  };
  start.onclick = async () => {
    runs = true;
    draw();
    out.replaceChildren();
    try {
      const { run } = await import("./own_model.js").catch(error => {
        console.warn(error);
        throw new Error(texts.notLoaded);
      });
      await run({
        notebook, all, text: field.value, choice: choice.value, out, status, progress, start, stop, whose });
    } catch (error) {
      status.textContent = error.name === "AbortError" ? texts.stopped : error.message;
    } finally {
      runs = false;
      progress.hidden = true;
      const stopped = document.activeElement === stop || document.activeElement === document.body;
      stop.hidden = true;
      start.disabled = false;
      if (stopped) start.focus();
    }
  };
  draw();
  return draw;
}
