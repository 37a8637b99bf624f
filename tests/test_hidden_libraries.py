"""A library that holds whole answers is not in a learner's process; to import it costs nothing."""

from contextlib import closing

import pytest

from classroom.checking.submission import Cell
from exercises.format import notebooks
from grader.marking.runner import Runner

pytestmark = [pytest.mark.security, pytest.mark.needs("bubblewrap")]
NAME = "04_layers"
READY = """def rms_norm(x, weight, eps=1e-5):
    from transformers.models.llama.modeling_llama import LlamaRMSNorm
    norm = LlamaRMSNorm(x.shape[-1], eps)
    norm.weight.data = weight
    return norm(x)"""


@pytest.fixture(scope="module")
def runner():
    with closing(Runner([notebooks.load(NAME)])) as runner:
        yield runner


def grade(runner, source):
    return runner.grade(notebooks.load(NAME), [Cell("code", "rms_norm", source)])["rms_norm"]


def test_an_answer_of_transformers_scores_nothing(runner):
    outcome = grade(runner, READY)
    assert outcome.points == 0 and "transformers" in outcome.message


def test_what_stands_below_its_import_runs(runner):
    (task,) = (each for each in notebooks.load(NAME).exercises if each.name == "rms_norm")
    above = "import transformers\nfrom transformers import LlamaConfig\nLlamaConfig().vocab_size"
    assert grade(runner, f"{above}\n{task.solution}").solved
