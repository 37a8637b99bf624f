"""What a notebook says about its own cells: passed checks, unwritten functions, predictions."""

import collections
import re

import nbformat
import numpy as np
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from nbclient import NotebookClient

from classroom import kernel_checks, predict
from classroom.checking import submission
from exercises import check, feedback, prediction_cells
from exercises.format import notebooks
from exercises.format.source import STUB

pytestmark = pytest.mark.unit
CHECK = """# Check of {0}: run this cell
from exercises import check
check.equal({0}(2), 4, "twice two is four")"""


@pytest.fixture
def shell(monkeypatch):
    """IPython in this process: `shell(source, …)` runs cells, returns what the last one showed."""
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance(colors="nocolor")
    monkeypatch.setattr(predict, "_guesses", {})
    monkeypatch.setattr(feedback, "_passed", set())
    feedback.switch_on()
    predict.switch_on()

    def run(*sources):
        for source in sources:
            with capture_output() as shown:
                run.result = made.run_cell(source, store_history=True)
        return [each.data for each in shown.outputs] or shown.stdout.strip()

    yield run
    InteractiveShell.clear_instance()


def test_a_passed_check_says_so_and_how_many_checks_it_made(shell):
    loop = '\nfor n in range(5):\n    check.that(merge(n) == 2 * n, "twice")'
    (said,) = shell("def merge(x):\n    return 2 * x", CHECK.format("merge") + loop)
    assert said["text/plain"].startswith("✓ merge: 2 checks passed (1 of ")
    assert "✓ merge" in said["text/html"]


def test_a_check_that_failed_last_is_not_among_those_that_passed(shell):
    last = feedback.home("merge")[1][-1]
    shell("def merge(x):\n    return 2 * x", CHECK.format("merge"))
    feedback._passed.update(feedback.home("merge")[1])
    ours = f"# Check of {last}: run this cell\nfrom exercises import check\ncheck.that(True, 'x')"
    assert "are done" in shell(ours)[0]["text/plain"]
    shell("def merge(x):\n    return 5", CHECK.format("merge"))
    said = shell(ours)[0]["text/plain"]
    assert "Not passed yet: merge" in said and "are done" not in said


def test_a_check_of_further_counts_for_nothing(shell, monkeypatch, tmp_path):
    source = (notebooks.ROOT / "solutions/01_tokens.py").read_text(encoding="utf-8")
    written = re.sub(r"# %% test merge points=\d", "# %% test merge points=0", source)
    (tmp_path / "01_tokens.py").write_text(written, encoding="utf-8")
    monkeypatch.setattr(feedback, "SOURCES", tmp_path)
    feedback.home.cache_clear()
    (said,) = shell("def merge(x):\n    return 2 * x", CHECK.format("merge"))
    assert said["text/plain"] == "✓ merge: 1 check passed"
    assert "merge" not in feedback.home("merge")[1]
    feedback.home.cache_clear()


def test_a_failed_check_and_an_ordinary_cell_say_nothing_more(shell):
    failed = shell("def merge(x):\n    return 5", CHECK.format("merge"))
    assert failed == "Mistake: twice two is four (got 5, expected 4)"
    assert shell(CHECK.format("merge").replace("Check", "Look"), 'check.that(True, "fine")') == ""


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("import llmlib.serving", "No module named 'llmlib.serving'. If you did not write this"),
        ("from llmlib.scaling import gone", "cannot import name 'gone' from 'llmlib.scaling'. If"),
    ],
)
def test_a_name_that_llmlib_no_longer_has_is_one_sentence(shell, line, says):
    said = shell(line)
    assert said.startswith(says) and "another edition of the course" in said
    assert "\n" not in said and not shell.result.success


def test_large_tensors_that_differ_say_where():
    want = torch.arange(24.0).view(2, 3, 4)
    for got in (want + (want > 16) * 0.5, want.double() + (want > 16) * 0.5):
        with pytest.raises(check.Mistake, match=r"got 17.5 at position \[1, 1, 1\], expected 17.0"):
            check.equal(got, want, "the same")
    with pytest.raises(check.Mistake, match="got a tensor of bool"):
        check.equal(want > 3, want, "the same")


