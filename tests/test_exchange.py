"""nbgrader's exchange from both sides: release, hand in from work/, collect, grade, give back.
What a learner hears where that is not possible, and what a hostile one can put there."""

import getpass
import json
import os
import re
import stat
from pathlib import Path

import nbformat
import pytest
from browser import WRONG_MERGE, solved
from nbgrader.exchange import default

from classroom import cli, exchange_steps, page_address
from classroom import exchange as learners
from exercises.format import notebooks
from exercises.format.notebooks import ROOT
from grader import course_config, exchange

pytestmark = [
    pytest.mark.nbgrader,
    pytest.mark.verdict("docs/hub/nbgrader_config.py", "notebooks/*.ipynb", "solutions/*.py"),
    pytest.mark.skipif("os.name == 'nt'", reason="left out: nbgrader's exchange needs Unix"),
]
NAME = "01_tokens"
COURSE = "from-tokens-to-tokens"
FULL = sum(each.points for each in notebooks.load(NAME).exercises)
STUB = notebooks.load(NAME).core[-1]


class Class:
    """A folder with an exchange, a teacher's course, and learners with folders of their own."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.monkeypatch = folder, monkeypatch
        self.exchange, self.teacher = folder / "exchange", folder / "teacher"
        self.exchange.mkdir()
        self.exchange.chmod(0o755)
        self.teacher.mkdir()
        self.config = self.teacher / "nbgrader_config.py"

    def inbound(self):
        return sorted((self.exchange / COURSE / "inbound").iterdir())

    def configure(self, line):
        """The teacher's settings as written on request, and a line of their own."""
        assert cli.main(["grade", "--write-config", "--config", str(self.config)]) == 0
        self.config.write_text(f"{self.config.read_text()}\n{line}\n")

    def teach(self, *words):
        self.monkeypatch.chdir(self.teacher)
        return cli.main([*words, "--config", str(self.config)])

    def enrol(self, student, **answers):
        """A learner's work/, with notebook 1 solved but for `answers`."""
        work = self.folder / student / "work"
        work.mkdir(parents=True)
        nbformat.write(solved(**answers), work / f"{NAME}.ipynb")
        (work / "02_embeddings.ipynb").write_bytes(
            (ROOT / "notebooks" / "02_embeddings.ipynb").read_bytes()
        )
        (work / "nbgrader_config.py").write_text(
            f"c = get_config()\nc.CourseDirectory.student_id = {student!r}\n"
        )
        return work

    def learn(self, student, *words):
        """A command of that learner's, in their folder."""
        work = self.folder / student / "work"
        self.monkeypatch.setenv("JUPYTER_DATA_DIR", str(work.parent / "jupyter"))
        self.monkeypatch.chdir(work)
        return cli.main([*words])


@pytest.fixture
def school(tmp_path, monkeypatch):
    monkeypatch.delenv("LLM_COURSE_FOLDER", raising=False)
    made = Class(tmp_path, monkeypatch)
    monkeypatch.setenv("LLM_COURSE_EXCHANGE", str(made.exchange))
    return made


