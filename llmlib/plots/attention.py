"""The pictures of notebook 3: shares of attention, gradients, masks, maps of heads; then drawings
of boxes and arrows."""

import numpy as np
import torch
from matplotlib.patches import Rectangle

from llmlib import plots

WIDTH = 6.6  # inches: on a phone, 390 pixels wide, letters of 11 points are 9 pixels high


def row(tokens, shares, title="", future=None):
    """Where one token looks: a bar a token, in percent; from index `future` on, it may not look."""
    fig, ax = plots.figure(width=WIDTH, height=2.9)
    percent = [100 * share for share in shares]
    plots.bars(ax, plots.labels(tokens), percent, fmt=lambda s: f"{s:.1f}" if s >= 1 else "")
    if future is not None:
        hidden = {"facecolor": "none", "edgecolor": plots.GREY, "hatch": "//", "linewidth": 0}
        ax.axvspan(future - 0.5, len(tokens) - 0.5, alpha=0.45, **hidden)
        middle, top = (future + len(tokens) - 1) / 2, ax.get_xaxis_transform()
        ax.text(middle, 0.92, "the future", ha="center", va="top", transform=top, bbox=plots.GROUND)
    ax.set(xlabel="token that is looked at", ylabel="share of attention (%)", title=title)
    ax.set_ylim(0, 1.18 * max(*percent, 5))
    ax.tick_params(axis="x", rotation=45 if len(tokens) > 10 else 0)
    most = sorted(range(len(shares)), key=lambda i: -shares[i])[:3]
    told = ", ".join(f"{tokens[i]!r} {percent[i]:.1f}" for i in most)
    none = "" if future is None else f" None from {tokens[future]!r} on, which is the future."
    return plots.described(fig, f"{title}, bars, in percent. Most on {told}.{none}")


def grids(panels, tokens):
    """Shares side by side: panels {title: [seq, seq]}, rows look at columns; NaN (masked) is white.
    The sum of each row stands at its right: of shares it is 1."""
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
    told = []
    for title, shares in panels.items():
        shares = torch.as_tensor(shares).float()
        sums = ", ".join(f"{total:.2f}" for total in shares.nansum(-1).tolist())
        told.append(f"{title}: {int(shares.isnan().sum())} cells masked, its rows sum to {sums}")
    return plots.described(
        fig,
        f"Grids of shares, {len(tokens)} tokens that look by {len(tokens)} that are looked at; "
        f"masked cells are white. {'; '.join(told)}.",
    )


def gradients(curves):
    """How much of the last step's gradient reaches each earlier one: {name: [steps back]}."""
    ax = plots.chart(0, curves, every=5, width=WIDTH, height=3.8, legend="lower left", yscale="log")
    ax.set(xlabel="steps back from the last one", ylabel="norm of the gradient (log scale)")
    ax.set_title("How loudly the last output still hears an early input")
    return plots.described(
        ax.figure, f"Gradient norm against steps back, log scale. {plots.told(0, curves)}."
    )


def by_layer(curves, ylabel):
    """A value of each layer: {name: [n_layer]}."""
    ax = plots.chart(0, curves, width=WIDTH, xlabel="layer (0 is the first)", ylabel=ylabel)
    return plots.described(ax.figure, f"{ylabel}, by layer. {plots.told(0, curves)}.")


def scaling(head_dims, deviations, largest):
    """By head_dim: spread of the scores, and the largest share of 10; each {name: values}."""
    fig, axes = plots.figure(1, 2, width=WIDTH, height=3.4)
    what = ("standard deviation of the scores", "mean of the largest of 10 shares")
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


