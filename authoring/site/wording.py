"""What a chapter says of its controls where the page's differ from the notebook's: there a kernel
runs the reader's own functions, here the page's."""

import re

from exercises.format.notebooks import SourceError

# {notebook: {what it says: what its page says}}
ON_THE_PAGE = {
    "01_tokens": {
        "The slider sets how many merges your `encode` may use; each token has its id in this "
        "notebook's numbering below it.": (
            "The slider sets how many of SmolLM2's merges are used; each token has its id below it."
        )
    },
    "03_attention": {
        "Type a sentence and click a token: the arcs show where it looks.": (
            "Click a token: the arcs show where it looks. With the model in this page, type a "
            "sentence of your own."
        ),
        "By *your* `scaled_dot_product_attention`, on any text that you type.": (
            "On a text, and with the model in this page on any text that you type."
        ),
        "Switch heads off, and see what the model writes instead.": (
            "With the model in this page, switch heads off, and see what it writes instead."
        ),
    },
    "04_layers": {
        "**Drag the layer, or type a sentence of your own.**": (
            "**Drag the layer, and with the model in this page type a sentence of your own.**"
        ),
        "type another text below the picture and move the slider.": (
            "move the slider, and with the model in this page type another text."
        ),
    },
    "07_kv_cache_and_scaling": {
        "Each click is one turn of *your* loop. The table above the controls is the second turn.": (
            "Each click on “Next token” is one turn of the loop."
        ),
        "Move the sliders: they call your `step_seconds`.": "Move the sliders.",
    },
}


def reworded(text: str, name: str) -> str:
    """A text of the notebook `name`, as its page says it."""
    for said, here in ON_THE_PAGE.get(name, {}).items():
        text = _anywhere(said).sub(here, text)
    return text


def check(texts: list[str], name: str) -> None:
    """SourceError if the notebook `name` no longer says what is said otherwise on its page."""
    for said in ON_THE_PAGE.get(name, {}):
        if not _anywhere(said).search("\n".join(texts)):
            raise SourceError(f"{name} does not say {said!r}: correct authoring/site/wording.py.")


def _anywhere(said: str) -> re.Pattern[str]:
    """A sentence, however its lines are broken."""
    return re.compile(r"\s+".join(map(re.escape, said.split())))
