"""The pages of docs/evidence say what they were made from, and whether that has changed since."""

import re

import answer_runner
import evidence
import pytest

pytestmark = pytest.mark.unit
RUN = "run `make evidence`"


def page(name):
    return (evidence.FOLDER / f"{name}.md").read_text(encoding="utf-8")


def test_the_table_of_answers_counts_the_answers_there_are():
    assert page("answers").endswith(f"{answer_runner.answers_table()}\n"), RUN


@pytest.mark.parametrize("name", evidence.INPUTS)
def test_a_page_whose_inputs_have_changed_says_so(name):
    assert evidence.marked(name, page(name)) == page(name), RUN
    made = re.search(r"<!-- inputs: (\w+) -->", page(name))[1]
    assert (made != evidence.inputs(name)) == (evidence.STALE in page(name))


def test_a_change_makes_a_page_stale_and_a_new_run_makes_it_fresh(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "ROOT", tmp_path)
    monkeypatch.setattr(evidence, "FOLDER", tmp_path)
    monkeypatch.setattr(evidence, "INPUTS", {"p": ["*.py"]})
    (tmp_path / "code.py").write_text("1")
    (tmp_path / "p.md").write_text("# P\n\nWhat it is.\n\n<!-- inputs: unknown -->\n\nold\n")
    assert evidence.mark_all() == ["p"]
    evidence.write("p", "new")
    assert evidence.mark_all() == [] and (tmp_path / "p.md").read_text().endswith("new\n")
    (tmp_path / "code.py").write_text("2")
    assert evidence.mark_all() == ["p"] and "Stale" in (tmp_path / "p.md").read_text()
