# %% [markdown]
# # 1 · Tokens
#
# A language model never sees a letter. It reads a list of whole numbers and answers with a number for each entry of its
# vocabulary. Something has to turn text into those numbers and back, and whatever that something does, the model must live with.
#
# **You will build** a byte-level BPE tokenizer: the trainer, the encoder, the decoder, and a decoder that streams. At the end your
# own `encode` produces the exact ids of GPT-2 and SmolLM2, and feeds a real model.
#
# **You need** Python's lists, dictionaries and `while` loops. Nothing about machine learning.
#
# **It takes** about two hours; the six exercises are marked with 70 minutes between them.
#
# First, the thing itself. SmolLM2-135M is a small language model: 135 million numbers, stored in about 4 bits each (and unpacked to 32
# here), trained by others to continue text and then to chat. It runs on your processor, without a network. Predict what
# comes next in "The capital of France is", and how sure a model can be about it. Then run the cells.

# %% given setup
import codecs
from collections import Counter

from llmlib.token_files import BYTE_TO_CHAR
from llmlib.tokens import Tokenizer, canonical, split

# %%
import torch

from llmlib import complete, pretrained
from llmlib.generation import top_tokens

torch.set_num_threads(2)
model = pretrained.load("smollm2")


def show_next(prompt, n=5):
    """The prompt's ids, and the n likeliest next tokens."""
    ids = model.tokenizer.encode(prompt)
    logits = model(ids)[0, -1]  # one number for each of the 49,152 tokens
    print(f"{prompt!r} is {ids}\n\n    id  next token     probability")
    for token_id, text, probability in top_tokens(model, logits, n):
        print(f"{token_id:6d}  {text!r:<14} {probability:.3f}")


show_next("The capital of France is")
print(
    "\nThe capital of France is"
    + complete(model, "The capital of France is", max_new_tokens=2)
)

# %% [markdown]
# ## 1.1 A function from ids to probabilities
#
# That is all a language model does: **token ids in, one probability for each token of its vocabulary out.** Inside, in four steps: each id
# looks up a vector (notebook 2), SmolLM2's thirty layers rework the vectors (3 and 4), the last vector is compared with every token
# of the vocabulary, and `softmax` turns the comparison into probabilities that sum to 1 (5). This notebook is about what comes before and after.
#
# The tutorial that this course grew out of prints P(Paris) = 0.87. That figure is an illustration. The table above has the figure of this
# model, 0.773; another model has another.
#
# **Predict:** "What is machine learning?" is a complete question. What is the likeliest *next token*: a definition, the word "Machine", something else?

# %%
show_next("What is machine learning?")

# %% [markdown]
# A model that continues text starts a new line, before it says anything. " Machine" is second, and `<|im_end|>`, the token that ends a
# message, third: the question could be all there is. Nobody told the model to answer. Answering is only one way to go on.
#
# Everything a language model seems to do is such a continuation: translating, coding, reckoning, knowing, telling. Read the output
# below as that, and judge each line yourself. This is a very small model, and at each step we take its likeliest token.

# %%
prompts = {
    "knowing": "The capital of Germany is",
    "translating": "English: cheese\nFrench: fromage\n\nEnglish: bread\nFrench:",
    "coding": "def add(a, b):\n    return",
    "telling": "Once upon a time, a small fox",
    "reckoning": "2 + 2 =",
    "reasoning": "All cats are animals. Tom is a cat. Therefore, Tom is",
}
for ability, prompt in prompts.items():
    print(f"{ability:<12} {prompt!r} -> {complete(model, prompt, max_new_tokens=8)!r}")

# %% [markdown]
# Fluent everywhere, right in some places. (The French for bread is *pain*.) The same function made all six lines; only the ids differed.
#
# ## 1.2 What to make ids of
#
# Which units should get a number?
#
# - **Words?** Then every name, typo and compound that was not in the list is unknown.
# - **Characters?** Unicode has well over 100,000 of them, most of them rare.
# - **Bytes?** Every text is a sequence of bytes, in the encoding UTF-8, and there are only 256. Nothing is ever unknown. But texts get
#   long, and a model pays for each position.
#
# The answer of GPT-2 and many models since (Llama 3, Qwen, SmolLM2) is in between: start from the 256 bytes, and let frequent sequences of bytes have a number of
# their own. Look at the bytes first.

# %%
for text in ["a", "é", "語", "🙂", "Hi é"]:
    print(
        f"{text!r:<8} {len(text)} characters, {len(text.encode('utf-8'))} bytes: "
        f"{list(text.encode('utf-8'))}"
    )

# %% [markdown]
# English letters are one byte each, é is two, most Chinese characters are three, 🙂 is four (some emoji are several characters in a row). An *id* below 256 shall mean that byte. All further ids
# are *merges*: id 256 stands for two ids side by side, id 257 for two others, which may include 256, and so on. This is byte-pair encoding, **BPE**.
#
# To learn which merges pay, count pairs. Each exercise below has a cell to fill in and a check under it. Run the check as
# often as you like: when it fails, its message (or Python's own error) names the mistake. Ready-made functions that are "off limits" in an
# exercise are those that would do it for you.

# %% [markdown]
# ### Exercise 1.1 · `count_pairs` · ●○○ · 5 min
#
# Count how often each pair of neighbours occurs in a list of ids.
#
# - **In:** `ids`, a list of ints, of any length, also empty.
# - **Out:** a list of `((a, b), n)`, one item for each different pair, in the order in which the pairs first appear. `a`
#   stands left of `b` in the text; `n` is how often. Pairs may overlap.
#
# By hand: `[97, 97, 97, 98]` (the bytes of "aaab") has three pairs of neighbours, (97, 97), (97, 97) and (97, 98), so the
# answer is `[((97, 97), 2), ((97, 98), 1)]`.
#
# Off limits: `llmlib.tokens.count_pairs`. `Counter` is there for you.
#
# <details><summary>Hint 1</summary>
#
# The pair that starts at position `i` is `(ids[i], ids[i + 1])`. For which `i` does it exist?
# </details>
# <details><summary>Hint 2</summary>
#
# `zip(ids, ids[1:])` walks through all neighbours, and stops by itself in time.
# </details>
# <details><summary>Hint 3</summary>
#
# A `Counter` is a dictionary, and dictionaries keep the order of first insertion: `list(Counter(...).items())`.
# </details>


