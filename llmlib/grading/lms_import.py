"""Matches the files of an LMS download to students (`nbgrader zip_collect`)."""

import re

from nbgrader.plugins import FileNameCollectorPlugin

from llmlib.course.authoring import notebooks

BOOK = rf"(?P<file_id>{'|'.join(map(re.escape, notebooks.names()))})"
NAMES = {  # how Canvas and Moodle call a file
    "canvas": rf".*/[^/]*?_(LATE_)?(?P<student_id>[0-9]+)_[0-9]+_{BOOK}",
    "moodle": rf".*/(?P<student_id>[^/]+)_[0-9]+_assignsubmission_file(_|_?/){BOOK}",
}


class Collector(FileNameCollectorPlugin):
    """nbgrader's, but that it names a student's second file of a notebook, and leaves it out:
    nbgrader says that there is one, not whose, and then sorts nobody's."""

    def __init__(self, **words: object) -> None:
        super().__init__(**words)
        self.taken: dict[tuple[str, str], str] = {}

    def collect(self, submitted_file: str) -> dict | None:
        """What `named_regexp` finds in the file's path; None for a file that is left out."""
        found = super().collect(submitted_file)
        if not found:
            return None
        student, book = found["student_id"], found["file_id"]
        first = self.taken.setdefault((student, book), submitted_file)
        if first == submitted_file:
            return found
        twice = f"{student} has two files of {book}: {first} is taken, {submitted_file} is not"
        self.log.error("%s", twice)
        return None
