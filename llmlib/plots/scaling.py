"""Pictures of notebook 7's second half: training, a scaling law."""

import numpy as np
from IPython.display import display

from llmlib import plots


def loss_curve(losses, held_out, floor, total):
    """Draw the training loss so far, held-out (step, loss) pairs, and the floor, all in nats per
    byte."""
    fig, ax = plots.figure(height=3.5, width=6)
    ax.plot(range(1, len(losses) + 1), losses, color=plots.BLUE, linewidth=1, label="training")
    style = {"color": plots.ORANGE, "markeredgecolor": "black", "label": "held-out stories"}
    ax.plot(*zip(*held_out), "o", **style)
    plots.mark(ax, "floor: the source's own entropy", y=floor, linestyle=":")
    ax.set(xscale="log", xlim=(0.9, total * 1.1), ylim=(0, None))
    ax.set(xlabel="step (log scale)", ylabel="loss (nats per byte)")
    plots.plain(ax.xaxis)
    ax.legend(loc="lower left", bbox_to_anchor=(0, 0.25))
    return fig


def scaling_law(n, loss, law, tokens):
    """Draw L - E against N, straight where the law holds, the residuals below, tokens per
    parameter on top. The largest size was held back."""
    fig, (top, low) = plots.figure(2, 1, width=6.2, height=5.2, sharex=True, height_ratios=(3, 1))
    n, loss = np.asarray(n), np.asarray(loss)
    x = np.geomspace(n[0] / 1.4, n[-1] * 1.6, 100)
    e, a, alpha = law
    top.plot(x, a * x**-alpha, color=plots.GREY, label=f"fit of seven, E = {e:.2f}")
    for ax, y in ((top, loss - e), (low, loss - e - a * n**-alpha)):
        ax.plot(n[:-1], y[:-1], "o", color=plots.BLUE, label="fitted")
        ax.plot(n[-1], y[-1], "D", color=plots.RED, markersize=8, label="held back")
    low.axhline(0, color=plots.GREY)
    low.set_ylim(-0.045, 0.055)
    top.set(xscale="log", yscale="log", ylabel="loss − E (nats per byte,\nlog scale)")
    low.set(ylabel="measured\n− fit", xlabel="parameters without embeddings, N (log scale)")
    plots.plain(top.yaxis)
    plots.plain(low.xaxis, [2000, 5000, 10000, 20000, 50000, 200000])
    each = lambda size: tokens / np.maximum(size, 1e-9)  # noqa: E731  (an axis also asks for 0)
    above = top.secondary_xaxis("top", functions=(each, each))
    above.set_xlabel("tokens per parameter (log scale)")
    plots.plain(above.xaxis, [1000, 300, 100, 30, 10, 3, 1])
    top.legend()
    return plots.described(
        fig,
        "Above: loss minus the fitted E against parameters, both logarithmic, with tokens a "
        "parameter on a second axis. Seven fitted sizes lie on a straight line; the widest, held "
        f"back, lies {loss[-1] - e - a * n[-1] ** -alpha:+.3f} from its end. Below: measured minus "
        "fit.",
    )


def growing(alt):
    """Make a place in the notebook for a figure that is drawn again and again -> what draws it."""
    handle = display({"text/plain": alt}, raw=True, display_id=True)
    return lambda fig: handle.update(plots.image(fig, alt), raw=True)
