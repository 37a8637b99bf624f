"""my_llm.py, built from the solutions and from learners of three styles, says what `transformers`
says."""

import ast
import functools
import importlib.util
import os
import signal
import subprocess
import sys

import answer_runner
import forked_checks
import nbformat
import pytest

from classroom import cli, my_llm
from classroom.checking import definitions, scopes
from classroom.engine_check import reference_ids
from classroom.my_llm import assemble, learner_functions
from classroom.my_llm import cli as my_llm_cli
from exercises.format import notebooks as course_notebooks
from llmlib.assets import smollm2_folder

pytestmark = [
    pytest.mark.graders,
    pytest.mark.verdict("solutions/*.py", "notebooks/*.ipynb", "tests/answers/*/*.py"),
]
PROMPTS = ["The capital of France is", "In 1969, a naïve café owner said: \"We've"]


@pytest.fixture(autouse=True)
def _warm(monkeypatch):
    forked_checks.checks(monkeypatch)


def notebooks(folder, code):
    """A learner's notebooks in `folder`: `code` is {function: cell}; exercises without an entry are
    untouched."""
    for name in learner_functions.engine_notebooks():
        nbformat.write(answer_runner.handed_in_notebook(name, code), folder / f"{name}.ipynb")
    return folder


@pytest.fixture(scope="module")
def official():
    """{function: its solution}"""
    return {
        each.name: each.solution
        for name in learner_functions.engine_notebooks()
        for each in course_notebooks.load(name).exercises
    }


def right_answers(style):
    """The style-th right answer to every function that the file needs."""
    found = {}
    for function, exercise in learner_functions.engine_exercises().items():
        answers, _ = answer_runner.read(answer_runner.HERE / exercise.notebook / f"{function}.py")
        found[function] = [answer.code for answer in answers if answer.kind == "right"][style]
    return found


