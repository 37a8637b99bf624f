"""Compare an engine's tokens with those of `transformers`. Shown at each notebook's end."""

import traceback
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from llmlib.generation import generate


@lru_cache(maxsize=1)
def reference(folder: Path) -> Any:
    """Load the checkpoint by `transformers` in float32, without a stop token."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.generation_config.eos_token_id = None
    model.generation_config.pad_token_id = 0
    return model


def reference_ids(folder: Path, ids: list[int], max_new_tokens: int) -> list[int]:
    """Continue `ids` greedily by `transformers`: a list of max_new_tokens ids."""
    prompt = torch.tensor([ids])
    greedy = {"attention_mask": torch.ones_like(prompt), "do_sample": False}
    with torch.no_grad():
        out = reference(folder).generate(prompt, max_new_tokens=max_new_tokens, **greedy)
    return out[0, len(ids) :].tolist()


def same_beginning(folder: Path, ids: list[int], new_ids: list[int]) -> int:
    """Count how many of `new_ids` `transformers`, too, would write greedily after `ids`, up to the
    first that it would not. One pass tells: as long as each id is the likeliest one after those
    before it, its own loop comes by the same texts."""
    with torch.no_grad():
        logits = reference(folder)(torch.tensor([ids + new_ids])).logits[0, len(ids) - 1 : -1]
    return int((logits.argmax(-1) == torch.tensor(new_ids)).int().cumprod(0).sum())


def same_ids(model: Any, prompts: list[str], max_new_tokens: int = 16) -> bool:
    """Print, for each prompt, whether `model` continues it greedily as `transformers` does; returns
    True if all do. When a replaced part raises an error, one sentence says so; when ids differ, the
    first difference is shown as text."""
    count = 0
    for prompt in prompts:
        ids = model.tokenizer.encode(prompt)
        try:
            new_ids = list(generate(model, ids, max_new_tokens, stop_ids=()))
        except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
            where = traceback.extract_tb(error.__traceback__)[-1]
            print(
                f"{prompt!r}: the engine stopped in {where.name}: {type(error).__name__}: {error}. "
                "Run the checks of your functions above again; the one that fails names the "
                "mistake."
            )
            return False
        at = same_beginning(model.folder, ids, new_ids)
        if at == max_new_tokens:
            count += 1
            print(f"same {max_new_tokens} ids  {prompt!r} -> {model.tokenizer.decode(new_ids)!r}")
        else:
            expected_ids = reference_ids(model.folder, ids + new_ids[:at], 5)
            actual, expected = map(model.tokenizer.decode, (new_ids[at : at + 5], expected_ids))
            print(
                f"different from new token {at + 1} on: {prompt!r} -> {actual!r}, "
                f"transformers says {expected!r}"
            )
    print(f"{count} of {len(prompts)} prompts continued as transformers does, token for token.")
    return count == len(prompts)
