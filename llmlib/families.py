"""How each family of checkpoints names its settings and its tensors: config.json and tensors ->
Config, Weights, Parts.
"""

import math
from functools import partial

import torch

from llmlib import layers
from llmlib.parts import GPT2_PARTS, LLAMA_PARTS, Config, Layer, Parts, Weights


def gpt2(settings, tensors, stop_ids):
    _refuse(
        settings,
        activation_function=("gelu_new", "gelu_pytorch_tanh", "gelu"),
        scale_attn_weights=(True,),
        scale_attn_by_inverse_layer_idx=(False,),
        add_cross_attention=(False,),
    )
    d, n_head, vocab = settings["n_embd"], settings["n_head"], settings["vocab_size"]
    d_mlp, context = settings.get("n_inner") or 4 * d, _number(settings, "n_positions")
    config = Config(
        n_layer=settings["n_layer"],
        n_head=n_head,
        n_kv_head=n_head,
        d_model=d,
        head_dim=d // n_head,
        vocab_size=vocab,
        context=context,
        eps=_number(settings, "layer_norm_epsilon"),
        rope_theta=None,
        stop_ids=stop_ids,
    )
    tensors.without_prefix("transformer.")
    tensors.drop(".attn.bias", ".attn.masked_bias")

    def conv(name, d_in, d_out, blocks=1):  # GPT-2 stores its weights [in, out]: turn them
        weight = tensors.take(name + ".weight", d_in, d_out).T.contiguous()
        bias = tensors.take(name + ".bias", d_out)
        return list(zip(tensors.lay(name, *weight.chunk(blocks)), bias.chunk(blocks)))

    def norm(name):
        return tensors.take(name + ".weight", d), tensors.take(name + ".bias", d)

    def layer(i):
        q, k, v = conv(f"h.{i}.attn.c_attn", d, 3 * d, blocks=3)
        [o] = conv(f"h.{i}.attn.c_proj", d, d)
        [w_in], [w_out] = conv(f"h.{i}.mlp.c_fc", d, d_mlp), conv(f"h.{i}.mlp.c_proj", d_mlp, d)
        return Layer(norm(f"h.{i}.ln_1"), q, k, v, o, norm(f"h.{i}.ln_2"), (*w_in, *w_out))

    embedding, head = _tables(settings, tensors, "wte.weight", vocab, d, tied_by_default=True)
    weights = Weights(
        embedding,
        tensors.take("wpe.weight", context, d),
        [layer(i) for i in range(config.n_layer)],
        norm("ln_f"),
        head,
    )
    if settings.get("activation_function") == "gelu":
        exact = partial(layers.mlp, approximate="none")
        return config, weights, Parts(norm=GPT2_PARTS.norm, mlp=exact)
    return config, weights, GPT2_PARTS


def llama(settings, tensors, stop_ids):
    """Llama and what grew from it: Mistral, SmolLM3, Qwen2, Qwen3, OLMo 2."""
    family = settings["model_type"]
    _refuse(
        settings,
        hidden_act=("silu", "swish"),
        use_sliding_window=(False, None),
        partial_rotary_factor=(1.0, None),
    )
    d, d_mlp, vocab = settings["hidden_size"], settings["intermediate_size"], settings["vocab_size"]
    n_head = settings["num_attention_heads"]
    n_kv_head = settings.get("num_key_value_heads") or n_head
    head_dim = settings.get("head_dim") or d // n_head
    theta, factor = _rope(settings, head_dim, tensors.device)
    n_layer = settings["num_hidden_layers"]
    config = Config(
        n_layer=n_layer,
        n_head=n_head,
        n_kv_head=n_kv_head,
        d_model=d,
        head_dim=head_dim,
        vocab_size=vocab,
        context=_number(settings, "max_position_embeddings"),
        eps=_number(settings, "rms_norm_eps"),
        rope_theta=theta,
        rope_factor=factor,
        stop_ids=stop_ids,
        no_rope=_no_rope(settings, n_layer) if family == "smollm3" else (),
        window=settings.get("sliding_window", 4096) if family == "mistral" else None,
        norm_after=family == "olmo2",
    )
    bias = bool(settings.get("attention_bias"))
    qk_norm = {"qwen3": (head_dim, head_dim), "olmo2": (n_head * head_dim, n_kv_head * head_dim)}
    names = {"olmo2": ("post_attention_layernorm", "post_feedforward_layernorm")}
    norm_1, norm_2 = names.get(family, ("input_layernorm", "post_attention_layernorm"))
    tensors.without_prefix("model.")
    tensors.drop("rotary_emb.inv_freq")

    def projections(prefix, d_in, biased, **widths):  # several of the same input, in one block
        weights = [tensors.take(f"{prefix}{p}_proj.weight", n, d_in) for p, n in widths.items()]
        biases = [
            tensors.take(f"{prefix}{p}_proj.bias", n) if biased else None for p, n in widths.items()
        ]
        return list(zip(tensors.lay(f"{prefix}{'/'.join(widths)}_proj", *weights), biases))

    def layer(i):
        at = f"layers.{i}."
        q, k, v = (n * head_dim for n in (n_head, n_kv_head, n_kv_head))
        qkv = projections(at + "self_attn.", d, bias or family == "qwen2", q=q, k=k, v=v)
        [o] = projections(at + "self_attn.", q, bias, o=d)
        mlp_bias = bool(settings.get("mlp_bias"))
        mlp = projections(at + "mlp.", d, mlp_bias, gate=d_mlp, up=d_mlp)
        mlp += projections(at + "mlp.", d_mlp, mlp_bias, down=d)
        weights, biases = zip(*mlp)
        return Layer(
            (tensors.take(f"{at}{norm_1}.weight", d),),
            *qkv,
            o,
            (tensors.take(f"{at}{norm_2}.weight", d),),
            weights + (biases if mlp_bias else ()),
            tuple(
                tensors.take(f"{at}self_attn.{p}_norm.weight", width)
                for p, width in zip("qk", qk_norm.get(family, ()))
            ),
        )

    embedding, head = _tables(
        settings, tensors, "embed_tokens.weight", vocab, d, tied_by_default=family == "smollm3"
    )
    weights = Weights(
        embedding, None, [layer(i) for i in range(n_layer)], (tensors.take("norm.weight", d),), head
    )
    return config, weights, LLAMA_PARTS


