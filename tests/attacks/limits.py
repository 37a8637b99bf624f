"""Attacks on those who read and wait: texts that cost a parser hours, frames that cost a reader gigabytes, marks that
outlive a submission. Each costs itself its own limit, and is a row with points and a sentence."""

import json

import nbformat

from attacks.corpus import SOLUTIONS, attack, code, raw

# ---- texts that are dear to read -------------------------------------------------------------------------------------
# merge is solved in each: a text that cannot be read costs its author all points, one that can costs the exercise.

N = 150_000
for title, text, points in (
    ("an f-string of 150,000 fields", "f'" + "{x}" * N + "'", 3),
    ("an f-string in a cell that is short enough to be read", "f'" + "{x}" * 6_000 + "'", 3),
    ("a chain of 400,000 attributes", "a" + ".b" * 400_000, 3),
    ("a chain of 20,000 attributes", "a" + ".b" * 20_000, 3),
    ("200,000 minus signs", "x = " + "-" * 200_000 + "1", 3),
    ("49,000 minus signs", "x = " + "-" * 49_000 + "1", 3),
    ("100,000 elifs", "if 0: pass\n" + "elif 0: pass\n" * 100_000, 3),
    ("10,000 statements", "0\n" * 10_000, 3),
    ("a number of 3 million digits", "x = " + "9" * 3_000_000, 3),
    ("20,000 brackets", "x = " + "(" * 20_000 + ")" * 20_000, 3),
    ("1,000 f-strings in each other", "x = " + "f'{" * 1_000 + "1" + "}'" * 1_000, 3),
    ("6,000 lambdas in each other", "x = " + "lambda: " * 6_000 + "1", 3),
    ("24,000 sums", "x = " + "1+" * 24_000 + "1", 3),
    ("12,000 calls of calls", "x = a" + "()" * 12_000, 3),
    ("90 comprehensions in each other", "x = " + "[" * 90 + "a" + " for a in a]" * 90, 3),
    ("1,400 definitions of one name", "def softmax(x, dim=-1): return x\n" * 1_400, 3),
    ("90 magics", "%time 1\n" * 90, 3),
    ("5,000 magics", "%time 1\n" * 5_000, 3),
    ("a magic of 40,000 letters", "%time " + "x" * 40_000, 3),
    ("49,000 tabs", "\t" * 49_000, 3),
    ("half a character", "x = '\ud800'", 3),
    ("a null character", "x = '\0'", 3),
):

    def _(s, text=text):
        s.put("merge", SOLUTIONS["merge"])
        s.first(text)
        s.raw = json.dumps(s.node).encode()

    attack("stall", title, points=points, plain=False)(_)


@attack("stall", "4 MB of attributes in the solution's own cell", points=3, plain=False)
def _(s):
    s.put("merge", SOLUTIONS["merge"])
    s.put("softmax", "def softmax(x, dim=-1): return x" + (".a" * 450 + "\n    x") * 4_000)


raw("40 MB of empty objects", b'{"cells": [], "x": [' + b"{}," * 13_000_000 + b"{}]}", graded=True, plain=False)
raw("130 MB of nothing", b'{"cells": []}' + b" " * (130 << 20), plain=False)


@attack("batch", "30 MB of objects in a notebook that is right", points=10, plain=False)
def _(s):
    s.solve()
    text = nbformat.writes(s.node)
    s.raw = (text.rstrip()[:-1] + ', "more": [' + "{}," * 10_000_000 + "{}]}").encode()


# ---- frames ----------------------------------------------------------------------------------------------------------

FRAME = """
import json, os, struct
def send(text):
    data = struct.pack("<II", len(text), 0) + text
    while data: data = data[os.write(3, data):]
COLLIDING = json.dumps(["dict", *[[n * (2**61 - 1), 0] for n in range(200_000)]]).encode()
SOME = json.dumps(["list", *[["dict", *[[n * (2**61 - 1), 0] for n in range(2_000)]]] * 20]).encode()
"""


