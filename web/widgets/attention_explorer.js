// The attention explorer of notebook 3: all heads at once, where one of them looks, and what is said with
// some of them switched off.

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { asking, newStatus, textField } from "./frame.js";
import { found, headGrid, lookingBack } from "./pictures/attention.js";
import { likelyTable } from "./pictures/choice.js";
import { button, checkbox, slider } from "./pictures/controls.js";
import { shown } from "./pictures/words.js";

export const title = strings.widgets.explorer;

/** given { text, n_layer, n_head, layer, head }. Asks { text, off: [[layer, head], …] }, is answered
 * { tokens: [{ text, bytes }], weights(layer, head, i, j), next: for each position [{ text, before, after }],
 * or a function from a position to a promise of that; null where no head can be switched off yet }. A
 * kernel gives the weights as float32 in a buffer [n_layer, n_head, seq, seq]. */
export function draw(box, source) {
  const { n_layer, n_head, layer: first, head: its } = source.given, texts = strings.widgets, status = newStatus();
  const picture = element("div", ""), words = element("p", "found"), row = element("div", ""), next = element("div", "");
  let tokens, weights, likely, at, off = [];
  const layer = slider(texts.layer, { min: 0, max: n_layer - 1, step: 1, value: first }, show);
  const head = slider(texts.head, { min: 0, max: n_head - 1, step: 1, value: its }, show);
  const silent = () => off.some(([l, h]) => l === layer.value && h === head.value);
  const silence = checkbox(texts.switchOff, false, wanted => {
    off = off.filter(([l, h]) => l !== layer.value || h !== head.value);
    if (wanted) off.push([layer.value, head.value]);
    again();
  });
  const allOn = button(texts.allOn, () => {
    off = [];
    again();
  });
  const field = textField(source, status, () => again());
  const again = asking(source, status, () => ({ text: field.text, off }), answer => {
    const another = answer.tokens.length !== tokens?.length;
    ({ tokens, next: likely } = answer);
    weights = answer.weights ?? inBuffer(answer.buffers[0], tokens.length);
    if (another) at = tokens.length - 1;
    show();
  });
  box.append(field.place, status, picture, element("div", "sliders two", layer.place, head.place));
  box.append(element("div", "row", silence.place, allOn), words, row, next);
  return again();

  function inBuffer({ buffer, byteOffset, byteLength }, seq) {
    const shares = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength));
    return (l, h, i, j) => shares[((l * n_head + h) * seq + i) * seq + j];
  }

  function show() {
    if (!tokens) return;
    const seq = tokens.length, chosen = [layer.value, head.value];
    const shares = tokens.slice(0, at + 1).map((_, j) => weights(...chosen, at, j));
    silence.checked = silent();
    silence.input.disabled = allOn.disabled = !likely;
    silence.place.lastChild.textContent = likely ? texts.switchOff : texts.switchOffLater;
    words.textContent = found(tokens, shares, ...chosen, at);
    picture.replaceChildren(headGrid({
      n_layer, n_head, seq, weights, chosen, off,
      pick(nextLayer, nextHead) {
        layer.value = nextLayer;
        head.value = nextHead;
        show();
      },
    }));
    row.replaceChildren(lookingBack(tokens, shares, at, another => {
      at = another;
      show();
      row.querySelector("[aria-pressed=true]").focus();
    }));
    next.replaceChildren();
    if (likely) showNext();
  }

  async function showNext() {
    const asked = likely, position = at, left = off.map(each => each.join(".")).join(", ");
    const rows = typeof likely === "function" ? await likely(position) : likely[position];
    if (likely !== asked || at !== position) return; // something else is shown by now
    const note = off.length ? say(texts.without, { left }) : texts.noneOff;
    const after = say(texts.after, { token: shown(tokens[at]) });
    next.replaceChildren(element("p", "found", `${after} ${note}`), likelyTable(rows, true));
  }
}
