"""A learner's engine, `my_llm.py`, against `transformers` and `llmlib` in float32: SmolLM2, 64 new
tokens.

The file is the one that `llmlib my-llm` makes of the solutions. All write greedily from the same
random prompt, with no stop token, and the learner's ids are to be those of `transformers`.
"""

import tempfile
from pathlib import Path

import torch

from benchmarks import generation
from benchmarks.measure import Comparison
from classroom import my_llm
from classroom.my_llm import engine, learner_functions
from exercises.format import notebooks
from llmlib import pretrained

CODE = ["classroom/my_llm/template.py"] + [
    f"solutions/{each.notebook}.py:{name}"
    for name, each in learner_functions.engine_exercises().items()
]


def learners():
    """The finished file's function (ids [1, seq], new tokens) -> (when each came, ids [1, new])."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "my_llm.py"
        path.write_text(my_llm.collect(notebooks.ROOT / "solutions")[0], encoding="utf-8")
        written = engine.load_my_llm(path)
    written.config.stop_ids = ()

    def run(ids, new_tokens):
        return generation.timed([i] for i, _ in written.steps(ids[0].tolist(), new_tokens, None))

    return run


def comparisons(quick):
    runs = {
        "my_llm.py": learners(),
        "transformers float32": generation.theirs(torch.float32),
        "llmlib float32": generation.ours(pretrained.load("smollm2")),
    }
    for seq in (5,) if quick else (5, 500, 4000):
        written, rate, again = generation.rounds(runs, seq)
        first, theirs, _ = runs
        where = f"after {seq:,} tokens"
        yield Comparison(
            f"write {where}: {first}", "tokens/s", {name: rate(name) for name in runs}, "more"
        )
        unlike = (written[first] != written[theirs]).sum().item()
        yield Comparison(
            f"ids unlike those of transformers {where}, {first}",
            f"of {generation.NEW_TOKENS}",
            {first: lambda unlike=unlike: unlike},
            limit=0,
            repeats=1,
            warm_up=0,
        )
        yield Comparison(
            f"first token {where}: {first}",
            "seconds",
            {name: again(name, 0) for name in runs},
            warm_up=0,
        )
