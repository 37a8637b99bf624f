"""Pictures of notebook 1: text coloured by token, and what a token is worth."""

from html import escape
from itertools import repeat

import numpy as np

from llmlib import plots

WIDTH = 6.1  # inches: on a phone, 390 pixels wide, 9 points are then 8 pixels
BACKGROUNDS = ("#cfe6f5", "#fde9bd", "#cdeee1")  # pale blue, orange, green, of unlike lightness


def token_text(token):
    """The text of a token's bytes; a part of a character is shown as its bytes in hex."""
    try:
        return token.decode("utf-8").replace("\n", "⏎\n")
    except UnicodeDecodeError:
        return "‹" + token.hex(" ").replace(" ", "\N{NO-BREAK SPACE}") + "›"


def coloured_tokens(rows):
    """Show texts cut into tokens, a line left of each: rows [(label, [bytes of a token, ...])]."""
    rows = [(f"{label}: {len(tokens)} tokens", tokens) for label, tokens in rows]
    html = "".join(token_spans(title, tokens) for title, tokens in rows)
    plain = "\n".join(f"{title}: {'|'.join(map(token_text, tokens))}" for title, tokens in rows)
    plots.leave({"text/html": html, "text/plain": plain})


def token_spans(title, tokens, ids=None):
    """A text cut into `tokens` (bytes) as HTML; with `ids`, each says its own when hovered."""
    spans = []
    for i, token in enumerate(tokens):
        shown = token_text(token).replace(" ", plots.BLANK)
        hover = f' title="id {ids[i]}"' if ids else ""
        spans.append(
            f'<span{hover} style="background-color:{BACKGROUNDS[i % 3]};color:#111111;border-left:'
            f'1px solid #333333;padding:2px 1px;white-space:pre-wrap">{escape(shown)}</span><wbr>'
        )
    text = f'<div style="line-height:1.9;font-family:monospace">{"".join(spans)}</div>'
    return f'<p style="margin:10px 0 2px 0"><b>{escape(title)}</b></p>{text}'


def characters_per_token(carried, low, high):
    """Bars, the longest on top: {label: characters per token}; a band from `low` to `high`."""
    rows = sorted(carried.items(), key=lambda row: -row[1])
    fig, ax = plots.figure(width=WIDTH, height=0.42 * len(rows) + 1.2)
    ax.axvspan(low, high, color=plots.YELLOW, alpha=0.5)
    plots.note(ax, "about four", ((low + high) / 2, len(rows) - 0.6), (0, 0), ha="center")
    labels, values = zip(*rows)
    plots.bars(ax, labels, values, fmt="%.1f", across=True)
    ax.set(xlabel="characters per token (GPT-2)", title="What one token carries")
    ax.margins(x=0.08)
    return plots.described(
        fig,
        f"Bars of characters per token, with a band from {low} to {high}: {plots.listed(carried)}.",
    )


def same_text(rows):
    """Bars, the cheapest on top: rows [(language, GPT-2's tokens, SmolLM2's); English = 1]."""
    rows = sorted(rows, key=lambda row: row[2])
    return plots.described(
        _two_tokenizers(rows, "tokens for the same text, English = 1", "What article 1 costs"),
        "Bars: tokens for the same text, English = 1, with GPT-2 and with SmolLM2: "
        f"{plots.listed({name: both for name, *both in rows})}.",
    )


def _two_tokenizers(rows, xlabel, title):
    fig, ax = plots.figure(width=WIDTH, height=0.5 * len(rows) + 1.2)
    labels, gpt2, smollm2 = zip(*rows)
    plots.bars(ax, labels, {"SmolLM2": smollm2, "GPT-2": gpt2}, fmt="%.1f", across=True)
    ax.set(xlabel=xlabel, title=title)
    ax.margins(x=0.08)
    ax.legend(loc="best")
    return fig


