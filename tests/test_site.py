"""The site's files: all of a notebook is there, links and anchors lead somewhere, HTML is valid,
and nothing asks another host for anything."""

import base64
import hashlib
import io
import json
import re
import threading
import tomllib
import urllib.error
import urllib.request
from functools import cache
from html import unescape
from pathlib import Path
from urllib.parse import unquote, urlsplit

import html5lib
import nbformat
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
    wording,
)
from authoring.site.markdown import Anchors, to_html
from authoring.site.pictures import Pictures
from exercises.format import notebooks
from exercises.format.notebooks import ROOT, SourceError
from llmlib import assets

pytestmark = [pytest.mark.unit, pytest.mark.slow]
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


def test_pages_follow_each_other(site):
    order = [*notebooks.names(), *build.REFERENCE]
    for before, name, after in zip(["index", *order], order, [*order[1:], None]):
        found = {
            each.get("rel"): each.get("href")
            for each in tree(site, name).iter(XHTML + "a")
            if each.get("rel") in ("prev", "next")
        }
        assert found == {"prev": f"{before}.html"} | ({"next": f"{after}.html"} if after else {})
        current = [e for e in tree(site, name).iter() if e.get("aria-current") == "page"]
        assert [each.get("href") for each in current] == [f"{name}.html"]


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


@pytest.mark.parametrize(
    "repository, home",
    [
        ("", ""),
        ("Someone/course", "https://someone.github.io/course/"),
        ("Someone/Someone.github.io", "https://someone.github.io/"),
    ],
)
def test_a_preview_has_a_whole_address_where_the_sites_is_known(repository, home):
    known = links.Links([], repository)
    pages = [build._landing(known)]
    assert f'og:image" content="{home}previews/index.png"' in build._whole(pages[0], pages, known)


def landing(repository):
    return html5lib.parse(build._landing(links.Links([], repository)).body)


def test_the_landing_page_says_how_to_start_with_the_sizes_that_the_guide_has():
    said = words(landing("")).replace("\u00a0", " ")
    guide = (ROOT / "docs/install.md").read_text("utf-8")
    rows = re.findall(r"^\| (.*) \| ([\d.]+) GB \| .* \| ([\d.]+) GB \|$", guide, re.MULTILINE)
    small = [(download, free) for system, download, free in rows if "CUDA" not in system]
    assert len(small) == 3
    download, free = max(small, key=lambda row: float(row[0]))
    assert f"up to {download} GB to download, {free} GB of free disk" in said
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "The hours are those of a programmer" in readme
    assert "first start takes a few minutes" in " ".join(readme.split())
    assert "The first start takes a few minutes" in said
    assert "about four hours a notebook" in said
    assert f"{assets.smollm2_gguf().stat().st_size / 1e6:.0f} MB, only if" in said


def test_a_hosted_notebook_is_offered_where_the_repository_is_known():
    assert "olab" not in words(landing("")) and "git clone" not in words(landing(""))
    known = landing("someone/course")
    assert "git clone https://github.com/someone/course cd course make lab" in words(known)
    hrefs = [each.get("href") for each in known.iter(XHTML + "a")]
    assert links.Links([], "someone/course").colab("01_tokens") in hrefs


def test_a_card_knows_how_many_guesses_and_questions_there_are(site):
    cards = {
        each.get("data-kept"): (each.get("href"), int(each.get("data-of")))
        for each in tree(site, "index").iter(XHTML + "a")
        if each.get("data-kept")
    }
    counts = {
        f"predictions:{name}": (f"{name}.html", len(having(site, name, "form", "prediction")))
        for name in LESSONS
    }
    questions = len(having(site, "quiz", "section", "question"))
    assert cards == counts | {"quiz": ("quiz.html", questions)}


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


def test_a_link_to_a_notebook_leads_to_its_page(site):
    for name in NAMES:
        found = [each.get("href", "") for each in tree(site, name).iter(XHTML + "a")]
        assert not [h for h in found if h.endswith(".ipynb") and not h.startswith("notebooks/")]


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


def test_a_sentence_that_the_notebook_no_longer_has_is_named():
    name, (said, *_) = "01_tokens", wording.ON_THE_PAGE["01_tokens"]
    wording.check([said.replace(" ", "\n")], name)
    assert wording.reworded(f"A. {said} B.", name) == f"A. {wording.ON_THE_PAGE[name][said]} B."
    with pytest.raises(SourceError, match="correct authoring/site/wording.py"):
        wording.check(["Another text."], name)


def test_how_near_a_guess_must_be_is_what_the_cell_says():
    cell = nbformat.v4.new_code_cell(
        "reveal('a', f(1), within=0.1)\nfor _ in x:\n    reveal('b', 2)\nreveal('c', 3, 0)"
    )
    assert predictions._reveals(cell) == [("a", 0.1), ("b", None), ("c", 0.0)]
    cell.outputs = [
        nbformat.v4.new_output("display_data", {"text/plain": text})
        for text in ("You said 3. It is 1,234.", "It is B, it is. So.", "no answer")
    ]
    found = predictions.answers([cell])
    assert found["a"] == predictions.Answer("1234", "1,234", 0.1)
    assert found["b"] == predictions.Answer("B", "B, it is. So", None) and "c" not in found


