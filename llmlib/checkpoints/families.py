"""List the families of models that grew from Llama: what each has otherwise, as one table. Folders
of Hugging Face and GGUF files are read by it (architectures.py, gguf/)."""

from dataclasses import dataclass
from typing import Any, Callable


def no_layers(settings: Any, n_layer: int):
    """Return an empty list: in this family no layer is special. (A function like this one returns
    the indices of the layers with a sliding window, or without RoPE.)"""
    return []


def all_layers(settings: Any, n_layer: int):
    """Return the indices of all layers."""
    return [*range(n_layer)]


def last_layers(settings: Any, n_layer: int):
    """Return the indices of the layers from max_window_layers on (Qwen)."""
    return [*range(min(settings.get("max_window_layers", 28), n_layer), n_layer)]


def all_but_each_fourth(settings: Any, n_layer: int):
    """Return the indices of three layers out of four (OLMo 3)."""
    return [i for i in range(n_layer) if (i + 1) % 4]


def all_but_the_patterns_last(settings: Any, n_layer: int):
    """Return all indices but each sliding_window_pattern-th (Gemma 3)."""
    pattern = settings.get("sliding_window_pattern", 6)
    return [i for i in range(n_layer) if (i + 1) % pattern]


def layers_without_rope(settings: Any, n_layer: int):
    """Return the indices of the layers that know no positions (SmolLM3)."""
    interval = settings.get("no_rope_layer_interval", 4)
    flags = settings.get("no_rope_layers")
    flags = [(i + 1) % interval != 0 for i in range(n_layer)] if flags is None else flags
    return [i for i, flag in enumerate(flags) if not flag]


@dataclass(frozen=True)
class Scales:
    """Hold the factors of the embedding, the logits, what a layer adds, and (beside the usual root
    of head_dim) the scores of attention."""

    embedding: float = 1.0
    logits: float = 1.0
    residual: float = 1.0
    attention: float = 1.0


def no_scales(settings: Any, d: int, head_dim: int):
    """Return the Scales of most families; ValueError for another activation than SwiGLU's."""
    settings.only(hidden_act=("silu", "swish"))
    return Scales()


def granites_scales(settings: Any, d: int, head_dim: int):
    """Return the factors that config.json names one by one (Granite)."""
    settings.only(hidden_act=("silu", "swish"))
    return Scales(
        settings.number("embedding_multiplier", 1.0),
        1 / settings.number("logits_scaling", 1.0),
        settings.number("residual_multiplier", 1.0),
        settings.number("attention_multiplier", 1.0) * head_dim**0.5,
    )


def gemmas_scales(settings: Any, d: int, head_dim: int):
    """Return the factors of the embedding and of attention (Gemma); ValueError for Gemma 2's caps
    and other activations."""
    settings.only(
        hidden_activation=("gelu_pytorch_tanh",),
        attn_logit_softcapping=(None,),
        final_logit_softcapping=(None,),
        use_bidirectional_attention=(False, None),
    )
    settings.irrelevant("hidden_act")
    scalar = settings.number("query_pre_attn_scalar", 256)
    return Scales(embedding=d**0.5, attention=(head_dim / scalar) ** 0.5)


@dataclass(frozen=True)
class Experts:
    """Tell how the tensors of a mixture of experts are named, and what holds where config.json is
    silent."""

    inside: str
    up: tuple[str, str]
    down: str
    top_k: int
    number: int
    width: int | None = None  # None: as wide as intermediate_size says


