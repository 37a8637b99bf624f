"""The generation stepper of notebook 7: your own loop, one token a click, the cache growing."""

from html import escape

import ipywidgets
import torch

from llmlib.output_head import softmax
from llmlib.plots import labels, leave
from llmlib.widgets.controls import CONTROL, WIDE, beside, refusal
from llmlib.widgets.sampling_lab import filter_sliders, interval, survivors

LONGEST = 200  # tokens


def generation_stepper(model, generate_cached, filter_logits, sample, text):
    """Show the second turn of the loop on `text`; below it a button that writes one token: what the
    model offers, what the filters cut, what is drawn, and what the cache holds. The three functions
    are the learner's."""
    stepper = _Stepper(model, generate_cached, filter_logits, sample, text)
    if not stepper.onward.disabled:
        stepper.onward.click()
    turn = stepper.picture.value
    stepper.again.click()
    leave({"text/html": turn, "text/plain": "The second turn of the loop."}, stepper.controls())


class _Stepper:
    """The controls, and the state of one text."""

    def __init__(self, model, generate_cached, filter_logits, sample, text):
        self.model, self.generate_cached = model, generate_cached
        self.filter_logits, self.sample = filter_logits, sample
        self.typed = ipywidgets.Text(text, description="prompt", continuous_update=False, **WIDE)
        self.sliders, self.settings = filter_sliders(CONTROL)
        words = "next token", "start again"
        self.onward, self.again = (ipywidgets.Button(description=each) for each in words)
        self.picture, self.generator = ipywidgets.HTML(), torch.Generator()
        self.now = {}  # prompt, made, new, cache, read; once the loop has come to a draw logits, u
        self.onward.on_click(self.step)
        self.again.on_click(self.start)
        for each in self.sliders:
            each.observe(self.look, names="value")
        self.typed.observe(self.start, names="value")
        self.start()

    def controls(self):
        buttons = beside(self.onward, self.again)
        return ipywidgets.VBox([self.typed, beside(*self.sliders), buttons, self.picture])

    @property
    def config(self):
        return self.model.config

    def __call__(self, ids, cache):
        """The model, for the learner's loop; how many tokens each pass reads is noted."""
        self.now["read"] = ids.shape[1]
        return self.model(ids, cache, last=True)

    def pick(self, logits):
        self.now.update(logits=logits, u=torch.rand(1, generator=self.generator))
        return self.sample(logits, self.now["u"], *self.settings())

    def look(self, _=None):
        """The latest turn; after a draw the sliders show what they would have made of it."""
        if "logits" not in self.now:  # the loop never came to a draw
            return
        try:
            logits, u, decode = self.now["logits"], self.now["u"], self.model.tokenizer.decode
            after = softmax(self.filter_logits(logits, *self.settings()))[0]
            drawn = self.sample(logits, u, *self.settings()).item()
            offer = interval(decode, after, u.item(), drawn)
            left = survivors(decode, softmax(logits)[0], after, 6)
            self.picture.value = offer + left + _held(self.model, self.now)
        except Exception as error:  # noqa: BLE001 - the learner's own functions
            self.picture.value = refusal(error)

    def step(self, _=None):
        try:
            self.now["made"].append(next(self.now["new"]))
        except StopIteration:
            self.onward.disabled = True
            self.picture.value += "<p>The loop has ended: stop token, or no room left.</p>"
        except Exception as error:  # noqa: BLE001 - the learner's own loop
            self.onward.disabled = True
            self.picture.value = refusal(error)
        else:
            self.look()

    def start(self, _=None):
        self.generator.manual_seed(0)
        self.now.clear()
        prompt = self.model.tokenizer.encode(self.typed.value)[:LONGEST]
        self.onward.disabled = not prompt
        if not prompt:
            self.picture.value = "<p>Type a prompt.</p>"
            return
        cache = self.model.new_cache(context=2 * LONGEST)
        new = self.generate_cached(self, cache, list(prompt), LONGEST, self.pick)
        self.now.update(prompt=prompt, made=[], read=0, cache=cache, new=new)
        self.step()


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
