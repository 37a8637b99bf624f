"""Close a red run with what to do, in its last thirty lines: each failure by name and in one
sentence, its kind, and the command that runs just these again or mends them.

The kinds:

    defect    what the test says is wrong
    number    an output of a notebook differs in digits
    stale     a page or a figure that a command renews: the message says "run `make build`", say
    machine   a time-out, a missing tool, memory, an index that does not answer

With --rerun-alone, what failed is run once more, alone (tests/rerun.py): a run in which all of it
passes then is green, and its closing lines name it.
"""

import ast
import copy
import os
import re
import shlex
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import rerun
import verdicts

KINDS = ["defect", "number", "stale", "machine"]
DIFFERENCE = 15  # lines
LISTED = 13  # failures, so that all that closes a run takes thirty lines
SENTENCE = 220  # columns
WIDE = 1000  # columns: one line of a page can be all of it
SAME_FILE = "together"  # the property of a test that needs others of its file

COLOURS = re.compile(r"\x1b\[[\d;]*m")
ERROR = re.compile(r"(?:E +)?([\w.]*(?:Error|Exception|ERROR)\b: .*)")
# an exception's name alone, or an assertion of nothing but numbers: assert (1 == 1 and 0 == 1)
WORDLESS = re.compile(r"[\w.]+|assert (\W|\d|\b(and|or|not|in|is|True|False|None)\b)+")
MENDS = re.compile(r"run `(make [^`]+)`")
NUMERIC = set("0123456789.,-−+e ")
MACHINE = re.compile(
    r"(^|\.)(TimeoutError|TimeoutExpired|\w*Timeout|Empty|MemoryError|OutOfMemoryError|URLError)\b"
    r"|^worker '.*' crashed|^Timeout of .* exceeded|^(RuntimeError: )?Kernel (died|dead)"
    r"|No space left on device|Cannot allocate memory|Temporary failure in name resolution"
    r"|FileNotFoundError: .*No such file or directory: '[\w-]+'$"  # a program on the PATH
)


@dataclass
class Failure:
    """A test that failed, with its reports: of its set-up, its call or its teardown."""

    nodeid: str
    reports: list

    @cached_property
    def properties(self):
        return dict(getattr(self.reports[0], "user_properties", ()))

    @property
    def target(self):
        """What to run for it: itself, or its file where it needs other tests of that."""
        together = SAME_FILE in self.properties or ".ipynb::" in self.nodeid
        return self.nodeid.partition("::")[0] if together else self.nodeid

    @property
    def name(self):
        return self.nodeid.replace(".ipynb::Cell ", ".ipynb, code cell ")

    @cached_property
    def said(self):
        return sentence(self.reports[0])

    @property
    def sentence(self):
        where = {"setup": "in its set-up: ", "teardown": "in its teardown: "}
        return where.get(self.reports[0].when, "") + short(self.said, SENTENCE)

    @property
    def kind(self):
        return kind(self.said)

    @property
    def may_run_again(self):
        """Whether it is a test that has run, and no test of security."""
        return (
            all(isinstance(report, pytest.TestReport) for report in self.reports)
            and self.properties.get("layer") != "security"
        )


def failures(reporter):
    """Return what has failed, in the order in which it did, one for each test or file."""
    found = {}
    for category in ("failed", "error"):
        for report in reporter.stats.get(category, ()):
            found.setdefault(report.nodeid, Failure(report.nodeid, [])).reports.append(report)
    return list(found.values())


def sentence(report):
    """Return the one line of a report that says best what went wrong."""
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash:
        told = _telling(crash.message.removeprefix("AssertionError: "))
        marked = re.findall(r"^> +(\S.*)$", str(report.longrepr), re.M)  # what raised it
        return f"{told}: {marked[-1]}" if marked and WORDLESS.fullmatch(told) else told
    text = COLOURS.sub("", str(report.longrepr))
    cell = re.search(r"^Cell \d+: (.+)$", text, re.M)
    if cell and report.nodeid.partition("::")[0].endswith(".ipynb"):
        return _of_cell(cell[1], text.rpartition("\nTraceback:\n")[2])
    marked = re.findall(r"^E +(\S.*)$", text, re.M)
    return marked[-1] if marked else _telling(text)


def _of_cell(message, details):
    lines = [line.strip() for line in details.splitlines() if line.strip()] or [message]
    if message == "Cell outputs differ":
        return next((line for line in lines if "stored " in line), f"{message}: {lines[0]}")
    return lines[-1] if message == "Cell execution caused an exception" else message


