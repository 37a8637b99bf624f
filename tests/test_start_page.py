"""The page that `make lab` opens: whole, in plain HTML, and it knows where to go on."""

import os
import shutil
from html.parser import HTMLParser
from types import SimpleNamespace

import answer_runner
import nbformat
import pytest
from tornado import web

from classroom.checking import check_notebooks
from classroom.checking.check_notebooks import DONE, FAILING, UNTOUCHED, Status
from classroom.lab import server_extension, start_page
from exercises.format import notebooks
from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.unit
VOID = {"br"}


class Page(HTMLParser):
    """Collects links and text; refuses what is not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.text = [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        if tag == "a":
            self.links.append(dict(attrs))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data + " "


@pytest.fixture
def folder(tmp_path):
    for age, name in enumerate(notebooks.names()):
        (tmp_path / f"{name}.ipynb").write_text("{}")
        os.utime(tmp_path / f"{name}.ipynb", (1000 - age, 1000 - age))
    return tmp_path


def at(**states):
    """All notebooks untouched, but for {notebook: states of its first exercises}."""
    found = []
    for name in notebooks.names():
        names = [each.name for each in notebooks.load(name).core]
        given = states.get(f"n{name[:2]}", [])
        given = [given] * len(names) if isinstance(given, str) else given
        given += [UNTOUCHED] * (len(names) - len(given))
        found.append(
            Status(name, tuple((n, s, "why <b>" * (s == FAILING)) for n, s in zip(names, given)))
        )
    return found


def test_untouched_it_begins_with_the_first_notebook(folder):
    assert start_page.next_step(at(), folder) == ("01_tokens", None)
    page = Page(start_page.page(at(), folder))
    assert "Begin: 1 Tokens" in page.text and "Continue" not in page.text
    assert "<main" not in start_page.page(at(), folder)  # it stands inside JupyterLab's
    assert {link["data-notebook"] for link in page.links} == {
        f"{n}.ipynb" for n in notebooks.names()
    }


def test_it_goes_on_in_the_notebook_that_was_saved_last_at_what_is_wrong(folder):
    begun = at(n01=[DONE, UNTOUCHED, FAILING], n03=[DONE, DONE])
    first, third = (
        [each.name for each in notebooks.load(n).exercises] for n in ("01_tokens", "03_attention")
    )
    assert start_page.next_step(begun, folder) == ("01_tokens", first[2])
    os.utime(folder / "03_attention.ipynb", (2000, 2000))
    assert start_page.next_step(begun, folder) == ("03_attention", third[2])
    go = Page(start_page.page(begun, folder)).links[0]
    assert (go["data-notebook"], go["data-exercise"]) == ("03_attention.ipynb", third[2])


def test_after_a_finished_notebook_comes_the_next(folder):
    assert start_page.next_step(at(n01=DONE), folder) == ("02_embeddings", None)
    assert "Continue: 2 Embeddings" in start_page.page(at(n01=DONE), folder)


def test_a_box_names_what_is_missing_and_leads_there(folder):
    page = Page(start_page.page(at(n01=[DONE, FAILING, FAILING, FAILING]), folder))
    names = [each.name for each in notebooks.load("01_tokens").core]
    led = [link.get("data-exercise") for link in page.links if "data-exercise" in link]
    assert led == [names[1], names[1], names[2], names[4]]  # go on; two that are wrong; the next
    assert f"1 of {len(names)} done" in page.text and f"+ {len(names) - 4} more" in page.text


def test_without_progress_or_notebooks_it_is_whole(folder):
    assert "Looking up" in Page(start_page.page(None, folder)).text
    none = [Status(name, fault="there is no such file", found=False) for name in notebooks.names()]
    assert "no notebooks of the course in this folder" in Page(start_page.page(none, folder)).text
    broken = [Status("01_tokens", fault="damaged"), *at()[1:]]
    assert "cannot be read" in Page(start_page.page(broken, folder)).text
    done = [Status(s.name, tuple((n, DONE, None) for n, _, _ in s.exercises)) for s in at()]
    assert "All done." in Page(start_page.page(done, folder)).text
    said = Page(start_page.page([broken[0], *done[1:]], folder)).text
    assert (
        "The notebooks that are left are missing or cannot be read" in said
        and "All done." not in said
    )


def test_what_the_admin_switched_off_is_not_offered(folder, monkeypatch):
    whole = Page(start_page.page(at(), folder)).text
    assert "Talk with your engine" in whole and "The model reads it as you type" in whole
    page = start_page.page(at(), folder, off={"live", "talk"})
    assert "Talk" not in Page(page).text and "takes 1 GB" not in Page(page).text
    assert "on this server the model is switched off" in " ".join(Page(page).text.split())
    assert "readonly>" in page

    monkeypatch.setenv("OMP_THREAD_LIMIT", "64")  # else the server would set it
    for switches, gone in (
        ({}, set()),
        ({"LLMLIB_LIVE": "0"}, {"live"}),
        ({"LLMLIB_TALK": "0"}, {"talk", "chat/", r"chat/(v1/[\w/]+)"}),
    ):
        for name in ("LLMLIB_LIVE", "LLMLIB_TALK"):
            monkeypatch.setenv(name, switches.get(name, "1"))
        added, settings = [], {"base_url": "/user/ada/"}
        application = SimpleNamespace(
            settings=settings, add_handlers=lambda _, found: added.extend(found)
        )
        server_extension._load_jupyter_server_extension(SimpleNamespace(web_app=application))
        found = {address.removeprefix("/user/ada/llmlib/") for address, _ in added}
        models = {"live", "talk", "chat/", r"chat/(v1/[\w/]+)"}
        assert found & models == models - gone and "check" in found
        assert settings["page_config_data"]["llmlibTalk"] == ("off" if "talk" in gone else "on")


def test_a_copy_under_another_name_is_known_by_its_exercises(tmp_path):
    nbformat.write(answer_runner.handed_in_notebook("03_attention", {}), tmp_path / "mine.ipynb")
    assert server_extension.which(tmp_path / "mine.ipynb") == "03_attention"
    shutil.copy(tmp_path / "mine.ipynb", tmp_path / "01_tokens.ipynb")
    assert server_extension.which(tmp_path / "01_tokens.ipynb") == "01_tokens"
    nbformat.write(nbformat.v4.new_notebook(), tmp_path / "empty.ipynb")
    (tmp_path / "text.ipynb").write_text("no notebook")
    assert server_extension.which(tmp_path / "empty.ipynb") is None
    assert server_extension.which(tmp_path / "text.ipynb") is None


def test_below_the_picture_stands_what_is_missing_with_a_link():
    names = [each.name for each in notebooks.load("01_tokens").core]
    states = [DONE, FAILING, *[DONE] * (len(names) - 3)]  # and nothing of the last
    plain, rich = check_notebooks.unfinished(at(n01=states, n02=DONE))
    last = f"1.{len(names)} {names[-1]}"
    assert plain == f"Missing:\n1 Tokens: 1.2 {names[1]} (wrong), {last}"
    assert [link["href"] for link in Page(rich).links] == ["01_tokens.ipynb"]
    assert check_notebooks.unfinished(at(n02=DONE))[1] == ""


def test_a_notebook_that_is_a_link_is_checked_too(tmp_path):
    (tmp_path / "work").mkdir()
    there, link = tmp_path / "elsewhere.ipynb", tmp_path / "work" / "01_tokens.ipynb"
    shutil.copy(ROOT / "notebooks" / "01_tokens.ipynb", there)
    link.symlink_to(there)
    server = SimpleNamespace(folder=tmp_path / "work")
    assert server_extension.Ours.notebook(server, "01_tokens.ipynb")[1] == link
    for outside in ("../elsewhere.ipynb", str(there)):
        with pytest.raises(web.HTTPError, match="There is no such notebook here"):
            server_extension.Ours.notebook(server, outside)
