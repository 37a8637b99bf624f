# %% [markdown]
# # 7 · KV cache & scaling

# %% nbgrader={"grade": false, "grade_id": "given_setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
from types import SimpleNamespace

import torch

from llmlib.sampling import draw

torch.set_num_threads(2)

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

# %% nbgrader={"grade": false, "grade_id": "write_cache", "locked": false, "schema_version": 3, "solution": true, "task": false}
def write_cache(store, new, start):
    """Write new keys (or values) behind the `start` old ones, in place, and return all of them so far.

    store [batch, n_kv_head, context, head_dim], new [batch, n_kv_head, seq, head_dim] -> store[:, :, :start + seq].
    Raises ValueError when the context is full.
    """
    ### BEGIN SOLUTION
    end = start + new.shape[2]
    if end > store.shape[2]:
        raise ValueError(f"the KV cache holds {store.shape[2]} positions, but {end} are needed: shorten the prompt or ask for fewer new tokens")
    store[:, :, start:end] = new
    return store[:, :, :end]
    ### END SOLUTION


# %% [markdown]
# The check below calls your function through this adapter, which writes several pieces one after the other into one store.

# %% nbgrader={"grade": false, "grade_id": "given_write_pieces", "locked": true, "schema_version": 3, "solution": false, "task": false}
def write_pieces(pieces, context):
    """Write `pieces` (tensors [batch, n_kv_head, seq, head_dim]) into an empty store -> (what each call returned, the store).

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
        returned.append(back.clone() if isinstance(back, torch.Tensor) else back)
        start += piece.shape[2]
    return returned, store


# %% nbgrader={"grade": true, "grade_id": "test_write_cache", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
import torch
from llmlib.course import check


def _check_pieces(sizes, context, batch, n_kv_head, head_dim, seed):
    _all = torch.randn(batch, n_kv_head, sum(sizes), head_dim, generator=torch.Generator().manual_seed(seed))
    _returned, _store = write_pieces(list(_all.split(sizes, dim=2)), context)
    _end = 0
    for _back, _size in zip(_returned, sizes):
        _end += _size
        check.close(_back, _all[:, :, :_end], f"after {_end} tokens the answer holds those {_end} tokens in order: the old ones, then the new ones behind them")
    check.close(_store[:, :, :_end], _all, "every token must also stand in the store itself, where the next call looks for it")
    check.close(_store[:, :, _end:], torch.zeros(batch, n_kv_head, context - _end, head_dim), "positions not reached yet must stay as they were")


_returned, _store = write_pieces([torch.tensor([7.0, 8.0]).view(1, 1, 2, 1), torch.tensor([9.0]).view(1, 1, 1, 1)], 4)
check.that(_returned[0] is not None, "write_cache returned None: it must return the filled part of the store")
check.close(_store.flatten(), [7, 8, 9, 0], "the store must be [7, 8, 9, 0]: write the new tokens into the store itself, from position `start` on")
check.that(_returned[1].shape[2] != 4, "the answer must end at the last token written: the empty positions behind it would be attended to")
check.close(_returned[1].flatten(), [7, 8, 9], "the answer must hold all tokens so far, old and new: [7, 8, 9]")
_check_pieces([3, 1, 1, 2], 9, 2, 3, 4, seed=0)
_returned, _store = write_pieces([torch.ones(1, 2, 3, 4), torch.ones(1, 2, 1, 4)], 4)
check.that(_returned[-1] != "full", "4 tokens fit into 4 positions: raise ValueError only when they do not")
for _sizes in ([3, 2], [4, 1], [5]):
    _returned, _store = write_pieces([torch.ones(1, 2, _size, 4) for _size in _sizes], 4)
    check.that(_returned[-1] == "full", f"{sum(_sizes)} tokens do not fit into 4 positions: raise ValueError")
### BEGIN HIDDEN TESTS
_check_pieces([5], 5, 1, 2, 6, seed=1)
_check_pieces([1, 1, 1, 1, 1], 7, 3, 1, 2, seed=2)
_check_pieces([2, 4, 1], 8, 1, 4, 3, seed=3)
### END HIDDEN TESTS

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
# | `ids` | the prompt, a list of at least one id |
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

# %% off=["llmlib.generate", "llmlib.generation.generate"] nbgrader={"grade": false, "grade_id": "generate_cached", "locked": false, "schema_version": 3, "solution": true, "task": false}
def generate_cached(model, cache, ids, max_new_tokens, pick, chunk=None):
    """Continue `ids` (a list), yielding each new id as soon as it is picked; every token passes through the model at most once.

    model(ids [1, seq], cache) -> logits [1, seq, vocab] adds seq tokens to the cache; pick(logits [1, vocab]) -> ids [1]. The
    prompt goes in by `chunk` tokens at a time (None: all at once). Stops after max_new_tokens, after one of model.config.stop_ids
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

