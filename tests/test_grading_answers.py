"""Every answer through the sandbox and across the process boundary: the same verdict and the same
words as test_answers.py asks of `llmlib check`'s way, so the two agree on all of them."""

import re
from dataclasses import replace

import answer_runner as A
import pytest
from patient_runner import PatientRunner

from classroom.checking import submission
from classroom.checking.submission import Cell
from exercises.format import notebooks as course_notebooks
from grader.host import read_submission

pytestmark = [pytest.mark.graders, pytest.mark.needs("bubblewrap")]

SEEN = 0.25  # of its points: an exercise of which only a hidden test fails
EXERCISES = [
    (name, each.name)
    for name in course_notebooks.names()
    if name != "quiz"
    for each in A.notebook(name).exercises
]


@pytest.fixture(scope="module")
def runner():
    """The grader of a notebook, by its name: one at a time, and of that notebook alone."""
    started = {}

    def runner_of(name):
        if name not in started:
            close()
            started[name] = PatientRunner([A.notebook(name)], partial=SEEN)
        return started[name]

    def close():
        while started:
            started.popitem()[1].close()

    with pytest.MonkeyPatch.context() as patch:
        # of answers that we wrote: a fork with limits for each of 1,400 is tested elsewhere
        patch.setattr(read_submission, "run_limited", lambda work: work())
        yield runner_of
        close()


def graded(runner, name, function, code):
    """The outcome of one exercise where its solution cell holds `code` and the others the
    official solutions."""
    notebook, task = A.notebook(name), A.exercise(name, function)
    cells_in = [
        Cell(
            cell.cell_type,
            course_notebooks.grade_id(cell),
            code if course_notebooks.grade_id(cell) == function else cell.source,
        )
        for cell in notebook.cells
    ]
    return runner(name).grade(replace(notebook, exercises=(task,)), cells_in)[function]


@pytest.mark.proof
@pytest.mark.verdict("solutions/{name}.py")
@pytest.mark.parametrize(("name", "function"), EXERCISES)
def test_the_solution_gets_its_points_and_the_stub_none(runner, name, function):
    task = A.exercise(name, function)
    solution = graded(runner, name, function, task.solution)
    assert solution.message == "" and solution.points == task.points
    stub = graded(runner, name, function, task.stub)
    assert stub.message == f"`{function}` is not written yet" and stub.points == 0


@pytest.mark.verdict(
    "solutions/{answer.notebook}.py", "tests/answers/{answer.notebook}/{answer.function}.py"
)
@pytest.mark.parametrize("answer", A.answers(), ids=lambda each: f"{each.notebook}: {each}")
def test_the_grader_agrees(runner, answer):
    task = A.exercise(answer.notebook, answer.function)
    outcome = graded(runner, answer.notebook, answer.function, answer.code)
    if answer.kind == "right":
        assert outcome.solved, outcome.message
    else:
        assert not outcome.solved, "it passes"
        assert answer.says in outcome.message, f"the learner reads {outcome.message!r}"
        points = SEEN * task.points if answer.hidden else 0
        assert outcome.points == points, f"of its points it has {outcome.points}"


def test_what_torch_has_not_implemented_is_no_stub(runner):
    code = "def count_pairs(ids):\n    import torch\n\n    return torch.bincount(torch.zeros(2))"
    said = graded(runner, "01_tokens", "count_pairs", code).message
    assert said.startswith("your code raised NotImplementedError: "), said


def test_the_quiz_is_checked_on_our_side(runner):
    """Right letters pass; other letters fail, and so does a checking function of the learner's
    own."""
    quiz = course_notebooks.load("quiz")
    right = submission.parse(quiz.node)
    grade = runner("quiz").grade
    assert {outcome.message for outcome in grade(quiz, right).outcomes} == {""}
    forged = Cell("code", None, "def check_answer(*_): pass")
    for added in ([], [forged]):
        blank = [Cell("code", each.name, each.stub) for each in quiz.exercises] + added
        assert not any(outcome.solved for outcome in grade(quiz, blank).outcomes)
    turn = {"A": "B", "B": "C", "C": "D", "D": "A"}
    wrong = [
        Cell("code", each.name, re.sub(r'"([ABCD])"', lambda m: f'"{turn[m[1]]}"', each.solution))
        for each in quiz.exercises
    ]
    for outcome in grade(quiz, wrong).outcomes:
        assert outcome.named and outcome.points == 0
