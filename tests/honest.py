"""Notebooks that a learner might honestly write around right answers: every one must get all its
points, in the kernel, from `llmlib check` and from the grader.

Most are one cell of a table: a way to compare, times a function that torch has too.
"""

from collections.abc import Iterator
from typing import NamedTuple

import answer_runner
import honest_names
from nbformat.v4 import new_code_cell

from exercises.format import notebooks


class Case(NamedTuple):
    """The solutions of `notebook` with `added` cells, (below the cell of which exercise, source),
    and other code for some exercises in `changed`; `looks` are the exercises looked at."""

    title: str
    notebook: str
    looks: tuple[str, ...]
    added: tuple[tuple[str, str], ...] = ()
    changed: tuple[tuple[str, str], ...] = ()
    change: str = ""  # of the notebook as a file: a name in CHANGES


class Twin(NamedTuple):
    """A function and torch's, on inputs that SET_UP makes."""

    notebook: str
    mine: str
    theirs: str


SET_UP = {
    "02_embeddings": "ids, table = torch.tensor([2, 0, 2]), torch.randn(4, 3)",
    "03_attention": "q, k, v = torch.randn(3, 2, 4, 8)",
    "04_layers": "x, w, b = torch.randn(2, 3, 8), torch.randn(8), torch.randn(8)",
    "05_output_head": "x, targets = torch.randn(3, 5), torch.tensor([0, 4, 2])",
}
TWINS = {
    "embed": Twin("02_embeddings", "embed(ids, table)", "F.embedding(ids, table)"),
    "scaled_dot_product_attention": Twin(
        "03_attention",
        "scaled_dot_product_attention(q, k, v)",
        "F.scaled_dot_product_attention(q, k, v)",
    ),
    "layer_norm": Twin("04_layers", "layer_norm(x, w, b)", "F.layer_norm(x, [8], w, b)"),
    "rms_norm": Twin("04_layers", "rms_norm(x, w)", "F.rms_norm(x, [8], w, 1e-5)"),
    "softmax": Twin("05_output_head", "softmax(x, -1)", "torch.softmax(x, -1)"),
    "cross_entropy": Twin(
        "05_output_head", "cross_entropy(x, targets)", "F.cross_entropy(x, targets)"
    ),
}
FORMS = {  # {setup}, {mine}, {theirs}, {name}
    "assert_close": "torch.testing.assert_close({mine}, {theirs})",
    "assert_close, seeded": (
        "torch.manual_seed(3)\n{setup}\ntorch.testing.assert_close({mine}, {theirs})"
    ),
    "allclose as the last line": "torch.allclose({mine}, {theirs})",
    "a difference as the last line": "({mine} - {theirs}).abs().max()",
    "a difference, seeded and printed": (
        "torch.manual_seed(0)\n{setup}\nmine = {mine}\ntheirs = {theirs}\nprint(mine - theirs)"
    ),
    "an assert": "assert ({mine} - {theirs}).abs().max() < 1e-4, 'not the same'",
    "a loop over seeds": (
        "for seed in range(3):\n    torch.manual_seed(seed)\n    {setup}\n"
        "    torch.testing.assert_close({mine}, {theirs}, atol=1e-4, rtol=1e-4)"
    ),
    "a function that compares": (
        "def compare(n):\n    {setup}\n    return ({mine} - {theirs}).abs().max().item()\n"
        "worst = max(map(compare, range(3)))\nworst"
    ),
    "numpy's testing": (
        "import numpy as np\n"
        "np.testing.assert_allclose({mine}.numpy(), {theirs}.numpy(), atol=1e-4)"
    ),
    "%timeit of both": "%timeit -n 2 -r 2 {mine}\n%timeit -n 2 -r 2 {theirs}",
    "perf_counter": (
        "import time\nbegan = time.perf_counter()\nfor _ in range(3): {mine}\n"
        "half = time.perf_counter()\nfor _ in range(3): {theirs}\nprint(half - began)"
    ),
    "a plot of both": (
        "import matplotlib.pyplot as plt\nplt.plot({mine}.flatten(), label='mine')\n"
        "plt.plot({theirs}.flatten(), '--', label='torch')\nplt.legend()\nplt.show()"
    ),
    "a table of both": (
        "rows = [('mine', {mine}), ('torch', {theirs})]\nfor who, what in rows:\n"
        "    print(f'{{who:6}}', what.flatten()[:3].tolist())"
    ),
    "a class that compares": (
        "class Compare:\n    def mine(self): return {mine}\n    def {name}(self): return {theirs}\n"
        "both = Compare()\nboth.mine() - both.{name}()"
    ),
}


