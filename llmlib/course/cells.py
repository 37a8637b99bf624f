"""The course: where its sources are, its notebooks in order, each read once."""

from functools import cache
from pathlib import Path

from llmlib.course import environment
from llmlib.course.source import Exercise as Exercise  # so that all of a course is found here
from llmlib.course.source import Notebook as Notebook
from llmlib.course.source import SourceError as SourceError
from llmlib.course.source import grade_id as grade_id
from llmlib.course.source import kind as kind
from llmlib.course.source import parse as parse

ROOT = environment.PACKAGE
_courses: dict[Path, "Course"] = {}


class Course:
    """The notebooks whose sources lie in `root`/solutions; what there is to know about them comes
    from there."""

    def __init__(self, root: Path):
        self.sources = environment.SOURCES if root == ROOT else root / "solutions"

    @property
    def names(self) -> list[str]:
        """The names of all notebooks in order: ["01_tokens", …]."""
        return sorted(path.stem for path in self.sources.glob("*.py"))

    def notebook(self, name: str) -> Notebook:
        """A notebook, parsed when it is first asked for, and again when its source has changed.
        Raises `SourceError`."""
        path = self.sources / f"{name}.py"
        if not path.is_file():
            known = ", ".join(self.names) or "none"
            raise SourceError(f"There is no solutions/{name}.py; known: {known}.")
        status = path.stat()
        return _parsed(path, status.st_mtime_ns, status.st_size)

    @property
    def notebooks(self) -> list[Notebook]:
        return [self.notebook(name) for name in self.names]

    @property
    def lessons(self) -> list[Notebook]:
        """The notebooks that teach: all but the quiz."""
        return [notebook for notebook in self.notebooks if notebook.number is not None]


@cache
def _parsed(path: Path, *version: int) -> Notebook:
    return parse(path.read_text(encoding="utf-8"), path.stem, path.parent)


def course(root: Path | str = ROOT) -> Course:
    """The one `Course` under `root`."""
    return _courses.setdefault(Path(root), Course(Path(root)))


def names(root: Path = ROOT) -> list[str]:
    return course(root).names


def load(name: str, root: Path = ROOT) -> Notebook:
    return course(root).notebook(name)
