# %% [markdown] makes="vectors that looked back" shape="[batch, seq, d_model]"
# # 3 · Attention
#
# **You will build** attention, whole: the weighted look-back (exercise 3.1), the mask that hides the future (3.2) and
# the test that proves it does (3.3), the heads (3.4, 3.5), the sharing of keys that makes long texts affordable
# (3.6), and from all of these one complete attention layer (3.7), which you put into all 30 layers of SmolLM2, a real
# language model. Then you look at where it looks: you write the score that finds its copying heads (3.8), and switch
# heads off to see which of them it needs. Last, the variant that lets one text read another (3.9).
#
# **You need** notebooks 1 and 2: a text is a list of token ids, each id is looked up as a vector, and rotary
# embedding (RoPE) tells vectors where they stand. From mathematics: the matrix product, the dot product, and softmax,
# the function that turns any numbers into positive shares that sum to 1: $\mathrm{softmax}(s)_i = e^{s_i} / \sum_j
# e^{s_j}$. Layers, heads and positions are counted from 0.
#
# **It takes** about two and a half hours, 100 minutes of them at the nine exercises.

# %% given setup
import math

import torch

from llmlib.embeddings import apply_rope

# %% [markdown]
# ## The real thing first
#
# Mrs. Quillfeather is made up, so the model cannot know her name. It has to *look it up* in the
# text in front of it. The second line is the same model with one change: every token may look at itself only.

# %%
from itertools import cycle

from llmlib import complete, generate, pretrained
from llmlib.course.predict import predict, predictions, reveal
from llmlib.plots import attention as plots
from llmlib.plots import show

torch.set_num_threads(2)
model = pretrained.load("smollm2")


# %%
predict(
    "alone",
    "Each token may look at itself only. What does the model write after 'Mrs.'?",
    {
        "A": "the name all the same: it is stored in the weights",
        "B": "some other name: any name fits after 'Mrs.'",
        "C": "no name at all: it cannot even tell that a name is due",
    },
    yours="C",
)


# %%
def only_itself(seq, start=0):
    mask = torch.zeros(seq, start + seq, dtype=torch.bool)
    mask[range(seq), range(start, start + seq)] = True
    return mask


dragon = (
    "Mrs. Quillfeather keeps a dragon. "
    "Every morning the dragon eats breakfast with Mrs."
)
said = complete(model.using(mask=only_itself), dragon, 6)
print("with attention:   ", repr(complete(model, dragon, 6)))
print("without attention:", repr(said))
a_name = any(letter.isupper() for letter in said)
reveal("alone", "A" if "Quill" in said else "B" if a_name else "C")

# %% [markdown]
# Everything else was still there: the embedding table, all 30 layers, the output (notebook 5). But in all of them each token
# is worked on alone. **Attention is the only place in the model where one token learns about another.**
#
# (This model, SmolLM2-135M-Instruct, has 135 million weights. It is small and says foolish things; it is built
# like models a thousand times its size.)
#
# ## 3.1 Why recurrence lost
#
# Before 2017 the usual reader of text was a *recurrent network* (RNN). It keeps one vector of memory, $h$, and
# updates it token by token: $h_t = \tanh(W x_t + U h_{t-1})$, where $x_t$ is the vector of token $t$ and $W$, $U$ are
# learned matrices. Two things follow from that line.
#
# **The past must be carried.** What token 0 has to say reaches step 50 through 50 multiplications by $U$ and 50
# tanh's. Learning goes the same way backwards: how much the last output would change if an early input did (its
# *gradient*) is a product of 50 factors. Measure it in fresh networks, before any training. Among them are two of
# the known cures: an RNN whose $U$ starts as a rotation (in some draws with a mirroring), and an LSTM (Hochreiter & Schmidhuber 1997) with the *forget gate*
# of Gers et al. (2000), which multiplies its memory by a number from 0 to 1: once as PyTorch starts it, and once with 3 added to the gate's *bias* (a constant inside it), so that it begins
# nearly open.


# %%
def gradient_back(make_reader, steps=50, d_model=64, runs=10):
    """Norm of the gradient at the input 0, 1, ... steps back (a mean over readers)."""
    logs = []
    for seed in range(runs):
        torch.manual_seed(seed)
        read = make_reader(d_model)
        x = torch.randn(1, steps + 1, d_model, requires_grad=True)  # batch seq d_model
        read(x)[0, -1].norm().backward()
        logs.append(x.grad[0].norm(dim=-1).flip(0).log())
    return torch.stack(logs).mean(0).exp()


def rnn(d_model, rotation=False):
    layer = torch.nn.RNN(d_model, d_model, batch_first=True)
    if rotation:
        torch.nn.init.orthogonal_(layer.weight_hh_l0)
    return lambda x: layer(x)[0]


def lstm(d_model, forget_bias=0.0):
    layer = torch.nn.LSTM(d_model, d_model, batch_first=True)
    with torch.no_grad():
        layer.bias_hh_l0[d_model : 2 * d_model] += forget_bias
    return lambda x: layer(x)[0]


def attention_layer(d_model):
    layer = torch.nn.MultiheadAttention(d_model, 4, bias=False, batch_first=True)
    return lambda x: layer(x, x, x, need_weights=False)[0]


readers = {
    "RNN": rnn,
    "RNN, U a rotation": lambda d: rnn(d, rotation=True),
    "LSTM": lstm,
    "LSTM, forget bias 3": lambda d: lstm(d, forget_bias=3.0),
    "attention": attention_layer,
}
torch.set_num_threads(1)  # little to share in products this small
curves = {name: gradient_back(make) for name, make in readers.items()}
torch.set_num_threads(2)
for name, curve in curves.items():
    print(
        f"{name:<20} 1 step back {curve[1]:.0e}   50 back {curve[50]:.0e}   "
        f"kept per step {(curve[50] / curve[1]) ** (1 / 49):.2f}"
    )
show(
    plots.gradients(curves),
    alt="Gradient norm against steps back, log scale. The plain RNN falls in a "
    "straight line to 3e-18 at 50 steps, the LSTM to 2e-12, the RNN with a "
    "rotation to 5e-8; the LSTM with forget bias 3 and attention stay level above "
    "1e-2.",
)

# %% [markdown]
# As they start, the RNN keeps less than half of the signal a step and the LSTM three fifths: what was said 50 steps
# ago is lost in the rounding of everything nearer. But that is a matter of how they start, not of what they are:
# with a rotation for $U$ more survives, and **with its gate open the LSTM carries the signal as evenly as attention
# does**. Fading can be cured.
# In attention there is nothing to cure: step 50 is one step away, like step 1, in every network of this shape and
# before any training. (What arrives from there is not loud, since the last token divides its attention among 51.)
#
# **The past must wait.** This is harder to cure. While the tanh stands in that line, $h_{50}$ needs $h_{49}$, which
# needs $h_{48}$ … An RNN reads a text of 512 tokens in 512 steps, one after the other, however many processors stand
# idle. Attention computes all pairs of
# tokens in one matrix product. It even does *more* multiplications:

# %%
d_model = 64
print("          multiplications           products that must wait for each other")
print("length         RNN   attention      RNN   attention")
for seq in (64, 128, 256, 512):
    pairs = 4 * seq * d_model**2 + 2 * seq**2 * d_model
    print(f"{seq:>6} {2 * seq * d_model**2:>11,} {pairs:>11,} {seq:>8} {4:>11}")

# %% [markdown]
# Three to ten times the multiplications, but only four products wait for each other, however long the text: queries,
# keys and values (all at once), scores, mixture, output. You will write each of them below. On hardware that does
# thousands of multiplications at once, that decides how much text a model can be trained on. (Models that leave the tanh out, such as Mamba,
# Gu and Dao 2023, need not wait either, and are rivals of attention today.) The table shows the price,
# too: attention's count has a term with seq², so twice the text costs more than twice the work. Notebook 4 shows the
# length from which that term dominates.
#
# ## 3.2 Attention by hand, on three tokens
#
# **Claim.** Attention is a look-up in which everything matches a little. Each token makes three vectors from its own
# vector $x$, with three learned matrices:
#
# - a **query** $q = W_Q x$ ($W_q$ in notebook 2): what am I looking for?
# - a **key** $k = W_K x$: by what can I be found?
# - a **value** $v = W_V x$: what do I hand over to those who look at me?
#
# The dot product of one token's query and another's key is their **score** (in notebook 2 the division below was part of it): large when they point the same way.
# Softmax makes the scores of one query into **shares** (papers say *attention weights*). The output for that query is
# the sum of all values, each times its share:
#
# $$\mathrm{attention}(q, k, v) = \mathrm{softmax}\!\left(\frac{q\,k^{T}}{\sqrt{\text{head\_dim}}}\right) v$$
#
# Here `head_dim` is how many numbers a query has; section 3.3 is about why its root stands there. Follow the
# cell with a pencil: vectors of 2 numbers, three tokens, and the matrix $W_K$ leaves everything as it is.

# %%
names = ["the", "cat", "sat"]
x = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-1.0, -1.0]])  # seq d_model: one row a token
w_q = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
w_k = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
w_v = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
q, k, v = x @ w_q.T, x @ w_k.T, x @ w_v.T  # seq head_dim, each

scores = q @ k.T  # seq seq: row = who asks, column = who answers
shares = torch.softmax(scores / math.sqrt(2), dim=-1)  # each row sums to 1
outputs = shares @ v  # seq head_dim
for i, name in enumerate(names):
    print(
        f"{name}: q {q[i].tolist()}  scores {scores[i].tolist()}  "
        f"shares {[f'{s:.2f}' for s in shares[i]]}  "
        f"output {[f'{o:.2f}' for o in outputs[i]]}"
    )
show(
    plots.one_head(q, k, v, names),
    alt="One head from left to right, with its numbers. Queries times keys give a 3 by "
    "3 grid of scores; over √2 and through softmax, a grid of shares, each row summing "
    "to 1; times the values, the outputs. The row of sat is framed: scores −2, 2, 0, "
    "shares 0.05, 0.77, 0.19.",
)

# %% [markdown]
# Take the last row. "sat" has the query (−1, 1). Its scores are −1·2 + 1·0 = −2 with the key of "the", −1·0 + 1·2 =
# 2 with that of "cat", and −1·(−1) + 1·(−1) = 0 with its own. Over √2 and through softmax that makes most of its
# attention go to "cat", so its output lies near the value of "cat". The same row in plain loops, without a matrix:

# %%
exponentials = []
for j in range(3):  # "sat" asks, token j answers
    score = sum(float(q[2, c] * k[j, c]) for c in range(2))
    exponentials.append(math.exp(score / math.sqrt(2)))
mixture = [0.0, 0.0]
for j in range(3):
    share = exponentials[j] / sum(exponentials)  # softmax
    for c in range(2):
        mixture[c] += share * float(v[j, c])
    print(f"{share:.2f} of the value of {names[j]}, {v[j].tolist()}")
print("output of sat:", [f"{number:.2f}" for number in mixture])

# %%
show(
    plots.mixtures(v, outputs, names),
    alt="Three orange squares, the values of the, cat and sat, are the corners of a "
    "triangle; the three outputs, blue dots, lie inside it, the output of sat close to "
    "the value of cat.",
)

# %% [markdown]
# Shares are positive and sum to 1, so an output can never leave the shape whose corners are the values.
#
# **A claim to check.** You will read that "the output for *sat* is 0.012 · *The* + 0.45 · *cat* + …", as if attention
# mixed the tokens themselves. Mix both ways and compare:

# %%
print("shares times token vectors x:", [f"{o:.2f}" for o in shares[2] @ x])
print(
    f"shares times values W_V x:    {[f'{o:.2f}' for o in shares[2] @ v]} <- the output"
)

# %% [markdown]
# What is mixed are **values**, $W_V x$: what each token chooses to say, not what it is. The model can look for one
# thing (by keys) and fetch another (by values). Section 3.5 puts the claim to a fair test on the real model.
#
# ## 3.3 Why √head_dim
#
# **Claim.** A score is a sum of head_dim products. If the entries of $q$ and $k$ are independent with mean 0 and
# variance 1, each product has variance 1, so the sum has variance head_dim: its standard deviation is √head_dim.
# (The *variance* is the mean of the squared distances from the mean, the *standard deviation* is its root.)
# Without the division, wider heads would have wilder scores, and a softmax over wild scores gives nearly everything
# to the largest. Then the shares barely move when a score does, and the gradient that has to teach the scores is small:
# the slope of a share $p$ with respect to its own score is $p(1-p)$. Measured on random queries with 10 keys each, for the largest share:

# %%
generator = torch.Generator().manual_seed(0)
head_dims = [4, 16, 64, 256, 1024]
deviations = {"q·k": [], "q·k / √head_dim": []}
largest = {"q·k": [], "q·k / √head_dim": []}
print("           deviation of q·k     largest share       slope p(1-p)")
print("head_dim     raw   divided      raw   divided      raw   divided")
for head_dim in head_dims:
    queries = torch.randn(2000, 1, head_dim, generator=generator)
    keys = torch.randn(2000, 10, head_dim, generator=generator)
    raw = (queries @ keys.transpose(-2, -1)).squeeze(1)  # 2000 queries, 10 scores each
    slopes = []
    for name, s in (("q·k", raw), ("q·k / √head_dim", raw / math.sqrt(head_dim))):
        top = torch.softmax(s, dim=-1).amax(dim=-1)
        deviations[name].append(s.std().item())
        largest[name].append(top.mean().item())
        slopes.append((top * (1 - top)).mean().item())
    a, b = deviations.values()
    c, d = largest.values()
    print(
        f"{head_dim:>8} {a[-1]:>7.2f} {b[-1]:>9.2f} {c[-1]:>8.3f} {d[-1]:>9.3f} "
        f"{slopes[0]:>8.4f} {slopes[1]:>9.4f}"
    )
show(
    plots.scaling(head_dims, deviations, largest),
    alt="Left: the deviation of raw scores grows from 2 to 32 as head_dim grows from 4 "
    "to 1024; divided scores stay at 1. Right: the largest of 10 shares rises towards "
    "1 for raw scores and stays near 0.32 for divided ones.",
)

# %% [markdown]
# Divided by √head_dim, the scores have the same spread at any width, and the softmax keeps its slope; undivided, at
# head_dim 1024 the slope is an eighth or a ninth of that. What counts is the width of the vectors that are multiplied:
# head_dim, 64 or 128 in most models, not the model's whole width d_model.
# Confusing the two is a well-known bug; you will see what it does below.

