"""The start page comes whatever JupyterLab has kept of an earlier layout: nothing, an old one, one
without it. A reload brings back what was there."""

import json
import re

import pytest
from browser import NAME, api, new_tab, start_address
from playwright.sync_api import expect

pytestmark = pytest.mark.browser
WORKSPACES = re.compile("/lab/api/workspaces/")


@pytest.fixture
def unsaved(page):
    """A page of which no layout is ever saved."""

    def dropped(route):
        if route.request.method == "PUT":
            route.fulfill(status=204)
        else:
            route.continue_()

    page.route(WORKSPACES, dropped)
    return page


def _keep(lab, **data):
    """Save `data` as what the workspace holds, before it is opened."""
    name = re.search("/workspaces/([^/]+)/", lab)[1]
    content = {"data": data, "metadata": {"id": name}}
    api(lab, f"lab/api/workspaces/{name}", "PUT", content)


def _layout(*widgets):
    dock = {"type": "tab-area", "currentIndex": 0, "widgets": widgets}
    return {"main": {"dock": dock, **({"current": widgets[0]} if widgets else {})}}


def _expect_in_front(page):
    expect(page.locator(".llm-start .llm-box").first).to_be_visible()
    expect(page.locator(".lm-DockPanel-tabBar .jp-mod-current")).to_have_text("Start")
    expect(page.locator(".jp-Launcher")).to_have_count(0)


def _wait_until_saved(page, lab, text, there=True):
    """Until the layout that the workspace holds names `text`, or no longer does."""
    name = re.search("/workspaces/([^/]+)/", lab)[1]
    for _ in range(240):
        data = api(lab, f"lab/api/workspaces/{name}")["data"]
        if (text in json.dumps(data.get("layout-restorer:data"))) == there:
            return
        page.wait_for_timeout(250)
    pytest.fail(f"the layout was not saved with {text}")


def _close(page, name):
    tab = page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab", has_text=name)
    tab.locator(".lm-TabBar-tabCloseIcon").click()
    expect(tab).to_have_count(0)


def test_a_reload_brings_it_back_though_no_layout_was_saved(lab, unsaved):
    """Also once it was closed, since nothing else is open."""
    page = unsaved
    page.goto(start_address(lab))
    _expect_in_front(page)
    page.reload()
    _expect_in_front(page)
    _close(page, "Start")
    page.locator(".jp-Launcher").wait_for()
    page.reload()
    _expect_in_front(page)


def test_a_reload_leaves_it_where_it_was_beside_a_notebook(lab, page):
    """In front, or behind the notebook; not once it was closed."""
    notebook = page.locator(".jp-NotebookPanel:visible")
    page.goto(start_address(lab))
    _expect_in_front(page)
    page.locator(".llm-title").first.click()
    _wait_until_saved(page, lab, f"notebook:{NAME}")  # until then JupyterLab, too, forgets it
    page.reload()
    notebook.wait_for()
    page.get_by_role("tab", name="Start").click()
    _expect_in_front(page)
    page.reload()
    _expect_in_front(page)
    page.locator(".llm-title").first.click()
    _wait_until_saved(page, lab, f"notebook:{NAME}")
    _close(page, "Start")
    _wait_until_saved(
        page, lab, "llmlib-start", there=False
    )  # JupyterLab brings back what it saved
    page.reload()
    notebook.wait_for()
    page.wait_for_timeout(1000)
    expect(page.get_by_role("tab", name="Start")).to_have_count(0)


@pytest.mark.parametrize(
    "data",
    [
        {"layout-restorer:data": _layout()},  # as JupyterLab saves a page with a Launcher only
        {
            "layout-restorer:data": _layout("notebook:gone.ipynb", "terminal:1"),
            "notebook:gone.ipynb": {"data": {"path": "gone.ipynb", "factory": "Notebook"}},
        },
        {"layout-restorer:data": "no layout"},
    ],
    ids=["a Launcher", "a notebook that is gone", "damaged"],
)
def test_it_comes_whatever_layout_was_saved(lab, unsaved, data):
    _keep(lab, **data)
    unsaved.goto(start_address(lab))
    for _ in range(2):
        _expect_in_front(unsaved)
        unsaved.reload()
    unsaved.complaints[:] = [said for said in unsaved.complaints if "404" not in said]


def test_a_notebook_that_the_address_names_is_in_front_and_a_folder_is_none(lab, folder, page):
    page.goto(lab.format(f"{NAME}.ipynb"))
    page.locator(".jp-NotebookPanel:visible").wait_for()
    page.wait_for_timeout(1000)
    expect(page.get_by_role("tab", name="Start")).to_have_count(0)
    page.goto(start_address(lab))  # in the same tab
    _expect_in_front(page)
    (folder / "more").mkdir(exist_ok=True)
    with new_tab(page.context) as another:
        another.goto(lab.format("more"))
        _expect_in_front(another)


def test_a_second_window_has_it_too(lab, page):
    """JupyterLab gives it another workspace."""
    page.goto(start_address(lab))
    _expect_in_front(page)
    with new_tab(page.context) as another:
        another.goto(start_address(lab))
        another.wait_for_url(re.compile("/workspaces/auto-"))
        _expect_in_front(another)
        assert not another.complaints
