"""Try the cases of notebook 4's checks: a mistake that learners make, and the message that names
it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from exercises import check

Matrices = list[list[Tensor]]  # [i][j]: matrix j of layer i


def follow_back(
    gradients: list[Tensor], loss: Tensor, leaves: Sequence[Tensor], claim: str
) -> None:
    """Check the gradients that came back from the learner's function against those of `loss`."""
    right = torch.autograd.grad(loss, leaves)
    check.that(len(gradients) == len(right), claim)
    for result, want in zip(gradients, right):
        same = result.shape == want.shape and torch.allclose(result.float(), want, 1e-3, 1e-3)
        check.that(same, claim)


def check_pre_norm_block(block_of_matrices: Callable, gradients: Callable) -> None:
    """Check two sums, in their order, and each of the four functions called once."""
    x, m = torch.ones(1, 1, 1), [torch.full((1, 1), float(n)) for n in (0, 2, 3, 5, 7)]
    zero, two, three, five, seven = m
    result = block_of_matrices(x.clone(), two, zero, five, zero)[0]
    check.that(result is not None, "pre_norm_block gave back None: is there a return?")
    check.that(
        isinstance(result, Tensor), "return one tensor, the stream: torch.stack makes one of a list"
    )
    check.close(
        result,
        x,
        "sublayers that write 0 must leave x as it came: the stream is only added to, "
        "never replaced and never normalised",
    )
    check.close(
        block_of_matrices(x.clone(), two, three, five, zero)[0],
        7 * x,
        "attention writes attend(norm_1(x)) = 3 · 2 · 1 = 6 and the stream becomes 1 + 6",
    )
    check.close(
        block_of_matrices(x.clone(), two, zero, five, seven)[0],
        36 * x,
        "the feed-forward writes feed_forward(norm_2(x)) = 7 · 5 · 1 = 35 and the stream "
        "becomes 1 + 35",
    )
    check.close(
        block_of_matrices(x.clone(), two, three, five, seven)[0],
        252 * x,
        "feed_forward reads the stream after attention has written to it: 7 + 7 · 5 · 7 = 252",
    )
    calls = block_of_matrices(x.clone(), two, three, five, seven)[1]
    check.that(
        "changed" not in calls,
        "the caller's x has changed, and the stream before the layer is still needed: "
        "write x = x + …, which makes a new tensor, not x += …",
    )
    check.equal(
        sorted(calls),
        ["attend", "feed_forward", "norm_1", "norm_2"],
        "each of the four functions is called once: keep what attend wrote, do not call it again",
    )
    check.equal(
        calls,
        ["norm_1", "attend", "norm_2", "feed_forward"],
        "the functions are called in the wrong order: each norm comes before its "
        "sublayer, and attention before the feed-forward",
    )
    g = torch.Generator().manual_seed(41)
    x = torch.randn(2, 3, 4, generator=g)
    norm_1, attend, norm_2, feed_forward = m = [torch.randn(4, 4, generator=g) for _ in range(4)]

    def block(x: Tensor, norm_1: Tensor, attend: Tensor, norm_2: Tensor, last: Tensor) -> Tensor:
        x = x + x @ norm_1.T @ attend.T
        return x + x @ norm_2.T @ last.T

    check.close(
        block_of_matrices(x.clone(), *m)[0],
        block(x, *m),
        "right with one number, wrong with several tokens of several numbers: each token gets "
        "its own writes, negative numbers too, nothing averaged and nothing cut off",
        atol=1e-3,
    )
    leaves = [each.clone().requires_grad_() for each in (x, *m)]
    follow_back(
        gradients("block_of_matrices", x, *m),
        block(*leaves).pow(2).sum(),
        leaves,
        "the gradient does not get back through your block, and section 4.6 needs it. Write "
        "x = x + …: += writes over numbers that the gradient needs, on a copy, too. No detach, "
        "no no_grad",
    )


def check_rms_norm(rms_norm: Callable, left_alone: Callable, gradients: Callable) -> None:
    """Check each vector over its own root mean square, times the weight; x stays."""
    weight = torch.ones(2)
    result = rms_norm(torch.zeros(2), weight, 1e-5)
    check.that(result is not None, "rms_norm gave back None: is there a return?")
    check.that(
        isinstance(result, Tensor), "return one tensor, like x: torch.stack makes one of a list"
    )
    check.close(result, torch.zeros(2), "a vector of zeros must stay zeros: eps keeps 0 / 0 away")
    check.close(
        left_alone("rms_norm", torch.tensor([[1.0, 7.0]]), weight),
        torch.tensor([[1.0, 7.0]]),
        "the caller's x has changed: it is the residual stream, so work on new tensors",
    )
    near, far = (
        rms_norm(torch.tensor([1.0, 3.0]), weight, 0.0),
        rms_norm(torch.tensor([11.0, 13.0]), weight, 0.0),
    )
    check.that(
        (near - far).abs().max() > 0.1,
        "[1, 3] and [11, 13] must not give the same result: RMSNorm does not subtract the mean",
    )
    check.close(
        rms_norm(torch.tensor([10.0, 70.0]), weight, 0.0),
        rms_norm(torch.tensor([1.0, 7.0]), weight, 0.0),
        "ten times the vector must give the same result: divide by the root of the mean square",
    )
    result = rms_norm(torch.tensor([1.0, 7.0]), weight, 0.0)
    check.that(
        not isinstance(result, Tensor) or abs(result[..., -1].max() - 7 / 4) > 1e-3,
        "square first, then take the mean: this is the square of the mean",
    )
    check.that(
        not isinstance(result, Tensor) or abs(result[..., -1].max() - 7 / 3) > 1e-3,
        "this divides by the standard deviation: RMSNorm subtracts no mean, not even in "
        "the denominator",
    )
    check.close(
        result, [0.2, 1.4], "the root is taken of the mean of the squares, not of their sum"
    )
    check.close(
        rms_norm(torch.tensor([1.0, 7.0]), weight, 11.0),
        [1 / 6, 7 / 6],
        "eps stands inside the root, added to the mean square",
    )
    check.close(
        rms_norm(torch.tensor([0.001, 0.007]), weight),
        [0.001 / 3.5e-5**0.5, 0.007 / 3.5e-5**0.5],
        "left out, eps is 1e-5: keep the default of the first line",
    )
    check.close(
        rms_norm(torch.tensor([1.0, 7.0]), torch.tensor([10.0, 100.0]), 0.0),
        [2.0, 140.0],
        "after the division comes times weight, entry by entry",
        atol=1e-3,
    )
    flat = torch.tensor([[5.0, 7.0], [9.0, 4.0]])[..., None].expand(2, 2, 4)
    check.close(
        rms_norm(flat, torch.ones(4), 1e-6),
        torch.ones(2, 2, 4),
        "each vector is normalised on its own: the mean runs over the last dimension only",
    )
    check.equal(
        list(rms_norm(torch.zeros(1, 1, 4), torch.ones(4)).shape),
        [1, 1, 4],
        "the result has the shape of x, also where a dimension is 1: drop no dimension",
    )
    g = torch.Generator().manual_seed(4)
    x, w = torch.randn(2, 3, 8, generator=g), torch.randn(8, generator=g)
    check.close(
        rms_norm(x, w, 1e-5),
        torch.nn.functional.rms_norm(x, (8,), w, 1e-5),
        "the result differs from torch's RMSNorm",
    )
    for dtype in (torch.float32, torch.bfloat16):
        check.that(
            rms_norm(x.to(dtype), w.to(dtype), 1e-5).dtype == dtype,
            "the result has the dtype of x: what you compute in another precision you turn back",
        )
    leaves = [x.clone().requires_grad_(), w.clone().requires_grad_()]
    follow_back(
        gradients("rms_norm", x, w, 1e-5),
        torch.nn.functional.rms_norm(leaves[0], (8,), leaves[1], 1e-5).pow(2).sum(),
        leaves,
        "part of the gradient does not get back through your norm, and section 4.6 needs it: "
        "compute with tensors, without item, tolist, detach or no_grad",
    )


