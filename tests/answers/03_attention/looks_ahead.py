# %% right: three loops
def looks_ahead(before, after, changed):
    found = []
    for i in range(changed):
        for j in range(before.shape[1]):
            if abs(float(before[i, j]) - float(after[i, j])) > 1e-5:
                found.append(i)
                break
    return found

# %% right: nonzero of a slice
def looks_ahead(before, after, changed, tolerance=1e-5):
    moved = ((before[:changed] - after[:changed]).abs() > tolerance).any(dim=1)
    return torch.nonzero(moved).flatten().tolist()

# %% right: rows that are not close
def looks_ahead(before, after, changed):
    return [i for i, (a, b) in enumerate(zip(before.double(), after.double()))
            if i < changed and not torch.allclose(a, b, rtol=0, atol=1e-5)]

# %% right: numpy, a set sorted
import numpy as np


def looks_ahead(before, after, changed):
    rows, _ = np.where(np.abs(before.numpy() - after.numpy()) > 1e-5)
    return sorted({int(r) for r in rows if r < changed})

# %% right: a tuple of numpy's integers
import numpy as np


def looks_ahead(before, after, changed):
    moved = (np.abs(before.numpy() - after.numpy()) > 1e-5).any(axis=1)
    return tuple(np.flatnonzero(moved[:changed]))

# %% wrong: returns nothing
# says: is there a return?
def looks_ahead(before, after, changed):
    moved = (after - before).abs().amax(dim=-1) > 1e-5
    [i for i in range(changed) if moved[i]]

# %% wrong: yes or no
# says: return a list of positions
def looks_ahead(before, after, changed):
    return bool(((after - before).abs()[:changed] > 1e-5).any())

# %% wrong: the changed position counts, too
# says: position 2 is the changed one
def looks_ahead(before, after, changed):
    moved = (after - before).abs().amax(dim=-1) > 1e-5
    return [i for i in range(changed + 1) if moved[i]]

# %% wrong: all positions count
# says: only positions before it count
def looks_ahead(before, after, changed):
    moved = (after - before).abs().amax(dim=-1) > 1e-5
    return [i for i in range(len(before)) if moved[i]]

# %% wrong: positions after the changed one
# says: only positions before it count
def looks_ahead(before, after, changed):
    moved = (after - before).abs().amax(dim=-1) > 1e-5
    return [i for i in range(changed + 1, len(before)) if moved[i]]

# %% wrong: no absolute value
# says: downwards
def looks_ahead(before, after, changed):
    moved = (after - before).amax(dim=-1) > 1e-5
    return [i for i in range(changed) if moved[i]]

# %% wrong: exact comparison
# says: rounding, not peeking
def looks_ahead(before, after, changed):
    return [i for i in range(changed) if not torch.equal(before[i], after[i])]

# %% wrong: columns added up
# says: do not let them cancel
def looks_ahead(before, after, changed):
    moved = (after - before).sum(dim=-1).abs() > 1e-5
    return [i for i in range(changed) if moved[i]]

# %% wrong: a coarse tolerance
# says: a leak may be small
def looks_ahead(before, after, changed):
    moved = (after - before).abs().amax(dim=-1) > 1e-2
    return [i for i in range(changed) if moved[i]]

# %% wrong: only the first one that peeked
# says: all four positions before the changed one peeked
def looks_ahead(before, after, changed):
    moved = (after - before).abs().amax(dim=-1) > 1e-5
    return [i for i in range(changed) if moved[i]][:1]

# %% wrong: the last position before the change is forgotten
# says: position 1 moved
def looks_ahead(before, after, changed):
    moved = (after - before).abs().amax(dim=-1) > 1e-5
    return [i for i in range(changed - 1) if moved[i]]

# %% wrong: all columns must move
# says: the example by hand
def looks_ahead(before, after, changed):
    moved = ((after - before).abs() > 1e-5).all(dim=-1)
    return [i for i in range(changed) if moved[i]]

# %% wrong: only the first two columns are compared
# says: in the last column alone
# caught by: hidden
def looks_ahead(before, after, changed):
    moved = (after - before).abs()[:, :2].amax(dim=-1) > 1e-5
    return [i for i in range(changed) if moved[i]]

