"""Lay out the folder work/, in which a learner works: copied from notebooks/, and brought up to
date when those belong to a newer edition.

    python -m classroom.folder.work        in a clone, what opening JupyterLab does first

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

from classroom.checking import submission
from classroom.checking.submission import Unreadable
from classroom.folder import merge
from classroom.folder.merge import Merged
from exercises.course_files import RELEASED, VERSION
from exercises.format.notebooks import ROOT
from llmlib import files


def update(root: Path = ROOT) -> list[str]:
    """Make or update `root`/work; returns sentences for the learner. Raises OSError."""
    return update_folder(root / "notebooks", root / "work")


def update_folder(source: Path, work: Path) -> list[str]:
    """Make or update the learner's folder `work` from the notebooks in `source`, one process at a
    time; returns sentences for the learner. Raises OSError."""
    sentences = []
    if work.is_symlink() and not work.exists():
        raise OSError(f"{work} is a link to {os.readlink(work)}, which is not there")
    work.mkdir(parents=True, exist_ok=True)
    with FileLock(work / ".lock"):
        for part in work.rglob(".*.ipynb.*"):  # of a start that was killed
            if part.suffix[1:].isdecimal() and part.is_file():  # not an editor's .ipynb.swp
                part.unlink()
        for path in sorted(source.glob("*.ipynb")):
            try:
                sentences += _update_notebook(path, work / path.name)
            except Unreadable as fault:
                sentences.append(_git_conflict(path) or str(fault))
    return sentences


def _update_notebook(path: Path, work_path: Path, is_released: bool = False) -> list[str]:
    """Bring `work_path` to the edition of `path`, which may have been worked in unless it is known
    as `is_released`. Raises Unreadable."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    if work_path.exists() and _edition_digest(work_path) == digest:
        return []
    edition = read(path)
    words = ("diff-index", "--quiet", "HEAD")  # `diff` says so of any file outside of a clone
    if not is_released and merge.has_work(edition) and _git(path, *words) == 1:
        return _adopt(path, work_path)
    edition.metadata.setdefault("llmlib", NotebookNode())["edition"] = digest
    if not work_path.exists():
        _write(work_path, edition)
        return []
    learner_node, times = read(work_path), work_path.stat()
    result = merge.merge(edition, learner_node)
    before, after = (
        [c.source for c in n.cells if c.source.strip()] for n in (learner_node, result.node)
    )
    old = (
        _back_up(work_path, learner_node)
        if before != after and merge.has_work(learner_node)
        else None
    )
    _write(work_path, result.node, instead_of=learner_node)
    _keep_time(work_path, times)
    return [_summary(work_path, result, learner_node, old)] if old else []


def read(path: Path) -> NotebookNode:
    """Read a notebook as nbformat has it. Raises Unreadable, the text a sentence with the
    remedy."""
    try:
        return _node(submission.read_json(path))
    except Unreadable as fault:
        raise Unreadable(f"{_short_path(path)} was left as it is: {fault}.") from None
    except Exception:  # noqa: BLE001 - nbformat raises many kinds for what is no notebook
        raise Unreadable(
            f"{_short_path(path)} was left as it is: it is not a Jupyter notebook."
        ) from None


def _node(tree: Any) -> NotebookNode:
    """Read a notebook given as JSON values. Raises Unreadable, and whatever nbformat raises."""
    submission.parse(tree)  # raises Unreadable for what is not a notebook
    node = nbformat.reads(json.dumps(tree), as_version=4)
    for cell, cell_tree in zip(node.cells, tree.get("cells", ())):
        if "id" not in cell_tree:  # nbformat has just made one up
            cell.pop("id", None)
    for cell in node.cells:  # other line ends, as of Windows; half a character is none
        cell.source = cell.source.replace("\r\n", "\n").encode("utf-8", "replace").decode()
    merge.merge(node, node)  # every cell has what a cell must have
    return node


def in_this_edition(tree: Any, name: str) -> Any:
    """Return a notebook given as JSON values as `update` would lay it into today's `name`. It stays
    as it is where it is of today's version, or names none and asks no questions with options, whose
    letters may have changed; or where it cannot be moved."""
    if (edition := submission.edition(tree)) == VERSION:
        return tree
    try:
        node = _node(tree)
        quiz = any(entry.answer and entry.options for entry in merge.keyed_cells(node))
        moves = edition is not None or quiz
        return merge.merge(read(RELEASED / f"{name}.ipynb"), node).node if moves else tree
    except Exception:  # noqa: BLE001 - then what can be read of it is read
        return tree


