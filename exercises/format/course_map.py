"""Draw the map under each notebook's title, the course from text to text and where you are, and the
links at its end.

It is Markdown, which JupyterLab, web pages and terminals all show. The build writes it, from the
marker and the title of the first cell of each notebook's source:

    # %% [markdown] makes="ids" shape="[batch, seq]"
    # # 1 · Tokens
"""

import re
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from exercises.course_files import SOURCES

HEAD = re.compile(r'^# %% \[markdown\] makes="(.*?)"(?: shape="(.*?)")?\n# # (.*)$', re.MULTILINE)


class Station(NamedTuple):
    """Place a notebook on the map."""

    name: str
    title: str
    makes: str
    shape: str

    @property
    def number(self) -> str:
        """Return the "1" of "1 · Tokens"; "" of the quiz."""
        first = self.title.partition(" ")[0]
        return first if first.isdigit() else ""


def stations(sources: Path = SOURCES) -> list[Station]:
    """List the notebooks that say what they make, in order."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(sources.glob("*.py"))}
    heads = {name: HEAD.search(text) for name, text in texts.items()}
    return [Station(name, at[3], at[1], at[2] or "") for name, at in heads.items() if at]


def stations_line(name: str, line: list[Station]) -> str:
    """Return text → ids → vectors → …, the station of notebook `name` in bold; the others are
    links."""
    parts = ["text"]
    for station in line:
        word = f"{station.number} {station.makes}"
        if station.name == name:
            parts.append(f"**▸ {word}{f' `{station.shape}`' if station.shape else ''}**")
        elif station.number:
            parts.append(f"[{word}]({station.name}.ipynb)")
    return " → ".join(parts)


def neighbours(name: str, line: list[Station]) -> tuple[Station | None, Station | None]:
    """Return the notebooks before and after `name`."""
    at = [station.name for station in line].index(name)
    return line[at - 1] if at else None, line[at + 1] if at + 1 < len(line) else None


def links(name: str, line: list[Station]) -> str:
    """Return ← the notebook before · the one after →, as Markdown."""
    before, after = neighbours(name, line)
    back = [f"← [{before.title}]({before.name}.ipynb)"] if before else []
    return " · ".join(back + ([f"[{after.title}]({after.name}.ipynb) →"] if after else []))


def with_map(cells: list[NotebookNode], name: str, line: list[Station]) -> None:
    """Write the map below the title of the notebook `name`, the links in a last cell."""
    station = next((station for station in line if station.name == name), None)
    if station is None:
        return
    title, _, text = cells[0].source.partition("\n")
    where = f"> {stations_line(name, line)}\n>\n> " if station.number else "> "
    cells[0].source = f"{title}\n\n{where}{links(name, line)}\n{text}"
    cells.append(new_markdown_cell(f"---\n\n{links(name, line)}"))
