"""The grader's sandbox: what a learner's process can see and use, and grading without it."""

import csv
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from attacks import corpus
from grading_fakes import NOTEBOOKS, verdict

from classroom.checking import submission
from grader import nbgrader_plugin, report, wire, worker_pool
from grader.gradebook import GradebookWriter
from grader.host import bubblewrap, sandbox
from grader.marking.runner import Runner
from grader.results import NotGraded
from grader.submissions import Task

pytestmark = pytest.mark.security


@pytest.mark.proof
def test_one_workers_fork_bomb_leaves_the_others_their_processes(runner):
    other = Runner([corpus.TARGET])
    bomb = "import os, time\nfor _ in range(300):\n    try:\n        os.fork() or time.sleep(60)"
    bomb += "\n    except OSError: pass"
    child = other.sandbox.fork()
    try:
        cells = [["bomb", bomb + "\nwhile True: time.sleep(1)"]]
        child.channel.send([{}, cells, [], 99, 99, 1, {}])
        child.channel.receive(wire.within(120))
        time.sleep(2)
        result = runner.grade(corpus.TARGET, submission.parse(corpus.TARGET.node))
        assert result.points == 10
    finally:
        child.channel.sock.close()
        other.sandbox.kill(child)
        other.close()


def test_when_memory_runs_out_a_submission_is_ended_before_the_grader():
    """The kernel ends first what has the highest `oom_score_adj`, in a cgroup or without."""
    with closing(sandbox.Sandbox()) as box:
        before = _scores(box.process.pid)
        child = box.fork()
        of_the_submission = _scores(box.process.pid).items() - before.items()
        assert of_the_submission and {score for _, score in of_the_submission} == {1000}
        assert max(before.values()) < 1000
        box.kill(child)
    worker = worker_pool.Worker(NOTEBOOKS, lambda _: SimpleNamespace(close=lambda: None), None)
    assert worker.pipe.recv() == ""
    assert max(_scores(os.getpid())[os.getpid()], 500) <= _scores(worker.process.pid).popitem()[1]
    worker.stop()


def _scores(pid):
    """{process: its oom_score_adj}, of `pid` and all below it."""
    found = {pid: int(Path(f"/proc/{pid}/oom_score_adj").read_text())}
    for task in Path(f"/proc/{pid}/task").iterdir():
        for below in (task / "children").read_text().split():
            found |= _scores(int(below))
    return found


def test_no_process_of_the_sandbox_has_the_graders_variables(monkeypatch):
    """bubblewrap's own is process 1 in there."""
    monkeypatch.setenv("A_TOKEN_OF_THE_GRADER", "1234")
    with closing(sandbox.Sandbox()) as box:
        inside = _scores(box.process.pid)
        assert len(inside) > 1
        for pid in inside:
            assert b"A_TOKEN" not in Path(f"/proc/{pid}/environ").read_bytes()


def test_a_python_in_tmp_stays_importable_and_the_rest_of_tmp_is_out_of_sight(monkeypatch, request):
    """Each submission gets an empty /tmp of its own, over whatever lies there: a virtual
    environment, say."""
    folder = tempfile.TemporaryDirectory(dir="/tmp")  # wherever TMPDIR points
    request.addfinalizer(folder.cleanup)
    python = Path(folder.name) / "python"
    python.mkdir()
    (python / "imported_late.py").write_text("answer = 42")
    (python.parent / "secret.py").write_text("answer = 42")
    monkeypatch.setattr(sys, "exec_prefix", str(python))
    runner = Runner([corpus.TARGET])
    late = f"def f(where, what):\n    import sys\n    sys.path.insert(0, {folder.name!r} + where)"
    late += "\n    return __import__(what).answer"
    write = f"def f():\n    open({str(python / 'new')!r}, 'w')"
    try:
        assert verdict(runner, late, "check.equal(f('/python', 'imported_late'), 42, 'it')") is None
        assert "No module named 'secret'" in verdict(runner, late, "f('', 'secret')")
        assert "Read-only file system" in verdict(runner, write, "f()")
    finally:
        runner.close()


def test_what_is_loaded_before_all_submissions_may_write_a_scratch_file():
    """torch's builds for NVIDIA cards do, where there is a compiler."""
    ours, theirs = socket.socketpair()
    setup = {"socket": theirs.fileno(), "preload": [], "disallowed": []}
    setup |= {"jail": True, "python": []}
    code = "import sys, tempfile; sys.path.insert(0, '/course')\n"
    code += "from grader.guest import zygote\n"
    code += "zygote.load = lambda *_: tempfile.NamedTemporaryFile().write(b'x')\n"
    code += "zygote.main(sys.argv[1])"
    words = [*bubblewrap.command(), sys.executable, "-I", "-B", "-c", code]
    words.append(json.dumps(setup))
    passed = {"pass_fds": [theirs.fileno()], "env": bubblewrap.SETTINGS}
    with subprocess.Popen(words, stderr=subprocess.PIPE, **passed) as process:
        theirs.close()
        ours.sendall(b"K1")
        assert ours.recv(1) == b"K", process.stderr.read().decode()
        ours.close()


