"""Read the course: where its sources are, its notebooks in order, each read once."""

from functools import cache
from pathlib import Path

from exercises import course_files
from exercises.format.source import Exercise as Exercise  # so that all of a course is found here
from exercises.format.source import Notebook, SourceError, parse
from exercises.format.source import grade_id as grade_id
from exercises.format.source import kind as kind

ROOT = course_files.ROOT


def names(root: Path = ROOT) -> list[str]:
    """List the names of all notebooks in order: ["01_tokens", …]."""
    return sorted(path.stem for path in _sources(root).glob("*.py"))


def load(name: str, root: Path = ROOT) -> Notebook:
    """Return a notebook, parsed once, and again when its source has changed. Raises
    `SourceError`."""
    path = _sources(root) / f"{name}.py"
    if not path.is_file():
        choices = ", ".join(names(root)) or "none"
        raise SourceError(f"There is no solutions/{name}.py; known: {choices}.")
    status = path.stat()
    return _parsed(path, status.st_mtime_ns, status.st_size)


def notebooks() -> list[Notebook]:
    """Return all notebooks of the course in their order, the quiz last."""
    return [load(name) for name in names()]


def lessons() -> list[Notebook]:
    """Return the notebooks that teach: all but the quiz."""
    return [notebook for notebook in notebooks() if notebook.number is not None]


def _sources(root: Path) -> Path:
    return course_files.SOURCES if root == ROOT else root / "solutions"


@cache
def _parsed(path: Path, *version: int) -> Notebook:
    return parse(path.read_text(encoding="utf-8"), path.stem, path.parent)
