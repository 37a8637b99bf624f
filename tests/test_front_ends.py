"""The same notebooks in other front ends: Notebook 7 in a browser, a bare kernel without any."""

import shutil
import sys

import nbformat
import pytest
from browser import NAME, jupyter, new_page
from jupyter_client.manager import start_new_kernel
from playwright.sync_api import expect

from exercises.format import notebooks
from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.browser


def test_notebook_7_opens_and_runs_a_cell(tmp_path, chromium):
    shutil.copy(ROOT / "notebooks" / f"{NAME}.ipynb", tmp_path)
    words = [sys.executable, "-m", "notebook", "--no-browser", "--allow-root", "--port={port}"]
    words += [f"--ServerApp.root_dir={tmp_path}", "--IdentityProvider.token=secret"]
    served = jupyter(tmp_path, words, cwd=tmp_path, PYTHONPATH=str(ROOT))
    with served as port, new_page(chromium) as page:
        page.goto(f"http://127.0.0.1:{port}/notebooks/{NAME}.ipynb?token=secret")
        title = notebooks.load(NAME).cells[0].source.splitlines()[0].lstrip("# ")
        expect(page.locator(".jp-Notebook h1").first).to_contain_text(title)
        code = page.locator(".jp-CodeCell").first
        prompt = code.locator(".jp-InputPrompt")
        for _ in range(60):  # a key pressed before the page has wired its keyboard is lost
            shown = ".jp-InputArea-editor:visible, .jp-Placeholder:visible"  # a folded cell opens
            code.locator(shown).first.click()
            page.keyboard.press("Control+Enter")
            page.wait_for_timeout(1000)
            if prompt.inner_text().strip() != "[ ]:":
                break
        expect(prompt).to_have_text("[1]:", timeout=120_000)
        printed = code.locator("[data-mime-type='application/vnd.jupyter.stderr']")
        assert printed.filter(has_text="Traceback").count() == 0


def test_a_bare_kernel_runs_the_released_notebook_up_to_the_first_exercise(monkeypatch):
    """As VS Code, Colab and others do: a kernel, the code of the cells, no page of Jupyter's."""
    monkeypatch.chdir(ROOT / "notebooks")
    manager, client = start_new_kernel()
    try:
        refused = 0
        for cell in nbformat.read(f"{NAME}.ipynb", as_version=4).cells:
            if notebooks.kind(cell) == "solution":
                break
            if cell.cell_type == "code":
                reply = client.execute_interactive(
                    cell.source, timeout=300, output_hook=lambda _: None
                )["content"]
                if "yours=..." in cell.source:
                    [sentence] = reply["traceback"]
                    assert sentence.startswith("Predict first") and "\n" not in sentence
                    refused += 1
                else:
                    assert reply["status"] == "ok", reply
        assert refused
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