def number(n: float) -> Tensor:
    """Return a matrix of one number."""
    return torch.full((1, 1), float(n))


def swiglu_by_torch(x: Tensor, w_gate: Tensor, w_up: Tensor, w_down: Tensor) -> Tensor:
    """Compute the same by torch's SiLU."""
    linear = torch.nn.functional.linear
    return linear(torch.nn.functional.silu(linear(x, w_gate)) * linear(x, w_up), w_down)


def check_swiglu(swiglu: Callable, gradients: Callable) -> None:
    """Check SiLU on the gate alone, a product neuron by neuron, and w_down back."""
    x = torch.ones(1)

    result = swiglu(x, number(0), number(5), number(1))
    check.that(result is not None, "swiglu gave back None: is there a return?")
    check.that(
        isinstance(result, Tensor), "return one tensor, like x: torch.stack makes one of a list"
    )
    check.that(
        not isinstance(result, Tensor) or abs(result.sum() - 5.0) > 1e-3,
        "gate and w_up x are multiplied, not added: a gate of 0 lets nothing through",
    )
    negative = swiglu(x, number(1), number(-1), number(1))
    check.that(
        not isinstance(negative, Tensor) or abs(negative.sum() + 0.1966) > 1e-3,
        "SiLU went on both: w_up x passes as it is, negative numbers too",
    )
    check.that(
        not isinstance(result, Tensor) or abs(result.sum() - 1.0) > 1e-3,
        "x itself is in the result: return only what the feed-forward adds to x",
    )
    check.close(
        result,
        [0.0],
        "a gate of 0 lets nothing through: SiLU(z) is z · sigmoid(z), and sigmoid alone "
        "would give 0.5",
    )
    check.close(
        swiglu(x, number(2), number(0), number(1)),
        [0.0],
        "the gate multiplies w_up x: where that is 0, so is the result",
    )
    check.close(
        swiglu(x, number(-100), number(1), number(1)),
        [0.0],
        "SiLU goes on the gate: a very negative w_gate x shuts it, whatever w_up x is",
    )
    check.close(
        swiglu(x, number(-100), number(-1), number(1)),
        [0.0],
        "SiLU goes on the gate alone, before it is multiplied by w_up x: the product of "
        "two negatives must not open it",
    )
    check.close(
        swiglu(x, number(1), number(-100), number(1)),
        [-73.11],
        "SiLU(1) is 0.7311 and times w_up x = -100 that is -73.11 (a GELU gate gives -84.1)",
        atol=0.01,
    )
    check.close(
        swiglu(x, number(1), number(-100), number(3)),
        [-219.32],
        "w_down comes last: 3 times -73.11",
        atol=0.01,
    )
    check.close(
        swiglu(x, number(100), number(2), number(1)),
        [200.0],
        "a gate of 100 lets 100 through, not NaN: torch.sigmoid is safe, exp(100) overflows",
        atol=1e-3,
    )
    x, all_ones, identity = torch.tensor([0.0, 100.0]), torch.ones(2, 2), torch.eye(2)
    swap = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    check.close(
        swiglu(x, swap, all_ones, identity),
        [1e4, 0.0],
        "weights are [out, in]: x @ w_gate.T",
        atol=1e-2,
    )
    check.close(
        swiglu(x, all_ones, swap, identity),
        [1e4, 0.0],
        "weights are [out, in]: x @ w_up.T",
        atol=1e-2,
    )
    check.close(
        swiglu(x, identity, all_ones, swap),
        [1e4, 0.0],
        "weights are [out, in]: hidden @ w_down.T",
        atol=1e-2,
    )
    g = torch.Generator().manual_seed(46)
    x = torch.randn(2, 5, 3, generator=g)
    weights = [torch.randn(s, generator=g) for s in ((7, 3), (7, 3), (3, 7))]
    check.close(
        swiglu(x, *weights),
        swiglu_by_torch(x, *weights),
        "the result differs from torch's SiLU-gated feed-forward",
        atol=1e-4,
    )
    leaves = [each.clone().requires_grad_() for each in (x, *weights)]
    follow_back(
        gradients("swiglu", x, *weights),
        swiglu_by_torch(*leaves).pow(2).sum(),
        leaves,
        "part of the gradient does not get back through your feed-forward, and section 4.6 needs "
        "it: no detach, no no_grad, no item, and nothing written over in place",
    )