# %% solution count_pairs off=["llmlib.tokens.count_pairs"]
def count_pairs(ids):
    """How often each pair of neighbours occurs in `ids`: a list of ((a, b), n) in order
    of first appearance."""
    ### BEGIN SOLUTION
    return list(Counter(zip(ids, ids[1:])).items())
    ### END SOLUTION


# %% test count_pairs points=2
import random

from llmlib.course import check

check.that(
    count_pairs([1, 2]) is not None, "count_pairs gave back None: is there a return?"
)
check.that(
    type(count_pairs([1, 2])) is list,
    "return a list of ((a, b), n), not a dictionary: list(counts.items()) makes one",
)
check.equal(
    count_pairs([1, 2, 3]),
    [((1, 2), 1), ((2, 3), 1)],
    "three ids have two pairs of neighbours: nothing stands right of the last id",
)
check.equal(
    count_pairs([97, 97, 97, 98]),
    [((97, 97), 2), ((97, 98), 1)],
    'pairs overlap: "aaab" holds (a, a) twice, once from each of the first two a',
)
check.equal(
    count_pairs([1, 2, 1]),
    [((1, 2), 1), ((2, 1), 1)],
    "(1, 2) and (2, 1) are different pairs: keep the left id on the left",
)
check.equal(
    count_pairs([5, 6, 1, 2, 1, 2]),
    [((5, 6), 1), ((6, 1), 1), ((1, 2), 2), ((2, 1), 1)],
    "list the pairs in the order in which they first appear, not by size or by count",
)
check.equal(count_pairs([]), [], "an empty list has no pairs: the answer is []")
check.equal(count_pairs([7]), [], "a single id has no neighbour: the answer is []")
### BEGIN HIDDEN TESTS
_rng = random.Random(11)
for _ in range(30):
    _ids = [
        _rng.choice([0, 1, 2, 255, 300, 50000]) for _ in range(_rng.randrange(2, 40))
    ]
    _got = count_pairs(_ids)
    check.equal(
        sum(n for _, n in _got),
        len(_ids) - 1,
        "n ids have n - 1 pairs of neighbours, overlapping ones included",
    )
    _starts = [
        next(i for i in range(len(_ids) - 1) if (_ids[i], _ids[i + 1]) == pair)
        for pair, _ in _got
    ]
    check.that(
        _starts == sorted(set(_starts)),
        "list each pair once, in the order in which they first appear",
    )
    for (_a, _b), _n in _got:
        check.equal(
            _n,
            sum(_ids[i : i + 2] == [_a, _b] for i in range(len(_ids))),
            "count every place where the pair stands",
        )
### END HIDDEN TESTS

# %%
text = "aaabdaaabac"
for (a, b), n in count_pairs(list(text.encode("utf-8"))):
    print(f"{chr(a)}{chr(b)}  {n}")

# %% [markdown]
# ## 1.3 Merging
#
# The commonest pair gets an id of its own. Replacing it makes the sequence shorter and the vocabulary larger by one.

# %% [markdown]
# ### Exercise 1.2 · `merge` · ●●○ · 10 min
#
# Replace every occurrence of a pair by one new id.
#
# - **In:** `ids`, a list of ints; `pair`, a tuple of two ids; `new_id`, an int.
# - **Out:** a new list in which each `pair` has become `new_id`. Go from left to right; an id that went into a merge is used up.
#
# By hand: in `[1, 1, 1]` the pair `(1, 1)` stands at positions 0–1 and at 1–2, and the two overlap. From left to right the
# first wins: `merge([1, 1, 1], (1, 1), 9)` is `[9, 1]`.
#
# Off limits: `llmlib.tokens.merge`.
#
# <details><summary>Hint 1</summary>
#
# A `for` loop over the ids cannot skip the second half of a merged pair. A `while` loop with a position `i` of your own can.
# </details>
# <details><summary>Hint 2</summary>
#
# At each step there are two cases: the pair starts at `i` (append `new_id`, go on by 2) or it does not (append `ids[i]`, go on by 1).
# </details>
# <details><summary>Hint 3</summary>
#
# At the last position there is no `ids[i + 1]`: ask `i + 1 < len(ids)` first. And compare like with like:
# `(ids[i], ids[i + 1]) == pair`, since a list never equals a tuple.
# </details>


# %% solution merge off=["llmlib.tokens.merge"]
def merge(ids, pair, new_id):
    """Replace each `pair` in `ids` by `new_id`, from left to right: merge([1, 1, 1],
    (1, 1), 9) is [9, 1]."""
    ### BEGIN SOLUTION
    merged, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == tuple(pair):
            merged.append(new_id)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged
    ### END SOLUTION


# %% test merge points=2
import random

from llmlib.course import check

_got = merge([1, 2, 3], (1, 2), 9)
check.that(
    _got != [1, 2, 3],
    "nothing was merged: compare (ids[i], ids[i + 1]) with the pair; a list never "
    "equals a tuple",
)
check.that(
    _got != [9, 2, 3],
    "the second half of the pair is still there: after a merge go on by two positions",
)
check.that(
    _got != [9],
    "the last id is lost: when no pair is left, the ids that remain are kept as they "
    "are",
)
check.equal(_got, [9, 3], "(1, 2) becomes the one id 9, and 3 stays")
check.equal(
    merge([1, 1, 1], (1, 1), 9),
    [9, 1],
    "merge from left to right: in [1, 1, 1] the first two 1s are the pair, the third "
    "is left over",
)
check.equal(
    merge([1, 2, 5, 1, 2], (1, 2), 9),
    [9, 5, 9],
    "replace every occurrence of the pair, not only the first",
)
check.equal(
    merge([2, 1, 3], (1, 2), 9),
    [2, 1, 3],
    "the order matters: (2, 1) is not the pair (1, 2)",
)
check.equal(
    merge([1, 3, 2], (1, 2), 9),
    [1, 3, 2],
    "only neighbours are a pair: in [1, 3, 2] a 3 stands between 1 and 2",
)
check.equal(
    merge([1, 12, 3], (11, 2), 9),
    [1, 12, 3],
    "ids are whole numbers, not digits: 1, 12 is not 11, 2",
)
check.equal(
    merge([400, 65], (400, 65), 401), [401], "ids are not bytes: they go far beyond 255"
)
check.equal(merge([3, 1, 2], (1, 2), 9), [3, 9], "the pair may stand at the very end")
check.equal(
    merge([1, 1, 1, 1], (1, 1), 9),
    [9, 9],
    "[1, 1, 1, 1] holds the pair twice without overlap: [9, 9]",
)
check.equal(merge([], (1, 2), 9), [], "an empty list stays empty")
check.equal(merge([1], (1, 2), 9), [1], "a single id is no pair: it stays")
### BEGIN HIDDEN TESTS
_rng = random.Random(12)
for _ in range(40):
    _pair = (_rng.randrange(3), _rng.randrange(3))
    _ids = [_rng.randrange(3) for _ in range(_rng.randrange(0, 30))]
    _got = merge(_ids, _pair, 300)
    _back = [i for token in _got for i in (_pair if token == 300 else [token])]
    check.equal(
        _back,
        _ids,
        "taking the merge back gives the ids as they were: nothing is lost, doubled or "
        "moved",
    )
    check.that(
        _pair not in list(zip(_got, _got[1:])),
        "the pair is still there: replace every occurrence",
    )
    if _pair[0] == _pair[1]:  # in a run of equal ids, only the last can be left over
        check.that(
            (_pair[0], 300) not in list(zip(_got, _got[1:])),
            "merge from left to right: the one left over stands at the end of its run",
        )
