"""What the landing page and the widgets show before the model is in the browser: figures of one
text in SmolLM2, written as JavaScript modules.

    python -m authoring.site.recorded build/site

Every number is what llmlib computes when the site is built; none is kept in git.
"""

import base64
import json
import math
import sys
from pathlib import Path
from typing import Any

import torch

from llmlib import files, output_head, pretrained, sampling
from llmlib.demonstrations.embeddings import queries_and_keys
from llmlib.demonstrations.layers import head, mlp_inputs, neuron_strengths, residual_stream
from llmlib.model import Model
from llmlib.scaling import H100
from llmlib.tokens import Tokenizer, canonical, merge
from llmlib.widgets.attention_explorer import run as run_watched
from llmlib.widgets.bpe_stepper import MERGES
from llmlib.widgets.merge_tree import rows as merge_rows
from llmlib.widgets.serving_playground import MODELS
from llmlib.widgets.stream_slider import likeliest
from llmlib.widgets.tokenizer_playground import STEPS

PROMPT = "The king sat on his throne, and the queen sat on"  # its draft says words in most layers
SETTINGS: dict[str, Any] = {"temperature": 0.8, "top_k": None, "top_p": 0.9, "min_p": None}
SEED, NEW_TOKENS = 12, 12  # of 24 seeds, one that begins with the likeliest token
LIKELIEST = 60  # tokens of each step that are kept with their logits; of the others, a histogram
BIN = 0.25  # its bins, in logits
GUESSES = 5  # of each layer
ROWS = 6  # of each step's likeliest tokens, the rows of the output head
CORNER = 16  # rows and columns of each matrix that are drawn
THOUSANDTHS = 1000  # vectors and attention weights are kept as whole thousandths
SURPRISE = (
    "I put the cake in the oven, set the timer for forty minutes and sat down to watch the moon."
)
TOKENS = "Donaudampfschifffahrt on 2024-12-31, isn't it? 🙂"
BPE = {  # of notebook 1
    "text": "low low low lower lower newest newest newest newest widest widest",
    "word": "lowest",
    "merges": MERGES,
}
TREE = " puddings"  # of notebook 1
DOCTOR, SHE, HE, LAST_LAYER = "The doctor said that", " she", " he", 29  # of notebook 4
FIRST_LAYER = 21  # of the stream slider in notebook 4
CAT = "The cat sat on the mat, and the dog slept by the door."  # of notebook 2
LOSS = {
    "tokens": ["blue", "grey", "clear", "green"],
    "logits": [4.0, 2.5, 2.0, 0.5],
}  # of notebook 5
HELD = [value / 2 for value in range(-40, 41)]  # the neuron slider's values


def run(model: Model) -> dict[str, Any]:
    """The recorded run: {"prompt", "settings", "prompt_length", "tokens": [{id, text, bytes}],
    "shape", "steps": one for each new token}."""
    prompt = model.tokenizer.encode(PROMPT)
    uniform = torch.Generator().manual_seed(SEED)
    ids, steps = list(prompt), []
    for _ in range(NEW_TOKENS):
        steps.append(_step(model, ids, torch.rand(1, generator=uniform)))
        ids.append(steps[-1]["id"])
    return {
        "prompt": PROMPT,
        "settings": SETTINGS,
        "prompt_length": len(prompt),
        "tokens": [token(model.tokenizer, i) for i in ids],
        "shape": {
            name: getattr(model.config, name)
            for name in ("n_layer", "n_head", "n_kv_head", "d_model", "head_dim", "vocab_size")
        },
        "steps": steps,
    }


def inside(model: Model, recorded: dict[str, Any]) -> dict[str, Any]:
    """The larger pictures of a `run`: {"attention": [layer][head], the lower triangle row by row,
    "vectors": {id: its row of the embedding}, "last": of each step the vector that the output head
    reads, "matrices": see there}. All but the matrices are in thousandths."""
    ids = [each["id"] for each in recorded["tokens"]]
    maps, _ = run_watched(model, model.parts.attention, ids)
    named = {i for step in recorded["steps"] for i, *_ in step["likeliest"][:ROWS]}
    stream = residual_stream(model, ids)[-1]  # seq d_model
    last = model.parts.norm(stream, *model.weights.norm, model.config.eps)
    return {
        "attention": [[_triangle(one) for one in layer] for layer in maps],
        "vectors": {i: thousandths(model.weights.embedding[i]) for i in sorted({*ids, *named})},
        "last": [thousandths(x) for x in last[recorded["prompt_length"] - 1 : -1]],
        "matrices": matrices(model),
    }


