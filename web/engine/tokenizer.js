// Text to token ids and back: byte-level byte-pair encoding, as in llmlib/tokens.py, with the tables
// that a GGUF file carries.
import { strings } from "../strings.js";

const CONTROL = 3; // the kind of a special token, in the file
// GPT-2's pattern. White space is named by its property: JavaScript's \s also takes U+FEFF.
const SPACE = "\\p{White_Space}";
const GPT2_SPLIT = new RegExp(
  `'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^${SPACE}\\p{L}\\p{N}]+|${SPACE}+(?!\\P{White_Space})|${SPACE}+`, "gu");
// SmolLM2 first sets every digit apart, so that no token holds a long number.
const SINGLE_DIGITS = /\p{N}|\P{N}+/gu;
const KNOWN_PIECES = 1 << 16; // how many pieces are remembered before it starts again

/** GPT-2's table from bytes to the printable characters that its files are written in. */
function printableAlphabet() {
  const printable = (b) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  let others = 0;
  return Array.from({ length: 256 }, (_, b) => String.fromCharCode(printable(b) ? b : 256 + others++));
}

export class Tokenizer {
  #tokens; #id; #rank; #bytes; #specialPattern; #special; #known = new Map();
  #alphabet = printableAlphabet();
  #merges = Infinity;
  #utf8 = new TextEncoder();

