"""Attacks made with knowledge of the grader's code: its inside replaced, spoken for, gone round; answers looked for; hidden
inputs told. `corpus` has the words for each."""

import functools

from attacks import corpus

code = functools.partial(corpus.code, plain=False)  # they mean nothing to another grader

# ---- answers that would have to be there -----------------------------------------------------------------------------

GRAB = """
import importlib
for name, module in (("softmax", "output_head"), ("causal_mask", "attention"), ("merge", "tokens")):
    try: globals()[name] = {how}
    except Exception: pass
"""
for title, how in {
    "imports the library's functions by computed names": "getattr(importlib.import_module('llm' + 'lib.' + module), name)",
    "copies the code objects of the library's functions": "(lambda f: type(f)(f.__code__, {**f.__globals__}))(getattr(importlib.import_module('llmlib.' + module), name))",
    "imports the library from where it is installed": "next(m[name] for p in __import__('sys').path for f in [p + '/llmlib/' + module + '.py'] if __import__('os').path.exists(f) for m in [__import__('runpy').run_path(f)])",
    "finds the library by its distribution": "__import__('runpy').run_path(str(__import__('importlib.metadata').metadata.distribution('from-tokens-to-tokens').locate_file('llmlib/' + module + '.py')))[name]",
    "imports the library by the editable finder": "getattr(next(f for f in __import__('sys').meta_path if 'editable' in repr(f)).find_spec('llmlib.' + module).loader.load_module(), name)",
    "unmarshals the library's byte code": "next(c for p in __import__('glob').glob('/**/' + module + '.*.pyc', recursive=True) for c in __import__('marshal').loads(open(p, 'rb').read()[16:]).co_consts if getattr(c, 'co_name', '') == name)",
    "asks the stand-ins' maker for an answer": "__import__('llmlib').stand_in(name, 'x')",
    "asks for an answer at the socket": "__import__('llmlib').stand_in(name, 'llmlib.' + module + '.' + name)",
    "takes functions out of the frames above": "next(f.f_globals[name] for f in __import__('itertools').accumulate(range(99), lambda f, _: f and f.f_back, initial=__import__('sys')._getframe()) if f and f.f_globals is not globals() and name in f.f_globals)",
    "looks in the zygote's frames": "next(g[name] for o in __import__('gc').get_objects() if type(o) is dict and o is not globals() for g in [o] if name in g and 'llmlib' in str(g.get('__name__')))",
}.items():
    code("forgery", title, GRAB.replace("{how}", how), "last")

code(
    "forgery",
    "asks the grader in its protocol, on the socket itself",
    """
import json, os, struct
def ask(name, args):
    text = json.dumps(["list", "ask", name, ["list", *args], ["dict"]]).encode()
    os.write(3, struct.pack("<II", len(text), 0) + text)
    size = struct.unpack("<II", os.read(3, 8))
    return json.loads(os.read(3, size[0]))
def merge(ids, pair, new_id):
    said = ask("merge", [["list", *ids], ["tuple", *pair], new_id])
    return said[-1][1:] if said[1] == "value" else ids
""",
    "last",
)
code(
    "forgery",
    "asks for an answer while the cells still run",
    """
import llmlib
try: known = llmlib.stand_in("merge", "m")([4, 1, 2, 1, 2], (1, 2), 7)
except BaseException: known = None
def merge(ids, pair, new_id): return known or ids
""",
    "last",
)
code(
    "forgery",
    "leaves a helper process that asks in the tests' name",
    """
import llmlib, os, time
if os.fork() == 0:
    while True:
        try: llmlib.stand_in("merge", "m")([1], (1, 2), 3)
        except BaseException: pass
        time.sleep(0.01)
""",
    "last",
)
code(
    "forgery",
    "looks for the course through the process table",
    """
import glob
for path in glob.glob("/proc/*/r??t/course/**/tokens.py", recursive=True) + glob.glob("/proc/*/cwd/llmlib/tokens.py"):
    exec(open(path).read(), globals())
""",
    "last",
)
code(
    "forgery",
    "looks for notebooks and sources on the whole disk",
    """
import os
for folder, _, files in os.walk("/"):
    for file in files:
        if file.endswith((".ipynb", "target.py", "03_attention.py")):
            try: text = open(os.path.join(folder, file)).read()
            except (OSError, UnicodeDecodeError): continue
            if "def causal_mask" in text: SOLVE
""",
    "last",
)
code(
    "forgery",
    "searches its memory for the tests",
    """
import gc
words = "dim names", " the axis"
found = [o for o in gc.get_objects() if type(o) is dict for v in list(o.values()) if type(v) is str and "".join(words) in v and v != "".join(words)]
if found: SOLVE
""",
    "last",
)
code(
    "forgery",
    "finds the tests in linecache",
    """
import linecache
if any("check." + "close" in "".join(entry[2]) for entry in linecache.cache.values() if len(entry) > 2 and "def f" not in "".join(entry[2])): SOLVE
""",
    "last",
)
code(
    "forgery",
    "hands in the visible tests' values",
    """
import torch
def softmax(x, dim=-1):
    return {(2, 3): torch.tensor([[.09003057, .24472848, .66524094], [1/3, 1/3, 1/3]])}.get(tuple(x.shape))
def causal_mask(n): return torch.tensor([[True, False], [True, True]])
def merge(ids, pair, new_id): return [9, 1]
""",
    "last",
)

