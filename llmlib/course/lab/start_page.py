"""The page that `make lab` opens: what this is, a model to play with, the way from text to text
with the learner's own progress on it, where to go on, and how it works.

Its HTML is start_page.html.jinja. `llmlib/course/lab/labextensions/llmlib` shows it in JupyterLab
and opens what is clicked.
"""

import json
import re
from collections.abc import Collection
from pathlib import Path

import jinja2

from llmlib.course.checking.check_notebooks import FAILING, UNTOUCHED, Status
from llmlib.course.format import course_map, notebooks

RECORDED = Path(__file__).with_name("live_recorded.json")  # `live` makes it
PAGES = jinja2.Environment(loader=jinja2.PackageLoader("llmlib.course.lab", "."), autoescape=True)


def page(
    statuses: list[Status] | None, folder: Path, news: str = "", off: Collection[str] = ()
) -> str:
    """The page's HTML; without `statuses` it says that progress is being looked up. `news` is what
    `llmlib.course.folder.work` said, in lines; "live" and "talk" may be switched `off`."""
    name, function = next_step(statuses or [], folder) or (None, None)
    going_on = notebooks.load(name) if name else None
    exercises = going_on.exercises if going_on else ()
    recorded = RECORDED.read_text(encoding="utf-8").strip()
    return PAGES.get_template("start_page.html.jinja").render(
        known={each.name: each for each in statuses or ()},
        found=any(each.found for each in statuses or ()),
        begun=any(each.begun for each in statuses or ()),
        all_done=all(each.done for each in statuses or ()),
        next=going_on,
        exercise=next((each for each in exercises if each.name == function), None),
        notebooks=[notebooks.load(each) for each in notebooks.names()],
        makes={each.name: each.makes for each in course_map.stations()},
        minutes=_minutes,
        news=news.splitlines(),
        off=off,
        recorded=recorded,  # the live machine's figure, until somebody goes to it
        text=json.loads(recorded)["text"],
    )


def next_step(statuses: list[Status], folder: Path) -> tuple[str, str | None] | None:
    """(notebook, exercise) to go on with: in the notebook that was saved last of those begun, else
    the first that is not done. None when all is done."""
    left = [each for each in statuses if each.found and not each.fault and not each.done]
    begun = [each for each in left if each.begun]
    if not begun:
        return (left[0].name, None) if left else None
    status = max(begun, key=lambda each: (folder / f"{each.name}.ipynb").stat().st_mtime)
    return status.name, (status.functions(FAILING) + status.functions(UNTOUCHED))[0]


def _minutes(notebook: notebooks.Notebook) -> int:
    """What the exercises of its core say that they take; a quiz says nothing."""
    statements = "\n".join(each.statement for each in notebook.core)
    return sum(map(int, re.findall(r"### (?:Exercise|Experiment) .* (\d+) min", statements)))
