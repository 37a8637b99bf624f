"""Which answers are reported as alike: the right ones of tests/answers are a class of authors who
wrote apart, and to it comes one who copied and renamed everything."""

import ast
import builtins

import answer_runner as A
import pytest

from classroom import cli
from classroom.checking import submission
from exercises.format import notebooks
from grader import export_answers as answers_verb
from grader.similarity import SOLUTION, similar_pairs, words

pytestmark = pytest.mark.unit
LESSONS = [each.name for each in notebooks.lessons()]
EVERYBODY_S = {*dir(builtins), "torch", "math", "re", "np"}


class Renamed(ast.NodeTransformer):
    def visit_Name(self, node):
        node.id = node.id if node.id in EVERYBODY_S else f"my_{node.id}"
        return node

    def visit_arg(self, node):
        node.arg = f"my_{node.arg}"
        return node


def disguised(source):
    """Other names, no comments, other line breaks."""
    return ast.unparse(Renamed().visit(ast.parse(source)))


def written_apart(name):
    """{exercise: {author: source}}"""
    return {
        path.stem: {
            f"author {at}": each.code
            for at, each in enumerate(each for each in A.read(path)[0] if each.kind == "right")
        }
        for path in sorted((A.HERE / name).glob("*.py"))
    }


def pairs(name, answers):
    read = {e: {who: words(text) for who, text in some.items()} for e, some in answers.items()}
    found = similar_pairs(A.notebook(name).exercises, read)
    return {(pair.one, pair.other): pair for pair in found}


@pytest.mark.parametrize("name", LESSONS)
def test_a_copy_stands_out_and_what_was_written_apart_does_not(name):
    answers = written_apart(name)
    assert not pairs(name, answers)
    copied = {e: {**found, "copier": disguised(found["author 1"])} for e, found in answers.items()}
    (pair,) = pairs(name, copied).items()
    assert pair[0] == ("author 1", "copier") and len(pair[1].exercises) >= 3
    assert pair[1].similarity > 0.7 > 0.2 > pair[1].usual and pair[1].bits > 300


def test_a_copy_of_the_course_s_own_solution_stands_out():
    answers = written_apart("02_embeddings")
    for each in A.notebook("02_embeddings").exercises:
        answers[each.name]["copier"] = disguised(each.solution)
    assert list(pairs("02_embeddings", answers)) == [(SOLUTION, "copier")]


def test_what_all_write_the_same_way_says_nothing():
    answers = {e: found["author 1"] for e, found in written_apart("01_tokens").items()}
    same = {e: {f"author {n}": source for n in range(12)} for e, source in answers.items()}
    assert not pairs("01_tokens", same)


def test_half_a_text_and_no_python_are_read_as_far_as_they_go():
    odd = {"merge": {"a": "def merge(:\n  '''", "b": "\0", "c": "(" * 60_000, "d": ""}}
    assert not pairs("01_tokens", odd)
    half = {"cells": [{"cell_type": "code", "source": "x = 1\ny = '\ud800'"}]}  # a character
    [cell] = submission.parse(half)
    assert words(cell.source)[:4] == ["name", "=", "1", "\n"] and cell.source.encode()


def test_the_command_prints_and_writes_the_pairs(tmp_path, capsys, monkeypatch):
    answers = written_apart("01_tokens")
    for student in ("author 0", "author 1", "author 2", "copier"):
        source = "author 1" if student == "copier" else student
        code = {e: found[source] for e, found in answers.items()}
        path = tmp_path / "in" / student / "01_tokens" / "01_tokens.ipynb"
        path.parent.mkdir(parents=True)
        A.nbformat.write(A.handed_in_notebook("01_tokens", code), path)
    out = tmp_path / "out"
    for _ in range(2):  # its own table is no stranger's file
        assert cli.main(["export-answers", str(tmp_path / "in"), "--output", str(out)]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("similar: ")]
    assert len(set(said)) == 1 and said[0].startswith("similar: author 1 and copier  01_tokens  ")
    table = (out / "similar.csv").read_text().splitlines()
    assert table[0] == "notebook,one,other,exercises,similarity,usual,bits" and len(table) == 2
    monkeypatch.setattr(answers_verb, "SHOWN", 0)
    assert cli.main(["export-answers", str(tmp_path / "in"), "--output", str(out)]) == 0
    assert capsys.readouterr().out.endswith("exercise\nand 1 more similar pairs\n")
