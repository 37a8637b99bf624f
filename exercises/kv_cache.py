"""Try the cases of notebook 7's checks: a mistake that learners make, and the message that names
it."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from exercises import check, toy_model


def check_pieces(
    write_pieces: Callable,
    sizes: Sequence[int],
    context: int,
    batch: int,
    n_kv_head: int,
    head_dim: int,
    seed: int,
) -> None:
    """Raise Mistake unless random tokens, written in pieces of these sizes, come back and stay."""
    tokens = torch.randn(
        batch, n_kv_head, sum(sizes), head_dim, generator=torch.Generator().manual_seed(seed)
    )
    parts, store = write_pieces(list(tokens.split(sizes, dim=2)), context)
    end = 0
    for part, size in zip(parts, sizes):
        end += size
        check.close(
            part,
            tokens[:, :, :end],
            f"after {end} tokens the answer holds those {end} tokens in order: the "
            "old ones, then the new ones behind them",
        )
    check.close(
        store[:, :, :end],
        tokens,
        "every token must also stand in the store itself, where the next call looks for it",
    )
    check.close(
        store[:, :, end:],
        torch.zeros(batch, n_kv_head, context - end, head_dim),
        "positions not reached yet must stay as they were",
    )


def check_write_cache(write_cache: Callable, write_pieces: Callable) -> None:
    """Raise Mistake unless tokens are written in place behind the old ones, and refused when
    full."""
    parts, store = write_pieces(
        [torch.tensor([7.0, 8.0]).view(1, 1, 2, 1), torch.tensor([9.0]).view(1, 1, 1, 1)], 4
    )
    check.that(
        parts[-1] != "full",
        "3 tokens fit into 4 positions, but ValueError came: positions are dimension 2",
    )
    check.that(
        parts[-1] != "slice",
        "write_cache stopped with an error although the tokens fit: the slice of the store must "
        "have the shape of `new`. Positions are dimension 2, from start up to start + seq",
    )
    check.that(
        parts[0] is not None,
        "write_cache returned None: it must return the filled part of the store",
    )
    check.that(
        parts[-1] != "copied",
        "the whole store was copied, empty places included: return a part of the store itself, or "
        "a copy of that part alone",
    )
    check.that(
        all(isinstance(part, torch.Tensor) for part in parts),
        "return one tensor, the filled part of the store, not a list or tuple",
    )
    check.close(
        store.flatten(),
        [7, 8, 9, 0],
        "the store must be [7, 8, 9, 0]: write the new tokens into the store itself, from "
        "position `start` on",
    )
    check.that(
        parts[1].shape[2] != 4,
        "the answer must end at the last token written: the empty positions behind it "
        "would be attended to",
    )
    check.close(
        parts[1].flatten(),
        [7, 8, 9],
        "the answer must hold all tokens so far, old and new: [7, 8, 9]",
    )
    check.close(
        write_pieces([torch.zeros(1, 1, 2, 1), torch.full((1, 1, 1, 1), 9.0)], 4)[1].flatten(),
        [0, 0, 9, 0],
        "tokens of zeros are tokens, too: `start` says where to write, not the first zero "
        "in the store",
    )
    old_store = torch.full((1, 1, 4, 1), 5.0)
    check.close(
        write_cache(old_store, torch.full((1, 1, 1, 1), 9.0), 2).flatten(),
        [5, 5, 9],
        "a used store may hold old numbers behind `start`: write over them, do not add",
    )
    check.close(
        write_pieces([torch.full((1, 1, 1, 1), 9.0)], 4, old=5.0)[1].flatten(),
        [9, 5, 5, 5],
        "what lies behind the new tokens must stay as it was: write those, and nothing else",
    )
    check_pieces(write_pieces, [3, 1, 1, 2], 9, 2, 3, 4, seed=0)
    parts, store = write_pieces([torch.ones(1, 2, 3, 4), torch.ones(1, 2, 1, 4)], 4)
    check.that(
        parts[-1] != "full", "4 tokens fit into 4 positions: raise ValueError only when they do not"
    )
    for sizes in ([3, 2], [4, 1], [5]):
        parts, store = write_pieces([torch.ones(1, 2, size, 4) for size in sizes], 4)
        check.that(
            parts[-1] == "full",
            f"{sum(sizes)} tokens do not fit into 4 positions: raise ValueError",
        )
        before = sum(sizes[:-1])
        check.close(
            store[:, :, before:],
            torch.zeros(1, 2, 4 - before, 4),
            "the store was half-written before ValueError came: look whether all fits "
            "before you write any of it",
        )


def run_toy(
    run_cached: Callable, ids: list[int], n: int, chunk: int | None = None, **settings: Any
) -> tuple[list[int], list[tuple[int, int]], int]:
    """Return the new ids, the passes of the toy model, and how many came before the first id."""
    number = toy_model.start()
    new, before = run_cached(number, ids, n, chunk, **settings)
    return new, toy_model.passes(number), before


def continued(ids: list[int], n: int, step: int = 0) -> list[int]:
    """Return what the toy model says, computed from the whole text each time."""
    text = list(ids)
    for _ in range(n):
        text.append((sum((i + 1) * (token_id + 1) for i, token_id in enumerate(text)) + step) % 11)
    return text[len(ids) :]


def check_toy_run(run_cached: Callable, ids: list[int], n: int, chunk: int | None) -> None:
    """Raise Mistake unless the ids are right and each token goes in once, by chunks."""
    new, passes, before = run_toy(run_cached, ids, n, chunk)
    count = sum(tokens for _, tokens in passes)
    check.that(
        count <= len(ids) + n,
        f"the model saw {count} tokens for a prompt of {len(ids)} and {n} new ids: "
        "give it only what is new, the cache has the rest",
    )
    check.that(
        count != len(ids) + n,
        "the last new id went through the model as well: nothing comes after it, so "
        "that pass is wasted",
    )
    check.that(
        sum(tokens for _, tokens in passes[:before]) >= len(ids),
        f"a prompt of {len(ids)} with chunk {chunk}: the last chunk, shorter than the "
        "others, never went in; each token must go in exactly once",
    )
    check.equal(
        new,
        continued(ids, n),
        f"prompt {ids}, chunk {chunk}: the ids differ from those made without a cache; "
        "each token must go in exactly once, in order",
    )
    sizes = [tokens for _, tokens in passes]
    want = [
        min(chunk or len(ids), len(ids) - start) for start in range(0, len(ids), chunk or len(ids))
    ]
    check.equal(
        sizes[: len(want)],
        want,
        f"a prompt of {len(ids)} with chunk {chunk} goes in as passes of {want} tokens",
    )


def check_generate_cached(run_cached: Callable) -> None:
    """Raise Mistake unless the loop reads every token once, by chunks, and stops where it
    should."""
    run, check_run = partial(run_toy, run_cached), partial(check_toy_run, run_cached)
    new, passes, before = run([5, 6, 7], 1)
    check.that(
        new != "changed",
        "the caller's list `ids` has changed: leave it as it was, and make a new one if "
        "you need it",
    )
    check.that(
        len(new) == 1,
        "max_new_tokens=1 makes one id, whatever the prompt: max_new_tokens counts new ids only",
    )
    check.that(not isinstance(new[0], torch.Tensor), "yield an int, not a tensor: new.item()")
    check.equal(
        new,
        continued([5, 6, 7], 1),
        "the first new id comes from the logits of the prompt's last token (logits[:, "
        "-1]), after the whole prompt has gone in",
    )
    check.equal(
        passes[:1],
        [(0, 3)],
        "without `chunk` the whole prompt goes in at once, in one pass of 3 tokens",
    )
    new, passes, before = run([5, 6, 7], 4)
    check.equal(
        before,
        1,
        "the first id must be yielded as soon as the prompt's pass is done, not after the "
        "others: use yield inside the loop",
    )
    check_run([5, 6, 7], 3, None)
    check_run([5, 6, 7], 3, 2)
    check_run([4], 6, None)
    for chunk in (1, 3, 7, 20):
        check_run([3, 1, 4, 1, 5, 9, 2, 6, 5, 3], 4, chunk)
    stop = continued([2, 3], 3)[2]
    until = continued([2, 3], 8)[: continued([2, 3], 8).index(stop) + 1]
    check.equal(
        run([2, 3], 8, stop_ids=(stop,))[0], until, "a stop id is yielded, and then the loop ends"
    )
    check.equal(
        run([2, 3], 8, stop_ids=tuple(continued([2, 3], 1)))[0],
        continued([2, 3], 1),
        "the very first new id may be a stop id: it is yielded, and then the loop ends",
    )
    check.that(
        sum(n for _, n in run([2, 3], 8, stop_ids=(stop,))[1]) < 2 + len(until),
        "the stop id went through the model as well: nothing comes after it, so that pass "
        "is wasted",
    )
    check.equal(
        run([2, 3], 8, stop_ids=(99, stop))[0],
        until,
        "there are two stop ids here: any of them ends the loop, not only the first",
    )
    check.equal(
        run([2, 3], 1, stop_ids=(3,))[0],
        continued([2, 3], 1),
        "a stop id in the prompt stops nothing: only one that was picked does",
    )
    check.equal(run([2, 3], 0)[0], [], "max_new_tokens=0 makes no new id")
    check.equal(
        len(run([1, 2, 3, 4], 9, context=7)[0]),
        3,
        "a context of 7 holds a prompt of 4 and 3 new ids: stop there",
    )
    check.equal(
        run([1, 2, 3, 4], 3, context=4)[0],
        [],
        "a prompt that fills the context has no room for more: make no id",
    )
    check.that(
        sum(n for _, n in run([1, 2, 3, 4], 9, context=7)[1]) < 7,
        "the id that filled the context went through the model as well: nothing comes "
        "after it, so that pass is wasted",
    )
    check.equal(
        run([1, 2, 3], 3, least=1)[0],
        continued([1, 2, 3], 3, step=-1),
        "which id comes next is for pick(logits[:, -1]) to say, not for argmax",
    )


Runs = Sequence[tuple[str, int]]  # a text, how many new tokens
ROOM = 24  # tokens in the store that is too small

BUGS = {
    "no offset": (
        "it gives every new token position 0. No text of your test gets a second new token, and "
        "the first one comes from the prefill, which needs nothing that was kept"
    ),
    "old": (
        "it still holds the text before. Your test writes a single text, and that one finds an "
        "empty cache"
    ),
    "late": (
        "it is right for three new tokens and wrong from the fourth on. No text of your test gets "
        "that far"
    ),
    "small": (
        f"its store has room for {ROOM} tokens, and the first ones are overwritten once it is "
        "full. No text of your test, with its new tokens, gets that long"
    ),
}


def caught(bug: str, runs: Runs, modulus: int = 1009) -> bool:
    """Tell whether a cache with that bug writes anything that a right one does not."""
    return _written(bug, runs, modulus) != _written("", runs, modulus)


def _written(bug: str, runs: Runs, modulus: int) -> list[list[int]]:
    """Return the new ids of each run, one after the other in the same cache."""
    texts, old = [], list[int]()
    for text, n in runs:
        prompt, new = old + [ord(letter) for letter in text], list[int]()
        for _ in range(n):
            new.append(_next(bug, prompt, new, modulus))
        texts.append(new)
        old = prompt + new if bug == "old" else []
    return texts


def _next(bug: str, prompt: list[int], new: list[int], modulus: int) -> int:
    """Return a sum over all tokens and their places: what is lost or misplaced changes it."""
    ids = prompt + new
    places = list(range(len(prompt))) + [
        0 if bug == "no offset" else len(prompt) + i for i in range(len(new))
    ]
    places_kept = range(len(ids))[-ROOM:] if bug == "small" and new else range(len(ids))
    total = sum((places[i] + 1) * (ids[i] + 1) for i in places_kept)
    return (total + (bug == "late" and len(new) > 2)) % modulus


def check_cache_test(cache_test: Callable, modulus: int = 1009) -> None:
    """Raise Mistake unless the test is short, of different texts, and no planted bug passes it."""
    answer = cache_test()
    check.that(answer is not None, "cache_test gave back None: is there a return?")
    check.that(
        isinstance(answer, (list, tuple))
        and all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in answer),
        'return a list of pairs, such as [("The cat sat", 3)]',
    )
    check.that(
        all(isinstance(text, str) and text and type(n) is int and n > 0 for text, n in answer),
        "each pair is a text, which is not empty, and a number of new tokens, at least 1",
    )
    check.that(len(answer) > 0, "an empty test passes every cache: it never looks at one")
    check.that(
        sum(n for _, n in answer) <= 40,
        f"{sum(n for _, n in answer)} new tokens: at most 40 in all, so that the test is quick",
    )
    check.that(
        len({text for text, _ in answer}) == len(answer),
        "a text comes twice: what a cache keeps of the first may be just right for the second, so "
        "take different texts",
    )
    for bug, why in BUGS.items():
        check.that(caught(bug, answer, modulus), f"a broken cache passes: {why}")


def check_step_seconds(step_seconds: Callable) -> None:
    """Raise Mistake unless a step takes the slower of two, then the caches, if all fits."""
    toy = dict(weight_bytes=100, kv_bytes=2, flops=50, memory=200, bandwidth=10, peak=20)
    check.that(step_seconds(2, 5, **toy) is not None, "step_seconds returned None: use return")
    check.that(
        abs(step_seconds(1, 0, **toy) - 5) > 1e-6,
        "100 bytes at 10 a second take 10 s: bytes are divided by bandwidth, operations by peak",
    )
    check.that(
        abs(step_seconds(2, 5, **toy) - 17) > 1e-6,
        "calculating and reading the weights happen at the same time: take the larger of "
        "the two, not their sum",
    )
    check.that(
        abs(step_seconds(2, 5, **toy) - 10) > 1e-6,
        "the caches of all texts must be read as well: 2 × 5 × 2 bytes at 10 a second are 2 s more",
    )
    check.that(
        abs(step_seconds(2, 5, **toy) - 11) > 1e-6,
        "each text has a cache of its own: twice the batch, twice the bytes",
    )
    check.that(
        abs(step_seconds(2, 5, **toy) - 22) > 1e-6,
        "the weights are read once for the whole batch, not once for each text",
    )
    check.that(
        abs(step_seconds(2, 5, **toy) - 7) > 1e-6,
        "take the larger of the two times, not the smaller: a step waits for the slower one",
    )
    check.close(step_seconds(2, 5, **toy), 12.0, "two texts of 5 tokens: 12 s")
    check.close(
        step_seconds(1, 1, **toy),
        10.2,
        "one text of one token: its 2 bytes of cache take 0.2 s, so 10.2 s: divide with /, "
        "not with //, and do not round",
    )
    check.close(
        step_seconds(4, 0, **toy),
        10.0,
        "4 empty texts: calculating takes 4 × 50 / 20 = 10 s, as long as reading",
    )
    check.close(
        step_seconds(6, 0, **toy),
        15.0,
        "6 empty texts: calculating takes 6 × 50 / 20 = 15 s; above that the machine is "
        "compute-bound, and the weights are read in the meantime",
    )
    check.close(
        step_seconds(6, 5, **toy),
        21.0,
        "6 texts of 5 tokens: the caches' 60 bytes take 6 s on top of the 15 s of "
        "calculating: only the weights are read in the meantime",
    )
    check.that(
        math.isfinite(step_seconds(10, 5, **toy)),
        "weights of 100 and caches of 10 × 5 × 2 fill 200 bytes exactly: that fits",
    )
    check.that(
        step_seconds(11, 5, **toy) == math.inf,
        "weights of 100 and caches of 110 do not fit into 200 bytes: return math.inf",
    )
    check.that(
        step_seconds(1, 0, **{**toy, "memory": 99}) == math.inf,
        "weights that do not fit by themselves: return math.inf",
    )
    machine = dict(kv_bytes=3, memory=999, bandwidth=5)
    check.close(
        step_seconds(2, 5, weight_bytes=300, flops=70, peak=40, **machine),
        66.0,
        "another machine, 5 bytes per second, and 3 bytes of cache per token: 300 / 5 + 2 "
        "× 5 × 3 / 5 = 66 s: take all numbers from the arguments",
    )
    check.close(
        step_seconds(4, 0, weight_bytes=30, flops=90, peak=12, **machine),
        30.0,
        "another machine, 12 operations a second: 4 × 90 / 12 = 30 s: take all numbers "
        "from the arguments",
    )


def check_matrix(quantize_int8: Callable, w: Tensor) -> None:
    """Raise Mistake unless one matrix has right scales, and no weight is off by more than half a
    step."""
    q, scale = quantize_int8(w)
    check.that(
        q.dtype == torch.int8,
        f"q must be int8, one byte per weight, not {str(q.dtype).removeprefix('torch.')}",
    )
    check.equal(
        list(scale.shape), [w.shape[0], 1], "one scale a row (output channel): shape [out, 1]"
    )
    check.close(
        scale,
        w.abs().amax(1, keepdim=True) / 127,
        "the scale of a row is its largest absolute value / 127, so that this weight becomes 127",
        atol=1e-6 * float(w.abs().max()),
    )
    check.that(q.int().abs().max() <= 127, "whole numbers must lie between -127 and 127")
    error = (w - q.float() * scale).abs()
    check.that(
        (error <= scale / 2 * 1.001).all(),
        "no weight may be off by more than scale / 2: round to the nearest whole number",
    )


def check_quantize_int8(quantize_int8: Callable, weights_after: Callable) -> None:
    """Raise Mistake unless weights become rounded bytes with a scale for each row, and w stays."""
    answer = quantize_int8(torch.tensor([[1.27, -0.5, 0.004], [-12.7, 5.0, 0.04]]))
    check.that(answer is not None, "quantize_int8 gave back None: is there a return?")
    check.that(
        isinstance(answer, (tuple, list))
        and len(answer) == 2
        and all(isinstance(element, torch.Tensor) for element in answer),
        "return two tensors: q and scale",
    )
    q, scale = answer
    check.that(scale.dtype != torch.int8, "the order is (q, scale)")
    check.that(
        scale.numel() != 3,
        "these are scales of the three columns: each row needs one, so the maximum runs over "
        "dimension 1",
    )
    check.that(
        q.dtype == torch.int8,
        f"q must be int8, one byte per weight, not {str(q.dtype).removeprefix('torch.')}",
    )
    check.that(
        q[1, 0] != 127,
        "the largest weight of row 1 is negative (-12.7), so it becomes -127: keep the "
        "weights' signs, and make each scale positive (the largest absolute value / 127)",
    )
    check.close(
        scale.flatten(),
        [0.01, 0.1],
        "rows [1.27, ...] and [-12.7, ...] have scales 0.01 and 0.1: the largest absolute "
        "value of each row / 127",
    )
    check.equal(list(scale.shape), [2, 1], "one scale a row (output channel): shape [out, 1]")
    check.equal(
        q.tolist(), [[127, -50, 0], [-127, 50, 0]], "row [1.27, -0.5, 0.004] becomes [127, -50, 0]"
    )
    check.close(
        weights_after(torch.tensor([[1.27, -0.5, 0.004]])),
        torch.tensor([[1.27, -0.5, 0.004]]),
        "the caller's weights have changed: make new tensors and leave w as it is",
    )
    check.equal(
        quantize_int8(torch.tensor([[1.27, 0.309, -0.309]]))[0].tolist(),
        [[127, 31, -31]],
        "30.9 becomes 31 and -30.9 becomes -31: round to the nearest, do not cut off",
    )
    w = torch.randn(6, 50, generator=torch.Generator().manual_seed(0))
    w[2] *= 100
    check_matrix(quantize_int8, w)
    q, scale = quantize_int8(torch.tensor([[0.0, 0.0], [1.0, 2.54]]))
    check.equal(
        scale[0].tolist(), [1.0], "a row of zeros gets scale 1: dividing by 0 would make NaN"
    )
    check.equal(q[0].tolist(), [0, 0], "a row of zeros stays zeros")
    check.equal(
        q[1].tolist(),
        [50, 127],
        "a row of zeros concerns itself alone: the next row, [1, 2.54], becomes [50, 127]",
    )
    check.equal(
        quantize_int8(torch.tensor([[0.127, -0.05]]))[0].tolist(),
        [[127, -50]],
        "a row of small weights has a small scale: only a row of zeros gets scale 1",
    )
    check.equal(
        quantize_int8(torch.tensor([[1.27e-30, -0.5e-30]]))[0].tolist(),
        [[127, -50]],
        "a row of very small weights has a very small scale: only zeros get scale 1, and "
        "there is no smallest scale",
    )


def misses_of(
    forecast_misses: Callable, n: Sequence[float], loss: Sequence[float], least: int
) -> list[float]:
    """Return the learner's list of misses, as floats."""
    answer = forecast_misses(
        torch.tensor(n, dtype=torch.float64), torch.tensor(loss, dtype=torch.float64), least
    )
    check.that(answer is not None, "forecast_misses gave back None: is there a return?")
    check.that(
        not isinstance(answer, torch.Tensor),
        "return a list of floats, not a tensor: .tolist() makes one of a tensor",
    )
    return [float(element) for element in answer]


