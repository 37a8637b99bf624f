"""The sampling lab of notebook 6: your own functions, any prompt, any settings, and texts."""

from functools import lru_cache
from html import escape

import ipywidgets
import torch

from llmlib.generation import side_by_side
from llmlib.output_head import softmax
from llmlib.plots import ink
from llmlib.widgets import WIDE, refusal, whenever

TEXTS, LENGTH = 5, 20


def sampling_lab(model, prompts, filter_logits, sample):
    """The strip of a draw and a table of tokens under sliders; a button writes five texts of 20
    tokens with what they say. `filter_logits` and `sample` are the learner's.
    """
    prompt = ipywidgets.Combobox(
        value=prompts[0],
        options=prompts,
        ensure_option=False,
        continuous_update=False,
        description="prompt",
        **WIDE,
    )

    def slider(value, lowest, highest, step, description):
        return ipywidgets.FloatSlider(
            value, min=lowest, max=highest, step=step, description=description, **WIDE
        )

    sliders = (
        slider(1, 0, 3, 0.05, "temperature"),
        ipywidgets.IntSlider(0, 0, 50, description="top-k (0: off)", **WIDE),
        slider(1, 0.01, 1, 0.01, "top-p"),
        slider(0, 0, 1, 0.01, "min-p"),
    )
    u = slider(0.5, 0, 0.999, 0.001, "u")
    button = ipywidgets.Button(
        description=f"write {LENGTH} tokens, {TEXTS} times", layout={"width": "20em"}
    )
    picture, texts, state = ipywidgets.HTML(), ipywidgets.HTML(), torch.Generator()
    logits_of = lru_cache(maxsize=16)(lambda text: model(model.tokenizer.encode(text))[:, -1])

    def settings():
        temperature, k, p, p_of_largest = (each.value for each in sliders)
        return temperature, k or None, None if p == 1 else p, p_of_largest or None

    def look():
        if not prompt.value:
            return
        try:
            logits = logits_of(prompt.value)
            after = softmax(filter_logits(logits, *settings()))[0]
            drawn = sample(logits, torch.tensor([u.value]), *settings()).item()
        except Exception as error:  # noqa: BLE001 - the learner's own functions
            picture.value = refusal(error)
            return
        before, decode = softmax(logits)[0], model.tokenizer.decode
        picture.value = strip(decode, after, u.value, drawn) + table(decode, before, after)

    def write(_):
        if not prompt.value:
            return
        texts.value = "<p>writing …</p>"
        state.manual_seed(state.initial_seed() + 1)  # other texts at the next click

        def pick(logits):
            return sample(logits, torch.rand(TEXTS, generator=state), *settings())

        try:
            rows = side_by_side(model, model.tokenizer.encode(prompt.value), TEXTS, LENGTH, pick)
        except Exception as error:  # noqa: BLE001
            texts.value = refusal(error)
            return
        texts.value = _texts(model, prompt.value, rows.tolist())

    button.on_click(write)
    state.manual_seed(0)
    whenever((prompt, u, *sliders), look)
    return ipywidgets.VBox([prompt, *sliders, u, picture, button, texts])


def strip(decode, shares, u, drawn, thin=0.004):
    """The interval from 0 to 1 as HTML, one box a token in order of ids; the thin ones in grey."""
    boxes, grey = [], 0.0
    for i in shares.nonzero()[:, 0].tolist() + [None]:
        if i is not None and shares[i] < thin:
            grey += shares[i].item()
            continue
        if grey:
            boxes.append(_box(grey, "#bbbbbb", "", f"many tokens, {grey:.3f} together"))
            grey = 0.0
        if i is not None:
            colour, word = "#0072B2" if len(boxes) % 2 else "#bfe0f5", decode([i])
            hint = f"{word!r}, {shares[i]:.3f}"
            boxes.append(_box(shares[i].item(), colour, word if shares[i] > 0.08 else "", hint))
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


def table(decode, before, after, n=12):
    """The n likeliest tokens as HTML: grey bars for the model, blue for what is left.

    What is cut is struck out.
    """
    kept, rows = after > 0, []
    for i in before.topk(min(n, len(before))).indices.tolist():
        crossed = "" if kept[i] else "text-decoration:line-through;opacity:0.55;"
        bars = "".join(
            f'<div style="width:{100 * share:.2f}%;height:7px;background:{colour}"></div>'
            for share, colour in ((before[i], "#9a9a9a"), (after[i], "#0072B2"))
        )
        left = f"{after[i]:.3f}" if kept[i] else "cut"
        rows.append(
            f'<tr><td style="{crossed}font-family:monospace;white-space:pre;text-align:right">'
            f"{escape(repr(decode([i])))}</td>"
            f'<td style="width:60%;padding:0 8px">{bars}</td>'
            f'<td style="text-align:right;white-space:nowrap">{before[i]:.3f} → {left}</td></tr>'
        )
    entropy = torch.special.entr(after).sum()
    return (
        f"<p><b>{int(kept.sum()):,}</b> of {len(kept):,} tokens survive; the model gave them "
        f"<b>{before[kept].sum():.1%}</b> of the probability. Entropy of what is left: "
        f"{entropy:.2f} nats. Grey bar: the model. Blue bar: what is left.</p>"
        f'<table style="width:95%;line-height:1.2">{"".join(rows)}</table>'
    )


def _texts(model, prompt, rows):
    """The texts as HTML, each up to its stop token."""
    stops, lines = model.config.stop_ids, []
    for row in rows:
        end = next((i for i, token in enumerate(row) if token in stops), len(row))
        text = escape(model.tokenizer.decode(row[:end]))
        last = " <i>(stop)</i>" if end < len(row) else ""
        lines.append(f"<li>{escape(prompt)}<b>{text}</b>{last}</li>")
    return f'<ol style="line-height:1.4;white-space:pre-wrap">{"".join(lines)}</ol>'