def _telling(text):
    """Return the first line, or of what another program said the last one that names an error."""
    lines = [line.strip() for line in COLOURS.sub("", text).splitlines() if re.search(r"\w", line)]
    errors = [found[1] for found in map(ERROR.match, lines) if found]
    if errors and len(lines) > 5:
        return errors[-1]
    return lines[0] if lines else "it says nothing"


def kind(text):
    """Return the kind of a failure, one of KINDS, from its sentence."""
    if MENDS.search(text) and not text.startswith("assert "):
        return "stale"
    if MACHINE.search(text):
        return "machine"
    outputs = re.search(r"stored ('.*'|\".*\"), seen ('.*'|\".*\")$", text)
    return "number" if outputs and differ_in_digits(*outputs.groups()) else "defect"


def differ_in_digits(stored, seen):
    """Tell whether the first difference of two texts, quoted as Python does, is in a number."""
    try:
        pairs = zip(ast.literal_eval(stored), ast.literal_eval(seen), strict=False)
    except (SyntaxError, ValueError):
        return False
    apart = set(next((pair for pair in pairs if pair[0] != pair[1]), "x"))
    return apart <= NUMERIC and any(map(str.isdigit, apart))


def short(text, width):
    """Return the text in one line of this width, cut in the middle."""
    text = text.replace("\n", " ")
    half = (width - 3) // 2
    return text if len(text) <= width else f"{text[:half]} … {text[-half:]}"


def cut(lines):
    """Cut the middle of lines out, and of each line that is very wide, and say how much it was."""
    lines = [
        f"{line[: WIDE // 2]} … {len(line) - WIDE:,} characters cut … {line[-WIDE // 2 :]}"
        if len(line) > WIDE
        else line
        for line in lines
    ]
    if len(lines) <= DIFFERENCE:
        return lines
    half = DIFFERENCE // 2
    count = len(lines) - 2 * half
    middle = f"{lines[0][:1].strip():<7} … {count:,} lines cut here; -vv shows them …"
    return [*lines[:half], middle, *lines[-half:]]


def cut_differences(report):
    """Cut what a failed assertion or a notebook's cell says to DIFFERENCE lines."""
    if isinstance(report.longrepr, str):
        head, word, details = report.longrepr.rpartition("Cell outputs differ")
        if word:
            source, title, difference = details.rpartition("Traceback:")
            report.longrepr = head + word + source + title + "\n".join(cut(difference.split("\n")))
        return
    chain = getattr(report.longrepr, "chain", None) or [
        (getattr(report.longrepr, "reprtraceback", None),)
    ]
    for traceback, *_ in chain:
        for entry in getattr(traceback, "reprentries", ()):
            said = [line for line in entry.lines if line.startswith("E ")]
            others = [line for line in entry.lines if not line.startswith("E ")]
            entry.lines[:] = [*others, *cut(said)]  # pytest writes what is wrong below the source


class FailureReport:
    """Run what failed once more, if asked to, and close the run with what to do.

    `refused(reporter)` returns why tests were skipped that must run.
    """

    def __init__(self, config, refused):
        self.config, self.refused = config, refused
        self.passed_alone, self.note = [], ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        for item in items:
            if verdicts.together(item):
                item.user_properties.append((SAME_FILE, True))

    @pytest.hookimpl(wrapper=True, trylast=True)  # the workers have ended, nothing is printed yet
    def pytest_sessionfinish(self, session):
        result = yield
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is None:  # a worker
            return result
        ended = session.exitstatus == pytest.ExitCode.TESTS_FAILED and not session.shouldfail
        if self.config.option.rerun_alone and ended:
            self.run_again(session, reporter)
        if self.refused(reporter):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return result

    def run_again(self, session, reporter):
        """Run alone what failed; the run is green if all of it passes."""
        failed = failures(reporter)
        if len(failed) > rerun.MOST:
            self.note = f" More than {rerun.MOST} failed: none was run again."
            return
        reporter.ensure_newline()
        targets = {}
        for failure in failed:
            if failure.may_run_again:
                targets.setdefault(failure.target, []).append(failure)
        for target, group in targets.items():
            reporter.write_line(f"Running {target} again, alone …")
            start, nodeids = time.monotonic(), [each.nodeid for each in group]
            try:
                passed = rerun.passes_alone(target, nodeids, self.config.rootpath)
            except KeyboardInterrupt:
                self.note = " Running them again was interrupted."
                return
            if passed:
                self.passed_alone += group
                count_as_passed(reporter.stats, group, time.monotonic() - start)
            else:
                self.note = " What was run again, alone, failed again."
        if failed and len(self.passed_alone) == len(failed):
            session.exitstatus = pytest.ExitCode.OK

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter):
        failed = failures(terminalreporter)
        lines = closing(failed, self.refused(terminalreporter), self.note)
        # pytest's own list of what failed would say it twice
        terminalreporter.reportchars = re.sub("[fE]", "", terminalreporter.reportchars)
        if self.config.get_verbosity() < 2:
            for failure in [*failed, *self.passed_alone]:
                for report in failure.reports:
                    cut_differences(report)
        result = yield
        for failure in self.passed_alone:
            terminalreporter.write_sep("_", f"{failure.name}, as it failed at first")
            failure.reports[0].toterminal(self.config.get_terminal_writer())
        if lines:
            terminalreporter.write_sep("=", "what failed, and what to do")
        for failure in self.passed_alone:
            lines.append(f"Passed when run again alone: {failure.name} ({failure.sentence})")
        for line in lines:
            terminalreporter.write_line(line)
        return result


