"""Opens what was handed in: a regular file of bounded size, no link, no pipe, no device."""

import os
import stat
from pathlib import Path

from llmlib.course.handed_in import Unreadable

MAX_FILE = 128 << 20  # bytes; outputs are dropped, so a notebook that printed a lot is still graded


def data(path: str | Path) -> bytes:
    """The bytes of the file at `path`. Raises `Unreadable`."""
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
