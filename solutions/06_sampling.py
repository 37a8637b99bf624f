# %% [markdown] makes="the next id" shape="[batch]"
# # 6 · Sampling
#
# At every step the model scores each of its tokens, and one has to be picked. A dozen lines that you write decide whether the
# same model sounds like a clerk, a poet or a broken radio.
#
# ![Three strips from 0 to 1, each cut into stretches for a, the, cat, moon, zebra. At temperature 0.4 the stretch of a takes three quarters, at 2.5 the stretch of a is only three times as long as that of zebra. A dashed line at u = 0.82 falls into "the" at 0.4, into "cat" at 1, into "moon" at 2.5.](attachment:strips.png)
#
# **You will build** the draw, temperature, three filters, and the loop that writes. In one experiment you propose the control
# yourself.
#
# **You need** notebook 5: logits, softmax and $\ln p$.
#
# **It takes** about 225 minutes. *Further*, after the recap, is extra: about 284 more.
#
# First the real model. The same prompt, four ways to pick:

# %% folded="Set-up: the real model"
from llmlib import complete, pretrained
from classroom.predict import predict, predictions, reveal

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
# The first takes the likeliest token every time. The second and third differ only in their seed. In the last, unlikely tokens
# have become likelier, and the text falls apart.

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
# Softmax turns the logits into probabilities, $p_i$ for token $i$. One random number is enough to pick token $i$ with
# probability $p_i$.
#
# Lay all tokens end to end, in order of their ids, each as long as its probability. Together they are 1 long. A random number
# $u$ between 0 and 1 falls into one of them: that token is drawn. Move $u$. (Colours only tell neighbours apart.)

# %%
from llmlib.widgets import sampling_lab

prompts = ["The capital of France is", "Once upon a time, there was a"]
next_logits = {
    text: llm(llm.tokenizer.encode(text))[0, -1] for text in prompts
}  # each [vocab]
paris, story = next_logits.values()
u = 0.6
rows = {f"{text} …": softmax(z) for text, z in next_logits.items()}
sampling_lab(llm.tokenizer, rows, u)

# %% [markdown]
# In the first text the model is sure, and most $u$ draw " Paris". In the second it is not. A good rule must work for both.

# %% [markdown]
# ### Exercise 6.1 · `draw` · ●●○ · 14 min
#
# One stretch per token, in order of ids, each as long as its probability: draw the token into which `u` falls.
#
# | | shape | |
# |---|---|---|
# | `probabilities` | `[batch, vocab]` | each row sums to 1, up to rounding |
# | `u` | `[batch]` | one number in [0, 1) per row |
# | returns | `[batch]` | the ids drawn |
#
# A stretch includes its start but not its end. Rounded probabilities may sum to a little less than 1. Then scale `u` by the sum
# of its row, so that it never lies beyond the last edge.
#
# **By hand**, for the row `[0.5, 0.3, 0.2]`:
#
# | token | its stretch | drawn, for instance, by |
# |---|---|---|
# | 0 | [0, 0.5) | `u = [0.0]` |
# | 1 | [0.5, 0.8) | `u = [0.5]`, `u = [0.6]` |
# | 2 | [0.8, 1) | `u = [0.8]` |
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
# That count is the answer. `u[:, None]` makes `u` a column, so that each row meets its own.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The last edge is the sum of the row, perhaps 0.9999. So compare the edges with `u` times that sum.
#
# </details>


# %% solution draw disallowed=["torch.multinomial", "llmlib.sampling.draw"]
def draw(probabilities, u):
    """Draw one id per row: probabilities [batch, vocab], u [batch] uniform in [0, 1) ->
    ids [batch]."""
    ### BEGIN SOLUTION
    edges = probabilities.double().cumsum(-1)  # where each stretch ends
    return (edges <= u.double()[..., None] * edges[..., -1:]).sum(-1)
    ### END SOLUTION


# %% test draw points=2
from exercises import sampling as cases

cases.check_draw(draw)
### BEGIN HIDDEN TESTS
import torch
from exercises import check

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
# ## 6.2 Temperature
#
# Divide all logits by a number $T$, the temperature. Below 1 the distribution gets sharper, above 1 flatter.
#
# ![Two tokens at three temperatures. At T = 0.5 their ratio is 4 to 1, at T = 1 it is 2 to 1, at T = 2 it is 1.41 to 1.](attachment:powers.png)
#
# Because $e^{z/T} = (e^z)^{1/T}$, each probability is raised to the power $1/T$, and all are scaled to sum to 1.


# %% given left_alone folded="Set-up: what lets the checks see whether your function changed its input"
def left_alone(function, logits, *settings):
    """Return the logits after your function of that name has worked on them."""
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
# ### Exercise 6.2 · `apply_temperature` · ●○○ · 8 min
#
# | | shape | |
# |---|---|---|
# | `logits` | `[..., vocab]` | any number of dimensions in front |
# | `t` | a number | 0 or more |
# | returns | like `logits` | a new tensor |
#
# As $T$ gets smaller, all the probability moves to the largest logit. So at `t = 0` keep **exactly one** largest logit of each
# row as it is and set the others to $-\infty$, whose softmax is 0. If several are equally large, any one will do. However small,
# a `t` above 0 divides.
#
# Here and in all filters that follow, leave `logits` as they are: your caller may need them again.
#
# **By hand:**
#
# | `logits` | `t` | returns |
# |---|---|---|
# | `[2, 4]` | 2 | `[1, 2]` |
# | `[1, 3, 2]` | 0 | `[-inf, 3, -inf]` |
#
# Not allowed: llmlib's `apply_temperature`.
#
# <details><summary>Hint 1</summary>
#
# `logits.argmax(-1, keepdim=True)` holds one index per row, even where two entries are equally large.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Start from a tensor that is `-math.inf` everywhere (`torch.full_like`). `gather` reads values at an index, `scatter` writes
# them there.
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
from exercises import sampling as cases

cases.check_apply_temperature(apply_temperature, left_alone)
### BEGIN HIDDEN TESTS
import torch
from exercises import check

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

# %%
predict(
    "tail",
    "T = 1.5: how much of the probability lies beyond the 100 likeliest tokens?",
    yours=0.1,
)

# %%
ranked = paris.argsort(descending=True)
row = softmax(apply_temperature(paris, 1.5))[ranked]
print(f"T = 1: beyond rank 100 {softmax(paris)[ranked][100:].sum():.3f}")
print(f"T = 1.5: beyond rank 100 {row[100:].sum():.3f}")
tail = row[100:] / row[100:].sum()
spread = (torch.arange(8) + 0.5) / 8  # eight numbers, evenly spaced
drawn = ranked[100:][draw(tail.expand(8, -1), spread)]
print("eight draws from there:", [llm.tokenizer.decode([i]) for i in drawn.tolist()])
reveal("tail", row[100:].sum().item(), 0.1)

# %% [markdown] reveals="tail"
# Four draws in ten come from beyond rank 100, the **tail**, where few tokens fit "The capital of France is". Even a thin tail does harm,
# because a text takes many draws: with one per cent of nonsense at each step, nearly a fifth of all texts of twenty tokens hold
# some.

# %% [markdown]
# **On the strip.** Your function makes these rows. The $u$ is the one from above. Grey stretches hold tokens too thin to show.

# %%
from llmlib.widgets import sampling_lab

rows = {}
for t in (0.5, 1.0, 1.5):
    rows[f"T = {t}"] = softmax(apply_temperature(paris, t))
sampling_lab(llm.tokenizer, rows, u)

# %% [markdown]
# **In your own words.** Put a beginning of your own between the quotes and run the cell. The engine writes on with your
# two functions at three temperatures. The slider changes the seed, so each position tells three other stories. Where does sense end: within a
# sentence, or within a word?

# %%
from llmlib.widgets import texts_lab

my_prompt = "The door opened, and"  # yours

rules = {}
for seed in (1, 2, 3, 4):
    for t in (0.3, 1.0, 2.0):
        rules[seed, f"T = {t}"] = seed, lambda z, t=t: apply_temperature(z, t)
texts_lab(llm, draw, my_prompt, "seed", rules)

