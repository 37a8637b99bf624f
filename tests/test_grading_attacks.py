"""Runs of the grader over classes in which nearly everyone is hostile; then what must hold for each
of them."""

import functools
import hashlib
import os
import socket
import threading
from contextlib import closing
from pathlib import Path

import answer_runner
import pytest
from attacks import corpus, helpers

from classroom.checking import submission as handed_in
from exercises import toy_model
from exercises.format import notebooks as course_notebooks
from grader import batch, worker_pool
from grader.gradebook import GradebookWriter
from grader.host.time_limits import Limits
from grader.marking.runner import Runner
from grader.results import Graded
from grader.review import Review
from grader.submissions import find, read

pytestmark = [
    pytest.mark.security,
    # one run of the grader a class: all of it is looked at again, or nothing
    pytest.mark.verdict("tests/attacks/*.py", "solutions/*.py", together=True),
]
LIMITS = Limits(cell=6, call=4, test=20, notebook=40)  # many an attack waits for one of them
TRIES = 10  # of a run, while it says that this machine was too busy for some
HONEST = ("a-honest", "z-honest")
DEVICES = "null", "zero", "full", "random", "urandom"  # the sandbox has this machine's own
NOTEBOOKS = {"target": corpus.TARGET}
MARK = b"grader.guest import zygote"  # in the command line of all that is in a sandbox

# The first to try of each kind: `make test` grades a class of these, `make proof` the others, too.
CHIEF = {
    *("patches the check functions", "deletes the test cells", "calls llmlib's softmax"),
    *("returns an object that equals everything", "answers in the grader's protocol"),
    *("sends a pickle bomb as bytes and as an object", "writes its scores into the gradebook"),
    *("calls torch.softmax by a name that is computed", "breaks the modes, by a pickle"),
    *("folds numpy's logaddexp", "reads a secret from the environment"),
    *("shows hidden inputs in an exception", "a tensor file that lies"),
    *("writes into the course folder", "connects to a server on loopback"),
    *("leaves a process behind", "crashes with a null pointer"),
    *("kills its parent", "zeroes every score in the gradebook"),
    *("patches torch for those that follow", "corrupt JSON", "a link to a peer's notebook"),
    *("cells that are not cells", "markup in cells, outputs and names"),
    *("uses magics and shell lines", "solves two of three"),
}
OTHERS = {  # the classes of all others: the kinds of attacks in each
    "forgeries": {"forgery"},
    "questions": {"ready-made", "open", "leak", "honest"},
    "stalls": {"stall", "batch"},
    "machines": {"machine", "others"},
}
CLASSES = {"chiefs": [each for each in corpus.ATTACKS if each.title in CHIEF]}
for _name, _kinds in OTHERS.items():
    CLASSES[_name] = [
        each for each in corpus.ATTACKS if each.title not in CHIEF and each.kind in _kinds
    ]


def param(name, *values, said=""):
    """A parameter of a test of one class: its name, and more."""
    marks = () if name == "chiefs" else pytest.mark.proof
    return pytest.param(name, *values, marks=marks, id=f"class of {name}{said}")


EACH = [
    param(name, attack, said=f": {attack.kind}: {attack.title}")
    for name, attacks in CLASSES.items()
    for attack in attacks
]
of_each_class = pytest.mark.parametrize("name", list(map(param, CLASSES)))


def make_course(course, attacks, port):
    """A course folder with its submissions; returns the files that no attack may touch, each with
    its hash."""
    places = {
        "COURSE": course,
        "REPO": course_notebooks.ROOT,
        "PORT": port,
        "MARK": course.parent.name,
        "SECRET": corpus.SECRET,
    }
    for name in ("source/target/target.py", "secret.txt", "nbgrader_config.py", "victim/data.txt"):
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_text(
            (corpus.HERE / "target.py").read_text() if "source" in name else corpus.SECRET
        )
    for student in HONEST:
        submission = corpus.Submission(course / "submitted" / student / "target", places)
        submission.solve()
        submission.write()
    for attack in attacks:
        submission = corpus.Submission(course / "submitted" / attack.student / "target", places)
        attack.make(submission)
        submission.write()
    return hashes(course)


