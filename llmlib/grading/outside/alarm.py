"""A limit on our own work: a test cell that turns over what came back."""

import contextlib
import signal
import time
from collections.abc import Iterator
from typing import Any, NoReturn

from llmlib.grading.outside.told import Exceeded


@contextlib.contextmanager
def alarm(seconds: float, what: str) -> Iterator[None]:
    """Raise Exceeded after that time. An alarm that was set before goes on afterwards."""

    def stop(*_: Any) -> NoReturn:
        raise Exceeded(f"{what} took longer than {seconds:g} s and was stopped")

    before, began = signal.signal(signal.SIGALRM, stop), time.monotonic()
    left = signal.setitimer(signal.ITIMER_REAL, seconds)[0]
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(0.01, left + began - time.monotonic()))
