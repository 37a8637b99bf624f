// The numbers of the widgets on a page: recorded ones until the engine is there, then the engine's. In a
// notebook llmlib/widgets gives the same answers.

import { largest_ids, softmax } from "../engine/sampler.js";
import { say, strings } from "../strings.js";
import { patterns, steps } from "./bpe.js";
import { cache_bytes } from "./cache_bytes.js";
import { choose, drawn } from "./choose.js";
import { LiveRun, LONGEST } from "./live_run.js";
import { prompt, recordedLength, recordedView, settings, shape } from "./recorded_run.js";
import recorded from "./recorded_widgets.js";

const END = 0; // <|endoftext|>: in front of a text whose losses are read
const INDUCTION = [17, 5]; // of the recorded text: from the second "on" to what followed the first
const FIRST_LOOK = [11, 1]; // looks at the token just before, in most texts
const NEURON_TOKENS = 6, WITHOUT_HEADS = 5, MOST_TOKENS = 1000;
const WIDEST = 40, ALL_MERGES = 2 ** 16; // of the merge tree: bytes, and more merges than there are

/** The tokens of a text. @throws Error if there are too many */
async function tokensOf(engine, text, longest = LONGEST, merges = undefined) {
  const tokens = await engine.encode(text, merges);
  if (tokens.length > longest) throw new Error(say(strings.landing.longer, { tokens: tokens.length, longest }));
  return tokens;
}

/** (engine, text) -> the view of that text (recorded_run.js), which is computed once; without an engine
 * the recorded one. */
function viewing(longest = LONGEST) {
  let of = null, view;
  return async (engine, text) => {
    if (!engine) return recordedView(0);
    if (of !== text) {
      view = await new LiveRun(engine).view(await tokensOf(engine, text, longest), 0);
      of = text;
    }
    return view;
  };
}

function tokenizer_playground() {
  const { text, counts, tokens } = recorded.tokens;
  return {
    given: { text, counts },
    answer: async ({ text: mine, count }, engine) => ({
      tokens: engine ? await tokensOf(engine, mine, MOST_TOKENS, count) : tokens[counts.indexOf(count)],
    }),
  };
}

function bpe_stepper() {
  const { empty } = strings.widgets, { tooLong } = strings.bpe;
  return {
    given: { ...recorded.bpe, patterns },
    answer: async asked => steps(asked, { empty, tooLong }),
  };
}

function merge_tree() {
  const { text, rows } = recorded.tree;
  return {
    given: { text },
    answer: async (asked, engine) => ({ rows: engine ? await mergesOf(engine, asked.text) : rows }),
  };
}

/** A text as bytes, then after each merge that applies to it: [{ tokens, rank }]. The engine cuts a text
 * with as many of the first merges as it is told: a merge applies where one more leaves fewer tokens. */
export async function mergesOf(engine, text) {
  const bytes = new TextEncoder().encode(text).length;
  if (bytes > WIDEST) throw new Error(say(strings.tree.tooLong, { bytes, longest: WIDEST }));
  const cut = async merges => (await engine.encode(text, merges)).map(token => ({ text: token.text, bytes: token.bytes }));
  const rows = [{ tokens: await cut(0), rank: null }];
  const between = async (low, fewer, high, most) => { // merges, and the tokens with so many
    if (most.length === fewer.length) return;
    if (high === low + 1) {
      rows.push({ tokens: most, rank: low });
      return;
    }
    const middle = Math.floor((low + high) / 2), tokens = await cut(middle);
    await between(low, fewer, middle, tokens);
    await between(middle, tokens, high, most);
  };
  await between(0, rows[0].tokens, ALL_MERGES, await cut(ALL_MERGES));
  return rows;
}

