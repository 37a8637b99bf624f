"""`llmlib oral-questions`: questions on a learner's own code, answered by the checks."""

import functools
import re
from types import SimpleNamespace

import answer_runner as A
import pytest
from patient_runner import PatientRunner

from classroom import cli
from classroom.checking import submission
from grader import oral_questions
from grader.host import bubblewrap
from grader.results import Graded, Outcome

pytestmark = [
    pytest.mark.security,
    pytest.mark.verdict("solutions/01_tokens.py", "tests/answers/01_tokens/*.py"),
]
NAME = "01_tokens"


def right(number):
    """{function: a right answer in tests/answers}, one author's."""
    found = {
        each.name: A.read(A.HERE / NAME / f"{each.name}.py")[0]
        for each in A.notebook(NAME).exercises
    }
    return {
        name: [each.code for each in some if each.kind == "right"][number]
        for name, some in found.items()
    }


@pytest.fixture(scope="module")
def ask():
    runner = PatientRunner([A.notebook(NAME)], limits=oral_questions.LIMITS)

    def ask(student, code, below=()):
        found = submission.parse(A.handed_in_notebook(NAME, code))
        return oral_questions.questions(runner, A.notebook(NAME), [*found, *below], student)

    ask.runner = runner
    yield ask
    runner.close()


def lower(code):
    """Two lines lower in its cell: lines count from the cell's first."""
    return {name: f"\n\n{text}" for name, text in code.items()}


@functools.cache
def of_ada(ask):
    """What she is asked of the first right answers: it takes seconds."""
    return ask("ada", lower(right(0)))


@pytest.mark.proof
def test_three_questions_whose_answers_the_checks_give(ask):
    code = lower(right(0))
    asked = of_ada(ask)
    assert asked == ask("ada", code)
    assert len(asked) == 3 == len({each.exercise for each in asked})
    which, without, changed = asked
    assert which.asks.startswith("Which line of yours prevents this: “")
    line, what = re.match(
        r"What would go wrong without line (\d+), `(.*)`\?$", without.asks
    ).groups()
    lines = without.code.split("\n")
    assert lines[int(line) - 1].strip() == what
    indent = len(lines[int(line) - 1]) - len(what)
    lines[int(line) - 1] = " " * indent + "pass"
    answer = A.Answer(NAME, without.exercise, "wrong", "", "\n".join(lines))
    assert A.verdict(answer, hidden=True).partition(" (")[0] in without.answer
    before, after = re.match(r"In line \d+, `(.*)` becomes `(.*)`\. What", changed.asks).groups()
    assert before != after and "“" in changed.answer


@pytest.mark.proof
def test_another_learner_is_asked_something_else(ask):
    asked = ask("bob", lower(right(0)))
    assert {each.asks for each in of_ada(ask)} != {each.asks for each in asked}


@pytest.mark.proof
def test_what_is_not_solved_is_not_asked_about(ask):
    code = {"merge": right(0)["merge"], "train_bpe": "def train_bpe(*a): return []"}
    assert {each.exercise for each in ask("ada", code)} == {"merge"}
    assert ask("ada", {}) == []


@pytest.mark.proof
def test_what_is_solved_on_the_courses_own_functions_is_not_asked_about(ask):
    """Left alone it fails, whichever of its lines is changed."""
    code = right(0) | {"merge": "def merge(ids, pair, new_id): return []"}
    assert {each.exercise for each in ask("ada", code)}.isdisjoint({"merge", "train_bpe"})


MERGE = """def merge(ids, pair, new_id):
    out = []
    i = 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == tuple(pair):
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out"""


@pytest.mark.parametrize(
    ("raised", "asked"), [("NameError", 0), ("UnboundLocalError", 0), ("TypeError", 1)]
)
def test_a_line_without_which_a_name_is_gone_is_not_asked_about(raised, asked):
    """Whoever is told that it is gone need not know what it was for."""

    class Says:
        def grade(self, notebook, written):
            gone = not any(cell.source == MERGE for cell in written)
            failed = "it failed" if gone else None
            lost = Outcome("merge", 0, 1, failed, raised=raised * gone)
            return Graded((lost,), (), False)

    written = [submission.Cell("code", "merge", MERGE)]
    found = oral_questions.questions(Says(), A.notebook(NAME), written, "ada")
    assert bool(found) == bool(asked)


@pytest.mark.parametrize("line", ["out = []", "i = 0"])
def test_what_python_calls_the_fault_is_known(line, ask):
    code = MERGE.replace(f"    {line}\n", "")
    found = submission.parse(A.handed_in_notebook(NAME, {"merge": code}))
    assert ask.runner.grade(A.notebook(NAME), found)["merge"].raised in oral_questions.UNBOUND


@pytest.mark.proof
def test_a_copy_of_the_stub_below_an_answer_is_not_asked_about(ask):
    code, stub = right(0)["merge"], A.exercise(NAME, "merge").stub
    asked = ask("ada", {"merge": code}, [submission.Cell("code", "merge", stub)])
    assert asked == ask("ada", {"merge": code}) and {each.code for each in asked} == {code.rstrip()}


def test_a_text_that_is_dear_to_read_costs_its_own_questions():
    assert oral_questions._mutants("x = " + "-" * 40_000 + "1", "ada") == []
    assert (
        oral_questions._mutants("def f(:", "ada")
        == oral_questions._mutants("x" * 60_000, "ada")
        == []
    )


def test_the_command_writes_a_page_a_student(tmp_path, capsys, monkeypatch):
    """A question quotes a learner's line: nothing on the page is what a terminal obeys."""
    for student in ("ada", "bob"):
        path = tmp_path / "in" / student / NAME / f"{NAME}.ipynb"
        path.parent.mkdir(parents=True)
        A.nbformat.write(A.handed_in_notebook(NAME, {}), path)
    (tmp_path / "in" / "cyd" / NAME).mkdir(parents=True)
    words = ["oral-questions", str(tmp_path / "in"), "--output", str(tmp_path / "out")]
    with monkeypatch.context() as patch:
        patch.setattr(bubblewrap.shutil, "which", lambda *_, **__: None)
        assert cli.main(words) == 2 and "bubblewrap is missing" in capsys.readouterr().err
    odd = "x = 1  # \x1b]0;mine\x07\x1b[2J\u202e\t\r"
    asked = [oral_questions.Question("merge", f"{odd}\n{odd}", f"What is `{odd}`?", f"`{odd}`.")]
    monkeypatch.setattr(oral_questions, "questions", lambda *words: asked * (words[-1] == "ada"))
    monkeypatch.setattr(oral_questions, "Runner", lambda *_, **__: SimpleNamespace(close=int))
    assert cli.main(words) == 1
    said = capsys.readouterr()
    assert "bob  01_tokens  0 questions" in said.out
    assert said.err == f"left out: cyd  {NAME}: there is no {NAME}.ipynb\n"
    page = (tmp_path / "out" / "ada.txt").read_text()
    assert "1. merge: " in page and "Answer: " in page
    assert page.count("x = 1  # \ufffd]0;mine\ufffd\ufffd[2J") == 4
    assert all(line.isprintable() for line in page.split("\n"))
    assert "nothing to ask" in (tmp_path / "out" / "bob.txt").read_text()
