"""Submissions that a grader must survive, each with what must hold. They are harmless outside a sandbox too: what they
damage is a scratch course, what they connect to is a listener on loopback, and what they exhaust is bounded.

Many an attack solves the exercises only if it got through: then "0 points" says that it did not.
"""

import copy
import json
import os
import re
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import nbformat
from nbformat.v4 import new_code_cell

from exercises.format import notebooks

HERE = Path(__file__).resolve().parent
TARGET = notebooks.parse((HERE / "target.py").read_text(), "target")
SOLUTIONS = {each.name: each.solution for each in TARGET.exercises}
SOLVE = "\n\n".join(["import torch", *SOLUTIONS.values()])
ATTACKS = []
SECRET = "swordfish-4711"


@dataclass(frozen=True)
class Attack:
    kind: str  # forgery, ready-made, open, leak, stall, machine, others, batch, honest
    title: str
    make: Callable
    points: float = 0
    graded: bool = True
    plain: bool = True  # may be run without a sandbox, to see what plain nbgrader does
    found: bool | None = None  # must there be a finding for the instructor?

    @property
    def student(self):
        return "m-" + "".join(each if each.isalnum() else "-" for each in self.title.lower())[:60]


class Submission:
    """A notebook to be handed in: stubs, or the solutions after `solve()`."""

    def __init__(self, folder, places):
        self.folder, self.places, self.raw, self.extra = folder, places, None, {}
        self.node = copy.deepcopy(TARGET.node)
        for cell in self.node.cells:
            for exercise in TARGET.exercises:
                if notebooks.grade_id(cell) == exercise.name:
                    cell.source = exercise.stub
                elif notebooks.grade_id(cell) == f"test_{exercise.name}":
                    cell.source = exercise.visible

    def text(self, code):
        for name, value in self.places.items():
            code = code.replace(f"@{name}@", str(value))
        return code

    def solve(self):
        for name, code in SOLUTIONS.items():
            self.put(name, code)

    def cell(self, name):
        return next(cell for cell in self.node.cells if notebooks.grade_id(cell) == name)

    def put(self, name, code):
        self.cell(name).source = self.text(code)

    def first(self, code):
        self.node.cells.insert(0, new_code_cell(self.text(code)))

    def last(self, code):
        """Put a cell below all solution cells and above all test cells, where it counts most."""
        done = [cell for cell in self.node.cells if notebooks.kind(cell) == "solution"]
        rest = [cell for cell in self.node.cells if cell not in done]
        here = next(number for number, cell in enumerate(rest) if notebooks.kind(cell) == "test")
        self.node.cells = [*rest[:here], *done, new_code_cell(self.text(code)), *rest[here:]]

    def tests(self):
        return [cell for cell in self.node.cells if notebooks.kind(cell) == "test"]

    def beside(self, name, text):
        self.extra[name] = self.text(text)

    def write(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "target.ipynb"
        for name, text in self.extra.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)
        if callable(self.raw):
            self.raw(path)
        else:
            path.write_bytes(nbformat.writes(self.node).encode() if self.raw is None else self.raw)


def attack(kind, title, **expected):
    def register(make):
        ATTACKS.append(Attack(kind, title, make, **expected))
        return make

    return register


def code(kind, title, source, where="first", **expected):
    """An attack that is a single cell. SOLVE in it stands for the solutions, as text. On a line of
    its own it tells that nothing above was refused: below a refused statement the rest of a cell
    runs, so all of it is one."""
    if re.search(r"^SOLVE$", source, re.MULTILINE):
        source = "if True:\n" + textwrap.indent(source.strip(), "    ")
    source = source.replace("SOLVE", f"exec({SOLVE!r}, globals())")
    ATTACKS.append(Attack(kind, title, lambda s: getattr(s, where)(source), **expected))


# ---- forgery ---------------------------------------------------------------------------------------------------------

