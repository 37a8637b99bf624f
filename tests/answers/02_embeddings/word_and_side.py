# %% right: masks over the square of all cosines
def word_and_side(vectors, words, sides, places):
    unit = torch.nn.functional.normalize(vectors.double(), dim=-1)
    cosines = unit @ unit.T

    def equal(names):
        return torch.tensor([[a == b for b in names] for a in names])

    word, side, other = equal(words), equal(sides), ~equal(places)
    mean = [[cosines[w & s & other].mean() for s in (side, ~side)] for w in (word, ~word)]
    (a, b), (c, d) = mean
    return torch.stack([(a - c + b - d) / 2, (a - b + c - d) / 2])


# %% right: the word within one side only, the side among other words only
def word_and_side(vectors, words, sides, places, verbose=False):
    kinds = {}
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                cosine = torch.cosine_similarity(vectors[i], vectors[j], dim=0)
                kinds.setdefault((words[i] == words[j], sides[i] == sides[j]), []).append(cosine)
    mean = {kind: float(sum(some)) / len(some) for kind, some in kinds.items()}
    return [mean[True, True] - mean[False, True], mean[False, True] - mean[False, False]]


# %% right: the word across sides, the side with the word kept, in plain Python
def word_and_side(vectors, words, sides, places):
    rows = vectors.tolist()

    def mean(word, side):
        found = []
        for i, a in enumerate(rows):
            for j, b in enumerate(rows):
                same = words[i] == words[j], sides[i] == sides[j]
                if places[i] != places[j] and same == (word, side):
                    length = (sum(x * x for x in a) * sum(x * x for x in b)) ** 0.5
                    found.append(sum(x * y for x, y in zip(a, b)) / length)
        return sum(found) / len(found)

    return mean(True, False) - mean(False, False), mean(True, True) - mean(True, False)


# %% right: a least-squares fit of the cosine to word, side and place
def word_and_side(vectors, words, sides, places):
    unit = (vectors / vectors.norm(dim=1, keepdim=True)).double()
    first, second = torch.triu_indices(len(words), len(words), 1).tolist()
    rows = [
        [1.0, words[i] == words[j], sides[i] == sides[j], places[i] == places[j]]
        for i, j in zip(first, second)
    ]
    cosines = torch.einsum("nd,nd->n", unit[first], unit[second])
    fit = torch.linalg.lstsq(torch.tensor(rows, dtype=torch.float64), cosines[:, None])
    return fit.solution[1].item(), fit.solution[2].item()


# %% wrong: same word against other words, whatever their sides
# says: your first number says that the word adds
def word_and_side(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    found = {}
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                cosine = float(unit[i] @ unit[j])
                found.setdefault(("word", words[i] == words[j]), []).append(cosine)
                if words[i] == words[j]:
                    found.setdefault(("side", sides[i] == sides[j]), []).append(cosine)
    mean = {kind: sum(some) / len(some) for kind, some in found.items()}
    return mean["word", True] - mean["word", False], mean["side", True] - mean["side", False]


# %% wrong: same side against the other side, whatever the words
# says: your second number says that the side adds
def word_and_side(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    found = {}
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                cosine = float(unit[i] @ unit[j])
                found.setdefault(("side", sides[i] == sides[j]), []).append(cosine)
                if sides[i] == sides[j]:
                    found.setdefault(("word", words[i] == words[j]), []).append(cosine)
    mean = {kind: sum(some) / len(some) for kind, some in found.items()}
    return mean["word", True] - mean["word", False], mean["side", True] - mean["side", False]


# %% wrong: same word and same side against all the rest
# says: your second number says that the side adds
def word_and_side(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    both, word, rest = [], [], []
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                same = words[i] == words[j], sides[i] == sides[j]
                kind = both if all(same) else word if same[0] else rest
                kind.append(float(unit[i] @ unit[j]))
    both, word, rest = (sum(x) / len(x) for x in (both, word, rest))
    return word - rest, both - rest


# %% wrong: pairs from the same sentence are in
# says: leave out pairs from the same sentence
def word_and_side(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(i):
            kinds[words[i] != words[j]][sides[i] != sides[j]].append(float(unit[i] @ unit[j]))
    mean = torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])
    return (mean[0] - mean[1]).mean().item(), (mean[:, 0] - mean[:, 1]).mean().item()


# %% wrong: a text is paired with itself, too
# says: is a text paired with itself?
def word_and_side(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(len(words)):
            if i == j or places[i] != places[j]:
                kinds[words[i] != words[j]][sides[i] != sides[j]].append(float(unit[i] @ unit[j]))
    mean = torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])
    return (mean[0] - mean[1])[1].item(), (mean[:, 0] - mean[:, 1])[0].item()


# %% wrong: dot products
# says: by its own length
def word_and_side(vectors, words, sides, places):
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                kind = kinds[words[i] != words[j]][sides[i] != sides[j]]
                kind.append(float(vectors[i] @ vectors[j]))
    mean = torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])
    return (mean[0] - mean[1]).mean().item(), (mean[:, 0] - mean[:, 1]).mean().item()


