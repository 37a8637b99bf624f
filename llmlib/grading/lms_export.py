"""`llmlib export-grades`: the gradebook as a table that a learning management system imports, one
row a student and one column a notebook, with manual points and late penalties."""

import argparse
import csv
import io
import sys
from pathlib import Path
from unicodedata import normalize

from llmlib.grading.course_config import CONFIG, settings
from llmlib.grading.gradebook import GradebookWriter, shown
from llmlib.grading.report import write_table

# Who a student is, in the columns that the system itself exports, and the one of them that holds
# the name of a student's folder.
WHO = {
    "canvas": (["Student", "ID", "SIS User ID", "SIS Login ID", "Section"], "SIS Login ID"),
    "moodle": (["First name", "Last name", "ID number", "Email address", "Username"], "Username"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `llmlib export-grades`."""
    parser.add_argument("--format", choices=WHO, required=True)
    roster = "the list of students that the system exports, as CSV; without it only ids are filled"
    parser.add_argument("--roster", type=Path, metavar="FILE", help=roster)
    usual = ", ".join(f"{name!r} for {system}" for system, (_, name) in WHO.items())
    column = f"its column with the names of the students' folders (default: {usual})"
    parser.add_argument("--column", metavar="NAME", help=column)
    parser.add_argument("--config", type=Path, default=CONFIG, help=f"default: {CONFIG} here")
    where = "default: FORMAT.csv, where the gradebook is"
    parser.add_argument("--output", type=Path, metavar="FILE", help=where)


def run(args: argparse.Namespace) -> int:
    """0: every student of the gradebook has a row; 1: some are not on the roster, and are named."""
    root, url, course_id, _ = settings(args.config)
    with GradebookWriter(url, course_id) as book:
        totals = book.totals()
        worth = {each.name: each.max_score for each in book.gradebook.assignments}
    if not totals:
        empty = f"no submission is in the gradebook {shown(url)}"
        raise ValueError(f"{empty}: run `llmlib grade` first")
    columns, column = WHO[args.format]
    column = args.column or column
    people: list[dict[str, str]] = [{column: student} for student in totals]
    output = args.output or root / f"{args.format}.csv"
    if not args.roster and column not in columns:  # whose row is whose, nobody could tell
        those = ", ".join(columns)
        raise ValueError(f"without --roster, --column is one of {those}: not {column!r}")
    if args.roster:
        people = read_roster(args.roster, column)
        if output.exists() and output.samefile(args.roster):
            raise ValueError(f"{output} is the roster, which would be lost: give another --output")
        if args.format == "moodle":  # it takes whatever columns there are, Canvas only its own
            columns = [name for name in people[0] if name] if people else columns
    unknown = sorted(totals.keys() - {person[column] for person in people})
    lines: list[dict] = []
    for person in people:
        who = {name: person.get(name, "") for name in columns}
        lines.append({**who, **totals.get(person[column], {})})
    if args.format == "canvas":  # as in its own export
        lines.insert(0, {"Student": "    Points Possible", **worth})
    write_table(output, [*columns, *worth], lines)
    print(f"{output}: {len(people)} students, {len(worth)} notebooks")
    known = {_look(person[column]) for person in people}
    for student in unknown:
        what = f"{student!a}, though one like it is" if _look(student) in known else student
        print(f"not on the roster: {what}", file=sys.stderr)
    return int(bool(unknown))


def _look(name: str) -> str:
    """Alike for names that people take for one another: by a space, by case, by how é is made."""
    return normalize("NFKC", name).strip().casefold()


def read_roster(path: Path, column: str) -> list[dict[str, str]]:
    """A row a student. Raises ValueError when the column is missing, or names someone twice."""
    try:  # both may begin with a byte-order mark
        text = path.read_text(encoding="utf-8-sig")
        between = max(",;\t", key=text.partition("\n")[0].count)  # both let one choose
        table = csv.DictReader(io.StringIO(text, newline=""), delimiter=between)
        everybody = list(table)
    except (UnicodeDecodeError, csv.Error):
        why = f"{path} is not text in UTF-8, or no table"
        raise ValueError(f"{why}: export it as CSV again") from None
    if column not in (table.fieldnames or []):
        found = ", ".join(map(repr, table.fieldnames or []))
        raise ValueError(f"{path} has no column {column!r} but {found}: name one with --column")
    rows = [row for row in everybody if (row[column] or "").strip()]  # not Canvas' maxima
    names = [row[column] for row in rows]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{path} has {twice!r} twice in {column!r}: which is the student?")
    return rows
