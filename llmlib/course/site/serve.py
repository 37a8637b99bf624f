"""`llmlib site`: build the course's web pages and open them on this computer."""

import argparse
import functools
import os
import webbrowser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from llmlib import installation
from llmlib.course.site import build


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `llmlib site` to its parser."""
    port = int(os.environ.get("PORT") or 8000)
    parser.add_argument("--port", type=int, default=port, help="another port than 8000")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    parser.add_argument("--as-built", action="store_true", help="do not build the pages again")


def run(args: argparse.Namespace) -> None:
    """Build the pages and serve them until Ctrl-C. ValueError without a clone or a free port."""
    if not installation.IN_CLONE:
        raise ValueError(
            "the pages are made of a clone's notebooks, and this llmlib is an installed package: "
            "clone the course, then type make site"
        )
    if not (args.as_built and (build.FOLDER / "index.html").is_file()):
        print("Building the pages …", flush=True)
        build.build()
    with server(build.FOLDER, args.port) as here:
        address = f"http://127.0.0.1:{here.server_port}/"
        print(f"The course is at {address}\nCtrl-C stops it.", flush=True)
        if not args.no_browser and os.environ.get("BROWSER") != "0":
            webbrowser.open(address)
        here.serve_forever()


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of `folder` for this computer only. ValueError if the port is taken."""
    handler = functools.partial(_Quiet, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise ValueError(f"port {port} is not free: give another one with --port") from error


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