def loaded(path):
    spec = importlib.util.spec_from_file_location("my_llm", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def says_what_transformers_says(path, n=16):
    module = loaded(path)
    model, tokenizer = module.Model(smollm2_folder()), module.Tokenizer(smollm2_folder())
    model.config.stop_ids = ()
    for prompt in PROMPTS:
        ids = tokenizer.encode(prompt)
        assert list(module.new_ids(model, ids, n)) == theirs(tuple(ids), n), prompt


@functools.cache
def theirs(ids, n):
    """What `transformers` writes, asked once."""
    return reference_ids(smollm2_folder(), list(ids), n)


@pytest.fixture(scope="module")
def from_solutions(tmp_path_factory):
    """my_llm.py as it is made from the solutions."""
    path = tmp_path_factory.mktemp("engine") / "my_llm.py"
    path.write_text(text_from(course_notebooks.ROOT / "solutions"))
    return path


def text_from(folder):
    text, gaps = my_llm.collect(folder)
    assert not gaps, "; ".join(map(str, gaps))
    return text


def test_from_the_solutions(from_solutions):
    text = from_solutions.read_text()
    imported = [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    modules = {
        (getattr(node, "module", None) or node.names[0].name).split(".")[0] for node in imported
    }
    assert modules <= set(sys.stdlib_module_names) | {"torch", "safetensors", "regex"}
    says_what_transformers_says(from_solutions)


USED_AGAIN = {  # notebook: a last cell that uses names of its answers for something else
    "01_tokens": "encode = str.encode\nlen, max, sum = 3, None, [1]",
    "03_attention": "causal_mask = torch.ones(3)\nfrom torch.nn.functional import *",
    "05_output_head": "from torch import softmax\ntorch = None",
    "06_sampling": "def draw(n):\n    return [n] * n\nfor softmax in range(3): pass",
}


def test_a_name_that_is_used_again_below_does_not_reach_the_file(
    tmp_path, official, from_solutions
):
    folder = notebooks(tmp_path, official)
    for name, source in USED_AGAIN.items():
        node = nbformat.read(folder / f"{name}.ipynb", 4)
        node.cells.append(nbformat.v4.new_code_cell(source))
        nbformat.write(node, folder / f"{name}.ipynb")
    assert text_from(folder) == from_solutions.read_text()


def test_an_answer_that_is_corrected_below_its_cell_reaches_the_file(tmp_path, official):
    right = official["softmax"]
    folder = notebooks(
        tmp_path, official | {"softmax": "def softmax(x, dim=-1):\n    return x.exp()"}
    )
    node = nbformat.read(folder / "05_output_head.ipynb", 4)
    node.cells.append(nbformat.v4.new_code_cell(right))
    nbformat.write(node, folder / "05_output_head.ipynb")
    text, gaps = my_llm.collect(folder)
    assert not gaps and "return x.exp()" not in text


def test_the_stream_writes_no_half_of_a_character(from_solutions, monkeypatch):
    """And asks for no more of the vocabulary than it needs: a table of it takes a while."""
    engine = loaded(from_solutions)
    tokenizer, sizes, decode = engine.Tokenizer(smollm2_folder()), [], engine.decode

    def watched(ids, merges):
        sizes.append((len(merges), max(ids, default=0)))
        return decode(ids, merges)

    monkeypatch.setattr(engine, "decode", watched)
    text = "A naïve café in Zürich: 日本語, 👩‍👩‍👧 and 🇫🇷!"
    shown = list(tokenizer.stream(tokenizer.encode(text)))
    assert "".join(shown) == text and "\ufffd" not in text
    assert all(merges == max(0, most - 255) for merges, most in sizes[:-1])
    for torn in ([226, 130, 65], [240, 159, 152], [65, 240, 159, 152, 128, 66], [128, 129]):
        monkeypatch.setattr(tokenizer, "plain_ids", {i: i for i in range(256)})
        whole = bytes(torn).decode("utf-8", errors="replace")
        assert "".join(tokenizer.stream(torn)) == whole


@pytest.mark.proof
@pytest.mark.parametrize("style", range(3))
def test_from_a_learner(style, tmp_path):
    folder = notebooks(tmp_path, right_answers(style))
    (tmp_path / "my_llm.py").write_text(text_from(folder))
    says_what_transformers_says(tmp_path / "my_llm.py", n=64)


@pytest.mark.proof
def test_it_streams_text_from_a_terminal(from_solutions):
    command = [sys.executable, "-I", from_solutions, "The capital of France is"]
    command += ["--max-new-tokens", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("The capital of France is Paris")
    command[-1] = "2000"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as process:
        process.stdout.read(30)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=600)[1] == b"" and process.returncode == -2
    with subprocess.Popen(command, **pipes) as process:
        process.stdout.read(30)
        process.stdout.close()  # as `head` does
        assert process.stderr.read() == b"" and process.wait(60) == -signal.SIGPIPE


@pytest.mark.proof
def test_text_goes_in_and_out_of_it_whatever_the_encodings_are(from_solutions):
    command = [sys.executable, from_solutions, b"I \xe2\x99\xa5 tea \xff", "--max-new-tokens", "1"]
    old = os.environ | {"PYTHONIOENCODING": "cp1252"}  # of Windows, whose console has a heart
    done = subprocess.run(command, env=old, capture_output=True, check=True)
    assert done.stdout.decode().startswith("I \u2665 tea ?") and done.stderr == b""


def test_what_is_missing_or_wrong_is_named_and_filled(tmp_path, official):
    code = official | {
        "rms_norm": "def rms_norm(x, weight, eps=1e-5):\n    return x * weight",
        "draw": "def draw(probabilities, u) return 0",
    }
    del code["causal_mask"]
    folder = notebooks(tmp_path, code)
    text, gaps = my_llm.collect(folder)
    assert text is None
    assert [gap.function for gap in gaps][:2] == ["causal_mask", "rms_norm"]
    assert "draw" in [gap.function for gap in gaps]
    told = str(gaps[0]), str(gaps[1])
    assert told[0].startswith("03_attention, exercise 3.") and "not written" in told[0]
    assert told[1].startswith("04_layers, exercise 4.")
    text, _ = my_llm.collect(folder, fill=True)
    assert text.count("# Filled in from llmlib, not mine.") == len(gaps)
    (tmp_path / "my_llm.py").write_text(text)
    says_what_transformers_says(tmp_path / "my_llm.py")


def test_a_damaged_notebook_is_named_and_filled(tmp_path, official):
    folder = notebooks(tmp_path, official)
    (folder / "02_embeddings.ipynb").write_text("{")
    text, gaps = my_llm.collect(folder)
    assert text is None and {gap.function for gap in gaps} == {"embed", "apply_rope"}
    assert "damaged" in str(gaps[0])


HELPERS = {  # what each needs must come along, and mean in the file what it meant in its notebook
    "embed": """from __future__ import annotations
import functools
SCALE = {}
for i, factor in enumerate([1.0, 2.0]):
    SCALE[i] = factor
SCALE.update(two=2.0)


def times(x: torch.Tensor | None, factor):
    return x * factor * SCALE[0] * SCALE["two"] / 2

def embed(ids, table):
    if ids.min() < 0:
        raise IndexError("no token has a negative id")
    return times(table[ids], 1.0)

print(embed(torch.tensor([0]), torch.ones(1, 2)))""",
    "rms_norm": """SCALE = 3.0
def times(x, factor, *, SCALE=1.0):
    return x * factor * SCALE

def rms_norm(x, weight, eps=1e-5):
    def third(scale):
        SCALE = 3.0 / scale
        return SCALE
    dtype, x = x.dtype, x.float()
    x = x / (x.square().mean(-1, keepdim=True) + eps).sqrt()
    return times(x, weight, SCALE=third(SCALE)).to(dtype)""",
    "split_heads": """@torch.no_grad()
def embed(x):  # not the one of notebook 2
    return x

class Model:  # nor the engine's
    heads = staticmethod(lambda x, n: x.unflatten(-1, (n, -1)).transpose(1, 2))

def split_heads(x, n_head):
    return Model.heads(embed(x), n_head)""",
    # `log_softmax` is given in that notebook, from llmlib
    "sample": """def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    if temperature == 0:
        return logits.argmax(-1)
    return draw(log_softmax(filter_logits(logits, temperature, top_k, top_p, min_p)).exp(), u)""",
}


def test_helpers_and_their_tables_come_along_and_keep_their_meaning(tmp_path, official):
    path = tmp_path / "my_llm.py"
    path.write_text(text_from(notebooks(tmp_path, official | HELPERS)))
    assert "print(embed(" not in path.read_text() and "SCALE_of_04" in path.read_text()
    says_what_transformers_says(path)


ODD = {  # each works in its notebook, and must not spoil the file for the others
    "embed": """CALLS, SEEN = 0, []

def embed(ids, table):
    global CALLS
    CALLS += 1
    SEEN.append(ids)
    assert not any(each.is_floating_point() for each in SEEN)
    if ids.min() < 0:
        raise IndexError
    return table[ids]""",
    "causal_mask": """from torch import *

def min(seq, start):
    return arange(start + seq) <= arange(start, start + seq)[:, None]

def causal_mask(seq, start=0):
    return min(seq, start)""",
    "split_heads": """def width():
    global WIDTH
    WIDTH = -1

def split_heads(x, n_head):
    width()
    return x.unflatten(-1, (n_head, WIDTH)).transpose(1, 2)""",
    "rms_norm": """from math import *
CALLS, SEEN = 0, []

def rms_norm(x, weight, eps=1e-5):
    SEEN.append(x)
    return x * weight / (x.square().mean(-1, keepdim=True) + eps) ** (pi / tau)""",
    "forward": """from llmlib.embeddings import embed as look_up

def forward(ids, table, layers, final_norm, attend, eps=1e-5):
    x = look_up(ids, table)
    for i, (norm_1, norm_2, *mlp) in enumerate(layers):
        x = x + attend(i, rms_norm(x, norm_1, eps))
        x = x + swiglu(rms_norm(x, norm_2, eps), *mlp)
    return unembed(rms_norm(x, final_norm, eps), table)""",
    "filter_logits": """STEPS = {}

def step(function):
    STEPS[function.__name__] = function
    return function

@step
def warm(logits, t):
    return apply_temperature(logits, t)

def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    logits = STEPS["warm"](logits, temperature)
    for keep, amount in ((top_k, k), (top_p, p), (min_p, p_of_largest)):
        logits = logits if amount is None else keep(logits, amount)
    return logits""",
}


def test_what_one_notebook_names_changes_nothing_in_another(tmp_path, official):
    path = tmp_path / "my_llm.py"
    path.write_text(text := text_from(notebooks(tmp_path, official | ODD)))
    assert "import *" not in text and "min_of_03" in text and "SEEN_of_04" in text
    assert "from llmlib" not in text and "look_up = embed" in text
    says_what_transformers_says(path)


HEAD = assemble.FIRST_WORDS.decode()
OF_01 = {
    name
    for name, each in learner_functions.engine_exercises().items()
    if each.notebook == "01_tokens"
}


def test_what_breaks_off_in_one_notebook_is_not_put_down_to_the_others(tmp_path, official):
    broken = "SIZES = {}\nassert __name__ == '__main__'\nSIZES[0] = int(__name__ == '__main__')\n"
    broken += "SIZES[1] = 1 // SIZES[0]\n" + official["merge"] + "\nmerge.sizes = SIZES[1]"
    text, gaps = my_llm.collect(notebooks(tmp_path, official | {"merge": broken}))
    assert text is None and {gap.function for gap in gaps} <= OF_01 and gaps
    text, gaps = my_llm.collect(tmp_path, fill=True)
    assert 0 < text.count("# Filled in from llmlib, not mine.") == len(gaps) <= len(OF_01)


def test_what_only_a_notebook_awaits_is_said(tmp_path, official):
    given = "async def given():\n    return 1\n\nONE = await given()\n"
    code = {
        "merge_heads": f"{given}def merge_heads(x):\n    return x.transpose(ONE, 2).flatten(-2)"
    }
    text, gaps = my_llm.collect(notebooks(tmp_path, official | code))
    assert text is None and [gap.function for gap in gaps] == ["merge_heads"]
    assert "it needs `ONE = await given()`" in gaps[0].why


OWN = "%%writefile heads.py\ndef merge_heads(x):\n    return x.transpose(1, 2).flatten(-2)"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("from heads import *", "no cell makes it by a def, an = or an import of its name"),
        (f"exec({OWN.partition(chr(10))[2]!r})", "no cell makes it by a def"),
        ("globals()['merge_heads'] = lambda x: x.transpose(1, 2).flatten(-2)", "no cell makes it"),
        ("from heads import merge_heads", "in the finished file: ModuleNotFoundError"),
    ],
)
def test_an_answer_that_the_file_cannot_take_along_is_said_and_filled(
    tmp_path, official, answer, why
):
    notebooks(tmp_path, official | {"merge_heads": answer})
    node = nbformat.read(tmp_path / "03_attention.ipynb", 4)
    node.cells.insert(2, nbformat.v4.new_code_cell(OWN))
    nbformat.write(node, tmp_path / "03_attention.ipynb")
    text, gaps = my_llm.collect(tmp_path)
    assert text is None and [gap.function for gap in gaps] == ["merge_heads"]
    assert why in gaps[0].why
    text, gaps = my_llm.collect(tmp_path, fill=True)
    assert text.count("# Filled in from llmlib, not mine.") == len(gaps) == 1
    assert "def merge_heads" in text


