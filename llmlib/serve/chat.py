"""Hold a conversation: messages become ids by the model's own template, a reply comes token by
token."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from llmlib import chat_template, generation
from llmlib.serve.engine import Engine

Message = dict[str, str]  # {"role": "user", "content": "Hello"}
LIKELIEST = 5
BLOCK = 64  # tokens of a prompt whose likelihoods are computed at once
STARTERS = (  # SmolLM2 answers them well at temperature 0: tests/test_chat_answers.py
    "What is the capital of France?",
    "Name three fruits.",
    "Explain what a neuron is in one sentence.",
    "What is the water cycle?",
    "Give me three tips for sleeping better.",
)


class ContextFull(ValueError):
    """Report a text that the context cannot hold."""


@dataclass(frozen=True)
class Token:
    """Describe one token of a reply: the text that it completed, and where it came from."""

    id: int
    text: str
    # as the model gave it, before temperature and filters; None for a prompt's first token
    logprob: float | None
    likeliest: list[tuple[str, float, bool]]  # (token, log-probability, did the filters keep it)
    kept: int  # how many tokens the filters kept, and what share of the model's probability
    share: float


@dataclass
class Reply:
    """Iterate over it for its tokens; `finish` is "stop" or "length" once it has ended."""

    engine: Engine
    ids: list[int]  # the prompt
    max_tokens: int
    seed: int | None = None
    settings: dict[str, Any] = field(default_factory=dict)  # temperature, top_k, top_p, min_p
    likeliest: int = LIKELIEST  # 0: tokens tell only their text
    prompt_tokens: list[Token] = field(default_factory=list)  # where the prompt is repeated
    count: int = 0
    finish: str = "length"
    last: Token | None = None  # the stop token, if it wrote one

    @property
    def prompt(self) -> str:
        """Return the prompt's text."""
        return self.engine.names.decode(self.ids)

    def __iter__(self) -> Iterator[Token]:
        steps = self.engine.steps(self.ids, self.max_tokens, self.seed, **self.settings)
        queue: list[tuple[int, torch.Tensor]] = []
        options = self.likeliest, self.settings

        def ids() -> Iterator[int]:
            for new, logits in steps:
                self.count += 1
                if new in self.engine.config.stop_ids:
                    self.finish = "stop"
                    self.last = describe(self.engine, new, logits, "", *options)
                    return
                queue.append((new, logits))
                yield new

        for text in self.engine.tokenizer.stream(ids()):
            if queue:
                yield describe(self.engine, *queue.pop(), text, *options)
                queue.clear()  # a special token has no text of its own
            elif text:  # what was left of a character
                yield Token(-1, text, 0.0, [], 0, 0.0)


def describe(
    engine: Engine,
    new: int,
    logits: torch.Tensor,
    text: str,
    n_likeliest: int,
    settings: dict[str, Any],
) -> Token:
    """Return the Token of an id that was picked from `logits` [vocab], with the `n_likeliest` and
    what the settings kept; with 0 of them only its text."""
    if not n_likeliest:
        return Token(new, text, 0.0, [], 0, 0.0)
    log_p = torch.log_softmax(logits.float(), -1)
    mask = generation.filtered(logits[None].float(), **settings)[0] > -torch.inf
    best = log_p.topk(min(n_likeliest, len(log_p)))
    rows = zip(best.indices.tolist(), best.values.tolist())
    likeliest = [(engine.names.decode([i]), p, bool(mask[i])) for i, p in rows]
    share = float(log_p[mask].exp().sum())
    return Token(new, text, float(log_p[new]), likeliest, int(mask.sum()), min(share, 1.0))


def prompt_tokens(engine: Engine, ids: list[int], n_likeliest: int) -> list[Token]:
    """Return a Token for each id of a prompt: how likely the model found it after those before it.
    With `n_likeliest` 0 they tell only their texts, else this needs llmlib's own engine."""
    texts = [engine.names.decode([i]) for i in ids]
    tokens = [Token(ids[0], texts[0], None, [], 0, 0.0)]
    cache = engine.model.new_cache(context=len(ids)) if n_likeliest else None
    for start in range(0, len(ids) - 1, BLOCK):  # the logits of all places at once may be gigabytes
        end = min(start + BLOCK, len(ids) - 1)
        if not n_likeliest:
            rows: Any = [torch.empty(0)] * (end - start)
        else:
            with torch.inference_mode():
                rows = engine.model(ids[start:end], cache)[0]
        for place, logits in enumerate(rows, start + 1):
            tokens.append(describe(engine, ids[place], logits, texts[place], n_likeliest, {}))
    return tokens


def prompt_ids(engine: Engine, messages: Sequence[Message]) -> list[int]:
    """Return the ids of a conversation, up to where the model's answer begins. If the last message
    is the assistant's own, the answer continues it.

    Raises as `chat_template.apply`, and ValueError as `encode`.
    """
    prefill = messages[-1]["role"] == "assistant"
    options = {"add_generation_prompt": False, "continue_final_message": True} if prefill else {}
    for message in messages:
        refuse_too_long(engine, message["content"])
    text = chat_template.apply(engine.folder, messages, engine.special, **options)
    encoder = getattr(engine.tokenizer, "encode_templated", engine.tokenizer.encode)
    return encode(engine, text, encoder)


def encode(engine: Engine, text: str, encode: Callable[[str], list[int]]) -> list[int]:
    """Return the ids of a text that may hold special tokens. ValueError for a text that cannot fit
    into the context, and for an `encode` that raises."""
    refuse_too_long(engine, text)
    special, parts = engine.special, [text]
    if (
        special and engine.tokenizer is not engine.names
    ):  # a learner's encode knows no special tokens
        parts = re.split(f"({'|'.join(map(re.escape, special))})", parts[0])
    ids: list[int] = []
    try:
        for part in filter(None, parts):
            ids += [special[part]] if part in special else encode(part)
    except ValueError:
        raise
    except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
        raise ValueError(engine_error(error)) from None
    return ids


def refuse_too_long(engine: Engine, text: str) -> None:
    """Raise ContextFull for a text that would not fit into the context even if all its tokens were
    as long as the longest: seen without encoding it."""
    longest, size = engine.longest_token, len(text.encode(errors="replace"))
    if longest and size > longest * engine.config.context:
        raise ContextFull(
            f"the text is {size:,} bytes long, but the context holds {engine.config.context} "
            f"tokens of at most {longest} bytes: shorten it"
        )


def refuse_full(engine: Engine, ids: list[int], name: str) -> None:
    """Raise ContextFull for ids that leave the answer no room in the context."""
    if len(ids) >= (context := engine.config.context):
        limit = f"the context holds {context} with the answer"
        raise ContextFull(f"{name} is {len(ids)} tokens long, but {limit}: shorten it")


def engine_error(error: Exception) -> str:
    """Describe in one sentence what a learner's function raised."""
    return f"the engine failed: {type(error).__name__}: {one_line(error)}"


def printable(text: str) -> str:
    """Replace control characters: a model may write any, and a terminal would obey."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\N{REPLACEMENT CHARACTER}", text)


def one_line(error: Exception) -> str:
    """Return what an error says, in one line."""
    return " ".join(str(error).split())[:300]


def drop_oldest_turns(engine: Engine, messages: Sequence[Message], room: int) -> list[Message]:
    """Return the conversation without its oldest turns, so that `room` tokens of an answer fit."""
    messages = list(messages)
    while len(messages) > 2 and len(prompt_ids(engine, messages)) + room > engine.config.context:
        messages = messages[2:]
    return messages
