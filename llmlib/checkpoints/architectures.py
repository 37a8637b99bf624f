"""Read a checkpoint as a model: config.json and tensors -> Config, Parts, Weights, of GPT-2, and of
the families in families.py.

The settings are read first, and one that nobody knows is refused: overlooked, it would be another
model. What families differ in beyond names is folded into the weights where that is exact (scales,
an order of columns), so that `forward` is the same for all.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from llmlib import layers
from llmlib.checkpoints import rope_scaling
from llmlib.checkpoints.checkpoint import Tensors
from llmlib.checkpoints.experts import mixture_of_experts
from llmlib.checkpoints.families import LLAMAS, Experts, Family, Scales
from llmlib.fast.layers import geglu
from llmlib.parts import GPT2_PARTS, LLAMA_PARTS, Config, Layer, Parts, Weights

# What changes no logit of a trained model: names, training, generation, other libraries.
IRRELEVANT = frozenset(
    """
    model_type architectures _name_or_path name_or_path transformers_version torch_dtype dtype
    auto_map tokenizer_class use_cache cache_implementation _attn_implementation
    attn_implementation _attn_implementation_autoset attn_implementation_internal
    bos_token_id eos_token_id pad_token_id sep_token_id cls_token_id unk_token_id mask_token_id
    decoder_start_token_id forced_bos_token_id forced_eos_token_id initializer_range
    initializer_factor attention_dropout hidden_dropout resid_dropout embd_dropout attn_pdrop
    embd_pdrop resid_pdrop residual_dropout gradient_checkpointing output_attentions
    output_hidden_states return_dict return_dict_in_generate output_scores id2label label2id
    num_labels problem_type finetuning_task task_specific_params prefix chunk_size_feed_forward
    torchscript pruned_heads tie_encoder_decoder use_bfloat16 tf_legacy_loss
    remove_invalid_values exponential_decay_length_penalty suppress_tokens begin_suppress_tokens
    max_length min_length max_new_tokens do_sample early_stopping num_beams num_beam_groups
    diversity_penalty temperature top_k top_p typical_p repetition_penalty length_penalty
    no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids num_return_sequences
    pretraining_tp neftune_noise_alpha is_llama_config unsloth_version unsloth_fixed
    transformers.js_config output_router_logits router_aux_loss_coef router_jitter_noise
    """.split()
)


class Settings:
    """Track what config.json says, and which of it has been read."""

    def __init__(self, settings: dict):
        self._settings, self._read = settings, set()

    def __contains__(self, name: str):
        return name in self._settings

    def __getitem__(self, name: str):
        self._read.add(name)
        return self._settings[name]

    def get(self, name: str, default: Any = None):
        """Return the setting of that name, or `default`; it counts as read."""
        self._read.add(name)
        return self._settings.get(name, default)

    def number(self, name: str, default: Any = None):
        """Return a setting that is a number: nothing is calculated with it until long after
        loading. TypeError for a text."""
        value = self[name] if default is None else self.get(name, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{name} is {value!r}, not a number")
        return value

    def group(self, name: str):
        """Return a setting that holds settings: {} where there is none. TypeError for any other."""
        value = self.get(name) or {}
        if not isinstance(value, dict):
            raise TypeError(f"{name} is {value!r}, not settings of its own")
        return value

    def only(self, **choices: tuple):
        """Raise ValueError, by name, for a setting whose value is not among its choices (the first
        of which is the default)."""
        for name, values in choices.items():
            if (value := self.get(name, values[0])) not in values:
                raise ValueError(
                    f"config.json sets {name} to {value!r}: this engine supports "
                    f"{' or '.join(map(repr, values))}"
                )

    def irrelevant(self, *names: str):
        """Ignore these settings in this family, as `transformers` does."""
        self._read.update(names)

    def refuse_unread(self):
        """Raise ValueError, by name, for settings that nobody has read."""
        if unknown := sorted(set(self._settings) - self._read - IRRELEVANT):
            values = ", ".join(f"{name} to {self._settings[name]!r}"[:80] for name in unknown[:3])
            ellipsis = " …" if len(unknown) > 3 else ""
            raise ValueError(
                f"config.json sets {values}{ellipsis}: this engine does not know what that changes"
            )


def gpt2(settings: Settings, stop_ids: tuple[int, ...], device: torch.device):
    """Read GPT-2 -> Config, Parts, and the function that makes Weights of Tensors. ValueError, by
    name, for a setting that the engine lacks."""
    settings.only(
        activation_function=("gelu_new", "gelu_pytorch_tanh", "gelu"),
        scale_attn_weights=(True,),
        scale_attn_by_inverse_layer_idx=(False,),
        add_cross_attention=(False,),
    )
    d, n_head, vocab = settings["n_embd"], settings["n_head"], settings["vocab_size"]
    d_mlp, context = settings.get("n_inner") or 4 * d, settings.number("n_positions", 1024)
    config = Config(
        n_layer=settings["n_layer"],
        n_head=n_head,
        n_kv_head=n_head,
        d_model=d,
        head_dim=d // n_head,
        vocab_size=vocab,
        context=context,
        eps=settings.number("layer_norm_epsilon", 1e-5),
        rope_theta=None,
        stop_ids=stop_ids,
    )
    tied = settings.get("tie_word_embeddings", True)
    settings.irrelevant("n_ctx", "reorder_and_upcast_attn")  # the second: of 16 bits only
    settings.irrelevant(*(f"summary_{name}" for name in GPT2_SUMMARY))  # of a classifier
    settings.refuse_unread()
    parts = GPT2_PARTS
    if settings.get("activation_function") == "gelu":
        parts = Parts(norm=GPT2_PARTS.norm, mlp=partial(layers.mlp, approximate="none"))

    def weights(tensors: Tensors):
        tensors.without_prefix("transformer.")
        tensors.drop(".attn.bias", ".attn.masked_bias")

        def conv(
            name: str, d_in: int, d_out: int, blocks: int = 1
        ):  # GPT-2 stores its weights [in, out]: turn them
            weight = tensors.take(name + ".weight", d_in, d_out).T.contiguous()
            bias = tensors.take(name + ".bias", d_out)
            return list(zip(tensors.lay(name, *weight.chunk(blocks)), bias.chunk(blocks)))

        def norm(name: str):
            return tensors.take(name + ".weight", d), tensors.take(name + ".bias", d)

        def layer(i: int):
            q, k, v = conv(f"h.{i}.attn.c_attn", d, 3 * d, blocks=3)
            [o] = conv(f"h.{i}.attn.c_proj", d, d)
            [w_in], [w_out] = conv(f"h.{i}.mlp.c_fc", d, d_mlp), conv(f"h.{i}.mlp.c_proj", d_mlp, d)
            return Layer(norm(f"h.{i}.ln_1"), q, k, v, o, norm(f"h.{i}.ln_2"), (*w_in, *w_out))

        embedding, head = _tables(tensors, "wte.weight", vocab, d, tied)
        positions = tensors.take("wpe.weight", context, d)
        layer_weights = [layer(i) for i in range(config.n_layer)]
        return Weights(embedding, positions, layer_weights, norm("ln_f"), head)

    return config, parts, weights


def llama(settings: Settings, stop_ids: tuple[int, ...], device: torch.device):
    """Read Llama and what grew from it: those of LLAMAS. -> Config, Parts, and the function that
    makes Weights of Tensors. ValueError, by name, for a setting that the engine lacks."""
    family = LLAMAS[settings["model_type"]]
    n_layer, n_head = settings["num_hidden_layers"], settings["num_attention_heads"]
    d, d_mlp, vocab = settings["hidden_size"], settings["intermediate_size"], settings["vocab_size"]
    n_kv_head = settings.get("num_key_value_heads", family.n_kv_head) or n_head
    head_dim = settings.get("head_dim", family.head_dim) or d // n_head
    tied = settings.get("tie_word_embeddings", family.tied)
    bias = bool(settings.get("attention_bias")) and family.attention_bias
    mlp_bias = bool(settings.get("mlp_bias")) and family.mlp_bias
    window, local_layers = _windows(settings, family, n_layer)
    rope, local_rope = _ropes(settings, family, head_dim)
    scales = family.scales(settings, d, head_dim)
    settings.only(rope_interleaved=(False, None), quantization_config=(None,))
    config = Config(
        n_layer=n_layer,
        n_head=n_head,
        n_kv_head=n_kv_head,
        d_model=d,
        head_dim=head_dim,
        vocab_size=vocab,
        context=min(settings.number("max_position_embeddings", family.context), rope.context),
        eps=settings.number("rms_norm_eps", family.eps),
        rope_theta=rope.on(device)[0],
        rope_factor=rope.factor,
        stop_ids=stop_ids,
        no_rope=tuple(family.without_rope(settings, n_layer)),
        window=window,
        windowed=local_layers,
        local_rope=local_rope and local_rope.on(device),
        embedding_scale=scales.embedding,
    )
    parts = LLAMA_PARTS if family.mlp == "swiglu" else Parts(norm=LLAMA_PARTS.norm, mlp=geglu)
    n_expert = d_expert = 0
    if family.experts:
        n_expert, d_expert, parts = _experts(settings, family.experts, d_mlp)
    settings.refuse_unread()
    mlp = MLP(d_mlp, mlp_bias, n_expert, d_expert)
    plan = Llama(family, config, mlp, bias, tied, rope, local_rope, scales)
    return config, parts, plan.weights


@dataclass(frozen=True)
class MLP:
    """Tell how wide a layer's MLP is, and that of each expert."""

    d_mlp: int
    biased: bool
    n_expert: int  # 0: one MLP a layer
    d_expert: int


