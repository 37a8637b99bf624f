"""Pictures of notebook 1: text coloured by token, and what a token is worth."""

from html import escape

from IPython.display import display

from llmlib.plots import BLUE, COLOURS, HATCHES, LINES, MARKERS, ORANGE, figure

BACKGROUNDS = (
    "#cfe6f5",
    "#fde9bd",
    "#cdeee1",
)  # pale blue, orange, green: neighbours differ in lightness too
SPAN = (
    '<span style="background-color:{colour};color:#111111;border-left:1px solid #333333;'
    'padding:2px 1px;white-space:pre-wrap">{text}</span>'
)


def token_text(token):
    """The text of a token's bytes; a token that holds only a part of a character is shown as its bytes in hex."""
    try:
        return token.decode("utf-8").replace("\n", "⏎\n")
    except UnicodeDecodeError:
        return "‹" + token.hex(" ").replace(" ", "\N{NO-BREAK SPACE}") + "›"


def coloured_tokens(rows):
    """Show texts cut into tokens. rows: [(label, [bytes of a token, ...]), ...]. A line stands left of each token."""
    parts, plain = [], []
    for label, tokens in rows:
        texts = [token_text(token) for token in tokens]
        spans = [
            SPAN.format(colour=BACKGROUNDS[i % 3], text=escape(text))
            for i, text in enumerate(texts)
        ]
        title = f"{label}: {len(tokens)} tokens"
        parts.append(
            f'<p style="margin:10px 0 2px 0"><b>{escape(title)}</b></p>'
            f'<div style="line-height:1.9;font-family:monospace">{"".join(spans)}</div>'
        )
        plain.append(f"{title}: {'|'.join(texts)}")
    display({"text/html": "".join(parts), "text/plain": "\n".join(plain)}, raw=True)


def bytes_per_token(rows):
    """Bars: rows [(label, bytes per token with GPT-2, with SmolLM2), ...], one pair of bars for each label."""
    fig, ax = figure(height=0.5 * len(rows) + 1.2)
    for k, (name, colour, hatch) in enumerate(
        [("GPT-2", ORANGE, HATCHES[1]), ("SmolLM2", BLUE, HATCHES[0])]
    ):
        places = [i + (k - 0.5) * 0.38 for i in range(len(rows))]
        values = [row[k + 1] for row in rows]
        ax.barh(
            places, values, height=0.36, color=colour, hatch=hatch, edgecolor="white", label=name
        )
        for place, value in zip(places, values):
            ax.text(value + 0.05, place, f"{value:.2f}", va="center", fontsize=9)
    ax.set_yticks(range(len(rows)), [row[0] for row in rows])
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    ax.set(
        xlabel="bytes of text per token (longer: fewer tokens for the same text)",
        title="What one token carries",
    )
    ax.legend(loc="lower right")
    return fig


def vocabulary_against_length(sizes, curves):
    """Lines: tokens per 1,000 bytes of each text in `curves` (label -> values) at each vocabulary size in `sizes`."""
    fig, ax = figure(height=4.0)
    for (label, values), colour, marker, line in zip(curves.items(), COLOURS, MARKERS, LINES):
        ax.plot(sizes, values, color=colour, marker=marker, linestyle=line, label=label)
    ax.set_xscale("log", base=2)
    ax.set_xticks(sizes, [f"{size:,}" for size in sizes], rotation=30, ha="right")
    ax.minorticks_off()
    ax.set(
        xlabel="vocabulary size (tokens)",
        ylabel="tokens per 1,000 bytes of text",
        ylim=(0, 1050),
        title="A larger vocabulary makes a shorter sequence",
    )
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return fig
