"""Every test cell is proven: right answers of any style pass, each misconception is caught by its
name, in a check as in the kernel. test_grading_answers.py asks the same of the grader."""

import answer_runner as A
import pytest

from classroom.checking import run_cells, run_tests
from exercises.format import notebooks

pytestmark = pytest.mark.graders

EXERCISES = [(book.name, each.name) for book in notebooks.lessons() for each in book.exercises]
DEPENDS = "solutions/{answer.notebook}.py", "tests/answers/{answer.notebook}/{answer.function}.py"


def ids(value):
    return f"{value.notebook}: {value}" if isinstance(value, A.Answer) else "/".join(value)


@pytest.mark.parametrize("exercise", EXERCISES, ids=ids)
def test_every_exercise_has_its_proof(exercise):
    notebook, function = exercise
    path = A.HERE / notebook / f"{function}.py"
    assert path.exists(), f"{function} has no answers: write tests/answers/{notebook}/{function}.py"
    found, faults = A.read(path)
    assert not faults, "; ".join(faults)
    right = sum(answer.kind == "right" for answer in found)
    wrong = sum(answer.kind == "wrong" for answer in found)
    assert right >= 3 and wrong >= 6, (
        f"{function} has {right} right and {wrong} wrong answers; at least 3 and 6 needed"
    )
    if "### Experiment" in A.exercise(*exercise).statement:  # is the measure itself measured?
        lazy = sum(answer.title.startswith("shortcut: ") for answer in found)
        assert lazy >= 3, f"{function} is an experiment: three `wrong: shortcut: …`, not {lazy}"
    assert len({answer.title for answer in found}) == len(found), (
        f"two answers to {function} share a title"
    )


@pytest.mark.verdict("solutions/*.py")
@pytest.mark.parametrize("exercise", EXERCISES, ids=ids)
def test_the_solution_passes_and_the_stub_fails(exercise):
    notebook, function = exercise
    official = A.Answer(notebook, function, "solution", "official", A.exercise(*exercise).solution)
    outcome = A.verdict(official, hidden=True)
    assert outcome is None, f"the solution fails its test: {outcome}"
    stub = A.Answer(notebook, function, "stub", "untouched", A.exercise(*exercise).stub)
    assert A.verdict(stub, hidden=False) is not None, (
        "the stub passes the visible tests: the test cell checks nothing"
    )


@pytest.mark.parametrize("exercise", EXERCISES, ids=ids)
def test_the_hidden_part_of_a_test_comes_last(exercise):
    """So a test passes whole only if its visible part passes, and fails whole if that fails."""
    task = A.exercise(*exercise)
    assert task.hidden, "end the test cell with ### BEGIN HIDDEN TESTS … ### END HIDDEN TESTS"
    before, _, rest = task.full.partition("### BEGIN HIDDEN TESTS")
    assert before.strip() == task.visible.strip()
    assert not rest.partition("### END HIDDEN TESTS")[2].strip()


@pytest.mark.verdict(*DEPENDS)
@pytest.mark.parametrize("answer", A.answers(), ids=ids)
def test_answer(answer):
    if answer.kind == "right":
        outcome = A.verdict(answer, hidden=True)
        assert outcome is None, f"a right answer fails: {outcome}"
        return
    caught = A.verdict(answer, hidden=False)
    if answer.hidden:
        assert caught is None, (
            f"marked `caught by: hidden`, but the visible tests catch it: {caught}"
        )
        caught = A.verdict(answer, hidden=True)
        assert caught is not None, "a wrong answer passes the visible and the hidden tests"
    assert caught is not None, (
        "a wrong answer passes the visible tests: "
        "add a check, or mark it `# caught by: hidden` if the hidden tests catch it"
    )
    assert answer.says in caught, f"the learner should read {answer.says!r}, but reads {caught!r}"


@pytest.mark.verdict(*DEPENDS)
@pytest.mark.parametrize("answer", A.answers(), ids=ids)
def test_a_check_in_the_kernel_names_the_same_mistake(answer):
    """Where the test cell and the answer share their tensors, and one works in place."""
    task, space = A.exercise(answer.notebook, answer.function), A.learner(answer)
    error = run_cells.run_with_limit(A.SECONDS, run_cells.run, task.name, task.visible, space)
    if answer.kind == "right" or answer.hidden:
        assert error is None, error
    else:
        assert answer.says in (run_tests.error_message(error, A.SECONDS) or ""), error