@dataclass(frozen=True)
class Llama:
    """Turn the tensors of one checkpoint into weights."""

    family: Family
    config: Config
    mlp: MLP
    bias: bool
    tied: bool
    rope: rope_scaling.Rope
    local_rope: rope_scaling.Rope | None
    scales: Scales

    def weights(self, tensors: Tensors):
        """Return the Weights; ValueError, by name, for a tensor that is missing or of another
        shape."""
        tensors.without_prefix("model.")
        tensors.drop("rotary_emb.inv_freq")
        c = self.config
        embedding, head = _tables(
            tensors, "embed_tokens.weight", c.vocab_size, c.d_model, self.tied
        )
        layer_weights = [self._layer(tensors, i) for i in range(c.n_layer)]
        norm = self._norm(tensors, "norm", c.d_model, self.scales.logits)
        return Weights(embedding, None, layer_weights, norm, head)

    def _layer(self, tensors: Tensors, i: int):
        at = f"layers.{i}."
        names = [at + norm if norm else "" for norm in self.family.norms]
        norms = [self._norm(tensors, name, self.config.d_model) for name in names]
        q, k, v, o, qk_norm = self._attention(tensors, at + "self_attn.", i)
        mlp = self._experts(tensors, at) if self.mlp.n_expert else self._dense(tensors, at)
        return Layer(norms[0], q, k, v, o, norms[2], mlp, qk_norm, norms[1], norms[3])

    def _norm(self, tensors: Tensors, name: str, width: int, factor: float = 1.0):
        if not name:
            return ()
        weight = tensors.take(f"{name}.weight", width)
        return ((weight + 1 if self.family.norm_plus_one else weight) * factor,)

    def _query_columns(self, i: int):
        """Return what each column of a query is multiplied by, and the order of the columns."""
        head_dim, local = self.config.head_dim, self.local_rope and i in self.config.windowed
        rope = self.local_rope if local else self.rope
        columns = torch.full((head_dim,), self.scales.attention)
        if i not in self.config.no_rope:
            columns[: rope.rotary] *= rope.attention_factor**2
        half, n_plain = rope.rotary // 2, (head_dim - rope.rotary) // 2
        first, second, plain = torch.arange(head_dim).split([half, half, 2 * n_plain])
        return columns, torch.cat([first, plain[:n_plain], second, plain[n_plain:]])

    def _linears(
        self,
        tensors: Tensors,
        prefix: str,
        d_in: int,
        with_bias: bool,
        names: Sequence[str],
        widths: Sequence[int],
    ):
        """Return (weight, bias or None) of several products with one input."""
        if self.family.fused and len(names) == 1 < len(widths):  # "qkv_proj", "gate_up_proj"
            block = tensors.take(f"{prefix}{names[0]}.weight", sum(widths), d_in)
            return [(weight, None) for weight in block.split(widths)]
        return [
            (
                tensors.take(f"{prefix}{name}.weight", width, d_in),
                tensors.take(f"{prefix}{name}.bias", width) if with_bias else None,
            )
            for name, width in zip(names, widths)
        ]

    def _attention(self, tensors: Tensors, at: str, i: int):
        c = self.config
        columns, order = (t.to(tensors.device) for t in self._query_columns(i))
        widths = [n * c.head_dim for n in (c.n_head, c.n_kv_head, c.n_kv_head)]
        names = ["qkv_proj"] if self.family.fused else ["q_proj", "k_proj", "v_proj"]
        with_bias = self.bias or self.family.qkv_bias
        *qk, v = self._linears(tensors, at, c.d_model, with_bias, names, widths)
        qk_norm = []
        if self.family.qk_norm:
            wide = widths[:2] if self.family.qk_norm == "all" else [c.head_dim] * 2
            qk_norm = [self._norm(tensors, f"{at}{p}_norm", n)[0] for p, n in zip("qk", wide)]
            qk_norm[0] = (qk_norm[0].view(-1, c.head_dim) * columns).flatten()
        else:
            qk[0] = _by_head(qk[0], c.head_dim, lambda h: _times(h, columns))
        qk = [_by_head(pair, c.head_dim, lambda h: h[:, order]) for pair in qk]
        qk_norm = tuple(t.view(-1, c.head_dim)[:, order].flatten() for t in qk_norm)
        [o] = self._linears(tensors, at, widths[0], self.bias, ["o_proj"], [c.d_model])
        return (
            *_lay(tensors, f"{at}q/k/v_proj", [*qk, v]),
            *_lay(tensors, f"{at}o_proj", [_both_times(o, self.scales.residual)]),
            qk_norm,
        )

    def _dense(self, tensors: Tensors, at: str):
        up = ("gate_up_proj",) if self.family.fused else ("gate_proj", "up_proj")
        return self._gated(tensors, at + "mlp.", up, "down_proj", self.mlp.d_mlp)

    def _experts(self, tensors: Tensors, at: str):
        names, n_expert, width = self.family.experts, self.mlp.n_expert, self.mlp.d_expert
        at += names.inside
        router = tensors.take(f"{at}gate.weight", n_expert, self.config.d_model)
        places = [f"{at}experts.{e}." for e in range(n_expert)]
        experts = (self._gated(tensors, at, names.up, names.down, width) for at in places)
        return router, *experts

    def _gated(self, tensors: Tensors, at: str, up: Sequence[str], down: str, width: int):
        """Return the weights of one `swiglu`."""
        with_bias, d = self.mlp.biased, self.config.d_model
        pairs = self._linears(tensors, at, d, with_bias, up, [width, width])
        pairs = _lay(tensors, at + "gate/up_proj", pairs)
        [last] = self._linears(tensors, at, width, with_bias, [down], [d])
        pairs += _lay(tensors, at + down, [_both_times(last, self.scales.residual)])
        matrices, biases = zip(*pairs)
        return matrices + (biases if with_bias else ())


