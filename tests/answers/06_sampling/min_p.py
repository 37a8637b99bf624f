# %% right: in logits, without softmax
def min_p(logits, p):
    bar = logits.amax(-1, keepdim=True) + (math.log(p) if p > 0 else -math.inf)
    return torch.where(logits >= bar, logits, torch.tensor(-math.inf))

# %% right: torch.softmax, changed in place
def min_p(logits, p):
    q = torch.softmax(logits, dim=-1)
    out = logits.clone()
    out[q < p * q.max(dim=-1, keepdim=True).values] = float("-inf")
    return out

# %% right: a loop over rows, in double precision
def min_p(logits, p, cut=-math.inf):
    def one(row):
        top = max(row)
        return [z if math.exp(z - top) >= p else cut for z in row]
    rows = logits.double().reshape(-1, logits.shape[-1]).tolist()
    return torch.tensor([one(row) for row in rows], dtype=torch.float64).reshape(logits.shape)

# %% wrong: an absolute bar
# says: p is a share of the largest probability
def min_p(logits, p):
    return logits.masked_fill(softmax(logits) < p, -math.inf)

# %% wrong: cuts to zero
# says: is cut, to -inf
def min_p(logits, p):
    q = softmax(logits)
    return logits.masked_fill(q < p * q.amax(-1, keepdim=True), 0.0)

# %% wrong: a share of the largest logit
# says: p is a share of the largest probability
def min_p(logits, p):
    return logits.masked_fill(logits < p * logits.amax(-1, keepdim=True), -math.inf)

# %% wrong: compares exp of logits with an absolute bar
# says: adding 20 to all logits changes no probability
def min_p(logits, p):
    return logits.masked_fill(logits.exp() < p * 0.5, -math.inf)

# %% wrong: the bar itself is cut
# says: p = 1 keeps the likeliest itself
def min_p(logits, p):
    q = softmax(logits)
    return logits.masked_fill(q <= p * q.amax(-1, keepdim=True), -math.inf)

# %% wrong: returns the renormalised probabilities
# says: p is a share of the largest probability
def min_p(logits, p):
    q = softmax(logits)
    return softmax(logits.masked_fill(q < p * q.amax(-1, keepdim=True), -math.inf))

# %% wrong: one bar for the batch
# says: each row has its own bar
def min_p(logits, p):
    q = softmax(logits)
    return logits.masked_fill(q < p * q.max(), -math.inf)

# %% wrong: a fixed floor below small p
# caught by: hidden
# says: a token was cut
def min_p(logits, p):
    q = softmax(logits)
    share = max(p, 0.1) if p else 0.0
    return logits.masked_fill(q < share * q.amax(-1, keepdim=True), -math.inf)

# %% wrong: cuts in the caller's logits
# says: the caller's logits have changed
def min_p(logits, p):
    q = softmax(logits)
    return logits.masked_fill_(q < p * q.amax(-1, keepdim=True), -math.inf)

# %% wrong: p = 1 keeps one token of several equal ones
# says: p = 1 keeps both
def min_p(logits, p):
    if p == 1:
        return torch.full_like(logits, -math.inf).scatter(-1, logits.argmax(-1, keepdim=True), logits.amax(-1, keepdim=True))
    pr = softmax(logits)
    return logits.masked_fill(pr < p * pr.amax(-1, keepdim=True), -math.inf)

# %% wrong: exp without subtracting the largest
# says: too large for exp
def min_p(logits, p):
    e = torch.exp(logits)
    return logits.masked_fill(e < p * e.amax(-1, keepdim=True), -math.inf)


# %% wrong: a floor of 0.01 under p
# says: p = 0 keeps every token, also one
def min_p(logits, p):
    pr = softmax(logits)
    return logits.masked_fill(pr < max(p, 0.01) * pr.amax(-1, keepdim=True), -math.inf)


# %% wrong: hands the caller's tensor back at p = 0
# says: has returned the very tensor
def min_p(logits, p):
    if p == 0:
        return logits
    q = softmax(logits)
    return logits.masked_fill(q < p * q.amax(-1, keepdim=True), -math.inf)


# %% wrong: zeros are taken for what was cut
# says: 0 is a logit like others
def min_p(logits, p):
    q = softmax(logits)
    out = logits * (q >= p * q.amax(-1, keepdim=True))
    return torch.where(out == 0, -math.inf, out)


# %% wrong: drops dimensions of 1
# says: the shape stays as it is
def min_p(logits, p):
    q = softmax(logits)
    return logits.masked_fill(q < p * q.amax(-1, keepdim=True), -math.inf).squeeze()


# %% wrong: a list
# says: return a tensor, not a list
def min_p(logits, p):
    q = softmax(logits)
    return logits.masked_fill(q < p * q.amax(-1, keepdim=True), -math.inf).tolist()
