"""Never another model without a word: random settings of every family give the logits and the ids
of `transformers`, and a key that the engine does not know is refused by its name.
"""

import json

import pytest
import torch
import transformers
from chief import chief
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_engine import gpt2, saved
from test_families import CONFIGS, YARN

from llmlib import generate, pretrained
from llmlib.checkpoints import architectures, families

pytestmark = [pytest.mark.unit, pytest.mark.slow, pytest.mark.verdict("llmlib/checkpoints/*.py")]
RANDOM = settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # each example is a model: no shrinking
    suppress_health_check=list(HealthCheck),
)
KINDS = {name: name.capitalize() for name in families.LLAMAS} | {
    "smollm3": "SmolLM3",
    "qwen3_moe": "Qwen3Moe",
    "gemma3_text": "Gemma3",
}
PARTIAL = {"partial_rotary_factor": 0.5}
ROPES = [
    {"rope_theta": 500.0},
    {"rope_type": "linear", "factor": 3.0, "rope_theta": 2000.0},
    {"rope_type": "dynamic", "factor": 3.0, "rope_theta": 2000.0},
    YARN,
    YARN | {"beta_fast": 8.0, "beta_slow": 2.0, "truncate": False},
    YARN | {"mscale": 0.7, "mscale_all_dim": 1.3},
    YARN | {"attention_factor": 1.25},
]
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 10000.0,
    "short_factor": [1.1, 1.0, 1.5, 2.0],
    "long_factor": [1.0, 2.0, 3.0, 4.0],
}


@st.composite
def ropes(draw, name):
    rope = draw(st.sampled_from(ROPES))
    if families.LLAMAS[name].local_theta:
        near = {"rope_type": "default", "rope_theta": draw(st.sampled_from([100.0, 900.0]))}
        rope = {"full_attention": {"rope_type": "default"} | rope, "sliding_attention": near}
    if not families.LLAMAS[name].partial_rope:
        return {"rope_parameters": rope}
    rope = draw(st.sampled_from([ROPES[0], PARTIAL, LONGROPE | PARTIAL]))
    return {"rope_parameters": rope, "original_max_position_embeddings": 100}


@st.composite
def scales_and_experts(draw, name, family):
    chosen = {}
    if name == "granite":
        for each in ("embedding_multiplier", "residual_multiplier", "attention_multiplier"):
            chosen[each] = draw(st.sampled_from([0.3, 1.0, 2.5]))
        chosen["logits_scaling"] = 3.0
    if family.experts:
        count = draw(st.integers(2, 5))
        chosen["num_experts_per_tok"] = draw(st.integers(1, count))
        chosen["num_local_experts" if name == "mixtral" else "num_experts"] = count
    if name == "qwen3_moe":
        chosen |= {"moe_intermediate_size": 20, "norm_topk_prob": draw(st.booleans())}
    return chosen


@st.composite
def windows(draw, name, n_layer):
    kinds = st.lists(
        st.sampled_from(["full_attention", "sliding_attention"]), min_size=n_layer, max_size=n_layer
    )
    chosen, family = {}, families.LLAMAS[name]
    if family.windowed is not families.no_layers:
        chosen["sliding_window"] = draw(st.sampled_from([5, 40]))
    if family.window_switch:
        chosen["use_sliding_window"] = draw(st.booleans())
    if family.windowed is families.last_layers:
        chosen["max_window_layers"] = draw(st.integers(0, n_layer))
    may = chosen.get("use_sliding_window", True) or family.window_switch == "without layer_types"
    # transformers reads Mistral's from a file only
    if family.layer_types and name != "mistral" and may and draw(st.booleans()):
        chosen["layer_types"] = draw(kinds)
    return chosen


