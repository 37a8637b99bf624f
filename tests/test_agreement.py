"""`llmlib check` and `llmlib grade` agree on every honest shape of a notebook.

`check` runs in a process of its own, as for a learner; `grade` in the grader's sandbox, here
without its hidden tests, which a learner does not have. That they agree on every answer too follows
from test_answers.py and test_grading_answers.py, which ask the same verdict of each.
"""

import textwrap
from collections import Counter
from contextlib import closing
from dataclasses import replace
from enum import Enum, IntEnum
from typing import NamedTuple

import answer_runner
import forked_checks
import kernel_runs
import nbformat
import numpy as np
import pytest
import torch
from attacks import helpers
from chief import chief
from nbformat.v4 import new_code_cell, new_markdown_cell
from patient_runner import PatientRunner

from classroom.checking import check_notebooks, redefinitions, run_cells, run_tests, submission
from classroom.checking.snapshots import Snapshots
from exercises.format import notebooks
from exercises.format.source import given_imports
from grader import wire
from grader.host.time_limits import Limits

pytestmark = [
    pytest.mark.graders,
    pytest.mark.needs("bubblewrap"),
    pytest.mark.verdict("solutions/*.py", "tests/attacks/*.py"),
]
NAME = "03_attention"
TASKS = {each.name: each for each in notebooks.load(NAME).exercises}
SOLVED = {name: each.solution for name, each in TASKS.items() if name != "looks_ahead"}
BODY = "return x.transpose(1, 2).flatten(-2)"
OTHERS = "scaled_dot_product_attention", "causal_mask", "split_heads", "repeat_kv"
MERGE = f"def merge_heads(x):\n    {BODY}"
ONLINE = """import socket, urllib.error
try:
    socket.socket().close()
except OSError as why:
    raise urllib.error.URLError(why)"""
WRONG = "def merge_heads(x):\n    return x.flatten(-2)"
STUB = TASKS["merge_heads"].stub


@pytest.fixture(scope="module")
def runner():
    with closing(PatientRunner([notebooks.load(name) for name in notebooks.names()])) as runner:
        yield runner


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """With the weights: some demonstrations load them."""
    forked_checks.apart(monkeypatch, tmp_path_factory.mktemp("cache"))


def visible(notebook):
    """The notebook as a learner has it: its test cells without their hidden part."""
    tasks = (replace(each, full=each.visible) for each in notebook.exercises)
    return replace(notebook, exercises=tuple(tasks))


def at(node, name):
    return next(n for n, cell in enumerate(node.cells) if notebooks.grade_id(cell) == name)


def mine(node):
    return node.cells[at(node, "merge_heads")]


def copy_of(cell, source):
    return nbformat.from_dict(cell | {"source": source, "id": cell.id + "-copy"})


def twice(first, second):
    def change(node):
        mine(node).source = first
        node.cells.insert(at(node, "merge_heads") + 1, copy_of(mine(node), second))

    return change


def moved(place):
    return lambda node: node.cells.insert(place, node.cells.pop(at(node, "merge_heads")))


def code(source):
    return lambda node: mine(node).update(source=source)


def added(place, source, answer=MERGE):
    def change(node):
        code(answer)(node)
        here = at(node, "merge_heads")
        where = {"above": here, "below": here + 1, "last": len(node.cells)}.get(place, place)
        node.cells.insert(where, new_code_cell(source))

    return change


def without(*kinds):
    def change(node):
        node.cells = [cell for cell in node.cells if notebooks.kind(cell) not in kinds]

    return change


def edited(kind, line):
    def change(node):
        for cell in node.cells:
            if notebooks.kind(cell) == kind:
                cell.source = f"{line}\n{cell.source}"

    return change


def retyped(node):
    node.cells[at(node, "merge_heads")] = new_code_cell(MERGE)


def as_text(node):
    place = at(node, "merge_heads")
    marks = mine(node).metadata
    node.cells[place] = new_markdown_cell(MERGE, metadata=marks)


