"""The same notebooks in other front ends: Notebook 7 in a browser, a bare kernel without any."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest
from jupyter_client.manager import start_new_kernel
from playwright.sync_api import expect, sync_playwright

from llmlib.course import cells
from llmlib.course.cells import ROOT
from llmlib.course.setting_up import tools

pytestmark = pytest.mark.browser
NAME = "01_tokens"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


def test_notebook_7_opens_and_runs_a_cell(tmp_path):
    shutil.copy(ROOT / "notebooks" / f"{NAME}.ipynb", tmp_path)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, "-m", "notebook", "--no-browser", "--allow-root", f"--port={port}"]
    words += [f"--ServerApp.root_dir={tmp_path}", "--IdentityProvider.token=secret"]
    environment = {
        **os.environ,
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "PYTHONPATH": str(ROOT),
    }
    with (tmp_path / "log").open("w+") as log:
        server = subprocess.Popen(words, cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/login", server)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=tools.chromium()[0], args=FLAGS)
            page = browser.new_page()
            page.set_default_timeout(120_000)
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
            assert code.locator("[data-mime-type='application/vnd.jupyter.error']").count() == 0
            browser.close()
    finally:
        server.terminate()
        server.wait(30)


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


def _wait(address, server, seconds=120):
    for _ in range(10 * seconds):
        assert server.poll() is None, "the server ended"
        try:
            return urllib.request.urlopen(address, timeout=5)
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"not served within {seconds} s")
