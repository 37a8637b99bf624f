# %% right: a comprehension
def forecast_misses(n, loss, least):
    def law(fit, size):
        return fit[0] + fit[1] * size ** -fit[2]

    return [float(loss[i]) - law(fit(n[:i], loss[:i]), float(n[i])) for i in range(least, len(n))]


# %% right: from the largest down
def forecast_misses(n, loss, least):
    n, loss, found = n.double(), loss.double(), []
    while len(n) > least:
        e, a, alpha = fit(n[:-1], loss[:-1])
        found.insert(0, (loss[-1] - e - a * n[-1].pow(-alpha)).item())
        n, loss = n[:-1], loss[:-1]
    return found


# %% right: masks, and float32 in the forecast
def forecast_misses(n, loss, least, verbose=False):
    out = []
    for size, value in list(zip(n, loss))[least:]:
        smaller = n < size
        e, a, alpha = fit(n[smaller], loss[smaller])
        out += [(value - (e + a * size ** (-alpha))).item()]
    return out


# %% wrong: the held-back size is in the fit
# says: as if the fit had seen the size that it forecasts
def forecast_misses(n, loss, least):
    misses = []
    for i in range(least, len(n)):
        e, a, alpha = fit(n[: i + 1], loss[: i + 1])
        misses.append(loss[i].item() - (e + a * n[i].item() ** -alpha))
    return misses


# %% wrong: one fit of all sizes
# says: as if the fit had seen the size that it forecasts
def forecast_misses(n, loss, least):
    e, a, alpha = fit(n, loss)
    return (loss - e - a * n**-alpha)[least:].tolist()


# %% wrong: leaves one out, and larger ones in
# says: a forecast may use smaller sizes only
def forecast_misses(n, loss, least):
    misses = []
    for i in range(least, len(n)):
        others = torch.arange(len(n)) != i
        e, a, alpha = fit(n[others], loss[others])
        misses.append(loss[i].item() - (e + a * n[i].item() ** -alpha))
    return misses


# %% wrong: one fit of the first sizes for all
# says: fit again for every size that is held back
def forecast_misses(n, loss, least):
    e, a, alpha = fit(n[:least], loss[:least])
    return (loss - e - a * n**-alpha)[least:].tolist()


# %% wrong: forecast minus measured
# says: measured minus forecast
def forecast_misses(n, loss, least):
    misses = []
    for i in range(least, len(n)):
        e, a, alpha = fit(n[:i], loss[:i])
        misses.append(e + a * n[i].item() ** -alpha - loss[i].item())
    return misses


# %% wrong: without the sign
# says: keep the sign
def forecast_misses(n, loss, least):
    misses = []
    for i in range(least, len(n)):
        e, a, alpha = fit(n[:i], loss[:i])
        misses.append(abs(loss[i].item() - (e + a * n[i].item() ** -alpha)))
    return misses


# %% wrong: as a share of the forecast
# says: not a ratio
def forecast_misses(n, loss, least):
    misses = []
    for i in range(least, len(n)):
        e, a, alpha = fit(n[:i], loss[:i])
        misses.append(loss[i].item() / (e + a * n[i].item() ** -alpha) - 1)
    return misses


# %% wrong: the largest only
# says: the first `least` sizes get no forecast, all others do
def forecast_misses(n, loss, least):
    e, a, alpha = fit(n[:-1], loss[:-1])
    return [loss[-1].item() - (e + a * n[-1].item() ** -alpha)]


# %% wrong: a tensor
# says: return a list of floats
def forecast_misses(n, loss, least):
    misses = []
    for i in range(least, len(n)):
        e, a, alpha = fit(n[:i], loss[:i])
        misses.append(loss[i] - (e + a * n[i] ** -alpha))
    return torch.stack(misses)


# %% wrong: forgets the minus
# says: with the minus
def forecast_misses(n, loss, least):
    misses = []
    for i in range(least, len(n)):
        e, a, alpha = fit(n[:i], loss[:i])
        misses.append(loss[i].item() - (e + a * n[i].item() ** alpha))
    return misses


# %% wrong: shortcut: the miss of the example
# says: losses made by the formula itself
def forecast_misses(n, loss, least):
    return [0.1] * (len(n) - least)


# %% wrong: shortcut: no law, the last loss stands for the next
# says: a forecast by no law at all
def forecast_misses(n, loss, least):
    return [(loss[i] - loss[i - 1]).item() for i in range(least, len(n))]


# %% wrong: shortcut: a straight line on logarithms, without a floor
# says: which has no floor
def forecast_misses(n, loss, least):
    import numpy

    misses = []
    for i in range(least, len(n)):
        x, y = n[:i].log().numpy(), loss[:i].log().numpy()
        slope, start = numpy.polyfit(x, y, 1)
        misses.append(float(loss[i] - numpy.exp(start + slope * float(n[i].log()))))
    return misses


# %% wrong: shortcut: never a miss
# says: hold that one back
def forecast_misses(n, loss, least):
    return [0.0] * (len(n) - least)


# %% wrong: shortcut: a least of its own
# says: the first `least` sizes get no forecast
def forecast_misses(n, loss, least):
    misses = []
    for i in range(3, len(n)):
        e, a, alpha = fit(n[:i], loss[:i])
        misses.append(loss[i].item() - (e + a * n[i].item() ** -alpha))
    return misses


# %% wrong: shortcut: from the three sizes before it alone
# says: not only the last three
def forecast_misses(n, loss, least):
    misses = []
    for i in range(least, len(n)):
        e, a, alpha = fit(n[i - 3 : i], loss[i - 3 : i])
        misses.append(loss[i].item() - (e + a * n[i].item() ** -alpha))
    return misses


# %% wrong: shortcut: a sliding window of the last `least` sizes
# says: not only the last few
def forecast_misses(n, loss, least):
    misses = []
    for i in range(least, len(n)):
        e, a, alpha = fit(n[i - least : i], loss[i - least : i])
        misses.append(loss[i].item() - (e + a * n[i].item() ** -alpha))
    return misses


# %% wrong: shortcut: a sliding window of six sizes, more than the small cases have
# says: twelve sizes, and the smallest lies off the law
def forecast_misses(n, loss, least):
    misses = []
    for i in range(least, len(n)):
        e, a, alpha = fit(n[max(0, i - 6) : i], loss[max(0, i - 6) : i])
        misses.append(loss[i].item() - (e + a * n[i].item() ** -alpha))
    return misses
