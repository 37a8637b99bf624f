"""The stream slider of notebook 4: one token's vector on its way through the layers, read at any of
them by the last norm and the table (the logit lens, nostalgebraist 2020)."""

from html import escape

from llmlib.demonstrations.layers import head, residual_stream
from llmlib.output_head import softmax
from llmlib.plots import leave
from llmlib.widgets.kernel import Widget, encoded, token

LONGEST = 60  # tokens
LIKELIEST = 5
STRETCH = 3  # layers: shorter stretches of the still picture are not named


def stream_slider(model, text, layer):
    """Show which token is on top of the lens from the table to the last layer of the last token of
    `text`; below that a slider over the layers, first at `layer`, and a field for other texts."""

    def answer(question):
        ids = encoded(model.tokenizer, question["text"], LONGEST)
        return {"stream": likeliest(model, ids)}

    given = {"text": text, "n_layer": model.config.n_layer, "state": layer + 1}
    still = _still(text, answer({"text": text})["stream"])
    leave(still, Widget("stream_slider", answer, **given))


def likeliest(model, ids):
    """Return what the lens says of the last token, at the table and after each layer: [[{"text",
    "p"} × 5]], 1 + n_layer lists."""
    stream = residual_stream(model, ids)[:, -1]  # 1+n_layer d_model
    best = softmax(head(model, stream)).topk(LIKELIEST)
    return [
        [{**token(model.tokenizer, i), "p": p} for i, p in zip(*state)]
        for state in zip(best.indices.tolist(), best.values.tolist())
    ]


def stretches(stream):
    """Return the tokens on top, one after another: [(text, number of states)]."""
    runs = []
    for state in stream:
        word = state[0]["text"]
        if runs and runs[-1][0] == word:
            runs[-1][1] += 1
        else:
            runs.append([word, 1])
    return [tuple(run) for run in runs]


def _still(text, stream):
    """Return what stays where no kernel runs: the strip, and its long stretches in words."""
    boxes, words, start = [], [], -1
    for i, (word, n) in enumerate(stretches(stream)):
        shade = ("#cfe6f5", "#fde9bd")[i % 2]
        name = escape(word) if n >= STRETCH else ""
        boxes.append(
            f'<span title="{escape(word)}" style="flex:{n} 0 0;min-width:0;overflow:hidden;'
            f'background:{shade};color:#10151a;text-align:center;white-space:pre">{name}</span>'
        )
        if n >= STRETCH:
            words.append(f"{word!r} {'from the table' if start < 0 else f'after layer {start}'} on")
        start += n
    plain = f"{text!r} …, on top of the lens: {', '.join(words)}"
    strip = (
        '<div style="display:flex;height:2.2em;line-height:2.2em;font-family:monospace;'
        f'overflow:hidden">{"".join(boxes)}</div>'
    )
    return {"text/html": f"{strip}<p>{escape(plain)}.</p>", "text/plain": plain}
