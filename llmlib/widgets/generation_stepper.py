"""The generation stepper of notebook 7: your own loop, one token a click, the cache growing."""

from html import escape

import torch

from llmlib.plots import leave
from llmlib.widgets.choice import SETTINGS, choice
from llmlib.widgets.kernel import Refused, Widget, encoded, token

LONGEST = 200  # tokens
FREE = {"temperature": 1.0, "top_k": None, "top_p": None, "min_p": None}
LIKELIEST = 6


def generation_stepper(model, generate_cached, filter_logits, sample, text):
    """Show the second turn of the loop on `text`; below it a button that writes one token: what the
    model offers, what the filters cut, what is drawn, and what the cache holds. The three functions
    are the learner's."""
    stepper = Stepper(model, generate_cached, filter_logits, sample)
    for turn in ("first", "next"):
        second = stepper.answer({"text": text, "settings": FREE, "turn": turn})
    leave(_still(second), Widget("generation_stepper", stepper.answer, text=text, settings=FREE))


class Stepper:
    """Run the learner's loop on one text, held after each token."""

    def __init__(self, model, generate_cached, filter_logits, sample):
        self.model, self.generate_cached = model, generate_cached
        self.filter_logits, self.sample = filter_logits, sample
        self.generator = torch.Generator()
        # The text that the loop is on. With one there are also settings, prompt, made, new, cache
        # and read; once the loop has come to a draw logits and u; and whether it has ended.
        self.text = None

    @property
    def config(self):
        """Return the model's."""
        return self.model.config

    def __call__(self, ids, cache):
        """Run the model for the learner's loop; how many tokens each pass reads is noted."""
        self.read = ids.shape[1]
        return self.model(ids, cache, last=True)

    def answer(self, asked):
        """Return the turn that is asked for, {"turn", "text", "settings"}, as `web/widgets` draws
        it."""
        self.settings = asked["settings"]
        if asked["turn"] == "first" or asked["text"] != self.text:
            self.start(asked["text"])
        elif asked["turn"] == "next":
            self.step()
        tokenizer, functions = self.model.tokenizer, (self.filter_logits, self.sample)
        offer = choice(tokenizer, self.logits, self.u, *functions, self.settings, LIKELIEST)
        held = self.cache.length
        size = held * self.cache.nbytes / self.cache.keys[0].shape[2]
        tokens = [token(tokenizer, i) for i in self.prompt + self.made]
        return {
            "tokens": tokens[:held],
            "coming": tokens[-1],
            "read": self.read,
            "bytes": size,
            "choice": offer,
            "ended": self.ended,
        }

    def start(self, text):
        """Begin the loop on a text, up to its first token. Raises `Refused`."""
        self.text = None  # until the first token is there
        self.prompt = encoded(self.model.tokenizer, text, LONGEST)
        self.generator.manual_seed(0)
        self.made, self.read, self.ended = [], 0, False
        self.cache = self.model.new_cache(context=2 * LONGEST)
        loop = self.generate_cached(self, self.cache, list(self.prompt), LONGEST, self.pick)
        self.new = loop
        self.step()
        if self.ended:
            raise Refused("The loop has ended before its first token.")
        self.text = text

    def step(self):
        """Let the loop make one more token."""
        try:
            self.made.append(next(self.new))
        except StopIteration:
            self.ended = True

    def pick(self, logits):
        """Draw the next id as the settings say; the loop calls it."""
        self.logits, self.u = logits, torch.rand(1, generator=self.generator)
        return self.sample(logits, self.u, *(self.settings[name] for name in SETTINGS))


def _still(turn):
    """Return what stays where no kernel runs: a turn of the loop as a table, and what the cache
    holds."""
    held, drawn = len(turn["tokens"]), turn["coming"]["text"]
    said = (
        f"The second turn of the loop. The cache holds {held} tokens, "
        f"{turn['bytes'] / 1e6:.2f} MB; this pass read {turn['read']}. Drawn: {drawn!r}."
    )
    lines = "".join(
        f"<tr><td><code>{escape(repr(row['text']['text']))}</code></td>"
        f"<td>{row['before']:.3f}</td></tr>"
        for row in turn["choice"]["rows"]
    )
    head = '<tr><th scope="col">next token</th><th scope="col">probability</th></tr>'
    html = f"<p>{escape(said)}</p><table>{head}{lines}</table>"
    return {"text/html": html, "text/plain": said}
