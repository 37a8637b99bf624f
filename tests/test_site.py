"""The site's files: all of a notebook is there, links and anchors lead somewhere, HTML is valid,
and nothing asks another host for anything."""

import base64
import hashlib
import io
import json
import re
import threading
import urllib.error
import urllib.request
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import html5lib
import pytest
from PIL import Image, ImageChops

from authoring import quiz_source
from authoring.site import (
    __main__,
    build,
    chapters,
    errata,
    glossary,
    links,
    page,
    predictions,
    reference,
    serve,
)
from authoring.site.markdown import Anchors, to_html
from authoring.site.pictures import Pictures
from exercises.format import notebooks
from exercises.format.notebooks import ROOT, SourceError

PAGES = "solutions/*", "notebooks/*", "web/**/*", "llmlib/**/*", "tests/claims/*.py"
pytestmark = [
    pytest.mark.unit,
    pytest.mark.slow,
    pytest.mark.verdict(*PAGES, "docs/evidence/claims.md", "INSTRUCTORS.md"),
]
NAMES = [*notebooks.names(), "index", *build.REFERENCE]
LESSONS = [each.name for each in notebooks.lessons()]
MINISEARCH = "0393b3ba253b809d5e55707c7b0875ef9b518a296a006c6739b28876e154edb3"  # 7.2.0, dist/es
XHTML, MATH = "{http://www.w3.org/1999/xhtml}", "{http://www.w3.org/1998/Math/MathML}"
NO_HOST = Pictures(Path("unused")), lambda url: url
# What the parser is strict about and HTML is not: a slash at the end of a tag without content.
ALLOWED = {"non-void-element-with-trailing-slash"}


@cache
def text_of(folder, name):
    return (folder / f"{name}.html").read_text(encoding="utf-8")


@cache
def tree(folder, name):
    return html5lib.parse(text_of(folder, name))


def words(element):
    return " ".join("".join(element.itertext()).split())


def having(folder, name, wanted, cls):
    """The elements of a page by their name and class."""
    found = tree(folder, name).iter(XHTML + wanted)
    return [each for each in found if cls in each.get("class", "").split()]


@pytest.mark.parametrize("name", NAMES)
def test_html_is_valid(site, name):
    parser = html5lib.HTMLParser(namespaceHTMLElements=False)
    parser.parse(text_of(site, name))
    faults = [(where, code, what) for where, code, what in parser.errors if code not in ALLOWED]
    assert not faults, faults[:5]
    ids = [each.get("id") for each in tree(site, name).iter() if each.get("id")]
    assert len(ids) == len(set(ids)), sorted({each for each in ids if ids.count(each) > 1})


@pytest.mark.parametrize("name", NAMES)
def test_every_link_and_anchor_leads_somewhere(site, name):
    missing, seen = [], 0
    for each in tree(site, name).iter():
        for attribute in ("href", "src"):
            address = each.get(attribute)
            if address is None:
                continue
            seen += 1
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if attribute == "src" or each.tag != XHTML + "a":
                    missing.append(f"asks another host: {address}")
                continue
            path = unquote(parts.path) or f"{name}.html"
            if path.startswith("/") or not (site / path).is_file():
                missing.append(address)
            elif parts.fragment and path.endswith(".html"):
                target = tree(site, path.removesuffix(".html"))
                if all(e.get("id") != unquote(parts.fragment) for e in target.iter()):
                    missing.append(address)
    assert seen > 10 and not missing, missing


def test_scripts_and_styles_name_no_other_host():
    files = [path for path in (ROOT / "web").rglob("*") if path.suffix in (".js", ".css", ".html")]
    files = [path for path in files if "vendor" not in path.parts]  # its comments name papers
    assert len(files) > 10
    for path in files:
        found = set(re.findall(r"https?://[\w.-]+", path.read_text(encoding="utf-8")))
        assert found <= {"http://www.w3.org"}, f"{path.name}: {found}"  # the name of SVG


@pytest.mark.parametrize("name", NAMES)
def test_a_page_may_ask_its_own_host_only(site, name):
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]*)"', text_of(site, name))
    assert policy.startswith("default-src 'self'; ") and "http" not in policy and "*" not in policy


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_one_title_and_headings_in_order(site, name):
    levels = [
        int(each.tag[-1])
        for each in tree(site, name).iter()
        if each.tag in {f"{XHTML}h{n}" for n in range(1, 7)}
    ]
    assert levels.count(1) == 1 and levels[0] == 1
    jumps = [pair for pair in zip(levels, levels[1:]) if pair[1] > pair[0] + 1]
    assert not jumps


