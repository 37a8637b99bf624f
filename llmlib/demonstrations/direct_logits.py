"""What a head says by itself: its write, read through the last norm and the table."""

import torch

from llmlib.demonstrations.head_outputs import heads


def votes(model, ids):
    """How much each head's write at position i raises the logit of the token at position j, above
    the mean of all tokens in the vocabulary: ids [seq] -> [n_layer, n_head, seq, seq]."""
    found = heads(model, ids)
    scale, *_ = model.weights.norm
    root = found.stream[-1].pow(2).mean(-1).add(model.config.eps).sqrt()  # seq: the last norm's
    table = model.weights.unembedding
    rows = (table[torch.as_tensor(ids)] - table.mean(0)) * scale  # seq d_model
    return torch.einsum("lhid,jd->lhij", found.writes / root[:, None], rows)