def hashes(course):
    """{path: hash} of all files that were there before grading."""
    found = {}
    for path in sorted(course.rglob("*")):
        here = path.relative_to(course).parts[0]
        if (
            here not in ("gradebook.db", "autograded", "feedback", "results")
            and path.is_file()
            and not path.is_symlink()
        ):
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def dates():
    """{path: when it was last changed} of the devices that a sandbox shares with this machine."""
    return {f"/dev/{name}": os.stat(f"/dev/{name}").st_mtime_ns for name in DEVICES}


def processes():
    """The ids of the sandboxes' processes, but for those of another grader at work here."""
    return {pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if _is_ours(pid)}


def _is_ours(pid):
    """A process in a sandbox whose grader is this process, a worker of it, or gone."""
    at = pid
    while MARK in _read(at, "cmdline"):
        at = _parent(at)
    another = b"python" in _read(at, "cmdline") and os.getpid() not in (at, _parent(at))
    return not another and MARK in _read(pid, "cmdline")


def _parent(pid):
    return int((_read(pid, "stat").rpartition(b")")[2].split() or [0, 0])[1])


def _read(pid, name):
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:  # it has ended
        return b""


class Listener:
    """Counts connections to a port of loopback."""

    def __init__(self):
        self.server, self.connections = socket.create_server(("127.0.0.1", 0)), 0
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def port(self):
        return self.server.getsockname()[1]

    def _listen(self):
        while True:
            try:
                self.server.accept()[0].close()
            except OSError:
                return
            self.connections += 1


def grade_all(folder, attacks):
    """Grade these attacks once; everything that the tests, and docs/evidence/attacks.md, look
    at."""
    course, listener = folder / "course", Listener()
    before, running = make_course(course, attacks, listener.port), processes()
    made = dates()
    os.environ["A_SECRET_OF_THE_GRADER"] = corpus.SECRET
    try:
        with GradebookWriter(f"sqlite:///{course / 'gradebook.db'}", "attacks") as book:
            tasks = find(course / "submitted", NOTEBOOKS)
            results = batch.Results(course / "results")
            words = {"notebooks": NOTEBOOKS, "make_runner": make_runner, "workers": 2}
            run = functools.partial(worker_pool.run, **words)
            rows = {}
            for _ in range(TRIES):
                graded = batch.grade(tasks, NOTEBOOKS, run, results, book, course, Review(course))
                rows = {task.student: result for task, result, _ in graded}
                if not any(getattr(each, "yet", False) for each in rows.values()):
                    break
            scores = {each: book.marks(each, "target").scores for each in book.totals()}
    finally:
        del os.environ["A_SECRET_OF_THE_GRADER"]
        listener.server.close()
    after = hashes(course)
    return {
        "rows": rows,
        "scores": scores,
        "course": course,
        "touched": {path for path, digest in before.items() if after.get(path) != digest}
        | {path for path, date in dates().items() if date != made[path]},
        "new": after.keys() - before.keys(),
        "connections": listener.connections,
        "left": processes() - running | started(folder.name),
    }


def started(mark):
    """The programs that attacks have started and that run still."""
    said = f"sleep(100)  # {mark}".encode()
    return {
        pid for pid in filter(str.isdigit, os.listdir("/proc")) if said in _read(pid, "cmdline")
    }


def make_runner(notebooks):
    return Runner(notebooks, limits=LIMITS)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """What came of a class, by its name: graded once it is asked for."""

    @functools.cache
    def graded(name):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(batch, "QUIET", 10)  # beside other tests it does not become quiet
            return grade_all(tmp_path_factory.mktemp("class"), CLASSES[name])

    return graded


