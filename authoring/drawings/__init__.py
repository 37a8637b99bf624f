"""Drawings that stand in a notebook's text, and so are seen where no kernel runs.

`![What is seen.](attachment:induction.png)` in `solutions/03_attention.py` is the figure that
`induction()` of `attention.py` here returns. The build puts its image into the cell.
"""

from functools import cache
from importlib import import_module, util

from nbformat import NotebookNode

from llmlib.course.format.source import ATTACHED
from llmlib.plots import png


def module(name: str) -> str:
    """The module that draws for the notebook `name`: of "03_attention", `attention` in here."""
    return f"{__name__}.{name.partition('_')[2] or name}"


def attach(cells: list[NotebookNode], name: str) -> None:
    """Put the drawings that the text of `cells` shows into them. ValueError for one that is not
    there or has no alt text."""
    for cell in cells:
        shown = ATTACHED.findall(cell.source) if cell.cell_type == "markdown" else ()
        for alt, drawing in shown:
            if not alt.strip():
                raise ValueError(f"{drawing}.png needs alt text between the brackets of ![]")
            image = NotebookNode({"image/png": _draw(name, drawing)})
            cell.setdefault("attachments", NotebookNode())[f"{drawing}.png"] = image


@cache
def _draw(name: str, drawing: str) -> str:
    where = module(name)
    draw = getattr(import_module(where), drawing, None) if util.find_spec(where) else None
    if draw is None:
        path = f"{where.replace('.', '/')}.py"
        raise ValueError(f"{drawing}.png is shown, but {path} has no function {drawing}()")
    return png(draw())
