"""The pictures of notebook 3: shares of attention, gradients, masks, maps of heads; then drawings
of boxes and arrows."""

import numpy as np
import torch
from matplotlib.patches import Rectangle

from llmlib import plots

WIDTH = 6.6  # inches: on a phone, 390 pixels wide, letters of 11 points are 9 pixels high


def row(tokens, shares, title="", future=None):
    """Draw where one token looks: a bar a token, in percent; from index `future` on, it may not
    look."""
    fig, ax = plots.figure(width=WIDTH, height=2.9)
    percent = [100 * share for share in shares]
    plots.bars(ax, plots.labels(tokens), percent, fmt=lambda s: f"{s:.1f}" if s >= 1 else "")
    if future is not None:
        hidden = {"facecolor": "none", "edgecolor": plots.GREY, "hatch": "//", "linewidth": 0}
        ax.axvspan(future - 0.5, len(tokens) - 0.5, alpha=0.45, **hidden)
        middle, top = (future + len(tokens) - 1) / 2, ax.get_xaxis_transform()
        ax.text(middle, 0.92, "the future", ha="center", va="top", transform=top, bbox=plots.GROUND)
    ax.set(xlabel="token that is looked at", ylabel="attention weight (%)", title=title)
    ax.set_ylim(0, 1.18 * max(*percent, 5))
    ax.tick_params(axis="x", rotation=45 if len(tokens) > 10 else 0)
    most = sorted(range(len(shares)), key=lambda i: -shares[i])[:3]
    summary = ", ".join(f"{tokens[i]!r} {percent[i]:.1f}" for i in most)
    none = "" if future is None else f" None from {tokens[future]!r} on, which is the future."
    return plots.described(fig, f"{title}, bars, in percent. Most on {summary}.{none}")


def grids(panels, tokens):
    """Draw shares side by side: panels {title: [seq, seq]}, rows look at columns; NaN (masked) is
    white. The sum of each row stands at its right: of shares it is 1."""
    fig, axes = plots.figure(1, len(panels), width=WIDTH, height=1.1 + 5.6 / max(len(panels), 2))
    names = plots.labels(tokens)
    for ax, (title, shares) in zip(axes, panels.items()):
        shares = np.asarray(torch.as_tensor(shares).float())
        rows = names if ax is axes[0] else [""] * len(tokens)
        plots.heat(ax, shares, ".2f", (rows, names), vmin=0, vmax=1)
        for i, total in enumerate(np.nansum(shares, axis=1)):
            ax.text(len(tokens) - 0.4, i, f"sum\n{total:.2f}", va="center", fontsize=10)
        ax.set(xlabel="looked at (key)", title=title)
        ax.tick_params(axis="x", rotation=45)
    axes[0].set_ylabel("looks (query)")
    summaries = []
    for title, shares in panels.items():
        shares = torch.as_tensor(shares).float()
        sums = ", ".join(f"{total:.2f}" for total in shares.nansum(-1).tolist())
        summaries.append(
            f"{title}: {int(shares.isnan().sum())} cells masked, its rows sum to {sums}"
        )
    return plots.described(
        fig,
        f"Grids of shares, {len(tokens)} tokens that look by {len(tokens)} that are looked at; "
        f"masked cells are white. {'; '.join(summaries)}.",
    )


def gradients(curves):
    """Draw how much of the last step's gradient reaches each earlier one: {name: [steps back]}."""
    ax = plots.chart(0, curves, every=5, width=WIDTH, height=3.8, legend="lower left", yscale="log")
    ax.set(xlabel="steps back from the last one", ylabel="norm of the gradient (log scale)")
    ax.set_title("How loudly the last output still hears an early input")
    return plots.described(
        ax.figure, f"Gradient norm against steps back, log scale. {plots.told(0, curves)}."
    )


def by_layer(curves, ylabel):
    """Draw a value of each layer: {name: [n_layer]}."""
    ax = plots.chart(0, curves, width=WIDTH, xlabel="layer (0 is the first)", ylabel=ylabel)
    return plots.described(ax.figure, f"{ylabel}, by layer. {plots.told(0, curves)}.")


