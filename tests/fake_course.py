"""Loaded by a Dask worker in tests: no course, no sandbox: one notebook, and a runner
that gives full points, takes 5 ms, and writes down whom it graded; where a file `pause` says a
number, it waits with more than so many, so that a test can kill something in the middle.

    python tests/fake_course.py COURSE SCHEDULER DATABASE

grades the folder COURSE with them.
"""

import contextlib
import os
import sys
import time
from pathlib import Path

from attacks import corpus

from classroom.checking.submission import Cell, Step
from grader import batch
from grader.gradebook import GradebookWriter
from grader.results import Graded, NotGraded, Outcome
from grader.review import Review
from grader.submissions import find

NOTEBOOKS = {"target": corpus.TARGET}
CELLS = (Step("merge", "def merge(): ...\n" * 2000, True),)  # so that a class fills a small disk
SOME_CELL = Cell("code", None, "# somebody")


def load(name):
    return NOTEBOOKS[name]


class Stub:
    def __init__(self, notebooks, unsafe=False, limits=None, partial=0.0):
        self.log = Path(os.environ["LLMLIB_TEST_LOG"])

    def grade(self, notebook, handed_in):
        while self.paused():
            time.sleep(0.05)
        with open(self.log, "a") as file:
            file.write(f"{handed_in[0].source.partition(' ')[2]}\n")
        time.sleep(0.005)
        full = (Outcome(each.name, each.points, each.points) for each in notebook.exercises)
        return Graded(tuple(full), (), False, CELLS)

    def paused(self):
        with contextlib.suppress(FileNotFoundError):
            most = int(self.log.with_name("pause").read_text())
            return len(self.log.read_text().split()) >= most
        return False

    def close(self):
        pass


def main(course, address, database):
    from grader import dask_cluster

    course, results = Path(course), batch.Results(Path(course, "results"))
    spec = dask_cluster.ClusterSpec(
        batch.course_fingerprint(NOTEBOOKS),
        ("target",),
        load="fake_course:load",
        make="fake_course:Stub",
    )
    tasks = find(course / "submitted", NOTEBOOKS)
    with GradebookWriter(database, "c") as book, dask_cluster.connected(address, spec) as run:
        rows = list(batch.grade(tasks, NOTEBOOKS, run, results, book, course, Review(course)))
    return int(any(isinstance(result, NotGraded) for _, result, _ in rows))


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except (ValueError, OSError) as error:
        sys.exit(f"llmlib grade: {error}")
