// The stepper of notebook 1: BPE learns from a text, one merge a click; a new text is encoded with the
// same merges.

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { asking, newStatus, textField } from "./frame.js";
import { button, choice, slider } from "./pictures/controls.js";
import { mergeTree } from "./pictures/merge_tree.js";
import { chip, shown } from "./pictures/words.js";

const texts = strings.bpe;
export const title = texts.title;

/** given { text, word, patterns, merges: how many the slider has }. Asks { text, word, pattern, merges },
 * is answered as steps() of bpe.js answers. */
export function draw(box, source) {
  const { given } = source, status = newStatus(), picture = element("div", "bpe");
  const field = (text, name) => textField({ given: { text } }, status, () => again(), name);
  const taught = field(given.text, texts.text), fresh = field(given.word, texts.word);
  const pattern = choice(texts.pattern, given.patterns, () => again());
  const merges = slider(texts.merges, { min: 0, max: given.merges, step: 1, value: 0 }, () => again());
  const onward = button(texts.next, () => {
    merges.value += 1;
    return again();
  }, "call");
  const question = () => ({ text: taught.text, word: fresh.text, pattern: pattern.value, merges: merges.value });
  const again = asking(source, status, question, answer => {
    merges.value = answer.learned; // there may be no pair left
    onward.disabled = !answer.pairs.length || answer.learned >= given.merges;
    picture.replaceChildren(...pieces(answer), ...pairs(answer), ...rows(answer));
  });
  box.append(taught.place, element("div", "sliders two", pattern.place, merges.place),
    element("div", "row", onward), status, picture);
  picture.before(fresh.place);
  return again();
}

const plus = pair => pair.map(shown).join(" + ");

function pieces({ pieces, total, made, learned }) {
  const words = made ? say(texts.after, { learned, made: plus(made), total }) : say(texts.before, { total });
  return [element("p", "found", words), element("div", "ids", ...pieces.map(({ tokens, times }) =>
    element("span", "piece", ...tokens.map((token, i) => chip(token, i)), element("small", "", `×${times}`))))];
}

function pairs({ pairs }) {
  if (!pairs.length) return [element("p", "found", texts.none)];
  const most = pairs[0].count;
  return [element("p", "found", say(texts.chosen, { pair: plus(pairs[0].pair), count: pairs[0].count })),
    element("ul", "likely", ...pairs.map(({ pair, count }, i) => {
      const bar = element("span", "bar");
      bar.style.setProperty("--share", count / most);
      return element("li", i ? "" : "chosen", element("span", "word", plus(pair)), bar, element("span", "number", String(count)));
    }))];
}

function rows({ rows }) {
  const tree = mergeTree(rows, rows.length - 1, rank => say(texts.merge, { rank: rank + 1 }));
  return [element("p", "found", texts.encoded), tree];
}
