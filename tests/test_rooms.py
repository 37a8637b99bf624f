"""The four packages at the top: the library is whole without the other three."""

import shutil
import subprocess
import sys

import pytest

from exercises.course_packages import PACKAGES, is_inside, is_ours
from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.unit
ALONE = """
import importlib.util, sys
sys.meta_path[:] = [each for each in sys.meta_path if "editable" not in each.__module__]
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    assert importlib.util.find_spec(name) is None, f"{name} is here"
import llmlib
from llmlib import complete, pretrained
assert llmlib.__file__.startswith(sys.argv[1]), llmlib.__file__
print(complete(pretrained.load("smollm2"), "The capital of France is", max_new_tokens=2))
"""


@pytest.mark.slow
def test_the_library_completes_a_prompt_without_the_other_rooms(tmp_path):
    shutil.copytree(ROOT / "llmlib", tmp_path / "llmlib", ignore=shutil.ignore_patterns("__py*"))
    others = [name for name in PACKAGES if name != "llmlib"]
    command = [sys.executable, "-I", "-c", ALONE, tmp_path, *others]
    done = subprocess.run(command, capture_output=True, cwd=tmp_path, encoding="utf-8")
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Paris" in done.stdout


def test_the_library_knows_no_grade():
    words = ("gradebook", "nbgrader", "submission")
    places = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in sorted((ROOT / "llmlib").rglob("*.py"))
        for word in words
        if word in path.read_text(encoding="utf-8").lower()
    ]
    assert places == []


def test_the_rooms_are_told_from_other_packages_by_their_names():
    assert set(PACKAGES) == {"llmlib", "exercises", "classroom", "grader"}
    assert is_ours("classroom") and is_ours("grader.guest.jail") and not is_ours("graders.x")
    assert is_inside("llmlib.tokens") and not is_inside("llmlib") and not is_inside("torch.nn")