def windows(node):
    for cell in node.cells:
        cell.source = cell.source.replace("\n", "\r\n")


def no_metadata(node):
    node.metadata = {}
    for cell in node.cells:
        marks = cell.metadata.get("nbgrader", {})
        cell.metadata = {"nbgrader": {"grade_id": marks["grade_id"]}} if marks else {}


def copied_with_another_mark(node):
    mine(node).source = STUB
    split = node.cells[at(node, "split_heads")]
    node.cells.insert(at(node, "merge_heads") + 1, copy_of(split, MERGE))


def last_below(source, answer):
    """The answer at the end, where a demonstration's five `head_dims` are known; `source` above."""

    def change(node):
        moved(10**6)(node)
        added("above", source, answer)(node)

    return change


def bound_later(node):
    answer = MERGE.replace(BODY, f"assert COUNT == 5\n    {BODY}")
    node.cells.remove(mine(node))  # typed anew at the end, between the two
    node.cells += map(new_code_cell, ["COUNT = len(head_dims)", answer, "head_dims = [1]"])


def star_of_own_module(node):
    added("below", "from heads import *", STUB)(node)
    node.cells.insert(2, new_code_cell(f"%%writefile heads.py\n{MERGE}"))


LAYOUTS = {  # name: the change of the solved notebook
    "as it was released": lambda node: None,
    "the stub, then a copy of the cell": twice(STUB, MERGE),
    "the answer, then a copy of the stub": twice(MERGE, STUB),
    "a wrong answer, then a right copy": twice(WRONG, MERGE),
    "a right answer, then a wrong copy": twice(MERGE, WRONG),
    "the copy of another cell, written anew": copied_with_another_mark,
    "moved to the top": moved(0),
    "moved to the end": moved(10**6),
    "typed anew, without its mark": retyped,
    "typed below the stub": added("below", MERGE, STUB),
    "made by its name, below the stub": added(
        "below", f"globals()['merge_heads'] = lambda x: {BODY.removeprefix('return ')}", STUB
    ),
    "all names of a module of its own, below the stub": star_of_own_module,
    "as a text cell": as_text,
    "no given cells": without("given"),
    "no test cells": without("test"),
    "no demonstrations": without("demo", "markdown"),
    "given cells broken": edited("given", "raise SystemExit"),
    "test cells broken": edited("test", "raise SystemExit"),
    "line ends of Windows": windows,
    "hardly any metadata": no_metadata,
    "lines that end in ?": code(MERGE.replace(BODY, f"# why?\n    {BODY}  # all?")),
    "a docstring that asks": code(MERGE.replace(BODY, f'"""Who\n    may?"""\n    {BODY}')),
    "lines that begin with % and !": code(
        MERGE.replace(BODY, f"assert (7\n    % 7) == 0 and (1\n    != 2)\n    {BODY}")
    ),
    "magics and shell": code(
        f"%matplotlib inline\n!ls\nfiles = !ls\n?print\nprint?\n%time y = 2\n{MERGE}"
    ),
    "indented, as it was copied": code(textwrap.indent(MERGE, "    ")),
    "copied from a terminal": code(f">>> {MERGE}".replace("\n", "\n... ")),
    "a helper under %%capture": added(
        2, f"%%capture\ndef turned(x):\n    {BODY}", MERGE.replace(BODY, "return turned(x)")
    ),
    "its name looked at before": added(2, "from llmlib.attention import merge_heads\nmerge_heads"),
    "%%time": code(f"%%time\n{MERGE}"),
    "two magics": code(f"%%capture\n%%time\n{MERGE}"),
    "%%writefile": added(2, f"%%writefile written.py\n{MERGE}", "from written import merge_heads"),
    "await": code(f"import asyncio\nawait asyncio.sleep(0)\n{MERGE}"),
    "annotations that nobody evaluates": added(
        2, "from __future__ import annotations", MERGE.replace("(x)", "(x: Tensor) -> Tensor")
    ),
    "as a script that was exported": code(
        f"from IPython import get_ipython\nget_ipython().run_line_magic('time', '')\n{MERGE}"
    ),
    "1500 calls deep": code(
        "def deep(n):\n    return n and deep(n - 1)\n\n"
        + MERGE.replace("return", "deep(1500)\n    return")
    ),
    "warnings made errors": added(2, "import warnings\nwarnings.simplefilter('error')"),
    "a helper at the top": added(
        0, f"def turned(x):\n    {BODY}", "def merge_heads(x):\n    return turned(x)"
    ),
    "a helper at the very end": added(
        "last", f"def turned(x):\n    {BODY}", "def merge_heads(x):\n    return turned(x)"
    ),
    "a helper that reads a demonstration": last_below(
        "print(head_dims)\nFACTOR = len(head_dims) / 5", MERGE.replace(BODY, f"{BODY} * FACTOR")
    ),
    "an answer that leans on a demonstration": code(
        MERGE.replace(BODY, f"assert len(head_dims) == 5\n    {BODY}")
    ),
    "a demonstration's list made longer": last_below(
        "head_dims = head_dims + [4096]",
        MERGE.replace(BODY, f"assert len(head_dims) == 6\n    {BODY}"),
    ),
    "a demonstration's name bound anew at the end": bound_later,
    "the course's pictures, then a decorator": code(
        "from llmlib import pretrained\ndef turned(f):\n    return lambda x: "
        f"f(x.transpose(1, 2))\n\n@turned\n{MERGE.replace('.transpose(1, 2)', '')}"
    ),
    "the course looked at above": code(f"import llmlib\nllmlib.complete\n{MERGE}"),
    "what the course made, looked at above": added(
        "above",
        "from llmlib.attention import causal_mask as ours\nMASK = ours(3)\n"
        "def size(mask=MASK):\n    return mask.shape",
        f"size()\n{MERGE}",
    ),
    "all of the course's pictures": added(
        2, "from llmlib.plots import *", MERGE.replace(BODY, f"assert len(x)\n    {BODY}")
    ),
    "demonstrations changed": edited("demo", "print('mine')\nraise KeyError"),
    "a module in a folder of its own": added(
        2, f"%%writefile mine/heads.py\n{MERGE}", "from mine.heads import merge_heads"
    ),
    "a file with a blank in its name": added(
        2, f"%%writefile 'my heads.py'\n{MERGE}", "%time exec(open('my heads.py').read())"
    ),
    "a folder that is gone to": added(
        2,
        f"%%writefile mine/heads.py\n{MERGE}",
        "%cd mine\n%env WHO = me\n%run -i heads --n 3\nimport os; os.environ['WHO']",
    ),
    "a display that is updated": code(f"h = display('x', display_id=True)\nh.update('y')\n{MERGE}"),
    "a module of the course that may be missing": code(
        f"try: from llmlib import plots\nexcept ImportError: plots = None\nplots.show\n{MERGE}"
    ),
    "the course, looked for": code(
        f"import importlib.util\nassert importlib.util.find_spec('llmlib.plots')\n{MERGE}"
    ),
    "a program that says whether it ran": code(
        f"import os\nassert os.system('true') == 0\n{MERGE}"
    ),
    "a name added to Python's own": code(
        f"import builtins\n{MERGE}\nbuiltins.merge_heads = merge_heads\ndel merge_heads"
    ),
    "a file that is run": added(2, f"%%writefile heads.py\n{MERGE}", "%run heads.py"),
    "a program above it": code(
        f"import subprocess\nprint(subprocess.run(['ls']).returncode)\n{MERGE}"
    ),
    "a program that must start, above it": code(
        f"import subprocess, sys\nsubprocess.check_call([sys.executable, '-V'])\n{MERGE}"
    ),
    "the course's pictures and other modules, in one line above it": code(
        "from llmlib import plots; import math as m; N = 1\n"
        "import functools, llmlib.plots as P, itertools\n"
        + MERGE.replace(BODY, f"assert (m, N, functools, itertools)\n    {BODY}")
    ),
    "the network above it": code(f"{ONLINE}\nimport os\nos.nice(1)\n{MERGE}"),
    "a file of nobody above it": code(f"open('there is none')\n{MERGE}"),
    "a try-out that ends the process": added(2, "import os\nos._exit(0)"),
    "a try-out that kills the process": added("last", "import os\nos.kill(os.getpid(), 9)"),
    "threads, then a product": added(
        2, "torch.set_num_threads(2)\nx = torch.randn(500, 500) @ torch.randn(500, 500)"
    ),
    "torch under every name": added(2, "from torch import *"),
    "another default dtype": added(2, "torch.set_default_dtype(torch.float64)"),
    "a try-out that ends the program": added(2, "exit()"),
    "a scripted function": code(f"@torch.jit.script\n{MERGE}"),
    "a class with a call": code(
        f"class Heads:\n    def __call__(self, x):\n        {BODY}\n\nmerge_heads = Heads()"
    ),
    "an array of numpy": code(MERGE.replace(BODY, f"{BODY}.numpy()")),
    "a generator": code(MERGE.replace("return", "yield")),
    "an assertion of its own": code(MERGE.replace(BODY, f"assert False, 'no'\n    {BODY}")),
    "not Python": code("def merge_heads(x) return x"),
    "no such function": code("def merge_head(x):\n    return x"),
    "untouched": code(STUB),
    "its cell deleted": lambda node: node.cells.remove(mine(node)),
}
UNSOLVED = {  # of these layouts alone merge_heads is not solved
    "a right answer, then a wrong copy",
    "a name added to Python's own",
    "a file of nobody above it",
    "a generator",
    "an assertion of its own",
    "not Python",
    "no such function",
    "untouched",
    "its cell deleted",
}