# %% [markdown]
# ### Exercise 3.1 · `scaled_dot_product_attention` · ●●○ · 15 min
#
# Write attention for any number of queries and keys.
#
# | | shape | |
# |---|---|---|
# | `q` | `[..., seq_q, head_dim]` | one query a row |
# | `k` | `[..., seq_k, head_dim]` | one key a row |
# | `v` | `[..., seq_k, d_v]` | one value a row; usually d_v = head_dim |
# | `mask` | `[seq_q, seq_k]`, bool, or `None` | `True` = this query may look at this key |
# | returns | `[..., seq_q, d_v]` | one mixture of values for each query |
#
# The dots stand for any number of leading dimensions (none, a batch, a batch and heads); the function treats each of
# their entries alike. `mask` may also have leading dimensions; it is stretched ("broadcast") over the scores. Where
# it is `False`, the score becomes $-\infty$ **before** the softmax: $e^{-\infty} = 0$, so that key gets no share at
# all, and the other shares still sum to 1.
#
# By hand: `q = [[2, 0, 0, 0]]`, `k = [[ln 3, 0, 0, 0], [0, 0, 0, 0]]`, `v = [[4], [0]]`. The scores are $2 \ln 3$ and
# $0$; over $\sqrt{4} = 2$ they are $\ln 3$ and $0$. Softmax: $e^{\ln 3} = 3$ and $e^0 = 1$, so the shares are 3/4 and
# 1/4. Output: 3/4 · 4 + 1/4 · 0 = `[[3]]`. With `mask = [[False, True]]` it is `[[0]]`.
#
# Off limits: torch's ready-made attention. `torch.softmax` is allowed (you write it in notebook 5).
#
# <details><summary>Hint 1</summary>
#
# All scores at once are one matrix product: row *i* of `q` against row *j* of `k`. Which of the two must be turned on
# its side, and by which method, so that leading dimensions stay where they are?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `k.transpose(-2, -1)` swaps only the last two dimensions (`k.T` would reverse all of them). `q.shape[-1]` is
# head_dim. `scores.masked_fill(~mask, -math.inf)` writes $-\infty$ where the mask is `False`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Four steps: `scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])`; fill where the mask forbids, if there is a
# mask; `torch.softmax(scores, dim=-1)`; times `v`.
#
# </details>


# %% solution scaled_dot_product_attention disallowed=["torch.nn.functional.scaled_dot_product_attention"]
def scaled_dot_product_attention(q, k, v, mask=None):
    """softmax(q kᵀ / √head_dim) v (Vaswani et al. 2017): q [..., seq_q, head_dim], k
    [..., seq_k, head_dim], v [..., seq_k, d_v] -> [..., seq_q, d_v].

    mask (bool, broadcast to [..., seq_q, seq_k], True = may look) is applied before
    the softmax, so that each row still sums to 1.
    """
    ### BEGIN SOLUTION
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=-1) @ v
    ### END SOLUTION


# %% test scaled_dot_product_attention points=3
import math

import torch

from llmlib.course import check

_g = torch.Generator().manual_seed(31)
_q, _k = torch.randn(2, 4, generator=_g), torch.randn(5, 4, generator=_g)
_got = scaled_dot_product_attention(_q, _k, torch.full((5, 3), 7.0))
check.that(
    not isinstance(_got, (list, tuple)),
    "return one tensor: torch.stack makes one of a list of outputs (return the mixture "
    "alone, without the shares)",
)
check.close(
    _got,
    torch.full((2, 3), 7.0),
    "if all values are the same, so is each output: return the mixture of values, and "
    "take the softmax over the keys (dim=-1), so that the shares of one query sum to 1",
    atol=1e-4,
)
_q, _k = (
    torch.tensor([[2.0, 0, 0, 0]]),
    torch.tensor([[math.log(3), 0, 0, 0], [0, 0, 0, 0]]),
)
_v = torch.tensor([[4.0], [0.0]])
check.close(
    scaled_dot_product_attention(_q, _k, _v),
    torch.tensor([[3.0]]),
    "the example by hand: divide the scores by √head_dim (here √4 = 2), the root of "
    "the number of columns of q",
    atol=1e-4,
)
check.close(
    scaled_dot_product_attention(
        torch.ones(1, 2, 1, 4), torch.zeros(1, 2, 3, 4), torch.full((1, 2, 3, 1), 7.0)
    ),
    torch.full((1, 2, 1, 1), 7.0),
    "with a batch and heads in front the softmax still runs over the keys: they are "
    "the last dimension of the scores (dim=-1)",
    atol=1e-4,
)
_heads = (
    torch.ones(1, 2, 1, 4),
    torch.tensor([[1.0] * 4, [0.0] * 4]).expand(1, 2, 2, 4),
    torch.tensor([[1.0], [0.0]]).expand(1, 2, 2, 1),
)
_share = math.exp(2) / (math.exp(2) + 1)
check.close(
    scaled_dot_product_attention(*_heads),
    torch.full((1, 2, 1, 1), _share),
    "with two heads of 4 columns the scores are still divided by √head_dim = √4, not "
    "by √d_model = √8",
    atol=1e-4,
)
check.close(
    scaled_dot_product_attention(1000 * _q, _k, _v),
    torch.tensor([[4.0]]),
    "large scores must not overflow: exp(1000) is infinite; torch.softmax subtracts "
    "the maximum first",
)
check.close(
    scaled_dot_product_attention(
        torch.tensor([[-1000.0, 0, 0, 0], [1000, 0, 0, 0]]),
        torch.tensor([[2.0, 0, 0, 0], [4, 0, 0, 0]]),
        torch.tensor([[1.0], [0.0]]),
    ),
    torch.tensor([[1.0], [0.0]]),
    "each query has a maximum of its own to subtract, not one for all; clip nothing",
)
_two, _half = (
    torch.zeros(2, 4),
    torch.eye(2).bool(),
)  # each query may look at one key; read the wrong way round, at the other
_masked = scaled_dot_product_attention(_two, _two, _two, _half)
check.that(
    not torch.as_tensor(_masked).isnan().any(),
    "with a mask the output is NaN: 0 times infinity is no number, so put -infinity "
    "where the mask is False (masked_fill, torch.where) in place of multiplying by it",
)
check.close(
    scaled_dot_product_attention(_two, _two, torch.full((2, 1), 7.0), _half),
    torch.tensor([[7.0], [7.0]]),
    "with a mask the shares that are left must still sum to 1: mask the scores before "
    "the softmax, not the shares after it",
    atol=1e-4,
)
_masked = scaled_dot_product_attention(
    _two, _two - 1, torch.tensor([[1.0], [0.0]]), _half
)
check.that(
    _masked[0] > 0.01,
    "query 0 got its value from the key that the mask forbids: True means may look, "
    "False means hidden",
)
check.close(
    _masked,
    torch.tensor([[1.0], [0.0]]),
    "a forbidden key still gets a share: its score must become -infinity (not 0), so "
    "that its share is exactly 0",
    atol=1e-4,
)
check.close(
    scaled_dot_product_attention(_two, _two, torch.tensor([[1.0], [3.0]])),
    torch.tensor([[2.0], [2.0]]),
    "where no mask is given every query sees every key: hide nothing, and keep no mask "
    "of an earlier call",
    atol=1e-4,
)
_low = torch.tensor([[-1e10], [0.0]]).repeat(1, 4)
check.close(
    scaled_dot_product_attention(
        torch.ones(1, 4),
        _low,
        torch.tensor([[1.0], [9.0]]),
        torch.tensor([[True, False]]),
    ),
    torch.tensor([[1.0]]),
    "however low the scores of the keys that may be seen, a forbidden key gets "
    "nothing: its score must become -infinity, not just a low number",
    atol=1e-4,
)
_q, _k, _v = (torch.randn(2, 3, n, 8, generator=_g) for n in (4, 6, 6))
_mask = torch.rand(2, 1, 4, 6, generator=_g) > 0.4
_mask[..., 0] = True
check.close(
    scaled_dot_product_attention(_q.clone(), _k.clone(), _v.clone(), _mask),
    torch.nn.functional.scaled_dot_product_attention(_q, _k, _v, _mask),
    "on random input of shape [2, 3, seq, 8], with a mask of its own for each text in "
    "the batch, this is not what torch computes",
    atol=1e-4,
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(131)
for _lead, _n, _m, _d in (
    ((), 3, 7, 5),
    ((4,), 1, 9, 16),
    ((2, 5), 6, 6, 10),
    ((1, 2, 3), 2, 3, 2),
):
    _q, _k, _v = (torch.randn(*_lead, n, _d, generator=_g) for n in (_n, _m, _m))
    check.close(
        scaled_dot_product_attention(_q, _k, torch.full_like(_v, 3.0)),
        torch.full_like(_q, 3.0),
        "if all values are the same, so is each output: the shares of one query sum to "
        "1",
        atol=1e-4,
    )
    check.close(
        scaled_dot_product_attention(_q, _k, _v),
        torch.nn.functional.scaled_dot_product_attention(_q, _k, _v),
        f"without a mask, on random q of shape {list(_q.shape)}, this is not what "
        "torch computes: is the divisor √head_dim for every head_dim?",
        atol=1e-4,
    )
    _mask = torch.rand(_n, _m, generator=_g) > 0.5
    _mask[:, 1] = True
    check.close(
        scaled_dot_product_attention(5 * _q, _k, _v, _mask),
        torch.nn.functional.scaled_dot_product_attention(5 * _q, _k, _v, _mask),
        f"with a mask, on random q of shape {list(_q.shape)}, this is not what torch "
        "computes: forbidden scores become -infinity before the softmax",
        atol=1e-4,
    )
### END HIDDEN TESTS

# %% [markdown]
# ### On the real model
#
# Your function in all 30 layers, and then with the well-known bug: dividing by √576, the model's width, rather than
# by √64. That makes all scores three times too small.
#
# How even are a token's shares then? Their *entropy*, $-\sum p \ln p$, is 0 if one token gets everything, and largest,
# $\ln 5 = 1.61$, if five tokens get equal shares. (With ln it is counted in *nats*.)

# %%
predict(
    "divisor",
    "Scores three times too small in every head. The model …",
    {
        "A": "breaks",
        "B": "gets a little vaguer, and still knows Paris",
        "C": "writes as before: the order of the scores has not changed",
    },
    yours="B",
)


# %%
def divided_by_sqrt_d_model(q, k, v, mask=None):
    return scaled_dot_product_attention(q / math.sqrt(576 / 64), k, v, mask)


def spread(attention):
    """Entropy of the last token's shares, in nats: mean over all heads."""
    found = []

    def watched(q, k, v, mask=None):
        shares = attention(q + 0, k, torch.eye(k.shape[-2]), mask)  # see below
        found.append(torch.special.entr(shares[0, :, -1]).sum(-1).mean().item())
        return attention(q, k, v, mask)

    model.using(attention=watched)(model.tokenizer.encode(france))
    return sum(found) / len(found)


france = "The capital of France is"
said = []
for name, attention in (
    ("yours:              ", scaled_dot_product_attention),
    ("divided by √d_model:", divided_by_sqrt_d_model),
):
    said.append(complete(model.using(attention=attention), france, 8))
    print(f"{name} entropy {spread(attention):.2f} of {math.log(5):.2f}  {said[-1]!r}")
right, wrong = said
reveal("divisor", "C" if wrong == right else "B" if "Paris" in wrong else "A")

# %% [markdown]
# It breaks. The trained weights count on scores of a certain spread; with a third of it the shares of the five tokens
# come near to equal (entropy 1.36, where five equal shares have 1.61), so that most heads look a little at
# everything. (With a $W_Q$ three times as large the other divisor would give the same scores as before. A convention is
# harmless until two programs differ in it.)
#
# A trick from that cell, worth keeping: **feed your attention the identity matrix as values, and what comes out is
# the shares.** Value $j$ is then a row with a single 1 at place $j$, and a mixture of those is the list of shares.
#
# ## 3.4 No looking ahead
#
# **Claim.** A model that writes from left to right must not see the future. When it *trains*, the whole text is
# there, and every position predicts its next token at the same time. A position that could look at the next token
# would copy the answer and learn nothing. So each token may look at itself and at what came before. That is the
# **causal mask**.
#
# Where to apply it? A share that is not allowed could be set to 0 *after* the softmax, or its score to $-\infty$
# *before*. Here are the three tokens from above.

# %%
predict(
    "mask",
    "Is masking after the softmax the same as masking before it?",
    {
        "A": "yes: a share of 0 is a share of 0",
        "B": "no: rows no longer sum to 1, and that is all",
        "C": "no: what is left still depends on the future",
    },
    yours="C",
)

# %%
past = torch.ones(3, 3).tril().bool()
after = torch.where(past, shares, 0.0)
before = torch.softmax((scores / math.sqrt(2)).masked_fill(~past, -math.inf), dim=-1)
hidden = torch.where(past, 0.0, math.nan)  # drawn white
show(
    plots.grids(
        {
            "no mask": shares,
            "after the softmax": after + hidden,
            "before the softmax": before + hidden,
        },
        names,
    ),
    alt="Three 3 by 3 grids of shares. Without a mask all cells are filled. With "
    "either mask the upper triangle is white; masked after the softmax, the rows keep "
    "their old numbers; masked before, each row sums to 1.",
)
print("row sums, masked after the softmax: ", [f"{s:.2f}" for s in after.sum(-1)])
print("row sums, masked before the softmax:", [f"{s:.2f}" for s in before.sum(-1)])

other_future = scores.clone()
other_future[1, 2] = 3.0  # what "cat" thinks of "sat", which it must not know
other = torch.softmax(other_future / math.sqrt(2), dim=-1)
print("row of 'cat', masked after: ", [f"{s:.2f}" for s in after[1, :2]], end=" ")
print("and with another future:", [f"{s:.2f}" for s in other[1, :2]])
still_one = (after.sum(-1) - 1).abs().max() < 1e-4
moved = (after[1, :2] - other[1, :2]).abs().max() > 1e-4
reveal("mask", "C" if moved else "A" if still_one else "B")

# %% [markdown]
# Masked after the softmax, rows no longer sum to 1, but for the last, which has no future. Worse, the numbers that are left still depend on the future:
# each was divided by a sum that counts the future scores, as the last line shows. Nobody looks at a later token, and
# yet its presence can be felt. Such a leak is hard to see in the shares. It is easy to *test* for, and you will.

# %% [markdown]
# ### Exercise 3.2 · `causal_mask` · ●○○ · 10 min
#
# Write the mask of a text that is `seq` tokens long: bool, `[seq, seq]`, row = the token that looks, column = the
# token it looks at, `True` = may look.
#
# There is one more argument. When a model writes, it keeps the keys and values of earlier tokens (notebook 7), so the
# rows are only the *new* tokens while the columns are *all* tokens. `start` says how many tokens came before: row *i*
# is then the token at position `start + i`, and the mask has shape `[seq, start + seq]`.
#
# By hand: `causal_mask(3)` and `causal_mask(2, start=3)` are
#
#         T F F        T T T T F
#         T T F        T T T T T
#         T T T
#
# Everything in torch is allowed; llmlib's own answer is absent when this is graded.
#
# <details><summary>Hint 1</summary>
#
# Row *i* may look at column *j* exactly when *j* ≤ the position of row *i*. Write down the positions of the columns,
# then those of the rows.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.arange(start + seq)` are the columns' positions and `torch.arange(start, start + seq)` the rows'. Comparing a
# `[n]` tensor with an `[m, 1]` tensor gives `[m, n]`; `rows[:, None]` makes the second shape.
#
# </details>


# %% solution causal_mask
def causal_mask(seq, start=0):
    """Who may look at whom -> bool [seq, start + seq], True = may look. Row i is
    position start + i: it sees itself and what came before."""
    ### BEGIN SOLUTION
    return torch.arange(start + seq) <= torch.arange(start, start + seq)[:, None]
    ### END SOLUTION


# %% test causal_mask points=1
import torch

from llmlib.course import check

_mask = causal_mask(3)
check.that(
    isinstance(_mask, torch.Tensor) and _mask.dtype == torch.bool,
    "the mask must be a tensor of True and False (dtype torch.bool): attention decides "
    "what a False does to a score",
)
check.equal(
    tuple(_mask.shape),
    (3, 3),
    "causal_mask(3) has one row and one column for each of the 3 tokens",
)
check.that(
    _mask[0, 0] or not _mask[0, 2],
    "the mask is the wrong way round: True means may look, and the first token may "
    "look at itself only",
)
check.that(
    not (_mask[0, 2] and not _mask[2, 0]),
    "the mask is on its side: the row is the token that looks, the column the token it "
    "looks at",
)
check.that(
    _mask[1, 1] and _mask[2, 2],
    "row 1 does not look at position 1: a token may look at itself",
)
check.that(not _mask[0, 1], "row 0 looks at position 1: the mask must hide the future")
check.equal(
    _mask,
    torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 1]]).bool(),
    "a token sees itself and everything before it, and nothing after",
)
_mask = causal_mask(2, start=3)
check.equal(
    tuple(_mask.shape),
    (2, 5),
    "causal_mask(2, start=3): 2 new tokens look at 3 old ones and at themselves, so "
    "the shape is [seq, start + seq]",
)
check.equal(
    _mask,
    torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]).bool(),
    "with start=3, row 0 is the token at position 3: it sees positions 0 to 3, and row "
    "1 sees position 4 as well",
)
check.equal(
    tuple(causal_mask(1, start=2100).shape),
    (1, 2101),
    "a text may be of any length, here 2101 tokens: do not cut the mask out of a table "
    "of fixed size",
)
### BEGIN HIDDEN TESTS
for _seq, _start in ((1, 0), (6, 0), (1, 7), (4, 2), (3, 9)):
    _mask = causal_mask(_seq, _start)
    check.equal(
        tuple(_mask.shape),
        (_seq, _start + _seq),
        f"causal_mask({_seq}, start={_start}) has shape [seq, start + seq]",
    )
    for _i in range(_seq):
        for _j in range(_start + _seq):
            check.that(
                _j <= _start + _i or not _mask[_i, _j],
                f"row {_i} looks at position {_j} (start={_start}): the mask must hide "
                "the future",
            )
            check.that(
                _j > _start + _i or _mask[_i, _j],
                f"row {_i} does not look at position {_j} (start={_start}): it must "
                "see all of its past and itself",
            )
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 3.3 · `looks_ahead` · ●●○ · 15 min
#
# Write the test that exposes an attention which peeks, from its outputs alone. The idea: change the input at one
# position, `changed`, and run again. An honest attention can only have changed outputs **at that position and after
# it**. If an output *before* it moved, that position has seen the future.
#
# `before` and `after` are the outputs of the two runs, `[seq, head_dim]` each. Return the list of positions smaller
# than `changed` (as ints, in order) whose output moved: by more than `1e-5` in at least one column. An empty list
# means that nobody peeked. Smaller differences than that are rounding, which float arithmetic always leaves.
#
# By hand, with `changed = 2`:
#
#         before        after
#         0.50  1.00    0.50  1.00      position 0: the same
#         0.20  0.30    0.20  0.10      position 1: moved by 0.20 in column 1: it peeked
#         0.70  0.40    0.90  0.80      position 2: moved, as it may: its own input was changed
#         0.10  0.60    0.30  0.20      position 3: moved, as it may: it comes later
#
# so `looks_ahead(before, after, 2)` is `[1]`.
#
# Everything in torch is allowed; llmlib's own answer is absent when this is graded.
#
# <details><summary>Hint 1</summary>
#
# Movement goes both ways: a difference of −0.2 is a movement as well. And two columns can move in opposite ways, so
# do not add them up.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `(after - before).abs().amax(dim=-1)` is the largest movement in each row, `[seq]`. Only its first `changed` entries
# matter.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `[i for i in range(changed) if … > 1e-5]`
#
# </details>


