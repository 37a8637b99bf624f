"""Install the CPU build of torch, unless TORCH=cuda asks for the other.

On Linux the ordinary package index serves a build for NVIDIA cards that brings more than 2 GB of
libraries, which the course never uses. Whether that is what would come is asked of pip (a dry run),
not guessed. If so, the CPU build is taken by uv, which knows where PyTorch keeps it; TORCH_INDEX
names another index (a mirror). Where neither can be reached, the ordinary index serves.
"""

from __future__ import annotations

import concurrent.futures
import importlib.metadata
import json
import os
import shutil
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from . import steps

ROOM = 9  # GB of disk that the build for NVIDIA cards and its download need
NVIDIA = ("nvidia-", "cuda-", "triton")  # what a build for NVIDIA cards brings


def asked() -> str:
    """Return the value of TORCH: "cpu", "cuda" or "". Raises SystemExit for another one."""
    value = os.environ.get("TORCH", "").lower()
    if value not in ("", "cpu", "cuda"):
        sys.exit(f"TORCH is {value!r}: give cpu or cuda, or leave it out.")
    return value


def wants_cpu() -> bool:
    """Tell whether the CPU build is to be taken where there is a choice."""
    return asked() != "cuda"


def installed(site: Path) -> str:
    """Return "cpu", "cuda" or "" for the torch in a folder site-packages."""
    for distribution in importlib.metadata.distributions(name="torch", path=[str(site)]):
        return "cuda" if any(map(_for_nvidia, distribution.requires or [])) else "cpu"
    return ""


def refuse_another(site: Path) -> None:
    """Raise SystemExit when TORCH asks for another build than the one in `site`."""
    build = installed(site)
    if asked() and build and asked() != build:
        sys.exit(
            f"TORCH={asked()}, but the torch in {site} is the {build} build: "
            "remove that environment and start again."
        )


def hold(path: Path, site: Path) -> None:
    """Write a list of constraints that keeps the torch in `site` as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    distributions = importlib.metadata.distributions(name="torch", path=[str(site)])
    path.write_text(
        next((f"torch=={distribution.version}\n" for distribution in distributions), ""),
        encoding="utf-8",
    )


def install(pip: list[Any], python: Path, requirement: str, site: Path) -> None:
    """Install `requirement`, a range of torch, before everything else; say which build comes, and
    how much it is. pip: the words of a pip command up to "install". Raises SystemExit when what is
    installed is not what TORCH asks for."""
    if installed(site):
        return refuse_another(site)
    plan = dry_run(pip, requirement)
    if plan is None or not any(_for_nvidia(package["metadata"]["name"]) for package in plan):
        return  # pip's own choice is small; where pip cannot even look, installing says why
    if not wants_cpu():
        print(f"torch for NVIDIA cards: {size(plan)} to download.", flush=True)
    elif by_uv(pip, python, requirement):
        return
    else:
        print(
            "The CPU build of torch could not be reached, so the one for NVIDIA cards is taken: "
            f"{size(plan)} to download instead of about 0.2 GB.",
            flush=True,
        )
    steps.room(site, ROOM)


def dry_run(pip: list[Any], requirement: str) -> list[dict] | None:
    """Ask pip what it would install for `requirement`: the list in its report, or None when it
    cannot say. From pip 26 on this reads the packages' metadata only, from parts of the files if
    need be."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        words = [*pip, "install", "--dry-run", "--quiet", "--use-feature=fast-deps"]
        words += ["--report", report, requirement]
        if not steps.works(words):
            return None
        return json.loads(report.read_text(encoding="utf-8"))["install"]


def by_uv(pip: list[Any], python: Path, requirement: str) -> bool:
    """Install the CPU build by uv, the system's or pip's; whether that worked."""
    uv = shutil.which("uv")
    with tempfile.TemporaryDirectory() as folder:
        if uv is None:  # 25 MB that save more than 2 GB, thrown away afterwards
            words = [*pip, "install", "--quiet", "--no-deps", "--target", folder, "uv"]
            if not steps.works(words):
                return False
            uv = shutil.which("uv", path=str(Path(folder) / "bin"))
        mirror = os.environ.get("TORCH_INDEX")
        where = ["--index-url", mirror] if mirror else ["--torch-backend", "cpu"]
        words = [uv, "--no-config", "pip", "install", "--quiet", "--no-deps", "--python", python]
        words += [*where, requirement]
        quick = {"UV_HTTP_RETRIES": "0", "UV_HTTP_TIMEOUT": "15"}
        return steps.works(words, env={**quick, **os.environ})


def size(plan: list[dict]) -> str:
    """Return the download that a plan means, such as "2.9 GB", as the files' servers say."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        sizes = list(pool.map(_bytes, [package["download_info"]["url"] for package in plan]))
    return f"{'more than ' if None in sizes else ''}{sum(filter(None, sizes)) / 1e9:.1f} GB"


def _for_nvidia(name: str) -> bool:
    return name.lower().replace("_", "-").startswith(NVIDIA)


def _bytes(url: str) -> int | None:
    try:
        request = urllib.request.Request(url, method="HEAD")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.headers["Content-Length"])
    except Exception:  # noqa: BLE001 - it is only said
        return None
