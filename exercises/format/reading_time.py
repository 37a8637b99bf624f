"""Read how long a notebook takes: its opening says it, and no other page says anything else."""

import re
from typing import NamedTuple

from exercises.format.source import Notebook

OPENING = re.compile(r"\*\*It takes\*\* about (\d+) minutes\b.*?\babout (\d+) more\.", re.DOTALL)
PIECE = re.compile(r"^### (?!BEGIN|END|Exercise|Experiment).* (\d+) min\b", re.MULTILINE)


class ReadingTime(NamedTuple):
    """Minutes of a programmer who is new to machine learning, as cold readers estimate them."""

    core: int
    further: int


def reading_time(notebook: Notebook) -> ReadingTime | None:
    """Return the minutes that the opening states for the core and for Further; None where it
    states none, as in the quiz."""
    stated = OPENING.search(notebook.cells[0].source)
    return ReadingTime(int(stated[1]), int(stated[2])) if stated else None


def further_minutes(notebook: Notebook) -> int:
    """Return the sum of the minutes in the headings of Further."""
    text = "".join(f"\n{cell.source}" for cell in notebook.cells if cell.cell_type == "markdown")
    return sum(map(int, PIECE.findall(text.partition("\n## Further")[2])))


def hours(minutes: int) -> str:
    """Return minutes as a person says them: "3 h 30 min"."""
    whole, rest = divmod(minutes, 60)
    return " ".join([f"{whole} h"] * bool(whole) + [f"{rest} min"] * bool(rest or not whole))
