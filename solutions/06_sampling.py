# %% [markdown]
# # 6 · Sampling
#
# At every step the model hands over a score for each of its 49,152 tokens. One of them has to be picked, appended, and the whole thing run
# again. How to pick is not the model's business: it is a dozen lines of yours, and they decide whether the same model
# sounds like a clerk, a poet or a broken radio.
#
# **You will build** the draw, temperature, the filters top-k, top-p and min-p, a repetition penalty, the loop that writes text, and beam
# search, which looks ahead.
#
# **You need** notebook 5: logits, softmax and log-probability. **Time**: about 2½ hours. The sections on what one prompt can do (9) and on how models fail (10) have no exercises.
#
# First, the real model doing the thing. SmolLM2-135M is a small model: 135 million weights, most of them stored in about 4 bits each and opened here as
# float32. The same prompt, four ways to pick:
#

# %%
from llmlib import complete, pretrained

llm = pretrained.load("smollm2")
prompt = "Once upon a time, there was a"
for settings in (
    {"temperature": 0},
    {"temperature": 0.8, "top_p": 0.9, "seed": 1},
    {"temperature": 0.8, "top_p": 0.9, "seed": 2},
    {"temperature": 2.0, "seed": 1},
):
    print(
        settings,
        "->",
        prompt + complete(llm, prompt, max_new_tokens=8, **settings),
        "\n",
    )

# %% [markdown]
# The first is the likeliest token each time, and it is the same in every run. The second and third differ by a seed. In the last, unlikely tokens
# have become likely, and the text falls apart. By the end of this notebook each of these settings is a function of yours.
#

# %% given setup
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
# **Claim.** Softmax turns the logits into probabilities, $p_i$ for token $i$, which sum to 1. To pick token $i$ with probability $p_i$ it takes one
# random number $u$, uniform between 0 and 1.
#
# How sure the model is depends on the text. Here are two prompts, and the eight likeliest next tokens of each:
#

# %%
from llmlib.plots import sampling as plots, show

prompts = ["The capital of France is", "Once upon a time, there was a"]
next_logits = {
    text: llm(llm.tokenizer.encode(text))[0, -1] for text in prompts
}  # each [vocab]
show(
    plots.next_tokens(llm.tokenizer, next_logits),
    alt="Two bar charts of next-token probabilities. After 'The capital of France is' "
    "one token, Paris, holds most of the mass; after 'Once upon a time, there was a' "
    "the eight likeliest tokens hold a few per cent each.",
)

# %% [markdown]
# Left, one token holds most of the probability. Right, no token has even a tenth, and the rest lies far beyond the eight
# that are shown. A good way to pick must serve both.
#
# ### Exercise 6.1 · `draw` · ●●○ · 10 min
#
# Cut the interval from 0 to 1 into one stretch per token, in order of ids, each as long as its probability. The number `u` falls into one
# of them: that token is drawn.
#
# | | shape | |
# |---|---|---|
# | `probabilities` | `[batch, vocab]` | each row sums to 1, up to rounding |
# | `u` | `[batch]` | one number in [0, 1) a row |
# | returns | `[batch]` | the ids drawn |
#
# A stretch includes its start but not its end, so a token of probability 0 has no stretch and is never drawn. Rounded probabilities may sum to a little less than 1;
# `u` may then lie behind the last edge, and must still give a token that has some probability.
#
# **By hand.** `probabilities = [[0.5, 0.3, 0.2]]`: the stretches are [0, 0.5), [0.5, 0.8), [0.8, 1). `u = [0.6]` falls into the second, so the
# answer is `[1]`. `u = [0.5]` gives `[1]` too.
#
# Off: `torch.multinomial`, torch's `Categorical`, and llmlib's `draw`.
#
# <details><summary>Hint 1</summary>
#
# `probabilities.cumsum(-1)` is where each stretch ends. How many of those ends lie at or before `u`?
#
# </details>
# <details><summary>Hint 2</summary>
#
# That count is the answer: `(edges <= u[:, None]).sum(-1)`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The last edge is the row's sum. If it is 0.9999 rather than 1, then `u * edges[:, -1:]` is a number that always falls in front of it.
#
# </details>
#


