"""Try the cases of notebook 5's checks: a mistake that learners make, and the message that names
it."""

import math
from collections.abc import Callable, Sequence
from contextlib import suppress

import torch
from torch import Tensor

from exercises import check


def _answer(call: Callable, message: str) -> object:
    """Return what `call` returns. Raise Mistake where it raises an error of torch's or Python's,
    whose words would not name what went wrong."""
    try:
        return call()
    except (RuntimeError, IndexError, TypeError, ValueError) as error:
        raise check.Mistake(message, f"{type(error).__name__}: {error}") from None


def check_unembed(unembed: Callable) -> None:
    """Raise Mistake unless there is one logit per row of the table, plain dot products, for any
    leading dimensions."""
    square = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    result = unembed(torch.tensor([[1.0, 3.0]]), square)
    check.that(isinstance(result, Tensor), "return a tensor of logits: is there a return?")
    check.that(
        not (result.shape == (1, 2) and result.flatten().tolist() == [6.0, 1.0]),
        "compare x with the rows of the table: transpose it",
    )
    check.equal(
        [unembed(torch.ones(shape), square).dim() for shape in ((1, 2), (2,))],
        [2, 1],
        "keep the leading dimensions: x [1, 2] has logits [1, vocab], x [2] has [vocab]",
    )
    table = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    result = unembed(torch.tensor([1.0, 2.0]), table)
    check.that(
        tuple(result.shape) != (2,),
        "there must be one logit per row of the table (3 here), not one per column",
    )
    check.that(
        abs(float(result.sum()) - 1) > 1e-3,
        "logits are plain dot products: leave the softmax to the next step",
    )
    check.close(
        result,
        torch.tensor([1.0, 2.0, 3.0]),
        "logit v is the dot product of x with row v of the table, with no scaling",
    )
    check.close(
        unembed(torch.tensor([[1.0, 3.0]]), square),
        torch.tensor([[3.0, 2.0]]),
        "compare x with the rows of the table: transpose it",
    )
    x = torch.arange(12.0).reshape(2, 3, 2)
    message = "keep the leading dimensions: every position gets its own logits"
    check.close(
        _answer(
            lambda: unembed(x, table),
            f"{message}. x [2, 3, 2] raised an error: which of your steps takes matrices only?",
        ),
        torch.stack([x[..., 0], x[..., 1], x.sum(-1)], dim=-1),
        message,
    )
    check.close(
        unembed(torch.tensor([1.2345, 0.6789]), torch.tensor([[0.4321, 0.9876]])),
        torch.tensor([1.2345 * 0.4321 + 0.6789 * 0.9876]),
        "round nothing, and compute in float32 or finer",
        atol=1e-5,
    )


