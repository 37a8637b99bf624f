# %% right: shuffled again for every copy, with Python's generator
def control_copies(body, n, seed):
    import random

    rng = random.Random(seed)
    return [rng.sample(body, len(body)) for _ in range(n)]


# %% right: orders by powers, without random numbers
def control_copies(body, n, seed):
    size, copies = len(body), []
    for step in range(1, n + 1):
        order = sorted(range(size), key=lambda i: (i * 7 + 5) ** (step + 2) % 103)
        copies.append([body[i] for i in order])
    return copies


# %% right: torch, with a generator for each copy
def control_copies(body, n, seed):
    copies = []
    for i in range(n):
        g = torch.Generator().manual_seed(1000 * seed + i)
        copies.append(torch.tensor(body)[torch.randperm(len(body), generator=g)].tolist())
    return copies


# %% wrong: shortcut: the phrase itself
# says: this is the phrase itself
def control_copies(body, n, seed):
    return [list(body) for _ in range(n)]


# %% wrong: shortcut: one shuffled order, every time
# says: the same tokens follow each other again
def control_copies(body, n, seed):
    import random

    copy = random.Random(seed).sample(list(body), len(body))
    return [copy] * n


# %% wrong: shortcut: every copy starts one token later
# says: the same tokens follow each other again
def control_copies(body, n, seed):
    return [body[i % len(body) :] + body[: i % len(body)] for i in range(n)]


# %% wrong: shortcut: words that are new each time
# says: less known by the last copy
def control_copies(body, n, seed):
    return [[1000 * i + j for j in range(len(body))] for i in range(n)]


# %% wrong: other words, the same in each copy
# says: the same tokens follow each other again
def control_copies(body, n, seed):
    return [[i + 5000 for i in body]] * n


# %% wrong: only the last copy has other words
# says: less known by the last copy
def control_copies(body, n, seed):
    return [list(body)] * (n - 1) + [[i + 5000 for i in body]]


# %% wrong: one token, over and over
# says: the same tokens follow each other again
def control_copies(body, n, seed):
    return [[body[0]] * len(body)] * n


# %% wrong: one copy too few
# says: copies, a list of
def control_copies(body, n, seed):
    import random

    rng = random.Random(seed)
    return [rng.sample(list(body), len(body)) for _ in range(n - 1)]


# %% wrong: half of the phrase
# says: each copy must be as long as the phrase
def control_copies(body, n, seed):
    return [list(body)[: len(body) // 2] for _ in range(n)]


# %% wrong: nothing is returned
# says: is there a return?
def control_copies(body, n, seed):
    copies = [list(body)] * n


# %% wrong: shortcut: the phrase and its reverse in turn
# says: the same tokens follow each other again
def control_copies(body, n, seed):
    return [list(body) if i % 2 == 0 else list(body)[::-1] for i in range(n)]


# %% wrong: shortcut: shuffled, and the phrase itself at the end
# says: one of your copies is the phrase itself
def control_copies(body, n, seed):
    import random

    rng = random.Random(seed)
    return [rng.sample(list(body), len(body)) for _ in range(n - 1)] + [list(body)]


# %% wrong: rotations, every other one reversed
# says: the same tokens follow each other again
def control_copies(body, n, seed):
    turned = [body[i % len(body) :] + body[: i % len(body)] for i in range(1, n + 1)]
    return [copy if i % 2 else copy[::-1] for i, copy in enumerate(turned)]


# %% wrong: the last copy repeats the first
# says: two of your copies are equal
def control_copies(body, n, seed):
    import random

    rng = random.Random(seed)
    copies = [rng.sample(list(body), len(body)) for _ in range(n - 1)]
    return [*copies, copies[0]]
