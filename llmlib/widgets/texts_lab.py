"""The texts of notebook 6: what several rules write after one prompt, under a slider.

Like the strip it is an output like a picture: the texts are written once, with the learner's
functions, and the slider moves without a kernel."""

import json
from html import escape

from llmlib.demonstrations.sampling import write_by_rules
from llmlib.plots import leave
from llmlib.widgets import joined

LONGEST = 24  # new tokens
FAR = 100  # ranks: tokens from beyond are marked


def texts_lab(model, draw, prompt, slider, rules):
    """Show what `rules`, {(value, name): (seed, change)}, write after `prompt`: a slider over the
    values, which it names, and below it a text for each name. `change` takes and returns logits
    [batch, vocab], `draw` is as in notebook 6. Tokens from beyond rank 100 are marked."""
    texts = write_by_rules(model, draw, prompt, rules, LONGEST)
    frames = {}
    for (value, name), tokens in texts.items():
        frames.setdefault(value, []).append({"name": name, "pieces": pieces(model, tokens)})
    given = {"prompt": prompt, "slider": slider, "values": [*frames], "frames": [*frames.values()]}
    data = escape(json.dumps(given, ensure_ascii=False, separators=(",", ":")))
    first, rows = next(iter(frames.items()))
    html, plain = _still(prompt, f"{slider} {first}", rows)
    place = f'<div data-widget="texts_lab" data-given="{data}">{html}</div>'
    leave({"text/html": place + joined.script("texts_lab"), "text/plain": plain})


def pieces(model, tokens):
    """Return a text in stretches, [[text, whether its tokens come from beyond rank 100]], from
    [(id, rank)]. It ends before a stop token."""
    runs = []
    for token, rank in tokens:
        if token in model.config.stop_ids:
            break
        if not runs or runs[-1][1] != (rank >= FAR):
            runs.append(([], rank >= FAR))
        runs[-1][0].append(token)
    return [[model.tokenizer.decode(ids), far] for ids, far in runs]


def _still(prompt, at, rows):
    """Return what stays where no script runs, the texts of the first value, as HTML and as text."""
    lines, plain = [], []
    for row in rows:
        marked = "".join(
            f"<mark>{escape(text)}</mark>" if far else escape(text) for text, far in row["pieces"]
        )
        lines.append(f"<p><b>{escape(row['name'])}</b>: {escape(prompt)}{marked}</p>")
        plain.append(f"{row['name']}: {prompt}{''.join(text for text, _ in row['pieces'])}")
    return "".join([f"<p>{escape(at)}</p>", *lines]), "\n".join([at, *plain])
