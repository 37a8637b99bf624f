"""Which names decide an exercise: those that its own cell left, not what a later cell makes."""

import builtins

import pytest

from classroom.checking import redefinitions
from classroom.checking.snapshots import Home, Snapshots, judged

pytestmark = pytest.mark.unit
STUB = "def double(x):\n    raise NotImplementedError"
RIGHT = "def double(x):\n    return twice(x)"
HELPER = "def twice(x):\n    return 2 * x"
LATER = [  # a cell below, whose name it uses, may it be a correction
    ("from operator import neg as double", True, False),
    ("for double in [1]: pass", True, False),
    ("del double", True, False),
    ("double = 3", True, True),
    ("def twice(x):\n    return x", True, True),
    ("twice = None", True, True),
    ("other = 3", False, False),
    (HELPER, False, True),  # the same once more
]


def steps(*cells):
    return [(title, source, True) for title, source in cells]


def run(cells, homes):
    kept = Snapshots({}, homes)
    for number, (_, source, _) in enumerate(cells):
        exec(source, kept.space)
        kept.after(number)
    return kept


@pytest.mark.parametrize(("later", "noted", "again"), LATER)
def test_a_later_cell_changes_nothing(later, noted, again):
    cells = steps(("cell 1", HELPER), ("double", RIGHT), ("cell 3", later))
    homes = redefinitions.homes(cells, {"double": STUB})
    assert homes == {"double": Home(1, 2 if again else None)}
    assert len(redefinitions.notes(cells, "", homes)) == noted
    kept = run(cells, homes)
    before = dict(kept.space)
    with kept.restored("double", True):
        assert kept.space["double"](4) == 8
    assert kept.space == before


def test_a_helper_below_is_found_and_its_name_may_be_used_once_more():
    cells = steps(
        ("double", RIGHT), ("cell 2", HELPER), ("cell 3", "from math import sqrt as twice")
    )
    kept = run(cells, redefinitions.homes(cells, {"double": STUB}))
    with kept.restored("double", True):
        assert kept.space["double"](4) == 8


def test_python_s_own_names_come_back():
    cells = steps(("double", "def double(x):\n    return sum([x, x])"), ("cell 2", "sum = 3"))
    cells += steps(("cell 3", "import builtins\nbuiltins.sum = len\nbuiltins.spare = 1"))
    original = builtins.sum
    try:
        kept = run(cells, redefinitions.homes(cells, {"double": STUB}))
        with kept.restored("double", True):
            assert kept.space["double"](4) == 8 and not hasattr(builtins, "spare")
        assert builtins.sum is len and builtins.spare == 1
    finally:
        builtins.sum = original
        vars(builtins).pop("spare", None)


@pytest.mark.parametrize(
    ("cells", "home"),
    [
        ([("double", STUB)], None),
        ([("double", RIGHT), ("double", RIGHT)], Home(1)),
        ([("double", STUB), ("cell 2", "def double(x):\n    return 2 * x")], Home(1)),
        (
            [("double", STUB), ("cell 2", RIGHT), ("cell 3", "def double():\n    return 0")],
            Home(1, 2),
        ),
        ([("double", RIGHT), ("double", STUB)], Home(0, 1)),
        ([("double", STUB), ("cell 2", "from operator import neg as double")], None),
        ([("double", "not Python")], None),
    ],
)
def test_the_home_of_an_answer(cells, home):
    assert redefinitions.homes(steps(*cells), {"double": STUB}).get("double") == home


@pytest.mark.parametrize(
    ("home", "own", "again", "failure", "decided"),
    [
        (Home(0), None, "x", None, True),
        (Home(0), "wrong", None, "wrong", True),  # nothing below corrects it
        (Home(0, 1), "wrong", None, None, False),
        (Home(0, 1), "wrong", "worse", "wrong", True),  # the message is the own cell's
        (None, "not asked", "end", "end", False),
    ],
)
def test_its_own_cell_decides_first(home, own, again, failure, decided):
    assert judged(home, lambda first: own if first else again) == (failure, decided)
