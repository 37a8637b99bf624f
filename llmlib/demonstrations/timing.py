"""Seconds on the clock: of a text's tokens, of single passes, of a loop without a cache."""

import time
from types import SimpleNamespace

import numpy as np


def timed(new_ids):
    """(the ids, seconds from the start to each of them)."""
    start, ids, times = time.perf_counter(), [], []
    for new in new_ids:
        ids.append(new)
        times.append(time.perf_counter() - start)
    return ids, times


def seconds(run, repeat=1):
    """The shortest of `repeat` runs, in seconds."""
    took = []
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        took.append(time.perf_counter() - start)
    return min(took)


class _Endless:
    """An engine without stop tokens, so that every text gets as long as it was asked to be."""

    def __init__(self, engine):
        self.engine = engine
        self.config = SimpleNamespace(context=engine.config.context, stop_ids=())

    def __call__(self, ids, cache):
        return self.engine(ids, cache, last=True)


def with_cache(engine, generate_cached, ids, new_tokens):
    """(new ids, seconds to each) of the learner's loop."""
    cache = engine.new_cache(context=len(ids) + new_tokens)
    greedy = lambda logits: logits.argmax(-1)  # noqa: E731
    return timed(generate_cached(_Endless(engine), cache, ids, new_tokens, greedy))


def without_cache(engine, ids, new_ids, every=33):
    """Seconds to each of `new_ids` when each is a pass over all that is there. No pass needs the
    one before, so every 33rd is timed and the others are read off the line between."""
    n, text = len(new_ids), ids + new_ids
    places = [*range(0, n, every), n - 1]
    sampled = [seconds(lambda i=i: engine(text[: len(ids) + i], last=True)) for i in places]
    return np.interp(range(n), places, sampled).cumsum().tolist()
