# %% [markdown] makes="again, but fast"
# # 7 · KV cache & scaling
#
# The engine of notebook 6 is correct and slow. Here you make it faster, and ask what a larger model would buy.
#
# ![Two staircases of six steps, one for each new token. Without a cache every step computes all tokens so far, 21 in all. With a cache each step computes the new token and keeps the others: 6.](attachment:with_and_without_a_cache.png)
#
# **You will build** a KV cache, the loop that uses it, a test for such caches, a calculator of serving costs, and 8-bit weights. And you test a scaling law on sizes that it has not seen.
#
# **You need** notebooks 3, 5 and 6.
#
# **It takes** about 265 minutes. *Further*, after the recap, is extra: about 247 more. The core has two sittings: *serving* and *scaling*.

# %% given setup folded="Set-up: torch, draw from notebook 6, and the fit of a power law"
import math
from types import SimpleNamespace

import torch

from llmlib.sampling import draw  # the course's own, as you wrote it in notebook 6
from llmlib.scaling import fit_power_law as fit

torch.set_num_threads(2)

# %% [markdown]
# SmolLM2-135M with and without a cache. The text is the same. The time is not.

# %% folded="Set-up: the real model, predictions, pictures"
import time

from llmlib import generate, plots, pretrained
from classroom.predict import predict, predictions, reveal
from llmlib.plots import kv_cache as pictures

model = pretrained.load("smollm2")

# %%
prompt = model.tokenizer.encode("The little fox looked at the moon and")
answers, spent = {}, {}
model(prompt)  # the very first pass is slower than the others
for use_cache in (True, False):
    start = time.perf_counter()
    answers[use_cache] = list(generate(model, prompt, 16, use_cache=use_cache))
    spent[use_cache] = time.perf_counter() - start
print(model.tokenizer.decode(prompt + answers[True]))
print("\nthe same ids without a cache:", answers[True] == answers[False])

# %% tags=["nbval-ignore-output"]
for use_cache in (True, False):
    print(
        f"{'with' if use_cache else 'without'} a cache: "
        f"{len(answers[True]) / spent[use_cache]:.1f} tokens per second"
    )

# %% [markdown]
# # Part one: serving
#
# ## 7.1 The loop does the same work again and again
#
# ![A new token's query has arrows to the keys of all tokens so far. The keys and values of the old tokens are marked as kept, those of the new token as new.](attachment:what_a_new_token_needs.png)
#
# In a decoder, what the model computed for a token never changes when more tokens follow: the mask hides the future.
#
# Compare the keys of a text with those of the same text and one more token. As a control, take the mask away.

# %%
text = model.tokenizer.encode("The cat sat on the mat")


def keys(some_model, ids):
    """The keys of all layers for the first 5 tokens: [30, 3, 5, 64]."""
    cache = some_model.new_cache(context=16)
    some_model(ids, cache)
    return torch.stack(cache.keys)[:, 0, :, :5]


def everything(seq, start=0):
    return torch.ones(seq, start + seq, dtype=torch.bool)


blind = model.using(mask=everything)
for name, some in {"causal mask": model, "no mask": blind}.items():
    moved = (keys(some, text[:-1]) - keys(some, text)).abs().amax((1, 2, 3))
    shift = [
        "not (rounding)" if m < 1e-3 else f"by up to {m:.1f}" for m in moved[[0, 29]]
    ]
    print(f"{name:<12} the first 5 keys move: layer 0 {shift[0]}, layer 29 {shift[1]}")

# %% [markdown]
# With the mask, nothing changes. Without it, only the keys of layer 0 stay: they are made before any attention.
#
# A new token's query meets the old **keys** and reads the old **values**. Everything else works on one position at a time. So keep the keys and values of every layer, in a **KV cache**.
#
# The first pass, over the prompt, is called **prefill**. Each later pass, of one token, is a step of **decoding**. One token going through all layers is a *token computation*.

# %%
predict(
    "computations",
    "100 new tokens after a prompt of 1: how many times fewer token computations?",
    yours=50,
)

# %%
without = [1 + step for step in range(100)]  # the prompt and the tokens made so far
with_cache = [1 for step in range(100)]  # the prompt, then each new token but the last
print("forward passes:    ", len(without), "without a cache,", len(with_cache), "with")
print("token computations:", sum(without), "without a cache,", sum(with_cache), "with")
reveal("computations", sum(without) / sum(with_cache), within=1)

# %% [markdown] reveals="computations"
# 50 times fewer. For N tokens there are N passes either way, and without a cache they get longer. The *token computations* are N(N+1)/2 against N.

# %% [markdown]
# What a step saves can be seen in the attention matrix. Without a cache, every step needs the whole triangle again. The engine even computes the square, and the mask hides the rest. With a cache a step computes the last row: one query against all keys.

# %%
from llmlib.widgets import cached_scores

cached_scores(model, prompt[:4], (prompt[4:] + answers[True])[:8], layer=11, head=1)

# %% [markdown]
# The row still grows: one score for every token so far. So the *scores* of all steps together stay quadratic, and a long text slows every step down.

# %% [markdown]
# ## 7.2 Writing into the cache
#
# ![A store of four places holds 7, 8, 0, 0. A new 9 is written at start = 2. Afterwards it holds 7, 8, 9, 0, and 7, 8, 9 is handed back.](attachment:written_behind.png)
#
# The store is allocated once, with room for the whole context. New keys go behind the old ones. Attention then runs as before, with more keys than queries. The mask of notebook 3 is shifted by `start`: row *i* of the new tokens is position `start + i`.

# %% [markdown]
# ### Exercise 7.1 · `write_cache` · ●●○ · 14 min
#
# Write the keys or values of new tokens into the store, and return all that are there.
#
# | | shape | |
# |---|---|---|
# | `store` | `[batch, n_kv_head, context, head_dim]` | room for `context` positions; the first `start` are filled |
# | `new` | `[batch, n_kv_head, seq, head_dim]` | `seq` new tokens: one, or a whole prompt |
# | `start` | int | how many positions are filled already |
# | returns | `[batch, n_kv_head, start + seq, head_dim]` | everything so far, old and new |
#
# `store` itself must change; what lies behind the new tokens stays. If they do not fit, raise `ValueError` and leave the store as it was: nobody can tell a half-written cache from a good one.
#
# By hand, with the store of the picture, which has room for four:
#
# ```
# filled    start   new      returns
# 7, 8        2     9        7, 8, 9
# 7, 8, 9     3     5, 6     ValueError: five positions are needed
# ```
#
# Return a part of `store` itself, or a copy of that part alone: what you return must not keep a second store in memory. All of torch is allowed. llmlib's own version is not.
#
# <details><summary>Hint 1</summary>
#
# Positions are dimension 2. The new tokens take the places from `start` up to, but not including, `start + seq`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Assigning to a slice changes a tensor in place. `torch.cat` makes a new tensor and leaves the store as it was.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Look whether everything fits before you write any of it. Where do the filled positions end afterwards?
#
# </details>


