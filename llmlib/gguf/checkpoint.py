"""Read a GGUF file as the Hugging Face checkpoint that it was made from: settings as in
config.json, tensors by their names there, and the tokenizer.

llama.cpp writes both directions of every name (its convert_hf_to_gguf.py); what it changes on the
way (an order of rows, a 1 added to Gemma's norms) is changed back here. A key that nobody reads is
refused, as in config.json.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from llmlib.checkpoints.families import LLAMAS, no_layers
from llmlib.gguf.file import GgufFile, Stored

OTHER_KEYS = ("general.", "tokenizer.", "quantize.", "split.", "training.")


# llama.cpp's name for a family -> ours
ARCHITECTURES = {family.gguf: name for name, family in LLAMAS.items() if family.gguf}
SETTINGS = {
    "block_count": "num_hidden_layers",
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "rope.freq_base": "rope_theta",
    "attention.sliding_window": "sliding_window",
    "expert_used_count": "num_experts_per_tok",
    "expert_feed_forward_length": "moe_intermediate_size",
    "embedding_scale": "embedding_multiplier",
    "residual_scale": "residual_multiplier",
    "logit_scale": "logits_scaling",
    "attention.scale": "attention_multiplier",
}
REQUIRED = ("block_count", "embedding_length", "feed_forward_length", "attention.head_count")
TENSORS = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
LAYER_TENSORS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_qkv": "self_attn.qkv_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "post_attention_norm": "post_attention_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class GgufCheckpoint:
    """Read `settings` as config.json has them, `tensors` {Hugging Face's name: Stored}, and
    `stop_ids` of the GGUF file at `path`.

    Raises as GgufFile, and ValueError for an architecture or a key that this engine does not know.
    """

    def __init__(self, path: str | Path):
        file = GgufFile(path)
        self.path, self.metadata = file.path, file.metadata
        name = self.metadata.get("general.architecture")
        if self.metadata.get("general.type", "model") != "model" or name not in ARCHITECTURES:
            raise ValueError(
                f"{path} holds a {self.metadata.get('general.type', 'model')} of architecture "
                f"{name!r}: of GGUF files this engine runs models of {', '.join(ARCHITECTURES)}"
            )
        self._prefix, self._read = f"{name}.", set()
        self._stored_as = LLAMAS[ARCHITECTURES[name]]
        self.settings = self._settings(ARCHITECTURES[name], file.tensors)
        self._family = LLAMAS[self.settings["model_type"]]
        self.tensors = self._tensors(file.tensors)
        ids = [self.metadata.get(f"tokenizer.ggml.{end}_token_id") for end in ("eos", "eot")]
        self.stop_ids = tuple(dict.fromkeys(i for i in ids if i is not None))

    def _get(self, key: str, default: Any = None):
        self._read.add(key)
        return self.metadata.get(self._prefix + key, default)

    def _settings(self, kind: str, tensors: dict[str, Stored]):
        if absent := [key for key in REQUIRED if self._get(key) is None]:
            raise ValueError(f"{self.path} lacks {self._prefix}{absent[0]}: get another copy")
        settings = {name: self._get(key) for key, name in SETTINGS.items()}
        settings = {name: value for name, value in settings.items() if value is not None}
        if lists := [name for name, value in settings.items() if isinstance(value, list)]:
            raise ValueError(f"{self.path} gives each layer its own {lists[0]}: not supported")
        settings["model_type"] = kind
        settings.setdefault("rope_theta", 10_000.0)  # llama.cpp's defaults
        settings.setdefault("num_key_value_heads", settings["num_attention_heads"])
        table = tensors.get("token_embd.weight")
        settings["vocab_size"] = table.shape[0] if table else 0
        settings["tie_word_embeddings"] = "output.weight" not in tensors
        head_dim = self._get("attention.key_length")
        head_dim = head_dim or settings["hidden_size"] // settings["num_attention_heads"]
        self._only("attention.value_length", head_dim)
        settings["head_dim"] = head_dim
        self._what_goes_unsaid(settings, head_dim, tensors)
        self._rope(settings, head_dim, tensors)
        self._get("vocab_size")  # the table's own size counts
        self._refuse_unread()
        return settings

    def _what_goes_unsaid(self, settings: dict, head_dim: int, tensors: dict[str, Stored]):
        """Add what llama.cpp knows without being told, or tells in other words."""
        kind, family = settings["model_type"], self._stored_as
        settings["sliding_window"] = settings.get("sliding_window") or None
        always_there = family.windowed is not no_layers and not family.window_switch
        if kind != "llama" and not always_there:  # "llama" with windows is Mistral
            self._only("attention.sliding_window", 0)
        n_expert = self._get("expert_count", 0)
        if not n_expert:
            settings.pop("num_experts_per_tok", None)
        if kind == "llama" and n_expert:
            settings["model_type"], settings["num_local_experts"] = "mixtral", n_expert
        elif kind == "llama" and settings["sliding_window"]:
            settings["model_type"] = "mistral"
        elif kind == "qwen3_moe":
            settings |= {"num_experts": n_expert, "norm_topk_prob": True}
            self._only("expert_shared_feed_forward_length", 0)
            self._only("expert_weights_norm", True)
        elif kind == "gemma3_text":
            large = settings["num_hidden_layers"] == 62  # Gemma 3 27B, whose heads are narrower
            width = settings["hidden_size"] // settings["num_attention_heads"]
            settings["query_pre_attn_scalar"] = width if large else head_dim
            self._only("attn_logit_softcapping", 0.0)
            self._only("final_logit_softcapping", 0.0)
        biases = [name for name in tensors if name.endswith("attn_output.bias")]
        settings["attention_bias"] = family.attention_bias and bool(biases)

    def _only(self, key: str, value: Any):
        if (setting := self._get(key, value)) != value:
            raise ValueError(
                f"{self.path} sets {self._prefix}{key} to {setting!r}: "
                f"this engine supports {value!r}"
            )

    def _rope(self, settings: dict, head_dim: int, tensors: dict[str, Stored]):
        kind = self._get("rope.scaling.type", "none")
        names = ("factor", "original_context_length", "attn_factor", "finetuned")
        factor, trained_context, sharper, _ = (self._get(f"rope.scaling.{name}") for name in names)
        fast, slow = (self._get(f"rope.scaling.yarn_beta_{end}") for end in ("fast", "slow"))
        rotary = self._get("rope.dimension_count", head_dim)
        rope = {}
        if (
            "rope_factors_short.weight" in tensors
        ):  # Phi-3's LongRoPE; the others are for long texts
            short = tensors.pop("rope_factors_short.weight")
            long = tensors.pop("rope_factors_long.weight", short)
            rope = {"rope_type": "longrope", "attention_factor": sharper or 1.0}
            rope |= {"short_factor": _numbers(short), "long_factor": _numbers(long)}
            settings["original_max_position_embeddings"] = trained_context
        elif "rope_freqs.weight" in tensors:  # Llama 3's speeds, already computed
            rope = {"rope_type": "longrope", "attention_factor": 1.0}
            rope["short_factor"] = _numbers(tensors.pop("rope_freqs.weight"))
            rope["original_max_position_embeddings"] = settings["max_position_embeddings"]
        elif kind not in ("none", "linear", "yarn") or sharper not in (None, 1.0):
            raise ValueError(
                f"{self.path} asks for RoPE scaling of type {kind!r}, attn_factor {sharper}: this "
                "engine supports 'linear' and 'yarn', without a factor of attention"
            )
        elif kind != "none" and factor:
            rope = {"rope_type": kind, "factor": factor}
            rope |= {"beta_fast": fast, "beta_slow": slow} if kind == "yarn" else {}
            rope |= {"original_max_position_embeddings": trained_context} if trained_context else {}
        if rotary != head_dim:
            settings["partial_rotary_factor"] = rotary / head_dim
        if settings["model_type"] == "gemma3_text":
            near = {"rope_theta": self._get("rope.freq_base_swa", 10_000.0)}
            settings["rope_parameters"] = {"full_attention": rope, "sliding_attention": near}
        elif rope:
            settings["rope_scaling"] = rope

    def _refuse_unread(self):
        prefix, n = self._prefix, len(self._prefix)
        unknown = [
            key
            for key in self.metadata
            if not key.startswith(OTHER_KEYS) and not (key[:n] == prefix and key[n:] in self._read)
        ]
        if unknown:
            ellipsis = " …" if len(unknown) > 1 else ""
            raise ValueError(
                f"{self.path} sets {unknown[0]} to {str(self.metadata[unknown[0]])[:60]}{ellipsis}"
                ": this engine does not know what that changes"
            )

    def _tensors(self, sources: dict[str, Stored]):
        tensors = {}
        for name, tensor in sources.items():
            part, _, kind = name.rpartition(".")  # "blk.3.attn_q", "weight"
            place, inner = f"{TENSORS.get(part, part)}.", part
            if part.startswith("blk.") and part.count(".") == 2:
                _, layer, inner = part.split(".")
                place = f"model.layers.{layer}."
                if inner.endswith("_exps") or inner == "ffn_gate_inp":
                    tensors |= self._experts(place, inner, kind, tensor)
                    continue
                place += self._inside(inner) + "."
            tensors[place + kind] = self._as_trained(inner, tensor)
        return tensors

    def _inside(self, inner: str):
        attn_norm, _, ffn_norm, _ = self._family.norms
        names = {"attn_norm": attn_norm or inner, "ffn_norm": ffn_norm or inner}
        names |= {"ffn_up": "mlp.gate_up_proj"} if self._family.fused else {}
        return (LAYER_TENSORS | names).get(inner, inner)

    def _experts(self, place: str, inner: str, kind: str, tensor: Stored):
        if (names := self._family.experts) is None:
            return {f"{place}{inner}.{kind}": tensor}  # which has no place there
        at = place + names.inside
        if inner == "ffn_gate_inp":
            return {f"{at}gate.{kind}": tensor}
        stacks = dict(zip(("ffn_gate_exps", "ffn_up_exps"), names.up), ffn_down_exps=names.down)
        places = [f"{at}experts.{e}.{stacks.get(inner)}" for e in range(tensor.shape[0])]
        return {f"{path}.{kind}": tensor[e] for e, path in enumerate(places)}

    def _as_trained(self, inner: str, tensor: Stored):
        if inner in ("attn_q", "attn_k") and self._stored_as.gguf_pairs:
            heads = "num_attention_heads" if inner == "attn_q" else "num_key_value_heads"
            n_head = self.settings.get(heads) or self.settings["num_attention_heads"]
            return Changed(tensor, lambda rows: _halves(rows, n_head))
        if self._family.norm_plus_one and inner.endswith("norm"):
            return Changed(tensor, lambda weight: weight - 1)
        return tensor


class Changed:
    """Wrap a stored tensor that `change` turns back into what was trained."""

    def __init__(self, source: Stored, change: Callable[[Tensor], Tensor]):
        self.stored, self.change, self.shape = source, change, source.shape

    def numel(self):
        """Count how many numbers it holds."""
        return self.stored.numel()

    def to(self, device: str | torch.device, dtype: torch.dtype):
        """Return the numbers as a tensor."""
        return self.change(self.stored.to("cpu", torch.float32)).contiguous().to(device, dtype)


def _halves(rows: Tensor, n_head: int):
    """Reorder the rows of each head: llama.cpp turns neighbours (0, 1), Hugging Face those half a
    head apart."""
    pairs = rows.unflatten(0, (n_head, -1, 2))
    return pairs.transpose(1, 2).reshape(rows.shape)


def _numbers(tensor: Stored):
    return tensor.to("cpu", torch.float64).tolist()
