"""Record the scaling-law runs: eight sizes, four budgets of training tokens, three seeds, the
learning rate tuned for each size. As a control, the same at one rate for all sizes.

python -m authoring.data.make_scaling_runs         about 20 minutes; a run that is in the
                                                   file is not made again
python -m authoring.data.make_scaling_runs 16 24   these widths only
"""

import argparse
import sys
import time
from itertools import product

import torch

from llmlib import training
from llmlib.data import SCALING_RUNS, scaling_runs, stories

SIZES = (8, 12, 16, 24, 32, 48, 64, 96)  # d_model; two layers each
BATCH = 8  # windows a step
STEPS = (200, 400, 800, 1600)  # 102,400 to 819,200 training tokens
SEEDS = 0, 1, 2
TUNED_AT = 800  # steps of the runs that choose the rate
SAME_RATE = {0.01: STEPS, 0.005: STEPS[:2]}  # the controls: one rate for all widths
FIRST_RATE = 0.01  # of the walk by factors of 2, until both neighbours of the best are worse
TOKENIZER_STORIES = 256  # the first of the training part
HEADER = "d_model,parameters,tokens,rate,seed,loss,one_right,five_right,cpu_seconds\n"


def score(weights, config, data):
    """Return (nats a byte, share of tokens whose likeliest guess is right, share of runs of five
    tokens in which all are)."""
    half = config.context // 2
    ids = data.ids[: len(data.ids) // config.context * config.context]
    guesses = []
    with torch.no_grad():
        for windows in ids.unfold(0, config.context, half).split(64):
            logits = training.forward(windows, weights, config, training.PARTS)[:, half:]
            guesses.append(logits.argmax(-1).flatten())
    guess = torch.cat(guesses)
    target = data.targets[half : half + len(guess)]
    right = (guess == target)[target != training.IGNORED]
    five = right.unfold(0, 5, 5).all(-1)
    loss = training.nats_per_byte(weights, config, data)
    return loss, right.float().mean().item(), five.float().mean().item()


def run(d_model, steps, rate, seed, train_data, held_out):
    """Train one model, and return its row of the file."""
    config = training.tiny_config(d_model)
    weights, start = training.new_weights(config, seed), time.process_time()
    for _ in training.train(weights, config, train_data, steps, seed, BATCH, peak=rate):
        pass
    seconds = time.process_time() - start
    loss, one, five = score(weights, config, held_out)
    size, tokens = training.non_embedding_parameters(weights), steps * BATCH * config.context
    return (
        f"{d_model},{size},{tokens},{rate},{seed},{loss:.5f},{one:.5f},{five:.5f},{seconds:.1f}\n"
    )


def record(d_model, steps, rate, seed, *texts):
    """Return the held-out loss of that run, made now unless it is in the file."""
    key = d_model, steps * BATCH * training.CONTEXT, rate, seed
    names = "d_model", "tokens", "rate", "seed"
    if key not in (done := {tuple(r[n] for n in names): r["loss"] for r in scaling_runs()}):
        row = run(d_model, steps, rate, seed, *texts)
        with open(SCALING_RUNS, "a", encoding="utf-8") as file:
            file.write(row)
        print(row, end="", file=sys.stderr, flush=True)
        return float(row.split(",")[5])
    return done[key]


def tuned(d_model, *texts):
    """Return the best learning rate for a width: a walk by factors of 2 on seed 0."""
    loss = {FIRST_RATE: record(d_model, TUNED_AT, FIRST_RATE, 0, *texts)}
    while True:
        best = min(loss, key=loss.get)
        new = [rate for rate in (best / 2, best * 2) if rate not in loss]
        if not new:
            return best
        loss[new[0]] = record(d_model, TUNED_AT, new[0], 0, *texts)


def main():
    """Train a model of each width, and write its losses."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("widths", nargs="*", type=int, default=SIZES)
    widths = parser.parse_args().widths
    torch.set_num_threads(1)
    train_stories = stories("train")
    tokenizer = training.story_tokenizer(train_stories[:TOKENIZER_STORIES])
    texts = [training.as_tokens(s, tokenizer) for s in (train_stories, stories("held_out"))]
    if not SCALING_RUNS.exists():
        SCALING_RUNS.write_text(HEADER, encoding="utf-8")
    for d_model in widths:
        for rate, budgets in (SAME_RATE | {tuned(d_model, *texts): STEPS}).items():
            for steps, seed in product(budgets, SEEDS):
                record(d_model, steps, rate, seed, *texts)


if __name__ == "__main__":
    main()
