"""Fair to the chain: a right function that calls a wrong one is tried with the course's."""

from contextlib import closing
from dataclasses import replace

import answer_runner as A
import pytest
from patient_runner import PatientRunner

from classroom.checking.submission import Cell, parse
from exercises.format import notebooks
from grader import nbgrader_plugin, report
from grader.gradebook import Marks
from grader.host.time_limits import Limits
from grader.marking import analysis

pytestmark = [pytest.mark.security, pytest.mark.verdict("solutions/*.py", "tests/answers/*/*.py")]
LESSONS = [name for name in notebooks.names() if name != "quiz"]
# `train` sends a gradient back through the first, `forward` and `empty_answers` give functions to
# the others: plain values carry neither.
NOT_LENT = {"cross_entropy", "pre_norm_block", "beam_search"}
WRONG_MERGE = """def merge(ids, pair, new_id):
    return [new_id if tuple(ids[i : i + 2]) == tuple(pair) else ids[i] for i in range(len(ids))]"""


@pytest.fixture(scope="module")
def runner():
    # A lent call crosses four times; but a merge that goes on writing into one list never ends.
    patient = Limits(cell=120, call=40, test=300, notebook=900)
    with closing(
        PatientRunner([notebooks.load(name) for name in LESSONS], limits=patient)
    ) as runner:
        yield runner


def grade(runner, name, **instead):
    """The official solutions, but for those in `instead`, as one student's."""
    tasks = notebooks.load(name).exercises
    handed_in = [Cell("code", each.name, instead.get(each.name, each.solution)) for each in tasks]
    return runner.grade(notebooks.load(name), handed_in)


def test_a_right_function_on_a_wrong_one_gets_its_points_and_the_page_says_why(runner):
    result = grade(runner, "01_tokens", merge=WRONG_MERGE)
    assert [each.exercise for each in result.outcomes if not each.solved] == ["merge"]
    assert result["train_bpe"].instead == result["encode"].instead == "merge"
    node = nbgrader_plugin.fill(
        nbgrader_plugin.rebuild(notebooks.load("01_tokens"), result.steps), result
    )
    marks = Marks({each.exercise: each.points for each in result.outcomes}, {}, 0.0)
    page = report.feedback(notebooks.load("01_tokens"), "ann", node, marks)
    assert page.count("With the course's <code>merge</code>: your own made it fail.") == 2


@pytest.mark.proof
def test_a_function_that_is_wrong_itself_is_told_its_own_mistake(runner):
    (task,) = (e for e in notebooks.load("01_tokens").exercises if e.name == "train_bpe")
    wrong = task.solution.replace("n * times", "n")
    assert wrong != task.solution
    result = grade(runner, "01_tokens", merge=WRONG_MERGE, train_bpe=wrong)
    assert result["train_bpe"].points == 0
    assert "a piece that occurs four times counts four times" in result["train_bpe"].message


@pytest.mark.proof
def test_what_needs_a_gradient_of_a_function_not_written_is_not_judged(runner):
    (task,) = (e for e in notebooks.load("05_output_head").exercises if e.name == "cross_entropy")
    result = grade(runner, "05_output_head", cross_entropy=task.stub)
    assert result["train"].message.startswith("not judged: it needs your `cross_entropy`")
    assert not any(each.told for each in result.outcomes)  # none of their own made anything fail


@pytest.mark.proof
def test_nothing_is_lent_by_a_later_function(runner):
    """`encode` could be had from `encode_special`."""
    borrowed = "def encode(text, merges):\n    return encode_special(text, merges, {})"
    result = grade(runner, "01_tokens", encode=borrowed)
    assert result["encode"].points == 0 and result["encode_special"].instead == "encode"


@pytest.mark.proof
@pytest.mark.parametrize("name", LESSONS)
def test_a_mistake_in_each_earlier_function_costs_that_one_alone(runner, name):
    """A mutation of all that later exercises build on: they still get their points."""
    notebook = notebooks.load(name)
    leans_on = analysis.analyse(notebook, parse(notebook.node)).leans_on
    below = {earlier for found in leans_on.values() for earlier in found} - NOT_LENT
    broken = {each: f"def {each}(*args, **more):\n    return None" for each in below}
    result = grade(runner, name, **broken)
    assert {each.exercise for each in result.outcomes if not each.solved} == below
    for each in result.outcomes:
        if each.solved:
            assert (
                set(filter(None, each.instead.split(", ")))
                == set(leans_on[each.exercise]) - NOT_LENT
            )


