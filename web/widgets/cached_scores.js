// The scores of notebook 7: what a step of the loop computes of the attention matrix, without a cache and
// with one. It needs no kernel and no model: the shares of one head are given.

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { slider } from "./pictures/controls.js";
import { shown, thousands } from "./pictures/words.js";

export const title = strings.cachedScores.title;

/** given { tokens: texts, prompt: how many of them are the prompt, layer, head, shares: [[…]] }, row i of
 * shares is where token i looks, up to itself. Step 0 is the prompt. */
export function draw(box, { given }) {
  const texts = strings.cachedScores, picture = element("div", "scores"), words = element("p", "found");
  const last = given.tokens.length - given.prompt;
  const step = slider(texts.step, { min: 0, max: last, step: 1, value: last }, show);
  words.setAttribute("role", "status");
  box.append(step.place, picture, words);
  show();

  function show() {
    const all = counts(given.prompt, step.value);
    picture.replaceChildren(...["without", "with"].map(way => {
      const { rows, scores, rowsSoFar, scoresSoFar } = all[way];
      const numbers = { rows, scores: thousands(scores), rowsSoFar: thousands(rowsSoFar), scoresSoFar: thousands(scoresSoFar) };
      return element("figure", "", element("figcaption", "", texts[way]), grid(given, all.seen, rows),
        element("p", "note", say(texts.computed, numbers)));
    }));
    const token = shown(given.tokens[all.seen - 1]);
    words.textContent = say(step.value ? texts.row : texts.prefill, { token, seen: all.seen, layer: given.layer, head: given.head });
  }
}

/** The lower triangle of `seen` tokens; its last `rows` rows are computed in this step, the others not. */
function grid({ tokens, shares }, seen, rows) {
  const square = element("div", "triangle");
  square.style.setProperty("--tokens", tokens.length);
  square.setAttribute("aria-hidden", "true");
  for (let i = 0; i < tokens.length; i++) {
    for (let j = 0; j < tokens.length; j++) {
      const inside = i < seen && j <= i;
      const cell = element("span", !inside ? "" : i < seen - rows ? "skipped" : "computed");
      if (inside) cell.style.setProperty("--share", Math.sqrt(shares[i][j]).toFixed(3));
      square.append(cell);
    }
  }
  return square;
}

/** What a step computes, and all steps up to it: rows of the matrix (tokens that go through the layers)
 * and scores, for one head. Step 0 is the pass over the prompt, the others bring a token each. */
export function counts(prompt, step) {
  const triangle = n => n * (n + 1) / 2, seen = prompt + step, all = { seen };
  all.without = { rows: seen, scores: triangle(seen), rowsSoFar: 0, scoresSoFar: 0 };
  for (let n = prompt; n <= seen; n++) {
    all.without.rowsSoFar += n;
    all.without.scoresSoFar += triangle(n);
  }
  const rows = step ? 1 : prompt;
  all.with = { rows, scores: step ? seen : triangle(prompt), rowsSoFar: seen, scoresSoFar: triangle(seen) };
  return all;
}
