"""What notebook 3's demonstrations measure and need not show."""

from dataclasses import dataclass
from itertools import cycle

import torch

from llmlib.attention import attention_weights, causal_mask, merge_heads, repeat_kv, split_heads
from llmlib.embeddings import apply_rope


def itself_and_first(seq, start=0):
    """Return a mask by which each token sees itself and the first one: bool [seq, start + seq]."""
    mask = torch.eye(start + seq, dtype=torch.bool)[start:]
    mask[:, 0] = True
    return mask


# How much of the last output's gradient reaches each earlier input of a network that reads,
# before any training.


def gradient_back(make_reader, steps=50, d_model=64, runs=10):
    """Return the norm of the gradient at the input 0, 1, ... `steps` back, a geometric mean over
    `runs` fresh readers -> [steps + 1]."""
    logs = []
    for seed in range(runs):
        torch.manual_seed(seed)
        read = make_reader(d_model)
        x = torch.randn(1, steps + 1, d_model, requires_grad=True)  # batch seq d_model
        read(x)[0, -1].norm().backward()
        logs.append(x.grad[0].norm(dim=-1).flip(0).log())
    return torch.stack(logs).mean(0).exp()


def _rnn(d_model, rotation=False):
    """Make a plain recurrent network; with `rotation`, its U starts as one."""
    layer = torch.nn.RNN(d_model, d_model, batch_first=True)
    if rotation:
        torch.nn.init.orthogonal_(layer.weight_hh_l0)
    return lambda x: layer(x)[0]


def _lstm(d_model, forget_bias=0.0):
    """Make an LSTM (Hochreiter & Schmidhuber 1997; Gers et al. 2000) as torch starts it;
    `forget_bias` opens its forget gate."""
    layer = torch.nn.LSTM(d_model, d_model, batch_first=True)
    with torch.no_grad():
        layer.bias_hh_l0[d_model : 2 * d_model] += forget_bias
    return lambda x: layer(x)[0]


def _attention(d_model):
    """Make attention with four heads and no mask."""
    layer = torch.nn.MultiheadAttention(d_model, 4, bias=False, batch_first=True)
    return lambda x: layer(x, x, x, need_weights=False)[0]


READERS = {
    "RNN": _rnn,
    "RNN, U a rotation": lambda d_model: _rnn(d_model, rotation=True),
    "LSTM": _lstm,
    "LSTM, gate open": lambda d_model: _lstm(d_model, forget_bias=3.0),
    "attention": _attention,
}


# torch's ready-made multi-head attention beside one that is put together from single functions.


def difference_from_torch(split_heads, attention, causal_mask, merge_heads, seed=0):
    """Return the largest difference between the two on random input, 8 heads of 12 columns,
    causal."""
    torch.manual_seed(seed)
    module = torch.nn.MultiheadAttention(96, 8, bias=False, batch_first=True)
    x = torch.randn(2, 7, 96)
    with torch.no_grad():
        q, k, v = (split_heads(x @ w.T, 8) for w in module.in_proj_weight.chunk(3))
        output = merge_heads(attention(q, k, v, causal_mask(7))) @ module.out_proj.weight.T
        # to torch's own layer, True means hidden
        expected = module(x, x, x, attn_mask=~torch.ones(7, 7).tril().bool())[0]
    return (output - expected).abs().max().item()


# What single heads receive, look at and write in one run of a model.


@dataclass(frozen=True)
class Heads:
    """Hold, of one text, by layer: what attention receives and what it adds to the stream,
    [n_layer, seq, d_model] both; each head's attention weights [n_layer, n_head, seq, seq]; the
    lengths of its values [n_layer, n_head, seq]; and what it writes [n_layer, n_head, seq,
    d_model]."""

    received: torch.Tensor
    added: torch.Tensor
    weights: torch.Tensor
    value_lengths: torch.Tensor
    writes: torch.Tensor


