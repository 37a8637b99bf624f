"""Every test belongs to one layer; everything runs offline, one thread a process. What needs a
program that this machine lacks is left out, by name and with the reason; with CI=true it fails
instead. Where an index does not answer, what needs it is not checked. Nothing else is skipped."""

import contextlib
import ctypes
import functools
import gc
import itertools
import os
import re
import signal
import sys
import tempfile
from collections import Counter
from pathlib import Path

import compare_outputs
import failure_report
import kernel_set_up
import made_once
import nbval.kernel
import pytest
import required_tools
import sample
import scheduling
import verdicts

# Where a shell starts the tests in the background, Ctrl-C is ignored in all that they start, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["PATH"] = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"  # ruff
os.environ.update(
    OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE", GOMP_SPINCOUNT="10000", PYTHONHASHSEED="0"
)  # as in the build
os.environ.update(
    TRANSFORMERS_VERBOSITY="error",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    HF_HUB_OFFLINE="1",
    TOKENIZERS_PARALLELISM="false",
)
LAYERS = ["unit", "claims", "nbval", "graders", "nbgrader", "security", "browser"]
NEEDS = {"security": "bubblewrap", "nbgrader": "bubblewrap", "browser": "chromium"}  # layer: tool
TESTS = Path(__file__).parent / "tests"
LEFT_OUT = "left out: "
ONLINE = {"index", "npm"}  # where one does not answer, its tests are not checked, also with CI=true
NOT_CHECKED = "not checked: "
NEVER = {"linux": (), "win32": ("needs Linux", "needs Unix")}  # what the system can never have


def pytest_addoption(parser):
    group = parser.getgroup("the course")
    words = {"metavar": "SEED", "help": "what `make test` runs: no proofs, and a sample of answers"}
    group.addoption("--sample", **words)
    words = {"action": "store_true", "help": "leave out what has passed with the same inputs"}
    group.addoption("--verdicts", **words)
    words = {"action": "store_true", "help": "run everything, and keep what passes for --verdicts"}
    group.addoption("--fresh", **words)
    words = {"action": "store_true", "help": "run what failed once more, after all others, alone"}
    group.addoption("--rerun-alone", **words)


def pytest_ignore_collect(collection_path, config):
    """A file in which nothing is asked for is not read at all: its imports cost seconds."""
    if collection_path.suffix == ".ipynb":
        return nothing_in("mark.nbval", config.option.markexpr) or None
    if collection_path.name.startswith("test_"):
        text = collection_path.read_text(encoding="utf-8")
        left_out = config.option.sample and sample.leaves_out(text)
        return left_out or nothing_in(text, config.option.markexpr) or None


def nothing_in(text, expression):
    """Whether `-m expression` chooses no test of a file, as far as its text alone shows that."""
    wanted = set(re.findall(r"\w+", expression)) & set(LAYERS)
    if not wanted or re.search(f"not ({'|'.join(LAYERS)})", expression):
        return False
    if "not slow" in expression and re.search(r"^pytestmark = .*mark\.slow", text, re.M):
        return True
    marks = set(re.findall(r"mark\.(\w+)", text)) & set(LAYERS)
    return bool(marks) and not marks & wanted  # a file without marks is read, and refused


def layer(item):
    """A mark on the test itself comes before its file's."""
    found = [mark.name for mark in item.iter_markers() if mark.name in LAYERS]
    if not found:
        raise pytest.UsageError(f"{item.nodeid} belongs to no layer: mark it with one of {LAYERS}")
    return found[0]


class Kernel:
    """A notebook's kernel is set up as in the build. `ADDING_ORDER=1`, or
    `ATEN_CPU_CAPABILITY=default`, shows what another processor would make of it.
    """

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ipython-")
        self.variables = kernel_set_up.variables(self.folder.name)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item):
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.variables.items() if item.path.suffix == ".ipynb" else ():
                patch.setenv(name, value)
            return (yield)


