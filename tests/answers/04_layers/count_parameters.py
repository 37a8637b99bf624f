# %% right: by name, from a dictionary of shapes
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    q, kv = (n_head * head_dim, d_model), (n_kv_head * head_dim, d_model)
    o, up, down = (d_model, n_head * head_dim), (d_mlp, d_model), (d_model, d_mlp)
    if family == "llama":
        layer, outside = [q, kv, kv, o, up, up, down, (d_model,), (d_model,)], [(d_model,)]
    else:
        matrices = [q, kv, kv, o, up, down]
        layer = matrices + [(rows,) for rows, _ in matrices] + [(d_model,)] * 4
        outside = [(d_model,), (d_model,), (context, d_model)]
    outside += [(vocab_size, d_model)] * (1 if tied else 2)
    return n_layer * sum(map(math.prod, layer)) + sum(map(math.prod, outside))

# %% right: a loop over the layers with running totals
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    bias = 1 if family == "gpt2" else 0
    total = vocab_size * d_model
    if bias:
        total += context * d_model
    for _ in range(n_layer):
        total += 2 * d_model * (1 + bias)
        total += (d_model + bias) * n_head * head_dim
        total += 2 * (d_model + bias) * n_kv_head * head_dim
        total += (n_head * head_dim + bias) * d_model
        if bias:
            total += d_model * d_mlp + d_mlp + d_mlp * d_model + d_model
        else:
            total += 3 * d_model * d_mlp
    total += d_model * (1 + bias)
    if not tied:
        total += vocab_size * d_model
    return total

# %% right: real tensors on the meta device, which hold no numbers
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    gpt2 = family == "gpt2"
    Linear, norm = torch.nn.Linear, torch.nn.LayerNorm(d_model) if gpt2 else torch.nn.RMSNorm(d_model)
    shapes = [(d_model, n_head * head_dim), (d_model, n_kv_head * head_dim), (d_model, n_kv_head * head_dim), (n_head * head_dim, d_model)]
    shapes += [(d_model, d_mlp), (d_mlp, d_model)] + ([] if gpt2 else [(d_model, d_mlp)])
    layer = [Linear(i, o, bias=gpt2, device="meta") for i, o in shapes] + [norm, norm]
    size = lambda module: sum(p.numel() for p in module.parameters())
    outside = (vocab_size * (2 - bool(tied)) + context * gpt2) * d_model + size(norm)
    return n_layer * sum(map(size, layer)) + outside

# %% right: integer arithmetic factored by width
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True, **_):
    heads = 2 * (n_head + n_kv_head) * head_dim
    per_layer = d_model * (heads + {"gpt2": 2, "llama": 3}[family] * d_mlp + 2)
    rest = d_model * (vocab_size * (1 + (not tied)) + 1)
    if family == "gpt2":
        per_layer += (n_head + 2 * n_kv_head) * head_dim + d_mlp + 4 * d_model
        rest += d_model * (context + 1)
    return per_layer * n_layer + rest

# %% wrong: a tied head counted again
# says: a tied head is not counted again
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    q, kv, bias = n_head * head_dim, n_kv_head * head_dim, family == "gpt2"
    attention = 2 * d_model * (q + kv) + bias * (q + 2 * kv + d_model)
    mlp = d_model * d_mlp * (3 - bias) + bias * (d_mlp + d_model)
    norm = d_model * (1 + bias)
    return 2 * vocab_size * d_model + bias * context * d_model + n_layer * (2 * norm + attention + mlp) + norm

# %% wrong: every layer's biases forgotten
# says: a number of b_in
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    q, kv, bias = n_head * head_dim, n_kv_head * head_dim, family == "gpt2"
    norm = d_model * (1 + bias)
    layer = 2 * norm + 2 * d_model * (q + kv) + d_model * d_mlp * (3 - bias)
    return vocab_size * d_model * (2 - tied) + bias * context * d_model + n_layer * layer + norm

# %% wrong: the biases of attention forgotten
# says: head_dim biases
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    q, kv, bias = n_head * head_dim, n_kv_head * head_dim, family == "gpt2"
    norm = d_model * (1 + bias)
    layer = 2 * norm + 2 * d_model * (q + kv) + d_model * d_mlp * (3 - bias) + bias * (d_mlp + d_model)
    return vocab_size * d_model * (2 - tied) + bias * context * d_model + n_layer * layer + norm

# %% wrong: GPT-2 without its position table
# says: one row of its position table
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    q, kv, bias = n_head * head_dim, n_kv_head * head_dim, family == "gpt2"
    norm = d_model * (1 + bias)
    layer = 2 * norm + 2 * d_model * (q + kv) + bias * (q + 2 * kv + d_model) + d_model * d_mlp * (3 - bias) + bias * (d_mlp + d_model)
    return vocab_size * d_model * (2 - tied) + n_layer * layer + norm

# %% wrong: Llama with a position table
# says: RoPE has no table
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    q, kv, bias = n_head * head_dim, n_kv_head * head_dim, family == "gpt2"
    norm = d_model * (1 + bias)
    layer = 2 * norm + 2 * d_model * (q + kv) + bias * (q + 2 * kv + d_model) + d_model * d_mlp * (3 - bias) + bias * (d_mlp + d_model)
    return vocab_size * d_model * (2 - tied) + context * d_model + n_layer * layer + norm

