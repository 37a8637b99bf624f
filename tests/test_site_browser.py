"""The site in Chromium: readable in both themes and at any width, by mouse and by keyboard, and
what a reader did is there when they come back."""

import contextlib
import re

import browser
import pytest
from static_server import served, status

from authoring import quiz_source
from authoring.site import build
from classroom import predict
from exercises.format import notebooks

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.needs("chromium")]
NAMES = ["index", *notebooks.names(), *build.REFERENCE]
CHAPTER = "01_tokens"
MEGABYTE = 1_000_000
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def address(site):
    with served(site) as server:
        yield server.address


@contextlib.contextmanager
def opened(chromium, address, name, **options):
    with browser.new_page(chromium, reduced_motion="reduce", **options) as page:
        page.goto(f"{address}/{name}.html")
        yield page
        assert not page.complaints


@pytest.fixture(scope="module")
def modules(chromium, address):
    """A page that can be asked what a function of the site's modules returns."""
    with browser.new_page(chromium) as page:
        page.goto(f"{address}/quiz.html")
        yield page


# All pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_page_is_light_fits_a_phone_asks_nobody_else_and_axe_finds_nothing_serious(
    chromium, address, name
):
    options = {"width": 390, "color_scheme": "dark", "bypass_csp": True}  # for axe
    with browser.new_page(chromium, reduced_motion="reduce", **options) as page:
        asked = []
        page.on("response", lambda answer: asked.append((answer.url, len(answer.body()))))
        page.goto(f"{address}/{name}.html", wait_until="networkidle")
        page.screenshot(path=browser.SHOTS / f"site-{name}-390-dark.png")
        urls, sizes = zip(*asked)
        assert len(urls) > 3 and all(url.startswith(address) for url in urls)
        assert 10_000 < sum(sizes) < MEGABYTE
        assert page.evaluate(WIDER) == 0
        assert browser.serious_faults(page) == []
        assert not page.complaints


EVERYTHING_OPEN = """() => {
  document.querySelectorAll("form.prediction [data-guess='']").forEach(button => button.click());
  document.querySelectorAll(".question").forEach((question, i) =>
    question.querySelectorAll("button[data-letter]")[i % 4].click());
  document.querySelectorAll("main details").forEach(details => details.open = true);
}"""


# until the place is painted: else a busy browser has not seen that it came into sight
STAY = """each => new Promise(resolve => {
  each.scrollIntoView();
  requestAnimationFrame(() => requestAnimationFrame(resolve));
})"""


def drawn_widgets(page):
    """All widgets of a page, brought into sight and drawn: what can be pressed has its name."""
    for still in page.locator("[data-widget]").all():
        still.evaluate(STAY)
    widgets = page.locator("section.widget")
    browser.expect(widgets).to_have_count(page.locator("[data-widget]").count())
    nameless = widgets.locator("button").filter(has_not_text=re.compile(r"\S"))
    browser.expect(nameless.and_(page.locator(":not([aria-label])"))).to_have_count(0)
    return widgets


@pytest.mark.parametrize("name, theme", [*zip(notebooks.names(), 4 * ["light", "dark"])])
def test_axe_finds_nothing_serious_in_what_was_folded(chromium, address, name, theme):
    options = {"color_scheme": theme, "bypass_csp": True}
    with opened(chromium, address, name, width=390, **options) as page:
        page.evaluate(EVERYTHING_OPEN)
        drawn_widgets(page)
        assert page.evaluate(WIDER) == 0
        assert browser.serious_faults(page) == []


def test_the_contents_open_on_a_phone_and_close_again(chromium, address):
    with opened(chromium, address, CHAPTER, width=390) as page:
        contents, button = page.locator("#contents"), page.locator("#menu")
        assert not contents.is_visible()
        button.focus()
        page.keyboard.press("Enter")
        assert contents.is_visible() and button.get_attribute("aria-expanded") == "true"
        page.keyboard.press("Escape")
        assert not contents.is_visible()
        assert page.evaluate("document.activeElement.id") == "menu"
        button.click()
        page.locator("#contents .sections a", has_text="1.5 Training").click()
        assert not contents.is_visible()
        page.wait_for_url("**#1.5-training")
        top = page.locator("#\\31 \\.5-training").bounding_box()["y"]
        assert 0 <= top < 200  # below the bar, in sight


