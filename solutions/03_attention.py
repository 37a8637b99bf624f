# %% [markdown] makes="vectors that looked back" shape="[batch, seq, d_model]"
# # 3 · Attention
#
# SmolLM2, a real language model, reads one sentence. Each small square is one *attention head*; a bright cell in it means
# that one token looks at another.
#
# ![A wall of small squares, 30 layers from left to right and nine heads from top to bottom. Most squares are bright in their left column only; some show a bright diagonal line, a few scattered cells.](attachment:mosaic.png)
#
# **You will build** the look-back, its mask, its heads, and a whole layer that you put into the real model 30 times. Then
# you experiment: find the heads that copy, switch them off beside a control, move a name from one text into another.
#
# **You need** notebooks 1 and 2, matrix product, dot product, and softmax, which turns any numbers into positive shares
# that sum to 1. Layers, heads and positions are counted from 0.
#
# **It takes** about two and a half hours. The eleven exercises are 130 minutes of them.

# %% given setup folded="Set-up: torch, and RoPE from notebook 2"
import math

import torch

from llmlib.embeddings import apply_rope

# %% folded="Set-up: the model, predictions, pictures"
from llmlib import complete, generate, pretrained
from llmlib.course.predict import predict, predictions, reveal
from llmlib.plots import attention as plots
from llmlib.plots import show

torch.set_num_threads(2)
model = pretrained.load("smollm2")
own = model.config

# %% [markdown]
# ## The real thing first
#
# Mrs. Quillfeather is made up: the model must *look up* her name in the text. Now take the looking away. Every token may
# see itself and the first token, nothing else. Section 3.7 shows why the first stays.

# %%
predict(
    "alone",
    "Each token sees only itself and the first. What is written after 'Mrs.'?",
    {
        "A": "the name all the same: it is stored in the weights",
        "B": "some other name: any name fits after 'Mrs.'",
        "C": "no name at all: it cannot even tell that a name is due",
    },
    yours="B",
)

# %%
from llmlib.demonstrations.attention import itself_and_first, only_itself

dragon = (
    "The dragon of Mrs. Quillfeather likes cake. "
    "Every morning it eats breakfast with Mrs."
)
nearly_blind = model.using(mask=itself_and_first)
said = complete(nearly_blind, dragon, 4)
print("looking back:    ", repr(complete(model, dragon, 4)))
print("not looking back:", repr(said))
a_name = any(letter.isupper() for letter in said)
reveal("alone", "A" if "Quill" in said else "B" if a_name else "C")

prompts = {
    "Once upon a time, in Los": " Angeles",
    "In 2008 the people elected Barack": " Obama",
    "The president of the United": " States",
    "The capital of France is": " Paris",
    dragon: " Qu",
}
chances = {"looking back": [], "only itself and the first": []}
for some_model, found in zip((model, nearly_blind), chances.values()):
    for prompt, word in prompts.items():
        p = some_model(model.tokenizer.encode(prompt), last=True)[0, -1].softmax(-1)
        found.append(p[model.tokenizer.encode(word)[0]].item())
asked = ["Los → Angeles", "Barack → Obama", "United → States"]
asked += ["France is → Paris", "Mrs. → Quillfeather"]
show(plots.paired(asked, chances, "probability of the next token"))

# %% [markdown] reveals="alone"
# No name: the last token is a full stop that cannot see the "Mrs" in front of it. Much of what a token knows *by itself*
# is still there: after "Los" comes "Angeles". What stands elsewhere in the text is gone. **Attention is the only place in the model
# where one token learns about another.**

# %% [markdown]
# ## 3.1 Why recurrence lost
#
# ![Left, a chain: four words, each read into a memory that hands on to the next. Right, all to all: every word has arrows straight back to all words before it.](attachment:chain.png)
#
# Before 2017 the usual reader of text was a *recurrent network* (RNN). It carries one vector of memory, $h$, from
# token to token: $h_t = \tanh(W x_t + U h_{t-1})$. Attention drops the chain.
#
# **The past must be carried.** A message from 50 steps back passes through $U$ as many times. How much would the last
# output change if an early input did? That is the input's *gradient*. Here it is for five untrained readers: a plain RNN;
# one whose $U$ is a rotation; an *LSTM*, whose *forget gate* decides how much memory to keep; one whose gate starts nearly
# open; attention.

# %%
from llmlib.demonstrations.attention import READERS, gradient_back

torch.set_num_threads(1)  # little to share in products this small
curves = {name: gradient_back(make) for name, make in READERS.items()}
torch.set_num_threads(2)
show(plots.gradients(curves))

# %% [markdown]
# Initialised as usual, the RNN and the LSTM lose what was said 50 steps ago. **Here the LSTM with its gate open carries
# the signal as evenly as attention does**: fading can be cured. In attention there is nothing to cure.
#
# <details><summary>Small print: how far the cure goes</summary>
#
# "Here" means memories of 64 numbers and 50 steps. With 16 numbers and 300 steps, the gradient of the same open LSTM
# falls several hundredfold, and that of attention stays level. What arrives through attention is not loud, either: the
# last token divides its attention among 51. The LSTM is Hochreiter & Schmidhuber's (1997), its forget gate Gers,
# Schmidhuber & Cummins' (2000).
#
# </details>
#
# **Every step must wait.** This is harder to cure: $h_t$ needs $h_{t-1}$, which needs $h_{t-2}$. Attention compares all
# pairs of tokens in one matrix product. It even does *more* multiplications:

# %%
d_model = 64
print("          multiplications           products that must wait for each other")
print("length         RNN   attention      RNN   attention")
for seq in (64, 128, 256, 512):
    pairs = 4 * seq * d_model**2 + 2 * seq**2 * d_model
    print(f"{seq:>6} {2 * seq * d_model**2:>11,} {pairs:>11,} {seq:>8} {4:>11}")

# %% [markdown]
# But only four products wait for each other, however long the text. On parallel hardware, that decides how much text a
# model can be trained on. The price: twice the text is more than twice the work.
#
# ## 3.2 From an average to attention
#
# ![Three steps from left to right, each with bars for the shares of the, cat and sat. Step 1, plain average: three equal bars. Step 2, weighted average: shares that we wrote down. Step 3, attention: shares that come from query and key, most for cat.](attachment:ladder.png)
#
# How can "sat" learn what came before it? **Step 1**: average all tokens' vectors. Nothing stands out. **Step 2**: give each
# token a share. Something stands out, but it is the same in every text. **Step 3**: let the tokens *themselves* say how large
# the shares are. For that, each token makes three vectors from its own vector $x$:
#
# - a **query** $q = W_Q x$: what am I looking for?
# - a **key** $k = W_K x$: by what can I be found?
# - a **value** $v = W_V x$: what do I hand over to those who look at me?
#
# It is a look-up in which everything matches a little. The dot product of a query and a key is their **score**; in
# notebook 2 the score was already divided. Softmax makes one query's scores into **shares**, in papers *attention
# weights*. They mix the values:
#
# $$\mathrm{attention}(q, k, v) = \mathrm{softmax}\!\left(\frac{q\,k^{T}}{\sqrt{\text{head\_dim}}}\right) v$$
#
# Here `head_dim` is how many numbers a query has; section 3.3 explains its root. Climb the steps with a pencil. Vectors
# have two numbers, and "sat" asks:

# %%
names = ["the", "cat", "sat"]
x = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-1.0, -1.0]])  # seq d_model: a row a token
w_q = torch.tensor([[1.0, 0.0], [0.0, -1.0]])
w_k = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
w_v = torch.tensor([[1.0, -1.0], [1.0, 1.0]])
q, k, v = x @ w_q.T, x @ w_k.T, x @ w_v.T  # seq head_dim, each


def mix(shares):
    """The values, each times its share, added up: one number at a time."""
    return [sum(s * float(v[j, c]) for j, s in enumerate(shares)) for c in (0, 1)]


exponentials = []
for j in range(3):  # "sat" asks, token j answers
    score = sum(float(q[2, c] * k[j, c]) for c in range(2))
    exponentials.append(math.exp(score / math.sqrt(2)))
steps = {
    "1 plain average": [1 / 3, 1 / 3, 1 / 3],
    "2 shares by hand": [0.2, 0.6, 0.2],
    "3 attention": [e / sum(exponentials) for e in exponentials],
}
for name, shares in steps.items():
    told = "  ".join(f"{word} {share:.2f}" for word, share in zip(names, shares))
    print(f"{name:<17} {told}   output {[f'{o:.2f}' for o in mix(shares)]}")

