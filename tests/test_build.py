"""What stands in notebooks/ and solutions/ is what the build makes of the sources; building twice
changes no byte."""

import hashlib
import os
import shutil
import subprocess
import sys

import answer_runner as A
import nbformat
import pytest
from nbgrader.converters import GenerateAssignment

from authoring import build, code_digest, drawings, release
from classroom import import_closure
from exercises.course_packages import PACKAGES
from exercises.format import notebooks
from exercises.format.notebooks import ROOT, SourceError
from llmlib.widgets import joined

pytestmark = [pytest.mark.unit, pytest.mark.slow]
SOFTMAX = """def softmax(x, dim=-1):
    e = (x - x.amax(dim, keepdim=True)).exp()
    return e / e.sum(dim, keepdim=True)"""
MARKS = '"schema_version": 3, "task": false, "locked": true'
NOT_PROD = 'disallowed=["math.prod"]'
OPEN = MARKS.replace("true", "false")
SOURCE = f'''# %% [markdown]
# # A small notebook

# %% nbgrader={{"grade": false, "grade_id": "given_setup", "solution": false, {MARKS}}}
import matplotlib.pyplot as plt
from exercises import check

# %%
figure, axes = plt.subplots()
axes.plot([1, 2, 4]);

# %% nbgrader={{"grade": false, "grade_id": "double", "solution": true, {OPEN}}} {NOT_PROD}
def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% nbgrader={{"grade": true, "grade_id": "test_double", "points": 2, "solution": false, {MARKS}}}
from exercises import check
check.equal(double(2), 4, "twice two is four")
### BEGIN HIDDEN TESTS
check.equal(double(5), 10, "twice five is ten")
### END HIDDEN TESTS

# %%
print(double(21))

# %%
print(double(21))
'''


def scratch(folder, source=SOURCE):
    (folder / "solutions").mkdir(parents=True)
    (folder / "solutions" / "01_small.py").write_text(source)
    return folder


def fingerprint(root):
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.glob("*/*.ipynb"))
    }


