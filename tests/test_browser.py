"""JupyterLab as `make lab` opens it, in a real browser: the start page follows, notebook 1 runs,
Check names a mistake, sliders answer, figures have their words."""

import json
import re
import shutil
import time
import urllib.error
import urllib.request

import nbformat
import pytest
from browser import (
    MINUTES,
    NAME,
    SHOTS,
    api,
    menu,
    open_notebook,
    run_all,
    save,
    start_address,
    stop_kernels,
    wait_until_idle,
)
from playwright.sync_api import expect

from authoring import quiz_source
from classroom.checking import check_notebooks
from exercises.format import notebooks
from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.browser
COUNT = len(notebooks.load(NAME).core)


def _check(page):
    """What Check says: [(word, exercise, message), …] in its order."""
    page.locator(".jp-NotebookPanel:visible").get_by_role("button", name="✓ Check").click()
    dialog = page.locator(".jp-Dialog", has_text="Check")
    dialog.locator(".llm-table").wait_for(timeout=2 * MINUTES)
    rows = dialog.locator("tr").all()
    return [tuple(row.locator("td").all_inner_texts()) for row in rows]


def _close(page):
    page.locator(".jp-Dialog button.jp-mod-accept").click()


def test_a_notebook_that_was_only_looked_at_closes_without_a_question(lab, page):
    open_notebook(page, lab.format("02_embeddings.ipynb"))
    page.wait_for_timeout(3000)
    tab = page.locator(".lm-TabBar-tab.jp-mod-current", has_text="02_embeddings")
    tab.locator(".lm-TabBar-tabCloseIcon").click()
    expect(tab).to_have_count(0)
    assert page.locator(".jp-Dialog").count() == 0


def _start(page, lab):
    page.goto(start_address(lab))
    page.locator(".llm-start .llm-bar").first.wait_for(timeout=2 * MINUTES)
    return page.locator(".llm-start")


def _write(page, source):
    """Replace the active cell's code and run it, then the check that stands folded below it."""
    panel = page.locator(".jp-NotebookPanel:visible")
    panel.locator(".jp-Cell.jp-mod-active .cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Control+Enter")
    return panel.locator(".jp-Cell.jp-mod-active")


@pytest.mark.journey
def test_a_newcomer_from_the_start_page_to_the_first_exercise_and_the_quiz(lab, folder, page):
    start = _start(page, lab)
    start.locator("a.llm-go").click()
    page.locator(".jp-NotebookPanel:visible").wait_for()
    wait_until_idle(page)
    panel = page.locator(".jp-NotebookPanel:visible")
    stopped = panel.get_by_text("Predict first: write a number.")
    until = time.monotonic() + 120
    while not stopped.is_visible():  # what is asked is lost until the kernel listens
        menu(page, "Run", "Run All Cells")
        assert time.monotonic() < until, (folder / "lab.log").read_text()
        page.wait_for_timeout(5000)
    panel.get_by_role("slider").first.press("ArrowRight")
    panel.get_by_role("button", name="Predict").first.click()
    expect(panel.get_by_text("Noted: 0.51.").last).to_be_visible(timeout=1 * MINUTES)
    assert {word for word, _, _ in _check(page)} == {"· not written yet"}
    page.locator(".jp-Dialog").get_by_role("button", name="1.1 count_pairs").click()
    active = panel.locator(".jp-Cell.jp-mod-active")
    expect(active).to_contain_text("def count_pairs")
    page.wait_for_timeout(1500)  # the page comes to rest
    check = _write(page, "def count_pairs(ids):\n    return dict(Counter(zip(ids, ids[1:])))")
    expect(check).to_contain_text(
        "return a list of ((a, b), n), not a dictionary", timeout=1 * MINUTES
    )
    assert "Traceback" not in check.inner_text()
    page.screenshot(path=SHOTS / "newcomer_wrong.png")
    statement = panel.locator(".jp-MarkdownCell", has_text=re.compile(r"Exercise 1\.1 ·")).last
    hint = statement.locator("details", has_text="Hint 3")
    hint.locator("summary").click()
    expect(hint.get_by_text("dictionaries keep the order")).to_be_visible()
    cell = panel.locator(".jp-CodeCell", has_text="def count_pairs").first
    cell.locator(".cm-content").click()
    check = _write(page, notebooks.load(NAME).exercises[0].solution)
    expect(check).to_contain_text("✓ count_pairs: ", timeout=1 * MINUTES)
    expect(check).to_contain_text(f"(1 of {COUNT})")
    page.screenshot(path=SHOTS / "newcomer_right.png")
    page.keyboard.press("Control+s")
    page.get_by_role("tab", name="Start").click()
    expect(start.locator(".llm-box").first).to_contain_text(
        f"1 of {COUNT} done", timeout=2 * MINUTES
    )
    expect(start.locator(".llm-next")).to_contain_text("exercise 1.2 merge")
    start.locator("a.llm-title[data-notebook='quiz.ipynb']").click()
    question = quiz_source.read()[0]
    options = panel.get_by_role("list", name="Options of question 1", exact=True)
    right = options.locator(f"button[data-letter={question.right}]")
    right.click()  # also before its kernel has started
    expect(right).to_have_accessible_name(re.compile("✓ right$"), timeout=2 * MINUTES)


