"""The reader of notebook 5: any text, each token shaded by its surprise; a click says what the
model had expected there (the idea of GLTR, Gehrmann et al. 2019)."""

from html import escape

from matplotlib.colors import to_hex

from llmlib.plots import ink, leave
from llmlib.plots.output_head import SURPRISE
from llmlib.widgets.kernel import Refused, Widget, encoded, token

LONGEST = 200  # tokens: more would make typing wait
EXPECTED = 5


def surprise_reader(model, softmax, text, before=()):
    """Show `text` shaded by `softmax` [..., vocab] -> [..., vocab], and below it a field for other
    texts. The ids `before` go in front of every text and are not shown."""

    def answer(asked):
        return {"tokens": read(model, softmax, asked["text"], before)}

    leave(_still(read(model, softmax, text, before)), Widget("surprise_reader", answer, text=text))


def read(model, softmax, text, before=()):
    """The tokens of a text with their loss in nats, None for one that nothing stands before, and
    what was expected in its place: [{"text", "loss", "expected": [[text, p] × 5]}]."""
    typed = encoded(model.tokenizer, text, LONGEST)
    ids = [*before, *typed]
    if len(ids) < 2:
        raise Refused("Type two words or more.")
    p = softmax(model(ids)[0, :-1])  # seq-1 vocab
    said = p[range(len(ids) - 1), ids[1:]].double().clamp(min=1e-45)  # a rounded 0 stays finite
    losses = (-said.log()).tolist()
    tokens = [token(model.tokenizer, i) | {"loss": None} for i in ([] if before else ids[:1])]
    for i, loss, row in list(zip(ids[1:], losses, p))[max(len(before), 1) - 1 :]:
        best = row.topk(EXPECTED)
        words = [token(model.tokenizer, j) for j in best.indices.tolist()]
        expected = [list(each) for each in zip(words, best.values.tolist())]
        tokens.append(token(model.tokenizer, i) | {"loss": loss, "expected": expected})
    return tokens


def _still(tokens):
    """What stays where no kernel runs: the shaded text, and in words what surprised most."""
    losses = [each["loss"] for each in tokens if each["loss"] is not None]
    total = f"{sum(losses):.1f} nats for {len(losses)} tokens, {sum(losses) / len(losses):.2f} each"
    worst = sorted(tokens, key=lambda each: -(each["loss"] or 0))[:3]
    most = ", ".join(f"{each['text']!r} {each['loss'] or 0:.2f}" for each in worst)
    plain = f"{total}; most surprising: {most}"
    spans = "".join(_span(each["text"], each["loss"] or 0) for each in tokens)
    shaded = f'<div style="line-height:1.9;font-family:monospace">{spans}</div>'
    return {"text/html": f"{shaded}<p>{escape(plain)}.</p>", "text/plain": plain}


def _span(piece, loss):
    colour = SURPRISE.to_rgba(loss)
    return (
        f'<span title="{loss:.2f} nats" style="background-color:{to_hex(colour)};'
        f'color:{ink(colour)};padding:2px 0;white-space:pre-wrap">{escape(piece)}</span><wbr>'
    )
