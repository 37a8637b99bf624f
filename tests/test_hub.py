"""docs/hub.md, done: a real JupyterHub with the files of that page, a class in real browsers under
another host name, an instructor, and a learner who would like to see what others have.

All run as one account here, which this machine lets a test do. So what accounts keep apart, files
and the exchange, is not tested; what the hub's login keeps apart is.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import types
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from urllib.parse import urlencode

import nbformat
import pytest
from browser import HUB, MINUTES, NAME, SHOTS, menu, new_page, open_notebook, save
from browser import wait_until_served
from playwright.sync_api import expect
from ports import free_port

from llmlib import assets
from llmlib.course.format import notebooks
from llmlib.course.format.notebooks import ROOT

pytestmark = pytest.mark.browser
LEARNERS = ["ada", "bob", "carol"]
FIRST = notebooks.load(NAME).exercises[0]
WRONG = f"def {FIRST.name}(ids):\n    return {{}}"
# What differs from a class's machine: ports, and learners without accounts.
HERE = """
load_subconfig({recipe!r})
assert os.access(c.Spawner.cmd[0], os.X_OK)
c.JupyterHub.bind_url, c.JupyterHub.hub_port = "http://127.0.0.1:{port}", {hub_port}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api_port}"
c.JupyterHub.authenticator_class, c.DummyAuthenticator.password = "dummy", "secret"
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.args = ["--LabApp.expose_app_in_browser=True"]  # the gestures of browser.py ask it
c.Spawner.cmd = [sys.executable, {released!r}, *c.Spawner.cmd[1:]]
c.Spawner.environment.update(JUPYTER_CONFIG_PATH={configs!r})
"""
# `llmlib` of a wheel whose notebooks are in a folder of the test's.
RELEASED = """
import sys
from pathlib import Path
from llmlib.course import environment
environment.RELEASED = Path({notebooks!r})
from llmlib.cli import main
sys.exit(main())
"""
# One account hands in for all: nbgrader takes the learner's name from the hub.
ONE_ACCOUNT = """
c.CourseDirectory.student_id = os.environ.get("JUPYTERHUB_USER", "*")
c.ExchangeCollect.check_owner = False
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A running hub: its `address`, its `folder`, and the `log`."""
    folder = tmp_path_factory.mktemp("hub")
    for each in (ROOT / "docs" / "hub").iterdir():
        shutil.copy(each, folder)
    with (folder / "nbgrader_config.py").open("a") as file:
        file.write(ONE_ACCOUNT)
    (folder / "exchange").mkdir()
    (folder / "exchange").chmod(0o777)
    (folder / "model").mkdir()
    (folder / "model" / assets.SMOLLM2).symlink_to(assets.smollm2_folder())
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    (folder / "released.py").write_text(RELEASED.format(notebooks=str(folder / "notebooks")))
    port = free_port()
    here = HERE.format(
        recipe=str(folder / "jupyterhub_config.py"),
        port=port,
        hub_port=free_port(),
        api_port=free_port(),
        homes=str(folder / "home" / "{username}"),
        released=str(folder / "released.py"),
        configs=str(folder),
    )
    (folder / "here.py").write_text(f"import os, sys\n{here}")
    log = (folder / "hub.log").open("w")
    words = [sys.executable, "-m", "jupyterhub", "-f", str(folder / "here.py")]
    server = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_until_served(f"http://127.0.0.1:{port}/hub/health", server, folder / "hub.log")
        yield types.SimpleNamespace(folder=folder, port=port, log=folder / "hub.log")
    finally:
        server.terminate()  # it ends what it has started
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _log_in(page, hub, name):
    page.goto(f"http://{HUB}:{hub.port}/")
    page.locator("#username_input").fill(name)
    page.locator("#password_input").fill("secret")
    page.locator("#login_submit").click()


def _lab(hub, name, path=""):
    return f"http://{HUB}:{hub.port}/user/{name}/lab{path}"


def _solve(page, source):
    """Put `source` into the first exercise's cell, run it and the check below it."""
    panel = page.locator(".jp-NotebookPanel:visible")
    panel.locator(".jp-CodeCell", has_text=f"def {FIRST.name}").first.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Control+Enter")
    return panel.locator(".jp-Cell.jp-mod-active")


def _check(page):
    """{exercise: what Check says of it}."""
    page.locator(".jp-NotebookPanel:visible").get_by_role("button", name="✓ Check").click()
    dialog = page.locator(".jp-Dialog", has_text="Check")
    dialog.locator(".llm-table").wait_for(timeout=2 * MINUTES)
    rows = [row.locator("td").all_inner_texts() for row in dialog.locator("tr").all()]
    dialog.get_by_role("button", name="Close").click()
    return {name.split()[-1]: said for said, name, *_ in rows}


@pytest.mark.proof
def test_a_class_from_the_login_to_the_next_edition(hub, chromium):
    with contextlib.ExitStack() as stack:
        pages = {name: stack.enter_context(new_page(chromium)) for name in LEARNERS}
        ada, bob, carol = pages.values()
        for name, page in pages.items():
            _log_in(page, hub, name)  # all at once: nobody waits for the others
        for name, page in pages.items():
            expect(page.locator(".llm-start .llm-box").first).to_be_visible(timeout=3 * MINUTES)
            assert page.url == _lab(hub, name)
        ada.screenshot(path=SHOTS / "hub_start.png")
        # They guess,
        for name, page in pages.items():
            open_notebook(page, _lab(hub, name, f"/tree/{NAME}.ipynb"))
            panel = page.locator(".jp-NotebookPanel:visible")
            panel.get_by_role("slider").first.press("ArrowRight")
            panel.get_by_role("button", name="Predict").first.click()
        for page in pages.values():
            panel = page.locator(".jp-NotebookPanel:visible")
            expect(panel.get_by_text("Noted: 0.51.").last).to_be_visible(timeout=2 * MINUTES)
        # solve, and are checked.
        cells = _solve(ada, FIRST.solution), _solve(bob, WRONG)
        expect(cells[0]).to_contain_text(f"✓ {FIRST.name}: ", timeout=2 * MINUTES)
        expect(cells[1]).to_contain_text("not a dictionary", timeout=2 * MINUTES)
        said = [_check(page)[FIRST.name] for page in pages.values()]
        assert said == ["✓ done", "✗ wrong", "· not written yet"]
        ada.screenshot(path=SHOTS / "hub_notebook.png")
