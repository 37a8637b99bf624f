"""What `make check` runs beside the unit tests: lint, imports, declared packages, layout, types."""

import subprocess
import sys
from pathlib import Path

import pytest
import suites

from classroom.bootstrap import steps

pytestmark = [pytest.mark.unit, pytest.mark.slow]  # slow: `make check` runs them itself


@pytest.mark.parametrize(
    "check", [name for name in suites.CHECKS if name not in ("tests", "advice")]
)
def test_the_code_passes(check):
    environment = steps.activated(Path(sys.executable))
    words = suites.command(check)
    done = subprocess.run(words, cwd=suites.ROOT, env=environment, **steps.HEARD)
    assert done.returncode == 0, done.stdout[-4000:]
