"""One worker runs a unit of tests in one go; the long ones are begun first, and those that wait are
spread among those that compute."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import scheduling

from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("nodeid", "unit"),
    [
        ("tests/test_tokens.py::test_it[01_tokens]", "tests/test_tokens.py"),
        ("tests/test_answers.py::test_it[01_tokens/merge]", "tests/test_answers.py 01_tokens"),
        ("tests/test_answers.py::test_it[01_tokens: merge: x]", "tests/test_answers.py 01_tokens"),
        ("tests/test_answers.py::test_it", "tests/test_answers.py"),
        (
            "tests/test_grading_attacks.py::test_it[class of stalls: stall: x]",
            "tests/test_grading_attacks.py stalls",
        ),
        ("solutions/01_tokens.ipynb::Cell 3", "solutions/01_tokens.ipynb"),
    ],
)
def test_a_unit_is_a_file_or_what_shares_a_notebook_or_a_class_in_it(nodeid, unit):
    assert scheduling.unit(nodeid) == unit


def test_the_files_that_it_names_are_there():
    assert all((ROOT / file).is_file() for file in scheduling.APART)
    assert all((ROOT / "tests" / name).is_file() for name in scheduling.WAITING)


class Item(SimpleNamespace):
    def get_closest_marker(self, name):
        return name if name == self.mark else None


def test_long_units_are_begun_first_and_what_waits_is_spread():
    def item(nodeid, layer, mark=""):
        return Item(nodeid=nodeid, path=Path(nodeid.partition("::")[0]), layer=layer, mark=mark)

    items = [
        item("tests/test_a.py::test_quick", "unit"),
        item("tests/test_page.py::test_it", "browser"),
        item("tests/test_b.py::test_slow", "unit", "slow"),
        item("tests/test_c.py::test_it", "claims"),
        item("tests/test_answers.py::test_it[02_b: x]", "graders"),
        item("tests/test_lock.py::test_it", "unit", "slow"),
        item("tests/test_answers.py::test_it[01_a: x]", "graders"),
        item("tests/test_answers.py::test_more[02_b/x]", "graders"),
    ]
    found = [each.nodeid[6:] for each in scheduling.in_turn(items, lambda each: each.layer)]
    assert found == [
        "test_lock.py::test_it",
        "test_answers.py::test_it[01_a: x]",
        "test_page.py::test_it",
        "test_answers.py::test_it[02_b: x]",
        "test_answers.py::test_more[02_b/x]",
        "test_c.py::test_it",
        "test_b.py::test_slow",
        "test_a.py::test_quick",
    ]
