"""Use nbgrader's exchange as a learner: hand in what is in work/, and fetch what came back.

What an exchange expects is nbgrader's business: its own classes submit, list and fetch, whatever
exchange its settings name. They want a folder for each notebook; it is made for the moment.
"""

import copy
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

from classroom import exchange_steps
from classroom.checking import submission
from llmlib import files, installation

QUIET = logging.getLogger("llmlib.exchange")  # nbgrader's remarks are in its own words
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False
ASK = "ask your instructor"
SCORE = re.compile(r'<meta name="score" content="(.*?)">')  # in grading/feedback.html.jinja


@dataclass(frozen=True)
class HandedIn:
    """Record one hand-in of a notebook: when, by whom; the `page` that came back for it, if one
    did, and the `score` on it ("12 of 13 points")."""

    notebook: str
    at: datetime
    student: str
    page: Path | None = None
    score: str = ""


def settings(folder: Path) -> Config | None:
    """Return nbgrader's settings for a learner who works in `folder`; None where they name no
    exchange: nbgrader_config.py there or in a folder of Jupyter's settings, LLM_COURSE_EXCHANGE, or
    the folder that nbgrader takes by itself. Raises ValueError where a file does not run."""
    if sys.platform == "win32":  # nbgrader has none there
        return None
    app = Application()
    app.raise_config_file_errors = True
    try:
        places = [str(folder.resolve()), *NbGrader().config_file_paths]
        app.load_config_file("nbgrader_config", path=places)
    except Exception as error:  # noqa: BLE001 - they are programs
        reason = f"nbgrader_config.py does not run: {type(error).__name__}: {error}"
        raise ValueError(f"{reason}; {ASK}") from None
    config = app.config
    root = config.Exchange.get("root") or os.environ.get("LLM_COURSE_EXCHANGE")
    if root:
        config.Exchange.root = root
    elif not config.ExchangeFactory and not Path(default.Exchange.root.default_value).is_dir():
        return None
    if not config.CourseDirectory.get("course_id"):
        config.CourseDirectory.course_id = installation.DISTRIBUTION
    return config


def wanted(folder: Path) -> Config:
    """Return `settings`; raise ValueError where there is no exchange."""
    if (config := settings(folder)) is None:
        raise ValueError(
            "no exchange is set up here, so nothing can be handed in this way: send your "
            f"instructor the notebooks themselves, which are in {folder.resolve()}"
        )
    return config


def step(config: Config, kind: str, **course: str) -> Any:
    """Make one of nbgrader's steps, such as "Submit", for the assignment or student of `course`."""
    config = copy.deepcopy(config)
    exchange_steps.configure(config)
    words = {"coursedir": CourseDirectory(config=config, **course), "config": config, "log": QUIET}
    return getattr(ExchangeFactory(config=config), kind)(
        authenticator=Authenticator(config=config), **words
    )


def start(a_step: Any) -> Any:
    """Run one of nbgrader's steps. Raises ValueError where the exchange refuses or is full."""
    try:
        return a_step.start()
    except ExchangeError as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"the exchange says: {reason}") from None
    except shutil.Error as error:  # what could not be copied: (from, to, reason)
        reason = re.sub(r"^\[Errno \d+\] |: '.*", "", str(error.args[0][0][-1]))
        raise ValueError(f"the exchange cannot take it: {reason}; {ASK}") from None


def released(config: Config) -> list[str]:
    """List the notebooks that can be handed in. Raises ValueError with one sentence where there is
    no exchange, or not this course in it."""
    lister = step(config, "List")
    if isinstance(lister, default.Exchange):  # others, as ngshare, have no folder
        root, course = lister.root, lister.coursedir.course_id
        place = Path(root, course)
        if not Path(root).is_dir():
            raise ValueError(f"the exchange {root} is not there: {ASK}")
        if not check_directory(root, execute=True):
            raise ValueError(f"the exchange {root} cannot be entered by you: {ASK}")
        if not (place / "inbound").is_dir():
            unknown = f"the exchange {root} has no course {course}"
            raise ValueError(f"{unknown}: {ASK} for its name, or whether it is released")
        if not check_directory(place / "inbound", write=True, execute=True):
            raise ValueError(f"{place / 'inbound'} cannot be written to by you: {ASK}")
    return [assignment["assignment_id"] for assignment in start(lister)]


