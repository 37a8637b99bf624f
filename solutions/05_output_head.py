# %% [markdown]
# # 5 · Output head
#
# **You will build** the last step of the engine: the function that turns a vector into one score per token, the one that turns
# scores into probabilities, and the loss that says how good those probabilities were. At the end your functions do this
# for SmolLM2, and the engine still says what `transformers` says.
#
# **You need** notebooks 1 to 4: tokens, embedding tables, attention, the residual stream and RMSNorm. Logarithms help.
#
# **It takes** about two hours.
#
# Here is the whole head at work. The prompt goes through all 30 layers; the vector at its last position becomes 49,152
# scores; five of the tokens get most of the probability.

# %% given setup
import math

import torch

# %%
from dataclasses import replace
from importlib import resources

import numpy as np

from llmlib import pretrained
from llmlib.generation import top_tokens
from llmlib.plots import output_head as plots, show
from llmlib.tokens import Tokenizer

torch.set_num_threads(2)
model = pretrained.load("smollm2")
tokenizer = model.tokenizer


def print_top(prompt, n=5):
    logits = model(tokenizer.encode(prompt))[0, -1]
    print(repr(prompt))
    for token_id, text, p in top_tokens(model, logits, n):
        print(f"   {text!r:<16}{p:.4f}   {'█' * round(40 * p)}")


print_top("The capital of France is")

# %% [markdown]
# ### What it says, and what it is said to say
#
# Introductions to LLMs like to print such a table with invented numbers. Two of them are worth checking: that after "The capital of France
# is" the word Paris has probability 0.87, and that the likeliest continuation of "What is machine learning?" is "Machine".
#
# **Predict** before you run the next cell: the model is small (135 million weights, most of them stored in about 4 bits each before they were unpacked
# here), and it sees plain text, with no chat format around it. What would *you* expect to come right after a question mark?

# %%
print_top("What is machine learning?")
print()
print(
    [tokenizer.decode([i]) for i in tokenizer.encode("What is machine learning?")],
    tokenizer.encode("What is machine learning?"),
)

# %% [markdown]
# Paris gets 0.77, not 0.87: an illustration is not a measurement. And the likeliest token after the question is a *newline*; " Machine" comes
# second, and `<|im_end|>`, the token that ends a chat message, third. The model continues text; without the chat format nothing tells it that *it* is the one who was asked.
#
# Ids, too, mean nothing without their tokenizer. A table that circulates says that 12 is "I", 451 "it", 119 "there", 340 "the" and 756 "we".
# Ask GPT-2's tokenizer:

# %%
gpt2 = Tokenizer.gpt2()
for token_id, claim in [
    (12, "I"),
    (451, "it"),
    (119, "there"),
    (340, "the"),
    (756, "we"),
]:
    print(f"{token_id:>4}  said to be {claim!r:<9} is {gpt2.token_bytes(token_id)!r}")
print("I is", gpt2.encode("I"), "and ' I' is", gpt2.encode(" I"))

# %% [markdown]
# Not one of the five holds; 119 is not even a character, only one byte of one. (SmolLM2 numbers its tokens differently again.)
#
# ## 1 · From a vector to one score per token
#
# After the last layer each position holds a vector $x$ of `d_model` numbers (576 in SmolLM2). The head does two things with it:
#
# 1. **The final norm.** Every layer added to the residual stream, so its size has grown. One more RMSNorm brings it back to the scale that the head was trained on.
# 2. **The unembedding.** The dot product of $x$ with *every row* of a table `[vocab, d_model]` gives one number per token, its **logit**: the larger, the better $x$ points along that token's row.
#
# The table is often the embedding table itself (*tied weights*, Press & Wolf 2016): the row that says what a token means on its way in is
# what the output is compared with on its way out. SmolLM2 and GPT-2 both do this.
#
# ### Exercise 5.1 · `unembed` · ●○○ · 5 min
#
# - **In:** `x` `[..., d_model]`, any number of leading dimensions; `table` `[vocab, d_model]`.
# - **Out:** logits `[..., vocab]`: entry $v$ is the dot product of the vector with row $v$ of the table.
#
# By hand: `x = [1, 2]` and the table with the rows `[1, 0]`, `[0, 1]`, `[1, 1]` give the logits `[1, 2, 3]`.
#
# Off: `llmlib.output_head.unembed`.
#
# <details><summary>Hint 1</summary>
#
# A matrix product takes rows of the left and *columns* of the right. Here both hold vectors as rows.
# </details>
# <details><summary>Hint 2</summary>
#
# `table.T` has shape `[d_model, vocab]`, and `@` works with any number of leading dimensions.
# </details>


