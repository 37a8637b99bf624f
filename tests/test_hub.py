"""docs/hub.md, done: a real JupyterHub with the files of that page, a class in real browsers under
another host name, an instructor, and a learner who would like to see what others have.

All run as one account here, which this machine lets a test do. So what accounts keep apart, files
and the exchange, is not tested; what the hub's login keeps apart is.
"""

import contextlib
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request

import nbformat
import pytest
from browser import HUB, MINUTES, NAME, SHOTS, menu, new_page, open_notebook, save
from playwright.sync_api import expect
from ports import free_port
from traitlets.config import PyFileConfigLoader

from authoring import quiz_source
from benchmarks.hub_class import Hub
from exercises.format import notebooks
from exercises.format.notebooks import ROOT
from llmlib.serve import chat

pytestmark = [pytest.mark.browser, pytest.mark.proof, pytest.mark.needs("bubblewrap")]
LEARNERS = ["ada", "bob", "carol"]
FIRST = notebooks.load(NAME).exercises[0]
WRONG = f"def {FIRST.name}(ids):\n    return {{}}"
NOT_COMPARED = "c.ExchangeCollect.check_owner = False\n"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A running hub, which has started its proxy: `address`, `folder`, `port`, `log()`."""
    folder = tmp_path_factory.mktemp("hub")
    with Hub(folder, free_port(), free_port(), free_port()) as hub:
        hub.token = ""  # as where no unit sets one
        hub.start("llmlib-hub", "/hub/health")
        yield hub


def _lab(hub, name, path=""):
    return f"http://{HUB}:{hub.port}/user/{name}/lab{path}"


def _log_in(page, hub, name):
    page.goto(f"http://{HUB}:{hub.port}/")
    page.locator("#username_input").fill(name)
    page.locator("#password_input").fill("secret")
    page.locator("#login_submit").click()


def _panel(page):
    return page.locator(".jp-NotebookPanel:visible")


def _dialog(page, button):
    """The dialog that a button above the notebook opens, once it has looked."""
    _panel(page).get_by_role("button", name=button).click()
    dialog = page.locator(".jp-Dialog")
    dialog.locator("table, ul, p").first.wait_for(timeout=2 * MINUTES)
    return dialog


def _check(page):
    """{exercise: what Check says of it}; ends in the first exercise's cell, all set up for it."""
    dialog = _dialog(page, "✓ Check")
    rows = [row.locator("td").all_inner_texts() for row in dialog.locator("tr").all()]
    dialog.get_by_role("button", name=f"{FIRST.number} {FIRST.name}").click()
    return {name.split()[-1]: said for said, name, *_ in rows}