def test_what_fails_in_the_finished_file_alone_is_said_and_filled(tmp_path, official):
    once = "import math\nCALLS = []\nSEEN = globals()\n"
    late = "\n\ndef top_k(logits, k):\n    return SEEN['nearest'](logits, k)\n\n"
    body = official["top_k"].split("\n", 1)[1]
    code = official | {"top_k": once + "def nearest(logits, k):\n" + body + late}
    text, gaps = my_llm.collect(notebooks(tmp_path, code))
    assert text is None and "top_k" in [gap.function for gap in gaps]
    assert all("in the finished file: " in gap.why and "nearest" in gap.why for gap in gaps)
    text, gaps = my_llm.collect(tmp_path, fill=True)
    assert text.count("# Filled in from llmlib, not mine.") == len(gaps)


def made(function, *cells):
    found = definitions.definitions(cells)
    chosen = assemble.without_replaced(definitions.needed({function}, found, set()))
    return [each.source for each in chosen], assemble.undefined_names(
        chosen, set(), "__future__" in "".join(cells)
    )


def test_a_function_brings_what_it_reads_in_source_order_and_nothing_else():
    one = ["import math\nfrom llmlib.tokens import split\nHALF = 0.5; OTHER = 1\nprint(HALF)"]
    one += [
        "%time\n# by half\ndef f(x):\n    HALVES = [HALF for x in [1]]\n"
        "    return math.floor(x * HALF)\n\nf(1)\n"
    ]
    found, lacking = made("f", *one)
    assert found[:2] == ["import math", "HALF = 0.5"] and found[2].startswith("# by half\ndef f")
    assert len(found) == 3 and not lacking
    assert made("g", "def g():\n    return nowhere")[1] == {"nowhere"}
    assert made("g", "from math import *", "def g():\n    return tau") == (
        ["from math import *", "def g():\n    return tau"],
        set(),
    )