def test_numpys_numbers_are_numbers():
    check.equal([(np.int64(1), np.float32(0.5)), np.bool_(True)], [(1, 0.5), True], "the same")
    with pytest.raises(check.Mistake):
        check.equal([np.int64(1)], [True], "a number is no truth value")


def test_what_derives_from_a_list_or_tuple_is_one_as_it_is_in_the_grader():
    pair = collections.namedtuple("Pair", "a b")
    check.equal([pair(1, 2)], [(1, 2)], "the same")
    check.equal(torch.ones(2, 3).shape, (2, 3), "the same")
    with pytest.raises(check.Mistake):
        check.equal([pair(1, 2)], [(1, 3)], "another")
    with pytest.raises(check.Mistake):
        check.equal(pair(1, 2), [1, 2], "a tuple is no list")


NOT_WRITTEN = "merge is not written yet: write it in the cell above, then run this check again."


def test_a_function_that_is_not_written_answers_in_one_line(shell):
    stub = f"def merge(x):\n    {STUB}"
    assert shell(stub, CHECK.format("merge")) == NOT_WRITTEN
    assert isinstance(shell.result.error_in_exec, NotImplementedError)
    said = shell(stub, "def twice(x):\n    return merge(x)", CHECK.format("twice"))
    assert said.startswith("merge is not written yet: write it in its own cell first")


def test_a_check_before_its_function_was_run_answers_in_one_line(shell):
    said = shell(CHECK.format("merge"))
    assert said.startswith("merge is not known yet: run the cells") and "\n" not in said
    assert isinstance(shell.result.error_in_exec, NameError)


def test_other_errors_keep_their_traceback(shell):
    said = shell("def f():\n    return g()\nf()")
    assert "NameError" in said and len(said.splitlines()) > 3
    said = shell('raise NotImplementedError("later")')
    assert "later" in said and "Traceback" in said


@pytest.mark.slow
def test_a_kernel_reports_the_error_and_shows_what_a_check_says():
    stub = f"def merge(x):\n    {STUB}"
    sources = [stub, CHECK.format("merge"), "def merge(x):\n    return 4", CHECK.format("merge")]
    node = nbformat.v4.new_notebook(cells=list(map(nbformat.v4.new_code_cell, sources)))
    NotebookClient(node, kernel_name="python3", allow_errors=True).execute()
    (error,), (said,) = node.cells[1].outputs, node.cells[3].outputs
    assert error.output_type == "error" and error.ename == "NotImplementedError"
    assert error.traceback == [NOT_WRITTEN]
    assert said.data["text/plain"].startswith("✓ merge: 1 check passed")


START = "from classroom.predict import predict, predictions, reveal"
GUESS = 'predict("n", "How many?", yours={})'
CHOICE = 'predict("what", "Which?", {{"A": "this", "B": "that"}}, yours={})'


def test_a_prediction_is_made_before_its_answer_and_told_beside_it(shell):
    assert shell(START, GUESS.format("...")).startswith("Predict first: put your guess")
    assert isinstance(shell.result.error_in_exec, predict.NoGuess)
    for nothing in (GUESS.replace(", yours={}", ""), GUESS.format("")):
        assert shell(nothing).startswith("Predict first: put your guess")
    assert "as in yours=3, yours=0.5, yours=50% or yours=1/2" in shell(GUESS.format("[3]"))
    assert shell(GUESS.format('"nine"')).startswith("This prediction is a number")
    assert shell(GUESS.format("10**400")).startswith("This prediction is a number below")
    (said,) = shell(GUESS.format(9), 'reveal("n", 10)')
    assert said["text/plain"] == "✓ You said 9. It is 10."
    (said,) = shell('reveal("n", 10, within=0.5)')
    assert said["text/plain"] == "You said 9. It is 10."
    assert shell(CHOICE.format('"C"')).startswith("Choose one of the letters A, B")
    assert shell(CHOICE.format('["A"]')).startswith("Choose one of the letters A, B")
    (said,) = shell(CHOICE.format('"a"'), 'reveal("what", "B")')
    assert said["text/plain"] == "You said A, this. It is B, that."


