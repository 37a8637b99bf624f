# %% right: two factors, named
def learning_rate(step, steps, peak):
    warm = (step + 1) / (steps / 20)
    decay = (steps - step) / steps
    return peak * decay * (warm if warm < 1 else 1.0)

# %% right: if and else
def learning_rate(step, steps, peak):
    rate = peak - peak * step / steps
    if (step + 1) * 20 < steps:
        rate *= 20 * (step + 1) / steps
    return rate

# %% right: tensors
def learning_rate(step, steps, peak):
    warm = torch.tensor((step + 1) / (0.05 * steps), dtype=torch.float64).clamp(max=1)
    return (peak * warm * (1 - step / steps)).item()

# %% right: the whole schedule, then one of it
def learning_rate(step, steps, peak):
    return [peak * min(1, 20 * (s + 1) / steps) * (1 - s / steps) for s in range(steps)][step]

# %% wrong: the warm-up counts from 0
# says: the first step has the rate 0
def learning_rate(step, steps, peak):
    return peak * min(1, step / (0.05 * steps)) * (1 - step / steps)

# %% wrong: the decay ends at 0
# says: the last step has the rate 0
def learning_rate(step, steps, peak):
    return peak * min(1, (step + 1) / (0.05 * steps)) * (1 - (step + 1) / steps)

# %% wrong: the warm-up never ends
# says: it is never more than 1
def learning_rate(step, steps, peak):
    return peak * (step + 1) / (0.05 * steps) * (1 - step / steps)

# %% wrong: no decay
# says: half-way the decay is one half
def learning_rate(step, steps, peak):
    return peak * min(1, (step + 1) / (0.05 * steps))

# %% wrong: no warm-up
# says: the warm-up takes 2 steps
def learning_rate(step, steps, peak):
    return peak * (1 - step / steps)

# %% wrong: the decay begins after the warm-up
# says: the decay has begun
def learning_rate(step, steps, peak):
    warm = 0.05 * steps
    if step + 1 <= warm:
        return peak * (step + 1) / warm
    return peak * (1 - step / steps)

# %% wrong: forgets the peak
# says: in proportion to the peak
def learning_rate(step, steps, peak):
    return min(1, (step + 1) / (0.05 * steps)) * (1 - step / steps)

# %% wrong: a whole number of warm-up steps
# says: so round nothing
def learning_rate(step, steps, peak):
    warm = max(1, int(0.05 * steps))
    return peak * min(1, (step + 1) / warm) * (1 - step / steps)


# %% wrong: the smaller one of peak and warm-up
# says: grows to 1, not to the peak
def learning_rate(step, steps, peak):
    return min(peak, (step + 1) / (0.05 * steps)) * (1 - step / steps)


# %% wrong: a warm-up of two steps, however long the training
# says: the warm-up takes 20 steps here
def learning_rate(step, steps, peak):
    return peak * min(1, (step + 1) / min(2, 0.05 * steps)) * (1 - step / steps)


# %% wrong: no return
# says: is there a return?
def learning_rate(step, steps, peak):
    rate = peak * min(1, (step + 1) / (0.05 * steps)) * (1 - step / steps)


# %% right: numpy's where, an array of no dimensions
def learning_rate(step, steps, peak):
    warm, left = (step + 1) / (0.05 * steps), peak * (1 - step / steps)
    return np.where(warm < 1, warm * left, left)


# %% wrong: the decay is over steps - 1
# says: neither step + 1 nor steps - 1
def learning_rate(step, steps, peak):
    return peak * min(1, (step + 1) / (0.05 * steps)) * (1 - step / (steps - 1))
