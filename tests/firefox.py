"""A headless Firefox, driven by the protocol that it speaks itself (WebDriver BiDi, w3.org/TR/
webdriver-bidi): no driver is needed beside it."""

import contextlib
import itertools
import json
import subprocess
import tempfile
import time

import required_tools
import websocket
from ports import free_port

SECONDS = 300  # a busy machine is no fault


@contextlib.contextmanager
def new_page():
    """A page in a window of a new profile, with `goto`, `reload` and `evaluate` as Playwright's."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True) as profile:
        words = ["--headless", "--no-remote", "--profile", profile]
        words += ["--remote-debugging-port", str(port), "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([required_tools.firefox()[0], *words], **quiet)
        try:
            with contextlib.closing(_connect(port, process)) as socket:
                yield Page(socket)
        finally:
            process.terminate()
            process.wait(60)


def _connect(port, process):
    until = time.monotonic() + SECONDS
    while True:
        try:
            # it serves pages of no other origin
            address = f"ws://127.0.0.1:{port}/session"
            return websocket.create_connection(address, SECONDS, suppress_origin=True)
        except OSError:
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.2)


class Page:
    def __init__(self, socket):
        self._socket, self._numbers = socket, itertools.count(1)
        self._ask("session.new", capabilities={})
        self._context = self._ask("browsingContext.getTree")["contexts"][0]["context"]

    def goto(self, url):
        self._ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def reload(self):
        self._ask("browsingContext.reload", context=self._context, wait="complete")

    def evaluate(self, function, argument=None):
        """What the JavaScript function gives, by way of JSON."""
        called = f"({function})({json.dumps(argument)})"
        answer = self._ask(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await {called}))()",
            target={"context": self._context},
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"].get("value", "null"))

    def _ask(self, method, **params):
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while (said := json.loads(self._socket.recv())).get("id") != number:
            pass  # an event
        assert said["type"] == "success", said
        return said["result"]