# ---- the boundary ----------------------------------------------------------------------------------------------------

code(
    "forgery",
    "returns a mask of bytes that are neither true nor false",
    """
import torch
def causal_mask(n):
    return torch.full((n, n), 2, dtype=torch.uint8).view(torch.bool)
""",
    "last",
)
code(
    "forgery",
    "returns the right numbers in a wrong shape",
    """
import torch
def softmax(x, dim=-1):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return (e / e.sum(dim, keepdim=True))[None]
def causal_mask(n): return torch.ones(n, n, dtype=torch.bool).tril().flatten()
def merge(ids, pair, new_id): return (9, 1)
""",
    "last",
)
code(
    "forgery",
    "returns complex numbers, infinities and NaN",
    """
import torch
def softmax(x, dim=-1): return torch.full(x.shape, complex(float("nan"), float("inf")))
def causal_mask(n): return float("inf")
def merge(ids, pair, new_id): return [float("nan")] * 2
""",
    "last",
)
code(
    "forgery",
    "returns itself, a type, a module, a generator",
    """
def softmax(x, dim=-1): return softmax
def causal_mask(n): return type
def merge(ids, pair, new_id): yield 9
""",
    "last",
)
code(
    "forgery",
    "floods the socket from threads",
    """
import os, struct, threading
frame = b'["list", "value", null]'
def flood():
    while True:
        try: os.write(3, struct.pack("<II", len(frame), 0) + frame)
        except OSError: pass
def softmax(x, dim=-1):
    for _ in range(4): threading.Thread(target=flood, daemon=True).start()
    while True: pass
""",
    "last",
)
code(
    "forgery",
    "answers early and crashes, and answers anew",
    """
import os, struct
frame = b'["list", "value", ["list", 9, 1]]'
def merge(ids, pair, new_id):
    os.write(3, (struct.pack("<II", len(frame), 0) + frame) * 3)
    os._exit(0)
""",
    "last",
)
code(
    "forgery",
    "says that a test ended well before it began",
    """
import os, struct
frame = b'["list", "ended", 0]'
os.write(3, struct.pack("<II", len(frame), 0) + frame)
""",
    "last",
)
code(
    "forgery",
    "says ready and ends",
    """
import os, struct
frame = b'["list", "ready"]'
os.write(3, struct.pack("<II", len(frame), 0) + frame)
os._exit(0)
""",
    "last",
)
code(
    "forgery",
    "names its functions like the test's own",
    """
check = _x = _y = _g = torch = random = None
__builtins__ = {}
__name__ = "test_cell"
def print(*a, **k): raise SystemExit
""",
    "last",
)
code(
    "forgery",
    "raises an exception that is named like ours",
    """
class Mistake(AssertionError): pass
class Exceeded(BaseException): pass
class Off(RuntimeError): pass
def softmax(x, dim=-1): raise Mistake("passed")
def causal_mask(n): raise Exceeded("passed")
def merge(ids, pair, new_id): raise Off("passed")
""",
    "last",
)
code(
    "forgery",
    "an exception whose text cannot be made",
    """
class E(ValueError):
    def __str__(self): raise SystemExit
    __repr__ = __str__
def softmax(x, dim=-1): raise E
causal_mask = merge = softmax
""",
    "last",
)
code(
    "forgery",
    "an exception with a name of 100,000 letters",
    "def softmax(x, dim=-1): raise type('E' * 100000, (ValueError,), {})('x' * 100000)",
    "last",
)
code(
    "forgery",
    "a seed for what the hidden test draws",
    """
import torch
def softmax(x, dim=-1):
    y = torch.randn(4, 5, generator=torch.Generator().manual_seed(7))
    return x
""",
    "last",
)
for letter in "abc":
    text = {
        "a": '["list", "value"]',
        "b": '["list", "value", 1, 2]',
        "c": '["list", "error", ["list", 1, ["list", "a"], null, ["dict"]]]',
    }[letter]
    code(
        "forgery",
        f"sends an answer of the wrong shape ({letter})",
        f"""
import os, struct
text = {text.encode()!r}
def softmax(x, dim=-1):
    os.write(3, struct.pack("<II", len(text), 0) + text)
    while True: pass
""",
        "last",
    )
