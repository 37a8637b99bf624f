"""Try the cases of notebook 3's checks: a mistake that learners make, and the message that names
it."""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention as torchs_attention

from exercises import check

Heads = Sequence[tuple[int, ...]]  # (layer, head)


def check_scaled_dot_product_attention(scaled_dot_product_attention: Callable) -> None:
    """Raise Mistake unless weights sum to 1, scores are divided by √head_dim and masked before the
    softmax, with any leading dimensions."""
    g = torch.Generator().manual_seed(31)
    q, k = torch.randn(2, 4, generator=g), torch.randn(5, 4, generator=g)
    output = scaled_dot_product_attention(q, k, torch.full((5, 3), 7.0))
    check.that(
        not isinstance(output, (list, tuple)),
        "return one tensor: torch.stack makes one of a list of outputs (return the mixture "
        "alone, without the weights)",
    )
    check.close(
        output,
        torch.full((2, 3), 7.0),
        "if all values are the same, so is each output: return the mixture of values, and "
        "take the softmax over the keys (dim=-1): the weights of one query sum to 1",
        atol=1e-4,
    )
    q = torch.tensor([[2.0, 0, 0, 0]])
    k = torch.tensor([[math.log(3), 0, 0, 0], [0, 0, 0, 0]])
    v = torch.tensor([[4.0], [0.0]])
    check.close(
        scaled_dot_product_attention(q, k, v),
        torch.tensor([[3.0]]),
        "the example by hand: divide the scores by √head_dim (here √4 = 2), the root of "
        "the number of columns of q",
        atol=1e-4,
    )
    output = None
    with suppress(RuntimeError):  # k.T reverses all dimensions, and nothing fits any more
        output = scaled_dot_product_attention(
            torch.ones(1, 2, 1, 4), torch.zeros(1, 2, 3, 4), torch.full((1, 2, 3, 1), 7.0)
        )
    check.that(
        output is not None,
        "with a batch and heads in front it raises an error: turn only the last two "
        "dimensions of k, k.transpose(-2, -1). k.T reverses all of them",
    )
    check.close(
        output,
        torch.full((1, 2, 1, 1), 7.0),
        "with a batch and heads in front the softmax still runs over the keys: they are "
        "the last dimension of the scores (dim=-1)",
        atol=1e-4,
    )
    heads = (
        torch.ones(1, 2, 1, 4),
        torch.tensor([[1.0] * 4, [0.0] * 4]).expand(1, 2, 2, 4),
        torch.tensor([[1.0], [0.0]]).expand(1, 2, 2, 1),
    )
    share = math.exp(2) / (math.exp(2) + 1)
    check.close(
        scaled_dot_product_attention(*heads),
        torch.full((1, 2, 1, 1), share),
        "with two heads of 4 columns the scores are still divided by √head_dim = √4, not "
        "by √d_model = √8",
        atol=1e-4,
    )
    check_large_scores(scaled_dot_product_attention)
    check_masked_scores(scaled_dot_product_attention)


def check_large_scores(scaled_dot_product_attention: Callable) -> None:
    """Raise Mistake unless large scores leave the weights finite."""
    q = torch.tensor([[2.0, 0, 0, 0]])
    k = torch.tensor([[math.log(3), 0, 0, 0], [0, 0, 0, 0]])
    v = torch.tensor([[4.0], [0.0]])
    check.close(
        scaled_dot_product_attention(1000 * q, k, v),
        torch.tensor([[4.0]]),
        "large scores must not overflow: exp(1000) is infinite; torch.softmax subtracts "
        "the maximum first",
    )
    check.close(
        scaled_dot_product_attention(
            torch.tensor([[-1000.0, 0, 0, 0], [1000, 0, 0, 0]]),
            torch.tensor([[2.0, 0, 0, 0], [4, 0, 0, 0]]),
            torch.tensor([[1.0], [0.0]]),
        ),
        torch.tensor([[1.0], [0.0]]),
        "each query has a maximum of its own to subtract, not one for all; clip nothing",
    )


def check_masked_scores(scaled_dot_product_attention: Callable) -> None:
    """Raise Mistake unless a forbidden key gets no weight and the others sum to 1."""
    g = torch.Generator().manual_seed(32)
    vectors = torch.zeros(2, 4)
    half = torch.eye(
        2
    ).bool()  # each query may look at one key; read the wrong way round, at the other
    output = scaled_dot_product_attention(vectors, vectors, vectors, half)
    check.that(
        not torch.as_tensor(output).isnan().any(),
        "with a mask the output is NaN: 0 times infinity is no number, so put -infinity "
        "where the mask is False (masked_fill, torch.where) in place of multiplying by it",
    )
    check.close(
        scaled_dot_product_attention(vectors, vectors, torch.full((2, 1), 7.0), half),
        torch.tensor([[7.0], [7.0]]),
        "with a mask the weights that are left must still sum to 1: mask the scores before "
        "the softmax, not the weights after it",
        atol=1e-4,
    )
    output = scaled_dot_product_attention(vectors, vectors - 1, torch.tensor([[1.0], [0.0]]), half)
    check.that(
        output[0] > 0.01,
        "query 0 got its value from the key that the mask forbids: True means may look, "
        "False means hidden",
    )
    check.close(
        output,
        torch.tensor([[1.0], [0.0]]),
        "a forbidden key still gets a weight: its score must become -infinity (not 0), so "
        "that its weight is exactly 0",
        atol=1e-4,
    )
    check.close(
        scaled_dot_product_attention(vectors, vectors, torch.tensor([[1.0], [3.0]])),
        torch.tensor([[2.0], [2.0]]),
        "where no mask is given every query sees every key: hide nothing, and keep no mask "
        "of an earlier call",
        atol=1e-4,
    )
    low = torch.tensor([[-1e10], [0.0]]).repeat(1, 4)
    check.close(
        scaled_dot_product_attention(
            torch.ones(1, 4), low, torch.tensor([[1.0], [9.0]]), torch.tensor([[True, False]])
        ),
        torch.tensor([[1.0]]),
        "however low the scores of the keys that may be seen, a forbidden key gets "
        "nothing: its score must become -infinity, not just a low number (and weights that are "
        "all 0 after a mask cannot be divided by their sum)",
        atol=1e-4,
    )
    q, k, v = (torch.randn(2, 3, n, 8, generator=g) for n in (4, 6, 6))
    mask = torch.rand(2, 1, 4, 6, generator=g) > 0.4
    mask[..., 0] = True
    check.close(
        scaled_dot_product_attention(q.clone(), k.clone(), v.clone(), mask),
        torchs_attention(q, k, v, mask),
        "on random input of shape [2, 3, seq, 8], with a mask of its own for each text in "
        "the batch, this is not what torch computes",
        atol=1e-4,
    )


