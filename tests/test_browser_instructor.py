"""A round between an instructor at Formgrader and a student at the Assignment List, each in a
browser: generate, release, fetch, submit, collect, grade, points and a comment, feedback."""

import contextlib
import html
import re
import sys

import nbformat
import pytest
from browser import MINUTES, NAME, SHOTS, jupyter, new_page
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output, new_raw_cell
from playwright.sync_api import TimeoutError as Late
from playwright.sync_api import expect

from authoring import release
from exercises.format import notebooks
from exercises.format.notebooks import ROOT
from llmlib import files

# Whatever page runs it says so to the outermost one.
HOSTILE = "<img src=x onerror='top.ran=1'><script>top.ran=1</script>"
pytestmark = [pytest.mark.browser, pytest.mark.needs("bubblewrap")]


@pytest.fixture(scope="module")
def formgrader(tmp_path_factory, chromium):
    """(a page with Formgrader as `make formgrader` opens it, the folder of its course)."""
    desk = tmp_path_factory.mktemp("instructor")
    course = desk / "course"
    source = course / "source" / NAME / f"{NAME}.ipynb"
    files.write(
        source, nbformat.writes(release.source(notebooks.load(NAME)))
    )  # as `make build` does
    words = [sys.executable, ROOT / "classroom/bootstrap", "formgrader", "--here"]
    words.append(f"--ServerApp.root_dir={desk}")  # Formgrader shows what lies below it
    # BROWSER=true shows nothing, and the address that it is told to show is kept
    with jupyter(desk, words, LLM_COURSE_FOLDER=str(course), BROWSER="true"):
        (opened,) = (desk / ".jupyter" / "runtime").glob("jpserver-*-open.html")
        address = html.unescape(re.search(r'href="(http[^"]+)"', opened.read_text())[1])
        with new_page(chromium) as page:
            page.goto(address)
            yield page, course


@pytest.fixture(scope="module")
def student(tmp_path_factory, chromium, formgrader):
    """(a page with JupyterLab and nbgrader's Assignment List, the folder that it works in)."""
    desk, (_, course) = tmp_path_factory.mktemp("student"), formgrader
    (desk / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.course_id = 'from-tokens-to-tokens'\n"
        f"c.Exchange.root = {str(course / 'exchange')!r}\n"
    )
    words = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--port={port}"]
    words += [f"--ServerApp.root_dir={desk}", "--IdentityProvider.token=secret"]
    words += [f"--LabApp.app_settings_dir={ROOT / 'classroom/lab'}"]  # no news, for one
    with jupyter(desk, words, cwd=desk) as port, new_page(chromium) as page:
        page.goto(f"http://127.0.0.1:{port}/lab?token=secret")
        yield page, desk


def _do(page, kind):
    """Click the button of that kind in Formgrader's table, and wait for "Success"."""
    inside = page.frame_locator("iframe")
    inside.locator(f"td.{kind} a").first.click()
    done = inside.locator(".modal.in")
    expect(done.locator(".modal-title")).to_have_text(re.compile("Success"), timeout=3 * MINUTES)
    done.locator(".modal-footer button").first.click()
    expect(inside.locator(".modal-backdrop")).to_have_count(0)


def _put(page, field, text):
    """Write into a field of Formgrader, which listens only once it has the grades, and until then
    may put back what was there; keep on until this very text is saved."""

    def saved(answer):
        if answer.request.method != "PUT" or not answer.ok:
            return False
        return text in map(str, answer.request.post_data_json.values())

    for _ in range(20):
        with contextlib.suppress(Late):
            with page.expect_response(saved, timeout=5000):
                field.fill("")
                field.fill(text)
                field.press("Tab")
            return
    raise AssertionError(f"Formgrader did not save {text!r}")