def check_attribution(attribution: Callable, left_alone: Callable) -> None:
    """Check the terms of one logit, each with its own sign, over the norm of the whole sum."""
    writes = torch.tensor([[1.0, 0.0], [0.0, 7.0]])
    to, weight = torch.tensor([10.0, 1.0]), torch.ones(2)
    check.close(
        left_alone("attribution", 2 * writes, to.clone(), 2 * weight, 0.0),
        2 * writes,
        "the caller's writes have changed: work on new tensors",
    )
    result = attribution(writes, to, weight, 0.0)
    check.that(result is not None, "attribution gave back None: is there a return?")
    check.that(isinstance(result, Tensor), "return the terms as one tensor of shape [n]")

    def gives(want: list[float]) -> bool:
        return tuple(result.shape) == (2,) and torch.allclose(
            result.float(), torch.tensor(want), atol=1e-3
        )

    check.that(
        tuple(result.shape) != (),
        "that is the whole logit: give one term for each write, without adding them up",
    )
    check.that(not gives([2.0, 3.4]), "these are running sums: give each write's own term")
    check.that(
        not gives([10 * 2**0.5, 3.4]) and not gives([10 * 2**0.5, 3.4 - 10 * 2**0.5]),
        "these are running sums, each normalised by itself, as the logit lens "
        "does: divide every write by the same number, the root mean square of the whole "
        "sum",
    )
    check.that(
        not gives([10.0, 7.0]),
        "nothing was divided: the final norm divides by the root mean square of the sum",
    )
    check.that(
        not gives([10 * 2**0.5, 2**0.5]),
        "each write was normalised by itself: the model divides once, by the root mean "
        "square of the sum of all writes",
    )
    check.that(
        not gives([10 / 50**0.5, 7 / 50**0.5]),
        "divide by the root of the mean square of the sum, not by its length",
    )
    check.that(
        not gives([1.7, 1.7]) and not gives([3.4 / 8, 3.4 * 7 / 8]),
        "the logit was shared out, evenly or by the length of the writes: such parts add "
        "up whatever the writes do. A term is the write's own product with the direction",
    )
    check.that(
        not gives([3.4 - 2**0.5, 3.4 - 10 * 2**0.5]),
        "this is what the logit loses without the write, normalised again: these losses do "
        "not add up. Keep the divisor of the whole sum",
    )
    check.that(
        not gives([2 - 3.4 / 50, 1.4 - 3.4 * 49 / 50]),
        "this is gradient times write: its terms add up to 0, as a longer stream has the "
        "same norm. Keep the divisor as it is",
    )
    check.close(
        result,
        [2.0, 1.4],
        "the example by hand: the sum [1, 7] has the root mean square 5, so the terms are "
        "10 · 1 / 5 and 1 · 7 / 5",
    )
    check.that(
        list(attribution(writes, torch.tensor([5.0, 5.0]), weight, 0.0)) != list(result),
        "the direction has changed, and the terms are still those of the example: compute "
        "them from what is given",
    )
    check.close(
        attribution(writes, torch.tensor([-10.0, 1.0]), weight, 0.0),
        [-2.0, 1.4],
        "a write may lower the logit: with direction [-10, 1] the first term is -2; each "
        "keeps its own sign and size, no share of the logit",
    )
    check.close(
        attribution(writes, to, torch.tensor([3.0, 10.0]), 0.0),
        [6.0, 14.0],
        "the norm's weight multiplies each entry before the dot product",
        atol=1e-4,
    )
    check.close(
        attribution(writes, to, weight, 11.0),
        [10 / 6, 7 / 6],
        "eps is added to the mean square, inside the root",
    )
    check.close(
        attribution(writes / 1000, to, weight),
        [0.01 / 3.5e-5**0.5, 0.007 / 3.5e-5**0.5],
        "left out, eps is 1e-5: keep the default of the first line",
    )
    g = torch.Generator().manual_seed(48)
    writes = torch.randn(9, 16, generator=g)
    to, w = torch.randn(16, generator=g), torch.randn(16, generator=g)
    check.close(
        attribution(writes, to, w).sum(),
        torch.nn.functional.rms_norm(writes.sum(0), (16,), w, 1e-5) @ to,
        "the terms must add up to the logit, rms_norm(sum of the writes) · direction",
        atol=1e-4,
    )


def run_on(x: Tensor, moves: Sequence[Tensor]) -> Tensor:
    """Return x [seq, d_model] after these layers: each adds relu(move @ x), which is not linear."""
    for move in moves:
        x = x + (move @ x).clamp(min=0)
    return x


def patched(clean: Tensor, corrupt: Tensor, p: int, mistake: str = "") -> Tensor:
    """Return the corrupted state with the clean vector at p; `mistake` plants one."""
    x, new = corrupt.clone(), clean
    if mistake == "reverse":
        x, new = clean.clone(), corrupt
    if mistake == "bare":
        x, new = 0 * x, clean - corrupt
    place = {"all": slice(None), "keep": slice(p + 1)}.get(mistake, p)
    x[place] = x[place] + new[place] if mistake == "add" else new[place]
    return x


def runs_to_patch(
    seq: int, d: int, n_layer: int, generator: torch.Generator
) -> tuple[tuple[Tensor, Tensor, list[Tensor], Tensor], dict[str, Tensor]]:
    """Make random streams, layers and readout, as patch_map_of_matrices takes them; what recovered
    should be, entry by entry, and what it would be with a mistake."""
    clean, corrupt = (torch.randn(seq, d, generator=generator) for _ in range(2))
    moves = [torch.randn(seq, seq, generator=generator).tril() / seq for _ in range(n_layer)]
    readout = torch.randn(d, generator=generator)
    high, low = ((run_on(x, moves)[-1] @ readout).item() for x in (clean, corrupt))
    maps = {}
    for mistake in ("", "score", "gap", "over", "reverse", "all", "keep", "add", "bare"):
        rows = []
        for i in range(n_layer + 1):
            good, bad = (run_on(x, moves[:i]) for x in (clean, corrupt))
            row = []
            for p in range(seq):
                x = run_on(patched(good, bad, p, mistake), moves[i:])
                score = (x[-1] @ readout).item()
                gap = score if mistake == "bare" else score - low
                by = {"score": score, "gap": gap, "over": score / high}
                row.append(by.get(mistake, gap / (high - low)))
            rows.append(row)
        maps[mistake or "right"] = torch.tensor(rows)
    maps["clamped"], maps["unsigned"] = maps["right"].clamp(0, 1), maps["right"].abs()
    maps["turned"] = 1 - maps["reverse"]
    maps["step"] = maps["keep"].diff(dim=1, prepend=torch.zeros(n_layer + 1, 1))
    return (clean, corrupt, moves, readout), maps


