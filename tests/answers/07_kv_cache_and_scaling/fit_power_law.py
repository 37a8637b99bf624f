# %% right: least squares for each alpha
def fit_power_law(n, loss):
    n, loss, best = n.double(), loss.double(), None
    for step in range(1, 2001):
        alpha = step / 1000
        x = n**-alpha
        matrix = torch.stack([torch.ones_like(x), x], dim=1)
        e, a = torch.linalg.lstsq(matrix, loss[:, None]).solution[:, 0].tolist()
        if e < 0:
            e, a = 0.0, float((x @ loss) / (x @ x))
        error = float(((e + a * x - loss) ** 2).sum())
        if best is None or error < best[0]:
            best = error, e, a, alpha
    return best[1:]


# %% right: thirds of the interval, in plain Python
def line(x, y):
    mx, my = sum(x) / len(x), sum(y) / len(y)
    a = sum((p - mx) * (q - my) for p, q in zip(x, y)) / sum((p - mx) ** 2 for p in x)
    if my - a * mx < 0:
        return 0.0, sum(p * q for p, q in zip(x, y)) / sum(p * p for p in x)
    return my - a * mx, a


def fit_power_law(n, loss):
    n, loss = n.tolist(), loss.tolist()

    def error(alpha):
        x = [m**-alpha for m in n]
        e, a = line(x, loss)
        return sum((e + a * p - q) ** 2 for p, q in zip(x, loss))

    grid = [0.001 + 0.01 * i for i in range(200)]
    middle = min(grid, key=error)
    low, high = max(0.0005, middle - 0.01), middle + 0.01
    for _ in range(60):
        one, two = low + (high - low) / 3, high - (high - low) / 3
        low, high = (low, two) if error(one) < error(two) else (one, high)
    alpha = (low + high) / 2
    e, a = line([m**-alpha for m in n], loss)
    return e, a, alpha


# %% right: numpy, coarse then fine
import numpy


def fit_power_law(n, loss, rounds=4):
    n, y = n.numpy().astype(float), loss.numpy().astype(float)
    low, high = 0.001, 2.0
    for _ in range(rounds):
        best = (numpy.inf,)
        for alpha in numpy.linspace(low, high, 400):
            x = n**-alpha
            a, e = numpy.polyfit(x, y, 1)
            if e < 0:
                e, a = 0.0, (x * y).sum() / (x * x).sum()
            best = min(best, (((e + a * x - y) ** 2).sum(), e, a, alpha))
        step = (high - low) / 399
        low, high = max(0.001, best[3] - 2 * step), min(2.0, best[3] + 2 * step)
    return tuple(float(value) for value in best[1:])


# %% wrong: a straight line in logarithms, no floor
# says: the fit put the floor E at 0
def fit_power_law(n, loss):
    x, y = n.double().log(), loss.double().log()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return 0.0, float((y.mean() - slope * x.mean()).exp()), float(-slope)


# %% wrong: the smallest loss taken for the floor
# says: E = 1, A = 8, alpha = 0.5
def fit_power_law(n, loss):
    e = float(loss.min()) - 1e-6
    x, y = n.double().log(), (loss.double() - e).log()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return e, float((y.mean() - slope * x.mean()).exp()), float(-slope)


# %% wrong: the exponent with its sign
# says: alpha is positive
def fit_power_law(n, loss):
    best = (float("inf"),)
    for step in range(1, 2001):
        x = n.double() ** (-step / 1000)
        a = ((x - x.mean()) * (loss - loss.mean())).sum() / ((x - x.mean()) ** 2).sum()
        e = max(float(loss.mean() - a * x.mean()), 0.0)
        best = min(best, (float(((e + a * x - loss) ** 2).sum()), e, float(a), -step / 1000))
    return best[1:]


