"""Cutting text before any merging: at special tokens, then into the pieces that no merge may cross.

A text of any length is cut in blocks, and a file can be read block by block, so that memory holds
one block and not the text.
"""

from collections.abc import Iterable, Iterator

import regex

from llmlib.token_files import GPT2_SPLIT

BLOCK = 1 << 18  # characters


def to_bytes(text: str) -> bytes:
    """UTF-8 bytes of `text`. Raises ValueError for half of a surrogate pair."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            "the text holds half of a surrogate pair "
            f"(U+{ord(text[error.start]):04X}), which stands for no character: read the text "
            "as UTF-8, or drop it"
        ) from None


def split(text: str, patterns=(GPT2_SPLIT,)) -> list[str]:
    """Cut `text` into pieces that no merge may cross; joined, they are the text. Patterns apply
    one after another."""
    pieces = [text]
    for pattern in patterns:
        pieces = [part for piece in pieces for part in regex.findall(pattern, piece)]
    return pieces


def split_special(text: str, special_tokens) -> list[str]:
    """Cut `text` before and after each special token, the longest first where two begin alike."""
    if not special_tokens:
        return [text]
    longest_first = sorted(special_tokens, key=len, reverse=True)
    pattern = "(" + "|".join(map(regex.escape, longest_first)) + ")"
    return [part for part in regex.split(pattern, text) if part]


def several(special_tokens):
    """`special_tokens`; ValueError for one str, whose letters would be taken for tokens."""
    if isinstance(special_tokens, str):
        one = repr(special_tokens)
        raise ValueError(f"special_tokens is {one}, one str: give a list of them, [{one}]")
    return special_tokens


def blocks(text: str | Iterable[str], special_tokens=()) -> Iterator[str]:
    """Cut a text, or the chunks of one as they come (an open file is an iterable of its lines),
    where GPT-2's pattern cuts in any case: before white space that follows something else.

    The pieces of the blocks are those of the whole text, wherever the chunks end. Text without
    white space stays one block, and so does any text if a special token has such a place inside.
    """
    chunks = text
    if isinstance(text, str):
        chunks = (text[i : i + BLOCK] for i in range(0, len(text), BLOCK))
    may_cut = not any(regex.search(r"\S\s", token) for token in several(special_tokens))
    held, size = [], 0
    for chunk in chunks:
        if not isinstance(chunk, str):
            raise ValueError(
                f"the text comes in chunks of {type(chunk).__name__}, and str was expected: "
                "open the file as text, with its encoding"
            )
        size += len(chunk)
        cut = _last_cut(chunk) if may_cut and size >= BLOCK else None
        if cut is not None:
            yield "".join([*held, chunk[:cut]])
            chunk, held, size = chunk[cut:], [], 0
        held.append(chunk)
    yield "".join(held)


def _last_cut(text):
    for i in range(len(text) - 1, 0, -1):
        if text[i] in " \n" and not text[i - 1].isspace():
            return i
    return None