# %% [markdown]
# The query of "sat" fits the key of "cat" best. All three tokens at once:

# %%
show(plots.one_head(q, k, v, names))
outputs = torch.nn.functional.scaled_dot_product_attention(q, k, v)
show(plots.mixtures(v, outputs, names))

# %% [markdown]
# An output never leaves the triangle of values. What is mixed is $W_V x$, what each token *says*, not what it is. A head
# can look for one thing, by keys, and fetch another, by values.
#
# ## 3.3 Why √head_dim
#
# A score is a sum of head_dim products. The more products, the wilder the sum, and softmax over wild scores gives nearly
# everything to the largest. Watch random queries with ten keys each:

# %%
generator = torch.Generator().manual_seed(0)
head_dims = [4, 16, 64, 256, 1024]
deviations = {"q·k": [], "q·k / √head_dim": []}
largest = {"q·k": [], "q·k / √head_dim": []}
for head_dim in head_dims:
    queries = torch.randn(2000, 1, head_dim, generator=generator)
    keys = torch.randn(2000, 10, head_dim, generator=generator)
    raw = (queries * keys).sum(-1)  # 2000 queries, 10 scores each
    slopes = []
    for name, s in (("q·k", raw), ("q·k / √head_dim", raw / math.sqrt(head_dim))):
        top = s.softmax(-1).amax(-1)
        deviations[name].append(s.std().item())
        largest[name].append(top.mean().item())
        slopes.append((top * (1 - top)).mean().item())
    print(
        f"head_dim {head_dim:>4}: slope of the largest share {slopes[0]:.4f}, "
        f"with the division {slopes[1]:.4f}"
    )
show(plots.scaling(head_dims, deviations, largest))

# %% [markdown]
# **The spread of raw scores grows like √head_dim; after the division it stays the same.** This matters for learning: the
# slope of a share $p$ with respect to its own score is $p(1-p)$. Without the division, the largest share's slope at
# head_dim 1024 is eight or nine times smaller.
#
# <details><summary>Small print: where the root comes from</summary>
#
# The *variance* is the mean of the squared distances from the mean; its root is the *standard deviation*. If the
# entries of $q$ and $k$ are independent, with mean 0 and variance 1, each product has variance 1, and a sum of
# head_dim of them has variance head_dim. What counts is the width of the vectors that are multiplied, head_dim, 64 or
# 128 in most models, not the model's whole width d_model.
#
# </details>

# %% [markdown]
# ### Exercise 3.1 · `scaled_dot_product_attention` · ●●○ · 15 min
#
# Write attention for any number of queries and keys.
#
# - `q` `[..., seq_q, head_dim]`: one query a row
# - `k` `[..., seq_k, head_dim]`: one key a row
# - `v` `[..., seq_k, d_v]`: one value a row; usually d_v = head_dim
# - `mask` `[seq_q, seq_k]`, bool, or `None`: `True` = this query may look at this key
# - returns `[..., seq_q, d_v]`: one mixture of values for each query
#
# The dots stand for any number of leading dimensions, such as a batch and heads. `mask` may have them, too; it is broadcast
# over the scores. Where it is `False`, the score becomes $-\infty$ **before** the softmax: $e^{-\infty} = 0$, so that key
# gets no share, and the others still sum to 1.
#
# By hand, one query and two keys of four numbers:
#
#         q = [[2, 0, 0, 0]]                 v = [[4],
#         k = [[ln 3, 0, 0, 0],                   [0]]
#              [0,    0, 0, 0]]
#
#         q · k                2 ln 3     0
#         over √4              ln 3       0
#         e to that power      3          1
#         shares               3/4        1/4
#         output               3/4 · 4  + 1/4 · 0  = 3, so [[3]]
#
# With `mask = [[False, True]]` only the second key is left, and the output is `[[0]]`.
#
# Not allowed: torch's ready-made attention. `torch.softmax` is allowed; you write it in notebook 5.
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
# Four steps: scores, divided; fill where the mask forbids, if there is a mask; softmax over the keys, which are the last
# dimension; mix the values, once more a matrix product.
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
from contextlib import suppress

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
_got = None
with suppress(RuntimeError):  # k.T reverses all dimensions, and nothing fits any more
    _got = scaled_dot_product_attention(
        torch.ones(1, 2, 1, 4), torch.zeros(1, 2, 3, 4), torch.full((1, 2, 3, 1), 7.0)
    )
check.that(
    _got is not None,
    "with a batch and heads in front it raises an error: turn only the last two "
    "dimensions of k, k.transpose(-2, -1). k.T reverses all of them",
)
check.close(
    _got,
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
# Your function in every layer, and then with a common bug: it divides by √576, the model's width, in place of √64. How
# even are the shares then? Their *entropy*, $-\sum p \ln p$, is measured in *nats*. It is 0 if one token gets everything,
# and largest if all get the same.

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
    said.append(complete(model.using(attention=attention), france, 4))
    print(f"{name} entropy {spread(attention):.2f} of {math.log(5):.2f}  {said[-1]!r}")
right, wrong = said
reveal("divisor", "C" if wrong == right else "B" if "Paris" in wrong else "A")

# %% [markdown] reveals="divisor"
# It breaks. The trained weights count on scores of a certain spread. With a third of it, the shares come much closer to
# equal, and Paris is lost.

# %% [markdown]
# A trick from that cell: **give your attention the identity matrix as values, and out come the shares.**
#
# ## 3.4 No looking ahead
#
# ![Four tokens in a row. Arrows go from sat to itself and back to cat and The; the arrow to the next token is crossed out.](attachment:no_peeking.png)
#
# In training, every position predicts its next token. If it could see that token, it would copy the answer and learn
# nothing. So each token may look at itself and at what came before: the **causal mask**.
#
# Where to apply it? A forbidden share could be set to 0 *after* the softmax, or its score to $-\infty$ *before*.

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
past = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 1]]).bool()
scores = torch.tensor([[4.0, 0, -2], [0, -4, 2], [-2, 2, 0]]) / math.sqrt(2)
scores_2 = scores.clone()
scores_2[1, 2] = 3.0  # another future: what "cat" thinks of "sat"


def masked_before(scores):
    return scores.masked_fill(~past, -math.inf).softmax(-1)


def masked_after(scores):
    return scores.softmax(-1) * past


hidden = torch.where(past, 0.0, math.nan)  # drawn white
show(
    plots.grids(
        {
            "no mask": scores.softmax(-1),
            "after the softmax": masked_after(scores) + hidden,
            "before the softmax": masked_before(scores) + hidden,
        },
        names,
    )
)
moved = {}
for masked in (masked_after, masked_before):
    one, two = masked(scores)[1, :2], masked(scores_2)[1, :2]
    moved[masked] = (one - two).abs().max() > 1e-4
    told = [[f"{share:.2f}" for share in row] for row in (one, two)]
    print(
        f"{masked.__name__:<13} row of 'cat': {told[0]}, with another future: {told[1]}"
    )
still_one = (masked_after(scores).sum(-1) - 1).abs().max() < 1e-4
reveal("mask", "C" if moved[masked_after] else "A" if still_one else "B")

# %% [markdown] reveals="mask"
# Masked after the softmax, rows no longer sum to 1, except the last row. Worse, **the numbers that are left still depend
# on the future**: each was divided by a sum that counts the future scores. You will test for it.

