// The pictures of the landing page, one function a stage: each draws a view (recorded_run.js says what
// that is) into its place.

import { element } from "../dom.js";
import { say, strings } from "../strings.js";
import { cache_bytes } from "../widgets/cache_bytes.js";
import { drawn } from "../widgets/choose.js";
import { found, headGrid, lookingBack } from "../widgets/pictures/attention.js";
import { likelyTable, strip, survivors } from "../widgets/pictures/choice.js";
import { matrixPicture } from "../widgets/pictures/matrix.js";
import { streamTable } from "../widgets/pictures/stream.js";
import { vectorBar } from "../widgets/pictures/vector.js";
import { aboutParts, chip, percent, shown, thousands } from "../widgets/pictures/words.js";

const MOST = 0.4; // of an embedding's numbers: it gets the full colour; nearly all are smaller
const ROWS = 6; // of the output head
const NEWEST = 12; // tokens whose vectors, and whose draws, are shown

/** Stage 1: the tokens with their ids. */
export function tokens(view) {
  return [element("div", "ids", ...view.tokens.map((token, i) =>
    element("span", "with-id", chip(token, i), element("small", "", String(token.id))))), ...aboutParts(view.tokens)];
}

/** Stage 2: the row of each token, as it is looked up. */
export async function vectors(view, { d_model }) {
  const { row } = await view.inside();
  const first = Math.max(0, view.tokens.length - NEWEST), newest = view.tokens.slice(first);
  const rows = await Promise.all(newest.map(each => row(each.id)));
  const list = element("ol", "vectors", ...newest.map((token, i) => {
    const label = say(strings.landing.vector, { token: shown(token), d_model });
    return element("li", "", chip(token, first + i), vectorBar(rows[i], MOST, label));
  }));
  return [list, ...onlyNewest(view.tokens.length)];
}

/** A note where the older tokens are left out. */
function onlyNewest(length) {
  if (length <= NEWEST) return [];
  return [element("p", "note", say(strings.landing.newest, { shown: NEWEST, length }))];
}

/** Stage 3: all heads, and where one of them looks. `look` is { layer, head, at }. */
export async function attention(view, { n_layer, n_head }, look, pick) {
  const { weights } = await view.inside();
  if (!weights) return [element("p", "note", strings.landing.tooLong)];
  const seq = view.tokens.length, at = Math.min(look.at ?? seq - 1, seq - 1);
  const row = view.tokens.slice(0, at + 1).map((_, j) => weights(look.layer, look.head, at, j));
  return [
    headGrid({ n_layer, n_head, seq, weights, chosen: [look.layer, look.head], pick: (layer, head) => pick({ layer, head }) }),
    element("p", "note", say(strings.landing.grid, { n_layer: n_layer - 1, n_head: n_head - 1 })),
    element("p", "found", found(view.tokens, row, look.layer, look.head, at)),
    lookingBack(view.tokens, row, at, chosen => pick({ at: chosen })),
  ];
}

/** Stage 4: what the stream says before each layer, beside that layer's matrices. */
export function layers(view, layer, pick, matrices) {
  const last = view.stream.length - 1;
  const which = Math.min(Math.max(layer, 1), last) - 1; // the layer that has just written
  const picture = element("div", "side-by-side", streamTable(view.stream, layer, pick));
  if (matrices) picture.append(anatomy(matrices[which], which));
  return [picture];
}

/** One layer: its seven matrices to scale, in the order in which they are used. */
function anatomy(matrices, layer) {
  const { heading, norm, heads, add, times, note } = strings.landing.anatomy;
  const box = text => element("span", "op", text);
  const draw = name => matrixPicture(name, matrices[name]);
  return element("div", "anatomy",
    element("h3", "", say(heading, { layer })),
    element("div", "flow", box(norm), element("div", "stack", draw("W_Q"), draw("W_K"), draw("W_V")), box(heads), draw("W_O"), box(add)),
    element("div", "flow", box(norm), element("div", "stack", draw("W_gate"), draw("W_up")), box(times), draw("W_down"), box(add)),
    element("p", "note", note));
}

/** Stage 5: the last vector times rows of the table. */
export async function scores(view, choice) {
  const { row, last } = await view.inside();
  const order = choice.order.slice(0, ROWS), rows = await Promise.all(order.map(row));
  const { vector, logit, probability, times, row: rowOf } = strings.landing.scores;
  const lines = order.map((id, i) => {
    const name = shown(view.textOf(id));
    return element("tr", "", element("th", "", chip(view.textOf(id), i)),
      element("td", "", ...(rows[i] ? [vectorBar(rows[i], MOST, say(rowOf, { token: name }))] : [])),
      element("td", "number", view.logits[id].toFixed(2)), element("td", "number", percent(choice.before[id])));
  });
  for (const line of lines) line.firstChild.scope = "row";
  const head = element("tr", "", ...["", last ? `${times}` : "", logit, probability].map(text => {
    const made = element(text ? "th" : "td", "", text);
    if (text) made.scope = "col";
    return made;
  }));
  const table = element("table", "scores", element("thead", "", head), element("tbody", "", ...lines));
  if (!last) return [table];
  const most = Math.max(...last.map(Math.abs)) / 3;
  return [element("div", "last", element("span", "", vector), vectorBar(last, most, vector)), table];
}

/** Stage 6: below the sliders, what is left and what u picks. */
export function choice(view, made, u) {
  const choice = drawn(made, u, view.textOf);
  return [strip(choice), likelyTable(choice.rows), element("p", "found", survivors(choice))];
}

/** Stage 7: what the cache holds, and how the new tokens came. */
export function again(view, { n_layer, n_kv_head, head_dim }, made) {
  const bytes = cache_bytes(n_layer, n_kv_head, head_dim, view.tokens.length);
  const read = made.length ? 1 : view.tokens.length; // the first pass reads the whole prompt
  const first = view.tokens.length - read;
  const boxes = view.tokens.map((token, i) => element("span", i < first ? "cached" : "reading", shown(token)));
  const texts = strings.landing.again;
  const held = say(read === 1 ? texts.heldOne : texts.held, { positions: view.tokens.length, read, megabytes: (bytes / 1e6).toFixed(2) });
  const drawn = made.slice(-NEWEST).map(({ token, p, rank }) => {
    const bar = element("span", "bar");
    bar.style.setProperty("--share", p);
    return element("li", "", element("code", "", shown(token)), bar, element("span", "number", percent(p)),
      element("span", "rank", rank ? say(texts.rank, { rank: thousands(rank) }) : texts.farRank));
  });
  return [
    element("div", "cache", ...boxes), element("p", "found", held),
    ...(drawn.length ? [element("ol", "drawn", ...drawn), ...onlyNewest(made.length)] : [element("p", "note", texts.none)]),
  ];
}
