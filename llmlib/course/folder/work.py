"""The folder work/, in which a learner works: made of the notebooks in notebooks/, and brought up
to date when those belong to a newer edition.

    python -m llmlib.course.folder.work        what opening JupyterLab does first

Nothing that git tracks is written to, so that `git pull` finds nothing in its way. Each file is
written whole, and the one that it replaces is kept in work/old/ before: whatever interrupts this,
a notebook is the old one or the new one, and the next start goes on.
"""

import argparse
import contextlib
import hashlib
import json
import logging
import os
import sqlite3
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.sign import NotebookNotary

from llmlib import files
from llmlib.course.authoring.notebooks import ROOT
from llmlib.course.bootstrap import steps
from llmlib.course.checking import submission
from llmlib.course.checking.submission import Unreadable
from llmlib.course.folder import merge
from llmlib.course.folder.merge import Laid


def update(root: Path = ROOT) -> list[str]:
    """Make or renew `root`/work; returns what to tell its learner. Raises OSError, SystemExit."""
    said = []
    with steps.alone(root / "build" / "work.lock"):
        work = root / "work"
        if work.is_symlink() and not work.exists():
            raise OSError(f"{work} is a link to {os.readlink(work)}, which is not there")
        for part in work.rglob(".*.ipynb.*"):  # of a start that was killed
            if part.suffix[1:].isdecimal() and part.is_file():  # not an editor's .ipynb.swp
                part.unlink()
        for path in sorted((root / "notebooks").glob("*.ipynb")):
            try:
                said += _renew(path, work / path.name)
            except Unreadable as fault:
                said.append(_mixed(path) or str(fault))
    return said


def _renew(path: Path, mine: Path, released: bool = False) -> list[str]:
    """Bring `mine` to the edition of `path`, which may have been worked in unless it is known as
    `released`. Raises Unreadable."""
    mark = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    if mine.exists() and _came_from(mine) == mark:
        return []
    edition = read(path)
    changed = ("diff-index", "--quiet", "HEAD")  # `diff` says so of any file outside of a clone
    if not released and merge.worked_in(edition) and _git(path, *changed) == 1:
        return _take_over(path, mine)
    edition.metadata.setdefault("llmlib", NotebookNode())["edition"] = mark
    if not mine.exists():
        _write(mine, edition)
        return []
    theirs, saved = read(mine), mine.stat()
    laid = merge.lay(edition, theirs)
    before, after = ([c.source for c in n.cells if c.source.strip()] for n in (theirs, laid.node))
    old = _keep(mine, theirs) if before != after and merge.worked_in(theirs) else None
    _write(mine, laid.node, instead_of=theirs)
    _saved_at(mine, saved)
    return [_sentence(mine, laid, theirs, old)] if old else []


def read(path: Path) -> NotebookNode:
    """A notebook as nbformat has it. Raises Unreadable, the text a sentence with the remedy."""
    try:
        tree = submission.read_json(path)
        submission.parse(tree)  # refuses what is none, in its own words
        node = nbformat.reads(json.dumps(tree), as_version=4)
        for cell, given in zip(node.cells, tree.get("cells", ())):
            if "id" not in given:  # nbformat has just made one up
                cell.pop("id", None)
        for cell in node.cells:  # other line ends, as of Windows; half a character is none
            cell.source = cell.source.replace("\r\n", "\n").encode("utf-8", "replace").decode()
        merge.lay(node, node)  # every cell has what a cell must have
        return node
    except Unreadable as fault:
        raise Unreadable(f"{_short(path)} was left as it is: {fault}.") from None
    except Exception:  # noqa: BLE001 - nbformat raises many kinds for what is no notebook
        raise Unreadable(f"{_short(path)} was left as it is: it is no Jupyter notebook.") from None


