"""nbgrader's exchange as a learner uses it: hand in what is in work/, and fetch what came back.

What an exchange expects is nbgrader's business: its own classes submit, list and fetch, whatever
exchange its settings name. They want a folder for each notebook; it is made for the moment.
"""

import logging
import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

from nbgrader.apps import NbGrader
from nbgrader.auth import Authenticator
from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeError, ExchangeFactory, default
from nbgrader.utils import check_directory, get_username, parse_utc
from traitlets.config import Application, Config

from llmlib import files, installation

QUIET = logging.getLogger("llmlib.exchange")  # nbgrader's remarks are in its own words
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False
ASK = "ask your instructor"
SCORE = re.compile(r'<meta name="score" content="(.*?)">')  # in grading/feedback.html.jinja


@dataclass(frozen=True)
class HandedIn:
    """One hand-in of a notebook: when, by whom; the `page` that came back for it, if one did, and
    the `score` on it ("12 of 13 points")."""

    notebook: str
    at: datetime
    student: str
    page: Path | None = None
    score: str = ""


def settings(folder: Path) -> Config | None:
    """nbgrader's settings for a learner who works in `folder`; None where they name no exchange:
    nbgrader_config.py there or in a folder of Jupyter's settings, LLM_COURSE_EXCHANGE, or the
    folder that nbgrader takes by itself. Raises ValueError where a file does not run."""
    if sys.platform == "win32":  # nbgrader has none there
        return None
    app = Application()
    app.raise_config_file_errors = True
    try:
        places = [str(folder.resolve()), *NbGrader().config_file_paths]
        app.load_config_file("nbgrader_config", path=places)
    except Exception as error:  # noqa: BLE001 - they are programs
        why = f"nbgrader_config.py does not run: {type(error).__name__}: {error}"
        raise ValueError(f"{why}; {ASK}") from None
    config = app.config
    named = config.Exchange.get("root") or os.environ.get("LLM_COURSE_EXCHANGE")
    if named:
        config.Exchange.root = named
    elif "ExchangeFactory" not in config and not Path(default.Exchange.root.default_value).is_dir():
        return None
    if not config.CourseDirectory.get("course_id"):
        config.CourseDirectory.course_id = installation.DISTRIBUTION
    return config


def wanted(folder: Path) -> Config:
    """As `settings`; raises ValueError where there is no exchange."""
    if (config := settings(folder)) is None:
        raise ValueError(
            "no exchange is set up here, so nothing can be handed in this way: send your "
            f"instructor the notebooks themselves, which are in {folder.resolve()}"
        )
    return config


def step(config: Config, kind: str, **course: str) -> Any:
    """One of nbgrader's steps, such as "Submit", for the assignment or student of `course`."""
    words = {"coursedir": CourseDirectory(config=config, **course), "config": config, "log": QUIET}
    return getattr(ExchangeFactory(config=config), kind)(
        authenticator=Authenticator(config=config), **words
    )


def start(a_step: Any) -> Any:
    """Run one of nbgrader's steps. Raises ValueError where the exchange refuses."""
    try:
        return a_step.start()
    except ExchangeError as error:
        why = " ".join(str(error).split())
        raise ValueError(f"the exchange says: {why}") from None


def released(config: Config) -> list[str]:
    """The notebooks that can be handed in. Raises ValueError with one sentence where there is no
    exchange, or not this course in it."""
    lister = step(config, "List")
    if isinstance(lister, default.Exchange):  # others, as ngshare, have no folder
        root, course = lister.root, lister.coursedir.course_id
        place = Path(root, course)
        if not Path(root).is_dir():
            raise ValueError(f"the exchange {root} is not there: {ASK}")
        if not check_directory(root, write=True, execute=True):
            raise ValueError(f"the exchange {root} cannot be written to by you: {ASK}")
        if not (place / "inbound").is_dir():
            unknown = f"the exchange {root} has no course {course}"
            raise ValueError(f"{unknown}: {ASK} for its name, or whether it is released")
        if not check_directory(place / "inbound", write=True, execute=True):
            raise ValueError(f"{place / 'inbound'} cannot be written to by you: {ASK}")
    return [each["assignment_id"] for each in start(lister)]


def refuse_unreleased(config: Config, name: str) -> None:
    """Raises ValueError for a notebook that cannot be handed in."""
    if name not in released(config):
        raise ValueError(f"{name} cannot be handed in, as it is not released yet: {ASK}")


def submit(config: Config, name: str, path: Path) -> HandedIn:
    """Hand in the file at `path` as the notebook `name`. Raises ValueError with one sentence, and
    OSError; then nothing was handed in."""
    refuse_unreleased(config, name)
    with tempfile.TemporaryDirectory() as scratch:
        submitting = step(config, "Submit", assignment_id=name)
        limit = submitting.coursedir.max_file_size  # kilobytes; nbgrader leaves out what is larger
        if path.stat().st_size > 1000 * limit:
            clear = "clear its outputs (menu Edit), save it and hand it in again"
            raise ValueError(f"{path.name} is larger than {limit / 1000:g} MB: {clear}")
        place = Path(scratch, name)
        place.mkdir()
        shutil.copyfile(path, place / f"{name}.ipynb")
        submitting.assignment_dir, submitting.path_includes_course = scratch, False
        _keep_secret(submitting)
        start(submitting)
    return HandedIn(name, _time(submitting.timestamp), _student(submitting.coursedir))


def handed_in(config: Config, folder: Path) -> list[HandedIn]:
    """What this account has handed in, in the order of time. The newest page of each notebook is
    fetched to `folder`/feedback. Raises ValueError with one sentence, and OSError."""
    released(config)
    listing = step(config, "List")
    listing.cached = True
    found = [
        HandedIn(notebook["notebook_id"], _time(each["timestamp"]), each["student_id"])
        for group in start(listing)
        for each in group["submissions"]
        for notebook in each["notebooks"]
    ]
    with tempfile.TemporaryDirectory() as scratch:
        pages = {(page.stem, _time(page.parent.name)): page for page in _fetched(config, scratch)}
        newest = {name: max(at for of, at in pages if of == name) for name, _ in pages}
        for at, each in enumerate(found):
            if newest.get(each.notebook) == each.at:
                html = pages[each.notebook, each.at].read_bytes()
                files.write(folder / "feedback" / f"{each.notebook}.html", html)
                found[at] = _with_page(each, folder / "feedback" / f"{each.notebook}.html")
    return sorted(found, key=lambda each: each.at)


def _fetched(config: Config, scratch: str) -> list[Path]:
    """The pages that the exchange has for this account: …/TIME/NOTEBOOK.html."""
    fetching = step(config, "FetchFeedback")
    fetching.assignment_dir = scratch
    try:
        fetching.start()
    except ExchangeError:  # no page has been given back to anybody yet
        return []
    return list(Path(scratch).rglob("*.html"))


def _with_page(each: HandedIn, page: Path) -> HandedIn:
    score = SCORE.search(page.read_text(encoding="utf-8", errors="replace"))
    words = unescape(score[1]) if score else ""
    return HandedIn(each.notebook, each.at, each.student, page, words)


def _keep_secret(submitting: Any) -> None:
    """Nobody else reads what was handed in, and the secret by which its page is fetched."""
    if cache := getattr(submitting, "cache", ""):
        Path(cache).mkdir(parents=True, exist_ok=True)
        Path(cache).chmod(0o700)


def _student(course: CourseDirectory) -> str:
    return course.student_id if course.student_id != "*" else get_username()


def _time(said: str) -> datetime:
    return parse_utc(said).replace(tzinfo=UTC)
