"""Record how often the recorded models of the scaling runs guess k tokens in a row right: the runs
on 819,200 tokens are trained again, and every run of k held-out tokens is counted.

python -m llmlib.data.make_in_a_row     about 3 minutes on one core
"""

import csv
import sys
from pathlib import Path

import torch

from llmlib import training
from llmlib.data import scaling_runs, stories
from llmlib.data.make_scaling_runs import BATCH, SIZES, TOKENIZER_STORIES

IN_A_ROW = Path(__file__).parent / "in_a_row.csv"
STEPS, SEED = 1600, 0
LENGTHS = 1, 2, 5, 10
HEADER = "d_model,parameters,seed,k,share\n"


@torch.no_grad()
def right(weights, config, data):
    """Is the likeliest guess right? For every held-out token that has half a window before it:
    [tokens], in the order of the text. The unknown ends of cut stories count as wrong."""
    half = config.context // 2
    ids = data.ids[: len(data.ids) // config.context * config.context]
    guesses = [
        training.forward(windows, weights, config, training.PARTS)[:, half:].argmax(-1).flatten()
        for windows in ids.unfold(0, config.context, half).split(64)
    ]
    guess = torch.cat(guesses)
    return guess == data.targets[half : half + len(guess)]


def in_a_row(right, k):
    """The share of all runs of k neighbouring tokens in which every one is right."""
    return right.unfold(0, k, 1).all(-1).float().mean().item()


def rate_of(d_model):
    """The rate of the recorded runs of a width on most tokens."""
    tokens = STEPS * BATCH * training.CONTEXT
    return next(
        r["rate"] for r in scaling_runs() if (r["d_model"], r["tokens"]) == (d_model, tokens)
    )


def rows(d_model, seed, train_data, held_out):
    """The lines of the file for one model."""
    config = training.tiny_config(d_model)
    weights = training.new_weights(config, seed)
    rate = rate_of(d_model)
    for _ in training.train(weights, config, train_data, STEPS, seed, BATCH, peak=rate):
        pass
    size, found = training.non_embedding_parameters(weights), right(weights, config, held_out)
    return "".join(f"{d_model},{size},{seed},{k},{in_a_row(found, k):.6f}\n" for k in LENGTHS)


def recorded():
    """{k: the share of k tokens in a row guessed right, by width}, from the file."""
    with open(IN_A_ROW, newline="", encoding="utf-8") as file:
        shares = {(int(r["k"]), int(r["d_model"])): float(r["share"]) for r in csv.DictReader(file)}
    return {k: [shares[k, d_model] for d_model in SIZES] for k in LENGTHS}


def main():
    """Train, count the right guesses in a row, and write the table."""
    torch.set_num_threads(1)
    train_stories = stories("train")
    tokenizer = training.story_tokenizer(train_stories[:TOKENIZER_STORIES])
    texts = [training.as_tokens(s, tokenizer) for s in (train_stories, stories("held_out"))]
    lines = [HEADER]
    for d_model in SIZES:
        lines.append(rows(d_model, SEED, *texts))
        print(lines[-1], end="", file=sys.stderr, flush=True)
    IN_A_ROW.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
