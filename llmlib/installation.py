"""Tell how this llmlib was installed: in a clone, by pip or by uv. So a message can name the one
command that brings what is missing."""

import json
import sys
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

DISTRIBUTION = "from-tokens-to-tokens"  # what pip calls it
PACKAGE = Path(__file__).resolve().parent
ROOT = PACKAGE.parent  # a clone, or the folder site-packages
IN_CLONE = (ROOT / "solutions").is_dir()
MODEL_LIST = (ROOT if IN_CLONE else PACKAGE) / "requirements-model.txt"


def install_command(extra: str = "course") -> str:
    """Return the command that brings the packages of an extra."""
    if IN_CLONE:
        return pip_command("install", f'-e "{ROOT}[{extra}]"')
    requirement = f'"{_source()}[{extra}]"'
    if Path(sys.prefix).parent.name.startswith("archive-v"):  # uv's cache, by `uv tool run`
        return f"uv tool run --torch-backend cpu --from {requirement} llmlib"
    if Path(sys.prefix, "uv-receipt.toml").is_file():
        return f"uv tool install --torch-backend cpu --force {requirement}"
    return pip_command("install", requirement)


def reinstall_command() -> str:
    """Return the command that installs this llmlib once more, without what it depends on."""
    if IN_CLONE:
        return f"make lab in {ROOT}"
    again = "--force-reinstall" if has_pip() else "--reinstall"
    return pip_command("install", f'{again} --no-deps "{_source()}"')


def has_pip() -> bool:
    """Tell whether this Python has pip. importlib.util.find_spec would have setuptools switch its
    distutils off (in its _distutils_hack), and what needs that could no longer be imported."""
    return PathFinder.find_spec("pip") is not None


def pip_command(verb: str, words: str) -> str:
    """Return a command of pip, or of uv where there is no pip, for this Python's environment."""
    if has_pip():
        return f"{sys.executable} -m pip {verb} {words}"
    return f"uv pip {verb} --python {sys.executable} {words}"


def model_command() -> str:
    """Return the command that fetches the model."""
    return f"make lab in {ROOT}" if IN_CLONE else "llmlib lab"


def _source() -> str:
    """Return what was given to pip: the path of a wheel that is still there, else the name."""
    try:
        text = metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
        place = urlsplit(json.loads(text or "{}").get("url", ""))
    except (metadata.PackageNotFoundError, ValueError, AttributeError):
        return DISTRIBUTION
    path = Path(url2pathname(place.path))
    return str(path) if place.scheme == "file" and path.exists() else DISTRIBUTION
