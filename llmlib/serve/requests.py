"""What a client asks for in OpenAI's protocol: the bodies of "Create chat completion"
(/v1/chat/completions) and "Create completion" (/v1/completions).

What the engine supports is read. A field that would change the answer and is not supported is
refused in one sentence, as far as the usual clients and servers have a name for it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_TEMPERATURE = 2  # the highest temperature that the protocol knows
MOST_PROMPTS = 8  # in one request
ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
UNSUPPORTED: dict[
    str, tuple[Callable[[Any], bool], str]
] = {  # field: (harmless values, what is missing)
    "n": (lambda x: x == 1, "it writes one answer at a time, so n must be 1"),
    "tools": (lambda x: not x, "it calls no tools"),
    "functions": (lambda x: not x, "it calls no functions"),
    "logit_bias": (lambda x: not x, "it has no logit_bias"),
    "frequency_penalty": (lambda x: x == 0, "it has no frequency_penalty"),
    "presence_penalty": (lambda x: x == 0, "it has no presence_penalty"),
    "repetition_penalty": (lambda x: x == 1, "it has no repetition_penalty"),
    "repeat_penalty": (lambda x: x == 1, "it has no repeat_penalty"),
    "response_format": (lambda x: x == {"type": "text"}, "it writes plain text only"),
    "json_schema": (lambda x: not x, "it writes plain text only"),
    "grammar": (lambda x: not x, "it writes plain text only"),
    "guided_json": (lambda x: not x, "it writes plain text only"),
    "min_tokens": (lambda x: x == 0, "it stops where the model stops"),
    "ignore_eos": (lambda x: x is False, "it stops where the model stops"),
    "modalities": (lambda x: x == ["text"], "it writes text only"),
    "audio": (lambda x: False, "it does not speak"),
    "best_of": (lambda x: x == 1, "it writes one answer at a time, so best_of must be 1"),
    "suffix": (lambda x: not x, "it continues a text, so suffix must be empty"),
    "echo": (lambda x: x is False, "it does not repeat the prompt, so echo must be false"),
}


class APIError(ValueError):
    """A request that is refused: its sentence, the HTTP status, the field that is at fault."""

    def __init__(self, sentence: str, status: int = 400, param: str | None = None):
        super().__init__(sentence)
        self.status, self.param = status, param


@dataclass(frozen=True)
class Request:
    """What a client asked for, read and checked."""

    messages: list[dict[str, str]]  # of /v1/chat/completions
    prompts: tuple[str, ...]  # of /v1/completions
    stream: bool
    usage: bool  # a last chunk that counts tokens
    max_tokens: int | None
    settings: dict[str, Any]
    seed: int | None
    stop: tuple[str, ...]
    likeliest: int | None  # None: no log-probabilities


def parse(body: Any, served: str, defaults: dict[str, Any], chat: bool = True) -> Request:
    """The request in a JSON body, for `chat` or for the continuation of a prompt; `defaults` are
    the settings of fields that it leaves out. Raises APIError."""
    if not isinstance(body, dict):
        raise APIError("the body must be a JSON object")
    given = {key: value for key, value in body.items() if value is not None}
    if given.get("model", served) != served:
        raise APIError(f"the model {given['model']!r} is not served here: this is {served!r}", 404)
    for key, (harmless, lack) in UNSUPPORTED.items():
        if key in given and not harmless(given[key]):
            raise APIError(f"this engine answers in plain text: {lack}", param=key)
    limit = "max_completion_tokens" if "max_completion_tokens" in given else "max_tokens"
    most = {"temperature": MAX_TEMPERATURE, "top_p": 1, "min_p": 1}
    settings = {key: _within(given, key, 0, most[key], float) for key in most}
    settings["top_k"] = _within(given, "top_k", 0, 1 << 20)
    settings = defaults | {key: value for key, value in settings.items() if value is not None}
    if settings.get("top_k") == 0:  # all of them, whatever the default is
        del settings["top_k"]
    if settings.get("top_p") == 0:
        raise APIError("top_p must be above 0", param="top_p")
    stop = given.get("stop", [])
    stop = [stop] if isinstance(stop, str) else stop
    words = isinstance(stop, list) and all(isinstance(each, str) for each in stop)
    if not words or len(stop) > 4 or not all(0 < len(each) <= 200 for each in stop):
        asked = "stop must be a text of 1 to 200 characters, or a list of up to four"
        raise APIError(asked, param="stop")
    if chat:
        likeliest = _within(given, "top_logprobs", 0, 20) or 0
        if likeliest and not _flag(given, "logprobs"):
            raise APIError("top_logprobs needs logprobs to be true", param="top_logprobs")
        likeliest = likeliest if _flag(given, "logprobs") else None
    else:
        likeliest = _within(given, "logprobs", 0, 20)
    options = given.get("stream_options", {})
    prompts = () if chat else _prompts(given.get("prompt"))
    if len(prompts) > 1 and _flag(given, "stream"):
        raise APIError("a stream answers one prompt: ask once for every prompt", param="stream")
    return Request(
        messages=_messages(given.get("messages")) if chat else [],
        prompts=prompts,
        stream=_flag(given, "stream"),
        usage=isinstance(options, dict) and options.get("include_usage") is True,
        max_tokens=_within(given, limit, 1, 1 << 20) or (None if chat else 16),
        settings=settings,
        seed=_within(given, "seed", -(1 << 63), (1 << 63) - 1),
        stop=tuple(stop),
        likeliest=likeliest,
    )


def _messages(said: Any) -> list[dict[str, str]]:
    if not isinstance(said, list) or not said:
        raise APIError("messages must be a list of at least one message", param="messages")
    found = []
    for each in said:
        role = each.get("role") if isinstance(each, dict) else None
        if not isinstance(role, str) or role not in ROLES:
            known = ", ".join(ROLES)
            raise APIError(f"each message needs a role, one of {known}", param="messages")
        found.append({"role": ROLES[role], "content": _content(each.get("content"))})
    return found


def _prompts(given: Any) -> tuple[str, ...]:
    texts = given if isinstance(given, list) else [given]
    if not 0 < len(texts) <= MOST_PROMPTS or not all(isinstance(x, str) and x for x in texts):
        asked = "prompt must be a text of at least one character, or a list of up to"
        raise APIError(f"{asked} {MOST_PROMPTS} of them", param="prompt")
    return tuple(texts)


def _content(said: Any) -> str:
    parts = [{"type": "text", "text": said}] if isinstance(said, str) else said
    if not isinstance(parts, list) or not all(
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)
        for part in parts
    ):
        raise APIError("this engine reads text only: content must be text", param="messages")
    return "".join(part["text"] for part in parts)


def _flag(given: dict[str, Any], key: str) -> bool:
    if not isinstance(given.get(key, False), bool):
        raise APIError(f"{key} must be true or false", param=key)
    return given.get(key, False)


def _within(given: dict[str, Any], key: str, low: int, high: int, kind: Any = int) -> Any:
    """The number in this field, if there is one."""
    value = given.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, kind)) or not low <= value <= high:
        whole = "whole " if kind is int else ""
        raise APIError(f"{key} must be a {whole}number from {low} to {high}", param=key)
    return kind(value)
