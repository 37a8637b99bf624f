"""The site in Chromium: readable in both themes and at any width, by mouse and by keyboard, and
what a reader did is there when they come back."""

import contextlib
import json

import browser
import pytest
from axe_playwright_python.sync_playwright import Axe
from static_server import served, status

from authoring import quiz_source
from authoring.site import build
from llmlib.course import predict, prediction_cells
from llmlib.course.format import notebooks

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


def serious_faults(page):
    """What axe finds in a page, less what it calls minor or moderate."""
    # preload: axe would fetch the style sheets again, some from the wrong folder
    found = Axe().run(page, options={"resultTypes": ["violations"], "preload": False})
    return [
        (each["id"], node["html"][:200])
        for each in found.response["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"][:3]
    ]


# All pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_axe_finds_nothing_serious(chromium, address, name, theme):
    with opened(chromium, address, name, color_scheme=theme, bypass_csp=True) as page:
        assert serious_faults(page) == []


EVERYTHING_OPEN = """() => {
  document.querySelectorAll("form.prediction [data-guess='']").forEach(button => button.click());
  document.querySelectorAll(".question").forEach((question, i) =>
    question.querySelectorAll("button[data-letter]")[i % 4].click());
  document.querySelectorAll("main details").forEach(details => details.open = true);
}"""


@pytest.mark.parametrize("name, theme", [*zip(notebooks.names(), 4 * ["light", "dark"])])
def test_axe_finds_nothing_serious_in_what_was_folded(chromium, address, name, theme):
    options = {"color_scheme": theme, "bypass_csp": True}
    with opened(chromium, address, name, **options) as page:
        page.evaluate(EVERYTHING_OPEN)
        for still in page.locator("[data-widget]").all():
            still.evaluate("each => each.scrollIntoView()")
        widgets = page.locator("section.widget")
        browser.expect(widgets).to_have_count(page.locator("[data-widget]").count())
        assert serious_faults(page) == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_wider_than_a_phone_and_nothing_comes_from_elsewhere(chromium, address, name):
    with browser.new_page(chromium, width=390, color_scheme="dark") as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{address}/{name}.html", wait_until="networkidle")
        page.screenshot(path=browser.SHOTS / f"site-{name}-390-dark.png")
        assert page.evaluate(WIDER) == 0
        assert len(asked) > 3 and all(url.startswith(address) for url in asked)
        assert not page.complaints


@pytest.mark.parametrize("name", NAMES)
def test_a_page_loads_less_than_a_megabyte_by_itself(chromium, address, name):
    with browser.new_page(chromium) as page:
        sizes = []
        page.on("response", lambda response: sizes.append(len(response.body())))
        page.goto(f"{address}/{name}.html", wait_until="networkidle")
        page.screenshot(path=browser.SHOTS / f"site-{name}-1280.png")
        assert 3 < len(sizes) and 10_000 < sum(sizes) < MEGABYTE


def test_the_theme_is_the_systems_until_the_button_chooses_one(chromium, address):
    ground = "getComputedStyle(document.body).backgroundColor"
    with opened(chromium, address, "quiz", color_scheme="dark") as page:
        dark = page.evaluate(ground)
        button = page.locator("#theme")
        assert button.inner_text() == "Light"
        button.click()
        light = page.evaluate(ground)
        assert light == "rgb(255, 255, 255)" != dark
        page.goto(f"{address}/errata.html")
        assert page.evaluate(ground) == light  # kept, on every page
        page.locator("#theme").click()
        assert page.evaluate(ground) == dark


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


def test_the_contents_mark_the_section_that_is_read(chromium, address):
    with opened(chromium, address, CHAPTER) as page:
        page.locator("#\\31 \\.5-training").scroll_into_view_if_needed()
        page.evaluate("document.getElementById('1.5-training').scrollIntoView()")
        marked = page.locator(".sections [aria-current=location]")
        browser.expect(marked).to_have_text("1.5 Training")


def test_the_first_tab_leads_to_the_text(chromium, address):
    with opened(chromium, address, CHAPTER) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Skip to the text"
        assert page.locator(".skip").bounding_box()["x"] >= 0
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main"


def test_what_scrolls_sideways_can_be_reached_by_keyboard(chromium, address):
    with opened(chromium, address, CHAPTER, width=390) as page:
        page.wait_for_function("document.querySelectorAll('pre[tabindex=\"0\"]').length > 3")
        unreachable = page.evaluate("""() => [...document.querySelectorAll("main *")].filter(each =>
          each.scrollWidth > each.clientWidth && each.tabIndex < 0 && each.checkVisibility() &&
          ["auto", "scroll"].includes(getComputedStyle(each).overflowX)).length""")
        assert unreachable == 0


def test_in_print_the_text_is_alone_and_unfolded(chromium, address):
    with opened(chromium, address, CHAPTER, color_scheme="dark") as page:
        page.emulate_media(media="print")
        for part in (".top", "#contents", "footer"):
            assert not page.locator(part).is_visible()
        folded = "document.querySelectorAll('main details:not([open])').length"
        before = page.evaluate(folded)
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert before > 10 and page.evaluate(folded) == 0
        pdf = page.pdf(format="A4")
        assert pdf.startswith(b"%PDF") and len(pdf) > 100_000
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.evaluate(folded) == before