class Memory:
    """By a notebook's end its kernel has needed less memory than docs/install.md says. Linux tells
    how much that was.
    """

    LIMIT = 4 * 2**30  # bytes, as memory is sold

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, item, nextitem):
        last = item.path.suffix == ".ipynb" and (nextitem is None or nextitem.path != item.path)
        if not last or sys.platform != "linux":
            return
        process = item.parent.kernel.km.provisioner.pid
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
        peak = 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])
        assert peak < self.LIMIT, f"{item.path.name} has taken {peak / 2**30:.1f} GB of memory"


class Frugal:
    """What one file's tests have kept is given back before the next file: several workers share a
    machine, and each runs dozens of files."""

    def pytest_collection_finish(self):
        """What is imported by now stays: no collection, and no fork, need look at it again."""
        gc.collect()
        self.caches = caches_of_tests()
        gc.freeze()

    @pytest.hookimpl(trylast=True)  # after the teardown of the file's own fixtures
    def pytest_runtest_teardown(self, item, nextitem):
        if nextitem is not None and scheduling.unit(nextitem.nodeid) == scheduling.unit(
            item.nodeid
        ):
            return
        for each in [*self.caches, *caches_of_tests()]:
            each.cache_clear()  # models, what notebooks define
        gc.collect()
        with contextlib.suppress(AttributeError, TypeError):  # there is none but in GNU's C library
            ctypes.CDLL(None).malloc_trim(0)  # which keeps it for this process else


def caches_of_tests():
    wrappers = (each for each in gc.get_objects() if type(each) is functools._lru_cache_wrapper)
    return [each for each in wrappers if in_tests(each.__wrapped__)]


def in_tests(function):
    code = getattr(function, "__code__", None)
    return code is not None and Path(code.co_filename).is_relative_to(TESTS)


def patient(start):
    """A kernel whose ports another program took as it started is started once more."""

    def started(*words, **more):
        try:
            return start(*words, **more)
        except RuntimeError as error:
            if "died before" not in str(error):
                raise
        return start(*words, **more)

    return started


def pytest_configure(config):
    made_once.begin(config)
    compare_outputs.switch_on()
    nbval.kernel.start_new_kernel = patient(nbval.kernel.start_new_kernel)
    config.pluginmanager.register(Kernel())
    config.pluginmanager.register(Memory())
    config.pluginmanager.register(Frugal())
    config.pluginmanager.register(failure_report.FailureReport(config, _refused))
    if config.option.sample:
        config.pluginmanager.register(sample.Sample(config, config.option.sample))
    if config.option.verdicts or config.option.fresh:
        config.pluginmanager.register(verdicts.Verdicts(config, config.option.fresh))


@functools.cache
def lack(tool):
    """Why the tests that need `tool` cannot run here; "" if they can."""
    return getattr(required_tools, tool)()[1]


