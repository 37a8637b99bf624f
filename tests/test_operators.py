"""What the kernel, `llmlib check` and the grader refuse of ready-made functions while a test runs,
and what they do not see."""

import functools
import os
import socket
import subprocess
import sys
import threading
import warnings

import pytest
import torch
import torch._decomp
import torch._refs
import torch.autograd.forward_ad as forward_ad
import torch.nn.functional as F
from torch.distributions.transforms import SoftmaxTransform
from torch.nn.attention.flex_attention import flex_attention
from torch.optim.adam import adam

from exercises import torch_blocker
from exercises.format import notebooks
from exercises.operators import OPERATORS
from exercises.torch_blocker import DisallowedCall, block

pytestmark = pytest.mark.unit

x, w, ids = torch.randn(4, 6), torch.randn(6), torch.tensor([1, 2, 3, 0])
q, four = torch.randn(2, 3, 4, 8), torch.rand(4) + 0.1
zeros = torch.zeros(4, dtype=torch.int)
kept = x.softmax  # from before any test


def step(kind, **options):
    """One step of an optimizer class."""
    weight = torch.nn.Parameter(w.clone())
    weight.grad = w.to_sparse() if kind is torch.optim.SparseAdam else w.clone()
    kind([weight], lr=0.1, **options).step()


def leaf():
    return w.clone().requires_grad_()


def forward_tangent(at):
    """The derivative by dual numbers."""
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(forward_ad.make_dual(at, at).exp()).tangent


@functools.cache
def compiled():
    return torch.jit.script(torch.nn.Softmax(-1)), torch.jit.trace(lambda a: a.softmax(-1), x)


