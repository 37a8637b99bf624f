"""What a notebook asks its reader to read, counted: python tests/reading_load.py [03_attention …]

Counted is what can be seen before anything is unfolded: hints, small print and solutions are left
out, the text that a prediction uncovers is not. Numbers and parentheses are those of sentences,
with the code and the formulas that stand in them; what stands apart is left out there: headings,
tables, blocks of code and displayed formulas.
"""

import re
import sys
from dataclasses import astuple, dataclass, fields

from llmlib.course.format import notebooks
from llmlib.course.format.notebooks import Notebook
from llmlib.course.format.source import kind

FOLDED = re.compile(r"<details(?! class=\"reveal\").*?</details>", re.DOTALL)
SUMMARY = re.compile(r"<summary>.*?</summary>")
CODE = re.compile(r"```[\s\S]*?```|^    .*$", re.MULTILINE)
FORMULA = re.compile(r"\$\$.*?\$\$", re.DOTALL)
MARKUP = re.compile(r"<[^>]*>|!\[[^\]]*\]\([^)]*\)|\]\([^)]*\)")
WORD = re.compile(r"\S*\w\S*")  # a bar of a table or a mark of a list is none
NUMBER = re.compile(r"(?<![\w.])[−-]?\d[\d.,]*")
TALLEST = 80  # words in the longest paragraph


@dataclass(frozen=True)
class Load:
    """Of one notebook."""

    words: int  # visible ones, statements of exercises among them
    parentheses: int
    numbers: int
    given: int  # lines of code that are neither the learner's nor a test's
    longest: int  # words of the longest paragraph


GOAL = Load(4500, 40, 200, 650, TALLEST)


def load(notebook: Notebook) -> Load:
    """Count `notebook`, a source as written."""
    words = parentheses = numbers = given = longest = 0
    for cell in notebook.cells:
        if kind(cell) in ("demo", "given"):
            given += sum(1 for line in cell.source.split("\n") if line.strip())
        if cell.cell_type != "markdown":
            continue
        text = SUMMARY.sub("", FOLDED.sub("", cell.source))
        words += len(WORD.findall(MARKUP.sub("", text).replace("|", " ")))
        text = MARKUP.sub("", FORMULA.sub("", CODE.sub("", text)))
        for paragraph in re.split(r"\n\s*\n|\n(?=[-*] |\d+\. )", text):
            prose = "\n".join(p for p in paragraph.split("\n") if not p.startswith(("|", "#")))
            parentheses += prose.count("(")
            numbers += len(NUMBER.findall(re.sub(r"^\d+\. ", "", prose)))
            longest = max(longest, len(prose.split()))
    return Load(words, parentheses, numbers, given, longest)


def main(names: list[str]) -> None:
    """Print a row for each notebook, the goals below."""
    heads = [each.name for each in fields(Load)]
    print(f"{'':<24}" + "".join(f"{head:>12}" for head in heads))
    chosen = names or [each for each in notebooks.names() if each != "quiz"]
    rows = {name: load(notebooks.load(name)) for name in chosen} | {"at most": GOAL}
    for name, row in rows.items():
        print(f"{name:<24}" + "".join(f"{number:>12,}" for number in astuple(row)))


if __name__ == "__main__":
    main(sys.argv[1:])
