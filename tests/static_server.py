"""A folder on the web, for tests of pages: as any host serves it, or with a fault."""

import contextlib
import functools
import http.server
import shutil
import threading
from pathlib import Path

from exercises.format.notebooks import ROOT

EMPTY = "<!doctype html><title>A page</title><link rel=icon href=data:,>"


def lay_out(folder):
    """Write the site's scripts and an empty page into `folder`, as `make site` does."""
    shutil.copytree(ROOT / "web", folder / "assets")
    shutil.copy(ROOT / "web/engine/service-worker.js", folder)
    (folder / "index.html").write_text(EMPTY, encoding="utf-8")
    return folder


class _Handler(http.server.SimpleHTTPRequestHandler):
    # what the system's own tables make of them differs
    extensions_map = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".wasm": "application/wasm",
        ".json": "application/json",
    }

    def do_GET(self):
        name = Path(self.path.partition("?")[0]).name
        self.server.asked.append(name)
        fault = self.server.faults.get(name)
        if fault is None:
            super().do_GET()
        else:
            fault(self)

    def log_message(self, *_):
        pass


class Server:
    """`address` of a folder, `asked`: the names of the files that were fetched, `faults`: {name of
    a file: a function of the request, which answers it instead}."""

    def __init__(self, folder):
        self.folder, self.port, self.asked, self.faults = folder, 0, [], {}
        self.start()
        self.address = f"http://localhost:{self.port}"

    def start(self):
        handler = functools.partial(_Handler, directory=self.folder)
        self._http = http.server.ThreadingHTTPServer(("localhost", self.port), handler)
        self._http.daemon_threads = True
        self._http.asked, self._http.faults = self.asked, self.faults
        self.port = self._http.server_port
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def stop(self):
        self._http.shutdown()
        self._http.server_close()


@contextlib.contextmanager
def served(folder):
    server = Server(folder)
    try:
        yield server
    finally:
        server.stop()


def body(content, length=None, kind="application/octet-stream"):
    """A fault: the file holds `content`; with `length`, the connection is lost before all of that
    has come."""

    def answer(request):
        request.send_response(200)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(length or len(content)))
        request.end_headers()
        request.wfile.write(content)
        request.close_connection = True

    return answer


def status(code):
    """A fault: the server refuses."""
    return lambda request: request.send_error(code)
