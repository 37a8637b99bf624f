"""Sort downloads into nbgrader's layout: what `nbgrader zip_collect` does, for archives and folders
whose kind nobody has to name.

A file's name may be a learner's: one that claims somebody else's number is refused as in
`lms_file_names`, and of two files that claim to be the same notebook of a student neither is taken.
Whose a file is where no system named it, `loose_files` says.
"""

import errno
import os
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from classroom.checking.submission import Unreadable
from exercises.format import notebooks
from grader import lms_file_names, loose_files
from grader.host import read_submission
from llmlib import files

NBGRADER, CANVAS, MOODLE, LOOSE = "nbgrader's layout", "Canvas", "Moodle", "a loose file"
SHAPES = {  # how a path looks in each of them, whatever its notebook is called; the first counts
    MOODLE: re.compile(r".*_[0-9]+_assignsubmission_"),
    NBGRADER: re.compile(r"/([^/]+/)+(?P<file_id>[^/]+)/(?P=file_id)\.ipynb$"),
    CANVAS: re.compile(lms_file_names.NAMES["canvas"]),
}
LITTER = re.compile(r"/(\.ipynb_checkpoints|__MACOSX)/|/\._[^/]*$")  # of Jupyter and macOS
ENDING = re.compile(r"\.ipynb(\.(txt|json))?$", re.IGNORECASE)  # as browsers and systems save it
MAX_MEMBERS = 100_000  # of an archive
MAX_NAME = 255  # bytes of a file's or folder's name, here as on most systems
UNCLEAR = "its name says not both whose it is and which notebook"
LONG = f"its path holds a name of more than {MAX_NAME} bytes: shorten it"
NOT_TAKEN = "none of them was taken: keep the right one and start again"


@dataclass(frozen=True)
class Download:
    """Hold one notebook file below a folder of downloads, or in an archive there."""

    path: str  # below the folder or in the archive; begins with /
    read: Callable[[], bytes]  # raises Unreadable

    @property
    def name(self) -> str:
        """Return its path, ending as a notebook's does."""
        return ENDING.sub(".ipynb", self.path)


@dataclass(frozen=True)
class Taken:
    """Say what a file was taken for."""

    path: str
    kind: str
    student: str
    notebook: str

    def __str__(self) -> str:
        return f"{self.path[1:]}: {self.kind}, {self.notebook} of student {self.student}"


def is_sorted(folder: Path) -> bool:
    """Say whether there is a STUDENT/NOTEBOOK/NOTEBOOK.ipynb, or what `submissions.find` has to
    name: the course's own folder, a student's, a notebook's?"""
    names = notebooks.names()
    name = folder.resolve().name
    is_notebook = name in names and (folder / f"{name}.ipynb").exists()
    patterns = (f"{deep}{name}/{name}.ipynb" for name in names for deep in ("", "*/"))
    paths = (_below(folder, path) for pattern in patterns for path in folder.glob(pattern))
    # Moodle's learners may send folders.
    has_layout = any(not SHAPES[MOODLE].match(path) for path in paths)
    return is_notebook or has_layout or (folder / "submitted").is_dir()


def collect(source: Path, target: Path) -> tuple[list[Taken], list[str]]:
    """Copy the notebooks of `source`, a folder or an archive, to `target`: (what each was taken
    for, what was left out and why).

    A later download takes the place of an earlier one. Raises FileNotFoundError where there is
    nothing at `source`, ValueError for an archive that cannot be read."""
    copies: list[Taken] = []
    omissions: list[str] = []
    claims: dict[tuple[str, str], list[tuple[Taken, Download]]] = defaultdict(list)
    for downloads in _containers(source, omissions):
        kind = _kind(downloads)
        loose = loose_files.claims(download.name for download in downloads)
        for download in downloads:
            claim = _claim(kind, download.name, loose)
            if isinstance(claim, str):
                omissions.append(f"{_shown(download.path)[1:]}: taken for {kind}, but {claim}")
            else:
                claims[claim].append((Taken(_shown(download.path), kind, *claim), download))
    for (student, name), files_of in sorted(claims.items()):
        if len(files_of) > 1:
            paths = " and ".join(record.path[1:] for record, _ in files_of)
            omissions.append(f"{paths} claim to be {name} of student {student}; {NOT_TAKEN}")
            continue
        ((record, download),) = files_of
        try:
            _place(download.read(), target / student / name, name)
            copies.append(record)
        except Unreadable as fault:
            omissions.append(f"{record.path[1:]}: {fault}")
        except OSError as fault:
            if fault.errno != errno.ENAMETOOLONG:
                raise
            omissions.append(f"{record.path[1:]}: {LONG}")
    return copies, omissions


