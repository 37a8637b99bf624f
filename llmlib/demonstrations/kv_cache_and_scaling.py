"""What notebook 7's demonstrations measure and need not show."""

import math
import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import torch

from llmlib import data, generate, training
from llmlib.decode_step import one_thread
from llmlib.embeddings import apply_rope
from llmlib.fast.quantized import Packed
from llmlib.model import Model
from llmlib.output_head import cross_entropy
from llmlib.sampling import draw

TEXTS, LENGTH = 16, 129  # held-out stories, their first tokens: 2,048 predictions

# Four ways to break a KV cache, planted in the engine one at a time.


def _greedy(logits):
    return logits.argmax(-1)


def _without_start(seq, start=0):
    return torch.ones(seq, start + seq).tril().bool()


CACHE_BUGS = {
    "no offset": {"position": lambda x, at, theta: apply_rope(x, at - at[0], theta)},
    "mask without start": {"mask": _without_start},
    "torch.cat": {"cache": lambda s, new, start: torch.cat([s[:, :, :start], new], 2)},
    "an old cache": {},
}


def written(engine, generate_cached, runs, bug="none"):
    """Return the new ids of each run (ids of a prompt, how many new ones), one after the other,
    by the learner's loop with a bug; without a cache if there is no loop."""
    engine_with_bug, ids_of_runs = engine.using(**CACHE_BUGS.get(bug, {})), []
    context = sum(len(ids) + n for ids, n in runs)
    old = engine_with_bug.new_cache(context=context)
    for ids, n in runs:
        if generate_cached:
            cache = old if bug == "an old cache" else engine_with_bug.new_cache(context=context)
            new = generate_cached(engine_with_bug, cache, ids, n, _greedy)
        else:
            new = generate(engine_with_bug, ids, n, use_cache=False)
        ids_of_runs.append(list(new))
    return ids_of_runs


# Seconds on the clock: of a text's tokens, of single passes, of a loop without a cache.


def timed(new_ids):
    """Return the ids, and the seconds from the start to each of them."""
    start, ids, times = time.perf_counter(), [], []
    for new in new_ids:
        ids.append(new)
        times.append(time.perf_counter() - start)
    return ids, times


def seconds(run, repeat=1):
    """Return the shortest of `repeat` runs, in seconds."""
    took = []
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        took.append(time.perf_counter() - start)
    return min(took)


class _Endless:
    """Run an engine without stop tokens, so that every text gets as long as it was asked to be."""

    def __init__(self, engine):
        self.engine = engine
        self.config = SimpleNamespace(context=engine.config.context, stop_ids=())

    def __call__(self, ids, cache):
        return self.engine(ids, cache, last=True)


def times_with_cache(engine, generate_cached, ids, new_tokens):
    """Return the new ids of the learner's loop, and the seconds to each."""
    cache = engine.new_cache(context=len(ids) + new_tokens)
    return timed(generate_cached(_Endless(engine), cache, ids, new_tokens, _greedy))


def times_without_cache(engine, ids, new_ids, every=33):
    """Return the seconds to each of `new_ids` when each is a pass over all that is there. No
    pass needs the one before, so every 33rd is timed and the others are read off the line
    between."""
    n, text = len(new_ids), ids + new_ids
    places = [*range(0, n, every), n - 1]
    sampled = [seconds(lambda i=i: engine(text[: len(ids) + i], last=True)) for i in places]
    return np.interp(range(n), places, sampled).cumsum().tolist()


# This machine's three limits: how fast it reads, how fast it calculates, how long it takes to start
# a pass's operations.

ROUNDS = 8  # the quickest of so many runs, taken in turns: other programs slow some of them
MANY = 32, 64, 128  # tokens in one product, for the peak


@dataclass(frozen=True)
class MachineLimits:
    """Hold what this machine can do at most with this model, and the passes that show it."""

    bandwidth: float  # bytes per second, of this model's weights
    peak: float  # operations per second
    overhead: float  # seconds of a pass that has next to nothing to read or to calculate
    whole: float  # seconds of a pass over one token
    one_layer: float  # the same with the first layer in place of all thirty


