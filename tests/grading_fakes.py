"""A class of submissions and a runner without a sandbox, so that a test of what surrounds grading
takes a moment; and the verdict on one small exercise."""

import json
import os
import signal
import time
from functools import partial

from attacks import corpus

from classroom.checking.submission import Cell
from exercises.format import notebooks as course_notebooks
from grader import batch, worker_pool
from grader.gradebook import GradebookWriter
from grader.results import Graded, Outcome
from grader.review import Review
from grader.submissions import find

NOTEBOOKS = {"target": corpus.TARGET}


class Stub:
    """A runner without a sandbox: full points, a note of each call, and what the notebook's first
    cell asks for."""

    def __init__(self, notebooks, log):
        self.log = log

    def grade(self, notebook, handed_in):
        order, name = handed_in[0].source.partition(" ")[::2]
        with open(self.log, "a") as file:
            file.write(f"{name}\n")
        if order == "#die":
            os.kill(os.getpid(), signal.SIGKILL)
        if order == "#raise":
            raise RuntimeError("ours")
        time.sleep(0.005)
        full = (Outcome(each.name, each.points, each.points) for each in notebook.exercises)
        return Graded(tuple(full), (), False)

    def close(self):
        pass


def class_of(folder, orders):
    """A course with a submission for each student in `orders`."""
    for student, order in orders.items():
        path = folder / "submitted" / student / "target" / "target.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(
            json.dumps(
                {"cells": [{"cell_type": "code", "source": f"{order} {student}", "metadata": {}}]}
            )
        )
    return folder


def grade(course, workers=2, notebooks=NOTEBOOKS, again=False):
    """{student: result} of one run with the stub."""
    results = batch.Results(course / "results", again=again)
    submissions, make = find(course / "submitted", notebooks), _Make(str(course / "log"))
    run = partial(worker_pool.run, notebooks=notebooks, make_runner=make, workers=workers)
    with GradebookWriter(f"sqlite:///{course / 'gradebook.db'}", "c") as book:
        graded = batch.grade(submissions, notebooks, run, results, book, course, Review(course))
        return {task.student: result for task, result, _ in graded}


class _Make:
    def __init__(self, log):
        self.log = log

    def __call__(self, notebooks):
        return Stub(notebooks, self.log)


def verdict(runner, solution, test):
    """The message of one exercise `f` with this solution and this test cell."""
    marks = {"grade": False, "locked": False, "solution": True, "task": False, "schema_version": 3}
    source = f"# %% nbgrader={json.dumps(marks | {'grade_id': 'f'})}\ndef f():\n"
    source += "    ### BEGIN SOLUTION\n    ### END SOLUTION\n"
    marks |= {"grade": True, "locked": True, "solution": False, "points": 1, "grade_id": "test_f"}
    imports = "import torch\nfrom exercises import check"
    source += f"\n# %% nbgrader={json.dumps(marks)}\n{imports}\n{test}\n"
    notebook = course_notebooks.parse(source, "one")
    return runner.grade(notebook, [Cell("code", "f", solution)])["f"].message or None
