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
    through `change(logits [batch, vocab], ids [batch, seq])`. -> {prompt: [ids]}"""
    encoded = {prompt: model.tokenizer.encode(prompt) for prompt in prompts}
    made = {}
    for length in sorted(set(map(len, encoded.values()))):  # side by side: prompts of one length
        group = [prompt for prompt in prompts if len(encoded[prompt]) == length]
        new = ids = torch.tensor([encoded[prompt] for prompt in group])
        cache = model.new_cache(len(group), length + n)
        for _ in range(n):
            new = change(model(new, cache, last=True)[:, -1], ids).argmax(-1, keepdim=True)
            ids = torch.cat([ids, new], dim=1)
        made |= dict(zip(group, ids[:, length:].tolist()))
    return {prompt: made[prompt] for prompt in prompts}


def in_a_loop(ids, n=8):
    """Whether the last n ids have come before, in that order."""
    return any(ids[i : i + n] == ids[-n:] for i in range(len(ids) - n))
