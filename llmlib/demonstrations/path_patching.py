"""One head's write, taken out of what later heads read, in their queries or in their keys alone."""

import torch

from llmlib.attention import attention_weights, causal_mask, merge_heads, repeat_kv, split_heads
from llmlib.embeddings import apply_rope


def maps_without(model, texts, layer, head, part):
    """Every head's shares on `texts` [text, seq] where the layers after `layer` miss, in their
    queries (`part` "q") or keys ("k"), what `head` of that layer wrote -> [text, n_layer, n_head,
    seq, seq]."""
    config, seen, at, write = model.config, [], torch.arange(texts.shape[1]), 0
    n_head, n_kv_head, width = config.n_head, config.n_kv_head, config.head_dim

    def block(x, norm_1, attend, norm_2, feed_forward):
        nonlocal write
        weights = model.weights.layers[len(seen)]
        w_q, w_k, w_v, w_o = (w[0] for w in (weights.q, weights.k, weights.v, weights.o))
        whole, less = norm_1(x), norm_1(x - write)
        q = split_heads((less if part == "q" else whole) @ w_q.T, n_head)
        k = split_heads((less if part == "k" else whole) @ w_k.T, n_kv_head)
        q, k = (apply_rope(each, at, config.rope_theta) for each in (q, k))
        k, v = (
            repeat_kv(each, n_head // n_kv_head)
            for each in (k, split_heads(whole @ w_v.T, n_kv_head))
        )
        shares = attention_weights(q, k, causal_mask(len(at)))
        z = shares @ v
        if len(seen) == layer:
            write = z[:, head] @ w_o[:, head * width : (head + 1) * width].T
        seen.append(shares)
        x = x + merge_heads(z) @ w_o.T
        return x + feed_forward(norm_2(x))

    model.using(block=block)(texts, last=True)
    return torch.stack(seen, dim=1)
