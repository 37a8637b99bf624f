"""What the notebooks teach is what llmlib runs: a solution's function and llmlib's agree on
random input."""

import functools
from dataclasses import replace

import pytest
import torch
from test_engine import llama

from exercises.format import notebooks
from llmlib import (
    attention,
    embeddings,
    generation,
    kv_cache,
    layers,
    model,
    pretrained,
    sampling,
    scaling,
    tokens,
)

pytestmark = [pytest.mark.unit, pytest.mark.verdict("solutions/*.py")]


@functools.cache
def solved(name):
    """What the given and solution cells of a notebook define."""
    space = {"__name__": "__main__"}
    for cell in notebooks.load(name).cells:
        if notebooks.kind(cell) in ("given", "solution"):
            exec(compile(cell.source, f"<{name} {notebooks.grade_id(cell)}>", "exec"), space)
    return space


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama")
    llama(folder)
    return pretrained.load(folder)


LOGITS = torch.randn(20, 50, generator=torch.Generator().manual_seed(6)) * 3
U = torch.rand(20, generator=torch.Generator().manual_seed(7))
IDS = torch.randint(50, (20, 30), generator=torch.Generator().manual_seed(8))


TABLE = torch.randn(50, 24, generator=torch.Generator().manual_seed(2))
HEADS = torch.randn(2, 3, 7, 16, generator=torch.Generator().manual_seed(3))
WIDE = torch.randn(40, 24, generator=torch.Generator().manual_seed(4)) / 5
PAST = torch.ones(7, 7).tril().bool()
SIZES = torch.tensor([6e3, 2e4, 7e4, 3e5])
DRAFTED = U.mul(50).long()
DRAFT = (DRAFTED, LOGITS.softmax(-1), LOGITS.flip(0).softmax(-1), U.flip(0), U)
CALLS = {  # (notebook, the module that runs it): the functions and what they are given
    ("02_embeddings", embeddings): [
        ("embed", IDS, TABLE),
        ("embedding_gradient", IDS, TABLE[IDS] * U[:, None, None], 50),
        ("nearest", TABLE, 7, 12),
        ("sinusoidal_positions", 70, 24),
        ("apply_rope", HEADS, torch.arange(90, 97)),
        ("apply_rope", HEADS, torch.arange(7) / 4, 500.0),
        ("interleaved_to_half_split", TABLE[:48], 4),
    ],
    ("03_attention", attention): [
        ("causal_mask", 5),
        ("causal_mask", 3, 4),
        ("scaled_dot_product_attention", HEADS, HEADS + 1, HEADS - 1),
        ("scaled_dot_product_attention", HEADS, HEADS + 1, HEADS - 1, PAST),
        ("split_heads", HEADS[:, 0], 4),
        ("merge_heads", HEADS),
        ("repeat_kv", HEADS, 3),
    ],
    ("04_layers", layers): [
        ("layer_norm", TABLE, TABLE[0], TABLE[1], 1e-5),
        ("layer_norm", HEADS, HEADS[0, 0, 0], HEADS[0, 0, 1], 0.3),
        ("rms_norm", TABLE, TABLE[0], 1e-5),
        ("rms_norm", HEADS, HEADS[0, 0, 0], 0.3),
        ("mlp", TABLE, WIDE, LOGITS[0, :40], WIDE.T, TABLE[0]),
        ("swiglu", TABLE, WIDE, WIDE + 0.1, WIDE.T),
        ("pre_norm_block", TABLE, torch.sin, torch.cos, torch.tanh, torch.exp),
    ],
    ("06_sampling", sampling): [
        ("draw", LOGITS.softmax(-1), U),
        ("apply_temperature", LOGITS, 0.7),
        ("apply_temperature", LOGITS, 0),
        ("apply_temperature", torch.ones(2, 5), 0),
        ("top_k", LOGITS.round(), 4),
        ("top_p", LOGITS.round(), 0.8),
        ("top_p", LOGITS, 1),
        ("min_p", LOGITS, 0.1),
        ("filter_logits", LOGITS, 1.3, 20, 0.9, 0.05),
        ("sample", LOGITS, U),
        ("sample", LOGITS, U, 1.3, 20, 0.9, 0.05),
        ("repetition_penalty", LOGITS, IDS, 1.2),
    ],
    ("07_kv_cache_and_scaling", kv_cache): [
        ("cache_bytes", 30, 3, 64, 77, 2),
        ("accept_draft", *DRAFT),
    ],
    ("07_kv_cache_and_scaling", scaling): [
        ("quantize_int8", torch.cat([LOGITS, torch.zeros(1, 50)])),
        ("fit_power_law", SIZES, 1.1 + 6 * SIZES**-0.3),
        ("fit_power_law", SIZES, 6 * SIZES**-0.3 - 0.1),
    ],
}


@pytest.mark.parametrize(
    "notebook, module, name, arguments",
    [
        pytest.param(*place, name, arguments, id=f"{name}-{i}")
        for place, calls in CALLS.items()
        for i, (name, *arguments) in enumerate(calls)
    ],
)
def test_a_function_gives_the_same_numbers(notebook, module, name, arguments):
    taught, ours = solved(notebook)[name](*arguments), getattr(module, name)(*arguments)
    for pair in zip(taught, ours, strict=True) if isinstance(ours, tuple) else [(taught, ours)]:
        assert torch.equal(*map(torch.as_tensor, pair))


