"""INSTRUCTORS.md says in one table what is refused and what is a finding: each row is graded."""

import re
from contextlib import closing

import pytest
from attacks import corpus

from classroom.checking.submission import Cell
from exercises.format import notebooks
from grader.marking.runner import Runner

pytestmark = [pytest.mark.security, pytest.mark.needs("bubblewrap")]

RIGHT = corpus.SOLUTIONS["softmax"]
CAUGHT = """def softmax(x, dim=-1):
    try:
        return getattr(torch, "soft" + "max")(x, dim)
    except RuntimeError:
        e = (x - x.amax(dim, keepdim=True)).exp()
        return e / e.sum(dim, keepdim=True)"""
THREAD = """def softmax(x, dim=-1):
    import threading
    out = []
    thread = threading.Thread(target=lambda: out.append(torch.softmax(x, dim)))
    thread.start()
    thread.join()
    return out[0]"""
COMPARES = "x = torch.randn(3)\ntorch.testing.assert_close(softmax(x), torch.softmax(x, -1))"
# In the table's order: (the exercise's cell, a cell below it, does it keep its points)
ROWS = [
    ("def softmax(x, dim=-1):\n    return (x * 1).log_softmax(dim).exp()", "", False),
    (THREAD, "", False),
    (CAUGHT, "", True),
    (RIGHT, COMPARES, True),
    (RIGHT, "import gc\ngc.get_objects()", True),
]


def table():
    """The rows below the heading "Findings": (refused?, points, finding)."""
    text = (notebooks.ROOT / "INSTRUCTORS.md").read_text(encoding="utf-8")
    section = text.partition("### Findings")[2].partition("### Known limits")[0]
    rows = re.findall(r"^\| .* \|$", section, re.MULTILINE)
    cells = [[part.strip() for part in row.strip("|").split("|")] for row in rows]
    return [
        (refused == "yes", points, finding.strip("`")) for _, refused, points, finding in cells
    ][2:]


@pytest.fixture(scope="module")
def runner():
    with closing(Runner([corpus.TARGET])) as runner:
        yield runner


def test_the_table_has_a_row_for_each_kind():
    assert len(table()) == len(ROWS)


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_the_table_says_what_the_grader_does(runner, number):
    refused, points, finding = table()[number]
    answer, below, keeps = ROWS[number]
    cells = [Cell("code", "softmax", answer), Cell("code", None, below)]
    cells = [Cell("code", None, "")] * 7 + cells if below else cells
    result = runner.grade(corpus.TARGET, cells)
    assert result["softmax"].solved == keeps == (points == "as tested")
    assert ("is not allowed in this exercise" in result["softmax"].message) == refused

    said = [re.sub(r"torch\.[\w.]+", "NAME", each) for each in result.findings]
    expected = [re.sub(r"torch\.[\w.]+", "NAME", finding)] if finding != "none" else []
    assert said == expected or (expected and expected[0] in said), result.findings
