"""Run `llmlib chat` and `llmlib serve`. Without a MODEL they run the learner's engine so far:
functions that pass their checks are the learner's, the others the course's."""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from classroom import serve_command
from classroom.checking import check_notebooks
from classroom.my_llm import engine
from classroom.my_llm.learner_functions import Gap, collect, engine_exercises, engine_notebooks
from exercises.feedback import NOT_WRITTEN_YET
from exercises.format import notebooks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `llmlib chat` and `llmlib serve`."""
    serve_command.add_arguments(parser)
    help_text = "where your notebooks are (default: this folder, else work/ or notebooks/ in it)"
    parser.add_argument("--folder", type=Path, metavar="DIR", help=help_text)


def run(args: argparse.Namespace) -> int:
    """Do as `serve_command.run`; ValueError for options that exclude each other."""
    if args.model and args.folder:
        raise ValueError("MODEL and --folder are both given: leave one out")
    try:
        folder = None if args.model else check_notebooks.folder_of(args.folder)
    except ValueError:
        if args.folder:
            raise
        folder = None  # no notebooks here
    if folder is None:
        return serve_command.run(args)
    if args.weights != "float32":
        reason = "your own functions compute in float32"
        raise ValueError(f"{reason}: leave --weights out, or name a model, such as smollm2")
    serve_command.check_settings(args)
    print(f"Checking your notebooks in {folder} …", file=sys.stderr, flush=True)
    return serve_command.start(engine_so_far(folder), args)


def engine_so_far(folder: Path) -> engine.Engine:
    """Return the engine made of the functions in `folder` that pass their checks, and of the
    course's own.

    It is llmlib's, which is faster, where none of them is the learner's. Raises OSError as
    `collect`, and as `engine.load`."""
    statuses = check_notebooks.check(engine_notebooks(), folder)
    text, gaps = collect(folder, fill=True, statuses=statuses)
    assert text
    lines = makers(gaps, [f for status in statuses for f in status.functions(check_notebooks.DONE)])
    if len(gaps) == len(engine_exercises()):
        return replace(engine.load("smollm2"), makers=lines)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
        path = Path(place) / "my_llm.py"
        path.write_text(text, encoding="utf-8")
        return replace(engine.load(str(path)), makers=lines)


def makers(gaps: list[Gap], solved: list[str]) -> tuple[str, ...]:
    """Say how many `solved` exercises there are, and whose the engine's functions are where `gaps`
    are filled: a summary, then a line for each notebook."""
    fills = {gap.function: "" if gap.why == NOT_WRITTEN_YET else " (wrong)" for gap in gaps}
    exercises = engine_exercises()
    own_count = len(exercises) - len(fills)
    if not fills:
        return (f"Your engine: all {len(exercises)} functions are yours.",)
    head = f"{len(solved) or 'No'} exercise{'' if len(solved) < 2 else 's'} solved"
    if own_count:
        lines = [f"{head}: {own_count} of this engine's {len(exercises)} functions are yours."]
    else:
        head += f": {', '.join(solved)}." if solved else " yet."
        first = f"{gaps[0].function} (exercise {gaps[0].number})"
        lines = [f"{head} The first function that this engine will take from you is {first}."]
    for name in dict.fromkeys(exercise.notebook for exercise in exercises.values()):
        own_functions = [
            f for f, exercise in exercises.items() if exercise.notebook == name and f not in fills
        ]
        course_functions = [
            f + fills[f] for f, e in exercises.items() if e.notebook == name and f in fills
        ]
        parts = [f"yours: {', '.join(own_functions)}"] * bool(own_functions)
        parts += [f"the course's: {', '.join(course_functions)}"] * bool(course_functions)
        lines.append(f"{notebooks.load(name).heading}: {'; '.join(parts)}")
    return tuple(lines)
