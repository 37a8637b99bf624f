"""Pictures of notebook 7's second half: training, learning rates, scaling laws, emergence."""

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display

from llmlib import plots


def loss_curve(losses, held_out, floor, total):
    """Training loss so far, held-out (step, loss) pairs, and the floor, all in nats a byte."""
    fig, ax = plots.figure(height=3.5, width=6)
    ax.plot(range(1, len(losses) + 1), losses, color=plots.BLUE, linewidth=1, label="training")
    style = {"color": plots.ORANGE, "markeredgecolor": "black", "label": "held-out stories"}
    ax.plot(*zip(*held_out), "o", **style)
    plots.mark(ax, "floor: the source's own entropy", y=floor, linestyle=":")
    ax.set(xscale="log", xlim=(0.9, total * 1.1), ylim=(0, None))
    ax.set(xlabel="step (log scale)", ylabel="loss (nats a byte)")
    plots.plain(ax.xaxis)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 0.25))
    return fig


def _curves(ax, curves, **place):
    """One curve a width, {width: [(x, loss), ...]}, its width beside its first point, where the
    curves lie apart -> the colours."""
    shades = [plt.get_cmap(plots.SEQUENTIAL)(i) for i in np.linspace(0, 0.85, len(curves))]
    for (width, points), colour in zip(sorted(curves.items()), shades):
        ax.plot(*zip(*points), "o-", color=colour)
        plots.note(ax, f"{width}", points[0], fontsize=10, **place)
    return shades


def rate_sweep(swept):
    """Loss against peak learning rate, one curve a width: {width: {rate: loss}}."""
    fig, ax = plots.figure(height=4.2, width=6.2)
    curves = {width: sorted(losses.items()) for width, losses in swept.items()}
    shades = _curves(ax, curves, offset=(-8, 0), ha="right", va="center")
    for (_, losses), colour in zip(sorted(swept.items()), shades):
        best = min(losses, key=losses.get)
        ax.plot(best, losses[best], "*", color=colour, markersize=15, markeredgecolor="black")
    ax.plot([], [], "k*", markersize=12, label="best rate of a width\n(the number at its curve)")
    ax.set(xlabel="peak learning rate (log scale)", xscale="log")
    ax.set_ylabel("held-out loss (nats a byte)")
    plots.plain(ax.xaxis, sorted({rate for losses in swept.values() for rate in losses}))
    ax.legend()
    return plots.described(
        fig,
        "Loss against peak learning rate, one curve a width. Each curve has a lowest point with "
        "worse rates on either side; the lowest point of wide models lies at lower rates than "
        "that of narrow ones.",
    )


def scaling_law(n, loss, law, fan, tokens):
    """L - E against N, straight where the law holds, the residuals below, tokens a parameter on
    top. The largest size was held back; `fan` are other fits (e, a, alpha) of the same runs."""
    fig, (top, low) = plots.figure(2, 1, width=6.2, height=5.2, sharex=True, height_ratios=(3, 1))
    n, loss = np.asarray(n), np.asarray(loss)
    x = np.geomspace(n[0] / 1.4, n[-1] * 1.6, 100)
    e, a, alpha = law
    curves = np.array([e_i + a_i * x**-alpha_i for e_i, a_i, alpha_i in fan])
    bounds = [np.quantile(curves, share, axis=0) for share in (0.05, 0.95)]
    for ax, take in ((top, e), (low, e + a * x**-alpha)):
        ax.fill_between(x, *(b - take for b in bounds), color=plots.SKY, alpha=0.4)
    top.plot(x, a * x**-alpha, color=plots.GREY, label=f"fit of seven, E = {e:.2f}")
    for ax, y in ((top, loss - e), (low, loss - e - a * n**-alpha)):
        ax.plot(n[:-1], y[:-1], "o", color=plots.BLUE, label="fitted")
        ax.plot(n[-1], y[-1], "D", color=plots.RED, markersize=8, label="held back")
    low.axhline(0, color=plots.GREY)
    low.set_ylim(-0.045, 0.055)
    top.set(xscale="log", yscale="log", ylabel="loss − E (nats a byte,\nlog scale)")
    low.set(ylabel="measured\n− fit", xlabel="parameters without embeddings, N (log scale)")
    plots.plain(top.yaxis)
    plots.plain(low.xaxis, [2000, 5000, 10000, 20000, 50000, 200000])
    each = lambda size: tokens / np.maximum(size, 1e-9)  # noqa: E731  (an axis also asks for 0)
    above = top.secondary_xaxis("top", functions=(each, each))
    above.set_xlabel("tokens a parameter (log scale)")
    plots.plain(above.xaxis, [1000, 300, 100, 30, 10, 3, 1])
    top.legend()
    return plots.described(
        fig,
        "Above: loss minus the fitted E against parameters, both logarithmic, with tokens a "
        "parameter on a second axis. Seven fitted sizes lie on a straight line; the widest, held "
        "back, lies above its end and outside the band of refits. Below: measured minus fit.",
    )


