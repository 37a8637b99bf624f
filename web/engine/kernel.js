// kernel.wasm with its memory: buffers of floats in it, and each function of kernel.c.
import { say, strings } from "../strings.js";

export const PAGE = 64; // positions of a page of the KV cache, as in kernel.c
const WASM_PAGE = 65536; // bytes, in which the memory of WebAssembly is counted
const STEP = 256; // pages by which it grows at least: some browsers copy it all each time

export class Kernel {
  #top; #views;

  /** @param {ArrayBuffer} wasm the bytes of kernel.wasm */
  static async start(wasm) {
    if (!WebAssembly.validate(wasm)) {
      throw new Error(strings.engine.noSimd);
    }
    const kernel = new Kernel();
    kernel.memory = new WebAssembly.Memory({ initial: 1 });
    const { instance } = await WebAssembly.instantiate(wasm, { env: { memory: kernel.memory } });
    kernel.call = instance.exports;
    kernel.#top = instance.exports.__heap_base.value;
    return kernel;
  }

  /** The address of `bytes` new bytes, a multiple of 64. They are zero, and never freed. */
  allocate(bytes) {
    const at = Math.ceil(this.#top / 64) * 64, size = this.memory.buffer.byteLength;
    this.#top = at + bytes;
    if (this.#top > size) {
      try {
        this.memory.grow(Math.max(STEP, Math.ceil((this.#top - size) / WASM_PAGE)));
      } catch {
        this.#top = at;
        throw new Error(say(strings.engine.noMemory, { needed: Math.ceil((at + bytes) / 1e6) }));
      }
    }
    return at;
  }

  /** A view of all memory, which lasts until the next `allocate`. */
  get bytes() {
    return this.#current().bytes;
  }

  /** @returns {Float32Array} a view of `n` floats from `at` on, which lasts until the next `allocate` */
  floats(at, n) {
    return this.#current().floats.subarray(at / 4, at / 4 + n);
  }

  #current() { // a memory that has grown has another buffer
    const { buffer } = this.memory;
    if (this.#views?.buffer !== buffer) {
      this.#views = { buffer, bytes: new Uint8Array(buffer), floats: new Float32Array(buffer) };
    }
    return this.#views;
  }
}
