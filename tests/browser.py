"""JupyterLab in a real browser, for the tests that drive one: a Chromium, a server on a folder of
notebooks as `make lab` starts it, and the gestures that several journeys share."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request

import nbformat
import required_tools
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import TimeoutError, expect, sync_playwright
from ports import free_port

from exercises.format import notebooks
from exercises.format.notebooks import ROOT
from exercises.format.source import METADATA
from llmlib import plots

NAME = "01_tokens"
HUB = "hub.example"  # to the browser, 127.0.0.1 is also a host of this name
FLAGS = [
    f"--host-resolver-rules=MAP {HUB} 127.0.0.1",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MINUTES = 60_000  # in the milliseconds that Playwright counts in
expect.set_options(timeout=1 * MINUTES)  # a busy machine is no fault
SHOTS = ROOT / "build" / "screenshots"  # to be looked at
ALT = "A line that rises from 1 to 3."
# Each request is kept in `unanswered`, {id: its content}, until the kernel is idle after it.
LISTEN = """() => {
  const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  window.unanswered = new Map();
  kernel.anyMessage.connect((_, {msg, direction}) =>
    direction === "send" && msg.channel === "shell" &&
      unanswered.set(msg.header.msg_id, msg.content));
  kernel.iopubMessage.connect((_, msg) =>
    msg.content.execution_state === "idle" && unanswered.delete(msg.parent_header.msg_id));
}"""
# The state of each open notebook's kernel, as the page sees it; last, of the one in front.
KERNELS = """() => {
  const { shell } = window.jupyterapp ?? {}, notebooks = shell ? [...shell.widgets("main")] : [];
  return [...notebooks, shell?.currentWidget].filter(each => each?.sessionContext).map(each => {
    const kernel = each.sessionContext.session?.kernel;
    const known = kernel?.connectionStatus === "connected" && kernel.status !== "unknown";
    return known ? kernel.status : "starting";
  });
}"""
# JupyterLab places its parts by numbers, all in one go; this bar is the one at the right.
AT_THE_EDGE = """width => innerWidth === width && width ===
  document.querySelector(".jp-SideBar.jp-mod-right").getBoundingClientRect().right"""
WRONG_MERGE = """def merge(ids, pair, new_id):
    out = []
    for i, token in enumerate(ids):  # overlapping pairs
        out.append(new_id if tuple(ids[i : i + 2]) == tuple(pair) else token)
    return out"""


@contextlib.contextmanager
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=required_tools.chromium()[0], args=FLAGS
        )
        yield browser
        browser.close()


@contextlib.contextmanager
def new_context(browser, width=1280, height=900, **options):
    """A window without a history: cookies, storage and a cache of its own."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(viewport={"width": width, "height": height}, **options)
    yield context
    context.close()


@contextlib.contextmanager
def new_tab(context):
    """A page in a tab of its own. What it complains of is in `page.complaints`."""
    page = context.new_page()
    page.set_default_timeout(2 * MINUTES)
    page.complaints = []
    page.on("console", lambda said: _complains(said) and page.complaints.append(said.text))
    page.on("pageerror", lambda error: page.complaints.append(error.stack or str(error)))
    yield page
    page.close()


def _complains(said):
    """Whether the page logs an error. The browser asks for the picture "attachment:a.png" before
    JupyterLab has put its data in the place of that name."""
    early = said.location["url"].startswith("attachment:")
    return said.type == "error" and not early


@contextlib.contextmanager
def new_page(browser, width=1280, height=900, **options):
    """A page in a window of its own."""
    with new_context(browser, width, height, **options) as context, new_tab(context) as page:
        yield page


def serious_faults(page):
    """What axe finds in a page, less what it calls minor or moderate."""
    # preload: axe would fetch the style sheets again, some from the wrong folder
    found = Axe().run(page, options={"resultTypes": ["violations"], "preload": False})
    return [
        (each["id"], node["html"][:200])
        for each in found.response["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"][:3]
    ]


