# %% right: loops over queries and keys
import math


def scaled_dot_product_attention(q, k, v, mask=None):
    seq_q, head_dim = q.shape[-2:]
    seq_k = k.shape[-2]
    lead = q.shape[:-2]
    flat = [t.reshape(-1, *t.shape[-2:]) for t in (q, k, v)]
    if mask is not None:
        mask = mask.expand(*lead, seq_q, seq_k).reshape(-1, seq_q, seq_k)
    out = torch.zeros(flat[0].shape[0], seq_q, v.shape[-1])
    for b in range(out.shape[0]):
        for i in range(seq_q):
            seen = [j for j in range(seq_k) if mask is None or mask[b, i, j]]
            scores = [float(flat[0][b, i] @ flat[1][b, j]) / math.sqrt(head_dim) for j in seen]
            top = max(scores)
            exps = [math.exp(s - top) for s in scores]
            for j, e in zip(seen, exps):
                out[b, i] += e / sum(exps) * flat[2][b, j]
    return out.view(*lead, seq_q, v.shape[-1])

# %% right: einsum, a large negative number added
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = torch.einsum("...qd,...kd->...qk", q, k) * q.size(-1) ** -0.5
    if mask is not None:
        scores = scores + (~mask).to(scores.dtype) * -1e30
    return torch.einsum("...qk,...kd->...qd", torch.nn.functional.softmax(scores, -1), v)

# %% right: float64, the maximum subtracted by hand
def scaled_dot_product_attention(q, k, v, mask=None):
    q, k, v = q.double(), k.double(), v.double()
    scores = torch.matmul(q / k.shape[-1] ** 0.5, k.mT)
    if mask is not None:
        scores = torch.where(mask, scores, torch.tensor(float("-inf"), dtype=torch.float64))
    scores = scores - scores.max(dim=-1, keepdim=True).values
    exps = scores.exp()
    return (exps / exps.sum(-1, keepdim=True)) @ v

# %% right: a class behind the function, filled in place
class _Attention:
    def __init__(self, width, dropout=0.0):
        self.scale = 1 / width ** 0.5

    def __call__(self, q, k, v, mask):
        scores = q.matmul(k.swapaxes(-1, -2)).mul_(self.scale)
        if mask is not None:
            scores.masked_fill_(mask.logical_not(), float("-inf"))
        return scores.softmax(-1).matmul(v)


def scaled_dot_product_attention(q, k, v, mask=None, dropout=0.0):
    return _Attention(q.shape[-1], dropout)(q, k, v, mask)

# %% right: numpy
import numpy as np


def scaled_dot_product_attention(q, k, v, mask=None):
    a, b, c = q.numpy(), k.numpy(), v.numpy()
    scores = a @ np.swapaxes(b, -1, -2) / np.sqrt(a.shape[-1])
    if mask is not None:
        scores = np.where(mask.numpy(), scores, -np.inf)
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return torch.from_numpy((e / e.sum(-1, keepdims=True)) @ c)

# %% wrong: the scores are not scaled
# says: divide the scores by √head_dim
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=-1) @ v

# %% wrong: divided by head_dim, not by its root
# says: divide the scores by √head_dim
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / q.shape[-1]
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=-1) @ v

# %% wrong: divided by the root of the length
# says: the root of the number of columns of q
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(k.shape[-2])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=-1) @ v

# %% wrong: divided by √d_model
# says: not by √d_model
def scaled_dot_product_attention(q, k, v, mask=None):
    d_model = q.shape[-1] * (q.shape[-3] if q.dim() > 2 else 1)
    scores = q @ k.transpose(-2, -1) / math.sqrt(d_model)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=-1) @ v

# %% wrong: multiplied instead of divided
# says: divide the scores by √head_dim
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) * math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=-1) @ v

# %% wrong: softmax over the queries
# says: take the softmax over the keys
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=-2) @ v

# %% wrong: no softmax
# says: the weights of one query sum to 1
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, 0)
    return scores @ v

# %% wrong: returns the shares
# says: return the mixture of values
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=-1)

# %% wrong: exp overflows
# says: large scores must not overflow
def scaled_dot_product_attention(q, k, v, mask=None):
    exps = torch.exp(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]))
    if mask is not None:
        exps = exps * mask
    return exps / exps.sum(dim=-1, keepdim=True) @ v

# %% wrong: masks after the softmax
# says: mask the scores before the softmax
def scaled_dot_product_attention(q, k, v, mask=None):
    shares = torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]), dim=-1)
    if mask is not None:
        shares = shares * mask
    return shares @ v

# %% wrong: the mask is read the wrong way round
# says: True means may look, False means hidden
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(mask, -1e9)
    return torch.softmax(scores, dim=-1) @ v

# %% wrong: the mask is read the wrong way round, with minus infinity
# says: True means may look, False means hidden
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(mask, -math.inf)
    return torch.softmax(scores, dim=-1) @ v

# %% wrong: the first text's mask for all texts
# says: this is not what torch computes
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~(mask if mask.dim() == 2 else mask[0]), -math.inf)
    return torch.softmax(scores, dim=-1) @ v

# %% wrong: a forbidden score becomes 0
# says: its score must become -infinity
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores * mask
    return torch.softmax(scores, dim=-1) @ v

# %% wrong: the mask is ignored
# says: a forbidden key still gets a weight
def scaled_dot_product_attention(q, k, v, mask=None):
    return torch.softmax(q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]), dim=-1) @ v

# %% wrong: always causal, whatever the mask
# says: a forbidden key still gets a weight
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~torch.ones(scores.shape[-2:]).tril().bool(), -math.inf)
    return torch.softmax(scores, dim=-1) @ v

