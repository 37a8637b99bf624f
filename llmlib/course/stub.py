"""What takes a solution's place in the released notebook."""

from nbgrader.preprocessors import NbGraderPreprocessor

from llmlib.course.cells import STUB
from llmlib.course.predict import blanked


class OwnStub(NbGraderPreprocessor):
    """After nbgrader's ClearSolutions: a cell whose metadata has a `stub`, as a quiz answer's does, gets that one.

    A prediction loses its guess.
    """

    def preprocess_cell(self, cell, resources, index):
        if cell.cell_type == "code" and "stub" in cell.metadata:
            cell.source = cell.metadata.stub
        elif cell.cell_type == "code":
            cell.source = blanked(cell.source)
        return cell, resources


def configure(c):
    """Make nbgrader with the config object `c` release with these stubs; otherwise its own steps, in its own order."""
    first = "IncludeHeaderFooter InstantiateTests LockCells ClearSolutions".split()
    then = "ClearOutput CheckCellMetadata ComputeChecksums SaveCells ClearHiddenTests ClearMarkScheme".split()
    again = "ComputeChecksums CheckCellMetadata".split()
    c.ClearSolutions.code_stub = {"python": STUB}
    c.GenerateAssignment.preprocessors = [
        *(f"nbgrader.preprocessors.{step}" for step in first),
        f"{__name__}.OwnStub",
        *(f"nbgrader.preprocessors.{step}" for step in then + again),
    ]
