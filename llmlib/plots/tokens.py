"""Pictures of notebook 1: text coloured by token, and what a token is worth."""

from html import escape

from IPython.display import display

from llmlib import plots

BACKGROUNDS = ("#cfe6f5", "#fde9bd", "#cdeee1")  # pale blue, orange, green, of unlike lightness
SPAN = (
    '<span style="background-color:{colour};color:#111111;border-left:1px solid #333333;'
    'padding:2px 1px;white-space:pre-wrap">{text}</span><wbr>'
)


def token_text(token):
    """The text of a token's bytes; a part of a character is shown as its bytes in hex."""
    try:
        return token.decode("utf-8").replace("\n", "⏎\n")
    except UnicodeDecodeError:
        return "‹" + token.hex(" ").replace(" ", "\N{NO-BREAK SPACE}") + "›"


def coloured_tokens(rows):
    """Show texts cut into tokens, a line left of each: rows [(label, [bytes of a token, ...])]."""
    parts, plain = [], []
    for label, tokens in rows:
        texts = [token_text(token) for token in tokens]
        shown = [text.replace(" ", "·") if text.isspace() else text for text in texts]
        spans = [
            SPAN.format(colour=BACKGROUNDS[i % 3], text=escape(text))
            for i, text in enumerate(shown)
        ]
        title = f"{label}: {len(tokens)} tokens"
        parts.append(
            f'<p style="margin:10px 0 2px 0"><b>{escape(title)}</b></p>'
            f'<div style="line-height:1.9;font-family:monospace">{"".join(spans)}</div>'
        )
        plain.append(f"{title}: {'|'.join(texts)}")
    display({"text/html": "".join(parts), "text/plain": "\n".join(plain)}, raw=True)


def bytes_per_token(rows):
    """Bars, the longest on top: rows [(label, bytes per token with GPT-2, with SmolLM2), ...]."""
    fig, ax = plots.figure(height=0.5 * len(rows) + 1.2)
    labels, gpt2, smollm2 = zip(*sorted(rows, key=lambda row: -row[2]))
    plots.bars(ax, labels, {"SmolLM2": smollm2, "GPT-2": gpt2}, fmt="%.2f", across=True)
    ax.set_xlabel("bytes of text per token (longer: fewer tokens for the same text)")
    ax.set_title("What one token carries")
    ax.legend(loc="lower right")
    return fig


def vocabulary_against_length(sizes, curves):
    """Tokens per 1,000 bytes of each text at each vocabulary size: curves {label: values}."""
    fig, ax = plots.figure(height=4.0)
    plots.lines(ax, sizes, curves)
    ax.set(xscale="log", xlabel="vocabulary size (tokens, log scale)", ylim=(0, 1050))
    plots.plain(ax.xaxis, sizes)
    ax.tick_params(axis="x", rotation=30)
    ax.set_ylabel("tokens per 1,000 bytes of text")
    ax.set_title("A larger vocabulary shortens the languages it was learned from")
    height = -100
    for label, values in sorted(curves.items(), key=lambda curve: curve[1][-1]):
        height = max(values[-1], height + 55)  # names one above the other, never on one another
        style = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
        ax.annotate(label, (sizes[-1], height), (9, 0), **style)
    return fig
