"""Are draws fair? Expected and observed counts of each token."""

import torch


def counted(draw, probabilities, u, least=5):
    """(expected, observed) counts of each token that is expected `least` times or more, in as many
    draws as there are `u`. Rarer tokens are put together before the draw, and left out."""
    common = probabilities * len(u) >= least
    groups = torch.cat([probabilities[common], probabilities[~common].sum()[None]])
    ids = draw(groups.expand(len(u), -1), u)
    observed = torch.bincount(ids, minlength=len(groups)).double()
    return (groups.double() * len(u))[:-1], observed[:-1]
