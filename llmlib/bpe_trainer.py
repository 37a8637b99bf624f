"""Learn the merges of byte-level BPE from a text of any length."""

import gc
import heapq
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from contextlib import contextmanager

from llmlib.pretokenizer import blocks, split, split_special, to_bytes
from llmlib.tokenizer_files import BYTE_TO_CHAR

_BYTES_IN_ORDER = sorted(BYTE_TO_CHAR, key=BYTE_TO_CHAR.get)  # the order in which ties are broken
_BYTE_TO_RANK = bytes(sorted(range(256), key=_BYTES_IN_ORDER.__getitem__))


def train_bpe(
    text: str | Iterable[str], vocab_size: int, special_tokens: Collection[str] = ()
) -> list[tuple[bytes, bytes]]:
    """Learn merges from `text` until there are `vocab_size` tokens: 256 bytes, the merges, the
    special tokens.

    `text` may come in chunks: `train_bpe(open("book.txt", encoding="utf-8"), 4096)` reads the file
    as it counts, and memory holds the different pieces, not the text. Ties go to the pair that
    comes first, as in `tokenizers`: bytes in the order of GPT-2's printable alphabet, then merges
    by age. Fewer merges come back when pairs run out. ValueError if `vocab_size` has no room for
    the bytes.
    """
    n_merges = vocab_size - 256 - len(special_tokens)
    if n_merges < 0:
        raise ValueError(
            f"vocab_size is {vocab_size}, but 256 bytes and {len(special_tokens)} special tokens "
            f"need {256 + len(special_tokens)}: ask for at least that many"
        )
    return _learn(_count_pieces(text, special_tokens), n_merges)


def _count_pieces(text: str | Iterable[str], special_tokens: Collection[str]):
    pieces = Counter()
    for block in blocks(text, special_tokens):
        for part in split_special(block, special_tokens):
            if part not in special_tokens:
                pieces.update(split(part))
    return pieces


@contextmanager
def _without_garbage_collection():
    """Switch the garbage collector off: there are many small lists and no cycles, and looking for
    some would take a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@_without_garbage_collection()
def _learn(pieces: Counter[str], n_merges: int):
    times = list(pieces.values())

    # A word is written with one character a token, so that merging is str.replace. The first 256
    # characters are the bytes in the order in which ties are broken.
    words = [to_bytes(piece).translate(_BYTE_TO_RANK).decode("latin-1") for piece in pieces]
    spelling = {chr(rank): bytes([b]) for rank, b in enumerate(_BYTES_IN_ORDER)}
    character = {token: c for c, token in spelling.items()}

    holders, counts, queue = _count_pairs(words, times)
    merges = []
    while queue and len(merges) < n_merges:
        highest = max(queue)
        ties = []
        for pair in queue.pop(highest):
            if counts[pair] == highest:
                ties.append(pair)
            elif counts[pair]:  # merges have taken some of it away: its turn comes later
                queue[counts[pair]].append(pair)
        heapq.heapify(ties)
        while ties and len(merges) < n_merges:
            pair = heapq.heappop(ties)
            if counts[pair] != highest:
                if counts[pair]:
                    queue[counts[pair]].append(pair)
                continue
            left, right = spelling[pair[0]], spelling[pair[1]]
            merges.append((left, right))
            new = character.setdefault(left + right, chr(len(spelling)))  # two may spell the same
            spelling[new] = left + right
            for old, new_pair, numbers in _merge_words(words, holders.pop(pair), pair, new):
                n = sum(map(times.__getitem__, numbers))
                counts[old] -= n
                counts[new_pair] = n = n + counts.get(new_pair, 0)
                holders[new_pair] += numbers
                if n == highest:
                    heapq.heappush(ties, new_pair)
                else:
                    queue[n].append(new_pair)
            counts[pair] = 0
    return merges


def _count_pairs(words: list[str], times: list[int]):
    """Return (holders: the numbers of the words that hold a pair, one a time; counts: how often a
    pair occurs; queue: the pairs by how often they occurred when last looked at). A merge changes
    only the words that hold its pair, so these are kept up to date."""
    holders = defaultdict(list)
    for i, word in enumerate(words):
        for a, b in zip(word, word[1:]):
            holders[a + b].append(i)
    counts = {pair: sum(map(times.__getitem__, numbers)) for pair, numbers in holders.items()}
    queue = defaultdict(list)
    for pair, n in counts.items():
        queue[n].append(pair)
    return holders, counts, queue


def _merge_words(words: list[str], numbers: list[int], pair: str, new: str):
    """Replace `pair` by the character `new` in the words numbered in `numbers`.

    Returns what that does to neighbours: (a pair that is gone, the pair in its place, the numbers
    of the words, one a time)."""
    before, after, between = defaultdict(list), defaultdict(list), []
    for i in numbers:
        parts = words[i].split(pair)
        if len(parts) == 1:  # another merge took the pair away
            continue
        words[i] = new.join(parts)
        for left, right in zip(parts, parts[1:]):
            if left:
                before[left[-1]].append(i)
            if right:
                after[right[0]].append(i)
        if len(parts) > 2:  # two of them side by side
            between += [i] * parts[1:-1].count("")
    first, second = pair
    changes = [(c + first, c + new, numbers) for c, numbers in before.items()]
    changes += [(second + c, new + c, numbers) for c, numbers in after.items()]
    return changes + ([(second + first, new + new, between)] if between else [])
