"""Find the course's files, and which edition they are of."""

import tomllib
from importlib.metadata import version
from pathlib import Path

from llmlib.installation import DISTRIBUTION, IN_CLONE
from llmlib.installation import ROOT as ROOT

PACKAGE = Path(__file__).parent  # where setup.py puts what a clone has at its top
SOURCES = ROOT / "solutions" if IN_CLONE else PACKAGE / "sources"
RELEASED = ROOT / "notebooks" if IN_CLONE else PACKAGE / "notebooks"
PROJECT_FILE = ROOT / "pyproject.toml"
if IN_CLONE and PROJECT_FILE.is_file():  # pip knows what a clone was before `git pull`
    VERSION = str(tomllib.loads(PROJECT_FILE.read_text(encoding="utf-8"))["project"]["version"])
else:
    VERSION = version(DISTRIBUTION)
