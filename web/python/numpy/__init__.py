"""There is no numpy in the page. These are the names of it that llmlib's checks look up, to take a
number of numpy's for the number that it is, and a toy's draw from numpy's generator."""

import random as _random
import types


class generic:
    """No value is of this class."""


class number(generic):
    """No value is of this class."""


class bool_(generic):
    """No value is of this class."""


class int64(number):
    """No value is of this class."""


class ndarray:
    """No value is of this class."""


random = types.SimpleNamespace(rand=_random.random)


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    raise ImportError(f"numpy.{name} is not in the page: use the notebook, or torch")