  /** @param metadata what a GGUF file says of its tokenizer, by name */
  constructor(metadata) {
    const get = (key) => metadata[`tokenizer.ggml.${key}`];
    if (get("model") !== "gpt2" || get("pre") !== "smollm") {
      throw new Error(`this engine knows no tokenizer but SmolLM2's, not ${get("model")} ${get("pre")}`);
    }
    const kinds = get("token_type"), byte = new Map(this.#alphabet.map((letter, b) => [letter, b]));
    this.#tokens = get("tokens");
    this.#id = new Map(this.#tokens.map((token, id) => [token, id]));
    this.#rank = new Map(get("merges").map((pair, rank) => [pair, rank])); // "left right"
    const special = this.#tokens.filter((_, id) => kinds[id] === CONTROL);
    this.#special = new Map(special.map((token) => [token, this.#id.get(token)]));
    this.#bytes = (id) => kinds[id] === CONTROL
      ? this.#utf8.encode(this.#tokens[id])
      : Uint8Array.from(this.#tokens[id], (letter) => byte.get(letter));
    const longestFirst = [...special].sort((a, b) => b.length - a.length);
    const escaped = longestFirst.map((token) => token.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    this.#specialPattern = new RegExp(`(${escaped.join("|")})`, "u");
  }

  get vocab_size() {
    return this.#tokens.length;
  }

  /** { vocab: { token: id }, merges, special: { token: id } }, the tokens as their files have them. */
  tables() {
    return {
      vocab: Object.fromEntries(this.#id), merges: [...this.#rank.keys()], special: Object.fromEntries(this.#special) };
  }

  /** Ids of `text`; special tokens in it become their own ids. Error for half a character. */
  encode(text) {
    return this.#pieces(text).flatMap(({ ids }) => ids);
  }

  /** The tokens of `text`: [{ id, text, bytes, start, end }]. A token's text shows U+FFFD for half a
   * character; start and end are where, in `text`, the characters lie that it holds a part of. With
   * `merges`, only so many of the first merges are used. */
  tokens(text, merges = Infinity) {
    const all = this.#using(merges);
    try {
      return this.#tokensOf(text);
    } finally {
      this.#using(all);
    }
  }

  /** From now on use so many merges. @returns how many it were */
  #using(merges) {
    const before = this.#merges;
    if (merges !== before) this.#known.clear();
    this.#merges = merges;
    return before;
  }

  #tokensOf(text) {
    const found = [];
    let at = 0; // in the text, in the units that JavaScript counts strings in
    for (const { piece, ids, letters } of this.#pieces(text)) {
      const places = this.#places(piece, letters);
      let done = 0; // bytes of the piece
      for (const id of ids) {
        const bytes = this.token_bytes(id), last = done + bytes.length - 1;
        found.push({
          ...this.token(id),
          start: at + places[done].start,
          end: at + places[last].end,
        });
        done += bytes.length;
      }
      at += piece.length;
    }
    return found;
  }

  /** { id, text, bytes } of one token. A part of a character has the text U+FFFD. */
  token(id) {
    return { id, text: this.decode([id]), bytes: [...this.token_bytes(id)] };
  }

  /** The bytes of one token. Error for an id that the vocabulary does not hold. */
  token_bytes(id) {
    if (!(id in this.#tokens)) {
      throw new Error(
        `id ${id} is not in this vocabulary of ${this.vocab_size} tokens: was it made by another tokenizer?`);
    }
    return this.#bytes(id);
  }

  /** Text of `ids`; bytes that are not UTF-8 become the replacement character. */
  decode(ids) {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return ids.map((id) => decoder.decode(this.token_bytes(id), { stream: true })).join("") + decoder.decode();
  }

  /** A function from an id to its text, empty while a character is unfinished; without an id, it
   * gives the rest. */
  stream() {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return (id) => id === undefined
      ? decoder.decode()
      : decoder.decode(this.token_bytes(id), { stream: true });
  }

  /** The pieces that no merge may cross: [{ piece, ids, letters }], letters being its bytes. */
  #pieces(text) {
    if (typeof text !== "string") throw new Error(`the text is of type ${typeof text}, not string`);
    if (/\p{Surrogate}/u.test(text)) {
      throw new Error(strings.engine.halfCharacter);
    }
    const found = [];
    for (const part of text.split(this.#specialPattern)) {
      if (!part) continue;
      if (this.#special.has(part)) {
        found.push({ piece: part, ids: [this.#special.get(part)], letters: null });
        continue;
      }
      const pieces = part.match(SINGLE_DIGITS).flatMap((piece) => piece.match(GPT2_SPLIT));
      for (const piece of pieces) found.push({ piece, ...this.#merged(piece) });
    }
    return found;
  }

  #merged(piece) {
    let known = this.#known.get(piece);
    if (!known) {
      if (this.#known.size > KNOWN_PIECES) this.#known.clear();
      const letters = Array.from(this.#utf8.encode(piece), (byte) => this.#alphabet[byte]);
      // 21 rare bytes are no tokens of SmolLM2, and encoding drops those
      known = { letters, ids: this.#merge(letters.filter((each) => this.#id.has(each))) };
      this.#known.set(piece, known);
    }
    return known;
  }

  /** Merge the pair of lowest rank, the leftmost first, until no pair has a rank. */
  #merge(letters) {
    const rank = (left, right) => {
      const found = this.#rank.get(`${left} ${right}`) ?? Infinity;
      return found < this.#merges ? found : Infinity;
    };
    let parts = letters;
    for (;;) {
      const lowest = parts.reduce(
        (least, part, i) => (i ? Math.min(least, rank(parts[i - 1], part)) : least), Infinity);
      if (lowest === Infinity) return parts.map((part) => this.#id.get(part));
      parts = mergeAll(parts, lowest, rank);
    }
  }

  /** For each byte of a piece, those left out that are no tokens: where its character lies. */
  #places(piece, letters) {
    if (!letters) return Array(this.#utf8.encode(piece).length).fill({ start: 0, end: piece.length });
    const places = [];
    let start = 0, byte = 0;
    for (const character of piece) {
      const end = start + character.length;
      for (let left = this.#utf8.encode(character).length; left > 0; left--, byte++) {
        if (this.#id.has(letters[byte])) places.push({ start, end });
      }
      start = end;
    }
    return places;
  }
}

/** All pairs of one rank in one go, from left to right; fewer where a merge has made a pair of a
 * lower rank, which comes first. */
function mergeAll(parts, lowest, rank) {
  const merged = [];
  let i = 0;
  while (i < parts.length) {
    if (i + 1 === parts.length || rank(parts[i], parts[i + 1]) !== lowest) {
      merged.push(parts[i++]);
      continue;
    }
    const made = parts[i] + parts[i + 1];
    const left = merged.length ? rank(merged.at(-1), made) : Infinity;
    merged.push(made);
    i += 2;
    if (Math.min(left, i < parts.length ? rank(made, parts[i]) : Infinity) < lowest) break;
  }
  for (; i < parts.length; i++) merged.push(parts[i]);
  return merged;
}