def check_causal_mask(causal_mask: Callable) -> None:
    """Raise Mistake unless row i sees itself and what came before, `start` old tokens included."""
    mask = causal_mask(3)
    check.that(
        isinstance(mask, Tensor) and mask.dtype == torch.bool,
        "the mask must be a tensor of True and False (dtype torch.bool): attention decides "
        "what a False does to a score",
    )
    check.equal(
        tuple(mask.shape),
        (3, 3),
        "causal_mask(3) has one row and one column for each of the 3 tokens",
    )
    check.that(
        mask[0, 0] or not mask[0, 2],
        "the mask is the wrong way round: True means may look, and the first token may "
        "look at itself only",
    )
    check.that(
        not (mask[0, 2] and not mask[2, 0]),
        "the mask is transposed: the row is the token that looks, the column the token it looks at",
    )
    check.that(
        mask[1, 1] and mask[2, 2], "row 1 does not look at position 1: a token may look at itself"
    )
    check.that(not mask[0, 1], "row 0 looks at position 1: the mask must hide the future")
    check.equal(
        mask,
        torch.tensor([[1, 0, 0], [1, 1, 0], [1, 1, 1]]).bool(),
        "a token sees itself and everything before it, and nothing after",
    )
    mask = causal_mask(2, start=3)
    check.equal(
        tuple(mask.shape),
        (2, 5),
        "causal_mask(2, start=3): 2 new tokens look at 3 old ones and at themselves, so "
        "the shape is [seq, start + seq]",
    )
    check.that(
        not torch.equal(mask, torch.ones(2, 5).tril().bool()),
        "with start=3, row 0 is the token at position 3 and sees positions 0 to 3, not position 0 "
        "alone: the triangle must move right by start (tril has an argument diagonal)",
    )
    check.equal(
        mask,
        torch.tensor([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]).bool(),
        "with start=3, row 0 is the token at position 3: it sees positions 0 to 3, and row "
        "1 sees position 4 as well",
    )
    check.equal(
        tuple(causal_mask(1, start=2100).shape),
        (1, 2101),
        "a text may be of any length, here 2101 tokens: do not cut the mask out of a table "
        "of fixed size",
    )


def check_split_heads(split_heads: Callable) -> None:
    """Raise Mistake unless heads are blocks of columns, as [batch, n_head, seq, head_dim]."""
    x = torch.arange(24.0).view(1, 2, 12)  # 1 text, 2 tokens, 3 heads of 4 columns
    heads = split_heads(x, 3)
    check.that(heads is not None, "split_heads gave back None: is there a return?")
    check.that(
        isinstance(heads, Tensor), "return one tensor: torch.stack makes one of a list of heads"
    )
    check.that(
        tuple(heads.shape) != (1, 2, 3, 4),
        "the shape is [batch, seq, n_head, head_dim]: swap positions and heads as a last step",
    )
    check.that(
        tuple(heads.shape) != (1, 4, 2, 3),
        "n_head is the number of heads (3), not the width of one (4)",
    )
    check.equal(
        tuple(heads.shape), (1, 3, 2, 4), "the shape must be [batch, n_head, seq, head_dim]"
    )
    check.that(
        heads[0, 0, 1, 0] != 4,
        "head 0 at position 1 holds columns of position 0: cut the columns of each row "
        "first, then swap dimensions; one reshape to the final shape mixes up positions",
    )
    check.that(
        heads[0, 0, 0, 1] != 3,
        "head 0 holds columns 0, 3, 6, 9: a head is a block of neighbouring columns, 0, 1, 2, 3",
    )
    check.equal(
        heads,
        torch.stack([x[:, :, 0:4], x[:, :, 4:8], x[:, :, 8:12]], dim=1),
        "head 0 is columns 0 to 3 of every position, head 1 columns 4 to 7, head 2 the rest",
    )
    check.equal(
        tuple(split_heads(x, 2).shape),
        (1, 2, 2, 6),
        "12 columns make 2 heads of 6: the width of a head is that of x divided by n_head, "
        "not always 4",
    )
    x = torch.randn(3, 5, 8, generator=torch.Generator().manual_seed(33))
    check.equal(
        tuple(split_heads(x, 2).shape),
        (3, 2, 5, 4),
        "a batch of 3 texts stays a batch of 3: take its size from x",
    )
    check.equal(
        split_heads(x, 2)[2, 1],
        x[2, :, 4:],
        "in a batch of 3 texts, head 1 of text 2 must hold text 2's own last 4 columns",
    )