def right_by_letter(scores):
    """A group of bars for each form: {form: {"right": shares by place, "by chance": shares}}."""
    fig, axes = plots.figure(1, len(scores), width=WIDTH, height=3.2, sharey=True)
    for ax, (form, shares) in zip(axes, scores.items()):
        places = [str(place) for place in range(1, len(shares["right"]) + 1)]
        percent = {name: [100 * share for share in each] for name, each in shares.items()}
        plots.bars(ax, places, percent, fmt="%.0f")
        ax.set(title=form, xlabel="letter of the word", ylim=(0, 112))
    axes[0].set_ylabel("right (% of the words)")
    axes[0].legend(loc="upper right")
    told = "; ".join(
        f"{form}, {plots.listed({k: 100 * np.array(v) for k, v in shares.items()}, '.0f')}"
        for form, shares in scores.items()
    )
    return plots.described(
        fig, f"Share of right letters in percent, at places 1 to {len(places)}. {told}."
    )


def merge_tree(ids, merges, spelled):
    """The tokens `ids` as trees of merges with their ranks; `spelled` are the bytes of each id."""
    width = sum(len(spelled[i]) for i in ids)
    height = max(_depth(i, merges) for i in ids) + 1
    fig, ax = plots.canvas(WIDTH, 0.62 * height + 0.5, width, height)
    at = 0
    for i in ids:
        _draw(ax, i, at, merges, spelled, top=True)
        at += len(spelled[i])
    ax.set_title("Merges with their ranks; tokens in blue, bytes at the bottom")
    found = sorted(set().union(*(_merged(i, merges) for i in ids)))
    made = [f"{_word(i, spelled)} {i - 256:,}" for i in found]
    return plots.described(
        fig,
        f"A tree for each of {len(ids)} tokens: {', '.join(map(_word, ids, repeat(spelled)))}. At "
        f"the bottom the bytes, above them the merges, with their ranks: {', '.join(made)}.",
    )


def _word(i, spelled):
    """A token as it is written on its box."""
    return spelled[i].decode("utf-8", errors="replace").replace(" ", plots.BLANK)


def _merged(i, merges):
    """The ids of all merges in a token's tree."""
    return {i}.union(*(_merged(part, merges) for part in merges[i - 256])) if i > 255 else set()


def _depth(i, merges):
    return 1 + max(_depth(part, merges) for part in merges[i - 256]) if i > 255 else 0


def _draw(ax, i, at, merges, spelled, top=False):
    """One token's tree from byte `at` on; returns the middle of its box."""
    word = _word(i, spelled)
    level, width = _depth(i, merges), len(spelled[i])
    centre = at + width / 2
    if i > 255:
        for part in merges[i - 256]:
            x, y = _draw(ax, part, at, merges, spelled)
            ax.plot([centre, x], [level + 0.2, y + 0.6], color="black", linewidth=1, zorder=0)
            at += len(spelled[part])
        word = f"{word}\n{i - 256:,}"
    half = 0.33 if i < 256 else 0.48
    colour = plots.SKY if top else "white" if i > 255 else "#eeeeee"
    plots.box(ax, centre - half, level + 0.1, 2 * half, 0.6, word, colour)
    return centre, level


def vocabulary_against_length(sizes, curves):
    """Tokens per 1,000 bytes of each text at each vocabulary size: curves {label: values}."""
    ax = plots.chart(
        sizes, curves, width=WIDTH, height=4.0, legend=None, xscale="log", ylim=(0, 1050)
    )
    plots.plain(ax.xaxis, sizes)
    ax.tick_params(axis="x", rotation=30)
    ax.set(xlabel="vocabulary size (tokens, log scale)", ylabel="tokens per 1,000 bytes of text")
    ax.set_title("A vocabulary shortens what it was learned from")
    height = -100
    for label, values in sorted(curves.items(), key=lambda curve: curve[1][-1]):
        height = max(values[-1], height + 55)  # names one above the other, never on one another
        plots.note(ax, label, (sizes[-1], height), (9, 0), va="center", annotation_clip=False)
    told = {name: [y[0], y[len(y) // 2], y[-1]] for name, y in curves.items()}
    return plots.described(
        ax.figure,
        f"Tokens per 1,000 bytes against vocabulary size, from {sizes[0]:,} to {sizes[-1]:,} on a "
        f"log scale. First, in the middle and last: {plots.listed(told, ',.0f')}.",
    )
