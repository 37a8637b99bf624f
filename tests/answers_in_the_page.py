"""Runs answers against their visible checks with the page's torch in place of the real one: a
program of its own, since a process has one torch. Standard input is a job as JSON:

    cells    [[title, source, is it an exercise?], …] of one notebook, solutions in their places
    answers  [[exercise, its visible test, code of the answer], …]
    seconds  limit for one answer

Standard output is a line for each answer: null where its check passes, else what a learner reads.
"""

import json
import os
import sys
import time
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "web" / "python"


def main():
    sys.path.insert(0, str(PAGE))
    import torch

    assert torch.__file__.startswith(str(PAGE)), torch.__file__
    from llmlib.course.checking import run_cells

    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the cells print
        sys.setrecursionlimit(3000)
        job = json.load(sys.stdin)
        for name, test, code in job["answers"]:
            torch.manual_seed(0)
            began = time.process_time()
            error = run_cells.run_with_limit(job["seconds"], judge, job["cells"], name, test, code)
            used = round(time.process_time() - began, 2)
            out.write(json.dumps([message(error, job["seconds"]), used]) + "\n")
            out.flush()


def judge(cells, name, test, code):
    """What the check raises, as in a kernel: the answer among the official solutions."""
    from llmlib.course.checking import run_cells

    space = {"__name__": "__main__"}
    for title, source, exercise in cells:
        mine = exercise and title == name
        error = run_cells.run(title, code if mine else source, space)
        if error is not None and not mine:
            return error
    return run_cells.run(name, test, space)


def message(error, seconds):
    """As `run_tests.error_message`, which needs the real torch."""
    from llmlib.course.check import Mistake
    from llmlib.course.feedback import NOT_WRITTEN, NOT_WRITTEN_YET, TOO_SLOW, one_line

    if error is None or isinstance(error, Mistake):
        return one_line(error) if error else None
    if isinstance(error, NotImplementedError) and error.args in ((), (NOT_WRITTEN,)):
        return NOT_WRITTEN_YET
    if isinstance(error, KeyboardInterrupt):
        return f"{TOO_SLOW} {seconds:g} s"
    return f"{type(error).__name__}: {one_line(error)[:300]}"


if __name__ == "__main__":
    main()
