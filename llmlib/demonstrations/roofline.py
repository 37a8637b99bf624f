"""This machine's two limits: how fast it reads and how fast it calculates."""

from dataclasses import dataclass

import torch

from llmlib.demonstrations.timing import seconds

COUNTS = 1, 2, 4, 8, 16, 32, 64, 128  # vectors that go through the matrices together


@dataclass(frozen=True)
class Limits:
    """What one processor can do, as it was measured."""

    bandwidth: float  # bytes a second
    peak: float  # operations a second
    intensities: list  # operations a byte
    speeds: list  # operations a second at each
    apart: float  # seconds of one vector by 60 matrices
    again: float  # seconds of one vector by one of them, 60 times


def measure() -> Limits:
    """Products with 60 matrices of SmolLM2's sizes, 212 MB: bandwidth from the fastest reading of
    them (a plain sum, or a product), peak from the best product."""
    weights = [torch.randn(1536, 576) for _ in range(60)]
    total = sum(w.numel() for w in weights)

    def through_all(n, matrices=weights):
        x = torch.randn(n, 576)
        return seconds(lambda: [x @ w.T for w in matrices], repeat=6 if n < 8 else 2)

    apart, again = through_all(1), through_all(1, 60 * weights[:1])
    plain_sum = 4 * total / seconds(lambda: [w.sum() for w in weights], repeat=6)
    speeds = [2 * total * n / through_all(n) for n in COUNTS]
    bandwidth = max([plain_sum, *(2 * s / n for n, s in zip(COUNTS, speeds))])
    return Limits(bandwidth, max(speeds), [n / 2 for n in COUNTS], speeds, apart, again)