def solved(yours="None", **replace):
    """Notebook 1 as released, with every exercise solved but for those in `replace`, and `yours` as
    every prediction (None: no guess)."""
    solutions = {
        exercise.name: exercise.solution for exercise in notebooks.load(NAME).exercises
    } | replace
    node = nbformat.read(ROOT / "notebooks" / f"{NAME}.ipynb", as_version=4)
    for cell in node.cells:
        if notebooks.kind(cell) == "solution":
            cell.source = solutions[notebooks.grade_id(cell)]
        cell.source = cell.source.replace("yours=...", f"yours={yours}")
    return node


def write(folder, name, *sources):
    """A notebook of code cells, each a source or a cell."""
    made = [nbformat.v4.new_code_cell(s) if isinstance(s, str) else s for s in sources]
    notebook = nbformat.v4.new_notebook(cells=made, metadata=METADATA)
    nbformat.write(notebook, folder / f"{name}.ipynb")


def furnish(folder):
    """Copies of the notebooks, and a few of our own: nothing in the course's folder is changed."""
    for name in notebooks.names():
        shutil.copy(ROOT / "notebooks" / f"{name}.ipynb", folder)
    nbformat.write(solved(), folder / "right.ipynb")
    stub = notebooks.load(NAME).core[-1]
    wrong = solved(**{"merge": WRONG_MERGE, stub.name: stub.stub})
    nbformat.write(wrong, folder / "wrong.ipynb")
    nbformat.write(solved(yours="..."), folder / "unpredicted.ipynb")
    figure, ax = plots.figure(height=2.0)
    ax.plot([1, 2, 3])
    shown = nbformat.v4.new_output("display_data", plots.image(figure, ALT))
    cell = nbformat.v4.new_code_cell("show(figure, alt=...)", outputs=[shown], execution_count=1)
    write(folder, "picture", cell)
    write(folder, "broken", "def half(x):\n    return x / '2'\n\n\nhalf(3)")


@contextlib.contextmanager
def served(folder):
    """The address of a JupyterLab that `make lab` serves on `folder`."""
    words = f"--ServerApp.root_dir={folder} --IdentityProvider.token=secret"
    words += " --LabApp.expose_app_in_browser=True"  # see `listen`
    with jupyter(folder, ["make", "lab", f"PYTHON={sys.executable}", f"ARGS={words}"]) as port:
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def workspace(server, folder, name):
    """The address of a notebook, "…/tree/{}…", in a workspace called `name`. In the end the kernels
    are stopped, and layouts, settings and notebooks are as they were."""
    name = re.sub(r"\W+", "-", name)
    before = {path: path.read_bytes() for path in folder.glob("*.ipynb")}
    address = f"{server}/lab/workspaces/{name}/tree/{{}}?token=secret"
    try:
        yield address
    finally:
        stop_kernels(address)
        for each in (".workspaces", ".settings", ".ipynb_checkpoints"):
            shutil.rmtree(folder / each, ignore_errors=True)
        for path in folder.glob("*.ipynb"):
            path.unlink()
        for path, content in before.items():
            path.write_bytes(content)


def start_address(lab):
    """The address of the start page in the workspace that `lab` is the address of."""
    return lab.replace("/tree/{}", "")


@contextlib.contextmanager
def jupyter(folder, command, cwd=ROOT, **environment):
    """The port on which `command` serves JupyterLab, {port} in its words; its settings lie in
    `folder`."""
    port = free_port()
    environment = {
        **os.environ,
        "PORT": str(port),
        "BROWSER": "0",
        "JUPYTER_DATA_DIR": str(folder / ".jupyter"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / ".settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / ".workspaces"),
        **environment,
    }
    command = [str(word).replace("{port}", str(port)) for word in command]
    log = (folder / "lab.log").open("w+")
    server = subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=log, stderr=log, start_new_session=True
    )
    try:
        wait_until_served(f"http://127.0.0.1:{port}/login", server, folder / "lab.log")
        yield port
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:  # it waits for kernels that a busy machine still starts
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def wait_until_served(address, server, log, seconds=120):
    """Until the process `server` answers at `address`; otherwise what its `log` says is raised."""
    for _ in range(10 * seconds):
        assert server.poll() is None, log.read_text()
        try:
            return urllib.request.urlopen(address, timeout=5)
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"not served within {seconds} s: {log.read_text()}")


