# %% [markdown] makes="logits" shape="[batch, seq, vocab]"
# # 5 · Output head
#
# A vector becomes a score for every token, the scores become probabilities, and one number says how good they were.
# Then that number teaches.
#
# ![Three steps. Bars of four logits, 4.0 for blue, then 2.5, 2.0 and 0.5. Softmax makes them probabilities: 0.72 for blue, 0.16, 0.10 and 0.02. The curve of minus ln p falls from above 3 to 0; blue was next, and its loss is marked at 0.33.](attachment:from_vector_to_loss.png)
#
# **You will build** the scores, the probabilities, the loss, and what improves them: a gradient and a training loop. At
# the end a model that you trained from nothing writes.
#
# **You need** notebooks 1 to 4, logarithms, and a derivative as "how much does this change if I change that?".
#
# **It takes** about 227 minutes. *Further*, after the recap, is extra: about 267 more. The core has two sittings: sections 5.1 to 5.4 for the loss, the rest for training.

# %% given setup folded="Set-up: math, numpy, torch, and the learning rate of section 5.7"
import math

import numpy as np
import torch

from llmlib.training import learning_rate

# %% [markdown]
# ## The real thing first

# %% folded="Set-up: the real model, its tokenizer, and pictures"
from importlib import resources

from llmlib import data, generate, pretrained, training
from classroom.predict import predict, predictions, reveal
from llmlib.data import context_runs
from llmlib.demonstrations import output_head as demo
from llmlib.demonstrations.layers import residual_stream
from llmlib.generation import top_tokens
from llmlib.plots import output_head as plots, show, step_through

torch.set_num_threads(2)
model = pretrained.load("smollm2")
tokenizer = model.tokenizer
END = tokenizer.special_tokens["<|endoftext|>"]

# %%
prompt = "Twinkle, twinkle, little"
for _, text, p in top_tokens(model, model(tokenizer.encode(prompt))[0, -1]):
    print(f"   {text!r:<12}{p:.4f}   {'█' * round(40 * p)}")

# %% [markdown]
# A model never says *the* next token. It says how probable each of the 49,152 is.

# %% [markdown]
# ## 5.1 From a vector to one score per token
#
# ![An arrow x among four arrows, the rows of star, moon, baby and the. The row of star points nearly the same way as x and has the largest logit, 3.5; the row of the points away and has the logit minus 1.4.](attachment:one_row_per_token.png)
#
# After the last layer each position holds a vector $x$ of `d_model` numbers. Two things are done with it:
#
# 1. **The final norm**, one more RMSNorm, brings $x$ to the size that the next step was trained on, and weighs each entry by
#    a learned gain.
# 2. **The unembedding.** The dot product of $x$ with *every row* of a table `[vocab, d_model]` gives one number per
#    token, its **logit**. A logit is large where $x$ points along that token's row
#    and where that row is long.
#
# In SmolLM2 and GPT-2 this table is the embedding table (*tied weights*, Press & Wolf 2016).
#
# ### Exercise 5.1 · `unembed` · ●○○ · 10 min
#
# | | shape | |
# |---|---|---|
# | `x` | `[..., d_model]` | vectors, any number of leading dimensions |
# | `table` | `[vocab, d_model]` | one row for each token |
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
from exercises import output_head as cases

cases.check_unembed(unembed)
### BEGIN HIDDEN TESTS
import torch

from exercises import check

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
# ## 5.2 Logits are not probabilities
#
# Logits can be negative, and their sum can be anything. Exponentiate them, so that all are positive, and divide by
# their sum:
#
# $$\mathrm{softmax}(z)_i = \frac{e^{z_i}}{\sum_j e^{z_j}}$$

# %%
z = torch.tensor([2.0, 1.0, 0.0, -1.0])
for name, logits in {"as they are": z, "plus 50": z + 50, "doubled": 2 * z}.items():
    shares = torch.softmax(logits, -1).tolist()
    print(f"{name:<12}" + "  ".join(f"{share:.3f}" for share in shares))
print("exp of 88 and 89 in float32:", torch.tensor([88.0, 89.0]).exp().tolist())

# %% [markdown]
# Only *differences* between logits count. A shift multiplies every $e^{z_i}$ by the same factor, and the division takes
# it out again. So you may choose the shift that keeps the computer safe.

# %% [markdown]
# ### Exercise 5.2 · `softmax` · ●●○ · 15 min
#
# | | shape | |
# |---|---|---|
# | `x` | any | logits of any size; some may be $-\infty$, but not all along `dim`; leave them as they are |
# | `dim` | | the dimension that is to sum to 1 (default: the last) |
# | returns | as `x` | not negative, summing to 1 along `dim`; of the number type of `x` |
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
# You may subtract any one number from all logits of a row. Which one makes sure that no exponent is above 0?
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


# %% given left_alone folded="Helper of the checks"
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
from exercises import output_head as cases

cases.check_softmax(softmax, left_alone)
### BEGIN HIDDEN TESTS
import torch

from exercises import check

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
# ## 5.3 How wrong was it? The loss
#
# ![The curve of minus ln p against p, from 0 to 1. It is 0 at p = 1, 0.69 at one half, 2.3 at 0.1, 4.6 at 0.01, and rises without bound towards p = 0.](attachment:surprise_of_a_probability.png)
#
# A model is trained on one question, asked again and again: *what comes next in this text?* A good model gave high
# probabilities to the tokens that were next. Multiply them: that is the probability of the whole text.
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

# %% [markdown]
# After a page the product is so small that the computer stores it as 0. **A logarithm turns the product into a sum**, which
# has no such trouble. The logarithm of a token's probability, with a minus in front, is its **loss**, $-\ln p$, in *nats*.
# The mean over the tokens of a text is the **cross-entropy**, and $e$ to the power of that mean is the **perplexity**.
#
# Move the sliders and choose which token was next. What happens to the loss when another logit rises?

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
# Each position's prediction uses only the tokens up to it. So *one* pass over a text of $n$ tokens answers $n - 1$
# questions at once, each with the true text before it (*teacher forcing*). **Every position is a training example.**
#
# ![Two rows of boxes. Above, the inputs: the, fox, looked, at. Below, shifted by one place, the targets: fox, looked, at, the. An arrow leads from each input to the target beneath it.](attachment:shifted_pair.png)


# %% given next_token_pairs
def next_token_pairs(ids):
    """Inputs and targets for training: ids [batch, seq] -> two tensors [batch, seq -
    1], the targets one place ahead."""
    return ids[:, :-1], ids[:, 1:]


