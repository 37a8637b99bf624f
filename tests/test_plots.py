"""What a figure leaves in a notebook: an image with its alt text, the same bytes each time."""

import re
import struct
from base64 import b64decode
from html.parser import HTMLParser

import ipywidgets
import nbformat
import pytest
from defusedxml import ElementTree
from nbconvert import HTMLExporter
from nbval.plugin import get_sanitize_patterns

from llmlib import plots
from llmlib.course import cells
from llmlib.course.cells import ROOT

pytestmark = pytest.mark.unit
ALT = 'Three bars; the one of " & <s>" is the highest, 70 %.'


def bars():
    fig, ax = plots.figure(width=6.0, height=2.0)
    ax.bar([0, 1, 2], [3, 7, 5])
    return fig


def shown(monkeypatch, **options):
    """The bundles that `plots.show` hands to the notebook."""
    bundles = []
    monkeypatch.setattr(plots, "display", lambda data, raw: bundles.append(data))
    plots.show(bars(), **options)
    return bundles


def test_a_figure_is_an_image_that_carries_its_alt_text():
    bundle = plots.image(bars(), ALT)
    assert set(bundle) == {"text/html", "text/plain"} and bundle["text/plain"] == ALT
    img = ElementTree.fromstring(bundle["text/html"].replace(">", "/>"))
    assert img.tag == "img" and img.get("alt") == ALT and img.get("width") == "600"
    png = b64decode(img.get("src").removeprefix("data:image/png;base64,"))
    assert struct.unpack(">II", png[16:24]) == (1200, 400)  # two pixels for each of the page's


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_figure_without_words_is_refused(alt):
    with pytest.raises(ValueError, match="every figure needs alt text"):
        plots.show(bars(), alt=alt)


def test_the_same_figure_gives_the_same_bytes():
    assert plots.image(bars(), ALT) == plots.image(bars(), ALT)


def test_the_figure_stays_where_a_widget_is_gone(monkeypatch):
    """The picture is an output of its own: it shows when no kernel holds the widget's model."""
    picture, widget = shown(monkeypatch, alt=ALT, widget=ipywidgets.IntSlider())
    assert "<img" in picture["text/html"] and plots.VIEW not in picture
    assert list(widget) == [plots.VIEW]


class Images(HTMLParser):
    """The attributes of each image of a page."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.found.append(dict(attributes))


def test_nbconvert_shows_the_alt_text():
    """In the template that `jupyter nbconvert --to html` takes when nobody says otherwise."""
    output = nbformat.v4.new_output("display_data", plots.image(bars(), ALT))
    cell = nbformat.v4.new_code_cell("show(...)", outputs=[output])
    page, _ = HTMLExporter().from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    assert [image["alt"] for image in Images(page).found] == [ALT]


@pytest.mark.slow
@pytest.mark.parametrize("name", cells.names())
def test_every_image_of_a_solved_notebook_has_its_words_in_the_converted_page(name):
    page, _ = HTMLExporter().from_filename(str(ROOT / "solutions" / f"{name}.ipynb"))
    images = Images(page).found
    assert all(image.get("alt", "").strip() for image in images)
    assert len(images) > 4 or name == "quiz"


def test_nbval_leaves_out_the_pixels_and_nothing_else():
    (pattern, pixels), *others = get_sanitize_patterns((ROOT / "tests" / "nbval.cfg").read_text())
    one, two = (plots.image(bars(), alt)["text/html"] for alt in ("70 %", "71 %"))
    kept = re.sub(pattern, pixels, one)
    assert not others and len(kept) < 200 and 'alt="70 %" width="600"' in kept
    assert re.sub(pattern, pixels, one) != re.sub(pattern, pixels, two)
    assert re.sub(pattern, pixels, "data: image/png;base64,AAAA") == "data: image/png;base64,AAAA"