# %% solution write_cache
def write_cache(store, new, start):
    """Write new keys (or values) behind the `start` old ones, in place, and return all
    of them so far.

    store [batch, n_kv_head, context, head_dim], new [batch, n_kv_head, seq, head_dim]
    -> [batch, n_kv_head, start + seq, head_dim]. ValueError when the context is full.
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


# %% given write_pieces folded="What the check calls: write_pieces"
def write_pieces(pieces, context, old=0.0):
    """Write `pieces` (tensors [batch, n_kv_head, seq, head_dim]) into an empty store,
    where `old` stands everywhere -> (what each call returned, the store).

    The list ends with "full" where write_cache raised ValueError, with "slice" where
    it stopped although the tokens fit, with "copied" where it copied all of the store.
    """
    batch, n_kv_head, _, head_dim = pieces[0].shape
    store = torch.full((batch, n_kv_head, context, head_dim), old)
    start, returned = 0, []
    for piece in pieces:
        try:
            back = write_cache(store, piece, start)
        except ValueError:
            returned.append("full")
            break
        except NotImplementedError:  # not written yet
            raise
        except (RuntimeError, IndexError, AssertionError):
            fits = start + piece.shape[2] <= context
            returned.append("slice" if fits else None)  # None: that was no ValueError
            break
        if hasattr(back, "untyped_storage"):
            memory, whole = back.untyped_storage(), store.untyped_storage()
            if memory.data_ptr() != whole.data_ptr() and memory.nbytes() > back.nbytes:
                returned.append("copied")
                break
        returned.append(back.clone() if isinstance(back, torch.Tensor) else back)
        start += piece.shape[2]
    return returned, store


# %% test write_cache points=2
from exercises import kv_cache as cases

cases.check_write_cache(write_cache, write_pieces)
### BEGIN HIDDEN TESTS
cases.check_pieces(write_pieces, [5], 5, 1, 2, 6, seed=1)
cases.check_pieces(write_pieces, [1, 1, 1, 1, 1], 7, 3, 1, 2, seed=2)
cases.check_pieces(write_pieces, [2, 4, 1], 8, 1, 4, 3, seed=3)
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** Your `write_cache` goes into the engine. One text of 12 tokens goes in at once, token by token, and in chunks. The logits must be the same at *every* position.

# %%
mine = model.using(cache=write_cache)
ids = model.tokenizer.encode("Once upon a time there was a small grey mouse who lived")[
    :12
]
at_once = model(ids)[0]
for chunk in (1, 3, 7):
    cache = mine.new_cache(context=12)
    parts = [mine(ids[i : i + chunk], cache)[0] for i in range(0, 12, chunk)]
    same = (torch.cat(parts) - at_once).abs().max() < 1e-3
    print(
        f"chunks of {chunk}: {cache.length} tokens in the cache, logits as in one "
        f"pass: {same.item()}"
    )

# %% [markdown]
# ## 7.3 The loop, with a cache
#
# ![Four passes: 5 and 6, then 7, which gives the first new id; the first new id gives the second, the second the third. The third goes through no pass.](attachment:prefill_then_decoding.png)

# %% [markdown]
# ### Exercise 7.2 · `generate_cached` · ●●● · 27 min
#
# Write the generate loop so that every token passes through the model at most once: first the prompt, by chunks if asked, then one new token at a time.
#
# | | |
# |---|---|
# | `model` | `model(ids, cache)` takes ids `[1, seq]`, adds those tokens to `cache`, returns logits `[1, seq, vocab]`; `model.config.context` and `model.config.stop_ids` as in notebook 6 |
# | `cache` | an empty cache; just hand it to the model |
# | `ids` | the prompt, a list of at least one id, no longer than the context; leave it as it is |
# | `max_new_tokens` | at most so many new ids |
# | `pick` | `pick(logits)` takes the last logits, `[1, vocab]`, and returns the next id in a tensor `[1]` |
# | `chunk` | how many tokens of the prompt go in at a time; `None` for all at once |
# | yields | each new id (an int), as soon as it is picked |
#
# Three things stop it, as in notebook 6: a stop id (yield it, then stop), `max_new_tokens`, and prompt and new ids that fill the context. The cache knows the positions. The last new id needs no pass.
#
# The picture is the example by hand: five token computations for three new ids. Only the last chunk's logits matter.
#
# Not allowed: `llmlib.generate`.
#
# <details><summary>Hint 1</summary>
#
# Two loops, one after the other: over the chunks of the prompt, then over the new ids. The second begins with logits that the first left behind.
#
# </details>
# <details><summary>Hint 2</summary>
#
# `torch.tensor([ids]).split(size, dim=1)` cuts a prompt into chunks, the last one possibly shorter. With `new` of shape `[1]`, `new[None]` has shape `[1, 1]`. How many ids may be made? The smaller of two numbers.
#
# </details>
# <details><summary>Hint 3</summary>
#
# In the second loop: pick, yield, ask whether this was the last one, and only then run the model.
#
# </details>


# %% solution generate_cached disallowed=["llmlib.generate", "llmlib.generation.generate"]
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
# The check uses a toy model whose next token depends on every token before and its position: a lost or misplaced token changes the answer.

# %% given run_cached folded="What the check calls: generate_cached with a toy model"
from exercises.toy_model import forward as toy_forward


def run_cached(run, ids, max_new_tokens, chunk=None, context=64, stop_ids=(), least=0):
    """generate_cached with the toy model of that run -> (new ids, or "changed" if the
    list `ids` was; passes before the first id). `least=1`: pick the unlikeliest."""
    given, new_ids, before, picked = list(ids), [], None, []
    its_cache, passes = object(), []

    def model(ids, cache):
        ids = torch.as_tensor(ids)
        if cache is not its_cache or ids.dim() != 2 or ids.shape[0] != 1:
            raise ValueError(
                "call model(ids, cache) with ids of shape [1, seq] and the cache you "
                f"were given, not ids of shape {list(ids.shape)}"
            )
        passes.append(ids.shape[1])
        return toy_forward(run, ids[0].tolist())[None]

    model.config = SimpleNamespace(context=context, stop_ids=stop_ids)

    def pick(logits):
        if tuple(logits.shape) != (1, 11):
            raise ValueError(
                "call pick with the last logits alone, of shape [1, vocab], not of "
                f"shape {list(logits.shape)}"
            )
        picked.append((-logits if least else logits).argmax(-1))
        return picked[-1]

    try:
        for new in generate_cached(model, its_cache, ids, max_new_tokens, pick, chunk):
            before = len(passes) if before is None else before
            new_ids.append(new)
            if len(new_ids) > max_new_tokens + 5:  # a loop that does not stop
                break
    except TypeError as error:
        if chunk is None and "NoneType" in str(error):
            raise ValueError(
                "chunk is None here, which means the whole prompt in one pass; None is "
                "no number of tokens to count or cut by"
            ) from error
        raise
    if chunk and len(picked) > max(len(new_ids), 1):
        raise ValueError(
            f"pick was called {len(picked)} times for {len(new_ids)} new ids: call it "
            "once for each, and not for the chunks before the last"
        )
    return new_ids if ids == given else "changed", before


# %% test generate_cached points=3
from exercises import check
from exercises import kv_cache as cases

cases.check_generate_cached(run_cached)
### BEGIN HIDDEN TESTS
cases.check_toy_run(run_cached, [10, 0, 7, 7, 2], 9, None)
cases.check_toy_run(run_cached, [8, 8, 0, 1, 6, 2, 9], 5, 4)
check.equal(
    len(cases.run_toy(run_cached, [1, 2, 3, 4, 5], 20, chunk=2, context=9)[0]),
    4,
    "a context of 9 holds a prompt of 5 and 4 new ids: stop there",
)
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** Your loop and your cache, with the prompt in chunks of 4. The reference is `transformers`.

# %%
from classroom.engine_check import same_beginning

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
print("as transformers:", same_beginning(model.folder, prompt, new_ids) == 16)

# %% [markdown]
# ### A test that can fail
#
# A broken cache still writes text. How do you test a new one against the slow loop?

# %% [markdown]
# ### Experiment 7.3 · `cache_test` · ●●○ · 14 min
#
# Propose the test: which different texts are continued, and by how many tokens? The new cache writes them one after the other. If all ids are those of the slow loop, it passes.
#
# | | |
# |---|---|
# | takes | nothing |
# | returns | a list of pairs: a text (a string), and how many new tokens are written (an int, at least 1); no text twice, at most 40 new tokens in all |
#
# The check runs your test on made-up caches, each with one bug, and names a bug that gets through. These caches treat every character as one token.
#
# By hand: `[("The cat sat", 3), ("Hello", 2)]` continues the first text by 3 tokens, then the second by 2. (It would not pass.)
#
# <details><summary>Hint 1</summary>
#
# Which pass of the loop does not need anything that was kept? What does your test know of a cache if only that pass happens?
#
# </details>
# <details><summary>Hint 2</summary>
#
# What could be wrong with a store that only the second text notices? And what, that only a long text, or only a later token, notices? (A text is long here if it has more than 24 characters, the new ones included.)
#
# </details>


# %% solution cache_test disallowed=[]
def cache_test():
    """The runs that tell a right cache from a broken one: a list of pairs (text, how
    many new tokens), at most 40 new tokens in all."""
    ### BEGIN SOLUTION
    return [
        ("Once upon a time there was a small grey mouse", 6),
        ("Water boils when", 8),
    ]
    ### END SOLUTION


# %% test cache_test points=2
from exercises import kv_cache as cases

cases.check_cache_test(cache_test)
### BEGIN HIDDEN TESTS
cases.check_cache_test(cache_test, modulus=997)
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** Your loop again, with one bug planted each time:
#
# - **no offset**: the new token is turned (RoPE) as if it stood at position 0;
# - **mask without `start`**: row *i* sees the columns up to *i*, not up to `start + i`;
# - **`torch.cat`**: old and new are returned, but the store is never written;
# - **an old cache**: the text before is still in it.

# %%
from llmlib.demonstrations.kv_cache_and_scaling import CACHE_BUGS, written


def runs_of(test):
    return [(model.tokenizer.encode(text), n) for text, n in test]


tests = {"yours": cache_test(), "one token": [("The capital of France is", 1)]}
slow = {name: written(model, None, runs_of(test)) for name, test in tests.items()}
print("                    your test   one token of one text")
for bug in ("none", *CACHE_BUGS):
    new = {
        name: written(mine, generate_cached, runs_of(test), bug)
        for name, test in tests.items()
    }
    verdict = ["passes" if new[name] == slow[name] else "fails" for name in tests]
    print(f"{bug:<20}{verdict[0]:<12}{verdict[1]}")
    print("   ", repr(model.tokenizer.decode(new["yours"][-1])))

# %% [markdown]
# All four bugs pass the laziest test: its only token comes from the prefill, which starts at position 0 with an empty cache. **A test must go beyond the first token, the first text and a short text.**
#
# That is not always enough. If a bug passes your test, the likeliest token was right by luck. Comparing logits, as in 7.2, is stricter.

# %% [markdown]
# ## 7.4 What a step waits for
#
# With a prompt of 1, 100 tokens took 50 times fewer token computations. What does the clock say?

# %%
predict(
    "clock",
    "100 new tokens: how many times faster is your loop on the clock?",
    yours=50,
)

# %% tags=["nbval-ignore-output"]
from llmlib.demonstrations.kv_cache_and_scaling import seconds, times_with_cache
from llmlib.demonstrations.kv_cache_and_scaling import times_without_cache

N = 100
new_ids, seconds_with = times_with_cache(mine, generate_cached, prompt, N)
seconds_without = times_without_cache(
    model, prompt, new_ids
)  # every 33rd, a line between
for n in (10, 50, 100):
    a, b = seconds_without[n - 1], seconds_with[n - 1]
    print(f"{n:>4} new tokens: {a:>5.1f} s : {b:>4.1f} s = {a / b:.1f}×")
reveal("clock", seconds_without[99] / seconds_with[99])
plots.show(pictures.cache_gain(seconds_without, seconds_with, len(prompt)))

# %% [markdown] reveals="clock"
# The time saved is far less than the count suggests: 54 times fewer token computations for this prompt. So a pass over many tokens cannot cost as much as that many passes over one. A pass has three limits:
#
# - **Calculating.** Two operations for each weight and token. The processor's **peak** says how many it does per second.
# - **Reading.** Each weight has to come from memory, once per pass, whatever the number of tokens. The **bandwidth** says how many bytes come per second.
# - **Overhead.** A pass is hundreds of operations of torch, and each has to be started.
#
# ![Left: weights arrive, the cook does one multiplication with each and waits. Right: the same deliveries, eight multiplications each, no waiting.](attachment:the_waiting_cook.png)
#
# Measure all three on your machine, with two controls: the same pass with layer 0 in place of all thirty, so that most weights stay close to the processor; and a model of thirty layers that is 16 numbers wide.

# %% tags=["nbval-ignore-output"]
from llmlib.demonstrations.kv_cache_and_scaling import machine_limits, weight_bytes

limits = machine_limits(model)
bandwidth, peak = limits.bandwidth, limits.peak
flops, size = 2 * 134_515_008, weight_bytes(model)
print(f"a pass over one token:          {1000 * limits.whole:>6.1f} ms")
print(f"with layer 0 in place of all:   {1000 * limits.one_layer:>6.1f} ms")
print(f"with a layer 16 numbers wide:   {1000 * limits.overhead:>6.1f} ms")
print(f"bandwidth {bandwidth / 1e9:.0f} GB/s, peak {peak / 1e9:.0f} GFLOP/s")
print(
    f"calculating catches up with reading at {size / bandwidth / (flops / peak):.0f}",
    end=" ",
)
print("tokens in one pass")
sizes = [1, 2, 4, 8, 16, 32, 64, 128]
passes = [
    seconds(lambda: model(torch.arange(n)), repeat=3 if n < 32 else 1) for n in sizes
]
three = {
    "calculating": [n * flops / peak for n in sizes],
    "reading": [size / bandwidth] * len(sizes),
    "overhead": [limits.overhead] * len(sizes),
}
plots.show(pictures.three_limits(sizes, passes, three))

# %% [markdown]
# A pass over 8 tokens takes far less than 8 passes over one: the weights are read once, and the operations are started once. Two tokens may take as long as two passes, though. With few tokens, a pass reaches a small part of the peak, and the three limits may leave much of its time unexplained.
#
# The time that the second pass saves was spent waiting for memory. If it saves little, there are two suspects: the layer's 14 MB did not fit into the processor's cache, or the products were slow for another reason. What is left in the third is overhead. All times vary when other programs run, so run the cell twice.
#
# **Arithmetic intensity**, the operations per byte read, tells calculating from reading: n/2 for `n` tokens and weights of 4 bytes. A model of 175 billion parameters has three times the layers of this one, so it starts three times the operations. But it has more than a thousand times the weights to read. There decoding one text is **memory-bound**: it waits for the weights. The prefill of a long prompt, and training, are **compute-bound**.
#
# ## 7.5 What a step costs
#
# A server decodes many texts at once: one step makes one new token for each. The weights are read once for all texts, and each text's cache for that text alone.

# %% [markdown]
# ### Exercise 7.4 · `step_seconds` · ●●○ · 15 min
#
# How long does one decoding step take, if the machine runs at its limits?
#
# | | |
# |---|---|
# | `batch`, `context` | ints: texts, and tokens in the cache of each |
# | `weight_bytes` | bytes of all weights |
# | `kv_bytes` | bytes of cache for *one* token of *one* text |
# | `flops` | operations for one token of one text |
# | `memory`, `bandwidth`, `peak` | bytes it holds, bytes it reads per second, operations per second |
# | returns | seconds, a float; `math.inf` if weights and caches do not fit (exactly full fits) |
#
# We assume that calculating with the weights and reading them go on at the same time. To keep it simple, reading the caches comes on top.
#
# By hand:
#
# ```
# model     weight_bytes 100, kv_bytes 2, flops 50
# machine   memory 200, bandwidth 10, peak 20
#
# two texts of 5 tokens:
#   calculating             5 s
#   reading the weights    10 s
#   reading the caches      2 s
#   the step               12 s
# ```
#
# <details><summary>Hint 1</summary>
#
# Start with the bytes of all caches together. They are needed twice: for what must fit, and for what must be read.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Which of the three times grow with the batch? Which two overlap, and what does that make of them?
#
# </details>


# %% solution step_seconds
def step_seconds(
    batch, context, weight_bytes, kv_bytes, flops, memory, bandwidth, peak
):
    """How many seconds does one decoding step for `batch` texts of `context` tokens
    take? math.inf if weights and caches do not fit into `memory`.
    """
    ### BEGIN SOLUTION
    caches = batch * context * kv_bytes
    if weight_bytes + caches > memory:
        return math.inf
    return max(batch * flops / peak, weight_bytes / bandwidth) + caches / bandwidth
    ### END SOLUTION


# %% test step_seconds points=2
import math

from exercises import check
from exercises import kv_cache as cases

cases.check_step_seconds(step_seconds)
### BEGIN HIDDEN TESTS
_card = dict(memory=80e9, bandwidth=3.35e12, peak=989e12)
_small = dict(weight_bytes=16e9, kv_bytes=131072, flops=16e9)
check.close(
    step_seconds(8, 4096, **_small, **_card) * 1e3,
    1e3 * (16e9 / 3.35e12 + 8 * 4096 * 131072 / 3.35e12),
    "a step is max(calculating, reading the weights) + reading the caches",
)
check.close(
    step_seconds(500, 16, **_small, **_card) * 1e3,
    1e3 * (500 * 16e9 / 989e12 + 500 * 16 * 131072 / 3.35e12),
    "a large batch is compute-bound: the weights are read in the meantime",
)
check.that(
    step_seconds(150, 4096, **_small, **_card) == math.inf,
    "caches count for what must fit: return math.inf",
)
### END HIDDEN TESTS

# %% [markdown]
# **Use it as a check** on three claims about a model of 175 billion parameters on one H100, with two bytes per weight unless the claim says otherwise:
#
# 1. "It takes 350 GB in float32."
# 2. "It makes a token in 50 ms."
# 3. "A batch of 64 takes 100 ms, which gives 640 tokens per second."
#
# | NVIDIA's data sheet | an H100 card |
# |---|---|
# | holds | 80 GB |
# | reads | 3.35 TB/s |
# | calculates in bfloat16 | 989 TFLOP/s |

# %%
predict(
    "H100",
    "Which of the three claims can be true?",
    {"A": "all three", "B": "2 and 3", "C": "3 only", "D": "none of them"},
    yours="B",
)

# %%
from llmlib.scaling import H100


def cards(n):
    """n H100s side by side, as if they shared all work evenly."""
    names = "memory", "bandwidth", "peak"
    return {name: n * value for name, value in zip(names, H100.values())}


gpt3 = dict(weight_bytes=175e9 * 2, kv_bytes=2 * 96 * 96 * 128 * 2, flops=2 * 175e9)
claims_hold = [
    175e9 * 4 == 350e9,
    step_seconds(1, 0, **gpt3, **cards(1)) <= 0.050,
    step_seconds(64, 0, **gpt3, **cards(1)) <= 0.100,
]
reveal("H100", "D" if not any(claims_hold) else "A" if all(claims_hold) else "B")
print(f"175B in float32: {175e9 * 4 / 1e9:.0f} GB; in float16: {175e9 * 2 / 1e9:.0f}")
roomy = step_seconds(1, 0, **gpt3, **{**cards(1), "memory": math.inf})
print(f"one card, if it did fit: {1000 * roomy:.0f} ms a token")
for n in (5, 9):
    step = step_seconds(64, 1000, **gpt3, **cards(n))
    print(f"64 texts of 1,000 tokens on {n} cards: {1000 * step:.0f} ms a step")
print(
    f"and without the caches: {1000 * step_seconds(64, 0, **gpt3, **cards(9)):.0f} ms"
)

# %% [markdown] reveals="H100"
# None. 350 GB is the size in float16, and that does not fit on one card. If it did, reading it would take 104 ms per token. The idea of the third claim is right: the texts of a batch share one reading of the weights.
#
# <details><summary>Small print: nine cards, and what no batch helps</summary>
#
# Nine H100s hold weights and caches. If they shared all work evenly and communicated for free, then with 64 texts of 1,000 tokens reading the caches takes nearly as long as reading the weights; with 8 texts, an eighth of that. Against the caches of long texts no batch helps: every text brings its own.
#
# </details>

# %% [markdown]
# ![Bars of what one decoding step of a model of 175 billion parameters in float16 reads, with 1,000 tokens in each text. The weights are 350 GB whatever the batch. The caches grow from 5 GB for one text to 302 GB for 64.](attachment:what_a_step_reads.png)
#
# Move the sliders: they call your `step_seconds`. It leaves overhead out, which can be most of a step for a model as small as SmolLM2 on such a card.

# %%
from llmlib import kv_cache
from llmlib.widgets import serving_playground

speed = 64 / step_seconds(64, 1000, **gpt3, **cards(9))
still = f"175B on 9 cards, 64 texts of 1,000 tokens: {speed:,.0f} tokens per second"
plots.leave(
    {"text/plain": still, "text/html": f"<p>{still}</p>"},
    serving_playground(step_seconds, kv_cache.cache_bytes, H100),
)

# %% [markdown]
# ## 7.6 Smaller numbers
#
# The weights of the layers had 4 bits already: SmolLM2 came to you as a file in which every block of 32 of them has at most 16 values. The embedding table has more. The engine unpacks all of them to 32 bits each, and reads those at every step.
#
# If reading takes the time, make the weights smaller. A **quantized** matrix holds whole numbers of few bits, and scales that say what they stand for.

# %% [markdown]
# ### Exercise 7.5 · `quantize_int8` · ●●○ · 15 min
#
# Turn a weight matrix into whole numbers of 8 bits, with one scale for each row (an **output channel**).
#
# | | shape | |
# |---|---|---|
# | `w` | `[out, in]` | float weights, as `torch.nn.Linear` stores them; leave them as they are |
# | returns `q` | `[out, in]`, `torch.int8` | whole numbers, −127 … 127 |
# | and `scale` | `[out, 1]` | one positive number per row, so that `q * scale` is close to `w` |
#
# In each row the largest weight in absolute value becomes 127 or −127; the others are rounded to the nearest whole number. A row of zeros gets scale 1.
#
# By hand:
#
# ```
# a row, scale 0.01     1.27    −0.5    0.004
# divided by it         127     −50     0.4
# rounded               127     −50     0
# times the scale       1.27    −0.5    0
# ```
#
# No weight is off by more than `scale / 2`.
#
# Not allowed: `torch.quantize_per_channel` and its relatives.
#
# <details><summary>Hint 1</summary>
#
# Which dimension does the maximum run over, if each row is to get its own?
#
# </details>
# <details><summary>Hint 2</summary>
#
# `keepdim=True` leaves a shape that divides row by row. `.to(torch.int8)` alone cuts off the fraction.
#
# </details>
# <details><summary>Hint 3</summary>
#
# `torch.where(condition, a, b)` takes care of rows of zeros.
#
# </details>


# %% solution quantize_int8 disallowed=["torch.quantize_per_channel"]
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


# %% given weights_after
def weights_after(w):
    """The weights `w` after your quantize_int8 has worked on them."""
    quantize_int8(w)
    return w


# %% test quantize_int8 points=2
import torch

from exercises import kv_cache as cases

cases.check_quantize_int8(quantize_int8, weights_after)
### BEGIN HIDDEN TESTS
for _seed, _rows, _columns in ((1, 3, 200), (2, 40, 7), (3, 1, 1)):
    cases.check_matrix(
        quantize_int8,
        torch.randn(_rows, _columns, generator=torch.Generator().manual_seed(_seed))
        * 10**_seed,
    )
### END HIDDEN TESTS

# %% [markdown]
# Why a scale for each row? Because rows differ, and some matrices have **outliers**. The most extreme matrix of SmolLM2's layers, in layer 27, has a weight of 9.25. The middle one of its rows has no weight above 0.56.

# %%
predict(
    "outlier",
    "One scale for the whole matrix: what share of its weights becomes 0, in percent?",
    yours=30,
)

# %%
w = model.weights.layers[27].mlp[0]  # the gates of a feed-forward part
largest = w.abs().amax(1)
print(f"largest weight of all {largest.max():.2f}, median row {largest.median():.2f}")
q, scale = quantize_int8(w)
one_scale = w.abs().max() / 127
zeros = 100 * (torch.round(w / one_scale) == 0).float().mean().item()
reveal("outlier", zeros, within=5)
print(f"with a scale per row: {100 * (q == 0).float().mean():.1f} % become 0")
trimmed = w.clamp(-largest.sort()[0][-2], largest.sort()[0][-2])
zeros = torch.round(w / (trimmed.abs().max() / 127)) == 0
print(f"one scale, the outlier trimmed: {100 * zeros.float().mean():.1f} %")
row = largest.argsort()[len(w) // 2]  # the row in the middle
plots.show(
    pictures.rounded_row(
        w[row], (w / one_scale).round()[row] * one_scale, (q * scale)[row]
    )
)

# %% [markdown] reveals="outlier"
# With one scale for the matrix, one large weight makes the ruler coarse for all 1,536 rows. With a scale for each row, it does so in its own row alone. This is the worst case: in the median matrix, one scale turns far fewer weights to 0.
#
# ![Six weights of a row against two rulers. On the first, a giant in another row has set the tick, far wider than the row. On the second, the row's own largest weight has.](attachment:a_giant_sets_the_ruler.png)

# %% [markdown]
# **Run it on the real model.** Quantize every matrix, put the rounded weights back into the engine, and look at bytes and loss, on two of the course's stories.

# %%
from llmlib import data
from llmlib.demonstrations.kv_cache_and_scaling import held_out_ids, measure
from llmlib.demonstrations.kv_cache_and_scaling import with_matrices
from llmlib.scaling import dequantize

bytes_of = {"float32": 0, "int8": 0}


def there_and_back(w):
    q, scale = quantize_int8(w)
    bytes_of["float32"] += w.nbytes
    bytes_of["int8"] += q.nbytes + scale.nbytes
    return dequantize(q, scale)


small = with_matrices(model, there_and_back)
loss_of, likeliest = {}, {}
for name, some in {"float32": model, "int8": small}.items():
    loss_of[name], likeliest[name] = measure(some, held_out_ids()[:2])
    print(
        f"{name:<8} {bytes_of[name] / 1e6:>4.0f} MB, {loss_of[name]:.2f} nats per token"
    )
other = (likeliest["float32"] != likeliest["int8"]).float().mean()
print(f"another token is the likeliest at {100 * other:.0f} % of the positions")
del small, some  # half a gigabyte

# %% [markdown]
# In storage a quarter of the bytes of float32, and nearly the same loss on these two stories. Since most weights had 4 bits before, this is the price of moving them to another grid.
#
# <details><summary>Why not compare the texts?</summary>
#
# Two greedy texts diverge where the likeliest token differs, though neither need be worse. So compare losses, not texts.
#
# </details>
#
# *End of the first sitting.*
#
# # Part two: scaling
#
# ## 7.7 Where weights come from
#
# ![SmolLM2, the teacher, draws stories and writes down ln p of each draw. A student with random weights reads them. The mean of −ln p is the floor under every student's loss.](attachment:teacher_and_student.png)
#
# How good can a model of stories get? Here the answer is known in advance. SmolLM2 wrote the stories, all from one prompt, and the log-probability of every token was written down. Training a student on a teacher's text is a simple form of **distillation**.

# %%
train_stories, held_out_stories = data.stories("train"), data.stories("held_out")
print(f"{len(train_stories)} stories to train on, {len(held_out_stories)} held out")
print(held_out_stories[3].text[:300], "…\n")
floor = data.floor(held_out_stories)
print(f"entropy of the source: {floor:.3f} nats per byte")

# %% [markdown]
# **The floor.** On average, no prediction of a draw beats the distribution that it came from. So the mean of $-\ln p$ estimates the source's **entropy**, and the loss of any model on stories that it has not seen does not fall below it, apart from the luck of the sample. We count in nats per *byte*, since student and teacher use different tokens.
#
# <details><summary>Small print: how exact is that floor?</summary>
#
# It is a mean over 256 stories, and depends on the sample. **Tokens are not text**: what was written down is the entropy of the tokens, and the same text can be cut in several ways. The teacher rarely split a text differently from its tokenizer, and the text's entropy is at most 2 % below the floor. **The student does not see the prompt**; every story has the same one, so hiding it costs nothing. And **a student looks back** less far than the teacher: this raises the student's loss; the floor stays.
#
# </details>
#
# ## 7.8 A scaling law, and what it is worth
#
# ![Loss against parameters: a falling curve that flattens above a dashed line. The line is E, what no size removes. A vertical arrow from the line up to the curve is A N to the minus alpha, what a larger model can still gain.](attachment:the_law.png)
#
# With ample text, the loss has been found to fall with the number of parameters $N$ roughly along a power law (Kaplan et al. 2020); with a fixed number of training tokens too, but above a floor $E$ (Hoffmann et al. 2022):
#
# $$L(N) = E + A \, N^{-\alpha}$$
#
# $N$ leaves the embedding table out, as Kaplan et al. did.
#
# Eight widths from 8 to 96 were trained on 102,400 to 819,200 tokens of the stories, by the loop of notebook 5, with three seeds (`authoring/data/make_scaling_runs.py`; the table is `scaling_runs.csv`). For every width the learning rate was tuned: it is the one that was best on 409,600 tokens, with one seed.
#
# Fit the seven narrower models on the most text, with the widest held back.

# %%
from llmlib.demonstrations.kv_cache_and_scaling import RecordedRuns
from llmlib.plots import scaling as scaling_pictures

runs = RecordedRuns(data.scaling_runs())
widths, n, most = runs.widths, runs.n, runs.budgets[-1]
loss = runs.mean(most)  # of three seeds
for width, size, value in list(zip(widths, n, loss))[:-1]:
    print(f"width {width:>3}, N = {size:>7,.0f}: {value:.3f}")
print(f"width {widths[-1]:>3}, N = {n[-1]:>7,.0f}: ?")

# %%
predict("forecast", "The loss of the widest model, in nats per byte?", yours=1.1)

# %%
few = fit(n[:-1], loss[:-1])
forecast = few[0] + few[1] * n[-1].item() ** -few[2]
print(f"fit of seven: E = {few[0]:.2f}, A = {few[1]:.2f}, alpha = {few[2]:.3f}")
print(f"forecast of the widest: {forecast:.3f}")
reveal("forecast", loss[-1].item(), within=0.02)
seeds = runs.losses(widths[-1], most)
print(f"its three seeds: {min(seeds):.3f} to {max(seeds):.3f}")
print(f"E: {few[0]:.2f} by seven, {fit(n, loss)[0]:.2f} by eight, floor {floor:.2f}")
plots.show(scaling_pictures.scaling_law(n, loss, few, most))

# %% [markdown] reveals="forecast"
# The forecast is too low, by several times the spread of the seeds.
#
# The fitted $E$ is not the floor of the source. It is what width alone does not remove: at this number of tokens, with windows of 64 tokens, in two layers. And it is poorly determined: one more width moves it a long way.

# %% [markdown]
# ### Experiment 7.6 · `forecast_misses` · ●●○ · 16 min
#
# One miss may be bad luck. Hold back the wider sizes in turn, and forecast each from the smaller ones alone: by how much is the law off?
#
# | | shape | |
# |---|---|---|
# | `n` | `[runs]`, ascending | model sizes |
# | `loss` | `[runs]` | their losses |
# | `least` | int | the first `least` sizes get no forecast |
# | returns | list of `runs − least` floats | measured minus forecast, for each of the others |
#
# `fit(n, loss)` returns the three floats `(E, A, alpha)` of the best law. A forecast uses *all* smaller sizes, and no other.
#
# By hand, with `least` 3:
#
# ```
# n           4    16    64    256
# loss        5    3     2     1.6
# forecast                     1.5    from the first three
# miss                         0.1    the law was too optimistic
# ```
#
# <details><summary>Hint 1</summary>
#
# For the size at place `i`, which part of `n` and `loss` does the fit see? It is another part for every `i`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Two controls of your own: on losses made by the formula every miss is 0; and changing the loss of the largest size must change the last miss alone.
#
# </details>


# %% solution forecast_misses
def forecast_misses(n, loss, least):
    """Measured minus forecast for every size from the one at place `least` on, each
    forecast by a fit to the smaller sizes alone: n [runs], ascending, loss [runs] -> a
    list of floats.
    """
    ### BEGIN SOLUTION
    misses = []
    for i in range(least, len(n)):
        e, a, alpha = fit(n[:i], loss[:i])
        misses.append(loss[i].item() - (e + a * n[i].item() ** -alpha))
    return misses
    ### END SOLUTION


# %% test forecast_misses points=2
from exercises import check
from exercises import kv_cache as cases

cases.check_forecast_misses(forecast_misses)
### BEGIN HIDDEN TESTS
_n = [1e3, 3e3, 9e3, 3e4, 9e4, 3e5, 9e5]
_law = [0.9 + 30 * _size**-0.4 for _size in _n]
check.that(
    abs(cases.misses_of(forecast_misses, _n, [_law[0] + 0.4, *_law[1:]], 4)[-1]) > 0.01,
    "use all smaller sizes, not only the last few",
)
for _at in (4, 5, 6):
    _loss = list(_law)
    _loss[_at] -= 0.25
    _got = cases.misses_of(forecast_misses, _n, _loss, 4)
    check.close(
        _got[: _at - 3],
        [0.0] * (_at - 4) + [-0.25],
        "each size is forecast by the smaller ones alone",
        atol=0.02,
    )
check.equal(
    len(cases.misses_of(forecast_misses, _n, _law, 4)),
    3,
    "seven sizes, four in the first fit: 3 misses",
)
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the recorded runs**, at all four budgets. Last column: draw one seed for each width, ten times. How often is the widest above its forecast?


# %%
def misses_at(runs, tokens):
    """The misses of the three widest on the mean of the seeds, and how many of ten
    tables with a seed drawn for every run have the widest above its forecast."""
    generator = torch.Generator().manual_seed(0)
    drawn = [forecast_misses(n, runs.one_seed(tokens, generator), 4) for _ in range(10)]
    return forecast_misses(n, runs.mean(tokens), 4), sum(d[-1] > 0 for d in drawn)


print("measured minus forecast")
print("    tokens  width 32  width 48  width 64  width 96")
for tokens in runs.budgets:
    misses, above = misses_at(runs, tokens)
    print(f"{tokens:>10,}", "".join(f"{m:>+10.3f}" for m in misses), end="")
    print(f"  above 0 in {above} of 10")

# %% [markdown]
# For the widest model the sign turns. With little text it does better than the law says, with much text worse. A discovery? Before you believe in one, ask **what else is different about what was held back**.

# %%
print({width: runs.best_rate[width] for width in widths})

# %% [markdown]
# The widest is the only one that was trained at 0.005. Its neighbours, from width 24 on, had 0.01. The control trains it again at their rate, with three seeds. A second one trains *every* width at 0.01.

# %%
predict(
    "turn",
    "At its neighbours' rate, what does the widest model's miss do?",
    {
        "A": "it still turns from below 0 to above",
        "B": "it does not turn: nowhere clearly below 0",
        "C": "it turns the other way",
    },
    yours="A",
)

# %%
one_rate = {width: 0.01 for width in widths}
same_rate = {
    "0.005, as tuned": runs,
    "0.01, as its neighbours": RecordedRuns(data.scaling_runs(), rates={96: 0.01}),
    "0.01, as all": RecordedRuns(data.scaling_runs(), rates=one_rate),
}
print("the widest, measured minus forecast (above 0, of 10 draws)")
print(" " * 24, "".join(f"{tokens:>15,}" for tokens in runs.budgets))
below = {}
for name, some_runs in same_rate.items():
    rows = [misses_at(some_runs, tokens) for tokens in runs.budgets]
    below[name] = [above <= 1 for _, above in rows]
    cells = [f"{misses[-1]:+.3f} ({above})" for misses, above in rows]
    print(f"{name:<24}", "".join(f"{cell:>15}" for cell in cells))
at_neighbours = below["0.01, as its neighbours"]
reveal("turn", "A" if at_neighbours[0] else "C" if at_neighbours[-1] else "B")
print("\nits losses on 102,400 tokens, three seeds")
for name, some_runs in list(same_rate.items())[:2]:
    losses = sorted(some_runs.losses(96, 102_400))
    print(f"{name:<24}", "  ".join(f"{x:.3f}" for x in losses))

# %% [markdown] reveals="turn"
# **The turn was the learning rate.** At its neighbours' rate the widest model is nowhere clearly better than its forecast. With the least text its sign is a matter of the seed.
#
# <details><summary>Small print: what a fair comparison of sizes needs</summary>
#
# On the least text the smaller rate alone is worth over 0.1 nats per byte, with all three seeds. A scaling law compares models that differ in size *alone*. If the largest was also tuned better, or trained longer, you have measured that. Porian et al. 2024 found such differences behind the disagreement of two well-known laws.
#
# </details>

# %% [markdown]
# **How should a budget be shared?** Training costs about $6ND$ operations: parameters times tokens. Here are pairs from the table that cost nearly the same: a model on all 819,200 tokens, and the next wider one on half of them.

# %%
print("tokens per parameter, loss of   and of the next wider   its cost   better")
for narrow, wide in zip(widths, widths[1:]):
    pair = [runs.mean_of(narrow, most), runs.mean_of(wide, most // 2)]
    left = f"{most / runs.size[narrow]:>5.0f}, {pair[0]:.3f} of width {narrow}"
    right = f"{most / 2 / runs.size[wide]:>5.0f}, {pair[1]:.3f} of width {wide}"
    cost = runs.size[wide] / (2 * runs.size[narrow]) - 1
    print(f"{left:<26}{right:<26}{cost:>+7.0%}", end="")
    print(f"{['text', 'size'][pair[1] < pair[0]]:>9}")

# %% [markdown]
# A model that has read little for its size gains more from text. One that has read plenty gains more from size.
#
# Hoffmann et al. 2022 ("Chinchilla") found, for large models, that size and text should grow together, at some 20 tokens per parameter. They count the embedding table as well.
#
# <details><summary>Small print: nearly the same cost</summary>
#
# The costs of a pair differ by up to a fifth, and the output layer is not counted. A fifth is worth about as much as the smallest gaps here, by the losses of one width at two budgets. So trust only the wider gaps.
#
# </details>
# <details><summary>Why SmolLM2 read several hundred times more</summary>
#
# At 20 tokens per parameter SmolLM2 would have read 3 billion. It read 2 trillion (Ben Allal et al. 2025). If you *serve* a model, you pay for its size at every token: a small model, trained far beyond that point, can be the cheaper one.
#
# </details>
#
# ## 7.9 Do abilities switch on?
#
# Some tasks look impossible for small models and easy for large ones (Wei et al. 2022). Schaeffer et al. 2023 asked how this was measured. Take a task that counts as solved if five tokens in a row are right, independently of one another.

# %%
predict(
    "five",
    "A token is right with chance 0.5, later 0.8. Five in a row: how many times as "
    "often?",
    yours=1.6,
)

# %%
for chance in (0.5, 0.6, 0.7, 0.8):
    print(f"one right {chance:.0%}, five in a row {chance**5:.0%}")
reveal("five", 0.8**5 / 0.5**5, within=1)
print("\nthe recorded models, on the most text:")
print("    width   one right, seeds 0 to 2      five in a row, seeds 0 to 2")
for width in widths:
    one, five = runs.shares_right(width, most)
    print(f"{width:>9}", "".join(f"{100 * x:>8.1f}%" for x in one), end="  ")
    print("".join(f"{100 * x:>8.2f}%" for x in five))

# %% [markdown] reveals="five"
# 0.5⁵ is 3 %, and 0.8⁵ is 33 %. One token improves by a factor of 1.6, five in a row by a factor of 10. So a task can look switched on while every token improves smoothly. The recorded models are too small for more than the beginning: five in a row grow from almost never to about one in a hundred.
#
# A metric *can* create a leap, but that does not make every reported leap an artefact.

# %% [markdown]
# ## 7.10 What was said, and what was found
#
# This course grew out of a one-page tutorial, *How LLMs Work: From Tokens to Tokens*. It says that training GPT-3 cost 10 million dollars. Here is a line of arithmetic:

# %%
from llmlib.scaling import training_flops

work = training_flops(175e9, 300e9)
hours = work / (0.3 * 125e12) / 3600  # 30 % of 125 TFLOP/s; 2 dollars an hour
print(
    f"V100 cards, {hours / 1e6:.1f} million hours: {2e-6 * hours:.1f} million dollars"
)

# %% [markdown]
# The cost was never published. The line assumes a price, and that the cards reach 30 % of their peak.
#
# <details><summary>All claims of that tutorial, and its outlook, one by one</summary>
#
# | claim | verdict | tried in |
# |---|---|---|
# | A model turns ids into a probability for every next token | true | 1, 5 |
# | Translation, answers, code are all continuations | true of how the text is made | 1, 6 |
# | Text is made in a loop: pass, draw, append, stop | true | 6 |
# | The ids of "The future of AI is", and other listed ids | several are other tokens | 1, 5 |
# | A token is about 4 characters | for English prose only | 1 |
# | Similar tokens have similar vectors | partly, and it depends on the measure | 2 |
# | Early layers do syntax, late layers meaning | neither shown nor refuted here | 4 |
# | "sat" looks at "mat" | no: the mask hides what comes later | 3 |
# | Attention mixes tokens | it mixes value vectors | 3 |
# | Recurrent networks work one step after another | true | 3 |
# | 8 heads at 768; 12 to 40 layers | GPT-2 has 12 heads; Llama 3.1 405B has 126 layers | 3, 4 |
# | Add, then normalize | the original Transformer; GPT-2 normalizes first | 4 |
# | Top-p keeps what sums to at most *p* | no: the token that crosses *p* stays | 6 |
# | `max_length` counts new tokens | that is `max_new_tokens` | 6 |
# | Without a cache, O(N²) passes | N passes; the token computations are quadratic | 7.1 |
# | GPT-3 takes 350 GB in float32, a token 50 ms on one H100 | 700 GB; it does not fit, and reading takes 104 ms | 7.5 |
# | A batch of 64 in 100 ms is 640 tokens per second | 64 / 0.1 s is 640, but one card does not hold it, and would take longer if it did; nine, at least 22 ms | 7.5 |
# | Inference is memory-bound | decoding a large model mostly is; the prefill of a long prompt is not | 7.4 |
# | Loss falls as $E + A N^{-\alpha}$ | roughly; hold sizes back, and change nothing else | 7.8 |
# | Larger is better, and that is all | size and text together | 7.8 |
# | From GPT-2 to GPT-3 errors fell from 2 % to 0.1 % | neither was reported | *Further* |
# | Abilities switch on at 1, 10, 100 billion | depends on task and metric | 7.9 |
# | GPT-3 read 300 billion tokens | the paper says so | – |
# | It learned at random positions, on TPUs | every position is an example; V100 cards | 5 |
# | It cost 10 million dollars | not published | above |
# | A closed model has 100 billion parameters | not published, cannot be tested | – |
# | Models make things up, and are biased | shown for some questions | 6 |
# | They reason badly in many steps | tried on sums of two operations alone | 6 |
# | They know nothing after their training | not tried here | – |
# | Spelling is hard because of tokens | shown, with the letters visible as the control | 1 |
#
# | direction | what this course tried | to read |
# |---|---|---|
# | longer context | RoPE's limits, and what caches cost (7.5) | Peng et al. 2023, *YaRN*, 2309.00071 |
# | faster inference | quantization (7.6), drafts (*Further*), distillation (7.7) | Leviathan et al. 2022 |
# | reasoning | not tried here | Wei et al. 2022, *Chain-of-Thought*, 2201.11903 |
# | retrieval | not tried here | Lewis et al. 2020, *RAG*, 2005.11401 |
# | several media | not tried here | Radford et al. 2021, *CLIP*, 2103.00020 |
# | cheaper training | sharing a budget (7.8) | Hoffmann et al. 2022 |
# | fine-tuning | not tried here | Hu et al. 2021, *LoRA*, 2106.09685 |
# | preference training | not tried here | Ouyang et al. 2022, 2203.02155; Rafailov et al. 2023, *DPO*, 2305.18290 |
# | mixtures of experts | not tried here | Fedus et al. 2021, *Switch Transformers*, 2101.03961 |
#
# </details>

# %% [markdown]
# ## 7.11 Your own LLM
#
# The functions of all seven notebooks fit together into one file that runs a real LLM. It imports torch, safetensors, regex and the standard library, and nothing of this course. Save all notebooks (Ctrl-S), then run the cell.

# %% tags=["nbval-ignore-output"]
from classroom import my_llm

my_llm.make(
    ".", "../my_llm.py", "Once upon a time, a learner wrote a language model. It"
)

# %% [markdown]
# If there is text above, every number behind it went through code that you wrote. Let it write something else, in a terminal, from the folder above this one:
#
#     python my_llm.py "The best thing about the sea is"
#
# `llmlib my-llm --fill` puts the course's own in place of missing functions.
#
# ## Recap
#
# 1. **The KV cache** lets each step compute one token. What still grows is one row of scores, and the cache that it reads.
# 2. **A step** calculates, reads and starts operations. A batch shares the weights, not the caches.
# 3. **Scaling** lowers the loss along a curve. Test forecasts on held-back sizes, and ask what else differs about them.
#
# ## Questions to think about
#
# 1. Two users send different prompts that begin with the same 1,000 tokens. What could a server share, and what not?
# 2. A batch of 64 texts decodes. Would you check several guessed tokens in one pass (*Further*)?
#
# <details><summary>Answers</summary>
#
# 1. The cache of the shared beginning. From the first different token on, everything is the user's own, even where the words are the same: what came before differs.
# 2. Guesses use the calculating time that a batch leaves free. How much that is depends on the machine: your `step_seconds` says that nine H100s still wait for memory at 64 texts. Here, calculating catches up with reading at far fewer (7.4). So compute it, then measure.
#
# </details>
#
# <details><summary>To read</summary>
#
# - Shazeer 2019, *Fast Transformer Decoding*, [1911.02150](https://arxiv.org/abs/1911.02150); Ainslie et al. 2023, *GQA*, [2305.13245](https://arxiv.org/abs/2305.13245); Williams et al. 2009, *Roofline*; Yu et al. 2022, *Orca* (continuous batching); Kwon et al. 2023, *PagedAttention*, [2309.06180](https://arxiv.org/abs/2309.06180)
# - Dettmers et al. 2022, *LLM.int8()*, [2208.07339](https://arxiv.org/abs/2208.07339); Leviathan et al. 2022, *Fast Inference from Transformers via Speculative Decoding*, [2211.17192](https://arxiv.org/abs/2211.17192); Saxena 2023, *Prompt Lookup Decoding*; Ma et al. 2024, *The Era of 1-bit LLMs*, [2402.17764](https://arxiv.org/abs/2402.17764)
# - Hinton et al. 2015, *Distilling the Knowledge in a Neural Network*, [1503.02531](https://arxiv.org/abs/1503.02531); Kim and Rush 2016, *Sequence-Level Knowledge Distillation*, [1606.07947](https://arxiv.org/abs/1606.07947)
# - Kaplan et al. 2020, *Scaling Laws for Neural Language Models*, [2001.08361](https://arxiv.org/abs/2001.08361); Hoffmann et al. 2022, *Training Compute-Optimal Large Language Models*, [2203.15556](https://arxiv.org/abs/2203.15556); Besiroglu et al. 2024, *Chinchilla Scaling: A replication attempt*, [2404.10102](https://arxiv.org/abs/2404.10102); Porian et al. 2024, *Resolving Discrepancies in Compute-Optimal Scaling of Language Models*, [2406.19146](https://arxiv.org/abs/2406.19146)
# - Wei et al. 2022, *Emergent Abilities of Large Language Models*, [2206.07682](https://arxiv.org/abs/2206.07682); Schaeffer et al. 2023, *Are Emergent Abilities of Large Language Models a Mirage?*, [2304.15004](https://arxiv.org/abs/2304.15004); Ben Allal et al. 2025, *SmolLM2*, [2502.02737](https://arxiv.org/abs/2502.02737)
#
# </details>

# %% [markdown]
# ## How your predictions went

# %% tags=["nbval-ignore-output"]
predictions()

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done.

# %% tags=["nbval-ignore-output"]
from classroom.checking.check_notebooks import show as show_progress

show_progress()

# %% [markdown]
# ## Further
#
# Each piece stands by itself. The exercises are checked and give no points.
#
# ### What the cache costs · 10 min
#
# ![Two layers, each with keys and values of three heads of five numbers: 60 numbers for one token.](attachment:a_token_in_the_cache.png)
#
# A cache trades memory for time. How much memory?

# %% [markdown]
# ### Exercise 7.7 · `cache_bytes` · ●○○ · 5 min
#
# How many bytes does a cache take?
#
# | | |
# |---|---|
# | `n_layer`, `n_kv_head`, `head_dim` | ints: layers, key/value heads, the width of a head |
# | `seq` | int: tokens in the cache |
# | `bytes_per_number` | int: 4 for float32, 2 for float16 |
# | returns | int |
#
# By hand, the token of the picture:
#
# ```
# n_layer 2, n_kv_head 3, head_dim 5, seq 1
# 60 numbers, in float32 240 bytes
# ```
#
# Not allowed: llmlib's `cache_bytes`.
#
# <details><summary>Hint 1</summary>
#
# Count the boxes in the picture: which numbers of the table have to be multiplied to reach 60?
#
# </details>
# <details><summary>Hint 2</summary>
#
# What does a layer keep of a token beside its keys?
#
# </details>


# %% solution cache_bytes
def cache_bytes(n_layer, n_kv_head, head_dim, seq, bytes_per_number=4):
    """How many bytes does the cache of `seq` tokens take? An int."""
    ### BEGIN SOLUTION
    return 2 * n_layer * n_kv_head * head_dim * bytes_per_number * seq
    ### END SOLUTION


# %% test cache_bytes points=0
import torch

from exercises import check
from exercises import kv_cache as cases

cases.check_cache_bytes(cache_bytes)
### BEGIN HIDDEN TESTS
check.equal(
    cache_bytes(12, 12, 64, 1024),
    cases.bytes_by_torch(12, 12, 64, 1024, torch.float32),
    "it must agree with what torch says the tensors take (nbytes)",
)
check.equal(
    cache_bytes(5, 1, 16, 9, 8),
    cases.bytes_by_torch(5, 1, 16, 9, torch.float64),
    "it must agree with what torch says the tensors take (nbytes)",
)
### END HIDDEN TESTS

# %% [markdown]
# **Run it on the real model.** In SmolLM2, three query heads share one key/value head (grouped queries, notebook 3). GPT-3, with 96 layers of 96 heads, shares none.

# %%
c = model.config
one = cache_bytes(c.n_layer, c.n_kv_head, c.head_dim, 1)
print("as torch counts the tensors:", model.new_cache(context=9).nbytes == 9 * one)
print(f"a token takes {one / 1e3:.0f} kB in SmolLM2's cache,")
print(f"in GPT-3's, in float16, {cache_bytes(96, 96, 128, 1, 2) / 1e6:.1f} MB")
tokens = list(range(0, c.context + 1, 256))
lines = {
    f"{h} key/value heads": [
        cache_bytes(c.n_layer, h, c.head_dim, n) / 1e6 for n in tokens
    ]
    for h in (9, 3, 1)
}
plots.show(pictures.cache_size(tokens, lines, 134_515_008 * 4 / 1e6))

# %% [markdown]
# With a key/value head for every query head, the cache of one long text outgrows the weights. That is what grouped queries are for.

# %% [markdown]
# ### Token by token · 5 min
#
# Each click is one turn of *your* loop. The table above the controls is the second turn.

# %% tags=["nbval-ignore-output"]
from llmlib.widgets import generation_stepper
from llmlib.sampling import filter_logits, sample

generation_stepper(
    mine, generate_cached, filter_logits, sample, model.tokenizer.decode(prompt)
)

# %% [markdown]
# ### Who runs when · 6 min
#
# ![Five tokens of a common beginning, marked as shared and kept once, lead to two tails, each text's own.](attachment:one_shared_prefix.png)
#
# A common beginning can be kept once, since the keys and values of a token depend only on the token itself and those before it.
#
# Places in a batch can also be reused. If all texts of a batch must end together, short requests leave their places empty. **Continuous batching** (Yu et al. 2022) fills a place as soon as it is free.

# %%
from llmlib.batching import continuous_batches, static_batches

generator = torch.Generator().manual_seed(0)
lengths = torch.randint(20, 300, (20,), generator=generator).tolist()
plans = {
    "static batches": static_batches(lengths, 8),
    "continuous batching": continuous_batches(lengths, 8),
}
for name, plan in plans.items():
    steps = max(end for _, _, end in plan)
    used = 100 * sum(lengths) / (8 * steps)
    print(f"{name:<20} {steps} steps, {used:.0f} % of the places are used")
plots.show(pictures.schedule(plans))

# %% [markdown]
# ### Several tokens in one pass · 16 min
#
# ![Passes, not times. Above, without drafts, three passes for three tokens. Below, a draft of four tokens and one pass that checks them: two kept, the third replaced, the fourth cut.](attachment:draft_check_cut.png)
#
# **Speculative decoding**: something small and fast, the **draft**, guesses the next few tokens. Your engine, the **target**, checks them in *one* pass (Leviathan et al. 2022). It keeps the drafts up to the first that it would not have written, writes its own token there, and cuts the rest. If it keeps all, its last row gives one more token for free.
#
# Greedy decoding compares ids. A target that samples can use drafts, too: see *Drafts that are drawn*.
#
# The draft here is **prompt look-up** (Saxena 2023): it finds the last two tokens earlier in the text, and proposes what followed them.

# %%
from llmlib.demonstrations.kv_cache_and_scaling import LookUp, speculative_decode


def kept_if_likeliest(drafted, p, q, u, v):
    """The drafts up to the first that is not the target's likeliest token, and the
    target's own token there: ids [k], p [k + 1, vocab] -> a list of 1 to k + 1 ids."""
    own = p.argmax(-1).tolist()
    for i, draft in enumerate(drafted.tolist()):
        if draft != own[i]:
            return own[: i + 1]
    return own