def check_forecast_misses(forecast_misses: Callable) -> None:
    """Raise Mistake unless each size is forecast by all smaller ones alone, measured minus
    forecast."""
    misses = partial(misses_of, forecast_misses)
    n = [4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0]
    law = [1 + 8 * size**-0.5 for size in n]
    answer = misses(n[:4], [5.0, 3.0, 2.0, 1.6], 3)
    check.equal(
        len(answer), 1, "four sizes, and a fit needs 3: there is one miss, that of the largest"
    )
    check.that(
        abs(answer[0] + 0.1) > 0.01,
        "the sign: measured minus forecast, so a loss above its forecast is a plus",
    )
    check.that(
        answer[0] > -10,
        "the forecast is far too high: in the law N has the power -alpha, with the minus",
    )
    check.that(
        abs(answer[0]) > 0.03,
        "the miss is nearly 0, as if the fit had seen the size that it forecasts: hold "
        "that one back",
    )
    check.that(
        abs(answer[0] + 0.4) > 0.01,
        "this is the loss minus that of the size before: a forecast by no law at all",
    )
    check.that(
        abs(answer[0] - 0.357) > 0.01,
        "this is a straight line on logarithms, which has no floor: use fit, the course's "
        "fit of the law",
    )
    check.close(
        answer,
        [0.1],
        "sizes 4, 16, 64 forecast 1.5 for 256; measured 1.6: the miss is 0.1 nats, not a ratio",
        atol=0.01,
    )
    check.equal(
        [len(misses(n, law, least)) for least in (3, 4, 5)],
        [3, 2, 1],
        "the first `least` sizes get no forecast, all others do",
    )
    check.close(
        misses(n, law, 3),
        [0.0, 0.0, 0.0],
        "losses made by the formula itself: every miss is 0",
        atol=0.005,
    )
    early = list(law)
    early[3] += 0.2
    answer = misses(n, early, 3)
    check.close(
        answer[0],
        0.2,
        "only the size at place 3 lies 0.2 above the law, and it was not in the fit that "
        "forecast it: its miss is 0.2",
        atol=0.01,
    )
    check.that(
        abs(answer[1]) > 0.03,
        "the forecast for place 4 must use all four sizes before it, the odd one among "
        "them: fit again for every size that is held back",
    )
    late = list(law)
    late[5] += 0.3
    answer = misses(n, late, 3)
    check.close(
        answer[:2],
        [0.0, 0.0],
        "a change of the largest size alone changed earlier forecasts: a forecast may use "
        "smaller sizes only, none that is larger",
        atol=0.005,
    )
    check.close(answer[2], 0.3, "the largest size lies 0.3 above the law", atol=0.01)
    late[5] -= 0.6
    check.close(
        misses(n, late, 3)[2],
        -0.3,
        "a loss below its forecast is a negative miss: keep the sign",
        atol=0.01,
    )
    early[0], early[3] = law[0] + 0.5, law[3]
    check.that(
        abs(misses(n, early, 4)[0]) > 0.03,
        "the smallest size lies off the law, and the forecast for place 4 does not show "
        "it: use all sizes before it, not only the last three",
    )
    check.that(
        abs(misses(n, early, 3)[-1]) > 0.01,
        "the smallest size lies off the law, and the forecast for the largest does not show it: "
        "use all smaller sizes, not only the last few",
    )
    many = [4.0**k for k in range(1, 13)]
    odd = [1 + 8 * size**-0.5 for size in many]
    odd[0] += 2
    check.that(
        all(abs(miss) > 0.03 for miss in misses(many, odd, 8)),
        "twelve sizes, and the smallest lies off the law: use all smaller sizes for every "
        "forecast, not only the last few",
    )


