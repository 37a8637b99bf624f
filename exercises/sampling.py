"""Try the cases of notebook 6's checks: a mistake that learners make, and the message that names
it."""

import itertools
import math
import re
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

import torch
from torch import Tensor

from exercises import check


def check_draw(draw: Callable) -> None:
    """Raise Mistake unless the stretch into which u falls is drawn, edges and rounding included."""
    row = torch.tensor([[0.5, 0.3, 0.2]])
    check.equal(
        list(getattr(draw(row, torch.tensor([0.6])), "shape", ())),
        [1],
        "one id per row, in a tensor of shape [batch] (is there a return?)",
    )
    check.equal(
        draw(row, torch.tensor([0.6])),
        torch.tensor([1]),
        "u = 0.6 falls into [0.5, 0.8), the stretch of token 1: follow u, do not take the "
        "likeliest",
    )
    check.that(
        not draw(row, torch.tensor([0.6])).is_floating_point(),
        "an id is a whole number: return integers, not floats",
    )
    check.equal(
        draw(row, torch.tensor([0.9])),
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
        "u = 0.5 is where the second stretch starts: a stretch includes its start, not its end",
    )
    check.equal(
        draw(row.repeat(3, 1), torch.tensor([0.9, 0.1, 0.6])),
        torch.tensor([2, 0, 1]),
        "each row is drawn with its own u",
    )
    check.equal(
        draw(torch.tensor([[0.5, 0.4], [0.1, 0.8]]), torch.tensor([0.99, 0.99])),
        torch.tensor([1, 1]),
        "rows that sum to 0.9 stand for rounding here: u beyond the last edge must still "
        "give a token of the row, the last that has a stretch",
    )
    check.equal(
        draw(torch.tensor([[0.5, 0.4, 0.0]]), torch.tensor([0.99])),
        torch.tensor([1]),
        "u beyond the last edge drew a token of probability 0: draw one that has a stretch",
    )
    check.equal(
        draw(torch.tensor([[0.0004, 0.9996]]), torch.tensor([0.0002])),
        torch.tensor([0]),
        "a stretch of 0.0004 is short, but u = 0.0002 falls into it: round nothing",
    )
    u = (torch.arange(1000) + 0.5) / 1000
    check.equal(
        torch.bincount(draw(row.repeat(1000, 1), u), minlength=3),
        torch.tensor([500, 300, 200]),
        "of 1000 evenly spaced u, each token must get its share",
    )


