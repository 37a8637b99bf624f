"""New editions never cost an answer: work/ is made from notebooks/, and what a learner has in it is
laid into every newer one, whatever stops that in between."""

import errno
import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from nbgrader.utils import compute_checksum

from authoring import release
from classroom.bootstrap import open_jupyter
from classroom.checking import check_notebooks
from classroom.folder import merge, work
from classroom.folder.checksum import checksum
from classroom.lab import start_page
from exercises.format import notebooks, source
from exercises.format.notebooks import ROOT
from exercises.prediction_cells import guess_in, with_guess
from llmlib import files

pytestmark = [
    pytest.mark.unit,
    pytest.mark.verdict("solutions/*.py", "notebooks/*.ipynb", ".gitignore"),
]
TWICE = """# %% [markdown]
# ### Exercise {number} · `{name}` · ●○○ · 5 min

# %% solution {name}
def {name}(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% test {name} points=1
from exercises import check

check.equal({name}({x}), {x} * 2, "twice")
### BEGIN HIDDEN TESTS
check.equal({name}(9), 18, "twice")
### END HIDDEN TESTS
"""
HEAD = """# %% [markdown]
# # 3 · Attention
#
# {opening}

# %% given setup
import torch

# %%
from classroom.predict import predict, predictions, reveal

# %%
predict("mass", "{asked}", yours=0.5)

# %%
predict("which", "Which one?", {{{options}}}, yours="A")
"""
ASK = """# %% [markdown]
# ### Question {number}
#
# {ask}
#
# - **A**  {A}
# - **B**  {B}
# - **C**  {C}
# - **D**  {D}

# %% solution q0{number} stub="q0{number} = None"
### BEGIN SOLUTION
q0{number} = "A"
### END SOLUTION

# %% test q0{number} points=1
from classroom.quiz_cells import check_answer

check_answer("q0{number}", answer("q0{number}"))
"""


def twice(name, number, x=1):
    return TWICE.format(name=name, number=number, x=x)


def demo(code):
    return f"# %%\n{code}\n"


def ask(number, text, options):
    return ASK.format(number=number, ask=text, **dict(zip("ABCD", options)))


def head(opening, asked, *options):
    letters = ", ".join(f'"{letter}": "{text}"' for letter, text in zip("ABC", options))
    return HEAD.format(opening=opening, asked=asked, options=letters)


QUIZ = "# %% [markdown]\n# # Quiz\n"
EDITIONS = {
    "1.1.0": {
        "03_attention": [
            head("As it was.", "How much?", "one", "two", "three"),
            demo("print('stays')"),
            demo("print('moves on')"),
            twice("solved", "3.1"),
            twice("dropped", "3.2"),
            twice("left_open", "3.3"),
        ],
        "quiz": [
            QUIZ,
            ask(1, "What is first?", ["a", "b", "c", "d"]),
            ask(2, "What is dropped?", ["a", "b", "c", "d"]),
            ask(3, "What is left open?", ["a", "b", "c", "d"]),
        ],
    },
    "1.2.0": {
        "03_attention": [
            head("As it is.", "How much of it?", "two", "one", "three"),
            demo("print('stays')"),
            demo("print('has moved on')"),
            twice("added", "3.1"),
            twice("left_open", "3.2"),
            twice("solved", "3.3", x=5),
        ],
        "quiz": [
            QUIZ,
            ask(1, "What is new?", ["e", "f", "g", "h"]),
            ask(2, "What is first?", ["d", "c", "b", "a"]),
            ask(3, "What is left open?", ["a", "b", "c", "d"]),
        ],
    },
    "2.0.0": {
        "03_attention": [
            head("As it will be.", "How much?", "four", "five", "one"),
            demo("print('has moved on')"),
            twice("solved", "3.1", x=5),
            twice("left_open", "3.2"),
            twice("added", "3.3"),
        ],
        "quiz": [QUIZ, ask(1, "What is first?", ["b", "y", "c", "x"])],
    },
}