def bytes_by_torch(
    n_layer: int, n_kv_head: int, head_dim: int, seq: int, dtype: torch.dtype
) -> int:
    """Return what torch says such keys and values take."""
    return sum(
        torch.zeros(1, n_kv_head, seq, head_dim, dtype=dtype).nbytes
        for _ in range(n_layer)
        for _ in ("keys", "values")
    )


def check_cache_bytes(cache_bytes: Callable) -> None:
    """Raise Mistake unless keys and values of all layers, heads and tokens are counted in bytes."""
    answer = cache_bytes(7, 3, 5, 1, 4)
    check.that(answer != 420, "half of it is missing: a layer keeps keys and values")
    check.that(answer != 120, "7 layers take as much as one: each layer has a cache of its own")
    check.that(
        answer != 60,
        "that is one layer's keys alone: a layer keeps keys and values, and there are 7 layers",
    )
    check.that(answer != 210, "that is the count of numbers, and each takes 4 bytes")
    answer = cache_bytes(2, 3, 5, 1)
    check.that(answer != 120, "left out, bytes_per_number is 4")
    check.that(answer != 1920, "that is in bits: 8 of them are a byte")
    check.that(answer != 120 * 3, "the queries are not kept, only keys and values")
    check.equal(answer, 240, "2 layers, 3 heads, head_dim 5, 1 token: 240 bytes")
    check.that(not isinstance(answer, float), "bytes are counted: return an int, with no / in it")
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
        cache_bytes(61, 8, 128, 1_000_003, 2),
        249_856_749_568,
        "a large model's cache takes more bytes than 32 bits can count: multiply Python's ints",
    )
    check.equal(
        cache_bytes(4, 2, 8, 3, 2),
        bytes_by_torch(4, 2, 8, 3, torch.float16),
        "it must agree with what torch says the tensors take (nbytes)",
    )