def check_merge_heads(merge_heads: Callable) -> None:
    """Raise Mistake unless heads stand side by side again, head 0 first."""
    x = torch.arange(24.0).view(1, 3, 2, 4)  # 1 text, 3 heads, 2 tokens, 4 columns a head
    result = merge_heads(x)
    check.that(result is not None, "merge_heads gave back None: is there a return?")
    check.that(
        isinstance(result, Tensor), "return one tensor: torch.cat puts a list of heads side by side"
    )
    check.that(
        tuple(result.shape) != (1, 2, 4),
        "the heads are set side by side (3 heads of 4 columns make 12), not added up or averaged",
    )
    check.equal(
        tuple(result.shape), (1, 2, 12), "the shape must be [batch, seq, n_head * head_dim]"
    )
    check.that(
        result[0, 0, 4] != 4,
        "position 0 holds numbers of position 1: swap heads and positions back before you "
        "join dimensions",
    )
    check.that(
        result[0, 0, 1] != 8,
        "the heads are shuffled column by column: first all columns of head 0, then all of head 1",
    )
    check.equal(
        result,
        torch.cat([x[:, 0], x[:, 1], x[:, 2]], dim=-1),
        "row 0 must be head 0's row 0, then head 1's, then head 2's",
    )
    x = torch.randn(3, 2, 5, 4, generator=torch.Generator().manual_seed(34))
    check.equal(
        tuple(merge_heads(x).shape),
        (3, 5, 8),
        "a batch of 3 texts stays a batch of 3: take its size from x",
    )
    check.equal(
        merge_heads(x)[2],
        torch.cat([x[2, 0], x[2, 1]], dim=-1),
        "in a batch of 3 texts, text 2 must be made of its own heads",
    )


def check_repeat_kv(repeat_kv: Callable) -> None:
    """Raise Mistake unless copies of a head stand next to each other: A A B B, not A B A B."""
    x = torch.tensor([[10.0, 11.0], [20.0, 21.0], [30.0, 31.0]]).view(
        1, 3, 2, 1
    )  # heads A B C, 2 positions, 1 column
    output = repeat_kv(x, 2)
    check.that(output is not None, "repeat_kv gave back None: is there a return?")
    check.that(
        not isinstance(output, (list, tuple)),
        "return one tensor: torch.stack makes one of a list of heads",
    )
    check.that(
        not isinstance(output, Tensor) or tuple(output.shape) != (1, 3, 4, 1),
        "positions were repeated: it is the heads (dim=1) that need copies",
    )
    check.that(
        not isinstance(output, Tensor) or tuple(output.shape) != (2, 3, 2, 1),
        "the batch was repeated: it is the heads (dim=1) that need copies",
    )
    check.that(
        not isinstance(output, Tensor) or tuple(output.shape) != (1, 3, 2, 2),
        "columns were repeated: it is the heads (dim=1) that need copies",
    )
    check.that(
        not isinstance(output, Tensor) or tuple(output.shape) != (1, 9, 2, 1),
        "n_rep = 2 means two of each head in all, not two more of each",
    )
    check.equal(
        tuple(output.shape),
        (1, 6, 2, 1),
        "3 heads with n_rep = 2 make 6: the shape is [batch, n_kv_head * n_rep, seq, head_dim]",
    )
    check.that(
        output[0, 1, 0, 0] != 20,
        "the copies come in the order A B C A B C: query head 1 belongs to A, so copies "
        "must stand next to each other, A A B B C C",
    )
    check.equal(
        output.flatten().tolist(),
        [10, 11, 10, 11, 20, 21, 20, 21, 30, 31, 30, 31],
        "heads A B C with n_rep = 2 become A A B B C C, unchanged inside",
    )
    check.equal(
        repeat_kv(x, 1), x, "with n_rep = 1 every query head has keys of its own: nothing changes"
    )
    x = torch.arange(12.0).view(2, 3, 2, 1)
    check.equal(
        repeat_kv(x, 2),
        x[:, [0, 0, 1, 1, 2, 2]],
        "a batch of 2 texts stays a batch of 2, each with copies of its own heads",
    )


def alike(output: Any, expected: Tensor) -> bool:
    """Return whether `output` is a tensor of the shape of `expected`, with its numbers."""
    same_shape = isinstance(output, Tensor) and output.shape == expected.shape
    return same_shape and torch.allclose(output.float(), expected, atol=1e-4)


def turned(t: Tensor, theta: float) -> Tensor:
    """Turn by RoPE, by complex numbers: column i and column i + half are one number."""
    half = t.shape[-1] // 2
    angles = torch.arange(t.shape[-2])[:, None] * theta ** (-torch.arange(half) / half)
    z = torch.complex(t[..., :half], t[..., half:])
    z = z * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([z.real, z.imag], dim=-1)


