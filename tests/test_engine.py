"""The engine against `transformers`: logits on SmolLM2 and on a grid of random checkpoints of both
families, greedy ids, the cache.
"""

import functools
import importlib
import inspect

import pytest
import torch
from torch.nn import functional as F
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from classroom.engine_check import reference, same_beginning, same_ids
from llmlib import attention, embeddings, generate, layers, output_head, pretrained, scaling

pytestmark = [pytest.mark.unit, pytest.mark.slow, pytest.mark.verdict()]

PROMPTS = [
    "The capital of France is",
    "What is machine learning?",
    "def fibonacci(n):",
    "Once upon a time",
    "1, 2, 3, 4,",
    "Die Hauptstadt von Deutschland ist",
    "The three primary colors are",
    "Water boils at",
    "import numpy as np\n",
    "Dear Sir or Madam,",
    "She opened the door and",
    "In 1969,",
    "The opposite of hot is",
    "A recipe for bread:\n1.",
    "Q: Who wrote Hamlet?\nA:",
    "The Pythagorean theorem states",
    "<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\n",
    "La vie est",
    "x = [i**2 for i in",
    "Photosynthesis is the process",
]


@pytest.fixture(scope="module")
def smollm2():
    return pretrained.load("smollm2")


def some(names, *few):
    """Parameters of which `make test` takes these few, and `make proof` all."""
    return [pytest.param(name, marks=() if name in few else pytest.mark.proof) for name in names]


def random_ids(batch, seq, vocab, seed=0):
    return torch.randint(vocab, (batch, seq), generator=torch.Generator().manual_seed(seed))


def assert_same_logits(model, theirs, ids, bound=1e-4):
    with torch.no_grad():
        expected = theirs(ids).logits
    assert (model(ids) - expected).abs().max().item() < bound


def test_smollm2_logits(smollm2):
    assert_same_logits(smollm2, reference(smollm2.folder), random_ids(1, 301, 49152))


@pytest.fixture(scope="module")
def continued(smollm2):
    """continued(prompt): the 64 ids that transformers writes after it."""

    @functools.cache
    def ids(prompt):
        start = torch.tensor([smollm2.tokenizer.encode(prompt)])
        with torch.no_grad():
            out = reference(smollm2.folder).generate(start, max_new_tokens=64, do_sample=False)
        return out[0, start.shape[1] :].tolist()

    return ids


@pytest.mark.parametrize("prompt", some(PROMPTS, PROMPTS[0]))
def test_smollm2_continues_as_transformers_does(smollm2, continued, prompt):
    ids = smollm2.tokenizer.encode(prompt)
    ours = list(generate(smollm2, ids, 64, stop_ids=()))
    assert ours == continued(prompt)
    # Without a cache: one pass over prompt and answer makes the choice at each of the 64 steps.
    assert smollm2(ids + ours)[0, len(ids) - 1 : -1].argmax(-1).tolist() == ours


def test_one_pass_says_where_a_text_leaves_that_of_transformers(smollm2, continued, capsys):
    prompt, folder = PROMPTS[0], smollm2.folder
    ids, theirs = smollm2.tokenizer.encode(prompt), continued(prompt)[:12]
    assert same_beginning(folder, ids, theirs) == 12
    for at in (0, 7, 11):
        other = theirs[:at] + [theirs[at] + 1] + theirs[at + 1 :]
        assert same_beginning(folder, ids, other) == at
    assert same_beginning(folder, ids, []) == 0
    assert same_ids(smollm2, [prompt], 12)
    assert "1 of 1 prompts continued as transformers does" in capsys.readouterr().out
    wrong = smollm2.using(position=lambda x, positions, theta: x)
    assert not same_ids(wrong, [prompt], 12)
    ours = list(generate(wrong, ids, 12, stop_ids=()))
    at = next(i for i, pair in enumerate(zip(ours, theirs)) if len(set(pair)) == 2)
    told, decode = capsys.readouterr().out, smollm2.tokenizer.decode
    assert (
        f"different from new token {at + 1} on: {prompt!r} -> {decode(ours[at : at + 5])!r}" in told
    )
    assert f"transformers says {decode(continued(prompt)[at : at + 5])!r}" in told


