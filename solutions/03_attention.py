# %% [markdown] makes="vectors that looked back" shape="[batch, seq, d_model]"
# # 3 · Attention
#
# SmolLM2, a real language model, reads two sentences. Each square is one of its 270 *attention heads*. A row is a token; its
# bright cells are the tokens that it looks at.
#
# ![Three square maps of the text Mrs. Quill keeps a dragon. The dragon greets Mrs. In the first, layer 16 head 0, most rows are bright one cell before their own. In the second, layer 13 head 8, the row of greets is bright at dragon and the row of keeps at Quill. In the third, layer 18 head 6, most rows are bright in the first column, and the last row is bright at Quill.](attachment:three_heads.png)
#
# **You will build** attention, its mask, its heads, and a whole attention sublayer that you put into the real model
# 30 times. *Further* tests how the model copies: there you design what takes the place of one head's output.
#
# **You need** notebooks 1 and 2, the matrix product, the dot product, and softmax, which turns any numbers into positive
# ones that sum to 1. Layers, heads and positions are counted from 0.
#
# **It takes** about 225 minutes. *Further*, after the recap, is extra: about 325 more.

# %% given setup folded="Set-up: torch, and RoPE from notebook 2"
import math

import torch

from llmlib.embeddings import apply_rope

# %% folded="Set-up: the model, predictions, pictures"
from llmlib import complete, pretrained
from classroom.predict import predict, predictions, reveal
from llmlib.plots import attention as plots
from llmlib.plots import show

torch.set_num_threads(2)
model = pretrained.load("smollm2")
own = model.config

# %% [markdown]
# ## The real thing first
#
# What does a token know by itself? Stop tokens from attending to one another: each may see itself and the first token,
# nothing else. (The first as well, because the model is used to it: see “The sink” under *Further*.)

# %%
predict(
    "alone",
    "Each token sees only itself and the first. What does SmolLM2 write after 'The "
    "capital of France is'?",
    {
        "A": "Paris: it has stored that fact",
        "B": "another city: it has stored that a city is due",
        "C": "something else",
    },
    yours="A",
)

# %%
from llmlib.demonstrations.attention import itself_and_first

france = "The capital of France is"
alone = model.using(mask=itself_and_first)
answers = {}
for prompt in (france, "The opposite of hot is", "The price of milk is"):
    answers[prompt] = complete(alone, prompt, 4)
    print(f"{prompt:<24}{complete(model, prompt, 4)!r:<24} alone: {answers[prompt]!r}")
city = next((c for c in ("Paris", "London") if c in answers[france]), "none")
reveal("alone", {"Paris": "A", "London": "B", "none": "C"}[city])

# %% [markdown] reveals="alone"
# All three prompts continue alike, and they must. They have the same first token, the same last one and the same length,
# so " is" cannot tell them apart. **Attention is the only place in the model where one token learns about another.**

# %% [markdown]
# ## 3.1 From an average to attention
#
# How can "sat" learn what came before it? It looks back. Here is one head of SmolLM2, head 0 of layer 16, or 16.0 for
# short, at work. Type a sentence and click a token: the arcs show where it looks. What decides where the head looks: the
# meaning of the words, or their places? Try a long, rare word, too: the model reads it in pieces.

# %% tags=["nbval-ignore-output"]
from llmlib.attention import attention_maps
from llmlib.widgets import head_view

layer, head = 16, 0
sentence = "The cat sat on the mat"
cat = model.tokenizer.encode(sentence)
words = [model.tokenizer.decode([i]) for i in cat]
glance = attention_maps(model, cat)[layer, head]  # seq seq: who looks, at whom
show(
    plots.row(words, glance[2].tolist(), "Head 16.0: where “sat” looks", future=3),
    widget=head_view(model, sentence, layer, head),
)

# %% [markdown]
# In "The cat sat", "sat" looks at "cat". Put another word in its place: 16.0 looks at that one. It goes by the place:
# nearly every token looks most at the one just before, inside a word as well, and none at a later one.
#
# How does a head come to look somewhere? We get there in four steps, on the vectors that the attention of layer 16
# receives for "The cat sat on the mat". The last step is 16.0. The *weights* of each step contain those of the one
# before as a special case, and the cells check that they do.
#
# **Step 1, a loop.** Each token takes the average of the vectors up to its own:

# %%
from llmlib.demonstrations.attention import heads, weights_of

real = heads(model, cat)  # what every layer and head of SmolLM2 computes
x = real.received[layer]  # seq d_model: one row for each token
seq = len(x)


def same(a, b):
    return bool((a - b).abs().max() < 1e-3)


step_1 = torch.zeros_like(x)
for i in range(seq):
    for j in range(i + 1):
        step_1[i] += x[j] / (i + 1)

# %% [markdown]
# **Step 2, a matrix.** The loop is one product with a lower-triangular matrix. Its row *i* says how much each token counts for
# token *i*. These numbers are the **attention weights**; each row of them sums to 1.

# %%
lower = torch.ones(seq, seq).tril()
average = lower / lower.sum(-1, keepdim=True)
print("step 2 equals step 1:", same(average @ x, step_1))

# %% [markdown]
# **Step 3, softmax of a mask.** Give each pair of tokens a **score**: 0, or $-\infty$ where the second token is in the
# future. As $e^{-\infty} = 0$, softmax gives future tokens no weight, and the others equal weights.

# %%
scores = torch.zeros(seq, seq).masked_fill(lower == 0, -math.inf)
print("step 3 equals step 2:", same(scores.softmax(-1), average))

# %% [markdown]
# Now any numbers can be scores.
#
# **Step 4, scores from the tokens.** Each token makes three vectors from its own vector $x$:
#
# - a **query** $q = W_Q x$: what am I looking for?
# - a **key** $k = W_K x$: what can others find me by?
# - a **value** $v = W_V x$: what do I hand over to those who look at me?
#
# The vectors of all tokens, one a row, are the matrix $x$ of the code; then the queries of all are $x\,W_Q^{T}$, the
# same product. As in notebook 2, RoPE turns queries and keys by their positions. The score is their dot product, divided by
# $\sqrt{\text{head\_dim}}$ (section 3.2). A last matrix, the **output projection** $W_O$, turns the mixed values into
# what is added to the token's vector. (That vector was rescaled before attention received it: notebook 4.)

