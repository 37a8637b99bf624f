"""The folder work/, in which a learner works: copied from notebooks/, and brought up to date when
those belong to a newer edition.

    python -m llmlib.course.folder.work        in a clone, what opening JupyterLab does first

No file that git tracks is written to, so `git pull` meets no conflict. Each file is written whole,
after the old one was copied to work/old/: whatever interrupts this, a notebook is the old one or
the new one, and the next start goes on.
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
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from filelock import FileLock
from nbformat import NotebookNode
from nbformat.sign import NotebookNotary

from llmlib import files
from llmlib.course.checking import submission
from llmlib.course.checking.submission import Unreadable
from llmlib.course.environment import RELEASED, VERSION
from llmlib.course.folder import merge
from llmlib.course.folder.merge import Merged
from llmlib.course.format.notebooks import ROOT


def update(root: Path = ROOT) -> list[str]:
    """Make or update `root`/work; returns sentences for the learner. Raises OSError."""
    return update_folder(root / "notebooks", root / "work")


def update_folder(released: Path, work: Path) -> list[str]:
    """Make or update the learner's folder `work` from the notebooks in `released`, one process at a
    time; returns sentences for the learner. Raises OSError."""
    said = []
    if work.is_symlink() and not work.exists():
        raise OSError(f"{work} is a link to {os.readlink(work)}, which is not there")
    work.mkdir(parents=True, exist_ok=True)
    with FileLock(work / ".lock"):
        for part in work.rglob(".*.ipynb.*"):  # of a start that was killed
            if part.suffix[1:].isdecimal() and part.is_file():  # not an editor's .ipynb.swp
                part.unlink()
        for path in sorted(released.glob("*.ipynb")):
            try:
                said += _update_notebook(path, work / path.name)
            except Unreadable as fault:
                said.append(_git_conflict(path) or str(fault))
    return said


def _update_notebook(path: Path, mine: Path, released: bool = False) -> list[str]:
    """Bring `mine` to the edition of `path`, which may have been worked in unless it is known as
    `released`. Raises Unreadable."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    if mine.exists() and _edition_digest(mine) == digest:
        return []
    edition = read(path)
    changed = ("diff-index", "--quiet", "HEAD")  # `diff` says so of any file outside of a clone
    if not released and merge.has_work(edition) and _git(path, *changed) == 1:
        return _adopt(path, mine)
    edition.metadata.setdefault("llmlib", NotebookNode())["edition"] = digest
    if not mine.exists():
        _write(mine, edition)
        return []
    theirs, saved = read(mine), mine.stat()
    result = merge.merge(edition, theirs)
    before, after = ([c.source for c in n.cells if c.source.strip()] for n in (theirs, result.node))
    old = _back_up(mine, theirs) if before != after and merge.has_work(theirs) else None
    _write(mine, result.node, instead_of=theirs)
    _keep_time(mine, saved)
    return [_summary(mine, result, theirs, old)] if old else []


def read(path: Path) -> NotebookNode:
    """A notebook as nbformat has it. Raises Unreadable, the text a sentence with the remedy."""
    try:
        return _node(submission.read_json(path))
    except Unreadable as fault:
        raise Unreadable(f"{_short_path(path)} was left as it is: {fault}.") from None
    except Exception:  # noqa: BLE001 - nbformat raises many kinds for what is no notebook
        raise Unreadable(
            f"{_short_path(path)} was left as it is: it is not a Jupyter notebook."
        ) from None


def _node(tree: Any) -> NotebookNode:
    """A notebook given as JSON values. Raises Unreadable, and whatever nbformat raises."""
    submission.parse(tree)  # raises Unreadable for what is not a notebook
    node = nbformat.reads(json.dumps(tree), as_version=4)
    for cell, given in zip(node.cells, tree.get("cells", ())):
        if "id" not in given:  # nbformat has just made one up
            cell.pop("id", None)
    for cell in node.cells:  # other line ends, as of Windows; half a character is none
        cell.source = cell.source.replace("\r\n", "\n").encode("utf-8", "replace").decode()
    merge.merge(node, node)  # every cell has what a cell must have
    return node


