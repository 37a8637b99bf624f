"""Predictions in JupyterLab: made by a click or as people type a number, kept in the cell; what
explains an answer stays closed until the answer was shown."""

import re

import nbformat
import pytest
from browser import MINUTES, SHOTS, answered, api, listen, open_notebook, save, stop_kernels
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import expect

from exercises.format.source import METADATA, REVEALED
from exercises.prediction_cells import guess_in, is_prediction, with_guess

pytestmark = pytest.mark.browser
WHICH = 'predict("which", "What is the likeliest?", {"A": "a line", "B": "a word"}, yours=...)'
PARIS = 'predict("paris", "How probable is it, from 0 to 1?", yours=...)'
OPENS = "The code of this run opens when you have guessed."
HELD = (
    "() => document.activeElement.closest('.llm-prediction')?.querySelector('legend').textContent"
)


@pytest.fixture
def opened(lab, folder, page):
    """(the page with a notebook of two predictions, their cells, its address, what is saved)."""
    explained = new_markdown_cell(REVEALED.format("which", "A *word*: so it is."))
    cells = [
        new_code_cell("from classroom.predict import predict, predictions, reveal"),
        new_code_cell(WHICH),
        new_code_cell(
            "# a word wins\nreveal('which', 'B')",
            metadata={"after_guess": ["which"], "jupyter": {"source_hidden": True}},
        ),
        explained,
        new_code_cell(PARIS),
        new_code_cell('reveal("paris", 0.5)'),
        new_markdown_cell(REVEALED.format("paris", "Half.")),
    ]
    nbformat.write(new_notebook(cells=cells, metadata=METADATA), folder / "guesses.ipynb")

    def saved():
        save(page)
        return [
            each["source"] for each in api(lab, "api/contents/guesses.ipynb")["content"]["cells"]
        ]

    address = lab.format("guesses.ipynb")
    open_notebook(page, address)
    panel = page.locator(".jp-NotebookPanel:visible")
    return page, panel, address, saved


def _press(page, panel, source):
    """Put `source` into the second prediction's cell, and run it with the keyboard."""
    panel.locator(".jp-CodeCell", has_text="paris").first.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    page.keyboard.press("Control+Enter")


def test_a_prediction_is_clicked_kept_and_explained_only_once_it_was_shown(lab, opened):
    page, panel, address, saved = opened
    which = panel.get_by_role("group", name="What is the likeliest?")
    word = which.get_by_role("button", name="B a word")
    explained = panel.locator("details.reveal").first
    expect(explained.locator("summary")).to_have_text("Predict and run first")
    explained.locator("summary").click()
    explained.locator("summary").press("Enter")
    expect(explained.locator("p")).to_be_hidden()
    expect(panel.get_by_text("a word wins")).to_be_hidden()
    folded = panel.locator(".llm-after-guess .jp-Placeholder-content")
    assert OPENS in folded.evaluate("each => getComputedStyle(each, '::before').content")
    page.locator(".lm-MenuBar-item", has_text="Run").click()
    page.locator(".lm-Menu-item", has_text=re.compile("^Run All Cells$")).click()
    expect(panel.get_by_text("Predict first: choose one.")).to_be_visible(timeout=2 * MINUTES)
    assert panel.get_by_text("It is B").count() == 0  # nothing below has run
    assert panel.get_by_text("NoGuess").count() == 0
    page.screenshot(path=SHOTS / "prediction_asked.png")
    word.click()
    expect(panel.get_by_text("Noted: B, a word.").last).to_be_visible(timeout=2 * MINUTES)
    expect(word).to_have_attribute("aria-pressed", "true")
    code = panel.locator(".jp-CodeCell").nth(2)
    expect(code).to_contain_text("a word wins")  # it was folded until the guess
    word.focus()
    word.press("Shift+Tab")
    page.keyboard.press("Enter")  # the other one, by keys: in JupyterLab, "edit this cell"
    expect(panel.get_by_text("Noted: A, a line.").last).to_be_visible()
    assert saved()[1] == with_guess(WHICH, '"A"')
    expect(panel.locator(".jp-Cell.jp-mod-active")).to_contain_text("a word wins")
    page.keyboard.press("Shift+Enter")
    expect(panel.get_by_text("You said A, a line. It is B, a word.")).to_be_visible()
    expect(explained.locator("p")).to_have_text("A word: so it is.")
    expect(explained.locator("p")).to_be_visible()
    expect(explained.locator("summary")).to_have_text("After your run: what it shows")
    expect(word).to_be_disabled()
    expect(panel.locator("details.reveal").last).not_to_have_attribute("open", "")
    save(page)
    stop_kernels(lab)
    open_notebook(page, address)
    expect(which.get_by_role("button", name="A a line")).to_have_attribute("aria-pressed", "true")
    expect(explained.locator("p")).to_have_text("A word: so it is.")
    expect(explained.locator("p")).to_be_visible()