SEEN = {  # the name that a learner reads: ways to it
    "torch.softmax": [
        *(lambda: x.softmax(-1), lambda: kept(-1), lambda: torch.special.softmax(x, -1)),
        *(lambda: F.softmax(x, -1), lambda: torch.nn.Softmax(-1)(x), lambda: F.softmin(x, -1)),
        *(lambda: F.gumbel_softmax(x), lambda: torch._softmax(x, -1, False)),
        *(lambda: torch._safe_softmax(x, -1), lambda: torch._masked_softmax(x, x > 0, 1)),
        *(lambda: torch.softmax(x, -1, out=torch.empty(4, 6)), lambda: torch.masked.softmax(x, -1)),
        lambda: torch.sparse.softmax(x.to_sparse(), -1).to_dense(),
        lambda: x.to_mkldnn().softmax(-1).to_dense(),
        lambda: torch.nested.nested_tensor([x]).softmax(-1),
        lambda: torch.vmap(lambda row: row.softmax(0))(x),
        *(lambda: compiled()[0](x), lambda: compiled()[1](x)),
        lambda: torch.inference_mode()(lambda: x.softmax(-1))(),
        lambda: torch.func.functionalize(lambda a: a.softmax(-1))(x),
        lambda: torch.ops.aten._softmax.default(x, -1, False),
        lambda: torch._C._VariableFunctions.softmax(x, -1),
        lambda: torch._refs.softmax(x, -1),
        lambda: torch._decomp.decomposition_table[torch.ops.aten._softmax.default](x, -1, False),
        lambda: torch.distributions.Categorical(logits=x).sample(),
        lambda: F.scaled_dot_product_attention(q, q, q),
        lambda: SoftmaxTransform()(x),
        lambda: torch._softmax_backward_data(x, x, -1, torch.float),
    ],
    "torch.log_softmax": [
        *(lambda: x.log_softmax(-1), lambda: torch.nn.LogSoftmax(-1)(x)),
        lambda: torch.sparse.log_softmax(x.to_sparse(), -1),
    ],
    "torch.logsumexp": [
        *(lambda: x.logsumexp(-1), lambda: torch.logcumsumexp(x, -1)),
        lambda: torch.special.logsumexp(x, -1),
    ],
    "torch.nn.functional.cross_entropy": [
        *(lambda: F.cross_entropy(x, ids), lambda: torch.nn.CrossEntropyLoss()(x, ids)),
        lambda: F.cross_entropy(x, x.exp()),
    ],
    "torch.nn.functional.nll_loss": [
        *(lambda: F.nll_loss(x, ids), lambda: torch.nn.NLLLoss()(x, ids)),
        lambda: F.cross_entropy(x, ids),
    ],
    "torch.nn.functional.layer_norm": [
        *(lambda: F.layer_norm(x, [6]), lambda: torch.nn.LayerNorm(6)(x)),
        *(lambda: F.group_norm(x, 1), lambda: F.instance_norm(x[None])),
        lambda: F.batch_norm(x.T, None, None, training=True),
        lambda: torch.native_layer_norm(x, [6], None, None, 1e-5),
        lambda: torch._native_batch_norm_legit(x.T, None, None, True, 0.0, 1e-5),
        lambda: torch._refs.nn.functional.layer_norm(x, [6], None, None),
    ],
    "torch.nn.functional.rms_norm": [
        *(lambda: F.rms_norm(x, [6]), lambda: torch.nn.RMSNorm(6)(x)),
        lambda: torch.rms_norm(x, [6]),
    ],
    "torch.nn.functional.gelu": [
        *(lambda: F.gelu(x), lambda: torch.nn.GELU()(x)),
        lambda: torch._C._nn.gelu_(x.clone()),
    ],
    "torch.nn.functional.silu": [
        *(lambda: F.silu(x), lambda: torch.nn.SiLU(inplace=True)(x.clone())),
        *(lambda: torch._C._nn.silu(x), lambda: F.glu(x)),
        *(
            lambda: torch.ops.aten.glu_backward(x[:, :3], x, -1),
            lambda: torch.ops.aten.silu_backward(x, x),
        ),
    ],
    "torch.nn.functional.embedding": [
        *(lambda: F.embedding(ids, x), lambda: torch.nn.Embedding(6, 2)(ids)),
        lambda: F.embedding_bag(ids[None], x, mode="sum"),
    ],
    "torch.nn.functional.scaled_dot_product_attention": [
        lambda: F.scaled_dot_product_attention(q, q, q, is_causal=True),
        lambda: torch.nn.MultiheadAttention(8, 2)(q[0], q[0], q[0]),
        lambda: torch.nn.TransformerEncoderLayer(8, 2, batch_first=True).eval()(q[0]),
        lambda: flex_attention(q, q, q),
    ],
    "torch.cosine_similarity": [
        *(lambda: F.cosine_similarity(x, x), lambda: torch.nn.CosineSimilarity(0)(w, w)),
        lambda: F.cosine_embedding_loss(x, x, torch.ones(4)),
    ],
    "torch.multinomial": [
        *(lambda: x.exp().multinomial(1), lambda: torch.multinomial(x.exp(), 1)),
        lambda: torch.distributions.Categorical(logits=x).sample(),
    ],
    "torch.autograd": [
        lambda: (leaf() ** 2).sum().backward(),
        lambda: torch.autograd.grad((z := leaf()).sum(), z),
        lambda: torch.func.grad(torch.sum)(w),
        lambda: torch.func.vjp(torch.sum, w)[1](torch.tensor(1.0)),
        lambda: torch.func.jacrev(torch.exp)(w),
        lambda: torch.func.jacfwd(torch.exp)(w),
        lambda: torch.func.jvp(torch.exp, (w,), (w,)),
        lambda: torch.autograd.functional.jacobian(torch.exp, w),
        lambda: leaf().exp().grad_fn(w),
        lambda: torch.ops.aten.embedding_dense_backward(x, ids, 6, -1, False),
        lambda: torch.ops.aten.tanh_backward(x, x),
        lambda: torch.func.linearize(torch.exp, w)[1](w),
        lambda: torch.autograd.functional.jvp(torch.exp, w, w),
        lambda: forward_tangent(w),
    ],
    "torch.optim": [
        *(lambda: step(torch.optim.AdamW), lambda: step(torch.optim.Adam)),
        *(lambda: step(torch.optim.SGD), lambda: step(torch.optim.SparseAdam)),
        *(lambda: step(torch.optim.NAdam), lambda: step(torch.optim.AdamW, fused=True)),
        lambda: step(torch.optim.AdamW, foreach=True),
        lambda: adam(*ADAM, maximize=False, **RATES),
    ],
    "torch.quantize_per_channel": [
        lambda: torch.quantize_per_channel(x, four, zeros, 0, torch.qint8),
        lambda: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8),
        lambda: torch.fake_quantize_per_channel_affine(x, four, zeros, 0, -128, 127),
        lambda: torch.quantize_per_tensor_dynamic(x, torch.qint8, False),
    ],
}
ADAM = [w.clone()], [w], [w.clone()], [w**2], [], [torch.tensor(1.0)]
RATES = {"amsgrad": False, "beta1": 0.9, "beta2": 0.9, "lr": 0.1, "weight_decay": 0, "eps": 1e-8}
ways = [(name, number) for name in SEEN for number in range(len(SEEN[name]))]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "number"), ways)
def test_a_way_to_a_ready_made_function_is_refused(name, number):
    compiled()
    torch_blocker.forget()
    with pytest.raises(DisallowedCall, match=name), block([name]):
        SEEN[name][number]()
    assert torch_blocker.called() == {name}
    with warnings.catch_warnings():
        SEEN[name][number]()  # the control: where nothing is disallowed it runs


