"""Run `llmlib export-grades`: write the gradebook as a table that a learning management system
imports, one row a student and one column a notebook, with manual points and late penalties."""

import argparse
import csv
import io
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from unicodedata import normalize

from grader.course_config import CONFIG, settings
from grader.gradebook import GradebookWriter, shown
from grader.report import write_table

# Who a student is, in the columns that the system itself exports, and the one of them that holds
# the name of a student's folder.
WHO = {
    "canvas": (["Student", "ID", "SIS User ID", "SIS Login ID", "Section"], "SIS Login ID"),
    "moodle": (["First name", "Last name", "ID number", "Email address", "Username"], "Username"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `llmlib export-grades`."""
    parser.add_argument("--format", choices=WHO, required=True)
    roster = "the list of students that the system exports, as CSV; without it only ids are filled"
    parser.add_argument("--roster", type=Path, metavar="FILE", help=roster)
    usual = ", ".join(f"{name!r} for {system}" for system, (_, name) in WHO.items())
    column = f"its column with the names of the students' folders (default: {usual})"
    parser.add_argument("--column", metavar="NAME", help=column)
    parser.add_argument("--config", type=Path, default=CONFIG, help=f"default: {CONFIG} here")
    help_text = "default: FORMAT.csv, where the gradebook is"
    parser.add_argument("--output", type=Path, metavar="FILE", help=help_text)


def run(args: argparse.Namespace) -> int:
    """Return 0 if every student of the gradebook has a row, 1 if some are not on the roster."""
    root, url, course_id, _ = settings(args.config)
    with GradebookWriter(url, course_id) as book:
        totals = book.totals()
        worth = {assignment.name: assignment.max_score for assignment in book.gradebook.assignments}
    if not totals:
        empty = f"no submission is in the gradebook {shown(url)}"
        raise ValueError(f"{empty}: run `llmlib grade` first")
    columns, column = WHO[args.format]
    column = args.column or column
    people: list[dict[str, str]] = [{column: student} for student in totals]
    output = args.output or root / f"{args.format}.csv"
    if not args.roster and column not in columns:  # whose row is whose, nobody could tell
        choices = ", ".join(columns)
        raise ValueError(f"without --roster, --column is one of {choices}: not {column!r}")
    if args.roster:
        people = read_roster(args.roster, column)
        if output.exists() and output.samefile(args.roster):
            raise ValueError(f"{output} is the roster, which would be lost: give another --output")
        if args.format == "moodle":  # it takes whatever columns there are, Canvas only its own
            columns = [name for name in people[0] if name] if people else columns
    unknown = sorted(totals.keys() - {person[column] for person in people})
    lines: list[dict] = []
    headers = _headers(worth, people) if args.format == "canvas" else {name: name for name in worth}
    for person in people:
        identity = {name: person.get(name, "") for name in columns}
        points = {headers[name]: score for name, score in totals.get(person[column], {}).items()}
        lines.append({**identity, **points})
    if args.format == "canvas":  # as in its own export
        maxima = {headers[name]: maximum for name, maximum in worth.items()}
        lines.insert(0, {"Student": "    Points Possible", **maxima})
    write_table(output, [*columns, *headers.values()], lines)
    print(f"{output}: {len(people)} students, {len(worth)} notebooks")
    spellings = {_look(person[column]) for person in people}
    for student in unknown:
        label = f"{student!a}, though one like it is" if _look(student) in spellings else student
        print(f"not on the roster: {label}", file=sys.stderr)
    return int(bool(unknown))


def _headers(names: Iterable[str], people: list[dict[str, str]]) -> dict[str, str]:
    """Return the column of each notebook: Canvas's own where the roster has one, with its id, as in
    "01_tokens (345)". By the id Canvas knows its assignment again."""
    headers = filter(None, people[0] if people else {})
    canvas_headers = {re.sub(r" \(\d+\)$", "", header): header for header in headers}
    return {name: canvas_headers.get(name, name) for name in names}


def _look(name: str) -> str:
    """Return the same for names that people confuse: by a space, by case, by how é is made."""
    return normalize("NFKC", name).strip().casefold()


def read_roster(path: Path, column: str) -> list[dict[str, str]]:
    """Return a row a student. Raises ValueError if the column is missing, or has a name twice."""
    try:  # both may begin with a byte-order mark
        text = path.read_text(encoding="utf-8-sig")
        delimiter = max(",;\t", key=text.partition("\n")[0].count)  # both let one choose
        table = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
        records = list(table)
    except (UnicodeDecodeError, csv.Error):
        reason = f"{path} is not text in UTF-8, or no table"
        raise ValueError(f"{reason}: export it as CSV again") from None
    if column not in (table.fieldnames or []):
        columns = ", ".join(map(repr, table.fieldnames or []))
        raise ValueError(f"{path} has no column {column!r} but {columns}: name one with --column")
    rows = [row for row in records if (row[column] or "").strip()]  # not Canvas' maxima
    names = [row[column] for row in rows]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"{path} has {twice!r} twice in {column!r}: which is the student?")
    return rows
