"""What of a notebook is its learner's, and that laid into another edition of the notebook.

No edition has to be kept for it. A cell tells by itself whether somebody changed it: its id is a
hash of the source that it came with (`source.parse`), and an exercise's checksum is one of its stub
(`stub.release`). What belongs together in two editions has the same key: the name of an exercise
or a prediction, the text of a quiz question (their numbers move), the id of any other cell.
"""

import copy
import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from nbformat import NotebookNode

from llmlib.course.checking.scopes import names
from llmlib.course.folder.checksum import checksum
from llmlib.course.predict import guess_in, is_prediction, with_comments, with_guess
from llmlib.course.quiz_cells import LINE, OPTION, QUESTION


@dataclass(frozen=True)
class Piece:
    """A cell, its key, and of a question that it answers by a letter the text and the options."""

    cell: NotebookNode
    key: str
    asked: str = ""
    options: dict[str, str] = field(default_factory=dict)

    @property
    def marks(self) -> dict:
        """nbgrader's."""
        marks = self.cell.metadata.get("nbgrader")
        return marks if isinstance(marks, dict) else {}

    @property
    def name(self) -> str:
        return str(self.marks.get("grade_id", ""))

    @property
    def answer(self) -> bool:
        """Is this an exercise's cell, or a quiz question's?"""
        return bool(self.name and self.marks.get("solution"))

    @property
    def prediction(self) -> bool:
        return self.cell.cell_type == "code" and is_prediction(self.cell.source)

    @property
    def own(self) -> bool:
        """Did a learner write or change it? What is locked counts as ours whatever it holds."""
        source = self.cell.source
        if self.answer:
            marks = {"solution": True, "grade_id": self.name}
            return checksum(source, "code", marks) != self.marks.get("checksum")
        if self.name or self.key.startswith("see "):
            return False
        if self.prediction:
            return guess_in(source)[1] != "..."
        return bool(source.strip()) and _hash(source) != self.cell.get("id", "")[:12]


@dataclass
class Laid:
    """A new edition with a learner's work in it, and what there is to say about it."""

    node: NotebookNode
    answers: list[str] = field(default_factory=list)  # their keys
    guesses: int = 0
    cells: int = 0
    new: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)  # their checks


def pieces(node: NotebookNode, released: Mapping[str, str] = {}) -> Iterator[Piece]:
    """The cells of a notebook, in order; a question is as `released` has its id, if it has it."""
    asked, ask, options = "", "", {}
    for cell in node.cells:
        piece, said = Piece(cell, ""), released.get(cell.get("id", ""), cell.source)
        if cell.cell_type == "markdown" and (question := QUESTION.match(said)):
            asked, ask = said, question["ask"]
            options = {letter: text.strip() for letter, text in OPTION.findall(asked)}
        if piece.name and ask and re.fullmatch(r"(test_)?q\d+", piece.name):
            yield Piece(cell, f"{piece.answer} {ask}", asked, options)
        elif piece.name:
            yield Piece(cell, piece.name)
        elif ask and re.fullmatch(r'see\("q\d+"\)', cell.source):
            yield Piece(cell, f"see {ask}")
        elif piece.prediction:
            key, _, letters = guess_in(cell.source)
            yield Piece(cell, f"predict {key}", options=letters)
        else:
            yield Piece(cell, f"{cell.cell_type} {cell.get('id', '') or _hash(cell.source)}")


def altered(piece: Piece) -> bool:
    """Was a locked cell changed, by its checksum?"""
    cell, said = piece.cell, piece.marks.get("checksum")
    found = checksum(cell.source, cell.cell_type, piece.marks) if said else said
    return found != said and not piece.answer


def worked_in(node: NotebookNode) -> bool:
    """Does it hold anything of a learner's: a cell, an answer, a guess, a cell that was run?"""
    ran = ("outputs", "execution_count")
    return any(each.own or altered(each) or any(map(each.cell.get, ran)) for each in pieces(node))