def token(tokenizer: Tokenizer, i: int) -> dict[str, Any]:
    """{id, text, bytes} of a token; a part of a character has the text "\\ufffd"."""
    return {"id": i, "text": tokenizer.decode([i]), "bytes": [*tokenizer.vocab[i]]}


def _step(model: Model, ids: list[int], u: torch.Tensor) -> dict[str, Any]:
    """One turn of the loop: the logits after `ids`, and the token that u picks."""
    stream = residual_stream(model, ids)[:, -1]  # 1 + n_layer, d_model
    logits = model(ids, last=True)[0, -1]
    order = torch.argsort(logits, descending=True, stable=True)
    chosen = sampling.sample(logits[None], u, *SETTINGS.values()).item()
    decode = model.tokenizer.decode
    guesses = output_head.softmax(head(model, stream)).topk(GUESSES)
    return {
        "u": u.item(),
        "id": chosen,
        "likeliest": [
            [i, decode([i]), round(logits[i].item(), 4)] for i in order[:LIKELIEST].tolist()
        ],
        "others": histogram(logits[order[LIKELIEST:]]),
        "stream": [
            [[decode([i]), round(p, 4)] for i, p in zip(*layer)]
            for layer in zip(guesses.indices.tolist(), guesses.values.tolist())
        ],
    }


def histogram(logits: torch.Tensor) -> list[list[float]]:
    """[[logit, how many], …]: logits in bins of `BIN`; each stands for its bin with the logit whose
    exponential is the mean of theirs, so that sums of probabilities stay exact at temperature 1."""
    bins = torch.floor(logits / BIN).long()
    found = []
    for each in bins.unique().flip(0):
        inside = logits[bins == each].double()
        mean = (inside.logsumexp(0) - math.log(len(inside))).item()
        found.append([round(mean, 4), len(inside)])
    return found


def _triangle(weights: torch.Tensor) -> list[int]:
    """What each token can see, row by row, in thousandths: [seq, seq] -> seq * (seq + 1) / 2."""
    return [x for i, row in enumerate(weights.tolist()) for x in _whole(row[: i + 1])]


def thousandths(vector: torch.Tensor) -> list[int]:
    """A vector as whole numbers, a thousandth each."""
    return _whole(vector.tolist())


def _whole(values: list[float]) -> list[int]:
    return [round(THOUSANDTHS * value) for value in values]


def matrices(model: Model) -> list[dict[str, Any]]:
    """For each layer and matrix its shape [out, in] and its first 16 rows and columns, as bytes in
    base64: 128 is 0, and 1 and 255 are three standard deviations of that matrix away."""
    return [
        {
            name: {"shape": [*weight.shape], "corner": _corner(weight)}
            for name, weight in named_matrices(layer).items()
        }
        for layer in model.weights.layers
    ]


def named_matrices(layer: Any) -> dict[str, torch.Tensor]:
    """The seven matrices of a layer, [out, in] each, in the order in which they are used."""
    four = {"W_Q": layer.q, "W_K": layer.k, "W_V": layer.v, "W_O": layer.o}
    gate, up, down = layer.mlp[:3]
    return {name: pair[0] for name, pair in four.items()} | {
        "W_gate": gate,
        "W_up": up,
        "W_down": down,
    }


def _corner(weight: torch.Tensor) -> str:
    part = weight[:CORNER, :CORNER] / (3 * weight.std())
    shades = (128 + 127 * part.clamp(-1, 1)).round().to(torch.uint8)
    return base64.b64encode(bytes(shades.flatten().tolist())).decode()


def widgets(model: Model) -> dict[str, Any]:
    """What the widgets of the chapters need besides: {"tokens", "rope", "neuron", "loss",
    "surprise", "stream", "bpe", "tree", "models", "card"}."""
    about = {"tokens": playground(model.tokenizer), "rope": rope(model), "loss": LOSS, "bpe": BPE}
    about |= {"tree": tree(model.tokenizer), "stream": stream(model)}
    return about | {"neuron": neuron(model), "surprise": surprise(model)} | serving()


def playground(tokenizer: Tokenizer) -> dict[str, Any]:
    """A text cut with some numbers of merges: {"text", "counts", "tokens": for each [{id, …}]}."""
    counts = [count for count in STEPS if count < len(tokenizer.merges)] + [len(tokenizer.merges)]
    special, vocab, patterns = tokenizer.special_tokens, tokenizer.vocab, tokenizer.patterns
    cut = [Tokenizer(tokenizer.merges[:count], special, vocab, patterns) for count in counts]
    typed = [[token(each, i) for i in each.encode(TOKENS)] for each in cut]
    return {"text": TOKENS, "counts": counts, "tokens": typed}