def share_of_ids(accept_draft: Callable, p: Tensor, q: Tensor, n_u: int, n_v: int) -> Tensor:
    """Return the exact share of each id: every draft with its probability, every u and v on a
    grid."""
    vocab = len(p)
    u = (torch.arange(n_u) + 0.5) / n_u
    v = (torch.arange(n_v) + 0.5) / n_v
    ids = torch.arange(vocab)[q > 0]
    drafts = ids.repeat_interleave(n_u * n_v)
    every_u, every_v = u.repeat_interleave(n_v).repeat(len(ids)), v.repeat(len(ids) * n_u)
    out = accept_draft(drafts, p.repeat(len(drafts), 1), q.repeat(len(drafts), 1), every_u, every_v)
    check.equal(list(out.shape), list(drafts.shape), "one id a row: shape [batch]")
    check.that(
        ((out >= 0) & (out < vocab)).all(),
        f"every id must lie between 0 and {vocab - 1}: draw from max(p - q, 0), scaled to sum 1",
    )
    return torch.zeros(vocab, dtype=torch.float64).index_add(
        0, out.long(), q[drafts].double() / (n_u * n_v)
    )


def check_accept_draft(accept_draft: Callable) -> None:
    """Raise Mistake unless drafts are kept with chance p / q and replaced from max(p - q, 0)."""
    share = partial(share_of_ids, accept_draft)
    p, q = torch.tensor([[0.5, 0.3, 0.2]]), torch.tensor([[0.2, 0.3, 0.5]])

    def one(token: int, u: float, v: float) -> int:
        out = accept_draft(
            torch.tensor([token]), p + 0, q + 0, torch.tensor([u]), torch.tensor([v])
        )
        check.that(out is not None, "accept_draft gave back None: is there a return?")
        check.that(
            isinstance(out, torch.Tensor),
            "return a tensor, not a list: torch.tensor makes one of a list of ids",
        )
        check.equal(list(out.shape), [1], "one id a row: shape [batch]")
        return int(out[0])

    check.equal(
        one(0, 0.99, 0.9),
        0,
        "p(0) = 0.5 is more than q(0) = 0.2: a drafted 0 is always kept, whatever u is",
    )
    check.equal(one(1, 0.99, 0.9), 1, "p(1) = q(1): a drafted 1 is always kept")
    check.equal(
        one(2, 0.39, 0.9),
        2,
        "p(2)/q(2) = 0.2/0.5 = 0.4 and u = 0.39 is below it: keep the drafted 2",
    )
    check.that(
        one(2, 0.41, 0.1) != 2,
        "p(2)/q(2) = 0.4 and u = 0.41 is not below it: the drafted 2 must be replaced",
    )
    check.equal(
        [one(2, 0.41, v) for v in (0.01, 0.5, 0.99)],
        [0, 0, 0],
        "max(p - q, 0) = [0.3, 0, 0]: whatever v is, the replacement is 0 (it is drawn "
        "from what p has more than q, not from p)",
    )
    out = accept_draft(
        torch.tensor([2]),
        torch.tensor([[0.75, 0.25, 0.0]]),
        torch.tensor([[0.25, 0.25, 0.5]]),
        torch.tensor([0.0]),
        torch.tensor([0.5]),
    )
    check.that(not out.is_floating_point(), "an id is a whole number: return integers, not floats")
    check.equal(
        out.tolist(), [0], "p(2) = 0: not even u = 0 is below 0/0.5, so a drafted 2 is never kept"
    )
    out = accept_draft(
        torch.tensor([0, 0]),
        torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]),
        torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.2, 0.2]]),
        torch.tensor([0.5, 0.5]),
        torch.tensor([0.5, 0.5]),
    )
    check.equal(
        out.tolist(),
        [0, 2],
        "each row has its own p and q: 0 is kept in the first row and replaced in the second",
    )
    check.equal(
        accept_draft(
            torch.tensor([3, 0, 3]),
            torch.tensor([[0.5, 0.3, 0.2, 0.0]] * 3),
            torch.full((3, 4), 0.25),
            torch.tensor([0.5, 0.5, 0.5]),
            torch.tensor([0.1, 0.5, 0.9]),
        ).tolist(),
        [0, 0, 1],
        "a 3 is replaced, with weights 0.25 and 0.05 for 0 and 1: v = 0.1 draws 0 and "
        "v = 0.9 draws 1; each row has its own v, also behind a row that is kept, and u "
        "only decides",
    )
    check.close(
        share(p[0], q[0], 20, 20), p[0], "over all draws each id must come as often as p says"
    )
    p, q = torch.tensor([0.5, 0.3, 0.2, 0.0]), torch.tensor([0.25, 0.25, 0.25, 0.25])
    check.close(
        share(p, q, 20, 60),
        p,
        "p = [0.5, 0.3, 0.2, 0], q all 0.25: each id must come as often as p says; the "
        "replacement is drawn with weights 0.25 and 0.05",
    )
    check.close(share(q, q, 10, 10), q, "with q = p every drafted id is kept")