def _compares(name: str, form: str) -> Case:
    notebook, mine, theirs = TWINS[name]
    words = {"mine": mine, "theirs": theirs, "setup": SET_UP[notebook], "name": name}
    lead = f"import torch.nn.functional as F\n{SET_UP[notebook]}\n"
    return Case(f"{name}: {form}", notebook, (name,), ((name, lead + FORMS[form].format(**words)),))


def _in_a_class(name: str, notebook: str) -> Case:
    """The function is a method, beside others that call torch's."""
    solution = answer_runner.exercise(notebook, name).solution
    body = "\n".join(f"    {line}".rstrip() for line in solution.split("\n"))
    source = f"class Answers:\n    @staticmethod\n{body}\n\n    @staticmethod\n"
    source += (
        f"    def by_torch(x):\n        return torch.softmax(x, -1)\n\n{name} = Answers.{name}"
    )
    return Case(f"{name}: a method beside others", notebook, (name,), (), ((name, source),))


# One cell each: title | notebook | below the cell of | exercises looked at.
CELLS = """
### two functions compared in one | 05_output_head | cross_entropy | softmax cross_entropy
def test_all(n=3):
    for seed in range(n):
        torch.manual_seed(seed)
        x, ids = torch.randn(3, 5), torch.tensor([0, 1, 2])
        torch.testing.assert_close(softmax(x), torch.softmax(x, -1))
        theirs = torch.nn.functional.cross_entropy(x, ids)
        torch.testing.assert_close(cross_entropy(x, ids), theirs)
    return 'all fine'
test_all()
### gradients compared with autograd's | 05_output_head | logits_gradient | logits_gradient
x, ids = torch.randn(3, 5, requires_grad=True), torch.tensor([0, 4, 2])
torch.nn.functional.cross_entropy(x, ids).backward()
torch.testing.assert_close(logits_gradient(x.detach(), ids), x.grad)
### a look at torch's AdamW | 05_output_head | train | train
weight = torch.nn.Parameter(torch.ones(3))
weight.grad = torch.randn(3)
torch.optim.AdamW([weight], lr=0.1).step()
print(weight)
### torch's by another name | 05_output_head | softmax | softmax
from torch.nn import functional as nnf
nnf.softmax(torch.randn(3, 5), dim=-1)
### torch's imported by its name, above | 05_output_head | unembed | softmax
from torch import softmax, log_softmax
softmax(torch.ones(3), -1)
### torch's kept before the answer | 05_output_head | unembed | softmax
theirs = torch.softmax
theirs(torch.ones(3), -1)
### the library's tokenizer looked at | 01_tokens | decode | encode decode
try:
    from tokenizers import Tokenizer as Fast
    print(Fast.from_file('tokenizer.json').encode('hi').ids)
except Exception as error:
    print('not here', error)
### Python's own decoder looked at | 01_tokens | stream_decode | stream_decode
import codecs
decoder = codecs.getincrementaldecoder('utf-8')('replace')
print(decoder.decode(b'caf'))
### the course's function compared | 05_output_head | softmax | softmax
import llmlib.output_head
llmlib.output_head.softmax(torch.ones(2)) - softmax(torch.ones(2))
### the course's function compared in a helper | 04_layers | rms_norm | rms_norm
from llmlib.layers import rms_norm as theirs
def gap(x):
    return rms_norm(x, torch.ones(8)) - theirs(x, torch.ones(8))
gap(torch.ones(8))
### draws compared with torch's | 06_sampling | draw | draw
p = torch.tensor([0.2, 0.8])
mine = [draw(p, torch.rand(()).item()) for _ in range(20)]
torch.multinomial(p, 20, replacement=True).float().mean(), sum(mine) / 20
### quantized by torch as well | 07_kv_cache_and_scaling | quantize_int8 | quantize_int8
w = torch.randn(2, 4)
zeros = torch.zeros(2, dtype=torch.int)
torch.quantize_per_channel(w, w.abs().amax(1) / 127, zeros, 0, torch.qint8)
### nearest by torch's similarity as well | 02_embeddings | nearest | nearest
t = torch.randn(5, 3)
torch.cosine_similarity(t[0], t).topk(2), nearest(t, 0, 2)
### silu looked at | 04_layers | swiglu | swiglu
torch.nn.functional.silu(torch.linspace(-3, 3, 7)).tolist()
### a mask drawn and compared | 03_attention | causal_mask | causal_mask
import matplotlib.pyplot as plt
plt.imshow(causal_mask(5))
torch.equal(causal_mask(4), torch.ones(4, 4).tril().bool())
### logs and warnings | 05_output_head | softmax | softmax
import logging, warnings
logging.warning('here')
warnings.warn('there')
### a thread that ends | 05_output_head | softmax | softmax
import threading
thread = threading.Thread(target=lambda: torch.softmax(torch.ones(2), 0))
thread.start()
thread.join()
### a training of a few steps | 05_output_head | cross_entropy | softmax cross_entropy
net = torch.nn.Linear(4, 3)
best = torch.optim.SGD(net.parameters(), 0.1)
for _ in range(3):
    best.zero_grad()
    loss = torch.nn.functional.cross_entropy(net(torch.ones(2, 4)), torch.tensor([0, 1]))
    loss.backward()
    best.step()
"""
CUT = """
class Words:
    def by_the_course(self, text):
        return split(text)

    def cut(self, *given, **named):
        return cut(*given, **named)

    def compare(self, text):
        return self.cut(text) == self.by_the_course(text)

words = Words()
def cut_words(*given, **named):
    return words.cut(*given, **named)"""
