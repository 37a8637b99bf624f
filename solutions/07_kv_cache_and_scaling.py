# %% [markdown]
# # 7 · KV cache & scaling
#
# The engine of notebook 6 writes correct text slowly. Here it becomes fast without changing a single token, and then we ask what a model's size buys.
#
# **You will build** a KV cache, a generate loop that uses it, 8-bit weights, the accept/reject rule of speculative decoding, and a fit of a scaling law to real training runs, some of which you train yourself.
#
# **You need** notebooks 3 (attention), 5 (loss) and 6 (the generate loop). **Time:** about two and a half hours; six exercises. Running all cells takes about two minutes, a third of them the training of a tiny model.
#
# First, the real model, SmolLM2-135M, with and without a cache. The text is the same. The time is not. (The weights come from a file in which each was rounded to 4 bits;
# a 135-million-parameter model that was rounded so far writes fluent English and knows few facts. It serves here for its speed.)

# %% given setup
from types import SimpleNamespace

import torch

from llmlib.sampling import draw  # yours, from notebook 6

torch.set_num_threads(2)

# %%
import math
import time

from llmlib import generate, plots, pretrained

model = pretrained.load("smollm2")
prompt = model.tokenizer.encode("The little fox looked at the moon and")
answers, spent = {}, {}
for use_cache in (True, False):
    start = time.perf_counter()
    answers[use_cache] = list(generate(model, prompt, 24, use_cache=use_cache))
    spent[use_cache] = time.perf_counter() - start
print(model.tokenizer.decode(prompt + answers[True]))
print("\nthe same ids without a cache:", answers[True] == answers[False])

# %% tags=["nbval-ignore-output"]
for use_cache in (True, False):
    print(
        f"{'with' if use_cache else 'without'} a cache: "
        f"{len(answers[True]) / spent[use_cache]:.1f} tokens a second"
    )

# %% [markdown]
# ## 1 · The loop does the same work again and again
#
# **Claim.** In a decoder, what the model computed for a token never changes when more tokens follow: the mask hides the future. So computing it again is waste.
#
# Compare the keys of the first and of the last layer for a text with those for the same text with one more token. The old rows are the same, up to rounding.

# %%
text = model.tokenizer.encode("The cat sat on the mat")
short, long = model.new_cache(context=16), model.new_cache(context=16)
model(text[:-1], short)
model(text, long)
for layer in (0, 29):
    difference = (
        (short.keys[layer][:, :, :5] - long.keys[layer][:, :, :5]).abs().max().item()
    )
    print(
        f"layer {layer}: the first 5 keys differ by at most {difference:.0e} of about "
        f"{long.keys[layer][:, :, :5].abs().max().item():.0f}"
        if difference > 1e-4
        else f"layer {layer}: the first 5 keys differ by less than 0.0001 (rounding)"
    )

# %% [markdown]
# What does a new token need from the old ones? In attention, its query meets their **keys** and reads their **values**. Nothing else: norms, MLPs and projections work on one position at a time. So keep the
# keys and values of every layer, and throw away the rest. That is the **KV cache**: two tensors a layer, and a position that says how many tokens are in it.
#
# **Predict.** We want 100 new tokens after a prompt of one. A *token computation* is one token going through all layers once. How many are there without a cache, and how many with?

# %%
without = [
    1 + step for step in range(100)
]  # step n feeds the prompt and the n tokens made so far
with_cache = [
    1 for step in range(100)
]  # the prompt first, then each new token but the last
print("forward passes:    ", len(without), "without a cache,", len(with_cache), "with")
print(
    "token computations:",
    sum(without),
    "without a cache,",
    sum(with_cache),
    f"with: {sum(without) / sum(with_cache):.1f} times fewer",
)

# %% [markdown]
# A well-known explanation says that without a cache one needs "O(N²) forward passes". Not so: there are N passes either way, and they get longer. The *token computations* are N(N+1)/2 against N. (Attention itself
# stays quadratic also with a cache: the n-th token still looks at n keys. But that is a small part of the work in short texts.)
#
# ## 2 · Writing into the cache
#
# The store is allocated once, with room for the whole context. New keys are written behind the old ones. Then the engine's attention runs as before, with more keys than queries, and with the mask
# of notebook 3 shifted by `start`: row *i* of the new tokens is position `start + i`.

# %% [markdown]
# ### Exercise 7.1 · `write_cache` · ●●○ · 10 min
#
# Write the keys (or the values) of new tokens into a store that was allocated once, behind the old ones, and hand back all that are there.
#
# | | shape | |
# |---|---|---|
# | `store` | `[batch, n_kv_head, context, head_dim]` | room for `context` positions; the first `start` are filled |
# | `new` | `[batch, n_kv_head, seq, head_dim]` | keys or values of `seq` new tokens; `seq` may be 1, or a whole prompt |
# | `start` | int | how many positions are filled already |
# | returns | `[batch, n_kv_head, start + seq, head_dim]` | everything so far, old and new |
#
# `store` itself must change: the next call finds the new tokens in it. If they do not fit, raise `ValueError`.
#
# By hand, with batch, n_kv_head and head_dim of 1 and `context` 4: the store holds `[7, 8, 0, 0]`, so `start` is 2. Writing `[9]` makes it
# `[7, 8, 9, 0]` and returns `[7, 8, 9]`. Writing two more, `[5, 6]`, from `start` 3 would need 5 positions: `ValueError`.
#
# Nothing is off limits.
#
# <details><summary>Hint 1</summary>
#
# Positions are dimension 2. The new tokens take the places from `start` up to, but not including, `start + seq`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Assigning to a slice changes the store in place: `store[:, :, start:end] = new`. `torch.cat` would make a new tensor and leave the store as it was.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `end = start + new.shape[2]`; raise if `end > store.shape[2]`; assign to the slice; return `store[:, :, :end]`.
#
# </details>


# %% solution write_cache
def write_cache(store, new, start):
    """Write new keys (or values) behind the `start` old ones, in place, and return all
    of them so far.

    store [batch, n_kv_head, context, head_dim], new [batch, n_kv_head, seq, head_dim]
    -> store[:, :, :start + seq]. Raises ValueError when the context is full.
    """
    ### BEGIN SOLUTION
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError(
            f"the KV cache holds {store.shape[2]} positions, but {end} are needed: "
            "shorten the prompt or ask for fewer new tokens"
        )
    store[:, :, start:end] = new
    return store[:, :, :end]
    ### END SOLUTION


# %% [markdown]
# The check below calls your function through this adapter, which writes several pieces one after the other into one store.


# %% given write_pieces
def write_pieces(pieces, context):
    """Write `pieces` (tensors [batch, n_kv_head, seq, head_dim]) into an empty store ->
    (what each call returned, the store).

    The first tuple ends with "full" where write_cache raised ValueError.
    """
    batch, n_kv_head, _, head_dim = pieces[0].shape
    store, start, returned = torch.zeros(batch, n_kv_head, context, head_dim), 0, []
    for piece in pieces:
        try:
            back = write_cache(store, piece, start)
        except ValueError:
            returned.append("full")
            break
        except NotImplementedError:  # a RuntimeError, too: not written yet
            raise
        except RuntimeError:
            returned.append(
                None
            )  # torch found that it does not fit; write_cache did not say so
            break
        returned.append(back.clone() if isinstance(back, torch.Tensor) else back)
        start += piece.shape[2]
    return returned, store


# %% test write_cache points=2
import torch
from llmlib.course import check


def _check_pieces(sizes, context, batch, n_kv_head, head_dim, seed):
    _all = torch.randn(
        batch,
        n_kv_head,
        sum(sizes),
        head_dim,
        generator=torch.Generator().manual_seed(seed),
    )
    _returned, _store = write_pieces(list(_all.split(sizes, dim=2)), context)
    _end = 0
    for _back, _size in zip(_returned, sizes):
        _end += _size
        check.close(
            _back,
            _all[:, :, :_end],
            f"after {_end} tokens the answer holds those {_end} tokens in order: the "
            "old ones, then the new ones behind them",
        )
    check.close(
        _store[:, :, :_end],
        _all,
        "every token must also stand in the store itself, where the next call looks "
        "for it",
    )
    check.close(
        _store[:, :, _end:],
        torch.zeros(batch, n_kv_head, context - _end, head_dim),
        "positions not reached yet must stay as they were",
    )


_returned, _store = write_pieces(
    [torch.tensor([7.0, 8.0]).view(1, 1, 2, 1), torch.tensor([9.0]).view(1, 1, 1, 1)], 4
)
check.that(
    _returned[0] is not None,
    "write_cache returned None: it must return the filled part of the store",
)
check.close(
    _store.flatten(),
    [7, 8, 9, 0],
    "the store must be [7, 8, 9, 0]: write the new tokens into the store itself, from "
    "position `start` on",
)
check.that(
    _returned[1].shape[2] != 4,
    "the answer must end at the last token written: the empty positions behind it "
    "would be attended to",
)
check.close(
    _returned[1].flatten(),
    [7, 8, 9],
    "the answer must hold all tokens so far, old and new: [7, 8, 9]",
)
_check_pieces([3, 1, 1, 2], 9, 2, 3, 4, seed=0)
_returned, _store = write_pieces([torch.ones(1, 2, 3, 4), torch.ones(1, 2, 1, 4)], 4)
check.that(
    _returned[-1] != "full",
    "4 tokens fit into 4 positions: raise ValueError only when they do not",
)
for _sizes in ([3, 2], [4, 1], [5]):
    _returned, _store = write_pieces(
        [torch.ones(1, 2, _size, 4) for _size in _sizes], 4
    )
    check.that(
        _returned[-1] == "full",
        f"{sum(_sizes)} tokens do not fit into 4 positions: raise ValueError",
    )
### BEGIN HIDDEN TESTS
_check_pieces([5], 5, 1, 2, 6, seed=1)
_check_pieces([1, 1, 1, 1, 1], 7, 3, 1, 2, seed=2)
_check_pieces([2, 4, 1], 8, 1, 4, 3, seed=3)
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** Your `write_cache` goes into the engine. One text of 12 tokens goes in at once, token by token, and in chunks of 3 and 7; the logits must be the same at *every* position. If a position were counted
# wrong, RoPE would turn the keys by the wrong angle, and this would show.

# %%
mine = model.using(cache=write_cache)
ids = model.tokenizer.encode("Once upon a time there was a small grey mouse who lived")[
    :12
]
at_once = model(ids)[0]
for chunk in (1, 3, 7):
    cache = mine.new_cache(context=12)
    logits = torch.cat(
        [mine(ids[i : i + chunk], cache)[0] for i in range(0, 12, chunk)]
    )
    print(
        f"chunks of {chunk}: cache holds {cache.length} tokens, logits within "
        f"{'0.001' if (logits - at_once).abs().max() < 1e-3 else 'MORE than 0.001'} of "
        "the pass over all, same likeliest token at "
        f"{(logits.argmax(-1) == at_once.argmax(-1)).sum()} of 12 positions"
    )