def test_without_javascript_all_can_be_read(chromium, address):
    with opened(chromium, address, CHAPTER, java_script_enabled=False) as page:
        assert page.locator("#contents").is_visible()
        assert page.locator("button:visible").count() == 0
        assert page.locator("pre.printed:visible").count() > 10
        assert page.locator("form.prediction").first.locator("legend").is_visible()
        page.goto(f"{address}/quiz.html")
        options = page.locator("#q01 li span.unscripted:visible")
        assert options.count() == 4


@pytest.mark.parametrize("kept", ["", "null", "[1]", '"text"', "{", "7"])
def test_what_the_storage_holds_may_be_anything(chromium, address, kept):
    with browser.new_page(chromium) as page:
        page.goto(f"{address}/quiz.html")
        page.evaluate("kept => localStorage.setItem('llmlib:quiz', kept)", kept)
        page.reload()
        page.locator("#q01 button[data-letter=B]").click()
        assert page.locator("#q01 button[aria-pressed=true]").count() == 1
        assert not page.complaints


def test_the_site_works_from_any_folder_of_a_server(chromium, site):
    with served(site.parent) as server, browser.new_page(chromium) as page:
        page.goto(f"{server.address}/{site.name}/errata.html")
        page.locator("#search-open").click()
        page.keyboard.type("rope")
        page.locator("#search li a").first.click()
        assert f"/{site.name}/glossary.html#rope" in page.url and page.locator("h1").count() == 1
        page.goto(f"{server.address}/{site.name}/index.html", wait_until="networkidle")
        assert not page.complaints


def test_a_widget_that_cannot_be_fetched_leaves_its_picture(chromium, site):
    with served(site) as server, browser.new_page(chromium) as page:
        server.faults["tokenizer_playground.js"] = status(503)
        page.goto(f"{server.address}/{CHAPTER}.html")
        still = page.locator("[data-widget=tokenizer_playground]")
        with page.expect_response("**/tokenizer_playground.js"):
            still.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        assert still.is_visible() and page.locator("section.widget").count() == 0


# Search -------------------------------------------------------------------------------------------


def test_the_search_finds_by_keyboard_and_leads_there(chromium, address):
    with opened(chromium, address, "errata") as page:
        page.keyboard.press("/")
        dialog = page.locator("#search")
        assert dialog.is_visible()
        page.keyboard.type("attention sink")
        first = dialog.locator("li a").first
        browser.expect(first).to_have_text("attention sink")
        assert "places" in dialog.locator("[role=status]").inner_text()
        assert dialog.locator("li mark").first.inner_text().lower() == "attention"
        page.keyboard.press("Enter")
        page.wait_for_url("**/glossary.html#attention-sink")
        page.locator("#search-open").click()
        page.keyboard.type("xyzzy")
        browser.expect(dialog.locator("[role=status]")).to_contain_text("Nothing found")
        page.keyboard.press("Escape")
        assert not dialog.is_visible()


def test_a_search_without_its_index_says_so_and_tries_again(chromium, site):
    with served(site) as server, browser.new_page(chromium) as page:
        server.faults["search.json"] = status(503)
        page.goto(f"{server.address}/errata.html")
        page.locator("#search-open").click()
        page.keyboard.type("rope")
        said = page.locator("#search [role=status]")
        browser.expect(said).to_contain_text("could not be loaded")
        server.faults.clear()
        page.keyboard.type(" ")
        browser.expect(said).to_contain_text("places")


# The quiz -----------------------------------------------------------------------------------------


