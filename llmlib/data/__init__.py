"""Read data that the course made itself: short stories whose entropy is known, and recorded runs.

The `make_*.py` in this folder made the files that are read here.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from llmlib.tokens import Tokenizer

STORIES = Path(__file__).parent / "stories.npz"
SCALING_RUNS = Path(__file__).parent / "scaling_runs.csv"
LADDER = Path(__file__).parent / "quantization_ladder.csv"
STORIES_PROMPT = (
    "Write a short bedtime story about an animal. Use short sentences and simple words."
)
HELD_OUT = 256  # the first stories are never trained on


@dataclass(frozen=True)
class Story:
    """Hold a story that SmolLM2 wrote, as it was drawn."""

    ids: list  # SmolLM2's, the stop token among them if the story ended
    logprobs: np.ndarray  # log p of each id when it was drawn, nats
    text: str
    ended: bool  # False: it was cut at the longest length


def stories(part: str):
    """Return the stories of one part, "train" or "held_out", in the order they were made.
    ValueError for another name."""
    if part not in ("train", "held_out"):
        raise ValueError(f'there is no part {part!r} of the stories: ask for "train" or "held_out"')
    tokenizer = Tokenizer.smollm2()
    stop = tokenizer.special_tokens["<|im_end|>"]
    with np.load(STORIES) as file:
        ids, logprobs, ends = file["ids"], file["logprobs"].astype(np.float64), file["ends"]
    starts = np.concatenate([[0], ends[:-1]])
    rows = slice(HELD_OUT, None) if part == "train" else slice(HELD_OUT)
    return [
        _story(ids[a:b].tolist(), logprobs[a:b], tokenizer, stop)
        for a, b in zip(starts[rows], ends[rows])
    ]


def _story(ids: list[int], logprobs: np.ndarray, tokenizer: Tokenizer, stop: int):
    is_whole = ids[-1] == stop
    return Story(ids, logprobs, tokenizer.decode(ids[:-1] if is_whole else ids), is_whole)


def floor(stories: list[Story]):
    """Return the nats per byte that their own source loses on `stories`: no model, of any size, has
    a smaller loss on average."""
    return -sum(story.logprobs.sum() for story in stories) / sum(
        len(story.text.encode()) for story in stories
    )


def scaling_runs():
    """Return the recorded training runs: a list of dicts with d_model, parameters (non-embedding),
    tokens, rate, seed, loss (nats per byte), one_right, five_right, cpu_seconds."""
    return _table(SCALING_RUNS)


def quantization_ladder():
    """Return the runs of SmolLM2 with rounded weights: a list of dicts with bits, block ("matrix",
    "row", 32), loss (nats per token) and same, the share of positions whose likeliest token is that
    of float32. The first is float32 itself, its block "none"."""
    return _table(LADDER)


def _table(path: Path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [{name: _value(text) for name, text in row.items()} for row in rows]


def _value(text: str):
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