def mixtures(values, outputs, names):
    """Values [n, 2] as points, and the outputs [n, 2], which lie inside what the values span."""
    fig, ax = plots.figure(width=5.6, height=4.2)
    ax.fill(*values.T.tolist(), facecolor=plots.GREY, alpha=0.12, edgecolor=plots.GREY)
    for points, kind, label, colour, marker, offset in (
        (values, "v", "values v", plots.ORANGE, "s", (9, 7)),
        (outputs, "out", "outputs: mixtures of values", plots.BLUE, "o", (9, -13)),
    ):
        style = {"color": colour, "marker": marker, "edgecolor": "black", "zorder": 3}
        ax.scatter(*points.T.tolist(), s=100, label=label, **style)
        for place, name in zip(points.tolist(), names):
            plots.note(ax, f"{kind}({name})", place, offset, fontsize=10)
    ax.margins(0.18)
    ax.set(xlabel="column 0", ylabel="column 1")
    ax.legend(loc="lower left")
    return plots.described(
        fig,
        "Three orange squares, the values of the, cat and sat, are the corners of a triangle; "
        "the three outputs, blue dots, lie inside it, the output of sat close to the value of "
        "cat.",
    )


def head_maps(maps, best=3):
    """Score of every head by layer and head: maps {title: [n_layer, n_head]}; `best` are framed."""
    fig, axes = plots.figure(1, len(maps), width=WIDTH, height=6.2, sharey=True)
    told = []
    for ax, (title, scores) in zip(axes, maps.items()):
        told.append(f"{title}:")
        picture = plots.heat(ax, scores, vmin=0, vmax=1, aspect="auto", origin="lower")
        for place in scores.flatten().topk(best).indices.tolist():
            layer, head = divmod(place, scores.shape[1])
            told[-1] += f" {layer}.{head} ({scores[layer, head]:.2f})"
            corner = (head - 0.5, layer - 0.5)
            for width, colour in ((3.5, "black"), (1.5, "white")):
                frame = {"lw": width, "ec": colour, "zorder": 3, "clip_on": False}
                ax.add_patch(Rectangle(corner, 1, 1, fill=False, **frame))
        ax.set(xlabel="head", title=title, xticks=range(scores.shape[1]))
    axes[0].set_ylabel("layer (0 is the first)")
    fig.colorbar(picture, ax=axes, label="mean share of attention", shrink=0.6)
    return plots.described(
        fig,
        f"Maps of {len(scores)} layers by {scores.shape[1]} heads, the colour a mean share of "
        f"attention. Framed are the best {best} of each. {'; '.join(told)}.",
    )


def paired(names, series, xlabel):
    """Two bars or more a name: {what: one value a name}."""
    fig, ax = plots.figure(width=WIDTH, height=0.9 + 0.55 * len(names))
    plots.bars(ax, names, series, fmt=lambda value: f"{value:.2f}", across=True)
    ax.set(xlabel=xlabel, xlim=(0, 1.1 * max(max(values) for values in series.values())))
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper right", ncols=len(series))
    return plots.described(
        fig,
        f"Bars, {xlabel}, {' and '.join(series)}: "
        f"{plots.listed(dict(zip(names, zip(*series.values()))), '.2f')}.",
    )


def cosines(values, copied):
    """How the cosines of heads' writes with what they look at are spread; `copied` is that of a
    head made to copy."""
    fig, ax = plots.figure(width=WIDTH, height=3.0)
    ax.hist(np.asarray(values), bins=np.linspace(-0.8, 0.8, 65), color=plots.SKY, **plots.EDGED)
    plots.mark(ax, "a head made to copy", x=copied)
    ax.set(xlabel="cosine of what a head writes with what it looks at", ylabel="heads × tokens")
    values = np.asarray(values)
    low, high = np.quantile(values, (0.25, 0.75)).tolist()
    return plots.described(
        fig,
        "Histogram of the cosine between what a head writes and what it looks at, for all heads "
        f"and tokens of a sentence. The middle half lies between {low:z.2f} and {high:z.2f}; "
        f"{(values > copied).mean():.0%} lie above the dashed line of a head made to copy, at "
        f"{copied:.2f}.",
    )


