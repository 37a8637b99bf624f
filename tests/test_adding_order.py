"""Another order of adding changes rounding, and nothing else."""

import os
import subprocess
import sys

import kernel_set_up
import pytest
import torch
import torch.nn.functional as F
from adding_order import FEW, LARGE, AddingOrder

pytestmark = pytest.mark.unit
LENGTH = 501


def numbers(*shape, whole=False):
    made = torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))
    return (made * 8).round() if whole else made


def heads(x):
    return x[:, :500].reshape(1, 5, -1, 100)


ADDING = {
    "mm": lambda x, w: x @ w.T,
    "linear": lambda x, w: F.linear(x, w),
    "addmm": lambda x, w: F.linear(x, w, w[:, 0]),
    "bmm": lambda x, w: torch.bmm(x[None], w.T[None]),
    "mv": lambda x, w: w @ x[0],
    "dot": lambda x, w: x[0] @ w[0],
    "einsum": lambda x, w: torch.einsum("ij,kj->ik", x, w),
    "sum": lambda x, w: x.sum(),
    "sum of two dimensions": lambda x, w: x[None].sum((0, 2)),
    "mean": lambda x, w: x.mean(),
    "mean of rows": lambda x, w: x.mean(-1, keepdim=True),
    "norm": lambda x, w: x.norm(dim=-1),
    "softmax": lambda x, w: x.softmax(-1),
    "log_softmax": lambda x, w: x.log_softmax(-1),
    "logsumexp": lambda x, w: x.logsumexp(-1),
    "layer_norm": lambda x, w: F.layer_norm(x, (LENGTH,), x[0], x[1]),
    "rms_norm": lambda x, w: F.rms_norm(x, (LENGTH,)),
    "attention": lambda x, w: F.scaled_dot_product_attention(heads(x), heads(w), heads(w)),
}


@pytest.mark.parametrize("inference", [False, True], ids=["", "in inference mode"])
@pytest.mark.parametrize("name", ADDING)
def test_sums_of_many_floats_differ_in_rounding_only(name, inference):
    x, w = numbers(7, LENGTH), numbers(33, LENGTH)
    found = {}
    with torch.inference_mode(inference):
        for seed in range(8):
            with AddingOrder(seed):
                found[seed] = ADDING[name](x, w)
                assert torch.equal(found[seed], ADDING[name](x, w))  # two equal calls are equal
        usual = ADDING[name](x, w)
    assert len({each.numpy().tobytes() for each in found.values()}) > 1
    for each in found.values():
        torch.testing.assert_close(each, usual, rtol=1e-5, atol=1e-4)


def test_a_product_of_a_large_matrix_and_a_few_vectors_is_cut():
    x, w = numbers(FEW, LENGTH), numbers(LARGE // LENGTH + 1, LENGTH)
    usual = [x @ w.T, F.linear(x, w, w[:, 0]), w @ x[0]]
    with AddingOrder(1) as mode:
        assert mode.cut(x, w.T) and not mode.cut(x[:, :9], w.T[:9])
        found = [x @ w.T, F.linear(x, w, w[:, 0]), w @ x[0]]
    for each, before in zip(found, usual, strict=True):
        assert not torch.equal(each, before)
        torch.testing.assert_close(each, before, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("columns", [33, LARGE // LENGTH + 1])
def test_exact_arithmetic_stays_exact(columns):
    x, w = numbers(7, LENGTH, whole=True), numbers(columns, LENGTH, whole=True)
    exact = [lambda: x @ w.T, lambda: F.linear(x, w, w[:, 0]), lambda: x.sum(), lambda: w.sum(0)]
    usual = [each() for each in exact]
    ids = torch.arange(LENGTH)
    with AddingOrder(1):
        assert all(torch.equal(each(), before) for each, before in zip(exact, usual, strict=True))
        assert ids.sum() == LENGTH * (LENGTH - 1) // 2 and (ids @ ids) == (ids * ids).sum()
        assert torch.equal(x.to(torch.bfloat16) @ w.T.to(torch.bfloat16), usual[0].bfloat16())


def test_what_is_not_a_sum_is_as_it_was():
    x = numbers(7, LENGTH)
    usual = [x.exp(), x.cumsum(-1), x.sort(-1).values, x.max(-1).indices, F.gelu(x)]
    with AddingOrder(1):
        found = [x.exp(), x.cumsum(-1), x.sort(-1).values, x.max(-1).indices, F.gelu(x)]
    assert all(map(torch.equal, usual, found))


def test_a_masked_place_stays_masked():
    x = numbers(7, LENGTH)
    x[:, ::2] = -torch.inf
    with AddingOrder(1):
        p = x.softmax(-1)
    assert (p[:, ::2] == 0).all() and (p[:, 1::2] > 0).all()
    assert torch.equal(p.argmax(-1), x.argmax(-1))


def test_a_backward_pass_adds_in_the_order_too():
    x, w = numbers(7, LENGTH), numbers(33, LENGTH)

    def gradients():
        weight, rows = w.clone().requires_grad_(), x.clone().requires_grad_()
        F.cross_entropy(F.layer_norm(rows, (LENGTH,)) @ weight.T / 99, torch.arange(7)).backward()
        return weight.grad, rows.grad

    usual = gradients()
    with AddingOrder(1):
        found = gradients()
    for each, before in zip(found, usual, strict=True):
        assert not torch.equal(each, before)
        torch.testing.assert_close(each, before, rtol=1e-4, atol=1e-5)


@pytest.mark.slow  # three kernels' worth of start-up
def test_a_variable_switches_it_on_in_a_kernel_and_leaves_no_name_there(tmp_path):
    cell = "import torch; x = torch.linspace(0, 1, 10001).sin(); print(x.sum().item())\n"
    cell += "print([n for n in ('os', 'sys', 'adding_order', 'torch_') if n in globals()])"
    said = []
    for number, order in enumerate(["", "1", "2", "1"]):
        made = kernel_set_up.variables(tmp_path / str(number))
        command = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", "-c", cell]
        environment = os.environ | made | {kernel_set_up.ORDER: order}
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        value, names = run.stdout.splitlines()
        assert names == "[]", run.stdout
        said.append(float(value))
    assert said[1] == said[3] and len(set(said)) > 1
    assert max(said) - min(said) < 0.01
