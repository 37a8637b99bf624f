"""Reads tests/answers/NN_name/FUNCTION.py and runs one answer against its test cell, in this process.

The learner's namespace holds the given cells, the official solutions of the other exercises and the answer. The test
cell runs in a namespace of its own that reaches the learner's functions by name only, as the trusted grader does it.
"""

import builtins
import re
import signal
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from llmlib.course import cells
from llmlib.course.check import Mistake

SECONDS = 60
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
    answers, faults = [], []
    for block in re.split(r"^# %%", path.read_text(), flags=re.M)[1:]:
        head, _, code = block.partition("\n")
        kind, _, title = (part.strip() for part in head.partition(":"))
        says = re.search(r"^# says:[ \t]*(.*?)[ \t]*$", code, re.M)
        hidden = re.search(r"^# caught by: hidden[ \t]*$", code, re.M) is not None
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
def notebook(name):
    return cells.load(name)


@cache
def exercise(name, function):
    return next(each for each in notebook(name).exercises if each.name == function)


def copied(value):
    """What arrives on the other side of a process boundary: the same values in new objects (clones keep gradients)."""
    if isinstance(value, torch.Tensor):
        return value.clone()
    if type(value) in (list, tuple):
        return type(value)(copied(item) for item in value)
    if type(value) is dict:
        return {copied(key): copied(item) for key, item in value.items()}
    return value


class ByName(dict):
    """The test cell's globals: a name that it does not define is a function of the learner's."""

    def __init__(self, learner):
        super().__init__(__name__="test_cell")
        self._learner = learner

    def __missing__(self, name):
        if hasattr(builtins, name):
            raise KeyError(name)

        def call(*args, **kwargs):
            function = self._learner[name]  # looked up late, as a call to the learner's process is
            return copied(function(*copied(args), **copied(kwargs)))

        call.__name__ = name
        return call


def learner(answer):
    """The learner's namespace: every given and solution cell in order, with `answer` in its place."""
    space = {"__name__": "__main__"}
    for cell in notebook(answer.notebook).cells:
        name, what = cells.grade_id(cell), cells.kind(cell)
        if name == answer.function:
            exec(compile(answer.code, f"<answer {answer}>", "exec"), space)
        elif what in ("given", "solution"):
            exec(compile(cell.source, f"<{answer.notebook} {name}>", "exec"), space)
    return space


def verdict(answer, hidden):
    """What the learner reads when the test cell fails, with or without its hidden part; None where it passes."""
    task = exercise(answer.notebook, answer.function)
    code = compile(task.full if hidden else task.visible, f"<test_{answer.function}>", "exec")
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(SECONDS)
    try:
        exec(code, ByName(learner(answer)))
    except Mistake as mistake:
        return str(mistake)
    except Exception as error:  # the learner's function raised, or the test cell itself did
        return f"{type(error).__name__}: {error}"
    finally:
        signal.alarm(0)
    return None


def _too_long(*_):
    raise TimeoutError(f"more than {SECONDS} s in one test cell")


def rows():
    """(notebook, exercise, right answers, wrong answers, of those: named by a visible check, by a hidden one only)."""
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


if __name__ == "__main__":  # the table in INSTRUCTORS.md
    import sections

    head = [
        "notebook",
        "exercise",
        "right answers that pass",
        "wrong answers that fail",
        "caught by a visible check",
        "by hidden tests only",
    ]
    lines = list(rows())
    total = ["", "**all**", *(sum(line[column] for line in lines) for column in range(2, 6))]
    sections.write("answers", sections.table(head, [*lines, total]))
