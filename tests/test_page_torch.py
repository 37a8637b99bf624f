"""The page's torch is held against the real one: operation by operation, and with every answer to
every exercise. Both run in processes of their own, without a browser: the page's Python is plain
Python, and the real `regex` stands for the browser's."""

import io
import json
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import answer_runner as A
import pytest
import regex
import torch
import torch_operations
from torch_operations import DIGITS, far

from authoring.site import python_parts
from exercises.format import notebooks

pytestmark = [pytest.mark.graders, pytest.mark.slow]
HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "web" / "python"
RUN = "import runpy, sys; sys.path[:0] = {}; runpy.run_path({!r}, run_name='__main__')"

# {(notebook, exercise, title): why the page judges this answer in another way}. At most one in two
# hundred; one that is judged as in the notebook must not stand here.
OTHERWISE = {
    (
        "02_embeddings",
        "control_sums",
        "cannot fail: the partner in a shuffled list of capitals",
    ): "two cosines that are equal but for the order in which the real torch rounds; both "
    "messages say that the control cannot come out otherwise",
    (
        "07_kv_cache_and_scaling",
        "cache_bytes",
        "the tensors' own nbytes, on the device that holds nothing",
    ): "the page has one device, and says that `meta` is not in the page",
}

ANSWERS = [*A.answers()]  # and of each exercise the solution and the stub
for book in notebooks.lessons():
    for task in book.exercises:
        ANSWERS.append(A.Answer(book.name, task.name, "solution", "official", task.solution))
        said = "not written yet"
        ANSWERS.append(A.Answer(book.name, task.name, "stub", "untouched", task.stub, says=said))


def params(answers):
    """Those of the exercise that tries thousands of fits are for `make proof`."""
    slow = {"fit_power_law": [pytest.mark.proof]}
    return [
        pytest.param(each, id=f"{each.notebook}: {each}", marks=slow.get(each.function, ()))
        for each in answers
    ]


def command(path, program):
    """The words that start a program which has `path` and Python's library alone."""
    code = RUN.format([str(each) for each in path], str(HERE / program))
    return [sys.executable, "-S", "-B", "-c", code]


def in_the_page(program, job):
    """What a program prints, a JSON value a line, with the page's modules."""
    done = subprocess.run(
        command([PAGE], program), input=json.dumps(job), capture_output=True, text=True
    )
    assert not done.returncode, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


def differs(case, mine, theirs):
    """What is different, or None."""
    if "error" in mine or "error" in theirs:
        return "error" if mine.get("error") != theirs.get("error") else None
    for what in ("dtype", "shape"):
        if mine.get(what) != theirs.get(what):
            return what
    share = 0 if case["exact"] else DIGITS.get(theirs["dtype"].removeprefix("torch."), 0)
    if far(mine["values"], theirs["values"], share):
        return "values"
    coarse = max([DIGITS.get(d, 0) for _, _, d, _ in case["makes"]], default=0)
    return "gradients" if far(mine["grads"], theirs["grads"], coarse) else None


@pytest.mark.verdict("web/python/**/*.py", "tests/torch_operations.py")
@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.proof) for seed in (1, 2))]
)
def test_every_operation_gives_torchs_numbers(seed):
    """Types, shapes, numbers, gradients and kinds of errors, on tensors of random shapes, types and
    strides; sums in float32, elementary arithmetic and random numbers to the last digit."""
    cases, wrong = list(torch_operations.cases(seed)), []
    found = in_the_page("torch_operations.py", cases)
    assert len(found) == len(cases) > 1000
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case, mine in zip(cases, found):
            theirs = json.loads(json.dumps(torch_operations.outcome(torch, case)))
            if what := differs(case, mine, theirs):
                makes = [[d, shape, view] for _, shape, d, view in case["makes"]]
                wrong.append(f"{what}: {case['does']} of {makes}\n    {theirs}\n    {mine}")
    assert not wrong, f"{len(wrong)} of {len(cases)} differ\n" + "\n".join(wrong[:20])


@pytest.fixture(scope="module")
def says(tmp_path_factory):
    """What the page says of an answer: None where its check passes. All are asked of one process,
    which has the real `regex`, since RegExp is a browser's."""
    folder = tmp_path_factory.mktemp("page")
    with zipfile.ZipFile(io.BytesIO(python_parts.archive())) as archive:
        archive.extractall(folder / "python")
    (folder / "real").mkdir()
    (folder / "real" / "regex").symlink_to(Path(regex.__file__).parent)
    words = command([folder / "real", folder / "python"], "answers_in_the_page.py")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}

    def said(answer):
        process.stdin.write(json.dumps([answer.notebook, answer.function, answer.code]) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    with subprocess.Popen(words, **pipes) as process:
        yield said


def as_written(answer, said):
    """Does the page say what the answer's file says?"""
    if answer.kind in ("right", "solution") or answer.hidden:
        return said is None
    return said is not None and answer.says in said


def test_few_answers_are_judged_in_another_way():
    known = {(each.notebook, each.function, each.title) for each in A.answers()}
    assert OTHERWISE.keys() <= known
    assert len(OTHERWISE) <= len(known) / 200


@pytest.mark.verdict(
    "solutions/*.py",
    "web/python/**/*.py",
    "tests/answers_in_the_page.py",
    "tests/answers/{answer.notebook}/*.py",
)
@pytest.mark.parametrize("answer", params(ANSWERS))
def test_an_answer_is_judged_as_in_the_notebook(says, answer):
    said, listed = says(answer), (answer.notebook, answer.function, answer.title) in OTHERWISE
    assert as_written(answer, said) != listed, said


LACKING = """
import torch
for look in ("torch.fft", "torch.nn.Conv2d", "torch.nn.functional.conv1d", "torch.zeros(1).svd",
             "torch.optim.LBFGS", "torch.linalg.svd", "torch.special.zeta"):
    try:
        eval(look)
    except AttributeError as error:
        print(f'"{error}"')
"""


def test_a_name_that_is_lacking_says_so(tmp_path):
    (tmp_path / "look.py").write_text(LACKING)
    said = in_the_page(tmp_path / "look.py", None)
    assert len(said) == 7
    assert said[1] == "torch.nn.Conv2d is not in the page: use the notebook (or is it misspelt?)"
    assert all("is not in the page: use the notebook" in each for each in said)
