// Keys and values of the positions that have been read, so that a new token need not read them again.
import { PAGE } from "./kernel.js";

/** A model has one. It grows by pages of 64 positions, which lie one behind the other at the end of
 * the kernel's memory. */
export class Cache {
  #model; #layerSize; #first; #pages = 0;

  constructor(model) {
    const { n_layer, n_kv_head, head_dim } = model.config;
    this.#model = model;
    this.#layerSize = 2 * n_kv_head * PAGE * head_dim; // floats
    this.pageSize = n_layer * this.#layerSize;
    this.ids = []; // what has been read
  }

  get length() {
    return this.ids.length;
  }

  /** Forget what was read from position `length` on. */
  truncate(length) {
    this.ids.length = length;
  }

  /** The address of what a layer keeps of the page that holds `position`. */
  at(layer, position) {
    const page = Math.floor(position / PAGE);
    return this.#first + 4 * (page * this.pageSize + layer * this.#layerSize);
  }

  /** Make room for `length` positions. */
  reserve(length) {
    for (; this.#pages * PAGE < length; this.#pages++) {
      const at = this.#model.kernel.allocate(4 * this.pageSize);
      this.#first ??= at;
    }
  }
}
