"""Operations on random tensors, for whichever torch is imported: the real one or the page's.

As a program it computes them with the torch on its path: standard input is a list of operations as
JSON, standard output a line for each with what came out. `test_page_torch.py` compares.
"""

import json
import math
import random
import sys

FLOATS = "float32", "float64"
EVERY = "bool", "uint8", "int8", "int32", "int64", "float16", "bfloat16", *FLOATS
VIEWS = (  # made of a tensor with the wanted shape, or of a larger one
    "{0}",
    "{0}.transpose(-1, 0).contiguous().transpose(-1, 0)",
    "torch.stack([{0}, {0} * 0], -1)[..., 0]",
    "torch.cat([{0} * 0, {0}])[len({0}):]",
)
WITHOUT_BOOLS = "pow", "**", "//", "%", "remainder", "fmod", "floor_divide", "median"
WITHOUT_INTS = "abs square frac round floor ceil trunc atan2 hypot logaddexp".split()
ONE = "exp log log2 log10 log1p expm1 sqrt rsqrt sin cos tan tanh sigmoid erf reciprocal square"
ONE += " abs neg sign floor ceil trunc round relu isnan isinf isfinite logical_not exp2"
ONE += " asin acos atan sinh cosh frac"
PAIRS = "add sub mul div pow remainder fmod floor_divide maximum minimum eq ne lt le gt ge"
PAIRS += " logical_and logical_or logical_xor atan2 hypot logaddexp true_divide"
SIGNS = "+", "-", "*", "/", "**", "%", "//", "<", "==", "&", "|", "^"
OVER = "sum mean amax amin argmax argmin prod any all var std logsumexp norm max min median"
OVER += " cumsum cumprod softmax log_softmax sort argsort count_nonzero"
ALONG = "cumsum", "cumprod", "softmax", "log_softmax", "sort", "argsort", "count_nonzero"
SHAPED = """{a}.reshape(-1)|{a}.flatten()|{a}.t()|{a}.T|{a}.mT|{a}.unsqueeze(0)|{a}.unsqueeze(-1)
{a}.permute(1, 0)|{a}.transpose(0, 1)|{a}.view(-1)|{a}.chunk(2)[0]|{a}.split(1)[-1]|{a}.unbind(1)[0]
{a}.flip(0)|{a}.roll(1, 0)|{a}.roll(2)|{a}.repeat(2, 1)|{a}.repeat(2, 1, 3)|{a}.tile(2)
{a}.repeat_interleave(2, 0)|{a}.repeat_interleave(3)|{a}.movedim(0, 1)|{a}.expand(2, -1, -1)
{a}.diagonal()|{a}.diagonal(1)|{a}.diagonal(-1)|{a}.tril()|{a}.triu(1)|{a}.tril(-1)
{a}.unfold(1, 2, 1)
{a}.narrow(1, 0, 1)|{a}.select(0, -1)|{a}.squeeze()|{a}.unsqueeze(1).squeeze(1)|{a}.diag()
{a}.diff()|{a}.diff(dim=0)|torch.stack([{a}, {a}], 1)|torch.cat([{a}, {a}], 1)|{a}.clone()
torch.hstack([{a}, {a}])|torch.vstack([{a}, {a}])|{a}.unflatten(0, (1, -1))|{a}.contiguous()
torch.diag_embed({a})|{a}.nonzero()|{a}.tensor_split(2, 1)[0]|{a}.swapaxes(0, 1)|{a}.ravel()"""
PICKED = """{a}[0]|{a}[-1]|{a}[:, 0]|{a}[1:]|{a}[::2]|{a}[..., -1]|{a}[None]|{a}[:, None]|{a}[0, 1]
{a}[[0, -1]]|{a}[:, [1, 0, 1]]|{a}[{i}]|{a}[{i}, 0]|{a}[{i}, {i}]|{a}[:, {i}]|{a}[{a} > 0]
{a}[{i}, None]
{a}[{i}[:, None], {i}]|{a}[{a}[:, 0] > 0]|{a}[0, {i}]|{a}[{i}, 1:]|{a}[1, ...]|{a}[True]|{a}[()]
{a}.index_select(1, {i})|{a}.gather(1, {i}[:, None])|{a}.gather(0, {i}[None, :2])|{a}.take({i})
{a}.masked_fill({a} > 0, 2)|torch.where({a} > 0, {a}, -1.5)|torch.where({a} > {a}.T.T, {a}, {a} * 2)
{a}.masked_select({a} > 0)|{a}.scatter(1, {i}[:, None], 7)|{a}.scatter(0, {i}[None], {a}[:1, :3])
{a}.scatter_add(1, {i}[:2, None], {a}[:2, :1])|{a}.index_add(0, {i}, {a}[[0, 1, 0]])
{a}.index_copy(0, {i}.unique(), {a}[{i}.unique()] * 2)|{a}.index_fill(1, {i}, 3)
torch.take_along_dim({a}, {a}.argsort(1), 1)|{a}.topk(2, 0).values
{a}.sort(0, descending=True).indices
{a}.clamp(-0.5, 0.5)|{a}.clamp(min=0)|torch.nn.functional.pad({a}, (1, 2))
{a}.kthvalue(2, 0).values"""
WRITTEN = """x[0] = 1|x[:, 1] = x[:, 0]|x += 1|x *= x|x[{i}] = 0|x[x > 0] = 5|x.add_(1)|x.mul_(2)
x.zero_()|x.fill_(3)|x[1:] += x[:-1].clone()|x.copy_(x[0].clone())|x.clamp_(min=0)|x.t()[0] = 9
x[0].mul_(3)
x.masked_fill_(x < 0, 1)|x.scatter_(1, {i}[:, None], 2)|x.index_add_(0, {i}, x[[1, 1, 0]])
x[..., -1] -= 1|x.view(-1)[::2] = 4|x[{i}, {i}] = x[0, 0].clone()|y = x[0]; y += 1
y = x.T; y[0] *= 2
x.exp_()|x.div_(3)|x.sub_(x.mean())|x.tril_()|x[[0, 1]] *= 2|x[:, {i}] = 1"""
PRODUCTS = """{a} @ {b}|torch.matmul({a}, {b})|{a}.mm({b})|torch.einsum('ij,jk->ik', {a}, {b})
torch.einsum('ij,jk->ki', {a}, {b})|torch.einsum('ij,jk', {a}, {b})|torch.einsum('ij->j', {a})
torch.stack([{a}, {a}]) @ {b}|torch.stack([{a}, {a}]) @ torch.stack([{b}, {b}])
torch.nn.functional.linear({a}, {b}.T)|torch.addmm({a}[:, :1], {a}, {b})|{a} @ {b}[:, 0]
{a}[0] @ {b}|{a}[0] @ {b}[:, 0]|torch.outer({a}[0], {b}[0])|torch.tensordot({a}, {b}, 1)
torch.einsum('bij,bjk->bik', torch.stack([{a}, {a}]), torch.stack([{b}, {b}]))
torch.einsum('...ij,jk->...ik', torch.stack([{a}, {a}]), {b})|torch.einsum('ij,ij->i', {a}, {a})"""
NETWORKS = """F.gelu({a})|F.gelu({a}, approximate='tanh')|F.silu({a})|F.softplus({a})
F.leaky_relu({a})
F.layer_norm({a}, {a}.shape[-1:])|F.rms_norm({a}, {a}.shape[-1:])|F.normalize({a})|F.logsigmoid({a})
F.rms_norm({a}, {a}.shape[-1:], eps=1e-6)|F.cross_entropy({a}, {i}[:1].expand(len({a})))
F.cross_entropy({a}, {i}[:1].expand(len({a})), reduction='sum')|F.glu(torch.cat([{a}, {a}], 1))
F.cross_entropy({a}, {a}.detach().softmax(1))
F.nll_loss({a}, {i}[:1].expand(len({a})), reduction='none')
F.cosine_similarity({a}, {a}.flip(0))|F.mse_loss({a}, {a}.flip(0))|F.one_hot({i}, 5)
F.embedding({i}, {a})
F.scaled_dot_product_attention({a}[None], {a}[None], {a}[None])|F.softmax({a}, 0)
torch.special.entr({a})
F.scaled_dot_product_attention({a}[None], {a}[None], {a}[None], is_causal=True)
torch.lerp({a}, {a}.flip(0), 0.3)"""
DRAWN = """torch.rand({n})|torch.rand(3, {n})|torch.randn({n})|torch.randn(2, {n})
torch.randperm({n})
torch.rand({n}, dtype=torch.float64)|torch.randn({n}, dtype=torch.float64)|torch.randint(7, ({n},))
torch.randint(-5, 900, (2, {n}))|torch.randint(1 << 40, ({n},))|torch.zeros({n}).uniform_(-1, 2)
torch.zeros({n}).normal_(1, 3)|torch.zeros({n}).exponential_()
torch.multinomial(torch.rand({n}) + 0.1, 1)
torch.multinomial(torch.rand({n}) + 0.1, {n}, replacement=True)|torch.bernoulli(torch.rand({n}))
torch.multinomial(torch.rand(2, {n}) + 0.1, {n})|torch.nn.Linear({n}, 3).weight.detach()
torch.randn({n}, generator=torch.Generator().manual_seed({n}))|torch.normal(2.0, 0.5, (2, {n}))"""
EXACT = "sum mean add sub mul div".split()
# How far numbers may be from torch's, as a share of the largest: a few of the type's last digits.
DIGITS = {"float64": 1e-11, "float32": 3e-6, "float16": 4e-3, "bfloat16": 3.2e-2}