# %% nbgrader={"grade": false, "grade_id": "given_run_cached", "locked": true, "schema_version": 3, "solution": false, "task": false}
class Toy:
    """The likeliest next id is the sum of (position + 1) * (id + 1) over all tokens, modulo 11. `passes` lists (position, tokens) of each pass."""

    def __init__(self, context, stop_ids):
        self.config = SimpleNamespace(context=context, stop_ids=stop_ids)
        self.length, self.sum, self.passes = 0, 0, []       # the toy is its own cache

    def __call__(self, ids, cache):
        ids = torch.as_tensor(ids)
        if cache is not self or ids.dim() != 2 or ids.shape[0] != 1:
            raise ValueError(f"call model(ids, cache) with ids of shape [1, seq] and the cache you were given, not ids of shape {list(ids.shape)}")
        self.passes.append((self.length, ids.shape[1]))
        rows = []
        for token_id in ids[0].tolist():
            self.length += 1
            self.sum += self.length * (token_id + 1)
            rows.append(-((torch.arange(11) - self.sum) % 11).float())
        return torch.stack(rows)[None]


def run_cached(ids, max_new_tokens, chunk=None, context=64, stop_ids=(), least=False):
    """generate_cached with the toy model -> (new ids, passes, passes before the first id came). `least`: pick the unlikeliest id."""
    toy = Toy(context, stop_ids)
    new_ids, before = [], None
    for new in generate_cached(toy, toy, ids, max_new_tokens, lambda logits: (-logits if least else logits).argmax(-1), chunk):
        before = len(toy.passes) if before is None else before
        new_ids.append(new)
        if len(new_ids) > max_new_tokens + 5:               # a loop that does not stop
            break
    return new_ids, toy.passes, before


# %% nbgrader={"grade": true, "grade_id": "test_generate_cached", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
from llmlib.course import check


def _continue(ids, n, step=0):
    """What the toy model says, computed from the whole text each time."""
    _ids = list(ids)
    for _ in range(n):
        _ids.append((sum((_i + 1) * (_id + 1) for _i, _id in enumerate(_ids)) + step) % 11)
    return _ids[len(ids):]


def _check_run(ids, n, chunk):
    _new, _passes, _before = run_cached(ids, n, chunk)
    _seen = sum(_tokens for _, _tokens in _passes)
    check.that(_seen <= len(ids) + n, f"the model saw {_seen} tokens for a prompt of {len(ids)} and {n} new ids: give it only what is new, the cache has the rest")
    check.that(_seen != len(ids) + n, "the last new id went through the model as well: nothing comes after it, so that pass is wasted")
    check.equal(_new, _continue(ids, n), f"prompt {ids}, chunk {chunk}: the ids differ from those made without a cache; each token must go in exactly once, in order")
    _sizes = [_tokens for _, _tokens in _passes]
    _want = [min(chunk or len(ids), len(ids) - _start) for _start in range(0, len(ids), chunk or len(ids))]
    check.equal(_sizes[:len(_want)], _want, f"a prompt of {len(ids)} with chunk {chunk} goes in as passes of {_want} tokens")