# %% solution unembed off=["llmlib.output_head.unembed"]
def unembed(x, table):
    """Logits, one per token of the vocabulary: x [..., d_model], table [vocab, d_model]
    -> [..., vocab]."""
    ### BEGIN SOLUTION
    return x @ table.T
    ### END SOLUTION


# %% test unembed points=1
import torch

from llmlib.course import check

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
_square = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
check.close(
    unembed(torch.tensor([[1.0, 3.0]]), _square),
    torch.tensor([[3.0, 2.0]]),
    "compare x with the rows of the table: transpose it",
)
_x = torch.arange(12.0).reshape(2, 3, 2)
check.close(
    unembed(_x, _table)[1, 2],
    torch.tensor([10.0, 11.0, 21.0]),
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
# **Run it on the real model.** We take the engine apart just before its head: a block that remembers what it returned is one replaced part.
#
# **Predict:** what happens to the top five if the final norm is left out?


# %%
def residual_stream(prompt):
    """The residual stream at the last position, after the embedding and after each
    layer: 31 vectors of 576 numbers."""
    seen = []

    def watching(x, **functions):
        seen.append(x[0, -1])
        y = model.parts.block(x, **functions)
        if len(seen) == model.config.n_layer:
            seen.append(y[0, -1])
        return y

    model.using(block=watching)(tokenizer.encode(prompt))
    return torch.stack(seen)


stream = residual_stream("The capital of France is")
final_norm = lambda x: model.parts.norm(x, *model.weights.norm, model.config.eps)
table = model.weights.unembedding

for name, x in [
    ("with the final norm", final_norm(stream[-1])),
    ("without it", stream[-1]),
]:
    best = top_tokens(model, unembed(x, table))
    print(f"{name:<20} " + "  ".join(f"{text!r} {p:.4f}" for _, text, p in best))

# %% [markdown]
# Leaving the norm out is a mistake that many hand-written engines make, and it does not crash. Note what differs: the norm has a *weight per column*, so it changes directions
# and not only lengths, and that changes the order of the tokens as well as their probabilities.
#
# And the table is the embedding table, not a copy:

# %%
print("the same tensor:", model.weights.unembedding is model.weights.embedding)
print(
    f"weights saved by tying: {table.numel():,} of what would be "
    f"{134_515_008 + table.numel():,}"
)

# %% [markdown]
# ## 2 · Logits are not probabilities
#
# Logits can be negative, and they sum to nothing in particular. To become probabilities
# they are exponentiated (so all are positive) and divided by their sum (so they add up to 1):
#
# $$\mathrm{softmax}(z)_i = \frac{e^{z_i}}{\sum_j e^{z_j}}$$
#
# **Predict:** which of these change the probabilities: adding 100 to every logit? Doubling every logit?

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
print("as they are:", [f"{p:.4f}" for p in probabilities["as they are"]])
print("plus 100:   ", [f"{p:.4f}" for p in probabilities["plus 100"]])
print("doubled:    ", [f"{p:.4f}" for p in probabilities["doubled"]])

# %% [markdown]
# Only *differences* between logits count: a shift multiplies every $e^{z_i}$ by the same factor, and the division takes it out again. So a logit alone, "7.2" say, tells you nothing.
# Doubling doubles the differences; you meet it again in notebook 6 as temperature.
#
# The shift is also what makes softmax safe to compute. In float32, $e^{89}$ is already infinite:

# %%
z = 1000 * torch.tensor([2.0, 1.0, 0.0])
print("exp alone:         ", (z.exp() / z.exp().sum()).tolist())
print("torch's softmax:   ", torch.softmax(z, -1).tolist())

# %% [markdown]
# ### Exercise 5.2 · `softmax` · ●●○ · 10 min
#
# - **In:** `x`, a float tensor of any shape; `dim`, the dimension that is to sum to 1 (default: the last).
# - **Out:** a tensor of the same shape, non-negative, summing to 1 along `dim`, for logits of any size, some of which may be $-\infty$.
#
# By hand: `[0, ln 3]` has the exponentials 1 and 3, so its softmax is `[0.25, 0.75]`. And `[1000, 1000 + ln 3]` must give the same.
#
# Off: `torch.softmax`, `torch.log_softmax`, `torch.nn.functional.softmax` and their kin, `Tensor.softmax`, `torch.logsumexp`, and llmlib's.
#
# <details><summary>Hint 1</summary>
#
# You may subtract any number from all logits of a row. Which one makes sure that no exponent is above 0?
# </details>
# <details><summary>Hint 2</summary>
#
# `x.amax(dim=dim, keepdim=True)` is the largest entry along `dim`, in a shape that still lines up with `x`.
# </details>
# <details><summary>Hint 3</summary>
#
# `exps = torch.exp(x - largest)`, then divide by `exps.sum(dim=dim, keepdim=True)`. Without `keepdim` the division is along the wrong dimension, or fails.
# </details>


# %% solution softmax off=["torch.softmax", "torch.log_softmax", "torch.logsumexp", "torch.special.softmax", "torch.special.log_softmax", "torch.special.logsumexp", "torch.nn.functional.softmax", "torch.nn.functional.log_softmax", "torch.nn.functional.softmin", "torch.nn.functional.gumbel_softmax", "torch.nn.Softmax", "torch.nn.LogSoftmax", "torch.nn.Softmin", "torch.Tensor.softmax", "torch.Tensor.log_softmax", "torch.Tensor.logsumexp", "llmlib.output_head.softmax", "llmlib.output_head.log_softmax"]
def softmax(x, dim=-1):
    """exp(x) over its sum along `dim`, like x; the largest entry is subtracted first,
    so that exp cannot overflow."""
    ### BEGIN SOLUTION
    exps = torch.exp(x - x.amax(dim=dim, keepdim=True))
    return exps / exps.sum(dim=dim, keepdim=True)
    ### END SOLUTION


# %% test softmax points=2
import math

import torch

from llmlib.course import check

_got = softmax(torch.tensor([0.0, math.log(3)]))
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
_rows = softmax(torch.tensor([[0.0, 0.0], [0.0, math.log(3)]]))
check.close(
    _rows.sum(-1),
    torch.ones(2),
    "each row must sum to 1: take the sum along dim, with keepdim=True, not over the "
    "whole tensor",
)
_columns = softmax(torch.tensor([[0.0, 5.0], [math.log(3), 5.0]]), 0)
check.close(
    _columns,
    torch.tensor([[0.25, 0.5], [0.75, 0.5]]),
    "dim=0 asks for columns that sum to 1: use dim, do not assume the last dimension",
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
check.close(
    softmax(torch.tensor([0.0, -math.inf, 0.0])),
    torch.tensor([0.5, 0.0, 0.5]),
    "a logit of -inf (a forbidden token) gets exactly 0",
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
p = softmax(unembed(final_norm(stream[-1]), table))
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
# ## 3 · How wrong was it? The loss
#
# A model is trained on one question, asked again and again: *what comes next in this text?* The answer is known, since the text goes on. If the model gave the true next token the probability $p$,
# its **loss** at that position is $-\ln p$, in *nats*: 0 if it was certain and right, 0.69 for $p = \tfrac12$, and without bound as $p$ approaches 0. The mean over positions is the **cross-entropy**.
#
# It is sometimes said that training picks positions at random and predicts those. It does not, and there is no need to: **every position is a training example**. The causal mask (notebook 3) makes the row at
# position $i$ blind to what follows, so *one* pass over a text of $n$ tokens asks $n - 1$ questions at once, each with the true text before it (*teacher forcing*). All that is needed is to line the questions up with their
# answers: the target at position $i$ is the token at position $i + 1$.
#
# ### Exercise 5.3 · `next_token_pairs` · ●○○ · 5 min
#
# - **In:** `ids` `[batch, seq]`, whole numbers.
# - **Out:** a pair `(inputs, targets)`, both `[batch, seq - 1]`: what the model reads, and at the same place what it should say next.
#
# By hand: `[[10, 20, 30, 40]]` gives `([[10, 20, 30]], [[20, 30, 40]])`: after 10 comes 20, after 20 comes 30, after 30 comes 40.
#
# Off: `llmlib.output_head.next_token_pairs`.
#
# <details><summary>Hint 1</summary>
#
# The last token has no known successor, so it is never an input; the first has no predecessor, so it is never a target.
# </details>
# <details><summary>Hint 2</summary>
#
# `ids[:, :-1]` is everything but the last column.
# </details>


# %% solution next_token_pairs off=["llmlib.output_head.next_token_pairs"]
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
    type(_got) in (tuple, list) and len(_got) == 2,
    "return two tensors: inputs and targets",
)
_inputs, _targets = _got
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
# ### Exercise 5.4 · `cross_entropy` · ●●○ · 15 min
#
# - **In:** `logits` `[..., vocab]`; `targets` `[...]`, the id of the true next token at each position.
# - **Out:** one number (a tensor of no dimensions): the mean over all positions of $-\ln p(\text{target})$, in nats.
#
# By hand: two positions, two tokens, logits `[[0, ln 3], [0, 0]]`, targets `[1, 0]`. The probabilities of the targets are 0.75 and 0.5, so the loss is $(-\ln 0.75 - \ln 0.5)/2 = (0.2877 + 0.6931)/2 = 0.4904$.
#
# Taking the logarithm of your `softmax` is right on paper, but a probability of $10^{-50}$ is rounded to 0 in float32, and $\ln 0$ is $-\infty$. Put the logarithm in before anything is rounded away:
# $-\ln \mathrm{softmax}(z)_t = m + \ln\sum_j e^{z_j - m} - z_t$, with $m$ the largest logit.
#
# Off: the losses and log-softmaxes of torch and llmlib, and `torch.logsumexp`.
#
# <details><summary>Hint 1</summary>
#
# Three steps: log-probabilities of all tokens; pick the target's at each position; the mean, with a minus.
# </details>
# <details><summary>Hint 2</summary>
#
# With `shifted = logits - logits.amax(-1, keepdim=True)`, the log-probabilities are `shifted - shifted.exp().sum(-1, keepdim=True).log()`.
# </details>
# <details><summary>Hint 3</summary>
#
# `log_p.gather(-1, targets[..., None])` picks one entry a position, whatever the leading dimensions.
# </details>


# %% solution cross_entropy off=["torch.nn.functional.cross_entropy", "torch.nn.functional.nll_loss", "torch.nn.functional.log_softmax", "torch.nn.CrossEntropyLoss", "torch.nn.NLLLoss", "torch.nn.LogSoftmax", "torch.log_softmax", "torch.special.log_softmax", "torch.Tensor.log_softmax", "torch.logsumexp", "torch.special.logsumexp", "torch.Tensor.logsumexp", "llmlib.output_head.cross_entropy", "llmlib.output_head.token_losses", "llmlib.output_head.log_softmax"]
def cross_entropy(logits, targets):
    """Mean of -log p(target) in nats: logits [..., vocab], targets [...] (ids) -> a
    scalar."""
    ### BEGIN SOLUTION
    shifted = logits - logits.amax(dim=-1, keepdim=True)
    log_p = shifted - shifted.exp().sum(dim=-1, keepdim=True).log()
    return -log_p.gather(-1, targets[..., None]).mean()
    ### END SOLUTION


# %% test cross_entropy points=3
import math

import torch

from llmlib.course import check

_logits, _targets = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]), torch.tensor([1, 0])
_got = cross_entropy(_logits, _targets)
check.that(
    getattr(_got, "numel", lambda: 1)() == 1,
    "return one number: the mean over all positions",
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
    cross_entropy(torch.zeros(2, 3, 7), torch.zeros(2, 3, dtype=torch.long)),
    math.log(7),
    "a uniform guess among 7 tokens costs ln 7 at each position, for any leading "
    "dimensions",
    atol=1e-4,
)
_got = cross_entropy(torch.tensor([[500.0, 0.0]]), torch.tensor([1]))
check.that(
    math.isfinite(float(_got)),
    "logits of 500 and 0 gave infinity or NaN: subtract the maximum, and never take "
    "the logarithm of a rounded probability",
)
check.close(
    _got,
    500.0,
    "the loss of a token 500 below the best is 500: do not clip the probability",
    atol=0.01,
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
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** Is one pass really worth as much as many? Below, the loss of a sentence is computed twice: once from a single pass over the whole sentence, and once from separate passes, each of which sees only the
# tokens before the one it predicts.

# %%
ids = torch.tensor(
    [tokenizer.encode("Water boils at one hundred degrees Celsius at sea level.")]
)
inputs, targets = next_token_pairs(ids)

one_pass = cross_entropy(model(inputs), targets)
separate = [
    cross_entropy(model(inputs[:, : i + 1])[:, -1], targets[:, i])
    for i in range(inputs.shape[1])
]
print(f"{ids.shape[1]} tokens, {inputs.shape[1]} questions")
print(f"one pass:        {one_pass:.4f} nats per token")
print(
    f"{inputs.shape[1]} passes:       {torch.stack(separate).mean():.4f} nats per token"
)

# %% [markdown]
# The same number, for a fraction of the work. This is why transformers train so well on parallel hardware.
#
# ### Before training
#
# **Predict** the loss of a model that has learned nothing. The vocabulary has $V$ = 49,152 tokens.
#
# The next cell fills SmolLM2's shape with random numbers (standard deviation 0.02, as GPT-2 did) and measures.

# %%
g = torch.Generator().manual_seed(0)
noise = lambda tensor: (
    torch.ones_like(tensor)
    if tensor.dim() == 1
    else 0.02 * torch.randn(tensor.shape, generator=g)
)
fresh = lambda part: tuple(None if t is None else noise(t) for t in part)

embedding = noise(model.weights.embedding)
layers = [
    type(layer)(**{name: fresh(part) for name, part in vars(layer).items()})
    for layer in model.weights.layers
]
untrained = replace(
    model,
    weights=replace(
        model.weights,
        embedding=embedding,
        unembedding=embedding,
        layers=layers,
        norm=fresh(model.weights.norm),
    ),
)

paragraphs = (
    resources.files("llmlib")
    .joinpath("data/prose.txt")
    .read_text(encoding="utf-8")
    .strip()
    .split("\n\n")
)
ids = torch.tensor([tokenizer.encode(paragraphs[1])])
inputs, targets = next_token_pairs(ids)
print(f"ln V                {math.log(49152):.4f} nats")
untrained_logits = untrained(inputs)
print(
    f"untrained           {cross_entropy(untrained_logits, targets):.4f} nats on "
    f"{targets.numel()} tokens; the logits' standard deviation is "
    f"{untrained_logits.std():.2f}"
)
print(f"SmolLM2, trained    {cross_entropy(model(inputs), targets):.4f} nats")
print("untrained, with a bug:")
for bug, loss in {
    "logits ten times too large": cross_entropy(10 * untrained_logits, targets),
    "softmax taken twice": cross_entropy(softmax(untrained_logits), targets),
    "targets that leak": cross_entropy(untrained_logits, inputs),
}.items():
    print(f"  {bug:<27}{loss:.4f} nats")

# %% [markdown]
# With nothing learned, the best is to give every token $1/V$, which costs $\ln V$. The untrained model costs a little *more*, 11.08 against 10.80: its logits are not all 0 but scatter (standard deviation 0.48), which costs about half the variance, 0.12 nats, on average; the rest is chance, on 121 tokens. A new training run whose first loss is far above $\ln V$ has a bug:
# most often, logits that are too large at the start. (Not every bug shows here, as the last two lines say. Softmax of a softmax starts at $\ln V$ and can never come more than 1 nat below it, since its "logits" lie between 0 and 1. Targets that leak start where they should, and give themselves away later: the loss falls towards 0.)
#
# ### Where it is surprised
#
# A paragraph written for this course, so that the model cannot know it by heart. Dark tokens surprised it.
#
# **Predict:** which will be darker: words like "the" and "of", or nouns and adjectives? A word when it comes first, or when it comes again?

# %%
from llmlib.output_head import token_losses

losses = token_losses(model(inputs), targets)[0]
pieces = [tokenizer.decode([i]) for i in ids[0].tolist()]
show(
    plots.loss_on_text(
        pieces, [None] + losses.tolist(), "Loss of each token, given all before it"
    ),
    alt="A paragraph about tides, each token shaded by its loss: content words such as "
    "centre, line, high and strength are dark, function words and full stops light; "
    "the darkest is ides, the second piece of the first word.",
)
order = losses.argsort(descending=True)[:5].tolist()
print("most surprising:", [(pieces[i + 1], f"{losses[i]:.4f}") for i in order])
print(
    f"half of the {len(losses)} tokens cost less than {losses.median():.4f} nats; the "
    "most expensive tenth cost "
    f"{losses.sort().values[-len(losses) // 10 :].sum() / losses.sum():.0%} of the "
    "total"
)

# %% [markdown]
# Nouns and adjectives are dark, small words and full stops light. A word that comes again is lighter (compare the two "centre"). The darkest is "ides", because all that stood before it was the letter T.
#
# ## 4 · Perplexity, and a fair unit
#
# $e^{\text{loss}}$ is the **perplexity**: a model with perplexity 20 is as unsure, on average, as if it had to guess among 20 equally likely tokens.
#
# A long text is measured in batches, and the last batch is nearly always shorter. The perplexity of the whole is the exponential of the mean *over tokens*; neither the mean of the batches' perplexities nor
# the exponential of the mean of the batches' losses is that.
#
# ### Exercise 5.5 · `corpus_perplexity` · ●●○ · 10 min
#
# - **In:** `losses`, a list of numbers, the mean loss of each batch in nats per token; `counts`, a list of as many ints, the number of tokens in each batch.
# - **Out:** a float, the perplexity of all tokens together.
#
# By hand: a batch of 3 tokens with loss 1 and a batch of 1 token with loss 5 hold $3 \cdot 1 + 1 \cdot 5 = 8$ nats in 4 tokens. The mean is 2, the perplexity $e^2 = 7.389$. (The mean of the two perplexities, 75.6, is ten times as large.)
#
# Off: llmlib's own.
#
# <details><summary>Hint 1</summary>
#
# A mean loss times its number of tokens is a total, and totals add up.
# </details>
# <details><summary>Hint 2</summary>
#
# `sum(loss * n for loss, n in zip(losses, counts))` over `sum(counts)`, then `math.exp`.
# </details>


# %% solution corpus_perplexity off=["llmlib.output_head.corpus_perplexity"]
def corpus_perplexity(losses, counts):
    """Perplexity of a text cut into batches: mean loss (nats per token) and number of
    tokens of each batch -> a float."""
    ### BEGIN SOLUTION
    return math.exp(sum(loss * n for loss, n in zip(losses, counts)) / sum(counts))
    ### END SOLUTION


# %% test corpus_perplexity points=1
import math
import random

from llmlib.course import check

_got = float(corpus_perplexity([1.0, 5.0], [3, 1]))
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
check.close(
    float(corpus_perplexity([math.log(50)], [7])),
    50.0,
    "guessing uniformly among 50 tokens has perplexity 50",
    atol=1e-2,
)
### BEGIN HIDDEN TESTS
_rng = random.Random(55)
for _ in range(10):
    _counts = [_rng.randrange(1, 300) for _ in range(_rng.randrange(1, 6))]
    _tokens = [[_rng.uniform(0, 6) for _ in range(_n)] for _n in _counts]
    _means = [sum(_t) / len(_t) for _t in _tokens]
    _all = [_loss for _t in _tokens for _loss in _t]
    check.close(
        float(corpus_perplexity(_means, _counts)),
        math.exp(sum(_all) / len(_all)),
        "the perplexity must be that of all tokens together, however they are batched",
        atol=1e-2,
    )
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model**, on ten paragraphs of different lengths:

# %%
losses, counts = [], []
for paragraph in paragraphs:
    inputs, targets = next_token_pairs(torch.tensor([tokenizer.encode(paragraph)]))
    losses.append(cross_entropy(model(inputs), targets).item())
    counts.append(targets.numel())
print("tokens per paragraph:", counts)
print("loss per paragraph:  ", [f"{loss:.4f}" for loss in losses])
print(
    f"perplexity of the whole text:           {corpus_perplexity(losses, counts):.4f}"
)
print(f"mean of the paragraphs' perplexities:   {np.mean(np.exp(losses)):.4f}")

# %% [markdown]
# Perplexity is *per token*, so it depends on how the text was cut. A tokenizer with long tokens asks fewer, harder questions. To compare models with different tokenizers, or texts in different languages, count what both
# share, the bytes of the text: **bits per byte** $= \dfrac{\text{loss} \cdot n_\text{tokens}}{n_\text{bytes} \cdot \ln 2}$. (The first token is not predicted, so neither it nor its bytes count.)

# %%
from llmlib.output_head import bits_per_byte

texts = {
    "English": (
        "A good map leaves things out. One that showed every tree would be as large "
        "as the forest and no easier to read."
    ),
    "German": (
        "Eine gute Karte lässt Dinge weg. Eine, die jeden Baum zeigte, wäre so groß "
        "wie der Wald und nicht leichter zu lesen."
    ),
    "Python": (
        "def total(items):\n    result = 0\n    for item in items:\n"
        "        result += item.price * item.count\n    return result\n"
    ),
}
for name, text in texts.items():
    ids = torch.tensor([tokenizer.encode(text)])
    inputs, targets = next_token_pairs(ids)
    loss, n_bytes = (
        cross_entropy(model(inputs), targets).item(),
        len(tokenizer.decode(targets[0].tolist()).encode()),
    )
    print(
        f"{name:<8} {targets.numel():>3} tokens {n_bytes:>4} bytes   {loss:.4f} nats "
        f"per token   perplexity {math.exp(loss):>8.4f}   "
        f"{bits_per_byte(loss, targets.numel(), n_bytes):.4f} bits per byte"
    )

# %% [markdown]
# By perplexity per token the German sentence looks *easier* than the English one, by a factor of three. By bits per byte it is harder, as one would expect of a model trained mostly on English and code: German
# words fall into more pieces, and the later pieces of a word are easy, which flatters the mean per token. Only the last column is a fair comparison.
#
# ## 5 · The gradient: probability minus truth
#
# Training changes the weights against the gradient of the loss, and it all starts at the logits. There the gradient is as simple as it could be. For one position with probabilities $p$ and the target $t$,
#
# $$\frac{\partial\,(-\ln p_t)}{\partial z_i} = p_i - [i = t]$$
#
# where $[i = t]$ is 1 for the target and 0 for all others: *what the model said, minus what was true*. Every wrong token is pushed down in proportion to the probability it was given; the right one is pulled up by what it lacks.
#
# ### Exercise 5.6 · `logits_gradient` · ●●● · 15 min
#
# - **In:** `logits` `[N, vocab]`; `targets` `[N]`.
# - **Out:** `[N, vocab]`, the gradient of the *mean* loss over the N positions with respect to the logits.
#
# By hand: logits `[[0, ln 3]]`, target 0. The probabilities are `[0.25, 0.75]`, the truth is `[1, 0]`, so the gradient is `[[-0.75, 0.75]]`. With a second position, every entry is halved.
#
# Off: `torch.autograd` and `backward` (that is how the check finds out), the losses of torch, and llmlib's own. Your `softmax` is there for you.
#
# <details><summary>Hint 1</summary>
#
# Start from the probabilities, all of them, and subtract 1 in N places.
# </details>
# <details><summary>Hint 2</summary>
#
# `p[torch.arange(N), targets]` are the entries of the targets, one a row.
# </details>
# <details><summary>Hint 3</summary>
#
# The loss is a mean, so its gradient is divided by N. If you change `p` in place, be sure that it is a tensor of your own, not the input: `softmax` returns a new one.
# </details>


# %% solution logits_gradient off=["torch.autograd.grad", "torch.autograd.backward", "torch.Tensor.backward", "torch.func.grad", "torch.func.vjp", "torch.func.jacrev", "torch.func.jacfwd", "torch.autograd.functional.jacobian", "torch.autograd.functional.vjp", "torch.nn.functional.cross_entropy", "torch.nn.CrossEntropyLoss", "llmlib.output_head.logits_gradient"]
def logits_gradient(logits, targets):
    """Gradient of the mean loss by the logits, (softmax - one-hot) / N: logits [N,
    vocab], targets [N] -> [N, vocab]."""
    ### BEGIN SOLUTION
    gradient = softmax(logits)
    gradient[torch.arange(len(targets)), targets] -= 1
    return gradient / len(targets)
    ### END SOLUTION


# %% test logits_gradient points=2
import math

import torch

from llmlib.course import check

_one = logits_gradient(torch.tensor([[0.0, math.log(3)]]), torch.tensor([0]))
check.that(
    tuple(_one.shape) == (1, 2),
    "there is one number per logit: the gradient has the shape of the logits",
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
_logits, _targets = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]), torch.tensor([0, 1])
_got = logits_gradient(_logits, _targets)
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
### END HIDDEN TESTS

