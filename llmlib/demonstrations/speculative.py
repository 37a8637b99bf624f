"""Speculative decoding of real text around a rule that the learner writes: drafts that cost next to
nothing, and the loop of draft, one checking pass and cut."""

import time
from collections import Counter, defaultdict
from dataclasses import dataclass

import torch

from llmlib.sampling import draw


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
        """Certain of the token that followed the last two where they stood before; None if they did
        not.
        """
        for at in range(len(ids) - 3, -1, -1):
            if ids[at : at + 2] == ids[-2:]:
                q = torch.zeros(self.vocab_size)
                q[ids[at + 2]] = 1.0
                return q
        return None


@dataclass(frozen=True)
class Run:
    """What a run of speculative decoding wrote, and what its drafts were worth."""

    ids: list  # the new ones
    drafted: int
    kept: int
    refused: int  # passes that ended at a refused draft
    passes: int  # of the target, after the prefill
    seconds: float  # without the prefill


def probabilities(logits, temperature):
    """What the target draws from; certainty for the likeliest token where temperature is 0."""
    if temperature == 0:
        return torch.nn.functional.one_hot(logits.argmax(-1), logits.shape[-1]).float()
    return torch.softmax(logits / temperature, -1)


def decode(model, verify_draft, draft, ids, new_tokens, k, temperature=0.8, seed=0) -> Run:
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
        p = probabilities(model([text[-1], *guesses], cache)[0], temperature)
        q = torch.stack(rows) if rows else p[:0]
        u, v = torch.rand(2, len(p), generator=generator)
        new = verify_draft(torch.tensor(guesses, dtype=torch.long), p, q, u[:-1], v)
        cache.length -= len(p) - len(new)  # the cut: forget what was drafted wrongly
        text += new
        drafted, kept, passes = drafted + len(guesses), kept + len(new) - 1, passes + 1
        refused += len(new) <= len(guesses)
    took = time.perf_counter() - start
    made = text[len(ids) : len(ids) + new_tokens]
    return Run(made, drafted, kept, refused, passes, took)
