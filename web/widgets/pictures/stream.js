// What the residual stream would say before each layer, if the model stopped there.

import { element } from "../../dom.js";
import { say, strings } from "../strings.js";
import { oneTabStop } from "./controls.js";
import { percent, shown } from "./words.js";

/** @param stream [[{ text, p }, …] …], n_layer + 1 lists; @param layer the chosen one
 * @param pick called with a layer */
export function streamTable(stream, layer, pick) {
  const last = stream.length - 1;
  const rows = stream.map((guesses, i) => {
    const [best] = guesses, chosen = i === layer;
    const name = i === 0 ? strings.pictures.embedding : say(strings.pictures.afterLayer, { layer: i - 1 });
    const bar = element("span", "bar");
    bar.style.setProperty("--share", best.p);
    const others = guesses.slice(1, 4).map(shown).join("  ");
    const button = element("button", "guess-row", element("span", "where", name),
      element("code", "", shown(best)), bar, element("span", "number", percent(best.p)),
      element("code", "others", others));
    button.type = "button";
    button.setAttribute("aria-pressed", chosen);
    button.title = guesses.map(each => `${shown(each)} ${percent(each.p)}`).join("\n");
    button.onclick = () => pick(i);
    const same = best.text === stream[last][0].text;
    return element("li", same ? "settled" : "", button);
  });
  oneTabStop(rows.map(each => each.firstChild), layer);
  return element("ol", "stream", ...rows);
}
