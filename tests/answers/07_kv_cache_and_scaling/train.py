# %% right: autograd.grad and copy_
def train(forward, weights, ids, targets, starts, rates, update, seq):
    means = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for t, (start, rate) in enumerate(zip(starts, rates), 1):
        places = start[:, None] + torch.arange(seq)
        logits = forward(ids[places])
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets[places].flatten())
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for i, (weight, gradient) in enumerate(zip(weights, gradients)):
                decay = 0.1 if weight.dim() == 2 else 0.0
                new, *means[i] = update(weight, gradient, *means[i], t, rate, decay)
                weight.copy_(new)
        yield loss.item()


# %% right: backward, gradients set to None, slices stacked
def train(forward, weights, ids, targets, starts, rates, update, seq):
    m = {id(w): torch.zeros(w.shape) for w in weights}
    v = {id(w): torch.zeros(w.shape) for w in weights}
    for number in range(len(starts)):
        inputs = torch.stack([ids[s : s + seq] for s in starts[number].tolist()])
        wanted = torch.stack([targets[s : s + seq] for s in starts[number].tolist()])
        loss = torch.nn.functional.cross_entropy(forward(inputs).transpose(1, 2), wanted, ignore_index=-100)
        loss.backward()
        for w in weights:
            key = id(w)
            decay = 0.1 * (w.ndim > 1)
            new, m[key], v[key] = update(w.detach(), w.grad, m[key], v[key], number + 1, rates[number], decay)
            w.data = new
            w.grad = None
        yield float(loss)


# %% right: log_softmax by hand, a list of losses
def train(forward, weights, ids, targets, starts, rates, update, seq):
    losses, state, t = [], [[torch.zeros_like(w).detach()] * 2 for w in weights], 0
    for start, rate in zip(starts.tolist(), rates):
        t += 1
        places = torch.tensor([[s + i for i in range(seq)] for s in start])
        log_p = torch.log_softmax(forward(ids[places]), -1)
        known = targets[places] >= 0
        picked = log_p[known].gather(-1, targets[places][known][:, None])
        for w in weights:
            if w.grad is not None:
                w.grad.zero_()
        loss = -picked.mean()
        loss.backward()
        losses.append(loss.detach().item())
        with torch.no_grad():
            for k, w in enumerate(weights):
                out = update(w, w.grad.clone(), state[k][0], state[k][1], t, rate, 0.1 if len(w.shape) == 2 else 0)
                state[k] = [out[1], out[2]]
                w[...] = out[0]
    return losses


# %% wrong: asks for the token it has just read
# says: the targets are in `targets`
def train(forward, weights, ids, targets, starts, rates, update, seq):
    means = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for t, (start, rate) in enumerate(zip(starts, rates), 1):
        places = start[:, None] + torch.arange(seq)
        loss = torch.nn.functional.cross_entropy(forward(ids[places]).flatten(0, 1), ids[places].flatten())
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for i, (w, g) in enumerate(zip(weights, gradients)):
                new, *means[i] = update(w, g, *means[i], t, rate, 0.1 if w.dim() == 2 else 0.0)
                w.copy_(new)
        yield loss.item()


# %% wrong: gradients add up
# says: gradients of earlier steps are still in there
def train(forward, weights, ids, targets, starts, rates, update, seq):
    means = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for t, (start, rate) in enumerate(zip(starts, rates), 1):
        places = start[:, None] + torch.arange(seq)
        loss = torch.nn.functional.cross_entropy(forward(ids[places]).flatten(0, 1), targets[places].flatten())
        loss.backward()
        with torch.no_grad():
            for i, w in enumerate(weights):
                new, *means[i] = update(w, w.grad, *means[i], t, rate, 0.1 if w.dim() == 2 else 0.0)
                w.copy_(new)
        yield loss.item()


# %% wrong: the means are forgotten
# says: m is forgotten between steps
def train(forward, weights, ids, targets, starts, rates, update, seq):
    for t, (start, rate) in enumerate(zip(starts, rates), 1):
        places = start[:, None] + torch.arange(seq)
        loss = torch.nn.functional.cross_entropy(forward(ids[places]).flatten(0, 1), targets[places].flatten())
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for w, g in zip(weights, gradients):
                zero = torch.zeros_like(w)
                w.copy_(update(w, g, zero, zero, t, rate, 0.1 if w.dim() == 2 else 0.0)[0])
        yield loss.item()