# %%
w_q, w_k, w_v, w_o = weights_of(model, layer, head)  # each 64 × 576, but W_O 576 × 64
positions = torch.arange(seq)


def step_4(w_q):
    q, k = (apply_rope(x @ w.T, positions, own.rope_theta) for w in (w_q, w_k))
    scores = (q @ k.T) / math.sqrt(own.head_dim)
    return scores.masked_fill(lower == 0, -math.inf).softmax(-1)


print("step 4 with W_Q = 0 equals step 3:", same(step_4(0 * w_q), average))
written = step_4(w_q) @ (x @ w_v.T) @ w_o.T
print("with SmolLM2's W_Q it is head 16.0:", same(written, real.writes[layer, head]))
panels = {"steps 1 to 3": average, "step 4: layer 16, head 0": step_4(w_q)}
show(plots.maps(panels, words))

# %% [markdown]
# In steps 1 to 3 the weights are the same for every text. In step 4 they are computed from the tokens. (16.0 makes little use
# of that: it goes by the place.) In one line:
#
# $$\mathrm{attention}(q, k, v) = \mathrm{softmax}\!\left(\frac{q\,k^{T}}{\sqrt{\text{head\_dim}}}\right) v$$
#
# Attention mixes the values $W_V x$, not the tokens themselves. So a head can search by one thing, the keys, and fetch
# another, the values.
#
# ## 3.2 Attention, as a function
#
# Why the division by $\sqrt{\text{head\_dim}}$? A score is a sum of head_dim products. The more products, the further
# apart the scores, and softmax then gives nearly all the weight to the largest. Before training, that one is the largest
# by chance, and the division keeps the spread the same for every head_dim. *Further* shows both.

