"""Merges a learner's work in a notebook into another edition of that notebook.

The edition that the learner started from is not needed. A cell shows by itself whether somebody
changed it: its id is a hash of its first source (`source.parse`), and the checksum of an exercise
is that of its stub (`release.release`). Cells of two editions belong together if they have the same
key: the name of an exercise or a prediction, the text of a quiz question (its number may change),
the id of any other cell.
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
from llmlib.course.prediction_cells import guess_in, is_prediction, with_comments, with_guess
from llmlib.course.quiz_cells import LINE, OPTION, QUESTION


@dataclass(frozen=True)
class KeyedCell:
    """A cell and its key; for an answer by a letter also the question's text and options."""

    cell: NotebookNode
    key: str
    asked: str = ""
    options: dict[str, str] = field(default_factory=dict)

    @property
    def nbgrader(self) -> dict:
        """nbgrader's."""
        nbgrader = self.cell.metadata.get("nbgrader")
        return nbgrader if isinstance(nbgrader, dict) else {}

    @property
    def name(self) -> str:
        """Its grade_id: the name of an exercise or a test; empty for other cells."""
        return str(self.nbgrader.get("grade_id", ""))

    @property
    def answer(self) -> bool:
        """Is it the answer cell of an exercise or a quiz question?"""
        return bool(self.name and self.nbgrader.get("solution"))

    @property
    def prediction(self) -> bool:
        """Is it the call of `predict`?"""
        return self.cell.cell_type == "code" and is_prediction(self.cell.source)

    @property
    def own(self) -> bool:
        """Did a learner write or change it? A locked cell is the course's, whatever it holds."""
        source = self.cell.source
        if self.answer:
            nbgrader = {"solution": True, "grade_id": self.name}
            return checksum(source, "code", nbgrader) != self.nbgrader.get("checksum")
        if self.name or self.key.startswith("see "):
            return False
        if self.prediction:
            return guess_in(source)[1] != "..."
        return bool(source.strip()) and _hash(source) != self.cell.get("id", "")[:12]


@dataclass
class Merged:
    """A new edition with a learner's work in it, and what changed."""

    node: NotebookNode
    answers: list[str] = field(default_factory=list)  # their keys
    guesses: int = 0
    cells: int = 0
    new: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)  # their checks


def keyed_cells(node: NotebookNode, released: Mapping[str, str] = {}) -> Iterator[KeyedCell]:
    """The cells of a notebook with their keys, in order. A question's text is that of `released`,
    {id: source}, if its id is there."""
    asked, ask, options = "", "", {}
    for cell in node.cells:
        keyed, said = KeyedCell(cell, ""), released.get(cell.get("id", ""), cell.source)
        if cell.cell_type == "markdown" and (question := QUESTION.match(said)):
            asked, ask = said, question["ask"]
            options = {letter: text.strip() for letter, text in OPTION.findall(asked)}
        if keyed.name and ask and re.fullmatch(r"(test_)?q\d+", keyed.name):
            yield KeyedCell(cell, f"{keyed.answer} {ask}", asked, options)
        elif keyed.name:
            yield KeyedCell(cell, keyed.name)
        elif ask and re.fullmatch(r'see\("q\d+"\)', cell.source):
            yield KeyedCell(cell, f"see {ask}")
        elif keyed.prediction:
            key, _, letters = guess_in(cell.source)
            yield KeyedCell(cell, f"predict {key}", options=letters)
        else:
            yield KeyedCell(cell, f"{cell.cell_type} {cell.get('id', '') or _hash(cell.source)}")


def altered(keyed: KeyedCell) -> bool:
    """Was a locked cell changed, by its checksum?"""
    cell, said = keyed.cell, keyed.nbgrader.get("checksum")
    found = checksum(cell.source, cell.cell_type, keyed.nbgrader) if said else said
    return found != said and not keyed.answer


def has_work(node: NotebookNode) -> bool:
    """Is there anything of a learner's in it: a cell, an answer, a guess, a cell that was run?"""
    ran = ("outputs", "execution_count")
    return any(
        each.own or altered(each) or any(map(each.cell.get, ran)) for each in keyed_cells(node)
    )