function attention_explorer() {
  const { n_layer, n_head } = shape, [layer, head] = INDUCTION, viewOf = viewing(40);
  return {
    given: { text: prompt, n_layer, n_head, layer, head },
    async answer({ text, off = [] }, engine) {
      const { tokens, inside } = await viewOf(engine, text), { weights } = await inside();
      if (!engine) return { tokens, weights, next: null };
      const ids = tokens.map(each => each.id), next = at => withoutHeads(engine, ids.slice(0, at + 1), off);
      if (!off.length) return { tokens, weights, next };
      const { attention } = await engine.look(ids, { attention: "all", off, logits: false });
      return { tokens, weights: (l, h, i, j) => attention[l * n_head + h][i * ids.length + j], next };
    },
  };
}

function head_view() {
  const [layer, head] = FIRST_LOOK, viewOf = viewing(40);
  return {
    given: { text: prompt, layer, head },
    async answer({ text }, engine) {
      const { tokens, inside } = await viewOf(engine, text), { weights } = await inside();
      return { tokens, weights: tokens.map((_, i) => tokens.slice(0, i + 1).map((_, j) => weights(layer, head, i, j))) };
    },
  };
}

/** What is likely after a text with heads switched off, and how likely it was with all of them. */
export async function withoutHeads(engine, ids, off) {
  const free = softmax((await engine.look(ids)).logits);
  const left = off.length ? softmax((await engine.look(ids, { off })).logits) : free;
  return rowsFor(engine, largest_ids(left, WITHOUT_HEADS), free, left);
}

/** [{ text, before, after }] of some ids. */
async function rowsFor(engine, ids, before, after) {
  const tokens = await engine.tokens(ids);
  return ids.map((id, i) => ({ text: tokens[i], before: before[id], after: after[id] }));
}

/** What is likely with a neuron held at `value`, and how likely it was without, as neuron_slider.js
 * takes it. */
export async function heldAt(engine, ids, layer, neuron, value) {
  const free = softmax((await engine.look(ids)).logits);
  const { logits, natural } = await engine.look(ids, { hold: [[layer, neuron, value]] });
  return { strength: natural[0], rows: await rowsFor(engine, largest_ids(logits, NEURON_TOKENS), free, softmax(logits)) };
}

function neuron_slider() {
  const { layer, neuron, text, strength, held } = recorded.neuron;
  return {
    given: { text, value: 10, layer, neuron },
    async answer(asked, engine) {
      if (engine) {
        const ids = (await tokensOf(engine, asked.text)).map(each => each.id);
        return heldAt(engine, ids, layer, neuron, asked.value);
      }
      const [, rows] = held.find(([value]) => value === asked.value);
      return { strength, rows: rows.map(([word, before, after]) => ({ text: word, before, after })) };
    },
  };
}

function stream_slider() {
  const { text, n_layer, state, stream } = recorded.stream;
  return {
    given: { text, n_layer, state },
    async answer(asked, engine) {
      if (!engine) return { stream };
      const ids = (await tokensOf(engine, asked.text)).map(each => each.id);
      return { stream: (await engine.look(ids, { stream: stream[0].length, logits: false })).stream };
    },
  };
}

function surprise_reader() {
  return {
    given: { text: recorded.surprise.text },
    async answer({ text }, engine) {
      if (!engine) return recorded.surprise;
      const tokens = await tokensOf(engine, text, 200), ids = [END, ...tokens.map(each => each.id)];
      const losses = await engine.losses(ids);
      const expected = i => async () => {
        const { stream } = await engine.look(ids.slice(0, i + 1), { stream: 5, logits: false });
        return stream.at(-1).map(each => [each, each.p]);
      };
      return { tokens: tokens.map((token, i) => ({ ...token, loss: losses[i], expected: expected(i) })) };
    },
  };
}

function loss_lab() {
  return { given: recorded.loss, answer: async ({ logits }) => ({ shares: [...softmax(Float32Array.from(logits))] }) };
}

/** What the cache holds after a pass: { held, read } tokens, and its bytes in float32. The token just
 * drawn is not in it yet. */
export function cacheAfter(prompt_length, made) {
  const held = prompt_length + made;
  const { n_layer, n_kv_head, head_dim } = shape;
  return { held, read: made ? 1 : prompt_length, bytes: cache_bytes(n_layer, n_kv_head, head_dim, held) };
}

