"""What notebook 7's demonstrations measure and need not show."""

import statistics
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import torch

from llmlib import generate, training
from llmlib.decode_step import one_thread
from llmlib.embeddings import apply_rope
from llmlib.fast.quantized import Packed
from llmlib.sampling import draw

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
    """The new ids of each run (ids of a prompt, how many new ones), one after the other, by the
    learner's loop with a bug; without a cache if there is no loop."""
    some, found = engine.using(**CACHE_BUGS.get(bug, {})), []
    context = sum(len(ids) + n for ids, n in runs)
    old = some.new_cache(context=context)
    for ids, n in runs:
        if generate_cached:
            cache = old if bug == "an old cache" else some.new_cache(context=context)
            new = generate_cached(some, cache, ids, n, _greedy)
        else:
            new = generate(some, ids, n, use_cache=False)
        found.append(list(new))
    return found


# Seconds on the clock: of a text's tokens, of single passes, of a loop without a cache.


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


def times_with_cache(engine, generate_cached, ids, new_tokens):
    """(new ids, seconds to each) of the learner's loop."""
    cache = engine.new_cache(context=len(ids) + new_tokens)
    return timed(generate_cached(_Endless(engine), cache, ids, new_tokens, _greedy))


def times_without_cache(engine, ids, new_ids, every=33):
    """Seconds to each of `new_ids` when each is a pass over all that is there. No pass needs the
    one before, so every 33rd is timed and the others are read off the line between."""
    n, text = len(new_ids), ids + new_ids
    places = [*range(0, n, every), n - 1]
    sampled = [seconds(lambda i=i: engine(text[: len(ids) + i], last=True)) for i in places]
    return np.interp(range(n), places, sampled).cumsum().tolist()


# This machine's two limits: how fast it reads and how fast it calculates.

COUNTS = 1, 2, 4, 8, 16, 32, 64, 128  # vectors that go through the matrices together


@dataclass(frozen=True)
class MachineLimits:
    """What a processor can do at most, and one vector that waits for memory."""

    bandwidth: float  # bytes per second
    peak: float  # operations per second
    apart: float  # seconds of one vector by 60 matrices
    again: float  # seconds of one vector by one of them, 60 times


def machine_limits() -> MachineLimits:
    """Products with 60 matrices of SmolLM2's sizes, 212 MB: bandwidth from the fastest reading of
    them (a plain sum, or a product), peak from the best product."""
    weights = [torch.randn(1536, 576) for _ in range(60)]
    total = sum(w.numel() for w in weights)

    def through_all(n, matrices=weights):
        x = torch.randn(n, 576)
        return seconds(lambda: [x @ w.T for w in matrices], repeat=6 if n < 8 else 2)

    apart, again = through_all(1), through_all(1, 60 * weights[:1])
    plain_sum = 4 * total / seconds(lambda: [w.sum() for w in weights], repeat=6)
    speeds = [2 * total * n / through_all(n) for n in COUNTS]
    bandwidth = max([plain_sum, *(2 * s / n for n, s in zip(COUNTS, speeds))])
    return MachineLimits(bandwidth, max(speeds), apart, again)


# The learner's engine, faster in four ways.

MATRICES = "q", "k", "v", "o", "mlp"  # of a layer


def with_matrices(model, change):
    """`model` with change(w) in place of every matrix w: those of all layers, and the embedding
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
    """The engine with every matrix as the learner's whole numbers and scales, and the products that
    multiply by these."""

    def packed(w):
        q, scale = quantize_int8(w)
        return Packed(q, scale.flatten().bfloat16())

    return with_matrices(engine, packed)


def weight_bytes(engine):
    """Bytes of all matrices, as they are stored."""
    layers = [w for layer in engine.weights.layers for m in MATRICES for w in getattr(layer, m)]
    return sum(w.nbytes for w in [engine.weights.embedding, *layers] if w is not None)


def pass_seconds(engine, ids, batch=1, use_cache=True):
    """The median of eight passes that decode, in seconds: a token more behind `ids` in each of
    `batch` texts; without a cache, over `ids` alone."""
    if not use_cache:
        return statistics.median(seconds(lambda: engine(ids, last=True)) for _ in range(8))
    cache = engine.new_cache(batch=batch, context=len(ids) + 9)
    engine(torch.tensor([ids] * batch), cache, last=True)
    new = torch.tensor([ids[:1]] * batch)
    return statistics.median(seconds(lambda: engine(new, cache)) for _ in range(8))


# Speculative decoding of real text around a rule that the learner writes: drafts that cost next
# to nothing, and the loop of draft, one checking pass and cut.


class Trigrams:
    """A draft model that counts: q(next | last two ids), mixed with the last one's and with plain
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
        """q over the whole vocabulary for the token after `ids`."""
        q = self.frequency.clone()
        for seen in (self.after_one.get(ids[-1]), self.after_two.get(tuple(ids[-2:]))):
            if seen:
                n = sum(seen.values())
                trust = n / (n + 0.5 * len(seen))  # little, where every count is 1
                q *= 1 - trust
                q[list(seen)] += trust / n * torch.tensor(list(seen.values()), dtype=q.dtype)
        return q / q.sum()