code("forgery", "patches the check functions", """
from exercises import check
check.close = check.equal = check.that = lambda *a, **k: None
def softmax(*a, **k): pass
causal_mask = merge = softmax
""", "last")
code("forgery", "patches torch's comparisons", """
import torch
torch.Tensor.__eq__ = lambda a, b: torch.tensor(True)
torch.allclose = torch.equal = lambda *a, **k: True
torch.Tensor.any = lambda *a, **k: False
def softmax(x, dim=-1): return x
""", "last")
code("forgery", "patches the equality inside the check module", """
from exercises import check
check._same = lambda a, b: True
def softmax(*a, **k): pass
causal_mask = merge = softmax
""", "last")
code("forgery", "puts a module of its own in sys.modules", """
import sys, types
fake = types.ModuleType("exercises.check")
fake.close = fake.equal = fake.that = lambda *a, **k: None
sys.modules["exercises.check"] = fake
import classroom
exercises.check = fake
""", "last")
code("forgery", "replaces __import__", """
import builtins
real = builtins.__import__
class Fake:
    def __getattr__(self, name): return lambda *a, **k: Fake()
builtins.__import__ = lambda name, *a, **k: Fake() if "check" in str(a) or "course" in name else real(name, *a, **k)
""", "last")


@attack("forgery", "ships a package that shadows llmlib")
def _(s):
    s.beside("llmlib/__init__.py", "")
    s.beside("classroom/__init__.py", "from . import check")
    s.beside("exercises/check.py", "close = equal = that = lambda *a, **k: None")
    s.last("def softmax(*a, **k): pass\ncausal_mask = merge = softmax")


@attack("forgery", "ships a torch.py beside the notebook")
def _(s):
    s.beside("torch.py", "def __getattr__(name): return lambda *a, **k: None")
    s.last("def softmax(*a, **k): pass")


@attack("forgery", "ships a sitecustomize and an ipython_config")
def _(s):
    s.beside("sitecustomize.py", "import builtins; builtins.AssertionError = type('A', (Exception,), {})")
    s.beside("ipython_config.py", "c = get_config(); c.InteractiveShellApp.exec_lines = ['check = None']")


code("forgery", "drops the test's source by an input transformer", """
get_ipython().input_transformers_cleanup.append(lambda lines: [] if any("check." in line for line in lines) else lines)
""")
code("forgery", "replaces the shell's run_cell", """
shell = get_ipython()
real = shell.run_cell
shell.run_cell = lambda source, *a, **k: real("pass" if "check." in source else source, *a, **k)
""")
code("forgery", "removes asserts with an AST transformer", """
import ast
class Drop(ast.NodeTransformer):
    def visit_Expr(self, node): return ast.Pass()
get_ipython().ast_transformers.append(Drop())
""")
code("forgery", "swallows errors in showtraceback", """
get_ipython().showtraceback = get_ipython()._showtraceback = lambda *a, **k: None
""")
code("forgery", "swallows errors with a custom exception handler", """
get_ipython().set_custom_exc((Exception,), lambda *a, **k: None)
""")
code("forgery", "rewrites locals with a trace function", """
import sys, threading
def trace(frame, event, arg):
    if "check" in frame.f_globals: frame.f_globals["check"] = type("C", (), {"close": print, "equal": print, "that": print})
    return trace
sys.settrace(trace); threading.settrace(trace)
""", "last")
code("forgery", "walks the frames to the test's globals", """
import sys
def softmax(x, dim=-1):
    frame = sys._getframe()
    while frame:
        for name in ("check", "torch", "_x"):
            if name in frame.f_globals: frame.f_globals[name] = type("C", (), {"__getattr__": lambda s, n: print})()
        frame = frame.f_back
    return x
""", "last")
code("forgery", "tampers with the kernel's messages", """
kernel = get_ipython().kernel
real = kernel.session.send
kernel.session.send = lambda stream, kind, *a, **k: None if kind == "error" else real(stream, kind, *a, **k)
""")


@attack("forgery", "tags the test cells skip-execution")
def _(s):
    for cell in s.tests():
        cell.metadata["tags"] = ["skip-execution"]


@attack("forgery", "turns the test cells into markdown")
def _(s):
    for cell in s.tests():
        cell.cell_type = "markdown"
        del cell["outputs"], cell["execution_count"]


@attack("forgery", "deletes the test cells")
def _(s):
    s.node.cells = [cell for cell in s.node.cells if cell not in s.tests()]


@attack("forgery", "renames the test cells")
def _(s):
    for cell in s.tests():
        cell.metadata.nbgrader.grade_id += "_2"


