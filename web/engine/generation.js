// What the page asks of the model: write on, look inside, measure. Each runs the prompt in blocks and
// pauses between them, so that the worker hears when it is to stop.
import { say, strings } from "../strings.js";
import { forward, unembed } from "./model.js";
import { BLOCK } from "./parts.js";
import { apply_temperature, candidates, filter_logits, largest_ids, newGenerator, sample, softmax } from "./sampler.js";

const MOST_ATTENTION = 256e6; // bytes

/** Run `ids` behind the ones that the cache holds already, if it holds their beginning: what is
 * computed of them is the same bit for bit. `each(x, first, seq)` sees the stream of every block that
 * was run. @returns the address of the last token's vector behind the last layer */
async function read(ids, model, pause, { watch, each, again = false } = {}) {
  check(ids, model);
  const { cache, config } = model;
  let known = 0;
  while (!again && known < ids.length - 1 && cache.ids[known] === ids[known]) known++;
  cache.truncate(known);
  let x, first;
  for (first = known; first < ids.length; first += BLOCK) {
    const block = ids.slice(first, first + BLOCK);
    x = forward(block, model, cache, first + BLOCK >= ids.length || again ? watch : {});
    each?.(x, first, block.length);
    await pause();
  }
  return x + 4 * ((ids.length - known - 1) % BLOCK) * config.d_model;
}

function check(ids, { config }) {
  if (ids.length === 0) throw new Error(strings.engine.empty);
  const bad = ids.find((id) => !(Number.isInteger(id) && id >= 0 && id < config.vocab_size));
  if (bad !== undefined) {
    throw new Error(`id ${bad} is not in this model's vocabulary of ${config.vocab_size} tokens`);
  }
  if (ids.length > config.context) {
    throw new Error(say(strings.engine.tooLong, { length: ids.length, context: config.context }));
  }
}

/** Write on. Three things end it: a stop token (which is told, too), `max_new_tokens`, a full context.
 * temperature 0 is greedy; a seed makes a draw repeatable, and gives the ids of llmlib's `generate`.
 * @returns the new ids */
export async function generate(ids, asked, { model, tokenizer, pause, onToken }) {
  const settings = { temperature: 0, ...asked };
  const { max_new_tokens = 32, seed = Math.floor(Math.random() * 2 ** 32), stop = model.config.stop_ids } = asked;
  check(ids, model);
  if (ids.length === model.config.context) {
    throw new Error(say(strings.engine.noRoomToAnswer, { context: model.config.context }));
  }
  filter_logits(new Float32Array(1), settings); // refuses what is out of range
  const text = [...ids], random = newGenerator(seed), textOf = tokenizer.stream();
  const room = Math.min(model.config.context, ids.length + max_new_tokens);
  try {
    for (let last = max_new_tokens === 0; !last; ) {
      const logits = unembed(await read(text, model, pause), model);
      const left = filter_logits(logits, settings);
      const id = sample(logits, random(), settings, left);
      text.push(id);
      last = stop.includes(id) || text.length === room;
      const written = textOf(id) + (last ? textOf() : "");
      onToken({ id, text: written, ...likelihoods(logits, id, settings, left, tokenizer) });
    }
  } catch (error) {
    if (error.name !== "AbortError") throw error; // cancelled: what there is counts
  }
  return text.slice(ids.length);
}

/** { p, candidates }: of the chosen id, and of the 20 likeliest. */
function likelihoods(logits, id, settings, left, tokenizer) {
  const named = candidates(logits, settings, 20, left);
  for (const each of named) each.text = tokenizer.decode([each.id]);
  const chosen = named.find((each) => each.id === id);
  return { p: chosen ? chosen.p : softmax(apply_temperature(logits, settings.temperature))[id], candidates: named };
}

