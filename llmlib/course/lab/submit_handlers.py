"""What JupyterLab's Submit asks this course's server for: nbgrader's exchange, as `llmlib submit`
and `llmlib fetch-feedback` use it."""

import asyncio
from pathlib import Path
from typing import Any

from tornado import web

from llmlib.course.lab.server_extension import Ours


class Submissions(Ours):
    """GET: {"exchange": whether one is set up}. With ?path=01_tokens.ipynb also `notebook`, its
    name, `handed_in`, [{"at", "page", "score"}] in the order of time, and a `fault` where it cannot
    be handed in."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with what was handed in; `page` is a path below the server's folder."""
        said = self.get_query_argument("path", "")
        if not said:
            self.finish({"exchange": await asyncio.to_thread(_is_set_up, self.folder)})
            return
        notebook, path = self.notebook(said)
        answer = await self.looked_up(_handed_in, self.folder, notebook.name, path)
        for each in answer["handed_in"]:
            if each["page"]:
                each["page"] = each["page"].relative_to(self.folder).as_posix()
        self.finish({"exchange": True, "notebook": notebook.name, **answer})


class Submit(Ours):
    """POST {"path": "01_tokens.ipynb"}: hand it in, as it was saved. {"notebook", "at",
    "student"}, or {"fault"} with a sentence."""

    @web.authenticated
    async def post(self) -> None:
        """Answer when it is handed in."""
        notebook, path = self.notebook((self.get_json_body() or {}).get("path", ""))
        self.finish(await self.looked_up(_submit, self.folder, notebook.name, path))


HANDLERS = {"submissions": Submissions, "submit": Submit}


def _is_set_up(folder: Path) -> bool:
    """Whether settings name an exchange; those that do not run are reported by Submit."""
    from llmlib.course import exchange  # as below: slow to load, and many learners have none

    try:
        return exchange.settings(folder) is not None
    except ValueError:
        return True


def _handed_in(folder: Path, name: str, path: Path) -> dict[str, Any]:
    from llmlib.course import exchange

    found: list[exchange.HandedIn] = []
    fault = None
    try:
        config = exchange.wanted(folder)
        found = [each for each in exchange.handed_in(config, path.parent) if each.notebook == name]
        exchange.refuse_unreleased(config, name)
    except ValueError as error:
        fault = str(error)
    rows = [{"at": each.at.isoformat(), "page": each.page, "score": each.score} for each in found]
    return {"handed_in": rows, "fault": fault}


def _submit(folder: Path, name: str, path: Path) -> dict[str, Any]:
    from llmlib.course import exchange

    try:
        done = exchange.submit(exchange.wanted(folder), name, path)
    except ValueError as error:
        return {"fault": str(error)}
    return {"notebook": name, "at": done.at.isoformat(), "student": done.student}
