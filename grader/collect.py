"""Collect as nbgrader does, for an exchange into which anybody may put anything.

nbgrader's own follows links, so that a learner could hand in any file that the instructor can read,
another's answer among them; warns and goes on where a submission bears another's name; and stops
all at the first one that it cannot copy. This one copies what `llmlib grade` reads, regular files
of bounded size, and leaves out the rest with a sentence.
"""

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from nbgrader.exchange.default import ExchangeCollect

from classroom import exchange
from classroom.checking.submission import Unreadable
from grader.host import read_submission
from grader.submissions import is_folder_name, without_controls
from llmlib import files

SECRET = "submission_secret.txt"  # by it nbgrader returns a page to its owner
NOBODY: dict[str, Any] = {"username": "", "timestamp": datetime.min}
SHARED = (
    "where all learners share one account, and only there, nbgrader_config.py may say "
    "c.ExchangeCollect.check_owner = False: it lets everybody hand in for everybody"
)


class TrustedCollect(ExchangeCollect):
    """Collect trusted: `nbgrader collect` and Formgrader's button use it, too. `taken` and `left`
    are what was collected and what was left out, a line each."""

    src_records: list[dict[str, Any]]

    def __init__(self, *args: Any, **words: Any) -> None:
        super().__init__(*args, **words)
        self.taken: list[str] = []
        self.left: list[str] = []

    def init_src(self) -> None:
        """Take nbgrader's choice of each student's newest submission, without what is left out."""
        super().init_src()
        self.src_records = [record for record in self.src_records if record["username"]]

    def _path_to_record(self, path: str) -> dict[str, Any]:
        """Read a folder's name as nbgrader does: STUDENT+NOTEBOOK+TIME+RANDOM."""
        folder = Path(path)
        try:
            record = super()._path_to_record(path)
            with self._opened(folder, record["username"]):
                return record
        except Unreadable as fault:
            self._leave_out(folder, str(fault))
        except Exception:  # noqa: BLE001 - dateutil has many ways to fail
            self._leave_out(folder, "its name holds no student, notebook and time")
        return {**NOBODY, "filename": folder.name}

    def copy_files(self) -> None:
        """Copy each submission that is newer than what was collected before."""
        name = self.coursedir.assignment_id
        structure = self.coursedir.submitted_directory
        most = min(exchange.largest(self.coursedir), read_submission.MAX_FILE)
        for record in self.src_records:
            student, timestamp = record["username"], record["timestamp"]
            folder = Path(self.inbound_path, record["filename"])
            place = Path(self.coursedir.format_path(structure, student, name))
            if place.is_dir() and not self._is_wanted(timestamp, place):
                continue
            try:
                with self._opened(folder, student) as handle:
                    data = _read(f"{name}.ipynb", handle, most)
                    secret = _read(SECRET, handle, most)[:1000]
            except Unreadable as fault:
                self._leave_out(folder, str(fault))
                continue
            place.mkdir(parents=True, exist_ok=True)
            files.write(place / f"{name}.ipynb", data)
            files.write(place / SECRET, secret)
            text = f"{timestamp.isoformat(' ')} UTC\n"
            files.write(place / "timestamp.txt", text)  # now all is there
            self.taken.append(f"{name} of {student}, handed in {timestamp:%Y-%m-%d %H:%M:%S} UTC")
            self.log.info("Collecting submission: %s %s", student, name)

    @contextlib.contextmanager
    def _opened(self, folder: Path, student: str) -> Iterator[int]:
        """Yield the handle of a submission's folder, which nobody can swap for another while it is
        open. Raises Unreadable where it is no folder or not that student's."""
        if not is_folder_name(student):
            raise Unreadable("what it says of its student cannot be the name of a folder")
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError as error:
            raise Unreadable(f"it is no folder, or cannot be opened ({error.strerror})") from None
        try:
            owner = _name_of(os.fstat(handle).st_uid)
            if self.check_owner and owner != student:
                claim = f"it says that it is {student}'s, and {owner} has put it there"
                raise Unreadable(f"{claim}; {SHARED}")
            yield handle
        finally:
            os.close(handle)

    def _is_wanted(self, timestamp: datetime, place: Path) -> bool:
        """Say whether a submission of that time replaces the one that is at `place`."""
        try:
            previous = self.coursedir.get_existing_timestamp(str(place))
        except Exception:  # noqa: BLE001 - a file that somebody has edited
            previous = None
        newer = previous is None or timestamp > previous
        return bool(self.update and newer or self.before_duedate and timestamp != previous)

    def _leave_out(self, folder: Path, reason: str) -> None:
        line = f"{without_controls(folder.name)}: {without_controls(reason)}"
        self.left.append(line)
        self.log.warning("Left out: %s", line)


def _read(file: str, folder: int, most: int) -> bytes:
    try:
        return read_submission.content(file, folder, most)
    except Unreadable as fault:
        raise Unreadable(f"{file}: {fault}") from None


def _name_of(user: int) -> str:
    import pwd  # not at the top: Formgrader imports this file on Windows, too

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
