// Byte-level BPE on a text, step by step, as llmlib/widgets/bpe_stepper.py does it in a notebook.

const LONGEST = 2000, SHOWN = 6; // characters, pairs in the table
const PATTERNS = {
  "GPT-2": /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu,
  "GPT-4": /'(?:[sdmtSDMT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+/gu,
  none: /[\s\S]+/gu,
};
export const patterns = Object.keys(PATTERNS);

const UTF8 = new TextEncoder(), TEXT = new TextDecoder();

/** Where a byte stands in GPT-2's printable alphabet: that decides ties. */
function place(byte) {
  const printable = byte > 32 && byte < 127 || byte > 160 && byte !== 173;
  if (printable) return byte;
  return 256 + (byte <= 32 ? byte : byte < 161 ? byte - 94 : 67);
}

const age = id => (id < 256 ? place(id) : 256 + id);
const key = pair => pair.join();

/** {pair: [pair, how often]} of all pieces, in the order in which they first appear. */
function countPairs(pieces) {
  const counts = new Map();
  for (const { ids, times } of pieces) {
    for (let i = 0; i + 1 < ids.length; i++) {
      const pair = [ids[i], ids[i + 1]], found = counts.get(key(pair)) ?? [pair, 0];
      found[1] += times;
      counts.set(key(pair), found);
    }
  }
  return [...counts.values()];
}

/** The pair with the highest count; on a tie the one of the older tokens. */
function commonest(counts) {
  return counts.reduce((best, each) => {
    const [[a, b], n] = each, [[c, d], most] = best;
    return (n - most || age(c) - age(a) || age(d) - age(b)) > 0 ? each : best;
  })[0];
}

/** Each `pair` in `ids` as `id`, from left to right. */
export function merge(ids, [a, b], id) {
  const merged = [];
  for (let i = 0; i < ids.length; i++) {
    const fits = ids[i] === a && ids[i + 1] === b;
    merged.push(fits ? id : ids[i]);
    if (fits) i++;
  }
  return merged;
}

const bytesOf = text => [...UTF8.encode(text)];

/** What bpe_stepper.js draws. @throws Error for a text that is empty or too long */
export function steps({ text, word, pattern, merges }, told) {
  for (const each of [text, word]) {
    if (!each) throw new Error(told.empty);
    if ([...each].length > LONGEST) throw new Error(told.tooLong);
  }
  const times = new Map();
  for (const [piece] of text.matchAll(PATTERNS[pattern])) times.set(piece, (times.get(piece) ?? 0) + 1);
  const pieces = [...times].map(([piece, n]) => ({ ids: bytesOf(piece), times: n }));
  const spelled = Array.from({ length: 256 }, (_, byte) => [byte]), learned = [];
  let counts = countPairs(pieces);
  const best = () => (counts.length ? commonest(counts) : null);
  while (learned.length < merges && counts.length) {
    const pair = best();
    for (const piece of pieces) piece.ids = merge(piece.ids, pair, 256 + learned.length);
    spelled.push([...spelled[pair[0]], ...spelled[pair[1]]]);
    learned.push(pair);
    counts = countPairs(pieces);
  }
  const token = id => ({ text: TEXT.decode(new Uint8Array(spelled[id])), bytes: spelled[id] });
  const next = best() && key(best());
  counts.sort(([a, n], [b, m]) => (key(b) === next) - (key(a) === next) || m - n);
  return {
    pieces: pieces.map(({ ids, times: n }) => ({ tokens: ids.map(token), times: n })),
    pairs: counts.slice(0, SHOWN).map(([pair, count]) => ({ pair: pair.map(token), count })),
    learned: learned.length,
    made: learned.length ? learned.at(-1).map(token) : null,
    total: pieces.reduce((sum, { ids, times: n }) => sum + ids.length * n, 0),
    rows: encoding([...word.matchAll(PATTERNS[pattern])].map(([piece]) => bytesOf(piece)), learned, token),
  };
}

/** A text as bytes, then after each merge that applies to it, the oldest first. */
function encoding(pieces, learned, token) {
  const rows = [];
  for (let rank = null; ;) {
    rows.push({ tokens: pieces.flat().map(token), rank });
    const there = new Set(countPairs(pieces.map(ids => ({ ids, times: 1 }))).map(([pair]) => key(pair)));
    rank = learned.findIndex(pair => there.has(key(pair)));
    if (rank < 0) return rows;
    for (let i = 0; i < pieces.length; i++) pieces[i] = merge(pieces[i], learned[rank], 256 + rank);
  }
}
