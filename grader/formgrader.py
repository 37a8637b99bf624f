"""Repair two things in what nbgrader's Formgrader shows, as its server hands the files to the page:
hints get the mark that says they unfold, and a student without a name goes by their id, not "None,
None". `make formgrader` switches this on; where nbgrader's files have changed, they stay."""

from pathlib import Path
from typing import Any

from jupyter_server.utils import url_path_join
from nbgrader.server_extensions.formgrader import handlers
from tornado import web

STYLES, MARKS = "css/formgrade.css", "\nsummary { display: list-item; cursor: pointer; }\n"
NAMELESS = 'var name = last_name + ", " + first_name;'
BY_ID = '\n        if (name === "None, None") name = this.model.get("%s");'
IDS = {"js/manage_students.js": "id", "js/manage_submissions.js": "student"}  # as models call it


class Repaired(web.RequestHandler):
    """Serve a file of formgrader's, with names for what a screen reader finds nameless."""

    def get(self, name: str) -> None:
        """Answer with the file."""
        self.set_header("Content-Type", "text/css" if name == STYLES else "text/javascript")
        text = (Path(handlers.static_path) / name).read_text(encoding="utf-8")
        text = text.replace(NAMELESS, NAMELESS + BY_ID % IDS.get(name, ""))
        self.finish(text + MARKS if name == STYLES else text)


def _load_jupyter_server_extension(server: Any) -> None:
    """Load before nbgrader's own: extensions are loaded in the order of their names."""
    base = server.web_app.settings["base_url"]
    paths = "|".join([STYLES, *IDS]).replace(".", r"\.")
    place = url_path_join(base, "formgrader/static", f"({paths})")
    server.web_app.add_handlers(".*$", [(place, Repaired)])


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "grader.formgrader"}]
