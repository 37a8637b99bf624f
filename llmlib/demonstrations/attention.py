"""What notebook 3's demonstrations measure and need not show."""

import math
from dataclasses import dataclass
from itertools import cycle

import torch

from llmlib.attention import attention_weights, causal_mask, merge_heads, repeat_kv, split_heads
from llmlib.embeddings import apply_rope

# Masks that take most of the looking away: bool [seq, start + seq], True = may look.


def only_itself(seq, start=0):
    """Each token sees itself alone: the model's first token, over and over."""
    mask = torch.zeros(seq, start + seq, dtype=torch.bool)
    mask[range(seq), range(start, start + seq)] = True
    return mask


def itself_and_first(seq, start=0):
    """Each token sees itself and the first one, which takes the attention nobody needs."""
    mask = only_itself(seq, start)
    mask[:, 0] = True
    return mask


# How much of the last output's gradient reaches each earlier input of a network that reads,
# before any training.


def gradient_back(make_reader, steps=50, d_model=64, runs=10):
    """Norm of the gradient at the input 0, 1, ... `steps` back, a geometric mean over `runs` fresh
    readers -> [steps + 1]."""
    logs = []
    for seed in range(runs):
        torch.manual_seed(seed)
        read = make_reader(d_model)
        x = torch.randn(1, steps + 1, d_model, requires_grad=True)  # batch seq d_model
        read(x)[0, -1].norm().backward()
        logs.append(x.grad[0].norm(dim=-1).flip(0).log())
    return torch.stack(logs).mean(0).exp()


def _rnn(d_model, rotation=False):
    """A plain recurrent network; with `rotation`, its U starts as one."""
    layer = torch.nn.RNN(d_model, d_model, batch_first=True)
    if rotation:
        torch.nn.init.orthogonal_(layer.weight_hh_l0)
    return lambda x: layer(x)[0]


def _lstm(d_model, forget_bias=0.0):
    """An LSTM (Hochreiter & Schmidhuber 1997; Gers et al. 2000) as torch starts it; `forget_bias`
    opens its forget gate."""
    layer = torch.nn.LSTM(d_model, d_model, batch_first=True)
    with torch.no_grad():
        layer.bias_hh_l0[d_model : 2 * d_model] += forget_bias
    return lambda x: layer(x)[0]


def _attention(d_model):
    """One layer of attention with four heads and no mask."""
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
    """The largest difference between the two on random input, 8 heads of 12 columns, causal."""
    torch.manual_seed(seed)
    theirs = torch.nn.MultiheadAttention(96, 8, bias=False, batch_first=True)
    x = torch.randn(2, 7, 96)
    with torch.no_grad():
        q, k, v = (split_heads(x @ w.T, 8) for w in theirs.in_proj_weight.chunk(3))
        mine = merge_heads(attention(q, k, v, causal_mask(7))) @ theirs.out_proj.weight.T
        # to torch's own layer, True means hidden
        want = theirs(x, x, x, attn_mask=~torch.ones(7, 7).tril().bool())[0]
    return (mine - want).abs().max().item()


# What single heads receive, look at and write in one run of a model.


@dataclass(frozen=True)
class Heads:
    """Of one text, by layer: what attention receives [n_layer, seq, d_model]; each head's shares
    [n_layer, n_head, seq, seq]; its mixture of values z [n_layer, n_head, seq, head_dim]; the
    lengths of its values [n_layer, n_head, seq]; and what it writes [n_layer, n_head, seq,
    d_model]. The stream after each layer [n_layer, seq, d_model]."""

    received: torch.Tensor
    shares: torch.Tensor
    z: torch.Tensor
    value_lengths: torch.Tensor
    writes: torch.Tensor
    stream: torch.Tensor


