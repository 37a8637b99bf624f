"""The scores of notebook 7: what a step of the loop computes of the attention matrix, without a
cache and with one.

It is an output like a picture: once computed, it moves without a kernel, and where scripts are not
run the picture stays."""

import json
from html import escape

from llmlib.attention import scaled_dot_product_attention
from llmlib.plots import image, kv_cache, leave
from llmlib.widgets import joined
from llmlib.widgets.attention_explorer import run


def cached_scores(model, prompt, new_ids, layer, head):
    """Show the shares of one head on the ids of `prompt` and `new_ids`, under a slider for the
    step: on the left all that a step without a cache computes, on the right its last row."""
    maps, _ = run(model, scaled_dot_product_attention, prompt + new_ids)
    shares = maps[layer, head]
    tokens = [model.tokenizer.decode([i]) for i in prompt + new_ids]
    given = {
        "tokens": tokens,
        "prompt": len(prompt),
        "layer": layer,
        "head": head,
        "shares": [[round(x, 3) for x in row[: i + 1]] for i, row in enumerate(shares.tolist())],
    }
    fig = kv_cache.scores_of_a_step(shares, tokens)
    still = image(fig, fig.alt)
    numbers = escape(json.dumps(given, ensure_ascii=False, separators=(",", ":")))
    place = f'<div data-widget="cached_scores" data-given="{numbers}">{still["text/html"]}</div>'
    leave(still | {"text/html": place + joined.script("cached_scores")})