def frames(title, source, where="last", **expected):
    code("stall", title, FRAME + source, where, plain=False, **expected)


frames("keys made to collide, from a cell", "send(COLLIDING)")
frames(
    "keys made to collide, after a check that failed",
    "import threading\ndef softmax(*a, **k):\n    threading.Timer(0.2, send, [COLLIDING]).start()\n    return 1",
)
frames("keys made to collide, as an answer", "def softmax(*a, **k): send(COLLIDING)")
frames(
    "keys made to collide, few enough to be read",
    "def softmax(*a, **k): send(b'[\"list\", \"value\", ' + SOME + b']')",
)
frames(
    "whole numbers made to collide, a line each",
    "def softmax(*a, **k): send(b'[\"list\", \"value\", [\"list\",\\n' + b',\\n'.join(b'%d' % (n * (2**61 - 1)) for n in range(1, 20_000)) + b']]')",
)
frames(
    "frames without end from eight processes",
    """
for _ in range(8):
    if os.fork() == 0:
        while True: send(b'["list", "cell", 0]')
while True: pass
""",
    found=True,
)
frames(
    "a byte at a time",
    """
import time
def softmax(*a, **k):
    os.write(3, struct.pack("<II", 10_000_000, 0))
    while True: os.write(3, b" "); time.sleep(0.5)
""",
)
frames(
    "half a frame",
    "def softmax(*a, **k):\n    os.write(3, b'1234')\n    import time; time.sleep(1000)",
)
frames(
    "millions of zeros",
    "def softmax(*a, **k): return [0] * 5_400_000\ndef merge(*a): return [[[0] * 100] * 100] * 100\ndef causal_mask(n): return [[]] * 4_000_000",
)
frames(
    "a number of a million digits",
    "def softmax(*a, **k): send(b'[\"list\", \"value\", ' + b'9' * 1_000_000 + b']')",
)
frames(
    "a tensor file that lies",
    """
def softmax(*a, **k):
    head = json.dumps({"0": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}).encode()
    blob = struct.pack("<Q", len(head)) + head + b"1234"
    text = b'["list", "value", ["tensor", "0"]]'
    os.write(3, struct.pack("<II", len(text), len(blob)) + text + blob)
""",
)
frames(
    "a table of 900,000 empty tensors",
    """
TABLE = b"{" + b",".join(b'"%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % n for n in range(900_000)) + b"}"
def softmax(*a, **k):
    text = b'["list", "value", ["tensor", "0"]]'
    blob = struct.pack("<Q", len(TABLE)) + TABLE
    data = struct.pack("<II", len(text), len(blob)) + text + blob
    while data: data = data[os.write(3, data):]
""",
)
for title, shape, size in (
    ("a tensor of 200,000 dimensions", [1] * 200_000, 1),
    ("a tensor of 60 million rows", [60_000_000, 1], 60_000_000),
    ("a tensor of a billion empty rows", [10**9, 0], 0),
):
    frames(
        title,
        f"""
def softmax(*a, **k):
    head = b'{{"0":{{"dtype":"U8","shape":[%s],"data_offsets":[0,{size}]}}}}'
    head %= ",".join(map(str, {shape if len(shape) < 9 else f"[1] * {size * len(shape)}"})).encode()
    blob, text = struct.pack("<Q", len(head)) + head + bytes({size}), b'["list", "value", ["tensor", "0"]]'
    data = struct.pack("<II", len(text), len(blob)) + text + blob
    while data: data = data[os.write(3, data):]
merge = causal_mask = softmax
""",
    )
