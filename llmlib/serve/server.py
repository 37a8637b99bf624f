"""The chat-completions protocol over HTTP, on this machine alone.

A client must know the token. A body is bounded, and so is the queue: one answer is written at a
time, a few requests wait, more are sent away.
"""

import contextlib
import hmac
import json
import secrets
import select
import socket
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from llmlib import chat_template
from llmlib.serve import chat, requests, responses
from llmlib.serve.engine import Engine
from llmlib.serve.requests import Refused

PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
LONGEST_BODY = 1 << 20  # bytes
LONGEST_QUEUE = 8  # requests that may be in the house: one is answered, the others wait
LONGEST_ANSWER = 1024  # tokens, where nobody says how many
SECONDS = 30  # for a client to send its request, or to take a piece of the answer


class Server(ThreadingHTTPServer):
    """Serves `engine` on 127.0.0.1; `port` 0 takes a free one. `address` holds the token."""

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there, two servers could have one port

    def __init__(self, engine: Engine, port: int = 0, defaults: dict[str, Any] | None = None):
        self.engine, self.defaults = engine, defaults or {}
        self.token = secrets.token_urlsafe(24)
        self.busy, self.places = threading.Lock(), threading.BoundedSemaphore(LONGEST_QUEUE)
        chat_template.load(engine.folder)  # now: two threads cannot import transformers
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/?token={self.token}"

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

    def _guarded(self, answer: Any) -> None:
        self.close_connection = True  # one request a connection: nothing to smuggle behind it
        with contextlib.suppress(ConnectionError, TimeoutError):  # the client is gone
            try:
                self._admit()
                answer()
            except Refused as refused:
                self._json(_error(refused), refused.status)
                with contextlib.suppress(OSError):
                    self._drain()

    def _admit(self) -> None:
        """Raises `Refused` unless the request names this very address and knows the token."""
        port = str(self.server.server_port)
        host, _, said = self.headers.get("Host", "").partition(":")
        if host not in ("127.0.0.1", "localhost") or (said or "80") != port:  # 80 may be left out
            mine = f"127.0.0.1:{port} and localhost:{port}"
            raise Refused(f"this server answers to {mine} only", 403)
        try:
            query = urlsplit(self.path).query
        except ValueError:
            raise Refused("the address cannot be read") from None
        said = parse_qs(query).get("token", [""])[0]
        said = self.headers.get("Authorization", "").removeprefix("Bearer ").strip() or said
        if not hmac.compare_digest(said.encode(), self.server.token.encode()):
            raise Refused("the token is missing or wrong: the page's address contains it", 401)

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
            raise Refused(f"there is no {path} here", 404)

    def _post(self) -> None:
        if urlsplit(self.path).path != "/v1/chat/completions":
            raise Refused("only /v1/chat/completions is served", 404)
        asked = requests.read(self._body(), self.server.engine.name, self.server.defaults)
        if not self.server.places.acquire(blocking=False):
            raise Refused("too many requests are waiting: try again in a moment", 429)
        try:
            reply = self._reply(asked)
            with self.server.busy:
                (self._stream if asked.stream else self._whole)(reply, asked)
        finally:
            self.server.places.release()

    def _body(self) -> Any:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal():
            raise Refused("the request must say its Content-Length", 411)
        if len(length) > 18 or int(length) > LONGEST_BODY:
            raise Refused(f"the body is longer than {LONGEST_BODY >> 20} MB", 413)
        try:
            return json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            raise Refused("the body is not JSON") from None

    def _reply(self, asked: requests.Request) -> chat.Reply:
        engine = self.server.engine
        try:
            ids = chat.prompt(engine, asked.messages)
        except ValueError as error:
            raise Refused(str(error), param="messages") from None
        room = engine.config.context - len(ids)
        if room < 1:
            raise Refused(
                f"the conversation is {len(ids)} tokens long, but the context holds "
                f"{engine.config.context} with the answer: shorten it",
                param="messages",
            )
        most = min(asked.max_tokens or LONGEST_ANSWER, room)
        likeliest = asked.likeliest or 1
        return chat.Reply(engine, ids, most, asked.seed, asked.settings, likeliest, self._there)

    def _there(self) -> bool:
        """Is the client still there? Where it has left, there is something to read: nothing."""
        came = select.select([self.connection], [], [], 0)[0]
        return not came or bool(self.connection.recv(1, socket.MSG_PEEK))

    def _whole(self, reply: chat.Reply, asked: requests.Request) -> None:
        try:
            answer = responses.whole(reply, asked)
        except Exception as error:  # noqa: BLE001 - a learner's function may raise anything
            raise Refused(chat.broke(error), 500) from None
        self._json(answer)

    def _stream(self, reply: chat.Reply, asked: requests.Request) -> None:
        self._head(200, "text/event-stream; charset=utf-8")
        for event in _events(reply, asked):  # an OSError from here on is a client that is gone
            self.wfile.write(f"data: {event}\n\n".encode())
            self.wfile.flush()

    def _page(self) -> None:
        nonce = secrets.token_urlsafe(16)
        only = f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
        only += "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        page = PAGE.replace("NONCE", nonce).replace("SETTINGS", _inside(self.server.defaults))
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
        yield json.dumps(_error(Refused(chat.broke(error), 500)))


def _inside(value: Any) -> str:
    """JSON that cannot end the script around it."""
    return json.dumps(value).replace("<", "\\u003c")


def _error(refused: Refused) -> dict[str, Any]:
    kind = "server_error" if refused.status >= 500 else "invalid_request_error"
    said = {"message": f"{refused}.", "type": kind, "param": refused.param, "code": None}
    return {"error": said}