# %% wrong: alpha first
# says: the order is (e, a, alpha)
def fit_power_law(n, loss):
    best = (float("inf"),)
    for step in range(1, 2001):
        x = n.double() ** (-step / 1000)
        a = ((x - x.mean()) * (loss - loss.mean())).sum() / ((x - x.mean()) ** 2).sum()
        e = max(float(loss.mean() - a * x.mean()), 0.0)
        best = min(best, (float(((e + a * x - loss) ** 2).sum()), step / 1000, float(a), e))
    return best[1:]


# %% wrong: alpha in steps of a tenth
# says: the fit must find that alpha
def fit_power_law(n, loss):
    best = (float("inf"),)
    for step in range(1, 21):
        x = n.double() ** (-step / 10)
        a = ((x - x.mean()) * (loss - loss.mean())).sum() / ((x - x.mean()) ** 2).sum()
        e = max(float(loss.mean() - a * x.mean()), 0.0)
        best = min(best, (float(((e + a * x - loss) ** 2).sum()), e, float(a), step / 10))
    return best[1:]


# %% wrong: a floor below zero
# says: then E is 0
def fit_power_law(n, loss):
    best = (float("inf"),)
    loss = loss.double()
    for step in range(1, 2001):
        x = n.double() ** (-step / 1000)
        a = ((x - x.mean()) * (loss - loss.mean())).sum() / ((x - x.mean()) ** 2).sum()
        e = float(loss.mean() - a * x.mean())
        best = min(best, (float(((e + a * x - loss) ** 2).sum()), e, float(a), step / 1000))
    return best[1:]


# %% wrong: A as a logarithm
# says: E = 1, A = 8, alpha = 0.5
def fit_power_law(n, loss):
    best = (float("inf"),)
    for step in range(1, 2001):
        x = n.double() ** (-step / 1000)
        a = ((x - x.mean()) * (loss - loss.mean())).sum() / ((x - x.mean()) ** 2).sum()
        e = max(float(loss.mean() - a * x.mean()), 0.0)
        best = min(best, (float(((e + a * x - loss) ** 2).sum()), e, float(a.log()), step / 1000))
    return best[1:]


# %% wrong: E is pinned at 0 and A stays as it was
# says: A is sum of x L / sum of x²
def fit_power_law(n, loss):
    best = (float("inf"),)
    loss = loss.double()
    for step in range(1, 2001):
        x = n.double() ** (-step / 1000)
        a = ((x - x.mean()) * (loss - loss.mean())).sum() / ((x - x.mean()) ** 2).sum()
        e = max(float(loss.mean() - a * x.mean()), 0.0)
        best = min(best, (float(((e + a * x - loss) ** 2).sum()), e, float(a), step / 1000))
    return best[1:]


# %% wrong: E is pinned after the search, with the alpha of a free fit
# says: pin E inside the search, not after it
def fit_power_law(n, loss):
    best = (float("inf"),)
    loss = loss.double()
    for step in range(1, 2001):
        x = n.double() ** (-step / 1000)
        a = ((x - x.mean()) * (loss - loss.mean())).sum() / ((x - x.mean()) ** 2).sum()
        e = loss.mean() - a * x.mean()
        best = min(best, (float(((e + a * x - loss) ** 2).sum()), float(e), float(a), step / 1000))
    _, e, a, alpha = best
    if e < 0:
        x = n.double() ** -alpha
        e, a = 0.0, float((x * loss).sum() / (x * x).sum())
    return e, a, alpha


# %% wrong: alpha is searched up to 1 only
# says: E = 1.0, A = 8.0, alpha = 1.5
def fit_power_law(n, loss):
    best = (float("inf"),)
    loss = loss.double()
    for step in range(1, 1001):
        x = n.double() ** (-step / 1000)
        a = ((x - x.mean()) * (loss - loss.mean())).sum() / ((x - x.mean()) ** 2).sum()
        e = loss.mean() - a * x.mean()
        if e < 0:
            e, a = 0.0, (x * loss).sum() / (x * x).sum()
        best = min(best, (float(((e + a * x - loss) ** 2).sum()), float(e), float(a), step / 1000))
    return best[1:]


