"""A reader writes the exercises in the page: by keyboard and on a phone, what is written stays,
nothing is overwritten unasked, and everyone reads the notebook that leads away and back."""

import contextlib
import json
import re
import shutil

import browser
import made_once
import nbformat
import pytest
from browser import expect, serious_faults
from static_server import served, status
from test_site_browser import WIDER

from authoring.site import npm, python_parts
from classroom.checking import check_notebooks, submission
from classroom.my_llm import learner_functions
from exercises.format import notebooks
from exercises.format.notebooks import ROOT
from grader import submissions

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.needs("chromium"),
    pytest.mark.needs("npm"),
]
BOOK = "01_tokens"
LESSONS = [each.name for each in notebooks.lessons()]
TASKS = {each.name: each for each in notebooks.load(BOOK).exercises}
SOLVED = {
    name: re.sub(r"\n *### (BEGIN|END) SOLUTION", "", task.solution) for name, task in TASKS.items()
}
CORE = sum(task.points > 0 for task in TASKS.values())
ALL_SOLVED = f"{CORE} of {CORE} exercises solved"
OVERLAPS = browser.WRONG_MERGE
HALF = "Mistake: the second half of the pair is still there: after a merge go on by two positions"
LONG = 120_000  # milliseconds
CHECKED = re.compile("all checks passed|Mistake:")


@pytest.fixture(scope="module")
def folder(site):
    """The folder of the built site, with Python and the editor."""

    def fill(made):
        shutil.copytree(site, made, dirs_exist_ok=True)
        python_parts.write(made)
        npm.write_editor(made)

    return made_once.folder("site-with-python", fill)


@pytest.fixture(scope="module")
def server(folder):
    with served(folder) as server:
        yield server


@contextlib.contextmanager
def opened(chromium, server, name=BOOK, **options):
    with browser.new_page(chromium, reduced_motion="reduce", **options) as page:
        page.goto(f"{server.address}/{name}.html")
        yield page
        assert not page.complaints


def place(page, name):
    return page.locator(f".write[data-exercise={name}]")


def verdict(page, name):
    return place(page, name).locator(".verdict")


def field(page, name):
    return place(page, name).get_by_role("textbox")


def open_editor(page, name):
    """By keyboard: afterwards the cursor is in the editor."""
    place(page, name).get_by_role("button", name=re.compile("Write it here|Go on writing")).focus()
    page.keyboard.press("Enter")
    expect(field(page, name)).to_be_focused()
    return place(page, name)


def write(page, code):
    """In the place of all that the editor in focus holds."""
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(code)


def text(page, name):
    """What the editor holds."""
    lines = "lines => lines.map(each => each.textContent).join('\\n')"
    return field(page, name).locator(".cm-line").evaluate_all(lines)


def kept(page, name):
    return page.evaluate(
        "key => JSON.parse(localStorage.getItem(key))", f"llmlib:exercise:{BOOK}:{name}"
    )


def keep(page, answers, book=BOOK):
    """As a visit before has kept it, without a check."""
    for name, code in answers.items():
        entry = [f"llmlib:exercise:{book}:{name}", json.dumps({"code": code})]
        page.evaluate("([key, text]) => localStorage.setItem(key, text)", entry)
    page.reload()


def file_buttons(page):
    """Opens the fold at the top that holds the ways to a notebook and back."""
    page.get_by_text("Work on this chapter").click()
    return page.locator(".files")


# Before the click --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LESSONS)
def test_the_page_holds_the_released_cells_and_asks_for_no_editor(chromium, server, name):
    released = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
    cells = {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in released.cells
        if notebooks.kind(cell) == "solution"
    }
    with browser.new_page(chromium) as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{server.address}/{name}.html", wait_until="networkidle")
        shown = page.locator(".write").evaluate_all("""all => Object.fromEntries(all.map(
          each => [each.dataset.exercise, each.nextElementSibling.querySelector("pre").textContent],
        ))""")
        assert shown == cells
        buttons = page.get_by_role("button", name="Write it here (6 MB, once)")
        assert buttons.count() == len(cells)
        early = re.compile(r"/python/|/codemirror/|editor\.js|exercises\.css|\.ipynb")
        assert len(asked) > 5 and not list(filter(early.search, asked))


