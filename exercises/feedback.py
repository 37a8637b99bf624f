"""What a notebook says about its own cells: a check has passed, a function is not written yet.

Importing `exercises.check` in a running IPython switches it on; elsewhere nothing happens.
"""

import linecache
import re
import sys
from collections.abc import Collection
from functools import cache
from html import escape
from importlib.metadata import entry_points
from traceback import walk_tb
from types import TracebackType
from typing import Any

from exercises.course_files import SOURCES
from exercises.course_packages import is_ours
from exercises.format import course_map

HOOKS = "exercises.kernel"  # entry points that are called where checks run in a kernel
CHECK_OF = "# Check of {}: run this cell"
FIRST_LINE = re.compile(CHECK_OF.format(r"(\w+)"))
NOT_WRITTEN = "Write this function, then run the check below."
NOT_WRITTEN_YET = "not written yet"
TOO_SLOW = "took longer than"
DISALLOWED = "`{}` is not allowed in this exercise: write this one yourself"
GREEN, BLUE, ORANGE = "#009E73", "#0072B2", "#D55E00"

_sites: set[tuple[str, int]] = set()  # where a check passed in this cell
_passed: set[str] = set()  # functions whose check passed in this kernel


def count() -> None:
    """The check that calls this passed. The test cell's lines count, not calls: a loop is one."""
    frame = sys._getframe(1)
    library = frame.f_code.co_filename
    while frame.f_code.co_filename == library and frame.f_back:
        frame = frame.f_back
    _sites.add((frame.f_code.co_filename, frame.f_lineno))


def forget() -> None:
    """No check has passed in this cell yet."""
    _sites.clear()


def one_line(text: object) -> str:
    """The lines of a text as one. Spaces within a line stay: they may be the mistake."""
    lines = str(text).replace("\t", " ").splitlines()
    return " ".join(filter(None, map(str.strip, lines)))


def running_shell() -> Any:
    """The IPython that runs this, or None."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def new_shell(user: str) -> Any:
    """The same at the first call for a `user` in this kernel; later None."""
    shell, attribute = running_shell(), f"_llmlib_{user}"
    if shell is None or hasattr(shell, attribute):
        return None
    setattr(shell, attribute, True)
    return shell


def display(plain: str, rich: str = "", kind: str = "text/html") -> None:
    """Show a text below the cell that runs, and `rich` where that can be shown."""
    from IPython.display import display

    display({"text/plain": plain} | ({kind: rich} if rich else {}), raw=True)


def box(html: str, colour: str) -> str:
    """HTML with a coloured bar on its left."""
    return f'<div style="border-left:4px solid {colour};padding:2px 10px">{html}</div>'


def switch_on() -> None:
    """Register with IPython, once a kernel, and have others do so that want to (entry points)."""
    if shell := new_shell("feedback"):
        shell.events.register("post_run_cell", _after)
        shell.set_custom_exc((NotImplementedError, NameError, ImportError), _raised)
        for hook in entry_points(group=HOOKS):
            hook.load()()


def _after(result: Any) -> None:
    """A passed check says so below its cell."""
    found = FIRST_LINE.match(result.info.raw_cell or "")
    checks = len(_sites)
    _sites.clear()
    if found:  # one that passed before may fail now
        (_passed.add if result.success else _passed.discard)(found[1])
    if found and result.success:
        plain, rich = passed(found[1], checks, _passed)
        if plain:
            display(plain, rich)


def passed(name: str, checks: int, done: Collection[str]) -> tuple[str, str]:
    """What a passed check of `name` says, as text and HTML; `done` are those that passed."""
    notebook, functions = home(name)
    further = name not in functions
    missing = [each for each in functions if each not in done]
    plain = f"✓ {name}: {checks} check{'s' * (checks != 1)} passed" if checks else ""
    if plain and missing and not further:
        plain += f" ({len(functions) - len(missing)} of {len(functions)})"
        if name == functions[-1]:
            plain += ". Not passed yet: " + ", ".join(missing[:5]) + ", …" * (len(missing) > 5)
    rich = escape(plain)
    if notebook and not missing and not further:
        after = course_map.neighbours(notebook, course_map.stations())[1]
        plain += f"\n✓ All {len(functions)} of this notebook are done."
        rich += f"<br>✓ <b>All {len(functions)} of this notebook are done.</b>"
        if after:
            plain += f" Next: {after.title}"
            rich += f' Next: <a href="{after.name}.ipynb">{escape(after.title)}</a>'
    return plain.strip(), box(rich.removeprefix("<br>"), GREEN)


@cache
def home(name: str) -> tuple[str | None, list[str]]:
    """The notebook of the exercise `name`, and in order those of its exercises that give points;
    (None, []) for others."""
    for notebook in course_map.stations():
        source = (SOURCES / f"{notebook.name}.py").read_text(encoding="utf-8")
        points = dict(re.findall(r"^# %% test (\w+).*\bpoints=(\d+)", source, re.M))
        if name in points:
            return notebook.name, [each for each, worth in points.items() if int(worth)]
    return None, []


def _raised(
    shell: Any, kind: type, error: Any, trace: TracebackType | None, tb_offset: int | None = None
) -> None:
    """One line where one line says it all, else Python's traceback; the cell fails either way."""
    line = explained(error, trace)
    if line:
        error._render_traceback_ = lambda: [line]
    shell.showtraceback((kind, error, trace), tb_offset=tb_offset)


def explained(error: Exception, trace: TracebackType | None) -> str | None:
    """The line for a function not written yet or not known to its check, or for a name that this
    llmlib does not have; None for other errors."""
    if isinstance(error, ImportError) and is_ours(str(error.name)):
        return (
            f"{str(error).partition(' (')[0]}. If you did not write this line, the notebook is of "
            "another edition of the course: put it into the folder work and open the course again. "
            "Your answers move into today's."
        )
    frames = [frame.f_code for frame, _ in walk_tb(trace)]
    cell, checked = None, None
    for code in reversed(frames):
        if found := FIRST_LINE.match(linecache.getline(code.co_filename, 1)):
            cell, checked = code, found[1]
    unknown = error.name if isinstance(error, NameError) else None
    if checked and unknown and (frames[-1] is cell or unknown == checked):
        return (
            f"{unknown} is not known yet: run the cells above first (menu Run, Run All Above "
            "Selected Cell), then run this check again."
        )
    if str(error) != NOT_WRITTEN:
        return None
    name = frames[-1].co_name
    if checked == name:
        return f"{name} is not written yet: write it in the cell above, then run this check again."
    return f"{name} is not written yet: write it in its own cell first, then run this cell again."
