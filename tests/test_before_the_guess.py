"""What a reader sees of each prediction before making a guess: the released notebook around it,
without what is folded. The answer is not there."""

import ast
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from authoring import release
from authoring.site import predictions
from llmlib.course.format import notebooks

pytestmark = pytest.mark.unit
BEFORE = 3  # cells above the question


def neighbourhoods(name):
    """{key: (the cells from a few above its question to the one that reveals it, its answer)}."""
    cells = nbformat.reads(release.release(notebooks.load(name)), as_version=4).cells
    solved = nbformat.read(notebooks.ROOT / "solutions" / f"{name}.ipynb", as_version=4).cells
    answers, asked = predictions.answers(solved), {}
    for place, cell in enumerate(cells):
        if form := predictions.asked(cell):
            asked[form["key"]] = place
    for place, cell in enumerate(cells):
        if cell.cell_type == "code":
            for key in predictions.revealed(cell):
                yield key, cells[max(0, asked[key] - BEFORE) : place + 1], answers.get(key)


def seen(cell):
    """What a reader sees of a cell before the guess."""
    if cell.cell_type == "markdown":
        return re.sub(r"<details.*?</details>", "", cell.source, flags=re.DOTALL)
    folded = cell.metadata.get("jupyter", {}).get("source_hidden")
    return "" if folded or predictions.asked(cell) else cell.source


def told(code):
    """The words that code says: its strings and comments."""
    strings = [
        node.value
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return [*strings, *re.findall(r"#.*", code)]


def faults(around):
    """What gives an answer away, of `neighbourhoods`."""
    found = []
    for key, cells, answer in around:
        words = re.sub(r"^[A-H], ", "", answer.words) if answer else ""
        for cell in cells:
            said = [seen(cell)]
            if cell.cell_type == "code":
                calls = [n for n in ast.walk(ast.parse(said[0])) if isinstance(n, ast.Call)]
                said = told(said[0])
                if any(each.arg == "alt" for call in calls for each in call.keywords):
                    found.append(f"{key}: an alt text in a cell tells what its figure shows")
                for call in calls:
                    if ast.unparse(call.func) == "reveal" and isinstance(
                        call.args[1], ast.Constant
                    ):
                        found.append(f"{key}: its answer is written down, not computed")
            if len(words) > 3:  # alone it is a label, as those of the other options are
                beside = [each for each in said if words in each != words]
                found += [
                    f"{key}: {words!r} is the answer, and {each[:80]!r} is open" for each in beside
                ]
    return found


@pytest.mark.parametrize("name", [each.name for each in notebooks.lessons()])
def test_no_answer_stands_beside_its_question(name):
    found = faults(neighbourhoods(name))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ('show(bars(x), alt="it hopes for more")', "an alt text in a cell"),
        ('reveal("k", "B")', "written down, not computed"),
        ('print("so it promises too much")', "'promises too much' is the answer"),
        ("x = 1  # it promises too much", "'promises too much' is the answer"),
        ('show(bars(x))\nreveal("k", "AB"[x])\nlabel = "promises too much"', ""),
    ],
)
def test_a_planted_answer_is_found(code, fault):
    answer = predictions.Answer("B", "B, promises too much", None)
    found = faults([("k", [new_code_cell(code)], answer)])
    assert [fault in each for each in found] == [True] * bool(fault)
    folded = new_code_cell(code, metadata={"jupyter": {"source_hidden": True}})
    assert not faults([("k", [folded], answer)])
    assert bool(faults([("k", [new_markdown_cell("It promises too much.")], answer)]))
    shut = "<details><summary>Why</summary>It promises too much.</details>"
    assert not faults([("k", [new_markdown_cell(shut)], answer)])
