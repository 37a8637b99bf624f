"""The kernel's side of a widget. `web/widgets/NAME.js` draws it, in a notebook and on the course's
page, from numbers; in a notebook the kernel answers with them. Each widget has a file of its own;
`plots.show(fig, alt, widget)` keeps a figure above it."""

import json

import anywidget
import traitlets

from llmlib.widgets import joined


class Refused(Exception):
    """A question that has no answer; its sentence is what the reader is told."""


class Widget(anywidget.AnyWidget):
    """A widget that asks `answer(question)` for numbers: {…} -> {…}, or ({…}, [buffers])."""

    _esm = traitlets.Unicode().tag(sync=True)
    _css = traitlets.Unicode().tag(sync=True)
    given = traitlets.Dict().tag(sync=True)

    def __init__(self, name, answer, who="", **given):
        """`name` is that of the module in web/widgets, `given` what it starts with, and `who` the
        learner's function that computes, whose name is said with what it raises."""
        super().__init__(_esm=joined.module(name), _css=joined.styles(), given=given)
        self.answer, self.who = answer, who
        self.on_msg(lambda _, content, buffers: self.send(*self.reply(content)))

    def reply(self, asked):
        """What is sent for a question, {"number", "question"}: {"number"} and "answer" or "fault",
        and the buffers."""
        number = {"number": asked["number"]}
        try:
            answer = self.answer(asked["question"])
            answer, buffers = answer if isinstance(answer, tuple) else (answer, None)
            json.dumps(answer, allow_nan=False)
        except Refused as refused:
            return number | {"fault": str(refused)}, None
        except Exception as error:  # noqa: BLE001 - the learner's own function
            raised = f"{self.who} raised " if self.who else ""
            return number | {"fault": f"{raised}{type(error).__name__}: {error}"}, None
        return number | {"answer": answer}, buffers


def encoded(tokenizer, text, longest):
    """The ids of a text that a reader typed. Refused if there are none, or more than `longest`."""
    ids = tokenizer.encode(text)
    if not ids:
        raise Refused("Type a text first.")
    if len(ids) > longest:
        raise Refused(f"This text is {len(ids)} tokens. The limit is {longest}: shorten it.")
    return ids


def token(tokenizer, i):
    """A token as it is drawn: {"text"}; with "bytes" where they are a part of a character."""
    text = tokenizer.decode([i])
    return {"text": text} | ({"bytes": [*tokenizer.vocab[i]]} if "\ufffd" in text else {})


def rows(tokenizer, before, after, ids, chosen=None):
    """A row for each of `ids`: what it had `before` and has `after`, both [vocab] probabilities."""
    return [
        {
            "text": token(tokenizer, i),
            "before": before[i].item(),
            "after": after[i].item(),
            "chosen": i == chosen,
        }
        for i in ids
    ]
