"""Run failed tests once more, alone: after all others have ended, each in a process of its own.

    python tests/rerun.py TEST TEST                    one test
    python tests/rerun.py FILE TEST …                  a file, for tests of it that need its others

Status 0 says that everything passed, each TEST among it. A file is run whole where its tests need
each other, such as the cells of a notebook. A test of the layer `security` is never run again.

pytest-rerunfailures repeats a failed test at once: beside the others, under the same load.
"""

import subprocess
import sys
from pathlib import Path

import pytest

MOST = 5  # where more fail, something is broken: no use in waiting for all of them once more


def passes_alone(target, nodeids, root):
    """Tell whether a test, or a file with these tests, passes in a process of its own."""
    words = [sys.executable, __file__, target, *nodeids]
    done = subprocess.run(words, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0


class Passed(set):
    """The ids of the tests that passed."""

    def pytest_runtest_logreport(self, report):
        if report.when == "call" and report.passed:
            self.add(report.nodeid)


def main(target, *nodeids):
    """Run a test or a file with the settings of the folder; returns the exit status."""
    passed = Passed()
    words = ["-n0", "--rootdir", str(Path.cwd()), "-m", "not security", target]
    status = pytest.main(words, plugins=[passed])
    return status or not passed.issuperset(nodeids)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
