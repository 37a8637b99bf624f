"""Distributions called llmlib. The course's own was, up to 1.2.4, and the package index has another
project of that name, whose modules lie in a folder llmlib, too: beside it the course cannot be
imported whole. Standard library only."""

import importlib.metadata
import re
import sys
from importlib.metadata import Distribution
from pathlib import Path

OURS = re.compile(
    r"^Summary: From Tokens to Tokens\b", re.M
)  # as in every edition that was so called


def earlier(site: Path) -> bool:
    """Whether the course itself is installed in a folder site-packages under its earlier name."""
    return any(map(_ours, _called_llmlib(site)))


def stranger(site: Path | None = None) -> Distribution | None:
    """The other project, if it is installed in `site`; without one, where this Python looks."""
    return next((each for each in _called_llmlib(site) if not _ours(each)), None)


def sentence(other: Distribution, remove: str, then: str) -> str:
    """What it is and what to do about it."""
    where = Path(str(other.locate_file("")))
    return (
        f"the package llmlib {other.version} in {where} is another project with the same import "
        f"name: type {remove}, then {then}"
    )


def _called_llmlib(site: Path | None) -> list[Distribution]:
    path = [str(site)] if site else sys.path
    return list(importlib.metadata.distributions(name="llmlib", path=path))


def _ours(each: Distribution) -> bool:
    said = each.read_text("METADATA") or each.read_text("PKG-INFO") or ""
    return bool(OURS.search(said))
