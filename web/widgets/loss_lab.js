// The loss lab of notebook 5: logits on sliders become probabilities, and the loss of the token that
// came.

import { element } from "../dom.js";
import { say, strings } from "./strings.js";
import { asking, newStatus } from "./frame.js";
import { choice, slider } from "./pictures/controls.js";

export const title = strings.loss.title;

/** −ln p in words: "0.693", "infinite". */
export function lossOf(p) {
  return p > 0 ? Math.abs(-Math.log(p)).toFixed(3) : strings.loss.infinite;
}

/** given { tokens, logits }. Asks { logits }, is answered { shares }. */
export function draw(box, source) {
  const texts = strings.loss, { tokens, logits } = source.given, status = newStatus();
  const number = { min: -4, max: 8, step: 0.1, format: x => x.toFixed(1) };
  const sliders = tokens.map((token, i) => slider(token, { ...number, value: logits[i] }, () => again()));
  const came = choice(texts.came, tokens, () => again()), picture = element("div", ""), words = element("p", "found");
  const again = asking(source, status, () => ({ logits: sliders.map(each => each.value) }), ({ shares }, asked) => {
    const at = tokens.indexOf(came.value);
    const rows = tokens.map((token, i) => line(token, asked.logits[i], shares[i], i === at));
    const head = element("tr", "", ...texts.columns.map(each => column(each)));
    picture.replaceChildren(element("table", "losses", element("thead", "", head), element("tbody", "", ...rows)));
    words.textContent = say(texts.said, { p: shares[at].toFixed(3), loss: lossOf(shares[at]) });
  });
  box.append(element("div", "sliders", ...sliders.map(each => each.place), came.place), status, picture, words);
  return again();
}

function column(name) {
  const made = element(name ? "th" : "td", "", name);
  if (name) made.scope = "col";
  return made;
}

/** A token, its logit, its probability as a bar and a number, and the gradient of its logit. */
function line(token, logit, share, came) {
  const bar = element("span", "bar"), pull = share - came;
  const name = element("th", "", came ? say(strings.loss.thisCame, { token }) : token);
  bar.style.setProperty("--share", share);
  name.scope = "row";
  const numbers = [logit.toFixed(1), bar, share.toFixed(3), `${pull < 0 ? "−" : "+"}${Math.abs(pull).toFixed(3)}`];
  return element("tr", came ? "came" : "", name, ...numbers.map(each => element("td", "number", each)));
}
