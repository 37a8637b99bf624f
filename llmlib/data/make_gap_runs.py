"""Record what lies between a tiny model and the floor: the recorded run of width 64 on 819,200
tokens, with one thing changed.

python -m llmlib.data.make_gap_runs     about 4 minutes on one core
"""

import sys
from dataclasses import replace

import torch

from llmlib import training
from llmlib.data import GAP_RUNS, stories
from llmlib.data.make_scaling_runs import BATCH, TOKENIZER_STORIES

STEPS, RATE = 1600, 0.01  # of the recorded run
CHANGES = {
    "half the text": {"text": 0.5},
    "twice the steps": {"steps": 2 * STEPS},
    "twice the window": {"context": 2 * training.CONTEXT, "batch": BATCH // 2},
    "twice the layers": {"n_layer": 4},
    "twice the layers, half the rate": {"n_layer": 4, "rate": RATE / 2},
}


def loss(
    train, tokenizer, held_out, *,
    n_layer=2, context=training.CONTEXT, batch=BATCH, steps=STEPS, rate=RATE, text=1.0,
):  # fmt: skip
    """Held-out loss, nats a byte, of one run (seed 0); `text` is the share of the stories that it
    trains on."""
    config = replace(training.tiny_config(64, n_layer), context=context)
    weights = training.new_weights(config, seed=0)
    tokens = training.as_tokens(train[: int(text * len(train))], tokenizer)
    for _ in training.train(weights, config, tokens, steps, 0, batch, peak=rate):
        pass
    return training.nats_per_byte(weights, config, held_out)


def main():
    """Train a model for each change, and write their losses."""
    torch.set_num_threads(1)
    train = stories("train")
    tokenizer = training.story_tokenizer(train[:TOKENIZER_STORIES])
    held_out = training.as_tokens(stories("held_out"), tokenizer)
    rows = ["change,loss"]
    for name, change in CHANGES.items():
        rows.append(f'"{name}",{loss(train, tokenizer, held_out, **change):.5f}')
        print(rows[-1], file=sys.stderr, flush=True)
    GAP_RUNS.write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