def tree(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return a text as bytes and after each merge that applies to it: {"text", "rows"}."""
    merges, _ = canonical(tokenizer)
    return {"text": TREE, "rows": list(merge_rows(merge, TREE, merges))}


def rope(model: Model) -> dict[str, Any]:
    """The query and the key of the clock in notebook 2, before they are turned: {"q", "k",
    "theta"}."""
    q, k = queries_and_keys(model, model.tokenizer.encode(CAT))
    rounded = [[round(x, 4) for x in each[16, 0, 1].tolist()] for each in (q, k)]
    return {"q": rounded[0], "k": rounded[1], "theta": model.config.rope_theta}


def surprise(model: Model) -> dict[str, Any]:
    """A text, each token with its loss in nats and what was expected, after an end-of-text token
    that is not shown: {"text", "tokens": [{id, text, loss, expected: [[text, p] × 5]}]}."""
    typed = model.tokenizer.encode(SURPRISE)
    ids = [0, *typed]  # <|endoftext|>, as in notebook 5
    log_p = output_head.log_softmax(model(ids)[0, :-1].double())
    decode, rows = model.tokenizer.decode, []
    for i, row in zip(typed, log_p):
        best = row.exp().topk(GUESSES)
        expected = [
            [decode([j]), round(p, 4)] for j, p in zip(best.indices.tolist(), best.values.tolist())
        ]
        rows.append(
            {"id": i, "text": decode([i]), "loss": round(-row[i].item(), 4), "expected": expected}
        )
    return {"text": SURPRISE, "tokens": rows}


def stream(model: Model) -> dict[str, Any]:
    """Return what the stream slider of notebook 4 starts with: {"text", "n_layer", "state",
    "stream": [[{"text", "p"} × 5]], the table's first}."""
    states = likeliest(model, model.tokenizer.encode(PROMPT))
    rounded = [[{**guess, "p": round(guess["p"], 4)} for guess in state] for state in states]
    shape = {"n_layer": model.config.n_layer, "state": FIRST_LAYER + 1}
    return {"text": PROMPT, "stream": rounded} | shape


def neuron(model: Model) -> dict[str, Any]:
    """The neuron of notebook 4 held at each of `HELD`: {"layer", "neuron", "text",
    "strength" left alone, "held": [[value, [[text, p left alone, p held]]]]}, six tokens each."""
    ids, layer = model.tokenizer.encode(DOCTOR), LAST_LAYER
    index, decode = brake(model, ids), model.tokenizer.decode
    final = residual_stream(model, ids)[-1, -1]  # after the last layer, which holds the neuron
    weights = model.weights.layers[layer].mlp
    strength = neuron_strengths(mlp_inputs(model, ids)[layer, -1], *weights)[index]
    moved = torch.tensor(HELD)[:, None] - strength
    free, *held = output_head.softmax(
        head(model, torch.cat([final[None], final + moved * weights[2][:, index]]))
    )

    def likeliest(p: torch.Tensor) -> list[list[Any]]:
        best = p.topk(6).indices.tolist()
        return [[decode([i]), round(free[i].item(), 4), round(p[i].item(), 4)] for i in best]

    return {
        "layer": layer,
        "neuron": index,
        "text": DOCTOR,
        "strength": round(strength.item(), 2),
        "held": [[value, likeliest(p)] for value, p in zip(HELD, held)],
    }


def brake(model: Model, ids: list[int]) -> int:
    """The neuron of the layer that writes most for or against " she" in place of " he"."""
    she, he = (model.tokenizer.encode(word)[0] for word in (SHE, HE))
    rows, layer = model.weights.unembedding, LAST_LAYER
    inputs = mlp_inputs(model, ids)[layer, -1]
    weights = model.weights.layers[layer].mlp
    direction = (model.weights.norm[0] * (rows[she] - rows[he])) @ weights[2]
    return int((neuron_strengths(inputs, *weights) * direction).abs().argmax())


def serving() -> dict[str, Any]:
    """The models and the card of the serving calculator."""
    names = ("parameters", "n_layer", "n_kv_head", "head_dim")
    return {
        "models": {name: dict(zip(names, shape)) for name, shape in MODELS.items()},
        "card": H100,
    }


def write(site: Path, model: Model | None = None) -> None:
    """Write recorded.js, recorded_inside.js and recorded_widgets.js into `site`/assets/widgets."""
    model = model or pretrained.load("smollm2")
    recorded = run(model)
    for name, found in (
        ("recorded", recorded),
        ("recorded_inside", inside(model, recorded)),
        ("recorded_widgets", widgets(model)),
    ):
        text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
        files.write(Path(site, "assets", "widgets", f"{name}.js"), f"export default {text};\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