def meta(folder, name):
    """{name or property: content} of a page's <meta>."""
    return {
        each.get("name") or each.get("property"): each.get("content")
        for each in tree(folder, name).iter(XHTML + "meta")
    }


def test_every_page_has_a_title_a_description_and_a_preview_of_its_own(site):
    found = {name: meta(site, name) for name in NAMES}
    for name, said in found.items():
        [title] = tree(site, name).iter(XHTML + "title")
        assert said["og:title"] == title.text
        assert said["og:description"] == said["description"] and len(said["description"]) > 30
        assert said["og:image"] == f"previews/{name}.png"  # no address of the site is known
        with Image.open(site / said["og:image"]) as picture:
            assert picture.size == (1200, 630)
            below = picture.crop((0, 220, 1200, 630))
            assert ImageChops.invert(below.convert("L")).getbbox()
    for kind in ("og:title", "og:description"):
        assert len({said[kind] for said in found.values()}) == len(NAMES)
    assert len({(site / said["og:image"]).read_bytes() for said in found.values()}) == len(NAMES)


# Chapters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LESSONS)
def test_an_exercise_shows_its_statement_and_folds_hints_answer_and_check(site, name):
    sections = having(site, name, "section", "exercise")
    exercises = notebooks.load(name).exercises
    assert len(sections) == len(exercises)
    for section, exercise in zip(sections, exercises):
        outside = words(section)
        folds = {words(fold[0]): fold for fold in section.iter(XHTML + "details")}
        assert exercise.statement.count("<summary>Hint") == sum(f.startswith("Hint") for f in folds)
        solution = folds[f"An answer: {exercise.name}"]
        for line in chapters._without_marks(exercise.solution).split("\n"):
            assert " ".join(line.split()) in words(solution)
        assert "BEGIN" not in outside and "HIDDEN" not in outside
        last = exercise.visible.strip().split("\n")[-1]
        assert " ".join(last.split()) in words(folds[f"Its check: {exercise.name}"])
        hrefs = [each.get("href") for each in section.iter(XHTML + "a")]
        assert f"notebooks/{name}.ipynb" in hrefs


@pytest.mark.parametrize("name", LESSONS)
def test_what_the_notebook_printed_is_on_the_page(site, name):
    shown, missing = " ".join("".join(tree(site, name).itertext()).split()), []
    printed = 0
    for cell in chapters.executed(name).cells:
        if notebooks.kind(cell) == "test":
            continue
        for output in cell.get("outputs", ()):
            for line in output.get("text", "").split("\n"):
                printed += 1
                if " ".join(line.split()) not in shown:
                    missing.append(line)
    assert printed > 50 and not missing


@pytest.mark.parametrize("name", LESSONS)
def test_every_picture_is_a_file_with_words_and_a_size(site, name):
    images = list(tree(site, name).iter(XHTML + "img"))
    cells = chapters.executed(name).cells
    drawn = sum(len(cell.get("attachments", {})) for cell in cells)
    assert len(images) > drawn > 5
    for image in images:
        assert image.get("src").startswith("pictures/") and len(image.get("alt")) > 20
        assert image.get("loading") == "lazy" and int(image.get("height")) > 0
    assert "data:image/png" not in text_of(site, name)


@pytest.mark.parametrize("name", LESSONS)
def test_formulas_are_mathml(site, name):
    source = [cell.source for cell in notebooks.load(name).cells if cell.cell_type == "markdown"]
    plain = re.sub(r"```.*?```|`[^`\n]*`", "", "\n\n".join(source), flags=re.DOTALL)
    formulas = re.findall(r"(?<!\\)\$\$.+?\$\$|(?<![\\$])\$[^$]+?\$", plain, flags=re.DOTALL)
    made = list(tree(site, name).iter(MATH + "math"))
    assert len(made) == len(formulas)
    for formula in made:
        assert "\\" not in "".join(formula.itertext()), "".join(formula.itertext())


def test_the_notebook_to_download_is_the_learners(site):
    for name in notebooks.names():
        copied = (site / "notebooks" / f"{name}.ipynb").read_bytes()
        assert copied == (ROOT / "notebooks" / f"{name}.ipynb").read_bytes()
        assert b"BEGIN SOLUTION" not in copied