def test_a_class_of_three_through_the_exchange(school, capsys):
    """Released, handed in with a warning of what is unfinished, collected, graded, given back."""
    school.configure("c.ExchangeCollect.check_owner = False")  # all three are this account
    assert school.teach("release-assignment", NAME) == 0
    assert f"{NAME}: can be handed in (course {COURSE})" in capsys.readouterr().out
    ada = school.enrol("ada", **{STUB.name: STUB.stub})
    school.enrol("bob", merge=WRONG_MERGE)
    school.enrol("cho")
    umask = os.umask(0o022)
    try:
        assert school.learn("ada", "submit") == 0  # what is begun: not notebook 2
        said = capsys.readouterr().out
        assert f"\n    1 Tokens: {STUB.number} {STUB.name}\n" in said
        assert re.search(rf"{NAME}: handed in at \d{{4}}-[-\d]+ [:\d]+ as ada\n", said)
        assert "02_embeddings" not in said
        (sent,) = school.inbound()
        assert sent.name.startswith(f"ada+{NAME}+")
        assert (sent / f"{NAME}.ipynb").read_bytes() == (ada / f"{NAME}.ipynb").read_bytes()
        cache = school.folder / "ada" / "jupyter" / "nbgrader_cache"
        assert stat.S_IMODE(cache.stat().st_mode) == 0o700  # the secret is in there
    finally:
        os.umask(umask)
    assert school.learn("bob", "submit", NAME) == 0
    assert school.learn("cho", "submit", NAME) == 0
    bob, cho = capsys.readouterr().out.split("as bob")
    assert "Not finished" in bob and "1.2 merge (wrong)" in bob and "Not finished" not in cho
    nbformat.write(solved(merge=WRONG_MERGE), ada / f"{NAME}.ipynb")
    assert school.learn("ada", "submit", NAME) == 0  # she has gone on: the last one counts
    capsys.readouterr()
    assert school.learn("ada", "fetch-feedback") == 0
    said = capsys.readouterr().out
    assert said.count("handed in at") == 2 and "Nothing came back yet." in said

    umask = os.umask(0o077)  # a careful teacher's: no reason that learners cannot read a page
    try:
        assert school.teach("grade", "--exchange", "--workers", "1") == 0
    finally:
        os.umask(umask)
    said = capsys.readouterr().out
    assert [f"collected: {NAME} of {who}," in said for who in ("ada", "bob", "cho")] == [True] * 3
    assert "3 graded, 0 not" in said
    course = school.teacher / "grading"
    assert stat.S_IMODE(course.stat().st_mode) == 0o700  # what was collected lies in it
    assert school.teach("grade", "--exchange", "--workers", "1") == 0
    assert "collected" not in capsys.readouterr().out
    assert school.teach("release-feedback") == 0
    assert f"{NAME}: 3 given back: ada, bob, cho\n" in capsys.readouterr().out
    pages = list((school.exchange / COURSE / "feedback").iterdir())
    assert [stat.S_IMODE(page.stat().st_mode) & 0o044 for page in pages] == [0o044] * 3

    lost = next(each.points for each in notebooks.load(NAME).exercises if each.name == "merge")
    for who, points in {"ada": FULL - lost, "bob": FULL - lost, "cho": FULL}.items():
        assert school.learn(who, "fetch-feedback", NAME) == 0
        said = capsys.readouterr().out
        page = school.folder / who / "work" / "feedback" / f"{NAME}.html"
        assert f"\n    {points:g} of {FULL:g} points: {page.as_uri()}\n" in said
        assert page.read_bytes() == (course / "feedback" / who / NAME / page.name).read_bytes()
        assert f"{NAME} · {who}" in page.read_text(encoding="utf-8")


def test_what_came_by_hand_is_named_and_not_given_back(school, capsys):
    school.configure("")
    page = school.teacher / "grading" / "feedback" / "eve" / NAME / f"{NAME}.html"
    page.parent.mkdir(parents=True)
    page.write_text("hers")
    assert school.teach("release-feedback") == 1
    said = capsys.readouterr().out
    assert "1 pages are of notebooks that did not come" in said and "nothing to give back" in said


def test_settings_are_written_once(school, capsys):
    school.configure("# mine")
    mine = school.config.read_bytes()
    assert school.teach("grade", "--write-config") == 2
    assert f"{school.config} is there already and stays as it is" in capsys.readouterr().err
    assert school.config.read_bytes() == mine
    assert school.teach("grade") == 2
    assert "give DOWNLOADS, a folder or an archive, or --exchange" in capsys.readouterr().err
    assert school.teach("release-assignment", "hw1") == 2
    assert "there is no notebook hw1; known: 01_tokens, " in capsys.readouterr().err


def _gone(school):
    school.exchange.rmdir()


def _none(school):
    school.monkeypatch.delenv("LLM_COURSE_EXCHANGE")


def _closed(school):
    school.teach("release-assignment", NAME)
    _refuse(school, school.exchange, os.X_OK)


