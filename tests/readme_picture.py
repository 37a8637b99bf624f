"""The pictures in README.md: docs/exercise.png, one exercise with a wrong and a right answer, and
docs/finished.png, the finished thing.

    python tests/readme_picture.py

The answers of the first are judged by the exercise's own check when the picture is taken. For the
second a my_llm.py made of the solved notebooks is served by `llmlib serve` and asked in Chromium.
"""

import sys
import tempfile
from html import escape
from pathlib import Path

import answer_runner
import required_tools
from playwright.sync_api import Browser, expect, sync_playwright
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from test_chat_page import served

from exercises.format.notebooks import ROOT

EXERCISE, FINISHED = ROOT / "docs" / "exercise.png", ROOT / "docs" / "finished.png"
ASKED = ["What is the capital of France?", "Why is the sky blue? One sentence."]
WRONG = """def merge(ids, pair, new_id):
    out = []
    for i in range(len(ids)):
        if tuple(ids[i : i + 2]) == pair:
            out.append(new_id)
        else:
            out.append(ids[i])
    return out"""
RIGHT = """def merge(ids, pair, new_id):
    out, i = [], 0
    while i < len(ids):
        if tuple(ids[i : i + 2]) == pair:
            out.append(new_id)
            i += 2
        else:
            out.append(ids[i])
            i += 1
    return out"""
STATEMENT = """Replace every occurrence of a pair by one new id. Go from left to right; an id that
went into a merge is used up.
By hand: <code>merge([1, 1, 1], (1, 1), 9)</code> → <code>[9, 1]</code>"""
PAGE = """<style>
body {{ margin: 0; padding: 20px 24px; background: white; color: #1a1a1a }}
body {{ font: 15px/1.45 "DejaVu Sans", sans-serif }}
h1 {{ font-size: 18px; margin: 0 0 6px }}
p {{ margin: 0 0 12px }}
.columns {{ display: grid; grid-template-columns: 1fr 1fr; gap: 20px }}
pre {{ margin: 0; padding: 10px 12px; background: #f5f5f5; min-height: 172px }}
pre {{ font: 13px/1.4 "DejaVu Sans Mono", monospace }}
.said {{ margin: 8px 0 0; padding: 6px 10px; border-left: 4px solid; font-size: 13.5px }}
.no {{ border-color: #D55E00 }}
.yes {{ border-color: #009E73 }}
{style}
</style><h1>Exercise 1.2 · <code>merge</code></h1><p>{statement}</p>
<div class="columns">{columns}</div>"""


def column(code: str) -> str:
    """Return an answer with what its check says of it, as HTML."""
    answer = answer_runner.Answer("01_tokens", "merge", "", "", code)
    mistake = answer_runner.verdict(answer, hidden=True)
    words = f"<b>✗</b> {escape(mistake)}" if mistake else "<b>✓ merge: all checks passed</b>"
    shown = highlight(code, PythonLexer(), HtmlFormatter(nowrap=True))
    return f'<div><pre>{shown}</pre><p class="said {"no" if mistake else "yes"}">{words}</p></div>'


def take_exercise(browser: Browser) -> None:
    """Photograph one exercise: a wrong answer with its message, and a right one."""
    style = HtmlFormatter(style="friendly_grayscale").get_style_defs("pre")
    columns = column(WRONG) + column(RIGHT)
    size = {"width": 840, "height": 340}
    page = browser.new_page(viewport=size, device_scale_factor=2, color_scheme="light")
    page.set_content(PAGE.format(style=style, statement=STATEMENT, columns=columns))
    page.screenshot(path=EXERCISE, full_page=True)


def take_finished(browser: Browser, address: str) -> None:
    """Photograph a chat with the finished engine."""
    size = {"width": 840, "height": 740}
    page = browser.new_page(viewport=size, device_scale_factor=2, color_scheme="light")
    page.goto(address)
    page.locator("summary").click()
    page.locator("#temperature").fill("0.05")  # so cold that it says the same each time
    page.locator("#top_k").fill("3")
    page.locator("summary").click()
    for question in ASKED:
        page.get_by_label("Your message").fill(question)
        page.keyboard.press("Enter")
        expect(page.locator("#send")).to_have_text("Send", timeout=120_000)
    tokens = page.locator(".reply").last.locator(".token")
    tokens.nth(min(8, tokens.count() - 1)).click()
    page.screenshot(path=FINISHED)


def main() -> None:
    """Take both pictures, or the one that is named: exercise or finished."""
    chosen = sys.argv[1:] or ["exercise", "finished"]
    chromium, missing = required_tools.chromium()
    if missing:
        sys.exit(f"No picture: {missing}.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        if "exercise" in chosen:
            take_exercise(browser)
        if "finished" in chosen:
            with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as address:
                take_finished(browser, address)
        browser.close()


if __name__ == "__main__":
    main()
