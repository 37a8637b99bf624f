# %% right: moments in two lists
def train(weights, model, batches, peak):
    means = [torch.zeros(w.shape) for w in weights]
    squares = [torch.zeros(w.shape) for w in weights]
    losses = []
    for n in range(len(batches)):
        for w in weights:
            if w.grad is not None:
                w.grad.zero_()
        inputs, targets = next_token_pairs(batches[n])
        loss = cross_entropy(model(inputs), targets)
        losses.append(float(loss.detach()))
        loss.backward()
        for i in range(len(weights)):
            decay = 0.1 * (weights[i].ndim >= 2)
            new, means[i], squares[i] = adamw_step(
                weights[i].detach(), weights[i].grad, means[i], squares[i], n + 1,
                learning_rate(n, len(batches), peak), decay,
            )
            weights[i].data.copy_(new)
    return losses

# %% right: gradients from torch.autograd.grad, torch's own loss
def train(weights, model, batches, peak):
    moments, losses = {}, []
    for step, ids in enumerate(batches, start=1):
        logits = model(ids[:, :-1])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        gradients = torch.autograd.grad(loss, weights)
        rate = learning_rate(step - 1, len(batches), peak)
        for i, (w, g) in enumerate(zip(weights, gradients)):
            m, s = moments.get(i, (torch.zeros_like(g), torch.zeros_like(g)))
            w.data, *moments[i] = adamw_step(w.data, g, m, s, step, rate, 0.0 if w.dim() < 2 else 0.1)
        losses.append(loss.item())
    return losses

# %% right: a generator of losses and a class for the moments
class Moments:
    def __init__(self, w):
        self.w, self.m, self.s, self.t = w, w.detach() * 0, w.detach() * 0, 0

    @torch.no_grad()
    def move(self, rate):
        self.t += 1
        decay = 0.1 if len(self.w.shape) > 1 else 0
        new, self.m, self.s = adamw_step(self.w, self.w.grad, self.m, self.s, self.t, rate, decay)
        self.w.mul_(0).add_(new)
        self.w.grad = None

def steps(weights, model, batches, peak):
    moments = [Moments(w) for w in weights]
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        loss.backward()
        for moment in moments:
            moment.move(learning_rate(step, len(batches), peak))
        yield loss.item()

def train(weights, model, batches, peak):
    return list(steps(weights, model, batches, peak))

# %% right: the given adamw, zip and a list of losses made at the end
def train(weights, model, batches, peak):
    kept, moments = [], {}
    for step, (inputs, targets) in enumerate(map(next_token_pairs, batches)):
        for w in weights:
            w.grad = None
        kept.append(cross_entropy(model(inputs), targets))
        kept[-1].backward()
        adamw(weights, moments, step + 1, learning_rate(step, len(batches), peak))
    return [loss.item() for loss in kept]

# %% wrong: adamw with new moments in every step
# says: make `moments` once, before the loop
def train(weights, model, batches, peak):
    losses = []
    for step, batch in enumerate(batches):
        inputs, targets = next_token_pairs(batch)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        adamw(weights, {}, step + 1, learning_rate(step, len(batches), peak))
        losses.append(loss.item())
    return losses

# %% wrong: never clears the gradients
# says: clear w.grad before backward
def train(weights, model, batches, peak):
    losses = []
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for w, moment in zip(weights, moments):
                decay = 0.1 if w.dim() > 1 else 0.0
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, step + 1, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return losses

# %% wrong: decays the norms and biases, too
# says: tensors of one dimension have decay 0
def train(weights, model, batches, peak):
    losses = []
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for w, moment in zip(weights, moments):
                decay = 0.1
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, step + 1, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return losses

# %% wrong: targets are not shifted
# says: the target is the token after it
def train(weights, model, batches, peak):
    losses = []
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    for step, ids in enumerate(batches):
        inputs = targets = ids
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for w, moment in zip(weights, moments):
                decay = 0.1 if w.dim() > 1 else 0.0
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, step + 1, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return losses

