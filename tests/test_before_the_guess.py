"""What a reader sees of each prediction before making a guess: the released notebook around it,
without what is folded. The answer is not there, and the code that computes it is folded."""

import ast
import re

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell

from authoring import release
from authoring.site import predictions
from exercises.format import notebooks, source

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
    if folded(cell):  # where no front end of ours says another line, its first one is seen
        first = cell.source.partition("\n")[0]
        return first if first.startswith("#") else ""
    return "" if predictions.asked(cell) else cell.source


def folded(cell):
    """Whether JupyterLab shows the cell closed."""
    return cell.metadata.get("jupyter", {}).get("source_hidden") is True


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
        asked = False
        for cell in cells:
            form = predictions.asked(cell)
            asked = asked or form is not None and form["key"] == key
            demo = notebooks.kind(cell) == "demo" and not form
            if asked and demo and not folded(cell):
                found.append(f"{key}: code that computes its answer is open: {cell.source[:60]!r}")
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
    shut = new_code_cell(f"x = 2\n{code}", metadata={"jupyter": {"source_hidden": True}})
    assert not faults([("k", [shut], answer)])
    assert bool(faults([("k", [new_markdown_cell("It promises too much.")], answer)]))
    shut = "<details><summary>Why</summary>It promises too much.</details>"
    assert not faults([("k", [new_markdown_cell(shut)], answer)])


def test_what_is_folded_is_what_comes_before_an_answer_and_nobody_writes():
    """From the question to its answer, without exercises and other questions. What is folded anyway
    keeps its line, and nothing is folded below a question that is never answered."""
    one = 'predict("{}", "How many?", yours=1)'
    exercise = [
        "# %% solution half\ndef half(x):\n    ### BEGIN SOLUTION\n    return x / 2\n"
        "    ### END SOLUTION",
        "# %% test half points=1\nassert half(2) == 1",
    ]
    made = ["a = 1", one.format("k"), "b = 2", one.format("m"), *exercise]
    made += ['# %% folded="Set-up"\nc = 3', 'reveal("k", b)', 'reveal("m", 1)', "d = 4"]
    made += [one.format("never"), "e = 5"]
    text = "\n\n".join(each if each.startswith("# %%") else f"# %%\n{each}" for each in made)
    cells = source.parse(text, "x", notebooks.ROOT / "solutions").cells
    after = {cell.source.partition("\n")[0]: cell.metadata.get("after_guess") for cell in cells}
    assert {line: keys for line, keys in after.items() if keys} == {
        "b = 2": ["k"],
        'reveal("k", b)': ["k", "m"],
        'reveal("m", 1)': ["m"],
    }
    shut = {cell.source.partition("\n")[0] for cell in cells if folded(cell)}
    assert shut >= {"b = 2", "# Set-up"} and not shut & {"a = 1", "d = 4", "e = 5"}
