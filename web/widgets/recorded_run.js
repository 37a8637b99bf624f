// The recorded run, in the same form as a run of the engine (live_run.js): a list of views, one for
// every length of the text.

import { joined } from "./pictures/words.js";
import recorded from "./recorded.js";

/** A view is what the pages draw of a text:
 * { tokens: [{ id, text, bytes }], written: their text, logits: Float32Array(vocab_size), stream, u, next: the id
 *   that was drawn here, textOf(id): its text, or the token, inside(): Promise<{ weights(layer, head, i, j), row(id), last }> } */
export function recordedView(step) {
  const { tokens, prompt_length, steps, shape } = recorded, { likeliest, others, stream, u, id } = steps[step];
  const texts = new Map(likeliest.map(([each, text]) => [each, text]));
  for (const each of tokens) texts.set(each.id, each.text);
  const read = tokens.slice(0, prompt_length + step);
  return {
    tokens: read,
    written: joined(read),
    logits: logitsOf(likeliest, others, shape.vocab_size),
    stream: stream.map(layer => layer.map(([text, p]) => ({ text, p }))),
    u,
    next: tokens.find(each => each.id === id),
    textOf: each => texts.get(each) ?? "…",
    inside: () => inside(step),
  };
}

export const recordedLength = recorded.steps.length;
export const { shape, settings, prompt } = recorded;

/** Logits of the whole vocabulary: the likeliest as they are, and the others as their histogram tells,
 * spread over the other ids. Which of those ids got which logit was not recorded. */
export function logitsOf(likeliest, others, vocab_size) {
  const logits = new Float32Array(vocab_size).fill(NaN);
  for (const [id, , logit] of likeliest) logits[id] = logit;
  let at = 0;
  const step = 30011; // a prime: every id is met once, far from the one before
  for (const [logit, count] of others) {
    for (let i = 0; i < count; at = (at + step) % vocab_size) {
      if (!Number.isNaN(logits[at])) continue;
      logits[at] = logit;
      i += 1;
    }
  }
  return logits;
}

let loaded;
/** What is too large to come with the page: fetched when the first picture needs it. */
export function recordedInside() {
  return loaded ??= import("./recorded_inside.js").then(module => module.default);
}

async function inside(step) {
  const { attention, vectors, last } = await recordedInside();
  const real = numbers => numbers?.map(each => each / 1000);
  return {
    weights: (layer, head, i, j) => attention[layer][head][i * (i + 1) / 2 + j] / 1000,
    row: async id => real(vectors[id]),
    last: real(last[step]),
  };
}
