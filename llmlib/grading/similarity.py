"""Which answers are more alike than answers written apart.

Names, comments and docstrings do not count. Of the runs of five tokens in an answer, one that few
others wrote counts for more: what everybody writes the same way says nothing of anybody. A run that
`df` of `n` authors have is worth log2((n + 1) / df) bits. The course's own solution is one author.
"""

import builtins
import contextlib
import io
import keyword
import math
import tokenize
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean, median
from typing import NamedTuple

from llmlib.course.checking.scopes import MAX_ANALYSED
from llmlib.course.format.notebooks import Exercise

RUN = 5  # tokens
DOUBT = 20  # bits that likeness must outweigh: short answers are alike by chance
SIMILAR = 0.7  # of what is their own: about the most that answers in tests/answers share
MANY = 10  # one pair in so many this much alike, and the exercise tells nobody apart
ENOUGH = 60  # bits in all that a pair must share
SOLUTION = "(the course's solution)"
KEPT = frozenset([*keyword.kwlist, *dir(builtins)])
UNSEEN = (tokenize.COMMENT, tokenize.NL)
BREAKS = (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
Words = list[str]


class Pair(NamedTuple):
    """Two authors, and the exercises in which they are alike."""

    one: str
    other: str
    exercises: list[str]
    similarity: float  # of what is their own, from 0 to 1; a mean over these exercises
    usual: float  # the median of all pairs there
    bits: float


def similar_pairs(
    exercises: Sequence[Exercise], answers: dict[str, dict[str, Words]]
) -> list[Pair]:
    """The pairs that stand out, most similar first. `answers` is {exercise: {student: tokens}}."""
    found: dict[tuple[str, str], list[tuple[str, float, float, float]]] = defaultdict(list)
    for each in exercises:
        authors = {**answers.get(each.name, {}), SOLUTION: words(each.solution)}
        shared = _shared(authors, _runs(words(each.stub)))
        usual = median([share for share, _ in shared.values()] or [0.0])
        near = {pair: got for pair, got in shared.items() if got[0] >= SIMILAR}
        if len(near) <= max(3, len(shared) / MANY):  # three: two who copied from one
            for pair, (share, bits) in near.items():
                found[pair].append((each.name, share, usual, bits))
    pairs = []
    for both, rows in found.items():
        names, shares, usuals, worth = zip(*rows)
        pairs.append(Pair(*both, [*names], fmean(shares), fmean(usuals), sum(worth)))
    return sorted((pair for pair in pairs if pair.bits >= ENOUGH), key=lambda pair: -pair.bits)


def _shared(authors: dict[str, Words], given: set) -> dict[tuple[str, str], tuple[float, float]]:
    """{pair: (the share of what is the shorter one's own, in bits)}."""
    runs = {author: _runs(each) - given for author, each in sorted(authors.items())}
    count = Counter(run for each in runs.values() for run in each)
    worth = {run: math.log2((len(runs) + 1) / times) for run, times in count.items()}

    def bits(some: set) -> float:
        return sum(map(worth.__getitem__, some))

    whole = {author: bits(each) for author, each in runs.items()}
    both = {pair: bits(runs[pair[0]] & runs[pair[1]]) for pair in combinations(runs, 2)}
    return {
        (one, other): (got / (min(whole[one], whole[other]) + DOUBT), got)
        for (one, other), got in both.items()
    }


def _runs(some: Words) -> set[tuple[str, ...]]:
    return set(zip(*(some[at:] for at in range(RUN))))


def words(source: str) -> Words:
    """Its tokens, all names alike but Python's own and attributes; as far as it is Python. A text
    can be dear to read."""
    found: Words = []
    before = "\n"
    with contextlib.suppress(tokenize.TokenError, SyntaxError):
        for token in tokenize.generate_tokens(io.StringIO(source[:MAX_ANALYSED]).readline):
            word = token.string
            if token.type in UNSEEN or (token.type == tokenize.STRING and before == "\n"):
                continue  # a string that begins a line is a docstring
            if token.type in BREAKS:
                word = "\n"
            elif token.type == tokenize.NAME and word not in KEPT and before != ".":
                word = "name"
            if not word == before == "\n":
                found.append(word)
            before = word
    return found