# %% [markdown]
# ### Exercise 5.3 · `cross_entropy` · ●●○ · 30 min
#
# | | shape | |
# |---|---|---|
# | `logits` | `[..., vocab]` | leave them as they are |
# | `targets` | `[...]` | the id of the true next token at each position, or `ignored`; leave them as they are |
# | `ignored` | | positions with this target do not count, such as those that fill up a short text in a batch (default: −100, as in PyTorch) |
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
# is $-\infty$. Take the logarithm of the formula on paper first, and compute what is left. `torch.logsumexp(z, dim)` is
# $\ln \sum_j e^{z_j}$. Like your `softmax`, it subtracts the largest logit first. Use it.
#
# Stay with torch's operations (no `.item()`, `.tolist()`, `.detach()` or numpy): in section 5.6 a gradient finds its way
# back through this function.
#
# Not allowed: the losses, log-softmaxes and log-probabilities of torch, and llmlib's.
#
# <details><summary>Hint 1</summary>
#
# Four steps: log-probabilities of all tokens; which positions count; the target's log-probability at each; the mean
# over those that count, with a minus. An id of −100 is no index: leave those positions out before you pick.
#
# </details>
# <details><summary>Hint 2</summary>
#
# $-\ln \mathrm{softmax}(z)_t = \ln\sum_j e^{z_j} - z_t$: no probability is left in it.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `targets != ignored` is a mask and can be an index. `gather` picks one entry per row; its index needs as many dimensions
# as what it picks from.
#
# </details>


# %% solution cross_entropy disallowed=["torch.nn.functional.cross_entropy", "torch.nn.functional.nll_loss", "torch.log_softmax", "torch.distributions.Categorical.log_prob", "llmlib.output_head.cross_entropy", "llmlib.output_head.token_losses", "llmlib.output_head.log_softmax"]
def cross_entropy(logits, targets, ignored=-100):
    """Mean of -log p(target) in nats, over the positions whose target is not `ignored`:
    logits [..., vocab], targets [...] (ids) -> a scalar."""
    ### BEGIN SOLUTION
    counts = targets != ignored
    logits, targets = logits[counts], targets[counts]
    chosen = logits.gather(-1, targets[:, None])[:, 0]
    return (torch.logsumexp(logits, dim=-1) - chosen).mean()
    ### END SOLUTION


# %% given gradient_through_loss folded="Adapter: the gradient that goes back through your cross_entropy"
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
from exercises import output_head as cases

cases.check_cross_entropy(cross_entropy, left_alone, gradient_through_loss)
### BEGIN HIDDEN TESTS
import torch

from exercises import check

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
# **Run it on the real model**, and on one of SmolLM2's shape with random weights:

# %%
inputs, targets = next_token_pairs(torch.tensor([ids]))
print(f"SmolLM2         {cross_entropy(model(inputs), targets):.4f} nats per token")
print(f"random weights  {cross_entropy(demo.untrained(model)(inputs), targets):.4f}")
print(f"ln 49,152       {math.log(49152):.4f}")

# %% [markdown]
# A model that knows nothing does best by giving each of the $V$ tokens the probability $1/V$, which costs $\ln V$. **From random weights, a
# first loss far from $\ln V$ points to a bug**; often the initial logits are too large.
#
# ## 5.4 Loss is a file size
#
# *The bakery on the corner opens at six, but the ovens are lit at three.* These are 70 bytes. With your `softmax` the model
# writes them into a file of **17 bytes**, and reads the sentence back from it letter for letter. This is how:
#
# ![Three lines from 0 to 1, each cut by what may come next. The stretch of The is opened out into the second line, its stretch of fox into the third, whose stretch of ran is marked: 0.3 times 0.2 times 0.5 is 0.03 long, about 5 bits.](attachment:nested_line.png)
#
# $-\log_2 p$ is a **length in bits**. Cut the line from 0 to 1 into stretches, one for each token, as long as its
# probability. Go into the stretch of the next token, and cut *that* by what may follow. At the end you stand in
# a stretch as long as the product of all probabilities.
#
# Naming a point in it takes $-\log_2$ of its length in bits, plus at most two. This is *arithmetic coding*.

# %%
message = "The bakery on the corner opens at six, but the ovens are lit at three."
file = demo.arithmetic_encode(message, model, softmax)

# %% tags=["nbval-ignore-output"]
import zlib

print("file:     ", file.hex(" "))
print("read back:", demo.arithmetic_decode(file, model, softmax))
zipped = len(zlib.compress(message.encode(), 9))
print(f"{len(message)} bytes of text; zlib {zipped}; this file {len(file)}")

# %% [markdown]
# Now five paragraphs that were written for this course, so the model cannot have seen them. Zlib gives frequent characters
# short codes, which saves most here, and replaces repeated strings by a reference. The control is the same text with its words shuffled.

# %%
predict(
    "file",
    "Five paragraphs are 2,270 bytes; zlib brings them to 1,115. And SmolLM2?",
    yours=500,
)

# %%
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
ways = {
    "as it is": lambda text: len(text.encode()),
    "zlib": lambda text: len(zlib.compress(text.encode(), 9)),
    "SmolLM2": bytes_by_model,
}
sizes = [(name, size(five), size(" ".join(words))) for name, size in ways.items()]
show(plots.file_sizes(sizes))
reveal("file", sizes[-1][1])

# %% [markdown] reveals="file"
# Less than a third of what zlib needs. **To predict is to compress** (Delétang et al. 2023), and a loss is a file size:
# every nat less for a text makes its file 1.44 bits shorter. Shuffling costs zlib next to nothing; the model knows what
# follows what, and now needs twice as much.
#
# <details><summary>Small print</summary>
#
# The reader must own the model, 269 MB in 16-bit numbers, and compute the same numbers to the last bit: if the reader's
# logits are a millionth off, the text soon goes wrong.
#
# </details>

# %% [markdown]
# **Your own text.** Dark tokens surprised the model. In the paragraphs above, about a quarter of the tokens carry half of the
# loss. Type over the text, and click a token to see what the model had expected.

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
# ## 5.5 The gradient: which way is down?
#
# The gradient says, for each number in the model, how the loss changes if that number is nudged. Suppose that "The capital of
# France is" had gone on with **Lyon**. Nudge six logits by a thousandth:

# %%
z = model(tokenizer.encode("The capital of France is"))[0, -1].double()
lyon = torch.tensor(tokenizer.encode(" Lyon")[:1])
p, nudge = softmax(z), 1e-3
print("token        probability   loss per logit, measured")
for word in (" Paris", " the", " London", " Lyon", " Rome", " banana"):
    i = tokenizer.encode(word)[0]
    step = torch.zeros_like(z)
    step[i] = nudge
    up, down = (cross_entropy(z[None] + s, lyon).item() for s in (step, -step))
    print(f"{word!r:<12}{p[i]:>12.4f}{(up - down) / (2 * nudge):>20.4f}")

# %% [markdown]
# Compare the two columns: what is the formula?
#
# ### Exercise 5.4 · `logits_gradient` · ●●○ · 15 min
#
# - **In:** `logits` `[N, vocab]`; `targets` `[N]`.
# - **Out:** `[N, vocab]`, the gradient of the *mean* loss over the N positions with respect to each logit. A new
#   tensor; `logits` stays as it was.
#
# By hand. With two positions every entry is halved, since the loss is a mean:
#
# | logits | targets | gradient |
# |---|---|---|
# | `[[0, ln 3]]` | `[0]` | `[[-0.75, 0.75]]` |
# | `[[0, ln 3], [0, ln 3]]` | `[0, 0]` | `[[-0.375, 0.375], [-0.375, 0.375]]` |
#
# Not allowed: `torch.autograd` and `backward`, the losses of torch, and llmlib's own. Your `softmax` helps.
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
# entries of the targets, one per row.
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