def count_as_passed(stats, group, seconds):
    """Count tests as passed, and their failures as reruns, as pytest-rerunfailures does."""
    reports = [report for failure in group for report in failure.reports]
    for category in ("failed", "error"):
        stats[category] = [each for each in stats.get(category, ()) if each not in reports]
        if not stats[category]:
            del stats[category]  # pytest paints its last line by the names that there are
    before = {report.nodeid for report in stats.get("passed", ())}  # the teardown failed
    for report in (failure.reports[0] for failure in group):
        stats.setdefault("rerun", []).append(report)
        if report.nodeid not in before:
            passed = copy.copy(report)
            passed.outcome, passed.longrepr = "passed", None
            passed.duration = seconds / len(group)
            stats.setdefault("passed", []).append(passed)


def closing(failed, refused, note=""):
    """Return the lines that say what failed and what to do: of failures, and of the reasons why
    tests were skipped that must run."""
    found = [(each.kind, f"{each.name}: {each.sentence}") for each in failed]
    for reason in refused:
        of_kind = "machine" if reason.startswith("left out: ") else "defect"
        found.append((of_kind, f"A test may not be skipped: {short(reason, SENTENCE)}"))
    if not found:
        return []
    found.sort(key=lambda each: KINDS.index(each[0]))
    failed = sorted(failed, key=lambda each: KINDS.index(each.kind))
    counts = Counter(of_kind for of_kind, _ in found)
    kinds = ", ".join(f"{each} {counts[each]}" for each in KINDS if each in counts)
    lines = [f"Failed, by kind: {kinds}.{note}"]
    lines += [f"{of_kind:8} {text}" for of_kind, text in found[:LISTED]]
    if len(found) > LISTED:
        files = Counter(each.nodeid.partition("::")[0] for each in failed[LISTED:])
        some = ", ".join(f"{file} {count}" for file, count in files.most_common(3))
        lines.append(f"… and {len(found) - LISTED:,} more (most in {some}).")
    failed = [each for each in failed if not each.nodeid.startswith("gw")]  # a worker is no test
    if failed:
        which = "the first of these" if len(found) > LISTED else "just these"
        lines.append(f"Run {which} again: {command(failed[:LISTED])}")
    return lines + hints(failed, counts)


def command(failed):
    """Return the command that runs these tests again, in one line."""
    python = Path(sys.executable)
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    words = [str(python), "-m", "pytest", *dict.fromkeys(each.target for each in failed)]
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def hints(failed, counts):
    """Return what to do about each kind, a line each."""
    lines = []
    mends = dict.fromkeys(MENDS.search(each.said)[1] for each in failed if each.kind == "stale")
    if mends:
        lines.append(f"Renew what is stale: {' && '.join(mends)}")
    if "number" in counts:
        names = {Path(each.target).stem for each in failed if each.kind == "number"}
        build = f'make build ARGS="{" ".join(sorted(names))} --force"'
        lines.append(f"If the new numbers are right: {build}. Else print fewer digits.")
    if "machine" in counts:
        lines.append("Machine: it was too busy, or something is missing. Free it, or install that.")
    return lines
