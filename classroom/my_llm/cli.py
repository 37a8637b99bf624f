"""Run the command `llmlib my-llm`."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from classroom.checking import check_notebooks
from classroom.my_llm.assemble import FIRST_WORDS
from classroom.my_llm.learner_functions import collect, engine_exercises
from llmlib import files
from llmlib.assets import smollm2_folder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `llmlib my-llm`."""
    add, file = parser.add_argument, Path("my_llm.py")
    prompt = "The best thing about the sea is"  # its continuation makes sense, and ends
    words = 'the text that it continues (default: "%(default)s")'
    add("prompt", nargs="?", default=prompt, metavar="PROMPT", help=words)
    help_text = "where your notebooks are (default: this folder, else work/ or notebooks/ in it)"
    add("--folder", "--notebooks", type=Path, metavar="DIR", help=help_text)
    add(
        "--output",
        type=Path,
        default=file,
        metavar="FILE",
        help="default: %(default)s; an earlier one is kept as FILE.old",
    )
    words = "use the course's own function where yours is missing or wrong"
    add("--fill", action="store_true", help=words)


def run(args: argparse.Namespace) -> int:
    """Write my_llm.py and run it -> the status to exit with. ValueError for a file that is not ours
    to overwrite."""
    folder = check_notebooks.folder_of(args.folder)
    if reason := _why_not_overwrite(args.output):
        raise ValueError(reason)
    smollm2_folder()
    return make(folder, args.output, args.prompt, args.fill)


def make(folder: Path | str, output: Path | str, prompt: str, fill: bool = False) -> int:
    """Write `output` from the notebooks in `folder`, print what is missing, and run it on `prompt`.

    Returns its exit status, or 1 if something is missing and nothing was written. An earlier file,
    which may have been edited, is kept as `output`.old."""
    output = Path(output)
    if reason := _why_not_overwrite(output):
        print(reason)
        return 1
    text, gaps = collect(Path(folder), fill)
    total = len(engine_exercises())
    for gap in gaps:
        print(f"{'filled in from llmlib: ' if fill else ''}{gap}")
    if text is None:
        print(
            f"{len(gaps)} of {total} functions are missing or wrong, so {output} was not written. "
            "Write them, or use the course's own instead: llmlib my-llm --fill"
        )
        return 1
    _write(output, text)
    summary = f"{total - len(gaps)} functions of your own"
    print(f"{output}: {len(text.splitlines())} lines, {summary}", flush=True)
    command = [sys.executable, str(output), "--", prompt]
    utf8 = os.environ | {"PYTHONUTF8": "1"}  # on Windows not every letter could be written
    with subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8", env=utf8) as process:
        assert process.stdout
        while letter := process.stdout.read(1):  # as it comes, in a notebook too
            print(letter, end="", flush=True)
    return process.returncode


def _why_not_overwrite(output: Path) -> str:
    """Return a sentence if writing to `output` would destroy somebody's file, else ""."""
    if output.is_dir():
        return f"{output} is a folder: give the name of a file"
    if output.is_file() and output.read_bytes()[: len(FIRST_WORDS)] not in (b"", FIRST_WORDS):
        return f"{output} is not a my_llm.py and would be lost: give another name, or move it away"
    return ""


def _write(output: Path, text: str) -> None:
    """Write the file; an earlier one, perhaps edited, is kept beside it as FILE.old."""
    before = output.read_bytes() if output.is_file() else b""
    if before not in (b"", text.encode()):
        files.write(output.with_name(f"{output.name}.old"), before)
    files.write(output, text)
