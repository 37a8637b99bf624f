"""A reader writes the exercises in the page: by keyboard and on a phone, what is written stays,
nothing is overwritten unasked, and everyone reads the notebook that leads away and back."""

import contextlib
import json
import re
import shutil

import browser
import firefox
import made_once
import nbformat
import pytest
from browser import expect
from static_server import served, status
from test_site_browser import WIDER, serious_faults

from authoring.site import npm, python_parts
from classroom.checking import check_notebooks, run_cells, run_tests, submission
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
@pytest.mark.parametrize("width, theme", [(1280, "light"), (390, "dark")])
def test_notebook_1_is_written_in_the_page_by_keyboard(chromium, server, tmp_path, width, theme):
    options = {"width": width, "color_scheme": theme, "bypass_csp": True}  # for axe
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
        place(page, "train_bpe").screenshot(path=browser.SHOTS / f"editor-{width}-{theme}.png")
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


@pytest.mark.parametrize("typed", ["return ids", "[ids]", "(a, b) = pair"])
def test_what_is_typed_first_replaces_the_line_of_the_stub(chromium, server, typed):
    stub = TASKS["merge"].stub
    [line] = [each for each in stub.split("\n") if "NotImplementedError" in each]
    expected = stub.replace(line.strip(), typed)
    with opened(chromium, server) as page:
        open_editor(page, "merge")
        page.keyboard.type(typed)
        assert text(page, "merge") == expected
        place(page, "merge").get_by_role("button", name="Start again").click()
        assert text(page, "merge") == stub
        page.keyboard.type(typed)
        assert text(page, "merge") == expected


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


def test_a_check_that_waits_for_another_one_is_stopped_alone(chromium, server):
    endless = "def merge(ids, pair, new_id):\n    while True:\n        pass"
    with opened(chromium, server) as page:
        page.set_default_timeout(LONG)
        for name, code in (("merge", endless), ("decode", SOLVED["decode"])):
            open_editor(page, name)
            write(page, code)
            page.keyboard.press("ControlOrMeta+Enter")
        expect(place(page, "merge").get_by_role("timer")).to_contain_text("s left", timeout=LONG)
        place(page, "decode").get_by_role("button", name="Stop").click()
        expect(verdict(page, "decode")).to_contain_text("Stopped before the check had ended.")
        expect(place(page, "merge").locator(".state")).to_have_text("… Being checked")
        expect(verdict(page, "merge")).to_contain_text("took longer than 20 s", timeout=LONG)


def keep_solved(page, names):
    """As a visit before has kept it, with a check that passed."""
    for name in names:
        checked = {"code": SOLVED[name], "message": "", "uses": []}
        checked["edition"] = place(page, name).get_attribute("data-edition")
        entry = json.dumps({"code": SOLVED[name], "checked": checked})
        key = f"llmlib:exercise:{BOOK}:{name}"
        page.evaluate("([k, v]) => localStorage.setItem(k, v)", [key, entry])
    page.reload()


def solve(page, name):
    """Returns what stands below the verdict."""
    open_editor(page, name)
    write(page, SOLVED[name])
    page.keyboard.press("ControlOrMeta+Enter")
    expect(verdict(page, name)).to_contain_text(f"✓ {name}", timeout=LONG)
    return place(page, name).locator(".onward")


@pytest.mark.parametrize("width", [390, 1280])
def test_below_a_solved_exercise_the_next_one_is_a_link(chromium, server, width):
    with opened(chromium, server, width=width) as page:
        page.set_default_timeout(LONG)
        core = [name for name, task in TASKS.items() if task.points]
        first, last, further = core[0], core[-1], [each for each in TASKS if each not in core]
        keep_solved(page, core[1:-1])
        after_last = solve(page, last)  # the next one is looked for from the beginning
        expect(after_last).to_have_text(f"{CORE - 1} of {CORE} solved · next: {first}")
        after_last.get_by_role("link", name=first).click()
        heading = page.locator("section, div").filter(has=place(page, first)).last.locator("h3")
        expect(heading.first).to_be_in_viewport()
        after_first = solve(page, first)
        rest = f"{CORE} of {CORE} solved · further: {further[0]}" if further else "All exercises"
        expect(after_first).to_contain_text(rest)
        expect(after_last).to_contain_text(rest)  # it has heard of it
        place(page, first).screenshot(path=browser.SHOTS / f"next-exercise-{width}.png")
        keep_solved(page, TASKS)
        open_editor(page, last)
        expect(after_last).to_have_text("All exercises of this chapter are solved.")
        field(page, last).focus()
        page.keyboard.type(" ")
        expect(after_last).to_be_hidden()  # what is written now was not checked
        assert page.evaluate(WIDER) == 0


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


def calls_of_say():
    """(file, [name of a text], the values) of each call in the scripts whose text is named in
    the call. The values are the source of an object."""
    for path in sorted((ROOT / "web").rglob("*.js")):
        if "vendor" in path.parts:
            continue
        source = path.read_text(encoding="utf-8")
        alias = re.search(r"const texts = strings\.([\w.]+);", source)
        for call in re.finditer(r"\bsay\(((?:[^(){},]|\([^()]*\))*), (\{[^{}]*\})\)", source):
            found = re.findall(r"\b(strings|texts)\.([\w.]+)", call[1])
            if all(root == "strings" or alias for root, _ in found):
                names = [
                    name if root == "strings" else f"{alias[1]}.{name}" for root, name in found
                ]
                yield path.name, names, call[2]


