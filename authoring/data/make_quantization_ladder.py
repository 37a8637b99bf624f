"""Record what SmolLM2 loses when its weights are rounded to fewer bits.

python -m authoring.data.make_quantization_ladder    about two minutes on two cores
"""

import sys
from functools import partial

from llmlib import pretrained
from llmlib.data import LADDER
from llmlib.demonstrations.kv_cache_and_scaling import held_out_ids, measure, with_matrices
from llmlib.scaling import rounded

BITS, BLOCKS = (8, 4, 3, 2), ("matrix", "row", 32)


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