# %% solution looks_ahead
def looks_ahead(before, after, changed):
    """Which positions saw the future? before and after [seq, head_dim]: outputs with
    two different inputs at position `changed`.

    Returns the positions (ints) before `changed` whose output moved by more than 1e-5
    in some column; [] if none did.
    """
    ### BEGIN SOLUTION
    moved = (after - before).abs().amax(dim=-1) > 1e-5
    return [i for i in range(changed) if moved[i]]
    ### END SOLUTION


# %% test looks_ahead points=3
from contextlib import suppress

import numpy
import torch

from llmlib.course import check


def _outputs(seq, changed, seed, allowed=None, after_softmax=False, scale=1.0):
    """Outputs of one attention before and after position `changed` of its input
    changes. allowed: bool [seq, seq], who sees whom."""
    generator = torch.Generator().manual_seed(seed)
    x, w_q, w_k, w_v = (torch.randn(n, 8, generator=generator) for n in (seq, 8, 8, 8))
    w_q, w_k, w_v = w_q / 8**0.5, w_k / 8**0.5, w_v / 8**0.5
    other = x.clone()
    other[changed] += scale * torch.randn(8, generator=generator)
    for each in (x, other):
        scores = (each @ w_q) @ (each @ w_k).T / 8**0.5
        if allowed is not None and not after_softmax:
            scores = scores.masked_fill(~allowed, -torch.inf)
        shares = torch.softmax(scores, dim=-1)
        if after_softmax:
            shares = shares * allowed
        yield shares @ (each @ w_v)


def _peeked(before, after, changed):
    """What looks_ahead finds, as a list; a tuple and numpy's integers are as good."""
    found = looks_ahead(before.clone(), after.clone(), changed)
    check.that(found is not None, "looks_ahead gave back None: is there a return?")
    check.that(
        type(found) in (list, tuple),
        "return a list of positions ([] if nobody peeked), not one yes or no",
    )
    return [i.item() if type(i) is numpy.int64 else i for i in found]


_hand = (
    torch.tensor([[0.5, 1.0], [0.2, 0.3], [0.7, 0.4], [0.1, 0.6]]),
    torch.tensor([[0.5, 1.0], [0.2, 0.1], [0.9, 0.8], [0.3, 0.2]]),
)
_found = _peeked(*_hand, 2)
check.that(
    _found != [2],
    "positions count from 0: the row that moved before the changed one is position 1, "
    "and the changed one, position 2, does not count",
)
check.that(
    2 not in _found,
    "position 2 is the changed one: its own output may move, only positions before it "
    "count",
)
check.that(
    3 not in _found,
    "position 3 comes after the changed one: it may look back at it, only positions "
    "before it count",
)
check.equal(
    _found,
    [1],
    "the example by hand: position 1 moved (downwards, by 0.2, in its second column), "
    "position 0 did not",
)
check.equal(
    _peeked(*_hand, 2),
    [1],
    "the same outputs give the same list in each call: start a new list inside the "
    "function",
)
_still = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
check.equal(
    _peeked(_still, _still + torch.tensor([[1e-6], [-2e-6], [1.0]]), 2),
    [],
    "a movement of 0.000002 is rounding, not peeking: allow up to 1e-5",
)
_found = None
with suppress(RuntimeError, IndexError):  # torch has no maximum of nothing
    _found = _peeked(_still, _still + 1.0, 0)
check.that(
    _found == [],
    "no position stands before position 0: with changed = 0 the list is empty, and "
    "there are no rows to take a maximum of",
)
_found = _peeked(_still, _still + torch.tensor([[1.0, 1.0], [0, 0], [1, 1]]), 2)
check.that(
    _found != [], "position 0 moved by 1: it is a position like others, and peeked"
)
check.that(
    _found != [0, 0], "a position is listed once, however many of its columns moved"
)
check.equal(
    _found, [0], "position 1 did not move: list those that moved, and no others"
)
check.equal(
    _peeked(_still, _still + torch.tensor([[0.5, -0.5], [0, 0], [1, 1]]), 2),
    [0],
    "two columns that move in opposite ways are both movements: do not let them cancel",
)
check.equal(
    _peeked(_still, _still + torch.tensor([[0.0, 0.0], [0.0005, 0.0], [1, 1]]), 2),
    [1],
    "a leak may be small: 0.0005 is more than 1e-5",
)
_tiny = torch.full((2, 1), 4e-6)
check.equal(
    _peeked(_tiny, _tiny + 5e-6, 1),
    [],
    "a movement from 0.000004 to 0.000009 is rounding, too: compare the difference "
    "itself with 1e-5, not relative to the numbers (rtol), and do not round them first",
)
check.equal(
    _peeked(torch.full((2, 1), 100.0), torch.full((2, 1), 100.0005), 1),
    [0],
    "a movement from 100 to 100.0005 is more than 1e-5: compare the difference itself, "
    "not relative to the numbers (torch.allclose wants rtol=0)",
)
_tiny = torch.full((2, 8), 4e-6)
check.equal(
    _peeked(_tiny, _tiny + 5e-6, 1),
    [],
    "eight columns that move by 0.000005 each are rounding: take the largest movement "
    "of a row, not the sum of all nor the length of the difference",
)
check.equal(
    _peeked(torch.zeros(2, 8), 2e-5 * torch.eye(8)[:2], 1),
    [0],
    "one column of eight moved by 0.00002, and one is enough: take the largest "
    "movement of a row, not the mean",
)
_past = torch.ones(6, 6).tril().bool()
check.equal(
    _peeked(*_outputs(6, 4, 1, allowed=_past), 4),
    [],
    "an honest attention, changed at position 4: nobody peeked",
)
check.equal(
    _peeked(*_outputs(6, 4, 2), 4),
    [0, 1, 2, 3],
    "broken attention A has no mask: all four positions before the changed one peeked",
)
check.equal(
    _peeked(*_outputs(6, 4, 3, allowed=torch.ones(6, 6).tril(1).bool()), 4),
    [3],
    "broken attention B has its mask one column too far: only position 3 sees position "
    "4",
)
check.equal(
    _peeked(*_outputs(6, 4, 1, allowed=_past, after_softmax=True, scale=0.1), 4),
    [0, 1, 2, 3],
    "broken attention C masks after the softmax: the future leaks through the "
    "denominator of the softmax",
)
### BEGIN HIDDEN TESTS
for _seed, _seq, _changed in ((11, 5, 0), (12, 9, 8), (13, 7, 3), (16, 12, 6)):
    _past = torch.ones(_seq, _seq).tril().bool()
    _ahead = torch.ones(_seq, _seq).tril(1).bool()
    check.equal(
        _peeked(*_outputs(_seq, _changed, _seed, allowed=_past), _changed),
        [],
        "an honest attention: nobody peeked",
    )
    check.equal(
        _peeked(*_outputs(_seq, _changed, _seed), _changed),
        list(range(_changed)),
        "no mask: every position before the changed one peeked",
    )
    check.equal(
        _peeked(*_outputs(_seq, _changed, _seed, allowed=_ahead), _changed),
        list(range(_changed))[-1:],
        "a mask one column too far: only the position right before the changed one "
        "peeked",
    )
    check.equal(
        _peeked(
            *_outputs(_seq, _changed, _seed, allowed=_past, after_softmax=True),
            _changed,
        ),
        list(range(_changed)),
        "masked after the softmax: every position before the changed one peeked, "
        "through the denominator",
    )
    _rest = torch.rand(_seq, 3, generator=torch.Generator().manual_seed(_seed))
    _moved = _rest - torch.tensor([0.0, 0.0, 0.25]) * (torch.arange(_seq)[:, None] % 2)
    check.equal(
        _peeked(_rest, _moved, _changed),
        list(range(1, _changed, 2)),
        "a movement downwards in the last column alone is a movement too",
    )
### END HIDDEN TESTS

# %% [markdown]
# ### Four suspects
#
# One of these attentions is honest. Which? Your test knows, without reading their code.


# %%
def suspect_a(q, k, v):
    return scaled_dot_product_attention(q, k, v, torch.ones(len(q), len(q)).tril() > 0)


def suspect_b(q, k, v):
    return scaled_dot_product_attention(q, k, torch.eye(len(k))).tril() @ v


def suspect_c(q, k, v):
    return scaled_dot_product_attention(q, k, v, torch.ones(len(q), len(q)).tril(1) > 0)


def suspect_d(q, k, v):
    return scaled_dot_product_attention(q, k, v)


generator = torch.Generator().manual_seed(1)
# seq 6, 8 columns: serves as q, k and v
text, other = torch.randn(2, 6, 8, generator=generator)
for suspect in (suspect_a, suspect_b, suspect_c, suspect_d):
    print(suspect.__name__, end="")
    for changed in (1, 3, 5):
        edited = text.clone()
        edited[changed] = other[changed]
        peeked = looks_ahead(
            suspect(*text.repeat(3, 1, 1)), suspect(*edited.repeat(3, 1, 1)), changed
        )
        print(f"   change {changed}: {str(peeked):<16}", end="")
    print()

# %% [markdown]
# Suspect A is honest. C is off by one: only the neighbour of the changed position gives it away, which is why a test
# must look at *every* earlier position. B is the attention that masks after the softmax. Note what this kind of test
# is worth: it needs no access to the inside, so it works on whole models, as the next cell shows. That cell also lets
# a model that sees everything *write*. When it writes its next token, there is no future to see.

# %%
predict(
    "blind",
    "SmolLM2 without its mask, asked for the capital of France, writes …",
    {
        "A": "Paris: nothing comes after the last token, so nothing can leak",
        "B": "nonsense",
    },
    yours="A",
)

# %%
ids = torch.tensor(model.tokenizer.encode("The cat sat on the mat"))
edited = ids.clone()
edited[4] = model.tokenizer.encode(" my")[0]
print("SmolLM2, ' the' changed to ' my' at position 4: peeked at by", end=" ")
print(looks_ahead(model(ids)[0], model(edited)[0], 4))
blind = model.using(mask=lambda seq, start=0: torch.ones(seq, start + seq).bool())
print("the same without its mask:                      peeked at by", end=" ")
print(looks_ahead(blind(ids)[0], blind(edited)[0], 4))
text = complete(blind, france, 8)
print("without its mask it writes:", repr(text))
reveal("blind", "A" if "Paris" in text else "B")

# %% [markdown]
# The *last* token has no future. All the others do, and in training each of them was worked on without it. Let them see
# it, and a layer turns them into other vectors than those of training; in the next layer the last token looks at these.
# So the mask is needed in writing as well, for the tokens that are already there. (And it is why a model can keep what
# it computed for them: nothing that comes later changes it. Notebook 7 lives on that.)
#
# ## 3.5 Heads
#
# **Claim.** One softmax gives one set of shares, and one mixture. To fetch one thing from the subject *and* another
# from the previous word, a token needs two. So a layer has several **heads**: each has its own $W_Q, W_K, W_V$ and attends alone, in parallel.
# **Every head reads the whole vector $x$, all d_model numbers of it**; what is cut into pieces are the queries, keys
# and values, head_dim numbers for each head. The matrices of all heads are stored as one: the first head_dim rows of
# $W_Q$ belong to head 0, and so on. Afterwards the results are set side by side and multiplied by one more learned
# matrix, the output projection $W_O$.

# %%
show(
    plots.heads(),
    alt="x, of shape seq by d_model, is multiplied by W_Q, W_K and W_V, and the "
    "products are cut into heads; each head attends alone; the results stand side by "
    "side and are multiplied by W_O, which gives seq by d_model again.",
)

# %% [markdown]
# **A claim to check.** A tutorial draws "8 heads" for GPT-2, at d_model 768. What would head_dim be? Ask the library:

# %%
from transformers import GPT2Config

gpt2 = GPT2Config()  # the defaults are GPT-2 small
own = model.config
print(f"8 heads would have {gpt2.n_embd // 8} columns each")
print(
    f"GPT-2 small: {gpt2.n_embd} = {gpt2.n_head} heads of {gpt2.n_embd // gpt2.n_head}"
)
print(f"SmolLM2:     {own.d_model} = {own.n_head} heads of {own.head_dim}")

