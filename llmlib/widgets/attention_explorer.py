"""The attention explorer of notebook 3: any text, all heads at once, and some switched off."""

from functools import lru_cache

import torch

from llmlib.output_head import softmax
from llmlib.widgets.kernel import Widget, encoded, rows, token

LONGEST = 40  # tokens: more would not be told apart in a square
LIKELIEST = 5


def attention_explorer(model, attention, text, layer=0, head=0):
    """Return a widget: type a text, click a head and a token, and see where that token looks;
    switch heads off and see what comes next. `attention(q, k, v, mask)` is the learner's."""
    look = lru_cache(maxsize=8)(lambda ids, off: run(model, attention, ids, off))

    def answer(asked):
        ids = tuple(encoded(model.tokenizer, asked["text"], LONGEST))
        off = frozenset(map(tuple, asked["off"]))
        (maps, logits), (_, free) = look(ids, off), look(ids, frozenset())
        each = zip(softmax(free), softmax(logits))
        after = [
            rows(model.tokenizer, before, now, now.topk(LIKELIEST).indices.tolist())
            for before, now in each
        ]
        tokens = [token(model.tokenizer, i) for i in ids]
        return {"tokens": tokens, "next": after}, [maps.float().contiguous().numpy()]

    shape = {name: getattr(model.config, name) for name in ("n_layer", "n_head")}
    given = {"text": text, "layer": layer, "head": head}
    return Widget("attention_explorer", answer, "", **given, **shape)


def run(model, attention, ids, off=()):
    """Return each head's shares [n_layer, n_head, seq, seq] and the logits [seq, vocab], with the
    (layer, head) in `off` silent. With the identity as values, attention returns its shares."""
    maps = []

    def watched(q, k, v, mask=None):
        shares = attention(q, k, torch.eye(k.shape[-2]).expand(*k.shape[:-1], -1), mask)
        read = shares @ v
        read[:, [head for layer, head in off if layer == len(maps)]] = 0
        maps.append(shares[0])
        return read

    logits = model.using(attention=watched)(list(ids))[0]
    return torch.stack(maps), logits
