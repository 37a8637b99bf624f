"""What a reader of a notebook sees, and when: times, predictions, drawings, folded cells."""

import ast
import re

import pytest

from authoring import drawings
from exercises import prediction_cells
from exercises.format import notebooks, source
from exercises.format.reading_time import further_minutes, reading_time
from grader import nbgrader_plugin

pytestmark = pytest.mark.unit
LESSONS = [each.name for each in notebooks.lessons()]
PREDICTION = re.compile(r'<details class="reveal" data-prediction="(.*?)">')


@pytest.mark.parametrize("name", LESSONS)
def test_an_exercise_of_further_gives_no_points_and_every_other_one_does(name):
    cells = notebooks.load(name).cells
    text = "".join(f"\n{cell.source}" for cell in cells if cell.cell_type == "markdown")
    _, _, further = text.partition("\n## Further")
    for exercise in notebooks.load(name).exercises:
        assert (exercise.points == 0) == (exercise.statement in further), exercise.name


def test_the_minutes_are_those_of_the_opening_and_those_of_further_those_of_its_pieces():
    text = """# %% [markdown]
# # 1 · Small
#
# **It takes** about 150 minutes. *Further*, after the recap, is extra: about 90 more.
#
# ### Exercise 1.1 · `f` · ●○○ · 10 min
#
# ## Further
#
# ### A piece · 90 min
#
# ### Exercise 1.2 · `g` · ●○○ · 60 min
"""
    notebook = source.parse(text, "01_small")
    assert reading_time(notebook) == (150, 90) and further_minutes(notebook) == 90


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
