// Python in the page: starts its worker, speaks with it, ends what takes too long. Nothing is downloaded
// before `start`.
import { isKept } from "../engine/download.js";
import { keepPages } from "../keep_pages.js";
import { say, strings } from "../strings.js";

const PARTS = new URL("../../python/manifest.json", import.meta.url).href;
const FILES = [ // what the worker loads, which the page does not see
  "worker.js", "../engine/download.js", "../strings.js", "../widgets/strings.js",
].map((name) => new URL(name, import.meta.url).href);

class TooSlow extends Error {}
class Ended extends Error {}

class Python {
  seconds = 20; // for one check, as in the notebook
  #worker; #started; #listeners = new Set(); #waiting; #loaded; #calls = 0;
  #before = Promise.resolve(); // one call after the other: each may end the worker

  /** Whether Python is in the browser's storage, so that `start` needs no network. */
  isKept() {
    return isKept(PARTS);
  }

  /** Downloads Python, unless it is kept, and starts it, once.
   * @param onBytes called with { done, total } in bytes
   * @throws Error with one sentence for the reader: what went wrong, and what to do. Call it again then. */
  start(onBytes = () => {}) {
    this.#listeners.add(onBytes);
    if (!this.#started) {
      const started = this.#begin().catch((error) => {
        if (this.#started === started) this.#end(); // another one may have been started since
        throw error;
      });
      this.#started = started;
    }
    return this.#started.finally(() => this.#listeners.delete(onBytes));
  }

  /** Runs the check of an exercise on a reader's code.
   * @param others the reader's code of other exercises of the notebook, { name: code }: one that this
   *   exercise calls is used if it passes its own check, else the course's is
   * @param signal an AbortSignal: ends this check, and none that waits for it or that it waits for
   * @param onBegin called when a code begins to run: this one, or another one that it calls. Each has
   *   `seconds`
   * @throws Error only for what `start` throws, AbortError after `stop` or by the signal
   * @returns {Promise<{ passed, message, printed, uses: [{ name, whose: "reader" | "course" }] }>} `message`
   *   says what is wrong in the notebook's words; it is empty if nothing is */
  check(notebook, exercise, code, others = {}, { signal, onBegin } = {}) {
    const usable = { ...others };
    const stop = () => {
      this.stop();
      this.start().catch(() => {}); // meanwhile, for the next check
    };
    const judged = this.#before.then(async () => {
      for (;;) {
        signal?.throwIfAborted();
        await this.start();
        signal?.throwIfAborted();
        signal?.addEventListener("abort", stop);
        try {
          return await this.#call("check", [notebook, exercise, code, usable], this.seconds, onBegin);
        } catch (error) {
          const found = this.#failed(error, exercise);
          if (found) return found;
          delete usable[error.exercise]; // another one of the reader's never ends: the course's is used
        } finally {
          signal?.removeEventListener("abort", stop);
        }
      }
    });
    this.#before = judged.catch(() => {});
    return signal ? Promise.race([judged, aborted(signal)]) : judged;
  }

  /** The file my_llm.py of a reader's functions, { notebook: { exercise: code } }.
   * @throws Error as `check`, and where one of them never ends
   * @returns {Promise<{ text, lacking: [{ notebook, name, why }] }>} the text is null while one is lacking */
  myLlm(answers) {
    const made = this.#before.then(async () => {
      await this.start();
      try {
        return await this.#call("myLlm", [answers], this.seconds);
      } catch (error) {
        if (error.name === "AbortError") throw error;
        this.#end();
        const { tooSlow, ended } = strings.python;
        const said = error instanceof TooSlow ? say(tooSlow, { seconds: this.seconds }) : ended;
        throw new Error(error.exercise ? `${error.exercise}: ${said}` : said);
      }
    });
    this.#before = made.catch(() => {});
    return made;
  }

  /** Calls a function of a chapter. A tensor crosses as { shape, data }, a typed array in order.
   * @param sources { notebook, mine: { exercise: code }, tokenizer }: `mine` stands in the place of the
   *   course's. The chapter's cells are run once for the same object. `tokenizer`: what engine.vocabulary()
   *   gives, for "tokenizer.encode" and "tokenizer.decode" of notebook 1, which speak in the model's ids
   * @throws Error as `check`
   * @returns {Promise<{ value, message, uses: [{ name, whose: "reader" | "course" }], seconds }>} `message`
   *   says what went wrong, if anything did; `uses` are the exercises that the function is made of */
  call(sources, name, args) {
    const called = this.#before.then(async () => {
      await this.start();
      try {
        const missing = this.#loaded === sources ? null : sources;
        const found = await this.#call("call", [missing, name, args], this.seconds);
        this.#loaded = sources;
        return found;
      } catch (error) {
        return this.#failed(error, name);
      }
    });
    this.#before = called.catch(() => {});
    return called;
  }

  /** Ends what runs, and gives the memory back. What is asked next starts Python again. */
  stop() {
    this.#end(new DOMException("Python was stopped", "AbortError"));
  }

  /** What a check says whose worker had to be ended; null if it may be tried again. */
  #failed(error, exercise) {
    if (error.name === "AbortError") throw error;
    if (error instanceof Ended) console.warn(error);
    this.#end();
    this.start().catch(() => {}); // meanwhile, for the next check
    if (error instanceof TooSlow && error.exercise !== exercise) return null;
    const message = error instanceof TooSlow
      ? say(strings.python.tooSlow, { seconds: this.seconds }) : strings.python.ended;
    return { passed: false, message, printed: "", uses: [] };
  }

  async #begin() {
    if (![self.WebAssembly, self.Worker, self.DecompressionStream].every(Boolean)) {
      throw new Error(strings.python.oldBrowser);
    }
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.#worker = worker;
    // What a worker said before it was ended may arrive afterwards, when another one is at work.
    worker.onmessage = ({ data }) => worker === this.#worker && this.#hear(data);
    worker.onerror = (event) => {
      event.preventDefault();
      if (worker === this.#worker) this.#waiting?.reject(new Ended(strings.python.broken));
    };
    await this.#call("start", [PARTS]);
    keepPages(FILES);
  }

  #call(method, args, seconds = 0, onBegin = () => {}) {
    const waiting = { seconds, onBegin, call: ++this.#calls };
    this.#waiting = waiting;
    return new Promise((resolve, reject) => {
      Object.assign(waiting, { resolve, reject });
      this.#worker.postMessage({ call: waiting.call, method, args });
    }).finally(() => clearTimeout(waiting.clock));
  }

  #hear({ call, ...said }) {
    const waiting = this.#waiting;
    if (waiting?.call !== call) return;
    if ("progress" in said) {
      for (const each of this.#listeners) each({ done: said.progress.loaded, total: said.progress.total });
    } else if ("begins" in said) {
      clearTimeout(waiting.clock);
      const late = Object.assign(new TooSlow(), { exercise: said.begins });
      waiting.clock = setTimeout(() => waiting.reject(late), 1000 * waiting.seconds);
      waiting.onBegin();
    } else if ("error" in said) waiting.reject(new Ended(said.error));
    else waiting.resolve(said.result);
  }

  #end(why) {
    this.#worker?.terminate();
    this.#worker = this.#started = this.#loaded = undefined;
    if (why) this.#waiting?.reject(why);
  }
}

/* A promise that is rejected when the signal says so. */
function aborted(signal) {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

export const python = new Python();
