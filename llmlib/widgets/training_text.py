"""What the model of notebook 5 writes after some steps of its training, beside its loss.

It is an output like a picture: its numbers are given, so that it moves without a kernel."""

from llmlib.plots import output_head as plots
from llmlib.widgets import joined

EVERY = 4  # losses of batches: as fine as the curve can show


def training_text(losses, unseen, marks, samples):
    """Show `losses`, one for each batch, with the loss on unseen text [(step, nats), ...], that of
    simple rules {name: nats}, and a slider over `samples`, [{"step", "loss", "text",
    "distances"}, ...]."""
    curve = [[step, round(losses[step], 3)] for step in range(0, len(losses), EVERY)]
    given = {
        "losses": [*curve, [len(losses), round(losses[-1], 3)]],
        "unseen": [[step, round(nats, 3)] for step, nats in unseen],
        "marks": {name: round(nats, 3) for name, nats in marks.items()},
        "samples": [
            each
            | {"loss": round(each["loss"], 3)}
            | {"distances": {name: round(x, 3) for name, x in each["distances"].items()}}
            for each in samples
        ],
    }
    joined.leave("training_text", given, plots.what_it_learns(losses, unseen, marks, samples))