def heads(model, ids):
    """Run the model on one text and keep what its heads do -> Heads."""
    received, shares, z, lengths, stream = [], [], [], [], []

    def attention(q, k, v, mask=None):
        shares.append(attention_weights(q, k, mask)[0])
        z.append(shares[-1] @ v[0])
        lengths.append(v[0].norm(dim=-1))
        return z[-1][None]

    def block(x, norm_1, attend, norm_2, feed_forward):
        received.append(norm_1(x)[0])
        x = x + attend(norm_1(x))
        x = x + feed_forward(norm_2(x))
        stream.append(x[0])
        return x

    model.using(attention=attention, block=block)(ids, last=True)
    w_o = torch.stack([layer.o[0] for layer in model.weights.layers])
    w_o = w_o.unflatten(2, (model.config.n_head, model.config.head_dim))
    found = received, shares, z, lengths, stream
    received, shares, z, lengths, stream = (torch.stack(each) for each in found)
    writes = torch.einsum("ldhk,lhsk->lhsd", w_o, z)
    return Heads(received, shares, z, lengths, writes, stream)


def copying(found):
    """How far each write points to what its head looks at: cosines [n_layer, n_head, seq] between
    the write and the mixture, by the head's shares, of the vectors that attention received."""
    mixture = torch.einsum("lhij,ljd->lhid", found.shares, found.received)
    return torch.cosine_similarity(found.writes, mixture, dim=-1)


def made_to_copy(found, head_dim=64, seed=0):
    """The mean cosine of a head that does copy: it passes on `head_dim` random directions."""
    x = found.received.flatten(0, 1)
    generator = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(x.shape[-1], head_dim, generator=generator))[0]
    return torch.cosine_similarity(x @ basis @ basis.T, x, dim=-1).mean().item()


# A whole layer of attention, somebody's own, in the place of the model's.


def with_layer(model, layer):
    """The model with `layer(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta)` in each layer, given
    that layer's weights. It keeps no cache."""
    weights, config = cycle(model.weights.layers), model.config
    shape = config.n_head, config.n_kv_head, config.rope_theta

    def block(x, norm_1, attend, norm_2, feed_forward):
        own = next(weights)
        x = x + layer(norm_1(x), *(w[0] for w in (own.q, own.k, own.v, own.o)), *shape)
        return x + feed_forward(norm_2(x))

    return model.using(block=block)


# Heads switched off, or replaced otherwise, in a running model; and random tokens said twice, on
# which it is measured what that does.


def repeated(seed=0, half=25, n=2):
    """`n` texts of `half` random tokens, said twice -> [n, 2 * half]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(1000, 40000, (n, half), generator=generator).repeat(1, 2)


def replaced(model, replace_heads, heads, by="zero", watch=None):
    """The model in which `replace_heads(z, heads of the layer, by)` stands behind attention, for
    `heads`, a list of (layer, head). `watch`, a list, collects each layer's shares."""
    layers = cycle(range(model.config.n_layer))

    def attention(q, k, v, mask=None):
        layer, shares = next(layers), attention_weights(q, k, mask)
        if watch is not None:
            watch.append(shares)
        chosen = [head for at, head in heads if at == layer]
        return replace_heads(shares @ v, chosen, by) if chosen else shares @ v

    return model.using(attention=attention)


def repetition_loss(model, texts):
    """Loss at positions 1, 2, ... of `texts`, a mean over them, in nats."""
    log_p = torch.log_softmax(model(texts)[:, :-1], dim=-1)
    return -log_p.gather(-1, texts[:, 1:, None]).squeeze(-1).mean(0)


def maps_of(model, replace_heads, heads, texts, by="zero"):
    """Every head's shares with `heads` replaced -> [text, n_layer, n_head, seq, seq]."""
    seen = []
    replaced(model, replace_heads, heads, by, watch=seen)(texts, last=True)
    return torch.stack(seen, dim=1)


def write_sizes(model, texts):
    """The mean length of what each head writes -> [n_layer, n_head]."""
    w_o, sizes = [layer.o[0] for layer in model.weights.layers], []

    def attention(q, k, v, mask=None):
        z = attention_weights(q, k, mask) @ v
        own = w_o[len(sizes)].unflatten(1, (z.shape[1], -1))  # d_model n_head head_dim
        sizes.append(torch.einsum("dhk,bhsk->bhsd", own, z).norm(dim=-1).mean((0, 2)))
        return z

    model.using(attention=attention)(texts, last=True)
    return torch.stack(sizes)


# One head's write, taken out of what later heads read, in their queries or in their keys alone.


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


# What a head says by itself: its write, read through the last norm and the table.