_new, _passes, _before = run_cached([5, 6, 7], 1)
check.equal(_new, _continue([5, 6, 7], 1), "the first new id comes from the logits of the prompt's last token (logits[:, -1]), after the whole prompt has gone in")
_new, _passes, _before = run_cached([5, 6, 7], 4)
check.equal(_before, 1, "the first id must be yielded as soon as the prompt's pass is done, not after the others: use yield inside the loop")
_check_run([5, 6, 7], 3, None)
_check_run([5, 6, 7], 3, 2)
_check_run([4], 6, None)
for _chunk in (1, 3, 7, 20):
    _check_run([3, 1, 4, 1, 5, 9, 2, 6, 5, 3], 4, _chunk)
_stop = _continue([2, 3], 3)[2]
_until = _continue([2, 3], 8)[:_continue([2, 3], 8).index(_stop) + 1]
check.equal(run_cached([2, 3], 8, stop_ids=(_stop,))[0], _until, "a stop id is yielded, and then the loop ends")
check.equal(run_cached([2, 3], 0)[0], [], "max_new_tokens=0 makes no new id")
check.equal(len(run_cached([1, 2, 3, 4], 9, context=7)[0]), 3, "a context of 7 holds a prompt of 4 and 3 new ids: stop there")
check.equal(run_cached([1, 2, 3], 3, least=True)[0], _continue([1, 2, 3], 3, step=-1), "which id comes next is for pick(logits[:, -1]) to say, not for argmax")
### BEGIN HIDDEN TESTS
_check_run([10, 0, 7, 7, 2], 9, None)
_check_run([8, 8, 0, 1, 6, 2, 9], 5, 4)
check.equal(len(run_cached([1, 2, 3, 4, 5], 20, chunk=2, context=9)[0]), 4, "a context of 9 holds a prompt of 5 and 4 new ids: stop there")
### END HIDDEN TESTS

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

# %% nbgrader={"grade": false, "grade_id": "cache_bytes", "locked": false, "schema_version": 3, "solution": true, "task": false}
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    """Bytes of a cache of `seq` tokens: 2 (keys and values) x layers x key/value heads x head_dim x bytes a number, for each."""
    ### BEGIN SOLUTION
    return 2 * n_layer * n_kv_head * head_dim * bytes_per_number * seq
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_cache_bytes", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
import torch
from llmlib.course import check


def _nbytes(n_layer, n_kv_head, head_dim, seq, dtype):
    return sum(torch.zeros(1, n_kv_head, seq, head_dim, dtype=dtype).nbytes for _ in range(n_layer) for _ in ("keys", "values"))


_got = cache_bytes(2, 3, 5, 1)
check.that(_got != 120, "a layer keeps keys and values: that is twice as much, and each layer has its own")
check.that(_got != 60, "that is how many numbers there are: each takes 4 bytes")
check.that(_got != 1920, "that is in bits: 8 of them are a byte")
check.that(_got != 120 * 5, "the queries are not kept, only keys and values")
check.equal(_got, 240, "2 layers, 3 heads, head_dim 5, 1 token: 240 bytes")
check.equal(cache_bytes(1, 3, 5, 1), 120, "each layer has a cache of its own: half the layers, half the bytes")
check.equal(cache_bytes(2, 3, 5, 7), 7 * 240, "every token takes the same: 7 tokens take 7 times 240 bytes")
check.equal(cache_bytes(2, 3, 5, 1, 2), 120, "with 2 bytes a number it is half of that: use bytes_per_number")
check.equal(cache_bytes(4, 2, 8, 3, 2), _nbytes(4, 2, 8, 3, torch.float16), "it must agree with what torch says the tensors take (nbytes)")
### BEGIN HIDDEN TESTS
check.equal(cache_bytes(12, 12, 64, 1024), _nbytes(12, 12, 64, 1024, torch.float32), "it must agree with what torch says the tensors take (nbytes)")
check.equal(cache_bytes(5, 1, 16, 9, 8), _nbytes(5, 1, 16, 9, torch.float64), "it must agree with what torch says the tensors take (nbytes)")
### END HIDDEN TESTS

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

