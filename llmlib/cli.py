"""The `llmlib` command. Each verb lives in a module of its own, which adds its arguments and runs
it."""

import argparse
import errno
import importlib
import os
import sys

VERBS = {
    "grade": ("llmlib.grading.cli", "grade submissions in a sandbox"),
    "export-grades": ("llmlib.grading.lms_export", "write the gradebook for Canvas or Moodle"),
    "export-answers": (
        "llmlib.grading.export_answers",
        "write every answer to a file; list similar pairs",
    ),
    "oral-questions": (
        "llmlib.grading.oral_questions",
        "write questions on each learner's own code",
    ),
    "check": ("llmlib.course.checking.cli", "run the checks of your notebooks and name what fails"),
    "progress": ("llmlib.course.checking.cli", "draw a picture of your progress"),
    "my-llm": ("llmlib.course.my_llm.cli", "put your functions into one file, and run it"),
    "certificate": ("llmlib.certificate.cli", "issue the certificate of a completed course"),
    "verify": ("llmlib.certificate.verify", "check whether a certificate is genuine"),
    "complete": ("llmlib.serve.complete", "continue a text with a real model"),
    "chat": ("llmlib.serve.cli", "talk with your engine or a model in the terminal"),
    "serve": ("llmlib.serve.cli", "chat in the browser, or from any chat client"),
}
OLD_VERBS = {
    "grades": "export-grades",
    "answers": "export-answers",
    "defence": "oral-questions",
}  # their names until 1.2.4 still work
ELSEWHERE = (
    "strangers' notebooks are read and run within limits that only Linux has: use Linux, WSL 2 or "
    "a virtual machine"
)
INSTALL = "pip install '.[course,grading,certificate]' in the course's folder brings all"
DENIED = "cannot be read or written by you: give another place, or ask its owner"
SAID = {  # what the system refuses, of a file: in words
    errno.ENOENT: "is not there: check the name, and the folder that you are in",
    errno.EISDIR: "is a folder: give the name of a file",
    errno.ENOTDIR: "is no folder, or lies below a file: give another place",
    errno.EEXIST: "is there already, and is no folder: give another place",
    errno.EACCES: DENIED,
    errno.EPERM: DENIED,
    errno.EROFS: DENIED,
}
FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # Windows has no quota


def main(argv=None):
    """Run one verb; returns its exit status. A mistake in what was asked is one sentence on
    stderr and status 2."""
    for name in ("stdin", "stdout", "stderr"):
        if (stream := getattr(sys, name)) is None:  # closed: a progress bar would fail on it
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))
        elif hasattr(stream, "reconfigure"):  # a Windows pipe is not UTF-8 by itself
            stream.reconfigure(encoding="utf-8", errors="replace")
    argv = sys.argv[1:] if argv is None else argv
    argv = [OLD_VERBS.get(each, each) for each in argv[:1]] + argv[1:]
    asked = argv[0] if argv else ""
    try:
        _here()
        if asked in ("grade", "export-answers", "oral-questions") and sys.platform != "linux":
            raise ValueError(ELSEWHERE)
        args = _parser(asked).parse_args(argv)
        return args.run(args) or 0
    except BrokenPipeError:  # who read the output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as error:
        if (package := str(error.name).partition(".")[0]) == "llmlib":
            raise
        print(f"llmlib {asked}: {package} is not installed: {INSTALL}", file=sys.stderr)
        return 2
    except (ValueError, OSError, MemoryError) as error:
        print(f"llmlib {asked}: {_said(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130


def _said(error):
    """An error's sentence; the system's own errors, which have a number, in words."""
    number = getattr(error, "errno", None)
    file = getattr(error, "filename2", None) or getattr(error, "filename", None)
    if number in FULL:
        return "the disk is full: make room and start again"
    if number in SAID and file:
        return f"{file} {SAID[number]}"
    return str(error) or "the memory is full: close other programs"


def _here():
    """Raises ValueError where the current folder is gone: torch would end the process."""
    try:
        os.getcwd()
    except FileNotFoundError:
        gone = "the folder that you are in was deleted, or replaced since you entered it"
        raise ValueError(f"{gone}: enter one that is there, with cd, and start again") from None


def _parser(asked):
    """The parser of the verb that is asked for, which alone is imported; of the others, names."""
    parser = argparse.ArgumentParser(
        prog="llmlib", description="From Tokens to Tokens: the course's command."
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, (module, summary) in VERBS.items():
        sentence = f"{summary[0].upper()}{summary[1:]}."
        sub = verbs.add_parser(verb, help=summary, description=sentence)
        if verb == asked:
            module = importlib.import_module(module)
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser
