"""Run `llmlib submit` and `llmlib fetch-feedback`: hand in by nbgrader's exchange, and see what
came back."""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from classroom import exchange, page_address
from classroom.checking import check_notebooks
from classroom.checking.check_notebooks import Status
from classroom.checking.cli import asked_for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `llmlib submit` and `llmlib fetch-feedback`."""
    scope = "all of them" if parser.prog.endswith("fetch-feedback") else "all that you have begun"
    help_text = f"such as 03_attention, or the path of one; without a name {scope}"
    parser.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help=help_text)
    help_text = "where they are (default: this folder, else work/ or notebooks/ in it)"
    parser.add_argument("--folder", type=Path, metavar="DIR", help=help_text)


def run(args: argparse.Namespace) -> int:
    """Return 0: done; or 1: a notebook could not be handed in, and is named with the reason."""
    names, folder = asked_for(args.notebooks, args.folder)
    config = exchange.wanted(folder)
    if args.verb == "fetch-feedback":
        _show(
            [hand_in for hand_in in exchange.handed_in(config, folder) if hand_in.notebook in names]
        )
        return 0
    releases = exchange.released(config)
    options = {"desc": "checking", "unit": "notebook", "leave": False, "file": sys.stderr}
    with tqdm(total=len(names), **options) as bar:
        statuses = check_notebooks.check(names, folder, tick=lambda _: bar.update())
    if not args.notebooks:
        statuses = [
            status
            for status in statuses
            if status.name in releases and (status.begun or status.fault)
        ]
        if not statuses:
            listing = ", ".join(releases) or "none yet"
            raise ValueError(f"nothing is begun of what can be handed in ({listing})")
    for line in unfinished(statuses):
        print(line)
    faults = 0
    for status in statuses:
        try:
            if status.fault:
                raise ValueError(status.fault)
            hand_in = exchange.submit(config, status.name, folder / f"{status.name}.ipynb")
        except ValueError as error:
            faults += 1
            print(f"{status.name} was not handed in: {error}.", file=sys.stderr)
        else:
            at = f"{hand_in.at.astimezone():%Y-%m-%d %H:%M:%S}"
            print(f"{status.name}: handed in at {at} as {hand_in.student}")
    if faults < len(statuses):
        print("You can go on and hand in again. `llmlib fetch-feedback` shows what came back.")
    return int(faults > 0)


def unfinished(statuses: list[Status]) -> list[str]:
    """Return lines that say which exercises are not solved; none where all are."""
    lines = check_notebooks.unfinished(statuses)[0].splitlines()[1:]
    blank = [status for status in statuses if not status.fault and not status.begun]
    lines += [f"{status.title}: nothing is written yet" for status in blank]
    head = ["Not finished, and handed in as it is:"] if lines else []
    return head + [f"    {line}" for line in lines]


def _show(hand_ins: list[exchange.HandedIn]) -> None:
    for hand_in in hand_ins:
        line = f"{hand_in.notebook}: handed in at {hand_in.at.astimezone():%Y-%m-%d %H:%M:%S}"
        print(f"{line} as {hand_in.student}")
        if hand_in.page:
            print(f"    {hand_in.score or 'came back'}: {page_address.address(hand_in.page)}")
    if not hand_ins:
        print("Nothing was handed in from here yet.")
    elif not any(hand_in.page for hand_in in hand_ins):
        print("Nothing came back yet.")
