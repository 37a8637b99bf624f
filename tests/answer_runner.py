"""Reads tests/answers/NN_name/FUNCTION.py and runs one answer against its test cell, in this
process.

The learner's namespace holds the given cells, the official solutions of the other exercises and
the answer. The test cell runs in a namespace of its own that reaches the learner's functions by
name only, as the trusted grader does it.
"""

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat

from classroom.checking import run_cells, run_tests
from exercises.format import notebooks
from exercises.format.source import given_imports

SECONDS = 300  # an answer without end; a busy machine may need a minute for any
HERE = Path(__file__).resolve().parent / "answers"


@dataclass(frozen=True)
class Answer:
    notebook: str
    function: str
    kind: str  # "right", "wrong", "stub" or "solution"
    title: str
    code: str
    says: str = ""
    hidden: bool = False  # caught by the hidden tests only

    def __str__(self):
        return f"{self.function}: {self.kind}: {self.title}"


def read(path):
    """The answers in one file, and a list of what is wrong with the file's form."""
    answers, text = [], path.read_text(encoding="utf-8")
    faults = [
        f"`{line}` must start with `# %%`, or it is a part of the answer above it"
        for line in re.findall(r"^(?!# %%)[ \t]*#+ *%.*", text, re.M)
    ]
    for block in re.split(r"^# %%", text, flags=re.M)[1:]:
        head, _, code = block.partition("\n")
        kind, _, title = (part.strip() for part in head.partition(":"))
        says = re.search(r"^# says:[ \t]*(.*?)[ \t]*$", code, re.M)
        hidden = re.search(r"^# caught by: hidden[ \t]*$", code, re.M) is not None
        try:
            ast.parse(code)
        except SyntaxError as error:
            faults.append(f"`# %%{head}` is not Python: {error.msg}, {error.lineno} lines below it")
        if kind not in ("right", "wrong"):
            faults.append(f"`# %%{head}` must start with `right:` or `wrong:`")
        elif kind == "wrong" and (says is None or not says[1]):
            faults.append(
                f"`# %%{head}` needs a line `# says: …`, part of the message that names the mistake"
            )
        else:
            answers.append(
                Answer(
                    path.parent.name, path.stem, kind, title, code, says[1] if says else "", hidden
                )
            )
    return answers, faults


@cache
def answers():
    """All answers in tests/answers, in the order of the files."""
    return tuple(answer for path in sorted(HERE.glob("*/*.py")) for answer in read(path)[0])


@cache
def notebook(name):
    return notebooks.load(name)


@cache
def exercise(name, function):
    return next(each for each in notebook(name).exercises if each.name == function)


def handed_in_notebook(name, code):
    """The released notebook `name` as an nbformat node; `code` is {function: what its cell holds},
    else the stub."""
    node = nbformat.from_dict(notebook(name).node)
    tasks = {each.name: each for each in notebook(name).exercises}
    for cell in node.cells:
        key = notebooks.grade_id(cell)
        if key in tasks:
            cell.source = code.get(key, tasks[key].stub)
        elif notebooks.kind(cell) == "test":
            cell.source = tasks[key.removeprefix("test_")].visible
    return node


def learner(answer):
    """The learner's namespace: every given and solution cell in order, with `answer` in its
    place."""
    space = {"__name__": "__main__"}
    for cell in notebook(answer.notebook).cells:
        name, what = notebooks.grade_id(cell), notebooks.kind(cell)
        if what in ("given", "solution"):
            error = run_cells.run(
                name, answer.code if name == answer.function else cell.source, space
            )
            if error is not None and name != answer.function:
                raise error
    return space


def verdict(answer, hidden):
    """What the learner reads when the test cell fails, with or without its hidden part; None where
    it passes."""
    task, book = exercise(answer.notebook, answer.function), notebook(answer.notebook)
    source, ours = (task.full if hidden else task.visible, given_imports(book))

    def judge():
        return run_tests.test(answer.function, source, learner(answer), ours, task.disallowed)

    return run_tests.error_message(run_cells.run_with_limit(SECONDS, judge), SECONDS)


def rows():
    """(notebook, exercise, right answers, wrong answers, of those: named by a visible check, by a
    hidden one only)."""
    for path in sorted(HERE.glob("*/*.py")):
        found = read(path)[0]
        wrong = [each for each in found if each.kind == "wrong"]
        hidden = sum(each.hidden for each in wrong)
        yield (
            path.parent.name,
            f"`{path.stem}`",
            len(found) - len(wrong),
            len(wrong),
            len(wrong) - hidden,
            hidden,
        )


def answers_table():
    """The page of answers in docs/evidence, as markdown."""
    import evidence

    head = ["notebook", "exercise", "right answers that pass", "wrong answers that fail"]
    head += ["caught by a visible check", "by hidden tests only"]
    lines = list(rows())
    total = ["", "**all**", *(sum(line[column] for line in lines) for column in range(2, 6))]
    return evidence.table(head, [*lines, total])