# %% [markdown]
# ## 6.3 Filters: top-k, top-p, min-p
#
# Cut off the tail, and softmax spreads its probability over the survivors. Three filters differ in where the tail begins.
#
# ![The same ten sorted probabilities three times. Top-k 4 keeps the first four. Top-p 0.9 keeps six. Min-p 0.2 keeps the five that reach a red line at a fifth of the largest.](attachment:three_cuts.png)

# %% [markdown]
# ### Exercise 6.3 · `top_k` · ●●○ · 12 min
#
# Keep the `k` largest logits of each row (Fan et al. 2018).
#
# | | shape | |
# |---|---|---|
# | `logits` | `[..., vocab]` | |
# | `k` | an int, 1 or more | more than `vocab` keeps everything |
# | returns | like `logits` | kept logits unchanged, the rest $-\infty$ |
#
# **Exactly** `k` stay, even where logits are equal; which of these is up to you.
#
# **By hand:**
#
# | `logits` | `k` | returns |
# |---|---|---|
# | `[1, 4, 2, 3]` | 2 | `[-inf, 4, -inf, 3]` |
# | `[2, 2, 2]` | 1 | one of the three stays |
#
# Not allowed: llmlib's `top_k`. You may use `torch.topk`.
#
# <details><summary>Hint 1</summary>
#
# Comparing with the k-th largest value keeps too many when several logits equal it. Work with *positions* instead:
# `torch.argsort` and `torch.topk` give them. (`torch.topk` refuses a k beyond the vocabulary.)
#
# </details>
# <details><summary>Hint 2</summary>
#
# `.scatter(-1, positions, True)` on a bool tensor of zeros writes True at each position: that marks what stays.
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
from exercises import sampling as cases

cases.check_top_k(top_k, left_alone)
### BEGIN HIDDEN TESTS
import math
import torch
from exercises import check

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
# **On the real model.** One `k` for both prompts:

# %%
for text, logits in next_logits.items():
    p, after = softmax(logits), softmax(top_k(logits, 5))
    print(f"{text!r}: the 5 kept held {p[after > 0].sum():.2f} of the probability")

# %% [markdown]
# A fixed number cannot fit both; a fixed *share of the mass* adapts.
#
# ### Exercise 6.4 · `top_p` · ●●● · 25 min
#
# Nucleus sampling (Holtzman et al. 2019). The nucleus is the **smallest set of likeliest tokens whose probabilities add up to
# at least `p`**. Keep it, cut the rest.
#
# | | shape | |
# |---|---|---|
# | `logits` | `[..., vocab]` | |
# | `p` | a number, above 0, at most 1 | 1 keeps every token |
# | returns | like `logits` | kept logits unchanged, in their places; the rest $-\infty$ |
#
# **By hand**, with `p = 0.9`. The third token *crosses* `p`, so it still stays:
#
# | probability | running sum | |
# |---|---|---|
# | 0.5 | 0.5 | stays |
# | 0.3 | 0.8 | stays: not enough yet |
# | 0.15 | 0.95 | stays: now it is enough |
# | 0.05 | 1 | cut |
#
# Two traps. A running sum of rounded numbers can reach 1 before the last token, so treat `p = 1` on its own. And of four equally
# likely tokens `p = 0.4` keeps two, not all four.
#
# Not allowed: llmlib's `top_p`.
#
# <details><summary>Hint 1</summary>
#
# A token stays if the mass *before* it, without its own, has not reached `p` yet. The likeliest token has 0 before it: it always
# stays.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Sort first: `order = torch.argsort(logits, dim=-1, descending=True)`. With `cumsum`, what is the mass before each token?
#
# </details>
# <details><summary>Hint 3</summary>
#
# Your answer is then in sorted order. `.scatter(-1, order, …)` on a bool tensor of zeros sends each answer back to the place
# that its token came from.
#
# </details>


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
from exercises import sampling as cases

cases.check_top_p(top_p, left_alone)
### BEGIN HIDDEN TESTS
import math
import torch
from exercises import check

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
# **On the real model.** The curve is the probability of the first $n$ tokens together:

# %%
from llmlib.plots import sampling as plots
from llmlib.plots import show

nucleus = {
    text: int(torch.isfinite(top_p(logits, 0.9)).sum())
    for text, logits in next_logits.items()
}
show(plots.nucleus(next_logits, nucleus, 0.9))

# %% [markdown]
# The same `p` keeps ten tokens for one prompt and hundreds for the other. But the last token of a nucleus may be hundreds
# of times less likely than the first. You can also ask for that ratio directly.
#
# ### Exercise 6.5 · `min_p` · ●○○ · 7 min
#
# Keep the tokens that are at least `p` times as likely as the likeliest (Nguyen et al. 2024):
#
# ![Two bar charts with a red line at a fifth of the highest column. Sure: the highest is 0.80, the limit 0.16, and one token of five stays. Unsure: the highest is 0.24, the limit 0.05, and all five stay.](attachment:min_p_bar.png)
#
# | | shape | |
# |---|---|---|
# | `logits` | `[..., vocab]` | |
# | `p` | a number from 0 to 1 | 0 keeps everything, 1 only the likeliest and what equals it |
# | returns | like `logits` | kept logits unchanged, the rest $-\infty$ |
#
# **By hand.** The four tokens of exercise 6.4 with `p = 0.2`: the limit is a fifth of 0.5, so three tokens stay.
#
# Not allowed: llmlib's `min_p`.
#
# <details><summary>Hint 1</summary>
#
# Probabilities first. The largest of each row is `.amax(-1, keepdim=True)`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# A token that just reaches the limit stays: what is cut lies strictly below it.
#
# </details>


# %% solution min_p disallowed=["llmlib.sampling.min_p"]
def min_p(logits, p):
    """Keep tokens at least p times as likely as the likeliest of their row; the rest
    become -inf: [..., vocab] -> the same."""
    ### BEGIN SOLUTION
    probabilities = softmax(logits)
    limit = p * probabilities.amax(-1, keepdim=True)
    return logits.masked_fill(probabilities < limit, -math.inf)
    ### END SOLUTION


# %% test min_p points=1
from exercises import sampling as cases

cases.check_min_p(min_p, left_alone)
### BEGIN HIDDEN TESTS
import torch
from exercises import check

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
# **On the strip.** What each filter leaves of the story:

# %%
from llmlib.widgets import sampling_lab

cuts = {
    "no filter": story,
    "top-k 5": top_k(story, 5),
    "top-p 0.5": top_p(story, 0.5),
    "min-p 0.1": min_p(story, 0.1),
}
rows = {name: softmax(logits) for name, logits in cuts.items()}
sampling_lab(llm.tokenizer, rows, u)

# %% [markdown]
# ## 6.4 The order of the filters
#
# Two engines disagree on where the temperature goes.
#
# ![Two rows of boxes. transformers: temperature, top-k, top-p, min-p, draw. llama.cpp: top-k, top-p, min-p, temperature, draw.](attachment:two_orders.png)
#
# ### Exercise 6.6 · `filter_logits` · ●●○ · 10 min
#
# The order of `transformers`: **temperature, top-k, top-p, min-p**. Each filter works on what the previous one has left.
#
# | | | |
# |---|---|---|
# | `logits` | `[..., vocab]` | |
# | `temperature` | a number | 1 changes nothing |
# | `k`, `p`, `p_of_largest` | the settings of `top_k`, `top_p`, `min_p` | `None` switches that filter off |
# | returns | like `logits` | |
#
# **By hand**, temperature 0.5 and `p = 0.9`. Temperature squares the probabilities, and they are scaled to sum to 1:
#
# | | probabilities | top-p keeps |
# |---|---|---|
# | as they are | 0.5, 0.3, 0.15, 0.05 | three |
# | after the temperature: **yours** | 0.685, 0.247, 0.062, 0.007 | **two** |
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
# A filter that is off must not run: check `is not None`.
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
from exercises import sampling as cases

cases.check_filter_logits(filter_logits, left_alone)
### BEGIN HIDDEN TESTS
import torch
from exercises import check

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
# **On the real model.** The filters of `transformers`, in the same order, keep the same tokens as yours:

# %%
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