def heads(model, ids):
    """Run the model on one text and keep what its heads do -> Heads."""
    received, added, weights, z, lengths = [], [], [], [], []

    def attention(q, k, v, mask=None):
        weights.append(attention_weights(q, k, mask)[0])
        z.append(weights[-1] @ v[0])
        lengths.append(v[0].norm(dim=-1))
        return z[-1][None]

    def block(x, norm_1, attend, norm_2, feed_forward):
        received.append(norm_1(x)[0])
        added.append(attend(norm_1(x))[0])
        x = x + added[-1]
        return x + feed_forward(norm_2(x))

    model.using(attention=attention, block=block)(ids, last=True)
    w_o = torch.stack([layer.o[0] for layer in model.weights.layers])
    w_o = w_o.unflatten(2, (model.config.n_head, model.config.head_dim))
    lists = received, added, weights, z, lengths
    received, added, weights, z, lengths = (torch.stack(tensor) for tensor in lists)
    return Heads(received, added, weights, lengths, torch.einsum("ldhk,lhsk->lhsd", w_o, z))


def weights_of(model, layer, head):
    """Return (W_Q, W_K, W_V [head_dim, d_model], W_O [d_model, head_dim]) of one head, and its
    share of W_K and W_V where heads have them in common."""
    width, per = model.config.head_dim, model.config.n_head // model.config.n_kv_head
    stored = model.weights.layers[layer]
    q, kv = (slice(n * width, (n + 1) * width) for n in (head, head // per))
    return stored.q[0][q], stored.k[0][kv], stored.v[0][kv], stored.o[0][:, q]


# Every tensor of one attention sublayer, by somebody's own functions.


def tensors_of(
    model, text, layer, split_heads, repeat_kv, attention, causal_mask, merge_heads=merge_heads
):
    """Return each tensor between what the attention of `layer` receives for `text` and what it
    writes, {name: tensor}, in the order in which they are made. `attention` may work in place."""
    ids, config = model.tokenizer.encode(text), model.config
    x = heads(model, ids).received[layer][None]  # batch seq d_model
    stored = model.weights.layers[layer]
    q, k, v = (x @ w[0].T for w in (stored.q, stored.k, stored.v))
    tensors = {"x": x, "q": q, "k": k, "v": v}
    numbers = config.n_head, config.n_kv_head, config.n_kv_head
    split_q, split_k, split_v = (split_heads(t, n) for t, n in zip((q, k, v), numbers))
    at = torch.arange(len(ids))
    split_q, split_k = (apply_rope(t, at, config.rope_theta) for t in (split_q, split_k))
    tensors |= {"split q": split_q, "split k": split_k, "split v": split_v}
    per = config.n_head // config.n_kv_head
    every_k, every_v = repeat_kv(split_k, per), repeat_kv(split_v, per)
    tensors |= {"repeated k": every_k, "repeated v": every_v}
    mask, identity = causal_mask(len(ids)), torch.eye(len(ids)).expand(1, config.n_head, -1, -1)
    for name, values in (("weights", identity), ("mixed", every_v)):
        tensors[name] = attention(split_q.clone(), every_k.clone(), values.clone(), mask)
    tensors["merged"] = merge_heads(tensors["mixed"])
    return tensors | {"written": tensors["merged"] @ stored.o[0].T}


# An attention sublayer, somebody's own, in the place of the model's.


def with_layer(model, layer):
    """Return the model with `layer(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta)` in each layer,
    given that layer's weights. It keeps no cache."""
    weights, config = cycle(model.weights.layers), model.config
    shape = config.n_head, config.n_kv_head, config.rope_theta

    def block(x, norm_1, attend, norm_2, feed_forward):
        stored = next(weights)
        x = x + layer(norm_1(x), *(w[0] for w in (stored.q, stored.k, stored.v, stored.o)), *shape)
        return x + feed_forward(norm_2(x))

    return model.using(block=block)


# Random tokens said twice, and what it costs there to replace what a head computes.


def repeated(seed=0, half=25, n=2):
    """Return `n` texts of `half` random tokens, said twice -> [n, 2 * half]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1000, 40000, (n, half), generator=generator).repeat(1, 2)


def replaced(model, heads, replace, watch=None):
    """Return the model with `replace(z)` in the place of what each of `heads`, a list of (layer,
    head), computes: z [batch, seq, head_dim]. `watch`, a list, collects each layer's attention
    weights."""
    layers = cycle(range(model.config.n_layer))

    def attention(q, k, v, mask=None):
        layer, weights = next(layers), attention_weights(q, k, mask)
        if watch is not None:
            watch.append(weights)
        z = weights @ v
        for head in (head for at, head in heads if at == layer):
            z[:, head] = replace(z[:, head].clone())
        return z

    return model.using(attention=attention)


def costs(model, texts, heads, replace):
    """Return by how many nats the loss on the second half of `texts` [text, seq] rises if one head
    is replaced, for each of `heads`, a list of (layer, head). Layers below the head run once
    only."""
    streams, by_head = [], {}

    def keeping(x, norm_1, attend, norm_2, feed_forward):
        x = x + attend(norm_1(x))
        x = x + feed_forward(norm_2(x))
        streams.append(x)
        return x

    def losses(layer, chosen):
        """Measure each of the heads `chosen` in a layer, replaced alone: all in one batch."""
        layers, first = iter(range(len(streams))), iter([True])

        def block(x, norm_1, attend, norm_2, feed_forward):
            if (at := next(layers)) < layer:
                return streams[at].repeat(len(chosen), 1, 1)
            x = x + attend(norm_1(x))
            return x + feed_forward(norm_2(x))

        def attention(q, k, v, mask=None):
            z = attention_weights(q, k, mask) @ v
            if next(first, False):
                for run, head in zip(z.split(len(texts)), chosen):
                    run[:, head] = replace(run[:, head].clone())
            return z

        changed = model.using(block=block, attention=attention)
        loss = repetition_loss(changed, texts.repeat(len(chosen), 1))
        return loss.view(len(chosen), -1).mean(-1).tolist()

    full = repetition_loss(model.using(block=keeping), texts).mean().item()
    for layer in sorted({layer for layer, _ in heads}):
        chosen = [head for at, head in heads if at == layer]
        for head, loss in zip(chosen, losses(layer, chosen)):
            by_head[layer, head] = round(loss - full, 2) + 0.0  # no -0.0
    return [by_head[at] for at in heads]


def repetition_loss(model, texts):
    """Return the mean loss on the second half of each of `texts`, after its first token, in nats:
    texts [text, seq] -> [text]."""
    half = texts.shape[1] // 2
    second = model.using(unembedding=lambda x, table: x[:, half:-1] @ table.T)(texts)
    log_p = torch.log_softmax(second, dim=-1)
    return -log_p.gather(-1, texts[:, half + 1 :, None]).squeeze(-1).mean(-1)


def maps_of(model, heads, replace, texts):
    """Return every head's attention weights with `heads` replaced -> [text, n_layer, n_head, seq,
    seq]."""
    maps = []
    replaced(model, heads, replace, watch=maps)(texts, last=True)
    return torch.stack(maps, dim=1)


# Where heads look in a text of random tokens that is said twice.


def scores_by_place(maps):
    """Return each head's mean weight on the token before, on the first token, and, for tokens of
    the second half, on the one after their first occurrence: maps [text, n_layer, n_head, seq, seq]
    -> {name: [n_layer, n_head]}."""
    half, mean = maps.shape[-1] // 2, maps.mean(0)
    return {
        "previous token": mean.diagonal(-1, -2, -1)[..., 1:].mean(-1),
        "first token": mean[..., 1:, 0].mean(-1),
        "induction": mean.diagonal(1 - half, -2, -1)[..., 1:].mean(-1),
    }


def token_by_token(model, prompt, n):
    """Return `n` tokens of text after `prompt`, each token read in a pass of its own: keys and
    values of earlier ones are kept, and no later one exists yet."""
    cache, ids, pieces = model.new_cache(), model.tokenizer.encode(prompt), []
    for i in ids:
        logits = model([i], cache)[0, -1]
    for _ in range(n):
        pieces.append(int(logits.argmax()))
        logits = model([pieces[-1]], cache)[0, -1]
    return model.tokenizer.decode(pieces)


def write_sizes(model, texts):
    """Return the mean length of what each head writes: [n_layer, n_head]."""
    w_o, sizes = [layer.o[0] for layer in model.weights.layers], []

    def attention(q, k, v, mask=None):
        z = attention_weights(q, k, mask) @ v
        stored = w_o[len(sizes)].unflatten(1, (z.shape[1], -1))  # d_model n_head head_dim
        sizes.append(torch.einsum("dhk,bhsk->bhsd", stored, z).norm(dim=-1).mean((0, 2)))
        return z

    model.using(attention=attention)(texts, last=True)
    return torch.stack(sizes)


# One head's write, taken out of what later heads read, in their queries or in their keys alone.


def maps_without(model, texts, layer, head, part):
    """Return every head's shares on `texts` [text, seq] where the layers after `layer` miss, in
    their queries (`part` "q") or keys ("k"), what `head` of that layer wrote -> [text, n_layer,
    n_head, seq, seq]."""
    config, shares_by_layer, at, write = model.config, [], torch.arange(texts.shape[1]), 0
    n_head, n_kv_head, width = config.n_head, config.n_kv_head, config.head_dim

    def block(x, norm_1, attend, norm_2, feed_forward):
        nonlocal write
        weights = model.weights.layers[len(shares_by_layer)]
        w_q, w_k, w_v, w_o = (w[0] for w in (weights.q, weights.k, weights.v, weights.o))
        full, less = norm_1(x), norm_1(x - write)
        q = split_heads((less if part == "q" else full) @ w_q.T, n_head)
        k = split_heads((less if part == "k" else full) @ w_k.T, n_kv_head)
        q, k = (apply_rope(tensor, at, config.rope_theta) for tensor in (q, k))
        k, v = (
            repeat_kv(tensor, n_head // n_kv_head)
            for tensor in (k, split_heads(full @ w_v.T, n_kv_head))
        )
        shares = attention_weights(q, k, causal_mask(len(at)))
        z = shares @ v
        if len(shares_by_layer) == layer:
            write = z[:, head] @ w_o[:, head * width : (head + 1) * width].T
        shares_by_layer.append(shares)
        x = x + merge_heads(z) @ w_o.T
        return x + feed_forward(norm_2(x))

    model.using(block=block)(texts, last=True)
    return torch.stack(shares_by_layer, dim=1)


# Small models of nothing but attention, which learn to repeat random tokens.


def train_to_repeat(attend, n_layer, same_length=False, steps=300, d_model=48, vocab=32, seed=0):
    """Return (loss on second halves at each step, loss at the end on 9 + 9 tokens), in nats.
    `attend` is a whole layer of attention; texts are 12 + 12 tokens, or of varying lengths."""
    g = torch.Generator().manual_seed(seed)
    table = torch.randn(vocab, d_model, generator=g).requires_grad_()
    head = (torch.randn(vocab, d_model, generator=g) / d_model**0.5).requires_grad_()
    square = d_model, d_model
    layers = [
        [(torch.randn(square, generator=g) / d_model**0.5).requires_grad_() for _ in range(4)]
        for _ in range(n_layer)
    ]
    weights = [table, head, *(w for layer in layers for w in layer)]
    optimizer, losses = torch.optim.AdamW(weights, lr=0.01, weight_decay=0.0), []

    def loss(half):
        ids = torch.randint(vocab, (24, half), generator=g).repeat(1, 2)
        x = table[ids]
        for layer in layers:
            x = x + attend(torch.nn.functional.rms_norm(x, (d_model,)), *layer, 4, 4)
        logits = torch.nn.functional.rms_norm(x, (d_model,)) @ head.T
        return torch.nn.functional.cross_entropy(
            logits[:, half:-1].flatten(0, 1), ids[:, half + 1 :].flatten()
        )

    for _ in range(steps):
        now = loss(12 if same_length else int(torch.randint(6, 13, (1,), generator=g)))
        optimizer.zero_grad()
        now.backward()
        optimizer.step()
        losses.append(now.item())
    return losses, loss(9).item()
