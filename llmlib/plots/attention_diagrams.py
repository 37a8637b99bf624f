"""The drawings of notebook 3: boxes and arrows rather than data."""

from matplotlib.patches import FancyBboxPatch

from llmlib.plots import BLUE, GREEN, GREY, ORANGE, PINK, SKY, YELLOW, figure


def _canvas(width, height, columns, rows):
    fig, ax = figure(width=width, height=height)
    ax.set(xlim=(0, columns), ylim=(0, rows))
    ax.axis("off")
    return fig, ax


def _box(ax, x, y, width, height, text, colour, **style):
    ax.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0.03",
            facecolor=colour,
            edgecolor="black",
            alpha=0.85,
            linewidth=1,
            **style,
        )
    )
    ax.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=10)


def _arrow(ax, start, end, colour="black", line="-", width=1.3):
    ax.annotate(
        "",
        xytext=start,
        xy=end,
        arrowprops={"arrowstyle": "-|>", "color": colour, "linestyle": line, "linewidth": width},
    )


def heads():
    """x is projected, cut into heads, each head attends alone, and the results are joined and projected."""
    fig, ax = _canvas(8, 3.1, 16, 6)
    _box(ax, 0.1, 2.1, 1.9, 1.6, "x\nseq ×\nd_model", YELLOW)
    _box(ax, 2.8, 2.1, 2.2, 1.6, "q, k, v =\nx·W_Qᵀ,\nx·W_Kᵀ, x·W_Vᵀ", "white")
    for i, (colour, hatch) in enumerate(((SKY, ""), (GREEN, "//"), (PINK, ".."))):
        y = 4.4 - 2 * i
        _box(ax, 6.1, y, 3.4, 1.2, f"head {i}: attention\nseq × head_dim", colour)
        _arrow(ax, (5.1, 2.9), (6.0, y + 0.6))
        _arrow(ax, (9.6, y + 0.6), (10.5, 2.9 + 0.4 * (1 - i)))
        ax.add_patch(
            FancyBboxPatch(
                (10.6 + 0.62 * i, 2.1),
                0.6,
                1.6,
                boxstyle="square,pad=0",
                facecolor=colour,
                edgecolor="black",
                hatch=hatch,
                alpha=0.85,
            )
        )
    ax.text(11.5, 1.5, "side by side", ha="center", fontsize=10)
    _box(ax, 13.0, 2.1, 1.0, 1.6, "· W_Oᵀ", "white")
    _box(ax, 14.5, 2.1, 1.4, 1.6, "seq ×\nd_model", YELLOW)
    for start, end in ((2.1, 2.7), (12.5, 12.9), (14.1, 14.4)):
        _arrow(ax, (start, 2.9), (end, 2.9))
    return fig


def grouped(n_head, n_kv_head):
    """Which query head uses which key/value head: one each, grouped as in the model, and all on one."""
    fig, axes = figure(1, 3, height=2.7)
    for ax, kv, title in zip(
        axes, (n_head, n_kv_head, 1), ("multi-head", "grouped-query", "multi-query")
    ):
        ax.set(
            xlim=(-0.7, n_head - 0.3),
            ylim=(-0.75, 1.6),
            title=f"{title}\n{kv} key/value head{'s' * (kv > 1)}",
        )
        ax.axis("off")
        per = n_head // kv
        for h in range(n_head):
            target = (h // per) * per + (per - 1) / 2
            ax.plot([h, target], [0.85, 0.2], color=GREY, linewidth=1.3, zorder=1)
            ax.scatter(h, 1, s=230, color=SKY, edgecolor="black", zorder=2)
            ax.text(h, 1, str(h), ha="center", va="center", fontsize=9)
        for g in range(kv):
            x = g * per + (per - 1) / 2
            ax.scatter(x, 0, s=270, color=ORANGE, marker="s", edgecolor="black", zorder=2)
            ax.text(x, 0, str(g), ha="center", va="center", fontsize=9)
    axes[0].text(n_head / 2 - 0.5, 1.4, "query heads", ha="center", fontsize=10)
    axes[0].text(n_head / 2 - 0.5, -0.55, "key/value heads", ha="center", fontsize=10)
    return fig


def encoder_decoder():
    """Left, an encoder read by a decoder through cross-attention; right, a decoder alone."""
    fig, ax = _canvas(8, 4.2, 16, 8.4)
    source, target, joined = (
        ["le", "chat", "dort"],
        ["the", "cat", "sleeps"],
        ["le", "chat", "dort", "=", "the", "cat"],
    )
    _box(ax, 0.2, 3.0, 4.2, 1.5, "encoder: self-attention\nall tokens see all", GREEN)
    _box(ax, 5.6, 3.0, 4.2, 1.0, "self-attention, causal", SKY)
    _box(ax, 5.6, 5.0, 4.2, 1.3, "cross-attention\nq here, k and v there", ORANGE)
    _box(ax, 11.2, 3.0, 4.6, 1.5, "self-attention, causal\n(also over the source)", SKY)
    for x, width, words, top in (
        (0.2, 4.2, source, 3.0),
        (5.6, 4.2, target, 3.0),
        (11.2, 4.6, joined, 3.0),
    ):
        for i, word in enumerate(words):
            place = x + width * (i + 0.5) / len(words)
            ax.text(place, 1.75, word, ha="center", va="center", fontsize=10)
            _arrow(ax, (place, 2.1), (place, top - 0.1), GREY)
    _arrow(ax, (4.5, 3.9), (5.5, 5.4), BLUE, "--", 2)
    ax.text(4.55, 5.0, "k, v", ha="right", fontsize=10, color=BLUE)
    _arrow(ax, (7.7, 4.1), (7.7, 4.9))
    _arrow(ax, (7.7, 6.4), (7.7, 7.2))
    _arrow(ax, (13.5, 4.6), (13.5, 7.2))
    for x in (7.7, 13.5):
        ax.text(x, 7.5, "next token", ha="center", fontsize=10)
    ax.text(2.3, 1.0, "the text being read", ha="center", fontsize=10, style="italic")
    ax.text(7.7, 1.0, "the text being written", ha="center", fontsize=10, style="italic")
    ax.text(13.5, 1.0, "one text, read and written", ha="center", fontsize=10, style="italic")
    ax.text(
        5.0, 0.2, "encoder–decoder (Vaswani et al. 2017)", ha="center", fontsize=11, weight="bold"
    )
    ax.text(13.5, 0.2, "decoder only (GPT, Llama)", ha="center", fontsize=11, weight="bold")
    return fig
