# %% right: the formula
def learning_rate(step, steps, peak):
    return peak * min(1, (step + 1) / (0.05 * steps)) * (1 - step / steps)


# %% right: two cases
def learning_rate(step, steps, peak):
    warm_up = steps / 20
    rate = peak * (steps - step) / steps
    if step + 1 < warm_up:
        rate *= (step + 1) / warm_up
    return rate


# %% right: as tensors
def learning_rate(step, steps, peak):
    rising = ((torch.arange(steps, dtype=torch.float64) + 1) / (0.05 * steps)).clamp(max=1)
    falling = 1 - torch.arange(steps, dtype=torch.float64) / steps
    return float((peak * rising * falling)[step])


# %% wrong: returns nothing
# says: returned None
def learning_rate(step, steps, peak):
    peak * min(1, (step + 1) / (0.05 * steps)) * (1 - step / steps)


# %% wrong: the first rate is 0
# says: count step + 1
def learning_rate(step, steps, peak):
    return peak * min(1, step / (0.05 * steps)) * (1 - step / steps)


# %% wrong: no warm-up
# says: there is no warm-up
def learning_rate(step, steps, peak):
    return peak * (1 - step / steps)


# %% wrong: no cap
# says: it is at most 1
def learning_rate(step, steps, peak):
    return peak * (step + 1) / (0.05 * steps) * (1 - step / steps)


# %% wrong: no decay
# says: there is no decay
def learning_rate(step, steps, peak):
    return peak * min(1, (step + 1) / (0.05 * steps))


# %% wrong: the smaller of the two, not their product
# says: 0.96 at step 4
def learning_rate(step, steps, peak):
    return peak * min(1, (step + 1) / (0.05 * steps), 1.01 - step / steps)


# %% wrong: five steps of warm-up, however many there are
# says: 5 % of them, not a fixed number
def learning_rate(step, steps, peak):
    return peak * min(1, (step + 1) / 5) * (1 - step / steps)


# %% wrong: a cosine
# says: 100 steps, peak 1
def learning_rate(step, steps, peak):
    return peak * min(1, (step + 1) / (0.05 * steps)) * (1 + math.cos(math.pi * step / steps)) / 2


# %% wrong: forgets the peak
# says: everything scales with the peak
def learning_rate(step, steps, peak):
    return min(1, (step + 1) / (0.05 * steps)) * (1 - step / steps)
