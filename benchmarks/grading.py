"""CPU seconds per submission: this grader, sandbox and boundary on, against plain `nbgrader autograde`, in one run.

The same submissions (the solved notebooks, each handed in COPIES times) go through both, one worker each. CPU time is
that of the command and everything it started, its start included.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

from llmlib.course import cells

ROOT = Path(__file__).resolve().parents[1]
CONFIG = """c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.db_url = "sqlite:///{root}/gradebook.db"
c.CourseDirectory.course_id = "bench"
c.Execute.timeout = 600
"""


def run(*words, cwd):
    """(CPU seconds, wall seconds) of one command."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # nbgrader starts `alembic` by name
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": path}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run([sys.executable, "-m", *words], cwd=cwd, env=environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, time.monotonic() - start


def course(folder, names, copies):
    """A course with the notebooks generated and handed in, solved."""
    folder.mkdir()
    (folder / "nbgrader_config.py").write_text(CONFIG.format(root=str(folder)))
    for name in names:
        (folder / "source" / name).mkdir(parents=True)
        nbformat.write(cells.load(name).node, folder / "source" / name / f"{name}.ipynb")
        run("nbgrader", "generate_assignment", name, cwd=folder)
        for number in range(copies):
            place = folder / "submitted" / f"student{number:02}" / name
            place.mkdir(parents=True)
            nbformat.write(cells.load(name).node, place / f"{name}.ipynb")
    return folder


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--copies", type=int, default=3, help="submissions of each notebook")
    parser.add_argument("--notebooks", nargs="*", default=cells.names())
    args = parser.parse_args()
    count = args.copies * len(args.notebooks)
    with tempfile.TemporaryDirectory() as folder:
        plain, ours, two = (
            course(Path(folder, name), args.notebooks, args.copies) for name in ("plain", "ours", "two")
        )
        spent = [run("nbgrader", "autograde", name, cwd=plain) for name in args.notebooks]
        cpu, wall = map(sum, zip(*spent))
        print(f"{count} submissions of {len(args.notebooks)} notebooks, solved")
        print(
            f"plain nbgrader autograde    {cpu / count:7.2f} CPU s a submission   {wall / count:6.2f} s of wall clock"
        )
        for folder, workers in ((ours, 1), (two, 2)):
            mine, seconds = run("llmlib.cli", "grade", "submitted", "--workers", str(workers), cwd=folder)
            name = f"llmlib grade, {workers} worker{'s' if workers > 1 else ' '}"
            print(
                f"{name:27} {mine / count:7.2f} CPU s a submission   {seconds / count:6.2f} s of wall clock   ", end=""
            )
            print(f"{cpu / mine:.1f} times less CPU")


if __name__ == "__main__":
    main()