@pytest.fixture(autouse=True)
def jupyter_s_own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    work._notary.cache_clear()
    yield
    work._notary.cache_clear()


def issue(root, version):
    """Put an edition into `root`/notebooks, as `git pull` does."""
    for name, parts in EDITIONS[version].items():
        node = nbformat.reads(release.release(source.parse("\n".join(parts), name)), as_version=4)
        node.metadata.llmlib.course = version
        files.write(root / "notebooks" / f"{name}.ipynb", nbformat.writes(node) + "\n")


def load(root, name="03_attention", folder="work"):
    return nbformat.read(root / folder / f"{name}.ipynb", as_version=4)


def codes(node):
    return [cell.source for cell in node.cells]


def at(node, part):
    """The one cell whose source holds `part`."""
    (found,) = [cell for cell in node.cells if part in cell.source]
    return found


MINE = "def solved(x):\n    return x + x"
DROPPED = "def dropped(x):\n    return 2 * x"


def half_solve(folder):
    """What a learner does in the first edition: some of everything."""
    path = folder / "03_attention.ipynb"
    node = nbformat.read(path, as_version=4)
    at(node, '"mass"').source = 'predict("mass", "How much?", yours=0.25)'
    at(node, '"which"').source = at(node, '"which"').source.replace("...", '"B"')
    at(node, "'stays'").outputs = [new_output("stream", text="stays\n")]
    at(node, "'stays'").execution_count = 3
    at(node, "moves on").source = "print('moves on')\nprint('and I watch')"
    at(node, "def solved").source, at(node, "def dropped").source = MINE, DROPPED
    own = new_code_cell("helper = 1  # mine"), new_markdown_cell("A note of mine.")
    place = node.cells.index(at(node, "# Check of solved")) + 1
    node.cells[place:place] = own
    node.cells.append(new_code_cell(""))  # JupyterLab leaves one at the end
    nbformat.write(node, path)
    path = folder / "quiz.ipynb"
    node = nbformat.read(path, as_version=4)
    at(node, "q01 = None").source = 'q01 = "C"  # first: A'
    at(node, "q02 = None").source = 'q02 = "D"'
    nbformat.write(node, path)


def first_edition(root):
    """A course whose work/ has been made."""
    issue(root, "1.1.0")
    assert work.update(root) == []


def begun(root):
    """A half-solved course in its first edition, and the next one pulled."""
    first_edition(root)
    half_solve(root / "work")
    issue(root, "1.2.0")
    return root


def everything(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.relative_to(root).parts[0] in ("work", "notebooks")
    }


def test_released_cells_say_that_nobody_changed_them():
    for name in notebooks.names():
        node = load(ROOT, name, "notebooks")
        assert not merge.has_work(node), name
        laid = merge.merge(node, node)
        assert codes(laid.node) == codes(node)
        assert (laid.answers, laid.guesses, laid.cells, laid.gone) == ([], 0, 0, [])


def test_the_checksum_is_nbgraders():
    """Of a locked cell, an answer's, a test's with points, one that was changed."""
    for name in notebooks.names():
        for cell in load(ROOT, name, "notebooks").cells:
            if marks := cell.metadata.get("nbgrader"):
                assert checksum(cell.source, cell.cell_type, marks) == compute_checksum(cell)
                assert checksum(cell.source + " ", cell.cell_type, marks) != compute_checksum(cell)


@pytest.mark.parametrize("name", notebooks.names())
def test_all_answers_and_guesses_of_the_real_notebooks_are_found(name):
    released, theirs = load(ROOT, name, "notebooks"), load(ROOT, name, "notebooks")
    solutions = {each.name: each.solution for each in notebooks.load(name).exercises}
    guesses = 0
    for cell, written in zip(theirs.cells, notebooks.load(name).cells):
        cell.source = solutions.get(notebooks.grade_id(cell), cell.source)
        if written.source != with_guess(written.source, "..."):
            cell.source, guesses = written.source, guesses + 1
    assert guesses >= 5 or name == "quiz"
    laid = merge.merge(released, theirs)
    assert codes(laid.node) == codes(theirs)
    assert (len(laid.answers), laid.guesses) == (len(solutions), guesses)


