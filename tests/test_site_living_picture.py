"""The living picture of the landing page in a real browser: it is drawn from the recorded run or
the live one, it moves, and it stands still where it should."""

import re

import landing_site
import pytest
from browser import SHOTS, new_page
from landing_site import figures
from playwright.sync_api import expect
from static_server import served

from llmlib import output_head
from llmlib.demonstrations.layers import head, residual_stream
from llmlib.widgets.attention_explorer import run as attention_maps

pytestmark = pytest.mark.browser
PIZZA = "My favourite food is 🍕"
COUNT_FRAMES = """
  window.frames_drawn = 0;
  const asked = window.requestAnimationFrame;
  window.requestAnimationFrame = then => asked(time => {
    window.frames_drawn += 1;
    then(time);
  });
"""
HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""
PIXELS = "document.querySelector('.tower').toDataURL()"
LIT = "[...document.querySelectorAll('.to.lit')].map(each => Number(each.firstChild.textContent))"


@pytest.fixture(scope="module")
def address():
    with served(landing_site.built()) as server:
        yield f"{server.address}/index.html"


@pytest.fixture
def living(chromium, address):
    """The page as most readers meet it, when the picture has begun to move."""
    with new_page(chromium) as page:
        page.add_init_script(COUNT_FRAMES)
        page.goto(address)
        expect(page.locator(".to.lit").first).to_be_visible()
        yield page
        assert not page.complaints


@pytest.fixture
def still(chromium, address):
    with new_page(chromium, reduced_motion="reduce") as page:
        page.goto(address)
        expect(page.locator(".moved")).to_be_visible()
        yield page
        assert not page.complaints


def frames(page):
    return page.evaluate("frames_drawn")


def prompt_ids():
    found = figures("recorded")
    return [each["id"] for each in found["tokens"][: found["prompt_length"]]]


def word(i):
    """A token as the page writes it: a part of a character as its bytes."""
    spelled = landing_site.model().tokenizer.vocab[i]
    try:
        return spelled.decode().replace(" ", "·").replace("\n", "⏎")
    except UnicodeDecodeError:
        return f"‹{spelled.hex(' ')}›"


# What it shows -----------------------------------------------------------------------------------


def test_its_description_says_what_the_model_does(still):
    model, ids = landing_site.model(), prompt_ids()
    shares = output_head.softmax(head(model, residual_stream(model, ids)[:, -1]))
    drafts = [word(i) for i in shares.argmax(dim=-1)[1:].tolist()]
    maps, _ = attention_maps(model, model.parts.attention, ids)
    looks = maps[:, :, -1, 1:-1].amax(dim=1)  # layer seen; the first token is left out
    strongest = looks.flatten().topk(3)
    said = still.locator(".tower").get_attribute("aria-label").replace("\u00a0", " ")
    assert figures("recorded")["prompt"] in said
    changes = [i for i, each in enumerate(drafts) if i == 0 or each != drafts[i - 1]]
    assert f"“{drafts[-1]}” from layer {changes[-1]}" in said
    told = said.split("on the way: ")[1].split(". At the end")[0].split(", “")
    assert 2 <= len(told) <= 4
    for each in told:
        text, layer = each.strip("“").split("” from layer ")
        assert int(layer) in changes and drafts[int(layer)] == text
    for at, share in zip(strongest.indices.tolist(), strongest.values.tolist()):
        layer, j = divmod(at, looks.shape[1])
        assert f"to “{word(ids[j + 1])}” in layer {layer} ({round(100 * share)} %)" in said


# How it moves ------------------------------------------------------------------------------------


def test_it_rises_and_the_chosen_token_joins_the_text(living):
    stages, pictures = [], set()
    count = len(prompt_ids())
    for _ in range(400):
        for each in living.evaluate(LIT):
            if each not in stages[-2:]:
                stages.append(each)
        pictures.add(living.evaluate(PIXELS))
        if living.locator("#text .chip:not(.flying)").count() > count and 7 in stages:
            break
        living.wait_for_timeout(40)
    assert [each for each in stages if each > 2][:5] == [3, 4, 5, 6, 7]
    assert len(pictures) > 20
    written = living.locator(".written").inner_text()
    assert written.startswith(figures("recorded")["prompt"]) and len(written) > len(
        figures("recorded")["prompt"]
    )
    living.screenshot(path=SHOTS / "living-picture.png")