# %% [markdown]
# ### Exercise 3.1 · `scaled_dot_product_attention` · ●●○ · 24 min
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
# over the scores. Where it is `False`, the score becomes $-\infty$, so that key gets no weight.
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
#         weights              3/4        1/4
#         output               3/4 · 4  + 1/4 · 0  = 3, so [[3]]
#
# With `mask = [[False, True]]` only the second key is left, and the output is `[[0]]`.
#
# Not allowed: torch's ready-made attention. `torch.softmax` is allowed; you write it in notebook 5.
#
# <details><summary>Hint 1</summary>
#
# All scores at once are one matrix product: row *i* of `q` against row *j* of `k`. Which of the two must be transposed,
# and by which method, so that leading dimensions stay where they are?
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

    mask (bool, broadcast to [..., seq_q, seq_k]): True = may look; a forbidden key
    gets no weight.
    """
    ### BEGIN SOLUTION
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return torch.softmax(scores, dim=-1) @ v
    ### END SOLUTION


# %% test scaled_dot_product_attention points=3
import torch

from exercises import check
from exercises import attention as cases

cases.check_scaled_dot_product_attention(scaled_dot_product_attention)
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
        "if all values are the same, so is each output: a query's weights sum to 1",
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
# ### Your function in the real model
#
# Put it into every layer. Then try a common bug: dividing by √576, the root of d_model, instead of √64.

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


right, wrong = (
    complete(model.using(attention=attention), france, 4)
    for attention in (scaled_dot_product_attention, divided_by_sqrt_d_model)
)
print(f"yours: {right!r}   divided by √d_model: {wrong!r}")
reveal("divisor", "C" if wrong == right else "B" if "Paris" in wrong else "A")

# %% [markdown] reveals="divisor"
# It breaks. SmolLM2's matrices were trained with this division. With scores three times too small the attention weights come
# closer to equal, and Paris is lost.

# %% [markdown]
# ## 3.3 No looking ahead
#
# In training, every position predicts its next token. If it could see that token, it could copy the answer, and would
# learn nothing else. So the **causal mask** lets each token look only at itself and at earlier tokens. The scores of later ones
# become $-\infty$ before the softmax, as in Exercise 3.1. *Further* shows what goes wrong if their weights become 0 after it.

# %% [markdown]
# ### Exercise 3.2 · `causal_mask` · ●○○ · 12 min
#
# Write the mask of a text of `seq` tokens: bool, `[seq, seq]`, row = who looks, column = at whom, `True` = may look.
#
# With `start`, the rows are only the *last* `seq` tokens of a longer text, and `start` tokens came before them. Row *i* is then
# the token at position `start + i`, and the mask has shape `[seq, start + seq]`. (A model that writes works like this: it
# keeps the keys and values of earlier tokens and computes new rows only. You build that in notebook 7.)
#
# By hand: `causal_mask(3)` and `causal_mask(2, start=3)` are
#
#         T F F        T T T T F
#         T T F        T T T T T
#         T T T
#
# Everything in torch is allowed, here and in every exercise that forbids nothing.
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
from exercises import check
from exercises import attention as cases

cases.check_causal_mask(causal_mask)
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
# ## 3.4 Heads
#
# ![x, of shape seq by d_model, is multiplied by W_Q, W_K and W_V; the products are cut into heads; each head attends alone; the results stand side by side and are multiplied by W_O, which gives seq by d_model again.](attachment:heads.png)
#
# To fetch one thing from the subject *and* another from the previous word, a token needs two mixtures. So a layer has
# several **heads**. Each reads the whole vector $x$ with its own rows of $W_Q$, $W_K$ and $W_V$ (in section 3.5 heads
# share the last two). One product makes the queries of all heads. In SmolLM2 these are 576 numbers for each token, 64 for
# each of nine heads, head 0 first.
#
# The heads' results are set side by side and multiplied by $W_O$.

# %% [markdown]
# ### Exercise 3.3 · `split_heads` · ●●○ · 18 min
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

from exercises import check
from exercises import attention as cases

cases.check_split_heads(split_heads)
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
# ### Exercise 3.4 · `merge_heads` · ●○○ · 8 min
#
# The way back: put the heads' outputs side by side again, `[batch, n_head, seq, head_dim]` → `[batch, seq, n_head *
# head_dim]`. Head 0's columns come first.
#
# By hand, the example of Exercise 3.3 backwards:
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

from exercises import check
from exercises import attention as cases

cases.check_merge_heads(merge_heads)
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
# ### Heads add up
#
# torch has a ready-made multi-head attention. Do your four functions agree with it? And does "side by side, times $W_O$" give
# the same as **each head writing a vector of its own, all of them added up** (Elhage et al. 2021)?

# %%
from llmlib.demonstrations.attention import difference_from_torch

apart = difference_from_torch(
    split_heads, scaled_dot_product_attention, causal_mask, merge_heads
)
print("equal to torch's within 0.00001:", apart < 1e-5)
added = real.writes[layer].sum(0)  # of nine heads, each through its part of W_O
print("nine writes, added, are the layer's:", same(added, real.added[layer]))

# %% [markdown]
# ## 3.5 Grouped queries, and the whole sublayer
#
# ![Three drawings of nine query heads: each with a key/value head of its own, three groups of three sharing one each, and all nine on a single one.](attachment:grouped.png)
#
# While a model writes, it keeps the keys and values of all tokens that it has seen. To save memory, several query heads
# can **share** one head of keys and values; this is *grouped-query attention* (Ainslie et al. 2023). SmolLM2's nine
# query heads share three, so it keeps a third of the numbers. In the last drawing all nine share one: *multi-query attention*.

# %% [markdown]
# ### Exercise 3.5 · `repeat_kv` · ●○○ · 8 min
#
# `x` holds keys (or values), `[batch, n_kv_head, seq, head_dim]`. Repeat each head `n_rep` times, copies **next to each
# other**: `[batch, n_kv_head * n_rep, seq, head_dim]`. Then every query head finds its keys or values at its own
# number.
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
# Its name begins with `repeat_`, and it needs to know which dimension.
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

from exercises import check
from exercises import attention as cases

cases.check_repeat_kv(repeat_kv)
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
# ### The shapes of every tensor
#
# Three tokens, "The cat sat", on their way through all of your functions in layer 16. Every block is drawn
# from its numbers: a row is a token, a stripe one number. All are to scale but the attention weights, which would be too
# small to see. Follow the shapes. The heads come *second*, the tokens stay the last but one, and the last line has the
# shape of the first.

# %%
from llmlib.demonstrations.attention import tensors_of

three = "The cat sat"
functions = (split_heads, repeat_kv, scaled_dot_product_attention, causal_mask)
tensors = tensors_of(model, three, layer, *functions, merge_heads)
show(plots.tensors(tensors, words[:3]))

# %% [markdown]
# ### Exercise 3.6 · `attend` · ●●● · 40 min
#
# Write the whole attention sublayer, from the vectors that it receives to what it writes: the picture above, in code.
#
# - `x` `[batch, seq, d_model]`: one row for each token
# - `w_q` `[n_head * head_dim, d_model]`: as `torch.nn.Linear` stores it, so multiply by the transpose
# - `w_k`, `w_v` `[n_kv_head * head_dim, d_model]`: fewer heads: grouped queries
# - `w_o` `[d_model, n_head * head_dim]`: stored the same way
# - `n_head`, `n_kv_head` whole numbers: n_kv_head divides n_head
# - `theta` a number: RoPE's base; pass it to `apply_rope`
# - returns `[batch, seq, d_model]`: one row for each token
#
# Attention is causal, and positions count from 0. **Queries and keys** are turned by RoPE, head by head; values are not.
# `apply_rope(x, positions, theta)` from notebook 2 takes `x` `[..., seq, head_dim]` and `positions` `[seq]`.
#
# By hand: a single token gives itself all the weight, and at the first position RoPE changes nothing. Two query heads
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
# Nine lines at most, each a call you have already written. If shapes do not fit, print them after each step, and compare
# them with the picture above.
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
import torch

from exercises import check
from exercises import attention as cases

cases.check_attend(attend)
### BEGIN HIDDEN TESTS
for _seed, (_batch, _seq, _d, _n, _kv, _head) in enumerate(
    ((1, 1, 6, 3, 1, 2), (2, 7, 12, 6, 3, 4), (3, 4, 5, 4, 4, 6), (1, 9, 16, 9, 3, 8))
):
    _w = cases.weights(_d, _n, _kv, _head, 1370 + _seed)
    _x = torch.randn(_batch, _seq, _d, generator=torch.Generator().manual_seed(_seed))
    check.close(
        attend(_x, *_w, _n, _kv),
        cases.layer(_x, _w, _n, _kv, 10000.0),
        f"{_n} query heads on {_kv} key/value heads, {_seq} tokens: project, split, "
        "turn q and k, repeat k and v, attend causally, merge, project",
        atol=1e-3,
    )
### END HIDDEN TESTS

# %% [markdown]
# ### Your sublayer in the real model
#
# It replaces the engine's own attention, 30 times. *Logits* are what the model computes before a token is chosen: one
# number for each token of its vocabulary. Compare all of them: the token that is chosen tells only which logit is the
# largest.

# %%
from llmlib.demonstrations.attention import with_layer

ids = model.tokenizer.encode(france)
rebuilt = with_layer(model, attend)
print("every logit within 0.001:", bool((rebuilt(ids) - model(ids)).abs().max() < 1e-3))
print(repr(complete(rebuilt, france, 4, use_cache=False)))

# %% [markdown]
# ## Recap
#
# - Attention is a weighted average: a token's **query** meets its own **key** and all earlier ones, softmax turns the scores
#   into **attention weights**, and these mix the **values**.
# - The mask hides later tokens: their scores become $-\infty$ **before** the softmax.
# - Heads attend alone; what they write adds up. Several query heads can share a head of keys and values.
#
# ## Questions to think about
#
# 1. Your mask always lets a token see itself. What would go wrong in row 0 if it did not?
# 2. Attention weights are often shown as "what the model based its answer on". Name two reasons to be careful.
#
# <details><summary>Answers</summary>
#
# 1. Row 0 could see nothing. All its scores would be $-\infty$, softmax would divide 0 by 0, and its weights would be NaN; the
#    product with `v` then spreads it.
# 2. A head may look somewhere because of the place, not the meaning (16.0 and "cat"). And what it fetches there may be
#    small, or read by no later layer.
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
# - Xiao et al. 2023, [2309.17453](https://arxiv.org/abs/2309.17453): attention sinks. Ainslie et al. 2023, *GQA*,
#   [2305.13245](https://arxiv.org/abs/2305.13245).
#
# </details>

# %% [markdown]
# ## How your predictions went

# %%
predictions()

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done. `llmlib check` does the same in a
# terminal, with the mistake that each failing check names. Both count the exercises that give points.

# %% tags=["nbval-ignore-output"]
from classroom.checking.check_notebooks import show as show_progress

show_progress()

# %% [markdown]
# ## Further
#
# Each piece stands by itself, except the two that follow “How a text is copied”. Nothing later in the course needs
# them, and their exercises give no points.
#
# ### Your nine heads, on your sentence · 8 min
#
# Your functions compute here the nine heads of layer 13 on a sentence, from the vectors that
# SmolLM2 has there. Write a sentence of your own in the first line, or try another layer. Most rest on the first
# token, an *attention sink* (see “The sink” below). In this sentence head 8 looks from “keeps” and “greets” at who does it.

# %%
sentence = "Mrs. Quill keeps a dragon. The dragon greets Mrs."
nine = tensors_of(model, sentence, 13, *functions)["weights"][0]  # n_head seq seq
pieces = [model.tokenizer.decode([i]) for i in model.tokenizer.encode(sentence)]
panels = {f"head {number}": weights for number, weights in enumerate(nine)}
show(plots.maps(panels, pieces, columns=3, numbers=False))

# %% [markdown]
# ### All heads, on your text · 12 min
#
# By *your* `scaled_dot_product_attention`, on any text that you type. Click a square, then a token. Switch heads off, and see what
# the model writes instead. Heads to try: 16.0, 18.6 and 22.0. The last two look mostly at the first token: where do they
# not?

# %% tags=["nbval-ignore-output"]
from llmlib.widgets import attention_explorer

story = (
    "Once there was a woman called Zora Quill. Every day the dragon said hello to Zora"
)
tokens = [model.tokenizer.decode([i]) for i in model.tokenizer.encode(story)]
looks = attention_maps(model, model.tokenizer.encode(story))[18, 6, -1]
show(
    plots.row(tokens, looks.tolist(), "Layer 18, head 6: where the last token looks"),
    widget=attention_explorer(
        model, scaled_dot_product_attention, story, layer=18, head=6
    ),
)

# %% [markdown]
# ### Why √head_dim · 10 min
#
# Random queries, with ten random keys each. Left, the spread of the scores; right, the mean of the largest of their ten weights.

# %%
generator = torch.Generator().manual_seed(0)
head_dims = [4, 16, 64, 256, 1024]
deviations = {"q·k": [], "q·k / √head_dim": []}
largest = {"q·k": [], "q·k / √head_dim": []}
for head_dim in head_dims:
    queries = torch.randn(2000, 1, head_dim, generator=generator)
    keys = torch.randn(2000, 10, head_dim, generator=generator)
    raw = (queries * keys).sum(-1)  # 2000 queries, 10 scores each
    for name, s in zip(deviations, (raw, raw / math.sqrt(head_dim))):
        deviations[name].append(s.std().item())
        largest[name].append(s.softmax(-1).amax(-1).mean().item())
show(plots.scaling(head_dims, deviations, largest))

# %% [markdown]
# **The spread of raw scores grows like √head_dim; after the division it stays the same.** Where softmax puts
# nearly all weight on one key, almost no gradient flows back.
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
# ### Before the softmax, or after it · 10 min
#
# There are two ways to hide a token: set its weight to 0 *after* the softmax, or its score to $-\infty$ *before*. Here are both, on made-up scores.

# %%
predict(
    "mask",
    "Is masking after the softmax the same as masking before it?",
    {
        "A": "yes: a weight of 0 is a weight of 0",
        "B": "no: rows no longer sum to 1, and that is all",
        "C": "no: what is left still depends on the future",
    },
    yours="C",
)

# %%
names = ["the", "cat", "sat"]
past = torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 1]]).bool()
scores = torch.tensor([[4.0, 0, -2], [0, -4, 2], [-2, 2, 0]]) / math.sqrt(2)
scores_2 = scores.clone()
scores_2[1, 2] = 3.0  # another future: the score of "cat" with "sat"


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
    pair = [[f"{share:.2f}" for share in row] for row in (one, two)]
    print(
        f"{masked.__name__:<13} row of 'cat': {pair[0]}, with another future: {pair[1]}"
    )
still_one = (masked_after(scores).sum(-1) - 1).abs().max() < 1e-4
reveal("mask", "C" if moved[masked_after] else "A" if still_one else "B")

# %% [markdown] reveals="mask"
# Masked after the softmax, rows no longer sum to 1, except the last. Worse, **the numbers that are left still depend on the
# future**: each was divided by a sum that includes the future scores. (Divide each row by its new sum, and that part
# cancels: then the weights are those of masking before, as long as the sum is not 0.)

# %% [markdown]
# ### The mask, when generating · 10 min
#
# In training the mask hides answers. Does a model need it when it writes? After the last token nothing comes.

# %%
predict(
    "blind",
    "SmolLM2 without its mask, asked for the capital of France, writes …",
    {
        "A": "Paris: nothing comes after the last token, so nothing can leak",
        "B": "something else",
    },
    yours="A",
)

# %%
from llmlib.demonstrations.attention import token_by_token

unmasked = model.using(mask=lambda seq, start=0: torch.ones(seq, start + seq).bool())
text = complete(unmasked, france, 4)
print("without its mask, the prompt read at once:       ", repr(text))
print("without its mask, the prompt read token by token:", end=" ")
print(repr(token_by_token(unmasked, france, 2)))
reveal("blind", "A" if "Paris" in text else "B")

# %% [markdown] reveals="blind"
# The *last* token has no future, but all the others have a future. If they see it, their vectors differ from those of
# training; in the next layer the last token looks at these vectors. **So the mask is needed whenever several tokens are
# computed at once, as for a prompt.** Read token by token, with keys and values kept, a text has no later token to hide
# (notebook 7).

# %% [markdown]
# ### The sink · 15 min
#
# Where does "sat" look in "The cat sat on the mat"? The mean over all 270 heads:

# %%
row = real.weights[:, :, 2]  # n_layer n_head seq: where "sat" looks
mean = row.mean(dim=(0, 1)).tolist()
show(plots.row(words, mean, "Where “sat” looks: mean of 270 heads", future=3))

# %% [markdown]
# Most attention goes to "The", and none to later words. Yet head 16.0 gives "cat" 0.94: a mean hides what single heads
# do.
#
# Why "The"? One explanation: a head's weights must sum to 1, even when it finds nothing that it looks for, and the
# first token is the only one that all can see. Xiao et al. (2023) saw much attention go to the first few tokens,
# **attention sinks**. Here it goes to the first:

# %%
curves = {}
for sentence in (
    "The cat sat on the mat",
    "Two dogs ran in a park",
    "mat the on sat cat The",
):
    maps = attention_maps(model, model.tokenizer.encode(sentence))
    curves[sentence] = maps[:, :, 2:, 0].mean(dim=(1, 2))  # from position 2 on
show(plots.by_layer(curves, "mean weight on the first token"))

handed = row * real.value_lengths  # weight × length of the value
parts = (handed / handed.sum(-1, keepdim=True)).mean(dim=(0, 1)).tolist()
for word, weight, part in zip(words[:3], mean, parts):
    print(f"{word:<5} weight {weight:.2f}   weight × length of value {part:.2f}")

# %% [markdown]
# **In these short texts, about two thirds of the attention goes to the first token**, averaged over the tokens from the
# third on, even if the words are shuffled. Its values are short, so it hands over less than its weight says: the
# numbers for "sat" are above. **A weight is not yet an influence.**

# %% [markdown]
# ### How a text is copied · 60 min
#
# ![Six boxes in a row: A, B, C, dots, A again, and a question mark. First arrow: an earlier head writes into B the note "I come after A". Second arrow: a later head at the second A asks who comes after A, and finds B. Third arrow: it says B again.](attachment:induction.png)
#
# How does a model copy? The drawing shows **induction** (Olsson et al. 2022), in two layers. In `A B C … A`, an earlier
# head writes into B which token came before it. A later head at the second A looks for a token that came after an A, and
# finds B.
#
# To see it, give SmolLM2 random tokens, **twice in a row**. Nothing in them makes sense, so the only way to know the
# second half is to copy. Here are all 270 heads: how much they look at the token just before, at the first token, and, in
# the second half, at the token *after* its first occurrence, which is B. The three highest of each are framed.

# %%
from llmlib.demonstrations.attention import maps_of, repeated, scores_by_place

half = 25
scores_of = scores_by_place(maps_of(model, [], None, repeated(seed=0, half=half)))
show(plots.head_maps(scores_of))
best = scores_of["induction"].flatten().topk(5).indices.tolist()
five = [divmod(number, 9) for number in best]
names = [f"{n}.{h}" for n, h in five]
for name, at in zip(names, five):
    print(f"induction score of {name}: {scores_of['induction'][at]:.2f}")
print(f"highest below layer 17: {scores_of['induction'][:17].max():.2f}")

# %% [markdown]
# The induction heads begin in layer 17, one layer after 16.0, which looks one token back, as 11.1 and 2.1 do. Which of
# the three writes the note? Looking is not enough evidence. **A weight says where a head looks, not what the model uses.** To
# learn what it uses, you must intervene: take away what 16.0 says about each token in particular, and see whether the induction
# heads still find B.

# %% [markdown]
# ### Experiment 3.7 · `replacement` · ●●○ · 30 min
#
# What do you put in the place of a head's output? Zero is not neutral. Some heads say much the same at every position,
# and the layers above were trained with it. Zeroing such a head does damage that proves nothing about
# copying. So take away only what the head says *about each token in particular*.
#
# - `z` `[batch, seq, head_dim]`: what one head computed, on a few texts
# - returns a tensor of the same shape: what is put in its place
#
# A good replacement does two things:
#
# 1. **It is the same at every position of a text.** Then no later head can tell one token from another by it. The same
#    vectors in another order will not do, since they still differ.
# 2. **It is typical of the head.** What the head says everywhere stays, and no single position determines it.
#
# By hand, two made-up heads, with one column and three tokens:
#
#         z          what it is                       a good replacement
#         5  5  5    says nothing about any token     5  5  5
#         1  9  5    says something about each        three times the same number, near 5
#
# There is more than one good answer: "typical" is for you to define.
#
# <details><summary>Hint 1</summary>
#
# It need not be a constant that you make up: all that you need is in `z`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Work along dimension 1, the positions. Which number stands for many? `keepdim=True` keeps that dimension, and
# `.expand_as(z)` repeats it.
#
# </details>


# %% solution replacement
def replacement(z):
    """What takes the place of a head's output z [batch, seq, head_dim] -> like z."""
    ### BEGIN SOLUTION
    return z.mean(dim=1, keepdim=True).expand_as(z)
    ### END SOLUTION


