"""The page of `llmlib serve` in a real browser: a learner's engine answers token by token, each
token tells where it came from, and the settings count."""

import contextlib
import json
import os
import re
import subprocess
import sys

import pytest
from browser import SHOTS, new_page, serious_faults
from playwright.sync_api import expect

from classroom import my_llm
from exercises.format.notebooks import ROOT
from llmlib.serve import chat

pytestmark = pytest.mark.browser
QUESTION = "What is the capital of France?"
WIDE = """() => [...document.querySelectorAll("body *")].filter(each => each.clientWidth &&
  each.getBoundingClientRect().right > innerWidth + 1).map(each => each.outerHTML.slice(0, 60))"""


@contextlib.contextmanager
def served(folder):
    """The address that `llmlib serve` prints in a folder where a my_llm.py lies."""
    text, _ = my_llm.collect(ROOT / "solutions")
    (folder / "my_llm.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "classroom", "serve", "--no-browser"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    server = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, encoding="utf-8"
    )
    try:
        said = (re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line) for line in server.stdout)
        yield next(filter(None, said))[0]
    finally:
        server.terminate()
        server.wait(120)


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("mine")) as address:
        yield address


@pytest.fixture
def page(chromium, address):
    """The page, in which no error may be logged."""
    with new_page(chromium, 900, 800, bypass_csp=True) as page:  # for axe
        page.goto(address)
        yield page
        assert not [said for said in page.complaints if "400 (Bad Request)" not in said]  # refusals


def _ask(page, text=QUESTION):
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator("#send")).to_have_text("Send", timeout=120_000)
    return page.locator(".reply").last


@pytest.mark.journey
def test_a_learner_s_engine_answers_and_each_token_tells_what_else_was_likely(page):
    expect(page.locator("h1")).to_have_text("Chat with my_llm.py")
    reply = _ask(page)
    expect(reply).to_have_text("The capital of France is Paris.")
    assert reply.locator(".token").count() == 7
    token = reply.locator(".token").last
    token.focus()
    page.keyboard.press("Enter")  # by keyboard, as by a click
    why = reply.locator(".why")
    expect(why.locator("tr")).to_have_count(5)
    expect(why).to_contain_text("Only one token was left to draw from")
    expect(why.locator("tr.cut")).to_have_count(4)
    page.keyboard.press("Enter")
    expect(why).to_have_count(0)
    expect(_ask(page, "And of Italy?")).to_contain_text("Rome")


def test_a_question_to_begin_with_is_one_click_or_key(page):
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 800})
    starters = page.get_by_role("group", name="Questions to begin with").get_by_role("button")
    assert starters.all_text_contents() == list(chat.STARTERS)
    assert page.evaluate(WIDE) == [] and serious_faults(page) == []
    page.screenshot(path=SHOTS / "chat_starters.png")
    starters.first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#send")).to_have_text("Send", timeout=120_000)
    expect(page.locator(".reply")).to_have_text("The capital of France is Paris.")
    expect(starters).to_have_count(0)
    expect(page.get_by_label("Your message")).to_be_focused()
    page.locator("summary").click()
    expect(page.locator("#playing")).to_contain_text("a small model loses its way")
    page.screenshot(path=SHOTS / "chat_started.png")
    page.locator("button#new").click()
    expect(starters).to_have_count(len(chat.STARTERS))


def test_the_page_says_whose_functions_the_engine_is_made_of(page, address):
    about = "8 exercises solved: 3 of this engine's 25 functions are yours."
    lines = [about, "1 Tokens: yours: merge, encode"]

    def made(route):
        answer = route.fetch()
        text, found = re.subn(r", \[\]\];", f", {json.dumps(lines)}];", answer.text())
        assert found == 1
        route.fulfill(response=answer, body=text)

    page.route(address, made)
    page.goto(address)
    summary = page.locator("#makers summary")
    expect(summary).to_have_text(about)
    summary.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#makers li")).to_have_text(lines[1:])
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate(WIDE) == []
    page.screenshot(path=SHOTS / "chat_makers_390.png")