# %% off=["torch.quantize_per_channel", "torch.quantize_per_tensor", "torch.fake_quantize_per_channel_affine"] nbgrader={"grade": false, "grade_id": "quantize_int8", "locked": false, "schema_version": 3, "solution": true, "task": false}
def quantize_int8(w):
    """Weights as whole numbers from -127 to 127, with one scale an output channel: w [out, in] -> q int8 [out, in], scale [out, 1].

    The largest |weight| of a row becomes 127, so q * scale is off by at most scale / 2. A row of zeros gets scale 1.
    """
    ### BEGIN SOLUTION
    largest = w.abs().amax(dim=1, keepdim=True)
    scale = torch.where(largest > 0, largest / 127, 1.0)
    return torch.round(w / scale).to(torch.int8), scale
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_quantize_int8", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
import torch
from llmlib.course import check


def _check_matrix(w):
    _q, _scale = quantize_int8(w)
    check.that(_q.dtype == torch.int8, f"q must be int8, one byte a weight, not {str(_q.dtype).removeprefix('torch.')}")
    check.equal(list(_scale.shape), [w.shape[0], 1], "one scale a row (output channel): shape [out, 1]")
    check.close(_scale, w.abs().amax(1, keepdim=True) / 127, "the scale of a row is its largest absolute value / 127, so that this weight becomes 127", atol=1e-6 * float(w.abs().max()))
    check.that(_q.int().abs().max() <= 127, "whole numbers must lie between -127 and 127")
    _error = (w - _q.float() * _scale).abs()
    check.that((_error <= _scale / 2 * 1.001).all(), "no weight may be off by more than scale / 2: round to the nearest whole number")


_q, _scale = quantize_int8(torch.tensor([[1.27, -0.5, 0.004], [-12.7, 5.0, 0.04]]))
check.that(_q.dtype == torch.int8, f"q must be int8, one byte a weight, not {str(_q.dtype).removeprefix('torch.')}")
check.that(_q[1, 0] != 127, "the largest weight of row 1 is negative (-12.7), so it becomes -127: did its sign overflow?")
check.close(_scale.flatten(), [0.01, 0.1], "rows [1.27, ...] and [-12.7, ...] have scales 0.01 and 0.1: the largest absolute value of each row / 127")
check.equal(list(_scale.shape), [2, 1], "one scale a row (output channel): shape [out, 1]")
check.equal(_q.tolist(), [[127, -50, 0], [-127, 50, 0]], "row [1.27, -0.5, 0.004] becomes [127, -50, 0]")
check.equal(quantize_int8(torch.tensor([[1.27, 0.309, -0.309]]))[0].tolist(), [[127, 31, -31]], "30.9 becomes 31 and -30.9 becomes -31: round to the nearest, do not cut off")
_w = torch.randn(6, 50, generator=torch.Generator().manual_seed(0))
_w[2] *= 100
_check_matrix(_w)
_q, _scale = quantize_int8(torch.tensor([[0.0, 0.0], [1.0, 2.0]]))
check.equal(_scale[0].tolist(), [1.0], "a row of zeros gets scale 1: dividing by 0 would make NaN")
check.equal(_q[0].tolist(), [0, 0], "a row of zeros stays zeros")
### BEGIN HIDDEN TESTS
for _seed, _rows, _columns in ((1, 3, 200), (2, 40, 7), (3, 1, 1)):
    _check_matrix(torch.randn(_rows, _columns, generator=torch.Generator().manual_seed(_seed)) * 10**_seed)
### END HIDDEN TESTS

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

# %% nbgrader={"grade": false, "grade_id": "accept_draft", "locked": false, "schema_version": 3, "solution": true, "task": false}
def accept_draft(drafted, p, q, u, v):
    """Speculative decoding's rule (Leviathan et al. 2022, arXiv:2211.17192): turn draws from q into draws from p.

    drafted [batch] are ids drawn from the draft model's q [batch, vocab]; p [batch, vocab] is the target model's; u and v [batch] are
    uniform in [0, 1). An id is kept with probability min(1, p/q), decided by u; else one is drawn by v from max(p - q, 0), rescaled.
    """
    ### BEGIN SOLUTION
    rows = torch.arange(len(drafted))
    kept = u * q[rows, drafted] < p[rows, drafted]
    return torch.where(kept, drafted, draw((p - q).clamp(min=0), v))
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_accept_draft", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
import torch
from llmlib.course import check