def check_softmax(softmax: Callable, left_alone: Callable) -> None:
    """Raise Mistake unless there are probabilities along dim, for logits of any size; the caller's
    logits unchanged."""
    result = softmax(torch.tensor([0.0, math.log(3)]))
    check.that(result is not None, "softmax gave back None: is there a return?")
    check.that(
        isinstance(result, Tensor), "return one tensor, like x: torch.stack makes one of a list"
    )
    check.that(
        bool((result >= 0).all()),
        "probabilities are not negative: exponentiate before you divide (and return no logarithm)",
    )
    check.close(
        result,
        torch.tensor([0.25, 0.75]),
        "softmax([0, ln 3]) is [1, 3] / 4: exponentiate with e, then divide by the sum",
    )
    check.close(
        left_alone("softmax", torch.tensor([1.0, -math.inf, 3.0])),
        [1.0, -math.inf, 3.0],
        "the caller's logits have changed: return a new tensor and leave x as it is",
    )
    rows = softmax(torch.tensor([[0.0, 0.0], [0.0, math.log(3)]]))
    check.close(
        rows.sum(-1),
        torch.ones(2),
        "each row must sum to 1: take the sum along dim, with keepdim=True, not over the "
        "whole tensor",
    )
    columns = softmax(torch.tensor([[0.0, 5.0], [math.log(3), 5.0 + math.log(3)]]), 0)
    check.close(
        columns,
        torch.tensor([[0.25, 0.25], [0.75, 0.75]]),
        "dim=0 asks for columns that sum to 1: use dim, for the maximum and for the sum, "
        "do not assume the last dimension",
    )
    check.equal(
        list(softmax(torch.zeros(1, 1, 3)).shape),
        [1, 1, 3],
        "the result has the shape of x, also where a dimension is 1: drop no dimension",
    )
    large = softmax(torch.tensor([1000.0, 1000.0 + math.log(3)]))
    check.that(
        not bool(torch.isnan(large).any()),
        "large logits gave NaN: exp overflowed; subtract the maximum first",
    )
    check.close(
        large,
        torch.tensor([0.25, 0.75]),
        "adding 1000 to every logit must change nothing: subtract the maximum, do not clip",
        atol=1e-3,
    )
    check.close(
        softmax(torch.tensor([300.0, 0.0, 0.0, 0.0])),
        torch.tensor([1.0, 0.0, 0.0, 0.0]),
        "one logit of 300 among zeros overflowed: subtract the largest, not the mean",
    )
    check.close(
        softmax(torch.tensor([-1000.0, -1000.0 + math.log(3)])),
        torch.tensor([0.25, 0.75]),
        "logits far below 0 gave no probabilities: subtract the largest as it is, not its "
        "absolute value, and clip nothing",
        atol=1e-3,
    )
    distant = softmax(
        torch.tensor([[0.0, math.log(3)], [-1000.0, -1000.0 + math.log(3)], [1000.0, 1000.0]])
    )
    check.close(
        distant[1],
        torch.tensor([0.25, 0.75]),
        "a row far below the others vanished: subtract the maximum of each row, not of the "
        "whole tensor",
        atol=1e-3,
    )
    probs = softmax(torch.tensor([0.0, -math.inf, 0.0]))
    check.close(
        probs, torch.tensor([0.5, 0.0, 0.5]), "a logit of -inf (a forbidden token) gets exactly 0"
    )
    check.that(
        probs[1] == 0,
        "a logit of -inf (a forbidden token) got a tiny probability, not exactly 0: it "
        "could still be drawn, so clip nothing and add nothing",
    )
    check.close(
        softmax(torch.tensor([0.0, -80.0]))[1] * math.exp(80),
        1.0,
        "a logit 80 below the best has the probability 2e-35, not 0: round nothing, clip nothing",
        atol=1e-3,
    )
    check.close(
        softmax(torch.zeros(4, dtype=torch.float64)),
        torch.full((4,), 0.25, dtype=torch.float64),
        "four equal logits get exactly 1/4 each: add nothing to the sum that you divide by",
        atol=1e-10,
    )
    double = softmax(torch.tensor([0.0, 1.0], dtype=torch.float64))
    check.that(
        double.dtype == torch.float64 and softmax(torch.tensor([0.0, 1.0])).dtype == torch.float32,
        "the result has the number type of x: float32 stays float32, float64 stays float64",
    )
    check.close(
        double[0] * (1 + math.e),
        1.0,
        "float64 logits came out with the precision of float32: work in the number type of x",
        atol=1e-10,
    )
    middle = torch.tensor([[[0.0, 5.0], [math.log(3), 5.0 + math.log(3)]]] * 2)
    check.close(
        softmax(middle, 1),
        torch.tensor([[[0.25, 0.25], [0.75, 0.75]]] * 2),
        "dim=1 of three dimensions is the middle one: use dim as it comes, whatever the number "
        "of dimensions",
    )


def check_cross_entropy(
    cross_entropy: Callable, left_alone: Callable, gradient_through_loss: Callable
) -> None:
    """Raise Mistake unless it is the mean of -ln p over the positions that count, safe with large
    logits, and a gradient through it."""
    logits, targets = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]), torch.tensor([1, 0])
    result = cross_entropy(logits, targets)
    check.that(
        isinstance(result, Tensor) and result.shape == (),
        "return one number, a tensor of no dimensions: the mean over all positions",
    )
    check.that(float(result) > 0, "a loss is positive: -log p, with the minus")
    check.that(
        abs(float(result) - 0.9808) > 1e-3,
        "that is the sum of the losses: take the mean, so that long texts do not look worse",
    )
    check.that(abs(float(result) - 0.7075) > 1e-3, "that is in bits: use the natural logarithm")
    check.that(
        abs(float(result) - 0.2452) > 1e-3,
        "divide by the number of positions, not by the number of logits",
    )
    check.close(
        result,
        0.4904,
        "the mean of -ln 0.75 and -ln 0.5 is 0.4904: pick the target's probability at each "
        "position",
        atol=1e-4,
    )
    uniform = cross_entropy(torch.zeros(2, 3, 7), torch.zeros(2, 4, dtype=torch.long)[:, 1:])
    check.that(
        all(abs(float(uniform) - math.log(n)) > 1e-3 for n in (2, 3, 6)),
        "that is a softmax over the positions: take it over the vocabulary, the last dimension",
    )
    check.close(
        uniform,
        math.log(7),
        "a uniform guess among 7 tokens costs ln 7 at each position, for any leading dimensions",
        atol=1e-4,
    )
    result = cross_entropy(torch.tensor([[2000.0, 0.0]]), torch.tensor([1]))
    check.that(
        math.isfinite(float(result)),
        "logits of 2000 and 0 gave infinity or NaN: subtract the maximum, and never take "
        "the logarithm of a rounded probability",
    )
    check.close(
        result,
        2000.0,
        "the loss of a token 2000 below the best is 2000: do not clip the probability, and "
        "add nothing to it",
        atol=0.01,
    )
    distant = torch.tensor([[0.0, math.log(3)], [1000.0, 1000.0]])
    check.close(
        cross_entropy(distant, torch.tensor([1, 0])),
        0.4904,
        "a row far below the others must keep its loss: subtract the maximum of each row, "
        "not of the whole tensor",
        atol=1e-3,
    )
    _check_ignored(cross_entropy, left_alone)
    check.close(
        gradient_through_loss(torch.stack([logits] * 2), torch.stack([targets] * 2)),
        torch.tensor([[0.125, -0.125], [-0.25, 0.25]]).expand(2, 2, 2) / 2,
        "a gradient must find its way back through the loss: stay with torch's operations, "
        "no .item(), .tolist(), .detach() or numpy",
    )