def test_a_notebook_that_is_not_built_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(chapters, "ROOT", tmp_path)
    with pytest.raises(SourceError, match="There is no solutions/01_tokens.ipynb: type make build"):
        chapters.executed("01_tokens")


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


@pytest.mark.parametrize(
    "entry, said",
    [
        ({"chapter": "01_tokens", "shows": "no such text"}, "does not show 'no such text'"),
        ({"chapter": "01_tokens", "shows": "7590", "claims": ["01_tokens.no"]}, "no claim 01_tok"),
        ({"chapter": "01_tokens", "shows": "7590", "sows": "?"}, "entry 1 has sows"),
        ({"chapter": "01_tokens", "shows": "7590", "run": "assert 1 == 2"}, None),
    ],
)
def test_a_wrong_erratum_is_refused(entry, said, monkeypatch, tmp_path):
    lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in entry.items())
    source = tmp_path / "errata.toml"
    source.write_text(f'[[erratum]]\nsays = "a"\ntrue = "b"\n{lines}\n')
    assert tomllib.loads(source.read_text())
    monkeypatch.setattr(errata, "SOURCE", source)
    with pytest.raises(SourceError if said else AssertionError, match=said):
        errata.page(*NO_HOST[:1], links.Links([]))


def test_each_word_of_the_glossary_is_one_sentence_and_leads_to_where_it_is_explained(site):
    words_ = glossary.read()
    assert len(words_) >= 40
    entries = having(site, "glossary", "dl", "glossary")[0]
    terms, texts = entries.findall(XHTML + "dt"), entries.findall(XHTML + "dd")
    assert [each.get("id") for each in terms] == [each.anchor for each in words_]
    for word, text in zip(words_, texts, strict=True):
        assert re.fullmatch(r"(?:[^.]|\.(?=\d))+\.", word.says), word.says
        [link] = text.iter(XHTML + "a")
        name, _, anchor = link.get("href").partition(".html#")
        assert name == word.chapter
        [section] = [
            each
            for each in page.Page(name, "", text_of(site, name), "").sections()
            if each.anchor == anchor
        ]
        assert word.is_in(section.title) or word.is_in(section.text)


def chapter_of(body):
    return {"c": page.Page("c", "C", body, "")}


def test_a_word_leads_to_its_heading_else_its_text_and_last_to_the_opening():
    word = glossary.Word("head", "says", "c")
    opening = "<h1 id='o'>O</h1><p>heads"
    text = f"{opening}<h2 id='a'>overhead</h2><p>a head-on look<h2 id='b'>B</h2><p>Heads look"
    assert glossary.place(word, chapter_of(opening)).anchor == "o"
    assert glossary.place(word, chapter_of(text)).anchor == "b"
    assert glossary.place(word, chapter_of(f"{text}<h2 id='d'>On heads</h2>")).anchor == "d"
    written = glossary.Word("head", "says", "c", written="on look")
    with pytest.raises(SourceError, match="c does not have the word 'head'. Name the chapter"):
        glossary.place(written, chapter_of(text))
    with pytest.raises(SourceError, match="'head' names the chapter 'c', which there is not"):
        glossary.place(word, {})


def test_an_entry_of_the_glossary_that_is_not_well_formed_is_named(monkeypatch, tmp_path):
    source = tmp_path / "glossary.toml"
    source.write_text('[[word]]\nword = "a"\nsays = "b."\nchapter = "c"\nsee = "d"\n')
    monkeypatch.setattr(glossary, "SOURCE", source)
    with pytest.raises(SourceError, match="glossary.toml, entry 1: .*'see'"):
        glossary.read()


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


def test_figures_of_a_claim_are_those_of_the_evidence(monkeypatch, tmp_path):
    first = reference.read_claims()[0]
    table = tmp_path / "claims.md"
    quoted = " … ".join(first.sentences).replace("|", "\\|")
    table.write_text(f"| {first.notebook} | {quoted} | a control | 1 \\| 2 |\n", encoding="utf-8")
    monkeypatch.setattr(reference, "FIGURES", table)
    found = reference.read_claims()
    assert found[0].figures == "1 | 2" and not found[1].figures


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


def test_a_page_is_cut_at_its_headings():
    body = "<h1 id='a'>A &amp; B</h1><p>one</p><pre>code</pre><h2 id='b'>C</h2><p>two<b> three</b>"
    body += "<dl><dt id='d'>word</dt><dd>four</dd><dt>no id</dt></dl>"
    cut = page.Page("x", "A & B", body, "").sections()
    assert [(each.anchor, each.title, each.text) for each in cut] == [
        ("", "A & B", ""),
        ("a", "A & B", "one"),
        ("b", "C", "two three"),
        ("d", "word", "fourno id"),
    ]


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


