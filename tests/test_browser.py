"""JupyterLab as `make lab` opens it, in a real browser: the start page follows, notebook 1 runs,
Check names a mistake, sliders answer, figures have their words."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat
import pytest
from playwright.sync_api import TimeoutError, expect, sync_playwright

from llmlib import plots
from llmlib.course import cells, progress, questions
from llmlib.course.cells import ROOT
from llmlib.course.setting_up import tools
from llmlib.course.source import METADATA

pytestmark = pytest.mark.browser
NAME = "01_tokens"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
FLAGS += ["--disable-component-update", "--disable-sync"]
MINUTES = 60_000  # in the milliseconds that Playwright counts in
SLIDERS = """from llmlib import pretrained, sampling, sampling_lab, widgets
model = pretrained.load("smollm2")
display(widgets.attention_explorer(model, "The cat sat on the mat"))
learners = sampling.filter_logits, sampling.sample
display(sampling_lab.sampling_lab(model, ["The capital of France is"], *learners))"""
ALT = "A line that rises from 1 to 3."
CROWDED = """() => {
  const found = [], places = [];
  const kinds = ".widget-hslider, .widget-dropdown, .widget-combobox";
  for (const control of document.querySelectorAll(kinds)) {
    const label = control.querySelector(".widget-label"), box = control.getBoundingClientRect();
    const page = control.closest(".jp-OutputArea-output").getBoundingClientRect();
    if (label.scrollWidth > label.clientWidth) found.push("cut: " + label.textContent);
    if (box.right > page.right + 1) found.push("runs out: " + label.textContent);
    for (const [other, name] of places)
      if (box.left < other.right - 1 && other.left < box.right - 1
          && box.top < other.bottom - 1 && other.top < box.bottom - 1)
        found.push("overlap: " + label.textContent + " and " + name);
    places.push([box, label.textContent]);
    const parts = [...control.children].map(child => child.getBoundingClientRect());
    for (let i = 1; i < parts.length; i++)
      if (parts[i].left < parts[i - 1].right - 1) found.push("overlap in: " + label.textContent);
  }
  return [places.length, found];
}"""
FAINT = """() => {
  const numbers = colour => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const paper = each => {
    for (; each; each = each.parentElement) {
      const found = numbers(getComputedStyle(each).backgroundColor);
      if (found.length < 4 || found[3] > 0.9) return found;
    }
  };
  const error = document.querySelector("[data-mime-type='application/vnd.jupyter.stderr']");
  return [...error.querySelectorAll("span")].filter(each => each.textContent.trim())
    .map(each => [each, light(numbers(getComputedStyle(each).color)), light(paper(each))])
    .map(([each, a, b]) => [each.outerHTML, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)])
    .filter(([, contrast]) => contrast < 4.5);
}"""
WRONG_MERGE = """def merge(ids, pair, new_id):
    out = []
    for i, token in enumerate(ids):  # overlapping pairs
        out.append(new_id if tuple(ids[i : i + 2]) == tuple(pair) else token)
    return out"""


SHOTS = ROOT / "build" / "screenshots"  # to be looked at


def solved(yours="None", **replace):
    """Notebook 1 as released, with every exercise solved but for those in `replace`, and `yours` as
    every prediction (None: no guess)."""
    solutions = {
        exercise.name: exercise.solution for exercise in cells.load(NAME).exercises
    } | replace
    node = nbformat.read(ROOT / "notebooks" / f"{NAME}.ipynb", as_version=4)
    for cell in node.cells:
        if cells.kind(cell) == "solution":
            cell.source = solutions[cells.grade_id(cell)]
        cell.source = cell.source.replace("yours=...", f"yours={yours}")
    return node


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Copies of notebooks: nothing here is changed."""
    folder = tmp_path_factory.mktemp("lab")
    for name in cells.names():
        shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", folder)
    nbformat.write(solved(), folder / "right.ipynb")
    stub = cells.load(NAME).exercises[-1]
    wrong = solved(**{"merge": WRONG_MERGE, stub.name: stub.stub})
    nbformat.write(wrong, folder / "wrong.ipynb")
    nbformat.write(solved(yours="..."), folder / "unpredicted.ipynb")
    sliders = nbformat.v4.new_code_cell(SLIDERS)
    figure, ax = plots.figure(height=2.0)
    ax.plot([1, 2, 3])
    shown = nbformat.v4.new_output("display_data", plots.image(figure, ALT))
    cell = nbformat.v4.new_code_cell("show(figure, alt=...)", outputs=[shown], execution_count=1)
    broken = nbformat.v4.new_code_cell("def half(x):\n    return x / '2'\n\n\nhalf(3)")
    for name, only in (("sliders", sliders), ("picture", cell), ("broken", broken)):
        notebook = nbformat.v4.new_notebook(cells=[only], metadata=METADATA)
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return folder


