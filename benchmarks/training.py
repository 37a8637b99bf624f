"""A tiny model, trained live, against nanoGPT's published recipe for a processor.

Both learn from the course's stories and are measured on the same held-out bytes, on one thread.
nanoGPT's recipe has its own schedule of 2,000 steps, which are run in as many parts as there are
rounds, so that the two take turns; ours trains anew in each round, from another seed, and learns
its tokenizer in that time as well. The loss that counts is our worst.
"""

import itertools
import time
from dataclasses import replace

import torch

from benchmarks import nanogpt
from benchmarks.measure import Comparison
from llmlib import data, training

PARTS = "model parts fast/layers fast/attention attention embeddings layers"
TOKENS = "pretokenizer.py bpe_trainer.py tokens.py:Tokenizer"
USED = "train new_weights tiny_config story_tokenizer as_tokens"
CODE = [f"llmlib/{name}.py" for name in PARTS.split()]
CODE += [f"llmlib/{place}" for place in TOKENS.split()]
CODE += [f"llmlib/training.py:{name}" for name in USED.split()]
STEPS, WIDTH, WINDOW, PEAK = 400, 96, 64, 0.005  # windows of 64 tokens, about 140 bytes
ROUNDS = 5


class Characters:
    """nanoGPT's tokenizer: an id a character."""

    def __init__(self, stories):
        characters = sorted({character for story in stories for character in story.text})
        self.ids = {character: i for i, character in enumerate(characters)}
        self.special_tokens = {training.BETWEEN: len(characters)}

    def encode(self, text):
        return [self.ids[character] for character in text]


def comparisons(quick):
    torch.set_num_threads(1)
    stories, held_out = data.stories("train"), data.stories("held_out")
    losses, steps = [], 100 if quick else nanogpt.STEPS
    characters = Characters(stories + held_out)
    theirs = training.as_tokens(stories, characters)
    run = nanogpt.train(
        theirs.ids, theirs.targets, len(characters.ids) + 1, training.IGNORED, steps=steps
    )
    model = [next(run)]  # its first step is the warm-up
    rounds = 2 if quick else ROUNDS

    def ours():
        start, seed = time.process_time(), len(losses)
        tokenizer = training.story_tokenizer(stories[:256])
        tokens = training.as_tokens(stories, tokenizer)
        config = replace(training.tiny_config(WIDTH), context=WINDOW)
        weights = training.new_weights(config, seed)
        for _ in training.train(
            weights, config, tokens, STEPS // (20 if quick else 1), seed, peak=PEAK
        ):
            pass
        seconds = time.process_time() - start
        losses.append(
            training.nats_per_byte(weights, config, training.as_tokens(held_out, tokenizer))
        )
        return seconds

    def part_of_theirs():
        start, part = time.process_time(), steps // rounds
        model[0] = list(itertools.islice(run, part))[-1]
        return (time.process_time() - start) * rounds

    yield Comparison(
        "train to nanoGPT's final loss",
        "CPU s a run",
        {"llmlib": ours, "nanoGPT's recipe": part_of_theirs},
        goals={} if quick else {"nanoGPT's recipe": 7.0},
        repeats=rounds,
        warm_up=0,
    )
    tokens = training.as_tokens(held_out, characters)
    loss = nanogpt.nats(model[0], tokens.ids, tokens.targets, training.IGNORED) / tokens.n_bytes
    yield Comparison(
        "loss at the end, all held-out bytes",
        "nats a byte",
        {"llmlib": lambda: max(losses), "nanoGPT's recipe": lambda: loss},
        goals={} if quick else {"nanoGPT's recipe": 1.0},
        repeats=1,
        warm_up=0,
    )
