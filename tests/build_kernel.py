"""Build web/engine/kernel.wasm from kernel.c: python tests/build_kernel.py

The compiler is the package ziglang, of one version: another one may write other bytes.
"""

import subprocess
import sys
from pathlib import Path

ENGINE = Path(__file__).resolve().parents[1] / "web" / "engine"
OPTIONS = (
    "--target=wasm32-freestanding -O3 -msimd128 -mbulk-memory -ffreestanding -nostdlib "
    "-fno-sanitize=all -g0 -Wall -Wextra -Werror -Wl,--no-entry -Wl,--import-memory "
    "-Wl,--export=__heap_base -Wl,--strip-all -Wl,-z,stack-size=16384"
).split()


def build(target):
    """Compile kernel.c into the file `target`."""
    words = [sys.executable, "-m", "ziglang", "cc", *OPTIONS, "-o", str(target), "kernel.c"]
    subprocess.run(words, cwd=ENGINE, check=True)
    target.chmod(0o644)


if __name__ == "__main__":
    build(ENGINE / "kernel.wasm")
