"""The drawings of notebook 4: the whole stack, the residual stream as a river, three blocks."""

import numpy as np

from llmlib import plots


def whole_stack(config):
    """The model from ids to logits, one layer of it opened: the thick line is the stream."""
    fig, ax = plots.canvas(9.5, 4.6, 19, 9.2)
    line = {"color": "black", "solid_capstyle": "butt", "zorder": 1}
    ax.plot([1.8, 17.2], [7.4, 7.4], lw=1.5, **line)
    ax.plot([4.4, 14.7], [7.4, 7.4], lw=5, **line)
    plots.box(ax, 0.2, 6.8, 1.5, 1.2, "ids\nbatch seq", "white")
    plots.box(ax, 2.3, 6.8, 2.0, 1.2, f"table\n{config.vocab_size:,} rows", plots.YELLOW)
    places = {"layer 0": 5.3, "layer 1": 7.3, "…": 9.3, f"layer {config.n_layer - 1}": 10.5}
    for name, x in places.items():
        plots.box(ax, x, 6.8, 0.8 if name == "…" else 1.6, 1.2, name, plots.SKY)
    plots.box(ax, 12.8, 6.8, 1.5, 1.2, "final\nnorm", plots.GREEN)
    plots.box(ax, 14.8, 6.8, 1.7, 1.2, "table\nagain", plots.YELLOW)
    plots.box(ax, 17.2, 6.8, 1.6, 1.2, "logits\nbatch seq\nvocab", "white")
    said = f"the residual stream: batch seq {config.d_model}, at every point"
    ax.text(9.0, 8.45, said, ha="center", fontsize=11)
    opened = {"color": plots.GREY, "ls": "--", "lw": 1}
    ax.plot([5.3, 0.6], [6.75, 5.1], [6.9, 18.4], [6.75, 5.1], [0.6, 18.4], [5.1, 5.1], **opened)
    ax.plot([0.6, 0.6, 18.4, 18.4], [5.1, 0.2, 0.2, 5.1], **opened)
    ax.plot([0.9, 17.7], [4.1, 4.1], lw=5, **line)
    plots.arrow(ax, (17.6, 4.1), (18.3, 4.1), linewidth=4)
    for x, norm, name, what, colour in (
        (1.8, "norm_1", "attend", "tokens look at\nearlier tokens", plots.SKY),
        (10.2, "norm_2", "feed_forward", "each token\nby itself", plots.ORANGE),
    ):
        ax.plot([x, x, x + 5.6, x + 5.6], [4.1, 1.5, 1.5, 3.7], color="black", lw=1.5, zorder=1)
        plots.arrow(ax, (x + 5.6, 3.2), (x + 5.6, 3.75))
        plots.box(ax, x - 0.75, 2.3, 1.5, 0.9, norm, plots.GREEN)
        plots.box(ax, x + 1.3, 1.0, 2.7, 1.0, name, colour)
        ax.text(x + 2.65, 2.15, what, ha="center", va="bottom", fontsize=9)
        _plus(ax, x + 5.6, 4.1)
        ax.text(x + 5.75, 2.5, "what it\nwrites", fontsize=9, va="center")
        ax.text(x + 0.1, 4.35, "a copy is read", fontsize=9)
    ax.text(9.3, 0.5, "one layer (a block), with its two sublayers", ha="center", fontsize=11)
    return fig