both = torch.stack(list(next_logits.values()))
theirs = [TemperatureLogitsWarper(1.2), TopKLogitsWarper(50)]
theirs += [TopPLogitsWarper(0.9), MinPLogitsWarper(0.05)]
ours = filter_logits(both, 1.2, 50, 0.9, 0.05)
print("survivors:", torch.isfinite(ours).sum(-1).tolist())
print("same:", torch.equal(ours, LogitsProcessorList(theirs)(None, both)))

# %%
predict(
    "order",
    "Story prompt, temperature 1.5, min-p 0.1. How many tokens are left in llama.cpp's "
    "order, compared with transformers'?",
    {"A": "as many", "B": "about a third", "C": "three times as many"},
    yours="A",
)

# %%
from llmlib.widgets import sampling_lab


def llama_cpp_order(logits, temperature, *filters):
    return apply_temperature(filter_logits(logits, 1.0, *filters), temperature)


kept, rows = {}, {}
for name, values in {
    "top-k 5": (1.5, 5, None, None),
    "top-p 0.5": (1.5, None, 0.5, None),
    "min-p 0.1": (1.5, None, None, 0.1),
}.items():
    both = [order(story, *values) for order in (filter_logits, llama_cpp_order)]
    kept[name] = [int(torch.isfinite(left).sum()) for left in both]
    print(f"T = 1.5, {name}: first {kept[name][0]:>5,}, last {kept[name][1]:>5,}")
for place, left in zip(("first", "last"), both):
    rows[f"min-p 0.1, T = 1.5 {place}"] = softmax(left)
sampling_lab(llm.tokenizer, rows, u)
ratio = kept["min-p 0.1"][1] / kept["min-p 0.1"][0]
reveal("order", "A" if ratio > 0.8 else "B" if ratio < 0.5 else "C")

# %% [markdown] reveals="order"
# Top-k does not care about the order, since temperature keeps the ranking. Top-p and min-p do. So "temperature 1.5, min-p 0.1"
# may mean something else in another engine.

# %% [markdown]
# **By their texts.** Both orders write on from the story with the same random numbers and min-p 0.1. At temperature 1 they agree. Move the
# temperature up, and read.

# %%
from llmlib.widgets import texts_lab

orders = {"temperature first": filter_logits, "temperature last": llama_cpp_order}
rules = {}
for t in (1.0, 1.5, 2.0, 2.5):
    for name, order in orders.items():
        rules[t, name] = 2, lambda z, t=t, order=order: order(z, t, None, None, 0.1)
texts_lab(llm, draw, prompts[1], "temperature", rules)

# %% [markdown]
# Both texts of a temperature begin from one model and one filter. With the temperature last, the filter sees the model's own
# probabilities and cuts as much as at temperature 1. With the temperature first, it sees a flatter distribution and lets more of
# the tail through.

# %% [markdown]
# ### Exercise 6.7 · `sample` · ●○○ · 6 min
#
# What the engine calls at every step: filter, softmax, draw.
#
# | | shape | |
# |---|---|---|
# | `logits` | `[batch, vocab]` | leave them as they are |
# | `u` | `[batch]` | one number in [0, 1) per row |
# | `temperature`, `top_k`, `top_p`, `min_p` | `temperature` a number, the others numbers or `None` | for `filter_logits` |
# | returns | `[batch]` | ids |
#
# The default temperature is 0: the likeliest token, whatever `u` says. This is **greedy** decoding.
#
# *Inside* this function `top_k`, `top_p` and `min_p` are the settings, and hide your functions of the same name.
#
# **By hand**, one row with the probabilities 0.5, 0.3, 0.2 and `temperature=1`:
#
# | `u` | `top_k` | returns |
# |---|---|---|
# | `[0.6]` | `None` | `[1]` |
# | any | 1 | `[0]` |
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
# At temperature 0 the filter leaves one token per row. What does your draw do with it?
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
from exercises import sampling as cases

cases.check_sample(sample, left_alone)
### BEGIN HIDDEN TESTS
import torch
from exercises import check

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
# ## 6.5 The loop that writes
#
# Append the token, and ask again. This is **autoregressive** generation: one token per step, each waiting for the one before. That is
# why answers *stream* onto your screen.
#
# ![Boxes in a ring: the text so far, the model, the logits of the last position, sample, the new token, which is yielded and appended to the text.](attachment:the_loop.png)
#
# The ring takes six lines of Python:


# %%
def simple_loop(model, ids, max_new_tokens):
    for _ in range(max_new_tokens):
        logits = model(ids)[:, -1]  # after the last token: [1, vocab]
        new = logits.argmax(-1).item()  # greedy
        ids = ids + [new]  # a new list: the caller's stays as it is
        yield new


question = "What is the capital of France?"
chat = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
new = list(simple_loop(llm, llm.tokenizer.encode(chat), 30))
print(llm.tokenizer.decode(new))

# %% [markdown]
# A function with `yield` in it returns an iterator. It runs up to the next `yield` whenever it is asked for one more token. That
# is how a chat page can show each word at once.
#
# The loop writes, and it lacks four things. You see the first: the answer is over at `<|im_end|>`, a stop token. The loop goes on and
# makes up what a user might say next.

# %% given generate_from_table folded="Set-up: a toy model, a table of next-token logits, on which your loop can be checked"
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
# ### Exercise 6.8 · `generate` · ●●● · 24 min
#
# Start from `simple_loop` and add one thing at a time. Each step can be tried before the next.
#
# | | add | because otherwise |
# |---|---|---|
# | 1 | **the stop**: after an id in `model.config.stop_ids` has been picked and yielded, return | it writes the user's next turn as well |
# | 2 | **the context**: stop when the text, prompt included, is `model.config.context` tokens long | it goes where the model was never trained |
# | 3 | **the draw**: `sample` with the settings, in place of `argmax`, and a fresh `u` at each step | it writes the same text every time |
# | 4 | **the seed**: `u` comes from a generator of your own | nobody can repeat a text that was drawn |
#
# | | | |
# |---|---|---|
# | `model` | `model(ids)` takes a list of ids | and returns logits `[1, seq, vocab]` |
# | `ids` | a list of ints | the prompt; leave it as it is |
# | `max_new_tokens` | an int | ids to make at most, *without* the prompt |
# | `temperature`, `top_k`, `top_p`, `min_p` | | the settings of `sample` |
# | `seed` | an int or `None` | the same seed, 0 included, gives the same text; `None` another each time |
# | yields | ints | each new id as soon as it is picked |
#
# A draw is `torch.rand(1, generator=generator)`. Make one generator for the whole text. Other people's draws must not
# change your text, so `torch.manual_seed`, which all share, will not do.
#
# **By hand**, with a toy in which every id is followed by the next larger one. `generate(toy, [0, 1], 3)` yields:
#
# | the toy's `config` | yields |
# |---|---|
# | nothing stops it early | 2, 3, 4 |
# | `stop_ids = (3,)` | 2, 3 |
# | `context = 3` | 2 |
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
# How many steps at most? The smaller of `max_new_tokens` and what the context has room for: one `for` loop covers two of the
# three stops.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `ids + [new]` makes a new list, `ids.append(new)` changes the caller's. Yield before you check for a stop token.
#
# </details>


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
from exercises import sampling as cases

cases.check_generate(generate_from_table)
### BEGIN HIDDEN TESTS
import torch
from exercises import check

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
# **On the strip.** The next three draws after the story, with top-k 5. All three share one $u$, so that you see what it does. Move it: from
# the first token that changes, the text is different. A real text gets a fresh $u$ at each step.

# %% folded="Three draws in a row, for each u"
from functools import lru_cache

from llmlib.widgets import sampling_lab


@lru_cache(maxsize=None)
def next_row(ids):
    return softmax(filter_logits(llm(list(ids))[0, -1], 1.0, k=5))


def three_draws(u):
    ids, rows = tuple(llm.tokenizer.encode(prompts[1])), {}
    for _ in range(3):
        rows[f"{llm.tokenizer.decode(ids)} …"] = p = next_row(ids)
        ids += (draw(p[None], torch.tensor([u])).item(),)
    return rows


sampling_lab(llm.tokenizer, three_draws, u)

