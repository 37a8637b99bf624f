"""Choose which of torch's kernels the engine multiplies with on this processor: a table, read once.
The same machine always gets the same ones, so that two runs end in the same bits.

`python -m llmlib.fast.kernels` prints what was chosen and why. LLMLIB_FEW_ROWS and
LLMLIB_LONG_PROMPT choose otherwise.
"""

import importlib.util
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

import torch

FEW_ROWS = {
    "linear": "torch's own product",
    "slices": "a batch of products, one a slice of the matrix",
}
LONG_PROMPT = {
    "flash": "torch's own attention",
    "blocks": "blocks of queries, multiplied by oneDNN",
}


@dataclass(frozen=True)
class Processor:
    """Describe what the choice of kernels depends on."""

    vendor: str  # "AuthenticAMD", "GenuineIntel"; "" where nobody says
    instructions: str  # torch's name for the set that it uses: "AVX2", "AVX512", "DEFAULT"
    amx: bool  # has a unit for products of matrices in bfloat16
    mkl: bool  # this torch has MKL
    onednn: bool  # this torch has oneDNN


@dataclass(frozen=True)
class Kernels:
    """Name which kernels the engine multiplies with."""

    few_rows: str  # of FEW_ROWS: the product of a matrix and up to 4 vectors, float32
    long_prompt: str  # of LONG_PROMPT: attention of 256 queries and more, float32
    prompt_in_bfloat16: bool  # attention of a model whose weights are bfloat16 or int4


def this_processor():
    """Return the Processor that this runs on."""
    return Processor(
        vendor=_vendor(),
        instructions=torch.backends.cpu.get_cpu_capability(),
        amx=torch.cpu._is_amx_tile_supported(),
        mkl=torch.backends.mkl.is_available(),
        onednn=torch.backends.mkldnn.is_available(),
    )


def _vendor():
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text(encoding="utf-8") if cpuinfo.exists() else platform.processor()
    vendor = re.search(r"AuthenticAMD|GenuineIntel", text)
    return vendor[0] if vendor else ""


def choose(processor: Processor, few_rows: str | None = None, long_prompt: str | None = None):
    """Choose the kernels for a processor; `few_rows` and `long_prompt`, where given, come before
    the table. ValueError for a name that is in none of the two lists.

    MKL is Intel's. Measured on EPYC, it multiplied one vector at a third of the memory's speed
    (with AVX-512) or as fast as the slices (with AVX2), and two to four vectors 1.5 to 2.2 times
    slower; on a Xeon it was twice as fast as the slices. Its products inside torch's attention
    were slower than oneDNN's blocks on EPYC with AVX-512, and 1.25 times faster with AVX2.
    """
    amd = processor.vendor == "AuthenticAMD"
    in_slices = amd and processor.mkl
    in_blocks = amd and processor.onednn and processor.instructions == "AVX512"
    few_rows = few_rows or ("slices" if in_slices else "linear")
    long_prompt = long_prompt or ("blocks" if in_blocks else "flash")
    if long_prompt == "blocks" and not processor.onednn:
        raise ValueError(
            'LLMLIB_LONG_PROMPT is "blocks", but this torch has no oneDNN: leave it out'
        )
    return Kernels(
        _one_of(FEW_ROWS, few_rows, "LLMLIB_FEW_ROWS"),
        _one_of(LONG_PROMPT, long_prompt, "LLMLIB_LONG_PROMPT"),
        processor.amx,
    )


def _one_of(names: dict[str, str], name: str, variable: str):
    if name not in names:
        raise ValueError(f"{variable} is {name!r}: it must be {' or '.join(names)}")
    return name


chosen = choose(
    this_processor(), os.environ.get("LLMLIB_FEW_ROWS"), os.environ.get("LLMLIB_LONG_PROMPT")
)


def enough_threads():
    """Tell whether OpenMP gives as many threads as torch asks for. With fewer (OMP_THREAD_LIMIT=1,
    then torch.set_num_threads(2)) oneDNN leaves a part of each product as the memory was before."""
    limit = os.environ.get("OMP_THREAD_LIMIT", "")
    return not limit.isdigit() or torch.get_num_threads() <= int(limit)


def report():
    """Describe what was chosen, in a few lines."""
    processor = this_processor()
    has = [name for name in ("amx", "mkl", "onednn") if getattr(processor, name)]
    by = {
        name: f"set by {name}" if os.environ.get(name) else f"by the table; {name} changes it"
        for name in ("LLMLIB_FEW_ROWS", "LLMLIB_LONG_PROMPT")
    }
    numba = importlib.util.find_spec("numba")
    dtype = "bfloat16" if chosen.prompt_in_bfloat16 else "float32"
    return "\n".join(
        [
            f"processor: {processor.vendor or 'unknown'}, {processor.instructions}, "
            f"{', '.join(has) or 'no amx, mkl or onednn'}",
            f"few rows: {chosen.few_rows}, {FEW_ROWS[chosen.few_rows]} ({by['LLMLIB_FEW_ROWS']})",
            f"long prompt: {chosen.long_prompt}, {LONG_PROMPT[chosen.long_prompt]} "
            f"({by['LLMLIB_LONG_PROMPT']})",
            f"attention of a prompt, weights bfloat16 or int4: {dtype} (bfloat16 with amx)",
            f"one token, weights int4: {'loops that numba compiles' if numba else 'by torch'} "
            f"(numba is {'' if numba else 'not '}installed: the extra fast)",
        ]
    )


if __name__ == "__main__":
    print(report())