def api(lab, path, method="GET", body=None):
    """What JupyterLab's server answers, as JSON."""
    request = urllib.request.Request(
        f"{lab.split('/lab/')[0]}/{path}",
        body and json.dumps(body).encode(),
        method=method,
        headers={"Authorization": "token secret"},
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read() or "null")


def stop_kernels(lab):
    for session in api(lab, "api/sessions"):
        api(lab, f"api/sessions/{session['id']}", "DELETE")


def theme(lab, name):
    """Choose JupyterLab Light or JupyterLab Dark for the pages that are opened next."""
    settings = {"raw": json.dumps({"theme": f"JupyterLab {name}"})}
    api(lab, "lab/api/settings/@jupyterlab/apputils-extension:themes", "PUT", settings)


def open_notebook(page, address):
    page.goto(address)
    page.add_locator_handler(
        page.locator(".jp-Dialog", has_text="Select Kernel"),
        lambda dialog: dialog.locator("button.jp-mod-accept").click(),
    )
    page.locator(".jp-NotebookPanel:visible").wait_for(timeout=2 * MINUTES)
    wait_until_idle(page)


def wait_until_idle(page):
    """Wait until the kernel of the notebook in front is there and has nothing to do."""
    page.wait_for_function(f"() => ({KERNELS})().slice(-1)[0] === 'idle'", timeout=5 * MINUTES)


def let_kernels_start(page):
    """Before a tab is closed: a kernel that it has just asked for would start after the tests have
    stopped all others."""
    with contextlib.suppress(TimeoutError):
        page.wait_for_function(f"() => !({KERNELS})().includes('starting')", timeout=1 * MINUTES)


def listen(page):
    """From now on `answered` knows what the page asks of the kernel of the notebook in front."""
    page.evaluate(LISTEN)


def answered(page):
    """Wait until the kernel has done all that the page has asked of it, and the page shows that:
    an answer that came before "idle" has been worked in when "idle" is."""
    page.wait_for_function("() => unanswered.size === 0")


def resize(page, width, height=900):
    """Give the page another size, and wait until JupyterLab has laid itself out for it."""
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_function(AT_THE_EDGE, arg=width)


def menu(page, bar, *words):
    """Choose in JupyterLab's menu, as with a mouse."""
    page.locator(".lm-MenuBar-item", has_text=bar).click()
    for word in words:
        page.locator(".lm-Menu-item", has_text=re.compile(f"^{word}$")).click()


def run_all(page):
    """Run all cells, in order, once the kernel is there; what a cell raises is said at once.

    A kernel whose ports another program took as it started is begun anew by the server, and
    JupyterLab forgets what it had been asked: then it is asked once more, as one would.
    """
    panel = page.locator(".jp-NotebookPanel:visible")
    expect(panel.locator(".jp-Toolbar-kernelName")).not_to_have_text(re.compile("No Kernel"))
    prompts = panel.locator(".jp-CodeCell .jp-InputPrompt")
    raised = panel.locator("[data-mime-type='application/vnd.jupyter.stderr']")
    raised = raised.filter(has_text="Traceback")
    prompts.last.wait_for(state="attached")
    until = time.monotonic() + 600
    while not re.fullmatch(r"\[\d+\]:", (now := _texts(prompts))[-1]):
        if "[*]:" not in now:
            assert not raised.count(), raised.all_inner_texts()
            menu(page, "Run", "Run All Cells")
        assert time.monotonic() < until, now
        page.wait_for_timeout(1000)
    wait_until_idle(page)
    return panel


def _texts(found):
    return [each.strip() for each in found.all_inner_texts()]


def save(page):
    page.keyboard.press("Control+s")
    expect(page.locator(".lm-DockPanel-tabBar .jp-mod-dirty")).to_have_count(0)