# %% wrong: changes its variable, not the weight
# says: write into them
def train(weights, model, batches, peak):
    losses = []
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for w, moment in zip(weights, moments):
                decay = 0.1 if w.dim() > 1 else 0.0
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, step + 1, rate, decay)
                w = new
        losses.append(loss.item())
    return losses

# %% wrong: tensors for losses
# says: a plain number
def train(weights, model, batches, peak):
    losses = []
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for w, moment in zip(weights, moments):
                decay = 0.1 if w.dim() > 1 else 0.0
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, step + 1, rate, decay)
                w.copy_(new)
        losses.append(loss.detach())
    return losses

# %% wrong: the rate never changes
# says: each step has its own rate
def train(weights, model, batches, peak):
    losses = []
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = peak
        with torch.no_grad():
            for w, moment in zip(weights, moments):
                decay = 0.1 if w.dim() > 1 else 0.0
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, step + 1, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return losses

# %% wrong: forgets the means after each step
# says: means and squares began at 0 in every step
def train(weights, model, batches, peak):
    losses = []
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
        with torch.no_grad():
            for w, moment in zip(weights, moments):
                decay = 0.1 if w.dim() > 1 else 0.0
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, step + 1, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return losses

# %% wrong: t stays 1
# says: its own t
def train(weights, model, batches, peak):
    losses = []
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for w, moment in zip(weights, moments):
                decay = 0.1 if w.dim() > 1 else 0.0
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, 1, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return losses

# %% wrong: the loss after the step
# says: the first loss is ln 2
def train(weights, model, batches, peak):
    losses = []
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for w, moment in zip(weights, moments):
                decay = 0.1 if w.dim() > 1 else 0.0
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, step + 1, rate, decay)
                w.copy_(new)
        losses.append(cross_entropy(model(inputs), targets).item())
    return losses

# %% wrong: only the first tensor moves
# says: every tensor of `weights` moves
def train(weights, model, batches, peak):
    losses = []
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for w, moment in zip(weights[:1], moments):
                decay = 0.1 if w.dim() > 1 else 0.0
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, step + 1, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return losses

# %% wrong: a mean loss for the whole training
# says: one loss a batch
def train(weights, model, batches, peak):
    losses = []
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for w, moment in zip(weights, moments):
                decay = 0.1 if w.dim() > 1 else 0.0
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, step + 1, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return sum(losses) / len(losses)

# %% wrong: one step too few in the schedule
# says: each step has its own rate
def train(weights, model, batches, peak):
    losses = []
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches) + 1, peak)
        with torch.no_grad():
            for w, moment in zip(weights, moments):
                decay = 0.1 if w.dim() > 1 else 0.0
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, step + 1, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return losses

# %% wrong: decays nothing
# says: nothing was decayed
def train(weights, model, batches, peak):
    losses = []
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for w, moment in zip(weights, moments):
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, step + 1, rate, 0.0)
                w.copy_(new)
        losses.append(loss.item())
    return losses

# %% wrong: puts new tensors into the list
# says: write into them, with copy_
def train(weights, model, batches, peak):
    st = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    out = []
    for n, ids in enumerate(batches):
        a, b = next_token_pairs(ids)
        loss = cross_entropy(model(a), b)
        grads = torch.autograd.grad(loss, weights)
        for i, g in enumerate(grads):
            w = weights[i].detach()
            new, *st[i] = adamw_step(w, g, *st[i], n + 1, learning_rate(n, len(batches), peak), 0.1 if w.dim() >= 2 else 0)
            weights[i] = new.requires_grad_()
        out.append(loss.item())
    return out

# %% wrong: the rate counts its steps from 1
# says: learning_rate counts steps from 0
def train(weights, model, batches, peak):
    st = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    out = []
    for n, ids in enumerate(batches, 1):
        a, b = next_token_pairs(ids)
        loss = cross_entropy(model(a), b)
        for w in weights: w.grad = None
        loss.backward()
        for w, s in zip(weights, st):
            with torch.no_grad():
                new, s[0], s[1] = adamw_step(w, w.grad, *s, n, learning_rate(n, len(batches), peak), 0.1 if w.dim() >= 2 else 0)
                w.copy_(new)
        out.append(loss.item())
    return out