# %% [markdown]
# ### Exercise 3.2 · `causal_mask` · ●○○ · 10 min
#
# Write the mask of a text of `seq` tokens: bool, `[seq, seq]`, row = who looks, column = at whom, `True` = may look.
#
# When a model writes, it keeps the keys and values of earlier tokens: the rows are only the *new* tokens, the columns *all*
# tokens. `start` says how many came before. Row *i* is then the token at position `start + i`, and the mask has shape
# `[seq, start + seq]`.
#
# By hand: `causal_mask(3)` and `causal_mask(2, start=3)` are
#
#         T F F        T T T T F
#         T T F        T T T T T
#         T T T
#
# Everything in torch is allowed, here and wherever a statement forbids nothing.
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
# ### Experiment 3.3 · `looks_ahead` · ●●○ · 15 min
#
# Write the measurement that exposes an attention which peeks, from its outputs alone. Change the input at one position,
# `changed`, and run again. In an honest attention only outputs **at that position and after it** can move. If one
# *before* it moved, that position has seen the future.
#
# `before` and `after` are the outputs of the two runs, `[seq, head_dim]` each. Return the list of positions smaller
# than `changed`, as ints and in order, whose output moved: by more than `1e-5` in at least one column. Smaller
# differences are rounding. An empty list means that nobody peeked.
#
# By hand, with `changed = 2`, the answer is `[1]`:
#
#         before        after
#         0.50  1.00    0.50  1.00      position 0: the same
#         0.20  0.30    0.20  0.10      position 1: moved: it peeked
#         0.70  0.40    0.90  0.80      position 2: may move
#         0.10  0.60    0.30  0.20      position 3: may move
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
# A list comprehension over the positions before `changed`, with a condition.
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
    _peeked(_still, _still, 2),
    [],
    "nothing has moved at all, and yet you list a position: compare the outputs that "
    "are given",
)
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
# One of these attentions is honest.


# %%
def suspect_a(q, k, v):
    return scaled_dot_product_attention(q, k, v, causal_mask(len(q)))


def suspect_b(q, k, v):
    return scaled_dot_product_attention(q, k, torch.eye(len(k))).tril() @ v


def suspect_c(q, k, v):
    return scaled_dot_product_attention(q, k, v, causal_mask(len(q), 1)[:, : len(q)])


def suspect_d(q, k, v):
    return scaled_dot_product_attention(q, k, v)


generator = torch.Generator().manual_seed(1)
text, other = torch.randn(2, 6, 8, generator=generator)  # serves as q, k and v
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
# Suspect A is honest. B masks after the softmax, C is off by one, D has no mask. Your test works on whole models, too. The
# next cell takes SmolLM2's mask away, tests the model with and without it, and lets the one without *write*.

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
unmasked = model.using(mask=lambda seq, start=0: torch.ones(seq, start + seq).bool())
print("the same without its mask:                      peeked at by", end=" ")
print(looks_ahead(unmasked(ids)[0], unmasked(edited)[0], 4))
text = complete(unmasked, france, 5)
print("without its mask it writes:", repr(text))
reveal("blind", "A" if "Paris" in text else "B")

# %% [markdown] reveals="blind"
# The *last* token has no future. All the others do. Let them see it, and a layer turns them into other vectors than those
# of training; in the next layer the last token looks at these. So the mask is needed in writing as well.

# %% [markdown]
# ## 3.5 Heads
#
# ![x, of shape seq by d_model, is multiplied by W_Q, W_K and W_V; the products are cut into heads; each head attends alone; the results stand side by side and are multiplied by W_O, which gives seq by d_model again.](attachment:heads.png)
#
# To fetch one thing from the subject *and* another from the previous word, a token needs two mixtures. So a layer has
# several **heads**. Every head reads the whole vector $x$. What is cut into pieces is the queries, keys and values:
# SmolLM2's queries have 576 numbers, nine heads of 64.
#
# The first head_dim rows of $W_Q$ belong to the first head, and so on. The results are set side by side and multiplied by
# one more learned matrix, the **output projection** $W_O$.

# %% [markdown]
# ### Exercise 3.4 · `split_heads` · ●●○ · 10 min
#
# Cut the columns of `x` into `n_head` heads: `[batch, seq, n_head * head_dim]` → `[batch, n_head, seq, head_dim]`. Head 0
# gets the first `head_dim` columns, head 1 the next, and so on. Heads stand *before* positions, so that your attention
# treats them like one more batch dimension.
#
# By hand: one text of 2 tokens with 4 columns, cut into 2 heads:
#
#         x[0] = 1 2 3 4     head 0 = 1 2     head 1 = 3 4
#                5 6 7 8              5 6              7 8
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
# `.view` or `.reshape` with four sizes does the first step: which are they, if `n_head` is given and the width is that of
# `x`? `.transpose` does the second.
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
# head_dim]`. Head 0's columns come first.
#
# By hand, the example of 3.4 backwards:
#
#         head 0 = 1 2     head 1 = 3 4     gives     1 2 3 4
#                  5 6              7 8               5 6 7 8
#
# <details><summary>Hint 1</summary>
#
# Undo the two steps of `split_heads` in reverse order: swap, then join the last two dimensions.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `.flatten` with one number joins all dimensions from there on. If you prefer a reshape: torch refuses `.view` on a transposed tensor,
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
# Four of your functions make a complete multi-head attention. torch has a ready-made one. Do they agree?

# %%
from llmlib.demonstrations.attention import difference_from_torch

apart = difference_from_torch(
    split_heads, scaled_dot_product_attention, causal_mask, merge_heads
)
print("equal within a millionth:", apart < 1e-6)

# %% [markdown]
# ### Do heads hand on what they look at?
#
# The columns of $W_O$ belong to heads, too. So "side by side, then project" is the same as **each head writing a vector of
# its own, and all of them added up** (Elhage et al. 2021). If a head handed on what it looks at, its write would point the
# same way. The control is a head made to copy: whatever lies in 64 random directions, it writes unchanged.

# %%
from llmlib.demonstrations.attention import copying, heads, made_to_copy

cat = model.tokenizer.encode("The cat sat on the mat")
garden = "The old woman planted a small tree in the garden behind her house last spring"
found = heads(model, model.tokenizer.encode(garden))
cosines = copying(found)[:, :, 1:]  # all but the first token, which sees itself alone
print(f"mean size over all heads and tokens {cosines.abs().mean():.2f}")
show(plots.cosines(cosines.flatten(), made_to_copy(found)))

# %% [markdown]
# **Most heads write something other than what they look at.** A few do copy, and fewer write the opposite.
#
# ## 3.6 Grouped queries
#
# ![Three drawings of nine query heads: each with a key/value head of its own, three groups of three sharing one each, and all nine on a single one.](attachment:grouped.png)
#
# While a model writes, it keeps the keys and values of every token it has seen. For a long text they would take more memory
# than the model itself. So several query heads can **share** one head of keys and values: *grouped-query attention*
# (Ainslie et al. 2023).

# %%
from llmlib.kv_cache import cache_bytes

for n_kv_head in (9, 3, 1):
    each = cache_bytes(own.n_layer, n_kv_head, own.head_dim, seq=1)
    full = each * own.context / 2**20
    print(
        f"{n_kv_head} key/value heads: {each:>7,} bytes a token in float32, "
        f"{full:>6,.0f} MiB for {own.context:,} tokens"
    )
itself = (model.folder / "model.safetensors").stat().st_size / 2**20
print(f"the model itself, in float32 as well: {itself:,.0f} MiB")

# %% [markdown]
# Your function will *copy* keys for the matrix product. What is **kept** in memory is still three heads.

# %% [markdown]
# ### Exercise 3.6 · `repeat_kv` · ●○○ · 5 min
#
# `x` holds keys (or values), `[batch, n_kv_head, seq, head_dim]`. Repeat each head `n_rep` times, copies **next to
# each other**: `[batch, n_kv_head * n_rep, seq, head_dim]`. Then every query head finds its partner at its own number.
#
# By hand: key heads `A B C` and `n_rep = 3` give `A A A B B B C C C`.
#
# <details><summary>Hint 1</summary>
#
# `x.repeat(1, 3, 1, 1)` gives `A B C A B C A B C`: query head 1 would be paired with `B`, which was never trained to
# answer it. torch has another method whose name says that the copies stay together.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Its name begins with `repeat_`, and it wants to know which dimension.
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
# The first three query heads share their keys. Do they look at the same places? The row of "sat" in layer 11:

# %%
shares = heads(model, cat).shares  # n_layer n_head seq seq
for head in range(3):
    told = (f"{w} {s:.2f}" for w, s in zip(("The", "cat", "sat"), shares[11, head, 2]))
    print(f"layer 11, head {head}:", "  ".join(told))

# %% [markdown]
# The same keys, different queries, different answers.
#
# <details><summary>Small print: how often the three agree</summary>
#
# In 65 of the model's 90 groups, all three heads give "The" the most, for a reason that section 3.7 tells. Heads that
# share no keys agree as often (63 of 90).
#
# </details>