# %% solution draw off=["torch.multinomial", "torch.Tensor.multinomial", "torch.distributions.Categorical", "llmlib.sampling.draw"]
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
    draw(_row, torch.tensor([0.6])),
    torch.tensor([1]),
    "u = 0.6 falls into [0.5, 0.8), the stretch of token 1: follow u, do not take the "
    "likeliest",
)
check.equal(
    draw(_row, torch.tensor([0.9])),
    torch.tensor([2]),
    "u = 0.9 falls into [0.8, 1), the stretch of token 2: stretches add up, so "
    "cumulate the probabilities",
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
    "give a token of the row",
)
check.equal(
    draw(torch.tensor([[0.5, 0.4, 0.0]]), torch.tensor([0.99])),
    torch.tensor([1]),
    "u behind the last edge drew a token of probability 0: draw one that has a stretch",
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
# A draw cannot be checked by looking at one of them. Draw 10,000 next tokens after "Once upon a time, there was a" and count. Where a token of probability $p$ is expected
# $E = 10000\,p$ times and came $O$ times, the sum of $(O - E)^2 / E$ over all tokens is the **chi-square** statistic: for a fair draw it is about as large as the number of tokens compared, less one.
# Tokens too rare to be expected five times are put together as "the rest".
#
# Predict: with 10,000 draws, how far off will the count of a token of 6 % be, roughly?
#

# %%
p = softmax(next_logits[prompts[1]])
common = p * 10_000 >= 5
groups = torch.cat(
    [p[common], p[~common].sum()[None]]
)  # the common tokens, then the rest
u = torch.rand(10_000, generator=torch.Generator().manual_seed(0))
observed = torch.bincount(
    draw(groups.expand(len(u), -1), u), minlength=len(groups)
).double()
expected = groups.double() * len(u)
chi_square = ((observed - expected) ** 2 / expected).sum()
freedom = len(expected) - 1
p_value = torch.special.gammaincc(torch.tensor(freedom / 2), chi_square / 2)
print(
    f"chi-square {chi_square:.1f} for {freedom} degrees of freedom; a fair draw is at "
    f"least this far off in {p_value:.0%} of all tries"
)
show(
    plots.draws(expected[:-1], observed[:-1]),
    alt="Expected against observed counts of each common token in 10,000 draws, on "
    "logarithmic axes. All points lie near the diagonal, most of them inside the band "
    "of two standard deviations.",
)

# %% [markdown]
# The counts follow the probabilities, and stray by about the square root of what is expected: 620 give or take 25. A statistic far above the degrees of freedom would have meant a bug.
#
# **Seeds.** `u` comes from a generator, which is an ordinary sequence of numbers that starts from a seed. Two generators with the same seed give the same numbers. A generator *of one's own* also does so when something else draws in between:
#


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
# **Claim.** Dividing all logits by a number $T$, the temperature, sharpens the distribution if $T < 1$ and flattens it if $T > 1$.
#
# Why *logits* and not probabilities? Because $e^{z/T} = (e^z)^{1/T}$: each probability is raised to the power $1/T$ (and all are then scaled to sum to 1). At $T = 0.5$ probabilities are squared, so that 2 : 1 becomes 4 : 1. At $T = 2$ it becomes √2 : 1.
# Dividing probabilities would change nothing at all, once they are scaled to sum to 1 again.
#
# ### Exercise 6.2 · `apply_temperature` · ●○○ · 6 min
#
# | | shape | |
# |---|---|---|
# | `logits` | `[..., vocab]` | any number of dimensions in front |
# | `t` | a number | 0 or more |
# | returns | like `logits` | |
#
# At `t = 0` nothing can be divided. But as $T$ gets smaller, all the probability moves to the largest logit; so `t = 0` **keeps exactly one** largest logit in each row as it is, and sets all others to $-\infty$ (`-math.inf`), whose softmax is exactly 0.
# If several are equally large, any one of them will do.
#
# **By hand.** `apply_temperature([2, 4], 2)` is `[1, 2]`; `apply_temperature([1, 3, 2], 0)` is `[-inf, 3, -inf]`.
#
# Off: llmlib's `apply_temperature`.
#
# <details><summary>Hint 1</summary>
#
# `logits.argmax(-1, keepdim=True)` holds one index a row, even where two entries are equally large.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Start from a tensor that is `-math.inf` everywhere, `torch.full_like(logits, -math.inf)`, and write the kept values into it: `.scatter(-1, index, values)`; the values come from `logits.gather(-1, index)`.
#
# </details>
#


# %% solution apply_temperature off=["llmlib.sampling.apply_temperature"]
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
    apply_temperature(torch.tensor([1.0, 3.0, 2.0]), 0),
    [-math.inf, 3.0, -math.inf],
    "T = 0 keeps the largest logit and makes the others -inf, without dividing by 0",
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
### BEGIN HIDDEN TESTS
_g = torch.Generator().manual_seed(61)
_z = torch.randn(2, 5, 17, generator=_g) * 4
check.close(
    apply_temperature(_z, 0.7) * 0.7,
    _z,
    "temperature divides the logits, for any shape in front",
    atol=1e-4,
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
# The picture sorts all 49,152 tokens by probability. Both axes are logarithmic: far to the right lie tens of thousands of tokens, hardly any of which makes sense here.
# The table says what they add up to. **Predict:** at which of the four temperatures will the tail beyond the hundredth token outweigh the first hundred?
#

# %%
story = next_logits[prompts[1]]
temperatures = (0.5, 1.0, 1.5, 2.0)
sorted_p = {
    t: softmax(apply_temperature(story, t)).sort(descending=True).values
    for t in temperatures
}
for t, row in sorted_p.items():
    print(
        f"T = {t}: likeliest token {row[0]:.4f}, first 100 together "
        f"{row[:100].sum():.4f}, tokens 101 to {len(row):,} together "
        f"{row[100:].sum():.4f}"
    )
ranked = story.argsort(descending=True)
for first in (111, 1_001, 10_001):
    print(
        f"tokens {first:,} to {first + 7:,}:",
        [llm.tokenizer.decode([i]) for i in ranked[first - 1 : first + 7].tolist()],
    )
show(
    plots.temperatures(sorted_p),
    alt="Probability against rank for four temperatures, both axes logarithmic. Higher "
    "temperatures lower the head of the curve and lift its tail of tens of thousands "
    "of tokens.",
)

# %% [markdown]
# This is the trouble with temperature alone. At $T = 1.5$ already, two draws in three come from beyond the hundred likeliest tokens, at $T = 2$ five in six. And even at $T = 1$ the
# tail holds three tenths. Some of it is sensible here ("knight", "legend"), but the farther out a draw falls, the likelier it is nonsense, and the model then has to go on as if that had been meant.
#
# ## 6.3 Filters: top-k, top-p, min-p
#
# **Claim.** Cutting off the tail repairs this. The three usual filters differ in how they decide where the tail begins.
#
# All three take logits and return logits of the same shape, in the same places, with the tokens that are cut at $-\infty$. Softmax afterwards spreads their share over the survivors.
#
# ### Exercise 6.3 · `top_k` · ●●○ · 8 min
#
# Keep the `k` largest logits of each row.
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
# Off: llmlib's `top_k`. (`torch.topk` is allowed.)
#
# <details><summary>Hint 1</summary>
#
# Comparing with the k-th largest value keeps too many when several logits equal it. Work with *positions* instead: `torch.topk` and `torch.argsort` give them.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `.scatter(-1, positions, True)` on a bool tensor of zeros marks what stays; `logits.masked_fill(~kept, -math.inf)` cuts the rest.
#
# </details>
#


# %% solution top_k off=["llmlib.sampling.top_k"]
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
check.close(
    top_k(torch.tensor([1.0, 4.0, 2.0, 3.0]), 2),
    [_cut, 4.0, _cut, 3.0],
    "[1, 4, 2, 3] with k = 2 keeps 4 and 3 in their places; what is cut becomes -inf "
    "(a logit of 0 would still have probability)",
)
check.close(
    top_k(torch.tensor([-5.0, -1.0, -3.0]), 1),
    [_cut, -1.0, _cut],
    "the largest of [-5, -1, -3] is -1: size counts, not distance from 0",
)
check.close(
    torch.sort(top_k(torch.tensor([2.0, 2.0, 2.0, 1.0]), 2)).values,
    [_cut, _cut, 2.0, 2.0],
    "three logits are equal: with k = 2 exactly two of them stay",
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
# **Run it on the real model.** One `k` for both of our prompts:
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
# ### Exercise 6.4 · `top_p` · ●●● · 12 min
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
# Off: llmlib's `top_p`.
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


# %% solution top_p off=["llmlib.sampling.top_p"]
def top_p(logits, p):
    """Keep the smallest set of likeliest tokens whose mass reaches p, the one that
    crosses p included; the rest become -inf."""
    ### BEGIN SOLUTION
    if p == 1:
        return logits  # a rounded cumulative sum must not drop the tail
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
_long = torch.linspace(0, -30, 5000)
check.close(
    torch.isfinite(top_p(_long, 1.0)).sum(),
    5000,
    "p = 1 keeps every token, also where the running sum rounds to 1 before the end",
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
#
# **Predict:** how many of the tokens 0.5, 0.3, 0.15, 0.05 does it keep? And what does it do with a model that is 95 % sure?
#


# %%
def well_known_line(logits, p):
    order = logits.argsort(descending=True)
    return order[softmax(logits[order]).cumsum(-1) <= p]


for probabilities in ([0.5, 0.3, 0.15, 0.05], [0.95, 0.03, 0.02]):
    logits = torch.tensor(probabilities).log()
    print(
        f"{probabilities}: the line keeps {len(well_known_line(logits, 0.9))} tokens, "
        f"yours {int(torch.isfinite(top_p(logits, 0.9)).sum())}"
    )

# %% [markdown]
# It drops the token that crosses 0.9, so what is left holds 0.8, less than was asked for. Where the model is sure, it keeps nothing at all, and there is nothing to draw from.
# The definition says: smallest set whose mass *reaches* p.
#
# **Run it on the real model.** The curve is the mass of the first $n$ tokens; the nucleus ends where it crosses 0.9.
#

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
    "prompts. The curve of the Paris prompt crosses 0.9 after a few tokens, that of "
    "the story only after hundreds.",
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
# Off: llmlib's `min_p`.
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


# %% solution min_p off=["llmlib.sampling.min_p"]
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
check.close(min_p(_z, 0.0), _z, "p = 0 keeps every token")
check.close(
    min_p(torch.stack([_z, torch.tensor([0.04, 0.03, 0.9, 0.03]).log()]), 0.2),
    torch.tensor([[*_z[:3].tolist(), _cut], [_cut, _cut, math.log(0.9), _cut]]),
    "each row has its own bar",
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
# **Claim.** The order of temperature and filters can change what survives.
#
# ### Exercise 6.6 · `filter_logits` · ●●○ · 8 min
#
# Put the four together in the order that `transformers` uses too: **temperature, then top-k, then top-p, then min-p**, each on what the one before left.
#
# | | | |
# |---|---|---|
# | `logits` | `[..., vocab]` | |
# | `temperature` | a number | 1 changes nothing |
# | `k`, `p`, `p_of_largest` | the settings of `top_k`, `top_p`, `min_p` | `None` switches that filter off |
# | returns | like `logits` | |
#
# **By hand.** Probabilities 0.5, 0.3, 0.15, 0.05, temperature 0.5, `p = 0.9`. Temperature first: squares 0.25, 0.09, 0.0225, 0.0025, scaled to 0.685, 0.247, 0.062, 0.007; the nucleus of 0.9 has **two** tokens. Top-p first would have kept three.
#
# Off: llmlib's `filter_logits`.
#
# <details><summary>Hint 1</summary>
#
# Four lines, three of them behind an `if … is not None:`. Each takes the `logits` that the line before returned.
#
# </details>
#


# %% solution filter_logits off=["llmlib.sampling.filter_logits"]
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


check.close(
    filter_logits(_z),
    _z,
    "temperature 1 and no filter must change nothing: None switches a filter off",
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
# Slide. Grey bars are the model's own probabilities, coloured bars what is left to draw from; a token that was cut is struck through or marked "cut". Choose the story prompt, or type one of your own.
# (On paper, and on a page without a kernel, three settings stand in for the sliders.)
#

# %%
from llmlib.widgets import sampling_sliders


def settings_side_by_side(logits, chosen):
    """One panel for each of `chosen`: {name: the arguments of filter_logits after the
    logits}."""
    return plots.survivors(
        llm.tokenizer,
        logits,
        {name: filter_logits(logits, *values) for name, values in chosen.items()},
    )


sure = {
    "T = 1.5": (1.5,),
    "T = 1.5, top-k 3": (1.5, 3),
    "T = 1.5, min-p 0.1": (1.5, None, None, 0.1),
}
show(
    settings_side_by_side(next_logits[prompts[0]], sure),
    widget=sampling_sliders(llm, prompts),
    alt="The twelve likeliest next tokens after 'The capital of France is': the "
    "model's probability as a grey bar and what three settings leave as a coloured "
    "one. At temperature 1.5 nothing is cut; top-k 3 leaves three tokens; min-p 0.1 "
    "leaves two.",
)

# %% [markdown]
# The same picture for the story, where the model is unsure. **Predict** first: for which of the three filters does it matter whether the temperature acts before or after?
#

# %%
chosen = {
    "T = 0.7, top-k 5": (0.7, 5, None, None),
    "T = 1.5, top-p 0.5": (1.5, None, 0.5, None),
    "T = 1.5, min-p 0.3": (1.5, None, None, 0.3),
}
show(
    settings_side_by_side(story, chosen),
    alt="For the twelve likeliest next tokens of the story prompt: the model's own "
    "probability as a grey bar and, under three settings, what is left to draw from. "
    "Each setting keeps a different number of tokens, and those that are cut are "
    "marked with a cross.",
)
for name, values in chosen.items():
    print(
        f"{name}: {int(torch.isfinite(filter_logits(story, *values)).sum())} tokens "
        "survive; in the wrong order (filters, then temperature): "
        f"{int(torch.isfinite(filter_logits(story, 1.0, *values[1:])).sum())}"
    )

# %% [markdown]
# Top-k does not care about the order, since temperature keeps the ranking. Top-p and min-p do: at $T = 1.5$ the tokens have moved closer together, so it takes more of them to reach a mass, and more of them pass the bar.
# So a setting such as "temperature 1.5, min-p 0.3" means something only together with an order. The filters of `transformers`, put in the same order, keep the same tokens as yours:
#

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
# ### Exercise 6.7 · `sample` · ●○○ · 5 min
#
# The function that the engine calls at every step: filter, softmax, draw.
#
# | | shape | |
# |---|---|---|
# | `logits` | `[batch, vocab]` | |
# | `u` | `[batch]` | one number in [0, 1) a row |
# | `temperature`, `top_k`, `top_p`, `min_p` | numbers or `None` | handed on to `filter_logits` |
# | returns | `[batch]` | ids |
#
# The default temperature is 0: the likeliest token, whatever `u` says. This is called **greedy** decoding.
#
# Mind the names: *inside* this function `top_k`, `top_p` and `min_p` are the settings, and hide your functions of the same name. That is why `filter_logits` has other names for them.
#
# **By hand.** Logits of probabilities 0.5, 0.3, 0.2 at temperature 1 and `u = 0.6` give 1. With `top_k=1` they give 0 for any `u`.
#
# Off: `torch.multinomial`, llmlib's `sample`.
#
# <details><summary>Hint 1</summary>
#
# One line: `draw(softmax(filter_logits(…)), u)`. At temperature 0 the filter leaves one token a row, and draw must take it.
#
# </details>
#


# %% solution sample off=["torch.multinomial", "torch.Tensor.multinomial", "torch.distributions.Categorical", "llmlib.sampling.sample", "llmlib.sampling.draw"]
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
    sample(_z, torch.tensor([0.55, 0.15]), temperature=0.5),
    torch.tensor([0, 1]),
    "temperature acts on the logits: at T = 0.5 the first stretch is 0.25 / 0.38 = "
    "0.658 long, the last row's 0.105",
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
# ## 6.5 The loop that writes
#
# **Claim.** A model that says one next token is a writer once its answer is appended and it is asked again. This is called **autoregressive** generation: one token a step, each step waiting for the one before. That is why answers *stream* onto your screen.
#
# To test the loop in microseconds it will run on a toy: after token $i$ come the logits in row $i$ of a table. Like the engine's model, it takes ids and returns logits `[batch, seq, vocab]`, and its `config` knows how long a text may be and which tokens end one.
#


# %% given generate_from_table
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
            torch.rand(7)  # somebody else draws from torch's global generator
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
    texts were that the model read)."""
    model = TableModel(table, context, stop_ids, distracted)
    new = itertools.islice(generate(model, ids, max_new_tokens, **settings), take)
    return [int(token_id) for token_id in new], model.lengths


# %% [markdown]
# ### Exercise 6.8 · `generate` · ●●● · 15 min
#
# | | | |
# |---|---|---|
# | `model` | `model(ids)` takes a list of ids | and returns logits `[1, seq, vocab]` |
# | `ids` | a list of ints | the prompt |
# | `max_new_tokens` | an int | how many ids to make at most, *not* counting the prompt |
# | `temperature`, `top_k`, `top_p`, `min_p` | | the settings of `sample` |
# | `seed` | an int or `None` | the same seed gives the same text |
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
# Off: llmlib's `generate` and `steps`.
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


# %% solution generate off=["llmlib.generate", "llmlib.generation.generate", "llmlib.generation.steps"]
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
    generate_from_table(_next, [0, 1], 9, context=5)[0],
    [2, 3, 4],
    "a context of 5 has room for 3 tokens after a prompt of 2: stop when it is full",
)
check.equal(
    generate_from_table(_next, [0, 1], 0)[0], [], "max_new_tokens = 0 makes no tokens"
)
check.equal(
    generate_from_table(_next, [0, 1], 5, take=1),
    ([2], [2]),
    "whoever asks for one id must get it after one run of the model: yield each id as "
    "soon as it is picked",
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
    "of your own",
)
for _setting in ({"top_k": 1}, {"top_p": 0.01}, {"min_p": 1.0}):
    check.equal(
        generate_from_table(_next / 9, [0], 6, temperature=1.0, seed=3, **_setting)[0],
        [1, 2, 3, 4, 5, 6],
        f"{_setting} leaves one token to draw: hand it on to sample",
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
# 2. `embedding_matrix[sequence]` is all that the layers get: where do the positions come from? A GPT-2 adds learned position vectors to it. Without them only the causal mask still tells something about the order (notebook 2).
# 3. It embeds and runs every old token again at every step. That is correct but wasteful, and so is yours. Notebook 7 repairs it with a cache.
#
# See the first two. **Predict:** will SmolLM2 still find Paris if the positions are forgotten (each token believes that it stands at position 0)? And what will come after it?
#

# %%
forgetful = llm.using(position=lambda x, positions, theta: x)
for name, model in (("with positions", llm), ("without", forgetful)):
    print(
        f"{name}: The capital of France "
        f"is{complete(model, 'The capital of France is', 5)!r}"
    )
limits = {"max_new_tokens": 6, "max_length": 6}
from llmlib.course.engine_check import reference

ids = llm.tokenizer.encode("The capital of France is")
for name, value in limits.items():
    made = reference(llm.folder).generate(
        torch.tensor([ids]), do_sample=False, **{name: value}
    )[0, len(ids) :]
    print(
        f"transformers, {name}={value} after a prompt of {len(ids)}: {len(made)} new "
        "tokens"
    )

# %% [markdown]
# Without positions it still finds Paris: which words are there is enough for that. Then it no longer knows where in the text it is, and repeats itself.
#
# ## 6.6 Greedy goes in circles: the repetition penalty
#
# **Claim.** Small models that always take the likeliest token fall into loops: a phrase that has occurred makes itself likelier.
#
# Left to itself after "In the morning I", SmolLM2 ends up writing "I was driving down the highway" again and again (you will see it below). Here is that phrase six times over. **Predict:** how likely are its tokens the first time, the second, the sixth?
#

# %%
from llmlib.output_head import token_losses

start, phrase = "In the morning I was in the car.", " I was driving down the highway."
ids = llm.tokenizer.encode(start + 6 * phrase)
losses = token_losses(llm(ids)[0, :-1], torch.tensor(ids[1:]))
copies = losses[len(llm.tokenizer.encode(start)) - 1 :].view(
    6, -1
)  # copy, token of the phrase
print(
    "probability of a token (geometric mean), copy 1 to 6:",
    [f"{p:.3f}" for p in (-copies.mean(1)).exp().tolist()],
)

# %% [markdown]
# Each copy makes the next one likelier: attention finds the earlier copy and reads off what came then. Once a greedy text is in such a loop, it seldom gets out.
#
#
# ### Exercise 6.9 · `repetition_penalty` · ●●○ · 8 min
#
# The remedy of Keskar et al. 2019: lower the logit of each token that the text already holds.
#
# | | shape | |
# |---|---|---|
# | `logits` | `[batch, vocab]` | |
# | `ids` | `[batch, seq]` | the text so far, one a row |
# | `penalty` | a number | above 1 discourages repetition, 1 changes nothing |
# | returns | `[batch, vocab]` | |
#
# A positive logit is **divided** by `penalty`, a negative one **multiplied** (the paper only divides; implementations such as `transformers` added this): either way it falls. A token is penalised once, however often it occurs.
#
# **By hand.** `logits = [[4, -1, 2]]`, `ids = [[0, 1, 0]]`, `penalty = 2`: token 0 falls from 4 to 2, token 1 from −1 to −2, token 2 stays: `[[2, -2, 2]]`.
#
# Off: `transformers`' processor, llmlib's `repetition_penalty`.
#
# <details><summary>Hint 1</summary>
#
# Which tokens occur in each row? `torch.zeros_like(logits, dtype=torch.bool).scatter(-1, ids, True)`: writing True twice is the same as once.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.where(condition, a, b)` picks entry by entry; two of them, one inside the other, do it.
#
# </details>
#


# %% solution repetition_penalty off=["llmlib.sampling.repetition_penalty", "transformers.RepetitionPenaltyLogitsProcessor"]
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
    repetition_penalty(_z, torch.tensor([[0, 1, 0]]), 2.0),
    torch.tensor([[2.0, -2.0, 2.0]]),
    "token 0 occurs twice and is penalised once",
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
# `llm.new_cache` keeps what the model has computed for earlier tokens; notebook 7 is about it. Here it only makes the loop faster.
#


# %%
def greedy_with_penalty(prompt, n, penalty):
    ids = llm.tokenizer.encode(prompt)
    new, cache, start = ids, llm.new_cache(context=len(ids) + n), len(ids)
    for _ in range(n):
        logits = repetition_penalty(
            llm(new, cache)[:, -1], torch.tensor([ids]), penalty
        )
        new = [logits.argmax().item()]
        ids = ids + new
    return ids[start:]


for penalty in (1.0, 1.1):
    made = greedy_with_penalty("In the morning I", 24, penalty)
    pairs = list(zip(made, made[1:]))
    print(
        f"penalty {penalty}: {len(set(pairs)) / len(pairs):.0%} of the token pairs "
        f"differ: In the morning I{llm.tokenizer.decode(made)!r}\n"
    )

z, text = torch.tensor([[1.0, -1.0]]), torch.tensor([[0, 1]])
for shift in (0, 5):
    print(
        f"two tokens, both in the text, logits {(z + shift).tolist()[0]}: before "
        f"{softmax(z + shift)[0, 0]:.3f}, after "
        f"{softmax(repetition_penalty(z + shift, text, 1.2))[0, 0]:.3f} for the first"
    )

# %% [markdown]
# A little penalty ends the loop. But look at the last two lines: the penalty goes by the sign of a logit, to which softmax is blind. Adding 5 to all logits changes no probability, yet it changes what the penalty does:
# a rule of thumb, not a law. And a text has to repeat its commas and its "the": the penalty counts those too.
#
# ## 6.7 Beam search: looking ahead
#
# **Claim.** The likeliest next token need not begin the likeliest text.
#
# A text's probability is the product of its tokens' probabilities, so its log-probability is their sum. **Beam search** keeps the `width` best beginnings instead of one. At each step every beginning is continued by every token, and the `width` best of all those survive.
#


# %% given beam_search_from_table
def beam_search_from_table(table, ids, max_new_tokens, width, context=64, stop_ids=()):
    """Run your `beam_search` on a toy."""
    found = beam_search(
        TableModel(table, context, stop_ids), ids, max_new_tokens, width
    )
    return [([int(i) for i in new], float(score)) for new, score in found]


# %% [markdown]
# ### Exercise 6.10 · `beam_search` · ●●● · 20 min
#
# | | | |
# |---|---|---|
# | `model` | as in `generate` | `model(batch)` takes a tensor `[batch, seq]` as well, and returns `[batch, seq, vocab]` |
# | `ids` | a list of ints | the prompt |
# | `max_new_tokens` | an int | |
# | `width` | an int | how many continuations to keep |
# | returns | a list of at most `width` pairs `(new ids, score)` | best first; the score is the sum of the new tokens' log-probabilities |
#
# A continuation that ends in a token of `model.config.stop_ids` is finished: it is not continued, but goes on competing with its score. `model.config.context` bounds the length as before.
#
# **By hand.** After the prompt, token 0 has 0.6 and token 1 has 0.4. After 0 every token has about a third; after 1, token 2 has 0.9. Greedy takes 0 and ends with 0.6 × ⅓ = 0.2. With `width = 2` the beginning 1 is still there: 0.4 × 0.9 = 0.36 wins.
#
# Off: llmlib's `beam_search`.
#
# <details><summary>Hint 1</summary>
#
# Start from `beams = [([], 0.0)]`: one empty continuation whose log-probability is 0. At each step build the list of candidates, sort it by score, keep the first `width`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `log_softmax(model(batch)[:, -1])` are the log-probabilities `[beams, vocab]`. Of each row only the `width` best can ever survive: `.topk(min(width, vocab))`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Candidates are the finished beams as they are, plus for each unfinished one `(new + [i], score + log_p)` for each of its best tokens. Stop early when none is unfinished.
#
# </details>
#


# %% solution beam_search off=["llmlib.sampling.beam_search"]
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
import torch
from llmlib.course import check

_table = torch.tensor([[0.35, 0.33, 0.32], [0.05, 0.05, 0.9], [0.6, 0.4, 1e-9]]).log()
_one, _two = (
    beam_search_from_table(_table, [2], 2, 1),
    beam_search_from_table(_table, [2], 2, 2),
)
check.equal(len(_one), 1, "width 1 keeps one continuation")
check.equal(_one[0][0], [0, 0], "width 1 is greedy: 0 (0.6), then 0 (0.35)")
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
    [0] in [new for new, _ in _stopped],
    "0 is a stop token: the continuation [0] is finished and must stay in the race as "
    "it is",
)
check.that(
    all(0 not in new[:-1] for new, _ in _stopped),
    "a continuation went on after its stop token",
)
check.equal(
    [len(new) for new, _ in beam_search_from_table(_table, [2, 2], 5, 2, context=4)],
    [2, 2],
    "a context of 4 has room for 2 tokens after a prompt of 2",
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
# ### Run it on the real model
#
# An alphabet of three has 27 texts of three tokens, so the check above could try them all. With 49,152 tokens and a dozen steps that is hopeless; beam search looks at a few.
# The prompt is the opening of Darwin's *Journal of Researches* (1839).
#

# %%
lead = llm.tokenizer.encode("The neighbourhood of Porto Praya, viewed from the sea,")
darwin = llm.tokenizer.encode(" wears a desolate aspect. The volcanic")
beams = {width: beam_search(llm, lead, len(darwin), width)[0] for width in (1, 4)}
for width, (ids, score) in beams.items():
    print(f"width {width}: log-probability {score:.2f} {llm.tokenizer.decode(ids)!r}")

# %% [markdown]
# ### Why chat models do not use it
#
# The wider search has found a likelier text. If likelier were better, it would also write better. **Predict:** how likely for the model are the words that Darwin wrote? As likely as those of beam search, or as those drawn at temperature 1?
#

# %%
written = {
    "Darwin": darwin,
    "beam search, width 4": beams[4][0],
    "drawn at T = 1": list(generate(llm, lead, len(darwin), temperature=1.0, seed=1)),
}
log_p = {}
for name, ids in written.items():
    log_p[name] = -token_losses(
        llm(lead + ids)[0, len(lead) - 1 : -1], torch.tensor(ids)
    )
    print(f"{name}: {llm.tokenizer.decode(ids)!r}")
show(
    plots.likelihoods(log_p),
    alt="Probability of each token along three texts. Beam search's tokens are mostly "
    "likely; many of Darwin's are very unlikely, and so are many of those drawn at "
    "temperature 1.",
)

# %% [markdown]
# Darwin's words are about as unlikely as the drawn ones (−4.85 and −4.30 nats a token), far from beam search (−1.36). A human text is not the likeliest one. It is full of tokens that the model found improbable, because a writer who always said what the reader expects would say nothing. Holtzman et al. (2019) measured this on GPT-2:
# the likeliest text is bland and goes in circles. Where there is one right answer, as in translation, beam search still helps. In a conversation it costs `width` times the work, cannot be streamed (the best beginning may be thrown away later), and reads worse.
#
# ## 6.8 Quality against diversity
#
# **Claim.** Temperature trades one for the other, and a filter decides how much quality a high temperature costs.
#
# Eight texts of 8 tokens for each setting, all from one prompt. *Diversity*: the share of different pairs among all pairs of neighbouring tokens in the eight texts; if all texts are equal it is low. *Quality*: the mean log-probability of the tokens that were picked, under the model itself at temperature 1.
# That is a rough measure: the section above showed that likelier is not better. But below some level it does mean nonsense. **Predict** which filter will hold the quality at $T = 1.5$: top-p, or min-p?
#
# All texts are written side by side, one row each: a step for 64 rows costs far less than 64 steps for one (notebook 7 says why).
#

# %%
tried = [("temperature alone", t, {}) for t in (0.2, 0.6, 1.0, 1.5)]
tried += [("with top-p 0.9", t, {"top_p": 0.9}) for t in (1.0, 1.5)] + [
    ("with min-p 0.1", t, {"min_p": 0.1}) for t in (1.0, 1.5)
]


def write(n, steps):
    """n texts for each setting of `tried`: (ids [settings, n, steps], their
    log-probabilities, of the same shape)."""
    new = torch.tensor([llm.tokenizer.encode(prompts[1])]).expand(len(tried) * n, -1)
    cache = llm.new_cache(batch=len(new), context=new.shape[1] + steps)
    generators = [torch.Generator().manual_seed(0) for _ in tried]
    ids, log_p = [], []
    for _ in range(steps):
        logits = llm(new, cache)[:, -1]
        picked = [
            sample(rows, torch.rand(n, generator=g), t, **filters)
            for rows, g, (_, t, filters) in zip(logits.split(n), generators, tried)
        ]
        new = torch.cat(picked)[:, None]
        ids.append(new)
        log_p.append(log_softmax(logits).gather(1, new))
    return torch.cat(ids, 1).view(len(tried), n, -1), torch.cat(log_p, 1).view(
        len(tried), n, -1
    )


curves = {name: [] for name, _, _ in tried}
for (name, t, _), ids, log_p in zip(tried, *write(8, 8)):
    pairs = [pair for row in ids.tolist() for pair in zip(row, row[1:])]
    curves[name].append((t, log_p.mean().item(), len(set(pairs)) / len(pairs)))
    print(
        f"{name:<18} T = {t}: quality {curves[name][-1][1]:.2f}, diversity "
        f"{curves[name][-1][2]:.2f}  {llm.tokenizer.decode(ids[0].tolist())!r}"
    )
show(
    plots.quality_diversity(curves),
    alt="Quality against diversity. Along the curve of temperature alone, from 0.2 to "
    "1.5, diversity rises and quality falls steeply. Top-p helps at temperature 1 but "
    "not at 1.5; min-p keeps the quality high at both.",
)

# %% [markdown]
# From $T = 1$ to $T = 1.5$ temperature alone pays a great deal of quality for hardly any diversity: it has reached the tail. Top-p does not help there. Temperature comes first and flattens the distribution, and nine tenths of
# a flat distribution are thousands of tokens. Min-p asks how a token compares with the best one, and cuts the tail even then. What no filter did here is beat a low temperature: $T = 0.6$ alone has as much diversity as min-p at 1.5, and higher quality. What min-p buys is safety when the temperature is high. (The mean is over eight short texts: read the large gaps, not the small ones.)
#
# ## 6.9 One prompt, many jobs
#
# **Claim.** Nothing but next-token prediction is needed for translation, arithmetic, code or facts: put the job so that its answer is the likely continuation.
#
# **Predict** which of these a model of 135 million weights gets right.
#

# %%
jobs = {
    "facts": ("The chemical symbol for gold is", 2),
    "reasoning": (
        "All birds have feathers. A robin is a bird. Therefore, a robin has",
        2,
    ),
    "code": ("def is_even(n):\n    return", 7),
    "arithmetic": ("2 + 3 = 5\n4 + 4 = 8\n6 + 1 = 7\n5 + 3 =", 2),
    "judging": (
        "Review: I loved it. Sentiment: positive\nReview: A waste of time. Sentiment: "
        "negative\nReview: The best film this year. Sentiment:",
        1,
    ),
    "same, reworded": (
        "Review: I loved it. Verdict: positive\nReview: A waste of time. Verdict: "
        "negative\nReview: The best film this year. Verdict:",
        1,
    ),
    "translation": ("cheese => fromage\nwater => eau\ndog => chien\nbread =>", 3),
    "poetry": ("A short poem about the sea:\n\n", 8),
}
for job, (text, n) in jobs.items():
    print(f"{job:<15} {text!r} -> {complete(llm, text, n)!r}")

# %% [markdown]
# Facts, a step of logic, a line of code, a small sum: right. The sentiment is right as well, until one word of the prompt is changed: the wording is part of the program. The French word for bread is *pain*: this model has seen little French. And the poem begins as a numbered list of titles. Some prompts show the job by a few examples
# first, which is called **few-shot** prompting (Brown et al. 2020): no weight changes, the examples only make the right kind of continuation likely.
#
# **A chat is a continuation too.** SmolLM2-Instruct was trained further on conversations in a fixed format, its *chat template*, in which special tokens say who speaks. The template is plain text around your question:
#

# %%
from llmlib import generation
from llmlib.generation import chat_prompt

question = "What is the capital of Japan?"
templated = chat_prompt(llm, question)
print(templated)
[(_, likeliest, p)] = generation.top_tokens(
    llm, llm(llm.tokenizer.encode(question))[0, -1], 1
)
print(
    f"without the template: {complete(llm, question, 8)!r}; likeliest first token "
    f"{likeliest!r} ({p:.2f})"
)
print("with it:             ", repr(complete(llm, templated, 12)))

# %% [markdown]
# Without the template the likeliest token after the question is a stop token, and the text is over before it began. With it, what the model finds likely after `<|im_start|>assistant` is an answer.
#
# ## 6.10 How it fails
#
# Each of the following is a failure of language models in general, seen here on a small one: 135 million weights, most of them of about 4 bits. Models a thousand times as large fail more rarely and in the same ways. All figures below are measured now.
# The questions go through the model together, padded at the right to one length: no token looks ahead, so padding behind a text cannot change it.
#


# %%
def next_probabilities(texts):
    """Probabilities of the next token after each text, all in one run: [len(texts),
    vocab]."""
    rows = [llm.tokenizer.encode(text) for text in texts]
    longest = max(map(len, rows))
    logits = llm(torch.tensor([row + [0] * (longest - len(row)) for row in rows]))
    return softmax(torch.stack([logits[i, len(row) - 1] for i, row in enumerate(rows)]))


def answers(texts):
    return [
        llm.tokenizer.decode([i]).strip()
        for i in next_probabilities(texts).argmax(-1).tolist()
    ]


# %% [markdown]
# ### Hallucination
#
# "… was born in the year": three people who lived, and three whom we made up. **Predict** what the model says about those.
#

# %%
lived = {
    "Albert Einstein": "1879",
    "Isaac Newton": "1642",
    "Marie Curie": "1867",
}  # Newton by the calendar of his day
invented = ["Elwin Thackeray", "Brunilda Okonsker", "Tobias Quillfeather"]
texts, p = (
    [f"{name} was born in the year" for name in [*lived, *invented]],
    torch.ones(6),
)
for _ in range(5):  # a space and four digits
    likeliest = next_probabilities(texts).max(-1)
    p *= likeliest.values
    texts = [
        text + llm.tokenizer.decode([i])
        for text, i in zip(texts, likeliest.indices.tolist())
    ]
for name, text, own in zip([*lived, *invented], texts, p.tolist()):
    year = text.split()[-1]
    if name in invented:
        verdict = "never lived"
    else:
        verdict = "right" if year == lived[name] else f"wrong: {lived[name]}"
    print(f"{name:<20} {year}  the model's own probability {own:.4f}   {verdict}")

# %% [markdown]
# Nobody gets "I do not know": text that begins like this goes on with a year, so a year it is, in the same tone for Einstein and for a name out of the air. That is what **hallucination** is: not a malfunction, but a likely continuation
# where the model does not know. It happens with people who lived, too: two of their three years are wrong. The probabilities do tell something: 0.84 for the year that is right, less than 0.2 for all the others. Greedy decoding throws that away.
#
# ### Spelling and counting: it never saw the letters
#

# %%
words = "banana bottle letter kitten cherry coffee apple engine".split()
often = {
    word: max(word, key=word.count) for word in words
}  # the letter that occurs most
tasks = {
    "first letter": (
        "cat: the first letter is c\nhouse: the first letter is h\n{w}: the first "
        "letter is",
        lambda w: w[0],
    ),
    "second letter": (
        "cat: the second letter is a\nhouse: the second letter is o\n{w}: the second "
        "letter is",
        lambda w: w[1],
    ),
    "number of letters": (
        "cat: number of letters 3\nhouse: number of letters 5\n{w}: number of letters ",
        lambda w: str(len(w)),
    ),
    "count a letter": (
        "How many m's are in hammer? 2\nHow many o's are in house? 1\nHow many {c}'s "
        "are in {w}? ",
        lambda w: str(w.count(often[w])),
    ),
}
right = {}
for task, (text, truth) in tasks.items():
    got = answers([text.format(w=word, c=often[word]) for word in words])
    right[task] = sum(g == truth(word) for g, word in zip(got, words)) / len(words)
    print(
        f"{task:<18} {right[task]:.0%} right;",
        ", ".join(f"{word}: {g}" for word, g in list(zip(words, got))[:5]),
    )
always_2 = sum(word.count(often[word]) == 2 for word in words) / len(words)
print(
    f"whoever says 2 to every 'count a letter' without looking is right {always_2:.0%} "
    "of the time"
)
show(
    plots.shares(
        list(right),
        list(right.values()),
        None,
        "share of right answers",
        "Eight words, four questions about their letters",
    ),
    alt="Share of right answers to four questions about the letters of eight words: "
    "the first letter is right for most words, the second for one of eight; no number "
    "of letters is right, and no count of one letter.",
)

# %% [markdown]
# A token is a number to the model: ` strawberry` is one id, with no letters in it (notebook 1). What it knows about spelling it must have read somewhere, and texts say more about first letters than about second ones, and next to nothing about lengths.
#
# ### Arithmetic
#
# Sums with intermediate results from 0 to 9, so that each answer is one token. **Predict** the share of right answers for 1, 2 and 3 operations.
#

# %%
import random


def sums(steps, n, rng):
    """n problems such as ("7 - 2 + 3", 8) with that many operations, all results
    between 0 and 9."""
    found = []
    while len(found) < n:
        value, text, inside = rng.randrange(1, 10), "", True
        text = str(value)
        for _ in range(steps):
            sign, number = rng.choice("+-"), rng.randrange(1, 9)
            value = value + number if sign == "+" else value - number
            text, inside = f"{text} {sign} {number}", inside and 0 <= value <= 9
        if inside:
            found.append((text, value))
    return found


examples = "2 + 3 = 5\n9 - 4 + 1 = 6\n"
rng, right = random.Random(6), {}
for steps_needed in (1, 2, 3):
    problems = sums(steps_needed, 12, rng)
    got = answers([f"{examples}{text} = " for text, _ in problems])
    right[f"{steps_needed} operation{'s' * (steps_needed > 1)}"] = sum(
        g == str(value) for g, (_, value) in zip(got, problems)
    ) / len(problems)
    print(
        f"{problems[0][0]} = {problems[0][1]}, the model says {got[0]}; "
        f"{list(right.values())[-1]:.0%} of {len(problems)} right"
    )
show(
    plots.shares(
        list(right),
        list(right.values()),
        0.1,
        "share of right answers",
        "Sums of single digits, by number of operations",
    ),
    alt="Share of right answers to sums with one to three operations: most sums with "
    "one operation are right, of those with more hardly any more than guessing one of "
    "ten digits would give.",
)

# %% [markdown]
# One run through 30 layers is a fixed amount of computation, and the answer has to come out of it at once. One operation mostly works, several do not. This is why larger models are made to write their steps down: each token written is another
# run, and the text becomes their scratch paper.
#
# ### Order bias
#
# Six questions, each asked four times with its options rotated, so that the right one stands once at A, B, C and D. A model that knows the answer follows it around; a model that guesses at random takes each letter a quarter of the time. **Predict** how often this model takes A.
#

# %%
questions = {
    "Which of these is an animal?": "dog chair river bread",
    "Which of these can you eat?": "apple stone window road",
    "What colour is the sky on a clear day?": "blue red green black",
    "What do bees make?": "honey milk paper iron",
    "What is the capital of France?": "Paris London Rome Madrid",
    "Which planet do we live on?": "Earth Mars Venus Saturn",
}
letter_ids = [llm.tokenizer.encode(f" {letter}")[0] for letter in "ABCD"]
picked, right = [0, 0, 0, 0], 0
for question, options in questions.items():
    options = options.split()
    rotated = [
        options[-r:] + options[:-r] if r else options for r in range(4)
    ]  # the right option stands at place r
    texts = [
        question
        + "".join(f"\n{letter}. {option}" for letter, option in zip("ABCD", row))
        + "\nAnswer:"
        for row in rotated
    ]
    for place, choice in enumerate(
        next_probabilities(texts)[:, letter_ids].argmax(-1).tolist()
    ):
        picked[choice] += 1
        right += choice == place
print(f"picked A, B, C, D: {picked}; right {right} of {sum(picked)}")

first_words = {question: options.split()[0] for question, options in questions.items()}
asked = next_probabilities(
    [f"Question: {question}\nAnswer: The answer is" for question in questions]
)
best = [
    max(
        options.split(),
        key=lambda option: p[llm.tokenizer.encode(f" {option}")[0]].item(),
    )
    for p, options in zip(asked, questions.values())
]
print(
    "asked without letters, by the probability of the option's first token: right "
    f"{sum(b == f for b, f in zip(best, first_words.values()))} of {len(best)}"
)
show(
    plots.shares(
        list("ABCD"),
        [n / sum(picked) for n in picked],
        0.25,
        "share of questions",
        "Which letter does it pick? The right one is each letter a quarter of the time",
    ),
    alt="Share of questions in which the model picks the letter A, B, C or D. It picks "
    "A every time, though the right option stands at each letter equally often.",
)

# %% [markdown]
# The letter decides, not the option behind it. Larger models are less blunt, but Zheng et al. (2023) found that models a hundred times this size also prefer certain letters, not all of them A. The second line asks the same questions by the probability of the option itself:
# how a question is put may matter more than what the model knows. Whoever measures a model with multiple choice must rotate the options.
#
# ### What is past its training data
#
# A model knows the world up to the day its training text was collected. SmolLM2 was released in late 2024. Which year does it take today to be? Digits are single tokens here, so the probability of a year is that of its third digit times that of its fourth.
#

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
print(
    "The latest version of the iPhone is the iPhone"
    + complete(llm, "The latest version of the iPhone is the iPhone", 3)
)
show(
    plots.years(by_year, 2024),
    alt="Probability of each year from 2000 to 2039 as the year of today's date. It "
    "rises to a peak in 2023 and drops sharply after 2024.",
)

# %% [markdown]
# The probability peaks at 2023 and falls off a cliff after 2024. Whatever happened afterwards it can only invent, in the tone of the first failure. Giving the model today's facts in its prompt (retrieval) helps; asking it more sternly does not.
#
# ## 6.11 Your pieces in the engine
#
# Your `sample` is now the engine's. Greedy, it must say what `transformers` says; drawn, it must say the same for the same seed, with or without a cache.
#

# %%
from llmlib.course.engine_check import same_ids

mine = llm.using(sampling=sample)
same_ids(mine, ["The capital of France is", "def add(a, b):"], max_new_tokens=4)
ids = llm.tokenizer.encode("The future of AI is")
settings = {"temperature": 0.8, "top_k": 50, "top_p": 0.95, "seed": 11}
print(
    "your loop and the engine's, same seed:",
    list(generate(llm, ids, 6, **settings))
    == list(generation.generate(mine, ids, 6, **settings)),
)

# %% [markdown]
# ## What you have now
#
# - A draw is a number between 0 and 1 that falls into a stretch. A seed makes it repeatable, a generator of one's own keeps it so.
# - Temperature divides logits. At 0 only the largest is left; above 1 the tail of tens of thousands takes over.
# - Top-k keeps a number, top-p a mass (with the token that crosses it), min-p a ratio. Temperature comes first, and the order matters.
# - Generation is a loop: run, sample, append; three stops; one token at a time, hence streaming.
# - The likeliest text is not the best one: greedy and beam search are dull and repeat themselves.
# - Every job is a continuation, and so is every failure: the model says what is likely, not what is so.
#
# **The road so far:** text → ids (1) → vectors (2) → attention (3) in layers (4) → logits (5) → **the next id (6)** → and again. Notebook 7 makes it fast.
#
# ### Three questions to think about
#
# 1. With `top_p = 0.9` at every step, what share of all texts of 20 tokens, by probability, can still be written? (Not 0.9.)
# 2. Temperature 0 and seed 0 give the same text on your machine today. Name two things that could change it tomorrow.
# 3. A speech recogniser listens to its own guess before it writes the next word. Would beam search help there more than in a chat? Why?
#
# ### Papers
#
# - Holtzman et al. 2019, *The Curious Case of Neural Text Degeneration*, [arXiv:1904.09751](https://arxiv.org/abs/1904.09751): nucleus sampling
# - Fan et al. 2018, *Hierarchical Neural Story Generation*, [arXiv:1805.04833](https://arxiv.org/abs/1805.04833): top-k
# - Nguyen et al. 2024, *Min-p Sampling*, [arXiv:2407.01082](https://arxiv.org/abs/2407.01082)
# - Keskar et al. 2019, *CTRL*, [arXiv:1909.05858](https://arxiv.org/abs/1909.05858): the repetition penalty
# - Brown et al. 2020, *Language Models are Few-Shot Learners*, [arXiv:2005.14165](https://arxiv.org/abs/2005.14165)
# - Zheng et al. 2023, *Large Language Models Are Not Robust Multiple Choice Selectors*, [arXiv:2309.03882](https://arxiv.org/abs/2309.03882)
#

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done. `llmlib check` does the same in a terminal, with the mistake that each failing check names.

# %% tags=["nbval-ignore-output"]
from llmlib.course.progress import show as show_progress

show_progress()
