"""Which year a model thinks it is."""

from llmlib.demonstrations.next_token import next_probabilities


def year_probabilities(model, start):
    """{year: probability} for 2000 to 2039 after `start`, which ends in "20". Digits are single
    tokens: a year's probability is that of its third digit times that of its fourth."""
    digits = [model.tokenizer.encode(str(d))[0] for d in range(10)]
    p = next_probabilities(model, [start, *(f"{start}{d}" for d in range(4))])[:, digits]
    both = p[0, :4, None] * p[1:]  # third digit, fourth digit
    return {2000 + i: each for i, each in enumerate(both.flatten().tolist())}