# %% wrong: the means live on in a default argument
# says: the same training a second time gave something else
def train(weights, model, batches, peak, moments={}):
    losses = []
    for step, batch in enumerate(batches):
        x, y = next_token_pairs(batch)
        loss = cross_entropy(model(x), y)
        for w in weights:
            w.grad = None
        loss.backward()
        with torch.no_grad():
            for i, w in enumerate(weights):
                m, s = moments.get(i, (torch.zeros_like(w), torch.zeros_like(w)))
                new, m, s = adamw_step(
                    w,
                    w.grad,
                    m,
                    s,
                    step + 1,
                    learning_rate(step, len(batches), peak),
                    0.1 if w.dim() >= 2 else 0.0,
                )
                moments[i] = m, s
                w.copy_(new)
        losses.append(loss.item())
    return losses


# %% wrong: the losses live on in a default argument
# says: the same training a second time gave something else
def train(weights, model, batches, peak, losses=[]):
    moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for step, batch in enumerate(batches):
        x, y = next_token_pairs(batch)
        loss = cross_entropy(model(x), y)
        for w in weights:
            w.grad = None
        loss.backward()
        with torch.no_grad():
            for i, w in enumerate(weights):
                new, *moments[i] = adamw_step(
                    w,
                    w.grad,
                    *moments[i],
                    step + 1,
                    learning_rate(step, len(batches), peak),
                    0.1 if w.dim() >= 2 else 0.0,
                )
                w.copy_(new)
        losses.append(loss.item())
    return losses


# %% wrong: the means live on in a global dictionary
# says: the same training a second time gave something else
_mom = {}


def train(weights, model, batches, peak):
    losses = []
    for step, batch in enumerate(batches):
        x, y = next_token_pairs(batch)
        loss = cross_entropy(model(x), y)
        for w in weights:
            w.grad = None
        loss.backward()
        with torch.no_grad():
            for w in weights:
                m, s = _mom.get(w.shape, (torch.zeros_like(w), torch.zeros_like(w)))
                new, m, s = adamw_step(
                    w,
                    w.grad,
                    m,
                    s,
                    step + 1,
                    learning_rate(step, len(batches), peak),
                    0.1 if w.dim() >= 2 else 0.0,
                )
                _mom[w.shape] = m, s
                w.copy_(new)
        losses.append(loss.item())
    return losses


# %% wrong: t counts tensors, not steps
# says: by the same rate and the same t
def train(weights, model, batches, peak):
    losses, t = [], 0
    moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for step, batch in enumerate(batches):
        x, y = next_token_pairs(batch)
        loss = cross_entropy(model(x), y)
        for w in weights:
            w.grad = None
        loss.backward()
        with torch.no_grad():
            for i, w in enumerate(weights):
                t += 1
                new, *moments[i] = adamw_step(
                    w,
                    w.grad,
                    *moments[i],
                    t,
                    learning_rate(step, len(batches), peak),
                    0.1 if w.dim() >= 2 else 0.0,
                )
                w.copy_(new)
        losses.append(loss.item())
    return losses


# %% right: all weights in one vector, in double precision
def train(weights, model, batches, peak):
    sizes = [w.numel() for w in weights]
    mean = torch.zeros(sum(sizes), dtype=torch.float64)
    square = mean.clone()
    dec = torch.cat([torch.full((w.numel(),), 0.1 if w.dim() > 1 else 0.0) for w in weights])
    losses = []
    for s, b in enumerate(batches):
        x, y = b[:, :-1], b[:, 1:]
        loss = cross_entropy(model(x), y)
        for w in weights:
            w.grad = None
        loss.backward()
        with torch.no_grad():
            flat = torch.cat([w.flatten() for w in weights])
            g = torch.cat([w.grad.flatten() for w in weights])
            new, mean, square = adamw_step(
                flat.double(),
                g.double(),
                mean,
                square,
                s + 1,
                learning_rate(s, len(batches), peak),
                dec,
            )
            for w, n in zip(weights, new.split(sizes)):
                w[...] = n.view(w.shape).to(w.dtype)
        losses.append(loss.detach().item())
    return losses


