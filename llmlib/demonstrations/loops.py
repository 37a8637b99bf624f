"""Greedy texts that run into a loop."""

import torch

# Each of these runs into a loop within 60 tokens if nothing is done about it.
STARTS = (
    "In the morning I",
    "The river was very",
    "My brother likes to",
    "We walked along the",
    "He opened the door and",
    "It was raining and",
)


def greedy_texts(model, prompts, n, change):
    """The n likeliest ids after each prompt, one after the other, where the logits have gone
    through `change(logits [batch, vocab], ids [batch, seq])`. -> {prompt: [ids]}

    All texts are written side by side: as long as a prompt has ids left, those are taken."""
    encoded = [model.tokenizer.encode(prompt) for prompt in prompts]
    lengths = [len(row) for row in encoded]
    new = ids = torch.tensor([row[: min(lengths)] for row in encoded])
    cache = model.new_cache(len(prompts), max(lengths) + n)
    for place in range(min(lengths), max(lengths) + n):
        new = change(model(new, cache, last=True)[:, -1], ids).argmax(-1, keepdim=True)
        for row, given in zip(new, encoded):
            if place < len(given):
                row[0] = given[place]
        ids = torch.cat([ids, new], dim=1)
    return {
        prompt: row[length : length + n].tolist()
        for prompt, row, length in zip(prompts, ids, lengths)
    }


def in_a_loop(ids, n=8):
    """Whether the last n ids have come before, in that order."""
    return any(ids[i : i + n] == ids[-n:] for i in range(len(ids) - n))
