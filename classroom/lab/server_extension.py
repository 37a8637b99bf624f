"""Answer what JupyterLab's page asks this course's server for: start page, check, solution, chat,
the buttons of predictions, and what the live machine sees; for Submit `submit_handlers` does.

`classroom/lab/jupyter_server_config.json` switches it on. Checks run as those of `llmlib check`
do, in processes of their own, from the notebook as it was saved.
"""

import asyncio
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

from classroom.checking import check_notebooks, submission
from classroom.checking.definitions import SOLUTION_MARKS
from classroom.lab import chat_proxy, start_page
from classroom.lab.chat_process import ChatProcess
from classroom.lab.live_process import LiveProcess
from classroom.processors import limit_threads
from exercises import prediction_cells
from exercises.format import notebooks

MAX_BODY = 1 << 20  # bytes; that of llmlib.serve.server, which would load torch here
LOGGED_OUT = "You are logged out: reload this page, and log in again"


class Ours(APIHandler):
    """Give every handler of the course what all of them need."""

    @property
    def folder(self) -> Path:
        """Return the folder where JupyterLab was started: what it may read lies in it."""
        return Path(self.settings["server_root_dir"]).expanduser().resolve()

    def notebook(self, file: str) -> tuple[notebooks.Notebook, Path]:
        """Return the course's notebook that the file at `file` answers, and its path. HTTPError."""
        path = Path(os.path.normpath(self.folder / file))  # of a link, where it lies
        if not path.is_relative_to(self.folder) or not path.is_file():
            raise web.HTTPError(404, reason="There is no such notebook here")
        name = which(path)
        if name is None:
            raise web.HTTPError(404, reason="This notebook holds no exercise of the course")
        return notebooks.load(name), path

    async def looked_up(self, function: Callable[..., Any], *words: Any) -> Any:
        """Call a function of `check_notebooks`; the server goes on meanwhile. HTTPError."""
        try:
            return await asyncio.to_thread(function, *words)
        except OSError as error:
            raise web.HTTPError(500, reason=str(error)) from None


class Start(Ours):
    """Serve GET: the start page; `known=0` at once, without the progress."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with the page."""
        statuses = None
        if self.get_query_argument("known", "1") != "0":
            statuses = await self.looked_up(check_notebooks.check, None, self.folder)
        news = os.environ.get("LLM_COURSE_NEWS", "")  # of `bootstrap.open_jupyter`
        page = start_page.page(statuses, self.folder, news, switched_off())
        self.finish(page, set_content_type="text/html; charset=utf-8")


class Check(Ours):
    """Check POST {"path": "01_tokens.ipynb"}: how its exercises are, as `llmlib check` says it."""

    @web.authenticated
    async def post(self) -> None:
        """Answer with the state of each exercise."""
        notebook, path = self.notebook((self.get_json_body() or {}).get("path", ""))
        status = await self.looked_up(check_notebooks.check_one, notebook.name, path)
        keys = ("number", "name", "state", "message")
        lines = [dict(zip(keys, line)) for line in status.lines()]
        self.finish({"fault": status.fault, "notes": status.notes, "lines": lines})


class Solution(Ours):
    """Serve GET ?path=01_tokens.ipynb&exercise=merge: one way to write it."""

    @web.authenticated
    def get(self) -> None:
        """Answer with the code, without the marks around it."""
        notebook, _ = self.notebook(self.get_query_argument("path"))
        name = self.get_query_argument("exercise")
        exercise = next((entry for entry in notebook.exercises if entry.name == name), None)
        if exercise is None:
            raise web.HTTPError(404, reason="There is no such exercise in this notebook")
        lines = [
            line for line in exercise.solution.split("\n") if line.strip() not in SOLUTION_MARKS
        ]
        self.finish({"code": "\n".join(lines)})


class Predictions(Ours):
    """Serve POST {"sources": […]}: what each cell's buttons show, `forms`; null for other cells."""

    @web.authenticated
    def post(self) -> None:
        """Answer with a form for each cell."""
        sources = (self.get_json_body() or {}).get("sources", [])
        self.finish({"forms": [prediction_cells.form(str(source)) for source in sources]})


class Guess(Ours):
    """Serve POST {"source", "guess"}: the prediction cell's `source` with a guess that was clicked
    or typed; "" is no guess. If it is none, {"fault"} with a sentence."""

    @web.authenticated
    def post(self) -> None:
        """Answer with the cell's new code, or with what is wrong with the guess."""
        body = self.get_json_body() or {}
        source = str(body.get("source", ""))
        try:
            code = prediction_cells.code_of(source, str(body.get("guess", "")))
        except ValueError as error:
            self.finish({"fault": str(error)})
        else:
            self.finish({"source": prediction_cells.with_guess(source, code)})


CHAT = ChatProcess()


class Talk(Ours):
    """Serve POST: start the chat with the functions that the notebooks have now; {"address"} of
    it."""

    @web.authenticated
    async def post(self) -> None:
        """Answer with the chat's address once it can be talked with."""
        with CHAT.in_use():
            await self.looked_up(CHAT.restart, self.folder)
        self.finish({"address": url_path_join(self.base_url, "llmlib/chat/")})


