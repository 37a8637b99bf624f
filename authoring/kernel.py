"""Set up the kernel that a notebook is executed in, by the build and by nbval: without its user's
IPython, on one thread. It computes as any kernel does on this processor."""

from pathlib import Path

ONE_THREAD = """import torch
vars(torch)["set_num_threads"] = lambda _: None  # whatever a cell asks for
del torch
"""


def variables(folder: str | Path, threads: int = 1) -> dict[str, str]:
    """Return the variables for a kernel that keeps IPython's files in `folder`. With one thread it
    never gets more: several kernels share a machine. With more its cells may choose."""
    startup = Path(folder, "profile_default", "startup")
    startup.mkdir(parents=True)
    if threads == 1:
        (startup / "one_thread.py").write_text(ONE_THREAD, encoding="utf-8")
    return {"OMP_NUM_THREADS": str(threads), "IPYTHONDIR": str(folder)}
