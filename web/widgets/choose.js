// From logits to a choice, with the page's own sampler: the numbers that pictures/choice.js draws. In a
// notebook llmlib/widgets/choice.py gives the same.

import { filter_logits, largest_ids, sample, softmax } from "../engine/sampler.js";

export const THIN = 0.004; // a stretch thinner than this is not drawn by itself

/** What the settings make of logits:
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

/** What is drawn of a choice: { u, rows, stretches: [{ text, share, chosen }], kept, all, mass, entropy,
 * chosen }, the tokens as their texts. */
export function drawn(made, u, textOf) {
  const { after, kept, mass, entropy, chosen } = made;
  const named = ({ id, share }) => ({ text: id === null ? null : textOf(id), share, chosen: id === chosen });
  return {
    u, rows: rowsOf(made, textOf), stretches: stretches(after).map(named), kept, all: after.length, mass, entropy,
    chosen: textOf(chosen),
  };
}

/** A row for each token of `order`: [{ text, before, after, chosen }]. */
export function rowsOf({ before, after, order, chosen }, textOf) {
  return order.map(id => ({ text: textOf(id), before: before[id], after: after[id], chosen: id === chosen }));
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
