/* What the card "Your functions run the model" does: the reader's functions, in Python, on numbers of the
 * page's engine, and the engine's own beside them. Fetched at the click. */

import { element, memory } from "../dom.js";
import { largest_ids, softmax } from "../engine/sampler.js";
import { python } from "../python/python.js";
import { say, strings } from "../strings.js";
import { LONGEST, startEngine } from "../widgets/live_run.js";
import { LAYER } from "./own_model_card.js";

const texts = strings.ownModel;
const MB = 1e6;
const NEW_TOKENS = 24, SEED = 0, SHOWN = 6;
const SETTINGS = { greedy: { temperature: 0 }, top_p: { temperature: 1, top_p: 0.9 } };
const DIGITS = 5e-4; // equal to three digits

/* Start what is needed and run the functions of a notebook once. Error with a sentence for the reader;
 * AbortError after the button `stop`. */
export async function run(card) {
  const { notebook, all, status, progress, start, stop, whose, out } = card;
  const tell = text => {
    status.textContent = text;
  };
  const loading = text => (done, total) => {
    progress.hidden = false;
    progress.value = done / total;
    tell(done < total ? say(text, { done: Math.round(done / MB), total: Math.round(total / MB) }) : texts.starts);
  };
  tell(texts.starts);
  const model = loading(texts.model), python_ = loading(texts.python);
  const engine = await startEngine(({ loaded, total }) => model(loaded, total));
  await python.start(({ done, total }) => python_(done, total));
  memory("python").set("once", true);
  progress.hidden = true;
  start.textContent = texts.again;
  stop.hidden = false;
  stop.onclick = () => {
    engine.cancel();
    python.stop();
    stopped = true;
  };
  let stopped = false, seconds = 0;
  const used = new Map();
  tell(texts.running);
  const solved = all.filter(each => each.state === "solved");
  const sources = { notebook, mine: Object.fromEntries(solved.map(each => [each.name, each.code])) };
  const call = async (name, ...args) => {
    if (stopped) throw new DOMException("stopped", "AbortError");
    const found = await python.call(sources, name, args), shown = name.split(".").at(-1);
    if (found.message) throw new Error(say(texts.raised, { name: shown, message: found.message }));
    for (const each of found.uses) used.set(each.name, each.whose);
    seconds += found.seconds;
    const names = wanted => [...used].filter(([, who]) => who === wanted).map(([each]) => each).join(", ");
    whose.textContent = [["reader", texts.yours], ["course", texts.course]]
      .filter(([who]) => names(who)).map(([who, text]) => say(text, { names: names(who) })).join(" ");
    return found.value;
  };
  const told = (...lines) => out.append(...lines.filter(Boolean).map(each => element("p", each.kind, each.text)));
  await CHAPTERS[notebook]({ ...card, engine, sources, call, told, took: () => seconds.toFixed(1) });
  if (stopped) throw new DOMException("stopped", "AbortError");
  tell("");
}

const right = text => ({ kind: "right", text });
const wrong = text => ({ kind: "wrong", text });

