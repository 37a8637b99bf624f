"""Random programs of three to eight lines, for whichever torch is imported: the real one or the
page's.

    .venv/bin/python tests/torch_programs.py --seed 7 --count 100000

makes them with the real torch, runs them with both and prints each that differs. Without arguments
it runs those that standard input lists as JSON, with the torch on its path, and prints a line for
each with what came out: `test_torch_programs.py` compares.

A program is drawn line by line. A line that torch refuses is drawn again, but for one in eight,
which ends the program. Most numbers are multiples of a quarter, so that sums and products of a few
are exact and equal ones stay equal.
"""

import argparse
import json
import math
import random
import sys
import warnings

FLOATS = "float32", "float32", "float32", "float64"
OTHERS = "int64", "int64", "int32", "bool", "uint8", "int8", "float16", "bfloat16"
SHAPES = (3,), (3,), (4,), (2, 3), (2, 3), (3, 3), (3, 1), (1, 3), (3, 4), (2, 2, 3), (), (1,), (0,)
PLAIN = "add sub mul div pow maximum minimum remainder fmod floor_divide eq ne lt le gt ge atan2"
PLAIN += " logical_and logical_or logical_xor hypot logaddexp"
UNARY = "exp log log2 log10 log1p expm1 sqrt rsqrt sin cos tan tanh sigmoid erf reciprocal square"
UNARY += " abs neg sign floor ceil trunc round relu isnan isinf isfinite logical_not exp2"
UNARY += " asin acos atan sinh cosh frac bitwise_not nan_to_num"
OVER = "sum mean amax amin argmax argmin prod any all var std logsumexp norm median count_nonzero"
ALONG = "cumsum cumprod softmax log_softmax argsort"
SIGNS = "+ - * / ** % // < <= == != > >= & | ^".split()
# {a} {b} {c}: tensors; {m}: a mask; {i}: indices; {k}: -1 to 2; {d}: a dimension; {s}: a number;
# {t}: a type; {n}: 0 to 3.
LINES = dict(
    makes="""torch.zeros({h})|torch.ones({h}, dtype=torch.{t})|torch.full({h}, {s})
torch.arange({n}, 4)|torch.arange({s}, 4.0)|torch.eye({n})|torch.linspace({s}, {n}, 4)
torch.tensor([{a}.sum(), {s}])|torch.zeros_like({a})|torch.ones_like({a}, dtype=torch.{t})
torch.full_like({a}, {s})|{a}.new_zeros({h})|{a}.new_tensor([{s}, {n}])|torch.tensor([[{s}], [{n}]])
torch.tensor({s})|torch.tril(torch.ones(3, 3))|torch.as_tensor({a})|torch.tensor([{n}, {s}])""",
    views="""{a}.reshape(-1)|{a}.flatten()|{a}.T|{a}.mT|{a}.unsqueeze({d})|{a}.permute(1, 0)
{a}.transpose({d}, {e})|{a}.view(-1)|{a}.chunk(2, {d})[0]|{a}.split(1, {d})[-1]|{a}.unbind({d})[-1]
{a}.flip({d})|{a}.roll({k}, {d})|{a}.repeat(2, 1)|{a}.repeat_interleave(2, {d})|{a}.movedim(0, -1)
{a}.expand(2, *{a}.shape)|{a}.diagonal({k})|{a}.tril({k})|{a}.triu()|{a}.unfold({d}, 2, 1)
{a}.narrow({d}, 0, {n})|{a}.select({d}, {k})|{a}.squeeze()|{a}.squeeze({d})|{a}.diag()|{a}.diff()
torch.stack([{a}, {b}], {d})|torch.cat([{a}, {b}], {d})|torch.cat([{a}, {a}])|{a}.clone()
{a}.contiguous()|{a}.view({n}, -1)|{a}.reshape({a}.shape[::-1])|{a}.detach()|{a}.expand_as({b})
{a}.split(1, {d})|{a}.split([1, {n}], {d})|{a}.chunk(2, {d})|{a}.unbind({d})
{a}.tensor_split(2, {d})|{a}.sort({d})|{a}.max({d})|{a}.topk({n}, {d})|{a}.median({d})
{a}.nonzero(as_tuple=True)
{a}.unflatten(0, (1, -1))|{a}.nonzero()|{a}.swapaxes(0, 1)|{a}.ravel()|torch.vstack([{a}, {b}])""",
    picks="""{a}[{k}]|{a}[:, {k}]|{a}[1:]|{a}[::2]|{a}[..., {k}]|{a}[None]|{a}[:, None]
{a}[{k}, {k}]|{a}[[0, {k}]]|{a}[:, [1, 0, {k}]]|{a}[{i}]|{a}[{i}, {k}]|{a}[{i}, {i}]|{a}[:, {i}]
{a}[{a} > {s}]|{a}[{i}[:, None], {i}]|{a}[{m}]|{a}[{k}, {i}]|{a}[{i}, 1:]|{a}[True]|{a}[[[0, {k}]]]
{a}[[[0, 1], [1, {k}]]]|{a}[([0, 1], [1, {k}])]|{a}[torch.tensor([[0, {k}]])]|{a}[{b}]|{a}[{n}:{k}]
{a}.index_select({d}, {i})|{a}.gather({d}, {b})|{a}.gather({d}, {a}.argsort({d}))|{a}.take({i})
{a}.masked_fill({m}, {s})|torch.where({m}, {a}, {b})|torch.where({m}, {a}, {s})
torch.where({m}, {s}, {a})|{a}.masked_select({m})|{a}.scatter({d}, {a}.argsort({d}), {s})
{a}.scatter_add({d}, {a}.argsort({d}), {a})|{a}.index_add(0, {i}, {a}[{i}])|{a}[{m}, {k}]
{a}.index_copy(0, {i}, {a}[{i}])|{a}.index_fill({d}, {i}, {s})|{a}.topk({n}, {d}).values
{a}.sort({d}).values|{a}.sort({d}, descending=True).values|{a}.max({d}).values|{a}.min({d}).indices
{a}.clamp({k}, {s})|{a}.clamp(min={s})|{a}.clamp({b}, {c})|torch.nn.functional.pad({a}, (1, {n}))
{a}.kthvalue({n}, {d}).values|{a}.max()|{a}.min()|{a}.unique()""",
    writes="""{a}[{k}] = {s}|{a}[:, {k}] = {b}|{a} += {s}|{a} *= {b}|{a}[{i}] = {s}|{a}[{m}] = {s}
{a}.add_({b})|{a}.mul_({s})|{a}.zero_()|{a}.fill_({s})|{a}[1:] += {s}|{a}.copy_({b})|{a} -= {b}
{a}.clamp_(min={s})|{a}.T[{k}] = {s}|{a}[{k}].mul_({s})|{a}.masked_fill_({m}, {s})|{a} /= {s}
{a}.scatter_({d}, {a}.argsort({d}), {s})|{a}.index_add_(0, {i}, {a}[{i}])|{a}[..., {k}] -= {s}
{a}.view(-1)[::2] = {s}|{a}[{i}, {i}] = {s}|{a}.exp_()|{a}.div_({s})|{a}.sub_({b})|{a}.tril_()
{a}[[0, 1]] *= {s}|{a}[:, {i}] = {b}|{a}.sqrt_()|{a}.sigmoid_()|{a}[{m}] *= {s}|{a} **= 2
{a}[1:] = {a}[:-1]|{a}[1:] += {a}[:-1]|{a}[{m}] = {b}|{a}[{i}] += {b}|{a}[[[0, {k}]]] = {s}
{a}.relu_()|{a} //= {s}|{a} &= {b}|{a}.neg_()|{a}.pow_(2)|{a}.tanh_()|{a}.square_()|{a}.abs_()""",
    math="""{a} @ {b}|{a} @ {b}.T|{a}.T @ {b}|torch.einsum('ij,jk->ik', {a}, {b})
torch.outer({a}, {b})|torch.einsum('ij,ij->i', {a}, {b})|torch.dot({a}, {b})
torch.lerp({a}, {b}, 0.5)|F.gelu({a})|F.silu({a})|F.softplus({a})|F.layer_norm({a}, {a}.shape[-1:])
F.rms_norm({a}, {a}.shape[-1:])
F.cross_entropy({a}, {i})|F.softmax({a}, {d})|F.mse_loss({a}, {b})|F.normalize({a}, dim={d})
F.one_hot({a})|F.embedding({b}, {a})|F.nll_loss({a}, {i})|F.cosine_similarity({a}, {b}, {d})
F.linear({a}, {b})|F.leaky_relu({a})|F.logsigmoid({a})|{a}.pow({s})|{a} ** {s}|{s} ** {a}|-{a}|~{a}
{a}.sum({d}, True)|{a}.mean({d}, True)|{a} / {a}.sum({d}, keepdim=True)|{a} - {a}.mean()|abs({a})
torch.where({a} == 0, 0.0, {b} / {a})|({b} / {a}).masked_fill({a} == 0, 0)|{a}.std()|{a}.var({d})
{a}.norm()|{a}.softmax(-1)|{a}.sum(dtype=torch.{t})|{a}.pow(0.5)|round({a})|{a}.argmax()
torch.isclose({a}, {b})|torch.equal({a}, {b})|torch.allclose({a}, {b})|{a}.sum().item()|{a}.tolist()
{a} < {b} + {s}|torch.addmm({b}, {a}, {a}.T)|{a}.addcmul({b}, {b}, value={s})|{a}.all({d})""",
    types="""{a}.to(torch.{t})|{a}.to(torch.{t})|{a}.float()|{a}.double()|{a}.bool()|{a}.long()|{a}.int()
{a}.type_as({b})|{a}.to({b}.dtype)|{a}.half()|{a}.to(torch.bfloat16)|{a} + torch.tensor({s})
{a} * {b}.to(torch.{t})""",
    grads="""{a}.requires_grad_()|pull({a})|pull({a})|pull({a} * {b})|{a}.backward()
{a}.retain_grad()|{a}.sum().backward(retain_graph=True)
torch.autograd.grad({a}.sum(), {b})[0]|{a}.grad.zero_()
{a}.detach().requires_grad_()|{a}.grad|{a}.backward(torch.ones_like({a}))|{a}.grad = None
{a}.requires_grad|{a}.is_leaf|{a}.data.mul_({s})|{a}.detach().add_({s})
with torch.no_grad(): {a}.mul_({s})|with torch.no_grad(): {a}[{k}] = {s}|{a}.grad.add_({s})
with torch.no_grad(): {a} -= {b}|{a}.requires_grad_(False)|{a}.data = {a}.detach() * {s}""",
)
LINES = {
    kind: [each.strip() for line in text.splitlines() for each in line.split("|")]
    for kind, text in LINES.items()
}
LINES["unary"] = [f"{{a}}.{name}()" for name in UNARY.split()]
LINES["unary"] += [f"torch.{name}({{a}})" for name in UNARY.split()]
LINES["pairs"] = [f"torch.{name}({{a}}, {{b}})" for name in PLAIN.split()]
LINES["pairs"] += [f"{{a}}.{name}({{s}})" for name in PLAIN.split()]
LINES["signs"] = [f"{{a}} {sign} {other}" for sign in SIGNS for other in ("{b}", "{b}", "{s}")]
LINES["signs"] += [f"{{s}} {sign} {{a}}" for sign in SIGNS]
LINES["over"] = [
    f"{{a}}.{name}({args})" for name in OVER.split() for args in ("", "{d}", "{d}, keepdim=True")
]
LINES["over"] = [each + ".values" * ("median({" in each) for each in LINES["over"]]
LINES["over"] += [f"{{a}}.{name}({{d}})" for name in ALONG.split()]
KINDS = dict(makes=1, views=3, picks=3, writes=4, math=3, types=1, grads=3, unary=3, pairs=2)
KINDS |= dict(signs=3, over=3)