# %% wrong: the smallest sum of absolute errors
# says: SQUARED errors
def fit_power_law(n, loss):
    best = (float("inf"),)
    loss = loss.double()
    for step in range(1, 2001):
        x = n.double() ** (-step / 1000)
        a = ((x - x.mean()) * (loss - loss.mean())).sum() / ((x - x.mean()) ** 2).sum()
        e = loss.mean() - a * x.mean()
        if e < 0:
            e, a = 0.0, (x * loss).sum() / (x * x).sum()
        best = min(best, (float((e + a * x - loss).abs().sum()), float(e), float(a), step / 1000))
    return best[1:]


# %% wrong: alpha is searched from 0.1 on
# says: search all of 0.001 to 2
def fit_power_law(n, loss):
    n, y = n.double(), loss.double()
    best = (math.inf,)
    for k in range(100, 1800):
        x = n ** (-k / 1000)
        d = x - x.mean()
        a = (d @ (y - y.mean())) / (d @ d)
        e = y.mean() - a * x.mean()
        if e < 0:
            e, a = torch.zeros(()).double(), (x @ y) / (x @ x)
        s = float(((e + a * x - y) ** 2).sum())
        if s < best[0]:
            best = (s, float(e), float(a), k / 1000)
    return best[1:]


# %% right: the golden section around the best hundredth
def fit_power_law(n, loss):
    n, y = n.double(), loss.double()

    def at(al):
        x = n**-al
        k = len(y)
        d = x - x.mean()
        a = (d @ (y - y.mean())) / (d @ d)
        e = y.mean() - a * x.mean()
        if e < 0:
            e, a = torch.zeros(()), (x @ y) / (x @ x)
        return float(((e + a * x - y) ** 2).sum()), float(e), float(a), al

    c = min((at(i / 100) for i in range(1, 201)), key=lambda t: t[0])[3]
    lo, hi = max(0.001, c - 0.01), min(2.0, c + 0.01)
    g = (5**0.5 - 1) / 2
    for _ in range(60):
        l, r = hi - g * (hi - lo), lo + g * (hi - lo)
        if at(l)[0] < at(r)[0]:
            hi = r
        else:
            lo = l
    return at((lo + hi) / 2)[1:]


# %% wrong: alpha is searched from 0.010 to 1.969
# says: search all of 0.001 to 2
def fit_power_law(n, loss):
    n, y, best = n.double(), loss.double(), None
    for step in range(10, 1970):
        x = n ** (-step / 1000)
        a = float(((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).pow(2).sum())
        e = float(y.mean() - a * x.mean())
        if e < 0:
            e, a = 0.0, float((x @ y) / (x @ x))
        error = float((e + a * x - y).pow(2).sum())
        if best is None or error < best[0]:
            best = error, e, a, step / 1000
    return best[1:]


# %% wrong: no return
# says: is there a return?
def fit_power_law(n, loss):
    alphas = torch.arange(1, 2001, dtype=torch.float64) / 1000


# %% wrong: alpha is searched up to 3
# says: alpha is at most 2
def fit_power_law(n, loss):
    n, y, best = n.double(), loss.double(), (math.inf,)
    for step in range(1, 3001):
        x = n ** (-step / 1000)
        a = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).pow(2).sum()
        e = y.mean() - a * x.mean()
        if e < 0:
            e, a = 0.0, (x @ y) / (x @ x)
        best = min(best, (float(((e + a * x - y) ** 2).sum()), float(e), float(a), step / 1000))
    return best[1:]


# %% wrong: A is kept from going below 0
# says: A is negative here
def fit_power_law(n, loss):
    n, y, best = n.double(), loss.double(), (math.inf,)
    for step in range(1, 2001):
        x = n ** (-step / 1000)
        a = (((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).pow(2).sum()).clamp(min=0)
        e = y.mean() - a * x.mean()
        if e < 0:
            e, a = 0.0, (x @ y) / (x @ x)
        best = min(best, (float(((e + a * x - y) ** 2).sum()), float(e), float(a), step / 1000))
    return best[1:]