def refuse_unreleased(config: Config, name: str) -> None:
    """Raise ValueError for a notebook that cannot be handed in."""
    if name not in released(config):
        raise ValueError(f"{name} cannot be handed in, as it is not released yet: {ASK}")


def largest(course: CourseDirectory) -> int:
    """Return how many bytes a notebook may have: nbgrader copies none that is larger."""
    return 1000 * min(course.max_file_size, course.max_dir_size)  # which are in kilobytes


def submit(config: Config, name: str, path: Path) -> HandedIn:
    """Hand in the file at `path` as the notebook `name`. Raises ValueError with one sentence, and
    OSError; then nothing was handed in."""
    refuse_unreleased(config, name)
    with tempfile.TemporaryDirectory() as scratch:
        submit_step = step(config, "Submit", assignment_id=name)
        most = largest(submit_step.coursedir)
        if path.stat().st_size > most:
            raise ValueError(f"{path.name} is {submission.too_large(most)}")
        place = Path(scratch, name)
        place.mkdir()
        shutil.copyfile(path, place / f"{name}.ipynb")
        submit_step.assignment_dir, submit_step.path_includes_course = scratch, False
        _keep_secret(submit_step)
        start(submit_step)
    return HandedIn(name, _time(submit_step.timestamp), _student(submit_step.coursedir))


def handed_in(config: Config, folder: Path) -> list[HandedIn]:
    """List what this account has handed in, in the order of time. The newest page of each notebook
    is fetched to `folder`/feedback. Raises ValueError with one sentence, and OSError."""
    released(config)
    listing = step(config, "List")
    listing.cached = True
    hand_ins = [
        HandedIn(notebook["notebook_id"], _time(sent["timestamp"]), sent["student_id"])
        for group in start(listing)
        for sent in group["submissions"]
        for notebook in sent["notebooks"]
    ]
    with tempfile.TemporaryDirectory() as scratch:
        pages = {(page.stem, _time(page.parent.name)): page for page in _fetched(config, scratch)}
        newest = {name: max(at for of, at in pages if of == name) for name, _ in pages}
        for at, hand_in in enumerate(hand_ins):
            if newest.get(hand_in.notebook) == hand_in.at:
                html = pages[hand_in.notebook, hand_in.at].read_bytes()
                files.write(folder / "feedback" / f"{hand_in.notebook}.html", html)
                hand_ins[at] = _with_page(hand_in, folder / "feedback" / f"{hand_in.notebook}.html")
    return sorted(hand_ins, key=lambda hand_in: hand_in.at)


def _fetched(config: Config, scratch: str) -> list[Path]:
    """Fetch the pages that the exchange has for this account: …/TIME/NOTEBOOK.html."""
    fetch_step = step(config, "FetchFeedback")
    fetch_step.assignment_dir = scratch
    try:
        fetch_step.start()
    except ExchangeError:  # no page has been given back to anybody yet
        return []
    return list(Path(scratch).rglob("*.html"))


def _with_page(hand_in: HandedIn, page: Path) -> HandedIn:
    score = SCORE.search(page.read_text(encoding="utf-8", errors="replace"))
    words = unescape(score[1]) if score else ""
    return HandedIn(hand_in.notebook, hand_in.at, hand_in.student, page, words)


def _keep_secret(submit_step: Any) -> None:
    """Keep what was handed in, and the secret by which its page is fetched, from other users."""
    if cache := getattr(submit_step, "cache", ""):
        Path(cache).mkdir(parents=True, exist_ok=True)
        Path(cache).chmod(0o700)


def _student(course: CourseDirectory) -> str:
    return course.student_id if course.student_id != "*" else get_username()


def _time(timestamp: str) -> datetime:
    return parse_utc(timestamp).replace(tzinfo=UTC)