look_up = LookUp(model.config.vocab_size)
texts = {
    "repeats": "The old clock in the hall struck nine. Anna wrote in her diary: The "
    "old clock in the hall struck nine. Then she wrote it again: The old clock",
    "new": "The best way to learn a language is",
}
drafts = {}
for name, text in texts.items():
    ids = model.tokenizer.encode(text)
    run = speculative_decode(
        mine, kept_if_likeliest, look_up, ids, 24, k=4, temperature=0
    )
    greedy = model(ids + run.ids)[0, len(ids) - 1 : -1].argmax(-1)  # one pass tells
    drafts[f"drafts, {name}"] = run
    print(
        f"{name:<8} 24 tokens in {run.passes} passes: {run.drafted} drafted,", end=" "
    )
    print(f"{run.kept} kept; the greedy ids: {run.ids == greedy.tolist()}")

# %% [markdown]
# The same ids in fewer passes, if the text repeats. On the other text no draft is kept.

# %% [markdown]
# ### Your engine, predicted and measured · 15 min
#
# Now your cache alone, eight texts at once, your int8 weights, and the drafts of the piece before. The int8 engine multiplies by your `q` as it is.
#
# Your `step_seconds` predicts each row from this machine's bandwidth and peak. A pass that checks `k` drafts calculates for `k + 1` tokens and reads the weights once. Overhead counts as free, so take the prediction as a rough upper limit.