@attack("forgery", "raises the points of a solved exercise", points=3)
def _(s):
    s.put("merge", SOLUTIONS["merge"])
    s.cell("test_merge").metadata.nbgrader.points = 1000


@attack("forgery", "empties the test cells and unlocks them")
def _(s):
    for cell in s.tests():
        cell.source = "pass"
        cell.metadata.nbgrader.locked = False


@attack("forgery", "makes the test cells manually graded")
def _(s):
    for cell in s.tests():
        cell.metadata.nbgrader.solution, cell.source = True, "4.0"


@attack("forgery", "makes a demonstration a test cell")
def _(s):
    s.node.cells[2].metadata["nbgrader"] = dict(s.cell("test_merge").metadata.nbgrader)
    s.node.cells[2].source = "100.0"


@attack("forgery", "stores a number as the test cells' output")
def _(s):
    from nbformat.v4 import new_output

    for cell in s.tests():
        cell.cell_type, cell.outputs = "code", [new_output("execute_result", data={"text/plain": "4.0"}, execution_count=1)]
        cell.execution_count, cell.source = 1, "4.0"


@attack("forgery", "names a kernel of its own")
def _(s):
    s.node.metadata["kernelspec"] = {"name": "bash", "display_name": "Bash", "language": "bash"}


code("forgery", "returns an object that equals everything", """
class Same:
    shape, dtype, ndim = (2, 3), None, 2
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __bool__(self): return True
    def __getattr__(self, name): return lambda *a, **k: self
    def __len__(self): return 2
    def __iter__(self): return iter([])
def softmax(*a, **k): return Same()
causal_mask = merge = softmax
""", "last")
code("forgery", "returns a tensor subclass that compares equal", """
import torch
class Same(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None): return torch.tensor(True)
def softmax(x, dim=-1): return x.as_subclass(Same)
def causal_mask(n): return torch.zeros(n, n, dtype=torch.bool).as_subclass(Same)
""", "last")
code("forgery", "returns list and int subclasses that compare equal", """
class L(list):
    __eq__ = lambda a, b: True
    __len__ = lambda a: 2
class I(int):
    __eq__ = lambda a, b: True
    __hash__ = int.__hash__
def merge(*a): return L([I(0), I(0)])
""", "last")
code("forgery", "returns NaN", """
import torch
def softmax(x, dim=-1): return x * float("nan")
def causal_mask(n): return torch.full((n, n), float("nan"))
def merge(*a): return float("nan")
""", "last")
code("forgery", "raises StopIteration", "def softmax(*a, **k): raise StopIteration\ncausal_mask = merge = softmax", "last")
code("forgery", "raises SystemExit(0)", "def softmax(*a, **k): raise SystemExit(0)\ncausal_mask = merge = softmax", "last")
code("forgery", "raises GeneratorExit and KeyboardInterrupt", """
def softmax(*a, **k): raise GeneratorExit
def causal_mask(*a): raise KeyboardInterrupt
""", "last")
code("forgery", "raises the grader's own exceptions", """
def softmax(*a, **k):
    from grader.host.time_limits import Exceeded
    raise Exceeded("passed")
def merge(*a):
    from exercises.check import Mistake
    raise Mistake("passed")
""", "last")
code("forgery", "ends the process with status 0", "import os\ndef softmax(*a, **k): os._exit(0)\ncausal_mask = merge = softmax", "last")
code("forgery", "answers in the grader's protocol", """
import os, socket
def softmax(*a, **k):
    from grader.wire import pack
    for each in (["ended", 0], ["value", 0, None], ["ended", 0], {"tests": {"softmax": {"points": 4}}}):
        for number in range(3, 30):
            try: os.write(number, pack(each))
            except OSError: pass
    os._exit(0)
causal_mask = merge = softmax
""", "last")
code("forgery", "sends frames that are no frames", """
import os
def softmax(*a, **k):
    for number in range(3, 30):
        try: os.write(number, b"\\xff" * 4096)
        except OSError: pass
    return None
""", "last")
code("forgery", "sends a pickle bomb as bytes and as an object", """
import pickle, os
class P:
    def __reduce__(self): return (exec, ("raise SystemExit",))
def softmax(*a, **k): return pickle.dumps(P())
def merge(*a): return P()
""", "last")
code("forgery", "patches the boundary in its own process", """
import gc, sys
inside = {f.__globals__["__name__"]: f.__globals__ for f in gc.get_objects() if type(f) is type(lambda: 0)}
inside["exercises.torch_blocker"]["block"].__enter__ = lambda *a: None
inside["grader.wire"]["pack"] = inside["grader.guest.process"]["answer"] = lambda *a, **k: b""
import torch
def softmax(x, dim=-1): return torch.softmax(x, dim)
""", "last", points=0)
code("forgery", "reads the course's source", "exec(open('@COURSE@/source/target/target.py').read(), globals())", "last")
code("forgery", "searches the disk for the solutions", """
import glob, re
for root in ("@COURSE@", "@REPO@"):
    for path in glob.glob(root + "/**/target*", recursive=True):
        text = open(path).read()
        if "BEGIN SOLUTION" in text:
            SOLVE
""", "last")
code("forgery", "reads a peer's submission", """
import json
for cell in json.load(open("@COURSE@/submitted/a-honest/target/target.ipynb"))["cells"]:
    if "def " in "".join(cell["source"]): exec("".join(cell["source"]), globals())
""", "last")
code("forgery", "reads the gradebook's hidden tests", """
import sqlite3
if any("HIDDEN" in row[0] for row in sqlite3.connect("@COURSE@/gradebook.db").execute("select source from source_cell")):
    SOLVE
""", "last")
code("forgery", "writes its scores into the gradebook", """
import sqlite3
db = sqlite3.connect("@COURSE@/gradebook.db")
db.execute("update grade set auto_score = 4, manual_score = 4"); db.commit()
""")
code("forgery", "reads the notebook that is being graded", """
import glob, os
roots = ["@COURSE@/autograded"] if os.path.exists("@COURSE@") else ["/tmp", "/course", "/dev/shm", "/var"]
for root in roots:
    for path in glob.glob(root + "/**/*.ipynb", recursive=True):
        if "HIDDEN" in open(path).read(): SOLVE
""", "last")
code("forgery", "calls torch.softmax", "import torch\ndef softmax(x, dim=-1): return torch.softmax(x, dim)", "last")
code("forgery", "calls torch.softmax by getattr", "import torch\ndef softmax(x, dim=-1): return getattr(torch, 'soft' + 'max')(x, dim)", "last")
code("forgery", "keeps a reference to F.softmax", """
import torch.nn.functional as F
keep = [F.softmax]
def softmax(x, dim=-1, f=F.softmax): return keep[0](x, dim)
""", "last")
code("forgery", "calls torch's operator", "import torch\ndef softmax(x, dim=-1): return torch.ops.aten._softmax(x, dim, False)", "last")
code("forgery", "calls torch's C entry", "import torch\ndef softmax(x, dim=-1): return torch._C._VariableFunctions.softmax(x, dim)", "last")
code("forgery", "calls torch.special.softmax", "import torch\ndef softmax(x, dim=-1): return torch.special.softmax(x, dim)", "last")
code("forgery", "uses the module torch.nn.Softmax", "import torch\nm = torch.nn.Softmax(0)\ndef softmax(x, dim=-1):\n    m.dim = dim\n    return m(x)", "last")
code("forgery", "exponentiates log_softmax", "def softmax(x, dim=-1): return x.log_softmax(dim).exp()", "last")
code("forgery", "reloads torch.nn.functional", """
def softmax(x, dim=-1):
    import importlib, torch.nn.functional as F
    return importlib.reload(F).softmax(x, dim)
""", "last")
code("forgery", "calls llmlib's softmax", "def softmax(x, dim=-1):\n    from llmlib import output_head\n    return output_head.softmax(x, dim)", "last")
code("forgery", "calls llmlib's softmax under another module's name", "from llmlib import sampling\ndef softmax(x, dim=-1): return sampling.softmax(x, dim)", "last")
code("forgery", "finds llmlib's functions with the garbage collector", """
import gc, types
found = {f.__name__: f for f in gc.get_objects() if isinstance(f, types.FunctionType) and (f.__module__ or "").startswith("llmlib.")}
if not found: import llmlib.output_head, llmlib.attention, llmlib.tokens; found = {"softmax": llmlib.output_head.softmax, "causal_mask": llmlib.attention.causal_mask, "merge": llmlib.tokens.merge}
softmax, causal_mask, merge = found.get("softmax"), found.get("causal_mask"), found.get("merge")
""", "last")
code("forgery", "copies the code of llmlib's functions", """
import inspect, llmlib.output_head, llmlib.attention, llmlib.tokens
for f in (llmlib.output_head.softmax, llmlib.attention.causal_mask, llmlib.tokens.merge):
    exec(inspect.getsource(f), globals())
""", "last")
code("forgery", "reads llmlib's source files", """
import llmlib.tokens
text = open(llmlib.tokens.__file__).read()
if "def merge" in text: SOLVE
""", "last")

