/** Bytes of a cache of `seq` tokens: 2 (keys and values) × layers × key/value heads × head_dim × bytes a
 * number, as in llmlib/kv_cache.py. */
export function cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number = 4) {
  return 2 * n_layer * n_kv_head * head_dim * bytes_per_number * seq;
}
