"""The sampling lab of notebook 6: your own functions, any prompt, any settings, and texts."""

from functools import lru_cache
from html import escape

import ipywidgets
import torch

from llmlib.generation import side_by_side
from llmlib.output_head import softmax
from llmlib.plots import ink
from llmlib.plots.sampling import stretches
from llmlib.widgets.controls import WIDE, drawn, refusal, table

TEXTS, LENGTH = 5, 20


def sampling_lab(model, prompts, filter_logits, sample):
    """The interval of a draw and a table of tokens under sliders; a button writes five texts of 20
    tokens with what they say. `filter_logits` and `sample` are the learner's."""
    typed = {"ensure_option": False, "continuous_update": False, "description": "prompt"}
    prompt = ipywidgets.Combobox(value=prompts[0], options=prompts, **typed, **WIDE)
    sliders, first_three = filter_sliders(WIDE)
    min_p = ipywidgets.FloatSlider(0, min=0, max=1, step=0.01, description="min-p", **WIDE)
    fine = {"step": 0.001, "readout_format": ".3f"}
    u = ipywidgets.FloatSlider(0.5, min=0, max=0.999, description="u", **fine, **WIDE)
    words = f"write {LENGTH} tokens, {TEXTS} times"
    button = ipywidgets.Button(description=words, layout={"width": "20em"})
    texts, state = ipywidgets.HTML(), torch.Generator()
    logits_of = lru_cache(maxsize=16)(lambda text: model(model.tokenizer.encode(text))[:, -1])

    def settings():
        return *first_three(), min_p.value or None

    def look():
        if not prompt.value:
            return None
        logits, decode = logits_of(prompt.value), model.tokenizer.decode
        after = softmax(filter_logits(logits, *settings()))[0]
        which = sample(logits, torch.tensor([u.value]), *settings()).item()
        before = softmax(logits)[0]
        return interval(decode, after, u.value, which) + survivors(decode, before, after)

    def write(_):
        if not prompt.value:
            return
        texts.value = "<p>writing …</p>"
        state.manual_seed(state.initial_seed() + 1)  # other texts at the next click

        def pick(logits):
            return sample(logits, torch.rand(TEXTS, generator=state), *settings())

        try:
            rows = side_by_side(model, model.tokenizer.encode(prompt.value), TEXTS, LENGTH, pick)
            texts.value = _texts(model, prompt.value, rows.tolist())
        except Exception as error:  # noqa: BLE001
            texts.value = refusal(error)

    button.on_click(write)
    state.manual_seed(0)
    picture = drawn((prompt, u, *sliders, min_p), look)
    return ipywidgets.VBox([prompt, *sliders, min_p, u, picture, button, texts])


def filter_sliders(width):
    """Sliders: temperature, top-k, top-p, and what returns them as `filter_logits` takes them."""
    sliders = (
        ipywidgets.FloatSlider(1, min=0, max=3, step=0.05, description="temperature", **width),
        ipywidgets.IntSlider(0, 0, 50, description="top-k (0: off)", **width),
        ipywidgets.FloatSlider(1, min=0.01, max=1, step=0.01, description="top-p", **width),
    )

    def settings():
        temperature, k, p = (each.value for each in sliders)
        return temperature, k or None, None if p == 1 else p

    return sliders, settings


def interval(decode, shares, u, drawn):
    """The interval from 0 to 1 as HTML, one box a token in order of ids; the thin ones in grey."""
    boxes = []
    for i, share in stretches(shares, 0.004):
        if i is None:
            boxes.append(_box(share, "#bbbbbb", "", f"many tokens, {share:.3f} together"))
            continue
        colour, word = "#0072B2" if len(boxes) % 2 else "#bfe0f5", decode([i])
        boxes.append(_box(share, colour, word if share > 0.08 else "", f"{word!r}, {share:.3f}"))
    return (
        f'<div style="position:relative;padding-top:14px"><div style="position:absolute;top:0;'
        f'left:{100 * u:.1f}%;height:46px;border-left:3px solid #D55E00"></div>'
        f'<div style="display:flex;height:30px;overflow:hidden">{"".join(boxes)}</div></div>'
        f'<p style="line-height:1.4">u = {u:.3f} falls into the stretch of '
        f"<b><code>{escape(repr(decode([drawn])))}</code></b>. Stretches in order of ids; grey: "
        "tokens too thin to draw.</p>"
    )


def _box(share, colour, word, hint):
    return (
        f'<div title="{escape(hint)}" style="width:{100 * share:.3f}%;background:{colour};'
        "overflow:hidden;white-space:pre;text-align:center;line-height:30px;"
        f'color:{ink(colour)};font-family:monospace">{escape(word.strip())}</div>'
    )


def survivors(decode, before, after, n=12):
    """The n likeliest tokens as a table, and in words how many are left."""
    kept, entropy = after > 0, torch.special.entr(after).sum()
    return (
        f"<p><b>{int(kept.sum()):,}</b> of {len(kept):,} tokens survive; the model gave them "
        f"<b>{before[kept].sum():.1%}</b> of the probability. Entropy of what is left: "
        f"{entropy:.2f} nats. Grey bar: the model. Blue bar: what is left.</p>"
    ) + table(decode, before, after, before.topk(min(n, len(before))).indices.tolist())


def _texts(model, prompt, rows):
    """The texts as HTML, each up to its stop token."""
    stops, lines = model.config.stop_ids, []
    for row in rows:
        end = next((i for i, token in enumerate(row) if token in stops), len(row))
        text = escape(model.tokenizer.decode(row[:end]))
        last = " <i>(stop)</i>" if end < len(row) else ""
        lines.append(f"<li>{escape(prompt)}<b>{text}</b>{last}</li>")
    return f'<ol style="line-height:1.4;white-space:pre-wrap">{"".join(lines)}</ol>'