def _lay(tensors: Tensors, name: str, pairs: Sequence[tuple]):
    matrices, biases = zip(*pairs)
    return list(zip(tensors.lay(name, *matrices), biases))


FAMILIES = {"gpt2": gpt2} | dict.fromkeys(LLAMAS, llama)
GPT2_SUMMARY = ("type", "use_proj", "activation", "proj_to_labels", "first_dropout")


def _experts(settings: Settings, experts: Experts, d_mlp: int):
    """Return how many experts there are, how wide each is, and the part that asks them."""
    top_k = settings.number("num_experts_per_tok", experts.top_k)
    numbers = settings.get("num_local_experts"), settings.get("num_experts")  # one may be silent
    n_expert = numbers[0] or numbers[1] or experts.number
    normalize, d_expert = True, d_mlp
    if experts.width:
        d_expert = settings.number("moe_intermediate_size", experts.width)
        normalize = bool(settings.get("norm_topk_prob", False))
        settings.only(decoder_sparse_step=(1,), mlp_only_layers=([], None))
    part = partial(mixture_of_experts, top_k=top_k, normalize=normalize)
    return n_expert, d_expert, Parts(norm=LLAMA_PARTS.norm, mlp=part)


def _by_head(pair: tuple, head_dim: int, change: Callable[[Tensor], Tensor]):
    """Return (weight [heads * head_dim, d_in], bias or None), each changed head by head."""
    return tuple(
        None if t is None else change(t.view(-1, head_dim, *t.shape[1:])).reshape(t.shape)
        for t in pair
    )


