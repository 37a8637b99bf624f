"""What notebook 5's demonstrations measure and need not show."""

import math
from dataclasses import replace
from fractions import Fraction

import torch

from llmlib import training
from llmlib.model import forward

# A text as a point on the line from 0 to 1: arithmetic coding by a language model.


def narrow(choose, model, softmax):
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


def arithmetic_encode(text, model, softmax):
    """The bytes of a point in the stretch of `text` and its end-of-text token."""
    tokens = [*model.tokenizer.encode(text), model.tokenizer.special_tokens["<|endoftext|>"]]
    _, start, length = narrow(lambda n, *_: tokens[n], model, softmax)
    bits = math.log2(length.denominator) - math.log2(length.numerator)
    n_bytes = -(-(math.ceil(bits) + 1) // 8)  # rounded up to whole bytes
    return math.ceil(start * 256**n_bytes).to_bytes(n_bytes, "big")


def arithmetic_decode(file, model, softmax):
    """The text whose stretch holds the point that `file` names."""
    point = Fraction(int.from_bytes(file, "big"), 256 ** len(file))

    def choose(n, start, length, ends):
        place = int((point - start) / length * int(ends[-1]))
        return int(torch.searchsorted(ends, place, right=True))

    return model.tokenizer.decode(narrow(choose, model, softmax)[0])


# A model of another one's shape that has learned nothing.

SPREAD = 0.02  # standard deviation of the weights, the figure that GPT-2 started from


def untrained(model, seed=0):
    """`model` with random weights; its table is tied, the gains of its norms are 1."""
    generator = torch.Generator().manual_seed(seed)

    def noise(tensor):
        if tensor.dim() == 1:
            return torch.ones_like(tensor)
        return torch.empty_like(tensor).normal_(0, SPREAD, generator=generator)

    def fresh(part):
        return tuple(None if tensor is None else noise(tensor) for tensor in part)

    embedding = noise(model.weights.embedding)
    layers = [
        type(layer)(**{name: fresh(part) for name, part in vars(layer).items()})
        for layer in model.weights.layers
    ]
    weights = replace(
        model.weights,
        embedding=embedding,
        unembedding=embedding,
        layers=layers,
        norm=fresh(model.weights.norm),
    )
    return replace(model, weights=weights)


# One short text in four languages, each a translation of the others, made for notebook 5.

TRANSLATIONS = {
    "English": "A good map leaves things out. One that showed every tree would be as "
    "large as the forest and no easier to read. When I was a child, my grandmother "
    "drew me a map of her village. There were only three houses on it, a river and a "
    "big dog, and I never got lost.",
    "German": "Eine gute Karte lässt Dinge weg. Eine, die jeden Baum zeigte, wäre so "
    "groß wie der Wald und nicht leichter zu lesen. Als ich ein Kind war, zeichnete "
    "mir meine Großmutter eine Karte ihres Dorfes. Es waren nur drei Häuser darauf, "
    "ein Fluss und ein großer Hund, und ich habe mich nie verlaufen.",
    "Russian": "Хорошая карта опускает лишнее. Карта, на которой показано каждое "
    "дерево, была бы такой же большой, как лес, и читать её было бы не легче. Когда я "
    "был ребёнком, бабушка нарисовала мне карту своей деревни. На ней было всего три "
    "дома, река и большая собака, и я ни разу не заблудился.",
    "Hindi": "एक अच्छा नक्शा कुछ चीज़ें छोड़ देता है। जो नक्शा हर पेड़ दिखाए, वह जंगल "
    "जितना बड़ा होगा और पढ़ने में आसान नहीं होगा। जब मैं बच्चा था, मेरी दादी ने मुझे "
    "अपने गाँव का एक नक्शा बनाकर दिया। उस पर केवल तीन घर, एक नदी और एक बड़ा "
    "कुत्ता था, और मैं कभी रास्ता नहीं भूला।",
}


# Two layers that guess the next token, trained by a backward pass made by hand.

WIDTH, HIDDEN, VOCAB, RATE = 64, 128, 512, 1.0


def two_layer_logits(x, w_in, w_out):
    """[N, d] -> [N, vocab]: the first weights, the gate, the second weights."""
    return (x @ w_in.T).clamp(min=0) @ w_out.T


def _start(seed):
    """A random vector for each token, and weights for both layers; the second begin small."""
    g = torch.Generator().manual_seed(seed)
    vectors = torch.randn(VOCAB, WIDTH, generator=g)
    w_in = 2 * torch.randn(HIDDEN, WIDTH, generator=g) * WIDTH**-0.5
    return vectors, w_in, 0.01 * torch.randn(VOCAB, HIDDEN, generator=g), g


def _drawn(ids, vectors, g, n=512):
    """n places of the stream `ids`: the vector of the token there, and the token after it."""
    at = torch.randint(len(ids) - 1, (n,), generator=g)
    return vectors[ids[at]], ids[at + 1]


def two_layer_batch(ids, seed=0):
    """(x, w_in, w_out, targets) before training."""
    vectors, w_in, w_out, g = _start(seed)
    x, targets = _drawn(ids, vectors, g)
    return x, w_in, w_out, targets


def numerical_gradient(loss, x, w_in, w_out, targets, name, place, by=1e-3):
    """How `loss` changes with one weight of "w_in" or "w_out", measured in float64."""
    around = []
    for step in (by, -by):
        weights = {"w_in": w_in.double(), "w_out": w_out.double()}
        weights[name] = weights[name].clone()
        weights[name].view(-1)[place] += step
        around.append(float(loss(two_layer_logits(x.double(), **weights), targets)))
    return (around[0] - around[1]) / (2 * by)


def gate_forgotten(x, w_in, w_out, targets):
    """The backward pass with a planted bug: on its way back the gradient passes a shut gate."""
    hidden = (x @ w_in.T).clamp(min=0)
    at_logits = torch.softmax(hidden @ w_out.T, -1)
    at_logits[torch.arange(len(targets)), targets] -= 1
    at_logits /= len(targets)
    return (at_logits @ w_out).T @ x, at_logits.T @ hidden


def train_two_layers(backward, loss, ids, steps, seed=0):
    """Losses of gradient descent with the gradients that `backward` gives."""
    vectors, w_in, w_out, g = _start(seed)
    losses = []
    for _ in range(steps):
        x, targets = _drawn(ids, vectors, g)
        losses.append(float(loss(two_layer_logits(x, w_in, w_out), targets)))
        for_in, for_out = backward(x, w_in, w_out, targets)
        w_in, w_out = w_in - RATE * for_in, w_out - RATE * for_out
    return losses


# How far AdamW moves one weight for each gradient that comes.


def moved(adamw_step, gradients, rate=0.1):
    """The distance from where the weight began, in rates, over the number of gradients that are
    not 0: `gradients` holds one a step, `adamw_step` is notebook 5's."""
    weight, means = torch.zeros(1), [torch.zeros(1), torch.zeros(1)]
    for step, gradient in enumerate(gradients, 1):
        weight, *means = adamw_step(weight, torch.tensor([gradient]), *means, step, rate, 0.0)
    return abs(weight.item()) / rate / sum(gradient != 0 for gradient in gradients)


# The tiny model that notebook 5 trains, and batches for it.

CONFIG = replace(training.tiny_config(d_model=64), context=64)


def tiny_model(seed=0, parts=training.PARTS):
    """(its weights as a list of tensors, the model as a function ids -> logits, the weights as
    the engine takes them)"""
    weights = training.new_weights(CONFIG, seed)
    return training.tensors(weights), lambda ids: forward(ids, weights, CONFIG, parts), weights


def windows(ids, n, batch=8, seed=0):
    """n batches of `batch` pieces of 65 tokens, from random places of the stream `ids`."""
    g = torch.Generator().manual_seed(seed)
    piece, last = torch.arange(CONFIG.context + 1), len(ids) - CONFIG.context
    starts = [torch.randint(last, (batch, 1), generator=g) for _ in range(n)]
    return [ids[start + piece] for start in starts]
