"""Build the notebooks: `solutions/*.py` -> `solutions/*.ipynb` (executed) -> `notebooks/*.ipynb`.

    python -m authoring.build                  what has changed
    python -m authoring.build 03_attention     one notebook
    python -m authoring.build --force          all, also where llmlib alone changed

Two builds of the same source give the same bytes. Several people may build different notebooks at
the same time.
"""

import argparse
import gc
import hashlib
import os
import sys
import time
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from authoring import quiz_source, release
from llmlib import files
from llmlib.course import quiz
from llmlib.course.environment import environment
from llmlib.course.format import notebooks
from llmlib.course.format.notebooks import ROOT, Notebook, SourceError
from llmlib.course.format.source import METADATA

VERSION = "1"  # raise it when a change here alters what is built from an unchanged source
CELL_SECONDS = 300
VIEW = "application/vnd.jupyter.widget-view+json"


def build(name: str, root: Path | str = ROOT, force: bool = False) -> bool:
    """Build one notebook; returns whether it had to be executed. Raises `SourceError`."""
    root = Path(root)
    executed = root / "solutions" / f"{name}.ipynb"
    notebook = notebooks.load(name, root)
    before = fingerprint(notebook)
    stale = force or _read_fingerprint(executed) != before
    if stale:
        print(f"{name}: running {len(notebook.cells)} cells …", end="", flush=True)
        start = time.time()
        node = execute(notebook, root)
        node.metadata["llmlib"] = {"source": before}
        files.write(executed, nbformat.writes(node) + "\n")
        print(f" {time.time() - start:.0f} s")
    for_nbgrader = nbformat.writes(release.source(notebook)) + "\n"  # where it looks for it
    course = Path(os.environ.get("LLM_COURSE_FOLDER", root / "grading"))
    files.write(course / "source" / name / f"{name}.ipynb", for_nbgrader)
    released = release.release(notebook)
    path = root / "notebooks" / f"{name}.ipynb"
    if not path.exists() or path.read_text(encoding="utf-8") != released:
        files.write(path, released)
        print(f"{name}: released to {path.relative_to(root)}")
    elif not stale:
        print(f"{name}: up to date")
    return stale


def execute(notebook: Notebook, root: Path = ROOT, again: bool = False) -> NotebookNode:
    """Run all cells in `root`/solutions and return it with outputs. Raises `SourceError`."""
    name, node, place = notebook.name, release.drawn(notebook), ["the first cell"]
    client = NotebookClient(
        node,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=False,
        extra_arguments=["--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(Path(root) / "solutions")}},
        on_cell_start=lambda cell, cell_index: place.append(_place(cell_index + 1, cell)),
    )
    try:
        client.execute(env=environment(threads=2))
    except CellExecutionError as error:
        raise SourceError(f"{name}: {place[-1]} failed: {error.ename}: {error.evalue}") from error
    except CellTimeoutError as error:
        raise SourceError(f"{name}: {place[-1]} ran longer than {CELL_SECONDS} s.") from error
    except DeadKernelError as error:
        raise SourceError(f"{name}: the kernel died in {place[-1]} (out of memory?).") from error
    except RuntimeError as error:
        if again or "died before" not in str(error):
            raise
        return execute(notebook, root, again=True)  # another program took its ports as it started
    except NoSuchKernel as error:
        raise SourceError(
            "There is no Python kernel: type make lab once, which sets up."
        ) from error
    node.metadata = nbformat.from_dict(METADATA)
    for number, cell in enumerate(node.cells, 1):
        if cell.cell_type == "code":  # a widget names a model that is gone; its picture stays
            cell.outputs = [o for o in cell.outputs if VIEW not in o.get("data", {})]
        for output in cell.get("outputs", ()):
            _check_repeatable(output, f"{name}: {_place(number, cell)}")
    return node


def fingerprint(notebook: Notebook) -> str:
    """What is written into an executed notebook, to see later whether its source has changed."""
    seen = quiz.key_text() if notebook.number is None else ""  # what its cells show
    drawn = [cell.get("attachments", {}) for cell in release.drawn(notebook).cells]
    told = VERSION + seen + nbformat.v4.writes(notebook.node) + (str(drawn) if any(drawn) else "")
    return hashlib.sha256(told.encode()).hexdigest()


def _read_fingerprint(path: Path) -> str | None:
    """The fingerprint in an executed notebook, or None."""
    try:
        return nbformat.read(path, as_version=4).metadata.llmlib.source
    except (OSError, ValueError, AttributeError, nbformat.ValidationError):
        return None


def _place(number: int, cell: NotebookNode) -> str:
    first, *_ = cell.source.strip().splitlines() or ["empty"]
    return f"cell {number} ({notebooks.grade_id(cell) or first[:60]})"


def _check_repeatable(output: NotebookNode, place: str) -> None:
    shown = output.get("data", {}).get("text/plain") or "\n".join(output.get("traceback", ()))
    text = output.get("text") or shown
    if " at 0x" in text:
        raise SourceError(
            f"{place} shows a memory address, which differs in every run; assign what its last "
            "line returns."
        )
    paths = str(ROOT), str(Path.home()) + os.sep
    if any(each in text or repr(each)[1:-1] in text for each in paths):  # Windows' \\ are doubled
        raise SourceError(f"{place} shows a path of this computer: {text.strip()[:200]}")


def main(argv: list[str] | None = None) -> int:
    """Build what was asked for; exit status 1 if any notebook could not be built."""
    what = __doc__.split("\n")[0]
    parser = argparse.ArgumentParser("python -m authoring.build", description=what)
    parser.add_argument("names", nargs="*", help="such as 03_attention; all by default")
    parser.add_argument("--force", action="store_true", help="execute also what has not changed")
    arguments = parser.parse_args(argv)
    gc.freeze()  # what the imports made stays: it need not be looked through for each notebook
    failed = False
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
            failed = True
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
