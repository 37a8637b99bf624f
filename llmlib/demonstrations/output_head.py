"""What notebook 5's demonstrations measure and need not show."""

import math
from collections import Counter, defaultdict
from dataclasses import replace
from fractions import Fraction

import torch

from llmlib import training
from llmlib.layers import rms_norm
from llmlib.model import forward
from llmlib.output_head import logits_gradient

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
    """Return the bytes of a point in the stretch of `text` and its end-of-text token."""
    tokens = [*model.tokenizer.encode(text), model.tokenizer.special_tokens["<|endoftext|>"]]
    _, start, length = narrow(lambda n, *_: tokens[n], model, softmax)
    bits = math.log2(length.denominator) - math.log2(length.numerator)
    n_bytes = -(-(math.ceil(bits) + 1) // 8)  # rounded up to whole bytes
    return math.ceil(start * 256**n_bytes).to_bytes(n_bytes, "big")


def arithmetic_decode(file, model, softmax):
    """Return the text whose stretch holds the point that `file` names."""
    point = Fraction(int.from_bytes(file, "big"), 256 ** len(file))

    def choose(n, start, length, ends):
        place = int((point - start) / length * int(ends[-1]))
        return int(torch.searchsorted(ends, place, right=True))

    return model.tokenizer.decode(narrow(choose, model, softmax)[0])


# A model of another one's shape that has learned nothing.

SPREAD = 0.02  # standard deviation of the weights, the figure that GPT-2 started from


def untrained(model, seed=0):
    """Return `model` with random weights; its table is tied, the gains of its norms are 1."""
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

WIDTH, HIDDEN, VOCAB = 64, 128, 512
RATE = 0.5  # at 1.0 the steps are so large that rounding decides where the loss ends


def two_layer_logits(x, w_in, w_out):
    """Return [N, d] -> [N, vocab]: the first weights, the gate, the second weights."""
    return (x @ w_in.T).clamp(min=0) @ w_out.T


def _start(seed):
    """Return a random vector for each token, and weights for both layers; the second begin
    small."""
    g = torch.Generator().manual_seed(seed)
    vectors = torch.randn(VOCAB, WIDTH, generator=g)
    w_in = 2 * torch.randn(HIDDEN, WIDTH, generator=g) * WIDTH**-0.5
    return vectors, w_in, 0.01 * torch.randn(VOCAB, HIDDEN, generator=g), g


def _drawn(ids, vectors, g, n=512):
    """Draw n places of the stream `ids`: the vector of the token there, and the token after it."""
    at = torch.randint(len(ids) - 1, (n,), generator=g)
    return vectors[ids[at]], ids[at + 1]


def two_layer_batch(ids, seed=0):
    """Return (x, w_in, w_out, targets) before training."""
    vectors, w_in, w_out, g = _start(seed)
    x, targets = _drawn(ids, vectors, g, 500)  # not `vocab`: a division by it would show
    return x, w_in, w_out, targets


def gate_forgotten(x, w_in, w_out, targets):
    """Return the gradients of a backward pass with a planted bug: on its way back the gradient
    passes a shut gate."""
    hidden = (x @ w_in.T).clamp(min=0)
    at_logits = logits_gradient(hidden @ w_out.T, targets)
    return (at_logits @ w_out).T @ x, at_logits.T @ hidden


def first_layer_frozen(x, w_in, w_out, targets):
    """Return those of gate_forgotten's control: no gradient for w_in at all, the right one for
    w_out."""
    for_in, for_out = gate_forgotten(x, w_in, w_out, targets)
    return torch.zeros_like(for_in), for_out


def train_two_layers(backward, loss, ids, steps, seed=0):
    """Return the losses of gradient descent with the gradients that `backward` gives."""
    vectors, w_in, w_out, g = _start(seed)
    losses = []
    for _ in range(steps):
        x, targets = _drawn(ids, vectors, g)
        losses.append(float(loss(two_layer_logits(x, w_in, w_out), targets)))
        for_in, for_out = backward(x, w_in, w_out, targets)
        w_in, w_out = w_in - RATE * for_in, w_out - RATE * for_out
    return losses


def small_two_layers(seed=0):
    """Return (x, w_in, w_out, targets) so small that every weight can be nudged; float64."""
    g = torch.Generator().manual_seed(seed)
    x, w_in, w_out = (torch.randn(s, generator=g).double() for s in ((9, 4), (6, 4), (5, 6)))
    return x, w_in, w_out, torch.randint(5, (9,), generator=g)


# One attention between a norm and the logits: three words, so that every number can be shown.


def small_attention(seed=1):
    """Return {name: tensor} for three words and the three after them; float64."""
    g = torch.Generator().manual_seed(seed)
    names = {"x": (3, 4), "w_q": (4, 4), "w_k": (4, 4), "w_v": (4, 4), "table": (4, 4)}
    tensors = {name: torch.randn(shape, generator=g).double() for name, shape in names.items()}
    return tensors | {"targets": torch.tensor([1, 2, 3])}


def walked(walk, start, rate=0.1):
    """Return [(what is done, values, gradients), ...]: the notebook's `walk` step by step, and
    after steps of gradient descent with its gradients."""
    loss, values, back = walk(**start)
    captions = (
        "Up: x, a vector for each of three words.",
        "Up: the norm's copy of x, all vectors of one length.",
        "Up: the shares of attention, row by row.",
        "Up: the stream, x plus what attention read.",
        f"Up: the probabilities of the next word. The loss is {loss:.2f}.",
        "Back: at the logits, what it said minus what was true.",
        "Back: at the stream, through the table.",
        "Back: at the copy, through attention.",
        "Back: at x, through the norm; and what came past it, over the +.",
    )
    up, down, frames = list(values), ["p", "stream", "copy", "x"], []
    for i, words in enumerate(captions):
        values_so_far = {name: values[name] for name in up[: i + 1]}
        gradients_so_far = {name: back[name] for name in down[: max(0, i - 4)]}
        frames.append((words, values_so_far, gradients_so_far))
    now = dict(start)
    for step in range(1, 31):
        gradients = walk(**now)[2]
        now |= {n: w - rate * gradients[n] for n, w in now.items() if n != "targets"}
        if step in (3, 30):
            loss, values, back = walk(**now)
            values_so_far = {name: back[name] for name in down}
            frames.append((f"After {step} steps the loss is {loss:.2f}.", values, values_so_far))
    return frames


# The same two links, put into the tiny model: PyTorch's walk back calls them.


def parts_by_hand(norm_backward, attention_backward):
    """Return the tiny model's parts, whose norms and attention go back by these two functions."""

    class Norm(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, weight, eps):
            ctx.save_for_backward(x, weight)
            ctx.eps = eps
            return rms_norm(x, weight, eps)

        @staticmethod
        def backward(ctx, at_out):
            x, weight = ctx.saved_tensors
            normed = rms_norm(x, torch.ones_like(weight), ctx.eps)
            at_weight = (at_out * normed).flatten(0, -2).sum(0)
            return norm_backward(at_out * weight, x, ctx.eps), at_weight, None

    class Attention(torch.autograd.Function):
        @staticmethod
        def forward(ctx, q, k, v, mask):
            scores = q @ k.mT / q.shape[-1] ** 0.5
            shares = scores.masked_fill(~mask, -math.inf).softmax(-1)
            ctx.save_for_backward(q, k, v, shares)
            return shares @ v

        @staticmethod
        def backward(ctx, at_out):
            return *attention_backward(at_out, *ctx.saved_tensors), None

    def attention(q, k, v, mask, causal):
        return Attention.apply(q, k, v, mask)

    return replace(training.PARTS, norm=Norm.apply, attention=attention)


# The tiny model that notebook 5 trains, and batches for it.

CONFIG = replace(training.tiny_config(d_model=64), context=64)


def tiny_model(seed=0, parts=training.PARTS):
    """Return (its weights as a list of tensors, the model as a function ids -> logits, the weights
    as the engine takes them)"""
    weights = training.new_weights(CONFIG, seed)
    return training.tensors(weights), lambda ids: forward(ids, weights, CONFIG, parts), weights


def windows(ids, n, batch=8, seed=0):
    """Return n batches of `batch` pieces of 65 tokens, from random places of the stream `ids`."""
    g = torch.Generator().manual_seed(seed)
    piece, last = torch.arange(CONFIG.context + 1), len(ids) - CONFIG.context
    starts = [torch.randint(last, (batch, 1), generator=g) for _ in range(n)]
    return [ids[start + piece] for start in starts]


# Rules that a few lines of code can apply, and how far the tiny model is from them while it trains.


class Counts:
    """Count how often each token occurs in the stream `ids`, and how often after each other one."""

    def __init__(self, ids, vocab=VOCAB):
        once = torch.bincount(ids, minlength=vocab) + 1.0
        self.unigram = once / once.sum()
        self.pairs = torch.zeros(vocab, vocab)
        self.pairs.index_put_((ids[:-1], ids[1:]), torch.ones(len(ids) - 1), accumulate=True)

    def bigram(self, w, ids):
        """Return ln p of each token after each of `ids`: pairs counted, and w times the unigram."""
        mixed = self.pairs + w * self.unigram
        return (mixed / mixed.sum(1, keepdim=True)).log()[ids]


def trigram(ids, inputs, vocab=VOCAB, discount=0.75):
    """Return ln p of each token after the last two of `inputs` [windows, seq]: interpolated
    Kneser-Ney, from the stream `ids`. The first place of a window has one token before it."""
    stream = ids.tolist()
    pairs, triples = list(zip(stream, stream[1:])), list(zip(stream, stream[1:], stream[2:]))

    def counted(columns):
        """Return how often each token ends a row of `columns`, by the tokens before it."""
        table = defaultdict(Counter)
        for *before, token in columns:
            table[tuple(before)][token] += 1
        return table

    def mixed(count, shorter):
        """Return shares of `count`, less a discount that goes to the `shorter` rule."""
        if not count:
            return shorter
        shares = discount * len(count) * shorter
        shares[list(count)] += torch.tensor(list(count.values())) - discount
        return shares / count.total()

    twos, threes = counted(pairs), counted(triples)
    # each pair and triple once: a short rule asks in how many places a token can stand
    kinds = counted(three[1:] for three in sorted(set(triples)))
    places = Counter(two[1] for two in set(pairs))
    base = torch.tensor([places[token] + 0.5 for token in range(vocab)])
    base, rows = base / base.sum(), []
    for window in inputs.tolist():
        rows.append(mixed(twos[window[0],], base))
        for two in zip(window, window[1:]):
            rows.append(mixed(threes[two], mixed(kinds[two[1:]], base)))
    return torch.stack(rows).log().view(*inputs.shape, vocab)


def rules(ids, held_out_ids):
    """Return (Counts of the stories, one half of the held-out windows, the other): (inputs,
    targets)."""
    inputs, targets = training.windows(held_out_ids)
    half = len(inputs) // 2
    return Counts(ids), (inputs[:half], targets[:half]), (inputs[half:], targets[half:])


class Watched:
    """Ask a model [ids -> logits] in training, before some of its steps, for its loss on
    `inputs` and `targets`, for its distance from each of `rules` {name: ln p}, and for a text by
    `write()`."""

    steps = (0, 30, 240, 960)

    def __init__(self, model, loss, inputs, targets, rules, write):
        self.model, self.loss, self.inputs, self.targets = model, loss, inputs, targets
        self.rules, self.write, self.done = rules, write, 0
        self.unseen, self.samples = [], []

    def __call__(self, ids):
        """Return the logits, as the model gives them."""
        if self.done in self.steps or self.done % 60 == 0:
            self.look()
        self.done += 1
        return self.model(ids)

    def look(self):
        """Note the loss on unseen stories; at one of `steps` also a text, which is printed, and the
        distances."""
        with torch.no_grad():
            logits = self.model(self.inputs)
            loss = self.loss(logits, self.targets).item()
            self.unseen.append((self.done, loss))
            if self.done not in self.steps:
                return
            # Bytes drawn at random make control characters, which no page can show.
            text = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in self.write())
        log_p = torch.log_softmax(logits, dim=-1)
        distances = {
            name: (log_p.exp() * (log_p - rule)).sum(-1).mean().item()
            for name, rule in self.rules.items()
        }
        self.samples.append({"step": self.done, "loss": loss, "text": text, "distances": distances})
        print(f"after {self.done:>3} steps, {loss:.2f}: {text!r}", flush=True)

    def results(self):
        """Return, after the last step, ([(step, loss on unseen stories), ...], samples)."""
        self.look()
        return self.unseen, self.samples


# How often the likeliest token is right.


def promises(model, softmax, texts):
    """Return (the likeliest token's probability at each position, 1 where it was right, the
    standard error of the difference of their means, over texts): as numpy."""
    each = []
    for text in texts:
        ids = torch.tensor([0, *model.tokenizer.encode(text)])
        sure, best = softmax(model(ids[:-1])[0]).max(-1)
        each.append((sure, (best == ids[1:]).float()))
    sure, right = (torch.cat(some).numpy() for some in zip(*each))
    gap = (sure - right).mean()
    off = torch.stack([(a - b - gap).sum() for a, b in each])  # whole texts are independent
    return sure, right, off.square().sum().sqrt().item() / len(sure)