CHIEF = {  # which `make test` looks at
    *("as it was released", "untouched", "the stub, then a copy of the cell"),
    *("typed anew, without its mark", "magics and shell", "a helper at the very end"),
}


@pytest.mark.parametrize("layout", chief(LAYOUTS, *CHIEF))
def test_every_honest_layout_gets_the_same_verdict(runner, layout, tmp_path):
    node = answer_runner.handed_in_notebook(NAME, SOLVED)
    LAYOUTS[layout](node)
    checked, why = agreed(runner, node, tmp_path)
    assert checked["merge_heads"] == (layout not in UNSOLVED), why
    assert all(checked[name] for name in OTHERS) and not checked["looks_ahead"], why


PAIRS = """from llmlib.plots import show
from dataclasses import dataclass

@dataclass
class Pair:
    left: int
    right: int

def count_pairs(ids):
    pairs = Counter((each.left, each.right) for each in map(Pair, ids, ids[1:]))
    return list(pairs.items())"""
ABOVE = "{count_pairs}"  # the answer as it was
WORDS = {  # name: count_pairs' cell
    "all names of the course's module": f"from llmlib.tokenizer_files import *\n{ABOVE}",
    "all names of a library that is not allowed": f"from tokenizers import *\n{ABOVE}",
    "help on what the course has": f"help(Tokenizer.encode)\n{ABOVE}",
    "the course's pictures, then a dataclass": PAIRS,
}