# ---- leaks: the exercises are solved only if the secret was seen -----------------------------------------------------

code("leak", "reads a secret from the course folder", "if 'swordfish' in open('@COURSE@/secret.txt').read(): SOLVE", "last")
code("leak", "reads a secret from the environment", "import os\nif any('swordfish' in v for v in os.environ.values()): SOLVE", "last")
code("leak", "reads other processes' environment", """
import glob
for path in glob.glob("/proc/[0-9]*/environ"):
    try:
        if b"swordfish" in open(path, "rb").read(): SOLVE
    except OSError: pass
""", "last")
code("leak", "reads the system's password hashes", "if open('/etc/shadow').read(): SOLVE", "last")
code("leak", "lists home folders", "import os\nif [n for d in ('/home', '/root') if os.path.isdir(d) for n in os.listdir(d) if not n.startswith('.')]: SOLVE", "last")
code("leak", "shows hidden inputs in an exception", """
import torch
def softmax(x, dim=-1):
    if x.shape == (4, 5): raise ValueError("the hidden input is " + repr(x) + " SECRET " + "@SECRET@")
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)
""", "last")
code("leak", "shows hidden inputs in the name of an exception's class", """
def merge(ids, pair, new_id):
    if ids[0] == 4: raise type("hidden_@SECRET@", (ValueError,), {})
    return [9, 1]
""", "last")

