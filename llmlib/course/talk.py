"""`llmlib chat` and `llmlib serve`. Without a MODEL they run the learner's engine so far: functions
that pass their checks are the learner's, the others the course's."""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from llmlib.course.checking import check_notebooks
from llmlib.course.feedback import NOT_WRITTEN_YET
from llmlib.course.format import notebooks
from llmlib.course.my_llm.learner_functions import Gap, collect, engine_exercises, engine_notebooks
from llmlib.serve import cli, engine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `llmlib chat` and `llmlib serve`."""
    cli.add_arguments(parser)
    where = "where your notebooks are (default: this folder, else work/ or notebooks/ in it)"
    parser.add_argument("--folder", type=Path, metavar="DIR", help=where)


def run(args: argparse.Namespace) -> int:
    """As `serve.cli.run`; ValueError for options that exclude each other."""
    if args.model and args.folder:
        raise ValueError("MODEL and --folder are both given: leave one out")
    try:
        folder = None if args.model else check_notebooks.folder_of(args.folder)
    except ValueError:
        if args.folder:
            raise
        folder = None  # no notebooks here
    if folder is None:
        return cli.run(args)
    if args.weights != "float32":
        own = "your own functions compute in float32"
        raise ValueError(f"{own}: leave --weights out, or name a model, such as smollm2")
    cli.check_settings(args)
    print(f"Checking your notebooks in {folder} …", file=sys.stderr, flush=True)
    return cli.start(engine_so_far(folder), args)


def engine_so_far(folder: Path) -> engine.Engine:
    """The engine made of the functions in `folder` that pass their checks, and of the course's own.

    It is llmlib's, which is faster, where none of them is the learner's. Raises OSError as
    `collect`, and as `engine.load`."""
    statuses = check_notebooks.check(engine_notebooks(), folder)
    text, gaps = collect(folder, fill=True, statuses=statuses)
    assert text
    said = makers(gaps, [f for each in statuses for f in each.functions(check_notebooks.DONE)])
    if len(gaps) == len(engine_exercises()):
        return replace(engine.load("smollm2"), makers=said)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        path = Path(place) / "my_llm.py"
        path.write_text(text, encoding="utf-8")
        return replace(engine.load(str(path)), makers=said)


def makers(gaps: list[Gap], solved: list[str]) -> tuple[str, ...]:
    """What is `solved`, and whose the engine's functions are where `gaps` are filled: a summary,
    then a line for each notebook."""
    filled = {gap.function: "" if gap.why == NOT_WRITTEN_YET else " (wrong)" for gap in gaps}
    every = engine_exercises()
    mine = len(every) - len(filled)
    if not filled:
        return (f"Your engine: all {len(every)} functions are yours.",)
    done = f"{len(solved) or 'No'} exercise{'' if len(solved) < 2 else 's'} solved"
    if mine:
        lines = [f"{done}: {mine} of this engine's {len(every)} functions are yours."]
    else:
        done += f": {', '.join(solved)}." if solved else " yet."
        first = f"{gaps[0].function} (exercise {gaps[0].number})"
        lines = [f"{done} The first function that this engine will take from you is {first}."]
    for name in dict.fromkeys(each.notebook for each in every.values()):
        own = [f for f, each in every.items() if each.notebook == name and f not in filled]
        ours = [f + filled[f] for f, e in every.items() if e.notebook == name and f in filled]
        parts = [f"yours: {', '.join(own)}"] * bool(own)
        parts += [f"the course's: {', '.join(ours)}"] * bool(ours)
        lines.append(f"{notebooks.load(name).heading}: {'; '.join(parts)}")
    return tuple(lines)
