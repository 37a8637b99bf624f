"""Every right and wrong answer once more, through the sandbox and across the process boundary."""

import re
from dataclasses import replace

import proofs as A
import pytest

from llmlib.course import cells
from llmlib.grading import submission
from llmlib.grading.runner import Runner
from llmlib.grading.submission import Cell

pytestmark = pytest.mark.security

EXERCISES = [
    (name, each.name)
    for name in cells.names()
    if name != "quiz"
    for each in A.notebook(name).exercises
]


@pytest.fixture(scope="module")
def runner():
    runner = Runner([A.notebook(name) for name in cells.names()])
    yield runner
    runner.close()


def graded(runner, name, function, code):
    """The result of one exercise where its solution cell holds `code` and the others the official solutions."""
    notebook, task = A.notebook(name), A.exercise(name, function)
    handed_in = [
        Cell(
            cell.cell_type,
            cells.grade_id(cell),
            code if cells.grade_id(cell) == function else cell.source,
        )
        for cell in notebook.cells
    ]
    return runner.grade(replace(notebook, exercises=(task,)), handed_in)["tests"][function]


@pytest.mark.parametrize(("name", "function"), EXERCISES)
def test_the_trusted_path_agrees(runner, name, function):
    task = A.exercise(name, function)
    assert graded(runner, name, function, task.solution)["message"] is None
    assert (
        graded(runner, name, function, task.stub)["message"] == f"`{function}` is not written yet"
    )
    for answer in A.read(A.HERE / name / f"{function}.py")[0]:
        result = graded(runner, name, function, answer.code)
        if answer.kind == "right":
            assert result["message"] is None, f"{answer}: {result['message']}"
        else:
            assert result["points"] == 0, f"{answer} passes"
            assert answer.says in result["message"], (
                f"{answer}: the learner reads {result['message']!r}"
            )


def test_the_quiz_is_checked_on_our_side(runner):
    """Right letters pass; other letters fail, and so does a checking function of the learner's own."""
    quiz = cells.load("quiz")
    right = submission.parse(quiz.node)
    assert {each["message"] for each in runner.grade(quiz, right)["tests"].values()} == {None}
    forged = Cell("code", None, "def check_answer(*_): pass")
    for added in ([], [forged]):
        blank = [Cell("code", each.name, each.stub) for each in quiz.exercises] + added
        assert all(each["message"] for each in runner.grade(quiz, blank)["tests"].values())
    turn = {"A": "B", "B": "C", "C": "D", "D": "A"}
    wrong = [
        Cell("code", each.name, re.sub(r'"([ABCD])"', lambda m: f'"{turn[m[1]]}"', each.solution))
        for each in quiz.exercises
    ]
    tests = runner.grade(quiz, wrong)["tests"].values()
    assert all(each["named"] and each["points"] == 0 for each in tests)
