"""The tokenizer playground of notebook 1: your own `encode`, any text, any number of merges."""

from llmlib.plots import leave
from llmlib.plots.tokens import token_spans
from llmlib.widgets.kernel import Widget

STEPS = (0, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 50000)


def tokenizer_playground(encode, tokenizers, text):
    """Show `text` cut by `encode` with 0, 1,000 and all merges; below it controls for both.
    encode: (text, merges) -> ids; tokenizers: {name: merges as pairs of ids}."""

    def cut(text, name, count):
        """Return the ids, and the bytes of each."""
        merges, spelled = tokenizers[name][:count], [bytes([b]) for b in range(256)]
        for left, right in merges:
            spelled.append(spelled[left] + spelled[right])
        ids = encode(text, merges)
        return ids, [spelled[i] for i in ids]

    def answer(asked):
        tokens = zip(*cut(asked["text"], asked["name"], asked["count"]))
        return {
            "tokens": [
                {"id": i, "text": piece.decode(errors="replace"), "bytes": [*piece]}
                for i, piece in tokens
            ]
        }

    html, plain = [], []
    name, merges = next(iter(tokenizers.items()))
    for count in (0, 1000, len(merges)):
        ids, pieces = cut(text, name, count)
        each = len(text.encode("utf-8")) / max(1, len(ids))
        count = min(count, len(merges))
        plain.append(f"{name}, {count:,} merges: {len(ids)} tokens, {each:.2f} bytes a token")
        html.append(token_spans(plain[-1], pieces, ids))
    given = {"text": text, "names": list(tokenizers), "counts": STEPS}
    widget = Widget("tokenizer_playground", answer, "encode", **given)
    leave({"text/html": "".join(html), "text/plain": "\n".join(plain)}, widget)
