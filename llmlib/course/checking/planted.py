"""Made-up models on which notebook 1's experiments are tried: what each of them knows is known."""

import random
from collections.abc import Callable

COMMON = "eeeetttaaaooinnsrhdl"  # letters as unequal as in English

# Models that spell ------------------------------------------------------------------------------


def words_of_letters(rng: random.Random, n: int, size: int = 5) -> list[str]:
    """Words of `size` letters, some letters far commoner than others, and others at each place."""
    letters = sorted(set(COMMON))
    places = [letters[3 * p :] + letters[: 3 * p] for p in range(size)]
    common = [COMMON.count(letter) for letter in letters]
    return ["".join(rng.choices(place, common)[0] for place in places) for _ in range(n)]


def spelled(word: str) -> str:
    """The answer of a model that knows every letter."""
    return " ".join(word)


def first_letter_only(word: str) -> str:
    """The answer of a model that knows how a word begins, and then always says the same."""
    return " ".join([word[0], *"etaoinsrhd"[: len(word) - 1]])


# Models that answer how often a letter occurs ---------------------------------------------------

Counter = Callable[[str, str], int]


def _always(n: int) -> Counter:
    return lambda letter, word: n


def _by_length(letters: int) -> Counter:
    return lambda letter, word: len(word) // letters


def _by_doubles(letter: str, word: str) -> int:
    return 1 + any(a == b for a, b in zip(word, word[1:]))


NOT_COUNTING: dict[str, Counter] = {
    **{f"says {n} to every question": _always(n) for n in range(10)},
    **{
        f"says a number for the length of the word (letters / {n}, rounded down)": _by_length(n)
        for n in (2, 3, 4)
    },
    "says 2 if a letter stands twice in a row anywhere in the word, and 1 if not": _by_doubles,
}


def share_right(model: Counter, questions: list[tuple[str, str]]) -> float:
    """The share of the questions (letter, word) that a made-up model answers right."""
    right = sum(model(letter, word) == word.count(letter) for letter, word in questions)
    return right / len(questions)