# The journey --------------------------------------------------------------------------------------


@pytest.mark.journey
def test_notebook_1_is_written_in_the_page_by_keyboard(chromium, server, tmp_path):
    options = {"width": 390, "color_scheme": "dark", "bypass_csp": True}  # for axe
    with opened(chromium, server, **options) as page:
        page.set_default_timeout(LONG)
        for name, code in SOLVED.items():
            editor = open_editor(page, name)
            if name == "merge":
                write(page, OVERLAPS)
                page.keyboard.press("ControlOrMeta+Enter")
                expect(verdict(page, name)).to_contain_text(HALF, timeout=LONG)
                assert place(page, name).get_by_text("Not right yet").is_visible()
            write(page, code)
            page.keyboard.press("Escape")
            page.keyboard.press("Tab")
            expect(editor.get_by_role("button", name="Check")).to_be_focused()
            page.keyboard.press("Enter")
            said = verdict(page, name)
            expect(said).to_contain_text(CHECKED, timeout=LONG)
            assert said.inner_text().startswith(f"✓ {name}: all checks passed."), said.inner_text()
            expect(editor.get_by_role("button", name="Check")).to_be_focused()
            assert editor.locator(".state").inner_text() == "✓ Solved"
        assert "your own: count_pairs, merge" in verdict(page, "train_bpe").inner_text()
        assert page.evaluate(WIDER) == 0
        assert serious_faults(page) == []
        place(page, "train_bpe").screenshot(path=browser.SHOTS / "editor-390-dark.png")
        assert page.locator("#contents .solved").text_content() == ALL_SOLVED
        marks = page.locator("#contents .sections .state[data-state=solved]")
        assert marks.count() == len(TASKS)
        look_at_the_file(page, tmp_path)
        page.goto(f"{server.address}/index.html")
        card = page.locator(f"[data-notebook='{BOOK}']")
        expect(card).to_contain_text(ALL_SOLVED)


def look_at_the_file(page, tmp_path):
    """“Download as notebook”: the released notebook with the answers, for llmlib check and the
    graders."""
    buttons = file_buttons(page)
    with page.expect_download() as download:
        buttons.get_by_role("button", name="Download as notebook").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == f"{BOOK}.ipynb"
    expect(buttons.get_by_role("status")).to_contain_text(f"{len(TASKS)} of {len(TASKS)} exercises")
    mine, released = (nbformat.read(each, 4) for each in (path, ROOT / "notebooks" / path.name))
    for cell in mine.cells:
        if notebooks.kind(cell) == "solution":
            assert cell.source == SOLVED[notebooks.grade_id(cell)]
    stubs = {cell.id: cell.source for cell in released.cells}
    for cell in mine.cells:
        cell.source = stubs[cell.id]
    assert mine == released
    [found] = check_notebooks.check([BOOK], tmp_path)
    assert [state for _, state, _ in found.exercises] == len(TASKS) * ["done"] and not found.notes
    cells, edition = submissions.read(path.read_bytes(), BOOK)
    steps = submission.plan(notebooks.load(BOOK), cells).steps
    assert edition == released.metadata.llmlib.course
    assert {step.title: step.source for step in steps if step.own} == SOLVED


# What was written stays ---------------------------------------------------------------------------


def test_what_was_written_is_there_after_a_reload_and_in_a_new_tab(chromium, server):
    with browser.new_context(chromium) as window:
        with browser.new_tab(window) as page:
            page.goto(f"{server.address}/{BOOK}.html")
            open_editor(page, "merge")
            write(page, OVERLAPS)
            page.keyboard.press("Enter")
            page.keyboard.type("# and a note")
            written = text(page, "merge")
            assert written.endswith("# and a note")
            page.reload()
            assert "Not checked yet" in place(page, "merge").inner_text()
            open_editor(page, "merge")
            assert text(page, "merge") == written
        with browser.new_tab(window) as page:
            page.goto(f"{server.address}/{BOOK}.html")
            open_editor(page, "merge")
            assert text(page, "merge") == written
            assert not page.complaints


