# %% right: one side only, the number put back each time
def nudged_gradient(table, ids):
    table = table.clone().double()
    before = bigram_loss(table, ids)
    slopes = torch.empty_like(table)
    for row in range(len(table)):
        for column in range(len(table)):
            kept = table[row, column].item()
            table[row, column] = kept + 1e-4
            slopes[row, column] = (bigram_loss(table, ids) - before) / 1e-4
            table[row, column] = kept
    return slopes


# %% right: a flat view and a one-hot nudge, both sides
def nudged_gradient(table, ids, nudge=1e-3):
    flat = table.flatten().double()
    steps = nudge * torch.eye(flat.numel(), dtype=torch.float64)

    def loss(numbers):
        return bigram_loss(numbers.view(table.shape), ids)

    slopes = [(loss(flat + step) - loss(flat - step)) / (2 * nudge) for step in steps]
    return torch.tensor(slopes).view(table.shape)


# %% right: only rows that are read can matter
def nudged_gradient(table, ids):
    slopes = torch.zeros_like(table)
    base = bigram_loss(table.double(), ids)
    for row in set(ids[:-1].tolist()):
        for column in range(table.shape[1]):
            nudged = table.double()
            nudged = nudged.clone() if nudged is table else nudged
            nudged[row, column] += 1e-3
            slopes[row, column] = (bigram_loss(nudged, ids) - base) / 1e-3
    return slopes


# %% right: lists of numbers, float32 and a larger nudge from both sides
def nudged_gradient(table, ids):
    rows, h = table.tolist(), 0.01

    def shifted(i, j, by):
        return [[x + by * ((i, j) == (a, b)) for b, x in enumerate(r)] for a, r in enumerate(rows)]

    def slope(i, j):
        up, down = (bigram_loss(shifted(i, j, by), ids) for by in (h, -h))
        return (up - down) / (2 * h)

    return torch.tensor([[slope(i, j) for j in range(len(rows))] for i in range(len(rows))])


# %% wrong: the change of the loss, not divided
# says: divide the change of the loss by the size of the nudge
def nudged_gradient(table, ids):
    slopes = torch.zeros(table.shape)
    for row in range(len(table)):
        for column in range(len(table)):
            nudged = table.double().clone()
            nudged[row, column] += 1e-3
            slopes[row, column] = bigram_loss(nudged, ids) - bigram_loss(table, ids)
    return slopes


# %% wrong: a nudge that float32 swallows
# says: so little that the rounding swallows it
def nudged_gradient(table, ids):
    slopes = torch.zeros(table.shape)
    ones = table + 1.0 if float(table.abs().sum()) == 0 else table  # same probabilities
    for row in range(len(table)):
        for column in range(len(table)):
            nudged = ones.clone()
            nudged[row, column] += 1e-9
            slopes[row, column] = (bigram_loss(nudged, ids) - bigram_loss(ones, ids)) / 1e-9
    return slopes


# %% wrong: a step downhill
# says: that slope is negative
def nudged_gradient(table, ids):
    slopes = torch.zeros(table.shape)
    for row in range(len(table)):
        for column in range(len(table)):
            nudged = table.double().clone()
            nudged[row, column] += 1e-3
            slopes[row, column] = (bigram_loss(table, ids) - bigram_loss(nudged, ids)) / 1e-3
    return slopes


# %% wrong: from both sides, divided by one nudge
# says: lie two nudges
def nudged_gradient(table, ids):
    slopes = torch.zeros(table.shape)
    for row in range(len(table)):
        for column in range(len(table)):
            up, down = table.double().clone(), table.double().clone()
            up[row, column] += 1e-3
            down[row, column] -= 1e-3
            slopes[row, column] = (bigram_loss(up, ids) - bigram_loss(down, ids)) / 1e-3
    return slopes


# %% wrong: nudges pile up, each measured from the start
# says: take a fresh copy
def nudged_gradient(table, ids):
    slopes, nudged = torch.zeros(table.shape), table.double().clone()
    before = bigram_loss(nudged, ids)
    for row in range(len(table)):
        for column in range(len(table)):
            nudged[row, column] += 1e-3
            slopes[row, column] = (bigram_loss(nudged, ids) - before) / 1e-3
    return slopes


# %% wrong: a nudge of 1
# says: by a nudge that is small
def nudged_gradient(table, ids):
    slopes = torch.zeros(table.shape)
    for row in range(len(table)):
        for column in range(len(table)):
            nudged = table.double().clone()
            nudged[row, column] += 1.0
            slopes[row, column] = bigram_loss(nudged, ids) - bigram_loss(table, ids)
    return slopes


# %% wrong: a whole row at a time
# says: one number alone
def nudged_gradient(table, ids):
    slopes = torch.zeros(table.shape)
    for row in range(len(table)):
        nudged = table.double().clone()
        nudged[row] += 1e-3
        slopes[row] = (bigram_loss(nudged, ids) - bigram_loss(table, ids)) / 1e-3
    return slopes


# %% wrong: a whole column at a time
# says: a table that is not zero
def nudged_gradient(table, ids):
    slopes = torch.zeros(table.shape)
    for column in range(table.shape[1]):
        nudged = table.double().clone()
        nudged[:, column] += 1e-3
        slopes[ids[0], column] = (bigram_loss(nudged, ids) - bigram_loss(table, ids)) / 1e-3
    return slopes