def sure(*ids: int) -> Tensor:
    """Return probabilities that are certain of one of 9 ids at each place."""
    return torch.nn.functional.one_hot(torch.tensor(ids), 9).float()


def ids_of_round(
    verify_draft: Callable,
    draft: list[int],
    p: Tensor,
    q: Tensor,
    u: float | list[float] = 0.5,
    v: float | list[float] = 0.5,
) -> list[int]:
    """Return the ids of one round, with the same u and v everywhere where one number is given."""
    k = len(draft)
    every_u = torch.full((k,), u) if isinstance(u, float) else torch.tensor(u)
    every_v = torch.full((k + 1,), v) if isinstance(v, float) else torch.tensor(v)
    new = verify_draft(torch.tensor(draft, dtype=torch.long), p + 0, q + 0, every_u, every_v)
    check.that(new is not None, "verify_draft gave back None: is there a return?")
    check.that(
        isinstance(new, list) and all(isinstance(element, int) for element in new),
        "return a list of ints: .tolist() makes one of a tensor",
    )
    return new


def share_of_pairs(
    verify_draft: Callable, p_first: Tensor, p_second: Tensor, q_first: Tensor
) -> Tensor:
    """Return the exact share of every pair of first two ids, for a target and a draft whose
    next token depends on the one before: all drafts, u and v on a grid."""
    vocab = len(p_first)
    share = torch.zeros(vocab, vocab, dtype=torch.float64)
    grid = ((torch.arange(20) + 0.5) / 20).tolist()
    for a in range(vocab):
        for u in grid:
            for w in grid:
                new = ids_of_round(
                    verify_draft,
                    [a],
                    torch.stack([p_first, p_second[a]]),
                    q_first[None],
                    u=[u],
                    v=[w, w],
                )
                chance = q_first[a].double() / 20**2
                if len(new) == 2:
                    share[new[0], new[1]] += chance
                else:  # the next round starts from the replacement
                    share[new[0]] += chance * p_second[new[0]].double()
    return share


