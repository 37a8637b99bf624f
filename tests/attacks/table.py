"""`python tests/attacks/table.py`: every attack against plain nbgrader and against this grader,
into docs/evidence/attacks.md.

Plain nbgrader grades each in a scratch course of its own; those that aim at others have an honest
submission after them.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

import evidence  # noqa: E402
import test_grading_attacks as ours  # noqa: E402
from attacks import corpus  # noqa: E402

from grader.results import Graded  # noqa: E402

CONFIG = """c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.db_url = "sqlite:///{root}/gradebook.db"
c.Execute.timeout = 20
"""
WORDS = {
    "ready-made": "ready-made, of torch",
    "open": "ready-made, known to be open",
    "stall": "dear to read",
    "machine": "harm to the machine",
    "others": "harm to others",
    "batch": "harm to the batch",
    "honest": "honest, if odd",
}


def nbgrader(course, *words, seconds=120):
    """Run an nbgrader command; whatever it or the attack started is ended afterwards. True if
    something was left."""
    environment = os.environ | {
        "HOME": f"{course}/home",
        "PYTHONPATH": str(TESTS.parent),
        "A_SECRET": corpus.SECRET,
    }
    # nbgrader starts `alembic` by name
    environment["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = subprocess.Popen(
        [sys.executable, "-m", "nbgrader", *words],
        cwd=course,
        env=environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    time.sleep(0.3)
    left = [
        pid
        for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
        if f"HOME={course}/home".encode() in _environ(pid)
    ]
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return bool(left)


def _environ(pid):
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def generated(folder):
    """A course with the assignment generated, to be copied for each attack."""
    course = folder / "base"
    (course / "source" / "target").mkdir(parents=True)
    (course / "nbgrader_config.py").write_text(CONFIG.format(root=str(course)))
    nbformat.write(corpus.TARGET.node, course / "source" / "target" / "target.ipynb")
    nbgrader(course, "generate_assignment", "target")
    assert (course / "release" / "target" / "target.ipynb").exists(), (
        "nbgrader could not generate the assignment"
    )
    return course


def plain(base, attack, number):
    """What plain nbgrader makes of one attack, in words."""
    import sqlite3

    course, listener = base.parent / f"c{number}", ours.Listener()
    shutil.copytree(base, course)
    (course / "nbgrader_config.py").write_text(CONFIG.format(root=str(course)))
    ours.make_course(course, [attack], listener.port)
    (course / "nbgrader_config.py").write_text(CONFIG.format(root=str(course)))
    alone = attack.kind in ("forgery", "leak", "honest")
    for student, wanted in (("a-honest", "peer" in attack.title), ("z-honest", not alone)):
        if not wanted:
            shutil.rmtree(course / "submitted" / student)
    before = ours.hashes(course)
    left = nbgrader(course, "autograde", "target")
    query = """
        select s.assignment_id, a.student_id, sum(coalesce(g.manual_score, g.auto_score)),
            count(g.auto_score)
        from grade g join submitted_notebook s on g.notebook_id = s.id
            join submitted_assignment a on s.assignment_id = a.id
        group by 2
    """
    try:
        rows = {
            row[1]: row[2]
            for row in sqlite3.connect(course / "gradebook.db").execute(query)
            if row[3]
        }
    except sqlite3.Error:
        rows = {}
    after, words = ours.hashes(course), []
    got = rows.get(attack.student)
    words.append("not graded" if got is None else f"{got:g}")
    if not alone and rows.get("z-honest") != 10:
        words.append(
            "**the next student: "
            + ("not graded" if rows.get("z-honest") is None else f"{rows['z-honest']:g}")
            + "**"
        )
    touched = {path for path, digest in before.items() if after.get(path) != digest} | (
        after.keys() - before.keys()
    )
    if [path for path in touched if "/home/" not in path]:
        words.append("**files changed**")
    if listener.connections:
        words.append("**connected**")
    if left:
        words.append("**process left**")
    listener.server.close()
    shutil.rmtree(course, ignore_errors=True)
    return ", ".join(words)


def main():
    with tempfile.TemporaryDirectory() as folder:
        base = generated(Path(folder))
        able = [attack for attack in corpus.ATTACKS if attack.plain]
        with ThreadPoolExecutor(2) as pool:
            words = dict(
                zip(
                    able,
                    pool.map(lambda pair: plain(base, pair[1], pair[0]), enumerate(able)),
                    strict=True,
                )
            )
        state = ours.grade_all(Path(folder) / "ours", corpus.ATTACKS)
    rows = []
    for attack in corpus.ATTACKS:
        result = state["rows"][attack.student]
        mine = (
            f"{result.points:g}" if isinstance(result, Graded) else "not graded: " + result.reason
        )
        due = f"{attack.points:g}" if attack.graded else "not graded"
        rows.append(
            [
                WORDS.get(attack.kind, attack.kind),
                attack.title,
                due,
                words.get(attack, "not tried"),
                mine,
            ]
        )
    wrong = sum(
        bool(words.get(a)) and words[a] != (f"{a.points:g}" if a.graded else "not graded")
        for a in corpus.ATTACKS
    )
    missed = [a for a in corpus.ATTACKS if isinstance(state["rows"][a.student], Graded) != a.graded]
    missed += [
        a
        for a in corpus.ATTACKS
        if a.graded and a not in missed and state["rows"][a.student].points != a.points
    ]
    lead = (
        f"{len(corpus.ATTACKS)} submissions, 10 points each at most. Plain nbgrader was tried with "
        f"{len(able)} of them (the others exhaust a machine without a sandbox) and differs from "
        f"what is due in {wrong}; this grader differs in {len(missed)} of all. With this grader: "
        f"{len(state['touched'] | state['new'])} files changed, "
        f"{state['connections']} connections, {len(state['left'])} processes left."
    )
    head = ["kind", "submission", "due", "plain nbgrader", "this grader"]
    evidence.write("attacks", lead + "\n\n" + evidence.table(head, rows))
    print(lead)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition(": ")[2]).parse_args()
    main()