def test_without_javascript_all_can_be_read(chromium, address):
    with opened(chromium, address, CHAPTER, java_script_enabled=False) as page:
        assert page.locator("#contents").is_visible()
        assert page.locator("button:visible").count() == 0
        assert page.locator("pre.printed:visible").count() > 10
        assert page.locator("form.prediction").first.locator("legend").is_visible()
        page.goto(f"{address}/quiz.html")
        options = page.locator("#q01 li span.unscripted:visible")
        assert options.count() == 4


def test_a_browser_that_keeps_nothing_shows_all_the_same(chromium, address):
    with browser.new_page(chromium) as page:
        page.add_init_script("""
            for (const name of ["getItem", "setItem"])
              Storage.prototype[name] = () => { throw new DOMException("refused"); };""")
        page.goto(f"{address}/quiz.html")
        page.locator("#q01 button[data-letter=A]").click()
        assert page.locator("#q01 .said").inner_text()
        page.locator("#theme").click()
        page.goto(f"{address}/{CHAPTER}.html")
        page.locator("form.prediction [data-guess='']").first.click()
        assert not page.complaints


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
        assert f"/{site.name}/0" in page.url and page.locator("h1").count() == 1
        page.goto(f"{server.address}/{site.name}/index.html", wait_until="networkidle")
        assert not page.complaints


def test_a_widget_takes_the_place_of_its_picture_when_a_reader_comes_near(chromium, address):
    with opened(chromium, address, CHAPTER) as page:
        still = page.locator("[data-widget=tokenizer_playground]")
        assert still.is_visible() and page.locator("section.widget").count() == 0
        still.scroll_into_view_if_needed()
        page.locator("section.widget").wait_for()
        assert not still.is_visible()


def test_a_widget_that_cannot_be_fetched_leaves_its_picture(chromium, site):
    with served(site) as server, browser.new_page(chromium) as page:
        server.faults["tokenizer_playground.js"] = status(503)
        page.goto(f"{server.address}/{CHAPTER}.html")
        still = page.locator("[data-widget=tokenizer_playground]")
        with page.expect_response("**/tokenizer_playground.js"):
            still.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        assert still.is_visible() and page.locator("section.widget").count() == 0


def test_motion_is_reduced_where_that_is_asked(chromium, address):
    smooth = "getComputedStyle(document.documentElement).scrollBehavior"
    with browser.new_page(chromium, reduced_motion="reduce") as page:
        page.goto(f"{address}/errata.html")
        assert page.evaluate(smooth) == "auto"
    with browser.new_page(chromium, reduced_motion="no-preference") as page:
        page.goto(f"{address}/errata.html")
        assert page.evaluate(smooth) == "smooth"


# Search -------------------------------------------------------------------------------------------


def test_the_search_finds_by_keyboard_and_leads_there(chromium, address):
    with opened(chromium, address, "errata") as page:
        page.keyboard.press("/")
        dialog = page.locator("#search")
        assert dialog.is_visible()
        page.keyboard.type("attention sink")
        first = dialog.locator("li a").first
        browser.expect(first).to_have_text("The sink")
        assert "places" in dialog.locator("[role=status]").inner_text()
        assert dialog.locator("li mark").first.inner_text().lower() == "attention"
        page.keyboard.press("Enter")
        page.wait_for_url("**/03_attention.html#the-sink")
        page.locator("#search-open").click()
        page.keyboard.type("xyzzy")
        browser.expect(dialog.locator("[role=status]")).to_contain_text("Nothing found")
        page.keyboard.press("Escape")
        assert not dialog.is_visible()


def test_a_search_needs_every_word_and_titles_come_first(modules):
    sections = [
        {"page": "p", "title": "other", "text": "the cache, the cache, the cache", "url": "a"},
        {"page": "p", "title": "The KV cache", "text": "keys", "url": "b"},
        {"page": "p", "title": "naïve", "text": "keys", "url": "c"},
        {"page": "p", "title": "long", "text": "masks " + 2000 * "word ", "url": "d"},
        {"page": "p", "title": "short", "text": "masks", "url": "e"},
    ]
    find = """async ([sections, question]) =>
      (await import("./assets/search.js")).find(sections, question).map(each => each.url)"""
    for question, found in [
        ("cache", ["b", "a"]),
        ("CACHE keys", ["b"]),
        ("naive", ["c"]),
        ("masks", ["e", "d"]),
        ("cache nothing", []),
        ("  ", []),
        ("(", []),
    ]:
        assert modules.evaluate(find, [sections, question]) == found


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
        assert f"✗ {wrong} is not it." in page.locator(f"#{first.name} .said").inner_text()
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


# Predictions --------------------------------------------------------------------------------------


