"""Answer what JupyterLab's Submit asks this course's server for: nbgrader's exchange, as `llmlib
submit` and `llmlib fetch-feedback` use it."""

import asyncio
from pathlib import Path
from typing import Any

from tornado import web

from classroom.lab.server_extension import Ours


class Submissions(Ours):
    """Serve GET: {"exchange": whether one is set up}. With ?path=01_tokens.ipynb also `notebook`,
    its name, `handed_in`, [{"at", "page", "score"}] in the order of time, and a `fault` where it
    cannot be handed in."""

    @web.authenticated
    async def get(self) -> None:
        """Answer with what was handed in; `page` is a path below the server's folder."""
        file = self.get_query_argument("path", "")
        if not file:
            self.finish({"exchange": await asyncio.to_thread(_is_set_up, self.folder)})
            return
        notebook, path = self.notebook(file)
        answer = await self.looked_up(_handed_in, self.folder, notebook.name, path)
        for hand_in in answer["handed_in"]:
            if hand_in["page"]:
                hand_in["page"] = hand_in["page"].relative_to(self.folder).as_posix()
        self.finish({"exchange": True, "notebook": notebook.name, **answer})


class Submit(Ours):
    """Serve POST {"path": "01_tokens.ipynb"}: hand it in, as it was saved. {"notebook", "at",
    "student"}, or {"fault"} with a sentence."""

    @web.authenticated
    async def post(self) -> None:
        """Answer when it is handed in."""
        notebook, path = self.notebook((self.get_json_body() or {}).get("path", ""))
        self.finish(await self.looked_up(_submit, self.folder, notebook.name, path))


HANDLERS = {"submissions": Submissions, "submit": Submit}


def _is_set_up(folder: Path) -> bool:
    """Tell whether settings name an exchange; those that do not run are reported by Submit."""
    from classroom import exchange  # as below: slow to load, and many learners have none

    try:
        return exchange.settings(folder) is not None
    except ValueError:
        return True


def _handed_in(folder: Path, name: str, path: Path) -> dict[str, Any]:
    from classroom import exchange

    hand_ins: list[exchange.HandedIn] = []
    fault = None
    try:
        config = exchange.wanted(folder)
        hand_ins = [
            hand_in
            for hand_in in exchange.handed_in(config, path.parent)
            if hand_in.notebook == name
        ]
        exchange.refuse_unreleased(config, name)
    except ValueError as error:
        fault = str(error)
    rows = [
        {"at": hand_in.at.isoformat(), "page": hand_in.page, "score": hand_in.score}
        for hand_in in hand_ins
    ]
    return {"handed_in": rows, "fault": fault}


def _submit(folder: Path, name: str, path: Path) -> dict[str, Any]:
    from classroom import exchange

    try:
        hand_in = exchange.submit(exchange.wanted(folder), name, path)
    except ValueError as error:
        return {"fault": str(error)}
    return {"notebook": name, "at": hand_in.at.isoformat(), "student": hand_in.student}