def check_verify_draft(verify_draft: Callable) -> None:
    """Raise Mistake unless drafts are kept up to the first refusal, and a free id ends a full
    round."""
    ids = partial(ids_of_round, verify_draft)
    q = sure(4, 7, 2)
    new = ids([4, 7, 2], sure(4, 7, 2, 8), q)
    check.that(
        new != [4], "the target wrote one id as if there were no draft: it keeps all three here"
    )
    check.that(
        new != [4, 7, 2],
        "all three drafts are kept, but the target's own next token is missing: p has one "
        "row more than there are drafts, and that row gives one more id",
    )
    check.equal(
        new,
        [4, 7, 2, 8],
        "all drafts are kept, so they come in order, and then one id drawn from the last "
        "row of p, here surely 8",
    )
    new = ids([4, 7, 2], sure(4, 5, 2, 8), q)
    check.that(
        new != [4],
        "the 7 is refused: the id that accept_draft put in its place, 5, belongs to the answer",
    )
    check.that(
        new[:3] != [4, 5, 2],
        "the 7 was refused, so the 2 behind it was drafted for a text that is no longer "
        "there: cut everything after the first refusal",
    )
    check.that(
        new[:3] != [4, 5, 8],
        "a round that ends with a refusal gets no free token: the last row of p was "
        "computed for another text",
    )
    check.that(
        new[:2] != [4, 7],
        "the target gives 7 no chance at the second place: it must be refused and replaced",
    )
    check.equal(new, [4, 5], "4 is kept, 7 is refused and replaced by 5, the rest is cut")
    check.equal(
        ids([4, 7, 2], sure(3, 7, 2, 8), q),
        [3],
        "the very first draft is refused: the answer is its replacement alone",
    )
    check.equal(
        ids([4, 7, 2], sure(4, 7, 6, 8), q),
        [4, 7, 6],
        "the last draft is refused: two are kept, the replacement follows, no more",
    )
    check.equal(
        ids([], sure(6), torch.zeros(0, 9)),
        [6],
        "without drafts (k = 0) one id is drawn from the only row of p: plain decoding",
    )
    check.equal(
        ids([4, 4], sure(4, 4, 1), sure(4, 4)),
        [4, 4, 1],
        "the same id may be drafted twice and kept twice",
    )
    half = torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.25, 0.25, 0.5]])
    check.equal(
        ids([1, 0], half, half[:2], u=[0.99, 0.99], v=0.99),
        [1, 0, 2],
        "where q is p every draft is kept, whatever u is: judge the draft, do not draw its "
        "ids again",
    )
    check.equal(
        ids([1, 0], half, torch.full((2, 3), 1 / 3), u=0.0, v=[0.9, 0.9, 0.1]),
        [1, 0, 0],
        "v[k], the last one, draws the free token: v = 0.1 from [0.25, 0.25, 0.5] is id 0",
    )
    check.equal(
        ids([2, 2], half, torch.tensor([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5]]), v=[0.1] * 3),
        [0],
        "place 0 has its own rows of p and q: its refused 2 is replaced by what p has "
        "more there, id 0",
    )
    first, draft = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.3, 0.5])
    second = torch.tensor([[0.6, 0.2, 0.2], [0.1, 0.8, 0.1], [0.3, 0.3, 0.4]])
    check.close(
        share_of_pairs(verify_draft, first, second, draft),
        first[:, None] * second,
        "over all draws every pair of tokens must come as often as the target alone would "
        "write it: u decides with probability p / q, no threshold, and what replaces a "
        "refused id comes from p − q, not from p",
        atol=0.02,
    )