@pytest.mark.parametrize("name", notebooks.names())
def test_both_notebooks_are_of_their_source(name):
    """What learners open, and the solved one that the site shows and whose outputs are compared.
    Code of llmlib that changed since it ran is no fault: that comparison runs it."""
    source, run = notebooks.load(name), f"run `make build`: {name} is of another source"
    solved = build.read(ROOT / "solutions" / f"{name}.ipynb")
    assert solved and solved.metadata.llmlib["drawings"] == drawings.fingerprint(name), run
    pictures = drawings.attached(solved.cells)
    ran = {"outputs": 0, "execution_count": 0}
    is_same = [{**cell, **ran} for cell in solved.cells] == [
        {**cell, **ran} for cell in release.drawn(source, pictures).cells
    ]
    assert is_same, run
    released = (ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
    is_same = released == release.release(source, pictures)
    assert is_same, run
    counts = [cell.execution_count for cell in solved.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), run


def test_a_release_is_a_function_of_its_argument(tmp_path, monkeypatch):
    """No configuration is run, no folder is made, and neither the environment nor nbgrader is
    changed."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nbgrader_config.py").write_text("raise SystemExit('not to be run')")
    notebook = notebooks.parse(SOURCE, "01_small")

    def around():
        steps = list(GenerateAssignment.preprocessors.default_args)
        return dict(os.environ), nbformat.writes(notebook.node), steps

    before, first = around(), release.release(notebook)
    assert first == release.release(notebook) and before == around()
    assert [path.name for path in tmp_path.iterdir()] == ["nbgrader_config.py"]
    assert "hidden" not in first.lower() and "return 2 * x" not in first


@pytest.mark.proof
def test_building_twice_gives_the_same_bytes(tmp_path):
    first, second = scratch(tmp_path / "a"), scratch(tmp_path / "b")
    assert build.build("01_small", first) and build.build("01_small", second)
    assert fingerprint(first / "notebooks" / "..") == fingerprint(second / "notebooks" / "..")
    node = nbformat.read(first / "solutions" / "01_small.ipynb", as_version=4)
    assert "image/png" in node.cells[2].outputs[0].data  # a figure is among what does not change
    assert len({cell.id for cell in node.cells}) == len(node.cells)


@pytest.mark.proof
def test_only_what_changed_is_executed(tmp_path):
    root = scratch(tmp_path / "a")
    assert build.build("01_small", root)
    before = fingerprint(root)
    assert not build.build("01_small", root)
    assert fingerprint(root) == before
    (root / "notebooks" / "01_small.ipynb").write_text("{}")  # edited by hand
    assert not build.build("01_small", root)
    assert fingerprint(root) == before
    executed = root / "solutions" / "01_small.ipynb"
    executed.write_text(executed.read_text(encoding="utf-8").replace("double(21)", "double(2)"))
    assert build.build("01_small", root)
    assert fingerprint(root) == before
    source = root / "solutions" / "01_small.py"
    source.write_text(SOURCE.replace("double(21)", "double(22)"))
    assert build.build("01_small", root)
    assert fingerprint(root) != before


@pytest.mark.proof
def test_where_only_text_has_changed_outputs_are_kept_as_an_execution_makes_them(tmp_path):
    root, whole = scratch(tmp_path / "a"), scratch(tmp_path / "b")
    assert build.build("01_small", root)
    old = "# # A small notebook"
    new = "# # A notebook\n#\n# It is small.\n\n# %% [markdown]\n# Indeed."
    for each in (root, whole):
        (each / "solutions" / "01_small.py").write_text(SOURCE.replace(old, new))
    assert not build.build("01_small", root)
    assert build.build("01_small", whole)
    assert fingerprint(root) == fingerprint(whole)


def test_a_hint_is_reworded_without_an_execution(tmp_path, monkeypatch):
    """Of a real notebook, in its copy: nothing runs or is drawn, and no output changes."""
    monkeypatch.setattr(build, "execute", lambda *_, **__: pytest.fail("executed"))
    monkeypatch.setattr(build.drawings, "_draw", lambda *_: pytest.fail("drawn"))
    name, solutions = "02_embeddings", tmp_path / "solutions"
    shutil.copytree(ROOT / "solutions", solutions, ignore=shutil.ignore_patterns("0[!2]*.ipynb"))
    path, source = solutions / f"{name}.ipynb", solutions / f"{name}.py"
    before = nbformat.read(path, as_version=4)
    before.metadata.llmlib = build.fingerprints(notebooks.load(name))  # it was built before
    nbformat.write(before, path)
    old = "<summary>Hint 1</summary>\n#\n# "
    text = source.read_text(encoding="utf-8")
    source.write_text(text.replace(old, f"{old}Take a pencil. ", 1), encoding="utf-8")
    assert not build.build(name, tmp_path)
    after = nbformat.read(path, as_version=4)
    changed = [(a, b) for a, b in zip(before.cells, after.cells, strict=True) if a != b]
    assert [each.cell_type for each in changed[0]] == ["markdown"] * 2 and len(changed) == 1
    assert "Take a pencil. " in changed[0][1].source
    assert "Take a pencil. " in (tmp_path / "notebooks" / f"{name}.ipynb").read_text("utf-8")


def test_code_of_the_library_that_a_notebook_imports_counts_and_its_comments_do_not(
    tmp_path, monkeypatch
):
    package = tmp_path / "llmlib"
    package.mkdir()
    for module in ("__init__", "drawn", "plots", "other"):
        (package / f"{module}.py").write_text("")
    (package / "drawn.py").write_text("from llmlib import plots\n")
    monkeypatch.setattr(code_digest, "ROOTS", import_closure.Roots(llmlib=package))
    source = SOURCE.replace("import matplotlib.pyplot as plt", "from llmlib import drawn")
    notebook = notebooks.parse(source, "01_small")

    def library(module, code):
        (package / f"{module}.py").write_text(code)
        return build.fingerprints(notebook)["library"]

    first = library("plots", "WIDTH = 2\n")
    assert library("plots", '"""All pictures."""\n\nWIDTH = 2  # inches\n') == first
    assert library("other", "WIDTH = 3\n") == first
    assert library("plots", "WIDTH = 3\n") != first


def test_the_script_of_a_widget_counts_and_what_only_the_page_says_does_not(monkeypatch):
    notebook = notebooks.load("06_sampling")
    first = build.fingerprints(notebook)["library"]
    script = joined.module("loss_lab")
    assert "web_widgets_strings" in script and "web_strings" not in script
    monkeypatch.setattr(joined, "module", lambda name: f"{name}, redrawn")
    assert build.fingerprints(notebook)["library"] != first


def test_the_notebook_that_makes_my_llm_is_executed_when_a_function_of_that_file_changes(
    monkeypatch,
):
    making = notebooks.parse(SOURCE + '\n# %%\nmy_llm.make(".", "../my_llm.py", "Once")\n', "01_a")
    other = notebooks.parse(SOURCE, "01_a")

    def code(notebook, text):
        monkeypatch.setattr(build.my_llm, "collect", lambda folder: (text, []))
        return build.fingerprints(notebook)["code"]

    assert code(making, "def f(): 1") == code(making, "def f(): 1") != code(making, "def f(): 2")
    assert code(other, "def f(): 1") == code(other, "def f(): 2")


SHOWN, LIST = "print(double(21))", 'disallowed=["math.prod"]'


@pytest.mark.parametrize(
    "old, new, says",
    [
        (SHOWN, "print(1 / 0)", r"01_small: cell 6 \(print\(1 / 0\)\) failed: ZeroDivisionError"),
        *(
            pytest.param(SHOWN, cell, says, marks=pytest.mark.proof)
            for cell, says in (
                ("object()", "shows a memory address"),
                ("\n# %%\n\n# %%\nobject()", "shows a memory address"),
                ('print(f"{-0.001:.2f}")', "shows -0.00: its sign is a rounding error's"),
                ("import os; os.getcwd()", "shows a path of this computer"),
                ("import os; os._exit(1)", "the kernel died in cell 6"),
            )
        ),
        (LIST, f'{LIST[:-1]},\n# "torch.prod"]', "a cell marker stands on one line, whole"),
        (LIST, 'disallowed="math.prod"', r'list of names: write disallowed=\["math.prod"\]'),
        ("    ### END SOLUTION\n", "", "exercise double: BEGIN SOLUTION without its END SOLUTION"),
        ("    ### BEGIN SOLUTION\n", "", "double: END SOLUTION without its BEGIN SOLUTION"),
        (
            '"test_double"',
            '"test_dubble"',
            "test_dubble does not belong here: expected test_double",
        ),
        ("HIDDEN TESTS", "HIDDEN TEST", "no such mark: `### BEGIN HIDDEN TEST`; write one of "),
        ("### END HIDDEN", "## END HIDDEN", "exercise double: no such mark: `## END HIDDEN TESTS`"),
        ("### BEGIN HIDDEN", "### begin hidden", "no such mark: `### begin hidden TESTS`"),
        ("### BEGIN SOL", "#BEGIN SOL", "exercise double: no such mark: `#BEGIN SOLUTION`"),
        ("def double", "def twice", "exercise double: its solution cell defines nothing of that"),
        (
            f"# %%\n{SHOWN}",
            "# %% given helper\n\n# %% given helper",
            "01_small: two cells are named given_helper: rename one of them",
        ),
        (
            f"# %%\n{SHOWN}",
            "# %% test double points=-1",
            "`# %% test double`: a test cell, and no other, says points=N, N from 0",
        ),
    ],
)
def test_what_is_wrong_with_a_source_is_said_in_one_sentence(tmp_path, monkeypatch, old, new, says):
    assert old in SOURCE
    root = scratch(tmp_path, SOURCE.replace(old, new))
    monkeypatch.setattr(build, "ROOT", root)
    with pytest.raises(SourceError, match=says):
        build.build("01_small", root)
    assert not list(root.glob("*/*.ipynb"))


def test_a_comment_stays_a_comment():
    code = "# !important\n# %time is a magic, this is none\nx = 1  # ?"
    notebook = notebooks.parse(f"# %% [markdown]\n# # 1 · Tokens\n\n# %%\n{code}\n", "01_tokens")
    assert code in [cell.source for cell in notebook.cells]


def test_a_mistake_in_the_quiz_is_said_in_one_sentence_and_nothing_is_built(monkeypatch, capsys):
    def broken():
        raise SourceError("quiz.toml: Expected '=' after a key")

    monkeypatch.setenv("OMP_NUM_THREADS", "")  # what a build sets for itself ends with this test
    monkeypatch.setattr(build.quiz_source, "write", broken)
    monkeypatch.setattr(build, "build", lambda *_, **__: pytest.fail("built"))
    assert build.main(["quiz"]) == 1
    assert capsys.readouterr().err == "\nquiz.toml: Expected '=' after a key\n"


EIGHTH = SOURCE.replace("\n# # A small notebook", ' makes="more"\n# # 8 · Small')


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone with a ninth notebook in it: one file more."""
    root = tmp_path_factory.mktemp("clone")
    for folder in ("authoring", *PACKAGES, "solutions"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    (root / "solutions" / "08_small.py").write_text(EIGHTH)
    return root


def run(root, *words, cwd=None):
    environment = os.environ | {"PYTHONPATH": str(root), "LLMLIB_CACHE": str(root / "cache")}
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=cwd or root, env=environment, capture_output=True, text=True)


@pytest.mark.proof
def test_a_new_notebook_is_one_file(clone):
    built = run(clone, "authoring.build", "08_small")
    assert built.returncode == 0, built.stderr
    checked = run(clone, "classroom", "check", "08_small")
    assert checked.returncode == 1 and "8 Small" in checked.stdout, checked.stderr
    assert "0 of 1 done" in checked.stdout and str(clone / "notebooks") in checked.stdout
    path = clone / "notebooks" / "08_small.ipynb"
    node = nbformat.read(path, as_version=4)
    first, last = node.cells[0].source, node.cells[-1].source
    assert "[7 again, but fast](07_kv_cache_and_scaling.ipynb) → **▸ 8 more**" in first
    assert last.endswith("[Quiz](quiz.ipynb) →")
    (cell,) = (cell for cell in node.cells if notebooks.grade_id(cell) == "double")
    cell.source = "def double(x):\n    return x + x"
    nbformat.write(node, path)
    checked = run(clone, "classroom", "check", "08_small")
    assert checked.returncode == 0 and "1 of 1 done" in checked.stdout, checked.stderr
    drawn = run(clone, "classroom", "progress")
    assert "8 Small: 1 of 1 done; Quiz: not found" in drawn.stdout, drawn.stderr
    assert (clone / "progress.png").stat().st_size > 10_000


@pytest.mark.proof
def test_check_works_from_an_installed_package(tmp_path):
    """In a folder that holds only notebooks, and with no clone in sight."""
    site, mine = tmp_path / "site", tmp_path / "mine"
    source = tmp_path / "clone"
    for folder in (*PACKAGES, "solutions"):
        unlike = shutil.ignore_patterns("__pycache__", "*.ipynb")
        shutil.copytree(ROOT / folder, source / folder, ignore=unlike)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "LICENSE", "README.md"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--target", str(site), str(source)], check=True, capture_output=True)
    shutil.rmtree(source)
    mine.mkdir()
    nbformat.write(
        A.handed_in_notebook("05_output_head", {"softmax": SOFTMAX}), mine / "05_output_head.ipynb"
    )
    checked = run(site, "classroom", "check", cwd=mine)
    exercises = len(notebooks.load("05_output_head").core)
    assert f"1 of {exercises} done" in checked.stdout, checked.stderr
    assert "there is no 01_tokens.ipynb" in checked.stdout
    elsewhere = run(site, "classroom", "check", cwd=tmp_path)
    assert elsewhere.returncode == 2 and "there are no notebooks of the course" in elsewhere.stderr


def test_a_notebook_that_is_not_there_is_named():
    with pytest.raises(SourceError, match="no solutions/99_nothing.py; known: 01_tokens"):
        notebooks.load("99_nothing")


def test_a_kernel_whose_ports_were_taken_is_started_once_more(monkeypatch):
    started = []

    class Client:
        def __init__(self, node, **words):
            started.append(node)

        def execute(self, **words):
            if len(started) < allowed:
                raise RuntimeError("Kernel died before replying to kernel_info")

    monkeypatch.setattr(build, "NotebookClient", Client)
    node = notebooks.parse(SOURCE, "01_small").node
    allowed = 2
    build.execute("01_small", node)
    assert len(started) == 2
    started.clear()
    allowed = 9
    with pytest.raises(RuntimeError, match="died before"):
        build.execute("01_small", node)
    assert len(started) == 2
