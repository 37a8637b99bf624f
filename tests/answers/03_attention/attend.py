# %% right: loops over query heads
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    seq, head_dim = x.shape[1], w_q.shape[0] // n_head
    positions, out = torch.arange(seq), torch.zeros_like(x)
    for h in range(n_head):
        g = h // (n_head // n_kv_head)
        mine, shared = (slice(i * head_dim, (i + 1) * head_dim) for i in (h, g))
        q = apply_rope(x @ w_q[mine].T, positions, theta)
        k = apply_rope(x @ w_k[shared].T, positions, theta)
        scores = q @ k.transpose(1, 2) / math.sqrt(head_dim)
        scores = scores.masked_fill(~torch.ones(seq, seq).tril().bool(), -math.inf)
        out = out + torch.softmax(scores, -1) @ (x @ w_v[shared].T) @ w_o[:, mine].T
    return out

# %% right: linear, einsum, groups as a dimension of their own
from torch.nn.functional import linear


def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    places = torch.arange(x.shape[1])
    q, k, v = (linear(x, w).unflatten(-1, (n, -1)).transpose(1, 2)
               for w, n in ((w_q, n_head), (w_k, n_kv_head), (w_v, n_kv_head)))
    q, k = apply_rope(q, places, theta), apply_rope(k, places, theta)
    q = q.unflatten(1, (n_kv_head, -1))
    scores = torch.einsum("bgrqd,bgkd->bgrqk", q, k) * q.shape[-1] ** -0.5
    scores = scores + torch.full((x.shape[1], x.shape[1]), -math.inf).triu(1)
    mixed = torch.einsum("bgrqk,bgkd->bgrqd", scores.softmax(-1), v).flatten(1, 2)
    return linear(mixed.transpose(1, 2).reshape(*x.shape[:2], -1), w_o)

