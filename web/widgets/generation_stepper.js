// The generation stepper of notebook 7: the loop, one token a click, the cache growing.

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { asking, newStatus, textField } from "./frame.js";
import { likelyTable, strip, survivors } from "./pictures/choice.js";
import { button, filterSliders } from "./pictures/controls.js";
import { shown } from "./pictures/words.js";

export const title = strings.widgets.stepper;

/** given { text, settings }. Asks { text, settings, turn: "first", "next" or "same" }, is answered
 * { tokens: those in the cache, coming: the one that was drawn, read: how many the latest pass read,
 * bytes of the cache, choice as in pictures/choice.js, ended, recorded: the token that a recorded run
 * went on with, if that is another one }. */
export function draw(box, source) {
  const texts = strings.widgets, status = newStatus(), picture = element("div", "");
  let turn = "first";
  const act = wanted => {
    if (turn !== "first") turn = wanted; // a new beginning is not skipped
    return again();
  };
  const field = textField(source, status, () => act("first"));
  const sliders = filterSliders(source.given.settings, () => again());
  const onward = button(texts.onward, () => act("next")), over = button(texts.startAgain, () => act("first"));
  const question = () => {
    const asked = { text: field.text, settings: sliders.settings(), turn };
    turn = "same";
    return asked;
  };
  const again = asking(source, status, question, ({ tokens, coming, read, bytes, choice, ended, recorded }) => {
    const held = tokens.length, boxes = tokens.map((token, i) =>
      element("span", i < held - read ? "cached" : "reading", shown(token)));
    boxes.push(element("span", "coming", shown(coming)));
    const words = say(read === 1 ? texts.cacheOne : texts.cache, { held, read, megabytes: (bytes / 1e6).toFixed(2) });
    picture.replaceChildren(strip(choice), likelyTable(choice.rows), element("p", "found", survivors(choice)),
      element("p", "found", words), element("div", "cache", ...boxes),
      ...(ended ? [element("p", "found", texts.loopEnded)] : []));
    if (recorded) picture.prepend(element("p", "found", say(texts.otherTurn, { token: shown(coming), recorded: shown(recorded) })));
    onward.textContent = recorded ? texts.needsModel : texts.onward;
    onward.disabled = ended || Boolean(recorded);
  });
  box.append(field.place, status, sliders.place, element("div", "row", onward, over), picture);
  return again();
}