def machine_limits(model) -> MachineLimits:
    """Measure the limits on the model's own matrices: bandwidth from the fastest reading of all of
    them, peak from the best product with those of eight layers."""
    weights, layers = model.weights, model.weights.layers
    shape = training.tiny_config(16, n_layer=len(layers))
    passes = {
        "whole": model,
        "one layer": replace(model, weights=replace(weights, layers=layers[:1] * len(layers))),
        "thin": replace(model, config=shape, weights=training.new_weights(shape, seed=0)),
    }
    matrices = _matrices(model)
    times = {name: math.inf for name in (*passes, "reading")}
    for _ in range(ROUNDS):
        for name, engine in passes.items():
            times[name] = min(times[name], seconds(lambda: engine([5], last=True)))
        times["reading"] = min(times["reading"], seconds(lambda: [w.sum() for w in matrices]))
    bandwidth = sum(w.nbytes for w in matrices) / min(times["reading"], times["whole"])
    return MachineLimits(
        bandwidth, _peak(layers[:8]), times["thin"], times["whole"], times["one layer"]
    )


def _peak(layers):
    """Return the operations per second of the best product with the layers' widest matrices."""
    matrices = [layer.mlp[0] for layer in layers]
    best = 0.0
    for n in MANY:
        x = torch.randn(n, matrices[0].shape[1])
        quickest = seconds(lambda: [x @ w.T for w in matrices], repeat=4)
        best = max(best, 2 * n * sum(w.numel() for w in matrices) / quickest)
    return best


# The learner's engine, faster in four ways.

MATRICES = "q", "k", "v", "o", "mlp"  # of a layer


def with_matrices(model, change):
    """Return `model` with change(w) for every matrix w: those of all layers, and the embedding
    table."""

    def trip(w):
        return w if w is None or w.dim() < 2 else change(w)

    def layer(old):
        return replace(old, **{name: tuple(map(trip, getattr(old, name))) for name in MATRICES})

    table = trip(model.weights.embedding)
    layers = [layer(old) for old in model.weights.layers]
    weights = replace(model.weights, embedding=table, unembedding=table, layers=layers)
    return replace(model, weights=weights)


def in_int8(engine, quantize_int8):
    """Return the engine with all matrices as the learner's whole numbers and scales, and the
    products that multiply by these."""

    def packed(w):
        q, scale = quantize_int8(w)
        return Packed(q, scale.flatten().bfloat16())

    return with_matrices(engine, packed)


def weight_bytes(engine):
    """Return the bytes of all matrices, as they are stored."""
    return sum(w.nbytes for w in _matrices(engine))


def _matrices(engine):
    """Return the embedding table and the matrices of all layers."""
    layers = [w for layer in engine.weights.layers for m in MATRICES for w in getattr(layer, m)]
    return [w for w in [engine.weights.embedding, *layers] if w is not None]


def pass_seconds(engine, ids, batch=1, use_cache=True):
    """Return the median of eight passes that decode, in seconds: a token more behind `ids` in
    each of `batch` texts; without a cache, over `ids` alone."""
    if not use_cache:
        return statistics.median(seconds(lambda: engine(ids, last=True)) for _ in range(8))
    cache = engine.new_cache(batch=batch, context=len(ids) + 9)
    engine(torch.tensor([ids] * batch), cache, last=True)
    new = torch.tensor([ids[:1]] * batch)
    return statistics.median(seconds(lambda: engine(new, cache)) for _ in range(8))


# Speculative decoding of real text around a rule that the learner writes: drafts that cost next
# to nothing, and the loop of draft, one checking pass and cut.