def test_the_table_and_the_exercises_lists_name_each_other():
    """A row that no exercise uses is not needed. A listed name of torch without a row stands for
    itself alone, so it must be there."""
    listed = {
        name
        for book in notebooks.lessons()
        for each in book.exercises
        for name in each.disallowed
        if name.startswith("torch.")
    }
    assert set(OPERATORS) == set(SEEN) and set(OPERATORS) <= listed
    assert listed - set(OPERATORS) == {"torch.func", "torch.distributions.Categorical.log_prob"}


def in_a_thread(way):
    """What it raises in a thread that begins within the block."""
    found = []

    def run():
        try:
            way()
        except Exception as error:  # noqa: BLE001 - whatever it is
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found


# Python functions of torch made of allowed operators, and derivatives that go forward: seen in the
# thread of the call alone.
OWN_THREAD = {
    "torch.autograd": [5, 6, 8, 11, 13],
    "torch.softmax": [22, 23, 26],
    "torch.nn.functional.scaled_dot_product_attention": [1, 3],
    "torch.optim": [7],
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "number"), ways)
def test_another_thread_is_refused_as_well(name, number):
    compiled()
    torch_blocker.forget()
    with block([name]):
        raised = in_a_thread(SEEN[name][number])
    known = number in OWN_THREAD.get(name, [])
    assert bool(raised) != known
    assert torch_blocker.called() == (set() if known else {name})
    assert not in_a_thread(SEEN[name][number])


def test_an_operator_is_refused_for_each_of_its_names_however_late_one_is_asked_for():
    """In a process of its own, in which the second is new."""
    code = "import torch\nfrom exercises.torch_blocker import block, called\n"
    code += "kept, x = torch.softmax, torch.ones(2)\nimport threading\n"
    code += "def ask():\n    thread = threading.Thread(target=kept, args=(x, 0))\n"
    code += "    thread.start()\n    thread.join()\n"
    for name in ("torch.special.softmax", "torch.softmax", "torch.special.softmax"):
        code += f"with block(['{name}']):\n    ask()\n"
    code += "assert called() == {'torch.softmax', 'torch.special.softmax'}, called()"
    assert subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE).returncode == 0


def test_a_process_that_a_cell_has_left_is_refused_as_well():
    """It was forked before any test, with all of torch."""
    torch_blocker.watch(["torch.softmax"])
    had = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.softmax(torch.ones(100, 10_000), -1)  # its second thread runs
    mine, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        torch.set_num_threads(1)  # that thread is not in this fork, which would wait for it
        mine.close()
        while theirs.recv(1):
            try:
                theirs.sendall(b"%d" % kept(-1).shape[0])
            except DisallowedCall:
                theirs.sendall(b"!")
        os._exit(0)
    torch.set_num_threads(had)
    theirs.close()
    torch_blocker.forget()
    with block(["torch.softmax"]):
        mine.sendall(b"?")
        assert mine.recv(1) == b"!" and torch_blocker.called() == {"torch.softmax"}
    mine.sendall(b"?")
    assert mine.recv(1) == b"4"
    mine.close()
    os.waitpid(pid, 0)


@pytest.mark.slow
@pytest.mark.parametrize("made", [F.cross_entropy, F.nll_loss])
def test_what_is_watched_and_allowed_is_what_it_was(made):
    """And so is its gradient, which for an operator made of others is that of its parts."""
    code = "import sys, torch\nx = torch.arange(12.).view(3, 4).requires_grad_()\n"
    code += f"y = torch.nn.functional.{made.__name__}(x, torch.tensor([0, 3, 1]))\ny.backward()\n"
    code += "print(y.item(), x.grad.tolist())"
    plain = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    names = sorted(OPERATORS)
    watched = f"from exercises import torch_blocker\ntorch_blocker.watch({names})\n"
    out = subprocess.run([sys.executable, "-c", watched + code], capture_output=True, text=True)
    assert plain and out.stdout == plain, out.stderr


TAKEN_APART = [
    *(torch.softmax, torch.log_softmax, torch.logsumexp, F.softmin),
    *(lambda x, _: F.layer_norm(x, [4]), lambda x, _: F.rms_norm(x, [4])),
    lambda x, _: F.cross_entropy(x, torch.tensor([0, 3, 1])),
    lambda x, _: F.cosine_similarity(x, x.roll(1)),
    lambda x, _: F.scaled_dot_product_attention(x, x, x),
]


