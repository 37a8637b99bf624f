"""What notebook 2's demonstrations measure and need not show."""

import torch

from llmlib.embeddings import apply_rope
from llmlib.layers import pre_norm_block

# Sums of word vectors, such as king - man + woman: where they land.


def nearest_to_sum(table, plus, minus, other, k, inputs_allowed=True):
    """The k tokens nearest to row plus - row minus + row other, each row at length 1 -> [(id,
    cosine), …], the nearest first; with or without the three words that went in."""
    unit = table / table.norm(dim=1, keepdim=True)
    result = unit[plus] - unit[minus] + unit[other]
    cosines = unit @ (result / result.norm())
    if not inputs_allowed:
        cosines[[plus, minus, other]] = -torch.inf
    values, ids = cosines.topk(k)
    return list(zip(ids.tolist(), values.tolist()))


def share_of_sums_right(table, sums):
    """The share of the sums [(plus, minus, other, answer), …] that land nearest to their answer;
    the three words that went in are left out."""
    unit, right = table / table.norm(dim=1, keepdim=True), 0
    for some in torch.tensor(sums).split(256):
        *went_in, answers = some.T
        plus, minus, other = (unit[ids] for ids in went_in)
        scores = (plus - minus + other) @ unit.T
        for ids in went_in:
            scores[torch.arange(len(some)), ids] = -torch.inf
        right += int((scores.argmax(dim=1) == answers).sum())
    return right / len(sums)


# The vectors of texts' last tokens on their way through the layers.


def vectors_by_layer(model, texts):
    """Of each text, a list of ids, the last token's row in the table, and its vector after each
    layer -> [n_text, n_layer + 1, d_model]."""
    last = torch.tensor([len(ids) - 1 for ids in texts])
    padded = torch.zeros(len(texts), int(last.max()) + 1, dtype=torch.long)
    for row, ids in zip(padded, texts):
        row[: len(ids)] = torch.tensor(ids)  # no token sees what comes after it
    seen = []

    def block(x, **parts):
        if not seen:
            seen.append(x[range(len(texts)), last])
        x = pre_norm_block(x, **parts)
        seen.append(x[range(len(texts)), last])
        return x

    model.using(block=block)(padded, last=True)
    return torch.stack(seen, dim=1)


# What a head's scores say about distance alone.


def queries_and_keys(model, ids):
    """q [n_layer, n_head, seq, head_dim] and k [n_layer, n_kv_head, seq, head_dim] of a text, as
    they are before positions come in."""
    seen = []

    def position(x, positions, theta):
        seen.append(x[0])
        return apply_rope(x, positions, theta)

    model.using(position=position)(ids)
    return torch.stack(seen).split([model.config.n_head, model.config.n_kv_head], dim=1)


def scores_by_distance(turn, q, k, theta, without=range(0), farthest=20):
    """Scores of each query of q with each key of k [n, head_dim], the query 0, 1, … positions after
    the key -> [pairs, farthest + 1]. `turn` is apply_rope; `without` names pairs of columns to
    leave out, of which 0 is the fastest."""
    half, distances = q.shape[-1] // 2, torch.arange(farthest + 1)
    q = q * torch.tensor([i % half not in without for i in range(2 * half)])
    behind = [turn(row.expand(len(distances), -1), 100 + distances, theta) for row in q]
    here = [turn(row[None], torch.tensor([100]), theta)[0] for row in k]
    return torch.stack([rows @ row for rows in behind for row in here]) / q.shape[-1] ** 0.5