def scaling(head_dims, deviations, largest):
    """Draw, by head_dim: spread of the scores, and the largest share of 10; each {name: values}."""
    fig, axes = plots.figure(1, 2, width=WIDTH, height=3.4)
    what = ("standard deviation of the scores", "mean of the largest of 10 weights")
    for ax, curves, ylabel in zip(axes, (deviations, largest), what):
        plots.lines(ax, head_dims, curves, legend="upper left" if ax is axes[0] else None)
        ax.set(xlabel="head_dim (log scale)", ylabel=ylabel, xscale="log", ylim=(0, None))
        plots.plain(ax.xaxis, head_dims)
    plots.mark(axes[1], "all equal", y=0.1, color=plots.GREY)
    return plots.described(
        fig,
        f"By head_dim, {head_dims[0]} to {head_dims[-1]}. Left, {what[0]}: "
        f"{plots.told(head_dims, deviations)}. Right, {what[1]}: {plots.told(head_dims, largest)}.",
    )


def maps(panels, tokens, columns=2, numbers=True):
    """Draw where tokens look, side by side: panels {title: [seq, seq]}, rows look at columns."""
    rows = -(-len(panels) // columns)
    height = 0.6 + rows * (WIDTH / columns + 0.1)
    fig, axes = plots.figure(rows, columns, width=WIDTH, height=height)
    names, summary = plots.labels(tokens), []
    for n, (ax, (title, weights)) in enumerate(zip(axes, panels.items())):
        weights = torch.as_tensor(weights)
        future = torch.ones_like(weights).triu(1).bool()
        beside = names if n % columns == 0 else [""] * len(names)
        below = names if n // columns == rows - 1 else [""] * len(names)
        fmt = ".2f" if numbers else None
        shown = weights.masked_fill(future, torch.nan)
        plots.heat(ax, shown, fmt, (beside, below), vmin=0, vmax=1)
        ax.tick_params(axis="x", rotation=90)
        if columns > 2:  # a row is eleven points high
            ax.tick_params(labelsize=9)
        ax.set_title(title)
        most = (f"{tokens[i]!r} at {tokens[j]!r}" for i, j in enumerate(weights.argmax(-1)))
        summary.append(f"{title}: {', '.join(most)}")
    return plots.described(
        fig,
        "Square maps of attention weights: a row looks at the columns up to its own. Each token "
        f"looks most, {'; '.join(summary)}.",
    )


STEPS = {  # of `tensors`: {name: what makes it}
    "x": "x",
    "q": "q = x·W_Qᵀ",
    "k": "k = x·W_Kᵀ",
    "v": "v = x·W_Vᵀ",
    "split q": "q: split_heads, RoPE",
    "split k": "k: split_heads, RoPE",
    "split v": "v: split_heads",
    "repeated k": "k: repeat_kv",
    "repeated v": "v: repeat_kv",
    "weights": "attention weights",
    "mixed": "weights · v",
    "merged": "merge_heads",
    "written": "· W_Oᵀ",
}


def tensors(by_name, tokens):
    """Draw every tensor of one attention sublayer from its numbers: {name: tensor} as
    `demonstrations.attention.tensors_of` returns it, a row of three tokens or so for each. All but
    the attention weights are to scale."""
    n_head, seq, head_dim = by_name["split q"].shape[1:]
    n_kv_head, whole = by_name["split k"].shape[1], n_head * head_dim
    pitch = 1.06 * head_dim  # heads stand apart
    wide = n_head * pitch
    fig, ax = plots.figure(width=WIDTH, height=0.62 * len(STEPS) + 0.3)
    for row, (name, title) in enumerate(STEPS.items()):
        values, top = by_name[name][0], -1.75 * row
        blocks = values[None] if values.dim() == 2 else values
        limit = 1 if name == "weights" else 2 * values.std().item()
        for n, block in enumerate(blocks):
            width = 0.3 * head_dim if name == "weights" else block.shape[-1]
            if len(blocks) == 1:
                start = (wide - width) / 2
            else:  # a head, or the middle of the heads that share it
                middle = (n + 0.5) * n_head / len(blocks) * pitch
                start = middle - width / 2
                number = str(n * n_kv_head // n_head if name.startswith("repeated") else n)
                ax.text(middle, top + 0.02, number, fontsize=8, ha="center", va="bottom")
            box = (start, start + width, top - 1, top)
            style = {"cmap": plots.DIVERGING, "vmin": -limit, "vmax": limit}
            ax.imshow(block, extent=box, aspect="auto", interpolation="nearest", **style)
            edge = Rectangle(
                (start, top - 1), width, 1, fill=False, edgecolor="black", linewidth=0.7
            )
            ax.add_patch(edge)
        shape = " × ".join(map(str, by_name[name].shape))
        ax.text(-0.03 * whole, top - 0.1, title, fontsize=9, ha="right", va="top")
        ax.text(-0.03 * whole, top - 0.55, shape, fontsize=9, ha="right", va="top", weight="bold")
    ax.set(xlim=(-0.48 * whole, wide + 0.01 * whole), ylim=(-1.75 * len(STEPS) + 0.6, 0.45))
    ax.axis("off")
    summary = "; ".join(
        f"{title} {' by '.join(map(str, by_name[name].shape))}" for name, title in STEPS.items()
    )
    return plots.described(
        fig,
        f"Every tensor of an attention sublayer for the tokens {', '.join(map(repr, tokens))}, "
        f"its numbers as colours, to scale but for the attention weights: {summary}. Blocks are "
        "numbered by their heads.",
    )


def ranking(costs, named=6):
    """Draw what it costs to replace each head alone, the costliest first: {(layer, head): nats}."""
    fig, ax = plots.figure(width=WIDTH, height=3.4)
    ranked = sorted(costs.items(), key=lambda item: -item[1])
    ax.plot(range(1, len(ranked) + 1), [cost for _, cost in ranked], ".", color=plots.BLUE)
    names = [f"{layer}.{head}" for (layer, head), _ in ranked[:named]]
    for place, name in enumerate(names, 1):
        plots.note(ax, name, (place, ranked[place - 1][1]), (9, -3), fontsize=10)
    ax.axhline(0, color="black", linewidth=1)
    ax.set(xlabel="rank of the head (log scale)", ylabel="cost (nats)", xscale="log")
    plots.plain(ax.xaxis, [1, 10, 100, len(ranked)])
    return plots.described(
        fig,
        f"{len(ranked)} dots, the cost of each head, from the highest down. First come "
        + ", ".join(f"{name} ({cost:.1f})" for name, (_, cost) in zip(names, ranked))
        + f". {sum(cost > 1 for _, cost in ranked)} cost more than 1 nat, the median "
        f"{ranked[len(ranked) // 2][1]:.2f}.",
    )


def head_maps(maps, best=3):
    """Draw the score of every head by layer and head: maps {title: [n_layer, n_head]}; `best` are
    framed."""
    fig, axes = plots.figure(1, len(maps), width=WIDTH, height=6.2, sharey=True)
    summary = []
    for ax, (title, scores) in zip(axes, maps.items()):
        summary.append(f"{title}:")
        picture = plots.heat(ax, scores, vmin=0, vmax=1, aspect="auto", origin="lower")
        for place in scores.flatten().topk(best).indices.tolist():
            layer, head = divmod(place, scores.shape[1])
            summary[-1] += f" {layer}.{head} ({scores[layer, head]:.2f})"
            corner = (head - 0.5, layer - 0.5)
            for width, colour in ((3.5, "black"), (1.5, "white")):
                frame = {"lw": width, "ec": colour, "zorder": 3, "clip_on": False}
                ax.add_patch(Rectangle(corner, 1, 1, fill=False, **frame))
        ax.set(xlabel="head", title=title, xticks=range(scores.shape[1]))
    axes[0].set_ylabel("layer (0 is the first)")
    fig.colorbar(picture, ax=axes, label="mean attention weight", shrink=0.6)
    return plots.described(
        fig,
        f"Maps of {len(scores)} layers by {scores.shape[1]} heads, the colour a mean share of "
        f"attention. Framed are the best {best} of each. {'; '.join(summary)}.",
    )


def paired(names, series, xlabel):
    """Draw two bars or more a name: {what: one value a name}."""
    fig, ax = plots.figure(width=WIDTH, height=0.9 + 0.55 * len(names))
    plots.bars(ax, names, series, fmt=lambda value: f"{value:.2f}", across=True)
    numbers = [value for values in series.values() for value in values]
    # a bar below 0 has its number on its left, which must not run into the names
    start = min(1.1 * min(numbers), -0.08 * max(numbers)) if min(numbers) < 0 else 0
    ax.set(xlabel=xlabel, xlim=(start, 1.1 * max(numbers)))
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper right", ncols=len(series))
    return plots.described(
        fig,
        f"Bars, {xlabel}, {' and '.join(series)}: "
        f"{plots.listed(dict(zip(names, zip(*series.values()))), '.2f')}.",
    )


def learning(curves, chance):
    """Draw the loss by training step, {name: losses}, in means of ten; `chance` is that of
    guessing."""
    smooth = {name: np.reshape(losses, (-1, 10)).mean(1) for name, losses in curves.items()}
    steps = np.arange(len(next(iter(smooth.values())))) * 10 + 5
    ax = plots.chart(steps, smooth, every=3, width=WIDTH)
    plots.mark(ax, "guessing", y=chance, color=plots.GREY)
    ax.set(xlabel="training step", ylabel="loss on the repetition (nats)", ylim=(0, None))
    ax.legend(loc="center right", bbox_to_anchor=(1, 0.38))
    ends = {
        name: f"{end:.1f}" if end > 1 else "below 0.5" if end < 0.5 else "below 1"
        for name, (*_, end) in smooth.items()
    }
    told = "; ".join(f"{name} from {smooth[name][0]:.1f} to {end}" for name, end in ends.items())
    return plots.described(
        ax.figure,
        f"Loss on the repetition against training steps, guessing at {chance:.1f}. {told}.",
    )


def heads():
    """Draw how x is projected, cut into heads, each attends alone; the results are joined and
    projected."""
    fig, ax = plots.canvas(WIDTH, 3.1, 16.6, 6)
    plots.box(ax, 0.1, 2.1, 1.9, 1.6, "x\nseq ×\nd_model", plots.YELLOW)
    plots.box(ax, 2.7, 1.8, 2.0, 2.2, "q, k, v =\nx·W_Qᵀ,\nx·W_Kᵀ,\nx·W_Vᵀ", "white")
    for i, (colour, hatch) in enumerate(((plots.SKY, ""), (plots.GREEN, "//"), (plots.PINK, ".."))):
        y = 4.4 - 2 * i
        style = {"facecolor": colour, "edgecolor": "black", "hatch": hatch}
        plots.box(ax, 5.6, y, 4.3, 1.2, f"head {i}: attention\nseq × head_dim", colour)
        plots.arrow(ax, (4.8, 2.9), (5.5, y + 0.6))
        plots.arrow(ax, (10.0, y + 0.6), (10.6, 2.9 + 0.4 * (1 - i)))
        ax.add_patch(Rectangle((5.6, y), 0.35, 1.2, **style))
        ax.add_patch(Rectangle((10.7 + 0.55 * i, 2.1), 0.53, 1.6, **style))
    ax.text(11.5, 1.6, "side by side", fontsize=10, **plots.CENTRE)
    plots.box(ax, 12.8, 2.1, 1.5, 1.6, "· W_Oᵀ", "white")
    plots.box(ax, 14.7, 2.1, 1.85, 1.6, "seq ×\nd_model", plots.YELLOW)
    for start, end in ((2.1, 2.6), (12.4, 12.7), (14.4, 14.65)):
        plots.arrow(ax, (start, 2.9), (end, 2.9))
    return fig


def grouped(n_head, n_kv_head):
    """Draw which query head uses which key/value head: one each, grouped as in the model, all on
    one."""
    fig, axes = plots.figure(1, 3, width=WIDTH, height=2.6)
    titles = {"multi-head": n_head, "grouped-query": n_kv_head, "multi-query": 1}
    for ax, (title, kv) in zip(axes, titles.items()):
        ax.set(xlim=(-0.7, n_head - 0.3), ylim=(-0.75, 1.6))
        ax.set_title(f"{title}\n{kv} key/value head{'s' * (kv > 1)}")
        ax.axis("off")
        per = n_head // kv
        places = [g * per + (per - 1) / 2 for g in range(kv)]
        for h in range(n_head):
            ax.plot([h, places[h // per]], [0.85, 0.2], color=plots.GREY, linewidth=1.3, zorder=1)
        for x, y, number, colour, marker in (
            *((h, 1, h, plots.SKY, "o") for h in range(n_head)),
            *((x, 0, g, plots.ORANGE, "s") for g, x in enumerate(places)),
        ):
            ax.scatter(x, y, s=165, color=colour, marker=marker, edgecolor="black", zorder=2)
            ax.text(x, y, str(number), fontsize=9.5, **plots.CENTRE)
    for y, words in ((1.4, "query heads"), (-0.55, "key/value heads")):
        axes[0].text(n_head / 2 - 0.5, y, words, ha="center", fontsize=10)
    return fig


def encoder_decoder():
    """Draw, left, an encoder read by a decoder through cross-attention; right, a decoder alone."""
    fig, ax = plots.canvas(WIDTH, 4.0, 16, 8.4)
    plots.box(ax, 0.2, 3.0, 4.2, 1.5, "self-attention,\nall tokens see all", plots.GREEN)
    plots.box(ax, 5.6, 3.0, 4.2, 1.0, "self-attention, causal", plots.SKY)
    plots.box(ax, 5.6, 5.0, 4.2, 1.3, "cross-attention\nq here, k and v there", plots.ORANGE)
    plots.box(ax, 10.6, 3.0, 5.2, 1.5, "self-attention, causal,\nover the source, too", plots.SKY)
    for x, y, name in ((2.3, 4.75, "encoder"), (7.7, 7.95, "decoder")):
        ax.text(x, y, name, ha="center", fontsize=10, weight="bold")
    for x, width, words, what in (
        (0.2, 4.2, "le chat dort", "the text being read"),
        (5.6, 4.2, "the cat sleeps", "the text being written"),
        (10.6, 5.2, "le chat = the cat", "one text, read and written"),
    ):
        ax.text(x + width / 2, 1.0, what, ha="center", fontsize=10, style="italic")
        for i, word in enumerate(words.split()):
            place = x + width * (i + 0.5) / len(words.split())
            ax.text(place, 1.75, word, fontsize=10, **plots.CENTRE)
            plots.arrow(ax, (place, 2.1), (place, 2.9), color=plots.GREY)
    plots.arrow(ax, (4.5, 3.9), (5.5, 5.4), color=plots.BLUE, linestyle="--", linewidth=2)
    ax.text(4.55, 5.0, "k, v", ha="right", fontsize=10, color=plots.BLUE)
    for x, low, high in ((7.7, 4.1, 4.9), (7.7, 6.4, 7.2), (13.2, 4.6, 7.2)):
        plots.arrow(ax, (x, low), (x, high))
    for x in (7.7, 13.2):
        ax.text(x, 7.5, "next token", ha="center", fontsize=10)
    kinds = {5.0: "encoder–decoder (2017)", 13.2: "decoder only (GPT, Llama)"}
    for x, kind in kinds.items():
        ax.text(x, 0.2, kind, ha="center", fontsize=11, weight="bold")
    return fig