def _times(heads: Tensor, columns: Tensor):
    return heads * columns.view(-1, *[1] * (heads.dim() - 2))


def _both_times(pair: tuple, factor: float):
    """Multiply a weight and its bias by a factor."""
    return pair if factor == 1 else tuple(None if t is None else t * factor for t in pair)


def _windows(settings: Settings, family: Family, n_layer: int):
    """Return (how many tokens a row looks at, the layers where that holds), or (None, ())."""
    size, kinds = settings.get("sliding_window", family.window), settings.get("layer_types")
    if size is not None and not isinstance(size, int):
        raise TypeError(f"sliding_window is {size!r}, not a number")
    settings.irrelevant("max_window_layers", "sliding_window_pattern", "_sliding_window_pattern")
    use = not family.window_switch or bool(settings.get("use_sliding_window", False))
    settings.only(use_sliding_window=(False, None, *[True] * bool(family.window_switch)))
    local_layers = family.windowed(settings, n_layer)
    if kinds is not None and family.layer_types:
        _known_kinds(kinds, n_layer)
        local_layers = [i for i, kind in enumerate(kinds) if kind == "sliding_attention"]
        use = use or family.window_switch == "without layer_types"
    elif kinds is not None and kinds != ["full_attention"] * n_layer:
        raise ValueError(
            f"config.json sets layer_types, which a {settings['model_type']} model does not have"
        )
    return (size, tuple(local_layers)) if size is not None and use and local_layers else (None, ())


