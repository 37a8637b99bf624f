"""Real weights for the engine: any GPT-2 or Llama checkpoint as Hugging Face folders hold them."""

from functools import partial
from pathlib import Path

from llmlib import layers, model
from llmlib.assets import smollm2_folder
from llmlib.checkpoint import Tensors, read_json
from llmlib.tokens import Tokenizer

FILES = [
    "config.json",
    "generation_config.json",
    "model*.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
]


def load(name_or_folder):
    """The model of that name: "smollm2" (offline, from the installed package), a folder, or a name on the Hugging Face hub ("gpt2").

    Weights become float32, whatever they are stored as. Raises FileNotFoundError for what is not there, ValueError for a
    checkpoint that is damaged, of another architecture, or has a setting that this engine lacks; each names the part.
    """
    folder = _find(str(name_or_folder))
    settings = read_json(folder / "config.json")
    family = settings.get("model_type")
    if family not in FAMILIES:
        raise ValueError(
            f"{folder} holds a model of type {family!r}: this engine runs {' and '.join(FAMILIES)}"
        )
    tensors = Tensors(folder)
    config, weights, parts = FAMILIES[family](settings, tensors, _stop_ids(settings, folder))
    tensors.assert_all_taken()
    tokenizer = _tokenizer(folder)
    return model.Model(config, weights, parts, tokenizer, folder)


def _find(name):
    if name == "smollm2":
        return smollm2_folder()
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").exists():
            raise FileNotFoundError(
                f"{folder} has no config.json, so it is not a model folder: "
                "give the folder that holds config.json and model.safetensors"
            )
        return folder
    if name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise FileNotFoundError(
            f'there is no folder {name}: give "smollm2", a model\'s folder, or a name on the hub such as "gpt2"'
        )
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=FILES))
    except Exception as error:  # the hub's client raises many kinds; to the reader they are one
        raise FileNotFoundError(
            f'"{name}" is no folder here and could not be fetched from the Hugging Face hub '
            f'({type(error).__name__}): check the name and the network, or use "smollm2", '
            "which needs neither"
        ) from None


def _stop_ids(settings, folder):
    generation = folder / "generation_config.json"
    stop = read_json(generation).get("eos_token_id") if generation.exists() else None
    stop = settings.get("eos_token_id") if stop is None else stop
    return tuple(stop) if isinstance(stop, list) else () if stop is None else (stop,)


def _refuse(settings, **supported):
    """ValueError, by name, for a setting whose value is not among the supported ones (the first of which is the default)."""
    for name, values in supported.items():
        if settings.get(name, values[0]) not in values:
            raise ValueError(
                f"config.json sets {name} to {settings[name]!r}: this engine supports {' or '.join(map(repr, values))}"
            )


def _gpt2(settings, tensors, stop_ids):
    _refuse(
        settings,
        activation_function=("gelu_new", "gelu_pytorch_tanh", "gelu"),
        scale_attn_weights=(True,),
        scale_attn_by_inverse_layer_idx=(False,),
        add_cross_attention=(False,),
    )
    d, n_head, vocab = settings["n_embd"], settings["n_head"], settings["vocab_size"]
    d_mlp, context = settings.get("n_inner") or 4 * d, settings["n_positions"]
    config = model.Config(
        settings["n_layer"],
        n_head,
        n_head,
        d,
        d // n_head,
        vocab,
        context,
        settings["layer_norm_epsilon"],
        None,
        stop_ids=stop_ids,
    )
    tensors.without_prefix("transformer.")
    tensors.drop(".attn.bias", ".attn.masked_bias")

    def conv(name, d_in, d_out):  # GPT-2 stores its weights [in, out]: turn them
        return tensors.take(name + ".weight", d_in, d_out).T.contiguous(), tensors.take(
            name + ".bias", d_out
        )

    def norm(name):
        return tensors.take(name + ".weight", d), tensors.take(name + ".bias", d)

    def layer(i):
        weight, bias = conv(f"h.{i}.attn.c_attn", d, 3 * d)
        q, k, v = zip(weight.chunk(3), bias.chunk(3))
        return model.Layer(
            norm(f"h.{i}.ln_1"),
            q,
            k,
            v,
            conv(f"h.{i}.attn.c_proj", d, d),
            norm(f"h.{i}.ln_2"),
            (*conv(f"h.{i}.mlp.c_fc", d, d_mlp), *conv(f"h.{i}.mlp.c_proj", d_mlp, d)),
        )

    embedding = tensors.take("wte.weight", vocab, d)
    weights = model.Weights(
        embedding,
        tensors.take("wpe.weight", context, d),
        [layer(i) for i in range(config.n_layer)],
        norm("ln_f"),
        _head(settings, tensors, embedding, tied_by_default=True),
    )
    if settings.get("activation_function") == "gelu":
        return (
            config,
            weights,
            model.Parts(norm=layers.layer_norm, mlp=partial(layers.mlp, approximate="none")),
        )
    return config, weights, model.GPT2_PARTS