@st.composite
def configs(draw, name):
    """Settings of a small model of that family."""
    flag = st.booleans()
    n_layer, n_kv_head = draw(st.integers(2, 4)), draw(st.sampled_from([1, 2, 3]))
    n_head = n_kv_head * draw(st.sampled_from([1, 2]))
    family = families.LLAMAS[name]
    chosen = {
        "num_hidden_layers": n_layer,
        "num_attention_heads": n_head,
        "num_key_value_heads": n_kv_head,
        "hidden_size": 16 * n_head,
        "intermediate_size": draw(st.sampled_from([24, 52])),
        "vocab_size": 97,
        "max_position_embeddings": 128,
        "rms_norm_eps": draw(st.sampled_from([1e-6, 1e-3])),
        "tie_word_embeddings": draw(flag),
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    # where it is silent, transformers itself stumbles in the three
    if draw(flag) or family.head_dim or name in ("mistral", "ministral", "mixtral"):
        chosen["head_dim"] = (
            16 if name in ("phi3", "olmo2", "olmo3") else draw(st.sampled_from([8, 16, 32]))
        )
    if family.attention_bias:
        chosen["attention_bias"] = draw(flag)
    if family.mlp_bias:
        chosen["mlp_bias"] = draw(flag)
    chosen |= draw(windows(name, n_layer))
    chosen |= draw(ropes(name)) | draw(scales_and_experts(name, family))
    left_out = draw(st.sets(st.sampled_from(["rms_norm_eps", "hidden_act", "attention_dropout"])))
    return chosen, left_out


def edit(folder, left_out=(), **more):
    path = folder / "config.json"
    known = json.loads(path.read_text()) | more
    path.write_text(json.dumps({key: known[key] for key in known if key not in left_out}))


def assert_same(folder, ids):
    """Logits, and 60 greedy ids; where they part, the two likeliest were as good as equal."""
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    ours = pretrained.load(folder)
    with torch.no_grad():
        wanted = theirs(ids).logits
        assert (ours(ids) - wanted).abs().max() < 1e-4 * max(1, wanted.abs().max())
        theirs.generation_config.eos_token_id = None
        start, options = ids[:1, :20], {"max_new_tokens": 60, "do_sample": False}
        told = theirs.generate(start, attention_mask=torch.ones_like(start), **options)
    told = told[0, 20:].tolist()
    written = list(generate(ours, ids[0, :20].tolist(), 60, stop_ids=()))
    if written != told:
        at = next(i for i, pair in enumerate(zip(written, told)) if len(set(pair)) == 2)
        logits = ours([*ids[0, :20].tolist(), *told[:at]])[0, -1]
        assert abs(logits[written[at]] - logits[told[at]]) < 1e-5, (at, written, told)


@pytest.mark.parametrize("name", chief(families.LLAMAS, "llama"))
def test_random_settings(name, tmp_path_factory):
    @RANDOM
    @given(configs(name), st.integers(0, 99))
    def every(made, seed):
        chosen, left_out = made
        folder, kind = tmp_path_factory.mktemp(name), KINDS[name]
        config = getattr(transformers, CONFIGS.get(kind, kind) + "Config")(**chosen)
        torch.manual_seed(seed)
        saved(getattr(transformers, kind + "ForCausalLM")(config), folder)
        edit(folder, left_out)
        assert_same(folder, torch.randint(97, (2, 60)))

    every()


@pytest.mark.parametrize("name", chief([*families.LLAMAS, "gpt2"], "llama"))
def test_a_key_that_the_engine_does_not_know_is_refused_by_name(name, tmp_path):
    if name == "gpt2":
        gpt2(tmp_path)
    else:
        kind = KINDS[name]
        small = {"num_hidden_layers": 1, "hidden_size": 32, "intermediate_size": 24}
        small |= {"vocab_size": 97, "num_attention_heads": 2, "num_key_value_heads": 1}
        small |= {"head_dim": 16, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
        small |= {"moe_intermediate_size": 8} if name == "qwen3_moe" else {}
        config = getattr(transformers, CONFIGS.get(kind, kind) + "Config")(**small)
        saved(getattr(transformers, kind + "ForCausalLM")(config), tmp_path)
    pretrained.load(tmp_path)
    before = (tmp_path / "config.json").read_text()

    @RANDOM
    @given(st.from_regex(r"[a-z]{3}_[a-z_]{1,12}", fullmatch=True), st.sampled_from([None, 0, 2.0]))
    def every(key, value):
        (tmp_path / "config.json").write_text(before)
        if key in json.loads(before) or key in architectures.IRRELEVANT:
            return
        edit(tmp_path, **{key: value})
        with pytest.raises(ValueError, match=f"config.json sets {key} to {value!r}: this engine"):
            pretrained.load(tmp_path)

    every()


@pytest.mark.parametrize(
    "name, more",
    [
        ("llama", {"layer_types": ["sliding_attention"]}),
        ("qwen3", {"layer_types": ["chunked_attention"]}),
        ("qwen3", {"layer_types": []}),
        ("gemma3_text", {"attn_logit_softcapping": 50.0}),
        ("gemma3_text", {"use_bidirectional_attention": True}),
        ("qwen3_moe", {"mlp_only_layers": [0]}),
        ("llama", {"quantization_config": {"bits": 4}}),
        ("llama", {"rope_interleaved": True}),
        ("mixtral", {"use_sliding_window": True}),
    ],
)
def test_a_setting_that_the_engine_lacks_is_refused_by_name(name, more, tmp_path):
    small = {"num_hidden_layers": 1, "hidden_size": 32, "intermediate_size": 24, "vocab_size": 97}
    small |= {"num_attention_heads": 2, "num_key_value_heads": 1, "model_type": name}
    (tmp_path / "config.json").write_text(json.dumps(small | more))
    with pytest.raises(ValueError, match=next(iter(more))):
        pretrained.load(tmp_path)


@pytest.mark.proof
@pytest.mark.parametrize("name", ["qwen2", "mistral"])
def test_a_stray_setting_that_transformers_ignores_is_ignored(name, tmp_path):
    config = getattr(transformers, KINDS[name] + "Config")(
        hidden_size=32, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, vocab_size=97, max_position_embeddings=128,
    )  # fmt: skip
    saved(getattr(transformers, KINDS[name] + "ForCausalLM")(config), tmp_path)
    edit(tmp_path, attention_bias=True)
    assert_same(tmp_path, torch.randint(97, (2, 60)))