def test_work_is_made_once_and_then_left_alone(tmp_path):
    issue(tmp_path, "1.1.0")
    assert work.update(tmp_path) == []
    made = everything(tmp_path)
    assert codes(load(tmp_path)) == codes(load(tmp_path, folder="notebooks"))
    assert work.update(tmp_path) == [] and everything(tmp_path) == made
    (tmp_path / "work/quiz.ipynb").unlink()
    assert work.update(tmp_path) == [] and everything(tmp_path) == made
    half_solve(tmp_path / "work")
    solved = everything(tmp_path)
    (tmp_path / "work/.quiz.ipynb.77").write_text("half written by a start that was killed")
    assert work.update(tmp_path) == [] and everything(tmp_path) == solved


@pytest.mark.slow
def test_over_two_editions_everything_of_the_learner_s_is_in_its_place(tmp_path):
    root = begun(tmp_path)
    first = everything(root)
    attention, quiz = work.update(root)
    assert attention == (
        "03_attention went from 1.1.0 to 1.2.0; yours in it: 1 answer, 2 predictions, 3 added "
        "cells; new: added; with another check: solved; no longer asked, your answer in a cell of "
        "its own: dropped; the old one is work/old/03_attention of 1.1.0.ipynb"
    )
    assert quiz == (
        "quiz went from 1.1.0 to 1.2.0; yours in it: 1 answer; new: q01; no longer asked, your "
        "answer in a cell of its own: q02; the old one is work/old/quiz of 1.1.0.ipynb"
    )
    old = (root / "work/old/03_attention of 1.1.0.ipynb").read_bytes()
    assert old == first["work/03_attention.ipynb"]
    node = load(root)
    nbformat.validate(node)
    assert node.metadata.llmlib.course == "1.2.0" and "As it is." in node.cells[0].source
    order = [
        "# 3 · Attention",
        "import torch",
        "from classroom.predict",
        'predict("mass", "How much of it?", yours=0.25)',
        '{"A": "two", "B": "one", "C": "three"}, yours="A")',
        "print('stays')",
        "and I watch",
        "print('has moved on')",
        "`added`",
        "def added(x):\n    raise NotImplementedError",
        "# Check of added",
        "`left_open`",
        "def left_open(x):\n    raise NotImplementedError",
        "# Check of left_open",
        "`solved`",
        MINE,
        "check.equal(solved(5)",
        "helper = 1",
        "A note of mine.",
        DROPPED,
        "---",
    ]
    assert len(node.cells) == len(order)
    assert all(part in cell.source for part, cell in zip(order, node.cells))
    assert at(node, "'stays'").outputs[0].text == "stays\n"
    assert at(node, "'stays'").execution_count == 3
    assert "nbgrader" not in at(node, "def dropped").metadata
    letters = load(root, "quiz")
    assert {"q01 = None", 'q02 = "B"  # first: D', "q03 = None"} <= set(codes(letters))
    kept = at(letters, "What is dropped?")
    assert kept.cell_type == "markdown" and 'q02 = "D"' in kept.source and "- **D**" in kept.source

    issue(root, "2.0.0")
    attention, quiz = work.update(root)
    assert "went from 1.2.0 to 2.0.0; yours in it: 1 answer, 1 prediction" in attention
    node = load(root)
    anew = '"which", "Which one?", {"A": "four", "B": "five", "C": "one"}, yours=...'
    assert anew in "\n".join(codes(node))  # "two" is no option any more
    assert 'yours="A"' in at(node, "From an earlier edition").source
    for part in (MINE, DROPPED, "and I watch", "helper = 1", "A note of mine.", "yours=0.25"):
        assert any(part in each for each in codes(node)), part
    assert at(load(root, "quiz"), "q01 = ").source == 'q01 = "C"'  # "a", the first one, is gone
    assert at(load(root, "quiz"), "What is dropped?").source == kept.source
    assert len(list((root / "work/old").iterdir())) == 4
    assert work.update(root) == []


