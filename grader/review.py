"""Keep two tables that an instructor reads and edits, and that the next run reads: mistakes.csv, in
which one comment reaches all who made a mistake, and findings.csv, in which a finding can be marked
as seen."""

import ast
import csv
import hashlib
from collections import Counter, defaultdict
from pathlib import Path

from classroom import page_address
from grader.gradebook import TO_ALL
from grader.report import FORMULA, write_table
from grader.results import Graded, Outcome
from grader.submissions import Task

MISTAKES, FINDINGS = "mistakes.csv", "findings.csv"
Mistake = tuple[str, str, str]  # notebook, exercise, what is wrong
Finding = tuple[str, str, str]  # student, notebook, what was found


class Review:
    """What the tables in `folder` say, and what the submissions of this run add to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.comments = _column(folder / MISTAKES, ("notebook", "exercise", "mistake"), "comment")
        self.seen = _column(folder / FINDINGS, ("student", "notebook", "finding"), "seen")
        self.groups: dict[Mistake, list[tuple[str, str]]] = defaultdict(list)  # student, code
        self.findings: dict[Finding, str] = {}  # the address of the cell on the learner's page

    def texts(self, task: Task, graded: Graded) -> dict[str, str]:
        """Return {exercise: comment} for the mistakes of a submission."""
        keys = {outcome.exercise: _key(task, outcome) for outcome in graded.outcomes}
        return {
            exercise: f"{TO_ALL}{self.comments[key]}"
            for exercise, key in keys.items()
            if key in self.comments and not graded[exercise].solved
        }

    def add(self, task: Task, graded: Graded) -> None:
        """Take a submission's mistakes and findings in."""
        codes = {step.title: step.source for step in graded.steps}
        for outcome in graded.outcomes:
            if not outcome.solved:
                code = _digest(codes.get(outcome.exercise, ""))
                self.groups[_key(task, outcome)].append((task.student, code))
        page = self.folder / "feedback" / task.student / task.assignment / f"{task.assignment}.html"
        names = {outcome.exercise for outcome in graded.outcomes}
        for finding in graded.findings:
            cell = next((word for word in finding.split() if word in names), "")
            address = page_address.address(page) + (f"#{cell}" if cell else "")
            self.findings[task.student, task.assignment, escaped(finding)] = address

    def is_seen(self, task: Task, finding: str) -> bool:
        """Tell whether the instructor has marked a finding as seen."""
        return (task.student, task.assignment, escaped(finding)) in self.seen

    def write(self) -> None:
        """Write both tables: the commonest mistake first, what is seen last. Of a run on a part of
        the class the others' comments and marks stay."""
        names = "notebook exercise mistake times same_code students comment".split()
        rows: list[list] = []
        for key, made in self.groups.items():
            counts = Counter(code for _, code in made).most_common(1)[0][1]
            students = "; ".join(sorted(student for student, _ in made))
            rows.append([*key, len(made), counts, students, self.comments.get(key, "")])
        for key, comment in self.comments.items():
            if key not in self.groups:
                rows.append([*key, 0, 0, "", comment])
        rows.sort(key=lambda row: (row[0], -row[3], row[1:3]))
        write_table(self.folder / MISTAKES, names, [dict(zip(names, row)) for row in rows])
        names = "student notebook finding page seen".split()
        places = self.findings | {key: "" for key in self.seen if key not in self.findings}
        lines = [[*key, place, self.seen.get(key, "")] for key, place in places.items()]
        lines.sort(key=lambda line: (bool(line[4]), line))
        write_table(self.folder / FINDINGS, names, [dict(zip(names, line)) for line in lines])


def escaped(text: str) -> str:
    """Return a text as the tables hold it: none that a spreadsheet would run."""
    return FORMULA.sub(r"\1'", text)


def _key(task: Task, outcome: Outcome) -> Mistake:
    mistake = outcome.summary or outcome.claim or ""
    return task.assignment, outcome.exercise, escaped(mistake)


def _digest(source: str) -> str:
    """Return the same for two answers that differ in comments and layout only."""
    try:
        source = ast.dump(ast.parse(source))
    except (SyntaxError, ValueError, RecursionError):
        source = "".join(source.split())
    return hashlib.sha256(source.encode()).hexdigest()


def _column(path: Path, key: tuple[str, str, str], name: str) -> dict[tuple[str, str, str], str]:
    """Return {key: text} for the rows of a table in which the column `name` is filled in. Raises
    ValueError for a file that is no such table: an instructor may have edited it."""
    if not path.exists():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        filled = [row for row in rows if (row[name] or "").strip()]
        return {(row[key[0]], row[key[1]], row[key[2]]): row[name].strip() for row in filled}
    except (KeyError, UnicodeDecodeError, csv.Error):
        columns = ", ".join([*key, name])
        rule = f"it must be UTF-8 and have the columns {columns}"
        raise ValueError(f"{path} cannot be read: {rule}; correct it, or delete it") from None