# %%
logits = model(tokenizer.encode("The capital of France is"))[0, -1:]
target = torch.tensor(tokenizer.encode(" Lyon")[:1])
gradient = logits_gradient(logits, target)[0]
push = gradient.abs().topk(5).indices.tolist()
print("if the text had gone on with ' Lyon', training would move these logits most:")
for i in push:
    print(
        f"   {tokenizer.decode([i])!r:<10} gradient {gradient[i]:+.4f}   so its logit "
        f"goes {'down' if gradient[i] > 0 else 'up'}"
    )

# %% [markdown]
# ## 6 · The logit lens: reading the stream before it is finished
#
# Nothing forces us to wait for layer 30. Put the residual stream after each layer through the same final norm and the same table, and see what the model would say if it stopped there (*logit lens*, nostalgebraist 2020).
#
# **Predict:** after which layer is " Paris" first the likeliest token?

# %%
lens = softmax(unembed(final_norm(stream), table))
paris = tokenizer.encode(" Paris")[0]
print("layers done   likeliest token")
for n in (0, 5, 10, 15, 20, 22, 24, 26, 28, 29, 30):
    p, i = lens[n].max(0)
    print(
        f"{n:>11}   {tokenizer.decode([i.item()])!r:<16} {p:.4f}      ' Paris' "
        f"{lens[n, paris]:.4f}"
    )