# %% [markdown]
# Twelve heads of 64. The width of a head is 64 or 128 in most models; wider models have more heads.

# %% [markdown]
# ### Exercise 3.4 · `split_heads` · ●●○ · 10 min
#
# Cut the columns of `x` into `n_head` heads: `[batch, seq, n_head * head_dim]` → `[batch, n_head, seq, head_dim]`.
# Head 0 gets the first `head_dim` columns, head 1 the next `head_dim`, and so on; each head keeps all positions.
# Heads stand *before* positions so that the attention you wrote treats them like one more batch dimension.
#
# By hand: one text of 2 tokens with 4 columns, cut into 2 heads:
#
#         x[0] = 1 2 3 4     head 0 = 1 2     head 1 = 3 4
#                5 6 7 8              5 6              7 8
#
# Everything in torch is allowed; llmlib's own answer is absent when this is graded.
#
# <details><summary>Hint 1</summary>
#
# Two steps. First write the last dimension as two: heads and columns of a head. Then swap the dimensions for
# positions and heads. One single reshape to the final shape also has the right *shape*, but it cuts rows where it
# should cut columns.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `batch, seq, width = x.shape`; `x.view(batch, seq, n_head, width // n_head)`, then `.transpose(1, 2)`.
#
# </details>


# %% solution split_heads
def split_heads(x, n_head):
    """Cut the columns into heads: x [batch, seq, n_head * head_dim] -> [batch, n_head,
    seq, head_dim]."""
    ### BEGIN SOLUTION
    batch, seq, width = x.shape
    return x.view(batch, seq, n_head, width // n_head).transpose(1, 2)
    ### END SOLUTION


# %% test split_heads points=2
import torch

from llmlib.course import check

_x = torch.arange(24.0).view(1, 2, 12)  # 1 text, 2 tokens, 3 heads of 4 columns
_heads = split_heads(_x, 3)
check.that(_heads is not None, "split_heads gave back None: is there a return?")
check.that(
    isinstance(_heads, torch.Tensor),
    "return one tensor: torch.stack makes one of a list of heads",
)
check.that(
    tuple(_heads.shape) != (1, 2, 3, 4),
    "the shape is [batch, seq, n_head, head_dim]: swap positions and heads as a last "
    "step",
)
check.that(
    tuple(_heads.shape) != (1, 4, 2, 3),
    "n_head is the number of heads (3), not the width of one (4)",
)
check.equal(
    tuple(_heads.shape),
    (1, 3, 2, 4),
    "the shape must be [batch, n_head, seq, head_dim]",
)
check.that(
    _heads[0, 0, 1, 0] != 4,
    "head 0 at position 1 holds columns of position 0: cut the columns of each row "
    "first, then swap dimensions; one reshape to the final shape mixes up positions",
)
check.that(
    _heads[0, 0, 0, 1] != 3,
    "head 0 holds columns 0, 3, 6, 9: a head is a block of neighbouring columns, 0, 1, "
    "2, 3",
)
check.equal(
    _heads,
    torch.stack([_x[:, :, 0:4], _x[:, :, 4:8], _x[:, :, 8:12]], dim=1),
    "head 0 is columns 0 to 3 of every position, head 1 columns 4 to 7, head 2 the "
    "rest",
)
check.equal(
    tuple(split_heads(_x, 2).shape),
    (1, 2, 2, 6),
    "12 columns make 2 heads of 6: the width of a head is that of x divided by n_head, "
    "not always 4",
)
_x = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(33))
check.equal(
    tuple(split_heads(_x, 2).shape),
    (3, 2, 5, 4),
    "a batch of 3 texts stays a batch of 3: take its size from x",
)
check.equal(
    split_heads(_x, 2)[2, 1],
    _x[2, :, 4:],
    "in a batch of 3 texts, head 1 of text 2 must hold text 2's own last 4 columns",
)
### BEGIN HIDDEN TESTS
for _seed, (_batch, _seq, _n, _d) in enumerate(
    ((1, 1, 1, 2), (2, 7, 3, 4), (4, 3, 5, 2), (2, 6, 6, 3), (3, 4, 4, 1))
):
    _x = torch.randn(
        _batch, _seq, _n * _d, generator=torch.Generator().manual_seed(_seed)
    )
    _heads = split_heads(_x, _n)
    check.equal(
        tuple(_heads.shape),
        (_batch, _n, _seq, _d),
        "the shape must be [batch, n_head, seq, head_dim]",
    )
    for _h in range(_n):
        check.equal(
            _heads[:, _h],
            _x[:, :, _h * _d : (_h + 1) * _d],
            f"head {_h} of {_n} must be columns {_h * _d} to {(_h + 1) * _d - 1} of "
            "every position",
        )
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 3.5 · `merge_heads` · ●○○ · 5 min
#
# The way back: put the heads' outputs side by side again, `[batch, n_head, seq, head_dim]` → `[batch, seq, n_head *
# head_dim]`. Head 0's columns come first. In papers this is called concatenation.
#
# By hand: the example of 3.4 read from right to left: `1 2 / 5 6` and `3 4 / 7 8` give `1 2 3 4 / 5 6 7 8`.
#
# Everything in torch is allowed; llmlib's own answer is absent when this is graded.
#
# <details><summary>Hint 1</summary>
#
# Undo the two steps of `split_heads` in reverse order: swap, then join the last two dimensions.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `x.transpose(1, 2)`, then `.flatten(-2)`. If you prefer a reshape: torch refuses `.view` on a transposed tensor,
# because its numbers no longer stand in that order in memory; `.reshape` copies them.
#
# </details>


# %% solution merge_heads
def merge_heads(x):
    """Put the heads side by side again: x [batch, n_head, seq, head_dim] -> [batch,
    seq, n_head * head_dim]."""
    ### BEGIN SOLUTION
    return x.transpose(1, 2).flatten(-2)
    ### END SOLUTION


# %% test merge_heads points=1
import torch

from llmlib.course import check

_x = torch.arange(24.0).view(1, 3, 2, 4)  # 1 text, 3 heads, 2 tokens, 4 columns a head
_merged = merge_heads(_x)
check.that(_merged is not None, "merge_heads gave back None: is there a return?")
check.that(
    isinstance(_merged, torch.Tensor),
    "return one tensor: torch.cat puts a list of heads side by side",
)
check.that(
    tuple(_merged.shape) != (1, 2, 4),
    "the heads are set side by side (3 heads of 4 columns make 12), not added up or "
    "averaged",
)
check.equal(
    tuple(_merged.shape),
    (1, 2, 12),
    "the shape must be [batch, seq, n_head * head_dim]",
)
check.that(
    _merged[0, 0, 4] != 4,
    "position 0 holds numbers of position 1: swap heads and positions back before you "
    "join dimensions",
)
check.that(
    _merged[0, 0, 1] != 8,
    "the heads are shuffled column by column: first all columns of head 0, then all of "
    "head 1",
)
check.equal(
    _merged,
    torch.cat([_x[:, 0], _x[:, 1], _x[:, 2]], dim=-1),
    "row 0 must be head 0's row 0, then head 1's, then head 2's",
)
_x = torch.randn(3, 2, 5, 4, generator=torch.Generator().manual_seed(34))
check.equal(
    tuple(merge_heads(_x).shape),
    (3, 5, 8),
    "a batch of 3 texts stays a batch of 3: take its size from x",
)
check.equal(
    merge_heads(_x)[2],
    torch.cat([_x[2, 0], _x[2, 1]], dim=-1),
    "in a batch of 3 texts, text 2 must be made of its own heads",
)
### BEGIN HIDDEN TESTS
for _seed, _shape in enumerate(
    ((1, 1, 1, 3), (2, 3, 7, 4), (4, 5, 3, 2), (2, 4, 4, 4))
):
    _x = torch.randn(*_shape, generator=torch.Generator().manual_seed(_seed))
    _merged = merge_heads(_x)
    check.equal(
        tuple(_merged.shape),
        (_shape[0], _shape[2], _shape[1] * _shape[3]),
        "the shape must be [batch, seq, n_head * head_dim]",
    )
    check.equal(
        _merged,
        torch.cat(list(_x.unbind(dim=1)), dim=-1),
        "the heads must stand side by side, head 0 first, for every text and position",
    )
### END HIDDEN TESTS

# %% [markdown]
# ### The whole layer, from your pieces
#
# Four of your functions make a complete multi-head attention. torch has one ready-made, with its three input matrices
# stacked into one. They should agree:


# %%
def attention_from_pieces(x, w_q, w_k, w_v, w_o, n_head):
    q, k, v = (
        split_heads(x @ w.T, n_head) for w in (w_q, w_k, w_v)
    )  # batch n_head seq head_dim
    return (
        merge_heads(scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1])))
        @ w_o.T
    )


torch.manual_seed(0)
theirs = torch.nn.MultiheadAttention(96, 8, bias=False, batch_first=True)
x = torch.randn(2, 7, 96)
with torch.no_grad():
    mine = attention_from_pieces(
        x, *theirs.in_proj_weight.chunk(3), theirs.out_proj.weight, n_head=8
    )
    want = theirs(x, x, x, attn_mask=~causal_mask(7))[
        0
    ]  # torch's own layer: True means hidden!
print("equal within a millionth:", bool((mine - want).abs().max() < 1e-6))

# %% [markdown]
# ### What a head writes
#
# The output projection has a second reading (Elhage et al. 2021). Its columns belong to heads, too: the first head_dim columns are
# multiplied by head 0's result only. So "side by side, then project" is the same as **each head writing its own
# vector of d_model numbers, and all of them added up**. Check it in layer 11 of SmolLM2.
#
# That also gives a fair test of the claim in section 3.2, that attention mixes the tokens themselves. If it did, what
# a head writes for "sat" would point the same way as the mixture, with that head's shares, of the vectors that
# its attention *receives*. How near would a copy come? A head carries head_dim numbers, 64 of 576, so the control is a
# head made to copy: 64 random directions in, the same 64 out. (Comparing with the embedding table would prove
# nothing: in front of each attention stands a norm, notebook 4, which turns a token's vector so far that even in layer 0
# attention receives it at nearly a right angle to the token's row of the table.)

# %%
sat = model.tokenizer.encode("The cat sat on the mat")
received, read = [], []  # a layer each: [seq, d_model]; (shares, values) of all heads


def watched(q, k, v, mask=None):
    shares = scaled_dot_product_attention(q, k, torch.eye(k.shape[-2]), mask)
    read.append((shares[0], v[0]))  # n_head seq seq and n_head seq head_dim
    return shares @ v


def block(x, norm_1, attend, norm_2, feed_forward):
    received.append(norm_1(x)[0])
    x = x + attend(norm_1(x))
    return x + feed_forward(norm_2(x))


model.using(attention=watched, block=block)(sat)


def writes(layer, position):
    """What each head of a layer writes for one token: [n_head, d_model]."""
    shares, values = read[layer]
    w_o = model.weights.layers[layer].o[0]  # d_model, n_head * head_dim
    mixtures = (shares @ values)[:, position]  # n_head head_dim
    return torch.stack([w_o[:, 64 * h : 64 * (h + 1)] @ mixtures[h] for h in range(9)])


shares, values = read[11]
together = model.weights.layers[11].o[0] @ (shares @ values)[:, 2].flatten()
apart = (writes(11, 2).sum(0) - together).abs().max()
print(
    "sum of nine writes and concatenate-and-project: equal within 0.00001:",
    bool(apart < 1e-5),
)
print("layer 11, head 1, shares of 'sat':", [f"{s:.3f}" for s in shares[1, 2, :3]])

cosines = torch.stack(
    [
        torch.cosine_similarity(writes(n, 2), read[n][0][:, 2] @ received[n], dim=-1)
        for n in range(30)
    ]
)
print(f"layer 11, head 1: cosine {cosines[11, 1]:.2f}")
print(
    f"all 270 heads: mean size {cosines.abs().mean():.2f}; above 0.3 are "
    f"{int((cosines > 0.3).sum())}, below -0.3 are {int((cosines < -0.3).sum())}"
)
generator = torch.Generator().manual_seed(0)
pair = torch.randn(2, 1000, 576, generator=generator)
print(f"two random vectors: {torch.cosine_similarity(*pair, dim=-1).abs().mean():.2f}")
basis = torch.linalg.qr(torch.randn(576, 64, generator=generator))[0]
copied = torch.cat(received) @ basis @ basis.T
copies = torch.cosine_similarity(copied, torch.cat(received), dim=-1)
print(f"a head made to copy: {copies.mean():.2f}")

# %% [markdown]
# Head 1 of layer 11 gives 0.97 of its attention to "cat", and what it writes has a cosine of −0.04 with what it
# looked at. Over all 270 heads the mean size is 0.13; two random vectors have 0.03, a head made to copy has 0.32. At
# this word eight heads copy about as much as that or more, twice as many write the *opposite* of what they look at,
# and most write something else. (At other words the mean is much the same, but sometimes more heads copy than write
# the opposite.) So much for "0.45 · cat": a head reads $W_V$ of what it looks at and writes that through $W_O$.
#
# ## 3.6 Grouped queries
#
# **Claim.** While a model writes, it keeps the keys and values of every token it has seen (notebook 7 builds that
# store). With a key and a value for every head, a long text would take more memory than the model itself, as the cell
# shows. Queries need not be kept. So several query heads can
# **share** one head of keys and values: *grouped-query attention* (Ainslie et al. 2023). SmolLM2 has 9 query heads
# and 3 key/value heads.

# %%
from llmlib.kv_cache import cache_bytes

show(
    plots.grouped(model.config.n_head, model.config.n_kv_head),
    alt="Three drawings of 9 query heads: each with a key/value head of "
    "its own, three groups of three sharing one each, and all nine on a single one.",
)
for n_kv_head in (9, 3, 1):
    each = cache_bytes(model.config.n_layer, n_kv_head, model.config.head_dim, seq=1)
    full = each * model.config.context / 2**20
    print(
        f"{n_kv_head} key/value heads: {each:>7,} bytes a token in float32, "
        f"{full:>6,.0f} MiB for {model.config.context:,} tokens"
    )
itself = (model.folder / "model.safetensors").stat().st_size / 2**20
print(f"the model itself, in float32 as well: {itself:,.0f} MiB")

# %% [markdown]
# (Half of that where numbers are kept in 16 bits, as papers and model cards count.) In the next exercise you *copy*
# keys so that each query head finds its own. That is the plain way to compute it; what is **kept** are the three
# heads.

# %% [markdown]
# ### Exercise 3.6 · `repeat_kv` · ●○○ · 5 min
#
# `x` holds keys (or values), `[batch, n_kv_head, seq, head_dim]`. Repeat each head `n_rep` times, copies **next to
# each other**: `[batch, n_kv_head * n_rep, seq, head_dim]`. Then every query head finds its partner at its own
# number, and your attention needs no change.
#
# By hand: key heads `A B C` and `n_rep = 3` give `A A A B B B C C C`.
#
# Everything in torch is allowed; llmlib's own answer is absent when this is graded.
#
# <details><summary>Hint 1</summary>
#
# `x.repeat(1, 3, 1, 1)` gives `A B C A B C A B C`: query head 1 would be paired with `B`, which was never trained to
# answer it. torch has another method whose name says that the copies stay together.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `x.repeat_interleave(…, dim=1)`
#
# </details>