def listed(text):
    return [each.strip() for line in text.splitlines() for each in line.split("|")]


def cases(seed):
    """All operations, each on tensors of its own: [{makes, does, grad, exact}]."""
    draw = random.Random(seed)
    yield from _of_one(draw)
    yield from _of_two(draw)
    yield from _over(draw)
    for text, many in ((SHAPED, 2), (PICKED, 2), (NETWORKS, 2)):
        for does in listed(text):
            for _ in range(many):
                d = draw.choice(FLOATS)
                rows = 3 if text is PICKED else draw.randint(2, 5)
                a = tensor(draw, (rows, draw.randint(3, 5)), d)
                i = tensor(draw, (3,), "int64", values=[draw.randint(0, 2) for _ in range(3)])
                yield case([a, i], does.format(a="a", b="b", i="b"), text is not NETWORKS)
    for does in listed(WRITTEN):
        for d in FLOATS:
            a = tensor(draw, (3, 4), d)
            i = tensor(draw, (3,), "int64", values=[draw.randint(0, 2) for _ in range(3)])
            yield case([a, i], does.format(a="a", i="b"), does not in ("x.exp_()",), written=True)
    for does in listed(PRODUCTS):
        for d in FLOATS:
            n, k, m = (draw.randint(2, 9) for _ in "nkm")
            pair = [tensor(draw, shape, d) for shape in ((n, k), (k, m))]
            yield case(pair, does.format(a="a", b="b"), False)
    for does in listed(DRAWN):
        for n in (1, 5, 16, 23, 40):
            yield case([], does.format(n=n), "rand" in does and "randn" not in does, grad=False)


