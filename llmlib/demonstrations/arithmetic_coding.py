"""A text as a point on the line from 0 to 1: arithmetic coding by a language model (notebook 5)."""

import math
from fractions import Fraction

import torch


def walk(choose, model, softmax):
    """Narrow the line from 0 to 1, token by token, to the end of a text: (ids, where the last
    stretch begins, how long it is)."""
    end = model.tokenizer.special_tokens["<|endoftext|>"]
    start, length, ids, cache = Fraction(0), Fraction(1), [end], model.new_cache()
    while len(ids) < 2 or ids[-1] != end:
        p = softmax(model(ids[-1:], cache)[0, -1].double())
        ends = ((p * 2**40).long() + 1).cumsum(0)  # whole numbers: nothing is rounded
        total = int(ends[-1])
        i = choose(len(ids) - 1, start, length, ends)
        left = int(ends[i - 1]) if i else 0
        start += length * Fraction(left, total)
        length *= Fraction(int(ends[i]) - left, total)
        ids.append(i)
    return ids[1:-1], start, length


def write(text, model, softmax):
    """The bytes of a point in the stretch of `text` and its end-of-text token."""
    tokens = [*model.tokenizer.encode(text), model.tokenizer.special_tokens["<|endoftext|>"]]
    _, start, length = walk(lambda n, *_: tokens[n], model, softmax)
    bits = math.log2(length.denominator) - math.log2(length.numerator)
    n_bytes = -(-(math.ceil(bits) + 1) // 8)  # rounded up to whole bytes
    return math.ceil(start * 256**n_bytes).to_bytes(n_bytes, "big")


def read(file, model, softmax):
    """The text whose stretch holds the point that `file` names."""
    point = Fraction(int.from_bytes(file, "big"), 256 ** len(file))

    def choose(n, start, length, ends):
        place = int((point - start) / length * int(ends[-1]))
        return int(torch.searchsorted(ends, place, right=True))

    return model.tokenizer.decode(walk(choose, model, softmax)[0])
