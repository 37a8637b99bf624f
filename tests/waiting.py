"""Waits for what another thread or process does."""

import time


def until(condition, seconds=300):
    """Return once `condition()` holds; it must within a time that even a busy machine has."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)
