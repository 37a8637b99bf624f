"""From logits to a choice: the numbers behind the strip and the table of tokens in the generation
stepper. `web/widgets/choose.js` gives the same on the page."""

import torch

from llmlib.output_head import softmax
from llmlib.plots.sampling import stretches
from llmlib.widgets.kernel import rows, token

THIN = 0.004  # a stretch thinner than this is not drawn by itself
SETTINGS = ("temperature", "top_k", "top_p", "min_p")


def choice(tokenizer, logits, u, filter_logits, sample, settings, n=12):
    """What the learner's `filter_logits` and `sample` make of logits [1, vocab] at u [1]: the n
    likeliest tokens, the stretches of the interval, and which token u picks."""
    values = [settings[name] for name in SETTINGS]
    before, after = softmax(logits)[0], softmax(filter_logits(logits, *values))[0]
    chosen, kept = sample(logits, u, *values).item(), after > 0
    thick = [
        {"text": None if i is None else token(tokenizer, i), "share": share, "chosen": i == chosen}
        for i, share in stretches(after, THIN)
    ]
    best = before.topk(min(n, len(before))).indices.tolist()
    return {
        "u": u.item(),
        "rows": rows(tokenizer, before, after, best, chosen),
        "stretches": thick,
        "kept": int(kept.sum()),
        "all": len(kept),
        "mass": before[kept].sum().item(),
        "entropy": torch.special.entr(after).sum().item(),
        "chosen": token(tokenizer, chosen),
    }
