"""The generation stepper of notebook 7: your own loop, one token a click, the cache growing."""

from html import escape

import ipywidgets
import torch

from llmlib.output_head import softmax
from llmlib.plots import labels, leave
from llmlib.widgets.controls import CONTROL, WIDE, beside, refusal
from llmlib.widgets.sampling_lab import filter_sliders, strip, survivors

LONGEST = 200  # tokens


def generation_stepper(model, generate_cached, filter_logits, sample, text):
    """Show the second turn of the loop on `text`; below it a button that writes one token: what the
    model offers, what the filters cut, what is drawn, and what is in the cache. The three
    functions are the learner's."""
    controls = _controls(model, generate_cached, filter_logits, sample, text)
    _, _, buttons, picture = controls.children
    onward, anew = buttons.children
    if not onward.disabled:
        onward.click()
    turn = picture.value
    anew.click()
    leave({"text/html": turn, "text/plain": "The second turn of the loop."}, controls)


def _controls(model, generate_cached, filter_logits, sample, text):
    typed = ipywidgets.Text(text, description="prompt", continuous_update=False, **WIDE)
    sliders, settings = filter_sliders(CONTROL)
    onward, anew = (ipywidgets.Button(description=each) for each in ("next token", "start again"))
    picture, generator, now = ipywidgets.HTML(), torch.Generator(), {}

    def watched(ids, cache):
        """The model; how many tokens each pass reads is noted."""
        now["read"] = ids.shape[1]
        return model(ids, cache, last=True)

    watched.config = model.config

    def pick(logits):
        now.update(logits=logits, u=torch.rand(1, generator=generator))
        return sample(logits, now["u"], *settings())

    def look(_=None):
        """The latest turn; once it is drawn, the sliders tell what they would have made of it."""
        if "logits" not in now:  # the loop never came to a draw
            return
        try:
            logits, u, decode = now["logits"], now["u"], model.tokenizer.decode
            after = softmax(filter_logits(logits, *settings()))[0]
            drawn = sample(logits, u, *settings()).item()
            offer = strip(decode, after, u.item(), drawn)
            left = survivors(decode, softmax(logits)[0], after, 6)
            picture.value = offer + left + _held(model, now)
        except Exception as error:  # noqa: BLE001 - the learner's own functions
            picture.value = refusal(error)

    def step(_=None):
        try:
            now["made"].append(next(now["new"]))
        except StopIteration:
            onward.disabled = True
            picture.value += "<p>The loop has ended: stop token, or no room left.</p>"
        except Exception as error:  # noqa: BLE001
            onward.disabled = True
            picture.value = refusal(error)
        else:
            look()

    def start(_=None):
        generator.manual_seed(0)
        now.clear()
        prompt = model.tokenizer.encode(typed.value)[:LONGEST]
        onward.disabled = not prompt
        if prompt:
            cache = model.new_cache(context=2 * LONGEST)
            new = generate_cached(watched, cache, list(prompt), LONGEST, pick)
            now.update(prompt=prompt, made=[], read=0, cache=cache, new=new)
            step()
        else:
            picture.value = "<p>Type a prompt.</p>"

    onward.on_click(step)
    anew.on_click(start)
    for each in sliders:
        each.observe(look, names="value")
    typed.observe(start, names="value")
    start()
    return ipywidgets.VBox([typed, beside(*sliders), beside(onward, anew), picture])


def _held(model, now):
    """The cache as boxes, one a position; those of the latest pass stand out."""
    ids, held, read = now["prompt"] + now["made"], now["cache"].length, now["read"]
    boxes = []
    for i, label in enumerate(labels([model.tokenizer.decode([each]) for each in ids])):
        colour, ink = ("#E69F00", "black") if i >= held - read else ("#0072B2", "white")
        look = f"background:{colour};color:{ink}" if i < held else "border-style:dashed"
        look = f"border:1px solid #7F7F7F;padding:0 3px;{look}"
        boxes.append(f'<span style="{look}">{escape(label)}</span>')
    size = held * now["cache"].nbytes / now["cache"].keys[0].shape[2] / 1e6
    return (
        f"<p><b>The cache</b> holds {held} positions, {size:.2f} MB. This pass read {read} "
        f"token{'s' * (read != 1)} (orange); the token just drawn (dashed) is not in it yet.</p>"
        '<div style="display:flex;flex-wrap:wrap;gap:3px;font-family:monospace;line-height:1.5">'
        f"{''.join(boxes)}</div>"
    )
