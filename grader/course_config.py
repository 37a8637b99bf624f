"""Read nbgrader_config.py: what an instructor edits, and what holds where there is none."""

import os
from pathlib import Path

from traitlets.config import Config, PyFileConfigLoader

from llmlib import installation

CONFIG = Path("nbgrader_config.py")
# The one of the clone; setup.py puts it into the wheel.
DELIVERED = (
    installation.ROOT if installation.IN_CLONE else Path(__file__).parent
) / "nbgrader_config.py"


def settings(path: Path) -> tuple[Path, str, str, Config]:
    """Return (nbgrader's folder, gradebook URL, course id, all of it) as the config file at `path`
    says. Without a clone, a folder that has none gets the settings as delivered. Raises
    FileNotFoundError, and ValueError where the file does not run."""
    folder = path.resolve().parent
    if not path.is_file():
        if installation.IN_CLONE or path != CONFIG:
            advice = "run this in the course's folder, or give --config"
            raise FileNotFoundError(f"there is no {path}: {advice}")
        os.environ.setdefault("LLM_COURSE_FOLDER", str(folder / "grading"))  # not beside that file
        path = DELIVERED
    try:
        config = PyFileConfigLoader(path.name, path=str(path.resolve().parent)).load_config()
    except (
        OSError
    ):  # of the folder for what belongs to the course, say: the command has words for it
        raise
    except Exception as error:  # noqa: BLE001 - it is a program, and the instructor's
        raise ValueError(f"{path} does not run: {type(error).__name__}: {error}") from None
    course = config.CourseDirectory
    root = Path(course.get("root") or folder)
    url = course.get("db_url") or f"sqlite:///{root / 'gradebook.db'}"
    return root, url, course.get("course_id") or "", config


def write(path: Path = CONFIG) -> None:
    """Write the settings as delivered to `path`. Raises ValueError where something is there."""
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(DELIVERED.read_text(encoding="utf-8"))
    except FileExistsError:
        raise ValueError(f"{path} is there already and stays as it is") from None