FAMILIES = {"gpt2": gpt2}
FAMILIES |= dict.fromkeys(("llama", "mistral", "smollm3", "qwen2", "qwen3", "olmo2"), llama)


def _refuse(settings, **supported):
    """ValueError, by name, for a setting whose value is not among the supported ones (the first of
    which is the default).
    """
    for name, values in supported.items():
        if settings.get(name, values[0]) not in values:
            raise ValueError(
                f"config.json sets {name} to {settings[name]!r}: this engine supports "
                f"{' or '.join(map(repr, values))}"
            )


def _number(settings, name):
    """A setting that is first calculated with long after loading. TypeError for a text."""
    if not isinstance(settings[name], (int, float)):
        raise TypeError(f"{name} is {settings[name]!r}, not a number")
    return settings[name]


def _rope(settings, head_dim, device):
    """(theta, factor): the base of the angles, and what positions are divided by."""
    # the older name comes first where both stand, as in `transformers`
    rope = settings.get("rope_scaling") or settings.get("rope_parameters") or {}
    kind = rope.get("rope_type") or rope.get("type") or "default"
    usual = 2_000_000.0 if settings["model_type"] == "smollm3" else 10_000.0
    theta = float(rope.get("rope_theta") or settings.get("rope_theta") or usual)
    _refuse(rope, partial_rotary_factor=(1.0, None))
    if kind == "llama3":
        return _llama3_theta(rope, theta, head_dim).to(device), 1.0
    if kind not in ("default", "linear"):
        raise ValueError(
            f"config.json asks for RoPE scaling of type {kind!r}: this engine supports "
            "'default', 'linear' and 'llama3'"
        )
    return theta, float(rope.get("factor", 1.0)) if kind == "linear" else 1.0


def _llama3_theta(rope, theta, head_dim):
    """Llama 3's scaling: slow pairs of columns turn `factor` times slower, fast ones as before,
    those between by a mean of both.

    As a base for each pair, [head_dim/2]: RoPE's own formula, theta^(-2i/head_dim), then gives the
    scaled speeds.
    """
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim
    speeds = theta**-exponents  # radians a position
    turns = (
        rope["original_max_position_embeddings"] * speeds / (2 * math.pi)
    )  # in the first context
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    share = ((turns - low) / (high - low)).clamp(0, 1)  # 1: as before, 0: all the factor
    if share[0] < 1:
        raise ValueError(
            "config.json's RoPE scaling slows the fastest pair of columns: this engine cannot"
        )
    speeds = speeds * (share + (1 - share) / rope["factor"])
    return torch.cat([torch.tensor([theta]), speeds[1:] ** (-1 / exponents[1:])]).float()


def _no_rope(settings, n_layer):
    every = settings.get("no_rope_layer_interval", 4)
    turned = settings.get("no_rope_layers") or [(i + 1) % every != 0 for i in range(n_layer)]
    return tuple(i for i, turn in enumerate(turned) if not turn)


def _tables(settings, tensors, name, vocab, d, tied_by_default):
    """Embedding and unembedding [vocab, d_model]; the same tensor where weights are tied, unless
    another one is stored all the same.
    """
    rows, tied = tensors.take(name, vocab, d), settings.get("tie_word_embeddings", tied_by_default)
    stored = not tied or "lm_head.weight" in tensors.left
    heads = tensors.take("lm_head.weight", vocab, d) if stored else rows
    tied = tied and (heads is rows or torch.equal(heads, rows))
    [embedding] = tensors.lay(name, rows, table=True)
    return embedding, embedding if tied else tensors.lay("lm_head.weight", heads, table=True)[0]