# %% given gradient_and_logits folded="Helper of the check"
def gradient_and_logits(logits, targets):
    """What your logits_gradient returns, and `logits` as they are afterwards."""
    return logits_gradient(logits, targets), logits


# %% test logits_gradient points=2
from exercises import output_head as cases

cases.check_logits_gradient(logits_gradient, gradient_and_logits)
### BEGIN HIDDEN TESTS
import torch

from exercises import check

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
# ![Three rows of bars over Paris, the, London and Lyon, all at one scale. What the model said: 0.77, 0.06, 0.01, 0.00. Minus what was true: 1 at Lyon. Is the gradient: 0.77, 0.06, 0.01 and minus 1.00.](attachment:said_minus_true.png)
#
# For one position with probabilities $p$ and target $t$ the gradient is *what the model said, minus what was true*:
#
# $$\frac{\partial\,(-\ln p_t)}{\partial z_i} = p_i - [i = t]$$
#
# with $[i = t]$ 1 for the target, else 0.
#
# ## 5.6 The walk back
#
# Only weights can be changed, not logits. How does the loss change with a *weight*? Here is the smallest net that shows it.
# One number $x$ meets two weights. A gate, $\max(0, \cdot)$, stops what is negative. Four more weights lead to two logits,
# and token 0 was next.
#
# Press *Next step*. First the values go down to the loss. Then the gradients come back up.

# %%
from llmlib.demonstrations import scalar_graph
from llmlib.widgets import gradient_graph

gradient_graph(scalar_graph.two_layers())

# %% [markdown]
# The walk back has three rules:
#
# 1. Each arrow has a **local slope**: how much its end changes for each unit that its start is nudged, all else held fixed.
#    At a product the slope is *the other factor*. At the gate it is 1 or 0. At the logits it is the probability, minus 1 at
#    the target and minus 0 elsewhere.
# 2. Going back over an arrow **multiplies** by its slope. This is the *chain rule*.
# 3. Where two arrows leave one number, what comes back over them is **added**.
#
# That is *backpropagation*. A weight's slope is the layer's input, so each layer keeps its input on the way forward.
#
# PyTorch walks back by itself, by the same three rules. After `loss.backward()` each tensor $w$ for which you set
# `requires_grad` has its gradient in `w.grad`. No weight has moved yet. The net above:

# %%
x, v = torch.tensor([[2.0]]), torch.tensor([[1.0], [-1.0]], requires_grad=True)
w = torch.tensor([[0.0, 0.0], [math.log(3) / 2, 5.0]], requires_grad=True)
loss = cross_entropy((x @ v.T).relu() @ w.T, torch.tensor([0]))
loss.backward()
for name, weight in {"v": v, "w": w}.items():
    print(
        f"gradients of {name}:", [f"{g:z.3f}" for g in weight.grad.flatten().tolist()]
    )

# %% [markdown]
# From here on PyTorch walks back for you: the next model has five norms and two attentions. *Further* takes the walk by
# hand, in matrices, and tests a gradient by nudging.
#
# ## 5.7 Train with it
#
# **Gradient descent** moves each weight *against* its gradient, times a small number, the *learning rate*. But gradients of
# different weights differ a great deal in size. Adam (Kingma & Ba 2014) evens that out. For every weight it keeps a running
# mean of its gradient and one of its square. It moves by the rate times the mean, divided by the root of the mean square.
#
# AdamW also shrinks weights a little, here only those in matrices (*weight decay*, Loshchilov & Hutter 2017).


# %% given adamw_step
def adamw_step(weight, gradient, mean, square, step, rate, decay):
    """One step of AdamW, `step` from 1: the new (weight, mean, square)."""
    mean = 0.9 * mean + 0.1 * gradient
    square = 0.95 * square + 0.05 * gradient**2
    m_hat = mean / (1 - 0.9**step)  # both means begin at 0 and are too small at first
    s_hat = square / (1 - 0.95**step)
    weight = (1 - rate * decay) * weight - rate * m_hat / (s_hat.sqrt() + 1e-8)
    return weight, mean, square


# %% given adamw
def adamw(weights, moments, step, rate):
    """One step for every tensor of `weights`, in place, by its `.grad`. `moments`, a
    dict that begins empty, keeps their means. Only matrices decay."""
    with torch.no_grad():
        for i, w in enumerate(weights):
            means = moments.get(i, (torch.zeros_like(w), torch.zeros_like(w)))
            decay = 0.1 if w.dim() >= 2 else 0.0
            new, *moments[i] = adamw_step(w, w.grad, *means, step, rate, decay)
            w.copy_(new)


# %% [markdown]
# ### Exercise 5.5 · `train` · ●●○ · 28 min
#
# | | | |
# |---|---|---|
# | `weights` | list of tensors | they have `requires_grad` and no gradient yet, and are **changed in place** |
# | `model` | function | ids `[batch, seq]` → logits `[batch, seq, vocab]`, from `weights` |
# | `batches` | list | ids `[batch, seq + 1]` for each step |
# | `peak` | number | of the learning rate |
# | returns | list of floats | the loss of each batch, before its step |
#
# For each batch:
#
# 1. inputs and targets, and the loss;
# 2. the gradients of *this* loss, from `backward`;
# 3. the rate of this step, `learning_rate(step, steps, peak)`: it rises over the first steps (*warm-up*), then falls in a
#    straight line to 0;
# 4. one step of `adamw` for all weights. Its `moments` live through the whole training, and every training begins with
#    empty ones.
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
# `adamw` counts its steps from 1, `learning_rate` from 0.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `adamw` writes into the tensors of `weights` themselves. The loss as a plain number is `loss.item()`.
#
# </details>


# %% solution train disallowed=["torch.optim", "llmlib.training.train"]
def train(weights, model, batches, peak):
    """Train `weights` (a list of tensors) in place, one step of AdamW a batch of ids
    [batch, seq + 1]; model: ids -> logits. Returns the losses, a list of floats."""
    ### BEGIN SOLUTION
    losses, moments = [], {}
    for step, batch in enumerate(batches):
        inputs, targets = next_token_pairs(batch)
        loss = cross_entropy(model(inputs), targets)
        for w in weights:
            w.grad = None
        loss.backward()
        adamw(weights, moments, step + 1, learning_rate(step, len(batches), peak))
        losses.append(loss.item())
    return losses
    ### END SOLUTION


# %% given train_pairs folded="Adapter: your train on the smallest language model"
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
from exercises import output_head as cases

cases.check_train(train_pairs)
### BEGIN HIDDEN TESTS
import torch

from exercises import check

_g = torch.Generator().manual_seed(159)
for _vocab, _n, _peak in [(3, 1, 0.3), (7, 30, 0.02), (4, 60, 0.1)]:
    _table = torch.randn(_vocab, _vocab, generator=_g)
    _bias = torch.randn(_vocab, generator=_g)
    _batches = [torch.randint(_vocab, (3, 6), generator=_g) for _ in range(_n)]
    _got = train_pairs(_table, _bias, _batches, _peak)
    for _mine, _theirs in zip(
        _got, cases.torch_training(_table, _bias, _batches, _peak)
    ):
        check.close(
            _mine,
            _theirs,
            "losses and weights must be those of torch's AdamW on the same batches",
            atol=1e-3,
        )
