"""JupyterLab as `make lab` opens it, in a real browser: notebook 1 runs, Validate names a mistake,
sliders answer, figures have their words."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from playwright.sync_api import TimeoutError, expect, sync_playwright

from llmlib import plots
from llmlib.course import cells
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
WRONG_MERGE = """def merge(ids, pair, new_id):
    out = []
    for i, token in enumerate(ids):  # overlapping pairs
        out.append(new_id if tuple(ids[i : i + 2]) == tuple(pair) else token)
    return out"""


def solved(**replace):
    """Notebook 1 as released, with every exercise solved but for those in `replace`."""
    solutions = {
        exercise.name: exercise.solution for exercise in cells.load(NAME).exercises
    } | replace
    node = nbformat.read(ROOT / "notebooks" / f"{NAME}.ipynb", as_version=4)
    for cell in node.cells:
        if cells.kind(cell) == "solution":
            cell.source = solutions[cells.grade_id(cell)]
        cell.source = cell.source.replace("yours=...", "yours=None")  # no prediction: go on
    return node


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The address of a JupyterLab that `make lab` serves, on copies: nothing here is changed."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copy(ROOT / "notebooks" / f"{NAME}.ipynb", folder)
    nbformat.write(solved(), folder / "right.ipynb")
    nbformat.write(solved(merge=WRONG_MERGE), folder / "wrong.ipynb")
    sliders = nbformat.v4.new_code_cell(SLIDERS)
    figure, ax = plots.figure(height=2.0)
    ax.plot([1, 2, 3])
    shown = nbformat.v4.new_output("display_data", plots.image(figure, ALT))
    cell = nbformat.v4.new_code_cell("show(figure, alt=...)", outputs=[shown], execution_count=1)
    for name, only in (("sliders", sliders), ("picture", cell)):
        notebook = nbformat.v4.new_notebook(cells=[only], metadata=METADATA)
        nbformat.write(notebook, folder / f"{name}.ipynb")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = f"--ServerApp.root_dir={folder} --IdentityProvider.token=secret"
    environment = {
        **os.environ,
        "PORT": str(port),
        "BROWSER": "0",
        "JUPYTER_DATA_DIR": str(folder / ".jupyter"),
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


def _validate(page):
    page.locator(".jp-NotebookPanel:visible .validate-button").click()
    dialog = page.locator(".jp-Dialog", has_text="Validation Results")
    dialog.wait_for(timeout=5 * MINUTES)
    text = dialog.inner_text()
    dialog.locator("button.jp-mod-accept").click()
    return text


def test_lab_opens_notebook_one_without_a_pop_up(lab, page):
    _open(page, lab.format(f"{NAME}.ipynb"))
    title = re.sub(r"^#\s*", "", cells.load(NAME).cells[0].source.splitlines()[0])
    expect(page.locator(".jp-NotebookPanel:visible h1").first).to_contain_text(title)
    assert page.locator(".jp-toast, .Toastify__toast").count() == 0


def test_nothing_that_lab_offers_is_dead(lab, page):
    """No request fails, no plugin complains, no menu is empty; code wraps, text is not too wide."""
    failed, complaints = [], []
    page.on("response", lambda answer: answer.status >= 400 and failed.append(answer.url))
    page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    _open(page, lab.format(f"{NAME}.ipynb"))
    panel = page.locator(".jp-NotebookPanel:visible")
    expect(panel.locator(".validate-button")).to_be_visible()
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
    assert panel.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0


def test_validate_passes_a_right_merge(lab, page):
    _open(page, lab.format("right.ipynb"))
    assert "Your notebook passes all the tests" in _validate(page)


def test_validate_names_the_mistake_of_a_wrong_merge(lab, page):
    _open(page, lab.format("wrong.ipynb"))
    said = _validate(page)
    assert "Mistake: " in said and "left to right" in said
    assert "check.py" not in said  # the learner reads the sentence, not our frames


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