# %% right: argwhere, each row once
def looks_ahead(before, after, changed):
    moved = torch.argwhere((before - after).abs() > 1e-5)
    return sorted({int(row) for row, _ in moved if row < changed})

# %% wrong: torch.allclose as it comes
# says: not relative to the numbers
def looks_ahead(before, after, changed):
    return [i for i in range(changed) if not torch.allclose(before[i], after[i])]

# %% wrong: torch.allclose with atol alone
# says: rtol=0
def looks_ahead(before, after, changed):
    return [i for i in range(changed) if not torch.allclose(before[i], after[i], atol=1e-5)]

# %% wrong: the movement as a part of the number
# says: not relative to the numbers
def looks_ahead(before, after, changed):
    return [i for i in range(changed) if ((after[i] - before[i]) / before[i]).abs().max() > 1e-5]

# %% wrong: rounded to five digits, then compared
# says: do not round them first
def looks_ahead(before, after, changed):
    old, new = (before * 1e5).round(), (after * 1e5).round()
    return [i for i in range(changed) if (old[i] != new[i]).any()]

# %% wrong: sizes of movements added up
# says: not the sum of all
def looks_ahead(before, after, changed):
    return [i for i in range(changed) if (after[i] - before[i]).abs().sum() > 1e-5]

# %% wrong: the length of the difference
# says: nor the length of the difference
def looks_ahead(before, after, changed):
    return [i for i in range(changed) if (after[i] - before[i]).norm() > 1e-5]

# %% wrong: the mean movement
# says: not the mean
def looks_ahead(before, after, changed):
    return [i for i in range(changed) if (after[i] - before[i]).abs().mean() > 1e-5]


# %% wrong: position 0 is left out
# says: a position like others
def looks_ahead(before, after, changed):
    m = (after - before).abs().amax(-1) > 1e-5
    return [i for i in range(1, changed) if m[i]]


# %% wrong: positions count from 1
# says: positions count from 0
def looks_ahead(before, after, changed):
    m = (after - before).abs().amax(-1) > 1e-5
    return [i + 1 for i in range(changed) if m[i]]


# %% wrong: found positions in a mutable default
# says: start a new list inside
def looks_ahead(before, after, changed, found=[]):
    m = (after - before).abs().amax(-1) > 1e-5
    for i in range(changed):
        if m[i]:
            found.append(i)
    return found


# %% wrong: a position for each column that moved
# says: listed once
def looks_ahead(before, after, changed):
    m = (after - before).abs()[:changed] > 1e-5
    return m.nonzero()[:, 0].tolist()


# %% right: the difference in place
def looks_ahead(before, after, changed):
    after -= before
    moved = after.abs_().amax(dim=-1) > 1e-5
    return [i for i in range(changed) if moved[i]]


# %% wrong: the root of the mean square of a row
# says: not the mean
def looks_ahead(before, after, changed):
    return [i for i in range(changed) if (after[i] - before[i]).pow(2).mean().sqrt() > 1e-5]


# %% wrong: all positions from the first that moved on
# says: list those that moved, and no others
def looks_ahead(before, after, changed):
    moved = (after - before).abs().amax(dim=-1) > 1e-5
    first = next((i for i in range(changed) if moved[i]), changed)
    return list(range(first, changed))


# %% wrong: an early exit takes the maximum of no rows at all
# says: with changed = 0 the list is empty
def looks_ahead(before, after, changed):
    moved = (after - before).abs()
    if moved[:changed].max() <= 1e-5:
        return []
    return [i for i in range(changed) if moved[i].max() > 1e-5]


# %% wrong: shortcut: the answer of the example
# says: nothing has moved at all
def looks_ahead(before, after, changed):
    return [1]


# %% wrong: shortcut: always the position before the changed one
# says: compare the outputs that are given
def looks_ahead(before, after, changed):
    return [changed - 1] if changed else []


# %% wrong: shortcut: all positions before it, if anything moved there
# says: position 0 did not
def looks_ahead(before, after, changed):
    moved = (after - before).abs()[:changed]
    return list(range(changed)) if moved.numel() and moved.max() > 1e-5 else []


# %% wrong: shortcut: compared with the changed position's own movement
# says: a leak may be small
def looks_ahead(before, after, changed):
    moved = (after - before).abs().amax(dim=-1)
    return [i for i in range(changed) if moved[i] > 0.01 * moved[changed]]
