"""The drawings of notebook 2: rows, look-up, slopes, sums of words, senses, positions."""

from functools import cache
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from llmlib import plots, pretrained
from llmlib.demonstrations.embeddings import vectors_by_layer
from llmlib.embeddings import sinusoidal_positions
from llmlib.model import Model
from llmlib.plots import embeddings as pictures

CELLS = 48  # as many numbers of a row are drawn


@cache
def _model() -> Model:
    return pretrained.load("smollm2")


def _row(text: str) -> Tensor:
    [token_id] = _model().tokenizer.encode(text)
    return _model().weights.embedding[token_id]


def _bar(
    ax: Axes, x: float, y: float, width: float, height: float, values: Tensor, most: float = 0
) -> None:
    """Draw the numbers of a vector as a coloured bar, from its lower left corner."""
    most = most or 3.5 * float(values.abs().median())  # a few numbers may be far larger
    extent = (x, x + width, y, y + height)
    plots.heat(ax, values[None], cmap=plots.DIVERGING, vmin=-most, vmax=most, extent=extent)
    ax.add_patch(Rectangle((x, y), width, height, fill=False, linewidth=1))


def _finish(fig: Figure, ax: Axes, columns: float, rows: float) -> Figure:
    """Put the sheet's limits and aspect back, since bars have set their own."""
    ax.set(xlim=(0, columns), ylim=(0, rows), aspect="auto")
    ax.grid(visible=False)
    return fig


def _words(ax: Axes, x: float, y: float, text: str, **style: Any) -> None:
    ax.text(x, y, text, **({"fontsize": 11} | plots.CENTRE | style))