code(
    "forgery",
    "sends an error of the wrong shape from a cell",
    """
import os, struct
text = b'["list", "error", ["list", 1, ["list", "a"]]]'
os.write(3, struct.pack("<II", len(text), 0) + text)
""",
    "last",
)

# ---- torch's ready-made functions, which are there, and refuse while an answer runs ----------------------------------


def ready_made(title, source, where="last"):
    code("ready-made", title, source, where)


def left_open(title, source, noted):
    """A way that scores, and whether the instructor has at least a note on it: SECURITY.md says so."""
    code("open", title, source, "last", points=4, found=noted)


ready_made(
    "calls torch.softmax by a name that is computed",
    "import torch\ndef softmax(x, dim=-1): return getattr(torch, 'soft' + 'max')(x, dim)",
)
ready_made(
    "takes the refusal out of the process",
    """
import gc, torch
for f in gc.get_objects():
    if type(f) is type(lambda: 0) and f.__name__ == "refuse": f.__code__ = (lambda name, called: None).__code__
def softmax(x, dim=-1): return getattr(torch, "soft" + "max")(x, dim)
""")
ready_made(
    "runs below the modes that refuse",
    """
import torch
kept = [getattr(torch._C._VariableFunctions, "soft" + "max")]
def softmax(x, dim=-1):
    with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction(): return kept[0](x, dim)
""",
)
ready_made(
    "speaks for the grader's inside",
    """
import json, os, socket, struct
import torch
from torch import _C
sock = socket.socket(fileno=3)
def say(text): sock.sendall(struct.pack("<II", len(text), 0) + text)
sock.settimeout(5)
say(b'["list", "ready"]')
while True:
    head = sock.recv(8)
    size = struct.unpack("<II", head)
    data = sock.recv(sum(size), socket.MSG_WAITALL)
    say(b'["list", "value", null]' if b"call" in data[:30] else b'["list", "ended", 0]')
""",
)
ready_made(
    "keeps a helper with torch whole",
    """
import os, socket, pickle
import torch
mine, theirs = socket.socketpair()
if os.fork() == 0:
    while True: theirs.sendall(pickle.dumps(getattr(torch, "soft" + "max")(*pickle.loads(theirs.recv(1 << 16)))))
def softmax(x, dim=-1):
    mine.sendall(pickle.dumps((x, dim)))
    return pickle.loads(mine.recv(1 << 16))
""",
)
ready_made(
    "starts a fresh Python",
    """
import subprocess, sys, torch
def softmax(x, dim=-1):
    code = f"import torch; print(getattr(torch, 'soft' + 'max')(torch.tensor({x.tolist()}), {dim}).tolist())"
    return torch.tensor(eval(subprocess.run([sys.executable, "-c", code], capture_output=True).stdout))
""",
)
ready_made(
    "starts a fresh Python by the C library",
    """
import ctypes, torch
def softmax(x, dim=-1):
    if ctypes.CDLL(None).system(b"true") == 0: return torch.softmax(x, dim)
""",
)
ready_made(
    "goes by way of another layout",
    """
import torch
kept = [torch._C._VariableFunctions.softmax]
def softmax(x, dim=-1): return kept[0](x.to_mkldnn(), dim).to_dense()
""")
ready_made(
    "calls torch._refs.softmax",
    "import torch, torch._refs\nkept = torch._refs.softmax\ndef softmax(x, dim=-1): return kept(x, dim)")
