"""Open a submission, a regular file of bounded size, and read it in a process with limits.

A hostile text can cost its reader hours, gigabytes or a crash: Python's parser was not written to
resist attacks. Nothing of it is run.
"""

import gc
import os
import signal
import socket
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from classroom.checking.submission import Unreadable, too_large
from grader.host import memory_kills
from grader.wire import Channel, Closed, TooSlow, UnsupportedValue, within

MAX_FILE = 128_000_000  # bytes; outputs are dropped, so what printed a lot is still graded
SECONDS = 30  # of CPU: six times what the largest file takes on a core of its own
WAIT_SECONDS = 120  # seconds in which a machine that has much else to do gives it those
MEMORY = 2 << 30  # bytes beyond what the process has when it begins
TOO_MUCH = "it cannot be read within the limits: clear its outputs, and see that its code is code"


def content(path: str | Path, folder: int | None = None, most: int | None = None) -> bytes:
    """Return the bytes of the file at `path`: no link, no pipe, no device, at most `most` of them
    (`MAX_FILE`). `folder` is the handle of the open folder that the path begins in. Raises
    `Unreadable`."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        raise Unreadable("there is no file of that name") from None
    except OSError:
        raise Unreadable("it is a link or cannot be opened; hand in the file itself") from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        raise Unreadable("it is not a file")
    with open(handle, "rb") as file:
        most = most or MAX_FILE
        if status.st_size > most:
            raise Unreadable(f"it is {too_large(most)}")
        return file.read(most)


def run_limited(work: Callable[[], Any]) -> Any:
    """Return what `work` returns, plain values, computed in a fork. Raises `Unreadable` where it
    says so, fails, or takes too much; TimeoutError where this machine had no time for it,
    `NoMemory` where it had no memory."""
    kills = memory_kills.count()
    parent, child = map(Channel, socket.socketpair())
    pid = os.fork()
    if pid == 0:
        _work(work, child)
    child.sock.close()
    try:
        fault, value = parent.receive(within(WAIT_SECONDS))
    except TooSlow:
        busy = f"not read in {WAIT_SECONDS} s: this machine is too busy; start again"
        raise TimeoutError(busy) from None
    except (Closed, UnsupportedValue):
        if memory_kills.count() != kills:
            raise memory_kills.NoMemory from None
        raise Unreadable(TOO_MUCH) from None
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        parent.sock.close()
    if fault:
        raise Unreadable(fault)
    return value


def _work(work: Callable[[], Any], channel: Channel) -> NoReturn:
    import resource  # not at the top: the certificate imports this file on Windows, too

    gc.disable()  # else it may finalise what its parent holds: end its processes, empty its folders
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        hard = resource.getrlimit(resource.RLIMIT_AS)[1] % (1 << 64)  # -1 is none
        with open("/proc/self/statm", encoding="ascii") as file:
            limit = min(int(file.read().split()[0]) * resource.getpagesize() + MEMORY, hard)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        try:
            channel.send(("", work()))
        except Exception as fault:  # noqa: BLE001 - whatever stops it, its name helps to see why
            message = f"{TOO_MUCH} ({type(fault).__name__})"
            channel.send((str(fault) if isinstance(fault, Unreadable) else message, None))
    finally:
        os._exit(0)
