"""`llmlib submit` and `llmlib fetch-feedback`: hand in by nbgrader's exchange, and see what came
back."""

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from llmlib.course import exchange, page_address
from llmlib.course.checking import check_notebooks
from llmlib.course.checking.check_notebooks import Status
from llmlib.course.checking.cli import asked_for


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `llmlib submit` and `llmlib fetch-feedback`."""
    which = "all of them" if parser.prog.endswith("fetch-feedback") else "all that you have begun"
    where = f"such as 03_attention, or the path of one; without a name {which}"
    parser.add_argument("notebooks", nargs="*", metavar="NOTEBOOK", help=where)
    where = "where they are (default: this folder, else work/ or notebooks/ in it)"
    parser.add_argument("--folder", type=Path, metavar="DIR", help=where)


def run(args: argparse.Namespace) -> int:
    """0: done; 1: a notebook could not be handed in, and is named with the reason."""
    names, folder = asked_for(args.notebooks, args.folder)
    config = exchange.wanted(folder)
    if args.verb == "fetch-feedback":
        _show([each for each in exchange.handed_in(config, folder) if each.notebook in names])
        return 0
    known = exchange.released(config)
    hidden = {"desc": "checking", "unit": "notebook", "leave": False, "file": sys.stderr}
    with tqdm(total=len(names), **hidden) as bar:
        statuses = check_notebooks.check(names, folder, tick=lambda _: bar.update())
    if not args.notebooks:
        statuses = [each for each in statuses if each.name in known and (each.begun or each.fault)]
        if not statuses:
            released = ", ".join(known) or "none yet"
            raise ValueError(f"nothing is begun of what can be handed in ({released})")
    for line in unfinished(statuses):
        print(line)
    faults = 0
    for status in statuses:
        try:
            if status.fault:
                raise ValueError(status.fault)
            done = exchange.submit(config, status.name, folder / f"{status.name}.ipynb")
        except ValueError as error:
            faults += 1
            print(f"{status.name} was not handed in: {error}.", file=sys.stderr)
        else:
            at = f"{done.at.astimezone():%Y-%m-%d %H:%M:%S}"
            print(f"{status.name}: handed in at {at} as {done.student}")
    if faults < len(statuses):
        print("You can go on and hand in again. `llmlib fetch-feedback` shows what came back.")
    return int(faults > 0)


def unfinished(statuses: list[Status]) -> list[str]:
    """Lines that say which exercises are not solved; none where all are."""
    lines = check_notebooks.unfinished(statuses)[0].splitlines()[1:]
    untouched = [each for each in statuses if not each.fault and not each.begun]
    lines += [f"{each.title}: nothing is written yet" for each in untouched]
    head = ["Not finished, and handed in as it is:"] if lines else []
    return head + [f"    {line}" for line in lines]


def _show(found: list[exchange.HandedIn]) -> None:
    for each in found:
        line = f"{each.notebook}: handed in at {each.at.astimezone():%Y-%m-%d %H:%M:%S}"
        print(f"{line} as {each.student}")
        if each.page:
            print(f"    {each.score or 'came back'}: {page_address.address(each.page)}")
    if not found:
        print("Nothing was handed in from here yet.")
    elif not any(each.page for each in found):
        print("Nothing came back yet.")