function generation_stepper() {
  let view, live = null, made, of = null;
  const chosen = wanted => choose(view.logits, view.u, wanted, 6);
  return {
    given: { text: prompt, settings },
    async answer(asked, engine) {
      const first = asked.turn === "first" || of !== asked.text || Boolean(engine) !== Boolean(live);
      if (first) {
        live = engine && new LiveRun(engine);
        view = live ? await live.view(await tokensOf(engine, asked.text), 0) : recordedView(0);
        of = asked.text;
        made = 0;
      } else if (asked.turn === "next") {
        const next = live && await live.token(chosen(asked.settings).chosen);
        view = live ? await live.view([...view.tokens, next], 0) : recordedView(made + 1);
        made += 1;
      }
      const { tokens, textOf, u } = view, choice = drawn(chosen(asked.settings), u, textOf);
      const ended = live ? live.stops(tokens.at(-1).id) || tokens.length >= LONGEST : made >= recordedLength - 1;
      const recorded = live || choice.chosen === view.next.text ? null : view.next;
      return { ...cacheAfter(tokens.length - made, made), tokens, coming: choice.chosen, choice, ended, recorded };
    },
  };
}

function rope_clock() {
  const { q, k, theta } = recorded.rope;
  return {
    given: { pairs: q.length / 2 },
    async answer({ places, pair }) {
      const [turnedQ, turnedK] = [q, k].map((x, i) => turned(x, places[i], theta));
      const score = turnedQ.reduce((sum, each, i) => sum + each * turnedK[i], 0) / Math.sqrt(q.length);
      const hand = place => {
        const angle = place * theta ** (-2 * pair / q.length);
        return [Math.cos(angle), Math.sin(angle)];
      };
      return { hands: places.map(hand), score };
    },
  };
}

/** RoPE: a vector [head_dim] turned to its place in the text. Entry i goes with entry i + head_dim / 2,
 * as in llmlib/embeddings.py. */
export function turned(x, place, theta) {
  const half = x.length / 2;
  return x.map((each, i) => {
    const angle = place * theta ** (-2 * (i % half) / x.length), other = i < half ? -x[i + half] : x[i - half];
    return each * Math.cos(angle) + other * Math.sin(angle);
  });
}

/** Seconds of one decoding step for `batch` texts of `context` tokens. Infinity if weights and caches
 * do not fit into `memory`. */
export function step_seconds(batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak) {
  const caches = batch * context * kv_bytes;
  if (weight_bytes + caches > memory) return Infinity;
  return Math.max(batch * flops / peak, weight_bytes / bandwidth) + caches / bandwidth;
}

/** What the calculator shows: { step: null where it does not fit, weights, caches, memory }, in seconds
 * and bytes. @param model { parameters, n_layer, n_kv_head, head_dim }
 * @param card { bytes, bytes_per_second, flops_per_second } */
export function serving(model, card, { bits, cards, batch, context }) {
  const weights = model.parameters * bits / 8;
  const kv = cache_bytes(model.n_layer, model.n_kv_head, model.head_dim, 1, 2);
  const memory = cards * card.bytes;
  const step = step_seconds(batch, context, weights, kv, 2 * model.parameters, memory,
    cards * card.bytes_per_second, cards * card.flops_per_second);
  return { step: step === Infinity ? null : step, weights, caches: batch * context * kv, memory };
}

function serving_playground() {
  const { models, card } = recorded;
  return {
    given: { models: Object.keys(models) },
    answer: async asked => serving(models[asked.model], card, asked),
  };
}

/** A source for each widget, { given, answer(question, engine, onPart) }; without an engine it answers
 * for the given text. */
export const sources = {
  tokenizer_playground, bpe_stepper, merge_tree, rope_clock, head_view, attention_explorer, neuron_slider,
  stream_slider, loss_lab, surprise_reader, generation_stepper, serving_playground,
};