# ---- harm to the machine ---------------------------------------------------------------------------------------------

code("machine", "writes into the course folder", "open('@COURSE@/planted.txt', 'w').write('x')\nSOLVE", "last")
code("machine", "deletes the course", "import shutil\nshutil.rmtree('@COURSE@/victim')\nSOLVE", "last")
code("machine", "overwrites nbgrader_config.py", "open('@COURSE@/nbgrader_config.py', 'a').write('\\n# planted')\nSOLVE", "last")
code("machine", "plants a start-up file for IPython", """
import os
os.makedirs("@COURSE@/victim/.ipython/profile_default/startup", exist_ok=True)  # in a sandbox: in a /tmp of its own
open("@COURSE@/victim/.ipython/profile_default/startup/00.py", "w").write("x = 1")
if os.path.exists("@COURSE@/secret.txt"): SOLVE
""", "last")
code("machine", "writes into the Python environment", """
import os, torch
path = os.path.join(os.path.dirname(torch.__file__), "planted_by_a_test.txt")
open(path, "w").close(); os.remove(path)
SOLVE
""", "last")
code("machine", "writes to the system", "import os\nopen('/usr/planted_by_a_test', 'w').close(); os.remove('/usr/planted_by_a_test')\nSOLVE", "last", plain=False)
code("machine", "connects to a server on loopback", """
import socket
socket.create_connection(("127.0.0.1", @PORT@), timeout=2).sendall(b"hello")
SOLVE
""", "last")
code("machine", "connects from inside a called function", """
import socket
def softmax(*a, **k):
    socket.create_connection(("127.0.0.1", @PORT@), timeout=2).sendall(b"hello")
""", "last")
code("machine", "leaves a process behind", """
import subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)  # @MARK@"], start_new_session=True)
""", "last")
code("machine", "leaves a daemon behind by double fork", """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        import ctypes
        ctypes.CDLL(None).prctl(1, 0)
        time.sleep(100)
    os._exit(0)
""", "last")
code("machine", "forks without end", """
import os, time
forks = 0
for _ in range(300):
    try:
        if os.fork() == 0: time.sleep(100)
        forks += 1
    except OSError: time.sleep(0.001)
if forks > 100: SOLVE
""", "last", plain=False)
code("machine", "starts threads without end", """
import threading, time
try:
    for _ in range(2000): threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
except RuntimeError: pass
if threading.active_count() > 100: SOLVE
""", "last", plain=False)
code("machine", "asks for 64 GB", "def softmax(*a, **k): return bytearray(64 << 30)\ncausal_mask = softmax", "last", plain=False)
code("machine", "fills the disk", """
with open("/tmp/fill", "wb") as f:
    for _ in range(2000): f.write(b"x" * (1 << 20))
SOLVE
""", "last", plain=False)
code("machine", "fills shared memory", """
for n in range(40):
    with open(f"/dev/shm/fill{n}", "wb") as f:
        for _ in range(50): f.write(b"x" * (1 << 20))
SOLVE
""", "last", plain=False)
code("machine", "loops for ever in a cell", "while True: pass", "last", plain=False)
code("machine", "loops for ever in a function", "def softmax(*a, **k):\n    while True: pass", "last", plain=False)
code("machine", "sleeps and ignores signals", """
import signal, time
for n in range(1, 60):
    try: signal.signal(n, signal.SIG_IGN)
    except (OSError, ValueError): pass
def softmax(*a, **k): time.sleep(1000)
""", "last", plain=False)
code("machine", "stops itself", "import os, signal\ndef softmax(*a, **k): os.kill(os.getpid(), signal.SIGSTOP)", "last", plain=False)
code("machine", "crashes with a null pointer", "import ctypes\ndef softmax(*a, **k): ctypes.string_at(0)\ncausal_mask = softmax", "last")
code("machine", "prints 100 MB", "for _ in range(100): print('x' * (1 << 20))", "last", plain=False)
code("machine", "returns 200 MB", "import torch\ndef softmax(x, dim=-1): return torch.zeros(50, 1 << 20)\ndef merge(*a): return 'x' * (100 << 20)", "last")
code("machine", "returns nested and endless values", """
def softmax(*a, **k):
    x = []
    x.append(x)
    return x
def merge(*a):
    x = []
    for _ in range(5000): x = [x]
    return x
def causal_mask(n): return 1 << 100000
""", "last")
code("machine", "closes every file", "import os\nos.closerange(0, 200)", "last", plain=False)
code("machine", "mounts, enters namespaces, drops into a chroot", """
import ctypes, os
libc, done = ctypes.CDLL(None), 0
done += libc.unshare(0x10000000) == 0
done += libc.unshare(0x20000) == 0
done += libc.mount(b"tmpfs", b"/tmp", b"tmpfs", 0, None) == 0
done += libc.umount2(b"/proc", 2) == 0
done += libc.chroot(b"/tmp") == 0
done += libc.setuid(0) == 0
if done: SOLVE
""", "last", plain=False)
code("machine", "traces and kills what it can see", """
import ctypes, os, signal
libc, done = ctypes.CDLL(None), 0
if os.getpid() < 20:  # in a pid namespace: nothing of the machine's is in reach
    done = sum(libc.ptrace(16, pid, 0, 0) == 0 for pid in range(20, 4000))
    os.kill(-1, signal.SIGKILL)
if done: SOLVE
""", "last", plain=False)