def check_planted(
    fit_power_law: Callable, n: list[float], e: float, a: float, alpha: float
) -> None:
    """Raise Mistake unless the fit finds the numbers of losses that the formula made."""
    sizes = torch.tensor(n, dtype=torch.float64)
    got_e, got_a, got_alpha = fit_power_law(sizes, e + a * sizes**-alpha)
    check.close(
        got_alpha,
        alpha,
        f"losses made with E = {e}, A = {a}, alpha = {alpha}: the fit must find that alpha",
        atol=0.002,
    )
    check.close(
        got_e,
        e,
        f"losses made with E = {e}, A = {a}, alpha = {alpha}: the fit must find that floor E",
        atol=0.02 * max(e, 1),
    )
    check.close(
        got_a / a,
        1.0,
        f"losses made with E = {e}, A = {a}, alpha = {alpha}: the fit must find that A "
        "(here as a multiple of it)",
        atol=0.05,
    )


def check_fit_power_law(fit_power_law: Callable) -> None:
    """Raise Mistake unless the fit finds planted laws, E is not below 0, alpha from 0.001 to 2."""
    n = torch.tensor([4.0, 16.0, 64.0])
    answer = fit_power_law(n, torch.tensor([5.0, 3.0, 2.0]))
    check.that(answer is not None, "fit_power_law gave back None: is there a return?")
    check.that(len(answer) == 3, "return three numbers: (e, a, alpha)")
    check.that(
        abs(answer[0] - 0.5) > 0.01 or abs(answer[2] - 1) > 0.01,
        "the order is (e, a, alpha), not (alpha, a, e)",
    )
    check.that(
        answer[2] > 0,
        "alpha is positive: the minus sign stands in the formula, N to the power -alpha",
    )
    check.that(
        answer[0] > 0.1,
        "the fit put the floor E at 0: a straight line through log N and log L leaves the "
        "floor out; fit E as well",
    )
    check.close(
        answer,
        [1, 8, 0.5],
        "sizes 4, 16, 64 with losses 5, 3, 2: E = 1, A = 8, alpha = 0.5",
        atol=0.02,
    )
    check.close(
        fit_power_law(n.flip(0), torch.tensor([2.0, 3.0, 5.0])),
        [1, 8, 0.5],
        "the runs may come in any order: 64, 16, 4 with losses 2, 3, 5 give the same fit",
        atol=0.02,
    )
    check_planted(fit_power_law, [1e4, 1e5, 1e6, 1e7, 1e8], 1.2, 8.0, 0.34)
    check_planted(fit_power_law, [2e4, 5e4, 1e5, 3e5, 8e5], 1.69, 406.4, 0.377)
    check_planted(fit_power_law, [2.0, 4.0, 8.0, 16.0, 32.0], 1.0, 8.0, 1.5)
    for alpha in (0.004, 1.999):
        m = torch.tensor([2.0, 8.0, 64.0, 1024.0], dtype=torch.float64)
        check.close(
            fit_power_law(m, 1 + 8 * m**-alpha)[2],
            alpha,
            f"losses made with alpha = {alpha}: search all of 0.001 to 2",
            atol=0.002,
        )
    check.close(
        fit_power_law(m, 1 + 8 * m**-2.5)[2],
        2.0,
        "losses made with alpha = 2.5: alpha is at most 2",
        atol=0.002,
    )
    check.close(
        fit_power_law(n, torch.tensor([3.0, 4.0, 4.5])),
        [5, -4, 0.5],
        "losses that rise towards 5: A is negative here, only E must not be",
        atol=0.02,
    )
    m = torch.tensor([1.0, 4.0, 16.0, 64.0, 256.0, 1024.0], dtype=torch.float64)
    off = torch.tensor([0.0, 0.3, -0.5, 0.2, 0.1, 0.0], dtype=torch.float64)
    check.close(
        fit_power_law(m, 1 + 8 * m**-0.5 + off)[2],
        0.513,
        "losses that no curve meets: the smallest sum of SQUARED errors has alpha 0.513",
        atol=0.005,
    )
    m = torch.logspace(3, 6, 7, dtype=torch.float64)
    check.close(
        fit_power_law(m, 9 * m**-0.2 - 0.3)[0],
        0.0,
        "the best E for these losses would be below 0, which no loss is: then E is 0",
        atol=1e-6,
    )
    check.close(
        fit_power_law(m, 9 * m**-0.2 - 0.3)[1],
        12.08,
        "where E is 0, A is sum of x L / sum of x², and alpha must be chosen among such "
        "fits: pin E inside the search, not after it",
        atol=0.15,  # 0.001 in alpha moves it by 0.12
    )
