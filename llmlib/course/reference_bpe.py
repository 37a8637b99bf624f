"""BPE by `tokenizers`, in the course's terms: what test cells compare a learner's BPE with."""

import json
from collections.abc import Callable
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from llmlib.tokenizer_files import CHAR_TO_BYTE


def train(text: str, vocab_size: int) -> tuple[list[tuple[int, int]], Callable[[str], list[int]]]:
    """Byte-level BPE trained on `text`: (merges as id pairs, encode: text -> ids in the course's
    numbering). Raises ValueError if two merges spell the same token: ids then differ between
    implementations, so take another text."""
    reference = Tokenizer(models.BPE())
    reference.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    limits: Any = {"vocab_size": vocab_size, "initial_alphabet": alphabet}
    reference.train_from_iterator([text], trainers.BpeTrainer(**limits, show_progress=False))
    by_id = sorted((i, token) for token, i in reference.get_vocab().items())
    vocab = [token for _, token in by_id]  # 256 printable bytes, then one per merge
    ours = [CHAR_TO_BYTE[token] for token in vocab[:256]] + list(range(256, len(vocab)))
    number = dict(zip(vocab, ours))
    pairs = json.loads(reference.to_str())["model"]["merges"]
    if len(pairs) != len(number) - 256:
        raise ValueError("two merges of this text spell the same token: take another text")
    assert all(number[left + right] == 256 + i for i, (left, right) in enumerate(pairs))
    merges = [(number[left], number[right]) for left, right in pairs]
    return merges, lambda text: [ours[i] for i in reference.encode(text).ids]