# %% right: own pieces, float64, one stacked projection
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0, dtype=torch.float64):
    x = x.to(dtype)
    stacked = x @ torch.cat([w_q, w_k, w_v]).to(dtype).T
    heads = split_heads(stacked, n_head + 2 * n_kv_head)
    q, k, v = heads.split([n_head, n_kv_head, n_kv_head], dim=1)
    turn = [apply_rope(t, torch.arange(x.shape[1]), theta) for t in (q, k)]
    rest = [repeat_kv(t, n_head // n_kv_head) for t in (turn[1], v)]
    return merge_heads(scaled_dot_product_attention(turn[0], *rest, causal_mask(x.shape[1]))) @ w_o.to(dtype).T

# %% wrong: no mask
# says: tokens see the future
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    positions = torch.arange(x.shape[1])
    q = apply_rope(split_heads(x @ w_q.T, n_head), positions, theta)
    k = apply_rope(split_heads(x @ w_k.T, n_kv_head), positions, theta)
    v = split_heads(x @ w_v.T, n_kv_head)
    k, v = (repeat_kv(t, n_head // n_kv_head) for t in (k, v))
    return merge_heads(scaled_dot_product_attention(q, k, v)) @ w_o.T

# %% wrong: no RoPE
# says: positions are missing
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    q = split_heads(x @ w_q.T, n_head)
    k, v = (repeat_kv(split_heads(x @ w.T, n_kv_head), n_head // n_kv_head) for w in (w_k, w_v))
    return merge_heads(scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))) @ w_o.T

# %% wrong: values turned as well
# says: the values are turned as well
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    positions = torch.arange(x.shape[1])
    q = apply_rope(split_heads(x @ w_q.T, n_head), positions, theta)
    k, v = (apply_rope(split_heads(x @ w.T, n_kv_head), positions, theta) for w in (w_k, w_v))
    k, v = (repeat_kv(t, n_head // n_kv_head) for t in (k, v))
    return merge_heads(scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))) @ w_o.T

# %% wrong: only the queries are turned
# says: only the queries are turned
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    q = apply_rope(split_heads(x @ w_q.T, n_head), torch.arange(x.shape[1]), theta)
    k, v = (repeat_kv(split_heads(x @ w.T, n_kv_head), n_head // n_kv_head) for w in (w_k, w_v))
    return merge_heads(scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))) @ w_o.T

# %% wrong: RoPE before the split
# says: split into heads first
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    positions = torch.arange(x.shape[1])
    q = split_heads(apply_rope(x @ w_q.T, positions, theta), n_head)
    k = split_heads(apply_rope(x @ w_k.T, positions, theta), n_kv_head)
    v = split_heads(x @ w_v.T, n_kv_head)
    k, v = (repeat_kv(t, n_head // n_kv_head) for t in (k, v))
    return merge_heads(scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))) @ w_o.T

# %% wrong: theta is left out
# says: theta is not passed on
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    positions = torch.arange(x.shape[1])
    q = apply_rope(split_heads(x @ w_q.T, n_head), positions)
    k = apply_rope(split_heads(x @ w_k.T, n_kv_head), positions)
    v = split_heads(x @ w_v.T, n_kv_head)
    k, v = (repeat_kv(t, n_head // n_kv_head) for t in (k, v))
    return merge_heads(scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))) @ w_o.T

# %% wrong: keys repeated A B A B
# says: does each key/value head serve neighbouring query heads (A A B B)?
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    positions = torch.arange(x.shape[1])
    q = apply_rope(split_heads(x @ w_q.T, n_head), positions, theta)
    k = apply_rope(split_heads(x @ w_k.T, n_kv_head), positions, theta)
    v = split_heads(x @ w_v.T, n_kv_head)
    k, v = (t.repeat(1, n_head // n_kv_head, 1, 1) for t in (k, v))
    return merge_heads(scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))) @ w_o.T

# %% wrong: no output projection
# says: multiply by w_o.T
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    positions = torch.arange(x.shape[1])
    q = apply_rope(split_heads(x @ w_q.T, n_head), positions, theta)
    k = apply_rope(split_heads(x @ w_k.T, n_kv_head), positions, theta)
    v = split_heads(x @ w_v.T, n_kv_head)
    k, v = (repeat_kv(t, n_head // n_kv_head) for t in (k, v))
    return merge_heads(scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1])))

# %% wrong: no return
# says: is there a return?
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    q = apply_rope(split_heads(x @ w_q.T, n_head), torch.arange(x.shape[1]), theta)

# %% right: rows one by one, each with the keys up to its own
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    n, positions = n_head // n_kv_head, torch.arange(x.shape[1])
    q, k = split_heads(x @ w_q.T, n_head), split_heads(x @ w_k.T, n_kv_head)
    v = repeat_kv(split_heads(x @ w_v.T, n_kv_head), n)
    q, k = apply_rope(q, positions, theta), repeat_kv(apply_rope(k, positions, theta), n)
    rows = [
        scaled_dot_product_attention(q[:, :, [i]], k[:, :, : i + 1], v[:, :, : i + 1])
        for i in range(x.shape[1])
    ]
    return merge_heads(torch.cat(rows, dim=2)) @ w_o.T

# %% wrong: heads merged by one reshape
# says: swap heads and positions back first
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    n, positions = n_head // n_kv_head, torch.arange(x.shape[1])
    q, k = split_heads(x @ w_q.T, n_head), split_heads(x @ w_k.T, n_kv_head)
    v = repeat_kv(split_heads(x @ w_v.T, n_kv_head), n)
    q, k = apply_rope(q, positions, theta), repeat_kv(apply_rope(k, positions, theta), n)
    mixed = scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))
    return mixed.reshape(x.shape[0], x.shape[1], -1) @ w_o.T

# %% wrong: scaled once more
# says: divided by √head_dim twice
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    n, positions = n_head // n_kv_head, torch.arange(x.shape[1])
    q, k = split_heads(x @ w_q.T, n_head), split_heads(x @ w_k.T, n_kv_head)
    v = repeat_kv(split_heads(x @ w_v.T, n_kv_head), n)
    q, k = apply_rope(q, positions, theta), repeat_kv(apply_rope(k, positions, theta), n)
    q = q / math.sqrt(q.shape[-1])
    return merge_heads(scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))) @ w_o.T

# %% wrong: positions of the queries count from 1
# says: turn q and k by positions from 0
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    n, positions = n_head // n_kv_head, torch.arange(x.shape[1])
    q, k = split_heads(x @ w_q.T, n_head), split_heads(x @ w_k.T, n_kv_head)
    v = repeat_kv(split_heads(x @ w_v.T, n_kv_head), n)
    q, k = apply_rope(q, positions + 1, theta), repeat_kv(apply_rope(k, positions, theta), n)
    return merge_heads(scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))) @ w_o.T