BEFORE = {  # lines that make what f() reads: what f() is then
    "C = {}\ndef fill(n):\n    for i in range(n): C[i] = i * i\nfill(9)\nv = lambda: C[3]": 9,
    "C = {}\ndef put(i): C[i] = i\nfor i in range(9): put(i)\nv = lambda: C[3]": 3,
    "def set_up(n):\n    global T\n    T = n\nset_up(2)\nv = lambda: T": 2,
    "C = {}\n_ = C.setdefault(1, 5)\nv = lambda: C[1]": 5,
    "C = [1, 2, 3]\nlast = C.pop()\nv = lambda: len(C)": 2,
    "C = iter(range(3))\nnext(C)\nv = lambda: list(C)": [1, 2],
    "P, R = [1, 2, 3], {}\nfor i in range(2):\n    P = [p for p in P if p > i]\n    R[i] = len(P)\n"
    "v = lambda: R[1]": 2,
    "n = 0\nL = [n := n + i for i in range(4)]\nv = lambda: n": 6,
    "T = {1: 2}\nT: dict[int, int]\nv = lambda: T[1]": 2,
    "C = {}\ndef fill(t, i): t[i] = 5\nfill(C, 1)\nv = lambda: C[1]": 5,
    "C = {}\ndef fill(t): t[1] = 5\ndef build(): fill(C)\nbuild()\nv = lambda: C[1]": 5,
    "C = [2, 1]\ndef order(t): t.sort()\norder(C)\nv = lambda: C": [1, 2],
    "H = [[1], [2]]\nfor row in H: row[0] = 7\nv = lambda: H[1]": [7],
    "def h(): pass\nsetattr(h, 'k', 3)\nv = lambda: h.k": 3,
    "from heapq import heappush\nH = [3]\nheappush(H, 1)\nv = lambda: H[0]": 1,
    "import heapq\nH = [3, 1]\nheapq.heapify(H)\nv = lambda: H[0]": 1,
    "C = {}\nT = C\nT[1] = 5\nv = lambda: C[1]": 5,
    "C = {}\ndef build():\n    t = C\n    t[1] = 5\nbuild()\nv = lambda: C[1]": 5,
    "C = {}\nT = C\nfor i in range(3): T[i] = i\nv = lambda: C[2]": 2,
    "C = {}\nT = C\nC[1] = 5\nv = lambda: T[1]": 5,
    "C = {}\nif 1:\n    def g():\n        t = C\n        t[1] = 5\n    g()\nv = lambda: C[1]": 5,
    "A = T = {}\nfor i in range(3): T[i] = i\nv = lambda: A[2]": 2,
    "C = {}\ndef enter(c):\n    C[c.__name__] = c\n    return c\n@enter\nclass M: k = 4\n"
    "v = lambda: C['M'].k": 4,
    "def h(x): return x\ndef g(x): return h(x)\nT = g(1)\ndef h(x): return -x\n"
    "v = lambda: (T, h(1))": (1, -1),
    "class A:\n    t = abs(1)\nT = A.t\nv = lambda: T": 1,
    "C = {}\ndef enter(n):\n    def put(f): C[n] = f\n    return put\nenter('m')(abs)\n"
    "v = lambda: C['m'](-3)": 3,
}


