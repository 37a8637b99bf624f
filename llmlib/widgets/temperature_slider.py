"""Temperature in motion: the bars of the next token, while a slider moves or plays by itself."""

from functools import lru_cache

import torch

from llmlib.output_head import softmax
from llmlib.widgets.kernel import Widget, encoded, token

SHOWN, LONGEST = 10, 200  # tokens


def temperature_slider(model, prompts, apply_temperature):
    """Bars of the likeliest next tokens and of all others together, under a slider that can play.
    `apply_temperature` is the learner's."""
    tokenizer = model.tokenizer
    logits_of = lru_cache(maxsize=8)(lambda text: model(encoded(tokenizer, text, LONGEST))[0, -1])

    def answer(asked):
        logits = logits_of(asked["text"])
        shares = softmax(apply_temperature(logits, asked["temperature"]))
        best = logits.topk(min(SHOWN, len(logits))).indices.tolist()
        return {
            "rows": [{"text": token(tokenizer, i), "share": shares[i].item()} for i in best],
            "rest": max(0.0, 1 - shares[best].sum().item()),
            "entropy": torch.special.entr(shares).sum().item(),
        }

    prompts = list(prompts)
    given = {"text": prompts[0], "prompts": prompts}
    return Widget("temperature_slider", answer, "apply_temperature", **given)
