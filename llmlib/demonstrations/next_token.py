"""The next token after many short texts at once."""

import torch

from llmlib.generation import shared_prompt
from llmlib.output_head import softmax


def next_probabilities(model, texts, before=""):
    """Probabilities of the next token after `before` and each text: [len(texts), vocab].

    The texts are padded at the right to one length: no token looks ahead, so padding behind a text
    cannot change it. Their common beginning is run only once."""
    rows = [model.tokenizer.encode(text) for text in texts]
    longest, cache = max(map(len, rows)), None
    if before:
        cache, _ = shared_prompt(model, model.tokenizer.encode(before), len(rows), longest)
    padded = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    logits = model(padded, cache)
    return softmax(torch.stack([logits[i, len(row) - 1] for i, row in enumerate(rows)]))
