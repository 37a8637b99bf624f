"""Merge a learner's work in a notebook into another edition of that notebook.

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

from classroom.checking.scopes import names
from classroom.folder.checksum import checksum
from classroom.quiz_cells import LINE, OPTION, QUESTION
from exercises.prediction_cells import guess_in, is_prediction, with_comments, with_guess


@dataclass(frozen=True)
class KeyedCell:
    """Hold a cell and its key; for an answer by a letter also the question's text and options."""

    cell: NotebookNode
    key: str
    asked: str = ""
    options: dict[str, str] = field(default_factory=dict)

    @property
    def nbgrader(self) -> dict:
        """Return nbgrader's metadata."""
        nbgrader = self.cell.metadata.get("nbgrader")
        return nbgrader if isinstance(nbgrader, dict) else {}

    @property
    def name(self) -> str:
        """Return its grade_id: the name of an exercise or a test; empty for other cells."""
        return str(self.nbgrader.get("grade_id", ""))

    @property
    def answer(self) -> bool:
        """Tell whether it is the answer cell of an exercise or a quiz question."""
        return bool(self.name and self.nbgrader.get("solution"))

    @property
    def prediction(self) -> bool:
        """Tell whether it is the call of `predict`."""
        return self.cell.cell_type == "code" and is_prediction(self.cell.source)

    @property
    def own(self) -> bool:
        """Tell whether a learner wrote or changed it. A locked cell is always the course's."""
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
    """Hold a new edition with a learner's work in it, and what changed."""

    node: NotebookNode
    answers: list[str] = field(default_factory=list)  # their keys
    guesses: int = 0
    cells: int = 0
    new: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)  # their checks


def keyed_cells(node: NotebookNode, sources: Mapping[str, str] = {}) -> Iterator[KeyedCell]:
    """Yield the cells of a notebook with their keys, in order. A question's text is that of
    `sources`, {id: source}, if its id is there."""
    statement, ask, options = "", "", {}
    for cell in node.cells:
        entry, source = KeyedCell(cell, ""), sources.get(cell.get("id", ""), cell.source)
        if cell.cell_type == "markdown" and (question := QUESTION.match(source)):
            statement, ask = source, question["ask"]
            options = {letter: text.strip() for letter, text in OPTION.findall(statement)}
        if entry.name and ask and re.fullmatch(r"(test_)?q\d+", entry.name):
            yield KeyedCell(cell, f"{entry.answer} {ask}", statement, options)
        elif entry.name:
            yield KeyedCell(cell, entry.name)
        elif ask and re.fullmatch(r'see\("q\d+"\)', cell.source):
            yield KeyedCell(cell, f"see {ask}")
        elif entry.prediction:
            key, _, letters = guess_in(cell.source)
            yield KeyedCell(cell, f"predict {key}", options=letters)
        else:
            yield KeyedCell(cell, f"{cell.cell_type} {cell.get('id', '') or _hash(cell.source)}")


def altered(entry: KeyedCell) -> bool:
    """Tell by its checksum whether a locked cell was changed."""
    cell, expected = entry.cell, entry.nbgrader.get("checksum")
    actual = checksum(cell.source, cell.cell_type, entry.nbgrader) if expected else expected
    return actual != expected and not entry.answer


def has_work(node: NotebookNode) -> bool:
    """Tell whether it holds a learner's work: a cell, an answer, a guess, a cell that was run."""
    ran = ("outputs", "execution_count")
    return any(
        entry.own or altered(entry) or any(map(entry.cell.get, ran)) for entry in keyed_cells(node)
    )


def merge(edition: NotebookNode, learner_node: NotebookNode) -> Merged:
    """Return `edition` with the learner's work in `learner_node`, their notebook of another
    edition. Answers and guesses go to their places, and so do changed demonstrations and the
    outputs of cells that are still the same; every other cell of theirs follows the cell that it
    followed."""
    fresh = [*keyed_cells(edition)]
    learner_cells = [
        *keyed_cells(learner_node, {cell.get("id"): cell.source for cell in edition.cells})
    ]
    places, learner_names = [entry.key for entry in fresh], {entry.name for entry in learner_cells}
    tests = {name for name in places if f"test_{name}" in learner_names}
    moves = tests - learner_names  # into another cell
    before: dict[str, KeyedCell] = {}
    additions: dict[str, list[KeyedCell]] = defaultdict(list)
    at = fresh[0].key if fresh else ""  # a cell above the title moves below it
    for entry in learner_cells:
        if not entry.name and (matches := moves & names(entry.cell.source).binds):
            entry = replace(entry, key=max(matches, key=places.index))
        stub = entry.key in before and not before[entry.key].own  # of an answer's copies
        if entry.key in places and (entry.key not in before or stub):
            before[entry.key], at = entry, entry.key
        elif entry.own:
            additions[at].append(entry)
    metadata = learner_node.metadata | {"llmlib": edition.metadata.get("llmlib", {})}
    result = Merged(NotebookNode(edition | {"metadata": NotebookNode(metadata), "cells": []}))
    for entry in fresh:
        result.node.cells += _filled(entry, before.get(entry.key), result)
        result.node.cells += [_own_cell(addition, result) for addition in additions[entry.key]]
    _make_ids_unique(result.node)
    return result


