"""Run failed tests once more, alone: after all others have ended, each in a process of its own.

    python tests/rerun.py TEST [FILE]

runs TEST, or the whole FILE for it where the tests of a file need each other, such as the cells of
a notebook. Status 0 says that everything passed, TEST among it. A test of the layer `security` is
never run again.

pytest-rerunfailures repeats a failed test at once: beside the others, under the same load.
"""

import subprocess
import sys
from pathlib import Path

import pytest

MOST = 5  # where more fail, something is broken: no use in waiting for all of them once more


def target(nodeid, together):
    """Return what to run for a test: itself, or its file where that holds what it needs."""
    return nodeid.partition("::")[0] if together else nodeid


def passes_alone(nodeid, together, root):
    """Tell whether a test passes in a process of its own."""
    words = [sys.executable, __file__, nodeid, *([target(nodeid, True)] if together else [])]
    done = subprocess.run(words, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0


class Passed(set):
    """The ids of the tests that passed."""

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.passed:
            self.add(report.nodeid)


def main(nodeid, *file):
    """Run a test, or its file, with the settings of the folder; returns the exit status."""
    passed = Passed()
    words = ["-n0", "--rootdir", str(Path.cwd()), "-m", "not security", *(file or [nodeid])]
    status = pytest.main(words, plugins=[passed])
    return status or nodeid not in passed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
