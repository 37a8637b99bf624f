"""Python in the page checks exercises as the notebook does, in Chromium and Firefox: what is
right passes, what is wrong is named in the same words, what never ends is stopped; and what a
reader is told where it cannot run."""

import contextlib

import answer_runner as A
import browser
import firefox
import made_once
import pytest
import static_server
from test_page_torch import ANSWERS, OTHERWISE, as_written, params

from authoring.site import python_parts
from classroom.checking import run_cells, run_tests
from exercises.format import notebooks

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.needs("chromium"),
    pytest.mark.needs("npm"),
]
FIRST = "01_tokens"
LONG = 600_000  # milliseconds
PATIENT = 90  # seconds: what is judged is tested, not how long it takes on a busy machine
ASK = """async (asked) => {
  const { python } = await import("./assets/python/python.js");
  python.seconds = asked.seconds ?? 20;
  const said = [];
  for (const { notebook, exercise, code, others } of asked.checks) {
    said.push(await python.check(notebook, exercise, code, others));
  }
  return said;
}"""
START = """async () => {
  const { python } = await import("./assets/python/python.js"), bytes = [];
  try {
    await python.start((each) => bytes.push(each));
  } catch (error) {
    return error.message;
  }
  return bytes.at(-1);
}"""
ENDLESS = "def count_pairs(ids):\n    while True:\n        pass\n"


def lay_out(folder):
    static_server.lay_out(folder)
    python_parts.write(folder)


@pytest.fixture(scope="module")
def folder():
    """A folder as the site has it: the scripts, Python, and an empty page."""
    return made_once.folder("python", lay_out)


@contextlib.contextmanager
def opened(chromium, folder):
    with static_server.served(folder) as server, browser.new_page(chromium) as page:
        page.set_default_timeout(LONG)
        page.goto(f"{server.address}/index.html")
        page.server = server
        yield page


@pytest.fixture(scope="module")
def page(chromium, folder):
    """A page in which Python has been started."""
    with opened(chromium, folder) as page:
        assert page.evaluate(START)["done"] > 6_000_000
        yield page
        assert not page.complaints


def ask(page, notebook, exercise, *codes, others=None, seconds=20):
    """What the page says of each code."""
    given = {"notebook": notebook, "exercise": exercise, "others": others or {}}
    checks = [given | {"code": code} for code in codes]
    return page.evaluate(ASK, {"checks": checks, "seconds": seconds})


def fault(answer, heard):
    """How the page judges an answer otherwise than the notebook; None if it does not."""
    said = None if heard["passed"] else heard["message"]
    return None if as_written(answer, said) else f"{answer}: {said!r}"


def answers(*kinds):
    for each in ANSWERS:
        if each.kind in kinds and (each.notebook, each.function, each.title) not in OTHERWISE:
            yield each


@pytest.mark.journey
@pytest.mark.parametrize("answer", params(answers("right", "wrong", "solution", "stub")))
def test_an_answer_is_judged_as_in_the_notebook(page, answer):
    [heard] = ask(page, answer.notebook, answer.function, answer.code, seconds=PATIENT)
    assert not fault(answer, heard)


def check_offline(page, server):
    """With its server gone, the page still judges."""
    server.stop()
    try:
        page.reload()
        for answer in [each for each in answers("right", "wrong") if each.function == "merge"][:3]:
            [heard] = ask(page, answer.notebook, answer.function, answer.code, seconds=PATIENT)
            assert not fault(answer, heard)
    finally:
        server.start()


@pytest.mark.needs("firefox")
def test_firefox_judges_stubs_and_solutions_and_does_without_its_server(folder):
    with static_server.served(folder) as server, firefox.new_page() as page:
        page.goto(f"{server.address}/index.html")
        assert page.evaluate(START)["done"] > 6_000_000
        for answer in answers("solution", "stub"):
            [heard] = ask(page, answer.notebook, answer.function, answer.code, seconds=PATIENT)
            assert not fault(answer, heard)
        assert page.evaluate(KEPT)
        check_offline(page, server)