# %% test replacement points=0
import torch

from exercises import check
from exercises import attention as cases

cases.check_replacement(replacement)
### BEGIN HIDDEN TESTS
for _seed, (_batch, _seq, _d) in enumerate(((8, 9, 5), (5, 30, 3), (6, 16, 16))):
    _g = torch.Generator().manual_seed(1381 + _seed)
    _same = 3 * torch.randn(_d, generator=_g)
    _z = _same + torch.randn(_batch, _seq, _d, generator=_g)
    check.close(
        cases.replaced(replacement, _same.expand(_batch, _seq, _d)),
        _same.expand(_batch, _seq, _d),
        "a head that says the same everywhere must stay as it is",
        atol=1e-3,
    )
    check.that(
        cases.position_that_differs(replacement, _z) is None,
        "the replacement is not the same at every position of a text",
    )
    check.that(
        cases.distance_from_typical(replacement, _z) < 0.6,
        "the replacement is not typical of the head: one position decides it, or "
        "something that is not in z",
    )
    _long = _same + torch.randn(_batch, 4 * _seq, _d, generator=_g)
    for _position in (0, _seq, 4 * _seq - 1):
        check.that(
            cases.moved_by_one_position(replacement, _long, _position) < 2,
            f"position {_position} of {4 * _seq} says something unusual, and the "
            "replacement follows it",
        )