first = next(n for n in range(31) if lens[n].argmax() == paris)
print(f"' Paris' is first the likeliest after {first} layers")
last = (
    (
        unembed(final_norm(stream[-1]), table)
        - model(tokenizer.encode("The capital of France is"))[0, -1]
    )
    .abs()
    .max()
)
print("after the last layer the lens is the model:", bool(last < 1e-4))

# %%
tokens = [" Paris", " the", " London", " France"]
show(
    plots.by_layer(
        {repr(t): lens[:, tokenizer.encode(t)[0]].tolist() for t in tokens},
        "probability",
        "The logit lens on “The capital of France is”",
    ),
    alt="Probability of four next tokens after each of 30 layers: all stay near zero "
    "up to layer 22; then the word the rises to 0.67, and in the last layer it falls "
    "and Paris jumps to 0.77.",
)

# %% [markdown]
# Three stages. Before any layer the lens gives the *input* back, " is" with probability 1.0000: with tied weights, a token's own row points most along itself. For most of the depth it shows full stops and spaces;
# the middle layers write in directions that the head does not read. After layer 22 a guess at the *kind* of word rises (" the", 0.67 after layer 28), and Paris comes out on top only in the very last layer. A word of caution: that the head
# cannot read an answer earlier does not mean that it is not there; the lens is one reader, trained for the last layer only.
#
# ## 7 · Calibration: does 70 % mean 70 %?
#
# A model that says 0.7 should be right seven times out of ten (Guo et al. 2017). Over all tokens of the ten paragraphs, we compare the probability of the likeliest token with how often it was the right one.

