"""What is not there cannot be handed in: in a learner's process nothing holds an answer."""

import ast
import importlib
import inspect
import pkgutil
import re
from contextlib import closing
from functools import cache

import pytest
import torch
from chief import chief
from grading_fakes import verdict
from patient_runner import PatientRunner

import llmlib
from classroom.checking.submission import Cell, plan
from exercises.course_packages import PACKAGES, is_inside
from exercises.format import notebooks
from grader.host import bubblewrap
from grader.host.rpc import RemoteProcess
from grader.host.time_limits import Limits
from grader.marking import library_slice
from grader.marking.runner import Runner

pytestmark = [
    pytest.mark.security,
    pytest.mark.verdict("solutions/*.py", "llmlib/**/*.py", "classroom/**/*.py"),
]
NAMES = notebooks.names()


@pytest.fixture(scope="module")
def runner():
    with closing(PatientRunner([notebooks.load(name) for name in NAMES])) as runner:
        yield runner


@cache
def homes():
    """{function or class: the modules of llmlib that define one of that name}."""
    found = {}
    for each in pkgutil.iter_modules(llmlib.__path__):
        if each.name not in ("widgets", "cli", "token_playground") and not each.ispkg:
            module = importlib.import_module(f"llmlib.{each.name}")
            for name, value in vars(module).items():
                if inspect.isfunction(value) or inspect.isclass(value):
                    found.setdefault(name, []).append(module.__name__)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_what_is_mounted_holds_no_answer_of_the_notebook(name):
    notebook = notebooks.load(name)
    answers = {each.name for each in notebook.exercises}
    answers |= {
        part
        for each in notebook.exercises
        for off in each.disallowed
        if off.startswith("llmlib.")
        for part in off.split(".")[2:]
    }
    for source in library_slice.cut(notebook).reduced.values():
        nodes = list(ast.walk(ast.parse(source)))
        made = {node.name for node in nodes if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
        assert not made & answers
        read = {node.id for node in nodes if isinstance(node, ast.Name)}
        assert not read & {"quiz_key", "deobfuscate", "json", "importlib"}


LOOK = (
    f"NAMES = {[f'{name}{kind}' for name in NAMES for kind in ('.ipynb', '.py')]}\n"
    f"PACKAGES = {PACKAGES}"
    + """
def look():
    import gc, os, sys, types
    from pathlib import Path
    live = [f"{getattr(each, '__module__', None)}.{each.__name__}" for each in gc.get_objects()
            if isinstance(each, (types.FunctionType, type))]
    ours = [name for name in sys.modules if name.partition(".")[0] in PACKAGES]
    disk = []
    for top in ("/course", "/tmp", "/dev/shm", "/opt", "/srv", "/var", "/usr/src", *sys.path):
        for folder, _, files in os.walk(top):
            disk += [Path(folder, file) for file in files]
    disk = [str(path) for path in disk if path.suffix in (".py", ".json", ".ipynb", ".pyc")
            and (not {*PACKAGES}.isdisjoint(path.parts) or path.name in NAMES
                 or path.name == "quiz.json" or "llmlib" in path.name)]
    return sorted(set(live)), sorted(ours), sorted(set(disk))
"""
)
GUEST = "__init__ zygote jail seccomp process resume_cell"
OURS = [f"grader/guest/{name}" for name in GUEST.split()]
OURS += ["grader/__init__", "grader/wire", "classroom/__init__"]
RUNNING = "__init__ plain_data run_cells snapshots exceptions"
OURS += [f"classroom/checking/{name}" for name in RUNNING.split()]
OURS += [f"exercises/{name}" for name in ("__init__", "course_packages")]
OURS += [f"exercises/{name}" for name in ("operators", "torch_blocker")]


@pytest.mark.parametrize("name", chief(NAMES, "01_tokens", "quiz"))
def test_no_answer_is_in_memory_or_on_disk(runner, name):
    """All that is alive, imported or in a file, but the grader's own part that runs there."""
    notebook = notebooks.load(name)
    job = plan(notebook, [Cell("code", None, LOOK)])
    process = RemoteProcess(runner.sandbox, job, library_slice.cut(notebook).reduced, Limits())
    try:
        process.begin(())
        live, modules, disk = process.call("look", [], {})
    finally:
        process.stop()
    given = {
        file.removesuffix(".py").replace("/", ".") for file in library_slice.cut(notebook).reduced
    }
    parts = {module.rpartition(".")[0] for module in given}
    assert set(modules) <= {*PACKAGES, *given, *parts}
    alive = {each for each in live if is_inside(each)}
    files = {module.replace(".", "/") for module in given}
    mine = {path.replace("/", ".") for path in OURS}
    assert {each.rpartition(".")[0] for each in alive} <= mine | given
    below = [re.split(rf"/(?=(?:{'|'.join(PACKAGES)})/)", path, maxsplit=1)[-1] for path in disk]
    seen = {path.removesuffix(".py") for path in below}
    known = {*OURS, *files}
    assert {path for path in seen if not re.search("__editable__|dist-info", path)} <= known


@pytest.mark.parametrize("name", chief([name for name in NAMES if name != "quiz"], "01_tokens"))
def test_the_librarys_own_functions_get_no_points(runner, name):
    """By every module that has one of that name, in words that no reading of the text can see."""
    notebook = notebooks.load(name)
    grab = "import importlib\n"
    for exercise in notebook.exercises:
        for module in homes().get(exercise.name, []) + ["llmlib.tokens.Tokenizer"]:
            grab += f"try: {exercise.name} = vars(importlib.import_module('lib'.join(['llm', "
            grab += f"{module.removeprefix('llmlib')!r}])))[{exercise.name!r}]\nexcept Exception: "
            grab += "pass\n"
    result = runner.grade(notebook, [Cell("code", None, grab)])
    assert result.points == 0


FLEXIBLE = """
from torch.nn.attention.flex_attention import flex_attention
def cross_attention(x, context, w_q, w_k, w_v):
    parts = x @ w_q.T, context @ w_k.T, context @ w_v.T
    return flex_attention(*(each[:, None] for each in parts))[:, 0]
"""
BY_NODE = """
def embedding_gradient(ids, grad_output, vocab_size):
    shape = vocab_size, grad_output.shape[-1]
    table = torch.zeros(shape, dtype=grad_output.dtype, requires_grad=True)
    return table[ids].grad_fn(grad_output)
"""
BYTE_LEVEL = """
import tokenizers
made = tokenizers.ByteLevelBPETokenizer()
def cut_words(text):
    return [text[a:b] for _, (a, b) in made._tokenizer.pre_tokenizer.pre_tokenize_str(text)]
"""
STREAM = """
{}
def stream_decode(ids, merges):
    table, decoder = vocabulary(merges), {}("replace")
    return [decoder.decode(table[i]) for i in ids]
"""
BY_LOOKUP = STREAM.format("import codecs", "codecs.lookup('utf-8').incrementaldecoder")
BY_CODEC = STREAM.format("from encodings import utf_8", "utf_8.IncrementalDecoder")
IN_C = """
from codecs import utf_8_decode
def stream_decode(ids, merges):
    table, shown, waiting = vocabulary(merges), [], b""
    for i in ids:
        text, used = utf_8_decode(waiting + table[i], "replace", False)
        shown, waiting = shown + [text], (waiting + table[i])[used:]
    return shown
"""
READY_MADE = {  # cell: (notebook, exercise)
    FLEXIBLE: ("03_attention", "cross_attention"),
    BY_NODE: ("02_embeddings", "embedding_gradient"),
    BYTE_LEVEL: ("01_tokens", "cut_words"),
    BY_LOOKUP: ("01_tokens", "stream_decode"),
    BY_CODEC: ("01_tokens", "stream_decode"),
    IN_C: ("01_tokens", "stream_decode"),
}


@pytest.mark.parametrize("code", chief(READY_MADE, BY_CODEC), ids=lambda code: READY_MADE[code][1])
def test_what_does_the_work_under_another_name_is_refused(runner, code):
    name, exercise = READY_MADE[code]
    result = runner.grade(notebooks.load(name), [Cell("code", None, code)])
    assert not result[exercise].solved and result.findings, result
    assert "is not allowed in this exercise" in result[exercise].message


PROCESSOR = """
def repetition_penalty(logits, ids, penalty):
    {}
    return RepetitionPenaltyLogitsProcessor(penalty)(ids, logits.clone())
"""
CURVE = """
def fit_power_law(n, loss):
    {}
    bounds = [0, -99, 0.001], [99, 99, 2]
    law = lambda n, e, a, alpha: e + a * n**-alpha
    return tuple(map(float, optimize.curve_fit(law, n, loss, (1, 8, 0.5), bounds=bounds)[0]))
"""
LATE = {  # cell: its exercise; the import is the function's own, and nobody made it before
    PROCESSOR.format("from transformers import RepetitionPenaltyLogitsProcessor"): "06_sampling",
    PROCESSOR.format(
        "from transformers.generation.logits_process import RepetitionPenaltyLogitsProcessor"
    ): "06_sampling",
    CURVE.format("import scipy.optimize as optimize"): "07_kv_cache_and_scaling",
    CURVE.format("from scipy import optimize"): "07_kv_cache_and_scaling",
}


@pytest.mark.proof
@pytest.mark.parametrize("code", LATE, ids=range(len(LATE)))
def test_what_is_off_is_off_also_where_its_library_is_imported_late(runner, code):
    name, space = LATE[code], {}
    exec(code, space)  # the control: where nothing is off it is right
    if name == "06_sampling":
        function, logits = "repetition_penalty", torch.tensor([[4.0, -1.0, 2.0]])
        got = space[function](logits, torch.tensor([[0, 1, 0]]), 2.0)
        torch.testing.assert_close(got, torch.tensor([[2.0, -2.0, 2.0]]))
    else:
        function, n = "fit_power_law", torch.tensor([4.0, 16.0, 64.0], dtype=torch.float64)
        got = torch.tensor(space[function](n, 1 + 8 * n**-0.5))
        torch.testing.assert_close(got, torch.tensor([1.0, 8.0, 0.5]), atol=1e-3, rtol=0)
    result = runner.grade(notebooks.load(name), [Cell("code", None, code)])
    assert not result[function].solved
    assert "is not allowed in this exercise" in result[function].message, result[function]
    assert result.findings, result


def test_the_quizs_key_is_not_inside(runner):
    loop = """
import importlib, json, glob, sys
q = importlib.import_module("classroom." + "quiz")
try:
    table = q.quiz_key()
except Exception:
    table = json.loads(open(next(p for r in sys.path + ["/course"] for p in
                                 glob.glob(r + "/**/quiz.json", recursive=True))).read())
for n in table:
    for l in "ABCD":
        if q.deobfuscate(n, l, table[n][l])[0] == "1": globals()[n] = l
"""
    guess = """
from classroom.quiz import check_answer
for n in range(1, 100):
    for l in "ABCD":
        try: check_answer(f"q{n:02}", l)
        except Exception: continue
        globals()[f"q{n:02}"] = l; break
"""
    for code in (loop, guess):  # the control: where the key is, both read it
        exec(code, space := {})
        assert all(f'"{space[e.name]}"' in e.solution for e in notebooks.load("quiz").exercises)
    for code in (loop, guess):
        assert runner.grade(notebooks.load("quiz"), [Cell("code", None, code)]).points == 0


def test_an_answer_that_given_code_reads_is_asked_for_and_refused_to_its_own_exercise(runner):
    notebook = notebooks.load("01_tokens")
    official = {each.name: each.solution for each in notebook.exercises}
    official["cut_words"] = "_cut = split\ndef cut_words(text): return _cut(text)"
    result = runner.grade(notebook, [Cell("code", *item) for item in official.items()])
    refused = result["cut_words"]
    assert refused.points == 0
    assert (
        refused.message
        == "`llmlib.tokens.split` is not allowed in this exercise: write this one yourself"
    )
    assert [each.exercise for each in result.outcomes if not each.solved] == ["cut_words"]


def test_a_course_below_the_folder_of_python_is_out_of_sight(monkeypatch):
    root, names = notebooks.ROOT, ["solutions", *PACKAGES, "notebooks", "tests"]
    files = ["README.md", "pyproject.toml", "my_llm.py", "gradebook.db"]
    pythons = sorted({*bubblewrap.python_folders(), str(root)})
    monkeypatch.setattr(bubblewrap, "python_folders", lambda: pythons)
    with closing(Runner([])) as runner:
        look = "def f():\n    import os\n    paths = [f'{root}/{name}' for name in names]\n"
        look += "    return [os.listdir(path) if os.path.lexists(path) else [] for path in paths]"
        look = f"root, names = {str(root)!r}, {names}\n{look}"
        assert (
            verdict(runner, look, f"check.equal(f(), {[[]] * len(names)}, 'out of sight')") is None
        )
        assert (root / "README.md").read_text()
        look = f"def f():\n    read = []\n    for name in {files}:\n        try:\n"
        look += f"            read.append(open({str(root)!r} + '/' + name).read())\n"
        look += "        except OSError: pass\n    return read"
        assert verdict(runner, look, "check.equal(f(), [], 'out of sight')") is None