### END HIDDEN TESTS

# %% [markdown]
# #### Decide
#
# Replace 11.1 and 2.1 on two new texts, then 16.0, by your replacement. Last comes 1.5, a head that says much the same
# everywhere. 16.0 and 1.5 are set to zero as well.

# %%
predict(
    "blinded",
    "Left alone, 18.6 has an induction score of about 0.9 on such texts. Without what "
    "16.0 says about each token in particular, the score of 18.6 is …, from 0 to 1?",
    yours=0.5,
)

# %%
from llmlib.demonstrations.attention import repetition_loss, replaced

texts, zero = repeated(seed=3, half=half), torch.zeros_like
designs = {
    "nothing": ([], replacement),
    "11.1 and 2.1": ([(11, 1), (2, 1)], replacement),
    "16.0": ([(16, 0)], replacement),
    "16.0, by zero": ([(16, 0)], zero),
    "1.5": ([(1, 5)], replacement),
    "1.5, by zero": ([(1, 5)], zero),
}
print("replaced         induction score of " + "   ".join(names) + "   loss (nats)")
scores = {}
for name, (silent, design) in designs.items():
    maps = maps_of(model, silent, design, texts)
    scores[name] = scores_by_place(maps)["induction"]
    row = "   ".join(f"{scores[name][at]:.2f}" for at in five)
    loss = repetition_loss(replaced(model, silent, design), texts).mean()
    print(f"{name:<34} {row}   {loss:>11.2f}")