@pytest.mark.proof
@pytest.mark.parametrize("title", WORDS)
def test_what_stands_above_an_answer_costs_no_exercise_of_its_notebook(runner, title, tmp_path):
    tasks = {each.name: each.solution for each in notebooks.load("01_tokens").exercises}
    answer = WORDS[title].replace(ABOVE, tasks["count_pairs"])
    node = answer_runner.handed_in_notebook("01_tokens", tasks | {"count_pairs": answer})
    checked, why = agreed(runner, node, tmp_path, "01_tokens")
    assert checked == dict.fromkeys(tasks, True), why


def blanks(node):
    """An editor added them, or took them away."""
    for cell in node.cells:
        cell.source = cell.source.replace("\n", "  \n") + "  "


@pytest.mark.parametrize("change", [windows, blanks])
def test_with_other_ends_of_its_lines_the_same_cells_run(change):
    """And no demonstration, which as it was released need not."""
    node = answer_runner.handed_in_notebook(NAME, SOLVED)
    steps = submission.plan(notebooks.load(NAME), submission.parse(node)).steps
    change(node)
    job = submission.plan(notebooks.load(NAME), submission.parse(node))
    assert [step.title for step in job.steps] == [step.title for step in steps] and not job.notes


@pytest.mark.proof
@pytest.mark.parametrize("place", [1, -1])
def test_gradients_that_a_cell_switched_off_are_on_in_every_check(runner, place, tmp_path):
    tasks = {each.name: each.solution for each in notebooks.load("05_output_head").exercises}
    node = answer_runner.handed_in_notebook("05_output_head", tasks)
    place = place if place > 0 else len(node.cells)
    node.cells.insert(place, new_code_cell("torch.set_grad_enabled(False)"))
    checked, why = agreed(runner, node, tmp_path, "05_output_head")
    assert checked == dict.fromkeys(tasks, True), why