@pytest.fixture(scope="module")
def lab(folder):
    """The address of a notebook in a JupyterLab that `make lab` serves on `folder`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = f"--ServerApp.root_dir={folder} --IdentityProvider.token=secret"
    environment = {
        **os.environ,
        "PORT": str(port),
        "BROWSER": "0",
        "JUPYTER_DATA_DIR": str(folder / ".jupyter"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / ".settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / ".workspaces"),
    }
    command = ["make", "lab", f"PYTHON={sys.executable}", f"ARGS={words}"]
    log = (folder / "lab.log").open("w+")
    server = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True
    )
    try:
        _wait_until_served(f"http://127.0.0.1:{port}/login", server, folder / "lab.log")
        yield f"http://127.0.0.1:{port}/lab/tree/{{}}?token=secret&reset"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def _wait_until_served(address, server, log, seconds=120):
    for _ in range(10 * seconds):
        assert server.poll() is None, log.read_text()
        try:
            return urllib.request.urlopen(address, timeout=5)
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"not served within {seconds} s: {log.read_text()}")


@pytest.fixture(scope="module")
def page():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=tools.chromium()[0], args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(1 * MINUTES)
        yield page
        browser.close()


def _open(page, address):
    page.goto(address)
    page.add_locator_handler(
        page.locator(".jp-Dialog", has_text="Select Kernel"),
        lambda dialog: dialog.locator("button.jp-mod-accept").click(),
    )
    page.locator(".jp-NotebookPanel:visible").wait_for(timeout=2 * MINUTES)
    _wait_until_idle(page)


def _wait_until_idle(page):
    idle = page.locator(
        ".jp-NotebookPanel:visible .jp-Notebook-ExecutionIndicator[data-status=idle]"
    )
    idle.wait_for(state="attached", timeout=5 * MINUTES)


def _check(page):
    """What Check says: [(word, exercise, message), …] in its order."""
    page.locator(".jp-NotebookPanel:visible").get_by_role("button", name="✓ Check").click()
    dialog = page.locator(".jp-Dialog", has_text="Check")
    dialog.locator(".llm-table").wait_for(timeout=2 * MINUTES)
    rows = dialog.locator("tr").all()
    return [tuple(row.locator("td").all_inner_texts()) for row in rows]


def _close(page):
    page.locator(".jp-Dialog button.jp-mod-accept").click()


def test_lab_opens_notebook_one_without_a_pop_up(lab, page):
    _open(page, lab.format(f"{NAME}.ipynb"))
    title = re.sub(r"^#\s*", "", cells.load(NAME).cells[0].source.splitlines()[0])
    expect(page.locator(".jp-NotebookPanel:visible h1").first).to_contain_text(title)
    assert page.locator(".jp-toast, .Toastify__toast").count() == 0


def test_a_notebook_that_was_only_looked_at_closes_without_a_question(lab, page):
    _open(page, lab.format("02_embeddings.ipynb"))
    page.wait_for_timeout(3000)
    tab = page.locator(".lm-TabBar-tab.jp-mod-current", has_text="02_embeddings")
    tab.locator(".lm-TabBar-tabCloseIcon").click()
    expect(tab).to_have_count(0)
    assert page.locator(".jp-Dialog").count() == 0


def _start(page, lab):
    page.goto(lab.split("/lab/")[0] + "/lab?token=secret&reset")
    page.evaluate("sessionStorage.clear()")  # as in a new tab
    page.reload()
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


def test_a_newcomer_from_the_start_page_to_the_first_exercise_done(lab, folder, page):
    shutil.copy(ROOT / "notebooks" / f"{NAME}.ipynb", folder)
    start = _start(page, lab)
    start.locator("a.llm-go").click()
    page.locator(".jp-NotebookPanel:visible").wait_for()
    _wait_until_idle(page)
    panel = page.locator(".jp-NotebookPanel:visible")
    prompt = panel.locator(".jp-CodeCell .jp-InputPrompt").first
    while prompt.inner_text().strip() == "[ ]:":  # keys are lost until the page listens
        panel.locator(".jp-CodeCell .cm-content").first.click()
        page.keyboard.press("Control+Enter")
        page.wait_for_timeout(1000)
    expect(prompt).to_have_text(re.compile(r"\[\d\]:"), timeout=2 * MINUTES)
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
    statement = panel.locator(".jp-MarkdownCell", has_text="Exercise 1.1").last
    hint = statement.locator("details", has_text="Hint 3")
    hint.locator("summary").click()
    expect(hint.get_by_text("dictionaries keep the order")).to_be_visible()
    cell = panel.locator(".jp-CodeCell", has_text="def count_pairs").first
    cell.locator(".cm-content").click()
    check = _write(page, cells.load(NAME).exercises[0].solution)
    expect(check).to_contain_text("✓ count_pairs: ", timeout=1 * MINUTES)
    expect(check).to_contain_text("(1 of 8)")
    page.screenshot(path=SHOTS / "newcomer_right.png")
    page.keyboard.press("Control+s")
    page.get_by_role("tab", name="Start").click()
    expect(start.locator(".llm-box").first).to_contain_text("1 of 8 done", timeout=2 * MINUTES)
    expect(start.locator(".llm-next")).to_contain_text("exercise 1.2 merge")


def test_the_start_page_is_what_one_sees_first_and_it_follows(lab, folder, page):
    """Untouched, it begins with notebook 1. A mistake saved there is named, and led to."""
    shutil.copy(ROOT / "notebooks" / f"{NAME}.ipynb", folder)
    start = _start(page, lab)
    go = start.locator("a.llm-go")
    expect(go).to_have_text("Begin: 1 Tokens")
    assert page.locator(".jp-Launcher").count() == 0
    assert start.locator(".llm-box").count() == len(cells.names())
    go.click()
    page.locator(".jp-NotebookPanel:visible").wait_for()
    shutil.copy(folder / "wrong.ipynb", folder / f"{NAME}.ipynb")
    page.get_by_role("tab", name="Start").click()
    expect(go).to_have_text("Continue where you were", timeout=2 * MINUTES)
    box = start.locator(".llm-box").first
    expect(box).to_contain_text("of 8 done")
    expect(box.locator("a.llm-wrong").first).to_have_text("merge")
    page.reload()
    expect(page.locator(".llm-box").first).to_contain_text("of 8 done", timeout=2 * MINUTES)


def _theme(lab, name):
    """Choose JupyterLab Light or JupyterLab Dark for the pages that are opened next."""
    address = lab.split("/lab/")[0] + "/lab/api/settings/@jupyterlab/apputils-extension:themes"
    raw = json.dumps({"raw": json.dumps({"theme": f"JupyterLab {name}"})}).encode()
    request = urllib.request.Request(f"{address}?token=secret", raw, method="PUT")
    urllib.request.urlopen(request, timeout=20)


@pytest.mark.parametrize("theme", ["Dark", "Light"])
def test_a_traceback_can_be_read(lab, page, theme):
    _theme(lab, theme)
    _open(page, lab.format("broken.ipynb"))
    panel = _run_all(page)
    expect(panel).to_contain_text("unsupported operand")
    page.screenshot(path=SHOTS / f"traceback_{theme}.png")
    assert page.evaluate(FAINT) == []


def test_on_a_phone_the_list_of_files_is_folded_away(lab, page):
    page.set_viewport_size({"width": 390, "height": 800})
    start = _start(page, lab)
    expect(page.locator(".jp-FileBrowser")).to_be_hidden()
    assert start.evaluate("page => page.getBoundingClientRect().width") > 290
    page.set_viewport_size({"width": 1280, "height": 900})


def test_the_start_page_fits(lab, page):
    for theme in ("Dark", "Light"):
        _theme(lab, theme)
        start = _start(page, lab)
        page.keyboard.press("Control+b")
        for width in (400, 640, 960, 1280, 1920):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_timeout(500)
            assert (
                start.evaluate("""page => [...page.querySelectorAll("*")]
                .filter(each => each.scrollWidth > each.clientWidth + 1 && each.clientWidth)
                .map(each => each.outerHTML.slice(0, 80))""")
                == []
            ), (theme, width)
            page.screenshot(path=SHOTS / f"start_{theme}_{width}.png")
    page.set_viewport_size({"width": 1280, "height": 900})


def test_nothing_that_lab_offers_is_dead(lab, page):
    """No request fails, no plugin complains, no menu is empty; code wraps, text is not too wide."""
    failed, complaints = [], []
    page.on("response", lambda answer: answer.status >= 400 and failed.append(answer.url))
    page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    _open(page, lab.format(f"{NAME}.ipynb"))
    panel = page.locator(".jp-NotebookPanel:visible")
    expect(panel.get_by_role("button", name="✓ Check")).to_be_visible()
    assert panel.locator(".validate-button").count() == 0
    expect(panel.locator(".jp-CodeCell .cm-lineWrapping").first).to_be_visible()
    assert panel.get_by_text("Notebook", exact=True).count() == 0  # a button that led to a 404
    menus = page.locator(".lm-MenuBar-itemLabel").all_inner_texts()
    assert menus == ["File", "Edit", "View", "Run", "Kernel", "Tabs", "Settings", "Help"]
    page.set_viewport_size({"width": 1920, "height": 900})
    text = panel.locator(".jp-MarkdownOutput").first.evaluate(
        "e => e.getBoundingClientRect().width"
    )
    page.set_viewport_size({"width": 1280, "height": 900})
    assert 500 < text < 800
    assert not failed and not complaints, (failed, complaints)


def _run_all(page):
    panel = page.locator(".jp-NotebookPanel:visible")
    asked = page.locator(".jp-Dialog button.jp-mod-accept", has_text="Restart")
    for _ in range(6):  # JupyterLab drops the click while the kernel is being chosen
        panel.get_by_title("Restart the kernel and run all cells").first.click()
        with contextlib.suppress(TimeoutError):
            asked.click(timeout=10_000)
            break
    expect(panel.locator(".jp-CodeCell .jp-InputPrompt").last).to_have_text(
        re.compile(r"\[\d+\]:"), timeout=5 * MINUTES
    )
    _wait_until_idle(page)
    return panel


def test_all_cells_of_the_solved_notebook_run(lab, page):
    _open(page, lab.format("right.ipynb"))
    panel = _run_all(page)
    printed = panel.locator("[data-mime-type='application/vnd.jupyter.stderr']")
    assert printed.filter(has_text="Traceback").count() == 0


def test_check_passes_what_is_right_though_nothing_was_predicted(lab, page):
    _open(page, lab.format("unpredicted.ipynb"))
    assert {word for word, _, _ in _check(page)} == {"✓ done"}
    _close(page)


def test_check_tells_wrong_from_unwritten_the_mistake_first_and_leads_to_it(lab, page):
    _open(page, lab.format("wrong.ipynb"))
    rows = _check(page)
    words = [word for word, _, _ in rows]
    assert words == sorted(words, key=lambda word: word != "✗ wrong") and "✓ done" in words
    assert rows[0][1] == "1.2 merge" and "go on by two positions" in rows[0][2]
    assert words.count("· not written yet") == 1
    page.locator(".jp-Dialog").get_by_role("button", name="1.2 merge").click()
    panel = page.locator(".jp-NotebookPanel:visible")
    expect(panel.locator(".jp-Cell.jp-mod-active")).to_contain_text("def merge")
    expect(panel.locator("#Exercise-1\\.2, h3", has_text="Exercise 1.2").first).to_be_in_viewport()


def test_a_solution_asks_before_it_shows(lab, page):
    _open(page, lab.format("wrong.ipynb"))
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


@pytest.mark.parametrize("path", ["../secret.ipynb", "nothing.ipynb", "sliders.ipynb"])
def test_what_is_no_notebook_of_the_course_is_refused(lab, path):
    address = lab.split("/lab/")[0] + "/llmlib/solution?token=secret&exercise=merge&path=" + path
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address, timeout=20)
    assert refused.value.code == 404


def test_nobody_without_the_token_is_served(lab):
    for verb in ("start", "solution?path=01_tokens.ipynb&exercise=merge"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(lab.split("/lab/")[0] + f"/llmlib/{verb}", timeout=20)
        assert refused.value.code == 403


def test_sliders_answer(lab, page):
    """Moved with the keyboard, as they also can be."""
    _open(page, lab.format("sliders.ipynb"))
    panel = _run_all(page)

    def press(slider, key, times=1):
        handle = panel.locator(".widget-hslider", has_text=slider).locator(".noUi-handle")
        for _ in range(times):
            handle.press(key)

    strip, sums = (
        panel.locator(".widget-html", has_text="hidden"),
        panel.locator(".widget-html", has_text="tokens survive"),
    )
    panel.locator(".widget-dropdown select").select_option(label="2: ' sat'")
    expect(strip.get_by_text("hidden", exact=True)).to_have_count(
        3
    )  # " on", " the" and " mat" come after " sat"
    before = strip.inner_text()
    press("layer", "ArrowRight", 3)
    expect(strip).not_to_have_text(before, use_inner_text=True)
    expect(sums).to_contain_text("49,152 of 49,152 tokens survive")
    press("top-k", "ArrowRight", 2)
    expect(sums).to_contain_text("2 of 49,152 tokens survive")
    press("temperature", "Home")
    expect(sums).to_contain_text("1 of 49,152 tokens survive")
    panel.get_by_role("button", name="write 20 tokens").click()
    expect(panel.locator(".widget-html li")).to_have_count(5)
    page.keyboard.press("Control+b")  # the list of files away, as one does on a narrow screen
    for width in (400, 640, 960, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(1000)  # JupyterLab lays the page out anew
        count, crowded = page.evaluate(CROWDED)
        assert count >= 9 and not crowded, (width, crowded)
    page.keyboard.press("Control+b")
    page.set_viewport_size({"width": 1280, "height": 900})


def test_a_saved_figure_has_its_alt_text_and_is_sharp(lab, page):
    """As it lies in a notebook of somebody else's, which JupyterLab does not trust."""
    _open(page, lab.format("picture.ipynb"))
    image = page.locator(".jp-NotebookPanel:visible .jp-OutputArea-output img")
    expect(image).to_have_attribute("alt", ALT)
    assert image.evaluate("image => [image.width, image.naturalWidth]") == [800, 1600]