### END HIDDEN TESTS

# %% [markdown]
# Train by hand, three times: count, take a pair with the highest count, merge. In the second round (97, 98) and (256, 97) are equally common,
# and `max` takes whichever comes first.

# %%
ids = list("aaabdaaabac".encode("utf-8"))
print(f"{len(ids):2d} ids  {ids}")
for new_id in [256, 257, 258]:
    pair, n = max(count_pairs(ids), key=lambda item: item[1])
    ids = merge(ids, pair, new_id)
    print(f"{len(ids):2d} ids  {ids}   {pair} occurred {n} times and is now {new_id}")

# %% [markdown]
# ## 1.4 Training
#
# Now on real text, with two additions.
#
# **Pieces.** If merges could reach anywhere, tokens like "e t" or "dog." would form, one for each accident of neighbourhood. So GPT-2 first
# cuts the text with a regular expression into words (each with the space before it), numbers and signs, and merges only inside a
# piece. `split` does that. The space belongs to the *following* word; remember it.

# %%
print(split("Hello, world! It's 2 dogs' 10 bones."))

# %% [markdown]
# **Ties.** Several pairs may be equally common, as you saw. Any rule will do, but two trainers agree only if they share it. `commonest` below has the rule of the
# `tokenizers` package, so that your merges can be compared with its own.


# %% given commonest
def commonest(counts):
    """The pair with the highest count among ((a, b), n), .... On a tie the older token
    wins, as in the `tokenizers` package.

    Bytes are oldest, in the order of GPT-2's printable alphabet (letters and signs first, the space later), then merges.
    """

    def age(token_id):
        return ord(BYTE_TO_CHAR[token_id]) if token_id < 256 else 256 + token_id

    return min(counts, key=lambda item: (-item[1], age(item[0][0]), age(item[0][1])))[0]


# %% [markdown]
# ### Exercise 1.3 · `train_bpe` · ●●● · 20 min
#
# Learn merges from a text.
#
# - **In:** `text`, a string; `vocab_size`, an int of at least 256: how many tokens there shall be, the 256 bytes included.
# - **Out:** the merges, a list of pairs of ids in the order in which they were learned. The `i`-th (from 0) makes the token
#   `256 + i`, and later merges may use it. The list is shorter than `vocab_size - 256` when the text runs out of pairs.
#
# Cut the text with `split` first: no pair reaches from one piece into the next. Turn each piece into its UTF-8 bytes. Then again
# and again: count the pairs in all pieces together, ask `commonest` which one to merge, and merge it everywhere.
#
# By hand: "aaabdaaabac" is one piece, the bytes 97 97 97 98 100 97 97 97 98 97 99. (97, 97) occurs 4 times and becomes 256.
# Now (97, 98) and (256, 97) both occur twice; `commonest` picks (97, 98), which becomes 257. Now (256, 257) occurs twice. So
# `train_bpe("aaabdaaabac", 259)` is `[(97, 97), (97, 98), (256, 257)]`.
#
# Off limits: `llmlib.tokens.train_bpe` and the package `tokenizers`.
#
# <details><summary>Hint 1</summary>
#
# `list("é".encode("utf-8"))` is `[195, 169]`. Keep one such list for each piece of the text.
# </details>
# <details><summary>Hint 2</summary>
#
# Counts change with every merge, so they are made anew in each round: `counts = Counter()`, then for each piece add what
# `count_pairs` says. `commonest(counts.items())` wants at least one pair; if there is none, you are done.
# </details>
# <details><summary>Hint 3</summary>
#
# Texts repeat their words. `words = Counter(split(text))` says how often each piece occurs; a pair inside a piece that
# occurs 100 times counts 100 times, and has to be merged only once. This makes training many times faster.
# </details>


# %% solution train_bpe off=["llmlib.tokens.train_bpe", "tokenizers.Tokenizer"]
def train_bpe(text, vocab_size):
    """Merges learned from `text`: a list of id pairs, the i-th of which makes the token
    256 + i; fewer if pairs run out."""
    ### BEGIN SOLUTION
    words = Counter(split(text))  # how often each piece occurs
    ids = {word: list(word.encode("utf-8")) for word in words}
    merges = []
    while 256 + len(merges) < vocab_size:
        counts = Counter()
        for word, times in words.items():
            for pair, n in count_pairs(ids[word]):
                counts[pair] += n * times
        if not counts:
            break  # every piece is a single token by now
        pair = commonest(counts.items())
        ids = {word: merge(ids[word], pair, 256 + len(merges)) for word in words}
        merges.append(pair)
    return merges
    ### END SOLUTION


# %% test train_bpe points=4
import random

from llmlib.course import check, reference_bpe
from llmlib.tokens import split as _split

