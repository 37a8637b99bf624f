"""Find distributions called llmlib. The course's own was, up to 1.2.4, and the package index has
another project of that name, whose modules lie in a folder llmlib, too: beside it the course cannot
be imported whole. Standard library only."""

import importlib.metadata
import re
import sys
from importlib.metadata import Distribution
from pathlib import Path

SUMMARY = re.compile(
    r"^Summary: From Tokens to Tokens\b", re.M
)  # as in every edition that was so called


def earlier(site: Path) -> bool:
    """Tell whether the course is installed in a folder site-packages under its earlier name."""
    return any(map(_ours, _called_llmlib(site)))


def stranger(site: Path | None = None) -> Distribution | None:
    """Return the other project, if it is installed in `site` (default: where this Python looks)."""
    return next((entry for entry in _called_llmlib(site) if not _ours(entry)), None)


def sentence(distribution: Distribution, remove: str, then: str) -> str:
    """Say what the other project is, and what to do about it."""
    where = Path(str(distribution.locate_file("")))
    return (
        f"the package llmlib {distribution.version} in {where} is another project with the same "
        f"import name: type {remove}, then {then}"
    )


def _called_llmlib(site: Path | None) -> list[Distribution]:
    path = [str(site)] if site else sys.path
    return list(importlib.metadata.distributions(name="llmlib", path=path))


def _ours(distribution: Distribution) -> bool:
    metadata = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    return bool(SUMMARY.search(metadata))