# %% wrong: decays the first tensor, not the matrices
# says: only the first tensor of `weights` was decayed
def train(weights, model, batches, peak):
    losses = []
    moments = [[torch.zeros_like(w), torch.zeros_like(w)] for w in weights]
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for i, (w, moment) in enumerate(zip(weights, moments)):
                decay = 0.1 if i == 0 else 0.0
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, step + 1, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return losses


# %% wrong: tensors of one shape share their mean and square
# says: each tensor has a mean and a square of its own
def train(weights, model, batches, peak):
    losses = []
    moments = {w.shape: [torch.zeros_like(w), torch.zeros_like(w)] for w in weights}
    for step, ids in enumerate(batches):
        inputs, targets = next_token_pairs(ids)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for w in weights:
                moment, decay = moments[w.shape], 0.1 if w.dim() > 1 else 0.0
                new, moment[0], moment[1] = adamw_step(w, w.grad, *moment, step + 1, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return losses


# %% wrong: clips long gradients
# says: neither clipped nor multiplied
def train(weights, model, batches, peak):
    losses = []
    moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for step, batch in enumerate(batches):
        inputs, targets = next_token_pairs(batch)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for i, w in enumerate(weights):
                decay = 0.1 if w.dim() >= 2 else 0.0
                new, *moments[i] = adamw_step(w, w.grad, *moments[i], step + 1, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return losses


# %% wrong: the gradient of a loss summed over the rows of the batch
# says: neither clipped nor multiplied
def train(weights, model, batches, peak):
    losses = []
    moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for step, batch in enumerate(batches):
        inputs, targets = next_token_pairs(batch)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        (loss * len(batch)).backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for i, w in enumerate(weights):
                decay = 0.1 if w.dim() >= 2 else 0.0
                new, *moments[i] = adamw_step(w, w.grad, *moments[i], step + 1, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return losses


# %% wrong: decays all but the last tensor
# says: wherever it stands in `weights`
def train(weights, model, batches, peak):
    losses = []
    moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for step, batch in enumerate(batches):
        inputs, targets = next_token_pairs(batch)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for i, w in enumerate(weights):
                decay = 0.1 if i < len(weights) - 1 else 0.0
                new, *moments[i] = adamw_step(w, w.grad, *moments[i], step + 1, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return losses


# %% wrong: AdamW counts its steps from 0
# says: the weights became NaN
def train(weights, model, batches, peak):
    losses = []
    moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for step, batch in enumerate(batches):
        inputs, targets = next_token_pairs(batch)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for i, w in enumerate(weights):
                decay = 0.1 if w.dim() >= 2 else 0.0
                new, *moments[i] = adamw_step(w, w.grad, *moments[i], step, rate, decay)
                w.copy_(new)
        losses.append(loss.item())
    return losses


# %% wrong: no warm-up
# says: the rate rises over the first 5 steps
def train(weights, model, batches, peak):
    losses, moments = [], {}
    for step, batch in enumerate(batches):
        inputs, targets = next_token_pairs(batch)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        adamw(weights, moments, step + 1, peak * (1 - step / len(batches)))
        losses.append(loss.item())
    return losses


# %% wrong: a warm-up over a hundredth of the steps
# says: the rate rises over the first 5 steps
def train(weights, model, batches, peak):
    losses, moments, n = [], {}, len(batches)
    for step, batch in enumerate(batches):
        inputs, targets = next_token_pairs(batch)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = peak * min(1, (step + 1) / (0.01 * n)) * (1 - step / n)
        adamw(weights, moments, step + 1, rate)
        losses.append(loss.item())
    return losses
