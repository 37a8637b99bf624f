// The engine in a thread of its own, so that the page never stutters. engine.js starts it and speaks
// with it: { call, method, args } in, { call, result }, { call, token } or { call, error } out.
import { loadModel } from "./checkpoint.js";
import { download } from "./download.js";
import { generate, look, losses, rows } from "./generation.js";
import { Kernel } from "./kernel.js";
import { Tokenizer } from "./tokenizer.js";
import { strings } from "../strings.js";

let model, tokenizer;
let cancelled = 0; // the last call that is no longer wanted
let before = Promise.resolve(); // one call after the other: they share the cache

const methods = {
  async start(call, { weights }) {
    const wasm = await (await fetch(new URL("kernel.wasm", import.meta.url))).arrayBuffer();
    const kernel = await Kernel.start(wasm);
    const parts = download(weights, strings.engine.what, (progress) => postMessage({ call, progress }));
    model = await loadModel(parts, kernel);
    tokenizer = new Tokenizer(model.metadata);
    return model.config;
  },
  encode: (call, text, merges) => tokenizer.tokens(text, merges),
  tokens: (call, ids) => ids.map((id) => tokenizer.token(id)),
  decode: (call, ids) => tokenizer.decode(ids),
  vocabulary: () => JSON.stringify(tokenizer.tables()),
  rows: (call, ids) => rows(ids, model),
  look: (call, ids, wanted) => look(ids, wanted, surroundings(call)),
  losses: (call, ids) => losses(ids, surroundings(call)),
  generate: (call, ids, settings) => generate(ids, settings, {
    ...surroundings(call),
    onToken: (token) => postMessage({ call, token }),
  }),
};

function surroundings(call) {
  const pause = async () => {
    await hear();
    if (call <= cancelled) throw new DOMException("cancelled", "AbortError");
  };
  return { model, tokenizer, pause };
}

/** Let messages in that have arrived meanwhile. */
const channel = new MessageChannel();
function hear() {
  return new Promise((resolve) => {
    channel.port1.onmessage = resolve;
    channel.port2.postMessage(null);
  });
}

async function answer({ call, method, args }) {
  try {
    postMessage({ call, result: await methods[method](call, ...args) });
  } catch (error) {
    const { name, message } = error;
    postMessage({ call, error: { name, message } });
  }
}

addEventListener("message", ({ data }) => {
  if (data.cancel) cancelled = data.cancel;
  else before = before.then(() => answer(data));
});