def _containers(source: Path, omissions: list[str]) -> Iterator[list[Download]]:
    """Yield the notebooks of the folder; or, where it holds none, those of each archive in it."""
    if source.is_file():
        yield list(_archived(source))
        return
    if not source.is_dir():
        raise FileNotFoundError(f"there is no folder or archive {source}")
    paths = sorted(Path(at) / file for at, _, names in os.walk(source) for file in names)
    loose = [path for path in paths if ENDING.search(path.name)]
    downloads = [Download(_below(source, path), _reader(path)) for path in loose]
    downloads = [download for download in downloads if not LITTER.search(download.path)]
    archives = [path for path in paths if path.suffix.lower() == ".zip"]
    if downloads:
        yield downloads
        for path in archives:  # a learner's: one may fill the disk, or hold another's name
            name = _shown(_below(source, path))[1:]
            note = "archives beside notebooks stay closed; unpack it if it is yours"
            omissions.append(f"{name}: {note}")
        return
    for path in archives:
        yield list(_archived(path))


def _archived(path: Path) -> Iterator[Download]:
    """Yield the notebooks in an archive of a learning management system; inner archives stay
    closed."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as fault:
        raise ValueError(f"{path} is no archive that can be read: {fault}") from None
    if len(members) > MAX_MEMBERS:
        raise ValueError(f"{path} holds more than {MAX_MEMBERS:,} files: is it the right one?")
    for member in members:
        name = f"/{member.filename}"
        if ENDING.search(name) and not LITTER.search(name):
            yield Download(name, _member_reader(path, member))


def _reader(path: Path) -> Callable[[], bytes]:
    return lambda: read_submission.content(path)


def _member_reader(path: Path, member: zipfile.ZipInfo) -> Callable[[], bytes]:
    def read() -> bytes:
        if member.file_size > read_submission.MAX_FILE:
            raise Unreadable(f"it is larger than {read_submission.MAX_FILE / 1e6:g} MB")
        try:
            with zipfile.ZipFile(path) as archive:
                return archive.read(member)  # never more than its header says
        except Exception as fault:  # noqa: BLE001 - damaged or encrypted, in many ways
            raise Unreadable(f"it cannot be unpacked ({fault})") from None

    return read


def _kind(downloads: list[Download]) -> str:
    """Return what most names look like; the learners' part of a few can look like anything."""
    shapes = Counter(_shape(download.name) for download in downloads)
    return max(shapes, key=lambda kind: (shapes[kind], kind != LOOSE)) if shapes else LOOSE


def _shape(path: str) -> str:
    return next((kind for kind, pattern in SHAPES.items() if pattern.match(path)), LOOSE)


def _claim(
    kind: str, path: str, loose: dict[str, loose_files.Claim | str]
) -> loose_files.Claim | str:
    """Return (student, notebook) that a path of this kind claims, or why it is left out."""
    claim: loose_files.Claim | str | None = loose[path]
    if kind in (CANVAS, MOODLE):
        claim = lms_file_names.claim(lms_file_names.NAMES[kind.lower()], path)
    student = "" if claim is None or isinstance(claim, str) else claim[0]
    names = [*path.split("/"), student]
    if any(len(name.encode("utf-8", "surrogateescape")) > MAX_NAME for name in names):
        return LONG
    return UNCLEAR if claim is None else claim


def _place(data: bytes, folder: Path, name: str) -> None:
    path = folder / f"{name}.ipynb"
    if path.is_file() and path.read_bytes() == data:
        return
    folder.mkdir(parents=True, exist_ok=True)
    files.write(path, data)
    (folder / "timestamp.txt").unlink(missing_ok=True)  # an earlier file's


def _below(folder: Path, path: Path) -> str:
    return f"/{path.relative_to(folder).as_posix()}"


def _shown(path: str) -> str:
    """Return a name for a terminal, which would obey some of it."""
    path = path if len(path) <= MAX_NAME else f"{path[:100]}…{path[-50:]}"
    return ascii(path)[1:-1] if not path.isprintable() else path
