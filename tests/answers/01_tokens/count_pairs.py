# %% right: zip and Counter
def count_pairs(ids):
    return list(Counter(zip(ids, ids[1:])).items())


# %% right: a dictionary and positions
def count_pairs(ids):
    counts = {}
    for i in range(len(ids) - 1):
        pair = (ids[i], ids[i + 1])
        counts[pair] = counts.get(pair, 0) + 1
    return [(pair, n) for pair, n in counts.items()]


# %% right: two parallel lists, quadratic
def count_pairs(ids, start=0):
    pairs, counts = [], []
    for pair in [(ids[i - 1], ids[i]) for i in range(start + 1, len(ids))]:
        if pair in pairs:
            counts[pairs.index(pair)] += 1
        else:
            pairs.append(pair)
            counts.append(1)
    return list(zip(pairs, counts))


# %% right: a class with a helper, ids as a tensor
import torch


class PairCounter:
    def __init__(self):
        self.counts = {}

    def see(self, pair):
        self.counts[pair] = self.counts.setdefault(pair, 0) + 1


def count_pairs(ids):
    counter = PairCounter()
    ids = torch.tensor(ids, dtype=torch.int64)
    for pair in torch.stack([ids[:-1], ids[1:]], dim=1).tolist():
        counter.see(tuple(pair))
    return list(counter.counts.items())


# %% wrong: a dictionary comes back
# says: not a dictionary
def count_pairs(ids):
    return dict(Counter(zip(ids, ids[1:])))


# %% wrong: pairs do not overlap
# says: pairs overlap
def count_pairs(ids):
    counts, i = {}, 0
    while i < len(ids) - 1:
        pair = (ids[i], ids[i + 1])
        counts[pair] = counts.get(pair, 0) + 1
        i += 2 if i + 2 < len(ids) and ids[i + 2] == ids[i + 1] == ids[i] else 1
    return list(counts.items())


# %% wrong: pairs without order
# says: keep the left id on the left
def count_pairs(ids):
    return list(Counter(tuple(sorted(pair)) for pair in zip(ids, ids[1:])).items())


# %% wrong: commonest first
# says: in the order in which they first appear
def count_pairs(ids):
    return Counter(zip(ids, ids[1:])).most_common()


# %% wrong: sorted by id
# says: in the order in which they first appear
def count_pairs(ids):
    return sorted(Counter(zip(ids, ids[1:])).items())


# %% wrong: the last id is paired with the first
# says: nothing stands right of the last id
def count_pairs(ids):
    return list(Counter(zip(ids, ids[1:] + ids[:1])).items())


# %% wrong: the last pair is forgotten
# says: or the last pair left out
def count_pairs(ids):
    counts = {}
    for i in range(len(ids) - 2):
        counts[ids[i], ids[i + 1]] = counts.get((ids[i], ids[i + 1]), 0) + 1
    return list(counts.items())


# %% wrong: the return is forgotten
# says: is there a return?
def count_pairs(ids):
    list(Counter(zip(ids, ids[1:])).items())


# %% wrong: pairs as lists
# says: a tuple, too
def count_pairs(ids):
    counts = []
    for a, b in zip(ids, ids[1:]):
        for each in counts:
            if each[0] == [a, b]:
                each[1] += 1
                break
        else:
            counts.append([[a, b], 1])
    return counts


# %% wrong: three numbers an item
# says: an item of the list is a tuple ((a, b), n)
def count_pairs(ids):
    return [(a, b, n) for (a, b), n in Counter(zip(ids, ids[1:])).items()]


# %% wrong: an item for each place
# says: one item for each different pair
def count_pairs(ids):
    pairs = list(zip(ids, ids[1:]))
    return [(pair, pairs.count(pair)) for pair in pairs]


# %% wrong: by way of a set, which keeps no order
# says: in the order in which they first appear
def count_pairs(ids):
    pairs = list(zip(ids, ids[1:]))
    return [(pair, pairs.count(pair)) for pair in set(pairs)]


# %% wrong: the first of each pair counts as 0
# says: holds one pair, once
def count_pairs(ids):
    counts = {}
    for pair in zip(ids, ids[1:]):
        counts[pair] = counts[pair] + 1 if pair in counts else 0
    return list(counts.items())


# %% wrong: counts kept outside the function
# says: start new counts
_counts = Counter()


def count_pairs(ids):
    _counts.update(zip(ids, ids[1:]))
    return list(_counts.items())


# %% wrong: any two ids are a pair
# says: three ids have two pairs of neighbours
from itertools import combinations


def count_pairs(ids):
    return list(Counter(combinations(ids, 2)).items())

# %% right: an iterator, one id behind, and setdefault
def count_pairs(ids):
    table, rest = {}, iter(ids)
    if (left := next(rest, None)) is None:
        return []
    while (right := next(rest, None)) is not None:
        table[left, right] = table.setdefault((left, right), 0) + 1
        left = right
    return [(pair, n) for pair, n in table.items()]

# %% wrong: an id of 0 is taken for none
# says: 0 is an id like any other
def count_pairs(ids):
    counts, last = {}, None
    for i in ids:
        if last:
            counts[last, i] = counts.get((last, i), 0) + 1
        last = i
    return list(counts.items())


# %% wrong: answers kept by the length of the list
# says: just as long
_memo = {}


def count_pairs(ids):
    if len(ids) not in _memo:
        _memo[len(ids)] = list(Counter(zip(ids, ids[1:])).items())
    return _memo[len(ids)]


# %% wrong: eats the caller's list
# says: the caller's list of ids has changed
def count_pairs(ids):
    counts = Counter()
    while len(ids) > 1:
        a = ids.pop(0)
        counts[a, ids[0]] += 1
    return list(counts.items())


# %% wrong: ids compared by is
# says: not by is
def count_pairs(ids):
    found = []
    for i in range(len(ids) - 1):
        for item in found:
            if item[0] is ids[i] and item[1] is ids[i + 1]:
                item[2] += 1
                break
        else:
            found.append([ids[i], ids[i + 1], 1])
    return [((a, b), n) for a, b, n in found]


# %% wrong: a recursion, too deep for long lists
# says: use a loop
# caught by: hidden
def count_pairs(ids):
    if len(ids) < 2:
        return []
    counts = {(ids[0], ids[1]): 1}
    for pair, n in count_pairs(ids[1:]):
        counts[pair] = counts.get(pair, 0) + n
    return list(counts.items())


# %% wrong: both ids packed into one number, as if bytes
# says: ids are not bytes
def count_pairs(ids):
    counts = {}
    for a, b in zip(ids, ids[1:]):
        counts[a * 256 + b] = counts.get(a * 256 + b, 0) + 1
    return [(divmod(key, 256), n) for key, n in counts.items()]


# %% wrong: the return stands inside the loop
# says: is the return inside the loop
def count_pairs(ids):
    counts = {}
    for i in range(len(ids) - 1):
        pair = (ids[i], ids[i + 1])
        counts[pair] = counts.get(pair, 0) + 1
        return list(counts.items())
    return []


# %% wrong: sorted by where the left id first stands
# says: not by where their left id first does
def count_pairs(ids):
    return sorted(Counter(zip(ids, ids[1:])).items(), key=lambda item: ids.index(item[0][0]))


# %% wrong: pairs looked for in the list as a text
# says: compare ids, not the digits
def count_pairs(ids):
    text = ",".join(map(str, ids))
    counts = {}
    for a, b in zip(ids, ids[1:]):
        counts[a, b] = len(regex.findall(rf"(?={a},{b})", text))
    return list(counts.items())
