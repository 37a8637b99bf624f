"""The solved notebooks as web pages, for those who only read: with outputs, answers to fold out,
links from page to page. Only their formulas need a network.

    make pages        solutions/*.ipynb -> build/pages/*.html
"""

import re

import nbformat
from jinja2 import DictLoader
from nbconvert import HTMLExporter

from llmlib import files, installation
from llmlib.course.authoring import notebooks
from llmlib.course.authoring.notebooks import ROOT

FOLDER = ROOT / "build" / "pages"
FOLDED = {"solution": "An answer:", "test": "Its check:"}
TEMPLATE = """{% extends "lab/index.html.j2" %}
{% block html_head_js_requirejs %}{% endblock %}
{% block notebook_css %}{{ super() }}
<style>
main, .jp-Notebook { max-width: 50em; margin: auto; padding: 0 0.5em; }
.jp-InputPrompt, .jp-OutputPrompt, .jp-Collapser { display: none !important; }
.jp-Cell { padding: 0.25em 0; }
.jp-RenderedHTMLCommon pre, .jp-CodeCell pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.jp-RenderedHTMLCommon table { display: block; overflow-x: auto; }
.jp-RenderedHTMLCommon :is(p, li) a:any-link { text-decoration: underline; }
.jp-OutputArea-output img { max-width: 100%; height: auto; }
details.answer > summary { cursor: pointer; padding: 0.5em 0; }
</style>
{% endblock %}
{% block codecell %}
{% set fold = cell.metadata.fold %}
{% if fold %}<details class="answer"><summary>{{ fold }}</summary>{% endif %}
{{ super() }}
{% if fold %}</details>{% endif %}
{% endblock %}
"""


def page(name: str) -> str:
    """The solved notebook `name` as HTML. FileNotFoundError if it has not been built."""
    node = nbformat.read(ROOT / "solutions" / f"{name}.ipynb", as_version=4)
    for cell in node.cells:
        if word := FOLDED.get(notebooks.kind(cell)):
            cell.metadata["fold"] = f"{word} {notebooks.grade_id(cell).removeprefix('test_')}"
    node.metadata["title"] = notebooks.load(name).heading
    loader = DictLoader({"pages.html.j2": TEMPLATE})
    exporter = HTMLExporter(extra_loaders=[loader], template_file="pages.html.j2")
    html, _ = exporter.from_notebook_node(node)
    return re.sub(r'href="(\w+)\.ipynb"', r'href="\1.html"', html)


def main() -> None:
    installation.refuse_without_clone("llmlib.course.authoring.pages")
    for name in notebooks.names():
        files.write(FOLDER / f"{name}.html", page(name))
    print(f"Written to {FOLDER}: begin with {notebooks.names()[0]}.html")


if __name__ == "__main__":
    main()
