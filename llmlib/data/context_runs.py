"""Read the recorded runs of notebook 5: does a tiny model gain from more than the last token?

Each run trains its tiny model, once as it is and once with every token as a text of its own, and
records its loss on each window of 64 tokens of 64 held-out stories, last window included
(authoring/data/make_context_runs.py).
"""

import csv
from pathlib import Path

import torch

from llmlib import training
from llmlib.data import stories

RUNS = Path(__file__).parent / "context_runs.csv"
READS = ("all before", "one token")


def recorded(steps):
    """Return the losses after `steps` of training, nats per token, [seeds, windows]: (of the model
    as it is, with every token alone)."""
    with open(RUNS, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["steps"]) == steps]
    found = []
    for reads in READS:
        losses = [row["losses"].split() for row in rows if row["reads"] == reads]
        found.append(torch.tensor([[float(x) for x in each] for each in losses]))
    return tuple(found)


def training_stories():
    """Return the stories that notebook 5 trains on."""
    return [story for story in stories("train")[:600] if story.ended]


def texts():
    """Return (tokens to train on, ids of the held-out stories): notebook 5's."""
    train = training_stories()
    unseen = [story for story in stories("held_out") if story.ended][:64]
    tokenizer = training.story_tokenizer(train[:256])
    return training.as_tokens(train, tokenizer), training.as_tokens(unseen, tokenizer).ids