def check_patch_map(patch_map_of_matrices: Callable) -> None:
    """Check the map by hand, then that of layers that are not linear: a short cut gives another."""
    move = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    hand = (torch.tensor([[3.0], [0.0]]), torch.tensor([[1.0], [0.0]]), [move], torch.tensor([2.0]))
    result = patch_map_of_matrices(*hand)
    check.that(result is not None, "patch_map gave back None: is there a return?")
    check.that(
        isinstance(result, Tensor),
        "return one tensor [n_states, seq]: torch.stack makes one of a list",
    )
    g = torch.Generator().manual_seed(45)

    sample, maps = runs_to_patch(4, 3, 2, g)
    result = patch_map_of_matrices(*sample)

    def gives(mistake: str) -> bool:
        want = maps[mistake]
        return result.shape == want.shape and torch.allclose(result.float(), want, atol=1e-3)

    check.that(
        tuple(result.shape) != (4, 3),
        "states and positions are the wrong way round: the result is [n_states, seq]",
    )
    check.equal(
        tuple(result.shape),
        (3, 4),
        "one number for each state and position, [n_states, seq], nothing averaged",
    )
    check.that(
        not gives("score") and not gives("gap"),
        "these are scores: the share that comes back is (score − corrupted) / (clean − corrupted)",
    )
    check.that(
        not gives("over"),
        "the corrupted run must be at 0: subtract its score above and below the line",
    )
    check.that(
        not gives("reverse"),
        "this patches corrupted vectors into the clean run: it asks what breaks the "
        "answer, not what brings it back",
    )
    check.that(
        not gives("all"),
        "every run was clean at all positions, and a map of ones says nothing of the "
        "model: start from the corrupted state and replace one vector",
    )
    check.that(
        not gives("keep"),
        "the patches of earlier positions are still in place: start each from a fresh copy",
    )
    check.that(not gives("add"), "the clean vector was added to the corrupted one: it replaces it")
    check.that(
        not gives("bare"),
        "nothing was patched: the difference of the two runs went through the layers "
        "alone. These layers are not linear: put the clean vector into the corrupted run",
    )
    check.that(
        not gives("turned"),
        "this is 1 less what a corrupted vector breaks in the clean run. What breaks an "
        "answer is not what brings it back: patch the corrupted run",
    )
    check.that(
        not gives("step"),
        "each place got what it adds to the patches before it: start from a fresh copy",
    )
    check.that(
        not gives("clamped") and not gives("unsigned"),
        "recovered may be below 0 or above 1: cut nothing off, and keep the sign",
    )
    off = (result - maps["right"]).abs() > 1e-3
    check.that(
        bool(off[-1].any()) or not off.any(),
        "right after the last layer, wrong before it: the layers are not linear, so a slope or "
        "a distance is no patch. Run rest(i, …) on the patched state",
    )
    check.close(
        patch_map_of_matrices(*hand),
        torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
        "the example by hand: before the layer token 0 carries the answer, after it token 1",
    )
    check.close(
        patch_map_of_matrices(hand[1], hand[0], *hand[2:]),
        torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
        "the clean run is at 1, also where its score is the lower one: divide by clean − "
        "corrupted with its sign",
    )
    check.close(
        result,
        maps["right"],
        "recovered must be (score − corrupted) / (clean − corrupted), with one vector of "
        "one state replaced and the layers after that state run on",
        atol=1e-3,
    )
    check.close(
        result[-1],
        [0.0, 0.0, 0.0, 1.0],
        "after the last layer only the last token is read: 1 there, 0 elsewhere",
        atol=1e-4,
    )


def check_corrupted_run(
    corrupted_run: Callable, words: list[str], other_words: list[str], at: int
) -> None:
    """Check its form, that each control can come out otherwise, and that none is missing."""
    result = corrupted_run(list(words), list(other_words), at)
    check.that(result is not None, "corrupted_run gave back None: is there a return?")
    check.that(
        isinstance(result, (list, tuple))
        and all(isinstance(prompt, (list, tuple)) for prompt in result),
        "return a list of prompts, each a list of words, also where there is only one",
    )
    check.that(
        all(len(prompt) == len(words) for prompt in result),
        f"each prompt has {len(words)} words, as many as the clean one: a patch needs the same "
        "places in both runs",
    )
    places = []
    for prompt in result:
        changed = [p for p in range(len(words)) if prompt[p] != words[p]]
        check.that(
            bool(changed),
            "one prompt is the clean run again. A patch copies each vector onto itself: such a "
            "control cannot fail",
        )
        check.that(
            all(prompt[p] == other_words[p] for p in changed),
            "a replaced word must be that of `others` in the same place",
        )
        check.that(
            changed[0] <= at,
            f"a control that cannot fail: up to place {at} both runs are the same, and a "
            "token sees nothing behind it. The patch copies a vector onto itself",
        )
        check.equal(
            len(changed),
            1,
            "change one word only: with more you cannot say which one the patch brings back",
        )
        places += changed
    check.that(len(set(places)) == len(places), "one prompt is there twice")
    possible = [p for p in range(at + 1) if words[p] != other_words[p]]
    missing = [p for p in possible if p not in places]
    check.that(
        not missing,
        f"a prompt is missing: what the token at place {at} makes of its text may also change "
        f"with the word at place {missing[0] if missing else 0}",
    )


def random_model(
    n_layer: int, d: int, d_mlp: int, vocab: int, seed: int
) -> tuple[Tensor, list[tuple], Tensor, list[Tensor]]:
    """Make random weights -> table, layers, final_norm, matrices."""
    g = torch.Generator().manual_seed(seed)

    def sample(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=g)

    layers = [
        (sample(d), sample(d), sample(d_mlp, d), sample(d_mlp, d), sample(d, d_mlp) / d_mlp)
        for _ in range(n_layer)
    ]
    matrices = [sample(d, d) / d**0.5 for _ in range(n_layer)]
    return sample(vocab, d), layers, sample(d), matrices


def logits_by_torch(
    ids: Tensor,
    table: Tensor,
    layers: Sequence[tuple],
    final_norm: Tensor,
    matrices: Sequence[Tensor],
    eps: float,
    mistake: str = "",
) -> Tensor:
    """Compute forward_with_matrices by torch alone; `mistake` plants one."""
    f = torch.nn.functional
    d = (table.shape[1],)
    x = table[ids]
    for (n1, n2, gate, up, down), m in zip(layers, matrices):
        if mistake == "norms swapped":
            n1, n2 = n2, n1
        h = x if mistake == "no norm_1" else f.rms_norm(x, d, n1, eps)
        old, x = x, x + f.linear(h, m)
        if mistake == "gate and up":
            gate, up = up, gate
        if mistake == "parallel":
            h = f.rms_norm(old, d, n2, eps)
        else:
            h = f.rms_norm(x, d, n1 if mistake == "norm_1 twice" else n2, eps)
        x = x + swiglu_by_torch(h, gate, up, down)
    if mistake != "no final norm":
        x = f.rms_norm(x, d, final_norm, eps)
    return f.linear(x, table)


