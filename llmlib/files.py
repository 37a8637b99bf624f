"""Write files whole or not touched, whatever stops the program in between, and by one program at a
time."""

import os
import threading
import time
from pathlib import Path

from filelock import FileLock, Timeout


def write(path: Path | str, data: str | bytes, mode: int = 0o666) -> None:
    """Write `data` to `path`: beside it first, then moved there in one step. Makes the folder. A
    new file gets `mode`, less the umask; one that is there keeps who may do what with it.
    Half a character, as a learner's text may hold, becomes a "?". Raises OSError."""
    path = _end(Path(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}{threading.get_ident()}")
    old = path.is_file() and not path.is_symlink()
    try:
        part.unlink(missing_ok=True)  # another's would get the text, or lead it elsewhere
        new = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if old else mode)
        with open(new, "wb") as file:
            file.write(data.encode("utf-8", "replace") if isinstance(data, str) else data)
        if old:
            part.chmod(path.stat().st_mode & 0o777)
        replace(part, path)
    except OSError as error:  # the file that was asked for, not the one beside it
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None
    finally:
        part.unlink(missing_ok=True)


def replace(part: Path, path: Path) -> None:
    """Move a file or folder to `path`. On Windows it waits up to three seconds for a virus scanner
    or OneDrive, which open what is new. Raises OSError."""
    for seconds in (0.1, 0.2, 0.4, 0.8, 1.5, 0):
        try:
            return os.replace(part, path)
        except OSError as error:
            if not (seconds and held(error)):
                raise
        time.sleep(seconds)


def held(error: OSError) -> bool:
    """Tell whether Windows says that another program has the file open."""
    return getattr(error, "winerror", None) in (5, 32, 33)  # 5: it is in the new one's place


def lock(path: Path, busy: str) -> FileLock:
    """Lock the file `path` for as long as this process lives and what is returned is kept. Makes
    its folder. ValueError `busy` where another process has it; OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file_lock = FileLock(path)
    try:
        file_lock.acquire(blocking=False)
    except Timeout:
        raise ValueError(busy) from None
    return file_lock


def _end(path: Path) -> Path:
    """Follow a link of one's own. Another's, as someone could leave in a folder that several may
    write to, is replaced: it could lead to any file of ours."""
    is_own = path.is_symlink() and (os.name != "posix" or path.lstat().st_uid == os.geteuid())
    return Path(os.path.realpath(path)) if is_own else path
