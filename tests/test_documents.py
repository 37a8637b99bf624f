"""README, the guides, docs/ and the changelog: short, in plain words, and true of what is here."""

import argparse
import importlib.util
import re
import subprocess
import tokenize
from pathlib import Path

import pytest

from classroom import cli
from exercises.course_packages import PACKAGES
from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.unit
PAGES = [ROOT / f"{name}.md" for name in ("README", "INSTRUCTORS", "CONTRIBUTING", "SECURITY")]
PAGES += sorted((ROOT / "docs").glob("*.md"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
CHANGELOG = ROOT / "CHANGELOG.md"
GONE = {
    "llmlib/course/setup.py",
    "llmlib/course/bootstrap",
    "llmlib.course.work",
    "llmlib",
}  # what docs/upgrade.md says is now elsewhere
MADE = ("build", "work", "grading", ".venv", "certificate")  # folders that git does not hold
UNNATURAL = (  # word or phrase: what to write instead
    (r"anew", "again"),
    (r"off limits|(?:is|are) off(?! by)", "not allowed"),
    (r"blanks?", "spaces"),
    (r"for want of", "because … is missing"),
    (r"wants?(?= (?:a|an|the|its)\b)", "needs"),
    (r"whoever", "if you …"),
    (r"what stands|stands? (?:below|above|beside|in)", "the cell below; is in"),
    (r"(?:is|are) (?:told|said to)", "the message says"),
    (r"the other way about", "(cut)"),
    (r"the like|at all", "(cut)"),
    (r"breaks? off", "stops"),
)


NEVER = ("anew", "off limits", "for want of", "the other way about", "blanks", "whoever")
NEVER += ("what stands", "stands? (?:below|above|beside)", "break(?:s|ing)? off", "is off(?! by)")


def names(pages):
    return [str(page.relative_to(ROOT)) for page in pages]


def tracked():
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, encoding="utf-8")
    return [name for name in listed.split("\0") if name]


def _prose(page):
    """The page without what it quotes from code; of a page of evidence the introduction."""
    text = page.read_text(encoding="utf-8").partition("<!-- inputs:")[0]
    return re.sub(r"`[^`\n]+`", "`…`", text)


PROSE = [*PAGES, CHANGELOG, *FORMS]
PROSE += [path for path in sorted((ROOT / "docs/evidence").glob("*.md")) if path.stem != "speed"]


@pytest.mark.parametrize("page", PROSE, ids=names(PROSE))
def test_it_is_written_in_plain_words(page):
    found = [
        f"line {number}: {match[0]!r}: write {better!r}"
        for number, line in enumerate(_prose(page).splitlines(), 1)
        for word, better in UNNATURAL
        for match in re.finditer(rf"\b(?:{word})\b", line, re.I)
    ]
    assert not found, "\n".join(found)


def words_of(path):
    """(line, text) of each string and comment of a Python file; of an f-string its fixed parts."""
    kinds = {getattr(tokenize, name, None) for name in ("STRING", "COMMENT", "FSTRING_MIDDLE")}
    with path.open(encoding="utf-8") as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type in kinds:
                yield token.start[0], re.sub(r"`[^`\n]+`", "`…`", token.string)


def test_docstrings_comments_and_messages_are_in_plain_words():
    """The words that are never right in code; in prose more are looked for."""
    found = [
        f"{path.relative_to(ROOT)}:{line + text[: match.start()].count(chr(10))}: {match[0]!r}"
        for folder in (*PACKAGES, "authoring")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, text in words_of(path)
        for match in re.finditer(rf"\b(?:{'|'.join(NEVER)})\b", text, re.I)
    ]
    assert not found, "\n".join(found)


def test_readme_fits_two_screens_and_says_the_most_on_the_first():
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120, f"README has {len(lines)} lines: move something to docs/"
    first = "\n".join(lines[:20])
    for part in (
        "# From Tokens to Tokens",
        "](docs/exercise.png)",
        "](docs/finished.png)",
        "\n    make lab ",
        "make test ",
    ):
        assert part in first, part


def test_a_version_has_at_most_fifteen_lines():
    text = CHANGELOG.read_text(encoding="utf-8")
    versions = re.split(r"^## ", text, flags=re.M)[1:]
    assert len(versions) >= 8
    for version in versions:
        title, *lines = filter(str.strip, version.splitlines())
        assert len(lines) <= 15, f"{title}: {len(lines)} lines"


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
    assert len(said) == len(made) > 20
    assert [line for line in said if not line.endswith(": set")] == []
    ours = (*PACKAGES, "authoring", "tests")
    written = [name for name in tracked() if Path(name).parts[0] in ours]
    asked = ["git", "check-attr", "linguist-generated", "--", *written]
    said = subprocess.check_output(asked, cwd=ROOT, encoding="utf-8").splitlines()
    marked = [line.partition(":")[0] for line in said if line.endswith(": set")]
    assert marked == ["classroom/quiz.json"]
