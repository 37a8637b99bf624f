"""Read what a client asks for in OpenAI's protocol: the bodies of "Create chat completion"
(/v1/chat/completions) and "Create completion" (/v1/completions).

What the engine supports is read. A field that would change the answer and is not supported is
refused in one sentence, as far as the usual clients and servers have a name for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_TEMPERATURE = 2  # the highest temperature that the protocol knows
MOST_PROMPTS = 8  # in one request
MOST_ANSWERS = 4  # to one prompt
ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
UNSUPPORTED: dict[str, tuple[Callable[[Any], bool], str]] = {  # field: (harmless values, refusal)
    "tools": (lambda x: not x, "this model calls no tools"),
    "functions": (lambda x: not x, "this model calls no functions"),
    "logit_bias": (lambda x: not x, "logit_bias is not supported"),
    "frequency_penalty": (lambda x: x == 0, "frequency_penalty is not supported"),
    "presence_penalty": (lambda x: x == 0, "presence_penalty is not supported"),
    "repetition_penalty": (lambda x: x == 1, "repetition_penalty is not supported"),
    "repeat_penalty": (lambda x: x == 1, "repeat_penalty is not supported"),
    "response_format": (lambda x: x == {"type": "text"}, "answers are plain text only"),
    "json_schema": (lambda x: not x, "answers are plain text only"),
    "grammar": (lambda x: not x, "answers are plain text only"),
    "guided_json": (lambda x: not x, "answers are plain text only"),
    "min_tokens": (lambda x: x == 0, "min_tokens must be 0: a stop token ends an answer"),
    "ignore_eos": (lambda x: x is False, "ignore_eos must be false: a stop token ends an answer"),
    "modalities": (lambda x: x == ["text"], "answers are text only"),
    "audio": (lambda x: False, "answers are text only"),
    "best_of": (lambda x: x == 1, "best_of must be 1: answers are not ranked"),
    "suffix": (lambda x: not x, "suffix must be empty: a text is only continued"),
}


class APIError(ValueError):
    """Report a request that is refused: its sentence, the HTTP status, the field that is at
    fault, and the API's word for the fault, if it has one ("Error codes")."""

    def __init__(
        self, sentence: str, status: int = 400, param: str | None = None, code: str | None = None
    ):
        super().__init__(sentence)
        self.status, self.param, self.code = status, param, code


def model_not_found(name: object, served: str) -> APIError:
    """Return the refusal of a model of another name than the one `served`."""
    sentence = f"the model {name!r} is not served here: this is {served!r}"
    return APIError(sentence, 404, "model", "model_not_found")


@dataclass(frozen=True)
class Request:
    """Hold what a client asked for, read and checked."""

    messages: list[dict[str, str]]  # of /v1/chat/completions
    prompts: tuple[str | list[int], ...]  # of /v1/completions: texts, or ids
    n: int  # answers to each
    echo: bool  # the prompt is part of its answer
    stream: bool
    usage: bool  # a last chunk that counts tokens
    max_tokens: int | None
    settings: dict[str, Any]
    seed: int | None
    stop: tuple[str, ...]
    likeliest: int | None  # None: no log-probabilities


