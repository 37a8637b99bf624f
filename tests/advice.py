"""What could be better and is no mistake, a line each: python tests/advice.py

`make check` prints these lines. No test fails because of them.
"""

import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT)]

import evidence  # noqa: E402
import reading_load  # noqa: E402

from authoring import build  # noqa: E402
from exercises.course_packages import PACKAGES  # noqa: E402
from exercises.format import notebooks  # noqa: E402

PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md"))]
WORDS = (  # word or phrase: what to write instead
    (r"anew", "again"),
    (r"off limits|is off(?! by)", "not allowed"),
    (r"blanks", "spaces"),
    (r"for want of", "because … is missing"),
    (r"whoever", "if you …"),
    (r"what stands|stands? (?:below|above|beside)", "the cell below; is in"),
    (r"the other way about", "(cut)"),
    (r"break(?:s|ing)? off", "stops"),
)
IN_PROSE = (  # in code these have another meaning
    (r"wants?(?= (?:a|an|the|its)\b)", "needs"),
    (r"(?:is|are) (?:told|said to)", "the message says"),
    (r"the like|at all", "(cut)"),
)


def sizes() -> Iterator[str]:
    """Yield what has grown too long to be read."""
    readme = _lines(ROOT / "README.md")
    if len(readme) > 120:
        yield f"README.md: {len(readme)} lines; two screens are 120"
    for version in re.split(r"(?m)^## ", "\n".join(_lines(ROOT / "CHANGELOG.md")))[1:]:
        title, *lines = filter(str.strip, version.splitlines())
        if len(lines) > 15:
            yield f"CHANGELOG.md: {len(lines)} lines on {title}; 15 are read"
    trusted = [*ROOT.glob("grader/host/*.py"), ROOT / "grader/wire.py"]
    if (lines := sum(len(_lines(path)) for path in trusted)) > 1000:
        yield f"grader/host: {lines} lines of trusted code; an hour of review are 1,000"
    for notebook in notebooks.lessons():
        for said in reading_load.advice(notebook):
            yield f"solutions/{notebook.name}.py: {said}"


def words() -> Iterator[str]:
    """Yield words with a plainer one, in documents, docstrings, comments and messages."""
    for page in [*PAGES, *sorted(ROOT.glob(".github/ISSUE_TEMPLATE/*.yml"))]:
        for number, line in enumerate(_lines(page), 1):
            yield from _plainer(page, number, line, WORDS + IN_PROSE)
    kinds = {getattr(tokenize, name, 0) for name in ("STRING", "COMMENT", "FSTRING_MIDDLE")} - {0}
    for path in (
        path for each in (*PACKAGES, "authoring") for path in ROOT.glob(f"{each}/**/*.py")
    ):
        with path.open(encoding="utf-8") as file:
            for token in tokenize.generate_tokens(file.readline):
                if token.type in kinds:
                    yield from _plainer(path, token.start[0], token.string, WORDS)


def unbuilt() -> Iterator[str]:
    """Yield what `make build` would write again: it is of older code."""
    for name in notebooks.names():
        made = build.read(ROOT / "solutions" / f"{name}.ipynb")
        now = build.fingerprints(notebooks.load(name))
        if not made or made.metadata.llmlib != now:
            yield f"solutions/{name}.ipynb: `make build` renews it"
    for path, text in evidence.renewed()[0].items():
        if path.read_text(encoding="utf-8") != text:
            yield f"{path.relative_to(ROOT)}: `make build` renews it"


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _plainer(path: Path, line: int, text: str, known: tuple) -> Iterator[str]:
    text = re.sub(r"`[^`\n]+`", "`…`", text)
    for word, better in known:
        for found in re.finditer(rf"\b(?:{word})\b", text, re.I):
            number = line + text[: found.start()].count("\n")
            yield f"{path.relative_to(ROOT)}:{number}: {found[0]!r}: better {better!r}"


def main() -> None:
    """Print all advice."""
    for kind in (sizes, words, unbuilt):
        for said in kind():
            print(said)


if __name__ == "__main__":
    main()