def _came_from(mine: Path) -> str | None:
    """The mark of the edition that a notebook of work/ was made of."""
    try:
        return json.loads(mine.read_bytes())["metadata"]["llmlib"]["edition"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _take_over(path: Path, mine: Path) -> list[str]:
    """What was written into notebooks/ itself, as before there was work/, goes there. Once that has
    it, git gives the released file back: it would refuse to pull a newer one over this one."""
    data = path.read_bytes()
    if not mine.exists():
        files.write(mine, data)
        _saved_at(mine, path.stat())
    if mine.read_bytes() != data or _git(path, "checkout", "HEAD"):
        return [
            f"{_short(path)} is not as it was released: copy what you need of it into "
            f"{_short(mine)}, then type git checkout {_short(path)}"
        ]
    said = f"{_short(path)} was taken over as {_short(mine)}: go on there"
    return [said, *_renew(path, mine, released=True)]


def _mixed(path: Path) -> str:
    """What there is to say of a notebook into which git wrote two versions; nothing of others."""
    if b"\n>>>>>>> " not in (data := path.read_bytes()):
        return ""
    said = f"{_short(path)} was left as it is: git has put two versions into it: "
    if b"\n>>>>>>> Stashed changes" in data:
        return said + "type git checkout --theirs notebooks to have yours back, then start again"
    return said + "end the merge, git status says how, then start again"


def _git(path: Path, *words: str) -> int:
    """The exit status of a git command on a file: of `diff-index`, 1 says that it was changed."""
    try:
        command = ["git", *words, "--", path.name]
        return subprocess.run(command, cwd=path.parent, capture_output=True).returncode
    except OSError:  # no git, no pull
        return 127


@cache
def _notary() -> NotebookNotary:
    return NotebookNotary()


def _write(path: Path, node: NotebookNode, instead_of: NotebookNode | None = None) -> None:
    """Write a notebook; JupyterLab shows its outputs, unless it did not show `instead_of`'s."""
    files.write(path, nbformat.writes(node) + "\n")
    with contextlib.suppress(OSError, sqlite3.Error):  # a comfort
        if instead_of is None or _notary().check_signature(instead_of):
            _notary().sign(node)


def _saved_at(path: Path, when: os.stat_result) -> None:
    """The start page goes on in the notebook that its learner saved last. A second later than that,
    so that a JupyterLab in which it is open sees that it has changed."""
    os.utime(path, (when.st_atime, when.st_mtime + 1))


def _keep(mine: Path, node: NotebookNode) -> Path:
    """A copy of a notebook of work/ in work/old/, never over another one."""
    data, count = mine.read_bytes(), 1
    name = old = mine.parent / "old" / f"{mine.stem} of {_edition(node)}.ipynb"
    while old.exists() and old.read_bytes() != data:
        count += 1
        old = name.with_stem(f"{name.stem} ({count})")
    files.write(old, data)
    return old


def _edition(node: NotebookNode) -> str:
    return submission.edition(node) or "an earlier edition"


def _sentence(mine: Path, laid: Laid, before: NotebookNode, old: Path) -> str:
    """What changed, in one sentence."""
    then, now = _edition(before), _edition(laid.node)
    went = f"went from {then} to {now}" if then != now else f"has a newer build of {now}"
    counts = (len(laid.answers), "answer"), (laid.guesses, "prediction"), (laid.cells, "added cell")
    yours = ", ".join(f"{n} {what}{'s' * (n > 1)}" for n, what in counts if n)
    lists = {
        "new": laid.new,
        "with another check": laid.changed,
        "no longer asked, your answer in a cell of its own": laid.gone,
    }
    parts = [f"{mine.stem} {went}", f"yours in it: {yours}" if yours else ""]
    parts += [f"{what}: {_listed(names)}" if names else "" for what, names in lists.items()]
    return "; ".join(filter(None, [*parts, f"the old one is {_short(old)}"]))


def _listed(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if names[6:] else "")


def _short(path: Path) -> str:
    """A path as seen from the course's folder."""
    return "/".join(path.parts[-3 if path.parent.name == "old" else -2 :])


def main(words: list[str] | None = None) -> int:
    """Say what changed; exit status 1 if work/ could not be written."""
    what = "Make work/, in which a learner works, of notebooks/; or bring it up to date."
    parser = argparse.ArgumentParser("python -m llmlib.course.folder.work", description=what)
    parser.add_argument(
        "root", nargs="?", type=Path, default=ROOT, help="the course's folder (default: this one's)"
    )
    root = parser.parse_args(words).root
    if not (root / "notebooks").is_dir():  # work/ itself, say
        parser.error(f"there is no folder notebooks in {root}: name the course's own, or nothing")
    logging.disable()  # nbformat's remarks on a notebook's form are not for its author
    warnings.simplefilter("ignore")
    try:
        for sentence in update(root):
            print(sentence)
    except OSError as error:
        print(f"work/ could not be brought up to date: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