def test_a_question_is_answered_by_click_and_by_key_and_kept(chromium, address):
    first, second = quiz_source.read()[:2]
    wrong = next(letter for letter in "ABCD" if letter != first.right)
    with opened(chromium, address, "quiz") as page:

        def option(question, letter):
            return page.locator(f"#{question.name} button[data-letter={letter}]")

        def feedback(question):
            return page.locator(f"#{question.name} .feedback:visible")

        assert feedback(first).count() == 0
        option(first, wrong).click()
        assert "✗ not it" in option(first, wrong).inner_text()
        assert feedback(first).count() == 1
        said = page.locator(f"#{first.name} .said")
        assert f"✗ {wrong} is not it." in said.inner_text()
        assert said.bounding_box()["width"] <= 1  # for ears: the option says it to the eyes
        option(first, first.right).focus()
        page.keyboard.press("Enter")
        assert "✓ right" in option(first, first.right).inner_text()
        assert page.evaluate("document.activeElement.dataset.letter") == first.right
        option(second, second.right).focus()
        page.keyboard.press("Space")
        total = len(quiz_source.read())
        score = f"2 of {total} right. First answers right: 1 of {total}."
        assert page.locator("p.score").first.inner_text().startswith(score)
        page.reload()
        assert page.locator("p.score").first.inner_text().startswith(score)
        assert option(first, first.right).get_attribute("aria-pressed") == "true"
        page.locator("p.score button").first.click()
        assert page.locator("p.score").first.inner_text().startswith("0 of")
        assert feedback(first).count() == 0


def test_every_option_gives_its_own_feedback(chromium, address):
    with opened(chromium, address, "quiz") as page:
        wrong = page.evaluate("""() => [...document.querySelectorAll(".question")].filter(section =>
          [...section.querySelectorAll("button[data-letter]")].some(button => {
            button.click();
            const shown = [...section.querySelectorAll(".feedback")].filter(each => !each.hidden);
            const right = button.dataset.letter === section.dataset.right;
            return shown.length !== 1 || shown[0].dataset.letter !== button.dataset.letter ||
              !section.querySelector(".said").textContent.startsWith(right ? "✓" : "✗") ||
              (section.querySelector(".why")?.hidden ?? !right) !== !right;
          })).map(section => section.id)""")
        assert wrong == []


# The cards of the landing page -------------------------------------------------------------------


def test_a_card_says_how_far_the_reader_is(chromium, address):
    with opened(chromium, address, "index", width=390) as page:
        cards = page.locator(".chapters-list a")
        browser.expect(cards).to_have_count(8)
        assert page.locator(".progress").count() == 0
        cards.first.click()
        page.locator("form.prediction [data-guess='']").first.click()
        page.locator("form.prediction [data-guess='']").nth(1).click()
        page.goto(f"{address}/quiz.html")
        page.locator("#q01 button[data-letter=A]").click()
        page.goto(f"{address}/index.html")
        total = cards.first.get_attribute("data-of")
        browser.expect(cards.first).to_contain_text(f"2 of {total} guesses made")
        browser.expect(cards.last).to_contain_text(f"1 of {len(quiz_source.read())} answered")
        assert page.locator(".progress").count() == 2
        cards.first.click()
        page.locator("form.prediction [data-guess='']").nth(2).click()
        page.go_back()
        browser.expect(cards.first).to_contain_text(f"3 of {total} guesses made")


# Predictions --------------------------------------------------------------------------------------


def test_an_answer_is_covered_until_there_is_a_guess(chromium, address):
    with opened(chromium, address, CHAPTER) as page:
        form = page.locator("form[data-key=question]")
        card = page.locator(".card", has=form)
        answer, explained = (
            card.locator(".answer").first,
            page.locator("[data-prediction=question]"),
        )
        assert not answer.is_visible() and not explained.is_visible()
        form.locator("[data-guess=B]").scroll_into_view_if_needed()
        before = page.evaluate("scrollY")
        form.locator("[data-guess=B]").click()
        said = "You said B, ' Machine'. It is A, a new line."
        assert said in card.inner_text() and answer.is_visible()
        assert card.inner_text().count("You said") == 1
        assert page.evaluate("scrollY") == before
        assert form.locator(".said").bounding_box()["y"] < 900
        assert explained.is_visible() and explained.get_attribute("open") is not None
        page.reload()
        assert said in card.inner_text()
        assert form.locator("[data-guess=A]").is_disabled()  # the first guess stands
        table = page.locator(".predictions")
        assert "0 of 1 as you predicted" in table.inner_text() and said[9:19] in table.inner_text()
        table.locator("button").click()
        assert not answer.is_visible() and "You said" not in card.inner_text()
        assert "No predictions yet" in table.inner_text()


