"""The walk back through two layers as a graph of single numbers, local slopes on its arrows."""

import math

PLACES = {
    "x": (200, 32),
    "v₁": (40, 96),
    "v₂": (360, 96),
    "u₁": (130, 140),
    "u₂": (270, 140),
    "h₁": (130, 246),
    "h₂": (270, 246),
    "w₁₁": (40, 334),
    "w₁₂": (40, 410),
    "w₂₁": (360, 334),
    "w₂₂": (360, 410),
    "z₁": (142, 372),
    "z₂": (258, 372),
    "loss": (200, 478),
}
STEPS = (
    "The net: its input x, the weights v of the first layer (w_in) and w of the second (w_out).",
    "Forward: x times each weight.",
    "Forward: the gate lets a positive number through, and makes 0 of a negative one.",
    "Forward: each logit adds two products.",
    "Forward: the probabilities are {p0} and {p1}. The loss of token 0 is −ln {p0} = {loss}.",
    "Back: at the logits, probability minus truth: {p0} − 1 and {p1} − 0.",
    "Back: over a product, times the other factor. What reaches h₁ from both logits is added.",
    "Back: through the gate, times 1 where it was open and times 0 where it was shut.",
    "Back: over a product again, times the other factor.",
    "The test: nudge v₁ by 0.001, and the loss changes by {change}, as its gradient {slope} says.",
)
FORWARD = {
    "u": 1,
    "h": 2,
    "z": 3,
    "l": 4,
}  # the step in which a number is known; else from the start
BACK = {"l": 5, "z": 5, "h": 6, "w": 6, "u": 7, "x": 8, "v": 8}  # and that of its gradient


class Number:
    """A number of the graph: its name, its value, and [(what it was made of, local slope), ...]."""

    def __init__(self, name, value, sources=()):
        self.name, self.value, self.sources = name, value, list(sources)
        self.gradient = 0.0

    def times(self, other):
        """Return (the product's value, its two sources: each one's slope is the other factor)."""
        return self.value * other.value, [(self, other.value), (other, self.value)]


def two_layers(x=2.0, v=(1.0, -1.0), w=((0.0, 0.0), (math.log(3) / 2, 5.0))):
    """Return what the widget `gradient_graph` draws, of exercise 5.6's example with token 0 next:
    {"numbers", "arrows", "steps"}."""
    numbers = _forward(x, v, w)
    _back(numbers)
    loss, slope = numbers[-1].value, numbers[1].gradient
    nudged = _forward(x, (v[0] + 1e-3, v[1]), w)[-1].value
    share = math.exp(-loss)
    words = {"p0": f"{share:.2f}", "p1": f"{1 - share:.2f}", "loss": f"{loss:.3f}"}
    words |= {"change": f"{nudged - loss:.6f}", "slope": f"{slope:.3f}"}
    return {
        "numbers": [_drawn(number) for number in numbers],
        "arrows": [
            {
                "start": source.name,
                "end": number.name,
                "slope": round(slope, 3),
                "step": max(BACK[source.name[0]], BACK["z"]),
            }
            for number in numbers
            for source, slope in number.sources
        ],
        "steps": [step.format(**words) for step in STEPS],
    }


def _forward(x, v, w):
    """Return all numbers, each after those that it is made of."""
    x = Number("x", x)
    numbers, hidden = [x], []
    first = [Number(f"v{'₁₂'[i]}", v[i]) for i in range(2)]
    numbers += first
    for i, weight in enumerate(first):
        before = Number(f"u{'₁₂'[i]}", *x.times(weight))
        gate = Number(f"h{'₁₂'[i]}", max(0.0, before.value), [(before, float(before.value > 0))])
        numbers += [before, gate]
        hidden.append(gate)
    logits = []
    for j in range(2):
        weights = [Number(f"w{'₁₂'[j]}{'₁₂'[i]}", w[j][i]) for i in range(2)]
        products = [gate.times(weight) for gate, weight in zip(hidden, weights)]
        logit = Number(
            f"z{'₁₂'[j]}",
            sum(value for value, _ in products),
            [source for _, sources in products for source in sources],
        )
        numbers += [*weights, logit]
        logits.append(logit)
    total = sum(math.exp(logit.value) for logit in logits)
    slopes = [math.exp(logit.value) / total - (j == 0) for j, logit in enumerate(logits)]
    loss = math.log(total) - logits[0].value
    return [*numbers, Number("loss", loss, zip(logits, slopes))]


def _back(numbers):
    """Give each number its gradient: over each arrow times its slope, added where arrows leave."""
    numbers[-1].gradient = 1.0
    for number in reversed(numbers):
        for source, slope in number.sources:
            source.gradient += slope * number.gradient


def _drawn(number):
    """Return a number as the widget takes it."""
    x, y = PLACES[number.name]
    return {
        "name": number.name,
        "x": x,
        "y": y,
        "value": round(number.value, 3) + 0.0,
        "gradient": round(number.gradient, 3) + 0.0,
        "weight": number.name[0] in "vw",
        "forward": FORWARD.get(number.name[0], 0),
        "back": BACK[number.name[0]],
    }
