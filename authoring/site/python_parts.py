"""Python for the reader's browser: Pyodide as npm has it, and what the course's checks import, in
parts that are downloaded when a reader begins to write (web/python)."""

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from authoring.site import npm, parts
from authoring.site.templates import WEB
from classroom import import_closure
from classroom.checking import run_tests, submission
from classroom.checking.submission import Cell
from classroom.my_llm import assemble
from exercises.course_files import VERSION
from exercises.format import notebooks
from exercises.format.notebooks import ROOT, Notebook
from exercises.format.source import given_imports
from llmlib.installation import DISTRIBUTION

RUNTIME = ("pyodide.mjs", "pyodide.asm.mjs", "pyodide.asm.wasm", "python_stdlib.zip")
LOCK = "pyodide-lock.json"
COURSE = "course.zip"
SOURCE = "Pyodide, unchanged: MPL-2.0, https://github.com/pyodide/pyodide. Python: PSF licence."
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same bytes each time


def write(folder: Path) -> dict[str, Any]:
    """Write python/manifest.json and the parts beside it into the site's `folder`; returns the
    manifest: {file, source, size, parts: [{name, size, sha256}]}. ValueError as in
    `npm.packages`."""
    pyodide = npm.packages() / "pyodide"
    version = json.loads((pyodide / "package.json").read_text(encoding="utf-8"))["version"]
    contents = {name: (pyodide / name).read_bytes() for name in RUNTIME}
    lock = json.loads((pyodide / LOCK).read_text(encoding="utf-8"))
    contents[LOCK] = json.dumps(lock | {"packages": {}}).encode()  # the page loads no others
    contents[COURSE] = archive()
    # under a name that no server takes for a compressed file, which it would unpack on the way
    packed = ((f"{name}.part", gzip.compress(each, 9, mtime=0)) for name, each in contents.items())
    file = f"pyodide {version}"
    return parts.write(folder / "python", packed, file=file, source=SOURCE)


def archive() -> bytes:
    """What lies in web/python, the exercises, and the files of llmlib that they import, as a zip
    file. It holds no hidden test; of the solutions, those that the pages show folded."""
    books = {each.name: book(each) for each in notebooks.lessons()}
    contents = {"exercises.json": json.dumps(books, ensure_ascii=False).encode()}
    for path in WEB.glob("python/**/*.py"):
        contents[path.relative_to(WEB / "python").as_posix()] = path.read_bytes()
    modules = Path(run_tests.__file__), Path(assemble.__file__)
    for path in import_closure.closure([*modules, *_sources(books)]):
        if path.suffix == ".py":
            contents[path.relative_to(ROOT).as_posix()] = path.read_bytes()
    about = f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {VERSION}\n"
    contents[f"{DISTRIBUTION.replace('-', '_')}-{VERSION}.dist-info/METADATA"] = about.encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as file:
        for name, content in sorted(contents.items()):
            file.writestr(zipfile.ZipInfo(name, EPOCH), content)
    return packed.getvalue()


def book(notebook: Notebook) -> dict[str, Any]:
    """What a notebook's checks need: {imports, steps: [[title, source]], exercises: {name: {check,
    disallowed}}}. The steps are the cells that `llmlib check` runs where all is solved."""
    solved = [Cell("code", each.name, each.solution) for each in notebook.exercises]
    plan = submission.plan(notebook, solved)
    return {
        "imports": given_imports(notebook),
        "steps": [[step.title, step.source] for step in plan.steps],
        "exercises": {
            each.name: {"check": each.visible, "disallowed": list(each.disallowed)}
            for each in notebook.exercises
        },
    }


def _sources(books: dict[str, dict[str, Any]]) -> Iterator[str]:
    for each in books.values():
        yield from (source for _, source in each["steps"])
        yield from (exercise["check"] for exercise in each["exercises"].values())