def test_a_text_is_filled_in_with_all_the_names_that_it_has(chromium, server):
    calls, faults, seen = [*calls_of_say()], [], 0
    with browser.new_page(chromium) as page:
        page.goto(f"{server.address}/index.html")
        strings = page.evaluate("import('./assets/strings.js').then(each => each.strings)")
    for file, names, values in calls:
        given = {*re.findall(r"(?:^|[{,])\s*(\w+)\b", values)}
        for name in names:
            text = strings
            for key in name.split("."):
                text = text.get(key) if isinstance(text, dict) else None
            if isinstance(text, str) and "..." not in values:
                seen += 1
                lacks = {*re.findall(r"\{(\w+)\}", text)} - given
                faults += [f"{file}: {name} lacks {each}" for each in lacks]
    assert seen > 50 and not faults, (seen, faults)


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


@pytest.mark.parametrize("file", ["index.js", "editor.js"])
def test_an_editor_that_does_not_arrive_is_a_sentence_and_can_be_asked_again(
    chromium, folder, file
):
    with served(folder) as server, browser.new_page(chromium) as page:
        server.faults[file] = status(503)
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


def test_a_loop_without_end_is_stopped_and_the_text_stays(chromium, server):
    endless = "def merge(ids, pair, new_id):\n    while True:\n        pass"
    with opened(chromium, server) as page:
        open_editor(page, "merge")
        write(page, endless)
        page.evaluate("""async () => {
          (await import("./assets/python/python.js")).python.seconds = 2;
        }""")
        page.keyboard.press("ControlOrMeta+Enter")
        expect(place(page, "merge").locator(".state")).to_have_text("… Being checked")
        told = run_tests.error_message(KeyboardInterrupt(run_cells.OUT_OF_TIME), 2)
        expect(verdict(page, "merge")).to_have_text(f"Mistake: {told}", timeout=LONG)
        assert text(page, "merge") == endless == kept(page, "merge")["code"]


KEPT = """async wanted => {
  for (let i = 0; i < 600; i++) {
    for (const name of await caches.keys()) {
      const found = await (await caches.open(name)).keys();
      if (found.some(each => each.url.endsWith(wanted))) return true;
    }
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  return false;
}"""


def test_after_the_first_time_all_of_it_works_without_the_server(chromium, folder):
    with served(folder) as server, opened(chromium, server) as page:
        open_editor(page, "merge")
        page.keyboard.press("ControlOrMeta+Enter")
        expect(verdict(page, "merge")).to_have_text("Mistake: not written yet", timeout=LONG)
        assert page.evaluate(KEPT, f"/{BOOK}.ipynb") and page.evaluate(KEPT, "/notebook_file.js")
        server.stop()
        try:
            page.reload()
            button = place(page, "merge").get_by_role("button")
            assert button.inner_text() == "Write it here"  # no download is announced again
            open_editor(page, "merge")
            write(page, SOLVED["merge"])
            page.keyboard.press("ControlOrMeta+Enter")
            expect(verdict(page, "merge")).to_contain_text("✓ merge", timeout=LONG)
            with page.expect_download() as download:
                file_buttons(page).get_by_role("button", name="Download as notebook").click()
            assert SOLVED["merge"].split("\n")[-1] in download.value.path().read_text("utf-8")
        finally:
            server.start()


# Firefox -----------------------------------------------------------------------------------------

CHECK = """async name => {
  const place = document.querySelector(`.write[data-exercise=${name}]`);
  const wait = () => new Promise(resolve => setTimeout(resolve, 100));
  const until = async test => {
    for (let i = 0; i < 3000 && !test(); i++) await wait();
  };
  const buttons = () => [...place.querySelectorAll("button")];
  const button = words => buttons().find(each => each.textContent.startsWith(words));
  button("Go on writing").click();
  await until(() => button("Check"));
  const focused = document.activeElement.className.includes("cm-content");
  button("Check").click();
  await until(() => place.querySelector(".verdict.right, .verdict.wrong"));
  const shown = each => place.querySelector(each).innerText;
  return [focused, shown(".cm-content"), shown(".verdict")];
}"""


@pytest.mark.needs("firefox")
def test_firefox_keeps_and_checks(server):
    with firefox.new_page() as page:
        page.goto(f"{server.address}/{BOOK}.html")
        for name, code in (("merge", OVERLAPS), ("decode", SOLVED["decode"])):
            entry = [f"llmlib:exercise:{BOOK}:{name}", json.dumps({"code": code})]
            page.evaluate("([k, v]) => localStorage.setItem(k, v)", entry)
        page.reload()
        focused, shown, said = page.evaluate(CHECK, "merge")
        assert focused and "overlapping pairs" in shown and said == HALF
        assert page.evaluate(CHECK, "decode")[2] == "✓ decode: all checks passed."