# %% wrong: slopes at a table of zeros, whatever the table
# says: a table that is not zero
def nudged_gradient(table, ids):
    slopes, zeros = torch.zeros(table.shape), torch.zeros(table.shape).double()
    for row in range(len(table)):
        for column in range(len(table)):
            nudged = zeros.clone()
            nudged[row, column] += 1e-3
            slopes[row, column] = (bigram_loss(nudged, ids) - bigram_loss(zeros, ids)) / 1e-3
    return slopes


# %% wrong: only the rows that are read come back
# says: one slope for each number
def nudged_gradient(table, ids):
    rows = []
    for row in sorted(set(ids[:-1].tolist())):
        slopes = []
        for column in range(len(table)):
            nudged = table.double().clone()
            nudged[row, column] += 1e-3
            slopes.append((bigram_loss(nudged, ids) - bigram_loss(table, ids)) / 1e-3)
        rows.append(slopes)
    return torch.tensor(rows)


# %% wrong: the sizes of the slopes without their signs
# says: that slope is negative
def nudged_gradient(table, ids):
    slopes = torch.zeros(table.shape)
    for row in range(len(table)):
        for column in range(len(table)):
            nudged = table.double().clone()
            nudged[row, column] += 1e-3
            slopes[row, column] = abs(bigram_loss(nudged, ids) - bigram_loss(table, ids)) / 1e-3
    return slopes


# %% wrong: the return is forgotten
# says: is there a return?
def nudged_gradient(table, ids):
    bigram_loss(table, ids)


# %% wrong: nudged by a factor
# says: a 0 multiplied stays 0
def nudged_gradient(table, ids):
    slopes = torch.zeros(table.shape)
    for row in range(len(table)):
        for column in range(len(table)):
            nudged = table.double().clone()
            nudged[row, column] *= 1.001
            slopes[row, column] = (bigram_loss(nudged, ids) - bigram_loss(table, ids)) / 1e-3
    return slopes


# %% wrong: set, not nudged
# says: been set in place of nudged
def nudged_gradient(table, ids):
    slopes = torch.zeros(table.shape)
    for row in range(len(table)):
        for column in range(len(table)):
            nudged = table.double().clone()
            nudged[row, column] = 1e-3
            slopes[row, column] = (bigram_loss(nudged, ids) - bigram_loss(table, ids)) / 1e-3
    return slopes


# %% wrong: rows and columns exchanged
# says: turned on their side
def nudged_gradient(table, ids):
    slopes = torch.zeros(table.shape)
    for row in range(len(table)):
        for column in range(len(table)):
            nudged = table.double().clone()
            nudged[row, column] += 1e-3
            slopes[column, row] = (bigram_loss(nudged, ids) - bigram_loss(table, ids)) / 1e-3
    return slopes


# %% wrong: a nudge of a millionth in float32
# says: so small that float32 rounds it away
def nudged_gradient(table, ids):
    slopes, before = torch.zeros(table.shape), bigram_loss(table, ids)
    for row in range(len(table)):
        for column in range(len(table)):
            nudged = table.clone()
            nudged[row, column] += 1e-6
            slopes[row, column] = (bigram_loss(nudged, ids) - before) / 1e-6
    return slopes


# %% wrong: the last column is left out
# says: was the last column left out?
def nudged_gradient(table, ids):
    g = torch.zeros(table.shape)
    for i in range(len(table)):
        for j in range(len(table) - 1):
            t = table.double().clone()
            t[i, j] += 1e-3
            g[i, j] = (bigram_loss(t, ids) - bigram_loss(table, ids)) / 1e-3
    return g


# %% wrong: the last row is left out
# says: the last row has slopes, too
def nudged_gradient(table, ids):
    g = torch.zeros(table.shape)
    for i in range(len(table) - 1):
        for j in range(len(table)):
            t = table.double().clone()
            t[i, j] += 1e-3
            g[i, j] = (bigram_loss(t, ids) - bigram_loss(table, ids)) / 1e-3
    return g


# %% wrong: only the pairs that stand in the text
# says: did not come has a slope, too
def nudged_gradient(table, ids):
    g = torch.zeros(table.shape)
    for i, j in zip(ids[:-1].tolist(), ids[1:].tolist()):
        t = table.double().clone()
        t[i, j] += 1e-3
        g[i, j] = (bigram_loss(t, ids) - bigram_loss(table, ids)) / 1e-3
    return g


# %% wrong: only tokens that stand in the text
# says: its column is nudged
def nudged_gradient(table, ids):
    slopes = torch.zeros(table.shape)
    for row in set(ids.tolist()):
        for column in set(ids.tolist()):
            up, down = table.double().clone(), table.double().clone()
            up[row, column] += 1e-3
            down[row, column] -= 1e-3
            slopes[row, column] = (bigram_loss(up, ids) - bigram_loss(down, ids)) / 2e-3
    return slopes


# %% wrong: the slopes are stored as whole numbers
# says: stored as whole numbers
def nudged_gradient(table, ids):
    slopes = torch.tensor([[0] * len(table)] * len(table))
    for row in range(len(table)):
        for column in range(len(table)):
            nudged = table.double().clone()
            nudged[row, column] += 1e-3
            rise = bigram_loss(nudged, ids) - bigram_loss(table, ids)
            slopes[row, column] = rise / 1e-3
    return slopes


# %% wrong: a list of rows
# says: return one tensor
def nudged_gradient(table, ids):
    slopes = []
    for row in range(len(table)):
        slopes.append([])
        for column in range(len(table)):
            nudged = table.double().clone()
            nudged[row, column] += 1e-3
            slopes[row].append((bigram_loss(nudged, ids) - bigram_loss(table, ids)) / 1e-3)
    return slopes
