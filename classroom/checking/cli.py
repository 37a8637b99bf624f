"""Run `llmlib check` and `llmlib progress`: the same outcome as a table and as a picture."""

import argparse
import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

from tqdm import tqdm

from classroom.checking import check_notebooks
from classroom.checking.check_notebooks import DONE, FAILING, UNTOUCHED, Status
from exercises.format import notebooks

KINDS = ".png", ".svg", ".pdf"  # of pictures
WORDS = {FAILING: "✗ wrong", DONE: "✓ done", UNTOUCHED: "· not written yet"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `llmlib check`."""
    help_text = "such as 03_attention, or the path of one; all by default"
    parser.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help=help_text)
    help_text = "where they are (default: this folder, else work/ or notebooks/ in it)"
    parser.add_argument("--folder", type=Path, metavar="DIR", help=help_text)
    limit = "time limit for one notebook (default: %(default)g)"
    parser.add_argument(
        "--seconds", type=float, default=check_notebooks.SECONDS, metavar="S", help=limit
    )
    if parser.prog.endswith("progress"):
        kinds, file = "default: %(default)s; .svg and .pdf work too", Path("progress.png")
        parser.add_argument("--output", type=Path, default=file, metavar="FILE", help=kinds)


def run(args: argparse.Namespace) -> int:
    """Return 0: all done; or 1: something is failing, untouched or unreadable."""
    if not 0 < args.seconds <= 1e6:  # what the system's clocks take
        raise ValueError(f"--seconds is {args.seconds:g}: it must be above 0, at most a million")
    if args.verb == "progress" and args.output.suffix not in KINDS:
        ends = args.output.suffix or "nothing"
        raise ValueError(f"--output must end in .png, .svg or .pdf, not {ends}")
    names, folder = asked_for(args.notebooks, args.folder)
    options = {"desc": "checking", "unit": "notebook", "leave": False, "file": sys.stderr}
    with tqdm(total=len(names), **options) as bar:
        statuses = check_notebooks.check(names, folder, args.seconds, tick=lambda _: bar.update())
    if args.verb == "check":
        print(f"Notebooks in {folder}")
        print(table(statuses, shutil.get_terminal_size().columns))
    else:
        draw(statuses, args.output)
    return int(not all(status.done for status in statuses))


def asked_for(paths: list[str], folder: Path | None) -> tuple[list[str], Path]:
    """Return the names of the notebooks asked for, by name or by path (default: all), and the
    folder that they lie in. Raises ValueError."""
    for path in map(Path, paths):
        if path.stem not in notebooks.names() and path.is_dir():
            raise ValueError(f"{path} is a folder, not a notebook: give it as --folder {path}")
        if path.stem not in notebooks.names():
            raise ValueError(
                f"there is no notebook {path.stem}; known: {', '.join(notebooks.names())}"
            )
        if path.parent != Path():
            if folder is not None and folder.resolve() != path.parent.resolve():
                raise ValueError(f"{path} does not lie in {folder}: ask for one folder at a time")
            folder = path.parent
    names = [Path(path).stem for path in paths] or notebooks.names()
    return names, check_notebooks.folder_of(folder)


def table(statuses: list[Status], width: int = 100) -> str:
    """Return a line for each notebook; below one that is begun and not done, a line for each
    exercise, first what is wrong, with the named mistake."""
    lines: list[str] = []
    wide = max(len(status.title) for status in statuses)
    for status in statuses:
        head = f"{status.title:<{wide}}  "
        if status.fault:
            lines += _wrapped(head + "unreadable  ", status.fault, width)
            continue
        total, count = len(status.core), len(status.functions(DONE))
        bar = "█" * round(10 * count / total)
        lines.append(f"{head}{bar:░<10}  {count} of {total} done")
        if count < total and (status.begun or len(statuses) == 1):
            for number, name, state, message in status.lines():
                exercise = f"{number} {name}".strip() + (": " if message else "")
                lines += _wrapped(f"    {WORDS[state]:<19}{exercise}", message, width)
        for note in status.notes:
            lines += _wrapped(f"    {'! note':<19}", note, width)
    return "\n".join(lines)


def _wrapped(head: str, text: str, width: int) -> list[str]:
    whole: Any = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.wrap(head + text, max(width, 40), subsequent_indent=" " * 23, **whole)


def draw(statuses: list[Status], path: Path) -> None:
    """Write the picture to `path`, a file of one of KINDS."""
    from classroom.progress_picture import alt_text, pipeline

    rows = [status.row() for status in statuses]
    path.parent.mkdir(parents=True, exist_ok=True)
    pipeline(rows).savefig(path, dpi=150)
    print(f"{alt_text(rows)}\nPicture: {path}")