# %% [markdown]
# ### Exercise 3.7 · `attend` · ●●● · 20 min
#
# Write the whole layer, from the vectors that attention receives to what it writes.
#
# - `x` `[batch, seq, d_model]`: one row a token
# - `w_q` `[n_head * head_dim, d_model]`: as `torch.nn.Linear` stores it, so multiply by the transpose
# - `w_k`, `w_v` `[n_kv_head * head_dim, d_model]`: fewer heads: grouped queries
# - `w_o` `[d_model, n_head * head_dim]`: stored the same way
# - `n_head`, `n_kv_head` whole numbers: n_kv_head divides n_head
# - `theta` a number: RoPE's base: hand it on to `apply_rope`
# - returns `[batch, seq, d_model]`: one row a token
#
# Attention is causal, and positions count from 0. **Queries and keys** are turned by RoPE, head by head; values are not.
# `apply_rope(x, positions, theta)` from notebook 2 takes `x` `[..., seq, head_dim]` and `positions` `[seq]`.
#
# By hand: a single token gives itself the whole share, and at the first position RoPE changes nothing. Two query heads
# share one key/value head of two columns:
#
#         x = [[[3, 5]]]      w_v = [[1, 0],      w_o = [[1, 0, 1,  0],
#                                    [0, 1]]             [0, 1, 0, -1]]
#
#         both heads read     3  5
#         side by side        3  5  3  5
#         times w_o           3 + 3 = 6,  5 - 5 = 0:  [[[6, 0]]]
#
# Not allowed: torch's ready-made attention. Use your own functions.
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
# Nine lines at most, and all of them yours already. If shapes do not fit, print them after each step: the batch stays in
# front, heads come second, and at the end there are `d_model` columns again.
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
try:
    _got = attend(torch.tensor([[[3.0, 5.0]]]), *_one, 2, 1)
except RuntimeError as _error:
    check.that(
        not any(name in str(_error) for name in ("mat1", "batch2", "size of tensor")),
        "torch cannot multiply these shapes: all four weights are stored [columns out, "
        "columns in], so multiply by the transpose, x @ w_q.T and in the end @ w_o.T",
    )
    raise
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
# Your layer takes the place of the engine's, 30 times. *Logits* are what the model says before a token is sampled: one
# number for every token of its vocabulary.

# %%
from llmlib.demonstrations.attention import with_layer

ids = model.tokenizer.encode(france)
mine = with_layer(model, attend)
print("every logit within 0.0002:", bool((mine(ids) - model(ids)).abs().max() < 2e-4))
print(repr(complete(mine, france, 4, use_cache=False)))

# %% [markdown]
# ## 3.7 Where the real model looks
#
# Where does "sat" look in "The cat sat on the mat"? The mean over all 270 heads:

# %%
from llmlib.attention import attention_maps

words = [model.tokenizer.decode([i]) for i in cat]
mean_row = shares[:, :, 2].mean(dim=(0, 1))
show(
    plots.row(
        words, mean_row.tolist(), "Where “sat” looks: mean of 270 heads", future=3
    )
)
by_cat = shares[:, :, 2, 1].flatten()
for index in by_cat.topk(4).indices.tolist():
    layer, head = divmod(index, 9)
    told = (f"{w.strip()} {s:.2f}" for w, s in zip(words, shares[layer, head, 2, :3]))
    print(f"layer {layer:>2} head {head}:", "  ".join(told))

# %% [markdown]
# Most of the attention goes to "The". What does the article have to do with sitting? Single heads do look at "cat" with
# nearly all they have; the mean hides them.
#
# ### The sink
#
# Softmax must spend 100 %, even when a head finds nothing that it looks for. Xiao et al. (2023) saw much of it go to the first
# token, an **attention sink**. Three texts, one of them nonsense:

# %%
curves = {}
for sentence in (
    "The cat sat on the mat",
    "Two dogs ran in a park",
    "mat the on sat cat The",
):
    maps = attention_maps(model, model.tokenizer.encode(sentence))
    curves[sentence] = maps[:, :, 2:, 0].mean(dim=(1, 2))  # from position 2 on
show(plots.by_layer(curves, "mean share on the first token"))

# %% [markdown]
# **In these short texts, about two thirds of all attention goes to the first token**, counted from the third token on.
# Equal shares would give it a quarter. In layers 3 to 8, "The cat sat on the mat" gives it less. Where does the rest go?

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
):
    ids = model.tokenizer.encode(sentence)
    row = attention_maps(model, ids)[3:9, :, -1].mean(dim=(0, 1))
    rows.append(row)
    told = (f"{model.tokenizer.decode([i])} {s:.2f}" for i, s in zip(ids, row))
    print("last token, layers 3 to 8:", "  ".join(told))
reveal("second", "ABCD"[rows[0][1:5].argmax()])
lengths = heads(model, cat).value_lengths[3:9].mean(dim=(0, 1))  # seq
told = (f"{w.strip()} {length:.1f}" for w, length in zip(words, lengths))
print("mean length of the values, layers 3 to 8:", "  ".join(told))

# %% [markdown] reveals="second"
# There is a **second sink**: " the", at position 4, gets even more than the first token. Put " my" in its place, and the
# first token has nearly everything. Looking at a sink adds little: the values of both are less than a fifth as long as the
# others. **A large share is not yet influence**: it is share times value that counts.

# %% [markdown]
# ### Every token a first token
#
# At the top, every token could see itself *and the first*. What if it sees only itself? Then nothing comes before it, as
# before a first token. Watch the length of each token's vector after layer 11, under three masks:

# %%
ids = model.tokenizer.encode(garden)
masks = {
    "all of the past": causal_mask,
    "itself and the first": itself_and_first,
    "only itself": only_itself,
}
curves = {}
for name, mask in masks.items():
    masked = model.using(mask=mask)
    curves[name] = heads(masked, ids).stream[11].norm(dim=-1)
    written = (complete(masked, prompt, 1) for prompt in list(prompts)[:3])
    print(f"{name:<21}", *(f"{text!r:<12}" for text in written))
show(plots.lengths(curves))

# %% [markdown]
# **Seeing only itself, every token becomes a sink**: a vector as long as the first token's, and the same "-" after every
# text. So this mask does more than take the looking away. The control is the opening's mask: one more token to look at,
# and the model knows "Angeles" again.
#
# ## 3.8 Copying, taken apart
#
# ![Six boxes in a row: A, B, C, dots, A again, and a question mark. First arrow: an early head writes into B the note "I come after A". Second arrow: a later head at the second A asks who comes after A, and finds B. Third arrow: it says B again.](attachment:induction.png)
#
# Give the model random tokens, **twice in a row**. There is no meaning in it: whatever a head does, it does by rule. The
# rule to look for is **induction** (Olsson et al. 2022): in `A B C … A`, the second A looks at B, the token that
# *followed* the first A, and says "B again". Who looks, who notes, who says?

