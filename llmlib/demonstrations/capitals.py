"""What a model knows of capitals: prompts whose right answers differ in one word, the rest of the
model run from a patched stream, and single heads switched off."""

from itertools import count

import torch

from llmlib import attention, output_head
from llmlib.demonstrations.residual_stream import run_from

CAPITALS = {
    "France": "Paris",
    "Italy": "Rome",
    "Germany": "Berlin",
    "Japan": "Tokyo",
    "Spain": "Madrid",
    "Russia": "Moscow",
    "Austria": "Vienna",
    "Greece": "Athens",
    "China": "Beijing",
    "Hungary": "Budapest",
}  # every country and every capital is one token to SmolLM2


def prompt(country):
    """The question about a country's capital."""
    return f"The capital of {country} is"


def pairs():
    """Ten pairs of countries: each one, and the next of the list."""
    countries = list(CAPITALS)
    return list(zip(countries, countries[1:] + countries[:1]))


def city_id(model, city):
    """The one token of a city's name, with the space before it."""
    [token] = model.tokenizer.encode(f" {city}")
    return token


def rest_of(model, right, wrong, first=0):
    """The function rest(i, x): run the layers from `first + i` on, started from the streams x
    [batch, seq, d_model] -> logit(right) - logit(wrong) after the last token, [batch]. `right` and
    `wrong` are cities."""
    right, wrong = city_id(model, right), city_id(model, wrong)
    gap = model.using(unembedding=lambda x, table: x @ (table[right] - table[wrong]))

    def rest(i, x):
        return run_from(gap, x, model.weights.layers[first + i :], last=True)[:, -1]

    return rest


def probabilities_without(model, heads, countries):
    """How probable the capitals of these countries are: of the whole model, then with each of
    `heads`, pairs (layer, head), switched off, its output being 0 -> [1 + len(heads), countries].
    One pass: a run joins the batch in the layer of its head."""
    ids = torch.tensor([model.tokenizer.encode(prompt(country)) for country in countries])
    order = sorted(range(len(heads)), key=lambda i: heads[i][0])  # as they join
    layer_numbers, off = count(), None

    def attention_without(q, k, v, mask=None):
        out = attention.scaled_dot_product_attention(q, k, v, mask)
        if off is not None:
            out[:, off] = 0
        return out

    def block(x, norm_1, attend, norm_2, feed_forward):
        nonlocal off
        layer, runs = next(layer_numbers), [x + attend(norm_1(x))]
        for off in (heads[i][1] for i in order if heads[i][0] == layer):
            runs.append(x[: len(ids)] + attend(norm_1(x[: len(ids)])))
        off, x = None, torch.cat(runs)
        return x + feed_forward(norm_2(x))

    changed = model.using(attention=attention_without, block=block)
    shares = output_head.softmax(changed(ids, last=True)[:, -1])  # runs * countries, vocab
    answers = [city_id(model, CAPITALS[country]) for country in countries] * (1 + len(heads))
    found = shares[range(len(answers)), answers].view(-1, len(countries))
    return torch.cat([found[:1], found[1:][torch.tensor(order, dtype=torch.long).argsort()]])
