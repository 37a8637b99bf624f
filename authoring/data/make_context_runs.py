"""Train and record the runs of notebook 5's question: does a tiny model gain from more than the
last token?

python -m authoring.data.make_context_runs     about 8 minutes; a run that is in context_runs.csv
                                               already is not done again
"""

import csv
from dataclasses import replace
from itertools import product

import torch

from llmlib import training
from llmlib.data.context_runs import READS, RUNS, texts
from llmlib.model import forward
from llmlib.output_head import token_losses

STEPS, SEEDS, WIDTH, PEAK = (240, 960), range(8), 64, 0.006
ALONE = replace(training.PARTS, mask=lambda seq, start=0: torch.eye(seq, dtype=torch.bool))
PARTS = dict(zip(READS, (training.PARTS, ALONE)))
SETTING = ("steps", "seed", "reads")


def run(steps: int, seed: int, reads: str, tokens: training.Tokens, ids: torch.Tensor):
    """Return the mean loss of each window after `steps` of training from this seed."""
    config, parts = training.tiny_config(WIDTH), PARTS[reads]
    weights = training.new_weights(config, seed)
    for _ in training.train(weights, config, tokens, steps, seed, peak=PEAK, parts=parts):
        pass
    inputs, targets = training.windows(ids)
    with torch.no_grad():
        logits = forward(inputs, weights, config, parts)
    counts = targets != training.IGNORED
    losses = token_losses(logits, targets.where(counts, 0)) * counts
    return (losses.sum(1) / counts.sum(1)).tolist()


def main():
    """Train what is not recorded yet, a line of the table for each run."""
    torch.set_num_threads(1)
    tokens, ids = texts()
    old_runs = set()
    if RUNS.exists():
        with open(RUNS, newline="", encoding="utf-8") as file:
            old_runs = {tuple(row[name] for name in SETTING) for row in csv.DictReader(file)}
    for setting in product(STEPS, SEEDS, READS):
        if tuple(map(str, setting)) in old_runs:
            continue
        losses = run(*setting, tokens, ids)
        new = not RUNS.exists()
        with open(RUNS, "a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            if new:
                writer.writerow([*SETTING, "losses"])
            writer.writerow([*setting, " ".join(f"{loss:.3f}" for loss in losses)])
        print(*setting, f"{sum(losses) / len(losses):.3f}", flush=True)


if __name__ == "__main__":
    main()