check.equal(
    train_bpe("aaabdaaabac", 256),
    [],
    "vocab_size counts the 256 bytes too: at 256 there is nothing to learn",
)
check.equal(
    train_bpe("aaabdaaabac", 257),
    [(97, 97)],
    'the commonest pair of "aaabdaaabac" is (a, a): 97, 97',
)
check.equal(
    train_bpe("éé", 257),
    [(195, 169)],
    "start from the UTF-8 bytes of the text, not from its characters: é is 195, 169",
)
check.equal(
    train_bpe("ab", 300),
    [(97, 98)],
    'stop when no pairs are left: "ab" has one merge to give',
)
check.equal(train_bpe("", 300), [], "an empty text has no pairs: no merges")
check.equal(
    train_bpe("cd ab", 257),
    [(97, 98)],
    "all pairs occur once here: on a tie let `commonest` decide",
)
check.equal(
    train_bpe("aaabdaaabac", 259),
    [(97, 97), (97, 98), (256, 257)],
    "count anew after each merge, and number new tokens from 256 on: the third merge "
    "joins 256 and 257",
)
check.equal(
    train_bpe("ab ac ad zz zz zz zz", 257),
    [(122, 122)],
    "a piece that occurs four times counts four times",
)
check.equal(
    train_bpe("a b a b a b", 258),
    [(32, 98), (32, 97)],
    'no merge may cross a piece: split gives "a", " b", " a", ..., so (a, space) is never a pair',
)
### BEGIN HIDDEN TESTS
_rng = random.Random(13)
_stems = ["low", "new", "wide", "tok", "über", "naïve", "猫", "run", "7", "12"]
_ends = ["", "er", "est", "s", "ing", ",", ".", "en"]
for _ in range(3):
    _text = " ".join(_rng.choice(_stems) + _rng.choice(_ends) for _ in range(150))
    _merges = train_bpe(_text, 300)
    check.equal(
        len(_merges),
        300 - 256,
        "as many merges as there is room for: vocab_size - 256 while pairs are left",
    )
    _words = [list(piece.encode("utf-8")) for piece in _split(_text)]
    for _i, _pair in enumerate(_merges):
        _counts = {}
        for _word in _words:
            for _seen in zip(_word, _word[1:]):
                _counts[_seen] = _counts.get(_seen, 0) + 1
        check.equal(
            _counts.get(tuple(_pair), 0),
            max(_counts.values()),
            "each merge takes a pair that is commonest at that moment, counted in all "
            "pieces",
        )
        for _word in _words:
            _at = 0
            while _at < len(_word) - 1:
                if tuple(_word[_at : _at + 2]) == tuple(_pair):
                    _word[_at : _at + 2] = [256 + _i]
                _at += 1
    check.equal(
        _merges,
        reference_bpe.train(_text, 300)[0],
        "the same merges as the `tokenizers` package learns, ties decided by "
        "`commonest`",
    )
### END HIDDEN TESTS

# %% [markdown]
# Train yours on two or three pages of prose. What will the first merges be? Think of the commonest pairs of letters in English, and of
# what `split` does with spaces.

# %%
from pathlib import Path

import llmlib.data

prose = Path(llmlib.data.__file__).with_name("prose.txt").read_text(encoding="utf-8")
merges = train_bpe(prose, 256 + 300)
table = [bytes([b]) for b in range(256)]
for left, right in merges:
    table.append(table[left] + table[right])
print("first:  ", [token.decode() for token in table[256:276]])
print(
    "longest:",
    [token.decode() for token in sorted(table[256:], key=len, reverse=True)[:10]],
)

# %% [markdown]
# First frequent pairs, soon syllables, and then whole words with their space. Nobody told it about words.
#
# How far should one go? GPT-2's makers went 50,000 merges far. The merges are stored in the order in which they were learned, so GPT-2's
# first 1,000 are the tokenizer that training would have given if it had been stopped there. That lets us see the trade that a vocabulary makes.
#
# **Predict:** how does the number of tokens fall as the vocabulary grows from 256 to 50,256: evenly, quickly and then slowly, in all languages alike?

# %%
article = {  # Universal Declaration of Human Rights, article 1 (United Nations, 1948)
    "English": "All human beings are born free and equal in dignity and rights. They are endowed with reason and conscience "
    "and should act towards one another in a spirit of brotherhood.",
    "German": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt und "
    "sollen einander im Geist der Brüderlichkeit begegnen.",
    "Russian": "Все люди рождаются свободными и равными в своем достоинстве и правах. Они наделены разумом и совестью и должны "
    "поступать в отношении друг друга в духе братства.",
    "Chinese": "人人生而自由,在尊严和权利上一律平等。他们赋有理性和良心,并应以兄弟关系的精神相对待。",
}
program = """def mean(numbers):
    total = 0.0
    for number in numbers:
        total += number
    return total / len(numbers)
"""
texts = article | {"Python": program}

# %%
from llmlib.plots import show
from llmlib.plots.tokens import (
    bytes_per_token,
    coloured_tokens,
    vocabulary_against_length,
)

gpt2 = Tokenizer.gpt2()
sizes = [256, 512, 1024, 2048, 4096, 8192, 16384, 50256]
curves = {label: [] for label in texts}
for size in sizes:
    tokenizer = Tokenizer(gpt2.merges[: size - 256])
    for label, text in texts.items():
        curves[label].append(
            1000 * len(tokenizer.encode(text)) / len(text.encode("utf-8"))
        )
show(
    vocabulary_against_length(sizes, curves),
    alt="Tokens per 1,000 bytes against vocabulary size, from 256 to 50,256. All five "
    "lines start at 1,000. English falls below 500 with the first 256 merges and then "
    "ever more slowly; German and Python lie above it; Russian and Chinese stay at "
    "1,000 until beyond 8,000 tokens.",
)
for label in texts:
    print(
        f"{label:<8} {curves[label][0]:6.0f} -> {curves[label][-1]:4.0f} tokens per "
        "1,000 bytes"
    )

# %% [markdown]
# In English the first merges shorten most, and each doubling of the vocabulary saves less. In Russian and Chinese thousands of merges change
# nothing: the text they were learned from was mostly English web pages, and pairs of Cyrillic or Chinese bytes were rare in it. A vocabulary is not
# free either: each token needs a vector of its own in the model.

# %%
config = model.config
share = config.vocab_size * config.d_model / 134_515_008
print(
    f"SmolLM2: {config.vocab_size:,} tokens x {config.d_model} numbers = "
    f"{config.vocab_size * config.d_model:,}, {share:.0%} of the whole model"
)

