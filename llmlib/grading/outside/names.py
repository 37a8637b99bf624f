"""What a test cell sees: our imports, its own names, and the learner's functions, to be called."""

import builtins
from typing import Any, NoReturn

from llmlib.grading.outside.remote import Call
from llmlib.grading.outside.told import LearnerError

REFUSED = (
    "eq ne lt le gt ge bool len iter getitem contains hash add radd sub mul matmul index float int"
)


class Proxy:
    """A learner's function, seen from a test: it can be called and nothing else; it equals
    nothing and is not true."""

    __slots__ = ("_call", "_name")

    def __init__(self, call: Call, name: str) -> None:
        self._call, self._name = call, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(self._name, args, kwargs)

    def _refuse(self, *_: Any) -> NoReturn:
        raise LearnerError(
            f"`{self._name}` is a function of the learner's: a test may only call it"
        )


for _name in REFUSED.split():
    setattr(Proxy, f"__{_name}__", Proxy._refuse)


class Names(dict):
    """A test cell's globals: our imports; a name that is neither those nor its own is the
    learner's."""

    def __init__(self, ours: dict[str, Any], call: Call) -> None:
        super().__init__(ours, __name__="test_cell")
        self._call = call

    def __missing__(self, name: str) -> Proxy:
        if hasattr(builtins, name):
            raise KeyError(name)
        return Proxy(self._call, name)