const CHAPTERS = {
  async "01_tokens"({ engine, sources, call, told, text, out, took }) {
    sources.tokenizer = await engine.vocabulary();
    const own = (await tokensOf(engine, text)).map(each => each.id);
    const ids = await call("tokenizer.encode", text), name = "encode";
    if (!Array.isArray(ids) || !ids.every(Number.isInteger)) throw new Error(say(texts.noIds, { name }));
    const place = Array.from(own.length > ids.length ? own : ids).findIndex((_, i) => own[i] !== ids[i]);
    if (place >= 0) {
      const mine = ids[place] ?? "–", theirs = own[place] ?? "–";
      told(wrong(say(texts.otherIds, { name, place: place + 1, mine, own: theirs })));
    } else told(right(say(texts.sameIds, { name, count: ids.length })));
    const written = element("p", "written"), made = [];
    out.append(written);
    written.append(text, element("b"));
    let decoded = "", last = Promise.resolve();
    const decode = async count => {
      decoded = await call("tokenizer.decode", made.slice(0, count));
      if (typeof decoded !== "string") throw new Error(say(texts.noText, { name: "decode" }));
      written.lastChild.textContent = decoded;
    };
    await engine.generate(ids, { max_new_tokens: NEW_TOKENS, temperature: 0 }, ({ id }) => {
      if (engine.config.stop_ids.includes(id)) return;
      const count = made.push(id);
      last = last.then(() => decode(count));
      last.catch(() => engine.cancel());
    });
    await last;
    const theirs = await engine.decode(made);
    told(decoded === theirs
      ? right(say(texts.sameText, { name: "decode" }))
      : wrong(say(texts.otherText, { name: "decode", own: theirs })));
    told({ text: say(texts.took, { own: took() }) });
  },

  async "02_embeddings"({ engine, call, told, out, text, took }) {
    const { q, turned_q } = await inside(engine, text), [, seq] = q.shape;
    const positions = { shape: [seq], data: Int32Array.from({ length: seq }, (_, i) => i) };
    const mine = await call("apply_rope", q, positions, engine.config.rope_theta);
    show("apply_rope", mine, turned_q, { told, out, took });
  },

  async "03_attention"({ engine, call, told, out, text, took }) {
    const { turned_q, turned_k, v, read } = await inside(engine, text), { n_head, n_kv_head } = engine.config;
    const mask = await call("causal_mask", turned_q.shape[1]), name = "scaled_dot_product_attention";
    if (!ArrayBuffer.isView(mask?.data)) throw new Error(say(texts.noTensor, { name: "causal_mask" }));
    const forAll = each => repeated(each, n_head / n_kv_head);
    show(name, await call(name, turned_q, forAll(turned_k), forAll(v), mask), read, { told, out, took });
  },

  async "04_layers"({ engine, call, told, out, text, took }) {
    const { x, norm, normed } = await inside(engine, text);
    show("rms_norm", await call("rms_norm", x, norm, engine.config.eps), normed, { told, out, took });
  },

  async "05_output_head"({ engine, call, told, out, text, took }) {
    const ids = (await tokensOf(engine, text)).map(each => each.id), { logits } = await engine.look(ids);
    const own = { shape: [logits.length], data: softmax(logits) };
    const mine = await call("softmax", { shape: own.shape, data: logits });
    const likely = largest_ids(logits, SHOWN), names = await engine.tokens(likely);
    const rows = likely.map((id, i) => [names[i].text, id]);
    show("softmax", mine, own, { told, out, took, rows, caption: texts.likely });
  },

  async "06_sampling"({ engine, call, told, out, text, choice, took }) {
    const prompt = (await tokensOf(engine, text)).map(each => each.id), written = element("p", "written");
    const { vocab_size, stop_ids, context } = engine.config, { temperature, top_p } = SETTINGS[choice];
    const start = [context, stop_ids, NEW_TOKENS, temperature, undefined, top_p, undefined, SEED], made = [];
    written.append(text, element("b"));
    out.append(written);
    let begin = 0, before = 0, shown = Promise.resolve();
    const write = async soFar => {
      written.lastChild.textContent = await engine.decode(soFar);
    };
    for (;;) {
      const ids = [...prompt, ...made];
      const ends = made.length === NEW_TOKENS || stop_ids.includes(made.at(-1)) || ids.length === context;
      const logits = ends ? undefined : { shape: [vocab_size], data: (await engine.look(ids)).logits };
      const id = await call("text.generate", ids, logits, made.length ? undefined : start);
      if (id === undefined) break;
      if (!(Number.isInteger(id) && id >= 0 && id < vocab_size)) {
        const found = id?.shape ? `[${[...id.data].slice(0, 3).join(", ")}]` : String(id);
        throw new Error(say(texts.noId, { name: "generate", last: vocab_size - 1, found }));
      }
      if (ends) throw new Error(say(texts.goesOn, { name: "generate", count: made.length }));
      made.push(id);
      if (made.length === 1) [begin, before] = [performance.now(), Number(took())];
      shown = write([...made]); // while the functions choose the next one
      shown.catch(() => {}); // it is waited for at the end
    }
    await shown;
    const seconds = (performance.now() - begin) / 1000, own = (took() - before).toFixed(1);
    const settings = { max_new_tokens: NEW_TOKENS, temperature, top_p, seed: SEED };
    const theirs = await engine.generate(prompt, settings), longer = made.length > theirs.length ? made : theirs;
    const place = longer.findIndex((_, i) => made[i] !== theirs[i]), name = "generate";
    const word = async id => (id === undefined ? texts.end : `“${await engine.decode([id])}”`);
    told(place < 0
      ? right(say(texts.sameChoice, { name, count: made.length }))
      : wrong(say(texts.otherChoice, {
        name, place: place + 1, mine: await word(made[place]), own: await word(theirs[place]) })));
    const rate = ((made.length - 1) / seconds).toFixed(1);
    if (made.length > 1) told({ text: say(texts.speed, { tokens: made.length, seconds: seconds.toFixed(1), rate, own }) });
  },
};