# %% [markdown]
# Your loop runs every old token again at every step. Notebook 7 repairs that with a cache. In `transformers`, `max_length` counts
# the prompt as well; `max_new_tokens` does not.
#
# ### Greedy goes in circles
#
# If you always take the likeliest token, the text can run into a loop. After "In the morning I" it does:
#
# ![The words I was driving down the highway and a full stop, in a ring of arrows. In its middle: the likeliest token, every time.](attachment:ring.png)
#
# Here is that phrase six times over.

# %%
predict(
    "copies",
    "The tokens of the phrase have about 0.2 each the first time (geometric mean). "
    "What do they have the sixth time?",
    yours=0.9,
)

# %%
from llmlib.demonstrations.sampling import chances

start, phrase = "In the morning I was in the car.", " I was driving down the highway."
head, body = llm.tokenizer.encode(start), llm.tokenizer.encode(phrase)
by_copy = chances(llm, head, [body] * 6)
print("copies 1 to 6:", [f"{each:.2f}" for each in by_copy])
reveal("copies", by_copy[-1], within=0.1)

# %% [markdown] reveals="copies"
# Each copy makes the next one likelier. There are at least two explanations:
#
# - **Words.** A word already in the text gets likelier anywhere.
# - **Order.** The model reads off what followed the last token before.

# %% [markdown]
# ### Experiment 6.9 · `control_copies` · ●●○ · 15 min
#
# Propose the control that tells the two explanations apart: other copies, for which *words* predicts the same as for the
# phrase, and *order* does not. (The *words* explanation predicts about one in seven for a phrase of seven tokens, in any order.)
#
# | | | |
# |---|---|---|
# | `body` | a list of ids | the phrase, at least seven of them, all different |
# | `n` | an int | how many copies |
# | `seed` | an int | for random numbers, if you want some |
# | returns | `n` lists of ids | your copies, the first one first |
#
# Each copy is as long as the phrase. No copy may equal the phrase or another copy. The check runs both explanations, as two
# small programs, on your copies: *order* looks up what followed the last one, two or three ids before. If both explanations predict
# the same, so that no result could tell them apart, the check says so.
#
# **By hand**, an attempt that fails, with `body = [5, 6, 7, 8, 9]`: new words each time, `[[1, 2, 3, 4, 0], [11, 12, …], …]`.
# Neither explanation predicts that the last copy is likely. Whatever comes out, you do not know why.
#
# <details><summary>Hint 1</summary>
#
# *Words* must have as much to go on as with the phrase. What does that say about the ids of each copy?
#
# </details>
# <details><summary>Hint 2</summary>
#
# *Order* must find nothing to read off. What would it find if all your copies were alike?
#
# </details>


# %% solution control_copies disallowed=[]
def control_copies(body, n, seed):
    """n lists of ids: your copies, in place of n copies of `body`."""
    ### BEGIN SOLUTION
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(body), generator=generator) for _ in range(n)]
    return [[body[i] for i in order] for order in orders]
    ### END SOLUTION


# %% test control_copies points=2
from exercises import sampling as cases

cases.check_control_copies(control_copies, range(10, 18), 6, 0)
cases.check_control_copies(control_copies, [3, 1, 4, 15, 9, 2, 6], 6, 1)
### BEGIN HIDDEN TESTS
for _seed in range(12):
    cases.check_control_copies(
        control_copies,
        [7 * i + _seed for i in range(8 + _seed % 4)],
        5 + _seed % 3,
        _seed,
    )
### END HIDDEN TESTS

# %% [markdown]
# **On the real model.** Your copies with three seeds, and one more control of ours: a nonsense order of the same words, the
# *same* one six times. Then all of it again as an answer in the model's chat template, which the next section explains.

# %%
from llmlib.demonstrations.sampling import TEMPLATE


def mean_of(copies):
    """Return the mean over three seeds of what `chances` says of copies(seed)."""
    runs = torch.tensor([chances(llm, head, copies(seed)) for seed in range(3)])
    return runs.mean(0).tolist()


curves = {}
for arm, before in {
    "": start,
    ", template": TEMPLATE.format("Tell me about your morning.", start),
}.items():
    head = llm.tokenizer.encode(before)
    curves["the phrase" + arm] = chances(llm, head, [body] * 6)
    curves["your copies" + arm] = mean_of(lambda s: control_copies(body, 6, s))
    curves["one nonsense order" + arm] = mean_of(
        lambda s: [control_copies(body, 6, s)[0]] * 6
    )
show(plots.copies(curves))
for arm, name in {"": "plainly", ", template": "in the template"}.items():
    highest = max(curves["your copies" + arm])
    print(f"{name}: the phrase reaches {curves['the phrase' + arm][-1]:.2f},", end=" ")
    print(f"your copies {highest:.2f} at most")
    if highest > 0.3:
        print("    that is high for copies without an order: what do yours share?")

# %% [markdown]
# In both arms the phrase rises to about 0.9, and copies without a common order stay low. A reader who knows the
# seven tokens but not their order gives each one chance in seven, or 0.30 in the geometric mean after leaving out those already in the copy. Your copies stay below
# even that, unless the line above says otherwise.
#
# So the *words* alone do not make the phrase near certain: the *order* does. That order need not make sense. Here a nonsense order rises as
# high, from a lower start.
#
# ## 6.6 Ask forty times, in two ways
#
# The numbers hold for this model only. It was trained on conversations in a fixed form, its **chat template**:
#
# ```
# <|im_start|>user
# What is 3 + 4?<|im_end|>
# <|im_start|>assistant
# 3 + 4 =
# ```
#
# If you ask it in another form, the form may be to blame. So each question is asked in two arms: *plainly*, one sentence after
# the other, and *in the template*. The words are the same, and in both arms we begin the answer. One answer proves little, so
# we draw many.
#
# "… was born in the year 1": text that begins like this goes on with three digits, whether the model knows them or not. That is
# what **hallucination** is: a likely continuation where the model does not know. One answer does not tell knowing from guessing. Would
# forty?

# %%
predict(
    "forty",
    "Forty draws at T = 1 in the template for Elwin Thackeray, who never lived: how "
    "many different years?",
    yours=35,
)

# %%
from llmlib.demonstrations.sampling import PEOPLE, years

counts = {}
for name, truth in PEOPLE.items():
    for arm in ("plainly", "in the template"):
        drawn = years(llm, name, arm, 40, draw)  # answers that are no year are left out
        often = sorted(set(drawn), key=lambda year: (-drawn.count(year), year))
        counts[f"{name}, {arm}"] = [drawn.count(year) for year in often]
        print(f"{name:<18} {arm:<15} most often {often[0]}   ({truth})")
show(plots.answers(counts, 40))
reveal("forty", len(counts["Elwin Thackeray, in the template"]), within=5)

# %% [markdown] reveals="forty"
# For Einstein the draws agree in both arms, and they are right. The years of the two who never lived scatter. Ada Lovelace lived:
# in the template about half of the draws agree on a year, and it is wrong.
#
# So agreement says how firm an answer is. It is a sign that the answer is right, and no proof. *Self-consistency* (Wang et al. 2022) and *semantic entropy*
# (Kuhn et al. 2023) use it, and share this limit.

# %% [markdown]
# ## 6.7 Your pieces in the engine
#
# Your `sample` is now the engine's.
#
# ![Boxes in a row: logits, filter_logits, softmax, draw, the next id.](attachment:inside_sample.png)

