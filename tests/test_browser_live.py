"""The start page's live machine in a browser: a recorded figure at once, and what is typed changes
it. Nothing is loaded before somebody goes to it."""

import re

import pytest
from browser import MINUTES, SHOTS, start_address
from playwright.sync_api import expect

from classroom.lab import live

pytestmark = pytest.mark.browser


def test_what_is_typed_changes_tokens_bars_and_pattern(lab, page):
    asked = []
    page.on("request", lambda request: "llmlib/live" in request.url and asked.append(1))
    page.goto(start_address(lab))
    machine = page.get_by_role("region", name="A language model to play with")
    text, said = machine.get_by_role("textbox"), machine.get_by_role("status")
    likeliest = machine.get_by_role("group", name="What comes next").get_by_role("button").first
    tokens = machine.get_by_role("group", name="Its tokens").get_by_role("button")
    expect(text).to_have_value(live.PROMPT)
    expect(likeliest).to_have_accessible_name("' Qu', 62\u00a0%: append it")
    expect(said).to_contain_text("Recorded.")
    expect(page.locator(".llm-start .llm-bar").first).to_be_visible(timeout=2 * MINUTES)
    assert not asked
    page.screenshot(path=SHOTS / "live_recorded.png")
    text.press("Control+a")
    page.keyboard.type("The capital of France is")
    expect(likeliest).to_have_accessible_name(re.compile("' Paris', 7"), timeout=2 * MINUTES)
    expect(said).to_contain_text("' Paris'")
    assert asked
    expect(tokens).to_have_count(5)
    expect(machine.locator("svg rect")).to_have_count(15)
    width = likeliest.locator("i").evaluate("bar => parseFloat(bar.style.width)")
    assert 70 < width < 85
    tokens.last.focus()
    page.keyboard.press("ArrowLeft")
    expect(machine.get_by_text("' France' looks at")).to_be_visible()
    machine.get_by_role("combobox").select_option("previous")
    expect(machine.get_by_text("' France' looks at ' of'")).to_be_visible()
    likeliest.click()
    expect(text).to_have_value("The capital of France is Paris")
    expect(tokens).to_have_count(6)
    text.fill("a b " * 40)
    expect(said).to_have_text("This text is 81 tokens: this page reads 32 at most.")
    expect(tokens).to_have_count(6)
    text.fill("I like 🦕")
    note = machine.get_by_text("Bytes between ‹ and › are a part of a character.")
    expect(note).to_be_visible()
    expect(tokens.last).to_contain_text("‹")
    assert "�" not in machine.inner_text()
    text.fill("The")
    expect(tokens).to_have_count(1)
    expect(note).to_be_hidden()
    text.focus()
    with page.expect_response(re.compile("llmlib/start(?!.*known=0)")):  # the page around it is new
        page.evaluate("""() => jupyterapp.serviceManager.contents.save("notes.txt",
            {type: "file", format: "text", content: ""})""")
    expect(page.locator(".llm-start .llm-bar").first).to_be_visible()
    expect(text).to_have_value("The")
    expect(text).to_be_focused()