def _check_ignored(cross_entropy: Callable, left_alone: Callable) -> None:
    """Raise Mistake unless positions with the target `ignored` do not count."""
    rows = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]])
    three = torch.tensor([[0.0, math.log(3)], [0.0, 0.0], [3.0, -1.0]])
    result = float(cross_entropy(three, torch.tensor([1, 0, -100])))
    check.that(
        abs(result - 2 * 0.4904 / 3) > 1e-3,
        "a position with target -100 adds no loss, but it must not be counted either: "
        "divide by 2 positions here, not by 3",
    )
    check.close(
        result,
        0.4904,
        "a position with target -100 does not count: leave it out of the mean",
        atol=1e-4,
    )
    check.close(
        left_alone("cross_entropy", three + 1, torch.tensor([1, 0, -100])),
        three + 1,
        "the caller's logits have changed: work on new tensors",
    )
    check.close(
        cross_entropy(three, torch.tensor([1, 1, 0]), ignored=0),
        (math.log(4 / 3) + math.log(2)) / 2,
        "ignored=0 leaves out the positions whose target is 0: compare with the argument, "
        "not with -100",
        atol=1e-4,
    )
    message = "`ignored` may be any number, also one beyond the vocabulary: it is no index"
    check.close(
        _answer(lambda: cross_entropy(three, torch.tensor([1, 0, 7]), ignored=7), message),
        0.4904,
        message,
        atol=1e-4,
    )
    check.close(
        cross_entropy(torch.stack([rows] * 2), torch.tensor([[1, -100], [0, 1]])),
        (math.log(4 / 3) + math.log(4) + math.log(2)) / 3,
        "one position counts in the first row, two in the second: take the mean over all "
        "three, not the mean of the rows' means",
        atol=1e-4,
    )


def check_logits_gradient(logits_gradient: Callable, gradient_and_logits: Callable) -> None:
    """Raise Mistake unless it is softmax minus one-hot, over N; `gradient_and_logits` gives the
    logits back as well."""
    one = logits_gradient(torch.tensor([[0.0, math.log(3)]]), torch.tensor([0]))
    check.that(one is not None, "logits_gradient gave back None: is there a return?")
    check.that(
        isinstance(one, Tensor), "return one tensor, like logits: torch.stack makes one of a list"
    )
    check.that(
        tuple(one.shape) == (1, 2),
        "there is one number per logit: the gradient has the shape of the logits",
    )
    check.that(
        one.tolist() != [[0.0, 1.0]],
        "a softmax over the positions gives 1 everywhere: take it over the vocabulary, the "
        "last dimension",
    )
    check.that(
        abs(float(one[0, 0]) - 0.25) > 1e-3,
        "those are the probabilities themselves: subtract 1 at the target of each row",
    )
    check.that(
        float(one[0, 0]) < 0,
        "the sign is turned: raising the target's logit lowers the loss, so its gradient "
        "is negative",
    )
    check.that(
        abs(float(one[0, 1])) > 1e-6,
        "the wrong tokens have a gradient too: subtract a one-hot row from all the probabilities",
    )
    check.that(
        abs(float(one[0, 0]) + 1) > 1e-3,
        "start from the probabilities, not from 0: p - 1 at the target",
    )
    check.close(one, torch.tensor([[-0.75, 0.75]]), "softmax minus one-hot: [0.25, 0.75] - [1, 0]")
    check.close(
        logits_gradient(torch.tensor([[math.log(3), 0.0]]), torch.tensor([1])),
        torch.tensor([[0.75, -0.75]]),
        "other logits and another target of the same shape: keep nothing between calls",
    )
    check.close(
        logits_gradient(torch.tensor([[300.0, 300.0 + math.log(3)]]), torch.tensor([0])),
        torch.tensor([[-0.75, 0.75]]),
        "logits of 300 overflow exp: take your softmax, which subtracts the largest first",
        atol=1e-3,
    )
    logits, targets = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]), torch.tensor([0, 1])
    result = logits_gradient(logits.clone(), targets)
    check.close(
        gradient_and_logits(logits.clone(), targets)[1],
        logits,
        "`logits` was changed: return a new tensor and leave the input as it was",
    )
    check.that(
        abs(float(result[0, 0]) + 0.75) > 1e-3,
        "the loss is the mean over the positions: divide by N",
    )
    check.close(
        result,
        torch.tensor([[-0.375, 0.375], [0.25, -0.25]]),
        "each row is its softmax minus its own target's one-hot row, over N",
    )
    check.close(
        result.sum(-1), torch.zeros(2), "each row sums to 0: what one token gains, the others lose"
    )
    check.close(
        logits_gradient(torch.zeros(4, 2), torch.tensor([0, 0, 0, 1])),
        torch.tensor([[-1.0, 1.0]] * 3 + [[1.0, -1.0]]) / 8,
        "four positions, two tokens: N is the number of positions, however many tokens there are",
    )


