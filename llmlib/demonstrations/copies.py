"""A phrase several times over: how likely are its tokens in each copy?"""

import torch

from llmlib.output_head import token_losses


def chances(model, head, copies):
    """Geometric mean of the tokens' probabilities in each of the copies (lists of ids, all of one
    length) that follow `head`."""
    ids = head + [i for copy in copies for i in copy]
    losses = token_losses(model(ids)[0, :-1], torch.tensor(ids[1:]))
    return (-losses[len(head) - 1 :].view(len(copies), -1).mean(1)).exp().tolist()


def shuffled_copies(body, n, seed):
    """n copies of `body`, each in an order of its own."""
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(body), generator=generator) for _ in range(n)]
    return [torch.tensor(body)[order].tolist() for order in orders]