def _refuse(school, path, modes):
    """Whoever asks whether `path` allows one of `modes` hears no; the tests' user may be root."""
    may = os.access
    refuse = lambda place, mode: may(place, mode) and not (Path(place) == path and mode & modes)  # noqa: E731
    school.monkeypatch.setattr(os, "access", refuse)


def _no_inbound(school):
    school.teach("release-assignment", NAME)
    _refuse(school, school.exchange / COURSE / "inbound", os.W_OK)


def _other(school):
    school.teach("release-assignment", "02_embeddings")


def _small(school):
    school.teach("release-assignment", NAME)
    _add(school, "c.CourseDirectory.max_file_size = 1")


def _full(school):
    school.teach("release-assignment", NAME)
    why = [("work", "inbound", "[Errno 28] No space left on device: '/srv/course/exchange'")]

    def copy(*_, **__):
        raise learners.shutil.Error(why)

    school.monkeypatch.setattr(learners.shutil, "copytree", copy)


def _add(school, line):
    config = school.folder / "ada" / "work" / "nbgrader_config.py"
    config.write_text(f"{config.read_text()}{line}\n")


REFUSALS = {
    "no exchange": (_none, "no exchange is set up here"),
    "not there": (_gone, "the exchange {} is not there: ask your instructor"),
    "closed": (_closed, "the exchange {} cannot be entered by you"),
    "inbound closed": (_no_inbound, "{}/from-tokens-to-tokens/inbound cannot be written to by you"),
    "no course": (lambda _: None, f"the exchange {{}} has no course {COURSE}: ask"),
    "not released": (_other, f"{NAME} cannot be handed in, as it is not released yet"),
    "too large": (_small, f"{NAME}.ipynb is larger than 0.001 MB: clear its outputs"),
    "full": (_full, "the exchange cannot take it: No space left on device; ask your instructor"),
    "a slip": (lambda school: _add(school, "c = d"), "nbgrader_config.py does not run: NameError"),
}


@pytest.mark.parametrize("why", REFUSALS)
def test_what_stops_a_hand_in_is_one_sentence_and_nothing_is_lost(school, why, capsys):
    happen, says = REFUSALS[why]
    school.configure("")
    work = school.enrol("ada")
    happen(school)
    before = {path: path.read_bytes() for path in work.iterdir()}
    capsys.readouterr()
    assert school.learn("ada", "submit", NAME) in (1, 2)
    said = capsys.readouterr().err
    assert says.format(school.exchange) in said and "Traceback" not in said
    assert said.strip("\n").count("\n") == 0
    assert {path: path.read_bytes() for path in work.iterdir()} == before
    inbound = school.exchange / COURSE / "inbound"
    assert not inbound.exists() or not list(inbound.iterdir())


def test_a_damaged_notebook_does_not_take_the_place_of_an_earlier_one(school, capsys):
    school.configure("")
    school.teach("release-assignment", NAME, "02_embeddings")
    work = school.enrol("ada")
    assert school.learn("ada", "submit", NAME) == 0
    (work / f"{NAME}.ipynb").write_text("<<<<<<< mine")
    capsys.readouterr()
    assert school.learn("ada", "submit", NAME, "02_embeddings") == 1
    said = capsys.readouterr()
    assert f"{NAME} was not handed in: " in said.err
    assert "2 Embeddings: nothing is written yet" in said.out  # said, and handed in as asked for
    assert [each.name.split("+")[1] for each in school.inbound()] == [NAME, "02_embeddings"]


def put(school, student, when, **files):
    """A folder of the inbound, as `nbgrader submit` makes it or a forger does."""
    folder = school.exchange / COURSE / "inbound" / f"{student}+{NAME}+{when}+random"
    folder.mkdir()
    for name, content in {"submission_secret.txt": student, **files}.items():
        if isinstance(content, Path):
            (folder / name).symlink_to(content)
        elif content is not None:
            (folder / name).write_text(content)
    return folder