class Killed(BaseException):
    """Not to be caught by anything on the way."""


COUNT = {"left": None, "root": ""}  # steps left before the end; None: no end


def _watch(event, args):
    """Every change of a file below the root is a step. After the last one nothing changes any more,
    as nothing does after a kill: what stands in a `finally` has no effect."""
    if COUNT["left"] is None:
        return
    changes = event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "subprocess.Popen")
    changes |= event == "open" and isinstance(args[1], str) and set(args[1]) & set("wax+") != set()
    if changes and (event == "subprocess.Popen" or str(args[0]).startswith(COUNT["root"])):
        COUNT["left"] -= 1
        if COUNT["left"] < 0:
            raise Killed


sys.addaudithook(_watch)


def killed_after(steps, root):
    """Was `work.update` killed after so many steps (or had it ended before)?"""
    COUNT.update(left=steps, root=str(root))
    try:
        work.update(root)
        return False
    except Killed:
        return True
    finally:
        COUNT["left"] = None


def killed_at_every_step(before, tmp_path):
    """Kill an update of `before` after each of its steps; each time every notebook is the old or
    the new one, and the next start ends as if nothing had happened. Returns the number of steps."""
    shutil.copytree(before, tmp_path / "whole")
    old = everything(before)
    work.update(tmp_path / "whole")
    new = everything(tmp_path / "whole")
    for steps in range(200):
        root = tmp_path / f"killed {steps}"
        shutil.copytree(before, root)
        if not killed_after(steps, root):
            assert everything(root) == new
            return steps
        for name, data in everything(root).items():
            if name.endswith(".ipynb"):  # not what was half written beside it
                assert data in (*old.values(), new.get(name)), f"{name} after {steps} steps"
        work.update(root)
        assert everything(root) == new, f"after {steps} steps"
        shutil.rmtree(root)
    raise AssertionError("it never ends")


@pytest.mark.proof
@pytest.mark.slow
def test_killed_at_every_step_over_two_editions_it_goes_on(tmp_path):
    issue(tmp_path / "none", "1.1.0")
    assert killed_at_every_step(tmp_path / "none", tmp_path / "a") >= 6
    begun(tmp_path / "first")
    assert killed_at_every_step(tmp_path / "first", tmp_path / "b") >= 8
    work.update(tmp_path / "first")
    issue(tmp_path / "first", "2.0.0")
    assert killed_at_every_step(tmp_path / "first", tmp_path / "c") >= 8


