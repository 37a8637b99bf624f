"""README, the guides, docs/ and the changelog: what they name and link to is there."""

import argparse
import importlib.util
import re
import subprocess

import pytest

from classroom import cli
from exercises.course_packages import PACKAGES
from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.unit
PAGES = [ROOT / f"{name}.md" for name in ("README", "INSTRUCTORS", "CONTRIBUTING", "SECURITY")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
CHANGELOG = ROOT / "CHANGELOG.md"
GONE = {
    "llmlib/course/setup.py",
    "llmlib/course/bootstrap",
    "llmlib.course.work",
    "llmlib",
}  # what docs/upgrade.md says is now elsewhere
MADE = ("build", "work", "grading", ".venv", "certificate")  # folders that git does not hold


def names(pages):
    return [str(page.relative_to(ROOT)) for page in pages]


def tracked():
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, encoding="utf-8")
    return [name for name in listed.split("\0") if name]


def anchors(path):
    """The names that a heading can be linked by, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    heads = re.findall(r"^#+ (.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", [*PAGES, CHANGELOG], ids=names([*PAGES, CHANGELOG]))
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        if "://" in file:
            continue
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), f"{target}: there is no {file}"
        assert not anchor or anchor in anchors(path), f"{target}: {path.name} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_file_and_module_that_it_names_exists(page):
    text, files = page.read_text(encoding="utf-8"), tracked()
    folders = {name.partition("/")[0] for name in files if "/" in name}
    code = re.findall(r"`([^`\n]+)`|^    (.*)$", text, re.M)
    words = " ".join(a or b for a, b in code).replace("NN_name", "01_tokens")
    words = re.sub(r"FUNCTION|EXERCISE", "merge", words)
    for word in re.findall(r"(?<![\w/.~:])[\w.-]+(?:/[\w.*-]*)+", words):
        top = word.partition("/")[0]
        if top in folders - {*MADE} and word not in GONE and word != "notebooks/":
            assert list(ROOT.glob(word)), f"there is no {word}"
    for module in re.findall(rf"-m ((?:{'|'.join(PACKAGES)}|benchmarks)\b[\w.]*)", words):
        assert module in GONE or importlib.util.find_spec(module), f"there is no module {module}"
    for file in re.findall(r"`([\w.-]+\.(?:md|toml|txt|cfg|ini))`", text):
        assert any(name.endswith(file) for name in [*files, "timestamp.txt", "a.ipynb.txt"]), (
            f"there is no {file}"
        )


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_verb_and_option_that_it_names_exists(page):
    text = page.read_text(encoding="utf-8")
    rules = re.findall(r"^(\w+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    for verb in re.findall(r"(?:`|^ {4}|, )make ([a-z]+)", text, re.M):
        assert verb in rules, f"there is no make {verb}"
    for line in re.findall(r"(?:`|^ {4}|/)llmlib ([a-z][^`\n]*)", text, re.M):
        verb, _, rest = re.sub(r"  +#.*", "", line).partition(" ")
        assert verb in cli.VERBS, f"there is no llmlib {verb}"
        known = cli._parser(verb)._subparsers._group_actions[0].choices[verb]
        assert isinstance(known, argparse.ArgumentParser)
        for option in re.findall(r"(?<!\S)--[a-z-]+", rest):
            assert option in known._option_string_actions, f"llmlib {verb} has no {option}"


def test_generated_files_are_marked_as_generated():
    """So that a pull request shows what somebody wrote."""
    made = [name for name in tracked() if re.match(r"(solutions|notebooks)/.*\.ipynb$", name)]
    made += [name for name in tracked() if name.startswith("docs/evidence/")]
    made += ["solutions/quiz.py", "classroom/quiz.json", "benchmarks/recorded.json"]
    asked = ["git", "check-attr", "linguist-generated", "--", *made]
    said = subprocess.check_output(asked, cwd=ROOT, encoding="utf-8").splitlines()
    assert len(said) == len(made)
    assert [line for line in said if not line.endswith(": set")] == []