# %%
confidence, right = [], []
for paragraph in paragraphs:
    inputs, targets = next_token_pairs(torch.tensor([tokenizer.encode(paragraph)]))
    p, guess = softmax(model(inputs)).max(-1)
    confidence.append(p[0])
    right.append((guess == targets)[0].float())
confidence, right = torch.cat(confidence).numpy(), torch.cat(right).numpy()
show(
    plots.calibration(confidence, right),
    alt="How often the likeliest token was right against the probability the model "
    "gave it, in ten bins with error bars: the points follow the diagonal, most of "
    "them a little below it.",
)
print(
    f"{len(right)} tokens; said on average {confidence.mean():.4f}, right "
    f"{right.mean():.4f} of the time"
)

# %% [markdown]
# The points rise with the diagonal but sit a little below it: said 0.36 on average, right 0.30 of the time. On this text the model is somewhat *overconfident*.
#
# Why should it be calibrated at all? Because the loss rewards it: $-\ln p$ is smallest on average exactly when the probabilities are the true frequencies (it is a *proper scoring rule*). But only on text like that which it was trained on. These paragraphs
# are not, the weights were rounded to about 4 bits, and chat tuning can bend the curve too; which of them it is here, this one plot cannot say. And even a calibrated model promises only that it predicts *text* well: a sentence that it writes is not true with the probability of its tokens.
#
# ## Your pieces in the engine
#
# Your `unembed` goes into the engine; your `softmax` stood behind every table above. Does it still say what `transformers` says?