def git(folder, *words):
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    done = subprocess.run(
        ["git", *name, *words], cwd=folder, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def clone(tmp_path):
    """(the course's repository, a learner's clone of its first edition)"""
    upstream = tmp_path / "upstream"
    issue(upstream, "1.1.0")
    shutil.copy(ROOT / ".gitignore", upstream)
    git(upstream, "init", "-q")
    git(upstream, "add", ".")
    git(upstream, "commit", "-qm", "1.1.0")
    git(tmp_path, "clone", "-q", str(upstream), "clone")
    return upstream, tmp_path / "clone"


def pull(upstream, root):
    issue(upstream, "1.2.0")
    git(upstream, "commit", "-qam", "1.2.0")
    git(root, "pull", "-q")


@pytest.mark.slow
def test_git_pull_finds_nothing_in_its_way(clone):
    upstream, root = clone
    work.update(root)
    half_solve(root / "work")
    assert git(root, "status", "--porcelain") == ""
    pull(upstream, root)
    assert len(work.update(root)) == 2 and MINE in codes(load(root))
    assert git(root, "status", "--porcelain") == ""


@pytest.mark.slow
def test_who_worked_in_notebooks_is_taken_over_and_can_pull(clone):
    upstream, root = clone
    half_solve(root / "notebooks")
    mine = codes(load(root, folder="notebooks"))[:-1]  # but for the empty cell at the end
    said = work.update(root)
    assert said == [
        "notebooks/03_attention.ipynb was taken over as work/03_attention.ipynb: go on there",
        "notebooks/quiz.ipynb was taken over as work/quiz.ipynb: go on there",
    ]
    assert codes(load(root)) == mine
    assert git(root, "status", "--porcelain") == ""
    pull(upstream, root)
    assert len(work.update(root)) == 2 and MINE in codes(load(root))


@pytest.mark.slow
def test_what_git_stash_pop_mixes_is_had_back_by_the_command_that_is_named(clone):
    upstream, root = clone
    half_solve(root / "notebooks")
    mine = codes(load(root, folder="notebooks"))
    git(root, "stash")
    pull(upstream, root)
    with pytest.raises(AssertionError):
        git(root, "stash", "pop")
    attention, *_ = work.update(root)
    assert attention == (
        "notebooks/03_attention.ipynb was left as it is: git has put two versions into it: type "
        "git checkout --theirs notebooks to have yours back, then start again"
    )
    git(root, *attention.partition("type git ")[2].partition(" to have")[0].split())
    assert codes(load(root, folder="notebooks")) == mine
    assert len(work.update(root)) == 2 and git(root, "status", "--porcelain") == ""
    assert MINE in codes(load(root)) and load(root).metadata.llmlib.course == "1.2.0"


@pytest.mark.proof
@pytest.mark.slow
def test_taken_over_when_killed_at_every_step(clone, tmp_path):
    half_solve(clone[1] / "notebooks")
    assert killed_at_every_step(clone[1], tmp_path / "a") >= 8


@pytest.mark.slow
def test_who_worked_in_both_keeps_both(clone):
    root = clone[1]
    work.update(root)
    half_solve(root / "work")
    half_solve(root / "notebooks")
    node = load(root, folder="notebooks")
    at(node, "def left_open").source = "def left_open(x):\n    return 0"
    nbformat.write(node, root / "notebooks/03_attention.ipynb")
    before = everything(root)
    said = work.update(root)
    assert said[0].endswith("then type git checkout notebooks/03_attention.ipynb")
    assert everything(root) == before


@pytest.mark.parametrize("path", ["", os.environ["PATH"]])
def test_without_git_what_stands_in_notebooks_is_copied_and_later_editions_are_laid_in(
    tmp_path, monkeypatch, path
):
    """Without the program, and in a folder that is no clone."""
    monkeypatch.setenv("PATH", path)
    issue(tmp_path, "1.1.0")
    half_solve(tmp_path / "notebooks")
    work.update(tmp_path)
    assert MINE in codes(load(tmp_path)) and "helper = 1  # mine" in codes(load(tmp_path))
    assert work.update(tmp_path) == []
    issue(tmp_path, "1.2.0")  # unpacked over it
    assert len(work.update(tmp_path)) == 2
    assert MINE in codes(load(tmp_path)) and "helper = 1  # mine" in codes(load(tmp_path))


DAMAGES = ["", "{", "[]", "[" * 9999, '{"cells": [3]}', '{"cells": [{"source": 1}]}']
HALF = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [{"source": "", "metadata": {}}],
}
DAMAGES.append(json.dumps(HALF))


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_notebook_is_one_sentence_and_left_alone(tmp_path, damage):
    root = begun(tmp_path)
    (root / "work/03_attention.ipynb").write_text(damage)
    damaged, quiz = work.update(root)
    assert damaged.startswith("work/03_attention.ipynb was left as it is: ")
    assert (root / "work/03_attention.ipynb").read_text() == damage
    assert quiz.startswith("quiz went from 1.1.0 to 1.2.0")


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_an_untouched_notebook_is_replaced_without_a_word(tmp_path, line_end):
    """Also one that Windows has saved."""
    first_edition(tmp_path)
    for path in (tmp_path / "work").glob("*.ipynb"):
        node = nbformat.read(path, as_version=4)
        for cell in node.cells:
            cell.source = cell.source.replace("\n", line_end)
        nbformat.write(node, path)
    issue(tmp_path, "1.2.0")
    assert work.update(tmp_path) == [] and not (tmp_path / "work/old").exists()
    assert codes(load(tmp_path)) == codes(load(tmp_path, folder="notebooks"))