def lay(edition: NotebookNode, mine: NotebookNode) -> Laid:
    """`edition` with what `mine`, a learner's notebook of another one, holds of theirs. Answers and
    guesses go to their places, and so do changed demonstrations and outputs where the cell is still
    the same; all else that is theirs follows the cell that it followed."""
    fresh = [*pieces(edition)]
    theirs = [*pieces(mine, {cell.get("id"): cell.source for cell in edition.cells})]
    places, marked = [piece.key for piece in fresh], {piece.name for piece in theirs}
    merged = {each for each in places if f"test_{each}" in marked} - marked  # into another cell
    before: dict[str, Piece] = {}
    own: dict[str, list[Piece]] = defaultdict(list)
    at = fresh[0].key if fresh else ""  # what stood at the top comes below the title
    for piece in theirs:
        if not piece.name and (made := merged & names(piece.cell.source).binds):
            piece = replace(piece, key=max(made, key=places.index))
        stub = piece.key in before and not before[piece.key].own  # of an answer's copies
        if piece.key in places and (piece.key not in before or stub):
            before[piece.key], at = piece, piece.key
        elif piece.own:
            own[at].append(piece)
    metadata = mine.metadata | {"llmlib": edition.metadata.get("llmlib", {})}
    laid = Laid(NotebookNode(edition | {"metadata": NotebookNode(metadata), "cells": []}))
    for piece in fresh:
        laid.node.cells += _filled(piece, before.get(piece.key), laid)
        laid.node.cells += [_apart(each, laid) for each in own[piece.key]]
    _tell_apart(laid.node)
    return laid


def _filled(piece: Piece, old: Piece | None, laid: Laid) -> Iterator[NotebookNode]:
    """A new cell with what the learner put into it; theirs below it where that has no place."""
    cell, lost = copy.deepcopy(piece.cell), False
    if piece.answer and old is None:
        laid.new.append(piece.name)
    elif old and old.own:
        said = _said(piece, old)
        lost = said is None
        cell.source = piece.cell.source if said is None else said
        laid.answers += [piece.key] * (piece.answer and not lost)
        laid.guesses += piece.prediction and not lost
    elif old and piece.name.removeprefix("test_") in laid.answers and not piece.options:
        laid.changed += [piece.name.removeprefix("test_")] * (cell.source != old.cell.source)
    if old and old.cell.source == cell.source and old.options == piece.options:
        kept = ("outputs", "execution_count", "attachments")
        same = old.cell.cell_type == cell.cell_type
        cell.update({key: old.cell[key] for key in kept if same and key in old.cell})
    yield cell
    if old and lost:
        yield _apart(old, laid)


def _said(piece: Piece, old: Piece) -> str | None:
    """The source that a cell gets from the learner's; None where the chosen option is gone."""
    theirs = old.cell.source
    if piece.cell.get("id", "") == old.cell.get("id") if piece.prediction else not piece.options:
        return theirs

    def now(letter: str) -> str | None:
        text = old.options.get(letter.upper())
        return next((each for each, said in piece.options.items() if said == text), None)

    if piece.prediction:
        guess, source = guess_in(theirs)[1], with_comments(piece.cell.source, theirs)
        letter = guess.strip("\"' ")
        if letter == "None" or not (piece.options or old.options):
            return with_guess(source, guess)
        return with_guess(source, f'"{now(letter)}"') if now(letter) else None
    if piece.options == old.options and piece.name == old.name:
        return theirs
    given = [each for each in LINE.finditer(theirs) if each["name"] == old.name]
    if len(given) != 1 or not now(given[0]["letter"]):
        return None
    [found] = given
    first = now(found["first"]) if found["first"] else None
    note = found[0][len(found["start"]) :] if not found["first"] else ""
    said = f'{piece.name} = "{now(found["letter"])}"' + (f"  # first: {first}" if first else note)
    return theirs[: found.start()] + said + theirs[found.end() :]


def _apart(piece: Piece, laid: Laid) -> NotebookNode:
    """A learner's cell as one of its own. A choice among options is kept as text: run, it would
    answer another question of that number."""
    cell = copy.deepcopy(piece.cell)
    if piece.answer and piece.key not in laid.answers:
        laid.gone.append(piece.name)
    else:
        laid.cells += 1
    for ours in ("nbgrader", "off", "stub", "deletable"):
        cell.metadata.pop(ours, None)
    if piece.options:
        said = "From an earlier edition of this notebook:"
        question = piece.asked.partition("\n")[2].strip()  # its number is another one's now
        text = "\n\n".join(filter(None, [said, question, f"```python\n{cell.source}\n```"]))
        return NotebookNode(cell_type="markdown", metadata={}, source=text)
    return cell


def _tell_apart(node: NotebookNode) -> None:
    """Give each cell an id of its own, and none that would pass for an edition's."""
    seen: set[str] = set()
    for number, cell in enumerate(node.cells):
        if not cell.get("id") or cell.id in seen:
            cell.id = f"own-{number}-{_hash(cell.source)[:8]}"
        seen.add(cell.id)


def _hash(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:12]