@pytest.mark.parametrize("lines", BEFORE)
def test_what_ran_for_what_it_changes_comes_along(lines):
    found, lacking = made("f", f"{lines}\ndef f():\n    return v()")
    space = {}
    exec("\n".join(found), space)
    assert space["f"]() == BEFORE[lines] and not lacking


@pytest.mark.parametrize(
    "trial", ["x = list(x)\nx.append(model(1))", "for x in range(3): x.show()", "print(x)"]
)
def test_what_had_been_another_name_of_a_table_stays_out(trial):
    lines = f"T = {{1: 2}}\nx = T\n{trial}"
    assert made("f", lines, "def f():\n    return T")[0] == ["T = {1: 2}", "def f():\n    return T"]


def test_a_type_that_only_hints_name_is_not_missing():
    hints = "from __future__ import annotations\ndef f(x: Ids, *y: Probs) -> Out:\n    return x"
    assert not made("f", hints)[1]
    assert made("f", hints.replace("return x", "return Ids(x)"))[1] == {"Ids"}
    assert made("f", hints.partition("\n")[2])[1] == {"Ids", "Probs", "Out"}


def test_the_variable_of_a_comprehension_is_nobody_elses():
    """From Python 3.12 on the compiler takes it for one of the scope around."""
    for show in ("[i for i in T]", "{i for i in T}", "{i: 1 for i in T}", "(i for i in T)"):
        assert scopes.names(f"x = {show}").binds == {"x"}
    trial = "from somewhere import model\nfor i in range(3):\n    print(model(i))"
    table = "TABLE = {c: i for i, c in enumerate('abc')}"
    assert len(made("f", trial, table, "def f(x):\n    return TABLE[x]")[0]) == 2