# %% wrong: everything decays
# says: vectors get decay 0
def train(forward, weights, ids, targets, starts, rates, update, seq):
    means = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for t, (start, rate) in enumerate(zip(starts, rates), 1):
        places = start[:, None] + torch.arange(seq)
        loss = torch.nn.functional.cross_entropy(forward(ids[places]).flatten(0, 1), targets[places].flatten())
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for i, (w, g) in enumerate(zip(weights, gradients)):
                new, *means[i] = update(w, g, *means[i], t, rate, 0.1)
                w.copy_(new)
        yield loss.item()


# %% wrong: t counts from 0
# says: t is the number of the step, from 1 to 3
def train(forward, weights, ids, targets, starts, rates, update, seq):
    means = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for t, (start, rate) in enumerate(zip(starts, rates)):
        places = start[:, None] + torch.arange(seq)
        loss = torch.nn.functional.cross_entropy(forward(ids[places]).flatten(0, 1), targets[places].flatten())
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for i, (w, g) in enumerate(zip(weights, gradients)):
                new, *means[i] = update(w, g, *means[i], t, rate, 0.1 if w.dim() == 2 else 0.0)
                w.copy_(new)
        yield loss.item()


# %% wrong: new tensors in the list, the old ones in forward
# says: write into the tensors themselves
def train(forward, weights, ids, targets, starts, rates, update, seq):
    means = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for t, (start, rate) in enumerate(zip(starts, rates), 1):
        places = start[:, None] + torch.arange(seq)
        loss = torch.nn.functional.cross_entropy(forward(ids[places]).flatten(0, 1), targets[places].flatten())
        gradients = torch.autograd.grad(loss, weights, allow_unused=True)
        changed = []
        for i, (w, g) in enumerate(zip(weights, gradients)):
            new, *means[i] = update(w.detach(), g, *means[i], t, rate, 0.1 if w.dim() == 2 else 0.0)
            changed.append(new.requires_grad_())
        yield loss.item()


# %% wrong: the loss after the step
# says: yield the loss from before the step
def train(forward, weights, ids, targets, starts, rates, update, seq):
    means = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for t, (start, rate) in enumerate(zip(starts, rates), 1):
        places = start[:, None] + torch.arange(seq)

        def loss():
            return torch.nn.functional.cross_entropy(
                forward(ids[places]).flatten(0, 1), targets[places].flatten()
            )

        gradients = torch.autograd.grad(loss(), weights)
        with torch.no_grad():
            for i, (w, g) in enumerate(zip(weights, gradients)):
                new, *means[i] = update(w, g, *means[i], t, rate, 0.1 if w.dim() == 2 else 0.0)
                w.copy_(new)
            yield loss().item()


# %% wrong: the sum of the losses
# says: the first loss is the mean cross-entropy
def train(forward, weights, ids, targets, starts, rates, update, seq):
    means = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for t, (start, rate) in enumerate(zip(starts, rates), 1):
        places = start[:, None] + torch.arange(seq)
        loss = torch.nn.functional.cross_entropy(
            forward(ids[places]).flatten(0, 1), targets[places].flatten(), reduction="sum"
        )
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for i, (w, g) in enumerate(zip(weights, gradients)):
                new, *means[i] = update(w, g, *means[i], t, rate, 0.1 if w.dim() == 2 else 0.0)
                w.copy_(new)
        yield loss.item()


# %% wrong: unknown targets count in the mean
# says: they must not count, not even in the mean
def train(forward, weights, ids, targets, starts, rates, update, seq):
    means = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for t, (start, rate) in enumerate(zip(starts, rates), 1):
        places = start[:, None] + torch.arange(seq)
        loss = torch.nn.functional.cross_entropy(
            forward(ids[places]).flatten(0, 1), targets[places].flatten(), reduction="sum"
        ) / places.numel()
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for i, (w, g) in enumerate(zip(weights, gradients)):
                new, *means[i] = update(w, g, *means[i], t, rate, 0.1 if w.dim() == 2 else 0.0)
                w.copy_(new)
        yield loss.item()


# %% wrong: the first rate at every step
# says: after three steps the table is off
def train(forward, weights, ids, targets, starts, rates, update, seq):
    means = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for t, start in enumerate(starts, 1):
        places = start[:, None] + torch.arange(seq)
        loss = torch.nn.functional.cross_entropy(forward(ids[places]).flatten(0, 1), targets[places].flatten())
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for i, (w, g) in enumerate(zip(weights, gradients)):
                new, *means[i] = update(w, g, *means[i], t, rates[0], 0.1 if w.dim() == 2 else 0.0)
                w.copy_(new)
        yield loss.item()