class LookUp:
    """Prompt look-up (Saxena 2023): what followed the last two ids when they last stood in the
    text, with certainty; None where they never did."""

    def __init__(self, vocab_size):
        self.vocab_size = vocab_size

    def __call__(self, ids):
        """Logits [vocab_size] for the token after `ids`."""
        for at in range(len(ids) - 3, -1, -1):
            if ids[at : at + 2] == ids[-2:]:
                q = torch.zeros(self.vocab_size)
                q[ids[at + 2]] = 1.0
                return q
        return None


@dataclass(frozen=True)
class SpeculativeRun:
    """What speculative decoding wrote, and what its draft was worth."""

    ids: list  # the new ones
    drafted: int
    kept: int
    refused: int  # passes that ended at a refused draft
    passes: int  # of the target, after the prefill
    seconds: float  # without the prefill


def _target_probabilities(logits, temperature):
    """What the target draws from; certainty for the likeliest token where temperature is 0."""
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
    made = text[len(ids) : len(ids) + new_tokens]
    return SpeculativeRun(made, drafted, kept, refused, passes, took)


# The tiny model that learns from stories: its first loss, its own stories, its look back.


class Student:
    """A tiny model with random weights, its tokenizer, and the stories as tokens."""

    def __init__(self, train, held_out, d_model=64, seed=0):
        self.tokenizer = training.story_tokenizer(train[:256])
        self.train_tokens = training.as_tokens(train, self.tokenizer)
        self.watched = training.as_tokens(held_out[:32], self.tokenizer)
        self.bytes_a_token = self.train_tokens.n_bytes / len(self.train_tokens.ids)
        self.config = training.tiny_config(d_model)
        self.weights = training.new_weights(self.config, seed)
        self.size = sum(t.numel() for t in training.tensors(self.weights))

    def nats_a_byte(self, context=None):
        """The loss on 32 held-out stories, with windows of `context` tokens."""
        config = replace(self.config, context=context or self.config.context)
        with one_thread():  # a second one costs more than it saves in products this small
            return training.nats_per_byte(self.weights, config, self.watched)

    def nats_a_token(self):
        """Mean loss on the held-out stories, in nats per token."""
        counted = (self.watched.targets != training.IGNORED).sum().item()
        return self.nats_a_byte() * self.watched.n_bytes / counted

    def learn(self, steps, peak, seed=0):
        """Yields (step, loss in nats a byte)."""
        options = {"seed": seed, "peak": peak}
        with one_thread():
            for step, loss in training.train(
                self.weights, self.config, self.train_tokens, steps, **options
            ):
                yield step, loss / self.bytes_a_token

    def story(self, new_tokens=110):
        """The beginning of a story, temperature 0.8."""
        tiny = training.as_model(self.weights, self.config, self.tokenizer)
        start = self.tokenizer.special_tokens[training.BETWEEN]
        with one_thread():
            new_ids = list(generate(tiny, [start], new_tokens, temperature=0.8, seed=1))
        return self.tokenizer.decode([i for i in new_ids if i != start])


# The recorded training runs, sorted for questions: rates, seeds, sizes, budgets.

TUNED_AT = 409_600  # tokens of the runs that chose the rates


class RecordedRuns:
    """The recorded runs (`data.scaling_runs()`), those at the best rate of their width."""

    def __init__(self, found):
        self.swept = {}
        for run in found:
            if run["seed"] == 0 and run["tokens"] == TUNED_AT:
                self.swept.setdefault(run["d_model"], {})[run["rate"]] = run["loss"]
        self.best_rate = {w: min(by, key=by.get) for w, by in sorted(self.swept.items())}
        self.widths = sorted(self.best_rate)
        self.budgets = sorted({run["tokens"] for run in found})
        self.size = {run["d_model"]: run["parameters"] for run in found}
        self._found, self._losses = found, {}
        for run in found:
            if run["rate"] == self.best_rate[run["d_model"]]:
                key = run["d_model"], run["tokens"]
                self._losses.setdefault(key, []).append(run["loss"])

    @property
    def n(self):
        """The sizes, parameters without the embedding table: [widths]."""
        return torch.tensor([self.size[w] for w in self.widths], dtype=torch.float64)

    def losses(self, width, tokens):
        """The losses of all seeds."""
        return self._losses[width, tokens]

    def mean(self, tokens):
        """The mean loss of the seeds of every width: [widths]."""
        means = [sum(self.losses(w, tokens)) / len(self.losses(w, tokens)) for w in self.widths]
        return torch.tensor(means, dtype=torch.float64)

    def one_seed(self, tokens, generator):
        """The loss of every width from a seed drawn at random: [widths]."""
        rows = torch.tensor([self.losses(w, tokens) for w in self.widths], dtype=torch.float64)
        drawn = torch.randint(rows.shape[1], (len(rows), 1), generator=generator)
        return rows.gather(1, drawn)[:, 0]

    def shares_right(self, width, tokens):
        """One token right, and five in a row: two lists, a share for each seed."""
        both = [
            (run["one_right"], run["five_right"])
            for run in self._found
            if (run["d_model"], run["tokens"], run["rate"])
            == (width, tokens, self.best_rate[width])
        ]
        return tuple(map(list, zip(*both)))


def bootstrap(fit, n, loss, times=200, seed=3):
    """`times` fits to the fitted curve with its residuals drawn again, with replacement (the
    residual bootstrap): [(e, a, alpha)]."""
    e, a, alpha = fit(n, loss)
    curve, generator = e + a * n**-alpha, torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(n), (times, len(n)), generator=generator)
    return [fit(n, curve + (loss - curve)[each]) for each in drawn]
