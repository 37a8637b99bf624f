"""Whose a loose file is: the table "Whose file is it?" in INSTRUCTORS.md, which tests hold.

The outermost folder that can be a person's says it, the file's name only where there is none. A
person's folder may hold anything; what its learner wrote into a name moves no file to another
student.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from unicodedata import normalize

from llmlib.course.format import notebooks
from llmlib.grading.submissions import is_folder_name

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
    """What a path says: the folders that can be people's, outermost first; whom its file's name
    says; which notebook. `fault`: why it says too little."""

    folders: tuple[str, ...] = ()
    named: str = ""
    book: str = ""
    fault: str = ""

    def student(self) -> str:
        return self.folders[0] if self.folders else self.named


def claims(paths: Iterable[str]) -> dict[str, Claim | str]:
    """{path: (student, notebook), or a sentence that says why it is left out}; the paths are those
    of one download, and begin with /."""
    said = _without_wrappers({path: _read(path) for path in paths})
    people = {_alike(each.student()) for each in said.values() if not each.fault}
    return {path: _claim(each, people) for path, each in said.items()}


def person(name: str) -> str:
    """Whom a folder's name, or a part of a file's, can stand for, spelled in one way; empty where
    that is nobody, as with "Copy of", "final", "(1)" and a notebook's name."""
    name, before = normalize("NFC", name), None
    while name != before:
        before, name = name, TRAIL.sub("", LEAD.sub("", name.strip(" _,-").rstrip("."), count=1))
    words = re.findall(r"[^\W\d_]+|\d+", name.casefold())
    digits = all(word.isdigit() for word in words)  # a student's number
    nobody = not digits and all(word in NOBODY or word.isdigit() for word in words)
    return "" if not words or nobody or _book(name) else name


def _book(folder: str) -> str:
    """The notebook that a folder is called after; empty for others."""
    found = FILE.fullmatch(folder)
    return found["book"] if found and not found["before"] and not person(found["after"]) else ""


def _read(path: str) -> _Path:
    *folders, file = path.strip("/").replace("\\", "/").split("/")
    found = FILE.fullmatch(file.removesuffix(".ipynb"))
    if ".." in folders:
        return _Path(fault="its path leads out of the download")
    if not found:
        return _Path(fault="its name says no notebook of this course")
    book, after = found["book"], found["after"].strip(" _.,-")
    held = {_book(normalize("NFC", each)) for each in folders} - {"", book}
    if held or _book(after):
        other = held.pop() if held else _book(after)
        return _Path(fault=f"it says two notebooks, {book} and {other}")
    after = "" if re.fullmatch(r"\d\d?", after) else person(after)  # a second copy's number
    people = tuple(filter(None, map(person, folders)))
    return _Path(people, person(found["before"] or "") or after, book)


def _without_wrappers(said: dict[str, _Path]) -> dict[str, _Path]:
    """Without the folders around all of them, if several people have the same notebook in there:
    they are a class's."""
    inside = said
    while len({each.folders[:1] for each in inside.values() if each.book} - {()}) == 1:
        if any(each.book and not each.folders for each in inside.values()):
            break
        inside = {path: replace(each, folders=each.folders[1:]) for path, each in inside.items()}
        whose = {(each.book, each.student()) for each in inside.values() if each.student()}
        if len(whose) > len({book for book, _ in whose}):
            return _without_wrappers(inside)
    return said


def _claim(each: _Path, people: set[str]) -> Claim | str:
    student = each.student()
    if each.fault:
        return each.fault
    if not student:
        return f"it says which notebook it is, {each.book}, and not whose"
    if not is_folder_name(student):
        return "what it says of its student cannot be the name of a folder"
    other = _alike(each.named)
    if other and other != _alike(student) and other in people:
        return f"its folder says {student}, its name {each.named}, another student here"
    return student, each.book


def _alike(name: str) -> str:
    return re.sub(r"[\W_]+", " ", name.casefold())
