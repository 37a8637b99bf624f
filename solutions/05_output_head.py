# %% [markdown] makes="logits" shape="[batch, seq, vocab]"
# # 5 · Output head
#
# A vector becomes a score for every token, the scores become probabilities, and one number says how good they were.
#
# ![Three steps. Bars of four logits, 4.0 for blue, then 2.5, 2.0 and 0.5. Softmax makes them probabilities: 0.72 for blue, 0.16, 0.10 and 0.02. The curve of minus ln p falls from above 3 to 0; blue came, and its loss is marked at 0.33.](attachment:from_vector_to_loss.png)
#
# **You will build** the scores, the probabilities, the loss, and what improves them: a gradient, a backward pass by hand,
# AdamW, a training loop. With it you train a model from nothing, and then test a claim about it.
#
# **You need** notebooks 1 to 4, logarithms, and a derivative as "how much does this change if I change that?".
#
# **It takes** two hours and three quarters, 135 minutes of them at the eleven exercises.

# %% given setup folded="Set-up: math, numpy, torch"
import math

import numpy as np
import torch

# %% [markdown]
# ## The real thing first
#
# A prompt that everybody can complete:

# %% folded="Set-up: the real model, its tokenizer, and pictures"
from dataclasses import replace
from importlib import resources

from llmlib import pretrained
from llmlib.course.predict import predict, predictions, reveal
from llmlib.generation import top_tokens
from llmlib.plots import output_head as plots, show

torch.set_num_threads(2)
model = pretrained.load("smollm2")
tokenizer = model.tokenizer
END = tokenizer.special_tokens["<|endoftext|>"]

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
# A model never says *the* next token. It says how probable each of the 49,152 is. This notebook is about that list: how
# it is made, how good it is, and how to make it better.

# %% [markdown]
# ## 5.1 From a vector to one score per token
#
# ![An arrow x among four arrows, the rows of star, moon, baby and the. The row of star points nearly the same way as x and has the largest logit, 3.5; the row of the points away and has the logit minus 1.4.](attachment:one_row_per_token.png)
#
# After the last layer each position holds a vector $x$ of `d_model` numbers. Two things are done with it:
#
# 1. **The final norm**, one more RMSNorm, brings $x$ to the size that the next step was trained on.
# 2. **The unembedding.** The dot product of $x$ with *every row* of a table `[vocab, d_model]` gives one number per
#    token, its **logit**. A logit is large where $x$ points along that token's row. At the same angle, a longer row
#    gives a larger logit, positive or negative.
#
# Often the table is the embedding table itself (*tied weights*, Press & Wolf 2016). SmolLM2 and GPT-2 both do this.
#
# ### Exercise 5.1 · `unembed` · ●○○ · 5 min
#
# | | shape | |
# |---|---|---|
# | `x` | `[..., d_model]` | vectors, any number of leading dimensions |
# | `table` | `[vocab, d_model]` | one row a token |
# | returns | `[..., vocab]` | entry $v$ is the dot product of the vector with row $v$ |
#
# By hand, for `x = [1, 2]`:
#
# | row of the table | logit |
# |---|---|
# | `[1, 0]` | 1 |
# | `[0, 1]` | 2 |
# | `[1, 1]` | 3 |
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
# Turn the table on its side. `@` works with any number of leading dimensions.
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
# **Run it on the real model.** Leaving out the final norm is a bug that does not crash. The norm divides $x$ by its size,
# and multiplies each entry by a learned number, its gain.

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
print(f"\nsize of x before the norm: {size:.2f}")
print("unembedding and embedding, one tensor:", table is model.weights.embedding)

# %% [markdown] reveals="norm"
# The two halves of the norm do different things. The **gains** turn $x$: without them other tokens win. The
# **division** leaves the direction of $x$ alone, and so the order of the tokens, but it sets how sure the model sounds.
# Without it all logits are 26 times too large, and the first token gets all the probability.

# %% [markdown]
# ## 5.2 Logits are not probabilities
#
# Logits can be negative, and they sum to nothing in particular. Exponentiate them, so that all are positive, and divide by
# their sum:
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
    )
)
plain = torch.tensor(probabilities["as they are"])
plus, twice = (
    not torch.allclose(torch.tensor(probabilities[name]), plain, atol=1e-4)
    for name in ("plus 100", "doubled")
)
reveal("shift", "DBAC"[2 * plus + twice])

# %% [markdown] reveals="shift"
# Only *differences* between logits count. A shift multiplies every $e^{z_i}$ by the same factor, and the division takes
# it out again. So one logit alone tells you nothing. Doubling doubles the differences; you meet it again in notebook 6 as
# temperature.

# %% [markdown]
# Since a shift changes nothing, you may choose the shift that keeps the computer safe:

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
# By hand:
#
# | logits | exponentials | softmax |
# |---|---|---|
# | `[0, ln 3]` | `[1, 3]` | `[0.25, 0.75]` |
# | `[1000, 1000 + ln 3]` | too large for a float32 | `[0.25, 0.75]` all the same |
#
# Not allowed: `torch.softmax`, `torch.log_softmax` and `torch.logsumexp` under any of their names, and llmlib's.
#
# <details><summary>Hint 1</summary>
#
# You may subtract any number from all logits of a row. Which one makes sure that no exponent is above 0?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `amax` and `sum` take `dim`, and `keepdim=True`: their result still lines up with `x`.
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

# %% [markdown]
# ## 5.3 How wrong was it? The loss
#
# ![The curve of minus ln p against p, from 0 to 1. It is 0 at p = 1, 0.69 at one half, 2.3 at 0.1, 4.6 at 0.01, and rises without bound towards p = 0.](attachment:surprise_of_a_probability.png)
#
# A model is trained on one question, asked again and again: *what comes next in this text?* A good model gave high
# probabilities to the tokens that came. The probability of the whole text is their product:
#
# $$p(\text{text}) = p(t_1) \cdot p(t_2 \mid t_1) \cdot p(t_3 \mid t_1, t_2) \cdots$$
#
# An end-of-text token goes in front, as in the model's training, so that the first word counts as well.

# %%
sentence = "Water boils at one hundred degrees Celsius at sea level."
ids = [END] + tokenizer.encode(sentence)
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
# After a page that product is so small that it underflows to 0; its logarithm does not. **A logarithm turns the product
# into a sum.** With a minus in front it is the **loss** of a token, $-\ln p$, in *nats*. The mean over the tokens of a
# text is the **cross-entropy**.
#
# <details><summary>Small print: why end-of-text in front</summary>
#
# The first position is the sink of notebook 3. The model hardly looks at the token that stands there, and its guesses
# after it are odd: without end-of-text in front " at" costs 9.6 nats, with it 0.4. Every first loss in this notebook is
# read with it.
#
# </details>
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
)