def test_a_message_has_the_blanks_that_a_value_has(runner, tmp_path):
    """In the exercise that is about blanks."""
    exercises = {each.name: each for each in notebooks.load("01_tokens").exercises}
    answer = exercises["cut_words"]
    assert answer.solution.count(LAST_BLANK) == 1
    answer = answer.solution.replace(LAST_BLANK, "")
    node = answer_runner.handed_in_notebook("01_tokens", {"cut_words": answer})
    _, (checked, graded) = agreed(runner, node, tmp_path, "01_tokens")
    for why in (checked[0][2], dict(graded)["cut_words"]):
        assert "got ['a', '  ', 'b'], expected ['a', ' ', ' b']" in why


LAST_BLANK = r"|\s+(?!\S)"
ANEW = {  # cells at the end of a solved notebook 5: what there is to say
    "sum = 0\nfor i in range(9):\n    sum += i": ["sum", "corpus_perplexity"],
    "softmax = softmax(torch.randn(3))": ["softmax", "softmax"],
    "math = 5": ["math", "corpus_perplexity"],
    "import math\nimport torch": [],
    "from torch import softmax": ["softmax", "softmax"],
    "def cross_entropy(logits, targets):\n    return 0": ["cross_entropy", "cross_entropy"],
    "i = 3\nprint(sum([i]))": [],
}


@pytest.mark.parametrize("cell", ANEW)
def test_a_cell_that_makes_anew_what_a_function_above_it_reads_is_told(cell):
    book = notebooks.load("05_output_head")
    node = answer_runner.handed_in_notebook(
        "05_output_head", {each.name: each.solution for each in book.exercises}
    )
    assert not submission.plan(book, submission.parse(node)).notes
    node.cells.append(new_code_cell(cell))
    notes = submission.plan(book, submission.parse(node)).notes
    said = [tuple(note.split("`")[1::2]) for note in notes]
    assert said == [tuple(each) for each in [ANEW[cell]] if each]
    assert all(f"“{cell.splitlines()[0]}”" in note for note in notes)


def test_a_helper_of_the_same_name_in_two_exercises_is_told():
    book = notebooks.load("05_output_head")
    code = {each.name: each.solution for each in book.exercises}
    first, last = "softmax", "corpus_perplexity"
    code[first] = f"def helper(x):\n    return x\n\n{code[first]}\n    helper(x)"
    code[last] = f"def helper():\n    return 1\n\n{code[last]}"
    found = submission.parse(answer_runner.handed_in_notebook("05_output_head", code))
    said = "The cell “def helper():” uses the name `helper` again: `softmax`, above it, is judged "
    said += "by its own cell, or with the new one if only that passes."
    assert submission.plan(book, found).notes == (said,)