def check_apply_temperature(apply_temperature: Callable, left_alone: Callable) -> None:
    """Raise Mistake unless logits are divided by t, and one of each row stays at t = 0."""
    check.that(
        isinstance(apply_temperature(torch.tensor([2.0, 4.0]), 2), Tensor),
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
    tie = apply_temperature(torch.tensor([3.0, 1.0, 3.0]), 0)
    check.close(
        torch.sort(tie).values,
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


def check_top_k(top_k: Callable, left_alone: Callable) -> None:
    """Raise Mistake unless exactly k of each row stay, unchanged and in their places."""
    out = -math.inf
    check.that(
        isinstance(top_k(torch.tensor([1.0, 4.0, 2.0]), 2), Tensor),
        "return a tensor, not a list (is there a return?)",
    )
    check.close(
        left_alone("top_k", torch.tensor([1.0, 4.0, 2.0]), 2),
        [1.0, 4.0, 2.0],
        "the caller's logits have changed: return a new tensor and leave them as they are",
    )
    check.close(
        top_k(torch.tensor([1.0, 4.0, 2.0, 3.0]), 2),
        [out, 4.0, out, 3.0],
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
        [out, -1.0, out],
        "the largest of [-5, -1, -3] is -1: size counts, not distance from 0",
    )
    check.close(
        top_k(torch.tensor([0.0, -1.0, -2.0]), 2),
        [0.0, -1.0, out],
        "0 is a logit like others, and this one is kept: do not ask whether a logit is 0",
    )
    check.close(
        top_k(torch.tensor([[1.0, 2.0, 3.0], [9.0, 7.0, 8.0]]), 2),
        torch.tensor([[out, 2.0, 3.0], [9.0, out, 8.0]]),
        "each row keeps its own k largest: rank along the last dimension, row by row",
    )
    check.close(
        torch.sort(top_k(torch.tensor([2.0, 2.0, 2.0, 1.0]), 2)).values,
        [out, out, 2.0, 2.0],
        "three logits are equal: with k = 2 exactly two of them stay",
    )
    check.equal(
        [
            torch.isfinite(top_k(torch.tensor(near), 1)).tolist()
            for near in ([1.0, 1 + 2.0**-20], [1 + 2.0**-20, 1.0])
        ],
        [[False, True], [True, False]],
        "1.000001 is larger than 1, however little: add nothing to the logits to break ties",
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


def check_top_p(top_p: Callable, left_alone: Callable) -> None:
    """Raise Mistake unless the smallest set of likeliest tokens that reaches p stays."""
    z = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    out = -math.inf

    def row_with(*indices: int) -> list[float]:
        return [z[i].item() if i in indices else out for i in range(4)]

    check.that(
        isinstance(top_p(z, 0.9), Tensor), "return a tensor, not a list (is there a return?)"
    )
    check.close(
        left_alone("top_p", torch.tensor([2.0, 1.0, -math.inf]), 0.5),
        [2.0, 1.0, -math.inf],
        "the caller's logits have changed: return a new tensor and leave them as they are",
    )
    check.close(
        top_p(z, 0.9),
        row_with(0, 1, 2),
        "0.5 + 0.3 = 0.8 has not reached p = 0.9: the token that crosses p stays, so three "
        "tokens do",
    )
    check.close(
        top_p(z, 0.7),
        row_with(0, 1),
        "0.5 + 0.3 = 0.8 has reached p = 0.7: the smallest set ends there, with two tokens",
    )
    check.close(
        top_p(z, 0.2),
        row_with(0),
        "the likeliest token alone exceeds p = 0.2: it stays, the nucleus is never empty",
    )
    z_shuffled = z[[3, 0, 2, 1]]
    check.close(
        top_p(z_shuffled, 0.7),
        [out, z[0].item(), out, z[1].item()],
        "tokens that come unsorted must be kept in their own places: the answer has to go "
        "back from sorted order",
    )
    check.close(
        top_p(z + 20, 0.9),
        [z + 20 for z in row_with(0, 1, 2)],
        "adding 20 to all logits changes no probability: the mass is counted in "
        "probabilities, after softmax",
        atol=1e-4,
    )
    check.close(
        top_p(torch.tensor([0.0, -1.0, -9.0]), 0.9),
        [0.0, -1.0, out],
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
        "four equal tokens of 0.25: two of them hold exactly 0.5, and so have reached p = 0.5",
    )
    check.close(
        top_p(torch.stack([z_shuffled, torch.tensor([0.0, 0.0, 9.0, 0.0])]), 0.9),
        torch.tensor([[out, *z_shuffled[1:].tolist()], [out, out, 9.0, out]]),
        "each row has a nucleus of its own size",
    )
    check.close(
        torch.isfinite(top_p(torch.tensor([0.999, 0.0006, 0.0004]).log(), 0.9992)).sum(),
        2,
        "p = 0.9992 is near 1 but not 1: the set still ends where it reaches p, with two tokens",
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


def check_min_p(min_p: Callable, left_alone: Callable) -> None:
    """Raise Mistake unless what is at least p times as likely as the likeliest stays."""
    z = torch.tensor([0.5, 0.3, 0.15, 0.05]).log()
    out = -math.inf
    check.that(
        isinstance(min_p(z, 0.2), Tensor), "return a tensor, not a list (is there a return?)"
    )
    check.close(
        left_alone("min_p", torch.tensor([2.0, 1.0, -3.0]), 0.3),
        [2.0, 1.0, -3.0],
        "the caller's logits have changed: return a new tensor and leave them as they are",
    )
    check.close(
        min_p(z, 0.2),
        [*z[:3].tolist(), out],
        "p is a share of the largest probability: 0.2 × 0.5 = 0.1, so the token of 0.15 "
        "stays and the one of 0.05 is cut, to -inf",
    )
    check.close(
        min_p(z + 20, 0.2),
        [*(z[:3] + 20).tolist(), out],
        "adding 20 to all logits changes no probability: compare probabilities, not logits",
        atol=1e-4,
    )
    check.close(
        min_p(z, 1.0),
        [z[0].item(), out, out, out],
        "p = 1 keeps the likeliest itself: a token that just reaches the bar stays",
    )
    check.close(
        min_p(torch.tensor([2.0, 1.0, 2.0]), 1.0),
        [2.0, out, 2.0],
        "two tokens are equally likely: p = 1 keeps both",
    )
    check.close(
        min_p(torch.tensor([200.0, 199.0, 190.0]), 0.2),
        [200.0, 199.0, out],
        "logits of 200 are too large for exp: take softmax, or subtract the largest first",
    )
    check.close(
        min_p(torch.tensor([0.0, -1.0, -9.0]), 0.2),
        [0.0, -1.0, out],
        "0 is a logit like others, and this one is kept: do not ask whether a logit is 0",
    )
    check.close(min_p(z, 0.0), z, "p = 0 keeps every token")
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
        min_p(torch.stack([z, torch.tensor([0.04, 0.03, 0.9, 0.03]).log()]), 0.2),
        torch.tensor([[*z[:3].tolist(), out], [out, out, math.log(0.9), out]]),
        "each row has its own bar",
    )
    check.equal(
        list(min_p(torch.zeros(1, 1, 3), 0.5).shape),
        [1, 1, 3],
        "the shape stays as it is, also where a dimension is 1",
    )


def check_filter_logits(filter_logits: Callable, left_alone: Callable) -> None:
    """Raise Mistake unless temperature, top-k, top-p and min-p act in this order."""
    z = torch.tensor([[0.5, 0.3, 0.15, 0.05]]).log()
    out = -math.inf

    def rows_with(t: float, count: int) -> Tensor:
        return torch.tensor([[z / t if i < count else out for i, z in enumerate(z[0].tolist())]])

    check.that(
        isinstance(filter_logits(z), Tensor), "return a tensor, not a list (is there a return?)"
    )
    check.close(
        left_alone("filter_logits", torch.tensor([2.0, 4.0]), 2.0),
        [2.0, 4.0],
        "the caller's logits have changed: return a new tensor and leave them as they are",
    )
    check.close(
        filter_logits(z),
        z,
        "temperature 1 and no filter must change nothing: None switches a filter off",
    )
    check.close(
        left_alone("filter_logits", torch.tensor([2.0, 4.0])),
        [2.0, 4.0],
        "the caller's logits have changed: return a new tensor where no setting is given, too",
    )
    check.close(
        filter_logits(z, temperature=0.5, p=0.9),
        rows_with(0.5, 2),
        "temperature comes before top-p: squared and scaled, 0.685 + 0.247 reaches 0.9 "
        "with two tokens",
    )
    check.close(
        filter_logits(z, k=2, p=0.6),
        rows_with(1, 1),
        "top-p works on what top-k left: of two tokens the first has 0.5 / 0.8 = 0.625, "
        "which reaches 0.6",
    )
    check.close(
        filter_logits(z, temperature=2.0, p_of_largest=0.5),
        rows_with(2, 3),
        "temperature comes before min-p: at T = 2 the third token is √(0.15 / 0.5) = 0.55 "
        "times as likely as the first",
    )
    check.close(
        filter_logits(torch.tensor([[0.4, 0.3, 0.2, 0.1]]).log(), p=0.85, p_of_largest=0.6),
        torch.tensor([[0.4, 0.3, 0.0, 0.0]]).log(),
        "top-p 0.85 keeps 0.4, 0.3, 0.2, then min-p 0.6 drops what is below 0.24: two stay",
    )
    five = torch.tensor([[0.3, 0.28, 0.22, 0.1, 0.1]]).log()
    check.close(
        torch.isfinite(filter_logits(five, p=0.7, p_of_largest=0.5)).sum(),
        3,
        "top-p comes before min-p: 0.3 + 0.28 has not reached 0.7, so three tokens stay; "
        "min-p first would leave 0.3, 0.28, 0.22 to be scaled up, and top-p then two",
    )
    check.close(
        filter_logits(z, k=3, p=0.9, p_of_largest=0.5),
        rows_with(1, 2),
        "three filters are on: top-k leaves three tokens, top-p 0.9 keeps them all, and "
        "min-p 0.5 must still drop the third, which is 0.15 / 0.5 = 0.3 times as likely as "
        "the first",
    )
    check.close(filter_logits(z, k=3), rows_with(1, 3), "k = 3 alone keeps three tokens")
    check.close(
        filter_logits(z, p_of_largest=0.2),
        rows_with(1, 3),
        "p_of_largest is the setting of min_p: 0.2 × 0.5 = 0.1 keeps three tokens",
    )
    check.close(
        filter_logits(z, temperature=0, k=3, p=0.9, p_of_largest=0.1),
        rows_with(1, 1),
        "temperature 0 leaves the likeliest token, whatever the filters",
    )


def check_sample(sample: Callable, left_alone: Callable) -> None:
    """Raise Mistake unless it is greedy by default, else a draw with u and all settings."""
    z = torch.tensor([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]]).log()
    u = torch.tensor([0.6, 0.6])
    check.equal(
        sample(z, torch.tensor([0.9, 0.1])),
        torch.tensor([0, 2]),
        "by default the temperature is 0: the likeliest token of each row, whatever u "
        "says, as ids of shape [batch]",
    )
    check.equal(
        sample(z, u, temperature=1.0),
        torch.tensor([1, 2]),
        "u = 0.6 falls into [0.5, 0.8) in the first row and [0.5, 1) in the second: draw "
        "with the u that is given",
    )
    check.equal(
        sample(z, torch.tensor([0.9, 0.1]), temperature=1.0),
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
        sample(z, torch.tensor([0.55, 0.15]), temperature=0.5),
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
        sample(z, torch.tensor([0.99, 0.01]), temperature=1.0, top_k=1),
        torch.tensor([0, 2]),
        "top_k = 1 leaves one token per row: hand top_k on",
    )
    check.equal(
        sample(z, torch.tensor([0.99, 0.01]), temperature=1.0, top_p=0.4),
        torch.tensor([0, 2]),
        "top_p = 0.4 leaves one token per row: hand top_p on",
    )
    check.equal(
        sample(z, torch.tensor([0.99, 0.01]), temperature=1.0, min_p=0.9),
        torch.tensor([0, 2]),
        "min_p = 0.9 leaves one token per row: hand min_p on",
    )
    check.equal(
        sample(z, torch.tensor([0.99, 0.01]), temperature=0.5, top_p=0.85),
        torch.tensor([1, 1]),
        "T = 0.5 and top_p = 0.85 leave two tokens per row: hand both on in one call of "
        "filter_logits, which applies the temperature first",
    )
    for settings in ({"top_k": 2, "top_p": 0.6}, {"top_k": 3, "min_p": 0.7}):
        check.equal(
            sample(z, torch.tensor([0.99, 0.01]), temperature=1.0, **settings),
            torch.tensor([0, 2]),
            f"{settings} together leave one token per row: hand all settings on, not the "
            "first that is given",
        )


def check_generate(generate_from_table: Callable) -> None:
    """Raise Mistake unless it reads the whole text, stops in three ways, draws by itself."""
    follows = 9 * torch.eye(8).roll(1, dims=1)  # 1 follows 0, 2 follows 1, ...
    _check_greedy_text(generate_from_table, follows)
    _check_random_text(generate_from_table)
    for setting in ({"top_k": 1}, {"top_p": 0.01}, {"min_p": 1.0}):
        check.equal(
            generate_from_table(follows / 9, [0], 6, temperature=1.0, seed=3, **setting)[0],
            [1, 2, 3, 4, 5, 6],
            f"{setting} leaves one token to draw: hand it on to sample",
        )
    mix = torch.tensor([0.5, 0.3, 0.2]).log().repeat(3, 1)
    for settings in ({"top_k": 2, "top_p": 0.6}, {"top_k": 3, "min_p": 0.7}):
        check.equal(
            generate_from_table(mix, [0], 20, temperature=1.0, seed=3, **settings)[0],
            [0] * 20,
            f"{settings} together leave one token to draw: hand all settings on, not the "
            "first that is given",
        )


def _check_greedy_text(generate_from_table: Callable, follows: Tensor) -> None:
    """Raise Mistake unless the likeliest ids are yielded one by one, until the text has to stop."""
    check.that(
        generate_from_table(follows, [0, 1], 3)[0][:1] != [1],
        "[0, 1] goes on with 2, not with 1: take the logits of the last position",
    )
    check.equal(
        generate_from_table(follows, [0, 1], 3)[0],
        [2, 3, 4],
        "[0, 1] continues with 2, 3, 4: yield the new ids only; max_new_tokens does not "
        "count the prompt",
    )
    check.equal(
        generate_from_table(follows, [0, 1], 3)[1],
        [2, 3, 4],
        "the model must read the whole text so far at each step: 2, then 3, then 4 tokens",
    )
    check.equal(
        generate_from_table(follows, [0, 1], 5, stop_ids=[3])[0],
        [2, 3],
        "3 is a stop token: it is yielded, then nothing more",
    )
    check.equal(
        generate_from_table(follows, [0, 1], 5, stop_ids=[6, 3])[0],
        [2, 3],
        "6 and 3 are stop tokens: each of them ends the text, not only the first",
    )
    check.equal(
        generate_from_table(follows, [0, 3], 2, stop_ids=[3])[0],
        [4, 5],
        "a stop token in the prompt stops nothing: only one that was picked does",
    )
    check.equal(
        generate_from_table(follows, [0, 1], 9, context=5)[0],
        [2, 3, 4],
        "a context of 5 has room for 3 tokens after a prompt of 2: stop when it is full",
    )
    check.equal(
        generate_from_table(follows, [0, 1], 0)[0], [], "max_new_tokens = 0 makes no tokens"
    )
    check.equal(
        generate_from_table(follows, [0, 1], 5, take=1)[:2],
        ([2], [2]),
        "who asks for one id must get it after one run of the model: yield each id as soon "
        "as it is picked",
    )
    check.equal(
        generate_from_table(follows, [0, 1], 3)[2],
        [0, 1],
        "the caller's list has grown: ids must stay as it is, work on a list of your own",
    )


def _check_random_text(generate_from_table: Callable) -> None:
    """Raise Mistake unless a text hangs on its seed alone, and without one on chance."""
    flat = torch.zeros(8, 8)
    a, b = (generate_from_table(flat, [0], 20, temperature=1.0, seed=s)[0] for s in (1, 2))
    check.that(
        a != b,
        "at temperature 1 two seeds gave the same 20 tokens: hand temperature on to "
        "sample, and draw u from a generator with that seed",
    )
    check.that(
        a[1:] != b[:-1],
        "the text of seed 2 is that of seed 1 without its first token: make one generator "
        "for the whole text, not one per step",
    )
    check.equal(len(a), 20, "max_new_tokens=20 gave another number of tokens")
    check.that(
        len(set(a)) > 1,
        "all tokens of a flat distribution came out equal: draw a fresh u at each step",
    )
    check.equal(
        generate_from_table(flat, [0], 20, temperature=1.0, seed=1)[0],
        a,
        "the same seed must give the same tokens",
    )
    check.equal(
        generate_from_table(flat, [0], 20, temperature=1.0, seed=1, distracted=True)[0],
        a,
        "somebody else drew random numbers, and your text changed: use a torch.Generator "
        "of your own, not one that all share",
    )
    zero = [generate_from_table(flat, [0], 20, temperature=1.0, seed=0)[0] for _ in range(2)]
    check.equal(zero[0], zero[1], "seed 0 is a seed too: ask `seed is None`, not `not seed`")
    texts = [generate_from_table(flat, [0], 20, temperature=1.0)[0] for _ in range(2)]
    check.that(
        texts[0] != texts[1],
        "without a seed every text came out the same: seed=None means another text each time",
    )
    after = []
    for _ in range(2):
        generate_from_table(flat, [0], 20, temperature=1.0, seed=1)
        after.append(generate_from_table(flat, [0], 20, temperature=1.0)[0])
    check.that(
        after[0] != after[1],
        "after a text with a seed, every text without one came out the same: seed a "
        "torch.Generator of your own, not one that all share",
    )


# Why a phrase gets likelier with each copy. Each gives the probability of the next id after `ids`.

LONGEST_MATCH = 3  # ids that an explanation by order looks back for


def words_are_known(ids: list[int], new: int) -> float:
    """Return the share of `new` among all ids so far, whatever their order."""
    return (ids.count(new) + 0.01) / (len(ids) + 1)


def order_is_known(ids: list[int], new: int) -> float:
    """Return the share of `new` among what has followed the end of `ids` before: the longest end,
    of up to three ids, that has come before."""
    for size in range(min(LONGEST_MATCH, len(ids)), 0, -1):
        starts = range(len(ids) - size)
        followers = [ids[at + size] for at in starts if ids[at : at + size] == ids[-size:]]
        if followers:
            return (followers.count(new) + 0.01) / (len(followers) + 1)
    return 0.01


def expected(
    explanation: Callable[[list[int], int], float], copies: list[list[int]]
) -> list[float]:
    """Return the mean probability of the ids of each copy but the first, as an explanation expects
    them."""
    ids, means = list(copies[0]), []
    for copy in copies[1:]:
        chances = []
        for token in copy:
            chances.append(explanation(ids, token))
            ids.append(token)
        means.append(sum(chances) / len(chances))
    return means


def check_control_copies(control_copies: Callable, body: Sequence[int], n: int, seed: int) -> None:
    """Raise Mistake unless the copies have their form and tell the two explanations apart."""
    answer = control_copies(list(body), n, seed)
    check.that(answer is not None, "control_copies gave back None: is there a return?")
    copies = [[int(i) for i in copy] for copy in answer]
    check.equal(len(copies), n, f"return {n} copies, a list of {n} lists of ids")
    check.that(
        all(len(copy) == len(body) for copy in copies),
        "each copy must be as long as the phrase, or the copies differ in more than "
        "what is asked about",
    )
    phrase = [list(body)] * n
    check.that(
        copies != phrase,
        "this is the phrase itself, n times over: both explanations expect it to get "
        "likelier. Such a control cannot fail",
    )
    words, words_of_phrase = (expected(words_are_known, run) for run in (copies, phrase))
    check.that(
        all(
            chance > 0.9 * chance_of_phrase
            for chance, chance_of_phrase in zip(words, words_of_phrase)
        ),
        "these words are less known by the last copy, or by one before it, than those of "
        "the phrase. So both explanations expect it to be unlikely, and the result tells "
        "you nothing: each copy needs the same words",
    )
    order = expected(order_is_known, copies)
    check.that(
        sum(order) / len(order) < 0.25,
        "in your copies the same tokens follow each other again, so both explanations "
        "expect later copies to be likely. Such a control cannot fail: let each copy "
        "have an order of its own",
    )
    check.that(
        list(body) not in copies,
        "one of your copies is the phrase itself: what makes it likely may be its own order",
    )
    check.that(
        len({*map(tuple, copies)}) == n,
        "two of your copies are equal: the second can be read off the first, so its order is known",
    )


# What follows "Therefore, a robin has". A premise is one of these sentences.

RULE = re.compile(r"(All|No) (\w+) have (\w+)\.")
CASE = re.compile(r"A (\w+) is (not )?an? (\w+)\.")
SENTENCE = re.compile(r"[^.]+\.")


def unread(premises: str) -> str | None:
    """Return the first sentence that is neither a rule nor a case; None if there is none."""
    sentences = [sentence.strip() for sentence in SENTENCE.findall(premises)]
    leftover = SENTENCE.sub("", premises).strip()
    unknown = [
        sentence
        for sentence in sentences
        if not (RULE.fullmatch(sentence) or CASE.fullmatch(sentence))
    ]
    return leftover or (unknown[0] if unknown else None)


def a_copier(premises: str) -> str | None:
    """Return the part that the last rule names."""
    rules = RULE.findall(premises)
    return rules[-1][2] if rules else None


def a_reasoner(premises: str, case: str, kinds: dict[str, str]) -> set[str]:
    """Return the parts that follow for `case`, also by several steps. kinds: {one bird: many
    birds}."""
    names = {case}
    for _ in range(len(premises)):
        new = {kind for one, no, kind in CASE.findall(premises) if one in names and not no}
        if new <= names:
            break
        names |= new
    many = {kinds.get(name, f"{name}s") for name in names}
    rules = [(word, part) for word, kind, part in RULE.findall(premises) if kind in many]
    return {part for word, part in rules if word == "All"} - {
        part for word, part in rules if word == "No"
    }


def check_control_premises(
    control_premises: Callable, case: str, kind: str, kinds: str, part: str
) -> None:
    """Raise Mistake unless the premises can be read and tell the two explanations apart."""
    premises = control_premises(case, kind, kinds, part)
    check.that(premises is not None, "control_premises gave back None: is there a return?")
    check.that(isinstance(premises, str), "return a text, the premises")
    check.that("Therefore" not in premises, "the premises only: “Therefore, …” is added")
    unreadable = unread(premises)
    check.that(
        unreadable is None,
        f"the check cannot read {unreadable!r}: a premise is “All … have ….”, “No … have ….”, "
        "“A … is a ….” or “A … is not a ….”",
    )
    check.that(
        not {case, f"{case}s"}.isdisjoint(re.findall(r"\w+", premises)),
        f"no premise is about a {case}: a reasoner has nothing to reason from. "
        f"Say what a {case} is, or is not",
    )
    many = {kind: kinds, case: f"{case}s"}
    copy = a_copier(premises)
    follows = a_reasoner(premises, case, many)
    check.that(copy is not None, "without a rule a copier has nothing to copy: let one stand")
    check.that(
        copy not in follows,
        f"a copier and a reasoner both go on with {copy!r}. Whatever the model says, "
        "you do not know which it is: such a control cannot fail",
    )


def check_repetition_penalty(repetition_penalty: Callable, left_alone: Callable) -> None:
    """Raise Mistake unless each token of the row's own text gets less likely, once."""
    z = torch.tensor([[4.0, -1.0, 2.0]])
    check.that(
        repetition_penalty(z, torch.tensor([[1]]), 2.0) is not None,
        "repetition_penalty gave back None: is there a return?",
    )
    check.that(
        isinstance(repetition_penalty(z, torch.tensor([[1]]), 2.0), Tensor),
        "return a tensor, not a list: torch.tensor makes one of a list of rows",
    )
    check.close(
        left_alone("repetition_penalty", z.clone(), torch.tensor([[0, 1]]), 2.0),
        z,
        "the caller's logits have changed: return a new tensor and leave them as they are",
    )
    check.close(
        repetition_penalty(z, torch.tensor([[1]]), 2.0)[:, [0, 2]],
        torch.tensor([[4.0, 2.0]]),
        "tokens 0 and 2 are not in the text: they stay as they are",
    )
    check.close(
        repetition_penalty(z, torch.tensor([[1]]), 2.0),
        torch.tensor([[4.0, -2.0, 2.0]]),
        "dividing a negative logit would raise it: multiply -1 by the penalty",
    )
    check.close(
        repetition_penalty(z, torch.tensor([[0]]), 2.0),
        torch.tensor([[2.0, -1.0, 2.0]]),
        "a positive logit of a token in the text is divided; tokens not in the text stay "
        "as they are",
    )
    check.close(
        repetition_penalty(z, torch.tensor([[0, 1, 0]]), 2.0)[:, 1:2],
        torch.tensor([[-2.0]]),
        "every token of the text counts, not only its first or last",
    )
    check.close(
        repetition_penalty(z, torch.tensor([[0, 1, 0]]), 2.0),
        torch.tensor([[2.0, -2.0, 2.0]]),
        "token 0 occurs twice and is penalised once",
    )
    check.close(
        repetition_penalty(z, torch.tensor([[0] + [2] * 300]), 2.0),
        torch.tensor([[2.0, -1.0, 1.0]]),
        "token 0 stands at the start of a text of 301 tokens: the whole text counts, however long",
    )
    check.close(
        repetition_penalty(z.repeat(2, 1), torch.tensor([[0, 0], [1, 2]]), 2.0),
        torch.tensor([[2.0, -1.0, 2.0], [4.0, -2.0, 1.0]]),
        "each row has its own text",
    )
    check.close(
        repetition_penalty(z, torch.tensor([[0, 1, 2]]), 1.0), z, "a penalty of 1 changes nothing"
    )
    check.close(
        left_alone("repetition_penalty", z.clone(), torch.tensor([[0]]), 1.0),
        z,
        "at penalty 1 the caller's logits have changed: return a new tensor there, too",
    )
    check.close(
        repetition_penalty(z, torch.tensor([[0, 1]]), 0.5),
        torch.tensor([[8.0, -0.5, 2.0]]),
        "a penalty of 0.5 raises both: 4 is still divided by it, -1 still multiplied",
    )


def brute_force(
    table: Tensor, start: int, steps: int, stop: Collection[int] = ()
) -> list[tuple[tuple[int, ...], float]]:
    """Return all continuations of `start` with their log-probabilities, best first."""
    log_p, scores = torch.log_softmax(table.double(), -1), {}
    for path in itertools.product(range(len(table)), repeat=steps):
        end = next((n + 1 for n, i in enumerate(path) if i in stop), steps)
        path = path[:end]
        scores[path] = sum(log_p[a, b].item() for a, b in zip((start, *path), path))
    return sorted(scores.items(), key=lambda item: -item[1])


def check_beam_search(beam_search_from_table: Callable) -> None:
    """Raise Mistake unless the best continuations by their sum come, finished ones too."""
    table = torch.tensor([[0.35, 0.33, 0.32], [0.05, 0.05, 0.9], [0.6, 0.4, 1e-9]]).log()
    _check_beams(beam_search_from_table, table)
    _check_finished_beams(beam_search_from_table, table)
    _check_places(beam_search_from_table, table)
    _check_ends(beam_search_from_table, table)


def _check_beams(beam_search_from_table: Callable, table: Tensor) -> None:
    """Raise Mistake unless the best continuations come, with the sum of their log-probabilities."""
    narrow, wide = (
        beam_search_from_table(table, [2], 2, 1),
        beam_search_from_table(table, [2], 2, 2),
    )
    check.equal(len(narrow), 1, "width 1 keeps one continuation")
    check.that(len(narrow[0][0]) != 3, "a continuation is the new ids only, without the prompt")
    check.equal(narrow[0][0], [0, 0], "width 1 is greedy: 0 (0.6), then 0 (0.35)")
    check.that(len(wide) < 2 or wide[0][1] >= wide[1][1], "the best continuation comes first")
    check.equal(
        wide[0][0],
        [1, 2],
        "width 2 keeps the beginning 1 (0.4), and 0.4 × 0.9 = 0.36 beats 0.6 × 0.35 = 0.21",
    )
    check.equal(len(wide), 2, "width 2 keeps two continuations, not two for each beginning")
    check.close(
        wide[0][1],
        math.log(0.36),
        "the score is the sum of log-probabilities: log 0.4 + log 0.9",
        atol=1e-4,
    )
    check.close(
        beam_search_from_table(table + 5, [2], 2, 2)[0][1],
        math.log(0.36),
        "adding 5 to all logits changes no probability: logits are not log-probabilities, "
        "softmax comes first",
        atol=1e-4,
    )
    check.equal(
        [new for new, _ in beam_search_from_table(table, [2], 2, 3)],
        [[1, 2], [0, 0], [0, 1]],
        "the two best next tokens of one beginning may both survive: compare all "
        "candidates with each other",
    )
    exact = brute_force(table, 2, 3)
    beams = beam_search_from_table(table, [2], 3, 27)
    check.equal(
        [new for new, _ in beams[:3]],
        [list(path) for path, _ in exact[:3]],
        "with room for all 27 continuations the best three must be those of trying them all",
    )


def _check_finished_beams(beam_search_from_table: Callable, table: Tensor) -> None:
    """Raise Mistake unless a stop token finishes a continuation, which stays as it is."""
    finals = beam_search_from_table(table, [2], 3, 27, stop_ids=[0])
    check.that(
        len(finals) > 3,
        "[0] is the best and finished, but others are not: go on while any is unfinished",
    )
    check.that(
        [0] in [new for new, _ in finals],
        "0 is a stop token: the continuation [0] is finished and must stay in the race as it is",
    )
    check.close(
        next(score for new, score in finals if new == [0]),
        math.log(0.6),
        "the score of a finished continuation counts its stop token, too: [0] has log 0.6",
        atol=1e-4,
    )
    check.that(
        all(0 not in new[:-1] for new, _ in finals), "a continuation went on after its stop token"
    )
    check.that(
        all(
            not {0, 2} & set(new[:-1])
            for new, _ in beam_search_from_table(table, [2], 3, 27, stop_ids=[0, 2])
        ),
        "0 and 2 are stop tokens: each of them finishes a continuation, not only the first",
    )


def _check_places(beam_search_from_table: Callable, table: Tensor) -> None:
    """Raise Mistake unless all candidates, finished ones too, compete for the places by the sum."""
    half = torch.tensor([[0.5, 0.4, 0.1], [0.2, 0.3, 0.5], [0.9, 0.1, 1e-9]]).log()
    check.equal(
        [new for new, _ in beam_search_from_table(half, [2], 2, 2)],
        [[0, 0], [0, 1]],
        "both places may go to one beginning: of 0.9 × 0.5, 0.9 × 0.4 and 0.1 × 0.5 the "
        "first two survive",
    )
    ends = torch.tensor([[1.0, 0, 0, 0], [0.2, 0.5, 0.3, 0], [0, 0, 1, 0], [0.5, 0.3, 0.2, 0]])
    check.equal(
        [new for new, _ in beam_search_from_table((ends + 1e-9).log(), [3], 2, 2, stop_ids=[0])],
        [[0], [1, 1]],
        "a finished continuation takes one of the width places: of 0.5 (finished), 0.3 and "
        "0.2 the last is dropped at width 2",
    )
    long = torch.zeros(6, 6)
    long[5, :3] = torch.tensor([0.5, 0.3, 0.2])
    long[1, 3:5] = torch.tensor([0.6, 0.4])
    long[3, 1:5] = torch.tensor([0.4, 0.3, 0.2, 0.1])
    long[[0, 2, 4], [0, 2, 5]] = 1.0
    check.equal(
        [new for new, _ in beam_search_from_table((long + 1e-9).log(), [5], 3, 2, stop_ids=[0])],
        [[0], [1, 3, 1]],
        "a finished continuation keeps its place at every later step: beside [0] there is "
        "room for [1, 3] alone, and [1, 4] is dropped",
    )
    check.equal(
        beam_search_from_table(table, [2], 2, 1, stop_ids=[2])[0][0],
        [0, 0],
        "the prompt ends in a stop token: only a new token finishes a continuation",
    )
    ends[3] = torch.tensor([0.35, 0.6, 0.05, 0])
    check.equal(
        [new for new, _ in beam_search_from_table((ends + 1e-9).log(), [3], 2, 2, stop_ids=[0])],
        [[0], [1, 1]],
        "continuations are ranked by the sum, not by the mean per token: 0.35 beats 0.6 × "
        "0.5 = 0.3",
    )


def _check_ends(beam_search_from_table: Callable, table: Tensor) -> None:
    """Raise Mistake unless the context and stop tokens end the search, and odd scores survive."""
    check.equal(
        [len(new) for new, _ in beam_search_from_table(table, [2, 2], 5, 2, context=4)],
        [2, 2],
        "a context of 4 has room for 2 tokens after a prompt of 2",
    )
    check.equal(
        [new for new, _ in beam_search_from_table(table, [2], 5, 2, stop_ids=[0, 1])],
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
    far, scores = torch.tensor([[0.0, -200.0]] * 2), []
    with suppress(ValueError):  # Python's, of math.log(0)
        scores = [score for _, score in beam_search_from_table(far, [0], 1, 2)]
    check.that(
        len(scores) == 2 and abs(scores[1] + 200) < 1e-3,
        "token 1 has log-probability -200, a score like others: add log-probabilities; "
        "as a probability it is rounded to 0, and its logarithm is lost",
    )


def check_empty_answers(empty_answers_from_table: Callable) -> None:
    """Raise Mistake unless the likeliest answers of both arms are counted."""
    # A toy: tokens 1 to 6 are words, 8 and 9 stop tokens, [11] opens, [10, 7] closes a turn
    p = torch.full((12, 12), 1e-9)
    p[0, [9, 1, 2, 3]] = torch.tensor([0.3, 0.4, 0.29, 0.01])  # stop wins, not first
    p[5, [8, 1]] = torch.tensor([0.8, 0.2])
    p[2, [3, 4]] = torch.tensor([0.6, 0.4])  # words win
    p[8, [9, 1, 3]] = torch.tensor([0.3, 0.35, 0.34])  # stop has 0.3 and loses to 3
    p[7, [1, 9]] = torch.tensor([0.9, 0.1])  # after the template words win
    p[1, 3:7] = 0.25
    p[[3, 4, 6], [9, 9, 9]] = 1.0  # and every answer ends
    p[[10, 11], [5, 5]] = 1.0
    table, o, c = p.log(), [11], [10, 7]
    counts, prompts = empty_answers_from_table(table, [[4, 0]], o, c)
    check.equal(len(counts), 2, "return two numbers: asked plainly, asked in the template")
    check.that(
        [4, 0] in prompts,
        "the plain arm must ask the question as it is, without opening and closing: two "
        "arms that are alike show nothing",
    )
    check.that(
        [11, 4, 0] not in prompts,
        "in the template the turn of the user never ended: put closing after the question",
    )
    check.that(
        [4, 0, 10, 7] not in prompts,
        "in the template the turn of the user never began: put opening before the question",
    )
    check.equal(
        prompts,
        [[4, 0], [11, 4, 0, 10, 7]],
        "ask twice: [4, 0] as it is, and [11, 4, 0, 10, 7] in the template",
    )
    check.that(counts != [0, 1], "the two numbers have changed places: asked plainly comes first")
    check.that(
        counts != [0, 0],
        "stopping at once has 0.3 and the best text 0.1, and you missed it: search with "
        "the width that is given (greedy takes 1, with 0.4), and take the answer that the "
        "search puts first",
    )
    check.that(
        counts != [1, 1],
        "the answer 1, 3, 9 has words, and 9 only ends it: an answer is empty if it "
        "*begins* with a stop token, and only the likeliest answer counts",
    )
    check.equal(counts, [1, 0], "plainly [9] is the likeliest, in the template 1, 3, 9")
    check.equal(
        empty_answers_from_table(table, [[2]], o, c)[0],
        [0, 0],
        "after 2 the likeliest answer has words, and a stop token only ends it; that an "
        "empty one was found as well says nothing: only the likeliest answer counts",
    )
    check.that(
        empty_answers_from_table(table, [[4, 8]], o, c)[0] == [0, 0],
        "stopping at once has 0.3 here, and yet it loses: the answer 3, 9 has 0.34. A "
        "threshold for the stop token knows of no other answer, and the greedy one, 1, has "
        "less; search",
    )
    check.that(
        empty_answers_from_table(table, [[4, 0]], o, c, width=1)[0] == [0, 0],
        "the width is 1 here, so the search is greedy and takes 1, with 0.4: search with "
        "the width that is given",
    )
    check.that(
        empty_answers_from_table(table, [[4, 0]], o, c, max_new_tokens=1)[0] == [0, 0],
        "max_new_tokens is 1 here, so the answer 1 has its 0.4 and wins: search with the "
        "length that is given",
    )
    check.equal(
        empty_answers_from_table(table, [[4, 5]], o, c, (9, 8))[0],
        [1, 0],
        "9 and 8 are stop tokens: each of them makes an answer empty",
    )
    outcome = empty_answers_from_table(table, [[4, 0], [6, 5], [3, 2]], o, c, (9, 8))
    check.equal(
        outcome[1],
        [[3, 2], [4, 0], [6, 5]] + [[11, 3, 2, 10, 7], [11, 4, 0, 10, 7], [11, 6, 5, 10, 7]],
        "both arms must ask all the same questions",
    )
    check.equal(outcome[0], [2, 0], "count the questions of each arm: two of three, and none")
    p[7, [1, 9]] = torch.tensor([0.1, 0.9])
    check.equal(
        empty_answers_from_table(p.log(), [[4, 0], [3, 2]], o, c)[0],
        [1, 2],
        "here the model stops at once in the template: the control must be able to show that, too",
    )


def pairs_kept(rows: Sequence[tuple[float, float]]) -> tuple[Tensor, Tensor, Tensor]:
    """Return logits of [p, p, r, r, the rest], and what two filters leave: p's, r's."""
    logits = torch.tensor([[p, p, r, r, 1 - 2 * p - 2 * r] for p, r in rows]).log()
    a, b = torch.full_like(logits, -math.inf), torch.full_like(logits, -math.inf)
    a[:, :2], b[:, 2:4] = logits[:, :2], logits[:, 2:4]
    return logits, a, b


def compared_one_by_one(logits: Tensor, a: Tensor, b: Tensor, h: float) -> list[float]:
    """Compare two filters by a search of ordinary numbers, row by row."""
    differences = []
    for row, *sides in zip(logits.double(), a.double(), b.double()):
        qualities = []
        for side in sides:
            low, high = 0.01, 100.0
            for _ in range(80):
                t = (low + high) / 2
                q = torch.softmax(side / t, 0)
                low, high = (t, high) if torch.special.entr(q).sum() < h else (low, t)
            qualities.append((q * torch.log_softmax(row, 0)).sum())
        differences.append(qualities[0] - qualities[1])
    d = torch.stack(differences)
    half = 1.96 * d.std() / math.sqrt(len(d))
    return [d.mean().item(), (d.mean() - half).item(), (d.mean() + half).item()]


def check_compare_filters(compare_filters: Callable) -> None:
    """Raise Mistake unless it is the mean of paired differences at one entropy, with interval."""
    rows = [(0.3, 0.15), (0.4, 0.05), (0.25, 0.2), (0.35, 0.1)]
    d = torch.tensor([math.log(p / r) for p, r in rows])
    out = compare_filters(*pairs_kept(rows), math.log(2))
    check.that(
        isinstance(out, (tuple, list)) and len(out) == 3,
        "return three numbers: the mean difference, the low and the high end of its "
        "interval (is there a return?)",
    )
    out = [float(number) for number in out]
    check.that(
        all(map(math.isfinite, out)),
        "a result is not finite: tokens that were cut have probability 0, and 0 times -inf "
        "is not a number; take ln p from the model's own logits, which cut nothing",
    )
    check.that(
        abs(out[0]) > 1e-3,
        "the two filters came out equally good: judge both by the model's probabilities, "
        "ln p, and not by what the filter made of them",
    )
    check.that(out[0] > 0, "the difference has the wrong sign: quality of a minus quality of b")
    check.close(
        out[0],
        d.mean().item(),
        "the mean of the differences: here each is ln of p over r, whatever T",
        atol=1e-3,
    )
    half = 1.96 * d.std().item() / 2
    check.that(
        abs((out[2] - out[1]) / 2 - 2 * half) > 1e-3,
        "your interval says where one prompt lies: that of the mean is s / √n wide",
    )
    check.that(
        abs((out[2] - out[1]) / 2 - 1.96 * d.std(unbiased=False).item() / 2) > 1e-3,
        "the standard deviation divides by n - 1, not by n",
    )
    check.that(
        abs(out[1] - d.min().item()) > 1e-3 or abs(out[2] - d.max().item()) > 1e-3,
        "the smallest and the largest difference say how far prompts lie apart, not how "
        "sure their mean is",
    )
    check.that(
        out[2] - out[1] > 1e-3,
        "four prompts that differ leave no doubt at all: the interval has no width",
    )
    check.close(
        out[1:],
        [d.mean().item() - half, d.mean().item() + half],
        "the interval is the mean ± 1.96 s / √n, with s of the *differences*, row by row: "
        "the same prompts went through both filters",
        atol=1e-3,
    )
    g = torch.Generator().manual_seed(72)
    z = torch.randn(5, 30, generator=g) * 2
    best = z.sort(descending=True).values
    nucleus = z.masked_fill(z < best[:, 9:10], -math.inf)
    check.close(
        compare_filters(z, nucleus, nucleus, 1.5),
        [0.0, 0.0, 0.0],
        "a filter compared with itself differs by 0, and surely so",
        atol=1e-4,
    )
    check.close(
        compare_filters(z, nucleus, nucleus + 7, 1.5),
        [0.0, 0.0, 0.0],
        "adding 7 to what a filter left changes no probability",
        atol=1e-3,
    )
    difference = compare_filters(z, nucleus, z, 1.5)
    check.that(
        float(difference[0]) < 0,
        "here a filter beats temperature alone, which cannot be: bring both to the *same* "
        "entropy h first, then compare",
    )
    check.close(
        difference,
        compared_one_by_one(z, nucleus, z, 1.5),
        "the temperature of each row and each filter must make its entropy h = 1.5; the "
        "quality is the sum of q ln p, with p at temperature 1",
        atol=2e-3,
    )
    check.close(
        compare_filters(z, nucleus, z, 0.9),
        compared_one_by_one(z, nucleus, z, 0.9),
        "h is 0.9 here, and was 1.5 above: bring both to the entropy that is given",
        atol=2e-3,
    )


def check_constrain(constrain: Callable, left_alone: Callable) -> None:
    """Raise Mistake unless what goes on with an open choice stays and the rest is cut."""
    z = torch.tensor([0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, -0.8, 0.9, -1.0])
    choices = [[5, 2], [5, 7, 2], [9, 2]]

    def row_with(*ids: int) -> list[float]:
        return [z[i].item() if i in ids else -math.inf for i in range(10)]

    check.that(
        isinstance(constrain(z, [], choices), Tensor),
        "return a tensor, not a list (is there a return?)",
    )
    check.close(
        left_alone("constrain", z.clone(), [9], [[9, 2], [5, 7, 2], [5, 2]]),
        z,
        "the caller's logits have changed: return a new tensor and leave them as they are",
    )
    check.close(
        constrain(z, [], choices),
        row_with(5, 9),
        "nothing is written yet: only 5 and 9 begin a choice, with their own logits, and "
        "everything else is -inf",
    )
    check.close(
        constrain(z, [5], choices),
        row_with(2, 7),
        "after 5 two choices are open: one goes on with 2, the other with 7",
    )
    check.close(
        constrain(z, [5, 7], choices),
        row_with(2),
        "after 5, 7 only the choice [5, 7, 2] is open: look at all that is written, not "
        "only at how much",
    )
    check.close(
        constrain(z, [9], choices),
        row_with(2),
        "after 9 only 2 may come: a choice that began otherwise is closed",
    )
    check.close(
        constrain(z, [7, 5], [[5, 7, 2], [7, 5, 9], [3, 7, 5, 8], [5, 5, 4]]),
        row_with(9),
        "after 7, 5 only [7, 5, 9] is open: a choice is open if it begins with all that is "
        "written, in that order",
    )
    check.close(
        constrain(z, [4, 1], [[4, 1, 3], [1, 6], [4, 8, 6], [4]]),
        row_with(3),
        "choices of different lengths: those shorter than what is written are closed too",
    )
    check.close(
        constrain(z, [5], [[5], [5, 7, 2]]),
        row_with(7),
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
        constrain(torch.stack([z, z + 1]), [], [[2, 3], [0]]),
        torch.tensor([row_with(0, 2), [logit + 1 for logit in row_with(0, 2)]]),
        "logits may have dimensions in front: mask along the last one",
    )
    check.close(
        constrain(z, [5, 2], choices),
        [-math.inf] * 10,
        "no choice goes on with what is written, so no token may come next",
    )
    check.close(
        constrain(torch.zeros(2, 3, 6), [], [[4]]),
        torch.full((2, 3, 6), -math.inf).index_fill(-1, torch.tensor([4]), 0.0),
        "any number of dimensions in front: mask along the last one",
    )
