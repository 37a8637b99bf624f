"""Run `llmlib lab`: the whole course from an installed package. Lay the notebooks out, fetch the
model once and open JupyterLab, as `make lab` does in a clone; with --hub the JupyterLab of a
learner on a JupyterHub (docs/hub.md)."""

import argparse
import importlib.util
import os
import sys
import sysconfig
from pathlib import Path

from classroom.bootstrap import open_jupyter, steps, torch_build, unsupported
from classroom.lab import fetch_model
from exercises.course_files import RELEASED, ROOT
from llmlib import installation

PARTS = {"jupyterlab", "nbgrader", "nbformat", "jupytext", "ipykernel", "transformers"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `llmlib lab`."""
    parser.epilog = (
        "PORT=9999 in the environment chooses the port, BROWSER=0 opens no browser. "
        "More words go to JupyterLab (--ip=0.0.0.0)."
    )
    help_text = (
        "where you work (default: this folder if the notebooks are in it, else work/ in it); what "
        "you wrote there is kept"
    )
    parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help=help_text)
    hub = "what a JupyterHub starts for a learner, in place of jupyterhub-singleuser"
    parser.add_argument("--hub", action="store_true", help=hub)
    parser.set_defaults(more=[])  # words that only JupyterLab knows


def run(args: argparse.Namespace) -> int:
    """Replace this process by JupyterLab. Raises SystemExit with one sentence."""
    for name in sorted(PARTS):
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(name=name)
    on_hub = "JUPYTERHUB_SERVICE_URL" in os.environ
    if args.hub and not on_hub:
        raise ValueError("--hub is for a JupyterHub, as docs/hub.md says: leave it out")
    if args.hub and importlib.util.find_spec("jupyterhub") is None:
        install = installation.pip_command("install", "jupyterhub==VERSION")
        raise ValueError(f"jupyterhub is missing: type {install}, with the version of your hub")
    unsupported.refuse_proxy()
    if args.hub:
        os.umask(0o077)  # home folders may be open; what a learner writes there is theirs alone
    from classroom.folder import work

    folder, python = folder_of(args.folder), Path(sys.executable)
    steps.utf8(folder)
    steps.home(folder / ".home")
    fetch_model.fetch(python)
    with work.silence():
        news = "".join(f"{line}\n" for line in work.update_folder(RELEASED, folder))
    print(f"The notebooks are in {folder}.", flush=True)
    if on_hub and not args.hub:  # in a terminal there
        print("This JupyterHub's JupyterLab is open already: go to that folder on its left.")
        return 0
    _mention_cuda()
    return open_jupyter.open_work(python, folder, news, args.more, args.hub)


def folder_of(choice: Path | None) -> Path:
    """Return the learner's folder: `choice` or the current folder, if the notebooks are there;
    work/ or notebooks/ in it, if they are; else `choice`, or a new work/. ValueError for the
    folders from which a clone's notebooks come."""
    current = (choice or Path.cwd()).resolve()
    names = [path.name for path in RELEASED.glob("*.ipynb")]
    course_folders = (RELEASED, ROOT / "solutions")
    if choice and current in course_folders:
        raise ValueError(f"{current} belongs to the course itself: give another FOLDER, or none")
    for folder in (current, current / "work", current / "notebooks"):
        if folder not in course_folders and any((folder / name).exists() for name in names):
            return folder
    if choice:
        return current
    in_clone = installation.IN_CLONE and (current == ROOT or current.is_relative_to(ROOT))
    return (ROOT if in_clone else current) / "work"


def _mention_cuda() -> None:
    site = Path(sysconfig.get_path("purelib"))
    if torch_build.wants_cpu() and torch_build.installed(site) == "cuda":
        print(
            "torch here is the build for NVIDIA cards, and there is none: it works, and takes "
            "5 GB more than the CPU build, which uv's option --torch-backend cpu brings."
        )