# %%
from llmlib.course.engine_check import same_ids

mine = model.using(unembedding=unembed)
agreed = same_ids(
    mine,
    ["The capital of France is", "What is machine learning?", "def mean(numbers):"],
)

# %% [markdown]
# ## Recap
#
# - The head is a final norm and one dot product per token, with the embedding table again where weights are tied.
# - Logits mean something only in comparison; softmax turns their differences into ratios of probabilities. Subtract the maximum.
# - The loss is $-\ln p$ of the true next token. Every position of a text is an example, all in one pass, thanks to the causal mask.
# - An untrained model starts at $\ln V$. Perplexity is $e^{\text{loss}}$ over *tokens*; bits per byte compare across tokenizers.
# - At the logits the gradient is softmax minus one-hot.
# - The same head reads the unfinished stream (logit lens); on text like its training text, a model's probabilities should match how often it is right, and that can be measured.
#
# **Takeaways so far:** tokenization → embedding → position → attention and layers → **output projection**. Next: choosing a token.
#
# ## Three questions to think about
#
# 1. With tied weights, a token's row is both "what it means when read" and "what to say when it fits". Can you think of a token for which these pull in different directions?
# 2. A model has perplexity 12 with a vocabulary of 50,000 and another has perplexity 15 with a vocabulary of 200,000. Which is better?
# 3. If $-\ln p$ were replaced by $1 - p$, which probabilities would a model learn to give to a coin that falls heads 60 % of the time?
#
# ## Papers
#
# - Press & Wolf 2016, *Using the Output Embedding to Improve Language Models* (1608.05859): tied weights.
# - Radford et al. 2019, *Language Models are Unsupervised Multitask Learners*: GPT-2.
# - Brown et al. 2020, *Language Models are Few-Shot Learners* (2005.14165): GPT-3, trained to predict the next token at every position.
# - Guo et al. 2017, *On Calibration of Modern Neural Networks* (1706.04599).
# - nostalgebraist 2020, *interpreting GPT: the logit lens*.

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done. `llmlib check` does the same in a terminal, with the mistake that each failing check names.

# %% tags=["nbval-ignore-output"]
from llmlib.course.progress import show as show_progress

show_progress()