def test_nobody_hands_in_what_is_not_theirs(school, tmp_path):
    """Forged names, links to what only the teacher can read, pipes, names that are no dates."""
    me, book = getpass.getuser(), f"{NAME}.ipynb"
    school.configure("")
    school.teach("release-assignment", NAME)
    secret = tmp_path / "bob's answer"
    secret.write_text("bob's answer")
    inbound = school.exchange / COURSE / "inbound"
    put(school, me, "2026-12-01 10:00:00 UTC", **{book: "mine"})
    put(school, "bob", "2026-12-01 11:00:00 UTC", **{book: "forged"})
    put(school, me, "no date", **{book: "x"})
    put(school, "\x1b[2Jeve", "2026-12-01 12:00:00 UTC", **{book: "x"})
    (inbound / f"eve+{NAME}+2026-12-01 12:00:00 UTC+r").symlink_to(tmp_path)
    (inbound / f"file+{NAME}+2026-12-01 12:00:00 UTC+r").write_text("no folder")
    config = course_config.settings(school.config)[3]
    taken, left = exchange.collect(config, [NAME])
    assert taken == [f"{NAME} of {me}, handed in 2026-12-01 10:00:00 UTC"]
    said = "\n".join(left)
    assert len(left) == 5 and "its name holds no student, notebook and time" in said
    assert f"it says that it is bob's, and {me} has put it there" in said
    assert "c.ExchangeCollect.check_owner = False" in said and "\x1b" not in said
    assert "where all learners share one account, and only there" in said
    submitted = school.teacher / "grading" / "submitted"
    assert [path.name for path in submitted.iterdir()] == [me]
    assert exchange.collect(config, [NAME])[0] == []  # nothing is newer

    put(school, me, "2026-12-02 10:00:00 UTC", **{book: secret})
    pipe = put(school, me, "2026-12-01 13:00:00 UTC", **{book: None})
    os.mkfifo(pipe / book)
    taken, left = exchange.collect(config, [NAME])
    assert not taken and sum(f"{book}: it is a link" in each for each in left) == 1
    mine = submitted / me / NAME
    assert (mine / book).read_text() == "mine"  # the newest could not be taken: this one stays
    assert sorted(path.name for path in mine.iterdir()) == [
        book,
        "submission_secret.txt",
        "timestamp.txt",
    ]
    config.ExchangeCollect.check_owner = False
    assert exchange.collect(config, [NAME])[0] == [
        f"{NAME} of bob, handed in 2026-12-01 11:00:00 UTC"
    ]


@pytest.mark.proof
def test_a_root_that_only_the_teacher_can_write_to_is_enough(school, capsys):
    """For this course's commands and, by docs/hub/nbgrader_config.py, for nbgrader's own."""
    from nbgrader.exchange import ExchangeError, ExchangeFactory

    hub = (ROOT / "docs" / "hub" / "nbgrader_config.py").read_text(encoding="utf-8")
    school.configure("c.ExchangeCollect.check_owner = False")
    assert school.teach("release-assignment", NAME) == 0
    assert stat.S_IMODE(school.exchange.stat().st_mode) == 0o755
    work = school.enrol("ada")
    config = work / "nbgrader_config.py"
    config.write_text(f"{config.read_text()}{hub}")
    _refuse(school, school.exchange, os.W_OK)
    assert school.learn("ada", "submit", NAME) == 0
    settings = learners.settings(work)
    (listed,) = learners.start(learners.step(settings, "List"))
    assert listed["assignment_id"] == NAME
    mine = ExchangeFactory(config=settings)  # as the Assignment List makes its steps
    kinds = [getattr(mine, name) for name in exchange_steps.STEPS]
    assert kinds == [*exchange_steps.STEPS.values()]
    with pytest.raises(ExchangeError, match="Unwritable directory"):
        default.ExchangeList(coursedir=learners.step(settings, "List").coursedir).start()
    school.monkeypatch.undo()
    school.monkeypatch.setenv("LLM_COURSE_EXCHANGE", str(school.exchange))
    assert school.teach("grade", "--exchange", "--workers", "1") == 0
    assert school.teach("release-feedback", NAME) == 0
    _refuse(school, school.exchange, os.W_OK)
    assert school.learn("ada", "fetch-feedback", NAME) == 0
    assert f"{FULL:g} of {FULL:g} points" in capsys.readouterr().out


