// The sampling lab of notebook 6: any prompt, any settings, and texts.

import { element } from "../dom.js";
import { strings } from "../strings.js";
import { asking, newStatus, textField } from "./frame.js";
import { likelyTable, strip, survivors } from "./pictures/choice.js";
import { button, filterSliders, slider } from "./pictures/controls.js";

const FREE = { temperature: 1, top_k: null, top_p: null, min_p: null };

export const title = strings.widgets.lab;

/** given { text, prompts, writes: false where no text can be written yet }. Asks { text, u, settings }, is
 * answered a choice as in pictures/choice.js; asks { text, settings, write: true }, is answered { texts:
 * [[text, whether it has ended]] }, of which `onPart(texts)` may tell the beginnings. */
export function draw(box, source) {
  const status = newStatus(), picture = element("div", ""), texts = element("ol", "texts");
  const field = textField(source, status, () => again());
  const sliders = filterSliders(FREE, () => again());
  const u = slider(strings.widgets.u, { min: 0, max: 0.999, step: 0.001, value: 0.5, format: each => each.toFixed(3) }, () => again());
  const question = () => ({ text: field.text, u: u.value, settings: sliders.settings() });
  const again = asking(source, status, question, choice => {
    picture.replaceChildren(strip(choice), likelyTable(choice.rows), element("p", "found", survivors(choice)));
    write.disabled = choice.writes === false;
    write.textContent = write.disabled ? strings.widgets.writeLater : strings.widgets.write;
  });
  const write = button(strings.widgets.write, async () => {
    const { text } = field;
    const show = lines => texts.replaceChildren(...lines.map(([more, ended]) =>
      element("li", "", text, element("b", "", more), ended ? element("i", "", ` ${strings.widgets.ended}`) : "")));
    write.disabled = true;
    texts.replaceChildren();
    status.textContent = strings.widgets.writing;
    try {
      show((await source.ask({ text, settings: sliders.settings(), write: true }, show)).texts);
      status.textContent = "";
    } catch (error) {
      status.textContent = error.message;
    }
    write.disabled = false;
  });
  box.append(field.place, status, sliders.place, u.place, picture, element("div", "row", write), texts);
  return again();
}
