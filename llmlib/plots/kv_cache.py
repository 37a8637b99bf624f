"""Pictures of notebook 7's first half: the cache, serving, fewer bits."""

import math

import numpy as np

from llmlib import plots


def scores_of_a_step(shares, tokens):
    """Draw what one step computes of a head's shares [seq, seq]: all rows without a cache, the
    last one with it."""
    fig, axes = plots.figure(1, 2, width=6.8, height=4.0, sharey=True)
    computed = shares.float().sqrt()  # small shares stay visible
    places, seq = range(len(tokens)), len(tokens)
    for ax, name, rows in zip(axes, ("without a cache", "with a cache"), (seq, 1)):
        drawn = np.full((seq, seq), np.nan)
        for i in range(seq - rows, seq):
            drawn[i, : i + 1] = computed[i, : i + 1]
        ax.imshow(drawn, cmap="Oranges", vmin=-0.15, vmax=1)
        ax.set_xticks(places, tokens, rotation=90, fontsize=8)
        ax.set_yticks(places, tokens, fontsize=8)
        ax.grid(visible=False)
        count = int(np.isfinite(drawn).sum())
        ax.set(title=f"{name}: {count} scores", xlabel="key of")
    axes[0].set_ylabel("query of")
    return plots.described(
        fig,
        f"Two squares of {seq} by {seq} places, a row for every query, a column for every key. "
        f"Without a cache the step computes the whole lower triangle, {seq * (seq + 1) // 2} "
        f"scores. With a cache it computes the last row alone, {seq}.",
    )


def cache_gain(without, with_cache, prompt):
    """Draw the seconds to each new token, two lists, and the gain that was counted and measured."""
    fig, (left, right) = plots.figure(1, 2, width=6.6, height=3.4)
    plots.lines(left, 1, {"without a cache": without, "with a cache": with_cache}, every=40)
    read = prompt + np.arange(len(without))
    counted, measured = np.cumsum(read) / read, np.asarray(without) / np.asarray(with_cache)
    plots.lines(right, 1, {"token computations": counted, "by the clock": measured}, every=40)
    left.set(xlabel="new tokens", ylabel="seconds", ylim=(0, None))
    right.set(xlabel="new tokens", ylabel="times fewer, times faster", ylim=(0, None))
    return plots.described(
        fig,
        "Left: seconds against new tokens, without a cache and with one. Right: how many times "
        f"fewer token computations, a line that rises to {counted[-1]:.0f}, and how many times "
        "faster by the clock.",
    )


def three_limits(tokens, passes, limits):
    """Draw the seconds of passes over so many tokens, beside the machine's limits {name: seconds}
    and as many passes over one token."""
    measured = [1000 * second for second in passes]
    curves = {"measured": measured}
    curves |= {name: [1000 * second for second in seconds] for name, seconds in limits.items()}
    curves |= {"n passes over 1": [measured[0] * n for n in tokens]}
    ax = plots.chart(tokens, curves, width=6.4, height=4.0, xscale="log", yscale="log")
    ax.set(xlabel="tokens in one pass, n (log scale)", ylabel="milliseconds (log scale)")
    plots.plain(ax.xaxis, tokens)
    plots.plain(ax.yaxis)
    return plots.described(
        ax.figure,
        f"Milliseconds of one pass against the tokens in it, {tokens[0]} to {tokens[-1]}, both on "
        f"logarithmic axes: {plots.told(tokens, curves)}. Reading and overhead are level lines, "
        "calculating rises with the tokens.",
    )


def cache_size(tokens, megabytes, weights_megabytes):
    """Draw megabytes of cache against tokens, {name: values}, with the weights' size as a mark."""
    fig, ax = plots.figure(height=3.3, width=6)
    plots.lines(ax, tokens, megabytes, legend="upper left", marker=None)
    plots.mark(ax, "all weights, float32", y=weights_megabytes)
    ax.set(xlabel="tokens in the context", ylabel="megabytes of cache")
    ax.xaxis.set_major_formatter("{x:,.0f}")
    return plots.described(
        fig,
        f"Megabytes of cache against {tokens[0]:,} to {tokens[-1]:,} tokens, straight lines: "
        f"{plots.told(tokens, megabytes)}. All weights take {weights_megabytes:,.0f}.",
    )


