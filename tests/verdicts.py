"""`make proof` runs again only what has changed: what passed is kept, outside the repository,
with a fingerprint of everything that its verdict depends on.

    @pytest.mark.verdict("solutions/{notebook}.py", "tests/claims/{notebook}.py")

says which files a test depends on besides its own, the tests' settings, the installed packages and
the machine; of all these also what they import (`classroom/import_closure.py`). `{notebook}` is a
parameter of the test; a mark that names no file says that the test reads no other. `together=True`
says that the tests of a unit (`scheduling.py`) need each other: all of them run, or none. A test
without the mark depends on the whole repository: it runs once for each state of it, so that `make
proof` does not repeat what `make test` has just done; one that asks the package index runs always.

With `--verdicts` a test whose fingerprint is that of its last pass is left out and counted as such;
with `--fresh` every test runs. Passes are kept, failures never; the two options differ in nothing
else.
"""

import ast
import functools
import hashlib
import importlib.metadata
import inspect
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import scheduling
from filelock import FileLock

from classroom import import_closure
from llmlib import assets, files

TESTS = Path(__file__).parent
CONFTEST = TESTS.with_name("conftest.py")
NOTEBOOK = ["solutions/{name}.ipynb", "solutions/{name}.py", "tests/nbval.cfg"]
SETTINGS = ["ADDING_ORDER", "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA"]
SETTINGS += ["MKL_CBWR", "MKL_ENABLE_INSTRUCTIONS"]
OFTEN = 60  # seconds between two savings


def store():
    """Where the passes are kept: {test: fingerprint} as JSON."""
    return assets.cache_folder() / "proof" / "verdicts.json"


def read():
    """The passes of earlier runs; none where the file is missing or damaged."""
    try:
        found = json.loads(store().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


class Verdicts:
    """Leaves out what has passed with the same inputs, and keeps what passes now."""

    def __init__(self, config, fresh):
        self.root, self.worker = config.rootpath, hasattr(config, "workerinput")
        # all processes of a run know the same passes: those of its beginning
        if self.worker:
            self.known, self.whole = config.workerinput["verdicts"]
        else:
            self.known, self.whole = {} if fresh else read(), _whole(self.root)
        self.held = {}  # how many tests of each layer were left out
        self.passed, self.failed, self.broken, self.saved = {}, set(), set(), time.monotonic()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node):
        node.workerinput["verdicts"] = self.known, self.whole

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        self.held = self.held or getattr(node, "workeroutput", {}).get("held", {})

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config, items):
        wanted = {}
        for item in items:
            if found := self.fingerprint(item):
                item.user_properties.append(("verdict", found))
                wanted[item] = found
        held = {item for item, found in wanted.items() if self.known.get(item.nodeid) == found}
        unit = {item: scheduling.unit(item.nodeid) for item in wanted}
        run = {unit[item] for item in wanted if item not in held and together(item)}
        held = {item for item in held if unit[item] not in run}
        self.held = Counter(dict(item.user_properties)["layer"] for item in held)
        config.hook.pytest_deselected(items=[item for item in items if item in held])
        items[:] = [item for item in items if item not in held]

    def fingerprint(self, item):
        """Of all that the verdict on a test depends on; None for a test that always runs, as every
        test without a mark does where git does not say what the repository holds."""
        mark, words, own = item.get_closest_marker("verdict"), {"name": item.path.stem}, []
        if item.path.suffix == ".ipynb":
            patterns = [each.format(**words) for each in NOTEBOOK]
        elif mark is None:
            online = any("index" in each.args for each in item.iter_markers("needs"))
            if online or not self.whole:
                return None
            patterns = []
        else:
            words = item.callspec.params if hasattr(item, "callspec") else {}
            patterns, own = [each.format(**words) for each in mark.args], [item.path]
        for pattern in patterns:
            if not _paths(self.root, pattern):
                raise pytest.UsageError(f"{item.nodeid}: no file is {pattern}")
        marked = own or patterns
        parts = [item.nodeid, _machine(), _settings(self.root) if marked else self.whole]
        parts += [_contents(self.root, each) for each in patterns]
        parts.append(_code(self.root, (*own, *_fixtures(item)), tuple(patterns)))
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]

    def pytest_runtest_logreport(self, report):
        if self.worker:
            return
        file, found = report.nodeid.partition("::")[0], dict(report.user_properties).get("verdict")
        if report.failed:
            self.failed.add(report.nodeid)
            if report.when != "call":  # of a fixture, which other tests of the file have used
                self.broken.add(file)
        elif report.when == "call" and report.passed and found:
            self.passed[report.nodeid] = found
        if time.monotonic() > self.saved + OFTEN:
            self.save()

    def save(self):
        """Write down what passed and forget what failed; what another run wrote meanwhile stays."""
        self.saved, path = time.monotonic(), store()
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            kept = read() | self.passed
            lost = [
                each for each in kept if each in self.failed or each.split("::")[0] in self.broken
            ]
            for each in lost:
                del kept[each]
            files.write(path, json.dumps(kept, indent=0))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session):
        if self.worker:
            session.config.workeroutput["held"] = dict(self.held)
            return
        self.save()
        if self.held and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED:
            session.exitstatus = pytest.ExitCode.OK

    def pytest_terminal_summary(self, terminalreporter):
        if self.held:
            each = ", ".join(f"{name} {number:,}" for name, number in sorted(self.held.items()))
            terminalreporter.write_line(
                f"Left out: {sum(self.held.values()):,} tests that passed before with the same "
                f"inputs ({each}). All again: make proof ARGS=--fresh."
            )


