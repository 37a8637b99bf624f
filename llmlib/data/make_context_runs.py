"""Does a tiny model gain from more than the last token? Recorded runs of notebook 5.

python -m llmlib.data.make_context_runs     about 8 minutes on one core; a run that is in
                                            context_runs.csv already is not done again

Each run trains notebook 5's tiny model, once as it is and once with every token as a text of its
own, and records its loss on each window of 64 tokens of 64 held-out stories, last window included.
"""

import csv
from dataclasses import replace
from itertools import product
from pathlib import Path

import torch

from llmlib import training
from llmlib.data import stories
from llmlib.model import forward
from llmlib.output_head import token_losses

RUNS = Path(__file__).parent / "context_runs.csv"
STEPS, SEEDS, WIDTH, PEAK = (240, 960), range(8), 64, 0.006
ALONE = replace(training.PARTS, mask=lambda seq, start=0: torch.eye(seq, dtype=torch.bool))
READS = {"all before": training.PARTS, "one token": ALONE}
SETTING = ("steps", "seed", "reads")


def recorded(steps):
    """The losses after `steps` of training, nats per token, [seeds, windows]: (of the model as it
    is, with every token alone)."""
    with open(RUNS, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if int(row["steps"]) == steps]
    found = []
    for reads in READS:
        losses = [row["losses"].split() for row in rows if row["reads"] == reads]
        found.append(torch.tensor([[float(x) for x in each] for each in losses]))
    return tuple(found)


def training_stories():
    """Those that notebook 5 trains on."""
    return [story for story in stories("train")[:600] if story.ended]


def texts():
    """(tokens to train on, ids of the held-out stories): notebook 5's."""
    train = training_stories()
    unseen = [story for story in stories("held_out") if story.ended][:64]
    tokenizer = training.story_tokenizer(train[:256])
    return training.as_tokens(train, tokenizer), training.as_tokens(unseen, tokenizer).ids


def run(steps, seed, reads, tokens, ids):
    """The mean loss of each window after `steps` of training from this seed."""
    config, parts = training.tiny_config(WIDTH), READS[reads]
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
    done = set()
    if RUNS.exists():
        with open(RUNS, newline="", encoding="utf-8") as file:
            done = {tuple(row[name] for name in SETTING) for row in csv.DictReader(file)}
    for setting in product(STEPS, SEEDS, READS):
        if tuple(map(str, setting)) in done:
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