def test_what_never_ends_is_stopped_with_the_notebooks_sentence(page):
    [said] = ask(page, FIRST, "count_pairs", ENDLESS, seconds=2)
    told = run_tests.error_message(KeyboardInterrupt(run_cells.OUT_OF_TIME), 2)
    assert said == {"passed": False, "message": told, "printed": "", "uses": []}
    right = A.exercise(FIRST, "count_pairs").solution
    assert ask(page, FIRST, "count_pairs", right)[0]["passed"]  # a new worker


# A worker that answers at once, and from which what it had still to say arrives after its end.
LATE_WORKER = """(seed) => {
  const random = () => { // mulberry32
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  const later = (act) => setTimeout(act, 8 * random());
  const error = () => ({ preventDefault() {} });
  window.random = random;
  window.late = 0;
  window.Worker = class {
    postMessage({ call, method, args }) {
      const say = (words) => this.onmessage({ data: { call, ...words } });
      if (method === "start") return void later(() => this.ended || say({ result: null }));
      this.call = call;
      later(() => this.ended || say({ begins: args[1] }));
      if (args[2] === "endless") return;
      setTimeout(() => this.ended || say({ result: { passed: true, message: args[2] } }), 9);
    }
    terminate() {
      this.ended = true;
      later(() => { window.late += 1; this.onerror(error()); });
      for (const words of [{ begins: "f" }, { error: "late" }, { result: { message: "late" } }]) {
        // its call's number, or that of the call after: a new worker may be asked meanwhile
        for (const more of [0, 1, 2]) {
          later(() => this.onmessage({ data: { call: (this.call ?? 0) + more, ...words } }));
        }
      }
    }
  };
}"""
RUN_AGAIN = """async (tries) => {
  const { python } = await import("./assets/python/python.js"), wrong = [];
  const wait = () => new Promise((resolve) => setTimeout(resolve, 12 * random()));
  const hangs = () => new Promise((resolve) => setTimeout(resolve, 5000, { message: "it hangs" }));
  const named = (error) => ({ message: error.name });
  const told = (check) => Promise.race([check, hangs()]).catch(named);
  for (let i = 0; i < tries; i++) {
    const first = told(python.check("book", "f", "endless"));
    await wait();
    python.stop();
    if (random() < 0.5) python.start().catch(() => {}); // as an editor that is opened
    const second = told(python.check("book", "f", `try ${i}`));
    const said = [(await first).message, (await second).message];
    if (said[0] !== "AbortError" || said[1] !== `try ${i}`) wrong.push(said);
  }
  return { wrong, late };
}"""


def test_what_an_ended_worker_says_late_disturbs_no_check_after_it(chromium, folder):
    with static_server.served(folder) as server, browser.new_page(chromium) as page:
        page.goto(f"{server.address}/index.html")
        page.evaluate(LATE_WORKER, 1)
        said = page.evaluate(RUN_AGAIN, 200)
        assert said["wrong"] == []
        assert said["late"] >= 200
        assert not page.complaints


TOO_SLOW = "took longer than 3 s: is there a loop that never ends?"
HOSTILE = {  # {what the body of `merge` does: what is said of it}
    "while True: pass": TOO_SLOW,
    "return merge(ids, pair, new_id)": "RecursionError",
    "kept = []\nwhile True: kept.append(bytearray(10**9))": "MemoryError: the code asks",
    "print('x' * 10**7)": "merge gave back None: is there a return?",
    "return input('ids? ')": "EOFError: nothing can be typed in while a check runs: use the",
    "import sys\nreturn sys.stdin.read()": "EOFError: nothing can be typed in while a check runs",
    "import time\ntime.sleep(1000)": TOO_SLOW,
    "while True: print('x')": TOO_SLOW,
    "import itertools\nreturn sum(1 for _ in itertools.count())": TOO_SLOW,
    "import itertools\nreturn (ids for _ in itertools.count())": "`merge` returned",
    "raise KeyboardInterrupt": "KeyboardInterrupt: the code interrupts itself",
    "import sys\nsys.exit()": "SystemExit: the code ends Python, so",
    "return [0] * 10**9": "MemoryError: the code asks",
    "return list(range(10**9))": "MemoryError: the code asks",
    "while True:\n    try: raise ValueError\n    except BaseException: pass": TOO_SLOW,
}