@pytest.mark.parametrize("made", TAKEN_APART)
def test_torch_func_has_the_gradient_of_what_is_watched_and_allowed(made):
    torch_blocker.watch(OPERATORS)
    matrix = torch.arange(12.0).view(3, 4).sin()
    leaf = matrix.clone().requires_grad_()
    made(leaf, -1).pow(3).sum().backward()
    found = torch.func.grad(lambda each: made(each, -1).pow(3).sum())(matrix)
    torch.testing.assert_close(found, leaf.grad)
    assert found.any()


def test_a_step_by_hand_may_use_what_only_sounds_like_an_optimizer():
    with block(["torch.optim"]):
        F.rms_norm(x, [6])
        list(torch.utils.data.DataLoader([x, x], batch_size=None))
        with torch.profiler.record_function("my step"):
            w - 0.1 * w


def test_a_refusal_that_is_caught_is_still_known():
    torch_blocker.forget()
    with block(["torch.softmax"]):
        try:
            x.softmax(-1)
        except RuntimeError:
            x.exp()
    assert torch_blocker.called() == {"torch.softmax"}


LIBRARY = [  # what a learner's globals may hold of a library, and a use of it
    ("import tokenizers", "tokenizers.Tokenizer"),
    ("import tokenizers as t", "t.models.BPE()"),
    ("from tokenizers import Tokenizer as T", "T(1)"),
    ("import tokenizers\nmade = tokenizers.models.BPE()", "made.dropout"),
    ("from codecs import getincrementaldecoder as g", "g('utf-8')"),
    ("import codecs", "codecs.getincrementaldecoder('utf-8')"),
    ("from llmlib.tokens import merge", "merge([1], (1, 1), 2)"),
    ("from llmlib import tokens as t", "t.merge([1], (1, 1), 2)"),
]


@pytest.mark.parametrize(("above", "use"), LIBRARY)
def test_what_a_cell_took_of_a_library_refuses_while_the_function_runs(above, use):
    space = {}
    exec(f"{above}\ndef f():\n    {use}", space)
    before = dict(space)
    off = ["tokenizers.Tokenizer", "codecs.getincrementaldecoder", "llmlib.tokens.merge"]
    with pytest.raises(DisallowedCall), block(off, space):
        space["f"]()
    assert space == before


@pytest.mark.parametrize(
    "inside", ["import tokenizers", "from tokenizers import Tokenizer", "import llmlib.tokens"]
)
def test_an_import_inside_of_the_function_refuses(inside):
    space = {}
    exec(f"def f():\n    {inside}", space)
    with pytest.raises(DisallowedCall), block(["tokenizers.Tokenizer"], space):
        space["f"]()
    space["f"]()


def test_what_given_cells_import_of_the_course_is_allowed():
    from llmlib import tokens

    space = {}
    exec("from llmlib.tokens import merge\ndef f():\n    return merge([1], (1, 1), 2)", space)
    with block([], space, [tokens.merge]):
        assert space["f"]() == [1]


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("listed", [f"llmlib.tokens.{e}" for e in ("split", "Tokenizer.encode")])
def test_what_given_cells_import_and_the_exercise_lists_is_not(listed, inside):
    from llmlib import tokens

    name, space = listed.split(".")[2], {}
    line = f"from llmlib.tokens import {name}\n"
    exec(f"{line}def f():\n    {line * inside}    {name}([])", space)
    with pytest.raises(DisallowedCall), block([listed], space, [getattr(tokens, name)]):
        space["f"]()


def test_after_the_call_everything_is_as_before():
    import codecs

    before = codecs.lookup
    with pytest.raises(DisallowedCall, match="codecs.lookup"):
        with block(["torch.softmax", "codecs.lookup"]):
            codecs.lookup("utf-8")
    with pytest.raises(ZeroDivisionError), block(["torch.softmax", "codecs.lookup"]):
        1 / 0
    assert codecs.lookup is before
    torch.testing.assert_close(x.softmax(-1).sum(-1), torch.ones(4))


def test_a_cell_cannot_replace_what_switches_the_modes_on(monkeypatch):
    for kind in torch_blocker.MODES:
        monkeypatch.setattr(kind, "__enter__", lambda self: self)
        monkeypatch.setattr(kind, "__exit__", lambda *_: None)
    with pytest.raises(DisallowedCall), block(["torch.softmax"]):
        x.softmax(-1)
