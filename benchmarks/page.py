"""The engine in the page against transformers.js in the same Chromium, and llmlib's int4: SmolLM2
on one thread, greedily, from the same prompt.

What counts is the processor time of the browser's processes: it stays what it is when the machine
is busy. A token's time is that of a long answer less that of one token, so that the prompt is not
in it. transformers.js runs the same weights as an ONNX model, once in 32 bits and once as its own
default on this device, 8 bits (dynamic); see transformers_js.py.
"""

import functools
import operator
import shutil
import tempfile
import time
from pathlib import Path

import torch

from authoring.site import serve, weights
from benchmarks import transformers_js
from benchmarks.measure import Comparison, Unavailable, peer
from llmlib import data, generate, pretrained
from llmlib.course.format.notebooks import ROOT

ENGINE = "checkpoint generation gguf kernel kv_cache model parts sampler tokenizer worker"
CODE = [f"web/engine/{name}.js" for name in ENGINE.split()] + ["web/engine/kernel.c"]
NEW_TOKENS = 64
PAGE = "<!doctype html><title>A page</title><link rel=icon href=data:,>"
START = """async () => {
  const { Engine } = await import("./assets/engine/engine.js");
  window.engine = await Engine.start();
}"""
WRITE = """async ([ids, max_new_tokens]) => {
  await engine.look([7], { logits: false }); // nothing is known of the prompt
  return engine.generate(ids, { max_new_tokens, temperature: 0, stop: [] });
}"""


def comparisons(quick):
    torch.set_num_threads(1)
    prompt, new = (40, 8) if quick else (500, NEW_TOKENS)
    text = (Path(data.__file__).parent / "prose.txt").read_text(encoding="utf-8")
    int4 = pretrained.load("smollm2", "int4")
    ids = int4.tokenizer.encode(text)[:prompt]
    chromium = peer("playwright.sync_api", 'pip install -c constraints.txt -e ".[test]"')
    with chromium.sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = _launched(playwright)
        runs = {"the page": _page(browser, Path(folder))}
        for name, prepare in transformers_js.KINDS.items():
            try:
                runs[f"transformers.js {name}"] = prepare(browser)
            except Unavailable as reason:
                print(f"  without transformers.js {name}: {reason}", flush=True)
        runs["llmlib int4"] = functools.partial(_in_python, int4)
        written = {name: run(ids, new)[1] for name, run in runs.items()}  # also the warm-up
        yield Comparison(
            f"in the page, read {prompt} tokens",
            "s of one processor",
            {name: lambda run=run: run(ids, 1)[0] for name, run in runs.items()},
            goals={name: 1.0 for name in runs if "js" in name},
            warm_up=0,
        )
        short = ids[:20]
        yield Comparison(
            "in the page, write a token",
            "ms of one processor",
            {name: lambda run=run: _a_token(run, short, new) for name, run in runs.items()},
            goals={name: 1.0 for name in runs if "js" in name},
            warm_up=0,
        )
        wanted = list(generate(pretrained.load("smollm2"), ids, new, stop_ids=()))
        yield Comparison(
            "in the page, ids unlike those of llmlib float32",
            f"of {new}",
            {"the page": lambda: sum(map(operator.ne, written["the page"], wanted))},
            limit=0,
            repeats=1,
            warm_up=0,
        )
        browser.close()


def _launched(playwright):
    program = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    try:
        return playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
    except Exception as error:  # noqa: BLE001 - whatever keeps it from starting
        raise Unavailable(f"Chromium does not start: {str(error).splitlines()[0]}") from None


def _page(browser, folder):
    shutil.copytree(ROOT / "web", folder / "assets")
    (folder / "index.html").write_text(PAGE, encoding="utf-8")
    weights.write(folder)
    page = transformers_js.opened(browser, serve.server(folder, 0))
    page.evaluate(START)
    return functools.partial(transformers_js.timed, page, WRITE)


def _in_python(model, ids, new):
    start = time.process_time()
    made = list(generate(model, ids, new, stop_ids=()))
    return time.process_time() - start, made


def _a_token(run, ids, new):
    """Milliseconds for each of `new` tokens after the first."""
    return 1000 * (run(ids, 1 + new)[0] - run(ids, 1)[0]) / new
