"""The recorded training runs, sorted for questions: rates, seeds, sizes, budgets."""

import math
from functools import cached_property

import numpy as np
import torch

TUNED_AT = 409_600  # tokens of the runs that chose the rates


class RecordedRuns:
    """The recorded runs (`data.scaling_runs()`), those at the best rate of their width."""

    def __init__(self, found):
        self.swept = {}
        for run in found:
            if run["seed"] == 0 and run["tokens"] == TUNED_AT:
                self.swept.setdefault(run["d_model"], {})[run["rate"]] = run["loss"]
        self.best_rate = {w: min(by, key=by.get) for w, by in sorted(self.swept.items())}
        self.widths = sorted(self.best_rate)
        self.budgets = sorted({run["tokens"] for run in found})
        self.size = {run["d_model"]: run["parameters"] for run in found}
        self._losses = {}
        for run in found:
            if run["rate"] == self.best_rate[run["d_model"]]:
                key = run["d_model"], run["tokens"]
                self._losses.setdefault(key, []).append(run["loss"])

    @property
    def n(self):
        """The sizes, parameters without the embedding table: [widths]."""
        return torch.tensor([self.size[w] for w in self.widths], dtype=torch.float64)

    def losses(self, width, tokens):
        """The losses of all seeds."""
        return self._losses[width, tokens]

    def mean(self, tokens):
        """The mean loss of the seeds of every width: [widths]."""
        means = [sum(self.losses(w, tokens)) / len(self.losses(w, tokens)) for w in self.widths]
        return torch.tensor(means, dtype=torch.float64)

    def one_seed(self, tokens, generator):
        """The loss of every width from a seed drawn at random: [widths]."""
        rows = torch.tensor([self.losses(w, tokens) for w in self.widths], dtype=torch.float64)
        drawn = torch.randint(rows.shape[1], (len(rows), 1), generator=generator)
        return rows.gather(1, drawn)[:, 0]

    def seed_gaps(self, tokens):
        """How far apart two seeds of a run are: every pair of every width, sorted."""
        gaps = []
        for width in self.widths:
            a, b, c = self.losses(width, tokens)
            gaps += [abs(a - b), abs(a - c), abs(b - c)]
        return sorted(gaps)

    @cached_property
    def curves(self):
        """{width: [(operations, loss) of each budget]}; the table is counted, as the head."""
        means = {tokens: self.mean(tokens).tolist() for tokens in self.budgets}
        return {
            w: [(6 * (self.size[w] + 512 * w) * t, means[t][i]) for t in self.budgets]
            for i, w in enumerate(self.widths)
        }

    def frontier(self):
        """The runs that no cheaper run beats: [(operations, loss, tokens, width)]."""
        every = sorted(
            (*point, tokens, width)
            for width, points in self.curves.items()
            for point, tokens in zip(points, self.budgets)
        )
        return [
            run for run in every if all(run[1] < other[1] for other in every if other[0] < run[0])
        ]

    def slice_at(self, operations):
        """[(N, loss)] of each width whose runs cost less and more than that; the loss is read off
        the line between them."""
        found = []
        for width, points in self.curves.items():
            flops, losses = zip(*points)
            if flops[0] <= operations <= flops[-1]:
                between = np.interp(math.log(operations), np.log(flops), losses)
                found.append((self.size[width], between.item()))
        return found


def bootstrap(fit, n, loss, times=200, seed=3):
    """`times` fits to the fitted curve with its residuals drawn again, with replacement (the
    residual bootstrap): [(e, a, alpha)]."""
    e, a, alpha = fit(n, loss)
    curve, generator = e + a * n**-alpha, torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(n), (times, len(n)), generator=generator)
    return [fit(n, curve + (loss - curve)[each]) for each in drawn]
