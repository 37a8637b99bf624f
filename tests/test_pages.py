"""The solved notebooks as web pages: everything there, answers folded, links that lead on."""

import re
from html import escape

import nbformat
import pytest

from llmlib.course.authoring import notebooks, pages

pytestmark = [pytest.mark.unit, pytest.mark.slow]


@pytest.mark.parametrize("name", ["03_attention", "quiz"])
def test_a_page_folds_answers_and_checks_and_shows_the_rest(name):
    html = pages.page(name)
    folded = re.findall(r'<details class="answer">.*?</details>', html, flags=re.DOTALL)
    notebook = notebooks.load(name)
    assert len(folded) == 2 * len(notebook.exercises)
    for exercise in notebook.exercises:
        [answer] = [part for part in folded if f"An answer: {exercise.name}<" in part]
        assert "<pre>" in answer and f"Its check: {exercise.name}<" in html
    images = re.findall(r"<img[^>]*>", html)
    assert len(images) > 4 or name == "quiz"
    alts = r"""alt=("[^"]{20,}"|'[^']{20,}')"""  # one with quotation marks in it is in '…'
    assert all(re.search(alts, image) for image in images)
    executed = nbformat.read(notebooks.ROOT / "solutions" / f"{name}.ipynb", as_version=4)
    outputs = [each for cell in executed.cells for each in cell.get("outputs", ())]
    printed = [line for each in outputs for line in each.get("text", "").split("\n") if line]
    assert printed and all(escape(line, quote=False) in html for line in printed)
    assert f"<title>{notebook.heading}</title>" in html


def test_links_lead_from_page_to_page():
    targets = set()
    for name in notebooks.names()[:3]:
        html = pages.page(name)
        assert not re.search(r'href="[^"/]*\.ipynb"', html)
        targets |= set(re.findall(r'href="(\w+)\.html"', html))
    assert targets and targets <= set(notebooks.names())
