"""The same notebooks in other front ends: Notebook 7 in a browser, a bare kernel without any.
And Formgrader, for instructors."""

import html
import re
import shutil
import sys

import nbformat
import pytest
from browser import NAME, SHOTS, jupyter, new_page
from jupyter_client.manager import start_new_kernel
from playwright.sync_api import expect

from llmlib import files
from llmlib.course import cells, stub
from llmlib.course.cells import ROOT

pytestmark = pytest.mark.browser


def test_notebook_7_opens_and_runs_a_cell(tmp_path, chromium):
    shutil.copy(ROOT / "notebooks" / f"{NAME}.ipynb", tmp_path)
    words = [sys.executable, "-m", "notebook", "--no-browser", "--allow-root", "--port={port}"]
    words += [f"--ServerApp.root_dir={tmp_path}", "--IdentityProvider.token=secret"]
    served = jupyter(tmp_path, words, cwd=tmp_path, PYTHONPATH=str(ROOT))
    with served as port, new_page(chromium) as page:
        page.goto(f"http://127.0.0.1:{port}/notebooks/{NAME}.ipynb?token=secret")
        title = cells.load(NAME).cells[0].source.splitlines()[0].lstrip("# ")
        expect(page.locator(".jp-Notebook h1").first).to_contain_text(title)
        code = page.locator(".jp-CodeCell").first
        prompt = code.locator(".jp-InputPrompt")
        for _ in range(60):  # a key pressed before the page has wired its keyboard is lost
            code.locator(".jp-InputArea-editor").click()
            page.keyboard.press("Control+Enter")
            page.wait_for_timeout(1000)
            if prompt.inner_text().strip() != "[ ]:":
                break
        expect(prompt).to_have_text("[1]:", timeout=120_000)
        printed = code.locator("[data-mime-type='application/vnd.jupyter.stderr']")
        assert printed.filter(has_text="Traceback").count() == 0


def test_formgrader_opens_by_itself_and_without_a_pop_up(tmp_path, chromium):
    """As `make formgrader` opens it, in a course whose source lies where the build puts it."""
    source = tmp_path / "course" / "source" / NAME / f"{NAME}.ipynb"
    files.write(source, nbformat.writes(stub.source(cells.load(NAME))))
    words = [sys.executable, ROOT / "llmlib/course/setup.py", "formgrader", "--here"]
    words.append(f"--ServerApp.root_dir={tmp_path}")  # Formgrader shows what lies below it
    course = {"LLM_COURSE_FOLDER": str(tmp_path / "course")}
    course["BROWSER"] = "true"  # it shows nothing, and what it is told to show is kept
    with jupyter(tmp_path, words, **course), new_page(chromium) as page:
        (opened,) = (tmp_path / ".jupyter" / "runtime").glob("jpserver-*-open.html")
        page.goto(html.unescape(re.search(r'href="(http[^"]+)"', opened.read_text())[1]))
        inside = page.frame_locator("iframe")
        expect(inside.get_by_text("Manage Assignments").first).to_be_visible(timeout=120_000)
        expect(inside.get_by_text(NAME).first).to_be_visible(timeout=60_000)
        assert page.locator(".jp-toast, .Toastify__toast").count() == 0
        page.screenshot(path=SHOTS / "formgrader.png")


def test_a_bare_kernel_runs_the_released_notebook_up_to_the_first_exercise(monkeypatch):
    """As VS Code, Colab and others do: a kernel, the code of the cells, no page of Jupyter's."""
    monkeypatch.chdir(ROOT / "notebooks")
    manager, client = start_new_kernel()
    try:
        for cell in cells.load(NAME).cells:
            if cells.kind(cell) == "solution":
                break
            if cell.cell_type == "code":
                reply = client.execute_interactive(
                    cell.source, timeout=300, output_hook=lambda _: None
                )
                assert reply["content"]["status"] == "ok", reply["content"]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
