"""The strip of notebook 6: probabilities laid end to end, and what one u draws from each of them.

It is an output like a picture: once computed with the learner's functions, it moves without a
kernel, and where scripts are not run the picture stays."""

import json
from functools import cache
from html import escape

from llmlib.plots import image, leave
from llmlib.plots.sampling import stretches, strips
from llmlib.widgets import joined
from llmlib.widgets.choice import THIN
from llmlib.widgets.kernel import token

STEPS = 100  # values of u


def sampling_lab(tokenizer, rows, u):
    """Show `rows`, {name: [vocab] probabilities}, as strips from 0 to 1 under a slider for u, which
    moves all strips of the notebook. Where the rows depend on u, `rows` is a function of it."""
    of = rows if callable(rows) else lambda u: rows
    stretches_of = cache(lambda shares: _drawn(tokenizer, shares))  # the same tensor comes often
    frames, at = [], []
    for step in range(STEPS) if callable(rows) else [0]:
        drawn = [
            {"name": name, "stretches": stretches_of(shares)}
            for name, shares in of(step / STEPS).items()
        ]
        if drawn not in frames:
            frames.append(drawn)
        at.append(frames.index(drawn))
    given = {"u": u, "frames": frames, "at": at if callable(rows) else at * STEPS}
    fig = strips(tokenizer, of(u), u)
    still = image(fig, fig.alt)
    data = escape(json.dumps(given, ensure_ascii=False, separators=(",", ":")))
    place = f'<div data-widget="sampling_lab" data-given="{data}">{still["text/html"]}</div>'
    leave(still | {"text/html": place + joined.script("sampling_lab")})


def _drawn(tokenizer, shares):
    return [
        {"text": None if i is None else token(tokenizer, i), "share": round(share, 5)}
        for i, share in stretches(shares, THIN)
    ]
