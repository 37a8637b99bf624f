// A choice: the likeliest tokens as bars, what the filters cut struck through, and the interval from 0
// to 1 in which u picks a token. A token is a text, or { text, bytes } where it is a part of a character.

import { element } from "../../dom.js";
import { say, strings } from "../strings.js";
import { percent, shown, thousands } from "./words.js";

/** A grey bar for the model, a blue one for what is left. */
function twoBars(before, after) {
  const bars = element("span", "bars");
  for (const [name, share] of [["model", before], ["left", after]]) {
    const bar = element("span", name);
    bar.style.setProperty("--share", share);
    bars.append(bar);
  }
  return bars;
}

/** A line for each of some tokens: a grey bar for the model, a blue one for what is left.
 * @param rows [{ text, before, after, chosen }]; @param both whether both numbers are written */
export function likelyTable(rows, both = false) {
  const widest = Math.max(...rows.flatMap(({ before, after }) => [before, after]));
  return element("ol", "likely", ...rows.map(({ text, before, after, chosen }) => {
    const cut = after === 0 && !both, left = cut ? strings.pictures.cut : percent(after);
    const name = [chosen ? "chosen" : cut ? "cut" : "", both ? "wide" : ""].join(" ").trim();
    return element("li", name,
      element(cut ? "s" : "span", "word", shown(text)), twoBars(before / widest, after / widest),
      element("span", "number", both ? `${percent(before)} → ${left}` : left));
  }));
}

/** The interval from 0 to 1: a stretch a token, as long as its probability, and a mark at u. */
export function strip({ u, stretches, chosen, token = shown(chosen) }) {
  let thick = 0;
  const boxes = stretches.map(({ text, share, chosen: here }) => {
    const box = element("span", text === null ? "thin" : `tint-${thick++ % 2}`);
    box.style.flexGrow = share;
    if (text === null) box.title = say(strings.pictures.thin, { share: percent(share) });
    else {
      box.title = `${shown(text)} ${percent(share)}`;
      if (share > 0.07) box.append(shown(text));
      if (here) box.classList.add("chosen");
    }
    return box;
  });
  const mark = element("span", "u", element("b", "", "u"));
  mark.style.left = `${100 * u}%`;
  const picture = element("div", "strip", element("div", "stretches", ...boxes), mark);
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", say(strings.pictures.strip, { u: u.toFixed(3), token }));
  return picture;
}

/** "42 of 49,152 tokens are left …" */
export function survivors({ kept, all, mass, entropy }) {
  const values = { kept: thousands(kept), all: thousands(all), mass: percent(mass), entropy: entropy.toFixed(2) };
  return say(strings.pictures.survivors, values);
}
