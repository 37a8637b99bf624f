# %% right: normalised rows, itertools
from itertools import permutations


def analogies(table, pairs, inputs_allowed):
    unit = torch.nn.functional.normalize(table, dim=-1)
    right = 0
    for (a, b), (c, d) in permutations(pairs, 2):
        order = (unit @ (unit[b] - unit[a] + unit[c])).argsort(descending=True).tolist()
        out = set() if inputs_allowed else {a, b, c}
        right += next(i for i in order if i not in out) == d
    return right


# %% right: all sums at once
def analogies(table, pairs, inputs_allowed):
    rows = table.double() / table.double().square().sum(dim=1, keepdim=True).sqrt()
    sums = [(b, a, c, d) for a, b in pairs for c, d in pairs if (a, b) != (c, d)]
    if not sums:
        return 0
    b, a, c, d = torch.tensor(sums).T
    scores = (rows[b] - rows[a] + rows[c]) @ rows.T
    if not inputs_allowed:
        for ids in (a, b, c):
            scores[torch.arange(len(sums)), ids] = -torch.inf
    return int((scores.argmax(dim=1) == d).sum())


# %% right: plain Python
def analogies(table, pairs, inputs_allowed, verbose=False):
    def unit(row):
        length = sum(x * x for x in row) ** 0.5
        return [x / length for x in row]

    rows = [unit(row) for row in table.tolist()]
    right = []
    for i, (country, capital) in enumerate(pairs):
        for j, (other, answer) in enumerate(pairs):
            if i != j:
                target = [x - y + z for x, y, z in zip(rows[capital], rows[country], rows[other])]
                left = [
                    k
                    for k in range(len(rows))
                    if inputs_allowed or k not in (country, capital, other)
                ]
                best = max(left, key=lambda k: sum(x * y for x, y in zip(rows[k], target)))
                right.append(best == answer)
    return sum(right)


# %% right: a helper that finds the answer
def answer(unit, plus, minus, banned):
    target = sum(unit[i] for i in plus) - sum(unit[i] for i in minus)
    cosines = torch.einsum("vd,d->v", unit, target / target.norm())
    for i in banned:
        cosines[i] = -2.0
    return cosines.max(dim=0).indices.item()


def analogies(table, pairs, inputs_allowed):
    unit, found = table / table.norm(dim=1)[:, None], []
    for country, capital in pairs:
        for other, wanted in pairs:
            if wanted != capital:
                banned = () if inputs_allowed else (country, capital, other)
                found.append(answer(unit, (capital, other), (country,), banned) == wanted)
    return int(sum(found))


# %% wrong: a pair is set against itself, too
# says: one pair makes no sum
def analogies(table, pairs, inputs_allowed):
    unit, right = table / table.norm(dim=1, keepdim=True), 0
    for a, b in pairs:
        for c, d in pairs:
            scores = unit @ (unit[b] - unit[a] + unit[c])
            if not inputs_allowed:
                scores[[a, b, c]] = -torch.inf
            right += int(scores.argmax() == d)
    return right


# %% wrong: one order of each two pairs
# says: one in each order
def analogies(table, pairs, inputs_allowed):
    unit, right = table / table.norm(dim=1, keepdim=True), 0
    for i, (a, b) in enumerate(pairs):
        for c, d in pairs[i + 1 :]:
            scores = unit @ (unit[b] - unit[a] + unit[c])
            if not inputs_allowed:
                scores[[a, b, c]] = -torch.inf
            right += int(scores.argmax() == d)
    return right


# %% wrong: country - capital + other country
# says: you take the capital away
def analogies(table, pairs, inputs_allowed):
    unit, right = table / table.norm(dim=1, keepdim=True), 0
    for a, b in pairs:
        for c, d in pairs:
            if a != c:
                scores = unit @ (unit[a] - unit[b] + unit[c])
                if not inputs_allowed:
                    scores[[a, b, c]] = -torch.inf
                right += int(scores.argmax() == d)
    return right


