"""Train BPE by `tokenizers`, in the course's terms: test cells compare a learner's with it."""

import json
from collections.abc import Callable
from typing import Any

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from llmlib.tokenizer_files import CHAR_TO_BYTE


def train(text: str, vocab_size: int) -> tuple[list[tuple[int, int]], Callable[[str], list[int]]]:
    """Train byte-level BPE on `text`: (merges as id pairs, encode: text -> ids in the course's
    numbering). Raises ValueError if two merges spell the same token: ids then differ between
    implementations, so take another text."""
    reference = Tokenizer(models.BPE())
    reference.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    limits: Any = {"vocab_size": vocab_size, "initial_alphabet": alphabet}
    reference.train_from_iterator([text], trainers.BpeTrainer(**limits, show_progress=False))
    by_id = sorted((i, token) for token, i in reference.get_vocab().items())
    vocab = [token for _, token in by_id]  # 256 printable bytes, then one per merge
    course_ids = [CHAR_TO_BYTE[token] for token in vocab[:256]] + list(range(256, len(vocab)))
    number = dict(zip(vocab, course_ids))
    pairs = json.loads(reference.to_str())["model"]["merges"]
    if len(pairs) != len(number) - 256:
        raise ValueError("two merges of this text spell the same token: take another text")
    assert all(number[first + second] == 256 + i for i, (first, second) in enumerate(pairs))
    merges = [(number[first], number[second]) for first, second in pairs]
    return merges, lambda text: [course_ids[i] for i in reference.encode(text).ids]