OFF = "torch.nn.functional.scaled_dot_product_attention"
SIGNATURE = "def scaled_dot_product_attention(q, k, v, mask=None):"
READY_MADE = {  # title: (a cell above, the exercise's cell, is it solved)
    "an import under another name": (
        "import torch.nn.functional as F",
        f"{SIGNATURE}\n    return F.scaled_dot_product_attention(q, k, v, mask)",
        False,
    ),
    "an import inside": (
        "",
        f"{SIGNATURE}\n    from torch.nn import functional as F\n"
        "    return F.scaled_dot_product_attention(q, k, v, mask)",
        False,
    ),
    "a helper": (
        f"def ours(*args):\n    return {OFF}(*args)",
        f"{SIGNATURE}\n    return ours(q, k, v, mask)",
        False,
    ),
    "a try-out that gives its name to a local one": (
        f"k = torch.ones(1, 3, 4)\nscores = {OFF}(k, k, k)",
        SOLVED["scaled_dot_product_attention"],
        True,
    ),
}


@pytest.mark.parametrize("title", chief(READY_MADE, "a helper"))
def test_a_ready_made_answer_is_named_by_both(runner, title, tmp_path):
    above, answer, solved = READY_MADE[title]
    node = answer_runner.handed_in_notebook(NAME, SOLVED | {"scaled_dot_product_attention": answer})
    node.cells.insert(at(node, "scaled_dot_product_attention"), new_code_cell(above))
    checked, (told, _) = agreed(runner, node, tmp_path)
    assert checked["scaled_dot_product_attention"] == solved
    assert solved or f"`{OFF}` is not allowed in this exercise" in told[0][2]


ON_A_DEVICE = """class Mine(torch.Tensor): pass
def nudged_gradient(table, ids):
    with torch.device("cpu"):
        table = table.as_subclass(Mine)
        assert len(table) == table.shape[0]
{}"""


@pytest.mark.proof
@pytest.mark.parametrize("given", ["", "torch.set_default_device('cpu')"])
def test_where_autograd_is_off_the_rest_of_torch_is_not(runner, given, tmp_path):
    """Each of these goes through functions that `torch.autograd` has imported."""
    name = "02_embeddings"
    solved = {each.name: each.solution for each in notebooks.load(name).exercises}
    body = solved["nudged_gradient"].partition("\n")[2].replace("\n", "\n    ")
    assert "def nudged_gradient(table, ids):" in solved["nudged_gradient"]
    answer = ON_A_DEVICE.format("    " + body.strip("\n"))
    node = answer_runner.handed_in_notebook(name, solved | {"nudged_gradient": answer})
    node.cells.insert(2, new_code_cell(f"import torch\n{given}"))
    checked, _ = agreed(runner, node, tmp_path, name)
    assert all(checked.values())


@pytest.mark.proof
@pytest.mark.parametrize("name", [each.name for each in notebooks.lessons()])
@pytest.mark.parametrize(
    ("code", "says"),
    [("def f(x:\n    return (", "SyntaxError"), ("pass", "is not defined: write it and run its")],
)
def test_of_a_function_that_no_cell_makes_both_say_why(runner, name, code, says, tmp_path):
    """Also where a given cell asks for it by its name."""
    tasks = [each.name for each in notebooks.load(name).exercises]
    node = answer_runner.handed_in_notebook(name, dict.fromkeys(tasks, code))
    checked, whys = agreed(runner, node, tmp_path, name)
    assert not any(checked.values())
    for rows in whys:
        assert len(rows) == len(tasks) and all(says in row[-1] for row in rows), rows


ENDLESS = [
    "while True: pass",
    "while True:\n    try: input()\n    except Exception: continue",
    # catches an interruption: the next one ends it (around a loop of `pass` alone, 3.11 would not)
    "try:\n    while True: abs(1)\nexcept KeyboardInterrupt: pass\nwhile True: abs(1)",
]