@contextmanager
def parts_first(**checks: Callable) -> Iterator[None]:
    """Blame the learner's own part, where the block fails and one of the `checks`, {name of a
    function: its check}, fails too: the model is put together from these."""
    try:
        yield
    except check.Mistake:
        for name, check_part in checks.items():
            try:
                check_part()
            except check.Mistake as mistake:
                raise check.Mistake(
                    f"first your {name}, which forward is built of: {mistake.claim}", mistake.detail
                ) from None
        raise


def check_forward(forward_with_matrices: Callable, gradients: Callable) -> None:
    """Check head and table without layers, then three layers, their order, their numbers, eps."""
    hand = torch.tensor([[1.0, 7.0], [5.0, 5.0]])
    result, calls = forward_with_matrices(torch.tensor([[0]]), hand, [], torch.ones(2), [], 0.0)
    check.that(
        result is not None, "forward gave back None: is there a return, and outside the loop?"
    )
    check.that(
        not isinstance(result, Tensor)
        or tuple(result.shape) != (1, 1, 2)
        or abs(result[0, 0, 0] - 50.0) > 1e-3,
        "no final norm after the last layer: it stands once, behind the loop (the model "
        "here has no layers)",
    )
    check.that(
        not isinstance(result, Tensor)
        or not torch.allclose(result.float().flatten(), torch.tensor([0.2, 1.4]), atol=1e-4),
        "these are the final vectors: the head is missing, the table read backwards",
    )
    check.close(
        result,
        torch.tensor([[[10.0, 8.0]]]),
        "the example by hand: no layers, so [1, 7] goes through the final norm, and its "
        "dot products with the two rows are 10 and 8",
    )
    parts = random_model(3, 8, 12, 11, 490)
    ids = torch.tensor([[1, 4, 2, 4], [0, 10, 3, 3]])
    result, calls = forward_with_matrices(ids, *parts, 1e-5)
    check.equal(
        tuple(result.shape) if isinstance(result, Tensor) else (),
        (2, 4, 11),
        "2 texts of 4 tokens over a vocabulary of 11 give logits [2, 4, 11]",
    )
    check.equal(
        calls,
        [0, 1, 2],
        "attend(i, x) is called once in each layer, with that layer's number, in order",
    )

    def gives(mistake: str) -> bool:
        want = logits_by_torch(ids, *parts, 1e-5, mistake)
        return torch.allclose(result.float(), want, atol=1e-3)

    check.that(not gives("no norm_1"), "attention must read norm_1 of the stream")
    check.that(
        not gives("parallel"),
        "the feed-forward must read the stream after attention has written to it",
    )
    check.that(
        not gives("norm_1 twice"),
        "norm_1 stands before both sublayers: the feed-forward has a norm of its own, norm_2",
    )
    check.that(
        not gives("norms swapped") and not gives("gate and up"),
        "the five tensors of a layer are in another order: norm_1, norm_2, w_gate, w_up, w_down",
    )
    check.that(
        not gives("no final norm"),
        "there is no final norm: after the last layer the stream goes through one more",
    )
    check.close(
        result,
        logits_by_torch(ids, *parts, 1e-5),
        "the logits differ from torch's: look up, 3 blocks with their own weights, final "
        "norm, table",
        atol=1e-3,
    )
    other_ids = torch.tensor([[5, 5, 9, 0], [7, 2, 1, 6]])
    check.close(
        forward_with_matrices(other_ids, *parts, 1e-5)[0],
        logits_by_torch(other_ids, *parts, 1e-5),
        "other ids of the same shape have other logits: keep nothing between calls",
        atol=1e-3,
    )
    check.close(
        forward_with_matrices(ids, *parts, 0.5)[0],
        logits_by_torch(ids, *parts, 0.5),
        "eps is not passed on to all three norms",
        atol=1e-3,
    )
    check.close(
        forward_with_matrices(ids, *parts)[0],
        logits_by_torch(ids, *parts, 1e-5),
        "left out, eps is 1e-5: keep the default of the first line",
        atol=1e-3,
    )
    check.close(
        forward_with_matrices(torch.tensor([[0]]), hand / 1000, [], torch.ones(2), [])[0],
        torch.tensor([[[5e-5, 4e-5]]]) / 3.5e-5**0.5,
        "left out, eps is 1e-5: keep the default of the first line",
    )
    check_gradients_of_forward(gradients)


def check_gradients_of_forward(gradients: Callable) -> None:
    """Check that every weight of the model gets its gradient, the table from both its ends."""
    ids, parts = torch.tensor([[1, 4, 2, 0]]), random_model(2, 6, 7, 5, 491)
    table, layers, final_norm, matrices = parts
    x, (_, norm, *feed_forward) = table[None, :3], layers[0]
    if not (gradients("rms_norm", x, norm) and gradients("swiglu", x, *feed_forward)):
        return  # their own checks say so; and no gradient goes through the course's, where lent
    leaves = [table.clone(), *(w.clone() for layer in layers for w in layer), final_norm.clone()]
    leaves += [m.clone() for m in matrices]
    for leaf in leaves:
        leaf.requires_grad_()
    inner = [tuple(leaves[1 + 5 * i : 6 + 5 * i]) for i in range(2)]
    logits = logits_by_torch(ids, leaves[0], inner, leaves[11], leaves[12:], 1e-5)
    follow_back(
        gradients("forward_with_matrices", ids, *parts, 1e-5),
        logits.pow(2).sum(),
        leaves,
        "the logits are right, but not every weight gets its gradient, and section 4.6 trains "
        "your model: no detach, no no_grad, no item, and no += on the stream",
    )


