"""Run the loop that turns a next-token predictor into a writer: run, pick, append, again."""

import operator
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from llmlib import chat_template
from llmlib.decode_step import one_thread
from llmlib.model import Model
from llmlib.output_head import softmax
from llmlib.sampling import filter_logits


def generate(
    model: Model,
    ids: list[int] | Tensor,
    max_new_tokens: int,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    seed: int | None = None,
    use_cache: bool = True,
    stop_ids: Iterable[int] | None = None,
):
    """Return an iterator of new ids, each yielded as soon as it is picked.

    Three things stop it: a stop token (yielded, then the end; `stop_ids` defaults to the model's
    own), `max_new_tokens`, and a full context. temperature 0 is greedy; `seed` makes a draw
    repeatable, whatever else drew before. Raises ValueError, before the model runs, for a prompt
    that is empty or fills the context, ids out of range, and settings out of range.
    """
    settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "min_p": min_p}
    return (
        token_id
        for token_id, _ in steps(
            model,
            ids,
            max_new_tokens,
            seed=seed,
            use_cache=use_cache,
            stop_ids=stop_ids,
            **settings,
        )
    )


def steps(
    model: Model,
    ids: list[int] | Tensor,
    max_new_tokens: int,
    seed: int | None = None,
    use_cache: bool = True,
    stop_ids: Iterable[int] | None = None,
    **settings: Any,
):
    """Continue as `generate` does, but yield (id, logits): each new id with the logits [vocab] that
    it was picked from."""
    ids = model.check_ids(ids)
    if ids.shape[0] != 1:
        raise ValueError(f"generate continues one text at a time, not a batch of {ids.shape[0]}")
    if ids.shape[1] >= model.config.context:
        raise ValueError(
            f"the prompt is {ids.shape[1]} tokens long, but the context holds "
            f"{model.config.context} with the answer: "
            "shorten it"
        )
    if whole(max_new_tokens, "max_new_tokens") < 0:
        raise ValueError(f"max_new_tokens is {max_new_tokens}: it must be 0 or more")
    for name, value in settings.items():
        if name == "top_k" and value is not None:
            whole(value, name)
        elif not (hasattr(value, "__float__") or value is None and name != "temperature"):
            raise ValueError(f"{name} is {value!r}: it must be a number")
    filtered(torch.zeros(1, 1), **settings)  # refuses what is out of range
    if stop_ids is None:
        stop_ids = model.config.stop_ids
    elif not hasattr(stop_ids, "__iter__"):
        raise ValueError(f"stop_ids is {stop_ids!r}: it must be a list of ids")
    return _steps(
        model,
        ids,
        max_new_tokens,
        None if seed is None else _generator(seed),
        use_cache,
        [whole(i, "one of stop_ids") for i in stop_ids],
        settings,
    )


def whole(number: Any, name: str):
    """Return `number` as an int. Raises ValueError, by its name, for what is no whole number."""
    try:
        return operator.index(number)
    except TypeError:
        raise ValueError(f"{name} is {number!r}: it must be a whole number") from None


def _generator(seed: int):
    try:
        return torch.Generator().manual_seed(operator.index(seed))  # numpy's whole numbers too
    except (TypeError, ValueError, RuntimeError):  # by release of torch
        raise ValueError(
            f"seed is {seed!r}: it must be a whole number of at most 64 bits, or None"
        ) from None


def _steps(
    model: Model,
    ids: Tensor,
    max_new_tokens: int,
    generator: torch.Generator | None,
    use_cache: bool,
    stop_ids: list[int],
    settings: dict,
):
    room = min(model.config.context, ids.shape[1] + max_new_tokens)
    cache = model.new_cache(context=room) if use_cache else None
    new = ids  # what the model has not seen yet: first the whole prompt
    while ids.shape[1] < room:
        logits = model(new if use_cache else ids, cache, last=True)[:, -1]  # 1 vocab
        u = torch.rand(1, generator=generator).to(logits.device)
        with one_thread() if model.decode_step else nullcontext():
            new = model.parts.sampling(logits, u, **settings).view(1, 1)
        ids = torch.cat([ids, new.to(ids.device)], dim=1)
        yield new.item(), logits[0]
        if new.item() in stop_ids:
            return


