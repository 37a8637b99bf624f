# %% right: permutations of three pairs
from itertools import permutations


def control_sums(pairs):
    return [(b, c, e, f) for (_, b), (c, _), (e, f) in permutations(pairs, 3)]


# %% right: every step around the list, in lists
def control_sums(pairs, verbose=False):
    n, sums = len(pairs), []
    for step in range(1, n):
        for i in range(n):
            j = (i + step) % n
            for k in range(n):
                if k != i and k != j:
                    sums.append([pairs[i][1], pairs[j][0], pairs[k][0], pairs[k][1]])
    return sums


# %% right: a set, sorted
def control_sums(pairs):
    capital_of = dict(pairs)
    found = set()
    for country, capital in pairs:
        for wrong in capital_of:
            for other in capital_of:
                if country not in (wrong, other) and wrong != other:
                    found.add((capital, wrong, other, capital_of[other]))
    return sorted(found)


# %% right: tensors of places
import torch


def control_sums(pairs):
    n = len(pairs)
    i, j, k = torch.cartesian_prod(*[torch.arange(n)] * 3).reshape(-1, 3).T
    keep = (i != j) & (j != k) & (i != k)
    places = zip(i[keep].tolist(), j[keep].tolist(), k[keep].tolist())
    return [(pairs[a][1], pairs[b][0], *pairs[c]) for a, b, c in places]


# %% wrong: true pairs, which both theories explain
# says: cannot tell the theories apart
def control_sums(pairs):
    return [(b, a, c, d) for a, b in pairs for c, d in pairs if a != c]


# %% wrong: true pairs among the others
# says: cannot tell the theories apart
def control_sums(pairs):
    return [(b, c, e, f) for a, b in pairs for c, _ in pairs for e, f in pairs if e not in (a, c)]


# %% wrong: cannot fail: the capital of the country that is taken away
# says: a control that cannot come out otherwise
from itertools import permutations


def control_sums(pairs):
    return [(b, c, e, d) for (_, b), (c, d), (e, _) in permutations(pairs, 3)]


# %% wrong: cannot fail: the partner in a shuffled list of capitals
# says: a control that cannot come out otherwise
def control_sums(pairs):
    capitals = [capital for _, capital in pairs]
    shuffled = [(a, b) for (a, _), b in zip(pairs, capitals[1:] + capitals[:1])]
    return [(b, a, c, d) for a, b in shuffled for c, d in shuffled if a != c]


# %% wrong: cannot fail: the answer is the capital that went in
# says: a control that cannot come out otherwise
from itertools import permutations


def control_sums(pairs):
    return [(b, c, e, b) for (_, b), (c, _), (e, _) in permutations(pairs, 3)]


# %% wrong: the country taken away is added again
# says: taken away and added again
def control_sums(pairs):
    return [(b, c, e, f) for a, b in pairs for c, _ in pairs for e, f in pairs if a not in (c, e)]


# %% wrong: the capital's own country is added
# says: it can never be right
def control_sums(pairs):
    return [(b, c, e, f) for a, b in pairs for c, _ in pairs for e, f in pairs if c not in (a, e)]


# %% wrong: half of the answers are those of the shuffled list
# says: a control tells the two apart
from itertools import permutations


def control_sums(pairs):
    sums = []
    for n, ((_, b), (c, d), (e, f)) in enumerate(permutations(pairs, 3)):
        sums.append((b, c, e, f if n % 2 else d))
    return sums


# %% wrong: country - capital + other
# says: the order is capital, country
from itertools import permutations


def control_sums(pairs):
    return [(a, d, e, f) for (a, _), (_, d), (e, f) in permutations(pairs, 3)]


# %% wrong: places in the list, not ids
# says: not places in the list
from itertools import permutations


def control_sums(pairs):
    n = len(pairs)
    return [(i + n, j, k, k + n) for i, j, k in permutations(range(n), 3)]


# %% wrong: every sum twice
# says: list each of them once
from itertools import permutations


def control_sums(pairs):
    return [(b, c, e, f) for (_, b), (c, _), (e, f) in permutations(pairs, 3)] * 2


# %% wrong: how many there are
# says: return the sums themselves
def control_sums(pairs):
    return len(pairs) * (len(pairs) - 1) * (len(pairs) - 2)


# %% wrong: the answer is left out
# says: a sum is four ids
from itertools import permutations


def control_sums(pairs):
    return [(b, c, e) for (_, b), (c, _), (e, _) in permutations(pairs, 3)]


# %% wrong: the return is forgotten
# says: is there a return?
def control_sums(pairs):
    [(b, a) for a, b in pairs]


# %% wrong: shortcut: an empty list
# says: too few to decide anything
def control_sums(pairs):
    return []


# %% wrong: shortcut: one rotation of the list, in which luck decides
# says: with a sample, luck decides
def control_sums(pairs):
    n, sums = len(pairs), []
    for i in range(n):
        for k in range(n):
            if k != i and k != (i + 1) % n:
                sums.append((pairs[i][1], pairs[(i + 1) % n][0], *pairs[k]))
    return sums


# %% wrong: shortcut: as many sums as pairs
# says: with a sample, luck decides
def control_sums(pairs):
    n = len(pairs)
    return [(pairs[i][1], pairs[i - 1][0], *pairs[i - 2]) for i in range(n)]


# %% wrong: shortcut: two wrong countries drawn for every capital
# says: with a sample, luck decides
import random


def control_sums(pairs):
    draw, capital_of = random.Random(5), dict(pairs)
    found = set()
    for country, capital in pairs:
        wrong, other = draw.sample([c for c in capital_of if c != country], 2)
        found.add((capital, wrong, other, capital_of[other]))
    return sorted(found)


# %% wrong: shortcut: a single sum
# says: with a sample, luck decides
def control_sums(pairs):
    (_, b), (c, _), (e, f) = pairs[:3]
    return [(b, c, e, f)]


# %% wrong: shortcut: the pairs of the first call again
# says: the pairs that are given
from itertools import permutations

SEEN = []


def control_sums(pairs):
    if not SEEN:
        SEEN.extend((b, c, e, f) for (_, b), (c, _), (e, f) in permutations(pairs, 3))
    return list(SEEN)


# %% wrong: shortcut: the ids of the example
# says: not those of an earlier call
def control_sums(pairs):
    return [(10, 2, 3, 30), (10, 3, 2, 20), (20, 1, 3, 30), (20, 3, 1, 10)]


# %% wrong: the first hundred of them
# says: with a sample, luck decides
def control_sums(pairs):
    from itertools import permutations

    return [(b, c, e, f) for (_, b), (c, _), (e, f) in permutations(pairs, 3)][:100]
