"""OpenAI's API over HTTP, on this machine alone: POST /v1/chat/completions ("Create chat
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
    """Serves `engine` on 127.0.0.1; `port` 0 takes a free one. `address` holds the token.

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
        self.token = secrets.token_urlsafe(24)
        (self.socket,) = bind_sockets(port, "127.0.0.1")
        self.port = self.socket.getsockname()[1]
        with contextlib.suppress(chat_template.NoChatTemplate):  # then only prompts are continued
            chat_template.load(engine.folder)  # now: two threads cannot import transformers
        self.scheduler = Scheduler(engine)
        self.answered: set[Completions] = set()
        # a thread for each answer that may be waited for
        self.threads = ThreadPoolExecutor(MAX_REQUESTS * requests.MOST_PROMPTS)
        self._loop, self._ended = asyncio.Runner(), asyncio.Event()

    @property
    def address(self) -> str:
        """The page, with the token."""
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def admit(self, request: HTTPServerRequest) -> None:
        """Raises APIError unless the request names this very address and knows the token, which a
        browser does not send when it asks beforehand (OPTIONS).
        """
        host, _, said = request.headers.get("Host", "").partition(":")
        if host not in ("127.0.0.1", "localhost") or (said or "80") != str(self.port):
            mine = f"127.0.0.1:{self.port} and localhost:{self.port}"
            raise APIError(f"this server answers to {mine} only", 403)
        if request.method == "OPTIONS":
            return
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip().encode()
        token = token or request.query_arguments.get("token", [b""])[0]
        if not hmac.compare_digest(token, self.token.encode()):
            raise APIError("the token is missing or wrong: the page's address contains it", 401)

    def serve_forever(self) -> None:
        """Until `close`, which another thread may call."""
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
    """Hangs up on a client that is one too many."""

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
    """A request that is admitted, or refused in one sentence."""

    def initialize(self, server: Server) -> None:
        """Tornado's way to hand over the server."""
        self.server = server

    def set_default_headers(self) -> None:
        """Those of every answer, of refusals too."""
        for name, value in HEADERS.items():
            self.set_header(name, value)

    def prepare(self) -> None:
        """Raises APIError where this request is not admitted."""
        self._allow()
        self.server.admit(self.request)

    def options(self, *_: str | None) -> None:
        """Tell a browser what a page of an allowed origin may send (the fetch standard's CORS)."""
        if self.request.headers.get("Origin") not in self.server.origins:
            asked = "start llmlib serve with --allow-origin and this page's origin"
            raise APIError(f"pages of other origins may not ask: {asked}", 403)
        asked = self.request.headers.get("Access-Control-Request-Headers", "")
        headers = re.sub(r"[^\w, -]", "", asked or "Authorization, Content-Type")
        self._allow(Headers=headers, Methods="GET, POST")
        self.set_header("Access-Control-Max-Age", "600")
        if self.request.headers.get("Access-Control-Request-Private-Network") == "true":
            self._allow(**{"Private-Network": "true"})
        self.set_status(204)

    def _allow(self, **more: str) -> None:
        """Name the origin of the page that asks, if the user allows it, and what else it may."""
        origin = self.request.headers.get("Origin")
        if origin in self.server.origins:
            more["Origin"] = str(origin)
        for name, value in more.items():
            self.set_header(f"Access-Control-Allow-{name}", value)

    def write_error(self, status_code: int, **more: Any) -> None:
        """One sentence, in the form of the API's errors."""
        error = more["exc_info"][1]
        if not isinstance(error, APIError):  # of tornado's, or a mistake of ours
            error = APIError(self._reason, status_code)
        self._allow()
        self.set_status(error.status)
        self.finish(_error(error))

    def log_exception(self, kind: Any, value: Any, trace: Any) -> None:
        """Only our own mistakes, and without the address, which holds the token."""
        if not isinstance(value, (APIError, web.HTTPError)):
            logging.error("llmlib serve: a request failed", exc_info=(kind, value, trace))


class NotFound(Handler):
    """Every other address."""

    def prepare(self) -> None:
        """Raises APIError, once the request is admitted."""
        super().prepare()
        raise APIError(f"there is no {self.request.path} here", 404)


class Page(Handler):
    """The chat page."""

    def get(self) -> None:
        """The page, with a policy that lets it ask this server only."""
        nonce = secrets.token_urlsafe(16)
        only = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        only += "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        self.set_header("Content-Security-Policy", only + "frame-ancestors 'none'")
        engine, settings = self.server.engine, self.server.defaults
        given = json.dumps([engine.name, settings, chat.STARTERS, engine.makers])
        given = given.replace("<", "\\u003c")  # it cannot end the script around it
        self.write(PAGE.replace("NONCE", nonce).replace("GIVEN", given))


