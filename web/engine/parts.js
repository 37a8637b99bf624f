// What a model is made of: the functions that `forward` calls, and the buffers between them.
import { PAGE } from "./kernel.js";

export const BLOCK = 32; // tokens that are read at once, a multiple of 4

/** Addresses of the vectors between two functions, each [BLOCK, …] floats. */
export function newBuffers({ n_head, n_kv_head, head_dim, d_model, d_mlp, vocab_size, context }, kernel) {
  const floats = (n) => kernel.allocate(4 * n), widest = Math.max(d_model, d_mlp, n_head * head_dim);
  return {
    x: floats(BLOCK * d_model), // the residual stream
    normed: floats(BLOCK * d_model),
    q: floats(BLOCK * n_head * head_dim),
    k: floats(BLOCK * n_kv_head * head_dim),
    v: floats(BLOCK * n_kv_head * head_dim),
    heads: floats(BLOCK * n_head * head_dim), // what attention read
    gate: floats(BLOCK * d_mlp),
    up: floats(BLOCK * d_mlp),
    logits: floats(BLOCK * vocab_size),
    quantized: kernel.allocate(BLOCK * widest * 2 + (BLOCK * widest) / 4),
    panel: kernel.allocate(widest * 16),
    attention: floats(n_head * context), // attention weights of one token
  };
}

/** The functions that `forward` calls, each a call of kernel.c. */
export function newParts({ config, buffers, kernel }) {
  const { n_head, n_kv_head, head_dim, d_model, eps, context } = config, { call } = kernel;
  const ropeTable = newRopeTable(config, kernel);
  return {
    embedding(ids, table, x) {
      ids.forEach((id, t) => call.embed(id, table.at, x + 4 * t * d_model, d_model));
    },
    rms_norm(x, weight, out, seq) {
      call.rms_norm(x, weight.at, out, seq, d_model, eps);
    },
    /** One input through one or several matrices: [[weight, out], …]. */
    linear(x, matrices, seq, add = "") {
      const { quantized, panel } = buffers, { columns } = matrices[0][0];
      call.quantize(x, seq, columns, quantized);
      for (const [{ at, rows, kind }, out] of matrices) {
        if (kind === "Q8_0") call.linear_q8_0(at, rows, columns, quantized, seq, out, panel);
        else call.linear_q4_1(at, rows, columns, quantized, seq, out, add ? 1 : 0, panel);
      }
    },
    apply_rope(x, heads, position) {
      call.apply_rope(x, heads, head_dim, ropeTable + 8 * head_dim * position);
    },
    write_cache(k, v, t, cache, layer, position) {
      const at = 4 * t * n_kv_head * head_dim;
      call.write_cache(k + at, v + at, cache.at(layer, position), position % PAGE, n_kv_head, head_dim);
    },
    attention(q, t, cache, layer, position, out) {
      const at = 4 * t * n_head * head_dim;
      call.attention(
        q + at, cache.at(layer, 0), cache.pageSize, position + 1, n_head, n_kv_head, head_dim,
        out + at, buffers.attention, context);
    },
    silu_times(gate, up, n) {
      call.silu_times(gate, up, n);
    },
  };
}

/** Cosines and sines of every position, in float32 as llmlib computes them. */
function newRopeTable({ context, head_dim, rope_theta }, kernel) {
  const at = kernel.allocate(8 * context * head_dim), table = kernel.floats(at, 2 * context * head_dim);
  const { fround } = Math;
  for (let i = 0; i < head_dim; i += 2) {
    const frequency = fround(1 / fround(rope_theta ** fround(i / head_dim)));
    for (let position = 0; position < context; position++) {
      const angle = fround(position * frequency), cosines = 2 * position * head_dim + i;
      table[cosines] = table[cosines + 1] = Math.cos(angle);
      table[cosines + head_dim + 1] = Math.sin(angle);
      table[cosines + head_dim] = -table[cosines + head_dim + 1];
    }
  }
  return at;
}