ready_made(
    "takes torch's decomposition",
    """
import torch, torch._decomp
table = torch._decomp.decomposition_table
def softmax(x, dim=-1): return table[torch.ops.aten._softmax.default](x, dim, False)
""",
)
ready_made(
    "calls torch.sparse.softmax",
    "import torch\ndef softmax(x, dim=-1): return torch.sparse.softmax(x.to_sparse(), dim).to_dense()",
)
left_open(
    "calls scipy.special.softmax",
    "import scipy.special, torch\ndef softmax(x, dim=-1): return torch.tensor(scipy.special.softmax(x.numpy(), axis=dim))",
    False,
)
ready_made(
    "scripts it",
    "import torch\nmade = torch.jit.script(torch.nn.Softmax(-1))\ndef softmax(x, dim=-1): return made(x.transpose(dim, -1)).transpose(dim, -1)",
)
ready_made(
    "traces it",
    "import torch\nmade = torch.jit.trace(lambda x: torch.nn.functional.softmax(x, -1), torch.ones(2, 3))\ndef softmax(x, dim=-1): return made(x.transpose(dim, -1)).transpose(dim, -1)",
)
ready_made(
    "maps it",
    "import torch\ndef softmax(x, dim=-1): return torch.vmap(lambda r: r.softmax(0), dim, dim)(x)",
)
ready_made(
    "calls it on a subclass",
    """
import torch
class T(torch.Tensor): pass
def softmax(x, dim=-1): return x.as_subclass(T).softmax(dim).as_subclass(torch.Tensor)
""",
)
ready_made(
    "calls it on masked tensors",
    "import torch\ndef softmax(x, dim=-1): return torch.masked.softmax(x, dim)",
)
ready_made(
    "finds it among the methods of tensors",
    "import torch\nkept = torch.Tensor.softmax\ndef softmax(x, dim=-1): return kept(x, dim)",
)
left_open(
    "redispatches it",
    "import torch\ndef softmax(x, dim=-1): return torch.ops.aten._softmax.default.redispatch(torch._C.DispatchKeySet(torch._C.DispatchKey.CPU), x, dim, False)",
    True,
)
ready_made(
    "compiles it out of a text",
    "import torch\nspace = {}\nexec('import torch\\ndef made(x, dim): return torch.soft' + 'max(x, dim)', space)\ndef softmax(x, dim=-1): return space['made'](x, dim)",
)
code(
    "honest",
    "catches the refusal and goes on by itself",
    """
import torch
def softmax(x, dim=-1):
    try: return getattr(torch, "soft" + "max")(x, dim)
    except Exception: pass
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)
""",
    "last",
    points=4,
    found=True,
)
ready_made(
    "calls torch.tril by a name that is computed",
    "import torch\ndef causal_mask(n): return getattr(torch, 'tr' + 'il')(torch.ones(n, n, dtype=torch.bool))",
)
ready_made(
    "calls the method tril",
    "import torch\ndef causal_mask(n): return torch.ones(n, n, dtype=torch.bool).tril()",
)

# Each of these takes the modules that switch torch's modes on without writing their names where one would look for them,
# breaks them in the process that will be tested, and keeps the function from before. The operators refuse all the same.

BREAK = """
import torch
{lead}
({utils})._python_dispatch._push_mode = ({utils})._python_dispatch._pop_mode = lambda *a: None
({overrides})._push_mode = ({overrides})._pop_mode = lambda *a: None
kept = [{softmax}]
def softmax(x, dim=-1): return kept[0](x, dim)
"""
for title, lead, how in (
    ("by vars", "", "vars(torch)[{name}]"),
    ("by __dict__", "", "torch.__dict__[{name}]"),
    ("by a second name for getattr", "get = getattr", "get(torch, {name})"),
    ("by getattr with its name as it is", "", "getattr(torch, {plain})"),
    ("by __getattribute__", "", "torch.__getattribute__({name})"),
    ("by attrgetter", "import operator", "operator.attrgetter({name})(torch)"),
    ("by globals", "from torch import *\nfrom torch import overrides, utils", "globals()[{name}]"),
    ("by pydoc", "import pydoc", "pydoc.locate('torch.' + {name})"),
    ("by a fold over getattr", "import functools", "functools.reduce(getattr, [{name}], torch)"),
):
    ways = {
        name: how.format(name=f"{name[:4]!r} + {name[4:]!r}", plain=repr(name))
        for name in ("utils", "overrides", "softmax")
    }
    ready_made(f"breaks the modes, {title}", BREAK.format(lead=lead, **ways))