def merge(edition: NotebookNode, mine: NotebookNode) -> Merged:
    """`edition` with the learner's work in `mine`, their notebook of another edition. Answers and
    guesses go to their places, and so do changed demonstrations and the outputs of cells that are
    still the same; every other cell of theirs follows the cell that it followed."""
    fresh = [*keyed_cells(edition)]
    theirs = [*keyed_cells(mine, {cell.get("id"): cell.source for cell in edition.cells})]
    places, marked = [keyed.key for keyed in fresh], {keyed.name for keyed in theirs}
    moved = {each for each in places if f"test_{each}" in marked} - marked  # into another cell
    before: dict[str, KeyedCell] = {}
    own: dict[str, list[KeyedCell]] = defaultdict(list)
    at = fresh[0].key if fresh else ""  # a cell above the title moves below it
    for keyed in theirs:
        if not keyed.name and (made := moved & names(keyed.cell.source).binds):
            keyed = replace(keyed, key=max(made, key=places.index))
        stub = keyed.key in before and not before[keyed.key].own  # of an answer's copies
        if keyed.key in places and (keyed.key not in before or stub):
            before[keyed.key], at = keyed, keyed.key
        elif keyed.own:
            own[at].append(keyed)
    metadata = mine.metadata | {"llmlib": edition.metadata.get("llmlib", {})}
    result = Merged(NotebookNode(edition | {"metadata": NotebookNode(metadata), "cells": []}))
    for keyed in fresh:
        result.node.cells += _filled(keyed, before.get(keyed.key), result)
        result.node.cells += [_own_cell(each, result) for each in own[keyed.key]]
    _make_ids_unique(result.node)
    return result


def _filled(keyed: KeyedCell, old: KeyedCell | None, result: Merged) -> Iterator[NotebookNode]:
    """A new cell with the learner's answer in it; if that has no place, their cell follows it."""
    cell, lost = copy.deepcopy(keyed.cell), False
    if keyed.answer and old is None:
        result.new.append(keyed.name)
    elif old and old.own:
        said = _merged_source(keyed, old)
        lost = said is None
        cell.source = keyed.cell.source if said is None else said
        result.answers += [keyed.key] * (keyed.answer and not lost)
        result.guesses += keyed.prediction and not lost
    elif old and keyed.name.removeprefix("test_") in result.answers and not keyed.options:
        result.changed += [keyed.name.removeprefix("test_")] * (cell.source != old.cell.source)
    if old and old.cell.source == cell.source and old.options == keyed.options:
        kept = ("outputs", "execution_count", "attachments")
        same = old.cell.cell_type == cell.cell_type
        cell.update({key: old.cell[key] for key in kept if same and key in old.cell})
    yield cell
    if old and lost:
        yield _own_cell(old, result)


def _merged_source(keyed: KeyedCell, old: KeyedCell) -> str | None:
    """The source of a cell with the learner's answer; None if the chosen option is gone."""
    theirs = old.cell.source
    if keyed.cell.get("id", "") == old.cell.get("id") if keyed.prediction else not keyed.options:
        return theirs

    def now(letter: str) -> str | None:
        text = old.options.get(letter.upper())
        return next((each for each, said in keyed.options.items() if said == text), None)

    if keyed.prediction:
        guess, source = guess_in(theirs)[1], with_comments(keyed.cell.source, theirs)
        letter = guess.strip("\"' ")
        if letter == "None" or not (keyed.options or old.options):
            return with_guess(source, guess)
        return with_guess(source, f'"{now(letter)}"') if now(letter) else None
    if keyed.options == old.options and keyed.name == old.name:
        return theirs
    given = [each for each in LINE.finditer(theirs) if each["name"] == old.name]
    if len(given) != 1 or not now(given[0]["letter"]):
        return None
    [found] = given
    first = now(found["first"]) if found["first"] else None
    note = found[0][len(found["start"]) :] if not found["first"] else ""
    said = f'{keyed.name} = "{now(found["letter"])}"' + (f"  # first: {first}" if first else note)
    return theirs[: found.start()] + said + theirs[found.end() :]


def _own_cell(keyed: KeyedCell, result: Merged) -> NotebookNode:
    """A learner's cell as an added one. A choice among options is kept as text: if it ran, it would
    answer another question of that number."""
    cell = copy.deepcopy(keyed.cell)
    if keyed.answer and keyed.key not in result.answers:
        result.gone.append(keyed.name)
    else:
        result.cells += 1
    for ours in ("nbgrader", "disallowed", "off", "stub", "deletable"):  # off: until 1.2.4
        cell.metadata.pop(ours, None)
    if keyed.options:
        said = "From an earlier edition of this notebook:"
        question = keyed.asked.partition("\n")[2].strip()  # its number is another one's now
        text = "\n\n".join(filter(None, [said, question, f"```python\n{cell.source}\n```"]))
        return NotebookNode(cell_type="markdown", metadata={}, source=text)
    return cell


def _make_ids_unique(node: NotebookNode) -> None:
    """Give every cell an id of its own, and none that an edition's cell could have."""
    seen: set[str] = set()
    for number, cell in enumerate(node.cells):
        if not cell.get("id") or cell.id in seen:
            cell.id = f"own-{number}-{_hash(cell.source)[:8]}"
        seen.add(cell.id)


def _hash(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:12]