# %% [markdown]
# ## 1.5 Encoding
#
# Training is over; a new text arrives. Which merges apply, and in what order? A tempting answer is to look for the longest token that
# fits. It is not what BPE does.

# %% [markdown]
# ### Exercise 1.4 · `encode` · ●●○ · 15 min
#
# Turn text into ids with merges learned before.
#
# - **In:** `text`, a string; `merges`, a list of pairs of ids, oldest first; the `i`-th makes the token `256 + i`.
# - **Out:** the ids of the text, a list of ints.
#
# Cut with `split`, and take each piece by itself: from its bytes, merge the pair of neighbours that was learned *first* among
# those that are there, look again, and stop when none of the neighbours is a merge. Training went in this order, so encoding must.
#
# By hand: with merges `[(98, 99), (97, 98), (257, 99)]` the tokens are 256 = "bc", 257 = "ab", 258 = "abc". In the bytes of "abc" both
# (97, 98) and (98, 99) could be merged. (98, 99) is older, so "abc" becomes `[97, 256]`, although one token, 258, spells it whole.
#
# Off limits: `Tokenizer.encode` and the package `tokenizers`.
#
# <details><summary>Hint 1</summary>
#
# Looking up the age of a pair is quick in a dictionary: `rank = {pair: i for i, pair in enumerate(merges)}`.
# </details>
# <details><summary>Hint 2</summary>
#
# `min(zip(ids, ids[1:]), key=…)` finds the oldest pair. What should the key be for a pair that is no merge at all?
# </details>
# <details><summary>Hint 3</summary>
#
# `rank.get(pair, len(merges))` makes it younger than every merge. If even the minimum is not in `rank`, the piece is done;
# otherwise `merge(ids, pair, 256 + rank[pair])`.
# </details>


# %% solution encode off=["llmlib.tokens.Tokenizer.encode", "tokenizers.Tokenizer"]
def encode(text, merges):
    """Ids of `text`: its bytes, merged piece by piece in the order in which the merges
    were learned."""
    ### BEGIN SOLUTION
    rank = {tuple(pair): i for i, pair in enumerate(merges)}
    encoded = []
    for piece in split(text):
        ids = list(piece.encode("utf-8"))
        while len(ids) > 1:
            pair = min(zip(ids, ids[1:]), key=lambda pair: rank.get(pair, len(rank)))
            if pair not in rank:
                break  # no neighbours left that training ever merged
            ids = merge(ids, pair, 256 + rank[pair])
        encoded += ids
    return encoded
    ### END SOLUTION


# %% test encode points=3
import random

from llmlib.course import check, reference_bpe

check.equal(
    encode("Hi", []), [72, 105], "without merges the ids are the bytes of the text"
)
check.equal(
    encode("é", []),
    [195, 169],
    "start from the UTF-8 bytes, not from characters: é is the two bytes 195, 169",
)
check.equal(
    encode("ab", [(97, 98)]),
    [256],
    "(97, 98) is the first merge, so it makes the id 256",
)
check.equal(
    encode("aaab", [(97, 97), (97, 98), (256, 257)]),
    [258],
    "go on until nothing can be merged: aaab becomes 256, 257 and then 258",
)
check.equal(
    encode("abc", [(98, 99), (97, 98), (257, 99)]),
    [97, 256],
    "merge the pair that was learned first, (b, c), not the leftmost pair, nor the "
    "longest token that fits",
)
check.equal(
    encode("aaa", [(97, 97)]),
    [256, 97],
    "merge from left to right: the first two a are the pair",
)
check.equal(
    encode("ab ab", [(97, 98)]),
    [256, 32, 256],
    "encode every piece of the text, and merge in each",
)
check.equal(
    encode("a b", [(97, 32)]),
    [97, 32, 98],
    'no merge may cross a piece: split gives "a" and " b"',
)
check.equal(encode("", [(97, 98)]), [], "an empty text has no ids")
### BEGIN HIDDEN TESTS
_rng = random.Random(14)
_stems = ["token", "merge", "byte", "straße", "číslo", "語", "🙂", "42", "don't"]
_ends = ["", "s", "d", "ize", "izer", "!", "...", "\n"]
for _ in range(3):
    _merges, _reference = reference_bpe.train(
        " ".join(_rng.choice(_stems) + _rng.choice(_ends) for _ in range(200)), 310
    )
    _text = "  ".join(_rng.choice(_stems) + _rng.choice(_ends) for _ in range(40))
    check.equal(
        encode(_text, _merges),
        _reference(_text),
        "the same ids as the `tokenizers` package: by age of the merges, piece by "
        "piece",
    )
### END HIDDEN TESTS

# %% [markdown]
# Now look at what GPT-2's tokenizer makes of the five texts. Each change of colour, with a thin line before it, starts a new token; a token that holds
# only part of a character is shown as its bytes, in hex.

# %%
coloured_tokens(
    [
        (label, [gpt2.token_bytes(i) for i in gpt2.encode(text)])
        for label, text in texts.items()
    ]
)

# %% [markdown]
# Nearly every English word is one token, with the space in front. German falls into syllables, Russian into letters and halves of
# letters, and most Chinese characters into pieces. In the program, GPT-2 spends a token on almost every space of the indentation. One
# article of law is 33 tokens in English and 172 in Russian: more time, more money where tokens are sold, and less of it fits into a model's context.
#
# Try a text of your own, and both tokenizers:

# %%
mine = "Donaudampfschifffahrt on 2024-12-31, isn't it? 🙂"
coloured_tokens(
    [
        ("GPT-2", [gpt2.token_bytes(i) for i in gpt2.encode(mine)]),
        (
            "SmolLM2",
            [model.tokenizer.token_bytes(i) for i in model.tokenizer.encode(mine)],
        ),
    ]
)

# %% [markdown]
# SmolLM2 sets every digit apart before anything else, so that all numbers are cut alike. GPT-2 has tokens for some numbers and not for others.
#
# ## 1.6 Decoding
#
# Back from ids to text. `vocabulary` spells out what each id stands for.


# %% given vocabulary
def vocabulary(merges):
    """The bytes of every token, a list of 256 + len(merges) bytes objects:
    vocabulary(merges)[i] are the bytes of id i."""
    table = [bytes([b]) for b in range(256)]
    for left, right in merges:
        table.append(table[left] + table[right])
    return table