def test_a_number_is_taken_as_people_write_it_in_the_field_and_in_the_cell(opened):
    """With no cell run before. What is no number is told in one sentence, and stays."""
    page, panel, _, saved = opened
    asked = panel.get_by_role("group", name="How probable is it, from 0 to 1?")
    field = asked.get_by_role("textbox", name="Your guess")
    field.fill("a lot")
    field.press("Enter")
    expect(panel.get_by_text("This prediction is a number below").last).to_be_visible()
    expect(field).to_have_value("a lot")
    asked.get_by_role("slider").press("ArrowRight")
    expect(field).not_to_have_value("a lot")
    field.fill("50 %")
    field.press("Enter")
    expect(panel.get_by_text("Noted: 0.5.").last).to_be_visible(timeout=2 * MINUTES)
    assert saved()[4] == with_guess(PARIS, "0.5")
    for typed, said in (("25%", "Noted: 0.25."), ("A", "This prediction is a number below")):
        _press(page, panel, PARIS.replace("...", typed))
        expect(panel.get_by_text(said).last).to_be_visible()
        assert saved()[4] == PARIS.replace("...", typed)
    assert panel.get_by_text("Traceback").count() == 0
    _press(page, panel, '"paris is not defined"; 1 / 0')
    expect(panel.get_by_text("ZeroDivisionError").last).to_be_visible()
    expect(asked).to_have_count(0)  # no prediction any more
    _press(page, panel, PARIS)
    asked.get_by_role("button", name="No guess").click()
    expect(panel.get_by_text("No prediction. Go on.").last).to_be_visible()
    assert guess_in(saved()[4])[1] == "None"
    panel.locator(".jp-CodeCell", has_text='reveal("paris"').locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    expect(panel.get_by_text("Half.").last).to_be_visible()


def test_every_guess_of_notebook_1_is_made_by_keyboard_alone_to_the_end(lab, page):
    """Shift+Enter all the way. Where a guess is missing the keyboard is led to the form; once it is
    made, Shift+Enter goes on."""
    open_notebook(page, lab.format("unpredicted.ipynb"))
    listen(page)
    panel = page.locator(".jp-NotebookPanel:visible")
    count = page.evaluate("() => jupyterapp.shell.currentWidget.content.widgets.length")
    active = "() => jupyterapp.shell.currentWidget.content.activeCellIndex"
    asked, runs = [], 0
    panel.locator(".jp-Cell").first.focus()
    while page.evaluate(active) < count - 1:
        assert (runs := runs + 1) < 2 * count, asked
        page.keyboard.press("Shift+Enter")
        answered(page)
        if question := page.evaluate(HELD):
            assert asked[-1:] != [question], "the same question again: Shift+Enter does not go on"
            asked.append(question)
            if page.evaluate("() => document.activeElement.localName") == "input":
                page.keyboard.type("0.5")
            page.keyboard.press("Enter")
            page.wait_for_function(f"question => ({HELD})() !== question", arg=question)
    assert len(asked) == sum(map(is_prediction, _sources(page)))
    assert "yours=..." not in "".join(_sources(page))
    expect(panel.locator("[data-mime-type='application/vnd.jupyter.stderr']")).to_have_count(0)


def _sources(page):
    return page.evaluate(
        "() => jupyterapp.shell.currentWidget.content.widgets.map("
        "cell => cell.model.sharedModel.getSource())"
    )