@pytest.mark.parametrize("body", HOSTILE)
def test_endless_or_greedy_code_ends_in_a_sentence_and_the_next_check_works(page, body):
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    code = f"def merge(ids, pair, new_id):\n{lines}"
    seconds = 3 if HOSTILE[body] == TOO_SLOW else 60  # a busy machine takes long to fill its memory
    [said] = ask(page, FIRST, "merge", code, seconds=seconds)
    assert HOSTILE[body] in said["message"] and not said["passed"]
    assert "\n" not in said["message"] and "undefined" not in said["message"]
    assert len(said["printed"]) <= 10_001
    assert ask(page, FIRST, "merge", A.exercise(FIRST, "merge").solution)[0]["passed"]


def test_a_process_that_ends_itself_is_a_message_too(page):
    code = "import os\n\n\ndef merge(ids, pair, new_id):\n    os._exit(0)\n"
    said = ask(page, FIRST, "merge", code, A.exercise(FIRST, "merge").solution)
    assert said[0]["message"] == "the process ended (memory, exit or crash)"
    assert said[1]["passed"]


def test_an_exercise_uses_the_readers_others_if_they_pass_and_says_whose(page):
    book = FIRST
    task = {each.name: each.solution for each in notebooks.load(book).exercises}
    wrong = "def merge(ids, pair, new_id):\n    return []\n"
    printing = task["count_pairs"].replace('"""\n', '"""\n    print("mine")\n', 1)
    printing = "def count_pairs(ids):\n    print('mine')\n" + _body(task["count_pairs"])
    others = {"count_pairs": printing, "merge": wrong, "decode": "1 +"}
    [said] = ask(page, book, "train_bpe", task["train_bpe"], others=others)
    assert said["passed"] and "mine" in said["printed"]
    assert said["uses"] == [
        {"name": "count_pairs", "whose": "reader"},
        {"name": "merge", "whose": "course"},
    ]
    [said] = ask(page, book, "count_pairs", task["count_pairs"], others=others)
    assert said["uses"] == []
    draw = A.exercise("06_sampling", "draw").solution
    assert ask(page, "06_sampling", "draw", draw)[0]["uses"] == []
    slow = {"count_pairs": ENDLESS, "merge": task["merge"]}
    [said] = ask(page, book, "train_bpe", task["train_bpe"], others=slow, seconds=2)
    assert said["passed"]
    assert said["uses"] == [
        {"name": "count_pairs", "whose": "course"},
        {"name": "merge", "whose": "reader"},
    ]


def _body(function):
    """The lines of a function below its docstring."""
    return function.rpartition('"""\n')[2]


NOT_ALLOWED = {
    (FIRST, "merge"): "from llmlib.tokens import merge",
    (FIRST, "stream_decode"): """import codecs
def stream_decode(ids, merges):
    return codecs.getincrementaldecoder("utf-8")""",
    ("05_output_head", "softmax"): "def softmax(logits):\n    return logits.softmax(-1)",
    ("05_output_head", "cross_entropy"): """from torch.nn.functional import cross_entropy as kept
def cross_entropy(logits, targets):
    return kept(logits, targets)""",
    ("05_output_head", "logits_gradient"): """import torch
def logits_gradient(logits, targets):
    logits = logits.clone().requires_grad_()
    torch.logsumexp(logits, -1).sum().backward()
    return logits.grad""",
}


@pytest.mark.parametrize("where", NOT_ALLOWED, ids="/".join)
def test_what_the_exercise_does_not_allow_is_not_allowed_here(page, where):
    code, disallowed = NOT_ALLOWED[where], A.exercise(*where).disallowed
    said = ask(page, *where, code)[0]["message"]
    assert "is not allowed in this exercise: write this one yourself" in said
    assert any(f"`{name}`" in said for name in disallowed)


