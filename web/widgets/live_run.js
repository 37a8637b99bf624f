// The engine for the page: started once, by whichever button is pressed first, and its answers in the
// form of recorded_run.js.

import { Engine } from "../engine/engine.js";
import { largest_ids, newGenerator } from "../engine/sampler.js";
import { joined } from "./pictures/words.js";

export const WEIGHTS = "weights/manifest.json";
export const LONGEST = 256; // tokens that the pages read
const NAMED = 60; // tokens of each step
const ALL_HEADS = 128; // up to so many tokens the squares of all heads are drawn

let starting = null, running = null;
const hopeful = new Set();

/** The engine, or null as long as nobody has started it. */
export function engineNow() {
  return running;
}

/** Start the engine, once for the page. @throws Error with a sentence for the reader */
export function startEngine(onProgress = () => {}) {
  starting ??= Engine.start({ weights: WEIGHTS, onProgress }).then(
    engine => {
      running = engine;
      for (const each of hopeful) each(engine);
      return engine;
    },
    error => {
      starting = null; // the next try is a new one
      throw error;
    },
  );
  return starting;
}

/** Call `then` with the engine: now, or when it has been started by any button of the page. */
export function withEngine(then) {
  if (running) then(running);
  else hopeful.add(then);
}

/** Remove the model from this browser. What runs goes on until the page is left. */
export function removeWeights() {
  return Engine.remove(WEIGHTS);
}

/** Whether the model is kept here, so that it starts without a download. */
export async function isKept() {
  try {
    return await Engine.isKept(WEIGHTS);
  } catch {
    return false; // the browser keeps nothing
  }
}

/** A run of the engine from a text: `view(tokens)` as in recorded_run.js. */
export class LiveRun {
  constructor(engine, seed = 0) {
    this.engine = engine;
    this.random = newGenerator(seed);
    this.known = new Map(); // the tokens that may be named
  }

  /** The view of a text, given as its tokens. */
  async view(tokens, guesses = 5) {
    const ids = tokens.map(each => each.id), { n_layer, n_head } = this.engine.config;
    const attention = ids.length <= ALL_HEADS ? "all" : [];
    const found = await this.engine.look(ids, { attention, stream: guesses, logits: true });
    for (const each of [...tokens, ...found.stream.flat()]) this.known.set(each.id, each);
    await this.#learn(largest_ids(found.logits, NAMED));
    const weights = attention === "all"
      ? (layer, head, i, j) => found.attention[layer * n_head + head][i * ids.length + j]
      : null;
    return {
      tokens,
      written: joined(tokens),
      logits: found.logits,
      stream: found.stream,
      u: this.random(),
      next: null,
      textOf: id => this.known.get(id) ?? "…",
      inside: async () => ({
        weights,
        row: async id => (await this.engine.rows([id]))[0],
        last: found.last,
      }),
    };
  }

  /** Whether a text ends with this token. */
  stops(id) {
    return this.engine.config.stop_ids.includes(id);
  }

  /** The token with this id, with its text and its bytes. */
  async token(id) {
    await this.#learn([id]);
    return this.known.get(id);
  }

  async #learn(ids) {
    const missing = ids.filter(id => !this.known.has(id));
    for (const each of await this.engine.tokens(missing)) this.known.set(each.id, each);
  }
}
