"""Submit, beside Check: what is unfinished, what was handed in, what came back. No button where no
exchange is set up."""

import re
import shutil

import nbformat
import pytest
from browser import (
    MINUTES,
    NAME,
    SHOTS,
    WRONG_MERGE,
    new_tab,
    open_notebook,
    served,
    solved,
    theme,
    workspace,
)
from playwright.sync_api import expect

from exercises.format import notebooks
from exercises.format.notebooks import ROOT
from grader import course_config, exchange

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("os.name == 'nt'", reason="left out: nbgrader's exchange needs Unix"),
]
STUB = notebooks.load(NAME).core[-1]
PAGE = '<meta name="score" content="20 of 21 points"><title>t</title><h1>What went well</h1>'


@pytest.fixture
def teacher(tmp_path, monkeypatch):
    """(the settings, the folder) of a course whose exchange the server that starts now knows."""
    (tmp_path / "exchange").mkdir(mode=0o777)
    (tmp_path / "exchange").chmod(0o777)
    monkeypatch.setenv("LLM_COURSE_EXCHANGE", str(tmp_path / "exchange"))
    monkeypatch.setenv("LLM_COURSE_FOLDER", str(tmp_path / "grading"))
    config = course_config.settings(ROOT / "nbgrader_config.py")[3]
    config.ExchangeCollect.check_owner = False
    exchange.release(config, [NAME], tmp_path / "grading")
    return config, tmp_path / "grading"


@pytest.fixture
def mine(tmp_path, teacher):
    """A learner's folder and the address of a notebook in a JupyterLab on it."""
    work = tmp_path / "work"
    work.mkdir()
    nbformat.write(solved(merge=WRONG_MERGE, **{STUB.name: STUB.stub}), work / f"{NAME}.ipynb")
    shutil.copy(ROOT / "notebooks" / "02_embeddings.ipynb", work)
    config = "c = get_config()\nc.CourseDirectory.student_id = 'ada'\n"
    (work / "nbgrader_config.py").write_text(config)
    with served(work) as server, workspace(server, work, "submit") as address:
        yield work, address


def _ask(page):
    page.locator(".jp-NotebookPanel:visible").get_by_role("button", name="Submit").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog.locator(".jp-mod-accept")).to_be_enabled(timeout=3 * MINUTES)
    return dialog


@pytest.mark.journey
def test_submit_warns_hands_in_and_later_shows_what_came_back(mine, teacher, window):
    work, address = mine
    config, course = teacher
    theme(address, "Dark")
    with new_tab(window) as page:
        open_notebook(page, address.format(f"{NAME}.ipynb"))
        bar = page.locator(".jp-NotebookPanel:visible .jp-NotebookPanel-toolbar")
        expect(bar.get_by_role("button", name="Submit")).to_be_visible(timeout=1 * MINUTES)
        names = [each.strip() for each in bar.locator(".jp-ToolbarButton").all_inner_texts()]
        assert names.index("Submit") == names.index("✓ Check") + 1
        dialog = _ask(page)
        expect(dialog).to_contain_text("You can hand in as it is, and again later. Not finished:")
        expect(dialog.locator("tr", has_text=STUB.name)).to_contain_text("not written yet")
        expect(dialog.locator("tr", has_text="1.2 merge")).to_contain_text("wrong")
        expect(dialog).to_contain_text("You have not handed it in yet.")
        page.screenshot(path=SHOTS / "submit_dark.png")
        dialog.get_by_role("button", name="Submit").click()
        said = page.locator(".Toastify__toast", has_text="was handed in")
        expect(said).to_contain_text(re.compile(rf"{NAME} was handed in on .+ as ada\."))
        page.wait_for_timeout(1000)  # it slides in
        page.screenshot(path=SHOTS / "submitted_dark.png")

        taken, left = exchange.collect(config, [NAME])
        assert len(taken) == 1 and taken[0].startswith(f"{NAME} of ada, ") and not left
        collected, place = course / "submitted" / "ada" / NAME, course / "feedback" / "ada" / NAME
        assert (collected / f"{NAME}.ipynb").read_bytes() == (work / f"{NAME}.ipynb").read_bytes()
        shutil.copytree(collected, place)
        (place / f"{NAME}.html").write_text(PAGE)
        assert exchange.give_back(config, [NAME], course) == ({NAME: ["ada"]}, 0)

        dialog = _ask(page)
        expect(dialog).to_contain_text("Handed in before:")
        page.screenshot(path=SHOTS / "submit_came_back.png")
        with window.expect_page() as opened:
            dialog.get_by_role("link", name="20 of 21 points").click()
        expect(opened.value.get_by_role("heading")).to_have_text("What went well")
        assert re.search(rf":\d+/files/feedback/{NAME}\.html$", opened.value.url)
        opened.value.close()
        dialog.get_by_role("button", name="Close").click()
        expect(dialog).to_have_count(0)

        open_notebook(page, address.format("02_embeddings.ipynb"))  # which is not released
        expect(page.locator(".lm-TabBar-tab.jp-mod-current", has_text="02_embedd")).to_have_count(1)
        page.locator(".jp-NotebookPanel:visible").get_by_role("button", name="Submit").click()
        dialog = page.locator(".jp-Dialog")
        expect(dialog).to_contain_text(
            "Not now: 02_embeddings cannot be handed in, as it is not released yet: "
            "ask your instructor.",
            timeout=3 * MINUTES,
        )
        expect(dialog.locator(".jp-mod-accept")).to_be_disabled()
        assert not page.complaints, page.complaints


def test_where_there_is_no_exchange_there_is_no_button(lab, page):
    with page.expect_response(re.compile("/llmlib/submissions")) as answered:
        open_notebook(page, lab.format(f"{NAME}.ipynb"))
    assert answered.value.json() == {"exchange": False}
    bar = page.locator(".jp-NotebookPanel:visible .jp-NotebookPanel-toolbar")
    expect(bar.get_by_role("button", name="✓ Check")).to_be_visible()
    expect(bar.get_by_role("button", name="Submit")).to_have_count(0)