# %%
from llmlib import generation
from classroom.engine_check import same_ids

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
# - A draw is a number between 0 and 1 that falls into a stretch. Temperature divides logits; above 1 the tail gains.
# - Top-k keeps a number, top-p a probability, min-p a ratio. Where the temperature stands among them changes what survives.
# - The loop draws, appends, and asks again. Greedy can go in circles: what was written once is read off.
# - Ask a chat model in its template *and* plainly, many times, before you say what it can do. Agreement is not truth.
# - A control helps if two explanations predict different results for it.
#
# **Next:** the loop gets a cache, and the model gets larger: notebook 7.
#
# ## Questions to think about
#
# 1. With `top_p = 0.9` at every step, what share of all texts of 20 tokens, by probability, can still be written? (Not 0.9.)
# 2. Temperature 0 and seed 0 give the same text on your machine today. Name two things that could change it tomorrow.
# 3. A model answers "yes" to 19 of 20 questions. What do you ask before you believe it?
#
# <details><summary>Answers</summary>
#
# 1. At each step at least 0.9 is kept, and more where one token alone holds more: a token of 0.99 keeps all of its 0.99. So at
#    least $0.9^{20} = 0.12$. How much more depends on how sure the model is along the way: with 15 steps at 0.99 and 5 at 0.92
#    it is 0.57.
# 2. Another version of torch or another processor adds up in another order, and a near-tie of two logits falls the other way;
#    other texts in the same batch may do the same. Other weights (a new release, another rounding). Another default
#    of the engine, such as a penalty on repetition, which acts at temperature 0, too.
# 3. The same questions reversed ("Is it false that …"): if its answers were right, it now says yes only once. If it says yes to
#    both, you have measured a habit.
#
# </details>
#
# ## To read
#
# - Holtzman et al. 2019, *The Curious Case of Neural Text Degeneration*, [1904.09751](https://arxiv.org/abs/1904.09751)
# - Schaeffer et al. 2025, *Min-p, Max Exaggeration*, [2506.13681](https://arxiv.org/abs/2506.13681)
#
# <details><summary>The other papers that this notebook cites</summary>
#
# - Fan et al. 2018, *Hierarchical Neural Story Generation*,
#   [1805.04833](https://arxiv.org/abs/1805.04833): top-k
# - Nguyen et al. 2024, *Turning Up the Heat: Min-p Sampling*, [2407.01082](https://arxiv.org/abs/2407.01082)
# - Wang et al. 2022, *Self-Consistency*, [2203.11171](https://arxiv.org/abs/2203.11171); Kuhn et al. 2023, *Semantic
#   Uncertainty*, [2302.09664](https://arxiv.org/abs/2302.09664)
# - Zhao et al. 2018, *Gender Bias in Coreference Resolution: Evaluation and Debiasing Methods*,
#   [1804.06876](https://arxiv.org/abs/1804.06876): occupations and pronouns
# - Keskar et al. 2019, *CTRL*, [1909.05858](https://arxiv.org/abs/1909.05858): the repetition penalty
# - Stahlberg & Byrne 2019, *On NMT Search Errors and Model Errors: Cat Got Your Tongue?*,
#   [1908.10090](https://arxiv.org/abs/1908.10090); Wu et al. 2016, [1609.08144](https://arxiv.org/abs/1609.08144): beams
# - Willard & Louf 2023, *Efficient Guided Generation for Large Language Models*,
#   [2307.09702](https://arxiv.org/abs/2307.09702): constraints by regular expressions and grammars
#
# </details>

# %% [markdown]
# ## How your predictions went

# %%
predictions()

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done. `llmlib check` does the same in a terminal, and names the mistake behind each failing check.

# %% tags=["nbval-ignore-output"]
from classroom.checking.check_notebooks import show as show_progress

show_progress()

# %% [markdown]
# ## Further
#
# Nothing later needs these pieces, and they give no points. Each stands by itself.

# %% [markdown]
# ### A step of logic, or a copy? · 29 min
#
# "All birds have feathers. A robin is a bird. Therefore, a robin has" → " feathers". Is that reasoning? Two explanations:
#
# - **A copier** writes the part that the last rule names.
# - **A reasoner** writes what follows from the premises, and something else where nothing follows.
#
# ### Experiment 6.10 · `control_premises` · ●●○ · 14 min
#
# Propose premises for which the two must answer differently.
#
# | | | |
# |---|---|---|
# | `one`, `kind` | words | "robin", "bird" |
# | `kinds`, `part` | words | "birds", "feathers" |
# | returns | a text | the premises, one sentence or more |
#
# Sentences have one of these forms: "All … have ….", "No … have ….", "A … is a ….", "A … is not a ….". You may use other words,
# such as "cars", "wheels", "car".
#
# **By hand**, an attempt that fails: "All robins have feathers. A robin is a bird." A copier says feathers. What would a reasoner
# say? The check reads your premises with both, as small programs, and says where they agree.
#
# <details><summary>Hint 1</summary>
#
# Keep what the copier relies on. What can change in a premise so that nothing follows, or something else?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Change one word. Or let two rules stand, of which the last one does not fit.
#
# </details>


# %% solution control_premises disallowed=[]
def control_premises(one, kind, kinds, part):
    """Premises after which a copier and a reasoner go on differently -> a text."""
    ### BEGIN SOLUTION
    return f"No {kinds} have {part}. A {one} is a {kind}."
    ### END SOLUTION


# %% test control_premises points=0
from exercises import sampling as cases

cases.check_control_premises(control_premises, "robin", "bird", "birds", "feathers")
cases.check_control_premises(control_premises, "oak", "tree", "trees", "leaves")
### BEGIN HIDDEN TESTS
for _words in ("carp fish fish scales", "lion cat cats claws", "zog wug wugs fims"):
    cases.check_control_premises(control_premises, *_words.split())
### END HIDDEN TESTS

# %% [markdown]
# **On the real model.** Ten kinds, such as birds, fish and trees, 20 draws for each in each arm. The other rows are ours: "No
# …" in place of "All …", then a second rule about cars after the first, then a sentence with wheels that is no rule. If your own last
# rule is about another part, a copier seldom writes the first row's part. (Every kind gets "a", even "a insect".)

# %%
from llmlib.demonstrations.sampling import KINDS, after_premises

asked = {}
for each in KINDS:
    kind, kinds, part, one = each.split()
    rule, case = f"{kinds} have {part}.", f"A {one} is a {kind}."
    for name, premises, word in (
        ("as it stands: the part", f"All {rule} {case}", part),
        ("your premises: the part", control_premises(one, kind, kinds, part), part),
        ("“No …”: the part", f"No {rule} {case}", part),
        ("“No …”: “no”", f"No {rule} {case}", "no"),
        ("as it stands: “no”", f"All {rule} {case}", "no"),
        (
            "a rule on cars: “wheels”",
            f"All {rule} All cars have wheels. {case}",
            "wheels",
        ),
        (
            "no rule on wheels: “wheels”",
            f"All {rule} The shop sells wheels. {case}",
            "wheels",
        ),
    ):
        asked.setdefault(name, []).append((premises, word))
shares = {n: after_premises(llm, draw, *zip(*each)) for n, each in asked.items()}
show(plots.two_arms(shares))

# %% [markdown]
# With "No" the part still comes often, in both arms, where a reasoner would not write it. In the template " no" comes instead
# in some draws, and hardly ever after "All": so the word is not lost on the model.
#
# After a rule about cars many draws are wheels. A reasoner would not write them. A copier of the last rule would. But wheels come about
# as often after "The shop sells wheels.", which is no rule. So for
# wheels no rule is needed: having been named is enough. An explanation that fits still needs a control of its own. **One right answer is never a test.**
#
# ### More failures · 10 min
#
# Four more, each asked in both arms:

# %%
from llmlib.demonstrations.sampling import failures

show(plots.two_arms(failures(llm, draw)))

# %% [markdown]
# - **Arithmetic.** Of all sums such as 3 + 4 and all differences such as 9 − 4, more draws are right in the template. With two
#   operations, fewer than one draw in five is right in either arm, and always saying the commonest result would do about as well. The answer has to be
#   computed in one pass through 30 layers, which is one reason why models are made to write their steps down.
# - **Multiple choice.** Each question is asked four times, with the right option at A, B, C and D. A model that knows the answer
#   follows it from letter to letter. Asked plainly, this model seldom answers with a letter. In the template it mostly does, is right
#   no more often than by guessing, and prefers one letter wherever the right option stands. (The interval is over four
#   questions.)
# - **Social bias.** " she" comes more often after a nurse and five other occupations that are thought of as women's than
#   after a carpenter and five that are thought of as men's (Zhao et al. 2018): the model learned which pronoun
#   follows which word, and passes it on.
# - **The end of its data.** SmolLM2 was released in late 2024, and seldom says a later year. With these weights, what happened afterwards
#   can only come from the prompt.