def _share(p, q, n_u, n_v):
    """The exact share of each id: every drafted id with its probability, every u and v on a grid."""
    _vocab = len(p)
    _u = (torch.arange(n_u) + 0.5) / n_u
    _v = (torch.arange(n_v) + 0.5) / n_v
    _ids = torch.arange(_vocab)[q > 0]
    _d = _ids.repeat_interleave(n_u * n_v)
    _uu, _vv = _u.repeat_interleave(n_v).repeat(len(_ids)), _v.repeat(len(_ids) * n_u)
    _out = accept_draft(_d, p.expand(len(_d), -1), q.expand(len(_d), -1), _uu, _vv)
    check.equal(list(_out.shape), list(_d.shape), "one id a row: shape [batch]")
    check.that(((_out >= 0) & (_out < _vocab)).all(), f"every id must lie between 0 and {_vocab - 1}: draw from max(p - q, 0), scaled to sum 1")
    return torch.zeros(_vocab, dtype=torch.float64).index_add(0, _out.long(), q[_d].double() / (n_u * n_v))


_p, _q = torch.tensor([[0.5, 0.3, 0.2]]), torch.tensor([[0.2, 0.3, 0.5]])


def _one(drafted, u, v):
    _out = accept_draft(torch.tensor([drafted]), _p, _q, torch.tensor([u]), torch.tensor([v]))
    check.equal(list(_out.shape), [1], "one id a row: shape [batch]")
    return int(_out[0])


check.equal(_one(0, 0.99, 0.9), 0, "p(0) = 0.5 is more than q(0) = 0.2: a drafted 0 is always kept, whatever u is")
check.equal(_one(1, 0.99, 0.9), 1, "p(1) = q(1): a drafted 1 is always kept")
check.equal(_one(2, 0.39, 0.9), 2, "p(2)/q(2) = 0.2/0.5 = 0.4 and u = 0.39 is below it: keep the drafted 2")
check.that(_one(2, 0.41, 0.9) != 2, "p(2)/q(2) = 0.4 and u = 0.41 is not below it: the drafted 2 must be replaced")
check.equal([_one(2, 0.41, _v) for _v in (0.01, 0.5, 0.99)], [0, 0, 0], "max(p - q, 0) = [0.3, 0, 0]: whatever v is, the replacement is 0 (it is drawn from what p has more than q, not from p)")
check.close(_share(_p[0], _q[0], 20, 20), _p[0], "over all draws each id must come as often as p says")
_p, _q = torch.tensor([0.5, 0.3, 0.2, 0.0]), torch.tensor([0.25, 0.25, 0.25, 0.25])
check.close(_share(_p, _q, 20, 60), _p, "p = [0.5, 0.3, 0.2, 0], q all 0.25: each id must come as often as p says; the replacement is drawn with weights 0.25 and 0.05")
check.close(_share(_q, _q, 10, 10), _q, "with q = p every drafted id is kept")
### BEGIN HIDDEN TESTS
for _seed in range(3):
    _parts = torch.rand(2, 6, generator=torch.Generator().manual_seed(_seed))
    _p, _q = _parts[0] / _parts[0].sum(), _parts[1] / _parts[1].sum()
    check.close(_share(_p, _q, 100, 40), _p, "over all draws each id must come as often as p says", atol=0.015)
_out = accept_draft(torch.tensor([2, 0]), torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]), torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2]]), torch.tensor([0.3, 0.1]), torch.tensor([0.5, 0.5]))
check.equal(_out.tolist(), [2, 0], "each row has its own p, q, u and v")
### END HIDDEN TESTS

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

