"""Tell whose a loose file is: the table "Whose file is it?" in INSTRUCTORS.md, which tests hold.

The outermost folder that can be a person's says it, the file's name only where there is none. A
person's folder may hold anything; what its learner wrote into a name moves no file to another
student.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from unicodedata import normalize

from exercises.format import notebooks
from grader.submissions import is_folder_name

Claim = tuple[str, str]  # (student, notebook)

COPY = (
    "copy of|kopie von|kopie van|copie de|copia de|copia di|cópia de|kopia av|kopi af|kopi av|final"
)
LEAD = re.compile(rf"(?:{COPY})(?![^\W_])[ _-]*", re.IGNORECASE)
TRAIL = re.compile(
    r"(?:[ _.-]*\(\d+\)|(?:^|[ _.-]+)(?:(?:final|copy|kopie|copie|copia)[ _-]*\d*|v\d+))$",
    re.IGNORECASE,
)
NOBODY = frozenset(  # words that are no person's name, as folders and files are called
    "answer answers archive archives assignment assignments backup class classes collected copie "
    "copia copy corrected course courses done download downloads draft exercise exercises export "
    "exports file files final fixed handed homework homeworks hw in kopie lab labs latest llm "
    "llmlib mine my new notebook notebooks old out seminar solution solutions solved submission "
    "submissions submit submitted task tasks term untitled v version week weeks work".split()
)
NAMES = "|".join(map(re.escape, sorted(notebooks.names(), key=len, reverse=True)))
FILE = re.compile(rf"(?:(?P<before>.*?)[ _.,-]+)?(?P<book>{NAMES})(?![^\W_])(?P<after>.*)")


@dataclass(frozen=True)
class _Path:
    """Hold what a path says: the folders that can be people's, outermost first; whom its file's
    name says; which notebook. `fault`: why it says too little."""

    folders: tuple[str, ...] = ()
    owner: str = ""
    book: str = ""
    fault: str = ""

    def student(self) -> str:
        return self.folders[0] if self.folders else self.owner


def claims(paths: Iterable[str]) -> dict[str, Claim | str]:
    """Return {path: (student, notebook), or a sentence that says why it is left out}; the paths are
    those of one download, and begin with /."""
    readings = _without_wrappers({path: _read(path) for path in paths})
    people = {_alike(reading.student()) for reading in readings.values() if not reading.fault}
    return {path: _claim(reading, people) for path, reading in readings.items()}


def person(name: str) -> str:
    """Return whom a folder's name, or a part of a file's, can stand for, spelled in one way; empty
    where that is nobody, as with "Copy of", "final", "(1)" and a notebook's name."""
    name, before = normalize("NFC", name), None
    while name != before:
        before, name = name, TRAIL.sub("", LEAD.sub("", name.strip(" _,-").rstrip("."), count=1))
    words = re.findall(r"[^\W\d_]+|\d+", name.casefold())
    digits = all(word.isdigit() for word in words)  # a student's number
    nobody = not digits and all(word in NOBODY or word.isdigit() for word in words)
    return "" if not words or nobody or _book(name) else name


def _book(folder: str) -> str:
    """Return the notebook that a folder is called after; empty for others."""
    match = FILE.fullmatch(folder)
    return match["book"] if match and not match["before"] and not person(match["after"]) else ""


def _read(path: str) -> _Path:
    *folders, file = path.strip("/").replace("\\", "/").split("/")
    match = FILE.fullmatch(file.removesuffix(".ipynb"))
    if ".." in folders:
        return _Path(fault="its path leads out of the download")
    if not match:
        return _Path(fault="its name says no notebook of this course")
    book, after = match["book"], match["after"].strip(" _.,-")
    other_books = {_book(normalize("NFC", folder)) for folder in folders} - {"", book}
    if other_books or _book(after):
        second_book = other_books.pop() if other_books else _book(after)
        return _Path(fault=f"it says two notebooks, {book} and {second_book}")
    after = "" if re.fullmatch(r"\d\d?", after) else person(after)  # a second copy's number
    people = tuple(filter(None, map(person, folders)))
    return _Path(people, person(match["before"] or "") or after, book)


def _without_wrappers(readings: dict[str, _Path]) -> dict[str, _Path]:
    """Drop the folders around all of them, if several people have the same notebook in there: they
    are a class's."""
    inside = readings
    while len({reading.folders[:1] for reading in inside.values() if reading.book} - {()}) == 1:
        if any(reading.book and not reading.folders for reading in inside.values()):
            break
        inside = {path: replace(r, folders=r.folders[1:]) for path, r in inside.items()}
        pairs = {(r.book, r.student()) for r in inside.values() if r.student()}
        if len(pairs) > len({book for book, _ in pairs}):
            return _without_wrappers(inside)
    return readings


def _claim(reading: _Path, people: set[str]) -> Claim | str:
    student = reading.student()
    if reading.fault:
        return reading.fault
    if not student:
        return f"it says which notebook it is, {reading.book}, and not whose"
    if not is_folder_name(student):
        return "what it says of its student cannot be the name of a folder"
    name_in_file = _alike(reading.owner)
    if name_in_file and name_in_file != _alike(student) and name_in_file in people:
        return f"its folder says {student}, its name {reading.owner}, another student here"
    return student, reading.book


def _alike(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name.casefold())
