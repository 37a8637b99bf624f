"""Checkpoints of the Llama family, each against `transformers` on a small random one: every
setting that tells them apart.
"""

import dataclasses
import json

import pytest
import torch
import transformers
from test_engine import assert_same_logits, random_ids, saved

from llmlib import pretrained

pytestmark = [pytest.mark.unit, pytest.mark.slow, pytest.mark.verdict()]

LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
YARN = {
    "rope_type": "yarn",
    "rope_theta": 10000.0,
    "factor": 4.0,
    "original_max_position_embeddings": 16,
}
KINDS = ["full_attention", "sliding_attention", "sliding_attention", "full_attention"]
KINDS += ["sliding_attention"]
OLMO3 = {"full_attention": YARN, "sliding_attention": {"rope_theta": 700.0}}
OLMO3["sliding_attention"]["rope_type"] = "default"
GEMMA3 = {
    "head_dim": 16,
    "query_pre_attn_scalar": 24,
    "sliding_window": 9,
    "layer_types": KINDS,
    "rope_parameters": {
        "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 5000.0},
        "sliding_attention": {"rope_type": "default", "rope_theta": 100.0},
    },
}
CHECKPOINTS = {
    "Llama 3": ("Llama", {"rope_parameters": LLAMA3}),
    "Llama 3, the fastest pair slowed": (
        "Llama",
        {"rope_parameters": LLAMA3 | {"high_freq_factor": 40.0}},
    ),
    "Qwen2": ("Qwen2", {}),
    "Qwen2, tied": ("Qwen2", {"tie_word_embeddings": True}),
    "Qwen3": ("Qwen3", {"head_dim": 16}),
    "Qwen3, biases": ("Qwen3", {"head_dim": 16, "attention_bias": True}),
    "Mistral": ("Mistral", {"head_dim": 16, "sliding_window": None}),
    "Mistral, window": ("Mistral", {"sliding_window": 9}),
    "SmolLM3": ("SmolLM3", {"pad_token_id": 0}),
    "SmolLM3, listed": ("SmolLM3", {"no_rope_layers": [0, 1, 1, 0, 1], "pad_token_id": 0}),
    "OLMo 2": ("Olmo2", {"pad_token_id": 0}),
    "SmolLM3, windows": (
        "SmolLM3",
        {"use_sliding_window": True, "sliding_window": 9, "pad_token_id": 0},
    ),
    "Qwen2, windows": (
        "Qwen2",
        {"use_sliding_window": True, "sliding_window": 9, "max_window_layers": 2},
    ),
    "Qwen3, layer types": (
        "Qwen3",
        {"use_sliding_window": True, "sliding_window": 9, "layer_types": KINDS},
    ),
    "Ministral": ("Ministral", {"head_dim": 8, "sliding_window": 9, "layer_types": KINDS}),
    "Llama, YaRN": ("Llama", {"rope_parameters": YARN}),
    "Qwen3, YaRN": ("Qwen3", {"head_dim": 16, "rope_parameters": YARN}),
    "Llama, dynamic": ("Llama", {"rope_parameters": {"rope_type": "dynamic", "factor": 3.0}}),
    "Granite": (
        "Granite",
        {
            "embedding_multiplier": 3.0,
            "logits_scaling": 4.0,
            "residual_multiplier": 0.4,
            "attention_multiplier": 0.5,
            "attention_bias": True,
            "mlp_bias": True,
            "tie_word_embeddings": True,
        },
    ),
    "Phi-3": ("Phi3", {"pad_token_id": 0, "sliding_window": 11}),
    "Phi-4, part of each head": (
        "Phi3",
        {"hidden_size": 96, "pad_token_id": 0, "rope_parameters": {"partial_rotary_factor": 0.75}},
    ),
    "OLMo 3": ("Olmo3", {"sliding_window": 9, "pad_token_id": 0, "rope_parameters": OLMO3}),
    "Gemma 3": ("Gemma3", GEMMA3),
    "Mixtral": ("Mixtral", {"num_local_experts": 4, "sliding_window": None}),
    "Qwen3-MoE": (
        "Qwen3Moe",
        {"num_experts": 6, "num_experts_per_tok": 3, "moe_intermediate_size": 24},
    ),
    "OLMo 2, biases": ("Olmo2", {"attention_bias": True, "pad_token_id": 0}),
}


CONFIGS = {"Gemma3": "Gemma3Text"}


def checkpoint(folder, name, **sizes):
    kind, settings = CHECKPOINTS[name]
    config = getattr(transformers, CONFIGS.get(kind, kind) + "Config")(
        **{
            "hidden_size": 48,
            "intermediate_size": 100,
            "num_hidden_layers": 5,
            "num_attention_heads": 6,
            "num_key_value_heads": 3,
            "vocab_size": 211,
            "max_position_embeddings": 64,
            **settings,
            **sizes,
        }
    )
    torch.manual_seed(0)
    return saved(getattr(transformers, kind + "ForCausalLM")(config), folder)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_logits(tmp_path, name):
    theirs = checkpoint(tmp_path, name)
    assert_same_logits(pretrained.load(tmp_path), theirs, random_ids(2, 48, 211))


LINEAR = {"rope_type": "linear", "factor": 2.0}


@pytest.mark.parametrize(
    "name, settings",
    [
        ("Llama 3", {"rope_scaling": LINEAR}),  # beside rope_parameters
        ("Llama 3", {"rope_scaling": LINEAR | {"rope_theta": 300.0}}),
        ("Llama 3", {"rope_scaling": LINEAR, "rope_theta": 300.0}),
        ("Llama 3", {"rope_scaling": {}}),
        ("SmolLM3", {"rope_parameters": None}),  # whose own base is 2,000,000
    ],
)
def test_older_names_beside_the_new_ones_and_none_at_all(tmp_path, name, settings):
    checkpoint(tmp_path, name)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))
    theirs = transformers.AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert_same_logits(pretrained.load(tmp_path), theirs, random_ids(2, 48, 211))


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_the_cache_changes_nothing(tmp_path, name):
    checkpoint(tmp_path, name)
    model, ids = pretrained.load(tmp_path), random_ids(2, 40, 211)
    whole = model(ids)
    for chunk in (1, 7):
        cache = model.new_cache(batch=2)
        parts = [model(piece, cache) for piece in ids.split(chunk, dim=1)]
        assert (torch.cat(parts, dim=1) - whole).abs().max() < 1e-5


@pytest.mark.parametrize(
    "name, changed",
    [
        ("Llama 3", {"rope_theta": 10000.0}),
        ("Mistral, window", {"window": None}),
        ("SmolLM3", {"no_rope": ()}),
        ("OLMo 3", {"window": None}),
        ("OLMo 3", {"local_rope": None}),
        ("Gemma 3", {"embedding_scale": 1.0}),
        ("Gemma 3", {"windowed": (0,)}),
    ],
)
def test_the_setting_matters(tmp_path, name, changed):
    """Control: with the setting switched off, the logits are others."""
    checkpoint(tmp_path, name)
    model, ids = pretrained.load(tmp_path), random_ids(2, 48, 211)
    without = dataclasses.replace(model, config=dataclasses.replace(model.config, **changed))
    assert (model(ids) - without(ids)).abs().max() > 1e-3  # ten times the bound of parity