def test_the_links_that_lead_to_python_are_there(monkeypatch, tmp_path):
    """uv's and Homebrew's Python is a link that lies outside of Python's own folder."""
    first, second = tmp_path / "bin" / "python3", tmp_path / "python"
    first.parent.mkdir()
    first.symlink_to("../python")
    second.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(first))
    words = [*bubblewrap.command(), sys.executable, "-I", "-c", "print(6 * 7)"]
    env = bubblewrap.SETTINGS
    assert subprocess.run(words, stdout=subprocess.PIPE, check=True, env=env).stdout == b"42\n"


def test_without_bubblewrap_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(sandbox.Unavailable, match="bubblewrap is missing: install bubblewrap"):
        Runner([corpus.TARGET])


def test_unsafe_works_and_marks_every_score(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setenv("PATH", "/nowhere")
        with closing(Runner([corpus.TARGET], unsafe=True)) as runner:
            result = runner.grade(corpus.TARGET, submission.parse(corpus.TARGET.node))
    assert result.unsafe and result.points == 10
    node = nbgrader_plugin.fill(nbgrader_plugin.rebuild(corpus.TARGET, result.steps), result)
    assert nbgrader_plugin.UNSAFE in nbformat.writes(node)
    with GradebookWriter(f"sqlite:///{tmp_path / 'gradebook.db'}", "c") as book:
        book.add_assignment(corpus.TARGET)
        book.save("ann", "target", result)
        marks, (kept,) = (
            book.marks("ann", "target"),
            book.gradebook.assignment_submissions("target"),
        )
        assert {each.auto_comment for each in kept.notebooks[0].comments} == {
            nbgrader_plugin.UNSAFE
        }
    assert "graded without a sandbox" in report.feedback(corpus.TARGET, "ann", node, marks)
    task = Task("ann", "target", "")
    report.scores([(task, result)], {task: marks}, tmp_path)
    assert next(csv.DictReader((tmp_path / "scores.csv").open()))["unsafe"] == "1"


@pytest.mark.parametrize("jailed", [True, False])
def test_processes_are_counted_where_they_are_a_submissions_alone(jailed):
    """Without a namespace the kernel would count all of a user's, threads among them: nothing
    starts for one who has more than the limit."""
    code = "import resource, sys; sys.path.insert(0, sys.argv[1]); kind = resource.RLIMIT_NPROC\n"
    code += "from grader.guest import jail; before = resource.getrlimit(kind)\n"
    code += f"jail.limit({jailed}); print(resource.getrlimit(kind) == before)\n"
    code += "print(resource.getrlimit(resource.RLIMIT_AS)[0] == jail.LIMITS[resource.RLIMIT_AS])"
    words = [sys.executable, "-c", code, str(Path(__file__).parents[1])]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.stdout.split() == [str(not jailed), "True"], done.stderr


@pytest.mark.proof
def test_an_ordinary_user_gets_the_same_sandbox():
    """The tests may run as root, an instructor does not: uid 1000 has no right that bubblewrap
    could use."""
    code = """
import os, sys
sys.path[:0] = sys.argv[1:]
from attacks import corpus
from classroom.checking.submission import Cell, parse
from grader.marking.runner import Runner
assert os.getuid() == 1000
runner = Runner([corpus.TARGET])
source = "import ctypes\\nif ctypes.CDLL(None).unshare({}) == 0: exec({!r})"
escape = [Cell("code", None, source.format(flag, corpus.SOLVE))
          for flag in (0x10000000, 0x20000, 0x40000000)]
for cells in (parse(corpus.TARGET.node), escape):
    print(runner.grade(corpus.TARGET, cells).points)
"""
    here = Path(__file__).parent
    user = "bwrap --dev-bind / / --unshare-user --uid 1000 --gid 1000 --".split()
    words = [*user, sys.executable, "-c", code, str(here.parent), str(here)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.stdout.split() == ["10.0", "0.0"], done.stderr


def test_a_machine_that_starts_no_process_is_not_the_learners_fault(runner, monkeypatch):
    def broken(*_):
        raise sandbox.Broken("no room for a process")

    monkeypatch.setattr(runner.sandbox, "fork", broken)
    written = nbformat.v4.new_notebook()
    said = worker_pool.grade_bytes(runner, corpus.TARGET, nbformat.writes(written).encode())
    assert said == NotGraded("the grader failed on it (Broken: no room for a process)")


def test_a_second_installation_of_the_course_is_out_of_sight(monkeypatch, tmp_path):
    """Graded from a clone by a Python in which the course is installed as well."""
    python = tmp_path / "python"
    second = python / "lib" / "python3.11" / "site-packages" / "llmlib"
    second.mkdir(parents=True)
    (second / "answers.py").write_text("answer = 42")
    (second.parent / "other.py").write_text("answer = 42")
    monkeypatch.setattr(sys, "exec_prefix", str(python))
    look = "import os, sys\nprint([os.path.exists(each) for each in sys.argv[1:]])"
    files = [second / "answers.py", second.parent / "other.py"]
    words = [*bubblewrap.command(), sys.executable, "-I", "-c", look, *map(str, files)]
    env = bubblewrap.SETTINGS
    seen = subprocess.run(words, stdout=subprocess.PIPE, check=True, env=env).stdout
    assert seen == b"[False, True]\n"
