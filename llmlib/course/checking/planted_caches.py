"""Made-up caches with a bug each, on which notebook 7's test of a cache is tried."""

from collections.abc import Sequence

Runs = Sequence[tuple[str, int]]  # a text, how many new tokens
ROOM = 24  # tokens in the store that is too small

BUGS = {
    "no offset": (
        "it gives every new token position 0. No text of your test gets a second new token, and "
        "the first one comes from the prefill, which needs nothing that was kept"
    ),
    "old": (
        "it still holds the text before. Your test writes a single text, and that one finds an "
        "empty cache"
    ),
    "late": (
        "it is right for three new tokens and wrong from the fourth on. No text of your test gets "
        "that far"
    ),
    "small": (
        f"its store has room for {ROOM} tokens, and the first ones are overwritten once it is "
        "full. No text of your test, with its new tokens, gets that long"
    ),
}


def caught(bug: str, runs: Runs, modulus: int = 1009) -> bool:
    """Does a cache with that bug write anything that a right one does not?"""
    return _written(bug, runs, modulus) != _written("", runs, modulus)


def _written(bug: str, runs: Runs, modulus: int) -> list[list[int]]:
    """The new ids of each run, one after the other in the same cache."""
    found, old = [], list[int]()
    for text, n in runs:
        prompt, new = old + [ord(letter) for letter in text], list[int]()
        for _ in range(n):
            new.append(_next(bug, prompt, new, modulus))
        found.append(new)
        old = prompt + new if bug == "old" else []
    return found


def _next(bug: str, prompt: list[int], new: list[int], modulus: int) -> int:
    """A sum over all tokens and their places: whatever is lost or misplaced changes it."""
    ids = prompt + new
    places = list(range(len(prompt))) + [
        0 if bug == "no offset" else len(prompt) + i for i in range(len(new))
    ]
    kept = range(len(ids))[-ROOM:] if bug == "small" and new else range(len(ids))
    total = sum((places[i] + 1) * (ids[i] + 1) for i in kept)
    return (total + (bug == "late" and len(new) > 2)) % modulus
