"""One click from where a learner is to a chat with their engine so far; Run All shows where it
stopped; Check leaves no outline behind."""

import re

import pytest
from browser import MINUTES, NAME, SHOTS, menu, open_notebook, start_address
from playwright.sync_api import expect

from llmlib.serve import chat

pytestmark = pytest.mark.browser
# What the server says of Talk, changed before JupyterLab's scripts run.
OFF = """document.addEventListener("readystatechange", () => {
  const said = document.querySelector("#jupyter-config-data");
  if (said) said.textContent = said.textContent.replace(/("llmlibTalk": )"on"/, '$1"off"');
});"""


def test_one_click_on_the_start_page_opens_a_chat_with_the_engine_so_far(lab, page):
    page.goto(start_address(lab))
    page.locator(".llm-start .llm-bar").first.wait_for(timeout=2 * MINUTES)
    page.get_by_role("button", name="Talk with your engine so far").focus()
    with page.context.expect_page() as opened:
        page.keyboard.press("Enter")  # by keyboard, as by a click
    tab = opened.value
    expect(tab.locator("body")).to_contain_text("Your functions are being checked")
    expect(tab.locator("#makers")).to_contain_text(
        re.compile(r"No exercise solved yet\. .* merge \(exercise 1\.2\)"), timeout=5 * MINUTES
    )
    tab.get_by_role("button", name=chat.STARTERS[0]).click()
    expect(tab.locator(".reply")).to_have_text(
        "The capital of France is Paris.", timeout=2 * MINUTES
    )
    tab.screenshot(path=SHOTS / "talk_chat.png")
    tab.close()


def test_where_talk_is_switched_off_no_notebook_offers_it(lab, page):
    page.add_init_script(OFF)
    page.goto(lab.format(f"{NAME}.ipynb"))
    panel = page.locator(".jp-NotebookPanel:visible")
    expect(panel.get_by_role("button", name="✓ Check")).to_be_visible()
    expect(panel.get_by_role("button", name="Solution")).to_be_visible()
    expect(panel.get_by_role("button", name="Talk")).to_have_count(0)


def test_run_all_lands_where_it_stopped_and_check_leaves_the_focus_in_the_notebook(lab, page):
    open_notebook(page, lab.format(f"{NAME}.ipynb"))
    panel = page.locator(".jp-NotebookPanel:visible")
    menu(page, "Run", "Run All Cells")
    active = panel.locator(".jp-Cell.jp-mod-active")
    stopped = active.locator(".llm-refused, .jp-OutputArea-output")  # at a prediction, its form
    expect(stopped.first).to_be_in_viewport(timeout=5 * MINUTES)
    assert active.evaluate("each => each.getBoundingClientRect().top < innerHeight")
    page.wait_for_timeout(1000)
    page.screenshot(path=SHOTS / "run_all.png")
    check = panel.get_by_role("button", name="✓ Check")
    check.click()
    dialog = page.locator(".jp-Dialog", has_text="Check")
    dialog.locator(".llm-table").wait_for(timeout=3 * MINUTES)
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)
    assert page.evaluate("() => !!document.activeElement.closest('.jp-Notebook')")
    expect(check).to_have_attribute("aria-pressed", "false")
    page.screenshot(path=SHOTS / "after_check.png")
