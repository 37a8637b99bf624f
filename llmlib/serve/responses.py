"""Answers in OpenAI's protocol: one object, or one chunk a token."""

import time
import uuid
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from llmlib.serve.chat import Reply, Token
from llmlib.serve.requests import Request

Answer = dict[str, Any]


def chunks(reply: Reply, request: Request) -> Iterator[Answer]:
    """The answer chunk by chunk: the role, then what each token adds, then why it ended."""
    if request.prompts:
        yield from _text_chunks(reply, request)
        return
    head = _head("chat.completion.chunk", reply)
    yield head | {"choices": [_choice({"role": "assistant", "content": ""})]}
    for text, tokens in until_stop(reply, request.stop):
        yield head | {"choices": [_choice({"content": text}, _logprobs(tokens, request))]}
    yield head | {"choices": [_choice({}, finish=reply.finish)]}
    if request.usage:
        yield head | {"choices": [], "usage": _usage(reply)}


def _text_chunks(reply: Reply, request: Request) -> Iterator[Answer]:
    head, offset = _head("text_completion", reply), 0
    for text, tokens in until_stop(reply, request.stop):
        yield head | {"choices": [_text_choice(text, _text_logprobs(tokens, request, offset))]}
        offset += len(text)
    yield head | {"choices": [_text_choice("", finish=reply.finish)]}
    if request.usage:
        yield head | {"choices": [], "usage": _usage(reply)}


def completion(reply: Reply, request: Request) -> Answer:
    """The answer in one piece."""
    pairs = list(until_stop(reply, request.stop))
    message = {"role": "assistant", "content": "".join(text for text, _ in pairs), "refusal": None}
    tokens = [token for _, each in pairs for token in each]
    if request.prompts:
        text, logprobs = message["content"], _text_logprobs(tokens, request, 0)
        answer = _head("text_completion", reply) | {"usage": _usage(reply)}
        return answer | {"choices": [_text_choice(str(text), logprobs, reply.finish)]}
    choice = {"index": 0, "message": message, "logprobs": _logprobs(tokens, request)}
    choice["finish_reason"] = reply.finish
    return _head("chat.completion", reply) | {"choices": [choice], "usage": _usage(reply)}


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


def _head(kind: str, reply: Reply) -> Answer:
    name = f"{'chatcmpl' if kind.startswith('chat') else 'cmpl'}-{uuid.uuid4().hex}"
    return {"id": name, "object": kind, "created": int(time.time()), "model": reply.engine.name}


def _choice(delta: Answer, logprobs: Answer | None = None, finish: str | None = None) -> Answer:
    return {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish}


def _text_choice(text: str, logprobs: Answer | None = None, finish: str | None = None) -> Answer:
    return {"index": 0, "text": text, "logprobs": logprobs, "finish_reason": finish}


def _text_logprobs(tokens: list[Token], request: Request, offset: int) -> Answer | None:
    """As /v1/completions has them: lists side by side."""
    if request.likeliest is None:
        return None
    starts = accumulate((len(token.text) for token in tokens), initial=offset)
    top = [{text: p for text, p, _ in token.likeliest[: request.likeliest]} for token in tokens]
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [token.logprob for token in tokens],
        "top_logprobs": top,
        "text_offset": [start for start, _ in zip(starts, tokens)],
    }


def _usage(reply: Reply) -> Answer:
    asked, made = len(reply.ids), reply.count
    return {"prompt_tokens": asked, "completion_tokens": made, "total_tokens": asked + made}


def _logprobs(tokens: list[Token], request: Request) -> Answer | None:
    """As in the protocol; `kept` and `filters` are ours: what the settings left to draw from."""
    if request.likeliest is None:
        return None
    rows = []
    for token in tokens:
        likeliest = token.likeliest[: request.likeliest]
        top = [_one(text, p) | {"kept": kept} for text, p, kept in likeliest]
        filters = {"kept": token.kept, "share": round(token.share, 6)}
        rows.append(_one(token.text, token.logprob) | {"top_logprobs": top, "filters": filters})
    return {"content": rows, "refusal": None}


def _one(text: str, logprob: float) -> Answer:
    # a token that holds part of a character has no text to tell its bytes by
    known = None if "\N{REPLACEMENT CHARACTER}" in text else list(text.encode())
    return {"token": text, "logprob": round(logprob, 6), "bytes": known}