HELPER = """def stable_exp(x, dim):
    return (x - x.amax(dim, keepdim=True)).exp()
"""
ON_HELPER = """def softmax(x, dim=-1):
    print(x.shape)
    e = stable_exp(x, dim)
    return e / e.sum(dim, keepdim=True)"""


def _others() -> Iterator[Case]:
    for cell in [*CELLS.split("\n### ")[1:], *honest_names.CELLS.split("\n### ")[1:]]:
        head, source = cell.split("\n", 1)
        title, notebook, below, looks, *answer = head.split(" | ")
        changed = tuple((below, honest_names.ANSWERS[each]) for each in answer)
        added = tuple((below, each) for each in source.split("#%% %%\n"))
        yield Case(title, notebook, tuple(looks.split()), added, changed)
    solution = answer_runner.exercise("01_tokens", "cut_words").solution
    cut = solution.replace("def cut_words", "def cut")
    look = ("cut_words", "words.compare('hello there')")
    changed = (("cut_words", cut + CUT),)
    yield Case("all in one class", "01_tokens", ("cut_words",), (look,), changed)
    book, names = "05_output_head", ("softmax",)
    above, on_it = (("unembed", HELPER),), (("softmax", ON_HELPER),)
    yield Case("a helper in a cell of its own, and prints", book, names, above, on_it)
    yield Case("a helper below it", book, names, (), (("softmax", f"{ON_HELPER}\n{HELPER}"),))
    yield _in_a_class("softmax", book)
    forms = "assert_close", "a difference as the last line", "an assert", "a table of both"
    for book, names in SEVERAL.items():
        cells = (_compares(name, form).added for name in names for form in forms)
        yield Case(f"{book}: several at once", book, tuple(names), tuple(sum(cells, ())))
    for title in CHANGES:
        for name in ("layer_norm", "softmax"):
            case = _compares(name, "assert_close")
            yield case._replace(title=f"{name}: {title}", change=title)


SEVERAL = {  # many cells at once
    "02_embeddings": ["embed"],
    "03_attention": ["scaled_dot_product_attention"],
    "04_layers": ["layer_norm", "rms_norm"],
    "05_output_head": ["softmax", "cross_entropy"],
}


def _twice(node):
    """Every answer pasted and run again below, counts out of order: a kernel was restarted."""
    for number, cell in enumerate([*node.cells]):
        if cell.cell_type == "code":
            cell.execution_count = 97 - number % 89
        if notebooks.kind(cell) == "solution":
            again = new_code_cell(cell.source, execution_count=3)
            node.cells.insert(node.cells.index(cell) + 1, again)


def _edition(version):
    def change(node):
        node.metadata.setdefault("llmlib", {})["course"] = version

    return change


def _tests_last(node):
    """All checks were moved to the end."""
    node.cells.sort(key=lambda cell: notebooks.kind(cell) == "test")


CHANGES = {
    "cells twice, counts out of order": _twice,
    "an old edition, 1.2.0": _edition("1.2.0"),
    "an old edition, 1.2.4": _edition("1.2.4"),
    "the checks at the end": _tests_last,
}
CASES = {
    each.title: each
    for each in [*(_compares(name, form) for name in TWINS for form in FORMS), *_others()]
}


def handed_in(case: Case):
    """The notebook of a case as an nbformat node."""
    tasks = {each.name: each.solution for each in notebooks.load(case.notebook).exercises}
    node = answer_runner.handed_in_notebook(case.notebook, tasks | dict(case.changed))
    for below, source in reversed(case.added):
        at = next(n for n, cell in enumerate(node.cells) if notebooks.grade_id(cell) == below)
        # Below its check, where a learner who has passed it goes on.
        at += 1 + (notebooks.grade_id(node.cells[at + 1]) == f"test_{below}")
        node.cells.insert(at, new_code_cell(source))
    if case.change:
        CHANGES[case.change](node)
    return node