# %%
predict(
    "fastest",
    "Which makes the most tokens per second on this machine, all texts counted?",
    {
        "A": "a batch of 8",
        "B": "int8 weights",
        "C": "drafts on the text that repeats",
        "D": "the cache alone",
    },
    yours="B",
)

# %% tags=["nbval-ignore-output"]
from llmlib.demonstrations.kv_cache_and_scaling import in_int8, pass_seconds

small_engine = in_int8(mine, quantize_int8)
ids = model.tokenizer.encode(texts["repeats"])
context, kv_bytes = len(ids), mine.new_cache(context=1).nbytes
plans = {  # engine, texts, tokens in a pass, new tokens that a pass makes
    "no cache": (mine, 1, context, 1),
    "the cache alone": (mine, 1, 1, 1),
    "a batch of 8": (mine, 8, 1, 8),
    "int8 weights": (small_engine, 1, 1, 1),
}
for name, run in drafts.items():
    plans[name] = (mine, 1, 1 + run.drafted / run.passes, 24 / run.passes)
drafted = {name: run.seconds / run.passes for name, run in drafts.items()}
speed = {}
print("                    MB read   new tokens   tokens per second")
print("                    by a pass by a pass    limit   measured")
for name, (engine, batch, rows, made) in plans.items():
    kept = 0 if name == "no cache" else context
    size = weight_bytes(engine)
    limit = step_seconds(
        batch, kept, size, kv_bytes, rows * flops, math.inf, bandwidth, peak
    )
    took = drafted.get(name) or pass_seconds(engine, ids, batch, use_cache=kept > 0)
    speed[name] = made / took
    read = (size + batch * kept * kv_bytes) / 1e6
    print(f"{name:<19}{read:>8.0f}{made:>11.1f}", end="")
    print(f"{made / limit:>12.0f}{speed[name]:>10.1f}")
