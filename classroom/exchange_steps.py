"""Let nbgrader's steps use an exchange in which learners can write to `inbound` only.

nbgrader's own insist on a root that everybody can write to, where a learner could fill the disk
with anything, or make a course of their own. docs/hub/nbgrader_config.py names these instead.
"""

import os
from typing import Any

from nbgrader.exchange import default
from nbgrader.utils import check_directory


class _Entered(default.Exchange):
    def ensure_root(self) -> None:
        """Ask that the exchange can be entered, which is all that a learner needs of its root."""
        if not check_directory(self.root, execute=True):
            self.fail(f"{self.root} cannot be entered by you: ask your instructor")


class InboundSubmit(_Entered, default.ExchangeSubmit):
    """Hand in; nbgrader asks whether `inbound` can be written to."""


class InboundList(_Entered, default.ExchangeList):
    """List what is released and what was handed in."""


class InboundFetchAssignment(_Entered, default.ExchangeFetchAssignment):
    """Fetch a notebook that is released."""


class InboundFetchFeedback(_Entered, default.ExchangeFetchFeedback):
    """Fetch what came back."""


class InboundReleaseAssignment(default.ExchangeReleaseAssignment):
    """Release a notebook, and leave the permissions of the exchange as they are."""

    def ensure_root(self) -> None:
        """Make the exchange where it is missing, writable to the one who makes it."""
        if not os.path.exists(self.root):
            try:
                os.makedirs(self.root)
                os.chmod(self.root, 0o2775 if self.coursedir.groupshared else 0o755)
            except PermissionError:
                self.fail(f"{self.root} cannot be made by you")


STEPS = {
    "submit": InboundSubmit,
    "list": InboundList,
    "fetch_assignment": InboundFetchAssignment,
    "fetch_feedback": InboundFetchFeedback,
    "release_assignment": InboundReleaseAssignment,
}


def configure(c: Any) -> None:
    """Make nbgrader with the config object `c` take these steps, but for those that `c` names."""
    for name, kind in STEPS.items():
        c.ExchangeFactory.setdefault(name, f"{__name__}.{kind.__name__}")
