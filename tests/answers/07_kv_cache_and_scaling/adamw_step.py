# %% right: five lines
def adamw_step(weight, gradient, m, v, t, rate, decay):
    m = 0.9 * m + 0.1 * gradient
    v = 0.95 * v + 0.05 * gradient * gradient
    m_hat, v_hat = m / (1 - 0.9**t), v / (1 - 0.95**t)
    return weight - rate * (m_hat / (v_hat.sqrt() + 1e-8) + decay * weight), m, v


# %% right: decay first, as torch does, with lerp and addcmul
def adamw_step(weight, gradient, m, v, t, rate, decay, betas=(0.9, 0.95)):
    weight = weight * (1 - rate * decay)
    m = torch.lerp(m, gradient, 1 - betas[0])
    v = (v * betas[1]).addcmul(gradient, gradient, value=1 - betas[1])
    size = v.sqrt() / (1 - betas[1] ** t) ** 0.5 + 1e-8
    return [weight - rate / (1 - betas[0] ** t) * m / size, m, v]


# %% right: in place, in float64
def adamw_step(weight, gradient, m, v, t, rate, decay):
    g = gradient.double()
    m.mul_(0.9).add_(0.1 * g)
    v.mul_(0.95).add_(0.05 * g.square())
    step = (m.double() / (1 - 0.9**t)) / (torch.sqrt(v.double() / (1 - 0.95**t)) + 1e-8)
    weight.sub_(rate * step + rate * decay * weight)
    return weight, m, v


# %% right: number by number
def adamw_step(weight, gradient, m, v, t, rate, decay):
    def one(w, g, a, b):
        a, b = 0.9 * a + 0.1 * g, 0.95 * b + 0.05 * g**2
        return w - rate * ((a / (1 - 0.9**t)) / ((b / (1 - 0.95**t)) ** 0.5 + 1e-8) + decay * w), a, b

    rows = [one(*four) for four in zip(*(x.flatten().tolist() for x in (weight, gradient, m, v)))]
    return tuple(torch.tensor(column).view(weight.shape) for column in zip(*rows))


# %% wrong: climbs
# says: go against the gradient
def adamw_step(weight, gradient, m, v, t, rate, decay):
    m, v = 0.9 * m + 0.1 * gradient, 0.95 * v + 0.05 * gradient**2
    return weight + rate * (m / (1 - 0.9**t)) / ((v / (1 - 0.95**t)).sqrt() + 1e-8), m, v


# %% wrong: plain gradient descent
# says: that is plain gradient descent
def adamw_step(weight, gradient, m, v, t, rate, decay):
    return weight - rate * (gradient + decay * weight), m, v


# %% wrong: no correction of the means
# says: divide them by 1 - 0.9^t
def adamw_step(weight, gradient, m, v, t, rate, decay):
    m, v = 0.9 * m + 0.1 * gradient, 0.95 * v + 0.05 * gradient**2
    return weight - rate * (m / (v.sqrt() + 1e-8) + decay * weight), m, v


# %% wrong: hands back the corrected means
# says: hand them back uncorrected
def adamw_step(weight, gradient, m, v, t, rate, decay):
    m, v = 0.9 * m + 0.1 * gradient, 0.95 * v + 0.05 * gradient**2
    m, v = m / (1 - 0.9**t), v / (1 - 0.95**t)
    return weight - rate * (m / (v.sqrt() + 1e-8) + decay * weight), m, v


# %% wrong: the gradient is not squared in v
# says: v is 0.05 × 2²
def adamw_step(weight, gradient, m, v, t, rate, decay):
    m, v = 0.9 * m + 0.1 * gradient, 0.95 * v + 0.05 * gradient.abs()
    return weight - rate * ((m / (1 - 0.9**t)) / ((v / (1 - 0.95**t)).sqrt() + 1e-8) + decay * weight), m, v


# %% wrong: decay through the gradient, as in Adam
# says: AdamW takes rate × decay × weight off the weight itself
def adamw_step(weight, gradient, m, v, t, rate, decay):
    moved = gradient + decay * weight
    new_m, new_v = 0.9 * m + 0.1 * moved, 0.95 * v + 0.05 * moved**2
    return (
        weight - rate * (new_m / (1 - 0.9**t)) / ((new_v / (1 - 0.95**t)).sqrt() + 1e-8),
        new_m,
        new_v,
    )


# %% wrong: the decay is not multiplied by the rate
# says: the learning rate multiplies the decay as well
def adamw_step(weight, gradient, m, v, t, rate, decay):
    m, v = 0.9 * m + 0.1 * gradient, 0.95 * v + 0.05 * gradient**2
    return weight - rate * (m / (1 - 0.9**t)) / ((v / (1 - 0.95**t)).sqrt() + 1e-8) - decay * weight, m, v


# %% wrong: the small number inside the root
# says: the 1e-8 stands outside the root
def adamw_step(weight, gradient, m, v, t, rate, decay):
    m, v = 0.9 * m + 0.1 * gradient, 0.95 * v + 0.05 * gradient**2
    return weight - rate * ((m / (1 - 0.9**t)) / (v / (1 - 0.95**t) + 1e-8).sqrt() + decay * weight), m, v


# %% wrong: corrects as in the first step, always
# says: use t
def adamw_step(weight, gradient, m, v, t, rate, decay):
    m, v = 0.9 * m + 0.1 * gradient, 0.95 * v + 0.05 * gradient**2
    return weight - rate * ((m / 0.1) / ((v / 0.05).sqrt() + 1e-8) + decay * weight), m, v


# %% wrong: one mean of squares for the whole tensor
# says: torch.optim.AdamW
def adamw_step(weight, gradient, m, v, t, rate, decay):
    m, v = 0.9 * m + 0.1 * gradient, 0.95 * v + 0.05 * (gradient**2).mean()
    return weight - rate * ((m / (1 - 0.9**t)) / ((v / (1 - 0.95**t)).sqrt() + 1e-8) + decay * weight), m, v
