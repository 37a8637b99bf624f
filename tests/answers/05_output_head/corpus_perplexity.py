# %% right: a loop
def corpus_perplexity(losses, counts):
    nats, tokens = 0.0, 0
    for loss, n in zip(losses, counts):
        nats += loss * n
        tokens += n
    return math.exp(nats / tokens)

# %% right: tensors
def corpus_perplexity(losses, counts):
    losses, counts = torch.tensor(losses, dtype=torch.float64), torch.tensor(counts, dtype=torch.float64)
    return ((losses * counts).sum() / counts.sum()).exp()

# %% right: repeat each loss once per token
def corpus_perplexity(losses, counts):
    every = [loss for loss, n in zip(losses, counts) for _ in range(n)]
    return math.e ** (sum(every) / len(every))

# %% right: geometric mean, weighted
def corpus_perplexity(losses, counts):
    total = sum(counts)
    return math.prod(math.exp(loss) ** (n / total) for loss, n in zip(losses, counts))

# %% wrong: mean of the perplexities
# says: mean of the two perplexities
def corpus_perplexity(losses, counts):
    return sum(map(math.exp, losses)) / len(losses)

# %% wrong: unweighted mean of the losses
# says: weight each loss
def corpus_perplexity(losses, counts):
    return math.exp(sum(losses) / len(losses))

# %% wrong: weighted mean of the perplexities
# says: exp comes last
def corpus_perplexity(losses, counts):
    return sum(math.exp(loss) * n for loss, n in zip(losses, counts)) / sum(counts)

# %% wrong: no exponential
# says: perplexity is its exponential
def corpus_perplexity(losses, counts):
    return sum(loss * n for loss, n in zip(losses, counts)) / sum(counts)

# %% wrong: base 2
# says: the base is e
def corpus_perplexity(losses, counts):
    return 2 ** (sum(loss * n for loss, n in zip(losses, counts)) / sum(counts))

# %% wrong: total instead of mean
# says: divide the total loss
def corpus_perplexity(losses, counts):
    return math.exp(sum(loss * n for loss, n in zip(losses, counts)))

# %% wrong: exponent with the wrong sign
# says: the perplexity is e^2
def corpus_perplexity(losses, counts):
    return math.exp(-sum(loss * n for loss, n in zip(losses, counts)) / sum(counts))

# %% wrong: treats the losses as totals
# says: the perplexity is e^2
def corpus_perplexity(losses, counts):
    return math.exp(sum(losses) / sum(counts))

# %% right: numpy, which the notebook imports
def corpus_perplexity(losses, counts):
    return np.exp(np.average(losses, weights=counts))

# %% wrong: rounds the perplexity
# says: do not round
def corpus_perplexity(losses, counts):
    return round(math.exp(sum(loss * n for loss, n in zip(losses, counts)) / sum(counts)), 2)

# %% wrong: rounds the mean
# says: do not round
def corpus_perplexity(losses, counts):
    return math.exp(round(sum(loss * n for loss, n in zip(losses, counts)) / sum(counts), 2))

# %% wrong: looks the count up by the loss
# says: two batches have the same loss
def corpus_perplexity(losses, counts):
    total = sum(loss * counts[losses.index(loss)] for loss in losses)
    return math.exp(total / sum(counts))

# %% wrong: a dictionary from loss to count
# says: two batches have the same loss
def corpus_perplexity(losses, counts):
    tokens = dict(zip(losses, counts))
    total = sum(loss * count for loss, count in tokens.items())
    return math.exp(total / sum(tokens.values()))


# %% wrong: multiplies in the caller's list
# says: the caller's list of losses has changed
def corpus_perplexity(losses, counts):
    for i in range(len(losses)):
        losses[i] *= counts[i]
    return math.exp(sum(losses) / sum(counts))


# %% wrong: no return
# says: is there a return?
def corpus_perplexity(losses, counts):
    total = sum(loss * n for loss, n in zip(losses, counts))


# %% wrong: the root of a product of perplexities
# says: a thousand tokens at 3 nats overflowed
def corpus_perplexity(losses, counts):
    product = 1.0
    for loss, n in zip(losses, counts):
        product *= math.exp(loss) ** n
    return product ** (1 / sum(counts))


# %% wrong: a set of losses and counts
# says: a set keeps only one
def corpus_perplexity(losses, counts):
    batches = set(zip(losses, counts))
    return math.exp(sum(loss * n for loss, n in batches) / sum(n for _, n in batches))


# %% wrong: rounds to four digits
# says: do not round
def corpus_perplexity(losses, counts):
    nats = sum(loss * n for loss, n in zip(losses, counts))
    return round(math.exp(nats / sum(counts)), 4)
