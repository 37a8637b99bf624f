"""What a notebook asks its reader to read, counted: python tests/reading_load.py [03_attention …]

Counted is what can be seen before anything is unfolded: hints, small print and solutions are left
out, the text that a prediction uncovers is not. Numbers and parentheses are those of sentences,
with the code and the formulas that stand in them; what stands apart is left out there: headings,
tables, blocks of code and displayed formulas.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import astuple, dataclass, fields

from nbformat import NotebookNode

from exercises import prediction_cells
from exercises.format import notebooks
from exercises.format.notebooks import Notebook
from exercises.format.reading_time import further_minutes, reading_time
from exercises.format.source import ATTACHED, kind

FOLDED = re.compile(r"<details(?! class=\"reveal\").*?</details>", re.DOTALL)
SUMMARY = re.compile(r"<summary>.*?</summary>")
CODE = re.compile(r"```[\s\S]*?```|^    .*$", re.MULTILINE)
FORMULA = re.compile(r"\$\$.*?\$\$", re.DOTALL)
MARKUP = re.compile(r"<[^>]*>|!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)")
WORD = re.compile(r"\S*\w\S*")  # a bar of a table or a mark of a list is none
NUMBER = re.compile(r"(?<![\w.])[−-]?\d[\d.,]*")
FURTHER = re.compile(r"^## Further\b", re.MULTILINE)
EXERCISE = re.compile(r"^### (?:Exercise|Experiment) .* (\d+) min", re.MULTILINE)
SHOWN = re.compile(r"(?<![\w.])show\(")


@dataclass(frozen=True)
class Load:
    """Of the core of one notebook: all that stands above its heading Further."""

    words: int  # visible ones, statements of exercises among them
    parentheses: int
    numbers: int
    given: int  # open lines of code that are neither the learner's nor a test's
    longest: int  # words of the longest paragraph
    predictions: int
    pictures: int
    exercises: int  # minutes, as their statements say

    @property
    def minutes(self) -> int:
        """What the core takes somebody who is new to it."""
        read = self.words / 180 + self.given / 15 + 1.5 * self.predictions + 0.5 * self.pictures
        return round(read + 1.5 * self.exercises)


MOST = Load(3300, 40, 200, 450, longest=80, predictions=8, pictures=30, exercises=140)
MINUTES = 265  # the longest core, by a cold reader; the aim is 210


def advice(notebook: Notebook) -> Iterator[str]:
    """Yield what asks too much of a reader, or has minutes that do not add up."""
    counted, time = load(notebook), reading_time(notebook)
    for field, here, most in zip(fields(Load), astuple(counted), astuple(MOST)):
        if here > most:
            yield f"{field.name}: {here}, at most {most} are good to read"
    if not time:
        yield "its opening states no times: **It takes** about 200 minutes … about 100 more."
    elif not counted.minutes <= time.core <= MINUTES:
        yield f"its core takes {time.core} minutes: {counted.minutes} by count, {MINUTES} at most"
    if time and time.further != (further := further_minutes(notebook)):
        yield f"Further takes {time.further} minutes, its pieces {further}"
    asked = [
        (int(EXERCISE.search(each.statement)[1]), each.points, each.name) for each in notebook.core
    ]
    for less, points, name in asked:
        if any(minutes > less and fewer < points for minutes, fewer, _ in asked):
            yield f"{name} gives more points than an exercise that takes longer"


def core(notebook: Notebook) -> list[NotebookNode]:
    """The cells above the heading Further; all of them where there is none."""
    cells = notebook.cells
    further = [at for at, cell in enumerate(cells) if FURTHER.search(cell.source)]
    return cells[: further[0]] if further else cells


def load(notebook: Notebook) -> Load:
    """Count `notebook`, a source as written."""
    words = parentheses = numbers = given = longest = predictions = pictures = exercises = 0
    for cell in core(notebook):
        text = cell.source
        if kind(cell) in ("demo", "given"):
            opens = "after_guess" in cell.metadata  # with the guess
            folded = not opens and "source_hidden" in cell.metadata.get("jupyter", {})
            given += sum(1 for line in text.split("\n") if line.strip() and not folded)
            pictures += len(SHOWN.findall(text))
        if cell.cell_type == "code":
            predictions += prediction_cells.is_prediction(text)
            continue
        pictures += len(ATTACHED.findall(text))
        exercises += sum(map(int, EXERCISE.findall(text)))
        text = SUMMARY.sub("", FOLDED.sub("", text))
        words += len(WORD.findall(MARKUP.sub("", text).replace("|", " ")))
        text = MARKUP.sub("", FORMULA.sub("", CODE.sub("", text)))
        for paragraph in re.split(r"\n\s*\n|\n(?=[-*] |\d+\. )", text):
            prose = "\n".join(p for p in paragraph.split("\n") if not p.startswith(("|", "#")))
            parentheses += prose.count("(")
            numbers += len(NUMBER.findall(re.sub(r"^\d+\. ", "", prose)))
            longest = max(longest, len(prose.split()))
    return Load(words, parentheses, numbers, given, longest, predictions, pictures, exercises)


def main(names: list[str]) -> None:
    """Print a row for each notebook."""
    heads = [each.name for each in fields(Load)] + ["minutes"]
    print(f"{'':<24}" + "".join(f"{head:>12}" for head in heads))
    for name in names or [each.name for each in notebooks.lessons()]:
        row = load(notebooks.load(name))
        print(f"{name:<24}" + "".join(f"{n:>12,}" for n in (*astuple(row), row.minutes)))


if __name__ == "__main__":
    main(sys.argv[1:])