def test_two_tabs_show_the_same_text(chromium, server):
    with browser.new_context(chromium) as window, contextlib.ExitStack() as stack:
        first, second = (stack.enter_context(browser.new_tab(window)) for _ in range(2))
        for page in (first, second):
            page.goto(f"{server.address}/{BOOK}.html")
            open_editor(page, "merge")
        write(first, "def merge(ids, pair, new_id): ...")
        expect(field(second, "merge")).to_contain_text("new_id): ...")
        second.keyboard.press("ControlOrMeta+End")
        second.keyboard.type(" # more")
        expect(field(first, "merge")).to_contain_text("# more")
        assert text(first, "merge") == text(second, "merge") == kept(first, "merge")["code"]


@pytest.mark.parametrize("button, stays", [("Show that text", "theirs"), ("Keep this one", "mine")])
def test_a_tab_that_heard_nothing_of_the_other_asks(chromium, server, button, stays):
    """The page's own script writes as another tab does: a tab does not hear of itself."""
    with opened(chromium, server) as page:
        open_editor(page, "merge")
        write(page, "mine")
        page.evaluate(
            """key => localStorage.setItem(key, JSON.stringify({ code: "theirs" }))""",
            f"llmlib:exercise:{BOOK}:merge",
        )
        page.keyboard.type("!")
        asks = place(page, "merge").get_by_text("changed in another tab")
        expect(asks).to_be_visible()
        assert kept(page, "merge") == {"code": "theirs"} and text(page, "merge") == "mine!"
        place(page, "merge").get_by_role("button", name=button).click()
        expect(asks).to_be_hidden()
        assert kept(page, "merge")["code"].rstrip("!") == text(page, "merge").rstrip("!") == stays
        place(page, "merge").get_by_role("button", name="Bring back my text").click()
        assert text(page, "merge").rstrip("!") == {"mine": "theirs", "theirs": "mine"}[stays]


def test_a_browser_without_room_says_so_and_the_text_stays(chromium, server):
    with opened(chromium, server) as page:
        open_editor(page, "merge")
        write(page, "kept")
        page.evaluate("""() => {
          window.real = Storage.prototype.setItem;
          Storage.prototype.setItem = () => { throw new DOMException("", "QuotaExceededError"); };
        }""")
        page.keyboard.type(" or not")
        said = place(page, "merge").get_by_text("Your text could not be kept")
        expect(said).to_be_visible()
        assert text(page, "merge") == "kept or not" and kept(page, "merge")["code"] == "kept"
        page.evaluate("() => { Storage.prototype.setItem = real; }")
        page.keyboard.type(".")
        expect(said).to_be_hidden()
        assert kept(page, "merge")["code"] == "kept or not."


def test_start_again_can_be_undone_and_the_solution_comes_after_a_try(chromium, server):
    with opened(chromium, server) as page:
        editor = open_editor(page, "merge")
        write(page, "def merge(ids, pair, new_id):\n    return ids.count(")
        solution = editor.get_by_role("button", name="Solution")
        assert not solution.is_visible()
        page.keyboard.press("ControlOrMeta+Enter")
        expect(verdict(page, "merge")).to_contain_text("SyntaxError", timeout=LONG)
        solution.click()
        answer = page.get_by_text("An answer: merge")
        expect(answer).to_be_focused()
        assert answer.locator("+ pre").is_visible()
        editor.get_by_role("button", name="Start again").click()
        assert text(page, "merge") == TASKS["merge"].stub
        assert editor.locator(".state").inner_text() == "Not started"
        page.reload()
        open_editor(page, "merge")
        editor.get_by_role("button", name="Bring back my text").click()
        assert text(page, "merge").endswith("ids.count(")
        expect(verdict(page, "merge")).to_contain_text("SyntaxError")  # the check was of this text