def saved(model, folder, **options):
    with torch.no_grad():  # a fresh model's biases and norms are 0 and 1: make every weight count
        for each in model.parameters():
            generator = torch.Generator().manual_seed(each.numel())
            each.add_(0.02 * torch.randn(each.shape, generator=generator))
    model.save_pretrained(folder, **options)
    return model.eval()


LLAMA = {"hidden_size": 48, "intermediate_size": 100, "num_hidden_layers": 3}
LLAMA |= {"num_attention_heads": 6, "vocab_size": 211, "max_position_embeddings": 64}
GPT2 = {"n_embd": 48, "n_layer": 3, "n_head": 6, "vocab_size": 211, "n_positions": 64}


def llama(folder, n_kv_head=3, tied=True, save={}, **settings):
    heads = {"num_key_value_heads": n_kv_head, "tie_word_embeddings": tied}
    torch.manual_seed(0)
    return saved(LlamaForCausalLM(LlamaConfig(**LLAMA | heads | settings)), folder, **save)


def gpt2(folder, tied=True, **settings):
    torch.manual_seed(0)
    config = GPT2Config(**GPT2 | {"tie_word_embeddings": tied} | settings)
    return saved(GPT2LMHeadModel(config), folder)


DEFAULT = {"rope_type": "default", "rope_theta": 500.0}
SLOWER = {"rope_type": "linear", "factor": 2.5, "rope_theta": 10000.0}