# %% wrong: scaled by the root of 4 or 8 only
# says: is the divisor √head_dim for every head_dim?
# caught by: hidden
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(8 if q.shape[-1] == 8 else 4)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=-1) @ v

# %% wrong: forbidden scores become -15
# says: not just a low number
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -15)
    return torch.softmax(scores, dim=-1) @ v

# %% right: shares of forbidden keys set to 0 after exp, the rest divided by their own sum
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.mT / q.shape[-1] ** 0.5
    seen = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
    e = (scores - seen.amax(-1, keepdim=True)).exp()
    if mask is not None:
        e = torch.where(mask, e, 0.0)
    return e @ v / e.sum(-1, keepdim=True)

# %% right: a bias of minus infinity, and logsumexp
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.swapaxes(-1, -2) / math.sqrt(k.shape[-1])
    if mask is not None:
        scores = scores + torch.zeros(mask.shape, dtype=q.dtype).masked_fill(~mask, -torch.inf)
    return (scores - scores.logsumexp(-1, keepdim=True)).exp() @ v

# %% wrong: forbidden scores become -10000
# says: not just a low number
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -1e4)
    return scores.softmax(-1) @ v


# %% right: recursion over the leading dimensions, then loops
class S:
    def __call__(self, q, k, v, mask=None):
        if q.dim() > 2:
            m = [None] * len(q)
            if mask is not None:
                m = mask.expand(*q.shape[:-1], k.shape[-2])
            return torch.stack([self(a, b, c, d) for a, b, c, d in zip(q, k, v, m)])
        out = []
        for i, row in enumerate(q):
            s = [float(row @ key) / math.sqrt(len(row)) for key in k]
            keep = [mask is None or bool(mask[i, j]) for j in range(len(k))]
            top = max(x for x, ok in zip(s, keep) if ok)
            e = [math.exp(x - top) if ok else 0.0 for x, ok in zip(s, keep)]
            out.append(sum(w * val for w, val in zip(e, v)) / sum(e))
        return torch.stack(out)


scaled_dot_product_attention = S()


# %% wrong: causal where no mask is given
# says: hide nothing
def scaled_dot_product_attention(q, k, v, mask=None):
    s = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is None and s.shape[-1] == s.shape[-2]:
        mask = torch.ones(s.shape[-2:]).tril().bool()
    if mask is not None:
        s = s.masked_fill(~mask, -math.inf)
    return torch.softmax(s, -1) @ v


# %% wrong: softmax over dimension 1 or 2, counted from the front
# says: still runs over the keys
def scaled_dot_product_attention(q, k, v, mask=None):
    s = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        s = s.masked_fill(~mask, -math.inf)
    return torch.softmax(s, 1 if s.dim() < 3 else 2) @ v


# %% wrong: the last mask is kept
# says: keep no mask of an earlier call
_m = []


def scaled_dot_product_attention(q, k, v, mask=None):
    s = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        _m[:] = [mask]
    if _m and _m[0].shape[-2:] == s.shape[-2:]:
        s = s.masked_fill(~_m[0], -math.inf)
    return torch.softmax(s, -1) @ v


# %% wrong: the mask times minus infinity
# says: 0 times infinity is no number
def scaled_dot_product_attention(q, k, v, mask=None):
    s = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        s = s + (~mask) * -math.inf
    return torch.softmax(s, -1) @ v


# %% wrong: forbidden scores become -1e9
# says: not just a low number
def scaled_dot_product_attention(q, k, v, mask=None):
    s = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        s = s.masked_fill(~mask, -1e9)
    return torch.softmax(s, -1) @ v


# %% wrong: -1e6 is added to forbidden scores
# says: not just a low number
def scaled_dot_product_attention(q, k, v, mask=None):
    s = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        s = s + (~mask) * -1e6
    return torch.softmax(s, -1) @ v


# %% right: q scaled in place
def scaled_dot_product_attention(q, k, v, mask=None):
    q /= q.size(-1) ** 0.5
    logits = torch.einsum("...id,...jd->...ij", q, k)
    logits += 0.0 if mask is None else mask.float().log()
    return torch.einsum("...ij,...jd->...id", logits.softmax(-1), v)


# %% wrong: one maximum for all queries
# says: a maximum of its own
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    e = torch.exp(scores - scores.max())
    return e / e.sum(dim=-1, keepdim=True) @ v


# %% wrong: scores clipped so that exp does not overflow
# says: clip nothing
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).clamp(-80, 80)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    e = torch.exp(scores)
    return e / e.sum(dim=-1, keepdim=True) @ v


# %% right: key by key, with a running maximum and total
def scaled_dot_product_attention(q, k, v, mask=None):
    q = q / math.sqrt(q.shape[-1])
    best = torch.full((*q.shape[:-1], 1), -1e38, dtype=q.dtype)
    total, mixed = torch.zeros_like(best), torch.zeros(*q.shape[:-1], v.shape[-1], dtype=q.dtype)
    for j in range(k.shape[-2]):
        s = (q * k[..., j : j + 1, :]).sum(-1, keepdim=True)
        if mask is not None:
            s = s.masked_fill(~mask[..., j : j + 1], -math.inf)
        new = torch.maximum(best, s)
        shrink, e = (best - new).exp(), (s - new).exp()
        total, mixed, best = total * shrink + e, mixed * shrink + e * v[..., j : j + 1, :], new
    return mixed / total


# %% wrong: a list of outputs, one for each query
# says: return one tensor
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return (torch.softmax(scores, dim=-1) @ v).tolist()


# %% wrong: the mixture and the shares
# says: the mixture alone, without the weights
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    shares = torch.softmax(scores, dim=-1)
    return shares @ v, shares

# %% wrong: k.T, which reverses all dimensions
# says: turn only the last two dimensions of k
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.T / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=-1) @ v
