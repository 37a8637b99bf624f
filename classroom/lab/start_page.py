"""Render the page that `make lab` opens: what this is, a model to play with, the way from text to
text with the learner's own progress on it, where to go on, and how it works.

Its HTML is start_page.html.jinja. `classroom/lab/labextensions/llmlib` shows it in JupyterLab
and opens what is clicked.
"""

import json
from collections.abc import Collection
from pathlib import Path

import jinja2

from classroom.checking.check_notebooks import FAILING, UNTOUCHED, Status
from exercises.format import course_map, notebooks
from exercises.format.reading_time import hours, reading_time

RECORDED = Path(__file__).with_name("live_recorded.json")  # `live` makes it
PAGES = jinja2.Environment(loader=jinja2.PackageLoader("classroom.lab", "."), autoescape=True)


def page(
    statuses: list[Status] | None, folder: Path, news: str = "", off: Collection[str] = ()
) -> str:
    """Return the page's HTML; without `statuses` it says that progress is being looked up. `news`
    is what `classroom.folder.work` said, in lines; "live" and "talk" may be switched `off`."""
    name, function = next_step(statuses or [], folder) or (None, None)
    going_on = notebooks.load(name) if name else None
    exercises = going_on.exercises if going_on else ()
    figure = RECORDED.read_text(encoding="utf-8").strip()
    return PAGES.get_template("start_page.html.jinja").render(
        known={status.name: status for status in statuses or ()},
        found=any(status.found for status in statuses or ()),
        begun=any(status.begun for status in statuses or ()),
        all_done=all(status.done for status in statuses or ()),
        next=going_on,
        exercise=next((exercise for exercise in exercises if exercise.name == function), None),
        notebooks=[notebooks.load(name) for name in notebooks.names()],
        makes={station.name: station.makes for station in course_map.stations()},
        hours=_hours,
        news=news.splitlines(),
        off=off,
        recorded=figure,  # the live machine's figure, until somebody goes to it
        text=json.loads(figure)["text"],
    )


def next_step(statuses: list[Status], folder: Path) -> tuple[str, str | None] | None:
    """Return (notebook, exercise) to go on with: in the notebook that was saved last of those
    begun, else the first that is not done. None when all is done."""
    unfinished = [
        status for status in statuses if status.found and not status.fault and not status.done
    ]
    in_progress = [status for status in unfinished if status.begun]
    if not in_progress:
        return (unfinished[0].name, None) if unfinished else None
    status = max(in_progress, key=lambda status: (folder / f"{status.name}.ipynb").stat().st_mtime)
    return status.name, (status.functions(FAILING) + status.functions(UNTOUCHED))[0]


def _hours(notebook: notebooks.Notebook) -> str:
    """Return how long its core takes; "" for the quiz."""
    time = reading_time(notebook)
    return hours(time.core) if time else ""