def test_an_exchange_that_is_missing_is_made_for_its_teacher_alone(school):
    school.exchange.rmdir()
    school.configure("")
    umask = os.umask(0o022)
    try:
        assert school.teach("release-assignment", NAME) == 0
    finally:
        os.umask(umask)
    assert stat.S_IMODE(school.exchange.stat().st_mode) == 0o755
    inbound = school.exchange / COURSE / "inbound"
    assert stat.S_IMODE(inbound.stat().st_mode) & 0o777 == 0o733


def test_submit_and_collect_say_the_same_of_what_is_too_large(school, capsys):
    """By nbgrader's own setting, which each of them reads."""
    school.configure("")
    school.teach("release-assignment", NAME)
    school.enrol("ada")
    limit = "c.CourseDirectory.max_dir_size = 3\n"
    _add(school, limit)
    school.config.write_text(school.config.read_text() + limit)
    assert school.learn("ada", "submit", NAME) == 1
    says = "larger than 0.003 MB: clear its outputs (menu Edit), save it and hand it in again"
    assert says in capsys.readouterr().err
    put(school, getpass.getuser(), "2026-12-01 10:00:00 UTC", **{f"{NAME}.ipynb": "x" * 3001})
    taken, left = exchange.collect(course_config.settings(school.config)[3], [NAME])
    assert not taken and left[0].endswith(f"{NAME}.ipynb: it is {says}")


def test_nbgrader_s_own_command_and_button_collect_in_the_same_way(school):
    from nbgrader.apps.api import NbGraderAPI

    school.configure("")
    school.teach("release-assignment", NAME)
    secret = school.folder / "answers"
    secret.write_text("bob's answer")
    put(school, getpass.getuser(), "2026-12-01 10:00:00 UTC", **{f"{NAME}.ipynb": secret})
    said = NbGraderAPI(config=course_config.settings(school.config)[3]).collect(NAME)
    assert said["success"] and "it is a link" in said["log"]
    assert not (school.teacher / "grading" / "submitted").exists()


def test_settings_come_from_the_folder_then_the_environment(school, monkeypatch):
    work = school.enrol("ada")
    config = learners.settings(work)
    assert config.Exchange.root == str(school.exchange)
    assert config.CourseDirectory.course_id == COURSE
    _add(school, "c.Exchange.root = '/srv/other'\nc.CourseDirectory.course_id = 'phys101'")
    config = learners.settings(work)
    assert (config.Exchange.root, config.CourseDirectory.course_id) == ("/srv/other", "phys101")
    monkeypatch.setattr(learners.sys, "platform", "win32")
    assert learners.settings(work) is None


SERVER = {"url": "http://localhost:8888/user/ada/", "base_url": "/user/ada/", "token": "t"}


def test_pages_are_named_by_an_address_that_the_browser_reaches(tmp_path, monkeypatch):
    """That of a Jupyter server that serves them, of a hub; else a path of this computer."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    page = tmp_path / "course" / "feed back" / "page.html"
    page.parent.mkdir(parents=True)
    page.touch()
    assert page_address.address(page) == page.as_uri()
    info = SERVER | {"root_dir": str(tmp_path / "course"), "pid": os.getpid()}
    (tmp_path / "runtime").mkdir()
    (tmp_path / "runtime" / "jpserver-1.json").write_text(json.dumps(info))
    below = "feed%20back"
    local = "http://localhost:8888/user/ada/"
    assert page_address.address(page) == f"{local}files/{below}/page.html"
    assert page_address.address(page.parent) == f"{local}lab/tree/{below}"
    assert page_address.address(tmp_path) == tmp_path.as_uri()  # it is not served
    hidden = tmp_path / "course" / ".hidden"
    assert page_address.address(hidden) == hidden.as_uri()
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    assert page_address.address(page) == f"https://YOUR-HUB/user/ada/files/{below}/page.html"
    monkeypatch.setenv("JUPYTERHUB_PUBLIC_URL", "https://hub.example.org/user/ada")
    hub = "https://hub.example.org/user/ada/"
    assert page_address.address(page) == f"{hub}files/{below}/page.html"