def test_a_notebook_that_lost_its_cells_ids_is_not_doubled(tmp_path):
    """Only what the new edition words differently may be a learner's: by the id one could tell."""
    first_edition(tmp_path)
    for path in (tmp_path / "work").glob("*.ipynb"):
        node = json.loads(path.read_text())
        assert node["nbformat_minor"] == 5 and all(cell.pop("id") for cell in node["cells"])
        path.write_text(json.dumps(node))
    issue(tmp_path, "1.2.0")
    work.update(tmp_path)
    now, ours = codes(load(tmp_path)), codes(load(tmp_path, folder="notebooks"))
    assert all(now.count(source) == 1 for source in ours) and len(now) - len(ours) == 5


def test_the_files_of_other_programs_are_left_alone(tmp_path):
    first_edition(tmp_path)
    swap, folder = (tmp_path / "work" / name for name in (".quiz.ipynb.swp", ".a.ipynb.7"))
    swap.write_text("an editor's, not saved yet")
    folder.mkdir()
    issue(tmp_path, "1.2.0")
    assert work.update(tmp_path) == [] and swap.exists() and folder.exists()


def test_what_was_written_into_a_locked_cell_is_kept(tmp_path):
    """Not every front end holds the lock."""
    first_edition(tmp_path)
    node = load(tmp_path)
    at(node, "import torch").source += "\nNOTE = 'mine'"
    nbformat.write(node, tmp_path / "work/03_attention.ipynb")
    issue(tmp_path, "1.2.0")
    [said] = work.update(tmp_path)
    assert "the old one is work/old/03_attention of 1.1.0.ipynb" in said
    assert "NOTE = 'mine'" in (tmp_path / "work/old/03_attention of 1.1.0.ipynb").read_text()


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        (
            '# long thought of\nq01 = "B"  # it is short\nmine = 1',
            '# long thought of\nq02 = "C"  # it is short\nmine = 1',
        ),
        ('q01 = "A"\nq01 = "B"', 'q01 = "A"\nq01 = "B"'),  # which, is not for us to say
    ],
)
def test_what_stands_beside_an_answer_stays(tmp_path, written, kept):
    root = begun(tmp_path)
    node = load(root, "quiz")
    at(node, "q01 =").source = written
    nbformat.write(node, root / "work/quiz.ipynb")
    work.update(root)
    assert any(kept in source for source in codes(load(root, "quiz")))


def test_an_answer_that_became_text_with_a_picture_stays_a_notebook(tmp_path):
    root = begun(tmp_path)
    node = load(root)
    place = node.cells.index(at(node, "def solved"))
    note = new_markdown_cell("![so](attachment:a.png)", metadata=node.cells[place].metadata)
    note.attachments = {"a.png": {"image/png": "aGk="}}
    node.cells[place] = note
    nbformat.write(node, root / "work/03_attention.ipynb")
    work.update(root)
    nbformat.validate(load(root))
    assert any("attachment:a.png" in source for source in codes(load(root)))


