"""How long each solution notebook runs: a kernel of its own, two threads, as in `make build`.

Writes nothing. `make test` prints at its end what each of its layers took.
"""

import functools

from authoring import build
from benchmarks.measure import Comparison
from llmlib.course.format import notebooks

CODE = ["authoring/build.py"]
LIMIT, WITH_TRAINING = 40.0, 120.0  # seconds; the seventh trains a model before the reader's eyes


def comparisons(quick):
    lessons = notebooks.lessons()
    for notebook in lessons[:1] if quick else lessons:
        yield Comparison(
            f"run solutions/{notebook.name}.ipynb",
            "s",
            {"llmlib": functools.partial(build.execute, notebook)},
            limit=WITH_TRAINING if notebook is lessons[-1] else LIMIT,
            warm_up=0,
        )
