"""Drawings that stand in a notebook's text, and so are seen where no kernel runs.

`![What is seen.](attachment:induction.png)` in `solutions/03_attention.py` is the figure that
`induction()` of `attention.py` here returns. The build puts its image into the cell.
"""

from collections.abc import Mapping
from functools import cache
from importlib import import_module, util
from pathlib import Path

from nbformat import NotebookNode

from authoring import code_digest
from exercises.format.source import ATTACHED
from llmlib.plots import png


def module(name: str) -> str:
    """The module that draws for the notebook `name`: of "03_attention", `attention` in here."""
    return f"{__name__}.{name.partition('_')[2] or name}"


def attach(cells: list[NotebookNode], name: str, made: Mapping[str, str] = {}) -> None:
    """Put the drawings that the text of `cells` shows into them; those `made` before, {file: image
    as base64}, are not drawn again. ValueError for one that is not there or has no alt text."""
    for cell in cells:
        shown = ATTACHED.findall(cell.source) if cell.cell_type == "markdown" else ()
        for alt, drawing in shown:
            if not alt.strip():
                raise ValueError(f"{drawing}.png needs alt text between the brackets of ![]")
            file = f"{drawing}.png"
            image = NotebookNode({"image/png": made.get(file) or _draw(name, drawing)})
            cell.setdefault("attachments", NotebookNode())[file] = image


def attached(cells: list[NotebookNode]) -> dict[str, str]:
    """{file: image as base64} of the drawings in `cells`."""
    return {
        file: image["image/png"]
        for cell in cells
        for file, image in cell.get("attachments", {}).items()
    }


def fingerprint(name: str) -> str:
    """Of the code that draws for the notebook `name`; "" where nothing does."""
    path = Path(__file__).with_name(f"{module(name).rpartition('.')[2]}.py")
    return code_digest.digest(code_digest.closure([path])) if path.is_file() else ""


@cache
def _draw(name: str, drawing: str) -> str:
    where = module(name)
    draw = getattr(import_module(where), drawing, None) if util.find_spec(where) else None
    if draw is None:
        path = f"{where.replace('.', '/')}.py"
        raise ValueError(f"{drawing}.png is shown, but {path} has no function {drawing}()")
    return png(draw())
