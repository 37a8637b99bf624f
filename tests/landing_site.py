"""The landing page and the widgets as a small site, for tests: the scripts, the recorded figures,
the weights, and no chapters."""

import functools
import json

import made_once

from authoring.site import build, recorded, weights
from authoring.site.links import Links
from llmlib import files, pretrained

WEB = build.WEB


@functools.cache
def model():
    return pretrained.load("smollm2")


def built():
    """The folder of the site."""
    return made_once.folder("landing", _fill)


def _fill(folder):
    build._copy(folder)
    recorded.write(folder, model())
    weights.write(folder)
    links = Links([])
    page = build._landing(links)
    files.write(folder / page.file, build._whole(page, [page], links))


def figures(name):
    """What a recorded script holds."""
    text = (built() / "assets" / "widgets" / f"{name}.js").read_text(encoding="utf-8")
    return json.loads(text.removeprefix("export default ").removesuffix(";\n"))


def plain(text):
    """A text of the page as it is written in Python."""
    return " ".join(text.replace("\u00a0", " ").split())


def percent(p):
    """A share as the page writes it."""
    if 0 < p < 0.001:
        return "<0.1 %"
    return f"{100 * p:.{1 if 0 < p < 0.0995 else 0}f} %"


def near(found, expected, far):
    """Whether no number of a list is farther than `far` from its counterpart."""
    pairs = list(zip(found, expected, strict=True))
    return max(abs(a - b) for a, b in pairs) <= far
