"""What people read after grading: a page for the learner, tables and a picture for the instructor."""

import csv
import html
import re
from collections import Counter, defaultdict

HEAD = """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:46em;margin:2em auto;padding:0 1em;color:#1a1a1a}
pre{background:#f4f4f4;padding:.8em;overflow-x:auto;font-size:14px}h2{margin-top:1.6em}
.no{border-left:4px solid #d55e00;padding-left:1em}.yes{border-left:4px solid #009e73;padding-left:1em}</style>"""


def heading(exercise):
    """(title, hints): "Exercise 3.2", and the summaries of the hints in the statement."""
    title = re.search(r"^#+\s*(Exercise [\d.]+)", exercise.statement, re.MULTILINE)
    hints = re.findall(r"<summary>(.*?)</summary>", exercise.statement)
    return (title[1] if title else f"Exercise {exercise.name}"), hints


def mistake(message):
    """The named mistake without the values that were got and expected."""
    return re.split(r" \((?:got|row|in|position) ", message)[0]


def feedback(notebook, task, node, result):
    """One learner's page for one notebook. Everything of the learner's is escaped; no hidden test is in it."""
    sources = {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in node.cells
        if cell.metadata.get("nbgrader")
    }
    tests = result["tests"]
    got, most = (
        sum(each["points"] for each in tests.values()),
        sum(each["max"] for each in tests.values()),
    )
    parts = [
        f"<h1>{_text(notebook.name)} · {_text(task.student)}</h1><p><b>{got:g} of {most:g} points</b></p>"
    ]
    notes = list(result["notes"]) + (
        ["This was graded without a sandbox."] if result["unsafe"] else []
    )
    parts += [f"<p>{_text(each)}</p>" for each in notes]
    for exercise in notebook.exercises:
        test, (title, hints) = tests[exercise.name], heading(exercise)
        parts.append(f"<h2>{_text(title)} · <code>{_text(exercise.name)}</code></h2>")
        if test["message"] is None:
            parts.append(
                f'<p class="yes">Solved: {test["points"]:g} of {test["max"]:g} points.</p>'
            )
            continue
        words = "The check says" if test["named"] else "What happened"
        again = f"Read the statement of {title} again" + (
            f", then open “{hints[0]}”." if hints else "."
        )
        parts.append(
            f'<div class="no"><p>0 of {test["max"]:g} points. {words}: <b>{_text(test["message"])}</b></p>'
        )
        parts.append(
            f"<p>{_text(again)}</p><pre>{_text(sources.get(exercise.name, ''))}</pre></div>"
        )
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{_text(notebook.name)}</title>{HEAD}'
    return page + "".join(parts)


def _text(value):
    return html.escape(str(value))


def scores(rows, folder):
    """Write scores.csv, a row for each student and notebook, a column for each exercise. `rows` are (task, result)."""
    names = sorted({name for _, result in rows for name in result.get("tests", {})})
    with open(folder / "scores.csv", "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["student", "notebook", "score", "max_score", "unsafe", "fault", *names])
        for task, result in sorted(rows, key=lambda row: (row[0].student, row[0].assignment)):
            tests = result.get("tests", {})
            score, most = (
                sum(each[key] for each in tests.values()) if tests else ""
                for key in ("points", "max")
            )
            cells = [tests[name]["points"] if name in tests else "" for name in names]
            lead = [
                task.student,
                task.assignment,
                score,
                most,
                int(result.get("unsafe", False)),
                result.get("fault", ""),
            ]
            out.writerow([_plain(each) for each in lead + cells])


def _plain(value):
    """A spreadsheet runs a text that starts like a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" and value else value


def class_report(rows, notebooks):
    """[(notebook, exercise, solved, handed in, commonest mistake, how often)], in the course's order."""
    solved, handed, mistakes = Counter(), Counter(), defaultdict(Counter)
    for task, result in rows:
        for name, test in result.get("tests", {}).items():
            key = task.assignment, name
            handed[key] += 1
            solved[key] += test["message"] is None
            if test["message"]:
                mistakes[key][mistake(test["message"])] += 1
    found = []
    for notebook in notebooks.values():
        for key in ((notebook.name, each.name) for each in notebook.exercises):
            if handed[key]:
                common = mistakes[key].most_common(1) or [("", 0)]
                found.append((*key, solved[key], handed[key], *common[0]))
    return found


def write_class_report(rows, notebooks, folder):
    """class.csv and class.png in `folder`."""
    table = class_report(rows, notebooks)
    with open(folder / "class.csv", "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["notebook", "exercise", "solved", "handed_in", "commonest_mistake", "times"])
        out.writerows([_plain(each) for each in row] for row in table)
    if table:
        picture(table).savefig(folder / "class.png", dpi=120)


def picture(table):
    """A bar for each exercise: the share that solved it, and beside it the mistake most made."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib.figure import Figure

    fig = Figure(figsize=(11, 1.4 + 0.42 * len(table)), layout="constrained")
    ax, rows = fig.subplots(), range(len(table))
    shares = [100 * solved / handed for _, _, solved, handed, *_ in table]
    ax.barh(rows, [100] * len(table), color="#eeeeee")
    ax.barh(rows, shares, color="#0072b2")
    for row, (_, _, solved, handed, common, times) in enumerate(table):
        words = f"{times} × {common}" if times else ""
        ax.text(102, row, f"{solved} of {handed}", va="center", fontsize=9)
        ax.text(
            125,
            row,
            words if len(words) < 82 else words[:80] + "…",
            va="center",
            fontsize=9,
            parse_math=False,
        )
    ax.set_yticks(rows, [f"{name}  ({notebook[:2]})" for notebook, name, *_ in table])
    ax.invert_yaxis()
    ax.set_xlim(0, 260)
    ax.set_xticks([0, 25, 50, 75, 100])
    ax.set_xlabel("solved, % of those who handed in · how many · the commonest mistake", loc="left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines["bottom"].set_bounds(0, 100)
    ax.margins(y=0.01)
    return fig