class Chat(Ours):
    """Pass on what the chat's process answers."""

    def initialize(self) -> None:
        """Note that the browser waits for its answer."""
        self.gone = asyncio.Event()

    def on_connection_close(self) -> None:
        """End the answer: the browser has left."""
        super().on_connection_close()
        self.gone.set()

    async def pass_on(self, path: str, body: bytes = b"") -> None:
        """Answer as the chat's process does, which is started if it does not run. HTTPError."""
        endpoint = functools.partial(self.looked_up, CHAT.running, self.folder)
        with CHAT.in_use():
            await chat_proxy.pass_on(self, endpoint, path, body, self.gone)
        self.finish(set_content_type=self._headers["Content-Type"])


class ChatPage(Chat):
    """Serve GET: the chat page, as `llmlib serve` has it."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with the page."""
        await self.pass_on("/")

    def get_login_url(self) -> str:
        """Return the login page for a page; a call is refused."""
        return JupyterHandler.get_login_url(self)

    def write_error(self, status_code: int, **more: Any) -> None:
        """Write a page of Jupyter's, for a person."""
        JupyterHandler.write_error(self, status_code, **more)


@web.stream_request_body
class ChatCall(Chat):
    """Serve POST: what the chat page asks, and other clients of the chat-completions protocol. GET:
    the models."""

    def initialize(self) -> None:
        """Start with an empty body."""
        super().initialize()
        self.body = bytearray()

    async def prepare(self, **more: Any) -> None:
        """Allow a long body. That it is too long is said behind it: a browser that still sends
        would not read the answer."""
        connection: Any = self.request.connection
        connection.set_max_body_size(5 * MAX_BODY)  # thrown away, see `data_received`
        await super().prepare(**more)

    def data_received(self, chunk: bytes) -> None:
        """Keep a part of the body, unless it is too long already."""
        if len(self.body) <= MAX_BODY:
            self.body += chunk

    @web.authenticated
    async def get(self, path: str) -> None:
        """Answer with the models."""
        await self.pass_on(f"/{path}")

    @web.authenticated
    async def post(self, path: str) -> None:
        """Answer with what the engine says. HTTPError for a body that is too long."""
        if len(self.body) > MAX_BODY:
            raise web.HTTPError(413, reason=f"The body is longer than {MAX_BODY >> 20} MB")
        await self.pass_on(f"/{path}", bytes(self.body))

    def write_error(self, status_code: int, **more: Any) -> None:
        """Write one sentence, in the form of the protocol's errors: the page shows it."""
        reason = LOGGED_OUT if status_code == 403 else self._reason
        self.finish({"error": {"message": f"{reason}.", "code": status_code}})


class Live(Ours):
    """Serve POST {"text"}: its tokens, the likeliest next ones and where two heads look, or
    {"fault"}. {} if a newer text came meanwhile. The first one loads the model."""

    live_process = LiveProcess()

    @web.authenticated
    async def post(self) -> None:
        """Answer with what the model sees in the text."""
        text = str((self.get_json_body() or {}).get("text", ""))
        self.finish(await self.looked_up(self.live_process.look, text) or {})


def switched_off() -> set[str]:
    """Return which of "live" and "talk" this server has not: LLMLIB_LIVE=0 and LLMLIB_TALK=0 spare
    the memory of their models."""
    return {name for name in ("live", "talk") if os.environ.get(f"LLMLIB_{name.upper()}") == "0"}


def which(path: Path) -> str | None:
    """Return the course's notebook that a file answers: by its name, or by its exercises."""
    if path.stem in notebooks.names():
        return path.stem
    try:
        grade_ids = {cell.grade_id for cell in submission.load(path)}
    except submission.Unreadable:
        return None
    books = (
        book
        for book in notebooks.notebooks()
        if grade_ids & {exercise.name for exercise in book.exercises}
    )
    return next((book.name for book in books), None)


def _load_jupyter_server_extension(server: Any) -> None:
    """Add the handlers to jupyter_server, and hand on to kernels how many processors they have."""
    from classroom.lab import submit_handlers  # which needs what is above

    limit_threads()
    if most := os.environ.get("OMP_NUM_THREADS"):  # also where a cell asks torch for two threads
        os.environ.setdefault("OMP_THREAD_LIMIT", most.partition(",")[0])
    off, settings = switched_off(), server.web_app.settings
    verbs: dict[str, type[Ours]] = {"start": Start, "check": Check, "solution": Solution}
    verbs |= {"predictions": Predictions, "guess": Guess} | submit_handlers.HANDLERS
    if "live" not in off:
        verbs |= {"live": Live}
    if "talk" not in off:
        verbs |= {"talk": Talk, "chat/": ChatPage, r"chat/(v1/[\w/]+)": ChatCall}
    page = settings.setdefault("page_config_data", {})  # what lab.js reads by PageConfig
    page["llmlibTalk"] = "off" if "talk" in off else "on"
    at = functools.partial(url_path_join, settings["base_url"], "llmlib")
    handlers = [(at(verb), handler) for verb, handler in verbs.items()]
    server.web_app.add_handlers(".*$", handlers)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "classroom.lab.server_extension"}]
