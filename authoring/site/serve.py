"""Open the course's web pages on this computer: `make site SERVE=1`."""

import functools
import os
import webbrowser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def serve(folder: Path, port: int) -> None:
    """Serve `folder` until Ctrl-C, and open it in a browser unless BROWSER=0. ValueError if the
    port is taken."""
    with server(folder, port) as here:
        address = f"http://127.0.0.1:{here.server_port}/"
        print(f"The course is at {address}\nCtrl-C stops it.", flush=True)
        if os.environ.get("BROWSER") != "0":
            webbrowser.open(address)
        here.serve_forever()


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of `folder` for this computer only. ValueError if the port is taken."""
    handler = functools.partial(_Quiet, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise ValueError(f"port {port} is not free: give another one, as in PORT=9999") from error


class _Quiet(SimpleHTTPRequestHandler):
    """Says nothing of each request. Ranges are not needed: the weights come in parts."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".js": "text/javascript",
        ".wasm": "application/wasm",
        ".webp": "image/webp",
    }

    def log_message(self, format: str, *args: object) -> None:
        pass

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # a page that was built again is seen
        super().end_headers()
