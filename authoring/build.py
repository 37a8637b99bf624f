"""Build the notebooks: `solutions/*.py` -> `solutions/*.ipynb` (executed) -> `notebooks/*.ipynb`.

    python -m authoring.build                  what has changed
    python -m authoring.build 03_attention     one notebook
    python -m authoring.build --force          all, changed or not

A notebook is executed when one of its code cells has changed, or what they import: code of llmlib,
a widget's script in web/; the one that makes my_llm.py also when a function of that file has. Where
only text has changed, its outputs are kept. On one machine two builds of the same source give the
same bytes; on another one the last digit of a printed number may differ. Several people may build
different notebooks at the same time.
"""

import argparse
import gc
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from authoring import code_digest, drawings, kernel, quiz_source, release
from classroom import my_llm, quiz
from classroom.environment import environment
from exercises.format import notebooks
from exercises.format.notebooks import ROOT, Notebook, SourceError
from exercises.format.source import METADATA
from llmlib import files
from llmlib.widgets import joined

VERSION = "3"  # raise it when a change here alters what is built from an unchanged source
CELL_SECONDS = 300
# what reads and runs a learner's answers: no cell of a solved notebook does
OF_CHECKS = {"exercises", "checking", "quiz.py", "quiz_cells.py", "quiz.json"}
NEGATIVE_ZERO = re.compile(r"(?<![\w.])[-−]0\.0+(?!\d)")
VIEW = "application/vnd.jupyter.widget-view+json"


def build(name: str, root: Path | str = ROOT, force: bool = False) -> bool:
    """Build one notebook; returns whether it had to be executed. Raises `SourceError`."""
    root = Path(root)
    solved_path = root / "solutions" / f"{name}.ipynb"
    notebook = notebooks.load(name, root)
    old, marks = read(solved_path), fingerprints(notebook)
    record = dict(old.metadata.llmlib) if old and not force else {}
    is_drawn = old is not None and record.get("drawings") == marks["drawings"]
    old_pictures = drawings.attached(old.cells) if old and is_drawn else {}
    node = release.drawn(notebook, old_pictures)
    pictures = drawings.attached(node.cells)
    learners_copy = release.release(notebook, pictures)
    if reason := _why(record, marks) or (old and _edited(old, node)):
        print(f"{name}: {reason}; running {len(notebook.cells)} cells …", end="", flush=True)
        start = time.time()
        execute(name, node, root)
        print(f" {time.time() - start:.0f} s")
    elif old:
        keep_outputs(node, old)
    node.metadata["llmlib"] = marks
    texts = {root / "notebooks" / f"{name}.ipynb": learners_copy, solved_path: _text(node)}
    paths = [path for path, text in texts.items() if _write(path, text)]
    if not reason:
        print(f"{name}: {'outputs kept, text renewed' if paths else 'up to date'}")
    course = Path(os.environ.get("LLM_COURSE_FOLDER", root / "grading"))  # nbgrader looks there
    _write(course / "source" / name / f"{name}.ipynb", _text(release.source(notebook, pictures)))
    return bool(reason)


def execute(
    name: str,
    node: NotebookNode,
    root: Path = ROOT,
    set_up: Callable[[str], dict[str, str]] = kernel.variables,
    seconds: int = CELL_SECONDS,
) -> None:
    """Run all cells of `node` in `root`/solutions, each for so many seconds at most: it gets their
    outputs. `set_up` gets a new folder for IPython's files and returns variables for the kernel.
    Raises `SourceError`."""
    place = ["the first cell"]
    with tempfile.TemporaryDirectory(prefix="ipython-") as folder:
        variables = environment(2) | set_up(folder)
        try:
            _run(node, root, place, variables, seconds)
        except CellExecutionError as error:
            message = f"{error.ename}: {error.evalue}"
            raise SourceError(f"{name}: {place[-1]} failed: {message}") from error
        except CellTimeoutError as error:
            message = f"ran longer than {seconds} s."
            raise SourceError(f"{name}: {place[-1]} {message}") from error
        except DeadKernelError as error:
            message = f"the kernel died in {place[-1]} (out of memory?)."
            raise SourceError(f"{name}: {message}") from error
        except NoSuchKernel as error:
            message = "There is no Python kernel: type make lab once, which sets up."
            raise SourceError(message) from error
    node.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(node.cells, 1):
        if cell.cell_type == "code":  # a widget names a model that is gone; its picture stays
            cell.outputs = [o for o in cell.outputs if VIEW not in o.get("data", {})]
        for output in cell.get("outputs", ()):
            _check_repeatable(output, f"{name}: {_place(number, cell)}")


def _run(
    node: NotebookNode,
    root: Path,
    place: list[str],
    variables: dict[str, str],
    seconds: int,
    again: bool = False,
) -> None:
    """Run the cells of `node`; `place` gets each cell as it begins."""
    client = NotebookClient(
        node,
        timeout=seconds,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(Path(root) / "solutions")}},
        on_cell_start=lambda cell, cell_index: place.append(_place(cell_index + 1, cell)),
    )
    try:
        client.execute(env=variables)
    except RuntimeError as error:
        if again or "died before" not in str(error):
            raise
        _run(node, root, place, variables, seconds, again=True)  # another program took its ports


