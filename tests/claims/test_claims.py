"""Every claim holds together with its control, and stands in its notebook word for word."""

import re

import claim_runner
import pytest

pytestmark = pytest.mark.claims
ALL = [
    (notebook, name) for notebook in claim_runner.names() for name in claim_runner.claims(notebook)
]


@pytest.mark.parametrize("notebook, name", ALL)
def test_the_sentence_stands_in_the_notebook(notebook, name):
    sentences, control = claim_runner.read(claim_runner.claims(notebook)[name])
    assert sentences, "quote the notebook's sentence in “ ”"
    assert re.search(r"\w{3}", control), "say after the quotation what the control is"
    for sentence in sentences:
        assert sentence in claim_runner.prose(notebook), (
            f"not in solutions/{notebook}.py: {sentence}"
        )


@pytest.mark.parametrize("notebook, name", ALL)
def test_the_claim_holds(notebook, name):
    figures = claim_runner.claims(notebook)[name]()
    assert type(figures) is str and figures, "return the figures as one line of text"
