// The model in the page: starts the worker and speaks with it. Everything a page needs of the engine
// is here; sampler.js may be used besides it.
import { keepPages } from "../keep_pages.js";
import { strings } from "../strings.js";
import { isKept, remove } from "./download.js";

export class Engine {
  #worker; #calls = new Map(); #last = 0;

  /** Downloads the weights, unless they are kept, and loads them.
   * @param weights the address of manifest.json, from the page
   * @param onProgress called with { loaded, total } in bytes
   * @throws Error with one sentence for the reader: what went wrong, and what to do
   * @returns {Promise<Engine>} */
  static async start({ weights = "weights/manifest.json", onProgress = () => {} } = {}) {
    if (typeof WebAssembly !== "object" || typeof Worker !== "function") {
      throw new Error(strings.engine.noWebAssembly);
    }
    const engine = new Engine();
    try {
      const address = new URL(weights, document.baseURI).href;
      engine.config = await engine.#call("start", [{ weights: address }], { progress: onProgress });
    } catch (error) {
      engine.stop();
      throw error;
    }
    keepPages(FILES);
    return engine;
  }

  /** Whether the weights are in the browser's storage, so that `start` needs no network. */
  static isKept(weights = "weights/manifest.json") {
    return isKept(new URL(weights, document.baseURI).href);
  }

  /** Remove the weights from the browser's storage. An engine that runs goes on. */
  static remove(weights = "weights/manifest.json") {
    return remove(new URL(weights, document.baseURI).href);
  }

  constructor() {
    this.#worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#hear(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new Error(strings.engine.broken));
    };
  }

  /** @returns {Promise<Array<{ id, text, bytes, start, end }>>} the tokens of a text; special tokens in
   * it become their own ids. start and end: where in the text its characters lie. `merges`: how many of
   * the first merges are used. */
  encode(text, merges) {
    return this.#call("encode", [text, merges]);
  }

  /** @returns {Promise<Array<{ id, text, bytes }>>} the tokens with some ids */
  tokens(ids) {
    return this.#call("tokens", [[...ids]]);
  }

  /** @returns {Promise<string>} */
  decode(ids) {
    return this.#call("decode", [[...ids]]);
  }

  /** @returns {Promise<string>} the tokenizer's tables as JSON: { vocab: { token: id }, merges: ["left right"],
   * special: { token: id } }, the tokens in GPT-2's printable alphabet */
  vocabulary() {
    return this.#call("vocabulary", []);
  }

  /** @returns {Promise<Float32Array[]>} the rows [d_model] of the embedding that belong to some ids */
  rows(ids) {
    return this.#call("rows", [[...ids]]);
  }

  /** What the model makes of a text at its last position.
   * @param wanted.attention [[layer, head], …] or "all": a Float32Array(n * n) each, of all positions;
   *   entry i * n + j is how much token i takes from token j
   * @param wanted.stream how many guesses are wanted of the stream before each layer and behind the
   *   last one (final norm and unembedding): [[{ id, text, bytes, p } …] …], n_layer + 1 lists
   * @param wanted.hold [[layer, neuron, value], …]: neurons of an MLP that are held at a value, at the
   *   last position; `natural` in the answer is what they would have been
   * @param wanted.off [[layer, head], …]: heads that are switched off: what they read is 0
   * @param wanted.logits false if they are not wanted, nor `last`: the vector that the output head
   *   reads, after the final norm
   * @param wanted.inside a layer: `inside` in the answer is what its attention is made of, for a text of at
   *   most 32 tokens, each { shape, data }: x and normed [seq, d_model] before and after the norm of weight
   *   `norm`; q, k, v [heads, seq, head_dim]; turned_q and turned_k behind RoPE; read: what the heads read.
   *   Columns stand as in llmlib: i turns with i + head_dim / 2.
   * @returns {Promise<{ logits: Float32Array, last: Float32Array, attention: Float32Array[], stream: Array }>} */
  look(ids, wanted = {}) {
    return this.#call("look", [[...ids], wanted]);
  }

  /** Write on, as llmlib's `generate`: the same ids for the same seed.
   * @param settings { max_new_tokens, temperature, top_k, top_p, min_p, seed, stop }: temperature 0 is
   *   greedy; stop is a list of ids, the model's own if it is left out
   * @param onToken called with { id, text, p, candidates: [{ id, text, p, kept } × 20] } as soon as a
   *   token is chosen. text is empty while a character is unfinished. p comes after the temperature
   *   (at 0: without one) and before the filters; kept says what the filters left.
   * @returns {Promise<number[]>} the new ids; those so far if it was cancelled */
  generate(ids, settings = {}, onToken = () => {}) {
    return this.#call("generate", [[...ids], settings], { token: onToken });
  }

  /** @returns {Promise<Float32Array>} −ln p of each token after the first */
  losses(ids) {
    return this.#call("losses", [[...ids]]);
  }

  /** End what runs and what waits: `generate` gives the ids so far, the others an AbortError. */
  cancel() {
    this.#worker.postMessage({ cancel: this.#last });
  }

  /** End the worker, and give its memory back. */
  stop() {
    this.#worker.terminate();
    this.#fail(new DOMException("the engine was stopped", "AbortError"));
  }

  #call(method, args, listeners = {}) {
    const call = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#calls.set(call, { resolve, reject, ...listeners });
      this.#worker.postMessage({ call, method, args });
    });
  }

  #hear({ call, ...said }) {
    const waiting = this.#calls.get(call);
    if (!waiting) return;
    if ("progress" in said) waiting.progress(said.progress);
    else if ("token" in said) waiting.token(said.token);
    else {
      this.#calls.delete(call);
      if ("result" in said) waiting.resolve(said.result);
      else if (said.error.name === "AbortError") waiting.reject(new DOMException(said.error.message, "AbortError"));
      else waiting.reject(new Error(said.error.message));
    }
  }

  #fail(error) {
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}

const FILES = [ // what the worker loads, which the page does not see
  "worker.js", "checkpoint.js", "download.js", "generation.js", "gguf.js", "kernel.js", "kernel.wasm", "kv_cache.js",
  "model.js", "parts.js", "sampler.js", "tokenizer.js", "../strings.js", "../widgets/strings.js",
].map((name) => new URL(name, import.meta.url).href);
