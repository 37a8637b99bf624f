"""Every claim holds together with its control, and stands in its notebook word for word."""

import re

import frame
import pytest

pytestmark = pytest.mark.claims
ALL = [(notebook, name) for notebook in frame.names() for name in frame.claims(notebook)]


@pytest.mark.parametrize("notebook, name", ALL)
def test_the_sentence_stands_in_the_notebook(notebook, name):
    sentences, control = frame.read(frame.claims(notebook)[name])
    assert sentences, "quote the notebook's sentence in “ ”"
    assert re.search(r"\w{3}", control), "say after the quotation what the control is"
    for sentence in sentences:
        assert sentence in frame.prose(notebook), f"not in solutions/{notebook}.py: {sentence}"


@pytest.mark.parametrize("notebook, name", ALL)
def test_the_claim_holds(notebook, name):
    figures = frame.claims(notebook)[name]()
    assert type(figures) is str and figures, "return the figures as one line of text"