def _known_kinds(kinds: list[str], n_layer: int):
    choices = {"full_attention", "sliding_attention"}
    if len(kinds) != n_layer or not choices.issuperset(kinds):
        raise ValueError(
            f"config.json sets layer_types to {kinds!r}"[:200] + ": this engine supports one of "
            "'full_attention' and 'sliding_attention' for each layer"
        )


def _ropes(settings: Settings, family: Family, head_dim: int):
    """Return the Rope of layers that look at everything, and that of those with a window, if
    another."""

    def read(rope: dict, theta: float | None, usual: float):
        return rope_scaling.read(
            settings, rope, family.partial_rope, head_dim, theta, usual, family.context
        )

    # the older name comes first where both stand, as in `transformers`
    parameters, scaling = settings.group("rope_parameters"), settings.group("rope_scaling")
    theta = settings.get("rope_theta")
    if family.local_theta is None:
        return read(scaling or parameters, theta, family.theta), None
    if parameters and not {"full_attention", "sliding_attention"}.issuperset(parameters):
        raise ValueError("config.json's rope_parameters must have one part for each kind of layer")
    full = (parameters.get("full_attention") or {}) | scaling
    near = parameters.get("sliding_attention") or {}
    name, usual = family.local_theta
    local_theta = settings.get(name) if name else None
    return read(full, theta, family.theta), read(near, local_theta, usual)


def _tables(tensors: Tensors, name: str, vocab: int, d: int, tied: bool):
    """Return embedding and unembedding [vocab, d_model]; the same tensor where weights are tied,
    unless another one is stored all the same."""
    rows = tensors.take(name, vocab, d)
    has_head = not tied or "lm_head.weight" in tensors.left
    heads = tensors.take("lm_head.weight", vocab, d) if has_head else rows
    tied = tied and (heads is rows or torch.equal(heads, rows))
    [embedding] = tensors.lay(name, rows, table=True)
    return embedding, embedding if tied else tensors.lay("lm_head.weight", heads, table=True)[0]