# %% right: token by token, with start
class A:
    def __call__(self, x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
        rows = []
        for t in range(x.shape[1]):
            pos = torch.arange(t + 1)
            q = apply_rope(split_heads(x[:, t : t + 1] @ w_q.T, n_head), torch.tensor([t]), theta)
            k = apply_rope(split_heads(x[:, : t + 1] @ w_k.T, n_kv_head), pos, theta)
            v = split_heads(x[:, : t + 1] @ w_v.T, n_kv_head)
            n = n_head // n_kv_head
            rows.append(
                merge_heads(
                    scaled_dot_product_attention(
                        q, repeat_kv(k, n), repeat_kv(v, n), causal_mask(1, t)
                    )
                )
                @ w_o.T
            )
        return torch.cat(rows, 1)


attend = A()


# %% wrong: head_dim taken to be d_model / n_head
# says: head_dim need not be d_model / n_head
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    b, s, d = x.shape
    h = d // n_head
    f = lambda t: t.view(b, s, -1, h).transpose(1, 2)
    p = torch.arange(s)
    n = n_head // n_kv_head
    q, k, v = (
        apply_rope(f(x @ w_q.T), p, theta) if h > 1 else f(x @ w_q.T),
        apply_rope(f(x @ w_k.T), p, theta) if h > 1 else f(x @ w_k.T),
        f(x @ w_v.T),
    )
    return (
        merge_heads(
            scaled_dot_product_attention(q, repeat_kv(k, n), repeat_kv(v, n), causal_mask(s))
        )
        @ w_o.T
    )


# %% wrong: x is added
# says: only what attention adds
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    p = torch.arange(x.shape[1])
    n = n_head // n_kv_head
    q, k, v = (
        apply_rope(split_heads(x @ w_q.T, n_head), p, theta),
        apply_rope(split_heads(x @ w_k.T, n_kv_head), p, theta),
        split_heads(x @ w_v.T, n_kv_head),
    )
    return (
        x
        + merge_heads(
            scaled_dot_product_attention(
                q, repeat_kv(k, n), repeat_kv(v, n), causal_mask(x.shape[1])
            )
        )
        @ w_o.T
    )


# %% wrong: only the keys are turned
# says: the queries need RoPE, too
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    p = torch.arange(x.shape[1])
    n = n_head // n_kv_head
    q, k, v = (
        split_heads(x @ w_q.T, n_head),
        apply_rope(split_heads(x @ w_k.T, n_kv_head), p, theta),
        split_heads(x @ w_v.T, n_kv_head),
    )
    return (
        merge_heads(
            scaled_dot_product_attention(
                q, repeat_kv(k, n), repeat_kv(v, n), causal_mask(x.shape[1])
            )
        )
        @ w_o.T
    )


# %% wrong: each key head is repeated n_kv_head times
# says: here 3, not n_kv_head of them
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    positions = torch.arange(x.shape[1])
    q = apply_rope(split_heads(x @ w_q.T, n_head), positions, theta)
    k = apply_rope(split_heads(x @ w_k.T, n_kv_head), positions, theta)
    v = split_heads(x @ w_v.T, n_kv_head)
    k, v = (repeat_kv(t, n_kv_head) for t in (k, v))
    return merge_heads(scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))) @ w_o.T


# %% wrong: the mask is inverted
# says: the only token may look at nothing
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    n, positions = n_head // n_kv_head, torch.arange(x.shape[1])
    q = apply_rope(split_heads(x @ w_q.T, n_head), positions, theta)
    k = apply_rope(split_heads(x @ w_k.T, n_kv_head), positions, theta)
    k, v = repeat_kv(k, n), repeat_kv(split_heads(x @ w_v.T, n_kv_head), n)
    return merge_heads(scaled_dot_product_attention(q, k, v, ~causal_mask(x.shape[1]))) @ w_o.T


# %% wrong: a list of texts
# says: return one tensor
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    n, positions, texts = n_head // n_kv_head, torch.arange(x.shape[1]), []
    for text in x[:, None]:
        q = apply_rope(split_heads(text @ w_q.T, n_head), positions, theta)
        k = apply_rope(split_heads(text @ w_k.T, n_kv_head), positions, theta)
        k, v = repeat_kv(k, n), repeat_kv(split_heads(text @ w_v.T, n_kv_head), n)
        mixed = scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))
        texts.append((merge_heads(mixed) @ w_o.T)[0])
    return texts

# %% wrong: w_o is not transposed
# says: multiply by the transpose
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    positions = torch.arange(x.shape[1])
    q = apply_rope(split_heads(x @ w_q.T, n_head), positions, theta)
    k = apply_rope(split_heads(x @ w_k.T, n_kv_head), positions, theta)
    v = split_heads(x @ w_v.T, n_kv_head)
    k, v = (repeat_kv(t, n_head // n_kv_head) for t in (k, v))
    return merge_heads(scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))) @ w_o

# %% wrong: no weight is transposed
# says: multiply by the transpose
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    positions = torch.arange(x.shape[1])
    q = apply_rope(split_heads(x @ w_q, n_head), positions, theta)
    k = apply_rope(split_heads(x @ w_k, n_kv_head), positions, theta)
    v = split_heads(x @ w_v, n_kv_head)
    k, v = (repeat_kv(t, n_head // n_kv_head) for t in (k, v))
    return merge_heads(scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))) @ w_o
