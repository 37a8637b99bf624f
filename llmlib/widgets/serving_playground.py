"""The serving calculator of notebook 7: the learner's own `step_seconds` behind sliders."""

import math

from llmlib.widgets.kernel import Widget

MODELS = {  # parameters, layers, key/value heads, head_dim
    "SmolLM2-135M": (134_515_008, 30, 3, 64),
    "Llama 3.1 8B": (8_030_261_248, 32, 8, 128),
    "GPT-3's shape, 175B": (175_000_000_000, 96, 96, 128),
}


def serving_playground(step_seconds, cache_bytes, card):
    """Pick a model, the bits of its weights, cards, texts and their length, and see what a step
    takes. `card` has bytes, bytes_per_second and flops_per_second."""

    def answer(asked):
        parameters, *shape = MODELS[asked["model"]]
        weights, kv = parameters * asked["bits"] / 8, cache_bytes(*shape, 1, 2)
        rates = ("bytes", "bytes_per_second", "flops_per_second")
        memory, bandwidth, speed = (asked["cards"] * card[rate] for rate in rates)
        batch, context = asked["batch"], asked["context"]
        flops = 2 * parameters
        step = step_seconds(batch, context, weights, kv, flops, memory, bandwidth, speed)
        fits = step != math.inf
        caches = batch * context * kv
        held = {"weights": weights, "caches": caches, "memory": memory}
        return {"step": step if fits else None} | held

    return Widget("serving_playground", answer, "step_seconds", models=list(MODELS))
