"""The reader of notebook 5: any text, each token shaded by its surprise; hover one to see what the
model had expected there (the idea of GLTR, Gehrmann et al. 2019)."""

from html import escape

import ipywidgets
from matplotlib.colors import to_hex

from llmlib.plots import ink, leave
from llmlib.plots.output_head import SURPRISE
from llmlib.widgets.controls import drawn

LONGEST = 200  # tokens: more would make typing wait


def surprise_reader(model, softmax, text, before=()):
    """Show `text` shaded by `softmax` [..., vocab] -> [..., vocab], a box for others below. The
    ids `before` go in front of every text and are not shown."""
    html, plain = _read(model, softmax, text, before)
    leave({"text/html": html, "text/plain": plain}, _controls(model, softmax, text, before))


def _read(model, softmax, text, before=()):
    """The text as HTML, each token with what was expected in its place, and as plain words."""
    typed = model.tokenizer.encode(text)[:LONGEST]
    if len(typed) < 2:
        return "Type two words or more.", "Type two words or more."
    ids = [*before, *typed]
    pieces = [model.tokenizer.decode([i]) for i in ids]
    p = softmax(model(ids)[0, :-1])  # seq-1 vocab
    said = p[range(len(ids) - 1), ids[1:]].double().clamp(min=1e-45)  # a rounded 0 stays finite
    losses = (-said.log()).tolist()
    first = _span(pieces[0], 0.0, "the first token: nothing stands before it")
    spans, lines = [] if before else [first], []
    start = max(len(before), 1)  # of what is shown with its loss
    pieces, losses, p = pieces[start:], losses[start - 1 :], p[start - 1 :]
    for piece, loss, row in zip(pieces, losses, p):
        best = row.topk(5).indices.tolist()
        expected = "\n".join(f"{row[i]:.3f}  {model.tokenizer.decode([i])!r}" for i in best)
        told = f"{loss:.2f} nats for {piece!r}\nexpected:\n{expected}"
        spans.append(_span(piece, loss, told))
        lines.append(f"<li>{escape(told)}</li>")
    total = f"{sum(losses):.1f} nats for {len(losses)} tokens, {sum(losses) / len(losses):.2f} each"
    worst = sorted(zip(losses, pieces), reverse=True)[:3]
    plain = f"{total}; most surprising: " + ", ".join(f"{t!r} {loss:.2f}" for loss, t in worst)
    html = f'<div style="line-height:1.9;font-family:monospace">{"".join(spans)}</div>'
    html += f"<p>{total}. Hover over a token to see what was expected in its place.</p>"
    listed = f'<ol style="white-space:pre-line">{"".join(lines)}</ol>'
    return f"{html}<details><summary>The same as a list</summary>{listed}</details>", plain


def _span(piece, loss, hover):
    colour, said = SURPRISE.to_rgba(loss), escape(hover).replace("\n", "&#10;")
    return (
        f'<span title="{said}" style="background-color:{to_hex(colour)};color:{ink(colour)};'
        f'padding:2px 0;white-space:pre-wrap">{escape(piece)}</span><wbr>'
    )


def _controls(model, softmax, text, before=()):
    typed = ipywidgets.Textarea(
        text, description="your text", continuous_update=False, layout={"width": "98%"}
    )
    picture = drawn((typed,), lambda: _read(model, softmax, typed.value, before)[0], "softmax")
    return ipywidgets.VBox([typed, picture])
