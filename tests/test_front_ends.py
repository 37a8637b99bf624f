"""The same notebooks in other front ends: Notebook 7 in a browser, a bare kernel without any.
And Formgrader, for instructors."""

import html
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from jupyter_client.manager import start_new_kernel
from playwright.sync_api import expect, sync_playwright
from test_browser import FLAGS, SHOTS

from llmlib import files
from llmlib.course import cells, stub
from llmlib.course.cells import ROOT
from llmlib.course.setting_up import tools

pytestmark = pytest.mark.browser
NAME = "01_tokens"


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
            printed = code.locator("[data-mime-type='application/vnd.jupyter.stderr']")
            assert printed.filter(has_text="Traceback").count() == 0
            browser.close()
    finally:
        server.terminate()
        server.wait(30)


def test_formgrader_opens_by_itself_and_without_a_pop_up(tmp_path):
    """As `make formgrader` opens it, in a course whose source lies where the build puts it."""
    source = tmp_path / "course" / "source" / NAME / f"{NAME}.ipynb"
    files.write(source, nbformat.writes(stub.source(cells.load(NAME))))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [sys.executable, ROOT / "llmlib/course/setup.py", "formgrader", "--here"]
    words.append(f"--ServerApp.root_dir={tmp_path}")  # Formgrader shows what lies below it
    environment = {
        **os.environ,
        "PORT": str(port),
        "LLM_COURSE_FOLDER": str(tmp_path / "course"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "workspaces"),
        "BROWSER": "true",  # it shows nothing, and what it is told to show is kept
    }
    with (tmp_path / "log").open("w+") as log:
        server = subprocess.Popen(words, env=environment, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}/login", server)
        (opened,) = (tmp_path / "data" / "runtime").glob("jpserver-*-open.html")
        address = re.search(r'href="(http[^"]+)"', opened.read_text())[1]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=tools.chromium()[0], args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.set_default_timeout(120_000)
            page.goto(html.unescape(address))
            inside = page.frame_locator("iframe")
            expect(inside.get_by_text("Manage Assignments").first).to_be_visible(timeout=120_000)
            expect(inside.get_by_text(NAME).first).to_be_visible(timeout=60_000)
            assert page.locator(".jp-toast, .Toastify__toast").count() == 0
            SHOTS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=SHOTS / "formgrader.png")
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
