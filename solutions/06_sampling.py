# %% [markdown] makes="the next id" shape="[batch]"
# # 6 · Sampling
#
# At every step the model hands over a score for each of its 49,152 tokens. One of them has to be picked, appended, and the
# whole thing run again. How to pick is not the model's business: it is a dozen lines of yours, and they decide whether the
# same model sounds like a clerk, a poet or a broken radio.
#
# ![Three strips from 0 to 1, each cut into stretches for a, the, cat, moon, zebra. At temperature 0.4 the stretch of a takes three quarters, at 2.5 the five are nearly alike. A dashed line at u = 0.82 falls into "the" at 0.4, into "cat" at 1, into "moon" at 2.5.](attachment:strips.png)
#
# **You will build** the draw (exercise 6.1), temperature (6.2), the filters top-k, top-p and min-p (6.3 to 6.5), the function
# that puts them together and picks (6.6, 6.7), the loop that writes text (6.8), a repetition penalty (6.9), beam search, which
# looks ahead (6.10), and a constraint that lets the model say nothing but what you allow (6.11). With them you look at how a
# small model fails, each time with a control.
#
# **You need** notebook 5: logits, softmax and the log-probability, $\ln p$. (All logarithms here are natural ones, also where
# "log" is written.)
#
# **It takes** about two and a half hours, two of them at the eleven exercises. *Section* 6.10, on failures, has none: keep
# it for a second sitting if you like.
#
# First, the real model doing the thing. SmolLM2-135M is small: 135 million weights, which arrive with less than six bits
# each (counted in notebook 2) and are opened here as float32. The same prompt, four ways to pick:

# %% folded="Set-up: the real model"
from llmlib import complete, pretrained
from llmlib.course.predict import predict, predictions, reveal

llm = pretrained.load("smollm2")

# %%
prompt = "Once upon a time, there was a"
for settings in (
    {"temperature": 0},
    {"temperature": 0.8, "top_p": 0.9, "seed": 1},
    {"temperature": 0.8, "top_p": 0.9, "seed": 2},
    {"temperature": 2.0, "seed": 6},
):
    text = complete(llm, prompt, max_new_tokens=8, **settings)
    print(f"{settings}\n    {prompt}{text}")

# %% [markdown]
# The first is the likeliest token each time, and it is the same in every run. The second and third differ by a seed. In the
# last, unlikely tokens have become likelier, and the text falls apart. By the end of this notebook each of these settings is a
# function of yours.

# %% given setup folded="Set-up: torch, and softmax from notebook 5"
import itertools
import math
from types import SimpleNamespace

import torch

from llmlib.output_head import (
    log_softmax,
    softmax,
)  # you wrote softmax in notebook 5; log_softmax is its logarithm

torch.set_num_threads(2)

# %% [markdown]
# ## 6.1 Drawing one token
#
# **Claim.** Softmax turns the logits into probabilities, $p_i$ for token $i$, which sum to 1. To pick token $i$ with
# probability $p_i$ it takes one random number $u$, uniform between 0 and 1.
#
# How sure the model is depends on the text. Here are two prompts, and the eight likeliest next tokens of each:

# %%
from llmlib.plots import sampling as plots
from llmlib.plots import show

prompts = ["The capital of France is", "Once upon a time, there was a"]
next_logits = {
    text: llm(llm.tokenizer.encode(text))[0, -1] for text in prompts
}  # each [vocab]
paris, story = next_logits.values()
show(
    plots.next_tokens(llm.tokenizer, next_logits),
    alt="Two bar charts of next-token probabilities. After 'The capital of France is' "
    "one token, Paris, has 0.77; after 'Once upon a time, there was a' the likeliest, "
    "small, has 0.06 and the other seven of the eight have 0.03 to 0.05.",
)

# %% [markdown]
# Left, one token holds most of the probability. Right, no token has even a tenth, and the rest lies far beyond the eight
# that are shown. A good way to pick must serve both.
#
# Now lay the tokens end to end, in order of their ids, each as long as its probability. All of them together are 1 long. Let
# $u$ fall anywhere on that line: the token it falls into is drawn, so each is drawn in proportion to its length.

# %%
show(
    plots.strips(
        llm.tokenizer,
        {f"{text} …": softmax(z) for text, z in next_logits.items()},
        u=0.6,
    ),
    alt="Two strips from 0 to 1, cut into one stretch a token. For the France prompt "
    "the stretch of Paris covers three quarters of the strip and u = 0.6 falls into "
    "it. For the story prompt two dozen stretches, none wider than 0.07, make half "
    "of the strip, with grey between them for thousands of thin ones; u = 0.6 falls "
    "into woman.",
)

# %% [markdown]
# ### Exercise 6.1 · `draw` · ●●○ · 12 min
#
# Cut the interval from 0 to 1 into one stretch per token, in order of ids, each as long as its probability. The number `u`
# falls into one of them: that token is drawn.
#
# | | shape | |
# |---|---|---|
# | `probabilities` | `[batch, vocab]` | each row sums to 1, up to rounding |
# | `u` | `[batch]` | one number in [0, 1) a row |
# | returns | `[batch]` | the ids drawn |
#
# A stretch includes its start but not its end, so a token of probability 0 has no stretch and is never drawn. Rounded
# probabilities may sum to a little less than 1; `u` may then lie behind the last edge, and must still give a token near the end
# of the row that has some probability (in the tests, the last such token).
#
# **By hand.** `probabilities = [[0.5, 0.3, 0.2]]`: the stretches are [0, 0.5), [0.5, 0.8), [0.8, 1). `u = [0.6]` falls into
# the second, so the answer is `[1]`. `u = [0.5]` gives `[1]` too.
#
# Not allowed: `torch.multinomial`, torch's `Categorical`, and llmlib's `draw`.
#
# <details><summary>Hint 1</summary>
#
# `edges = probabilities.cumsum(-1)` is where each stretch ends, `[batch, vocab]`. How many of those ends lie at or before `u`?
#
# </details>
# <details><summary>Hint 2</summary>
#
# That count is the answer: `(edges <= u[:, None]).sum(-1)`. The `[:, None]` makes `u` a column, so that each row meets its own.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The last edge is the row's sum. If it is 0.9999 rather than 1, compare with a `u` that is shrunk as much: `u[:, None] *
# edges[:, -1:]`, a column too, always lies in front of the last edge.
#
# </details>


# %% solution draw disallowed=["torch.multinomial", "llmlib.sampling.draw"]
def draw(probabilities, u):
    """Draw one id a row: probabilities [batch, vocab], u [batch] uniform in [0, 1) ->
    ids [batch]."""
    ### BEGIN SOLUTION
    edges = probabilities.double().cumsum(-1)  # where each stretch ends
    return (edges <= u.double()[..., None] * edges[..., -1:]).sum(-1)
    ### END SOLUTION


# %% test draw points=2
import torch
from llmlib.course import check

_row = torch.tensor([[0.5, 0.3, 0.2]])
check.equal(
    list(getattr(draw(_row, torch.tensor([0.6])), "shape", ())),
    [1],
    "one id a row, in a tensor of shape [batch] (is there a return?)",
)
check.equal(
    draw(_row, torch.tensor([0.6])),
    torch.tensor([1]),
    "u = 0.6 falls into [0.5, 0.8), the stretch of token 1: follow u, do not take the "
    "likeliest",
)
check.that(
    not draw(_row, torch.tensor([0.6])).is_floating_point(),
    "an id is a whole number: return integers, not floats",
)
check.equal(
    draw(_row, torch.tensor([0.9])),
    torch.tensor([2]),
    "u = 0.9 falls into [0.8, 1), the stretch of token 2: stretches lie end to end, in "
    "order of ids, so add the probabilities up",
)
check.equal(
    draw(torch.tensor([[0.1, 0.6, 0.3]]), torch.tensor([0.05])),
    torch.tensor([0]),
    "u = 0.05 falls into [0, 0.1), the stretch of token 0: stretches lie in order of "
    "ids, not of probability",
)
check.equal(
    draw(torch.tensor([[0.0, 0.5, 0.5]]), torch.tensor([0.0])),
    torch.tensor([1]),
    "u = 0 drew a token of probability 0: it has no stretch, so it is never drawn",
)
check.equal(
    draw(torch.tensor([[0.5, 0.25, 0.25]]), torch.tensor([0.5])),
    torch.tensor([1]),
    "u = 0.5 is where the second stretch starts: a stretch includes its start, not its "
    "end",
)
check.equal(
    draw(_row.repeat(3, 1), torch.tensor([0.9, 0.1, 0.6])),
    torch.tensor([2, 0, 1]),
    "each row is drawn with its own u",
)
check.equal(
    draw(torch.tensor([[0.5, 0.4], [0.1, 0.8]]), torch.tensor([0.99, 0.99])),
    torch.tensor([1, 1]),
    "rows that sum to 0.9 stand for rounding here: u behind the last edge must still "
    "give a token of the row, the last that has a stretch",
)
check.equal(
    draw(torch.tensor([[0.5, 0.4, 0.0]]), torch.tensor([0.99])),
    torch.tensor([1]),
    "u behind the last edge drew a token of probability 0: draw one that has a stretch",
)
check.equal(
    draw(torch.tensor([[0.0004, 0.9996]]), torch.tensor([0.0002])),
    torch.tensor([0]),
    "a stretch of 0.0004 is short, but u = 0.0002 falls into it: round nothing",
)
_u = (torch.arange(1000) + 0.5) / 1000
check.equal(
    torch.bincount(draw(_row.repeat(1000, 1), _u), minlength=3),
    torch.tensor([500, 300, 200]),
    "of 1000 evenly spaced u, each token must get its share",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(60)
_p = torch.softmax(torch.randn(40, 23, generator=_g), -1)
_want = torch.randint(23, (40,), generator=_g)
_end = _p.double().cumsum(-1).gather(1, _want[:, None])[:, 0]
_middle = (
    _end - _p.double().gather(1, _want[:, None])[:, 0] / 2
).float()  # the middle of the stretch of the token wanted
check.equal(
    draw(_p, _middle),
    _want,
    "a u in the middle of a token's stretch must draw that token",
)
_sparse = torch.where(torch.rand(40, 23, generator=_g) < 0.7, torch.zeros(()), _p)
_sparse[:, 5] = 0.1
_sparse = _sparse / _sparse.sum(-1, keepdim=True)
for _u in (
    torch.zeros(40),
    torch.full((40,), 1 - 2.0**-24),
    torch.rand(40, generator=_g),
):
    check.that(
        (_sparse.gather(1, draw(_sparse, _u)[:, None]) > 0).all(),
        "a token of probability 0 was drawn: it has no stretch",
    )
### END HIDDEN TESTS

# %% [markdown]
# ### Is it fair? Ten thousand draws
#
# A draw cannot be checked by looking at one of them. Draw 10,000 next tokens after "Once upon a time, there was a" and count.
# A token of probability $p$ is expected $E = 10000\,p$ times, and chance alone moves the count up or down. (Tokens too rare to
# be expected five times are put together, before the draw, as "the rest".)

# %%
predict(
    "count",
    "A token of 6.2 % is expected 620 times. How far off is the count, typically?",
    yours=60,
)

# %% [markdown]
# How far? By about $\sqrt E$, the standard deviation of such a count, and by more than $2\sqrt E$ only about once in twenty
# tokens: that is what a fair draw looks like. But a test is worth something only if it also catches a draw that is *not* fair. So draw twice:
# once with $u$ as it is, once with $u$ rounded down to three digits, as a lazy random number generator would hand it out.

# %%
p = softmax(story)
common = p * 10_000 >= 5
groups = torch.cat(
    [p[common], p[~common].sum()[None]]
)  # the common tokens, then the rest
expected = groups.double() * 10_000
u = torch.rand(10_000, generator=torch.Generator().manual_seed(0))
panels = {}
for name, numbers in {
    "u as it is": u,
    "u with three digits": (u * 1000).floor() / 1000,
}.items():
    ids = draw(groups.expand(len(u), -1), numbers)
    observed = torch.bincount(ids, minlength=len(groups)).double()
    near = ((observed - expected).abs() <= 2 * expected.sqrt())[:-1].double().mean()
    panels[name] = expected[:-1], observed[:-1]
    print(
        f"{name}: {near:.0%} of {len(groups) - 1} common tokens within 2√E of what is "
        f"expected; {int((observed == 0).sum())} of them never came"
    )
show(
    plots.draws(panels),
    alt="Expected against observed counts of each common token in 10,000 draws, on "
    "logarithmic axes. Left, with u as it is, nearly all points lie in the band of two "
    "standard deviations around the diagonal. Right, with u of three digits, the rarer "
    "tokens stray far out of the band, and many stand at 0.",
)
reveal("count", expected[:-1].max().sqrt().item(), within=10)

# %% [markdown] reveals="count"
# With the right $u$ the counts stray as chance makes them stray. With three digits there are only 1,000 places for $u$ to
# fall, so a stretch of half a thousandth either has one of them in it, and is drawn about twice too often, or has none, and is
# never drawn: the draw is visibly unfair, and no single text would have told you. (A `u` in float32 has 24 binary digits, which is enough here.)

# %% [markdown]
# **Seeds.** `u` comes from a generator, which is an ordinary sequence of numbers that starts from a seed. Two generators with
# the same seed give the same numbers. A generator *of your own* gives them even when something else draws in between:


# %%
def three(generator, disturbed):
    numbers = []
    for _ in range(3):
        if disturbed:
            torch.rand(1)  # a stranger draws from the global generator
        numbers.append(f"{torch.rand(1, generator=generator).item():.4f}")
    return numbers


for disturbed in (False, True):
    torch.manual_seed(7)
    print(
        "disturbed:" if disturbed else "alone:    ",
        "global",
        three(None, disturbed),
        " own",
        three(torch.Generator().manual_seed(7), disturbed),
    )

# %% [markdown]
# The global generator's numbers changed when a stranger drew from it; those of our own generator did not.
#
# ## 6.2 Temperature
#
# **Claim.** Dividing all logits by a number $T$, the temperature, sharpens the distribution if $T < 1$ and flattens it if
# $T > 1$.
#
# Why *logits* and not probabilities? Because $e^{z/T} = (e^z)^{1/T}$: each probability is raised to the power $1/T$ (and all
# are then scaled to sum to 1). At $T = 0.5$ probabilities are squared, so that 2 : 1 becomes 4 : 1. At $T = 2$ it becomes
# √2 : 1. Dividing probabilities would change nothing at all, once they are scaled to sum to 1 again.


# %% given left_alone
def left_alone(function, logits, *settings):
    """The logits after your function of that name has worked on them."""
    before, were = repr(settings), logits.clone()
    made = eval(function)(logits, *settings)
    if repr(settings) != before:
        raise ValueError(
            f"{function} has changed what it was given besides the logits: leave the "
            "caller's lists and tensors as they are"
        )
    if made is logits and torch.equal(logits, were):
        raise ValueError(
            f"{function} has returned the very tensor that it was given: return a new "
            "one, such as `logits.clone()`"
        )
    return logits


# %% [markdown]
# ### Exercise 6.2 · `apply_temperature` · ●○○ · 6 min
#
# | | shape | |
# |---|---|---|
# | `logits` | `[..., vocab]` | any number of dimensions in front |
# | `t` | a number | 0 or more |
# | returns | like `logits` | |
#
# At `t = 0` nothing can be divided. But as $T$ gets smaller, all the probability moves to the largest logit. So `t = 0`
# **keeps exactly one** largest logit in each row as it is, and sets all others to $-\infty$ (`-math.inf`), whose softmax is
# exactly 0. If several are equally large, any one of them will do. (The limit would share the probability among them; to
# keep one is a convention, which leaves nothing to chance.) However small, a `t` above 0 still divides.
#
# Return a new tensor and leave `logits` as they are, here and in all filters that follow: whoever called you may need them
# again. (A small given cell lets the checks see that.)
#
# **By hand.** `apply_temperature([2, 4], 2)` is `[1, 2]`; `apply_temperature([1, 3, 2], 0)` is `[-inf, 3, -inf]`.
#
# Not allowed: llmlib's `apply_temperature`.
#
# <details><summary>Hint 1</summary>
#
# `logits.argmax(-1, keepdim=True)` holds one index a row, even where two entries are equally large.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Start from a tensor that is `-math.inf` everywhere, `torch.full_like(logits, -math.inf)`, and write the kept values into it:
# `.scatter(-1, index, values)` puts each value at its index; the values come from `logits.gather(-1, index)`.
#
# </details>


# %% solution apply_temperature disallowed=["llmlib.sampling.apply_temperature"]
def apply_temperature(logits, t):
    """Divide the logits by t; t = 0 keeps only the largest of each row, the rest become
    -inf: [..., vocab] -> the same."""
    ### BEGIN SOLUTION
    if t == 0:
        largest = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, -math.inf).scatter(
            -1, largest, logits.gather(-1, largest)
        )
    return logits / t
    ### END SOLUTION


# %% test apply_temperature points=2
import math
import torch
from llmlib.course import check