def in_this_edition(tree: Any, name: str) -> Any:
    """A notebook given as JSON values, as `update` would lay it into today's `name`. As it is where
    it is of today's version, or names none and asks no questions with options, whose letters may
    have changed; or where it cannot be moved."""
    if (theirs := submission.edition(tree)) == VERSION:
        return tree
    try:
        node = _node(tree)
        quiz = any(each.answer and each.options for each in merge.keyed_cells(node))
        moves = theirs is not None or quiz
        return merge.merge(read(RELEASED / f"{name}.ipynb"), node).node if moves else tree
    except Exception:  # noqa: BLE001 - then what can be read of it is read
        return tree


def _edition_digest(mine: Path) -> str | None:
    """The fingerprint of the edition from which a notebook in work/ was made."""
    try:
        return json.loads(mine.read_bytes())["metadata"]["llmlib"]["edition"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _adopt(path: Path, mine: Path) -> list[str]:
    """What was written into notebooks/ itself, as before there was work/, goes there. Once that has
    it, git gives the released file back: it would refuse to pull a newer one over this one."""
    data = path.read_bytes()
    if not mine.exists():
        files.write(mine, data)
        _keep_time(mine, path.stat())
    if mine.read_bytes() != data or _git(path, "checkout", "HEAD"):
        return [
            f"{_short_path(path)} is not as it was released: copy what you need of it into "
            f"{_short_path(mine)}, then type git checkout {_short_path(path)}"
        ]
    said = f"{_short_path(path)} was taken over as {_short_path(mine)}: go on there"
    return [said, *_update_notebook(path, mine, released=True)]


def _git_conflict(path: Path) -> str:
    """A sentence about a notebook into which git wrote two versions; "" for any other."""
    if b"\n>>>>>>> " not in (data := path.read_bytes()):
        return ""
    said = f"{_short_path(path)} was left as it is: git has put two versions into it: "
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
    """Write a notebook. JupyterLab will show its outputs if it showed those of `instead_of`."""
    files.write(path, nbformat.writes(node) + "\n")
    with contextlib.suppress(OSError, sqlite3.Error):  # a comfort
        if instead_of is None or _notary().check_signature(instead_of):
            _notary().sign(node)


def _keep_time(path: Path, when: os.stat_result) -> None:
    """Set a notebook's time to when its learner saved it: the start page goes on in the last one.
    Plus a second, so that a JupyterLab in which it is open sees the change."""
    os.utime(path, (when.st_atime, when.st_mtime + 1))


def _back_up(mine: Path, node: NotebookNode) -> Path:
    """Copy a notebook of work/ to work/old/; no older copy is overwritten."""
    data, count = mine.read_bytes(), 1
    name = old = mine.parent / "old" / f"{mine.stem} of {_edition(node)}.ipynb"
    while old.exists() and old.read_bytes() != data:
        count += 1
        old = name.with_stem(f"{name.stem} ({count})")
    files.write(old, data)
    return old


def _edition(node: NotebookNode) -> str:
    return submission.edition(node) or "an earlier edition"


def _summary(mine: Path, result: Merged, before: NotebookNode, old: Path) -> str:
    """What changed, in one sentence."""
    then, now = _edition(before), _edition(result.node)
    went = f"went from {then} to {now}" if then != now else f"has a newer build of {now}"
    counts = (
        (len(result.answers), "answer"),
        (result.guesses, "prediction"),
        (result.cells, "added cell"),
    )
    yours = ", ".join(f"{n} {what}{'s' * (n > 1)}" for n, what in counts if n)
    lists = {
        "new": result.new,
        "with another check": result.changed,
        "no longer asked, your answer in a cell of its own": result.gone,
    }
    parts = [f"{mine.stem} {went}", f"yours in it: {yours}" if yours else ""]
    parts += [f"{what}: {_listing(names)}" if names else "" for what, names in lists.items()]
    return "; ".join(filter(None, [*parts, f"the old one is {_short_path(old)}"]))


def _listing(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if names[6:] else "")


def _short_path(path: Path) -> str:
    """A path as seen from the course's folder."""
    return "/".join(path.parts[-3 if path.parent.name == "old" else -2 :])


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """nbformat's remarks on a notebook's form are not for its author."""
    before = logging.root.manager.disable
    logging.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


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
    try:
        with silence():
            said = update(root)
    except OSError as error:
        print(f"work/ could not be brought up to date: {error}", file=sys.stderr)
        return 1
    for sentence in said:
        print(sentence)
    return 0


if __name__ == "__main__":
    sys.exit(main())
