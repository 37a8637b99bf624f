"""What a cell's text shows of ways to ready-made answers: each is named, and honest code is not."""

import answer_runner
import pytest

from llmlib.course.format import notebooks
from llmlib.grading.marking import suspicious_names

pytestmark = pytest.mark.unit

FOUND = [
    # a text, or a pickle, that runs
    "import io, numpy\nnumpy.load(io.BytesIO(P), None, True)",
    "import io, torch\ntorch.load(io.BytesIO(P), **{'weights' + '_only': False})",
    "from numpy.lib import format as F\nF.read_array(b)",
    "import shelve\nshelve.Shelf({b'a': P})['a']",
    "import typing\ntyping.get_type_hints(f)",
    "from functools import singledispatch as s",
    "import numpy.testing\nnumpy.testing.runstring(K, {})",
    "from numpy.testing import measure",
    "import numpy as np\nnp.testing.measure(K)",
    "import numpy.f2py.crackfortran as c\nc.myeval(K)",
    "from IPython.core.guarded_eval import guarded_eval",
    "import dataclasses\ndataclasses._create_fn('f', ['x'], [K])",
    "from dataclasses import _create_fn as made",
    "import site\nsite.addpackage('/tmp', 'x.pth', set())",
    "import torch\ntorch.jit.CompilationUnit(K)",
    # a file of Python's under a name that is put together
    "open('this.' + 'py', 'w').write(K)",
    "open(name, 'x')",
    "from pathlib import Path\nPath('this.' + 'py').write_text(K)",
    "from pathlib import Path\nPath('this.' + 'py').open('w').write(K)",
    "import zipfile",
    "import sys\nsys.meta_path.insert(0, me)",
    # modules by other names
    "from operator import *\nattrgetter('library.Library')(torch)",
    "import torch\nget = torch.inspect.getattr_static",
    "import torch\ntorch.importlib.__import__('x')",
    "import torch\ntorch.os.read(3, 9)",
    "o = os\no.read(3, 9)",
    "o, = os,",
    "t = torch",
    "from functools import wraps\nwraps(mine, ['im' + 'pl'])(library)",
    # the grader's socket
    "n = 3\nopen(n, 'rb')",
    "open(n := 3, 'rb')\nopen(n)",
    "open(file=3, mode='rb+')",
    "open(1 + 2)",
    "open(len('abc'))",
    # something of a library's replaced, at any depth
    "import json\njson.loads = late",
    "import json\njson.decoder.JSONDecoder.decode = late",
    "import torch.nn.functional as F\nF.relu = late",
    'import torch\ngetattr(getattr(torch, "_C"), "_sparse")',
    # ready-made answers in the inner parts of torch, or under another name
    "import torch\ntorch._ops._OpNamespace('aten')._sparse_softmax(x, 1, False)",
    "import torch\ntorch._native_batch_norm_legit(y, None, None, True, 0.0, eps)",
    "from torch.autograd import Variable\nVariable._execution_engine.run_backward(y)",
    "from torch._functorch.eager_transforms import _jvp_with_argnums",
    "from torch._higher_order_ops import *",
    "from torch.optim.adam import _single_tensor_adam as step",
    "import torch\ntorch.distributions.SoftmaxTransform()(x)",
    "from torch.distributions import transform_to",
    "import codecs\ncodecs.lookup('utf-8').incrementaldecoder('replace')",
    "import encodings.utf_8 as u",
    "import torch.nn.functional as F\nF.cosine_embedding_loss(a, b, c, reduction='none')",
]


@pytest.mark.parametrize("source", FOUND)
def test_a_suspicious_name_is_a_finding(source):
    assert [*suspicious_names.suspicious(source)], source


HONEST = [
    "import sys; sys.path.insert(0, '..')",  # the first cell on somebody else's server
    "import math, random, re, os, json, time, copy, heapq, itertools, functools, collections",
    "from typing import NamedTuple\nfrom dataclasses import dataclass, field",
    "import numpy as np\nnp.testing.assert_allclose(a, b)\nnp.load('a.npy')",
    "import torch\nfrom torch import nn\nimport torch.nn.functional as F",
    "torch.load('weights.pt', 'cpu')\nmodel.eval()\nre.compile('a')",
    "import matplotlib.pyplot as plt\nplt.plot([1])",
    "from functools import wraps, cache\n@wraps(f)\ndef g(): ...",
    "class A:\n    def __init__(self): self._x = 1\n    def _y(self): return self._x\nA()._y()",
    "point._replace(x=1)._asdict()",
    "text = open('notes.txt').read()\nwith open(path) as file: file.read()",
    "with open('notes.txt', 'w') as file: file.write('x')",
    "import os\nos.path.join('a', 'b')",
    "from math import *",
    "from llmlib.scaling import measure\nx.measure()",
    "from IPython.display import display",
    "getattr(x, 'shape')",
]


UNSEEN = [  # what these rules do not see, and will not: another road to the same mathematics
    "import torch\ntorch.func.grad(lambda x: x.exp().sum().log())(x)",
    "import torch\ntorch.nn.functional.layer_norm(torch.cat([x, -x], -1), [n])",
    "import torch\ntorch.nn.functional.glu(x)",
    "import torch\ntorch.optim.SparseAdam",
    "import io\nio.TextIOWrapper(io.BytesIO(data)).read()",
    "import json\nholder = json.decoder.JSONDecoder\nholder.decode = late",
]


@pytest.mark.parametrize("source", UNSEEN)
def test_what_the_frozen_rules_do_not_see(source):
    """Said here so that nobody believes more; oral questions and similarity are for these."""
    assert not [*suspicious_names.suspicious(source)]


@pytest.mark.parametrize("source", HONEST)
def test_honest_code_is_not(source):
    assert not [*suspicious_names.suspicious(source, suspicious_names.private_of(source))]


def test_no_answer_and_no_solution_uses_a_way():
    codes = [
        each.code
        for path in answer_runner.HERE.glob("*/*.py")
        for each in answer_runner.read(path)[0]
    ]
    codes += [each.solution for book in notebooks.lessons() for each in book.exercises]
    named = {
        code: found
        for code in codes
        if (found := [*suspicious_names.suspicious(code, suspicious_names.private_of(code))])
    }
    assert len(codes) > 1300 and not named


@pytest.mark.parametrize("times", [2_000, 9_000])
def test_a_deep_text_is_read_or_named(times):
    assert [*suspicious_names.suspicious(f"import torch\nx = torch{'.a' * times}._ops")]


def test_a_private_name_of_one_s_own_makes_none_of_a_library_s():
    source = "import torch\nclass A:\n    def _ops(self): ...\ntorch._ops"
    assert [*suspicious_names.suspicious(source, suspicious_names.private_of(source))] == ["_ops"]
