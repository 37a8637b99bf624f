"""The charts of notebook 3: shares of attention, gradients, softmax, masks, maps of heads."""

import torch

from llmlib.plots import BLUE, COLOURS, GREY, HATCHES, LINES, MARKERS, ORANGE, SEQUENTIAL, figure

BLANK = "␣"  # shown for a space, so that " cat" and "cat" differ


def labels(texts):
    """Tokens as tick labels: spaces and line ends made visible, long ones cut."""
    texts = [text.replace(" ", BLANK).replace("\n", "\\n") for text in texts]
    return [text if len(text) <= 12 else text[:11] + "…" for text in texts]


def row(tokens, shares, title="", future=None):
    """Where one token looks: a bar a token, in percent. Bars from index `future` on are hatched and marked as the future."""
    fig, ax = figure(height=2.9)
    bars = ax.bar(
        range(len(tokens)), [100 * s for s in shares], color=BLUE, edgecolor="black", linewidth=0.6
    )
    ax.bar_label(bars, labels=[f"{100 * s:.1f}" for s in shares], fontsize=9, padding=2)
    if future is not None:
        ax.axvspan(
            future - 0.5,
            len(tokens) - 0.5,
            facecolor="none",
            edgecolor=GREY,
            hatch="//",
            alpha=0.45,
            linewidth=0,
        )
        ax.text(
            (future + len(tokens) - 1) / 2,
            0.92,
            "the future",
            ha="center",
            va="top",
            transform=ax.get_xaxis_transform(),
            bbox={"facecolor": "white", "edgecolor": "none"},
        )
    ax.set(
        xticks=range(len(tokens)),
        xticklabels=labels(tokens),
        ylabel="share of attention (%)",
        title=title,
        xlabel="token that is looked at",
        ylim=(0, 1.18 * 100 * max(max(shares), 0.05)),
    )
    ax.tick_params(axis="x", rotation=45 if len(tokens) > 10 else 0)
    ax.grid(axis="x", visible=False)
    return fig


def grids(panels, tokens, decimals=2):
    """Matrices of shares side by side: panels {title: [seq, seq]}, rows look at columns; masked entries (NaN) stay white."""
    fig, axes = figure(1, len(panels), height=1.3 + 7.2 / max(len(panels), 2), squeeze=False)
    for ax, (title, shares) in zip(axes[0], panels.items()):
        shares = torch.as_tensor(shares).float()
        ax.imshow(shares, cmap=SEQUENTIAL, vmin=0, vmax=1)
        for i, j in torch.cartesian_prod(
            torch.arange(shares.shape[0]), torch.arange(shares.shape[1])
        ).tolist():
            if shares[i, j] == shares[i, j]:
                ax.text(
                    j,
                    i,
                    f"{shares[i, j]:.{decimals}f}",
                    ha="center",
                    va="center",
                    fontsize=9,
                    color="white" if shares[i, j] < 0.6 else "black",
                )
        ax.set(
            xticks=range(len(tokens)),
            yticks=range(len(tokens)),
            xticklabels=labels(tokens),
            yticklabels=labels(tokens),
            xlabel="looked at (key)",
            title=title,
        )
        ax.tick_params(axis="x", rotation=45)
        ax.grid(visible=False)
    axes[0][0].set_ylabel("looks (query)")
    return fig


def gradients(curves):
    """How much of the gradient at the last step reaches each earlier one: curves {name: [steps back], index 0 = the last step}."""
    fig, ax = figure(height=3.8)
    for (name, values), colour, marker, line in zip(curves.items(), COLOURS, MARKERS, LINES):
        ax.semilogy(
            range(len(values)),
            values,
            color=colour,
            marker=marker,
            linestyle=line,
            markevery=5,
            label=name,
        )
    ax.set(
        xlabel="steps back from the last one",
        ylabel="norm of the gradient (log scale)",
        title="How loudly the last output still hears an early input",
    )
    ax.legend(loc="lower left")
    return fig


def times(lengths, curves):
    """Time of one training step by length of the text: curves {name: [milliseconds]}."""
    fig, ax = figure(height=3.2)
    for (name, values), colour, marker, line in zip(curves.items(), COLOURS, MARKERS, LINES):
        ax.loglog(lengths, values, color=colour, marker=marker, linestyle=line, label=name)
    ax.set(
        xlabel="length of the text (tokens, log scale)",
        ylabel="forward + backward (ms, log scale)",
        xticks=lengths,
        xticklabels=lengths,
    )
    ax.minorticks_off()
    ax.legend()
    return fig