def test_the_start_page_is_what_one_sees_first_and_it_follows(lab, folder, page):
    """Untouched, it begins with notebook 1. A mistake saved there is named, and led to."""
    start = _start(page, lab)
    go = start.locator("a.llm-go")
    expect(go).to_have_text("Begin: 1 Tokens")
    assert page.locator(".jp-Launcher").count() == 0
    assert start.locator(".llm-box").count() == len(notebooks.names())
    go.click()
    page.locator(".jp-NotebookPanel:visible").wait_for()
    shutil.copy(folder / "wrong.ipynb", folder / f"{NAME}.ipynb")
    page.get_by_role("tab", name="Start").click()
    expect(go).to_have_text("Continue where you were", timeout=2 * MINUTES)
    box = start.locator(".llm-box").first
    expect(box).to_contain_text(f"of {COUNT} done")
    expect(box.locator("a.llm-wrong").first).to_have_text("merge")
    held = []
    page.route(re.compile("llmlib/start(?!.*known=0)"), lambda route: held.append(route))
    page.reload()
    page.locator(".llm-box").first.wait_for()
    page.locator(".llm-start a[data-notebook]").first.click()
    page.locator(".jp-NotebookPanel:visible").wait_for()
    page.get_by_role("tab", name="Start").click()
    while not held:
        page.wait_for_timeout(100)
    title = page.locator(".llm-title").first
    title.focus()
    held[0].continue_()
    expect(page.locator(".llm-box").first).to_contain_text(f"of {COUNT} done", timeout=2 * MINUTES)
    expect(title).to_be_focused()  # the page was filled again
    assert len(held) == 1  # each checks all notebooks: one that is under way is enough


def test_all_cells_of_the_solved_notebook_run_and_its_end_leads_to_the_next(lab, page):
    open_notebook(page, lab.format("right.ipynb"))
    panel = run_all(page)
    printed = panel.locator("[data-mime-type='application/vnd.jupyter.stderr']")
    assert printed.filter(has_text="Traceback").count() == 0
    panel.locator(".jp-OutputArea-output a", has_text="2 · Embeddings").last.click()
    follows = page.locator(".jp-NotebookPanel:visible h1").first
    expect(follows).to_contain_text("2 · Embeddings")


def test_check_passes_what_is_right_though_nothing_was_predicted(lab, page):
    open_notebook(page, lab.format("unpredicted.ipynb"))
    assert {word for word, _, _ in _check(page)} == {"✓ done"}
    _close(page)


