"""Pictures of notebook 7's first half: work with and without a cache, the roofline, bytes, int8, speculation."""

import numpy as np

from llmlib.plots import BLUE, GREEN, GREY, HATCHES, ORANGE, PINK, RED, SKY, figure


def cache_gain(tokens, computations, seconds):
    """Two panels over new tokens: token computations and measured seconds, without and with a cache.

    computations and seconds: two lists each (without, with), one entry per entry of `tokens`.
    """
    fig, axes = figure(1, 2, height=3.4)
    for axis, (without, with_cache), label in zip(
        axes, (computations, seconds), ("token computations", "seconds")
    ):
        axis.plot(tokens, without, "s--", color=RED, label="without a cache")
        axis.plot(tokens, with_cache, "o-", color=BLUE, label="with a cache")
        axis.annotate(
            f"{without[-1] / with_cache[-1]:.1f}×",
            (tokens[-1], without[-1]),
            (-8, -2),
            textcoords="offset points",
            ha="right",
            color=RED,
        )
        axis.set(xlabel="new tokens", ylabel=label, ylim=(0, None))
    axes[0].set_title("counted")
    axes[1].set_title("measured")
    axes[0].legend()
    return fig


def pass_times(tokens, milliseconds):
    """Time of one pass over n tokens, and the same time a token."""
    fig, axes = figure(1, 2, height=3.4)
    axes[0].plot(tokens, milliseconds, "o-", color=BLUE)
    axes[0].set(
        xlabel="tokens in one pass",
        ylabel="milliseconds a pass",
        xscale="log",
        yscale="log",
        title="one pass",
    )
    axes[1].plot(tokens, [ms / n for n, ms in zip(tokens, milliseconds)], "s-", color=GREEN)
    axes[1].set(
        xlabel="tokens in one pass",
        ylabel="milliseconds a token",
        xscale="log",
        yscale="log",
        title="the same, for each token",
    )
    for axis, shown in zip(axes, (milliseconds, [ms / n for n, ms in zip(tokens, milliseconds)])):
        axis.set_xticks([1, 4, 16, 64, 256], ["1", "4", "16", "64", "256"])
        ticks = [
            t
            for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
            if min(shown) / 1.5 < t < max(shown) * 1.5
        ]
        axis.set_yticks(ticks, [str(t) for t in ticks])
        axis.minorticks_off()
    return fig


def roofline(intensity, achieved, bandwidth, peak):
    """Gigaflops a second against arithmetic intensity (operations a byte), under the two roofs that were measured."""
    fig, axis = figure(height=3.8, width=7)
    x = np.geomspace(min(intensity) / 1.5, max(intensity) * 1.5, 100)
    axis.plot(
        x,
        np.minimum(x * bandwidth, peak) / 1e9,
        color=GREY,
        label="roof: min(intensity × bandwidth, peak)",
    )
    axis.plot(
        intensity,
        [f / 1e9 for f in achieved],
        "o",
        color=ORANGE,
        markeredgecolor="black",
        markersize=8,
        label="measured",
    )
    axis.axvline(peak / bandwidth, color=GREY, linestyle=":")
    place = axis.get_xaxis_transform()  # x in data, y as a share of the axis
    axis.text(
        peak / bandwidth / 1.15, 0.04, "memory-bound", ha="right", color=BLUE, transform=place
    )
    axis.text(peak / bandwidth * 1.15, 0.04, "compute-bound", ha="left", color=RED, transform=place)
    axis.set(
        xscale="log",
        yscale="log",
        xlabel="arithmetic intensity (operations a byte of weights)",
        ylabel="billion operations a second",
        ylim=(None, 3 * peak / 1e9),
    )
    axis.legend(loc="upper left")
    return fig


def cache_size(tokens, megabytes, weights_megabytes):
    """Megabytes of cache against tokens, one line a name in `megabytes`, with the weights' size as a mark."""
    fig, axis = figure(height=3.4, width=7)
    for (name, values), colour, style in zip(
        megabytes.items(), (RED, BLUE, GREEN), ("--", "-", "-.")
    ):
        axis.plot(tokens, values, style, color=colour, label=name)
    axis.axhline(weights_megabytes, color=GREY, linestyle=":")
    axis.text(
        tokens[-1],
        weights_megabytes,
        "all weights, float32",
        va="bottom",
        ha="right",
        color="black",
    )
    axis.set(xlabel="tokens in the context", ylabel="megabytes of cache")
    axis.legend(loc="upper left")
    return fig


def rounding_errors(names, errors):
    """Largest rounding error of each row of a matrix, sorted, one line a way of scaling."""
    fig, axis = figure(height=3.2, width=7)
    for name, values, colour, style in zip(names, errors, (RED, BLUE), ("--", "-")):
        axis.plot(np.sort(np.asarray(values)), style, color=colour, label=name)
    axis.set(
        xlabel="row (output channel), sorted by its error",
        ylabel="largest rounding error",
        yscale="log",
    )
    axis.legend()
    return fig


def speculation(p, q):
    """What is kept of a draft (the smaller of p and q), and what is drawn again (what p has more)."""
    fig, axis = figure(height=3.2, width=7)
    x, kept = np.arange(len(p)), np.minimum(p, q)
    axis.bar(x - 0.2, kept, 0.38, color=SKY, edgecolor="black", label="kept: min(p, q)")
    axis.bar(
        x - 0.2,
        np.maximum(p - q, 0),
        0.38,
        bottom=kept,
        color=ORANGE,
        edgecolor="black",
        hatch=HATCHES[1],
        label="drawn again: max(p − q, 0)",
    )
    axis.bar(x + 0.2, q, 0.38, color="white", edgecolor=PINK, hatch=HATCHES[2], label="draft q")
    axis.set(xlabel="token", ylabel="probability", xticks=x)
    axis.legend()
    return fig


def expected_tokens(acceptance, drafted, tokens):
    """Tokens made in one pass of the target model, against how likely a draft is kept; one line a number of drafted tokens."""
    fig, axis = figure(height=3.2, width=7)
    for k, values, colour, style in zip(drafted, tokens, (BLUE, GREEN, RED), ("-", "--", "-.")):
        axis.plot(acceptance, values, style, color=colour, label=f"{k} drafted")
    axis.set(
        xlabel="chance that a drafted token is kept",
        ylabel="tokens a pass of the large model",
        ylim=(0, None),
    )
    axis.legend()
    return fig