# %% [markdown]
# ### A penalty on repetition · 25 min
#
# A loop can be made unlikely: lower the logit of each token that the text already holds (Keskar et al. 2019).

# %% [markdown]
# ### Exercise 6.11 · `repetition_penalty` · ●●○ · 12 min
#
# | | shape | |
# |---|---|---|
# | `logits` | `[batch, vocab]` | leave them as they are |
# | `ids` | `[batch, seq]` | the text so far, one per row |
# | `penalty` | a number | above 1 discourages repetition, 1 changes nothing |
# | returns | `[batch, vocab]` | a new tensor |
#
# A positive logit is **divided** by `penalty`, a negative one **multiplied**: either way it falls, and only once.
#
# **By hand**, with a penalty of 2:
#
# | | |
# |---|---|
# | `logits` | `[[4, -1, 2]]` |
# | `ids` | `[[0, 1, 0]]` |
# | returns | `[[2, -2, 2]]` |
#
# Not allowed: `transformers`' processor, llmlib's `repetition_penalty`.
#
# <details><summary>Hint 1</summary>
#
# Which tokens occur in each row? Writing True twice at one place, with `scatter`, is the same as once.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.where(condition, a, b)` picks entry by entry. There are three cases.
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


# %% test repetition_penalty points=0
from exercises import sampling as cases

cases.check_repetition_penalty(repetition_penalty, left_alone)
### BEGIN HIDDEN TESTS
import torch
from exercises import check

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
# **On the real model.** Left alone, each of these six texts runs into a loop within 60 tokens: its last eight tokens have come
# before, in that order. Now with a penalty of 1.1:

# %%
predict(
    "penalty",
    "Six texts that loop without a penalty: how many still loop at 1.1?",
    yours=0,
)

# %%
from llmlib.demonstrations.sampling import STARTS, greedy_texts, in_a_loop

made = greedy_texts(
    llm, STARTS, 60, lambda logits, ids: repetition_penalty(logits, ids, 1.1)
)
for start, new in made.items():
    loop = "a loop" if in_a_loop(new) else "no loop"
    print(f"{loop:<8} {start} … {llm.tokenizer.decode(new[-24:])!r}")
reveal("penalty", sum(map(in_a_loop, made.values())), within=0)

# %% [markdown] reveals="penalty"
# In these 60 tokens a little penalty ends most of the loops, not all. One text walks "around the town of Ashwood" until the end.
#
# It is a rule of thumb. Adding 5 to all logits changes no probability, yet it changes what the penalty does. And it counts every
# "the" as well.

# %% [markdown]
# ### Beam search: looking ahead · 115 min
#
# The likeliest next token need not begin the likeliest text.
#
# ![A tree of two steps. Token 0 with 0.6 leads to token 0 with 0.35, together 0.21: greedy goes this way. Token 1 with 0.4 leads to token 2 with 0.9, together 0.36: width 2 keeps this one, too.](attachment:beam_by_hand.png)
#
# A text's log-probability is the sum of its tokens'. **Beam search** keeps the `width` best beginnings instead of one. At each
# step every beginning is continued by every token, and the `width` best of all those survive.


# %% given beam_search_from_table folded="Set-up: the toy for beam search"
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
# ### Exercise 6.12 · `beam_search` · ●●● · 45 min
#
# | | | |
# |---|---|---|
# | `model` | as in `generate` | `model(batch)` takes a tensor `[batch, seq]` as well, and returns `[batch, seq, vocab]` |
# | `ids` | a list of ints | the prompt; leave it as it is |
# | `max_new_tokens`, `width` | ints | how many continuations to keep: `width` |
# | returns | a list of at most `width` pairs `(new ids, score)` | best first; the score is the sum of the new tokens' log-probabilities |
#
# A continuation that ends in a token of `model.config.stop_ids` is finished: it is not continued, but stays in the race with
# its score, and takes one of the `width` places. `model.config.context` bounds the length as before.
#
# **By hand.** The tree above: `width = 1` ends with 0.21, `width = 2` with 0.36.
#
# Not allowed: llmlib's `beam_search`.
#
# <details><summary>Hint 1</summary>
#
# Start from `beams = [([], 0.0)]`: one empty continuation whose log-probability is 0. At each step build the list of candidates,
# sort it by score, keep the first `width`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `log_softmax(model(batch)[:, -1])` are the log-probabilities `[beams, vocab]`. Of each row only the `width` best can ever
# survive: `.topk(min(width, vocab))`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Two kinds of candidates: the finished beams as they are, and every unfinished one with each of its best tokens. What if none
# is unfinished?
#
# </details>


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


# %% test beam_search points=0
from exercises import sampling as cases

cases.check_beam_search(beam_search_from_table)
### BEGIN HIDDEN TESTS
import torch
from exercises import check

_g = torch.Generator().manual_seed(69)
for _stop in ((), (1,)):
    _t = torch.randn(4, 4, generator=_g) * 1.5
    _exact = cases.brute_force(_t, 3, 4, _stop)
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
# **On the real model.** From the opening of Darwin's *Journal of Researches* (1839), a search of width 3:

# %%
lead = llm.tokenizer.encode("The neighbourhood of Porto Praya, viewed from the sea,")
show(
    plots.beam_tree(
        llm.tokenizer, [beam_search(llm, lead, steps, 3) for steps in (1, 2, 3)]
    )
)

# %% [markdown]
# If likelier were better, beam search would write best. Take the course's paragraphs. Each is cut after its twelfth token, and
# three continuations of eight tokens are compared: the paragraph's own, beam search's, and draws at temperature 1.

# %%
predict(
    "human",
    "How likely does the model find the paragraphs' own words?",
    {
        "A": "far less likely than those of beam search: by over a nat per token",
        "B": "a little less likely",
        "C": "likelier: they are good English",
    },
    yours="C",
)

# %%
from pathlib import Path

import llmlib.data
from llmlib.demonstrations.sampling import surprise_of_writers

prose = Path(llmlib.data.__file__).with_name("prose.txt").read_text(encoding="utf-8")
found = surprise_of_writers(llm, beam_search, draw, prose.strip().split("\n\n"))
show(
    plots.differences(
        found, "surprise per token (nats), mean over paragraphs", "{:.2f}"
    )
)
human, searched, _ = (mean for mean, _, _ in found.values())
reveal("human", "C" if human < searched else "B" if human < searched + 1 else "A")

# %% [markdown] reveals="human"
# The paragraphs' own words are about as unlikely as drawn ones, or more, and far less likely than those of beam search. A writer who always said what the reader expects
# would say nothing. Holtzman et al. (2019) measured this on GPT-2: the likeliest text is bland and goes in circles.

# %% [markdown]
# **The likeliest answer.** Ask our chat model a question, as plain text:

# %%
predict(
    "empty",
    '"What do bees make?" with beam width 4: what is the likeliest answer?',
    {"A": "a sentence about honey", "B": "nothing: the stop token alone"},
    yours="A",
)

# %%
bees = llm.tokenizer.encode("What do bees make?")
for width in (1, 4):
    found = beam_search(llm, bees, 6, width)
    for ids, score in found[:2]:
        print(f"width {width}: sum {score:>6.2f} {llm.tokenizer.decode(ids)!r}")
first = found[0][0][0] in llm.config.stop_ids
reveal("empty", "B" if first else "A")

# %% [markdown] reveals="empty"
# The wider search finds that stopping at once is likelier than any other text that it has seen. Each further token multiplies the probability
# by something below 1, so the sum prefers short texts. In translation models, Stahlberg & Byrne (2019) found, the likeliest
# translation is often empty: a good *search* showed a fault of the *model*. Has ours the same fault?

