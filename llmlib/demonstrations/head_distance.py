"""What a head's scores say about distance alone."""

import torch

from llmlib.embeddings import apply_rope


def queries_and_keys(model, ids):
    """q [n_layer, n_head, seq, head_dim] and k [n_layer, n_kv_head, seq, head_dim] of a text, as
    they are before positions come in."""
    seen = []

    def position(x, positions, theta):
        seen.append(x[0])
        return apply_rope(x, positions, theta)

    model.using(position=position)(ids)
    return torch.stack(seen).split([model.config.n_head, model.config.n_kv_head], dim=1)


def by_distance(turn, q, k, theta, without=range(0), farthest=20):
    """Scores of each query of q with each key of k [n, head_dim], the query 0, 1, … positions after
    the key -> [pairs, farthest + 1]. `turn` is apply_rope; `without` names pairs of columns to
    leave out, of which 0 is the fastest."""
    half, distances = q.shape[-1] // 2, torch.arange(farthest + 1)
    q = q * torch.tensor([i % half not in without for i in range(2 * half)])
    behind = [turn(row.expand(len(distances), -1), 100 + distances, theta) for row in q]
    here = [turn(row[None], torch.tensor([100]), theta)[0] for row in k]
    return torch.stack([rows @ row for rows in behind for row in here]) / q.shape[-1] ** 0.5