def together(item):
    """Whether the tests of its unit need each other, as a cell of a notebook those above it."""
    mark = item.get_closest_marker("verdict")
    return item.path.suffix == ".ipynb" or bool(mark and mark.kwargs.get("together"))


@functools.cache
def _whole(root):
    """A digest of the commit and of all files that git tracks or would; "" without git."""
    digest = hashlib.sha256()
    try:
        for words in (["rev-parse", "HEAD"], ["ls-files", "-z", "-co", "--exclude-standard"]):
            listed = subprocess.run(
                ["git", *words], cwd=root, capture_output=True, check=True, encoding="utf-8"
            ).stdout
            digest.update(listed.encode())
    except (OSError, subprocess.CalledProcessError):
        return ""
    for path in map(root.joinpath, filter(None, sorted(listed.split("\0")))):
        data = path.read_bytes() if path.is_file() else b""
        digest.update(f"{len(data)}\0".encode() + data)
    return digest.hexdigest()


@functools.cache
def _paths(root, pattern):
    found = (path for path in root.glob(pattern) if "__pycache__" not in path.parts)
    return sorted(path for path in found if path.is_file())


@functools.cache
def _contents(root, pattern):
    """A digest of the names and contents of all files of this pattern."""
    digest = hashlib.sha256()
    for path in _paths(root, pattern):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(root)}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()


def _fixtures(item):
    """The code of all fixtures that a test asks for."""
    info = getattr(item, "_fixtureinfo", None)  # a notebook's cell has none
    found = info.name2fixturedefs.values() if info else ()
    ours = (each[-1].func for each in found if each[-1].func.__module__ == CONFTEST.stem)
    return sorted(map(_source, ours))


_source = functools.cache(inspect.getsource)


@functools.cache
def _code(root, starts, patterns):
    """A digest of what code imports: `starts`, and the sources that the patterns name."""
    found = (path for each in patterns for path in _paths(root, each) if path.suffix == ".py")
    texts = (path.read_text(encoding="utf-8") for path in found)
    return import_closure.fingerprint([*starts, *texts], _roots(root))


@functools.cache
def _settings(root):
    """A digest of what all tests share: their settings, and conftest.py with what it imports by
    itself. What a fixture imports counts where it is asked for."""
    text = CONFTEST.read_text(encoding="utf-8")
    imports = (
        node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)
    )
    code = import_closure.fingerprint(map(ast.unparse, imports), _roots(root))
    return hashlib.sha256(f"{_contents(root, 'pyproject.toml')}{text}{code}".encode()).hexdigest()


@functools.cache
def _roots(root):
    """Where modules lie that tests may import: {name: its file or folder}"""
    folders = (root, TESTS, root / "tests/claims")
    found = (path for folder in folders if folder.is_dir() for path in folder.iterdir())
    named = {p.stem: p for p in found if p.suffix == ".py" or any(p.glob("*.py"))}
    return import_closure.Roots(named)


@functools.cache
def _machine():
    """Python, the installed packages, the processor, the system and its sandbox."""
    installed = sorted(f"{d.name}=={d.version}" for d in importlib.metadata.distributions())
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.exists() else []
    processor = {line for line in lines if line.startswith(("model name", "flags"))}
    bwrap = shutil.which("bwrap")
    sandbox = (bwrap, os.stat(bwrap).st_size, os.stat(bwrap).st_mtime) if bwrap else None
    settings = {name: os.environ.get(name) for name in SETTINGS}
    words = [sys.version, platform.platform(), sorted(processor), settings, sandbox, installed]
    return json.dumps(words)