### END HIDDEN TESTS

# %% [markdown]
# **Run it** on a tiny model of SmolLM2's kind, two layers of width 64. The same sixty batches go through your loop and
# through llmlib's, which uses `torch.optim.AdamW`.

# %%
story_tokens, held_out_ids = context_runs.texts()
story_ids = story_tokens.ids
torch.set_num_threads(1)  # little to share in products this small
print(f"{len(story_ids):,} tokens of stories")
weights, tiny, _ = demo.tiny_model()
print(f"{sum(w.numel() for w in weights):,} weights in {len(weights)} tensors")
yours = train(weights, tiny, demo.windows(story_ids, 60), peak=0.006)
_, _, theirs = demo.tiny_model()
run = training.train(theirs, demo.CONFIG, story_tokens, steps=60, seed=0, peak=0.006)
other = [loss for _, loss in run]
for name, losses in {"yours": yours, "llmlib": other}.items():
    print(f"{name:<8}" + "  ".join(f"{loss:.4f}" for loss in losses[::12]))
print("equal to 3 digits:", all(abs(a - b) < 1e-3 for a, b in zip(yours, other)))

# %% [markdown]
# ### What does it learn first?
#
# Now 960 steps. After 0, 30, 240 and 960 of them the model writes 40 tokens, and its loss is compared with rules that a few
# lines of code can apply:
#
# - **uniform**: every token equally likely, $\ln 512$;
# - **unigram**: each token as often as it occurs in the stories, whatever stands before it;
# - **bigram**: as often as it follows the *one* token before it, mixed with the unigram;
# - **trigram**: as often as it follows the *two* tokens before it, mixed with the shorter counts.
#
# <details><summary>Small print: how the rules are mixed, and what "closest" means</summary>
#
# A pair that was never seen would cost infinitely much, so something of the shorter counts is mixed in. For the bigram the
# amount is chosen on one half of the held-out text, and the picture uses the other. The trigram is mixed by
# *interpolated Kneser-Ney*, with the discount 0.75.
#
# How far the model's distribution $q$ is from a rule's $r$ is measured by the *KL divergence*: the mean of $\ln q - \ln r$
# over tokens drawn from the model. It is 0 where the two agree.
#
# </details>


# %%
predict(
    "step 30",
    "Which rule is the model closest to after 30 of the 960 steps?",
    {"A": "Bigram", "B": "Unigram", "C": "Uniform", "D": "Trigram"},
    yours="A",
)

# %%
counts, some, others = demo.rules(story_ids, held_out_ids)
w = min((1, 4, 16, 64), key=lambda w: cross_entropy(counts.bigram(w, some[0]), some[1]))
inputs, targets = others
rules = {
    "uniform": torch.full((*inputs.shape, 512), -math.log(512)),
    "unigram": counts.unigram.log().expand(*inputs.shape, 512),
    "bigram": counts.bigram(w, inputs),
    "trigram": demo.trigram(story_ids, inputs),
}
marks = {name: cross_entropy(logits, targets).item() for name, logits in rules.items()}
print("  ".join(f"{name} {nats:.2f}" for name, nats in marks.items()))

weights, tiny, engine_weights = demo.tiny_model()
story_tokenizer = training.story_tokenizer(context_runs.training_stories()[:256])
writer = training.as_model(engine_weights, demo.CONFIG, story_tokenizer)
begin = [story_tokenizer.special_tokens[training.BETWEEN]]


def written(ids=begin, seed=0):
    new_ids = generate(writer, ids, 40, temperature=0.7, seed=seed)
    return story_tokenizer.decode(list(new_ids))


# %% tags=["nbval-ignore-output"]
from llmlib.widgets import training_text

watched = demo.Watched(tiny, cross_entropy, inputs, targets, rules, written)
losses = train(weights, watched, demo.windows(story_ids, 960), peak=0.006)
unseen, samples = watched.results()
training_text(losses, unseen, marks, samples)

# %%
print(f"last 10 batches {np.mean(losses[-10:]):.2f}; unseen {unseen[-1][1]:.2f}")
early = samples[1]["distances"]
letters = {"bigram": "A", "unigram": "B", "uniform": "C", "trigram": "D"}
reveal("step 30", letters[min(early, key=early.get)])

# %% [markdown] reveals="step 30"
# The unigram: **it learns first which tokens are frequent**, whatever stands before them. Read what it writes after 30 steps.
# Then it comes closer to the bigram, and in the end beats it. The trigram beats the model: with so little text, counts
# over the two tokens before predict better than this model. **Before you say that a model beats a rule, make the rule as
# good as you can.**
#
# The two curves move apart. The model reads each story about thirteen times and learns some of it by heart. What counts is the
# loss on *unseen* text.


# %% [markdown]
# ### It continues your words
#
# Change the words, and run the cell again.


# %% tags=["nbval-ignore-output"]
words = "The old king"
for seed in (0, 1):
    print(repr(words + written(story_tokenizer.encode(words), seed)))

# %% [markdown]
# Words, names, sometimes half a sentence that makes sense. Your loop made this from random weights.
#
# ## 5.8 Your pieces in the engine
#
# Your `unembed` goes into the engine. Does it still say what `transformers` says?

# %%
from classroom.engine_check import same_ids

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
# - The loss is $-\ln p$ of the true next token; a sum of losses is a file size. Every position is an example.
# - At the logits the gradient is softmax minus one-hot. The walk back multiplies by local slopes, and adds where paths
#   meet.
# - Judge a training by the best rules that you can write, and by unseen text.
#
# **Next:** choosing a token, in notebook 6.
#
# ## A question to think about
#
# The first loss is $\ln V$, and on held-out text the loss falls to 0.01 after 100 steps. Do you celebrate?
#
# <details><summary>Answer</summary>
#
# No. No ordinary text is that predictable: most likely the model sees its answers. Look at the shift by one and at the mask first, then check
# whether the held-out text is also in the training text.
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
# - Kneser & Ney 1995, *Improved Backing-Off for M-gram Language Modeling*: what the trigram of section 5.7 builds on.
# - Kingma & Ba 2014, *Adam: A Method for Stochastic Optimization*, [1412.6980](https://arxiv.org/abs/1412.6980), which
#   has 0.999 for the mean square; Loshchilov & Hutter 2017, *Decoupled Weight Decay Regularization*,
#   [1711.05101](https://arxiv.org/abs/1711.05101).
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
# terminal.

# %% tags=["nbval-ignore-output"]
from classroom.checking.check_notebooks import show as show_progress

show_progress()

# %% [markdown]
# ## Further
#
# Nothing later needs these pieces, and they give no points. Each stands by itself, but the third, fourth and fifth follow
# from each other.