class Models(Handler):
    """The API's section "Models": there is one."""

    def get(self, asked: str | None = None) -> None:
        """List the model, or describe it. Raises APIError for another name."""
        name = self.server.engine.name
        model = {"id": name, "object": "model", "created": 0, "owned_by": "you"}
        if asked not in (None, name):
            raise APIError(f"the model {asked!r} is not served here: this is {name!r}", 404)
        self.write(model if asked else {"object": "list", "data": [model]})


@web.stream_request_body
class Completions(Handler):
    """An answer to a conversation, or the continuation of prompts."""

    def initialize(self, server: Server) -> None:
        """No body has come yet, and the client waits."""
        super().initialize(server)
        self.body, self.wanted = bytearray(), True
        self.refusal: APIError | None = None

    def prepare(self) -> None:
        """Before the body comes. What is refused is told behind it: a client that still sends
        would not read it.
        """
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
        """The client has left: its answer ends."""
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
        asked = requests.parse(body, self.server.engine.name, self.server.defaults, kind == "chat/")
        if len(self.server.answered) >= MAX_REQUESTS:
            raise APIError("too many requests are waiting: try again in a moment", 429)
        self.server.answered.add(self)
        try:
            replies = await self._in_thread(self._replies, asked)
            await (self._stream(replies[0], asked) if asked.stream else self._whole(replies, asked))
        finally:
            self.wanted = False
            self.server.answered.remove(self)

    def _replies(self, asked: requests.Request) -> list[chat.Reply]:
        """One for a conversation, one for each prompt."""
        engine, what = self.server.engine, "prompt" if asked.prompts else "conversation"
        try:
            if asked.prompts:
                encode = engine.tokenizer.encode
                texts = [chat.encode(engine, each, encode) for each in asked.prompts]
            else:
                texts = [chat.prompt_ids(engine, asked.messages)]
            for ids in texts:
                chat.refuse_full(engine, ids, f"the {what}")
        except ValueError as error:
            raise APIError(str(error), param="prompt" if asked.prompts else "messages") from None
        steps = partial(self.server.scheduler.steps, lambda: self.wanted)
        engine, most = replace(engine, steps=steps), asked.max_tokens or DEFAULT_MAX_TOKENS
        likeliest = 0 if asked.likeliest is None else max(asked.likeliest, 1)
        same = asked.seed, asked.settings, likeliest
        room = [min(most, engine.config.context - len(ids)) for ids in texts]
        return [chat.Reply(engine, ids, n, *same) for ids, n in zip(texts, room)]

    async def _whole(self, replies: list[chat.Reply], asked: requests.Request) -> None:
        answers = (self._in_thread(responses.completion, each, asked) for each in replies)
        try:
            answer = responses.completions(await asyncio.gather(*answers))
        except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
            raise APIError(chat.engine_error(error), 500) from None
        self.write(answer)
        await self._taken(self.finish())

    async def _stream(self, reply: chat.Reply, asked: requests.Request) -> None:
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        events = _events(reply, asked)
        while event := await self._in_thread(next, events, None):
            self.write(f"data: {event}\n\n")
            await self._taken(self.flush())
        await self._taken(self.finish())

    def _in_thread(self, function: Callable[..., Any], *words: Any) -> Any:
        """What it returns, while the event loop goes on."""
        return asyncio.get_running_loop().run_in_executor(self.server.threads, function, *words)

    async def _taken(self, written: asyncio.Future[None]) -> None:
        """Wait until the client has taken what was written. Of one that is gone, or too slow,
        nothing is said."""
        try:
            await asyncio.wait_for(written, SECONDS)
        except (StreamClosedError, TimeoutError):
            connection: Any = self.request.connection
            connection.stream.close()
            raise web.Finish() from None


def _events(reply: chat.Reply, asked: requests.Request) -> Iterator[str]:
    """The answer chunk by chunk; what a learner's function raises, an OSError too, ends it."""
    try:
        for chunk in responses.chunks(reply, asked):
            yield json.dumps(chunk)
        yield "[DONE]"
    except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
        yield json.dumps(_error(APIError(chat.engine_error(error), 500)))


def _error(error: APIError) -> dict[str, Any]:
    """As the API's section "Errors" has it."""
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    said = {"message": f"{error}.", "type": kind, "param": error.param, "code": None}
    return {"error": said}