def rows_as_bars() -> Figure:
    """Draw the rows of three pairs of like tokens, as coloured bars."""
    pairs = ((" Monday", " Tuesday"), (" three", " four"), (" January", " February"))
    fig, ax = plots.canvas(6.4, 2.4, 11, 7.6)
    for n, text in enumerate(text for pair in pairs for text in pair):
        y = 6.2 - 1.1 * n - 0.25 * (n // 2)
        _words(ax, 1.5, y + 0.42, plots.BLANK + text.strip(), ha="right")
        _bar(ax, 1.7, y, 9.1, 0.85, _row(text)[:CELLS])
    _words(
        ax,
        6.2,
        -0.35,
        f"the first {CELLS} of each row's 576 numbers: blue below 0, red above",
        fontsize=10,
    )
    return _finish(fig, ax, 11, 7.6)


def ids_pick_rows() -> Figure:
    """Draw tokens, their ids, the table's rows, the vectors that come out."""
    fig, ax = plots.canvas(6.4, 3.0, 12, 8)
    texts = "The", " cat", " slept"
    ids = [_model().tokenizer.encode(text)[0] for text in texts]
    order = sorted(range(3), key=lambda n: ids[n])
    ax.add_patch(
        Rectangle((5.0, 0.5), 3.0, 6.6, facecolor="whitesmoke", edgecolor="black", zorder=-1)
    )
    _words(ax, 6.5, 7.55, "the table, 49,152 rows")
    _words(ax, 10.4, 7.55, "vectors")
    _words(ax, 0.9, 7.55, "tokens")
    _words(ax, 2.9, 7.55, "ids")
    for n, (text, token_id) in enumerate(zip(texts, ids)):
        y, row_y = 5.4 - 2.0 * n, 5.6 - 2.1 * order.index(n)
        plots.box(ax, 0.2, y, 1.4, 0.8, text.replace(" ", plots.BLANK), plots.YELLOW)
        _words(ax, 2.9, y + 0.4, f"{token_id:,}", fontweight="bold")
        plots.arrow(ax, (1.7, y + 0.4), (2.1, y + 0.4))
        plots.arrow(ax, (3.75, y + 0.4), (4.95, row_y + 0.4))
        _bar(ax, 5.0, row_y, 3.0, 0.8, _row(text)[:16])
        plots.arrow(ax, (8.05, row_y + 0.4), (8.85, y + 0.4))
        _bar(ax, 8.9, y, 3.0, 0.8, _row(text)[:16])
        _words(ax, 6.5, row_y - 0.5, "⋮")
    return _finish(fig, ax, 12, 8)


def downhill() -> Figure:
    """Draw the slope of a loss at one number, and the loss of a whole table in training."""
    letters = "abcdr"
    ids = torch.tensor([letters.index(letter) for letter in "abracadabra"])

    def loss(table: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(table[ids[:-1]], ids[1:])

    def loss_at(score: float) -> float:
        table = torch.zeros(5, 5)
        table[0, 1] = score
        return loss(table).item()

    fig, (left, right) = plots.figure(1, 2, width=6.8, height=3.0)
    scores = torch.linspace(-1.5, 3.5, 60).tolist()
    left.plot(scores, [loss_at(score) for score in scores], color=plots.BLUE)
    at, on = -0.6, 0.9  # far enough apart to be seen
    slope = (loss_at(on) - loss_at(at)) / (on - at)
    ends = at - 0.7, on + 0.7
    line = [loss_at(at) + slope * (x - at) for x in ends]
    left.plot(ends, line, color=plots.RED, linestyle="--")
    left.plot([at, on], [loss_at(at), loss_at(on)], "o", color=plots.RED, markersize=8)
    plots.arrow(left, (at, 1.47), (on, 1.47))
    plots.note(left, "nudge", ((at + on) / 2, 1.47), (-40, 5), fontsize=10)
    plots.note(left, "slope", (at, loss_at(at)), (-4, 12), fontsize=10)
    left.set(title="one number", xlabel="score of b after a", ylabel="loss", ylim=(1.45, None))
    table, losses = torch.zeros(5, 5, requires_grad=True), []
    for _ in range(101):
        now = loss(table)
        losses.append(now.item())
        [gradient] = torch.autograd.grad(now, table)
        table = (table - 5.0 * gradient).detach().requires_grad_()
    right.plot(losses, color=plots.BLUE)
    right.set(title="all 25 numbers, step by step", xlabel="steps against the gradient")
    right.set(ylabel="loss", ylim=(0, None))
    return fig


def promise() -> Figure:
    """Draw the parallelogram of the claim."""
    fig, ax = plots.canvas(6.4, 3.0, 10, 6)
    places = {"man": (1.5, 1.2), "woman": (4.3, 1.9), "king": (4.9, 4.2), "queen": (7.7, 4.9)}
    for name, (x, y) in places.items():
        ax.plot(x, y, "o", color="black", markersize=9)
        _words(ax, x, y - 0.65, name, fontsize=12)
    plots.arrow(ax, places["man"], places["woman"], color=plots.BLUE, linewidth=3)
    plots.arrow(ax, places["king"], places["queen"], color=plots.BLUE, linewidth=3)
    plots.arrow(ax, places["man"], places["king"], color=plots.GREY, linestyle="--", shrinkB=6)
    plots.arrow(ax, places["woman"], places["queen"], color=plots.GREY, linestyle="--", shrinkB=6)
    _words(ax, 3.3, 0.95, "woman − man", color=plots.BLUE)
    _words(ax, 5.9, 5.15, "the same arrow", color=plots.BLUE)
    _words(ax, 8.6, 0.5, "a sketch", fontsize=10, fontstyle="italic")
    return _finish(fig, ax, 10, 6)


def one_row_two_senses() -> Figure:
    """Draw two sentences that end in one token: one row, and two vectors after the layers."""
    fig, ax = plots.canvas(6.4, 3.2, 12, 9)
    for x, text in ((0.2, "We sat on the grassy"), (6.4, "She put her money in the")):
        _words(ax, x + 1.9, 0.5, text, fontsize=10)
        plots.box(ax, x + 3.95, 0.1, 1.3, 0.8, plots.BLANK + "bank", plots.YELLOW)
    _bar(ax, 3.6, 2.4, 4.8, 0.9, _row(" bank")[:32])
    _words(ax, 9.7, 2.85, "one row", fontsize=11)
    plots.arrow(ax, (4.8, 1.0), (5.6, 2.35))
    plots.arrow(ax, (11.0, 1.0), (6.6, 2.35))
    for x, text, n in (
        (1.1, "We sat on the grassy bank", 0),
        (7.1, "She put her money in the bank", 1),
    ):
        plots.box(ax, x, 4.3, 3.8, 1.5, "30 layers", plots.SKY)
        plots.arrow(ax, (5.6 + 0.8 * n, 3.4), (x + 1.9, 4.2))
        plots.arrow(ax, (x + 1.9, 5.95), (x + 1.9, 6.95))
        _bar(ax, x, 7.0, 3.8, 0.9, _last(text)[:32])
    _words(ax, 6.0, 7.45, "≠", fontsize=18)
    return _finish(fig, ax, 12, 9)


@cache
def _last(text: str) -> Tensor:
    return vectors_by_layer(_model(), [_model().tokenizer.encode(text)])[0, -1]


def same_rows() -> Figure:
    """Draw two orders of three tokens, and which tokens are the same."""
    fig, ax = plots.canvas(6.4, 2.6, 10, 6)
    upper, lower = ("dog", "bites", "man"), ("man", "bites", "dog")
    for y, texts in ((4.4, upper), (0.4, lower)):
        for n, text in enumerate(texts):
            plots.box(ax, 0.6 + 3.1 * n, y, 2.4, 1.1, plots.BLANK + text, plots.YELLOW)
    for n, text in enumerate(upper):
        style = {"arrowstyle": "-", "linestyle": plots.LINES[n], "color": plots.COLOURS[n]}
        start, end = 1.8 + 3.1 * n, 1.8 + 3.1 * lower.index(text)
        plots.arrow(ax, (start, 4.3), (end, 1.6), linewidth=2.5, **style)
    _words(ax, 9.95, 3.0, "same\nrows", fontsize=10, ha="right")
    return _finish(fig, ax, 10, 6)


def added() -> Figure:
    """Draw a token's row plus a position's row, at two positions."""
    fig, ax = plots.canvas(6.4, 2.4, 14, 7)
    positions = sinusoidal_positions(40, 64)
    row = _row(" cat")[:16]
    row = row / row.std()
    for y, at in ((4.2, 2), (0.9, 17)):
        position = positions[at][:16]
        for x, values, name in (
            (0.3, row, plots.BLANK + "cat"),
            (5.1, position, f"position {at}"),
            (9.9, row + position, "what goes in"),
        ):
            _bar(ax, x, y, 3.8, 1.1, values, most=2.5)
            _words(ax, x + 1.9, y + 1.65, name)
        _words(ax, 4.6, y + 0.55, "+", fontsize=18)
        _words(ax, 9.4, y + 0.55, "=", fontsize=18)
    return _finish(fig, ax, 14, 7)


def locked_clocks() -> Figure:
    """Draw the hands of query and key two positions apart, in three places."""
    return pictures.locked_clocks([(3, 1), (5, 3), (8, 6)], (0, 3, 6), 64, 100_000.0)


def turned_by_hand() -> Figure:
    """Draw one score at distance 2, twice."""
    return pictures.turned_by_hand()


def pairings() -> Figure:
    """Draw which columns RoPE turns together, in both conventions."""
    return pictures.pairings()


def your_pieces() -> Figure:
    """Draw the model as a row of boxes, with the learner's two marked."""
    fig, ax = plots.canvas(6.4, 2.0, 15, 5)
    plots.box(ax, 0.2, 1.6, 1.3, 1.4, "ids", "white")
    plots.box(ax, 2.2, 1.6, 2.3, 1.4, "embed", plots.YELLOW)
    ax.add_patch(Rectangle((5.2, 0.5), 5.6, 3.8, facecolor="whitesmoke", edgecolor="black"))
    _words(ax, 8.0, 4.7, "30 layers")
    plots.box(ax, 5.5, 0.9, 3.2, 2.9, "", plots.SKY)
    _words(ax, 7.1, 3.35, "attention")
    plots.box(ax, 5.8, 1.1, 2.6, 1.4, "apply_rope", plots.YELLOW)
    plots.box(ax, 9.1, 1.6, 1.4, 1.4, "MLP", plots.SKY)
    plots.box(ax, 11.5, 1.6, 1.5, 1.4, "output", "white")
    _words(ax, 14.3, 2.3, "next\ntoken")
    for start, end in ((1.6, 2.1), (4.6, 5.1), (10.9, 11.4), (13.1, 13.6)):
        plots.arrow(ax, (start, 2.3), (end, 2.3))
    _words(ax, 3.35, 1.0, "yours", fontsize=10, fontstyle="italic")
    _words(ax, 7.1, 0.05, "yours", fontsize=10, fontstyle="italic")
    return _finish(fig, ax, 15, 5)
