"""OpenAI's protocol over HTTP, on this machine alone: /v1/chat/completions, /v1/completions and
/v1/models, and the chat page.

A client must know the token, name this very address as its Host and, if it is another web page, be
one of the origins that the user allows. Connections, bodies, requests in the queue and the time to
send a request are bounded. One thread a connection reads and writes; the engine runs in the
scheduler's.
"""

import contextlib
import hmac
import json
import re
import secrets
import select
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

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


class Server(ThreadingHTTPServer):
    """Serves `engine` on 127.0.0.1; `port` 0 takes a free one. `address` holds the token.

    Web pages of `origins` (such as "https://example.org") may ask, too, if they know the token.
    """

    daemon_threads = True
    request_queue_size = MAX_CONNECTIONS
    allow_reuse_address = sys.platform != "win32"  # there, two servers could have one port

    def __init__(
        self,
        engine: Engine,
        port: int = 0,
        defaults: dict[str, Any] | None = None,
        origins: Sequence[str] = (),
    ):
        self.engine, self.defaults, self.origins = engine, defaults or {}, origins
        self.token = secrets.token_urlsafe(24)
        self.connections = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self.places = threading.BoundedSemaphore(MAX_REQUESTS)
        self.receiving: dict[socket.socket, float] = {}  # until when the request must be here
        with contextlib.suppress(chat_template.NoChatTemplate):  # then only prompts are continued
            chat_template.load(engine.folder)  # now: two threads cannot import transformers
        super().__init__(("127.0.0.1", port), Handler)
        self.scheduler = Scheduler(engine)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/?token={self.token}"

    def server_close(self) -> None:
        super().server_close()
        if hasattr(self, "scheduler"):  # the port may have been taken
            self.scheduler.close()

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for this connection, if there are not too many."""
        if not self.connections.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self.receiving[request] = time.monotonic() + SECONDS
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.receiving.pop(request, None)
            self.connections.release()

    def service_actions(self) -> None:
        """Called twice a second: hang up on clients that send their request too slowly."""
        for connection, end in list(self.receiving.items()):
            if time.monotonic() > end:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing is said of a client that is gone."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "llmlib", ""
    timeout = SECONDS

    def do_GET(self) -> None:
        self._guarded(self._get)

    def do_POST(self) -> None:
        self._guarded(self._post)

    def do_OPTIONS(self) -> None:
        self._guarded(self._preflight, preflight=True)

    def _guarded(self, answer: Any, preflight: bool = False) -> None:
        self.close_connection = True  # one request a connection: nothing to smuggle behind it
        with contextlib.suppress(ConnectionError, TimeoutError):  # the client is gone
            try:
                self._admit(preflight)
                answer()
            except APIError as error:
                self._json(_error(error), error.status)
                with contextlib.suppress(OSError):
                    self._drain()

    def _admit(self, preflight: bool = False) -> None:
        """Raises APIError unless the request names this very address and knows the token, which a
        browser does not send when it asks beforehand (`preflight`).
        """
        port = str(self.server.server_port)
        host, _, said = self.headers.get("Host", "").partition(":")
        if host not in ("127.0.0.1", "localhost") or (said or "80") != port:  # 80 may be left out
            mine = f"127.0.0.1:{port} and localhost:{port}"
            raise APIError(f"this server answers to {mine} only", 403)
        if preflight:
            return
        try:
            query = urlsplit(self.path).query
        except ValueError:
            raise APIError("the address cannot be read") from None
        said = parse_qs(query).get("token", [""])[0]
        said = self.headers.get("Authorization", "").removeprefix("Bearer ").strip() or said
        if not hmac.compare_digest(said.encode(), self.server.token.encode()):
            raise APIError("the token is missing or wrong: the page's address contains it", 401)

    def _get(self) -> None:
        path = urlsplit(self.path).path
        name = self.server.engine.name
        model = {"id": name, "object": "model", "created": 0, "owned_by": "you"}
        if path == "/":
            self._page()
        elif path == "/v1/models":
            self._json({"object": "list", "data": [model]})
        elif unquote(path) == f"/v1/models/{name}":
            self._json(model)
        else:
            raise APIError(f"there is no {path} here", 404)

    def _preflight(self) -> None:
        """Tell a browser what a page of an allowed origin may send (the fetch standard's CORS)."""
        if not self._allowed_origin():
            asked = "start llmlib serve with --allow-origin and this page's origin"
            raise APIError(f"pages of other origins may not ask: {asked}", 403)
        wanted = self.headers.get("Access-Control-Request-Headers", "Authorization, Content-Type")
        allowed = {"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Max-Age": "600"}
        allowed["Access-Control-Allow-Headers"] = re.sub(r"[^\w, -]", "", wanted)
        if self.headers.get("Access-Control-Request-Private-Network") == "true":
            allowed["Access-Control-Allow-Private-Network"] = "true"
        self._send(204, "text/plain", b"", allowed)

    def _allowed_origin(self) -> str | None:
        """The origin of the page that asks, if the user allows it."""
        origin = self.headers.get("Origin")
        return origin if origin in self.server.origins else None

    def _post(self) -> None:
        path = urlsplit(self.path).path
        if path not in ("/v1/chat/completions", "/v1/completions"):
            raise APIError("only /v1/chat/completions and /v1/completions are served", 404)
        body, chat = self._body(), path == "/v1/chat/completions"
        asked = requests.parse(body, self.server.engine.name, self.server.defaults, chat)
        if not self.server.places.acquire(blocking=False):
            raise APIError("too many requests are waiting: try again in a moment", 429)
        try:
            replies = self._replies(asked)
            (self._stream if asked.stream else self._whole)(replies, asked)
        finally:
            self.server.places.release()

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise APIError("the request must say its Content-Length", 411)
        if len(length) > 18 or int(length) > MAX_BODY:
            raise APIError(f"the body is longer than {MAX_BODY >> 20} MB", 413)
        try:
            body = self.rfile.read(int(length))
            if len(body) < int(length):
                raise ConnectionError("the client is gone")
            self.server.receiving.pop(self.connection, None)
            return json.loads(body)
        except (ValueError, RecursionError):
            raise APIError("the body is not JSON") from None

    def _replies(self, asked: requests.Request) -> list[chat.Reply]:
        """One for a conversation, one for each prompt."""
        engine, field = self.server.engine, "prompt" if asked.prompts else "messages"
        try:
            if asked.prompts:
                texts = [
                    chat.encode(engine, each, engine.tokenizer.encode) for each in asked.prompts
                ]
            else:
                texts = [chat.prompt_ids(engine, asked.messages)]
        except ValueError as error:
            raise APIError(str(error), param=field) from None
        context = engine.config.context
        if (longest := max(map(len, texts))) >= context:
            what = "prompt" if asked.prompts else "conversation"
            raise APIError(
                f"the {what} is {longest} tokens long, but the context holds {context} "
                "with the answer: shorten it",
                param=field,
            )
        likeliest = 0 if asked.likeliest is None else max(asked.likeliest, 1)
        engine = replace(engine, steps=partial(self.server.scheduler.steps, self._connected))
        most = asked.max_tokens or DEFAULT_MAX_TOKENS
        same = asked.seed, asked.settings, likeliest, self._connected
        return [chat.Reply(engine, ids, min(most, context - len(ids)), *same) for ids in texts]

    def _connected(self) -> bool:
        """Is the client still there? Where it has left, there is something to read: nothing."""
        try:
            came = select.select([self.connection], [], [], 0)[0]
            return not came or bool(self.connection.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def _whole(self, replies: list[chat.Reply], asked: requests.Request) -> None:
        try:
            with ThreadPoolExecutor(len(replies)) as pool:  # side by side, like clients
                answers = list(pool.map(lambda each: responses.completion(each, asked), replies))
        except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
            raise APIError(chat.engine_error(error), 500) from None
        self._json(responses.completions(answers))

    def _stream(self, replies: list[chat.Reply], asked: requests.Request) -> None:
        self._head(200, "text/event-stream; charset=utf-8")
        for event in _events(replies[0], asked):  # an OSError from here on is a client that is gone
            self.wfile.write(f"data: {event}\n\n".encode())
            self.wfile.flush()

    def _page(self) -> None:
        nonce = secrets.token_urlsafe(16)
        only = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        only += "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        page = PAGE.replace("NONCE", nonce).replace("SETTINGS", _inside(self.server.defaults))
        page = page.replace("STARTERS", _inside(chat.STARTERS))
        page = page.replace("MAKERS", _inside(self.server.engine.makers))
        page = page.replace("MODEL", _inside(self.server.engine.name))  # last: any name will do
        headers = {"Content-Security-Policy": only + "frame-ancestors 'none'"}
        self._send(200, "text/html; charset=utf-8", page.encode(), headers)

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(status, "application/json", json.dumps(value).encode(), {})

    def _drain(self) -> None:
        """Take a little of what the client still sends: it reads our sentence only then."""
        self.connection.shutdown(socket.SHUT_WR)
        self.connection.settimeout(1)
        for _ in range(64):
            if not self.connection.recv(1 << 16):
                break

    def _send(self, status: int, kind: str, body: bytes, headers: dict[str, str]) -> None:
        self._head(status, kind, {"Content-Length": str(len(body)), **headers})
        self.wfile.write(body)

    def _head(self, status: int, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        headers = {"Content-Type": kind, "Cache-Control": "no-store", "Connection": "close"}
        headers |= {"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
        if self.server.origins:
            headers["Vary"] = "Origin"
        if origin := self._allowed_origin():
            headers["Access-Control-Allow-Origin"] = origin
        for key, value in (headers | (more or {})).items():
            self.send_header(key, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing: the address holds the token."""


def _events(reply: chat.Reply, asked: requests.Request) -> Iterator[str]:
    """The answer chunk by chunk; what a learner's function raises, an OSError too, ends it."""
    try:
        for chunk in responses.chunks(reply, asked):
            yield json.dumps(chunk)
        yield "[DONE]"
    except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
        yield json.dumps(_error(APIError(chat.engine_error(error), 500)))


def _inside(value: Any) -> str:
    """JSON that cannot end the script around it."""
    return json.dumps(value).replace("<", "\\u003c")


def _error(error: APIError) -> dict[str, Any]:
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    said = {"message": f"{error}.", "type": kind, "param": error.param, "code": None}
    return {"error": said}