@pytest.mark.parametrize("name", LESSONS)
def test_predictions_have_their_answers_and_hide_them(site, name):
    cells = chapters.executed(name).cells
    asked = {form["key"]: form for cell in cells if (form := predictions.asked(cell))}
    forms = {each.get("data-key"): each for each in having(site, name, "form", "prediction")}
    assert asked.keys() == forms.keys() and len(asked) > 5
    hidden = set()
    for place in tree(site, name).iter():
        for attribute in ("data-reveals", "data-explains"):
            hidden |= set(json.loads(place.get(attribute, "[]")))
    outputs = [each for cell in cells for each in cell.get("outputs", ())]
    texts = [each.get("data", {}).get("text/plain", "") for each in outputs]
    for key, form in forms.items():
        assert key in hidden
        said = form.get("data-words")
        assert any(text.endswith(f"It is {said}.") for text in texts), (key, said)
        if options := asked[key]["options"]:
            assert said == f"{form.get('data-answer')}, {options[form.get('data-answer')]}"
        else:
            assert float(form.get("data-answer")) is not None
    assert "You said" not in text_of(site, name)  # that was the author's guess


# The quiz ----------------------------------------------------------------------------------------


def test_the_quiz_has_every_question_with_feedback_on_each_option(site):
    sections = having(site, "quiz", "section", "question")
    questions = quiz_source.read()
    assert [each.get("id") for each in sections] == [each.name for each in questions]
    for section, question in zip(sections, questions):
        assert section.get("data-right") == question.right
        buttons = [each for each in section.iter(XHTML + "button")]
        assert [each.get("data-letter") for each in buttons] == list("ABCD")
        feedback = [each for each in section.iter(XHTML + "p") if each.get("class") == "feedback"]
        assert [words(each) for each in feedback] == [
            words(html5lib.parse(to_html(said, *NO_HOST, Anchors())))
            for _, said in question.options
        ]
        assert all("hidden" in each.attrib for each in feedback)
        why = [each for each in section.iter(XHTML + "details")]
        assert len(why) == bool(question.run)
        if question.run:
            assert " ".join(question.run.split()) in words(why[0])


# The pages beside the chapters -------------------------------------------------------------------


def test_each_erratum_links_to_where_it_is_run(site):
    entries = list(having(site, "errata", "ol", "errata")[0])
    assert len(entries) == len(errata.read()) > 0
    for entry, erratum in zip(entries, errata.read()):
        hrefs = [each.get("href") for each in entry.iter(XHTML + "a")]
        cell, _ = errata.place(erratum)
        assert hrefs == [
            f"{erratum.chapter}.html#{cell}",
            *(f"claims.html#{claim}" for claim in erratum.claims),
        ]
        target = next(e for e in tree(site, erratum.chapter).iter() if e.get("id") == cell)
        bare = re.sub(r"[^\w ]", "", erratum.shows)
        page_says = re.sub(r"[^\w ]", "", words(target) + (target.get("data-key") or ""))
        assert " ".join(bare.split()) in " ".join(page_says.split()), erratum.shows


OWN_CODE = [erratum for erratum in errata.read() if erratum.run]


@pytest.mark.parametrize("erratum", OWN_CODE, ids=[each.true[:30] for each in OWN_CODE])
def test_an_erratum_that_brings_its_own_code_asserts_what_it_says(erratum):
    assert re.search(r"^ *assert ", erratum.run, re.MULTILINE)
    assert erratum.printed()


def test_each_word_of_the_glossary_leads_to_where_it_is_explained(site):
    words_ = glossary.read()
    assert len(words_) >= 40
    entries = having(site, "glossary", "dl", "glossary")[0]
    terms, texts = entries.findall(XHTML + "dt"), entries.findall(XHTML + "dd")
    assert [each.get("id") for each in terms] == [each.anchor for each in words_]
    for word, text in zip(words_, texts, strict=True):
        [link] = text.iter(XHTML + "a")
        name, _, anchor = link.get("href").partition(".html#")
        assert name == word.chapter
        [section] = [
            each
            for each in page.Page(name, "", text_of(site, name), "").sections()
            if each.anchor == anchor
        ]
        assert word.is_in(section.title) or word.is_in(section.text)


def test_every_claim_is_listed_with_its_control_and_its_place(site):
    import claims.claim_runner as runner

    sections = having(site, "claims", "section", "claim")
    known = [
        f"{notebook}.{name}" for notebook in runner.names() for name in runner.claims(notebook)
    ]
    assert [each.get("id") for each in sections] == known
    for section, claim in zip(sections, reference.read_claims()):
        sentences, control = runner.read(runner.claims(claim.notebook)[claim.name])
        assert list(claim.sentences) == sentences and control.strip(" …") == claim.control
        [link] = [each.get("href") for each in section.iter(XHTML + "a")]
        assert link.startswith(f"{claim.notebook}.html#cell-")


