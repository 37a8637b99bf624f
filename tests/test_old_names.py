"""Released notebooks of all editions still find what they import.

`released_imports.txt` is the list. It leaves out 16 charts that only notebooks of 1.0 draw, in
demonstrations: they were replaced by others before 1.2.
"""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from llmlib import old_names, sampling, scaling, widgets
from llmlib.attention import scaled_dot_product_attention
from llmlib.course.environment import ROOT
from llmlib.widgets import attention_explorer

pytestmark = pytest.mark.unit
LINES = Path(__file__).with_name("released_imports.txt").read_text(encoding="utf-8").splitlines()
IMPORTS = [line.split() for line in LINES if not line.startswith("#")]


def found(module, name):
    """What `from module import name` gives; `module` may be a class, as in Tokenizer.from_file."""
    try:
        owner = importlib.import_module(module)
    except ImportError:
        owner = found(*module.rsplit(".", 1))
    if not hasattr(owner, name):
        importlib.import_module(f"{module}.{name}")
    return getattr(owner, name)


def kind(thing):
    if inspect.ismodule(thing) or inspect.isclass(thing):
        return "module" if inspect.ismodule(thing) else "class"
    return "function" if callable(thing) else type(thing).__name__


def test_what_notebooks_of_every_edition_import_is_there_and_of_the_same_kind():
    wrong = []
    for module, name, expected, editions in IMPORTS:
        try:
            thing = importlib.import_module(module) if name == "-" else found(module, name)
            if kind(thing) != expected:
                wrong.append(f"{module}.{name} ({editions}) is a {kind(thing)}, was a {expected}")
        except (ImportError, AttributeError) as error:
            wrong.append(f"{module}.{name} ({editions}): {error}")
    assert len(IMPORTS) > 200 and not wrong, "\n".join(wrong)


def test_a_name_that_no_edition_had_is_not_found():
    for module in ("llmlib.scaling", "llmlib.widgets"):
        with pytest.raises(AttributeError, match=f"'{module}' has no attribute 'nothing'"):
            importlib.import_module(module).nothing
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("llmlib.nothing")


def test_every_old_name_is_imported_by_some_edition():
    modules = {module for module, *_ in IMPORTS}
    modules |= {f"{module}.{name}" for module, name, *_ in IMPORTS}
    assert old_names.MODULES.keys() <= modules
    assert old_names.FUNCTIONS.keys() <= {(module, name) for module, name, *_ in IMPORTS}


def test_the_course_itself_uses_no_old_name():
    files = [*(ROOT / "llmlib").rglob("*.py"), *(ROOT / "solutions").glob("*.py")]
    used = set()
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                used |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
            elif isinstance(node, ast.Import):
                used |= {each.name for each in node.names}
    assert not used & old_names.MODULES.keys()
    assert not used & {".".join(each) for each in old_names.FUNCTIONS}


def test_an_old_module_is_the_new_one_whichever_is_imported_first():
    code = "import importlib, sys\nfrom llmlib import old_names\n"
    code += "for old, new in old_names.MODULES.items():\n"
    code += "    module = importlib.import_module(old)\n"
    code += "    assert module is importlib.import_module(new) is sys.modules[old], old\n"
    code += "    assert module.__name__ == new == module.__spec__.name, old\n"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_functions_of_1_0_compute_what_they_did(monkeypatch):
    assert scaling.seconds_a_token(134_515_008 * 4, 20e9) == 134_515_008 * 4 / 20e9
    asked = []
    monkeypatch.setattr(widgets, "sampling_lab", lambda *given: asked.append(given))
    widgets.sampling_sliders("a model", ["a prompt"])
    assert asked == [("a model", ["a prompt"], sampling.filter_logits, sampling.sample)]


def test_the_attention_explorer_of_1_0_takes_the_library_s_attention(monkeypatch):
    module = sys.modules["llmlib.widgets.attention_explorer"]
    ran = []

    class Done(Exception):
        pass

    def run(model, attention, ids, off):
        ran.append(attention)
        raise Done

    monkeypatch.setattr(module, "run", run)
    attention_explorer(Model(), "one two", layer=1, head=0)
    assert set(ran) == {scaled_dot_product_attention}  # asked for twice: with all heads, too


class Model:
    """As much of a model as the explorer asks for before it runs one."""

    class config:
        n_layer, n_head = 2, 2

    class tokenizer:
        encode = staticmethod(lambda text: list(range(len(text.split()))))
        decode = staticmethod(lambda ids: f"token {ids[0]}")