def _plus(ax, x, y):
    ring = {"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "black"}
    ax.text(x, y, "+", fontsize=13, zorder=3, bbox=ring, **plots.CENTRE)


def river(stream, attention, mlp, words, end):
    """The stream of one token as a river that each layer's two writes flow into. stream: its length
    after the embedding and after each layer [1 + n_layer]; attention and mlp: lengths of the writes
    [n_layer]; words: {(sublayer, layer): what that write says}."""
    fig, ax = plots.figure(width=9.5, height=4.6)
    x = np.arange(-1, len(attention))
    half = np.asarray(stream) / 2
    ax.fill_between(x, half, -half, color=plots.SKY, alpha=0.6, lw=0)
    ax.plot(x, half, x, -half, color="black", lw=1)
    sides = {"written by attention": (1, attention), "written by the feed-forward": (-1, mlp)}
    for name, _, style in plots.look(sides):
        side, sizes = sides[name]
        ax.bar(x[1:], side * np.asarray(sizes), 0.55, side * half[1:], label=name, **style)
    thin = {"arrowprops": {"arrowstyle": "-", "lw": 0.8, "shrinkB": 1}, "fontsize": 10}
    for (sublayer, layer), word in words.items():
        side, size = (1, attention) if sublayer == "attention" else (-1, mlp)
        tip = side * (half[layer + 1] + size[layer])
        place = (layer - 1.2, tip + 60 * side)
        ax.annotate(word, (layer, tip), place, ha="right", va="center", **thin)
    ax.annotate("the table", (-1, 0), (-1, 130), ha="left", **thin)
    ax.text(x[-1] + 0.7, 0, end, va="center", fontsize=11, fontweight="bold")
    high = 1.1 * (half[-6:].max() + max(attention[-6:] + mlp[-6:]))
    ax.set(xlim=(-1.6, len(attention) + 2.2), ylim=(-high, high), yticks=[])
    ax.set_xticks([*range(0, len(attention), 5), len(attention) - 1])
    ax.set(xlabel="layer", ylabel="length of the vectors\n(all drawn to one scale)")
    ax.plot([5, 5], [high - 260, high - 60], color="black", lw=2)
    ax.text(5.3, high - 160, "a length\nof 200", va="center", fontsize=9)
    ax.grid(visible=False)
    ax.legend(loc="lower left")
    return fig


# A column: the norm, whether it stands after the sum, and the sublayers from the bottom up.
_MASKED = "masked\nself-attention"
_OF_2017 = (_MASKED, "attention to\nthe encoder", "ReLU MLP")
_COLUMNS = {
    "2017 decoder\n(Vaswani et al.)": ("LayerNorm", True, _OF_2017),
    "GPT-2\n(2019)": ("LayerNorm", False, (_MASKED, "GELU MLP")),
    "Llama 3\n(2024; SmolLM2)": ("RMSNorm", False, (f"{_MASKED}\nRoPE, grouped", "SwiGLU")),
}


def three_blocks():
    """One layer of three models, from the bottom up: the vertical line is the residual stream."""
    fig, axes = plots.figure(1, 3, width=9.5, height=6.0)
    for ax, (title, (norm, after, sublayers)) in zip(axes, _COLUMNS.items()):
        step = 9.0 / len(sublayers)
        ax.plot([0, 0], [-0.8, 10.8], color="black", lw=3, zorder=1)
        plots.arrow(ax, (0, 10.6), (0, 11.4), linewidth=3)
        _part(ax, 0, -0.9, "token vectors", plots.YELLOW)
        for i, name in enumerate(sublayers):
            colour = plots.SKY if i == 0 else plots.PINK if "encoder" in name else plots.ORANGE
            y = i * step + 0.2
            low, high = (y, y + 0.66 * step) if after else (y, y + 0.86 * step)
            ax.plot([0, 2.2, 2.2, 0.3], [low, low, high, high], color="black", lw=1.5, zorder=1)
            plots.arrow(ax, (1.0, high), (0.25, high))
            if after:
                _part(ax, 2.2, (low + high) / 2, name, colour)
                _part(ax, 0, high + 0.2 * step, norm, plots.GREEN)
            else:
                _part(ax, 2.2, low + 0.25 * step, norm, plots.GREEN)
                _part(ax, 2.2, low + 0.6 * step, name, colour)
            if "encoder" in name:
                ax.text(4.6, low - 0.3, "from the\nencoder", ha="right", va="top", fontsize=9)
                plots.arrow(ax, (4.0, low - 0.25), (2.9, (low + high) / 2 - 0.45), linestyle="--")
            _plus(ax, 0, high)
        last = "the head" if after else f"a final\n{norm} and the head"
        ax.text(0.4, 11.4, f"to the next layer;\nafter the last one: {last}", va="top", fontsize=9)
        ax.set(title=title, xlim=(-1.6, 4.8), ylim=(-1.4, 11.6))
        ax.axis("off")
    return fig


def _part(ax, x, y, text, colour):
    ground = {"boxstyle": "round,pad=0.35", "fc": colour, "ec": "black"}
    style = {"fontsize": 10, "color": plots.ink(colour), "zorder": 3} | plots.CENTRE
    ax.text(x, y, text, linespacing=0.95, bbox=ground, **style)
