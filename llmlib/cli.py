"""The `llmlib` command. Each verb lives in a module of its own, which adds its arguments and runs
it."""

import argparse
import errno
import importlib
import os
import sys

from llmlib import installation
from llmlib.course.bootstrap import name_clash
from llmlib.course.processors import limit_threads

LEARNERS = {  # in the order of a day; verb: (its module, what it does, an example)
    "lab": (
        "llmlib.course.lab.cli",
        "lay out the notebooks, fetch the model, open JupyterLab",
        "llmlib lab",
    ),
    "complete": (
        "llmlib.serve.complete",
        "continue a text with a real model",
        'llmlib complete "The capital of France is"',
    ),
    "check": (
        "llmlib.course.checking.cli",
        "run the checks of your notebooks and name what fails",
        "llmlib check 03_attention",
    ),
    "progress": (
        "llmlib.course.checking.cli",
        "draw a picture of your progress",
        "llmlib progress --output progress.svg",
    ),
    "my-llm": (
        "llmlib.course.my_llm.cli",
        "put your functions into one file, and run it",
        "llmlib my-llm --fill",
    ),
    "chat": ("llmlib.course.talk", "talk with your engine so far, or with a model", "llmlib chat"),
    "serve": (
        "llmlib.course.talk",
        "the same in the browser, or for any chat client",
        "llmlib serve --port 8000",
    ),
    "submit": (
        "llmlib.course.submit",
        "hand in by nbgrader's exchange",
        "llmlib submit 03_attention",
    ),
    "fetch-feedback": (
        "llmlib.course.submit",
        "see what was handed in, and what came back",
        "llmlib fetch-feedback",
    ),
    "certificate": (
        "llmlib.certificate.cli",
        "issue the certificate of a completed course",
        'llmlib certificate --name "Your Name"',
    ),
    "verify": (
        "llmlib.certificate.verify",
        "check whether a certificate is genuine",
        "llmlib verify certificate/certificate.svg",
    ),
}
INSTRUCTORS = {
    "fetch-model": (
        "llmlib.course.lab.fetch_model",
        "fetch the model once, for all learners of a machine",
        "llmlib fetch-model",
    ),
    "release-assignment": (
        "llmlib.grading.exchange",
        "let notebooks be handed in by nbgrader's exchange",
        "llmlib release-assignment 01_tokens",
    ),
    "grade": (
        "llmlib.grading.cli",
        "grade downloads, or what the exchange has, in a sandbox",
        "llmlib grade submissions.zip",
    ),
    "release-feedback": (
        "llmlib.grading.exchange",
        "give back what came through the exchange",
        "llmlib release-feedback",
    ),
    "export-answers": (
        "llmlib.grading.export_answers",
        "write every answer to a file; list similar pairs",
        "llmlib export-answers grading/submitted",
    ),
    "oral-questions": (
        "llmlib.grading.oral_questions",
        "write questions on each learner's own code",
        "llmlib oral-questions grading/submitted",
    ),
    "export-grades": (
        "llmlib.grading.lms_export",
        "write the gradebook for Canvas or Moodle",
        "llmlib export-grades --format canvas",
    ),
}
VERBS = LEARNERS | INSTRUCTORS
ELSEWHERE = (
    "strangers' notebooks are read and run within limits that only Linux has: use Linux, WSL 2 or "
    "a virtual machine"
)
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
    asked = argv[0] if argv else ""
    try:
        _here()
        limit_threads()
        if other := name_clash.stranger():
            remove = installation.pip_command("uninstall", "llmlib")
            again = f"type {installation.reinstall_command()}"
            raise ValueError(name_clash.sentence(other, remove, again))
        if asked in ("grade", "export-answers", "oral-questions") and sys.platform != "linux":
            raise ValueError(ELSEWHERE)
        parser = _parser(asked)
        args, more = parser.parse_known_args(argv)
        if more and not hasattr(args, "more"):  # only `lab` passes words on
            parser.error(f"unrecognized arguments: {' '.join(more)}")
        args.more = more
        return args.run(args) or 0
    except BrokenPipeError:  # who read the output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as error:
        if (package := str(error.name).partition(".")[0]) == "llmlib":
            raise
        install = installation.install_command()
        print(f"llmlib {asked}: {package} is not installed: type {install}", file=sys.stderr)
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
    groups = {"For learners": LEARNERS, "For instructors": INSTRUCTORS}
    about = "".join(f"\n\n{title}:\n{_listed(verbs)}" for title, verbs in groups.items())
    parser = argparse.ArgumentParser(
        prog="llmlib",
        usage="llmlib VERB ...",
        description=f"From Tokens to Tokens: the course's command.{about}",
        epilog="llmlib VERB --help says what else a verb takes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(
        dest="verb", required=True, metavar="VERB", help=argparse.SUPPRESS, prog="llmlib"
    )
    for verb, (module, summary, example) in VERBS.items():
        sentence = f"{summary[0].upper()}{summary[1:]}. Example: {example}"
        sub = verbs.add_parser(verb, description=sentence)
        if verb == asked:
            module = importlib.import_module(module)
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser


def _listed(verbs):
    """Two lines for each verb: what it does, an example."""
    return "\n".join(
        f"  {verb:<19} {summary}\n{'':<22}    {example}"
        for verb, (_, summary, example) in verbs.items()
    )
