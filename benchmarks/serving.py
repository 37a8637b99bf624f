"""Eight clients of `llmlib serve`, together and one after the other: SmolLM2, 64 new tokens each.

Together they are in one batch (`llmlib.continuous_batching`); one after the other each has the
engine for itself, as `generate` runs it. Prompts have 5 to 40 tokens, so both read the same ones.
The ids are to be the same.
"""

import random

from benchmarks.measure import Comparison
from llmlib import generate, pretrained
from llmlib.continuous_batching import MOST_TEXTS, ContinuousBatch

PARTS = "continuous_batching generation model kv_cache fast/layers fast/attention fast/quantized"
CODE = [f"llmlib/{name}.py" for name in PARTS.split()]
NEW_TOKENS = 64
GOAL = 2.5  # by what factor together is to be faster


def together(model, prompts, new_tokens):
    """The new ids of each prompt."""
    batch = ContinuousBatch(model)
    texts = [batch.add(ids, new_tokens, stop_ids=(), temperature=0.0) for ids in prompts]
    while len(batch):
        batch.step()
    return [text.ids[len(ids) :] for text, ids in zip(texts, prompts)]


def one_after_the_other(model, prompts, new_tokens):
    return [list(generate(model, ids, new_tokens, stop_ids=())) for ids in prompts]


def comparisons(quick):
    chance, new_tokens = random.Random(0), 16 if quick else NEW_TOKENS
    prompts = [
        [chance.randrange(49000) for _ in range(chance.randrange(5, 40))] for _ in range(MOST_TEXTS)
    ]
    for kind in ("float32", "int4"):
        model, written = pretrained.load("smollm2", kind), {}

        def job(name, write):
            def run():
                written[name] = write(model, prompts, new_tokens)

            return run

        runs = {"together": together, "one after the other": one_after_the_other}
        yield Comparison(
            f"{MOST_TEXTS} clients, {new_tokens} tokens each: {kind}",
            "s",
            {name: job(name, write) for name, write in runs.items()},
            goals={"one after the other": GOAL},
        )
        if kind == "float32":  # in int4 other rounding of the vectors may decide a near tie
            first, second = (sum(written[name], []) for name in runs)
            yield Comparison(
                f"ids of {MOST_TEXTS} clients together unlike those of each alone, {kind}",
                f"of {MOST_TEXTS * new_tokens}",
                {"llmlib": lambda: sum(a != b for a, b in zip(first, second))},
                limit=0,
                repeats=1,
                warm_up=0,
            )