def test_an_old_notebook_is_never_written_over(tmp_path):
    root = begun(tmp_path)
    (root / "work/old").mkdir()
    (root / "work/old/quiz of 1.1.0.ipynb").write_text("another one")
    _, quiz = work.update(root)
    assert quiz.endswith("the old one is work/old/quiz of 1.1.0 (2).ipynb")
    assert (root / "work/old/quiz of 1.1.0.ipynb").read_text() == "another one"


@pytest.mark.parametrize(
    ("number", "says"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "cannot be written to")]
)
def test_a_full_disk_or_a_folder_that_cannot_be_written_is_one_sentence(
    tmp_path, monkeypatch, capsys, number, says
):
    root = begun(tmp_path)
    before = everything(root)

    def fail(*_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", fail)
        assert work.main([str(root)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("work/ could not be brought up to date") and said.count("\n") == 1
    assert everything(root) == before
    done = f"import sys; print({said!r}); sys.exit(1)"
    with pytest.raises(SystemExit, match=f"Could not bring work/ up to date: .*{says}"):
        open_jupyter.steps.run("bring work/ up to date", [sys.executable, "-c", done], root)
    assert len(work.update(root)) == 2


def test_saved_outputs_are_trusted_after_the_move_if_they_were_before(tmp_path):
    root = begun(tmp_path)
    notary = work._notary()
    node = load(root)
    assert not notary.check_signature(node)  # somebody's file, never saved in this JupyterLab
    work.update(root)
    assert not notary.check_signature(load(root))
    notary.sign(load(root))
    issue(root, "2.0.0")
    work.update(root)
    assert notary.check_signature(load(root))
    issue(tmp_path / "fresh", "1.1.0")
    work.update(tmp_path / "fresh")
    assert notary.check_signature(load(tmp_path / "fresh"))


def test_commands_look_into_work_first(tmp_path, monkeypatch):
    root, name = tmp_path / "course", f"{notebooks.names()[0]}.ipynb"
    monkeypatch.setattr(check_notebooks.notebooks, "ROOT", root)
    for folder in ("notebooks", "solutions", "work/old", "elsewhere"):
        (root / folder).mkdir(parents=True)
    (root / "notebooks" / name).write_text("{}")

    def found(place):
        monkeypatch.chdir(place)
        return check_notebooks.default_folder()

    assert found(root) == found(root / "work/old") == root / "notebooks"
    (root / "work" / name).write_text("{}")
    assert found(root) == found(root / "work") == found(root / "elsewhere") == root / "work"
    assert found(root / "solutions") == found(root / "notebooks") == root / "notebooks"
    (root / "elsewhere" / name).write_text("{}")
    assert found(root / "elsewhere") == root / "elsewhere"


@pytest.mark.slow
def test_jupyterlab_opens_on_work_and_its_page_says_what_changed(tmp_path, monkeypatch, capfd):
    root, opened = begun(tmp_path), []
    monkeypatch.setattr(open_jupyter, "_open", lambda python, folder, *_: opened.append(folder))
    monkeypatch.setenv("LLM_COURSE_NEWS", "")
    open_jupyter.open_lab(sys.executable, root, [])
    news = capfd.readouterr().out
    assert opened == [root / "work"] and "quiz went from 1.1.0 to 1.2.0" in news
    assert os.environ["LLM_COURSE_NEWS"] in news
    assert "1.2.0; yours in it" in start_page.page(
        None, root / "work", os.environ["LLM_COURSE_NEWS"]
    )
    assert "llm-news" not in start_page.page(None, root / "work")


def test_a_prediction_cell_is_read_and_written():
    cell = 'predict(\n    "é",\n    "Which?",\n    {"A": "x"},\n    yours="A",  # sure\n)'
    assert guess_in(cell) == ("'é'", '"A"', {"A": "x"})
    assert with_guess(cell, "None") == cell.replace('"A",  #', "None,  #")
    assert guess_in('predict("é", "How much?", yours=1 / 3)') == ("'é'", "1 / 3", {})
    assert guess_in('predict("é", "Which?", {["A"]: "x"}, yours=1)')[2] == {}
    assert guess_in(f"x = predict({'+'.join('1' * 5000)})")[2] == {}


def test_a_guess_goes_along_as_it_was_typed(tmp_path):
    """`yours=A` and `yours=50%` are guesses; where the question is another cell, in quotes."""
    first_edition(tmp_path)
    node = load(tmp_path)
    for part, typed in (('"mass"', "50%"), ('"which"', "A")):
        at(node, part).source = at(node, part).source.replace("yours=...", f"yours={typed}")
    nbformat.write(node, tmp_path / "work/03_attention.ipynb")
    issue(tmp_path, "1.2.0")
    said, *_ = work.update(tmp_path)
    assert "2 predictions" in said
    mass, which = at(load(tmp_path), '"mass"').source, at(load(tmp_path), '"which"').source
    assert mass == 'predict("mass", "How much of it?", yours="50%")'
    assert guess_in(which)[1] == '"B"'


def answered(root, name, old, new):
    """A learner's cell that holds `old`, with `new` in its place."""
    node = load(root, name)
    cell = at(node, old)
    cell.source = cell.source.replace(old, new)
    nbformat.write(node, root / "work" / f"{name}.ipynb")


@pytest.mark.parametrize("old", ["- **D**  d", "What is left open?"])
def test_a_note_in_a_question_costs_no_answer(tmp_path, old):
    first_edition(tmp_path)
    answered(tmp_path, "quiz", "q03 = None", 'q03 = "D"')
    node = load(tmp_path, "quiz")
    at(node, "What is left open?").source = at(node, "What is left open?").source.replace(
        old, f"{old}\n\nA note of mine."
    )
    nbformat.write(node, tmp_path / "work/quiz.ipynb")
    issue(tmp_path, "1.2.0")
    work.update(tmp_path)
    assert 'q03 = "D"' in codes(load(tmp_path, "quiz"))


def test_an_answer_that_was_merged_into_another_cell_counts_on(tmp_path):
    """JupyterLab's merged cell has the marks of the cell that was active, a helper's, say: none."""
    first_edition(tmp_path)
    node = load(tmp_path)
    place = node.cells.index(at(node, "def solved"))
    node.cells[place] = new_code_cell(f"helper = 1\n\n{MINE}")
    nbformat.write(node, tmp_path / "work/03_attention.ipynb")
    issue(tmp_path, "1.2.0")
    said, *_ = work.update(tmp_path)
    assert "yours in it: 1 answer; new: added;" in said
    assert at(load(tmp_path), MINE).metadata.nbgrader.grade_id == "solved"


def test_comments_beside_guesses_go_along_where_the_prediction_is_asked_anew(tmp_path):
    first_edition(tmp_path)
    old = "yours=...)"
    node = load(tmp_path)
    for part, guess in (('"mass"', "0.25"), ('"which"', '"A"')):
        cell = at(node, part)
        cell.source = cell.source.replace(old, f"yours={guess})  # for {part[1:-1]} I know why")
    nbformat.write(node, tmp_path / "work/03_attention.ipynb")
    issue(tmp_path, "1.2.0")
    work.update(tmp_path)
    mass, which = at(load(tmp_path), '"mass"').source, at(load(tmp_path), '"which"').source
    assert mass == 'predict("mass", "How much of it?", yours=0.25)\n# for mass I know why'
    assert which.endswith('yours="B")\n# for which I know why')
    assert merge.is_prediction(which) and guess_in(which)[1] == '"B"'


def test_half_a_character_is_no_damage(tmp_path):
    root = begun(tmp_path)
    node = load(root)
    node.cells.append(new_markdown_cell("my note \ud83d"))
    (root / "work/03_attention.ipynb").write_text(json.dumps(node))  # escapes what is no text
    assert not any("was left as it is" in said for said in work.update(root))
    assert any("my note ?" in cell.source for cell in load(root).cells)
