"""Stacks of layers with random weights, as they are before any training: what becomes of their
tokens, and how fast they learn to guess the next letter of some prose."""

import torch
from torch.nn.functional import cross_entropy, layer_norm, linear, normalize

from llmlib import attention

MATRICES = ("w_q", "w_k", "w_v", "w_o", "w_in", "w_out")
SEQ, VOCAB = 32, 100


def fresh_stack(depth, generator, d_model=64, strength=1.0):
    """Random weights [w_q, w_k, w_v, w_o, w_in, w_out] of each layer. Each matrix keeps the size of
    what passes through it; `strength` scales the two that write, w_o and w_out."""
    d = d_model
    shapes = [(d, d)] * 4 + [(4 * d, d), (d, 4 * d)]
    layers = []
    for _ in range(depth):
        layer = [torch.randn(s, generator=generator) / s[1] ** 0.5 for s in shapes]
        layer[3] *= strength
        layer[5] *= strength
        layers.append(layer)
    return layers


def run_stack(x, layers, block, n_head=4, alone=False, bend=torch.relu):
    """x [batch, seq, d_model] through a fresh stack -> the stream after 0, 1, ... layers. `block`
    wires a layer, as pre_norm_block does. With `alone`, each token may look at itself only; `bend`
    is the activation of the feed-forward."""

    def norm(x):
        return layer_norm(x, x.shape[-1:])

    states = [x]
    for w_q, w_k, w_v, w_o, w_in, w_out in layers:

        def attend(x):
            q, k, v = (attention.split_heads(linear(x, w), n_head) for w in (w_q, w_k, w_v))
            if not alone:
                attend = torch.nn.functional.scaled_dot_product_attention
                v = attend(q, k, v, is_causal=True)
            return linear(attention.merge_heads(v), w_o)

        def feed_forward(x):
            return linear(bend(linear(x, w_in)), w_out)

        states.append(block(states[-1], norm, attend, norm, feed_forward))
    return states


def start(depth, seed, d_model=64, strength=1.0):
    """One fresh stack and what goes in -> (layers, x [2, 32, d_model], head [100, d_model],
    targets [2, 32])."""
    generator = torch.Generator().manual_seed(seed)
    layers = fresh_stack(depth, generator, d_model, strength)
    x = torch.randn(2, SEQ, d_model, generator=generator)
    head = torch.randn(VOCAB, d_model, generator=generator) / d_model**0.5
    return layers, x, head, torch.randint(VOCAB, (2, SEQ), generator=generator)


def loss_of(block, seed, depth, strength=1.0, **how):
    """(the layers of a fresh stack, the function layers -> its loss on random targets)."""
    layers, x, head, targets = start(depth, seed, strength=strength)

    def loss(layers):
        end = run_stack(x, layers, block, **how)[-1]
        logits = linear(layer_norm(end, end.shape[-1:]), head)
        return cross_entropy(logits.flatten(0, 1), targets.flatten())

    return layers, loss


def at_the_end(depth, block, seeds=3, strength=1.0, **how):
    """(mean cosine between two tokens of one text, root mean square of the stream) after a fresh
    stack: means over `seeds` seeds, a number of them from 0 on, or a sequence."""
    found = []
    for seed in range(seeds) if isinstance(seeds, int) else seeds:
        layers, x, *_ = start(depth, seed, strength=strength)
        end = run_stack(x, layers, block, **how)[-1]
        unit = normalize(end, dim=-1)
        alike = (unit @ unit.mT)[:, ~torch.eye(SEQ, dtype=torch.bool)].mean()
        found.append(torch.stack([alike, end.pow(2).mean().sqrt()]))
    return tuple(torch.stack(found).mean(dim=0).tolist())


def letter_entropy(text):
    """The loss of knowing only how common each letter of `text` is, in nats."""
    shares = torch.bincount(_letter_ids(text)) / len(text)
    return -(shares * shares.log()).sum().item()


def _letter_ids(text):
    letters = sorted(set(text))
    return torch.tensor([letters.index(letter) for letter in text])


def train_on_letters(text, block, depth=12, strength=1.0, warm_up=0, steps=60, seed=0, d_model=32):
    """Train a fresh stack to guess the next letter of `text` -> its loss at each step."""
    ids, generator = _letter_ids(text), torch.Generator().manual_seed(seed)
    n_letters = int(ids.max()) + 1
    layers = fresh_stack(depth, generator, d_model, strength)
    tables = [torch.randn(n, d_model, generator=generator) for n in (n_letters, SEQ, n_letters)]
    tables[2] /= d_model**0.5
    embedding, places, unembedding = tables
    weights = [w.requires_grad_() for w in sum(layers, tables)]
    optimizer = torch.optim.Adam(weights, fused=True)
    losses = []
    for step in range(steps):
        rate = 3e-3 * min(1, (step + 1) / warm_up) if warm_up else 3e-3
        optimizer.param_groups[0]["lr"] = rate
        starts = torch.randint(len(ids) - SEQ - 1, (4, 1), generator=generator)
        batch = ids[starts + torch.arange(SEQ + 1)]
        x = run_stack(embedding[batch[:, :-1]] + places, layers, block)[-1]
        logits = linear(layer_norm(x, (d_model,)), unembedding).flatten(0, 1)
        cost = cross_entropy(logits, batch[:, 1:].flatten())
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        losses.append(cost.item())
    return losses
