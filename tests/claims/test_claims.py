"""Every claim holds together with its control, and stands in its notebook word for word."""

import re

import claim_runner
import pytest

pytestmark = pytest.mark.claims
ALL = [
    (notebook, name) for notebook in claim_runner.names() for name in claim_runner.claims(notebook)
]
AROUND = ("", "Questions to think about")  # no sections of their own


def central(notebook, name):
    return hasattr(claim_runner.claims(notebook)[name], "central")


def by_its_weight(pair):
    """A claim as a parameter: `make test` runs those that are central, but for the long ones."""
    claim = claim_runner.claims(pair[0])[pair[1]]
    left_out = not central(*pair) or hasattr(claim, "proof_only")
    return pytest.param(*pair, marks=pytest.mark.proof if left_out else ())


@pytest.mark.parametrize("notebook, name", ALL)
def test_the_sentence_stands_in_the_notebook(notebook, name):
    sentences, control = claim_runner.read(claim_runner.claims(notebook)[name])
    assert sentences, "quote the notebook's sentence in “ ”"
    assert re.search(r"\w{3}", control), "say after the quotation what the control is"
    for sentence in sentences:
        assert sentence in claim_runner.prose(notebook), (
            f"not in solutions/{notebook}.py: {sentence}"
        )


@pytest.mark.parametrize("notebook", claim_runner.names())
def test_one_claim_of_each_section_is_its_central_one(notebook):
    found = {}
    for name, claim in claim_runner.claims(notebook).items():
        found.setdefault(claim_runner.section(notebook, claim), []).append(name)
    for title in found.keys() - set(AROUND):
        marked = [name for name in found[title] if central(notebook, name)]
        assert len(marked) == 1, f"{title}: of {found[title]}, these are @central: {marked}"


@pytest.mark.verdict(
    "solutions/{notebook}.py", "tests/claims/{notebook}.py", "tests/claims/claim_runner.py"
)
@pytest.mark.parametrize("notebook, name", [by_its_weight(each) for each in ALL])
def test_the_claim_holds(notebook, name):
    figures = claim_runner.claims(notebook)[name]()
    assert type(figures) is str and figures, "return the figures as one line of text"


FALSE = [pair for pair in ALL if hasattr(claim_runner.claims(pair[0])[pair[1]], "false_where")]


@pytest.mark.verdict(
    "solutions/{notebook}.py", "tests/claims/{notebook}.py", "tests/claims/claim_runner.py"
)
@pytest.mark.parametrize("notebook, name", [by_its_weight(each) for each in FALSE])
def test_the_claim_fails_where_it_is_false(notebook, name):
    claim = claim_runner.claims(notebook)[name]
    where, given = claim.false_where
    try:
        figures = claim(**given)
    except AssertionError:
        return
    pytest.fail(f"the claim holds for {where}, too: {figures}")
