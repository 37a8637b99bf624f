"""docs/architecture.md says what is: its files and functions exist, and one walk is traced."""

import ast
import re
import sys

import pytest

from llmlib import pretrained
from llmlib.course.authoring.notebooks import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
STEP = re.compile(r"visits (\d+) files of llmlib and returns (\d+) times")


def defines(tree, name, *within):
    """Whether a function or a class of that name is defined there; and in it, the next."""
    kinds = ast.FunctionDef | ast.ClassDef
    found = [each for each in ast.walk(tree) if isinstance(each, kinds) and each.name == name]
    return any(not within or defines(each, *within) for each in found)


@pytest.mark.unit
def test_every_file_and_function_it_names_exists():
    named = re.findall(r"`((?:llmlib|tests|solutions)/[\w/]+(?:\.py)?/?)`(?: \(([^)]*)\))?", PAGE)
    assert len(named) > 30
    for path, functions in named:
        assert (ROOT / path).exists(), path
        if functions and path.endswith(".py"):
            tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
            for name in re.findall(r"`([\w.]+)`", functions):
                assert defines(tree, *name.split(".")), f"{path} has no {name}"


@pytest.mark.unit
@pytest.mark.slow
def test_one_step_of_the_loop_visits_as_many_files_as_it_says():
    model = pretrained.load("smollm2")
    ids, visited = model.tokenizer.encode("The capital of France is"), []

    def watch(frame, event, _):
        path = frame.f_code.co_filename
        if event == "call" and "/llmlib/" in path and not visited[-1:] == [path]:
            visited.append(path)

    sys.setprofile(watch)
    try:
        model(ids)
    finally:
        sys.setprofile(None)
    layer = _one_layer(visited)
    files, returns = len(set(layer)), len(layer) - len(set(layer))
    said = STEP.search(PAGE)
    assert said and (int(said[1]), int(said[2])) == (files, returns), (files, returns)


def _one_layer(visited):
    """The walk with the repetition of its thirty layers taken out: each stay of it once in a
    row."""
    pairs, walk = set(), visited[:1]
    for before, after in zip(visited, visited[1:]):
        if (before, after) not in pairs:
            pairs.add((before, after))
            walk.append(after)
    return walk