# %% [markdown]
# ### Experiment 3.8 · `induction_score` · ●●○ · 10 min
#
# Write the measurement. `maps` holds every head's shares on a text of `2 * half` tokens whose second half repeats the
# first: `[n_layer, n_head, 2 * half, 2 * half]`, row = who looks, column = whom it looks at. For each head, return the
# mean share with which a token of the second half looks at the token **after** its first occurrence: `[n_layer, n_head]`.
#
# By hand: with `half = 2` the text is `A B A B`. A head whose last two rows are these scores 0.65:
#
#         looks at          A    B    A    B
#         position          0    1    2    3
#
#         row 2, A:        0.1  0.7  0.2  0.0      A should look at 1:  0.7
#         row 3, B:        0.1  0.1  0.6  0.2      B should look at 2:  0.6
#                                                  mean:                0.65
#
# <details><summary>Hint 1</summary>
#
# Which positions make up the second half? For a token at position *i* there, where is its first occurrence, and where
# the token after that?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Position *i* should look at *i − half + 1*. Which *i* are there, and by how many do you divide?
#
# </details>
# <details><summary>Hint 3</summary>
#
# Without a loop: index rows and columns with two tensors of positions at once, and take the mean over the last
# dimension.
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
check.that(
    abs(_got[0, 0] - 1) > 1e-4,
    "this counts the tokens that look most, or more than half, at the right place: a "
    "score of 1 for shares of 0.7 and 0.6. Take the mean of the shares themselves",
)
check.close(
    induction_score(torch.zeros(1, 1, 10, 10), 5),
    torch.zeros(1, 1),
    "a head without any share has a score: measure the maps that are given",
    atol=1e-4,
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
check.that(
    abs(_got[0, 0] - 0.7) > 1e-4,
    "the token that looks best stands for all: take the mean over the second half",
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
# ### See: who looks
#
# Your score for all 270 heads, beside the mean share on the token right before, and on the first token:

# %%
from llmlib.demonstrations.attention import repeated

half = 25
texts = repeated()  # 2 texts of 50 tokens
both = [attention_maps(model, text) for text in texts]
induction = sum(induction_score(m, half) for m in both) / 2
previous = sum(m.diagonal(-1, -2, -1)[:, :, 1:].mean(-1) for m in both) / 2
first = sum(m[:, :, 1:, 0].mean(-1) for m in both) / 2
scores_of = {
    "previous token": previous,
    "first token (sink)": first,
    "induction": induction,
}
show(plots.head_maps(scores_of))


def best(scores, n=5):
    return [divmod(i, 9) for i in scores.flatten().topk(n).indices.tolist()]


for name, found in scores_of.items():
    told = (f"{n}.{h} ({found[n, h]:.2f})" for n, h in best(found))
    print(f"{name:<18} {int((found > 0.5).sum()):>3} above 0.5; best:", *told)

# %% [markdown]
# Here 16.0 means layer 16, head 0. Three of the four heads that gave "cat" most are the best *previous-token* heads: they
# looked at "cat" because it stands before "sat", not because cats sit. One sentence is an anecdote.
#
# Does the model *use* these heads? Find out as a physiologist would: take a part out, and see what no longer works.

# %% [markdown]
# ### Experiment 3.9 · `replace_heads` · ●●○ · 15 min
#
# Write the intervention: put something else in the place of what some heads of a layer computed.
#
# - `z` `[batch, n_head, seq, head_dim]`: what each head computed, its mixtures of values, before $W_O$
# - `heads` list of ints: the heads to replace; perhaps none
# - `by` `"zero"`, `"mean"`, or a tensor shaped like `z`: see below
# - returns like `z`: all other heads exactly as they were; `z` itself must stay unchanged
#
# What to put there:
#
# - `"zero"`: the head says nothing, *zero ablation*.
# - `"mean"`: at every position the head says its mean over the positions of the same text, *mean ablation*. What differs
#   from place to place is gone.
# - a tensor: the head says what the *same head* computed in another run, *activation patching*.
#
# By hand: two heads, two positions, one column, and `heads = [1]`. In the other run head 1 said 2 and 6.
#
#                     z       "zero"    "mean"    the other run
#         head 0:   1, 3      1, 3      1, 3      1, 3
#         head 1:   5, 9      0, 0      7, 7      2, 6
#
# <details><summary>Hint 1</summary>
#
# First make one tensor, shaped like `z`, of what *all* heads would say if all were replaced. Then take from it only
# those that are asked for.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The mean runs over positions, so find the dimension of `seq`. `keepdim=True` keeps a 1 in its place, and a 1 stretches
# over all positions. An assignment such as `copy[:, heads] = …` changes several heads at once, on a copy.
#
# </details>


# %% solution replace_heads
def replace_heads(z, heads, by):
    """What some heads of a layer computed, replaced: z [batch, n_head, seq, head_dim]
    -> like z.

    by: "zero", "mean" (of the same text and head, over positions), or a tensor like z,
    from another run. The other heads stay as they are, and so does z itself.
    """
    ### BEGIN SOLUTION
    if isinstance(by, torch.Tensor):
        new = by
    elif by == "mean":
        new = z.mean(dim=-2, keepdim=True).expand_as(z)
    else:
        new = torch.zeros_like(z)
    replaced = z.clone()
    replaced[:, heads] = new[:, heads]
    return replaced
    ### END SOLUTION


# %% test replace_heads points=3
import torch

from llmlib.course import check

_z = torch.tensor([[[[1.0], [3.0]], [[5.0], [9.0]]]])  # 1 text, 2 heads, 2 positions
_run = torch.tensor([[[[4.0], [4.0]], [[2.0], [6.0]]]])
_given = _z.clone()
_got = replace_heads(_given, [1], "zero")
check.that(_got is not None, "replace_heads gave back None: is there a return?")
check.that(
    isinstance(_got, torch.Tensor) and tuple(_got.shape) == (1, 2, 2, 1),
    "return one tensor of the shape of z: replaced heads stay in their place",
)
check.that(
    torch.equal(_given, _z),
    "z was changed: the next run would start from a damaged one. Work on a copy, "
    "z.clone()",
)
check.that(
    _got[0, 0].abs().sum() > 0,
    "head 0 was replaced, too: only the heads in the list are, all others stay",
)
check.that(
    not torch.equal(_got, _z), "nothing was replaced: heads are dimension 1 of z"
)
check.equal(
    _got[0, 1].flatten().tolist(), [0.0, 0.0], '"zero": head 1 says 0 at every position'
)
check.equal(
    _got[0, 0].flatten().tolist(),
    [1.0, 3.0],
    "head 0 is not in the list: it must stay exactly as it was",
)
_g = torch.Generator().manual_seed(390)
_wide, _other = (torch.randn(2, 3, 5, 4, generator=_g) for _ in range(2))
check.equal(
    replace_heads(_wide.clone(), [], "mean"),
    _wide,
    "with no heads in the list nothing changes: an empty intervention is none",
)
_got = replace_heads(_wide.clone(), [2], "mean")
check.equal(
    _got[:, :2],
    _wide[:, :2],
    '"mean" of head 2: heads 0 and 1 must stay exactly as they were',
)


def _is(new):
    return torch.allclose(_got[:, 2].float(), new.expand(2, 5, 4), atol=1e-5)


check.that(
    not _is(_wide[:, 2].mean(dim=-1, keepdim=True)),
    "the mean runs over the columns of a head: it must run over positions, each "
    "column for itself",
)
check.that(
    not _is(_wide.mean(dim=1)),
    "the mean runs over the heads: it is the head's own mean, over positions",
)
check.that(
    not _is(_wide[:, 2].mean(dim=0)),
    "the mean runs over the texts of the batch: it is each text's own, over positions",
)
check.that(
    not _is(_wide[:, 2].mean(dim=(0, 1))),
    "the mean runs over positions and texts at once: each text has a mean of its own",
)
check.that(
    not _is(_wide[:, 2].mean(dim=(-2, -1), keepdim=True)),
    "the mean runs over positions and columns at once: each column has its own",
)
check.that(
    not _is(_wide.mean(dim=(1, 2))[:, None]),
    "the mean runs over all heads and positions: it is the head's own mean",
)
check.close(
    _got[:, 2],
    _wide[:, 2].mean(dim=1, keepdim=True).expand(2, 5, 4),
    '"mean": at every position the head says its mean over the positions of the same '
    "text",
    atol=1e-5,
)
check.equal(
    replace_heads(_z.clone(), [1], "mean").flatten().tolist(),
    [1.0, 3.0, 7.0, 7.0],
    "the example by hand: head 1 says 7 at both positions, the mean of 5 and 9",
)
_kept = _run.clone()
check.equal(
    replace_heads(_z.clone(), [1], _kept).flatten().tolist(),
    [1.0, 3.0, 2.0, 6.0],
    "by a tensor: head 1 says what head 1 said in the other run, head 0 stays",
)
check.that(
    torch.equal(_kept, _run), "the other run was changed: it is only there to be read"
)
check.equal(
    replace_heads(_wide.clone(), [0, 1, 2], _other),
    _other,
    "with all three heads taken from the other run, not the first of the list alone, "
    "the result is that run",
)
check.equal(
    replace_heads(_wide.clone(), [0, 2], _other),
    torch.stack([_other[:, 0], _wide[:, 1], _other[:, 2]], dim=1),
    "heads 0 and 2 are replaced, head 1 is not: heads is a list, not a range",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(1390)
for _batch, _n, _seq, _d, _heads in (
    (1, 9, 6, 8, [7]),
    (3, 4, 2, 5, [3, 0]),
    (2, 2, 7, 2, [0, 1]),
    (2, 5, 1, 3, [4]),
    (4, 4, 4, 4, [1, 2]),
):
    _z, _run = (torch.randn(_batch, _n, _seq, _d, generator=_g) for _ in range(2))
    _mean = _z.mean(dim=2, keepdim=True).expand_as(_z)
    for _by, _new in (("zero", 0 * _z), ("mean", _mean), (_run.clone(), _run)):
        _got = replace_heads(_z.clone(), _heads, _by)
        for _h in range(_n):
            _want = (_new if _h in _heads else _z)[:, _h]
            _name = _by if isinstance(_by, str) else "a tensor"
            check.close(
                _got[:, _h],
                _want,
                f"heads {_heads} of {_n} replaced by {_name}: head {_h} is not what it "
                "should be",
                atol=1e-5,
            )
### END HIDDEN TESTS

# %% [markdown]
# ### Experiment 3.10 · `control_heads` · ●●○ · 15 min
#
# Taking a head out does damage. Would *any* head have done as much? Write the choice of the control: other heads of the
# same layer, about as loud.
#
# - `targets` list of `(layer, head)`: the heads in question
# - `sizes` `[n_layer, n_head]`: how loud each head is: the mean length of what it writes
# - returns list of `(layer, head)`: one control for each target, in the order of the targets
#
# For each target, in order, choose the head of its layer whose size is **nearest**. A control is never one
# of the targets, and no head is chosen twice. Of two that are equally near, take the lower number.
#
# By hand, one layer of four heads:
#
#         head     0    1    2    3
#         size    4.0  9.0  5.0  8.0
#
#         targets              controls
#         [(0, 0)]             [(0, 2)]            5 is nearest to 4
#         [(0, 0), (0, 2)]     [(0, 3), (0, 1)]    5 is a target: 8 is nearest to 4;
#                                                  8 is taken: 9 is what is left for 5
#
# <details><summary>Hint 1</summary>
#
# A loop over the targets. In each round, first list the heads that may be chosen, then find the nearest of them.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Python's `min` takes a `key`, a function that says what is to be smallest, and of equals it keeps the first. What is the
# distance of two sizes, if the other head may be louder or not?
#
# </details>


# %% solution control_heads
def control_heads(targets, sizes):
    """A matched control for an ablation: targets, a list of (layer, head); sizes
    [n_layer, n_head] -> for each target another head of its layer, the nearest in size.

    No control is a target, and none is chosen twice; of equally near ones the lower
    number.
    """
    ### BEGIN SOLUTION
    chosen = []
    for layer, head in targets:
        free = [
            (layer, other)
            for other in range(len(sizes[layer]))
            if (layer, other) not in [*targets, *chosen]
        ]
        near = [abs(float(sizes[at] - sizes[layer, head])) for at in free]
        chosen.append(free[near.index(min(near))])
    return chosen
    ### END SOLUTION


# %% test control_heads points=3
import torch

from llmlib.course import check


def _chosen(targets, sizes):
    """What control_heads chooses, as pairs of whole numbers."""
    found = control_heads(list(targets), sizes.clone())
    check.that(found is not None, "control_heads gave back None: is there a return?")
    check.that(
        isinstance(found, (list, tuple))
        and all(isinstance(each, (list, tuple)) and len(each) == 2 for each in found),
        "return a list of pairs (layer, head), such as [(0, 2)]",
    )
    return [tuple(int(number) for number in each) for each in found]


_one = torch.tensor([[4.0, 9.0, 5.0, 8.0]])
_got = _chosen([(0, 0)], _one)
check.equal(len(_got), 1, "one target has one control")
check.that(
    _got != [(0, 0)],
    "the control is the target itself: it would do the same damage, whatever is true",
)
check.equal(
    _got, [(0, 2)], "the example by hand: of 9, 5 and 8, nearest to 4 is 5, head 2"
)
check.that(
    _chosen([(0, 0)], torch.tensor([[4.0, 5.0, 9.0, 8.0]])) != _got,
    "5 is now the size of head 1, and the choice is still head 2: look at the sizes "
    "that are given",
)
_two = torch.tensor([[4.0, 9.0, 5.5, 8.0], [1.0, 6.0, 4.1, 3.0]])
_got = _chosen([(0, 0)], _two)
check.that(
    _got != [(1, 2)],
    "the control comes from another layer: one that is as loud, but does not sit at "
    "the same place. Choose from the target's own layer",
)
check.equal(_got, [(0, 2)], "the target's own layer is layer 0")
check.equal(
    _chosen([(1, 1)], _two), [(1, 2)], "in layer 1, nearest to 6 is 4.1, head 2"
)
_got = _chosen([(0, 0)], torch.tensor([[4.0, 3.0, 5.5, 8.0]]))
check.equal(
    _got, [(0, 1)], "nearest to 4 is 3: a control may also be quieter than its target"
)
check.equal(
    _chosen([(0, 0)], torch.tensor([[6.0, 3.0, 10.0]])),
    [(0, 1)],
    "3 is 3 away from 6, and 10 is 4 away: nearest is by the difference of the sizes, "
    "not by their ratio",
)
_got = _chosen([(0, 1)], torch.tensor([[3.5, 4.0, 9.0, 0.5]]))
check.that(
    _got != [(0, 2)],
    "the loudest other head is no match for a quiet target: choose the nearest in size",
)
check.equal(_got, [(0, 0)], "nearest to 4 is 3.5, head 0")
_got = _chosen([(0, 0), (0, 2)], _one)
check.equal(len(_got), 2, "two targets have two controls, one each")
check.that(
    not set(_got) & {(0, 0), (0, 2)},
    "a control is one of the other targets: that head is in question, too. Leave out "
    "all targets",
)
check.that(
    _got[0] != _got[1], "one head is the control of two targets: choose none twice"
)
check.that(
    _got != [(0, 1), (0, 3)],
    "the right heads in the wrong order: the first control belongs to the first target",
)
check.equal(
    _got,
    [(0, 3), (0, 1)],
    "the example by hand: nearest to 4 is 8, head 3; nearest to 5 of those left is 9, "
    "head 1",
)
check.equal(
    _chosen([(0, 1)], torch.tensor([[2.0, 3.0, 4.0]])),
    [(0, 0)],
    "2 and 4 are equally near to 3: take the lower number, head 0",
)
check.equal(_chosen([], _one), [], "no target has no control: an empty list")
check.equal(
    _chosen([(1, 1)], torch.tensor([[1.0, 2, 3], [4, 5, 7]])),
    [(1, 0)],
    "the same call gives the same choice: nothing is drawn, nothing is kept",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(1310)
for _targets in (
    [(2, 3)],
    [(0, 0), (1, 5), (2, 8)],
    [(1, 1), (1, 4), (1, 7)],
    [(2, 0), (0, 6), (2, 5), (2, 1)],
):
    _sizes = 10 * torch.rand(3, 9, generator=_g)
    _want = []
    for _layer, _head in _targets:
        _far = (_sizes[_layer] - _sizes[_layer, _head]).abs()
        for _at, _taken in [*_targets, *_want]:
            if _at == _layer:
                _far[_taken] = float("inf")
        _want.append((_layer, int(_far.argmin())))
    check.equal(
        _chosen(_targets, _sizes),
        _want,
        f"targets {_targets} of 3 layers with 9 heads: for each, in order, the head of "
        "its layer that is nearest in size, no target, none twice",
    )
### END HIDDEN TESTS

# %% [markdown]
# ### See: who is needed
#
# Switch heads off and look at the loss, $-\ln p$ of the token that really comes next, in nats.

# %%
predict(
    "ablation",
    "The loss on the repetition is about 3, and guessing costs 10.8. What is it once "
    "one head of the 270, 16.0, is switched off?",
    yours=4.0,
)

# %%
from llmlib.demonstrations.attention import repetition_loss, replaced, write_sizes

sizes = write_sizes(model, texts)


def loss(heads, by="zero"):
    some_model = replaced(model, replace_heads, heads, by) if heads else model
    return repetition_loss(some_model, texts)[half:].mean().item()


sets = {
    "5 induction heads": best(induction),
    "5 previous-token heads": best(previous),
    "16.0 alone": [(16, 0)],
}
off = {"nothing": loss([])}
for name, targets in sets.items():
    controls = control_heads(targets, sizes)
    off[name], off[f"control of {name}"] = loss(targets), loss(controls)
    print(f"{name:<23} control:", *(f"{n}.{h}" for n, h in controls))
off["the 8 others of layer 16"] = loss([(16, head) for head in range(1, 9)])
show(plots.ablation(off, chance=math.log(own.vocab_size)))
mean_16 = loss([(16, 0)], by="mean")
print(f"16.0 replaced by its mean: {mean_16:.1f}; nothing off: {off['nothing']:.1f}")
reveal("ablation", off["16.0 alone"], within=1)

# %% [markdown] reveals="ablation"
# **One head of 270, 16.0, takes most of the copying with it.** Its control costs next to nothing, the other eight heads of
# its layer *together* little. Both sets of five cost far more than their controls, too.

# %% [markdown]
# <details><summary>Small print: other controls, other texts</summary>
#
# On four pairs of random texts the five induction heads cost 4.5 to 5.7 nats, their control 1.6 to 2.2; the five
# previous-token heads 6.4 to 8.1, their control 0.3 to 1.0; 16.0 costs 4.3 to 5.8, the eight others together 0.5 to
# 1.1. No head of layer 16 writes as loudly as 16.0, so its control is quieter; that is what the eight are for. Five heads
# drawn blindly from the layers of the previous-token heads can cost up to 6 nats. Replacing heads by their mean in place of 0 gives the same picture.
#
# </details>
#
# ### See: who reads whose note
#
# Why should copying depend on a previous-token head? The drawing has an answer: 16.0 writes "I come after A", and induction
# heads look for that note. If so, switching 16.0 off must change where *they* look.

# %%
predict(
    "blinded",
    "18.6 looks at the right token with 0.90. With 16.0 switched off, its score is …?",
    yours=0.5,
)

# %%
from llmlib.demonstrations.attention import maps_of

five = best(induction)
print("switched off      induction score of " + "   ".join(f"{n}.{h}" for n, h in five))
scores = {"nothing": induction}
for name, off_heads in (
    ("the control of 16.0", control_heads([(16, 0)], sizes)),
    ("11.1", [(11, 1)]),
    ("16.0", [(16, 0)]),
):
    maps = maps_of(
        model, replace_heads, off_heads, texts
    )  # text n_layer n_head seq seq
    scores[name] = sum(induction_score(m, half) for m in maps) / len(texts)
for name, found in scores.items():
    print(f"{name:<36}", "   ".join(f"{found[n, h]:.2f}" for n, h in five))
alike = causal_mask(2 * half) / torch.arange(1, 2 * half + 1)[:, None]
print(f"{'a head with equal shares for all':<36}", end=" ")
print(f"{induction_score(alike[None, None], half).item():.2f}")
reveal("blinded", round(found[18, 6].item(), 2), within=0.15)

# %% [markdown] reveals="blinded"
# **Without 16.0 the induction heads are blind**: the three of layer 17 look no better than by chance, and the two others
# lose half of their aim or more. Its control changes next to nothing, and neither does 11.1, another previous-token head.

# %% [markdown]
# Where do they read that note: in their queries, or in their keys? Take what 16.0 wrote out of one of the two, from layer
# 17 on, and leave all else as it is.

# %%
predict(
    "mark",
    "The induction scores collapse when the note is missing from …",
    {
        "A": "the queries: they look for it",
        "B": "the keys: they carry it",
        "C": "either of the two",
    },
    yours="A",
)

# %%
from llmlib.demonstrations.attention import maps_without

gone = []
for part, head in (("q", 0), ("k", 0), ("k", 2)):
    maps = maps_without(model, texts, layer=16, head=head, part=part)
    found = sum(induction_score(m, half) for m in maps) / len(texts)
    gone.append(found[18, 6].item() < 0.3)
    name = f"16.{head}'s note missing from the {'queries' if part == 'q' else 'keys'}"
    print(f"{name:<37}", "   ".join(f"{found[n, h]:.2f}" for n, h in five))
reveal("mark", {(True, False): "A", (False, True): "B"}.get(tuple(gone[:2]), "C"))

# %% [markdown] reveals="mark"
# **The keys carry the note.** Without it the induction scores fall to nothing; without 16.2's, little changes. The queries
# lose little: they ask for the token at their own place. Papers call this *K-composition*.

# %% [markdown]
# ### See: who says it
#
# What a copying head *writes* must make B likelier. Read each head's write through the last norm and the embedding
# table: how much does it raise each token's logit? These *votes* form a table like the shares, row = who writes, column = for which token.
# So your `induction_score` measures them, too.

# %%
predict(
    "says",
    "Five heads look at the right token best. How many of them are also among the five "
    "that vote most for it?",
    yours=4,
)

# %%
from llmlib.demonstrations.attention import votes

says = torch.zeros(30, 9)
for text in texts:
    vote = votes(model, text)  # n_layer n_head seq seq
    others = vote[:, :, half:, :half].mean((-1, -2))  # the control: votes for any token
    says += (induction_score(vote, half) - others) / len(texts)
loudest = best(says)
show(plots.looks_and_says(induction, says, {*five, *loudest}))
for n, h in [*five, *loudest]:
    print(f"{n:>2}.{h} looks {induction[n, h]:.2f}  votes {says[n, h]:+5.1f}")
reveal("says", len({*five} & {*loudest}), within=0)

# %% [markdown] reveals="says"
# **Looking and saying are mostly done by different heads.** The three of layer 17 look at the right token and vote for it
# hardly more than for any other. The votes come later, from layer 23 and from 29.1, which does not look there at all. An
# induction score alone is half a definition.

# %% [markdown]
# <details><summary>Small print: what votes can miss</summary>
#
# A vote is what a head says *directly*. A head may also speak through later layers, and the table may not be the right
# way to read a write in the middle of the stack. Switching heads off decides: without the five that look best, the loss
# rises by five nats, so their work is used, but by others.
#
# </details>
#
# ## 3.9 Moving a name
#
# ![Two runs, one above the other: the clean run with Mrs. Baker says Baker, the corrupted run with Mrs. Carter says Carter. A red arrow takes one head's output from the clean run into the corrupted one.](attachment:moving_a_name.png)
#
# Who brings a name back in real text? Put one head's output from the run with Baker into the run with Carter. If the
# answer turns towards Baker, that head carried the name. This is **activation patching**, and your `replace_heads` does it
# already. The two names' logits say how far the answer turns: 0 is the corrupted run, 1 the clean one.

# %%
predict(
    "carriers",
    "Each of the 270 heads is patched alone, at the last token. How many bring at "
    "least a tenth of the name back?",
    yours=30,
)

# %%
from functools import cache

from llmlib.demonstrations.attention import patched, recovered

surnames = "Baker Carter Turner Green Parker".split()
every = [(layer, head) for layer in range(30) for head in range(9)]
single = [[head] for head in every]


def encode(name):
    keeps = f"Mrs. {name} keeps a dragon. Every morning the dragon"
    return model.tokenizer.encode(f"{keeps} eats breakfast with Mrs.")


@cache
def plain(name):
    """The logits after the text about `name`: nothing is patched."""
    return model(encode(name), last=True)[0, -1]


def moved(name, other, sets, source=None):
    """How much of `name` each set of heads brings into the text about `other`."""
    right, wrong = (model.tokenizer.encode(f" {n}")[0] for n in (name, other))
    found = patched(model, replace_heads, encode(other), sets, encode(source or name))
    return recovered(found, plain(name), plain(other), right, wrong)


carried = moved("Baker", "Carter", single).view(30, 9)  # n_layer n_head
show(plots.patch_map(carried))
carriers = best(carried, 4)
print("most:", *(f"{n}.{h} ({carried[n, h]:.2f})" for n, h in carriers))
reveal("carriers", int((carried > 0.1).sum()), within=5)

# %% [markdown] reveals="carriers"
# **A handful of heads carries the name**, and all of them voted loudly on random tokens. Two very different
# measurements, votes on noise and a patch in a story, point at the same heads.

# %% [markdown]
# Are four enough, and is it the *name* that they carry? Patch them together, beside your control, beside all heads, and
# with what they computed in the run of a *third* name:

# %%
sets = [carriers, control_heads(carriers, sizes), every, []]
told = {"the four carriers": [], "their control": [], "all 270": [], "none": []}
third = []
for name, other, another in zip(surnames, surnames[1:], surnames[2:]):
    for found, value in zip(told.values(), moved(name, other, sets)):
        found.append(value.item())
    third += moved(name, other, [carriers], source=another).tolist()
told["the four, from a third name"] = third
show(plots.recovered(told))
for name, found in told.items():
    print(f"{name:<28} {min(found):z5.2f} to {max(found):z.2f}")  # z: no -0.00

# %% [markdown]
# All heads at once bring back everything, no heads nothing: the patch does what it should. **Four heads of 270 bring most of
# the name, and their control next to none.** From a third name's run they bring much less of it: what moves is the name.
#
# ## 3.10 Watch it being learned
#
# Train a model of nothing but your `attend`, in one layer or two. It reads random tokens, written twice. The length is
# always the same, or it varies.

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
from llmlib.demonstrations.attention import train_to_repeat

torch.set_num_threads(1)  # products this small are faster on one
runs = {
    "1 layer, always 12 + 12 tokens": train_to_repeat(attend, 1, same_length=True),
    "1 layer, lengths vary": train_to_repeat(attend, 1),
    "2 layers, lengths vary": train_to_repeat(attend, 2),
}
torch.set_num_threads(2)
for name, (found, nine) in runs.items():
    end = sum(found[-20:]) / 20
    end = f"{end:.1f}" if end > 1 else "below 0.5" if end < 0.5 else "below 1"
    nine = f"{nine:.0f}" if nine > 1 else "below 1"
    print(f"{name:<32} loss at the end {end:<9} on 9 + 9 tokens {nine}")
curves = {name: found for name, (found, _) in runs.items()}
show(plots.learning(curves, chance=math.log(32)))
learned = tuple(found[-1] < 1 for found in curves.values())
reveal("layers", {(True, True, True): "A", (False, False, True): "B"}.get(learned, "C"))

# %% [markdown] reveals="layers"
# For a hundred steps two layers do hardly better than one. Then, within a few dozen more, they learn it. One layer does
# not get there, **unless the length never changes**. Then "look eleven back" will do: on 9 + 9 tokens that model is worse than
# guessing. Vary what a model must not rely on.

# %% [markdown]
# ## 3.11 Look for yourself
#
# All 270 heads on any text that you type, by *your* `scaled_dot_product_attention`. Click a square, then a token. Switch
# heads off, and see what the model says instead. Worth a visit: 16.0, 18.6, 23.1, and 22.0, which is mostly sink.

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
)

# %% [markdown]
# ## 3.12 Reading another text: cross-attention
#
# ![Left, an encoder reads le chat dort; a decoder writes, with causal self-attention over the cat sleeps and cross-attention whose keys and values come from the encoder. Right, a decoder alone reads source and target as one text.](attachment:encoder_decoder.png)
#
# The first transformer (Vaswani et al. 2017) was built for translation. Its **encoder** reads the French sentence, without
# a mask. Its **decoder** writes the English one: a causal self-attention over what is written so far, then a
# **cross-attention** with queries from the text being written, keys and values from the text being read. SmolLM2 is
# **decoder-only**: source and target become one text.

# %% [markdown]
# ### Exercise 3.11 · `cross_attention` · ●●○ · 10 min
#
# One head of cross-attention, from vectors to mixtures of values.
#
# - `x` `[batch, seq, d_model]`: the text being written: it asks
# - `context` `[batch, seq_k, d_model]`: the text being read: it answers
# - `w_q`, `w_k`, `w_v` `[head_dim, d_model]`: as `torch.nn.Linear` stores them: multiply by the transpose
# - returns `[batch, seq, head_dim]`: one row for each token of `x`
#
# There is no mask: nothing of the text being read is the future.
#
# By hand, with one column everywhere and all three weights `[[1]]`:
#
#         x = [[[0]]]      context = [[[1],
#                                      [3]]]
#
#         scores       0 · 1      0 · 3
#         shares        1/2        1/2
#         output    1/2 · 1  +  1/2 · 3  = 2, so [[[2]]]
#
# Not allowed: torch's ready-made attention. Use your own from 3.1.
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
# ## 3.13 Your attention in the engine
#
# ![Five boxes in a row, joined by arrows: split_heads, repeat_kv, causal_mask, attention, merge_heads. Each of them yours, in each of 30 layers.](attachment:engine.png)
#
# SmolLM2 runs on five of your functions, beside the same model in `transformers`. Do they write the same?

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
agreed = same_ids(mine, prompts, max_new_tokens=8)

# %% [markdown]
# All the same. How much does that prove? Plant three bugs: a divisor that is off by one; a mask of −12 in place of
# $-\infty$, which leaks a little of the future; and one head of every layer a tenth too weak.

# %%
predict(
    "planted", "How many of the three bugs do ids expose, 4 for each prompt?", yours=3
)

# %%
from llmlib.demonstrations.attention import BUGS

texts = [model.tokenizer.encode(prompt) for prompt in prompts]
written = [list(generate(model, ids, 4)) for ids in texts]
said = [model(ids) for ids in texts]


def apart(some_model):
    """How far a logit moves at most, anywhere and at the last position: as text."""
    moved = [(some_model(i) - s)[0].abs() for i, s in zip(texts, said)]
    anywhere, last = (max(m[at].max() for m in moved) for at in (slice(None), -1))
    return f"logits {anywhere:5.2f} apart, at the last position {last:.2f}"


exposed = 0
print(f"{'yours':<12} {apart(mine)}")
for name, attention in BUGS.items():
    planted = model.using(attention=attention)
    same = sum(list(generate(planted, i, 4)) == w for i, w in zip(texts, written))
    exposed += same < len(texts)
    print(f"{name:<12} {apart(planted)}, ids equal on {same} of 3")
reveal("planted", exposed, within=0)

# %% [markdown] reveals="planted"
# None, and one of them moves a logit by 29. An id says which logit is the largest, at the last position only. There even
# the leak moves little. **Equal ids are a smoke test. What proves a function is the distance of the logits, at all
# positions.**

# %% [markdown]
# <details><summary>Small print: less forgiving prompts</summary>
#
# Of twelve other prompts, five give the leak or the weak head away by their ids, and none the √65. The logits of every one
# of them give away all three.
#
# </details>
#
# ## Recap
#
# - A token's **query** meets all **keys**; softmax makes the scores into **shares**; the output mixes **values**.
# - The mask comes **before** the softmax. Heads attend alone; their writes add up.
# - In induction one head notes what stood before, a later one looks for the note, and others say the word.
# - An intervention counts only beside its control. Equal ids forgive bugs: compare logits.
#
# ## Questions to think about
#
# 1. Your mask always lets a token see itself. What would go wrong in row 0 if it did not?
# 2. The heads 16.0 and 11.1 have nearly the same shares, and only one of them matters for induction. What else about a
#    head decides what it does?
# 3. Attention shares are often shown as "what the model based its answer on". Name three reasons to be careful.
#
# <details><summary>Answers</summary>
#
# 1. Row 0 could see nothing. All its scores would be $-\infty$, softmax would divide 0 by 0, and the row of shares would
#    be NaN; the product with `v` then spreads it.
# 2. What it writes: $W_V$ and $W_O$. And who reads it: the induction heads of layers 17 and 18 have keys that respond
#    to what 16.0 writes.
# 3. The share goes to a value that may be short (the sink). A head may look somewhere because of the place, not the
#    meaning (11.1 and "cat"). And a head that looks at the right token may say nothing about it (layer 17 on random
#    tokens): only an intervention tells.
#
# </details>
#
# <details><summary>To read</summary>
#
# - Vaswani et al. 2017, *Attention Is All You Need*, [1706.03762](https://arxiv.org/abs/1706.03762): sections 3.2.1 to
#   3.2.3 are this notebook.
# - Bahdanau et al. 2014, [1409.0473](https://arxiv.org/abs/1409.0473): attention, still inside an RNN. Pascanu et al. 2013,
#   [1211.5063](https://arxiv.org/abs/1211.5063): why gradients fade in one.
# - Elhage et al. 2021, *A Mathematical Framework for Transformer Circuits*; Olsson et al. 2022, *In-context Learning and
#   Induction Heads*, [2209.11895](https://arxiv.org/abs/2209.11895).
# - Heimersheim & Nanda 2024, *How to use and interpret activation patching*,
#   [2404.15255](https://arxiv.org/abs/2404.15255).
# - Xiao et al. 2023, [2309.17453](https://arxiv.org/abs/2309.17453): attention sinks. Sun et al. 2024,
#   [2402.17762](https://arxiv.org/abs/2402.17762): the second sink.
# - Ainslie et al. 2023, *GQA*, [2305.13245](https://arxiv.org/abs/2305.13245). Gu and Dao 2023, *Mamba*,
#   [2312.00752](https://arxiv.org/abs/2312.00752): a rival that reads step by step and need not wait.
#
# </details>

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
