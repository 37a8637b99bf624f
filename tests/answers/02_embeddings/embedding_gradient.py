# %% right: one-hot rows, transposed
def embedding_gradient(ids, grad_output, vocab_size):
    one_hot = (ids.reshape(-1, 1) == torch.arange(vocab_size)).to(grad_output.dtype)
    return one_hot.T @ grad_output.reshape(-1, grad_output.shape[-1])


# %% right: a loop that adds in place
def embedding_gradient(ids, grad_output, vocab_size):
    d_model = grad_output.shape[-1]
    gradient = torch.zeros(vocab_size, d_model)
    for token, row in zip(ids.flatten().tolist(), grad_output.reshape(-1, d_model)):
        gradient[token] += row
    return gradient


# %% right: einsum, double precision
def embedding_gradient(ids, grad_output, vocab_size, dtype=torch.float64):
    one_hot = torch.eye(vocab_size, dtype=dtype)[ids]
    return torch.einsum("...v,...d->vd", one_hot, grad_output.to(dtype))


# %% right: one row of the vocabulary at a time, through a helper
def summed(where, grads):
    return (grads * where[:, None]).sum(dim=0)


def embedding_gradient(ids, grad_output, vocab_size):
    grads, flat = grad_output.flatten(0, -2), ids.flatten()
    return torch.stack([summed(flat == token, grads) for token in range(vocab_size)])


# %% right: index_put_ that accumulates
def embedding_gradient(ids, grad_output, vocab_size):
    gradient = grad_output.new_zeros(vocab_size, grad_output.size(-1))
    return gradient.index_put_((ids.flatten(),), grad_output.flatten(end_dim=-2), accumulate=True)


# %% wrong: the last place of a token overwrites the others
# says: add them, do not overwrite
def embedding_gradient(ids, grad_output, vocab_size):
    gradient = torch.zeros(vocab_size, grad_output.shape[-1])
    gradient[ids.flatten()] = grad_output.reshape(-1, grad_output.shape[-1])
    return gradient


# %% wrong: += with an index, which keeps one of two equal ids
# says: add them, do not overwrite
def embedding_gradient(ids, grad_output, vocab_size):
    gradient = torch.zeros(vocab_size, grad_output.shape[-1])
    gradient[ids.flatten()] += grad_output.reshape(-1, grad_output.shape[-1])
    return gradient


# %% wrong: the mean over a token's places
# says: not their mean
def embedding_gradient(ids, grad_output, vocab_size):
    one_hot = (ids.reshape(-1, 1) == torch.arange(vocab_size)).float()
    return one_hot.T @ grad_output.flatten(0, -2) / one_hot.sum(dim=0).clamp(min=1)[:, None]


# %% wrong: divided by the number of tokens
# says: do not divide by the number of tokens
def embedding_gradient(ids, grad_output, vocab_size):
    one_hot = (ids.reshape(-1, 1) == torch.arange(vocab_size)).float()
    return one_hot.T @ grad_output.flatten(0, -2) / ids.numel()


# %% wrong: a step downhill
# says: not a step downhill
def embedding_gradient(ids, grad_output, vocab_size):
    one_hot = (ids.reshape(-1, 1) == torch.arange(vocab_size)).float()
    return -one_hot.T @ grad_output.flatten(0, -2)


# %% wrong: rows are places in the text
# says: the row that token 1 was read from
def embedding_gradient(ids, grad_output, vocab_size):
    gradient = torch.zeros(vocab_size, grad_output.shape[-1])
    for place, row in enumerate(grad_output.flatten(0, -2)):
        gradient[place] += row
    return gradient


# %% wrong: no rows behind the largest id
# says: a row for every token of the vocabulary
def embedding_gradient(ids, grad_output, vocab_size):
    one_hot = (ids.reshape(-1, 1) == torch.arange(int(ids.max()) + 1)).float()
    return one_hot.T @ grad_output.flatten(0, -2)


# %% wrong: d_model rows
# says: the shape of the table
def embedding_gradient(ids, grad_output, vocab_size):
    one_hot = (ids.reshape(-1, 1) == torch.arange(vocab_size)).float()
    return grad_output.flatten(0, -2).T @ one_hot


# %% wrong: one gradient for each text of a batch
# says: one and the same table
def embedding_gradient(ids, grad_output, vocab_size):
    one_hot = (ids[..., None] == torch.arange(vocab_size)).float()
    return one_hot.transpose(-2, -1) @ grad_output


# %% wrong: only the first text of a batch
# says: one and the same table
def embedding_gradient(ids, grad_output, vocab_size):
    while ids.dim() > 1:
        ids, grad_output = ids[0], grad_output[0]
    one_hot = (ids[:, None] == torch.arange(vocab_size)).float()
    return one_hot.T @ grad_output


# %% wrong: one text after another, each with an indexed +=
# says: token 1 stands twice in one text
def embedding_gradient(ids, grad_output, vocab_size):
    gradient = torch.zeros(vocab_size, grad_output.shape[-1])
    if ids.dim() == 1:
        return gradient.index_add(0, ids, grad_output)
    for text, rows in zip(ids, grad_output):
        gradient[text] += rows
    return gradient


# %% wrong: a batch of batches loses all but its first
# says: one and the same table
# caught by: hidden
def embedding_gradient(ids, grad_output, vocab_size):
    while ids.dim() > 2:
        ids, grad_output = ids[0], grad_output[0]
    one_hot = (ids.reshape(-1, 1) == torch.arange(vocab_size)).float()
    return one_hot.T @ grad_output.flatten(0, -2)


# %% wrong: the return is forgotten
# says: is there a return?
def embedding_gradient(ids, grad_output, vocab_size):
    torch.zeros(vocab_size, grad_output.shape[-1]).index_add(0, ids.flatten(), grad_output.flatten(0, -2))


# %% wrong: what index_add gives back is not kept
# says: nothing was added
def embedding_gradient(ids, grad_output, vocab_size):
    gradient = torch.zeros(vocab_size, grad_output.shape[-1])
    gradient.index_add(0, ids.flatten(), grad_output.flatten(0, -2))
    return gradient

# %% wrong: gradients cut to whole numbers, as one-hot rows are
# says: gradients are decimals
def embedding_gradient(ids, grad_output, vocab_size):
    one_hot = torch.nn.functional.one_hot(ids.flatten(), vocab_size)
    return one_hot.T @ grad_output.flatten(0, -2).long()

# %% wrong: token 0 is taken for padding
# says: token 0 is a token like others
def embedding_gradient(ids, grad_output, vocab_size):
    zeros = torch.zeros(vocab_size, grad_output.shape[-1])
    gradient = zeros.index_add(0, ids.flatten(), grad_output.flatten(0, -2))
    gradient[0] = 0
    return gradient

# %% wrong: loops for one text and for a batch, not for more
# says: ids have any number of dimensions
def embedding_gradient(ids, grad_output, vocab_size):
    gradient = torch.zeros(vocab_size, grad_output.shape[-1])
    if ids.dim() == 1:
        ids, grad_output = ids[None], grad_output[None]
    for b in range(ids.shape[0]):
        for i in range(ids.shape[1]):
            gradient[ids[b, i]] += grad_output[b, i]
    return gradient


# %% wrong: a list of rows
# says: return one tensor
def embedding_gradient(ids, grad_output, vocab_size):
    grads = grad_output.reshape(-1, grad_output.shape[-1])
    gradient = [torch.zeros(grads.shape[-1]) for _ in range(vocab_size)]
    for token_id, grad in zip(ids.flatten().tolist(), grads):
        gradient[token_id] = gradient[token_id] + grad
    return gradient