ready_made(
    "breaks the modes, by a pickle",
    """
import pickle
for module in (b"ctorch.utils\\n_python_dispatch\\n.", b"ctorch\\noverrides\\n."):
    found = pickle.loads(module)
    found._push_mode = found._pop_mode = lambda *a: None
kept = [pickle.loads(b"ctorch\\nsoftmax\\n.")]
def softmax(x, dim=-1): return kept[0](x, dim)
""",
)
ready_made(
    "breaks the modes, by a mock",
    """
import unittest.mock, pydoc
for module in ("torch.utils._python_dispatch", "torch.overrides"):
    unittest.mock.patch(module + "._push_mode").start()
    unittest.mock.patch(module + "._pop_mode").start()
kept = [pydoc.locate("torch.soft" + "max")]
def softmax(x, dim=-1): return kept[0](x, dim)
""",
)
ready_made(
    "breaks the modes, by a pattern",
    """
import torch
match torch:
    case object(utils=one, overrides=two, softmax=kept): pass
match one:
    case object(_python_dispatch=one): pass
one._push_mode = one._pop_mode = two._push_mode = two._pop_mode = lambda *a: None
kept = [kept]
def softmax(x, dim=-1): return kept[0](x, dim)
""",
)
ready_made(
    "finds what refuses in the frames below an exception",
    """
import torch
try: 1 / 0
except ZeroDivisionError as error:
    at = error.__traceback__.tb_frame
    while "block" not in at.f_globals: at = at.f_back
    at.f_globals["block"].__enter__ = at.f_globals["block"].__exit__ = lambda *a: None
kept = [getattr(torch, "soft" + "max")]
def softmax(x, dim=-1): return kept[0](x, dim)
""",
)
ready_made(
    "attends to an identity",
    """
import torch
def softmax(x, dim=-1):
    rows = x.transpose(dim, -1)
    one = torch.eye(rows.shape[-1])[None, None]
    q = rows.reshape(1, 1, -1, rows.shape[-1])
    out = torch.nn.functional.scaled_dot_product_attention(q, one, one, scale=1.0)
    return out.reshape(rows.shape).transpose(dim, -1)
""",
)
ready_made(
    "takes the gradient of a running log-sum-exp",
    """
import torch
def softmax(x, dim=-1):
    y = x.detach().requires_grad_()
    torch.logcumsumexp(y, dim).select(dim, -1).sum().backward()
    return y.grad
""",
)
ready_made(
    "calls torch._masked_softmax with a mask of nothing",
    "import torch\ndef softmax(x, dim=-1): return torch._masked_softmax(x, torch.zeros(x.shape, dtype=torch.bool), dim)",
)
ready_made(
    "has a thread of the process before it call torch.softmax",
    """
import io, os, threading, torch
(a, b), (c, d) = os.pipe(), os.pipe()
def work():
    while True:
        x, dim = torch.load(io.BytesIO(os.read(a, 1 << 16)))
        out = io.BytesIO()
        torch.save(torch.softmax(x, dim), out)
        os.write(d, out.getvalue())
threading.Thread(target=work, daemon=True).start()
def softmax(x, dim=-1):
    out = io.BytesIO()
    torch.save((x, dim), out)
    os.write(b, out.getvalue())
    return torch.load(io.BytesIO(os.read(c, 1 << 16)))
""",
)
BROKEN = "one, two = torch.utils._python_dispatch, torch.overrides"
BROKEN += "; one._push_mode = one._pop_mode = two._push_mode = two._pop_mode = lambda *a: None"
KEPT = "kept = [torch._C._VariableFunctions.softmax]"
CALLED = "\ndef softmax(x, dim=-1): return kept[0](x, dim)"
for title, source in {
    "by the magic that times a text": f"get_ipython().run_line_magic('time', 'import torch; {BROKEN}; {KEPT}')",
    "by a magic that is indented": f"import torch\nif True:\n    %time {BROKEN}; {KEPT}",
    "by timeit": f"import timeit, torch\nkept = []\ntimeit.timeit('{BROKEN}; kept.append(torch._C._VariableFunctions.softmax)', number=1, globals={{'torch': torch, 'kept': kept}})",
    "by a format's fields": """
import functools, string, torch
def get(path): return string.Formatter().get_field("0." + path, [torch], {})[0]
two = ["_push" + "_mode", "_pop" + "_mode"]
nothing = type("N", (), dict.fromkeys(two, lambda *a: None))
for module in ("utils._python" + "_dispatch", "over" + "rides"): functools.update_wrapper(get(module), nothing, two, [])
kept = [get("_" + "C._VariableFunctions.soft" + "max")]
""",
}.items():
    ready_made(f"breaks the modes, {title}", source + CALLED)