def _api(lab, path, method="GET"):
    """What JupyterLab's server answers, as JSON."""
    request = urllib.request.Request(
        f"{lab.split('/lab/')[0]}/api/{path}",
        method=method,
        headers={"Authorization": "token secret"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read() or "null")


def test_the_quiz_is_answered_by_clicks_and_by_keys(lab, page, tmp_path):
    """Wrong, then right, with no cell run before; saved, opened again with another kernel, gone on
    with. The cells hold what was chosen, so it is what is checked and graded."""
    complaints, asked = [], {each.name: each for each in questions.read()}
    page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    panel = page.locator(".jp-NotebookPanel:visible")

    def option(name, letter):
        options = panel.get_by_role("list", name=f"Options of question {int(name[1:])}", exact=True)
        return options.locator(f"button[data-letter={letter}]")

    def expect_told(name, letter, mark):
        told = dict(zip("ABCD", asked[name].options))[letter][1]
        expect(panel.get_by_text(told[:40]).last).to_be_visible(timeout=2 * MINUTES)
        expect(option(name, letter)).to_have_accessible_name(re.compile(f"{mark}$"))
        expect(option(name, letter)).to_have_attribute("aria-pressed", "true")

    def save():
        unsaved = page.locator(".lm-DockPanel-tabBar .jp-mod-dirty")
        expect(unsaved).to_have_count(1)
        page.keyboard.press("Control+s")
        expect(unsaved).to_have_count(0)
        content = _api(lab, "contents/quiz.ipynb")["content"]
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

    saved = save()
    released = nbformat.read(ROOT / "notebooks/quiz.ipynb", as_version=4).cells
    assert len(saved) == len(released)
    sources = {cells.grade_id(cell): cell.source for cell in saved}
    for name in ("q01", "q02"):
        assert sources[name] == f'{name} = "{right[name]}"  # first: {wrong[name]}'
    assert sources["q03"] == "q03 = None"

    for session in _api(lab, "sessions"):
        _api(lab, f"sessions/{session['id']}", "DELETE")
    _open(page, lab.format("quiz.ipynb"))
    expect_told("q02", right["q02"], "✓ right")
    option("q03", right["q03"]).click()
    expect_told("q03", right["q03"], "✓ right")
    (score,) = [cell.outputs[0].data["text/plain"] for cell in save() if cell.source == "score()"]
    count = len(asked)
    assert f"3 of {count} right. First answers right: 1 of {count}." in score
    checked = progress.check_one("quiz", tmp_path / "quiz.ipynb")
    states = {name: state for name, state, _ in checked.exercises}
    assert [states[f"q0{n}"] for n in (1, 2, 3, 4)] == ["done", "done", "done", "untouched"]
    assert not complaints, complaints