def scaling(head_dims, deviations, largest):
    """Two panels by head_dim: spread of the scores, and the largest share of 10; each {name: values}."""
    fig, axes = figure(1, 2, height=3.4)
    for ax, curves, what in zip(
        axes,
        (deviations, largest),
        ("standard deviation of the scores", "mean of the largest of 10 shares"),
    ):
        for (name, values), colour, marker, line in zip(
            curves.items(), (ORANGE, BLUE), MARKERS, LINES
        ):
            ax.plot(head_dims, values, color=colour, marker=marker, linestyle=line, label=name)
        ax.set(
            xlabel="head_dim (log scale)",
            ylabel=what,
            xscale="log",
            xticks=head_dims,
            xticklabels=head_dims,
            ylim=(0, None),
        )
        ax.minorticks_off()
    axes[1].axhline(0.1, color=GREY, linestyle=":", linewidth=1.2)
    axes[1].text(head_dims[-1], 0.115, "all equal", ha="right", color=GREY, fontsize=9)
    axes[0].legend(loc="upper left")
    return fig


def mixtures(values, outputs, names):
    """Values [n, 2] as points, and the outputs [n, 2], which lie inside the shape that the values span."""
    fig, ax = figure(width=5.6, height=4.2)
    ax.fill(*values.T.tolist(), facecolor=GREY, alpha=0.12, edgecolor=GREY)
    ax.scatter(
        *values.T.tolist(),
        s=110,
        color=ORANGE,
        marker="s",
        edgecolor="black",
        label="values v",
        zorder=3,
    )
    ax.scatter(
        *outputs.T.tolist(),
        s=90,
        color=BLUE,
        marker="o",
        edgecolor="black",
        label="outputs: mixtures of values",
        zorder=3,
    )
    for points, offset, kind in ((values, (9, 7), "v"), (outputs, (9, -13), "out")):
        for (x, y), name in zip(points.tolist(), names):
            ax.annotate(
                f"{kind}({name})", (x, y), xytext=offset, textcoords="offset points", fontsize=10
            )
    ax.margins(0.18)
    ax.set(xlabel="column 0", ylabel="column 1")
    ax.legend(loc="lower left", fontsize=9)
    return fig


def head_maps(maps):
    """Score of every head, as panels of layer x head: maps {title: [n_layer, n_head]}; the best three of each are ringed."""
    fig, axes = figure(1, len(maps), height=6.2, sharey=True)
    for ax, (title, scores) in zip(axes, maps.items()):
        picture = ax.imshow(scores, cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto", origin="lower")
        for best in scores.flatten().topk(3).indices.tolist():
            layer, head = divmod(best, scores.shape[1])
            for size, colour in ((13, "white"), (15, "black")):
                ax.plot(
                    head,
                    layer,
                    marker="o",
                    markersize=size,
                    markerfacecolor="none",
                    markeredgecolor=colour,
                )
        ax.set(xlabel="head", title=title, xticks=range(scores.shape[1]))
        ax.grid(visible=False)
    axes[0].set_ylabel("layer (0 is the first)")
    fig.colorbar(picture, ax=axes, label="mean share of attention", shrink=0.6)
    return fig


def by_layer(curves, ylabel, title=""):
    """Lines over the layers: curves {name: [n_layer]}."""
    fig, ax = figure(height=3.1)
    for (name, values), colour, marker, line in zip(curves.items(), COLOURS, MARKERS, LINES):
        ax.plot(
            range(len(values)),
            values,
            color=colour,
            marker=marker,
            linestyle=line,
            label=name,
            markersize=4,
        )
    ax.set(xlabel="layer (0 is the first)", ylabel=ylabel, title=title, ylim=(0, None))
    ax.legend()
    return fig


def losses_by_position(curves, repeat_from):
    """Loss at each position of a text that repeats from `repeat_from` on: curves {name: [positions], the first is position 1}."""
    fig, ax = figure(height=3.6)
    for (name, values), colour, marker, line in zip(curves.items(), COLOURS, MARKERS, LINES):
        ax.plot(
            range(1, len(values) + 1),
            values,
            color=colour,
            marker=marker,
            linestyle=line,
            label=name,
            markersize=4,
        )
    ax.axvline(repeat_from, color=GREY, linestyle="--", linewidth=1.2)
    ax.text(
        repeat_from + 0.5,
        0.97,
        "from here on, a repetition",
        va="top",
        transform=ax.get_xaxis_transform(),
    )
    ax.set(xlabel="position of the predicted token", ylabel="loss (nats)", ylim=(0, None))
    ax.legend(loc="lower left")
    return fig


def ablation(bars):
    """Loss on repeated tokens with heads switched off: bars {name: loss}."""
    fig, ax = figure(height=0.9 + 0.42 * len(bars))
    colours = [COLOURS[i % 4] for i in range(len(bars))]
    drawn = ax.barh(
        range(len(bars)), list(bars.values()), color=colours, edgecolor="black", linewidth=0.6
    )
    for bar, hatch in zip(drawn, (HATCHES * 3)):
        bar.set_hatch(hatch)
    ax.bar_label(drawn, fmt="%.1f", padding=3)
    ax.set(
        yticks=range(len(bars)), yticklabels=list(bars), xlabel="mean loss on the repetition (nats)"
    )
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    return fig