# %% off=["scipy.optimize"] nbgrader={"grade": false, "grade_id": "fit_power_law", "locked": false, "schema_version": 3, "solution": true, "task": false}
def fit_power_law(n, loss):
    """Fit loss = e + a * n^-alpha by least squares, e not negative: two 1-D tensors -> (e, a, alpha), floats.

    Given alpha, e and a are a straight-line fit to n^-alpha; so only alpha is searched, in steps of 0.001 from 0.001 to 2.
    """
    ### BEGIN SOLUTION
    alphas = torch.arange(1, 2001, dtype=torch.float64)[:, None] / 1000
    x, y = n.double() ** -alphas, loss.double()                                     # 2000 runs; runs
    x_mean, y_mean = x.mean(1, keepdim=True), y.mean()
    a = ((x - x_mean) * (y - y_mean)).sum(1, keepdim=True) / (x - x_mean).pow(2).sum(1, keepdim=True)
    e = y_mean - a * x_mean
    below = e < 0                                                                   # a floor below zero means nothing: pin it there
    e, a = e.clamp(min=0), torch.where(below, (x * y).sum(1, keepdim=True) / x.pow(2).sum(1, keepdim=True), a)
    best = (e + a * x - y).pow(2).sum(1).argmin()
    return e[best].item(), a[best].item(), alphas[best].item()
    ### END SOLUTION


# %% nbgrader={"grade": true, "grade_id": "test_fit_power_law", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
import torch
from llmlib.course import check


def _check_planted(n, e, a, alpha, tolerance=0.002):
    _n = torch.tensor(n, dtype=torch.float64)
    _e, _a, _alpha = fit_power_law(_n, e + a * _n**-alpha)
    check.close(_alpha, alpha, f"losses made with E = {e}, A = {a}, alpha = {alpha}: the fit must find that alpha", atol=tolerance)
    check.close(_e, e, f"losses made with E = {e}, A = {a}, alpha = {alpha}: the fit must find that floor E", atol=0.02 * max(e, 1))
    check.close(_a / a, 1.0, f"losses made with E = {e}, A = {a}, alpha = {alpha}: the fit must find that A (here as a multiple of it)", atol=0.05)


_n = torch.tensor([4.0, 16.0, 64.0])
_got = fit_power_law(_n, torch.tensor([5.0, 3.0, 2.0]))
check.that(len(_got) == 3, "return three numbers: (e, a, alpha)")
check.that(abs(_got[0] - 0.5) > 0.01 or abs(_got[2] - 1) > 0.01, "the order is (e, a, alpha), not (alpha, a, e)")
check.that(_got[2] > 0, "alpha is positive: the minus sign stands in the formula, N to the power -alpha")
check.that(_got[0] > 0.1, "the fit put the floor E at 0: a straight line through log N and log L leaves the floor out; fit E as well")
check.close(_got, [1, 8, 0.5], "sizes 4, 16, 64 with losses 5, 3, 2: E = 1, A = 8, alpha = 0.5", atol=0.02)
_check_planted([1e4, 1e5, 1e6, 1e7, 1e8], 1.2, 8.0, 0.34)
_check_planted([2e4, 5e4, 1e5, 3e5, 8e5], 1.69, 406.4, 0.377)
_m = torch.logspace(3, 6, 7, dtype=torch.float64)
check.close(fit_power_law(_m, 9 * _m**-0.2 - 0.3)[0], 0.0, "the best E for these losses would be below 0, which no loss is: then E is 0", atol=1e-6)
### BEGIN HIDDEN TESTS
_check_planted([1e3, 4e3, 2e4, 9e4, 5e5, 2e6], 0.7, 5.0, 0.212)
_check_planted([6e3, 1.4e4, 2.5e4, 5.5e4, 1e5, 2.2e5], 2.2, 33.0, 0.451)
_noise = 0.004 * torch.randn(40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
_m = torch.logspace(3, 7, 40, dtype=torch.float64)
check.close(fit_power_law(_m, 1 + 6 * _m**-0.3 + _noise)[2], 0.3, "40 runs with a little noise: alpha must still come out within 0.02", atol=0.02)
### END HIDDEN TESTS