# %% solution repeat_kv
def repeat_kv(x, n_rep):
    """Grouped queries (Ainslie et al. 2023): x [batch, n_kv_head, seq, head_dim] ->
    [batch, n_kv_head * n_rep, seq, head_dim].

    Each key/value head serves n_rep query heads that stand next to each other:
    0, 0, 0, 1, 1, 1, ... for n_rep = 3.
    """
    ### BEGIN SOLUTION
    return x.repeat_interleave(n_rep, dim=1)
    ### END SOLUTION


# %% test repeat_kv points=1
import torch

from llmlib.course import check

_x = torch.tensor([[10.0, 11.0], [20.0, 21.0], [30.0, 31.0]]).view(
    1, 3, 2, 1
)  # heads A B C, 2 positions, 1 column
_got = repeat_kv(_x, 2)
check.that(_got is not None, "repeat_kv gave back None: is there a return?")
check.that(
    not isinstance(_got, (list, tuple)),
    "return one tensor: torch.stack makes one of a list of heads",
)
check.that(
    not isinstance(_got, torch.Tensor) or tuple(_got.shape) != (1, 3, 4, 1),
    "positions were repeated: it is the heads (dim=1) that need copies",
)
check.that(
    not isinstance(_got, torch.Tensor) or tuple(_got.shape) != (2, 3, 2, 1),
    "the batch was repeated: it is the heads (dim=1) that need copies",
)
check.that(
    not isinstance(_got, torch.Tensor) or tuple(_got.shape) != (1, 3, 2, 2),
    "columns were repeated: it is the heads (dim=1) that need copies",
)
check.that(
    not isinstance(_got, torch.Tensor) or tuple(_got.shape) != (1, 9, 2, 1),
    "n_rep = 2 means two of each head in all, not two more of each",
)
check.equal(
    tuple(_got.shape),
    (1, 6, 2, 1),
    "3 heads with n_rep = 2 make 6: the shape is [batch, n_kv_head * n_rep, seq, "
    "head_dim]",
)
check.that(
    _got[0, 1, 0, 0] != 20,
    "the copies come in the order A B C A B C: query head 1 belongs to A, so copies "
    "must stand next to each other, A A B B C C",
)
check.equal(
    _got.flatten().tolist(),
    [10, 11, 10, 11, 20, 21, 20, 21, 30, 31, 30, 31],
    "heads A B C with n_rep = 2 become A A B B C C, unchanged inside",
)
check.equal(
    repeat_kv(_x, 1),
    _x,
    "with n_rep = 1 every query head has keys of its own: nothing changes",
)
_x = torch.arange(12.0).view(2, 3, 2, 1)
check.equal(
    repeat_kv(_x, 2),
    _x[:, [0, 0, 1, 1, 2, 2]],
    "a batch of 2 texts stays a batch of 2, each with copies of its own heads",
)
### BEGIN HIDDEN TESTS
for _seed, (_shape, _n) in enumerate(
    (((2, 3, 4, 5), 3), ((3, 1, 2, 4), 9), ((1, 4, 6, 2), 2), ((2, 2, 3, 3), 1))
):
    _x = torch.randn(*_shape, generator=torch.Generator().manual_seed(_seed))
    _got = repeat_kv(_x, _n)
    check.equal(
        tuple(_got.shape),
        (_shape[0], _shape[1] * _n, *_shape[2:]),
        "the shape is [batch, n_kv_head * n_rep, seq, head_dim]",
    )
    for _h in range(_shape[1] * _n):
        check.equal(
            _got[:, _h],
            _x[:, _h // _n],
            f"with n_rep = {_n}, query head {_h} must find key/value head {_h} // {_n} "
            f"= {_h // _n}",
        )
### END HIDDEN TESTS

# %% [markdown]
# ### On the real model
#
# Query heads 0, 1, 2 of a layer share their keys. Do they look at the same places? The row for "sat" in layer 11:

# %%
for head in range(3):
    row = read[11][0][head, 2]
    print(
        f"layer 11, head {head}:",
        "  ".join(
            f"{word} {row[i]:.2f}" for i, word in enumerate(("The", "cat", "sat"))
        ),
    )

# %% [markdown]
# The same keys, different queries, different answers. (Not everywhere: in 65 of the model's 90 groups of three, all three
# give "The" the most, for a reason that section 3.7 tells. But so do three heads that share no keys, in 63 cases of 90.)
# Ainslie et al. (2023) found that sharing costs little quality; the memory is a third.

# %% [markdown]
# ### Exercise 3.7 · `attend` · ●●● · 20 min
#
# Now the whole layer. Write what every layer of SmolLM2 does with attention, from the vectors it receives to what it
# writes.
#
# | | shape | |
# |---|---|---|
# | `x` | `[batch, seq, d_model]` | one row a token |
# | `w_q` | `[n_head * head_dim, d_model]` | as `torch.nn.Linear` stores it: multiply by the transpose |
# | `w_k`, `w_v` | `[n_kv_head * head_dim, d_model]` | fewer heads: grouped queries |
# | `w_o` | `[d_model, n_head * head_dim]` | the output projection, stored the same way |
# | `n_head`, `n_kv_head` | whole numbers | n_kv_head divides n_head |
# | `theta` | a number | RoPE's base, as in notebook 2: hand it on to `apply_rope` |
# | returns | `[batch, seq, d_model]` | one row a token |
#
# The tokens stand at positions 0, 1, … seq − 1. **Queries and keys** are turned by RoPE, head by head; values are
# not. `apply_rope(x, positions, theta)` from notebook 2 is there: `x` is `[..., seq, head_dim]`, `positions` is
# `[seq]`.
# Attention is causal.
#
# By hand: a text of one token can only look at itself, with a share of 1, and at position 0 RoPE changes nothing. With
# `x = [[[3, 5]]]`, two query heads and one key/value head of 2 columns, `w_v` the identity: the value is (3, 5),
# each of the two heads reads it, side by side they are (3, 5, 3, 5), and `w_o = [[1, 0, 1, 0], [0, 1, 0, -1]]` makes
# (3 + 3, 5 − 5): `[[[6, 0]]]`. The queries do not matter here.
#
# Off limits: torch's ready-made attention. Use your own functions.
#
# <details><summary>Hint 1</summary>
#
# In order: project (three matrix products); split into heads, with the right number for each; turn q and k; repeat
# k and v; attend with the causal mask; merge; project once more.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `split_heads(x @ w_q.T, n_head)`, but `split_heads(x @ w_k.T, n_kv_head)`. After the split the shape is
# `[batch, heads, seq, head_dim]`, which is what `apply_rope` wants, with `torch.arange(x.shape[1])` and `theta`. Each key head
# serves `n_head // n_kv_head` query heads.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The last lines: `k, v = repeat_kv(k, n), repeat_kv(v, n)` with `n = n_head // n_kv_head`; then
# `mixed = scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))`; then `merge_heads(mixed) @ w_o.T`.
#
# </details>


# %% solution attend disallowed=["torch.nn.functional.scaled_dot_product_attention"]
def attend(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta=10000.0):
    """Causal self-attention with grouped queries and RoPE: x [batch, seq, d_model] ->
    [batch, seq, d_model].

    w_q [n_head * head_dim, d_model], w_k and w_v [n_kv_head * head_dim, d_model],
    w_o [d_model, n_head * head_dim].
    """
    ### BEGIN SOLUTION
    positions = torch.arange(x.shape[1])
    q = apply_rope(split_heads(x @ w_q.T, n_head), positions, theta)
    k = apply_rope(split_heads(x @ w_k.T, n_kv_head), positions, theta)
    v = split_heads(x @ w_v.T, n_kv_head)
    k, v = (repeat_kv(t, n_head // n_kv_head) for t in (k, v))
    mixed = scaled_dot_product_attention(q, k, v, causal_mask(x.shape[1]))
    return merge_heads(mixed) @ w_o.T
    ### END SOLUTION


# %% test attend points=4
from contextlib import suppress

import torch

from llmlib.course import check


def _turned(t, theta):
    """RoPE by complex numbers: column i and column i + half are one number."""
    half = t.shape[-1] // 2
    angles = torch.arange(t.shape[-2])[:, None] * theta ** (-torch.arange(half) / half)
    z = torch.complex(t[..., :half], t[..., half:])
    z = z * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([z.real, z.imag], dim=-1)


def _layer(x, w_q, w_k, w_v, w_o, n_head, n_kv_head, theta, turn="qk", **mistake):
    """The layer by torch's own attention; the options plant a mistake."""
    causal, wide = mistake.get("causal", True), mistake.get("wide", False)

    def split(t, n, name):
        t = _turned(t, theta) if wide and name in turn else t
        t = t.unflatten(-1, (n, -1)).transpose(1, 2)
        return _turned(t, theta) if not wide and name in turn else t

    q = split(x @ w_q.T, n_head, "q")
    k, v = split(x @ w_k.T, n_kv_head, "k"), split(x @ w_v.T, n_kv_head, "v")
    if mistake.get("tiled"):
        k, v = (t.repeat(1, n_head // n_kv_head, 1, 1) for t in (k, v))
    else:
        k, v = (t.repeat_interleave(n_head // n_kv_head, dim=1) for t in (k, v))
    if mistake.get("twice"):
        q = q / q.shape[-1] ** 0.5
    mixed = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
    if mistake.get("cut"):
        return mixed.reshape(*x.shape[:2], -1) @ w_o.T
    return mixed.transpose(1, 2).flatten(2) @ w_o.T


def _weights(d_model, n_head, n_kv_head, head_dim, seed):
    g = torch.Generator().manual_seed(seed)
    shapes = [(n * head_dim, d_model) for n in (n_head, n_kv_head, n_kv_head)]
    return [
        torch.randn(*s, generator=g) for s in (*shapes, (d_model, n_head * head_dim))
    ]


_one = [torch.zeros(4, 2), torch.zeros(2, 2), torch.eye(2)]
_one += [torch.tensor([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, -1.0]])]
_got = attend(torch.tensor([[[3.0, 5.0]]]), *_one, 2, 1)
check.that(_got is not None, "attend gave back None: is there a return?")
check.that(
    not isinstance(_got, (list, tuple)),
    "return one tensor: torch.stack makes one of a list of texts",
)
check.that(
    not isinstance(_got, torch.Tensor) or tuple(_got.shape) != (1, 1, 4),
    "the heads' results still stand side by side: multiply by w_o.T to get back to "
    "d_model columns",
)
_by_hand = _got.flatten().tolist() if isinstance(_got, torch.Tensor) else []
check.that(
    _by_hand != [8.0, -2.0],
    "a head has as many columns as w_q has rows for each head, here 4 / 2 = 2: "
    "head_dim need not be d_model / n_head",
)
check.that(
    _by_hand != [9.0, 5.0],
    "x itself is in the result: return only what the layer adds to x",
)
check.that(
    not torch.as_tensor(_got).isnan().any(),
    "the result is NaN: the only token may look at nothing. In the mask True means may "
    "look, and a token sees itself",
)
check.close(
    _got,
    torch.tensor([[[6.0, 0.0]]]),
    "the example by hand: one token reads its own value in both heads, and w_o writes "
    "(6, 0)",
    atol=1e-4,
)
_w = _weights(8, 4, 2, 4, 370)
_x = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(371))
_got = attend(_x, *_w, 4, 2, 100.0)


def _is(theta=100.0, **mistake):
    want = _layer(_x, *_w, 4, 2, theta, **mistake)
    same = isinstance(_got, torch.Tensor) and _got.shape == want.shape
    return same and torch.allclose(_got.float(), want, atol=1e-4)


check.that(
    not _is(causal=False),
    "tokens see the future: pass causal_mask(seq) to your attention",
)
check.that(
    not _is(turn=""),
    "positions are missing: turn queries and keys by RoPE before you attend",
)
check.that(
    not _is(turn="qkv"),
    "the values are turned as well: RoPE is for queries and keys only",
)
check.that(not _is(theta=10000.0), "theta is not passed on to apply_rope")
check.that(not _is(turn="q"), "only the queries are turned: the keys need RoPE, too")
check.that(not _is(turn="k"), "only the keys are turned: the queries need RoPE, too")
check.that(
    not _is(wide=True),
    "RoPE was applied to the whole width: split into heads first, then turn each head",
)
check.that(
    not _is(turn="", causal=False),
    "neither a mask nor RoPE: attention is causal, and q and k are turned",
)
check.that(
    not _is(cut=True),
    "the heads are put together by a reshape alone, which mixes up positions: swap "
    "heads and positions back first, as merge_heads does",
)
check.that(
    not _is(tiled=True),
    "keys and values are repeated A B A B: does each key/value head serve neighbouring "
    "query heads (A A B B)?",
)
check.that(
    not _is(twice=True),
    "the scores are divided by √head_dim twice: your attention does it already",
)
_other = _x.clone()
_other[:, 4] += 1.0
check.close(
    attend(_other, *_w, 4, 2, 100.0)[:, :4],
    _got[:, :4],
    "the last token was changed, and earlier outputs moved: attention must be causal",
    atol=1e-4,
)
check.close(
    _got,
    _layer(_x, *_w, 4, 2, 100.0),
    "this is not what a layer of 4 query heads and 2 key/value heads computes: "
    "project, split, turn q and k by positions from 0, repeat k and v, attend "
    "causally (a token sees itself, too), merge, project",
    atol=1e-4,
)
_w, _got = _weights(8, 6, 2, 4, 372), None
with suppress(RuntimeError):  # 6 query heads do not fit 4 heads of keys
    _got = attend(_x, *_w, 6, 2, 100.0)
check.that(
    _got is not None,
    "6 query heads on 2 key/value heads raise an error: each key/value head serves "
    "n_head // n_kv_head query heads, here 3, not n_kv_head of them",
)
check.close(
    _got,
    _layer(_x, *_w, 6, 2, 100.0),
    "6 query heads on 2 key/value heads: each key/value head serves n_head // "
    "n_kv_head query heads, here 3",
    atol=1e-3,
)
### BEGIN HIDDEN TESTS
for _seed, (_batch, _seq, _d, _n, _kv, _head) in enumerate(
    ((1, 1, 6, 3, 1, 2), (2, 7, 12, 6, 3, 4), (3, 4, 5, 4, 4, 6), (1, 9, 16, 9, 3, 8))
):
    _w = _weights(_d, _n, _kv, _head, 1370 + _seed)
    _x = torch.randn(_batch, _seq, _d, generator=torch.Generator().manual_seed(_seed))
    check.close(
        attend(_x, *_w, _n, _kv),
        _layer(_x, *_w, _n, _kv, 10000.0),
        f"{_n} query heads on {_kv} key/value heads, {_seq} tokens: project, split, "
        "turn q and k, repeat k and v, attend causally, merge, project",
        atol=1e-3,
    )
### END HIDDEN TESTS

# %% [markdown]
# ### On the real model
#
# Your layer in place of the engine's, with the weights of each of the 30 layers in turn. Logits are what the model
# says before anything is drawn: one number for every token of its vocabulary.


# %%
def with_your_layers():
    layers, yours = cycle(model.weights.layers), attend

    def block(x, norm_1, attend, norm_2, feed_forward):
        layer = next(layers)
        q, k, v, o = (part[0] for part in (layer.q, layer.k, layer.v, layer.o))
        x = x + yours(norm_1(x), q, k, v, o, own.n_head, own.n_kv_head, own.rope_theta)
        return x + feed_forward(norm_2(x))

    return model.using(block=block)


ids = model.tokenizer.encode(france)
theirs, yours = model(ids), with_your_layers()(ids)
print("every logit within 0.0002:", bool((yours - theirs).abs().max() < 2e-4))
print(repr(complete(with_your_layers(), france, 4, use_cache=False)))

# %% [markdown]
# ## 3.7 Where the real model looks
#
# ### A row that cannot be
#
# **A claim to check.** A tutorial shows where "sat" looks in "The cat sat on the mat", and gives 8 % to "on", 3 % to
# "the" and 20.8 % to "mat". From section 3.4 you know what a row under the causal mask must look like. Here is the mean over
# all 270 heads of SmolLM2 (30 layers of 9):

# %%
from llmlib.attention import attention_maps

words = [model.tokenizer.decode([i]) for i in sat]
maps = attention_maps(model, sat)  # n_layer n_head seq seq
mean_row = maps[:, :, 2].mean(dim=(0, 1))
show(
    plots.row(
        words, mean_row.tolist(), "Where “sat” looks: mean of 270 heads", future=3
    ),
    alt="Bars for the row of sat: The 77.8 percent, cat 13.3, sat 8.9, and exactly "
    "zero for on, the, mat, which are marked as the future.",
)
print(f"the tutorial gives the future {0.08 + 0.03 + 0.208:.1%};", end=" ")
print(f"SmolLM2 gives it {mean_row[3:].sum():.1%}")

# %% [markdown]
# "on", "the" and "mat" come *after* "sat". The causal mask gives them 0. But is 78 % for "The"
# plausible? What has the article to do with sitting? Look at single heads:

# %%
by_cat = maps[:, :, 2, 1].flatten()
for index in by_cat.topk(4).indices.tolist():
    layer, head = divmod(index, 9)
    row = "  ".join(
        f"{words[i].strip()} {maps[layer, head, 2, i]:.2f}" for i in range(3)
    )
    print(f"layer {layer:>2} head {head}: {row}")

# %% [markdown]
# Some heads do look at "cat" with nearly all they have. The mean hides them, for the reason that follows.
#
# ### The sink
#
# Softmax must spend 100 %, even where a head finds nothing to look for. Xiao et al. (2023) saw that much of it goes to
# the first token, whatever that is. They call it an **attention sink**: a place to leave the attention that is not
# needed. Three texts, the last of them nonsense:

# %%
curves = {}
for sentence in (
    "The cat sat on the mat",
    "Two dogs ran in a park",
    "mat the on sat cat The",
):
    of_it = attention_maps(model, model.tokenizer.encode(sentence))
    curves[sentence] = of_it[:, :, 2:, 0].mean(
        dim=(1, 2)
    )  # position 2 on, looking at 0
    print(f"{sentence!r}: mean share on the first token {curves[sentence].mean():.2f}")
uniform = torch.tensor([1 / 3, 1 / 4, 1 / 5, 1 / 6]).mean()
print(f"if all got equal shares: {uniform:.2f}")
show(
    plots.by_layer(curves, "mean share on the first token"),
    alt="Mean share on the first token by layer for three texts: low in the first two "
    "layers and in layers 10 and 11, from 0.3 to 0.5 in layer 2, above 0.5 elsewhere. "
    "In layers 3 to 8 the line of the first text stands near 0.6, clearly below the "
    "other two, from 0.7 to 0.9.",
)

# %% [markdown]
# In these short texts the tokens from the third on give about two thirds of their attention to the first one. But one
# line does not agree with the others: in layers 3 to 8, "The cat sat on the mat" gives its first token less. Where does the rest go?

# %%
predict(
    "second",
    "In layers 3 to 8, which token besides the first does ' mat' look at?",
    {"A": "cat", "B": "sat", "C": "on", "D": "the"},
    yours="B",
)

# %%
rows = []
for sentence in (
    "The cat sat on the mat",
    "The cat sat on my mat",
    "Two dogs ran in a park",
    "A man and a dog and a cat",
):
    ids = model.tokenizer.encode(sentence)
    row = attention_maps(model, ids)[3:9, :, -1].mean(dim=(0, 1))
    rows.append(row)
    pieces = (f"{model.tokenizer.decode([i])} {s:.2f}" for i, s in zip(ids, row))
    print("last token, layers 3 to 8:", "  ".join(pieces))
reveal("second", "ABCD"[rows[0][1:5].argmax()])
lengths = torch.stack([v.norm(dim=-1) for _, v in read[3:9]]).mean(dim=(0, 1))  # seq
pairs = (f"{w.strip()} {length:.1f}" for w, length in zip(words, lengths))
print("mean length of the values, layers 3 to 8:", "  ".join(pairs))

# %% [markdown]
# There is a **second sink**: " the", at position 4, gets even more than the first token. Put " my" in its place, and the
# first token has it all; neither " a" of another sentence is a sink. Sun et al. (2024) report something similar: the
# first token and a few words of little meaning. Notebook 4 shows how such tokens are made.
#
# Why does looking at an unrelated token not spoil what a head says? See the last line: the values of
# both sinks are less than a fifth as long as the others. A share of 0.8 on a sink adds no more than a share of 0.16 on
# another token would. (In other sentences, too, the first token's values are by far the shortest.) **A large share is
# not yet influence**: it is share times value that counts.
#
# ### Heads that do something you can name
#
# How would a head look at the previous token, always? With vectors that say where they stand, you can set $q$ and $k$
# by hand: let the query of position $i$ be what the key of position $i - 1$ is.

# %%
where = torch.eye(6)  # position i is the i-th row: a 1 at column i
query = 12 * where.roll(-1, dims=1)  # that of position i has its 12 at column i - 1
by_hand = scaled_dot_product_attention(query, where, torch.eye(6), causal_mask(6))
shown = torch.where(causal_mask(6), by_hand, math.nan)
show(
    plots.grids(
        {"a previous-token head, set by hand": shown}, [str(i) for i in range(6)]
    ),
    alt="A 6 by 6 grid: almost all of each row's share is on the position before it; "
    "row 0 looks at itself.",
)

# %% [markdown]
# Do trained heads do such things? Give the model 25 random tokens, **twice in a row**. There is no grammar and no
# meaning in it, so whatever a head does here, it does by rule. The rule to look for is called **induction** (Olsson et
# al. 2022): in `A B C … A`, the second A looks at B, the token that *followed* the first A. If that head then says
# "B again", the model can continue any repetition, of anything. You write the score that finds such heads.

# %% [markdown]
# ### Exercise 3.8 · `induction_score` · ●●○ · 10 min
#
# `maps` holds every head's shares on a text of `2 * half` tokens whose second half repeats the first: `[n_layer,
# n_head, 2 * half, 2 * half]`, row = who looks, column = whom it looks at. For each head, return the mean share with
# which a token of the second half looks at the token **after** its first occurrence: `[n_layer, n_head]`.
#
# By hand: with `half = 2` the text is `A B A B`. Position 2 is the second A: its first occurrence is position 0, so
# it should look at position 1. Position 3 is the second B and should look at position 2. A head whose rows 2 and 3
# are
#
#         row 2:  0.1  0.7  0.2  0.0
#         row 3:  0.1  0.1  0.6  0.2
#
# scores (0.7 + 0.6) / 2 = 0.65.
#
# Everything in torch is allowed; llmlib's own answer is absent when this is graded.
#
# <details><summary>Hint 1</summary>
#
# Which positions make up the second half? For a token at position *i* there, where is its first occurrence, and where
# the token after that?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Position *i* should look at *i − half + 1*. A loop over *i* from `half` to `2 * half - 1` that adds up
# `maps[:, :, i, i - half + 1]` does it.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Without a loop: `second = torch.arange(half, 2 * half)`, then index rows with `second` and columns with
# `second - half + 1`, and take the mean over the last dimension.
#
# </details>


# %% solution induction_score
def induction_score(maps, half):
    """Mean share from each token of the second half to the token after its first
    occurrence: maps [n_layer, n_head, 2 * half, 2 * half] -> [n_layer, n_head]."""
    ### BEGIN SOLUTION
    second = torch.arange(half, 2 * half)
    return maps[:, :, second, second - half + 1].mean(dim=-1)
    ### END SOLUTION


# %% test induction_score points=2
import torch

from llmlib.course import check


def _looking(half, back, rows=None):
    """Shares of one head on 2 * half tokens: each token looks `back` positions back."""
    n = 2 * half
    maps = torch.zeros(1, 1, n, n)
    for i in range(n) if rows is None else rows:
        maps[0, 0, i, i - back if i >= back else i] = 1.0
    return maps


_hand = torch.zeros(1, 1, 4, 4)
_hand[0, 0, 2] = torch.tensor([0.1, 0.7, 0.2, 0.0])
_hand[0, 0, 3] = torch.tensor([0.1, 0.1, 0.6, 0.2])
_got = induction_score(_hand, 2)
check.that(_got is not None, "induction_score gave back None: is there a return?")
check.equal(
    tuple(_got.shape) if isinstance(_got, torch.Tensor) else (),
    (1, 1),
    "one score for each layer and head: the shape is [n_layer, n_head]",
)
check.that(
    abs(_got[0, 0] - 1.3) > 1e-4,
    "the shares were added up: take their mean over the tokens of the second half",
)
check.that(
    abs(_got[0, 0] - 0.325) > 1e-4,
    "the mean runs over the whole text: only tokens of the second half have a first "
    "occurrence to look back to",
)
check.close(
    induction_score(_looking(5, 6), 5),
    torch.zeros(1, 1),
    "a head that looks at the token before the first occurrence does no induction",
    atol=1e-4,
)
check.close(
    induction_score(_looking(5, 5), 5),
    torch.zeros(1, 1),
    "a head that looks at the same token's first occurrence, half positions back, does "
    "no induction: look at the token after it",
    atol=1e-4,
)
check.close(
    induction_score(_looking(5, 1), 5),
    torch.zeros(1, 1),
    "a previous-token head does no induction: the token to look at stands half - 1 "
    "back",
    atol=1e-4,
)
check.close(
    induction_score(_looking(5, 4, rows=range(5)), 5),
    torch.zeros(1, 1),
    "rows of the first half do not count: nothing has been repeated there yet",
    atol=1e-4,
)
_first, _last = (
    float(induction_score(_looking(5, 4, rows=[row]), 5)[0, 0]) for row in (5, 9)
)
check.that(
    _last > 0.01 or _first < 0.1,
    "the last token of the second half is left out: range(half, 2 * half) ends with "
    "it, at 2 * half - 1",
)
check.that(
    _first > 0.01 or _last < 0.1,
    "the first token of the second half, at position half, is left out",
)
check.close(
    induction_score(_looking(5, 4), 5),
    torch.ones(1, 1),
    "a head that always looks at the token after the first occurrence has a score of "
    "1: rows are who looks, columns whom they look at",
    atol=1e-4,
)
check.close(
    _got,
    torch.tensor([[0.65]]),
    "the example by hand: row 2 at position 1 and row 3 at position 2, so (0.7 + 0.6) "
    "/ 2",
    atol=1e-4,
)
_maps = torch.cat([_looking(5, 4), _looking(5, 1)] * 3).view(2, 3, 10, 10)
check.close(
    induction_score(_maps, 5),
    torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
    "2 layers of 3 heads have 2 rows of 3 scores: each head has a score of its own, in "
    "the row of its layer",
    atol=1e-4,
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(38)
for _n_layer, _n_head, _half in ((1, 3, 2), (4, 2, 7), (2, 5, 12)):
    _maps = torch.rand(_n_layer, _n_head, 2 * _half, 2 * _half, generator=_g).tril()
    _maps = _maps / _maps.sum(-1, keepdim=True)
    _want = torch.zeros(_n_layer, _n_head)
    for _i in range(_half, 2 * _half):
        _want += _maps[:, :, _i, _i - _half + 1] / _half
    check.close(
        induction_score(_maps, _half),
        _want,
        f"{_n_layer} layers of {_n_head} heads, half = {_half}: the mean share from "
        "position i to position i - half + 1, over the second half",
        atol=1e-4,
    )
### END HIDDEN TESTS

# %% [markdown]
# ### On the real model
#
# Your score for all 270 heads, beside two simpler ones: the mean share to the token right before (**previous**), and
# to the first token (**first**, the sink).

# %%
generator = torch.Generator().manual_seed(0)
half = 25
# 2 texts of 50 tokens
texts = torch.randint(1000, 40000, (2, half), generator=generator).repeat(1, 2)
both = [attention_maps(model, text) for text in texts]
induction = sum(induction_score(m, half) for m in both) / 2
previous = sum(m.diagonal(-1, -2, -1)[:, :, 1:].mean(-1) for m in both) / 2
first = sum(m[:, :, 1:, 0].mean(-1) for m in both) / 2

scores_of = {
    "previous token": previous,
    "first token (sink)": first,
    "induction": induction,
}
show(
    plots.head_maps(scores_of),
    alt="Three maps of 30 layers by 9 heads. Previous-token heads are few and "
    "scattered, the sink fills most of the layers above the second, but for 10 and 11, "
    "induction heads are few and sit in layers 17 to 23. Ringed are the best three of "
    "each: 16.0, 11.1 and 2.1; 18.8, 23.6 and 18.4; 18.6, 17.4 and 17.3.",
)


def best(scores, n=5):
    return [divmod(i, 9) for i in scores.flatten().topk(n).indices.tolist()]


for name, found in scores_of.items():
    listed = (f"{n}.{h} ({found[n, h]:.2f})" for n, h in best(found))
    print(f"{name:<18} {int((found > 0.5).sum()):>3} above 0.5; best:", *listed)

# %% [markdown]
# (16.0 is head 0 of layer 16.) Look back at the four heads that gave "cat" most. Three of them, 11.1, 16.0 and 2.1,
# are now the three best *previous-token* heads: they looked at "cat" because it stands before "sat", not because cats
# sit. The fourth, 13.8, is none: from "on" and "the" it looks back at "cat", too. A head's row for one sentence is an
# anecdote; a score over all positions is a measurement.
#
# A name is still only a description. Does the model *use* it? Switch heads off (their output becomes 0) and look at
# the loss, $-\ln p$ of the token that really comes next, in *nats*. Guessing among 49,152 tokens costs
# $\ln 49152 = 10.8$. On random tokens the model does worse than guessing in the first half, since it expects
# sense; in the second half the loss should fall if it notices the repetition.

# %%
predict(
    "ablation",
    "The loss on the repetition is about 3, and guessing costs 10.8. What is it once "
    "one head of the 270, 16.0, is switched off?",
    yours=4.0,
)


# %%
def without(heads, watch=None):
    """The model with some (layer, head) switched off; their shares go to `watch`."""
    layers = cycle(range(model.config.n_layer))

    def attention(q, k, v, mask=None):
        layer = next(layers)
        shares = scaled_dot_product_attention(q, k, torch.eye(k.shape[-2]), mask)
        if watch is not None:
            watch.append(shares)
        out = shares @ v
        out[:, [head for at, head in heads if at == layer]] = 0
        return out

    return model.using(attention=attention)


def losses(some_model, texts=texts):
    """Loss at positions 1, 2, ..., mean over the texts, in nats."""
    log_p = torch.log_softmax(some_model(texts)[:, :-1], dim=-1)
    return -log_p.gather(-1, texts[:, 1:, None]).squeeze(-1).mean(0)


curves = {
    "all 270 heads": losses(model),
    "without the 5 best induction heads": losses(without(best(induction))),
    "without the 5 best previous-token heads": losses(without(best(previous))),
}
show(
    plots.losses_by_position(curves, half, chance=math.log(model.config.vocab_size)),
    alt="Loss by position, with a line at 10.8 for guessing. In the first half nearly "
    "all points are above it, around 14 nats. In the second half the whole model's "
    "loss falls to about 2; without the induction heads to between 5 and 10, "
    "without the previous-token heads it stays around guessing.",
)


def on_the_repetition(heads, texts=texts):
    return losses(without(heads), texts)[half:].mean().item()


def any_five():
    return [divmod(i, 9) for i in torch.randperm(270, generator=generator)[:5].tolist()]


def neighbours(heads, generator=generator):
    """As many other heads of the same layers."""
    found = []
    for layer, _ in heads:
        left = [h for h in range(9) if (layer, h) not in heads + found]
        pick = torch.randint(len(left), (1,), generator=generator).item()
        found.append((layer, left[pick]))
    return found


short = ("none", "5 induction", "5 previous")
marks = {
    name: found[half:].mean().item() for name, found in zip(short, curves.values())
}
for n, h in best(previous, 3) + best(induction, 1):
    marks[f"{n}.{h} alone"] = on_the_repetition([(n, h)])
marks["all but 16.0 of layer 16"] = on_the_repetition([(16, h) for h in range(1, 9)])
previous_draws = torch.Generator().manual_seed(2)
dots = {
    "any 5 heads": [on_the_repetition(any_five()) for _ in range(6)],
    "5 others, layers of induction": [
        on_the_repetition(neighbours(best(induction))) for _ in range(3)
    ],
    "5 others, layers of previous": [
        on_the_repetition(neighbours(best(previous), previous_draws)) for _ in range(6)
    ],
}
for name, loss in marks.items():
    print(f"off: {name:<24} loss {loss:5.2f}")
for name, found in dots.items():
    print(f"off: {name}: {min(found):.2f} to {max(found):.2f}")
show(
    plots.ablation(marks, dots, chance=math.log(model.config.vocab_size)),
    alt="Mean loss on the repetition. Whole model 3.4; without five induction heads "
    "9.0; without five previous-token heads 11.4, a little above guessing; without "
    "head 16.0 alone 9.2, without the eight others of layer 16 4.3. Six draws of any "
    "five heads are scattered above the whole model; five others from the layers of "
    "the induction heads lie between 3.3 and 4.7, from those of the previous-token "
    "heads between 3.4 and 9.6.",
)
once_more = torch.Generator().manual_seed(1)
others = torch.randint(1000, 40000, (2, half), generator=once_more).repeat(1, 2)
print("other random texts:")
for name, heads in zip(short, ([], best(induction), best(previous))):
    print(f"off: {name:<14} loss {on_the_repetition(heads, others):5.2f}")
print(f"off: 16.0 alone     loss {on_the_repetition([(16, 0)], others):5.2f}")
early = on_the_repetition([(0, 6)])
print(
    f"\nfirst pair of texts, off: 0.6 alone, loss {early:.2f}; its scores: "
    f"previous {previous[0, 6]:.2f}, induction {induction[0, 6]:.2f}"
)
reveal("ablation", marks["16.0 alone"], within=1)

# %% [markdown]
# Without the five best induction heads the model is most of the way back to guessing, on both pairs of texts; without
# the five best previous-token heads it is there, too, on the first pair even beyond. Of the latter five **one, 16.0,
# makes most of that**. Two of the others cost next to nothing: their
# shares look like those of 16.0, their use does not. The controls matter, too. Five others from the layers of the
# induction heads cost at most 1.3 nats in three draws, and all eight others of layer 16 *together* 0.9, where 16.0 by
# itself costs 5.8: in both it is the heads, not their layers. Of the five previous-token heads as a set we cannot say
# so: without five others from their layers the loss goes up to 9.6, without them to 11.4. And a blind draw of five can
# cost a lot: "worse than random" needs more than one draw. Nor is 16.0 the only head that the repetition hangs on:
# without head 6 of layer 0, which is of neither kind, the loss is 8.3, too.
#
# Why should a head in layer 16 matter that much? The idea (Olsson et al. 2022): it writes into each token what stood
# before it, "I come after A", and a later induction head looks for just that mark. If that is so, then **switching
# 16.0 off must blind the induction heads**: not their output, which we leave on, but where they look.

# %%
predict(
    "blinded",
    "18.6 looks at the right token with 0.90. With 16.0 switched off, its score is …?",
    yours=0.5,
)


# %%
def scores_without(heads):
    seen = []  # a layer each: [text, n_head, 2 * half, 2 * half]
    without(heads, watch=seen)(texts, last=True)  # shares are all we need: few logits
    return sum(induction_score(m, half) for m in torch.stack(seen, dim=1)) / len(texts)


five = best(induction)
print("switched off    induction score of  " + "   ".join(f"{n}.{h}" for n, h in five))
for heads in ([], [(16, 1)], [(11, 1)], [(2, 1)], [(16, 0)]):
    found = scores_without(heads)
    name = " ".join(f"{n}.{h}" for n, h in heads) or "none"
    print(f"{name:<35}", "   ".join(f"{found[n, h]:.2f}" for n, h in five))
alike = causal_mask(2 * half) / torch.arange(1, 2 * half + 1)[:, None]
print(f"{'a head with equal shares for all':<35}", end=" ")
print(f"{induction_score(alike[None, None], half).item():.2f}")
reveal("blinded", round(found[18, 6].item(), 2), within=0.15)

# %% [markdown]
# Without 16.0 the three heads of layer 17 no longer know where to look (0.01 to 0.04; a head with equal shares for
# all has 0.03), and 18.6 and 23.7 lose about 70 % (on another pair of texts half or more). Its neighbour 16.1 and the two
# other previous-token heads change next to nothing. Do the later heads read 16.0's mark *directly*, and where: in their
# queries, or in their keys? Take it out of one of the two, from layer 17 on, and leave all else as it is.

# %%
predict(
    "mark",
    "The induction scores collapse when the mark is missing from …",
    {
        "A": "the queries: they look for it",
        "B": "the keys: they carry it",
        "C": "either of the two",
    },
    yours="A",
)


# %%
def scores_with_the_mark_out_of(part, head):
    """Induction scores where the later layers' "q" or "k" miss what a head of layer 16
    wrote."""
    seen, at, mark = [], torch.arange(2 * half), 0

    def block(x, norm_1, attend, norm_2, feed_forward):
        nonlocal mark
        layer = model.weights.layers[len(seen)]
        w_q, w_k, w_v, w_o = (w[0] for w in (layer.q, layer.k, layer.v, layer.o))
        whole, less = norm_1(x), norm_1(x - mark)
        q = split_heads((less if part == "q" else whole) @ w_q.T, own.n_head)
        k = split_heads((less if part == "k" else whole) @ w_k.T, own.n_kv_head)
        q, k = (apply_rope(t, at, own.rope_theta) for t in (q, k))
        v = split_heads(whole @ w_v.T, own.n_kv_head)
        k, v = (repeat_kv(t, own.n_head // own.n_kv_head) for t in (k, v))
        mask, identity = causal_mask(len(at)), torch.eye(len(at))
        shares = scaled_dot_product_attention(q, k, identity, mask)
        if len(seen) == 16:
            columns = slice(head * own.head_dim, (head + 1) * own.head_dim)
            mark = (shares @ v)[:, head] @ w_o[:, columns].T
        seen.append(shares)
        x = x + merge_heads(shares @ v) @ w_o.T
        return x + feed_forward(norm_2(x))

    model.using(block=block)(texts, last=True)
    return sum(induction_score(m, half) for m in torch.stack(seen, dim=1)) / len(texts)


gone = []
for part, head in (("q", 0), ("k", 0), ("k", 1)):
    found = scores_with_the_mark_out_of(part, head)
    gone.append(found[18, 6].item() < 0.3)
    name = f"16.{head}'s mark missing from the {'queries' if part == 'q' else 'keys'}"
    print(f"{name:<37}", "   ".join(f"{found[n, h]:.2f}" for n, h in five))
reveal("mark", {(True, False): "A", (False, True): "B"}.get(tuple(gone[:2]), "C"))

# %% [markdown]
# That is the circuit, taken apart in the running model. 16.0 writes into each token what stood before it. The *keys* of
# the later heads carry that mark, and without it their induction scores are 0 to 0.04. (That is even less than with 16.0 off, where
# 18.6 keeps 0.25. With 16.0 off, later parts write something else, which makes up for a little: hold layer 16's
# other half (notebook 4) and layer 17 at what they wrote before, and 18.6 loses it all then, too.) Without another head's mark, 16.1's,
# nothing happens. The queries lose little without 16.0's mark: they ask for the token at their own place. Two layers, one head reading what another wrote, through its keys (papers say *K-composition*,
# Elhage et al. 2021): that is how the model copies noise.
#
# Was Mrs. Quillfeather at the top of this page found that way? The best induction head, 18.6, looks at " Qu" there.
# But that is one row of one head. Ask by switching off:

# %%
ids = model.tokenizer.encode(dragon)
row = attention_maps(model, ids)[18, 6, -1]
for i in row.topk(2).indices.tolist():
    print(f"18.6 looks at token {i} {model.tokenizer.decode([ids[i]])!r}: {row[i]:.2f}")


def chances(sets, prompt, word):
    """p(word) after the prompt with each set of heads switched off, in one batch."""
    layers = cycle(range(model.config.n_layer))

    def attention(q, k, v, mask=None):
        layer, out = next(layers), scaled_dot_product_attention(q, k, v, mask)
        for row, heads in enumerate(sets):
            out[row, [head for at, head in heads if at == layer]] = 0
        return out

    batch = torch.tensor([model.tokenizer.encode(prompt)] * len(sets))
    logits = model.using(attention=attention)(batch, last=True)[:, -1]
    return logits.softmax(-1)[:, model.tokenizer.encode(word)[0]]


off = {
    "nothing": [],
    "18.6": [(18, 6)],
    "16.0": [(16, 0)],
    "12 induction heads": best(induction, 12),
    "8 previous-token heads": best(previous, 8),
}
sets = list(off.values())
for heads in sets[3:5]:  # controls: as many other heads of the same layers, six draws
    sets += [neighbours(heads) for _ in range(6)]
named, known = chances(sets, dragon, " Qu"), chances(sets, france, " Paris")
for row, (name, heads) in enumerate(off.items()):
    text = complete(without(heads), dragon, 6)
    print(
        f"off: {name:<22} p(' Qu') {named[row]:.2f}  p(' Paris') {known[row]:.2f}  "
        f"{text!r}"
    )
for name, drawn in (("12", slice(5, 11)), ("8", slice(11, 17))):
    print(f"off: {name} others, same layers:", end="")
    for word, found in ((" Qu", named[drawn]), (" Paris", known[drawn])):
        listed = " ".join(f"{p:.2f}" for p in found.sort().values)
        print(f"  p({word!r}) {listed}", end="")
    print()

# %% [markdown]
# We cannot say so. Without the induction heads she is less likely, but so she is without twelve *others* of the same
# layers, in some draws by more: that fall is no sign of induction. Without 16.0, on which copying noise depended, her name is as likely as before!
# Without the eight previous-token heads she is gone, or nearly; no draw of their neighbours does that, and Paris is
# still known. A name that was read sixteen tokens ago has more than one way to come back, and one attention row would
# have told a simpler story than the true one. (This is one name. In "Captain Plimsoll keeps a dragon", some draws of
# their neighbours cost the name as much.)
#
# ### Watch it being learned
#
# Nobody put induction in. Train it: a model of nothing but your `attend`, one layer or two, on random tokens said
# twice. In the first run all texts are equally long, in the others their length varies.

# %%
predict(
    "layers",
    "An induction head reads what a head of an earlier layer wrote. Which of these can "
    "learn to repeat?",
    {
        "A": "all three",
        "B": "only the one with two layers",
        "C": "two layers, and one layer where the length is always the same",
    },
    yours="B",
)


# %%
def train(n_layer, same_length=False, steps=300, d=48, vocab=32, seed=0):
    """Loss on second halves in nats: step by step, and at the end on 9 + 9 tokens."""
    g = torch.Generator().manual_seed(seed)
    table = torch.randn(vocab, d, generator=g).requires_grad_()
    head = (torch.randn(vocab, d, generator=g) / d**0.5).requires_grad_()
    layers = [
        [(torch.randn(d, d, generator=g) / d**0.5).requires_grad_() for _ in range(4)]
        for _ in range(n_layer)
    ]
    weights = [table, head, *(w for layer in layers for w in layer)]
    optimizer = torch.optim.AdamW(weights, lr=0.01, weight_decay=0.0)
    found = []

    def loss(half):
        ids = torch.randint(vocab, (24, half), generator=g).repeat(1, 2)
        x = table[ids]
        for layer in layers:
            x = x + attend(torch.nn.functional.rms_norm(x, (d,)), *layer, 4, 4)
        logits = torch.nn.functional.rms_norm(x, (d,)) @ head.T
        return torch.nn.functional.cross_entropy(
            logits[:, half:-1].flatten(0, 1), ids[:, half + 1 :].flatten()
        )

    for _ in range(steps):
        now = loss(12 if same_length else int(torch.randint(6, 13, (1,), generator=g)))
        optimizer.zero_grad()
        now.backward()
        optimizer.step()
        found.append(now.item())
    return found, loss(9).item()


torch.set_num_threads(1)
runs = {
    "1 layer, always 12 + 12 tokens": train(1, same_length=True),
    "1 layer, lengths vary": train(1),
    "2 layers, lengths vary": train(2),
}
torch.set_num_threads(2)
curves = {name: found for name, (found, _) in runs.items()}
for name, (found, nine) in runs.items():
    end = sum(found[-20:]) / 20
    end = f"{end:.1f}" if end > 1 else "below 0.5" if end < 0.5 else "below 1"
    nine = f"{nine:.0f}" if nine > 1 else "below 1"
    print(f"{name:<32} loss at the end {end:<9} on 9 + 9 tokens {nine}")
show(
    plots.learning(curves, chance=math.log(32)),
    alt="Loss on the repetition against training steps. One layer with fixed length "
    "falls to near 0 within 100 steps; one layer with varying lengths comes down to "
    "2.5 and stays there; two layers are still near 2.7 after 100 steps, fall to 0.5 "
    "within the next 80, and end at 0.3.",
)
learned = tuple(found[-1] < 1 for found in curves.values())
reveal("layers", {(True, True, True): "A", (False, False, True): "B"}.get(learned, "C"))

# %% [markdown]
# For a hundred steps two layers do hardly better than one; then, within a few dozen, they can. One layer does not get there,
# **unless the length never changes**: then "look eleven back" is a matter of position, RoPE can say it, and there is
# no induction in it. On 9 + 9 tokens it is worse than guessing ($\ln 32 = 3.5$). With only the first run you would have concluded that one layer is enough. The control is the
# lesson: vary what the model must not rely on.
#
# ## 3.8 Look for yourself
#
# All 270 heads at once, on any text that you type, each by *your* `scaled_dot_product_attention`. A square is a head:
# a bright left column is the sink, a bright line just below the diagonal a previous-token head. Click a square, then a
# token. Then switch the head off, or several, and see below what the model says instead. (Without a running kernel you
# see one setting, as a picture.) Worth a visit: layer 16 head 0 (previous token), layer 18 head 6 (induction), layer 22
# head 0 (mostly sink), layer 0 (no pattern with a name here).

# %% tags=["nbval-ignore-output"]
from llmlib.widgets import attention_explorer

story = (
    "Once there was a woman called Zora Quill. Every day the dragon said hello to Zora"
)
tokens = [model.tokenizer.decode([i]) for i in model.tokenizer.encode(story)]
fallback = attention_maps(model, model.tokenizer.encode(story))[18, 6, -1]
show(
    plots.row(
        tokens, fallback.tolist(), "Layer 18, head 6: where the last token looks"
    ),
    widget=attention_explorer(
        model, scaled_dot_product_attention, story, layer=18, head=6
    ),
    alt=f"Where the last token of {story!r} looks in layer 18, head 6: most on "
    f"{tokens[int(fallback.argmax())]!r}, {fallback.max():.0%}.",
)

# %% [markdown]
# ## 3.9 Reading another text: cross-attention
#
# **Claim.** Nothing in attention says that queries and keys must come from the same text. The first transformer
# (Vaswani et al. 2017) was built for translation and had two halves (not the encoder and decoder of notebook 1). The **encoder** reads, say, the French sentence;
# there is no future to hide, so it has no mask. The **decoder** writes the English one. Each of its layers has a causal
# self-attention over what is written so far, and then a **cross-attention**: queries from the text being written,
# keys and values from the text being read.

# %%
show(
    plots.encoder_decoder(),
    alt="Left: an encoder reads le chat dort; a decoder writes, with causal "
    "self-attention over the cat sleeps and cross-attention whose keys and values come "
    "from the encoder. Right: a decoder alone reads source and target as one text.",
)

# %% [markdown]
# GPT, Llama and SmolLM2 are **decoder-only**: source and target become one text, and causal self-attention does both
# jobs. That is simpler, and every token is a training example. Cross-attention lives on where the two sides differ in
# kind: a speech recogniser writes text while it reads sound, an image generator paints while it reads a sentence.

# %% [markdown]
# ### Exercise 3.9 · `cross_attention` · ●●○ · 10 min
#
# One head of cross-attention, from vectors to mixtures of values.
#
# | | shape | |
# |---|---|---|
# | `x` | `[batch, seq, d_model]` | the text being written: it asks |
# | `context` | `[batch, seq_k, d_model]` | the text being read: it answers (not the longest text, as in `config.context`) |
# | `w_q`, `w_k`, `w_v` | `[head_dim, d_model]` | as `torch.nn.Linear` stores them: `[columns out, columns in]`, so multiply by the transpose, `w_q.T` |
# | returns | `[batch, seq, head_dim]` | one row for each token of `x` |
#
# There is no mask: the text being read is there as a whole, so nothing of it is the future.
#
# By hand: with one column everywhere, `x = [[[0]]]`, `context = [[[1], [3]]]` and all three weights `[[1]]`, the
# scores are 0·1 and 0·3, the shares 1/2 and 1/2, and the output is 1/2 · 1 + 1/2 · 3 = `[[[2]]]`.
#
# Off limits: torch's ready-made attention. Use your own from 3.1.
#
# <details><summary>Hint 1</summary>
#
# Self-attention makes q, k and v all from `x`. Which of the three now come from the other text?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Queries from `x`; keys *and* values from `context`. One call to `scaled_dot_product_attention` does the rest.
#
# </details>


# %% solution cross_attention disallowed=["torch.nn.functional.scaled_dot_product_attention"]
def cross_attention(x, context, w_q, w_k, w_v):
    """One head whose queries come from x [batch, seq, d_model], its keys and values
    from context [batch, seq_k, d_model].

    w_q, w_k and w_v [head_dim, d_model] -> [batch, seq, head_dim].
    """
    ### BEGIN SOLUTION
    return scaled_dot_product_attention(x @ w_q.T, context @ w_k.T, context @ w_v.T)
    ### END SOLUTION


# %% test cross_attention points=2
import torch

from llmlib.course import check

_g = torch.Generator().manual_seed(37)
_x, _c = (torch.randn(2, 4, 6, generator=_g) for _ in range(2))
_q, _k, _v = (torch.randn(6, 6, generator=_g) for _ in range(3))
_plain = torch.nn.functional.scaled_dot_product_attention
_got = cross_attention(_x, _c, _q, _k, _v)
check.that(
    not isinstance(_got, (list, tuple)),
    "return one tensor: torch.stack makes one of a list of texts",
)


def _is(x_q, x_k, x_v, **options):
    want = _plain(x_q @ _q.T, x_k @ _k.T, x_v @ _v.T, **options)
    return (
        isinstance(_got, torch.Tensor)
        and _got.shape == want.shape
        and torch.allclose(_got.float(), want, atol=1e-4)
    )


check.that(not _is(_x, _x, _x), "this is self-attention: it never looks at the context")
check.that(
    not _is(_c, _x, _x),
    "the roles are swapped: x asks (queries), the context answers (keys and values)",
)
check.that(
    not _is(_x, _c, _x),
    "the values come from x: what is read out must come from the context, like the "
    "keys",
)
check.that(
    not _is(_x, _x, _c),
    "the keys come from x: x must be compared with the keys of the context",
)
_both = torch.cat([_c, _x], dim=1)
check.that(
    not _is(_x, _both, _both),
    "x and the context are read as one text: keys and values come from the context "
    "alone",
)
check.that(
    not _is(_x, _c, _c, is_causal=True),
    "there is a causal mask: the context is there as a whole, nothing of it is the "
    "future",
)
check.that(not _is(_x, _c, _c, scale=1.0), "the scores are not divided by √head_dim")
_swapped = _plain(_x @ _q.T, _c @ _v.T, _c @ _k.T)
check.that(
    not (
        isinstance(_got, torch.Tensor)
        and _got.shape == _swapped.shape
        and torch.allclose(_got.float(), _swapped, atol=1e-4)
    ),
    "keys and values have changed places: keys are made by w_k, values by w_v",
)
_flat = _plain(_x @ _q, _c @ _k, _c @ _v)
check.that(
    not (
        isinstance(_got, torch.Tensor)
        and _got.shape == _flat.shape
        and torch.allclose(_got.float(), _flat, atol=1e-4)
    ),
    "the weights are stored as [columns out, columns in]: multiply by w_q.T, not by "
    "w_q",
)
check.close(
    _got,
    _plain(_x @ _q.T, _c @ _k.T, _c @ _v.T),
    "queries from x, keys and values from the context, then attention without a mask",
    atol=1e-4,
)
_narrow = [torch.randn(4, 6, generator=_g) for _ in range(3)]
_got = cross_attention(_x, _c, *_narrow)
check.equal(
    tuple(_got.shape),
    (2, 4, 4),
    "one output row for each token of x, with head_dim columns, here 4",
)
_parts = [t @ w.T for t, w in zip((_x, _c, _c), _narrow)]
check.that(
    not torch.allclose(_got.float(), _plain(*_parts, scale=6**-0.5), atol=1e-4),
    "the scores are divided by √d_model: head_dim is the number of rows of w_q, here "
    "4, not its columns",
)
check.close(
    _got,
    _plain(*_parts),
    "head_dim need not be d_model: queries from x, keys and values from the context",
    atol=1e-4,
)
_one = torch.ones(1, 1)
check.close(
    cross_attention(
        torch.tensor([[[0.0]]]), torch.tensor([[[1.0], [3.0]]]), _one, _one, _one
    ),
    torch.tensor([[[2.0]]]),
    "the example by hand: one token asks, two tokens answer with equal shares, so the "
    "output is the mean of 1 and 3",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(137)
for _batch, _seq, _seq_k, _d, _head in (
    (1, 3, 5, 8, 4),
    (3, 6, 2, 4, 7),
    (2, 1, 9, 5, 5),
):
    _x, _c = (
        torch.randn(_batch, _seq, _d, generator=_g),
        torch.randn(_batch, _seq_k, _d, generator=_g),
    )
    _q, _k, _v = (torch.randn(_head, _d, generator=_g) for _ in range(3))
    _got = cross_attention(_x, _c, _q, _k, _v)
    check.equal(
        tuple(_got.shape),
        (_batch, _seq, _head),
        "one output row for each token of x, with head_dim columns",
    )
    check.close(
        _got,
        torch.nn.functional.scaled_dot_product_attention(
            _x @ _q.T, _c @ _k.T, _c @ _v.T
        ),
        f"{_seq} tokens that ask and {_seq_k} that answer: queries from x, keys and "
        "values from the context, no mask",
        atol=1e-4,
    )
    _order = torch.randperm(_seq_k, generator=_g)
    check.close(
        cross_attention(_x, _c[:, _order], _q, _k, _v),
        _got,
        "shuffling the context must not change the output: nothing in it is masked",
        atol=1e-4,
    )
### END HIDDEN TESTS

# %% [markdown]
# ## 3.10 Your attention in the engine
#
# Five of your functions now stand in SmolLM2's 30 layers. `transformers`, the library the field uses, runs the same
# weights with its own code. Do they write the same?

# %%
from llmlib.course.engine_check import same_ids

mine = model.using(
    mask=causal_mask,
    split_heads=split_heads,
    repeat_kv=repeat_kv,
    attention=scaled_dot_product_attention,
    merge_heads=merge_heads,
)
prompts = [
    "The capital of France is",
    "Mrs. Quillfeather keeps a dragon. Every morning the dragon greets Mrs.",
    "def fibonacci(n):",
]
agreed = same_ids(mine, prompts, max_new_tokens=12)

# %% [markdown]
# 36 ids, all the same. How much does that prove? Plant three bugs on purpose: a divisor that is off by one (√65), a
# mask of −12 in place of $-\infty$, which leaks a little of the future, and head 7 of every layer a tenth too weak.

# %%
predict(
    "planted", "How many of the three bugs do ids expose, 6 for each prompt?", yours=3
)


# %%
def off_by_one(q, k, v, mask=None):
    return scaled_dot_product_attention(q * math.sqrt(64 / 65), k, v, mask)


def leaky(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.softmax(scores - 12.0 * ~mask, dim=-1) @ v


def weak_head(q, k, v, mask=None):
    out = scaled_dot_product_attention(q, k, v, mask)
    out[:, 7] *= 0.9
    return out


texts = [model.tokenizer.encode(prompt) for prompt in prompts]
written = [list(generate(model, ids, 6)) for ids in texts]
said = [model(ids) for ids in texts]


def apart(some_model):
    """How far a logit moves at most, anywhere and at the last position: as text."""
    moved = [(some_model(i) - s)[0].abs() for i, s in zip(texts, said)]
    anywhere, last = (max(m[at].max() for m in moved) for at in (slice(None), -1))
    return f"logits {anywhere:5.2f} apart, at the last position {last:.2f}"


exposed = 0
print(f"{'yours':<12} {apart(mine)}")
for name, attention in {
    "√65": off_by_one,
    "mask −12": leaky,
    "a weak head": weak_head,
}.items():
    planted = model.using(attention=attention)
    same = sum(list(generate(planted, i, 6)) == w for i, w in zip(texts, written))
    exposed += same < len(texts)
    print(f"{name:<12} {apart(planted)}, ids equal on {same} of 3")
reveal("planted", exposed, within=0)

# %% [markdown]
# None. Three planted bugs write the same ids, one of them a leak from the future that moves a logit by 29. An id says
# which logit is the largest, at the last position only, and there even the leak moves logits by no more than 2.3: the
# last token has no future. (The three prompts are forgiving: of twelve others, five give the leak or the weak head away by
# their ids, and none the √65. By its logits each of them gives away all three.) **Equal ids are a smoke test; what proves
# a function is the distance of the logits, at all positions**, and yours is no more than rounding. (Which is why
# `looks_ahead` looks at numbers, too.)
#
# ## Recap
#
# - Attention is the only place where tokens learn about each other. An RNN must read a text step by step;
#   attention reaches any distance in one step, for all positions at once, and pays with work that grows with seq².
# - A token's **query** meets all **keys**; the scores, over √head_dim and through softmax, are **shares**; the output
#   is the mixture of **values**.
# - The mask comes **before** the softmax. Whether anyone peeks can be tested from outside.
# - Heads attend alone, in parallel, each reading the whole vector; side by side and through $W_O$, their writes add
#   up. Grouped queries share keys and values to save memory.
# - A decoder's row has nothing to the right of itself. Much attention goes to the first token, sometimes to a second
#   sink, and adds far less than its share says.
# - Induction takes two heads in two layers: one notes what stood before, the other looks for the note. Switching the
#   first off takes most of the second's aim.
# - Equal ids forgive bugs. Compare logits.
#
# ## Questions to think about
#
# 1. Your mask always lets a token see itself. What would go wrong in row 0 if it did not, and at which line of
#    `scaled_dot_product_attention` would you notice?
# 2. Two previous-token heads, 16.0 and 11.1, have nearly the same shares, and only one of them matters for induction.
#    What else about a head decides what it does?
# 3. Attention shares are often shown as "what the model based its answer on". You have now seen three reasons to be
#    careful. Which?
#
# <details><summary>Answers</summary>
#
# 1. Row 0 could see nothing at all. All its scores would be $-\infty$, softmax would divide 0 by 0, and the row of
#    shares would be NaN; the product with `v` then spreads it.
# 2. What it writes: $W_V$ and $W_O$. And who reads it: the induction heads of layers 17 and 18 have keys that respond
#    to what 16.0 writes.
# 3. The share goes to a value that may be short (the sink). A head may look somewhere for a reason of
#    place, not of meaning (11.1 and "cat"). And a head that looks at the right token may not be needed (18.6 and Mrs.
#    Quillfeather): only switching it off tells.
#
# </details>
#
# ## To read
#
# - Vaswani et al. 2017, *Attention Is All You Need*, [1706.03762](https://arxiv.org/abs/1706.03762): sections 3.2.1 to
#   3.2.3 are this notebook.
# - Bahdanau et al. 2014, *Neural Machine Translation by Jointly Learning to Align and Translate*,
#   [1409.0473](https://arxiv.org/abs/1409.0473): attention, still inside an RNN.
# - Pascanu et al. 2013, *On the Difficulty of Training Recurrent Neural Networks*,
#   [1211.5063](https://arxiv.org/abs/1211.5063); Hochreiter & Schmidhuber 1997, *Long Short-Term Memory*;
#   Gers, Schmidhuber & Cummins 2000, *Learning to Forget: Continual Prediction with LSTM*.
# - Elhage et al. 2021, *A Mathematical Framework for Transformer Circuits*: heads as writers, and how one reads another.
#   Olsson et al. 2022, *In-context Learning and Induction Heads*, [2209.11895](https://arxiv.org/abs/2209.11895).
# - Xiao et al. 2023, *Efficient Streaming Language Models with Attention Sinks*,
#   [2309.17453](https://arxiv.org/abs/2309.17453); Sun et al. 2024, *Massive Activations in Large Language Models*,
#   [2402.17762](https://arxiv.org/abs/2402.17762): the second sink.
# - Ainslie et al. 2023, *GQA: Training Generalized Multi-Query Transformer Models from Multi-Head Checkpoints*,
#   [2305.13245](https://arxiv.org/abs/2305.13245).

# %% [markdown]
# ## How your predictions went

# %%
predictions()

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done. `llmlib check` does the same in a terminal, with the mistake that each failing check names.

# %% tags=["nbval-ignore-output"]
from llmlib.course.checking.check_notebooks import show as show_progress

show_progress()