def programs(seed, count):
    """So many programs, each a list of lines."""
    import torch

    warnings.simplefilter("ignore")
    draw = random.Random(seed)
    for _ in range(count):
        yield program(torch, draw)


def program(torch, draw):
    """A program that torch runs, perhaps but for its last line."""
    space, lines = scope(torch), []
    for name in "ab"[: draw.choice((1, 2, 2))]:
        lines.append(f"{name} = {tensor(draw)}")
        exec(lines[-1], space)
    wanted = draw.randint(3, 8)
    while len(lines) < wanted:
        line = drawn(draw, space)
        try:
            exec(line, space)
        except Exception:  # noqa: BLE001 - torch refuses in many ways
            if draw.random() < 1 / 8:
                return [*lines, line]
            space = scope(torch)  # a refused line may have changed something
            exec("\n".join(lines), space)
        else:
            if undefined(torch, space):
                space = scope(torch)
                exec("\n".join(lines), space)
                continue
            lines.append(line)
    last = tensors(torch, space)
    last = [name for name in last if space[name].requires_grad] or last or ["a"]
    return [*lines, f"pull({draw.choice(last[-3:])})"]


def scope(torch):
    """What a program may use."""

    def pull(x):
        """Gradients of a sum in which every number counts otherwise."""
        weights = torch.arange(1, x.numel() + 1).reshape(x.shape).to(x.dtype)
        (x * weights).sum().backward()

    torch.manual_seed(3)
    return {"torch": torch, "F": torch.nn.functional, "pull": pull}