@torch.enable_grad()  # whatever other cells have set
def torch_backward(
    x: Tensor, w_in: Tensor, w_out: Tensor, targets: Tensor
) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients for w_in and w_out by torch's own backward."""
    w_in, w_out = w_in.clone().requires_grad_(), w_out.clone().requires_grad_()
    logits = torch.relu(x @ w_in.T) @ w_out.T
    torch.nn.functional.cross_entropy(logits, targets).backward()
    return w_in.grad, w_out.grad


def check_backward_by_hand(backward_by_hand: Callable, inputs_after_backward: Callable) -> None:
    """Raise Mistake unless both gradients are right, by hand in one position and in two, then by
    torch; the inputs unchanged."""
    x, w_in = torch.tensor([[2.0]]), torch.tensor([[1.0], [-1.0]])
    w_out = torch.tensor([[0.0, 0.0], [math.log(3) / 2, 5.0]])
    result = backward_by_hand(x, w_in, w_out, torch.tensor([0]))
    check.that(
        isinstance(result, (tuple, list)) and len(result) == 2,
        "return two tensors: the gradient for w_in and that for w_out",
    )
    check.that(
        not (tuple(result[0].shape) == (2, 2) and tuple(result[1].shape) == (2, 1)),
        "the two are swapped: first the gradient for w_in, then that for w_out",
    )
    check.that(
        tuple(result[0].shape) == (2, 1) and tuple(result[1].shape) == (2, 2),
        "a gradient has the shape of its weights: w_in's [hidden, d], w_out's [vocab, hidden]",
    )
    inputs = [torch.tensor([[1.0]]), torch.ones(2, 1), torch.ones(2, 2), torch.tensor([0])]
    for before, after in zip([t.clone() for t in inputs], inputs_after_backward(*inputs)):
        check.close(after, before, "an input has changed: leave all four as they are")
    w_in = torch.tensor([[1.0], [-1.0]])
    w_out = torch.tensor([[0.0, 0.0], [math.log(3) / 2, 5.0]])
    result = backward_by_hand(x, w_in, w_out, torch.tensor([0]))
    check.that(
        abs(float(result[1][0, 1])) < 1e-6,
        "w_out meets what came out of the gate, where the second entry is 0, not what went into it",
    )
    check.that(
        not torch.allclose(backward_by_hand(x, w_in, w_out, torch.tensor([1]))[1], result[1]),
        "another target, and the same gradient: what arrives at the logits depends on the "
        "id that came, not on the likeliest one",
    )
    check.that(
        float(result[1][0, 0]) < 0,
        "the sign is turned: the target's logit is too low, so its gradient is negative",
    )
    check.close(
        result[1],
        torch.tensor([[-1.5, 0.0], [1.5, 0.0]]),
        "for w_out: what arrives at the logits, [-0.75, 0.75], times h, [2, 0]",
        atol=1e-4,
    )
    check.that(
        abs(float(result[0][1, 0])) < 1e-6,
        "the gate was shut for the second entry, so nothing comes back through it: keep "
        "what lies before the gate, and stop the gradient where that is not above 0",
    )
    right = 0.75 * math.log(3)
    check.that(
        abs(float(result[0][0, 0]) - 2 * right) > 1e-3,
        "for w_in: an open gate lets the gradient through as it is. Multiply by 1 or 0, not by h",
    )
    check.close(
        result[0],
        torch.tensor([[right], [0.0]]),
        "for w_in: what arrives at h, 0.75 * ½ ln 3, times x, 2; the way back leads through w_out",
        atol=1e-4,
    )
    pair = backward_by_hand(torch.tensor([[2.0], [2.0]]), w_in, w_out, torch.tensor([0, 1]))
    check.that(
        not torch.allclose(pair[1].double(), result[1].double()),
        "a second position has changed nothing: the first one stands for all. Each adds "
        "its own part",
    )
    check.that(
        abs(float(pair[1][1, 0]) - 0.25) > 1e-4,
        "two positions, and half of the gradient: you divide by N twice. logits_gradient has "
        "done it already",
    )
    check.that(
        abs(float(pair[1][1, 0]) - 1.0) > 1e-4,
        "two positions, and twice the gradient: the loss is the mean over the positions, so "
        "divide by N once, as logits_gradient does",
    )
    check.close(
        pair[1],
        torch.tensor([[-0.5, 0.0], [0.5, 0.0]]),
        "two positions, targets 0 and 1: each adds its own part, and the loss is their mean",
        atol=1e-4,
    )

    g = torch.Generator().manual_seed(57)
    case = [torch.randn(shape, generator=g) for shape in ((8, 3), (4, 3), (6, 4))]
    case.append(torch.tensor([0, 5, 2, 2, 1, 3, 0, 4]))
    for value, reference, name in zip(
        backward_by_hand(*case), torch_backward(*case), ("w_in", "w_out")
    ):
        check.close(
            value,
            reference,
            f"eight positions: the gradient for {name} is not that of torch's backward",
            atol=1e-4,
        )


