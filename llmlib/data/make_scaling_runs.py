"""Record the scaling-law runs: eight sizes, three seeds, the same text and the same number of
training tokens each.

python -m llmlib.data.make_scaling_runs            about 15 minutes on one core; a run that is in
the file is not made again
python -m llmlib.data.make_scaling_runs --seeds 2  one seed only
"""

import argparse
import sys
import time

import torch
from tqdm import tqdm

from llmlib import training
from llmlib.data import SCALING_RUNS, scaling_runs, stories

SIZES = (16, 24, 32, 48, 64, 96, 128, 192)  # d_model; two layers each
STEPS = 400  # of 8 windows of 256 tokens: 819,200 training tokens
TRAINING_STORIES, TOKENIZER_STORIES = 1500, 256  # the first of the training part
HEADER = "d_model,seed,parameters,tokens,loss,cpu_seconds\n"


def run(d_model, seed, train_data, held_out):
    """Train one model from its seed; returns its row of the file."""
    config = training.tiny_config(d_model)
    weights, start = training.new_weights(config, seed), time.process_time()
    for _ in training.train(weights, config, train_data, STEPS, seed):
        pass
    seconds = time.process_time() - start
    loss = training.nats_per_byte(weights, config, held_out)
    tokens = STEPS * 8 * config.context
    size = training.non_embedding_parameters(weights)
    return f"{d_model},{seed},{size},{tokens},{loss:.5f},{seconds:.1f}\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=[0, 1, 2],
        metavar="S",
        help="which seeds to run (default: 0 1 2)",
    )
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    train_stories = stories("train")
    tokenizer = training.story_tokenizer(train_stories[:TOKENIZER_STORIES])
    train_data = training.as_tokens(train_stories[:TRAINING_STORIES], tokenizer)
    held_out = training.as_tokens(stories("held_out"), tokenizer)
    if not SCALING_RUNS.exists():
        SCALING_RUNS.write_text(HEADER, encoding="utf-8")
    done = {(row["d_model"], row["seed"]) for row in scaling_runs()}
    for d_model, seed in tqdm(
        [(d, s) for d in SIZES for s in seeds if (d, s) not in done], unit=" runs", file=sys.stderr
    ):
        row = run(d_model, seed, train_data, held_out)
        with open(SCALING_RUNS, "a", encoding="utf-8") as file:
            file.write(row)


if __name__ == "__main__":
    main()
