// From logits to a choice: the likeliest tokens as bars, what the filters cut struck through, and the
// interval from 0 to 1 in which u picks a token.

import { filter_logits, largest_ids, sample, softmax } from "../../engine/sampler.js";
import { element } from "../../dom.js";
import { say, strings } from "../../strings.js";
import { percent, shown, thousands } from "./words.js";

export const THIN = 0.004; // a stretch thinner than this is not drawn by itself

/** What the settings make of logits, all that the pictures show:
 * { before, after: [vocab], order: ids, kept, mass, entropy, chosen }.
 * `before` are the model's own probabilities, `after` those that are left. */
export function choose(logits, u, settings, n = 12) {
  const before = softmax(logits), after = softmax(filter_logits(logits, settings));
  let kept = 0, mass = 0, entropy = 0;
  for (let id = 0; id < after.length; id++) {
    if (after[id] === 0) continue;
    kept += 1;
    mass += before[id];
    entropy -= after[id] * Math.log(after[id]);
  }
  return { before, after, order: largest_ids(logits, n), kept, mass, entropy, chosen: sample(logits, u, settings) };
}

/** [{ id, share }] from left to right, in order of ids: of the thick stretches, and, with id null, of
 * the thin ones between two of them together. */
export function stretches(shares, thin = THIN) {
  const found = [];
  let grey = 0;
  const close = () => {
    if (grey > 0) found.push({ id: null, share: grey });
    grey = 0;
  };
  for (let id = 0; id < shares.length; id++) {
    if (shares[id] < thin) {
      grey += shares[id];
      continue;
    }
    close();
    found.push({ id, share: shares[id] });
  }
  close();
  return found;
}

/** A grey bar for the model, a blue one for what is left. */
export function twoBars(before, after) {
  const bars = element("span", "bars");
  for (const [name, share] of [["model", before], ["left", after]]) {
    const bar = element("span", name);
    bar.style.setProperty("--share", share);
    bars.append(bar);
  }
  return bars;
}

/** A row for each token of `order`: a grey bar for the model, a blue one for what is left. */
export function likelyTable({ before, after, order, chosen }, textOf) {
  const widest = Math.max(...order.map(id => Math.max(before[id], after[id])));
  const rows = order.map(id => {
    const cut = after[id] === 0, bars = twoBars(before[id] / widest, after[id] / widest);
    const text = element(cut ? "s" : "span", "word", shown(textOf(id)));
    const number = element("span", "number", cut ? strings.pictures.cut : percent(after[id]));
    return element("li", id === chosen ? "chosen" : cut ? "cut" : "", text, bars, number);
  });
  return element("ol", "likely", ...rows);
}

/** The interval from 0 to 1: a stretch a token, as long as its probability, and a mark at u. */
export function strip({ after, chosen }, u, textOf) {
  let thick = 0;
  const boxes = stretches(after).map(({ id, share }) => {
    const box = element("span", id === null ? "thin" : `tint-${thick++ % 2}`);
    box.style.flexGrow = share;
    if (id === null) box.title = say(strings.pictures.thin, { share: percent(share) });
    else {
      box.title = `${shown(textOf(id))} ${percent(share)}`;
      if (share > 0.07) box.append(shown(textOf(id)));
      if (id === chosen) box.classList.add("chosen");
    }
    return box;
  });
  const mark = element("span", "u", element("b", "", "u"));
  mark.style.left = `${100 * u}%`;
  const picture = element("div", "strip", element("div", "stretches", ...boxes), mark);
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", say(strings.pictures.strip, { u: u.toFixed(3), token: shown(textOf(chosen)) }));
  return picture;
}

/** "42 of 49,152 tokens are left …" */
export function survivors({ after, kept, mass, entropy }) {
  const values = { kept: thousands(kept), all: thousands(after.length), mass: percent(mass), entropy: entropy.toFixed(2) };
  return say(strings.pictures.survivors, values);
}