def lengths(curves):
    """The length of each token's vector, {name: [seq]}, on a logarithmic scale."""
    ax = plots.chart(0, curves, width=WIDTH, legend=None, yscale="log")
    ax.set(xlabel="position of the token", ylabel="length after layer 11 (log scale)")
    ax.legend(loc="center right", bbox_to_anchor=(1, 0.6))
    return plots.described(
        ax.figure,
        "Length of each token's vector after layer 11 by position, log scale. "
        f"{plots.told(0, curves)}.",
    )


def ablation(off, chance):
    """Loss with heads switched off, {name: loss}, a bar each; `chance` is the loss of guessing.
    Names that begin with "control" or "the" are drawn as controls."""
    fig, ax = plots.figure(width=WIDTH, height=1.0 + 0.42 * len(off))
    for y, (name, loss) in enumerate(off.items()):
        control = name.startswith(("control", "the "))
        look = plots.BAR_STYLES[1] if control else plots.BAR_STYLES[0]
        ax.barh(y, loss, 0.75, **look)
    ax.set_yticks(range(len(off)), off)
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    plots.mark(ax, "guessing", x=chance, color=plots.GREY)
    ax.set_xlabel("mean loss on the repetition (nats)")
    ax.set_xlim(0, 1.15 * max(chance, *off.values()))
    return plots.described(
        fig,
        f"Bars, mean loss on the repetition with heads switched off, and guessing at {chance:.1f}: "
        f"{plots.listed(off, '.1f')}.",
    )


def looks_and_says(looks, says, named):
    """Each head a dot, [n_layer, n_head] both: where it looks, and how much it votes for the token
    there; `named` heads have their numbers beside them."""
    fig, ax = plots.figure(width=WIDTH, height=4.2)
    ax.scatter(looks.flatten(), says.flatten(), s=22, color=plots.SKY, **plots.EDGED)
    taken = []
    for layer, head in sorted(named):
        place = looks[layer, head].item(), says[layer, head].item()
        ax.scatter(*place, s=55, color=plots.ORANGE, marker="s", edgecolor="black", zorder=3)
        near = sum(abs(place[0] - x) < 0.06 and abs(place[1] - y) < 0.1 for x, y in taken)
        plots.note(ax, f"{layer}.{head}", place, (6, 5 + 13 * near), fontsize=10)
        taken.append(place)
    ax.set(xlabel="looks: induction score", ylabel="says: votes above other tokens' (logits)")
    ax.set_xlim(-0.03, 1.08)
    told = ", ".join(
        f"{layer}.{head} ({looks[layer, head]:z.1f} and {says[layer, head]:z.1f})"
        for layer, head in sorted(named)
    )
    return plots.described(
        fig,
        "Each head a dot: from left to right where it looks, its induction score; upwards how "
        f"much it votes for the token it should copy. Named: {told}.",
    )


def patch_map(part):
    """Which part of the name each head brings back alone: [n_layer, n_head]."""
    fig, ax = plots.figure(width=WIDTH, height=3.4)
    ends = {"vmin": -0.3, "vmax": 0.3, "cmap": plots.DIVERGING, "aspect": "auto"}
    drawn = plots.heat(ax, part.T, **ends)
    for layer, head in (part > 0.1).nonzero().tolist():
        ink = "white" if part[layer, head] > 0.2 else "black"
        ax.text(layer, head, f"{100 * part[layer, head]:.0f}", color=ink, **plots.CENTRE)
    ax.set(xlabel="layer (0 is the first)", ylabel="head", yticks=range(part.shape[1]))
    fig.colorbar(drawn, ax=ax, label="part of the name that is back")
    most = sorted((part > 0.1).nonzero().tolist(), key=lambda place: -part[tuple(place)])
    told = ", ".join(f"{layer}.{head} {part[layer, head]:.2f}" for layer, head in most)
    return plots.described(
        fig,
        f"Map of {part.numel()} heads, layers from left to right: how much of the name each "
        f"brings back alone. Above a tenth: {told or 'none'}; the lowest {part.min():z.2f}.",
    )