reveal("blinded", round(scores["16.0"][18, 6].item(), 2), within=0.15)

# %% [markdown] reveals="blinded"
# **Without 16.0 the induction heads lose their aim.** Those of layer 17 look hardly better than by chance, 18.6 and 23.7
# lose at least half of their score. And on these random tokens the model copies badly: the *loss* on the second half, $-\ln p$ of
# the right token, rises by several nats. Without 11.1 and 2.1, which also look one token back, little changes. So where a
# head looks does not say what it does for the model.
#
# Zeroing 16.0 says the same: little of what it says is the same everywhere. Zeroing 1.5 costs more than replacing
# it: by how much depends on the texts. That part of the cost says nothing about tokens.
#
# Does copying always need 16.0? Here are two sentences, said twice:

# %%
print("loss (nats)   first time   second time   second time without 16.0")
without = replaced(model, [(16, 0)], replacement)
for sentence in (
    " The captain hid a silver key under the third stair.",
    " My sister paints small birds on old kitchen tiles.",
):
    said = torch.tensor(2 * model.tokenizer.encode(sentence))
    losses = []
    for reader in (model, without):
        log_p = reader(said[None])[0, :-1].log_softmax(-1)
        losses.append(-log_p.gather(-1, said[1:, None])[:, 0])
    n = len(said) // 2 - 1
    once, twice, blind = losses[0][:n], losses[0][-n:], losses[1][-n:]
    print(f"{once.mean():>24.2f} {twice.mean():>13.2f} {blind.mean():>13.2f}")

# %% [markdown]
# These two are still copied without it, only a little worse. So what was found on random tokens need not hold for other
# texts.

# %% [markdown]
# ### Where the note is read · 40 min
#
# The induction heads need 16.0, as the piece above shows. Do they read what it wrote in their queries, or in their keys?
# First write the measurement.

# %% [markdown]
# ### Experiment 3.8 · `induction_score` · ●●○ · 15 min
#
# Write the measurement. `maps` holds every head's attention weights on a text of `2 * half` tokens whose second half repeats the
# first: `[n_layer, n_head, 2 * half, 2 * half]`, row = who looks, column = whom it looks at. For each head, return the
# mean weight with which a token of the second half looks at the token **after** its first occurrence: `[n_layer, n_head]`.
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
    """Mean weight from each token of the second half to the token after its first
    occurrence: maps [n_layer, n_head, 2 * half, 2 * half] -> [n_layer, n_head]."""
    ### BEGIN SOLUTION
    second = torch.arange(half, 2 * half)
    return maps[:, :, second, second - half + 1].mean(dim=-1)
    ### END SOLUTION


# %% test induction_score points=0
import torch

from exercises import check
from exercises import attention as cases

cases.check_induction_score(induction_score)
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
        f"{_n_layer} layers of {_n_head} heads, half = {_half}: the mean weight from "
        "position i to position i - half + 1, over the second half",
        atol=1e-4,
    )
### END HIDDEN TESTS

# %% [markdown]
# Now take what 16.0 wrote out of the queries or out of the keys, from layer 17 on, and leave all else as it is.

# %%
predict(
    "mark",
    "The induction scores collapse when what 16.0 wrote is missing from …",
    {
        "A": "the queries: they look for it",
        "B": "the keys: they carry it",
        "C": "either of the two, or neither",
    },
    yours="A",
)

# %%
from llmlib.demonstrations.attention import maps_without

print(" " * 30, "   ".join(names))
collapsed = []
for part, head in (("", 0), ("q", 0), ("k", 0), ("k", 2)):
    maps = maps_without(model, texts, layer=16, head=head, part=part)
    scores = sum(induction_score(m, half) for m in maps) / len(texts)
    collapsed.append(scores[18, 6].item() < 0.3)
    place = {"q": "queries", "k": "keys"}.get(part)
    name = f"16.{head} missing from the {place}" if part else "nothing missing"
    print(f"{name:<30}", "   ".join(f"{scores[at]:.2f}" for at in five))
reveal("mark", {(True, False): "A", (False, True): "B"}.get(tuple(collapsed[1:3]), "C"))

# %% [markdown] reveals="mark"
# **The keys carry it.** Without it the induction scores fall to nearly nothing; without what 16.2 wrote, little changes. Papers
# call this *K-composition*.

# %% [markdown]
# ### Which heads does copying need? · 75 min
#
# Now the other way round: no drawing, only a search. Set the output of one head to 0 (this is *zero ablation*) and measure
# the cost. With a cost below 0, the model copies better without that head. Do so for all 270 heads, one at a time, on
# random tokens that come twice:

# %%
from llmlib.demonstrations.attention import costs

every = [(layer, head) for layer in range(30) for head in range(9)]
short = repeated(seed=0, half=16, n=1)
cost_of = dict(zip(every, costs(model, short, every, torch.zeros_like)))
show(plots.ranking(cost_of))
top = sorted(cost_of, key=cost_of.get, reverse=True)[:6]

# %% [markdown]
# On one short text, a head may come first by luck. So we *select* the six costliest here, and *test* them on other texts
# from now on.
#
# Are these six the heads that copy? Two things could mislead you: zeroing any head may do damage, and zero is not neutral.
# The second you have solved, by your `replacement`. For the first, choose controls.

