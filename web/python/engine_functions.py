"""Puts a chapter's functions into the engine of the page: the reader's where they pass their
checks, else the course's. The engine's numbers come in as tensors, and results go back to it."""

import contextlib
import json
import warnings
from array import array
from types import SimpleNamespace

import page_checks  # first: it makes importable what llmlib imports
import torch
from torch import tensors

from classroom.checking import run_cells, run_tests
from classroom.checking.plain_data import UnsupportedValue
from llmlib.tokens import Tokenizer

CODES = {torch.bool: "B", torch.float32: "f"}  # others cross as float64
_loaded = {}  # the chapter's names, as its cells have made them; what they were made of


def load(notebook, mine, tokenizer=None):
    """Run a chapter's cells, `mine` {exercise: code} in the place of the course's: what is wrong,
    or None. With `tokenizer`, the engine's tables as JSON, "tokenizer.encode" and
    "tokenizer.decode" can be called: the chapter's adapter of its two functions to the model's ids.
    Where the chapter has `generate`, so can "text.generate"."""
    _loaded.clear()
    book, space = page_checks.BOOKS[notebook], vars(run_cells.new_main())
    warnings.simplefilter("ignore")
    with contextlib.redirect_stdout(None), contextlib.redirect_stderr(None):
        for title, source in book["steps"]:
            error = run_cells.run(title, mine.get(title, source), space)
            if error and title in mine:
                return run_tests.error_message(error, page_checks.SECONDS)
    owners = {"": SimpleNamespace(**space)}
    if tokenizer:
        owners["tokenizer"] = space["MyTokenizer"](_tokenizer(json.loads(tokenizer)))
    if "generate" in space:
        owners["text"] = Text(space["generate"])
    _loaded.update(owners=owners, book=book, mine=mine, uses={})
    return None


class Text:
    """A text that the reader's `generate` writes. JavaScript runs the model before each step: the
    engine is in another thread, for which Python could not wait."""

    def __init__(self, function):
        self.function, self.steps = function, None

    def generate(self, ids, logits, start=None):
        """The next id, or None at the end. `ids` is the text so far, `logits` [vocab] what the
        model says behind it, None where the text must end. `start`, the first time: [context,
        stop_ids, max_new_tokens, temperature, top_k, top_p, min_p, seed]."""
        if start:
            context, stop_ids, *settings = start
            self.config = SimpleNamespace(context=context, stop_ids=tuple(stop_ids))
            self.vocab_size, self.steps = logits.numel(), iter(self.function(self, ids, *settings))
            self.rows = [float("nan")] * (self.vocab_size * (len(ids) - 1))  # nobody has asked
        self.ids = [*ids]
        if logits is not None:
            self.rows += tensors.numbers(logits)
        new = next(self.steps, None)
        return new.item() if isinstance(new, torch.Tensor) else new

    def __call__(self, ids):
        """The logits [1, seq, vocab], as of a model that reads `ids`."""
        given = ids.flatten().tolist() if isinstance(ids, torch.Tensor) else [*ids]
        if given != self.ids or len(self.rows) < len(given) * self.vocab_size:
            why = "it was given others" if given != self.ids else "the text should have ended there"
            raise ValueError(f"the model was to read the {len(self.ids)} ids so far: {why}")
        return tensors.new(self.rows, (1, len(given), self.vocab_size), torch.float32)


def _tokenizer(tables):
    steps = [{"type": "Digits", "individual_digits": True}, {"type": "ByteLevel"}]
    spec = {
        "model": {"vocab": tables["vocab"], "merges": tables["merges"]},
        "added_tokens": [{"content": text, "id": i} for text, i in tables["special"].items()],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
    }
    return Tokenizer.from_spec(spec, "the engine")


def tensor(data, shape):
    """A tensor of a typed array of JavaScript: of floats, of whole numbers or of truth values."""
    view = data.to_py()
    kind = {"f": torch.float32, "B": torch.bool}.get(view.format, torch.int64)
    values = view.tolist()
    if kind is torch.bool:
        values = [*map(bool, values)]
    return tensors.new(values, tuple(shape), kind)


def call(name, *args):
    """{value, message} of a function that `load` has made, or of a method, as "text.generate".
    `message` is what is wrong, in one line; {shape, data} stands for a tensor."""
    owner, _, function = name.rpartition(".")
    try:
        with contextlib.redirect_stdout(None), contextlib.redirect_stderr(None):
            called = getattr(_loaded["owners"][owner], function)
            return {"value": _plain(called(*args)), "message": ""}
    except BaseException as error:  # noqa: BLE001 - a reader's function may raise anything
        message = run_tests.error_message(error, page_checks.SECONDS, function)
        return {"value": None, "message": message}


def uses(name):
    """[{name, whose: "reader" or "course"}] of the exercises that a function is made of, itself
    included."""
    book, mine, known = _loaded["book"], _loaded["mine"], _loaded["uses"]
    if name not in known:  # it is asked at each token
        found = page_checks.reached(book, {name.rpartition(".")[2]}, mine)
        whose = [(each, "reader" if each in mine else "course") for each in found]
        known[name] = [{"name": each, "whose": who} for each, who in whose]
    return known[name]


def _plain(value):
    if isinstance(value, torch.Tensor):
        numbers = tensors.numbers(value)
        if value.dtype.is_complex:
            raise UnsupportedValue("complex numbers")
        return {"shape": [*value.shape], "data": array(CODES.get(value.dtype, "d"), numbers)}
    if isinstance(value, list | tuple):
        return [*map(_plain, value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UnsupportedValue(f"an object of type {type(value).__name__}")
