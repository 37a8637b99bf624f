"""One token by the compiled loops, against the same arithmetic in torch's double precision; what
they do not know is left to `forward`.
"""

import dataclasses
import subprocess
import sys
import threading
import types

import pytest
import torch
from test_engine import llama, random_ids, some
from test_families import CHECKPOINTS, LLAMA3, checkpoint

import llmlib.fast
from llmlib import attention, data, decode_step, generation, layers, pretrained
from llmlib.decode_step import GROUP
from llmlib.output_head import cross_entropy

pytestmark = [pytest.mark.unit, pytest.mark.verdict()]
WIDE = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4}
MODELS = {
    "grouped queries": {"n_kv_head": 2},
    "multi-query": {"n_kv_head": 1},
    "multi-head": {"n_kv_head": 4},
    "a head of its own": {"n_kv_head": 2, "tied": False},
    "heads of another size": {"n_kv_head": 2, "head_dim": 24},
    "Llama 3's frequencies": {"n_kv_head": 2, "rope_parameters": LLAMA3},
    "slower positions": {
        "n_kv_head": 2,
        "rope_parameters": {"rope_type": "linear", "factor": 2.5, "rope_theta": 500.0},
    },
    "another theta": {
        "n_kv_head": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 7e5},
    },
    "another eps": {"n_kv_head": 2, "rms_norm_eps": 0.1},
    "wide": {
        "n_kv_head": 3,
        "hidden_size": 192,
        "intermediate_size": 352,
        "num_attention_heads": 6,
        "vocab_size": 500,
    },
    "narrow": {"n_kv_head": 1, "hidden_size": 32, "num_attention_heads": 2},
}


def tiny(folder, name="grouped queries", **settings):
    llama(folder, **{**WIDE, "max_position_embeddings": 700, **MODELS[name], **settings})
    return pretrained.load(folder, "int4")


def median(numbers):
    return sorted(numbers)[len(numbers) // 2]


def without(model):
    return dataclasses.replace(model, decode_step=None)


def of_family(folder, name):
    """A checkpoint of test_families, wide enough for int4."""
    settings = CHECKPOINTS[name][1]
    wide = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4}
    wide |= {"num_key_value_heads": 2}
    if "moe_intermediate_size" in settings:
        wide["moe_intermediate_size"] = 32
    checkpoint(folder, name, **wide)
    return folder


