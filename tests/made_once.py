"""Folders that several workers of one run share: the first that asks fills one, the others wait."""

import os
import shutil
import tempfile
from pathlib import Path

from filelock import FileLock

places = []  # where they lie, once pytest has begun


def begin(config):
    """The process that starts the workers gives the run its name."""
    if not hasattr(config, "workerinput"):
        config.option.testrunuid = f"process-{os.getpid()}"
    run = getattr(config, "workerinput", vars(config.option))["testrunuid"]
    places.append(Path(tempfile.gettempdir(), f"llmlib-tests-{run}"))


def folder(name, fill):
    """The folder `name` as `fill(folder)` makes it, once in each run. Nobody may change it."""
    made = places[0] / name
    made.parent.mkdir(exist_ok=True)
    with FileLock(made.with_suffix(".lock")):
        if not made.exists():
            unfinished = made.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir()
            fill(unfinished)
            unfinished.rename(made)
    return made


def end(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(places[0], ignore_errors=True)
