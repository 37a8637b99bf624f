"""Describe the machine that notebooks are executed on, by the build and by nbval: a laptop with
AVX2, on one thread, whatever this one has. So a build gives the same bytes everywhere."""

import platform
from collections.abc import Mapping
from pathlib import Path

PROCESSOR = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "DNNL_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "MKL_CBWR": "AVX2",  # MKL promises the same sums on all of them; else it follows the model
}
KERNELS = {"LLMLIB_FEW_ROWS": "slices", "LLMLIB_LONG_PROMPT": "flash"}  # of llmlib/fast/kernels.py
THREADS = {"OMP_NUM_THREADS": "1"}
ONE_THREAD = """import torch
vars(torch)["set_num_threads"] = lambda _: None  # whatever a cell asks for
del torch
"""


def variables(processor: Mapping[str, str] = PROCESSOR) -> dict[str, str]:
    """Return the variables for a process that has not loaded torch yet."""
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return {**(processor if x86 else {}), **KERNELS, **THREADS}


def for_kernel(folder: str | Path, processor: Mapping[str, str] = PROCESSOR) -> dict[str, str]:
    """Return the variables for a kernel, which `folder` keeps from what its user set up for IPython
    and from asking for more threads."""
    startup = Path(folder, "profile_default", "startup")
    startup.mkdir(parents=True)
    (startup / "one_thread.py").write_text(ONE_THREAD, encoding="utf-8")
    return variables(processor) | {"IPYTHONDIR": str(folder)}
