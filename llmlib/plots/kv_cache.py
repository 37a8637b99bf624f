"""Pictures of notebook 7's first half: with and without a cache, roofline, int8, speculation."""

import numpy as np

from llmlib import plots


def cache_gain(tokens, computations, seconds):
    """Token computations and measured seconds by new tokens: two lists each, without and with."""
    fig, axes = plots.figure(1, 2, height=3.4)
    for ax, pair, label in zip(axes, (computations, seconds), ("token computations", "seconds")):
        plots.lines(ax, tokens, dict(zip(("without a cache", "with a cache"), pair)))
        at = {"xytext": (-8, -2), "textcoords": "offset points", "ha": "right"}
        ax.annotate(f"{pair[0][-1] / pair[1][-1]:.1f}×", (tokens[-1], pair[0][-1]), **at)
        ax.set(xlabel="new tokens", ylabel=label, ylim=(0, None))
    axes[0].set_title("counted")
    axes[1].set_title("measured")
    axes[0].legend()
    return fig


def pass_times(tokens, milliseconds):
    """Time of one pass over n tokens, and the same time a token."""
    fig, axes = plots.figure(1, 2, height=3.4)
    each = [ms / n for n, ms in zip(tokens, milliseconds)]
    titles = ("one pass", "the same, for each token")
    for ax, times, title, what in zip(axes, (milliseconds, each), titles, ("pass", "token")):
        ax.plot(tokens, times, "o-", color=plots.BLUE)
        ax.set(xscale="log", yscale="log", title=title)
        ax.set(xlabel="tokens in one pass (log scale)", ylabel=f"milliseconds a {what} (log scale)")
        plots.plain(ax.xaxis, [1, 4, 16, 64, 256])
        plots.plain(ax.yaxis)
    return fig


def roofline(intensity, achieved, bandwidth, peak):
    """Gigaflops a second against operations a byte, under the two roofs that were measured."""
    fig, ax = plots.figure(height=3.8, width=7)
    x, ridge = np.geomspace(min(intensity) / 1.5, max(intensity) * 1.5, 100), peak / bandwidth
    roof = np.minimum(x * bandwidth, peak) / 1e9
    ax.plot(x, roof, color=plots.GREY, label="roof: min(intensity × bandwidth, peak)")
    style = {"color": plots.ORANGE, "markeredgecolor": "black", "markersize": 8}
    ax.plot(intensity, [f / 1e9 for f in achieved], "o", label="measured", **style)
    ax.axvline(ridge, color=plots.GREY, linestyle=":")
    at = {"y": 0.04, "transform": ax.get_xaxis_transform()}  # a share of the axis
    ax.text(ridge / 1.15, s="memory-bound", ha="right", color=plots.BLUE, **at)
    ax.text(ridge * 1.15, s="compute-bound", ha="left", color=plots.RED, **at)
    ax.set(xscale="log", yscale="log", ylim=(min(achieved) / 2e9, 3 * peak / 1e9))
    ax.set(xlabel="arithmetic intensity (operations a byte of weights, log scale)")
    ax.set(ylabel="billion operations a second\n(log scale)")
    plots.plain(ax.xaxis, [0.5, 1, 2, 5, 10, 20, 50, 100, 200])
    plots.plain(ax.yaxis)
    ax.legend(loc="upper left")
    return fig


def cache_size(tokens, megabytes, weights_megabytes):
    """Megabytes of cache against tokens, {name: values}, with the weights' size as a mark."""
    fig, ax = plots.figure(height=3.4, width=7)
    plots.lines(ax, tokens, megabytes, marker=None)
    plots.mark(ax, "all weights, float32", y=weights_megabytes)
    ax.set(xlabel="tokens in the context", ylabel="megabytes of cache")
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.legend(loc="upper left")
    return fig


def rounding_errors(names, errors):
    """Largest rounding error of each row of a matrix, sorted, one line a way of scaling."""
    fig, ax = plots.figure(height=3.2, width=7)
    curves = {name: np.sort(np.asarray(values)) for name, values in zip(names, errors)}
    plots.lines(ax, None, curves, marker=None)
    ax.set(yscale="log", xlabel="row (output channel), sorted by its error")
    ax.set(ylabel="largest rounding error\n(log scale)")
    plots.plain(ax.yaxis)
    ax.legend()
    return fig


def speculation(p, q):
    """What is kept of a draft (the smaller of p and q), and what is drawn again."""
    fig, ax = plots.figure(height=3.2, width=7)
    x, kept, more = np.arange(len(p)), np.minimum(p, q), np.maximum(p - q, 0)
    for at, height, bottom, label, colour, hatch in (
        (x - 0.2, kept, 0, "kept: min(p, q)", plots.SKY, ""),
        (x - 0.2, more, kept, "drawn again: max(p − q, 0)", plots.ORANGE, "///"),
        (x + 0.2, q, 0, "draft q", "white", "..."),
    ):
        style = {"bottom": bottom, "color": colour, "hatch": hatch, "edgecolor": "black"}
        ax.bar(at, height, 0.38, label=label, linewidth=0.8, **style)
    ax.set(xlabel="token", ylabel="probability", xticks=x)
    ax.legend()
    return fig


def expected_tokens(acceptance, drafted, tokens):
    """Tokens of one pass of the large model, by how likely a drafted token is kept."""
    fig, ax = plots.figure(height=3.2, width=7)
    curves = {f"{k} drafted": values for k, values in zip(drafted, tokens)}
    plots.lines(ax, acceptance, curves, marker=None)
    ax.set(xlabel="chance that a drafted token is kept", ylabel="tokens a pass of the large model")
    ax.set_ylim(0, None)
    ax.legend()
    return fig