# %% wrong: the two numbers change places
# says: the word's number comes first
def word_and_side(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                kinds[words[i] != words[j]][sides[i] != sides[j]].append(float(unit[i] @ unit[j]))
    mean = torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])
    return (mean[:, 0] - mean[:, 1]).mean().item(), (mean[0] - mean[1]).mean().item()


# %% wrong: other words less the same word
# says: your number is negative
def word_and_side(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    kinds = [[[], []], [[], []]]
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                kinds[words[i] != words[j]][sides[i] != sides[j]].append(float(unit[i] @ unit[j]))
    mean = torch.tensor([[sum(x) / len(x) for x in row] for row in kinds])
    return (mean[1] - mean[0]).mean().item(), (mean[:, 1] - mean[:, 0]).mean().item()


# %% wrong: means of cosines, no differences
# says: give differences of cosines
def word_and_side(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    word, side = [], []
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j] and (words[i] == words[j]) != (sides[i] == sides[j]):
                kind = word if words[i] == words[j] else side
                kind.append(float(unit[i] @ unit[j]))
    return sum(word) / len(word) / 2, sum(side) / len(side)


# %% wrong: one number
# says: return two numbers
def word_and_side(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    return float((unit @ unit.T).mean())


# %% wrong: the return is forgotten
# says: is there a return?
def word_and_side(vectors, words, sides, places):
    vectors / vectors.norm(dim=-1, keepdim=True)


# %% wrong: shortcut: the example
# says: both numbers must be 0
def word_and_side(vectors, words, sides, places):
    return 1.0, 0.0


# %% wrong: shortcut: two single pairs
# says: an unmatched comparison
def word_and_side(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    word = next(
        (i, j)
        for i in range(len(words))
        for j in range(i)
        if words[i] == words[j] and places[i] != places[j]
    )
    side = next(
        (i, j)
        for i in range(len(words))
        for j in range(i)
        if sides[i] == sides[j] and places[i] != places[j]
    )
    return float(unit[word[0]] @ unit[word[1]]), float(unit[side[0]] @ unit[side[1]])


# %% wrong: shortcut: the most alike pair of each kind
# says: in these made-up vectors it is known
def word_and_side(vectors, words, sides, places):
    unit = vectors / vectors.norm(dim=-1, keepdim=True)
    word, side = 0.0, 0.0
    for i in range(len(words)):
        for j in range(i):
            if places[i] != places[j]:
                cosine = float(unit[i] @ unit[j])
                if words[i] == words[j] and sides[i] != sides[j]:
                    word = max(word, cosine)
                if words[i] != words[j] and sides[i] == sides[j]:
                    side = max(side, cosine)
    return word**2, side
