// A GGUF file: settings, the tokenizer's tables and the weights in one file, as llama.cpp writes it.
// The format: github.com/ggml-org/ggml/blob/master/docs/gguf.md. llmlib/gguf/file.py reads it too.
import { strings } from "../strings.js";

/** How tensors may be stored, by the file's number: values of a block, and its bytes. */
export const KINDS = {
  0: { name: "F32", values: 1, bytes: 4 },
  3: { name: "Q4_1", values: 32, bytes: 20 },
  8: { name: "Q8_0", values: 32, bytes: 34 },
};
const STRING = 8, ARRAY = 9;

/** The file's bytes in order, however they are cut into chunks. */
export class ByteStream {
  #chunks; #left = new Uint8Array(0);

  /** @param {AsyncIterable<Uint8Array>} chunks */
  constructor(chunks) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.position = 0;
  }

  /** The next `n` bytes. A view where they lie in one chunk, a copy where they do not. */
  async read(n) {
    await this.#fill(n);
    const bytes = this.#left.subarray(0, n);
    this.#left = this.#left.subarray(n);
    this.position += n;
    return bytes;
  }

  /** What `parse` makes of the bytes from here on; it is called again with more of them as long as
   * it throws a RangeError. Returns [value, bytes used] as `parse` does, and moves behind them. */
  async parse(parse) {
    for (let wanted = 1; ; wanted = this.#left.length + 1) {
      await this.#fill(wanted);
      try {
        const [value, used] = parse(this.#left);
        await this.read(used);
        return value;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
      }
    }
  }

  async #fill(n) {
    while (this.#left.length < n) {
      const { value, done } = await this.#chunks.next();
      if (done) throw new Error(strings.engine.badFile);
      const joined = new Uint8Array(this.#left.length + value.length);
      joined.set(this.#left);
      joined.set(value, this.#left.length);
      this.#left = this.#left.length ? joined : value;
    }
  }
}

/** The head of a file: [{ metadata: {name: value}, tensors: [{ name, shape, kind, offset }] }, bytes].
 * A tensor's shape is [rows, columns] or [columns], its offset counts from the file's beginning.
 * RangeError where more bytes are needed, Error for a file that this engine cannot read. */
export function readHead(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const utf8 = new TextDecoder();
  let at = 0;
  const next = (read, size) => { at += size; return view[read](at - size, true); };
  const uint32 = () => next("getUint32", 4);
  const uint64 = () => Number(next("getBigUint64", 8));
  const string = () => {
    const length = uint64();
    if (at + length > bytes.length) throw new RangeError("more bytes are needed");
    at += length;
    return utf8.decode(bytes.subarray(at - length, at));
  };
  const numbers = {
    0: ["getUint8", 1], 1: ["getInt8", 1], 2: ["getUint16", 2], 3: ["getInt16", 2],
    4: ["getUint32", 4], 5: ["getInt32", 4], 6: ["getFloat32", 4], 7: ["getUint8", 1],
    10: ["getBigUint64", 8], 11: ["getBigInt64", 8], 12: ["getFloat64", 8],
  };
  const value = (type) => {
    if (type === STRING) return string();
    if (type === ARRAY) {
      const inner = uint32(), length = uint64();
      return Array.from({ length }, () => value(inner));
    }
    if (!(type in numbers)) throw new Error(strings.engine.badFile);
    return Number(next(...numbers[type]));
  };

  if (utf8.decode(bytes.subarray(0, 4)) !== "GGUF") throw new Error(strings.engine.badFile);
  at = 4;
  const version = uint32();
  if (version !== 2 && version !== 3) throw new Error(`this is a GGUF file of version ${version}`);
  const nTensors = uint64(), nKeys = uint64(), metadata = {};
  for (let i = 0; i < nKeys; i++) {
    const key = string();
    metadata[key] = value(uint32());
  }
  const tensors = Array.from({ length: nTensors }, () => {
    const name = string();
    const shape = Array.from({ length: uint32() }, uint64).reverse();
    const kind = KINDS[uint32()];
    if (!kind) throw new Error(`the tensor ${name} is stored in a way that this engine cannot read`);
    return { name, shape, kind, offset: uint64() };
  });
  const alignment = metadata["general.alignment"] ?? 32;
  const start = Math.ceil(at / alignment) * alignment;
  for (const tensor of tensors) tensor.offset += start;
  tensors.sort((a, b) => a.offset - b.offset);
  return [{ metadata, tensors }, at];
}