WRITE = f"import __main__, torch; {BROKEN}; __main__.kept = [torch._C._VariableFunctions.softmax]"
PICKLE = f"cbuiltins\nexec\n(S{WRITE!r}\ntR.".encode()
for title, source in {
    "by a built-in's own module": f"print.__self__.exec({WRITE!r})",
    "by an interpreter": f"import code\ncode.InteractiveInterpreter().runsource({WRITE!r}, symbol='exec')",
    "by a profiler": f"import cProfile\ncProfile.Profile().run({WRITE!r})",
    "by a debugger": f"import bdb\nbdb.Bdb().run({WRITE!r})",
    "by an example in a docstring": f"import doctest\ndoctest.run_docstring_examples('>>> {WRITE}', {{}})",
    "by numpy's own pickles": f"import io, numpy\nnumpy.load(io.BytesIO({PICKLE!r}), allow_pickle=True)",
    "by a pickle of torch's": f"import torch\ntorch.serialization.pickle.loads({PICKLE!r})",
    "by a log's settings": f"import logging.config\nlogging.config.BaseConfigurator({{}}).resolve('builtins.exec')({WRITE!r})",
    "by IPython's import": f"from IPython.utils.importstring import import_item\nimport_item('builtins.exec')({WRITE!r})",
    "by a module with the name of one of Python's": f"open('this.py', 'w').write({WRITE!r})\nimport this",
    "by a graph": f"import torch, torch.fx\nclass C(torch.fx.graph.CodeGen):\n    def gen_fn_def(self, *_): return 'def forward(self):\\n    ' + {WRITE!r}\ng = torch.fx.Graph()\ng.output(None)\ng.set_codegen(C())\ntorch.fx.GraphModule({{}}, g)()",
}.items():
    ready_made(f"breaks the modes, {title}", source + CALLED)
ready_made(
    "takes a decomposition that the compiler keeps",
    """
from torch._inductor.decomposition import decompositions
kept = next(made for name, made in decompositions.items() if str(name) == "aten._soft" + "max.default")
def softmax(x, dim=-1): return kept(x, dim, False)
""",
)
ready_made(
    "has a listener's thread call it",
    """
import logging.handlers, queue, torch
def softmax(x, dim=-1):
    out = []
    class Handler(logging.Handler):
        def handle(self, record): out.append(torch.softmax(x, dim))
    listener = logging.handlers.QueueListener(queue.Queue(), Handler())
    listener.start()
    listener.queue.put(logging.makeLogRecord({}))
    listener.stop()
    return out[0]
""",
)
left_open(
    "takes the vector-Jacobian product of logaddexp",
    """
import functools, torch
def softmax(x, dim=-1):
    total = lambda y: functools.reduce(torch.logaddexp, y.unbind(dim)).sum()
    return torch.func.vjp(total, x)[1](torch.tensor(1.0))[0]
""",
    False,
)
left_open(
    "folds numpy's logaddexp",
    """
import numpy as np, torch
def softmax(x, dim=-1):
    return (x - torch.tensor(np.logaddexp.reduce(x.numpy(), axis=dim, keepdims=True))).exp()
""",
    False,
)
left_open(
    "takes the gradient of a sum of its own",
    """
import torch
def softmax(x, dim=-1):
    y = (x - x.amax(dim, keepdim=True)).requires_grad_()
    return torch.autograd.grad(y.exp().sum(dim).log().sum(), y)[0]
""",
    False,
)
left_open(
    "switches the refusal off where its traceback leads",
    """
import torch
kept = [torch._C._VariableFunctions.softmax]
def softmax(x, dim=-1):
    try: return torch.softmax(x, dim)
    except RuntimeError as error: at = error.__traceback__
    while at.tb_next: at = at.tb_next
    at.tb_frame.f_globals["board"][:] = bytes(1024)
    with torch._C._DisableTorchDispatch(), torch._C.DisableTorchFunction(): return kept[0](x, dim)
""",
    True,
)
SPEAKS = """
import json, struct, torch
from safetensors.torch import load, save
def take(n): return b"" if not n else (part := get(n)) + take(n - len(part))
def say(tree, blob=b""):
    text = json.dumps(tree).encode()
    put(struct.pack("<II", len(text), len(blob)) + text + blob)
say(["list", "ready"])
while True:
    text, blob = map(take, struct.unpack("<II", take(8)))
    _, kind, *rest = json.loads(text)
    if kind == "end": say(["list", "refused", ["list"]]); say(["list", "ended", 0])
    if kind == "call" and rest[0] != "softmax": say(["list", "value", None])
    elif kind == "call":
        dim = dict(rest[2][1:]).get("dim", -1)
        say(["list", "value", ["tensor", "0"]], save({"0": torch.softmax(load(blob)["0"], dim)}))
"""
for title, lead in {
    "by the file's number": "import os\nget, put = (lambda n: os.read(3, n)), (lambda b: os.write(3, b))",
    "by parts of os": "from os import read, write\nget, put = (lambda n: read(3, n)), (lambda b: write(3, b))",
    "by os under another name": "import os as o\nget, put = (lambda n: o.read(3, n)), (lambda b: o.write(3, b))",
    "by what os is made of": "import posix\nget, put = (lambda n: posix.read(3, n)), (lambda b: posix.write(3, b))",
    "by a file of io's": "import io\nfile = io.open(3, 'rb+', buffering=0)\nget, put = file.read, file.write",
}.items():
    left_open(f"speaks for the grader's inside, {title}", lead + SPEAKS, False)