def test_an_answer_is_covered_until_there_is_a_guess(chromium, address):
    with opened(chromium, address, CHAPTER) as page:
        form = page.locator("form[data-key=question]")
        revealed = page.locator("""[data-reveals='["question"]']""")
        explained = page.locator("details.reveal[data-prediction=question]")
        code = page.locator("""[data-after-guess='["question"]']""")
        assert code.inner_text() == "The code of this run opens when you have guessed."
        assert "Predict first" in revealed.inner_text() and "0.279" not in revealed.inner_text()
        explained.locator("summary").click()
        assert explained.get_attribute("open") is None
        form.locator("[data-guess=B]").click()
        assert "Noted: B, ' Machine'" in form.locator(".said").inner_text()
        assert "show_next(" in code.inner_text() and "have guessed" not in code.inner_text()
        said = "You said B, ' Machine'. It is A, a new line."
        assert said in revealed.inner_text() and "0.279" in revealed.inner_text()
        assert explained.get_attribute("open") is not None
        page.reload()
        assert said in revealed.inner_text()
        assert form.locator("[data-guess=A]").is_disabled()  # the first guess stands
        table = page.locator(".predictions")
        assert "0 of 1 as you predicted" in table.inner_text() and said[9:19] in table.inner_text()
        table.locator("button").click()
        assert "Predict first" in revealed.inner_text()
        assert "No predictions yet" in table.inner_text()


def test_a_number_is_guessed_as_people_type_it(chromium, address):
    with opened(chromium, address, CHAPTER) as page:
        form, said = page.locator("form[data-key=paris]"), "form[data-key=paris] .said"
        form.locator(".guess").fill("about half")
        page.keyboard.press("Enter")
        assert "Write a number" in page.locator(said).inner_text()
        form.locator(".guess").fill("75 %")
        page.keyboard.press("Enter")
        revealed = page.locator("""[data-reveals='["paris"]']""")
        assert "✓ You said 0.75. It is 0.7725." in revealed.inner_text()


def test_who_has_no_guess_may_read_on(chromium, address):
    with opened(chromium, address, CHAPTER) as page:
        page.locator("form[data-key=paris] [data-guess='']").click()
        revealed = page.locator("""[data-reveals='["paris"]']""").inner_text()
        assert "It is 0.7725." in revealed and "You said" not in revealed


def test_a_slider_and_a_field_say_the_same(chromium, address):
    with opened(chromium, address, CHAPTER) as page:
        form = page.locator("form[data-key=paris]")
        form.locator("input[type=range]").focus()
        page.keyboard.press("ArrowRight")
        assert form.locator(".guess").input_value() == "0.51"


NUMBERS = ["0.5", "0,5", ".5", "50%", "50 %", "1/2", "5e-1", "1,000", "1 000", "−3", "+3", "12,5"]
NUMBERS += [
    "1,000,000.5",
    "50 percent",
    "1/0",
    "",
    "x",
    "1/2/3",
    "'7'",
    "1e999",
    "0x10",
    "½",
    "0,001",
]
NUMBERS += ["1,0000", "5 / 2", "1 000 000", "--1", "1.", "1e5%"]


@pytest.mark.parametrize("percent", [False, True])
def test_numbers_are_read_as_the_notebook_reads_them(modules, percent):
    read = """async ([texts, percent]) => {
      const { number } = await import("./assets/predictions.js");
      return texts.map(text => number(text, percent)); }"""
    question = "in percent" if percent else "how many"
    for text, got in zip(NUMBERS, modules.evaluate(read, [NUMBERS, percent])):
        try:
            wanted = prediction_cells.guess(text, question, None)
        except ValueError:
            wanted = None
        assert (got is None) == (wanted is None), text
        assert got is None or got == pytest.approx(wanted), text


@pytest.mark.parametrize("within", [None, 0, 0.1, 5])
def test_a_guess_is_right_when_the_notebook_says_so(modules, within, monkeypatch):
    monkeypatch.setattr(predict, "_say", lambda *_: None)
    asked = """async ([guess, answer, within]) => (await import("./assets/predictions.js"))
      .isRight(guess, answer, within ?? undefined)"""
    for yours, answer in [
        (4, 5.0),
        (3.75, 5.0),
        (3.7, 5.0),
        (-4, -5.0),
        (0, 0.0),
        (5, 5.0),
        (9, 4.0),
    ]:
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


def test_all_reveals_open_with_their_predictions(chromium, address):
    lessons = [each.name for each in notebooks.lessons()]
    with opened(chromium, address, lessons[0]) as page:
        for name in lessons:
            page.goto(f"{address}/{name}.html")
            covered = page.locator(".cover:visible").count()
            assert covered > 3
            page.evaluate("""() => document.querySelectorAll("form.prediction [data-guess='']")
              .forEach(button => button.click())""")
            assert page.locator(".cover:visible").count() == 0
            verdicts = page.locator(".verdicts .said").all_inner_texts()
            assert len(verdicts) == page.locator("form.prediction").count()
            assert all(each.startswith("It is ") for each in verdicts), json.dumps(verdicts)
