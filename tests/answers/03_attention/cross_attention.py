# %% right: loops over texts and tokens
def cross_attention(x, context, w_q, w_k, w_v):
    out = torch.zeros(x.shape[0], x.shape[1], w_v.shape[0])
    for b in range(x.shape[0]):
        keys, values = context[b] @ w_k.T, context[b] @ w_v.T
        for i in range(x.shape[1]):
            scores = keys @ (w_q @ x[b, i]) / math.sqrt(len(w_q))
            out[b, i] = torch.softmax(scores, dim=0) @ values
    return out

# %% right: linear and einsum
from torch.nn.functional import linear


def cross_attention(x, context, w_q, w_k, w_v):
    q, k, v = linear(x, w_q), linear(context, w_k), linear(context, w_v)
    shares = (torch.einsum("bqd,bkd->bqk", q, k) / q.shape[-1] ** 0.5).softmax(-1)
    return torch.einsum("bqk,bkd->bqd", shares, v)

# %% right: one projection for keys and values, an all-True mask, float64
def cross_attention(x, context, w_q, w_k, w_v, mask=None):
    k, v = (context.double() @ torch.cat([w_k, w_v]).double().T).chunk(2, dim=-1)
    mask = torch.ones(x.shape[1], context.shape[1], dtype=torch.bool)
    return scaled_dot_product_attention(x.double() @ w_q.double().T, k, v, mask)

# %% wrong: self-attention
# says: it never looks at the context
def cross_attention(x, context, w_q, w_k, w_v):
    return scaled_dot_product_attention(x @ w_q.T, x @ w_k.T, x @ w_v.T)

# %% wrong: the context asks
# says: the roles are swapped
def cross_attention(x, context, w_q, w_k, w_v):
    return scaled_dot_product_attention(context @ w_q.T, x @ w_k.T, x @ w_v.T)

# %% wrong: values from x
# says: the values come from x
def cross_attention(x, context, w_q, w_k, w_v):
    return scaled_dot_product_attention(x @ w_q.T, context @ w_k.T, x @ w_v.T)

# %% wrong: keys from x
# says: the keys come from x
def cross_attention(x, context, w_q, w_k, w_v):
    return scaled_dot_product_attention(x @ w_q.T, x @ w_k.T, context @ w_v.T)

# %% wrong: a causal mask
# says: there is a causal mask
def cross_attention(x, context, w_q, w_k, w_v):
    mask = torch.ones(x.shape[1], context.shape[1]).tril(context.shape[1] - x.shape[1]).bool()
    return scaled_dot_product_attention(x @ w_q.T, context @ w_k.T, context @ w_v.T, mask)

# %% wrong: not scaled
# says: the scores are not divided by √head_dim
def cross_attention(x, context, w_q, w_k, w_v):
    return torch.softmax(x @ w_q.T @ (context @ w_k.T).transpose(-2, -1), dim=-1) @ (context @ w_v.T)

# %% wrong: weights not transposed
# says: multiply by w_q.T, not by w_q
def cross_attention(x, context, w_q, w_k, w_v):
    return scaled_dot_product_attention(x @ w_q, context @ w_k, context @ w_v)

# %% wrong: x is added to what was read
# says: queries from x, keys and values from the context
def cross_attention(x, context, w_q, w_k, w_v):
    out = scaled_dot_product_attention(x @ w_q.T, context @ w_k.T, context @ w_v.T)
    return out + x if out.shape == x.shape else out

# %% wrong: scaled by √d_model
# says: divided by √d_model
def cross_attention(x, context, w_q, w_k, w_v):
    scores = x @ w_q.T @ (context @ w_k.T).transpose(-2, -1) / math.sqrt(x.shape[-1])
    return torch.softmax(scores, dim=-1) @ (context @ w_v.T)

# %% right: contexts mixed first, then made into values
def cross_attention(x, context, w_q, w_k, w_v):
    return scaled_dot_product_attention(x @ w_q.mT, context @ w_k.mT, context) @ w_v.mT

# %% wrong: keys and values exchanged
# says: keys and values have changed places
def cross_attention(x, context, w_q, w_k, w_v):
    return scaled_dot_product_attention(x @ w_q.T, context @ w_v.T, context @ w_k.T)


# %% wrong: x and the context as one text
# says: are read as one text
def cross_attention(x, context, w_q, w_k, w_v):
    c = torch.cat([context, x], 1)
    return scaled_dot_product_attention(x @ w_q.T, c @ w_k.T, c @ w_v.T)


# %% wrong: a list of texts
# says: return one tensor
def cross_attention(x, context, w_q, w_k, w_v):
    return [
        scaled_dot_product_attention(asks @ w_q.T, answers @ w_k.T, answers @ w_v.T)
        for asks, answers in zip(x, context)
    ]
