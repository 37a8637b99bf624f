"""A function of another notebook: the learner's where it passes its check, else the course's."""

import answer_runner
import nbformat
import pytest
import torch

from classroom.other_notebook import function_from

pytestmark = pytest.mark.graders
X = torch.ones(2)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("def rms_norm(x, weight, eps=1e-5):\n    return x * weight", "divide by the root"),
        ("def rms_norm(x) return x", ""),
        (None, "not written yet"),
    ],
)
def test_what_is_wrong_or_not_written_is_replaced_and_named(tmp_path, capsys, code, why):
    written = answer_runner.handed_in_notebook("04_layers", {"rms_norm": code} if code else {})
    nbformat.write(written, tmp_path / "04_layers.ipynb")
    function = function_from("04_layers", "rms_norm", tmp_path)
    said = capsys.readouterr().out
    assert said.startswith("rms_norm is the course's own here: yours in 04_layers") and why in said
    assert torch.allclose(function(3 * X, X), X)


def test_a_notebook_that_is_not_there_is_named(tmp_path, capsys):
    assert torch.allclose(function_from("04_layers", "rms_norm", tmp_path)(3 * X, X), X)
    assert "there is no 04_layers.ipynb" in capsys.readouterr().out


def test_the_learners_own_is_taken_with_what_it_needs(tmp_path, capsys):
    code = (
        "mine = []\n\ndef root(x, eps):\n    mine.append(1)\n"
        "    return torch.sqrt(x.pow(2).mean(-1, keepdim=True) + eps)\n\n"
        "def rms_norm(x, weight, eps=1e-5):\n    return x / root(x, eps) * weight"
    )
    written = answer_runner.handed_in_notebook("04_layers", {"rms_norm": code})
    nbformat.write(written, tmp_path / "04_layers.ipynb")
    function = function_from("04_layers", "rms_norm", tmp_path)
    assert capsys.readouterr().out == "" and len(function.__globals__["mine"]) > 1
    assert torch.allclose(function(3 * X, X), X)
