"""Which difference of two executed cells counts as a move of rounding, and which as more."""

import nbformat
import other_processors
import pytest

pytestmark = pytest.mark.unit
BOX = '<div style="padding:2px 10px">{}</div>'


def cell(*outputs, source="x", tags=()):
    """An executed cell with outputs: texts that it printed, or {kind: what it showed}."""
    made = [
        nbformat.v4.new_output("stream", text=each)
        if isinstance(each, str)
        else nbformat.v4.new_output("display_data", each)
        for each in outputs
    ]
    return nbformat.v4.new_code_cell(source, outputs=made, metadata={"tags": list(tags)})


def shown(text):
    return {"text/plain": text, "text/html": BOX.format(text)}


def test_equal_outputs_have_not_moved():
    assert other_processors.moved(cell("0.5\n", "and 2\n"), cell("0.5\nand 2\n")) is None
    picture = [cell({"image/png": pixels, "text/plain": "A line."}) for pixels in ("aa", "bb")]
    assert other_processors.moved(*picture) is None


def test_a_unit_of_the_last_place_is_a_move():
    stored, new = cell("0.123 0.124 7\n"), cell("0.124 0.123 7\n")
    assert other_processors.moved(stored, new) == ("0.123, here 0.124 and 1 more", False)


@pytest.mark.parametrize(
    "stored, new",
    [
        (["0.31"], ["0.33"]),
        (["7 tokens"], ["8 tokens"]),
        (["a word"], ["another"]),
        (["0.5"], ["0.5", {"text/plain": "more"}]),
        ([{"text/html": '<img alt="lowest at 3">'}], [{"text/html": '<img alt="lowest at 4">'}]),
        ([shown("✓ You said 0.3. It is 0.3.")], [shown("You said 0.3. It is 0.5.")]),
    ],
)
def test_a_word_a_whole_number_or_two_units_are_more(stored, new):
    assert other_processors.moved(cell(*stored), cell(*new))[1]


def test_of_a_cell_that_is_not_compared_only_the_revealed_answer_counts():
    words = {"source": 'reveal("a", x)', "tags": ["nbval-ignore-output"]}
    stored = cell("1.5 s\n", shown("You said B, int8. It is A, a batch of 8."), **words)
    assert other_processors.moved(stored, cell("9 s\n", *map(dict, data(stored)), **words)) is None
    other = cell("1.5 s\n", shown("✓ You said B, int8. It is B, int8."), **words)
    assert other_processors.moved(stored, other)[1]
    clock = [cell(shown(f"You said 50. It is {x}."), **words) for x in ("2.265", "2.4")]
    assert other_processors.moved(*clock) is None


def data(made):
    return [output.data for output in made.outputs if "data" in output]


def test_a_page_names_what_moved_and_counts_what_is_more():
    counts = [["01_a", 60, 0, 1, 0, 1, 0]]
    cells = [
        ["01_a", "`print(x)`", "order 2", "0.1, here 0.2"],
        ["01_a", "`print(y)`", "older", f"{other_processors.FAR}: stored '1', seen '2'"],
    ]
    page = other_processors.told(counts, cells)
    assert "1 notebooks with 60 compared cells, 5 runs: 2 outputs moved, 1 of them by more" in page
    assert "| 01_a | `print(x)` | order 2 | 0.1, here 0.2 |" in page