def _filled(entry: KeyedCell, old: KeyedCell | None, result: Merged) -> Iterator[NotebookNode]:
    """Yield a new cell with the learner's answer in it; if it has no place, then their cell."""
    cell, is_lost = copy.deepcopy(entry.cell), False
    if entry.answer and old is None:
        result.new.append(entry.name)
    elif old and old.own:
        source = _merged_source(entry, old)
        is_lost = source is None
        cell.source = entry.cell.source if source is None else source
        result.answers += [entry.key] * (entry.answer and not is_lost)
        result.guesses += entry.prediction and not is_lost
    elif old and entry.name.removeprefix("test_") in result.answers and not entry.options:
        result.changed += [entry.name.removeprefix("test_")] * (cell.source != old.cell.source)
    if old and old.cell.source == cell.source and old.options == entry.options:
        keys = ("outputs", "execution_count", "attachments")
        same_type = old.cell.cell_type == cell.cell_type
        cell.update({key: old.cell[key] for key in keys if same_type and key in old.cell})
    yield cell
    if old and is_lost:
        yield _own_cell(old, result)


def _merged_source(entry: KeyedCell, old: KeyedCell) -> str | None:
    """Return the source of a cell with the learner's answer; None if the chosen option is gone."""
    old_source = old.cell.source
    if entry.cell.get("id", "") == old.cell.get("id") if entry.prediction else not entry.options:
        return old_source

    def now(letter: str) -> str | None:
        text = old.options.get(letter.upper())
        return next((option for option, label in entry.options.items() if label == text), None)

    if entry.prediction:
        guess, source = guess_in(old_source)[1], with_comments(entry.cell.source, old_source)
        letter = guess.strip("\"' ")
        if letter == "None" or not (entry.options or old.options):
            return with_guess(source, guess)
        return with_guess(source, f'"{now(letter)}"') if now(letter) else None
    if entry.options == old.options and entry.name == old.name:
        return old_source
    matches = [match for match in LINE.finditer(old_source) if match["name"] == old.name]
    if len(matches) != 1 or not now(matches[0]["letter"]):
        return None
    [match] = matches
    first = now(match["first"]) if match["first"] else None
    note = match[0][len(match["start"]) :] if not match["first"] else ""
    line = f'{entry.name} = "{now(match["letter"])}"' + (f"  # first: {first}" if first else note)
    return old_source[: match.start()] + line + old_source[match.end() :]


def _own_cell(entry: KeyedCell, result: Merged) -> NotebookNode:
    """Return a learner's cell as an added one. A choice among options is kept as text: if it ran,
    it would answer another question of that number."""
    cell = copy.deepcopy(entry.cell)
    if entry.answer and entry.key not in result.answers:
        result.gone.append(entry.name)
    else:
        result.cells += 1
    for key in ("nbgrader", "disallowed", "off", "stub", "deletable"):  # off: until 1.2.4
        cell.metadata.pop(key, None)
    if entry.options:
        intro = "From an earlier edition of this notebook:"
        question = entry.asked.partition("\n")[2].strip()  # its number is another one's now
        text = "\n\n".join(filter(None, [intro, question, f"```python\n{cell.source}\n```"]))
        return NotebookNode(cell_type="markdown", metadata={}, source=text)
    return cell


def _make_ids_unique(node: NotebookNode) -> None:
    """Give every cell an id of its own, and none that an edition's cell could have."""
    ids: set[str] = set()
    for number, cell in enumerate(node.cells):
        if not cell.get("id") or cell.id in ids:
            cell.id = f"own-{number}-{_hash(cell.source)[:8]}"
        ids.add(cell.id)


def _hash(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:12]
