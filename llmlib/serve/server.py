"""Serve OpenAI's API over HTTP, on this machine alone: POST /v1/chat/completions ("Create chat
completion"), POST /v1/completions ("Create completion"), GET /v1/models ("List models", "Retrieve
model"), and the chat page. tornado speaks HTTP.

A client must know the token, name this very address as its Host and, if it is another web page, be
one of the origins that the user allows. Connections, bodies, requests in the queue and the time to
send a request or to take a piece of the answer are bounded. One event loop reads and writes; the
engine runs in the scheduler's thread, and one thread a request waits for its tokens.
"""

import asyncio
import contextlib
import hmac
import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tornado import web
from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets

from llmlib import chat_template
from llmlib.serve import chat, requests, responses
from llmlib.serve.engine import Engine
from llmlib.serve.requests import APIError
from llmlib.serve.scheduler import Scheduler

PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
MAX_BODY = 1 << 20  # bytes
MAX_CONNECTIONS = 128
MAX_REQUESTS = 64  # answered or waiting
DEFAULT_MAX_TOKENS = 1024  # of a chat's answer
SECONDS = 30  # for a client to send its whole request, or to take a piece of the answer
HEADERS = {"Server": "llmlib", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
HEADERS |= {"X-Content-Type-Options": "nosniff", "Vary": "Origin"}


class Server:
    """Serve `engine` on 127.0.0.1; `port` 0 takes a free one. `address` holds the token.

    Web pages of `origins` (such as "https://example.org") may ask, too, if they know the token.
    Raises OSError for a port that is taken.
    """

    def __init__(
        self,
        engine: Engine,
        port: int = 0,
        defaults: dict[str, Any] | None = None,
        origins: Sequence[str] = (),
    ):
        self.engine, self.defaults, self.origins = engine, defaults or {}, origins
        self.token, self.created = secrets.token_urlsafe(24), int(time.time())
        (self.socket,) = bind_sockets(port, "127.0.0.1")
        self.port = self.socket.getsockname()[1]
        with contextlib.suppress(chat_template.NoChatTemplate):  # then only prompts are continued
            chat_template.load(engine.folder)  # now: two threads cannot import transformers
        self.scheduler = Scheduler(engine)
        self.scoring = threading.Lock()  # of prompts: one at a time
        self.answered: set[Completions] = set()
        # a thread for each answer that may be waited for
        self.threads = ThreadPoolExecutor(MAX_REQUESTS * requests.MOST_PROMPTS)
        self._loop, self._ended = asyncio.Runner(), asyncio.Event()

    @property
    def address(self) -> str:
        """Return the page's address, with the token."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def admit(self, request: HTTPServerRequest) -> None:
        """Raise APIError unless the request names this very address and knows the token, which a
        browser does not send when it asks beforehand (OPTIONS)."""
        host, _, port = request.headers.get("Host", "").partition(":")
        if host not in ("127.0.0.1", "localhost") or (port or "80") != str(self.port):
            addresses = f"127.0.0.1:{self.port} and localhost:{self.port}"
            raise APIError(f"this server answers to {addresses} only", 403)
        if request.method == "OPTIONS":
            return
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip().encode()
        token = token or request.query_arguments.get("token", [b""])[0]
        if not hmac.compare_digest(token, self.token.encode()):
            fault = "the api_key is missing or wrong: it is the token in the page's address"
            raise APIError(fault, 401, code="invalid_api_key")

    def serve_forever(self) -> None:
        """Serve until `close`, which another thread may call."""
        with self._loop:  # its end is the end of all that is being answered
            self._loop.run(self._serve())

    def close(self) -> None:
        """End `serve_forever`, from any thread."""
        self.scheduler.close()
        self._loop.get_loop().call_soon_threadsafe(self._ended.set)

    async def _serve(self) -> None:
        application = web.Application(
            _handlers(self),
            default_handler_class=NotFound,
            default_handler_args={"server": self},
            log_function=lambda _: None,  # the address holds the token
        )
        listener = _Listener(
            application,
            no_keep_alive=True,  # one request a connection: nothing to smuggle behind it
            max_body_size=MAX_BODY,
            idle_connection_timeout=SECONDS / 2,  # for the head
            body_timeout=SECONDS / 2,
        )
        listener.add_socket(self.socket)
        await self._ended.wait()
        listener.stop()
        await listener.close_all_connections()


class _Listener(HTTPServer):
    """Hang up on a client that is one too many."""

    connections = 0

    def handle_stream(self, stream: Any, address: Any) -> None:
        if self.connections == MAX_CONNECTIONS:
            stream.close()
            return
        self.connections += 1
        super().handle_stream(stream, address)

    def on_close(self, server_conn: object) -> None:
        self.connections -= 1
        super().on_close(server_conn)


def _handlers(server: Server) -> list[tuple[str, type["Handler"], dict[str, Any]]]:
    routes = {"/": Page, "/v1/models(?:/(.+))?": Models, "/v1/(chat/)?completions": Completions}
    return [(route, handler, {"server": server}) for route, handler in routes.items()]


class Handler(web.RequestHandler):
    """Admit a request, or refuse it in one sentence."""

    def initialize(self, server: Server) -> None:
        """Take the server, handed over in Tornado's way."""
        self.server = server

    def head(self, *words: str | None) -> None:
        """Answer as to GET, without the body: what has no GET is refused as tornado does."""
        self.get(*words)

    def set_default_headers(self) -> None:
        """Set the headers of every answer, of refusals too."""
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Raise APIError where this request is not admitted."""
        self._allow()
        self.server.admit(self.request)

    def options(self, *_: str | None) -> None:
        """Tell a browser what a page of an allowed origin may send (the fetch standard's CORS)."""
        if self.request.headers.get("Origin") not in self.server.origins:
            advice = "start llmlib serve with --allow-origin and this page's origin"
            raise APIError(f"pages of other origins may not ask: {advice}", 403)
        names = self.request.headers.get("Access-Control-Request-Headers", "")
        headers = re.sub(r"[^\w, -]", "", names or "Authorization, Content-Type")
        self._allow(Headers=headers, Methods="GET, POST")
        self.set_header("Access-Control-Max-Age", "600")
        if self.request.headers.get("Access-Control-Request-Private-Network") == "true":
            self._allow(**{"Private-Network": "true"})
        self.set_status(204)

    def _allow(self, **headers: str) -> None:
        """Name the origin of the page that asks, if the user allows it, and what else it may."""
        origin = self.request.headers.get("Origin")
        if origin in self.server.origins:
            headers["Origin"] = str(origin)
        for name, value in headers.items():
            self.set_header(f"Access-Control-Allow-{name}", value)

    def write_error(self, status_code: int, **details: Any) -> None:
        """Write one sentence, in the form of the API's errors."""
        error = details["exc_info"][1]
        if not isinstance(error, APIError):  # of tornado's, or a mistake of ours
            error = APIError(self._reason, status_code)
        self._allow()
        self.set_status(error.status)
        self.finish(_error(error))

    def log_exception(self, kind: Any, value: Any, trace: Any) -> None:
        """Log only our own mistakes, and without the address, which holds the token."""
        if not isinstance(value, (APIError, web.HTTPError)):
            logging.error("llmlib serve: a request failed", exc_info=(kind, value, trace))


class NotFound(Handler):
    """Refuse every other address."""

    def prepare(self) -> None:
        """Raise APIError, once the request is admitted."""
        super().prepare()
        raise APIError(f"there is no {self.request.path} here", 404)


class Page(Handler):
    """Serve the chat page."""

    def get(self) -> None:
        """Send the page, with a policy that lets it ask this server only."""
        nonce = secrets.token_urlsafe(16)
        only = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        only += "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        self.set_header("Content-Security-Policy", only + "frame-ancestors 'none'")
        engine, settings = self.server.engine, self.server.defaults
        data = json.dumps([engine.name, settings, chat.STARTERS, engine.makers])
        data = data.replace("<", "\\u003c")  # it cannot end the script around it
        self.write(PAGE.replace("NONCE", nonce).replace("GIVEN", data))


class Models(Handler):
    """Answer the API's section "Models": there is one."""

    def get(self, model_name: str | None = None) -> None:
        """List the model, or describe it. Raises APIError for another name."""
        name = self.server.engine.name
        model = {"id": name, "object": "model", "created": self.server.created, "owned_by": "you"}
        if model_name not in (None, name):
            raise requests.model_not_found(model_name, name)
        self.write(model if model_name else {"object": "list", "data": [model]})


@web.stream_request_body
class Completions(Handler):
    """Answer a conversation, or continue prompts."""

    def initialize(self, server: Server) -> None:
        """Start with no body, and a client that waits."""
        super().initialize(server)
        self.body, self.wanted = bytearray(), True
        self.refusal: APIError | None = None

    def prepare(self) -> None:
        """Check the request before its body comes. A refusal is sent behind the body: a client that
        still sends would not read it."""
        if self.request.method != "POST":
            super().prepare()
            return
        connection: Any = self.request.connection
        connection.set_max_body_size(5 * MAX_BODY)  # thrown away, see `data_received`
        length = self.request.headers.get("Content-Length", "")
        try:
            super().prepare()
            if not length.isdecimal():
                raise APIError("the request must say its Content-Length", 411)
            if len(length) > 18 or int(length) > MAX_BODY:
                raise APIError(f"the body is longer than {MAX_BODY >> 20} MB", 413)
        except APIError as error:
            self.refusal = error

    def data_received(self, chunk: bytes) -> None:
        """Keep a part of the body, unless the request is refused."""
        if not self.refusal:
            self.body += chunk

    def on_connection_close(self) -> None:
        """End the answer of a client that has left."""
        super().on_connection_close()
        self.wanted = False

    async def post(self, kind: str | None) -> None:
        """Answer, whole or in parts. Raises APIError for what cannot be answered."""
        if self.refusal:
            raise self.refusal
        try:
            body = json.loads(self.body)
        except (ValueError, RecursionError):
            raise APIError("the body is not JSON") from None
        request = requests.parse(
            body, self.server.engine.name, self.server.defaults, kind == "chat/"
        )
        if len(self.server.answered) >= MAX_REQUESTS:
            advice = "try again in a moment"
            raise APIError(
                f"too many requests are waiting: {advice}", 429, code="rate_limit_exceeded"
            )
        self.server.answered.add(self)
        try:
            replies = await self._in_thread(self._replies, request)
            await (self._stream if request.stream else self._whole)(replies, request)
        finally:
            self.wanted = False
            self.server.answered.remove(self)

    def _replies(self, request: requests.Request) -> list[chat.Reply]:
        """Return the replies to a conversation, or to each prompt in turn."""
        engine, field = self.server.engine, "prompt" if request.prompts else "messages"
        limit = DEFAULT_MAX_TOKENS if request.max_tokens is None else request.max_tokens
        try:
            prompts = [self._ids(prompt) for prompt in request.prompts] or [
                chat.prompt_ids(engine, request.messages)
            ]
            for ids in prompts:
                chat.refuse_full(engine, ids, f"the {field.replace('messages', 'conversation')}")
        except ValueError as error:
            code = "context_length_exceeded" if isinstance(error, chat.ContextFull) else None
            raise APIError(str(error), param=field, code=code) from None
        steps = partial(self.server.scheduler.steps, lambda: self.wanted)
        likeliest = 0 if request.likeliest is None else max(request.likeliest, 1)
        replies = []
        for ids in prompts:
            room = min(limit, engine.config.context - len(ids))
            echo = self._echo(ids, likeliest) if request.echo else []
            for i in range(request.n):
                seed = None if request.seed is None else request.seed ^ i  # within 64 bits
                options = seed, request.settings, likeliest, echo
                replies.append(chat.Reply(replace(engine, steps=steps), ids, room, *options))
        return replies

    def _ids(self, prompt: str | list[int]) -> list[int]:
        """Return the ids of a prompt. Raises ValueError for a text or ids that the model lacks."""
        engine = self.server.engine
        if isinstance(prompt, str):
            return chat.encode(engine, prompt, engine.tokenizer.encode)
        (engine.model.check_ids if engine.model else engine.names.decode)(prompt)
        return prompt

    def _echo(self, ids: list[int], likeliest: int) -> list[chat.Token]:
        """Return the tokens of a prompt, with their probabilities if these are asked for."""
        engine = self.server.engine
        if likeliest and engine.model is None:
            lack = f"{engine.name} does not tell how likely the tokens of a prompt are"
            advice = "ask for echo without logprobs, or serve smollm2"
            raise APIError(f"{lack}: {advice}", param="echo", code="unsupported_parameter")
        with self.server.scoring:
            return chat.prompt_tokens(engine, ids, likeliest)

    async def _whole(self, replies: list[chat.Reply], request: requests.Request) -> None:
        answers = [
            self._in_thread(responses.completion, reply, request, i)
            for i, reply in enumerate(replies)
        ]
        try:
            choices = await asyncio.gather(*answers)
        except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
            raise APIError(chat.engine_error(error), 500) from None
        self.write(responses.completions(choices, replies, request))
        await self._taken(self.finish())

    async def _stream(self, replies: list[chat.Reply], request: requests.Request) -> None:
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        events = _events(replies, request)
        while event := await self._in_thread(next, events, None):
            self.write(f"data: {event}\n\n")
            await self._taken(self.flush())
        await self._taken(self.finish())

    def _in_thread(self, function: Callable[..., Any], *words: Any) -> Any:
        """Run `function` in a thread, while the event loop goes on."""
        return asyncio.get_running_loop().run_in_executor(self.server.threads, function, *words)

    async def _taken(self, future: asyncio.Future[None]) -> None:
        """Wait until the client has taken what was written. Of one that is gone, or too slow,
        nothing is said."""
        try:
            await asyncio.wait_for(future, SECONDS)
        except (StreamClosedError, TimeoutError):
            connection: Any = self.request.connection
            connection.stream.close()
            raise web.Finish() from None


def _events(replies: list[chat.Reply], request: requests.Request) -> Iterator[str]:
    """Yield the answer chunk by chunk; what a learner's function raises, an OSError too, ends
    it."""
    try:
        for chunk in responses.chunks(replies, request):
            yield json.dumps(chunk)
        yield "[DONE]"
    except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
        yield json.dumps(_error(APIError(chat.engine_error(error), 500)))


def _error(error: APIError) -> dict[str, Any]:
    """Return the error as the API's section "Errors" has it."""
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    body = {"message": f"{error}.", "type": kind, "param": error.param}
    return {"error": body | {"code": error.code}}
