"""The tokenizer playground of notebook 1: your own `encode`, any text, any number of merges."""

from functools import lru_cache
from html import escape

import ipywidgets
from IPython.display import display

from llmlib.plots import VIEW
from llmlib.plots.tokens import strip

STEPS = (0, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 50000)


def tokenizer_playground(encode, tokenizers, text):
    """Show `text` cut by `encode` with 0, 1,000 and all merges; below it controls for both.

    encode: (text, merges) -> ids; tokenizers: {name: merges as pairs of ids}.
    """
    name = next(iter(tokenizers))
    cut = _cutter(encode, tokenizers)
    everything = len(tokenizers[name])
    still = "".join(cut(text, name, count)[0] for count in (0, 1000, everything))
    plain = "\n".join(cut(text, name, count)[1] for count in (0, 1000, everything))
    display({"text/html": still, "text/plain": plain}, raw=True)
    controls = _controls(cut, tokenizers, text)
    display({VIEW: controls._repr_mimebundle_()[VIEW]}, raw=True)


def _cutter(encode, tokenizers):
    """(text, name, how many merges) -> the text cut by them, as HTML and in words."""

    @lru_cache(maxsize=32)
    def spelled(name, count):
        table = [bytes([b]) for b in range(256)]
        for left, right in tokenizers[name][:count]:
            table.append(table[left] + table[right])
        return table

    def cut(text, name, count):
        table = spelled(name, count)
        ids = encode(text, tokenizers[name][:count])
        used = min(count, len(tokenizers[name]))
        each = len(text.encode("utf-8")) / max(1, len(ids))
        title = f"{name}, {used:,} merges: {len(ids)} tokens, {each:.2f} bytes a token"
        return strip(title, [table[i] for i in ids], ids), title

    return cut


def _controls(cut, tokenizers, text):
    wide = {"style": {"description_width": "8em"}, "layout": {"width": "95%"}}
    typed = ipywidgets.Text(text, description="text", continuous_update=True, **wide)
    which = ipywidgets.ToggleButtons(options=list(tokenizers), description="merges of", **wide)
    count = ipywidgets.SelectionSlider(
        options=[(f"{n:,}", n) for n in STEPS], value=STEPS[-1], description="merges used", **wide
    )
    picture = ipywidgets.HTML()

    def draw(_=None):
        try:
            picture.value = cut(typed.value, which.value, count.value)[0]
        except Exception as error:  # noqa: BLE001 - the learner's own encode
            picture.value = escape(f"encode raised {type(error).__name__}: {error}")

    for control in (typed, which, count):
        control.observe(draw, names="value")
    draw()
    return ipywidgets.VBox([typed, which, count, picture])