def frontier(curves, best, slices):
    """Above, loss against operations, one curve a width, {width: [(operations, loss), ...]}; the
    runs of `best`, (operations, loss), are ringed. Below, loss against parameters where the
    operations are equal: {operations: [(parameters, loss), ...]}."""
    fig, (top, low) = plots.figure(2, 1, height=7.4, width=6.2)
    _curves(top, curves, offset=(0, 8), ha="center")
    ring = {"markersize": 13, "markerfacecolor": "none", "color": "black", "linestyle": "none"}
    top.plot(*zip(*best), "o", label="no cheaper run is better", **ring)
    top.set(xscale="log", ylabel="held-out loss (nats a byte)")
    top.set_xlabel("operations of training (log scale); the number is the width")
    top.legend()
    star = {"marker": "*", "markersize": 15, "markeredgecolor": "black"}
    for operations, style, _ in plots.look(slices):
        factor, power = f"{operations:.0e}".split("e+")
        name, points = rf"${factor} \cdot 10^{{{power}}}$ operations", slices[operations]
        low.plot(*zip(*points), label=name, **style | {"linestyle": "-"})
        low.plot(*min(points, key=lambda point: point[1]), **style | star)
    low.set(xscale="log", ylabel="held-out loss (nats a byte)")
    low.set_xlabel("parameters, N (log scale); the star is the best of a budget")
    plots.plain(low.xaxis, [2000, 5000, 10000, 20000, 50000, 100000])
    low.legend()
    return plots.described(
        fig,
        "Above: loss against operations, one curve for each width, its four runs as points. Each "
        "curve falls and flattens; as operations grow, the lowest curve is that of a wider and "
        "wider model. The runs that no cheaper run beats are ringed. Below: loss against "
        "parameters at three equal budgets, three curves that fall and rise again; the larger "
        "the budget, the further right the lowest point.",
    )


def emergence(n, loss, one, five):
    """The same models under three metrics: loss, one token right, five in a row right."""
    fig, axes = plots.figure(1, 3, width=9, height=3.2)
    names = "loss (nats a byte)", "share of tokens right", "share of fives all right"
    for ax, (name, style, _), values in zip(axes, plots.look(names), (loss, one, five)):
        ax.plot(np.asarray(n), np.asarray(values), **style | {"linestyle": "-"})
        ax.set(xscale="log", ylabel=name, xlabel="parameters, N (log scale)", ylim=(0, None))
        plots.plain(ax.xaxis, [2000, 20000, 200000])
    return fig


def in_a_row(n, shares_right):
    """k tokens in a row right, {k: share by size}, each line as a part of its own last value, so
    that all are seen on one axis."""
    curves = {
        f"{k} in a row": np.asarray(shares) / shares[-1] for k, shares in shares_right.items()
    }
    ax = plots.chart(
        np.asarray(n), curves, width=6.2, height=3.5, legend="upper left", xscale="log"
    )
    ax.set(ylabel="share right\n(1: the widest model's)", xlabel="parameters, N (log scale)")
    plots.plain(ax.xaxis, [2000, 20000, 200000])
    return plots.described(
        ax.figure,
        "Share right, as a part of the widest model's, over the number of parameters, one line "
        f"for each k on one axis. {plots.told(n, curves)}.",
    )


def growing(alt):
    """A place in the notebook for a figure that is drawn again and again -> what draws it."""
    handle = display({"text/plain": alt}, raw=True, display_id=True)
    return lambda fig: handle.update(plots.image(fig, alt), raw=True)