def check_layer_norm(layer_norm: Callable, left_alone: Callable) -> None:
    """Check each vector less its own mean, over its own deviation, times weight plus bias."""
    weight, zeros = torch.ones(4), torch.zeros(4)
    x = torch.tensor([1.0, 2.0, 3.0, 6.0])
    result = layer_norm(torch.full((4,), 5.0), weight, zeros, 1e-5)
    check.that(result is not None, "layer_norm gave back None: is there a return?")
    check.that(
        isinstance(result, Tensor), "return one tensor, like x: torch.stack makes one of a list"
    )
    check.that(
        not result.isnan().any(),
        "[5, 5, 5, 5] gave NaN, 0 / 0: eps must be added to the variance, inside the root",
    )
    check.close(result, zeros, "[5, 5, 5, 5] must become zeros: subtract the mean first")
    check.close(
        left_alone("layer_norm", torch.tensor([[1.0, 3.0]]), torch.ones(2), torch.zeros(2)),
        torch.tensor([[1.0, 3.0]]),
        "the caller's x has changed: it is the residual stream, so work on new tensors",
    )
    flat = torch.tensor([[5.0, 7.0], [9.0, 4.0]])[..., None].expand(2, 2, 4)
    check.close(
        layer_norm(flat, weight, zeros, 1e-5),
        torch.zeros(2, 2, 4),
        "each vector is normalised on its own: mean and variance run over the last dimension only",
    )
    check.equal(
        list(layer_norm(torch.zeros(1, 1, 4), weight, zeros).shape),
        [1, 1, 4],
        "the result has the shape of x, also where a dimension is 1: drop no dimension",
    )
    check.close(
        layer_norm(10 * x, weight, zeros, 0.0),
        layer_norm(x, weight, zeros, 0.0),
        "ten times the vector must give the same result: divide by the root of the "
        "variance, not by the variance",
    )
    result = layer_norm(torch.tensor([1.0, 3.0]), torch.ones(2), torch.zeros(2), 0.0)
    check.that(
        not isinstance(result, Tensor) or abs(result[..., -1].max() - 5**-0.5) > 1e-3,
        "the variance is the mean of the squared distances from the mean, not of the squares of x",
    )
    check.close(
        result,
        [-1.0, 1.0],
        "the variance is the mean of the squares: divide their sum by d_model, not by d_model - 1",
    )
    check.close(
        layer_norm(torch.tensor([1.0, 3.0]), torch.ones(2), torch.zeros(2), 3.0),
        [-0.5, 0.5],
        "eps stands inside the root, added to the variance",
    )
    check.close(
        layer_norm(torch.tensor([0.001, 0.003]), torch.ones(2), torch.zeros(2)),
        [-0.001 / 1.1e-5**0.5, 0.001 / 1.1e-5**0.5],
        "left out, eps is 1e-5: keep the default of the first line",
    )
    check.close(
        layer_norm(
            torch.tensor([1.0, 3.0]), torch.tensor([2.0, 10.0]), torch.tensor([100.0, 1000.0]), 0.0
        ),
        [98.0, 1010.0],
        "after the division comes times weight, then plus bias, entry by entry",
        atol=1e-3,
    )
    check.close(
        layer_norm(torch.tensor([10001.0, 10003.0]), torch.ones(2), torch.zeros(2), 0.0),
        [-1.0, 1.0],
        "large entries drown their variance in rounding: subtract the mean before you "
        "square, not the square of the mean afterwards",
    )
    g = torch.Generator().manual_seed(4)
    x, w, b = (
        torch.randn(2, 3, 8, generator=g),
        torch.randn(8, generator=g),
        torch.randn(8, generator=g),
    )
    check.close(
        layer_norm(x, w, b, 1e-5),
        torch.nn.functional.layer_norm(x, (8,), w, b, 1e-5),
        "the result differs from torch's LayerNorm",
    )


def bent(mlp: Callable, *values: float) -> Tensor:
    """Return what mlp makes of single numbers: all weights are 1, no biases."""
    n = len(values)
    zero = torch.zeros(n)
    return mlp(torch.tensor(values), torch.eye(n), zero, torch.eye(n), zero)


def mlp_by_torch(x: Tensor, w_in: Tensor, b_in: Tensor, w_out: Tensor, b_out: Tensor) -> Tensor:
    """Compute the same by torch's GELU."""
    hidden = torch.nn.functional.gelu(torch.nn.functional.linear(x, w_in, b_in), approximate="tanh")
    return torch.nn.functional.linear(hidden, w_out, b_out)


def check_mlp(mlp: Callable) -> None:
    """Check up, GELU in its tanh form, down, with both biases."""
    zero, no_bias, identity = torch.zeros(2, 2), torch.zeros(2), torch.eye(2)

    result = mlp(torch.tensor([3.0, 4.0]), zero, no_bias, zero, torch.tensor([-1.0, 2.0]))
    check.that(result is not None, "mlp gave back None: is there a return?")
    check.that(
        isinstance(result, Tensor), "return one tensor, like x: torch.stack makes one of a list"
    )
    check.close(
        result,
        [-1.0, 2.0],
        "after w_out only b_out is added, with no activation: zero weights give b_out itself",
    )
    check.equal(
        list(mlp(torch.zeros(1, 1, 2), zero, no_bias, zero, no_bias).shape),
        [1, 1, 2],
        "the result has the shape of x, also where a dimension is 1: drop no dimension",
    )
    check.close(
        bent(mlp, 10.0, -10.0),
        [10.0, 0.0],
        "between the two linear maps stands GELU, half of z times (1 + tanh …): 10 stays "
        "10 and -10 becomes 0",
        atol=1e-3,
    )
    check.close(
        bent(mlp, 20.0, -20.0),
        [20.0, 0.0],
        "large numbers must not become NaN, and 20 must stay 20: torch.tanh does not "
        "overflow, exp does; clip nothing",
        atol=1e-3,
    )
    x = torch.tensor([5.0, 10.0])
    swap = torch.tensor([[0.0, 1.0], [0.0, 0.0]])
    check.close(
        mlp(x, swap, no_bias, identity, no_bias),
        [10.0, 0.0],
        "weights are [out, in]: row i of w_in makes neuron i, so x @ w_in.T",
        atol=1e-3,
    )
    check.close(
        mlp(x, identity, no_bias, swap, no_bias),
        [10.0, 0.0],
        "weights are [out, in]: row i of w_out makes output i, so neurons @ w_out.T",
        atol=1e-3,
    )
    result = bent(mlp, -1.0)
    check.that(
        not isinstance(result, Tensor) or abs(result.sum() - 0.0) > 1e-3,
        "the activation is ReLU, which gives 0 for -1: GELU bends smoothly and gives -0.159",
    )
    check.that(
        not isinstance(result, Tensor) or abs(result.sum() + 0.2689) > 1e-3,
        "the activation is SiLU, which gives -0.269 for -1: GELU gives -0.159",
    )
    check.close(
        mlp(torch.zeros(2), identity, torch.tensor([10.0, -10.0]), identity, no_bias),
        [10.0, 0.0],
        "b_in is added before GELU",
        atol=1e-3,
    )
    z = torch.tensor([-2.5, -2.0, 2.0, 2.5])
    result = mlp(z, torch.eye(4), torch.zeros(4), torch.eye(4), torch.zeros(4))
    exact = torch.nn.functional.gelu(z)
    check.that(
        not (
            isinstance(result, Tensor)
            and result.shape == exact.shape
            and torch.allclose(result.float(), exact, atol=2e-5)
        ),
        "close, but GPT-2's weights were trained with the tanh form, not with the exact erf",
    )
    check.close(
        result,
        torch.nn.functional.gelu(z, approximate="tanh"),
        "inside tanh stands √(2/π) times (z + 0.044715 z³): check the root, the constant "
        "and the cube",
        atol=1e-5,
    )
    g = torch.Generator().manual_seed(45)
    weights = [torch.randn(s, generator=g) for s in ((12, 3), (12,), (3, 12), (3,))]
    x = torch.randn(2, 5, 3, generator=g)
    check.close(
        mlp(x, *weights),
        mlp_by_torch(x, *weights),
        "the result differs from torch's linear, GELU, linear",
        atol=1e-4,
    )