/** What the model makes of a text at its last position: see engine.js. */
export async function look(ids, wanted, { model, tokenizer, pause }) {
  check(ids, model);
  const { n_layer, n_head, head_dim, d_model, d_mlp, context } = model.config, n = ids.length;
  const heads = wanted.attention === "all"
    ? Array.from({ length: n_layer * n_head }, (_, i) => [Math.floor(i / n_head), i % n_head])
    : wanted.attention ?? [];
  const { off = [] } = wanted;
  const isIn = (i, n) => Number.isInteger(i) && i >= 0 && i < n;
  for (const [layer, head] of [...heads, ...off]) {
    if (!isIn(layer, n_layer) || !isIn(head, n_head)) {
      throw new Error(`there is no head ${head} in layer ${layer}: the model has ${n_layer} layers of ${n_head} heads`);
    }
  }
  if (heads.length * n * n * 4 > MOST_ATTENTION) {
    throw new Error(say(strings.engine.tooMuchAttention, { heads: heads.length, length: n }));
  }
  const attention = heads.map(() => new Float32Array(n * n)), stream = [];
  const watch = {};
  if (heads.length || off.length) {
    watch.attention = (at, position, weights, read) => {
      heads.forEach(([layer, head], i) => {
        if (layer !== at) return;
        const row = model.kernel.floats(weights + 4 * head * context, position + 1);
        attention[i].set(row, position * n);
      });
      for (const [layer, head] of off) {
        if (layer === at) model.kernel.floats(read + 4 * head * head_dim, head_dim).fill(0);
      }
    };
  }
  if (wanted.stream) {
    watch.stream = (layer, x, seq) => { // that of the last block stays
      const logits = unembed(x + 4 * (seq - 1) * d_model, model);
      stream[layer] = guesses(logits, wanted.stream, tokenizer);
    };
  }
  const { hold = [] } = wanted, natural = [];
  for (const [layer, neuron, value] of hold) {
    if (!isIn(layer, n_layer) || !isIn(neuron, d_mlp) || !Number.isFinite(value)) {
      throw new Error(`neuron ${neuron} of layer ${layer} cannot be held at ${value}`);
    }
  }
  if (hold.length) {
    watch.neurons = (at, gate, seq) => hold.forEach(([layer, neuron, value], i) => {
      if (layer !== at || model.cache.length + seq < n) return;
      const last = model.kernel.floats(gate + 4 * (seq - 1) * d_mlp, d_mlp);
      natural[i] = last[neuron];
      last[neuron] = value;
    });
  }
  const inside = {};
  if (wanted.inside !== undefined) watchInside(wanted.inside, n, model, watch, inside);
  try {
    const again = heads.length > 0 || off.length > 0 || wanted.inside !== undefined;
    const x = await read(ids, model, pause, { watch, again });
    if (wanted.logits === false) return { attention, stream, natural, inside };
    const logits = unembed(x, model).slice();
    const last = model.kernel.floats(model.buffers.normed, d_model).slice(); // what unembed read
    return { logits, last, attention, stream, natural, inside };
  } finally { // keys and values of a changed model are nobody else's
    if (off.length) model.cache.truncate(0);
    if (hold.length) model.cache.truncate(Math.min(model.cache.length, n - 1));
  }
}

/** The rows of the embedding that belong to some ids. @returns {Float32Array[]} [d_model] each */
export function rows(ids, model) {
  check(ids, model);
  const { parts, weights, buffers, kernel, config: { d_model } } = model;
  return ids.map((id) => {
    parts.embedding([id], weights.embedding, buffers.x);
    return kernel.floats(buffers.x, d_model).slice();
  });
}

/** Have `inside` filled with what a layer's attention is made of: see `look` in engine.js. */
function watchInside(wanted, n, { config, weights, buffers, kernel }, watch, inside) {
  const { n_layer, n_head, n_kv_head, head_dim, d_model } = config, half = head_dim / 2;
  if (!(Number.isInteger(wanted) && wanted >= 0 && wanted < n_layer)) throw new Error(`there is no layer ${wanted}`);
  if (n > BLOCK) throw new Error(say(strings.landing.longer, { tokens: n, longest: BLOCK }));
  const rows = (at) => ({ shape: [n, d_model], data: kernel.floats(at, n * d_model).slice() });
  const column = { // the kernel turns neighbouring columns, llmlib i and i + head_dim / 2
    neighbours: (i) => (i < half ? 2 * i : 2 * (i - half) + 1),
    same: (i) => i,
  };
  const byHead = (at, heads, place) => {
    const from = kernel.floats(at, n * heads * head_dim), data = new Float32Array(from.length);
    for (let head = 0, to = 0; head < heads; head++) {
      for (let t = 0; t < n; t++) {
        const start = (t * heads + head) * head_dim;
        for (let i = 0; i < head_dim; i++) data[to++] = from[start + place(i)];
      }
    }
    return { shape: [heads, n, head_dim], data };
  };
  watch.projected = (layer) => {
    if (layer !== wanted) return;
    const norm = { shape: [d_model], data: kernel.floats(weights.layers[layer].norm_1.at, d_model).slice() };
    Object.assign(inside, {
      x: rows(buffers.x), norm, normed: rows(buffers.normed),
      q: byHead(buffers.q, n_head, column.neighbours),
      k: byHead(buffers.k, n_kv_head, column.neighbours),
      v: byHead(buffers.v, n_kv_head, column.same),
    });
  };
  watch.attended = (layer) => {
    if (layer !== wanted) return;
    Object.assign(inside, {
      turned_q: byHead(buffers.q, n_head, column.neighbours),
      turned_k: byHead(buffers.k, n_kv_head, column.neighbours),
      read: byHead(buffers.heads, n_head, column.same),
    });
  };
}

function guesses(logits, n, tokenizer) {
  const probabilities = softmax(logits);
  return largest_ids(logits, n).map((id) => ({ ...tokenizer.token(id), p: probabilities[id] }));
}

/** The surprise at each token after the first, −ln p. @returns {Promise<Float32Array>} [n - 1] */
export async function losses(ids, { model, pause }) {
  check(ids, model);
  const found = new Float32Array(ids.length - 1), { vocab_size } = model.config;
  await read(ids, model, pause, {
    again: true,
    each(x, first, seq) {
      const logits = unembed(x, model, seq);
      for (let t = 0; t < seq && first + t + 1 < ids.length; t++) {
        const row = logits.subarray(t * vocab_size, (t + 1) * vocab_size);
        found[first + t] = logSumExp(row) - row[ids[first + t + 1]];
      }
    },
  });
  return found;
}

function logSumExp(logits) {
  let most = -Infinity, sum = 0;
  for (const logit of logits) if (logit > most) most = logit;
  for (const logit of logits) sum += Math.exp(logit - most);
  return most + Math.log(sum);
}
