"""The next token after many short texts at once."""

import torch

from llmlib.generation import shared_prompt
from llmlib.output_head import softmax


def next_probabilities(model, texts, before=""):
    """Probabilities of the next token after `before` and each text: [len(texts), vocab].

    The texts are padded at the right to one length: no token looks ahead, so padding behind a text
    cannot change it. Their common beginning is run only once, and only the last token of each text
    is scored."""
    rows = [model.tokenizer.encode(text) for text in texts]
    longest, cache = max(map(len, rows)), None
    if before:
        cache, _ = shared_prompt(model, model.tokenizer.encode(before), len(rows), longest)
    padded = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    last, unembedding = torch.tensor([len(row) - 1 for row in rows]), model.parts.unembedding

    def at_the_last(x, table):
        return unembedding(x[torch.arange(len(rows)), last], table)

    return softmax(model.using(unembedding=at_the_last)(padded, cache))