def test_what_was_solved_in_another_edition_is_to_be_checked_again(chromium, server):
    code = SOLVED["merge"]
    with opened(chromium, server) as page:
        keep(page, {"merge": code, "encode": code})
        solved = {"code": code, "checked": {"code": code, "message": "", "uses": []}}
        now = place(page, "merge").get_attribute("data-edition")
        for edition, state, count in ((now, "✓ Solved", 1), ("another", "○ Not checked yet", 0)):
            solved["checked"]["edition"] = edition
            key = f"llmlib:exercise:{BOOK}:merge"
            page.evaluate("([k, v]) => localStorage.setItem(k, v)", [key, json.dumps(solved)])
            page.reload()
            assert place(page, "merge").locator(".state").inner_text() == state
            page.goto(f"{server.address}/index.html")
            card = page.locator(f"[data-notebook='{BOOK}'] .progress")
            expect(card).to_have_count(count)
            page.goto(f"{server.address}/{BOOK}.html")


# What helps on the way ----------------------------------------------------------------------------


def test_a_check_shows_the_seconds_left_and_can_be_stopped(chromium, server):
    endless = "def merge(ids, pair, new_id):\n    while True:\n        pass"
    with opened(chromium, server) as page:
        page.set_default_timeout(LONG)
        editor = open_editor(page, "merge")
        stop, left = editor.get_by_role("button", name="Stop"), editor.get_by_role("timer")
        expect(stop).to_be_hidden()
        write(page, endless)
        page.keyboard.press("ControlOrMeta+Enter")
        expect(left).to_have_text(re.compile(r"^(20|1\d) s left$"), timeout=LONG)
        first = int(left.inner_text().split()[0])
        expect(left).to_have_text(re.compile(rf"^({'|'.join(map(str, range(first)))}) s left$"))
        stop.click()
        expect(verdict(page, "merge")).to_have_text(
            "Stopped before the check had ended. Your text is kept."
        )
        expect(stop).to_be_hidden()
        expect(left).to_be_hidden()
        expect(editor.get_by_role("button", name="Check")).to_be_focused()
        expect(editor.locator(".state")).to_have_text("○ Not checked yet")
        assert text(page, "merge") == endless == kept(page, "merge")["code"]
        field(page, "merge").focus()
        write(page, SOLVED["merge"])
        page.keyboard.press("ControlOrMeta+Enter")
        expect(verdict(page, "merge")).to_contain_text("✓ merge", timeout=LONG)


# A notebook and back -----------------------------------------------------------------------------


def choose(page, path):
    """Opens a file by the page's button; returns what the page says of it."""
    with page.expect_file_chooser() as chooser:
        page.locator(".files").get_by_role("button", name="Open a notebook").click()
    chooser.value.set_files(path)
    said = page.locator(".files").get_by_role("status")
    expect(said).not_to_be_empty()
    return said