def filtered(
    logits: Tensor,
    temperature: float = 0.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
):
    """Return logits after the settings of `generate`. Raises ValueError for one that is out of
    range."""
    return filter_logits(logits, temperature, top_k, top_p, min_p)


def shared_prompt(model: Model, ids: list[int], n: int, room: int):
    """Run a prompt once for n texts that begin with it: (cache of n rows with `room` for further
    tokens, logits [n, vocab] after the prompt).
    """
    prompt_cache, cache = model.new_cache(context=len(ids)), model.new_cache(n, len(ids) + room)
    logits = model(ids, prompt_cache, last=True)[:, -1].repeat(
        n, 1
    )  # rows of their own: `pick` may write
    for target, source in zip(cache.keys + cache.values, prompt_cache.keys + prompt_cache.values):
        target[:, :, : len(ids)] = source
    cache.length = len(ids)
    return cache, logits


def side_by_side(
    model: Model, ids: list[int], n: int, steps: int, pick: Callable[[Tensor], Tensor]
):
    """Write n continuations of one prompt at the same time: ids (a list) -> [n, steps].

    pick(logits [n, vocab]) -> ids [n]. A stop token stops nothing here.
    """
    cache, logits = shared_prompt(model, ids, n, steps)
    new_ids = torch.empty(n, 0, dtype=torch.long, device=logits.device)
    for step in range(steps):
        if step:
            logits = model(new_ids[:, -1:], cache)[:, -1]
        new_ids = torch.cat([new_ids, pick(logits)[:, None]], dim=1)
    return new_ids


def complete(model: Model, prompt: str, max_new_tokens: int = 32, **settings: Any):
    """Continue the text `prompt`; returns the new text only. `settings` are those of `generate`."""
    return "".join(stream_text(model, prompt, max_new_tokens, **settings))


def stream_text(model: Model, prompt: str, max_new_tokens: int = 32, **settings: Any):
    """Continue `prompt`, yielding text as it is made; a character spread over several tokens waits
    until it is whole. Stop tokens, the model's and those of `stop_ids`, are no text.
    """
    new_ids = generate(model, encode_prompt(model, prompt), max_new_tokens, **settings)
    silent = {*model.config.stop_ids, *(settings.get("stop_ids") or ())}
    return model.tokenizer.stream(token_id for token_id in new_ids if token_id not in silent)


def encode_prompt(model: Model, prompt: str):
    """Return the ids of a prompt. Raises ValueError for an empty one and for a model that came
    without a tokenizer."""
    if not prompt:
        raise ValueError(
            "the prompt is empty: a model continues text, so give it at least one character"
        )
    if model.tokenizer is None:
        raise ValueError(
            f"{model.folder} has no tokenizer, so text cannot be turned into ids: "
            "pass ids to model(ids) or generate instead"
        )
    return model.tokenizer.encode(prompt)


def chat_prompt(model: Model, messages: str | Sequence[chat_template.Message]):
    """Write a message (str), or a list of {"role": …, "content": …}, in the format that the model's
    chat training used, up to where its answer begins. Raises as `chat_template.apply`."""
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    special_tokens = getattr(model.tokenizer, "special_tokens", ())
    return chat_template.apply(model.folder, messages, special_tokens)


def top_tokens(model: Model, logits: Tensor, n: int = 5):
    """Return the n likeliest next tokens: logits [vocab] -> [(id, text, probability), ...],
    likeliest first."""
    best = torch.topk(softmax(logits), n)
    return [
        (i, model.tokenizer.decode([i]), p)
        for p, i in zip(best.values.tolist(), best.indices.tolist())
    ]