check.that(
    isinstance(apply_temperature(torch.tensor([2.0, 4.0]), 2), torch.Tensor),
    "return a tensor, not a list (is there a return?)",
)
check.close(
    left_alone("apply_temperature", torch.tensor([2.0, 4.0]), 2),
    [2.0, 4.0],
    "the caller's logits have changed: return a new tensor and leave them as they are",
)
check.close(
    apply_temperature(torch.tensor([2.0, 4.0]), 2),
    [1.0, 2.0],
    "temperature divides the logits: at T = 2 they are halved, so that the "
    "distribution is flatter",
)
check.close(
    apply_temperature(torch.tensor([2.0, -4.0]), 0.5),
    [4.0, -8.0],
    "at T = 0.5 the logits double: divide, and leave their sum and their softmax alone",
)
check.close(
    apply_temperature(torch.tensor([1.0, 0.98]), 0.05),
    [20.0, 19.6],
    "T = 0.05 is small but not 0: it divides, and the second token keeps a chance",
    atol=1e-4,
)
check.close(
    apply_temperature(torch.tensor([1.0, 3.0, 2.0]), 0),
    [-math.inf, 3.0, -math.inf],
    "T = 0 keeps the largest logit and makes the others -inf, without dividing by 0",
)
check.close(
    left_alone("apply_temperature", torch.tensor([2.0, 4.0]), 0),
    [2.0, 4.0],
    "at T = 0 the caller's logits have changed: return a new tensor there, too",
)
check.close(
    apply_temperature(torch.tensor([1.0, 3.0, 2.0]), 2.0**-40),
    [1 * 2.0**40, 3 * 2.0**40, 2 * 2.0**40],
    "T = 1e-12 is very small but not 0: it divides, only T = 0 is a case of its own",
)
check.close(
    apply_temperature(torch.tensor([1.0, 3.0, 2.0]), 0.0),
    [-math.inf, 3.0, -math.inf],
    "T = 0.0 is T = 0, too: ask `t == 0`",
)
check.close(
    left_alone("apply_temperature", torch.tensor([2.0, 4.0]), 1),
    [2.0, 4.0],
    "at T = 1 the caller's logits have changed: return a new tensor there, too",
)
_tie = apply_temperature(torch.tensor([3.0, 1.0, 3.0]), 0)
check.close(
    torch.sort(_tie).values,
    [-math.inf, -math.inf, 3.0],
    "two logits are equally large: at T = 0 exactly one of them stays",
)
check.close(
    apply_temperature(torch.tensor([[1.0, 2.0], [9.0, 8.0]]), 0),
    torch.tensor([[-math.inf, 2.0], [9.0, -math.inf]]),
    "at T = 0 each row keeps its own largest logit",
)
check.close(
    apply_temperature(torch.tensor([[-1.0, -3.0], [-2.0, 0.0]]), 0),
    torch.tensor([[-1.0, -math.inf], [-math.inf, 0.0]]),
    "the largest logit may be negative, or 0: at T = 0 size counts with its sign, and "
    "the largest stays as it is",
)
check.equal(
    list(apply_temperature(torch.zeros(1, 1, 3), 0).shape),
    [1, 1, 3],
    "the shape stays as it is, also where a dimension is 1",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(61)
_z = torch.randn(2, 5, 17, generator=_g) * 4
check.close(
    apply_temperature(_z, 0.7) * 0.7,
    _z,
    "temperature divides the logits, for any shape in front",
    atol=1e-4,
)
for _t in (1e-3, 0.03, 3.0, 40.0):
    check.close(
        apply_temperature(_z, _t) * _t,
        _z,
        f"T = {_t} divides the logits: only T = 0 is a case of its own",
        atol=1e-3,
    )
_kept = torch.isfinite(apply_temperature(_z, 0))
check.close(
    _kept.sum(-1), torch.ones(2, 5), "at T = 0 each row keeps exactly one logit"
)
check.equal(
    _kept.float().argmax(-1),
    _z.argmax(-1),
    "at T = 0 the one that stays is the row's largest",
)
_flat = torch.isfinite(apply_temperature(torch.zeros(3, 6), 0))
check.close(
    _flat.sum(-1),
    torch.ones(3),
    "all logits of a row are equal: at T = 0 exactly one of them stays",
)
### END HIDDEN TESTS

# %% [markdown]
# ### Run it on the real model
#
# The ten likeliest tokens after "The capital of France is", and all 49,142 others together:

# %%
show(
    plots.temperatures(llm.tokenizer, paris, (0.5, 1.0, 1.5)),
    alt="Bars of the ten likeliest next tokens and of all others together, for three "
    "temperatures. At 0.5 Paris has 0.99. At 1 it has 0.77 and all others 0.10. At 1.5 "
    "Paris has 0.24, and all others together 0.62.",
)

# %% [markdown]
# After this prompt the 49,142 others hold 0.10 at $T = 1$, all together. Flattened, so many small shares add up.

# %%
predict(
    "tail",
    "T = 1.5: how much of the probability lies beyond the 100 likeliest tokens?",
    yours=0.1,
)

# %%
ranked = paris.argsort(descending=True)
for t in (0.5, 1.0, 1.5, 2.0):
    row = softmax(apply_temperature(paris, t))[ranked]
    print(
        f"T = {t}: likeliest {row[0]:.4f}, beyond rank 100 {row[100:].sum():.4f}, "
        f"beyond rank 1,000 {row[1000:].sum():.4f}"
    )
for first in (101, 1_001, 10_001):
    some = ranked[first - 1 : first + 7].tolist()
    words = [llm.tokenizer.decode([i]) for i in some]
    print(f"ranks {first:,} to {first + 7:,}:", words)
again = story.argsort(descending=True)[100:108].tolist()
print("the story, ranks 101 to 108:", [llm.tokenizer.decode([i]) for i in again])
beyond = softmax(story).sort(descending=True).values[100:].sum()
print(f"the story at T = 1: beyond rank 100 {beyond:.4f}")
reveal("tail", softmax(apply_temperature(paris, 1.5))[ranked][100:].sum().item(), 0.1)

# %% [markdown] reveals="tail"
# This is the trouble with temperature alone. After "The capital of France is" there is no good use for " Bright" or " Hot", and
# at $T = 1.5$ four draws in ten come from beyond rank 100 and two in ten from beyond rank 1,000, where such tokens stand. A
# tail does harm even when it is thin, because a text is many draws: with 1 % of nonsense at each step, $1 - 0.99^{20} = 18$ %
# of all texts of 20 tokens hold some, and the model must go on as if that had been meant.
#
# Where the nonsense begins depends on the prompt. After "Once upon a time, there was a" the tail is heavy even at $T = 1$ (the
# last line), and the tokens of rank 101 to 108 still make good stories. A fixed place for the cut will not do.

# %% [markdown]
# ## 6.3 Filters: top-k, top-p, min-p
#
# **Claim.** Cutting off the tail repairs this. The three usual filters differ in how they decide where the tail begins.
#
# All three take logits and return logits of the same shape, in the same places, with the tokens that are cut at $-\infty$.
# Softmax afterwards spreads their share over the survivors.
#
# ### Exercise 6.3 · `top_k` · ●●○ · 10 min
#
# Keep the `k` largest logits of each row (Fan et al. 2018).
#
# | | shape | |
# |---|---|---|
# | `logits` | `[..., vocab]` | |
# | `k` | an int, 1 or more | more than `vocab` keeps everything |
# | returns | like `logits` | kept logits unchanged, the rest $-\infty$ |
#
# **Exactly** `k` stay, even where logits are equal; which of the equal ones is up to you.
#
# **By hand.** `top_k([1, 4, 2, 3], 2)` is `[-inf, 4, -inf, 3]`. `top_k([2, 2, 2], 1)` keeps one of the three.
#
# Not allowed: llmlib's `top_k`. (`torch.topk` is allowed.)
#
# <details><summary>Hint 1</summary>
#
# Comparing with the k-th largest value keeps too many when several logits equal it. Work with *positions* instead:
# `torch.argsort` and `torch.topk` give them. (`torch.topk` refuses a k beyond the vocabulary: give it `min(k,
# logits.shape[-1])`.)
#
# </details>
# <details><summary>Hint 2</summary>
#
# `.scatter(-1, positions, True)` on a bool tensor of zeros marks what stays: it writes True at each position.
# `logits.masked_fill(~kept, -math.inf)` cuts the rest.
#
# </details>


# %% solution top_k disallowed=["llmlib.sampling.top_k"]
def top_k(logits, k):
    """Keep the k largest logits of each row, exactly k even on ties; the rest become
    -inf: [..., vocab] -> the same."""
    ### BEGIN SOLUTION
    order = torch.argsort(logits, dim=-1, descending=True, stable=True)
    kept = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, order[..., :k], True)
    return logits.masked_fill(~kept, -math.inf)
    ### END SOLUTION


# %% test top_k points=2
import math
import torch
from llmlib.course import check

