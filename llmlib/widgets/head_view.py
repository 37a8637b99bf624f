"""The first look of notebook 3: any text, and where each of its tokens looks in one head."""

from llmlib.attention import attention_maps
from llmlib.widgets.kernel import Widget, encoded, token

LONGEST = 40  # tokens: a line or two


def head_view(model, text, layer, head):
    """Return a widget: type a text, click a token, and see where it looks in one head."""

    def answer(question):
        ids = encoded(model.tokenizer, question["text"], LONGEST)
        weights = attention_maps(model, ids)[layer, head].tolist()
        return {
            "tokens": [token(model.tokenizer, i) for i in ids],
            "weights": [row[: i + 1] for i, row in enumerate(weights)],
        }

    return Widget("head_view", answer, "", text=text, layer=layer, head=head)
