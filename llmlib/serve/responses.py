"""Answers in OpenAI's protocol: one object, or one chunk a token. The quoted names are those of its
API reference, "Chat" and "Completions"."""

import time
import uuid
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from llmlib.serve.chat import Reply, Token
from llmlib.serve.requests import Request

Answer = dict[str, Any]


def chunks(reply: Reply, request: Request) -> Iterator[Answer]:
    """The answer chunk by chunk ("The chat completion chunk object", or "The completion object" of
    a prompt): the role, then what each token adds, then why it ended."""
    head, offset = _head(reply, request, ".chunk"), 0
    if not request.prompts:
        yield head | {"choices": [_choice({"delta": {"role": "assistant", "content": ""}})]}
    for text, tokens in until_stop(reply, request.stop):
        added = {"text": text} if request.prompts else {"delta": {"content": text}}
        yield head | {"choices": [_choice(added, _logprobs(tokens, request, offset))]}
        offset += len(text)
    end: Answer = {"text": ""} if request.prompts else {"delta": {}}
    yield head | {"choices": [_choice(end, finish=reply.finish)]}
    if request.usage:
        yield head | {"choices": [], "usage": _usage(reply)}


def completion(reply: Reply, request: Request) -> Answer:
    """The answer in one piece: "The chat completion object", or "The completion object"."""
    pairs = list(until_stop(reply, request.stop))
    said: Answer = {"text": "".join(text for text, _ in pairs)}
    if not request.prompts:
        said = {"message": {"role": "assistant", "content": said["text"], "refusal": None}}
    logprobs = _logprobs([token for _, each in pairs for token in each], request)
    choice = _choice(said, logprobs, reply.finish)
    return _head(reply, request) | {"choices": [choice], "usage": _usage(reply)}


def completions(answers: list[Answer]) -> Answer:
    """The answers to several prompts as one object."""
    choices = [each["choices"][0] | {"index": i} for i, each in enumerate(answers)]
    usage = {key: sum(each["usage"][key] for each in answers) for key in answers[0]["usage"]}
    return answers[0] | {"choices": choices, "usage": usage}


def until_stop(reply: Reply, stop: tuple[str, ...]) -> Iterator[tuple[str, list[Token]]]:
    """(text, its tokens) up to the first of the `stop` texts, which is left out: text that may be
    the beginning of one waits, and so does a stop while one that began before it may still come."""
    held, waiting, end = "", [], None
    for token in reply:
        held += token.text
        waiting.append(token)
        end = min((at for each in stop if (at := held.find(each)) >= 0), default=None)
        places = range(len(held) if end is None else end)
        begun = any(each.startswith(held[at:]) for at in places for each in stop)
        if end is not None and not begun:
            break
        if end is None and not begun:
            yield held, waiting
            held, waiting = "", []
    if end is not None:
        reply.finish = "stop"
        begins = accumulate((len(token.text) for token in waiting), initial=0)
        waiting = [token for token, at in zip(waiting, begins) if at < end]
    if waiting:
        yield held[:end], waiting


def _head(reply: Reply, request: Request, chunk: str = "") -> Answer:
    name, kind = "chatcmpl", f"chat.completion{chunk}"
    if request.prompts:
        name, kind = "cmpl", "text_completion"
    made = {"id": f"{name}-{uuid.uuid4().hex}", "object": kind, "created": int(time.time())}
    return made | {"model": reply.engine.name}


def _choice(said: Answer, logprobs: Answer | None = None, finish: str | None = None) -> Answer:
    return {"index": 0, **said, "logprobs": logprobs, "finish_reason": finish}


def _usage(reply: Reply) -> Answer:
    asked, made = len(reply.ids), reply.count
    return {"prompt_tokens": asked, "completion_tokens": made, "total_tokens": asked + made}


def _logprobs(tokens: list[Token], request: Request, offset: int = 0) -> Answer | None:
    """As the API has them: lists side by side for a prompt, whose text begins at `offset`, else a
    row a token; `kept` and `filters` are ours: what the settings left to draw from."""
    if request.likeliest is None:
        return None
    likeliest = [token.likeliest[: request.likeliest] for token in tokens]
    if request.prompts:
        starts = accumulate((len(token.text) for token in tokens), initial=offset)
        return {
            "tokens": [token.text for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [{text: p for text, p, _ in each} for each in likeliest],
            "text_offset": [start for start, _ in zip(starts, tokens)],
        }
    rows = []
    for token, each in zip(tokens, likeliest):
        top = [_one(text, p) | {"kept": kept} for text, p, kept in each]
        filters = {"kept": token.kept, "share": round(token.share, 6)}
        rows.append(_one(token.text, token.logprob) | {"top_logprobs": top, "filters": filters})
    return {"content": rows, "refusal": None}


def _one(text: str, logprob: float) -> Answer:
    # a token that holds part of a character has no text to tell its bytes by
    known = None if "\N{REPLACEMENT CHARACTER}" in text else list(text.encode())
    return {"token": text, "logprob": round(logprob, 6), "bytes": known}