# %% [markdown]
# ### Experiment 6.13 · `empty_answers` · ●●○ · 20 min
#
# Look at the chat template of section 6.6: where does the stop token `<|im_end|>` stand? The control:
# the same questions, in the template. Write the measurement for both arms.
#
# | | | |
# |---|---|---|
# | `model`, `max_new_tokens`, `width` | | for your `beam_search` |
# | `questions` | a list of lists of ids | asked plainly: each as it is |
# | `opening`, `closing` | lists of ids | asked in the template: `opening`, the question, `closing` |
# | returns | two ints | how many likeliest answers are empty: plainly, in the template |
#
# The *likeliest answer* is the first that the search returns. It is *empty* if it **begins** with a token of
# `model.config.stop_ids`.
#
# **By hand**, two questions; 9 is a stop token. One plain answer is empty and none in the template, so return `(1, 0)`:
#
# | | plainly, the search returns | in the template |
# |---|---|---|
# | first question | `[([9], -1.2), …]` | `[([4, 9], -0.7), …]` |
# | second question | `[([3, 9], -0.5), …]` | `[([3, 9], -0.4), …]` |
#
# <details><summary>Hint 1</summary>
#
# Two lists of prompts, one for each arm. What do you ask of each prompt?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `beam_search(…)` returns pairs, best first. You need the first id of the first one.
#
# </details>


# %% solution empty_answers
def empty_answers(model, questions, opening, closing, max_new_tokens, width):
    """Of the questions (lists of ids), how many have an empty likeliest answer: (asked
    plainly, asked between opening and closing)."""
    ### BEGIN SOLUTION
    templated = [opening + question + closing for question in questions]
    counts = []
    for prompts in (questions, templated):
        found = [beam_search(model, ids, max_new_tokens, width) for ids in prompts]
        firsts = [beams[0][0][0] for beams in found]
        counts.append(sum(first in model.config.stop_ids for first in firsts))
    return tuple(counts)
    ### END SOLUTION


# %% given empty_answers_from_table folded="Set-up: the toy for your experiment"
def empty_answers_from_table(
    table, questions, opening, closing, stop_ids=(9,), max_new_tokens=3, width=4
):
    """Run your `empty_answers` on a toy: (its two numbers, the prompts that the toy was
    shown)."""
    toy, read = TableModel(table, stop_ids=stop_ids), set()

    def model(batch):
        rows = torch.as_tensor(batch)
        rows = rows[None] if rows.dim() == 1 else rows
        read.update(map(tuple, rows.tolist()))
        return toy(rows)

    model.config = toy.config
    how = max_new_tokens, width
    answer = empty_answers(model, questions, opening, closing, *how)
    if answer is None:
        raise ValueError("empty_answers gave back None: is there a return?")
    longer = {text for text in read if text[:-1] in read}  # the search, one on
    return [int(each) for each in answer], sorted(map(list, read - longer))


# %% test empty_answers points=0
from exercises import sampling as cases

cases.check_empty_answers(empty_answers_from_table)
### BEGIN HIDDEN TESTS
import torch
from exercises import check

_g = torch.Generator().manual_seed(71)
for _ in range(4):
    _stops = torch.rand(12, generator=_g)
    _q = torch.rand(12, 12, generator=_g) * 0.02 + 1e-9
    _q[:, 9] = torch.where(_stops > 0.5, 0.9, 1e-9)
    _q[:, 1] = torch.where(_stops > 0.5, 0.05, 0.9)
    _q[1, 9] = 1e-9
    _q[1, 1] = 0.9
    _asked = [[3, _i] for _i in (0, 2, 4, 5, 6)]
    _empty = sum(_stops[_i].item() > 0.5 for _, _i in _asked)
    check.equal(
        empty_answers_from_table(_q.log(), _asked, [11, 10], [8, 7])[0],
        [_empty, 5 * int(_stops[7].item() > 0.5)],
        "count the questions whose likeliest answer begins with a stop token, in each "
        "arm",
    )
### END HIDDEN TESTS

# %% [markdown]
# **On the real model.** Ten questions:

# %%
predict(
    "template",
    "Ten questions in the template: for how many is the likeliest answer empty?",
    yours=5,
)

# %%
questions = (
    "What do bees make?|What is the capital of Japan?|Who wrote Hamlet?|Where do fish "
    "live?|How many legs does a spider have?|What colour is grass?|Why is the sea "
    "salty?|Who painted the Mona Lisa?|When do owls sleep?|Which metal is liquid?"
).split("|")
asked = [llm.tokenizer.encode(question) for question in questions]
opening = llm.tokenizer.encode("<|im_start|>user\n")
closing = llm.tokenizer.encode("<|im_end|>\n<|im_start|>assistant\n")
plain, templated = empty_answers(llm, asked, opening, closing, 2, 4)
print(f"empty: {plain} of 10 asked plainly, {templated} of 10 in the template")
reveal("template", templated, within=0)

# %% [markdown] reveals="template"
# **Asked in its template, no search returned the empty answer.** The search is short: it compares a stop with the first two tokens
# of an answer, and a long answer can still have less probability than a stop. The stop token is likely after a bare question,
# and very unlikely in the template. So it is after a question and a new line, too, where no turn has begun: how a text ends matters.
#
# The search was correct. To read the stop after a bare question as an empty *answer* was rash: the two prompts differ in how they end.
#
# <details><summary>Small print: where beams are used, and length normalisation</summary>
#
# Our template has no system message; with the usual one the result is the same. The translators of Stahlberg & Byrne had no
# turns to end: their finding stands.
#
# Where short texts win, the usual repair is **length normalisation**: rank by the mean per token, or by the sum over a power of
# the length (Wu et al. 2016). Where the input says much about the output, as in translation, a narrow beam helps. In a chat
# beam search costs `width` times the work and cannot be streamed: the best beginning may be thrown away later.
#
# </details>

# %% [markdown]
# ### Quality against entropy · 65 min
#
# Does a filter get more quality than temperature at the same variety?
#
# ![Two bar charts with the same entropy, 1.61 nats: five tokens that are all alike, and one tall token with a long tail.](attachment:same_entropy.png)
#
# *Variety* is the **entropy** of what is drawn from: the surprise $-\ln q$ of a draw, averaged over all draws. Where $n$ tokens are
# equally likely it is $\ln n$. *Quality* is the log-probability of the drawn token under the model itself, averaged over the
# draws. It is a rough measure: what people write scores low. But below some level it does mean nonsense.

# %%
predict(
    "filter",
    "At the same entropy, which filter has more quality than temperature alone?",
    {"A": "top-k", "B": "top-p", "C": "min-p", "D": "none of them"},
    yours="C",
)

# %% [markdown]
# ### Experiment 6.14 · `compare_filters` · ●●● · 32 min
#
# The filter that cuts more has more quality and less variety. So bring both to the same entropy, and ask how sure the difference
# is.
#
# | | shape | |
# |---|---|---|
# | `logits` | `[prompts, vocab]` | the model's |
# | `a`, `b` | `[prompts, vocab]` | what two filters left of them, the rest $-\infty$ |
# | `h` | a number | the entropy wanted, in nats |
# | returns | three floats | mean of the differences, low and high end of its 95 % confidence interval |
#
# In each row, for `a` and for `b`:
#
# 1. find the temperature at which the entropy of $q = \text{softmax}(a / T)$ is `h`. It rises with $T$, so halve an interval from
#    0.01 to 100 until it is narrow;
# 2. the quality is $\sum_i q_i \ln p_i$, with $p$ from the model's own `logits`, at $T = 1$.
#
# The difference $d$ of a row is the quality of `a` minus that of `b`. With $n$ rows the interval is
# $\bar d \pm 1.96\, s / \sqrt n$, where $s$ is the standard deviation (dividing by $n - 1$).
#
# **By hand**, one prompt of four tokens and `h` = ln 2. Two equal tokens have this entropy at any $T$:
#
# | | probabilities | quality |
# |---|---|---|
# | the model's $p$ | 0.4, 0.4, 0.1, 0.1 | |
# | `a` keeps the first two | 0.5, 0.5, 0, 0 | ln 0.4 |
# | `b` keeps the last two | 0, 0, 0.5, 0.5 | ln 0.1 |
#
# The difference is $\ln 4 = 1.386$.
#
# <details><summary>Hint 1</summary>
#
# Two helpers: one finds the row's $q$ of a given entropy, one its quality. `torch.special.entr(q)` is $-q \ln q$, and 0 where
# $q$ is 0.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Bisection works for all rows at once: `low`, `high` and the temperature between them are `[prompts, 1]`, and `torch.where`
# moves the right end of each. Forty halvings are plenty.
#
# </details>
# <details><summary>Hint 3</summary>
#
# The same prompts went through both filters. Subtract first, row by row. Then take mean and spread.
#
# </details>


