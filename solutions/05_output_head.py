# %% [markdown] makes="logits" shape="[batch, seq, vocab]"
# # 5 · Output head
#
# A vector becomes a score for every token, the scores become probabilities, and one number says how good they were.
#
# ![Three steps. Bars of four logits, 4.0 for blue, then 2.5, 2.0 and 0.5. Softmax makes them probabilities: 0.72 for blue, 0.16, 0.10 and 0.02. The curve of minus ln p falls from above 3 to 0; blue came, and its loss is marked at 0.33.](attachment:from_vector_to_loss.png)
#
# **You will build** the last step of the engine, which turns a vector into a score for every token (exercise 5.1) and
# the scores into probabilities (5.2); the loss, which says how good those probabilities were (5.3 to 5.5); and what
# makes them better: a gradient (5.6), a learning rate (5.7), the step of AdamW (5.8) and the training loop around them
# (5.9). Your first two functions run on SmolLM2; your loop trains a model from nothing.
#
# **You need** notebooks 1 to 4: tokens, embedding tables, attention, the residual stream and RMSNorm. From
# mathematics: logarithms, and a derivative as "how much does this change if I change that?".
#
# **It takes** about two hours and a half, 100 minutes of them at the nine exercises.

# %% given setup folded="Set-up: math, numpy, torch"
import math

import numpy as np
import torch

# %% [markdown]
# ## The real thing first
#
# A prompt that everybody can complete. It goes through all 30 layers; the vector at its last position becomes 49,152
# scores, and those become probabilities.

# %% folded="Set-up: the real model, its tokenizer, and pictures"
from dataclasses import replace
from importlib import resources

from llmlib import pretrained
from llmlib.course.predict import predict, predictions, reveal
from llmlib.generation import top_tokens
from llmlib.plots import output_head as plots, show
from llmlib.tokens import Tokenizer

torch.set_num_threads(2)
model = pretrained.load("smollm2")
tokenizer = model.tokenizer

# %%
predict(
    "star",
    "'Twinkle, twinkle, little': how probable is ' star', from 0 to 1?",
    yours=0.9,
)


# %%
def print_top(prompt, n=5):
    logits = model(tokenizer.encode(prompt))[0, -1]
    print(repr(prompt))
    best = top_tokens(model, logits, n)
    for token_id, text, p in best:
        print(f"   {text!r:<12}{p:.4f}   {'█' * round(40 * p)}")
    return best


star = print_top("Twinkle, twinkle, little")[0][2]
reveal("star", star, within=0.1)

# %% [markdown] reveals="star"
# A model never says *the* next token. It says how probable each of the 49,152 is, here and after every other prompt.
# This notebook is about that list: how it is made, how to say how good it is, and how to make it better. (Choosing one
# token from it is notebook 6.)

# %% [markdown]
# ## 5.1 From a vector to one score per token
#
# After the last layer each position holds a vector $x$ of `d_model` numbers (576 in SmolLM2). Two things are
# done with it:
#
# 1. **The final norm.** One more RMSNorm (notebook 4) brings $x$ to the size that the next step was trained on.
# 2. **The unembedding.** The dot product of $x$ with *every row* of a table `[vocab, d_model]` gives one number per
#    token, its **logit**. A dot product is length times length times cosine: a logit is large where $x$ points along
#    that token's row, and at the same angle a longer row takes it further from 0.
#
# The table is often the embedding table itself (*tied weights*, Press & Wolf 2016): the row that says what a token
# means on its way in is what the output is compared with on its way out. SmolLM2 and GPT-2 both do this.
#
# ### Exercise 5.1 · `unembed` · ●○○ · 5 min
#
# | | shape | |
# |---|---|---|
# | `x` | `[..., d_model]` | vectors, any number of leading dimensions |
# | `table` | `[vocab, d_model]` | one row a token |
# | returns | `[..., vocab]` | entry $v$ is the dot product of the vector with row $v$ |
#
# By hand: `x = [1, 2]` and the table with the rows `[1, 0]`, `[0, 1]`, `[1, 1]` give the logits `[1, 2, 3]`.
#
# Not allowed: `llmlib.output_head.unembed`.
#
# <details><summary>Hint 1</summary>
#
# A matrix product takes rows of the left and *columns* of the right. Here both hold vectors as rows.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Turn the table on its side: its shape must become `[d_model, vocab]`. `@` works with any number of leading
# dimensions.
#
# </details>


# %% solution unembed disallowed=["llmlib.output_head.unembed"]
def unembed(x, table):
    """Logits, one per token of the vocabulary: x [..., d_model], table [vocab, d_model]
    -> [..., vocab]."""
    ### BEGIN SOLUTION
    return x @ table.T
    ### END SOLUTION


# %% test unembed points=1
import torch

from llmlib.course import check