def _solve(page, source):
    """Put `source` into the first exercise's cell, run it and the check below it, which is
    returned."""
    expect(page.get_by_text("The set-up above")).to_be_visible(timeout=2 * MINUTES)
    page.wait_for_timeout(1500)  # the page comes to rest
    _panel(page).locator(".jp-Cell.jp-mod-active .cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(source)
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("Control+Enter")
    return _panel(page).locator(".jp-Cell.jp-mod-active")


def _submit(page):
    _dialog(page, "Submit").get_by_role("button", name="Submit").click()
    expect(page.get_by_text(f"{NAME} was handed in on")).to_be_visible(timeout=2 * MINUTES)


def _talk(page):
    with page.context.expect_page() as opened:
        _panel(page).get_by_role("button", name="Talk").click()
    tab = opened.value
    tab.get_by_role("button", name=chat.STARTERS[0]).click(timeout=5 * MINUTES)
    reply = tab.locator(".reply")
    expect(reply).to_have_text("The capital of France is Paris.", timeout=2 * MINUTES)
    return tab


@pytest.fixture
def teach(hub):
    """Types a command in a terminal of the instructor's; returns what it says."""
    desk = hub.folder / "desk"
    desk.mkdir(exist_ok=True)
    environment = os.environ | {
        "LLM_COURSE_EXCHANGE": str(hub.folder / "exchange"),
        "JUPYTER_DATA_DIR": str(desk / "jupyter"),
    }

    def typed(*words):
        command = [sys.executable, "-P", "-m", "classroom", *words]
        done = subprocess.run(
            command, cwd=desk, env=environment, capture_output=True, encoding="utf-8"
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout

    typed("grade", "--write-config")
    with (desk / "nbgrader_config.py").open("a") as file:
        file.write(NOT_COMPARED)
    return typed


def test_a_class_from_the_login_to_the_next_edition(hub, teach, chromium):
    teach("release-assignment", NAME)
    with contextlib.ExitStack() as stack:
        pages = {name: stack.enter_context(new_page(chromium)) for name in LEARNERS}
        ada, bob, carol = pages.values()
        for name, page in pages.items():
            _log_in(page, hub, name)  # nobody waits for the others
        for name, page in pages.items():
            expect(page.locator(".llm-start .llm-box").first).to_be_visible(timeout=3 * MINUTES)
            assert page.url == _lab(hub, name)
        ada.screenshot(path=SHOTS / "hub_start.png")
        # They guess,
        for name, page in pages.items():
            open_notebook(page, _lab(hub, name, f"/tree/{NAME}.ipynb"))
            _panel(page).get_by_role("slider").first.press("ArrowRight")
            _panel(page).get_by_role("button", name="Predict").first.click()
        for page in pages.values():
            noted = _panel(page).get_by_text("Noted: 0.51.").last
            expect(noted).to_be_visible(timeout=2 * MINUTES)
        # solve, and are checked;
        for page in (ada, bob):
            assert _check(page)[FIRST.name] == "· not written yet"
        right, wrong = _solve(ada, FIRST.solution), _solve(bob, WRONG)
        expect(right).to_contain_text(f"✓ {FIRST.name}: ", timeout=2 * MINUTES)
        expect(wrong).to_contain_text("not a dictionary", timeout=2 * MINUTES)
        assert [_check(page)[FIRST.name] for page in (ada, bob)] == ["✓ done", "✗ wrong"]
        # one does the quiz, one talks with the engine so far;
        save(carol)
        open_notebook(carol, _lab(hub, "carol", "/tree/quiz.ipynb"))
        question = quiz_source.read()[0]
        options = _panel(carol).get_by_role("list", name="Options of question 1", exact=True)
        options.locator(f"button[data-letter={question.right}]").click()
        answer = options.get_by_role("button", name=re.compile("✓ right$"))
        expect(answer).to_be_visible(timeout=2 * MINUTES)
        tab = _talk(ada)
        assert tab.url == f"http://{HUB}:{hub.port}/user/ada/llmlib/chat/"
        tab.screenshot(path=SHOTS / "hub_talk.png")
        # they hand in, beside nbgrader's own list;
        for page in (ada, bob):
            _submit(page)
        menu(bob, "Nbgrader", "Assignment List")
        expect(bob.get_by_text("Released assignments")).to_be_visible()
        expect(bob.locator(".lm-DockPanel-widget:visible").get_by_text(NAME).first).to_be_visible()
        bob.screenshot(path=SHOTS / "hub_list.png")
        # are graded, and see what came back.
        graded = teach("grade", "--exchange")
        assert f"{NAME} of ada" in graded and f"{NAME} of bob" in graded
        teach("release-feedback", NAME)
        dialog = _dialog(ada, "Submit")
        points = dialog.get_by_role("link", name=f"{FIRST.points} of")
        expect(points).to_be_visible()
        ada.screenshot(path=SHOTS / "hub_feedback.png")
        with ada.context.expect_page() as opened:
            points.click()
        expect(opened.value.locator("body")).to_contain_text(FIRST.name)
        dialog.get_by_role("button", name="Close").click()
        # A newer edition comes with the next start of a server, and keeps what was written.
        path = hub.folder / "notebooks" / f"{NAME}.ipynb"
        newer = nbformat.read(path, as_version=4)
        newer.metadata.llmlib.course = "9.9"
        newer.cells[0].source += "\nThis is new."
        nbformat.write(newer, path)
        ada.goto(f"http://{HUB}:{hub.port}/hub/home")
        ada.locator("#stop").click()
        expect(ada.locator("#start")).to_have_text(re.compile("Start My Server"))
        ada.locator("#start").click()
        expect(ada.locator(".llm-news")).to_contain_text(
            re.compile(f"{NAME} went from .* to 9.9; yours in it: 1 answer, 1 prediction"),
            timeout=3 * MINUTES,
        )
        ada.screenshot(path=SHOTS / "hub_news.png")
        open_notebook(ada, _lab(hub, "ada", f"/tree/{NAME}.ipynb"))
        expect(_panel(ada).get_by_text("This is new.")).to_be_visible()
        assert _check(ada)[FIRST.name] == "✓ done"


def test_the_proxy_waits_for_an_answer_that_takes_long():
    """Talk starts in half a minute, and later on a machine with much to do; of itself the proxy
    waits for 20 seconds."""
    recipe = PyFileConfigLoader("jupyterhub_config.py", str(ROOT / "docs" / "hub")).load_config()
    words = dict(word.split("=") for word in recipe.ConfigurableHTTPProxy.command[1:])
    assert int(words["--proxy-timeout"]) >= 300_000  # milliseconds


STATUS = "path => fetch(path, {redirect: 'manual'}).then(said => said.status)"


def test_a_learner_gets_into_no_other_s_jupyterlab_nor_talk(hub, chromium):
    with new_page(chromium) as dora, new_page(chromium) as mallory:
        for name, page in {"dora": dora, "mallory": mallory}.items():
            _log_in(page, hub, name)
        for page in (dora, mallory):
            expect(page.locator(".llm-start .llm-box").first).to_be_visible(timeout=3 * MINUTES)
        for path in (
            "api/contents",
            "llmlib/start?known=0",
            "llmlib/submissions",
            "lab",
            "files/x",
        ):
            own, other = f"/user/mallory/{path}", f"/user/dora/{path}"
            assert mallory.evaluate(STATUS, own) == (404 if path == "files/x" else 200), path
            assert mallory.evaluate(STATUS, other) in (0, 403), path  # 0: led to a login
        answer = mallory.goto(f"http://{HUB}:{hub.port}/user/dora/llmlib/chat/")
        assert answer.status == 403  # with the hub's login as mallory, and not for her
        mallory.screenshot(path=SHOTS / "hub_refused.png")
        # Around the hub's proxy: the port that dora's server listens on.
        (port,) = re.findall(r"/user/dora/? .*http://127\.0\.0\.1:(\d+)", hub.log().read_text())[:1]
        for path, status in {"api": 200, "api/contents": 403, "llmlib/chat/v1/models": 403}.items():
            assert _status(f"http://127.0.0.1:{port}/user/dora/{path}") == status, path
    culled = "GET /hub/api/users.*idle-culler@"
    assert re.search(culled, hub.log().read_text()), "the idle culler does not ask the hub"


def _status(address):
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.code