def recovered(parts):
    """Which part of the name is back: {set of heads: [one value a pair of names]}, as dots."""
    fig, ax = plots.figure(width=WIDTH, height=0.9 + 0.45 * len(parts))
    for y, (values, colour, marker) in enumerate(
        zip(parts.values(), plots.COLOURS, ("o", "s", "^", "D", "v", "P"))
    ):
        ax.scatter(values, [y] * len(values), s=42, color=colour, marker=marker, **plots.EDGED)
    ax.set_yticks(range(len(parts)), parts)
    ax.invert_yaxis()
    for place, words in ((0, "corrupted"), (1, "clean")):
        plots.mark(ax, words, x=place, color=plots.GREY)
    ax.set(xlabel="part of the name that is back; a dot is a pair of names", xlim=(-0.3, 1.3))
    return plots.described(
        fig,
        "How much of the name is back, from 0, corrupted, to 1, clean, a dot a pair of names: "
        f"{plots.listed(parts, 'z.1f')}.",
    )


def learning(curves, chance):
    """Loss by training step, {name: losses}, in means of ten; `chance` is that of guessing."""
    smooth = {name: np.reshape(losses, (-1, 10)).mean(1) for name, losses in curves.items()}
    steps = np.arange(len(next(iter(smooth.values())))) * 10 + 5
    ax = plots.chart(steps, smooth, every=3, width=WIDTH)
    plots.mark(ax, "guessing", y=chance, color=plots.GREY)
    ax.set(xlabel="training step", ylabel="loss on the repetition (nats)", ylim=(0, None))
    ax.legend(loc="center right", bbox_to_anchor=(1, 0.38))
    return plots.described(
        ax.figure,
        f"Loss on the repetition against training steps, guessing at {chance:.1f}. "
        f"{plots.told(steps, smooth)}.",
    )


def one_head(q, k, v, names):
    """One head, with its numbers: q kᵀ, over √head_dim through softmax, times v."""
    scores = q @ k.T
    shares = (scores / q.shape[-1] ** 0.5).softmax(dim=-1)
    width = q.shape[-1]
    columns = [str(i) for i in range(width)]
    signed = {"vmin": -4, "vmax": 4, "cmap": plots.DIVERGING}
    steps = (
        ("queries q", q, columns, ".0f", signed, "× keys"),
        ("scores  q·k", scores, names, ".0f", signed, f"÷ √{width},\nsoftmax"),
        ("shares", shares, names, ".2f", {"vmin": 0, "vmax": 1}, "× values"),
        ("outputs", shares @ v, columns, ".2f", signed, ""),
    )
    fig, axes = plots.figure(2, 2, width=WIDTH, height=4.2)
    for ax, (title, values, labels, fmt, ends, then) in zip(axes, steps):
        plots.heat(ax, values, fmt, (names, labels), **ends)
        last = (-0.5, len(names) - 1.5)
        ax.add_patch(Rectangle(last, values.shape[1], 1, fill=False, lw=3, ec="black", zorder=3))
        ax.set_title(title)
        plots.note(ax, then, (1.0, 0.5), (6, 0), xycoords="axes fraction", va="center", fontsize=10)
    last = ", ".join(f"{value:.0f}" for value in scores[-1].tolist())
    given = ", ".join(f"{value:.2f}" for value in shares[-1].tolist())
    return plots.described(
        fig,
        f"One head in four steps, with its numbers. Queries times keys give a {len(q)} by {len(k)} "
        f"grid of scores; over √{width} and through softmax, a grid of shares, each row summing to "
        f"1; times the values, the outputs. The row of {names[-1]} is framed: scores {last}, "
        f"shares {given}.",
    )


def heads():
    """x is projected, cut into heads, each attends alone; the results are joined and projected."""
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
    """Which query head uses which key/value head: one each, grouped as in the model, all on one."""
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
    """Left, an encoder read by a decoder through cross-attention; right, a decoder alone."""
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