_square = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
_got = unembed(torch.tensor([[1.0, 3.0]]), _square)
check.that(
    isinstance(_got, torch.Tensor), "return a tensor of logits: is there a return?"
)
check.that(
    not (_got.shape == (1, 2) and _got.flatten().tolist() == [6.0, 1.0]),
    "compare x with the rows of the table: transpose it",
)
check.equal(
    [unembed(torch.ones(_shape), _square).dim() for _shape in ((1, 2), (2,))],
    [2, 1],
    "keep the leading dimensions: x [1, 2] has logits [1, vocab], x [2] has [vocab]",
)
_table = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
_got = unembed(torch.tensor([1.0, 2.0]), _table)
check.that(
    tuple(_got.shape) != (2,),
    "there must be one logit per row of the table (3 here), not one per column",
)
check.that(
    abs(float(_got.sum()) - 1) > 1e-3,
    "logits are plain dot products: leave the softmax to the next step",
)
check.close(
    _got,
    torch.tensor([1.0, 2.0, 3.0]),
    "logit v is the dot product of x with row v of the table, with no scaling",
)
check.close(
    unembed(torch.tensor([[1.0, 3.0]]), _square),
    torch.tensor([[3.0, 2.0]]),
    "compare x with the rows of the table: transpose it",
)
_x = torch.arange(12.0).reshape(2, 3, 2)
check.close(
    unembed(_x, _table),
    torch.stack([_x[..., 0], _x[..., 1], _x.sum(-1)], dim=-1),
    "keep the leading dimensions: every position gets its own logits",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(51)
for _shape in [(7,), (1, 7), (3, 5, 7), (2, 1, 4, 7)]:
    _x, _table = torch.randn(_shape, generator=_g), torch.randn(11, 7, generator=_g)
    check.close(
        unembed(_x, _table),
        torch.nn.functional.linear(_x, _table),
        "every position gets one dot product per row of the table",
        atol=1e-4,
    )
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** Leaving out the final norm is a bug that does not crash. The norm does two things: it
# divides $x$ by its size (the root of the mean square), and it multiplies each entry by a learned number, its gain.

# %%
predict(
    "norm",
    "The final norm is left out. What happens to the five likeliest tokens?",
    {
        "A": "other tokens altogether",
        "B": "mostly the same, in another order",
        "C": "the same tokens, with other probabilities",
    },
    yours="B",
)


# %%
def last_vector(prompt):
    """The residual stream [576] at the prompt's last position, after all layers."""
    seen = []

    def watching(x, **functions):
        seen.append(model.parts.block(x, **functions))
        return seen[-1]

    model.using(block=watching)(tokenizer.encode(prompt))
    return seen[-1][0, -1]


def final_norm(x):
    return model.parts.norm(x, *model.weights.norm, model.config.eps)


stream = last_vector("Twinkle, twinkle, little")
table, (gains,) = model.weights.unembedding, model.weights.norm
size = stream.square().mean().sqrt()
heads = {
    "the whole norm": final_norm(stream),
    "left out": stream,
    "only divided": stream / size,
    "only the gains": stream * gains,
}
tops = {}
for name, x in heads.items():
    best = top_tokens(model, unembed(x, table))
    tops[name] = {text for _, text, _ in best}
    print(f"{name:<16}" + "  ".join(f"{text!r} {p:.4f}" for _, text, p in best[:4]))
common = len(tops["the whole norm"] & tops["left out"])
reveal("norm", "A" if common == 0 else "C" if common == 5 else "B")

lengths = table.norm(dim=1)
print(f"\nsize of x before the norm: {size:.2f}")
print(f"gains: {gains.min():.2f} to {gains.max():.2f}")
print(f"rows of the table are {lengths.min():.1f} to {lengths.max():.1f} long")
print("unembedding and embedding, one tensor:", table is model.weights.embedding)
print(f"weights that tying saves: {table.numel():,}")

# %% [markdown] reveals="norm"
# The two halves of the norm do different things. The **gains** turn $x$: without them other tokens win. The
# **division** leaves the direction of $x$ alone, and so the order of the tokens, but it sets how sure the model sounds:
# without it all logits are 26 times too large, and everything goes to the first.

# %% [markdown]
# Row $v$ of the table belongs to the token with id $v$ *of this tokenizer*, and to no other. A table that circulates
# says that 12 is "I", 451 "it", 119 "there", 340 "the" and 756 "we". Ask GPT-2's tokenizer, and SmolLM2's:

# %%
gpt2 = Tokenizer.gpt2()
said = {12: "I", 451: "it", 119: "there", 340: "the", 756: "we"}
for i, word in said.items():
    theirs, ours = gpt2.token_bytes(i), tokenizer.token_bytes(i)
    print(f"{i:>4}  said to be {word!r:<8} GPT-2: {theirs!s:<10} SmolLM2: {ours!s}")

# %% [markdown]
# Not one of the five holds, and 119 is not even a character in GPT-2's, only one byte of one.
#
# ## 5.2 Logits are not probabilities
#
# Logits can be negative, and they sum to nothing in particular. To become probabilities
# they are exponentiated (so all are positive) and divided by their sum (so they add up to 1):
#
# $$\mathrm{softmax}(z)_i = \frac{e^{z_i}}{\sum_j e^{z_j}}$$

# %%
predict(
    "shift",
    "Which of these changes the probabilities?",
    {
        "A": "adding 100 to every logit",
        "B": "doubling every logit",
        "C": "both",
        "D": "neither",
    },
    yours="B",
)

# %%
logits = torch.tensor([2.0, 1.0, 0.0, -1.0])
variants = {"as they are": logits, "plus 100": logits + 100, "doubled": 2 * logits}
probabilities = {name: torch.softmax(z, -1).tolist() for name, z in variants.items()}
show(
    plots.grouped_bars(
        ["token a", "token b", "token c", "token d"],
        probabilities,
        "probability",
        "The same logits, shifted and scaled",
    ),
    alt="Bars of four probabilities: adding 100 to all logits leaves them as they "
    "were; doubling the logits makes the first one larger, from 0.64 to 0.86.",
)
plain = torch.tensor(probabilities["as they are"])
plus, twice = (
    not torch.allclose(torch.tensor(probabilities[name]), plain, atol=1e-4)
    for name in ("plus 100", "doubled")
)
reveal("shift", "DBAC"[2 * plus + twice])

# %% [markdown] reveals="shift"
# Only *differences* between logits count: a shift multiplies every $e^{z_i}$ by the same factor, and the division
# takes it out again. So a logit alone, "7.2" say, tells you nothing. Doubling doubles the differences; you meet it
# again in notebook 6 as temperature.

# %% [markdown]
# The shift is also what makes softmax safe to compute:

# %%
z = 1000 * torch.tensor([2.0, 1.0, 0.0])
print("exp of 88 and 89 in float32:", torch.tensor([88.0, 89.0]).exp().tolist())
print("exp alone:                  ", (z.exp() / z.exp().sum()).tolist())
print("torch's softmax:            ", torch.softmax(z, -1).tolist())

# %% [markdown]
# ### Exercise 5.2 · `softmax` · ●●○ · 10 min
#
# | | shape | |
# |---|---|---|
# | `x` | any | logits of any size; some may be $-\infty$, but not all along `dim`; leave them as they are |
# | `dim` | | the dimension that is to sum to 1 (default: the last) |
# | returns | as `x` | not negative, summing to 1 along `dim` |
#
# By hand: `[0, ln 3]` has the exponentials 1 and 3, so its softmax is `[0.25, 0.75]`. And `[1000, 1000 + ln 3]` must
# give the same.
#
# Not allowed: `torch.softmax`, `torch.log_softmax`, `torch.nn.functional.softmax` and their kin, `Tensor.softmax`,
# `torch.logsumexp`, and llmlib's.
#
# <details><summary>Hint 1</summary>
#
# You may subtract any number from all logits of a row. Which one makes sure that no exponent is above 0?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `x.amax(dim=dim, keepdim=True)` is the largest entry along `dim`, in a shape that still lines up with `x`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `exps = torch.exp(x - largest)`, then divide by `exps.sum(dim=dim, keepdim=True)`. Without `keepdim` the division is
# along the wrong dimension, or fails.
#
# </details>


# %% solution softmax disallowed=["torch.softmax", "torch.log_softmax", "torch.logsumexp", "llmlib.output_head.softmax", "llmlib.output_head.log_softmax"]
def softmax(x, dim=-1):
    """exp(x) over its sum along `dim`, like x; the largest entry is subtracted first,
    so that exp cannot overflow."""
    ### BEGIN SOLUTION
    exps = torch.exp(x - x.amax(dim=dim, keepdim=True))
    return exps / exps.sum(dim=dim, keepdim=True)
    ### END SOLUTION


# %% given left_alone
def left_alone(function, first, *more):
    """The first argument after your function of that name has worked on it."""
    before = repr(more)
    eval(function)(first, *more)
    if repr(more) != before:
        raise ValueError(
            f"{function} has changed what it was given: leave the caller's lists and "
            "tensors as they are"
        )
    return first


# %% test softmax points=2
import math

import torch

from llmlib.course import check

_got = softmax(torch.tensor([0.0, math.log(3)]))
check.that(_got is not None, "softmax gave back None: is there a return?")
check.that(
    isinstance(_got, torch.Tensor),
    "return one tensor, like x: torch.stack makes one of a list",
)
check.that(
    bool((_got >= 0).all()),
    "probabilities are not negative: exponentiate before you divide (and return no "
    "logarithm)",
)
check.close(
    _got,
    torch.tensor([0.25, 0.75]),
    "softmax([0, ln 3]) is [1, 3] / 4: exponentiate with e, then divide by the sum",
)
check.close(
    left_alone("softmax", torch.tensor([1.0, -math.inf, 3.0])),
    [1.0, -math.inf, 3.0],
    "the caller's logits have changed: return a new tensor and leave x as it is",
)
_rows = softmax(torch.tensor([[0.0, 0.0], [0.0, math.log(3)]]))
check.close(
    _rows.sum(-1),
    torch.ones(2),
    "each row must sum to 1: take the sum along dim, with keepdim=True, not over the "
    "whole tensor",
)
_columns = softmax(torch.tensor([[0.0, 5.0], [math.log(3), 5.0 + math.log(3)]]), 0)
check.close(
    _columns,
    torch.tensor([[0.25, 0.25], [0.75, 0.75]]),
    "dim=0 asks for columns that sum to 1: use dim, for the maximum and for the sum, "
    "do not assume the last dimension",
)
check.equal(
    list(softmax(torch.zeros(1, 1, 3)).shape),
    [1, 1, 3],
    "the result has the shape of x, also where a dimension is 1: drop no dimension",
)
_large = softmax(torch.tensor([1000.0, 1000.0 + math.log(3)]))
check.that(
    not bool(torch.isnan(_large).any()),
    "large logits gave NaN: exp overflowed; subtract the maximum first",
)
check.close(
    _large,
    torch.tensor([0.25, 0.75]),
    "adding 1000 to every logit must change nothing: subtract the maximum, do not clip",
    atol=1e-3,
)
check.close(
    softmax(torch.tensor([300.0, 0.0, 0.0, 0.0])),
    torch.tensor([1.0, 0.0, 0.0, 0.0]),
    "one logit of 300 among zeros overflowed: subtract the largest, not the mean",
)
check.close(
    softmax(torch.tensor([-1000.0, -1000.0 + math.log(3)])),
    torch.tensor([0.25, 0.75]),
    "logits far below 0 gave no probabilities: subtract the largest as it is, not its "
    "absolute value, and clip nothing",
    atol=1e-3,
)
_far = softmax(
    torch.tensor(
        [[0.0, math.log(3)], [-1000.0, -1000.0 + math.log(3)], [1000.0, 1000.0]]
    )
)
check.close(
    _far[1],
    torch.tensor([0.25, 0.75]),
    "a row far below the others vanished: subtract the maximum of each row, not of the "
    "whole tensor",
    atol=1e-3,
)
_barred = softmax(torch.tensor([0.0, -math.inf, 0.0]))
check.close(
    _barred,
    torch.tensor([0.5, 0.0, 0.5]),
    "a logit of -inf (a forbidden token) gets exactly 0",
)
check.that(
    _barred[1] == 0,
    "a logit of -inf (a forbidden token) got a tiny probability, not exactly 0: it "
    "could still be drawn, so clip nothing and add nothing",
)
check.close(
    softmax(torch.tensor([0.0, -20.0]))[1] * math.exp(20),
    1.0,
    "a logit 20 below the best has the probability 2e-9, not 0: round nothing",
    atol=1e-3,
)
check.close(
    softmax(torch.zeros(4, dtype=torch.float64)),
    torch.full((4,), 0.25, dtype=torch.float64),
    "four equal logits get exactly 1/4 each: add nothing to the sum that you divide by",
    atol=1e-10,
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(52)
for _scale in (1, 30, 1000):
    _x = torch.randn(3, 4, 6, generator=_g) * _scale
    for _dim in (-1, 0, 1):
        check.close(
            softmax(_x, _dim),
            torch.nn.functional.softmax(_x, _dim),
            "softmax must hold along any dim and for logits of any size: subtract the "
            "maximum along dim",
        )
check.close(
    softmax(torch.tensor([-200.0, -201.0])),
    torch.softmax(torch.tensor([0.0, -1.0]), 0),
    "logits far below 0 gave no probabilities: subtract the maximum first",
)
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model**: your two functions, from the vector to the table of the opening.

# %%
p = softmax(unembed(final_norm(stream), table))
best = torch.topk(p, 5)
print(
    "  ".join(
        f"{tokenizer.decode([i])!r} {v:.4f}"
        for v, i in zip(best.values.tolist(), best.indices.tolist())
    )
)
print(
    f"all {p.numel():,} probabilities sum to {p.sum():.4f}; the "
    f"{int((p < 1e-6).sum()):,} least likely tokens share {p[p < 1e-6].sum():.4f}"
)

# %% [markdown]
# ## 5.3 How wrong was it? The loss
#
# A model is trained on one question, asked again and again: *what comes next in this text?* The answer is known,
# since the text goes on. So a good model is one that gave high probabilities to the tokens that came. By the chain rule
# of probability, the probability of the whole text is their product:
#
# $$p(\text{text}) = p(t_1) \cdot p(t_2 \mid t_1) \cdot p(t_3 \mid t_1, t_2) \cdots$$
#
# ($p(a \mid b)$: the probability of $a$ once $b$ has come. The table below starts at the second token, since nothing
# stands before the first; section 5.4 puts an end-of-text token there.)

# %%
sentence = "Water boils at one hundred degrees Celsius at sea level."
ids = tokenizer.encode(sentence)
p = softmax(model(ids)[0])  # seq vocab
product, nats = 1.0, 0.0
print("token        p of it    product so far     -ln p    sum so far")
for i in range(1, len(ids)):
    said = p[i - 1, ids[i]].item()  # row i - 1 has seen the tokens before ids[i]
    product, nats = product * said, nats - math.log(said)
    print(
        f"{tokenizer.decode([ids[i]])!r:<12}{said:>8.2g}{product:>18.1e}"
        f"{-math.log(said):>10.2f}{nats:>14.2f}"
    )
print(f"exp(-{nats:.2f}) = {math.exp(-nats):.1e}")

# %% [markdown]
# The product says it all, but after a page it is smaller than any float that is not 0. Its logarithm is not: **a
# logarithm turns the product into a sum**. With a minus in front it is the **loss** of a token, $-\ln p$, in *nats*: 0
# if the model was certain and right, $\ln 2 = 0.69$ for $p = \tfrac12$, and without bound as $p$ approaches 0. The mean
# over the tokens of a text is the **cross-entropy**. (Section 5.4 gives a second reason for the logarithm.)
#
# Pull on the logits, and say which token came. What happens to the loss when another logit rises?

# %% tags=["nbval-ignore-output"]
from llmlib.widgets import loss_lab

words, some_logits = ["blue", "grey", "clear", "green"], [4.0, 2.5, 2.0, 0.5]
show(
    plots.logits_to_loss(
        words, some_logits, softmax(torch.tensor(some_logits)).tolist()
    ),
    widget=loss_lab(softmax, words, some_logits),
    alt="Bars of four logits, the probabilities that softmax makes of them, and the curve "
    "of −ln p with the loss of blue, 0.33.",
)

# %% [markdown]
# Look at the line in the cell that says `i - 1`. Because of the causal mask (notebook 3) the row at each position is
# blind to what follows. So *one* pass over a text of $n$ tokens asks $n - 1$ questions at once, each with the true
# text before it (*teacher forcing*). It is sometimes said that a GPT is trained by picking positions at random and
# predicting those. There is no need to: **every position is a training example.** (BERT does pick at random: it has no
# causal mask, so it must hide the words that it is asked for.) What remains is to line up questions and answers.
#
# ### Exercise 5.3 · `next_token_pairs` · ●○○ · 5 min
#
# - **In:** `ids` `[batch, seq]`, whole numbers.
# - **Out:** a pair `(inputs, targets)`, both `[batch, seq - 1]`: what the model reads, and at the same place what it
#   should say next.
#
# By hand: `[[10, 20, 30, 40]]` gives `([[10, 20, 30]], [[20, 30, 40]])`: after 10 comes 20, after 20 comes 30, after
# 30 comes 40.
#
# Not allowed: `llmlib.output_head.next_token_pairs`.
#
# <details><summary>Hint 1</summary>
#
# The last token has no known successor, so it is never an input; the first has no predecessor, so it is never a
# target.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `ids[:, :-1]` is everything but the last column.
#
# </details>


# %% solution next_token_pairs disallowed=["llmlib.output_head.next_token_pairs"]
def next_token_pairs(ids):
    """Inputs and targets for training: ids [batch, seq] -> two tensors [batch, seq -
    1], the targets one place ahead."""
    ### BEGIN SOLUTION
    return ids[:, :-1], ids[:, 1:]
    ### END SOLUTION


# %% test next_token_pairs points=1
import torch

from llmlib.course import check

_ids = torch.tensor([[10, 20, 30, 40], [1, 2, 3, 4]])
_got = next_token_pairs(_ids)
check.that(
    isinstance(_got, (tuple, list))
    and len(_got) == 2
    and all(isinstance(each, torch.Tensor) for each in _got),
    "return two tensors: inputs and targets",
)
_inputs, _targets = _got
check.that(
    not (_inputs.is_floating_point() or _targets.is_floating_point()),
    "inputs and targets are ids, whole numbers: as floats they cannot be looked up",
)
check.that(
    tuple(_inputs.shape) == (2, 3),
    "inputs must be [batch, seq - 1]: all but the last token of each row (the batch "
    "stays whole)",
)
check.that(
    tuple(_targets.shape) == (2, 3),
    "targets must be [batch, seq - 1]: all but the first token of each row",
)
check.that(
    _inputs.tolist() != _targets.tolist(),
    "inputs and targets are the same: a model could copy its input; shift the targets "
    "by one",
)
check.that(
    _inputs.tolist() != [[20, 30, 40], [2, 3, 4]],
    "inputs and targets are swapped: the input is what comes before",
)
check.close(
    _inputs,
    torch.tensor([[10, 20, 30], [1, 2, 3]]),
    "the inputs are all tokens but the last",
)
check.close(
    _targets,
    torch.tensor([[20, 30, 40], [2, 3, 4]]),
    "the target at each position is the very next token of the same row",
)
check.close(
    next_token_pairs(_ids + 5)[1],
    torch.tensor([[25, 35, 45], [7, 8, 9]]),
    "other ids of the same shape: keep nothing between calls",
)
check.close(
    next_token_pairs(torch.tensor([[7, 1, 7, 2]]))[1],
    torch.tensor([[1, 7, 2]]),
    "a row may hold a token twice, each time with another one after it: go by the "
    "position, do not look the token up",
)
check.close(
    list(next_token_pairs(torch.tensor([[40000, 300, 49151]]))),
    [torch.tensor([[40000, 300]]), torch.tensor([[300, 49151]])],
    "SmolLM2's ids go up to 49151: keep the dtype of ids, a smaller one has no room "
    "for them",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(53)
for _shape in [(1, 2), (3, 9), (5, 4)]:
    _ids = torch.randint(50000, _shape, generator=_g)
    _inputs, _targets = next_token_pairs(_ids)
    check.that(
        tuple(_inputs.shape) == (_shape[0], _shape[1] - 1),
        "inputs must be [batch, seq - 1]: all but the last token of each row (the "
        "batch stays whole)",
    )
    for _row in range(_shape[0]):
        for _i in range(_shape[1] - 1):
            check.equal(
                [int(_inputs[_row, _i]), int(_targets[_row, _i])],
                [int(_ids[_row, _i]), int(_ids[_row, _i + 1])],
                "the target at each position is the very next token of the same row",
            )
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 5.4 · `cross_entropy` · ●●○ · 20 min
#
# | | shape | |
# |---|---|---|
# | `logits` | `[..., vocab]` | leave them as they are |
# | `targets` | `[...]` | the id of the true next token at each position, or `ignored`; leave them, too |
# | `ignored` | | positions with this target do not count at all (default: −100, as in PyTorch) |
# | returns | `[]` | the mean of $-\ln p(\text{target})$ over the positions that count, in nats |
#
# By hand: two positions, two tokens, logits `[[0, ln 3], [0, 0]]`, targets `[1, 0]`. The probabilities of the targets
# are 0.75 and 0.5, so the loss is $(-\ln 0.75 - \ln 0.5)/2 = (0.2877 + 0.6931)/2 = 0.4904$. A third position with
# target −100 changes nothing, whatever its (finite) logits. At least one position counts.
#
# Taking the logarithm of your `softmax` is right on paper, but a probability of $10^{-50}$ is rounded to 0 in
# float32, and $\ln 0$ is $-\infty$. Put the logarithm in before anything is rounded away:
# $-\ln \mathrm{softmax}(z)_t = m + \ln\sum_j e^{z_j - m} - z_t$, with $m$ the largest logit and $t$ the target.
#
# Stay with torch's operations (no `.item()`, `.tolist()`, `.detach()` or numpy): from section 5.7 on, a gradient has
# to find its way back through this function. (A small given cell lets the check see whether it does.)
#
# Not allowed: the losses and log-softmaxes of torch and llmlib, and `torch.logsumexp`.
#
# <details><summary>Hint 1</summary>
#
# Four steps: log-probabilities of all tokens; which positions count; the target's log-probability at each; the mean
# over those that count, with a minus. An id of −100 is no index: first put some other id in its place, or leave those
# positions out.
#
# </details>
# <details><summary>Hint 2</summary>
#
# With `shifted = logits - logits.amax(-1, keepdim=True)`, the log-probabilities are
# `shifted - shifted.exp().sum(-1, keepdim=True).log()`. `counts = targets != ignored` is a mask, and `logits[counts]`
# are the rows that count, `[n, vocab]`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# On `[n, vocab]` rows and `[n]` targets, `log_p.gather(-1, targets[:, None])` picks one entry a row, shape `[n, 1]`.
#
# </details>


# %% solution cross_entropy disallowed=["torch.nn.functional.cross_entropy", "torch.nn.functional.nll_loss", "torch.log_softmax", "torch.logsumexp", "llmlib.output_head.cross_entropy", "llmlib.output_head.token_losses", "llmlib.output_head.log_softmax"]
def cross_entropy(logits, targets, ignored=-100):
    """Mean of -log p(target) in nats, over the positions whose target is not `ignored`:
    logits [..., vocab], targets [...] (ids) -> a scalar."""
    ### BEGIN SOLUTION
    counts = targets != ignored
    logits, targets = logits[counts], targets[counts]
    shifted = logits - logits.amax(dim=-1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=-1, keepdim=True).log()
    return -log_p.gather(-1, targets[:, None]).mean()
    ### END SOLUTION


# %% given gradient_through_loss
def gradient_through_loss(logits, targets):
    """The gradient that finds its way back through your cross_entropy to the logits, or
    None."""
    logits = logits.clone().requires_grad_()
    targets = torch.stack([targets, targets], dim=1)[:, 0]  # a slice, as in training
    with torch.enable_grad():  # whatever other cells have set
        loss = cross_entropy(logits, targets)
    if not (isinstance(loss, torch.Tensor) and loss.requires_grad):
        return None
    loss.backward()
    return logits.grad


# %% test cross_entropy points=3
import math

import torch

from llmlib.course import check

_logits, _targets = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]), torch.tensor([1, 0])
_got = cross_entropy(_logits, _targets)
check.that(
    isinstance(_got, torch.Tensor) and _got.shape == (),
    "return one number, a tensor of no dimensions: the mean over all positions",
)
check.that(float(_got) > 0, "a loss is positive: -log p, with the minus")
check.that(
    abs(float(_got) - 0.9808) > 1e-3,
    "that is the sum of the losses: take the mean, so that long texts do not look "
    "worse",
)
check.that(
    abs(float(_got) - 0.7075) > 1e-3, "that is in bits: use the natural logarithm"
)
check.that(
    abs(float(_got) - 0.2452) > 1e-3,
    "divide by the number of positions, not by the number of logits",
)
check.close(
    _got,
    0.4904,
    "the mean of -ln 0.75 and -ln 0.5 is 0.4904: pick the target's probability at each "
    "position",
    atol=1e-4,
)
check.close(
    cross_entropy(torch.zeros(2, 3, 7), torch.zeros(2, 4, dtype=torch.long)[:, 1:]),
    math.log(7),
    "a uniform guess among 7 tokens costs ln 7 at each position, for any leading "
    "dimensions",
    atol=1e-4,
)
_got = cross_entropy(torch.tensor([[2000.0, 0.0]]), torch.tensor([1]))
check.that(
    math.isfinite(float(_got)),
    "logits of 2000 and 0 gave infinity or NaN: subtract the maximum, and never take "
    "the logarithm of a rounded probability",
)
check.close(
    _got,
    2000.0,
    "the loss of a token 2000 below the best is 2000: do not clip the probability, and "
    "add nothing to it",
    atol=0.01,
)
_far = torch.tensor([[0.0, math.log(3)], [1000.0, 1000.0]])
check.close(
    cross_entropy(_far, torch.tensor([1, 0])),
    0.4904,
    "a row far below the others must keep its loss: subtract the maximum of each row, "
    "not of the whole tensor",
    atol=1e-3,
)
_three = torch.tensor([[0.0, math.log(3)], [0.0, 0.0], [3.0, -1.0]])
_got = float(cross_entropy(_three, torch.tensor([1, 0, -100])))
check.that(
    abs(_got - 2 * 0.4904 / 3) > 1e-3,
    "a position with target -100 adds no loss, but it must not be counted either: "
    "divide by 2 positions here, not by 3",
)
check.close(
    _got,
    0.4904,
    "a position with target -100 does not count: leave it out of the mean",
    atol=1e-4,
)
check.close(
    left_alone("cross_entropy", _three + 1, torch.tensor([1, 0, -100])),
    _three + 1,
    "the caller's logits have changed: work on new tensors",
)
check.close(
    cross_entropy(_three, torch.tensor([1, 1, 0]), ignored=0),
    (math.log(4 / 3) + math.log(2)) / 2,
    "ignored=0 leaves out the positions whose target is 0: compare with the argument, "
    "not with -100",
    atol=1e-4,
)
check.close(
    cross_entropy(_three, torch.tensor([1, 0, 7]), ignored=7),
    0.4904,
    "`ignored` may be any number, also one beyond the vocabulary: it is no index",
    atol=1e-4,
)
check.close(
    cross_entropy(torch.stack([_logits] * 2), torch.tensor([[1, -100], [0, 1]])),
    (math.log(4 / 3) + math.log(4) + math.log(2)) / 3,
    "one position counts in the first row, two in the second: take the mean over all "
    "three, not the mean of the rows' means",
    atol=1e-4,
)
check.close(
    gradient_through_loss(torch.stack([_logits] * 2), torch.stack([_targets] * 2)),
    torch.tensor([[0.125, -0.125], [-0.25, 0.25]]).expand(2, 2, 2) / 2,
    "a gradient must find its way back through the loss: stay with torch's operations, "
    "no .item(), .tolist(), .detach() or numpy",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(54)
for _shape in [(5,), (2, 7), (3, 2, 4)]:
    for _scale in (1, 300):
        _logits, _targets = (
            _scale * torch.randn(*_shape, 13, generator=_g),
            torch.randint(13, _shape, generator=_g),
        )
        _want = torch.nn.functional.cross_entropy(
            _logits.reshape(-1, 13), _targets.reshape(-1)
        )
        check.close(
            cross_entropy(_logits, _targets),
            _want,
            "the loss is the mean over all positions of -ln p(target), whatever the "
            "shape and size of the logits",
            atol=1e-3,
        )
        _hot = torch.nn.functional.one_hot(_targets, 13)
        check.close(
            gradient_through_loss(_logits, _targets),
            (torch.softmax(_logits, -1) - _hot) / _targets.numel(),
            "a gradient must find its way back through the loss: stay with torch's "
            "operations, no .item(), .tolist(), .detach() or numpy",
            atol=1e-3,
        )
        _off = torch.rand(_shape, generator=_g) < 0.4
        _off.flatten()[0], _off.flatten()[1] = True, False
        check.close(
            cross_entropy(_logits, _targets.masked_fill(_off, -100)),
            torch.nn.functional.cross_entropy(_logits[~_off], _targets[~_off]),
            "a position with target -100 does not count, wherever it stands",
            atol=1e-3,
        )
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** Is one pass really worth as much as many? Below, the loss of the sentence is computed
# twice: from a single pass, and from separate passes, each of which sees only the tokens before the one it predicts.

# %%
inputs, targets = next_token_pairs(torch.tensor([ids]))

one_pass = cross_entropy(model(inputs), targets)
separate = [
    cross_entropy(model(inputs[:, : i + 1])[:, -1], targets[:, i])
    for i in range(inputs.shape[1])
]
print(f"one pass:        {one_pass:.4f} nats per token")
many = torch.stack(separate).mean()
print(f"{len(separate)} passes:       {many:.4f} nats per token")

# %% [markdown]
# The same number, for one pass instead of ten; and inside a layer no position waits for another.
#
# **The bug everybody meets.** Texts in a batch differ in length; the short ones are filled up ("padded") with some id
# that nobody should learn to predict. Forget `ignored`, and the loss looks like a loss, training runs, and the number
# is wrong:

# %%
PAD = tokenizer.special_tokens["<|endoftext|>"]
texts = [tokenizer.encode(text) for text in ("The sun sets in the west.", sentence)]
longest = max(map(len, texts))
padded = torch.tensor([text + [PAD] * (longest - len(text)) for text in texts])
inputs, targets = next_token_pairs(padded)
masked = targets.where(targets != PAD, -100)
alone = [cross_entropy(model(text[:-1])[0], torch.tensor(text[1:])) for text in texts]
counts = [len(text) - 1 for text in texts]
logits = model(inputs)

print(f"each text alone            {alone[0]:.3f} and {alone[1]:.3f} nats per token")
print(f"both, by tokens            {np.average(alone, weights=counts):.3f}")
print(f"batch, padding ignored     {cross_entropy(logits, masked):.3f}")
print(f"batch, padding predicted   {cross_entropy(logits, targets):.3f}")
wrong = cross_entropy(logits, masked) * sum(counts) / targets.numel()
print(f"batch, divided by all      {wrong:.3f}")

# %% [markdown]
# The padding also goes *through* the model, and does no harm there: it stands to the right of the text, and the mask
# hides it. Ignored targets have another use in chat training: those inside the *question* are ignored, so that only
# the answer is learned. The model still reads the question.
#
# ## 5.4 Loss is a file size
#
# The second reason for the logarithm: $-\log_2 p$ is a **length in bits**. A token of probability 1/8 can be written
# in 3 bits. Here is how. Take the line from 0 to 1 and cut it into stretches, one for each token, as long as the
# token's probability. Step into the stretch of the token that comes, and cut *that* by what may come next. At the end
# you stand in a stretch as long as the product of all probabilities, and naming a point in it takes $-\log_2$ of its
# length, in bits, plus at most two bits more. Reading back is the same walk: at each step, look which stretch the point
# lies in. This is *arithmetic coding*; the cell below does both.

# %% tags=["nbval-ignore-output"]
from fractions import Fraction


def walk(choose):
    """Narrow the line from 0 to 1, token by token, to the end of a text: (ids, where
    the last stretch begins, how long it is)."""
    start, length, ids, cache = Fraction(0), Fraction(1), [PAD], model.new_cache()
    while len(ids) < 2 or ids[-1] != PAD:
        p = softmax(model(ids[-1:], cache)[0, -1].double())
        ends = ((p * 2**40).long() + 1).cumsum(0)  # whole numbers: nothing is rounded
        total = int(ends[-1])
        i = choose(len(ids) - 1, start, length, ends)
        left = int(ends[i - 1]) if i else 0
        start += length * Fraction(left, total)
        length *= Fraction(int(ends[i]) - left, total)
        ids.append(i)
    return ids[1:-1], start, length


def write(text):
    tokens = tokenizer.encode(text) + [PAD]  # the last one says: this is the end
    _, start, length = walk(lambda n, *_: tokens[n])
    bits = math.log2(length.denominator) - math.log2(length.numerator)
    n_bytes = -(-(math.ceil(bits) + 1) // 8)  # rounded up to whole bytes
    return math.ceil(start * 256**n_bytes).to_bytes(n_bytes, "big")


def read(file):
    point = Fraction(int.from_bytes(file, "big"), 256 ** len(file))

    def choose(n, start, length, ends):
        place = int((point - start) / length * int(ends[-1]))
        return int(torch.searchsorted(ends, place, right=True))

    return tokenizer.decode(walk(choose)[0])


import zlib

message = "The bakery on the corner opens at six, but the ovens are lit at three."
file = write(message)
print("file:     ", file.hex(" "))
print("read back:", read(file))
print(
    f"{len(message)} bytes of text; zlib {len(zlib.compress(message.encode(), 9))}; "
    f"this file {len(file)}"
)

# %% [markdown]
# Seventeen bytes, and the sentence comes back letter for letter. The predictions are the whole trick: writer and reader
# own the same model, so only what it did not expect has to be sent. (They must compute the same numbers to the last
# bit: if the reader's logits are a millionth off, what it reads is another text. So a file is tied to one program
# on one kind of computer.)
#
# Now a longer text, the first five of ten paragraphs of prose that were written for this course (so the model cannot
# have met them). No need to walk: the size of the file is the sum of the losses.

# %%
predict(
    "file",
    "Five paragraphs are 2,270 bytes; zlib brings them to 1,115. And SmolLM2?",
    yours=500,
)

# %%
import bz2
import random

prose = resources.files("llmlib").joinpath("data/prose.txt").read_text("utf-8").strip()
paragraphs = prose.split("\n\n")
five = "\n\n".join(paragraphs[:5])


def bytes_by_model(text):
    inputs, targets = next_token_pairs(torch.tensor([[PAD] + tokenizer.encode(text)]))
    nats = cross_entropy(model(inputs), targets).item() * targets.numel()
    return nats / math.log(2) / 8


words = five.split(" ")
random.Random(0).shuffle(words)
shuffled = " ".join(words)
sizes = [
    (name, size(five), size(shuffled))
    for name, size in {
        "as it is": lambda text: len(text.encode()),
        "zlib": lambda text: len(zlib.compress(text.encode(), 9)),
        "bz2": lambda text: len(bz2.compress(text.encode())),
        "SmolLM2": bytes_by_model,
    }.items()
]
for name, ordered, mixed in sizes:
    print(f"{name:<10}{ordered:>7,.0f} bytes; the same words, shuffled {mixed:>7,.0f}")
show(
    plots.file_sizes(sizes),
    alt="Bytes for the same five paragraphs: 2,270 as they are, 1,115 with zlib, 1,103 "
    "with bz2, about 300 with SmolLM2. With the words shuffled zlib and bz2 need "
    "hardly more, SmolLM2 twice as much.",
)
megabytes = 134_515_008 * 2 / 1e6
print(f"the reader needs the model, too: {megabytes:.0f} MB in 16-bit numbers")
reveal("file", sizes[-1][1])

# %% [markdown] reveals="file"
# Less than a third of what zlib needs. The control says what the *order* of the words has to do with it. Zlib looks for
# repeated strings, and shuffling the words costs it next to nothing; the model knows what follows what, and now needs
# twice as much. It is still far below zlib: it knows the words, which zlib has to learn from this text.
# **To predict is to compress** (Delétang et al. 2023), and a loss is a file size: every nat that training takes off it
# is a shorter file. (It would be cheating not to mention the model, which the reader must own.)

# %% [markdown]
# ### Before training
#
# The next cell fills SmolLM2's shape with random numbers (standard deviation 0.02, the figure that GPT-2 started
# from) and measures.

# %%
predict(
    "untrained",
    "49,152 tokens, a model that has learned nothing: its loss in nats per token?",
    yours=10.8,
)

# %%
g = torch.Generator().manual_seed(0)


def noise(tensor):
    if tensor.dim() == 1:
        return torch.ones_like(tensor)
    return torch.empty_like(tensor).normal_(0, 0.02, generator=g)


def fresh(part):
    return tuple(None if tensor is None else noise(tensor) for tensor in part)


embedding = noise(model.weights.embedding)
layers = [
    type(layer)(**{name: fresh(part) for name, part in vars(layer).items()})
    for layer in model.weights.layers
]
random_weights = replace(
    model.weights,
    embedding=embedding,
    unembedding=embedding,
    layers=layers,
    norm=fresh(model.weights.norm),
)
untrained = replace(model, weights=random_weights)

inputs, targets = next_token_pairs(torch.tensor([tokenizer.encode(paragraphs[1])]))
logits, trained_logits = untrained(inputs), model(inputs)
losses = {
    "untrained": cross_entropy(logits, targets),
    "trained": cross_entropy(trained_logits, targets),
    "untrained, logits ten times too large": cross_entropy(10 * logits, targets),
    "untrained, softmax taken twice": cross_entropy(softmax(logits), targets),
    "untrained, targets not shifted": cross_entropy(logits, inputs),
}
print(f"ln 49,152 = {math.log(49152):.4f} nats")
print(f"standard deviation of the untrained logits: {logits.std():.2f}")
blind = (logits.logsumexp(-1) - logits.mean(-1)).mean()
print(f"untrained, for targets drawn blindly:   {blind:.4f} nats")
for name, loss in losses.items():
    print(f"{name:<40}{loss:.4f} nats")
reveal("untrained", losses["untrained"].item(), within=0.5)
del untrained, random_weights, layers, logits

# %% [markdown] reveals="untrained"
# With nothing learned, the best is to give every one of the $V$ tokens $1/V$, which costs $\ln V$. The untrained model costs a little
# more: its logits are not all 0 but scatter, and on average over many starts that costs half their variance, here
# 0.12. For targets drawn blindly these logits do cost 0.12 more than $\ln V$, as the third line says; the rest comes
# from this paragraph's tokens, which happened to get low logits.
#
# **A training run whose first loss is far from $\ln V$ has a bug.** The converse does not hold, as the last two lines
# say. Softmax of a softmax starts at $\ln V$ and can never come more than 1 nat below it, since its "logits" lie
# between 0 and 1. Targets that are not shifted start where they should, too, in this model of 30 layers (in one whose
# layers begin as the identity, as in section 5.7, they start too low), and give themselves away later: copying the
# input is easy, and the loss falls towards 0.

# %% [markdown]
# ### Where it is surprised
#
# Here is the paragraph about tides. Dark tokens surprised the model.

# %%
predict(
    "half",
    "Half of the paragraph's loss falls on what share of its tokens, in percent?",
    yours=20,
)

# %%
from llmlib.output_head import token_losses

losses = token_losses(trained_logits, targets)[0]
pieces = [tokenizer.decode([i]) for i in tokenizer.encode(paragraphs[1])]
show(
    plots.loss_on_text(
        pieces, [None] + losses.tolist(), "Loss of each token, given all before it"
    ),
    alt="A paragraph about tides, each token shaded by its loss: content words such as "
    "centre, line, high and strength are dark, function words and full stops light; "
    "ides, the second piece of the first word, is among the darkest.",
)
order = losses.argsort(descending=True).tolist()
print("most surprising:", [(pieces[i + 1], f"{losses[i]:.2f}") for i in order[:5]])
running = losses[order].cumsum(0)
half = (running < running[-1] / 2).sum().item() + 1  # the token that reaches it, too
share = 100 * half / len(running)
reveal("half", share, within=5)

# %% [markdown] reveals="half"
# A few tokens carry the loss, most of them nouns, verbs and adjectives that bring something new. Small words and full
# stops are cheap, and a word that comes again costs less than the first time (compare the two "centre"). The most
# surprising is "ides": all that stood before it was the letter T.

# %% [markdown]
# **Your own text.** Hover over a token (or unfold the list) to see the five tokens that the model had expected in its
# place. Type over the text below, then click elsewhere.

# %% tags=["nbval-ignore-output"]
from llmlib.widgets import surprise_reader

surprise_reader(
    model,
    softmax,
    "I put the cake in the oven, set the timer for forty minutes and sat down to watch "
    "the moon.",
)

# %% [markdown]
# ## 5.5 Perplexity, and in which unit to compare
#
# $e^{\text{loss}}$ is the **perplexity**: a model with perplexity 20 has, on average, the loss of a guess among 20
# equally likely tokens, $\ln 20$.
#
# A long text is measured in batches, and the last batch is nearly always shorter. The perplexity of the whole is the
# exponential of the mean *over tokens*. It is neither the mean of the batches' perplexities nor the exponential of the
# mean of the batches' losses.
#
# ### Exercise 5.5 · `corpus_perplexity` · ●○○ · 5 min
#
# - **In:** `losses`, a list of numbers, the mean loss of each batch in nats per token; `counts`, a list of as many
#   ints, the number of tokens in each batch. Leave both lists as they are.
# - **Out:** a float, the perplexity of all tokens together, not rounded.
#
# By hand: a batch of 3 tokens with loss 1 and a batch of 1 token with loss 5 hold $3 \cdot 1 + 1 \cdot 5 = 8$ nats in
# 4 tokens. The mean is 2, the perplexity $e^2 = 7.389$. (The mean of the two perplexities, 75.6, is ten times as
# large.)
#
# Not allowed: llmlib's own.
#
# <details><summary>Hint 1</summary>
#
# A mean loss times its number of tokens is a total, and totals add up.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Total of the losses over total of the tokens, and only then `math.exp`.
#
# </details>


# %% solution corpus_perplexity disallowed=["llmlib.output_head.corpus_perplexity"]
def corpus_perplexity(losses, counts):
    """Perplexity of a text cut into batches: mean loss (nats per token) and number of
    tokens of each batch -> a float."""
    ### BEGIN SOLUTION
    return math.exp(sum(loss * n for loss, n in zip(losses, counts)) / sum(counts))
    ### END SOLUTION


# %% test corpus_perplexity points=1
import math
import random
from contextlib import suppress

from llmlib.course import check

_got = corpus_perplexity([1.0, 5.0], [3, 1])
check.that(_got is not None, "corpus_perplexity gave back None: is there a return?")
_got = float(_got)
check.that(
    abs(_got - 75.5657) > 0.01,
    "that is the mean of the two perplexities: take the mean of the losses first, then "
    "exp once",
)
check.that(
    abs(_got - math.exp(3)) > 0.01,
    "a batch of 1 token counts as much as one of 3: weight each loss by its number of "
    "tokens",
)
check.that(
    abs(_got - (3 * math.e + math.exp(5)) / 4) > 0.01,
    "weighting is right, but average the losses, not the perplexities: exp comes last",
)
check.that(
    abs(_got - 2) > 0.01, "that is the mean loss in nats: perplexity is its exponential"
)
check.that(abs(_got - 4) > 0.01, "the losses are in nats, so the base is e, not 2")
check.that(
    abs(_got - math.exp(8)) > 1,
    "divide the total loss by the total number of tokens before you take exp",
)
check.close(
    _got,
    math.exp(2),
    "3 tokens at 1 nat and 1 token at 5 nats are 8 nats in 4 tokens: the perplexity is "
    "e^2",
    atol=1e-3,
)
check.equal(
    left_alone("corpus_perplexity", [1.0, 5.0], [3, 1]),
    [1.0, 5.0],
    "the caller's list of losses has changed: leave it as it is",
)
check.close(
    float(corpus_perplexity([1.234], [1])),
    math.exp(1.234),
    "one token at 1.234 nats has the perplexity e^1.234 = 3.434938: do not round",
    atol=1e-4,
)
check.close(
    float(corpus_perplexity([math.log(50)], [7])),
    50.0,
    "guessing uniformly among 50 tokens has perplexity 50",
    atol=1e-2,
)
check.close(
    float(corpus_perplexity([1.0, 1.0, 5.0], [3, 1, 4])),
    math.exp(3),
    "two batches have the same loss here: each counts, with its own number of tokens",
    atol=1e-3,
)
check.close(
    float(corpus_perplexity([1.0, 1.0, 5.0], [2, 2, 4])),
    math.exp(3),
    "two batches have the same loss and the same number of tokens: both count, a set "
    "keeps only one",
    atol=1e-3,
)
_got = math.inf
with suppress(OverflowError):
    _got = float(corpus_perplexity([3.0], [1000]))
check.close(
    _got,
    math.exp(3),
    "a thousand tokens at 3 nats overflowed: take the mean of the losses first, then "
    "exp once, and multiply no perplexities",
    atol=1e-3,
)
### BEGIN HIDDEN TESTS
_rng = random.Random(55)
for _ in range(10):
    _counts = [_rng.randrange(1, 300) for _ in range(_rng.randrange(1, 6))]
    _tokens = [[_rng.uniform(0, 3) for _ in range(_n)] for _n in _counts]
    _means = [sum(_t) / len(_t) for _t in _tokens]
    _all = [_loss for _t in _tokens for _loss in _t]
    check.close(
        float(corpus_perplexity(_means, _counts)),
        math.exp(sum(_all) / len(_all)),
        "the perplexity must be that of all tokens together, however they are batched, "
        "and not rounded",
        atol=1e-4,
    )
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model**, on the ten paragraphs, one pass each. (We keep the probabilities for section 5.8.)

# %%
paragraph_losses, counts, expected, confidence, right = [], [], [], [], []
for paragraph in paragraphs:
    inputs, targets = next_token_pairs(torch.tensor([tokenizer.encode(paragraph)]))
    logits = model(inputs)
    p = softmax(logits)[0]
    paragraph_losses.append(cross_entropy(logits, targets).item())
    counts.append(targets.numel())
    expected.append(torch.special.entr(p).sum(-1))  # -p ln p, summed over all tokens
    confidence.append(p.amax(-1))
    right.append((p.argmax(-1) == targets[0]).float())
print("tokens per paragraph:", counts)
print("loss per paragraph:  ", [f"{loss:.2f}" for loss in paragraph_losses])
whole = corpus_perplexity(paragraph_losses, counts)
print(f"perplexity of the whole text:           {whole:.4f}")
mean = np.mean(np.exp(paragraph_losses))
print(f"mean of the paragraphs' perplexities:   {mean:.4f}")

# %% [markdown]
# Perplexity is *per token*, so it depends on how the text was cut: a tokenizer with long tokens asks fewer, harder
# questions. Two models with different tokenizers are therefore compared, **on the same text**, by **bits per byte**
# $= \dfrac{\text{loss} \cdot n_\text{tokens}}{n_\text{bytes} \cdot \ln 2}$: both must account for the same bytes.
#
# That is so plausible that it is used for another question, too: which *language* does the model read best? Here is
# one text in four languages, each a translation of the others.

# %%
predict(
    "language",
    "SmolLM2 was trained on English. By bits per byte, which of the others is easiest?",
    {"A": "German", "B": "Russian", "C": "Hindi"},
    yours="A",
)

# %%
from llmlib.output_head import bits_per_byte

translations = {
    "English": "A good map leaves things out. One that showed every tree would be as "
    "large as the forest and no easier to read. When I was a child, my grandmother "
    "drew me a map of her village. There were only three houses on it, a river and a "
    "big dog, and I never got lost.",
    "German": "Eine gute Karte lässt Dinge weg. Eine, die jeden Baum zeigte, wäre so "
    "groß wie der Wald und nicht leichter zu lesen. Als ich ein Kind war, zeichnete "
    "mir meine Großmutter eine Karte ihres Dorfes. Es waren nur drei Häuser darauf, "
    "ein Fluss und ein großer Hund, und ich habe mich nie verlaufen.",
    "Russian": "Хорошая карта опускает лишнее. Карта, на которой показано каждое "
    "дерево, была бы такой же большой, как лес, и читать её было бы не легче. Когда я "
    "был ребёнком, бабушка нарисовала мне карту своей деревни. На ней было всего три "
    "дома, река и большая собака, и я ни разу не заблудился.",
    "Hindi": "एक अच्छा नक्शा कुछ चीज़ें छोड़ देता है। जो नक्शा हर पेड़ दिखाए, वह जंगल "
    "जितना बड़ा होगा और पढ़ने में आसान नहीं होगा। जब मैं बच्चा था, मेरी दादी ने मुझे "
    "अपने गाँव का एक नक्शा बनाकर दिया। उस पर केवल तीन घर, एक नदी और एक बड़ा "
    "कुत्ता था, और मैं कभी रास्ता नहीं भूला।",
}
print("           tokens   bytes   perplexity   bits per byte   bits for the text")
by_byte, in_all = {}, {}
for language, text in translations.items():
    inputs, targets = next_token_pairs(torch.tensor([[PAD] + tokenizer.encode(text)]))
    loss, n = cross_entropy(model(inputs), targets).item(), targets.numel()
    by_byte[language] = bits_per_byte(loss, n, len(text.encode()))
    in_all[language] = loss * n / math.log(2)
    print(
        f"{language:<9}{n:>8}{len(text.encode()):>8}{math.exp(loss):>13.2f}"
        f"{by_byte[language]:>16.3f}{in_all[language]:>20.0f}"
    )
others = ["German", "Russian", "Hindi"]
reveal("language", "ABC"[min(range(3), key=lambda i: by_byte[others[i]])])

old = len(translations["Russian"].encode("cp1251"))
print(
    f"Russian in the old code cp1251, one byte a letter: {old} bytes, so "
    f"{in_all['Russian'] / old:.3f} bits per byte"
)

# %% [markdown] reveals="language"
# **Per byte the order is exactly turned round.** Hindi seems the easiest of the three, and nearly as easy as English.
# For the whole text, which says the same in each, the model needs fewest bits for German and most for Hindi.
#
# The trick is in the bytes. UTF-8 spends one byte on a plain Latin letter, two on a Cyrillic one, three on one of
# Devanagari (the *byte premium*, Arnett et al. 2024). Divide by more bytes, and the figure shrinks. Write the same
# Russian in an older code of one byte a letter, and it nearly doubles, though the model and its predictions are the
# same. So: **bits per byte for the same text and different tokenizers; total bits for the same content in different
# languages.** And perplexity per token for neither.

# %% [markdown]
# ## 5.6 The gradient: which way is down?
#
# So far the loss has judged. Now it is to teach. The gradient of the loss says, for each number in the model, how
# the loss changes if that number is nudged. It can be *measured* by nudging. Suppose that the text had gone on "The
# capital of France is **Lyon**". Here are six logits, each moved up and down by a thousandth:

# %%
prompt = "The capital of France is"
z = model(tokenizer.encode(prompt))[0, -1].double()
lyon = tokenizer.encode(" Lyon")[0]


def loss_of_lyon(z):
    return cross_entropy(z[None], torch.tensor([lyon])).item()


p, nudge = softmax(z), 1e-3
print("token        probability   loss per logit, measured")
for word in (" Paris", " the", " London", " Lyon", " Rome", " banana"):
    i = tokenizer.encode(word)[0]
    step = torch.zeros_like(z)
    step[i] = nudge
    slope = (loss_of_lyon(z + step) - loss_of_lyon(z - step)) / (2 * nudge)
    print(f"{word!r:<12}{p[i]:>12.4f}{slope:>20.4f}")

# %% [markdown]
# Compare the two columns, and you have the formula.
#
# ### Exercise 5.6 · `logits_gradient` · ●●○ · 15 min
#
# - **In:** `logits` `[N, vocab]`; `targets` `[N]`.
# - **Out:** `[N, vocab]`, the gradient of the *mean* loss over the N positions with respect to each logit. A new
#   tensor; `logits` stays as it was.
#
# By hand: logits `[[0, ln 3]]`, target 0. Nudging gives `[[-0.75, 0.75]]`. With a second position, every entry is
# halved, since the loss is a mean.
#
# Not allowed: `torch.autograd` and `backward` (that is how the check finds out), the losses of torch, and llmlib's own. Your
# `softmax` is there for you.
#
# <details><summary>Hint 1</summary>
#
# In the table, the measured slope *is* the probability, except for the token that was true. There, how far apart are
# the two?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Start from the probabilities, all of them, and subtract 1 in N places: `p[torch.arange(len(targets)), targets]` are
# the entries of the targets, one a row.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The loss is a mean, so its gradient is divided by N. If you change `p` in place, be sure that it is a tensor of your
# own, not the input: `softmax` returns a new one.
#
# </details>


# %% solution logits_gradient disallowed=["torch.autograd", "torch.nn.functional.cross_entropy", "llmlib.output_head.logits_gradient"]
def logits_gradient(logits, targets):
    """How much the mean loss changes with each logit: logits [N, vocab], targets [N]
    -> [N, vocab]."""
    ### BEGIN SOLUTION
    gradient = softmax(logits)
    gradient[torch.arange(len(targets)), targets] -= 1
    return gradient / len(targets)
    ### END SOLUTION


# %% given gradient_and_logits
def gradient_and_logits(logits, targets):
    """What your logits_gradient returns, and `logits` as they are afterwards."""
    return logits_gradient(logits, targets), logits


# %% test logits_gradient points=2
import math

import torch

from llmlib.course import check

_one = logits_gradient(torch.tensor([[0.0, math.log(3)]]), torch.tensor([0]))
check.that(_one is not None, "logits_gradient gave back None: is there a return?")
check.that(
    isinstance(_one, torch.Tensor),
    "return one tensor, like logits: torch.stack makes one of a list",
)
check.that(
    tuple(_one.shape) == (1, 2),
    "there is one number per logit: the gradient has the shape of the logits",
)
check.that(
    _one.tolist() != [[0.0, 1.0]],
    "a softmax over the positions gives 1 everywhere: take it over the vocabulary, the "
    "last dimension",
)
check.that(
    abs(float(_one[0, 0]) - 0.25) > 1e-3,
    "those are the probabilities themselves: subtract 1 at the target of each row",
)
check.that(
    float(_one[0, 0]) < 0,
    "the sign is turned: raising the target's logit lowers the loss, so its gradient "
    "is negative",
)
check.that(
    abs(float(_one[0, 1])) > 1e-6,
    "the wrong tokens have a gradient too: subtract a one-hot row from all the "
    "probabilities",
)
check.that(
    abs(float(_one[0, 0]) + 1) > 1e-3,
    "start from the probabilities, not from 0: p - 1 at the target",
)
check.close(
    _one, torch.tensor([[-0.75, 0.75]]), "softmax minus one-hot: [0.25, 0.75] - [1, 0]"
)
check.close(
    logits_gradient(torch.tensor([[math.log(3), 0.0]]), torch.tensor([1])),
    torch.tensor([[0.75, -0.75]]),
    "other logits and another target of the same shape: keep nothing between calls",
)
check.close(
    logits_gradient(torch.tensor([[300.0, 300.0 + math.log(3)]]), torch.tensor([0])),
    torch.tensor([[-0.75, 0.75]]),
    "logits of 300 overflow exp: take your softmax, which subtracts the largest first",
    atol=1e-3,
)
_logits, _targets = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]), torch.tensor([0, 1])
_got = logits_gradient(_logits.clone(), _targets)
check.close(
    gradient_and_logits(_logits.clone(), _targets)[1],
    _logits,
    "`logits` was changed: return a new tensor and leave the input as it was",
)
check.that(
    abs(float(_got[0, 0]) + 0.75) > 1e-3,
    "the loss is the mean over the positions: divide by N",
)
check.close(
    _got,
    torch.tensor([[-0.375, 0.375], [0.25, -0.25]]),
    "each row is its softmax minus its own target's one-hot row, over N",
)
check.close(
    _got.sum(-1),
    torch.zeros(2),
    "each row sums to 0: what one token gains, the others lose",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(56)
for _n, _vocab in [(1, 5), (6, 9), (9, 3)]:
    _logits = (torch.randn(_n, _vocab, generator=_g) * 3).requires_grad_()
    _targets = torch.randint(_vocab, (_n,), generator=_g)
    torch.nn.functional.cross_entropy(_logits, _targets).backward()
    check.close(
        logits_gradient(_logits.detach(), _targets),
        _logits.grad,
        "the gradient must be that of the mean loss: (softmax minus one-hot) over N",
    )
    check.close(
        gradient_and_logits(_logits.detach().clone(), _targets)[1],
        _logits.detach(),
        "`logits` was changed: return a new tensor and leave the input as it was",
    )
### END HIDDEN TESTS

# %% [markdown]
# So for one position with probabilities $p$ and target $t$
#
# $$\frac{\partial\,(-\ln p_t)}{\partial z_i} = p_i - [i = t]$$
#
# ($[i = t]$ is 1 for the target, else 0): *what the model said, minus what was true*. On paper: the loss is
# $\ln\sum_j e^{z_j} - z_t$; the derivative of the first part with respect to $z_i$ is $e^{z_i}/\sum_j e^{z_j} = p_i$,
# that of the second is 1 for the target. Every wrong token is pushed down as far as it was believed; the right one is
# pulled up by what it lacks.
#
# ### Thirty steps
#
# No logit can be changed directly; only the weights can. Logit $i$ is $x \cdot \text{row}_i$, so if one entry of row
# $i$ is nudged, logit $i$ moves by that much times the same entry of $x$, and (the *chain rule*) the gradient for the
# whole row is $(p_i - [i = t])\,x$. **Gradient descent** moves each weight *against* its gradient, by a small number
# (the *learning rate*) times that gradient, again and again. Thirty steps on a copy of SmolLM2's table, with your
# function and nothing else:

# %%
predict(
    "germany",
    "After thirty steps for ' Lyon', what follows 'The capital of Germany is'?",
    {"A": "' Berlin'", "B": "' Lyon'", "C": "' Paris'", "D": "some other token"},
    yours="A",
)

# %%
rate, target = 3e-4, torch.tensor([lyon])
edited = table.clone()
x = final_norm(last_vector(prompt))
words = [" Paris", " Lyon", " the"]
curves = {repr(word): [] for word in words}
for step in range(31):
    z = unembed(x, edited)[None]  # 1 vocab
    p = softmax(z)[0]
    for word in words:
        curves[repr(word)].append(p[tokenizer.encode(word)[0]].item())
    if step < 30:  # edited -= rate * torch.outer(gradient, x), with no second table
        edited.addr_(logits_gradient(z, target)[0], x, alpha=-rate)

show(
    plots.descent(curves, "Thirty steps of gradient descent on the output table"),
    alt="Probabilities against steps: Lyon starts near 0, passes Paris at step 9 "
    "and ends at 0.91; Paris falls from 0.77 to nearly 0; the rises to 0.13 at first, "
    "then falls, too.",
)
print("' Lyon' every five steps:", [f"{p:.3f}" for p in curves[repr(" Lyon")][::5]])
moved = (edited - table).norm(dim=1)
many = int((moved > 1e-3).sum())
print(f"rows that moved by more than 0.001: {many} of {len(moved):,}")

# %%
taught = replace(model, weights=replace(model.weights, unembedding=edited))
print(f"{'':<40}before             after")
answers = {}
for question in (
    "The capital of Germany is",
    "The capital of Italy is",
    "Twinkle, twinkle, little",
    "France is known for",
    "The capital of France is the city of",
):
    row = []
    for some_model in (model, taught):
        _, word, p = top_tokens(model, some_model(tokenizer.encode(question))[0, -1])[0]
        row.append(f"{word!r} {p:.3f}")
    answers[question] = word
    print(f"{question:<40}{row[0]:<19}{row[1]}")
inputs, targets = next_token_pairs(torch.tensor([tokenizer.encode(paragraphs[1])]))
before, after = paragraph_losses[1], cross_entropy(taught(inputs), targets)
print(f"loss on the paragraph about tides: {before:.4f} -> {after:.4f}")
found = {" Berlin": "A", " Lyon": "B", " Paris": "C"}
reveal("germany", found.get(answers["The capital of Germany is"], "D"))

# %% [markdown] reveals="germany"
# You have trained a language model. One sentence, thirty steps, and it is sure of something that is not so. Berlin,
# Rome and the star survive. But look at the last question: "The capital of France is the city of" was never trained on,
# and yet its answer has changed, too. **Whoever edits a weight edits every text that uses it**; what else has changed
# must be measured. (The loss on an unrelated text is a first measure. It rose a little.)

# %% [markdown]
# ## 5.7 The training loop
#
# Deeper weights are reached in the same way: the gradient for $x$ follows from that for the logits, the gradient for
# the last layer's output from that for $x$, and so on, layer by layer, down to the embedding table. PyTorch notes
# every operation on the way up and walks the chain back by itself: after `loss.backward()` each tensor $w$ that asked
# for it (`requires_grad`) has its gradient in `w.grad`. Do not take that on trust. Here is a tiny model of SmolLM2's
# kind, two layers of width 64, with random weights, but zeros in `w_o` and `w_down`, so that each layer begins as the identity; it reads short stories, in a vocabulary of only 512 tokens.

# %%
from llmlib import data, generate, training
from llmlib.model import forward

stories = [story for story in data.stories("train")[:600] if story.ended]
held_out = [story for story in data.stories("held_out") if story.ended][:64]
story_tokenizer = training.story_tokenizer(stories[:256])
story_ids = training.as_tokens(stories, story_tokenizer).ids
held_out_ids = training.as_tokens(held_out, story_tokenizer).ids
config = replace(training.tiny_config(d_model=64), context=64)
print(f"{len(stories)} stories, {len(story_ids):,} tokens. The first begins:")
print(stories[0].text[:150] + " …")


def tiny_model(seed=0, parts=training.PARTS):
    """(its weights as a list of tensors, the model as a function ids -> logits, the
    weights as the engine wants them)"""
    weights = training.new_weights(config, seed)
    return (
        training.tensors(weights),
        lambda ids: forward(ids, weights, config, parts),
        weights,
    )


def windows(n, batch=8, seed=0):
    """n batches of `batch` pieces of 65 tokens, from random places of the stories."""
    g = torch.Generator().manual_seed(seed)
    piece = torch.arange(config.context + 1)
    last = len(story_ids) - config.context
    starts = [torch.randint(last, (batch, 1), generator=g) for _ in range(n)]
    return [story_ids[start + piece] for start in starts]


torch.set_num_threads(1)  # little to share in products this small
weights, tiny, _ = tiny_model()
print(f"\n{sum(w.numel() for w in weights):,} weights in {len(weights)} tensors")
inputs, targets = next_token_pairs(windows(1)[0])
loss = cross_entropy(tiny(inputs), targets)
loss.backward()
print(f"loss {loss.item():.4f}; ln 512 = {math.log(512):.4f}")
print("\none weight of                      backward    nudged")
for name, i in {"table": 0, "w_o, layer 0": 5, "w_down, layer 1": 18}.items():
    flat, place = weights[i].data.view(-1), int(weights[i].grad.abs().argmax())
    around = []
    for nudge in (0.002, -0.004):  # up, then back and as far down
        flat[place] += nudge
        with torch.no_grad():
            around.append(cross_entropy(tiny(inputs), targets).item())
    flat[place] += 0.002
    slope = (around[0] - around[1]) / 0.004
    print(f"{name:<30}{weights[i].grad.view(-1)[place]:>12.4f}{slope:>10.4f}")

# %% [markdown]
# The first loss is $\ln V$, as it should be, and what `backward` says is what nudging says, from the table to the last
# layer: one walk back gives all of them at once, where nudging takes two passes for each.
#
# With gradients for everything, a training loop is short: take a batch, compute the loss, `backward`, move the
# weights, again. Two things in it are worth writing yourself: how far a step goes, and how far each weight moves in it.
#
# ### Exercise 5.7 · `learning_rate` · ●○○ · 5 min
#
# The usual recipe: the rate is *warmed up* over the first steps and then *decays*.
#
# - **In:** `step`, counted from 0; `steps`, how many there are in all; `peak`, a number.
# - **Out:** the rate for this step: `peak`, times a warm-up, times a decay.
#   The warm-up is $\frac{\text{step} + 1}{0.05\,\text{steps}}$, but never more than 1: it takes the first twentieth
#   of the training. The decay is $1 - \frac{\text{step}}{\text{steps}}$, a straight line.
#
# By hand, 40 steps and a peak of 1: the warm-up takes 2 steps. Step 0: 1/2 · 1 = 0.5. Step 1: 1 · 39/40 = 0.975. Step
# 20: 0.5. Step 39, the last: 0.025.
#
# Not allowed: llmlib's `learning_rate`.
#
# <details><summary>Hint 1</summary>
#
# Why `step + 1`? What would the rate of the first step be otherwise, and what would that step be good for?
#
# </details>
# <details><summary>Hint 2</summary>
#
# "Never more than 1" is `min(1, …)`.
#
# </details>


# %% solution learning_rate disallowed=[]
def learning_rate(step, steps, peak):
    """The rate at `step` (from 0) of `steps`: warmed up over the first twentieth, then
    falling in a line."""
    ### BEGIN SOLUTION
    return peak * min(1, (step + 1) / (0.05 * steps)) * (1 - step / steps)
    ### END SOLUTION


# %% test learning_rate points=1
from llmlib.course import check

check.that(
    learning_rate(0, 40, 1.0) is not None,
    "learning_rate gave back None: is there a return?",
)
check.that(
    float(learning_rate(0, 40, 1.0)) > 0,
    "the first step has the rate 0 and is wasted: count step + 1 in the warm-up",
)
check.that(
    float(learning_rate(39, 40, 1.0)) > 0,
    "the last step has the rate 0 and is wasted: the decay is 1 - step / steps, with "
    "neither step + 1 nor steps - 1",
)
check.that(
    float(learning_rate(20, 40, 1.0)) <= 1,
    "the warm-up goes on after it should have ended: it is never more than 1",
)
check.close(
    learning_rate(20, 40, 1.0),
    0.5,
    "half-way the decay is one half, and the warm-up is over",
)
check.close(
    learning_rate(0, 40, 1.0),
    0.5,
    "step 0 of 40: the warm-up takes 2 steps, so it is 1/2; the decay is 1",
)
check.close(
    learning_rate(1, 40, 1.0),
    0.975,
    "step 1 of 40: the warm-up is done, and the decay has begun, 39/40",
)
check.close(learning_rate(39, 40, 1.0), 0.025, "step 39 of 40: the decay is 1/40")
check.close(
    learning_rate(9, 400, 1.0),
    0.48875,
    "step 9 of 400: the warm-up takes 20 steps here, so it is 10/20, and the decay, "
    "which has begun with step 1, is 391/400",
)
check.close(
    learning_rate(20, 40, 0.006), 0.003, "the rate is in proportion to the peak"
)
check.close(
    learning_rate(0, 40, 0.006),
    0.003,
    "the warm-up grows to 1, not to the peak: in it, too, the rate is in proportion to "
    "the peak",
)
check.close(
    learning_rate(0, 70, 1.0),
    1 / 3.5,
    "5 % of 70 steps are 3.5 steps of warm-up: step 0 has 1/3.5, so round nothing",
)
check.close(
    learning_rate(0, 10, 1.0),
    1.0,
    "10 steps have half a step of warm-up: never more than 1",
)
### BEGIN HIDDEN TESTS
for _steps in (1, 7, 60, 70, 250, 1000):
    for _step in {0, _steps // 50, _steps // 20, _steps // 3, _steps - 1}:
        _warm = 20 * (_step + 1) / _steps
        check.close(
            learning_rate(_step, _steps, 0.02),
            0.02 * (_warm if _warm < 1 else 1.0) * (_steps - _step) / _steps,
            "peak, times the warm-up, times the decay, at every step of a training of "
            "any length",
            atol=1e-7,
        )
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 5.8 · `adamw_step` · ●●● · 15 min
#
# Gradients of different weights differ a great deal in size, so with one rate for all, some weights would move far more
# than others. Adam (Kingma & Ba 2014) watches each weight: it keeps a running mean $m$ of its gradient $g$ and a running
# mean $s$ of $g^2$, and moves by $m / \sqrt{s}$. A weight whose gradient stays about the same moves by about one rate a
# step, however large or small that gradient is; one whose gradient comes rarely moves less, and one whose gradient keeps
# changing sign hardly moves. For every number of a tensor by itself:
#
# $$m \leftarrow 0.9\,m + 0.1\,g \qquad s \leftarrow 0.95\,s + 0.05\,g^2$$
#
# Both begin at 0, so in the first steps they are too small. They are corrected for that, at step $t = 1, 2, \ldots$:
# $\hat m = m / (1 - 0.9^t)$ and $\hat s = s / (1 - 0.95^t)$. Then
#
# $$w \leftarrow (1 - \text{rate} \cdot \text{decay})\,w - \text{rate} \cdot \frac{\hat m}{\sqrt{\hat s} + 10^{-8}}$$
#
# The first term shrinks the weight itself a little at each step: *weight decay*. Keeping it out of both means is what
# made AdamW out of Adam (Loshchilov & Hutter 2017; that it is multiplied by the whole rate is PyTorch's choice).
#
# | | shape | |
# |---|---|---|
# | `weight`, `gradient` | any | |
# | `mean`, `square` | the same | $m$ and $s$ before this step; zeros before the first |
# | `step` | | $t$, counted from 1 |
# | `rate`, `decay` | | numbers; `decay` is the weight decay, not that of the rate |
# | returns | | the three new tensors `(weight, mean, square)` |
#
# By hand: `weight` 1, `gradient` 2, `mean` and `square` 0, `step` 1, `rate` 0.1, `decay` 0. $m = 0.2$ and $s = 0.2$,
# corrected $0.2/0.1 = 2$ and $0.2/0.05 = 4$; the weight becomes $1 - 0.1 \cdot 2/\sqrt{4} = 0.9$. With a gradient of
# 2,000 it is 0.9 as well.
#
# Not allowed: the optimizers of `torch.optim`.
#
# <details><summary>Hint 1</summary>
#
# Write the formulas down in their order: the two means, the two corrections, the weight. Hand back the means as they
# are *before* correction: those are remembered for the next step.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The factors 0.9 and 0.95 appear twice each, once in a running mean and once, to the power of `step`, in its correction.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The small $10^{-8}$ stands outside the root: `rate * m_hat / (s_hat.sqrt() + 1e-8)`.
#
# </details>


# %% solution adamw_step disallowed=["torch.optim"]
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    """One step of AdamW (means by 0.9 and 0.95), `step` from 1: the new (weight,
    mean, square)."""
    ### BEGIN SOLUTION
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.95 * square + 0.05 * gradient**2
    m_hat, s_hat = mean / (1 - 0.9**step), square / (1 - 0.95**step)
    weight = (1 - rate * decay) * weight - rate * m_hat / (s_hat.sqrt() + 1e-8)
    return weight, mean, square
    ### END SOLUTION


# %% test adamw_step points=3
import math

import torch

from llmlib.course import check


def _step(weight, gradient, mean, square, step, rate, decay):
    four = (torch.tensor([number]) for number in (weight, gradient, mean, square))
    return adamw_step(*four, step, rate, decay)


_got = _step(1.0, 2.0, 0.0, 0.0, 1, 0.1, 0.0)
check.that(
    isinstance(_got, (tuple, list)) and len(_got) == 3,
    "return three tensors: the new weight, mean and square",
)
check.close(
    _got[1],
    torch.tensor([0.2]),
    "the mean is 0.9 of the old and 0.1 of the new gradient; hand it back as it is "
    "before correction",
)
check.close(
    _got[2],
    torch.tensor([0.2]),
    "the mean square is 0.95 of the old and 0.05 of the new gradient, squared; hand it "
    "back as it is before correction",
)
check.that(
    math.isfinite(float(_got[0])),
    "the weight is NaN or infinite: step counts from 1, so 1 - 0.9^step is never 0",
)
check.that(
    float(_got[0]) != 1, "the weight did not move: step with the new mean and square"
)
check.that(
    float(_got[0]) < 1, "the sign is turned: the weight moves against the gradient"
)
check.that(
    abs(float(_got[0]) - 1 + 0.1 * 0.2 / 0.2**0.5) > 1e-3,
    "the means start at 0 and are too small at first: divide by 1 - 0.9^t and "
    "1 - 0.95^t",
)
check.close(
    _got[0],
    torch.tensor([0.9]),
    "the first step is one rate long, here 0.1, whatever the gradient",
)
check.close(
    adamw_step(
        torch.ones(2), torch.tensor([2.0, 2000.0]), *torch.zeros(2, 2), 1, 0.1, 0.0
    )[0],
    torch.tensor([0.9, 0.9]),
    "gradients of 2 and 2000 in one tensor move their weights equally far: each number "
    "has a mean square of its own",
)
check.close(
    _step(1.0, 1e-6, 0.0, 0.0, 1, 0.1, 0.0)[0],
    torch.tensor([0.9010]),
    "a gradient of 1e-6 moves the weight nearly as far: 1e-8 is added to the root of "
    "the corrected square, not under it and not before the correction",
    atol=1e-4,
)
check.close(
    _step(4.0, 0.0, 0.0, 0.0, 1, 0.1, 0.5)[0],
    torch.tensor([3.8]),
    "without a gradient only the decay moves the weight, to (1 - 0.1 * 0.5) of it: "
    "decay the weight itself, do not add it to the gradient",
)
check.close(
    _step(4.0, 2.0, 0.0, 0.0, 1, 0.1, 0.5)[0],
    torch.tensor([3.7]),
    "the decay shrinks the weight as it was before the step, (1 - 0.1 * 0.5) * 4, and "
    "then the step of 0.1 is taken",
)
check.close(
    _step(1.0, 1.0, 1.0, 1.0, 3, 0.1, 0.0)[0],
    torch.tensor([0.86064]),
    "at step 3 the corrections are 1 - 0.9^3 and 1 - 0.95^3: t is the exponent",
    atol=1e-4,
)
check.close(
    _step(1.0, 1.0, 0.0, 0.0, 1, 0.1, 0.0)[1:],
    [torch.tensor([0.1]), torch.tensor([0.05])],
    "the order is (weight, mean, square): of a gradient of 1 the mean is 0.1 and the "
    "mean square 0.05",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(58)
for _decay in (0.0, 0.1):
    _weight = torch.randn(4, 3, generator=_g)
    _theirs = _weight.clone().requires_grad_()
    _optimizer = torch.optim.AdamW(
        [_theirs], lr=0.02, betas=(0.9, 0.95), weight_decay=_decay
    )
    _mean, _square = torch.zeros(4, 3), torch.zeros(4, 3)
    for _step in range(1, 8):
        _gradient = torch.randn(4, 3, generator=_g) * 10.0 ** (_step % 3)
        _theirs.grad = _gradient.clone()
        _optimizer.step()
        _weight, _mean, _square = adamw_step(
            _weight, _gradient, _mean, _square, _step, 0.02, _decay
        )
        check.close(
            _weight,
            _theirs.detach(),
            f"step {_step} is not that of torch.optim.AdamW: means, corrections, decay",
            atol=1e-5,
        )
### END HIDDEN TESTS

# %% [markdown]
# ### Exercise 5.9 · `train` · ●●● · 20 min
#
# Now the loop, from your own pieces.
#
# | | | |
# |---|---|---|
# | `weights` | list of tensors | they ask for gradients, and **they themselves** are changed, in place |
# | `model` | function | ids `[batch, seq]` → logits `[batch, seq, vocab]`, computed from `weights` |
# | `batches` | list | one tensor of ids `[batch, seq + 1]` for each step |
# | `peak` | number | the peak of the learning rate |
# | returns | list of floats | the loss of each batch, before the step that it led to |
#
# For each batch: inputs and targets; the loss; the gradients of *this* loss; the rate of this step; one step of AdamW
# for each tensor, with weight decay 0.1 for matrices (two dimensions) and 0 for vectors (one: the gains of the norms).
# Each tensor has a mean and a square of its own, which live through the whole training.
#
# By hand: two tokens, a table of zeros whose row $i$ holds the logits after token $i$, the batch `[[0, 1]]`, a peak
# of 0.1. The loss is $\ln 2$. Only row 0 was used; its gradient is `[0.5, -0.5]`, so one step makes it
# `[-0.1, 0.1]`.
#
# The check cannot send a function, so it goes through `train_pairs` (given, below): the smallest language model
# there is, a table (in parts of two rows) and a bias.
#
# Not allowed: the optimizers of `torch.optim`.
#
# <details><summary>Hint 1</summary>
#
# `loss.backward()` *adds* to whatever stands in `w.grad`. Put `w.grad = None` for every tensor before it.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Before the loop, one `[torch.zeros_like(w), torch.zeros_like(w)]` for each tensor; in the loop, `adamw_step` takes
# them, and its second and third result take their place. AdamW counts its steps from 1, `learning_rate` from 0.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `w = new` would only give your variable another tensor; the model would go on with the old one. In place it is
# `with torch.no_grad(): w.copy_(new)`. The loss as a plain number is `loss.item()`.
#
# </details>


# %% solution train disallowed=["torch.optim", "llmlib.training.train"]
def train(weights, model, batches, peak):
    """Train `weights` (a list of tensors) in place, one step of AdamW a batch of ids
    [batch, seq + 1]; model: ids -> logits. Returns the losses, a list of floats."""
    ### BEGIN SOLUTION
    losses = []
    moments = [(torch.zeros_like(w), torch.zeros_like(w)) for w in weights]
    for step, batch in enumerate(batches):
        inputs, targets = next_token_pairs(batch)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        rate = learning_rate(step, len(batches), peak)
        with torch.no_grad():
            for i, w in enumerate(weights):
                decay = 0.1 if w.dim() >= 2 else 0.0
                new, *moments[i] = adamw_step(
                    w, w.grad, *moments[i], step + 1, rate, decay
                )
                w.copy_(new)
        losses.append(loss.item())
    return losses
    ### END SOLUTION


# %% given train_pairs
def train_pairs(table, bias, batches, peak):
    """Your train on the smallest language model: the logits after token i are row i of
    table [vocab, vocab], which train gets in parts of two rows, plus bias [vocab] ->
    (losses, trained table, trained bias)."""
    *parts, bias = (t.clone().requires_grad_() for t in (*table.split(2), bias))
    weights = [parts[0], bias, *parts[1:]]
    with torch.enable_grad():  # whatever other cells have set
        losses = train(weights, lambda ids: torch.cat(parts)[ids] + bias, batches, peak)
    return losses, torch.cat(parts).detach(), bias.detach()


# %% test train points=3
import math

import torch

from llmlib.course import check

_table, _bias = torch.zeros(2, 2), torch.zeros(2)
_losses, _new, _new_bias = train_pairs(_table, _bias, [torch.tensor([[0, 1]])], 0.1)
check.that(
    type(_losses) is list and len(_losses) == 1, "return a list with one loss a batch"
)
check.that(
    type(_losses[0]) is float,
    "a loss is a plain number here: loss.item(), or the list keeps what backward needs",
)
check.close(
    _losses[0], math.log(2), "two tokens, nothing learned: the first loss is ln 2"
)
check.that(
    bool((_new != 0).any()),
    "the tensors in `weights` have not changed: write into them, with copy_, in every "
    "step, and at a rate above 0 (learning_rate counts steps from 0)",
)
check.that(
    float(_new[1].abs().sum()) == 0,
    "row 1 moved, though only token 0 was an input: the target is the token after it",
)
check.close(
    _new[0],
    torch.tensor([-0.1, 0.1]),
    "after 0 came 1: one step down for token 0's logit, one up for token 1's",
    atol=1e-4,
)
check.close(
    _new_bias,
    torch.tensor([-0.1, 0.1]),
    "every tensor of `weights` moves, by the same rate and the same t",
    atol=1e-4,
)
_again = train_pairs(_table, _bias, [torch.tensor([[0, 1]])], 0.1)
check.close(
    [_again[0], *_again[1:]],
    [[_losses[0]], _new, _new_bias],
    "the same training a second time gave something else: losses, means and squares "
    "start anew in every call, so keep none of them from the last one",
    atol=1e-4,
)
_two = train_pairs(
    torch.zeros(4, 4), torch.zeros(4), [torch.tensor([[0, 1], [2, 3]])], 0.1
)
check.close(
    _two[1][2],
    torch.tensor([-0.1, -0.1, -0.1, 0.1]),
    "after 2 came 3: row 2, in another tensor, moves as if it were alone; each "
    "tensor has a mean and a square of its own, also where shapes are equal",
    atol=1e-4,
)


@torch.enable_grad()  # whatever other cells have set
def _reference(table, bias, batches, peak, decay=(0.1, 0.1, 0.0), keep_gradients=False):
    """The same training with torch's own parts; decay: of the first part of the table,
    of its other parts, of the bias."""
    w = [t.clone().requires_grad_() for t in (table[:2], table[2:], bias)]
    optimizer = torch.optim.AdamW(
        [{"params": [t], "weight_decay": d} for t, d in zip(w, decay)],
        betas=(0.9, 0.95),
    )
    n, losses = len(batches), []
    for step, ids in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = peak * min(1, 20 * (step + 1) / n) * (1 - step / n)
        logits = torch.cat(w[:2])[ids[:, :-1]] + w[2]
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), ids[:, 1:].flatten()
        )
        if not keep_gradients:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, torch.cat(w[:2]).detach(), w[2].detach()


_g = torch.Generator().manual_seed(59)
_table, _bias = torch.randn(5, 5, generator=_g), torch.randn(5, generator=_g)
_batches = [torch.randint(5, (2, 9), generator=_g) for _ in range(12)]
_got = train_pairs(_table, _bias, _batches, 0.05)


def _is(want):
    return all(
        isinstance(mine, torch.Tensor)
        and mine.shape == theirs.shape
        and torch.allclose(mine.float(), theirs, atol=1e-4)
        for mine, theirs in zip(_got[1:], want[1:])
    )


check.that(
    not _is(_reference(_table, _bias, _batches, 0.05, keep_gradients=True)),
    "the gradients of earlier batches are still there: clear w.grad before backward",
)
check.that(
    not _is(_reference(_table, _bias, _batches, 0.05, decay=(0.1, 0.1, 0.1))),
    "the bias was decayed, too: tensors of one dimension have decay 0",
)
check.that(
    not _is(_reference(_table, _bias, _batches, 0.05, decay=(0.0, 0.0, 0.0))),
    "nothing was decayed: matrices (two dimensions) have decay 0.1",
)
check.that(
    not _is(_reference(_table, _bias, _batches, 0.05, decay=(0.1, 0.0, 0.0))),
    "only the first tensor of `weights` was decayed: what counts is how many "
    "dimensions a tensor has, not its place in the list",
)
check.close(
    train_pairs(torch.ones(4, 4), torch.ones(4), [torch.tensor([[0, 1]])], 0.1)[1][3],
    [0.99] * 4,
    "row 3 was no input, so only decay moves it, to 1 - 0.1 * 0.1 of it: every matrix "
    "has decay 0.1, wherever it stands in `weights`",
    atol=1e-4,
)
_want = _reference(_table, _bias, _batches, 0.05)
check.close(
    _got[0][0],
    _want[0][0],
    "the loss of a batch is taken before the step that it leads to",
    atol=1e-4,
)
check.close(
    _got[1],
    _want[1],
    "12 batches: each step has its own rate and its own t, and the means live on from "
    "step to step",
    atol=1e-4,
)
check.close(_got[0], _want[0], "one loss a batch, in their order", atol=1e-4)
_sure = 9 * torch.eye(4)
_few = [torch.tensor(_ids) for _ids in ([[0, 1]], [[2, 2, 2]], [[3, 0], [1, 2]])]
check.close(
    train_pairs(_sure, torch.zeros(4), _few, 0.05)[2],
    _reference(_sure, torch.zeros(4), _few, 0.05)[2],
    "gradients longer than 1, and batches of unequal size: take the gradients of the "
    "mean loss as they are, neither clipped nor multiplied",
    atol=1e-4,
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(159)
for _vocab, _n, _peak in [(3, 1, 0.3), (7, 30, 0.02), (4, 60, 0.1)]:
    _table = torch.randn(_vocab, _vocab, generator=_g)
    _bias = torch.randn(_vocab, generator=_g)
    _batches = [torch.randint(_vocab, (3, 6), generator=_g) for _ in range(_n)]
    _got = train_pairs(_table, _bias, _batches, _peak)
    for _mine, _theirs in zip(_got, _reference(_table, _bias, _batches, _peak)):
        check.close(
            _mine,
            _theirs,
            "losses and weights must be those of torch's AdamW on the same batches",
            atol=1e-3,
        )
### END HIDDEN TESTS

# %% [markdown]
# **Run it.** First, is it the real thing? The same twenty batches through your loop, and through llmlib's, which uses
# `torch.optim.AdamW` and trains the models that notebook 7 measures.

# %%
weights, tiny, _ = tiny_model()
mine = train(weights, tiny, windows(20), peak=0.006)
_, _, theirs_weights = tiny_model()
story_tokens = training.as_tokens(stories, story_tokenizer)
theirs = [
    loss
    for _, loss in training.train(
        theirs_weights, config, story_tokens, steps=20, seed=0, peak=0.006
    )
]
for name, losses in {"your loop": mine, "llmlib": theirs}.items():
    print(f"{name:<12}" + "  ".join(f"{loss:.4f}" for loss in losses[::5]))
print("equal to 4 digits:", all(abs(a - b) < 1e-4 for a, b in zip(mine, theirs)))

# %% [markdown]
# ### Can it learn one batch by heart?
#
# Before a long training comes the cheapest test there is: the *same* small batch, again and again. A model with so
# many more weights than the batch has tokens can bring the loss to nearly 0. If yours does not, something in the loop
# is wrong, and you know it before the long run. But which bugs does the test see? Here are four runs: your loop as it is; with a rate 100 times as
# large; with no causal mask, so that each position can read its own answer; and on random tokens, in which there is
# nothing to understand.

# %%
predict(
    "batch",
    "Which of these does the test expose, by a loss that does not get near 0?",
    {
        "A": "the rate 100 times too large",
        "B": "no causal mask",
        "C": "random tokens in place of text",
        "D": "all three",
    },
    yours="D",
)


# %%
def blind_to_nothing(seq, start=0):
    return torch.ones(seq, start + seq, dtype=torch.bool)


no_mask = replace(training.PARTS, mask=blind_to_nothing)
batch = windows(1, batch=4)[0]
generator = torch.Generator().manual_seed(5)
noise_batch = torch.randint(512, batch.shape, generator=generator)
runs = {
    "as it is": (batch, 0.01, training.PARTS),
    "rate 100 times as large": (batch, 1.0, training.PARTS),
    "no causal mask": (batch, 0.01, no_mask),
    "random tokens": (noise_batch, 0.01, training.PARTS),
}
curves = {}
for name, (ids, peak, parts) in runs.items():
    weights, tiny, _ = tiny_model(parts=parts)
    curves[name] = train(weights, tiny, [ids] * 50, peak)
    first, *_, last = curves[name]
    last = "above 4" if last > 4 else f"{last:.2f}"
    print(f"{name:<26}first {first:.2f}   last {last}")
show(
    plots.one_batch(curves, math.log(512)),
    alt="Loss on one batch over 50 steps. As it is, without a causal mask and on "
    "random tokens it falls from 6.24 to nearly 0 within 40 steps; with a rate 100 "
    "times as large it jumps out of the picture, comes back and stays above 4.",
)
stuck = [curves[name][-1] > 1 for name in list(runs)[1:]]
reveal("batch", "D" if all(stuck) else "ABC"[stuck.index(True)])

# %% [markdown] reveals="batch"
# Only the rate. A leak from the future passes the test, and so does a text of pure noise: **a loss near 0 says that
# the loop can learn, not that it learns the right thing.** (For the leak you wrote `looks_ahead` in notebook 3; for the
# noise there is text held out of the training.)

# %% [markdown]
# ### How large a step?
#
# Seven peak rates, each with thirty steps from the same start, once on each of two series of batches.

# %%
predict(
    "rate",
    "Which of these peaks ends with the lowest loss?",
    {"A": "0.0001", "B": "0.001", "C": "0.01", "D": "0.1", "E": "1"},
    yours="C",
)

# %%
rates = [0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0]
ends = {}
for seed in (0, 1):
    ends[f"batches {seed}"] = []
    for peak in rates:
        weights, tiny, _ = tiny_model()
        losses = train(weights, tiny, windows(30, seed=seed), peak)
        ends[f"batches {seed}"].append(sum(losses[-10:]) / 10)
for name, losses in ends.items():
    shown = [f"{r:g}: {loss:.2f}" for r, loss in zip(rates[:5], losses)]
    high = "above" if losses[6] > 5.4 else "below"
    shown += [f"0.1: {losses[5]:.1f}", f"1: {high} 5.4"]
    print(name, "  ".join(shown))
show(
    plots.learning_rates(rates, ends, math.log(512)),
    alt="Mean loss of the last 10 of 30 steps against the peak rate, log scale, a U: "
    "about 6.1 at 0.0001, lowest, about 5.1, near 0.01, and higher again from 0.1 on; "
    "two series of batches lie close together up to 0.1.",
)
means = {r: sum(losses[i] for losses in ends.values()) for i, r in enumerate(rates)}
asked = [0.0001, 0.001, 0.01, 0.1, 1.0]
reveal("rate", "ABCDE"[min(range(5), key=lambda i: means[asked[i]])])

# %% [markdown] reveals="rate"
# A **U**. On the left the steps are too small to arrive in time, on the right too large to settle. The valley lies
# around 0.01 and is flat over a factor of ten, for *this* width, *this* batch, *this* number of steps. (At 0.1 and 1 fewer
# digits are printed: steps that large magnify the rounding of a last digit, which another processor does otherwise. The
# picture shows yours.) Change one of
# them and it may move: at a quarter of this width 0.003 is far too small. Notebook 7 looks for it anew at each size.

# %% [markdown]
# ### What does it learn first?
#
# Now 240 steps. To see what a loss means, hold it against rules that anybody can write down:
#
# - **uniform**: every token alike, $\ln 512$;
# - **unigram**: each token as often as it occurs in the stories, whatever stands before it;
# - **bigram**: as often as it follows the *one* token before it (with a pinch of the unigram mixed into the counts, so
#   that a pair never seen is not impossible).

# %%
predict(
    "bigram",
    "After how many of 240 steps does your model beat the bigram rule?",
    yours=200,
)

# %%
V = 512
unigram = torch.bincount(story_ids, minlength=V) + 1.0
unigram /= unigram.sum()
pairs = torch.zeros(V, V).index_put(
    (story_ids[:-1], story_ids[1:]), torch.ones(len(story_ids) - 1), accumulate=True
)


def bigram_rule(w):
    """ln p of each token after each: pairs counted, and w times the unigram."""
    counts = pairs + w * unigram
    return (counts / counts.sum(1, keepdim=True)).log()


unseen = held_out_ids[:2080].view(32, 65)
inputs, targets = next_token_pairs(unseen)
rules = {
    "uniform": torch.full((*inputs.shape, V), -math.log(V)),
    "unigram": unigram.log().expand(*inputs.shape, V),
    "bigram": bigram_rule(1)[inputs],
}
marks = {name: cross_entropy(logits, targets).item() for name, logits in rules.items()}
for name, nats in marks.items():
    print(f"{name:<10}{nats:.3f} nats per token on {targets.numel():,} unseen ones")

watch = (1, 3, 10, 20, 50, 100, 240)  # after so many steps
weights, tiny, engine_weights = tiny_model()
held_out_losses, distances, done = [], {name: [] for name in rules}, 0


def look():
    """The model as it is now, on unseen stories: its loss, and its distance from each
    rule, the mean of ln p - ln (the rule's p) over what the model would draw."""
    with torch.no_grad():
        logits = tiny(inputs)
    held_out_losses.append((done, cross_entropy(logits, targets).item()))
    log_p = torch.log_softmax(logits, dim=-1)
    for name, rule in rules.items() if done in watch else ():
        apart = (log_p.exp() * (log_p - rule)).sum(-1).mean()
        distances[name].append(apart.item())


def watched(ids):
    """The model; before every tenth step, and when `watch` says so, it is looked at."""
    global done
    if done in watch or done % 10 == 0:
        look()
    done += 1
    return tiny(ids)


losses = train(weights, watched, windows(240), peak=0.006)
look()
print(f"trained    {held_out_losses[-1][1]:.3f}")


def each_alone(ids):
    """The model, but each token is a text of its own; equal ones are read once."""
    tokens, places = ids.unique(return_inverse=True)
    return blinkered(tokens[:, None])[places, 0]


weights, blinkered, _ = tiny_model()
train(weights, each_alone, windows(240), peak=0.006)
with torch.no_grad():
    alone = cross_entropy(each_alone(inputs), targets)
print(f"trained with each token alone {alone:.3f}")
for w in (4, 16):
    better = cross_entropy(bigram_rule(w)[inputs], targets)
    print(f"bigram, {w:>2} times the unigram {better:.3f}")
show(
    plots.what_it_learns(losses, held_out_losses, marks, watch, distances),
    alt="Left: the loss falls from 6.24, passes the unigram's, 5.2, within 20 steps "
    "and, on unseen stories, the bigram's, 3.7, near step 180. Right: the "
    "distance to the uniform rule grows from 0; that to the unigram is smallest at "
    "step 20; that to the bigram falls all the time and is the smallest at the end.",
)
reveal("bigram", next(step for step, loss in held_out_losses if loss < marks["bigram"]))

# %% [markdown] reveals="bigram"
# This is what a falling loss means. After the first step the model is still the uniform rule. After some twenty it is
# nearly the unigram: **it learns first which tokens are frequent**, whatever stands before them. Then it comes closer
# and closer to the bigram, and beats it. Does it do so by looking further back? "With each token alone" is the control:
# the same training, but each token is read as a text of its own. That model ends close to the bigram rule, a little
# below it. **Most of your model's lead over this bigram comes from the tokens before the last.**
#
# And mind what was beaten. Plain counts take too seriously a pair that came only once: with 16 times the unigram mixed
# in (the last line), the bigram rule is ahead of your model again. **Before you beat a rule, make it as good as you
# can.**

# %% [markdown]
# What does it write?

# %%
torch.set_num_threads(2)
start = [story_tokenizer.special_tokens[training.BETWEEN]]
_, _, newborn = tiny_model()
for name, some_weights in {"before": newborn, "after": engine_weights}.items():
    writer = training.as_model(some_weights, config, story_tokenizer)
    new_ids = list(generate(writer, start, 50, temperature=0.7, seed=3))
    print(f"{name}: {story_tokenizer.decode(new_ids)!r}\n")

# %% [markdown]
# Not literature, after 240 steps. But you have written every part of the machine that made this out of noise: tokens,
# attention, layers, head, loss, step, loop. SmolLM2's training has the same parts, and two trillion tokens (Ben Allal
# et al. 2025). Large runs nearly always add one line: where the gradients, taken together as one vector, are longer
# than 1, they are shortened to length 1 (*clipping*), so that a single odd batch cannot throw the weights far.

# %% [markdown]
# ## 5.8 Calibration: does 70 % mean 70 %?
#
# A model that says 0.7 should be right seven times out of ten (Guo et al. 2017). Over all tokens of the ten
# paragraphs we compare the probability of SmolLM2's likeliest token with how often it was the right one. (The *standard error* of a mean is
# the standard deviation that luck alone gives it; a mean is off by more than two of them about once in twenty times.)

# %%
predict(
    "confident",
    "Does SmolLM2, on these paragraphs, promise more than it delivers?",
    {
        "A": "it promises more",
        "B": "it promises less",
        "C": "neither, within the error",
    },
    yours="A",
)

# %%
sure, hit = torch.cat(confidence).numpy(), torch.cat(right).numpy()
show(
    plots.calibration(sure, hit),
    alt="Above: how often the likeliest token was right against the probability the "
    "model gave it, in ten bins with error bars of two standard errors: the points "
    "rise with the diagonal, nine of the ten below it, so the model promises more than "
    "it delivers. Below: the number of tokens in each bin, most in the first five.",
)
error = (sure - hit).std() / math.sqrt(len(hit))
print(
    f"{len(hit)} tokens: said {sure.mean():.3f} on average, right {hit.mean():.3f} of "
    f"the time, apart {sure.mean() - hit.mean():.3f} ± {2 * error:.3f}"
)
expects, has = torch.cat(expected).mean(), np.average(paragraph_losses, weights=counts)
print(f"loss that it expects {expects:.3f} nats per token, loss that it has {has:.3f}")
gap = sure.mean() - hit.mean()
reveal("confident", "C" if abs(gap) < 2 * error else "A" if gap > 0 else "B")

# %% [markdown] reveals="confident"
# The points rise with the diagonal, nine of the ten below it: on this text the model is **overconfident**. The last
# line says the same of all tokens and not only the likeliest. The loss that a model *expects*, if its own
# probabilities are right, is $-\sum_i p_i \ln p_i$, the **entropy** of its prediction (you need it again in notebook
# 6); what it pays is more.
#
# Why should a model be calibrated at all? The loss rewards it: on average $-\ln p$ is smallest exactly when
# the probabilities are the true frequencies (it is a *proper scoring rule*). But only on text like that which it was
# trained on. These paragraphs may be unlike it, the weights were rounded, and tuning for chat can bend the curve, too;
# which of them it is here, this plot cannot say. And even a calibrated model promises only that it predicts *text*
# well: the probability of a sentence's tokens is not the probability that the sentence is true.

# %% [markdown]
# ## 5.9 Your pieces in the engine
#
# Your `unembed` goes into the engine. Does it still say what `transformers` says? Ids forgive bugs (notebook 3), so
# compare the logits, too.

# %%
from llmlib.course.engine_check import same_ids

mine = model.using(unembedding=unembed)
prompts = ["Twinkle, twinkle, little", "Dear Mr Alvarez,", "def mean(numbers):"]
agreed = same_ids(mine, prompts, max_new_tokens=8)
ids = tokenizer.encode(" ".join(prompts))
apart = (mine(ids) - model(ids)).abs().max()
print("logits within 0.0002 of llmlib's:", bool(apart < 2e-4))

# %% [markdown]
# ## Recap
#
# - After the layers come a final norm and one dot product per token, with the embedding table again where weights are tied.
# - Logits mean something only in comparison; softmax turns their differences into ratios of probabilities. Subtract
#   the maximum.
# - The loss is $-\ln p$ of the true next token: a logarithm turns the product of the chain rule of probability into a
#   sum, and that sum is a file size. Every position of a text is an example, all in one pass; padding is not.
# - An untrained model starts at $\ln V$. Perplexity is $e^{\text{loss}}$ over *tokens*; bits per byte compare
#   tokenizers on one text, total bits compare languages on one content.
# - At the logits the gradient is softmax minus one-hot. The chain rule of derivatives carries it to every weight.
# - A training loop: batch, loss, gradients (cleared first), rate, step. First loss $\ln V$; learn one batch by heart; find
#   the valley of the rate; hold the loss against simple rules.
# - A model learns the frequencies first, then what follows what, then more.
#
# **The way so far:** tokenization → embedding → position → attention and layers → **output head**. Next:
# choosing a token.
#
# ## Questions to think about
#
# 1. With tied weights, a token's row is both "what it means when read" and "what to say when it fits". Can you think
#    of a token for which these pull in different directions?
# 2. A model has perplexity 12 with a vocabulary of 50,000 and another has perplexity 15 with a vocabulary of 200,000.
#    Which is better?
# 3. If $-\ln p$ were replaced by $1 - p$, which probabilities would a model learn to give to a coin that falls heads
#    60 % of the time?
# 4. The first loss is $\ln V$, one batch is learned by heart, and on held-out text the loss falls to 0.01 after 100
#    steps. Do you celebrate?
#
# <details><summary>Answers</summary>
#
# 1. " Barack", for instance: read, it should say "next comes Obama"; written, it should fit after "President". The two
#    have little to do with each other, and the table has one row for both. The layers between must make up for it.
#    (That each row points exactly along *itself* is a small nuisance of the same kind: few words follow themselves.)
# 2. One cannot tell. With 200,000 tokens each covers more text, so there are fewer and harder questions. Bits per byte
#    on the same text decide.
# 3. Heads with certainty. The mean of $1 - p$ is $0.6(1 - q) + 0.4q = 0.6 - 0.2q$ for a forecast $q$ of heads, which is
#    smallest at $q = 1$. With the logarithm it is smallest at $q = 0.6$.
# 4. No. No text is that predictable; the model sees its answers. Look at the shift by one and at the mask first, then
#    ask whether the held-out text is also in the training text.
#
# </details>
#
# ## To read
#
# - Press & Wolf 2016, *Using the Output Embedding to Improve Language Models*,
#   [1608.05859](https://arxiv.org/abs/1608.05859): tied weights.
# - Delétang et al. 2023, *Language Modeling Is Compression*, [2309.10668](https://arxiv.org/abs/2309.10668).
# - Kingma & Ba 2014, *Adam: A Method for Stochastic Optimization*, [1412.6980](https://arxiv.org/abs/1412.6980);
#   Loshchilov & Hutter 2017, *Decoupled Weight Decay Regularization*, [1711.05101](https://arxiv.org/abs/1711.05101).
# - Ben Allal et al. 2025, *SmolLM2: When Smol Goes Big*, [2502.02737](https://arxiv.org/abs/2502.02737).
# - Karpathy 2019, *A Recipe for Training Neural Networks*: first loss, one batch, and much more.
# - Arnett, Chang & Bergen 2024, *A Bit of a Problem: Measurement Disparities in Dataset Sizes Across Languages*,
#   [2403.00686](https://arxiv.org/abs/2403.00686): the byte premium.
# - Guo et al. 2017, *On Calibration of Modern Neural Networks*, [1706.04599](https://arxiv.org/abs/1706.04599).
# - Gehrmann et al. 2019, *GLTR: Statistical Detection and Visualization of Generated Text*,
#   [1906.04043](https://arxiv.org/abs/1906.04043): the idea of the text that you can hover over.

# %% [markdown]
# ## How your predictions went

# %%
predictions()

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done. `llmlib check` does the same in a
# terminal, with the mistake that each failing check names.

# %% tags=["nbval-ignore-output"]
from llmlib.course.checking.check_notebooks import show as show_progress

show_progress()
