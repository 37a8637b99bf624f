"""One face for both kinds of engine: llmlib on a model folder, and a learner's my_llm.py."""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from llmlib import generation, pretrained
from llmlib.assets import smollm2_folder
from llmlib.model import Model
from llmlib.tokens import Tokenizer

Step = tuple[int, torch.Tensor]  # an id, and the logits [vocab] that it was picked from


@dataclass(frozen=True)
class Engine:
    """What a chat needs of a model; `steps(ids, max_new_tokens, seed, **settings)` goes on."""

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
        """{special token: its id}; empty where the tokenizer has none."""
        return getattr(self.names, "special_tokens", {})

    @property
    def longest_token(self) -> int | None:
        """The bytes of the vocabulary's longest token; None if its tokenizer does not say."""
        if vocab := getattr(self.names, "vocab", None):
            return max(map(len, vocab.values()))
        return getattr(self.names, "longest_token", None)


def load(model: str, weights: str = "float32") -> Engine:
    """The engine of that name: a file my_llm.py, a model folder, "smollm2" or a name on the hub.

    A .py file is run, as `python FILE` would run it. Raises ValueError or FileNotFoundError with
    one sentence.
    """
    if not model.endswith(".py"):
        if os.path.isfile(model) and not model.endswith(".gguf"):  # the hub has none of that name
            where = "give your my_llm.py, the folder that holds config.json, or a GGUF file"
            raise ValueError(f"{model} is not a .py file: {where}")
        return load_model(model, weights)
    if weights != "float32":
        raise ValueError(f"{model} has weights of its own, in float32: leave --weights out")
    return load_my_llm(Path(model))


def load_compiled(name: str, weights: str, device: str = "cpu") -> Model:
    """`pretrained.load`, and int4's loops compiled: before the first token, and not unsaid."""
    model = pretrained.load(name, weights, device)
    if model.decode_step:
        if not model.decode_step.is_compiled():
            said = "Compiling int4's loops, once on this computer: some ten seconds."
            print(said, file=sys.stderr, flush=True)
        model.decode_step.compile()
    return model


def load_model(name: str, weights: str) -> Engine:
    """llmlib's engine on a model."""
    model = load_compiled(name, weights)
    if model.tokenizer is None:
        raise ValueError(f"{model.folder} has no tokenizer.json: a chat needs one")

    def steps(ids: list[int], max_new_tokens: int, seed: int | None, **settings: Any) -> Any:
        return generation.steps(model, ids, max_new_tokens, seed=seed, **settings)

    own = model.tokenizer
    name = os.path.basename(os.path.abspath(name))  # "." has a name, too
    return Engine(name, model.folder, model.config, steps, own, own, model)


def load_my_llm(path: Path) -> Engine:
    """The engine in a file that `llmlib my-llm` made of a learner's functions, on SmolLM2."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}: `llmlib my-llm` makes it from your notebooks")
    spec = importlib.util.spec_from_file_location("my_llm", path)
    assert spec and spec.loader
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules["my_llm"] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a learner may have edited it
        raise ValueError(f"{path} does not run: {type(error).__name__}: {error}") from None
    parts = "Model", "Tokenizer", "new_ids", "sample"
    if lacking := [part for part in parts if part not in vars(module)]:
        raise ValueError(f"{path} lacks {', '.join(lacking)}: is it what `llmlib my-llm` wrote?")
    folder = smollm2_folder()
    try:
        model, tokenizer = module.Model(folder), module.Tokenizer(folder)
    except Exception as error:  # noqa: BLE001 - a learner may have edited it
        raise ValueError(f"{path} does not run: {type(error).__name__}: {error}") from None
    names = Tokenizer.smollm2()
    sample, seen = module.sample, {}

    def watched(logits: torch.Tensor, *args: Any, **settings: Any) -> torch.Tensor:
        seen["logits"] = logits[0].detach().clone()  # before a learner's `sample` changes them
        return sample(logits, *args, **settings)

    module.sample = watched  # new_ids looks it up by name

    def steps(ids: list[int], max_new_tokens: int, seed: int | None, **settings: Any) -> Any:
        for i in module.new_ids(model, ids, max_new_tokens, seed=seed, **settings):
            yield i, seen["logits"]

    return Engine(path.name, folder, model.config, steps, tokenizer, names)
