"""How much a notebook asks its reader to read, and what it may not say before a prediction."""

import ast
import re
from dataclasses import astuple, fields

import pytest
from reading_load import TALLEST, Load, load

from authoring import drawings
from exercises import prediction_cells
from exercises.format import notebooks, source
from exercises.format.notebooks import ROOT
from exercises.format.reading_time import further_minutes, hours, reading_time
from grader import nbgrader_plugin

pytestmark = pytest.mark.unit
LESSONS = [each.name for each in notebooks.lessons()]
CORE = Load(3300, 40, 200, 450, TALLEST, predictions=8, pictures=30, exercises=140)
MINUTES = 265  # the longest core, by a cold reader; the aim is 210
PREDICTION = re.compile(r'<details class="reveal" data-prediction="(.*?)">')


@pytest.mark.parametrize("name", LESSONS)
def test_a_notebook_does_not_ask_for_more_than_its_reader_can_take(name):
    counted = load(notebooks.load(name))
    for field, here, most in zip(fields(Load), astuple(counted), astuple(CORE)):
        assert here <= most, f"{name}: {field.name} {here}, at most {most}"
    time = reading_time(notebooks.load(name))
    assert counted.minutes <= time.core <= MINUTES  # readers need longer than the count says
    assert time.further == further_minutes(notebooks.load(name))


def whole(name):
    cells = notebooks.load(name).cells
    return "".join(f"\n{cell.source}" for cell in cells if cell.cell_type == "markdown")


@pytest.mark.parametrize("name", LESSONS)
def test_what_stands_in_further_gives_no_points_and_says_its_minutes(name):
    _, _, further = whole(name).partition("\n## Further")
    pieces = re.findall(r"^### (?!BEGIN|END)(.*)", further, re.MULTILINE)
    assert all(re.search(r"· \d+ min\b", each) for each in pieces), pieces
    for exercise in notebooks.load(name).exercises:
        assert (exercise.points == 0) == (exercise.statement in further), exercise.name


def test_what_is_folded_is_not_counted_and_what_a_prediction_uncovers_is():
    text = """# %% [markdown]
# One two (three) 4 `f(5)` $6$.
#
# | 11 | (12) |
#
#     print(13)
#
# $$14$$
#
# Eleven 15.
#
# <details><summary>Small print</summary>
#
# Seven (8).
#
# </details>

# %%
a = 1

# %% [markdown] reveals="a"
# Nine 10.
"""
    counted = load(source.parse(text, "01_small"))
    assert (counted.parentheses, counted.numbers, counted.given) == (2, 5, 1)
    assert counted.words == 12 + 2


def test_the_minutes_are_those_of_the_core():
    text = """# %% [markdown]
# # 1 · Small
#
# **It takes** about 150 minutes. *Further*, after the recap, is extra: about 90 more.
#
# ### Exercise 1.1 · `f` · ●○○ · 10 min

# %%
predict("a", "Which?", {"A": "one", "B": "two"}, yours=...)

# %% [markdown]
# ## Further
#
# ### A piece · 90 min
#
# ### Exercise 1.2 · `g` · ●○○ · 60 min
"""
    notebook = source.parse(text, "01_small")
    counted = load(notebook)
    assert (counted.predictions, counted.exercises, counted.minutes) == (1, 10, 17)
    assert reading_time(notebook) == (150, 90) and further_minutes(notebook) == 90


def test_the_readme_says_how_long_each_notebook_takes():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in LESSONS:
        notebook = notebooks.load(name)
        time, title = reading_time(notebook), notebook.heading.replace(" · ", " ")
        row = next(line for line in text.splitlines() if line.startswith(f"| {title} |"))
        assert f"| {hours(time.core)} + {hours(time.further)} |" in row, name
    cores = [reading_time(notebooks.load(name)).core for name in LESSONS]
    quiz = int(re.search(r"^\| Quiz \| (\d+) min \|", text, re.MULTILINE)[1])
    assert f"{round((sum(cores) + quiz) / 60)} hours for all cores and the quiz" in text
    assert round(sum(cores) / len(cores) / 60) == 4  # "about four hours a notebook"


def test_what_a_prediction_shows_is_folded_below_its_answer():
    """Every prediction has one text that explains it, and that comes after its reveal."""
    for name in LESSONS:
        asked, answered, explained = [], [], []
        for cell in notebooks.load(name).cells:
            if prediction_cells.is_prediction(cell.source):
                asked.append(ast.literal_eval(prediction_cells.guess_in(cell.source)[0]))
            elif cell.cell_type == "code":
                answered += re.findall(r'\breveal\(\s*"(.*?)"', cell.source)
            for key in PREDICTION.findall(cell.source):
                assert key in answered, f"{name}: {key} is explained above its answer"
                explained.append(key)
        assert sorted(asked) == sorted(answered) == sorted(explained), name


def test_a_notebook_opens_with_a_picture():
    """In its first cell, before any code: it is seen without a kernel."""
    for name in LESSONS:
        assert source.ATTACHED.search(notebooks.load(name).cells[0].source), name


def test_a_drawing_that_is_not_there_or_has_no_alt_text_is_named():
    node = source.parse("# %% [markdown]\n# ![](attachment:a.png)\n", "03_attention").node
    with pytest.raises(ValueError, match=r"a\.png needs alt text"):
        drawings.attach(node.cells, "03_attention")
    node.cells[0].source = "![A box.](attachment:no_such.png)"
    with pytest.raises(ValueError, match=r"drawings/attention\.py has no function no_such\(\)"):
        drawings.attach(node.cells, "03_attention")


def test_a_graded_notebook_has_its_drawings_in_words():
    """A page of a cell that lacks its attachment cannot be made."""
    book = notebooks.load("03_attention")
    assert any(source.ATTACHED.search(cell.source) for cell in book.cells)
    rebuilt = nbgrader_plugin.rebuild(book, ())
    shown = "".join(cell.source for cell in rebuilt.cells)
    assert "attachment:" not in shown and "*Drawing: Three square maps" in shown


def test_a_folded_cell_is_closed_under_its_line():
    cell = source.parse('# %% folded="Set-up: math"\nimport math\n', "01_small").cells[0]
    assert cell.source == "# Set-up: math\nimport math" and cell.metadata.jupyter.source_hidden
