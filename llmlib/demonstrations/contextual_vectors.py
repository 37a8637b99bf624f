"""The vector of a text's last token on its way through the layers."""

import torch

from llmlib.layers import pre_norm_block


def by_layer(model, ids):
    """The last token's row in the table, and its vector after each layer -> [n_layer + 1,
    d_model]."""
    seen = []

    def block(x, **parts):
        if not seen:
            seen.append(x[0, -1])
        x = pre_norm_block(x, **parts)
        seen.append(x[0, -1])
        return x

    model.using(block=block)(ids)
    return torch.stack(seen)
