"""Sums whose intermediate results are single digits, and how many a model gets right."""

import math
import random

from llmlib.demonstrations.next_token import next_probabilities

SOLVED = "2 + 3 = 5\n9 - 4 + 1 = 6\n"


def sums(steps, n, rng):
    """n problems such as ("7 - 2 + 3", 8) with that many operations, all results between 0 and 9;
    `rng` is a `random.Random`."""
    found = []
    while len(found) < n:
        value, inside = rng.randrange(1, 10), True
        text = str(value)
        for _ in range(steps):
            sign, number = rng.choice("+-"), rng.randrange(1, 9)
            value = value + number if sign == "+" else value - number
            text, inside = f"{text} {sign} {number}", inside and 0 <= value <= 9
        if inside:
            found.append((text, value))
    return found


def scores(model, operations, n, seed):
    """n problems for each number of operations -> {number: [(problem, right or not)]}."""
    rng, found = random.Random(seed), {}
    for steps in operations:
        problems = sums(steps, n, rng)
        p = next_probabilities(model, [f"{text} = " for text, _ in problems], SOLVED)
        got = [model.tokenizer.decode([i]).strip() for i in p.argmax(-1).tolist()]
        found[steps] = [(text, g == str(value)) for g, (text, value) in zip(got, problems)]
    return found


def interval(hits, cases):
    """95 % interval of a share, by Wilson: (hits, cases, low, high)."""
    share, z = hits / cases, 1.96
    middle = (share + z**2 / 2 / cases) / (1 + z**2 / cases)
    half = z * math.sqrt(share * (1 - share) / cases + (z / 2 / cases) ** 2)
    half /= 1 + z**2 / cases
    return hits, cases, middle - half, middle + half