def case(makes, does, exact, grad=True, written=False):
    return dict(makes=makes, does=does, exact=exact, grad=grad, written=written)


def tensor(draw, shape, d, values=None, view=None):
    count = 1
    for n in shape:
        count *= n
    if values is None and d == "bool":
        values = [draw.random() < 0.5 for _ in range(count)]
    elif values is None and "int" in d:
        values = [draw.randint(0 if d == "uint8" else -6, 6) for _ in range(count)]
    elif values is None:
        values = [round(draw.gauss(0, 1.5), 3) for _ in range(count)]
    view = view or (draw.choice(VIEWS) if len(shape) and d != "bool" else VIEWS[0])
    return [values, list(shape), d, view.format("t")]


def _shape(draw, most=3):
    return tuple(draw.randint(1, 4) for _ in range(draw.randint(0, most)))


def _of_one(draw):
    for name in ONE.split():
        others = EVERY[-4:] if name in WITHOUT_INTS else EVERY[name == "relu" :]
        for d in (*FLOATS, *draw.sample(others, 3)):
            a = tensor(draw, _shape(draw), d)
            yield case([a], f"torch.{name}(a)", False)


def _of_two(draw):
    for name in [f"torch.{each}(a, b)" for each in PAIRS.split()] + [f"a {s} b" for s in SIGNS]:
        for _ in range(6):
            shape = _shape(draw)
            other = tuple(1 if draw.random() < 0.3 else n for n in shape)[draw.randint(0, 1) :]
            known = EVERY[-4:] if any(f".{each}(" in name for each in WITHOUT_INTS) else EVERY
            known = known[1:] if any(each in name for each in WITHOUT_BOOLS) else known
            d = draw.choice(known), draw.choice(known)
            yield case([tensor(draw, shape, d[0]), tensor(draw, other, d[1])], name, False)
            b = draw.choice([2, -3, 0.5, 1.7, True, 0])
            a = tensor(draw, shape, draw.choice(known))
            b = 2 if b is True and known is not EVERY else b
            yield case([a], name.replace("b)", f"{b})").replace(" b", f" {b}"), False)