class Trigrams:
    """Draft by counting: q(next | last two ids), mixed with the last one's and with plain
    frequencies, the more so the fewer times the pair was seen."""

    def __init__(self, texts, vocab_size):
        self.after_one, self.after_two = defaultdict(Counter), defaultdict(Counter)
        self.frequency = torch.zeros(vocab_size)
        for ids in texts:
            self.frequency += torch.bincount(torch.tensor(ids), minlength=vocab_size)
            for one, new in zip(ids, ids[1:]):
                self.after_one[one][new] += 1
            for one, two, new in zip(ids, ids[1:], ids[2:]):
                self.after_two[one, two][new] += 1
        self.frequency /= self.frequency.sum()

    def __call__(self, ids):
        """Return q over the whole vocabulary for the token after `ids`."""
        q = self.frequency.clone()
        for followers in (self.after_one.get(ids[-1]), self.after_two.get(tuple(ids[-2:]))):
            if followers:
                n = sum(followers.values())
                trust = n / (n + 0.5 * len(followers))  # little, where every count is 1
                q *= 1 - trust
                q[list(followers)] += (
                    trust / n * torch.tensor(list(followers.values()), dtype=q.dtype)
                )
        return q / q.sum()


class LookUp:
    """Draft by prompt look-up (Saxena 2023): what followed the last two ids when they last stood
    in the text, with certainty; None where they never did."""

    def __init__(self, vocab_size):
        self.vocab_size = vocab_size

    def __call__(self, ids):
        """Return the probabilities [vocab_size] of the token after `ids`."""
        for at in range(len(ids) - 3, -1, -1):
            if ids[at : at + 2] == ids[-2:]:
                q = torch.zeros(self.vocab_size)
                q[ids[at + 2]] = 1.0
                return q
        return None


@dataclass(frozen=True)
class SpeculativeRun:
    """Hold what speculative decoding wrote, and what its draft was worth."""

    ids: list  # the new ones
    drafted: int
    kept: int
    refused: int  # passes that ended at a refused draft
    passes: int  # of the target, after the prefill
    seconds: float  # without the prefill


def _target_probabilities(logits, temperature):
    """Return what the target draws from; certainty for the likeliest token where temperature is
    0."""
    if temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).float()
    return torch.softmax(logits / temperature, -1)


def speculative_decode(
    model, verify_draft, draft, ids, new_tokens, k, temperature=0.8, seed=0
) -> SpeculativeRun:
    """Continue `ids` with drafts of up to k tokens; with k = 0 this is plain decoding."""
    generator = torch.Generator().manual_seed(seed)
    cache, text = model.new_cache(context=len(ids) + new_tokens + k + 1), list(ids)
    model(text[:-1], cache, last=True)
    drafted = kept = refused = passes = 0
    start = time.perf_counter()
    while len(text) - len(ids) < new_tokens:
        guesses, rows = [], []
        while len(guesses) < k and (q := draft(text + guesses)) is not None:
            rows.append(q)
            guesses += draw(q[None], torch.rand(1, generator=generator)).tolist()
        p = _target_probabilities(model([text[-1], *guesses], cache)[0], temperature)
        q = torch.stack(rows) if rows else p[:0]
        u, v = torch.rand(2, len(p), generator=generator)
        new = verify_draft(torch.tensor(guesses, dtype=torch.long), p, q, u[:-1], v)
        cache.length -= len(p) - len(new)  # the cut: forget what was drafted wrongly
        text += new
        drafted, kept, passes = drafted + len(guesses), kept + len(new) - 1, passes + 1
        refused += len(new) <= len(guesses)
    took = time.perf_counter() - start
    new_ids = text[len(ids) : len(ids) + new_tokens]
    return SpeculativeRun(new_ids, drafted, kept, refused, passes, took)


# The tiny model that learns from stories: its first loss, its own stories, its look back.