def votes(model, ids):
    """How much each head's write at position i raises the logit of the token at position j, above
    the mean of all tokens in the vocabulary: ids [seq] -> [n_layer, n_head, seq, seq]."""
    found = heads(model, ids)
    scale, *_ = model.weights.norm
    root = found.stream[-1].pow(2).mean(-1).add(model.config.eps).sqrt()  # seq: the last norm's
    table = model.weights.unembedding
    rows = (table[torch.as_tensor(ids)] - table.mean(0)) * scale  # seq d_model
    return torch.einsum("lhid,jd->lhij", found.writes / root[:, None], rows)


# Activation patching: what heads computed in one run is put into another, at its last token.


def last_z(model, ids):
    """What each head computes for the last token: a tensor [1, n_head, 1, head_dim] a layer."""
    z = []

    def attention(q, k, v, mask=None):
        out = attention_weights(q, k, mask) @ v
        z.append(out[:, :, -1:].clone())
        return out

    model.using(attention=attention)(ids, last=True)
    return z


def patched(model, replace_heads, ids, sets, source):
    """Logits of the last token of `ids`, once for each set of (layer, head) in `sets`, whose z
    `replace_heads` takes from the run on `source` -> [len(sets), vocab].

    Only the last token's z is replaced, so all earlier tokens are computed once, into a cache.
    """
    ids, other = torch.as_tensor(ids), last_z(model, source)
    one = model.new_cache(1, context=len(ids))
    model(ids[:-1], cache=one)
    cache = model.new_cache(len(sets), context=len(ids))
    for into, held in ((cache.keys, one.keys), (cache.values, one.values)):
        for layer, tensor in enumerate(held):
            into[layer][:] = tensor
    cache.length = one.length
    layers = cycle(range(model.config.n_layer))

    def attention(q, k, v, mask=None):
        layer, z = next(layers), attention_weights(q, k, mask) @ v
        rows = []
        for row, heads in zip(z.split(1), sets, strict=True):
            chosen = [head for at, head in heads if at == layer]
            rows.append(replace_heads(row, chosen, other[layer]) if chosen else row)
        return torch.cat(rows)

    return model.using(attention=attention)(ids[-1:].repeat(len(sets), 1), cache=cache)[:, -1]


def recovered(logits, clean, corrupted, right, other):
    """Which part of the way from the corrupted run to the clean one: 1 on clean, 0 on corrupted.
    The measure is how far the logit of `right` is above that of `other`."""
    far, start, end = (each[..., right] - each[..., other] for each in (logits, corrupted, clean))
    return (far - start) / (end - start)


# Small models of nothing but attention, which learn to repeat random tokens.


def train_to_repeat(attend, n_layer, same_length=False, steps=300, d_model=48, vocab=32, seed=0):
    """(loss on second halves at each step, loss at the end on 9 + 9 tokens), in nats. `attend` is a
    whole layer of attention; texts are 12 + 12 tokens, or of varying lengths."""
    g = torch.Generator().manual_seed(seed)
    table = torch.randn(vocab, d_model, generator=g).requires_grad_()
    head = (torch.randn(vocab, d_model, generator=g) / d_model**0.5).requires_grad_()
    square = d_model, d_model
    layers = [
        [(torch.randn(square, generator=g) / d_model**0.5).requires_grad_() for _ in range(4)]
        for _ in range(n_layer)
    ]
    weights = [table, head, *(w for layer in layers for w in layer)]
    optimizer, found = torch.optim.AdamW(weights, lr=0.01, weight_decay=0.0), []

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
        found.append(now.item())
    return found, loss(9).item()


# Attention with a bug, planted to see what notices it.


def off_by_one(q, k, v, mask=None):
    """Divides by √65 in place of √64."""
    return attention_weights(q * math.sqrt(64 / 65), k, mask) @ v


def leaky(q, k, v, mask=None):
    """The mask takes 12 from a score, not everything: a little of the future leaks."""
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.softmax(scores - 12.0 * ~mask, dim=-1) @ v


def weak_head(q, k, v, mask=None):
    """Head 7 of every layer says a tenth too little."""
    out = attention_weights(q, k, mask) @ v
    out[:, 7] *= 0.9
    return out


BUGS = {"√65 for √64": off_by_one, "mask of −12": leaky, "a weak head": weak_head}