def layer(
    x: Tensor,
    w: Sequence[Tensor],
    n_head: int,
    n_kv_head: int,
    theta: float,
    *,
    turn: str = "qk",
    causal: bool = True,
    wide: bool = False,
    tile: bool = False,
    twice: bool = False,
    reshape_only: bool = False,
) -> Tensor:
    """Compute the sublayer by torch's attention, w = (w_q, w_k, w_v, w_o); options plant
    mistakes."""
    w_q, w_k, w_v, w_o = w

    def split(t: Tensor, n: int, name: str) -> Tensor:
        t = turned(t, theta) if wide and name in turn else t
        t = t.unflatten(-1, (n, -1)).transpose(1, 2)
        return turned(t, theta) if not wide and name in turn else t

    q = split(x @ w_q.T, n_head, "q")
    k, v = split(x @ w_k.T, n_kv_head, "k"), split(x @ w_v.T, n_kv_head, "v")
    if tile:
        k, v = (t.repeat(1, n_head // n_kv_head, 1, 1) for t in (k, v))
    else:
        k, v = (t.repeat_interleave(n_head // n_kv_head, dim=1) for t in (k, v))
    if twice:
        q = q / q.shape[-1] ** 0.5
    mix = torchs_attention(q, k, v, is_causal=causal)
    if reshape_only:
        return mix.reshape(*x.shape[:2], -1) @ w_o.T
    return mix.transpose(1, 2).flatten(2) @ w_o.T


def weights(d_model: int, n_head: int, n_kv_head: int, head_dim: int, seed: int) -> list[Tensor]:
    """Return random w_q, w_k, w_v and w_o."""
    g = torch.Generator().manual_seed(seed)
    shapes = [(n * head_dim, d_model) for n in (n_head, n_kv_head, n_kv_head)]
    return [torch.randn(*s, generator=g) for s in (*shapes, (d_model, n_head * head_dim))]


def check_attend(attend: Callable) -> None:
    """Raise Mistake unless the whole sublayer is right; likely mistakes are known by their
    output."""
    weights = [torch.zeros(4, 2), torch.zeros(2, 2), torch.eye(2)]
    weights += [torch.tensor([[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, -1.0]])]
    try:
        output = attend(torch.tensor([[[3.0, 5.0]]]), *weights, 2, 1)
    except RuntimeError as error:
        check.that(
            not any(name in str(error) for name in ("mat1", "batch2", "size of tensor")),
            "torch cannot multiply these shapes: all four weights are stored [columns out, "
            "columns in], so multiply by the transpose, x @ w_q.T and in the end @ w_o.T",
        )
        raise
    check.that(output is not None, "attend gave back None: is there a return?")
    check.that(
        not isinstance(output, (list, tuple)),
        "return one tensor: torch.stack makes one of a list of texts",
    )
    check.that(
        not isinstance(output, Tensor) or tuple(output.shape) != (1, 1, 4),
        "the heads' results still stand side by side: multiply by w_o.T to get back to "
        "d_model columns",
    )
    by_hand = output.flatten().tolist() if isinstance(output, Tensor) else []
    check.that(
        by_hand != [8.0, -2.0],
        "a head has as many columns as w_q has rows for each head, here 4 / 2 = 2: "
        "head_dim need not be d_model / n_head",
    )
    check.that(
        by_hand != [9.0, 5.0], "x itself is in the result: return only what attention adds to x"
    )
    check.that(
        not torch.as_tensor(output).isnan().any(),
        "the result is NaN: the only token may look at nothing. In the mask True means may "
        "look, and a token sees itself",
    )
    check.close(
        output,
        torch.tensor([[[6.0, 0.0]]]),
        "the example by hand: one token reads its own value in both heads, and w_o writes (6, 0)",
        atol=1e-4,
    )
    check_whole_sublayer(attend)


def check_whole_sublayer(attend: Callable) -> None:
    """Raise Mistake unless random input gives what torch computes; name the likely mistake."""
    w = weights(8, 4, 2, 4, 370)
    x = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(371))
    output = attend(x, *w, 4, 2, 100.0)

    def computes(theta: float = 100.0, **mistake: Any) -> bool:
        return alike(output, layer(x, w, 4, 2, theta, **mistake))

    check.that(
        not computes(causal=False), "tokens see the future: pass causal_mask(seq) to your attention"
    )
    check.that(
        not computes(turn=""),
        "positions are missing: turn queries and keys by RoPE before you attend",
    )
    check.that(
        not computes(turn="qkv"), "the values are turned as well: RoPE is for queries and keys only"
    )
    check.that(not computes(theta=10000.0), "theta is not passed on to apply_rope")
    check.that(not computes(turn="q"), "only the queries are turned: the keys need RoPE, too")
    check.that(not computes(turn="k"), "only the keys are turned: the queries need RoPE, too")
    check.that(
        not computes(wide=True),
        "RoPE was applied to the whole width: split into heads first, then turn each head",
    )
    check.that(
        not computes(turn="", causal=False),
        "neither a mask nor RoPE: attention is causal, and q and k are turned",
    )
    check.that(
        not computes(reshape_only=True),
        "the heads are put together by a reshape alone, which mixes up positions: swap "
        "heads and positions back first, as merge_heads does",
    )
    check.that(
        not computes(tile=True),
        "keys and values are repeated A B A B: does each key/value head serve neighbouring "
        "query heads (A A B B)?",
    )
    check.that(
        not computes(twice=True),
        "the scores are divided by √head_dim twice: your attention does it already",
    )
    variant = x.clone()
    variant[:, 4] += 1.0
    check.close(
        attend(variant, *w, 4, 2, 100.0)[:, :4],
        output[:, :4],
        "the last token was changed, and earlier outputs moved: attention must be causal",
        atol=1e-4,
    )
    check.close(
        output,
        layer(x, w, 4, 2, 100.0),
        "this is not what a sublayer of 4 query heads and 2 key/value heads computes: "
        "project, split, turn q and k by positions from 0, repeat k and v, attend "
        "causally (a token sees itself, too), merge, project",
        atol=1e-4,
    )
    w, output = weights(8, 6, 2, 4, 372), None
    with suppress(RuntimeError):  # 6 query heads do not fit 4 heads of keys
        output = attend(x, *w, 6, 2, 100.0)
    check.that(
        output is not None,
        "6 query heads on 2 key/value heads raise an error: each key/value head serves "
        "n_head // n_kv_head query heads, here 3, not n_kv_head of them",
    )
    check.close(
        output,
        layer(x, w, 6, 2, 100.0),
        "6 query heads on 2 key/value heads: each key/value head serves n_head // "
        "n_kv_head query heads, here 3",
        atol=1e-3,
    )


def chosen(control_heads: Callable, targets: Heads, sizes: Tensor) -> Heads:
    """Return what control_heads chooses, as pairs of whole numbers."""
    answer = control_heads(list(targets), sizes.clone())
    check.that(answer is not None, "control_heads gave back None: is there a return?")
    check.that(
        isinstance(answer, (list, tuple))
        and all(isinstance(pair, (list, tuple)) and len(pair) == 2 for pair in answer),
        "return a list of pairs (layer, head), such as [(0, 2)]",
    )
    answer = [tuple(int(number) for number in pair) for pair in answer]
    check.equal(len(answer), len(targets), "each target has one control")
    check.that(
        not any(target == control for target, control in zip(targets, answer)),
        "the control is the target itself: it costs the same, whatever is true, so "
        "this comparison cannot fail",
    )
    check.that(
        not {*answer} & {*targets},
        "a control is one of the other targets: that head is in question, too",
    )
    check.equal(
        len(set(answer)),
        len(answer),
        "two targets share a control: its cost would count twice. Choose another for each",
    )
    check.that(
        all(0 <= n < len(sizes) and 0 <= h < sizes.shape[1] for n, h in answer),
        "a control is no head of this model: sizes has a row for each layer and a "
        "column for each head",
    )
    return answer


def fooled(control_heads: Callable, targets: Heads, sizes: Tensor, cost: Tensor) -> str:
    """Return '' or what goes wrong in a model in which a head costs cost[layer, head]."""
    for target, control in zip(targets, chosen(control_heads, targets, sizes)):
        target_cost, control_cost = float(cost[target]), float(cost[control])
        if not target_cost / 2 <= control_cost <= target_cost * 2:
            costs = f"target {target} costs {target_cost:.1f}"
            return f"{costs}, your control {control} {control_cost:.1f}"
    return ""


def made_up_model(seed: int, n_head: int = 6) -> tuple[Tensor, Tensor]:
    """Return sizes of nine layers, whose heads write about 1, 4 and 16, and costs by place: only
    the first three layers are costly, then hardly any, then a little."""
    g = torch.Generator().manual_seed(seed)
    sizes = torch.tensor([1.0, 4.0, 16.0]).repeat(9, n_head // 3)
    order = torch.rand(9, n_head, generator=g).argsort(1)
    sizes = sizes.gather(1, order) * (1 + 0.1 * torch.rand(9, n_head, generator=g))
    place = torch.tensor([5.0, 0.1, 1.0]).repeat_interleave(3)[:, None]
    return sizes, place.expand(9, n_head)


def check_control_heads(control_heads: Callable) -> None:
    """Raise Mistake unless controls show a difference only where there is one, in made-up
    models."""
    sizes, place = made_up_model(1)
    loudest = [(1, head) for head in sizes[1].topk(2).indices.tolist()]
    chosen(control_heads, loudest, sizes)
    for targets in ([(1, 2)], [(4, 0), (7, 5)]):
        why = fooled(control_heads, targets, sizes, place)
        check.equal(
            why,
            "",
            "in this made-up model a head costs what any head near it costs, for what is "
            "lost early spoils all that follows. Your control sits elsewhere and makes the "
            "target look special",
        )
        why = fooled(control_heads, targets, sizes, sizes)
        check.equal(
            why,
            "",
            "in this made-up model a head costs as much as it writes. Your control writes "
            "much more or much less than the target, which makes it look special",
        )
        why = fooled(control_heads, targets, sizes, sizes * place)
        check.equal(
            why, "", "in this made-up model the cost depends on the place and on the size at once"
        )


def replaced(replacement: Callable, z: Tensor) -> Tensor:
    """Return what replacement puts in the place of z."""
    answer = replacement(z.clone())
    check.that(answer is not None, "replacement gave back None: is there a return?")
    check.equal(
        tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__,
        tuple(z.shape),
        "return one tensor of the shape of z, [batch, seq, head_dim]",
    )
    return answer.to(z.dtype)


def left(replacement: Callable, z: Tensor) -> Tensor:
    """Return the part of what a head says about single tokens that is still there."""
    deviations = z - z.mean(dim=(0, 1))
    still = (replaced(replacement, z) - z.mean(dim=(0, 1))) * deviations
    return still.sum() / deviations.pow(2).sum()


def position_that_differs(replacement: Callable, z: Tensor) -> int | None:
    """Return the first position at which a replacement is not what it is at position 0."""
    new = replaced(replacement, z)
    apart = (new - new[:, :1]).abs().amax(dim=(0, 2)) > 1e-3
    return int(apart.nonzero()[0]) if apart.any() else None


def distance_from_typical(replacement: Callable, z: Tensor) -> float:
    """Return how far a replacement is from the mean over positions, in units of the deviations of
    single positions from it: about 1 for a position drawn at random."""
    mean = z.mean(dim=1, keepdim=True)
    apart = (replaced(replacement, z) - mean).pow(2).mean().sqrt()
    return float(apart / (z - mean).pow(2).mean().sqrt())


def moved_by_one_position(replacement: Callable, z: Tensor, position: int) -> float:
    """Return how far a replacement lies from the mean of the other positions, in units of their
    deviations, if one position says something 20 times as large. A mean moves by 20 / seq."""
    others = [n for n in range(z.shape[1]) if n != position]
    mean = z[:, others].mean(dim=1, keepdim=True)
    spread = (z[:, others] - mean).pow(2).mean().sqrt()
    odd = z.clone()
    odd[:, position] = mean[:, 0] + 20 * spread
    return float((replaced(replacement, odd) - mean).pow(2).mean().sqrt() / spread)


def check_replacement(replacement: Callable) -> None:
    """Raise Mistake unless the same typical vector stands at every position."""
    constant = torch.tensor([2.0, -1.0, 0.5, 3.0]).expand(6, 12, 4)
    new = replaced(replacement, constant)
    check.that(
        new.abs().max() > 0,
        "a head that says the same everywhere becomes 0: the layers above lose a constant "
        "that they were trained with, though it said nothing about any token",
    )
    check.that(
        not torch.allclose(new, constant.mean(-1, keepdim=True).expand_as(constant)),
        "the mean runs over the columns of z: each column has a meaning of its own",
    )
    check.close(
        new,
        constant,
        "a head that says the same everywhere says nothing about any token, and your "
        "replacement changes it all the same",
        atol=1e-3,
    )
    z = constant + torch.randn(6, 12, 4, generator=torch.Generator().manual_seed(381))
    new = replaced(replacement, z)
    check.that(
        left(replacement, z) < 0.9,
        "nothing is taken away: whatever a head is used for, this replacement costs "
        "nothing, so a comparison with it cannot fail",
    )
    check.that(
        left(replacement, z) < 0.3,
        "a good part of what the head says about each token is still there",
    )
    check.that(
        not torch.allclose(new[:, 0], z[:, 0], atol=1e-3),
        "position 0 keeps its own output: a running mean has seen only that one there. Take the "
        "mean over all positions",
    )
    check.that(
        not torch.allclose(new.sort(dim=1).values, z.sort(dim=1).values, atol=1e-3),
        "these are the same vectors in another order, so each position still has one of its own. "
        "Half a text further on, a text that is said twice would get its own vectors back",
    )
    position = position_that_differs(replacement, z)
    check.that(
        position is None,
        f"position {position} gets another vector than position 0, so a later head can tell one "
        "token from another: work along dimension 1, the positions, not over the texts alone",
    )
    check.that(
        distance_from_typical(replacement, z) < 0.6,
        "your replacement is not typical of the head: one position stands for all, or something "
        "that is not in z",
    )
    wide = torch.randn(6, 16, 16, generator=torch.Generator().manual_seed(383))
    check.that(
        distance_from_typical(replacement, wide) < 0.6,
        "with 16 columns your replacement is not typical of the head: one position stands for all, "
        "and even the one nearest to the others is far from what they have in common",
    )
    long = constant[:, :1] + torch.randn(6, 40, 4, generator=torch.Generator().manual_seed(382))
    check.that(
        position_that_differs(replacement, long) is None,
        "in a text of 40 tokens the replacement is not the same at every position",
    )
    for position in range(40):
        check.that(
            moved_by_one_position(replacement, long, position) < 2,
            f"position {position} of 40 says something unusual, and your replacement follows it: "
            "no single position may determine what is typical of the head",
        )


def outputs(
    seq: int,
    position: int,
    seed: int,
    allowed: Tensor | None = None,
    after_softmax: bool = False,
    scale: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Return outputs of one attention before and after the input at
    `position` changes. allowed: bool [seq, seq], who sees whom."""
    generator = torch.Generator().manual_seed(seed)
    x, w_q, w_k, w_v = (torch.randn(n, 8, generator=generator) for n in (seq, 8, 8, 8))
    w_q, w_k, w_v = w_q / 8**0.5, w_k / 8**0.5, w_v / 8**0.5
    variant = x.clone()
    variant[position] += scale * torch.randn(8, generator=generator)

    def output(x: Tensor) -> Tensor:
        scores = (x @ w_q) @ (x @ w_k).T / 8**0.5
        if allowed is not None and not after_softmax:
            scores = scores.masked_fill(~allowed, -torch.inf)
        shares = torch.softmax(scores, dim=-1)
        if allowed is not None and after_softmax:
            shares = shares * allowed
        return shares @ (x @ w_v)

    return output(x), output(variant)


def peeked(looks_ahead: Callable, before: Tensor, after: Tensor, position: int) -> list:
    """Return what looks_ahead finds, as a list; a tuple and numpy's integers are as good."""
    answer = looks_ahead(before.clone(), after.clone(), position)
    check.that(answer is not None, "looks_ahead gave back None: is there a return?")
    check.that(
        type(answer) in (list, tuple),
        "return a list of positions ([] if nobody peeked), not one yes or no",
    )
    return [i.item() if type(i) is np.int64 else i for i in answer]


def check_looks_ahead(looks_ahead: Callable) -> None:
    """Raise Mistake unless positions that moved before the changed one are listed."""
    hand = (
        torch.tensor([[0.5, 1.0], [0.2, 0.3], [0.7, 0.4], [0.1, 0.6]]),
        torch.tensor([[0.5, 1.0], [0.2, 0.1], [0.9, 0.8], [0.3, 0.2]]),
    )
    answer = peeked(looks_ahead, *hand, 2)
    check.that(
        answer != [2],
        "positions count from 0: the row that moved before the changed one is position 1, "
        "and the changed one, position 2, does not count",
    )
    check.that(
        2 not in answer,
        "position 2 is the changed one: its own output may move, only positions before it count",
    )
    check.that(
        3 not in answer,
        "position 3 comes after the changed one: it may look back at it, only positions "
        "before it count",
    )
    check.equal(
        answer,
        [1],
        "the example by hand: position 1 moved (downwards, by 0.2, in its second column), "
        "position 0 did not",
    )
    check.equal(
        peeked(looks_ahead, *hand, 2),
        [1],
        "the same outputs give the same list in each call: start a new list inside the function",
    )
    still = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    check.equal(
        peeked(looks_ahead, still, still, 2),
        [],
        "nothing has moved at all, and yet you list a position: compare the outputs that are given",
    )
    check.equal(
        peeked(looks_ahead, still, still + torch.tensor([[1e-6], [-2e-6], [1.0]]), 2),
        [],
        "a movement of 0.000002 is rounding, not peeking: allow up to 1e-5",
    )
    before_0 = None
    with suppress(RuntimeError, IndexError):  # torch has no maximum of nothing
        before_0 = peeked(looks_ahead, still, still + 1.0, 0)
    check.that(
        before_0 == [],
        "no position stands before position 0: with changed = 0 the list is empty, and "
        "there are no rows to take a maximum of",
    )
    answer = peeked(looks_ahead, still, still + torch.tensor([[1.0, 1.0], [0, 0], [1, 1]]), 2)
    check.that(answer != [], "position 0 moved by 1: it is a position like others, and peeked")
    check.that(answer != [0, 0], "a position is listed once, however many of its columns moved")
    check.equal(answer, [0], "position 1 did not move: list those that moved, and no others")
    check_size_of_movements(looks_ahead)
    check_broken_attentions(looks_ahead)


def check_size_of_movements(looks_ahead: Callable) -> None:
    """Raise Mistake unless each column counts by itself, from 1e-5 on."""
    still = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    check.equal(
        peeked(looks_ahead, still, still + torch.tensor([[0.5, -0.5], [0, 0], [1, 1]]), 2),
        [0],
        "two columns that move in opposite ways are both movements: do not let them cancel",
    )
    check.equal(
        peeked(looks_ahead, still, still + torch.tensor([[0.0, 0.0], [0.0005, 0.0], [1, 1]]), 2),
        [1],
        "a leak may be small: 0.0005 is more than 1e-5",
    )
    tiny = torch.full((2, 1), 4e-6)
    check.equal(
        peeked(looks_ahead, tiny, tiny + 5e-6, 1),
        [],
        "a movement from 0.000004 to 0.000009 is rounding, too: compare the difference "
        "itself with 1e-5, not relative to the numbers (rtol), and do not round them first",
    )
    check.equal(
        peeked(looks_ahead, torch.full((2, 1), 100.0), torch.full((2, 1), 100.0005), 1),
        [0],
        "a movement from 100 to 100.0005 is more than 1e-5: compare the difference itself, "
        "not relative to the numbers (torch.allclose wants rtol=0)",
    )
    tiny = torch.full((2, 8), 4e-6)
    check.equal(
        peeked(looks_ahead, tiny, tiny + 5e-6, 1),
        [],
        "eight columns that move by 0.000005 each are rounding: take the largest movement "
        "of a row, not the sum of all nor the length of the difference",
    )
    check.equal(
        peeked(looks_ahead, torch.zeros(2, 8), 2e-5 * torch.eye(8)[:2], 1),
        [0],
        "one column of eight moved by 0.00002, and one is enough: take the largest "
        "movement of a row, not the mean",
    )


def check_broken_attentions(looks_ahead: Callable) -> None:
    """Raise Mistake unless three broken attentions are exposed, and an honest one is not."""
    past = torch.ones(6, 6).tril().bool()
    check.equal(
        peeked(looks_ahead, *outputs(6, 4, 1, allowed=past), 4),
        [],
        "an honest attention, changed at position 4: nobody peeked",
    )
    check.equal(
        peeked(looks_ahead, *outputs(6, 4, 2), 4),
        [0, 1, 2, 3],
        "broken attention A has no mask: all four positions before the changed one peeked",
    )
    check.equal(
        peeked(looks_ahead, *outputs(6, 4, 3, allowed=torch.ones(6, 6).tril(1).bool()), 4),
        [3],
        "broken attention B has its mask one column too far: only position 3 sees position 4",
    )
    check.equal(
        peeked(looks_ahead, *outputs(6, 4, 1, allowed=past, after_softmax=True, scale=0.1), 4),
        [0, 1, 2, 3],
        "broken attention C masks after the softmax: the future leaks through the "
        "denominator of the softmax",
    )


def looking(half: int, back: int, rows: Iterable[int] | None = None) -> Tensor:
    """Return shares of one head on 2 * half tokens: each token looks `back` positions back."""
    n = 2 * half
    maps = torch.zeros(1, 1, n, n)
    for i in range(n) if rows is None else rows:
        maps[0, 0, i, i - back if i >= back else i] = 1.0
    return maps


def check_induction_score(induction_score: Callable) -> None:
    """Raise Mistake unless the mean weight on the token after the first occurrence is measured."""
    hand = torch.zeros(1, 1, 4, 4)
    hand[0, 0, 2] = torch.tensor([0.1, 0.7, 0.2, 0.0])
    hand[0, 0, 3] = torch.tensor([0.1, 0.1, 0.6, 0.2])
    output = induction_score(hand, 2)
    check.that(output is not None, "induction_score gave back None: is there a return?")
    check.equal(
        tuple(output.shape) if isinstance(output, Tensor) else (),
        (1, 1),
        "one score for each layer and head: the shape is [n_layer, n_head]",
    )
    check.that(
        abs(output[0, 0] - 1.3) > 1e-4,
        "the weights were added up: take their mean over the tokens of the second half",
    )
    check.that(
        abs(output[0, 0] - 0.325) > 1e-4,
        "the mean runs over the whole text: only tokens of the second half have a first "
        "occurrence to look back to",
    )
    check.that(
        abs(output[0, 0] - 1) > 1e-4,
        "this counts the tokens that look most, or more than half, at the right place: a "
        "score of 1 for weights of 0.7 and 0.6. Take the mean of the weights themselves",
    )
    check.close(
        induction_score(torch.zeros(1, 1, 10, 10), 5),
        torch.zeros(1, 1),
        "a head without any weight has a score: measure the maps that are given",
        atol=1e-4,
    )
    check.close(
        induction_score(looking(5, 6), 5),
        torch.zeros(1, 1),
        "a head that looks at the token before the first occurrence does no induction",
        atol=1e-4,
    )
    check.close(
        induction_score(looking(5, 5), 5),
        torch.zeros(1, 1),
        "a head that looks at the same token's first occurrence, half positions back, does "
        "no induction: look at the token after it",
        atol=1e-4,
    )
    check.close(
        induction_score(looking(5, 1), 5),
        torch.zeros(1, 1),
        "a previous-token head does no induction: the token to look at stands half - 1 back",
        atol=1e-4,
    )
    check.close(
        induction_score(looking(5, 4, rows=range(5)), 5),
        torch.zeros(1, 1),
        "rows of the first half do not count: nothing has been repeated there yet",
        atol=1e-4,
    )
    first, last = (float(induction_score(looking(5, 4, rows=[row]), 5)[0, 0]) for row in (5, 9))
    check.that(
        last > 0.01 or first < 0.1,
        "the last token of the second half is left out: range(half, 2 * half) ends with "
        "it, at 2 * half - 1",
    )
    check.that(
        first > 0.01 or last < 0.1,
        "the first token of the second half, at position half, is left out",
    )
    check.that(
        abs(output[0, 0] - 0.7) > 1e-4,
        "the token that looks best stands for all: take the mean over the second half",
    )
    check.close(
        induction_score(looking(5, 4), 5),
        torch.ones(1, 1),
        "a head that always looks at the token after the first occurrence has a score of "
        "1: rows are who looks, columns whom they look at",
        atol=1e-4,
    )
    check.close(
        induction_score(looking(5, 4, rows=[7]), 5),
        torch.full((1, 1), 0.2),
        "one of five tokens looks at the right place, with weight 1: the mean is 0.2. The middle "
        "of the weights, or between the lowest and the highest, is not their mean",
        atol=1e-4,
    )
    check.close(
        output,
        torch.tensor([[0.65]]),
        "the example by hand: row 2 at position 1 and row 3 at position 2, so (0.7 + 0.6) / 2",
        atol=1e-4,
    )
    maps = torch.cat([looking(5, 4), looking(5, 1)] * 3).view(2, 3, 10, 10)
    check.close(
        induction_score(maps, 5),
        torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]),
        "2 layers of 3 heads have 2 rows of 3 scores: each head has a score of its own, in "
        "the row of its layer",
        atol=1e-4,
    )


def check_cross_attention(cross_attention: Callable) -> None:
    """Raise Mistake unless queries come from x, keys and values from the context, with no mask."""
    g = torch.Generator().manual_seed(37)
    x, c = (torch.randn(2, 4, 6, generator=g) for _ in range(2))
    w_q, w_k, w_v = (torch.randn(6, 6, generator=g) for _ in range(3))
    output = cross_attention(x, c, w_q, w_k, w_v)
    check.that(
        not isinstance(output, (list, tuple)),
        "return one tensor: torch.stack makes one of a list of texts",
    )

    def computes(x_q: Tensor, x_k: Tensor, x_v: Tensor, **options: Any) -> bool:
        return alike(output, torchs_attention(x_q @ w_q.T, x_k @ w_k.T, x_v @ w_v.T, **options))

    check.that(not computes(x, x, x), "this is self-attention: it never looks at the context")
    check.that(
        not computes(c, x, x),
        "the roles are swapped: x asks (queries), the context answers (keys and values)",
    )
    check.that(
        not computes(x, c, x),
        "the values come from x: what is read out must come from the context, like the keys",
    )
    check.that(
        not computes(x, x, c),
        "the keys come from x: x must be compared with the keys of the context",
    )
    all_tokens = torch.cat([c, x], dim=1)
    check.that(
        not computes(x, all_tokens, all_tokens),
        "x and the context are read as one text: keys and values come from the context alone",
    )
    check.that(
        not computes(x, c, c, is_causal=True),
        "there is a causal mask: the context is there as a whole, nothing of it is the future",
    )
    check.that(not computes(x, c, c, scale=1.0), "the scores are not divided by √head_dim")
    swap = torchs_attention(x @ w_q.T, c @ w_v.T, c @ w_k.T)
    check.that(
        not alike(output, swap),
        "keys and values have changed places: keys are made by w_k, values by w_v",
    )
    flat = torchs_attention(x @ w_q, c @ w_k, c @ w_v)
    check.that(
        not alike(output, flat),
        "the weights are stored as [columns out, columns in]: multiply by w_q.T, not by w_q",
    )
    check.close(
        output,
        torchs_attention(x @ w_q.T, c @ w_k.T, c @ w_v.T),
        "queries from x, keys and values from the context, then attention without a mask",
        atol=1e-4,
    )
    narrow = [torch.randn(4, 6, generator=g) for _ in range(3)]
    output = cross_attention(x, c, *narrow)
    check.equal(
        tuple(output.shape),
        (2, 4, 4),
        "one output row for each token of x, with head_dim columns, here 4",
    )
    q, k, v = (t @ w.T for t, w in zip((x, c, c), narrow))
    check.that(
        not torch.allclose(output.float(), torchs_attention(q, k, v, scale=6**-0.5), atol=1e-4),
        "the scores are divided by √d_model: head_dim is the number of rows of w_q, here "
        "4, not its columns",
    )
    check.close(
        output,
        torchs_attention(q, k, v),
        "head_dim need not be d_model: queries from x, keys and values from the context",
        atol=1e-4,
    )
    w = torch.ones(1, 1)
    check.close(
        cross_attention(torch.tensor([[[0.0]]]), torch.tensor([[[1.0], [3.0]]]), w, w, w),
        torch.tensor([[[2.0]]]),
        "the example by hand: one token asks, two tokens answer with equal weights, so the "
        "output is the mean of 1 and 3",
    )
