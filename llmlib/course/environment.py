"""Where the course's files are and which version they have; the environment variables of every
process that it starts: offline, quiet, the same in every run."""

import os
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

from llmlib.installation import DISTRIBUTION, IN_CLONE
from llmlib.installation import ROOT as ROOT

PACKED = Path(__file__).parent  # where setup.py puts what a clone has at its top
SOURCES = ROOT / "solutions" if IN_CLONE else PACKED / "sources"
RELEASED = ROOT / "notebooks" if IN_CLONE else PACKED / "notebooks"
LISTED = ROOT / "pyproject.toml"
if IN_CLONE and LISTED.is_file():  # pip knows what a clone was before `git pull`
    VERSION = str(tomllib.loads(LISTED.read_text(encoding="utf-8"))["project"]["version"])
else:
    VERSION = version(DISTRIBUTION)
QUIET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    # Threads that wait sleep: where cores are shared, spinning made a cell 28 times slower;
    # but not in the first microseconds: small operations would take ten times as long.
    "OMP_WAIT_POLICY": "PASSIVE",
    "GOMP_SPINCOUNT": "10000",
    "PYTHONHASHSEED": "0",
    "SOURCE_DATE_EPOCH": "0",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
}


def environment(threads: int = 1, **more: str) -> dict[str, str]:
    """The variables for a process with so many `threads`. It imports this llmlib and finds programs
    in this Python's folder by name, as nbgrader does with `alembic`."""
    beside, path = os.path.dirname(sys.executable), os.environ.get("PATH") or os.defpath
    if path.split(os.pathsep)[0] != beside:  # it is, where this environment is ours already
        path = os.pathsep.join([beside, path])
    modules = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    ours = {"OMP_NUM_THREADS": str(threads), "PATH": path, "PYTHONPATH": modules}
    return os.environ | QUIET | ours | more
