"""A conversation: messages become ids by the model's own template, a reply comes token by token."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from llmlib import chat_template, generation
from llmlib.serve.engine import Engine

Message = dict[str, str]  # {"role": "user", "content": "Hello"}
LIKELIEST = 5


@dataclass(frozen=True)
class Token:
    """One token of a reply: the text that it completed, and where it came from."""

    id: int
    text: str
    logprob: float  # as the model gave it, before temperature and filters
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
    likeliest: int = LIKELIEST
    wanted: Callable[[], bool] = lambda: True  # asked before each token
    count: int = 0
    finish: str = "length"

    def __iter__(self) -> Iterator[Token]:
        steps = self.engine.steps(self.ids, self.max_tokens, self.seed, **self.settings)
        made: list[tuple[int, torch.Tensor]] = []

        def ids() -> Iterator[int]:
            while self.wanted() and (step := next(steps, None)):
                new, logits = step
                self.count += 1
                if new in self.engine.config.stop_ids:
                    self.finish = "stop"
                    return
                made.append((new, logits))
                yield new

        for text in self.engine.tokenizer.stream(ids()):
            if made:
                yield self._token(*made.pop(), text)
                made.clear()  # a special token has no text of its own
            elif text:  # what was left of a character
                yield Token(-1, text, 0.0, [], 0, 0.0)

    def _token(self, new: int, logits: torch.Tensor, text: str) -> Token:
        log_p = torch.log_softmax(logits.float(), -1)
        left = generation.filtered(logits[None].float(), **self.settings)[0] > -torch.inf
        best = log_p.topk(min(self.likeliest, len(log_p)))
        rows = zip(best.indices.tolist(), best.values.tolist())
        likeliest = [(self.engine.names.decode([i]), p, bool(left[i])) for i, p in rows]
        share = float(log_p[left].exp().sum())
        return Token(new, text, float(log_p[new]), likeliest, int(left.sum()), min(share, 1.0))


def prompt(engine: Engine, messages: Sequence[Message]) -> list[int]:
    """Ids of a conversation, up to where the model's answer begins.

    Raises as `chat_template.apply`, and ValueError for an `encode` that raises.
    """
    special = engine.special
    parts = [chat_template.apply(engine.folder, messages, special)]
    if engine.tokenizer is not engine.names:  # a learner's encode knows no special tokens
        parts = re.split(f"({'|'.join(map(re.escape, special))})", parts[0])
    ids: list[int] = []
    encode = getattr(engine.tokenizer, "encode_templated", engine.tokenizer.encode)
    try:
        for part in filter(None, parts):
            ids += [special[part]] if part in special else encode(part)
    except ValueError:
        raise
    except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
        raise ValueError(broke(error)) from None
    return ids


def broke(error: Exception) -> str:
    """One sentence for what a learner's function raised."""
    return f"the engine failed: {type(error).__name__}: {line(error)}"


def printable(text: str) -> str:
    """Without control characters: a model may write any, and a terminal would obey."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\N{REPLACEMENT CHARACTER}", text)


def line(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())[:300]


def fitted(engine: Engine, messages: Sequence[Message], room: int) -> list[Message]:
    """The conversation without its oldest turns, so that `room` tokens of an answer fit."""
    messages = list(messages)
    while len(messages) > 2 and len(prompt(engine, messages)) + room > engine.config.context:
        messages = messages[2:]
    return messages