@dataclass(frozen=True)
class Family:
    """Describe what a family that grew from Llama has otherwise, and what `transformers` assumes
    where its config.json is silent. A new family is a row of LLAMAS."""

    context: int
    eps: float = 1e-6
    theta: float = 10_000.0
    n_kv_head: int | None = None  # None: as many as there are queries
    head_dim: int | None = None  # None: d_model / n_head
    tied: bool = False
    qkv_bias: bool = False  # whether q, k and v have biases in any case
    attention_bias: bool = False  # whether there is such a setting
    mlp_bias: bool = False
    qk_norm: str = ""  # "head": a head's columns each by themselves; "all": all at once
    norms: tuple[str, ...] = ("input_layernorm", "", "post_attention_layernorm", "")
    norm_plus_one: bool = False  # norms multiply by their weight + 1
    mlp: str = "swiglu"
    fused: bool = False  # q, k and v are one tensor, and so are gate and up
    experts: Experts | None = None
    scales: Callable = no_scales
    without_rope: Callable = no_layers  # which layers know no positions
    windowed: Callable = no_layers  # which layers look at the nearest tokens only,
    window: int | None = None  # and at how many of them
    window_switch: str = ""  # use_sliding_window holds "always", or "without layer_types"
    layer_types: bool = False  # whether that setting says which layers have windows
    local_theta: tuple[str, float] | None = None  # theta in those layers: its setting, its default
    partial_rope: bool = False  # RoPE of a part of each head, and LongRoPE by its older names
    gguf: str = ""  # llama.cpp's name, if the engine reads its files of this family
    gguf_pairs: bool = False  # whose rows of a head stand there in pairs, as its RoPE takes them


AFTER = ("", "post_attention_layernorm", "", "post_feedforward_layernorm")
AROUND = (
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
)
LLAMAS = {
    "llama": Family(2048, attention_bias=True, mlp_bias=True, gguf="llama", gguf_pairs=True),
    "mistral": Family(131_072, n_kv_head=8, windowed=all_layers, window=4096, layer_types=True),
    "ministral": Family(131_072, n_kv_head=8, windowed=all_layers, window=4096, layer_types=True),
    "mixtral": Family(
        131_072,
        1e-5,
        1e6,
        n_kv_head=8,
        windowed=all_layers,
        experts=Experts("block_sparse_moe.", ("w1", "w3"), "w2", top_k=2, number=8),
    ),
    "smollm3": Family(
        32_768,
        theta=2e6,
        n_kv_head=4,
        tied=True,
        attention_bias=True,
        mlp_bias=True,
        without_rope=layers_without_rope,
        windowed=layers_without_rope,
        window_switch="without layer_types",
        layer_types=True,
        gguf="smollm3",
        gguf_pairs=True,
    ),
    "qwen2": Family(
        32_768,
        n_kv_head=32,
        qkv_bias=True,
        windowed=last_layers,
        window=4096,
        window_switch="always",
        layer_types=True,
        gguf="qwen2",
    ),
    "qwen3": Family(
        32_768,
        n_kv_head=32,
        head_dim=128,
        attention_bias=True,
        qk_norm="head",
        windowed=last_layers,
        window=4096,
        window_switch="always",
        layer_types=True,
        gguf="qwen3",
    ),
    "qwen3_moe": Family(
        32_768,
        n_kv_head=4,
        attention_bias=True,
        qk_norm="head",
        windowed=all_layers,
        window=4096,
        window_switch="always",
        experts=Experts("mlp.", ("gate_proj", "up_proj"), "down_proj", 8, 128, width=768),
        gguf="qwen3moe",
    ),
    "olmo2": Family(2048, 1e-5, attention_bias=True, qk_norm="all", norms=AFTER, gguf="olmo2"),
    "olmo3": Family(
        2048,
        1e-5,
        5e5,
        attention_bias=True,
        qk_norm="all",
        norms=AFTER,
        windowed=all_but_each_fourth,
        window=4096,
        layer_types=True,
        local_theta=("", 5e5),
    ),
    "granite": Family(
        2048,
        attention_bias=True,
        mlp_bias=True,
        scales=granites_scales,
        gguf="granite",
        gguf_pairs=True,
    ),
    "phi3": Family(4096, 1e-5, fused=True, windowed=all_layers, partial_rope=True, gguf="phi3"),
    "gemma3_text": Family(
        131_072,
        theta=1e6,
        n_kv_head=4,
        head_dim=256,
        tied=True,
        attention_bias=True,
        qk_norm="head",
        norms=AROUND,
        norm_plus_one=True,
        mlp="geglu",
        scales=gemmas_scales,
        windowed=all_but_the_patterns_last,
        window=4096,
        layer_types=True,
        local_theta=("rope_local_base_freq", 10_000.0),
        gguf="gemma3",
    ),
}
