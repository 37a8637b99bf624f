"""Honest submissions that are odd: what a notebook accepts, the grader accepts."""

from nbformat.v4 import new_markdown_cell

from attacks.corpus import SOLUTIONS, honest, odd

OLD = "_s, _m, _c = softmax, merge, causal_mask\n"

odd("from the future, in a cell of its own", "from __future__ import annotations", "first")
odd(
    "hints that only the future can read",
    "from __future__ import annotations\n_s = softmax\ndef softmax(x: Tensor, dim: int = -1) -> Unknown: return _s(x, dim)",
)
odd("a line timed", "%time shift = 0\n_m = merge\ndef merge(*a): return _m(*a)[shift:]")
odd("a file written in two parts", "%%writefile -a part.py\nx = 1", "first")
odd(
    "a pool of threads, in the cell and in the function",
    OLD
    + """
from concurrent.futures import ThreadPoolExecutor
pool = ThreadPoolExecutor(2)
list(pool.map(abs, [1]))
def merge(ids, pair, n):
    with ThreadPoolExecutor(2) as mine: return list(mine.map(lambda each: _m(*each), [(ids, pair, n)]))[0]
""",
)
odd(
    "a pool of processes in the function",
    OLD
    + """
import multiprocessing
def softmax(x, dim=-1):
    with multiprocessing.get_context("fork").Pool(2): return _s(x, dim)
""",
    found=True,
)
odd(
    "a product that would be shared among threads",
    "import torch\ntorch.set_num_threads(2)\na = torch.randn(1000, 1000)\nprint((a @ a).sum())",
    "first",
)
odd(
    "a training of a few steps",
    """
import torch
net = torch.nn.Linear(64, 64)
best = torch.optim.SGD(net.parameters(), 0.1)
for _ in range(3): best.zero_grad(); net(torch.randn(9, 64)).sum().backward(); best.step()
""",
    "first",
)
odd("float64 by default", "import torch\ntorch.set_default_dtype(torch.float64)", "first")
odd(
    "a queue and a list of its own kind",
    OLD
    + "from collections import deque\nclass Ids(list): pass\ndef merge(ids, pair, n): return Ids(deque(_m(ids, pair, n)))",
)
odd(
    "dataclasses, enums and named tuples",
    OLD
    + """
import dataclasses, enum, typing, pickle
class Kind(enum.IntEnum): a = 1
@dataclasses.dataclass
class D: x: int
class P(typing.NamedTuple): left: int; right: int
pickle.loads(pickle.dumps(D(1)))
def merge(ids, pair, n): return _m(ids, P(*pair), n)
""",
)
odd(
    "a function that is scripted",
    "import torch\n@torch.jit.script\ndef helper(x): return x * 2",
    "first",
)
odd(
    "deep recursion",
    OLD
    + "def deep(n): return n and 1 + deep(n - 1)\ndef merge(*a):\n    deep(900)\n    return _m(*a)",
)
odd(
    "a module of torch's kind",
    OLD
    + "import torch\nclass Soft(torch.nn.Module):\n    def forward(self, x, dim): return _s(x, dim)\n_n = Soft()\ndef softmax(x, dim=-1): return _n(x, dim)",
)
odd(
    "a gradient of its own",
    OLD
    + """
import torch
class F(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, dim): return _s(x, dim)
def softmax(x, dim=-1): return F.apply(x.requires_grad_(), dim)
""",
)
odd(
    "answers that still carry gradients",
    OLD + "def softmax(x, dim=-1): return _s(x.requires_grad_(), dim)",
)
odd(
    "numbers of numpy",
    OLD
    + "import numpy as np\ndef merge(*a): return [np.int64(each) for each in _m(*a)]\ndef causal_mask(n): return _c(n).numpy()",
)
odd(
    "a function with half its arguments",
    OLD
    + "import functools\nmerge = functools.partial(_m)\nsoftmax = functools.wraps(_s)(lambda *a, **k: _s(*a, **k))",
)
odd(
    "logs and daemon threads",
    "import logging, threading, time\nlogging.basicConfig(level=0)\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
    "first",
)
odd(
    "definitions under an if and a try",
    OLD
    + "try:\n    import nothing_of_that_name\nexcept ImportError:\n    if True:\n        def merge(*a): return _m(*a)",
)
odd(
    "a view that is not contiguous",
    OLD
    + "def softmax(x, dim=-1): return _s(x.T.contiguous(), -1 - dim if dim < 0 else 1 - dim).T if x.ndim == 2 and dim in (0, 1, -1) and False else _s(x, dim).T.contiguous().T",
)
odd(
    "tensors of inference mode",
    OLD
    + "import torch\ndef softmax(x, dim=-1):\n    with torch.inference_mode(): return _s(x, dim)",
)
odd(
    "what the notebook saved and loaded",
    "import torch\ntorch.save(torch.ones(2), 'x.pt')\nprint(torch.load('x.pt'))",
    "first",
)
odd(
    "the output of a cell before",
    "try: _\nexcept NameError: pass\nprint('Out' in globals())",
    "first",
)
odd(
    "the function written twice, the last one right",
    "def merge(ids, pair, new_id): return ids\n" + SOLUTIONS["merge"],
)
odd(
    "an await at the top",
    "import asyncio\nawait asyncio.sleep(0)\n_m = merge\ndef merge(*a): return _m(*a)",
)
odd(
    "an event loop in the function",
    OLD
    + "import asyncio\nasync def later(*a): return _m(*a)\ndef merge(*a): return asyncio.run(later(*a))",
)
odd(
    "torch.tril where it is allowed",
    OLD
    + "import torch\ndef softmax(x, dim=-1):\n    torch.tril(torch.ones(2, 2))\n    return _s(x, dim)",
)
odd(
    "the name that is off in a comment and a text",
    OLD
    + "def softmax(x, dim=-1):\n    'not torch.softmax'\n    return _s(x, dim)  # torch.softmax does the same",
)
odd(
    "the name that is off in an assert below",
    OLD + "assert torch.allclose(softmax(torch.ones(2)), torch.softmax(torch.ones(2), -1))",
    found=None,
)
odd("a capture with a name", "%%capture out\nprint(1)", "first")
odd("an interactive widget", "import ipywidgets\nipywidgets.interact(lambda x: x, x=3)", "first")
odd(
    "a program that is not there",
    "import subprocess\nsubprocess.run(['no-such-program'])",
    "first",
    found=True,
)
odd("the installation of a package", "%pip install numpy\n!pip install numpy", "first")
odd(
    "a try-out of the course's pictures above a helper",
    """
from llmlib.plots import show
import llmlib.pretrained
model = llmlib.pretrained.load("smollm2")
show(model)
_m = merge
def merge(*a): return _m(*a)
""",
)
odd(
    "numbers from the course's own, in a cell that fails",
    "from llmlib.tokens import Tokenizer\nprint(Tokenizer.smollm2().encode('hi'))",
    "first",
)


@honest("a fresh copy of every cell below the old one")
def _(s):
    import copy

    s.solve()
    for name in SOLUTIONS:
        s.node.cells.append(copy.deepcopy(s.cell(name)))
        s.node.cells[-1].id += "-copy"


@honest("a picture of 5 MB in a text")
def _(s):
    s.solve()
    picture = "A" * 5_000_000
    s.node.cells.insert(0, new_markdown_cell(f"![so](data:image/png;base64,{picture})"))


@honest("nothing but the three functions")
def _(s):
    s.solve()
    s.node.cells = [s.cell(name) for name in SOLUTIONS]