frames(
    "60,000 empty tensors, the honest way",
    "import torch\ndef softmax(*a, **k): return [torch.empty(0)] * 60_000\ndef causal_mask(n): return tuple(torch.empty(0) for _ in range(60_000))",
)
frames(
    "asks without end",
    """
ask = __import__("llmlib").stand_in("merge", "m")
def softmax(*a, **k):
    while True:
        try: ask([1], (1, 2), 3)
        except Exception: pass
""",
)
frames(
    "does not read what it is sent",
    "def softmax(*a, **k):\n    import time; time.sleep(1000)\nos.set_blocking(3, False)",
)

# ---- what is out of reach, or ends with the submission ---------------------------------------------------------------


def harmless(kind, title, source, **expected):
    code(
        kind,
        title,
        "import ctypes, os, signal, socket, time\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        + source,
        "last",
        plain=False,
        **({"found": True} | expected),
    )


for name, pid in (("its group", 0), ("all it can see", -1), ("the first process", 1)):
    for sign in ("SIGSTOP", "SIGKILL"):
        harmless("others", f"sends {sign} to {name}", f"os.kill({pid}, signal.{sign})")
harmless(
    "others",
    "makes the workers' whole group slow",
    "if 0 in [libc.setpriority(which, 0, 19) for which in (0, 1, 2)]: SOLVE",
)
harmless(
    "others",
    "measures whether the group is slow",
    "if os.getpriority(os.PRIO_PROCESS, 0) >= 19: SOLVE",
)
harmless(
    "others",
    "gives the group no share of the disk",
    "if libc.syscall(251, 2, 0, 3 << 13) == 0: SOLVE",
)
harmless(
    "others",
    "leaves a key in the session's ring",
    "if libc.syscall(248, b'user', b'mark', b'x', 1, -3) > 0: SOLVE",
)
harmless(
    "others",
    "looks for a key in the session's ring",
    "if libc.syscall(249, b'user', b'mark', None, 0) > 0: SOLVE",
)
harmless(
    "leak",
    "joins and reads the grader's ring of keys",
    "if libc.syscall(250, 0, -3, 0) > 0 or libc.syscall(250, 0, -5, 0) > 0: SOLVE",
)
harmless(
    "others",
    "leaves a port behind",
    """
a = socket.create_server(("127.0.0.1", 4711)); b = socket.create_connection(("127.0.0.1", 4711)); a.accept()[0].close(); b.close()
SOLVE
""",
)
harmless(
    "others",
    "leaves a name among the abstract sockets",
    "s = socket.socket(socket.AF_UNIX); s.bind(b'\\0mark'); s.listen(); os.dup2(s.fileno(), 90)",
)
harmless(
    "others",
    "looks for a name among the abstract sockets",
    "s = socket.socket(socket.AF_UNIX); s.connect(b'\\0mark'); SOLVE",
)
harmless("others", "leaves a segment of System V's memory", "libc.shmget(4711, 4096, 0o1666)")
harmless(
    "others",
    "looks for a segment of System V's memory",
    "if libc.shmget(4711, 4096, 0o666) >= 0: SOLVE",
)
for family in (16, 17, 38, 40):
    harmless(
        "machine",
        f"opens a socket of family {family}",
        f"socket.socket({family}, socket.SOCK_DGRAM)\nSOLVE",
    )
harmless(
    "machine",
    "connects to the host of a virtual machine",
    "s = socket.socket(40, socket.SOCK_STREAM); s.settimeout(1); s.connect((2, 22))\nSOLVE",
)
for name, call in {
    "a ring of requests": "425, 4, ctypes.create_string_buffer(120)",
    "its own page faults": "323, 0",
    "programs in the kernel": "321, 0, None, 0",
    "counters of the processor": "298, ctypes.create_string_buffer(128), 0, -1, -1, 0",
    "a file system of its own": "430, b'tmpfs', 0",
    "another's memory": "310, 1, None, 0, None, 0, 0",
}.items():
    harmless("machine", f"asks the kernel for {name}", f"if libc.syscall({call}) >= 0: SOLVE")
