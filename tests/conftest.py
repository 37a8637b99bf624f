"""Every test belongs to one layer; everything runs offline, one thread a process."""

import os

import pytest

os.environ.update(
    OMP_NUM_THREADS="1", OMP_WAIT_POLICY="PASSIVE", GOMP_SPINCOUNT="10000", PYTHONHASHSEED="0"
)  # as in the build
os.environ.update(
    TRANSFORMERS_VERBOSITY="error",
    HF_HUB_DISABLE_PROGRESS_BARS="1",
    HF_HUB_OFFLINE="1",
    TOKENIZERS_PARALLELISM="false",
)
LAYERS = {"unit", "claims", "nbval", "graders", "nbgrader", "security", "browser"}


def pytest_collection_modifyitems(items):
    """Notebooks are the layer nbval; every other test says which one it is."""
    for item in items:
        if item.path.suffix == ".ipynb":
            item.add_marker("nbval")
        elif not LAYERS & {mark.name for mark in item.iter_markers()}:
            raise pytest.UsageError(
                f"{item.nodeid} belongs to no layer: mark it with one of {sorted(LAYERS)}"
            )