# %% [markdown]
# The row at each position is blind to what follows, so *one* pass over a text of $n$ tokens asks $n - 1$ questions at
# once, each with the true text before it (*teacher forcing*). **Every position is a training example.** What remains is
# to line up questions and answers:
#
# ![Two rows of boxes. Above, the inputs: the, fox, looked, at. Below, shifted by one place, the targets: fox, looked, at, the. An arrow leads from each input to the target beneath it.](attachment:shifted_pair.png)
#
# ### Exercise 5.3 · `next_token_pairs` · ●○○ · 5 min
#
# - **In:** `ids` `[batch, seq]`, whole numbers.
# - **Out:** a pair `(inputs, targets)`, both `[batch, seq - 1]`: what the model reads, and at the same place what it
#   should say next.
#
# By hand, one text of four tokens. Read each column downwards: what the model has just read, what it should say.
#
# | | |
# |---|---|
# | `ids` | `[[10, 20, 30, 40]]` |
# | `inputs` | `[[10, 20, 30]]` |
# | `targets` | `[[20, 30, 40]]` |
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
# Slice the second dimension, twice; the batch stays whole.
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
# | `targets` | `[...]` | the id of the true next token at each position, or `ignored`; leave them as they are |
# | `ignored` | | positions with this target do not count (default: −100, as in PyTorch) |
# | returns | `[]` | the mean of $-\ln p(\text{target})$ over the positions that count, in nats |
#
# By hand, a vocabulary of two tokens and three positions:
#
# | logits | target | $p(\text{target})$ | $-\ln p$ |
# |---|---|---|---|
# | `[0, ln 3]` | 1 | 0.75 | 0.288 |
# | `[0, 0]` | 0 | 0.5 | 0.693 |
# | any finite ones | −100 | | does not count |
#
# The loss is the mean of the two that count, 0.4904. At least one position always counts.
#
# The logarithm of your `softmax` is right on paper only: in float32 a tiny probability underflows to zero, whose logarithm
# is $-\infty$. Simplify the logarithm of the formula on paper first, and compute what is left.
#
# Stay with torch's operations (no `.item()`, `.tolist()`, `.detach()` or numpy): in section 5.7 a gradient finds its way
# back through this function.
#
# Not allowed: the losses and log-softmaxes of torch and llmlib, and `torch.logsumexp`.
#
# <details><summary>Hint 1</summary>
#
# Four steps: log-probabilities of all tokens; which positions count; the target's log-probability at each; the mean
# over those that count, with a minus. An id of −100 is no index: leave those positions out before you pick.
#
# </details>
# <details><summary>Hint 2</summary>
#
# $-\ln \mathrm{softmax}(z)_t = m + \ln\sum_j e^{z_j - m} - z_t$, with $m$ the largest logit of the row.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `targets != ignored` is a mask and can be an index. `gather` picks one entry a row; its index needs as many dimensions
# as what it picks from.
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
_uniform = cross_entropy(
    torch.zeros(2, 3, 7), torch.zeros(2, 4, dtype=torch.long)[:, 1:]
)
check.that(
    all(abs(float(_uniform) - math.log(_n)) > 1e-3 for _n in (2, 3, 6)),
    "that is a softmax over the positions: take it over the vocabulary, the last "
    "dimension",
)
check.close(
    _uniform,
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
# **Run it on the real model.** Does one pass give the same losses as many short ones, each fed only the tokens before the
# one it predicts?

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
# The same number, for one pass instead of eleven.
#
# **The bug everybody meets.** Short texts in a batch are filled up ("padded") with an id that nobody should learn to
# predict. Forget `ignored`, and the loss still looks like a loss:

# %%
texts = [[END] + tokenizer.encode("The sun sets in the west."), ids]
longest = max(map(len, texts))
padded = torch.tensor([text + [END] * (longest - len(text)) for text in texts])
inputs, targets = next_token_pairs(padded)
masked = targets.where(targets != END, -100)
alone = [cross_entropy(model(text[:-1])[0], torch.tensor(text[1:])) for text in texts]
counts = [len(text) - 1 for text in texts]
logits = model(inputs)

print(f"each text alone            {alone[0]:.3f} and {alone[1]:.3f} nats per token")
print(f"both, by tokens            {np.average(alone, weights=counts):.3f}")
print(f"batch, padding ignored     {cross_entropy(logits, masked):.3f}")
print(f"batch, padding predicted   {cross_entropy(logits, targets):.3f}")

# %% [markdown]
# The padding also goes *through* the model, and does no harm there: it stands to the right of the text, and the mask
# hides it. Chat training ignores the targets inside the *question* in the same way.
#
# ## 5.4 Loss is a file size
#
# ![Three lines from 0 to 1, each cut by what may come next. The stretch of The is opened out into the second line, its stretch of fox into the third, whose stretch of ran is marked: 0.3 times 0.2 times 0.5 is 0.03 long, about 5 bits.](attachment:nested_line.png)
#
# $-\log_2 p$ is a **length in bits**. Cut the line from 0 to 1 into stretches, one for each token, as long as its
# probability. Step into the stretch of the token that comes, and cut *that* by what may come next. At the end you stand in
# a stretch as long as the product of all probabilities.
#
# Naming a point in it takes $-\log_2$ of its length in bits, plus at most two. Reading back is the same walk. This is
# *arithmetic coding*.

# %%
from llmlib.demonstrations.output_head import arithmetic_decode, arithmetic_encode

message = "The bakery on the corner opens at six, but the ovens are lit at three."
file = arithmetic_encode(message, model, softmax)

# %% tags=["nbval-ignore-output"]
import zlib

print("file:     ", file.hex(" "))
print("read back:", arithmetic_decode(file, model, softmax))
print(
    f"{len(message)} bytes of text; zlib {len(zlib.compress(message.encode(), 9))}; "
    f"this file {len(file)}"
)

# %% [markdown]
# Seventeen bytes, and the sentence comes back letter for letter.
#
# Now five paragraphs that were written for this course, so that the model cannot have met them. The size of the file is
# the sum of the losses. Zlib and bz2 are general compressors, which shorten strings that come again.

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
    inputs, targets = next_token_pairs(torch.tensor([[END] + tokenizer.encode(text)]))
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
show(plots.file_sizes(sizes))
reveal("file", sizes[-1][1])

# %% [markdown] reveals="file"
# Less than a third of what zlib needs. **To predict is to compress** (Delétang et al. 2023), and a loss is a file size:
# every nat that training takes off it makes a file shorter. The control is the shuffled text. Shuffling costs zlib next
# to nothing; the model knows what follows what, and now needs twice as much.
#
# <details><summary>Small print</summary>
#
# The reader must own the model, 269 MB in 16-bit numbers, and compute the same numbers to the last bit: if the reader's
# logits are a millionth off, what it reads is another text. Shuffled, the model is still far below zlib: it knows the
# words, which zlib has to learn from this text.
#
# </details>

# %% [markdown]
# ### Before training
#
# SmolLM2's shape, filled with random numbers: what does it lose?

# %%
predict(
    "untrained",
    "49,152 tokens, a model that has learned nothing: its loss in nats per token?",
    yours=10.8,
)

# %%
from llmlib.demonstrations.output_head import untrained

ids = [END] + tokenizer.encode(paragraphs[1])
inputs, targets = next_token_pairs(torch.tensor([ids]))
logits, trained_logits = untrained(model)(inputs), model(inputs)
losses = {
    "untrained": cross_entropy(logits, targets),
    "trained": cross_entropy(trained_logits, targets),
    "untrained, logits ten times too large": cross_entropy(10 * logits, targets),
    "untrained, softmax taken twice": cross_entropy(softmax(logits), targets),
    "untrained, targets not shifted": cross_entropy(logits, inputs),
}
print(f"ln 49,152 = {math.log(49152):.4f} nats")
for name, loss in losses.items():
    print(f"{name:<40}{loss:.4f} nats")
reveal("untrained", losses["untrained"].item(), within=0.5)

# %% [markdown] reveals="untrained"
# A model that knows nothing does best to give all $V$ tokens the same $1/V$, which costs $\ln V$. **A training run whose
# first loss is far from $\ln V$ has a bug.** The converse does not hold. A softmax of a softmax starts at $\ln V$ and can
# never come more than 1 nat below it. Unshifted targets start near $\ln V$ as well. They show later: the loss falls
# towards 0.
#
# <details><summary>Small print</summary>
#
# The random logits are not all 0 but scatter, and on average over many starts that costs half their variance, here about
# 0.12 nats. In a model whose layers begin as the identity, as in section 5.7, unshifted targets start too low.
#
# </details>

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
pieces = [tokenizer.decode([i]) for i in ids[1:]]
show(
    plots.loss_on_text(
        pieces, losses.tolist(), "Loss of each token, given all before it"
    )
)
order = losses.argsort(descending=True).tolist()
print("most surprising:", [(pieces[i], f"{losses[i]:.2f}") for i in order[:5]])
running = losses[order].cumsum(0)
half = (running < running[-1] / 2).sum().item() + 1  # the token that reaches it, too
share = 100 * half / len(running)
reveal("half", share, within=5)

# %% [markdown] reveals="half"
# A few tokens carry the loss, most of them words that bring something new. Small words and full stops are cheap, and a word
# that comes again usually costs less than the first time.

# %% [markdown]
# **Your own text.** Type over the text below, and click a token to see the five tokens that the model had expected in
# its place.

# %% tags=["nbval-ignore-output"]
from llmlib.widgets import surprise_reader

surprise_reader(
    model,
    softmax,
    "I put the cake in the oven, set the timer for forty minutes and sat down to watch "
    "the moon.",
    before=[END],
)

# %% [markdown]
# ## 5.5 Perplexity, and in which unit to compare
#
# ![The same sentence cut twice. Four long tokens at 3 nats each, perplexity 20; eight short ones at 1.5 nats each, perplexity 4.5. Both are 12 nats for the same 24 bytes, 0.72 bits per byte.](attachment:two_cuts.png)
#
# $e^{\text{loss}}$ is the **perplexity**: a model with perplexity 20 loses as much as a guess among 20 equally likely
# tokens. A long text is measured in batches, and the last is nearly always shorter. The perplexity of the whole is the
# exponential of the mean *over tokens*, however they are batched.
#
# ### Exercise 5.5 · `corpus_perplexity` · ●○○ · 5 min
#
# - **In:** `losses`, a list of numbers, the mean loss of each batch in nats per token; `counts`, a list of its numbers of
#   tokens. Leave both lists as they are.
# - **Out:** a float, the perplexity of all tokens together, not rounded.
#
# By hand, two batches:
#
# | | tokens | mean loss | nats in all |
# |---|---|---|---|
# | first batch | 3 | 1 | 3 |
# | second batch | 1 | 5 | 5 |
# | together | 4 | 2 | 8 |
#
# The perplexity is $e^2 = 7.389$.
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
# The exponential comes last, and once.
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
# **Run it on the real model**, on the ten paragraphs, one pass each.

# %%
paragraph_losses, counts, expected, confidence, right = [], [], [], [], []
for paragraph in paragraphs:
    ids = torch.tensor([[END] + tokenizer.encode(paragraph)])
    inputs, targets = next_token_pairs(ids)
    logits = model(inputs)
    p = softmax(logits)[0]
    paragraph_losses.append(cross_entropy(logits, targets).item())
    counts.append(targets.numel())
    expected.append(torch.special.entr(p).sum(-1))  # -p ln p, summed over all tokens
    confidence.append(p.amax(-1))
    right.append((p.argmax(-1) == targets[0]).float())
whole = corpus_perplexity(paragraph_losses, counts)
print(f"perplexity of the whole text:           {whole:.4f}")
mean = np.mean(np.exp(paragraph_losses))
print(f"mean of the paragraphs' perplexities:   {mean:.4f}")

# %% [markdown]
# Perplexity is *per token*: long tokens are fewer, harder questions. Two models with different tokenizers are therefore
# compared, **on the same text**, by **bits per byte**: both must account for the same bytes.
#
# $$\text{bits per byte} = \frac{\text{loss} \cdot n_\text{tokens}}{n_\text{bytes} \cdot \ln 2}$$
#
# It is used for another question, too: which *language* does the model read best? Here is one text in four languages.

# %%
predict(
    "language",
    "SmolLM2 was trained on English. By bits per byte, which of the others is easiest?",
    {"A": "German", "B": "Russian", "C": "Hindi"},
    yours="A",
)

# %%
from llmlib.demonstrations.output_head import TRANSLATIONS
from llmlib.output_head import bits_per_byte

print("           tokens   bytes   perplexity   bits per byte   bits for the text")
by_byte, in_all = {}, {}
for language, text in TRANSLATIONS.items():
    inputs, targets = next_token_pairs(torch.tensor([[END] + tokenizer.encode(text)]))
    loss, n = cross_entropy(model(inputs), targets).item(), targets.numel()
    by_byte[language] = bits_per_byte(loss, n, len(text.encode()))
    in_all[language] = loss * n / math.log(2)
    print(
        f"{language:<9}{n:>8}{len(text.encode()):>8}{math.exp(loss):>13.2f}"
        f"{by_byte[language]:>16.3f}{in_all[language]:>20.0f}"
    )
others = ["German", "Russian", "Hindi"]
reveal("language", "ABC"[min(range(3), key=lambda i: by_byte[others[i]])])

old = len(TRANSLATIONS["Russian"].encode("cp1251"))
print(
    f"Russian in the old code cp1251, one byte a letter: {old} bytes, so "
    f"{in_all['Russian'] / old:.3f} bits per byte"
)

# %% [markdown] reveals="language"
# **Per byte the order is exactly reversed.** UTF-8 spends one byte on a plain Latin letter, two on a Cyrillic one, three
# on one of Devanagari (the *byte premium*, Arnett et al. 2024). Write the same Russian in an older code of one byte a
# letter, and its bits per byte nearly double, though the predictions are the same.
#
# So: **bits per byte for one text and two tokenizers; total bits for one content in two languages.**

# %% [markdown]
# ## 5.6 The gradient: which way is down?
#
# ![Three rows of bars over Paris, the, London and Lyon. What the model said: 0.7, 0.2, 0.1, 0.0. Minus what was true: 1 at Lyon. Is the gradient: 0.7, 0.2, 0.1 and minus 1.0, with arrows that push Paris down and pull Lyon up.](attachment:said_minus_true.png)
#
# So far the loss has judged. Now it teaches. The gradient says, for each number in the model, how the loss changes if
# that number is nudged. Suppose that "The capital of France is" had gone on with **Lyon**. Nudge six logits by a
# thousandth:

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
# Compare the two columns: what is the formula?
#
# ### Exercise 5.6 · `logits_gradient` · ●●○ · 15 min
#
# - **In:** `logits` `[N, vocab]`; `targets` `[N]`.
# - **Out:** `[N, vocab]`, the gradient of the *mean* loss over the N positions with respect to each logit. A new
#   tensor; `logits` stays as it was.
#
# By hand, by nudging. With two positions every entry is halved, since the loss is a mean:
#
# | logits | targets | gradient |
# |---|---|---|
# | `[[0, ln 3]]` | `[0]` | `[[-0.75, 0.75]]` |
# | `[[0, ln 3], [0, ln 3]]` | `[0, 0]` | `[[-0.375, 0.375], [-0.375, 0.375]]` |
#
# Not allowed: `torch.autograd` and `backward`, the losses of torch, and llmlib's own. Use your `softmax`.
#
# <details><summary>Hint 1</summary>
#
# In the table, the measured slope *is* the probability, except for the token that was true. There, how far apart are
# the two?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Start from the probabilities, all of them, and change N places: `p[torch.arange(len(targets)), targets]` are the
# entries of the targets, one a row.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The loss is a mean over N positions, and so is its gradient. If you change `p` in place, be sure that it is a tensor of
# your own, not the input.
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
# So for one position with probabilities $p$ and target $t$ the gradient is *what the model said, minus what was true*:
#
# $$\frac{\partial\,(-\ln p_t)}{\partial z_i} = p_i - [i = t]$$
#
# with $[i = t]$ 1 for the target, else 0. Every wrong token is pushed down as far as it was believed; the right one is
# pulled up by what it lacks.
#
# ### Thirty steps
#
# Only weights can be changed, not logits. Logit $i$ is $x \cdot \text{row}_i$, so by the *chain rule* the gradient for
# the whole row is $(p_i - [i = t])\,x$. **Gradient descent** moves each weight *against* its gradient, times a small
# number, the *learning rate*. Thirty steps on a copy of SmolLM2's table, with your function:

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

show(plots.descent(curves, "Thirty steps of gradient descent on the output table"))

# %%
print(f"{'':<40}before             after")
answers = {}
for question in (
    "The capital of Germany is",
    "The capital of Italy is",
    "Twinkle, twinkle, little",
    "France is known for",
    "The capital of France is the city of",
):
    x, row = final_norm(last_vector(question)), []
    for some_table in (table, edited):
        _, word, p = top_tokens(model, unembed(x, some_table))[0]
        row.append(f"{word!r} {p:.3f}")
    answers[question] = word
    print(f"{question:<40}{row[0]:<19}{row[1]}")
ids = torch.tensor([[END] + tokenizer.encode(paragraphs[1])])
inputs, targets = next_token_pairs(ids)
taught = replace(model, weights=replace(model.weights, unembedding=edited))
before, after = paragraph_losses[1], cross_entropy(taught(inputs), targets)
print(f"loss on the paragraph about tides: {before:.4f} -> {after:.4f}")
found = {" Berlin": "A", " Lyon": "B", " Paris": "C"}
reveal("germany", found.get(answers["The capital of Germany is"], "D"))

# %% [markdown] reveals="germany"
# One sentence, thirty steps, and the model is sure of something false. Berlin, Rome and the star survive. But
# "The capital of France is the city of" was never trained on, and yet its answer has changed, too. **If you edit a weight,
# you edit every text that uses it**, and what else has changed must be measured.

# %% [markdown]
# ## 5.7 The training loop
#
# ![A chain of boxes from the input x through the first weights, the hidden layer with its gate and the second weights to the logits and the loss. Below, arrows run back from the loss: probabilities minus truth at the logits, then to the hidden layer, through the gate, to the first weights. Each weight matrix gets its gradient where the two directions meet.](attachment:backward_walk.png)
#
# Deeper weights are reached by the same chain rule, one link at a time. Forward, each layer keeps what went in. Back, it
# receives "how the loss changes with my output". From that it works out the gradient of its own weights, and it passes on
# "how the loss changes with my input". That walk is *backpropagation*. Do it once by hand, through two layers:
#
# $$h = \max(0,\; x W_\text{in}^T) \qquad z = h\,W_\text{out}^T \qquad \text{loss} = \text{mean of } {-\ln \mathrm{softmax}(z)_t}$$
#
# ### Experiment 5.7 · `backward_by_hand` · ●●● · 20 min
#
# | | shape | |
# |---|---|---|
# | `x` | `[N, d]` | what goes in, one row a position |
# | `w_in` | `[hidden, d]` | |
# | `w_out` | `[vocab, hidden]` | |
# | `targets` | `[N]` | the ids that came |
# | returns | as `w_in`, as `w_out` | the gradients of the mean loss: (for `w_in`, for `w_out`) |
#
# By hand, one position. The gate lets the first of two hidden numbers through and stops the second:
#
# | | |
# |---|---|
# | given | `x = [[1]]`, `w_in = [[1], [-1]]`, `w_out = [[0, 0], [ln 3, 5]]`, `targets = [0]` |
# | forward, before the gate | `[[1, -1]]` |
# | after the gate, $h$ | `[[1, 0]]` |
# | logits, and their probabilities | `[[0, ln 3]]`, `[[0.25, 0.75]]` |
# | back, at the logits | `[[-0.75, 0.75]]` |
# | for `w_out` | `[[-0.75, 0], [0.75, 0]]` |
# | at $h$ | `[[0.75 ln 3, 0.75 · 5]]` |
# | behind the gate | `[[0.824, 0]]` |
# | for `w_in` | `[[0.824], [0]]` |
#
# Not allowed: `torch.autograd` and `backward`. Use your `logits_gradient`. Leave all four inputs as they are.
#
# <details><summary>Hint 1</summary>
#
# Go up first and keep what lies before the gate, and $h$. Your `logits_gradient` is the first step of the way back; it
# has divided by N already.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Shapes decide nearly everything. Of `[N, vocab]` and `[N, hidden]` you need `[vocab, hidden]`: a sum over the
# positions. For the way on you need `[N, hidden]` again.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Where the gate was shut, a nudge of what lies before it changes nothing.
#
# </details>


# %% solution backward_by_hand disallowed=["torch.autograd", "torch.nn.functional.cross_entropy"]
def backward_by_hand(x, w_in, w_out, targets):
    """The gradients of the mean loss for w_in [hidden, d] and w_out [vocab, hidden]; x
    [N, d] goes through w_in, a ReLU and w_out; targets [N]."""
    ### BEGIN SOLUTION
    before = x @ w_in.T
    hidden = before.clamp(min=0)
    at_logits = logits_gradient(hidden @ w_out.T, targets)
    at_gate = (at_logits @ w_out) * (before > 0)
    return at_gate.T @ x, at_logits.T @ hidden
    ### END SOLUTION


# %% given inputs_after_backward
def inputs_after_backward(x, w_in, w_out, targets):
    """What you were given, as it is after your backward_by_hand has worked on it."""
    backward_by_hand(x, w_in, w_out, targets)
    return x, w_in, w_out, targets


# %% test backward_by_hand points=3
import math

import torch

from llmlib.course import check

_x, _in = torch.tensor([[1.0]]), torch.tensor([[1.0], [-1.0]])
_out = torch.tensor([[0.0, 0.0], [math.log(3), 5.0]])
_got = backward_by_hand(_x, _in, _out, torch.tensor([0]))
check.that(
    isinstance(_got, (tuple, list)) and len(_got) == 2,
    "return two tensors: the gradient for w_in and that for w_out",
)
check.that(
    not (tuple(_got[0].shape) == (2, 2) and tuple(_got[1].shape) == (2, 1)),
    "the two are swapped: first the gradient for w_in, then that for w_out",
)
check.that(
    tuple(_got[0].shape) == (2, 1) and tuple(_got[1].shape) == (2, 2),
    "a gradient has the shape of its weights: w_in's [hidden, d], w_out's [vocab, "
    "hidden]",
)
_kept = [torch.tensor([[1.0]]), torch.ones(2, 1), torch.ones(2, 2), torch.tensor([0])]
for _before, _after in zip([t.clone() for t in _kept], inputs_after_backward(*_kept)):
    check.close(_after, _before, "an input has changed: leave all four as they are")
_in, _out = (
    torch.tensor([[1.0], [-1.0]]),
    torch.tensor([[0.0, 0.0], [math.log(3), 5.0]]),
)
_got = backward_by_hand(_x, _in, _out, torch.tensor([0]))
check.that(
    abs(float(_got[1][0, 1])) < 1e-6,
    "w_out meets what came out of the gate, where the second entry is 0, not what went "
    "into it",
)
check.that(
    not torch.allclose(backward_by_hand(_x, _in, _out, torch.tensor([1]))[1], _got[1]),
    "another target, and the same gradient: what arrives at the logits depends on the "
    "id that came, not on the likeliest one",
)
check.that(
    float(_got[1][0, 0]) < 0,
    "the sign is turned: the target's logit is too low, so its gradient is negative",
)
check.close(
    _got[1],
    torch.tensor([[-0.75, 0.0], [0.75, 0.0]]),
    "for w_out: what arrives at the logits, [-0.75, 0.75], times h, [1, 0]",
    atol=1e-4,
)
check.that(
    abs(float(_got[0][1, 0])) < 1e-6,
    "the gate was shut for the second entry, so nothing comes back through it: keep "
    "what lies before the gate, and stop the gradient where that is not above 0",
)
check.close(
    _got[0],
    torch.tensor([[0.75 * math.log(3)], [0.0]]),
    "for w_in: what arrives at h, 0.75 * ln 3, times x; the way back leads through "
    "w_out",
    atol=1e-4,
)
_both = backward_by_hand(torch.tensor([[1.0], [1.0]]), _in, _out, torch.tensor([0, 1]))
check.that(
    not torch.allclose(_both[1].double(), _got[1].double()),
    "a second position has changed nothing: the first one stands for all. Each adds "
    "its own part",
)
check.close(
    _both[1],
    torch.tensor([[-0.25, 0.0], [0.25, 0.0]]),
    "two positions, targets 0 and 1: each adds its own part, and the loss is their "
    "mean; divide by N once (logits_gradient has done it)",
    atol=1e-4,
)


@torch.enable_grad()  # whatever other cells have set
def _reference(x, w_in, w_out, targets):
    w_in, w_out = w_in.clone().requires_grad_(), w_out.clone().requires_grad_()
    logits = torch.relu(x @ w_in.T) @ w_out.T
    torch.nn.functional.cross_entropy(logits, targets).backward()
    return w_in.grad, w_out.grad


_g = torch.Generator().manual_seed(57)
_many = [torch.randn(_shape, generator=_g) for _shape in ((5, 3), (4, 3), (6, 4))]
_many.append(torch.tensor([0, 5, 2, 2, 1]))
for _mine, _theirs, _name in zip(
    backward_by_hand(*_many), _reference(*_many), ("w_in", "w_out")
):
    check.close(
        _mine,
        _theirs,
        f"five positions: the gradient for {_name} is not that of torch's backward",
        atol=1e-4,
    )
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(157)
for _n, _d, _hidden, _vocab in [(1, 4, 3, 5), (7, 2, 6, 3), (9, 5, 5, 5)]:
    _shapes = ((_n, _d), (_hidden, _d), (_vocab, _hidden))
    _some = [torch.randn(_shape, generator=_g) for _shape in _shapes]
    _some.append(torch.randint(_vocab, (_n,), generator=_g))
    for _mine, _theirs, _name in zip(
        backward_by_hand(*_some), _reference(*_some), ("w_in", "w_out")
    ):
        check.close(
            _mine,
            _theirs,
            f"the gradient for {_name} is not that of torch's backward",
            atol=1e-4,
        )
### END HIDDEN TESTS

# %% [markdown]
# **Your gradients, PyTorch's, and nudging.** PyTorch notes every operation and walks back by itself: after
# `loss.backward()` each tensor $w$ with `requires_grad` has its gradient in `w.grad`. Two layers guess the next token of
# short stories:

# %%
from llmlib import data, training
from llmlib.demonstrations.output_head import (
    gate_forgotten,
    numerical_gradient,
    train_two_layers,
    two_layer_batch,
    two_layer_logits,
)

stories = [story for story in data.stories("train")[:600] if story.ended]
story_tokenizer = training.story_tokenizer(stories[:256])
story_tokens = training.as_tokens(stories, story_tokenizer)
story_ids = story_tokens.ids
print(f"{len(stories)} stories, {len(story_ids):,} tokens. The first begins:")
print(stories[0].text[:150] + " …\n")

torch.set_num_threads(1)  # little to share in products this small
x, w_in, w_out, targets = two_layer_batch(story_ids)
by_hand = backward_by_hand(x, w_in, w_out, targets)
asking = [w.clone().requires_grad_() for w in (w_in, w_out)]
cross_entropy(two_layer_logits(x, *asking), targets).backward()
print("one weight of      by hand   backward     nudged")
for name, mine, w in zip(("w_in", "w_out"), by_hand, asking):
    place = int(mine.abs().argmax())
    slope = numerical_gradient(cross_entropy, x, w_in, w_out, targets, name, place)
    theirs = w.grad.view(-1)[place]
    print(f"{name:<14}{mine.view(-1)[place]:>12.5f}{theirs:>11.5f}{slope:>11.5f}")
worst = max((mine - w.grad).abs().max() for mine, w in zip(by_hand, asking))
print("all weights equal to 5 digits:", bool(worst < 1e-5))

# %% [markdown]
# `backward` is this walk and nothing more. Nudging takes two passes for every weight; the walk finds all at once.
#
# Now a classic mistake: on the way back somebody forgets the gate.

# %%
predict(
    "gate",
    "Trained 200 steps with the gate forgotten on the way back: what does the loss do?",
    {
        "A": "it stays near where it began",
        "B": "it falls, nearly as far as with the right gradient",
        "C": "it rises",
    },
    yours="A",
)

# %%
curves = {}
for name, backward in {
    "your backward_by_hand": backward_by_hand,
    "gate forgotten": gate_forgotten,
}.items():
    curves[name] = train_two_layers(backward, cross_entropy, story_ids, steps=200)
show(plots.two_gradients(curves, math.log(512)))
right_end, wrong_end = (sum(losses[-10:]) / 10 for losses in curves.values())
start = math.log(512)
share = (start - wrong_end) / (start - right_end)
reveal("gate", "C" if share < 0 else "A" if share < 0.5 else "B")

# %% [markdown] reveals="gate"
# It falls nearly as far. **A loss that falls does not prove that the gradient is right.** One that points roughly downhill
# trains, too, and nothing crashes. What finds the bug is the table above: nudge one weight and compare.

# %% [markdown]
# ### How far is a step?
#
# ![The learning rate against the step, of 40: it rises in a short straight line to its peak over the first two steps, then falls in a long straight line to nearly 0.](attachment:rate_schedule.png)
#
# ### Exercise 5.8 · `learning_rate` · ●○○ · 5 min
#
# The usual recipe: the rate is *warmed up* over the first steps and then *decays*.
#
# - **In:** `step`, counted from 0; `steps`, how many there are in all; `peak`, a number.
# - **Out:** the rate for this step: `peak`, times a warm-up, times a decay.
#   The warm-up is $\frac{\text{step} + 1}{0.05\,\text{steps}}$, but never more than 1. The decay is
#   $1 - \frac{\text{step}}{\text{steps}}$.
#
# By hand, 40 steps and a peak of 1:
#
# | step | warm-up | decay | rate |
# |---|---|---|---|
# | 0 | 1/2 | 1 | 0.5 |
# | 1 | 1 | 39/40 | 0.975 |
# | 39, the last | 1 | 1/40 | 0.025 |
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
# "Never more than 1" is the smaller of two numbers.
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
# ### Exercise 5.9 · `adamw_step` · ●●● · 15 min
#
# ![Two contour maps of a long narrow valley, one steep weight and one flat. Left, gradient descent zigzags across the valley and gets a small part of the way. Right, Adam moves both weights about equally far a step and arrives.](attachment:adam_on_two_weights.png)
#
# Gradients of different weights differ a great deal in size. Adam (Kingma & Ba 2014) keeps, for every number of a tensor, a
# running mean $m$ of its gradient $g$ and a running mean $s$ of $g^2$, and moves by $m / \sqrt{s}$:
#
# $$m \leftarrow 0.9\,m + 0.1\,g \qquad s \leftarrow 0.95\,s + 0.05\,g^2$$
#
# The two factors are called $\beta_1$ and $\beta_2$. Both means begin at 0 and are too small at first. At step $t$, counted
# from 1, they are corrected, and the weight moves:
#
# $$\hat m = \frac{m}{1 - 0.9^t} \qquad \hat s = \frac{s}{1 - 0.95^t}$$
#
# $$w \leftarrow (1 - \text{rate} \cdot \text{decay})\,w - \text{rate} \cdot \frac{\hat m}{\sqrt{\hat s} + 10^{-8}}$$
#
# The first term shrinks the weight a little at each step. AdamW is Adam with this *weight decay* kept out of both averages
# (Loshchilov & Hutter 2017).
#
# | | shape | |
# |---|---|---|
# | `weight`, `gradient` | any | |
# | `mean`, `square` | the same | $m$ and $s$ before this step |
# | `step` | | $t$, counted from 1 |
# | `rate`, `decay` | | numbers; `decay` is the weight decay, not that of the rate |
# | returns | | the three new tensors `(weight, mean, square)` |
#
# By hand, a first step:
#
# | | |
# |---|---|
# | given | `weight` 1, `gradient` 2, `mean` 0, `square` 0, `step` 1, `rate` 0.1, `decay` 0 |
# | $m$, then $\hat m$ | 0.1 · 2 = 0.2, then 0.2 / 0.1 = 2 |
# | $s$, then $\hat s$ | 0.05 · 2² = 0.2, then 0.2 / 0.05 = 4 |
# | the new weight | 1 − 0.1 · 2 / √4 = 0.9 |
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
# Does the small $10^{-8}$ stand under the root, or outside?
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
check.that(
    abs(float(_got[0]) - 1 + 0.1 * 2 / 0.2**0.5) > 1e-3,
    "the square is not corrected: it starts at 0 and is too small, so divide it by "
    "1 - 0.95^t",
)
check.that(
    abs(float(_got[0]) - 0.99) > 1e-4,
    "the mean is not corrected: it starts at 0 and is too small, so divide it by "
    "1 - 0.9^t",
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
# **Run it** on three kinds of gradient, large and small: how far does each gradient move the weight?

# %%
from llmlib.demonstrations.output_head import moved

kinds = {
    "always the same": [1.0] * 1000,
    "changing sign": [1.0, -1.0] * 500,
    "once in 100 steps": ([0.0] * 99 + [1.0]) * 10,
}
for name, gradients in kinds.items():
    for size in (0.001, 1000.0):
        rates = moved(adamw_step, [size * gradient for gradient in gradients])
        print(f"{name:<18} size {size:<7g} {rates:>6.2f} rates for each gradient")

# %% [markdown]
# The size does not matter. A steady gradient moves the weight by one rate a step, one that keeps changing sign hardly at
# all. **A gradient that comes rarely is amplified**: when it comes, $s$ remembers mostly zeros. So it is with the rows of
# rare tokens in an untied embedding table.
#
# ### Exercise 5.10 · `train` · ●●● · 20 min
#
# | | | |
# |---|---|---|
# | `weights` | list of tensors | they ask for gradients, and **they themselves** are changed, in place |
# | `model` | function | ids `[batch, seq]` → logits `[batch, seq, vocab]`, from `weights` |
# | `batches` | list | ids `[batch, seq + 1]` for each step |
# | `peak` | number | of the learning rate |
# | returns | list of floats | the loss of each batch, before its step |
#
# For each batch: inputs and targets; the loss; the gradients of *this* loss, from `backward`; the rate of this step; one
# step of AdamW for each tensor, with weight decay 0.1 for matrices (two dimensions) and 0 for vectors (one). Means and
# squares live through the whole training.
#
# By hand: two tokens, the batch `[[0, 1]]`, a peak of 0.1. The only weight is a table of zeros, whose row $i$ holds the
# logits after token $i$. The check trains such a table plus a bias: `train_pairs`, below.
#
# | | |
# |---|---|
# | the loss | ln 2 |
# | the gradient of row 0 | `[0.5, -0.5]` |
# | row 0 after the step | `[-0.1, 0.1]` |
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
# Every tensor starts with two tensors of zeros of its own. AdamW counts its steps from 1, `learning_rate` from 0.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `w = new` would only give your variable another tensor; the model would go on with the old one. Write in place, inside
# `torch.no_grad()`. The loss as a plain number is `loss.item()`.
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
    bool(_new.isfinite().all()),
    "the weights became NaN: AdamW counts its steps from 1, since with 0 its "
    "corrections divide by 0",
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
# **Run it.** A tiny model of SmolLM2's kind: two layers of width 64, which begin as the identity. First, is your loop the
# real thing? The same twenty batches through it, and through llmlib's, which uses `torch.optim.AdamW`.

# %%
from llmlib import generate
from llmlib.demonstrations.output_head import CONFIG, tiny_model, windows

weights, tiny, _ = tiny_model()
print(f"{sum(w.numel() for w in weights):,} weights in {len(weights)} tensors")
mine = train(weights, tiny, windows(story_ids, 20), peak=0.006)
_, _, theirs_weights = tiny_model()
theirs = [
    loss
    for _, loss in training.train(
        theirs_weights, CONFIG, story_tokens, steps=20, seed=0, peak=0.006
    )
]
for name, losses in {"your loop": mine, "llmlib": theirs}.items():
    print(f"{name:<12}" + "  ".join(f"{loss:.4f}" for loss in losses[::5]))
print("equal to 4 digits:", all(abs(a - b) < 1e-4 for a, b in zip(mine, theirs)))

# %% [markdown]
# ### Can it learn one batch by heart?
#
# The cheapest test there is: the *same* small batch, again and again. If the loss does not fall to nearly 0, something in
# the loop is wrong. But which bugs does it see? Four runs: your loop as it is; with a rate 100 times as large; with no
# causal mask, so that each position can read its own answer; and on random tokens.

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
batch = windows(story_ids, 1, batch=4)[0]
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
show(plots.one_batch(curves, math.log(512)))
stuck = [curves[name][-1] > 1 for name in list(runs)[1:]]
reveal("batch", "D" if all(stuck) else "ABC"[stuck.index(True)])

# %% [markdown] reveals="batch"
# Only the rate. A leak from the future passes the test, and so does a text of pure noise: **a loss near 0 says that the
# loop can learn, not that it learns the right thing.** For the leak you wrote `looks_ahead` in notebook 3; for the noise
# there is text held out of the training.

# %% [markdown]
# ### How large a step?
#
# Seven peak rates, thirty steps each, from the same start on the same batches.

# %%
predict(
    "rate",
    "Which of these peaks ends with the lowest loss?",
    {"A": "0.0001", "B": "0.001", "C": "0.01", "D": "0.1", "E": "1"},
    yours="C",
)

# %%
rates = [0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 1.0]
ends = []
for peak in rates:
    weights, tiny, _ = tiny_model()
    losses = train(weights, tiny, windows(story_ids, 30), peak)
    ends.append(sum(losses[-10:]) / 10)
shown = [f"{rate:g}: {loss:.2f}" for rate, loss in zip(rates[:5], ends)]
high = "above" if ends[6] > 5.4 else "below"
print("  ".join([*shown, f"0.1: {ends[5]:.1f}", f"1: {high} 5.4"]))
show(plots.learning_rates(rates, {"your loop": ends}, math.log(512)))
asked = [0.0001, 0.001, 0.01, 0.1, 1.0]
best = min(asked, key=lambda rate: ends[rates.index(rate)])
reveal("rate", "ABCDE"[asked.index(best)])

# %% [markdown] reveals="rate"
# A **U**. On the left the steps are too small to arrive in time, on the right too large to settle. The valley lies around
# 0.01 and is flat over a factor of ten, for *this* width, *this* batch, *this* number of steps. Notebook 7 looks for it
# again at each size.
#
# <details><summary>Small print</summary>
#
# At 0.1 and 1 fewer digits are printed: steps that large magnify the rounding of a last digit, which differs between
# processors. At a quarter of this width 0.003 is far too small.
#
# </details>

# %% [markdown]
# ### What does it learn first?
#
# Now 240 steps, compared with rules that anybody can write:
#
# - **uniform**: every token alike, $\ln 512$;
# - **unigram**: each token as often as it occurs in the stories, whatever stands before it;
# - **bigram**: as often as it follows the *one* token before it, with a pinch of the unigram mixed in.
#
# The *KL divergence* says how far the model's $q$ is from a rule's $r$. It is the mean of $\ln q - \ln r$ over tokens drawn
# from the model.

# %%
predict(
    "bigram",
    "After how many of 240 steps does your model beat the bigram rule?",
    yours=200,
)

# %%
from llmlib.data import make_context_runs

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


_, held_out_ids = make_context_runs.texts()
inputs, targets = make_context_runs.windows(held_out_ids)
inputs, targets = inputs[::2], targets[::2]  # every second window is enough here
known = int((targets != training.IGNORED).sum())
rules = {
    "uniform": torch.full((*inputs.shape, V), -math.log(V)),
    "unigram": unigram.log().expand(*inputs.shape, V),
    "bigram": bigram_rule(1)[inputs],
}
marks = {name: cross_entropy(logits, targets).item() for name, logits in rules.items()}
for name, nats in marks.items():
    print(f"{name:<26}{nats:.3f} nats per token on {known:,} unseen")

watch = (1, 3, 10, 20, 60, 120, 240)  # after so many steps
weights, tiny, engine_weights = tiny_model()
held_out_losses, distances, done = [], {name: [] for name in rules}, 0


def look():
    """Its loss on unseen stories, and its distance from each rule."""
    with torch.no_grad():
        logits = tiny(inputs)
    held_out_losses.append((done, cross_entropy(logits, targets).item()))
    log_p = torch.log_softmax(logits, dim=-1)
    for name, rule in rules.items() if done in watch else ():
        distances[name].append((log_p.exp() * (log_p - rule)).sum(-1).mean().item())


def watched(ids):
    """The model; before every twentieth step, and when `watch` says so, we look."""
    global done
    if done in watch or done % 20 == 0:
        look()
    done += 1
    return tiny(ids)


losses = train(weights, watched, windows(story_ids, 240), peak=0.006)
look()
better = cross_entropy(bigram_rule(16)[inputs], targets)
print(
    f"trained {held_out_losses[-1][1]:.3f}; bigram, 16 times the unigram {better:.3f}"
)
show(plots.what_it_learns(losses, held_out_losses, marks, watch, distances))
reveal("bigram", next(step for step, loss in held_out_losses if loss < marks["bigram"]))

# %% [markdown] reveals="bigram"
# After the first step the model is still the uniform rule. After some twenty it is nearly the unigram: **it learns first
# which tokens are frequent**, whatever stands before them. Then it comes closer and closer to the bigram, and beats it.
#
# Look at what was beaten. Plain counts trust a pair seen once too much. With 16 times the unigram mixed in, the bigram rule
# is ahead of your model again. **Before you beat a rule, make it as good as you can.**

# %% [markdown]
# ### Does it look further back?
#
# Is your model ahead of the plain bigram because it reads more than one token? The control is a twin with the same start
# and the same batches that reads every token as a text of its own.
#
# One pair of runs proves little, since start and batches are luck. So both were trained from eight seeds and recorded on
# *all* held-out stories. You write what decides: the mean gain, and how far luck moves it.
#
# ### Experiment 5.11 · `gain_over_seeds` · ●●○ · 15 min
#
# | | shape | |
# |---|---|---|
# | `with_context` | `[seeds, windows]` | losses, nats per token |
# | `alone` | `[seeds, windows]` | losses of their twins: same row, same seed; same column, same text |
# | returns | two numbers | (the mean gain in nats, its standard error) |
#
# The gain is what context takes off the loss. The *standard error* of a mean of $n$ independent values is their standard
# deviation (with $n - 1$) over $\sqrt n$; a mean is rarely off by more than two of them. You ask about *another seed*:
# what, then, are the independent values?
#
# By hand, two seeds and two windows:
#
# | | first seed | second seed |
# |---|---|---|
# | its row of `with_context` | `[3, 5]` | `[4, 4]` |
# | its row of `alone` | `[4, 6]` | `[4, 10]` |
# | its gain | 1 | 3 |
#
# The mean is 2. The standard deviation is $\sqrt 2$, so the standard error is 1.
#
# All of torch is allowed.
#
# <details><summary>Hint 1</summary>
#
# Windows of one model share that model's luck. How many times was luck drawn again?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Twins share a seed. Subtract them before you look at any spread: what they share cancels.
#
# </details>


# %% solution gain_over_seeds disallowed=[]
def gain_over_seeds(with_context, alone):
    """(mean gain, its standard error over seeds): losses [seeds, windows] of models
    that see all before, and of their twins that see one token."""
    ### BEGIN SOLUTION
    gains = (alone - with_context).mean(dim=1)
    return gains.mean().item(), (gains.std() / len(gains) ** 0.5).item()
    ### END SOLUTION


# %% test gain_over_seeds points=2
import torch

from llmlib.course import check

_with, _alone = torch.tensor([[3.0, 5], [4, 4]]), torch.tensor([[4.0, 6], [4, 10]])
_got = gain_over_seeds(_with, _alone)
check.that(
    isinstance(_got, (tuple, list)) and len(_got) == 2,
    "return two numbers: the mean gain and its standard error",
)
_mean, _error = (float(_number) for _number in _got)
check.that(_mean > 0, "the sign is turned: a gain is what context takes off the loss")
check.close(_mean, 2.0, "the gains are 1, 1, 0 and 6: their mean is 2", atol=1e-4)
check.that(
    abs(_error - 1.35401) > 1e-3,
    "four differences are not four draws of luck: windows of one model share its seed, "
    "so average over them first",
)
check.that(
    abs(_error - 1.5) > 1e-3,
    "the mean was taken over the seeds: average over the windows, dim 1; the seeds are "
    "what repeats",
)
check.that(
    abs(_error - 2**0.5) > 1e-3,
    "that is the standard deviation of one seed: the mean of n is surer, divide by the "
    "root of n",
)
check.that(
    abs(_error - 0.5**0.5) > 1e-3,
    "the standard deviation of a sample is taken with n - 1, which is what std does",
)
check.close(_error, 1.0, "seeds gain 1 and 3: the standard error is 1", atol=1e-4)
_four = torch.tensor([[0.0], [0.0], [0.0], [8.0]]) + torch.zeros(4, 3)
_mean, _error = (float(_n) for _n in gain_over_seeds(torch.zeros(4, 3), _four))
check.that(
    abs(_mean) > 1e-3,
    "three seeds gain 0 and one gains 8, and the median hides the one: take the mean",
)
check.that(
    abs(_error - 1) > 1e-3,
    "other losses, and the standard error of the example: compute yours from these",
)
check.that(
    abs(_error - 4) > 1e-3 and abs(_error - 3) > 1e-3,
    "half the range and the mean distance are the standard error of two seeds only: "
    "take the standard deviation, over the root of n",
)
check.that(
    abs(_error - 8**0.5) > 1e-3,
    "here are four seeds: divide by the root of their number, not by that of two",
)
check.close(
    [_mean, _error],
    [2.0, 2.0],
    "seeds gain 0, 0, 0 and 8: mean 2, standard deviation 4, standard error 4 / √4",
    atol=1e-4,
)
_shared = torch.tensor([[0.0], [10.0], [20.0]])
_got = gain_over_seeds(_shared + torch.zeros(3, 4), _shared + 1.0 + torch.zeros(3, 4))
check.close(
    float(_got[1]),
    0.0,
    "three seeds far apart, but each gains exactly 1: subtract twin from twin before "
    "you take the spread",
    atol=1e-4,
)
check.that(
    float(gain_over_seeds(_alone, _with)[0]) < 0,
    "a context that hurts has a negative gain: take no absolute values",
)
_quiet = torch.zeros(2, 3)
check.close(
    float(gain_over_seeds(_quiet, torch.tensor([[0.0, 0, 3], [0, 0, 9]]))[0]),
    2.0,
    "all windows count, the last as well as the first",
    atol=1e-4,
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(511)
for _seeds, _windows in ((2, 5), (8, 3), (5, 40)):
    _a, _b = torch.randn(2, _seeds, _windows, generator=_g)
    _each = [float(_row.mean()) for _row in _b - _a]
    _middle = sum(_each) / _seeds
    _spread = (sum((_x - _middle) ** 2 for _x in _each) / (_seeds - 1)) ** 0.5
    _got = gain_over_seeds(_a, _b)
    check.close(
        float(_got[0]), _middle, "the mean gain over all seeds and windows", atol=1e-4
    )
    check.close(
        float(_got[1]),
        _spread / _seeds**0.5,
        "the standard error is that of the seeds' mean gains",
        atol=1e-4,
    )
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the recorded models**, after 240 and after 960 steps.

# %%
predict(
    "context",
    "Eight seeds, 240 steps each: how often does context help?",
    {
        "A": "in all eight",
        "B": "in most of them, not in all",
        "C": "in half of them or fewer",
    },
    yours="A",
)

# %%
gains = {}
for steps in (240, 960):
    with_context, alone = make_context_runs.recorded(steps)  # seeds windows
    gains[f"{steps} steps"] = (alone - with_context).mean(1).tolist()
    mean, error = gain_over_seeds(with_context, alone)
    print(
        f"after {steps} steps: with context {with_context.mean():.2f}, alone "
        f"{alone.mean():.2f}, gain {mean:.3f} ± {2 * error:.3f}"
    )
show(plots.gains_by_seed(gains))
helped = sum(gain > 0 for gain in gains["240 steps"])
reveal("context", "A" if helped == 8 else "C" if helped <= 4 else "B")

# %% [markdown] reveals="context"
# After 240 steps context helps a little, and in one seed of eight it does not. **One seed can reverse a small effect.**
#
# After 960 steps all eight agree: context is worth a quarter of a nat. **What it learns first is the frequencies, then
# what follows what; looking further back comes last.**
#
# <details><summary>Small print</summary>
#
# The twin sees single tokens from its first step of training. A model blinded afterwards would break in other ways as
# well. Its runs and the script that made them are `llmlib/data/context_runs.csv` and `make_context_runs.py`.
#
# </details>

# %% [markdown]
# What does your model of 240 steps write?

# %%
torch.set_num_threads(2)
start = [story_tokenizer.special_tokens[training.BETWEEN]]
_, _, newborn = tiny_model()
for name, some_weights in {"before": newborn, "after": engine_weights}.items():
    writer = training.as_model(some_weights, CONFIG, story_tokenizer)
    new_ids = list(generate(writer, start, 50, temperature=0.7, seed=3))
    print(f"{name}: {story_tokenizer.decode(new_ids)!r}\n")

# %% [markdown]
# Not literature. But your loop, your loss and your AdamW made this out of noise. SmolLM2's training has the same parts, two
# trillion tokens (Ben Allal et al. 2025), and *clipping*: gradients that are together longer than 1 are shortened to 1.

# %% [markdown]
# ## 5.8 Calibration: does 70 % mean 70 %?
#
# ![Ten forecasts of 70 % as ten boxes. Calibrated: seven boxes came true, three did not. Overconfident: five came true, five did not.](attachment:seven_of_ten.png)
#
# A model that says 0.7 should be right seven times out of ten (Guo et al. 2017). Over all tokens of the ten paragraphs,
# compare the probability of SmolLM2's likeliest token with how often that token was the right one.

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
show(plots.calibration(sure, hit))
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
# Most points lie below the diagonal: on this text the model is **overconfident**. The loss says the same. A model that is
# right about itself expects the loss $-\sum_i p_i \ln p_i$, the **entropy** of its prediction. What it pays is more.
#
# The loss rewards calibration: on average $-\ln p$ is smallest exactly when the probabilities are the true frequencies. But
# the calibration is about *text*: a sentence of probable tokens need not be probably true.
#
# <details><summary>Small print</summary>
#
# These paragraphs may be unlike the training text, the weights were rounded, and tuning for chat can bend the curve, too.
# This plot cannot say which. Tokens of one paragraph are not independent; a bootstrap over whole paragraphs leaves the
# finding as it is.
#
# </details>

# %% [markdown]
# ## 5.9 Your pieces in the engine
#
# Your `unembed` goes into the engine. Does it still say what `transformers` says? Ids forgive bugs, so compare the logits,
# too.

# %%
from llmlib.course.engine_check import same_ids

mine = model.using(unembedding=unembed)
prompts = ["Twinkle, twinkle, little", "Dear Mr Alvarez,", "def mean(numbers):"]
agreed = same_ids(mine, prompts, max_new_tokens=4)
ids = tokenizer.encode(" ".join(prompts))
apart = (mine(ids) - model(ids)).abs().max()
print("logits within 0.0002 of llmlib's:", bool(apart < 2e-4))

# %% [markdown]
# ## Recap
#
# - After the layers come a final norm and one dot product per token. Only differences between logits count.
# - The loss is $-\ln p$ of the true next token; a sum of losses is a file size. Every position is an example, padding is
#   not. Put an end-of-text token in front.
# - Perplexity is $e^{\text{loss}}$ over *tokens*; bits per byte compare tokenizers, total bits compare languages.
# - At the logits the gradient is softmax minus one-hot. The backward walk carries it on; nudging tells whether it is right.
# - Training: first loss $\ln V$, one batch by heart, the valley of the rate, simple rules, other seeds.
#
# **The way so far:** tokenization → embedding → position → attention and layers → **output head**. Next:
# choosing a token.
#
# ## Questions to think about
#
# 1. A model has perplexity 12 with a vocabulary of 50,000 and another has perplexity 15 with a vocabulary of 200,000.
#    Which is better?
# 2. If $-\ln p$ were replaced by $1 - p$, which probabilities would a model learn to give to a coin that falls heads
#    60 % of the time?
# 3. The first loss is $\ln V$, one batch is learned by heart, and on held-out text the loss falls to 0.01 after 100
#    steps. Do you celebrate?
#
# <details><summary>Answers</summary>
#
# 1. You cannot tell. With 200,000 tokens each covers more text, so there are fewer and harder questions. Bits per byte
#    on the same text decide.
# 2. Heads with certainty. The mean of $1 - p$ is $0.6(1 - q) + 0.4q = 0.6 - 0.2q$ for a forecast $q$ of heads, which is
#    smallest at $q = 1$. With the logarithm it is smallest at $q = 0.6$.
# 3. No. No text is that predictable; the model sees its answers. Look at the shift by one and at the mask first, then
#    ask whether the held-out text is also in the training text.
#
# </details>
#
# ## To read
#
# <details><summary>Papers behind this notebook</summary>
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
# terminal, with the mistake that each failing check names.

# %% tags=["nbval-ignore-output"]
from llmlib.course.checking.check_notebooks import show as show_progress

show_progress()
