# %% right: one line, temperature 0 through the filter
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    return draw(softmax(filter_logits(logits, temperature, top_k, top_p, min_p)), u)

# %% right: by name, in double precision
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    left = filter_logits(logits.double(), temperature=temperature, k=top_k, p=top_p, p_of_largest=min_p)
    return draw(torch.softmax(left, dim=-1), u.double())

# %% right: any further settings are taken and row by row
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None, **other):
    picked = []
    for row, number in zip(logits, u):
        left = filter_logits(row[None], temperature, top_k, top_p, min_p)
        picked.append(draw(left.softmax(-1), number[None]))
    return torch.cat(picked)

# %% right: a class behind the function
class Sampler:
    def __init__(self, *settings):
        self.settings = settings
    def __call__(self, logits, u):
        return draw(softmax(filter_logits(logits, *self.settings)), u)

def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    return Sampler(temperature, top_k, top_p, min_p)(logits, u) if temperature else logits.max(-1).indices

# %% wrong: always the likeliest
# says: draw with the u that is given
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    return filter_logits(logits, temperature, top_k, top_p, min_p).argmax(-1)

# %% wrong: draws also at temperature 0
# says: by default the temperature is 0
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    return draw(softmax(filter_logits(logits, temperature or 1.0, top_k, top_p, min_p)), u)

# %% wrong: one number a row, but in a column
# says: as ids of shape [batch]
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    return draw(softmax(filter_logits(logits, temperature, top_k, top_p, min_p)), u)[:, None]

# %% wrong: temperature on probabilities
# says: temperature acts on the logits
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    if temperature == 0:
        return logits.argmax(-1)
    return draw(softmax(filter_logits(logits, 1.0, top_k, top_p, min_p)) / temperature, u)

# %% wrong: forgets top_k
# says: hand top_k on
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    return draw(softmax(filter_logits(logits, temperature, None, top_p, min_p)), u)

# %% wrong: forgets top_p
# says: hand top_p on
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    return draw(softmax(filter_logits(logits, temperature, top_k, None, min_p)), u)

# %% wrong: top_p and min_p change places
# says: hand top_p on
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    return draw(softmax(filter_logits(logits, temperature, top_k, min_p, top_p)), u)

# %% wrong: forgets min_p
# says: hand min_p on
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    return draw(softmax(filter_logits(logits, temperature, top_k, top_p)), u)

# %% wrong: a u of its own
# says: draw with the u that is given
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    return draw(softmax(filter_logits(logits, temperature, top_k, top_p, min_p)), torch.zeros(len(u)))

# %% wrong: temperatures above 1 are treated as 1
# caught by: hidden
# says: at this temperature
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    return draw(softmax(filter_logits(logits, min(temperature, 1.0), top_k, top_p, min_p)), u)

# %% wrong: exp in place of softmax, which overflows
# says: overflow exp
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    return draw(filter_logits(logits, temperature, top_k, top_p, min_p).exp(), u)


# %% wrong: the first row's u for all
# says: each row is drawn with its own u
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    return draw(
        softmax(filter_logits(logits, temperature, top_k, top_p, min_p)), u[:1].expand_as(u)
    )


# %% wrong: a small temperature in place of greedy
# says: temperature 0 is greedy, not a small temperature
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    return draw(softmax(filter_logits(logits, max(temperature, 1e-6), top_k, top_p, min_p)), u)


# %% wrong: applies the temperature after the filters
# says: which applies the temperature first
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    if temperature == 0:
        return logits.argmax(-1)
    return draw(softmax(filter_logits(logits, 1.0, top_k, top_p, min_p) / temperature), u)


# %% wrong: hands top_p and min_p on at temperature 1 only
# says: hand both on in one call
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    if temperature == 0:
        return logits.argmax(-1)
    if temperature == 1:
        return draw(softmax(filter_logits(logits, 1.0, top_k, top_p, min_p)), u)
    return draw(softmax(filter_logits(logits, temperature, top_k)), u)

# %% wrong: the temperature in place
# says: the caller's logits have changed
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    if temperature == 0:
        return logits.argmax(-1)
    logits /= temperature
    return draw(softmax(filter_logits(logits, 1.0, top_k, top_p, min_p)), u)


# %% wrong: the first filter that is given, alone
# says: hand all settings on, not the first
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    if temperature == 0:
        return logits.argmax(-1)
    if top_k is not None:
        left = filter_logits(logits, temperature, k=top_k)
    elif top_p is not None:
        left = filter_logits(logits, temperature, p=top_p)
    else:
        left = filter_logits(logits, temperature, p_of_largest=min_p)
    return draw(softmax(left), u)


# %% wrong: min_p only where there is neither top_k nor top_p
# says: hand all settings on, not the first
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    if temperature == 0:
        return logits.argmax(-1)
    if top_k is not None or top_p is not None:
        min_p = None
    return draw(softmax(filter_logits(logits, temperature, top_k, top_p, min_p)), u)