@pytest.mark.parametrize(("name", "attack"), EACH)
def test_what_must_hold(runs, name, attack):
    run = runs(name)
    result = run["rows"][attack.student]
    assert isinstance(result, Graded) == attack.graded, result
    if attack.graded:
        assert result.points == attack.points, result
        assert sum(run["scores"][attack.student].values()) == attack.points
        said = "".join([*result.notes, *(each.message for each in result.outcomes)])
        assert corpus.SECRET not in said and (attack.kind != "leak" or "4711" not in said)
        assert attack.found is None or bool(result.findings) == attack.found, result.findings
        assert attack.points == 10 or all(each.message or each.solved for each in result.outcomes)
    page = run["course"] / "feedback" / attack.student / "target" / "target.html"
    if attack.graded or page.exists():
        text = page.read_text()
        assert corpus.SECRET not in text or attack.kind == "leak"  # in the learner's own code
        assert "<script" not in text and "<img" not in text
        assert "4711" not in text or "4711" in page_source(run, attack)
        assert "HIDDEN" not in text and "dim names the axis (" not in text


def page_source(run, attack):
    path = run["course"] / "submitted" / attack.student / "target" / "target.ipynb"
    return path.read_text()


def test_an_attack_scores_if_it_gets_through_and_only_then(monkeypatch, tmp_path):
    """The control of "0 points says that it did not"."""
    monkeypatch.setattr(corpus, "ATTACKS", [])
    with closing(Runner([corpus.TARGET], limits=LIMITS)) as runner:
        for file, points in {"/tmp/planted": 10, "/usr/planted": 0}.items():
            corpus.code("machine", "writes", f"open({file!r}, 'w').close()\nSOLVE", "last")
            submission = corpus.Submission(tmp_path, {})
            corpus.ATTACKS.pop().make(submission)
            submission.write()
            found = read((tmp_path / "target.ipynb").read_bytes(), "target")[0]
            assert runner.grade(corpus.TARGET, found).points == points


@of_each_class
def test_honest_neighbours_keep_their_points(runs, name):
    for student in HONEST:
        assert runs(name)["rows"][student].points == 10
        assert sum(runs(name)["scores"][student].values()) == 10


@of_each_class
def test_every_submission_has_its_row(runs, name):
    asked = {attack.student for attack in CLASSES[name]}
    assert runs(name)["rows"].keys() == asked | set(HONEST)


def test_every_attack_is_in_one_class_and_the_first_has_each_kind():
    graded = [attack.title for attacks in CLASSES.values() for attack in attacks]
    assert sorted(graded) == sorted(attack.title for attack in corpus.ATTACKS)
    chiefs = CLASSES["chiefs"]
    assert {attack.title for attack in chiefs} == CHIEF
    assert {attack.kind for attack in chiefs} == {attack.kind for attack in corpus.ATTACKS}


@of_each_class
def test_no_file_outside_was_touched(runs, name):
    assert not runs(name)["touched"] and not runs(name)["new"]


@of_each_class
def test_no_connection_was_made(runs, name):
    assert runs(name)["connections"] == 0


@of_each_class
def test_no_process_is_left(runs, name):
    assert not runs(name)["left"]


@pytest.fixture(scope="module")
def lessons():
    """Grade a real notebook whose solution cells hold `code`, with one more cell below them."""
    names = sorted({name for name, *_ in helpers.REDEFINED})
    runner = Runner([course_notebooks.load(name) for name in names], limits=LIMITS)

    def graded(name, code, cell):
        found = handed_in.parse(answer_runner.handed_in_notebook(name, code))
        return runner.grade(
            course_notebooks.load(name), [*found, handed_in.Cell("code", None, cell)]
        )

    yield graded
    runner.close()


BY_TURNS = {  # who leaves something: who looks for it
    "leaves a mark for the next one": "looks for the mark of the one before",
    "leaves a key in the session's ring": "looks for a key in the session's ring",
    "leaves a name among the abstract sockets": "looks for a name among the abstract sockets",
    "leaves a segment of System V's memory": "looks for a segment of System V's memory",
    "makes the workers' whole group slow": "measures whether the group is slow",
    "tells it by which pages of a file are in memory": (
        "tells it by which pages the one before has read"
    ),
}