del small_engine, engine
best = max([*plans][1:5], key=speed.get)
reveal("fastest", "DABC"[[*plans].index(best) - 1])

# %% [markdown] reveals="fastest"
# `step_seconds` counts bytes and products at the machine's limits. It shows how far a row stays below its limit, and not why. Fewer bytes, as with int8, help only as far as a pass waits for them. Drafts help only if a pass over several tokens costs less than the passes that it saves.

# %% [markdown]
# ### Fewer bits · 12 min
#
# How far down can you go? The table goes down to 2 bits, with one scale for the matrix, for every row, or for every block of 32 weights (`authoring/data/make_quantization_ladder.py`).
#
# It is measured against the model that you loaded, which came to you in "4 bits" already, on another grid than this one: 16 levels and an offset, where this one has 15 levels with 0 in the middle. So its second column is the price of changing grids, not of using 4 bits.

# %%
predict(
    "4 bits",
    "In the column of 4 bits, which kind of scale costs the model least?",
    {
        "A": "a scale for 32 weights",
        "B": "a scale per row",
        "C": "one scale per matrix",
    },
    yours="B",
)

# %%
ladder = data.quantization_ladder()
full = ladder[0]["loss"]
four = {row["block"]: row["loss"] for row in ladder if row["bits"] == 4}
print("nats above float32:   8 bits   4 bits   3 bits   2 bits")
for block in ("matrix", "row", 32):
    line = [row["loss"] - full for row in ladder if row["block"] == block]
    print(f"a scale for: {block:<7}", "".join(f"{x:>9.3f}" for x in line))
