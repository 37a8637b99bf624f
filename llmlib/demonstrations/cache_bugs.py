"""Four ways to break a KV cache, planted in the engine one at a time."""

import torch

from llmlib.embeddings import apply_rope

OTHER = "My favourite food is pizza, and I like"  # the text that an old cache still holds
PROMPTS = (
    "The capital of France is",
    "Once upon a time there was a",
    "The best way to learn a language is",
    "The little fox looked at the moon and",
    "In 1969 the first people",
    "Water boils when",
    "My grandmother always said that",
    "The recipe needs two eggs and",
    "def add(a, b):",
    "The train to London leaves",
)


def _greedy(logits):
    return logits.argmax(-1)


def _without_start(seq, start=0):
    return torch.ones(seq, start + seq).tril().bool()


def planted(engine, generate_cached, new_tokens=12):
    """{bug: a function from the ids of a prompt to the ids that the broken engine writes}; the loop
    is the learner's."""
    broken = {
        "no offset": {"position": lambda x, at, theta: apply_rope(x, at - at[0], theta)},
        "mask without start": {"mask": _without_start},
        "an old cache": {},
        "torch.cat": {"cache": lambda s, new, start: torch.cat([s[:, :, :start], new], 2)},
    }

    def writer(bug):
        some = engine.using(**broken[bug])

        def write(ids):
            cache = some.new_cache(context=64)
            if bug == "an old cache":
                other = engine.tokenizer.encode(OTHER)
                list(generate_cached(some, cache, other, 9, _greedy))
            return list(generate_cached(some, cache, ids, new_tokens, _greedy))

        return write

    return {bug: writer(bug) for bug in broken}