def test_it_can_be_paused_with_the_keyboard_and_goes_on(living):
    pause = living.get_by_role("button", name="Pause")
    pause.focus()
    living.keyboard.press("Enter")
    before = living.evaluate(PIXELS), living.evaluate(LIT)
    living.wait_for_timeout(200)
    count = frames(living)
    living.wait_for_timeout(1500)
    assert frames(living) == count
    assert (living.evaluate(PIXELS), living.evaluate(LIT)) == before
    living.get_by_role("button", name="Play").click()
    living.wait_for_function("before => frames_drawn > before + 20", arg=count)
    living.wait_for_function(f"before => {PIXELS} !== before", arg=before[0])


@pytest.mark.parametrize("how", ("scrolled", "hidden"))
def test_it_stops_where_nobody_sees_it(living, how):
    if how == "hidden":
        living.evaluate(HIDE, True)
    else:
        living.locator("#stage-again").scroll_into_view_if_needed()
    living.wait_for_timeout(800)
    count, text = frames(living), living.locator(".written").text_content()
    living.wait_for_timeout(5000)  # longer than a turn takes
    assert frames(living) == count
    assert living.locator(".written").text_content() == text
    if how == "hidden":
        living.evaluate(HIDE, False)
    else:
        living.evaluate("scrollTo(0, 0)")
    living.wait_for_function("before => frames_drawn > before + 20", arg=count)


def test_next_token_while_it_moves_ends_what_moves(living):
    onward = living.get_by_role("button", name="Next token")
    count = len(prompt_ids())
    for _ in range(6):  # each second press ends the flight that the first has begun
        onward.click()
    expect(living.locator("#text .chip:not(.flying)")).to_have_count(count + 3)
    expect(living.get_by_role("button", name="Play")).to_be_visible()
    expect(living.locator(".flyer")).to_have_count(0)


# What it opens -----------------------------------------------------------------------------------


# Live --------------------------------------------------------------------------------------------


def test_with_the_model_it_reads_as_one_types_and_a_bar_appends_its_token(living):
    model, encode = landing_site.model(), landing_site.model().tokenizer.encode
    living.get_by_role("button", name="Run here (98 MB, once)").click()
    expect(living.locator("#run-status")).to_contain_text("Live", timeout=240_000)
    field, bars = living.locator("#prompt"), living.locator("#next li")
    field.fill("")
    field.press_sequentially(PIZZA, delay=20)
    ids = encode(PIZZA)
    expect(living.locator(".written")).to_have_text(PIZZA)
    expect(living.locator("#text .chip")).to_have_count(len(ids))
    assert any("‹" in each for each in living.locator("#text .chip").all_inner_texts())

    def likeliest(ids):
        return [word(i) for i in model(ids, last=True)[0, -1].topk(6).indices.tolist()]

    words = living.locator("#next .word")
    expect(words).to_have_text(likeliest(ids))
    # half a character is named by its bytes: no "\ufffd" anywhere
    assert "\ufffd" not in living.locator("main").inner_text()
    expect(living.locator(".tower")).to_have_attribute("aria-label", re.compile(PIZZA))
    assert "\ufffd" not in living.locator(".tower").get_attribute("aria-label")
    third = model(ids, last=True)[0, -1].topk(3).indices[-1].item()
    press = bars.nth(2).get_by_role("button")
    press.focus()
    living.keyboard.press("Enter")
    expect(living.locator("#text .chip.new:not(.flying)")).to_have_text([word(third)])
    expect(words).to_have_text(likeliest([*ids, third]))
    assert living.evaluate("document.activeElement.closest('#next') !== null")
    expect(field).to_have_value(model.tokenizer.decode([*ids, third]))