def check_neuron_writes(neuron_writes: Callable) -> None:
    """Check one row for each neuron: its own number times its column of w_down."""
    unit = torch.ones(1)
    weights = [
        torch.tensor([[1.0], [100.0]]),
        torch.tensor([[-100.0], [2.0]]),
        torch.tensor([[3.0, 5.0]]),
    ]
    result = neuron_writes(unit, *weights)
    check.that(result is not None, "neuron_writes gave back None: is there a return?")
    check.that(
        isinstance(result, Tensor), "return the neurons' writes as one tensor [..., d_mlp, d_model]"
    )

    def gives(*values: float) -> bool:
        want = torch.tensor(values)[:, None]
        return result.shape == want.shape and torch.allclose(result.float(), want, atol=0.05)

    check.that(
        tuple(result.shape) != (1,),
        "that is the sum, swiglu itself: keep the neurons apart, one row each",
    )
    check.that(
        tuple(result.shape) != (2,),
        "these are the neurons' numbers: multiply each by its column of w_down",
    )
    check.that(
        tuple(result.shape) != (1, 2),
        "neurons and d_model are the wrong way round: row n is what neuron n writes",
    )
    check.that(not gives(-300.0, 1000.0), "the gate must go through SiLU")
    check.that(
        not gives(3 * 0.7310586, 500.0), "the gate alone is not the neuron: it multiplies w_up x"
    )
    check.that(
        not gives(390.3412, 390.3412) and not gives(0.0, 780.6824),
        "the sum was shared out, evenly or to one neuron: such rows add up whatever the "
        "neurons do. Row n is neuron n's own number times its column",
    )
    check.that(
        not gives(-300.0, 10.0),
        "the gate was left out: a neuron's number is SiLU(w_gate x) times w_up x",
    )
    check.that(
        not gives(3.0, 5.0),
        "these are the columns of w_down alone: each is multiplied by its neuron's number",
    )
    check.close(
        result,
        torch.tensor([[-219.3176], [1000.0]]),
        "the example by hand: neuron 0 is at -73.11 and writes 3 times that, neuron 1 is "
        "at 200 and writes 5 times that",
        atol=0.01,
    )
    x = torch.tensor([1.0, 0.0])
    weights = [torch.full((2, 2), 100.0), torch.eye(2), torch.tensor([[1.0, 2.0], [3.0, 4.0]])]
    result = neuron_writes(x, *weights)
    check.that(
        tuple(result.shape) != (2, 1),
        "other weights, and the writes of the example: compute them from what is given",
    )
    check.close(
        result,
        torch.tensor([[100.0, 300.0], [0.0, 0.0]]),
        "neuron 0 writes along column 0 of w_down, [1, 3], not along its row",
        atol=0.01,
    )
    g = torch.Generator().manual_seed(47)
    x = torch.randn(2, 5, 3, generator=g)
    weights = [torch.randn(s, generator=g) for s in ((7, 3), (7, 3), (3, 7))]
    result = neuron_writes(x, *weights)
    check.equal(
        tuple(result.shape), (2, 5, 7, 3), "a batch of tokens gives [batch, seq, d_mlp, d_model]"
    )
    check.close(
        result.sum(dim=-2),
        swiglu_by_torch(x, *weights),
        "the sum over neurons must be what swiglu writes",
        atol=1e-4,
    )


def check_count_parameters(count_parameters: Callable) -> None:
    """Check what one more of everything costs, and two models whose number is known."""
    small = dict(
        vocab_size=10, context=8, n_layer=1, d_model=4, d_mlp=5, n_head=2, n_kv_head=1, head_dim=3
    )

    def extra(family: str, **change: int) -> int:
        """Count how many parameters more the small model has with this change."""
        return count_parameters(family, **{**small, **change}) - count_parameters(family, **small)

    check.that(
        count_parameters("llama", **small) is not None,
        "count_parameters gave back None: is there a return?",
    )
    check.that(
        not isinstance(count_parameters("llama", **small), float),
        "the number of parameters is a whole number, not a float",
    )
    for family in ("gpt2", "llama"):
        check.equal(
            extra(family, vocab_size=11),
            4,
            f"{family}: one more token costs one row of d_model = 4: a tied head is not "
            "counted again",
        )
        check.equal(
            extra(family, tied=False),
            40,
            f"{family}: an untied head is one more table of vocab_size · d_model",
        )
    check.equal(
        extra("gpt2", context=9), 4, "gpt2: one more position costs one row of its position table"
    )
    check.equal(extra("llama", context=9), 0, "llama: RoPE has no table, so context costs nothing")
    check.equal(
        extra("gpt2", d_mlp=6),
        9,
        "gpt2: one more hidden column costs a row of w_in, a number of b_in and a column of w_out",
    )
    check.equal(
        extra("llama", d_mlp=6),
        12,
        "llama: SwiGLU has three matrices, so one more hidden column costs 3 · d_model",
    )
    check.equal(
        extra("llama", n_kv_head=2),
        24,
        "llama: k and v have n_kv_head heads: one more costs 2 · head_dim rows of d_model",
    )
    check.equal(
        extra("llama", n_head=3),
        24,
        "llama: q and o have n_head heads of head_dim columns: one more costs 2 · head_dim "
        "· d_model",
    )
    check.equal(
        extra("gpt2", n_head=3, n_kv_head=2),
        57,
        "gpt2: one more head adds 4 · head_dim · d_model weights and 3 · head_dim biases",
    )
    check.equal(
        count_parameters("llama", **{**small, "n_layer": 0}),
        44,
        "llama without layers: the table of 40 and the final norm's 4",
    )
    check.equal(
        count_parameters("gpt2", **{**small, "n_layer": 0}),
        80,
        "gpt2 without layers: tables of 40 and 32, and the final norm's weight and bias",
    )
    check.equal(
        extra("llama", n_layer=2),
        140,
        "llama: a layer is 72 in attention, 60 in SwiGLU and 2 norms of 4",
    )
    check.equal(
        extra("gpt2", n_layer=2),
        153,
        "gpt2: a layer is 72 + 16 in attention, 40 + 9 in the mlp and 2 norms of 8",
    )
    _check_known_models(count_parameters)


