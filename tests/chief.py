"""The parameters of a test of which `make test` runs some and `make proof` all."""

import pytest


def chief(values, *some):
    """Mark all `values` but `some` as proof."""
    return [pytest.param(each, marks=() if each in some else pytest.mark.proof) for each in values]
