"""my_llm.py, built from the solutions and from learners of three styles, says what `transformers` says."""

import ast
import importlib.util
import subprocess
import sys

import nbformat
import proofs
import pytest

from llmlib.assets import smollm2_folder
from llmlib.course import cells, harvest, my_llm
from llmlib.course.engine_check import reference_ids

pytestmark = pytest.mark.graders
PROMPTS = ["The capital of France is", "In 1969, a naïve café owner said: \"We've"]


def notebooks(folder, code):
    """A learner's seven notebooks in `folder`: `code` is {function: cell}; exercises without an entry are untouched."""
    for name in my_llm.PIECES:
        node = nbformat.from_dict(cells.load(name).node)
        stubs = {each.name: each.stub for each in cells.load(name).exercises}
        for cell in node.cells:
            if cells.kind(cell) == "solution":
                cell.source = code.get(cells.grade_id(cell), stubs.get(cells.grade_id(cell)))
        nbformat.write(node, folder / f"{name}.ipynb")
    return folder


def solutions():
    return {
        each.name: each.solution for name in my_llm.PIECES for each in cells.load(name).exercises
    }


def right_answers(style):
    """The style-th right answer to every function that the file needs."""
    found = {}
    for name, functions in my_llm.PIECES.items():
        for function in functions:
            answers, _ = proofs.read(proofs.HERE / name / f"{function}.py")
            found[function] = [answer.code for answer in answers if answer.kind == "right"][style]
    return found


def says_what_transformers_says(path, n=64):
    spec = importlib.util.spec_from_file_location("my_llm", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model, tokenizer = module.Model(smollm2_folder()), module.Tokenizer(smollm2_folder())
    model.config.stop_ids = ()
    for prompt in PROMPTS:
        ids = tokenizer.encode(prompt)
        assert list(module.new_ids(model, ids, n)) == reference_ids(smollm2_folder(), ids, n), (
            prompt
        )


def test_from_the_solutions(tmp_path):
    text, gaps = my_llm.collect(cells.ROOT / "solutions")
    assert not gaps
    path = tmp_path / "my_llm.py"
    path.write_text(text)
    imported = [
        node for node in ast.walk(ast.parse(text)) if isinstance(node, (ast.Import, ast.ImportFrom))
    ]
    modules = {
        (getattr(node, "module", None) or node.names[0].name).split(".")[0] for node in imported
    }
    assert modules <= set(sys.stdlib_module_names) | {"torch", "safetensors", "regex"}
    assert len(text.splitlines()) < 450
    says_what_transformers_says(path)


@pytest.mark.parametrize("style", range(3))
def test_from_a_learner(style, tmp_path):
    folder = notebooks(tmp_path, right_answers(style))
    text, gaps = my_llm.collect(folder)
    assert not gaps, "; ".join(map(str, gaps))
    (tmp_path / "my_llm.py").write_text(text)
    says_what_transformers_says(tmp_path / "my_llm.py")


def test_it_streams_text_from_a_terminal(tmp_path):
    text, _ = my_llm.collect(cells.ROOT / "solutions")
    (tmp_path / "my_llm.py").write_text(text)
    command = [
        sys.executable,
        "-I",
        "my_llm.py",
        "The capital of France is",
        "--max-new-tokens",
        "4",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("The capital of France is Paris")


def test_what_is_missing_or_wrong_is_named_and_filled(tmp_path):
    code = solutions() | {
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
    says_what_transformers_says(tmp_path / "my_llm.py", n=8)


def test_a_damaged_notebook_is_named_and_filled(tmp_path):
    folder = notebooks(tmp_path, solutions())
    (folder / "02_embeddings.ipynb").write_text("{")
    text, gaps = my_llm.collect(folder)
    assert text is None and {gap.function for gap in gaps} == {"embed", "apply_rope"}
    assert "damaged" in str(gaps[0])


def test_helpers_come_along_and_do_not_clash():
    one = [
        (None, "import math\nfrom llmlib.tokens import split\nHALF = 0.5"),
        ("f", "def f(x):\n    return math.floor(x * HALF)"),
    ]
    code, missing = harvest.with_what_it_uses(harvest.piece("f", one), one, set())
    assert not missing and "HALF = 0.5" in code and "import math" in code and "llmlib" not in code
    taken = {}
    harvest.without_clashes("def help(x):\n    return x", "_of_01", taken, set())
    renamed = harvest.without_clashes(
        "def help(y):\n    return y.help\n\n\nprint(help(1))", "_of_02", taken, set()
    )
    assert renamed == "def help_of_02(y):\n    return y.help\n\n\nprint(help_of_02(1))"


def test_a_try_out_in_a_cell_is_left_behind():
    cell = [("f", "%time\ndef f(x):\n    return x\n\nprint(f(1))\n")]
    assert harvest.piece("f", cell) == "def f(x):\n    return x"
    assert harvest.with_what_it_uses("def g():\n    return nowhere", cell, set())[1] == ["nowhere"]