def keep_outputs(node: NotebookNode, old: NotebookNode) -> None:
    """Give the cells of `node` the outputs of `old`, whose code cells are the same."""
    pairs = zip(_code(node.cells), _code(old.cells), strict=True)
    for cell, before in pairs:
        cell.outputs, cell.execution_count = before.outputs, before.execution_count


def fingerprints(notebook: Notebook) -> dict[str, str]:
    """Return what an executed notebook depends on, written into it to see later what has changed:
    its code cells, the code of llmlib and the widgets that they import, and its drawings; not its
    text."""
    key = [quiz.key_text()] if notebook.number is None else []  # what the quiz's cells show
    if any("my_llm.make(" in cell.source for cell in notebook.cells):  # runs others' solutions
        key.append(str(my_llm.collect(ROOT / "solutions")[0]))
    cells = [str((cell.source, cell.metadata.get("tags", []))) for cell in _code(notebook.cells)]
    library = code_digest.closure([c.source for c in _code(notebook.cells)], but=OF_CHECKS)
    names = [path.stem for path in library if path.parent == joined.HERE]
    drawn_by = [name for name in names if (joined.WEB / "widgets" / f"{name}.js").is_file()]
    scripts = [joined.styles(), *map(joined.module, drawn_by)] if drawn_by else []
    return {
        "code": code_digest.digest([VERSION, *key, *cells]),
        "library": code_digest.digest([*library, *scripts]),
        "drawings": drawings.fingerprint(notebook.name),
    }


def _why(record: Mapping[str, str], marks: Mapping[str, str]) -> str:
    """Tell why a notebook must be executed, in a word; "" if it need not."""
    if record.get("code") != marks["code"]:
        return "a code cell has changed" if record else "all of it"
    return "llmlib has changed" if record["library"] != marks["library"] else ""


def _edited(old: NotebookNode, node: NotebookNode) -> str:
    """Tell why an executed notebook that has the marks of `node` cannot be of its code; else ""."""
    is_same = [c.source for c in _code(old.cells)] == [c.source for c in _code(node.cells)]
    return "" if is_same else "edited by hand"


def _code(cells: list[NotebookNode]) -> list[NotebookNode]:
    return [cell for cell in cells if cell.cell_type == "code"]


def _text(node: NotebookNode) -> str:
    return nbformat.writes(node) + "\n"


def _write(path: Path, text: str) -> bool:
    """Write `text` into a file, if it holds another one; returns whether it did."""
    if path.is_file() and path.read_bytes() == text.encode():
        return False
    files.write(path, text)
    return True


def read(path: Path) -> NotebookNode | None:
    """Read a notebook that this build has executed, or None."""
    try:
        node = nbformat.read(path, as_version=4)
        return node if {*node.metadata.llmlib} == {"code", "library", "drawings"} else None
    except (OSError, ValueError, AttributeError, nbformat.ValidationError):
        return None


def _place(number: int, cell: NotebookNode) -> str:
    first, *_ = cell.source.strip().splitlines() or ["empty"]
    return f"cell {number} ({notebooks.grade_id(cell) or first[:60]})"


def _check_repeatable(output: NotebookNode, place: str) -> None:
    value = output.get("data", {}).get("text/plain") or "\n".join(output.get("traceback", ()))
    text = output.get("text") or value
    if " at 0x" in text:
        raise SourceError(
            f"{place} shows a memory address, which differs in every run; assign what its last "
            "line returns."
        )
    if match := NEGATIVE_ZERO.search(text):
        raise SourceError(
            f"{place} shows {match[0]}: its sign is a rounding error's, which differs between "
            'processors. Print it with z, as in f"{x:z.2f}".'
        )
    paths = str(ROOT), str(Path.home()) + os.sep
    if any(path in text or repr(path)[1:-1] in text for path in paths):  # Windows' \\ are doubled
        raise SourceError(f"{place} shows a path of this computer: {text.strip()[:200]}")


def main(argv: list[str] | None = None) -> int:
    """Build what was asked for; exit status 1 if any notebook could not be built."""
    description = __doc__.split("\n")[0]
    parser = argparse.ArgumentParser("python -m authoring.build", description=description)
    parser.add_argument("names", nargs="*", help="such as 03_attention; all by default")
    parser.add_argument("--force", action="store_true", help="execute also what has not changed")
    arguments = parser.parse_args(argv)
    os.environ["OMP_NUM_THREADS"] = "1"  # drawings compute, too; torch is not loaded yet
    gc.freeze()  # what the imports made stays: it need not be looked through for each notebook
    has_failed = False
    try:
        quiz_source.write()
    except SourceError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    for name in arguments.names or notebooks.names():
        try:
            build(Path(name).stem, force=arguments.force)
        except SourceError as error:
            print(f"\n{error}", file=sys.stderr)
            has_failed = True
    return int(has_failed)


if __name__ == "__main__":
    sys.exit(main())
