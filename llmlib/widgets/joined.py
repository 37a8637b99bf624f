"""A widget's JavaScript as one text. anywidget takes the text of a module, in which a relative
import leads nowhere; so what `web/widgets/NAME.js` imports is put in front of it."""

import json
import posixpath
import re
from functools import cache
from html import escape
from pathlib import Path

from matplotlib.figure import Figure

from llmlib import plots

HERE = Path(__file__).parent
CARRIED = HERE / "web"  # in an installed package; a clone has web/ at the top
WEB = CARRIED if CARRIED.is_dir() else HERE.parents[1] / "web"
HOST = "widgets/notebook.js"
IMPORT = re.compile(r'^import (\{[^}]*\}|\w+) from "(\.[^"]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const|let) (\w+))", re.MULTILINE)
OTHER = re.compile(r"^(?:import|export)\b.*|.*\bimport[.(].*", re.MULTILINE)


@cache
def module(name: str) -> str:
    """The module that anywidget draws the widget `name` with."""
    own, seen = f"widgets/{name}.js", {}
    for path in (HOST, own):
        _collect(path, seen)
    drawn = f"{_name(HOST)}.inNotebook({_name(own)})"
    return "\n".join([*seen.values(), f"export default {drawn};\n"])


@cache
def script(name: str) -> str:
    """The widget `name` as HTML for an output that needs no kernel: it takes the place of the
    element in front of it, and starts with that element's `data-given`."""
    own, seen = f"widgets/{name}.js", {}
    for path in (HOST, own):
        _collect(path, seen)
    code = "\n".join(
        [*seen.values(), f"{_name(HOST)}.inOutput({_name(own)}, document.currentScript);"]
    )
    return f"<script>(() => {{\n{code}\n}})();</script><style>{styles()}</style>"


def leave(name: str, given: dict, still: Figure) -> None:
    """Show the widget `name` as an output that needs no kernel: it starts with `given`, and the
    figure `still` stays where scripts are not run."""
    picture = plots.image(still, still.alt)
    data = escape(json.dumps(given, ensure_ascii=False, separators=(",", ":")))
    place = f'<div data-widget="{name}" data-given="{data}">{picture["text/html"]}</div>'
    plots.leave(picture | {"text/html": place + script(name)})


@cache
def styles() -> str:
    """The style sheets of the widgets, for the element that a widget is in and for no other."""
    shared, own = (
        (WEB / "widgets" / f"{name}.css").read_text(encoding="utf-8")
        for name in ("widgets", "notebook")
    )
    return f"{own}\n.llm-widget {{\n{shared.replace(':root', '&')}\n}}\n"


def _collect(path: str, seen: dict[str, str]) -> None:
    """Put into `seen` the module at `path` of web/, as a function called at once that returns what
    it exports; before it those that it imports."""
    if path in seen:
        return
    source = (WEB / path).read_text(encoding="utf-8")
    for _, target in IMPORT.findall(source):
        _collect(_beside(path, target), seen)
    exported = EXPORT.findall(source)
    body = EXPORT.sub("", IMPORT.sub(lambda found: _taken(path, *found.groups()), source))
    if left := OTHER.search(body):
        raise ValueError(f"web/{path}: {left[0].strip()!r} cannot be joined into one module")
    seen[path] = (
        f"const {_name(path)} = (() => {{\n{body}return {{ {', '.join(exported)} }};\n}})();"
    )


def _taken(path: str, names: str, target: str) -> str:
    """An import as a line of a joined module."""
    if not names.startswith("{"):
        raise ValueError(f"web/{path} imports a default export: give it a name")
    return f"const {names.replace(' as ', ': ')} = {_name(_beside(path, target))};\n"


def _beside(path: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), target))


def _name(path: str) -> str:
    return "web_" + re.sub(r"\W", "_", path.removesuffix(".js"))
