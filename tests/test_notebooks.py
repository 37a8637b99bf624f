"""What every notebook's source promises: name, place on the map, exercises, cells."""

import pkgutil
import re
from collections import Counter

import pytest
from nbconvert.filters import markdown2html

from classroom.checking import scopes
from classroom.checking.definitions import BUILTINS
from classroom.my_llm import learner_functions
from exercises.format import course_map, notebooks
from exercises.format.notebooks import ROOT

pytestmark = pytest.mark.unit
MARKDOWN_TAGS = set("p em strong code pre h1 h2 h3 h4 ul ol li a img blockquote hr br".split())
MARKDOWN_TAGS |= set("table thead tbody tr th td span div details summary".split())
GRADED = "given", "solution"  # the cells that a grader runs


def test_every_notebook_has_a_source_and_the_other_way_round():
    names = notebooks.names()
    assert names
    for folder in ("solutions", "notebooks"):
        assert sorted(path.stem for path in (ROOT / folder).glob("*.ipynb")) == names, folder


def test_every_notebook_is_on_the_map():
    on = [each.name for each in course_map.stations()]
    off = [name for name in notebooks.names() if name not in on]
    assert not off, f'{off}: begin with `# %% [markdown] makes="…"`, then `# # N · Title`'


def test_no_two_exercises_share_a_name():
    """The engine, the graders and the table of progress find a function by its name alone."""
    counts = Counter(each.name for book in notebooks.notebooks() for each in book.exercises)
    twice = [name for name, count in counts.items() if count > 1]
    assert not twice, f"more than one exercise is named {twice}: rename all but one"


def test_my_llm_finds_every_function_that_it_calls():
    called = scopes.names(learner_functions.TEMPLATE)
    lacking = called.reads.difference(called.binds, BUILTINS, learner_functions.engine_exercises())
    assert not lacking, f"my_llm/template.py calls {sorted(lacking)}, which no exercise makes"


@pytest.mark.parametrize("name", [each.name for each in notebooks.lessons()])
def test_exercises_are_numbered_as_they_stand(name):
    book = notebooks.load(name)
    expected = [f"{book.number}.{place}" for place in range(1, len(book.exercises) + 1)]
    numbers = [each.number for each in book.exercises]
    assert numbers == expected, f"the headings say {numbers}: number them as they stand"


@pytest.mark.parametrize("lesson", [each.name for each in notebooks.lessons()])
def test_what_is_disallowed_exists(lesson):
    """A name that is misspelt forbids nothing."""
    for exercise in notebooks.load(lesson).exercises:
        for name in exercise.disallowed:
            try:
                pkgutil.resolve_name(name)
            except (ImportError, AttributeError):
                pytest.fail(f"{exercise.name}: there is no {name} to disallow; correct its marker")


@pytest.mark.parametrize("name", [each.name for each in notebooks.lessons()])
def test_a_test_cell_reads_no_name_of_a_demonstration(name):
    """The grader runs no untouched one: to a test such a name is a function nobody wrote."""
    book = notebooks.load(name)
    known = [
        scopes.names(cell.source).binds for cell in book.cells if notebooks.kind(cell) in GRADED
    ]
    for exercise in book.exercises:
        read = scopes.names(exercise.full)
        unknown = read.reads.difference(read.binds, BUILTINS, *known)
        assert not unknown, f"the test cell of {exercise.name} does not define {sorted(unknown)}"


def test_code_cells_fit_a_laptops_screen_beside_the_file_list():
    """The code of the sources, without their comments and markers: 88 columns."""
    long = [
        f"{name}: {line}"
        for name in notebooks.names()
        for cell in notebooks.load(name).cells
        if cell.cell_type == "code"
        for line in cell.source.splitlines()
        if len(line) > 88
    ]
    assert not long, "\n".join(long)


@pytest.mark.parametrize("name", [each.name for each in notebooks.lessons()])
def test_a_statement_has_its_parts(name):
    """A name, one to three dots filled, minutes; hints that are numbered."""
    for exercise in notebooks.load(name).exercises:
        heading = (
            rf"### (Exercise|Experiment) \d\.\d+ · `{exercise.name}` · (●○○|●●○|●●●) · \d+ min\n"
        )
        assert re.search(heading, exercise.statement), exercise.name
        hints = re.findall(r"<summary>Hint (\d)</summary>", exercise.statement)
        assert hints and hints == [str(i + 1) for i in range(len(hints))], exercise.name


def other_tags(markdown):
    """The tags in a text that neither Markdown nor we write, such as "end" in "a<end>b". A browser
    takes them for elements and shows nothing."""
    text = markdown.replace("(attachment:", "(")  # a cell's drawings are not in its text
    return {*re.findall(r"<([a-zA-Z][\w-]*)", markdown2html(text))} - MARKDOWN_TAGS


@pytest.mark.parametrize("name", notebooks.names())
def test_no_prose_holds_a_bare_tag(name):
    """Statements, hints and the quiz's questions are markdown cells."""
    cells = [cell.source for cell in notebooks.load(name).cells if cell.cell_type == "markdown"]
    found = {tag: text for text in cells for tag in other_tags(text)}
    assert not found, f"write each as code, in backticks: {found}"


@pytest.mark.parametrize("name", notebooks.names())
def test_a_table_is_rendered_as_one(name):
    """Without a row of headings its bars are shown as they are."""
    cells = [cell.source for cell in notebooks.load(name).cells if cell.cell_type == "markdown"]
    texts = [text.replace("(attachment:", "(") for text in cells if "\n|--" in text]
    assert not [text for text in texts if "<table" not in markdown2html(text)]


def test_a_bare_tag_is_found_and_one_in_code_is_not():
    assert other_tags('<details><summary>Hint</summary>\n\n"a<end>b"\n\n</details>') == {"end"}
    assert other_tags("`a<end>b`, 1 < 2 > 0\n\n```\n<end>\n```") == set()
