"""`python tests/load.py`: the same 40 submissions graded on this machine as it is and beside 20
busy processes. Their points must be the same. What was starved, and so not graded yet, is graded by
another run afterwards, as an instructor would. It takes two to six minutes on two cores.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path

TESTS = Path(__file__).resolve().parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from attacks import corpus  # noqa: E402

from grader import batch, worker_pool  # noqa: E402
from grader.gradebook import GradebookWriter  # noqa: E402
from grader.host.time_limits import Limits  # noqa: E402
from grader.marking.runner import Runner  # noqa: E402
from grader.results import Graded  # noqa: E402
from grader.review import Review  # noqa: E402
from grader.submissions import find  # noqa: E402

BUSY = "import time\nend = time.time() + 400\nwhile time.time() < end: pass"
NOTEBOOKS = {"target": corpus.TARGET}
LIMITS = Limits.for_cell(6)
RIGHT = corpus.SOLUTIONS["merge"]
SLOW = (
    "    import time\n    end = time.process_time() + {}\n    while time.process_time() < end: pass"
)
WAITS = "    import time\n    time.sleep({})"
KINDS = {  # what the cell of `merge` holds: how many submissions
    RIGHT: 20,
    RIGHT.replace("return out", "return out[:-1]"): 6,
    RIGHT.replace("    out = []", SLOW.format(1) + "\n    out = []"): 6,
    RIGHT.replace("    out = []", WAITS.format(1) + "\n    out = []"): 4,
    "def merge(ids, pair, new_id):\n    while True: pass": 2,
    "def merge(ids, pair, new_id):\n    return ids": 2,
}


def hand_in(course):
    """Write the 40 submissions."""
    codes = [code for code, times in KINDS.items() for _ in range(times)]
    for number, code in enumerate(codes):
        made = corpus.Submission(course / "submitted" / f"s{number:02}" / "target", {})
        made.solve()
        made.put("merge", code)
        made.write()
    return len(codes)


def make_runner(notebooks):
    return Runner(notebooks, limits=LIMITS)


def grade(course, name):
    """({student: points}, students that are not graded yet, seconds)."""
    start = time.monotonic()
    with GradebookWriter(f"sqlite:///{course / name}.db", "load") as book:
        words = {"notebooks": NOTEBOOKS, "make_runner": make_runner, "workers": 2}
        run = partial(worker_pool.run, **words, limits=LIMITS)
        tasks = find(course / "submitted", NOTEBOOKS)
        results = batch.Results(course / name)
        graded = [*batch.grade(tasks, NOTEBOOKS, run, results, book, course, Review(course))]
    rows = {task.student: result for task, result, _ in graded}
    points = {who: each.points for who, each in rows.items() if isinstance(each, Graded)}
    return points, sorted(rows.keys() - points), time.monotonic() - start


def main():
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        course = Path(folder)
        count = hand_in(course)
        quiet, left, seconds = grade(course, "quiet")
        print(f"as it is: {len(quiet)} of {count} graded in {seconds:.0f} s, not yet: {left}")
        for _ in range(20):
            busy = subprocess.Popen([sys.executable, "-c", BUSY])
            stack.callback(busy.wait)
            stack.callback(busy.kill)
        loaded, starved, seconds = grade(course, "loaded")
        stack.close()
        print(f"beside 20: {len(loaded)} of {count} in {seconds:.0f} s, not yet: {starved}")
        differ = {who: (quiet[who], each) for who, each in loaded.items() if each != quiet[who]}
        later, left, _ = grade(course, "loaded")
        differ |= {who: (quiet[who], each) for who, each in later.items() if each != quiet[who]}
        print(f"after another run: {len(later)} of {count}, not yet: {left}; differ: {differ}")
        total = sum(quiet.values()), sum(later.values())
        print(f"points in all: {total[0]:g} and {total[1]:g}")
        return 1 if differ or left or total[0] != total[1] else 0


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition(": ")[2]).parse_args()
    sys.exit(main())