def test_a_round_from_release_to_feedback(formgrader, student):
    (page, _), (theirs, desk) = formgrader, student
    inside = page.frame_locator("iframe")
    expect(inside.get_by_text("Manage Assignments").first).to_be_visible(timeout=2 * MINUTES)
    expect(inside.get_by_text(NAME).first).to_be_visible()
    assert page.locator(".jp-toast, .Toastify__toast").count() == 0
    _do(page, "assign")
    _do(page, "release")
    page.screenshot(path=SHOTS / "instructor_released.png")

    theirs.get_by_role("menuitem", name="Nbgrader").click()
    theirs.get_by_role("menuitem", name="Assignment List").click()
    theirs.get_by_role("button", name="Fetch", exact=True).click()
    theirs.get_by_role("button", name="Submit", exact=True).wait_for()
    fetched = desk / NAME / f"{NAME}.ipynb"
    node = nbformat.read(fetched, as_version=4)
    first, second, third = notebooks.load(NAME).exercises[:3]
    for cell in node.cells:  # the first is solved, the second is wrong, the third hostile
        wrong = {second.name: f"def {second.name}(ids, pair, new_id):\n    return ids  # {HOSTILE}"}
        wrong[third.name] = f'def {third.name}(*given):\n    raise ValueError("{HOSTILE}")'
        cell.source = ({first.name: first.solution} | wrong).get(
            notebooks.grade_id(cell), cell.source
        )
    shown = new_output("display_data", {"text/html": HOSTILE, "text/markdown": HOSTILE})
    node.cells += [
        new_code_cell(f'print("{HOSTILE}")', outputs=[shown]),
        new_markdown_cell(f"{HOSTILE}\n\n[a link](javascript:top.ran=1)"),
        new_raw_cell(HOSTILE, metadata={"format": "text/html"}),
    ]
    node.metadata["title"] = HOSTILE
    nbformat.write(node, fetched)
    theirs.get_by_role("button", name="Submit", exact=True).click()
    expect(theirs.locator("#submitted_assignments_list")).to_contain_text(NAME)
    theirs.screenshot(path=SHOTS / "student_submitted.png")

    inside.locator("body").evaluate("body => body.classList.add('before')")
    inside.get_by_role("link", name="Manage Assignments").click()
    expect(inside.locator("body.before")).to_have_count(0)  # its buttons look the same
    _do(page, "collect")
    inside.locator("td.num-submissions a").click()
    expect(inside.locator("td.student-name")).to_have_text("root")
    _do(page, "autograde")
    expect(inside.locator("td.score")).to_contain_text(f"{first.points:g} / ")
    page.screenshot(path=SHOTS / "instructor_graded.png")

    inside.get_by_role("link", name="Manage Students").click()
    expect(inside.locator("td.name a")).to_have_text("root")
    inside.get_by_role("link", name="Manual Grading").click()
    inside.get_by_role("link", name=NAME).click()
    inside.get_by_role("link", name=NAME).last.click()
    inside.get_by_role("link", name="Submission #1").click()
    expect(inside.locator("summary").first).to_have_css("display", "list-item")
    for place in inside.locator("pre", has_text="raise ValueError").all():  # the code, the message
        expect(place).to_contain_text(HOSTILE)  # as text
    comment = inside.locator(f"textarea#{second.name}-comment")
    _put(page, inside.locator(f"input#test_{second.name}"), "1")
    _put(page, comment, "Nearly: go on by two positions.")
    page.screenshot(path=SHOTS / "instructor_comment.png")

    inside.get_by_role("link", name="Manual Grading").click()
    inside.get_by_role("link", name="Manage Assignments").click()
    inside.locator("td.num-submissions a").click()
    expect(inside.locator("td.score")).to_contain_text(f"{first.points + 1:g} / ")
    _do(page, "generate-feedback")
    _do(page, "release-feedback")
    theirs.get_by_role("button", name="Fetch Feedback").click()
    theirs.get_by_text("view feedback").wait_for()
    theirs.screenshot(path=SHOTS / "student_feedback.png")
    (told,) = (desk / NAME / "feedback").rglob(f"{NAME}.html")
    theirs.goto(told.as_uri())
    expect(theirs.get_by_text("top.ran=1").first).to_be_visible()
    for each in (page, theirs):
        assert each.evaluate("window.ran") is None
    told = told.read_text(encoding="utf-8")
    assert "Nearly: go on by two positions." in told and "nothing was merged" in told
    offline = ("net::ERR_", "MathJax is not defined")  # nbgrader's page fetches MathJax
    assert not [said for said in page.complaints if not any(each in said for each in offline)]
    assert not theirs.complaints
    theirs.goto("about:blank")
    theirs.set_content(HOSTILE)
    theirs.wait_for_function("window.ran === 1")  # the control: as HTML it does run