def wrong_answers(name, function):
    return [
        each.code for each in A.read(A.HERE / name / f"{function}.py")[0] if each.kind == "wrong"
    ]


@pytest.mark.proof
@pytest.mark.graders
@pytest.mark.needs("bubblewrap")
@pytest.mark.parametrize("name", LESSONS)
def test_the_proof_of_a_test_cell_holds_with_earlier_functions_wrong_in_each_named_way(
    runner, name
):
    """Round by round, all that later exercises build on is wrong, in every way of tests/answers."""
    notebook = notebooks.load(name)
    leans_on = analysis.analyse(notebook, parse(notebook.node)).leans_on
    below = {earlier for found in leans_on.values() for earlier in found} - NOT_LENT
    ways = {each: wrong_answers(name, each) for each in below}
    assert ways or name in ("02_embeddings", "07_kv_cache_and_scaling")
    due = {each for each, found in leans_on.items() if set(found) - NOT_LENT} - below
    some = tuple(each for each in notebook.exercises if each.name in below | due)
    for number in range(max(map(len, ways.values()), default=0)):
        broken = {each: found[number % len(found)] for each, found in ways.items()}
        code = {each.name: broken.get(each.name, each.solution) for each in notebook.exercises}
        handed_in = [Cell("code", each, source) for each, source in code.items()]
        result = runner.grade(replace(notebook, exercises=some), handed_in)
        assert {each.exercise for each in result.outcomes if each.solved} == due, (number, result)


@pytest.mark.proof
def test_an_earlier_function_that_only_a_hidden_test_shows_wrong_costs_itself_alone(runner):
    """When `train_bpe` fails in the visible half of its test, `merge` still passes for right."""
    notebook = notebooks.load("01_tokens")
    task = next(each for each in notebook.exercises if each.name == "merge")
    seen = replace(task, visible="")  # so that nothing but the hidden half can tell
    some = replace(
        notebook, exercises=tuple(seen if each is task else each for each in notebook.exercises)
    )
    code = {each.name: each.solution for each in notebook.exercises} | {"merge": WRONG_MERGE}
    result = runner.grade(some, [Cell("code", name, source) for name, source in code.items()])
    assert [each.exercise for each in result.outcomes if not each.solved] == ["merge"]
    assert result["train_bpe"].instead == "merge"


def test_what_was_lent_is_not_kept_for_when_the_earlier_exercise_is_tried_again(runner):
    """`merge` is tried twice, since a hidden test shows `count_pairs` wrong in between."""
    notebook = notebooks.load("01_tokens")
    merges = "assert merge([1, 2], (1, 2), 3) == [3]"
    tests = {
        "count_pairs": ("", "assert count_pairs([1]) == {}"),
        "merge": (merges, merges),
        "train_bpe": ("train_bpe()", ""),
    }
    some = tuple(
        replace(each, visible=visible, full=f"### BEGIN HIDDEN TESTS\n{hidden}")
        for each in notebook.exercises
        if each.name in tests
        for visible, hidden in [tests[each.name]]
    )
    code = {
        "count_pairs": "def count_pairs(ids):\n    return None",
        "merge": """def merge(ids, pair, new_id):
    count_pairs
    return list(map(int, open("/tmp/lent").read().split()))""",
        "train_bpe": """def train_bpe():
    lent = merge([1, 2], (1, 2), 3)
    open("/tmp/lent", "w").write(" ".join(map(str, lent)))""",
    }
    handed_in = [Cell("code", name, source) for name, source in code.items()]
    result = runner.grade(replace(notebook, exercises=some), handed_in)
    assert [each.exercise for each in result.outcomes if each.solved] == ["train_bpe"]
    assert result["train_bpe"].instead == "merge"
