"""Byte-level BPE in plain Python against `tokenizers` and `tiktoken` (compiled Rust) and minbpe's
algorithm.

The text is made of the course's sentences, drawn again and again with new made-up names and
numbers, so that it goes on bringing words that were not seen before. `tokenizers` and `tiktoken`
run on one thread. Ids and merges are compared before anything is timed. minbpe is on no package
registry: its training loop is written down here anew.
"""

import json
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer as HuggingFace
from tokenizers import models, pre_tokenizers, trainers

from benchmarks.measure import Comparison, Unavailable, peer
from llmlib import assets, data, tokens
from llmlib.tokenizer_files import BYTE_TO_CHAR, GPT2_SPLIT

CODE = [f"llmlib/{name}.py" for name in "tokenizer_files pretokenizer bpe_trainer".split()]
CODE += ["llmlib/tokens.py:Tokenizer"]
MB = 1_000_000


def text_of(size, seed=0):
    """`size` characters: sentences of the course's stories in random order, one word in fifty a
    made-up one.
    """
    rng = random.Random(seed)
    sentences = [
        sentence.split(" ")
        for story in data.stories("train")
        for sentence in re.split(r"(?<=[.!?])\s", story.text)
    ]
    syllables = sorted(
        {
            w[i : i + 3].lower()
            for s in sentences[:2000]
            for w in s
            for i in (0, 3)
            if w[i : i + 3].isalpha()
        }
    )
    parts, length = [], 0
    while length < size:
        words = list(rng.choice(sentences))
        for _ in range(1 + len(words) // 50) if rng.random() < 0.5 else ():
            made_up = "".join(rng.choices(syllables, k=rng.randint(1, 4)))
            words[rng.randrange(len(words))] = rng.choice(
                [made_up, made_up.capitalize(), str(rng.randrange(10 ** rng.randint(1, 6)))]
            )
        sentence = " ".join(words) + rng.choice([" ", " ", " ", "\n\n"])
        parts.append(sentence)
        length += len(sentence)
    return "".join(parts)[:size]


def their_training(text, vocab_size):
    """`tokenizers` learns merges, in our form: pairs of bytes."""
    tokenizer = HuggingFace(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def minbpe(text, n_merges):
    """The training loop of minbpe's RegexTokenizer: count all pairs anew for each merge, over
    every piece of the text.
    """
    pieces = [list(piece.encode()) for piece in tokens.split(text)]
    merges = []
    for i in range(n_merges):
        counts = {}
        for ids in pieces:
            for pair in zip(ids, ids[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        pair = max(counts, key=counts.get)
        pieces = [tokens.merge(ids, pair, 256 + i) for ids in pieces]
        merges.append(pair)
    return merges


def gpt2_of_tiktoken():
    """GPT-2's tables in a `tiktoken.Encoding`, made offline. Raises `Unavailable`."""
    tiktoken = peer("tiktoken")
    gpt2 = tokens.Tokenizer.gpt2()
    ranks = {token: i for i, token in gpt2.vocab.items() if token != b"<|endoftext|>"}
    return tiktoken.Encoding(
        "gpt2", pat_str=GPT2_SPLIT, mergeable_ranks=ranks, special_tokens=gpt2.special_tokens
    )


def gpt2_of_tokenizers():
    encoder, merges = assets.gpt2_tables()
    tokenizer = HuggingFace(
        models.BPE(vocab=encoder, merges=[tuple(line.split(" ")) for line in merges])
    )
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def printable(token):
    """A token as `tokenizers` writes it."""
    return "".join(BYTE_TO_CHAR[b] for b in token)


def timed(tokenizer, text):
    """CPU seconds to encode `text`, without making the tokenizer."""
    encode = getattr(tokenizer, "encode_ordinary", tokenizer.encode)
    start = time.process_time()
    encode(text)
    return time.process_time() - start


def comparisons(quick):
    """Training, then encoding; texts grow tenfold, to see that time grows no faster."""
    yield from training(quick)
    yield from encoding(quick)


def training(quick):
    sizes = [(1, 512), (1, 4096)] if quick else [(2, 512), (2, 4096), (2, 32768), (20, 4096)]
    for size, n_merges in sizes:
        text, vocab_size = text_of(size * MB), 256 + n_merges
        theirs = json.loads(their_training(text, vocab_size).to_str())["model"]["merges"]
        ours = tokens.train_bpe(text, vocab_size)
        assert [tuple(map(printable, pair)) for pair in ours] == [tuple(pair) for pair in theirs], (
            "the merges differ from those of tokenizers"
        )
        yield Comparison(
            f"train {len(ours):,} merges on {size} MB",
            "CPU s",
            {
                "llmlib": lambda: tokens.train_bpe(text, vocab_size),
                "tokenizers": lambda: their_training(text, vocab_size),
            },
            goals={"tokenizers": 1.0},
            warm_up=0,  # both have just run
        )
    yield from reading_a_file(10 if quick else 100)
    text, n_merges = text_of(100_000), 16 if quick else 256
    yield Comparison(
        f"train {n_merges} merges on 0.1 MB",
        "CPU s",
        {
            "llmlib": lambda: tokens.train_bpe(text, 256 + n_merges),
            "minbpe's loop": lambda: minbpe(text, n_merges),
        },
        goals={} if quick else {"minbpe's loop": 100.0},
        warm_up=0 if quick else 1,
    )


def reading_a_file(size):
    """Both read the file as they count: a process each, which tells how much memory it came to."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "text.txt")
        with open(path, "w", encoding="utf-8") as file:
            for seed in range(size // 10):
                file.write(text_of(10 * MB, seed))
        jobs = {name: Process(program.format(path=str(path))) for name, program in PROGRAMS.items()}
        name = f"train 4,096 merges on a file of {size} MB"
        yield Comparison(name, "CPU s a text", jobs, goals={"tokenizers": 1.0}, warm_up=0)
        yield Comparison(
            name + ", memory",
            "MB",
            {name: lambda job=job: statistics.median(job.megabytes) for name, job in jobs.items()},
            repeats=1,
            warm_up=0,
        )


PROGRAMS = {
    "llmlib": """
from llmlib.tokens import train_bpe
def job():
    with open({path!r}, encoding="utf-8") as file:
        train_bpe(file, 256 + 4096)
""",
    "tokenizers": """
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
def job():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train([{path!r}], trainers.BpeTrainer(
        vocab_size=256 + 4096, initial_alphabet=alphabet, show_progress=False))
""",
}
WATCHED = """
import re, time
def kilobytes(what):
    return int(re.search(what + r":\\s+(\\d+)", open("/proc/self/status").read())[1])
start, before = time.process_time(), kilobytes("VmRSS")
job()
print(time.process_time() - start, kilobytes("VmHWM") - before)
"""


class Process:
    """A program in a process of its own: CPU seconds of its job; `megabytes` that it needed."""

    def __init__(self, program):
        self.program, self.megabytes = program, []

    def __call__(self):
        if not Path("/proc/self/status").exists():
            raise Unavailable("memory is read from /proc, which only Linux has")
        command, root = [sys.executable, "-c", self.program + WATCHED], Path(__file__).parents[1]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
        seconds, kilobytes = map(float, done.stdout.split())
        self.megabytes.append(kilobytes / 1000)
        return seconds


def encoding(quick):
    ours, theirs = tokens.Tokenizer.gpt2(), gpt2_of_tokenizers()
    try:
        tiktoken, missing = gpt2_of_tiktoken(), None
    except Unavailable as reason:
        tiktoken, missing = None, reason

    def by_tiktoken(job):
        if missing:
            raise missing
        return job(tiktoken)

    def ours_anew():
        """A tokenizer that remembers no piece, as that of `tokenizers` is made anew."""
        return tokens.Tokenizer(ours.merges, ours.special_tokens, ours.vocab)

    for size in [1] if quick else [1, 10]:
        text = text_of(size * MB, seed=1)
        ids = ours.encode(text)
        assert ids == theirs.encode(text).ids, "the ids differ from those of tokenizers"
        assert missing or tiktoken.encode_ordinary(text) == ids, "the ids differ from tiktoken's"
        yield Comparison(
            f"encode {size} MB, one string",
            "CPU s a text",  # without making the tokenizer, which has its memory still empty
            {
                "llmlib": lambda: timed(ours_anew(), text),
                "tokenizers": lambda: timed(gpt2_of_tokenizers(), text),
                "tiktoken": lambda: by_tiktoken(lambda t: timed(t, text)),
            },
            goals={"tokenizers": 1.0},
        )
    stories = [story.text for story in data.stories("train")]
    size = sum(map(len, stories)) / MB
    assert [ours.encode(story) for story in stories[:99]] == [
        encoding.ids for encoding in theirs.encode_batch(stories[:99])
    ]
    yield Comparison(
        f"encode {len(stories):,} stories, {size:.1f} MB, as one batch",
        "CPU s",
        {
            "llmlib": lambda: list(map(ours.encode, stories)),
            "tokenizers": lambda: theirs.encode_batch(stories),
            "tiktoken": lambda: by_tiktoken(
                lambda t: t.encode_ordinary_batch(stories, num_threads=1)
            ),
        },
    )
