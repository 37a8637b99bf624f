"""A check's process without its start: torch is imported once, in a server that forks.

What a fork runs is the same `run_tests`. That a check's real process starts is tested where nobody
asks for this: in test_progress.py, test_build.py and the browser's journeys.
"""

import multiprocessing
import os
import select
import sys
import tempfile
import time
from pathlib import Path

from classroom.checking import check_process, run_tests
from classroom.environment import environment
from exercises.feedback import TOO_SLOW
from llmlib import assets

# What honest notebooks import, and what takes long to: a fork has it.
PRELOADED = [run_tests.__name__, "IPython.core.interactiveshell", "torch.testing"]
PRELOADED += ["exercises.check", "matplotlib.pyplot"]


def checks(monkeypatch):
    """In this test a check forks where it would start Python; a system without forks starts it."""
    if "forkserver" in multiprocessing.get_all_start_methods():
        monkeypatch.setattr(check_process, "_start", _start)


def apart(monkeypatch, cache):
    """Also keep no verdict of another test: in the folder `cache` are the weights alone."""
    weights = assets.smollm2_folder()
    (cache / weights.name).symlink_to(weights)
    monkeypatch.setenv("LLMLIB_CACHE", str(cache))
    assert assets.smollm2_folder() == cache / weights.name
    checks(monkeypatch)


def _start(text, seconds, running):
    """As `check_process._start`: (what the process said, why it said no more)."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        with tempfile.NamedTemporaryFile() as job:
            Path(job.name).write_text(text, encoding="utf-8")
            here, there = context.Pipe(duplex=False)
            words = job.name, scratch, environment(MPLBACKEND="agg"), there
            process = context.Process(target=_run, args=words)
            process.start()
            there.close()
            try:
                said, whole = _read(here.fileno(), seconds)
                return said, check_process.PROCESS_ENDED if whole else TOO_SLOW
            finally:
                check_process._end(process)
                process.join()
                here.close()


def _read(pipe, seconds):
    """What comes until the other side has closed it, and whether it did within so many seconds."""
    said, until = b"", time.monotonic() + seconds
    while select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
        some = os.read(pipe, 1 << 16)
        if not some:
            return said, True
        said += some
    return said, False


def _run(job, folder, variables, pipe):
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    null = os.open(os.devnull, os.O_WRONLY)
    for file, number in ((os.open(job, os.O_RDONLY), 0), (pipe.fileno(), 1), (null, 2)):
        os.dup2(file, number)
    pipe.close()
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    run_tests.main()
    os._exit(0)
