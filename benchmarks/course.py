"""What a learner waits for: imports, the model, the check, a page, a build with nothing to do.

Each is a process of its own, started with warm disk caches, and is timed from start to end on the
wall clock. Where there is a usual other way to the same end it stands beside ours.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import nbformat

from benchmarks.measure import Comparison
from llmlib import assets
from llmlib.course.authoring import notebooks

ROOT = Path(__file__).resolve().parents[1]
CODE = ["llmlib/__init__.py", "llmlib/pretrained.py", "llmlib/course/authoring/build.py:build"]
CODE += ["llmlib/course/checking/run_tests.py", "llmlib/course/bootstrap/__main__.py"]
CODE += ["llmlib/checkpoint.py", "llmlib/assets.py:smollm2_folder"]
CODE += ["llmlib/families.py:Llama", "llmlib/tokens.py:Tokenizer"]
LOAD = "from llmlib import pretrained; pretrained.load('smollm2')"
THEIRS = "from transformers import AutoModelForCausalLM as M, AutoTokenizer as T\n"
THEIRS += "M.from_pretrained({0!r}); T.from_pretrained({0!r})"


def command(*words, cwd=ROOT):
    """A job: run a command to its end. RuntimeError with what it said if it fails."""

    def job():
        environment = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            [str(word) for word in words],
            cwd=cwd,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        if done.returncode:
            raise RuntimeError(f"{' '.join(map(str, words))}: {done.stdout[-1000:]}")

    return job


def python(code):
    return command(sys.executable, "-c", code)


def a_page():
    """`make lab`, everything installed, until the page answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"PORT": str(port), "BROWSER": "0"}
    words = [sys.executable, ROOT / "llmlib/course/bootstrap/__main__.py", "lab"]
    server = subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=1).close()
                return
            except (urllib.error.URLError, OSError):
                if server.poll() is not None:
                    raise RuntimeError("make lab ended before its page answered") from None
                time.sleep(0.05)
        raise RuntimeError("make lab has no page after a minute")
    finally:
        server.terminate()
        server.wait(30)


def check(folder):
    """A job: `llmlib check` of all eight solved notebooks, seven of them changed since the last
    time."""
    run = command(Path(sys.executable).with_name("llmlib"), "check", cwd=folder)

    shutil.copy(ROOT / "solutions" / "quiz.ipynb", folder)

    def job():
        for path in (ROOT / "solutions").glob("0*.ipynb"):
            notebook = nbformat.read(path, as_version=4)
            for cell in filter(notebooks.grade_id, notebook.cells):
                if notebooks.kind(cell) == "solution":
                    cell.source += f"\n# {time.time()}"
            nbformat.write(notebook, Path(folder) / path.name)
        run()

    return job


def comparisons(quick):
    yield Comparison(
        "start Python and import",
        "s",
        {
            "llmlib.model": python("import llmlib.model"),
            "torch alone": python("import torch"),
            "transformers": python("from transformers import LlamaForCausalLM"),
        },
    )
    yield Comparison(
        "start Python and load SmolLM2",
        "s",
        {
            "llmlib": python(LOAD),
            "transformers": python(THEIRS.format(str(assets.smollm2_folder()))),
        },
        goals={"transformers": 1.0},
    )
    yield Comparison(
        "make build, nothing changed",
        "s",
        {"llmlib": command(sys.executable, "-m", "llmlib.course.authoring.build")},
        limit=2.0,
    )
    yield Comparison("make lab, installed, to its page", "s", {"llmlib": a_page})
    with tempfile.TemporaryDirectory() as folder:
        yield Comparison(
            "llmlib check of eight solved notebooks",
            "s",
            {"llmlib": check(folder)},
            repeats=2 if quick else 5,
            warm_up=0,
        )
