"""A probe: can a property of a text's last word be read off its vector? And the sentences."""

import torch
from torch.nn.functional import normalize

from llmlib.demonstrations.residual_stream import residual_stream

MONEY = (
    "She put her salary in the bank",
    "The loan was refused by the bank",
    "He borrowed the cash from the bank",
    "My savings are safe in the bank",
    "The robbers stole a million from the bank",
    "To open an account, go to the bank",
    "Interest rates were raised by the bank",
    "He cashed the cheque at the bank",
    "Our mortgage is with another bank",
    "The clerk counted coins in the bank",
    "Investors sold their shares in the bank",
    "Her debts were paid off to the bank",
)
RIVER = (
    "The boat was tied to the bank",
    "We fished all day from the bank",
    "Reeds and willows grew along the bank",
    "The flood washed away the muddy bank",
    "A heron stood still on the bank",
    "The stream is shallow near the bank",
    "We swam across to the far bank",
    "The ducks built a nest on the bank",
    "Otters dug their holes in the bank",
    "The canoe drifted slowly towards the bank",
    "The water rose over the grassy bank",
    "They camped by the river, on the bank",
)
NOUNS = (
    "He bought an expensive watch",
    "We went to see the play",
    "It was a very long run",
    "They took a short walk",
    "The professor gave a talk",
    "He ordered a cold drink",
    "Last night I had a dream",
    "There was a late call",
    "After lunch he took a rest",
    "She is grateful for the help",
    "The hotel hired a new cook",
    "It was only a wild guess",
)
VERBS = (
    "They all wanted to watch",
    "The children started to play",
    "The horses began to run",
    "I would rather not walk",
    "She asked if we could talk",
    "You should never have to drink",
    "All of us need to dream",
    "Tomorrow I will call",
    "The doctor told him to rest",
    "The neighbours came to help",
    "My brother learned to cook",
    "No one was able to guess",
)
_WORDS = [text.split()[-1] for text in NOUNS]
MINE = tuple(f"It was my {word}" for word in _WORDS)  # nouns in both: only the word before
YOURS = tuple(f"It was your {word}" for word in _WORDS)  # them differs


def last_words(model, texts):
    """The stream at each text's last token, after the table and each layer -> [1 + n_layer,
    len(texts), d_model]. Shorter texts are padded on the right, where nobody looks."""
    encoded = [model.tokenizer.encode(text) for text in texts]
    longest = max(map(len, encoded))
    stream = residual_stream(model, [ids + [0] * (longest - len(ids)) for ids in encoded])
    return stream[:, range(len(texts)), [len(ids) - 1 for ids in encoded]]


def told_apart(a, b, out_too=False):
    """Percent of vectors closer, by cosine, to their own kind's mean than to the other's: a and b
    [states, n, d_model] -> [states] numbers.

    All vectors are made one length and centred. The vector in question is left out of its own
    mean; with `out_too` its partner, the one of the same number, is left out of the other mean, so
    that what is learned must carry over to other words. A tie counts half."""
    n = a.shape[1]
    rest = (1 - torch.eye(n)) / (n - 1)
    both = normalize(torch.cat([a, b], dim=1), dim=-1)
    a, b = (both - both.mean(dim=1, keepdim=True)).chunk(2, dim=1)
    score = torch.zeros(len(a))
    for kind, other in ((a, b), (b, a)):
        far = rest @ other if out_too else other.mean(dim=1, keepdim=True)
        near = torch.cosine_similarity(kind, rest @ kind, dim=-1)
        gap = near - torch.cosine_similarity(kind, far, dim=-1)
        score += ((gap > 1e-4).float() + 0.5 * (gap.abs() <= 1e-4)).mean(dim=-1)
    return (50 * score).tolist()