def notebook(path, answers, name=BOOK, change=lambda tree: None):
    """Writes the released notebook with some answers."""
    tree = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_bytes())
    for cell in tree["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in answers:
            cell["source"] = answers[name].splitlines(keepends=True)
    change(tree)
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


def test_a_notebooks_answers_come_into_the_page_and_mine_only_if_i_say_so(
    chromium, server, tmp_path
):
    file = notebook(tmp_path / "my work.ipynb", {"merge": "# theirs", "encode": "# new"})
    with opened(chromium, server) as page:
        keep(page, {"merge": "# mine"})
        file_buttons(page)
        open_editor(page, "merge")
        said = choose(page, file)
        expect(said).to_contain_text("You have written here, and the notebook differs: merge.")
        assert kept(page, "merge")["code"] == "# mine" and kept(page, "encode")["code"] == "# new"
        said.get_by_role("button", name="Keep mine").click()
        assert kept(page, "merge")["code"] == text(page, "merge") == "# mine"
        said = choose(page, file)
        said.get_by_role("button", name="Take the notebook").click()
        assert kept(page, "merge")["code"] == text(page, "merge") == "# theirs"
        place(page, "merge").get_by_role("button", name="Bring back my text").click()
        assert text(page, "merge") == "# mine"
        assert kept(page, "decode") is None  # a stub is no answer


def _old(tree):
    tree["metadata"]["llmlib"]["course"] = "1.2.4"


@pytest.mark.parametrize(
    "content, said",
    [
        ("{", "some.ipynb is not a notebook, or is damaged"),
        ("[]", "some.ipynb is not a notebook, or is damaged"),
        ({"name": "quiz"}, "some.ipynb has no exercise of “1 · Tokens”"),
        ({"name": "02_embeddings"}, "some.ipynb has no exercise of “1 · Tokens”"),
        ({"change": _old}, "some.ipynb is of edition 1.2.4, this page of "),
        ({}, "The notebook has no answer that is not here already"),
    ],
)
def test_a_file_that_does_not_belong_here_is_refused_in_a_sentence(
    chromium, server, tmp_path, content, said
):
    file = tmp_path / "some.ipynb"
    if isinstance(content, str):
        file.write_text(content, encoding="utf-8")
    else:
        answers = {"merge": "# theirs"} if content.get("change") else {}
        notebook(file, answers, **content)
    with opened(chromium, server) as page:
        file_buttons(page)
        expect(choose(page, file)).to_have_text(re.compile(f"^{re.escape(said)}"))
        assert kept(page, "merge") is None


def test_my_llm_is_the_file_that_the_notebooks_make(chromium, server, tmp_path):
    with opened(chromium, server) as page:
        page.set_default_timeout(LONG)
        for book in notebooks.lessons():
            answers = {each.name: each.solution for each in book.exercises if each.name != "merge"}
            keep(page, answers, book.name)
        button = file_buttons(page).get_by_role("button", name="Download my_llm.py")
        button.click()
        said = page.locator(".files").get_by_role("status")
        expect(said).to_contain_text("It lacks 2. Notebook 1: merge, encode.", timeout=LONG)
        keep(page, {"merge": TASKS["merge"].solution})
        file_buttons(page)
        with page.expect_download(timeout=LONG) as download:
            button.click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
    expected, _ = learner_functions.collect(ROOT / "solutions")
    assert (tmp_path / "my_llm.py").read_text(encoding="utf-8") == expected


# What may fail -----------------------------------------------------------------------------------


def test_an_editor_that_does_not_arrive_is_a_sentence_and_can_be_asked_again(chromium, folder):
    with served(folder) as server, browser.new_page(chromium) as page:
        server.faults["editor.js"] = status(503)
        page.goto(f"{server.address}/{BOOK}.html")
        button = place(page, "merge").get_by_role("button")
        button.click()
        said = place(page, "merge").get_by_role("status")
        expect(said).to_have_text(
            "The editor could not be loaded. Check the connection and try again."
        )
        expect(button).to_be_focused()
        server.faults.clear()
        page.reload()
        open_editor(page, "merge")


def test_without_python_one_writes_and_reads_on(chromium, server):
    with browser.new_page(chromium) as page:
        page.add_init_script("delete WebAssembly")
        page.goto(f"{server.address}/{BOOK}.html")
        open_editor(page, "merge")
        expect(verdict(page, "merge")).to_contain_text("This browser cannot run Python in a page")
        write(page, "def merge(ids, pair, new_id): ...")
        page.keyboard.press("ControlOrMeta+Enter")
        expect(verdict(page, "merge")).to_contain_text("Reading goes on")
        assert kept(page, "merge")["code"] == text(page, "merge")
        assert "Not checked yet" in place(page, "merge").inner_text()


# Firefox -----------------------------------------------------------------------------------------