_cut = -math.inf
check.that(
    isinstance(top_k(torch.tensor([1.0, 4.0, 2.0]), 2), torch.Tensor),
    "return a tensor, not a list (is there a return?)",
)
check.close(
    left_alone("top_k", torch.tensor([1.0, 4.0, 2.0]), 2),
    [1.0, 4.0, 2.0],
    "the caller's logits have changed: return a new tensor and leave them as they are",
)
check.close(
    top_k(torch.tensor([1.0, 4.0, 2.0, 3.0]), 2),
    [_cut, 4.0, _cut, 3.0],
    "[1, 4, 2, 3] with k = 2 keeps 4 and 3 in their places; what is cut becomes -inf "
    "(a logit of 0 would still have probability)",
)
check.close(
    torch.isfinite(top_k(torch.tensor([1.0, 4.0, 2.0, 3.0]), 3)).sum(),
    3,
    "k = 3 of four tokens keeps three and cuts one: k counts what stays",
)
check.close(
    top_k(torch.tensor([-5.0, -1.0, -3.0]), 1),
    [_cut, -1.0, _cut],
    "the largest of [-5, -1, -3] is -1: size counts, not distance from 0",
)
check.close(
    top_k(torch.tensor([0.0, -1.0, -2.0]), 2),
    [0.0, -1.0, _cut],
    "0 is a logit like others, and this one is kept: do not ask whether a logit is 0",
)
check.close(
    torch.sort(top_k(torch.tensor([2.0, 2.0, 2.0, 1.0]), 2)).values,
    [_cut, _cut, 2.0, 2.0],
    "three logits are equal: with k = 2 exactly two of them stay",
)
check.equal(
    [
        torch.isfinite(top_k(torch.tensor(_near), 1)).tolist()
        for _near in ([1.0, 1 + 2.0**-20], [1 + 2.0**-20, 1.0])
    ],
    [[False, True], [True, False]],
    "1.000001 is larger than 1, however little: add nothing to the logits to break "
    "ties",
)
check.close(
    top_k(torch.tensor([[1.0, 2.0, 3.0], [9.0, 7.0, 8.0]]), 2),
    torch.tensor([[_cut, 2.0, 3.0], [9.0, _cut, 8.0]]),
    "each row keeps its own k largest",
)
check.close(
    top_k(torch.tensor([1.0, 2.0]), 5),
    [1.0, 2.0],
    "k = 5 of two tokens keeps both, without an error",
)
check.equal(
    list(top_k(torch.zeros(1, 1, 3), 2).shape),
    [1, 1, 3],
    "the shape stays as it is, also where a dimension is 1",
)
check.close(
    left_alone("top_k", torch.tensor([1.0, 2.0]), 5),
    [1.0, 2.0],
    "where all tokens stay, the caller's logits have changed: return a new tensor, too",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(62)
_z = torch.randn(3, 4, 29, generator=_g) * 3
for _k in (1, 7, 29, 100):
    _out = top_k(_z, _k)
    _kept = torch.isfinite(_out)
    check.close(
        _kept.sum(-1),
        torch.full((3, 4), float(min(_k, 29))),
        "each row keeps exactly k tokens",
    )
    check.close(_out[_kept], _z[_kept], "kept logits stay unchanged")
    check.that(
        _z.masked_fill(~_kept, math.inf)
        .amin(-1)
        .ge(_z.masked_fill(_kept, -math.inf).amax(-1))
        .all(),
        "a token was cut that is larger than one that was kept",
    )
_ties = torch.randint(3, (50, 31), generator=_g).float()
check.close(
    torch.isfinite(top_k(_ties, 6)).sum(-1),
    torch.full((50,), 6.0),
    "many logits are equal: exactly k of each row stay",
)
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** One `k` for both of our prompts (*mass*: the probability of several tokens together):
#

# %%
for text, logits in next_logits.items():
    p, after = softmax(logits), softmax(top_k(logits, 5))
    print(
        f"{text!r}: the 5 kept held {p[after > 0].sum():.4f} of the mass; the least of "
        f"them had {p[after > 0].min():.4f}, the likeliest one cut "
        f"{p[after == 0].max():.4f}"
    )

# %% [markdown]
# For Paris, five tokens hold 0.87 of the mass; for the story they hold 0.23, and tokens were cut that are nearly as good as those kept.
# A fixed number cannot fit both; a fixed *share of the mass* can.
#
# ### Exercise 6.4 · `top_p` · ●●● · 15 min
#
# Nucleus sampling (Holtzman et al. 2019). Sort the tokens by probability. The nucleus is the **smallest set of likeliest tokens whose probabilities add up to at least `p`**. Keep it, cut the rest.
#
# | | shape | |
# |---|---|---|
# | `logits` | `[..., vocab]` | |
# | `p` | a number, above 0, at most 1 | 1 keeps every token |
# | returns | like `logits` | kept logits unchanged, in their places; the rest $-\infty$ |
#
# **By hand.** Probabilities 0.5, 0.3, 0.15, 0.05 with `p = 0.9`: 0.5 is not enough, 0.5 + 0.3 = 0.8 is not enough, 0.8 + 0.15 = 0.95 is. Three tokens stay. The third *crosses* 0.9, and without it the set would not reach `p`.
#
# Two traps. Rounding: the running sum of 49,152 rounded numbers can reach 1 before the last token, so treat `p = 1` on its own. Ties: with four tokens of 0.25 and `p = 0.4`, two stay, not four.
#
# Not allowed: llmlib's `top_p`.
#
# <details><summary>Hint 1</summary>
#
# A token stays if the mass *before* it, without its own, has not reached `p` yet. The likeliest token has 0 before it: it always stays.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `order = torch.argsort(logits, dim=-1, descending=True)`, then `sorted_p = softmax(logits.gather(-1, order))`. The mass before each is `sorted_p.cumsum(-1) - sorted_p`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `mass_before < p` is in sorted order. `.scatter(-1, order, mass_before < p)` on a bool tensor of zeros sends each answer back to the place that its token came from.
#
# </details>
#


# %% solution top_p disallowed=["llmlib.sampling.top_p"]
def top_p(logits, p):
    """Keep the smallest set of likeliest tokens whose mass reaches p, the one that
    crosses p included; the rest become -inf."""
    ### BEGIN SOLUTION
    if p == 1:
        return logits.clone()  # a rounded cumulative sum must not drop the tail
    order = torch.argsort(logits, dim=-1, descending=True, stable=True)
    probabilities = softmax(logits.gather(-1, order))
    mass_before = probabilities.cumsum(-1) - probabilities
    kept = torch.zeros_like(logits, dtype=torch.bool).scatter(
        -1, order, mass_before < p
    )
    return logits.masked_fill(~kept, -math.inf)
    ### END SOLUTION


# %% test top_p points=3
import math
import torch
from llmlib.course import check

_z = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
_cut = -math.inf


def _want(*kept):
    return [_z[i].item() if i in kept else _cut for i in range(4)]


check.that(
    isinstance(top_p(_z, 0.9), torch.Tensor),
    "return a tensor, not a list (is there a return?)",
)
check.close(
    left_alone("top_p", torch.tensor([2.0, 1.0, -math.inf]), 0.5),
    [2.0, 1.0, -math.inf],
    "the caller's logits have changed: return a new tensor and leave them as they are",
)
check.close(
    top_p(_z, 0.9),
    _want(0, 1, 2),
    "0.5 + 0.3 = 0.8 has not reached p = 0.9: the token that crosses p stays, so three "
    "tokens do",
)
check.close(
    top_p(_z, 0.7),
    _want(0, 1),
    "0.5 + 0.3 = 0.8 has reached p = 0.7: the smallest set ends there, with two tokens",
)
check.close(
    top_p(_z, 0.2),
    _want(0),
    "the likeliest token alone exceeds p = 0.2: it stays, the nucleus is never empty",
)
_shuffled = _z[[3, 0, 2, 1]]
check.close(
    top_p(_shuffled, 0.7),
    [_cut, _z[0].item(), _cut, _z[1].item()],
    "tokens that come unsorted must be kept in their own places: the answer has to go "
    "back from sorted order",
)
check.close(
    top_p(_z + 20, 0.9),
    [z + 20 for z in _want(0, 1, 2)],
    "adding 20 to all logits changes no probability: the mass is counted in "
    "probabilities, after softmax",
    atol=1e-4,
)
check.close(
    top_p(torch.tensor([0.0, -1.0, -9.0]), 0.9),
    [0.0, -1.0, _cut],
    "0 is a logit like others, and this one is kept: do not ask whether a logit is 0",
)
check.close(
    torch.isfinite(top_p(torch.zeros(4), 0.4)).sum(),
    2,
    "four equal tokens of 0.25: the smallest set that reaches 0.4 has two",
)
check.close(
    torch.isfinite(top_p(torch.zeros(4), 0.5)).sum(),
    2,
    "four equal tokens of 0.25: two of them hold exactly 0.5, and so have reached p = "
    "0.5",
)
check.close(
    top_p(torch.stack([_shuffled, torch.tensor([0.0, 0.0, 9.0, 0.0])]), 0.9),
    torch.tensor([[_cut, *_shuffled[1:].tolist()], [_cut, _cut, 9.0, _cut]]),
    "each row has a nucleus of its own size",
)
check.close(
    torch.isfinite(top_p(torch.tensor([0.999, 0.0006, 0.0004]).log(), 0.9992)).sum(),
    2,
    "p = 0.9992 is near 1 but not 1: the set still ends where it reaches p, with two "
    "tokens",
)
check.close(
    torch.isfinite(top_p(torch.linspace(0, -30, 5000), 1.0)).sum(),
    5000,
    "p = 1 keeps every token, also where the running sum rounds to 1 before the end",
)
check.close(
    torch.isfinite(top_p(torch.linspace(0, -300, 5000), 1.0)).sum(),
    5000,
    "p = 1 keeps every token, also one whose probability rounds to 0",
)
check.that(
    abs(torch.isfinite(top_p(torch.zeros(3000), 0.5)).sum() - 1500) <= 5,
    "of 3000 equal tokens it takes 1500 to reach p = 0.5: look at all tokens, not only "
    "at a fixed number of the likeliest",
)
check.equal(
    list(top_p(torch.zeros(1, 1, 3), 0.5).shape),
    [1, 1, 3],
    "the shape stays as it is, also where a dimension is 1",
)
check.close(
    left_alone("top_p", torch.tensor([2.0, 1.0, -3.0]), 1),
    [2.0, 1.0, -3.0],
    "at p = 1 the caller's logits have changed: return a new tensor there, too",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(63)
_z = torch.randn(3, 20, 41, generator=_g) * 3
for _p in (0.05, 0.35, 0.61, 0.93):
    _out = top_p(_z, _p)
    _kept = torch.isfinite(_out)
    _probs = torch.softmax(_z.double(), -1)
    _mass = (_probs * _kept).sum(-1)
    check.that(
        (_mass >= _p - 1e-6).all(),
        "the tokens kept do not reach p: the one that crosses p stays",
    )
    check.that(
        (_mass - _probs.masked_fill(~_kept, 2).amin(-1) < _p + 1e-6).all(),
        "without its least token the set would still reach p: it is not the smallest",
    )
    check.that(
        (
            _probs.masked_fill(~_kept, 2).amin(-1)
            >= _probs.masked_fill(_kept, -1).amax(-1)
        ).all(),
        "a token was cut that is likelier than one that was kept",
    )
    check.close(_out[_kept], _z[_kept], "kept logits stay unchanged")
_once = _z.masked_fill(_z < 0, -math.inf)
check.that(
    not torch.isfinite(top_p(_once, 0.9)[_z < 0]).any(),
    "what an earlier filter cut must stay cut",
)
### END HIDDEN TESTS

# %% [markdown]
# ### A well-known line
#
# This line stands in many a tutorial on nucleus sampling:
#
#     nucleus = sorted_tokens[cumulative_probabilities <= 0.9]

# %%
predict(
    "line", "How many of the tokens 0.5, 0.3, 0.15, 0.05 does that line keep?", yours=2
)


# %%
def well_known_line(logits, p):
    order = logits.argsort(descending=True)
    return order[softmax(logits[order]).cumsum(-1) <= p]


line_keeps = []
for probabilities in ([0.5, 0.3, 0.15, 0.05], [0.95, 0.03, 0.02]):
    logits = torch.tensor(probabilities).log()
    line_keeps.append(len(well_known_line(logits, 0.9)))
    print(
        f"{probabilities}: the line keeps {line_keeps[-1]} tokens, "
        f"yours {int(torch.isfinite(top_p(logits, 0.9)).sum())}"
    )
reveal("line", line_keeps[0], within=0)

# %% [markdown] reveals="line"
# It drops the token that crosses 0.9, so what is left holds 0.8, less than was asked for. Where the model is sure, it keeps nothing at all, and there is nothing to draw from.
# The definition says: smallest set whose mass *reaches* p.

# %% [markdown]
# **Run it on the real model.** The curve is the mass of the first $n$ tokens; the nucleus ends where it crosses 0.9.

# %%
nucleus = {
    text: int(torch.isfinite(top_p(logits, 0.9)).sum())
    for text, logits in next_logits.items()
}
for text, size in nucleus.items():
    p = softmax(next_logits[text]).sort(descending=True).values
    print(
        f"{text!r}: the nucleus of 0.9 has {size:,} tokens; the first is "
        f"{p[0] / p[size - 1]:.0f} times as likely as the last"
    )
show(
    plots.nucleus(next_logits, nucleus, 0.9),
    alt="Cumulative probability against number of tokens, logarithmic, for two "
    "prompts. The curve of the Paris prompt crosses 0.9 after {} tokens, that of the "
    "story only after {}.".format(*nucleus.values()),
)

# %% [markdown]
# The same `p` keeps ten tokens for one prompt and 698 for the other: it adapts. But between its first token and its last there may be a factor of hundreds, as the second number says. One can also ask for that ratio directly.
#
# ### Exercise 6.5 · `min_p` · ●○○ · 5 min
#
# Keep the tokens that are at least `p` times as likely as the likeliest (Nguyen et al. 2024).
#
# | | shape | |
# |---|---|---|
# | `logits` | `[..., vocab]` | |
# | `p` | a number from 0 to 1 | 0 keeps everything, 1 only the likeliest (and what equals it) |
# | returns | like `logits` | kept logits unchanged, the rest $-\infty$ |
#
# **By hand.** Probabilities 0.5, 0.3, 0.15, 0.05 with `p = 0.2`: the bar is 0.2 × 0.5 = 0.1, so three tokens stay.
#
# Not allowed: llmlib's `min_p`.
#
# <details><summary>Hint 1</summary>
#
# Probabilities first: `softmax(logits)`. The bar of each row is `p` times its largest, `.amax(-1, keepdim=True)`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `logits.masked_fill(probabilities < bar, -math.inf)`: a token that just reaches the bar stays.
#
# </details>
#


# %% solution min_p disallowed=["llmlib.sampling.min_p"]
def min_p(logits, p):
    """Keep tokens at least p times as likely as the likeliest of their row; the rest
    become -inf: [..., vocab] -> the same."""
    ### BEGIN SOLUTION
    probabilities = softmax(logits)
    bar = p * probabilities.amax(-1, keepdim=True)
    return logits.masked_fill(probabilities < bar, -math.inf)
    ### END SOLUTION


# %% test min_p points=1
import math
import torch
from llmlib.course import check

_z = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
_cut = -math.inf
check.that(
    isinstance(min_p(_z, 0.2), torch.Tensor),
    "return a tensor, not a list (is there a return?)",
)
check.close(
    left_alone("min_p", torch.tensor([2.0, 1.0, -3.0]), 0.3),
    [2.0, 1.0, -3.0],
    "the caller's logits have changed: return a new tensor and leave them as they are",
)
check.close(
    min_p(_z, 0.2),
    [*_z[:3].tolist(), _cut],
    "p is a share of the largest probability: 0.2 × 0.5 = 0.1, so the token of 0.15 "
    "stays and the one of 0.05 is cut, to -inf",
)
check.close(
    min_p(_z + 20, 0.2),
    [*(_z[:3] + 20).tolist(), _cut],
    "adding 20 to all logits changes no probability: compare probabilities, not logits",
    atol=1e-4,
)
check.close(
    min_p(_z, 1.0),
    [_z[0].item(), _cut, _cut, _cut],
    "p = 1 keeps the likeliest itself: a token that just reaches the bar stays",
)
check.close(
    min_p(torch.tensor([2.0, 1.0, 2.0]), 1.0),
    [2.0, _cut, 2.0],
    "two tokens are equally likely: p = 1 keeps both",
)
check.close(
    min_p(torch.tensor([200.0, 199.0, 190.0]), 0.2),
    [200.0, 199.0, _cut],
    "logits of 200 are too large for exp: take softmax, or subtract the largest first",
)
check.close(
    min_p(torch.tensor([0.0, -1.0, -9.0]), 0.2),
    [0.0, -1.0, _cut],
    "0 is a logit like others, and this one is kept: do not ask whether a logit is 0",
)
check.close(min_p(_z, 0.0), _z, "p = 0 keeps every token")
check.close(
    left_alone("min_p", torch.tensor([2.0, 1.0]), 0.0),
    [2.0, 1.0],
    "at p = 0 the caller's logits have changed: return a new tensor there, too",
)
check.close(
    min_p(torch.tensor([0.0, -30.0]), 0.0),
    [0.0, -30.0],
    "p = 0 keeps every token, also one of probability 1e-13: there is no smallest bar",
)
check.close(
    min_p(torch.stack([_z, torch.tensor([0.04, 0.03, 0.9, 0.03]).log()]), 0.2),
    torch.tensor([[*_z[:3].tolist(), _cut], [_cut, _cut, math.log(0.9), _cut]]),
    "each row has its own bar",
)
check.equal(
    list(min_p(torch.zeros(1, 1, 3), 0.5).shape),
    [1, 1, 3],
    "the shape stays as it is, also where a dimension is 1",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(64)
_z = torch.randn(3, 20, 41, generator=_g) * 3
for _p in (0.03, 0.11, 0.5):
    _out = min_p(_z, _p)
    _kept = torch.isfinite(_out)
    _ratio = (_z - _z.amax(-1, keepdim=True)).double().exp()
    check.that(
        _kept[_ratio > _p + 1e-5].all(),
        "a token was cut that is at least p times as likely as the likeliest",
    )
    check.that(
        not _kept[_ratio < _p - 1e-5].any(),
        "a token was kept that is less than p times as likely as the likeliest",
    )
    check.close(_out[_kept], _z[_kept], "kept logits stay unchanged")
### END HIDDEN TESTS

# %% [markdown]
# ## 6.4 The order of the filters
#
# **Claim.** The order of temperature and filters changes what survives, and two widely used engines do not agree on it.
#
# ### Exercise 6.6 · `filter_logits` · ●●○ · 8 min
#
# Put the four together in the order that `transformers` uses: **temperature, then top-k, then top-p, then min-p**, each on
# what the one before left.
#
# | | | |
# |---|---|---|
# | `logits` | `[..., vocab]` | |
# | `temperature` | a number | 1 changes nothing |
# | `k`, `p`, `p_of_largest` | the settings of `top_k`, `top_p`, `min_p` | `None` switches that filter off |
# | returns | like `logits` | |
#
# **By hand.** Probabilities 0.5, 0.3, 0.15, 0.05, temperature 0.5, `p = 0.9`. Temperature first: squares 0.25, 0.09, 0.0225,
# 0.0025, scaled to 0.685, 0.247, 0.062, 0.007; the nucleus of 0.9 has **two** tokens. Top-p first would have kept three.
#
# Not allowed: llmlib's `filter_logits`.
#
# <details><summary>Hint 1</summary>
#
# You have written all four. What one of them returns is what the next one starts from.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Four lines, three of them behind an `if … is not None:`. Each takes the `logits` that the line before returned.
#
# </details>


# %% solution filter_logits disallowed=["llmlib.sampling.filter_logits"]
def filter_logits(logits, temperature=1.0, k=None, p=None, p_of_largest=None):
    """Temperature first, then top-k, top-p and min-p, each on what the one before left:
    [..., vocab] -> the same. None: off."""
    ### BEGIN SOLUTION
    logits = apply_temperature(logits, temperature)
    for keep, amount in ((top_k, k), (top_p, p), (min_p, p_of_largest)):
        if amount is not None:
            logits = keep(logits, amount)
    return logits
    ### END SOLUTION


# %% test filter_logits points=2
import math
import torch
from llmlib.course import check

_z = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
_cut = -math.inf


def _want(t, kept):
    return torch.tensor(
        [[z / t if i < kept else _cut for i, z in enumerate(_z[0].tolist())]]
    )


check.that(
    isinstance(filter_logits(_z), torch.Tensor),
    "return a tensor, not a list (is there a return?)",
)
check.close(
    left_alone("filter_logits", torch.tensor([2.0, 4.0]), 2.0),
    [2.0, 4.0],
    "the caller's logits have changed: return a new tensor and leave them as they are",
)
check.close(
    filter_logits(_z),
    _z,
    "temperature 1 and no filter must change nothing: None switches a filter off",
)
check.close(
    left_alone("filter_logits", torch.tensor([2.0, 4.0])),
    [2.0, 4.0],
    "the caller's logits have changed: return a new tensor where all is off, too",
)
check.close(
    filter_logits(_z, temperature=0.5, p=0.9),
    _want(0.5, 2),
    "temperature comes before top-p: squared and scaled, 0.685 + 0.247 reaches 0.9 "
    "with two tokens",
)
check.close(
    filter_logits(_z, k=2, p=0.6),
    _want(1, 1),
    "top-p works on what top-k left: of two tokens the first has 0.5 / 0.8 = 0.625, "
    "which reaches 0.6",
)
check.close(
    filter_logits(_z, temperature=2.0, p_of_largest=0.5),
    _want(2, 3),
    "temperature comes before min-p: at T = 2 the third token is √(0.15 / 0.5) = 0.55 "
    "times as likely as the first",
)
check.close(
    filter_logits(torch.tensor([[0.4, 0.3, 0.2, 0.1]]).log(), p=0.85, p_of_largest=0.6),
    torch.tensor([[0.4, 0.3, 0.0, 0.0]]).log(),
    "top-p 0.85 keeps 0.4, 0.3, 0.2, then min-p 0.6 drops what is below 0.24: two stay",
)
_five = torch.tensor([[0.3, 0.28, 0.22, 0.1, 0.1]]).log()
check.close(
    torch.isfinite(filter_logits(_five, p=0.7, p_of_largest=0.5)).sum(),
    3,
    "top-p comes before min-p: 0.3 + 0.28 has not reached 0.7, so three tokens stay; "
    "min-p first would leave 0.3, 0.28, 0.22 to be scaled up, and top-p then two",
)
check.close(
    filter_logits(_z, k=3, p=0.9, p_of_largest=0.5),
    _want(1, 2),
    "three filters are on: top-k leaves three tokens, top-p 0.9 keeps them all, and "
    "min-p 0.5 must still drop the third, which is 0.15 / 0.5 = 0.3 times as likely as "
    "the first",
)
check.close(filter_logits(_z, k=3), _want(1, 3), "k = 3 alone keeps three tokens")
check.close(
    filter_logits(_z, p_of_largest=0.2),
    _want(1, 3),
    "p_of_largest is the setting of min_p: 0.2 × 0.5 = 0.1 keeps three tokens",
)
check.close(
    filter_logits(_z, temperature=0, k=3, p=0.9, p_of_largest=0.1),
    _want(1, 1),
    "temperature 0 leaves the likeliest token, whatever the filters",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(65)
_z = torch.randn(60, 37, generator=_g) * 2
for _t, _k, _p, _m in (
    (0.6, 9, 0.8, 0.1),
    (1.7, 12, 0.7, 0.2),
    (1.3, None, 0.9, 0.05),
    (0.8, 5, None, 0.3),
):
    _kept = torch.isfinite(filter_logits(_z, _t, _k, _p, _m))
    for _row, _mine in zip(_z.double() / _t, _kept):
        _order = _row.argsort(descending=True)[:_k]
        _share = torch.softmax(_row[_order], 0)
        _n, _mass = len(_order), 0.0
        if _p is not None:
            _n = next(
                (i + 1 for i in range(len(_order)) if _share[: i + 1].sum() >= _p),
                len(_order),
            )
        _n = sum(1 for s in _share[:_n] if s >= _m * _share[0])
        check.that(
            set(_mine.nonzero()[:, 0].tolist()) == set(_order[:_n].tolist()),
            "the tokens that survive differ: temperature first, then top-k, top-p and "
            "min-p, each on what the one before left",
        )
### END HIDDEN TESTS

# %% [markdown]
# ### Run it on the real model
#
# The filters of `transformers`, put in the same order, keep the same tokens as yours:

# %%
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

theirs = LogitsProcessorList(
    [
        TemperatureLogitsWarper(1.2),
        TopKLogitsWarper(50),
        TopPLogitsWarper(0.9),
        MinPLogitsWarper(0.05),
    ]
)(None, torch.stack(list(next_logits.values())))
ours = filter_logits(torch.stack(list(next_logits.values())), 1.2, 50, 0.9, 0.05)
print(
    "survivors:",
    torch.isfinite(ours).sum(-1).tolist(),
    " same as transformers':",
    torch.equal(ours, theirs),
)

# %% [markdown]
# `llama.cpp`, which runs models on many a laptop, has another default: penalties, top-k, top-p, min-p (and a few more filters), and
# the temperature *last*. Neither is wrong. But a setting means something only together with an order.

# %%
predict(
    "order",
    "Story prompt, temperature 1.5, min-p 0.1. How many tokens are left in llama.cpp's "
    "order, compared with transformers'?",
    {"A": "as many", "B": "about a third", "C": "three times as many"},
    yours="A",
)


# %%
def llama_cpp_order(logits, temperature, *filters):
    return apply_temperature(filter_logits(logits, 1.0, *filters), temperature)


def entropy(probabilities):
    """Σ −p log p, in nats: how surprised one is by a draw, on average."""
    return torch.special.entr(probabilities).sum(-1)


chosen = {
    "T = 0.7, top-k 5": (0.7, 5, None, None),
    "T = 1.5, top-p 0.5": (1.5, None, 0.5, None),
    "T = 1.5, min-p 0.1": (1.5, None, None, 0.1),
}
kept = {}
print("                     temperature first      temperature last (llama.cpp)")
for name, values in chosen.items():
    told = []
    for order in (filter_logits, llama_cpp_order):
        left = order(story, *values)
        kept[name, order] = int(torch.isfinite(left).sum())
        told.append(
            f"{kept[name, order]:>5,} tokens, entropy {entropy(softmax(left)):.2f}"
        )
    print(f"{name:<20}", "   ".join(told))
ratio = (
    kept["T = 1.5, min-p 0.1", llama_cpp_order]
    / kept["T = 1.5, min-p 0.1", filter_logits]
)
reveal("order", "A" if ratio > 0.8 else "B" if ratio < 0.5 else "C")

# %% [markdown] reveals="order"
# Top-k does not care about the order, since temperature keeps the ranking. Top-p and min-p do: at $T = 1.5$ the tokens have
# moved closer together, so it takes more of them to reach a mass, and more of them pass the bar. So "temperature 1.5, min-p
# 0.1" copied from one engine into another is another setting: in `llama.cpp` the filters see the model's own probabilities,
# and the temperature only reweights what they left. (**Entropy**, the last number, is the surprise $-\log p$ of a draw, averaged
# over all draws; you will need it in section 6.8. Where $n$ tokens are equally likely it is $\ln n$.)

# %% [markdown]
# ### Exercise 6.7 · `sample` · ●○○ · 5 min
#
# The function that the engine calls at every step: filter, softmax, draw.
#
# | | shape | |
# |---|---|---|
# | `logits` | `[batch, vocab]` | leave them as they are |
# | `u` | `[batch]` | one number in [0, 1) a row |
# | `temperature`, `top_k`, `top_p`, `min_p` | `temperature` a number, the others numbers or `None` | handed on to `filter_logits` |
# | returns | `[batch]` | ids |
#
# The default temperature is 0: the likeliest token, whatever `u` says. This is called **greedy** decoding.
#
# Mind the names: *inside* this function `top_k`, `top_p` and `min_p` are the settings, and hide your functions of the same
# name. That is why `filter_logits` has other names for them.
#
# **By hand.** Logits of probabilities 0.5, 0.3, 0.2 at temperature 1 and `u = 0.6` give 1. With `top_k=1` they give 0 for any
# `u`.
#
# Not allowed: `torch.multinomial`, torch's `Categorical`, llmlib's `sample` and `draw`.
#
# <details><summary>Hint 1</summary>
#
# You have written all three steps. Which of them needs `u`?
#
# </details>
# <details><summary>Hint 2</summary>
#
# One line: `draw(softmax(filter_logits(…)), u)`. At temperature 0 the filter leaves one token a row, and draw must take it.
#
# </details>


# %% solution sample disallowed=["torch.multinomial", "llmlib.sampling.sample", "llmlib.sampling.draw"]
def sample(logits, u, temperature=0.0, top_k=None, top_p=None, min_p=None):
    """Pick the next id of each row: logits [batch, vocab], u [batch] uniform in [0, 1)
    -> ids [batch]. Temperature 0 is greedy."""
    ### BEGIN SOLUTION
    if temperature == 0:
        return logits.argmax(-1)  # the same token, without sorting the vocabulary
    return draw(softmax(filter_logits(logits, temperature, top_k, top_p, min_p)), u)
    ### END SOLUTION


# %% test sample points=1
import torch
from llmlib.course import check

_z = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]).log()
_u = torch.tensor([0.6, 0.6])
check.equal(
    sample(_z, torch.tensor([0.9, 0.1])),
    torch.tensor([0, 2]),
    "by default the temperature is 0: the likeliest token of each row, whatever u "
    "says, as ids of shape [batch]",
)
check.equal(
    sample(_z, _u, temperature=1.0),
    torch.tensor([1, 2]),
    "u = 0.6 falls into [0.5, 0.8) in the first row and [0.5, 1) in the second: draw "
    "with the u that is given",
)
check.equal(
    sample(_z, torch.tensor([0.9, 0.1]), temperature=1.0),
    torch.tensor([2, 0]),
    "u = 0.9 falls into [0.8, 1) in the first row, u = 0.1 into [0, 0.2) in the "
    "second: each row is drawn with its own u",
)
check.close(
    left_alone("sample", torch.tensor([[2.0, 4.0]]), torch.tensor([0.5]), 2.0),
    torch.tensor([[2.0, 4.0]]),
    "the caller's logits have changed: leave them as they are",
)
check.equal(
    sample(_z, torch.tensor([0.55, 0.15]), temperature=0.5),
    torch.tensor([0, 1]),
    "temperature acts on the logits: at T = 0.5 the first stretch is 0.25 / 0.38 = "
    "0.658 long, the last row's 0.105",
)
check.equal(
    sample(torch.tensor([[30.0, 29.0]]), torch.tensor([0.5]), temperature=0.2),
    torch.tensor([0]),
    "logits of 30 at T = 0.2 overflow exp: draw from softmax, whose rows sum to 1",
)
check.equal(
    sample(torch.tensor([[1.0, 1 + 2.0**-20]]), torch.tensor([0.1])),
    torch.tensor([1]),
    "1.000001 is the likeliest, however little more: temperature 0 is greedy, not a "
    "small temperature",
)
check.equal(
    sample(_z, torch.tensor([0.99, 0.01]), temperature=1.0, top_k=1),
    torch.tensor([0, 2]),
    "top_k = 1 leaves one token a row: hand top_k on",
)
check.equal(
    sample(_z, torch.tensor([0.99, 0.01]), temperature=1.0, top_p=0.4),
    torch.tensor([0, 2]),
    "top_p = 0.4 leaves one token a row: hand top_p on",
)
check.equal(
    sample(_z, torch.tensor([0.99, 0.01]), temperature=1.0, min_p=0.9),
    torch.tensor([0, 2]),
    "min_p = 0.9 leaves one token a row: hand min_p on",
)
check.equal(
    sample(_z, torch.tensor([0.99, 0.01]), temperature=0.5, top_p=0.85),
    torch.tensor([1, 1]),
    "T = 0.5 and top_p = 0.85 leave two tokens a row: hand both on in one call of "
    "filter_logits, which applies the temperature first",
)
for _both in ({"top_k": 2, "top_p": 0.6}, {"top_k": 3, "min_p": 0.7}):
    check.equal(
        sample(_z, torch.tensor([0.99, 0.01]), temperature=1.0, **_both),
        torch.tensor([0, 2]),
        f"{_both} together leave one token a row: hand all settings on, not the first "
        "that is given",
    )
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(66)
_z = torch.randn(30, 19, generator=_g) * 2
_u = torch.rand(30, generator=_g)
check.equal(sample(_z, _u), _z.argmax(-1), "temperature 0 is greedy, whatever u says")
check.equal(
    sample(_z, _u, temperature=2.0, top_k=1),
    _z.argmax(-1),
    "top_k = 1 leaves the likeliest token",
)
check.equal(
    sample(_z * 500, _u, temperature=0.3),
    _z.argmax(-1),
    "very large logits: softmax, not exp, makes probabilities of them",
)
_even = (torch.arange(2000) + 0.5) / 2000
for _t in (0.7, 1.6):
    _share = (
        torch.bincount(
            sample(_z[:1].expand(2000, -1), _even, temperature=_t), minlength=19
        )
        / 2000
    )
    check.close(
        _share,
        torch.softmax(_z[0] / _t, -1),
        "of 2000 evenly spaced u, each token must get its share at this temperature",
        atol=0.002,
    )
### END HIDDEN TESTS

# %% [markdown]
# ### The lab
#
# One $u$, six settings: the strip of section 6.1 under your filters. Cut tokens lose their stretch, the survivors grow, and the same
# $u$ falls into another token.
#
# With a running kernel, move the sliders. The lab below the picture uses your `filter_logits` and your `sample`; the button
# writes five texts of 20 tokens with whatever you have set. Worth trying on the story: temperature 1.5 alone, then with min-p
# 0.1, then temperature 0.2.

# %% tags=["nbval-ignore-output"]
from llmlib.widgets import sampling_lab

u, settings = (
    0.6,
    {
        "T = 1": (1.0,),
        "T = 0.5": (0.5,),
        "T = 1.5": (1.5,),
        "T = 1, top-k 5": (1.0, 5),
        "T = 1, top-p 0.5": (1.0, None, 0.5),
        "T = 1.5, min-p 0.1": (1.5, None, None, 0.1),
    },
)
strips = {}
for name, values in settings.items():
    drawn = sample(story[None], torch.tensor([u]), *values).item()
    name = f"{name}: draws {llm.tokenizer.decode([drawn])!r}"
    strips[name] = softmax(filter_logits(story, *values))
show(
    plots.strips(llm.tokenizer, strips, u),
    widget=sampling_lab(llm, prompts[::-1], filter_logits, sample),
    alt="The strip of next tokens of the story prompt under six settings, each with "
    "u = 0.6. At T = 1 it is finely cut, with much grey; at T = 0.5 small, town "
    "and a few others have grown; at T = 1.5 nearly all is grey. Top-k 5 leaves "
    "five wide stretches; top-p 0.5 leaves 26, and min-p 0.1 at T = 1.5 leaves 70. The "
    "six settings draw five different tokens.",
)

# %% [markdown]
# ## 6.5 The loop that writes
#
# **Claim.** A model that says one next token is a writer once its answer is appended and it is asked again. This is called **autoregressive** generation: one token a step, each step waiting for the one before. That is why answers *stream* onto your screen.
#
# To test the loop by hand it will run on a toy: after token $i$ come the logits in row $i$ of a table. Like the engine's model, it takes ids and returns logits `[batch, seq, vocab]`, and its `config` knows how long a text may be and which tokens end one.
#


# %% given generate_from_table
import random

import numpy as np


class TableModel:
    """A toy model: the logits after token i are row i of a table [vocab, vocab]. It
    notes how long the texts are that it reads."""

    def __init__(self, table, context=64, stop_ids=(), distracted=False):
        self.table, self.lengths, self.distracted = table, [], distracted
        self.config = SimpleNamespace(context=context, stop_ids=tuple(stop_ids))

    def __call__(self, ids):
        ids = torch.as_tensor(ids)
        ids = ids[None] if ids.dim() == 1 else ids
        self.lengths.append(ids.shape[1])
        if self.distracted:
            # somebody else draws from the generators that all share
            torch.rand(7), random.random(), np.random.rand()
        return self.table[ids]  # batch seq vocab


def generate_from_table(
    table,
    ids,
    max_new_tokens,
    context=64,
    stop_ids=(),
    take=None,
    distracted=False,
    **settings,
):
    """Run your `generate` on a toy: (the new ids, at most `take` of them; how long the
    texts were that the model read; what the prompt is afterwards)."""
    model = TableModel(table, context, stop_ids, distracted)
    new = itertools.islice(generate(model, ids, max_new_tokens, **settings), take)
    return [int(token_id) for token_id in new], model.lengths, ids


# %% [markdown]
# ### Exercise 6.8 · `generate` · ●●● · 15 min
#
# | | | |
# |---|---|---|
# | `model` | `model(ids)` takes a list of ids | and returns logits `[1, seq, vocab]` |
# | `ids` | a list of ints | the prompt; it must stay as it is, since the caller may need it again |
# | `max_new_tokens` | an int | how many ids to make at most, *not* counting the prompt |
# | `temperature`, `top_k`, `top_p`, `min_p` | | the settings of `sample` |
# | `seed` | an int or `None` | the same seed gives the same text, 0 included; `None` gives another text each time |
# | yields | ints | each new id as soon as it is picked |
#
# At each step: run the model on **the whole text so far**, take the logits of its **last** position, `sample`, append, `yield`. Three things stop it:
#
# 1. `max_new_tokens` ids have been made;
# 2. an id in `model.config.stop_ids` was picked. It is still yielded, so that the caller sees why the text ended;
# 3. the text, prompt included, is `model.config.context` tokens long.
#
# Draw a fresh `u` at each step, from a generator of your own: `torch.rand(1, generator=generator)`. Other draws must not change your text, so `torch.manual_seed` will not do.
#
# A function with `yield` in it is a *generator function*: calling it gives an iterator that runs up to the next `yield` whenever it is asked for one more.
#
# **By hand.** A toy in which 1 follows 0, 2 follows 1 and so on: `generate(toy, [0, 1], 3)` yields 2, 3, 4; the model reads texts of 2, 3 and 4 tokens. With `stop_ids = (3,)` it yields 2, 3. With `context = 3` it yields 2.
#
# Not allowed: llmlib's `generate` and `steps`.
#
# <details><summary>Hint 1</summary>
#
# `generator = None if seed is None else torch.Generator().manual_seed(seed)`: `torch.rand` takes either.
#
# </details>
# <details><summary>Hint 2</summary>
#
# How many steps at most? The smaller of `max_new_tokens` and `model.config.context - len(ids)`: one `for` loop covers two of the three stops.
#
# </details>
# <details><summary>Hint 3</summary>
#
# In the loop: `logits = model(ids)[:, -1]` is `[1, vocab]`, what `sample` wants; `ids = ids + [new]` makes a new list rather than changing the caller's; after `yield new`, `return` if it is a stop token.
#
# </details>
#


# %% solution generate disallowed=["llmlib.generate", "llmlib.generation.generate", "llmlib.generation.steps"]
def generate(
    model,
    ids,
    max_new_tokens,
    temperature=0.0,
    top_k=None,
    top_p=None,
    min_p=None,
    seed=None,
):
    """Continue `ids` (a list), yielding each new id as it is picked, until a stop
    token, max_new_tokens or a full context."""
    ### BEGIN SOLUTION
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        logits = model(ids)[:, -1]  # 1 vocab
        u = torch.rand(1, generator=generator)
        new = sample(logits, u, temperature, top_k, top_p, min_p).item()
        ids = ids + [new]
        yield new
        if new in model.config.stop_ids:
            return
    ### END SOLUTION


# %% test generate points=3
import torch
from llmlib.course import check

_next = 9 * torch.eye(8).roll(1, dims=1)  # 1 follows 0, 2 follows 1, ...
check.that(
    generate_from_table(_next, [0, 1], 3)[0][:1] != [1],
    "[0, 1] goes on with 2, not with 1: take the logits of the last position",
)
check.equal(
    generate_from_table(_next, [0, 1], 3)[0],
    [2, 3, 4],
    "[0, 1] continues with 2, 3, 4: yield the new ids only; max_new_tokens does not "
    "count the prompt",
)
check.equal(
    generate_from_table(_next, [0, 1], 3)[1],
    [2, 3, 4],
    "the model must read the whole text so far at each step: 2, then 3, then 4 tokens",
)
check.equal(
    generate_from_table(_next, [0, 1], 5, stop_ids=[3])[0],
    [2, 3],
    "3 is a stop token: it is yielded, then nothing more",
)
check.equal(
    generate_from_table(_next, [0, 1], 5, stop_ids=[6, 3])[0],
    [2, 3],
    "6 and 3 are stop tokens: each of them ends the text, not only the first",
)
check.equal(
    generate_from_table(_next, [0, 3], 2, stop_ids=[3])[0],
    [4, 5],
    "a stop token in the prompt stops nothing: only one that was picked does",
)
check.equal(
    generate_from_table(_next, [0, 1], 9, context=5)[0],
    [2, 3, 4],
    "a context of 5 has room for 3 tokens after a prompt of 2: stop when it is full",
)
check.equal(
    generate_from_table(_next, [0, 1], 0)[0], [], "max_new_tokens = 0 makes no tokens"
)
check.equal(
    generate_from_table(_next, [0, 1], 5, take=1)[:2],
    ([2], [2]),
    "whoever asks for one id must get it after one run of the model: yield each id as "
    "soon as it is picked",
)
check.equal(
    generate_from_table(_next, [0, 1], 3)[2],
    [0, 1],
    "the caller's list has grown: ids must stay as it is, work on a list of your own",
)
_flat = torch.zeros(8, 8)
_a, _b = (
    generate_from_table(_flat, [0], 20, temperature=1.0, seed=s)[0] for s in (1, 2)
)
check.that(
    _a != _b,
    "at temperature 1 two seeds gave the same 20 tokens: hand temperature on to "
    "sample, and draw u from a generator with that seed",
)
check.that(
    _a[1:] != _b[:-1],
    "the text of seed 2 is that of seed 1 without its first token: make one generator "
    "for the whole text, not one a step",
)
check.equal(len(_a), 20, "max_new_tokens=20 gave another number of tokens")
check.that(
    len(set(_a)) > 1,
    "all tokens of a flat distribution came out equal: draw a fresh u at each step",
)
check.equal(
    generate_from_table(_flat, [0], 20, temperature=1.0, seed=1)[0],
    _a,
    "the same seed must give the same tokens",
)
check.equal(
    generate_from_table(_flat, [0], 20, temperature=1.0, seed=1, distracted=True)[0],
    _a,
    "somebody else drew random numbers, and your text changed: use a torch.Generator "
    "of your own, not one that all share",
)
_zero = [
    generate_from_table(_flat, [0], 20, temperature=1.0, seed=0)[0] for _ in range(2)
]
check.equal(
    _zero[0], _zero[1], "seed 0 is a seed too: ask `seed is None`, not `not seed`"
)
_free = [generate_from_table(_flat, [0], 20, temperature=1.0)[0] for _ in range(2)]
check.that(
    _free[0] != _free[1],
    "without a seed every text came out the same: seed=None means another text each "
    "time",
)
_after = []
for _ in range(2):
    generate_from_table(_flat, [0], 20, temperature=1.0, seed=1)
    _after.append(generate_from_table(_flat, [0], 20, temperature=1.0)[0])
check.that(
    _after[0] != _after[1],
    "after a text with a seed, every text without one came out the same: seed a "
    "torch.Generator of your own, not one that all share",
)
for _setting in ({"top_k": 1}, {"top_p": 0.01}, {"min_p": 1.0}):
    check.equal(
        generate_from_table(_next / 9, [0], 6, temperature=1.0, seed=3, **_setting)[0],
        [1, 2, 3, 4, 5, 6],
        f"{_setting} leaves one token to draw: hand it on to sample",
    )
_mix = torch.tensor([0.5, 0.3, 0.2]).log().repeat(3, 1)
for _both in ({"top_k": 2, "top_p": 0.6}, {"top_k": 3, "min_p": 0.7}):
    check.equal(
        generate_from_table(_mix, [0], 20, temperature=1.0, seed=3, **_both)[0],
        [0] * 20,
        f"{_both} together leave one token to draw: hand all settings on, not the "
        "first that is given",
    )
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(67)
_table = torch.randn(11, 11, generator=_g) * 2
_greedy, _at = [], 4
for _ in range(12):
    _at = int(_table[_at].argmax())
    _greedy.append(_at)
check.equal(
    generate_from_table(_table, [7, 2, 4], 12)[0],
    _greedy,
    "at temperature 0 each token is the likeliest after the last position",
)
check.equal(
    generate_from_table(_table, [7, 2, 4], 12)[2],
    [7, 2, 4],
    "the caller's list has grown: ids must stay as it is",
)
for _seed in (0, 5):
    _twice = [
        generate_from_table(
            _table, [4], 15, temperature=1.5, seed=_seed, distracted=_other
        )[0]
        for _other in (False, True)
    ]
    check.equal(_twice[0], _twice[1], f"seed {_seed} must give the same text each time")
check.equal(
    generate_from_table(_table, [7, 2, 4], 12, context=9)[0],
    _greedy[:6],
    "stop when the context is full",
)
check.equal(
    generate_from_table(_table, [7, 2, 4], 12, stop_ids=[_greedy[1]])[0],
    _greedy[: _greedy.index(_greedy[1]) + 1],
    "stop after the first stop token, which is yielded",
)
check.equal(
    generate_from_table(_table, [4, 4, 4], 5, context=3)[0],
    [],
    "a prompt that fills the context has no room for more",
)
_first = torch.tensor(
    [
        generate_from_table(_table, [4], 1, temperature=1.0, seed=s)[0][0]
        for s in range(600)
    ]
)
check.close(
    torch.bincount(_first, minlength=11) / 600,
    torch.softmax(_table[4], -1),
    "over 600 seeds, tokens must come as often as their probability says",
    atol=0.08,
)
### END HIDDEN TESTS

# %% [markdown]
# ### Run it on the real model
#
# Each token is printed when it is picked. The stop token of SmolLM2 is number 2, whose text is `<|im_end|>`.
#

# %%
ids = llm.tokenizer.encode("The future of AI is")
for settings in ({}, {"temperature": 0.7, "top_p": 0.9, "seed": 0}):
    print("The future of AI is", end="")
    for text in llm.tokenizer.stream(generate(llm, ids, 6, **settings)):
        print(text, end="", flush=True)
    print(f"   {settings}")

# %% [markdown]
# A full context stops this loop. One can also drop the oldest tokens and go on. The tokens that are left then stand at other
# positions; with RoPE that changes nothing, since only distances count (notebook 2). But the text has forgotten how it began,
# and a cache (notebook 7) has not: what it keeps of the tokens that are left was computed with the beginning in view.
#
# ### Three slips in a well-known loop
#
# A loop like this one is often printed:
#
#     def generate(prompt_ids, max_length=50):
#         sequence = prompt_ids
#         while len(sequence) - len(prompt_ids) < max_length:
#             new_embeddings = embedding_matrix[sequence]
#             …
#
# 1. `max_length` counts the *new* tokens. In `transformers` that is `max_new_tokens`; `max_length` there includes the prompt.
# 2. `embedding_matrix[sequence]` is all that the layers get: where do the positions come from? A GPT-2 adds learned position
#    vectors to it. Without them only the causal mask still tells something about the order (notebook 2).
# 3. It embeds and runs every old token again at every step. That is correct but wasteful, and so is yours. Notebook 7 repairs
#    it with a cache.
#
# See the first two. For the second, let each token believe that it stands at position 0.

# %%
predict(
    "positions",
    "Without positions, how many of the capitals of France, Italy and Spain are found?",
    yours=0,
)

# %%
forgetful = llm.using(position=lambda x, positions, theta: x)
found = 0
for country, city in {"France": "Paris", "Italy": "Rome", "Spain": "Madrid"}.items():
    text = f"The capital of {country} is"
    wrote = [complete(model, text, 6) for model in (llm, forgetful)]
    found += wrote[1].startswith(f" {city}")
    print(f"{text} … with positions {wrote[0]!r}, without {wrote[1]!r}")
reveal("positions", found, within=0)

ids = llm.tokenizer.encode(prompts[0])
mixed = [ids[i] for i in (3, 2, 1, 0, 4)]  # the same tokens in another order
wrote = llm.tokenizer.decode(list(generate(forgetful, mixed, 6)))
print(f"{llm.tokenizer.decode(mixed)} … without positions {wrote!r}")


def see_all(seq, start=0):
    return torch.ones(seq, start + seq, dtype=torch.bool)


no_mask = forgetful.using(mask=see_all)
for name, model in {"as is": forgetful, "off, too": no_mask}.items():
    apart = (model(ids) - model(mixed))[0, -1].abs().max()
    print(f"without positions, mask {name}: the two orders' logits {apart:.3f} apart")

# %% [markdown] reveals="positions"
# With France alone you would have said that positions hardly matter for a fact. Spain is lost, and with positions Paris does
# not come twice. Nor is it enough *which* tokens are there: in another order Paris is gone, even without positions. The order
# comes in by the causal mask, which still lets each token see only those before it: with the mask taken away as well, both
# orders give the same logits (the last line).

# %% [markdown]
# And the first:

# %%
from llmlib.course.engine_check import reference

ids = llm.tokenizer.encode(prompts[0])
for name in ("max_new_tokens", "max_length"):
    made = reference(llm.folder).generate(
        torch.tensor([ids]), do_sample=False, **{name: 6}
    )[0, len(ids) :]
    print(
        f"transformers, {name}=6 after a prompt of {len(ids)}: {len(made)} new tokens"
    )

# %% [markdown]
# ## 6.6 Greedy goes in circles: the repetition penalty
#
# **Claim.** A phrase that has occurred makes itself likelier, so a text that always takes the likeliest token can run into a
# loop.
#
# Left to itself after "In the morning I", SmolLM2 ends up writing "I was driving down the highway" again and again (you will
# see it below). Here is that phrase six times over, in its own order and, as a control, six times with its words shuffled
# anew each time. (The *geometric mean* of probabilities is e to the mean of their logarithms.)

# %%
predict(
    "copies",
    "The tokens of the phrase have about 0.2 each the first time (geometric mean). "
    "What do they have the sixth time?",
    yours=0.9,
)

# %%
from llmlib.output_head import token_losses

start, phrase = "In the morning I was in the car.", " I was driving down the highway."
head, body = llm.tokenizer.encode(start), llm.tokenizer.encode(phrase)
rng = torch.Generator().manual_seed(0)
orders = [torch.randperm(len(body), generator=rng) for _ in range(6)]
shuffled = [torch.tensor(body)[order] for order in orders]
for name, copies in {
    "the phrase": 6 * body,
    "shuffled": torch.cat(shuffled).tolist(),
}.items():
    losses = token_losses(llm(head + copies)[0, :-1], torch.tensor((head + copies)[1:]))
    by_copy = losses[len(head) - 1 :].view(6, -1)  # copy, token of the phrase
    p = (-by_copy.mean(1)).exp().tolist()  # geometric mean
    print(f"{name}, copy 1 to 6:", [f"{each:.3f}" for each in p])
    if name == "the phrase":
        sixth = p[-1]
reveal("copies", sixth, within=0.1)

# %% [markdown] reveals="copies"
# Each copy makes the next one likelier. It is not just that the *words* are known: shuffled, they stay far less likely.
# (Induction heads, notebook 3, are one way to copy, and not the only one: with head 16.0, on which they depend, switched off,
# the copies of this phrase still become likelier and likelier.)

# %% [markdown]
# ### Exercise 6.9 · `repetition_penalty` · ●●○ · 8 min
#
# The remedy of Keskar et al. 2019: lower the logit of each token that the text already holds.
#
# | | shape | |
# |---|---|---|
# | `logits` | `[batch, vocab]` | leave them as they are |
# | `ids` | `[batch, seq]` | the text so far, one a row |
# | `penalty` | a number | above 1 discourages repetition, 1 changes nothing |
# | returns | `[batch, vocab]` | a new tensor |
#
# A positive logit is **divided** by `penalty`, a negative one **multiplied** (the paper only divides; implementations such as
# `transformers` added this): either way it falls. A token is penalised once, however often it occurs.
#
# **By hand.** `logits = [[4, -1, 2]]`, `ids = [[0, 1, 0]]`, `penalty = 2`: token 0 falls from 4 to 2, token 1 from −1 to −2,
# token 2 stays: `[[2, -2, 2]]`.
#
# Not allowed: `transformers`' processor, llmlib's `repetition_penalty`.
#
# <details><summary>Hint 1</summary>
#
# Which tokens occur in each row? `torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)`: writing True twice is the
# same as once.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.where(condition, a, b)` picks entry by entry; two of them, one inside the other, do it.
#
# </details>


# %% solution repetition_penalty disallowed=["llmlib.sampling.repetition_penalty", "transformers.RepetitionPenaltyLogitsProcessor"]
def repetition_penalty(logits, ids, penalty):
    """Lower the logits of tokens that the text holds, each once: logits [batch, vocab],
    ids [batch, seq] -> [batch, vocab]."""
    ### BEGIN SOLUTION
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)
    return torch.where(
        seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits
    )
    ### END SOLUTION


# %% test repetition_penalty points=2
import torch
from llmlib.course import check

_z = torch.tensor([[4.0, -1.0, 2.0]])
check.that(
    repetition_penalty(_z, torch.tensor([[1]]), 2.0) is not None,
    "repetition_penalty gave back None: is there a return?",
)
check.that(
    isinstance(repetition_penalty(_z, torch.tensor([[1]]), 2.0), torch.Tensor),
    "return a tensor, not a list: torch.tensor makes one of a list of rows",
)
check.close(
    left_alone("repetition_penalty", _z.clone(), torch.tensor([[0, 1]]), 2.0),
    _z,
    "the caller's logits have changed: return a new tensor and leave them as they are",
)
check.close(
    repetition_penalty(_z, torch.tensor([[1]]), 2.0)[:, [0, 2]],
    torch.tensor([[4.0, 2.0]]),
    "tokens 0 and 2 are not in the text: they stay as they are",
)
check.close(
    repetition_penalty(_z, torch.tensor([[1]]), 2.0),
    torch.tensor([[4.0, -2.0, 2.0]]),
    "dividing a negative logit would raise it: multiply -1 by the penalty",
)
check.close(
    repetition_penalty(_z, torch.tensor([[0]]), 2.0),
    torch.tensor([[2.0, -1.0, 2.0]]),
    "a positive logit of a token in the text is divided; tokens not in the text stay "
    "as they are",
)
check.close(
    repetition_penalty(_z, torch.tensor([[0, 1, 0]]), 2.0)[:, 1:2],
    torch.tensor([[-2.0]]),
    "every token of the text counts, not only its first or last",
)
check.close(
    repetition_penalty(_z, torch.tensor([[0, 1, 0]]), 2.0),
    torch.tensor([[2.0, -2.0, 2.0]]),
    "token 0 occurs twice and is penalised once",
)
check.close(
    repetition_penalty(_z, torch.tensor([[0] + [2] * 300]), 2.0),
    torch.tensor([[2.0, -1.0, 1.0]]),
    "token 0 stands at the start of a text of 301 tokens: the whole text counts, "
    "however long",
)
check.close(
    repetition_penalty(_z.repeat(2, 1), torch.tensor([[0, 0], [1, 2]]), 2.0),
    torch.tensor([[2.0, -1.0, 2.0], [4.0, -2.0, 1.0]]),
    "each row has its own text",
)
check.close(
    repetition_penalty(_z, torch.tensor([[0, 1, 2]]), 1.0),
    _z,
    "a penalty of 1 changes nothing",
)
check.close(
    left_alone("repetition_penalty", _z.clone(), torch.tensor([[0]]), 1.0),
    _z,
    "at penalty 1 the caller's logits have changed: return a new tensor there, too",
)
check.close(
    repetition_penalty(_z, torch.tensor([[0, 1]]), 0.5),
    torch.tensor([[8.0, -0.5, 2.0]]),
    "a penalty of 0.5 raises both: 4 is still divided by it, -1 still multiplied",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(68)
_z = torch.randn(6, 21, generator=_g) * 5
_ids = torch.randint(21, (6, 30), generator=_g)
_out = repetition_penalty(_z, _ids, 1.3)
for _row in range(6):
    for _i in range(21):
        _wanted = _z[_row, _i].item()
        if _i in _ids[_row].tolist():
            _wanted = _wanted / 1.3 if _wanted > 0 else _wanted * 1.3
        check.close(
            _out[_row, _i],
            _wanted,
            "tokens in the row's own text: positive logits divided, negative "
            "multiplied, once; others unchanged",
            atol=1e-4,
        )
### END HIDDEN TESTS

# %% [markdown]
# ### Run it on the real model
#
# `llm.new_cache` keeps what the model has computed for earlier tokens; notebook 7 is about it. Here it only saves the loop
# from doing the same work again.


# %%
def greedy_with_penalty(prompt, n, penalty):
    ids = llm.tokenizer.encode(prompt)
    new, cache, start = ids, llm.new_cache(context=len(ids) + n), len(ids)
    for _ in range(n):
        logits = llm(new, cache, last=True)[:, -1]
        logits = repetition_penalty(logits, torch.tensor([ids]), penalty)
        new = [logits.argmax().item()]
        ids = ids + new
    return ids[start:]


for penalty in (1.0, 1.1):
    made = greedy_with_penalty("In the morning I", 24, penalty)
    pairs = list(zip(made, made[1:]))
    print(
        f"penalty {penalty}: {len(set(pairs)) / len(pairs):.0%} of the token pairs "
        f"are distinct\n    {'In the morning I' + llm.tokenizer.decode(made)!r}"
    )

z, text = torch.tensor([[1.0, -1.0]]), torch.tensor([[0, 1]])
for shift in (0, 5):
    print(
        f"two tokens, both in the text, logits {(z + shift).tolist()[0]}: before "
        f"{softmax(z + shift)[0, 0]:.3f}, after "
        f"{softmax(repetition_penalty(z + shift, text, 1.2))[0, 0]:.3f} for the first"
    )

# %% [markdown]
# A little penalty ends the loop. But look at the last two lines: the penalty goes by the sign of a logit, to which softmax is
# blind. Adding 5 to all logits changes no probability, yet it changes what the penalty does: a rule of thumb, not a law. And a
# text has to repeat its commas and its "the": the penalty counts those too. (Two relatives: a *frequency penalty* subtracts
# something for each time a token occurred; *no repeated n-grams* keeps any run of n tokens from coming twice.)
#
# ## 6.7 Beam search: looking ahead
#
# **Claim.** The likeliest next token need not begin the likeliest text.
#
# A text's probability is the product of its tokens' probabilities, each given those before it, so its log-probability is the sum
# of theirs. **Beam search** keeps the `width` best beginnings instead of one. At each step every beginning is continued by every
# token, and the `width` best of all those survive.


# %% given beam_search_from_table
def beam_search_from_table(table, ids, max_new_tokens, width, context=64, stop_ids=()):
    """Run your `beam_search` on a toy that must be shown whole texts."""
    toy, prompt = TableModel(table, context, stop_ids), list(ids)
    partly = "show the model whole texts: the prompt, then all ids of a continuation"

    def model(batch):
        if len(batch) == 0:
            raise ValueError(
                "the model was shown an empty batch: stop early when all continuations "
                "are finished"
            )
        logits = toy(batch)
        for text in torch.as_tensor(batch).reshape(len(logits), -1).tolist():
            room = len(prompt) + max_new_tokens
            if text[: len(prompt)] != prompt or len(text) > room:
                raise ValueError(partly)
        return logits

    model.config = toy.config
    found = beam_search(model, ids, max_new_tokens, width)
    if found is None:
        raise ValueError("beam_search gave back None: is there a return?")
    if list(ids) != prompt:
        raise ValueError("the caller's list `ids` has changed: leave it as it is")
    found = [([int(i) for i in new], float(score)) for new, score in found]
    longest = min(max_new_tokens, max((len(new) for new, _ in found), default=0))
    if max(toy.lengths, default=len(prompt)) < len(prompt) + longest - 1:
        raise ValueError(partly)
    return found


# %% [markdown]
# ### Exercise 6.10 · `beam_search` · ●●● · 25 min
#
# | | | |
# |---|---|---|
# | `model` | as in `generate` | `model(batch)` takes a tensor `[batch, seq]` as well, and returns `[batch, seq, vocab]` |
# | `ids` | a list of ints | the prompt; leave it as it is |
# | `max_new_tokens` | an int | |
# | `width` | an int | how many continuations to keep |
# | returns | a list of at most `width` pairs `(new ids, score)` | best first; the score is the sum of the new tokens' log-probabilities |
#
# A continuation that ends in a token of `model.config.stop_ids` is finished: it is not continued, but stays in the race with the score that it has, and takes one of the `width` places. `model.config.context` bounds the length as before.
#
# **By hand.** After the prompt, token 0 has 0.6 and token 1 has 0.4. After 0 the best token has 0.35; after 1, token 2 has 0.9. Greedy takes 0 and ends with 0.6 × 0.35 = 0.21. With `width = 2` the beginning 1 is still there: 0.4 × 0.9 = 0.36 wins.
#
# Not allowed: llmlib's `beam_search`.
#
# <details><summary>Hint 1</summary>
#
# Start from `beams = [([], 0.0)]`: one empty continuation whose log-probability is 0. At each step build the list of candidates, sort it by score, keep the first `width`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `log_softmax(model(batch)[:, -1])` are the log-probabilities `[beams, vocab]`. Of each row only the `width` best can ever survive: `.topk(min(width, vocab))`, where `vocab` is the last of their shape.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Candidates are the finished beams as they are, plus for each unfinished one `(new + [i], score + p)` for each of its best tokens `i`, whose log-probability is `p`. Stop early when none is unfinished.
#
# </details>
#


# %% solution beam_search disallowed=["llmlib.sampling.beam_search"]
def beam_search(model, ids, max_new_tokens, width):
    """The `width` likeliest continuations found: a list of (new ids, log-probability),
    best first."""
    ### BEGIN SOLUTION
    beams = [([], 0.0)]
    for _ in range(min(max_new_tokens, model.config.context - len(ids))):
        done = [
            beam for beam in beams if beam[0] and beam[0][-1] in model.config.stop_ids
        ]
        growing = [beam for beam in beams if beam not in done]
        if not growing:
            break
        log_p = log_softmax(
            model(torch.tensor([ids + new for new, _ in growing]))[:, -1]
        )  # beams vocab
        grown = []
        for (new, score), row in zip(growing, log_p):
            best = row.topk(min(width, len(row)))
            grown += [
                (new + [i], score + p)
                for i, p in zip(best.indices.tolist(), best.values.tolist())
            ]
        beams = sorted(done + grown, key=lambda beam: -beam[1])[:width]
    return beams
    ### END SOLUTION


# %% test beam_search points=3
import itertools
import math
from contextlib import suppress
import torch
from llmlib.course import check

_table = torch.tensor([[0.35, 0.33, 0.32], [0.05, 0.05, 0.9], [0.6, 0.4, 1e-9]]).log()
_one, _two = (
    beam_search_from_table(_table, [2], 2, 1),
    beam_search_from_table(_table, [2], 2, 2),
)
check.equal(len(_one), 1, "width 1 keeps one continuation")
check.that(
    len(_one[0][0]) != 3, "a continuation is the new ids only, without the prompt"
)
check.equal(_one[0][0], [0, 0], "width 1 is greedy: 0 (0.6), then 0 (0.35)")
check.that(
    len(_two) < 2 or _two[0][1] >= _two[1][1], "the best continuation comes first"
)
check.equal(
    _two[0][0],
    [1, 2],
    "width 2 keeps the beginning 1 (0.4), and 0.4 × 0.9 = 0.36 beats 0.6 × 0.35 = 0.21",
)
check.equal(len(_two), 2, "width 2 keeps two continuations, not two for each beginning")
check.close(
    _two[0][1],
    math.log(0.36),
    "the score is the sum of log-probabilities: log 0.4 + log 0.9",
    atol=1e-4,
)
check.close(
    beam_search_from_table(_table + 5, [2], 2, 2)[0][1],
    math.log(0.36),
    "adding 5 to all logits changes no probability: logits are not log-probabilities, "
    "softmax comes first",
    atol=1e-4,
)
check.equal(
    [new for new, _ in beam_search_from_table(_table, [2], 2, 3)],
    [[1, 2], [0, 0], [0, 1]],
    "the two best next tokens of one beginning may both survive: compare all "
    "candidates with each other",
)


def _brute_force(table, start, steps, stop=()):
    log_p, found = torch.log_softmax(table.double(), -1), {}
    for path in itertools.product(range(len(table)), repeat=steps):
        end = next((n + 1 for n, i in enumerate(path) if i in stop), steps)
        path = path[:end]
        found[path] = sum(log_p[a, b].item() for a, b in zip((start, *path), path))
    return sorted(found.items(), key=lambda item: -item[1])


_exact = _brute_force(_table, 2, 3)
_found = beam_search_from_table(_table, [2], 3, 27)
check.equal(
    [new for new, _ in _found[:3]],
    [list(path) for path, _ in _exact[:3]],
    "with room for all 27 continuations the best three must be those of trying them "
    "all",
)
_stopped = beam_search_from_table(_table, [2], 3, 27, stop_ids=[0])
check.that(
    len(_stopped) > 3,
    "[0] is the best and finished, but others are not: go on while any is unfinished",
)
check.that(
    [0] in [new for new, _ in _stopped],
    "0 is a stop token: the continuation [0] is finished and must stay in the race as "
    "it is",
)
check.close(
    next(score for new, score in _stopped if new == [0]),
    math.log(0.6),
    "the score of a finished continuation counts its stop token, too: [0] has log 0.6",
    atol=1e-4,
)
check.that(
    all(0 not in new[:-1] for new, _ in _stopped),
    "a continuation went on after its stop token",
)
check.that(
    all(
        not {0, 2} & set(new[:-1])
        for new, _ in beam_search_from_table(_table, [2], 3, 27, stop_ids=[0, 2])
    ),
    "0 and 2 are stop tokens: each of them finishes a continuation, not only the first",
)
_half = torch.tensor([[0.5, 0.4, 0.1], [0.2, 0.3, 0.5], [0.9, 0.1, 1e-9]]).log()
check.equal(
    [new for new, _ in beam_search_from_table(_half, [2], 2, 2)],
    [[0, 0], [0, 1]],
    "both places may go to one beginning: of 0.9 × 0.5, 0.9 × 0.4 and 0.1 × 0.5 the "
    "first two survive",
)
_ends = torch.tensor(
    [[1.0, 0, 0, 0], [0.2, 0.5, 0.3, 0], [0, 0, 1, 0], [0.5, 0.3, 0.2, 0]]
)
check.equal(
    [
        new
        for new, _ in beam_search_from_table(
            (_ends + 1e-9).log(), [3], 2, 2, stop_ids=[0]
        )
    ],
    [[0], [1, 1]],
    "a finished continuation takes one of the width places: of 0.5 (finished), 0.3 and "
    "0.2 the last is dropped at width 2",
)
_long = torch.zeros(6, 6)
_long[5, :3] = torch.tensor([0.5, 0.3, 0.2])
_long[1, 3:5] = torch.tensor([0.6, 0.4])
_long[3, 1:5] = torch.tensor([0.4, 0.3, 0.2, 0.1])
_long[[0, 2, 4], [0, 2, 5]] = 1.0
check.equal(
    [
        new
        for new, _ in beam_search_from_table(
            (_long + 1e-9).log(), [5], 3, 2, stop_ids=[0]
        )
    ],
    [[0], [1, 3, 1]],
    "a finished continuation keeps its place at every later step: beside [0] there is "
    "room for [1, 3] alone, and [1, 4] is dropped",
)
check.equal(
    beam_search_from_table(_table, [2], 2, 1, stop_ids=[2])[0][0],
    [0, 0],
    "the prompt ends in a stop token: only a new token finishes a continuation",
)
_ends[3] = torch.tensor([0.35, 0.6, 0.05, 0])
check.equal(
    [
        new
        for new, _ in beam_search_from_table(
            (_ends + 1e-9).log(), [3], 2, 2, stop_ids=[0]
        )
    ],
    [[0], [1, 1]],
    "continuations are ranked by the sum, not by the mean per token: 0.35 beats 0.6 × "
    "0.5 = 0.3",
)
check.equal(
    [len(new) for new, _ in beam_search_from_table(_table, [2, 2], 5, 2, context=4)],
    [2, 2],
    "a context of 4 has room for 2 tokens after a prompt of 2",
)
check.equal(
    [new for new, _ in beam_search_from_table(_table, [2], 5, 2, stop_ids=[0, 1])],
    [[0], [1]],
    "all continuations are finished after one token: stop early, and show the model no "
    "empty batch",
)
check.equal(
    sorted(new for new, _ in beam_search_from_table(torch.zeros(2, 2), [0], 1, 2)),
    [[0], [1]],
    "0 and 1 are equally likely, and there are two places: continuations with equal "
    "scores are still two",
)
_far, _scores = torch.tensor([[0.0, -200.0]] * 2), []
with suppress(ValueError):  # Python's, of math.log(0)
    _scores = [score for _, score in beam_search_from_table(_far, [0], 1, 2)]
check.that(
    len(_scores) == 2 and abs(_scores[1] + 200) < 1e-3,
    "token 1 has log-probability -200, a score like others: add log-probabilities; "
    "as a probability it is rounded to 0, and its logarithm is lost",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(69)
for _stop in ((), (1,)):
    _t = torch.randn(4, 4, generator=_g) * 1.5
    _exact = _brute_force(_t, 3, 4, _stop)
    _found = beam_search_from_table(_t, [0, 3], 4, 256, stop_ids=_stop)
    _score = {tuple(new): score for new, score in _found}
    check.equal(
        sorted(_score),
        sorted(path for path, _ in _exact),
        "with room for all continuations, the answer must be that of trying them all",
    )
    check.close(
        [_score[path] for path, _ in _exact],
        [score for _, score in _exact],
        "scores are sums of log-probabilities",
        atol=1e-4,
    )
    check.close(
        [score for _, score in _found],
        [score for _, score in _exact],
        "continuations come best first",
        atol=1e-4,
    )
_t = torch.randn(9, 9, generator=_g)
_scores = [beam_search_from_table(_t, [5], 6, width) for width in (1, 3)]
check.equal(
    [len(found) for found in _scores],
    [1, 3],
    "as many continuations as the width are kept",
)
check.that(
    all(a >= b for (_, a), (_, b) in zip(_scores[1], _scores[1][1:])),
    "continuations come best first",
)
### END HIDDEN TESTS

# %% [markdown]
# Here is the example by hand as a tree, drawn from your search: each box is a token that was kept, with the probability of the
# text up to there. Blue is the way to the winner. Greedy would have gone through the upper box.

# %%
toy = torch.tensor([[0.35, 0.33, 0.32], [0.05, 0.05, 0.9], [0.6, 0.4, 1e-9]]).log()
letters = SimpleNamespace(decode=lambda ids: "".join(map(str, ids)))
show(
    plots.beam_tree(
        letters, [beam_search_from_table(toy, [2], steps, 2) for steps in (1, 2)]
    ),
    alt="A tree of two steps. After the prompt, token 0 with 0.600 above token 1 with "
    "0.400. In the second step the best text is token 1, token 2 with 0.360, drawn in "
    "blue; token 0, token 0 has 0.210.",
)

# %% [markdown]
# ### Run it on the real model
#
# An alphabet of three has 27 texts of three tokens, so the check above could try them all. With 49,152 tokens and a dozen
# steps that is hopeless; beam search looks at a few. The prompt is the opening of Darwin's *Journal of Researches* (1839).

# %%
lead = llm.tokenizer.encode("The neighbourhood of Porto Praya, viewed from the sea,")
darwin = llm.tokenizer.encode(" wears a desolate aspect. The volcanic")
beams = {width: beam_search(llm, lead, len(darwin), width)[0] for width in (1, 4)}
for width, (ids, score) in beams.items():
    print(f"width {width}: log-probability {score:.2f} {llm.tokenizer.decode(ids)!r}")
show(
    plots.beam_tree(
        llm.tokenizer, [beam_search(llm, lead, steps, 3) for steps in (1, 2, 3)]
    ),
    alt="The first three steps of a beam search of width 3 from Darwin's prompt, as a "
    "tree: three boxes a step with the probability of the text up to there. The way to "
    "the best, in blue, is ' is' with 0.332, the first of its step, then ' the' with "
    "0.026, second to ' a' with 0.057, then ' most' with 0.005.",
)

# %% [markdown]
# ### Why chat models do not use it
#
# The wider search has found a likelier text. If likelier were better, it would also write better.

# %%
predict(
    "darwin",
    "How likely does the model find the words that Darwin himself wrote?",
    {
        "A": "likelier than those of beam search: they are good English",
        "B": "less likely, about like words drawn at temperature 1",
        "C": "far less likely than words drawn at temperature 1",
    },
    yours="A",
)

# %%
written = {
    "Darwin": darwin,
    "beam search, width 4": beams[4][0],
    "drawn at T = 1": list(generate(llm, lead, len(darwin), temperature=1.0, seed=1)),
}
log_p = {}
for name, ids in written.items():
    losses = token_losses(llm(lead + ids)[0, len(lead) - 1 : -1], torch.tensor(ids))
    log_p[name] = ids, -losses
    print(
        f"{name}: {-losses.mean():.2f} nats a token, {llm.tokenizer.decode(ids)!r}, "
        f"surprise {[round(loss, 1) for loss in losses.tolist()]}"
    )
show(
    plots.surprises(llm.tokenizer, log_p),
    alt="Surprise of the model at each token of three texts, in nats. Darwin's words "
    "have bars of up to 10: wears, des and volcanic. Beam search's tokens stay below "
    "5. The drawn text has high bars as well.",
)
human, searched, drawn = (each.mean().item() for _, each in log_p.values())
reveal("darwin", "A" if human > searched else "C" if human < drawn - 1.5 else "B")

# %% [markdown] reveals="darwin"
# Darwin's words are about as unlikely as the drawn ones, far from beam search. A human text is not the likeliest one. It is
# full of tokens that the model found improbable: a writer who always said what the reader expects would say nothing.
# Holtzman et al. (2019) measured this on GPT-2: the likeliest text is bland and goes in circles.

# %% [markdown]
# ### The likeliest answer
#
# There is a worse trouble. Ask a question, as plain text:

# %%
predict(
    "empty",
    '"What do bees make?" with beam width 4: what is the likeliest answer?',
    {
        "A": "a sentence about honey",
        "B": "nothing: the stop token alone",
        "C": "what greedy writes, only longer",
    },
    yours="A",
)

# %%
bees = llm.tokenizer.encode("What do bees make?")
for width in (1, 4):
    found = beam_search(llm, bees, 6, width)
    for ids, score in found[:2]:
        print(
            f"width {width}: sum {score:>6.2f}, a token {score / len(ids):>6.2f} "
            f"{llm.tokenizer.decode(ids)!r}"
        )
first = found[0][0][0] in llm.config.stop_ids
reveal("empty", "B" if first else "A")
by_mean = max(found, key=lambda pair: pair[1] / len(pair[0]))
print(f"the best of width 4 by the mean: {llm.tokenizer.decode(by_mean[0])!r}")

# %% [markdown] reveals="empty"
# Greedy writes words: the stop token is not the likeliest *first* token. The wider search finds that stopping at once
# beats every text that it has found. Every further token multiplies the probability by something below 1, so the sum of
# log-probabilities prefers *short* texts, and this one is the shortest. Stahlberg & Byrne (2019) searched translation models exactly, without any beam, and for more than
# half of the sentences the likeliest translation was the empty one: a good *search* showed a fault of the *model* that
# narrow beams had hidden.
#
# The usual repair is **length normalisation**: rank the texts by the mean per token, or by the sum over a power of the
# length (Wu et al. 2016). It puts the words first here, and it remains a patch: where the stop token itself is likely, as after
# "What is the capital of Japan?" (0.75; section 6.9 asks it), the empty answer also has the best mean of those that a beam of
# width 4 finds.
#
# Where the input says much about the output, as in translation, a narrow beam helps all the same. In a conversation it costs `width` times
# the work and cannot be streamed (the best beginning may be thrown away later).

# %% [markdown]
# ## 6.8 Quality against entropy
#
# **Claim.** Temperature trades quality for variety. Whether a filter gets more quality at the same variety can be computed.
#
# "Quality" and "variety" need numbers. *Quality*: the log-probability of the drawn token under the model itself, averaged over
# the draws. It is a rough measure (Darwin scores low), but below some level it does mean nonsense. *Variety*: the entropy of
# what is drawn from. Both can be computed exactly for one step. Each filter makes one point; temperature alone makes a curve.

# %%
predict(
    "filter",
    "At the same entropy, which filter has more quality than temperature alone?",
    {"A": "top-k", "B": "top-p", "C": "min-p", "D": "none of them"},
    yours="C",
)


# %%
def trade(left):
    """(entropy of what is drawn from, its mean log-probability under the model)."""
    q = softmax(left)
    return entropy(q).item(), (q * log_softmax(exact)).sum().item()


exact = story.double()
curve = {t: trade(exact / t) for t in (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0)}
filters = {
    "top-k": {"k 5": (1, 5), "k 50": (1, 50)},
    "top-p": {"p 0.9": (1, None, 0.9), "p 0.9, T 1.5": (1.5, None, 0.9)},
    "min-p": {
        "m 0.1, T 1.5": (1.5, None, None, 0.1),
        "m 0.05, T 2": (2, None, None, 0.05),
    },
}
points, gaps = {}, {}
for kind, settings in filters.items():
    points[kind] = {
        name: trade(filter_logits(exact, *values)) for name, values in settings.items()
    }
    for name, (h, quality) in points[kind].items():
        low, high = 0.05, 5.0  # which temperature alone has the same entropy? halve
        for _ in range(40):
            t = (low + high) / 2
            low, high = (t, high) if trade(exact / t)[0] < h else (low, t)
        alone = trade(exact / t)[1]
        gaps[name] = quality - alone
        print(
            f"{name:<13} entropy {h:.2f}: quality {quality:.2f}; temperature {t:.2f} "
            f"alone: {alone:.2f}"
        )
show(
    plots.quality_entropy(curve, points),
    alt="Quality against entropy for the next token of the story prompt. Temperature "
    "alone is a falling curve from T = 0.2 at the upper left to T = 2 at the lower "
    "right. The points of top-k, top-p and min-p lie below it, up to half a nat, "
    "none above.",
)
best = max(gaps, key=gaps.get)
reveal("filter", "D" if gaps[best] <= 0 else {"k": "A", "p": "B", "m": "C"}[best[0]])

# %% [markdown] reveals="filter"
# No filter lies above the curve of temperature alone, and none could; these lie up to half a nat below it. Let $q$ be any way to draw with entropy $H$, and
# $r = p^{1/T}/Z$ what temperature alone gives at the same $H$. Then
#
# $$0 \le \sum q \log \tfrac{q}{r} = -H - \tfrac1T \sum q \log p + \log Z,\qquad
# 0 = \sum r \log \tfrac{r}{r} = -H - \tfrac1T \sum r \log p + \log Z,$$
#
# with $Z = \sum p^{1/T}$; subtract the second from the first: $\sum q \log p \le \sum r \log p$. By *this* measure nothing
# beats a temperature (Gibbs found it for physics). What a filter buys is something the measure does not see: a hard floor.
# With $T = 0.74$ a token of rank 10,000 is rare; with min-p it cannot come at all. Whether people prefer such texts is a
# question for people. Nguyen et al. (2024) report that they do prefer min-p; Schaeffer et al. (2025) went through the same
# data again and find no support for it.

# %% [markdown]
# **A trap.** Variety is often measured by counting: how many *distinct* pairs of neighbouring tokens are there, as a share of
# all pairs? Take three batches of eight texts, for each of two settings, and measure both ways.

# %%
from llmlib.generation import side_by_side


def write_many(prompt, n, steps, *values, seed=0):
    """n texts after one prompt, side by side: (ids [n, steps], entropy of what each
    was drawn from [n]). values: temperature, k, p, p_of_largest."""
    generator, entropies = torch.Generator().manual_seed(seed), []

    def pick(logits):
        entropies.append(entropy(softmax(filter_logits(logits, *values))))
        return sample(logits, torch.rand(n, generator=generator), *values)

    ids = side_by_side(llm, llm.tokenizer.encode(prompt), n, steps, pick)
    return ids, torch.stack(entropies).mean(0)


def distinct_pairs(rows):
    pairs = [pair for row in rows.tolist() for pair in zip(row, row[1:])]
    return len(set(pairs)) / len(pairs)


for name, values in {
    "T = 0.6": (0.6,),
    "T = 1.5, min-p 0.1": (1.5, None, None, 0.1),
}.items():
    ids, h = write_many(prompts[1], 24, 8, *values, seed=1)
    counted = " ".join(f"{distinct_pairs(batch):.2f}" for batch in ids.split(8))
    surprise = " ".join(f"{batch.mean():.2f}" for batch in h.split(8))
    print(f"{name:<18} distinct pairs {counted}, entropy {surprise}")
    print("    ", [llm.tokenizer.decode(row) for row in ids[:2].tolist()])

# %% [markdown]
# By the count, one batch says that the settings differ and the next that they do not: a share cannot exceed 1, most stand near
# that ceiling, and the rest is luck. The entropy looks at the whole distribution and not at one draw from it, and tells the two
# apart in every batch. **Before you trust a measure, ask how large it can get, and how much it changes from batch to batch.**
#
# ## 6.9 An answer in a given form
#
# **Claim.** A prompt makes an answer likely; a filter can make it certain that it has the right *form*.
#
# **A chat is a continuation.** SmolLM2-Instruct was trained further on conversations in a fixed format, its *chat template*:

# %%
from llmlib.generation import chat_prompt, top_tokens

question = "What is the capital of Japan?"
templated = chat_prompt(llm, question)
print(templated)
print([llm.tokenizer.decode([i]) for i in llm.tokenizer.encode(templated)[-9:]])
[(_, likeliest, p)] = top_tokens(llm, llm(llm.tokenizer.encode(question))[0, -1], 1)
print(f"without the template the likeliest first token is {likeliest!r} ({p:.2f})")
print("with it the model writes", repr(complete(llm, templated, 12)))

# %% [markdown]
# Without the template the likeliest token after the question is a stop token, and the text is over before it began. With it,
# what the model finds likely after `<|im_start|>assistant` is an answer. The markers look like text and are not: each is *one*
# special id, which the encoding of a user's words must never produce, or else users could forge turns (notebook 1). (The cell
# above does not take that care: it encodes template and question as one string. That is harmless with a question of ours. A chat
# program encodes the user's words apart, with no special tokens allowed, as in exercise 1.6, or turns such a message down, as
# `llmlib chat` does.)
#
# **Constrained decoding.** A program that reads the answer needs more than likely. If only "positive" and "negative" will do,
# set the logits of everything else to $-\infty$, at every step. Many a JSON mode is built on this.


# %% [markdown]
# ### Exercise 6.11 · `constrain` · ●●○ · 12 min
#
# Only the texts in `choices` may be written. Cut every token that does not go on with one of them.
#
# | | shape | |
# |---|---|---|
# | `logits` | `[..., vocab]` | the model's scores for the next token |
# | `new` | a list of ints | what has been written so far, without the prompt |
# | `choices` | a list of lists of ints | the texts that are allowed, each with its stop token at the end if it has one; leave it as it is |
# | returns | like `logits` | a new tensor: tokens that may come next unchanged, the rest $-\infty$ |
#
# A token may come next if some choice begins with `new` and then has that token. Choices may begin alike and have different
# lengths. If no choice is open, all are −∞.
#
# **By hand.** `choices = [[5, 2], [5, 7, 2], [9, 2]]`. With `new = []` tokens 5 and 9 may come; with `new = [5]` tokens 2 and
# 7; with `new = [5, 7]` only 2.
#
# <details><summary>Hint 1</summary>
#
# Which choices are still open? Those with `choice[: len(new)] == new`, and longer than `new`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The token that an open choice allows is `choice[len(new)]`. Collect those, start from `torch.full_like(logits, -math.inf)`, and
# copy the logits at these places: `out[..., allowed] = logits[..., allowed]`.
#
# </details>


# %% solution constrain
def constrain(logits, new, choices):
    """Keep the logits of tokens that continue `new` towards one of `choices`; the rest
    become -inf: [..., vocab] -> the same."""
    ### BEGIN SOLUTION
    n, out = len(new), torch.full_like(logits, -math.inf)
    allowed = [each[n] for each in choices if len(each) > n and each[:n] == new]
    out[..., allowed] = logits[..., allowed]
    return out
    ### END SOLUTION


# %% test constrain points=2
import math
import torch
from llmlib.course import check

_z = torch.tensor([0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, -0.8, 0.9, -1.0])
_choices = [[5, 2], [5, 7, 2], [9, 2]]


def _only(*ids):
    return [_z[i].item() if i in ids else -math.inf for i in range(10)]


check.that(
    isinstance(constrain(_z, [], _choices), torch.Tensor),
    "return a tensor, not a list (is there a return?)",
)
check.close(
    left_alone("constrain", _z.clone(), [9], [[9, 2], [5, 7, 2], [5, 2]]),
    _z,
    "the caller's logits have changed: return a new tensor and leave them as they are",
)
check.close(
    constrain(_z, [], _choices),
    _only(5, 9),
    "nothing is written yet: only 5 and 9 begin a choice, with their own logits, and "
    "everything else is -inf",
)
check.close(
    constrain(_z, [5], _choices),
    _only(2, 7),
    "after 5 two choices are open: one goes on with 2, the other with 7",
)
check.close(
    constrain(_z, [5, 7], _choices),
    _only(2),
    "after 5, 7 only the choice [5, 7, 2] is open: look at all that is written, not "
    "only at how much",
)
check.close(
    constrain(_z, [9], _choices),
    _only(2),
    "after 9 only 2 may come: a choice that began otherwise is closed",
)
check.close(
    constrain(_z, [7, 5], [[5, 7, 2], [7, 5, 9], [3, 7, 5, 8], [5, 5, 4]]),
    _only(9),
    "after 7, 5 only [7, 5, 9] is open: a choice is open if it begins with all that is "
    "written, in that order",
)
check.close(
    constrain(_z, [4, 1], [[4, 1, 3], [1, 6], [4, 8, 6], [4]]),
    _only(3),
    "choices of different lengths: those shorter than what is written are closed too",
)
check.close(
    constrain(_z, [5], [[5], [5, 7, 2]]),
    _only(7),
    "the choice [5] is complete and has no token left: only longer ones go on",
)
check.close(
    constrain(torch.tensor([0.0, -1.0, 2.0]), [], [[0], [2, 1]]),
    [0.0, -math.inf, 2.0],
    "0 is a logit like others, and this one is kept: do not ask whether a logit is 0",
)
check.close(
    constrain(torch.ones(13), [1], [[12, 3], [1, 4]]),
    [1.0 if i == 4 else -math.inf for i in range(13)],
    "12 begins with the digit 1, but not with the token 1: compare ids, not text",
)
check.close(
    constrain(torch.stack([_z, _z + 1]), [], [[2, 3], [0]]),
    torch.tensor([_only(0, 2), [each + 1 for each in _only(0, 2)]]),
    "logits may have dimensions in front: mask along the last one",
)
check.close(
    constrain(_z, [5, 2], _choices),
    [-math.inf] * 10,
    "no choice goes on with what is written, so no token may come next",
)
check.close(
    constrain(torch.zeros(2, 3, 6), [], [[4]]),
    torch.full((2, 3, 6), -math.inf).index_fill(-1, torch.tensor([4]), 0.0),
    "any number of dimensions in front: mask along the last one",
)
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(70)
for _size in (12, 31):
    _z = torch.randn(2, _size, generator=_g) * 3
    for _ in range(8):
        _choices = [
            torch.randint(_size - 4, _size, (1 + _i % 4,), generator=_g).tolist()
            for _i in range(9)
        ]
        for _n in range(4):
            _new = next((each[:_n] for each in _choices if len(each) > _n), None)
            if _new is None:
                continue
            _open = [each for each in _choices if each[:_n] == _new and len(each) > _n]
            _may = {each[_n] for each in _open}
            _want = torch.tensor(
                [
                    [row[i] if i in _may else -math.inf for i in range(_size)]
                    for row in _z.tolist()
                ]
            )
            check.close(
                constrain(_z, _new, _choices),
                _want,
                "a token may come if some choice begins with all that is written and "
                "goes on with that token; its logit stays as it is",
            )
### END HIDDEN TESTS

# %% [markdown]
# ### Run it on the real model
#
# Free and constrained, greedily:


# %%
def choose(prompt, texts):
    """One of `texts`, written token by token; each is followed by a stop token."""
    stop = llm.config.stop_ids[0]
    choices = [llm.tokenizer.encode(text) + [stop] for text in texts]
    ids, new = llm.tokenizer.encode(prompt), []
    while not new or new[-1] != stop:
        new.append(constrain(llm(ids + new)[0, -1], new, choices).argmax().item())
    return llm.tokenizer.decode(new[:-1])


for prompt, texts in {
    "What is the capital of Japan?": [" Kyoto", " Osaka", " Tokyo"],
    "The capital of India is": [" New York", " New Delhi", " New Zealand"],
    "Review: Never again.\nIs this positive or negative? It is": [
        " positive",
        " negative",
    ],
    "A spider has this many legs:": [f" {n}" for n in range(10)],
}.items():
    print(
        f"{prompt!r}\n    free: {complete(llm, prompt, 3)!r}, "
        f"constrained: {choose(prompt, texts)!r}"
    )
print("    with 0 to 99 allowed:", repr(choose(prompt, [f" {n}" for n in range(100)])))

# %% [markdown]
# Always the right form, and no promise of truth. "Never again." is called positive. And the spider has 8 legs only because its
# 80 was cut off after the first digit: a digit is a token, and after " 8" nothing but the stop was allowed. With 0 to 99 to
# choose from, it has 80 again. Mind what greedy does here, too. It takes the likeliest *first* token that is allowed and is
# then bound to it; whoever wants the likeliest *whole* choice adds up each choice's log-probabilities and compares.

# %% [markdown]
# ## 6.10 How it fails, and how to be sure
#
# All of these are failures of kinds that are known from other models; here you see them on one small model, and what is said
# is said of this one. (That it never saw the letters of its tokens is in notebook 1.) A failure seen once proves little. So each
# comes with the number of cases, and with a control that could have shown that the story is wrong.
#
# Many short texts go through the model together, padded at the right to one length: no token looks ahead, so padding behind a
# text cannot change it. What they all begin with is run once.


# %%
from llmlib.generation import shared_prompt


def next_probabilities(texts, before=""):
    """Probabilities of the next token after `before` and each text: [len(texts),
    vocab]."""
    rows = [llm.tokenizer.encode(text) for text in texts]
    longest, cache = max(map(len, rows)), None
    if before:
        start = llm.tokenizer.encode(before)
        cache, _ = shared_prompt(llm, start, len(rows), longest)
    padded = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    logits = llm(padded, cache)
    return softmax(torch.stack([logits[i, len(row) - 1] for i, row in enumerate(rows)]))


def interval(hits, cases):
    """95 % interval of a share, by Wilson: (hits, cases, low, high)."""
    share, z = hits / cases, 1.96
    middle = (share + z**2 / 2 / cases) / (1 + z**2 / cases)
    half = z * math.sqrt(share * (1 - share) / cases + (z / 2 / cases) ** 2)
    half /= 1 + z**2 / cases
    return hits, cases, middle - half, middle + half


# %% [markdown]
# ### Hallucination: ask forty times
#
# "… was born in the year": two people who lived, and two whom we made up. Text that begins like this goes on with a year, so a
# year it will be, in the same tone for all of them. That is what **hallucination** is: not a malfunction, but a likely
# continuation where the model does not know. (The prompt forbids "I do not know"; it is there to make the guess visible.)
#
# One answer does not tell knowing from guessing. Forty do.

# %%
predict(
    "forty",
    "Forty draws at T = 1 for Elwin Thackeray, who never lived: how many different "
    "years?",
    yours=35,
)

# %%
people = {
    "Albert Einstein": "born in 1879",
    "Marie Curie": "born in 1867",
    "Elwin Thackeray": "never lived",
    "Brunilda Okonsker": "never lived",
}
counts = {}
for name, truth in people.items():
    ids, _ = write_many(f"{name} was born in the year", 40, 5, 1.0)  # a space, 4 digits
    years = [llm.tokenizer.decode(row).strip() for row in ids.tolist()]
    often = sorted(set(years), key=lambda year: (-years.count(year), year))
    counts[name] = [years.count(year) for year in often]
    print(
        f"{name:<18} {len(often):>2} different answers, the commonest {often[0]!r} "
        f"{counts[name][0]} times   ({truth})"
    )
show(
    plots.answers(counts, 40),
    alt="Forty answers for each of four people, one box a year, the commonest first. "
    "For Einstein one year fills 33 of 40. For Curie the commonest has 9 and 21 years "
    "came. For the two invented people nearly every draw is another year.",
)
reveal("forty", len(counts["Elwin Thackeray"]), within=5)

# %% [markdown] reveals="forty"
# A single draw throws away what the model has to say about itself; forty keep it. Where it is sure, as it is about Einstein,
# the draws agree; where the person does not exist, they scatter: most years come once. This is how *self-consistency* (Wang et
# al. 2022) and *semantic entropy* (Kuhn et al. 2023) work. Curie lies between: fewer years than for somebody who never lived,
# so something is known, and yet the commonest is wrong. (Try Lincoln: his years scatter, too, and the commonest is right.) How
# far draws agree tells how sure a model is, not whether it is right.

# %% [markdown]
# ### A step of logic, or a copy?
#
# "All birds have feathers. A robin is a bird. Therefore, a robin has" → " feathers". Is that reasoning? The controls change one
# thing at a time.

# %%
predict(
    "logic",
    "'No birds have feathers. A robin is a bird. Therefore, a robin has' → ?",
    {
        "A": "' no' (feathers)",
        "B": "' feathers', about as surely as with 'All'",
        "C": "' feathers', but less surely than something else",
    },
    yours="A",
)

# %%
premises = [
    "All birds have feathers. A robin is a bird.",
    "No birds have feathers. A robin is a bird.",
    "All birds have feathers. A robin is a car.",
    "A robin is a bird.",
    "All cars have wheels. All birds have feathers. A robin is a bird.",
    "All birds have feathers. All cars have wheels. A robin is a bird.",
]
p = next_probabilities([f"{text} Therefore, a robin has" for text in premises])
feathers = p[:, llm.tokenizer.encode(" feathers")[0]].tolist()
for text, row, each in zip(premises, p, feathers):
    word = llm.tokenizer.decode([row.argmax().item()])
    print(f"{text:<66} {word!r} {row.max():.2f}   ' feathers' {each:.2f}")
said = llm.tokenizer.decode([p[1].argmax().item()])
reveal(
    "logic",
    "A" if said == " no" else "B" if abs(feathers[1] - feathers[0]) < 0.1 else "C",
)

# %% [markdown] reveals="logic"
# It says "feathers" when no bird has any and when the robin is a car; and when both rules are there, it takes the part that
# the *last* rule names, wheels included. (Three of four other pairs, such as carps and scales, do the same with "No"; for the
# fourth, a poodle, it says "a" in either case. With both rules, three of the four take the wheels.) The model copies; nothing
# here needs logic. (The fourth line shows that the first sentence matters: without it there are no feathers at the top.) **One
# right answer is never a test.**

# %% [markdown]
# ### Arithmetic
#
# Sums with intermediate results from 0 to 9, so that each answer is one token; 24 problems for each number of operations.
# (A *95 % interval* is made so that it holds the true share 19 times in 20.)

# %%
import random


def sums(steps, n, rng):
    """n problems such as ("7 - 2 + 3", 8) with that many operations, all results
    between 0 and 9."""
    found = []
    while len(found) < n:
        value, inside = rng.randrange(1, 10), True
        text = str(value)
        for _ in range(steps):
            sign, number = rng.choice("+-"), rng.randrange(1, 9)
            value = value + number if sign == "+" else value - number
            text, inside = f"{text} {sign} {number}", inside and 0 <= value <= 9
        if inside:
            found.append((text, value))
    return found


rng, right = random.Random(6), {}
for steps in (1, 2, 3):
    problems = sums(steps, 24, rng)
    p = next_probabilities(
        [f"{text} = " for text, _ in problems], "2 + 3 = 5\n9 - 4 + 1 = 6\n"
    )
    got = [llm.tokenizer.decode([i]).strip() for i in p.argmax(-1).tolist()]
    ok = [g == str(value) for g, (_, value) in zip(got, problems)]
    hits = sum(ok)
    plus = [yes for yes, (text, _) in zip(ok, problems) if "-" not in text]
    favourite = max(got, key=got.count)
    always = sum(str(value) == favourite for _, value in problems)
    right[f"{steps} operation{'s' * (steps > 1)}"] = interval(hits, 24)
    print(
        f"{steps}: {hits} of 24 right, {sum(plus)} of the {len(plus)} without a minus. "
        f"{favourite!r} came {got.count(favourite)} times "
        f"and is the answer {always} times"
    )
show(
    plots.shares(right, "share of right answers, with its 95 % interval", 0.1),
    alt="Share of right answers to sums with one to three operations, with intervals. "
    "One operation: 15 of 24. Two: 3 of 24; three: 3 of 24, which 24 problems cannot "
    "tell from guessing one of ten digits.",
)

# %% [markdown]
# Adding two numbers works here (8 of 8). Of the 16 with a minus 7 are right; "1" came 12 times, and only 4 of the 24 problems
# have that answer. With two or three operations, 24 problems cannot tell the model from somebody who guesses: with three,
# always saying "1" would have got 6 right, and the model got 3. Why? An answer must come out of one run through 30 layers, a fixed amount of work.
# That is *a* limit in principle, and the reason why models are made to write their steps down: each token written is another
# run, and the text becomes scratch paper. But nothing in this experiment says that depth is the cause here and not training.
#
# ### Order bias
#
# Four questions, each asked four times with its options rotated, so that the right one stands once at A, B, C and D. A model
# that knows the answer follows it around. One that does not gets about 4 of the 16 right, whether it spreads its guesses or
# always says the same letter. Three ways to ask: as it is; after four solved examples, whose answers are B, D, A and C; after
# the same four in the reverse order.

# %%
predict(
    "order bias",
    "After four solved examples (answers B, D, A, C), how many of 16 are right?",
    yours=10,
)


# %%
def put(question, options, answer=""):
    rows = "".join(f"\n{letter}. {option}" for letter, option in zip("ABCD", options))
    return f"{question}{rows}\nAnswer:{answer}"


questions = {
    "Which of these is an animal?": "dog chair river bread",
    "Which of these can you eat?": "apple stone window road",
    "What do bees make?": "honey milk paper iron",
    "What is the capital of France?": "Paris London Rome Madrid",
}
solved = [
    put("Which of these is a fruit?", "table pear lamp shoe".split(), " B\n\n"),
    put("What do cows give?", "sand glass wool milk".split(), " D\n\n"),
    put("What colour is grass?", "green pink white grey".split(), " A\n\n"),
    put("What is the capital of Italy?", "Oslo Lima Rome Bern".split(), " C\n\n"),
]
texts = []
for question, options in questions.items():
    options = options.split()
    for place in range(4):  # where the right option, the first, is to stand
        texts.append(put(question, options[4 - place :] + options[: 4 - place]))
letter_ids = [llm.tokenizer.encode(f" {letter}")[0] for letter in "ABCD"]
tables = {}
for name, before in {
    "no examples": "",
    "four examples": "".join(solved),
    "the same, reversed": "".join(solved[::-1]),
}.items():
    p = next_probabilities(texts, before)[:, letter_ids]
    table = tables[name] = [[0] * 4 for _ in range(4)]
    for i, choice in enumerate(p.argmax(-1).tolist()):
        table[i % 4][choice] += 1
    print(
        f"{name:<18} picked A, B, C, D: {[sum(column) for column in zip(*table)]}, "
        f"right {sum(table[i][i] for i in range(4))} of 16; the four letters hold "
        f"{p.sum(-1).mean():.2f} of the probability"
    )
show(
    plots.places_and_picks(tables),
    alt="Three tables, where the right option stands against which letter is picked. "
    "Without examples every pick is A. With four examples most picks are B, with the "
    "same examples reversed most are C. In each table the four rows are nearly alike: "
    "where the right option stands makes hardly any difference.",
)
reveal("order bias", sum(tables["four examples"][i][i] for i in range(4)), within=2)

# %% [markdown] reveals="order bias"
# "It always says A" would have been the wrong conclusion: without examples the letters are hardly among its guesses at all, and
# we compared crumbs. With examples it does answer with a letter, and its favourite depends on the *order of the examples*. In
# each table the rows are nearly alike: a question may have a letter of its own, but where the right option stands hardly matters.
# Models far larger than this one were found to favour certain letters too (Zheng et al. 2023), and to be swayed by which
# examples they see and in what order (Zhao et al. 2021). Whoever measures a model by multiple choice must rotate the options
# and vary the examples.

# %% [markdown]
# ### Social bias
#
# Which pronoun does it expect? (Zhao et al. 2018 asked this of programs that find out whom a pronoun means.) The share of
# " she" among " she" and " he" after two sentences, for ten occupations. The controls: "man" and "woman", which must come out
# far apart, or else the measure is worth nothing; "person", for the sentence alone; and the second sentence, since one wording
# is no test.

# %%
who = "nurse secretary teacher librarian cook doctor engineer carpenter pilot mechanic"
who = [*who.split(), "person", "man", "woman"]
he, she = (llm.tokenizer.encode(word)[0] for word in (" he", " she"))
found = {}
for sentence in ("The {} was late because", "The {} said that"):
    p = next_probabilities([sentence.format(each) for each in who])[:, [he, she]]
    share = p[:, 1] / p.sum(-1)
    found[sentence.format("…")] = dict(zip(who, share.tolist()))
    ranked = share.argsort().tolist()
    print(sentence, ", ".join(f"{who[i]} {share[i]:.2f}" for i in ranked))
show(
    plots.pronouns(found),
    alt="Share of she among she and he for ten occupations, person, man and woman, "
    "after two sentences. Man is near the bottom, woman at the top. Nurse, "
    "librarian and secretary lie above person, carpenter far below, in both; doctor "
    "and engineer lie below person in the first and above it in the second.",
)

# %% [markdown]
# The second sentence measures less sharply: "man" has 0.47 there. (Perhaps because "he" or "she" may be somebody else; nothing
# here tests that.) And compare with "person", not with one half. Nurse, librarian and secretary lie above it and carpenter far below it, in
# both sentences; doctor and engineer change sides with the wording, so nothing can be said of them. No line of this program says
# that nurses are women. The model learned which pronoun follows which word in the text it was given, and gives it back. Neither sentence says whether the person is a man or a woman, and from line to line only the occupation changes; a program that lets such a model fill in
# letters, forms or search results passes the pattern on.
#
# ### What is past its training data
#
# A model knows the world up to the day its training text was collected. SmolLM2 was released in late 2024. Which year does the
# model think it is? Digits are single tokens here, so the probability of a year is that of its third digit times that of its
# fourth.

# %%
third = next_probabilities(["Today's date is January 1, 20"])[0]
fourth = next_probabilities([f"Today's date is January 1, 20{d}" for d in range(4)])
digit = [llm.tokenizer.encode(str(d))[0] for d in range(10)]
by_year = {
    2000 + 10 * d + e: (third[digit[d]] * fourth[d, digit[e]]).item()
    for d in range(4)
    for e in range(10)
}
year = max(by_year, key=by_year.get)
print(
    f"likeliest year: {year} ({by_year[year]:.2f}); 2025 and later together: "
    f"{sum(p for y, p in by_year.items() if y > 2024):.2f}"
)
show(
    plots.years(by_year, 2024),
    alt="Probability of each year from 2000 to 2039 as the year of today's date. It "
    "rises to a peak in 2023 and drops sharply after 2024.",
)

# %% [markdown]
# The probability peaks at 2023 and falls off a cliff after 2024. (Ask in another way, and the fall may be gentler, or the peak
# a year earlier.) Whatever happened afterwards is not in its weights; it can only be put into the prompt.
#
# ## 6.11 Your pieces in the engine
#
# Your `sample` is now the engine's. Greedy, it must say what `transformers` says; drawn, it must say the same for the same
# seed, with or without a cache.

# %%
from llmlib import generation
from llmlib.course.engine_check import same_ids

mine = llm.using(sampling=sample)
same_ids(mine, ["The capital of France is"], max_new_tokens=4)
ids = llm.tokenizer.encode("The future of AI is")
settings = {"temperature": 0.8, "top_k": 50, "top_p": 0.95, "seed": 11}
print(
    "your loop and the engine's, same seed:",
    list(generate(llm, ids, 6, **settings))
    == list(generation.generate(mine, ids, 6, **settings)),
)

# %% [markdown]
# ## Recap
#
# - A draw is a number between 0 and 1 that falls into a stretch. A seed makes it repeatable, a generator of one's own keeps it
#   so.
# - Temperature divides logits. At 0 only the largest is left; above 1 the tail gains: after the France prompt the
#   tokens beyond rank 1,000 hold a fifth of the probability at 1.5 and half at 2.
# - Top-k keeps a number, top-p a mass (with the token that crosses it), min-p a ratio. Where the temperature stands among them
#   is a convention of the engine, and changes what survives.
# - Generation is a loop: run, sample, append; three stops; one token at a time, hence streaming.
# - The likeliest text is not the best one: greedy can go in circles, and a wide beam may find that saying nothing is likeliest.
# - By entropy against log-probability no filter beats a temperature; what filters give is a floor.
# - A filter can guarantee the form of an answer, never its truth.
# - Every failure is a continuation too: the model says what is likely, not what is so. One right answer, or one wrong one, is
#   never a test.
#
# ## Questions to think about
#
# 1. With `top_p = 0.9` at every step, what share of all texts of 20 tokens, by probability, can still be written? (Not 0.9.)
# 2. Temperature 0 and seed 0 give the same text on your machine today. Name two things that could change it tomorrow.
# 3. A speech recogniser turns sound into text. Would beam search help there more than in a chat? Why?
# 4. With `constrain` you let the model answer "yes" or "no", and it says "yes" to a question. What control do you want before
#    you believe it?
#
# <details><summary>Answers</summary>
#
# 1. At each step at least 0.9 is kept, and more where one token alone holds more: a token of 0.99 keeps all of its 0.99. So at
#    least $0.9^{20} = 0.12$. How much more depends on how sure the model is along the way: with 15 steps at 0.99 and 5 at 0.92
#    it is 0.57.
# 2. Another version of torch or another processor adds up in another order, and a near-tie of two logits falls the other way;
#    other texts in the same batch may do the same. Other weights (a new release, another rounding). Another default
#    of the engine, such as a penalty on repetition, which acts at temperature 0, too.
# 3. Yes. The sound says what is right, so there is one right text, its length roughly known, and a beginning that looked
#    second best may turn out to be the right one when more has been heard. In a chat many answers are right, and the likeliest
#    is dull.
# 4. The same question turned round ("Is it false that …"), so that "yes" is right only once; how often it says yes to questions
#    about nothing; and the two words in the other order in the prompt. If it says yes to all of them, you have measured a habit.
#
# </details>
#
# ## To read
#
# - Holtzman et al. 2019, *The Curious Case of Neural Text Degeneration*, [1904.09751](https://arxiv.org/abs/1904.09751):
#   nucleus sampling; Fan et al. 2018, *Hierarchical Neural Story Generation*,
#   [1805.04833](https://arxiv.org/abs/1805.04833): top-k
# - Nguyen et al. 2024, *Turning Up the Heat: Min-p Sampling*, [2407.01082](https://arxiv.org/abs/2407.01082), and its critics:
#   Schaeffer et al. 2025, *Min-p, Max Exaggeration*, [2506.13681](https://arxiv.org/abs/2506.13681)
# - Stahlberg & Byrne 2019, *On NMT Search Errors and Model Errors: Cat Got Your Tongue?*,
#   [1908.10090](https://arxiv.org/abs/1908.10090); Wu et al. 2016, [1609.08144](https://arxiv.org/abs/1609.08144), section 7:
#   length normalisation
# - Keskar et al. 2019, *CTRL*, [1909.05858](https://arxiv.org/abs/1909.05858): the repetition penalty
# - Willard & Louf 2023, *Efficient Guided Generation for Large Language Models*,
#   [2307.09702](https://arxiv.org/abs/2307.09702): constraints by regular expressions and grammars
# - Wang et al. 2022, *Self-Consistency*, [2203.11171](https://arxiv.org/abs/2203.11171); Kuhn et al. 2023, *Semantic
#   Uncertainty*, [2302.09664](https://arxiv.org/abs/2302.09664)
# - Zhao et al. 2018, *Gender Bias in Coreference Resolution: Evaluation and Debiasing Methods*,
#   [1804.06876](https://arxiv.org/abs/1804.06876): occupations and pronouns
# - Zhao et al. 2021, *Calibrate Before Use*, [2102.09690](https://arxiv.org/abs/2102.09690); Zheng et al. 2023, *Large Language
#   Models Are Not Robust Multiple Choice Selectors*, [2309.03882](https://arxiv.org/abs/2309.03882)

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