try:
    mine(ids[:1], cache)
except ValueError as error:
    print("one more token:", error)

# %% [markdown]
# The logits agree up to rounding: sums are added in another order, so the last digits differ. And a full cache says so, instead of overwriting something.
#
# A cache belongs to *one* text. To start another prompt with an old cache is a classic bug: the model would continue the old text. In this engine a new prompt gets a new cache.
#
# ## 3 · The loop, with a cache

# %% [markdown]
# ### Exercise 7.2 · `generate_cached` · ●●● · 20 min
#
# Write the generate loop so that every token passes through the model at most once. First the whole prompt goes in; this is called **prefill**. Then
# one new token at a time; this is called **decoding**. A long prompt may be fed in chunks, so that no pass is too large.
#
# | | |
# |---|---|
# | `model` | `model(ids, cache)` takes ids of shape `[1, seq]`, adds those tokens to `cache`, returns logits `[1, seq, vocab]`; `model.config.context` and `model.config.stop_ids` as in notebook 6 |
# | `cache` | an empty cache; just hand it to the model |
# | `ids` | the prompt, a list of at least one id; leave it as it is |
# | `max_new_tokens` | how many new ids at most |
# | `pick` | `pick(logits)` takes the last logits, `[1, vocab]`, and returns the next id in a tensor `[1]` |
# | `chunk` | how many tokens of the prompt go in at a time; `None` for all at once |
# | yields | each new id (an int), as soon as it is picked |
#
# Three things stop it, as in notebook 6: a stop id (yield it, then stop), `max_new_tokens`, and a full context (prompt and new ids together are never more than
# `model.config.context`). Two things are new. Positions are the cache's business: the model reads them from it. And the last new id needs no pass of its own, since nothing comes after it.
#
# By hand: prompt `[5, 6, 7]`, `max_new_tokens=3`, `chunk=2`. The passes are `[5, 6]`, `[7]` → first new id; first new id → second; second → third. That is
# 3 + 2 = 5 token computations. A chunk's logits matter only for the last one.
#
# Off limits: `llmlib.generate`.
#
# <details><summary>Hint 1</summary>
#
# Two loops, one after the other: over the chunks of the prompt, then over the new ids. The second begins with logits that the first left behind.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.tensor([ids]).split(chunk, dim=1)` cuts a prompt into chunks, the last one possibly shorter. With `new` of shape `[1]`, `new[None]` has shape `[1, 1]`.
# How many ids may be made: `min(max_new_tokens, context - len(ids))`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# In the second loop: `new = pick(logits[:, -1])`, `yield new.item()`, return if it is a stop id or the last one, and only then `logits = model(new[None], cache)`.
#
# </details>


# %% solution generate_cached off=["llmlib.generate", "llmlib.generation.generate"]
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    """Continue `ids` (a list), yielding each new id as soon as it is picked; no token
    passes through the model twice.

    model(ids [1, seq], cache) -> logits [1, seq, vocab] adds seq tokens to the cache;
    pick(logits [1, vocab]) -> ids [1]. The prompt goes in by `chunk` tokens at a time
    (None: all at once). Stops after max_new_tokens, after one of model.config.stop_ids
    (which is yielded), or when prompt and answer fill model.config.context.
    """
    ### BEGIN SOLUTION
    prompt = torch.tensor([ids])
    for part in prompt.split(chunk or len(ids), dim=1):
        logits = model(part, cache)
    room = min(max_new_tokens, model.config.context - len(ids))
    for made in range(1, room + 1):
        new = pick(logits[:, -1])
        yield new.item()
        if new.item() in model.config.stop_ids or made == room:
            return
        logits = model(new[None], cache)
    ### END SOLUTION


# %% [markdown]
# The check uses a toy model with 11 tokens, small enough to follow by hand. Its next token depends on every token before and on its position: a token that is lost, or put in the wrong
# place, changes the answer. It also writes down each pass.


# %% given run_cached
class Toy:
    """The likeliest next id is the sum of (position + 1) * (id + 1) over all tokens,
    modulo 11. `passes` lists (position, tokens) of each pass."""

    def __init__(self, context, stop_ids):
        self.config = SimpleNamespace(context=context, stop_ids=stop_ids)
        self.length, self.sum, self.passes = 0, 0, []  # the toy is its own cache

    def __call__(self, ids, cache):
        ids = torch.as_tensor(ids)
        if cache is not self or ids.dim() != 2 or ids.shape[0] != 1:
            raise ValueError(
                "call model(ids, cache) with ids of shape [1, seq] and the cache you "
                f"were given, not ids of shape {list(ids.shape)}"
            )
        self.passes.append((self.length, ids.shape[1]))
        rows = []
        for token_id in ids[0].tolist():
            self.length += 1
            self.sum += self.length * (token_id + 1)
            rows.append(-((torch.arange(11) - self.sum) % 11).float())
        return torch.stack(rows)[None]


def run_cached(ids, max_new_tokens, chunk=None, context=64, stop_ids=(), least=False):
    """generate_cached with the toy model -> (new ids, or "changed" if the list `ids`
    was; passes; passes before the first id came).

    `least`: pick the unlikeliest id.
    """
    toy, given = Toy(context, stop_ids), list(ids)
    new_ids, before = [], None
    for new in generate_cached(
        toy,
        toy,
        ids,
        max_new_tokens,
        lambda logits: (-logits if least else logits).argmax(-1),
        chunk,
    ):
        before = len(toy.passes) if before is None else before
        new_ids.append(new)
        if len(new_ids) > max_new_tokens + 5:  # a loop that does not stop
            break
    return new_ids if ids == given else "changed", toy.passes, before


# %% test generate_cached points=3
from llmlib.course import check


def _continue(ids, n, step=0):
    """What the toy model says, computed from the whole text each time."""
    _ids = list(ids)
    for _ in range(n):
        _ids.append(
            (sum((_i + 1) * (_id + 1) for _i, _id in enumerate(_ids)) + step) % 11
        )
    return _ids[len(ids) :]


def _check_run(ids, n, chunk):
    _new, _passes, _before = run_cached(ids, n, chunk)
    _seen = sum(_tokens for _, _tokens in _passes)
    check.that(
        _seen <= len(ids) + n,
        f"the model saw {_seen} tokens for a prompt of {len(ids)} and {n} new ids: "
        "give it only what is new, the cache has the rest",
    )
    check.that(
        _seen != len(ids) + n,
        "the last new id went through the model as well: nothing comes after it, so "
        "that pass is wasted",
    )
    check.equal(
        _new,
        _continue(ids, n),
        f"prompt {ids}, chunk {chunk}: the ids differ from those made without a cache; "
        "each token must go in exactly once, in order",
    )
    _sizes = [_tokens for _, _tokens in _passes]
    _want = [
        min(chunk or len(ids), len(ids) - _start)
        for _start in range(0, len(ids), chunk or len(ids))
    ]
    check.equal(
        _sizes[: len(_want)],
        _want,
        f"a prompt of {len(ids)} with chunk {chunk} goes in as passes of {_want} "
        "tokens",
    )


_new, _passes, _before = run_cached([5, 6, 7], 1)
check.that(
    _new != "changed",
    "the caller's list `ids` has changed: leave it as it was, and make a new one if "
    "you need it",
)
check.equal(
    _new,
    _continue([5, 6, 7], 1),
    "the first new id comes from the logits of the prompt's last token (logits[:, "
    "-1]), after the whole prompt has gone in",
)
_new, _passes, _before = run_cached([5, 6, 7], 4)
check.equal(
    _before,
    1,
    "the first id must be yielded as soon as the prompt's pass is done, not after the "
    "others: use yield inside the loop",
)
_check_run([5, 6, 7], 3, None)
_check_run([5, 6, 7], 3, 2)
_check_run([4], 6, None)
for _chunk in (1, 3, 7, 20):
    _check_run([3, 1, 4, 1, 5, 9, 2, 6, 5, 3], 4, _chunk)
_stop = _continue([2, 3], 3)[2]
_until = _continue([2, 3], 8)[: _continue([2, 3], 8).index(_stop) + 1]
check.equal(
    run_cached([2, 3], 8, stop_ids=(_stop,))[0],
    _until,
    "a stop id is yielded, and then the loop ends",
)
check.equal(run_cached([2, 3], 0)[0], [], "max_new_tokens=0 makes no new id")
check.equal(
    len(run_cached([1, 2, 3, 4], 9, context=7)[0]),
    3,
    "a context of 7 holds a prompt of 4 and 3 new ids: stop there",
)
check.equal(
    run_cached([1, 2, 3], 3, least=True)[0],
    _continue([1, 2, 3], 3, step=-1),
    "which id comes next is for pick(logits[:, -1]) to say, not for argmax",
)
### BEGIN HIDDEN TESTS
_check_run([10, 0, 7, 7, 2], 9, None)
_check_run([8, 8, 0, 1, 6, 2, 9], 5, 4)
check.equal(
    len(run_cached([1, 2, 3, 4, 5], 20, chunk=2, context=9)[0]),
    4,
    "a context of 9 holds a prompt of 5 and 4 new ids: stop there",
)
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** Your loop and your cache, with the prompt in chunks of 4; the reference is `transformers`, which has never seen your code.

# %%
from llmlib.course.engine_check import reference_ids

new_ids = list(
    generate_cached(
        mine,
        mine.new_cache(),
        prompt,
        16,
        pick=lambda logits: logits.argmax(-1),
        chunk=4,
    )
)
print(model.tokenizer.decode(new_ids))
print("as transformers:", new_ids == reference_ids(model.folder, prompt, 16))

# %% [markdown]
# **Now the clock.** We counted 50 times fewer token computations for 100 tokens. **Predict** how much faster the text comes.


