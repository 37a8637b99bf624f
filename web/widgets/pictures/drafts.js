// The residual stream as a strip: which token is on top of the lens, from the table to the last layer.

import { element } from "../../dom.js";
import { say, strings } from "../strings.js";
import { percent, shown } from "./words.js";

/** [{ token, from, states }]: the tokens on top, one after another. */
export function stretches(stream) {
  const runs = [];
  stream.forEach(([best], i) => {
    const word = shown(best), last = runs.at(-1);
    if (last?.word === word) last.states += 1;
    else runs.push({ word, from: i, states: 1 });
  });
  return runs;
}

/** The strip, with a mark that can be dragged; as high as the token on top is likely.
 * @param stream [[{ text, p } …] …] @param pick called with another state
 * @returns { place, mark(at): put the mark at a state } */
export function drafts(stream, pick) {
  const n = stream.length, last = shown(stream.at(-1)[0]), runs = stretches(stream);
  const names = runs.map(({ word, states }, i) => {
    const name = element("span", `${word === last ? "final" : `tint-${i % 2}`}`);
    name.style.flexGrow = states;
    name.title = word;
    if (states / n > 0.06 && word.length * 0.032 < states / n + 0.05) name.append(word);
    return name;
  });
  const columns = stream.map(([best]) => {
    const column = element("i", shown(best) === last ? "final" : "");
    column.style.setProperty("--share", best.p);
    return column;
  });
  const picture = element("div", "drafts", element("div", "columns", ...columns), element("div", "stretches", ...names));
  const mark = element("span", "mark");
  picture.append(mark);
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", say(strings.pictures.drafts, {
    tokens: runs.filter(({ states }) => states > 2).map(({ word }) => word).join(", "), last,
  }));
  const choose = event => {
    const { left, width } = picture.getBoundingClientRect();
    pick(Math.max(0, Math.min(n - 1, Math.floor((event.clientX - left) / width * n))));
  };
  picture.onpointerdown = event => {
    event.preventDefault(); // no text is selected by it
    picture.setPointerCapture(event.pointerId);
    choose(event);
  };
  picture.onpointermove = event => {
    if (event.buttons) choose(event);
  };
  return {
    place: picture,
    mark(at) {
      mark.style.left = `${100 * (at + 0.5) / n}%`;
    },
  };
}

/** The likeliest tokens at one state, a bar each; that of `last` is blue. @param guesses [{ text, bytes, p } …] */
export function guessBars(guesses, last) {
  const most = Math.max(...guesses.map(({ p }) => p));
  return element("ol", "likely", ...guesses.map(guess => {
    const bar = element("span", shown(guess) === shown(last) ? "bar" : "bar other");
    bar.style.setProperty("--share", guess.p / most);
    return element("li", "", element("span", "word", shown(guess)), bar, element("span", "number", percent(guess.p)));
  }));
}