def _edition_digest(work_path: Path) -> str | None:
    """Return the fingerprint of the edition from which a notebook in work/ was made."""
    try:
        return json.loads(work_path.read_bytes())["metadata"]["llmlib"]["edition"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _adopt(path: Path, work_path: Path) -> list[str]:
    """Move to work/ what was written into notebooks/ itself, as before there was work/. Then git
    gives the released file back: it would refuse to pull a newer one over this one."""
    data = path.read_bytes()
    if not work_path.exists():
        files.write(work_path, data)
        _keep_time(work_path, path.stat())
    if work_path.read_bytes() != data or _git(path, "checkout", "HEAD"):
        return [
            f"{_short_path(path)} is not as it was released: copy what you need of it into "
            f"{_short_path(work_path)}, then type git checkout {_short_path(path)}"
        ]
    sentence = f"{_short_path(path)} was taken over as {_short_path(work_path)}: go on there"
    return [sentence, *_update_notebook(path, work_path, is_released=True)]


def _git_conflict(path: Path) -> str:
    """Return a sentence about a notebook into which git wrote two versions; "" for any other."""
    if b"\n>>>>>>> " not in (data := path.read_bytes()):
        return ""
    sentence = f"{_short_path(path)} was left as it is: git has put two versions into it: "
    if b"\n>>>>>>> Stashed changes" in data:
        return (
            sentence + "type git checkout --theirs notebooks to have yours back, then start again"
        )
    return sentence + "end the merge, git status says how, then start again"


def _git(path: Path, *words: str) -> int:
    """Run a git command on a file. Returns its exit status: of `diff-index`, 1 means changed."""
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


def _back_up(work_path: Path, node: NotebookNode) -> Path:
    """Copy a notebook of work/ to work/old/; no older copy is overwritten."""
    data, count = work_path.read_bytes(), 1
    name = old = work_path.parent / "old" / f"{work_path.stem} of {_edition(node)}.ipynb"
    while old.exists() and old.read_bytes() != data:
        count += 1
        old = name.with_stem(f"{name.stem} ({count})")
    files.write(old, data)
    return old


def _edition(node: NotebookNode) -> str:
    return submission.edition(node) or "an earlier edition"


def _summary(work_path: Path, result: Merged, before: NotebookNode, old: Path) -> str:
    """Say what changed, in one sentence."""
    then, now = _edition(before), _edition(result.node)
    change = f"went from {then} to {now}" if then != now else f"has a newer build of {now}"
    counts = (
        (len(result.answers), "answer"),
        (result.guesses, "prediction"),
        (result.cells, "added cell"),
    )
    content = ", ".join(f"{n} {label}{'s' * (n > 1)}" for n, label in counts if n)
    lists = {
        "new": result.new,
        "with another check": result.changed,
        "no longer asked, your answer in a cell of its own": result.gone,
    }
    parts = [f"{work_path.stem} {change}", f"yours in it: {content}" if content else ""]
    parts += [f"{label}: {_listing(names)}" if names else "" for label, names in lists.items()]
    return "; ".join(filter(None, [*parts, f"the old one is {_short_path(old)}"]))


def _listing(names: list[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if names[6:] else "")


def _short_path(path: Path) -> str:
    """Return a path as seen from the course's folder."""
    return "/".join(path.parts[-3 if path.parent.name == "old" else -2 :])


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Hide nbformat's remarks on a notebook's form, which are not for its author."""
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
    description = "Make work/, in which a learner works, of notebooks/; or bring it up to date."
    parser = argparse.ArgumentParser("python -m classroom.folder.work", description=description)
    parser.add_argument(
        "root", nargs="?", type=Path, default=ROOT, help="the course's folder (default: this one's)"
    )
    root = parser.parse_args(words).root
    if not (root / "notebooks").is_dir():  # work/ itself, say
        parser.error(f"there is no folder notebooks in {root}: name the course's own, or nothing")
    try:
        with silence():
            sentences = update(root)
    except OSError as error:
        print(f"work/ could not be brought up to date: {error}", file=sys.stderr)
        return 1
    for sentence in sentences:
        print(sentence)
    return 0


if __name__ == "__main__":
    sys.exit(main())
