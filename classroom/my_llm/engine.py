"""Load the engine that a chat or a server speaks with: a learner's my_llm.py, or a model."""

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import torch

from llmlib.assets import smollm2_folder
from llmlib.serve.engine import Engine, load_model
from llmlib.tokens import Tokenizer


def load(model: str, weights: str = "float32") -> Engine:
    """Load the engine of that name: a file my_llm.py, a model folder, "smollm2" or a name on the
    hub.

    A .py file is run, as `python FILE` would run it. Raises ValueError or FileNotFoundError with
    one sentence.
    """
    if not model.endswith(".py"):
        if os.path.isfile(model) and not model.endswith(".gguf"):  # the hub has none of that name
            advice = "give your my_llm.py, the folder that holds config.json, or a GGUF file"
            raise ValueError(f"{model} is not a .py file: {advice}")
        return load_model(model, weights)
    if weights != "float32":
        raise ValueError(f"{model} has weights of its own, in float32: leave --weights out")
    return load_my_llm(Path(model))


def load_my_llm(path: Path) -> Engine:
    """Load the engine in a file that `llmlib my-llm` made of a learner's functions, on SmolLM2."""
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
    if absent := [part for part in parts if part not in vars(module)]:
        raise ValueError(f"{path} lacks {', '.join(absent)}: is it what `llmlib my-llm` wrote?")
    folder = smollm2_folder()
    try:
        model, tokenizer = module.Model(folder), module.Tokenizer(folder)
    except Exception as error:  # noqa: BLE001 - a learner may have edited it
        raise ValueError(f"{path} does not run: {type(error).__name__}: {error}") from None
    names = Tokenizer.smollm2()
    sample, record = module.sample, {}

    def watched(logits: torch.Tensor, *args: Any, **settings: Any) -> torch.Tensor:
        record["logits"] = logits[0].detach().clone()  # before a learner's `sample` changes them
        return sample(logits, *args, **settings)

    module.sample = watched  # new_ids looks it up by name

    def steps(ids: list[int], max_new_tokens: int, seed: int | None, **settings: Any) -> Any:
        for i in module.new_ids(model, ids, max_new_tokens, seed=seed, **settings):
            yield i, record["logits"]

    return Engine(path.name, folder, model.config, steps, tokenizer, names)