@pytest.mark.proof
@pytest.mark.parametrize("loop", ENDLESS)
def test_what_stands_above_a_loop_without_end_counts(loop, tmp_path, monkeypatch):
    monkeypatch.setattr(check_notebooks, "SECONDS", 21)  # of which a cell may take a third
    node = answer_runner.handed_in_notebook(NAME, SOLVED)
    code(f"{MERGE}\n{loop}")(node)
    with closing(PatientRunner([notebooks.load(NAME)], limits=Limits(cell=7))) as runner:
        checked, _ = agreed(runner, node, tmp_path)
    assert checked["merge_heads"]


CACHED = "07_kv_cache_and_scaling"
FORGED = """def run_cached(ids, max_new_tokens, *given, **named):
    raise ValueError("mine")
"""


@pytest.mark.proof
@pytest.mark.parametrize("written", [True, False])
def test_a_given_helper_that_a_cell_redefines_is_the_course_s_to_both(runner, written, tmp_path):
    tasks = {each.name: each for each in notebooks.load(CACHED).exercises}
    solved = {name: each.solution for name, each in tasks.items()}
    stub = tasks["generate_cached"].stub
    code = solved if written else solved | {"generate_cached": stub}
    node = answer_runner.handed_in_notebook(CACHED, code)
    node.cells.append(new_code_cell(FORGED if written else helpers.RUN_CACHED))
    checked, _ = agreed(runner, node, tmp_path, CACHED)
    assert checked == dict.fromkeys(tasks, True) | {"generate_cached": written}


def agreed(runner, node, folder, name=NAME):
    """What `check` and `grade` both say: {exercise: solved}; and what each of them tells."""
    path = folder / f"{name}.ipynb"
    nbformat.write(node, path)
    status = check_notebooks.check_one(name, path, check_notebooks.SECONDS)
    checked = {task: state == check_notebooks.DONE for task, state, _ in status.exercises}
    result = runner.grade(visible(notebooks.load(name)), submission.load(path))
    lent = {each.exercise for each in result.outcomes if each.instead}  # by the grader alone
    graded = {task: result[task].solved and task not in lent for task in checked}
    why = (
        [row for row in status.exercises if row[2]],
        [(each.exercise, each.message) for each in result.outcomes],
    )
    assert checked == graded, why
    return checked, why


class Pair(NamedTuple):
    left: object
    right: object


class Said(str, Enum):
    YES = "yes"


CROSSING = [
    *(None, True, 7, 2.5, "é", b"x", [1, (2, {"a": {3}})], frozenset({1})),
    *(np.int64(3), np.float32(0.5), np.bool_(True), np.arange(3), np.ones((2, 2), np.float32)),
    *(Pair(1, [2]), Counter("aab"), IntEnum("Kind", "A B").B, bytearray(b"y")),
    *(Said.YES, Said("yes")),
    *(torch.ones(2), torch.nn.Parameter(torch.ones(2)), torch.ones(2, dtype=torch.bfloat16)),
    *(torch.ones(2, 3).T, torch.empty(0, 3), torch.ones(1, dtype=torch.complex64)),
    *(torch.ones(1, dtype=torch.complex128), np.ones(2, np.uint16), np.complex64(1j)),
    *(object(), len, iter([]), torch.ones(2).to_sparse(), torch.ones(2, device="meta"), 1j),
]


@pytest.mark.parametrize("value", CROSSING, ids=lambda value: type(value).__name__)
def test_what_crosses_to_the_grader_crosses_in_a_check(value):
    """A value arrives as the same plain data both ways, or is refused both ways."""
    try:
        want = through_the_wire(value)
    except wire.UnsupportedValue:
        with pytest.raises(wire.UnsupportedValue):
            run_tests.copied(value)
        return
    got = run_tests.copied(value)
    assert type(got) is type(want) and repr(got) == repr(want)
    if isinstance(want, torch.Tensor):
        assert got.dtype == want.dtype and got.requires_grad == want.requires_grad