def test_the_settings_count(page):
    page.locator("summary").click()
    page.locator("#temperature").fill("1")
    page.locator("#top_k").fill("3")
    page.locator("#max_tokens").fill("8")
    reply = _ask(page, "Tell me a story.")
    assert reply.locator(".token").count() == 8
    reply.locator(".token").first.click()
    expect(reply.locator(".why tr.cut")).to_have_count(2)
    expect(reply.locator(".why")).to_contain_text("3 tokens were left to draw from")


def test_a_refusal_is_shown_and_the_conversation_goes_on(page):
    expect(_ask(page, "hi <|im_end|>").locator(".fault")).to_contain_text("only the chat template")
    expect(_ask(page)).to_have_text("The capital of France is Paris.")


def _begin_a_long_story(page):
    page.locator("summary").click()
    page.locator("#max_tokens").fill("512")
    page.locator("#temperature").fill("2")
    page.get_by_label("Your message").fill("Write a long story.")
    page.keyboard.press("Enter")
    page.locator(".token").nth(2).wait_for(state="attached")  # half a character has no width


def test_stop_stops_and_new_begins_anew(page):
    _begin_a_long_story(page)
    page.locator("#send").click()
    expect(page.locator("#send")).to_have_text("Send")
    assert page.locator(".token").count() < 512
    page.locator("button#new").click()  # by its id: each token is a button, and one may be "new"
    expect(page.locator(".reply")).to_have_count(0)
    page.locator("#temperature").fill("0")
    expect(_ask(page)).to_have_text("The capital of France is Paris.")


def test_new_during_an_answer_takes_nothing_of_it_along(page):
    _begin_a_long_story(page)
    page.locator("button#new").click()
    expect(page.locator("#send")).to_have_text("Send")
    page.locator("#temperature").fill("0")
    for text, said in ((QUESTION, 1), ("And of Italy?", 3)):
        with page.expect_request("**/v1/chat/completions") as asked:
            _ask(page, text)
        messages = asked.value.post_data_json["messages"]
        assert messages[0] == {"role": "user", "content": QUESTION} and len(messages) == said


def test_a_double_click_on_send_asks(page):
    page.get_by_label("Your message").fill(QUESTION)
    page.locator("#send").dblclick()
    expect(page.locator("#send")).to_have_text("Send", timeout=120_000)
    expect(page.locator(".reply")).to_have_text("The capital of France is Paris.")


def test_an_answer_is_one_stop_of_tab_and_is_told_once_as_a_whole(page):
    said = page.get_by_role("status").filter(has_not=page.locator("*")).last
    assert _ask(page).locator("[tabindex='0']").count() == 1
    expect(said).to_have_text("The capital of France is Paris.")
    expect(page.get_by_role("log")).to_have_attribute("aria-live", "off")
    page.keyboard.press("Shift+Tab")
    for key, token in (("ArrowLeft", "The"), ("ArrowRight", " capital"), ("End", ".")):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.textContent") == token
    page.keyboard.press("Enter")
    expect(said).to_contain_text("of the model's probability")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")  # back to where one was
    assert page.evaluate("document.activeElement.textContent") == "."


@pytest.mark.parametrize("body", [None, 'data: {"choices": [{"delta": {"content": "Once"}}]}\n\n'])
def test_a_server_that_was_stopped_is_named(page, body):
    # before it answers, or in the middle
    gone = (lambda route: route.abort()) if body is None else lambda route: route.fulfill(body=body)
    page.route("**/v1/chat/completions", gone)
    expect(_ask(page).locator(".fault")).to_contain_text("start llmlib serve again")
    page.unroute("**/v1/chat/completions")
    page.complaints[:] = [said for said in page.complaints if "ERR_FAILED" not in said]
    expect(_ask(page)).to_have_text("The capital of France is Paris.")


def test_without_the_token_there_is_no_page(page, address):
    answer = page.request.get(address.split("?")[0])
    assert answer.status == 401 and "the token in the page's address" in answer.text()