def _llama(settings, tensors, stop_ids):
    _refuse(settings, hidden_act=("silu", "swish"))
    d, d_mlp, vocab = settings["hidden_size"], settings["intermediate_size"], settings["vocab_size"]
    n_head = settings["num_attention_heads"]
    n_kv_head, head_dim = (
        settings.get("num_key_value_heads") or n_head,
        settings.get("head_dim") or d // n_head,
    )
    theta, factor = _rope(settings)
    config = model.Config(
        settings["num_hidden_layers"],
        n_head,
        n_kv_head,
        d,
        head_dim,
        vocab,
        settings["max_position_embeddings"],
        settings["rms_norm_eps"],
        theta,
        factor,
        stop_ids,
    )
    tensors.without_prefix("model.")
    tensors.drop("rotary_emb.inv_freq")

    def projection(name, d_in, d_out, bias):
        return tensors.take(name + ".weight", d_out, d_in), tensors.take(
            name + ".bias", d_out
        ) if settings.get(bias) else None

    def layer(i):
        q, k, v = (
            projection(f"layers.{i}.self_attn.{p}_proj", d, heads * head_dim, "attention_bias")
            for p, heads in (("q", n_head), ("k", n_kv_head), ("v", n_kv_head))
        )
        o = projection(f"layers.{i}.self_attn.o_proj", n_head * head_dim, d, "attention_bias")
        mlp = [
            projection(f"layers.{i}.mlp.{p}_proj", d_in, d_out, "mlp_bias")
            for p, d_in, d_out in (("gate", d, d_mlp), ("up", d, d_mlp), ("down", d_mlp, d))
        ]
        weights, biases = zip(*mlp)
        return model.Layer(
            (tensors.take(f"layers.{i}.input_layernorm.weight", d),),
            q,
            k,
            v,
            o,
            (tensors.take(f"layers.{i}.post_attention_layernorm.weight", d),),
            weights + (biases if settings.get("mlp_bias") else ()),
        )

    embedding = tensors.take("embed_tokens.weight", vocab, d)
    weights = model.Weights(
        embedding,
        None,
        [layer(i) for i in range(config.n_layer)],
        (tensors.take("norm.weight", d),),
        _head(settings, tensors, embedding, tied_by_default=False),
    )
    return config, weights, model.LLAMA_PARTS


def _rope(settings):
    rope = settings.get("rope_parameters") or settings.get("rope_scaling") or {}
    kind = rope.get("rope_type") or rope.get("type") or "default"
    if kind not in ("default", "linear"):
        raise ValueError(
            f"config.json asks for RoPE scaling of type {kind!r}: this engine supports 'default' and 'linear'"
        )
    theta = float(rope.get("rope_theta") or settings.get("rope_theta") or 10000.0)
    return theta, float(rope.get("factor", 1.0)) if kind == "linear" else 1.0


def _head(settings, tensors, embedding, tied_by_default):
    if settings.get("tie_word_embeddings", tied_by_default):
        tensors.left.pop("lm_head.weight", None)
        return embedding
    return tensors.take("lm_head.weight", *embedding.shape)


FAMILIES = {"gpt2": _gpt2, "llama": _llama}


def _tokenizer(folder):
    path = folder / "tokenizer.json"
    if not path.exists():
        return None
    try:
        return Tokenizer.from_file(path)
    except ValueError:  # not byte-level BPE: the reference library reads it
        return OtherTokenizer(path)


class OtherTokenizer:
    """A tokenizer of another kind (Llama 2's, say), run by the `tokenizers` library, with the methods of `tokens.Tokenizer`."""

    def __init__(self, path):
        import tokenizers

        self._tokenizer = tokenizers.Tokenizer.from_file(str(path))

    def encode(self, text):
        return self._tokenizer.encode(text).ids

    def decode(self, ids):
        return self._tokenizer.decode(list(ids), skip_special_tokens=False)

    def stream(self, ids):
        seen, shown = [], ""
        for token_id in ids:
            seen.append(token_id)
            text = self.decode(seen)
            if not text.endswith("\N{REPLACEMENT CHARACTER}"):
                yield text[len(shown) :]
                shown = text
            else:
                yield ""
        yield self.decode(seen)[len(shown) :]
