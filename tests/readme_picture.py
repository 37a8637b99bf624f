"""The picture in README.md, docs/finished.png: the finished thing, photographed.

    python tests/readme_picture.py

A my_llm.py made of the solved notebooks is served by `llmlib serve` and asked in Chromium.
"""

import sys
import tempfile
from pathlib import Path

import required_tools
from playwright.sync_api import expect, sync_playwright
from test_chat_page import served

from llmlib.course.format.notebooks import ROOT

PLACE = ROOT / "docs" / "finished.png"
ASKED = ["What is the capital of France?", "Why is the sky blue? One sentence."]


def main():
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as address:
        with sync_playwright() as playwright:
            chromium, missing = required_tools.chromium()
            if missing:
                sys.exit(f"No picture: {missing}.")
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
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
            page.screenshot(path=PLACE)
            browser.close()
    print(PLACE.relative_to(ROOT))


if __name__ == "__main__":
    main()
