"""`llmlib check` and `llmlib progress`: the same outcome as a table and as a picture."""

import shutil
import sys
import textwrap
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from llmlib.course import cells, progress


def add_arguments(parser):
    parser.add_argument(
        "notebooks", nargs="*", metavar="NOTEBOOK", help="such as 03_attention; all by default"
    )
    parser.add_argument(
        "--folder",
        type=Path,
        help="where they are (default: this folder if it holds some, else notebooks/)",
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=progress.SECONDS,
        metavar="S",
        help="time limit for one notebook (default: %(default)s)",
    )
    if parser.prog.endswith("progress"):
        parser.add_argument(
            "--output",
            type=Path,
            default=Path("progress.png"),
            metavar="FILE",
            help="default: %(default)s; .svg and .pdf work too",
        )


def run(args):
    """0: all done; 1: something is failing, untouched or unreadable."""
    names = [Path(name).stem for name in args.notebooks] or cells.names()
    for name in names:
        if name not in cells.names():
            raise ValueError(f"there is no notebook {name}; known: {', '.join(cells.names())}")
    if not 0 < args.seconds < float("inf"):
        raise ValueError("--seconds must be above 0")
    folder = args.folder or progress.default_folder()
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    with tqdm(
        total=len(names), desc="checking", unit="notebook", leave=False, file=sys.stderr
    ) as bar:
        statuses = progress.check(names, folder, args.seconds, tick=lambda _: bar.update())
    if args.verb == "check":
        print(table(statuses, shutil.get_terminal_size().columns))
    else:
        draw(statuses, args.output)
    return int(not all(status.done for status in statuses))


def table(statuses, width=100):
    """One line a notebook, then what is failing, with the named mistake, and what is untouched."""
    lines, wide = [], max(len(progress.title(status.name)) for status in statuses)
    for status in statuses:
        head = f"{progress.title(status.name):<{wide}}  "
        if status.fault:
            lines += _wrapped(head + "unreadable  ", status.fault, width)
            continue
        total, done = len(status.exercises), status.count(progress.DONE)
        bar = "█" * round(10 * done / total)
        lines.append(f"{head}{bar:░<10}  {done} of {total} done")
        for name, state, message in status.exercises:
            if state == progress.FAILING:
                lines += _wrapped(f"    failing    {name}: ", message, width)
        untouched = [name for name, state, _ in status.exercises if state == progress.UNTOUCHED]
        if untouched and len(untouched) < total:
            lines += _wrapped("    untouched  ", ", ".join(untouched), width)
    return "\n".join(lines)


def _wrapped(head, text, width):
    return textwrap.wrap(
        head + text,
        max(width, 40),
        subsequent_indent=" " * 15,
        break_long_words=False,
        break_on_hyphens=False,
    )


def draw(statuses, path):
    """Write the picture to `path`. Raises ValueError for a kind of file that cannot be drawn."""
    from llmlib.plots.progress import alt_text, pipeline

    if path.suffix not in (".png", ".svg", ".pdf"):
        raise ValueError(f"--output must end in .png, .svg or .pdf, not {path.suffix or 'nothing'}")
    rows = [asdict(status) | {"title": progress.title(status.name)} for status in statuses]
    pipeline(rows).savefig(path, dpi=150)
    print(f"{alt_text(rows)}\nPicture: {path}")
