"""One try: a check runs again only if something lent was asked for."""

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from attacks import corpus

from llmlib.course.checking.submission import Cell
from llmlib.course.format import notebooks
from llmlib.grading import wire
from llmlib.grading.host import run_test_cell
from llmlib.grading.marking.runner import Runner

pytestmark = pytest.mark.security
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


def test_what_decides_points_can_be_read_in_an_afternoon():
    """Files of the grader on which points hang; those it shares with `llmlib check` are beside."""
    grader = Path(wire.__file__).parent
    decide = "runner reference_calls library_slice proxy analysis text_notes".split()
    lines = {
        name: len((grader / "marking" / f"{name}.py").read_text().splitlines()) for name in decide
    }
    lines["run_test_cell"] = len((grader / "host" / "run_test_cell.py").read_text().splitlines())
    assert sum(lines.values()) <= 900 and max(lines.values()) <= 200, json.dumps(lines)
    machine = [*(grader / "host").glob("*.py"), grader / "wire.py"]
    assert sum(len(path.read_text().splitlines()) for path in machine) <= 1000
