# %% right: four plain lines
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    out = apply_temperature(logits, temperature)
    if k is not None:
        out = top_k(out, k)
    if p is not None:
        out = top_p(out, p)
    return min_p(out, p_of_largest) if p_of_largest is not None else out

# %% right: neutral values for what is off
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    k = logits.shape[-1] if k is None else k
    return min_p(top_p(top_k(apply_temperature(logits, temperature), k), 1 if p is None else p), p_of_largest or 0)

# %% right: a list of steps, folded, in double precision
from functools import reduce

def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None, extra=()):
    steps = [(apply_temperature, temperature), (top_k, k), (top_p, p), (min_p, p_of_largest), *extra]
    return reduce(lambda z, step: z if step[1] is None else step[0](z, step[1]), steps, logits.double())

# %% wrong: None is passed on
# says: '<' not supported
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    return min_p(top_p(top_k(apply_temperature(logits, temperature), k or 99), p or 1), p_of_largest) if p_of_largest < 2 else logits

# %% wrong: temperature last
# says: temperature comes before top-p
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    for keep, amount in ((top_k, k), (top_p, p), (min_p, p_of_largest)):
        if amount is not None:
            logits = keep(logits, amount)
    return apply_temperature(logits, temperature)

# %% wrong: temperature just before min-p
# says: temperature comes before top-p
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    if k is not None:
        logits = top_k(logits, k)
    if p is not None:
        logits = top_p(logits, p)
    logits = apply_temperature(logits, temperature)
    return logits if p_of_largest is None else min_p(logits, p_of_largest)

# %% wrong: each filter sees the whole distribution
# says: top-p works on what top-k left
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    out = logits = apply_temperature(logits, temperature)
    for keep, amount in ((top_k, k), (top_p, p), (min_p, p_of_largest)):
        if amount is not None:
            out = torch.minimum(out, keep(logits, amount))
    return out

# %% wrong: min-p before temperature
# says: temperature comes before min-p
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    if p_of_largest is not None:
        logits = min_p(logits, p_of_largest)
    logits = apply_temperature(logits, temperature)
    if k is not None:
        logits = top_k(logits, k)
    return logits if p is None else top_p(logits, p)

# %% wrong: forgets top-k
# says: top-p works on what top-k left
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    logits = apply_temperature(logits, temperature)
    if p is not None:
        logits = top_p(logits, p)
    return logits if p_of_largest is None else min_p(logits, p_of_largest)

# %% wrong: forgets min-p
# says: temperature comes before min-p
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    logits = apply_temperature(logits, temperature)
    if k is not None:
        logits = top_k(logits, k)
    return logits if p is None else top_p(logits, p)

# %% wrong: returns probabilities
# says: must change nothing
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    logits = apply_temperature(logits, temperature)
    for keep, amount in ((top_k, k), (top_p, p), (min_p, p_of_largest)):
        if amount is not None:
            logits = keep(logits, amount)
    return softmax(logits)

# %% wrong: top-p before top-k
# says: top-p works on what top-k left
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    logits = apply_temperature(logits, temperature)
    for keep, amount in ((top_p, p), (top_k, k), (min_p, p_of_largest)):
        if amount is not None:
            logits = keep(logits, amount)
    return logits

# %% wrong: top-k after min-p when there is no top-p, and then top-p first
# caught by: hidden
# says: the tokens that survive differ
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    logits = apply_temperature(logits, temperature)
    steps = ((top_k, k), (top_p, p), (min_p, p_of_largest))
    if p_of_largest is not None and p is not None and logits.shape[-1] > 4:
        steps = ((top_p, p), (top_k, k), (min_p, p_of_largest))
    for keep, amount in steps:
        if amount is not None:
            logits = keep(logits, amount)
    return logits

# %% wrong: min-p before top-p
# says: top-p comes before min-p
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    logits = apply_temperature(logits, temperature)
    for keep, amount in ((top_k, k), (min_p, p_of_largest), (top_p, p)):
        if amount is not None:
            logits = keep(logits, amount)
    return logits


# %% wrong: the caller's logits are divided
# says: the caller's logits have changed
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    if temperature == 0:
        return apply_temperature(logits, 0)
    logits /= temperature
    for keep, amount in ((top_k, k), (top_p, p), (min_p, p_of_largest)):
        if amount is not None:
            logits = keep(logits, amount)
    return logits


# %% wrong: hands the caller's tensor back where all is off
# says: has returned the very tensor
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    if temperature != 1:
        logits = apply_temperature(logits, temperature)
    if k is not None:
        logits = top_k(logits, k)
    if p is not None:
        logits = top_p(logits, p)
    if p_of_largest is not None:
        logits = min_p(logits, p_of_largest)
    return logits


# %% wrong: two filters at most
# says: min-p 0.5 must still drop the third
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    logits = apply_temperature(logits, temperature)
    if k is not None and p is not None:
        return top_p(top_k(logits, k), p)
    if p is not None and p_of_largest is not None:
        return min_p(top_p(logits, p), p_of_largest)
    if k is not None:
        return top_k(logits, k)
    if p is not None:
        return top_p(logits, p)
    return logits if p_of_largest is None else min_p(logits, p_of_largest)


# %% wrong: a list
# says: return a tensor, not a list
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    logits = apply_temperature(logits, temperature)
    for keep, amount in ((top_k, k), (top_p, p), (min_p, p_of_largest)):
        logits = logits if amount is None else keep(logits, amount)
    return logits.tolist()
