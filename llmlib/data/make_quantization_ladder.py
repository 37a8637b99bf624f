"""Record what SmolLM2 loses when its weights are rounded to fewer bits.

python -m llmlib.data.make_quantization_ladder    about two minutes on two cores
"""

import sys
from functools import partial

import torch

from llmlib import pretrained
from llmlib.data import LADDER, stories
from llmlib.demonstrations.kv_cache_and_scaling import with_matrices
from llmlib.output_head import cross_entropy
from llmlib.scaling import rounded

BITS, BLOCKS = (8, 4, 3, 2), ("matrix", "row", 32)
TEXTS, LENGTH = 16, 129  # held-out stories, their first tokens: 2,048 predictions


def held_out_ids():
    """[16, 129] ids: the beginnings of the first held-out stories that are long enough."""
    long = [story.ids[:LENGTH] for story in stories("held_out") if len(story.ids) >= LENGTH]
    return torch.tensor(long[:TEXTS])


def measure(model, ids):
    """(mean loss in nats a token, the likeliest token at each position)."""
    logits = model(ids)[:, :-1]
    return cross_entropy(logits, ids[:, 1:]).item(), logits.argmax(-1)


def main():
    """Measure each number of bits and size of block, and write the table."""
    model, ids = pretrained.load("smollm2"), held_out_ids()
    loss, likeliest = measure(model, ids)
    rows = ["bits,block,loss,same", f"32,none,{loss:.4f},1.0000"]
    for bits in BITS:
        for block in BLOCKS:
            some = with_matrices(model, partial(rounded, bits=bits, block=block))
            loss, other = measure(some, ids)
            same = (other == likeliest).float().mean().item()
            rows.append(f"{bits},{block},{loss:.4f},{same:.4f}")
            print(rows[-1], file=sys.stderr, flush=True)
    LADDER.write_text("\n".join(rows) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