def rounded_row(row, by_matrix, by_row):
    """Draw one row of weights: as it is, and rounded with the matrix's scale and with its own."""
    fig, axes = plots.figure(3, 1, width=6.2, height=5.0, sharey=True, sharex=True)
    end = max(values.abs().max().item() for values in (row, by_matrix, by_row))
    bins = np.linspace(-end, end, 60)
    names = "float32", "one scale for the matrix", "a scale of its own"
    for ax, name, values, colour in zip(axes, names, (row, by_matrix, by_row), plots.COLOURS):
        ax.hist(np.asarray(values), bins=bins, color=colour)
        ax.set(title=name, yscale="log")
    plots.plain(axes[0].yaxis, [1, 10, 100])
    axes[1].set_ylabel("how many (log scale)")
    axes[2].set_xlabel("weight")
    return plots.described(
        fig,
        f"Histograms of one row of {len(row)} weights: as it is, with one scale for the whole "
        "matrix, and with a scale of its own. At 0 stand "
        f"{int((by_matrix == 0).sum())} with the matrix's scale, {int((by_row == 0).sum())} with "
        "its own.",
    )


def ladder(rows, full, chance):
    """Draw loss against bits a weight, a line for each kind of scale: rows {bits, block, loss}."""
    names = {"matrix": "a scale for the matrix", "row": "a scale per row"}
    names |= {32: "a scale for 32 weights"}
    bits = sorted({row["bits"] for row in rows})
    curves = {name: [] for name in names.values()}
    for row in sorted(rows, key=lambda row: row["bits"]):
        curves[names[row["block"]]].append(row["loss"])
    ax = plots.chart(bits, curves, width=6, height=3.8, legend="upper right", xlim=(1.8, 12))
    plots.mark(ax, "float32", y=full, linestyle=":")
    plots.mark(ax, f"all {round(math.exp(chance)):,} tokens equally likely", y=chance)
    ax.set(xlabel="bits of a rounded weight", ylabel="loss (nats per token)")
    ax.set(ylim=(0, 1.02 * chance), xticks=bits)  # how far above chance means little
    told = "; ".join(
        f"{name}: {plots.listed({f'{b} bits': loss for b, loss in zip(bits, losses)})}"
        for name, losses in curves.items()
    )
    return plots.described(
        ax.figure,
        f"Loss against bits a weight, one line for each kind of scale; float32 at {full:.1f}, all "
        f"tokens equally likely at {chance:.1f}, where the chart ends. {told}.",
    )


def schedule(plans):
    """Draw which request holds which place of a batch when: plans {name: [(slot, start, end),
    ...]}."""
    fig, axes = plots.figure(len(plans), 1, width=6.4, height=4.4, sharex=True)
    for ax, (name, plan) in zip(axes, plans.items()):
        for i, (slot, start, end) in enumerate(plan):
            colour, hatch = plots.COLOURS[i % 6], plots.HATCHES[i // 6 % 6]
            ax.barh(slot, end - start, left=start, color=colour, hatch=hatch, edgecolor="black")
        ax.set(title=name, ylabel="place", yticks=range(max(slot for slot, _, _ in plan) + 1))
        ax.invert_yaxis()
        ax.grid(axis="y", visible=False)
    axes[-1].set_xlabel("decoding steps")
    return plots.described(
        fig,
        "Two charts of eight rows, the places of a batch, over decoding steps. With static "
        "batches many rows are empty while the longest request of each batch is finished. With "
        "continuous batching no row has a gap while a request waits; at the end they run dry one "
        "by one.",
    )
