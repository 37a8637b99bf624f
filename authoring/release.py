"""Turn a solved notebook into the learner's copy: nbgrader's steps, and two of the course's own."""

import copy
from collections.abc import Mapping
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader import preprocessors as nbgrader
from nbgrader.preprocessors import NbGraderPreprocessor

from authoring import drawings
from exercises.course_files import VERSION
from exercises.format.source import STUB, Notebook, SourceError
from exercises.prediction_cells import with_guess


class ClearAnswers(NbGraderPreprocessor):
    """Run after nbgrader's ClearSolutions: a cell with a `stub` in its metadata, such as a quiz
    answer, becomes that stub, and a prediction loses its guess."""

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> tuple:
        """Take nbgrader's step for one cell: a solution becomes its stub, a guess the dots."""
        if cell.cell_type == "code":
            cell.source = cell.metadata.get("stub", with_guess(cell.source, "..."))
        return cell, resources


CLEARED = nbgrader.LockCells, nbgrader.ClearSolutions, ClearAnswers, nbgrader.ClearOutput
MARKED = nbgrader.CheckCellMetadata, nbgrader.ComputeChecksums
HIDDEN = nbgrader.ClearHiddenTests, nbgrader.ClearMarkScheme
STUBS = {"python": STUB}


def drawn(notebook: Notebook, pictures: Mapping[str, str] = {}) -> NotebookNode:
    """Return a copy of a source's cells, with their drawings: from `pictures` where they are there,
    else drawn now. Raises `SourceError`."""
    node = copy.deepcopy(notebook.node)
    try:
        drawings.attach(node.cells, notebook.name, pictures)
    except ValueError as error:
        raise SourceError(f"{notebook.name}: {error}.") from None
    return node


def source(notebook: Notebook, pictures: Mapping[str, str] = {}) -> NotebookNode:
    """Return the solved notebook as nbgrader takes it, with its drawings and the course's version
    in it. Raises `SourceError`."""
    node = drawn(notebook, pictures)
    node.metadata["llmlib"] = NotebookNode(course=VERSION)
    return node


def release(notebook: Notebook, pictures: Mapping[str, str] = {}) -> str:
    """Return the learner's notebook: no solutions, hidden tests and outputs. Raises
    `SourceError`."""
    node, resources = source(notebook, pictures), {"language": "python", "nbgrader": {}}
    for step in (*CLEARED, *HIDDEN, *reversed(MARKED)):
        settings = {"code_stub": STUBS} if step is nbgrader.ClearSolutions else {}
        try:
            node, resources = step(**settings).preprocess(node, resources)
        except Exception as error:
            raise SourceError(f"{notebook.name}: nbgrader cannot release it: {error}") from error
    return nbformat.writes(node) + "\n"


def configure(c: Any) -> None:
    """Have nbgrader, by its config object `c`, release with these steps and the rest of its own."""
    before = nbgrader.IncludeHeaderFooter, nbgrader.InstantiateTests
    steps = *before, *CLEARED, *MARKED, nbgrader.SaveCells, *HIDDEN, *reversed(MARKED)
    c.ClearSolutions.code_stub = STUBS
    c.GenerateAssignment.preprocessors = list(steps)