reveal("4 bits", dict(zip((32, "row", "matrix"), "ABC"))[min(four, key=four.get)])
plots.show(pictures.ladder(ladder[1:], full, math.log(49152)))

# %% [markdown] reveals="4 bits"
# The finer the scale, the smaller the loss, down to 3 bits. With 2 bits none of the three scales saves this model. Above the dashed line a model is worse than guessing; how far above means little, so the picture ends there. Models *trained* with −1, 0 and 1 exist (Ma et al. 2024).
#
# In the file, scales and offsets make 5 bits of 4. The embedding table, a fifth of this small model, is kept in more. Over the whole file, "4 bits" is nearer to 6.

# %% [markdown]
# ### Drafts that are drawn · 95 min
#
# If the target samples, the trick is to leave the output's distribution unchanged: the tokens must be distributed exactly as if the target model had drawn each one itself. One line shows how:
#
# $$\min(p, q) + \max(p - q, 0) = p$$
#
# ![Two bars. Where the draft gives too little, p is min(p, q), kept, plus max(p − q, 0), drawn again. Where it gives too much, p is min(p, q) alone.](attachment:kept_and_drawn_again.png)
#
# The first part comes from the draft, if its tokens are kept with the right chance. The second is drawn again.

# %% [markdown]
# ### Exercise 7.8 · `accept_draft` · ●●● · 40 min
#
# Decide about drafted tokens, for many independent texts at once.
#
# | | shape | |
# |---|---|---|
# | `drafted` | `[batch]`, ints | one id per row, drawn from the draft model's `q` |
# | `p` | `[batch, vocab]` | the target's probabilities |
# | `q` | `[batch, vocab]` | the draft's; above 0 at the drafted id |
# | `u` | `[batch]` | uniform in [0, 1): decides whether to keep the drafted id |
# | `v` | `[batch]` | uniform in [0, 1): draws another id where it is not kept |
# | returns | `[batch]`, ints | the ids to use |
#
# A token is drafted with chance $q$ and kept with chance $\min(p, q)$ in all. With what chance must *you* keep it, once drafted? Keep it where $u$ is below that. Otherwise draw from what $p$ has more than $q$: `draw(weights, v)` from notebook 6 scales the weights to sum 1; for a row of zeros it returns some id, which nobody uses.
#
# By hand:
#
# ```
# id           0      1      2
# p            0.5    0.3    0.2
# q            0.2    0.3    0.5
#
# drafted 0    always kept
# drafted 1    always kept
# drafted 2    kept if u < 0.4; otherwise 0, the only id that p gives more
#
# chance of id 0:  0.2 + 0.5 × 0.6 = 0.5, which is p(0)
# ```
#
# Not allowed: llmlib's `accept_draft`.
#
# <details><summary>Hint 1</summary>
#
# How likely is the drafted id under `p`, and under `q`? Row numbers and ids together look it up: `p[torch.arange(len(drafted)), drafted]`.
#
# </details>
# <details><summary>Hint 2</summary>
#
# Compute a replacement for every row, then choose between the two: `torch.where`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# Of a drafted share $q$ you keep $\min(p, q)$: divide. A multiplication on the other side of `<` avoids the division.
#
# </details>