# %% [markdown]
# ### Exercise 1.5 · `decode` · ●○○ · 5 min
#
# Turn ids back into text.
#
# - **In:** `ids`, a list of ints; `merges`, as before. `vocabulary(merges)[i]` are the bytes of the token `i`.
# - **Out:** the text, a string. Bytes that are no valid UTF-8 become "\ufffd" (shown as �), the replacement character; nothing is raised.
#
# By hand: `decode([195, 169], [])` joins the bytes `b"\xc3"` and `b"\xa9"` to `b"\xc3\xa9"`, which is "é". Neither byte alone is a character.
#
# Off limits: `Tokenizer.decode` and the package `tokenizers`.
#
# <details><summary>Hint 1</summary>
#
# A character may be spread over two tokens. So what must come first: joining, or turning bytes into characters?
# </details>
# <details><summary>Hint 2</summary>
#
# `b"".join(...)` joins bytes; `bytes.decode` takes an argument `errors` that says what to do with invalid bytes.
# </details>


# %% solution decode off=["llmlib.tokens.Tokenizer.decode", "tokenizers.Tokenizer"]
def decode(ids, merges):
    """Text of `ids`; bytes that are not UTF-8 become the replacement character."""
    ### BEGIN SOLUTION
    table = vocabulary(merges)
    return b"".join(table[i] for i in ids).decode("utf-8", errors="replace")
    ### END SOLUTION


# %% test decode points=2
import random

from llmlib.course import check

check.equal(decode([72, 105], []), "Hi", "72 and 105 are the bytes of H and i")
check.equal(
    decode([256], [(97, 98)]),
    "ab",
    "the token 256 spells its left part, then its right part",
)
check.equal(
    decode([258, 99], [(97, 97), (97, 98), (256, 257)]),
    "aaabc",
    "a token may be made of tokens that were merged themselves",
)
check.equal(
    decode([195, 169], []),
    "é",
    "join the bytes of all tokens first, then decode: a byte alone is not always a "
    "character",
)
check.equal(
    decode([65, 0xF0, 0x9F], []),
    "A\ufffd",
    'bytes that are no valid UTF-8 become \\ufffd: use errors="replace", and raise nothing',
)
check.equal(decode([], []), "", "no ids, no text")
### BEGIN HIDDEN TESTS
_rng = random.Random(15)
for _ in range(20):
    _merges, _table = [], [bytes([b]) for b in range(256)]
    for _ in range(30):
        _left, _right = _rng.randrange(len(_table)), _rng.randrange(len(_table))
        _merges.append((_left, _right))
        _table.append(_table[_left] + _table[_right])
    _ids = [_rng.randrange(len(_table)) for _ in range(12)]
    _want = b"".join(_table[i] for i in _ids).decode("utf-8", errors="replace")
    check.equal(
        decode(_ids, _merges),
        _want,
        "the bytes of all tokens in order, decoded as a whole, invalid ones as \\ufffd",
    )
    _text = "".join(
        chr(
            _rng.choice(
                [
                    _rng.randrange(32, 127),
                    _rng.randrange(0x3B1, 0x3C9),
                    _rng.randrange(0x1F600, 0x1F640),
                ]
            )
        )
        for _ in range(20)
    )
    check.equal(
        decode(list(_text.encode("utf-8")), _merges),
        _text,
        "a character may be spread over several tokens: join before decoding",
    )
### END HIDDEN TESTS

# %% [markdown]
# An encoder without a decoder cannot be checked. The same tutorial says that GPT-2's ids of "The future of AI is" are
# `[464, 2003, 286, 7590, 318]`, and those of "What is machine learning?" are `[2061, 318, 4572, 4673, 30]`. **Predict** whether they are.
# `canonical` gives GPT-2's merges as pairs of ids, and the number that GPT-2 uses for each of ours.

# %%
gpt2_merges, gpt2_numbers = canonical(gpt2)
ours = {number: i for i, number in enumerate(gpt2_numbers)}
for claimed in [[464, 2003, 286, 7590, 318], [2061, 318, 4572, 4673, 30]]:
    print(claimed, "->", repr(decode([ours[i] for i in claimed], gpt2_merges)))
print("' AI' is", gpt2.encode(" AI"))
print(
    "GPT-2's second list, read by SmolLM2:",
    repr(model.tokenizer.decode([2061, 318, 4572, 4673, 30])),
)

# %% [markdown]
# One wrong number, and the sentence is about something else. The second list holds, but in GPT-2 only: ids mean nothing without the
# tokenizer that made them. Decoding what you feed a model is the quickest test there is.
#
# ## 1.7 Streaming
#
# A model makes one token at a time, and a chat window shows each at once. But a token may end inside a character.

# %%
ids = gpt2.encode("Good 🦊!")
print(ids, [gpt2.token_bytes(i) for i in ids])
print("token by token:", [gpt2.decode([i]) for i in ids])

# %% [markdown]
# ### Exercise 1.6 · `stream_decode` · ●●○ · 15 min
#
# Decode ids one at a time, as they come out of a model, and never show half a character.
#
# - **In:** `ids` and `merges`, as for `decode`.
# - **Out:** a list of strings, one for each id: the text that this id *completes*. While a character is not yet whole, nothing of it
#   is shown (""). Bytes that can never become a character still turn into "\ufffd". Bytes left unfinished at the very end are dropped.
#
# By hand: "é" is 195, 169 and "🙂" is 240, 159, 153, 130. So `stream_decode([195, 169, 240, 159, 153, 130], [])` is
# `["", "é", "", "", "", "🙂"]`. Joined, the strings are the text.
#
# Off limits: `Tokenizer.stream`, `Tokenizer.decode` and the package `tokenizers`.
#
# <details><summary>Hint 1</summary>
#
# Keep the bytes that have not been shown yet. When the next token comes, add its bytes and show as much as can be decoded.
# </details>
# <details><summary>Hint 2</summary>
#
# One token can hold the end of one character, whole characters and the start of another: show the whole ones at once.
# </details>
# <details><summary>Hint 3</summary>
#
# Python has such a decoder: `codecs.getincrementaldecoder("utf-8")(errors="replace")`. Its `decode(bytes)` keeps what is unfinished for the next call.
# </details>