@pytest.mark.proof
@pytest.mark.parametrize("leaves", BY_TURNS)
def test_who_looks_comes_after_who_leaves_in_the_same_sandbox(leaves, tmp_path):
    """Among many and several workers it would be chance."""
    by_title = {attack.title: attack for attack in corpus.ATTACKS}
    pair = by_title[leaves], by_title[BY_TURNS[leaves]]
    assert pair[0].student < pair[1].student  # in the whole class, too
    make_course(tmp_path / "course", pair, 9)
    with closing(make_runner([corpus.TARGET])) as runner:
        for attack in pair:
            path = tmp_path / "course" / "submitted" / attack.student / "target" / "target.ipynb"
            graded = runner.grade(corpus.TARGET, read(path.read_bytes(), "target")[0])
            assert graded.points == attack.points, graded


@pytest.mark.proof
@pytest.mark.parametrize(("name", "task", "helper", "cell"), helpers.REDEFINED)
def test_a_given_helper_that_a_test_calls_is_the_course_s(lessons, name, task, helper, cell):
    """What it is redefined as gives no points, and costs none; a note says so."""
    forged = lessons(name, {}, cell)
    assert forged.points == 0 and not any(each.solved for each in forged.outcomes), forged
    assert "is not written yet" in forged[task].message
    solutions = {each.name: each.solution for each in course_notebooks.load(name).exercises}
    by_accident = lessons(name, solutions, f"def {helper}(*given): return None")
    assert by_accident.points == by_accident.worth, by_accident
    said = f"A cell redefines `{helper}`, which the checks use: they used the original."
    assert by_accident.notes == (said,)
    assert forged.notes == ((said,) if helper in cell else ())


@pytest.mark.proof
@pytest.mark.parametrize(("how", "name", "task", "helper", "cell"), helpers.LATER)
def test_a_helper_that_a_cell_makes_anew_later_is_the_course_s_too(
    lessons, how, name, task, helper, cell
):
    """Also where Python itself runs a function of the learner's on each answer."""
    forged = lessons(name, {}, cell)
    assert forged[task].points == 0, forged
    assert "is not written yet" in forged[task].message


def test_a_learners_function_cannot_write_down_passes_that_it_never_made(lessons):
    forged = lessons(helpers.CACHE, {"generate_cached": helpers.WRITES_PASSES}, "")
    assert forged["generate_cached"].points == 0, forged
    # The control: it does find the passes that the helper in its own process keeps.
    given = next(
        cell.source
        for cell in course_notebooks.load(helpers.CACHE).cells
        if course_notebooks.grade_id(cell) == "given_run_cached"
    )
    space = {}
    exec(
        f"import torch\nfrom types import SimpleNamespace\n{given}\n{helpers.WRITES_PASSES}", space
    )
    run = toy_model.start()
    assert space["run_cached"](run, [5, 6, 7], 3, 2)[1] == 2
    assert toy_model.passes(run) == []


def test_the_toy_model_takes_nothing_but_ids_of_a_run_that_is_on():
    run = toy_model.start()
    for what in ([11], [-1], [True], "12", [[1]], (1,), None):
        with pytest.raises(ValueError, match="takes ids from 0 to 10"):
            toy_model.forward(run, what)
    for other in (0, run + 1, str(run), None, True):
        with pytest.raises(ValueError, match="this run of the toy model is over"):
            toy_model.forward(other, [1])
    for _ in range(toy_model.PASSES):
        toy_model.forward(run, [1])
    with pytest.raises(ValueError, match="does the loop end"):
        toy_model.forward(run, [1])
    assert toy_model.passes(run)[-1] == (toy_model.PASSES - 1, 1)
    for _ in range(toy_model.RUNS):
        toy_model.start()
    with pytest.raises(ValueError, match="is over"):
        toy_model.forward(run, [1])


def test_a_ready_made_way_is_refused_unless_it_is_known_to_be_open():
    for attack in corpus.ATTACKS:
        if attack.kind in ("ready-made", "open"):
            assert bool(attack.points) == (attack.kind == "open"), attack.title


def test_the_corpus_is_large_enough():
    assert len([attack for attack in corpus.ATTACKS if attack.kind != "honest"]) >= 220