def parse(body: Any, model_name: str, defaults: dict[str, Any], chat: bool = True) -> Request:
    """Read the request in a JSON body, for `chat` or for the continuation of a prompt; `defaults`
    are the settings of fields that it leaves out. Raises APIError."""
    if not isinstance(body, dict):
        raise APIError("the body must be a JSON object")
    fields = {key: value for key, value in body.items() if value is not None}
    if fields.get("model", model_name) != model_name:
        raise model_not_found(fields["model"], model_name)
    for key, (harmless, refusal) in UNSUPPORTED.items():
        if key in fields and not harmless(fields[key]):
            raise APIError(refusal, param=key, code="unsupported_parameter")
    limit = "max_completion_tokens" if "max_completion_tokens" in fields else "max_tokens"
    limits = {"temperature": MAX_TEMPERATURE, "top_p": 1, "min_p": 1}
    settings = {key: _within(fields, key, 0, limits[key], float) for key in limits}
    settings["top_k"] = _within(fields, "top_k", 0, 1 << 20)
    settings = defaults | {key: value for key, value in settings.items() if value is not None}
    if settings.get("top_k") == 0:  # all of them, whatever the default is
        del settings["top_k"]
    if settings.get("top_p") == 0:
        raise APIError("top_p must be above 0", param="top_p")
    stop = fields.get("stop", [])
    stop = [stop] if isinstance(stop, str) else stop
    words = isinstance(stop, list) and all(isinstance(word, str) for word in stop)
    if not words or len(stop) > 4 or not all(0 < len(word) <= 200 for word in stop):
        rule = "stop must be a text of 1 to 200 characters, or a list of up to four"
        raise APIError(rule, param="stop")
    if chat:
        likeliest = _within(fields, "top_logprobs", 0, 20) or 0
        if likeliest and not _flag(fields, "logprobs"):
            raise APIError("top_logprobs needs logprobs to be true", param="top_logprobs")
        likeliest = likeliest if _flag(fields, "logprobs") else None
    else:
        likeliest = _within(fields, "logprobs", 0, 20)
    options = fields.get("stream_options", {})
    prompts = () if chat else _prompts(fields.get("prompt"))
    n = _within(fields, "n", 1, MOST_ANSWERS) or 1
    if n * len(prompts) > MOST_PROMPTS:
        rule = f"{n} answers to each of {len(prompts)} prompts are more than {MOST_PROMPTS}"
        raise APIError(f"{rule}: ask in several requests", param="n")
    max_tokens = _within(fields, limit, int(chat), 1 << 20)
    return Request(
        messages=_messages(fields.get("messages")) if chat else [],
        prompts=prompts,
        n=n,
        echo=not chat and _flag(fields, "echo"),
        stream=_flag(fields, "stream"),
        usage=isinstance(options, dict) and options.get("include_usage") is True,
        max_tokens=16 if max_tokens is None and not chat else max_tokens,
        settings=settings,
        seed=_within(fields, "seed", -(1 << 63), (1 << 63) - 1),
        stop=tuple(stop),
        likeliest=likeliest,
    )


def _messages(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list) or not value:
        raise APIError("messages must be a list of at least one message", param="messages")
    messages = []
    for message in value:
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in ROLES:
            roles = ", ".join(ROLES)
            raise APIError(f"each message needs a role, one of {roles}", param="messages")
        messages.append({"role": ROLES[role], "content": _content(message.get("content"))})
    return messages


def _prompts(value: Any) -> tuple[str | list[int], ...]:
    prompts = value if isinstance(value, list) and not _is_ids(value) else [value]
    filled = (isinstance(x, str) and x or _is_ids(x) for x in prompts)
    if not 0 < len(prompts) <= MOST_PROMPTS or not all(filled):
        rule = "prompt must be a text of at least one character, the ids of one, or a list of up to"
        raise APIError(f"{rule} {MOST_PROMPTS} of them", param="prompt")
    return tuple(prompts)


def _is_ids(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(x) is int for x in value)


def _content(value: Any) -> str:
    parts = [{"type": "text", "text": value}] if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)
        for part in parts
    ):
        raise APIError("content must be text: this model reads nothing else", param="messages")
    return "".join(part["text"] for part in parts)


def _flag(fields: dict[str, Any], key: str) -> bool:
    if not isinstance(fields.get(key, False), bool):
        raise APIError(f"{key} must be true or false", param=key)
    return fields.get(key, False)


def _within(fields: dict[str, Any], key: str, low: int, high: int, kind: Any = int) -> Any:
    """Return the number in this field, if there is one."""
    value = fields.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, kind)) or not low <= value <= high:
        whole = "whole " if kind is int else ""
        raise APIError(f"{key} must be a {whole}number from {low} to {high}", param=key)
    return kind(value)
