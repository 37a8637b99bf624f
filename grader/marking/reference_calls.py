"""Answer calls of the course's own functions from a learner's code: of an answer that given code
needs, or of an earlier function in place of a wrong one. They run in a separate process."""

import pkgutil
from collections.abc import Sequence, Set
from typing import Any

from grader.host.rpc import LearnerError, RemoteProcess
from grader.host.sandbox import Sandbox
from grader.host.time_limits import Died, Exceeded, Limits
from grader.marking.library_slice import TOY_MODEL, LibrarySlice


class ReferenceCalls:
    """Answer what the learner's process asks for by name, if the name is in `may_ask`."""

    def __init__(self, sandbox: Sandbox, library: LibrarySlice, limits: Limits) -> None:
        self.process = RemoteProcess(sandbox, library.official, library.whole, limits)
        self.toy = {
            name: pkgutil.resolve_name(full_name)
            for name, full_name in library.answers.items()
            if full_name.startswith(TOY_MODEL)
        }
        self.may_ask: Set[str] = frozenset()
        self.asked: set[str] = set()  # what was asked for, and might be

    def begin(self, may_ask: Set[str]) -> None:
        """Begin each half of a test."""
        self.may_ask, self.asked = may_ask, set()

    def answer(self, name: str, args: Sequence, kwargs: dict[str, Any]) -> list:
        """Return the message for guest/process.py."""
        if name not in self.may_ask:
            return ["off"]
        if name in self.toy:
            return self._toy(name, args, kwargs)
        self.asked.add(name)
        try:
            if self.process.child is None:
                self.process.begin(())
            return ["value", self.process.call(name, args, kwargs)]
        except LearnerError as error:
            return ["error", error.builtin or "TypeError", error.text]
        except Exceeded as limit:
            self.process.stop()
            if isinstance(limit, Died):
                return ["error", "RuntimeError", str(limit)]
            raise

    def _toy(self, name: str, args: Sequence, kwargs: dict[str, Any]) -> list:
        try:
            return ["value", self.toy[name](*args, **kwargs)]
        except (TypeError, ValueError) as error:
            return ["error", type(error).__name__, str(error)]
