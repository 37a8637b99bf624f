"""docs/architecture.md: its files and functions exist, and those of its first walk are called."""

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
    assert named(PAGE)
    for path, functions in named(PAGE):
        assert (ROOT / path).exists(), path
        if functions and path.endswith(".py"):
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            for name in functions:
                assert defines(tree, *name.split(".")), f"{path} has no {name}"


@pytest.mark.unit
@pytest.mark.slow
def test_a_prompt_takes_the_walk_that_the_page_describes(capsys):
    """Each function that it names is called."""
    verb, prompt = re.search(r"`llmlib (complete) \"(.*)\"`", PAGE).groups()
    assert complete.__name__.endswith(verb)
    calls = set()  # (path, qualified name)

    def watch(frame, event, _):
        if event == "call" and frame.f_code.co_filename.startswith(str(ROOT)):
            path = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
            calls.add((path, frame.f_code.co_qualname.removesuffix(".__init__")))

    sys.setprofile(watch)
    try:
        status = cli.main([verb, prompt, "--max-new-tokens", "2"])
    finally:
        sys.setprofile(None)
    assert status == 0 and "Paris" in capsys.readouterr().out
    for path, functions in named(walk("A prompt")):
        for name in functions:
            assert (path, name) in calls, f"{path}: {name} is not called"