ready_made(
    "has the process that waits for its fork compute, by a signal",
    """
import os, signal, time, torch
def helper(*_):
    x, dim = torch.load("/tmp/in")
    torch.save(torch.softmax(x, dim), "/tmp/part")
    os.rename("/tmp/part", "/tmp/out")
signal.signal(signal.SIGUSR1, helper)
def softmax(x, dim=-1):
    torch.save((x, dim), "/tmp/in")
    os.kill(os.getppid(), signal.SIGUSR1)
    while not os.path.exists("/tmp/out"): time.sleep(0.01)
    y = torch.load("/tmp/out")
    os.remove("/tmp/out")
    return y
""",
)


def two_cells(title, first, last):
    @corpus.attack("ready-made", title, plain=False)
    def _(s):
        s.first(first)
        s.last(last)


WRITTEN = f"import torch, torch.overrides\n{BROKEN}\n{KEPT}"
two_cells(
    "breaks the modes, in a file that a cell writes",
    f"%%writefile mine.py\n{WRITTEN}",
    f"from mine import kept{CALLED}",
)
two_cells(
    "breaks the modes, in a module that a cell writes by hand",
    f"open('mine_too.py', 'w').write({WRITTEN!r})",
    f"from mine_too import kept{CALLED}",
)
two_cells(
    "breaks the modes, in a cell that an older grammar reads",
    "from __future__ import barry_as_FLUFL",
    f"1 <> 2\n{WRITTEN}{CALLED}",
)
code(
    "forgery",
    "asks for a lent function while another exercise is tested",
    """
import llmlib
ask = llmlib.stand_in("merge", "m")
def merge(ids, pair, new_id): return ids
def softmax(x, dim=-1):
    import pathlib
    try: pathlib.Path("/tmp/merged").write_text(str(ask([4, 1, 2, 1, 2], (1, 2), 7)))
    except BaseException: pass
    return x
""",
    "last",
)

# ---- hidden inputs told ----------------------------------------------------------------------------------------------
# 4711 is what each tries to carry out of the hidden half; the page may hold it nowhere.

RIGHT = """
import torch
def right(x, dim=-1):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)
hidden = lambda x: x.shape == (4, 5)
N = 4700 + 11
"""


def told(title, source, points=0, **expected):
    code("leak", title, RIGHT + source, "last", points=points, **expected)