def made(
    shape: int | tuple[int, ...], size: float, bend: float, seed: int
) -> tuple[Tensor, Tensor, float, Tensor]:
    """Return (weights, pulls, bend, gradient) of the loss in notebook 5's verdict_on_made_loss, at
    random weights, for gradients of about `size`."""
    shape = (shape,) if isinstance(shape, int) else shape
    g = torch.Generator().manual_seed(seed)
    weights = torch.randn(shape, generator=g).double() * (1.0 if bend else size)
    pulls = size * (1 + torch.rand(shape, generator=g).double())
    gradient = pulls + bend * weights**3 + weights.sum() / 10
    return weights, pulls, bend, gradient


def wrong_in(kind: str, gradient: Tensor) -> Tensor:
    """Return a copy that is wrong in its "first", "middle", "last", "smallest" or "largest" entry,
    or in its "swapped" first two; or "balanced": in nearly all, at right angles to directions that
    one may choose beforehand."""
    wrong = gradient.clone().flatten()
    if kind == "swapped":
        wrong[:2] = wrong[:2].flip(0)
    elif kind == "balanced":
        n = len(wrong)
        ramp = torch.linspace(-1, 1, n).double()
        first, last = torch.eye(n).double()[[0, -1]]
        chosen = torch.stack([ramp**0, ramp, (-1.0) ** torch.arange(n), first, last], 1)
        chosen = chosen[:, : n // 2]  # or nothing would be at right angles to all of them
        noise = torch.randn(n, generator=torch.Generator().manual_seed(n)).double()
        noise -= chosen @ torch.linalg.lstsq(chosen, noise[:, None]).solution[:, 0]
        wrong += gradient.abs().max() * noise / noise.abs().max()
    else:
        size = wrong.abs()
        places = {"first": 0, "middle": len(wrong) // 2, "last": len(wrong) - 1}
        places |= {"smallest": int(size.argmin()), "largest": int(size.argmax())}
        wrong[places[kind]] *= -1
    return wrong.view(gradient.shape)


def off_in(place: int, gradient: Tensor) -> Tensor:
    """Return a copy that differs in one place by a little over 0.0002 of the largest entry."""
    wrong = gradient.clone().flatten()
    wrong[place] += 2.02e-4 * gradient.abs().max()
    return wrong.view(gradient.shape)


def check_gradient_is_right(verdict_on_made_loss: Callable) -> None:
    """Raise Mistake unless right gradients of all sizes and shapes are accepted and wrong ones
    refused, wherever the mistake is."""
    weights, pulls, bend, true = made(12, 1.0, 0.0, seed=560)

    def accepted(claim: Tensor) -> object:
        return verdict_on_made_loss(weights, pulls, bend, claim)[0]

    verdict = accepted(true)
    check.that(verdict is not None, "gradient_is_right gave back None: is there a return?")
    check.that(type(verdict) is bool, "return True or False: bool(…) makes one of a tensor of one")
    check.that(verdict, "a right gradient was refused")
    check.that(not accepted(-true), "a gradient with its sign turned was accepted")
    check.that(
        not accepted(2 * true),
        "a gradient twice as long was accepted: it points the right way, but the promise "
        "is about how much the loss changes",
    )
    check.that(not accepted(torch.zeros(12)), "a gradient of zeros was accepted")
    for kind in ("first", "last", "smallest", "largest"):
        check.that(
            not accepted(wrong_in(kind, true)),
            f"a gradient that is wrong in one place of 12, the {kind}, was accepted: "
            "which weights does your test nudge?",
        )
    check.that(
        not accepted(wrong_in("swapped", true)),
        "two entries were swapped, and it was accepted: nudge the weights one by one, or "
        "in many directions drawn at random",
    )
    check.that(
        verdict_on_made_loss(weights, pulls, bend, true)[1],
        "your test nudges along one direction only. One that is chosen beforehand cannot see a "
        "mistake at right angles to it; one drawn at random overlooks a few small ones. Nudge the "
        "weights one by one, or along several directions",
    )
    one_by_one = "nudge the weights one by one, or along several directions drawn at random"
    later = true.clone()
    later[[4, 7]] = true[[7, 4]]
    check.that(
        not accepted(later), f"entries 4 and 7 were swapped, and it was accepted: {one_by_one}"
    )
    check.that(
        not accepted(wrong_in("balanced", true)),
        "a gradient that is wrong in ten places of 12 was accepted. The mistakes cancel along "
        f"each of a few directions that one may choose beforehand: {one_by_one}",
    )
    weights, pulls, bend, true = made((3, 3), 1.0, 0.0, seed=566)
    check.that(
        not verdict_on_made_loss(weights, pulls, bend, true.T.contiguous())[0],
        f"a gradient [3, 3] that is transposed was accepted: {one_by_one}",
    )
    weights, pulls, bend, true = made(12, 1.0, 0.0, seed=560)
    check.that(accepted(true.float()), "a right gradient, rounded to float32, was refused")
    _check_small_mistakes(verdict_on_made_loss)
    weights, pulls, bend, true = made(9, 1.0, 30.0, seed=562)
    check.that(
        accepted(true.float()),
        "a right gradient of a loss that bends strongly was refused: nudge up and down, "
        "and not too far",
    )
    weights, pulls, bend, true = made((3, 4), 1.0, 1.0, seed=563)
    check.that(accepted(true.float()), "a right gradient for weights of two dimensions was refused")
    check.that(
        not accepted(wrong_in("last", true)),
        "a gradient [3, 4] that is wrong in its last entry was accepted",
    )
    weights, pulls, bend, true = made(50, 1.0, 1.0, seed=565)
    check.that(
        not accepted(off_in(49, true)),
        "a gradient of 50 numbers, off in the last, was accepted: test all of them",
    )


def _check_small_mistakes(verdict_on_made_loss: Callable) -> None:
    """Raise Mistake unless a mistake of 0.0002 of the largest entry is found, in any place, in
    gradients of any size."""
    for size, name in ((1e-6, "small"), (1e4, "large"), (1.0, "middling")):
        weights, pulls, bend, true = made(9, size, 0.0, seed=561)
        check.that(
            verdict_on_made_loss(weights, pulls, bend, true.float())[0],
            f"a right gradient of {name} numbers, rounded to float32, was refused: close "
            "enough is a share of its size. If yours is, look at the nudge: one-sided, too far "
            "or too short?",
        )
        for wrong in (1.5 * true, wrong_in("smallest", true)):
            check.that(
                not verdict_on_made_loss(weights, pulls, bend, wrong)[0],
                f"a wrong gradient of {name} numbers was accepted: close enough is a share of "
                "its size, with nothing added to it",
            )
        for place in range(9):
            check.that(
                not verdict_on_made_loss(weights, pulls, bend, off_in(place, true))[0],
                f"a gradient of {name} numbers, off in one place by 0.0002 of its largest "
                "entry, was accepted: what counts as close enough, and is anything added to it?",
            )


@torch.enable_grad()  # whatever other cells have set
def torch_training(
    table: Tensor,
    bias: Tensor,
    batches: Sequence[Tensor],
    peak: float,
    decay: Sequence[float] = (0.1, 0.1, 0.0),
    keep_gradients: bool = False,
    forget: bool = False,
    warm_up: float = 0.05,
) -> tuple[list[float], Tensor, Tensor]:
    """Return the training of train_pairs with torch's own parts; decay: of the first part of the
    table, of its other parts, of the bias; warm_up: its share of the steps."""
    w = [t.clone().requires_grad_() for t in (table[:2], table[2:], bias)]
    optimizer = torch.optim.AdamW(
        [{"params": [t], "weight_decay": d} for t, d in zip(w, decay)], betas=(0.9, 0.95)
    )
    n, losses = len(batches), []
    for step, ids in enumerate(batches):
        for group in optimizer.param_groups:
            rise = min(1, (step + 1) / (warm_up * n)) if warm_up else 1
            group["lr"] = peak * rise * (1 - step / n)
        logits = torch.cat(w[:2])[ids[:, :-1]] + w[2]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        if not keep_gradients:
            optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if forget:
            for moments in optimizer.state.values():
                moments["exp_avg"].zero_()
                moments["exp_avg_sq"].zero_()
        losses.append(loss.item())
    return losses, torch.cat(w[:2]).detach(), w[2].detach()


def check_train(train_pairs: Callable) -> None:
    """Raise Mistake unless one step is right by hand; then losses and weights are those of torch's
    AdamW, step by step."""
    table, bias = torch.zeros(2, 2), torch.zeros(2)
    losses, new, new_bias = train_pairs(table, bias, [torch.tensor([[0, 1]])], 0.1)
    check.that(type(losses) is list and len(losses) == 1, "return a list with one loss a batch")
    check.that(
        type(losses[0]) is float,
        "a loss is a plain number here: loss.item(), or the list keeps what backward needs",
    )
    check.close(losses[0], math.log(2), "two tokens, nothing learned: the first loss is ln 2")
    check.that(
        bool(new.isfinite().all()),
        "the weights became NaN: AdamW counts its steps from 1, since with 0 its "
        "corrections divide by 0",
    )
    check.that(
        bool((new != 0).any()),
        "the tensors in `weights` have not changed: write into them, with copy_, in every "
        "step, and at a rate above 0 (learning_rate counts steps from 0)",
    )
    check.that(
        float(new[1].abs().sum()) == 0,
        "row 1 moved, though only token 0 was an input: the target is the token after it",
    )
    check.close(
        new[0],
        torch.tensor([-0.1, 0.1]),
        "after 0 came 1: one step down for token 0's logit, one up for token 1's",
        atol=1e-4,
    )
    check.close(
        new_bias,
        torch.tensor([-0.1, 0.1]),
        "every tensor of `weights` moves, by the same rate and the same t",
        atol=1e-4,
    )
    again = train_pairs(table, bias, [torch.tensor([[0, 1]])], 0.1)
    check.close(
        [again[0], *again[1:]],
        [[losses[0]], new, new_bias],
        "the same training a second time gave something else: losses, means and squares "
        "start again in every call, so keep none of them from the last one",
        atol=1e-4,
    )
    two = train_pairs(torch.zeros(4, 4), torch.zeros(4), [torch.tensor([[0, 1], [2, 3]])], 0.1)
    check.close(
        two[1][2],
        torch.tensor([-0.1, -0.1, -0.1, 0.1]),
        "after 2 came 3: row 2, in another tensor, moves as if it were alone; each "
        "tensor has a mean and a square of its own, also where shapes are equal",
        atol=1e-4,
    )
    _check_long_training(train_pairs)


def _check_long_training(train_pairs: Callable) -> None:
    """Raise Mistake unless 12 steps are those of torch's AdamW, and name what is not."""
    g = torch.Generator().manual_seed(59)
    table, bias = torch.randn(5, 5, generator=g), torch.randn(5, generator=g)
    batches = [torch.randint(5, (2, 9), generator=g) for _ in range(12)]
    result = train_pairs(table, bias, batches, 0.05)

    def is_of(expected: tuple) -> bool:
        return all(
            isinstance(value, Tensor)
            and value.shape == reference.shape
            and torch.allclose(value.float(), reference, atol=1e-4)
            for value, reference in zip(result[1:], expected[1:])
        )

    check.that(
        not is_of(torch_training(table, bias, batches, 0.05, keep_gradients=True)),
        "the gradients of earlier batches are still there: clear w.grad before backward",
    )
    check.that(
        not is_of(torch_training(table, bias, batches, 0.05, decay=(0.1, 0.1, 0.1))),
        "the bias was decayed, too: tensors of one dimension have decay 0",
    )
    check.that(
        not is_of(torch_training(table, bias, batches, 0.05, decay=(0.0, 0.0, 0.0))),
        "nothing was decayed: matrices (two dimensions) have decay 0.1",
    )
    check.that(
        not is_of(torch_training(table, bias, batches, 0.05, decay=(0.1, 0.0, 0.0))),
        "only the first tensor of `weights` was decayed: what counts is how many "
        "dimensions a tensor has, not its place in the list",
    )
    check.that(
        not is_of(torch_training(table, bias, batches, 0.05, forget=True)),
        "means and squares began at 0 in every step: make `moments` once, before the loop",
    )
    check.close(
        train_pairs(torch.ones(4, 4), torch.ones(4), [torch.tensor([[0, 1]])], 0.1)[1][3],
        [0.99] * 4,
        "row 3 was no input, so only decay moves it, to 1 - 0.1 * 0.1 of it: every matrix "
        "has decay 0.1, wherever it stands in `weights`",
        atol=1e-4,
    )
    expected = torch_training(table, bias, batches, 0.05)
    check.close(
        result[0][0],
        expected[0][0],
        "the loss of a batch is taken before the step that it leads to",
        atol=1e-4,
    )
    check.close(
        result[1],
        expected[1],
        "12 batches: each step has its own rate and its own t, and the means live on from "
        "step to step",
        atol=1e-4,
    )
    check.close(result[0], expected[0], "one loss a batch, in their order", atol=1e-4)
    small = torch.zeros(2, 2), torch.zeros(2), [torch.tensor([[0, 1]])] * 100
    check.close(
        train_pairs(*small, 0.1)[0],
        torch_training(*small, 0.1)[0],
        "100 batches: the rate rises over the first 5 steps before it falls. Take "
        "learning_rate(step, steps, peak) as it is, with all steps in `steps`",
        atol=1e-4,
    )
    sure = 9 * torch.eye(4)
    batches_of_tokens = [torch.tensor(ids) for ids in ([[0, 1]], [[2, 2, 2]], [[3, 0], [1, 2]])]
    check.close(
        train_pairs(sure, torch.zeros(4), batches_of_tokens, 0.05)[2],
        torch_training(sure, torch.zeros(4), batches_of_tokens, 0.05)[2],
        "gradients longer than 1, and batches of unequal size: take the gradients of the "
        "mean loss as they are, neither clipped nor multiplied",
        atol=1e-4,
    )


def check_gain_over_seeds(gain_over_seeds: Callable) -> None:
    """Raise Mistake unless it is the mean gain, and the standard error that the seeds give it."""
    with_context, alone = torch.tensor([[3.0, 5], [4, 4]]), torch.tensor([[4.0, 6], [4, 10]])
    result = gain_over_seeds(with_context, alone)
    check.that(
        (isinstance(result, (tuple, list)) and len(result) == 2)
        or (isinstance(result, Tensor) and result.shape == (2,)),
        "return two numbers: the mean gain and its standard error",
    )
    mean, error = (float(number) for number in result)
    check.that(mean > 0, "the sign is turned: a gain is what context takes off the loss")
    check.close(mean, 2.0, "the gains are 1, 1, 0 and 6: their mean is 2", atol=1e-4)
    check.that(
        abs(error - 1.35401) > 1e-3,
        "four differences are not four draws of luck: windows of one model share its seed, "
        "so average over them first",
    )
    check.that(
        abs(error - 1.5) > 1e-3,
        "the mean was taken over the seeds: average over the windows, dim 1; the seeds are "
        "what repeats",
    )
    check.that(
        abs(error - 2**0.5) > 1e-3,
        "that is the standard deviation of one seed: the mean of n is surer, divide by the "
        "root of n",
    )
    check.that(
        abs(error - 0.5**0.5) > 1e-3,
        "the standard deviation of a sample is taken with n - 1, which is what std does",
    )
    check.close(error, 1.0, "seeds gain 1 and 3: the standard error is 1", atol=1e-4)
    four = torch.tensor([[0.0], [0.0], [0.0], [8.0]]) + torch.zeros(4, 3)
    mean, error = (float(n) for n in gain_over_seeds(torch.zeros(4, 3), four))
    check.that(
        abs(mean) > 1e-3,
        "three seeds gain 0 and one gains 8, and the median hides the one: take the mean",
    )
    check.that(
        abs(error - 1) > 1e-3,
        "other losses, and the standard error of the example: compute yours from these",
    )
    check.that(
        abs(error - 4) > 1e-3 and abs(error - 3) > 1e-3,
        "half the range and the mean distance are the standard error of two seeds only: "
        "take the standard deviation, over the root of n",
    )
    check.that(
        abs(error - 8**0.5) > 1e-3,
        "here are four seeds: divide by the root of their number, not by that of two",
    )
    check.close(
        [mean, error],
        [2.0, 2.0],
        "seeds gain 0, 0, 0 and 8: mean 2, standard deviation 4, standard error 4 / √4",
        atol=1e-4,
    )
    base = torch.tensor([[0.0], [10.0], [20.0]])
    result = gain_over_seeds(base + torch.zeros(3, 4), base + 1.0 + torch.zeros(3, 4))
    check.close(
        float(result[1]),
        0.0,
        "three seeds far apart, but each gains exactly 1: subtract twin from twin before "
        "you take the spread",
        atol=1e-4,
    )
    check.that(
        float(gain_over_seeds(alone, with_context)[0]) < 0,
        "a context that hurts has a negative gain: take no absolute values",
    )
    small = gain_over_seeds(torch.zeros(2, 1), torch.tensor([[0.12343], [0.23454]]))
    check.close(
        [float(number) for number in small],
        [0.178985, 0.055555],
        "seeds gain 0.12343 and 0.23454: round nothing",
        atol=1e-5,
    )
    quiet = torch.zeros(2, 3)
    check.close(
        float(gain_over_seeds(quiet, torch.tensor([[0.0, 0, 3], [0, 0, 9]]))[0]),
        2.0,
        "all windows count, the last as well as the first",
        atol=1e-4,
    )


def check_corpus_perplexity(corpus_perplexity: Callable, left_alone: Callable) -> None:
    """Raise Mistake unless it is the exponential of the mean over all tokens; the caller's list of
    losses unchanged."""
    result = corpus_perplexity([1.0, 5.0], [3, 1])
    check.that(result is not None, "corpus_perplexity gave back None: is there a return?")
    result = float(result)
    check.that(
        abs(result - 75.5657) > 0.01,
        "that is the mean of the two perplexities: take the mean of the losses first, then "
        "exp once",
    )
    check.that(
        abs(result - math.exp(3)) > 0.01,
        "a batch of 1 token counts as much as one of 3: weight each loss by its number of tokens",
    )
    check.that(
        abs(result - (3 * math.e + math.exp(5)) / 4) > 0.01,
        "weighting is right, but average the losses, not the perplexities: exp comes last",
    )
    check.that(
        abs(result - 2) > 0.01, "that is the mean loss in nats: perplexity is its exponential"
    )
    check.that(abs(result - 4) > 0.01, "the losses are in nats, so the base is e, not 2")
    check.that(
        abs(result - math.exp(8)) > 1,
        "divide the total loss by the total number of tokens before you take exp",
    )
    check.close(
        result,
        math.exp(2),
        "3 tokens at 1 nat and 1 token at 5 nats are 8 nats in 4 tokens: the perplexity is e^2",
        atol=1e-3,
    )
    check.equal(
        left_alone("corpus_perplexity", [1.0, 5.0], [3, 1]),
        [1.0, 5.0],
        "the caller's list of losses has changed: leave it as it is",
    )
    check.close(
        float(corpus_perplexity([1.234], [1])),
        math.exp(1.234),
        "one token at 1.234 nats has the perplexity e^1.234 = 3.434938: do not round",
        atol=1e-5,
    )
    check.close(
        float(corpus_perplexity([math.log(50)], [7])),
        50.0,
        "guessing uniformly among 50 tokens has perplexity 50",
        atol=1e-2,
    )
    check.close(
        float(corpus_perplexity([1.0, 1.0, 5.0], [3, 1, 4])),
        math.exp(3),
        "two batches have the same loss here: each counts, with its own number of tokens",
        atol=1e-3,
    )
    check.close(
        float(corpus_perplexity([1.0, 1.0, 5.0], [2, 2, 4])),
        math.exp(3),
        "two batches have the same loss and the same number of tokens: both count, a set "
        "keeps only one",
        atol=1e-3,
    )
    result = math.inf
    with suppress(OverflowError):
        result = float(corpus_perplexity([3.0], [1000]))
    check.close(
        result,
        math.exp(3),
        "a thousand tokens at 3 nats overflowed: take the mean of the losses first, then "
        "exp once, and multiply no perplexities",
        atol=1e-3,
    )
