"""Compute RoPE's speeds as config.json asks for them: linear, dynamic, Llama 3's, YaRN, LongRoPE.

RoPE itself is `llmlib.embeddings.apply_rope`.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

ROPE_SETTINGS = frozenset(  # of all kinds of RoPE; a kind ignores the others'
    """
    rope_type type rope_theta factor low_freq_factor high_freq_factor beta_fast beta_slow mscale
    mscale_all_dim attention_factor truncate original_max_position_embeddings finetuned
    short_factor long_factor short_mscale long_mscale partial_rotary_factor
    """.split()
)


@dataclass(frozen=True)
class Rope:
    """Tell how fast each pair of columns turns."""

    speeds: torch.Tensor  # radians a position, of head_dim/2 pairs; 0: not at all
    theta: float | None  # the base, where the speeds are its powers
    rotary: int  # how many columns turn
    attention_factor: float = 1.0  # by which both queries and keys are longer (YaRN)
    context: float = math.inf  # the longest text that the speeds hold for

    @property
    def factor(self):
        """Return what positions are divided by: it gives the fastest pair its speed."""
        return 1.0 / self.speeds[0].item()

    def on(self, device: torch.device):
        """Return (theta, factor). RoPE's own formula, theta^(-2i/head_dim), gives the speeds: theta
        is a number, or one for each pair."""
        if self.theta is not None:
            return self.theta, self.factor
        exponents = torch.arange(len(self.speeds), dtype=torch.float64) / len(self.speeds)
        bases = (self.speeds[1:] * self.factor) ** (-1 / exponents[1:])
        return torch.cat([torch.ones(1), bases]).float().to(device), self.factor


def read(
    settings: Any,
    rope: dict,
    partial: bool,
    head_dim: int,
    theta: float | None,
    usual: float,
    context: int,
):
    """Return the Rope of one kind of layer, from its own settings `rope`. ValueError, by name, for
    what this engine lacks.

    `partial` is said of Phi-3: a part of each head may turn, and LongRoPE has older names. `theta`
    is the base that config.json names outside of `rope`, `usual` the one where both are silent,
    `context` the same of max_position_embeddings.
    """
    if unknown := sorted(set(rope) - ROPE_SETTINGS):
        raise ValueError(f"config.json's RoPE settings hold {unknown[0]}, unknown to this engine")
    kind = rope.get("rope_type") or rope.get("type") or "default"
    kind = "longrope" if partial and kind in ("su", "yarn") else kind
    theta = float(rope.get("rope_theta") or theta or usual)
    share = rope.get("partial_rotary_factor", settings.get("partial_rotary_factor", 1.0)) or 1.0
    if share != 1 and not partial:
        raise ValueError(
            f"config.json sets partial_rotary_factor to {share}: this engine supports 1.0"
        )
    rotary = int(head_dim * share)
    exponents = torch.arange(0, rotary, 2, dtype=torch.float64) / rotary
    speeds, attention_factor, holds_for = theta**-exponents, 1.0, math.inf
    trained_context = settings.get("original_max_position_embeddings") if partial else None
    trained_context = trained_context or rope.get("original_max_position_embeddings")
    if kind == "linear":
        speeds = speeds / float(rope.get("factor", 1.0))
    elif kind == "llama3":
        if trained_context is None:
            raise KeyError("original_max_position_embeddings")
        speeds = _llama3(rope, speeds, trained_context)
    elif kind == "yarn":
        longest = settings.number("max_position_embeddings", context)
        speeds, attention_factor = _yarn(rope, speeds, theta, trained_context or longest, longest)
    elif kind == "longrope":
        longest = settings.number("max_position_embeddings", context)
        holds_for = trained_context or context  # the speeds for longer texts are others
        speeds = speeds / torch.tensor(rope["short_factor"], dtype=torch.float64)
        attention_factor = rope.get("attention_factor")
        if attention_factor is None:
            factor = rope.get("factor") or longest / holds_for
            attention_factor = math.sqrt(1 + max(0, math.log(factor) / math.log(holds_for)))
    elif kind not in ("default", "dynamic"):  # which is another only for texts beyond the context
        raise ValueError(
            f"config.json asks for RoPE scaling of type {kind!r}: this engine supports "
            "'default', 'linear', 'dynamic', 'llama3', 'yarn' and 'longrope'"
        )
    base = theta if kind in ("default", "linear", "dynamic") and rotary == head_dim else None
    speeds = torch.cat([speeds, torch.zeros((head_dim - rotary) // 2, dtype=torch.float64)])
    return Rope(speeds, base, rotary, attention_factor, holds_for)


def _llama3(rope: dict, speeds: Tensor, trained_context: int):
    """Apply Llama 3's scaling: slow pairs of columns turn `factor` times slower, fast ones as
    before, those between by a mean of both."""
    turns = trained_context * speeds / (2 * math.pi)  # in the context of the first training
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    share = ((turns - low) / (high - low)).clamp(0, 1)  # 1: as before, 0: all the factor
    return speeds * (share + (1 - share) / rope["factor"])


def _yarn(rope: dict, speeds: Tensor, theta: float, trained_context: int, longest: int):
    """Apply YaRN (Peng et al. 2023, arXiv:2309.00071): as Llama 3's, but the share falls from pair
    to pair; and attention grows sharper. -> the speeds, the attention factor."""
    factor = rope.get("factor") or longest / trained_context
    pairs = len(speeds)

    def pair_that_turns(times: float):
        return pairs * math.log(trained_context / (times * 2 * math.pi)) / math.log(theta)

    low = pair_that_turns(rope.get("beta_fast") or 32)
    high = pair_that_turns(rope.get("beta_slow") or 1)
    if rope.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, 2 * pairs - 1)
    high += 0.001 if low == high else 0
    ramp = ((torch.arange(pairs, dtype=torch.float64) - low) / (high - low)).clamp(0, 1)

    def sharper(scale: float, weight: float = 1.0):
        return 1.0 if scale <= 1 else 0.1 * weight * math.log(scale) + 1.0

    attention_factor = rope.get("attention_factor")
    if attention_factor is None:
        mscale, mscale_all = rope.get("mscale"), rope.get("mscale_all_dim")
        attention_factor = sharper(factor)
        if mscale and mscale_all:
            attention_factor = sharper(factor, mscale) / sharper(factor, mscale_all)
    return speeds * (1 - ramp + ramp / factor), attention_factor
