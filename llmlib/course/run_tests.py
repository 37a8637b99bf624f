"""A process of its own for one notebook: runs the learner's cells, then the visible tests, and says how each went.

Reads {"cells": [[title, source], …], "tests": [[function, source], …], "seconds": the limit for each} from stdin.
Writes one JSON list a line to the stdout that it started with; what the cells print goes nowhere.
"""

import json
import os
import re
import signal
import sys
import types

from llmlib.course.check import Mistake

MAGIC = re.compile(
    r"^(\s*)(?:[%!].*|.*\?\s*)$", re.MULTILINE
)  # IPython's own syntax: no function needs it


def main():
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        job, failed = json.loads(sys.stdin.buffer.read()), {}
        sys.stdin = open(os.devnull, encoding="utf-8")
        space = types.ModuleType("__main__").__dict__
        space.update(display=lambda *_, **__: None)
        for title, source in job["cells"]:
            say(out, "at", title)
            failed[title] = run(title, MAGIC.sub(r"\1pass", source), space, job["seconds"])
        for name, source in job["tests"]:
            say(out, "at", name)
            message = run(f"test_{name}", source, dict(space), job["seconds"])
            if message and message.startswith("NameError") and failed.get(name):
                message = failed[name]  # its cell broke off before the function was defined
            say(out, "test", name, message)


def run(title, source, space, seconds):
    """What went wrong in a cell, as one line; None if nothing."""
    alarm = hasattr(
        signal, "setitimer"
    )  # not on Windows: there the limit for the whole notebook has to do
    if alarm:
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        exec(compile(source, f"<{title}>", "exec"), space)
    except Mistake as mistake:
        return " ".join(str(mistake).split())
    except NotImplementedError:
        return "not written yet"
    except KeyboardInterrupt:
        return f"took longer than {seconds:g} s: is there a loop that never ends?"
    except BaseException as error:  # noqa: BLE001 - a learner's cell may raise anything, SystemExit too
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    finally:
        if alarm:
            signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def say(out, *words):
    out.write(json.dumps(words) + "\n")
    out.flush()


if __name__ == "__main__":
    main()
