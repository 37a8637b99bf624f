"""The solution notebooks say on other processors what they say here: with other orders of adding,
without vector instructions, on two threads. What was seen is kept for docs/evidence."""

import other_processors
import pytest

from exercises.format import notebooks

pytestmark = [
    pytest.mark.nbval,
    pytest.mark.verdict(
        "solutions/{notebook}.ipynb",
        "solutions/{notebook}.py",
        "tests/nbval.cfg",
        "tests/adding_order.py",
    ),
]
# of which `make test` runs two; in 05 and 07 models are trained, and the quiz computes little
SHORT = ["01_tokens", "02_embeddings", "03_attention", "04_layers", "06_sampling"]
LONG = [name for name in notebooks.names() if name not in SHORT]
OTHERS = [kind for kind in other_processors.KINDS if kind != "order 1"]


@pytest.mark.some(2)
@pytest.mark.parametrize(
    "notebook", SHORT + [pytest.param(name, marks=pytest.mark.proof) for name in LONG]
)
def test_no_output_hangs_on_the_order_of_adding(notebook):
    assert not far(notebook, "order 1")


@pytest.mark.proof
@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("notebook", notebooks.names())
def test_no_output_hangs_on_the_processor(notebook, kind):
    assert not far(notebook, kind)


def far(notebook, kind):
    """The cells of a notebook that move by more than a unit of the last printed place."""
    return [row for row in other_processors.measure(notebook, kind) if row[-1]]