@pytest.mark.parametrize("made", [GUESS.format("None"), "pass"])
def test_without_a_guess_the_answer_is_shown_all_the_same(shell, made):
    (said,) = shell(START, made, 'reveal("n", 10)')
    assert said["text/plain"] == "It is 10."
    (said,) = shell(GUESS.format(10))
    assert said["text/plain"].endswith("a prediction comes too late now.")


def test_the_end_shows_the_first_guesses(shell):
    (nothing,) = shell(START, "predictions()")
    assert nothing["text/plain"].startswith("No predictions are recorded")
    (said,) = shell(GUESS.format(3), 'reveal("n", 10)', GUESS.format(10))
    assert said["text/plain"].endswith("your first prediction stands.")
    shell('reveal("n", 10)')
    (table,) = shell(CHOICE.format('"B"'), 'reveal("what", "B")', "predictions()")
    assert table["text/plain"].splitlines() == [
        "1 of 2 as you predicted. The others are worth a second look.",
        "· How many? You: 3. It was: 10.",
        "✓ Which? You: B, that. It was: B, that.",
    ]


def test_a_released_prediction_holds_no_guess_and_is_no_work_of_the_learner():
    source = '# é\npredict(\n    "a",\n    "é?",\n    {"A": "x", "B": "y"},\n    yours="B",\n)'
    assert prediction_cells.is_prediction(source)
    blank = prediction_cells.with_guess(source, "...")
    assert (
        blank == source.replace('"B",\n)', "...,\n)") == prediction_cells.with_guess(blank, "...")
    )
    for other in ("x = 1", "predict(", 'predict("a", "b", yours=1)\nx = 1', "%time predict(1)"):
        assert (
            not prediction_cells.is_prediction(other)
            and prediction_cells.with_guess(other, "...") == other
        )


@pytest.mark.parametrize(
    ("typed", "said"),
    {
        "50%": "0.5",
        '"50 %"': "0.5",
        "0,5": "0.5",
        "1/2,": "0.5",
        "1e-3": "0.001",
        "1,000": "1,000",
        "-.5": "-0.5",
        "“3”": "3",
        "three": "3",
    }.items(),
)
def test_a_number_is_understood_as_people_type_it(shell, typed, said):
    """`three` is a name that the learner has defined."""
    shell(START, "three = 3")
    (shown,) = shell(GUESS.format(typed))
    assert shown["text/plain"] == f"Noted: {said}. Run on to see."
    assert shell.result.info.raw_cell == GUESS.format(typed)  # as typed


@pytest.mark.parametrize("typed", ["nine", "A", "1/0", "50%%", "0.5 of it", "1,2,3", "x.y"])
def test_no_guess_ends_in_a_traceback(shell, typed):
    shown = shell(START, GUESS.format(typed))
    assert shown == (
        "This prediction is a number below 1e300: write it as in yours=3, yours=0.5, yours=50% "
        "or yours=1/2."
    )


@pytest.mark.parametrize("typed", ["B", "b", "'b'", "“B”", ' "B"  # sure'])
def test_a_letter_needs_no_quotes(shell, typed):
    (said,) = shell(START, "A = B = 1", CHOICE.format(typed + "\n"))
    assert said["text/plain"] == "Noted: B, that. Run on to see."
    for other in ("C", "50%", "1", "none of them"):
        assert shell(CHOICE.format(other)).startswith("Choose one of the letters A, B")


def test_only_a_cell_of_one_prediction_is_read_as_people_type():
    for source in ('x = predict("n", yours=50%)', 'predict("n", yours=50%)\nx = 1', "yours=50%"):
        assert prediction_cells.readable(source) == source
        assert not prediction_cells.is_prediction(source)
    source = '# a "note"\npredict("n(", {"A": "yours=3)"}, yours=0,5,  # sure (not)\n)'
    assert prediction_cells.is_prediction(source)
    assert prediction_cells.readable(source) == source.replace("0,5", '"0,5"')
    assert prediction_cells.with_guess(source, "...") == source.replace("0,5", "...")
    assert prediction_cells.with_comments("", source) == '\n# a "note"\n# sure (not)'
    hostile = "#" * 50_000 + "x predict(" + "(" * 50_000
    assert prediction_cells.readable(hostile) == hostile


