"""One worker runs a unit of tests in one go; the long ones are begun first, and those that wait are
spread among those that compute."""

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