# %% wrong: rows of any length, dot products
# says: not the largest dot product
def analogies(table, pairs, inputs_allowed):
    right = 0
    for a, b in pairs:
        for c, d in pairs:
            if a != c:
                scores = table @ (table[b] - table[a] + table[c])
                if not inputs_allowed:
                    scores[[a, b, c]] = -torch.inf
                right += int(scores.argmax() == d)
    return right


# %% wrong: rows of any length are added up
# says: before you add them up
def analogies(table, pairs, inputs_allowed):
    unit, right = table / table.norm(dim=1, keepdim=True), 0
    for a, b in pairs:
        for c, d in pairs:
            if a != c:
                scores = unit @ (table[b] - table[a] + table[c])
                if not inputs_allowed:
                    scores[[a, b, c]] = -torch.inf
                right += int(scores.argmax() == d)
    return right


# %% wrong: inputs are never allowed
# says: a word that went in
def analogies(table, pairs, inputs_allowed):
    unit, right = table / table.norm(dim=1, keepdim=True), 0
    for a, b in pairs:
        for c, d in pairs:
            if a != c:
                scores = unit @ (unit[b] - unit[a] + unit[c])
                scores[[a, b, c]] = -torch.inf
                right += int(scores.argmax() == d)
    return right


# %% wrong: inputs are always allowed
# says: the next best word is the answer
def analogies(table, pairs, inputs_allowed):
    unit, right = table / table.norm(dim=1, keepdim=True), 0
    for a, b in pairs:
        for c, d in pairs:
            if a != c:
                scores = unit @ (unit[b] - unit[a] + unit[c])
                right += int(scores.argmax() == d)
    return right


# %% wrong: only the countries are left out
# says: all three are left out
def analogies(table, pairs, inputs_allowed):
    unit, right = table / table.norm(dim=1, keepdim=True), 0
    for a, b in pairs:
        for c, d in pairs:
            if a != c:
                scores = unit @ (unit[b] - unit[a] + unit[c])
                if not inputs_allowed:
                    scores[[a, c]] = -torch.inf
                right += int(scores.argmax() == d)
    return right


# %% wrong: left out once, left out for ever
# says: the next best word is the answer
def analogies(table, pairs, inputs_allowed):
    unit, right = table / table.norm(dim=1, keepdim=True), 0
    banned = set()
    for a, b in pairs:
        for c, d in pairs:
            if a != c:
                scores = unit @ (unit[b] - unit[a] + unit[c])
                if not inputs_allowed:
                    banned |= {a, b, c}
                    scores[list(banned)] = -torch.inf
                right += int(scores.argmax() == d)
    return right


# %% wrong: the share of them
# says: not the share
def analogies(table, pairs, inputs_allowed):
    unit, right, count = table / table.norm(dim=1, keepdim=True), 0, 0
    for a, b in pairs:
        for c, d in pairs:
            if a != c:
                scores = unit @ (unit[b] - unit[a] + unit[c])
                if not inputs_allowed:
                    scores[[a, b, c]] = -torch.inf
                right, count = right + int(scores.argmax() == d), count + 1
    return right / count if count else 0


# %% wrong: candidates are the capitals alone
# says: lands on the other country
def analogies(table, pairs, inputs_allowed):
    unit, right = table / table.norm(dim=1, keepdim=True), 0
    capitals = [b for _, b in pairs]
    for a, b in pairs:
        for c, d in pairs:
            if a != c:
                scores = unit[capitals] @ (unit[b] - unit[a] + unit[c])
                if not inputs_allowed:
                    scores[capitals.index(b)] = -torch.inf
                right += int(capitals[scores.argmax()] == d)
    return right


# %% wrong: the return is forgotten
# says: is there a return?
def analogies(table, pairs, inputs_allowed):
    unit = table / table.norm(dim=1, keepdim=True)
    for a, b in pairs:
        unit @ unit[a]