def test_the_instructors_guide_is_whole(site):
    headings = re.findall(r"^##+ (.*)", (ROOT / "INSTRUCTORS.md").read_text("utf-8"), re.MULTILINE)
    found = [words(e) for e in tree(site, "instructors").iter() if re.fullmatch(r".*}h[23]", e.tag)]
    assert headings == found


# Search, parts, commands -------------------------------------------------------------------------


def test_the_search_index_has_every_section(site):
    index = json.loads((site / "search.json").read_text(encoding="utf-8"))
    for entry in index:
        path, _, anchor = entry["url"].partition("#")
        assert (site / path).is_file() and entry["text"] and entry["page"]
        assert not anchor or f'id="{anchor}"' in text_of(site, path.removesuffix(".html"))
    titles = {entry["title"] for entry in index}
    for lesson in notebooks.lessons():
        assert lesson.heading in titles
        for exercise in lesson.exercises:
            assert any(f"{exercise.number} · {exercise.name} ·" in title for title in titles)


def test_the_searchs_library_is_the_one_that_was_published(site):
    copied = (site / "assets/vendor/minisearch/index.js").read_bytes()
    assert hashlib.sha256(copied).hexdigest() == MINISEARCH
    assert "Permission is hereby granted" in (
        site / "assets/vendor/minisearch/LICENSE.txt"
    ).read_text(encoding="utf-8")


def test_anchors_of_equal_headings_differ():
    anchors = Anchors()
    assert anchors.new("On the <code>real</code> model") == "on-the-real-model"
    assert anchors.new("On the real model") == "on-the-real-model-2"
    assert anchors.new("Exercise 3.2 · <code>mask</code> · ●○○ · 10 min") == "exercise-3.2-mask"
    assert anchors.new("√") == "section" and anchors.new("7.1 The loop") == "7.1-the-loop"


@pytest.mark.parametrize(
    "url, folder, leads",
    [
        ("02_embeddings.ipynb", "", "02_embeddings.html"),
        ("02_embeddings.ipynb#part", "", "02_embeddings.html#part"),
        ("#part", "", "#part"),
        ("https://arxiv.org/abs/1", "", "https://arxiv.org/abs/1"),
        ("../INSTRUCTORS.md#limits", "docs", "instructors.html#limits"),
        ("architecture.md", "docs", None),
        ("docs/evidence/speed.md", "", None),
    ],
)
def test_where_links_lead(url, folder, leads):
    assert links.Links(["02_embeddings"]).to(url, folder) == leads


def test_with_a_repository_files_and_colab_are_linked():
    known = links.Links([], "someone/course")
    file = "https://github.com/someone/course/blob/main/docs/evidence/speed.md"
    assert known.to("evidence/speed.md", "docs") == file
    notebook = "github/someone/course/blob/main/notebooks/01_tokens.ipynb"
    assert known.colab("01_tokens") == f"https://colab.research.google.com/{notebook}"
    assert links.Links([]).colab("01_tokens") == ""


def test_a_picture_is_the_same_to_the_last_pixel(tmp_path):
    [png] = chapters.executed("03_attention").cells[0].attachments.values()
    data = base64.b64decode(png["image/png"])
    address, _ = Pictures(tmp_path).write(data)
    was, now = (Image.open(each).convert("RGBA") for each in (io.BytesIO(data), tmp_path / address))
    assert ImageChops.difference(was, now).getbbox() is None


def test_a_second_build_gives_the_same_bytes(site, tmp_path):
    for name in ("03_attention",):
        made = chapters.page(name, Pictures(tmp_path), links.Links([*NAMES]))
        assert made.body in text_of(site, name)


def test_the_pages_are_served_on_this_computer_only(site):
    with serve.server(site, 0) as here:
        assert here.server_address[0] == "127.0.0.1"
        threading.Thread(target=here.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{here.server_port}"
        with urllib.request.urlopen(f"{address}/assets/site.js", timeout=60) as answer:
            assert answer.headers["Content-Type"] == "text/javascript"
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{address}/../pyproject.toml", timeout=60)
        with pytest.raises(ValueError, match=f"port {here.server_port} is not free: give another"):
            serve.server(site, here.server_port)
        here.shutdown()


def test_a_build_that_fails_is_one_sentence(monkeypatch, capsys):
    def missing(*_, **__):
        raise SourceError("There is no solutions/01_tokens.ipynb: type make build.")

    monkeypatch.setattr(build, "build", missing)
    assert __main__.main([]) == 1
    assert capsys.readouterr().err == "There is no solutions/01_tokens.ipynb: type make build.\n"