def test_a_chapter_says_how_to_work_on_it(site, tmp_path):
    [local] = re.findall(r"Work on this chapter.*?</details>", text_of(site, LESSONS[0]), re.DOTALL)
    assert "notebooks/01_tokens.ipynb" in local and "make lab" in local and "olab" not in local
    known = links.Links(NAMES, "someone/course")
    body = chapters.page(LESSONS[0], Pictures(tmp_path), known).body
    [hosted] = re.findall(r"Work on this chapter.*?</details>", body, re.DOTALL)
    cell = (ROOT / "docs/install.md").read_text("utf-8").partition("Make this the first cell")[2]
    for line in re.findall(r"^    (.*)$", cell.partition("`--keep`")[0], re.MULTILINE):
        assert line.replace("ADDRESS", "https://github.com/someone/course") in unescape(hosted)
    assert body.count("colab.research.google.com") == 1 + len(notebooks.load(LESSONS[0]).exercises)


def test_a_widget_is_left_out_without_its_module(site):
    found = {
        each.get("data-widget"): name
        for name in LESSONS
        for each in tree(site, name).iter()
        if each.get("data-widget")
    }
    assert len(found) >= 7
    assert all((site / "assets" / "widgets" / f"{each}.js").is_file() for each in found)
    used = {name for lesson in LESSONS for name in _widgets_of(lesson)}
    assert found.keys() == {n for n in used if (ROOT / "web" / "widgets" / f"{n}.js").is_file()}


def _widgets_of(name):
    for cell in notebooks.load(name).cells:
        yield from re.findall(r"from llmlib\.widgets(?:\.\w+)? import (\w+)", cell.source)


def test_a_link_that_leads_nowhere_leaves_its_words():
    html = to_html(
        "See [speed](docs/evidence/speed.md).", Pictures(Path()), links.Links([]).to, Anchors()
    )
    assert html.strip() == "<p>See speed.</p>"


def test_pictures_are_kept_and_those_of_no_page_removed(tmp_path):
    [png] = chapters.executed("01_tokens").cells[0].attachments.values()
    first = Pictures(tmp_path)
    address, size = first.write(base64.b64decode(png["image/png"]))
    before = (tmp_path / address).stat()
    stray = tmp_path / "pictures" / "0123456789abcdef.webp"
    stray.write_bytes(b"")
    again = Pictures(tmp_path)
    assert again.write(base64.b64decode(png["image/png"])) == (address, size)
    again.remove_others()
    assert not stray.exists() and (tmp_path / address).stat() == before


def test_a_picture_is_the_same_to_the_last_pixel(tmp_path):
    [png] = chapters.executed("03_attention").cells[0].attachments.values()
    data = base64.b64decode(png["image/png"])
    address, _ = Pictures(tmp_path).write(data)
    was, now = (Image.open(each).convert("RGBA") for each in (io.BytesIO(data), tmp_path / address))
    assert ImageChops.difference(was, now).getbbox() is None


def test_a_picture_in_html_keeps_its_words(tmp_path):
    [png] = chapters.executed("03_attention").cells[0].attachments.values()
    source = f"data:image/png;base64,{png['image/png']}"
    html = f"""<p><img alt='a "b" &amp; c' width="100" src="{source}">"""
    made = Pictures(tmp_path).as_files(html)
    [alt] = re.findall(r'alt="([^"]*)"', made)
    assert unescape(alt) == 'a "b" & c' and 'width="100"' in made and "base64" not in made


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


@pytest.mark.parametrize(
    ("words", "served"), [([], []), (["--serve"], [9999]), (["--serve", "--port", "1"], [1])]
)
def test_the_pages_are_opened_on_request_at_a_port(words, served, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(build, "build", lambda *_: ["a page"])
    monkeypatch.setattr(serve, "serve", lambda folder, port: asked.append(port))
    monkeypatch.setenv("PORT", "9999")
    assert __main__.main(words) == 0 and asked == served
    assert ("make site SERVE=1 opens them" in capsys.readouterr().out) == (not served)


def test_a_port_that_is_no_number_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setenv("PORT", "many")
    with pytest.raises(SystemExit):
        __main__.main(["--serve"])
    assert capsys.readouterr().err.endswith("argument --port: invalid int value: 'many'\n")


def test_a_build_that_fails_is_one_sentence(monkeypatch, capsys):
    def missing(*_, **__):
        raise SourceError("There is no solutions/01_tokens.ipynb: type make build.")

    monkeypatch.setattr(build, "build", missing)
    assert __main__.main([]) == 1
    assert capsys.readouterr().err == "There is no solutions/01_tokens.ipynb: type make build.\n"