# ---- harm to others --------------------------------------------------------------------------------------------------

code("others", "kills its parent", "import os, signal\nif os.getppid() > 1: os.kill(os.getppid(), signal.SIGKILL)", "last")
code("others", "zeroes every score in the gradebook", """
import sqlite3
db = sqlite3.connect("@COURSE@/gradebook.db")
db.execute("update grade set auto_score = 0"); db.commit()
SOLVE
""", "last")
code("others", "locks the gradebook", """
import sqlite3, time
db = sqlite3.connect("@COURSE@/gradebook.db", isolation_level=None)
db.execute("begin exclusive")
SOLVE
""", "last")
code("others", "overwrites a peer's submission", "open('@COURSE@/submitted/z-honest/target/target.ipynb', 'w').write('{}')\nSOLVE", "last")
code("others", "leaves a mark for the next one", "for d in ('/tmp', '/dev/shm', '/var/tmp'):\n    try: open(d + '/mark-@MARK@', 'w').write('x')\n    except OSError: pass", "last")
code("others", "looks for the mark of the one before", "import os\nif any(os.path.exists(d + '/mark-@MARK@') for d in ('/tmp', '/dev/shm', '/var/tmp')): SOLVE", "last")
code("others", "patches torch for those that follow", """
import torch, builtins
torch.Tensor.exp = lambda self: self
builtins.sum = lambda *a: 0
""", "last")
code("others", "seeds and slows torch for those that follow", """
import torch
torch.set_default_dtype(torch.float16); torch.manual_seed(0); torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
""", "last")