def through_the_wire(value):
    frame = bytes(wire.pack(value))
    text, blob = wire.HEADER.unpack(frame[: wire.HEADER.size])
    start = wire.HEADER.size
    return wire.unpack(frame[start : start + text], frame[start + text : start + text + blob])


def test_an_exception_names_the_same_line_and_call_in_both(runner, tmp_path):
    node = answer_runner.handed_in_notebook(NAME, SOLVED)
    code("def merge_heads(x):\n    return x + torch.ones(99)")(node)
    checked, (by_check, by_grade) = agreed(runner, node, tmp_path)
    assert not checked["merge_heads"]
    [by_check] = [row[2] for row in by_check if row[0] == "merge_heads"]
    for said in (by_check, dict(by_grade)["merge_heads"]):
        assert "the two tensors do not fit together" in said
        assert "(in line 2: `return x + torch.ones(99)`; the check called `merge_heads(" in said


RIGHT, HELPED = "def merge_heads(x):\n    " + BODY, "def merge_heads(x):\n    return flat(x)"
FLAT = "def flat(x):\n    return x.transpose(1, 2).flatten(-2)"
NAME_CASES = {  # title: the exercise's own cell, cells below it, is it solved; more in honest_names
    "used for an import": (RIGHT, ["from torch import ones as merge_heads"], True),
    "corrected below": (WRONG, [RIGHT], True),
    "a helper made below": (HELPED, [FLAT], True),
    "a helper made below, then used again": (HELPED, [FLAT, "flat = None"], True),
    "a helper that no cell makes": (HELPED, ["torch.ones(2)"], False),
    "wrong, and wrong again": (WRONG, ["def merge_heads(x):\n    return x"], False),
    "wrong, and used for a number": (WRONG, ["merge_heads = 3"], False),
    "wrong, and torch is nothing": (WRONG, ["torch = None"], False),
}


@pytest.mark.parametrize("title", chief(NAME_CASES, "corrected below", "wrong, and wrong again"))
def test_all_four_judge_by_the_names_that_the_own_cell_left(runner, title, tmp_path):
    """The kernel, `llmlib check`, the grader, and the page's check, which has no cells below the
    exercise's own but runs the same `judge`."""
    own, below, solved = NAME_CASES[title]
    node = answer_runner.handed_in_notebook(NAME, SOLVED | {"merge_heads": own})
    place = at(node, "test_merge_heads") + 1
    node.cells[place:place] = map(new_code_cell, below)
    checked, why = agreed(runner, node, tmp_path)
    assert checked["merge_heads"] == solved, why
    cells = [
        (notebooks.grade_id(cell) or "", cell.source, cell.id)
        for cell in node.cells
        if notebooks.kind(cell) in ("given", "solution")
        or cell.source in below
        or notebooks.grade_id(cell) == "test_merge_heads"
    ]
    check = node.cells[at(node, "test_merge_heads")]
    in_kernel = kernel_runs.checks([*cells, ("test_merge_heads", check.source, check.id)])
    assert (in_kernel["merge_heads"] is None) == solved, in_kernel
    assert (by_page(own, below) is None) == solved


def by_page(own, below):
    """What `judge` says, by the calls that web/python/page_checks.py makes: None where it passes.
    Cells below run after the exercise's own."""
    book, space = notebooks.load(NAME), vars(run_cells.new_main())
    [task] = [each for each in book.exercises if each.name == "merge_heads"]
    given = [each.source for each in book.cells if notebooks.kind(each) == "given"]
    steps = [("given", text, False) for text in given]
    steps += [("merge_heads", own, True), *(("cell 1", text, True) for text in below)]
    homes = redefinitions.homes(steps, {"merge_heads": task.stub})
    kept = Snapshots(space, homes)
    for number, (title, source, _) in enumerate(steps):
        run_cells.run(title, source, space)
        kept.after(number)
    return run_tests.judge("merge_heads", task.visible, kept, given_imports(book), task.disallowed)
