// Python in a thread of its own, by Pyodide, so that the page never stutters. python.js starts it and
// speaks with it: { call, method, args } in, { call, result }, { call, progress }, { call, begins } or
// { call, error } out.
import { download } from "../engine/download.js";
import { strings } from "../strings.js";

const COURSE = "/course"; // where the course's files are, in Python's file system
let python, exercises;

const methods = {
  /** Downloads Python, unless it is kept, and starts it. The parts and their order are those of
   * authoring/site/python_parts.py. */
  async start(call, url) {
    const parts = [];
    for await (const part of download(url, strings.python.what, (progress) => postMessage({ call, progress }))) {
      parts.push(part);
    }
    const [loader, script, wasm, library, lock, course] = await Promise.all(parts.map(unpacked));
    if (!WebAssembly.validate(wasm)) throw new Error(strings.python.oldBrowser);
    const { loadPyodide } = await import(addressOf(loader));
    const { default: createPyodideModule } = await import(addressOf(script));
    const indexURL = new URL("./", url).href;
    answer(`${indexURL}pyodide.asm.wasm`, wasm);
    python = await loadPyodide({
      indexURL,
      packageBaseUrl: indexURL,
      createPyodideModule,
      stdLibURL: addressOf(library),
      lockFileContents: new TextDecoder().decode(lock),
    });
    python.unpackArchive(course, "zip", { extractDir: COURSE });
    python.runPython(`import sys; sys.path.insert(0, ${JSON.stringify(COURSE)})`);
    exercises = python.pyimport("page_checks");
  },

  check(call, notebook, exercise, code, others) {
    const theirs = python.toPy(others);
    const begins = (name) => postMessage({ call, begins: name });
    try {
      return JSON.parse(exercises.check(notebook, exercise, code, theirs, begins));
    } finally {
      theirs.destroy();
    }
  },

  myLlm(call, answers) {
    const theirs = python.toPy(answers);
    try {
      return JSON.parse(python.pyimport("my_llm_file").make(theirs, (name) => postMessage({ call, begins: name })));
    } finally {
      theirs.destroy();
    }
  },

  /** What a function gives for numbers of the engine; `sources` are loaded first, if they are given. */
  call(call, sources, name, args) {
    const functions = python.pyimport("engine_functions");
    postMessage({ call, begins: name });
    if (sources) {
      const mine = python.toPy(sources.mine);
      const message = functions.load(sources.notebook, mine, sources.tokenizer);
      mine.destroy();
      if (message) return { message, uses: [] };
    }
    const begin = performance.now();
    const given = args.map((each) => {
      if (Array.isArray(each)) return python.toPy(each);
      return ArrayBuffer.isView(each?.data) ? functions.tensor(each.data, each.shape) : each;
    });
    const found = functions.call(name, ...given);
    const seconds = (performance.now() - begin) / 1000;
    const plain = { dict_converter: Object.fromEntries };
    try {
      return { ...found.toJs(plain), uses: functions.uses(name).toJs(plain), seconds };
    } finally {
      found.destroy();
      for (const each of given) each?.destroy?.();
    }
  },
};

function unpacked(part) {
  return new Response(new Blob([part]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** An address for bytes that are here: a script to import, a file to fetch. */
function addressOf(bytes) {
  return URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
}

/** From now on `fetch` finds these bytes at an address: Pyodide takes its wasm from nowhere else. */
function answer(address, bytes) {
  const { fetch } = self;
  self.fetch = (wanted, ...more) => (String(wanted.url ?? wanted) === address
    ? Promise.resolve(new Response(bytes, { headers: { "Content-Type": "application/wasm" } }))
    : fetch(wanted, ...more));
}

addEventListener("message", async ({ data: { call, method, args } }) => {
  try {
    postMessage({ call, result: await methods[method](call, ...args) });
  } catch (error) {
    postMessage({ call, error: String(error?.message ?? error) });
  }
});