# %% tags=["nbval-ignore-output"]
def seconds(run, repeat=1):
    """The shortest of `repeat` runs, in seconds of wall clock."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


lengths = [4, 8, 16, 24]
counted = [
    [sum(len(prompt) + i for i in range(n)) for n in lengths],
    [len(prompt) + n - 1 for n in lengths],
]
measured = [
    [
        seconds(
            lambda: list(generate(model, prompt, n, use_cache=use_cache, stop_ids=()))
        )
        for n in lengths
    ]
    for use_cache in (False, True)
]
for n, a, b, s, t in zip(lengths, *counted, *measured):
    print(
        f"{n:>3} new tokens: {a:>4} : {b:>3} token computations = {a / b:>4.1f}×     "
        f"{s:>5.2f} s : {t:.2f} s = {s / t:.1f}×"
    )

from llmlib.plots import kv_cache as pictures

plots.show(
    pictures.cache_gain(lengths, counted, measured),
    alt="Two panels over the number of new tokens. Token computations without a cache "
    "grow with the square, with a cache in a straight line. Measured seconds are also "
    "larger without a cache, but the two curves are far closer together.",
)

# %% [markdown]
# Far fewer computations, but the time shrinks much less. So a pass over many tokens cannot cost as much as that many passes over one. Measure it: one pass over 1, 2, 4, … tokens.

# %% tags=["nbval-ignore-output"]
sizes = [1, 2, 4, 8, 16, 32, 64, 128]
passes = [
    1000 * seconds(lambda: model(torch.arange(n)), repeat=4 if n < 32 else 2)
    for n in sizes
]
print("tokens in the pass:      ", "".join(f"{n:>7}" for n in sizes))
print("milliseconds a pass:     ", "".join(f"{ms:>7.0f}" for ms in passes))
print(
    "milliseconds for a token:",
    "".join(f"{ms / n:>7.1f}" for n, ms in zip(sizes, passes)),
)
plots.show(
    pictures.pass_times(sizes, passes),
    alt="Two panels. All axes are logarithmic. The time of one pass may jump from one "
    "token to two, stays nearly level for a few tokens, then rises, by far less than "
    "the number of tokens. The time for each token falls, the more tokens are in the "
    "pass.",
)

# %% [markdown]
# A pass over 8 tokens takes far less than 8 passes over one. The reason is memory. To multiply a vector by a weight matrix the processor must *read* every weight, 4 bytes, and does only two operations with it: one multiplication, one addition.
# It waits for memory. With 8 vectors at once, each weight that was read serves 8 times.
# (One token alone is matrix times vector, for which the maths library has a routine of its own: the step from 1 to 2 tokens can be larger than those that follow.)
#
# The **arithmetic intensity** is the number of operations for each byte read: with `n` tokens, 2n operations a weight of 4 bytes, so n/2. A processor has two limits, how fast it reads (**bandwidth**, bytes a second) and how fast it calculates
# (**peak**, operations a second), and the speed is the smaller of *intensity × bandwidth* and *peak* (the *roofline* of Williams et al. 2009). Here is this machine's, measured with matrices of the sizes that SmolLM2 has.

# %% tags=["nbval-ignore-output"]
weights = [
    torch.randn(1536, 576) for _ in range(60)
]  # 212 MB: too many to stay in the processor's own memory
counts = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]


def through_all(n):
    x = torch.randn(n, 576)
    return seconds(
        lambda: [x @ w.T for w in weights], repeat=8 if n < 8 else 2
    )  # the best of several: other programs disturb


total = sum(w.numel() for w in weights)
speeds = [2 * total * n / through_all(n) for n in counts]
bandwidth, peak = (
    speeds[0] * 2,
    max(speeds),
)  # at n = 1 there are 2 bytes for each operation
print(
    f"bandwidth about {bandwidth / 1e9:.0f} GB/s, peak about {peak / 1e9:.0f} billion "
    f"operations/s: they meet at {peak / bandwidth:.0f} operations a byte"
)
plots.show(
    pictures.roofline([n / 2 for n in counts], speeds, bandwidth, peak),
    alt="Speed against arithmetic intensity, both on logarithmic axes: measured points "
    "climb along the slanted roof of the memory's bandwidth and flatten under the "
    "level roof of the processor's peak.",
)

# %% [markdown]
# To the left of the bend a machine is **memory-bound**: decoding one text, one token at a time, stands at the far left. To its right it is **compute-bound**: prefill of a long prompt, and training, with thousands of tokens a pass.
# So "LLMs are memory-bound" is true of decoding in small batches, and only of that.
#
# ## 4 · What the cache costs
#
# A cache trades memory for time. How much memory?

# %% [markdown]
# ### Exercise 7.3 · `cache_bytes` · ●○○ · 5 min
#
# How many bytes does a cache take?
#
# | | |
# |---|---|
# | `n_layer`, `n_kv_head`, `head_dim` | ints: the model's layers, its key/value heads, the width of one head |
# | `seq` | int: how many tokens are in the cache |
# | `bytes_per_number` | int: 4 for float32, 2 for float16 |
# | returns | int |
#
# By hand: 2 layers, 3 key/value heads of 5 numbers each, one token, float32. A layer keeps 3 × 5 = 15 numbers for the keys and 15 for the values; two layers keep 60; at
# 4 bytes each that makes 240.
#
# <details><summary>Hint 1</summary>
#
# Everything multiplies. Go through the shapes: how many stores `[n_kv_head, seq, head_dim]` are there in a model?
#
# </details>
# <details><summary>Hint 2</summary>
#
# Two stores a layer, one for keys and one for values: start the product with a 2.
#
# </details>


# %% solution cache_bytes
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    """Bytes of a cache of `seq` tokens: 2 (keys and values) x layers x key/value heads
    x head_dim x bytes a number, for each."""
    ### BEGIN SOLUTION
    return 2 * n_layer * n_kv_head * head_dim * bytes_per_number * seq
    ### END SOLUTION


# %% test cache_bytes points=1
import torch
from llmlib.course import check


def _nbytes(n_layer, n_kv_head, head_dim, seq, dtype):
    return sum(
        torch.zeros(1, n_kv_head, seq, head_dim, dtype=dtype).nbytes
        for _ in range(n_layer)
        for _ in ("keys", "values")
    )


_got = cache_bytes(2, 3, 5, 1)
check.that(
    _got != 120,
    "a layer keeps keys and values: that is twice as much, and each layer has its own",
)
check.that(_got != 60, "that is how many numbers there are: each takes 4 bytes")
check.that(_got != 1920, "that is in bits: 8 of them are a byte")
check.that(_got != 120 * 5, "the queries are not kept, only keys and values")
check.equal(_got, 240, "2 layers, 3 heads, head_dim 5, 1 token: 240 bytes")
check.equal(
    cache_bytes(1, 3, 5, 1),
    120,
    "each layer has a cache of its own: half the layers, half the bytes",
)
check.equal(
    cache_bytes(2, 3, 5, 7),
    7 * 240,
    "every token takes the same: 7 tokens take 7 times 240 bytes",
)
check.equal(
    cache_bytes(2, 3, 5, 1, 2),
    120,
    "with 2 bytes a number it is half of that: use bytes_per_number",
)
check.equal(
    cache_bytes(4, 2, 8, 3, 2),
    _nbytes(4, 2, 8, 3, torch.float16),
    "it must agree with what torch says the tensors take (nbytes)",
)
### BEGIN HIDDEN TESTS
check.equal(
    cache_bytes(12, 12, 64, 1024),
    _nbytes(12, 12, 64, 1024, torch.float32),
    "it must agree with what torch says the tensors take (nbytes)",
)
check.equal(
    cache_bytes(5, 1, 16, 9, 8),
    _nbytes(5, 1, 16, 9, torch.float64),
    "it must agree with what torch says the tensors take (nbytes)",
)
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** SmolLM2 has 30 layers, 9 query heads that share 3 key/value heads (grouped queries, notebook 3), head_dim 64. GPT-3 has 96 layers and 96 heads of 128, no sharing, and its cache is kept in float16.

# %%
c = model.config
cache = model.new_cache(context=100)
print(
    "your formula and the tensors' own count agree:",
    cache_bytes(c.n_layer, c.n_kv_head, c.head_dim, 100) == cache.nbytes,
)
print(
    f"SmolLM2: {cache_bytes(c.n_layer, c.n_kv_head, c.head_dim, 1) / 1e3:.0f} kB a "
    "token; without grouped queries it would be "
    f"{cache_bytes(c.n_layer, c.n_head, c.head_dim, 1) / 1e3:.0f} kB"
)
print(
    f"GPT-3:   {cache_bytes(96, 96, 128, 1, 2) / 1e6:.1f} MB a token, "
    f"{cache_bytes(96, 96, 128, 2048, 2) / 1e9:.1f} GB for its context of 2,048"
)

tokens = list(range(0, c.context + 1, 256))
lines = {
    "9 key/value heads (no sharing)": c.n_head,
    "3 key/value heads (SmolLM2)": c.n_kv_head,
    "1 key/value head (multi-query)": 1,
}
plots.show(
    pictures.cache_size(
        tokens,
        {
            name: [cache_bytes(c.n_layer, heads, c.head_dim, n) / 1e6 for n in tokens]
            for name, heads in lines.items()
        },
        134_515_008 * 4 / 1e6,
    ),
    alt="Megabytes of cache against tokens, three straight lines: with 9 key/value "
    "heads the cache outgrows the weights before half the context, with 3 it stays "
    "below them, with 1 it is a third of that.",
)

# %% [markdown]
# The cache grows with every token of every text that is being written at the same time. For long contexts it, not the weights, fills the memory: that is what grouped queries are for, and why serving a long context is expensive.
#
# ## 5 · The bandwidth floor
#
# Decoding reads all weights for each token. So time for a token $\ge$ bytes of weights / bandwidth. Three claims from a well-known page, to be checked with nothing but this:
#
# 1. "GPT-3 (175 billion parameters) takes 350 GB in float32."
# 2. "On one H100 it makes a token in 50 ms."
# 3. "A batch of 64 takes 100 ms, which gives 640 tokens a second."
#
# **Predict** which hold. An H100 has 80 GB of memory, reads 3.35 TB/s and calculates about 989 TFLOP/s in bfloat16 (the maker's data sheet).

# %%
from llmlib.scaling import H100, seconds_a_token

for name, size in (("float32", 4), ("float16", 2), ("int8", 1)):
    held = 175e9 * size
    print(
        f"175B in {name}: {held / 1e9:.0f} GB, {math.ceil(held / H100['bytes'])} H100s "
        "to hold it; one H100's bandwidth reads it in "
        f"{1000 * seconds_a_token(held, H100['bytes_per_second']):.0f} ms"
    )
print(f"batch of 64 in 100 ms: {64 / 0.1:.0f} tokens/s")
compute = 2 * 175e9 * 64 / H100["flops_per_second"]
print(
    f"calculating for 64 tokens takes {1000 * compute:.0f} ms: far less than reading "
    "the weights: as far as the weights go, the batch is nearly free"
)
print(
    "five H100s together read float16 weights in "
    f"{1000 * seconds_a_token(350e9, 5 * H100['bytes_per_second']):.0f} ms; 64 texts "
    "of 1,000 tokens keep a cache of "
    f"{64 * cache_bytes(96, 96, 128, 1000, 2) / 1e9:.0f} GB"
)
print(
    "the H100's roofline bends at "
    f"{H100['flops_per_second'] / H100['bytes_per_second']:.0f} operations a byte"
)

# %% [markdown]
# The first is wrong by a factor of 2: 350 GB is float16. The second cannot be: the weights do not fit into 80 GB, and if they did, reading them would take 104 ms, not 50. (Five H100s, which can hold them, would read them together in 21 ms.) In the third the arithmetic is right, and 100 ms is about one reading, but it needs more than one H100, too. It shows why servers collect requests into batches:
# 64 tokens cost one reading of the weights, as one token does. What does not get cheaper is the cache: each text has its own, and 64 texts of 1,000 tokens keep 302 GB that must be read as well.
#
# And this laptop? Its floor for SmolLM2:

# %% tags=["nbval-ignore-output"]
floor_ms = 1000 * seconds_a_token(134_515_008 * 4, bandwidth)
decoding = 1000 * measured[1][-1] / lengths[-1]
print(
    f"float32 weights: {134_515_008 * 4 / 1e6:.0f} MB at {bandwidth / 1e9:.0f} GB/s: "
    f"at least {floor_ms:.0f} ms a token. Measured: {decoding:.0f} ms, "
    f"{decoding / floor_ms:.1f} times the floor"
)

# %% [markdown]
# ## 6 · Smaller numbers: int8 weights
#
# If reading weights is what takes time, make the weights smaller. A **quantized** matrix holds whole numbers of 8 bits and one scale a row.

# %% [markdown]
# ### Exercise 7.4 · `quantize_int8` · ●●○ · 12 min
#
# Turn a weight matrix into whole numbers from −127 to 127, with one scale for each row (an **output channel**: a row makes one output number).
#
# | | shape | |
# |---|---|---|
# | `w` | `[out, in]` | float weights, as `torch.nn.Linear` stores them |
# | returns `q` | `[out, in]`, `torch.int8` | whole numbers, −127 … 127 |
# | and `scale` | `[out, 1]` | one positive number a row, so that `q * scale` is close to `w` |
#
# In each row the weight that is largest in absolute value becomes 127 or −127, and the others are rounded to the nearest whole number. So no weight is off by more than `scale / 2`.
# A row of zeros has nothing to scale: give it scale 1.
#
# By hand: the row `[1.27, −0.5, 0.004]` has scale 1.27 / 127 = 0.01; divided by it the row is `[127, −50, 0.4]`, rounded `[127, −50, 0]`. Back again: `[1.27, −0.5, 0]`; the largest error is
# 0.004, less than 0.005.
#
# Off limits: `torch.quantize_per_channel` and its relatives.
#
# <details><summary>Hint 1</summary>
#
# The scale of a row is its largest absolute value divided by 127. Which dimension does the maximum run over, if each row is to get its own?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `w.abs().amax(dim=1, keepdim=True)` has shape `[out, 1]` and so divides row by row. `.to(torch.int8)` alone cuts off the fraction: `torch.round` first.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `scale = torch.where(largest > 0, largest / 127, 1.0)` takes care of rows of zeros.
#
# </details>


# %% solution quantize_int8 off=["torch.quantize_per_channel", "torch.quantize_per_tensor", "torch.fake_quantize_per_channel_affine"]
def quantize_int8(w):
    """Weights as whole numbers from -127 to 127, with one scale an output channel: w
    [out, in] -> q int8 [out, in], scale [out, 1].

    The largest |weight| of a row becomes 127, so q * scale is off by at most scale / 2.
    A row of zeros gets scale 1.
    """
    ### BEGIN SOLUTION
    largest = w.abs().amax(dim=1, keepdim=True)
    scale = torch.where(largest > 0, largest / 127, 1.0)
    return torch.round(w / scale).to(torch.int8), scale
    ### END SOLUTION


# %% test quantize_int8 points=2
import torch
from llmlib.course import check


def _check_matrix(w):
    _q, _scale = quantize_int8(w)
    check.that(
        _q.dtype == torch.int8,
        "q must be int8, one byte a weight, not "
        f"{str(_q.dtype).removeprefix('torch.')}",
    )
    check.equal(
        list(_scale.shape),
        [w.shape[0], 1],
        "one scale a row (output channel): shape [out, 1]",
    )
    check.close(
        _scale,
        w.abs().amax(1, keepdim=True) / 127,
        "the scale of a row is its largest absolute value / 127, so that this weight "
        "becomes 127",
        atol=1e-6 * float(w.abs().max()),
    )
    check.that(
        _q.int().abs().max() <= 127, "whole numbers must lie between -127 and 127"
    )
    _error = (w - _q.float() * _scale).abs()
    check.that(
        (_error <= _scale / 2 * 1.001).all(),
        "no weight may be off by more than scale / 2: round to the nearest whole "
        "number",
    )


_q, _scale = quantize_int8(torch.tensor([[1.27, -0.5, 0.004], [-12.7, 5.0, 0.04]]))
check.that(
    _q.dtype == torch.int8,
    f"q must be int8, one byte a weight, not {str(_q.dtype).removeprefix('torch.')}",
)
check.that(
    _q[1, 0] != 127,
    "the largest weight of row 1 is negative (-12.7), so it becomes -127: did its sign "
    "overflow?",
)
check.close(
    _scale.flatten(),
    [0.01, 0.1],
    "rows [1.27, ...] and [-12.7, ...] have scales 0.01 and 0.1: the largest absolute "
    "value of each row / 127",
)
check.equal(
    list(_scale.shape), [2, 1], "one scale a row (output channel): shape [out, 1]"
)
check.equal(
    _q.tolist(),
    [[127, -50, 0], [-127, 50, 0]],
    "row [1.27, -0.5, 0.004] becomes [127, -50, 0]",
)
check.equal(
    quantize_int8(torch.tensor([[1.27, 0.309, -0.309]]))[0].tolist(),
    [[127, 31, -31]],
    "30.9 becomes 31 and -30.9 becomes -31: round to the nearest, do not cut off",
)
_w = torch.randn(6, 50, generator=torch.Generator().manual_seed(0))
_w[2] *= 100
_check_matrix(_w)
_q, _scale = quantize_int8(torch.tensor([[0.0, 0.0], [1.0, 2.0]]))
check.equal(
    _scale[0].tolist(),
    [1.0],
    "a row of zeros gets scale 1: dividing by 0 would make NaN",
)
check.equal(_q[0].tolist(), [0, 0], "a row of zeros stays zeros")
check.equal(
    quantize_int8(torch.tensor([[0.127, -0.05]]))[0].tolist(),
    [[127, -50]],
    "a row of small weights has a small scale: only a row of zeros gets scale 1",
)
### BEGIN HIDDEN TESTS
for _seed, _rows, _columns in ((1, 3, 200), (2, 40, 7), (3, 1, 1)):
    _check_matrix(
        torch.randn(_rows, _columns, generator=torch.Generator().manual_seed(_seed))
        * 10**_seed
    )
### END HIDDEN TESTS

# %% [markdown]
# Why a scale for each row? **Predict** what one single scale for the whole matrix does if one row holds an outlier. Take a real matrix (the output projection of layer 29's attention) and make one weight 20 times the largest.

# %%
from llmlib.plots import kv_cache as pictures

w = model.weights.layers[29].o[0].clone()
w[0, 0] = 20 * w.abs().max()
q, scale = quantize_int8(w)
by_row = (w - q * scale).abs().amax(1)
one_scale = w.abs().max() / 127
by_matrix = (w - torch.round(w / one_scale) * one_scale).abs().amax(1)
print(
    f"largest error outside the outlier's row: {by_row[1:].max():.4f} with a scale a "
    f"row, {by_matrix[1:].max():.4f} with one scale"
)
print(
    "weights that become 0 with one scale: "
    f"{100 * (torch.round(w / one_scale) == 0).float().mean():.0f} %"
)
plots.show(
    pictures.rounding_errors(
        ["one scale for the matrix", "one scale a row"], [by_matrix, by_row]
    ),
    alt="Largest rounding error of each row: with a scale a row it is small in all "
    "rows but the outlier's; with one scale for the matrix it is large in every row.",
)

# %% [markdown]
# **Run it on the real model.** Quantize every matrix of every layer and the embedding table, put the rounded weights back into the engine, and look at bytes and loss. (SmolLM2's weights came from a 4-bit file: they were rounded before; the loss below compares with them as they are here.)

# %%
from dataclasses import replace

from llmlib.output_head import cross_entropy
from llmlib.scaling import dequantize

sizes_in_bytes = {"float32": 0, "int8": 0}


def rounded(w):
    """The matrix after a trip through int8; other tensors (norms) as they are."""
    if w is None or w.dim() < 2:
        return w
    q, scale = quantize_int8(w)
    sizes_in_bytes["float32"] += w.nbytes
    sizes_in_bytes["int8"] += q.nbytes + scale.nbytes
    return dequantize(q, scale)


def rounded_layer(layer):
    return replace(
        layer,
        **{
            name: tuple(rounded(w) for w in getattr(layer, name))
            for name in ("q", "k", "v", "o", "mlp")
        },
    )


table = rounded(model.weights.embedding)
small = replace(
    model,
    weights=replace(
        model.weights,
        embedding=table,
        unembedding=table,
        layers=[rounded_layer(layer) for layer in model.weights.layers],
    ),
)
paragraph = (
    "A lighthouse keeper lived alone on a rock in the sea. Every evening she climbed "
    "the stairs, lit the lamp, and watched the ships go by. One night the lamp would "
    "not burn, and far away she heard the horn of a ship that was coming closer. She "
    "took a drum, stood at the edge of the rock, and began to play as loudly as she "
    "could."
)
ids = torch.tensor(model.tokenizer.encode(paragraph))
with torch.no_grad():
    loss_of = {
        name: cross_entropy(m(ids[:-1])[0], ids[1:]).item()
        for name, m in (("float32", model), ("int8", small))
    }
same = (model(ids)[0].argmax(-1) == small(ids)[0].argmax(-1)).float().mean()
for name in loss_of:
    print(
        f"{name:<8} {sizes_in_bytes[name] / 1e6:>6.0f} MB, loss {loss_of[name]:.3f} "
        f"nats a token on {len(ids) - 1} tokens"
    )
print(f"the likeliest token is the same at {100 * same:.0f} % of the positions")

# %% [markdown]
# A quarter of the memory for nearly the same loss. And the speed? That depends on whether the processor can *multiply* by int8 weights as it reads them. If the weights are first turned back into float32, nothing is gained: those are read as well.

# %% tags=["nbval-ignore-output"]
pairs = [quantize_int8(w) for w in weights]
x = torch.randn(1, 576)
x16, packed = (
    x.bfloat16(),
    [(q.contiguous(), scale[:, 0].bfloat16()) for q, scale in pairs],
)
ways = {
    "float32": lambda: [x @ w.T for w in weights],
    "int8, turned back first": lambda: [
        x @ dequantize(q, scale).T for q, scale in pairs
    ],
    "int8, multiplied as it is read": lambda: [
        torch._weight_int8pack_mm(x16, q, scale) for q, scale in packed
    ],
}
times = {name: seconds(run, repeat=3) for name, run in ways.items()}
for name, spent in times.items():
    print(
        f"{name:<32} {1000 * spent / len(weights):.3f} ms a matrix, "
        f"{times['float32'] / spent:.1f}× the speed of float32"
    )

# %% [markdown]
# Rounding alone makes a model smaller. To be faster it needs a kernel made for it, and torch's (the last line) is one. Our engine stays with float32, so that its ids can be compared with `transformers`'.
#
# ## 7 · Speculative decoding: several tokens in one pass
#
# A pass over 5 tokens costs less than 5 passes over one (section 3). But the tokens must be known, and each depends on the one before. Trick (Leviathan et al. 2022): let a small, fast **draft** model guess the next few, then let the large
# **target** model check all guesses in *one* pass. Good guesses are kept. The art is to do so without changing what comes out: the tokens must be distributed exactly as if the target model had drawn each one itself.

# %% [markdown]
# ### Exercise 7.5 · `accept_draft` · ●●● · 20 min
#
# Write the rule that decides about drafted tokens, for many independent texts at once.
#
# | | shape | |
# |---|---|---|
# | `drafted` | `[batch]`, ints | one id a row, drawn from the draft model's `q` |
# | `p` | `[batch, vocab]` | the target model's probabilities, one row a text |
# | `q` | `[batch, vocab]` | the draft model's probabilities; above 0 at the drafted id |
# | `u` | `[batch]` | uniform in [0, 1): decides whether to keep the drafted id |
# | `v` | `[batch]` | uniform in [0, 1): draws another id where it is not kept |
# | returns | `[batch]`, ints | the ids to use |
#
# Keep the drafted id $x$ if $u < p(x)/q(x)$ (so surely if $p(x) \ge q(x)$). Otherwise draw from what $p$ has *more* than $q$, $\max(p - q, 0)$, scaled to sum 1. `draw(weights, v)` from
# notebook 6 is given; it takes `[batch, vocab]` and `[batch]`, and scales the weights itself.
#
# By hand: `p = [0.5, 0.3, 0.2]`, `q = [0.2, 0.3, 0.5]`. Drafted 0 or 1: always kept. Drafted 2: kept if $u < 0.2/0.5 = 0.4$; otherwise drawn from $\max(p - q, 0) = [0.3, 0, 0]$, so it is 0. How often
# do we get id 0? It is drafted with 0.2; id 2 is drafted with 0.5, and refused with 0.6: 0.2 + 0.5 × 0.6 = 0.5. That is $p(0)$, as it must be.
#
# <details><summary>Hint 1</summary>
#
# Look up two numbers a row: how likely is the drafted id under `p`, and under `q`? Row numbers and ids together do it: `p[torch.arange(len(drafted)), drafted]`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `(p - q).clamp(min=0)` is what `p` has more. Compute a replacement for every row, then choose: `torch.where(kept, drafted, replacement)`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `kept = u * q_drafted < p_drafted` avoids the division. The rest is `draw((p - q).clamp(min=0), v)` and `torch.where`.
#
# </details>


# %% solution accept_draft
def accept_draft(drafted, p, q, u, v):
    """Speculative decoding's rule (Leviathan et al. 2022, arXiv:2211.17192): turn draws
    from q into draws from p.

    drafted [batch] are ids drawn from the draft model's q [batch, vocab];
    p [batch, vocab] is the target model's; u and v [batch] are uniform in [0, 1).
    An id is kept with probability min(1, p/q), decided by u; else one is drawn by v
    from max(p - q, 0), rescaled.
    """
    ### BEGIN SOLUTION
    rows = torch.arange(len(drafted))
    kept = u * q[rows, drafted] < p[rows, drafted]
    return torch.where(kept, drafted, draw((p - q).clamp(min=0), v))
    ### END SOLUTION


# %% test accept_draft points=3
import torch
from llmlib.course import check


def _share(p, q, n_u, n_v):
    """The exact share of each id: every drafted id with its probability, every u and v
    on a grid."""
    _vocab = len(p)
    _u = (torch.arange(n_u) + 0.5) / n_u
    _v = (torch.arange(n_v) + 0.5) / n_v
    _ids = torch.arange(_vocab)[q > 0]
    _d = _ids.repeat_interleave(n_u * n_v)
    _uu, _vv = _u.repeat_interleave(n_v).repeat(len(_ids)), _v.repeat(len(_ids) * n_u)
    _out = accept_draft(_d, p.expand(len(_d), -1), q.expand(len(_d), -1), _uu, _vv)
    check.equal(list(_out.shape), list(_d.shape), "one id a row: shape [batch]")
    check.that(
        ((_out >= 0) & (_out < _vocab)).all(),
        f"every id must lie between 0 and {_vocab - 1}: draw from max(p - q, 0), "
        "scaled to sum 1",
    )
    return torch.zeros(_vocab, dtype=torch.float64).index_add(
        0, _out.long(), q[_d].double() / (n_u * n_v)
    )


_p, _q = torch.tensor([[0.5, 0.3, 0.2]]), torch.tensor([[0.2, 0.3, 0.5]])


def _one(drafted, u, v):
    _out = accept_draft(
        torch.tensor([drafted]), _p, _q, torch.tensor([u]), torch.tensor([v])
    )
    check.equal(list(_out.shape), [1], "one id a row: shape [batch]")
    return int(_out[0])


check.equal(
    _one(0, 0.99, 0.9),
    0,
    "p(0) = 0.5 is more than q(0) = 0.2: a drafted 0 is always kept, whatever u is",
)
check.equal(_one(1, 0.99, 0.9), 1, "p(1) = q(1): a drafted 1 is always kept")
check.equal(
    _one(2, 0.39, 0.9),
    2,
    "p(2)/q(2) = 0.2/0.5 = 0.4 and u = 0.39 is below it: keep the drafted 2",
)
check.that(
    _one(2, 0.41, 0.1) != 2,
    "p(2)/q(2) = 0.4 and u = 0.41 is not below it: the drafted 2 must be replaced",
)
check.equal(
    [_one(2, 0.41, _v) for _v in (0.01, 0.5, 0.99)],
    [0, 0, 0],
    "max(p - q, 0) = [0.3, 0, 0]: whatever v is, the replacement is 0 (it is drawn "
    "from what p has more than q, not from p)",
)
check.close(
    _share(_p[0], _q[0], 20, 20),
    _p[0],
    "over all draws each id must come as often as p says",
)
_p, _q = torch.tensor([0.5, 0.3, 0.2, 0.0]), torch.tensor([0.25, 0.25, 0.25, 0.25])
check.close(
    _share(_p, _q, 20, 60),
    _p,
    "p = [0.5, 0.3, 0.2, 0], q all 0.25: each id must come as often as p says; the "
    "replacement is drawn with weights 0.25 and 0.05",
)
check.close(_share(_q, _q, 10, 10), _q, "with q = p every drafted id is kept")
### BEGIN HIDDEN TESTS
for _seed in range(3):
    _parts = torch.rand(2, 6, generator=torch.Generator().manual_seed(_seed))
    _p, _q = _parts[0] / _parts[0].sum(), _parts[1] / _parts[1].sum()
    check.close(
        _share(_p, _q, 100, 40),
        _p,
        "over all draws each id must come as often as p says",
        atol=0.015,
    )
_out = accept_draft(
    torch.tensor([2, 0]),
    torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]),
    torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2]]),
    torch.tensor([0.3, 0.1]),
    torch.tensor([0.5, 0.5]),
)
check.equal(_out.tolist(), [2, 0], "each row has its own p, q, u and v")
### END HIDDEN TESTS

# %% [markdown]
# **Run it** on a toy vocabulary of 6 tokens: 100,000 drafts by `q`, your rule, and a count. Drawn from `q`, distributed as `p`.

# %%
generator = torch.Generator().manual_seed(7)
p = torch.tensor([0.40, 0.25, 0.15, 0.10, 0.07, 0.03])
q = torch.tensor([0.20, 0.30, 0.10, 0.25, 0.05, 0.10])
n = 100_000
u, v, w = torch.rand(3, n, generator=generator)
drafted = draw(q.expand(n, -1), w)
out = accept_draft(drafted, p.expand(n, -1), q.expand(n, -1), u, v)
share = torch.bincount(out, minlength=6) / n
chi_square = ((share - p) ** 2 / p).sum().item() * n
print("token   ", "".join(f"{i:>8}" for i in range(6)))
for name, values in (("draft q", q), ("target p", p), ("got", share)):
    print(f"{name:<9}", "".join(f"{x:>8.3f}" for x in values.tolist()))
print(
    f"chi-square {chi_square:.1f} with 5 degrees of freedom (above 11.1 in 5 % of fair "
    "draws)"
)
print(
    f"drafts kept: {(out == drafted).float().mean():.3f}; the overlap of p and q, sum "
    f"of min(p, q), is {torch.minimum(p, q).sum():.3f}"
)
plots.show(
    pictures.speculation(p.numpy(), q.numpy()),
    alt="For each of six tokens, a bar of the target's probability, made of the part "
    "that is kept from the draft and the part that is drawn again, beside a bar of the "
    "draft's probability.",
)

# %% [markdown]
# A draft is kept as often as the two distributions overlap. If each of k drafted tokens is kept with chance $a$, one pass of the target makes
# $1 + a + a^2 + \dots + a^k$ tokens on average: the kept ones, and one more from the target itself, which comes free.

# %%
acceptance = [i / 100 for i in range(100)]
made = {k: [sum(a**i for i in range(k + 1)) for a in acceptance] for k in (2, 4, 8)}
print(
    f"4 drafted, each kept with chance 0.8: {made[4][80]:.2f} tokens a pass of the "
    "target model"
)
plots.show(
    pictures.expected_tokens(acceptance, made.keys(), made.values()),
    alt="Tokens made in a pass against the chance that a draft is kept, for 2, 4 and 8 "
    "drafted tokens: all start at 1 and rise towards 3, 5 and 9; more drafts pay only "
    "when most are kept.",
)

# %% [markdown]
# ## 8 · Train a tiny model, now
#
# So far the weights were given. Where do they come from? From the loss of notebook 5, and gradient descent on it. In about a minute you can watch a model go from noise to words.
#
# **The text.** The course brings its own: short bedtime stories that SmolLM2 wrote, all from the same prompt, each token drawn from its full distribution at temperature 0.8 (no top-k, no top-p). With each token its log-probability was written down.
# `llmlib/data/make_stories.py` made them, and can make them again. A student that learns from a teacher's text is a simple form of **distillation**.

# %%
from llmlib import data

train_stories, held_out_stories = data.stories("train"), data.stories("held_out")
print(
    f"{len(train_stories)} stories to train on, {len(held_out_stories)} held out; "
    f"{sum(len(s.text.encode()) for s in train_stories + held_out_stories) / 1e6:.2f} "
    "MB in all"
)
print(f"the prompt of every story: {data.STORIES_PROMPT!r}\n")
print(held_out_stories[3].text[:500])

# %% [markdown]
# **The floor.** Text collected from people has an unknown entropy: nobody knows how well the best possible model would predict it. Here we know. The stories were *drawn* from distributions that were written down; on average nobody can predict a draw better
# than the distribution it was drawn from. So the mean of $-\ln p$ over the tokens is the source's **entropy**, and the loss of any model, of any size, stays above it, up to the luck of a finite sample. We count in nats for each *byte* of text, since student and teacher use different tokens (notebook 5).

# %%
floor = data.floor(held_out_stories)
by_story = [-s.logprobs.sum() / len(s.text.encode()) for s in held_out_stories]
spread = torch.tensor(by_story).std().item() / len(by_story) ** 0.5
print(
    f"entropy of the source, measured on the held-out stories: {floor:.4f} nats a byte "
    f"(give or take {spread:.4f}); on the training stories: "
    f"{data.floor(train_stories):.4f}"
)
print(
    "a model that knows nothing of text, each byte with chance 1/256: "
    f"{math.log(256):.4f}"
)

# %% [markdown]
# Two honest cautions, and how much each can matter.
#
# 1. **Tokens are not text.** What was written down is the entropy of the *token sequence*. The same text can be cut into tokens in several ways, and a model of the text need not know which way was taken. So the entropy of the text is a little smaller. How often did the teacher
#    cut a piece of text in another way than its tokenizer does? If that happens to a share $f$ of the pieces, and there are about $k$ ways to cut one (the cell takes a long piece, of 8 bytes), a piece hides at most about $h(f) + f \ln k$ nats, with $h(f) = -f \ln f - (1-f) \ln(1-f)$.
# 2. **The student does not see the prompt.** Had the stories come from $K$ different prompts, a student would also have to guess which one, at up to $\ln K$ nats a story. There is one prompt, and $\ln 1 = 0$: nothing to pay.

# %%
from llmlib.tokens import split

tokenizer = model.tokenizer
pieces, odd = 0, 0
for story in held_out_stories:
    usual = tokenizer.encode(story.text)
    taken = story.ids[:-1] if story.ended else story.ids
    pieces += len(split(story.text, tokenizer.patterns))
    if usual != taken:
        ends = [set(), set()]
        for seen, sequence in zip(ends, (usual, taken)):
            at = 0
            for i in sequence:
                at += len(tokenizer.token_bytes(i))
                seen.add(at)
        odd += len(
            ends[0] ^ ends[1]
        )  # places where one of the two cuts and the other does not
f, k = (
    odd / pieces,
    2**7,
)  # 2^7 ways: a piece of 8 bytes can be cut, or not, at 7 places
hidden = -f * math.log(f) - (1 - f) * math.log(1 - f) + f * math.log(k)
per_byte = hidden * pieces / sum(len(s.text.encode()) for s in held_out_stories)
print(
    f"caution 1: {odd} unusual cuts in {pieces} pieces: the text's entropy is at most "
    f"{per_byte:.4f} nats a byte below the floor"
)
length = sum(len(s.text.encode()) for s in held_out_stories) / len(held_out_stories)
print(
    "caution 2: with 1 prompt 0; with 1,000 prompts it would have been up to ln(1000) "
    f"/ {length:.0f} bytes = {math.log(1000) / length:.4f} nats a byte"
)

# %% [markdown]
# Both are small beside the floor. A third thing keeps a *student* above the floor, but does not move the floor: our student looks back 256 of its tokens at most, while the teacher saw the whole story. (And the teacher ran with weights rounded to bfloat16. That changes which distribution was drawn from, not that we know it.)
#
# **The student** is the engine of this course with random weights: the same `forward`, two layers, d_model 128, a byte-level BPE of 512 tokens learned from the stories (notebook 1). Its training loop is twenty lines in `llmlib/training.py`: pick 8 windows of
# 256 tokens, cross-entropy with targets shifted by one, gradients, a step of AdamW. Every one of the 2,048 positions is a training example, in parallel; nothing is "predicted at random positions".

# %%
from llmlib import training

student_tokenizer = training.story_tokenizer(train_stories[:256])
train_tokens = training.as_tokens(train_stories, student_tokenizer)
held_out_tokens = training.as_tokens(
    held_out_stories[:32], student_tokenizer
)  # an eighth: enough to watch
bytes_a_token = train_tokens.n_bytes / len(train_tokens.ids)
config = training.tiny_config(d_model=128)
student = training.new_weights(config, seed=0)


def sample_of(weights):
    """The beginning of a story by a tiny model, temperature 0.8."""
    tiny = training.as_model(weights, config, student_tokenizer)
    start = student_tokenizer.special_tokens[training.BETWEEN]
    new_ids = generate(tiny, [start], 120, temperature=0.8, seed=1)
    return student_tokenizer.decode([i for i in new_ids if i != start])


print(
    f"{sum(t.numel() for t in training.tensors(student)):,} parameters, "
    f"{bytes_a_token:.2f} bytes a token"
)
print(
    "loss before training: "
    f"{training.nats_per_byte(student, config, held_out_tokens):.4f} nats a byte; "
    f"ln(512) / {bytes_a_token:.2f} = {training.initial_loss() / bytes_a_token:.4f}: "
    "all tokens equally likely"
)
print("\na story before training:", repr(sample_of(student)[:200]))

# %% [markdown]
# Now train. The curve moves while the model learns.

# %% tags=["nbval-ignore-output"]
from llmlib.plots import scaling as scaling_pictures

STEPS = 400
draw_curve = scaling_pictures.growing(
    "Training and held-out loss fall steeply at first and then ever more slowly, and "
    "stay far above the dotted line of the source's entropy."
)
steps, losses, watched = [], [], []
for step, loss in training.train(student, config, train_tokens, STEPS, seed=0):
    steps.append(step)
    losses.append(loss / bytes_a_token)
    if step % 50 == 0 or step == 1:
        watched.append((step, training.nats_per_byte(student, config, held_out_tokens)))
        draw_curve(scaling_pictures.loss_curve(steps, losses, watched, floor, STEPS))
print(
    f"after {STEPS} steps of 2,048 tokens: {watched[-1][1]:.3f} nats a byte on "
    f"held-out stories; the floor is {floor:.3f}"
)

# %% tags=["nbval-ignore-output"]
print("a story after training:\n")
print(sample_of(student))

# %% [markdown]
# From noise to words, names and full stops; not yet to sentences that make sense. The teacher, 300 times as large, is at the floor by definition. How much of the gap would a larger student close?
#
# ## 9 · Scaling laws: what size buys
#
# **Claim** (a power law as in Kaplan et al. 2020, with a floor $E$ as in Hoffmann et al. 2022). With the same text and the same number of training tokens, the loss falls with the number of parameters $N$ along a curve with three numbers:
#
# $$L(N) = E + A \, N^{-\alpha}$$
#
# $E$ is what no size removes, $A N^{-\alpha}$ what a larger model still can. $N$ leaves the embedding table out, as Kaplan et al. did, who found that without it models of different shapes lie on one curve.
#
# You will write the fit, test it on losses whose exponent you planted yourself, and then use it on real runs.

# %% [markdown]
# ### Exercise 7.6 · `fit_power_law` · ●●● · 25 min
#
# Fit $L(N) = E + A \, N^{-\alpha}$ to measured losses.
#
# | | shape | |
# |---|---|---|
# | `n` | `[runs]` | model sizes, positive |
# | `loss` | `[runs]` | the loss of each |
# | returns | three floats | `(e, a, alpha)`: the values with the smallest sum of squared errors $\sum (E + A N^{-\alpha} - L)^2$, with $E \ge 0$ and $\alpha$ between 0.001 and 2 |
#
# $E$ must not be negative, since no loss is: if the best $E$ would be, it is 0. Find $\alpha$ to 0.001.
#
# By hand: with $E = 1$, $A = 8$, $\alpha = 0.5$ the sizes 4, 16, 64 have losses 1 + 8/2 = 5, 1 + 8/4 = 3 and 1 + 8/8 = 2; the fit must return `(1, 8, 0.5)`.
#
# Off limits: fitting routines of other libraries (`scipy.optimize`). `torch.linalg.lstsq` and `numpy.polyfit` are fine.
#
# <details><summary>Hint 1</summary>
#
# Suppose you knew $\alpha$. With $x = N^{-\alpha}$ the formula reads $L = E + A x$: a straight line, which has a formula. So only $\alpha$ must be searched.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The best line has slope $A = \sum (x - \bar x)(L - \bar L) / \sum (x - \bar x)^2$ and $E = \bar L - A \bar x$ (bars are means). If that $E$ is below 0, the best line through 0 has $A = \sum x L / \sum x^2$.
# Use float64: `n.double()`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Loop over $\alpha$ = 0.001, 0.002, … 2. For each, compute the line and its squared error; keep the $\alpha$ with the smallest. Return `float(e), float(a), float(alpha)`.
#
# </details>


# %% solution fit_power_law off=["scipy.optimize"]
def fit_power_law(n, loss):
    """Fit loss = e + a * n^-alpha by least squares, e not negative: two 1-D tensors ->
    (e, a, alpha), floats.

    Given alpha, e and a are a straight-line fit to n^-alpha; so only alpha is searched,
    in steps of 0.001 from 0.001 to 2.
    """
    ### BEGIN SOLUTION
    alphas = torch.arange(1, 2001, dtype=torch.float64)[:, None] / 1000
    x, y = n.double() ** -alphas, loss.double()  # 2000 runs; runs
    x_mean, y_mean = x.mean(1, keepdim=True), y.mean()
    a = ((x - x_mean) * (y - y_mean)).sum(1, keepdim=True) / (x - x_mean).pow(2).sum(
        1, keepdim=True
    )
    e = y_mean - a * x_mean
    below = e < 0  # a floor below zero means nothing: pin it there
    e, a = (
        e.clamp(min=0),
        torch.where(
            below, (x * y).sum(1, keepdim=True) / x.pow(2).sum(1, keepdim=True), a
        ),
    )
    best = (e + a * x - y).pow(2).sum(1).argmin()
    return e[best].item(), a[best].item(), alphas[best].item()
    ### END SOLUTION


# %% test fit_power_law points=3
import torch
from llmlib.course import check


def _check_planted(n, e, a, alpha, tolerance=0.002):
    _n = torch.tensor(n, dtype=torch.float64)
    _e, _a, _alpha = fit_power_law(_n, e + a * _n**-alpha)
    check.close(
        _alpha,
        alpha,
        f"losses made with E = {e}, A = {a}, alpha = {alpha}: the fit must find that "
        "alpha",
        atol=tolerance,
    )
    check.close(
        _e,
        e,
        f"losses made with E = {e}, A = {a}, alpha = {alpha}: the fit must find that "
        "floor E",
        atol=0.02 * max(e, 1),
    )
    check.close(
        _a / a,
        1.0,
        f"losses made with E = {e}, A = {a}, alpha = {alpha}: the fit must find that A "
        "(here as a multiple of it)",
        atol=0.05,
    )


_n = torch.tensor([4.0, 16.0, 64.0])
_got = fit_power_law(_n, torch.tensor([5.0, 3.0, 2.0]))
check.that(len(_got) == 3, "return three numbers: (e, a, alpha)")
check.that(
    abs(_got[0] - 0.5) > 0.01 or abs(_got[2] - 1) > 0.01,
    "the order is (e, a, alpha), not (alpha, a, e)",
)
check.that(
    _got[2] > 0,
    "alpha is positive: the minus sign stands in the formula, N to the power -alpha",
)
check.that(
    _got[0] > 0.1,
    "the fit put the floor E at 0: a straight line through log N and log L leaves the "
    "floor out; fit E as well",
)
check.close(
    _got,
    [1, 8, 0.5],
    "sizes 4, 16, 64 with losses 5, 3, 2: E = 1, A = 8, alpha = 0.5",
    atol=0.02,
)
_check_planted([1e4, 1e5, 1e6, 1e7, 1e8], 1.2, 8.0, 0.34)
_check_planted([2e4, 5e4, 1e5, 3e5, 8e5], 1.69, 406.4, 0.377)
_m = torch.logspace(3, 6, 7, dtype=torch.float64)
check.close(
    fit_power_law(_m, 9 * _m**-0.2 - 0.3)[0],
    0.0,
    "the best E for these losses would be below 0, which no loss is: then E is 0",
    atol=1e-6,
)
check.close(
    fit_power_law(_m, 9 * _m**-0.2 - 0.3)[1],
    12.08,
    "where E is 0, A must be fitted anew, for a line through 0: sum of x L / sum of x²",
    atol=0.15,
)  # 0.001 in alpha moves it by 0.12
### BEGIN HIDDEN TESTS
_check_planted([1e3, 4e3, 2e4, 9e4, 5e5, 2e6], 0.7, 5.0, 0.212)
_check_planted([6e3, 1.4e4, 2.5e4, 5.5e4, 1e5, 2.2e5], 2.2, 33.0, 0.451)
_noise = 0.004 * torch.randn(
    40, generator=torch.Generator().manual_seed(0), dtype=torch.float64
)
_m = torch.logspace(3, 7, 40, dtype=torch.float64)
check.close(
    fit_power_law(_m, 1 + 6 * _m**-0.3 + _noise)[2],
    0.3,
    "40 runs with a little noise: alpha must still come out within 0.02",
    atol=0.02,
)
### END HIDDEN TESTS

# %% [markdown]
# **Your own runs.** Four sizes, trained now, each for 60 steps with the same learning rate.

# %% tags=["nbval-ignore-output"]
tiny_n, tiny_loss = [], []
for d_model in (8, 16, 32, 64):
    tiny = training.tiny_config(d_model)
    weights_of_tiny = training.new_weights(tiny, seed=0)
    for _ in training.train(
        weights_of_tiny, tiny, train_tokens, 60, seed=0, peak=0.006
    ):
        pass
    tiny_n.append(training.non_embedding_parameters(weights_of_tiny))
    tiny_loss.append(training.nats_per_byte(weights_of_tiny, tiny, held_out_tokens))
    print(
        f"d_model {d_model:>3}: N = {tiny_n[-1]:>6,}, {tiny_loss[-1]:.3f} nats a byte"
    )
e, a, alpha = fit_power_law(
    torch.tensor(tiny_n, dtype=torch.float64),
    torch.tensor(tiny_loss, dtype=torch.float64),
)
print(f"fit: E = {e:.3f}, A = {a:.2f}, alpha = {alpha:.3f}")

# %% [markdown]
# Larger is better, each time. (All four took the same learning rate, which suits the larger ones more; in the recorded runs below each size has a rate that suits it.) But look at $E$: four points over less than two decades of $N$ say next to nothing about it.
#
# **Recorded runs.** The same thing done thoroughly takes a quarter of an hour, so it was done once: eight sizes, three seeds each, on 1,500 of the stories (`llmlib/data/make_scaling_runs.py`; the table is `scaling_runs.csv`).

# %%
runs = data.scaling_runs()
n = torch.tensor([run["parameters"] for run in runs], dtype=torch.float64)
loss = torch.tensor([run["loss"] for run in runs], dtype=torch.float64)
sizes_run = sorted(set(n.tolist()))
mean = torch.stack([loss[n == size].mean() for size in sizes_run])
print(f"{runs[0]['tokens']:,} training tokens each")
print("        N   mean loss   spread of the seeds")
for size, average in zip(sizes_run, mean):
    print(f"{size:>9,.0f}   {average:>9.4f}   {loss[n == size].std():>9.4f}")
e, a, alpha = fit_power_law(n, loss)
print(f"\nfit of all: E = {e:.3f}, A = {a:.2f}, alpha = {alpha:.3f}")

# %% [markdown]
# How sure is that? Fit again and again, each time to runs drawn from these with replacement (the *bootstrap*). The spread of the answers shows what the luck of the runs does to the fit. It cannot show whether the formula is right; that comes below.

# %%
generator = torch.Generator().manual_seed(3)
fits = [
    fit_power_law(n[rows], loss[rows])
    for rows in (
        torch.randint(len(n), (len(n),), generator=generator) for _ in range(200)
    )
]
low, high = torch.tensor(fits).quantile(torch.tensor([0.05, 0.95]), dim=0)
for name, x, y in zip(("E", "A", "alpha"), low, high):
    print(f"{name:<6} between {x:.3f} and {y:.3f} in 90 % of the fits")
print(f"known floor of the source: {floor:.3f}")

plots.show(
    scaling_pictures.scaling_law(
        (n.numpy(), loss.numpy()),
        {f"E + A·N^−α, E = {e:.2f}": lambda x: e + a * x**-alpha},
        floor,
    ),
    alt="Loss against parameters on a logarithmic axis: 24 runs on a curve that "
    "flattens; the fitted curve passes through them; the known floor lies far below.",
)

# %% [markdown]
# The fitted $E$ and the known floor are different things, and here you can tell them apart. The fit's $E$ is the limit for larger and larger models *trained on these 819,200 tokens*: it also contains what too little text, a short training and a short memory cost.
# Only with endless data, endless training and a memory of the whole story would it come down to the source's own entropy. With text from people one could not see this: there the fitted $E$ is often called "the entropy of language".
#
# **Predict a size nobody has seen.** Fit the six smaller sizes and predict the two larger ones.

# %%
small_sizes = n <= sizes_run[5]
six = fit_power_law(n[small_sizes], loss[small_sizes])
log_n, log_loss = n[small_sizes].log(), loss[small_sizes].log()
slope = (
    ((log_n - log_n.mean()) * (log_loss - log_loss.mean())).sum()
    / ((log_n - log_n.mean()) ** 2).sum()
).item()
straight = lambda x: (
    math.exp(log_loss.mean().item() - slope * log_n.mean().item()) * x**slope
)
print(
    f"fit of six sizes: E = {six[0]:.3f}, A = {six[1]:.2f}, alpha = {six[2]:.3f}; pure "
    f"power law (E = 0): alpha = {-slope:.3f}"
)
for size, average in list(zip(sizes_run, mean.tolist()))[6:]:
    print(
        f"N = {size:>9,.0f}: measured {average:.4f}, predicted with a floor "
        f"{six[0] + six[1] * size ** -six[2]:.4f}, without {straight(size):.4f}"
    )
plots.show(
    scaling_pictures.scaling_law(
        (n[small_sizes].numpy(), loss[small_sizes].numpy()),
        {
            "with a floor E": lambda x: six[0] + six[1] * x ** -six[2],
            "pure power law": straight,
        },
        held_back=list(zip(sizes_run, mean.tolist()))[6:],
    ),
    alt="The two larger sizes, held back from the fit, lie above the predictions of "
    "both a law with a floor and a pure power law.",
)
for k in (5, 6, 7, 8):
    rows = n <= sizes_run[k - 1]
    print(
        f"fit of the {k} smallest sizes: E = "
        f"{fit_power_law(n[rows], loss[rows])[0]:.3f}"
    )

# %% [markdown]
# Both predictions are too low, by more than the spread of the seeds. The larger models have more room than the training budget fills, and a formula fitted to sizes for which the budget was ample does not know. The last four lines say the same of $E$: it moves from nearly 0 to above 1 with the range of sizes.
# With six sizes it happens to come out near the known floor; that is chance, and looks like a discovery. An extrapolation is a guess with a formula: fit over more than two decades of $N$, and even then hold something back.
#
# ### What the well-known laws say
#
# Kaplan et al. 2020 found $L \propto N^{-0.076}$ for models up to 1.5 billion parameters with ample data. The pure power law's exponent above is in the same region; that is chance: it moves with the token budget, the size range and the text. Hoffmann et al. 2022 ("Chinchilla") added the
# number of training tokens $D$: $L(N, D) = 1.69 + 406.4/N^{0.34} + 410.7/D^{0.28}$. Under a budget of training compute (about $6ND$ operations), both should grow together, some 20 tokens a parameter. Let us see whether the formula says so.

# %%
from llmlib.scaling import chinchilla_loss, kaplan_loss_ratio, training_flops

budget = 5.76e23  # Gopher's budget, which Chinchilla was made to match
candidates = torch.logspace(9, 12.5, 2000, dtype=torch.float64)
best = candidates[
    chinchilla_loss(candidates, budget / (6 * candidates)).argmin()
].item()
print(
    f"best split of {budget:.2e} operations by the formula: {best / 1e9:.0f} billion "
    f"parameters, {budget / 6 / best / 1e9:,.0f} billion tokens: "
    f"{budget / 6 / best / best:.0f} tokens a parameter"
)
for name, parameters, tokens in (("GPT-3", 175e9, 300e9), ("Chinchilla", 70e9, 1.4e12)):
    print(
        f"{name:<10} {parameters / 1e9:.0f}B parameters, {tokens / 1e9:,.0f}B tokens "
        f"({tokens / parameters:.1f} a parameter), "
        f"{training_flops(parameters, tokens):.2e} operations: loss by the formula "
        f"{chinchilla_loss(parameters, tokens):.3f}"
    )

# %% [markdown]
# Chinchilla has 2.5 times fewer parameters than GPT-3, 4.7 times the text (so 1.9 times the operations), and the smaller loss. So "bigger models learn better" is half of the truth. (The paper's other two methods, and the model that was trained, gave about 20 tokens a parameter; this formula alone asks for more text. Fits differ, as yours just did.)
# The 3.15e23 operations of GPT-3 are $6ND$, and agree with the paper's own 3.14e23. It ran on V100 GPUs. What that cost was never published: estimates start at about 4.6 million dollars, and should be called estimates.
#
# ### "170 times better"
#
# A well-known page says: GPT-2 with 1.5B parameters makes about 2 % errors, GPT-3 about 0.1 %, so it is "1700×, no, 170× better". **Predict** what 117 times the parameters do to the loss, by Kaplan's law.

# %%
times = 175 / 1.5
ratio = kaplan_loss_ratio(times)
print(
    f"{times:.0f} times the parameters: the loss falls to {ratio:.3f} of what it was, "
    f"{100 * (1 - ratio):.0f} % less"
)
print(f"2 % / 0.1 % would be {2 / 0.1:.0f} times, neither 170 nor 1700")
print(
    f"reported, LAMBADA: accuracy 63.2 % -> 76.2 %: errors {100 - 63.2:.1f} % -> "
    f"{100 - 76.2:.1f} %, {(100 - 63.2) / (100 - 76.2):.2f} times fewer"
)
print(
    f"reported, Penn Treebank: perplexity 35.8 -> 20.5: loss {math.log(35.8):.2f} -> "
    f"{math.log(20.5):.2f} nats a word, "
    f"{100 * (1 - math.log(20.5) / math.log(35.8)):.0f} % less"
)

# %% [markdown]
# Nobody has measured those two error rates, and the page's own numbers give a factor of 20. What was reported (zero-shot, in the papers of GPT-2 and GPT-3) is in the last two lines: solid progress, by tens of percent.
#
# ### "Abilities emerge at 1B, 10B, 100B"
#
# Some tasks look impossible for small models and easy for large ones, as if an ability had switched on. Schaeffer et al. 2023 asked how it was measured. Take models that become better smoothly: the chance that one token is right rises step by step. Now ask for
# an answer of 10 tokens and count it only if *all* are right. If tokens fail independently, that is accuracy to the power of 10.

# %%
accuracy = [0.50, 0.60, 0.69, 0.77, 0.84, 0.90, 0.94, 0.97]
print("one token: ", "".join(f"{p:>7.2f}" for p in accuracy))
print("10 tokens: ", "".join(f"{p**10:>7.3f}" for p in accuracy))
plots.show(
    scaling_pictures.emergence(accuracy, (5, 10, 30)),
    alt="Left: accuracy of one token rises steadily from small to large models. Right: "
    "the chance that 5, 10 or 30 tokens are all right starts near 0 and rises later "
    "the longer the answer; for 30 it stays at 0 for more than half of the models.",
)

# %% [markdown]
# **Check it on the real thing.** The tiny model's loss fell smoothly all the way. How often would it have written the next 5 tokens of a held-out story exactly right?


# %% tags=["nbval-ignore-output"]
def right_tokens(weights, config):
    """At which held-out positions is the likeliest token the right one? [20, 255]"""
    windows = held_out_tokens.ids[: 20 * 256].view(20, 256)
    with torch.no_grad():
        guess = training.forward(windows, weights, config, training.PARTS).argmax(-1)
    return guess[:, :-1] == windows[:, 1:]


for name, these, its_config in (
    ("d_model 64, 60 steps", weights_of_tiny, tiny),
    (f"d_model 128, {STEPS} steps", student, config),
):
    right = right_tokens(these, its_config)
    one, five = (
        right.float().mean().item(),
        right.unfold(1, 5, 1).all(-1).float().mean().item(),
    )
    print(
        f"{name}: one token right {one:.3f}, five in a row {five:.4f} (if independent "
        f"{one**5:.4f})"
    )

# %% [markdown]
# Which threshold one sees depends on the task and on the metric. "1B", "10B" and "100B" are not constants of nature.
#
# ## 10 · Where it goes
#
# Nine directions, each with one fact that this course measured or can compute.

# %%
per_token = cache_bytes(c.n_layer, c.n_kv_head, c.head_dim, 1)
print(
    "longer context      the cache of one text of 1,000,000 tokens would take "
    f"{per_token * 1e6 / 1e9:.0f} GB for SmolLM2, "
    f"{cache_bytes(96, 96, 128, 1_000_000, 2) / 1e12:.1f} TB for GPT-3's shape"
)
print(
    "quantization        int8 weights: "
    f"{sizes_in_bytes['int8'] / sizes_in_bytes['float32']:.3f} of the bytes, loss "
    f"{loss_of['float32']:.3f} -> {loss_of['int8']:.3f}"
)
print(
    "speculation         4 drafted tokens kept with chance 0.8 each: "
    f"{made[4][80]:.2f} tokens a pass"
)
print(
    "distillation        a student of "
    f"{sum(t.numel() for t in training.tensors(student)):,} parameters learned from a "
    "teacher of 134,515,008"
)
print(
    "retrieval           a text of 500 tokens put into the prompt costs one prefill "
    f"of 500 and {500 * per_token / 1e6:.0f} MB of cache; no weight changes"
)
mlp = 3 * 576 * 1536
print(
    "efficient training  only some weights at work for each token ('experts'): with "
    "each MLP cut into 8 and 1 of the 8 active, SmolLM2's layers would do "
    f"{1 - 7 / 8 * mlp / (mlp + 2 * 576 * 576 + 2 * 576 * 192):.2f} of the work"
)
print(
    "multimodal          an image of 224 x 224 pixels in patches of 16 x 16 is "
    f"{(224 // 16) ** 2} vectors for the same transformer (Dosovitskiy et al. 2020)"
)
print(
    "reasoning           1,000 tokens of thought before the answer: 1,000 passes, "
    f"about {2 * 134_515_008 * 1000 / 1e12:.1f} trillion operations for SmolLM2; a "
    "larger budget, spent when asked"
)
print(
    "specialization      LoRA of rank 8 on W_q and W_v (Hu et al. 2021) trains "
    f"{30 * 8 * ((576 + 576) + (576 + 192)):,} of 134,515,008 weights: "
    f"{100 * 30 * 8 * ((576 + 576) + (576 + 192)) / 134_515_008:.2f} %"
)

# %% [markdown]
# ## 11 · Your pieces in the engine
#
# `write_cache` in the engine, compared with `transformers` on three prompts:

# %%
from llmlib.course.engine_check import same_ids

agreed = same_ids(
    model.using(cache=write_cache),
    ["The capital of France is", "def add(a, b):", "Es war einmal"],
    max_new_tokens=8,
)

# %% [markdown]
# ## 12 · Your own file
#
# The functions of all seven notebooks now fit together into one file that runs a real LLM. It is made of your solution cells, in the order in which data flows, and it imports torch, safetensors, regex and the standard library: nothing of this course.
# Save all notebooks (Ctrl-S), then run the cell. If a function is missing or wrong, its notebook and exercise are named, and no file is written.

# %% tags=["nbval-ignore-output"]
from llmlib.course import my_llm

my_llm.make(".", "../my_llm.py", "The capital of France is")
# %% [markdown]
# The same in a terminal: `llmlib my-llm` writes `my_llm.py`, with `--fill` also where something is missing (the course's own function is put there, marked as such). Then:
#
#     python my_llm.py "The capital of France is"
#
# ## Recap
#
# What you have seen in seven notebooks:
#
# 1. **Tokenization** turns text into ids, with a vocabulary learned from pairs (1).
# 2. **Embeddings** turn ids into vectors; **positions** enter by sinusoids, a table or rotation (2).
# 3. **Attention** lets each position read from those before it (3); **layers** of attention and MLP write into one residual stream (4).
# 4. **The output head** turns the last vector into logits, and the loss into gradients: softmax − one-hot (5).
# 5. **Sampling** picks a token; **autoregression** appends it and goes on (6).
# 6. **The KV cache** makes each step cost one token; memory bandwidth sets the floor (7).
# 7. **Training** is the same forward pass with a loss at every position; **scaling** lowers the loss along a curve with a floor; **emergence** is often a matter of the metric (7).
#
# ## Three questions to think about
#
# 1. Two users send different prompts that begin with the same 1,000 tokens. What could a server share, and what not?
# 2. The draft model gets better, and its overlap with the target rises from 0.8 to 0.9. Would you draft more tokens at a time? What else would you need to know?
# 3. The known floor lies far below the fitted $E$. Which two experiments would tell whether more text, or longer training on the same text, is what is missing?
#
# ## Papers
#
# - Shazeer 2019, *Fast Transformer Decoding* (arXiv:1911.02150); Ainslie et al. 2023, *GQA* (2305.13245); Williams et al. 2009, *Roofline*
# - Dettmers et al. 2022, *LLM.int8()* (2208.07339); Leviathan et al. 2022, *Fast Inference from Transformers via Speculative Decoding* (2211.17192); Hinton et al. 2015, *Distilling the Knowledge in a Neural Network* (1503.02531)
# - Kaplan et al. 2020, *Scaling Laws for Neural Language Models* (2001.08361); Hoffmann et al. 2022, *Training Compute-Optimal Large Language Models* (2203.15556); Schaeffer et al. 2023, *Are Emergent Abilities of Large Language Models a Mirage?* (2304.15004)
# - Hu et al. 2021, *LoRA* (2106.09685); Dosovitskiy et al. 2020, *An Image is Worth 16x16 Words* (2010.11929)

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done. `llmlib check` does the same in a terminal, with the mistake that each failing check names.

# %% tags=["nbval-ignore-output"]
from llmlib.course.progress import show as show_progress

show_progress()