harmless("machine", "traces the first process", "if libc.ptrace(16, 1, 0, 0) == 0: SOLVE")
harmless("machine", "leaves the session", "os.setsid()\nSOLVE")
harmless(
    "machine",
    "keeps files in memory without end",
    "fds = [os.memfd_create(str(n)) for n in range(120)]\nfor fd in fds: os.truncate(fd, 1 << 20)",
    found=True,
)
harmless(
    "machine",
    "takes 20 times 60 MB of memory that has no name",
    "for n in range(20):\n    fd = os.memfd_create('x')\n    for _ in range(60): os.write(fd, b'x' * (1 << 20))",
    found=True,
)
harmless(
    "others",
    "burns all cores from 30 processes",
    """
for _ in range(30):
    if os.fork() == 0:
        while True: pass
time.sleep(5)
""",
)
harmless(
    "machine",
    "sends open files to itself",
    "a, b = socket.socketpair(); socket.send_fds(a, [b'x'], [0] * 100)\nfor _ in range(100): socket.send_fds(a, [b'x'], [0] * 100)",
    found=True,
)
harmless(
    "machine",
    "hands the grader an open file",
    "socket.send_fds(socket.socket(fileno=os.dup(3)), [b'x'], [0])",
)
harmless(
    "machine",
    "locks a file of the machine",
    "import fcntl\nfcntl.flock(open(os.__file__), fcntl.LOCK_SH)\nSOLVE",
)
harmless(
    "machine",
    "locks a file of the machine by fcntl",
    "import fcntl\nkept = open(os.__file__)\nfcntl.lockf(kept, fcntl.LOCK_SH)\nSOLVE",
)
harmless(
    "leak",
    "watches what the machine's owner opens",
    "n = libc.inotify_init1(0)\nif n >= 0 and libc.inotify_add_watch(n, b'/usr/bin', 0xFFF) >= 0: SOLVE",
)
harmless(
    "leak",
    "watches a folder by a signal",
    "import fcntl\nfcntl.fcntl(os.open('/usr/bin', 0), 1026, 0x8000003F)\nSOLVE",
)
harmless(
    "machine",
    "makes 10,000 files",
    "for n in range(10_000): open(f'/tmp/{n}', 'w').close()\nSOLVE",
    found=True,
)
harmless(
    "machine",
    "makes folders in each other without end",
    "for n in range(10_000): os.mkdir('d'); os.chdir('d')\nSOLVE",
    found=True,
)
harmless(
    "machine",
    "a limit lifted again",
    "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))\nSOLVE",
    found=True,
)
harmless(
    "machine",
    "writes to the grader's part",
    "open('/course/grader/wire.py', 'a').write('x')\nSOLVE",
    found=True,
)


# ---- memory that no limit counts, words of the kernel ----------------------------------------------------------------

code(
    "machine",
    "fills files that lie nowhere",
    """
import os
kept = [os.memfd_create(str(n)) for n in range(8)]
for file in kept: os.posix_fallocate(file, 0, 60 << 20)
SOLVE
""",
    "last",
    plain=False,
)
code(
    "machine",
    "fills segments of System V",
    """
import ctypes
libc = ctypes.CDLL(None)
if libc.shmget(0, 1 << 20, 0o1600) >= 0: SOLVE
""",
    "last",
    plain=False,
)
for title, call in {
    "fills sets of semaphores": "semget(0, 32000, 0o600)",
    "fills queues of messages": "msgget(0, 0o600)",
}.items():
    code(
        "machine",
        title,
        f"import ctypes\nif ctypes.CDLL(None).{call} >= 0: SOLVE",
        "last",
        plain=False,
    )
code(
    "machine",
    "changes how it is scheduled",
    "import os\nif os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)) is None: SOLVE",
    "last",
    plain=False,
)
code(
    "machine",
    "reads what the kernel says",
    """
import ctypes
if ctypes.CDLL(None).klogctl(3, ctypes.create_string_buffer(4096), 4096) >= 0: SOLVE
""",
    "last",
    plain=False,
)