def tensors(torch, space):
    """The names of a scope's tensors."""
    return [name for name, value in space.items() if isinstance(value, torch.Tensor)]


def tensor(draw):
    """The text of a tensor with numbers of its own."""
    d, shape = draw.choice(FLOATS * 3 + OTHERS), draw.choice(SHAPES)
    count = math.prod(shape)
    if d == "bool":
        values = [draw.random() < 0.5 for _ in range(count)]
    elif "int" in d:
        values = [draw.randint(0 if d == "uint8" else -3, 4) for _ in range(count)]
    else:
        values = [draw.randint(-8, 8) / 4 for _ in range(count)]
    grad = ", requires_grad=True" if "float" in d and draw.random() < 0.6 else ""
    view = draw.choice(["", "", "", ".T.contiguous().T", "[:, None][:, 0]"]) if not grad else ""
    view = view if len(shape) == 2 else ""
    if len(shape) != 1:
        return f"torch.tensor({nested(values, shape)}, dtype=torch.{d}{grad}){view}"
    return f"torch.tensor({values}, dtype=torch.{d}{grad})"


def nested(values, shape):
    if not shape:
        return values[0]
    step = len(values) // shape[0] if shape[0] else 0
    return [nested(values[i * step : (i + 1) * step], shape[1:]) for i in range(shape[0])]