# %% solution accept_draft
def accept_draft(drafted, p, q, u, v):
    """Speculative decoding's rule (Leviathan et al. 2022, arXiv:2211.17192): turn draws
    from q into draws from p.

    drafted [batch] are ids drawn from the draft model's q [batch, vocab];
    p [batch, vocab] is the target model's; u and v [batch] are uniform in [0, 1).
    u decides whether an id is kept, v draws another one where it is not.
    """
    ### BEGIN SOLUTION
    rows = torch.arange(len(drafted))
    kept = u * q[rows, drafted] < p[rows, drafted]
    return torch.where(kept, drafted, draw((p - q).clamp(min=0), v))
    ### END SOLUTION


# %% test accept_draft points=0
import torch

from exercises import check
from exercises import kv_cache as cases

cases.check_accept_draft(accept_draft)
### BEGIN HIDDEN TESTS
for _seed in range(3):
    _parts = torch.rand(2, 6, generator=torch.Generator().manual_seed(_seed))
    _p, _q = _parts[0] / _parts[0].sum(), _parts[1] / _parts[1].sum()
    check.close(
        cases.share_of_ids(accept_draft, _p, _q, 100, 40),
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
# **Run it** on a toy vocabulary: 100,000 drafts by `q`, your rule, and a count.

# %%
generator = torch.Generator().manual_seed(7)
p = torch.tensor([0.40, 0.25, 0.15, 0.10, 0.07, 0.03])
q = torch.tensor([0.20, 0.30, 0.10, 0.25, 0.05, 0.10])
n = 100_000
u, v, w = torch.rand(3, n, generator=generator)
drafted = draw(q.expand(n, -1), w)
out = accept_draft(drafted, p.repeat(n, 1), q.repeat(n, 1), u, v)
share = torch.bincount(out, minlength=6) / n
for name, values in (("draft q", q), ("target p", p), ("got", share)):
    print(f"{name:<9}", "".join(f"{x:>7.2f}" for x in values.tolist()))
print(f"drafts kept: {(out == drafted).float().mean():.2f}", end=", ")
print(f"overlap of p and q, sum of min(p, q): {torch.minimum(p, q).sum():.2f}")

# %% [markdown]
# Drawn from `q`, distributed as `p`. A draft is kept as often as the two distributions overlap.
#
# In a text, row *i* of `p` was computed as if all drafts before it had been kept. So the first refusal ends the round, and the rest is cut. Without a refusal the target's last row gives one more token for free.

# %% [markdown]
# ### Exercise 7.9 · `verify_draft` · ●●○ · 22 min
#
# Write one round for *one* text: what does it hand back?
#
# | | shape | |
# |---|---|---|
# | `drafted` | `[k]`, ints | ids that were drafted one after the other; `k` may be 0 |
# | `p` | `[k + 1, vocab]` | the target's probabilities at each draft's place, and after the last |
# | `q` | `[k, vocab]` | what each id was drafted from |
# | `u` | `[k]` | uniform in [0, 1) |
# | `v` | `[k + 1]` | uniform in [0, 1) |
# | returns | list of ints | at least 1 id, at most `k + 1` |
#
# Your `accept_draft` judges all places at once, with `u[i]` and `v[i]` at place `i`. `v[k]` draws the free token.
#
# By hand:
#
# ```
# drafted                 4, 7, 2
# all kept                4, 7, 2, x    x is drawn from p[3]
# 7 refused, 5 drawn      4, 5          the 2, kept or not, is cut
# ```
#
# <details><summary>Hint 1</summary>
#
# A refused id is never replaced by itself, since there $p - q$ is not above 0. So how can you see where the first refusal was?
#
# </details>
# <details><summary>Hint 2</summary>
#
# There are two ways to end: at the first refusal, or behind the last draft. Only the second brings a token from `p[k]`.
#
# </details>


# %% solution verify_draft
def verify_draft(drafted, p, q, u, v):
    """One round of speculative decoding for one text: drafted [k], p [k + 1, vocab],
    q [k, vocab], u [k], v [k + 1] -> the new ids, a list of 1 to k + 1 ints.

    Drafts are kept up to the first refusal, which is replaced; without one, the target
    adds a token of its own.
    """
    ### BEGIN SOLUTION
    k = len(drafted)
    judged = accept_draft(drafted, p[:k], q, u, v[:k])
    for i in range(k):
        if judged[i] != drafted[i]:
            return judged[: i + 1].tolist()
    return drafted.tolist() + draw(p[k:], v[k:]).tolist()
    ### END SOLUTION


# %% test verify_draft points=0
import torch

from exercises import check
from exercises import kv_cache as cases

cases.check_verify_draft(verify_draft)
### BEGIN HIDDEN TESTS
for _k, _at in ((5, 3), (4, 0), (6, 5)):
    _ids = torch.randint(8, (_k,), generator=torch.Generator().manual_seed(_k)).tolist()
    _wanted = [*_ids, 1]
    _wanted[_at] = 8
    check.equal(
        cases.ids_of_round(verify_draft, _ids, cases.sure(*_wanted), cases.sure(*_ids)),
        _wanted[: _at + 1],
        "keep up to the first refusal, replace that one, cut the rest",
    )
check.equal(
    cases.ids_of_round(
        verify_draft, [3] * 5, cases.sure(3, 3, 3, 3, 3, 0), cases.sure(*[3] * 5)
    ),
    [3, 3, 3, 3, 3, 0],
    "all drafts are kept: they come in order, and then one id from the last row of p",
)
### END HIDDEN TESTS

# %% [markdown]
# **Decode real text with it.** SmolLM2 writes at temperature 0.8. The draft only counts which token followed which two in the course's stories. Those stories were all written by SmolLM2 itself, to the first of the prompts below. The other prompts are new to the counts, and ask for no story.

# %%
predict(
    "kept",
    "On the other prompts, what share of the drafts is kept, from 0 to 1?",
    yours=0.4,
)

# %%
from llmlib import generation
from llmlib.demonstrations.kv_cache_and_scaling import Trigrams, speculative_decode

counted = Trigrams([s.ids for s in train_stories], model.config.vocab_size)
asked = {
    "the stories' own": data.STORIES_PROMPT,
    "new": "Explain photosynthesis to a child.",
    "new ": "Give me three tips for saving money.",
    "new  ": "Write a letter to a landlord about a broken window.",
}
shares = []
for name, prompt in asked.items():
    ids = model.tokenizer.encode(generation.chat_prompt(model, prompt))
    some = [
        speculative_decode(mine, verify_draft, counted, ids, 30, k=2, seed=seed)
        for seed in range(3)
    ]
    judged = sum(each.kept + each.refused for each in some)
    shares.append(sum(each.kept for each in some) / judged)
    passes = sum(each.passes for each in some)
    print(
        f"{name:<18}90 tokens in {passes} passes, {shares[-1]:.0%} of the drafts kept"
    )
reveal("kept", round(sum(shares[1:]) / 3, 2), within=0.1)

# %% [markdown] reveals="kept"
# A draft is worth what it knows of the text. The counts come from stories, all from one prompt: on that prompt more drafts pass than on these three, which ask for something else. The distribution is the target's either way. If each draft is kept with chance $a$, independently of the others, a pass makes $1 + a + \dots + a^k$ tokens on average.

# %% [markdown]
# ### Train a student · 20 min
#
# **The student** has random weights, two layers, d_model 64, and a byte-level BPE of 512 tokens learned from the stories. It reads windows of 64 tokens.

# %%
predict(
    "first loss",
    "The untrained student's loss, in nats per token, with 512 tokens to choose from?",
    yours=9,
)

# %%
from llmlib.demonstrations.kv_cache_and_scaling import Student

student = Student(train_stories, held_out_stories)
print(f"{student.size:,} parameters, {student.bytes_a_token:.2f} bytes per token")
reveal("first loss", student.nats_a_token(), within=0.1)
print(f"ln 512 = {math.log(512):.2f}: all tokens equally likely")
print("a story before training:", repr(student.story(40)))

# %% [markdown] reveals="first loss"
# If fresh weights begin far from $\ln V$, look for a bug before you train ($V$ is the size of the vocabulary).

# %% [markdown]
# Now train it by the loop of notebook 5, with AdamW, warm-up and decay. A step takes 8 windows at random places, and all of their 512 positions are training examples.

# %% tags=["nbval-ignore-output"]
STEPS = 200
draw_curve = scaling_pictures.growing(
    "Training and held-out loss against steps on a log scale are nearly flat for five "
    "steps, then fall almost in a straight line, and stay far above the dotted line of "
    "the source's entropy."
)
losses, watched, stories = [], [], {}
for step, loss in student.learn(STEPS, peak=0.01):
    losses.append(loss)
    if step in (1, 30, STEPS):
        watched.append((step, student.nats_a_byte()))
        stories[step] = student.story(40)
        draw_curve(scaling_pictures.loss_curve(losses, watched, floor, STEPS))
for step, text in stories.items():
    print(f"after {step:>3} steps: {text[:90]!r}")
print(f"\na story after {STEPS} steps:\n{student.story()}")

# %% [markdown]
# From random tokens to short words, commas and full stops; not yet to sentences.

# %% [markdown]
# ### Fit the law yourself · 50 min

# %% [markdown]
# ### Exercise 7.10 · `fit_power_law` · ●●● · 36 min
#
# Fit $L(N) = E + A \, N^{-\alpha}$ to measured losses.
#
# | | shape | |
# |---|---|---|
# | `n` | `[runs]` | model sizes, positive |
# | `loss` | `[runs]` | the loss of each |
# | returns | three floats | `(e, a, alpha)`: the smallest sum of squared errors $\sum (E + A N^{-\alpha} - L)^2$, with $E \ge 0$ and $\alpha$ between 0.001 and 2, found to 0.001 |
#
# $E$ must not be negative, since no loss is. Where the best line for some $\alpha$ has $E < 0$, take the best line through 0 for that $\alpha$, *before* the alphas are compared.
#
# By hand:
#
# ```
# n                  4    16    64
# 1 + 8 · n^-0.5     5    3     2
#
# fit_power_law(n, loss)  ->  (1, 8, 0.5)
# ```
#
# Not allowed: fitting routines of other libraries (`scipy.optimize`). `torch.linalg.lstsq` and `numpy.polyfit` are fine.
#
# <details><summary>Hint 1</summary>
#
# Suppose you knew $\alpha$. With $x = N^{-\alpha}$ the formula reads $L = E + A x$: a straight line, which has a formula. So only $\alpha$ must be searched.
#
# </details>
# <details><summary>Hint 2</summary>
#
# The best line has slope $A = \sum (x - \bar x)(L - \bar L) / \sum (x - \bar x)^2$ and $E = \bar L - A \bar x$ (bars are means). The best line through 0 has $A = \sum x L / \sum x^2$. Use float64: `n.double()`.
#
# </details>
# <details><summary>Hint 3</summary>
#
# 2,000 alphas are few enough to try them all. What do you remember of each, and which one do you keep?
#
# </details>


# %% solution fit_power_law disallowed=["scipy.optimize"]
def fit_power_law(n, loss):
    """Fit loss = e + a * n^-alpha by least squares, e not negative: two 1-D tensors ->
    (e, a, alpha), floats; alpha from 0.001 to 2.
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


# %% test fit_power_law points=0
import torch

from exercises import check
from exercises import kv_cache as cases

cases.check_fit_power_law(fit_power_law)
### BEGIN HIDDEN TESTS
cases.check_planted(fit_power_law, [1e3, 4e3, 2e4, 9e4, 5e5, 2e6], 0.7, 5.0, 0.212)
cases.check_planted(
    fit_power_law, [6e3, 1.4e4, 2.5e4, 5.5e4, 1e5, 2.2e5], 2.2, 33.0, 0.451
)
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
# **Run it on the recorded runs**, beside the course's fit.

# %%
for name, some_fit in {"yours": fit_power_law, "the course's": fit}.items():
    e, a, alpha = some_fit(runs.n, runs.mean(most))
    print(f"{name:<13} E = {e:.2f}, A = {a:.2f}, alpha = {alpha:.3f}")

# %% [markdown]
# ### What the well-known laws say · 18 min
#
# Hoffmann et al. 2022 added the number of training tokens $D$, and fitted $L(N, D) = E + A/N^\alpha + B/D^\beta$. The formula says how to share a budget between $N$ and $D$. The paper's other two methods say: at about 20 tokens per parameter. Gopher's budget was $5 \cdot 10^{23}$ operations.

# %%
predict(
    "Chinchilla",
    "For Gopher's budget: how many tokens per parameter does the published formula ask "
    "for?",
    yours=20,
)

# %%
from llmlib.scaling import CORRECTED, PUBLISHED, chinchilla_loss, kaplan_loss_ratio


def tokens_a_parameter(budget, constants):
    candidates = torch.logspace(7, 13, 4000, dtype=torch.float64)
    losses = chinchilla_loss(candidates, budget / (6 * candidates), constants)
    return budget / 6 / candidates[losses.argmin()].item() ** 2


gopher = 6 * 280e9 * 300e9
print("operations     ", "".join(f"{b:>9.0e}" for b in (1e18, 1e21, gopher, 1e25)))
for name, constants in {"published": PUBLISHED, "corrected": CORRECTED}.items():
    asked = [tokens_a_parameter(b, constants) for b in (1e18, 1e21, gopher, 1e25)]
    print(f"{name:<15}", "".join(f"{each:>9.0f}" for each in asked))
reveal("Chinchilla", tokens_a_parameter(gopher, PUBLISHED))

# %% [markdown] reveals="Chinchilla"
# The formula that everybody quotes contradicts its own paper, and asks for more tokens per parameter the larger the budget. Besiroglu et al. 2024 found why: the fit had been stopped before it converged, and the constants were rounded for print. Fitted again, to the runs as read off the paper's figure, the formula agrees with the other methods.

# %% [markdown]
# Chinchilla had a quarter of Gopher's parameters and more tokens, for about the same operations, and beat it on nearly every test.
#
# **From GPT-2 to GPT-3.** Kaplan et al. 2020 found $L = A\,N^{-0.076}$ with ample data. GPT-3 has 117 times the parameters of GPT-2.

# %%
predict(
    "Kaplan",
    "117 times the parameters: by Kaplan's law, how many percent less loss?",
    yours=80,
)

# %%
times = 175 / 1.5
ratio = kaplan_loss_ratio(times)
reveal("Kaplan", 100 * (1 - ratio), within=5)
print(
    f"reported, LAMBADA: errors {100 - 63.2:.1f} % -> {100 - 76.2:.1f} %, "
    f"{(100 - 63.2) / (100 - 76.2):.2f} times fewer"
)
print(
    f"reported, Penn Treebank: loss {math.log(35.8):.2f} -> {math.log(20.5):.2f} nats "
    f"a word, {100 * (1 - math.log(20.5) / math.log(35.8)):.0f} % less"
)

# %% [markdown] reveals="Kaplan"
# What the papers of GPT-2 and GPT-3 reported is solid progress. The law says about twice what Penn Treebank shows. But the two models differ in data and training as well as in size, and a law of this kind is a rule for the next model of the *same* series.