def test_check_tells_wrong_from_unwritten_the_mistake_first_and_leads_to_it(lab, page):
    open_notebook(page, lab.format("wrong.ipynb"))
    rows = _check(page)
    words = [word for word, _, _ in rows]
    assert words == sorted(words, key=lambda word: word != "✗ wrong") and "✓ done" in words
    assert rows[0][1] == "1.2 merge" and "go on by two positions" in rows[0][2]
    assert words.count("· not written yet") == 1
    reached = []
    for _ in range(10):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.textContent"))
    assert "1.2 merge" in reached
    page.locator(".jp-Dialog").get_by_role("button", name="1.2 merge").click()
    panel = page.locator(".jp-NotebookPanel:visible")
    expect(panel.locator(".jp-Cell.jp-mod-active")).to_contain_text("def merge")
    expect(panel.locator("#Exercise-1\\.2, h3", has_text="Exercise 1.2").first).to_be_in_viewport()
    page.wait_for_function("document.activeElement.closest('.jp-Notebook')")  # not the button


def test_a_solution_asks_before_it_shows(lab, page):
    open_notebook(page, lab.format("wrong.ipynb"))
    panel = page.locator(".jp-NotebookPanel:visible")
    panel.get_by_role("button", name="Solution").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("Show a solution of count_pairs?")
    assert "def count_pairs" not in dialog.inner_text()
    page.keyboard.press("Enter")  # the button in front is "Not yet"
    expect(dialog).to_have_count(0)
    panel.get_by_role("button", name="Solution").click()
    dialog.get_by_role("button", name="Show it").click()
    code = dialog.locator(".llm-code")
    expect(code).to_contain_text("def count_pairs")
    assert "SOLUTION" not in code.inner_text()
    _close(page)


def test_nothing_that_lab_offers_is_dead(lab, page):
    """No request fails, no plugin complains, no pop-up is in the way."""
    failed = []
    page.on("response", lambda answer: answer.status >= 400 and failed.append(answer.url))
    open_notebook(page, lab.format(f"{NAME}.ipynb"))
    panel = page.locator(".jp-NotebookPanel:visible")
    expect(panel.get_by_role("button", name="✓ Check")).to_be_visible()
    assert panel.locator(".validate-button").count() == 0
    assert panel.get_by_text("Notebook", exact=True).count() == 0  # a button that led to a 404
    assert page.locator(".jp-toast, .Toastify__toast").count() == 0
    assert not failed and not page.complaints, (failed, page.complaints)


@pytest.mark.parametrize("path", ["../secret.ipynb", "nothing.ipynb", "broken.ipynb"])
def test_what_is_no_notebook_of_the_course_is_refused(lab, path):
    address = lab.split("/lab/")[0] + "/llmlib/solution?token=secret&exercise=merge&path=" + path
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address, timeout=120)
    assert refused.value.code == 404


@pytest.mark.parametrize(
    "verb, body",
    [
        ("start", None),
        ("solution?path=01_tokens.ipynb&exercise=merge", None),
        ("live", b"{}"),
        ("predictions", b"{}"),
        ("guess", b"{}"),
    ],
)
def test_nobody_without_the_token_is_served(lab, verb, body):
    request = urllib.request.Request(lab.split("/lab/")[0] + f"/llmlib/{verb}", body)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=120)
    assert refused.value.code == 403