@pytest.mark.parametrize("batch, seq", [(1, 1), (4, 7), (2, 33)])
@pytest.mark.parametrize(
    "make, settings",
    [
        *[(llama, {"n_kv_head": n, "tied": tied}) for n in (1, 3, 6) for tied in (True, False)],
        (llama, {"attention_bias": True, "mlp_bias": True}),
        (llama, {"attention_bias": True}),
        (llama, {"head_dim": 16}),
        (llama, {"rms_norm_eps": 1e-3}),
        (llama, {"rope_parameters": DEFAULT}),
        (llama, {"rope_parameters": SLOWER}),
        (llama, {"save": {"max_shard_size": "40KB"}}),
        *[(gpt2, {"tied": tied}) for tied in (True, False)],
        (gpt2, {"n_inner": 100}),
        (gpt2, {"activation_function": "gelu"}),
        (gpt2, {"layer_norm_epsilon": 1e-3}),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_logits_are_those_of_transformers(tmp_path, make, settings, batch, seq):
    theirs = make(tmp_path, **settings)
    assert_same_logits(pretrained.load(tmp_path), theirs, random_ids(batch, seq, 211))


@pytest.mark.parametrize("kind", ["gelu", "gelu_new", "gelu_pytorch_tanh"])
def test_gpt2s_gelu_is_the_one_that_its_settings_name(tmp_path, kind):
    """In a small model the logits hardly tell the two apart."""
    gpt2(tmp_path, activation_function=kind)
    x, w = torch.linspace(-3, 3, 48)[None], torch.eye(48)
    found = pretrained.load(tmp_path).parts.mlp(x, w, None, w, None)
    forms = [torch.nn.functional.gelu(x, approximate=form) for form in ("none", "tanh")]
    right, other = forms if kind == "gelu" else forms[::-1]
    assert torch.allclose(found, right, atol=1e-6) and not torch.allclose(found, other, atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_checkpoints_become_float32(tmp_path, dtype):
    theirs = llama(tmp_path / "a").to(dtype)
    theirs.save_pretrained(tmp_path / "half")
    assert_same_logits(pretrained.load(tmp_path / "half"), theirs.float(), random_ids(2, 21, 211))


@pytest.mark.parametrize("make", [llama, gpt2])
def test_the_cache_changes_nothing(tmp_path, make):
    make(tmp_path)
    model, ids = pretrained.load(tmp_path), random_ids(2, 40, 211)
    whole = model(ids)
    for chunk in (1, 3, 7, 40):
        cache = model.new_cache(batch=2)
        parts = [model(piece, cache) for piece in ids.split(chunk, dim=1)]
        assert (torch.cat(parts, dim=1) - whole).abs().max() < 1e-5
        assert cache.length == 40


@pytest.mark.proof
def test_each_part_can_be_replaced(smollm2):
    ids = smollm2.tokenizer.encode("The capital of France is")
    expected = smollm2(ids)

    def counted(function, calls):
        def call(*args, **kwargs):
            calls.append(1)
            return function(*args, **kwargs)

        return call

    for name in smollm2.parts.__dataclass_fields__:
        calls = []
        model = smollm2.using(**{name: counted(getattr(smollm2.parts, name), calls)})
        list(generate(model, ids, 2, stop_ids=()))
        assert calls, f"the engine never calls {name}"
        assert torch.equal(model(ids), expected)
    fused = torch.nn.functional.scaled_dot_product_attention
    torch_attention = smollm2.using(attention=lambda q, k, v, mask: fused(q, k, v, attn_mask=mask))
    assert (torch_attention(ids) - expected).abs().max() < 1e-3
    with pytest.raises(TypeError, match="no part attn"):
        smollm2.using(attn=None)


def test_a_replaced_part_stays_when_attention_is_replaced_after_it(smollm2):
    """The default attention does without the taught mask and repeat_kv; another one gets them, but
    not in place of somebody's own."""
    ids = smollm2.tokenizer.encode("The capital of France is")
    seen = []

    def watched(q, k, v, mask=None):
        seen.append((bool(mask.all()), k.shape[1]))
        return attention.scaled_dot_product_attention(q, k, v, mask)

    smollm2.using(attention=watched)(ids)
    assert set(seen) == {(False, smollm2.config.n_head)}
    seen.clear()
    all_see_all = smollm2.using(mask=lambda seq, start=0: torch.ones(seq, start + seq) > 0)
    all_see_all.using(attention=watched)(ids)
    assert set(seen) == {(True, smollm2.config.n_head)}
    n_head = smollm2.config.n_head
    first_head = smollm2.using(repeat_kv=lambda x, n_rep: x[:, :1].expand(-1, n_head, -1, -1))
    apart = (first_head.using(attention=watched)(ids) - first_head(ids)).abs().max()
    assert apart < 1e-3 < (first_head(ids) - smollm2(ids)).abs().max()


def test_a_part_that_computes_in_float64_fits_into_the_model(smollm2):
    ids = smollm2.tokenizer.encode("The capital of France is")
    floats = ("norm", "mlp", "embedding", "position", "attention", "block", "unembedding")

    def in_double(function):
        return lambda *args, **kwargs: function(*args, **kwargs).double()

    model = smollm2.using(**{name: in_double(getattr(smollm2.parts, name)) for name in floats})
    assert torch.equal(model(ids), smollm2(ids))


def random(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_functions_against_torch():
    x, w, b = random(2, 5, 12), random(12, seed=1), random(12, seed=2)
    targets, big = random_ids(2, 5, 12), 1000 * x
    q, k, v = random(3, 2, 3, 5, 8, seed=3)
    loss, mask = F.cross_entropy(x.flatten(0, 1), targets.flatten()), attention.causal_mask(5)
    attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    for ours, theirs, atol in [
        (layers.layer_norm(x, w, b, 1e-5), F.layer_norm(x, (12,), w, b, 1e-5), 1e-6),
        (layers.rms_norm(x, w, 1e-5), F.rms_norm(x, (12,), w, 1e-5), 1e-6),
        (layers.gelu(x, "tanh"), F.gelu(x, approximate="tanh"), 1e-6),
        (layers.gelu(x, "none"), F.gelu(x), 1e-6),
        (output_head.softmax(big), big.softmax(-1), 1e-8),
        (output_head.log_softmax(big), big.log_softmax(-1), 1e-4),
        (output_head.cross_entropy(x, targets), loss, 1e-8),
        (output_head.perplexity(x, targets), loss.exp(), 1e-8),
        (attention.scaled_dot_product_attention(q, k, v, mask), attended, 1e-6),
    ]:
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=atol)
    assert mask.dtype == torch.bool and mask.tolist()[1] == [True, True, False, False, False]
    assert torch.equal(attention.causal_mask(2, start=3), mask[3:])
    with pytest.raises(ValueError, match="tanh"):
        layers.gelu(x, "sigmoid")
    with pytest.raises(ValueError, match="targets of shape"):
        output_head.cross_entropy(x, targets[:, :-1])


def test_multi_head_attention_against_torch():
    theirs = torch.nn.MultiheadAttention(24, 4, bias=False, batch_first=True)
    weights = *theirs.in_proj_weight.detach().chunk(3), theirs.out_proj.weight.detach()
    x, context, mask = random(2, 5, 24), random(2, 7, 24, seed=1), attention.causal_mask(5)
    ours = attention.multi_head_attention(x, *weights, 4, mask=mask)
    torch.testing.assert_close(ours, theirs(x, x, x, attn_mask=~mask)[0], rtol=1e-5, atol=1e-6)
    ours = attention.multi_head_attention(x, *weights, 4, context=context)
    torch.testing.assert_close(ours, theirs(x, context, context)[0], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match="must divide"):
        attention.multi_head_attention(x, *weights, 4, n_kv_head=3)


@pytest.mark.parametrize(
    "module, name, arguments",
    [
        ("tokens", "train_bpe", "text vocab_size special_tokens"),
        ("tokens", "Tokenizer", "merges special_tokens"),
        ("embeddings", "sinusoidal_positions", "seq d_model"),
        ("embeddings", "apply_rope", "x positions theta"),
        ("attention", "causal_mask", "seq"),
        ("attention", "scaled_dot_product_attention", "q k v mask"),
        ("attention", "multi_head_attention", "x w_q w_k w_v w_o n_head"),
        ("layers", "layer_norm", "x weight bias eps"),
        ("layers", "rms_norm", "x weight eps"),
        ("layers", "gelu", "x"),
        ("layers", "swiglu", "x w_gate w_up w_down"),
        ("output_head", "softmax", "x dim"),
        ("output_head", "cross_entropy", "logits targets"),
        ("output_head", "perplexity", "logits targets"),
        ("sampling", "apply_temperature", "logits t"),
        ("sampling", "top_k", "logits k"),
        ("sampling", "top_p", "logits p"),
        ("sampling", "min_p", "logits p"),
        ("pretrained", "load", "name_or_folder"),
        ("", "complete", "model prompt max_new_tokens"),
        ("", "generate", "model ids max_new_tokens temperature top_k top_p min_p seed use_cache"),
    ],
)
def test_names_that_programs_outside_rely_on_take_these_arguments(module, name, arguments):
    function = getattr(importlib.import_module(f"llmlib.{module}".strip(".")), name)
    known, wanted = list(inspect.signature(function).parameters), arguments.split()
    assert known[: len(wanted)] == wanted


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
def test_int8_holds_weights_of_any_width_within_half_a_step(dtype):
    w = torch.randn(300, 48, generator=torch.Generator().manual_seed(0)).to(dtype)
    w[0, :2] = torch.tensor([1.390625, 0.5])  # whose quotient in bfloat16 rounds to 128
    w[0, 2:] = 0
    q, scale = scaling.quantize_int8(w)
    assert q.dtype == torch.int8 and (q.abs().amax(1) == 127).all() and (q[0, 0] == 127)
    off = (scaling.dequantize(q, scale).double() - w.double()).abs()
    assert (off <= 0.5001 * scale.double()).all()


def test_a_target_that_does_not_count_has_no_gradient():
    x = torch.randn(5, 300, generator=torch.Generator().manual_seed(0)).requires_grad_()
    targets = torch.tensor([3, -100, 299, 0, -100])
    loss = output_head.cross_entropy(x, targets)
    loss.backward()
    theirs = torch.nn.functional.cross_entropy(x, targets)
    assert torch.allclose(loss, theirs)
    found = output_head.logits_gradient(x.detach(), targets)
    assert torch.allclose(found, x.grad, atol=1e-6) and not found[[1, 4]].any()


def test_the_nearest_of_a_table_with_a_row_of_zeros():
    table = torch.tensor([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.1], [2.0, 1.0]])
    assert embeddings.nearest(table, 0, 3) == [3, 1, 2]
    assert embeddings.nearest(table, 0, 9) == [3, 1, 2]  # never the token itself
    assert sorted(embeddings.nearest(table, 1, 3)) == [0, 2, 3]