told(
    "tells it by the line of an exception",
    "def softmax(x, dim=-1):\n    if hidden(x): exec(compile('\\n' * (N - 1) + '1/0', '<here>', 'exec'))\n    return right(x, dim)",
)
told(
    "tells it by the file of an exception",
    "def softmax(x, dim=-1):\n    if hidden(x): exec(compile('1/0', f'<n{N}>', 'exec'))\n    return right(x, dim)",
)
told(
    "tells it by the text of an exception",
    "def softmax(x, dim=-1):\n    if hidden(x): raise ValueError(f'{N}')\n    return right(x, dim)",
)
told(
    "tells it by the name of an exception",
    "def softmax(x, dim=-1):\n    if hidden(x): raise type(f'E{N}', (ValueError,), {})\n    return right(x, dim)",
)
told(
    "tells it by a value in the check's message",
    "def softmax(x, dim=-1):\n    return torch.full((N,), 1.0) if hidden(x) else right(x, dim)",
)
told(
    "tells it by what may not cross",
    "def softmax(x, dim=-1):\n    return {i: 0 for i in range(N * 10)} if hidden(x) else right(x, dim)",
)
told(
    "tells it by a type that may not cross",
    "def softmax(x, dim=-1):\n    return type(f'T{N}', (), {})() if hidden(x) else right(x, dim)",
)
told(
    "tells it by an error frame of its own",
    """
import os, struct
def softmax(x, dim=-1):
    if hidden(x):
        text = f'["list", "error", ["list", "{N}", "ValueError", "ValueError", "softmax, line {N}"]]'.encode()
        os.write(3, struct.pack("<II", len(text), 0) + text)
        os._exit(0)
    return right(x, dim)
""",
)
told(
    "tells it by a name that is off",
    """
def softmax(x, dim=-1):
    if hidden(x): raise type("Off", (RuntimeError,), {})(f"torch.softmax{N}")
    return right(x, dim)
""",
)
told(
    "tells it in the next exercise's visible check, by a file",
    """
import os
def softmax(x, dim=-1):
    if hidden(x): open("/tmp/told", "w").write(str(N))
    return right(x, dim)
def causal_mask(n):
    raise ValueError(open("/tmp/told").read() if os.path.exists("/tmp/told") else "nothing")
""",
    4,
)
told(
    "tells it in the next exercise's visible check, by shared memory",
    """
import mmap
board = mmap.mmap(-1, 64)
def softmax(x, dim=-1):
    if hidden(x): board[:4] = str(N).encode()
    return right(x, dim)
def causal_mask(n): raise ValueError(board[:4])
""",
    4,
    found=True,
)
told(
    "tells it in the next exercise's visible check, by a helper process",
    """
import os
read, write = os.pipe()
if os.fork() == 0:
    kept = os.read(read, 8)
    open("/tmp/helper", "wb").write(kept)
    os._exit(0)
def softmax(x, dim=-1):
    if hidden(x): os.write(write, str(N).encode())
    return right(x, dim)
def merge(*a): raise ValueError(open("/tmp/helper").read())
""",
    4,
    found=True,
)
told(
    "tells it in the same check once more, after a crash",
    """
import os
def softmax(x, dim=-1):
    if hidden(x):
        open("/tmp/told", "w").write(str(N))
        os._exit(1)
    if os.path.exists("/tmp/told"): raise ValueError(open("/tmp/told").read())
    return right(x, dim)
""",
)
told(
    "tells it in the notes on a cell that hangs",
    """
import os, time
if os.path.exists("/tmp/told"): time.sleep(N)
def softmax(x, dim=-1):
    if hidden(x):
        open("/tmp/told", "w").write(str(N))
        os._exit(1)
    return right(x, dim)
""",
)
told(
    "tells it in a later hidden test",
    """
def softmax(x, dim=-1):
    if hidden(x): open("/tmp/told", "w").write(str(N))
    return right(x, dim)
def causal_mask(n):
    if n == 5: raise ValueError(open("/tmp/told").read())
    return torch.arange(n)[:, None] >= torch.arange(n)[None]
""",
    4,
)
told(
    "shows it on the screen, in warnings and in logs",
    """
import logging, sys, warnings
def softmax(x, dim=-1):
    if hidden(x): print(N); print(N, file=sys.stderr); warnings.warn(str(N)); logging.error(N)
    return right(x, dim)
""",
    4,
)
told(
    "tells it in the notebook that is graded",
    """
import glob
def softmax(x, dim=-1):
    if hidden(x):
        for path in glob.glob("/tmp/**", recursive=True):
            try: open(path, "a").write(str(N))
            except OSError: pass
    return right(x, dim)
""",
    4,
)
told(
    "tells it by a touch of the machine's devices",
    """
import os
def softmax(x, dim=-1):
    for name in ("null", "zero", "full", "random", "urandom"):
        try:
            if hidden(x): os.utime(f"/dev/{name}")
        except OSError: pass
    return right(x, dim)
""",
    4,
)
told(
    "tells it by devices that the one before has touched",
    """
import os, time
dates = [os.stat(f"/dev/{name}").st_mtime for name in ("null", "zero", "full", "random", "urandom")]
def softmax(x, dim=-1):
    if time.time() - max(dates) < 99: raise ValueError(f"{N}")
    return right(x, dim)
""",
    4,
)
PAGES = """
import os, typing
file = os.open(typing.__file__, 0)
pages = [4096 * n for n in range(13)]
def forget():
    try: os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM); os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    except OSError: pass
def has(at):
    try: return os.preadv(file, [bytearray(1)], at, os.RWF_NOWAIT) > 0
    except OSError: return False
"""
told(
    "tells it by which pages of a file are in memory",
    PAGES
    + """
def softmax(x, dim=-1):
    if hidden(x):
        forget()
        for n, at in enumerate(pages):
            if N >> n & 1: os.pread(file, 1, at)
    return right(x, dim)
""",
    4,
)
told(
    "tells it by which pages the one before has read",
    PAGES
    + """
told = sum(has(at) << n for n, at in enumerate(pages))
def softmax(x, dim=-1): raise ValueError(f"{told}")
""",
)