def test_a_guess_that_is_no_python_is_still_left_out_by_graders():
    notebook, guesses = notebooks.load("01_tokens"), ("50%", "0,5", "A", "1/2", "")
    cells = [submission.Cell("code", None, GUESS.format(each)) for each in guesses]
    given = submission.plan(notebook, []).steps
    assert submission.plan(notebook, cells).steps == given
    other = submission.Cell("code", None, "x = 50%")
    assert len(submission.plan(notebook, [*cells, other]).steps) == len(given) + 1


def test_what_the_buttons_of_a_prediction_show_and_write():
    cell = 'predict("n", "How probable, from 0 to 1?", yours=...)'
    asked = {"key": "n", "question": "How probable, from 0 to 1?", "options": {}}
    assert prediction_cells.form(cell) == asked | {"yours": None, "range": [0, 1]}
    assert prediction_cells.form(cell.replace("...", "None"))["yours"] == ""
    assert prediction_cells.form(cell.replace("...", "50%"))["yours"] == "50%"
    assert prediction_cells.code_of(cell, " 50 % ") == "0.5"
    assert prediction_cells.code_of(cell, "") == "None"
    choice = CHOICE.format("...")
    assert prediction_cells.form(choice)["options"] == {"A": "this", "B": "that"}
    assert prediction_cells.code_of(choice, "B") == '"B"'
    for source, said in ((cell, "much"), (choice, "C"), ("x = 1", "1")):
        with pytest.raises(ValueError, match="number below|one of the letters|not a prediction"):
            prediction_cells.code_of(source, said)


def test_every_prediction_of_the_course_has_its_buttons():
    for each in notebooks.lessons():
        cells = [c.source for c in each.cells if prediction_cells.is_prediction(c.source)]
        assert len(cells) >= 5
        for source in cells:
            asked, released = (
                prediction_cells.form(prediction_cells.with_guess(source, yours))
                for yours in (prediction_cells.guess_in(source)[1], "...")
            )
            assert prediction_cells.code_of(source, asked["yours"])
            assert released["yours"] is None and released["question"]


def test_no_letter_is_a_good_guess_at_a_prediction():
    """Of those with three options, as the executed notebooks answered them."""
    right = collections.Counter()
    for each in notebooks.lessons():
        node = nbformat.read(notebooks.ROOT / "solutions" / f"{each.name}.ipynb", as_version=4)
        asked = [prediction_cells.guess_in(cell.source) for cell in node.cells]
        three = {key.strip("'") for key, _, options in asked if len(options) == 3}
        for cell in node.cells:
            shown = re.search(r'reveal\(\s*"([^"]+)"', cell.source)
            if shown and shown[1] in three:
                right[re.search(r"It is ([ABC]),", str(cell.outputs))[1]] += 1
    assert right.total() > 20
    assert all(1 / 4 < right[letter] / right.total() < 0.45 for letter in "ABC"), right


SOFTMAX_CHECK = """# Check of softmax: run this cell
from exercises import check
check.close(softmax(torch.ones(2)), torch.softmax(torch.ones(2), -1), "exp over the sum of exps")"""


def test_a_check_in_the_kernel_refuses_what_is_not_allowed_and_names_it(shell):
    """And neither the check's own comparison nor any other cell's."""
    kernel_checks.switch_on()
    ready_made = "import torch\ndef softmax(x, dim=-1):\n    return x.softmax(dim)"
    for _ in range(2):
        said = shell(ready_made, SOFTMAX_CHECK)
        assert said == "`torch.softmax` is not allowed in this exercise: write this one yourself"
        assert not shell.result.success
    assert shell("softmax(torch.ones(2)).sum().item()") == "Out[5]: 1.0"
    (said,) = shell("softmax = lambda x, dim=-1: x.exp() / x.exp().sum()", SOFTMAX_CHECK)
    assert said["text/plain"].startswith("✓ softmax: 1 check passed")
    assert shell("print(softmax.__name__)") == "<lambda>"
