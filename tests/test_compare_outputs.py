"""What nbval's comparison must tell apart, and what it must not."""

import subprocess
import sys

import nbformat
import pytest
from compare_outputs import difference

from exercises.format.notebooks import ROOT

AGREE = [
    ("loss 0.00632", "loss 0.00633"),
    ("9.99 nats", "10.00 nats"),
    ("a   9.99\nb 10.00", "a  10.00\nb 10.00"),  # a column keeps its width
    ("[-0.001,  0.5]", "[ 0.000,  0.5]"),
    ("1,234.5 ms", "1,234.6 ms"),
    ("9.99e-05", "1.00e-04"),
    ('{"shares": [0.0063, 0.25]}', '{"shares": [0.00631, 0.25]}'),  # a zero is not printed there
    ("0.5B, 2.4×", "0.5B, 2.5×"),
]
DIFFER = [
    ("0.31", "0.33"),
    ("0.31", "0.91"),
    ("ids [12, 7]", "ids [12, 8]"),
    ("torch.Size([2, 9])", "torch.Size([2, 8])"),
    ("99%", "100%"),
    ("1,234", "1,235"),
    ("1", "0.9999"),  # a whole number became another kind of number
    ("0.0063", "0.0065"),
    ("0.0063", "0.00632"),  # the finer of two units counts
    ("1e-05", "2e-05"),
    ("2.3e-05", "2.3e-04"),
    ("0.5", "-0.5"),
    ("version 2.13.0", "version 2.13.1"),
    ("version 2.13.0", "version 2.14.0"),
    ("v1.2", "v1.3"),
    ("Paris 0.97", "Rome 0.97"),
    ("Paris 0.97", "Paris 0.97 "),
    ("a 0.97", "a  0.97"),  # a column that moved
    ("0.97", "0.97, 0.01"),
    ("0.97, 0.01", "0.97"),
    ("0.97", ""),
]


@pytest.mark.unit
@pytest.mark.parametrize("stored, seen", AGREE)
def test_one_unit_of_the_last_place_is_no_difference(stored, seen):
    assert difference(stored, seen) is None
    assert difference(seen, stored) is None


@pytest.mark.unit
@pytest.mark.parametrize("stored, seen", DIFFER)
def test_anything_more_is_one(stored, seen):
    assert difference(stored, seen)
    assert difference(seen, stored)


@pytest.mark.unit
def test_the_line_shows_both_at_the_difference():
    stored, seen = ("word " * 99 + f"loss {loss} nats" for loss in (0.31, 0.33))
    line = difference(stored, seen)
    assert "loss 0.31 nats" in line and "loss 0.33 nats" in line and len(line) < 250
    assert difference(stored, stored[:-1])


@pytest.mark.nbval
@pytest.mark.slow
def test_nbval_compares_so(tmp_path):
    """A unit of the last place is green; a digit, an id and a lost output are red."""
    text = "<IPython.core.display.HTML object>"
    cells = [  # source, stored output, whether they agree
        ("print(0.0063)", nbformat.v4.new_output("stream", text="0.0064\n"), True),
        ("print(0.0063)", nbformat.v4.new_output("stream", text="0.0093\n"), False),
        ("print([12, 7])", nbformat.v4.new_output("stream", text="[12, 8]\n"), False),
        ("pass", nbformat.v4.new_output("stream", text="once there was an output\n"), False),
        (
            "from IPython.display import HTML, display\ndisplay(HTML('<b>0.25</b>'))",
            nbformat.v4.new_output(
                "display_data", {"text/html": "<b>0.26</b>", "text/plain": text}
            ),
            True,
        ),
    ]
    book = nbformat.v4.new_notebook()
    for source, stored, _ in cells:
        cell = nbformat.v4.new_code_cell(source, execution_count=1, outputs=[stored])
        book.cells.append(cell)
    nbformat.write(book, tmp_path / "book.ipynb")
    (tmp_path / "conftest.py").write_text("import compare_outputs\ncompare_outputs.switch_on()\n")
    (tmp_path / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT / 'tests'}\n")
    words = ["--nbval", "--nbval-current-env", "-p", "no:cacheprovider", "-q", "-rA", "."]
    command = [sys.executable, "-m", "pytest", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    for number, (_, _, agree) in enumerate(cells):
        assert f"{'PASSED' if agree else 'FAILED'} book.ipynb::Cell {number}" in done.stdout
    assert "stored '0.0093\\n', seen '0.0063\\n'" in done.stdout
