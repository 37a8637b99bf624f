"""docs/architecture.md: its files and functions exist, and its first walk happens as it says."""

import ast
import re
import sys

import pytest

from classroom import cli, complete
from exercises.course_packages import PACKAGES
from exercises.format.notebooks import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
ROOMS = rf"`((?:{'|'.join(PACKAGES)}|authoring|tests|solutions|docs|web)"
PLACE = re.compile(ROOMS + r"/[\w./-]+)`(?:\s\(([^)]*)\))?")


def named(text):
    """[(path, [the functions named in the brackets behind it])]."""
    return [(path, re.findall(r"`([\w.]+)`", inside)) for path, inside in PLACE.findall(text)]


def walk(title):
    return PAGE.split(f"## {title}")[1].partition("\n## ")[0]


def defines(tree, name, *within):
    """Whether a function or a class of that name is defined there; and in it, the next."""
    kinds = ast.FunctionDef | ast.ClassDef
    found = [each for each in ast.walk(tree) if isinstance(each, kinds) and each.name == name]
    return any(not within or defines(each, *within) for each in found)


@pytest.mark.unit
def test_every_file_and_function_it_names_exists():
    assert len(named(PAGE)) > 70
    for path, functions in named(PAGE):
        assert (ROOT / path).exists(), path
        if functions and path.endswith(".py"):
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            for name in functions:
                assert defines(tree, *name.split(".")), f"{path} has no {name}"


@pytest.mark.unit
@pytest.mark.slow
def test_a_prompt_takes_the_walk_that_the_page_describes(capsys):
    """The functions named are called first in the order in which they are named, and every file of
    llmlib and classroom that takes part is named."""
    asked = re.search(r"## A prompt: `llmlib (complete) \"(.*)\"`", PAGE)
    assert complete.__name__.endswith(asked[1])
    calls = {}  # (path, qualified name), in the order of the first call
    rooms = str(ROOT / "llmlib"), str(ROOT / "classroom")

    def watch(frame, event, _):
        path = frame.f_code.co_filename
        # another test of this process may have left kernels before torch's operators
        refusing = path.endswith("torch_blocker.py")
        if event == "call" and path.startswith(rooms) and not refusing:
            if frame.f_code.co_name != "<module>":  # an import
                calls.setdefault((path.removeprefix(f"{ROOT}/"), frame.f_code.co_qualname))

    sys.setprofile(watch)
    try:
        status = cli.main([asked[1], asked[2], "--max-new-tokens", "2"])
    finally:
        sys.setprofile(None)
    assert status == 0 and "Paris" in capsys.readouterr().out
    order, steps = list(calls), named(walk("A prompt"))
    at = -1
    for path, functions in steps:
        for name in functions:
            called = (path, name), (path, f"{name}.__init__")  # a function or a class
            here = [i for i, call in enumerate(order) if call in called]
            assert here, f"{path}: {name} is not called"
            assert here[0] > at, f"{path}: {name} is called before what is named above it"
            at = here[0]
    files = {path for path, _ in order}
    assert files == {path for path, _ in steps if path.endswith(".py")}