# %% [markdown]
# ### The final norm, taken apart · 10 min
#
# Leaving out the final norm is a bug that does not crash. The norm divides $x$ by its size,
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
stream = residual_stream(model, torch.tensor(tokenizer.encode(prompt)))[-1, -1]
table, (gains,) = model.weights.unembedding, model.weights.norm
size = stream.square().mean().sqrt()
heads = {
    "the whole norm": stream / size * gains,
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

# %% [markdown] reveals="norm"
# The two halves of the norm do different things. The **gains** turn $x$: here, without them, other tokens win. The
# **division** leaves the direction of $x$ alone, and so the order of the tokens, but it sets how sure the model sounds.
# Without it all logits are dozens of times too large, and the first token gets nearly all the probability.

# %% [markdown]
# ### Calibration: does 70 % mean 70 %? · 20 min
#
# ![Ten forecasts of 70 % as ten boxes. Calibrated: seven boxes came true, three did not. Overconfident: five came true, five did not.](attachment:seven_of_ten.png)
#
# A model that says 0.7 should be right seven times out of ten (Guo et al. 2017). Compare the probability of SmolLM2's
# likeliest token with how often that token was right, on two kinds of text.
#
# The ten paragraphs were written for this course. SmolLM2 itself wrote the forty short stories.


# %%
predict(
    "confident",
    "Does SmolLM2, read as it is, promise more than it delivers?",
    {
        "A": "on both kinds of text",
        "B": "on one, and on the other it promises less",
        "C": "on neither",
    },
    yours="A",
)

# %%
stories = [story.text for story in data.stories("held_out") if story.ended]
texts = {"paragraphs": paragraphs, "stories": stories[:40]}
at_temperature = {"as it is": softmax, "read at 0.8": lambda z: softmax(z / 0.8)}
rates, gaps = {}, []
for way, shares in at_temperature.items():
    for name, some in texts.items():
        sure, right, error = demo.promises(model, shares, some)
        gap = sure.mean() - right.mean()
        print(
            f"{name:<11} {way:<12} sure {sure.mean():.3f}, right {right.mean():.3f}",
            end="",
        )
        print(f"; the difference ± {2 * error:.3f}")
        if way == "as it is":
            rates[name] = sure, right
            gaps.append(gap)
show(plots.calibration(rates))
high = [gap > 0 for gap in gaps]
reveal("confident", "A" if all(high) else "B" if any(high) else "C")

# %% [markdown] reveals="confident"
# On the paragraphs SmolLM2 is **overconfident**, on the stories underconfident. That need not be a matter of subject: the
# stories were drawn at a *temperature* of 0.8. It divides all logits by 0.8, and so makes likely tokens likelier than in
# the model's own probabilities, which we read. Read at 0.8, the model is overconfident on both. **Calibration belongs to a model, a text and a temperature.**
#
# <details><summary>Small print</summary>
#
# The model reads the stories without the prompt that they answer, so even at 0.8 it does not see what the writer saw.
#
# The bars in the chart count every token as independent; the ± above the chart counts whole texts.
#
# The loss rewards calibration: on average $-\ln p$ is smallest exactly when, in every context, the
# probabilities are the true ones.
#
# </details>


# %% [markdown]
# ### The walk back, in matrices · 55 min
#
# For many numbers and many positions at once, the three rules of section 5.6 are matrix products: they multiply, and they
# add.
#
# ![A chain of boxes from the input x through the first weights, the hidden layer with its gate and the second weights to the logits and the loss. Below, arrows run back from the loss: probabilities minus one-hot at the logits, then to the hidden layer, through the gate, to the first weights. Each weight matrix gets its gradient where the two directions meet.](attachment:backward_walk.png)
#
# $$h = \max(0,\; x W_\text{in}^T) \qquad z = h\,W_\text{out}^T \qquad \text{loss} = \text{mean of } {-\ln \mathrm{softmax}(z)_t}$$
#
# ### Exercise 5.6 · `backward_by_hand` · ●●● · 42 min
#
# | | shape | |
# |---|---|---|
# | `x` | `[N, d]` | what goes in, one row per position |
# | `w_in` | `[hidden, d]` | |
# | `w_out` | `[vocab, hidden]` | |
# | `targets` | `[N]` | the ids that were next |
# | returns | as `w_in`, as `w_out` | the gradients of the mean loss: (for `w_in`, for `w_out`) |
#
# By hand, the net of section 5.6: one position, and a gate that is open for the first hidden number and shut for the second.
#
# | | |
# |---|---|
# | given | `x = [[2]]`, `w_in = [[1], [-1]]`, `w_out = [[0, 0], [½ ln 3, 5]]`, `targets = [0]` |
# | forward, before the gate | `[[2, -2]]` |
# | after the gate, $h$ | `[[2, 0]]` |
# | logits, and their probabilities | `[[0, ln 3]]`, `[[0.25, 0.75]]` |
# | back, at the logits | `[[-0.75, 0.75]]` |
# | for `w_out` | `[[-1.5, 0], [1.5, 0]]` |
# | at $h$ | `[[0.75 · ½ ln 3, 0.75 · 5]]`, which is `[[0.412, 3.75]]` |
# | back through the gate | `[[0.412, 0]]` |
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


# %% given inputs_after_backward folded="Helper of the check"
def inputs_after_backward(x, w_in, w_out, targets):
    """What you were given, as it is after your backward_by_hand has worked on it."""
    backward_by_hand(x, w_in, w_out, targets)
    return x, w_in, w_out, targets


# %% test backward_by_hand points=0
from exercises import output_head as cases

cases.check_backward_by_hand(backward_by_hand, inputs_after_backward)
### BEGIN HIDDEN TESTS
import torch

from exercises import check

_g = torch.Generator().manual_seed(157)
for _n, _d, _hidden, _vocab in [(1, 4, 3, 5), (7, 2, 6, 3), (9, 5, 5, 5)]:
    _shapes = ((_n, _d), (_hidden, _d), (_vocab, _hidden))
    _some = [torch.randn(_shape, generator=_g) for _shape in _shapes]
    _some.append(torch.randint(_vocab, (_n,), generator=_g))
    for _mine, _theirs, _name in zip(
        backward_by_hand(*_some), cases.torch_backward(*_some), ("w_in", "w_out")
    ):
        check.close(
            _mine,
            _theirs,
            f"the gradient for {_name} is not that of torch's backward",
            atol=1e-4,
        )
### END HIDDEN TESTS

# %% [markdown]
# **Your gradients and PyTorch's.** Two layers guess the next token of short stories, at 500 places:

# %%
x, w_in, w_out, targets = demo.two_layer_batch(story_ids)
by_hand = backward_by_hand(x, w_in, w_out, targets)
asking = [w.clone().requires_grad_() for w in (w_in, w_out)]
cross_entropy(demo.two_layer_logits(x, *asking), targets).backward()
worst = max((mine - w.grad).abs().max() for mine, w in zip(by_hand, asking))
print("all gradients equal to 5 decimals:", bool(worst < 1e-5))

# %% [markdown]
# ### Is this gradient right? · 58 min
#
# A classic mistake: the gate is left out on the way back. Train 200 steps with that gradient, and, as a control, with no
# gradient at all for `w_in`.


# %%
predict(
    "gate",
    "How far does the loss fall with the gate forgotten, compared with the right "
    "gradient?",
    {
        "A": "less than half as far",
        "B": "nearly as far, and further than with w_in frozen",
        "C": "nearly as far, and no further than with w_in frozen",
    },
    yours="A",
)

# %%
ways = {
    "your backward_by_hand": backward_by_hand,
    "gate forgotten": demo.gate_forgotten,
    "w_in frozen": demo.first_layer_frozen,
}
curves = {
    name: demo.train_two_layers(backward, cross_entropy, story_ids, steps=200)
    for name, backward in ways.items()
}
show(plots.gradients_compared(curves, math.log(512)))
right, wrong, frozen = (np.mean(losses[-10:]) for losses in curves.values())
print(f"at the end: {right:.2f}, {wrong:.2f}, {frozen:.2f}")
far = (math.log(512) - wrong) / (math.log(512) - right)
reveal("gate", "A" if far < 0.5 else "B" if wrong < frozen else "C")

# %% [markdown] reveals="gate"
# It falls nearly as far. But even with `w_in` frozen the loss falls most of the way, since `w_out` alone learns a lot. Alone,
# the second curve could hardly have shown the bug. **A loss that falls does not prove that the gradient is right.** What would?

# %% [markdown]
# ### Experiment 5.7 · `gradient_is_right` · ●●○ · 38 min
#
# Design the test yourself. Somebody hands you a gradient, and you may compute the loss as often as you like.
#
# | | | |
# |---|---|---|
# | `loss` | function | `loss(weights)` is one number, a tensor of shape `[]` |
# | `weights` | any shape, float64 | leave them as they are |
# | `gradient` | the same shape | the gradient that is claimed for `loss` at `weights` |
# | returns | `True` or `False` | is it right? |
#
# By hand, for the loss "sum of all squares" at `[3, -1]`:
#
# | claimed | |
# |---|---|
# | `[6, -2]` | right |
# | `[5.9999995, -2]` | right, but for rounding |
# | `[3, -1]`, `[-6, 2]`, `[6, 0]` | wrong |
#
# Right gradients are rounded to float32, off by up to a ten-millionth of their size. Wrong ones may be wrong in a single
# place, any of them, there by at least 0.0002 times the largest entry. Entries may all be tiny (a millionth) or large; the
# loss may be curved. Nudge in enough directions: a few that are chosen beforehand cannot see a mistake at right angles
# to all of them, and one that is drawn at random still overlooks a few small ones.
#
# Not allowed: `torch.autograd` and `backward`.
#
# <details><summary>Hint 1</summary>
#
# A gradient makes a promise: nudge one weight a little, and the loss changes by so much. How can a nudge up *and* one down
# take the curve out?
#
# </details>
# <details><summary>Hint 2</summary>
#
# "Close enough" is a share of something. If all gradients were a million times smaller, would your test still find the
# mistake?
#
# </details>


# %% solution gradient_is_right disallowed=["torch.autograd"]
def gradient_is_right(loss, weights, gradient):
    """Whether `gradient` is that of loss(weights), a number: weights of any shape,
    float64; gradient of the same shape -> True or False."""
    ### BEGIN SOLUTION
    measured = torch.zeros_like(weights)
    for i in range(weights.numel()):
        nudge = torch.zeros_like(weights)
        nudge.view(-1)[i] = 1e-4
        slope = (loss(weights + nudge) - loss(weights - nudge)) / 2e-4
        measured.view(-1)[i] = slope
    apart = (measured - gradient).abs().max()
    return bool(apart <= 1e-4 * measured.abs().max())
    ### END SOLUTION


# %% given verdict_on_made_loss folded="Adapter: your gradient_is_right on a loss with a known gradient"
def verdict_on_made_loss(weights, pulls, bend, claimed):
    """(your verdict on `claimed`, whether you nudged in more than one direction) for
    the loss "sum of pulls · weights, plus bend / 4 times the sum of weights to the
    fourth, plus a twentieth of the squared sum", whose gradient is pulls + bend ·
    weights³ + a tenth of the sum."""
    weights, pulls = weights.double(), pulls.double()
    before, nudges = weights.clone(), []

    def loss(w):
        if w.shape != weights.shape:
            raise ValueError(
                f"loss takes weights of shape {tuple(weights.shape)}, all of them, not "
                f"{tuple(w.shape)}"
            )
        nudge = (w - before).flatten()
        if len(nudges) < 2 and nudge.abs().max() > 0:
            nudge = nudge / nudge.norm()
            if not nudges or abs(float((nudge * nudges[0]).sum())) < 0.999999:
                nudges.append(nudge)
        return (pulls * w).sum() + bend / 4 * (w**4).sum() + w.sum() ** 2 / 20

    verdict = gradient_is_right(loss, weights, claimed.double())
    if not torch.equal(weights, before):
        raise ValueError(
            "the weights have changed: nudge a copy, or the next nudge starts elsewhere"
        )
    return verdict, len(nudges) > 1


# %% test gradient_is_right points=0
from exercises import output_head as cases

cases.check_gradient_is_right(verdict_on_made_loss)
### BEGIN HIDDEN TESTS
from exercises import check

for _shape, _size, _bend in ((5, 1.0, 3.0), ((2, 6), 1e-6, 0.0), (60, 1.0, 1.0)):
    _weights, _pulls, _bend, _true = cases.made(_shape, _size, _bend, seed=564)
    check.that(
        verdict_on_made_loss(_weights, _pulls, _bend, _true.float())[0],
        f"a right gradient of shape {tuple(_true.shape)} was refused",
    )
    for _wrong in (
        *(cases.wrong_in(_kind, _true) for _kind in ("first", "last", "swapped")),
        cases.wrong_in("balanced", _true),
        *(cases.off_in(_place, _true) for _place in range(0, _true.numel(), 3)),
    ):
        check.that(
            not verdict_on_made_loss(_weights, _pulls, _bend, _wrong)[0],
            f"a wrong gradient of shape {tuple(_true.shape)} was accepted",
        )
### END HIDDEN TESTS

# %% [markdown]
# **Run it** on the three gradients of the curves, with layers so small that every weight can be nudged.

# %%
small = demo.small_two_layers()
x, w_in, w_out, targets = small


def loss_of_w_in(w):
    return cross_entropy(demo.two_layer_logits(x, w, w_out), targets)


for name, backward in ways.items():
    verdict = gradient_is_right(loss_of_w_in, w_in, backward(*small)[0])
    print(f"{name:<24}gradient of w_in right: {verdict}")

# %% [markdown]
# ### Through attention and a norm · 45 min
#
# Three more links, each with two numbers:
#
# - **Softmax** does not notice when all its scores rise together. So nothing may come back that would move all of them
#   alike: subtract from what comes back its mean, weighted by the shares. Each score gets what is left, times its share.
#   *Shares 0.5 and 0.5, and `[1, 0]` comes back. Its mean is 0.5, and the scores get `[0.25, -0.25]`.*
# - **A norm** does not notice when $x$ grows longer. So nothing may come back along $x$: subtract that part, then divide by
#   the size. *$x$ = `[1, 7]` has the size 5 and leaves as `[0.2, 1.4]`. `[1, 0]` comes back, 0.1 times what left is
#   subtracted, and $x$ gets `[0.98, -0.14]` over 5, at right angles to `[1, 7]`.*
# - At a **"+"** the gradient goes both ways, as it is. *0.7 comes back to a + b: both get 0.7.*


# %% given norm_backward
def norm_backward(at_out, x, eps=1e-5):
    """The gradient at x [..., d], from that at out = x / its root mean square."""
    size = (x.pow(2).mean(dim=-1, keepdim=True) + eps).sqrt()
    out = x / size
    return (at_out - out * (at_out * out).mean(dim=-1, keepdim=True)) / size


# %% given attention_backward
def attention_backward(at_out, q, k, v, shares):
    """The gradients at q, k, v [..., seq, head_dim], from that at out = shares @ v."""
    at_shares = at_out @ v.mT
    mean = (shares * at_shares).sum(dim=-1, keepdim=True)
    at_scores = shares * (at_shares - mean) / k.shape[-1] ** 0.5
    return at_scores @ k, at_scores.mT @ q, shares.mT @ at_out


# %%
arriving = torch.tensor([1.0, 0.0])
at_x = norm_backward(arriving, torch.tensor([1.0, 7.0]))
print("at x:", [f"{number:.3f}" for number in at_x.tolist()])
halves, one = torch.full((1, 2), 0.5), torch.ones(1, 1)
k = v = torch.tensor([[1.0], [0.0]])  # q is 1, so that k gets what its score gets
_, at_scores, _ = attention_backward(one, one, k, v, halves)
print("at the scores:", [f"{number:.2f}" for number in at_scores.flatten().tolist()])

# %% [markdown]
# Now the whole walk, for three words, one in each row: a norm, attention, the "+" and the logits. The walk back calls your
# `logits_gradient` and the two functions above. The next words have the ids 1, 2 and 3: the second to fourth column of `p`.


# %%
def walk(x, w_q, w_k, w_v, table, targets):
    """(loss, values on the way up, gradients on the way back), each by its name."""
    future = torch.ones(len(x), len(x)).triu(1).bool()
    copy = x / (x.pow(2).mean(dim=-1, keepdim=True) + 1e-5).sqrt()
    q, k, v = copy @ w_q.T, copy @ w_k.T, copy @ w_v.T
    shares = softmax((q @ k.T / k.shape[-1] ** 0.5).masked_fill(future, -math.inf))
    stream = x + shares @ v
    logits = stream @ table.T
    values = dict(x=x, copy=copy, shares=shares, stream=stream, p=softmax(logits))

    at_logits = logits_gradient(logits, targets)
    at_stream = at_logits @ table
    at_q, at_k, at_v = attention_backward(at_stream, q, k, v, shares)
    at_copy = at_q @ w_q + at_k @ w_k + at_v @ w_v
    at_x = at_stream + norm_backward(at_copy, x)
    back = dict(x=at_x, copy=at_copy, stream=at_stream, p=at_logits)
    back |= dict(w_q=at_q.T @ copy, w_k=at_k.T @ copy, w_v=at_v.T @ copy)
    return (
        cross_entropy(logits, targets),
        values,
        back | {"table": at_logits.T @ stream},
    )


given = demo.small_attention()
step_through(plots.walk(demo.walked(walk, given)), "walk")

# %% [markdown]
# The last two pictures show the same numbers after 3 and 30 steps of gradient descent with *this* walk: the loss
# falls, and the gradients fade.
#
# Is every gradient right? Ask your test. It should also find a planted bug: a norm without the subtraction.

# %%
_, _, back = walk(**given)


def without_subtraction(at_out, x):
    return at_out / (x.pow(2).mean(dim=-1, keepdim=True) + 1e-5).sqrt()


for name in ("table", "w_v", "w_k", "w_q", "x"):
    verdict = gradient_is_right(
        lambda w: walk(**given | {name: w})[0], given[name], back[name]
    )
    print(f"gradient of {name:<6} right: {verdict}")
at_x = back["stream"] + without_subtraction(back["copy"], given["x"])
verdict = gradient_is_right(lambda w: walk(**given | {"x": w})[0], given["x"], at_x)
print(f"of x, without the subtraction: {verdict}")

# %% [markdown]
# The tiny model of section 5.7, with *these two functions* on PyTorch's way back through its five norms and both attentions:
# does it learn the same?


# %%
parts = demo.parts_by_hand(norm_backward, attention_backward)
weights, tiny, _ = demo.tiny_model(parts=parts)
by_hand = train(weights, tiny, demo.windows(story_ids, 60), peak=0.006)
print("  ".join(f"{loss:.4f}" for loss in by_hand[::12]))
print("equal to 3 digits:", all(abs(a - b) < 1e-3 for a, b in zip(by_hand, yours)))

# %% [markdown]
# ### Does it look further back? · 30 min
#
# After 960 steps your model beats the bigram. Because it reads more than one token? The control is a twin with the same start and the same
# batches that reads every token as a text of its own. Both were trained from eight seeds, for 240 and for 960 steps, and
# recorded on 64 held-out stories, both halves of those above.


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

# %% [markdown]
# ### Experiment 5.8 · `gain_over_seeds` · ●●○ · 18 min
#
# How sure is the gain? You have a loss for each seed and each window of text, and you ask about *another seed*. The
# *standard error* of a mean of $n$ independent values is their standard deviation (with $n - 1$) over $\sqrt n$. Which
# values are independent here? Decide what to average, and over what.
#
# | | shape | |
# |---|---|---|
# | `with_context` | `[seeds, windows]` | losses, nats per token |
# | `alone` | `[seeds, windows]` | losses of their twins: same row, same seed; same column, same text |
# | returns | two numbers | (the mean gain in nats, its standard error), not rounded; the gain is what context takes off the loss |
#
# By hand: two seeds with gains of 1 and 3 give 2 and 1. All of torch is allowed.
#
# <details><summary>Hint 1</summary>
#
# Two windows of one seed were read by one model. What do they say about another seed?
#
# </details>
# <details><summary>Hint 2</summary>
#
# The 2 and the 1 do not depend on how many windows each was measured on.
#
# </details>


# %% solution gain_over_seeds disallowed=[]
def gain_over_seeds(with_context, alone):
    """(mean gain, its standard error): losses [seeds, windows] of models that see all
    before, and of their twins that see one token."""
    ### BEGIN SOLUTION
    gains = (alone - with_context).mean(dim=1)
    return gains.mean().item(), (gains.std() / len(gains) ** 0.5).item()
    ### END SOLUTION


# %% test gain_over_seeds points=0
from exercises import output_head as cases

cases.check_gain_over_seeds(gain_over_seeds)
### BEGIN HIDDEN TESTS
import torch

from exercises import check

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

# %%
gains, wide = {}, {}
for steps in (240, 960):
    with_context, alone = context_runs.recorded(steps)  # seeds windows
    name = f"{steps} steps"
    gains[name] = (alone - with_context).mean(1).tolist()
    mean, error = gain_over_seeds(with_context, alone)
    wide[name] = 2.36 * error  # Student's t: for eight values, 95 %
    print(f"after {name}: gain {mean:.3f} ± {wide[name]:.3f} nats per token")
show(plots.gains_by_seed(gains, wide))
helped = sum(gain > 0 for gain in gains["240 steps"])
reveal("context", "A" if helped == 8 else "C" if helped <= 4 else "B")

# %% [markdown] reveals="context"
# After 240 steps context helps a little, and in one seed of eight it does not. **One seed can reverse a small effect.**
#
# After 960 steps all eight agree: context is worth a quarter of a nat. That is most of the lead over the bigram.

# %% [markdown]
# ### Perplexity, and in which unit to compare · 25 min
#
# ![A sketch: the same sentence cut twice. Five long tokens at 2.4 nats each, perplexity 11; eight short ones at 1.5 nats each, perplexity 4.5. Both are 12 nats for the same 25 bytes, 0.69 bits per byte.](attachment:two_cuts.png)
#
# A model with perplexity 20 loses as much as a guess among 20 equally likely tokens. A long text is measured in batches, and
# the last is nearly always shorter. The perplexity of the whole is the exponential of the mean *over tokens*, however they
# are batched.

# %% [markdown]
# ### Exercise 5.9 · `corpus_perplexity` · ●○○ · 8 min
#
# - **In:** `losses`, a list of numbers, the mean loss of each batch in nats per token; `counts`, a list of its numbers of
#   tokens. Leave both lists as they are.
# - **Out:** one number, the perplexity of all tokens together, not rounded.
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
    tokens of each batch -> a number."""
    ### BEGIN SOLUTION
    return math.exp(sum(loss * n for loss, n in zip(losses, counts)) / sum(counts))
    ### END SOLUTION


# %% test corpus_perplexity points=0
from exercises import output_head as cases

cases.check_corpus_perplexity(corpus_perplexity, left_alone)
### BEGIN HIDDEN TESTS
import math
import random

from exercises import check

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
# Perplexity is *per token*: long tokens are fewer, harder questions. Two models with different tokenizers are therefore
# compared, **on the same text**, by **bits per byte**: both must account for the same bytes.
#
# $$\text{bits per byte} = \frac{\text{loss} \cdot n_\text{tokens}}{n_\text{bytes} \cdot \ln 2}$$
#
# It is used for another question, too: which *language* does the model read best? Here is one text in four languages.

# %%
predict(
    "language",
    "SmolLM2 was trained on English. By bits per byte, which of the others is hardest?",
    {"A": "Hindi", "B": "Russian", "C": "German"},
    yours="A",
)

# %%
from llmlib.output_head import bits_per_byte

print("           tokens   bytes   perplexity   bits per byte   bits for the text")
by_byte = {}
for language, text in demo.TRANSLATIONS.items():
    inputs, targets = next_token_pairs(torch.tensor([[END] + tokenizer.encode(text)]))
    loss, n = cross_entropy(model(inputs), targets).item(), targets.numel()
    by_byte[language] = bits_per_byte(loss, n, len(text.encode()))
    print(
        f"{language:<9}{n:>8}{len(text.encode()):>8}"
        f"{corpus_perplexity([loss], [n]):>13.2f}{by_byte[language]:>16.3f}"
        f"{loss * n / math.log(2):>20.0f}"
    )
others = ["Hindi", "Russian", "German"]
reveal("language", "ABC"[max(range(3), key=lambda i: by_byte[others[i]])])

# %% [markdown] reveals="language"
# German is the hardest of the three per byte, and Hindi costs the most bits for the whole text. UTF-8 spends one byte on a
# plain Latin letter, two on a Cyrillic one, three on one of Devanagari (the *byte premium*, Arnett et al. 2024). So bytes are no fair
# unit between scripts.
#
# **Bits per byte for one text and two tokenizers; total bits for one content in two languages.**

# %% [markdown]
# ### How large a step? · 12 min
#
# Adam evens out the sizes of the gradients:

# %%
nothing = torch.zeros(2)
first = adamw_step(nothing, torch.tensor([5.0, 0.005]), nothing, nothing, 1, 0.02, 0)[0]
print("first step for gradients 5 and 0.005:", [f"{w:.4f}" for w in first.tolist()])

# %% [markdown]
# Decay apart, a weight's first step has the size of the rate, whether its gradient is 5 or 0.005. Only where a
# gradient is as small as the `1e-8` of the formula does it move less. So how large may the rate be? Seven peaks, thirty
# steps each, from the same start on the same batches.

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
    weights, tiny, _ = demo.tiny_model()
    losses = train(weights, tiny, demo.windows(story_ids, 30), peak)
    ends.append(np.mean(losses[-10:]))
print("  ".join(f"{rate:g}: {loss:.2f}" for rate, loss in zip(rates[:5], ends)))
show(plots.learning_rates(rates, {"your loop": ends}, math.log(512)))
asked = [0.0001, 0.001, 0.01, 0.1, 1.0]
best = min(asked, key=lambda rate: ends[rates.index(rate)])
reveal("rate", "ABCDE"[asked.index(best)])

# %% [markdown] reveals="rate"
# A **U**. On the left the steps are too small to arrive in time, on the right too large to settle. The valley is flat: from
# 0.003 to 0.03 the loss hardly differs; from other starts 0.03 is often the lowest. All of this holds for *this* width, *this*
# batch, *this* number of steps. Notebook 7 looks for it again at each size.

# %% [markdown]
# ### Can it learn one batch by heart? · 12 min
#
# The cheapest test of a training loop: the *same* small batch, again and again. If the loss does not fall to nearly 0
# in some dozens of steps, something is wrong. But which bugs does it see? Four runs: your loop as it is; with a rate 100 times as large;
# with no causal mask, so that every position but the last can read its own answer; and on random tokens.

# %%
predict(
    "batch",
    "Which of these does the test expose? (The loss would stay well above 0.)",
    {
        "A": "the rate 100 times too large",
        "B": "no causal mask",
        "C": "random tokens in place of text",
        "D": "all three",
    },
    yours="D",
)

# %%
from dataclasses import replace


def blind_to_nothing(seq, start=0):
    return torch.ones(seq, start + seq, dtype=torch.bool)


torch.set_num_threads(1)
no_mask = replace(training.PARTS, mask=blind_to_nothing)
batch = demo.windows(story_ids, 1, batch=4)[0]
generator = torch.Generator().manual_seed(5)
noise_batch = torch.randint(512, batch.shape, generator=generator)
runs = {
    "as it is": (batch, 0.01, training.PARTS),
    "rate 100 times as large": (batch, 1.0, training.PARTS),
    "no causal mask": (batch, 0.01, no_mask),
    "random tokens": (noise_batch, 0.01, training.PARTS),
}
curves = {}
for name, (ids, peak, some_parts) in runs.items():
    weights, tiny, _ = demo.tiny_model(parts=some_parts)
    curves[name] = train(weights, tiny, [ids] * 50, peak)
show(plots.one_batch(curves, math.log(512)))
stuck = [curves[name][-1] > 1 for name in list(runs)[1:]]
reveal("batch", "D" if all(stuck) else "ABC"[stuck.index(True)])

# %% [markdown] reveals="batch"
# Only the rate. A leak from the future passes the test, and so does a text of pure noise: **a loss near 0 says that the
# loop can learn, not that it learns the right thing.** A leak is found by changing a later token and watching an earlier
# prediction; for the noise there is text held out of the training.
