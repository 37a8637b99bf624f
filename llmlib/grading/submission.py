"""What is about untrusted files: how one is opened."""

import os
import stat

from llmlib.course import handed_in
from llmlib.course.forbidden import forbidden_names
from llmlib.course.handed_in import Cell, Job, Unreadable, parse, plan

__all__ = ["Cell", "Job", "Unreadable", "data", "forbidden_names", "parse", "plan", "read"]
MAX_FILE = 256 << 20  # bytes; outputs are dropped, so a notebook that printed a lot is still graded


def data(path):
    """The bytes of a regular file that is no link. Raises `Unreadable`."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise Unreadable("there is no file of that name") from None
    except OSError:
        raise Unreadable("it is a link or cannot be opened; hand in the file itself") from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise Unreadable("it is not a file")
    with open(handle, "rb") as file:
        if status.st_size > MAX_FILE:
            raise Unreadable(
                f"it is larger than {MAX_FILE >> 20} MB; clear its outputs and hand it in again"
            )
        return file.read(MAX_FILE)


def read(path):
    """The cells of the notebook at `path`. Raises `Unreadable`."""
    return handed_in.read(data(path))
