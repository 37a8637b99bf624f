"""Rival explanations as small programs. Notebook 6 asks whether a control tells them apart."""

import re
from collections.abc import Callable

# Why a phrase gets likelier with each copy. Each gives the probability of the next id after `ids`.


def words_are_known(ids: list[int], new: int) -> float:
    """The share of `new` among all ids so far, whatever their order."""
    return (ids.count(new) + 0.01) / (len(ids) + 1)


def order_is_known(ids: list[int], new: int) -> float:
    """The share of `new` among what has followed the last id before."""
    followed = [b for a, b in zip(ids, ids[1:]) if a == ids[-1]]
    return (followed.count(new) + 0.01) / (len(followed) + 1)


def last_copy(explanation: Callable[[list[int], int], float], copies: list[list[int]]) -> float:
    """Mean probability of the ids of the last copy, as an explanation expects it."""
    ids = [i for copy in copies for i in copy]
    start = len(ids) - len(copies[-1])
    return sum(explanation(ids[:at], ids[at]) for at in range(start, len(ids))) / len(copies[-1])


# What follows "Therefore, a robin has". A premise is one of these sentences.

RULE = re.compile(r"(All|No) (\w+) have (\w+)\.")
CASE = re.compile(r"A (\w+) is (not )?an? (\w+)\.")
SENTENCE = re.compile(r"[^.]+\.")


def unread(premises: str) -> str | None:
    """The first sentence that is neither a rule nor a case; None if there is none."""
    sentences = [each.strip() for each in SENTENCE.findall(premises)]
    left = SENTENCE.sub("", premises).strip()
    others = [each for each in sentences if not (RULE.fullmatch(each) or CASE.fullmatch(each))]
    return left or (others[0] if others else None)


def a_copier(premises: str) -> str | None:
    """The part that the last rule names."""
    rules = RULE.findall(premises)
    return rules[-1][2] if rules else None


def a_reasoner(premises: str, one: str, kinds: dict[str, str]) -> str | None:
    """The part that follows for `one`, None if none does. kinds: {one bird: many birds}."""
    names = [kind for who, no, kind in CASE.findall(premises) if who == one and not no]
    of = {kinds.get(name, f"{name}s") for name in (one, *names)}
    rules = [(word, part) for word, many, part in RULE.findall(premises) if many in of]
    denied = {part for word, part in rules if word == "No"}
    return next((part for word, part in rules if word == "All" and part not in denied), None)