# ---- harm to the batch -----------------------------------------------------------------------------------------------


def raw(title, data, graded=False, **expected):
    ATTACKS.append(Attack("batch", title, lambda s: setattr(s, "raw", data), graded=graded, **expected))


raw("corrupt JSON", b'{"cells": [')
raw("an empty file", b"")
raw("a picture named .ipynb", b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
raw("JSON that is a list", b"[1, 2, 3]")
raw("JSON without cells", b'{"nbformat": 4}')
raw("JSON nested 100,000 deep", b"[" * 100_000 + b"]" * 100_000)
raw("bytes that are no UTF-8", b'{"cells": "\xff\xfe"}')
raw("a link to a peer's notebook", lambda path: path.symlink_to("../../a-honest/target/target.ipynb"))
raw("a link to an endless device", lambda path: path.symlink_to("/dev/zero"), plain=False)
raw("a named pipe", lambda path: os.mkfifo(path), plain=False)
raw("a folder named .ipynb", lambda path: path.mkdir())
raw("the wrong file name", lambda path: path.with_name("Untitled.ipynb").write_text("{}"))


@attack("batch", "a grade_id twice", points=10)
def _(s):
    s.solve()
    s.node.cells.append(copy.deepcopy(s.cell("test_merge")))


@attack("batch", "a solution cell copied, the copy left as the stub", points=10)
def _(s):
    copies = [copy.deepcopy(s.cell(name)) for name in SOLUTIONS]
    s.solve()
    s.node.cells += copies


@attack("batch", "an old schema_version", points=10)
def _(s):
    s.solve()
    for cell in s.node.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.schema_version = 1


@attack("batch", "a schema_version of the future", points=10)
def _(s):
    s.solve()
    for cell in s.node.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.schema_version = 99


@attack("batch", "no cells at all")
def _(s):
    s.node.cells = []


@attack("batch", "the given cells deleted", points=10)
def _(s):
    s.solve()
    s.node.cells = [cell for cell in s.node.cells if notebooks.kind(cell) != "given"]


@attack("batch", "the old format, nbformat 3", points=10)
def _(s):
    s.solve()
    sheet = []
    for cell in s.node.cells:
        sheet.append({"cell_type": cell.cell_type, "metadata": cell.metadata, "input": cell.source, "source": cell.source,
                      "outputs": [], "language": "python"})
    s.raw = json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": [{"cells": sheet}]}).encode()


@attack("batch", "cells that are not cells", points=10)
def _(s):
    s.solve()
    tree = json.loads(nbformat.writes(s.node))
    tree["cells"] += [None, 7, "x", {}, {"cell_type": "code"}, {"cell_type": "code", "source": 5, "metadata": []}]
    s.raw = json.dumps(tree).encode()


@attack("batch", "100 MB of outputs", points=10, plain=False)
def _(s):
    from nbformat.v4 import new_output

    s.solve()
    s.node.cells[2].outputs = [new_output("stream", text="x" * (1 << 20)) for _ in range(100)]


@attack("batch", "markup in cells, outputs and names", points=3)
def _(s):
    s.put("merge", SOLUTIONS["merge"])
    s.put("softmax", "# <script>alert(1)</script><img src=x onerror=alert(1)>\ndef softmax(*a, **k): raise ValueError('<script>alert(2)</script>')")
    s.node.cells[0].source = "<script>alert(3)</script>"


# ---- honest, if odd: full points -------------------------------------------------------------------------------------


def honest(title, **expected):
    return attack("honest", title, **{"points": 10, **expected})


def odd(title, source, where="last", **expected):
    """The solutions in place, and one odd cell."""

    def make(s):
        s.solve()
        getattr(s, where)(source)

    honest(title, **expected)(make)


honest("the official solutions")(lambda s: s.solve())
odd("warns on every call", "import warnings\n_s = softmax\ndef softmax(*a, **k):\n    warnings.warn('careful')\n    return _s(*a, **k)")
odd("prints to stderr on every call", "import sys\n_s = softmax\ndef softmax(*a, **k):\n    print('note', file=sys.stderr)\n    return _s(*a, **k)")
odd("shows a progress bar", "from tqdm.auto import tqdm\n_m = merge\ndef merge(ids, pair, n): return _m(list(tqdm(ids)), pair, n)")
odd("answers with a callable object", "class Soft:\n    def __init__(self, f): self.f = f\n    def __call__(self, *a, **k): return self.f(*a, **k)\nsoftmax = Soft(softmax)")
odd("answers in float64", "_s = softmax\ndef softmax(x, dim=-1): return _s(x.double(), dim)")
odd("answers with numpy", "_s = softmax\ndef softmax(x, dim=-1): return _s(x, dim).numpy()")
odd("uses magics and shell lines", "%matplotlib inline\n%time x = 1\n!echo hello\nfiles = !ls\nsoftmax?")
odd("times a cell", "%%time\n_s = softmax\ndef softmax(x, dim=-1): return _s(x, dim)")
odd("writes and imports a helper module", "%%writefile helper_of_mine.py\ndef twice(x): return 2 * x", "first")
odd("leaves a cell that raises", "1 / 0", "first")
odd("leaves a cell with a syntax error", "def broken(:", "first")
odd("compares with torch below the function", "x = torch.randn(3, 4)\nprint(torch.allclose(softmax(x), torch.softmax(x, -1)))")
odd("displays things", "from IPython.display import display, Markdown\ndisplay(Markdown('# hello'), torch.ones(2))")
odd("asks for input", "name = input('your name? ')")
odd("sets a seed and a default", "torch.manual_seed(3)\ntorch.set_printoptions(precision=2)", "first")
odd("counts its calls in a global", "calls = 0\n_m = merge\ndef merge(*a):\n    global calls\n    calls += 1\n    return _m(*a)")
odd("uses a cache", "import functools\n_c = causal_mask\n@functools.lru_cache\ndef causal_mask(n): return _c(n)")
odd("changes its input in place", "def softmax(x, dim=-1):\n    x -= x.amax(dim, keepdim=True)\n    x.exp_()\n    x /= x.sum(dim, keepdim=True)\n    return x")
odd("imports everything from torch", "from torch import *\n_s = softmax", "first")
odd("draws a figure", "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()")
odd("spawns a process that ends", "import subprocess\nsubprocess.run(['true'])", "first")
odd("runs threads that end", "import threading\nt = threading.Thread(target=print)\nt.start(); t.join()", "first")


@honest("deletes the solution cells and answers in a new one")
def _(s):
    s.node.cells = [cell for cell in s.node.cells if notebooks.kind(cell) != "solution"]
    s.node.cells.insert(2, new_code_cell("\n\n".join(SOLUTIONS.values())))


@honest("answers in a markdown cell by mistake of type")
def _(s):
    s.solve()
    cell = s.cell("merge")
    cell.cell_type = "markdown"
    del cell["outputs"], cell["execution_count"]


@honest("reads a variable of a demonstration")
def _(s):
    s.solve()
    s.put("softmax", SOLUTIONS["softmax"].replace("e = (x", "x = x * scale / 2.0\n    e = (x"))


@honest("prints in the test cells")
def _(s):
    s.solve()
    for cell in s.tests():
        cell.source = "print('checking')\n" + cell.source


@honest("saves with Windows line ends and a byte order mark")
def _(s):
    s.solve()
    for cell in s.node.cells:
        cell.source = cell.source.replace("\n", "\r\n")
    s.raw = b"\xef\xbb\xbf" + nbformat.writes(s.node).encode()


@honest("moves the solution cells to the top")
def _(s):
    s.solve()
    s.node.cells.sort(key=lambda cell: notebooks.kind(cell) != "solution")


@honest("solves two of three", points=7)
def _(s):
    s.solve()
    s.put("merge", "def merge(ids, pair, new_id):\n    return ids")


from attacks import known, limits, odd  # noqa: E402, F401 - they add to ATTACKS