def drawn(draw, space):
    """A line on the tensors of a scope."""
    names = [each for each in space if len(each) == 1 and each.islower()]
    names = [each for each in names if not isinstance(space[each], tuple)] or names
    (kind,) = draw.choices([*KINDS], [*KINDS.values()])
    line = draw.choice(LINES[kind])
    size = draw.choice([1, 2, 3])
    fields = {each: draw.choice(names[-4:]) for each in "abc"}
    fields |= dict(k=draw.choice([-1, 0, 0, 1, 2]), n=draw.choice([0, 1, 1, 2, 3]))
    fields |= dict(d=draw.choice([-1, -1, 0, 0, 1, -2]), e=draw.choice([-1, 0, 1]))
    fields["s"] = draw.choice([2, 2, -1, 0, 3, 0.5, 0.5, -1.5, 0.0, True, 1.0])
    fields["t"] = draw.choice(FLOATS + OTHERS)
    fields["h"] = draw.choice(SHAPES)
    fields["i"] = f"torch.tensor({[draw.choice([0, 0, 1, 1, 2, -1]) for _ in range(size)]})"
    fields["m"] = f"{draw.choice(names)} {draw.choice(['>', '==', '!=', '<='])} {fields['s']}"
    if "{m}" in line:
        fields["m"] = f"({fields['m']})" if "." in line and "({m}" not in line else fields["m"]
    made = line.format(**fields)
    if kind in ("writes", "grads") and not made.startswith("torch."):
        return made
    new = next(each for each in "abcdefghijklmnop" if each not in space)
    return f"{draw.choice([new, new, new, draw.choice(names)])} = {made}"


def undefined(torch, space):
    """May a line have done what C leaves open, and put a float into a type of whole numbers that
    cannot hold it? Programs are drawn without such a line."""
    found = [space[name].detach() for name in tensors(torch, space)]
    ints = {getattr(torch, each) for each in OTHERS if "int" in each}
    whole = any(each.dtype in ints for each in found)
    return whole and any(
        bool((~(each.abs() < 120)).any()) for each in found if each.is_floating_point()
    )


def outcome(torch, lines):
    """{name: [type, shape, numbers, needs a gradient, gradient]}, or the line that raised."""
    space = scope(torch)
    for number, line in enumerate(lines):
        try:
            exec(line, space)
        except Exception as error:  # noqa: BLE001 - the comparison asks for whatever it is
            return {"raised": number, "kind": type(error).__name__, "says": str(error)[:300]}
    return found_in(torch, space)


def found_in(torch, space):
    """What a program leaves in its scope; of a tuple of tensors each is `name[place]`."""
    found, named = {}, {}
    for name, value in space.items():
        many = isinstance(value, tuple)
        named |= {f"{name}[{i}]": each for i, each in enumerate(value)} if many else {name: value}
    for name, value in named.items():
        if isinstance(value, torch.Tensor):
            found[name] = [*plain(value), value.requires_grad]
            found[name].append(None if value.grad is None else plain(value.grad))
        elif isinstance(value, (bool, int, float, list)) and name != "__builtins__":
            found[name] = [type(value).__name__, [], value, False, None]
    return found


def plain(t):
    return [str(t.dtype), list(t.shape), t.detach().reshape(-1).tolist()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int)
    parser.add_argument("--count", type=int, default=100_000)
    given = parser.parse_args()
    if given.seed is None:
        import torch

        for each in json.load(sys.stdin):
            print(json.dumps(outcome(torch, each)), flush=True)
    else:
        from test_torch_programs import report

        sys.exit(report(given.seed, given.count))