# %% solution compare_filters
def compare_filters(logits, a, b, h):
    """Quality of filter a minus that of b at entropy h, over prompts: [prompts, vocab]
    each -> (mean difference, low, high), with a 95 % interval."""
    ### BEGIN SOLUTION
    log_p, qualities = log_softmax(logits), []
    for left in (a, b):
        low, high = torch.full((len(left), 1), 0.01), torch.full((len(left), 1), 100.0)
        for _ in range(30):
            t = (low * high).sqrt()
            q = softmax(left / t)
            less = torch.special.entr(q).sum(-1, keepdim=True) < h
            low, high = torch.where(less, t, low), torch.where(less, high, t)
        qualities.append((q * log_p).sum(-1))
    d = qualities[0] - qualities[1]
    mean, half = d.mean().item(), 1.96 * (d.std() / math.sqrt(len(d))).item()
    return mean, mean - half, mean + half
    ### END SOLUTION


# %% test compare_filters points=0
from exercises import sampling as cases

cases.check_compare_filters(compare_filters)
### BEGIN HIDDEN TESTS
import math
import torch
from exercises import check

_g = torch.Generator().manual_seed(72)
torch.randn(5, 30, generator=_g)  # drawn by the cases above
for _n, _vocab, _h in ((7, 40, 0.7), (12, 25, 2.0)):
    _z = torch.randn(_n, _vocab, generator=_g) * 2.5
    _best = _z.sort(descending=True).values
    _a = _z.masked_fill(_z < _best[:, 8:9], -math.inf)
    _b = _z.masked_fill(_z < _best[:, 14:15], -math.inf)
    check.close(
        compare_filters(_z, _a, _b, _h),
        cases.compared_one_by_one(_z, _a, _b, _h),
        f"entropy {_h} for each row and each filter, quality by the model's ln p, the "
        "interval from the paired differences",
        atol=2e-3,
    )
    check.close(
        compare_filters(_z, _b, _b, _h),
        [0.0, 0.0, 0.0],
        "a filter compared with itself differs by 0",
        atol=1e-4,
    )
### END HIDDEN TESTS

# %% [markdown]
# **On the real model.** Open-ended prompts, such as "In the box she found a", at two entropies:

# %%
from llmlib.demonstrations.sampling import OPEN_PROMPTS, next_probabilities

rows = next_probabilities(llm, OPEN_PROMPTS).log()  # the logits, up to a shift
left = {
    "temperature alone": rows,
    "top-k 20": top_k(rows, 20),
    "top-p 0.9": top_p(rows, 0.9),
    "min-p 0.1": min_p(rows, 0.1),
}
outcome = {}
for first, second, h in (
    ("top-k 20", "temperature alone", 1.25),
    ("top-p 0.9", "temperature alone", 1.25),
    ("min-p 0.1", "temperature alone", 1.25),
    ("top-k 20", "min-p 0.1", 1.25),
    ("top-k 20", "min-p 0.1", 1.0),
):
    outcome[f"{first}\nminus {second}, h = {h}"] = compare_filters(
        rows, left[first], left[second], h
    )
show(plots.differences(outcome, "difference of quality at entropy h (nats)"))
ahead = [low > 0 for _, low, _ in list(outcome.values())[:3]]
reveal("filter", "ABC"[ahead.index(True)] if any(ahead) else "D")

# %% [markdown] reveals="filter"
# No filter beats temperature alone, and none could: of all distributions with one entropy, the temperature's has the highest
# quality. So the first three rows could not come out above 0. What a filter buys is a limit, which this measure does not see: a
# temperature makes a token of rank 10,000 rare, a filter makes it impossible.
#
# The last two rows could come out either way. Prompt by prompt the filter that keeps more tokens is ahead, and how far depends on
# $h$. At each prompt all filters keep the first n of one ranking; the rule only decides how large n is
# there. Here both keep about 20 on average and still differ, and with another entropy the difference changes.
#
# <details><summary>Small print: the two lines of the proof, and what people prefer</summary>
#
# Let $r = p^{1/T}/Z$ with $Z = \sum p^{1/T}$, and let $q$ have the same entropy $H$. Then
#
# $$0 \le \sum q \ln \tfrac{q}{r} = -H - \tfrac1T \sum q \ln p + \ln Z,\qquad
# 0 = \sum r \ln \tfrac{r}{r} = -H - \tfrac1T \sum r \ln p + \ln Z.$$
#
# Subtract the second from the first: $\sum q \ln p \le \sum r \ln p$. The first sum is never negative because
# $\ln x \le x - 1$, with $x = r/q$ (Gibbs' inequality).
#
# Nguyen et al. (2024) report that people prefer min-p; Schaeffer et al. (2025) went through the same data and found no support
# for it. The order here is `llama.cpp`'s: filter, then temperature.
#
# </details>

# %% [markdown]
# ### An answer in a given form · 40 min
#
# A program needs certainty, not likelihood. **Constrained decoding** (Willard & Louf 2023) sets everything else to $-\infty$, at every step. Some JSON
# modes are built on it.
#
# ![A tree of allowed texts: from the empty start to 5 and 9; from 5 to 2 and to 7, which goes on to 2; from 9 to 2. Written so far is 5, so 2 or 7 may come next and everything else is minus infinity.](attachment:choices_tree.png)
#
# ### Exercise 6.15 · `constrain` · ●●○ · 15 min
#
# Cut every token that does not go on with one of the `choices`.
#
# | | shape | |
# |---|---|---|
# | `logits` | `[..., vocab]` | the model's scores for the next token |
# | `new` | a list of ints | what has been written so far, without the prompt |
# | `choices` | a list of lists of ints | the allowed texts, each with its stop token at the end if it has one; leave it as it is |
# | returns | like `logits` | a new tensor: tokens that may come next unchanged, the rest $-\infty$ |
#
# A token may come next if some choice begins with `new` and then has that token. If no choice is open, all are −∞.
#
# **By hand**, the tree: `choices = [[5, 2], [5, 7, 2], [9, 2]]`.
#
# | `new` | may come next |
# |---|---|
# | `[]` | 5, 9 |
# | `[5]` | 2, 7 |
# | `[5, 7]` | 2 |
#
# <details><summary>Hint 1</summary>
#
# Which choices are still open? Those that begin with `new`, and are longer.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Each open choice allows one token. Start from all $-\infty$ and copy the logits at these places.
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


# %% test constrain points=0
from exercises import sampling as cases

cases.check_constrain(constrain, left_alone)
### BEGIN HIDDEN TESTS
import math
import torch
from exercises import check

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
# **On the real model.** Free and constrained, greedily, plainly and in the template:

# %%
from llmlib.demonstrations.sampling import ARMS


def choose(prompt, texts):
    """One of `texts`, written token by token; each is followed by a stop token."""
    stop = llm.config.stop_ids[0]
    choices = [llm.tokenizer.encode(text) + [stop] for text in texts]
    ids, new = llm.tokenizer.encode(prompt), []
    while not new or new[-1] != stop:
        new.append(constrain(llm(ids + new)[0, -1], new, choices).argmax().item())
    return llm.tokenizer.decode(new[:-1])


for question, beginning, texts in (
    (
        "What is the capital of India?",
        "The capital of India is",
        [" New York", " Delhi", " New Zealand"],
    ),
    ("How many legs does a spider have?", "A spider has", [f" {n}" for n in range(10)]),
    (
        "How many legs does a spider have?",
        "A spider has",
        [f" {n}" for n in range(100)],
    ),
):
    for arm, asked in ARMS.items():
        text = asked(question, beginning)
        free, bound = complete(llm, text, 4), choose(text, texts)
        print(f"{arm}: {beginning} … free {free!r}, one of {len(texts)}: {bound!r}")

# %% [markdown]
# Always the right form, and no promise of truth. And masking is not choosing. " New York" comes since " New" is the likeliest first
# token of the three names, though " Delhi" is likelier as a whole. Asked plainly, the free answer is "8 legs". With 0 to 99
# allowed it becomes 80: after " 8" the word " legs" is cut, and of what is left "0" is likelier than the stop.
