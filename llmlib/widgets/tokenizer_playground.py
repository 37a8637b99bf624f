"""The tokenizer playground of notebook 1: your own `encode`, any text, any number of merges."""

import ipywidgets

from llmlib.plots import leave
from llmlib.plots.tokens import token_spans
from llmlib.widgets.controls import WIDE, drawn

STEPS = (0, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 50000)


def tokenizer_playground(encode, tokenizers, text):
    """Show `text` cut by `encode` with 0, 1,000 and all merges; below it controls for both.
    encode: (text, merges) -> ids; tokenizers: {name: merges as pairs of ids}."""
    name = next(iter(tokenizers))
    cut = _cutter(encode, tokenizers)
    html, plain = zip(*(cut(text, name, count) for count in (0, 1000, len(tokenizers[name]))))
    left = {"text/html": "".join(html), "text/plain": "\n".join(plain)}
    leave(left, _controls(cut, tokenizers, text))


def _cutter(encode, tokenizers):
    """(text, name, how many merges) -> the text cut by them, as HTML and in words."""

    def cut(text, name, count):
        merges, spelled = tokenizers[name][:count], [bytes([b]) for b in range(256)]
        for left, right in merges:
            spelled.append(spelled[left] + spelled[right])
        ids = encode(text, merges)
        each = len(text.encode("utf-8")) / max(1, len(ids))
        title = f"{name}, {len(merges):,} merges: {len(ids)} tokens, {each:.2f} bytes a token"
        return token_spans(title, [spelled[i] for i in ids], ids), title

    return cut


def _controls(cut, tokenizers, text):
    typed = ipywidgets.Text(text, description="text", continuous_update=True, **WIDE)
    which = ipywidgets.ToggleButtons(options=list(tokenizers), description="merges of", **WIDE)
    counts = {"options": [(f"{n:,}", n) for n in STEPS], "value": STEPS[-1]}
    count = ipywidgets.SelectionSlider(description="merges used", **counts, **WIDE)
    controls = (typed, which, count)
    picture = drawn(controls, lambda: cut(*(each.value for each in controls))[0], "encode")
    return ipywidgets.VBox([*controls, picture])
