"""What the other files hand to the door: every function of `torch` and method of `Tensor` is
registered here under its public name, and a name that nobody registered says so."""

FUNCTIONS = {}  # torch.NAME
METHODS = {}  # Tensor.NAME
IN_PLACE = {}  # Tensor.NAME_ is made of these


class NotInThePage(AttributeError):
    """torch has this name, perhaps; its stand-in does not."""


def public(*names, function=True, method=True, in_place=False):
    """Register a function under `names`, else under its own without the final underscore that
    keeps `sum_` from hiding Python's `sum`."""

    def register(f):
        own = names or (f.__name__.rstrip("_"),)
        f.__name__ = f.__qualname__ = own[0]
        for name in own:
            for kind, wanted in (FUNCTIONS, function), (METHODS, method), (IN_PLACE, in_place):
                if wanted:
                    kind[name] = f
        return f

    return register


def lacking(owner):
    """A module's `__getattr__`: names the name that is not here."""

    def __getattr__(name):
        if name.startswith("__"):  # Python's own questions
            raise AttributeError(f"module {owner!r} has no attribute {name!r}")
        refuse(f"{owner}.{name}")

    return __getattr__


def refuse(what):
    """Raise the sentence for something that only the notebook can do."""
    raise NotInThePage(f"{what} is not in the page: use the notebook (or is it misspelt?)")