# %% wrong: the final norm forgotten
# says: the final norm's 4
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    q, kv, bias = n_head * head_dim, n_kv_head * head_dim, family == "gpt2"
    norm = d_model * (1 + bias)
    layer = 2 * norm + 2 * d_model * (q + kv) + bias * (q + 2 * kv + d_model) + d_model * d_mlp * (3 - bias) + bias * (d_mlp + d_model)
    return vocab_size * d_model * (2 - tied) + bias * context * d_model + n_layer * layer

# %% wrong: two matrices in SwiGLU
# says: SwiGLU has three matrices
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    q, kv, bias = n_head * head_dim, n_kv_head * head_dim, family == "gpt2"
    norm = d_model * (1 + bias)
    layer = 2 * norm + 2 * d_model * (q + kv) + bias * (q + 2 * kv + d_model) + d_model * d_mlp * 2 + bias * (d_mlp + d_model)
    return vocab_size * d_model * (2 - tied) + bias * context * d_model + n_layer * layer + norm

# %% wrong: grouped queries ignored
# says: k and v have n_kv_head heads
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    q, bias = n_head * head_dim, family == "gpt2"
    norm = d_model * (1 + bias)
    layer = 2 * norm + 4 * d_model * q + bias * (3 * q + d_model) + d_model * d_mlp * (3 - bias) + bias * (d_mlp + d_model)
    return vocab_size * d_model * (2 - tied) + bias * context * d_model + n_layer * layer + norm

# %% wrong: attention as wide as d_model
# says: q and o have n_head heads
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    kv, bias = n_kv_head * head_dim, family == "gpt2"
    norm = d_model * (1 + bias)
    layer = 2 * norm + 2 * d_model * (d_model + kv) + bias * (2 * d_model + 2 * kv) + d_model * d_mlp * (3 - bias) + bias * (d_mlp + d_model)
    return vocab_size * d_model * (2 - tied) + bias * context * d_model + n_layer * layer + norm

# %% wrong: one norm per layer
# says: 2 norms of 4
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    q, kv, bias = n_head * head_dim, n_kv_head * head_dim, family == "gpt2"
    norm = d_model * (1 + bias)
    layer = norm + 2 * d_model * (q + kv) + bias * (q + 2 * kv + d_model) + d_model * d_mlp * (3 - bias) + bias * (d_mlp + d_model)
    return vocab_size * d_model * (2 - tied) + bias * context * d_model + n_layer * layer + norm

# %% wrong: LayerNorm counted without its bias
# says: the final norm's weight and bias
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    q, kv, bias = n_head * head_dim, n_kv_head * head_dim, family == "gpt2"
    layer = 2 * d_model + 2 * d_model * (q + kv) + bias * (q + 2 * kv + d_model) + d_model * d_mlp * (3 - bias) + bias * (d_mlp + d_model)
    return vocab_size * d_model * (2 - tied) + bias * context * d_model + n_layer * layer + d_model

# %% wrong: returns nothing
# says: is there a return?
def count_parameters(family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True):
    q, kv, bias = n_head * head_dim, n_kv_head * head_dim, family == "gpt2"
    attention = 2 * d_model * (q + kv) + bias * (q + 2 * kv + d_model)
    mlp = d_model * d_mlp * (3 - bias) + bias * (d_mlp + d_model)
    norm = d_model * (1 + bias)
    vocab_size * d_model * (2 - tied) + bias * context * d_model + n_layer * (2 * norm + attention + mlp) + norm


# %% wrong: a float
# says: a whole number
def count_parameters(
    family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True
):
    q, kv = n_head * head_dim, n_kv_head * head_dim
    gpt2 = float(family == "gpt2")
    att = d_model * (2 * q + 2 * kv) + gpt2 * (q + 2 * kv + d_model)
    ff = 2 * d_model * d_mlp + d_mlp + d_model if gpt2 else 3 * d_model * d_mlp
    norm = d_model * (1 + gpt2)
    return (
        vocab_size * d_model * (1 if tied else 2)
        + gpt2 * context * d_model
        + n_layer * (att + ff + 2 * norm)
        + norm
    )


# %% right: a list of shapes by pattern matching
def count_parameters(
    family, vocab_size, context, n_layer, d_model, d_mlp, n_head, n_kv_head, head_dim, tied=True
):
    match family:
        case "gpt2":
            bias, norms, maps, table = 1, 2, [(d_mlp, d_model), (d_model, d_mlp)], [(context, d_model)]
        case _:
            bias, norms, maps, table = 0, 1, [(d_mlp, d_model)] * 2 + [(d_model, d_mlp)], []
    q, kv = n_head * head_dim, n_kv_head * head_dim
    maps = maps + [(q, d_model), (kv, d_model), (kv, d_model), (d_model, q)]
    layer = sum(rows * (columns + bias) for rows, columns in maps)
    table = table + [(vocab_size, d_model)] * (2 - tied)
    return sum(map(math.prod, table)) + n_layer * layer + (2 * n_layer + 1) * norms * d_model
