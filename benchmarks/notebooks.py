"""How long each solution notebook runs as a learner's does: a kernel of its own, two threads.

Writes nothing. `make test` prints at its end what each of its layers took.
"""

import copy
import functools

from benchmarks.measure import Comparison
from llmlib.course.authoring import build, notebooks

CODE = ["llmlib/course/authoring/build.py:execute"]
LIMIT, WITH_TRAINING = 40.0, 120.0  # seconds; the seventh trains a model before the reader's eyes


def comparisons(quick):
    lessons = notebooks.lessons()
    for notebook in lessons[:1] if quick else lessons:
        yield Comparison(
            f"run solutions/{notebook.name}.ipynb",
            "s",
            {"llmlib": functools.partial(run, notebook)},
            limit=WITH_TRAINING if notebook is lessons[-1] else LIMIT,
            warm_up=0,
        )


def run(notebook):
    """All its cells, on this machine as it is."""
    build.execute(notebook.name, copy.deepcopy(notebook.node), as_laptop=False)