def _check_known_models(count_parameters: Callable) -> None:
    """Check two models whose number of parameters is known."""
    gpt2 = dict(
        vocab_size=50257,
        context=1024,
        n_layer=12,
        d_model=768,
        d_mlp=3072,
        n_head=12,
        n_kv_head=12,
        head_dim=64,
    )
    smollm2 = dict(
        vocab_size=49152,
        context=8192,
        n_layer=30,
        d_model=576,
        d_mlp=1536,
        n_head=9,
        n_kv_head=3,
        head_dim=64,
    )
    check.equal(
        count_parameters("gpt2", **gpt2),
        124_439_808,
        "GPT-2 small is known to have 124,439,808 parameters",
    )
    check.equal(
        count_parameters("llama", **smollm2),
        134_515_008,
        "SmolLM2-135M is known to have 134,515,008 parameters",
    )


def made_loss(
    n_layer: int, shapes: Sequence[tuple[int, ...]], generator: torch.Generator
) -> tuple[Matrices, Matrices, Matrices]:
    """Make random matrices and pulls, and the true gradients of gradient_lengths_of_made_loss."""
    layers, pulls = (
        [[torch.randn(s, generator=generator) for s in shapes] for _ in range(n_layer)]
        for _ in range(2)
    )
    total = sum(w.sum() for layer in layers for w in layer) / 10
    gradients = [[w + pull + total for w, pull in zip(*many)] for many in zip(layers, pulls)]
    return layers, pulls, gradients


def lengths(matrices: Matrices, measure: Callable = Tensor.norm) -> Tensor:
    """Return the length of each matrix, or another `measure` of it: [n_layer, n_matrices]."""
    return torch.stack([torch.stack([measure(m) for m in layer]) for layer in matrices])


def check_gradient_lengths(gradient_lengths_of_made_loss: Callable) -> None:
    """Check the root of the sum of squares, for each matrix, where all matrices are as given."""
    pulls = [[torch.tensor([[3.0, 4.0]]), torch.tensor([[4.0]])]]
    result = gradient_lengths_of_made_loss([[torch.tensor([[3.0, 4.0]]), torch.ones(1, 1)]], pulls)
    check.that(result is not None, "gradient_lengths gave back None: is there a return?")
    check.that(
        isinstance(result, Tensor),
        "return one tensor [n_layer, n_matrices]: torch.stack makes one of a list of numbers",
    )
    g = torch.Generator().manual_seed(46)

    layers, pulls, true = made_loss(3, ((4, 2), (2, 5)), g)
    result = gradient_lengths_of_made_loss(layers, pulls)

    def gives(measure: Callable) -> bool:
        want = lengths(true, measure)
        return result.shape == want.shape and torch.allclose(result.float(), want, atol=1e-3)

    check.that(
        tuple(result.shape) != (2, 3),
        "layers and matrices are the wrong way round: the result is [n_layer, n_matrices]",
    )
    check.equal(
        tuple(result.shape),
        (3, 2),
        "one number for each matrix of each layer, [n_layer, n_matrices]: 3 layers of 2 here",
    )
    check.that(
        not gives(lambda g: g.abs().mean()) and not gives(lambda g: g.pow(2).mean().sqrt()),
        "this is a mean over the entries: a gradient's length is the root of the sum of "
        "its squares",
    )
    check.that(
        not gives(lambda g: g.pow(2).sum()), "the root is missing: this is the squared length"
    )
    check.that(
        not gives(lambda g: g.sum().abs()), "entries of both signs cancel: square, add, root"
    )
    check.that(not gives(lambda g: g.abs().sum()), "this is the sum of sizes: square, add, root")
    check.that(not gives(lambda g: g.abs().max()), "this is the largest entry: square, add, root")
    check.that(
        not gives(lambda g: 2 * g.norm()),
        "twice the length: gradients of two calls were added up; a call starts without any",
    )
    true_lengths = lengths(layers)
    check.that(
        not torch.allclose(result.float(), true_lengths, atol=1e-3),
        "these are the lengths of the matrices themselves, not of their gradients",
    )
    want = lengths(true)
    check.that(
        not torch.allclose(result.float(), want / true_lengths, atol=1e-3),
        "these are divided by the lengths of the matrices: give those of the gradients",
    )
    pairs = [list(zip(*many)) for many in zip(layers, pulls)]
    apart = [[(w + pull + w.sum() / 10).norm() for w, pull in many] for many in pairs]
    check.that(
        not torch.allclose(result.float(), torch.tensor(apart), atol=1e-3),
        "the other matrices were 0 while one was measured, which is another model: take "
        "all gradients where the matrices are",
    )
    along = [[(g * w).sum().abs() / w.norm() for g, w in zip(*m)] for m in zip(true, layers)]
    check.that(
        not torch.allclose(result.float(), torch.tensor(along), atol=1e-3),
        "this is the slope in one direction, that of the matrix: a gradient's length "
        "counts all entries",
    )
    check.that(
        not torch.allclose(result[0], result[1], atol=1e-3),
        "one layer stands for all: each has gradients of its own",
    )
    check.close(
        result, want, "entry [i, j] is the length of the gradient of matrix j of layer i", atol=1e-3
    )
