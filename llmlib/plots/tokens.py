"""Pictures of notebook 1: text coloured by token, and what a token is worth."""

from html import escape

import numpy as np

from llmlib import plots

WIDTH = 6.1  # inches: on a phone, 390 pixels wide, 9 points are then 8 pixels
BACKGROUNDS = ("#cfe6f5", "#fde9bd", "#cdeee1")  # pale blue, orange, green, of unlike lightness


def token_text(token):
    """Return the text of a token's bytes; a part of a character is shown as its bytes in hex."""
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
    """Return a text cut into `tokens` (bytes) as HTML, with their `ids` where a pointer rests."""
    spans = []
    for i, token in enumerate(tokens):
        word = token_text(token).replace(" ", plots.BLANK)
        hover = f' title="id {ids[i]}"' if ids else ""
        spans.append(
            f'<span{hover} style="background-color:{BACKGROUNDS[i % 3]};color:#111111;border-left:'
            f'1px solid #333333;padding:2px 1px;white-space:pre-wrap">{escape(word)}</span><wbr>'
        )
    text = f'<div style="line-height:1.9;font-family:monospace">{"".join(spans)}</div>'
    return f'<p style="margin:10px 0 2px 0"><b>{escape(title)}</b></p>{text}'


def characters_per_token(carried, low, high):
    """Draw bars, the longest on top: {label: characters per token}; a band from `low` to `high`."""
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
    """Draw bars, the cheapest on top: rows [(language, GPT-2's tokens, SmolLM2's); English = 1]."""
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
    """Draw a panel of bars for each way to write the words, one below the other:
    {way: {"right": shares by place, "by chance": shares, …}}."""
    fig, axes = plots.figure(len(scores), 1, width=WIDTH, height=2.3 * len(scores), sharex=True)
    for ax, (way, shares) in zip(axes, scores.items()):
        places = [str(place) for place in range(1, len(shares["right"]) + 1)]
        percent = {name: [100 * share for share in bars] for name, bars in shares.items()}
        plots.bars(ax, places, percent, fmt="%.0f")
        ax.set(title=way, ylim=(0, 118), ylabel="% of the words")
    axes[-1].set_xlabel("letter of the word")
    axes[0].legend(loc="upper center", ncols=len(percent))
    listed = "; ".join(
        f"{way}, {plots.listed({k: 100 * np.array(v) for k, v in shares.items()}, '.0f')}"
        for way, shares in scores.items()
    )
    return plots.described(
        fig, f"Share of right letters in percent, at places 1 to {len(places)}. {listed}."
    )


def merge_tree(rows):
    """Draw the merges of a text as bars over its bytes, one row for each merge, the oldest lowest;
    `rows` are those of `llmlib.widgets.merge_tree`."""
    levels = merged_spans(rows)
    width, height = len(rows[0]["tokens"]), len(levels)
    fig, ax = plots.canvas(WIDTH, 0.36 * height + 0.5, width + 2.2, height)
    tops = set(spans(rows[-1]["tokens"]))
    below = {span: 0 for span in levels[0]}
    for level, bars in enumerate(levels):
        name = f"rank {rows[level]['rank']:,}" if level else "bytes"
        plots.note(ax, name, (2.0, level + 0.4), (0, 0), ha="right", va="center")
        for (start, end), (token, parts) in bars.items():
            for part in parts:
                middle = 2.2 + sum(part) / 2
                ends = [below[part] + 0.74, level + 0.06]
                ax.plot([middle] * 2, ends, color="black", linewidth=1, zorder=0)
            below[start, end] = level
            colour = plots.SKY if (start, end) in tops else "white" if level else "#eeeeee"
            text = _shown(token)
            plots.box(ax, 2.24 + start, level + 0.06, end - start - 0.08, 0.68, text, colour)
    ax.set_title("Each row is a merge, the oldest lowest; tokens in blue")
    words = [_shown(token) for token in rows[-1]["tokens"]]
    ranks = [
        f"{_shown(token)} {rows[level]['rank']:,}"
        for level, bars in enumerate(levels[1:], 1)
        for token, _ in bars.values()
    ]
    return plots.described(
        fig,
        f"A tree over {width} bytes. Its merges from the bottom up, with their ranks: "
        f"{', '.join(ranks)}. At the end {len(words)} tokens: {', '.join(words)}.",
    )


def spans(tokens):
    """Return where the tokens lie in their text, from byte to byte: {(start, end): token}."""
    places, start = {}, 0
    for token in tokens:
        end = start + len(token["bytes"])
        places[start, end] = token
        start = end
    return places


def merged_spans(rows):
    """Return what each row has that the one before had not: [{(start, end): (token, the spans of
    its parts)}]."""
    before, levels = {}, []
    for row in rows:
        now = spans(row["tokens"])
        levels.append(
            {
                (start, end): (token, [(a, b) for a, b in before if start <= a and b <= end])
                for (start, end), token in now.items()
                if (start, end) not in before
            }
        )
        before = now
    return levels


def _shown(token):
    """Return a token as it is written on its bar; a part of a character as its bytes in hex."""
    data = bytes(token["bytes"])
    try:
        return data.decode("utf-8").replace(" ", plots.BLANK)
    except UnicodeDecodeError:
        return data.hex(" ")


def vocabulary_against_length(sizes, curves):
    """Draw the tokens per 1,000 bytes of texts by vocabulary size: curves {label: values}."""
    ax = plots.chart(
        sizes, curves, width=WIDTH, height=4.0, legend=None, xscale="log", ylim=(0, 1050)
    )
    plots.plain(ax.xaxis, sizes)
    ax.tick_params(axis="x", rotation=30)
    ax.set(xlabel="vocabulary size (tokens, log scale)", ylabel="tokens per 1,000 bytes of text")
    ax.set_title("GPT-2's merges, more and more of them")
    height = -100
    for label, values in sorted(curves.items(), key=lambda curve: curve[1][-1]):
        height = max(values[-1], height + 55)  # names one above the other, never on one another
        plots.note(ax, label, (sizes[-1], height), (9, 0), va="center", annotation_clip=False)
    ends = {name: [y[0], y[len(y) // 2], y[-1]] for name, y in curves.items()}
    return plots.described(
        ax.figure,
        f"Tokens per 1,000 bytes against vocabulary size, from {sizes[0]:,} to {sizes[-1]:,} on a "
        f"log scale. First, in the middle and last: {plots.listed(ends, ',.0f')}.",
    )