async function tokensOf(engine, text, longest = LONGEST) {
  if (!text) throw new Error(strings.widgets.empty);
  const tokens = await engine.encode(text);
  if (tokens.length > longest) throw new Error(say(strings.landing.longer, { tokens: tokens.length, longest }));
  return tokens;
}

async function inside(engine, text) {
  const tokens = await tokensOf(engine, text);
  return (await engine.look(tokens.map(each => each.id), { inside: LAYER, logits: false })).inside;
}

/* Each of the first dimension several times in a row, as grouped queries share keys and values. */
function repeated({ shape: [heads, ...rest], data }, times) {
  const size = data.length / heads, many = new Float32Array(data.length * times);
  for (let i = 0; i < heads * times; i++) {
    const from = Math.floor(i / times) * size;
    many.set(data.subarray(from, from + size), i * size);
  }
  return { shape: [heads * times, ...rest], data: many };
}

/* What a function gave beside the engine's own numbers: some of them as a table, and how far they differ. */
function show(name, mine, own, { told, out, took, rows, caption = texts.last }) {
  if (!ArrayBuffer.isView(mine?.data)) throw new Error(say(texts.noTensor, { name }));
  if (String(mine.shape) !== String(own.shape)) {
    throw new Error(say(texts.otherShape, { name, mine: mine.shape.join(", "), own: own.shape.join(", ") }));
  }
  const last = own.data.length - own.shape.at(-1);
  const wanted = rows ?? Array.from({ length: SHOWN }, (_, i) => [String(i), last + i]);
  const head = element("tr", "", ...["", name, texts.engine].map(each => element("th", "", each)));
  const table = element("table", "", element("caption", "", caption), head);
  for (const [label, at] of wanted) {
    const cells = [mine, own].map(({ data }) => element("td", "", data[at].toPrecision(4)));
    table.append(element("tr", "", element("th", "", label), ...cells));
  }
  const { differing, first, largest } = difference(mine.data, own.data), count = own.data.length.toLocaleString("en");
  told(differing
    ? wrong(say(texts.otherNumbers, {
      name, differing: differing.toLocaleString("en"), count, place: placeOf(first, own.shape).join(", "),
      mine: mine.data[first].toPrecision(4), own: own.data[first].toPrecision(4) }))
    : right(say(texts.sameNumbers, { name, count, largest: largest.toPrecision(1) })));
  out.append(table);
  told({ text: say(texts.took, { own: took() }) });
}

/* How many numbers differ in their first three digits; a small one may be off by as much as a usual one. */
function difference(mine, own) {
  const usual = own.reduce((sum, each) => sum + Math.abs(each), 0) / own.length;
  let differing = 0, first = -1, largest = 0;
  own.forEach((each, i) => {
    const far = Math.abs(mine[i] - each);
    largest = Math.max(largest, far);
    if (far <= DIGITS * Math.max(Math.abs(each), usual)) return; // NaN differs
    differing++;
    if (first < 0) first = i;
  });
  return { differing, first, largest };
}

function placeOf(i, shape) {
  const place = [];
  for (const size of [...shape].reverse()) {
    place.unshift(i % size);
    i = Math.floor(i / size);
  }
  return place;
}