@pytest.mark.parametrize(
    "cell",
    [
        "X = await f(T)",
        "async for i in f(T):\n    X = i",
        "async with f(T) as X:\n    pass",
        "X = [i async for i in f(T)]",
    ],
)
def test_what_a_cell_awaits_is_made_of_the_same_names(cell):
    """From Python 3.14 on the account of names refuses an await outside of a function."""
    found = scopes.names(cell)
    assert "X" in found.binds and {"f", "T"} <= found.at_once


def test_of_two_definitions_the_last_stands_unless_both_are_needed():
    assert made("f", "def f():\n    raise NotImplementedError", "def f():\n    return 1")[0] == [
        "def f():\n    return 1"
    ]
    wrapped = made("f", "def f(x):\n    return x", "old = f\ndef f(x):\n    return old(x)")[0]
    assert len(wrapped) == 3


def test_a_global_name_is_changed_where_it_is_global():
    source = """def help(y, k=help):
    def inner(help):
        return help
    return y.help(help=help(k))
print(help(1))"""
    want = """def help_2(y, k=help_2):

    def inner(help):
        return help
    return y.help(help=help_2(k))
print(help_2(1))"""
    assert assemble.renamed(source, {"help": "help_2"}) == want


def test_the_names_in_a_class_are_its_own_but_not_its_methods():
    source = """class A:
    size: int = n
    if size:
        n = 2

    def f(self, k=size):
        return self.size + size + n + self.f(f)"""
    want = source.replace("+ size + n + self.f(f)", "+ width + m + self.f(g)")
    assert assemble.renamed(source, {"size": "width", "n": "m", "f": "g"}) == want


def test_another_file_is_not_written_over(tmp_path, capsys):
    (tmp_path / "mine.ipynb").write_text("{}")
    words = ["my-llm", "Hi", "--folder", str(tmp_path), "--output", str(tmp_path / "mine.ipynb")]
    assert cli.main(words) == 2 and "would be lost" in capsys.readouterr().err
    assert (tmp_path / "mine.ipynb").read_text() == "{}"


def test_what_somebody_has_changed_in_it_is_kept(tmp_path):
    mine, old = tmp_path / "my_llm.py", tmp_path / "my_llm.py.old"
    for _ in range(2):
        my_llm_cli._write(mine, HEAD + "one")
    assert not old.exists()
    mine.write_text(HEAD + "mine")
    my_llm_cli._write(mine, HEAD + "two")
    assert old.read_text().endswith("mine") and mine.read_text().endswith("two")
    assert my_llm_cli._why_not_overwrite(mine) == ""