@pytest.mark.parametrize("name", [each.name for each in notebooks.lessons()])
def test_no_code_and_no_text_between_a_question_and_its_answer_can_be_read_before(
    chromium, address, name
):
    locked = "details[data-before] > summary, details.reveal > summary"
    with opened(chromium, address, name) as page:
        forms = page.locator("form.prediction")
        assert page.locator(".answer:visible, .reveals:visible").count() == 0
        page.get_by_role("button", name="Show all code").click()
        page.locator(locked).evaluate_all("all => all.forEach(summary => summary.click())")
        assert page.locator("details.source[open]").count() > 10
        assert page.locator("[data-before][open], details.reveal[open]").count() == 0
        page.evaluate(EVERYTHING_OPEN)
        assert page.locator(".answer:visible").count() > forms.count() / 2
        said = page.locator("form.prediction .said").all_inner_texts()
        assert len(said) == forms.count() and all(each.startswith("It is ") for each in said)
        assert page.locator("[data-locked=true]").count() == 0


def test_a_link_into_a_covered_answer_leads_to_its_question(chromium, address):
    with opened(chromium, address, CHAPTER) as page:
        hidden = page.locator(".answer").last.locator(".cell").first
        anchor = hidden.get_attribute("id")
        form = page.locator(f".card:has(#{anchor}) form")
        page.goto(f"{address}/{CHAPTER}.html#{anchor}")
        browser.expect(form).to_be_in_viewport()
        form.locator("[data-guess='']").click()
        page.reload()
        browser.expect(hidden).to_be_in_viewport()


def test_a_number_is_guessed_as_people_type_it(chromium, address):
    with opened(chromium, address, CHAPTER) as page:
        form, said = page.locator("form[data-key=paris]"), "form[data-key=paris] .said"
        form.locator("input[type=range]").focus()
        page.keyboard.press("ArrowRight")
        assert form.locator(".guess").input_value() == "0.51"
        form.locator(".guess").fill("")
        form.locator(".guess").press_sequentially("2e")
        page.keyboard.press("Enter")
        assert "Write a number" in page.locator(said).inner_text()
        form.locator(".guess").fill("0.75")
        page.keyboard.press("Enter")
        answer = form.get_attribute("data-words")
        assert page.locator(said).inner_text() == f"✓ You said 0.75. It is {answer}."


@pytest.mark.parametrize("within", [None, 0, 0.1, 5])
def test_a_guess_is_right_when_the_notebook_says_so(modules, within, monkeypatch):
    monkeypatch.setattr(predict, "_say", lambda *_: None)
    asked = """async ([guess, answer, within]) => (await import("./assets/predictions.js"))
      .isRight(guess, answer, within ?? undefined)"""
    right = {4: 5.0, 3.75: 5.0, 3.7: 5.0, -4: -5.0, 0: 0.0, 5: 5.0, 9: 4.0}
    for yours, answer in right.items():
        predict._guesses.clear()
        predict.predict("k", "how many?", yours=yours)
        predict.reveal("k", answer, within)
        got = modules.evaluate(asked, [str(yours), str(answer), within])
        assert got == predict._guesses["k"]["right"], (yours, answer)
    assert modules.evaluate(asked, ["A", "A", None]) and not modules.evaluate(
        asked, ["A", "B", None]
    )


def test_each_chapter_keeps_its_own_predictions(chromium, address):
    with opened(chromium, address, CHAPTER) as page:
        page.locator("form.prediction [data-guess='']").first.click()
        kept = "Object.keys(localStorage).filter(name => name.includes('predictions'))"
        assert page.evaluate(kept) == [f"llmlib:predictions:{CHAPTER}"]
        page.goto(f"{address}/02_embeddings.html")
        assert page.locator("form.prediction fieldset:disabled").count() == 0