def _over(draw):
    for name in OVER.split():
        others = FLOATS if "softmax" in name else EVERY[name == "median" :]
        for d in (*FLOATS, *FLOATS, *draw.sample(others, 2)):
            shape = tuple(draw.randint(1, 5) for _ in range(draw.randint(1, 3)))
            dim, keep = draw.randrange(-len(shape), len(shape)), draw.random() < 0.5
            more = "" if name in ALONG else f", keepdim={keep}"
            a = tensor(draw, shape, d)
            exact = name in EXACT and d in FLOATS
            yield case([a], f"first(a.{name}(dim={dim}{more}))", exact, grad=name != "cumprod")
            if name in "sum mean amax var std norm prod any argmax":
                yield case([a], f"a.{name}()", exact)
    for name in ("sum", "mean"):  # long ones, in every order of strides
        for shape in ((3000,), (37, 90), (90, 37), (5, 700), (700, 5), (9, 11, 13), (2, 300, 3)):
            for view in ("{0}", "{0}.transpose(0, -1)", "{0}[..., ::2]"):
                a = tensor(draw, shape, draw.choice(("float32", "float32", "float64")), view=view)
                dims = ["", *range(len(shape)), list(range(1, len(shape))) or 0]
                dim = draw.choice(dims)
                yield case([a], f"a.{name}({dim})", True, grad=False)


def first(x):
    """The values of a pair."""
    return x[0] if isinstance(x, tuple) else x


def outcome(torch, case):
    """{values, shape, dtype, strides, grads} or {error: kind} of one operation."""
    torch.manual_seed(3)
    space = {"torch": torch, "F": torch.nn.functional, "first": first}
    leaves = []
    for name, (values, shape, d, view) in zip("ab", case["makes"]):
        t = torch.tensor(values, dtype=getattr(torch, d)).reshape(shape)
        t = eval(view, {"torch": torch, "t": t})
        if case["grad"] and t.is_floating_point():
            t = t.detach().requires_grad_()
            leaves.append(t)
        space[name] = t
    try:
        if case["written"]:
            space["x"] = space["a"].contiguous() * 1  # the real torch keeps its strides, else
            exec(case["does"], space)
            out = space["x"]
        else:
            out = eval(case["does"], space)
        grads = []
        if leaves and getattr(out, "requires_grad", False) and out.numel():
            weights = (
                torch.arange(1, out.numel() + 1).reshape(out.shape).to(out.dtype) / out.numel()
            )
            grads = torch.autograd.grad((out * weights).sum(), leaves, allow_unused=True)
    except Exception as error:  # noqa: BLE001 - both must raise the same
        kind = type(error).__name__
        return {"error": "AttributeError" if kind == "NotInThePage" else kind, "says": str(error)}
    if not isinstance(out, torch.Tensor):
        return {"values": out, "dtype": type(out).__name__, "grads": []}
    found = {"values": plain(out), "shape": list(out.shape), "dtype": str(out.dtype)}
    return found | {"grads": [None if each is None else plain(each) for each in grads]}


def plain(t):
    return t.detach().reshape(-1).tolist()


def flat(values):
    if isinstance(values, list):
        for each in values:
            yield from flat(each)
    else:
        yield values


def far(mine, theirs, share):
    """Is any number of the one farther from the other's than a share of the largest?"""
    mine, theirs = list(flat(mine)), list(flat(theirs))
    if len(mine) != len(theirs):
        return True
    finite = [abs(each) for each in theirs if each is not None and math.isfinite(each)]
    bound = share * max([1, *finite])
    for a, b in zip(mine, theirs):
        same = a is b or a == b or (a != a and b != b)
        if not same and (a is None or b is None or not abs(a - b) <= bound):
            return True
    return False


if __name__ == "__main__":
    import torch

    for each in json.load(sys.stdin):
        print(json.dumps(outcome(torch, each)), flush=True)