# %% [markdown]
# ### Experiment 3.9 · `control_heads` · ●●○ · 40 min
#
# Zeroing *any* head may do damage, whatever the head is used for. For each head in question, choose a **control**: a
# head to zero in its place, for comparison.
#
# - `targets` list of `(layer, head)`: the heads in question
# - `sizes` `[n_layer, n_head]`: the mean length of what each head writes
# - returns list of `(layer, head)`: one control for each target, in the order of the targets. A control is none of the
#   targets, and no head is the control of two
#
# What should a control have in common with its target? There is more than one good answer. The check tries yours on
# made-up models in which *no* head copies. There a control must cost about as much as its target, between half and
# twice as much. Otherwise the target looks special only because of its control.
#
# By hand, for one target in two made-up models:
#
#         target costs    your control costs    the target looks    no head copies, so this is
#         4.0 nats        3.5 nats              like any other      right
#         4.0 nats        0.3 nats              special             wrong
#
# <details><summary>Hint 1</summary>
#
# What do you know about a head before anything is zeroed? Each of these may be a reason why losing it is costly.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Start from all pairs `(layer, head)`, leave out those that must not be chosen, and let `min(pairs, key=…)` find the one that
# suits a target best. The `key` is your decision. If it allows other layers than the target's, near means one layer away: the
# made-up models have nine layers, and cost may change after three.
#
# </details>


# %% solution control_heads
def control_heads(targets, sizes):
    """A control for each of `targets`, a list of (layer, head), to be zeroed in its
    place: sizes [n_layer, n_head] -> list of (layer, head)."""
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


# %% test control_heads points=0
from exercises import check
from exercises import attention as cases

cases.check_control_heads(control_heads)
### BEGIN HIDDEN TESTS
for _seed in range(11, 17):
    _sizes, _place = cases.made_up_model(_seed, n_head=(6, 9)[_seed % 2])
    _targets = [(4, _seed % 6), (1, 3), (7, 0)]
    for _cost, _what in (
        (_place, "place"),
        (_sizes, "size"),
        (_sizes * _place, "both"),
    ):
        _why = cases.fooled(control_heads, _targets, _sizes, _cost)
        check.equal(
            _why,
            "",
            f"in a made-up model without a head that copies, where the cost depends on "
            f"{_what}, your control makes a target look special",
        )
### END HIDDEN TESTS

# %% [markdown]
# On six new, longer texts, measure the cost of the six heads in three ways.

# %%
predict(
    "survive",
    "Of what zeroing costs, added up over those of the six in layers 0 to 2, which "
    "share does your replacement keep, from 0 to 1?",
    yours=0.8,
)

# %%
from llmlib.demonstrations.attention import write_sizes

longer = repeated(seed=1, half=25, n=6)
sizes = write_sizes(model, longer)
controls = control_heads(top, sizes)
tested = {
    "zeroed": costs(model, longer, top, torch.zeros_like),
    "its control, zeroed": costs(model, longer, controls, torch.zeros_like),
    "your replacement": costs(model, longer, top, replacement),
}
show(plots.paired([f"{n}.{h}" for n, h in top], tested, "cost (nats)"))
print("head   control   it writes   of the cost, it costs   your replacement keeps")
for target, control, zero, other, typical in zip(top, controls, *tested.values()):
    print(
        f"{'.'.join(map(str, target)):<7}{'.'.join(map(str, control)):<10}"
        f"{sizes[control] / sizes[target]:.1f} times   {other / zero:>7.2f}   "
        f"{typical / zero:>20.2f}"
    )
early = [number for number, (layer, _) in enumerate(top) if layer < 3]
cost_by = {name: sum(cost[n] for n in early) for name, cost in tested.items()}
kept = cost_by["your replacement"] / cost_by["zeroed"]
reveal("survive", round(kept, 2), within=0.15)

# %% [markdown] reveals="survive"
# **Zeroing made six heads look needed for copying.** Your replacement says otherwise. Added up over layers 0 to 2,
# it costs less than zero does: that part of the damage was the loss of something that is the same at every position. For
# a single head it can be the other way round: on some texts 1.3 costs *more* replaced than zeroed. It also depends on what you call
# typical; your table shows it.
#
# **16.0 keeps its cost**, on other texts as well. **No fair control for it exists in its layer**, since on these texts
# it writes about twice as much as any other head there. So the replacement is the proof, not the control. And
# where a control costs a good part of what its target costs, zeroing does damage whatever the head is used for.
#
# To copy *random* tokens well, the model needs what 16.0 says about each token in particular. Heads that cost little when
# zeroed were not tried.

# %% [markdown]
# ### Does an attention peek? · 30 min
#
# You cannot always read the code of an attention. Its outputs tell, too.

# %% [markdown]
# ### Experiment 3.10 · `looks_ahead` · ●●○ · 20 min
#
# Write the measurement that exposes an attention which peeks, from its outputs alone. Change the input at one position,
# `changed`, and run again. In an honest attention only outputs **at that position and after it** can move. If one
# *before* it moved, that position has seen the future.
#
# `before` and `after` are the outputs of the two runs, `[seq, head_dim]` each. Return the list of positions smaller
# than `changed`, as ints and in order, whose output moved: by more than `1e-5` in at least one column. Smaller
# differences are rounding. An empty list means that nobody peeked at this position, by more than rounding.
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


# %% test looks_ahead points=0
import torch

from exercises import check
from exercises import attention as cases

cases.check_looks_ahead(looks_ahead)
### BEGIN HIDDEN TESTS
for _seed, _seq, _changed in ((11, 5, 0), (12, 9, 8), (13, 7, 3), (16, 12, 6)):
    _past = torch.ones(_seq, _seq).tril().bool()
    _ahead = torch.ones(_seq, _seq).tril(1).bool()
    check.equal(
        cases.peeked(
            looks_ahead, *cases.outputs(_seq, _changed, _seed, allowed=_past), _changed
        ),
        [],
        "an honest attention: nobody peeked",
    )
    check.equal(
        cases.peeked(looks_ahead, *cases.outputs(_seq, _changed, _seed), _changed),
        list(range(_changed)),
        "no mask: every position before the changed one peeked",
    )
    check.equal(
        cases.peeked(
            looks_ahead, *cases.outputs(_seq, _changed, _seed, allowed=_ahead), _changed
        ),
        list(range(_changed))[-1:],
        "a mask one column too far: only the position right before the changed one "
        "peeked",
    )
    check.equal(
        cases.peeked(
            looks_ahead,
            *cases.outputs(_seq, _changed, _seed, allowed=_past, after_softmax=True),
            _changed,
        ),
        list(range(_changed)),
        "masked after the softmax: every position before the changed one peeked, "
        "through the denominator",
    )
    _rest = torch.rand(_seq, 3, generator=torch.Generator().manual_seed(_seed))
    _moved = _rest - torch.tensor([0.0, 0.0, 0.25]) * (torch.arange(_seq)[:, None] % 2)
    check.equal(
        cases.peeked(looks_ahead, _rest, _moved, _changed),
        list(range(1, _changed, 2)),
        "a movement downwards in the last column alone is a movement too",
    )
