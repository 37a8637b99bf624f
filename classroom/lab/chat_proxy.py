"""Pass a browser's request on to the chat's process, and the answer back as it comes.

So the chat needs no port that a browser could reach: it works wherever JupyterLab does, on a hub,
in a container, through a tunnel. tornado speaks HTTP on both sides.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, RequestStartLine, ResponseStartLine
from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpclient import TCPClient
from tornado.web import HTTPError, RequestHandler

PASSED_BACK = [
    "Content-Type",
    "Content-Security-Policy",
    "Cache-Control",
    "Referrer-Policy",
    "X-Content-Type-Options",
]


async def pass_on(
    handler: RequestHandler,
    endpoint: Callable[[], Awaitable[tuple[int, str]]],
    path: str,
    body: bytes,
    gone: asyncio.Event,
) -> None:
    """Ask the server whose port and token `endpoint` gives for `path`, as `handler` was asked,
    and write its answer to `handler` piece by piece. Nothing of the browser's headers goes along.
    When `gone` is set, the browser has left: the server's answer ends. HTTPError if it gives
    none."""
    for again in (True, False):
        try:
            port, token = await endpoint()
        except OSError:
            break
        answer = await _asked(handler, port, token, path, body, gone)
        if answer.begun or gone.is_set():
            if not answer.whole:
                connection_to_browser: Any = handler.request.connection
                connection_to_browser.stream.close()  # it is seen that the answer was cut off
            return
        if again:
            await asyncio.sleep(1)  # it was ending, which was not known yet
    raise HTTPError(502, reason="The chat has stopped: click Talk again")


async def _asked(
    handler: RequestHandler, port: int, token: str, path: str, body: bytes, gone: asyncio.Event
) -> "_Answer":
    """Return the answer of the server at `port`, as far as it came; not begun if that is gone."""
    answer = _Answer(handler)
    try:
        stream = await TCPClient().connect("127.0.0.1", port)
    except OSError:
        return answer
    watcher = asyncio.create_task(_close_when(gone, stream))
    try:
        connection = HTTP1Connection(stream, is_client=True)
        headers = HTTPHeaders({"Host": f"127.0.0.1:{port}", "Authorization": f"Bearer {token}"})
        if handler.request.method == "POST":
            headers["Content-Type"] = "application/json"
            headers["Content-Length"] = str(len(body))
        start_line = RequestStartLine(handler.request.method or "GET", path, "HTTP/1.1")
        await connection.write_headers(start_line, headers, body or None)
        connection.finish()
        await connection.read_response(answer)
    except StreamClosedError:
        pass
    finally:
        watcher.cancel()
        stream.close()
    return answer


async def _close_when(gone: asyncio.Event, stream: IOStream) -> None:
    await gone.wait()
    stream.close()


class _Answer(HTTPMessageDelegate):
    """Write what the server answers to `handler`: the server waits until the browser has taken
    a piece."""

    def __init__(self, handler: RequestHandler) -> None:
        self.handler, self.begun, self.whole = handler, False, False

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> None:
        assert isinstance(start_line, ResponseStartLine)
        self.begun = True
        self.handler.set_status(start_line.code, start_line.reason)
        for name in PASSED_BACK:
            if name in headers:
                self.handler.set_header(name, headers[name])
        self.handler.set_header("X-Accel-Buffering", "no")  # nginx: pass on what has come

    async def data_received(self, chunk: bytes) -> None:
        self.handler.write(chunk)
        try:
            await self.handler.flush()
        except StreamClosedError:
            pass  # the browser has left: `gone` ends this

    def finish(self) -> None:
        self.whole = True
