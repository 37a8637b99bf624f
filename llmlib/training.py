"""Train a tiny Llama-like model on short stories: the engine's own `forward`, with weights that
learn."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import torch
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from llmlib.model import LLAMA_PARTS, Config, Layer, Model, Weights, forward
from llmlib.parts import Parts, fitting
from llmlib.tokens import Tokenizer, train_bpe

CONTEXT, VOCAB_SIZE = 64, 512  # short windows, so that a budget of tokens makes many steps
BETWEEN = "<|story|>"  # the token before each story
PARTS = replace(  # the same attention, fused by torch: faster to train
    LLAMA_PARTS, attention=fitting("attention", scaled_dot_product_attention, torch.float32)
)
IGNORED = -100  # a target that cross_entropy leaves out


@dataclass(frozen=True)
class Tokens:
    """Hold stories as one stream. targets[i] is the token after ids[i], or IGNORED where a story
    was cut and its end is unknown."""

    ids: torch.Tensor
    targets: torch.Tensor
    n_bytes: int


def story_tokenizer(stories: Iterable[Any]):
    """Learn a byte-level BPE tokenizer of VOCAB_SIZE tokens from `stories`."""
    return Tokenizer(
        train_bpe("\n\n".join(story.text for story in stories), VOCAB_SIZE, [BETWEEN]), [BETWEEN]
    )


def as_tokens(stories: Iterable[Any], tokenizer: Tokenizer):
    """Return stories as one stream of Tokens, BETWEEN before each."""
    between, ids, targets = tokenizer.special_tokens[BETWEEN], [], []
    for story in stories:
        text = tokenizer.encode(story.text)
        ids += [between, *text]
        targets += [*text, between if story.ended else IGNORED]
    return Tokens(
        torch.tensor(ids), torch.tensor(targets), sum(len(story.text.encode()) for story in stories)
    )


def windows(ids: torch.Tensor):
    """Cut a text for a loss: (inputs, targets), each [windows, 64], from ids [seq]. Every token but
    the first is a target once; what the last window lacks is IGNORED."""
    n = -(-(len(ids) - 1) // CONTEXT) * CONTEXT
    inputs, targets = torch.zeros(n, dtype=torch.long), torch.full((n,), IGNORED)
    inputs[: len(ids) - 1], targets[: len(ids) - 1] = ids[:-1], ids[1:]
    return inputs.view(-1, CONTEXT), targets.view(-1, CONTEXT)


def tiny_config(d_model: int, n_layer: int = 2):
    """Return the Config of a model so small that a notebook trains it: heads 16 wide."""
    n_head = max(1, d_model // 16)
    return Config(
        n_layer,
        n_head,
        n_head,
        d_model,
        d_model // n_head,
        VOCAB_SIZE,
        CONTEXT,
        eps=1e-5,
        rope_theta=10000.0,
    )


def new_weights(config: Config, seed: int):
    """Make random weights [out, in]; each layer starts as the identity, since the projections that
    write to the residual stream are zero."""
    generator = torch.Generator().manual_seed(seed)
    d, d_mlp = config.d_model, 8 * round(config.d_model / 3)

    def random(rows: int, columns: int, std: float | None = None):
        return (
            torch.randn(rows, columns, generator=generator)
            .mul_(std or columns**-0.5)
            .requires_grad_()
        )

    def zeros(rows: int, columns: int):
        return torch.zeros(rows, columns, requires_grad=True)

    def ones():
        return (torch.ones(d, requires_grad=True),)

    layers = [
        Layer(
            ones(),
            (random(d, d), None),
            (random(d, d), None),
            (random(d, d), None),
            (zeros(d, d), None),
            ones(),
            (random(d_mlp, d), random(d_mlp, d), zeros(d, d_mlp)),
        )
        for _ in range(config.n_layer)
    ]
    embedding = random(config.vocab_size, d, std=0.02)
    return Weights(embedding, None, layers, ones(), embedding)


def tensors(weights: Any):
    """Return all tensors of a `Weights`, a `Layer` or a tuple, each once."""
    if isinstance(weights, torch.Tensor):
        return [weights]
    parts = (
        [getattr(weights, f.name) for f in fields(weights)]
        if is_dataclass(weights)
        else weights or []
    )
    return list({id(t): t for part in parts for t in tensors(part)}.values())


def non_embedding_parameters(weights: Weights):
    """Return the N of scaling laws (Kaplan et al. 2020): all parameters but the embedding
    table's."""
    return sum(t.numel() for t in tensors(weights)) - weights.embedding.numel()


def learning_rate(step: int, steps: int, peak: float):
    """Return the rate of step 0, 1, ... of `steps`: it rises over the first 5 % of them and falls
    in a line to 0."""
    return peak * min(1, (step + 1) / (0.05 * steps)) * (1 - step / steps)


def window_starts(data: Tokens, config: Config, steps: int, seed: int, batch: int = 8):
    """Draw where the windows of each step begin: [steps, batch], by the seed. ValueError for a
    batch of none, or data that fill no window."""
    if batch < 1 or len(data.ids) <= config.context:
        raise ValueError(
            f"batch is {batch} and the data are {len(data.ids)} tokens: at least 1 window of "
            f"{config.context} tokens, and the one after it, is needed"
        )
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(len(data.ids) - config.context, (steps, batch), generator=generator)


def train(
    weights: Weights,
    config: Config,
    data: Tokens,
    steps: int,
    seed: int,
    batch: int = 8,
    *,
    peak: float,
    parts: Parts = PARTS,
):
    """Train in place with AdamW, decay 0.1 on matrices: yields (step, loss in nats per token)
    after each step."""
    matrices, vectors = (
        [t for t in tensors(weights) if (t.dim() == 2) is two] for two in (True, False)
    )
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        betas=(0.9, 0.95),
        fused=True,
    )
    for step, starts in enumerate(window_starts(data, config, steps, seed, batch)):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, steps, peak)
        places = starts[:, None] + torch.arange(config.context)  # batch seq
        logits = forward(data.ids[places], weights, config, parts)
        loss = cross_entropy(
            logits.flatten(0, 1), data.targets[places].flatten(), ignore_index=IGNORED
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        yield step + 1, loss.item()


@torch.no_grad()
def nats_per_byte(weights: Weights, config: Config, data: Tokens, parts: Parts = PARTS):
    """Return the loss on all of `data`. Windows overlap by half and only the later half counts, so
    that each token has a long past."""
    context, half, length = config.context, config.context // 2, len(data.ids)
    past = context - half

    def nats(places: torch.Tensor, first: int = past):
        logits = forward(data.ids[places], weights, config, parts)[:, first:]
        targets = data.targets[places[:, first:]]
        return cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
        ).item()

    starts = range(half, length - context + 1, half)
    total = nats(torch.arange(min(context, length))[None], first=0)
    for batch in torch.tensor(starts).split(64) if starts else ():
        total += nats(batch[:, None] + torch.arange(context))
    last_start = half * (len(starts) + 1)  # the last window is shorter
    if last_start < length - past:
        total += nats(torch.arange(last_start, length)[None])
    return total / data.n_bytes


def as_model(weights: Weights, config: Config, tokenizer: Tokenizer):
    """Return the trained weights in the course's engine: a model like any other, that writes texts
    of any length and looks back as far as it did in training."""
    stop = (tokenizer.special_tokens[BETWEEN],)
    return Model(
        replace(config, stop_ids=stop, context=1024, window=config.context),
        weights,
        LLAMA_PARTS,
        tokenizer,
    )
