# %% right: masks over the square of all cosines
def matched_cosines(vectors, words, sides, places):
    unit = torch.nn.functional.normalize(vectors.double(), dim=-1)
    cosines = unit @ unit.T

    def equal(names):
        return torch.tensor([[a == b for b in names] for a in names])

    word, side, other = equal(words), equal(sides), ~equal(places)
    rows = [[cosines[w & s & other].mean() for s in (side, ~side)] for w in (word, ~word)]
    return torch.stack([torch.stack(row) for row in rows])


# %% right: sums and counts
from itertools import combinations


def matched_cosines(vectors, words, sides, places):
    total, count = torch.zeros(2, 2), torch.zeros(2, 2)
    for i, j in combinations(range(len(vectors)), 2):
        if places[i] == places[j]:
            continue
        kind = int(words[i] != words[j]), int(sides[i] != sides[j])
        total[kind] += torch.cosine_similarity(vectors[i], vectors[j], dim=0)
        count[kind] += 1
    return total / count


# %% right: plain Python, a dictionary of kinds, each pair in both orders
def matched_cosines(vectors, words, sides, places, verbose=False):
    rows, kinds = vectors.tolist(), {}
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            if places[i] != places[j]:
                length = (sum(x * x for x in a) * sum(x * x for x in b)) ** 0.5
                cosine = sum(x * y for x, y in zip(a, b)) / length
                kinds.setdefault((words[i] == words[j], sides[i] == sides[j]), []).append(cosine)

    def mean(*kind):
        return sum(kinds[kind]) / len(kinds[kind])

    return torch.tensor(
        [[mean(True, True), mean(True, False)], [mean(False, True), mean(False, False)]]
    )


# %% right: einsum and a one-hot kind
def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=1, keepdim=True)
    first, second = torch.triu_indices(len(words), len(words), 1)
    cosines = torch.einsum("nd,nd->n", unit[first], unit[second])
    pairs = list(zip(first.tolist(), second.tolist()))
    keep = torch.tensor([places[i] != places[j] for i, j in pairs])
    kind = torch.tensor([2 * (words[i] != words[j]) + (sides[i] != sides[j]) for i, j in pairs])
    hot = torch.nn.functional.one_hot(kind, 4).float() * keep[:, None]
    return (cosines @ hot / hot.sum(dim=0)).view(2, 2)


# %% wrong: a text is paired with itself, too
# says: paired with itself
def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(len(words)):
            if i == j or places[i] != places[j]:
                kind = kinds[words[i] != words[j]][sides[i] != sides[j]]
                kind.append(float(unit[i] @ unit[j]))
    return torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])


# %% wrong: pairs from the same sentence are in
# says: leave out pairs from the same sentence
def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(i):
            kind = kinds[words[i] != words[j]][sides[i] != sides[j]]
            kind.append(float(unit[i] @ unit[j]))
    return torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])


# %% wrong: unmatched: different words are one heap, whatever their sides
# says: do not mix two kinds
def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    same, other, rest = [], [], []
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                cosine = float(unit[i] @ unit[j])
                if words[i] != words[j]:
                    rest.append(cosine)
                else:
                    (same if sides[i] == sides[j] else other).append(cosine)
    same, other, rest = (sum(x) / len(x) for x in (same, other, rest))
    return torch.tensor([[same, other], [rest, rest]])


# %% wrong: words are compared with the first one only
# says: lawn and lawn are the same word, too
def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                same = words[i] == words[0] and words[j] == words[0]
                kinds[not same][sides[i] != sides[j]].append(float(unit[i] @ unit[j]))
    return torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])


# %% wrong: dot products
# says: divides each vector by its own length
def matched_cosines(vectors, words, sides, places):
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                kind = kinds[words[i] != words[j]][sides[i] != sides[j]]
                kind.append(float(vectors[i] @ vectors[j]))
    return torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])


# %% wrong: lengths over the wrong dimension
# says: divides each vector by its own length
def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=0, keepdim=True)
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                kind = kinds[words[i] != words[j]][sides[i] != sides[j]]
                kind.append(float(unit[i] @ unit[j]))
    return torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])


# %% wrong: the product of two numbers is averaged over the columns, not added up
# says: do not average or add up the vectors first
def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                kind = kinds[words[i] != words[j]][sides[i] != sides[j]]
                kind.append(float((unit[i] * unit[j]).mean()))
    return torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])


# %% wrong: sums in place of means
# says: the mean of the cosines
def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    sums = torch.zeros(2, 2)
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                sums[int(words[i] != words[j]), int(sides[i] != sides[j])] += unit[i] @ unit[j]
    return sums


# %% wrong: turned on its side
# says: turned on its side
def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                kind = kinds[sides[i] != sides[j]][words[i] != words[j]]
                kind.append(float(unit[i] @ unit[j]))
    return torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])


# %% wrong: different words in row 0
# says: row 0 is the same word
def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                kind = kinds[words[i] == words[j]][sides[i] != sides[j]]
                kind.append(float(unit[i] @ unit[j]))
    return torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])


# %% wrong: different sides in column 0
# says: column 0 is the same side
def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                kind = kinds[words[i] != words[j]][sides[i] == sides[j]]
                kind.append(float(unit[i] @ unit[j]))
    return torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])


# %% wrong: a list of four numbers
# says: return one tensor of shape [2, 2]
def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[], [], [], []]
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                kinds[2 * (words[i] != words[j]) + (sides[i] != sides[j])].append(
                    float(unit[i] @ unit[j])
                )
    return [sum(x) / len(x) for x in kinds]


# %% wrong: the return is forgotten
# says: is there a return?
def matched_cosines(vectors, words, sides, places):
    vectors / vectors.norm(dim=-1, keepdim=True)


# %% wrong: shortcut: the means of the example
# says: measure those that are given
import torch


def matched_cosines(vectors, words, sides, places):
    return torch.tensor([[0.0, 0.5], [0.5, 1.0]])


# %% wrong: shortcut: one mean of all pairs in all four places
# says: both rows are the same
import torch


def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    n = len(unit)
    found = [float(unit[i] @ unit[j]) for i in range(n) for j in range(i)]
    return torch.full((2, 2), sum(found) / len(found))


# %% wrong: shortcut: the words are not looked at
# says: the words must tell
import torch


def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[], []]
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                kinds[sides[i] != sides[j]].append(float(unit[i] @ unit[j]))
    row = [sum(each) / len(each) for each in kinds]
    return torch.tensor([row, row])


# %% wrong: shortcut: the sides are not looked at
# says: the sides must tell
import torch


def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[], []]
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                kinds[words[i] != words[j]].append(float(unit[i] @ unit[j]))
    return torch.tensor([[sum(each) / len(each)] * 2 for each in kinds])


# %% wrong: shortcut: the first pair of each kind
# says: one pair stands for its kind
import torch


def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    out = torch.zeros(2, 2)
    seen = set()
    for i in range(len(words)):
        for j in range(i):
            at = int(words[i] != words[j]), int(sides[i] != sides[j])
            if places[i] != places[j] and at not in seen:
                seen.add(at)
                out[at] = unit[i] @ unit[j]
    return out


# %% wrong: shortcut: the largest cosine of each kind
# says: or the most alike
import torch


def matched_cosines(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    out = torch.full((2, 2), -2.0)
    for i in range(len(words)):
        for j in range(i):
            at = int(words[i] != words[j]), int(sides[i] != sides[j])
            if places[i] != places[j]:
                out[at] = max(float(out[at]), float(unit[i] @ unit[j]))
    return out
