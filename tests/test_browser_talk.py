"""One click from where a learner is to a chat with their engine so far; Run All shows where it
stopped; Check leaves no outline behind."""

import re

import pytest
from browser import MINUTES, NAME, SHOTS, menu, open_notebook, shade, start_address, theme
from playwright.sync_api import expect

from llmlib.serve import chat

pytestmark = pytest.mark.browser


def test_one_click_on_the_start_page_opens_a_chat_with_the_engine_so_far(lab, page):
    page.goto(start_address(lab))
    page.locator(".llm-start .llm-bar").first.wait_for(timeout=2 * MINUTES)
    talk = page.get_by_role("button", name="Talk with your engine so far")
    shade(page, "Dark")
    page.screenshot(path=SHOTS / "talk_start_dark_1280.png")
    page.set_viewport_size({"width": 390, "height": 800})
    page.reload()  # a narrow window opens without the list of files
    page.locator(".llm-start .llm-bar").first.wait_for(timeout=2 * MINUTES)
    talk.scroll_into_view_if_needed()
    page.screenshot(path=SHOTS / "talk_start_dark_390.png")
    talk.focus()
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
    def off(route):
        answer = route.fetch()
        body = answer.text()
        assert '"llmlibTalk": "on"' in body
        route.fulfill(
            response=answer, body=body.replace('"llmlibTalk": "on"', '"llmlibTalk": "off"')
        )

    page.route("**/lab/**/tree/**", off)
    open_notebook(page, lab.format(f"{NAME}.ipynb"))
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


def test_a_figure_is_dimmed_in_the_dark_theme_and_keeps_its_colours(lab, page):
    theme(lab, "Dark")
    open_notebook(page, lab.format("picture.ipynb"))
    figure = page.locator(".jp-OutputArea-output img").first
    figure.wait_for()
    assert figure.evaluate("each => getComputedStyle(each).filter") == "brightness(0.82)"
    page.screenshot(path=SHOTS / "figure_dark.png")
