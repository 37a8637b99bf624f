"""Set the environment variables of every process that the course starts: offline, quiet, the same
in every run."""

import os
import sys

from llmlib.installation import ROOT

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
    """Return the variables for a process with so many `threads`. It imports this llmlib and finds
    programs in this Python's folder by name, as nbgrader does with `alembic`."""
    beside, path = os.path.dirname(sys.executable), os.environ.get("PATH") or os.defpath
    if path.split(os.pathsep)[0] != beside:  # it is, where this environment is ours already
        path = os.pathsep.join([beside, path])
    modules = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    variables = {"OMP_NUM_THREADS": str(threads), "PATH": path, "PYTHONPATH": modules}
    return os.environ | QUIET | variables | more
