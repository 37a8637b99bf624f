"""The course: where its sources are, its notebooks in order, each read once."""

from functools import cache
from pathlib import Path

from llmlib.course import environment
from llmlib.course.format.source import (
    Exercise as Exercise,  # so that all of a course is found here
)
from llmlib.course.format.source import Notebook, SourceError, parse
from llmlib.course.format.source import grade_id as grade_id
from llmlib.course.format.source import kind as kind

ROOT = environment.ROOT


def names(root: Path = ROOT) -> list[str]:
    """The names of all notebooks in order: ["01_tokens", …]."""
    return sorted(path.stem for path in _sources(root).glob("*.py"))


def load(name: str, root: Path = ROOT) -> Notebook:
    """A notebook, parsed once, and again when its source has changed. Raises `SourceError`."""
    path = _sources(root) / f"{name}.py"
    if not path.is_file():
        known = ", ".join(names(root)) or "none"
        raise SourceError(f"There is no solutions/{name}.py; known: {known}.")
    status = path.stat()
    return _parsed(path, status.st_mtime_ns, status.st_size)


def notebooks() -> list[Notebook]:
    """All notebooks of the course in their order, the quiz last."""
    return [load(name) for name in names()]


def lessons() -> list[Notebook]:
    """The notebooks that teach: all but the quiz."""
    return [notebook for notebook in notebooks() if notebook.number is not None]


def _sources(root: Path) -> Path:
    return environment.SOURCES if root == ROOT else root / "solutions"


@cache
def _parsed(path: Path, *version: int) -> Notebook:
    return parse(path.read_text(encoding="utf-8"), path.stem, path.parent)
