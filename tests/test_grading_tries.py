"""One try: a check runs again only if something lent was asked for."""

from contextlib import closing
from dataclasses import replace

import pytest
from attacks import corpus

from classroom.checking.submission import Cell
from exercises.format import notebooks
from grader.host import run_test_cell
from grader.host.time_limits import Limits
from grader.marking.runner import Runner

pytestmark = [pytest.mark.security, pytest.mark.verdict("tests/attacks/*.py", "solutions/*.py")]
# Guesses that change from one try to the next: a learner may change what parses a message.
GUESSES = """import json
LETTERS, tries = "BACD", [0]
kept = json.decoder.JSONDecoder.decode
def next_letter(*given, **more):
    tries[0] += 1
    for name in list(globals()):
        if name[:1] == "q" and name[1:].isdigit():
            globals()[name] = LETTERS[tries[0] % 4]
    return kept(*given, **more)
json.decoder.JSONDecoder.decode = next_letter
"""


@pytest.fixture(scope="module")
def runner():
    with closing(Runner([corpus.TARGET, *notebooks.lessons()])) as runner:
        yield runner


def handed_in(notebook, **instead):
    tasks = notebook.exercises
    return [Cell("code", each.name, instead.get(each.name, each.solution)) for each in tasks]


def count_tries(runner, monkeypatch):
    """{(exercise, hidden half?): how often it ran}."""
    tries, real = {}, run_test_cell.run

    def counted(learner, exercise, hidden, *more):
        tries[exercise.name, hidden] = tries.get((exercise.name, hidden), 0) + 1
        return real(learner, exercise, hidden, *more)

    monkeypatch.setattr(run_test_cell, "run", counted)
    return tries


def test_the_quiz_lends_nothing_and_takes_one_answer(runner, monkeypatch):
    """Answer cells that mention each other, so that one "leans on" all before it."""
    quiz = notebooks.load("quiz")
    quiz = replace(quiz, exercises=quiz.exercises[:6])
    tries = count_tries(runner, monkeypatch)
    names = [each.name for each in quiz.exercises]
    leaning = {
        name: f'{name} = [{", ".join(names[:number])}] and "C" or "C"'
        for number, name in enumerate(names)
    }
    cells = [Cell("code", None, GUESSES), *handed_in(quiz, **leaning)]
    result = runner.grade(quiz, cells)
    assert set(tries.values()) == {1}, tries
    assert not any(each.instead for each in result.outcomes)
    assert sum(each.solved for each in result.outcomes) < len(names)


def test_a_function_that_fails_at_first_on_its_own_stands_failed(runner):
    """It mentions a wrong one, but never calls it; its second answer would be right."""
    notebook = notebooks.load("01_tokens")
    some = tuple(e for e in notebook.exercises if e.name in ("count_pairs", "merge", "encode"))
    head, body = some[-1].solution.split("\n", 1)
    waits = """
    import os
    count_pairs
    if not os.path.exists("/tmp/again"):
        open("/tmp/again", "w").close()
        return []
"""
    wrong = {"count_pairs": "def count_pairs(ids):\n    return None", "encode": head + waits + body}
    result = runner.grade(replace(notebook, exercises=some), handed_in(notebook, **wrong))
    assert not result["count_pairs"].solved and result["merge"].solved
    assert result["encode"].points == 0 and not result["encode"].instead, result


def test_a_process_that_ends_itself_is_not_tried_again(runner, monkeypatch):
    tries = count_tries(runner, monkeypatch)
    ends = "import os\ndef merge(ids, pair, new_id):\n    os._exit(1)"
    result = runner.grade(corpus.TARGET, handed_in(corpus.TARGET, merge=ends))
    assert result["merge"].points == 0 and tries["merge", False] == 1


def outcome_of_hidden(runner, body):
    """What the page of `train_bpe` says, and that of `encode` after it, of a `train_bpe` with this
    body. `merge`, before it, is wrong, which its hidden test alone shows."""
    tests = {
        "merge": ("", "assert merge([1, 1], (1, 1), 3) == [3]"),
        "train_bpe": ("assert train_bpe(1) == 1", "assert train_bpe(5) == 5"),
        "encode": ("assert encode(1) == 1", "assert encode(2) == 2"),
    }
    notebook = notebooks.load("01_tokens")
    some = tuple(
        replace(each, visible=visible, full=f"### BEGIN HIDDEN TESTS\n{hidden}")
        for each in notebook.exercises
        if each.name in tests
        for visible, hidden in [tests[each.name]]
    )
    code = {"merge": "def merge(ids, pair, new_id):\n    return None"}
    code["train_bpe"] = f"def train_bpe(x):\n    lent = merge([1, 1], (1, 1), 3) == [3]\n    {body}"
    code["encode"] = "def encode(x):\n    return x"
    result = runner.grade(replace(notebook, exercises=some), handed_in(notebook, **code))
    pages = [result["train_bpe"], result["encode"]]
    return tuple((each.points, each.message, each.told) for each in pages)


LOOP = "import time\n    while x == 5: time.sleep(0.1)"
HIDDEN_WAYS = {
    "it passes": "return x",
    "it passes with the course's merge alone": "return x if lent or x == 1 else 0",
    "it fails": "return x if x == 1 else 0",
    "it raises": "return 1 // (5 - x) * 0 + x",
    "it ends its process": "import os\n    return x if x == 1 else os._exit(1)",
    "it never ends": f"{LOOP}\n    return x",
    "with the course's it never ends": LOOP.replace("x", "lent and x") + "\n    return x % 5",
}


@pytest.mark.proof
def test_a_hidden_half_tells_one_bit():
    """Two pages for all that it may do, time-outs among it; for what comes after it as well."""
    short = Limits(cell=9, call=1, test=2, notebook=60)
    with closing(Runner([notebooks.load("01_tokens")], limits=short)) as runner:
        seen = {way: outcome_of_hidden(runner, body) for way, body in HIDDEN_WAYS.items()}
    first = {way: pages[0] for way, pages in seen.items()}
    assert first["it passes"] == first["it passes with the course's merge alone"]
    assert len(set(first.values())) == 2, first
    assert {pages[1] for pages in seen.values()} == {seen["it passes"][1]}


@pytest.mark.proof
def test_time_that_ran_out_before_a_hidden_half_gives_the_same_page_as_its_failure():
    """The notebook's time is over in `train_bpe`'s: `encode`'s is not reached."""
    short = Limits(cell=5, call=20, test=20, notebook=8)
    with closing(Runner([notebooks.load("01_tokens")], limits=short)) as impatient:
        after = outcome_of_hidden(impatient, f"{LOOP}\n    return x")[1]
    assert after[0] == 0 and after[1].startswith("a hidden test failed"), after
