"""The vectors of texts' last tokens on their way through the layers."""

import torch

from llmlib.layers import pre_norm_block


def by_layer(model, texts):
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
