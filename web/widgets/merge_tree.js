// The merge tree of notebook 1: any text, and the merges that apply to it, one after the other.

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { asking, newStatus, textField } from "./frame.js";
import { button, choice, slider } from "./pictures/controls.js";
import { mergeTree } from "./pictures/merge_tree.js";
import { aboutParts, chip, shown, thousands } from "./pictures/words.js";

const texts = strings.tree;
export const title = texts.title;

/** given { text, names }: tokenizers to choose from, if there are several. Asks { text, name }, is
 * answered { rows: [{ tokens: [{ text, bytes }], rank }] }, the bytes first. */
export function draw(box, source) {
  const { names } = source.given, status = newStatus(), words = element("p", "found");
  const picture = element("div"), tokens = element("div", "ids"), parts = element("div");
  const field = textField(source, status, () => again());
  const name = names && choice(strings.widgets.mergesOf, names, () => again());
  let rows = [];
  const step = slider(texts.step, { min: 0, max: 0, step: 1, value: 0 }, () => redraw());
  const onward = button(texts.next, () => {
    step.value += 1;
    redraw();
  }, "call");
  const redraw = () => {
    const at = step.value, { rank } = rows[at], last = at === rows.length - 1;
    onward.disabled = last;
    words.textContent = [at ? say(texts.merged, { rank: thousands(rank), ...newest(rows, at) }) : texts.start, last ? texts.end : ""].join(" ").trim();
    picture.replaceChildren(mergeTree(rows, at, number => say(texts.rank, { rank: thousands(number) })));
    tokens.replaceChildren(...rows[at].tokens.map((token, i) => chip(token, i)));
    parts.replaceChildren(...aboutParts(rows[at].tokens));
  };
  const again = asking(source, status, () => ({ text: field.text, name: name?.value }), answer => {
    const first = !rows.length;
    rows = answer.rows;
    step.input.max = rows.length - 1;
    step.value = first ? 0 : rows.length - 1;
    redraw();
  });
  box.append(field.place, element("div", "sliders two", ...(names ? [name.place] : []), step.place),
    element("div", "row", onward), status, words, picture, tokens, parts);
  return again();
}

/** What the last merge made of what: { left, right, token }. */
function newest(rows, at) {
  const before = rows[at - 1].tokens, now = rows[at].tokens;
  const i = now.findIndex((token, k) => token.bytes.length !== before[k].bytes.length);
  return { left: shown(before[i]), right: shown(before[i + 1]), token: shown(now[i]) };
}