def test_the_quiz_is_answered_by_clicks_and_by_keys(lab, page, tmp_path):
    """Wrong, then right, with no cell run before; saved, opened again with another kernel, gone on
    with. The cells hold what was chosen, so it is what is checked and graded."""
    asked = {each.name: each for each in quiz_source.read()}
    panel = page.locator(".jp-NotebookPanel:visible")

    def option(name, letter):
        options = panel.get_by_role("list", name=f"Options of question {int(name[1:])}", exact=True)
        return options.locator(f"button[data-letter={letter}]")

    def expect_told(name, letter, mark):
        # first until the click's work is done: the score counted, the first letter noted, the focus
        expect(panel.locator(".llm-options [aria-busy]")).to_have_count(0, timeout=2 * MINUTES)
        told = dict(zip("ABCD", asked[name].options))[letter][1]
        expect(panel.get_by_text(told[:40]).last).to_be_visible(timeout=2 * MINUTES)
        expect(option(name, letter)).to_have_accessible_name(re.compile(f"{mark}$"))
        expect(option(name, letter)).to_have_attribute("aria-pressed", "true")

    def saved():
        save(page)
        content = api(lab, "api/contents/quiz.ipynb")["content"]
        (tmp_path / "quiz.ipynb").write_text(json.dumps(content), encoding="utf-8")
        return nbformat.from_dict(content).cells

    right = {name: each.right for name, each in asked.items()}
    wrong = {name: next(x for x in "ABCD" if x != right[name]) for name in asked}
    page.goto(lab.format("quiz.ipynb"))
    option("q01", wrong["q01"]).click()  # before its kernel has started
    expect_told("q01", wrong["q01"], "not it")
    option("q01", right["q01"]).click()
    expect_told("q01", right["q01"], "✓ right")
    expect(option("q01", wrong["q01"])).to_have_attribute("aria-pressed", "false")

    option("q02", "A").focus()
    at = 0
    for key, letter, mark in (
        ("Enter", wrong["q02"], "not it"),
        ("Space", right["q02"], "✓ right"),
    ):
        step = "ABCD".index(letter) - at
        for _ in range(abs(step)):
            page.keyboard.press("Tab" if step > 0 else "Shift+Tab")
        at += step
        page.keyboard.press("b")  # in JupyterLab, "insert a cell below"
        page.keyboard.press(key)
        expect_told("q02", letter, mark)
        expect(option("q02", letter)).to_be_focused()

    kept = saved()
    released = nbformat.read(ROOT / "notebooks/quiz.ipynb", as_version=4).cells
    assert len(kept) == len(released)
    sources = {notebooks.grade_id(cell): cell.source for cell in kept}
    for name in ("q01", "q02"):
        assert sources[name] == f'{name} = "{right[name]}"  # first: {wrong[name]}'
    assert sources["q03"] == "q03 = None"

    stop_kernels(lab)
    open_notebook(page, lab.format("quiz.ipynb"))
    expect_told("q02", right["q02"], "✓ right")
    option("q03", right["q03"]).click()
    expect_told("q03", right["q03"], "✓ right")
    (score,) = [cell.outputs[0].data["text/plain"] for cell in saved() if cell.source == "score()"]
    count = len(asked)
    assert f"3 of {count} right. First answers right: 1 of {count}." in score
    checked = check_notebooks.check_one("quiz", tmp_path / "quiz.ipynb")
    states = {name: state for name, state, _ in checked.exercises}
    assert [states[f"q0{n}"] for n in (1, 2, 3, 4)] == ["done", "done", "done", "untouched"]


def test_show_it_works_with_a_kernel_that_has_run_nothing(lab, page):
    """As when a quiz is opened that was saved: the answer stands there, and "Show it" below it."""
    question = next(each for each in quiz_source.read() if each.run)
    page.goto(lab.format("quiz.ipynb"))
    panel = page.locator(".jp-NotebookPanel:visible")
    name = f"Options of question {int(question.name[1:])}"
    options = panel.get_by_role("list", name=name, exact=True)
    options.locator(f"button[data-letter={question.right}]").click()
    show = options.get_by_role("button", name="Show it")
    expect(show).to_be_visible(timeout=2 * MINUTES)
    save(page)
    stop_kernels(lab)
    open_notebook(page, lab.format("quiz.ipynb"))
    show.click()
    shown = panel.locator(".jp-CodeCell", has_text=f'see("{question.name}")').first
    said = shown.locator(".jp-OutputArea-output").first
    expect(said).to_be_visible(timeout=2 * MINUTES)
    expect(shown).not_to_contain_text("NameError")