@pytest.mark.parametrize(
    "settings", [{}, {"temperature": 1.0, "top_k": 40, "top_p": 0.95, "min_p": 0.01, "seed": 3}]
)
def test_sampling_loop(tiny, settings):
    taught = solved("06_sampling")["generate"](tiny, [5, 6, 7], 70, **settings)
    assert list(taught) == list(
        generation.generate(tiny, [5, 6, 7], 70, use_cache=False, **settings)
    )


def test_sampling_beams(tiny):
    assert solved("06_sampling")["beam_search"](tiny, [5, 6, 7], 6, 3) == sampling.beam_search(
        tiny, [5, 6, 7], 6, 3
    )


TOKEN_TEXT = (
    "It's 2 o'clock in Zürich, isn't it?  Über 40 語 🦊🙂!\n\tlower lowest newer newest tokens "
    "tokenized " * 3
)


def test_tokens():
    taught = solved("01_tokens")
    ids = list(TOKEN_TEXT.encode())
    assert taught["count_pairs"](ids) == tokens.count_pairs(ids)
    assert taught["merge"](ids, (101, 114), 256) == tokens.merge(ids, (101, 114), 256)
    tokenizer = tokens.Tokenizer(tokens.train_bpe(TOKEN_TEXT, 330))
    merges, _ = tokens.canonical(tokenizer)
    assert taught["train_bpe"](TOKEN_TEXT, 330) == merges
    encoded = tokenizer.encode(TOKEN_TEXT)
    assert taught["encode"](TOKEN_TEXT, merges) == encoded
    assert taught["cut_words"](TOKEN_TEXT) == tokens.split(TOKEN_TEXT)
    chat = tokens.Tokenizer(tokenizer.merges, ["<|end|>", "<|end|>!"])
    typed = "newer<|end|>!tokens<|end|>"
    special = taught["encode_special"](typed, merges, chat.special_tokens)
    assert special == chat.encode(typed) and len(special) < len(taught["encode"](typed, merges))
    assert taught["decode"](encoded, merges) == tokenizer.decode(encoded) == TOKEN_TEXT
    assert taught["stream_decode"](encoded, merges) + [""] == list(tokenizer.stream(encoded))


def test_the_loop_over_the_layers(tiny):
    weights = replace(tiny.weights, unembedding=tiny.weights.embedding)
    ids, past = torch.tensor([[5, 6, 7, 5], [1, 0, 2, 3]]), attention.causal_mask(4)

    def attend(i, x):
        at = weights.layers[i], tiny.config, tiny.parts, torch.arange(4), past
        return model.attend(x, i, *at)

    layers_of = [(*each.norm_1, *each.norm_2, *each.mlp[:3]) for each in weights.layers]
    with torch.no_grad():
        taught = solved("04_layers")["forward"](
            ids, weights.embedding, layers_of, weights.norm[0], attend, tiny.config.eps
        )
    assert torch.allclose(taught, replace(tiny, weights=weights)(ids), atol=1e-4)


def test_neurons_add_up_to_swiglu():
    arguments = TABLE, WIDE, WIDE + 0.1, WIDE.T
    taught = solved("04_layers")["neuron_writes"](*arguments)
    assert torch.allclose(taught.sum(-2), layers.swiglu(*arguments), atol=1e-4)


def test_cross_attention_asks_by_x_and_reads_the_context():
    x, context, w_q, w_k, w_v = (
        HEADS[0, :2],
        HEADS[1, :2, :5],
        *torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(3)),
    )
    one_head = x @ w_q.T, context @ w_k.T, context @ w_v.T
    whole = attention.scaled_dot_product_attention(*one_head)
    torch.testing.assert_close(
        solved("03_attention")["cross_attention"](x, context, w_q, w_k, w_v), whole
    )


def test_kv_cache_writes_alike():
    stores, new = (
        torch.zeros(2, 2, 3, 9, 4),
        torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(5)),
    )
    backs = [
        write(store, new, 3)
        for write, store in zip(
            (solved("07_kv_cache_and_scaling")["write_cache"], kv_cache.write_cache), stores
        )
    ]
    assert torch.equal(*backs) and torch.equal(*stores) and stores.any()


@pytest.mark.parametrize("chunk", [None, 1, 3])
def test_kv_cache_loop_is_generate(tiny, chunk):
    wanted = list(generation.generate(tiny, [5, 6, 7, 9], 20, stop_ids=()))
    unending = replace(tiny, config=replace(tiny.config, stop_ids=()))
    for loop in (solved("07_kv_cache_and_scaling")["generate_cached"], kv_cache.generate_cached):
        ids = loop(
            unending,
            unending.new_cache(),
            [5, 6, 7, 9],
            20,
            lambda logits: logits.argmax(-1),
            chunk,
        )
        assert list(ids) == wanted