# %% solution stream_decode off=["llmlib.tokens.Tokenizer.stream", "llmlib.tokens.Tokenizer.decode", "tokenizers.Tokenizer"]
def stream_decode(ids, merges):
    """The text that each id completes: a list of strings, one per id, empty while a
    character is unfinished."""
    ### BEGIN SOLUTION
    table = vocabulary(merges)
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    return [decoder.decode(table[i]) for i in ids]
    ### END SOLUTION


# %% test stream_decode points=3
import random

from llmlib.course import check

check.equal(
    stream_decode([72, 105], []),
    ["H", "i"],
    "one string for each id, holding only what is new",
)
_got = stream_decode([195, 169], [])
check.that(
    "\ufffd" not in "".join(_got),
    "half a character was shown as \\ufffd: keep unfinished bytes until the rest has "
    "come",
)
check.equal(
    _got,
    ["", "é"],
    "é is whole when its second byte has come: first an empty string, then é",
)
check.equal(
    stream_decode([195, 169, 240, 159, 153, 130], []),
    ["", "é", "", "", "", "🙂"],
    "an emoji has four bytes: three empty strings, then the emoji",
)
check.equal(
    stream_decode([256, 169], [(97, 195)]),
    ["a", "é"],
    "show what is whole at once: the token 256 is an a and the first byte of é, so "
    "show the a",
)
check.equal(
    "".join(stream_decode([0xFF, 65, 66], [])),
    "\ufffdAB",
    "the byte 255 can never become a character: it turns into \\ufffd, and the text "
    "goes on",
)
check.equal(
    stream_decode([65, 0xF0, 0x9F], []),
    ["A", "", ""],
    "bytes left unfinished at the end are dropped: an empty string for each",
)
check.equal(
    stream_decode([72], []),
    ["H"],
    "start afresh in each call: bytes kept in an earlier call must not come back",
)
check.equal(stream_decode([], []), [], "no ids, no strings")
### BEGIN HIDDEN TESTS
_rng = random.Random(16)
for _ in range(20):
    _text = "".join(
        chr(
            _rng.choice(
                [
                    _rng.randrange(97, 123),
                    _rng.randrange(0x430, 0x450),
                    _rng.randrange(0x4E00, 0x9000),
                    _rng.randrange(0x1F600, 0x1F640),
                ]
            )
        )
        for _ in range(12)
    )
    _bytes = _text.encode("utf-8")
    _ids, _merges, _at = [], [], 0
    while _at < len(
        _bytes
    ):  # tokens of one or two bytes, cut without regard to characters
        if _rng.random() < 0.5 and _at + 1 < len(_bytes):
            _merges.append((_bytes[_at], _bytes[_at + 1]))
            _ids.append(255 + len(_merges))
            _at += 2
        else:
            _ids.append(_bytes[_at])
            _at += 1
    _got = stream_decode(_ids, _merges)
    check.equal(len(_got), len(_ids), "one string for each id")
    check.equal(
        "".join(_got), _text, "joined, the strings are the text, without one \\ufffd"
    )
    _sizes = [2 if i > 255 else 1 for i in _ids]
    for _n in range(1, len(_ids) + 1):
        _whole = _bytes[: sum(_sizes[:_n])].decode("utf-8", errors="ignore")
        check.equal(
            "".join(_got[:_n]),
            _whole,
            "after each id, all characters that are whole by then have been shown, and "
            "no part of another",
        )
### END HIDDEN TESTS

# %%
print(stream_decode([ours[i] for i in ids], gpt2_merges))

# %% [markdown]
# ## 1.8 What tokens do to a model
#
# **"A token is about four characters."** Everyone says so. Predict where it holds, then measure: characters per token first.

# %%
samples = {
    "Hello, world!": "Hello, world!",
    "English prose": prose,
    "Python": program,
    "German": article["German"],
    "Russian": article["Russian"],
    "Chinese": article["Chinese"],
    "Emoji": "🙂🎉🌍🐢🚲🧡",
    "Digits": "3141592653589793238462643383",
}
print("text             characters  tokens  characters per token (GPT-2)")
for label, text in samples.items():
    n = len(gpt2.encode(text))
    print(f"{label:<15} {len(text):11d} {n:7d}   {len(text) / n:.2f}")

# %% [markdown]
# It holds for running English, and nearly nowhere else. Even "Hello, world!" has 13 characters in 4 tokens. Characters are a poor
# measure across scripts, though, since some carry more than others. Bytes are fairer. Predict the order of the bars.

# %%
samples["French"] = (
    "Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont "
    "doués de raison et de conscience et doivent agir les uns envers les autres dans "
    "un esprit de fraternité."
)
samples["Arabic"] = (
    "يولد جميع الناس أحرارًا متساوين في الكرامة والحقوق. وقد وهبوا عقلًا وضميرًا "
    "وعليهم أن يعامل بعضهم بعضًا بروح الإخاء."
)
samples["Hindi"] = (
    "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात स्वतन्त्रता और समानता प्राप्त है।"
)
order = [
    "English prose",
    "Python",
    "French",
    "German",
    "Russian",
    "Arabic",
    "Chinese",
    "Hindi",
    "Emoji",
    "Digits",
]
rows = [
    (
        label,
        *(
            len(samples[label].encode("utf-8")) / len(tokenizer.encode(samples[label]))
            for tokenizer in (gpt2, model.tokenizer)
        ),
    )
    for label in order
]
show(
    bytes_per_token(rows),
    alt="Bars of bytes per token for ten kinds of text, with GPT-2's and SmolLM2's "
    "tokenizers. English prose leads with 4.4 in both, then French with 3.1; Chinese "
    "and emoji have about 1.5. SmolLM2 is ahead on Python, Russian and Hindi, and has "
    "one byte per digit.",
)

# %% [markdown]
# Per byte, English is cheapest in both. SmolLM2's tokenizer does much better than GPT-2's on Python, Russian and Hindi;
# its digits are one token each, on purpose. Most of these differences come from the
# tokenizer, from the text it was trained on and its splitting rule, not from the languages.
#
# **The same word, different tokens.** Predict how many tokens "strawberry" has.

# %%
for text in ["strawberry", " strawberry", "Strawberry", " STRAWBERRY"]:
    cuts = [
        [tokenizer.decode([i]) for i in tokenizer.encode(text)]
        for tokenizer in (gpt2, model.tokenizer)
    ]
    print(f"{text!r:<14} GPT-2 {cuts[0]}   SmolLM2 {cuts[1]}")