class Student:
    """Hold a tiny model with random weights, its tokenizer, and the stories as tokens."""

    def __init__(self, train, held_out, d_model=64, seed=0):
        self.tokenizer = training.story_tokenizer(train[:256])
        self.train_tokens = training.as_tokens(train, self.tokenizer)
        self.watched = training.as_tokens(held_out[:32], self.tokenizer)
        self.bytes_a_token = self.train_tokens.n_bytes / len(self.train_tokens.ids)
        self.config = training.tiny_config(d_model)
        self.weights = training.new_weights(self.config, seed)
        self.size = sum(t.numel() for t in training.tensors(self.weights))

    def nats_a_byte(self, context=None):
        """Return the loss on 32 held-out stories, with windows of `context` tokens."""
        config = replace(self.config, context=context or self.config.context)
        with one_thread():  # a second one costs more than it saves in products this small
            return training.nats_per_byte(self.weights, config, self.watched)

    def nats_a_token(self):
        """Return the mean loss on the held-out stories, in nats per token."""
        counted = (self.watched.targets != training.IGNORED).sum().item()
        return self.nats_a_byte() * self.watched.n_bytes / counted

    def learn(self, steps, peak, seed=0):
        """Yield (step, loss in nats a byte)."""
        options = {"seed": seed, "peak": peak}
        with one_thread():
            for step, loss in training.train(
                self.weights, self.config, self.train_tokens, steps, **options
            ):
                yield step, loss / self.bytes_a_token

    def story(self, new_tokens=110):
        """Write the beginning of a story, temperature 0.8."""
        tiny = training.as_model(self.weights, self.config, self.tokenizer)
        start = self.tokenizer.special_tokens[training.BETWEEN]
        with one_thread():
            new_ids = list(generate(tiny, [start], new_tokens, temperature=0.8, seed=1))
        return self.tokenizer.decode([i for i in new_ids if i != start])


# The recorded training runs, sorted for questions: rates, seeds, sizes, budgets.

TUNED_AT = 409_600  # tokens of the runs that chose the rates


class RecordedRuns:
    """Sort the recorded runs (`data.scaling_runs()`), those at the best rate of their width; at
    another one where `rates`, {width: rate}, says so."""

    def __init__(self, recorded, rates=None):
        self.swept = {}
        for run in recorded:
            if run["seed"] == 0 and run["tokens"] == TUNED_AT:
                self.swept.setdefault(run["d_model"], {})[run["rate"]] = run["loss"]
        self.best_rate = {w: min(by, key=by.get) for w, by in sorted(self.swept.items())}
        self.best_rate |= rates or {}
        self.widths = sorted(self.best_rate)
        self.budgets = sorted({run["tokens"] for run in recorded})
        self.size = {run["d_model"]: run["parameters"] for run in recorded}
        self._runs, self._losses = recorded, {}
        for run in recorded:
            if run["rate"] == self.best_rate[run["d_model"]]:
                key = run["d_model"], run["tokens"]
                self._losses.setdefault(key, []).append(run["loss"])

    @property
    def n(self):
        """Return the sizes, parameters without the embedding table: [widths]."""
        return torch.tensor([self.size[w] for w in self.widths], dtype=torch.float64)

    def losses(self, width, tokens):
        """Return the losses of all seeds."""
        return self._losses[width, tokens]

    def mean(self, tokens):
        """Return the mean loss of the seeds of every width: [widths]."""
        means = [self.mean_of(width, tokens) for width in self.widths]
        return torch.tensor(means, dtype=torch.float64)

    def mean_of(self, width, tokens):
        """Return the mean loss of the seeds of one width."""
        losses = self.losses(width, tokens)
        return sum(losses) / len(losses)

    def one_seed(self, tokens, generator):
        """Return the loss of every width from a seed drawn at random: [widths]."""
        rows = torch.tensor([self.losses(w, tokens) for w in self.widths], dtype=torch.float64)
        places = torch.randint(rows.shape[1], (len(rows), 1), generator=generator)
        return rows.gather(1, places)[:, 0]

    def shares_right(self, width, tokens):
        """Return the shares of one token right and of five in a row: two lists, a share for each
        seed."""
        shares = [
            (run["one_right"], run["five_right"])
            for run in self._runs
            if (run["d_model"], run["tokens"], run["rate"])
            == (width, tokens, self.best_rate[width])
        ]
        return tuple(map(list, zip(*shares)))


def held_out_ids() -> torch.Tensor:
    """Return the beginnings of the first held-out stories that are long enough: ids [16, 129]."""
    long = [story.ids[:LENGTH] for story in data.stories("held_out") if len(story.ids) >= LENGTH]
    return torch.tensor(long[:TEXTS])


def measure(model: Model, ids: torch.Tensor) -> tuple[float, torch.Tensor]:
    """Return (the mean loss in nats per token, the likeliest token at each position)."""
    logits = model(ids)[:, :-1]
    return cross_entropy(logits, ids[:, 1:]).item(), logits.argmax(-1)
