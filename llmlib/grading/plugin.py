"""The nbgrader preprocessors. `plugin.configure(c)` in nbgrader_config.py makes `nbgrader autograde` trusted.

The autograded notebook is built anew: the learner's solution cells and additions, our own cells around them, the test
cells without their hidden part. Nothing else of a submission gets into it, neither metadata nor outputs.
"""

import atexit
import functools
import os
import stat

from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.converters import autograde, base
from nbgrader.preprocessors import NbGraderPreprocessor

from llmlib.course import cells as course
from llmlib.grading import submission

UNSAFE = "graded without a sandbox (--unsafe)"


def rebuild(notebook, handed_in):
    """A new notebook: that of `notebook` (a `course.Notebook`) with the learner's code in it."""
    job = submission.plan(notebook, handed_in)
    visible = {each.name: each.visible for each in notebook.exercises}
    before, written, place = {}, {}, None
    for (title, source), own in zip(job.cells, job.own, strict=True):
        if not own:
            place = title
        elif title in visible:
            written[title] = f"{written[title]}\n\n{source}" if title in written else source
            place = title
        else:
            before.setdefault(place, []).append(
                new_code_cell(source, id=f"added-{title.split()[-1]}")
            )
    found = new_notebook(metadata=notebook.node.metadata)
    found.cells += before.get(None, [])
    for cell in notebook.cells:
        name, kind = course.grade_id(cell), course.kind(cell)
        if kind == "markdown":
            found.cells.append(new_markdown_cell(cell.source, id=cell.id, metadata=cell.metadata))
            continue
        source = cell.source
        if kind == "solution":
            source = written.get(name, "# There was no cell with this exercise's grade_id.")
        elif kind == "test":
            source = visible.get(name.removeprefix("test_"), source)
        found.cells.append(new_code_cell(source, id=cell.id, metadata=cell.metadata))
        found.cells += before.get(name, []) if name else []
    return found


def fill(node, result):
    """Give the test cells of a rebuilt notebook the outputs from which nbgrader reads its scores."""
    tests, notes = result["tests"], list(result["notes"]) + ([UNSAFE] if result["unsafe"] else [])
    for cell in node.cells:
        if cell.cell_type != "code" or course.kind(cell) != "test":
            continue
        test, cell.outputs = tests.get(course.grade_id(cell).removeprefix("test_")), []
        message = "it was not graded" if test is None else test["message"]
        if notes:
            cell.outputs.append(new_output("stream", name="stdout", text="\n".join(notes) + "\n"))
        if message:
            cell.outputs.append(
                new_output(
                    "error", ename="Mistake", evalue=message, traceback=[f"Mistake: {message}"]
                )
            )
    return node


@functools.cache
def _notebook(name):
    return course.load(name)


@functools.cache
def _runner(name, unsafe):
    from llmlib.grading.runner import (
        Runner,
    )  # torch is slow to load, and most nbgrader commands do without

    runner = Runner([_notebook(name)], unsafe)
    atexit.register(runner.close)
    return runner


class Rebuild(NbGraderPreprocessor):
    """In place of nbgrader's ClearOutput, DeduplicateIds, OverwriteCells and the checks of cell metadata."""

    def preprocess(self, nb, resources):
        return rebuild(
            _notebook(resources["nbgrader"]["notebook"]), submission.parse(nb)
        ), resources


class Grade(NbGraderPreprocessor):
    """In place of nbgrader's Execute."""

    def preprocess(self, nb, resources):
        name = resources["nbgrader"]["notebook"]
        runner = _runner(name, os.environ.get("LLM_COURSE_UNSAFE") == "1")
        return fill(nb, runner.grade(_notebook(name), submission.parse(nb))), resources


def configure(c):
    """Make nbgrader with the config object `c` grade the trusted way."""
    here = "llmlib.grading.plugin."
    c.Autograde.sanitize_preprocessors = [here + "Rebuild"]
    c.Autograde.autograde_preprocessors = [
        here + "Grade",
        "nbgrader.preprocessors.SaveAutoGrades",
        "nbgrader.preprocessors.AssignLatePenalties",
    ]
    c.HTMLExporter.sanitize_html = True  # in nbgrader's own feedback
    base.find_all_files = functools.partial(_plain_files, base.find_all_files)
    convert = autograde.Autograde.convert_single_notebook

    def checked(self, path):
        submission.read(
            path
        )  # before nbconvert opens it: a link, a pipe or broken JSON is that submission's error alone
        convert(self, path)

    autograde.Autograde.convert_single_notebook = checked


def _plain_files(find, path, exclude=None):
    """Files beside a submission: no links, no devices, nothing huge."""
    found = ((each, os.lstat(each)) for each in find(path, exclude))
    return [
        each
        for each, status in found
        if stat.S_ISREG(status.st_mode) and status.st_size < submission.MAX_FILE
    ]
