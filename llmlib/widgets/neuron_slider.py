"""The neuron slider of notebook 4: hold one neuron of a layer, and see what is said next."""

from llmlib.output_head import softmax
from llmlib.widgets.kernel import Widget, encoded, rows

LONGEST = 200  # tokens
LIKELIEST = 6


def neuron_slider(logits_with, tokenizer, text, value):
    """Return a slider and a text box: `logits_with(ids, value)` are the last token's logits [vocab]
    with the neuron held at `value`, or left alone for None."""

    def answer(asked):
        ids = encoded(tokenizer, asked["text"], LONGEST)
        free, held = (softmax(logits_with(ids, v)) for v in (None, asked["value"]))
        return {"rows": rows(tokenizer, free, held, held.topk(LIKELIEST).indices.tolist())}

    return Widget("neuron_slider", answer, text=text, value=value)