# %% [markdown]
# With a space before it, inside a sentence, it is a single token. At the start of a text the same word is "st", "raw", "berry". In
# neither case does the model see ten letters. It can know how a word is spelled only if its training text told it so.
#
# **Spelling.** Two examples, then a word to spell. One line each, the likeliest tokens:

# %%
for word in ["cat", "banana", "strawberry"]:
    prompt = f'The letters of "lemon": l e m o n\nThe letters of "tiger": t i g e r\nThe letters of "{word}":'
    print(f"{word:<12} {complete(model, prompt, max_new_tokens=12).splitlines()[0]!r}")

# %% [markdown]
# **Counting.** How many r are in "strawberry"? We compare the probabilities of the ten digits at the place where the count stands, after two
# examples. Predict: right or wrong for "strawberry"? And for "dog"?

# %%
examples = 'The letter n occurs 1 time in the word "lemon".\nThe letter t occurs 2 times in the word "kitten".\n'
digits = [model.tokenizer.encode(str(d))[0] for d in range(10)]
for letter, word in [
    ("r", "strawberry"),
    ("o", "dog"),
    ("e", "committee"),
    ("f", "giraffe"),
    ("s", "mississippi"),
]:
    logits = model(
        model.tokenizer.encode(
            examples + f'The letter {letter} occurs in the word "{word}" '
        )
    )[0, -1]
    print(
        f"{letter} in {word:<11} the model says {logits[digits].argmax().item()}, "
        f"counting says {word.count(letter)}"
    )

# %% [markdown]
# "Strawberry" may look right. Read the other lines before you praise the model: it gives the same answer whatever the word, as a stopped
# clock gives the time. It has no letters to count. Larger models do better because they learned spellings by heart, or write the letters out
# one by one, which makes them tokens. One right answer is never a test.
#
# ## 1.9 Your pieces in the engine
#
# The adapter below puts your `encode`, `decode` and `stream_decode` where the model's tokenizer was. `canonical` translates between your
# numbering (bytes, then merges by age) and the numbers the model was trained with. SmolLM2's first pattern, which sets digits
# apart, is applied before your `encode` is called; special tokens such as `<|im_end|>` are left to the real tokenizer.


# %% given my_tokenizer
class MyTokenizer:
    """Your encode, decode and stream_decode, in the ids of another byte-level
    tokenizer."""

    def __init__(self, other):
        self.merges, self.own_ids = canonical(other)  # plain id -> the other's id
        self.plain_ids = {own: plain for plain, own in enumerate(self.own_ids)}
        self.first_patterns = other.patterns[:-1]  # what comes before GPT-2's pattern

    def encode(self, text):
        plain = [
            i
            for part in split(text, self.first_patterns)
            for i in encode(part, self.merges)
        ]
        return [self.own_ids[i] for i in plain if self.own_ids[i] is not None]

    def decode(self, ids):
        return decode([self.plain_ids[i] for i in ids], self.merges)

    def stream(self, ids):
        yield from stream_decode([self.plain_ids[i] for i in ids], self.merges)


# %%
from tokenizers import Tokenizer as Reference

reference = Reference.from_file(str(model.folder / "tokenizer.json"))
mine_gpt2, mine_smollm2 = MyTokenizer(gpt2), MyTokenizer(model.tokenizer)
for label, text in {
    "prose": prose[:1500],
    **texts,
    "Hindi": samples["Hindi"],
    "numbers": "In 1948, 48 of 58 states said yes.",
}.items():
    same_gpt2 = mine_gpt2.encode(text) == gpt2.encode(text)
    same_smollm2 = mine_smollm2.encode(text) == reference.encode(text).ids
    back = mine_gpt2.decode(mine_gpt2.encode(text)) == text
    print(
        f"{label:<8} {len(text):5d} characters: GPT-2's ids {same_gpt2}, SmolLM2's ids "
        f"{same_smollm2}, and back {back}"
    )

# %% [markdown]
# The same ids, for every text. Now the real model reads what *your* tokenizer wrote, and the package `transformers`, which the world uses to run
# such models, continues the same ids beside it.

# %%
from dataclasses import replace

from llmlib.course.engine_check import same_ids

engine = replace(model, tokenizer=mine_smollm2)
agreed = same_ids(
    engine,
    [
        "The capital of France is",
        "def add(a, b):\n    return",
        "Der Himmel ist heute 🙂",
    ],
    max_new_tokens=12,
)

# %% [markdown]
# ## Recap
#
# - A language model is a function: token ids in, a probability for each token of the vocabulary out. Its abilities are continuations.
# - Byte-level BPE starts from 256 bytes and gives frequent neighbours an id of their own. Nothing is ever unknown to it.
# - Encoding repeats the merges by age, inside pieces that `split` has cut. It does not look for the longest token.
# - Decode bytes only when they are all there; a token may end inside a character.
# - Vocabulary size trades the length of the sequence against the size of the embedding table.
# - Tokens are not characters: what a token is worth depends on the language, spelling and counting letters are hard, and ids mean
#   nothing without their tokenizer.
#
# **Next:** notebook 2 gives each id a vector, and each position too.
#
# ## Questions to think about
#
# 1. You train BPE on a million lines of Python instead of English. Which tokens appear early that English does not have? What happens to prose?
# 2. "strawberry" and " strawberry" share no token, so they share no vector. How can a model learn that they are the same word?
# 3. A vocabulary of a million tokens would make texts shorter still. Name two reasons against it, one of them about rare tokens.
#
# ## To read
#
# - Sennrich, Haddow and Birch 2015, *Neural Machine Translation of Rare Words with Subword Units*, [arXiv:1508.07909](https://arxiv.org/abs/1508.07909): BPE for text.
# - Radford et al. 2019, *Language Models are Unsupervised Multitask Learners*: GPT-2, and why bytes.
# - Petrov et al. 2023, *Language Model Tokenizers Introduce Unfairness Between Languages*, [arXiv:2305.15425](https://arxiv.org/abs/2305.15425).

# %% [markdown]
# ## Where you are
#
# The next cell runs the checks of your saved notebooks and draws what is done. `llmlib check` does the same in a terminal, with the mistake that each failing check names.

# %% tags=["nbval-ignore-output"]
from llmlib.course.progress import show as show_progress

show_progress()
