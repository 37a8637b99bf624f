"""Write what people read after grading: the learner's page, the instructor's tables and picture."""

import csv
import io
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import jinja2
from nbformat import NotebookNode

from classroom.quiz_cells import QUESTION
from exercises.format.notebooks import Exercise, Notebook, grade_id
from grader.gradebook import Marks
from grader.results import Graded, NotGraded, Outcome, Result
from grader.submissions import Task
from llmlib import files

Rows = list[tuple[Task, Result]]
# A spreadsheet runs a text that begins like one of these, in full width and other forms, too.
FORMULA = re.compile(r"(^|[;\t\n])(?=[=+\-@\t\r＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋−])")
NO_CELL = "# There was no cell with this exercise's grade_id."  # in place of an answer
PAGES = jinja2.Environment(loader=jinja2.PackageLoader("grader", "."), autoescape=True)


def feedback(notebook: Notebook, student: str, node: NotebookNode, marks: Marks) -> str:
    """Render one learner's page for one notebook: of `node`, as `plugin.fill` leaves it, and what
    the gradebook says; of *Further* only what was begun. Everything of the learner's is escaped; no
    hidden test is in it."""
    code = {grade_id(cell): cell for cell in node.cells}
    rows = [
        (e, Outcome(**code[f"test_{e.name}"].metadata.llmlib), code[e.name].source)
        for e in notebook.exercises
        if e.points or code[e.name].source.strip() not in (e.stub.strip(), NO_CELL)
    ]
    summary = {"worth": sum(outcome.worth for _, outcome, _ in rows), **node.metadata.llmlib}
    todo = [row for row in rows if not row[1].solved]
    # A quiz question that needs no more words, since nobody has said anything of it.
    brief = [
        exercise
        for exercise, outcome, _ in rows
        if outcome.solved and not exercise.number and not marks.comments.get(exercise.name)
    ]
    words: dict[str, Any] = {"notebook": notebook.name, "student": student, "rows": rows}
    words |= {
        "todo": todo,
        "brief": brief,
        "title": title,
        "question": question,
        "written": written,
    }
    words |= {"hint": first_hint}
    page = PAGES.get_template("feedback.html.jinja")  # which keeps it, compiled
    return page.render(graded=summary, marks=marks, **words)


def unreadable(notebook: str, student: str, reason: str) -> str:
    """Render the page of a file that could not be graded: why, and what to do."""
    page = PAGES.get_template("not_graded.html.jinja")
    return page.render(notebook=notebook, student=student, reason=reason)


def title(exercise: Exercise) -> str:
    """Return what the page calls an exercise, or a question of the quiz."""
    number = exercise.number
    return f"Exercise {number}" if number else f"Question {int(exercise.name[1:])}"


def question(exercise: Exercise) -> str:
    """Return what a question of the quiz asks; empty for an exercise."""
    match = QUESTION.match(exercise.statement)
    return " ".join(match["ask"].split()) if match else ""


def written(exercise: Exercise, source: str) -> bool:
    """Say whether the learner put anything in the exercise's cell."""
    return source.strip() not in ("", exercise.stub.strip(), NO_CELL)


def first_hint(exercise: Exercise) -> str:
    """Return the line that unfolds it in the exercise's statement; empty where there is none."""
    hint = re.search(r"<summary>(.*?)</summary>", exercise.statement)
    return hint[1] if hint else ""


def scores(rows: Rows, marks: dict[Task, Marks], folder: Path) -> None:
    """Write scores.csv: a row a student and notebook, a column an exercise; the gradebook's
    points."""
    results = [result for _, result in rows if isinstance(result, Graded)]
    names = sorted({outcome.exercise for result in results for outcome in result.outcomes})
    lines = []
    for task, result in sorted(rows, key=lambda row: (row[0].student, row[0].assignment)):
        line = {"student": task.student, "notebook": task.assignment, "unsafe": 0}
        match result:
            case NotGraded(reason):
                line["fault"] = reason
            case Graded(outcomes):
                entry = marks[task]
                line |= {"score": entry.points, "max_score": result.worth, "late": entry.late}
                line |= {"unsafe": int(result.unsafe), "notes": " ".join(result.notes)}
                line |= {"findings": "; ".join(result.findings)}
                helps = (f"{o.exercise}: {o.instead}" for o in outcomes if o.instead)
                line |= {"lent": "; ".join(helps)}
                line |= {"comments": "; ".join(map(": ".join, entry.comments.items()))}
                line |= {o.exercise: entry.scores[o.exercise] for o in outcomes}
        lines.append(line)
    lead = "student notebook score max_score late unsafe fault notes findings lent comments".split()
    write_table(folder / "scores.csv", [*lead, *names], lines)


def write_class_report(rows: Rows, notebooks: dict[str, Notebook], folder: Path) -> None:
    """Write class.csv and class.png: how every exercise went, with the commonest mistake, in our
    own words alone: no value and no text of a learner's."""
    names = "notebook exercise solved handed_in commonest_mistake times".split()
    outcomes, table = defaultdict(list), []
    for task, result in rows:
        for outcome in result.outcomes if isinstance(result, Graded) else ():
            outcomes[task.assignment, outcome.exercise].append(outcome)
    for notebook in notebooks.values():
        for exercise in notebook.exercises:
            group = outcomes[notebook.name, exercise.name]
            claims = Counter(
                outcome.summary or outcome.claim for outcome in group if not outcome.solved
            )
            claim, times = next(iter(claims.most_common(1)), ("", 0))
            solvers = sum(outcome.solved for outcome in group)
            row = notebook.name, exercise.name, solvers, len(group), claim, times
            table += [dict(zip(names, row))] if group else []
    write_table(folder / "class.csv", names, table)
    if table:
        picture(table).savefig(folder / "class.png", dpi=120)
    else:  # no exercise was graded, and an older picture is of others
        (folder / "class.png").unlink(missing_ok=True)


def write_table(path: Path, names: list[str], lines: list[dict]) -> None:
    """Write a CSV file at once; lines are {name: value}, and a missing value is an empty field."""
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, names)
    table.writeheader()
    for line in lines:
        texts = {name: value for name, value in line.items() if isinstance(value, str)}
        table.writerow(line | {name: FORMULA.sub(r"\1'", text) for name, text in texts.items()})
    files.write(path, text.getvalue())


def picture(table: list[dict]) -> Any:
    """Draw a bar for each exercise: the share that solved it, and its commonest mistake."""
    from matplotlib.figure import Figure  # slow to load

    fig = Figure(figsize=(11, 1.4 + 0.42 * len(table)), layout="constrained")
    ax, places = fig.subplots(), range(len(table))
    ax.barh(places, [100] * len(table), color="#eeeeee")
    ax.barh(places, [100 * row["solved"] / row["handed_in"] for row in table], color="#0072b2")
    for place, row in enumerate(table):
        words = f"{row['solved']} of {row['handed_in']}"
        words += f"  ·  {row['times']} × {row['commonest_mistake']}" if row["times"] else ""
        words = words if len(words) < 88 else words[:86] + "…"
        ax.text(102, place, words, va="center", fontsize=9, parse_math=False)
    ax.set_yticks(places, [f"{row['exercise']}  ({row['notebook'][:2]})" for row in table])
    ax.invert_yaxis()
    ax.set_xlim(0, 260)
    ax.set_xticks([0, 25, 50, 75, 100])
    ax.set_xlabel("solved, % of those who handed in · how many · the commonest mistake", loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines["bottom"].set_bounds(0, 100)
    ax.margins(y=0.01)
    return fig
