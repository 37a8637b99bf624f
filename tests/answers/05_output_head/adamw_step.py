# %% right: torch's in-place methods on copies
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean = mean.clone().mul_(0.9).add_(gradient, alpha=0.1)
    square = square.clone().mul_(0.95).addcmul_(gradient, gradient, value=0.05)
    down = (square / (1 - 0.95**step)).sqrt_().add_(1e-8)
    weight = weight.clone().mul_(1 - rate * decay).addcdiv_(mean, down, value=-rate / (1 - 0.9**step))
    return weight, mean, square

# %% right: lerp, in double precision
def adamw_step(weight, gradient, mean, square, step, rate, decay, betas=(0.9, 0.95)):
    weight, gradient, mean, square = (t.double() for t in (weight, gradient, mean, square))
    mean = torch.lerp(gradient, mean, betas[0])
    square = torch.lerp(gradient * gradient, square, betas[1])
    move = mean / (1 - betas[0] ** step) / ((square / (1 - betas[1] ** step)) ** 0.5 + 1e-8)
    return weight - rate * decay * weight - rate * move, mean, square

# %% right: number by number
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    out = [one(*four, step, rate, decay) for four in zip(*(t.flatten().tolist() for t in (weight, gradient, mean, square)))]
    return [torch.tensor(column).reshape(weight.shape) for column in zip(*out)]

def one(w, g, m, s, t, rate, decay):
    m, s = 0.9 * m + 0.1 * g, 0.95 * s + 0.05 * g * g
    return w * (1 - rate * decay) - rate * (m / (1 - 0.9**t)) / (math.sqrt(s / (1 - 0.95**t)) + 1e-8), m, s

# %% right: in place
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean.mul_(0.9).add_(0.1 * gradient)
    square.mul_(0.95).add_(0.05 * gradient**2)
    m, s = mean / (1 - 0.9**step), square / (1 - 0.95**step)
    weight.mul_(1 - rate * decay).sub_(rate * m / (s.sqrt() + 1e-8))
    return weight, mean, square

# %% wrong: no correction of the first steps
# says: too small at first
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
    return (1 - rate * decay) * weight - rate * mean / (square.sqrt() + 1e-8), mean, square

# %% wrong: uphill
# says: against the gradient
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
    m, s = mean / (1 - 0.9**step), square / (1 - 0.95**step)
    return (1 - rate * decay) * weight + rate * m / (s.sqrt() + 1e-8), mean, square

# %% wrong: decay in the gradient, as in Adam
# says: decay the weight itself
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    gradient = gradient + decay * weight
    mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
    m, s = mean / (1 - 0.9**step), square / (1 - 0.95**step)
    return weight - rate * m / (s.sqrt() + 1e-8), mean, square

# %% wrong: the small number under the root
# says: not under it
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
    m, s = mean / (1 - 0.9**step), square / (1 - 0.95**step)
    return (1 - rate * decay) * weight - rate * m / (s + 1e-8).sqrt(), mean, square

# %% wrong: hands back the corrected means
# says: hand it back as it is before correction
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    m = (0.9 * mean + 0.1 * gradient) / (1 - 0.9**step)
    s = (0.95 * square + 0.05 * gradient**2) / (1 - 0.95**step)
    return (1 - rate * decay) * weight - rate * m / (s.sqrt() + 1e-8), m, s

# %% wrong: forgets to square the gradient
# says: squared
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient.abs()
    m, s = mean / (1 - 0.9**step), square / (1 - 0.95**step)
    return (1 - rate * decay) * weight - rate * m / (s.sqrt() + 1e-8), mean, square

# %% wrong: the weight alone
# says: return three tensors
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
    m, s = mean / (1 - 0.9**step), square / (1 - 0.95**step)
    return (1 - rate * decay) * weight - rate * m / (s.sqrt() + 1e-8)

# %% wrong: corrects by t times, not to the power of t
# says: t is the exponent
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
    m, s = mean / (1 - 0.9 / step), square / (1 - 0.95 / step)
    return (1 - rate * decay) * weight - rate * m / (s.sqrt() + 1e-8), mean, square

# %% wrong: no root
# says: one rate long
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
    m, s = mean / (1 - 0.9**step), square / (1 - 0.95**step)
    return (1 - rate * decay) * weight - rate * m / (s + 1e-8), mean, square

# %% wrong: the decay is not scaled by the rate
# says: without a gradient only the decay moves the weight
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
    m, s = mean / (1 - 0.9**step), square / (1 - 0.95**step)
    return (1 - decay) * weight - rate * m / (s.sqrt() + 1e-8), mean, square

# %% wrong: the gradient as it is, with no mean
# says: the mean is 0.9 of the old and 0.1 of the new gradient
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    square = 0.95 * square + 0.05 * gradient**2
    s = square / (1 - 0.95**step)
    return (1 - rate * decay) * weight - rate * gradient / (s.sqrt() + 1e-8), gradient, square

# %% wrong: decays the weight after its step
# says: as it was before the step
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    m = 0.9 * mean + 0.1 * gradient
    s = 0.95 * square + 0.05 * gradient**2
    mh, sh = m / (1 - 0.9**step), s / (1 - 0.95**step)
    return (1 - rate * decay) * (weight - rate * mh / (sh.sqrt() + 1e-8)), m, s


# %% wrong: one mean square for the whole tensor
# says: each number has a mean square of its own
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.95 * square + 0.05 * (gradient**2).mean()
    w = (1 - rate * decay) * weight - rate * mean / (1 - 0.9**step) / (
        (square / (1 - 0.95**step)).sqrt() + 1e-8
    )
    return w, mean, square


# %% wrong: the mean square before the mean
# says: the order is (weight, mean, square)
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    m, s = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2
    m_hat, s_hat = m / (1 - 0.9**step), s / (1 - 0.95**step)
    return (1 - rate * decay) * weight - rate * m_hat / (s_hat.sqrt() + 1e-8), s, m


# %% wrong: the small number before the correction
# says: not before the correction
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.95 * square + 0.05 * gradient**2
    size = rate * math.sqrt(1 - 0.95**step) / (1 - 0.9**step)
    return (1 - rate * decay) * weight - size * mean / (square.sqrt() + 1e-8), mean, square


# %% wrong: steps with the old mean and square
# says: step with the new mean and square
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    m, s = mean / (1 - 0.9**step), square / (1 - 0.95**step)
    weight = (1 - rate * decay) * weight - rate * m / (s.sqrt() + 1e-8)
    return weight, 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2


# %% wrong: corrects by one step too few
# says: step counts from 1
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.95 * square + 0.05 * gradient**2
    m, s = mean / (1 - 0.9 ** (step - 1)), square / (1 - 0.95 ** (step - 1))
    return (1 - rate * decay) * weight - rate * m / (s.sqrt() + 1e-8), mean, square


# %% wrong: the square is not corrected
# says: the square is not corrected
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.95 * square + 0.05 * gradient**2
    m_hat = mean / (1 - 0.9**step)
    weight = (1 - rate * decay) * weight - rate * m_hat / (square.sqrt() + 1e-8)
    return weight, mean, square


# %% wrong: the mean is not corrected
# says: the mean is not corrected
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.95 * square + 0.05 * gradient**2
    s_hat = square / (1 - 0.95**step)
    weight = (1 - rate * decay) * weight - rate * mean / (s_hat.sqrt() + 1e-8)
    return weight, mean, square
