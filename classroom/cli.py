"""Run the `llmlib` command. Each verb lives in a module of its own, which adds its arguments and
runs it."""

import argparse
import difflib
import errno
import importlib
import os
import sys

from classroom.bootstrap import name_clash
from classroom.processors import limit_threads
from exercises.course_packages import is_ours
from llmlib import installation

LEARNERS = {  # in the order of a day; verb: (its module, what it does, an example)
    "lab": (
        "classroom.lab.cli",
        "lay out the notebooks, fetch the model, open JupyterLab",
        "llmlib lab",
    ),
    "complete": (
        "classroom.complete",
        "continue a text with a real model",
        'llmlib complete "The capital of France is"',
    ),
    "check": (
        "classroom.checking.cli",
        "run the checks of your notebooks and name what fails",
        "llmlib check 03_attention",
    ),
    "progress": (
        "classroom.checking.cli",
        "draw a picture of your progress",
        "llmlib progress --output progress.svg",
    ),
    "my-llm": (
        "classroom.my_llm.cli",
        "put your functions into one file, and run it",
        "llmlib my-llm --fill",
    ),
    "chat": ("classroom.talk", "talk with your engine so far, or with a model", "llmlib chat"),
    "serve": (
        "classroom.talk",
        "the same in the browser, or for any chat client",
        "llmlib serve --port 8000",
    ),
    "submit": ("classroom.submit", "hand in by nbgrader's exchange", "llmlib submit 03_attention"),
    "fetch-feedback": (
        "classroom.submit",
        "see what was handed in, and what came back",
        "llmlib fetch-feedback",
    ),
    "certificate": (
        "grader.certificate.cli",
        "issue the certificate of a completed course",
        'llmlib certificate --name "Your Name"',
    ),
    "verify": (
        "grader.certificate.verify",
        "check whether a certificate is genuine",
        "llmlib verify certificate/certificate.svg",
    ),
}
INSTRUCTORS = {
    "fetch-model": (
        "classroom.lab.fetch_model",
        "fetch the model once, for all learners of a machine",
        "llmlib fetch-model",
    ),
    "release-assignment": (
        "grader.exchange",
        "let notebooks be handed in by nbgrader's exchange",
        "llmlib release-assignment 01_tokens",
    ),
    "grade": (
        "grader.cli",
        "grade downloads, or what the exchange has, in a sandbox",
        "llmlib grade submissions.zip",
    ),
    "release-feedback": (
        "grader.exchange",
        "give back what came through the exchange",
        "llmlib release-feedback",
    ),
    "export-answers": (
        "grader.export_answers",
        "write every answer to a file; list similar pairs",
        "llmlib export-answers grading/submitted",
    ),
    "oral-questions": (
        "grader.oral_questions",
        "write questions on each learner's own code",
        "llmlib oral-questions grading/submitted",
    ),
    "export-grades": (
        "grader.lms_export",
        "write the gradebook for Canvas or Moodle",
        "llmlib export-grades --format canvas",
    ),
}
VERBS = LEARNERS | INSTRUCTORS
ELSEWHERE = (
    "strangers' notebooks are read and run within limits that only Linux has: use Linux, WSL 2 or "
    "a virtual machine"
)
NO_ACCESS = "cannot be read or written by you: give another place, or ask its owner"
REASONS = {  # what the system refuses, of a file: in words
    errno.ENOENT: "is not there: check the name, and the folder that you are in",
    errno.EISDIR: "is a folder: give the name of a file",
    errno.ENOTDIR: "is no folder, or lies below a file: give another place",
    errno.EEXIST: "is there already, and is no folder: give another place",
    errno.EACCES: NO_ACCESS,
    errno.EPERM: NO_ACCESS,
    errno.EROFS: NO_ACCESS,
}
FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}  # Windows has no quota


def main(argv: list[str] | None = None) -> int:
    """Run one verb; returns its exit status. A mistake in what was asked is one sentence on
    stderr and status 2."""
    for name in ("stdin", "stdout", "stderr"):
        if (stream := getattr(sys, name)) is None:  # closed: a progress bar would fail on it
            setattr(sys, name, open(os.devnull, "r+", encoding="utf-8"))
        elif hasattr(stream, "reconfigure"):  # a Windows pipe is not UTF-8 by itself
            stream.reconfigure(encoding="utf-8", errors="replace")
    argv = sys.argv[1:] if argv is None else argv
    verb = argv[0] if argv else ""
    try:
        _here()
        limit_threads()
        if stranger := name_clash.stranger():
            remove = installation.pip_command("uninstall", "llmlib")
            again = f"type {installation.reinstall_command()}"
            raise ValueError(name_clash.sentence(stranger, remove, again))
        if verb in ("grade", "export-answers", "oral-questions") and sys.platform != "linux":
            raise ValueError(ELSEWHERE)
        _refuse_unknown(verb)
        parser = _parser(verb)
        args, more = parser.parse_known_args(argv)
        if more and not hasattr(args, "more"):  # only `lab` passes words on
            parser.error(f"unrecognized arguments: {' '.join(more)}")
        args.more = more
        return args.run(args) or 0
    except BrokenPipeError:  # who read the output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except ModuleNotFoundError as error:
        if is_ours(package := str(error.name).partition(".")[0]):
            raise
        install = installation.install_command()
        print(f"llmlib {verb}: {package} is not installed: type {install}", file=sys.stderr)
        return 2
    except (ValueError, OSError, MemoryError) as error:
        print(f"llmlib {verb}: {_said(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130


def _said(error: Exception) -> str:
    """Return an error's sentence; the system's own errors, which have a number, in words."""
    number = getattr(error, "errno", None)
    file = getattr(error, "filename2", None) or getattr(error, "filename", None)
    if number in FULL:
        return "the disk is full: make room and start again"
    if number in REASONS and file:
        return f"{file} {REASONS[number]}"
    return str(error) or "the memory is full: close other programs"


def _here() -> None:
    """Raise ValueError where the current folder is gone: torch would end the process."""
    try:
        os.getcwd()
    except FileNotFoundError:
        gone = "the folder that you are in was deleted, or replaced since you entered it"
        raise ValueError(f"{gone}: enter one that is there, with cd, and start again") from None


def _refuse_unknown(verb: str) -> None:
    """Raise ValueError, with the nearest verb, for a word that is none."""
    if verb and verb[0] != "-" and verb not in VERBS:
        nearest = difflib.get_close_matches(verb, VERBS, 1, cutoff=0)[0]
        raise ValueError(f"there is no such verb; the nearest is {nearest}; --help lists all")


def _parser(name: str) -> argparse.ArgumentParser:
    """Return the parser. Of the verbs only `name` is imported and adds its arguments."""
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
    for verb, (module_name, summary, example) in VERBS.items():
        sentence = f"{summary[0].upper()}{summary[1:]}. Example: {example}"
        sub = verbs.add_parser(verb, description=sentence)
        if verb == name:
            module = importlib.import_module(module_name)
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser


def _listed(verbs: dict[str, tuple[str, str, str]]) -> str:
    """Return two lines for each verb: what it does, an example."""
    return "\n".join(
        f"  {verb:<19} {summary}\n{'':<22}    {example}"
        for verb, (_, summary, example) in verbs.items()
    )
