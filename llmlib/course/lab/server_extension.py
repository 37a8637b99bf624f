"""What JupyterLab's page asks this course's server for: start page, check, solution, chat, the
buttons of predictions, and what the live machine sees; for Submit `submit_handlers` does.

`llmlib/course/lab/jupyter_server_config.json` switches it on. Checks run as those of `llmlib check`
do, in processes of their own, from the notebook as it was saved.
"""

import asyncio
import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler
from jupyter_server.utils import url_path_join
from tornado import web

from llmlib.course import prediction_cells
from llmlib.course.checking import check_notebooks, submission
from llmlib.course.checking.definitions import SOLUTION_MARKS
from llmlib.course.format import notebooks
from llmlib.course.lab import start_page
from llmlib.course.lab.chat_server import ChatServer
from llmlib.course.lab.live_process import LiveProcess


class Ours(APIHandler):
    """A handler of the course's, with what all of them need."""

    @property
    def folder(self) -> Path:
        """Where JupyterLab was started: what it may read lies in it."""
        return Path(self.settings["server_root_dir"]).expanduser().resolve()

    def notebook(self, said: str) -> tuple[notebooks.Notebook, Path]:
        """The course's notebook that the file at `said` answers, and the file. HTTPError."""
        path = Path(os.path.normpath(self.folder / said))  # of a link, where it lies
        if not path.is_relative_to(self.folder) or not path.is_file():
            raise web.HTTPError(404, reason="There is no such notebook here")
        name = which(path)
        if name is None:
            raise web.HTTPError(404, reason="This notebook holds no exercise of the course")
        return notebooks.load(name), path

    async def looked_up(self, function: Callable[..., Any], *words: Any) -> Any:
        """What a function of `check_notebooks` returns; the server goes on meanwhile. HTTPError."""
        try:
            return await asyncio.to_thread(function, *words)
        except OSError as error:
            raise web.HTTPError(500, reason=str(error)) from None


class Start(Ours):
    """GET: the start page; `known=0` at once, without the progress."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with the page."""
        statuses = None
        if self.get_query_argument("known", "1") != "0":
            statuses = await self.looked_up(check_notebooks.check, None, self.folder)
        news = os.environ.get("LLM_COURSE_NEWS", "")  # of `bootstrap.open_jupyter`
        page = start_page.page(statuses, self.folder, news)
        self.finish(page, set_content_type="text/html; charset=utf-8")


class Check(Ours):
    """POST {"path": "01_tokens.ipynb"}: how its exercises are, as `llmlib check` says it."""

    @web.authenticated
    async def post(self) -> None:
        """Answer with the state of each exercise."""
        notebook, path = self.notebook((self.get_json_body() or {}).get("path", ""))
        status = await self.looked_up(check_notebooks.check_one, notebook.name, path)
        keys = ("number", "name", "state", "message")
        lines = [dict(zip(keys, line)) for line in status.lines()]
        self.finish({"fault": status.fault, "notes": status.notes, "lines": lines})


class Solution(Ours):
    """GET ?path=01_tokens.ipynb&exercise=merge: one way to write it."""

    @web.authenticated
    def get(self) -> None:
        """Answer with the code, without the marks around it."""
        notebook, _ = self.notebook(self.get_query_argument("path"))
        asked = self.get_query_argument("exercise")
        found = next((each for each in notebook.exercises if each.name == asked), None)
        if found is None:
            raise web.HTTPError(404, reason="There is no such exercise in this notebook")
        lines = [line for line in found.solution.split("\n") if line.strip() not in SOLUTION_MARKS]
        self.finish({"code": "\n".join(lines)})


class Predictions(Ours):
    """POST {"sources": […]}: what the buttons of each cell show, `forms`; null for other cells."""

    @web.authenticated
    def post(self) -> None:
        """Answer with a form for each cell."""
        sources = (self.get_json_body() or {}).get("sources", [])
        self.finish({"forms": [prediction_cells.form(str(source)) for source in sources]})


class Guess(Ours):
    """POST {"source", "guess"}: the prediction cell's `source` with a guess that was clicked or
    typed; "" is no guess. If it is none, {"fault"} with a sentence."""

    @web.authenticated
    def post(self) -> None:
        """Answer with the cell's new code, or with what is wrong with the guess."""
        asked = self.get_json_body() or {}
        source = str(asked.get("source", ""))
        try:
            code = prediction_cells.code_of(source, str(asked.get("guess", "")))
        except ValueError as error:
            self.finish({"fault": str(error)})
        else:
            self.finish({"source": prediction_cells.with_guess(source, code)})


class Talk(Ours):
    """POST: a chat with the learner's engine so far, as {"address"}."""

    chat_server = ChatServer()

    @web.authenticated
    async def post(self) -> None:
        """Start the chat, if it does not run, and answer with its address."""
        address = await self.looked_up(self.chat_server.start, self.folder)
        self.finish({"address": address})


class Live(Ours):
    """POST {"text"}: its tokens, the likeliest next ones and where two heads look, or {"fault"}. {}
    if a newer text came meanwhile. The first one loads the model."""

    live_process = LiveProcess()

    @web.authenticated
    async def post(self) -> None:
        """Answer with what the model sees in the text."""
        text = str((self.get_json_body() or {}).get("text", ""))
        self.finish(await self.looked_up(self.live_process.look, text) or {})


def which(path: Path) -> str | None:
    """The course's notebook that a file answers: that of its name, or whose exercises it holds."""
    if path.stem in notebooks.names():
        return path.stem
    try:
        found = {cell.grade_id for cell in submission.load(path)}
    except submission.Unreadable:
        return None
    books = (
        book for book in notebooks.notebooks() if found & {each.name for each in book.exercises}
    )
    return next((book.name for book in books), None)


def _load_jupyter_server_extension(server: Any) -> None:
    """Add the handlers to jupyter_server."""
    from llmlib.course.lab import submit_handlers  # which needs what is above

    at = functools.partial(url_path_join, server.web_app.settings["base_url"], "llmlib")
    verbs = {"start": Start, "check": Check, "solution": Solution, "talk": Talk}
    verbs |= {"predictions": Predictions, "guess": Guess, "live": Live}
    verbs |= submit_handlers.HANDLERS
    handlers = [(at(verb), handler) for verb, handler in verbs.items()]
    server.web_app.add_handlers(".*$", handlers)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "llmlib.course.lab.server_extension"}]
