// The whole LLM on one screen, as in llmlib/model.py: token ids in, logits out. Each word of
// `forward` is a function of kernel.c. Vectors lie in the kernel's memory; x, q, k … are addresses.

/**
 * ids (at most BLOCK of them, see parts.js), which follow what the cache holds -> the address of the
 * residual stream behind the last layer, [ids.length, d_model]; `unembed` makes logits of it.
 *
 * `watch.stream(layer, x, seq)` sees the stream before each layer, and behind the last one (layer
 * n_layer). `watch.attention(layer, position, weights, read)` sees where a token's heads look:
 * weights [n_head, context] of floats, of which the first position + 1 are meant. It may change what they
 * read there: read [n_head, head_dim]. `watch.neurons(layer,
 * gate, seq)` sees the strength of each neuron of the MLP [seq, d_mlp], and may change it.
 * `watch.projected(layer, seq)` comes when the buffers hold x, normed, q, k and v, and
 * `watch.attended(layer, seq)` when q and k are turned and heads holds what they read.
 */
export function forward(ids, model, cache, watch = {}) {
  const { config, weights, parts, buffers } = model;
  const { n_head, n_kv_head, head_dim, d_model, d_mlp } = config;
  const { x, normed, q, k, v, heads, gate, up } = buffers;
  const seq = ids.length, start = cache.length;
  cache.reserve(start + seq);
  parts.embedding(ids, weights.embedding, x);
  for (const [i, layer] of weights.layers.entries()) {
    watch.stream?.(i, x, seq);
    parts.rms_norm(x, layer.norm_1, normed, seq);
    parts.linear(normed, [[layer.q, q], [layer.k, k], [layer.v, v]], seq);
    watch.projected?.(i, seq);
    for (let t = 0; t < seq; t++) { // each token by itself
      const position = start + t;
      parts.apply_rope(q + 4 * t * n_head * head_dim, n_head, position);
      parts.apply_rope(k + 4 * t * n_kv_head * head_dim, n_kv_head, position);
      parts.write_cache(k, v, t, cache, i, position);
      parts.attention(q, t, cache, i, position, heads);
      watch.attention?.(i, position, buffers.attention, heads + 4 * t * n_head * head_dim);
    }
    watch.attended?.(i, seq);
    parts.linear(heads, [[layer.o, x]], seq, "add");
    parts.rms_norm(x, layer.norm_2, normed, seq);
    parts.linear(normed, [[layer.gate, gate], [layer.up, up]], seq);
    parts.silu_times(gate, up, seq * d_mlp);
    watch.neurons?.(i, gate, seq);
    parts.linear(gate, [[layer.down, x]], seq, "add");
  }
  watch.stream?.(weights.layers.length, x, seq);
  cache.ids.push(...ids);
  return x;
}

/** Logits of `seq` vectors of the stream: x [seq, d_model] -> Float32Array [seq * vocab_size], a
 * view that lasts until the next call. The final norm comes first; the table is the embedding's. */
export function unembed(x, model, seq = 1) {
  const { config, weights, parts, buffers, kernel } = model;
  parts.rms_norm(x, weights.norm, buffers.normed, seq);
  parts.linear(buffers.normed, [[weights.embedding, buffers.logits]], seq);
  return kernel.floats(buffers.logits, seq * config.vocab_size);
}