SAID = {
    "def merge(ids, pair, new_id)\n    return ids": "SyntaxError: expected ':'",
    "": "`merge` is not defined: write it and run its cell",
    "%cd ..\ndef merge(ids, pair, new_id):\n    return ids": "is for the notebook",
    "    def merge(ids, pair, new_id):\n        return list(ids)": "nothing was merged",
    "def merge(ids, pair, new_id):\n    import numpy\n    return numpy.fft.fft(ids)": (
        "numpy.fft is not in the page: use the notebook"
    ),
    "def merge(ids, pair, new_id):\n    import transformers": "No module named 'transformers'",
    "def merge(ids, pair, new_id):\n    return merge(ids, pair, new_id)": "RecursionError",
}


def test_a_readers_mistake_is_one_line(page):
    for code, heard in zip(SAID, ask(page, FIRST, "merge", *SAID), strict=True):
        assert SAID[code] in heard["message"] and "\n" not in heard["message"]
        assert not heard["passed"]


def test_what_is_printed_is_shown_up_to_a_bound(page):
    loud = "def merge(ids, pair, new_id):\n    print('x' * 999)\n    return list(ids)"
    louder = loud.replace("999", "10**6")
    short, long = (each["printed"] for each in ask(page, FIRST, "merge", loud, louder))
    assert "x" * 999 + "\n" in short and len(long) == 10_001 and long.endswith("x…")


# ---- where it cannot run


def test_a_damaged_download_is_one_sentence_and_the_next_try_works(chromium, folder):
    with opened(chromium, folder) as page:
        part = folder / "python/pyodide.asm.wasm.part"
        damaged = static_server.body(bytes(part.stat().st_size))
        page.server.faults[part.name] = damaged
        assert page.evaluate(START) == "The download arrived damaged, in part 3 of 6: try again."
        page.server.faults.clear()
        page.server.asked.clear()
        assert page.evaluate(START)["done"] > 6_000_000
        assert "pyodide.mjs.part" not in page.server.asked  # what had arrived was kept


KEPT = """async () => {
  const { python } = await import("./assets/python/python.js");
  const url = new URL("assets/python/worker.js", location).href;
  for (let i = 0; i < 600; i++) {
    const cache = await caches.open(`llmlib-site ${new URL("./", location)}`);
    if (await cache.match(url)) return python.isKept();
    await new Promise(resolve => setTimeout(resolve, 100));
  }
  return false;
}"""


def test_it_is_downloaded_once_and_does_without_the_server(chromium, folder):
    with opened(chromium, folder) as page:
        page.server.asked.clear()
        assert page.evaluate(START)["done"] > 6_000_000
        assert page.evaluate(KEPT)
        page.reload()
        assert page.evaluate(START)["done"] > 6_000_000
        assert page.server.asked.count("pyodide.asm.wasm.part") == 1
        check_offline(page, page.server)


def test_without_a_connection_or_room_or_on_a_site_without_it_the_reader_is_told(chromium, folder):
    with opened(chromium, folder) as page:
        page.server.faults["manifest.json"] = static_server.status(404)
        assert "This site lacks Python (404 for " in page.evaluate(START)
        page.server.faults.clear()
        session = page.context.new_cdp_session(page)
        quota = {"origin": page.server.address, "quotaSize": 100_000}
        session.send("Storage.overrideQuotaForOrigin", quota)
        assert "This browser has no room for Python: it needs" in page.evaluate(START)
        page.server.stop()
        try:
            assert "try again" in page.evaluate(START)
        finally:
            page.server.start()


def test_an_old_browser_is_told(chromium, folder):
    with static_server.served(folder) as server, browser.new_page(chromium) as page:
        page.add_init_script("delete self.DecompressionStream")
        page.goto(f"{server.address}/index.html")
        said = page.evaluate(START)
        assert said.startswith("This browser cannot run Python in a page: update it")
        assert not page.complaints