### END HIDDEN TESTS

# %% [markdown]
# One of these attentions is honest:


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
vectors, other = torch.randn(2, 6, 8, generator=generator)  # q, k and v at once
for suspect in (suspect_a, suspect_b, suspect_c, suspect_d):
    print(suspect.__name__, end="")
    for changed in (1, 3, 5):
        edited = vectors.clone()
        edited[changed] = other[changed]
        peeked = looks_ahead(
            suspect(*vectors.repeat(3, 1, 1)), suspect(*edited.repeat(3, 1, 1)), changed
        )
        print(f"   change {changed}: {str(peeked):<16}", end="")
    print()

# %% [markdown]
# Suspect A is honest. B masks after the softmax, C is off by one, D has no mask. The same test finds the leak in a whole model:

# %%
ids = torch.tensor(model.tokenizer.encode("The cat sat on the mat"))
edited = ids.clone()
edited[4] = model.tokenizer.encode(" my")[0]
unmasked = model.using(mask=lambda seq, start=0: torch.ones(seq, start + seq).bool())
print("SmolLM2: peeked at by", looks_ahead(model(ids)[0], model(edited)[0], 4))
print("unmasked:", looks_ahead(unmasked(ids)[0], unmasked(edited)[0], 4))

# %% [markdown]
# ### Copying, being learned · 15 min
#
# Train three models whose layers are nothing but your `attend`, for 300 steps on random tokens, written twice: one layer with texts
# of one length, one layer with varying lengths, two layers with varying lengths.

# %%
predict(
    "layers",
    "Which of them learn to repeat?",
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
for name, (losses, nine) in runs.items():
    end = sum(losses[-20:]) / 20
    end = f"{end:.1f}" if end > 1 else "below 0.5" if end < 0.5 else "below 1"
    nine = f"{nine:.0f}" if nine > 1 else "below 1"
    print(f"{name:<32} loss at the end {end:<9} on 9 + 9 tokens {nine}")
curves = {name: losses for name, (losses, _) in runs.items()}
show(plots.learning(curves, chance=math.log(32)))
learned = tuple(losses[-1] < 1 for losses in curves.values())
reveal("layers", {(True, True, True): "A", (False, False, True): "B"}.get(learned, "C"))

# %% [markdown] reveals="layers"
# For a hundred steps or more, two layers do only a little better than one. Then, within about sixty, they learn it. One layer
# does not learn it in 300 steps, **unless the length never changes**. Then "look eleven tokens back" is enough: on 9 + 9 tokens that model is worse than
# guessing. If a model must not rely on something,
# vary it in training.

# %% [markdown]
# ### Recurrent networks · 20 min
#
# ![Left, a chain: four words, each read into a memory that hands on to the next. Right, each looks back at all: every word has arrows straight back to all words before it.](attachment:chain.png)
#
# On the left an arrow carries information; on the right it points at the word being read.
#
# Before 2017, most neural language models were *recurrent networks* (RNNs). They carry one vector of memory, $h$, from token to token: $h_t = \tanh(W x_t + U h_{t-1})$. A message
# from 50 steps back passes through $U$ as many times. How much would the last output change if an early input did? That is the
# input's *gradient*. Here is its size, by distance, for five untrained networks: a plain RNN; one whose $U$ is a rotation; an *LSTM*, whose *forget
# gate* decides how much memory to keep; one whose gate starts nearly open; attention.

# %%
from llmlib.demonstrations.attention import READERS, gradient_back

torch.set_num_threads(1)  # little to share in products this small
curves = {name: gradient_back(make) for name, make in READERS.items()}
torch.set_num_threads(2)
show(plots.gradients(curves))

# %% [markdown]
# Initialised as usual, the RNN and the LSTM lose what was said 50 steps ago. **Here the LSTM with its gate open carries
# the signal as evenly as attention does**: fading can be cured. What remains is that every step must wait, because it needs the $h$ that
# the step before computed. A rotation keeps lengths, but the tanh after it does not. Attention compares all pairs of
# tokens in one matrix product. It does *more* multiplications, not fewer:

# %%
d_model = 64
print("          multiplications           products that must wait for each other")
print("length         RNN   attention      RNN   attention")
for seq in (64, 128, 256, 512):
    pairs = 4 * seq * d_model**2 + 2 * seq**2 * d_model
    print(f"{seq:>6} {2 * seq * d_model**2:>11,} {pairs:>11,} {seq:>8} {4:>11}")

# %% [markdown]
# But only four products wait for each other, however long the text. On parallel hardware, that lets a model
# be trained on far more text in the same time. The price: twice the text is more than twice the work.
#
# <details><summary>Small print: how far the cure goes</summary>
#
# "Here" means memories of 64 numbers and 50 steps. With 16 numbers and 300 steps, the gradient of the same open LSTM
# falls more than a hundredfold, and that of attention stays level from one step back on. The gradient through attention is small too: the last token
# divides its attention among 51. The LSTM is Hochreiter & Schmidhuber's (1997), its forget gate Gers, Schmidhuber &
# Cummins' (2000).
#
# </details>

# %% [markdown]
# ### Reading another text: cross-attention · 20 min
#
# ![Left, an encoder reads le chat dort; a decoder writes, with causal self-attention over the cat sleeps and cross-attention whose keys and values come from the encoder. Right, a decoder alone reads source and target as one text.](attachment:encoder_decoder.png)
#
# The first transformer (Vaswani et al. 2017) was built for translation. Its **encoder** reads the sentence to
# translate, in the drawing a French one, without a mask. Its **decoder** writes the translation: a causal self-attention over what is written so far, then a
# **cross-attention** with queries from the text being written, keys and values from the text being read. SmolLM2 is
# **decoder-only**: source and target become one text.

# %% [markdown]
# ### Exercise 3.11 · `cross_attention` · ●●○ · 15 min
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
#         weights       1/2        1/2
#         output    1/2 · 1  +  1/2 · 3  = 2, so [[[2]]]
#
# Not allowed: torch's ready-made attention. Use your own from Exercise 3.1.
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


# %% test cross_attention points=0
import torch

from exercises import check
from exercises import attention as cases

cases.check_cross_attention(cross_attention)
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
