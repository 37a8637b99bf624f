"""The grader for a machine that other tests keep busy."""

import contextlib

from grader.host.time_limits import Starved
from grader.marking.runner import Runner


class PatientRunner(Runner):
    """Grades again what this machine had no time for, as a run does."""

    def grade(self, notebook, cells):
        for _ in range(9):
            with contextlib.suppress(Starved):
                return super().grade(notebook, cells)
        return super().grade(notebook, cells)