# %% wrong: inputs get a score of 0
# says: not with 0
def analogies(table, pairs, inputs_allowed):
    unit, right = table / table.norm(dim=-1, keepdim=True), 0
    for country, capital in pairs:
        for other, wanted in pairs:
            if other == country:
                continue
            scores = unit @ (unit[capital] - unit[country] + unit[other])
            if not inputs_allowed:
                scores[[capital, country, other]] = 0
            right += int(scores.argmax() == wanted)
    return right

# %% wrong: the share of them, with nothing to divide by for one pair
# says: not the share
from itertools import permutations


def analogies(table, pairs, inputs_allowed):
    unit, right, sums = table / table.norm(dim=-1, keepdim=True), 0, 0
    for (country, capital), (other, answer) in permutations(pairs, 2):
        scores = unit @ (unit[capital] - unit[country] + unit[other])
        if not inputs_allowed:
            scores[[capital, country, other]] = -torch.inf
        right, sums = right + int(scores.argmax() == answer), sums + 1
    return right / sums


# %% wrong: the count goes on from call to call
# says: count from 0 inside
_n = [0]


def analogies(table, pairs, inputs_allowed):
    u = table / table.norm(dim=-1, keepdim=True)
    for a, b in pairs:
        for c, d in pairs:
            if a == c:
                continue
            s = u @ (u[b] - u[a] + u[c])
            if not inputs_allowed:
                s[[a, b, c]] = -torch.inf
            _n[0] += int(s.argmax() == d)
    return _n[0]


# %% wrong: the capital's id is taken to be the country's and 1
# says: count the sums whose nearest row by cosine is the second pair's capital
# caught by: hidden
def analogies(table, pairs, inputs_allowed):
    u = table / table.norm(dim=-1, keepdim=True)
    n = 0
    for a, b in pairs:
        for c, d in pairs:
            if a == c:
                continue
            s = u @ (u[(a + 1) % len(u)] - u[a] + u[c])
            if not inputs_allowed:
                s[[a, b, c]] = -torch.inf
            n += int(s.argmax() == c + 1)
    return n


# %% wrong: all countries are left out, not only those of the sum
# says: of that one sum
# caught by: hidden
def analogies(table, pairs, inputs_allowed):
    u = table / table.norm(dim=-1, keepdim=True)
    n = 0
    for a, b in pairs:
        for c, d in pairs:
            if a == c:
                continue
            s = u @ (u[b] - u[a] + u[c])
            if not inputs_allowed:
                s[[x for x, _ in pairs] + [b]] = -torch.inf
            n += int(s.argmax() == d)
    return n


# %% wrong: the caller's rows are divided by their lengths
# says: the caller's table has changed
def analogies(table, pairs, inputs_allowed):
    table /= table.norm(dim=-1, keepdim=True)
    right = 0
    for a, b in pairs:
        for c, d in pairs:
            if a != c:
                scores = table @ (table[b] - table[a] + table[c])
                if not inputs_allowed:
                    scores[[a, b, c]] = -torch.inf
                right += int(scores.argmax() == d)
    return right


# %% wrong: the row whose tip is nearest to the sum's
# says: not the one whose tip is nearest
def analogies(table, pairs, inputs_allowed):
    unit = table / table.norm(dim=-1, keepdim=True)
    right = 0
    for a, b in pairs:
        for c, d in pairs:
            if a == c:
                continue
            far = (table - (unit[b] - unit[a] + unit[c])).norm(dim=-1)
            if not inputs_allowed:
                far[[a, b, c]] = torch.inf
            right += int(far.argmin() == d)
    return right


# %% wrong: break in place of continue
# says: does a break or a return end a loop early?
def analogies(table, pairs, inputs_allowed):
    unit = table / table.norm(dim=-1, keepdim=True)
    right = 0
    for a, b in pairs:
        for c, d in pairs:
            if a == c:
                break
            scores = unit @ (unit[b] - unit[a] + unit[c])
            if not inputs_allowed:
                scores[[a, b, c]] = -torch.inf
            right += int(scores.argmax() == d)
    return right
