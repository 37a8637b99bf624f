"""Find which answers are more alike than answers written apart.

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

from classroom.checking.scopes import MAX_ANALYSED
from exercises.format.notebooks import Exercise

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
    """Name two authors, and the exercises in which they are alike."""

    one: str
    other: str
    exercises: list[str]
    similarity: float  # of what is their own, from 0 to 1; a mean over these exercises
    usual: float  # the median of all pairs there
    bits: float


def similar_pairs(
    exercises: Sequence[Exercise], answers: dict[str, dict[str, Words]]
) -> list[Pair]:
    """Return the pairs that stand out, most similar first; `answers`: {exercise: {student:
    tokens}}."""
    matches: dict[tuple[str, str], list[tuple[str, float, float, float]]] = defaultdict(list)
    for exercise in exercises:
        authors = {**answers.get(exercise.name, {}), SOLUTION: words(exercise.solution)}
        overlaps = _shared(authors, _runs(words(exercise.stub)))
        usual = median([share for share, _ in overlaps.values()] or [0.0])
        near = {pair: overlap for pair, overlap in overlaps.items() if overlap[0] >= SIMILAR}
        if len(near) <= max(3, len(overlaps) / MANY):  # three: two who copied from one
            for pair, (share, bits) in near.items():
                matches[pair].append((exercise.name, share, usual, bits))
    pairs = []
    for pair, rows in matches.items():
        names, shares, usuals, worth = zip(*rows)
        pairs.append(Pair(*pair, [*names], fmean(shares), fmean(usuals), sum(worth)))
    return sorted((pair for pair in pairs if pair.bits >= ENOUGH), key=lambda pair: -pair.bits)


def _shared(authors: dict[str, Words], stub: set) -> dict[tuple[str, str], tuple[float, float]]:
    """Return {pair: (the share of what is the shorter one's own, in bits)}."""
    runs = {author: _runs(answer) - stub for author, answer in sorted(authors.items())}
    count = Counter(run for answer_runs in runs.values() for run in answer_runs)
    worth = {run: math.log2((len(runs) + 1) / times) for run, times in count.items()}

    def bits(selection: set) -> float:
        return sum(map(worth.__getitem__, selection))

    whole = {author: bits(answer_runs) for author, answer_runs in runs.items()}
    common = {pair: bits(runs[pair[0]] & runs[pair[1]]) for pair in combinations(runs, 2)}
    return {
        (first, second): (common_bits / (min(whole[first], whole[second]) + DOUBT), common_bits)
        for (first, second), common_bits in common.items()
    }


def _runs(tokens: Words) -> set[tuple[str, ...]]:
    return set(zip(*(tokens[at:] for at in range(RUN))))


def words(source: str) -> Words:
    """Return its tokens, all names alike but Python's own and attributes; as far as it is Python. A
    text can be dear to read."""
    tokens: Words = []
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
                tokens.append(word)
            before = word
    return tokens