def pytest_collection_modifyitems(items):
    """Notebooks are the layer nbval; every other test says which one it is, and `needs` names a
    tool beyond its layer's."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker("nbval")
        mine = layer(item)
        item.user_properties.append(("layer", mine))
        needs = {mark.args[0] for mark in item.iter_markers("needs")} | {NEEDS.get(mine)} - {None}
        for tool in sorted(filter(lack, needs)):
            lead = NOT_CHECKED if tool in ONLINE else LEFT_OUT
            item.add_marker(pytest.mark.skip(reason=lead + lack(tool)))
    items[:] = scheduling.in_turn(items, layer)


def pytest_unconfigure(config):
    made_once.end(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return scheduling.Units(config, log) if config.getvalue("dist") == "loadfile" else None


def _may_be_skipped(reason):
    """Whether a test may be left out: where what it needs is missing. With CI=true only where an
    index does not answer, or for what the system can never have."""
    if reason.startswith(NOT_CHECKED):
        return True
    never = NEVER.get(sys.platform, ("needs Linux",))
    return reason.startswith(LEFT_OUT) and (
        os.environ.get("CI") != "true" or reason.endswith(never)
    )


def pytest_terminal_summary(terminalreporter, exitstatus):
    """What tests have to say, a line a layer for what was left out, and what each layer took."""
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "said":
                terminalreporter.write_line(value)
    for (name, reason), number in sorted(_skipped(terminalreporter).items()):
        lead = "Not checked" if reason.startswith(NOT_CHECKED) else "Left out"
        why = reason.removeprefix(NOT_CHECKED).removeprefix(LEFT_OUT)
        terminalreporter.write_line(f"{lead} of {name}: {number} tests, because {why}.")
    spent = sorted(_seconds(terminalreporter).items(), key=lambda each: -each[1])
    if len(spent) > 1:
        line = ", ".join(f"{name} {seconds:.0f}" for name, seconds in spent)
        terminalreporter.write_line(f"Seconds by layer, of all workers: {line}.")


def _refused(terminalreporter):
    """Why tests were skipped that must run."""
    reasons = set(map(_reason, terminalreporter.stats.get("skipped", [])))
    return sorted(each for each in reasons if not _may_be_skipped(each))


def _reason(report):
    return report.longrepr[2].removeprefix("Skipped: ")


def _seconds(reporter):
    """{layer: how long its tests took, with what was set up for them, of all workers together}"""
    spent = {}
    for report in itertools.chain.from_iterable(reporter.stats.values()):
        if isinstance(report, pytest.TestReport):  # a test left out by -m is no report
            name = dict(report.user_properties).get("layer", "nbval")
            spent[name] = spent.get(name, 0) + report.duration
    return spent


def _skipped(reporter):
    """How many tests were skipped, by layer and reason."""
    reports = reporter.stats.get("skipped", [])
    return Counter(
        (dict(report.user_properties).get("layer", "nbval"), _reason(report)) for report in reports
    )


@pytest.fixture(scope="session", autouse=True)
def _newest_gradebook():
    """Whoever makes a gradebook asks a process which form is the newest: the answer stays."""
    if api := sys.modules.get("nbgrader.api"):
        api.get_alembic_version = functools.cache(api.get_alembic_version)


@pytest.fixture(autouse=True)
def _ctrl_c():
    """A test leaves Ctrl-C as it was: another one of its process may end a loop by it."""
    before = signal.getsignal(signal.SIGINT)
    yield
    left = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, before)
    assert left is before, f"what Ctrl-C does was {before} and is {left}"


@pytest.fixture(scope="session")
def chromium():
    import browser  # here: most tests need none

    with browser.chromium() as started:
        yield started


@pytest.fixture(scope="session")
def site():
    """The folder of the built site, without the weights."""
    from authoring.site import build

    return made_once.folder("site", functools.partial(build.build, weights_too=False))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    import browser

    folder = tmp_path_factory.mktemp("lab")
    browser.furnish(folder)
    return folder


@pytest.fixture(scope="session")
def lab_server(folder):
    """The address of one JupyterLab for all journeys."""
    import browser

    with browser.served(folder) as address:
        yield address


@pytest.fixture
def lab(lab_server, folder, request):
    """The address of a notebook in a workspace of the test's own, which leaves nothing behind."""
    import browser

    with browser.workspace(lab_server, folder, request.node.name) as address:
        yield address


@pytest.fixture(scope="module")
def window(chromium):
    """A browser window for the tests of a file, which load JupyterLab's files once."""
    import browser

    with browser.new_context(chromium) as context:
        yield context


@pytest.fixture
def page(window, lab):
    """A tab of its own, in which no error may be logged."""
    import browser

    with browser.new_tab(window) as page:
        yield page
        browser.let_kernels_start(page)
        assert not page.complaints, page.complaints


@pytest.fixture(scope="module")
def runner():
    """A grader of the small notebook tests/attacks/target.py, in its sandbox."""
    from attacks import corpus

    from grader.host.time_limits import Limits
    from grader.marking.runner import Runner

    limits = Limits(cell=20, call=15, test=60, notebook=200)
    with contextlib.closing(Runner([corpus.TARGET], limits=limits)) as runner:
        yield runner
