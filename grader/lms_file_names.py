"""Match the files of an LMS download to students (`nbgrader zip_collect`)."""

import re
from collections import defaultdict
from pathlib import Path
from unicodedata import normalize

from nbgrader.plugins import FileNameCollectorPlugin

from exercises.format import notebooks
from grader import loose_files
from grader.submissions import is_folder_name

# How Canvas and Moodle call a file below the folder of a download. What the system writes comes
# first, what a learner may choose comes last: so a name is read from the left, and the first part
# that looks like the system's is the system's.
NAMES = {
    "canvas": r".*/[^/]*?_(LATE_)?(?P<student_id>[0-9]+)_[0-9]+_(?P<file_id>[^/]+)",
    "moodle": (
        r"/((?![^/]*_assignsubmission_)[^/]*/)*?"  # folders around the download
        r"(?P<student_id>[^/]+?)_[0-9]+_assignsubmission_file(_?/((?![^/]*_assignsubmission_)[^/]+/)*|_)"
        r"(?P<file_id>[^/]+)$"
    ),
}
SIGNS = re.compile(r"^[^\w/]+")  # in front of a name: spaces, emoji
NOTEBOOK = re.compile(rf"({'|'.join(map(re.escape, notebooks.names()))})(?!\w)")


def claim(named_regexp: str, path: str) -> tuple[str, str] | None:
    """Return (student, notebook) that the name of a downloaded file claims; `path` begins with /
    and is that below the download's folder. None where it names neither, or a student whose folder
    could not be one: a hidden one, or `..`."""
    match = re.match(named_regexp, path)
    file_name = SIGNS.sub("", match["file_id"], count=1) if match else ""
    book = NOTEBOOK.match(loose_files.LEAD.sub("", file_name, count=1))
    if not match or not book:
        return None
    student = normalize("NFC", match["student_id"])  # some systems write é as e and an accent
    return (student, book[1]) if is_folder_name(student) else None


class Collector(FileNameCollectorPlugin):
    """Collect as nbgrader's does, but take neither of two files that claim to be the same notebook
    of the same student: it names both, and what was collected before stays."""

    claims: dict[tuple[str, str], list[str]] | None = None

    def collect(self, submitted_file: str) -> dict | None:
        """Return {"student_id", "file_id"} of the file at this path; None for one that is left
        out."""
        root = Path(self.parent._format_collect_path(self.parent.extracted_directory))
        if self.claims is None:
            self.claims = self._claims(root)
        key = self._claim(root, Path(submitted_file))
        if key is None or len(self.claims[key]) > 1:
            return None
        return dict(zip(("student_id", "file_id"), key))

    def _claim(self, root: Path, file: Path) -> tuple[str, str] | None:
        if file.suffix not in self.valid_ext:
            return None
        return claim(self.named_regexp, f"/{file.relative_to(root).as_posix()}")

    def _claims(self, root: Path) -> dict[tuple[str, str], list[str]]:
        """Return the files of a download, by the student and notebook that they claim."""
        claims: dict[tuple[str, str], list[str]] = defaultdict(list)
        for file in sorted(path for path in root.rglob("*") if path.is_file()):
            if key := self._claim(root, file):
                claims[key].append(file.relative_to(root).as_posix())
        for (student, book), files in claims.items():
            if len(files) > 1:
                names = " and ".join(map(ascii, files))
                advice = "none of them was taken: keep the right one and collect again"
                self.log.error("%s claim to be %s of student %s; %s", names, book, student, advice)
        return claims
