"""The drawings of notebook 3: boxes and arrows rather than data."""

from matplotlib.patches import Rectangle

from llmlib import plots


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
    fig, axes = plots.figure(1, 4, height=2.7, width_ratios=[len(step[2]) for step in steps])
    for ax, (title, values, labels, fmt, ends, then) in zip(axes, steps):
        plots.heat(ax, values, fmt, (names, labels), **ends)
        last = (-0.5, len(names) - 1.5)
        ax.add_patch(Rectangle(last, values.shape[1], 1, fill=False, lw=3, ec="black", zorder=3))
        ax.set_title(title)
        plots.note(ax, then, (1.0, 0.5), (6, 0), xycoords="axes fraction", va="center", fontsize=10)
    return fig


def heads():
    """x is projected, cut into heads, each attends alone; the results are joined and projected."""
    fig, ax = plots.canvas(8.4, 3.1, 16.6, 6)
    plots.box(ax, 0.1, 2.1, 1.9, 1.6, "x\nseq ×\nd_model", plots.YELLOW)
    plots.box(ax, 2.8, 2.1, 2.4, 1.6, "q, k, v =\nx·W_Qᵀ,\nx·W_Kᵀ, x·W_Vᵀ", "white")
    for i, (colour, hatch) in enumerate(((plots.SKY, ""), (plots.GREEN, "//"), (plots.PINK, ".."))):
        y = 4.4 - 2 * i
        style = {"facecolor": colour, "edgecolor": "black", "hatch": hatch}
        plots.box(ax, 6.4, y, 3.8, 1.2, f"head {i}: attention\nseq × head_dim", colour)
        plots.arrow(ax, (5.3, 2.9), (6.3, y + 0.6))
        plots.arrow(ax, (10.3, y + 0.6), (11.0, 2.9 + 0.4 * (1 - i)))
        ax.add_patch(Rectangle((6.4, y), 0.35, 1.2, **style))
        ax.add_patch(Rectangle((11.1 + 0.62 * i, 2.1), 0.6, 1.6, **style))
    ax.text(12.0, 1.6, "side by side", fontsize=10, **plots.CENTRE)
    plots.box(ax, 13.5, 2.1, 1.2, 1.6, "· W_Oᵀ", "white")
    plots.box(ax, 15.1, 2.1, 1.4, 1.6, "seq ×\nd_model", plots.YELLOW)
    for start, end in ((2.1, 2.7), (13.0, 13.4), (14.8, 15.0)):
        plots.arrow(ax, (start, 2.9), (end, 2.9))
    return fig


def grouped(n_head, n_kv_head):
    """Which query head uses which key/value head: one each, grouped as in the model, all on one."""
    fig, axes = plots.figure(1, 3, height=2.7)
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
            ax.scatter(x, y, s=240, color=colour, marker=marker, edgecolor="black", zorder=2)
            ax.text(x, y, str(number), fontsize=9, **plots.CENTRE)
    for y, words in ((1.4, "query heads"), (-0.55, "key/value heads")):
        axes[0].text(n_head / 2 - 0.5, y, words, ha="center", fontsize=10)
    return fig


def encoder_decoder():
    """Left, an encoder read by a decoder through cross-attention; right, a decoder alone."""
    fig, ax = plots.canvas(8, 4.2, 16, 8.4)
    plots.box(ax, 0.2, 3.0, 4.2, 1.5, "encoder: self-attention\nall tokens see all", plots.GREEN)
    plots.box(ax, 5.6, 3.0, 4.2, 1.0, "self-attention, causal", plots.SKY)
    plots.box(ax, 5.6, 5.0, 4.2, 1.3, "cross-attention\nq here, k and v there", plots.ORANGE)
    plots.box(ax, 11.2, 3.0, 4.6, 1.5, "self-attention, causal\n(also over the source)", plots.SKY)
    for x, width, words, what in (
        (0.2, 4.2, "le chat dort", "the text being read"),
        (5.6, 4.2, "the cat sleeps", "the text being written"),
        (11.2, 4.6, "le chat dort = the cat", "one text, read and written"),
    ):
        ax.text(x + width / 2, 1.0, what, ha="center", fontsize=10, style="italic")
        for i, word in enumerate(words.split()):
            place = x + width * (i + 0.5) / len(words.split())
            ax.text(place, 1.75, word, fontsize=10, **plots.CENTRE)
            plots.arrow(ax, (place, 2.1), (place, 2.9), color=plots.GREY)
    plots.arrow(ax, (4.5, 3.9), (5.5, 5.4), color=plots.BLUE, linestyle="--", linewidth=2)
    ax.text(4.55, 5.0, "k, v", ha="right", fontsize=10, color=plots.BLUE)
    for x, low, high in ((7.7, 4.1, 4.9), (7.7, 6.4, 7.2), (13.5, 4.6, 7.2)):
        plots.arrow(ax, (x, low), (x, high))
    for x in (7.7, 13.5):
        ax.text(x, 7.5, "next token", ha="center", fontsize=10)
    kinds = {5.0: "encoder–decoder (Vaswani et al. 2017)", 13.5: "decoder only (GPT, Llama)"}
    for x, kind in kinds.items():
        ax.text(x, 0.2, kind, ha="center", fontsize=11, weight="bold")
    return fig
