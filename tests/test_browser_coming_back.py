"""A learner who comes back: to the cell where they were, with a kernel that knows nothing; Solution
is of the exercise that they have just tried."""

import pytest
from browser import MINUTES, NAME, SHOTS, open_notebook, save, stop_kernels, wait_until_idle
from playwright.sync_api import expect

from exercises.format import notebooks

pytestmark = pytest.mark.browser
SOLVED = {each.name: each.solution for each in notebooks.load(NAME).exercises}
PREPARED = "Your kernel was new."


def _cell(page, text):
    return page.locator(".jp-NotebookPanel:visible .jp-CodeCell", has_text=text).first


def _go_to(page, exercise):
    """By the table of Check, as from the start page."""
    page.locator(".jp-NotebookPanel:visible").get_by_role("button", name="✓ Check").click()
    dialog = page.locator(".jp-Dialog")
    dialog.get_by_role("button", name=exercise).click(timeout=3 * MINUTES)
    expect(dialog).to_have_count(0)


def _write(page, text, source):
    """Type into the cell that holds `text`, run it and the check below."""
    _cell(page, text).locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Shift+Enter")


def _asked_for(page):
    """What Solution offers."""
    page.locator(".jp-NotebookPanel:visible").get_by_role("button", name="Solution").click()
    dialog = page.locator(".jp-Dialog")
    offered = dialog.locator(".jp-Dialog-header").inner_text()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    return offered


def test_an_exercise_gone_to_with_a_new_kernel_runs_and_a_reload_comes_back(lab, page):
    """No set-up was run before. Then the page is loaded again, with another kernel."""
    open_notebook(page, lab.format(f"{NAME}.ipynb"))
    _go_to(page, "1.1 count_pairs")
    expect(page.get_by_text(PREPARED)).to_be_visible(timeout=2 * MINUTES)
    page.screenshot(path=SHOTS / "prepared.png")
    _write(page, "def count_pairs", SOLVED["count_pairs"])
    check = _cell(page, "Check of count_pairs")
    expect(check).to_contain_text("✓ count_pairs: ", timeout=1 * MINUTES)
    _go_to(page, "1.4 encode")
    active = page.locator(".jp-NotebookPanel:visible .jp-Cell.jp-mod-active")
    expect(active).to_contain_text("def encode")
    save(page)
    stop_kernels(lab)
    page.reload()
    page.locator(".jp-NotebookPanel:visible").wait_for()
    wait_until_idle(page)
    expect(active).to_contain_text("def encode")
    expect(active).to_be_in_viewport()
    expect(page.get_by_text(PREPARED)).to_be_visible(timeout=2 * MINUTES)
    _write(page, "def count_pairs", "def count_pairs(ids):\n    return Counter(zip(ids, ids[1:]))")
    expect(check).to_contain_text("not a dictionary", timeout=1 * MINUTES)  # Counter is known


def test_a_solution_is_of_the_exercise_that_was_tried_last(lab, page):
    open_notebook(page, lab.format("right.ipynb"))
    _go_to(page, "1.2 merge")
    expect(page.get_by_text(PREPARED)).to_be_visible(timeout=2 * MINUTES)
    assert "merge?" in _asked_for(page)  # its cell is active
    _write(page, "def merge", "def merge(ids, pair, new_id):\n    return ids")
    check = _cell(page, "Check of merge")
    expect(check.locator(".jp-OutputArea-output").first).to_be_visible(timeout=1 * MINUTES)
    assert "merge?" in _asked_for(page)  # the check has failed; 1.3 comes next
    page.locator(".jp-NotebookPanel:visible .jp-Cell.jp-mod-active").press("ArrowDown")
    assert "merge?" in _asked_for(page)
    _write(page, "def merge", SOLVED["merge"])
    expect(check).to_contain_text("✓ merge: ", timeout=1 * MINUTES)
    assert "merge?" in _asked_for(page)  # the one above
    _go_to(page, "1.3 train_bpe")
    assert "train_bpe?" in _asked_for(page)
