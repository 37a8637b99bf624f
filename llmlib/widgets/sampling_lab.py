"""The sampling lab of notebook 6: your own functions, any prompt, any settings, and texts."""

from functools import lru_cache

import torch

from llmlib.generation import side_by_side
from llmlib.widgets.choice import SETTINGS, choice
from llmlib.widgets.kernel import Widget, encoded

TEXTS, LENGTH, LONGEST = 5, 20, 200


def sampling_lab(model, prompts, filter_logits, sample):
    """The interval of a draw and a table of tokens under sliders; a button writes five texts of 20
    tokens with what they say. `filter_logits` and `sample` are the learner's."""
    tokenizer, state = model.tokenizer, torch.Generator().manual_seed(0)
    ids_of = lru_cache(maxsize=16)(lambda text: encoded(tokenizer, text, LONGEST))
    logits_of = lru_cache(maxsize=16)(lambda text: model(ids_of(text))[:, -1])

    def answer(asked):
        text, settings = asked["text"], asked["settings"]
        if asked.get("write"):
            return {"texts": write(text, [settings[name] for name in SETTINGS])}
        u = torch.tensor([asked["u"]])
        return choice(tokenizer, logits_of(text), u, filter_logits, sample, settings)

    def write(text, settings):
        """[text up to its stop token, whether there is one] of each."""
        state.manual_seed(state.initial_seed() + 1)  # other texts at the next click

        def pick(logits):
            return sample(logits, torch.rand(TEXTS, generator=state), *settings)

        texts = []
        for row in side_by_side(model, ids_of(text), TEXTS, LENGTH, pick).tolist():
            stops = (i for i, token in enumerate(row) if token in model.config.stop_ids)
            end = next(stops, len(row))
            texts.append([tokenizer.decode(row[:end]), end < len(row)])
        return texts

    return Widget("sampling_lab", answer, text=prompts[0], prompts=list(prompts))