class Rounded:
    """An int4 matrix whose product is what fast/numba_kernels.py says that it is, in float64."""

    def __init__(self, packed):
        block = packed if packed.fours else packed._base
        fours, scales = block.fours
        d_in, d_out = block.rows.shape[1], len(block.rows)
        plain = torch.tensor([1, 8]).bfloat16().expand(d_in // GROUP, d_out, 2).contiguous()
        eye = torch.eye(d_in).bfloat16()
        numbers = torch._weight_int4pack_mm_for_cpu(eye, fours, GROUP, plain).double().T
        start, end = (0, d_out) if packed.fours else packed._place
        self.numbers = numbers[start:end].view(end - start, -1, GROUP) - 8
        self.scale, self.offset = scales[:, start:end].double().unbind(-1)  # groups d_out

    def times(self, x):
        groups = x.reshape(*x.shape[:-1], -1, GROUP)
        step = groups.abs().amax(-1, keepdim=True) / 127
        rounded = (groups / step.where(step > 0, 1)).round() * step
        scaled = torch.einsum("dgj,gd,...gj->...d", self.numbers, self.scale, rounded)
        return scaled + groups.sum(-1) @ self.offset


def reference(model):
    """A function (token, cache) -> logits [vocab]: the model of taught functions, in float64, with
    the products that the loops say. The cache stays as it is.
    """
    config, w = model.config, model.weights
    rounded = [
        [Rounded(each) for each in (layer.q[0], layer.k[0], layer.v[0], layer.o[0], *layer.mlp[:3])]
        for layer in w.layers
    ]

    def norm(x, weight):
        return layers.rms_norm(x, weight.double(), config.eps)

    def turned(x, length):
        """RoPE by complex numbers: x [1, heads, 1, head_dim]."""
        half = config.head_dim // 2
        theta = torch.as_tensor(config.rope_theta, dtype=torch.float32)
        frequencies = 1 / theta ** (torch.arange(half) / half)
        angles = (torch.tensor(length / config.rope_factor).float() * frequencies).double()
        pairs = torch.complex(x[..., :half], x[..., half:])
        pairs = pairs * torch.polar(torch.ones_like(angles), angles)
        return torch.cat([pairs.real, pairs.imag], dim=-1)

    def run(token, cache):
        x, n = w.embedding[torch.tensor([[token]])].double(), cache.length
        for i, (q, k, v, o, gate, up, down) in enumerate(rounded):
            normed = norm(x, w.layers[i].norm_1[0])
            heads = (each.times(normed).view(1, 1, -1, config.head_dim) for each in (q, k, v))
            new_q, new_k, new_v = (each.transpose(1, 2) for each in heads)
            keys = torch.cat([cache.keys[i][:, :, :n].double(), turned(new_k, n)], dim=2)
            values = torch.cat([cache.values[i][:, :, :n].double(), new_v], dim=2)
            n_rep = config.n_head // config.n_kv_head
            both = (attention.repeat_kv(each, n_rep) for each in (keys, values))
            mixed = attention.scaled_dot_product_attention(turned(new_q, n), *both)
            x = x + o.times(attention.merge_heads(mixed))
            normed = norm(x, w.layers[i].norm_2[0])
            x = x + down.times(torch.nn.functional.silu(gate.times(normed)) * up.times(normed))
        return (norm(x, w.norm[0]) @ w.unembedding.float().double().T)[0, 0]

    return run


def of_random_numbers(model, length, seed=0):
    """A cache that holds `length` tokens, and room for more."""
    cache, random = model.new_cache(), torch.Generator().manual_seed(seed)
    for store in cache.keys + cache.values:
        store[:, :, :length] = torch.randn(store[:, :, :length].shape, generator=random)
    cache.length = length
    return cache


@pytest.mark.slow
@pytest.mark.parametrize("name", some(MODELS, "grouped queries", "multi-head", "narrow"))
def test_logits_are_those_of_the_same_arithmetic(tmp_path, name):
    """After so many tokens that the keys are one part, just two, or three. A number that lies
    between two steps may be rounded to either: that moves the logits of some tokens, of most not.
    """
    model = tiny(tmp_path, name)
    run, off, exact = reference(model), [], []
    for length in (0, 1, 2, 40, 255, 256, 257, 511, 512, 600, 699):
        for token in (0, 7, 200):
            cache = of_random_numbers(model, length, seed=token)
            wanted = run(token, cache)
            found = model.decode_step(torch.tensor([[token]]), cache)[0, 0]
            assert cache.length == length + 1
            by_forward = without(model)([token], of_random_numbers(model, length, seed=token))[0, 0]
            off.append(((found - wanted).abs().max() / wanted.std()).item())
            exact.append(((by_forward - wanted).abs().max() / wanted.std()).item())
    assert median(off) < 5e-6 and max(off) < 0.05, off
    assert median(exact) > 100 * median(off)  # other roundings would be seen


PLAIN = {"Llama 3", "Llama 3, the fastest pair slowed", "Llama, YaRN", "Llama, dynamic"}
PLAIN |= {"Mistral", "Phi-4, part of each head"}


@pytest.mark.slow
@pytest.mark.parametrize("name", some(CHECKPOINTS, "Llama 3", "Gemma 3", "Mixtral"))
def test_of_every_family_one_tokens_logits_are_those_of_forward(tmp_path, name):
    """Up to roundings; the loops do it for those that are plain Llamas, and know the others."""
    model = pretrained.load(of_family(tmp_path, name), "int4")
    assert (model.decode_step is not None) == (name in PLAIN)
    ids = random_ids(1, 12, 200)
    caches = model.new_cache(), model.new_cache()
    model(ids, caches[0])
    model(ids, caches[1])
    found, wanted = model([5], caches[0])[0, 0], without(model)([5], caches[1])[0, 0]
    assert (found - wanted).abs().max() < 0.1 * wanted.std()
    if model.decode_step:
        assert not torch.equal(found, wanted)
    for one, other in zip(*(cache.keys + cache.values for cache in caches)):
        assert (one - other).abs().max() < 0.1 * other.std()
        assert (one[:, :, :12] == other[:, :, :12]).all() and (one[:, :, 13:] == 0).all()


@pytest.mark.parametrize("name", ["grouped queries", "wide"])
def test_the_bits_are_the_same_whatever_the_number_of_threads(tmp_path, name):
    model, found = tiny(tmp_path, name), {}
    for n_threads in (1, 2, 3, 7):
        torch.set_num_threads(n_threads)
        for length in (0, 300):
            cache = of_random_numbers(model, length)
            logits = [model.decode_step(torch.tensor([[i]]), cache) for i in range(20)]
            found.setdefault(length, []).append((torch.cat(logits), *cache.keys, *cache.values))
    for runs in found.values():
        assert all(torch.equal(*pair) for run in runs for pair in zip(run, runs[0]))


@pytest.fixture(autouse=True)
def _as_many_threads_as_before():
    n_threads = torch.get_num_threads()
    yield
    assert torch.get_num_threads() == n_threads or not torch.set_num_threads(n_threads)


def test_what_has_been_replaced_is_left_to_forward(tmp_path, monkeypatch):
    model, calls = tiny(tmp_path), []
    call = decode_step.DecodeStep.__call__
    monkeypatch.setattr(
        decode_step.DecodeStep, "__call__", lambda *args: calls.append(1) or call(*args)
    )

    def used(model, ids=((5,),), cache=None):
        calls.clear()
        model(torch.tensor(ids), cache or of_random_numbers(model, 9))
        return bool(calls)

    assert used(model)
    assert not used(model.using(attention=attention.scaled_dot_product_attention))
    assert not used(model.using(sampling=lambda logits, u: logits.argmax(-1)))
    assert not used(dataclasses.replace(model, config=dataclasses.replace(model.config, eps=0.5)))
    weights = dataclasses.replace(model.weights, norm=(2 * model.weights.norm[0],))
    assert not used(dataclasses.replace(model, weights=weights))
    assert not used(without(model))
    assert not used(model, [[5, 6]])  # two tokens
    assert not used(model, [[5], [6]], model.new_cache(2))  # two texts
    calls.clear()
    model([5])  # without a cache
    assert not calls


def test_several_texts_at_once_are_what_each_is_alone(tmp_path):
    model, found = tiny(tmp_path, "wide"), {}
    prompts = [[i, 2 * i, 3 * i] for i in range(1, 9)]
    alone = [list(generation.generate(model, prompt, 60)) for prompt in prompts]

    def write(i):
        found[i] = list(generation.generate(model, prompts[i], 60))

    threads = [threading.Thread(target=write, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[i] for i in range(8)] == alone


def test_the_logits_of_one_token_stay_when_the_next_is_computed(tmp_path):
    model = tiny(tmp_path)
    cache = model.new_cache()
    first = model([5], cache)
    kept = first.clone()
    model([6], cache)
    assert torch.equal(first, kept)
    first[0, 0, 0] = 9  # and they are the caller's own


@pytest.mark.parametrize("started", [False, True])
def test_an_interrupted_token_leaves_no_thread_waiting(tmp_path, started):
    """By Ctrl-C, before the others have started or after it; the next token is as ever."""
    model, ids = tiny(tmp_path, "wide"), torch.tensor([[5]])
    wanted = model.decode_step(ids, of_random_numbers(model, 9))
    kernels, came = model.decode_step.kernels, threading.Event()

    def token(thread, *arguments):
        if thread:
            came.set()
            return kernels.token(thread, *arguments)
        if started:
            came.wait(30)
        raise KeyboardInterrupt

    names = {name: getattr(kernels, name) for name in ("ROWS", "LINE", "ALWAYS", "Cache", "Shared")}
    torch.set_num_threads(2)
    model.decode_step.kernels = types.SimpleNamespace(**names, token=token)
    cache = of_random_numbers(model, 9)
    with pytest.raises(KeyboardInterrupt):
        model.decode_step(ids, cache)
    assert came.is_set() and cache.length == 9
    model.decode_step.kernels = kernels
    assert torch.equal(model.decode_step(ids, cache), wanted)


IN_A_FORK = """
import multiprocessing, sys, torch
from llmlib import pretrained
torch.set_num_threads(2)
model = pretrained.load(sys.argv[1], "int4")
def logits(model=model):
    return model([5], model.new_cache(context=9))[0, 0].tolist()
wanted = logits()
with multiprocessing.get_context("fork").Pool(1) as pool:
    assert pool.apply_async(logits).get(500) == wanted
print("the same")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="left out: Windows has no fork")
def test_a_forked_process_has_threads_of_its_own(tmp_path):
    tiny(tmp_path)
    run = [sys.executable, "-c", IN_A_FORK, tmp_path]
    assert subprocess.run(run, capture_output=True, text=True, timeout=600).stdout == "the same\n"


def test_without_numba(tmp_path, monkeypatch):
    """Not installed; or with no folder that it could keep in what it compiles."""
    with_it = tiny(tmp_path)
    monkeypatch.delattr(llmlib.fast, "numba_kernels")
    monkeypatch.setitem(sys.modules, "llmlib.fast.numba_kernels", None)
    model = pretrained.load(tmp_path, "int4")
    assert with_it.decode_step and model.decode_step is None
    assert torch.equal(model([5], model.new_cache()), without(with_it)([5], model.new_cache()))
    monkeypatch.delitem(sys.modules, "llmlib.fast.numba_kernels")

    def nowhere(*args, **kwargs):
        raise RuntimeError("cannot cache function 'share': no locator available")

    monkeypatch.setattr("numba.njit", nowhere)
    assert pretrained.load(tmp_path, "int4").decode_step is None


@pytest.mark.proof
@pytest.mark.slow
def test_smollm2s_loss_one_token_at_a_time():
    """Rounding each product's vector to 8 bits costs less than half a per cent."""
    model, exact = pretrained.load("smollm2", "int4"), pretrained.load("smollm2")
    stories = "\n\n".join(story.text for story in data.stories("held_out"))
    ids = torch.tensor(model.tokenizer.encode(stories)[:1025])
    found = wanted = 0
    for x, y in zip(ids[:-1].split(512), ids[1:].split(512)):
        cache = model.new_cache(context=512)
        found += cross_entropy(torch.cat([model([i], cache)[0] for i in x.tolist()]), y)
        wanted += cross_entropy(exact(x)[0], y)
    assert abs(found / wanted - 1) < 0.005
