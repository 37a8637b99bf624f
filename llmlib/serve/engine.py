"""Give a model one face that a chat or a server speaks with."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from llmlib import generation, pretrained
from llmlib.model import Model

Step = tuple[int, torch.Tensor]  # an id, and the logits [vocab] that it was picked from


@dataclass(frozen=True)
class Engine:
    """Hold what a chat needs of a model; `steps(ids, max_new_tokens, seed, **settings)` goes on."""

    name: str
    folder: Path  # of the weights, with the chat template
    config: Any  # with its `context` and `stop_ids`
    steps: Callable[..., Iterator[Step]]
    tokenizer: Any  # a learner's `encode` knows no special tokens; `stream` gives text as ids come
    names: Any  # the tokenizer that knows them, and by `decode` the text of one token, for tables
    model: Any = None  # llmlib's own, which can write many texts at once
    makers: tuple[str, ...] = ()  # whose functions it is made of: a summary, then a line a notebook

    @property
    def special(self) -> dict[str, int]:
        """Return {special token: its id}; empty where the tokenizer has none."""
        return getattr(self.names, "special_tokens", {})

    @property
    def longest_token(self) -> int | None:
        """Return the bytes of the vocabulary's longest token; None if its tokenizer does not
        say."""
        if vocab := getattr(self.names, "vocab", None):
            return max(map(len, vocab.values()))
        return getattr(self.names, "longest_token", None)


def load_compiled(name: str, weights: str, device: str = "cpu") -> Model:
    """Load a model as `pretrained.load` does, and compile int4's loops before the first token, with
    a message."""
    model = pretrained.load(name, weights, device)
    if model.decode_step:
        if not model.decode_step.is_compiled():
            message = "Compiling int4's loops, once on this computer: some ten seconds."
            print(message, file=sys.stderr, flush=True)
        model.decode_step.compile()
    return model


def load_model(name: str, weights: str) -> Engine:
    """Load llmlib's engine on a model."""
    model = load_compiled(name, weights)
    if model.tokenizer is None:
        raise ValueError(f"{model.folder} has no tokenizer.json: a chat needs one")

    def steps(ids: list[int], max_new_tokens: int, seed: int | None, **settings: Any) -> Any:
        return generation.steps(model, ids, max_new_tokens, seed=seed, **settings)

    tokenizer = model.tokenizer
    name = os.path.basename(os.path.abspath(name))  # "." has a name, too
    return Engine(name, model.folder, model.config, steps, tokenizer, tokenizer, model)
