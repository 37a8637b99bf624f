# %% right: permutations of three pairs
from itertools import permutations


def mixed_sums(pairs):
    return [(b, c, e, f) for (_, b), (c, _), (e, f) in permutations(pairs, 3)]


# %% right: three loops with continue, lists in place of tuples
def mixed_sums(pairs, verbose=False):
    sums = []
    for i, first in enumerate(pairs):
        for j, second in enumerate(pairs):
            if i == j:
                continue
            for k, third in enumerate(pairs):
                if k in (i, j):
                    continue
                sums.append([first[1], second[0], third[0], third[1]])
    return sums


# %% right: dictionaries and sets, in another order
def mixed_sums(pairs):
    capital = dict(pairs)
    found = set()
    for other, answer in reversed(pairs):
        rest = [country for country in capital if country != other]
        found |= {(capital[a], b, other, answer) for a in rest for b in rest if a != b}
    return sorted(found, reverse=True)


# %% right: tensors of places
import torch


def mixed_sums(pairs):
    n = len(pairs)
    i, j, k = torch.cartesian_prod(*[torch.arange(n)] * 3).reshape(-1, 3).T
    keep = (i != j) & (j != k) & (i != k)
    places = zip(i[keep].tolist(), j[keep].tolist(), k[keep].tolist())
    return [(pairs[a][1], pairs[b][0], *pairs[c]) for a, b, c in places]


# %% wrong: the vacuous control: the capital of the country that is taken away
# says: a vacuous control
from itertools import permutations


def mixed_sums(pairs):
    return [(b, c, e, d) for (_, b), (c, d), (e, _) in permutations(pairs, 3)]


# %% wrong: the vacuous control: the partner in a shuffled list of capitals
# says: the partner in a shuffled list
def mixed_sums(pairs):
    capitals = [capital for _, capital in pairs]
    shuffled = [(a, b) for (a, _), b in zip(pairs, capitals[1:] + capitals[:1])]
    return [(b, a, c, d) for a, b in shuffled for c, d in shuffled if a != c]


# %% wrong: the answer is the capital that went in
# says: a word that went in
from itertools import permutations


def mixed_sums(pairs):
    return [(b, c, e, b) for (_, b), (c, _), (e, _) in permutations(pairs, 3)]


# %% wrong: no control: true pairs
# says: in the control they must not belong together
def mixed_sums(pairs):
    return [(b, a, c, d) for a, b in pairs for c, d in pairs if a != c]


# %% wrong: true pairs among the mixed ones
# says: in the control they must not belong together
def mixed_sums(pairs):
    return [(b, c, e, f) for a, b in pairs for c, _ in pairs for e, f in pairs if e not in (a, c)]


# %% wrong: the country taken away is added again
# says: is added again
def mixed_sums(pairs):
    return [(b, c, e, f) for a, b in pairs for c, _ in pairs for e, f in pairs if a not in (c, e)]


# %% wrong: the capital's own country is added, and its answer goes in
# says: this sum could never be right
def mixed_sums(pairs):
    return [(b, c, e, f) for a, b in pairs for c, _ in pairs for e, f in pairs if c not in (a, e)]


# %% wrong: one rotation of the list
# says: do not stop at one rotation
def mixed_sums(pairs):
    n = len(pairs)
    return [
        (pairs[(i + 1) % n][1], pairs[i][0], *pairs[k])
        for i in range(n)
        for k in range(n)
        if k not in (i, (i + 1) % n)
    ]


# %% wrong: each three pairs in one order
# says: three pairs make six sums
from itertools import combinations


def mixed_sums(pairs):
    return [(b, c, e, f) for (_, b), (c, _), (e, f) in combinations(pairs, 3)]


# %% wrong: country - capital + other
# says: the capital goes in first
from itertools import permutations


def mixed_sums(pairs):
    return [(a, d, e, f) for (a, _), (_, d), (e, f) in permutations(pairs, 3)]


# %% wrong: places in the list, not ids
# says: not their places in the list
from itertools import permutations


def mixed_sums(pairs):
    n = len(pairs)
    return [(i + n, j, k, k + n) for i, j, k in permutations(range(n), 3)]


# %% wrong: every sum twice
# says: list each once
from itertools import permutations


def mixed_sums(pairs):
    return [(b, c, e, f) for (_, b), (c, _), (e, f) in permutations(pairs, 3)] * 2


# %% wrong: how many there are
# says: return the sums themselves
def mixed_sums(pairs):
    return len(pairs) * (len(pairs) - 1) * (len(pairs) - 2)


# %% wrong: the answer is left out
# says: a sum is four ids
from itertools import permutations


def mixed_sums(pairs):
    return [(b, c, e) for (_, b), (c, _), (e, _) in permutations(pairs, 3)]


# %% wrong: the return is forgotten
# says: is there a return?
def mixed_sums(pairs):
    [(b, a) for a, b in pairs]


# %% wrong: shortcut: the six sums of the example
# says: make them of the pairs that are given
def mixed_sums(pairs):
    three = [(1, 10), (2, 20), (3, 30)]
    return [
        (c, b, o, a)
        for own, c in three
        for b, _ in three
        for o, a in three
        if len({own, b, o}) == 3
    ]


# %% wrong: shortcut: the first three pairs stand for all
# says: 4 pairs make 4 · 3 · 2 = 24 sums
def mixed_sums(pairs):
    pairs = pairs[:3]
    return [
        (c, b, o, a)
        for own, c in pairs
        for b, _ in pairs
        for o, a in pairs
        if len({own, b, o}) == 3
    ]


# %% wrong: shortcut: a sample of the sums
# says: three pairs make six sums
import random


def mixed_sums(pairs):
    every = [
        (c, b, o, a)
        for own, c in pairs
        for b, _ in pairs
        for o, a in pairs
        if len({own, b, o}) == 3
    ]
    return random.Random(0).sample(every, len(every) // 2)
