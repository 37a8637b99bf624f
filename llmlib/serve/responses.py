"""Write answers in OpenAI's protocol: one object, or one chunk a token. The quoted names are those
of its API reference, "Chat" and "Completions"."""

import time
import uuid
from collections import deque
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from llmlib.serve.chat import Reply, Token
from llmlib.serve.requests import Request

Answer = dict[str, Any]


def chunks(replies: list[Reply], request: Request) -> Iterator[Answer]:
    """Yield the answer chunk by chunk ("The chat completion chunk object", or "The completion
    object" of a prompt). Several replies take turns, and `index` tells them apart."""
    head = _head(replies[0], request, ".chunk")
    running = deque(_choices(reply, request, i) for i, reply in enumerate(replies))
    while running:
        if choice := next(running[0], None):
            yield head | {"choices": [choice]}
            running.rotate(-1)
        else:
            running.popleft()
    if request.usage:
        yield head | {"choices": [], "usage": _usage(replies, request)}


def _choices(reply: Reply, request: Request, i: int) -> Iterator[Answer]:
    """Yield the parts of one reply: the role or the prompt, then what each token adds, then why it
    ended."""
    offset = 0
    if not request.prompts:
        yield _choice(i, {"delta": {"role": "assistant", "content": ""}})
    elif request.echo:
        yield _choice(i, {"text": reply.prompt}, _logprobs(reply.prompt_tokens, request))
        offset = len(reply.prompt)
    for text, tokens in until_stop(reply, request.stop):
        delta = {"text": text} if request.prompts else {"delta": {"content": text}}
        yield _choice(i, delta, _logprobs(tokens, request, offset))
        offset += len(text)
    end: Answer = {"text": ""} if request.prompts else {"delta": {}}
    yield _choice(i, end, finish=reply.finish)


def completion(reply: Reply, request: Request, i: int = 0) -> Answer:
    """Return the choice of one reply, in one piece."""
    pairs = list(until_stop(reply, request.stop))
    text = "".join(text for text, _ in pairs)
    tokens = [token for _, part in pairs for token in part]
    if not request.prompts:
        message = {"role": "assistant", "content": text, "refusal": None}
        return _choice(i, {"message": message}, _logprobs(tokens, request), reply.finish)
    if request.echo:
        text, tokens = reply.prompt + text, [*reply.prompt_tokens, *tokens]
    if reply.last:  # a client that cuts the last token off means the one that was written last
        tokens.append(reply.last)
    return _choice(i, {"text": text}, _logprobs(tokens, request), reply.finish)


def completions(choices: list[Answer], replies: list[Reply], request: Request) -> Answer:
    """Return the choices as one object: "The chat completion object", or "The completion
    object"."""
    return _head(replies[0], request) | {"choices": choices, "usage": _usage(replies, request)}


def until_stop(reply: Reply, stop: tuple[str, ...]) -> Iterator[tuple[str, list[Token]]]:
    """Yield (text, its tokens) up to the first of the `stop` texts, which is left out: text that
    may be the beginning of one waits, and so does a stop while one that began before it may still
    come."""
    buffer, tokens, end = "", [], None
    for token in reply:
        buffer += token.text
        tokens.append(token)
        end = min((at for ending in stop if (at := buffer.find(ending)) >= 0), default=None)
        places = range(len(buffer) if end is None else end)
        may_begin = any(ending.startswith(buffer[at:]) for at in places for ending in stop)
        if end is not None and not may_begin:
            break
        if end is None and not may_begin:
            yield buffer, tokens
            buffer, tokens = "", []
    if end is not None:
        reply.finish = "stop"
        begins = accumulate((len(token.text) for token in tokens), initial=0)
        tokens = [token for token, at in zip(tokens, begins) if at < end]
    if tokens:
        yield buffer[:end], tokens


def _head(reply: Reply, request: Request, chunk: str = "") -> Answer:
    name, kind = "chatcmpl", f"chat.completion{chunk}"
    if request.prompts:
        name, kind = "cmpl", "text_completion"
    answer = {"id": f"{name}-{uuid.uuid4().hex}", "object": kind, "created": int(time.time())}
    return answer | {"model": reply.engine.name}


def _choice(
    i: int, body: Answer, logprobs: Answer | None = None, finish: str | None = None
) -> Answer:
    return {"index": i, **body, "logprobs": logprobs, "finish_reason": finish}


def _usage(replies: list[Reply], request: Request) -> Answer:
    """Count tokens; a prompt counts once, however many answers it gets."""
    n_prompt = sum(len(reply.ids) for reply in replies[:: request.n])
    n_new = sum(reply.count for reply in replies)
    return {"prompt_tokens": n_prompt, "completion_tokens": n_new, "total_tokens": n_prompt + n_new}


def _logprobs(tokens: list[Token], request: Request, offset: int = 0) -> Answer | None:
    """Return the log-probabilities as the API has them: lists side by side for a prompt, whose text
    begins at `offset`, else a row a token; `kept` and `filters` are ours: what the settings left to
    draw from."""
    if request.likeliest is None:
        return None
    likeliest = [token.likeliest[: request.likeliest] for token in tokens]
    if request.prompts:
        starts = accumulate((len(token.text) for token in tokens), initial=offset)
        return {
            "tokens": [token.text for token in tokens],
            "token_logprobs": [token.logprob for token in tokens],
            "top_logprobs": [
                # bytes of characters share a text: the likeliest keeps it; none above a first token
                {text: p for text, p, _ in reversed(candidates)} or None
                for candidates in likeliest
            ],
            "text_offset": [start for start, _ in zip(starts, tokens)],
        }
    rows = []
    for token, candidates in zip(tokens, likeliest):
        top = [_one(text, p) | {"kept": keep} for text, p, keep in candidates]
        filters = {"kept": token.kept, "share": round(token.share, 6)}
        rows.append(_one(token.text, token.logprob) | {"top_logprobs": top, "filters": filters})
    return {"content": rows, "refusal": None}


def _one(text: str, logprob: Any) -> Answer:
    # a token that holds part of a character has no text to tell its bytes by
    utf8 = None if "\N{REPLACEMENT CHARACTER}" in text else list(text.encode())
    return {"token": text, "logprob": round(logprob, 6), "bytes": utf8}
