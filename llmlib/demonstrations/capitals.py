"""What a model knows of capitals: prompts whose right answers differ in one word, the rest of the
model run from a patched stream, and single heads switched off."""

from itertools import cycle

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

    def rest(i, x):
        logits = run_from(model, x, model.weights.layers[first + i :], last=True)[:, -1]
        return logits[:, right] - logits[:, wrong]

    return rest


def without_head(model, layer, head):
    """The model with one head switched off: its output is 0."""
    layer_numbers = cycle(range(model.config.n_layer))

    def attend(q, k, v, mask=None):
        out = attention.scaled_dot_product_attention(q, k, v, mask)
        if next(layer_numbers) == layer:
            out[:, head] = 0
        return out

    return model.using(attention=attend)


def probabilities(model, countries):
    """How probable the capitals of these countries are, asked for in one batch -> [countries]."""
    ids = torch.tensor([model.tokenizer.encode(prompt(country)) for country in countries])
    shares = output_head.softmax(model(ids, last=True)[:, -1])  # countries vocab
    answers = [city_id(model, CAPITALS[country]) for country in countries]
    return shares[torch.arange(len(answers)), answers]
