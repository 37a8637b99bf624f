"""Cut text before any merging: at special tokens, then into the pieces that no merge may cross.

A text of any length is cut in blocks, and a file can be read block by block, so that memory holds
one block and not the text.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence

import regex

from llmlib.tokenizer_files import GPT2_SPLIT, SINGLE_DIGITS

BLOCK = 1 << 18  # characters
WHOLE = {GPT2_SPLIT, SINGLE_DIGITS}  # patterns that match every character


def to_bytes(text: str) -> bytes:
    """Return the UTF-8 bytes of `text`. Raises ValueError for half of a surrogate pair."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            "the text holds half of a surrogate pair "
            f"(U+{ord(text[error.start]):04X}), which stands for no character: read the text "
            "as UTF-8, or drop it"
        ) from None


def split(text: str, patterns: Sequence[str] = (GPT2_SPLIT,)) -> list[str]:
    """Cut `text` into pieces that no merge may cross; joined, they are the text. Patterns apply
    one after another. ValueError for a pattern of one's own that leaves some of the text out."""
    pieces = [text]
    for pattern in patterns:
        pieces = [part for piece in pieces for part in regex.findall(pattern, piece)]
    if not WHOLE.issuperset(patterns) and sum(map(len, pieces)) != len(text):
        raise ValueError(
            f"the patterns {list(patterns)} leave some of the text out: between them they must "
            "match every character, and have no groups (write (?:…) for (…))"
        )
    return pieces


def split_special(text: str, special_tokens: Collection[str]) -> list[str]:
    """Cut `text` before and after each special token, the longest first where two begin alike."""
    if not special_tokens:
        return [text]
    longest_first = sorted(special_tokens, key=len, reverse=True)
    pattern = "(" + "|".join(map(regex.escape, longest_first)) + ")"
    return [part for part in regex.split(pattern, text) if part]


def refuse_special_tokens(text: str, special_tokens: Collection[str]) -> str:
    """Return `text`, as somebody typed it. ValueError for half a character, and for a special
    token: in a chat only the template may write those."""
    to_bytes(text)
    for token in special_tokens:
        if token in text:
            raise ValueError(f"a message holds {token}, which only the chat template may write")
    return text


def several(texts: Iterable[str], name: str):
    """Return `texts`. Raises ValueError, by their name, for one str, whose letters would be taken
    for them."""
    if isinstance(texts, str):
        raise ValueError(f"{name} is {texts!r}, one str: give a list of them, [{texts!r}]")
    return texts


def blocks(text: str | Iterable[str], special_tokens: Collection[str] = ()) -> Iterator[str]:
    """Cut a text, or the chunks of one as they come (an open file is an iterable of its lines),
    where GPT-2's pattern cuts in any case: before white space that follows something else.

    The pieces of the blocks are those of the whole text, wherever the chunks end. Text without
    white space stays one block, and so does any text if a special token has such a place inside.
    """
    chunks = text
    if isinstance(text, str):
        chunks = (text[i : i + BLOCK] for i in range(0, len(text), BLOCK))
    may_cut = not any(
        regex.search(r"\S\s", token) for token in several(special_tokens, "special_tokens")
    )
    buffer, size = [], 0
    for chunk in chunks:
        if not isinstance(chunk, str):
            raise ValueError(
                f"the text comes in chunks of {type(chunk).__name__}, and str was expected: "
                "open the file as text, with its encoding"
            )
        size += len(chunk)
        place = _last_cut(chunk) if may_cut and size >= BLOCK else None
        if place is not None:
            yield "".join([*buffer, chunk[:place]])
            chunk, buffer, size = chunk[place:], [], 0
        buffer.append(chunk)
    yield "".join(buffer)


def _last_cut(text: str):
    for i in range(len(text) - 1, 0, -1):
        if text[i] in " \n" and not text[i - 1].isspace():
            return i
    return None
